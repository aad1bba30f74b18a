/* status/status_data.h - what the status page shows, as data: the source fills it, the page, the
 * JSON and the metrics are written from it.
 *
 * Each data set has an arena of its own for its texts, so different threads may fill different sets
 * at the same time; one set is filled by one thread at a time. Every `const char *` is a literal or
 * comes of its set's arena (arena_copy()), and is never hostile bytes to be trusted: the page
 * escapes them all. NULL texts count as "". A set that could not be had says why in `missing`, and
 * the page shows that sentence in its place; the rest of it is then not read.
 *
 * Times are Unix seconds, 0: none. Counts are of this process since it started unless said
 * otherwise. */
#pragma once
#include "status/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STATUS_LISTENERS_MAX = 64,
    STATUS_SERVERS_MAX = 136, /* 8 of the upstream DNS, 4 of each of 32 internal zones */
    STATUS_SLOTS = 60,        /* of the last hour: a minute each */
    STATUS_ROWS_MAX = 100,
    STATUS_CONNECTIONS_MAX = 300,
    STATUS_LINES_MAX = 64,
    STATUS_FAMILIES_MAX = 128,
    STATUS_SAMPLES_MAX = 4096,
    STATUS_LABELS_MAX = 4
};

/* The states of rule_status, in the order in which the page counts them: those that need a look
 * first. `word` is that of the table's column. */
#define STATUS_STATE_LIST(STATE)                                                                   \
    STATE(INVALID, "invalid")                                                                      \
    STATE(REFUSED, "refused")                                                                      \
    STATE(WIDENED, "widened")                                                                      \
    STATE(SHADOWED, "shadowed")                                                                    \
    STATE(EXPIRED, "expired")                                                                      \
    STATE(DISABLED, "disabled")                                                                    \
    STATE(ACTIVE, "active")

#define STATUS_STATE_MEMBER(state, word) STATUS_STATE_##state,
enum status_state { STATUS_STATE_ANY = 0, STATUS_STATE_LIST(STATUS_STATE_MEMBER) STATUS_STATES };
#undef STATUS_STATE_MEMBER

/* "invalid"; "" for STATUS_STATE_ANY. */
const char *status_state_word(enum status_state state);
/* STATUS_STATE_ANY for what is no such word. */
enum status_state status_state_of(const char *word);

/* Health ------------------------------------------------------------------------------------- */

/* A socket that Pinhole accepts on. */
struct status_listener {
    const char *kind;    /* "dns", "tls", "status" */
    const char *address; /* "127.0.0.1:8443" */
    const char *note;    /* "clients connect to port 443", "for proxies", "" */
};

/* A DNS server that is asked: one of --upstream-dns, or that of an internal zone. */
struct status_server {
    const char *zone;    /* "cluster.local"; "": every other name, that the gate looks up */
    const char *address; /* "10.0.0.2:53" */
    bool is_healthy;     /* false: the last few questions got no answer of use */
    const char *fault;   /* why not, "" when healthy */
    uint64_t queries, failures;
    int64_t last_answer_s, last_failure_s;
    uint32_t latency_us; /* of the last answer; 0: there was none */
};

struct status_health {
    struct arena arena;
    const char *missing;
    bool is_ready;         /* as /readyz says */
    const char *not_ready; /* why not: "draining"; "" when ready */
    const char *version;   /* of Pinhole: "0.1.0" */
    int64_t started_s;     /* the process */
    uint64_t policy_version;
    int64_t policy_loaded_s; /* that version */
    const char *load_fault;  /* the last look at the policy file failed: why; "": it did not */
    int64_t load_fault_s;    /* since when */
    uint64_t rule_count;     /* rows of the table; or in force where they can't be counted */
    uint64_t by_state[STATUS_STATES]; /* [STATUS_STATE_ANY]: not judged yet */
    bool has_states;                  /* by_state is known */
    struct status_listener listener[STATUS_LISTENERS_MAX];
    uint32_t listener_count;
    struct status_server server[STATUS_SERVERS_MAX];
    uint32_t server_count;
    const char *database_path;
    const char *database_fault; /* the last time it could not be read or written: why; "": never */
    int64_t database_fault_s;
    bool is_database_writable;
    uint64_t database_bytes; /* the file and its WAL */
    uint32_t worker_count;
    uint64_t descriptors, descriptor_limit; /* open now; the most there may be */
    uint64_t memory_bytes;                  /* resident */
    uint64_t log_lines_dropped;             /* by full rings */
};

/* Traffic ------------------------------------------------------------------------------------ */

/* What happened in one slot. */
struct status_slot {
    uint64_t queries, queries_denied; /* DNS */
    uint64_t connections;             /* through the gate that ended or began, once each */
    uint64_t connections_refused;     /* of these */
    uint64_t bytes_up, bytes_down;    /* to servers, to clients */
};

struct status_traffic {
    struct arena arena;
    const char *missing;
    int64_t end_s;       /* the end of the newest slot, which may be under way */
    uint32_t slot_s;     /* how long a slot is; 60 */
    uint32_t slot_count; /* since the start, at most STATUS_SLOTS; slots before are not there */
    struct status_slot slot[STATUS_SLOTS]; /* oldest first */
    struct status_slot total;              /* since the start */
    uint64_t open_connections;
};

/* Rules -------------------------------------------------------------------------------------- */

