/* app/control.h - what the control thread waits for: signals, a successor that takes the sockets
 * over, workers that have nothing left to do. */
#pragma once
#include "app/event_log.h"

#include <stdint.h>
#include <uv.h>

struct take_over_offer;

enum control_event {
    CONTROL_TIME_OVER = 0,
    CONTROL_SIGNAL,     /* SIGTERM or SIGINT; the next one ends the process at once */
    CONTROL_TAKEN_OVER, /* from now on too, a signal ends the process at once */
    CONTROL_DRAINED,    /* all workers are */
};

/* Belongs to the control thread. */
struct control {
    uv_loop_t *loop;       /* borrowed; runs while control_wait() waits. NULL: none */
    struct event_log *log; /* borrowed */
    int signals;           /* a signalfd; -1 once a signal ends the process at once */
    int signal_number;     /* that came */
    int drained;           /* an eventfd: each worker adds 1 when it has nothing left to do */
    uint64_t drained_count, worker_count;
    struct take_over_offer *offer; /* owned; NULL: none */
};

/* `until_ms` of a wait without end. */
#define CONTROL_FOREVER INT64_MAX

/* Blocks the signals that end the process, in this thread and those that it starts later; nothing
 * dies of a closed pipe. False with a fault; release it all the same. */
bool control_init(struct control *control, struct event_log *log, struct fault *fault);
void control_release(struct control *control);

/* Waits until something happens, or the monotonic clock says `until_ms`. What came to nothing is
 * logged, and waited on. */
enum control_event control_wait(struct control *control, int64_t until_ms);

/* Offers the sockets no more. */
void control_withdraw_offer(struct control *control);
