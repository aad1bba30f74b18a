/* relay copy|splice|refuse LISTEN SERVER - a bare TCP relay without a policy: what the kernel
 * charges anyone for two connections and the bytes between them. One thread, edge-triggered. `copy`
 * reads and writes 64 KiB, `splice` moves up to 256 KiB through a pipe, `refuse` reads the hello
 * and closes. Runs until it is killed. */
#include "bench/gate/conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 256, BUFFER_BYTES = 64 * 1024, PIPE_BYTES = 256 * 1024 };

struct pair;

struct side {
    struct pair *pair;
    int descriptor;
    bool can_read, can_write, has_hung_up;
};

/* What came from one side and the other has not taken yet. */
struct transit {
    uint8_t *bytes;  /* copying */
    int pipe[2];     /* splicing; 0: none yet */
    size_t size, at; /* of `bytes`; `size` alone is what the pipe holds */
    bool has_ended;  /* and the end was passed on */
};

struct pair {
    struct side client, server;
    struct transit up, down;
    struct pair *next_over; /* freed when no event of this turn can name it any more */
    bool is_over;
};

struct relay {
    bool splices, refuses;
    int set, listener;
    struct sockaddr_in server;
    struct pair *over;
    uint8_t buffer[BUFFER_BYTES];
};

static void transit_close(struct transit *transit)
{
    free(transit->bytes);
    if (transit->pipe[0] > 0) {
        close(transit->pipe[0]);
        close(transit->pipe[1]);
    }
}

static void pair_close(struct relay *relay, struct pair *pair)
{
    pair->is_over = true;
    close(pair->client.descriptor);
    if (pair->server.descriptor > 0)
        close(pair->server.descriptor);
    transit_close(&pair->up);
    transit_close(&pair->down);
    pair->next_over = relay->over;
    relay->over = pair;
}

/* A read of `size` bytes that asked for `wanted`. False where nothing came. */
static bool note_read(struct side *from, struct transit *transit, ssize_t size, size_t wanted)
{
    bool is_empty = size < 0 && errno == EAGAIN;
    if (size == 0 || (size < 0 && !is_empty))
        transit->has_ended = true;
    if (is_empty || (size > 0 && (size_t)size < wanted && !from->has_hung_up))
        from->can_read = false; /* epoll(7): a short read has emptied the socket */
    return size > 0;
}

/* A write of which `size` bytes were taken; returns them. */
static size_t note_write(struct side *to, struct transit *transit, ssize_t size, size_t wanted)
{
    if (size < 0 && errno != EAGAIN)
        transit->has_ended = true;
    if (size < 0 || (size_t)size < wanted)
        to->can_write = false;
    return size > 0 ? (size_t)size : 0;
}

static void hold(struct transit *transit, const uint8_t *bytes, size_t size)
{
    transit->bytes = malloc(size);
    if (transit->bytes == NULL)
        conversation_fail("relay");
    memcpy(transit->bytes, bytes, size);
    transit->size = size;
    transit->at = 0;
}

/* Moves some bytes; false when it can't go on for now. */
static bool copy_some(struct relay *relay, struct side *from, struct side *to,
                      struct transit *transit)
{
    if (transit->bytes != NULL) {
        size_t left = transit->size - transit->at;
        transit->at += note_write(
            to, transit, send(to->descriptor, transit->bytes + transit->at, left, MSG_NOSIGNAL),
            left);
        if (transit->at < transit->size)
            return false;
        free(transit->bytes);
        transit->bytes = NULL;
    }
    ssize_t size = from->can_read ? recv(from->descriptor, relay->buffer, BUFFER_BYTES, 0) : 0;
    if (!from->can_read || !note_read(from, transit, size, BUFFER_BYTES))
        return false;
    ssize_t sent = send(to->descriptor, relay->buffer, (size_t)size, MSG_NOSIGNAL);
    size_t taken = note_write(to, transit, sent, (size_t)size);
    if (taken < (size_t)size)
        hold(transit, relay->buffer + taken, (size_t)size - taken);
    return true;
}

static void open_pipe(struct transit *transit)
{
    if (pipe2(transit->pipe, O_NONBLOCK) < 0)
        conversation_fail("relay: pipe");
    (void)fcntl(transit->pipe[1], F_SETPIPE_SZ, PIPE_BYTES); /* else it has 64 KiB, and goes on */
}

