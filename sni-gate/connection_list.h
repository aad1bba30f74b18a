/* sni-gate/connection_list.h - live connections as people look at them: copies of those that come
 * first by an order, of however many there are. Belongs to one thread at a time. */
#pragma once
#include "base/address.h"
#include "policy/host_name.h"
#include "policy/requirement.h"
#include "sni-gate/gate_event.h"

#include <stddef.h>

/* A copy: it borrows nothing. */
struct gate_connection {
    struct endpoint client;
    bool has_name;
    struct host_name name;
    uint16_t port;          /* that the client believes it connected to */
    struct endpoint server; /* family 0: none yet */
    int64_t rule_id;        /* 0: no rule allowed it */
    enum verify_mode mode;  /* what the rule demands */
    bool has_pins;          /* likewise */
    bool is_observed;       /* it passes only because the client is observed */
    bool is_checking;       /* the check is under way */
    enum gate_proof proof;
    uint64_t bytes_up, bytes_down;
    int64_t started_ms; /* monotonic */
};

/* Negative: `left` comes first; 0: either may. */
typedef int (*connection_order_fn)(const struct gate_connection *left,
                                   const struct gate_connection *right);
int connection_order_age(const struct gate_connection *left, const struct gate_connection *right);
int connection_order_bytes(const struct gate_connection *left, const struct gate_connection *right);
int connection_order_name(const struct gate_connection *left, const struct gate_connection *right);
int connection_order_client(const struct gate_connection *left,
                            const struct gate_connection *right);

enum { CONNECTION_LIST_MAX = 300 };

/* Zeroed but for the first two it is empty. */
struct connection_list {
    connection_order_fn order;
    uint32_t limit; /* at most CONNECTION_LIST_MAX */
    uint32_t count;
    uint16_t rank[CONNECTION_LIST_MAX]; /* indices of `place`: first the one that comes first */
    struct gate_connection place[CONNECTION_LIST_MAX];
};

/* Keeps a copy if it is among the first. */
void connection_list_add(struct connection_list *list, const struct gate_connection *connection);
const struct gate_connection *connection_list_at(const struct connection_list *list, uint32_t rank);
