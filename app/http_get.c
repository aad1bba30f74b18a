/* app/http_get.c - asks the status page of a running Pinhole. */
#include "app/http_get.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { WAIT_S = 10, READ_BYTES = 65536 };

static const char remedy[] =
    "is pinhole serve running, with --status-listen there? Else give --status ADDR:PORT";

static int connect_to(const struct endpoint *endpoint)
{
    struct sockaddr_storage address;
    const struct timeval wait = { .tv_sec = WAIT_S };
    unsigned size = endpoint_to_sockaddr(endpoint, &address);
    int descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(descriptor, (struct sockaddr *)&address, size) == 0)
        return descriptor;
    int why = errno;
    (void)close(descriptor);
    errno = why;
    return -1;
}

/* In HTTP/1.0, so that the answer ends with the connection (RFC 1945). */
static bool ask(const struct http_server *server, int descriptor, const char *path)
{
    char request[2048];
    struct text text = text_in(request, sizeof(request));
    text_add_format(&text, "GET %s HTTP/1.0\r\nHost: ", path);
    endpoint_add_to(&server->endpoint, &text);
    if (server->token != NULL)
        text_add_format(&text, "\r\nAuthorization: Bearer %s", server->token);
    text_add(&text, "\r\n\r\n");
    return !text.cut && send(descriptor, text.at, text.size, MSG_NOSIGNAL) == (ssize_t)text.size;
}

/* What has come so far. */
struct received {
    char *bytes;
    size_t size;
};

static bool read_some(int descriptor, struct received *received, bool *ret_is_end)
{
    char *grown = realloc(received->bytes, received->size + READ_BYTES + 1);
    if (grown == NULL || received->size > HTTP_ANSWER_MAX) {
        received->bytes = grown != NULL ? grown : received->bytes;
        return false;
    }
    received->bytes = grown;
    ssize_t size = recv(descriptor, received->bytes + received->size, READ_BYTES, 0);
    if (size < 0)
        return errno == EINTR;
    received->size += (size_t)size;
    received->bytes[received->size] = '\0';
    *ret_is_end = size == 0;
    return true;
}

static bool read_all(int descriptor, struct received *received)
{
    bool is_end = false;
    while (!is_end)
        if (!read_some(descriptor, received, &is_end))
            return false;
    return true;
}

/* The three digits of "HTTP/1.1 200"; 0 for what is no such answer. */
static unsigned read_code(const char *answer)
{
    unsigned code = 0;
    if (strncmp(answer, "HTTP/1.", 7) != 0 || strnlen(answer, 12) < 12)
        return 0;
    for (size_t i = 9; i < 12; i++)
        code = answer[i] >= '0' && answer[i] <= '9' ? 10 * code + (unsigned)(answer[i] - '0') : 0;
    return code;
}

/* Leaves the body alone in `received`. */
static bool take_body(struct received *received, struct fault *fault)
{
    char *body = strstr(received->bytes, "\r\n\r\n");
    unsigned code = read_code(received->bytes);
    if (code == 401)
        fault_remedy(fault, "give --token-file FILE, the one that pinhole serve was given");
    if (code != 0)
        fault_what(fault, "the status page answers %u", code);
    if (code != 200 || body == NULL)
        return false;
    received->size -= (size_t)(body + 4 - received->bytes);
    memmove(received->bytes, body + 4, received->size + 1);
    return true;
}

char *http_get(const struct http_server *server, const char *path, size_t *ret_size,
               struct fault *fault)
{
    char where[80];
    struct text text = text_in(where, sizeof(where));
    struct received received = { 0 };
    endpoint_add_to(&server->endpoint, &text);
    fault_where(fault, "http://%s%s", where, path);
    fault_remedy(fault, "%s", remedy);
    int descriptor = connect_to(&server->endpoint);
    if (descriptor < 0) {
        fault_what(fault, "can't connect: %s", strerror(errno));
        return NULL;
    }
    fault_what(fault, "no answer of a status page");
    bool is_good = ask(server, descriptor, path) && read_all(descriptor, &received) &&
                   take_body(&received, fault);
    (void)close(descriptor);
    if (!is_good) {
        free(received.bytes);
        return NULL;
    }
    *ret_size = received.size;
    return received.bytes;
}
