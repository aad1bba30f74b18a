/* upstream/certificate_board.c - what is known of servers' certificates, shared by all workers. */
#include "upstream/certificate_board.h"
#include "base/siphash.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A member looks at 256 buckets a second: all of them in 16 s, far less than a renewal is early. */
enum { BUCKETS = 4096, BUCKETS_A_TURN = 256 };

struct board_entry {
    struct check_target target;
    LIST_ENTRY(board_entry) bucket;
    TAILQ_ENTRY(board_entry) use; /* most recently asked for first */
    struct certificate_verdict verdict;
    bool was_used;         /* since the verdict was made */
    uint64_t used_version; /* of the policy, when it was last asked for */
    int64_t rule_id;       /* for which it was, then */
    bool is_probed;        /* and then, the next three: */
    bool is_renewal;
    struct ip_address client; /* that a cold probe is made for */
    LIST_ENTRY(board_entry) cold;
    struct board_waits waits;
};

LIST_HEAD(board_bucket, board_entry);
LIST_HEAD(board_probes, board_entry);
TAILQ_HEAD(board_uses, board_entry);

struct board_member {
    LIST_ENTRY(board_member) members;
    struct mailbox *mailbox; /* NULL: has left */
    mailbox_fn on_news;
    void *context;
    struct board_waits settled; /* not yet taken */
    bool is_told;               /* a letter is under way */
};

LIST_HEAD(board_members, board_member);

struct certificate_board {
    pthread_mutex_t lock; /* guards all that follows */
    struct siphash_key key;
    uint32_t entry_count, cold_count, renewal_count;
    uint32_t next_bucket; /* of the upkeep */
    struct board_uses by_use;
    struct board_probes cold;
    struct board_members members;
    struct board_bucket buckets[BUCKETS];
};

static void lock_board(struct certificate_board *board)
{
    (void)pthread_mutex_lock(&board->lock); /* a default mutex, never taken twice */
}

static void unlock_board(struct certificate_board *board)
{
    (void)pthread_mutex_unlock(&board->lock);
}

const struct check_target *board_entry_target(const struct board_entry *probe)
{
    return &probe->target;
}

/* Keys */

/* By address and name alone: what is known of an address stands together, whatever the class. */
static struct board_bucket *bucket_of(struct certificate_board *board,
                                      const struct check_question *question)
{
    const struct endpoint *endpoint = &question->endpoint;
    uint8_t bytes[1 + sizeof(endpoint->address.bytes) + 2 + HOST_NAME_WIRE_MAX];
    uint8_t *at = bytes;
    *at++ = endpoint->address.family;
    memcpy(at, endpoint->address.bytes, sizeof(endpoint->address.bytes));
    at += sizeof(endpoint->address.bytes);
    memcpy(at, &endpoint->port, 2);
    at += 2;
    memcpy(at, question->name->wire, question->name->size);
    at += question->name->size;
    return &board->buckets[siphash(&board->key, bytes, (size_t)(at - bytes)) % BUCKETS];
}

/* The same but for the class. */
static bool is_of_address(const struct board_entry *entry, const struct check_question *question)
{
    const struct check_target *target = &entry->target;
    return endpoint_equal(&target->endpoint, &question->endpoint) &&
           target->name.size == question->name->size &&
           memcmp(target->name.wire, question->name->wire, target->name.size) == 0 &&
           target->is_typed == question->is_typed &&
           requirement_equal(target->requirement, question->requirement);
}

static struct board_entry *find_class(const struct board_bucket *bucket,
                                      const struct check_question *question)
{
    struct board_entry *entry;
    LIST_FOREACH(entry, bucket, bucket)
        if (memcmp(&entry->target.class, &question->class, sizeof(question->class)) == 0 &&
            is_of_address(entry, question))
            break;
    return entry;
}

static bool has_all_classes(const struct board_bucket *bucket,
                            const struct check_question *question)
{
    const struct board_entry *entry;
    uint32_t count = 0;
    LIST_FOREACH(entry, bucket, bucket)
        count += entry->target.class.alpn_size > 0 && is_of_address(entry, question) ? 1 : 0;
    return count >= BOARD_CLASSES_MAX;
}

/* NULL when there is none. Where the name may have no more classes, `question` then asks for the
 * coarser one. */
static struct board_entry *find_entry(const struct board_bucket *bucket,
                                      struct check_question *question)
{
    struct board_entry *entry = find_class(bucket, question);
    if (entry != NULL || question->class.alpn_size == 0 || !has_all_classes(bucket, question))
        return entry;
    question->class =
        (struct hello_class){ .versions = question->class.versions, .keys = question->class.keys };
    return find_class(bucket, question);
}

/* Entries */

