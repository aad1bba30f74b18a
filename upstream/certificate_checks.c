/* upstream/certificate_checks.c - asks whether servers show the certificates that are demanded. */
#include "upstream/certificate_checks.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"
#include "upstream/upstream.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

enum { RENEWALS_A_TURN = 4 };

TAILQ_HEAD(check_waits, check_wait);

/* Those of this worker who wait for one probe. */
struct check_group {
    struct board_wait wait;
    LIST_ENTRY(check_group) groups;
    struct check_waits waits;
};

/* A probe that this worker makes. */
struct own_probe {
    struct certificate_checker *checker;
    LIST_ENTRY(own_probe) probes;
    struct probe *probe;
    struct board_entry *entry;
    int64_t started_ms;
    bool is_renewal;
};

struct certificate_checker {
    struct certificate_checker_parts parts;
    struct board_member *member;
    LIST_HEAD(, check_group) groups;
    LIST_HEAD(, own_probe) probes;
    struct check_group *spare; /* to wait in; NULL: none. What is known needs no allocation */
    _Atomic uint64_t counters[CERTIFICATE_COUNTERS]; /* written by the owner alone */
};

static void count(struct certificate_checker *checker, enum certificate_counter counter)
{
    uint64_t value = atomic_load_explicit(&checker->counters[counter], memory_order_relaxed);
    atomic_store_explicit(&checker->counters[counter], value + 1, memory_order_relaxed);
}

uint64_t certificate_checker_count(const struct certificate_checker *checker,
                                   enum certificate_counter counter)
{
    return atomic_load_explicit(&checker->counters[counter], memory_order_relaxed);
}

const char *certificate_counter_word(enum certificate_counter counter)
{
#define CERTIFICATE_COUNTER_WORD(constant, word) [CERTIFICATE_COUNTER_##constant] = word,
    static const char *const words[CERTIFICATE_COUNTERS] = { CERTIFICATE_COUNTER_LIST(
        CERTIFICATE_COUNTER_WORD) };
#undef CERTIFICATE_COUNTER_WORD
    return words[counter];
}

static const struct policy *policy_now(const struct certificate_checker *checker)
{
    return policy_view_get(checker->parts.tools.upstream->view);
}

static struct check_moment moment_now(const struct certificate_checker *checker)
{
    return (struct check_moment){ .monotonic_ms = checker->parts.monotonic_ms(),
                                  .realtime_s = checker->parts.tools.realtime_s(),
                                  .policy_version = policy_version(policy_now(checker)) };
}

/* Telling who waits */

static void remove_group(struct check_group *group)
{
    LIST_REMOVE(group, groups);
    free(group);
}

static void tell_group(struct check_group *group)
{
    struct certificate_finding *finding = group->wait.outcome.finding;
    struct check_wait *wait;
    while ((wait = TAILQ_FIRST(&group->waits)) != NULL) {
        struct check_outcome outcome = group->wait.outcome;
        outcome.finding = certificate_finding_ref(finding);
        check_wait_cancel(wait);
        wait->on_outcome(wait, &outcome);
    }
    certificate_finding_unref(finding);
    remove_group(group);
}

static void tell_settled(struct certificate_checker *checker)
{
    struct board_waits settled = TAILQ_HEAD_INITIALIZER(settled);
    struct board_wait *wait;
    certificate_board_take(checker->parts.board, checker->member, &settled);
    while ((wait = TAILQ_FIRST(&settled)) != NULL) {
        TAILQ_REMOVE(&settled, wait, waits);
        tell_group((struct check_group *)((char *)wait - offsetof(struct check_group, wait)));
    }
}

static void on_news(void *context)
{
    struct certificate_checker *checker = board_member_context(context);
    if (checker != NULL) /* else it was freed, and this letter was on its way */
        tell_settled(checker);
}

void check_wait_cancel(struct check_wait *wait)
{
    if (wait->group != NULL)
        TAILQ_REMOVE(&wait->group->waits, wait, waits);
    wait->group = NULL;
}

/* Probes */

static enum certificate_counter counter_of(const struct probe_result *result)
{
    if (result->reason == REASON_ALLOWED)
        return CERTIFICATE_COUNTER_GOOD;
    if (result->is_wrong)
        return CERTIFICATE_COUNTER_WRONG;
    return result->reason == REASON_PROBE_UNREACHABLE ? CERTIFICATE_COUNTER_UNREACHABLE
                                                      : CERTIFICATE_COUNTER_FAILED;
}

