/* app/certificate_writer.c - gathers certificates, and writes them when nobody is in the way. */
#include "app/certificate_writer.h"
#include "app/denial_writer.h"
#include "base/clock.h"
#include "base/text.h"
#include "policy/rule.h"

#include <stdlib.h>

/* As rule_status.hostname has it, so that the two can be joined. */
static void write_hostname(const struct host_name *name, uint16_t port, struct pin_seen *row)
{
    struct text text = text_in(row->hostname, sizeof(row->hostname));
    host_name_add_to(name, &text);
    if (port != RULE_DEFAULT_PORT)
        text_add_format(&text, ":%u", port);
}

static enum pin_place place_of(const struct certificate_finding *finding, uint32_t at)
{
    if (at == 0)
        return PIN_LEAF;
    return at + 1 == finding->count ? PIN_ROOT : PIN_INTERMEDIATE;
}

static void add_row(struct certificate_writer *writer, const struct pin_seen *row)
{
    if (writer->rows == NULL)
        writer->rows = calloc(CERTIFICATE_WRITER_ROWS, sizeof(*writer->rows));
    if (writer->rows == NULL || writer->count == CERTIFICATE_WRITER_ROWS) {
        writer->left_out++;
        return;
    }
    if (writer->count == 0)
        writer->oldest_ms = clock_monotonic_ms();
    writer->rows[writer->count++] = *row;
}

/* Of a chain that was not built to its anchor, which is a pinned leaf's, only the leaf is proven:
 * nobody shall pin what somebody else may have put beside it. */
void certificate_writer_gather(struct certificate_writer *writer, const struct host_name *name,
                               uint16_t port, const struct certificate_finding *finding,
                               int64_t seen_s)
{
    bool is_good = finding->status == CERTIFICATE_GOOD;
    if (!is_good && (finding->status != CERTIFICATE_PIN_MISMATCH || !finding->is_validated))
        return;
    for (uint32_t i = 0; i < (finding->is_validated ? finding->count : 1); i++) {
        const struct certificate_summary *shown = &finding->chain[i];
        struct pin_seen row = { .spki = shown->spki,
                                .place = place_of(finding, i),
                                .not_before_s = shown->not_before_s,
                                .not_after_s = shown->not_after_s,
                                .seen_s = seen_s };
        struct text subject = text_in(row.subject, sizeof(row.subject));
        struct text issuer = text_in(row.issuer, sizeof(row.issuer));
        write_hostname(name, port, &row);
        text_add(&subject, shown->subject);
        text_add(&issuer, shown->issuer);
        add_row(writer, &row);
    }
}

void certificate_writer_release(struct certificate_writer *writer)
{
    free(writer->rows);
    *writer = (struct certificate_writer){ 0 };
}

void certificate_writer_note_edit(struct certificate_writer *writer)
{
    writer->edited_ms = clock_monotonic_ms();
}

void certificate_writer_put_off(struct certificate_writer *writer)
{
    writer->retry_ms = clock_monotonic_ms() + DENIAL_WRITER_EVERY_MS;
}

int64_t certificate_writer_due_ms(const struct certificate_writer *writer)
{
    if (writer->count == 0)
        return INT64_MAX;
    int64_t due_ms = writer->oldest_ms + DENIAL_WRITER_EVERY_MS;
    int64_t quiet_ms = writer->edited_ms + DENIAL_WRITER_AFTER_EDIT_MS;
    int64_t latest_ms = writer->oldest_ms + DENIAL_WRITER_LATEST_MS;
    due_ms = quiet_ms > due_ms ? quiet_ms : due_ms;
    due_ms = latest_ms < due_ms ? latest_ms : due_ms;
    return writer->retry_ms > due_ms ? writer->retry_ms : due_ms;
}

enum database_status certificate_writer_step(struct certificate_writer *writer,
                                             struct database *database, bool *ret_is_done,
                                             struct fault *ret_fault)
{
    size_t left = writer->count - writer->written;
    size_t count = left < PIN_SEEN_AT_ONCE ? left : PIN_SEEN_AT_ONCE;
    enum database_status status =
        count > 0 ? pin_seen_store_write(database, writer->rows + writer->written, count,
                                         &writer->left_out, ret_fault)
                  : DATABASE_OK;
    if (status == DATABASE_BUSY)
        return status;
    writer->written = status == DATABASE_OK ? writer->written + count : writer->count;
    if (writer->written == writer->count)
        writer->written = writer->count = 0;
    if (status == DATABASE_OK)
        *ret_is_done = writer->count == 0;
    return status;
}
