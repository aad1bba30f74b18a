/* load GATE VERB PREFIX ... - talks through a gate at ADDRESS:PORT and checks what comes back:
 *   fetch PREFIX LANES COUNT SIZE   COUNT connections, LANES at a time, each fetches SIZE bytes
 *   refused PREFIX LANES COUNT      the same where the gate lets none through
 *   first PREFIX COUNT              one after the other: from connecting to the greeting's first
 * byte request PREFIX COUNT            requests on one open connection, one after the other hold
 * PREFIX COUNT               opens connections, prints a line, keeps them until input ends Names
 * are PREFIX0 to PREFIX999, then NAME_SUFFIX, in turn. Prints the seconds that it took, or the 50th
 * and 99th percentile in microseconds. Exits with 1 at the first thing that is wrong. */
#include "bench/gate/conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAME_SUFFIX ".bench.example.com"

enum {
    NAMES = 1000,
    LANES_MAX = 1024,
    READ_BYTES = 256 * 1024,
    CHECKED_EVERY = 16, /* of a long download's reads; the others are counted by the kernel */
    PATIENCE_MS = 10000,
    WARM_UP = 50,
};

struct lane {
    int descriptor;
    const uint8_t *hello;
    bool has_sent;
    uint64_t received;
    uint64_t reads;
};

struct load {
    struct sockaddr_in gate;
    const char *prefix;
    uint64_t wish;   /* of each connection */
    bool is_refused; /* none is let through */
    uint64_t wanted, begun, ended;
    int set;
    uint8_t (*hellos)[HELLO_BYTES];
    uint8_t greeting[GREETING_BYTES];
    uint8_t block[BLOCK_BYTES];
    uint8_t read[READ_BYTES];
    struct lane lanes[LANES_MAX];
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static struct load *load_new(const char *gate, const char *prefix, uint64_t wish)
{
    struct load *load = calloc(1, sizeof(*load));
    if (load == NULL || (load->hellos = calloc(NAMES, HELLO_BYTES)) == NULL)
        fail("out of memory");
    load->gate = conversation_address(gate);
    load->prefix = prefix;
    load->wish = wish;
    for (unsigned i = 0; i < NAMES; i++) {
        char name[128];
        snprintf(name, sizeof(name), "%s%u" NAME_SUFFIX, prefix, i);
        conversation_hello(name, wish, load->hellos[i]);
    }
    conversation_greeting(load->greeting);
    conversation_block(load->block);
    return load;
}

static void load_free(struct load *load)
{
    free(load->hellos);
    free(load);
}

static const uint8_t *next_hello(struct load *load)
{
    return load->hellos[load->begun++ % NAMES];
}

/* Many at a time */

static void lane_begin(struct lane *lane, struct load *load)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = lane };
    *lane = (struct lane){ .descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0),
                           .hello = next_hello(load) };
    if (lane->descriptor < 0 ||
        (connect(lane->descriptor, (struct sockaddr *)&load->gate, sizeof(load->gate)) < 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(load->set, EPOLL_CTL_ADD, lane->descriptor, &event) < 0)
        conversation_fail("load: cannot connect");
}

/* Whether the connection that ended had what it should. */
static bool is_as_wished(const struct load *load, const struct lane *lane)
{
    if (load->is_refused)
        return lane->has_sent;
    return lane->received == GREETING_BYTES + load->wish;
}

static void lane_end(struct lane *lane, struct load *load)
{
    if (!is_as_wished(load, lane))
        fail("a connection ended too early or too late");
    close(lane->descriptor);
    load->ended++;
    if (load->begun < load->wanted)
        lane_begin(lane, load);
}

static void check_refusal(const uint8_t *bytes, size_t size)
{
    if (size != 7 || bytes[0] != 21) /* RFC 8446 6: an alert, and nothing else */
        fail("a denied name was let through");
}

/* Whether `bytes` are what stands at this place of greeting and blocks. */
static bool is_expected(const struct load *load, uint64_t at, size_t size)
{
    const uint8_t *bytes = load->read;
    while (size > 0) {
        size_t offset = at < GREETING_BYTES ? (size_t)at : (at - GREETING_BYTES) % BLOCK_BYTES;
        const uint8_t *expected = (at < GREETING_BYTES ? load->greeting : load->block) + offset;
        size_t count =
            (at < GREETING_BYTES ? (size_t)GREETING_BYTES : (size_t)BLOCK_BYTES) - offset;
        count = count < size ? count : size;
        if (memcmp(bytes, expected, count) != 0)
            return false;
        bytes += count;
        at += count;
        size -= count;
    }
    return true;
}

/* Reads until there is no more for now; false at the end. */
static bool lane_read(struct lane *lane, struct load *load)
{
    for (;;) {
        bool is_checked = lane->received <= GREETING_BYTES || lane->reads % CHECKED_EVERY == 0;
        ssize_t size = recv(lane->descriptor, load->read, READ_BYTES, is_checked ? 0 : MSG_TRUNC);
        if (size < 0 && errno == EAGAIN)
            return true;
        if (size < 0 && !load->is_refused)
            conversation_fail("load: a connection broke");
        if (size <= 0)
            return false;
        if (load->is_refused)
            check_refusal(load->read, (size_t)size);
        else if (is_checked && !is_expected(load, lane->received, (size_t)size))
            fail("bytes came that were not sent");
        lane->received += (uint64_t)size;
        lane->reads++;
    }
}

