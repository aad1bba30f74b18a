/* load PORT COUNT FILE [echo] - asks a DNS server on 127.0.0.1 COUNT questions and checks every
 * answer. FILE has a question a line, "allow NAME" or "deny NAME", which are asked in turn, over
 * and over. 128 questions are outstanding on 16 sockets. With `echo` the server is one that sends
 * each question back. Exits with 1 at the first answer that is wrong, or when answers stay away. */
#include "base/reader.h"
#include "base/writer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    LANES = 16,
    SLOTS = 8, /* questions outstanding in a lane */
    QUESTION_BYTES = 126,
    ANSWER_BYTES = 512,
    PATIENCE_MS = 2000,
    HEADER_BYTES = 12,
    OPT_BYTES = 11,
};
enum { RCODE_NO_ERROR = 0, RCODE_NO_SUCH_NAME = 3 };

struct question {
    uint8_t bytes[QUESTION_BYTES];
    uint8_t size;
    bool is_allowed;
};

struct slot {
    uint8_t bytes[QUESTION_BYTES];   /* the question, with this slot's id */
    const struct question *question; /* NULL: the slot is free */
};

struct lane {
    int descriptor;
    struct slot slots[SLOTS];
};

struct load {
    struct question *questions;
    size_t question_count;
    bool is_echo;
    uint64_t wanted, sent, answered;
    struct lane lanes[LANES];
};

static void fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

/* RFC 1035 4.1, with the OPT record of RFC 6891 6.1.2. */
static struct question question_compose(const char *name, bool is_allowed)
{
    struct question question = { .is_allowed = is_allowed };
    struct writer writer = writer_over(question.bytes, sizeof(question.bytes));
    writer_uint(&writer, 0, 2);      /* id: set when it is sent */
    writer_uint(&writer, 0x0100, 2); /* RD */
    writer_bytes(&writer, "\0\1\0\0\0\0\0\1", 8);
    while (*name != '\0') {
        size_t size = strcspn(name, ".");
        writer_uint(&writer, (uint32_t)size, 1);
        writer_bytes(&writer, name, size);
        name += size + (name[size] == '.');
    }
    writer_bytes(&writer, "\0\0\1\0\1", 5);
    writer_bytes(&writer, "\0\0\51\4\320\0\0\0\0\0\0", OPT_BYTES); /* 1232 bytes */
    if (writer.failed)
        fail("a name is too long");
    question.size = (uint8_t)writer_size(&writer);
    return question;
}

static void load_read_questions(struct load *load, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];
    size_t room = 0;
    if (file == NULL)
        fail("cannot read the questions");
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        bool is_allowed = strncmp(line, "allow ", 6) == 0;
        if (load->question_count == room) {
            room = room * 2 + 1024;
            load->questions = realloc(load->questions, room * sizeof(*load->questions));
            if (load->questions == NULL)
                fail("out of memory");
        }
        load->questions[load->question_count++] =
            question_compose(line + (is_allowed ? 6 : 5), is_allowed);
    }
    fclose(file);
    if (load->question_count == 0)
        fail("there are no questions");
}

/* Asks the next questions in every free slot of a lane. The low bits of an id are its slot. */
static void lane_ask(struct lane *lane, struct load *load)
{
    struct mmsghdr message[SLOTS] = { 0 };
    struct iovec part[SLOTS];
    unsigned count = 0;
    for (size_t i = 0; i < SLOTS && load->sent < load->wanted; i++) {
        struct slot *slot = &lane->slots[i];
        if (slot->question != NULL)
            continue;
        slot->question = &load->questions[load->sent % load->question_count];
        memcpy(slot->bytes, slot->question->bytes, slot->question->size);
        store_uint(slot->bytes, (uint16_t)(load->sent * SLOTS + i), 2);
        part[count] = (struct iovec){ slot->bytes, slot->question->size };
        message[count].msg_hdr = (struct msghdr){ .msg_iov = &part[count], .msg_iovlen = 1 };
        load->sent++;
        count++;
    }
    for (unsigned done = 0; done < count;) {
        int sent = sendmmsg(lane->descriptor, message + done, count - done, 0);
        if (sent < 0)
            fail("cannot send");
        done += (unsigned)sent;
    }
}

