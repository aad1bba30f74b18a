/* tests/support/tls_server.h - openssl's s_server as a process, for one test, on loopback. */
#pragma once
#include "unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TLS_SERVER_ARGUMENTS_MAX = 24 };

struct tls_server {
    pid_t process;
    int input;    /* its standard input, at whose end it would leave */
    FILE *output; /* what it says */
    uint16_t port;
};

/* Waits for a line that has `words` in it. */
static inline void tls_server_await(struct tls_server *server, const char *words, char line[256])
{
    do
        assert_non_null(fgets(line, 256, server->output));
    while (strstr(line, words) == NULL);
}

/* Starts it with these arguments, up to a NULL, and waits until it listens. */
static inline void tls_server_start(struct tls_server *server, const char *const *arguments)
{
    const char *command[TLS_SERVER_ARGUMENTS_MAX] = { "openssl", "s_server", "-accept",
                                                      "127.0.0.1:0" };
    int input[2], output[2];
    for (int count = 4; *arguments != NULL; arguments++, count++) {
        assert_true(count + 1 < TLS_SERVER_ARGUMENTS_MAX);
        command[count] = *arguments;
    }
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], 0);
    posix_spawn_file_actions_adddup2(&actions, output[1], 1);
    posix_spawn_file_actions_adddup2(&actions, output[1], 2);
    assert_int_equal(posix_spawnp(&server->process, command[0], &actions, NULL,
                                  (char *const *)(uintptr_t)command, environ),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    server->input = input[1];
    server->output = fdopen(output[0], "r");
    char line[256];
    tls_server_await(server, "ACCEPT ", line);
    server->port = (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10);
}

static inline void tls_server_stop(struct tls_server *server)
{
    int status;
    kill(server->process, SIGKILL);
    assert_int_equal(waitpid(server->process, &status, 0), server->process);
    (void)fclose(server->output);
    close(server->input);
}

/* A connection to a port of loopback; non-blocking from now on. */
static inline int connect_to_port(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(descriptor, F_SETFL, O_NONBLOCK), 0);
    return descriptor;
}
