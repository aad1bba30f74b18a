/* net/relay.c - bytes both ways between two connected sockets. */
#include "net/relay.h"
#include "base/counter.h"
#include "net/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Asked of the kernel at once; and what makes a turn's worth a large stream's no more. */
enum { SPLICE_BYTES = 1024 * 1024, TRICKLE_BYTES = RELAY_BUFFER_BYTES / 2 };

enum { PIPES_MAX = 256 };

TAILQ_HEAD(relay_list, relay);

struct relay_pool {
    uv_idle_t next_turn;    /* active while `busy` has members */
    struct relay_list busy; /* in the order of their next turns */
    uint64_t turn;
    struct pipe_pool *pipes; /* owned */
    _Atomic uint64_t bytes_up, bytes_down;
    uint8_t buffer[RELAY_BUFFER_BYTES];
};

static void on_next_turn(uv_idle_t *handle);

struct relay_pool *relay_pool_new(uv_loop_t *loop)
{
    struct relay_pool *pool = malloc(sizeof(*pool));
    struct pipe_pool *pipes = pipe_pool_new(PIPES_MAX);
    if (pool == NULL || pipes == NULL) {
        pipe_pool_free(pipes);
        free(pool);
        return NULL;
    }
    pool->pipes = pipes;
    TAILQ_INIT(&pool->busy);
    pool->turn = 0;
    atomic_init(&pool->bytes_up, 0);
    atomic_init(&pool->bytes_down, 0);
    uv_idle_init(loop, &pool->next_turn);
    pool->next_turn.data = pool;
    return pool;
}

static void on_pool_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void relay_pool_free(struct relay_pool *pool)
{
    if (pool == NULL)
        return;
    assert(TAILQ_EMPTY(&pool->busy));
    pipe_pool_free(pool->pipes);
    uv_close((uv_handle_t *)&pool->next_turn, on_pool_closed);
}

struct relay_bytes relay_pool_bytes(const struct relay_pool *pool)
{
    return (struct relay_bytes){ counter_read(&pool->bytes_up), counter_read(&pool->bytes_down) };
}

static void set_busy(struct relay *relay, bool is_busy)
{
    struct relay_pool *pool = relay->pool;
    if (relay->is_busy == is_busy)
        return;
    relay->is_busy = is_busy;
    relay->busy_since = pool->turn;
    if (is_busy)
        TAILQ_INSERT_TAIL(&pool->busy, relay, busy);
    else
        TAILQ_REMOVE(&pool->busy, relay, busy);
    if (TAILQ_EMPTY(&pool->busy))
        uv_idle_stop(&pool->next_turn);
    else
        uv_idle_start(&pool->next_turn, on_next_turn);
}

static void drop_held(struct relay_flow *flow)
{
    free(flow->held);
    flow->held = NULL;
}

static void give_pipe_back(struct relay *relay, struct relay_flow *flow)
{
    pipe_pool_give_back(relay->pool->pipes, &flow->pipe, flow->in_pipe == 0);
    flow->in_pipe = 0;
}

static void finish_flow(struct relay *relay, struct relay_flow *flow)
{
    drop_held(flow);
    give_pipe_back(relay, flow);
    flow->finished = true;
}

static void give_up(struct relay *relay)
{
    relay->end = RELAY_FAILED;
    finish_flow(relay, &relay->up);
    finish_flow(relay, &relay->down);
}

/* A side is gone. What it sent before is still passed on; what it was to receive can't be. */
static void lose_side(struct relay *relay, const struct socket_watch *side, int error)
{
    bool is_client = side == relay->up.from;
    struct relay_flow *from_it = is_client ? &relay->up : &relay->down;
    finish_flow(relay, is_client ? &relay->down : &relay->up);
    from_it->can_read = from_it->hung_up = true;
    if (relay->end != RELAY_CLOSED)
        return; /* the first loss names the end */
    if (error != ECONNRESET && error != EPIPE)
        relay->end = RELAY_FAILED;
    else
        relay->end = is_client ? RELAY_CLIENT_RESET : RELAY_SERVER_RESET;
}

/* Where the end was announced already, the last bytes leave together with it. */
static int send_flags(const struct relay_flow *flow)
{
    return flow->hung_up && !flow->ended ? MSG_MORE : 0;
}

/* Nagle's algorithm is of no harm to a server's first bytes, and most short exchanges have no more.
 */
static void hurry_server(struct relay *relay, const struct relay_flow *flow)
{
    if (flow != &relay->up || relay->is_hurried)
        return;
    relay->is_hurried = true;
    socket_set_no_delay(flow->to->descriptor);
}

