/* tests/fuzz/forwarded_answer_fuzz.c - any bytes as the answer of an internal zone's server:
 * refused, or made into one that reads the same once more. The first byte chooses the question's
 * type. */
#include "base/reader.h"
#include "base/writer.h"
#include "resolver/dns.h"
#include "resolver/forwarded_answer.h"
#include "resolver/zone_table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct forwarded_answer first, again;
    static uint8_t bytes[FORWARDED_RECORD_BYTES_MAX + DNS_ANSWER_MAX];
    struct zone_table zones = { .count = 0 };
    struct host_name name = { .size = 8, .label_count = 2, .wire = "\1a\4zone" };
    if (size == 0 || zone_table_add(&zones, "zone=10.0.0.1") != ZONE_OK)
        return 0;
    struct forwarded_question question = { &name, data[0], true, &zones, &zones.zone[0] };
    if (!forwarded_answer_read(reader_over(data + 1, size - 1), &question, &first))
        return 0;
    struct writer message = writer_over(bytes, sizeof(bytes));
    writer_bytes(&message, (uint8_t[]){ 0, 7, 0x80, 0, 0, 1 }, 6);
    writer_uint(&message, (uint32_t)first.answer_count << 16 | first.authority_count, 4);
    writer_bytes(&message, (uint8_t[]){ 0, 0, 1, 'a', 4, 'z', 'o', 'n', 'e', 0, 0, data[0], 0, 1 },
                 14);
    writer_bytes(&message, first.records, first.record_bytes);
    if (!forwarded_answer_read(reader_over(bytes, writer_size(&message)), &question, &again) ||
        again.answer_count != first.answer_count || again.record_bytes != first.record_bytes ||
        again.authority_count != first.authority_count || again.leaves_zone != first.leaves_zone)
        abort();
    return 0;
}
