/* tls/certificate_memory.h - the certificates that servers have shown of late, as they were parsed.
 * Servers show the same again and again, and many share their issuers; to parse one costs more than
 * to hash it and to verify a signature with its key. It is known by the SHA-256 of all its bytes,
 * so nothing is taken for what it is not, and nothing is said of whether it is a good one. Bounded;
 * one worker's. */
#pragma once

enum {
    CERTIFICATES_REMEMBERED_MAX = 256,          /* about 2 MiB of usual ones */
    CERTIFICATE_REMEMBERED_BYTES_MAX = 8 * 1024 /* of each; a larger one is parsed each time */
};

struct certificate_memory;

/* NULL when out of memory. */
struct certificate_memory *certificate_memory_new(void);
/* What was read with its help stays. NULL is fine. */
void certificate_memory_free(struct certificate_memory *memory);