static void count_bytes(struct relay *relay, struct relay_flow *flow, size_t size)
{
    bool is_up = flow == &relay->up;
    flow->bytes += size;
    counter_add(is_up ? &relay->pool->bytes_up : &relay->pool->bytes_down, size);
}

/* Gives bytes to `to`; returns how many it took. */
static size_t send_some(struct relay *relay, struct relay_flow *flow, const uint8_t *bytes,
                        size_t size)
{
    hurry_server(relay, flow);
    ssize_t sent = socket_send(flow->to->descriptor, bytes, size, send_flags(flow));
    if (sent < 0 && errno != EAGAIN)
        lose_side(relay, flow->to, errno);
    size_t taken = sent > 0 ? (size_t)sent : 0;
    if (taken < size)
        flow->can_write = false; /* epoll(7): the kernel tells when it takes more */
    count_bytes(relay, flow, taken);
    return taken;
}

static void send_held(struct relay *relay, struct relay_flow *flow)
{
    flow->held_sent +=
        send_some(relay, flow, flow->held + flow->held_sent, flow->held_size - flow->held_sent);
    if (flow->held_sent == flow->held_size)
        drop_held(flow);
}

static void hold(struct relay *relay, struct relay_flow *flow, const uint8_t *bytes, size_t size)
{
    flow->held = malloc(size);
    if (flow->held == NULL) {
        give_up(relay);
        return;
    }
    memcpy(flow->held, bytes, size);
    flow->held_size = size;
    flow->held_sent = 0;
}

/* What one attempt to read gave: `size` bytes, the end, or (negative) errno's reason. */
static void judge_reading(struct relay *relay, struct relay_flow *flow, ssize_t size)
{
    if (size > 0)
        return;
    flow->can_read = false;
    if (size < 0 && errno == EAGAIN) {
        flow->hung_up = false; /* there was no end after all */
        return;
    }
    flow->ended = true;
    if (size < 0)
        lose_side(relay, flow->from, errno);
}

/* Copying */

/* Reads once; returns the bytes now in the pool's buffer. */
static size_t receive_some(struct relay *relay, struct relay_flow *flow)
{
    ssize_t size =
        socket_receive(flow->from->descriptor, relay->pool->buffer, RELAY_BUFFER_BYTES, 0);
    judge_reading(relay, flow, size);
    if (size <= 0)
        return 0;
    flow->moves_in_kernel = size == RELAY_BUFFER_BYTES;
    if (size < RELAY_BUFFER_BYTES && !flow->hung_up)
        flow->can_read = false; /* epoll(7): a short read has emptied the socket */
    return (size_t)size;
}

static size_t copy_some(struct relay *relay, struct relay_flow *flow)
{
    size_t size = receive_some(relay, flow);
    size_t taken = size > 0 ? send_some(relay, flow, relay->pool->buffer, size) : 0;
    if (taken < size && !flow->finished)
        hold(relay, flow, relay->pool->buffer + taken, size - taken);
    return size;
}

/* Moving in the kernel */

/* Fills the pipe; returns how many bytes came. */
static size_t fill_pipe(struct relay *relay, struct relay_flow *flow)
{
    ssize_t size;
    do
        size = splice(flow->from->descriptor, NULL, flow->pipe.write_end, NULL, SPLICE_BYTES,
                      SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EINVAL) { /* not of this kind of socket */
        relay->can_splice = false;
        give_pipe_back(relay, flow);
        return 0;
    }
    judge_reading(relay, flow, size);
    flow->in_pipe = size > 0 ? (size_t)size : 0;
    return flow->in_pipe;
}

