/* upstream/upstream.c - reaching the real server of a name. */
#include "upstream/upstream.h"
#include "net/socket.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

static void connect_to_next(struct upstream_request *request);

void upstream_request_init(struct upstream_request *request, struct upstream *upstream)
{
    *request = (struct upstream_request){ .upstream = upstream };
    for (int i = 0; i < UPSTREAM_ATTEMPTS_MAX; i++)
        request->attempts[i] =
            (struct upstream_attempt){ .request = request, .watch.descriptor = -1 };
    uv_timer_init(upstream->loop, &request->timer);
}

static void finish(struct upstream_request *request, enum reason reason)
{
    request->step = UPSTREAM_IDLE;
    uv_timer_stop(&request->timer);
    request->on_done(request, reason);
}

static struct upstream_request *request_of_timer(uv_timer_t *timer)
{
    return (struct upstream_request *)((char *)timer - offsetof(struct upstream_request, timer));
}

/* Looking up */

static enum reason reason_of(const struct name_lookup *lookup)
{
    switch (lookup->status) {
    case NAME_HAS_ADDRESSES:
        return REASON_ALLOWED;
    case NAME_DOES_NOT_EXIST:
    case NAME_HAS_NO_ADDRESS:
        return REASON_UPSTREAM_NOT_FOUND;
    case NAME_FAILED:
        break;
    }
    return lookup->lacks_resources ? REASON_OUT_OF_RESOURCES : REASON_UPSTREAM_DNS_FAILED;
}

static bool has_family(const struct upstream_request *request, uint8_t family)
{
    for (uint32_t i = 0; i < request->candidate_count; i++)
        if (request->candidates[i].address.family == family)
            return true;
    return false;
}

static void on_lookup_timer(uv_timer_t *timer)
{
    struct upstream_request *request = request_of_timer(timer);
    if (request->candidate_count > 0)
        finish(request, REASON_ALLOWED);
    else
        name_lookup_accept_stale(request->upstream->names, &request->lookup);
}

/* Goes on with IPv6 as soon as it is there, with IPv4 after IPv6 had its chance (RFC 8305 3). */
static void judge_answers(struct upstream_request *request)
{
    if (request->lookup.pending == 0)
        finish(request, reason_of(&request->lookup));
    else if (has_family(request, 6))
        finish(request, REASON_ALLOWED);
    else if (request->candidate_count > 0)
        uv_timer_start(&request->timer, on_lookup_timer, UPSTREAM_RESOLUTION_MS, 0);
}

static void add_candidates(struct upstream_request *request, const struct name_answer *answer)
{
    request->is_stale |= answer->is_stale;
    for (uint32_t i = 0; i < answer->address_count; i++)
        request->candidates[request->candidate_count++] =
            (struct upstream_candidate){ .address = answer->address[i] };
    for (uint32_t i = 0; request->rank != NULL && i < answer->recent_count; i++)
        request->candidates[request->candidate_count++] =
            (struct upstream_candidate){ .address = answer->recent[i], .is_recent = true };
}

static bool is_attempting(const struct upstream_request *request)
{
    for (int i = 0; i < UPSTREAM_ATTEMPTS_MAX; i++)
        if (request->attempts[i].watch.descriptor >= 0)
            return true;
    return false;
}

static void on_answer(struct name_lookup *lookup, const struct name_answer *answer)
{
    struct upstream_request *request =
        (struct upstream_request *)((char *)lookup - offsetof(struct upstream_request, lookup));
    add_candidates(request, answer);
    switch (request->step) {
    case UPSTREAM_LOOKING_UP:
        judge_answers(request);
        break;
    case UPSTREAM_CONNECTING:
        if (!is_attempting(request)) /* else they wait for their turn */
            connect_to_next(request);
        break;
    case UPSTREAM_ASKING:
    case UPSTREAM_IDLE:
        break;
    }
}

