/* upstream/certificate_board.h - what is known of servers' certificates, shared by all workers.
 *
 * A verdict is on an address and port, by the name that it is asked for, what a rule demands, and
 * the class of the ClientHello. There is one probe in flight for each such key, across all workers:
 * whoever is told to make it tells the board what came of it (certificate_board_settle()), and the
 * board tells all who wait. A rule whose demands change asks by another key, so an old verdict is
 * never met again; it is forgotten when it has expired, or as the one not asked for for longest.
 *
 * Any thread; the lock is held for moments. Memory is bounded. */
#pragma once
#include "base/address.h"
#include "net/mailbox.h"
#include "upstream/certificate_verdict.h"

#include <sys/queue.h>

enum {
    BOARD_VERDICTS_MAX = 10000, /* the one not asked for for longest makes room */
    /* Of one address, name and demand, with protocols of ALPN in them. Hellos of more classes are
       judged by what the server shows to one without ALPN: a client can make up any number. */
    BOARD_CLASSES_MAX = 8,
    /* Renewals under way at a time, in all: they are not urgent, and take no place of others. */
    BOARD_RENEWALS_MAX = 16,
};

struct certificate_board;
struct board_entry;
struct board_member;

/* A question to the board. Its name and requirement are borrowed. */
struct check_question {
    struct endpoint endpoint;
    const struct host_name *name;
    struct requirement *requirement; /* NULL: the default; never one of VERIFY_NONE */
    struct hello_class class;
    struct ip_address client;
    int64_t rule_id; /* that allowed the name; 0: none is known. Plays no part in the answer */
    bool is_typed;   /* the address stands in the rule (upstream/address_rule.h) */
};

/* How many cold probes may be under way, 0: any number. More are REASON_PROBE_LIMIT. */
struct probe_limits {
    uint32_t in_all, per_client, per_address;
};

/* Somebody who waits for a probe. The board's, from when it is waited for until it was taken or
 * forgotten; embedded in its owner, who looks at `outcome` alone. */
struct board_wait {
    struct board_member *member;
    struct board_entry *entry; /* NULL: settled */
    TAILQ_ENTRY(board_wait) waits;
    struct check_outcome outcome;
};
TAILQ_HEAD(board_waits, board_wait);

/* What the board says to a question. Zero refuses. */
enum board_reply {
    BOARD_REFUSED = 0, /* `outcome` says why; nothing is under way */
    BOARD_KNOWN,       /* `outcome` is the verdict */
    BOARD_RENEW,       /* so it is, and the caller must make the probe `probe` */
    BOARD_WAIT,        /* `wait` will be settled */
    BOARD_PROBE,       /* so it will, and the caller must make the probe `probe` */
};

struct board_answer {
    enum board_reply reply;
    struct check_outcome outcome;
    struct board_wait *wait;
    struct board_entry *probe;
};

/* What a probe is to be made of: stays as it is until that probe is settled, and any thread may
 * read it meanwhile. */
const struct check_target *board_entry_target(const struct board_entry *probe);

/* NULL when out of memory. */
struct certificate_board *certificate_board_new(void);
/* No probe may be under way, and nobody may wait. NULL is fine. */
void certificate_board_free(struct certificate_board *board);

/* A worker that asks. `on_news` is carried out by `mailbox` with the member when something waits to
 * be taken. The board's: freed with it, so a letter may still be carried out after the member has
 * left. NULL when out of memory. */
struct board_member *certificate_board_join(struct certificate_board *board,
                                            struct mailbox *mailbox, mailbox_fn on_news,
                                            void *context);
/* Its waits must have been forgotten. */
void certificate_board_leave(struct certificate_board *board, struct board_member *member);
/* NULL for one that has left. Its own thread. */
void *board_member_context(const struct board_member *member);

/* Who asks, when, and within which limits. */
struct board_asker {
    struct board_member *member;
    struct check_moment now;
    struct probe_limits limits;
};

/* `fresh` is waited with, unless the member waits for the same already: then it is that wait that
 * the answer names. */
struct board_answer certificate_board_ask(struct certificate_board *board,
                                          const struct check_question *question,
                                          const struct board_asker *asker,
                                          struct board_wait *fresh);

/* What is known of an address, whatever the class of the hello. The lower is dialled first. */
enum board_rank { BOARD_RANK_GOOD = 0, BOARD_RANK_UNKNOWN, BOARD_RANK_BAD };
enum board_rank certificate_board_rank(struct certificate_board *board,
                                       const struct check_question *question,
                                       const struct check_moment *now);

/* The probe has ended; takes over the result's finding. Tells all who wait. True: a good verdict
 * was overturned; those of other classes there are renewed soon. */
bool certificate_board_settle(struct certificate_board *board, struct board_entry *probe,
                              const struct probe_result *result, const struct check_moment *now);

/* Moves what is settled of a member's to the end of `waits`. */
void certificate_board_take(struct certificate_board *board, struct board_member *member,
                            struct board_waits *waits);
/* Nobody waits with it any more; drops its outcome, if it was settled and not taken. */
void certificate_board_forget(struct certificate_board *board, struct board_wait *wait);

/* To be called once a second by each member: looks at a part of what is kept, lets go of what has
 * expired, and puts up to `most` probes into `ret_probes` that the caller must make: renewals of
 * good verdicts that were used under the policy of this moment. Returns their number. */
uint32_t certificate_board_upkeep(struct certificate_board *board, const struct check_moment *now,
                                  uint32_t most, struct board_entry **ret_probes);

/* What a rule's server showed, as far as it is known now. */
struct certificate_end {
    int64_t rule_id; /* of several that ask for the same, the last one */
    int64_t not_after_s;
};
/* Of every good verdict where dates count, `capacity` at most, in no order; returns their number.
 * Nobody waits for the whole of it: the lock is let go of in between. */
size_t certificate_board_ends(struct certificate_board *board, struct certificate_end *ret_ends,
                              size_t capacity);

/* Verdicts kept, and probes under way. */
uint32_t certificate_board_size(struct certificate_board *board);
