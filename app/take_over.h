/* app/take_over.h - the listening sockets, from the running process to the next, over a Unix socket
 * beside the policy file. Both must be the same user's.
 *
 *     successor                            running process
 *     SOCKETS, from which one on      ->
 *                                     <-   how many there are in all, and the next of them
 *     (again until it has all; then it starts its workers, and both read)
 *     READY                           ->   reads them no more
 *
 * A connection that ends before READY changes nothing. A message is the version, what it wants and
 * a number; what the descriptors are is asked of the kernel, not of the other process. */
#pragma once
#include "app/listening_sockets.h"
#include "net/local_socket.h"

/* The running process's side. Belongs to the control thread, and never waits. */
struct take_over_offer;

/* What a step of the offer came to. */
enum take_over_step {
    TAKE_OVER_GOES_ON = 0,
    TAKE_OVER_FOREIGN, /* another user's process was turned away */
    TAKE_OVER_FAILED,  /* a successor left, or spoke nonsense, before it was ready */
    TAKE_OVER_DONE,    /* a successor reads the sockets now */
};

/* Offers `sockets`, borrowed for the offer's life. Where another process offers its own for the
 * same policy file, it fails unless `replaces` says that these were taken over from it. NULL with a
 * fault. */
struct take_over_offer *take_over_offer_new(const char *policy_path,
                                            const struct listening_sockets *sockets, bool replaces,
                                            struct fault *fault);

/* What to poll for reading; another one after each step. */
int take_over_offer_descriptor(const struct take_over_offer *offer);

/* Does what the descriptor is ready for; `*ret_peer` is who was there, where it is not
 * TAKE_OVER_GOES_ON. */
enum take_over_step take_over_offer_step(struct take_over_offer *offer,
                                         struct local_peer *ret_peer);

/* Withdraws it, and takes the socket away unless a successor has it. NULL is fine. */
void take_over_offer_free(struct take_over_offer *offer);

/* The successor's side. */
struct take_over {
    int connection; /* -1: there is nobody to take over from */
    struct local_peer from;
    int *descriptor; /* owned; the descriptors are the caller's */
    uint32_t count;
};

/* Takes over what the process that runs with this policy file listens with; where none runs,
 * nothing. Waits for it for LOCAL_PEER_PATIENCE_S at most each time. False with a fault, and
 * nothing taken. */
bool take_over_receive(const char *policy_path, struct take_over *ret_take_over,
                       struct fault *fault);

/* Tells the running process that the sockets are read here. */
void take_over_ready(struct take_over *take_over);

/* Without take_over_ready(), the running process goes on as if nothing had happened. */
void take_over_release(struct take_over *take_over);