static void remove_entry(struct certificate_board *board, struct board_entry *entry)
{
    certificate_verdict_release(&entry->verdict);
    requirement_unref(entry->target.requirement);
    LIST_REMOVE(entry, bucket);
    TAILQ_REMOVE(&board->by_use, entry, use);
    board->entry_count--;
    free(entry);
}

/* Lets go of the entry that was not asked for for longest; a probe's must stay. */
static void make_room(struct certificate_board *board)
{
    struct board_entry *entry = TAILQ_LAST(&board->by_use, board_uses);
    while (entry != NULL && entry->is_probed)
        entry = TAILQ_PREV(entry, board_uses, use);
    if (entry != NULL)
        remove_entry(board, entry);
}

/* NULL when there is no room. */
static struct board_entry *add_entry(struct certificate_board *board, struct board_bucket *bucket,
                                     const struct check_question *question)
{
    if (board->entry_count >= BOARD_VERDICTS_MAX)
        make_room(board);
    struct board_entry *entry =
        board->entry_count < BOARD_VERDICTS_MAX ? calloc(1, sizeof(*entry)) : NULL;
    if (entry == NULL)
        return NULL;
    entry->target = (struct check_target){ .endpoint = question->endpoint,
                                           .name = *question->name,
                                           .requirement = requirement_ref(question->requirement),
                                           .class = question->class,
                                           .is_typed = question->is_typed };
    entry->rule_id = question->rule_id;
    TAILQ_INIT(&entry->waits);
    LIST_INSERT_HEAD(bucket, entry, bucket);
    TAILQ_INSERT_HEAD(&board->by_use, entry, use);
    board->entry_count++;
    return entry;
}

/* Probes */

static void begin_probe(struct certificate_board *board, struct board_entry *entry,
                        const struct ip_address *client)
{
    entry->is_probed = true;
    entry->is_renewal = client == NULL;
    if (entry->is_renewal) {
        board->renewal_count++;
        return;
    }
    entry->client = *client;
    LIST_INSERT_HEAD(&board->cold, entry, cold);
    board->cold_count++;
}

static void end_probe(struct certificate_board *board, struct board_entry *entry)
{
    entry->is_probed = false;
    if (entry->is_renewal) {
        board->renewal_count--;
        return;
    }
    LIST_REMOVE(entry, cold);
    board->cold_count--;
}

/* An IPv6 client is its /64: a host may have all of that. */
static bool is_same_client(const struct ip_address *left, const struct ip_address *right)
{
    enum { NETWORK_BYTES = 8 };
    return left->family == right->family &&
           memcmp(left->bytes, right->bytes, left->family == 6 ? NETWORK_BYTES : 4) == 0;
}

static bool is_below(uint32_t count, uint32_t limit)
{
    return limit == 0 || count < limit;
}

/* There are few under way, so counting is cheaper than to keep count. */
static bool may_probe(const struct certificate_board *board, const struct check_question *question,
                      const struct probe_limits *limits)
{
    const struct board_entry *entry;
    uint32_t of_client = 0, of_address = 0;
    if (!is_below(board->cold_count, limits->in_all))
        return false;
    LIST_FOREACH(entry, &board->cold, cold) {
        of_client += is_same_client(&entry->client, &question->client) ? 1 : 0;
        of_address +=
            ip_address_equal(&entry->target.endpoint.address, &question->endpoint.address) ? 1 : 0;
    }
    return is_below(of_client, limits->per_client) && is_below(of_address, limits->per_address);
}

static bool is_renewal_due(const struct certificate_board *board, const struct board_entry *entry,
                           const struct check_moment *now)
{
    return certificate_verdict_is_good(&entry->verdict) && !entry->is_probed &&
           now->monotonic_ms >= entry->verdict.renew_ms &&
           board->renewal_count < BOARD_RENEWALS_MAX;
}

/* Members */

/* A letter that is lost for want of memory is made up for by the member's own look each second. */
static void tell(struct board_member *member)
{
    if (!member->is_told && member->mailbox != NULL)
        member->is_told = mailbox_post(member->mailbox, member->on_news, member);
}

static void settle_waits(struct board_entry *entry, const struct probe_result *result)
{
    struct board_wait *wait;
    while ((wait = TAILQ_FIRST(&entry->waits)) != NULL) {
        TAILQ_REMOVE(&entry->waits, wait, waits);
        wait->entry = NULL;
        wait->outcome = (struct check_outcome){ .reason = result->reason,
                                                .finding = certificate_finding_ref(result->finding),
                                                .misses_report_pin = result->misses_report_pin };
        TAILQ_INSERT_TAIL(&wait->member->settled, wait, waits);
        tell(wait->member);
    }
}

static struct board_wait *wait_for(struct board_entry *entry, struct board_member *member,
                                   struct board_wait *fresh)
{
    struct board_wait *wait;
    TAILQ_FOREACH(wait, &entry->waits, waits)
        if (wait->member == member)
            return wait;
    *fresh = (struct board_wait){ .member = member, .entry = entry };
    TAILQ_INSERT_TAIL(&entry->waits, fresh, waits);
    return fresh;
}

