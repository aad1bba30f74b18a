/* load PORT COUNT SOCKETS EACH FILE [echo] - asks a DNS server on 127.0.0.1 COUNT questions and
 * checks every answer. FILE has a question a line, "allow NAME" or "deny NAME", which are asked in
 * turn, over and over. On each of SOCKETS, EACH questions are outstanding. Each socket is a client
 * that has a cookie (RFC 7873), and sends the server's part along as soon as an answer brought one.
 * With `echo` the server is one that sends each question back. Prints the seconds it took, the
 * median and the 99th percentile of an answer's microseconds, and how many sockets learnt a cookie.
 * Exits with 1 at the first answer that is wrong, or when answers stay away. */
#include "base/reader.h"
#include "base/writer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum {
    LANES_MAX = 16,
    SLOTS = 8, /* questions outstanding in a lane, at most */
    QUESTION_BYTES = 126,
    ANSWER_BYTES = 512,
    PATIENCE_MS = 2000,
    HEADER_BYTES = 12,
    RECORD_BYTES = 10, /* after its owner */
    OPT_BYTES = 1 + RECORD_BYTES,
    OPTION_BYTES = 4, /* before its value */
    TYPE_OPT = 41,
    OPTION_COOKIE = 10, /* RFC 7873 4 */
    COOKIE_CLIENT_BYTES = 8,
    COOKIE_BYTES = 24, /* of both parts, as RFC 9018 has it */
    COOKIE_MAX = 40,
    LATENCY_MAX_US = 100000,
};
enum { RCODE_NO_ERROR = 0, RCODE_NO_SUCH_NAME = 3 };

struct question {
    uint8_t bytes[QUESTION_BYTES];
    uint8_t size;
    bool is_allowed;
};

struct slot {
    uint8_t
        bytes[QUESTION_BYTES + OPTION_BYTES + COOKIE_MAX]; /* the question, with this slot's id */
    size_t size;
    uint64_t sent_ns;
    const struct question *question; /* NULL: the slot is free */
};

struct lane {
    int descriptor;
    uint8_t cookie[COOKIE_MAX];
    size_t cookie_size;
    struct slot slots[SLOTS];
};

struct load {
    struct question *questions;
    size_t question_count;
    bool is_echo;
    uint64_t wanted, sent, answered;
    size_t lane_count, slot_count;
    struct lane lanes[LANES_MAX];
    uint64_t answered_in_us[LATENCY_MAX_US + 1]; /* how many took so long; the last: or longer */
};

static void fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* never fails with this clock */
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* RFC 1035 4.1, with the OPT record of RFC 6891 6.1.2, whose options are the lane's. */
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

/* The question, and the lane's cookie as the option of its OPT record, which stands last. */
static void slot_compose(struct slot *slot, const struct lane *lane, uint16_t id)
{
    size_t size = slot->question->size;
    memcpy(slot->bytes, slot->question->bytes, size);
    store_uint(slot->bytes, id, 2);
    store_uint(slot->bytes + size - 2, (uint32_t)(OPTION_BYTES + lane->cookie_size), 2);
    store_uint(slot->bytes + size, OPTION_COOKIE, 2);
    store_uint(slot->bytes + size + 2, (uint32_t)lane->cookie_size, 2);
    memcpy(slot->bytes + size + OPTION_BYTES, lane->cookie, lane->cookie_size);
    slot->size = size + OPTION_BYTES + lane->cookie_size;
}