void upstream_lookup(struct upstream_request *request, const struct host_name *name,
                     upstream_fn on_done)
{
    request->on_done = on_done;
    request->step = UPSTREAM_ASKING;
    name_cache_look_up(request->upstream->names, name, &request->lookup, on_answer);
    request->step = UPSTREAM_LOOKING_UP;
    if (request->lookup.pending == 0)
        finish(request, reason_of(&request->lookup));
    else if (request->candidate_count > 0) /* known for a while: the other had its chance */
        finish(request, REASON_ALLOWED);
    else
        uv_timer_start(&request->timer, on_lookup_timer, UPSTREAM_STALE_MS, 0);
}

void upstream_take_address(struct upstream_request *request, const struct ip_address *address,
                           upstream_fn on_done)
{
    request->on_done = on_done;
    request->is_typed = true;
    request->candidates[request->candidate_count++] =
        (struct upstream_candidate){ .address = *address };
    finish(request, REASON_ALLOWED);
}

/* Connecting */

static struct endpoint endpoint_of(const struct upstream_request *request,
                                   const struct upstream_candidate *candidate)
{
    return (struct endpoint){ candidate->address, request->port };
}

static enum board_rank rank_of(struct upstream_request *request,
                               struct upstream_candidate *candidate)
{
    const struct endpoint endpoint = endpoint_of(request, candidate);
    bool has_choice = request->candidate_count > 1 || candidate->is_recent;
    if (request->rank == NULL || !has_choice)
        return BOARD_RANK_UNKNOWN;
    if (!candidate->is_ranked)
        candidate->rank = request->rank(request, &endpoint);
    candidate->is_ranked = true;
    return candidate->rank;
}

/* What failed a moment ago comes last; then it counts what is known of the certificate, then what
 * failed a while ago, then the family. */
static unsigned cost_of(struct upstream_request *request, struct upstream_candidate *candidate,
                        uint8_t family)
{
    const struct endpoint endpoint = endpoint_of(request, candidate);
    enum address_rank memory = address_memory_rank(request->upstream->memory, &endpoint);
    return (memory == ADDRESS_RANK_BAD ? 16u : 0u) + 4u * rank_of(request, candidate) +
           (memory == ADDRESS_RANK_DOUBTFUL ? 2u : 0u) +
           (candidate->address.family != family ? 1u : 0u);
}

/* The candidate whose turn is next. NULL when none is left. */
static struct upstream_candidate *pick_candidate(struct upstream_request *request)
{
    struct upstream_candidate *best = NULL;
    unsigned best_cost = 0;
    uint8_t family = request->next_family != 0 ? request->next_family
                                               : address_memory_family(request->upstream->memory);
    for (uint32_t i = 0; i < request->candidate_count; i++) {
        struct upstream_candidate *candidate = &request->candidates[i];
        if (candidate->is_tried ||
            (candidate->is_recent && rank_of(request, candidate) != BOARD_RANK_GOOD))
            continue;
        unsigned cost = cost_of(request, candidate, family);
        if (best == NULL || cost < best_cost) {
            best = candidate;
            best_cost = cost;
        }
    }
    return best;
}

static struct address_rule rule_now(const struct upstream *upstream, bool is_typed)
{
    return (struct address_rule){
        .settings = policy_settings(policy_view_get(upstream->view)),
        .own = upstream->own,
        .own_count = upstream->own_count,
        .own_range = upstream->own_range,
        .own_range_count = upstream->own_range_count,
        .is_typed = is_typed,
    };
}

bool upstream_may_dial(const struct upstream *upstream, const struct endpoint *endpoint,
                       const struct ip_address *typed)
{
    bool is_typed = typed != NULL && ip_address_equal(typed, &endpoint->address);
    const struct address_rule rule = rule_now(upstream, is_typed);
    return address_rule_judge(&rule, endpoint) == ADDRESS_FIT;
}