static bool splice_some(struct side *from, struct side *to, struct transit *transit)
{
    const unsigned flags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;
    if (transit->pipe[0] == 0)
        open_pipe(transit);
    if (transit->size == 0 && from->can_read) {
        ssize_t size = splice(from->descriptor, NULL, transit->pipe[1], NULL, PIPE_BYTES, flags);
        /* A full pipe makes a read short too, so only EAGAIN says that the socket is empty. */
        if (note_read(from, transit, size, 0))
            transit->size = (size_t)size;
    }
    if (transit->size == 0)
        return false;
    ssize_t sent = splice(transit->pipe[0], NULL, to->descriptor, NULL, transit->size, flags);
    transit->size -= note_write(to, transit, sent, 0);
    return true;
}

static void pump(struct relay *relay, struct side *from, struct side *to, struct transit *transit)
{
    if (transit->has_ended)
        return;
    while (to->can_write &&
           (relay->splices ? splice_some(from, to, transit) : copy_some(relay, from, to, transit)))
        ;
}

static void pair_ready(struct relay *relay, struct pair *pair)
{
    bool up_had_ended = pair->up.has_ended, down_had_ended = pair->down.has_ended;
    pump(relay, &pair->client, &pair->server, &pair->up);
    pump(relay, &pair->server, &pair->client, &pair->down);
    if (pair->up.has_ended && pair->down.has_ended) {
        pair_close(relay, pair);
        return;
    }
    if (pair->up.has_ended && !up_had_ended)
        (void)shutdown(pair->server.descriptor, SHUT_WR);
    if (pair->down.has_ended && !down_had_ended)
        (void)shutdown(pair->client.descriptor, SHUT_WR);
}

static void refuse(struct relay *relay, struct pair *pair)
{
    ssize_t size = recv(pair->client.descriptor, relay->buffer, BUFFER_BYTES, 0);
    if (size >= 0 || errno != EAGAIN)
        pair_close(relay, pair);
}

static void side_ready(struct relay *relay, struct side *side, uint32_t events)
{
    struct pair *pair = side->pair;
    if (pair->is_over)
        return;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        side->has_hung_up = true;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        side->can_read = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        side->can_write = true;
    if (relay->refuses && side->can_read)
        refuse(relay, pair);
    else if (!relay->refuses)
        pair_ready(relay, pair);
}

static void watch(const struct relay *relay, struct side *side)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = side };
    if (epoll_ctl(relay->set, EPOLL_CTL_ADD, side->descriptor, &event) < 0)
        conversation_fail("relay: epoll_ctl");
}

static void pair_open(const struct relay *relay, int client)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    if (pair == NULL)
        conversation_fail("relay");
    pair->client = (struct side){ .pair = pair, .descriptor = client };
    pair->server = (struct side){ .pair = pair };
    if (!relay->refuses) {
        pair->server.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (pair->server.descriptor < 0 ||
            (connect(pair->server.descriptor, (const struct sockaddr *)&relay->server,
                     sizeof(relay->server)) < 0 &&
             errno != EINPROGRESS))
            conversation_fail("relay: cannot connect");
        watch(relay, &pair->server);
    }
    watch(relay, &pair->client);
}

static void accept_all(const struct relay *relay)
{
    int descriptor;
    while ((descriptor = accept4(relay->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
        pair_open(relay, descriptor);
    if (errno != EAGAIN)
        conversation_fail("relay: cannot accept");
}

static void run_turn(struct relay *relay)
{
    struct epoll_event ready[EVENTS_PER_TURN];
    int count = epoll_wait(relay->set, ready, EVENTS_PER_TURN, -1);
    for (int i = 0; i < count; i++) {
        if (ready[i].data.ptr == NULL)
            accept_all(relay);
        else
            side_ready(relay, ready[i].data.ptr, ready[i].events);
    }
    while (relay->over != NULL) {
        struct pair *pair = relay->over;
        relay->over = pair->next_over;
        free(pair);
    }
}

int main(int argument_count, char **arguments)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    if (argument_count != 4) {
        fprintf(stderr, "usage: relay copy|splice|refuse LISTEN SERVER\n");
        return 2;
    }
    struct sockaddr_in address = conversation_address(arguments[2]);
    struct relay *relay = calloc(1, sizeof(*relay));
    if (relay == NULL)
        conversation_fail("relay");
    relay->splices = strcmp(arguments[1], "splice") == 0;
    relay->refuses = strcmp(arguments[1], "refuse") == 0;
    relay->server = conversation_address(arguments[3]);
    relay->set = epoll_create1(0);
    relay->listener = conversation_listen(&address);
    if (epoll_ctl(relay->set, EPOLL_CTL_ADD, relay->listener, &event) < 0)
        conversation_fail("relay: epoll_ctl");
    puts("ready");
    fflush(stdout);
    for (;;)
        run_turn(relay);
}
