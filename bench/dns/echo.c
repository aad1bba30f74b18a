/* echo PORT - a bare UDP echo on 127.0.0.1: what the kernel charges for a question and an answer of
 * the same size, received and sent 64 at a time. Runs until it is killed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 64, MESSAGE_BYTES = 512 };

static int bind_port(const char *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
        .sin_addr = { htonl(INADDR_LOOPBACK) },
    };
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, sizeof(address)) < 0) {
        perror("echo: bind");
        exit(1);
    }
    return descriptor;
}

int main(int argument_count, char **arguments)
{
    uint8_t bytes[BATCH][MESSAGE_BYTES];
    struct sockaddr_in from[BATCH];
    struct iovec part[BATCH];
    struct mmsghdr message[BATCH];
    if (argument_count != 2) {
        fprintf(stderr, "usage: echo PORT\n");
        return 2;
    }
    int descriptor = bind_port(arguments[1]);
    puts("ready");
    fflush(stdout);

    for (;;) {
        for (size_t i = 0; i < BATCH; i++) {
            part[i] = (struct iovec){ bytes[i], MESSAGE_BYTES };
            message[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
                                                  .msg_namelen = sizeof(from[i]),
                                                  .msg_iov = &part[i],
                                                  .msg_iovlen = 1 };
        }
        int received = recvmmsg(descriptor, message, BATCH, MSG_WAITFORONE, NULL);
        if (received < 0) {
            perror("echo: recvmmsg");
            return 1;
        }
        for (int i = 0; i < received; i++)
            part[i].iov_len = message[i].msg_len;
        for (int sent = 0, count = 0; sent < received; sent += count) {
            count = sendmmsg(descriptor, message + sent, (unsigned)(received - sent), 0);
            if (count < 0) {
                perror("echo: sendmmsg");
                return 1;
            }
        }
    }
}
