/* tests/support/clients/c_ares.c - prints the addresses of a name as c-ares finds them, with the
 * search list of resolv.conf. */
#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/select.h>

static void on_found(void *context, int status, int timeouts, struct ares_addrinfo *found)
{
    *(int *)context = status;
    if (status != ARES_SUCCESS) {
        (void)fprintf(stderr, "%s after %d timeouts\n", ares_strerror(status), timeouts);
        return;
    }
    for (const struct ares_addrinfo_node *at = found->nodes; at != NULL; at = at->ai_next) {
        char address[INET6_ADDRSTRLEN];
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)at->ai_addr;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)at->ai_addr;
        const void *bytes =
            at->ai_family == AF_INET ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr;
        printf("%s\n", inet_ntop(at->ai_family, bytes, address, sizeof(address)));
    }
    ares_freeaddrinfo(found);
}

int main(int argument_count, char **arguments)
{
    const struct ares_addrinfo_hints wanted = { .ai_family = AF_UNSPEC };
    ares_channel channel;
    int status = ARES_ENODATA;
    if (argument_count != 2 || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init(&channel) != ARES_SUCCESS)
        return 2;
    ares_getaddrinfo(channel, arguments[1], NULL, &wanted, on_found, &status);
    for (;;) {
        fd_set readable, writable;
        struct timeval wait;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        int count = ares_fds(channel, &readable, &writable);
        if (count == 0)
            break;
        (void)select(count, &readable, &writable, NULL, ares_timeout(channel, NULL, &wait));
        ares_process(channel, &readable, &writable);
    }
    ares_destroy(channel);
    return status == ARES_SUCCESS ? 0 : 1;
}
