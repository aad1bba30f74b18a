/* resolver/forwarded_answer.c - what a server of an internal zone answered, checked and made ready
 * for the client. */
#include "resolver/forwarded_answer.h"

#include "base/writer.h"
#include "resolver/dns.h"
#include "resolver/record.h"
#include "resolver/zone_table.h"

#include <string.h>

enum { NAMES_MAX = 1 + FORWARDED_ALIASES_MAX };

/* A section's records. */
struct section {
    struct reader start;
    uint32_t count;
};

/* The message, and the names that the question leads through. */
struct reading {
    struct reader message;
    const struct forwarded_question *question;
    struct section answers, authorities, additionals;
    struct host_name name[NAMES_MAX]; /* the first is the question's */
    uint16_t name_at[NAMES_MAX];      /* where it stands in the answer to come; 0: nowhere yet */
    uint32_t name_count;              /* of those within the zone */
    struct forwarded_answer *answer;
    struct writer records;
};

static bool is_same(const struct host_name *left, const struct host_name *right)
{
    return left->size == right->size && memcmp(left->wire, right->wire, left->size) == 0;
}

/* Finds where a section ends, which is where the next one starts. */
static bool pass_section(const struct reading *reading, struct reader *at, struct section *section)
{
    struct record record;
    section->start = *at;
    for (uint32_t i = 0; i < section->count; i++)
        if (!record_read(&reading->message, at, &record))
            return false;
    return true;
}

/* The id and the question are the query's: net/ compared them. */
static bool open_message(struct reading *reading)
{
    struct reader at = reading->message;
    struct host_name name;
    reader_take(&at, 2);
    uint32_t flags = reader_uint(&at, 2);
    uint32_t questions = reader_uint(&at, 2);
    reading->answers.count = reader_uint(&at, 2);
    reading->authorities.count = reader_uint(&at, 2);
    reading->additionals.count = reader_uint(&at, 2);
    if (at.failed || (flags & DNS_FLAG_RESPONSE) == 0 || (flags & DNS_FLAG_TRUNCATED) != 0 ||
        questions != 1 || !record_read_name(&reading->message, &at, NULL, &name) ||
        !is_same(&name, reading->question->name) ||
        reader_uint(&at, 2) != reading->question->type || reader_uint(&at, 2) != DNS_CLASS_IN)
        return false;
    reading->answer->rcode = flags & DNS_RCODE_MASK;
    return pass_section(reading, &at, &reading->answers) &&
           pass_section(reading, &at, &reading->authorities) &&
           pass_section(reading, &at, &reading->additionals);
}

static bool read_error(struct reader value, struct forwarded_answer *answer)
{
    uint32_t code = reader_uint(&value, 2);
    if (value.failed)
        return false;
    if (answer->error_count < FORWARDED_ERRORS_MAX)
        answer->error[answer->error_count++] =
            (struct forwarded_error){ (uint16_t)code, value.at, reader_left(&value) };
    return true;
}

/* OPT is for one hop (RFC 6891 6.2.6): of its options the errors alone go on. */
static bool read_opt(struct reading *reading)
{
    struct reader at = reading->additionals.start;
    struct record record = { 0 };
    uint32_t left = reading->additionals.count;
    for (; left > 0 && record_read(&reading->message, &at, &record); left--)
        if (record.type == DNS_TYPE_OPT)
            break;
    if (left == 0)
        return true;
    reading->answer->has_edns = true;
    reading->answer->rcode |= record.ttl_s >> 24 << DNS_RCODE_HEADER_BITS;
    while (reader_left(&record.data) > 0) {
        uint32_t code = reader_uint(&record.data, 2);
        struct reader value = reader_vector(&record.data, 2);
        if (record.data.failed)
            return false;
        if (code == DNS_OPTION_EXTENDED_ERROR && !read_error(value, reading->answer))
            return false;
    }
    return true;
}

/* Aliases */

enum step { STEP_BROKEN = 0, STEP_NONE, STEP_FOLLOWED, STEP_OUTSIDE };

