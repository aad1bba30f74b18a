/* net/mailbox.c - work handed to another thread's loop. */
#include "net/mailbox.h"

#include <pthread.h>
#include <stdlib.h>

struct letter {
    struct letter *next;
    mailbox_fn act;
    void *context;
};

struct mailbox {
    uv_async_t wake;
    pthread_mutex_t lock;
    struct letter *first, **last; /* guarded by lock */
};

static struct letter *take_all(struct mailbox *mailbox)
{
    (void)pthread_mutex_lock(&mailbox->lock);
    struct letter *letters = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    (void)pthread_mutex_unlock(&mailbox->lock);
    return letters;
}

static void on_wake(uv_async_t *wake)
{
    struct letter *letter = take_all(wake->data);
    while (letter != NULL) {
        struct letter *done = letter;
        letter = letter->next;
        done->act(done->context);
        free(done);
    }
}

struct mailbox *mailbox_new(uv_loop_t *loop)
{
    struct mailbox *mailbox = calloc(1, sizeof(*mailbox));
    if (mailbox == NULL)
        return NULL;
    if (uv_async_init(loop, &mailbox->wake, on_wake) < 0) {
        free(mailbox);
        return NULL;
    }
    mailbox->wake.data = mailbox;
    mailbox->last = &mailbox->first;
    (void)pthread_mutex_init(&mailbox->lock, NULL); /* cannot fail for a default mutex on Linux */
    return mailbox;
}

bool mailbox_post(struct mailbox *mailbox, mailbox_fn act, void *context)
{
    struct letter *letter = malloc(sizeof(*letter));
    if (letter == NULL)
        return false;
    *letter = (struct letter){ NULL, act, context };
    (void)pthread_mutex_lock(&mailbox->lock);
    *mailbox->last = letter;
    mailbox->last = &letter->next;
    (void)pthread_mutex_unlock(&mailbox->lock);
    return uv_async_send(&mailbox->wake) == 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct mailbox *mailbox = handle->data;
    for (struct letter *letter = take_all(mailbox), *next; letter != NULL; letter = next) {
        next = letter->next;
        free(letter);
    }
    (void)pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

void mailbox_free(struct mailbox *mailbox)
{
    if (mailbox != NULL)
        uv_close((uv_handle_t *)&mailbox->wake, on_closed);
}