struct board_member *certificate_board_join(struct certificate_board *board,
                                            struct mailbox *mailbox, mailbox_fn on_news,
                                            void *context)
{
    struct board_member *member = calloc(1, sizeof(*member));
    if (member == NULL)
        return NULL;
    member->mailbox = mailbox;
    member->on_news = on_news;
    member->context = context;
    TAILQ_INIT(&member->settled);
    lock_board(board);
    LIST_INSERT_HEAD(&board->members, member, members);
    unlock_board(board);
    return member;
}

void certificate_board_leave(struct certificate_board *board, struct board_member *member)
{
    lock_board(board);
    member->mailbox = NULL;
    member->context = NULL;
    unlock_board(board);
}

void *board_member_context(const struct board_member *member)
{
    return member->context; /* written by the same thread */
}

void certificate_board_take(struct certificate_board *board, struct board_member *member,
                            struct board_waits *waits)
{
    struct board_wait *wait;
    lock_board(board);
    TAILQ_FOREACH(wait, &member->settled, waits)
        wait->member = NULL;
    TAILQ_CONCAT(waits, &member->settled, waits);
    member->is_told = false;
    unlock_board(board);
}

void certificate_board_forget(struct certificate_board *board, struct board_wait *wait)
{
    lock_board(board);
    if (wait->entry != NULL) {
        TAILQ_REMOVE(&wait->entry->waits, wait, waits);
    } else if (wait->member != NULL) {
        TAILQ_REMOVE(&wait->member->settled, wait, waits);
        certificate_finding_unref(wait->outcome.finding);
    }
    wait->entry = NULL;
    wait->member = NULL;
    unlock_board(board);
}

/* Questions */

static struct board_answer refuse(enum reason reason)
{
    return (struct board_answer){ .reply = BOARD_REFUSED, .outcome = { .reason = reason } };
}

static struct board_answer answer_known(struct certificate_board *board, struct board_entry *entry,
                                        const struct check_moment *now)
{
    struct board_answer answer = { .reply = BOARD_KNOWN,
                                   .outcome = certificate_verdict_outcome(&entry->verdict) };
    entry->was_used = true;
    if (is_renewal_due(board, entry, now)) {
        begin_probe(board, entry, NULL);
        answer.reply = BOARD_RENEW;
        answer.probe = entry;
    }
    return answer;
}

static struct board_answer ask_locked(struct certificate_board *board,
                                      struct check_question *question,
                                      const struct board_asker *asker, struct board_wait *fresh)
{
    struct board_bucket *bucket = bucket_of(board, question);
    struct board_entry *entry = find_entry(bucket, question);
    bool is_probed = entry != NULL && entry->is_probed;
    if (entry != NULL) {
        entry->used_version = asker->now.policy_version;
        entry->rule_id = question->rule_id;
        TAILQ_REMOVE(&board->by_use, entry, use);
        TAILQ_INSERT_HEAD(&board->by_use, entry, use);
        if (certificate_verdict_holds(&entry->verdict, &asker->now))
            return answer_known(board, entry, &asker->now);
    }
    if (!is_probed && !may_probe(board, question, &asker->limits))
        return refuse(REASON_PROBE_LIMIT);
    if (entry == NULL)
        entry = add_entry(board, bucket, question);
    if (entry == NULL)
        return refuse(REASON_OUT_OF_RESOURCES);
    entry->used_version = asker->now.policy_version;
    if (!is_probed)
        begin_probe(board, entry, &question->client);
    return (struct board_answer){ .reply = is_probed ? BOARD_WAIT : BOARD_PROBE,
                                  .wait = wait_for(entry, asker->member, fresh),
                                  .probe = is_probed ? NULL : entry };
}

struct board_answer certificate_board_ask(struct certificate_board *board,
                                          const struct check_question *question,
                                          const struct board_asker *asker, struct board_wait *fresh)
{
    struct check_question asked = *question;
    lock_board(board);
    struct board_answer answer = ask_locked(board, &asked, asker, fresh);
    unlock_board(board);
    return answer;
}

enum board_rank certificate_board_rank(struct certificate_board *board,
                                       const struct check_question *question,
                                       const struct check_moment *now)
{
    const struct board_entry *entry;
    enum board_rank rank = BOARD_RANK_UNKNOWN;
    lock_board(board);
    LIST_FOREACH(entry, bucket_of(board, question), bucket) {
        if (rank == BOARD_RANK_GOOD || !is_of_address(entry, question) ||
            !certificate_verdict_holds(&entry->verdict, now))
            continue;
        rank = certificate_verdict_is_good(&entry->verdict) ? BOARD_RANK_GOOD : BOARD_RANK_BAD;
    }
    unlock_board(board);
    return rank;
}

