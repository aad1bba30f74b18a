/* upstream/probe.c - one look at a server's certificate. */
#include "upstream/probe.h"
#include "base/text.h"
#include "net/poller.h"
#include "net/socket.h"
#include "tls/certificate_chain.h"
#include "tls/handshake.h"
#include "upstream/certificate_judgement.h"
#include "upstream/upstream.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { HANDSHAKES_MAX = 2 };

/* One connection of a probe. */
struct probe_handshake {
    struct probe *probe;
    struct hello_class class;
    struct socket_watch watch;   /* -1: none, or over */
    struct handshake *handshake; /* NULL: not yet connected, or over */
};

struct probe {
    const struct probe_tools *tools;
    const struct check_target *target;
    probe_fn on_done;
    void *context;
    char host[HOST_NAME_TEXT_MAX + 1];
    struct probe_handshake handshakes[HANDSHAKES_MAX];
    uint32_t under_way;
    struct probe_result result; /* so far; REASON_PROBE_FAILED: nothing was seen yet */
    uv_timer_t timer;
};

/* Ending */

static void close_handshake(struct probe_handshake *one)
{
    handshake_free(one->handshake); /* says goodbye through the descriptor */
    one->handshake = NULL;
    socket_watch_close(&one->watch);
}

static void on_closed(uv_handle_t *timer)
{
    free((char *)timer - offsetof(struct probe, timer));
}

static void close_probe(struct probe *probe)
{
    for (int i = 0; i < HANDSHAKES_MAX; i++)
        close_handshake(&probe->handshakes[i]);
    uv_close((uv_handle_t *)&probe->timer, on_closed);
}

void probe_cancel(struct probe *probe)
{
    certificate_finding_unref(probe->result.finding);
    close_probe(probe);
}

static void finish(struct probe *probe)
{
    close_probe(probe); /* its memory stays until the loop's next turn */
    probe->on_done(probe->context, &probe->result);
}

/* The whole has failed, whatever another handshake showed. Takes over `finding`. */
static void fail(struct probe *probe, enum reason reason, bool is_wrong,
                 struct certificate_finding *finding)
{
    certificate_finding_unref(probe->result.finding);
    probe->result = (struct probe_result){ .reason = reason,
                                           .is_wrong = is_wrong,
                                           .finding = finding,
                                           .checked_s = probe->result.checked_s };
    finish(probe);
}

/* One handshake is over, and has done no harm. */
static void end_one(struct probe_handshake *one)
{
    struct probe *probe = one->probe;
    close_handshake(one);
    if (--probe->under_way == 0)
        finish(probe);
}

/* Judging */

/* Narrows what is known to when this chain is valid. */
static void narrow_dates(struct probe_result *result, const struct certificate_finding *finding)
{
    if (finding->not_after_s < result->not_after_s)
        result->not_after_s = finding->not_after_s;
    for (uint32_t i = 0; i < finding->count; i++)
        if (finding->chain[i].not_before_s > result->not_before_s)
            result->not_before_s = finding->chain[i].not_before_s;
}

static void take_good(struct probe *probe, const struct certificate_judgement *judgement)
{
    struct certificate_finding *finding = judgement->finding;
    struct probe_result *result = &probe->result;
    result->reason = REASON_ALLOWED;
    result->misses_report_pin |= judgement->misses_report_pin;
    if (judgement->dates_count)
        narrow_dates(result, finding);
    if (result->finding == NULL)
        result->finding = finding;
    else
        certificate_finding_unref(finding);
}

/* The server has signed: judges what it showed. */
static void judge(struct probe_handshake *one)
{
    struct probe *probe = one->probe;
    const struct certificate_claim claim = { .trust_store = probe->tools->trust_store,
                                             .name = &probe->target->name,
                                             .requirement = probe->target->requirement,
                                             .now_s = probe->result.checked_s };
    struct certificate_chain *chain = handshake_take_chain(one->handshake);
    struct certificate_judgement judgement = certificate_judge(&claim, chain);
    certificate_chain_free(chain);
    if (judgement.reason == REASON_ALLOWED) {
        take_good(probe, &judgement);
        end_one(one);
    } else {
        fail(probe, judgement.reason, judgement.finding != NULL, judgement.finding);
    }
}

/* The handshake */

static bool is_of_one_kind(const struct probe_handshake *one)
{
    return one->class.keys != one->probe->target->class.keys;
}

static void give_up(struct probe_handshake *one)
{
    switch (handshake_failure(one->handshake)) {
    case HANDSHAKE_REFUSED:
        if (is_of_one_kind(one)) {
            end_one(one); /* it has no certificate of that kind; another must be good */
            return;
        }
        break;
    case HANDSHAKE_UNPROVEN:
        fail(one->probe, REASON_CERTIFICATE_UNPROVEN, true, NULL);
        return;
    case HANDSHAKE_BROKEN: /* no server of TLS: not the right one */
        fail(one->probe, REASON_PROBE_FAILED, true, NULL);
        return;
    case HANDSHAKE_CLOSED:
        break;
    }
    fail(one->probe, REASON_PROBE_FAILED, false, NULL);
}