bool upstream_may_go_on(const struct upstream_request *request, const struct ip_address *typed)
{
    bool may = true;
    for (int i = 0; i < UPSTREAM_ATTEMPTS_MAX && may; i++) {
        const struct upstream_attempt *attempt = &request->attempts[i];
        if (attempt->watch.descriptor < 0)
            continue;
        struct endpoint endpoint = endpoint_of(request, attempt->candidate);
        may = upstream_may_dial(request->upstream, &endpoint, typed);
    }
    return may;
}

/* Takes the next address that is fit as `endpoint`; NULL when none is left. */
static struct upstream_candidate *take_next_fit(struct upstream_request *request)
{
    const struct address_rule rule = rule_now(request->upstream, request->is_typed);
    struct upstream_candidate *candidate;
    while ((candidate = pick_candidate(request)) != NULL) {
        struct endpoint next = endpoint_of(request, candidate);
        enum address_fitness fitness = address_rule_judge(&rule, &next);
        candidate->is_tried = true;
        if (fitness != ADDRESS_FIT && request->fitness == ADDRESS_FIT)
            continue; /* the one that was dialled tells more */
        request->endpoint = next;
        request->fitness = fitness;
        if (fitness == ADDRESS_FIT)
            return candidate;
    }
    return NULL;
}

static struct upstream_attempt *attempt_of_watch(struct socket_watch *watch)
{
    return (struct upstream_attempt *)((char *)watch - offsetof(struct upstream_attempt, watch));
}

struct upstream_request *upstream_request_of_server(struct socket_watch *server)
{
    return attempt_of_watch(server)->request;
}

static void remember_failure(const struct upstream_attempt *attempt)
{
    struct endpoint endpoint = endpoint_of(attempt->request, attempt->candidate);
    address_memory_note_failed(attempt->request->upstream->memory, &endpoint);
}

static int64_t age_ms(const struct upstream_attempt *attempt)
{
    return (int64_t)uv_now(attempt->request->upstream->loop) - attempt->started_ms;
}

/* Ends an attempt that did not connect. `patience_ms`: from this age on it counts as failed. */
static void drop_attempt(struct upstream_attempt *attempt, int64_t patience_ms)
{
    if (attempt->watch.descriptor < 0)
        return;
    if (age_ms(attempt) >= patience_ms)
        remember_failure(attempt);
    socket_watch_close(&attempt->watch);
}

static bool had_head_start(const struct upstream_attempt *attempt,
                           const struct upstream_attempt *over)
{
    return over->started_ms - attempt->started_ms >= UPSTREAM_STAGGER_MS;
}

/* The others lost. What had a head start is slow, or not there; what had none may be fine. */
static void win(struct upstream_request *request, struct upstream_attempt *winner)
{
    request->server = &winner->watch;
    request->endpoint = endpoint_of(request, winner->candidate);
    address_memory_note_worked(request->upstream->memory, &request->endpoint);
    for (int i = 0; i < UPSTREAM_ATTEMPTS_MAX; i++) {
        struct upstream_attempt *attempt = &request->attempts[i];
        if (attempt == winner || attempt->watch.descriptor < 0)
            continue;
        attempt->candidate->is_tried = false;
        drop_attempt(attempt, had_head_start(attempt, winner) ? 0 : INT64_MAX);
    }
    finish(request, REASON_ALLOWED);
}

static void on_attempt_ready(struct socket_watch *watch, uint32_t events)
{
    struct upstream_attempt *attempt = attempt_of_watch(watch);
    struct upstream_request *request = attempt->request;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        drop_attempt(attempt, 0);
        connect_to_next(request);
    } else if ((events & EPOLLOUT) != 0) {
        request->server_events = events;
        win(request, attempt);
    }
}

/* Begins to connect to `endpoint`. False when that failed at once; true may mean that the step has
 * ended with it. */
