/* tests/unit/net/local_socket_test.c - packets and descriptors between two ends of a Unix socket.
 */
#include "net/local_socket.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char folder[64], path[80];
    int listener, client, server;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    (void)snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/local_socket_test.XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    (void)snprintf(fixture.path, sizeof(fixture.path), "%s/socket", fixture.folder);
    fixture.listener = local_socket_listen(fixture.path);
    assert_true(fixture.listener >= 0);
    fixture.client = local_socket_connect(fixture.path);
    assert_true(fixture.client >= 0);
    fixture.server = local_socket_accept(fixture.listener);
    assert_true(fixture.server >= 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->listener);
    close(fixture->client);
    close(fixture->server);
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(rmdir(fixture->folder), 0); /* nothing else is left in it */
    return 0;
}

static ino_t inode_of(int descriptor)
{
    struct stat status;
    assert_int_equal(fstat(descriptor, &status), 0);
    return status.st_ino;
}

/* Sends `count` descriptors, which all lead to /dev/null and are closed here; returns what came. */
static struct local_message send_descriptors(struct fixture *fixture, uint32_t count)
{
    struct local_message message = { .bytes = "abc", .size = 3, .descriptor_count = count };
    struct local_message received;
    for (uint32_t i = 0; i < count; i++)
        message.descriptor[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(local_socket_send(fixture->client, &message));
    for (uint32_t i = 0; i < count; i++)
        close(message.descriptor[i]);
    assert_true(local_socket_receive(fixture->server, &received));
    return received;
}

static void descriptors_arrive(void **state)
{
    static const uint32_t counts[] = { 0, 1, 2, LOCAL_DESCRIPTORS_MAX };
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct local_message received = send_descriptors(*state, counts[i]);
        assert_int_equal(received.size, 3);
        assert_memory_equal(received.bytes, "abc", 3);
        assert_int_equal(received.descriptor_count, counts[i]);
        for (uint32_t k = 0; k < counts[i]; k++) {
            assert_int_equal(inode_of(received.descriptor[k]), inode_of(null));
            assert_int_equal(fcntl(received.descriptor[k], F_GETFD), FD_CLOEXEC);
            close(received.descriptor[k]);
        }
    }
    close(null);
}

/* What is too long is not read as what it begins with, and its descriptors don't stay open. */
static void message_cut_short_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct local_message received = { .size = 77 };
    uint8_t bytes[LOCAL_MESSAGE_BYTES_MAX + 1] = { 0 };
    assert_int_equal(send(fixture->client, bytes, sizeof(bytes), 0), sizeof(bytes));
    assert_false(local_socket_receive(fixture->server, &received));
    assert_int_equal(errno, EPROTO);
    assert_int_equal(received.size, 77);
    int lowest = dup(fixture->listener);
    close(lowest);
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
    memcpy(CMSG_DATA(&control.header), &fixture->listener, sizeof(int));
    struct iovec iovec = { bytes, sizeof(bytes) };
    struct msghdr message = { .msg_iov = &iovec,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    assert_int_equal(sendmsg(fixture->client, &message, 0), sizeof(bytes));
    assert_false(local_socket_receive(fixture->server, &received));
    int next = dup(fixture->listener);
    assert_int_equal(next, lowest);
    close(next);
}

static void end_and_nothing_yet_differ(void **state)
{
    struct fixture *fixture = *state;
    struct local_message received;
    assert_false(local_socket_receive(fixture->server, &received));
    assert_int_equal(errno, EAGAIN);
    close(fixture->client);
    fixture->client = -1;
    assert_true(local_socket_receive(fixture->server, &received));
    assert_int_equal(received.size, 0);
    struct local_message message = { .size = 1 };
    assert_false(local_socket_send(fixture->server, &message)); /* and no SIGPIPE */
    assert_int_equal(errno, EPIPE);
}

static void peer_is_known(void **state)
{
    struct fixture *fixture = *state;
    struct local_peer peer = { 0 };
    assert_true(local_socket_peer(fixture->server, &peer));
    assert_int_equal(peer.user, geteuid());
    assert_int_equal(peer.process, getpid());
    peer.process = 0;
    assert_true(local_socket_peer(fixture->client, &peer));
    assert_int_equal(peer.process, getpid());
}

static void new_listener_takes_the_path(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    int second = local_socket_listen(fixture->path);
    assert_true(second >= 0);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    int client = local_socket_connect(fixture->path);
    assert_true(client >= 0);
    assert_int_equal(local_socket_accept(fixture->listener), -1);
    int server = local_socket_accept(second);
    assert_true(server >= 0);
    close(client);
    close(server);
    close(second);
    assert_int_equal(local_socket_connect(fixture->path), -1);
    assert_int_equal(errno, ECONNREFUSED);
}

static void path_may_be_too_long(void **state)
{
    char path[200];
    (void)state;
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    for (size_t size = sizeof(path) - 1; size >= 100; size--) {
        path[size] = '\0';
        bool is_too_long = size >= 108; /* unix(7) */
        assert_int_equal(local_socket_connect(path), -1);
        assert_int_equal(errno, is_too_long ? ENAMETOOLONG : ENOENT);
    }
    memset(path, 'y', 108);
    assert_int_equal(local_socket_listen(path), -1);
    assert_int_equal(errno, ENAMETOOLONG);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(descriptors_arrive), ONE(message_cut_short_is_refused), ONE(end_and_nothing_yet_differ),
        ONE(peer_is_known),      ONE(new_listener_takes_the_path),  ONE(path_may_be_too_long),
    };
    return cmocka_run_group_tests_name("local_socket", tests, NULL, NULL);
}