static void tell_sink(const struct own_probe *own, const struct probe_result *result,
                      const struct check_target *target, bool has_overturned)
{
    const struct certificate_checker *checker = own->checker;
    const struct certificate_event event = {
        .name = &target->name,
        .endpoint = target->endpoint,
        .requirement = target->requirement,
        .reason = result->reason,
        .finding = result->finding,
        .misses_report_pin = result->misses_report_pin,
        .is_renewal = own->is_renewal,
        .has_overturned = has_overturned,
        .duration_ms = checker->parts.monotonic_ms() - own->started_ms,
    };
    if (checker->parts.sink.certificate_checked != NULL)
        checker->parts.sink.certificate_checked(checker->parts.sink.context, &event);
}

/* Who waits on this loop is told by letter, as all others are. */
static void on_probed(void *context, const struct probe_result *result)
{
    struct own_probe *own = context;
    struct certificate_checker *checker = own->checker;
    struct check_target target = *board_entry_target(own->entry); /* the entry may go */
    struct probe_result kept = *result; /* with a reference, that the board takes over */
    const struct check_moment now = moment_now(checker);
    requirement_ref(target.requirement);
    LIST_REMOVE(own, probes);
    certificate_finding_ref(result->finding);
    bool has_overturned = certificate_board_settle(checker->parts.board, own->entry, &kept, &now);
    count(checker, counter_of(result));
    if (has_overturned)
        count(checker, CERTIFICATE_COUNTER_OVERTURNED);
    tell_sink(own, result, &target, has_overturned);
    certificate_finding_unref(result->finding);
    requirement_unref(target.requirement);
    free(own);
}

static void settle_unmade(struct certificate_checker *checker, struct board_entry *entry)
{
    const struct probe_result unmade = { .reason = REASON_OUT_OF_RESOURCES };
    const struct check_moment now = moment_now(checker);
    (void)certificate_board_settle(checker->parts.board, entry, &unmade, &now);
}

static void start_probe(struct certificate_checker *checker, struct board_entry *entry,
                        bool is_renewal)
{
    struct own_probe *own = calloc(1, sizeof(*own));
    if (own != NULL)
        own->probe = probe_start(&checker->parts.tools, board_entry_target(entry), on_probed, own);
    if (own == NULL || own->probe == NULL) {
        free(own);
        settle_unmade(checker, entry);
        return;
    }
    own->checker = checker;
    own->entry = entry;
    own->started_ms = checker->parts.monotonic_ms();
    own->is_renewal = is_renewal;
    LIST_INSERT_HEAD(&checker->probes, own, probes);
    count(checker, CERTIFICATE_COUNTER_PROBES);
    if (is_renewal)
        count(checker, CERTIFICATE_COUNTER_RENEWALS);
}

void certificate_checker_keep_up(struct certificate_checker *checker)
{
    struct board_entry *probes[RENEWALS_A_TURN];
    const struct check_moment now = moment_now(checker);
    uint32_t due = certificate_board_upkeep(checker->parts.board, &now, RENEWALS_A_TURN, probes);
    for (uint32_t i = 0; i < due; i++)
        start_probe(checker, probes[i], true);
    tell_settled(checker); /* should a letter have been lost */
}

/* Questions */

/* Can the pins be met at all? */
static bool has_only_expired_pins(const struct requirement *requirement, int64_t now_s)
{
    bool needs_pin = requirement_has_enforcing_pin(requirement) ||
                     requirement_mode(requirement) == VERIFY_PIN_ONLY;
    return needs_pin && !requirement_has_live_pin(requirement, now_s);
}

static struct board_asker asker_now(const struct certificate_checker *checker,
                                    const struct check_moment *now)
{
    const struct settings *settings = policy_settings(policy_now(checker));
    return (struct board_asker){ .member = checker->member,
                                 .now = *now,
                                 .limits = { .in_all = settings->probes_max,
                                             .per_client = settings->probes_per_client,
                                             .per_address = settings->probes_per_address } };
}