/* RFC 1035 4.1.1: one answer record to an allowed name, none and "no such name" to any other. */
static bool answer_is_right(const struct slot *slot, struct reader answer, bool is_echo)
{
    const struct question *question = slot->question;
    if (is_echo)
        return reader_left(&answer) == question->size &&
               memcmp(answer.at, slot->bytes, question->size) == 0;
    size_t name_size = (size_t)question->size - HEADER_BYTES - OPT_BYTES;
    uint32_t id = reader_uint(&answer, 2);
    uint32_t flags = reader_uint(&answer, 2);
    uint32_t question_count = reader_uint(&answer, 2);
    uint32_t answer_count = reader_uint(&answer, 2);
    reader_take(&answer, 4);
    const uint8_t *name = reader_take(&answer, name_size);
    return name != NULL && memcmp(name, slot->bytes + HEADER_BYTES, name_size) == 0 &&
           id == (uint32_t)(slot->bytes[0] << 8 | slot->bytes[1]) && (flags & 0x8000) != 0 &&
           question_count == 1 &&
           (flags & 0xf) == (question->is_allowed ? RCODE_NO_ERROR : RCODE_NO_SUCH_NAME) &&
           answer_count == (question->is_allowed ? 1 : 0);
}

static void lane_take_answers(struct lane *lane, struct load *load)
{
    uint8_t bytes[SLOTS][ANSWER_BYTES];
    struct mmsghdr message[SLOTS] = { 0 };
    struct iovec part[SLOTS];
    for (size_t i = 0; i < SLOTS; i++) {
        part[i] = (struct iovec){ bytes[i], ANSWER_BYTES };
        message[i].msg_hdr = (struct msghdr){ .msg_iov = &part[i], .msg_iovlen = 1 };
    }
    int count = recvmmsg(lane->descriptor, message, SLOTS, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        struct slot *slot = &lane->slots[bytes[i][1] % SLOTS];
        if (slot->question == NULL || message[i].msg_len < HEADER_BYTES ||
            !answer_is_right(slot, reader_over(bytes[i], message[i].msg_len), load->is_echo))
            fail("an answer is wrong");
        slot->question = NULL;
        load->answered++;
    }
}

static void load_run(struct load *load)
{
    struct pollfd ready[LANES];
    for (size_t i = 0; i < LANES; i++) {
        ready[i] = (struct pollfd){ .fd = load->lanes[i].descriptor, .events = POLLIN };
        lane_ask(&load->lanes[i], load);
    }
    while (load->answered < load->wanted) {
        if (poll(ready, LANES, PATIENCE_MS) <= 0)
            fail("answers stay away");
        for (size_t i = 0; i < LANES; i++) {
            if (ready[i].revents == 0)
                continue;
            lane_take_answers(&load->lanes[i], load);
            lane_ask(&load->lanes[i], load);
        }
    }
}

static void lane_connect(struct lane *lane, const char *port)
{
    struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
        .sin_addr = { htonl(INADDR_LOOPBACK) },
    };
    lane->descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    if (lane->descriptor < 0 ||
        connect(lane->descriptor, (struct sockaddr *)&server, sizeof(server)) < 0)
        fail("cannot connect");
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 4) {
        fprintf(stderr, "usage: load PORT COUNT FILE [echo]\n");
        return 2;
    }
    struct load load = { .wanted = strtoull(arguments[2], NULL, 10),
                         .is_echo = argument_count > 4 };
    load_read_questions(&load, arguments[3]);
    for (size_t i = 0; i < LANES; i++)
        lane_connect(&load.lanes[i], arguments[1]);
    load_run(&load);
    free(load.questions);
    return 0;
}
