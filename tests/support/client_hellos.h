/* tests/support/client_hellos.h - ClientHello messages and the TLS records around them, put
 * together by hand. */
#pragma once
#include "base/writer.h"

#include <stdbool.h>
#include <string.h>

enum { HELLO_TEST_MAX = 128 * 1024 };

/* Leaves room for a length of `width` bytes; close_vector() fills it in. */
static inline uint8_t *open_vector(struct writer *writer, size_t width)
{
    return writer_reserve(writer, width);
}

static inline void close_vector(struct writer *writer, uint8_t *length, size_t width)
{
    if (!writer->failed)
        store_uint(length, (uint32_t)(writer->at - length) - (uint32_t)width, width);
}

/* What a hello has besides its random and its session id. */
struct hello_parts {
    uint32_t version;
    const char *suites;
    size_t suites_size;
    const void *extensions; /* all that is wrapped in their vector; NULL: a hello without any */
    size_t extensions_size;
};

/* A whole handshake message. */
static inline void put_hello_of(struct writer *writer, const struct hello_parts *parts)
{
    static const uint8_t random[32] = { 7 };
    writer_uint(writer, 1, 1);
    uint8_t *message = open_vector(writer, 3);
    writer_uint(writer, parts->version, 2);
    writer_bytes(writer, random, sizeof(random));
    writer_bytes(writer, "\4sess", 5);
    writer_uint(writer, (uint32_t)parts->suites_size, 2);
    writer_bytes(writer, parts->suites, parts->suites_size);
    writer_bytes(writer, "\1\0", 2);
    if (parts->extensions != NULL) {
        writer_uint(writer, (uint32_t)parts->extensions_size, 2);
        writer_bytes(writer, parts->extensions, parts->extensions_size);
    }
    close_vector(writer, message, 3);
}

/* An ordinary one with these extensions. */
static inline void put_hello(struct writer *writer, const void *extensions, size_t size)
{
    const struct hello_parts parts = { 0x0303, "\x13\1\x13\2", 4, extensions, size };
    put_hello_of(writer, &parts);
}

/* server_name with one host name (RFC 6066 3). */
static inline void put_server_name(struct writer *writer, const void *name, size_t size)
{
    writer_uint(writer, 0, 2);
    writer_uint(writer, (uint32_t)size + 5, 2);
    writer_uint(writer, (uint32_t)size + 3, 2);
    writer_uint(writer, 0, 1);
    writer_uint(writer, (uint32_t)size, 2);
    writer_bytes(writer, name, size);
}

/* padding (RFC 7685) with `size` zeros. */
static inline void put_padding(struct writer *writer, size_t size)
{
    writer_uint(writer, 21, 2);
    writer_uint(writer, (uint32_t)size, 2);
    uint8_t *zeros = writer_reserve(writer, size);
    if (zeros != NULL)
        memset(zeros, 0, size);
}

/* `message` in handshake records of at most `fragment` bytes. */
static inline void put_records(struct writer *writer, const struct writer *message, size_t fragment)
{
    size_t size = writer_size(message);
    for (size_t at = 0; at < size; at += fragment) {
        size_t part = size - at < fragment ? size - at : fragment;
        writer_bytes(writer, "\x16\3\1", 3);
        writer_uint(writer, (uint32_t)part, 2);
        writer_bytes(writer, message->start + at, part);
    }
}

/* The records of an ordinary hello for `name`; returns their size in `ret_records` (1,024 bytes).
 */
static inline size_t make_hello_records(const char *name, size_t fragment, uint8_t *ret_records)
{
    uint8_t extensions[512], message[1024];
    struct writer extension = writer_over(extensions, sizeof(extensions));
    struct writer hello = writer_over(message, sizeof(message));
    struct writer records = writer_over(ret_records, 1024);
    put_server_name(&extension, name, strlen(name));
    put_hello(&hello, extensions, writer_size(&extension));
    put_records(&records, &hello, fragment);
    return records.failed ? 0 : writer_size(&records);
}
