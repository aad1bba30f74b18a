/* app/existence.c - whether a name exists upstream, for the resolver. */
#include "app/existence.h"
#include "upstream/name_cache.h"

#include <stdlib.h>

/* One query that waits. */
struct existence_query {
    TAILQ_ENTRY(existence_query) answered;
    struct existence *existence;
    struct resolver_waiting *waiting;
    struct name_lookup lookup;
    bool is_answered; /* in the list, for the loop's next turn */
};

/* What is known already is told in the next turn of the loop, never from within start(). */
struct existence {
    uv_idle_t next_turn; /* active while there is something in the list */
    struct name_cache *names;
    TAILQ_HEAD(, existence_query) answered;
};

static enum name_existence existence_of(enum name_status status)
{
    switch (status) {
    case NAME_HAS_ADDRESSES:
        return NAME_WITH_ADDRESS;
    case NAME_HAS_NO_ADDRESS:
        return NAME_WITHOUT_ADDRESS;
    case NAME_DOES_NOT_EXIST:
        return NAME_MISSING;
    case NAME_FAILED:
        break;
    }
    return NAME_UNKNOWN;
}

static void end_query(struct existence_query *query)
{
    struct existence *existence = query->existence;
    name_lookup_cancel(&query->lookup);
    if (query->is_answered)
        TAILQ_REMOVE(&existence->answered, query, answered);
    if (TAILQ_EMPTY(&existence->answered))
        uv_idle_stop(&existence->next_turn);
    free(query);
}

static void on_next_turn(uv_idle_t *handle)
{
    struct existence *existence = handle->data;
    struct existence_query *query;
    while ((query = TAILQ_FIRST(&existence->answered)) != NULL) {
        struct resolver_waiting *waiting = query->waiting;
        enum name_existence found = existence_of(query->lookup.status);
        end_query(query);
        resolver_looked_up(waiting, found);
    }
}

/* One address is enough to know; that there is none is known when both families have answered. */
static void on_answer(struct name_lookup *lookup, const struct name_answer *answer)
{
    struct existence_query *query =
        (struct existence_query *)((char *)lookup - offsetof(struct existence_query, lookup));
    (void)answer;
    if (lookup->pending > 0 && lookup->status != NAME_HAS_ADDRESSES)
        return;
    if (!query->is_answered) {
        query->is_answered = true;
        TAILQ_INSERT_TAIL(&query->existence->answered, query, answered);
    }
    (void)uv_idle_start(&query->existence->next_turn, on_next_turn); /* fails without callback */
}

static void *start(void *context, const struct host_name *name, struct resolver_waiting *waiting)
{
    struct existence *existence = context;
    struct existence_query *query = calloc(1, sizeof(*query));
    if (query == NULL)
        return NULL;
    query->existence = existence;
    query->waiting = waiting;
    name_cache_look_up(existence->names, name, &query->lookup, on_answer);
    return query;
}

static void cancel(void *lookup)
{
    end_query(lookup);
}

struct existence *existence_new(uv_loop_t *loop, struct name_cache *names)
{
    struct existence *existence = calloc(1, sizeof(*existence));
    if (existence == NULL)
        return NULL;
    existence->names = names;
    TAILQ_INIT(&existence->answered);
    (void)uv_idle_init(loop, &existence->next_turn); /* always succeeds */
    existence->next_turn.data = existence;
    return existence;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void existence_free(struct existence *existence)
{
    if (existence != NULL)
        uv_close((uv_handle_t *)&existence->next_turn, on_closed);
}

struct resolver_lookup existence_lookup(struct existence *existence)
{
    return (struct resolver_lookup){ existence, start, cancel };
}