/* Where the alias of the last name leads to. Aliases stand in any order. */
static enum step follow_alias(struct reading *reading)
{
    struct reader at = reading->answers.start;
    struct record record;
    struct host_name target;
    const struct host_name *last = &reading->name[reading->name_count - 1];
    for (uint32_t i = 0; i < reading->answers.count; i++) {
        if (!record_read(&reading->message, &at, &record))
            return STEP_BROKEN;
        if (record.type != DNS_TYPE_CNAME || record.class != DNS_CLASS_IN ||
            !is_same(&record.owner, last))
            continue;
        if (!record_read_name(&reading->message, &record.data, NULL, &target))
            return STEP_BROKEN;
        if (zone_table_find(reading->question->zones, &target) != reading->question->zone) {
            reading->answer->leaves_zone = true;
            reading->answer->target = target;
            return STEP_OUTSIDE;
        }
        if (reading->name_count == NAMES_MAX)
            return STEP_BROKEN;
        reading->name[reading->name_count++] = target;
        return STEP_FOLLOWED;
    }
    return STEP_NONE;
}

/* RFC 1034 3.6.2: a question for aliases themselves follows none. */
static bool follow_aliases(struct reading *reading)
{
    uint16_t type = reading->question->type;
    enum step step = type == DNS_TYPE_CNAME || type == DNS_TYPE_ANY ? STEP_NONE : STEP_FOLLOWED;
    reading->name[0] = *reading->question->name;
    reading->name_at[0] = DNS_HEADER_BYTES;
    reading->name_count = 1;
    while (step == STEP_FOLLOWED)
        step = follow_alias(reading);
    return step != STEP_BROKEN;
}

/* What goes on */

/* The place of `name` among the names; name_count: it is none of them. */
static uint32_t find_name(const struct reading *reading, const struct host_name *name)
{
    uint32_t place = 0;
    while (place < reading->name_count && !is_same(&reading->name[place], name))
        place++;
    return place;
}

/* A DNAME stands above the name that it leads away (RFC 6672 2.2), and is the zone's. */
static bool is_dname_above(const struct reading *reading, const struct record *record)
{
    if (record->type != DNS_TYPE_DNAME && record->type != DNS_TYPE_RRSIG)
        return false;
    bool is_above = false;
    for (uint32_t i = 0; i < reading->name_count; i++)
        is_above = is_above || host_name_is_within(&reading->name[i], &record->owner);
    return is_above && host_name_is_within(&record->owner, &reading->question->zone->name);
}

/* Of two aliases of one name only the one that was followed goes on. */
static bool is_followed(const struct reading *reading, const struct record *alias)
{
    struct reader data = alias->data;
    struct host_name target;
    uint32_t next = find_name(reading, &alias->owner) + 1;
    if (next > reading->name_count || !record_read_name(&reading->message, &data, NULL, &target))
        return false;
    if (next < reading->name_count)
        return is_same(&reading->name[next], &target);
    return reading->answer->leaves_zone && is_same(&reading->answer->target, &target);
}

static bool is_answer(const struct reading *reading, const struct record *record)
{
    uint16_t type = reading->question->type;
    bool is_asked_for =
        record->type == type || type == DNS_TYPE_ANY || record->type == DNS_TYPE_RRSIG;
    if (record->class != DNS_CLASS_IN || record->type == DNS_TYPE_OPT)
        return false;
    if (record->type == DNS_TYPE_CNAME && type != DNS_TYPE_CNAME && type != DNS_TYPE_ANY)
        return is_followed(reading, record);
    return (is_asked_for && find_name(reading, &record->owner) < reading->name_count) ||
           is_dname_above(reading, record);
}

static bool is_authority(const struct reading *reading, const struct record *record)
{
    const struct host_name *last = &reading->name[reading->name_count - 1];
    if (record->class != DNS_CLASS_IN)
        return false;
    if (record->type == DNS_TYPE_SOA)
        return host_name_is_within(last, &record->owner);
    bool is_proof = record->type == DNS_TYPE_RRSIG || record->type == DNS_TYPE_NSEC ||
                    record->type == DNS_TYPE_NSEC3;
    return is_proof && reading->question->is_dnssec_ok &&
           host_name_is_within(&record->owner, &reading->question->zone->name);
}

