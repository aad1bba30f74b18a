/* upstream/certificate_checks.h - asks whether the server at an address shows the certificate that
 * a rule demands, for the sessions of one worker. What is known stands on a board that all workers
 * share (upstream/certificate_board.h); what is not, a probe finds out, on the loop of whoever
 * asked first. Everything here but the board belongs to one worker's loop. */
#pragma once
#include "upstream/certificate_board.h"
#include "upstream/probe.h"

struct certificate_checker;
struct check_group;

/* A probe has ended; borrowed. */
struct certificate_event {
    const struct host_name *name;
    struct endpoint endpoint;
    const struct requirement *requirement; /* what was demanded; NULL: the default */
    enum reason reason;                    /* REASON_ALLOWED, or why not */
    struct certificate_finding *finding;   /* NULL: no certificate was seen */
    bool misses_report_pin, is_renewal, has_overturned;
    int64_t duration_ms;
};

/* Who is told; NULL: nobody. */
struct certificate_sink {
    void *context;
    void (*certificate_checked)(void *context, const struct certificate_event *event);
};

/* All are borrowed, and outlive the checker. */
struct certificate_checker_parts {
    struct probe_tools tools;
    struct certificate_board *board;
    struct mailbox *mailbox; /* of the loop of `tools` */
    int64_t (*monotonic_ms)(void);
    struct certificate_sink sink;
};

/* Somebody who waits; embedded in its owner, who sets `on_outcome`. All zero else, it may be
 * cancelled. */
struct check_wait {
    void (*on_outcome)(struct check_wait *wait, const struct check_outcome *outcome);
    struct check_group *group; /* NULL: does not wait */
    TAILQ_ENTRY(check_wait) waits;
};

/* Every counter: constant, word in metrics (stable). */
#define CERTIFICATE_COUNTER_LIST(COUNTER)                                                          \
    COUNTER(KNOWN, "known")             /* questions that were answered from memory */             \
    COUNTER(SHARED, "shared")           /* that waited for a probe that was under way */           \
    COUNTER(LIMITED, "limited")         /* that were refused by a limit on probes */               \
    COUNTER(PROBES, "probes")           /* made, renewals among them */                            \
    COUNTER(RENEWALS, "renewals")       /* made ahead of expiry */                                 \
    COUNTER(GOOD, "good")               /* probes that found what is demanded */                   \
    COUNTER(WRONG, "wrong")             /* that found something else */                            \
    COUNTER(UNREACHABLE, "unreachable") /* that could not connect */                               \
    COUNTER(FAILED, "failed")           /* that learnt nothing for another reason */               \
    COUNTER(OVERTURNED, "overturned")   /* good verdicts that turned out wrong */

#define CERTIFICATE_COUNTER_CONSTANT(constant, word) CERTIFICATE_COUNTER_##constant,
enum certificate_counter {
    CERTIFICATE_COUNTER_LIST(CERTIFICATE_COUNTER_CONSTANT) CERTIFICATE_COUNTERS
};
#undef CERTIFICATE_COUNTER_CONSTANT

/* NULL when out of memory. */
struct certificate_checker *certificate_checker_new(const struct certificate_checker_parts *parts);
/* Ends its probes; who waits on this loop is told nothing more, others are told that it failed. Not
 * from within a callback of its own; run the loop once more. NULL is fine. */
void certificate_checker_free(struct certificate_checker *checker);

/* To be called about once a second: renews what is in use, and lets go of what has expired. */
void certificate_checker_keep_up(struct certificate_checker *checker);

/* Never asked where nothing is demanded (VERIFY_NONE). True: known, or refused, `*ret_outcome` is
 * set. False: `on_outcome` comes once, later, unless it is cancelled. */
bool certificate_checker_ask(struct certificate_checker *checker,
                             const struct check_question *question, struct check_wait *wait,
                             struct check_outcome *ret_outcome);
/* No callback will come. Safe twice, and when nothing waits; the probe goes on. */
void check_wait_cancel(struct check_wait *wait);

/* For choosing an address: whether its certificate is known, whatever the class of the hello. */
enum board_rank certificate_checker_rank(struct certificate_checker *checker,
                                         const struct check_question *question);

/* So far; the word of a counter: a literal. Any thread may ask. */
uint64_t certificate_checker_count(const struct certificate_checker *checker,
                                   enum certificate_counter counter);
const char *certificate_counter_word(enum certificate_counter counter);
