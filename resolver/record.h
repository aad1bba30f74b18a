/* resolver/record.h - the records of a DNS message from another server, read one by one, and
 * written without compression but where the caller knows better. Pure; allocates nothing. */
#pragma once
#include "base/reader.h"
#include "policy/host_name.h"

struct writer;

/* One record, which borrows the message's bytes. */
struct record {
    struct host_name owner;
    uint16_t type, class;
    uint32_t ttl_s;
    struct reader data; /* names in it may point back into the message */
};

/* Reads a name, compressed or not (RFC 1035 4.1.4), of `message` at `at`, which it consumes. Its
 * case is lost in `*ret_name` alone, and kept in `wire` (HOST_NAME_WIRE_MAX bytes; NULL: not
 * wanted). */
bool record_read_name(const struct reader *message, struct reader *at, uint8_t *wire,
                      struct host_name *ret_name);

/* Reads the next record of `message` at `at`. False where it can't be read. */
bool record_read(const struct reader *message, struct reader *at, struct record *ret_record);

/* Writes all of a record behind its owner: type, class, TTL and data, with the names in it written
 * out. False where its data is not what its type says; `to` may then hold a part of it. */
bool record_write_rest(const struct reader *message, const struct record *record,
                       struct writer *to);