/* Where what is written next will stand, as far as a pointer reaches (RFC 1035 4.1.4). */
static uint16_t next_place(const struct reading *reading)
{
    enum { TYPE_AND_CLASS_BYTES = 4 };
    size_t place = writer_size(&reading->records) + reading->question->name->size +
                   DNS_HEADER_BYTES + TYPE_AND_CLASS_BYTES;
    return place < DNS_POINTERS_REACH ? (uint16_t)place : 0;
}

static void write_owner(struct reading *reading, const struct host_name *owner)
{
    uint32_t place = find_name(reading, owner);
    if (place < reading->name_count && reading->name_at[place] != 0)
        writer_uint(&reading->records, DNS_LABEL_POINTER | reading->name_at[place], 2);
    else
        writer_bytes(&reading->records, owner->wire, owner->size);
}

/* Remembers where a CNAME's data stands, for the records of the name that it leads to. */
static void note_target(struct reading *reading, const struct record *alias, uint16_t data_at)
{
    struct reader data = alias->data;
    struct host_name target;
    if (!record_read_name(&reading->message, &data, NULL, &target))
        return;
    uint32_t place = find_name(reading, &target);
    if (place < reading->name_count && reading->name_at[place] == 0)
        reading->name_at[place] = data_at;
    if (reading->answer->leaves_zone && is_same(&target, &reading->answer->target))
        reading->answer->target_at = data_at;
}

static bool write_record(struct reading *reading, const struct record *record)
{
    write_owner(reading, &record->owner);
    uint16_t place = next_place(reading);
    if (!record_write_rest(&reading->message, record, &reading->records))
        return false;
    if (record->type == DNS_TYPE_CNAME && place != 0 &&
        place + DNS_RECORD_FIXED_BYTES < DNS_POINTERS_REACH)
        note_target(reading, record, (uint16_t)(place + DNS_RECORD_FIXED_BYTES));
    return true;
}

/* RFC 2308 5: the lesser of the SOA's TTL and its MINIMUM, which is its last field. */
static void note_negative_ttl(const struct record *soa, struct forwarded_answer *answer)
{
    enum { MINIMUM_BYTES = 4 };
    size_t size = reader_left(&soa->data);
    if (size < MINIMUM_BYTES)
        return;
    struct reader minimum = reader_over(soa->data.end - MINIMUM_BYTES, MINIMUM_BYTES);
    uint32_t least = reader_uint(&minimum, MINIMUM_BYTES);
    answer->negative_ttl_s = soa->ttl_s < least ? soa->ttl_s : least;
}

static bool write_section(struct reading *reading, const struct section *section,
                          bool (*goes_on)(const struct reading *, const struct record *),
                          uint16_t *ret_count)
{
    struct reader at = section->start;
    struct record record;
    uint16_t count = 0;
    for (uint32_t i = 0; i < section->count; i++) {
        if (!record_read(&reading->message, &at, &record))
            return false;
        if (!goes_on(reading, &record))
            continue;
        if (!write_record(reading, &record))
            return false;
        if (record.type == DNS_TYPE_SOA)
            note_negative_ttl(&record, reading->answer);
        count++;
    }
    *ret_count = count;
    return true;
}

bool forwarded_answer_read(struct reader message, const struct forwarded_question *question,
                           struct forwarded_answer *ret_answer)
{
    struct reading reading = { .message = message, .question = question, .answer = ret_answer };
    memset(ret_answer, 0, offsetof(struct forwarded_answer, records));
    reading.records = writer_over(ret_answer->records, sizeof(ret_answer->records));
    if (!open_message(&reading) || !read_opt(&reading) || !follow_aliases(&reading) ||
        !write_section(&reading, &reading.answers, is_answer, &ret_answer->answer_count))
        return false;
    if (ret_answer->leaves_zone && ret_answer->target_at == 0)
        return false; /* no server sends that much before it */
    if (!ret_answer->leaves_zone &&
        !write_section(&reading, &reading.authorities, is_authority, &ret_answer->authority_count))
        return false;
    ret_answer->record_bytes = writer_size(&reading.records);
    ret_answer->is_missing = ret_answer->rcode == DNS_RCODE_NAME_ERROR &&
                             ret_answer->answer_count == 0 && !ret_answer->leaves_zone;
    return true;
}