static void advance(struct probe_handshake *one)
{
    switch (handshake_advance(one->handshake)) {
    case HANDSHAKE_GOES_ON:
        break;
    case HANDSHAKE_SIGNED:
        judge(one);
        break;
    case HANDSHAKE_FAILED:
        give_up(one);
        break;
    }
}

static void start_handshake(struct probe_handshake *one)
{
    struct probe *probe = one->probe;
    const struct handshake_parts parts = { .client = probe->tools->tls_client,
                                           .descriptor = one->watch.descriptor,
                                           .host = probe->host,
                                           .class = one->class };
    one->handshake = handshake_new(&parts);
    if (one->handshake != NULL)
        advance(one);
    else /* out of memory, or nothing that could be offered */
        fail(probe, REASON_PROBE_FAILED, false, NULL);
}

static void on_ready(struct socket_watch *watch, uint32_t events)
{
    struct probe_handshake *one =
        (struct probe_handshake *)((char *)watch - offsetof(struct probe_handshake, watch));
    if (one->handshake != NULL)
        advance(one);
    else if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        fail(one->probe, REASON_PROBE_UNREACHABLE, false, NULL);
    else if ((events & EPOLLOUT) != 0)
        start_handshake(one);
}

/* REASON_ALLOWED, or why it can't be. The poller tells when it is connected, even if it is now. */
static enum reason connect_one(struct probe *probe, struct probe_handshake *one)
{
    const struct upstream *upstream = probe->tools->upstream;
    const struct check_target *target = probe->target;
    bool is_connected = false;
    if (!upstream_may_dial(upstream, &target->endpoint,
                           target->is_typed ? &target->endpoint.address : NULL))
        return REASON_UPSTREAM_ADDRESS_REFUSED;
    int descriptor = socket_connect(&target->endpoint, upstream->descriptor_limit, &is_connected);
    if (descriptor < 0)
        return socket_is_shortage(errno) ? REASON_OUT_OF_RESOURCES : REASON_PROBE_UNREACHABLE;
    if (socket_watch_start(upstream->poller, &one->watch, descriptor, on_ready) == 0)
        return REASON_ALLOWED;
    (void)close(descriptor);
    return REASON_OUT_OF_RESOURCES;
}

static bool is_connecting(const struct probe *probe)
{
    for (int i = 0; i < HANDSHAKES_MAX; i++)
        if (probe->handshakes[i].watch.descriptor >= 0 && probe->handshakes[i].handshake == NULL)
            return true;
    return false;
}

static struct probe *probe_of_timer(uv_timer_t *timer)
{
    return (struct probe *)((char *)timer - offsetof(struct probe, timer));
}

static void on_deadline(uv_timer_t *timer)
{
    struct probe *probe = probe_of_timer(timer);
    fail(probe, is_connecting(probe) ? REASON_PROBE_UNREACHABLE : REASON_PROBE_FAILED, false, NULL);
}

static void on_failed_start(uv_timer_t *timer)
{
    finish(probe_of_timer(timer));
}

/* What to offer: both kinds of keys one by one where each has to do. */
static void set_classes(struct probe *probe)
{
    const struct check_target *target = probe->target;
    bool is_split = target->class.keys == (HELLO_RSA | HELLO_ECDSA) &&
                    requirement_has_live_pin(target->requirement, probe->result.checked_s);
    probe->under_way = is_split ? 2 : 1;
    probe->handshakes[0].class = probe->handshakes[1].class = target->class;
    if (is_split) {
        probe->handshakes[0].class.keys = HELLO_ECDSA;
        probe->handshakes[1].class.keys = HELLO_RSA;
    }
}

static void connect_all(struct probe *probe)
{
    enum reason reason = REASON_ALLOWED;
    for (uint32_t i = 0; i < HANDSHAKES_MAX; i++) {
        struct probe_handshake *one = &probe->handshakes[i];
        one->probe = probe;
        one->watch.descriptor = -1;
        if (i < probe->under_way && reason == REASON_ALLOWED)
            reason = connect_one(probe, one);
    }
    if (reason == REASON_ALLOWED)
        return;
    for (uint32_t i = 0; i < HANDSHAKES_MAX; i++)
        close_handshake(&probe->handshakes[i]);
    probe->result.reason = reason;
    (void)uv_timer_start(&probe->timer, on_failed_start, 0,
                         0); /* nobody is told within the start */
}

struct probe *probe_start(const struct probe_tools *tools, const struct check_target *target,
                          probe_fn on_done, void *context)
{
    struct probe *probe = calloc(1, sizeof(*probe));
    if (probe == NULL)
        return NULL;
    *probe = (struct probe){ .tools = tools,
                             .target = target,
                             .on_done = on_done,
                             .context = context,
                             .result = { .reason = REASON_PROBE_FAILED,
                                         .checked_s = tools->realtime_s(),
                                         .not_before_s = INT64_MIN,
                                         .not_after_s = INT64_MAX } };
    struct text host = text_in(probe->host, sizeof(probe->host));
    host_name_add_to(&target->name, &host);
    (void)uv_timer_init(tools->upstream->loop, &probe->timer); /* always succeeds */
    (void)uv_timer_start(&probe->timer, on_deadline, tools->deadline_ms, 0);
    set_classes(probe);
    connect_all(probe);
    return probe;
}
