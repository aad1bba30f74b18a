/* net/poller.c - readiness of many sockets through one edge-triggered epoll set. */
#include "net/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 128 };

struct poller {
    uv_poll_t handle;
    int set;
    struct epoll_event events[EVENTS_PER_TURN];
    int event_count, event_at;     /* of the turn that is being delivered */
    struct socket_watch **watches; /* by descriptor; NULL: none */
    size_t watch_capacity;
};

static void on_set_ready(uv_poll_t *handle, int status, int events)
{
    struct poller *poller = handle->data;
    (void)status; /* an error of the set itself shows in epoll_wait */
    (void)events;
    int count = epoll_wait(poller->set, poller->events, EVENTS_PER_TURN, 0);
    poller->event_count =
        count > 0 ? count : 0; /* the set is level-triggered: EINTR comes back as readiness */
    for (poller->event_at = 0; poller->event_at < poller->event_count; poller->event_at++) {
        struct epoll_event *event = &poller->events[poller->event_at];
        struct socket_watch *watch = event->data.fd >= 0 ? poller->watches[event->data.fd] : NULL;
        if (watch != NULL)
            watch->on_ready(watch, event->events);
    }
    poller->event_count = 0;
}

struct poller *poller_new(uv_loop_t *loop, int *ret_error)
{
    struct poller *poller = calloc(1, sizeof(*poller));
    int error = poller != NULL ? 0 : UV_ENOMEM;
    if (error == 0) {
        poller->set = epoll_create1(EPOLL_CLOEXEC);
        error = poller->set >= 0 ? uv_poll_init(loop, &poller->handle, poller->set) : -errno;
    }
    if (error < 0) {
        if (poller != NULL && poller->set >= 0)
            (void)close(poller->set);
        free(poller);
        *ret_error = error;
        return NULL;
    }
    poller->handle.data = poller;
    (void)uv_poll_start(&poller->handle, UV_READABLE,
                        on_set_ready); /* fails for a closing handle alone */
    return poller;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct poller *poller = handle->data;
    (void)close(poller->set);
    free(poller->watches);
    free(poller);
}

void poller_free(struct poller *poller)
{
    if (poller != NULL)
        uv_close((uv_handle_t *)&poller->handle, on_handle_closed);
}

/* Descriptors are the lowest numbers there are, so a plain array stays small. */
static bool make_room(struct poller *poller, size_t descriptor)
{
    size_t capacity = 2 * poller->watch_capacity > 64 ? 2 * poller->watch_capacity : 64;
    if (descriptor < poller->watch_capacity)
        return true;
    if (capacity <= descriptor)
        capacity = descriptor + 1;
    struct socket_watch **watches =
        realloc(poller->watches, capacity * sizeof(struct socket_watch *));
    if (watches == NULL)
        return false;
    for (size_t i = poller->watch_capacity; i < capacity; i++)
        watches[i] = NULL;
    poller->watches = watches;
    poller->watch_capacity = capacity;
    return true;
}

int socket_watch_start(struct poller *poller, struct socket_watch *watch, int descriptor,
                       socket_watch_fn on_ready)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.fd = descriptor };
    if (!make_room(poller, (size_t)descriptor))
        return UV_ENOMEM;
    if (epoll_ctl(poller->set, EPOLL_CTL_ADD, descriptor, &event) < 0)
        return -errno;
    *watch = (struct socket_watch){ descriptor, on_ready, poller };
    poller->watches[descriptor] = watch;
    return 0;
}

/* Events of this turn may still name the descriptor, which may be another socket's when their turn
 * comes. */
static void drop_pending_events(const struct socket_watch *watch)
{
    struct poller *poller = watch->poller;
    for (int i = poller->event_at; i < poller->event_count; i++)
        if (poller->events[i].data.fd == watch->descriptor)
            poller->events[i].data.fd = -1;
}

void socket_watch_close_shared(struct socket_watch *watch)
{
    if (watch->descriptor >= 0 && watch->poller != NULL) /* it is in the set, and leaves it */
        (void)epoll_ctl(watch->poller->set, EPOLL_CTL_DEL, watch->descriptor, NULL);
    socket_watch_close(watch);
}

void socket_watch_close(struct socket_watch *watch)
{
    if (watch->descriptor < 0 || watch->poller == NULL)
        return;
    drop_pending_events(watch);
    watch->poller->watches[watch->descriptor] = NULL;
    (void)close(watch->descriptor); /* leaves the set by itself: nobody else has it open */
    watch->descriptor = -1;
    watch->poller = NULL;
}

void socket_watch_move(struct socket_watch *from, struct socket_watch *to)
{
    *to = *from;
    to->poller->watches[to->descriptor] = to;
    from->descriptor = -1;
    from->poller = NULL;
}