static void drain_pipe(struct relay *relay, struct relay_flow *flow)
{
    ssize_t size;
    do
        size = splice(flow->pipe.read_end, NULL, flow->to->descriptor, NULL, flow->in_pipe,
                      SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    while (size < 0 && errno == EINTR);
    size_t taken = size > 0 ? (size_t)size : 0;
    flow->in_pipe -= taken;
    count_bytes(relay, flow, taken);
    if (size < 0 && errno == EAGAIN)
        flow->can_write = false;
    else if (size <= 0)
        lose_side(relay, flow->to, size < 0 ? errno : EPIPE);
}

/* Has a pipe to move bytes through, or gets one. */
static bool has_pipe(struct relay *relay, struct relay_flow *flow)
{
    if (flow->pipe.read_end >= 0)
        return true;
    return flow->moves_in_kernel && relay->can_splice &&
           pipe_pool_lend(relay->pool->pipes, &flow->pipe);
}

/* Either way */

static bool holds_bytes(const struct relay_flow *flow)
{
    return flow->held != NULL || flow->in_pipe > 0;
}

/* Passes on what was read before; false while some is left. */
static bool pass_held_on(struct relay *relay, struct relay_flow *flow)
{
    if (flow->held != NULL && flow->can_write)
        send_held(relay, flow);
    while (flow->in_pipe > 0 && flow->can_write && !flow->finished)
        drain_pipe(relay, flow);
    return !holds_bytes(flow);
}

/* All that came was passed on: so is the end, unless a side is lost and the whole connection with
 * it, or the other direction has ended too and both are about to be closed. */
static void pass_end_on(struct relay *relay, struct relay_flow *flow)
{
    const struct relay_flow *other = flow == &relay->up ? &relay->down : &relay->up;
    finish_flow(relay, flow);
    if (relay->end == RELAY_CLOSED && !other->finished)
        (void)shutdown(flow->to->descriptor, SHUT_WR); /* fails only where the side is gone */
}

/* Passes bytes on until a side blocks, the flow is finished, or its share of this turn is used up.
 */
static void run_flow(struct relay *relay, struct relay_flow *flow)
{
    size_t passed = 0;
    while (!flow->finished && passed < RELAY_TURN_BYTES && pass_held_on(relay, flow) &&
           !flow->finished) {
        if (flow->ended) {
            pass_end_on(relay, flow);
            return;
        }
        if (!flow->can_read)
            break;
        passed += has_pipe(relay, flow) ? fill_pipe(relay, flow) : copy_some(relay, flow);
    }
    if (!flow->can_read && passed < TRICKLE_BYTES)
        flow->moves_in_kernel = false;
    if (flow->in_pipe == 0)
        give_pipe_back(relay, flow);
}

static bool has_more(const struct relay_flow *flow)
{
    if (flow->finished)
        return false;
    return holds_bytes(flow) ? flow->can_write : flow->can_read || flow->ended;
}

static void run(struct relay *relay)
{
    run_flow(relay, &relay->up);
    run_flow(relay, &relay->down);
    bool is_over = relay->up.finished && relay->down.finished;
    set_busy(relay, !is_over && (has_more(&relay->up) || has_more(&relay->down)));
    if (is_over)
        relay->on_end(relay, relay->end);
}

/* Gives each busy relay one turn; those that have more to do after it queue up for the next. */
static void on_next_turn(uv_idle_t *handle)
{
    struct relay_pool *pool = handle->data;
    struct relay *relay;
    pool->turn++;
    while ((relay = TAILQ_FIRST(&pool->busy)) != NULL && relay->busy_since != pool->turn) {
        set_busy(relay, false);
        run(relay);
    }
}

static void note_events(struct relay *relay, enum relay_side side, uint32_t events)
{
    struct relay_flow *from_it = side == RELAY_CLIENT ? &relay->up : &relay->down;
    struct relay_flow *to_it = side == RELAY_CLIENT ? &relay->down : &relay->up;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        from_it->hung_up = true;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        from_it->can_read = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        to_it->can_write = true;
}

static struct relay_flow flow_between(struct socket_watch *from, struct socket_watch *to,
                                      const struct relay_preface *preface)
{
    struct relay_flow flow = { .from = from, .to = to, .pipe = { -1, -1 }, .can_write = true };
    if (preface->sent < preface->size) {
        flow.held = preface->bytes;
        flow.held_size = preface->size;
        flow.held_sent = preface->sent;
    } else {
        free(preface->bytes);
    }
    return flow;
}

void relay_start(struct relay *relay, struct relay_pool *pool, struct socket_watch *client,
                 struct socket_watch *server, const struct relay_preface prefaces[2],
                 relay_fn on_end)
{
    *relay = (struct relay){
        .pool = pool,
        .up = flow_between(client, server, &prefaces[RELAY_CLIENT]),
        .down = flow_between(server, client, &prefaces[RELAY_SERVER]),
        .end = RELAY_CLOSED,
        .on_end = on_end,
        .can_splice = true,
    };
    note_events(relay, RELAY_CLIENT, prefaces[RELAY_CLIENT].events);
    note_events(relay, RELAY_SERVER, prefaces[RELAY_SERVER].events);
    run(relay);
}

void relay_ready(struct relay *relay, enum relay_side side, uint32_t events)
{
    note_events(relay, side, events);
    if (!relay->is_busy) /* else its turn comes */
        run(relay);
}

void relay_stop(struct relay *relay)
{
    if (relay->is_busy)
        set_busy(relay, false);
    if (relay->pool == NULL)
        return; /* it never started */
    finish_flow(relay, &relay->up);
    finish_flow(relay, &relay->down);
}