static void lane_ready(struct lane *lane, struct load *load, uint32_t events)
{
    if (!lane->has_sent && (events & EPOLLOUT) != 0 && (events & EPOLLERR) == 0) {
        lane->has_sent = true;
        if (send(lane->descriptor, lane->hello, HELLO_BYTES, MSG_NOSIGNAL) != HELLO_BYTES)
            fail("a hello was not taken");
    }
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 && !lane_read(lane, load))
        lane_end(lane, load);
}

/* Brings `wanted` connections to their end, `lanes` at a time; returns the seconds it took. */
static double load_run(struct load *load, uint64_t lanes, uint64_t wanted)
{
    struct epoll_event ready[LANES_MAX];
    load->wanted = wanted;
    load->set = epoll_create1(0);
    double started_s = now_s();
    for (uint64_t i = 0; i < lanes && i < LANES_MAX && load->begun < wanted; i++)
        lane_begin(&load->lanes[i], load);
    while (load->ended < wanted) {
        int count = epoll_wait(load->set, ready, LANES_MAX, PATIENCE_MS);
        if (count <= 0)
            fail("nothing comes any more");
        for (int i = 0; i < count; i++)
            lane_ready(ready[i].data.ptr, load, ready[i].events);
    }
    return now_s() - started_s;
}

/* One after the other */

static void read_all(int descriptor, uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = recv(descriptor, bytes + done, size - done, 0);
        if (count <= 0)
            fail("a connection ended too early, or stood still");
        done += (size_t)count;
    }
}

/* Opens a connection, says hello and is greeted. Returns its blocking socket. */
static int open_greeted(struct load *load, double *ret_seconds)
{
    uint8_t greeting[GREETING_BYTES];
    struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
    int one = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    double started_s = now_s();
    if (connect(descriptor, (struct sockaddr *)&load->gate, sizeof(load->gate)) < 0 ||
        send(descriptor, next_hello(load), HELLO_BYTES, MSG_NOSIGNAL) != HELLO_BYTES)
        conversation_fail("load: cannot connect");
    read_all(descriptor, greeting, 1);
    *ret_seconds = now_s() - started_s;
    read_all(descriptor, greeting + 1, GREETING_BYTES - 1);
    if (memcmp(greeting, load->greeting, GREETING_BYTES) != 0)
        fail("the greeting is another");
    return descriptor;
}

static int compare_seconds(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_percentiles(double *seconds, size_t count)
{
    qsort(seconds, count, sizeof(*seconds), compare_seconds);
    printf("%.2f %.2f\n", seconds[count / 2] * 1e6, seconds[count * 99 / 100] * 1e6);
}

static double *seconds_new(size_t count)
{
    double *seconds = calloc(count, sizeof(*seconds));
    if (count == 0 || seconds == NULL)
        fail("there is no room for the measurements");
    return seconds;
}

static void measure_first(struct load *load, size_t count)
{
    double *seconds = seconds_new(count + WARM_UP);
    for (size_t i = 0; i < count + WARM_UP; i++)
        close(open_greeted(load, &seconds[i]));
    print_percentiles(seconds + WARM_UP, count);
    free(seconds);
}

static void measure_request(struct load *load, size_t count)
{
    uint8_t request[REQUEST_BYTES], reply[REQUEST_BYTES];
    double *seconds = seconds_new(count + WARM_UP), connected_s;
    int descriptor = open_greeted(load, &connected_s);
    conversation_request(request);
    for (size_t i = 0; i < count + WARM_UP; i++) {
        double started_s = now_s();
        if (send(descriptor, request, REQUEST_BYTES, MSG_NOSIGNAL) != REQUEST_BYTES)
            conversation_fail("load: cannot send");
        read_all(descriptor, reply, REQUEST_BYTES);
        seconds[i] = now_s() - started_s;
        if (memcmp(reply, request, REQUEST_BYTES) != 0)
            fail("a reply is wrong");
    }
    close(descriptor);
    print_percentiles(seconds + WARM_UP, count);
    free(seconds);
}

static void hold(struct load *load, size_t count)
{
    double seconds;
    for (size_t i = 0; i < count; i++)
        (void)open_greeted(load, &seconds);
    puts("held");
    fflush(stdout);
    (void)getchar();
}

int main(int argument_count, char **arguments)
{
    uint64_t number[3] = { 0 };
    if (argument_count < 5) {
        fprintf(stderr, "usage: load GATE fetch|refused|first|request|hold PREFIX NUMBER...\n");
        return 2;
    }
    for (int i = 4; i < argument_count && i < 7; i++)
        number[i - 4] = strtoull(arguments[i], NULL, 10);
    const char *verb = arguments[2];
    bool is_many = strcmp(verb, "fetch") == 0 || strcmp(verb, "refused") == 0;
    struct load *load = load_new(arguments[1], arguments[3], is_many ? number[2] : WISH_ECHO);
    load->is_refused = strcmp(verb, "refused") == 0;
    if (is_many)
        printf("%.6f\n", load_run(load, number[0], number[1]));
    else if (strcmp(verb, "first") == 0)
        measure_first(load, number[0]);
    else if (strcmp(verb, "request") == 0)
        measure_request(load, number[0]);
    else if (strcmp(verb, "hold") == 0)
        hold(load, number[0]);
    else
        fail("there is no such verb");
    load_free(load);
    return 0;
}
