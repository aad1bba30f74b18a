/* app/status_words.h - names, clients and groups in the words of the status page, and the search in
 * them. Any thread. */
#pragma once
#include "base/address.h"
#include "policy/host_name.h"

struct arena;
struct policy;

enum { STATUS_NAME_BYTES = 4 * HOST_NAME_WIRE_MAX + 8, STATUS_CLIENT_BYTES = 64 };

/* "api.example.com", with its port where that is neither 0 nor 443. */
void status_write_name(const struct host_name *name, uint16_t port,
                       char ret_text[STATUS_NAME_BYTES]);
void status_write_address(const struct ip_address *address, char ret_text[STATUS_CLIENT_BYTES]);
/* "10.0.0.2:53", in the arena. */
const char *status_copy_endpoint(const struct endpoint *endpoint, struct arena *arena);

/* The home group of a client; borrowed of the policy. */
const char *status_group_of(const struct policy *policy, const struct ip_address *address);

/* Whatever the case; "" is in every text. */
bool status_contains(const char *text, const char *search);
