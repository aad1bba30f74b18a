/* app/denial_writer.c - gathers denials, and writes them when nobody is in the way. */
#include "app/denial_writer.h"
#include "base/clock.h"
#include "base/fault.h"

#include <stdlib.h>

bool denial_writer_init(struct denial_writer *writer)
{
    *writer = (struct denial_writer){ .table = denial_table_new(DENIAL_WRITER_PLACES) };
    return writer->table != NULL;
}

static void end_walk(struct denial_writer *writer)
{
    denied_walk_free(writer->walk);
    free(writer->walked);
    writer->walk = NULL;
    writer->walked = NULL;
}

void denial_writer_release(struct denial_writer *writer)
{
    end_walk(writer);
    denial_table_free(writer->table);
    writer->table = NULL;
}

void denial_writer_gather(struct denial_writer *writer, const struct denial *denials, size_t count)
{
    if (count > 0 && writer->oldest_ms == 0)
        writer->oldest_ms = clock_monotonic_ms();
    for (size_t i = 0; i < count; i++)
        denial_table_add(writer->table, &denials[i]);
}

void denial_writer_note_edit(struct denial_writer *writer)
{
    writer->edited_ms = clock_monotonic_ms();
}

void denial_writer_put_off(struct denial_writer *writer)
{
    writer->retry_ms = clock_monotonic_ms() + DENIAL_WRITER_EVERY_MS;
}

int64_t denial_writer_due_ms(const struct denial_writer *writer)
{
    if (writer->walk == NULL && writer->oldest_ms == 0)
        return INT64_MAX;
    int64_t oldest_ms = writer->walk != NULL ? writer->oldest_walked_ms : writer->oldest_ms;
    int64_t due_ms = oldest_ms + DENIAL_WRITER_EVERY_MS;
    int64_t quiet_ms = writer->edited_ms + DENIAL_WRITER_AFTER_EDIT_MS;
    int64_t latest_ms = oldest_ms + DENIAL_WRITER_LATEST_MS;
    due_ms = quiet_ms > due_ms ? quiet_ms : due_ms;
    due_ms = latest_ms < due_ms ? latest_ms : due_ms;
    return writer->retry_ms > due_ms ? writer->retry_ms : due_ms;
}

static void leave_out(void *context, const struct denial *denial)
{
    struct denial_writer *writer = context;
    denial_table_leave_out(writer->table, DENIAL_WITHOUT_ROOM, denial->reason, denial->count);
}

/* Out of memory, everything stays where it is until the next try. */
static bool start_walk(struct denial_writer *writer)
{
    size_t count = denial_table_count(writer->table);
    writer->walked = malloc((count + 1) * sizeof(*writer->walked));
    if (writer->walked == NULL)
        return false;
    struct denied_plan plan = { .denials = writer->walked,
                                .count = count,
                                .now_s = clock_realtime_s(),
                                .left_out = leave_out,
                                .context = writer };
    writer->walk = denied_walk_new(&plan);
    if (writer->walk == NULL) {
        end_walk(writer);
        return false;
    }
    (void)denial_table_take(writer->table, writer->walked);
    writer->oldest_walked_ms = writer->oldest_ms;
    writer->oldest_ms = 0;
    return true;
}

enum database_status denial_writer_step(struct denial_writer *writer, struct database *database,
                                        bool *ret_is_done, struct fault *ret_fault)
{
    bool is_done = false;
    if (writer->walk == NULL && !start_walk(writer)) {
        fault_what(ret_fault, "out of memory");
        denial_writer_put_off(writer);
        return DATABASE_FAILED;
    }
    enum database_status status = denied_walk_step(writer->walk, database, &is_done, ret_fault);
    if (status == DATABASE_BUSY)
        writer->retry_ms = clock_monotonic_ms() + DENIAL_WRITER_RETRY_MS;
    if (status == DATABASE_FAILED || is_done)
        end_walk(writer);
    if (status == DATABASE_OK)
        *ret_is_done = is_done;
    return status;
}
