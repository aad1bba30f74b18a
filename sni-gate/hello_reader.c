/* sni-gate/hello_reader.c - from a client's socket to the name that its ClientHello asks for. */
#include "sni-gate/hello_reader.h"
#include "net/socket.h"

#include <errno.h>
#include <sys/socket.h>

enum { READ_BYTES = 16 * 1024 };

void hello_reader_init(struct hello_reader *reader)
{
    *reader = (struct hello_reader){ .reason = REASON_MALFORMED_HELLO };
    hello_assembler_init(&reader->assembler);
}

static enum hello_outcome refuse(struct hello_reader *reader, enum reason reason)
{
    reader->reason = reason;
    return HELLO_REFUSED;
}

static enum hello_outcome judge_hello(struct hello_reader *reader)
{
    struct reader message = hello_assembler_message(&reader->assembler);
    if (client_hello_parse(message, &reader->hello) != CLIENT_HELLO_OK)
        return refuse(reader, REASON_MALFORMED_HELLO);
    enum reason reason = client_hello_read_name(&reader->hello, &reader->name);
    reader->has_name = reason == REASON_ALLOWED;
    return reader->has_name ? HELLO_NAMED : refuse(reader, reason);
}

static enum hello_outcome judge(struct hello_reader *reader)
{
    switch (reader->assembler.status) {
    case HELLO_INCOMPLETE:
        return HELLO_WANTS_MORE;
    case HELLO_COMPLETE:
        return judge_hello(reader);
    case HELLO_MALFORMED:
        return refuse(reader, REASON_MALFORMED_HELLO);
    case HELLO_NOT_TLS:
        return refuse(reader, REASON_NOT_TLS);
    case HELLO_TOO_LARGE:
        return refuse(reader, REASON_HELLO_TOO_LARGE);
    case HELLO_OUT_OF_MEMORY:
        break;
    }
    return refuse(reader, REASON_OUT_OF_RESOURCES);
}

enum hello_outcome hello_reader_read(struct hello_reader *reader, int descriptor)
{
    uint8_t bytes[READ_BYTES];
    enum hello_outcome outcome = HELLO_WANTS_MORE;
    while (outcome == HELLO_WANTS_MORE) {
        size_t room = hello_assembler_room(&reader->assembler);
        size_t asked = room < sizeof(bytes) ? room : sizeof(bytes);
        ssize_t size = socket_receive(descriptor, bytes, asked, 0);
        if (size < 0)
            return errno == EAGAIN ? HELLO_WANTS_MORE : HELLO_CLIENT_LOST;
        if (size == 0)
            return refuse(reader, REASON_HELLO_CUT_SHORT);
        reader->may_have_more = (size_t)size == asked;
        (void)hello_assembler_feed(&reader->assembler, bytes, (size_t)size);
        outcome = judge(reader);
    }
    return outcome;
}
