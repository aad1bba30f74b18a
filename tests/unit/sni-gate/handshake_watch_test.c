/* tests/unit/sni-gate/handshake_watch_test.c - what a client sent before its server failed goes to
 * the next one. */
#include "sni-gate/handshake_watch.h"

#include "client_hellos.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EARLY_DATA   "\x17\3\3\0\2ab"
#define HELD_BACK    "\x16\3\3\0\1a"
#define SERVER_ALERT "\x15\3\3\0\2\2\x28"

/* Two connected sockets: the one that is watched, and the far end's. */
struct pair {
    struct socket_watch watch;
    int far;
};

static struct pair make_pair(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    return (struct pair){ { .descriptor = ends[0] }, ends[1] };
}

static void end_pair(struct pair *pair)
{
    (void)close(pair->watch.descriptor);
    if (pair->far >= 0)
        (void)close(pair->far);
}

static void hang_up(struct pair *pair)
{
    (void)close(pair->far);
    pair->far = -1;
}

static void say(const struct pair *pair, const char *bytes, size_t size)
{
    assert_int_equal(send(pair->far, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void assert_received(const struct pair *pair, const uint8_t *bytes, size_t size)
{
    uint8_t received[2048];
    assert_int_equal(recv(pair->far, received, sizeof(received), 0), (ssize_t)size);
    assert_memory_equal(received, bytes, size);
}

/* A hello from the client's far end, read. */
static size_t read_hello(const struct pair *client, struct hello_reader *reader,
                         uint8_t ret_records[1024])
{
    size_t size = make_hello_records("a.example.com", 1024, ret_records);
    hello_reader_init(reader);
    say(client, (const char *)ret_records, size);
    assert_int_equal(hello_reader_read(reader, client->watch.descriptor), HELLO_NAMED);
    return size;
}

static void starts_over_with_all_that_came(void **state)
{
    (void)state;
    struct pair client = make_pair(), first = make_pair(), second = make_pair();
    struct hello_reader hello;
    struct handshake_watch watch;
    struct relay_preface prefaces[2];
    uint8_t records[1024];
    size_t size = read_hello(&client, &hello, records);
    struct watch_sides sides = { .client = &client.watch, .server = &first.watch };
    assert_int_equal(handshake_watch_start(&watch, &sides, &hello), WATCH_GOES_ON);
    assert_received(&first, records, size);
    say(&client, HELD_BACK, sizeof(HELD_BACK) - 1);
    assert_int_equal(handshake_watch_client_ready(&watch, EPOLLIN), WATCH_GOES_ON);
    hang_up(&first);
    assert_int_equal(handshake_watch_server_ready(&watch, EPOLLIN | EPOLLRDHUP), WATCH_SERVER_LOST);
    assert_true(handshake_watch_can_start_over(&watch));

    sides.server = &second.watch;
    assert_int_equal(handshake_watch_start_over(&watch, &sides), WATCH_GOES_ON);
    assert_received(&second, records, size);
    say(&second, SERVER_ALERT, sizeof(SERVER_ALERT) - 1);
    assert_int_equal(handshake_watch_server_ready(&watch, EPOLLIN), WATCH_SEEN);
    assert_int_equal(watch.up.passed, size);
    assert_true(handshake_watch_take_prefaces(&watch, prefaces));
    assert_int_equal(prefaces[RELAY_CLIENT].size, sizeof(HELD_BACK) - 1);
    assert_int_equal(prefaces[RELAY_CLIENT].sent, 0);
    assert_memory_equal(prefaces[RELAY_CLIENT].bytes, HELD_BACK, sizeof(HELD_BACK) - 1);

    free(prefaces[RELAY_CLIENT].bytes);
    free(prefaces[RELAY_SERVER].bytes);
    handshake_watch_release(&watch);
    hello_assembler_release(&hello.assembler);
    end_pair(&client);
    end_pair(&first);
    end_pair(&second);
}

static void early_data_that_went_ties_it_to_its_server(void **state)
{
    (void)state;
    struct pair client = make_pair(), server = make_pair();
    struct hello_reader hello;
    struct handshake_watch watch;
    uint8_t records[1024];
    (void)read_hello(&client, &hello, records);
    const struct watch_sides sides = { .client = &client.watch, .server = &server.watch };
    assert_int_equal(handshake_watch_start(&watch, &sides, &hello), WATCH_GOES_ON);
    say(&client, EARLY_DATA, sizeof(EARLY_DATA) - 1);
    assert_int_equal(handshake_watch_client_ready(&watch, EPOLLIN), WATCH_GOES_ON);
    assert_false(handshake_watch_can_start_over(&watch));

    handshake_watch_release(&watch);
    hello_assembler_release(&hello.assembler);
    end_pair(&client);
    end_pair(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_over_with_all_that_came),
        cmocka_unit_test(early_data_that_went_ties_it_to_its_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
