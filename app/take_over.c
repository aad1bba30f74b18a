/* app/take_over.c - the listening sockets, from the running process to the next. */
#include "app/take_over.h"
#include "base/reader.h"
#include "base/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROTOCOL_VERSION = 1, PATH_BYTES_MAX = 4096 };

/* What a message wants, or brings. */
enum purpose { PURPOSE_NONE = 0, PURPOSE_SOCKETS, PURPOSE_READY };

struct take_over_offer {
    const struct listening_sockets *sockets;
    int listener;
    int successor; /* its connection; -1: none */
    struct local_peer peer;
    uint32_t sent_count; /* to it */
    bool has_been_taken;
    char path[PATH_BYTES_MAX];
    struct stat file; /* the socket's: at the end the path may lead to another's */
};

/* Messages */

static struct local_message make_message(enum purpose purpose, uint32_t number)
{
    struct local_message message = { 0 };
    struct writer writer = writer_over(message.bytes, sizeof(message.bytes));
    writer_uint(&writer, PROTOCOL_VERSION, 1);
    writer_uint(&writer, (uint32_t)purpose, 1);
    writer_uint(&writer, number, 2);
    message.size = writer_size(&writer);
    return message;
}

/* PURPOSE_NONE: another version, or none of ours. */
static enum purpose read_message(const struct local_message *message, uint32_t *ret_number)
{
    struct reader reader = reader_over(message->bytes, message->size);
    uint32_t version = reader_uint(&reader, 1), purpose = reader_uint(&reader, 1);
    uint32_t number = reader_uint(&reader, 2);
    if (!reader_done(&reader) || version != PROTOCOL_VERSION ||
        (purpose != PURPOSE_SOCKETS && purpose != PURPOSE_READY))
        return PURPOSE_NONE;
    *ret_number = number;
    return (enum purpose)purpose;
}

static void close_descriptors(const int *descriptor, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        (void)close(descriptor[i]);
}

static bool name_path(const char *policy_path, char ret_path[PATH_BYTES_MAX])
{
    int size = snprintf(ret_path, PATH_BYTES_MAX, "%s.take-over", policy_path);
    return size > 0 && size < PATH_BYTES_MAX;
}

/* The running process */

/* True when a process listens at the path. */
static bool is_taken(const char *path)
{
    int connection = local_socket_connect(path);
    if (connection < 0)
        return errno == EAGAIN || errno == EACCES; /* it is busy, or another user's */
    (void)close(connection);
    return true;
}

static bool start_listening(struct take_over_offer *offer, bool replaces, struct fault *fault)
{
    fault_where(fault, "%s", offer->path);
    if (!replaces && is_taken(offer->path)) {
        fault_what(fault, "another process offers its sockets with this policy file");
        fault_remedy(fault, "give each process that runs at a time a policy file of its own");
        return false;
    }
    offer->listener = local_socket_listen(offer->path);
    if (offer->listener >= 0 && lstat(offer->path, &offer->file) == 0)
        return true;
    fault_what(fault, "can't offer the listening sockets: %s", strerror(errno));
    fault_remedy(fault, "for --take-over, keep the policy file in a folder that can be written, "
                        "under a path of less than 80 characters");
    return false;
}

struct take_over_offer *take_over_offer_new(const char *policy_path,
                                            const struct listening_sockets *sockets, bool replaces,
                                            struct fault *fault)
{
    struct take_over_offer *offer = calloc(1, sizeof(*offer));
    fault_what(fault, "can't offer the listening sockets: out of memory");
    if (offer == NULL)
        return NULL;
    offer->sockets = sockets;
    offer->listener = offer->successor = -1;
    if (name_path(policy_path, offer->path) && start_listening(offer, replaces, fault))
        return offer;
    if (offer->listener >= 0)
        (void)close(offer->listener);
    free(offer);
    return NULL;
}

/* A successor puts its own socket in the place of ours; until then ours refuses connections. */
static void remove_file(const struct take_over_offer *offer)
{
    struct stat file;
    if (!offer->has_been_taken && lstat(offer->path, &file) == 0 &&
        file.st_dev == offer->file.st_dev && file.st_ino == offer->file.st_ino)
        (void)unlink(offer->path);
}

void take_over_offer_free(struct take_over_offer *offer)
{
    if (offer == NULL)
        return;
    remove_file(offer);
    if (offer->successor >= 0)
        (void)close(offer->successor);
    (void)close(offer->listener);
    free(offer);
}

int take_over_offer_descriptor(const struct take_over_offer *offer)
{
    return offer->successor >= 0 ? offer->successor : offer->listener;
}

/* One successor at a time: the next waits until this one is ready or gone. */
static enum take_over_step admit(struct take_over_offer *offer)
{
    int connection = local_socket_accept(offer->listener);
    if (connection < 0)
        return TAKE_OVER_GOES_ON;
    offer->peer = (struct local_peer){ 0 };
    if (!local_socket_peer(connection, &offer->peer) || offer->peer.user != geteuid()) {
        (void)close(connection);
        return TAKE_OVER_FOREIGN;
    }
    offer->successor = connection;
    offer->sent_count = 0;
    return TAKE_OVER_GOES_ON;
}