/* Asks the next questions in every free slot of a lane. The low bits of an id are its slot. */
static void lane_ask(struct lane *lane, struct load *load)
{
    struct mmsghdr message[SLOTS] = { 0 };
    struct iovec part[SLOTS];
    unsigned count = 0;
    uint64_t sent_ns = now_ns();
    for (size_t i = 0; i < load->slot_count && load->sent < load->wanted; i++) {
        struct slot *slot = &lane->slots[i];
        if (slot->question != NULL)
            continue;
        slot->question = &load->questions[load->sent % load->question_count];
        slot_compose(slot, lane, (uint16_t)(load->sent * SLOTS + i));
        slot->sent_ns = sent_ns;
        part[count] = (struct iovec){ slot->bytes, slot->size };
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
        return reader_left(&answer) == slot->size &&
               memcmp(answer.at, slot->bytes, slot->size) == 0;
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

/* RFC 1035 4.1.4: passes over a name, which may end in a pointer. */
static void skip_name(struct reader *answer)
{
    uint32_t length;
    while ((length = reader_uint(answer, 1)) != 0) {
        reader_take(answer, length >= 0xc0 ? 1 : length);
        if (length >= 0xc0)
            break;
    }
}

/* Takes the cookie of an answer's OPT record, if it has one; of a right answer, with one question.
 */
static void lane_learn_cookie(struct lane *lane, struct reader answer)
{
    reader_take(&answer, HEADER_BYTES);
    skip_name(&answer);
    reader_take(&answer, 4);
    while (reader_left(&answer) > 0) {
        skip_name(&answer);
        uint32_t type = reader_uint(&answer, 2);
        reader_take(&answer, 6);
        struct reader data = reader_vector(&answer, 2);
        while (type == TYPE_OPT && reader_left(&data) > 0) {
            uint32_t code = reader_uint(&data, 2);
            struct reader value = reader_vector(&data, 2);
            size_t size = reader_left(&value);
            if (code != OPTION_COOKIE || size <= COOKIE_CLIENT_BYTES || size > COOKIE_MAX)
                continue;
            memcpy(lane->cookie, value.at, size);
            lane->cookie_size = size;
        }
    }
}

static void note_answer(struct load *load, struct slot *slot, uint64_t came_ns)
{
    uint64_t took_us = (came_ns - slot->sent_ns) / 1000;
    load->answered_in_us[took_us < LATENCY_MAX_US ? took_us : LATENCY_MAX_US]++;
    slot->question = NULL;
    load->answered++;
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
    uint64_t came_ns = now_ns();
    for (int i = 0; i < count; i++) {
        struct slot *slot = &lane->slots[bytes[i][1] % SLOTS];
        struct reader answer = reader_over(bytes[i], message[i].msg_len);
        if (slot->question == NULL || message[i].msg_len < HEADER_BYTES ||
            !answer_is_right(slot, answer, load->is_echo))
            fail("an answer is wrong");
        if (lane->cookie_size == COOKIE_CLIENT_BYTES)
            lane_learn_cookie(lane, answer);
        note_answer(load, slot, came_ns);
    }
}

static void load_run(struct load *load)
{
    struct pollfd ready[LANES_MAX];
    for (size_t i = 0; i < load->lane_count; i++) {
        ready[i] = (struct pollfd){ .fd = load->lanes[i].descriptor, .events = POLLIN };
        lane_ask(&load->lanes[i], load);
    }
    while (load->answered < load->wanted) {
        if (poll(ready, load->lane_count, PATIENCE_MS) <= 0)
            fail("answers stay away");
        for (size_t i = 0; i < load->lane_count; i++) {
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
    memset(lane->cookie, lane->descriptor, sizeof(lane->cookie));
    lane->cookie_size = COOKIE_CLIENT_BYTES;
}

/* The microseconds that `share` of the answers did not pass. */
static unsigned percentile_us(const struct load *load, double share)
{
    uint64_t within = 0;
    unsigned us = 0;
    for (; us < LATENCY_MAX_US; us++) {
        within += load->answered_in_us[us];
        if ((double)within >= share * (double)load->answered)
            break;
    }
    return us;
}

static void load_print(const struct load *load, double seconds)
{
    unsigned with_cookie = 0;
    for (size_t i = 0; i < load->lane_count; i++)
        with_cookie += load->lanes[i].cookie_size > COOKIE_CLIENT_BYTES;
    printf("%.6f %u %u %u\n", seconds, percentile_us(load, 0.50), percentile_us(load, 0.99),
           with_cookie);
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 6) {
        fprintf(stderr, "usage: load PORT COUNT SOCKETS EACH FILE [echo]\n");
        return 2;
    }
    struct load *load = calloc(1, sizeof(*load));
    if (load == NULL)
        fail("out of memory");
    load->wanted = strtoull(arguments[2], NULL, 10);
    load->lane_count = strtoull(arguments[3], NULL, 10);
    load->slot_count = strtoull(arguments[4], NULL, 10);
    load->is_echo = argument_count > 6;
    if (load->lane_count > LANES_MAX || load->slot_count > SLOTS)
        fail("too many sockets, or too many questions on each");
    load_read_questions(load, arguments[5]);
    for (size_t i = 0; i < load->lane_count; i++) {
        lane_connect(&load->lanes[i], arguments[1]);
        if (load->is_echo) /* which has none of its own to give */
            load->lanes[i].cookie_size = COOKIE_BYTES;
    }
    uint64_t start_ns = now_ns();
    load_run(load);
    load_print(load, (double)(now_ns() - start_ns) / 1e9);
    free(load->questions);
    free(load);
    return 0;
}
