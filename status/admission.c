/* status/admission.c - who may ask. */
#include "status/admission.h"
#include "base/address.h"
#include "base/fault.h"
#include "status/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { TOKEN_BYTES_MIN = 16, HOST_BYTES = 256 };

/* Splits off the port. False where there is something else behind the name. */
static bool copy_name(const char *host, char ret_name[HOST_BYTES])
{
    size_t size = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (size > strlen(host) || size == 0 || size >= HOST_BYTES)
        return false;
    const char *rest = host + size;
    if (*rest == ':' && strspn(rest + 1, "0123456789") != strlen(rest + 1))
        return false;
    if (*rest != ':' && *rest != '\0')
        return false;
    memcpy(ret_name, host, size);
    ret_name[size] = '\0';
    return true;
}

static bool is_address(char *name)
{
    struct ip_address address;
    size_t size = strlen(name);
    if (name[0] != '[')
        return ip_address_parse(name, &address) && address.family == 4 && strchr(name, ':') == NULL;
    name[size - 1] = '\0';
    return strchr(name, ':') != NULL && ip_address_parse(name + 1, &address);
}

/* One final dot makes a name absolute (RFC 3986 3.2.2). */
static bool is_name(const char *left, size_t left_size, const char *right)
{
    size_t right_size = strlen(right);
    if (left_size > 1 && left[left_size - 1] == '.')
        left_size--;
    if (right_size > 1 && right[right_size - 1] == '.')
        right_size--;
    return left_size == right_size && strncasecmp(left, right, left_size) == 0;
}

bool host_is_own(const char *host, const struct host_names *names)
{
    char name[HOST_BYTES];
    if (!copy_name(host, name))
        return false;
    size_t size = strlen(name);
    bool is_own = is_name(name, size, "localhost");
    for (uint32_t i = 0; i < names->count; i++)
        is_own = is_own || is_name(name, size, names->name[i]);
    return is_own || is_address(name);
}

bool token_is_equal(const char *left, const char *right)
{
    size_t left_size = strlen(left), right_size = strlen(right);
    volatile unsigned char difference = left_size != right_size;
    for (size_t i = 0; i < left_size; i++)
        difference |= (unsigned char)(left[i] ^ right[right_size > 0 ? i % right_size : 0]);
    return difference == 0;
}

const char *token_of_header(const char *value)
{
    static const char scheme[] = "Bearer ";
    if (strncasecmp(value, scheme, sizeof(scheme) - 1) != 0)
        return NULL;
    value += sizeof(scheme) - 1;
    return value + strspn(value, " ");
}

static bool refuse_token(const char *path, const char *what, struct fault *fault)
{
    fault_what(fault, "%s", what);
    fault_where(fault, "--status-token-file %s", path);
    fault_remedy(fault, "put one line of %d to %d characters there, as openssl rand -hex 32 makes",
                 TOKEN_BYTES_MIN, STATUS_TOKEN_BYTES_MAX);
    return false;
}

/* Of a first line, without white space around it. */
static bool take_token(const char *content, char ret_token[STATUS_TOKEN_BYTES_MAX + 1])
{
    const char *start = content + strspn(content, " \t");
    size_t size = strcspn(start, "\r\n");
    while (size > 0 && (start[size - 1] == ' ' || start[size - 1] == '\t'))
        size--;
    if (size < TOKEN_BYTES_MIN || size > STATUS_TOKEN_BYTES_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        if (start[i] <= 0x20 || start[i] >= 0x7f)
            return false;
    memcpy(ret_token, start, size);
    ret_token[size] = '\0';
    return true;
}

bool status_read_token(const char *path, char ret_token[STATUS_TOKEN_BYTES_MAX + 1],
                       struct fault *fault)
{
    char content[2 * STATUS_TOKEN_BYTES_MAX] = { 0 }, what[128];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t size = descriptor >= 0 ? read(descriptor, content, sizeof(content) - 1) : -1;
    if (size < 0)
        (void)snprintf(what, sizeof(what), "can't read the status page's token: %s",
                       strerror(errno));
    if (descriptor >= 0)
        (void)close(descriptor);
    if (size < 0)
        return refuse_token(path, what, fault);
    if (!take_token(content, ret_token))
        return refuse_token(path, "this is no token for the status page", fault);
    return true;
}
