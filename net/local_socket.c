/* net/local_socket.c - Unix sockets between processes of one user. */
#include "net/local_socket.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 8, USER_ALONE = 0600 };

/* Room for the control message of as many descriptors as there may be. */
struct rights {
    alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(LOCAL_DESCRIPTORS_MAX * sizeof(int))];
};

static bool name_address(const char *path, struct sockaddr_un *ret_address)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t size = strlen(path);
    if (size >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address.sun_path, path, size + 1);
    *ret_address = address;
    return true;
}

/* Closes, and leaves errno as it was. Returns -1. */
static int give_up(int descriptor)
{
    int error = errno;
    (void)close(descriptor);
    errno = error;
    return -1;
}

/* The path leads to it only when it listens. The mode of the socket is the mode of its file, less
 * the umask (unix(7)). */
static bool listen_under(int descriptor, const struct sockaddr_un *address, const char *path)
{
    if (fchmod(descriptor, USER_ALONE) < 0 ||
        bind(descriptor, (const struct sockaddr *)address, sizeof(*address)) < 0)
        return false;
    if (listen(descriptor, BACKLOG) == 0 && rename(address->sun_path, path) == 0)
        return true;
    int error = errno;
    (void)unlink(address->sun_path);
    errno = error;
    return false;
}

int local_socket_listen(const char *path)
{
    char own_path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
    struct sockaddr_un address;
    (void)snprintf(own_path, sizeof(own_path), "%s-%d", path, (int)getpid());
    if (!name_address(own_path, &address))
        return -1;
    int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    (void)unlink(own_path); /* of an earlier process of this number */
    return listen_under(descriptor, &address, path) ? descriptor : give_up(descriptor);
}

int local_socket_connect(const char *path)
{
    const struct timeval patience = { .tv_sec = LOCAL_PEER_PATIENCE_S };
    struct sockaddr_un address;
    if (!name_address(path, &address))
        return -1;
    int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
        connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0)
        return descriptor;
    return give_up(descriptor);
}

int local_socket_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

bool local_socket_peer(int connection, struct local_peer *ret_peer)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return false;
    *ret_peer = (struct local_peer){ credentials.uid, credentials.pid };
    return true;
}

bool local_socket_send(int connection, const struct local_message *message)
{
    struct rights rights = { 0 };
    struct iovec bytes = { (void *)message->bytes, message->size };
    struct msghdr header = { .msg_iov = &bytes, .msg_iovlen = 1 };
    size_t rights_size = message->descriptor_count * sizeof(int);
    if (rights_size > 0) {
        header.msg_control = rights.bytes;
        header.msg_controllen = CMSG_SPACE(rights_size);
        struct cmsghdr *control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(rights_size);
        memcpy(CMSG_DATA(control), message->descriptor, rights_size);
    }
    return sendmsg(connection, &header, MSG_NOSIGNAL) == (ssize_t)message->size;
}

/* The kernel joins the descriptors of a packet in one control message. */
static void take_descriptors(struct msghdr *header, struct local_message *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    if (control == NULL || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
        return;
    size_t size = control->cmsg_len - CMSG_LEN(0);
    memcpy(message->descriptor, CMSG_DATA(control), size);
    message->descriptor_count = (uint32_t)(size / sizeof(int));
}

bool local_socket_receive(int connection, struct local_message *ret_message)
{
    struct rights rights;
    struct local_message message = { 0 };
    struct iovec bytes = { message.bytes, sizeof(message.bytes) };
    struct msghdr header = { .msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = sizeof(rights.bytes) };
    ssize_t size = recvmsg(connection, &header, MSG_CMSG_CLOEXEC);
    if (size < 0)
        return false;
    message.size = (size_t)size;
    take_descriptors(&header, &message);
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        for (uint32_t i = 0; i < message.descriptor_count; i++)
            (void)close(message.descriptor[i]);
        errno = EPROTO;
        return false;
    }
    *ret_message = message;
    return true;
}
