/* app/command_top.c - pinhole top: what the status page shows, in a terminal. */
#include "app/commands.h"
#include "app/http_get.h"
#include "app/top_screen.h"
#include "base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ANSWERS = 5, SCREEN_BYTES = 65536, REDRAW_MS = 1000, WIDE_COLUMNS = 160, MANY_ROWS = 60 };

static const char *const paths[ANSWERS] = { "/api/v1/health", "/api/v1/traffic",
                                            "/api/v1/denied?sort=last", "/api/v1/connections",
                                            "/api/v1/decisions" };

/* Not a terminal: room for all that is worth a look. */
static struct top_size screen_size(void)
{
    struct winsize size = { 0 };
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        return (struct top_size){ WIDE_COLUMNS, MANY_ROWS };
    return (struct top_size){ size.ws_col, size.ws_row };
}

/* Adds a whole screen. A table that can't be had for a moment is left empty; the health can. */
static bool draw(const struct http_server *server, struct top_before *before, struct text *screen,
                 struct fault *fault)
{
    char *bytes[ANSWERS] = { NULL };
    struct json read[ANSWERS] = { { 0 } };
    for (int i = 0; i < ANSWERS; i++) {
        size_t size = 0;
        struct fault ignored = { 0 };
        bytes[i] = http_get(server, paths[i], &size, i == 0 ? fault : &ignored);
        if (bytes[i] != NULL)
            read[i] = json_read(bytes[i], size);
        if (i == 0 && bytes[i] == NULL)
            return false;
    }
    struct top_answers answers = { read[0], read[1], read[2], read[3], read[4] };
    top_screen_add(&answers, before, clock_monotonic_ms(), screen_size(), screen);
    for (int i = 0; i < ANSWERS; i++)
        free(bytes[i]);
    return true;
}

static void show(const char *screen, bool is_terminal)
{
    if (is_terminal)
        (void)fputs("\033[H\033[2J", stdout);
    (void)fputs(screen, stdout);
    (void)fflush(stdout);
}

/* A server that goes away is awaited, as whoever looks may be restarting it. */
static void redraw(const struct http_server *server, struct top_before *before, char *buffer)
{
    struct fault fault = { 0 };
    struct text screen = text_in(buffer, SCREEN_BYTES);
    if (!draw(server, before, &screen, &fault)) {
        fault_add_to(&fault, &screen);
        text_add(&screen, "\n");
    }
    show(buffer, true);
}

int command_top(const struct options *options, struct fault *fault)
{
    char token[STATUS_TOKEN_BYTES_MAX + 1];
    struct top_before before = { 0 };
    struct http_server server = { options->status, NULL };
    bool is_terminal = isatty(STDOUT_FILENO) && !options->once;
    char *buffer = malloc(SCREEN_BYTES);
    fault_what(fault, "out of memory");
    if (options->token_file != NULL && !status_read_token(options->token_file, token, fault)) {
        free(buffer);
        return -1;
    }
    server.token = options->token_file != NULL ? token : NULL;
    struct text screen = buffer != NULL ? text_in(buffer, SCREEN_BYTES) : (struct text){ 0 };
    if (buffer == NULL || !draw(&server, &before, &screen, fault)) {
        free(buffer);
        return -1;
    }
    show(buffer, is_terminal);
    while (is_terminal) { /* until its user has seen enough: ^C */
        (void)poll(NULL, 0, REDRAW_MS);
        redraw(&server, &before, buffer);
    }
    free(buffer);
    return 0;
}
