/* net/relay.c - bytes both ways between two connected sockets. */
#include "net/relay.h"
#include "net/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

TAILQ_HEAD(relay_list, relay);

struct relay_pool {
    uv_idle_t next_turn;    /* active while `busy` has members */
    struct relay_list busy; /* in the order of their next turns */
    uint64_t turn;
    uint8_t buffer[RELAY_BUFFER_BYTES];
};

static void on_next_turn(uv_idle_t *handle);

struct relay_pool *relay_pool_new(uv_loop_t *loop)
{
    struct relay_pool *pool = malloc(sizeof(*pool));
    if (pool == NULL)
        return NULL;
    TAILQ_INIT(&pool->busy);
    pool->turn = 0;
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
    uv_close((uv_handle_t *)&pool->next_turn, on_pool_closed);
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

static void finish_flow(struct relay_flow *flow)
{
    drop_held(flow);
    flow->finished = true;
}

static void give_up(struct relay *relay)
{
    relay->end = RELAY_FAILED;
    finish_flow(&relay->up);
    finish_flow(&relay->down);
}

/* A side is gone. What it sent before is still passed on; what it was to receive can't be. */
static void lose_side(struct relay *relay, const struct socket_watch *side, int error)
{
    bool is_client = side == relay->up.from;
    struct relay_flow *from_it = is_client ? &relay->up : &relay->down;
    finish_flow(is_client ? &relay->down : &relay->up);
    from_it->can_read = from_it->hung_up = true;
    if (relay->end != RELAY_CLOSED)
        return; /* the first loss names the end */
    if (error != ECONNRESET && error != EPIPE)
        relay->end = RELAY_FAILED;
    else
        relay->end = is_client ? RELAY_CLIENT_RESET : RELAY_SERVER_RESET;
}

/* Gives bytes to `to`; returns how many it took. */
static size_t send_some(struct relay *relay, struct relay_flow *flow, const uint8_t *bytes,
                        size_t size)
{
    ssize_t sent;
    do
        sent = send(flow->to->descriptor, bytes, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN)
        lose_side(relay, flow->to, errno);
    size_t taken = sent > 0 ? (size_t)sent : 0;
    if (taken < size)
        flow->can_write = false; /* epoll(7): the kernel tells when it takes more */
    flow->bytes += taken;
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

/* Reads once; returns the bytes now in the pool's buffer. */
static size_t receive_some(struct relay *relay, struct relay_flow *flow)
{
    ssize_t size;
    do
        size = recv(flow->from->descriptor, relay->pool->buffer, RELAY_BUFFER_BYTES, 0);
    while (size < 0 && errno == EINTR);
    if (size > 0) {
        if (size < RELAY_BUFFER_BYTES && !flow->hung_up)
            flow->can_read = false; /* epoll(7): a short read has emptied the socket */
        return (size_t)size;
    }
    flow->can_read = false;
    if (size < 0 && errno == EAGAIN) {
        flow->hung_up = false; /* there was no end after all */
        return 0;
    }
    flow->ended = true;
    if (size < 0)
        lose_side(relay, flow->from, errno);
    return 0;
}

/* All that came was passed on: so is the end, unless a side is lost and the whole connection with
 * it. */
static void pass_end_on(struct relay *relay, struct relay_flow *flow)
{
    finish_flow(flow);
    if (relay->end == RELAY_CLOSED)
        (void)shutdown(flow->to->descriptor, SHUT_WR); /* fails only where the side is gone */
}

/* Passes bytes on until a side blocks, the flow is finished, or its share of this turn is used up.
 */
static void run_flow(struct relay *relay, struct relay_flow *flow)
{
    size_t share = RELAY_TURN_BYTES;
    while (!flow->finished && share > 0) {
        if (flow->held != NULL && flow->can_write)
            send_held(relay, flow);
        if (flow->held != NULL || flow->finished)
            return;
        if (flow->ended) {
            pass_end_on(relay, flow);
            return;
        }
        if (!flow->can_read)
            return;
        size_t size = receive_some(relay, flow);
        size_t taken = size > 0 ? send_some(relay, flow, relay->pool->buffer, size) : 0;
        if (taken < size && !flow->finished)
            hold(relay, flow, relay->pool->buffer + taken, size - taken);
        share -= size < share ? size : share;
    }
}

static bool has_more(const struct relay_flow *flow)
{
    if (flow->finished)
        return false;
    return flow->held != NULL ? flow->can_write : flow->can_read || flow->ended;
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

void relay_start(struct relay *relay, struct relay_pool *pool, struct socket_watch *client,
                 struct socket_watch *server, struct relay_preface preface, relay_fn on_end)
{
    /* Events that came before were not ours to see; either side may have ended already. */
    *relay = (struct relay){
        .pool = pool,
        .up = { .from = client,
                .to = server,
                .can_read = true,
                .can_write = true,
                .hung_up = true },
        .down = { .from = server,
                  .to = client,
                  .can_read = true,
                  .can_write = true,
                  .hung_up = true },
        .end = RELAY_CLOSED,
        .on_end = on_end,
    };
    relay->up.held = preface.bytes;
    relay->up.held_size = preface.size;
    socket_set_no_delay(client->descriptor);
    socket_set_no_delay(server->descriptor);
    run(relay);
}

void relay_ready(struct relay *relay, enum relay_side side, uint32_t events)
{
    struct relay_flow *from_it = side == RELAY_CLIENT ? &relay->up : &relay->down;
    struct relay_flow *to_it = side == RELAY_CLIENT ? &relay->down : &relay->up;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        from_it->hung_up = true;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        from_it->can_read = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        to_it->can_write = true;
    if (!relay->is_busy) /* else its turn comes */
        run(relay);
}

void relay_stop(struct relay *relay)
{
    if (relay->is_busy)
        set_busy(relay, false);
    drop_held(&relay->up);
    drop_held(&relay->down);
}
