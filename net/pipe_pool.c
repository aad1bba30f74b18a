/* net/pipe_pool.c - pipes through which the kernel moves bytes from socket to socket. */
#include "net/pipe_pool.h"
#include "net/socket.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* A pipe costs memory only for what is in it, yet the kernel counts its size against what a user
 * may have (pipe(7), pipe-user-pages-soft): where the large size can't be had, the default does. */
enum { PIPE_BYTES = 256 * 1024, KEPT_MAX = 16 };

struct pipe_pool {
    size_t most, lent;
    size_t kept_count;
    struct pipe kept[KEPT_MAX];
};

struct pipe_pool *pipe_pool_new(size_t most)
{
    struct pipe_pool *pool = calloc(1, sizeof(*pool));
    if (pool != NULL)
        pool->most = most;
    return pool;
}

static void close_pipe(const struct pipe *pipe)
{
    (void)close(pipe->read_end);
    (void)close(pipe->write_end);
}

void pipe_pool_free(struct pipe_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->kept_count > 0)
        close_pipe(&pool->kept[--pool->kept_count]);
    free(pool);
}

static bool make_pipe(struct pipe *ret_pipe)
{
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return false;
    const struct pipe made = { ends[0], ends[1] };
    uint64_t limit = socket_descriptor_limit();
    if (socket_is_in_reserve(made.read_end, limit) || socket_is_in_reserve(made.write_end, limit)) {
        close_pipe(&made);
        return false;
    }
    (void)fcntl(made.write_end, F_SETPIPE_SZ, PIPE_BYTES);
    *ret_pipe = made;
    return true;
}

bool pipe_pool_lend(struct pipe_pool *pool, struct pipe *ret_pipe)
{
    if (pool->lent == pool->most)
        return false;
    if (pool->kept_count > 0)
        *ret_pipe = pool->kept[--pool->kept_count];
    else if (!make_pipe(ret_pipe))
        return false;
    pool->lent++;
    return true;
}

void pipe_pool_give_back(struct pipe_pool *pool, struct pipe *pipe, bool is_empty)
{
    if (pipe->read_end < 0)
        return;
    pool->lent--;
    if (is_empty && pool->kept_count < KEPT_MAX)
        pool->kept[pool->kept_count++] = *pipe;
    else
        close_pipe(pipe);
    *pipe = (struct pipe){ -1, -1 };
}

size_t pipe_pool_lent_count(const struct pipe_pool *pool)
{
    return pool->lent;
}
