/* app/control.c - what the control thread waits for. */
#include "app/control.h"
#include "app/take_over.h"
#include "base/clock.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill_stop_signals(sigset_t *ret_signals)
{
    (void)sigemptyset(ret_signals);
    (void)sigaddset(ret_signals, SIGTERM);
    (void)sigaddset(ret_signals, SIGINT);
}

bool control_init(struct control *control, struct event_log *log, struct fault *fault)
{
    sigset_t stop_signals;
    (void)signal(SIGPIPE, SIG_IGN);
    fill_stop_signals(&stop_signals);
    (void)pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
    *control = (struct control){
        .log = log,
        .signals = signalfd(-1, &stop_signals, SFD_CLOEXEC | SFD_NONBLOCK),
        .drained = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    if (control->signals >= 0 && control->drained >= 0)
        return true;
    fault_what(fault, "can't start: out of descriptors or memory");
    return false;
}

void control_withdraw_offer(struct control *control)
{
    take_over_offer_free(control->offer);
    control->offer = NULL;
}

void control_release(struct control *control)
{
    control_withdraw_offer(control);
    if (control->signals >= 0)
        (void)close(control->signals);
    if (control->drained >= 0)
        (void)close(control->drained);
}

static void on_next_signal(int signal_number)
{
    (void)signal_number;
    _exit(1);
}

static void end_at_next_signal(struct control *control)
{
    struct sigaction action = { .sa_handler = on_next_signal };
    sigset_t stop_signals;
    fill_stop_signals(&stop_signals);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)pthread_sigmask(SIG_UNBLOCK, &stop_signals, NULL);
    (void)close(control->signals);
    control->signals = -1;
}

static bool take_signal(struct control *control)
{
    struct signalfd_siginfo info;
    if (read(control->signals, &info, sizeof(info)) != sizeof(info))
        return false;
    control->signal_number = (int)info.ssi_signo;
    end_at_next_signal(control);
    return true;
}

static bool take_drained(struct control *control)
{
    uint64_t count;
    if (read(control->drained, &count, sizeof(count)) == sizeof(count))
        control->drained_count += count;
    return control->drained_count > 0 && control->drained_count == control->worker_count;
}

static void log_peer(struct control *control, const char *event, const struct local_peer *peer)
{
    struct log_record *record = event_log_start(control->log, event);
    if (record == NULL)
        return;
    log_record_number(record, "pid", peer->process);
    log_record_number(record, "uid", peer->user);
    event_log_send(control->log);
}

/* True when a successor has taken over. */
static bool take_offer_step(struct control *control)
{
    struct local_peer peer;
    switch (take_over_offer_step(control->offer, &peer)) {
    case TAKE_OVER_GOES_ON:
        break;
    case TAKE_OVER_FOREIGN:
        log_peer(control, "hand_over_refused", &peer);
        break;
    case TAKE_OVER_FAILED:
        log_peer(control, "hand_over_failed", &peer);
        break;
    case TAKE_OVER_DONE:
        log_peer(control, "handed_over", &peer);
        if (control->signals >= 0)
            end_at_next_signal(control);
        return true;
    }
    return false;
}

/* poll()'s, which rounds nothing up by itself. */
static int timeout_until(int64_t until_ms)
{
    int64_t left_ms = until_ms - clock_monotonic_ms();
    if (until_ms == CONTROL_FOREVER)
        return -1;
    return left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* Does what is due on the loop, and returns poll()'s timeout until more may be: -1: never. */
static int run_loop(struct control *control)
{
    if (control->loop == NULL)
        return -1;
    (void)uv_run(control->loop, UV_RUN_NOWAIT);
    return uv_backend_timeout(control->loop);
}

/* The earlier of two of poll()'s timeouts. */
static int earlier(int left_ms, int right_ms)
{
    if (left_ms < 0 || right_ms < 0)
        return left_ms < 0 ? right_ms : left_ms;
    return left_ms < right_ms ? left_ms : right_ms;
}

enum control_event control_wait(struct control *control, int64_t until_ms)
{
    enum { SIGNALS, DRAINED, OFFER, LOOP, SOURCES };
    for (;;) {
        int loop_timeout = run_loop(control);
        struct pollfd source[SOURCES] = {
            [SIGNALS] = { control->signals, POLLIN, 0 }, /* poll() passes over a negative one */
            [DRAINED] = { control->drained, POLLIN, 0 },
            [OFFER] = { -1, POLLIN, 0 },
            [LOOP] = { control->loop != NULL ? uv_backend_fd(control->loop) : -1, POLLIN, 0 },
        };
        if (control->offer != NULL)
            source[OFFER].fd = take_over_offer_descriptor(control->offer);
        int ready = poll(source, SOURCES, earlier(timeout_until(until_ms), loop_timeout));
        if (ready == 0 && timeout_until(until_ms) == 0)
            return CONTROL_TIME_OVER;
        if (ready <= 0)
            continue;
        if (source[SIGNALS].revents != 0 && take_signal(control))
            return CONTROL_SIGNAL;
        if (source[DRAINED].revents != 0 && take_drained(control))
            return CONTROL_DRAINED;
        if (source[OFFER].revents != 0 && take_offer_step(control))
            return CONTROL_TAKEN_OVER;
    }
}