static bool send_sockets(struct take_over_offer *offer, uint32_t first)
{
    const struct listening_sockets *sockets = offer->sockets;
    struct local_message answer = make_message(PURPOSE_SOCKETS, sockets->count);
    for (uint32_t i = first; i < sockets->count && i - first < LOCAL_DESCRIPTORS_MAX; i++)
        answer.descriptor[answer.descriptor_count++] = sockets->socket[i].descriptor;
    offer->sent_count = first + answer.descriptor_count;
    return local_socket_send(offer->successor, &answer);
}

/* A process that only looked whether anybody is here has failed at nothing. */
static enum take_over_step dismiss(struct take_over_offer *offer, bool has_failed)
{
    (void)close(offer->successor);
    offer->successor = -1;
    return has_failed ? TAKE_OVER_FAILED : TAKE_OVER_GOES_ON;
}

static enum take_over_step answer(struct take_over_offer *offer)
{
    struct local_message message;
    uint32_t number = 0;
    if (!local_socket_receive(offer->successor, &message))
        return errno == EAGAIN ? TAKE_OVER_GOES_ON : dismiss(offer, true);
    close_descriptors(message.descriptor, message.descriptor_count); /* nobody asked for them */
    if (message.size == 0)
        return dismiss(offer, offer->sent_count > 0);
    switch (read_message(&message, &number)) {
    case PURPOSE_SOCKETS:
        return send_sockets(offer, number) ? TAKE_OVER_GOES_ON : dismiss(offer, true);
    case PURPOSE_READY:
        if (offer->sent_count != offer->sockets->count)
            break;
        offer->has_been_taken = true;
        (void)dismiss(offer, false);
        return TAKE_OVER_DONE;
    case PURPOSE_NONE:
        break;
    }
    return dismiss(offer, true);
}

enum take_over_step take_over_offer_step(struct take_over_offer *offer, struct local_peer *ret_peer)
{
    enum take_over_step step = offer->successor >= 0 ? answer(offer) : admit(offer);
    if (step != TAKE_OVER_GOES_ON)
        *ret_peer = offer->peer;
    return step;
}

/* The successor */

static bool can_not(struct fault *fault, const char *why)
{
    fault_what(fault, "can't take over from the running process: %s", why);
    fault_remedy(fault, "stop it, and start without --take-over");
    return false;
}

/* One request and its answer; the descriptors join those that there are. */
static bool receive_some(struct take_over *take_over, uint32_t *ret_total, struct fault *fault)
{
    struct local_message request = make_message(PURPOSE_SOCKETS, take_over->count), brought;
    if (!local_socket_send(take_over->connection, &request) ||
        !local_socket_receive(take_over->connection, &brought))
        return can_not(fault, errno == EAGAIN ? "it does not answer" : strerror(errno));
    uint32_t total = 0, room = LISTENING_SOCKETS_MAX - take_over->count;
    uint32_t count = brought.descriptor_count;
    if (read_message(&brought, &total) != PURPOSE_SOCKETS || count == 0 || count > room ||
        total < take_over->count + count) {
        close_descriptors(brought.descriptor, count);
        return can_not(fault, brought.size == 0 ? "it turned us away" : "it is of another version");
    }
    memcpy(take_over->descriptor + take_over->count, brought.descriptor, count * sizeof(int));
    take_over->count += count;
    *ret_total = total;
    return true;
}

static bool receive_all(struct take_over *take_over, struct fault *fault)
{
    uint32_t total = 0;
    take_over->descriptor = calloc(LISTENING_SOCKETS_MAX, sizeof(*take_over->descriptor));
    if (take_over->descriptor == NULL)
        return can_not(fault, "out of memory");
    if (!local_socket_peer(take_over->connection, &take_over->from) ||
        take_over->from.user != geteuid())
        return can_not(fault, "it is another user's");
    do
        if (!receive_some(take_over, &total, fault))
            return false;
    while (take_over->count < total);
    return true;
}

bool take_over_receive(const char *policy_path, struct take_over *ret_take_over,
                       struct fault *fault)
{
    char path[PATH_BYTES_MAX];
    struct take_over take_over = { .connection = -1 };
    if (!name_path(policy_path, path))
        return can_not(fault, strerror(ENAMETOOLONG));
    fault_where(fault, "%s", path);
    take_over.connection = local_socket_connect(path);
    if (take_over.connection < 0 && errno != ENOENT && errno != ECONNREFUSED)
        return can_not(fault, strerror(errno));
    if (take_over.connection >= 0 && !receive_all(&take_over, fault)) {
        close_descriptors(take_over.descriptor, take_over.count);
        take_over_release(&take_over);
        return false;
    }
    *ret_take_over = take_over;
    return true;
}

void take_over_ready(struct take_over *take_over)
{
    struct local_message message = make_message(PURPOSE_READY, take_over->count);
    if (take_over->connection >= 0) /* failure: it is gone, and so reads no more either */
        (void)local_socket_send(take_over->connection, &message);
}

void take_over_release(struct take_over *take_over)
{
    if (take_over->connection >= 0)
        (void)close(take_over->connection);
    free(take_over->descriptor);
    *take_over = (struct take_over){ .connection = -1 };
}
