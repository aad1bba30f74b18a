/* tls/trust_store.h - the roots that servers' chains must lead to. Read into memory whole, so that
 * no check waits for a file; any thread reads one once it is made. */
#pragma once
#include "base/fault.h"

#include <stdint.h>

struct trust_store;

/* The roots in `ca_file` (PEM), or those of the system where it is NULL: what OpenSSL takes for
 * them, with its variables SSL_CERT_FILE and SSL_CERT_DIR. NULL with a fault, also where there is
 * none at all. */
struct trust_store *trust_store_new(const char *ca_file, struct fault *fault);
/* NULL is fine. */
void trust_store_free(struct trust_store *store);

/* How many roots there are. */
uint32_t trust_store_count(const struct trust_store *store);
