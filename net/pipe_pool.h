/* net/pipe_pool.h - pipes through which the kernel moves bytes from socket to socket (splice(2)).
 * A pipe is lent while bytes are on their way, so an idle connection holds none. How many there
 * may be, and how large, is bounded here and by the system; who gets none copies instead. Belongs
 * to one worker's loop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct pipe_pool;

/* One end to read from, one to write into; both -1: none. */
struct pipe {
    int read_end, write_end;
};

/* At most `most` pipes at a time. NULL when out of memory. */
struct pipe_pool *pipe_pool_new(size_t most);
/* All that were lent must be back. NULL is fine. */
void pipe_pool_free(struct pipe_pool *pool);

/* Lends an empty, non-blocking pipe. False where there is none to have. */
bool pipe_pool_lend(struct pipe_pool *pool, struct pipe *ret_pipe);
/* Takes it back and sets it to none. One that `is_empty` is kept for the next; others are closed,
 * so that no byte of one connection can reach another. */
void pipe_pool_give_back(struct pipe_pool *pool, struct pipe *pipe, bool is_empty);

/* Lent at the moment. */
size_t pipe_pool_lent_count(const struct pipe_pool *pool);
