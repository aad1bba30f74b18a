/* server ADDRESS:PORT - the server behind the gates: greets each client and grants what its hello
 * wishes for. conversation.h says how. Runs until it is killed. */
#include "bench/gate/conversation.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 256 };

struct server {
    int set;
    int listener;
    uint8_t greeting[GREETING_BYTES];
    uint8_t block[BLOCK_BYTES];
};

struct connection {
    int descriptor;
    uint8_t bytes[HELLO_BYTES]; /* the hello, then requests */
    size_t size;
    bool has_hello;
    uint64_t wish;
    uint64_t sent; /* of what was wished for */
};

static void connection_close(struct connection *connection)
{
    close(connection->descriptor);
    free(connection);
}

/* Sends what the socket takes; false when the connection is over. */
static bool send_download(const struct server *server, struct connection *connection)
{
    while (connection->sent < connection->wish) {
        size_t at = connection->sent % BLOCK_BYTES;
        uint64_t left = connection->wish - connection->sent;
        size_t size = left < BLOCK_BYTES - at ? (size_t)left : BLOCK_BYTES - at;
        ssize_t sent = send(connection->descriptor, server->block + at, size, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN;
        connection->sent += (uint64_t)sent;
    }
    return false;
}

/* A request is whole at once or not at all as long as one is outstanding. */
static bool echo_requests(struct connection *connection)
{
    for (;;) {
        ssize_t size = recv(connection->descriptor, connection->bytes, REQUEST_BYTES, 0);
        if (size <= 0)
            return size < 0 && errno == EAGAIN;
        if (send(connection->descriptor, connection->bytes, (size_t)size, MSG_NOSIGNAL) != size)
            return false;
        if (size < REQUEST_BYTES)
            return true; /* epoll(7): a short read has emptied the socket */
    }
}

/* Reads the hello and greets. False when the connection is over. */
static bool take_hello(const struct server *server, struct connection *connection)
{
    ssize_t size = recv(connection->descriptor, connection->bytes + connection->size,
                        HELLO_BYTES - connection->size, 0);
    if (size <= 0)
        return size < 0 && errno == EAGAIN;
    connection->size += (size_t)size;
    if (connection->size < HELLO_BYTES)
        return true;
    connection->has_hello = true;
    connection->wish = conversation_wish(connection->bytes);
    return send(connection->descriptor, server->greeting, GREETING_BYTES,
                MSG_NOSIGNAL |
                    (connection->wish > 0 && connection->wish != WISH_ECHO ? MSG_MORE : 0)) ==
           GREETING_BYTES;
}

static void connection_ready(const struct server *server, struct connection *connection,
                             uint32_t events)
{
    bool goes_on = (events & (EPOLLERR | EPOLLHUP)) == 0;
    if (goes_on && !connection->has_hello)
        goes_on = take_hello(server, connection);
    if (goes_on && connection->has_hello)
        goes_on = connection->wish == WISH_ECHO ? echo_requests(connection)
                                                : send_download(server, connection);
    if (!goes_on)
        connection_close(connection);
}

static void accept_all(const struct server *server)
{
    int descriptor;
    while ((descriptor = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *connection = calloc(1, sizeof(*connection));
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                     .data.ptr = connection };
        if (connection == NULL || epoll_ctl(server->set, EPOLL_CTL_ADD, descriptor, &event) < 0)
            conversation_fail("server: cannot take a connection");
        connection->descriptor = descriptor;
    }
    if (errno != EAGAIN)
        conversation_fail("server: cannot accept");
}

int main(int argument_count, char **arguments)
{
    struct epoll_event ready[EVENTS_PER_TURN], event = { .events = EPOLLIN | EPOLLET };
    if (argument_count != 2) {
        fprintf(stderr, "usage: server ADDRESS:PORT\n");
        return 2;
    }
    struct sockaddr_in address = conversation_address(arguments[1]);
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        conversation_fail("server");
    conversation_greeting(server->greeting);
    conversation_block(server->block);
    server->set = epoll_create1(0);
    server->listener = conversation_listen(&address);
    if (epoll_ctl(server->set, EPOLL_CTL_ADD, server->listener, &event) < 0)
        conversation_fail("server: epoll_ctl");
    puts("ready");
    fflush(stdout);

    for (;;) {
        int count = epoll_wait(server->set, ready, EVENTS_PER_TURN, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.ptr == NULL)
                accept_all(server);
            else
                connection_ready(server, ready[i].data.ptr, ready[i].events);
        }
    }
}
