/* app/certificate_tools.h - what all workers check certificates with. */
#pragma once
#include "base/fault.h"

#include <pthread.h>

struct certificate_board;
struct tls_client;
struct trust_store;

/* All zero, it may be released. */
struct certificate_tools {
    struct trust_store *trust_store;
    struct tls_client *tls_client;
    struct certificate_board *board;
    bool has_thread; /* which prepares what stands above */
    pthread_t thread;
    struct fault fault; /* what kept it from that */
};

/* `ca_file` NULL: the system's roots, which a thread of its own reads, since hundreds of them take
 * a while; what is wrong with a file is told here. False with a fault; release them all the same.
 */
bool certificate_tools_start(struct certificate_tools *tools, const char *ca_file,
                             struct fault *fault);
/* Waits until they are ready, which nobody may use them before. False with a fault, as above. */
bool certificate_tools_wait(struct certificate_tools *tools, struct fault *fault);
/* No worker may use it any more. */
void certificate_tools_release(struct certificate_tools *tools);
