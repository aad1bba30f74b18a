/* policy/rule.h - one row of the `rule` table: what it says, and what becomes of it.
 * Pure: a row in, a compiled rule or a reason out. Rows are hostile: they may come from a file
 * whose CHECKs are not ours. */
#pragma once
#include "policy/connect_to.h"
#include "policy/host_name.h"
#include "policy/requirement.h"
#include "policy/verdict.h"

/* A row of the table `pin`. Texts that are longer than any that can be read are cut. */
struct pin_row {
    char spki_sha256[SPKI_PIN_TEXT + 2]; /* "" where it can't be read */
    char mode[sizeof("enforce") + 1];    /* likewise */
    bool has_expiry;
    int64_t expires_at; /* Unix seconds */
};

/* As read from the database; borrows its strings, which end in NUL (a NUL inside shows in
 * `target_size`), and its pins. */
struct rule_row {
    int64_t id;
    const char *target;
    size_t target_size;
    const char *action;
    int64_t enabled;
    int64_t widen;          /* 1: an allow may reach further than its URL says */
    const char *clients;    /* name of a client group; "" where it can't be read */
    const char *connect_to; /* of an allow; NULL: none; "" where it can't be read */
    const char *verify;     /* of an allow; NULL: 'chain'; "" where it can't be read */
    bool has_expiry;
    int64_t expires_at; /* Unix seconds */
    const struct pin_row *pins;
    uint32_t pin_count;
};

enum rule_action { RULE_DENY = 0, RULE_ALLOW };

#define RULE_NEVER_EXPIRES INT64_MAX
#define RULE_DEFAULT_PORT  443

/* A rule that is in force. The two large parts stand at the end, as most rules fill little of them
 * (compiled_rule_copy()). */
struct compiled_rule {
    int64_t id;
    int64_t expires_at; /* Unix seconds; RULE_NEVER_EXPIRES */
    enum pattern_kind pattern;
    enum rule_action action;
    uint16_t port;
    uint32_t group;                  /* whom it is for: id of a client group; CLIENT_GROUP_ANY_ID */
    struct requirement *requirement; /* of an allow; NULL: what most demand. Who has the rule from
                                        rule_compile() owns a reference */
    struct host_name name;
    struct connect_to connect_to; /* of an allow */
};

/* Copies what the rule fills, and takes a reference to what it demands. The rest of the copy stays
 * as it was: where `connect_to` is CONNECT_TO_NAME, all but its kind. */
void compiled_rule_copy(struct compiled_rule *copy, const struct compiled_rule *rule);

/* Gives back what the rule owns. */
void compiled_rule_release(struct compiled_rule *rule);

/* What became of a rule: the values of rule_status.state. Zero admits nothing. */
enum rule_state {
    RULE_STATE_INVALID = 0,
    RULE_STATE_REFUSED,
    RULE_STATE_DISABLED,
    RULE_STATE_EXPIRED,
    RULE_STATE_SHADOWED,
    RULE_STATE_WIDENED, /* in force, and reaches further than its URL says */
    RULE_STATE_ACTIVE,
};

enum { RULE_HOSTNAME_BYTES = 544, RULE_REASON_BYTES = 1024 };

struct rule_outcome {
    enum rule_state state;
    char hostname[RULE_HOSTNAME_BYTES]; /* pattern and port that the rule became; "" where it became
                                           none */
    char reason[RULE_REASON_BYTES];     /* a sentence; "" for an active rule that needs none */
};

struct client_groups;
struct provider_catalogue;

/* What a row is read against. */
struct rule_context {
    int64_t now_s;                              /* Unix seconds */
    const struct provider_catalogue *providers; /* NULL: no path has a host name */
    const struct client_groups *groups;         /* NULL: there is only 'any' */
};

/* The word of a state in rule_status: a literal. */
const char *rule_state_word(enum rule_state state);

/* Compiles `row` in `context`. True when it is in force: then `*ret_rule` is set and the state is
 * ACTIVE or WIDENED (whether another rule shadows it is a question to the whole policy).
 * `*ret_outcome` is always set; NULL where nobody asks what became of it. The caller releases the
 * rule. An allow that can't be read admits nothing; a deny covers all that it could have meant, as
 * long as a host can be read from it. */
bool rule_compile(const struct rule_row *row, const struct rule_context *context,
                  struct compiled_rule *ret_rule, struct rule_outcome *ret_outcome);

/* Reads a target as a person types it. False sets `*ret_reason` (RULE_REASON_BYTES) to what is
 * wrong with it and what to type instead; on success name, pattern and port of `*ret_rule` are set,
 * nothing else. */
bool target_parse(const char *target, size_t size, struct compiled_rule *ret_rule,
                  char *ret_reason);

/* Adds the pattern as a person would type it: "*.example.com", with ":8443" where the port is not
 * 443. */
void compiled_rule_add_to(const struct compiled_rule *rule, struct text *text);