struct status_rule {
    int64_t id;
    const char *target, *action, *clients, *comment; /* the row's own */
    enum status_state state;
    const char *hostname; /* what the target became; "": nothing */
    const char *reason;   /* rule_status.reason: why it is in that state; "" */
    const char *verify;   /* rule.verify: "chain", "pin-only", "none" */
    const char *strength; /* in words: "chain and 2 pins", "names only", what is not checked */
    uint32_t pin_count;
    uint64_t hits; /* queries and connections that it allowed or denied */
    int64_t last_used_s;
    uint64_t live_connections;
    bool has_certificate;     /* one was seen at a checked name of this rule */
    int32_t certificate_days; /* until the soonest end of those; negative: it has */
    int64_t expires_s;        /* rule.expires_at */
};

struct status_rules {
    struct arena arena;
    const char *missing;
    struct status_rule row[STATUS_ROWS_MAX];
    uint32_t count;
    bool has_total;         /* `total` is known: it costs too much to count what a search finds */
    uint64_t total;         /* that the selection finds on all its pages */
    uint64_t next;          /* `from` of the next page; 0: there is none */
    uint64_t uses_left_out; /* decisions of any rules that are missing in their hits and last uses;
                             * 0: a rule without hits decided nothing */
};

/* Denied names ------------------------------------------------------------------------------- */

struct status_denied {
    const char *target, *client_group, *reason; /* the row's own */
    const char *sentence;                       /* the reason for a person; "" */
    uint64_t count;
    int64_t first_s, last_s;
    const char *sql; /* that would allow it, to be pasted into the sqlite3 shell; "": none can */
};

struct status_denied_names {
    struct arena arena;
    const char *missing;
    struct status_denied row[STATUS_ROWS_MAX];
    uint32_t count;
    uint64_t total;
    uint64_t next; /* as in struct status_rules */
};

/* Live connections --------------------------------------------------------------------------- */

struct status_connection {
    const char *client;       /* its address */
    const char *client_group; /* the group of its longest matching network */
    const char *name;         /* the server name, with its port where that is not 443 */
    const char *server;       /* the address dialled; "": not yet */
    int64_t rule_id;          /* 0: none (only observed) */
    const char *verified; /* proven how, in words: "chain and pin", "not checked", "under way" */
    uint64_t bytes_up, bytes_down;
    int64_t started_s;
};

struct status_connections {
    struct arena arena;
    const char *missing;
    struct status_connection row[STATUS_CONNECTIONS_MAX];
    uint32_t count;
    uint64_t total; /* open now, of all; `count` are shown: those that come first by the order */
    uint64_t found; /* of these, that the search finds */
};

/* Recent decisions --------------------------------------------------------------------------- */

struct status_decision {
    int64_t time_ms;     /* Unix milliseconds */
    const char *kind;    /* "query", "connection" */
    const char *outcome; /* "allowed", "denied", "observed", or a connection's end */
    const char *client, *client_group;
    const char *name;     /* "": none, or none that may be shown */
    const char *reason;   /* the stable word */
    const char *sentence; /* the same for a person */
    int64_t rule_id;      /* 0: none */
};

struct status_decisions {
    struct arena arena;
    const char *missing;
    struct status_decision row[STATUS_ROWS_MAX]; /* newest first */
    uint32_t count;
};

/* Explanation -------------------------------------------------------------------------------- */

struct status_explanation {
    struct arena arena;
    const char *missing;
    const char *refused;                /* why what was asked can't be read; NULL: it can */
    const char *outcome;                /* "allowed", "denied", "observed" */
    const char *line[STATUS_LINES_MAX]; /* as `pinhole explain` prints them, without line ends */
    uint32_t line_count;
};

/* Metrics ------------------------------------------------------------------------------------ */

enum status_metric_type { STATUS_COUNTER = 0, STATUS_GAUGE, STATUS_HISTOGRAM };

struct status_label {
    const char *name, *value;
};

/* Observations by size. Bucket i counts those of at most upper_bound[i] that no bucket before
 * counts; what is larger than all bounds is in count[bound_count]. */
struct status_histogram {
    const double *upper_bound; /* rising */
    const uint64_t *count;     /* bound_count + 1 of them, not cumulative */
    uint32_t bound_count;
    double sum; /* of all observations */
};

struct status_sample {
    struct status_label label[STATUS_LABELS_MAX];
    uint32_t label_count;
    double value;                             /* of a counter or gauge */
    const struct status_histogram *histogram; /* of a histogram */
};

/* Samples of one name. Counters end in _total; units stand in the name (_seconds, _bytes). */
struct status_family {
    const char *name, *help;
    enum status_metric_type type;
    uint32_t first, count; /* its samples, in status_metrics.sample */
};

struct status_metrics {
    struct arena arena;
    const char *missing;
    struct status_family family[STATUS_FAMILIES_MAX];
    uint32_t family_count;
    struct status_sample sample[STATUS_SAMPLES_MAX];
    uint32_t sample_count;
    bool is_cut; /* there was no room for some */
};

/* Begins a family; the samples added next are its own. Name and help are borrowed: literals. Where
 * there is no room it is left out, with its samples. */
void status_metrics_family(struct status_metrics *metrics, enum status_metric_type type,
                           const char *name, const char *help);
/* Adds a sample to the newest family; the caller may put labels and a histogram into it, of the
 * arena or literals. Never NULL: one too many goes to a place that is not read. */
struct status_sample *status_metrics_sample(struct status_metrics *metrics, double value);
/* Adds a label; one too many is left out. `value` is borrowed: a literal, or of the arena. */
void status_sample_label(struct status_sample *sample, const char *name, const char *value);

/* All of it ---------------------------------------------------------------------------------- */

struct status_data {
    struct status_health health;
    struct status_traffic traffic;
    struct status_rules rules;
    struct status_denied_names denied;
    struct status_connections connections;
    struct status_decisions decisions;
    struct status_explanation explanation;
    struct status_metrics metrics;
};

/* Frees what the arenas hold. */
void status_data_release(struct status_data *data);
