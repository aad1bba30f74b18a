/* tests/support/loop_sockets.h - sockets on loopback, and a loop that is turned until something has
 * happened. */
#pragma once
#include "base/address.h"
#include "base/clock.h"
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

/* Far longer than anything here takes: reached only by a failure. */
enum { AWAIT_MS = 60000 };

/* A non-blocking socket bound to "ADDR:PORT"; `kind` is SOCK_DGRAM, or SOCK_STREAM, which listens
 * too. */
static inline int bound_socket(int kind, const char *where)
{
    struct endpoint endpoint;
    struct sockaddr_storage address;
    assert_true(endpoint_parse(where, -1, &endpoint));
    unsigned size = endpoint_to_sockaddr(&endpoint, &address);
    int descriptor = socket(address.ss_family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_not_equal(descriptor, -1);
    assert_int_equal(setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)), 0);
    assert_int_equal(bind(descriptor, (const struct sockaddr *)&address, size), 0);
    if (kind == SOCK_STREAM)
        assert_int_equal(listen(descriptor, 1024), 0);
    return descriptor;
}

/* Where the socket is bound. */
static inline struct endpoint socket_endpoint(int descriptor)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    return endpoint_from_sockaddr((const struct sockaddr *)&address);
}

/* Connects to a port of an address; the kernel accepts TCP connections by itself. */
static inline void connect_socket(int descriptor, const char *to, uint16_t port)
{
    struct endpoint endpoint = { .port = port };
    struct sockaddr_storage address;
    assert_true(ip_address_parse(to, &endpoint.address));
    unsigned size = endpoint_to_sockaddr(&endpoint, &address);
    int result = connect(descriptor, (const struct sockaddr *)&address, size);
    assert_true(result == 0 || errno == EINPROGRESS);
}

/* Turns the loop until bytes came to `descriptor`; returns recv()'s result, 0 for the end, -1 for
 * an error. */
static inline ssize_t await_bytes(uv_loop_t *loop, int descriptor, void *buffer, size_t size)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    ssize_t got;
    while ((got = recv(descriptor, buffer, size, MSG_DONTWAIT)) < 0 && errno == EAGAIN) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(loop, UV_RUN_NOWAIT);
    }
    return got;
}

/* Ends the test of a loop: all its handles must be closing. */
static inline void finish_loop(uv_loop_t *loop)
{
    assert_int_equal(uv_run(loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(loop), 0);
}
