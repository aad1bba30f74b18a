/* tls/tls_client.h - what all handshakes that Pinhole makes as a client share. Immutable once made:
 * handshakes of any thread use one. It remembers no session. */
#pragma once
#include "base/fault.h"

struct tls_client;

/* NULL with a fault. */
struct tls_client *tls_client_new(struct fault *fault);
/* All its handshakes must have been freed. NULL is fine. */
void tls_client_free(struct tls_client *client);