static bool start_attempt(struct upstream_request *request, struct upstream_attempt *attempt,
                          struct upstream_candidate *candidate)
{
    bool is_connected = false;
    int descriptor =
        socket_connect(&request->endpoint, request->upstream->descriptor_limit, &is_connected);
    if (descriptor < 0) {
        request->failure =
            socket_is_shortage(errno) ? REASON_OUT_OF_RESOURCES : REASON_UPSTREAM_CONNECT_FAILED;
        if (!socket_is_shortage(errno))
            address_memory_note_failed(request->upstream->memory, &request->endpoint);
        return false;
    }
    request->failure = REASON_UPSTREAM_CONNECT_FAILED;
    if (socket_watch_start(request->upstream->poller, &attempt->watch, descriptor,
                           on_attempt_ready) != 0) {
        close(descriptor);
        request->failure = REASON_OUT_OF_RESOURCES;
        return false;
    }
    attempt->candidate = candidate;
    attempt->started_ms = (int64_t)uv_now(request->upstream->loop);
    request->next_family = candidate->address.family == 6 ? 4 : 6;
    request->server_events = 0;
    if (is_connected)
        win(request, attempt);
    return true;
}

/* NULL when as many are under way as may be. */
static struct upstream_attempt *free_attempt(struct upstream_request *request)
{
    for (int i = 0; i < UPSTREAM_ATTEMPTS_MAX; i++)
        if (request->attempts[i].watch.descriptor < 0)
            return &request->attempts[i];
    return NULL;
}

/* The next address is due: makes room where one has taken its time and others wait. */
static void on_stagger(uv_timer_t *timer)
{
    struct upstream_request *request = request_of_timer(timer);
    if (free_attempt(request) == NULL && pick_candidate(request) != NULL)
        for (int i = 0; i < UPSTREAM_ATTEMPTS_MAX; i++)
            if (age_ms(&request->attempts[i]) >= UPSTREAM_ATTEMPT_MS)
                drop_attempt(&request->attempts[i], 0);
    connect_to_next(request);
}

/* Starts one attempt, if one may be started. Ends the step where nothing is left to hope for. */
static void connect_to_next(struct upstream_request *request)
{
    struct upstream_attempt *attempt = free_attempt(request);
    struct upstream_candidate *candidate;
    uv_timer_start(&request->timer, on_stagger, UPSTREAM_STAGGER_MS, UPSTREAM_STAGGER_MS);
    while (attempt != NULL && (candidate = take_next_fit(request)) != NULL)
        if (start_attempt(request, attempt, candidate))
            return;
    if (!is_attempting(request) && request->lookup.pending == 0)
        finish(request, request->failure);
}

static void start_connecting(struct upstream_request *request, upstream_fn on_done)
{
    request->on_done = on_done;
    request->step = UPSTREAM_CONNECTING;
    connect_to_next(request);
}

void upstream_connect(struct upstream_request *request, uint16_t port, upstream_fn on_done)
{
    request->port = port;
    request->failure = REASON_UPSTREAM_ADDRESS_REFUSED; /* unless one proves fit */
    start_connecting(request, on_done);
}

void upstream_connect_next(struct upstream_request *request, bool has_failed, upstream_fn on_done)
{
    assert(request->server != NULL);
    drop_attempt(attempt_of_watch(request->server), has_failed ? 0 : INT64_MAX);
    request->server = NULL;
    start_connecting(request, on_done);
}

void upstream_take_server(struct upstream_request *request, struct socket_watch *ret_server)
{
    assert(request->server != NULL);
    socket_watch_move(request->server, ret_server);
    request->server = NULL;
}

void upstream_request_cancel(struct upstream_request *request)
{
    name_lookup_cancel(&request->lookup);
    uv_timer_stop(&request->timer);
    for (int i = 0; i < UPSTREAM_ATTEMPTS_MAX; i++) {
        bool is_server = request->server == &request->attempts[i].watch;
        drop_attempt(&request->attempts[i], is_server ? INT64_MAX : UPSTREAM_ATTEMPT_MS);
    }
    request->server = NULL;
    request->step = UPSTREAM_IDLE;
}

void upstream_request_close(struct upstream_request *request, uv_close_cb on_closed)
{
    upstream_request_cancel(request);
    uv_close((uv_handle_t *)&request->timer, on_closed);
}
