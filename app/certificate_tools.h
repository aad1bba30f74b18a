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
    const char *ca_file; /* borrowed; NULL: the system's roots */
    bool has_thread; /* which prepares what stands above, and says here what kept it from that */
    pthread_t thread;
    struct fault fault;
};

/* Has them prepared on a thread of its own, since hundreds of roots take a while. `ca_file`, NULL
 * for the system's roots, is borrowed until the end of certificate_tools_wait(). False with a
 * fault; release them all the same. */
bool certificate_tools_start(struct certificate_tools *tools, const char *ca_file,
                             struct fault *fault);
/* Waits until they are ready, which nobody may use them before. False with a fault, as above. */
bool certificate_tools_wait(struct certificate_tools *tools, struct fault *fault);
/* No worker may use it any more. */
void certificate_tools_release(struct certificate_tools *tools);