/* The server shows another certificate than before: it may do so to hellos of other classes. They
 * are renewed when they are next asked for. */
static void doubt_others(struct certificate_board *board, const struct board_entry *wrong)
{
    const struct check_target *target = &wrong->target;
    const struct check_question question = { .endpoint = target->endpoint,
                                             .name = &target->name,
                                             .requirement = target->requirement,
                                             .is_typed = target->is_typed };
    struct board_entry *entry;
    LIST_FOREACH(entry, bucket_of(board, &question), bucket)
        if (is_of_address(entry, &question))
            entry->verdict.renew_ms = INT64_MIN;
}

bool certificate_board_settle(struct certificate_board *board, struct board_entry *probe,
                              const struct probe_result *result, const struct check_moment *now)
{
    uint64_t seed[2] = { (uint64_t)(uintptr_t)probe, (uint64_t)now->monotonic_ms };
    lock_board(board);
    enum verdict_change change =
        certificate_verdict_take(&probe->verdict, result, probe->target.requirement, now,
                                 siphash(&board->key, seed, sizeof(seed)));
    if (change != VERDICT_STAYS)
        probe->was_used = false;
    end_probe(board, probe);
    settle_waits(probe, result);
    if (change == VERDICT_OVERTURNED)
        doubt_others(board, probe);
    if (!probe->verdict.is_made)
        remove_entry(board, probe);
    unlock_board(board);
    certificate_finding_unref(result->finding);
    return change == VERDICT_OVERTURNED;
}

/* Upkeep */

static bool is_to_be_renewed(const struct certificate_board *board, const struct board_entry *entry,
                             const struct check_moment *now)
{
    return entry->was_used && entry->used_version == now->policy_version &&
           is_renewal_due(board, entry, now);
}

uint32_t certificate_board_upkeep(struct certificate_board *board, const struct check_moment *now,
                                  uint32_t most, struct board_entry **ret_probes)
{
    uint32_t count = 0;
    lock_board(board);
    for (int i = 0; i < BUCKETS_A_TURN; i++) {
        struct board_bucket *bucket = &board->buckets[board->next_bucket++ % BUCKETS];
        for (struct board_entry *entry = LIST_FIRST(bucket), *next; entry != NULL; entry = next) {
            next = LIST_NEXT(entry, bucket);
            if (!entry->is_probed && !certificate_verdict_holds(&entry->verdict, now)) {
                remove_entry(board, entry);
            } else if (count < most && is_to_be_renewed(board, entry, now)) {
                begin_probe(board, entry, NULL);
                ret_probes[count++] = entry;
            }
        }
    }
    unlock_board(board);
    return count;
}

static bool has_end(const struct board_entry *entry)
{
    return entry->rule_id != 0 && certificate_verdict_is_good(&entry->verdict) &&
           entry->verdict.not_after_s != INT64_MAX;
}

/* Returns how many there are now. */
static size_t add_ends(const struct board_bucket *bucket, struct certificate_end *ends,
                       size_t count, size_t capacity)
{
    const struct board_entry *entry;
    LIST_FOREACH(entry, bucket, bucket)
        if (count < capacity && has_end(entry))
            ends[count++] = (struct certificate_end){ entry->rule_id, entry->verdict.not_after_s };
    return count;
}

size_t certificate_board_ends(struct certificate_board *board, struct certificate_end *ret_ends,
                              size_t capacity)
{
    size_t count = 0;
    for (uint32_t from = 0; from < BUCKETS; from += BUCKETS_A_TURN) {
        lock_board(board);
        for (uint32_t i = from; i < from + BUCKETS_A_TURN; i++)
            count = add_ends(&board->buckets[i], ret_ends, count, capacity);
        unlock_board(board);
    }
    return count;
}

uint32_t certificate_board_size(struct certificate_board *board)
{
    lock_board(board);
    uint32_t count = board->entry_count;
    unlock_board(board);
    return count;
}

/* The whole */

struct certificate_board *certificate_board_new(void)
{
    struct certificate_board *board = calloc(1, sizeof(*board));
    if (board == NULL)
        return NULL;
    (void)pthread_mutex_init(&board->lock, NULL); /* cannot fail for a default mutex on Linux */
    board->key = siphash_key_random();
    TAILQ_INIT(&board->by_use);
    return board;
}

void certificate_board_free(struct certificate_board *board)
{
    struct board_entry *entry;
    struct board_member *member;
    if (board == NULL)
        return;
    while ((entry = TAILQ_FIRST(&board->by_use)) != NULL)
        remove_entry(board, entry);
    while ((member = LIST_FIRST(&board->members)) != NULL) {
        LIST_REMOVE(member, members);
        free(member);
    }
    (void)pthread_mutex_destroy(&board->lock);
    free(board);
}
