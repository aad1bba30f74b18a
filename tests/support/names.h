/* tests/support/names.h - host names for tests, with any bytes in their labels. */
#pragma once
#include "base/reader.h"
#include "base/writer.h"
#include "policy/host_name.h"
#include "unit.h"

/* The name with these labels; "" is the root. No final dot. Any byte but the dot may be in it, as
 * on the wire. */
static inline struct host_name name_of(const char *labels)
{
    uint8_t wire[HOST_NAME_WIRE_MAX];
    struct writer writer = writer_over(wire, sizeof(wire));
    while (*labels != '\0') {
        size_t size = strcspn(labels, ".");
        writer_uint(&writer, (uint32_t)size, 1);
        writer_bytes(&writer, labels, size);
        labels += size + (labels[size] == '.');
    }
    writer_uint(&writer, 0, 1);
    assert_false(writer.failed);
    struct host_name name;
    struct reader reader = reader_over(wire, writer_size(&writer));
    assert_true(host_name_read(&reader, &name));
    return name;
}
