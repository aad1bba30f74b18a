/* bench/gate/conversation.c - the records that load and server exchange. */
#include "bench/gate/conversation.h"
#include "base/writer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { RECORD_HANDSHAKE = 22, RECORD_CHANGE_CIPHER_SPEC = 20, RECORD_APPLICATION_DATA = 23 };
enum { RECORD_HEADER_BYTES = 5, WISH_AT = RECORD_HEADER_BYTES + 4 + 2, RANDOM_BYTES = 32 };
enum { LISTEN_BACKLOG = 4096 };

static void add_filling(struct writer *writer, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223; /* Numerical Recipes' generator: any noise would do */
        writer_uint(writer, seed >> 24, 1);
    }
}

static void add_record(struct writer *writer, unsigned type, size_t size)
{
    const uint8_t header[RECORD_HEADER_BYTES] = { (uint8_t)type, 3, 3, (uint8_t)(size >> 8),
                                                  (uint8_t)size };
    writer_bytes(writer, header, sizeof(header));
}

/* RFC 6066 3 */
static void add_server_name(struct writer *writer, const char *name)
{
    size_t size = strlen(name);
    writer_uint(writer, 0, 2);
    writer_uint(writer, (uint32_t)size + 5, 2);
    writer_uint(writer, (uint32_t)size + 3, 2);
    writer_uint(writer, 0, 1);
    writer_uint(writer, (uint32_t)size, 2);
    writer_bytes(writer, name, size);
}

static void add_key_share(struct writer *writer, size_t header_bytes)
{
    writer_uint(writer, 51, 2);
    writer_uint(writer, (uint32_t)header_bytes + 36, 2);
    if (header_bytes > 0)
        writer_uint(writer, 36, 2); /* the client's is a list */
    writer_uint(writer, 29, 2);     /* x25519 */
    writer_uint(writer, 32, 2);
    add_filling(writer, 32, 51);
}

static void add_padding(struct writer *writer, size_t room)
{
    writer_uint(writer, 21, 2); /* RFC 7685 */
    writer_uint(writer, (uint32_t)room - 4, 2);
    for (size_t i = 4; i < room; i++)
        writer_uint(writer, 0, 1);
}

void conversation_hello(const char *name, uint64_t wish, uint8_t ret_hello[HELLO_BYTES])
{
    struct writer writer = writer_over(ret_hello, HELLO_BYTES);
    add_record(&writer, RECORD_HANDSHAKE, HELLO_BYTES - RECORD_HEADER_BYTES);
    writer_uint(&writer, 1, 1);
    writer_uint(&writer, HELLO_BYTES - RECORD_HEADER_BYTES - 4, 3);
    writer_uint(&writer, 0x0303, 2);
    writer_uint(&writer, (uint32_t)(wish >> 32), 4);
    writer_uint(&writer, (uint32_t)wish, 4);
    add_filling(&writer, RANDOM_BYTES - 8, 1);
    writer_uint(&writer, 32, 1);
    add_filling(&writer, 32, 2);                      /* legacy_session_id */
    writer_bytes(&writer, "\0\4\x13\1\x13\2\1\0", 8); /* suites, compression */
    writer_uint(&writer, (uint32_t)writer_left(&writer) - 2, 2);
    add_server_name(&writer, name);
    writer_bytes(&writer, "\0\12\0\6\0\4\0\x1d\0\x17", 10); /* supported_groups */
    writer_bytes(&writer, "\0\15\0\6\0\4\4\3\10\4", 10);    /* signature_algorithms */
    writer_bytes(&writer, "\0\x2b\0\3\2\3\4", 7);           /* supported_versions */
    add_key_share(&writer, 2);
    add_padding(&writer, writer_left(&writer));
    if (writer.failed)
        conversation_fail("a hello does not fit");
}

uint64_t conversation_wish(const uint8_t hello[HELLO_BYTES])
{
    uint64_t wish = 0;
    for (size_t i = 0; i < 8; i++)
        wish = wish << 8 | hello[WISH_AT + i];
    return wish;
}

void conversation_greeting(uint8_t ret_greeting[GREETING_BYTES])
{
    enum { SERVER_HELLO_BYTES = 4 + 2 + RANDOM_BYTES + 33 + 3 + 2 + 6 + 40 };
    struct writer writer = writer_over(ret_greeting, GREETING_BYTES);
    add_record(&writer, RECORD_HANDSHAKE, SERVER_HELLO_BYTES);
    writer_uint(&writer, 2, 1);
    writer_uint(&writer, SERVER_HELLO_BYTES - 4, 3);
    writer_uint(&writer, 0x0303, 2);
    add_filling(&writer, RANDOM_BYTES, 3);
    writer_uint(&writer, 32, 1);
    add_filling(&writer, 32, 2);                /* the client's session id, echoed */
    writer_bytes(&writer, "\x13\1\0\0\x2e", 5); /* suite, compression, extensions' length */
    writer_bytes(&writer, "\0\x2b\0\2\3\4", 6); /* supported_versions: TLS 1.3 */
    add_key_share(&writer, 0);
    add_record(&writer, RECORD_CHANGE_CIPHER_SPEC, 1);
    writer_uint(&writer, 1, 1);
    size_t left = GREETING_BYTES - writer_size(&writer) - RECORD_HEADER_BYTES;
    add_record(&writer, RECORD_APPLICATION_DATA, left);
    add_filling(&writer, left, 4);
    if (writer.failed)
        conversation_fail("the greeting does not fit");
}

void conversation_block(uint8_t ret_block[BLOCK_BYTES])
{
    struct writer writer = writer_over(ret_block, BLOCK_BYTES);
    for (uint32_t i = 0; i < RECORDS_PER_BLOCK; i++) {
        add_record(&writer, RECORD_APPLICATION_DATA, RECORD_BYTES - RECORD_HEADER_BYTES);
        add_filling(&writer, RECORD_BYTES - RECORD_HEADER_BYTES, 100 + i);
    }
}

void conversation_request(uint8_t ret_request[REQUEST_BYTES])
{
    struct writer writer = writer_over(ret_request, REQUEST_BYTES);
    add_record(&writer, RECORD_APPLICATION_DATA, REQUEST_BYTES - RECORD_HEADER_BYTES);
    add_filling(&writer, REQUEST_BYTES - RECORD_HEADER_BYTES, 5);
}

struct sockaddr_in conversation_address(const char *text)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    char host[INET_ADDRSTRLEN] = "";
    const char *colon = strchr(text, ':');
    if (colon != NULL && (size_t)(colon - text) < sizeof(host))
        memcpy(host, text, (size_t)(colon - text));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
        conversation_fail("an address is wanted, as in 127.0.0.1:443");
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return address;
}

int conversation_listen(const struct sockaddr_in *address)
{
    int one = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (descriptor < 0 || setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(descriptor, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
        listen(descriptor, LISTEN_BACKLOG) < 0)
        conversation_fail("cannot listen");
    return descriptor;
}

void conversation_fail(const char *what)
{
    perror(what);
    exit(1);
}
