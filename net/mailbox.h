/* net/mailbox.h - work handed to another thread's loop: the one way into a loop from outside.
 * Letters are carried out in order, on the loop's thread, soon. */
#pragma once
#include <stdbool.h>
#include <uv.h>

struct mailbox;

/* What to do on the loop's thread. */
typedef void (*mailbox_fn)(void *context);

/* NULL when out of memory or descriptors. Call on the loop's thread, or before it runs. */
struct mailbox *mailbox_new(uv_loop_t *loop);

/* Any thread. False when out of memory: nothing will happen. `context` must live until `act` has
 * run. */
bool mailbox_post(struct mailbox *mailbox, mailbox_fn act, void *context);

/* The loop's thread. Letters not yet carried out are dropped; memory goes with the close callback.
 * NULL is fine. */
void mailbox_free(struct mailbox *mailbox);
