/* tls_load GATE VERSION LANES COUNT - real handshakes through a gate at ADDRESS:PORT: COUNT
 * connections of TLS VERSION (1.2 or 1.3), LANES at a time, each of which asks a web server for "/"
 * and reads to the end. Names are host0 to host999, then NAME_SUFFIX, in turn. Prints the seconds
 * that it took. Exits with 1 at the first thing that is wrong. */
#include "bench/gate/conversation.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NAME_SUFFIX ".bench.example.com"
#define REQUEST     "GET / HTTP/1.0\r\n\r\n"
#define ANSWER      "HTTP/1.1 200 "

enum { NAMES = 1000, LANES_MAX = 64, ANSWER_MAX = 4096, PATIENCE_S = 10 };

struct load {
    struct sockaddr_in gate;
    SSL_CTX *client;
    unsigned long wanted;
    atomic_ulong begun;
};

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "tls_load: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* The gate judges the server; the load need not as well. */
static void load_init(struct load *load, const char *gate, const char *version)
{
    int number = strcmp(version, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    load->gate = conversation_address(gate);
    load->client = SSL_CTX_new(TLS_client_method());
    if (load->client == NULL || SSL_CTX_set_min_proto_version(load->client, number) != 1 ||
        SSL_CTX_set_max_proto_version(load->client, number) != 1)
        fail("there is no TLS of this version");
    SSL_CTX_set_options(load->client, SSL_OP_NO_TICKET);
}

static int connect_to_gate(const struct load *load)
{
    struct timeval patience = { .tv_sec = PATIENCE_S };
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(descriptor, (const struct sockaddr *)&load->gate, sizeof(load->gate)) < 0)
        conversation_fail("tls_load: cannot connect");
    return descriptor;
}

static void fetch(const struct load *load, unsigned long number)
{
    char name[64], answer[ANSWER_MAX];
    size_t total = 0, size;
    int descriptor = connect_to_gate(load);
    SSL *ssl = SSL_new(load->client);
    snprintf(name, sizeof(name), "host%lu" NAME_SUFFIX, number % NAMES);
    if (ssl == NULL || SSL_set_fd(ssl, descriptor) != 1 ||
        SSL_set_tlsext_host_name(ssl, name) != 1 || SSL_connect(ssl) != 1)
        fail("a handshake failed");
    if (SSL_write_ex(ssl, REQUEST, strlen(REQUEST), &size) != 1)
        fail("a request was not taken");
    while (total < sizeof(answer) &&
           SSL_read_ex(ssl, answer + total, sizeof(answer) - total, &size) == 1)
        total += size;
    if (total < strlen(ANSWER) || memcmp(answer, ANSWER, strlen(ANSWER)) != 0)
        fail("an answer is another");
    SSL_free(ssl);
    close(descriptor);
}

static void *lane_run(void *argument)
{
    struct load *load = argument;
    unsigned long number;
    while ((number = atomic_fetch_add(&load->begun, 1)) < load->wanted)
        fetch(load, number);
    return NULL;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argument_count, char **arguments)
{
    struct load load = { 0 };
    pthread_t lanes[LANES_MAX];
    if (argument_count != 5) {
        fprintf(stderr, "usage: tls_load GATE 1.2|1.3 LANES COUNT\n");
        return 2;
    }
    unsigned long lane_count = strtoul(arguments[3], NULL, 10);
    load_init(&load, arguments[1], arguments[2]);
    load.wanted = strtoul(arguments[4], NULL, 10);
    if (lane_count < 1 || lane_count > LANES_MAX)
        fail("so many lanes there cannot be");
    double started_s = now_s();
    for (unsigned long i = 0; i < lane_count; i++) {
        if (pthread_create(&lanes[i], NULL, lane_run, &load) != 0)
            fail("there is no room for a lane");
    }
    for (unsigned long i = 0; i < lane_count; i++)
        (void)pthread_join(lanes[i], NULL); /* it is ours, and joined once */
    printf("%.6f\n", now_s() - started_s);
    SSL_CTX_free(load.client);
    return 0;
}