static bool has_spare(struct certificate_checker *checker)
{
    if (checker->spare == NULL)
        checker->spare = calloc(1, sizeof(*checker->spare));
    if (checker->spare != NULL)
        TAILQ_INIT(&checker->spare->waits);
    return checker->spare != NULL;
}

static void join_group(struct certificate_checker *checker, struct board_wait *board_wait,
                       struct check_wait *wait)
{
    struct check_group *group =
        (struct check_group *)((char *)board_wait - offsetof(struct check_group, wait));
    if (group == checker->spare) {
        LIST_INSERT_HEAD(&checker->groups, group, groups);
        checker->spare = NULL;
    }
    wait->group = group;
    TAILQ_INSERT_TAIL(&group->waits, wait, waits);
}

static void note_refused(struct certificate_checker *checker, enum reason reason)
{
    if (reason == REASON_PROBE_LIMIT)
        count(checker, CERTIFICATE_COUNTER_LIMITED);
}

/* True: it is the answer. */
static bool take_answer(struct certificate_checker *checker, const struct board_answer *answer,
                        struct check_wait *wait)
{
    switch (answer->reply) {
    case BOARD_KNOWN:
        count(checker, CERTIFICATE_COUNTER_KNOWN);
        return true;
    case BOARD_RENEW:
        count(checker, CERTIFICATE_COUNTER_KNOWN);
        start_probe(checker, answer->probe, true);
        return true;
    case BOARD_WAIT:
        count(checker, CERTIFICATE_COUNTER_SHARED);
        join_group(checker, answer->wait, wait);
        return false;
    case BOARD_PROBE:
        join_group(checker, answer->wait, wait);
        start_probe(checker, answer->probe, false);
        return false;
    case BOARD_REFUSED:
        break;
    }
    note_refused(checker, answer->outcome.reason);
    return true;
}

bool certificate_checker_ask(struct certificate_checker *checker,
                             const struct check_question *question, struct check_wait *wait,
                             struct check_outcome *ret_outcome)
{
    const struct check_moment now = moment_now(checker);
    assert(requirement_mode(question->requirement) != VERIFY_NONE && wait->group == NULL);
    if (has_only_expired_pins(question->requirement, now.realtime_s)) {
        *ret_outcome = (struct check_outcome){ .reason = REASON_PINS_EXPIRED, .was_known = true };
        return true;
    }
    if (!has_spare(checker)) {
        *ret_outcome = (struct check_outcome){ .reason = REASON_OUT_OF_RESOURCES };
        return true;
    }
    const struct board_asker asker = asker_now(checker, &now);
    const struct board_answer answer =
        certificate_board_ask(checker->parts.board, question, &asker, &checker->spare->wait);
    if (!take_answer(checker, &answer, wait))
        return false;
    *ret_outcome = answer.outcome;
    return true;
}

enum board_rank certificate_checker_rank(struct certificate_checker *checker,
                                         const struct check_question *question)
{
    const struct check_moment now = moment_now(checker);
    return certificate_board_rank(checker->parts.board, question, &now);
}

/* The whole */

struct certificate_checker *certificate_checker_new(const struct certificate_checker_parts *parts)
{
    struct certificate_checker *checker = calloc(1, sizeof(*checker));
    if (checker == NULL)
        return NULL;
    checker->parts = *parts;
    checker->member = certificate_board_join(parts->board, parts->mailbox, on_news, checker);
    if (checker->member == NULL) {
        free(checker);
        return NULL;
    }
    return checker;
}

static void end_probes(struct certificate_checker *checker)
{
    struct own_probe *own;
    while ((own = LIST_FIRST(&checker->probes)) != NULL) {
        LIST_REMOVE(own, probes);
        probe_cancel(own->probe);
        settle_unmade(checker, own->entry);
        free(own);
    }
}

void certificate_checker_free(struct certificate_checker *checker)
{
    struct check_group *group;
    struct check_wait *wait;
    if (checker == NULL)
        return;
    end_probes(checker);
    while ((group = LIST_FIRST(&checker->groups)) != NULL) {
        while ((wait = TAILQ_FIRST(&group->waits)) != NULL)
            check_wait_cancel(wait);
        certificate_board_forget(checker->parts.board, &group->wait);
        remove_group(group);
    }
    certificate_board_leave(checker->parts.board, checker->member);
    free(checker->spare);
    free(checker);
}
