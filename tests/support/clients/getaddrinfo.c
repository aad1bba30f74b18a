/* tests/support/clients/getaddrinfo.c - prints the addresses of a name as the C library finds them.
 * Built with musl, whose resolver is not that of getent. */
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argument_count, char **arguments)
{
    const struct addrinfo wanted = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char address[NI_MAXHOST];
    int error = argument_count == 2 ? getaddrinfo(arguments[1], "443", &wanted, &found) : EAI_FAIL;
    if (error != 0) {
        (void)fprintf(stderr, "%s\n", gai_strerror(error));
        return 1;
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof(address), NULL, 0,
                        NI_NUMERICHOST) == 0)
            printf("%s\n", address);
    freeaddrinfo(found);
    return 0;
}
