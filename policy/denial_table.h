/* policy/denial_table.h - which names were denied to whom, how often: a table of fixed size for
 * what is to be written down some seconds later. Adding costs the same whatever was added before,
 * and allocates nothing.
 *
 * A flood of names that nobody asks for twice must hide neither names that are asked for often nor
 * what another group asks for. The table is made of small buckets; the hash of group, name and port
 * says which one a denial may stand in. In a full bucket a newcomer
 * - takes a place from the group that holds most of it, if its own group has less than its share;
 * - else takes the place of what its own group asked for least often lately, if it was asked for
 *   more often itself. How often that is a frequency sketch remembers, also of names that have no
 *   place and of those that were taken out.
 * What gets or keeps no place is counted under its reason.
 *
 * Belongs to one thread; only what was left out may be read by others. */
#pragma once
#include "policy/client_group.h"
#include "policy/host_name.h"
#include "policy/verdict.h"

/* One name that was denied to one group on one port. */
struct denial {
    uint32_t group; /* id of the client group */
    char group_name[CLIENT_GROUP_NAME_MAX + 1];
    uint16_t port;
    enum reason reason; /* of the last time */
    uint64_t count;
    int64_t first_seen_s, last_seen_s; /* Unix seconds */
    uint32_t often;                    /* about how many times lately; set by denial_table_take() */
    struct host_name name;             /* one that host_name_reads_back() */
};

/* Why a denial is not written down. */
enum denial_loss {
    DENIAL_WITHOUT_NAME = 0, /* there was none, or none that a rule could have */
    DENIAL_WITHOUT_ROOM,
    DENIAL_LOSS_COUNT,
};

/* The word of a loss in logs: a literal. */
const char *denial_loss_word(enum denial_loss loss);

struct denial_table;

/* `places` is a power of two, at least DENIAL_BUCKET_PLACES. NULL when out of memory. */
enum { DENIAL_BUCKET_PLACES = 8 };
struct denial_table *denial_table_new(uint32_t places);
/* NULL is fine. */
void denial_table_free(struct denial_table *table);

/* Adds `denial->count` sightings; copies what it keeps. */
void denial_table_add(struct denial_table *table, const struct denial *denial);

/* Denials in it, at most its places. */
size_t denial_table_count(const struct denial_table *table);
/* Takes all out, into an array of at least denial_table_count(); returns how many. */
size_t denial_table_take(struct denial_table *table, struct denial *ret_denials);

/* Counts `count` denials that will not be written down. */
void denial_table_leave_out(struct denial_table *table, enum denial_loss loss, enum reason reason,
                            uint64_t count);
/* All of these so far. Any thread. */
uint64_t denial_table_left_out(const struct denial_table *table, enum denial_loss loss,
                               enum reason reason);
