/* status/traffic_history.c - the traffic of the last hour. */
#include "status/traffic_history.h"

void traffic_history_init(struct traffic_history *history, int64_t now_ms,
                          const struct status_slot *totals)
{
    *history =
        (struct traffic_history){ .slot_ends_ms = now_ms + TRAFFIC_SLOT_MS, .before = *totals };
}

static struct status_slot difference(const struct status_slot *later,
                                     const struct status_slot *earlier)
{
    return (struct status_slot){
        .queries = later->queries - earlier->queries,
        .queries_denied = later->queries_denied - earlier->queries_denied,
        .connections = later->connections - earlier->connections,
        .connections_refused = later->connections_refused - earlier->connections_refused,
        .bytes_up = later->bytes_up - earlier->bytes_up,
        .bytes_down = later->bytes_down - earlier->bytes_down,
    };
}

/* After a sleep of hours one look at each slot would be for nothing. */
static void skip_what_nobody_sees(struct traffic_history *history, int64_t now_ms)
{
    const int64_t shown_ms = (int64_t)STATUS_SLOTS * TRAFFIC_SLOT_MS;
    if (now_ms - history->slot_ends_ms > 2 * shown_ms)
        history->slot_ends_ms +=
            (now_ms - history->slot_ends_ms - shown_ms) / TRAFFIC_SLOT_MS * TRAFFIC_SLOT_MS;
}

void traffic_history_note(struct traffic_history *history, int64_t now_ms,
                          const struct status_slot *totals)
{
    skip_what_nobody_sees(history, now_ms);
    while (now_ms >= history->slot_ends_ms) {
        history->slot[history->slot_count++ % STATUS_SLOTS] = difference(totals, &history->before);
        history->before = *totals;
        history->slot_ends_ms += TRAFFIC_SLOT_MS;
    }
}

void traffic_history_show(const struct traffic_history *history,
                          const struct traffic_moment *moment, struct status_traffic *ret_traffic)
{
    uint64_t finished =
        history->slot_count < STATUS_SLOTS - 1 ? history->slot_count : STATUS_SLOTS - 1;
    for (uint64_t i = 0; i < finished; i++)
        ret_traffic->slot[i] = history->slot[(history->slot_count - finished + i) % STATUS_SLOTS];
    ret_traffic->slot[finished] = difference(&moment->totals, &history->before);
    ret_traffic->slot_count = (uint32_t)finished + 1;
    ret_traffic->slot_s = TRAFFIC_SLOT_MS / 1000;
    ret_traffic->end_s = moment->now_s + (history->slot_ends_ms - moment->now_ms + 999) / 1000;
    ret_traffic->total = moment->totals;
}
