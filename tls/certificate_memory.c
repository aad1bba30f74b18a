/* tls/certificate_memory.c - parsed certificates by their SHA-256, in small sets by its first byte.
 */
#include "tls/certificate_memory.h"
#include "tls/certificate_finding.h"
#include "tls/library.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { SET_SIZE = 4, SETS = CERTIFICATES_REMEMBERED_MAX / SET_SIZE };

struct remembered {
    struct certificate_fingerprint fingerprint;
    X509 *certificate; /* owns a reference; NULL: the place is free */
};

struct certificate_memory {
    struct remembered sets[SETS][SET_SIZE]; /* in each, the last one used stands first */
};

struct certificate_memory *certificate_memory_new(void)
{
    return calloc(1, sizeof(struct certificate_memory));
}

void certificate_memory_free(struct certificate_memory *memory)
{
    if (memory == NULL)
        return;
    for (int i = 0; i < SETS; i++) {
        for (int j = 0; j < SET_SIZE; j++)
            X509_free(memory->sets[i][j].certificate);
    }
    free(memory);
}

static void put_first(struct remembered *set, int place, const struct remembered *first)
{
    memmove(set + 1, set, (size_t)place * sizeof(*set));
    set[0] = *first;
}

/* NULL: it is not known. */
static X509 *recall(struct remembered *set, const struct certificate_fingerprint *fingerprint)
{
    for (int i = 0; i < SET_SIZE && set[i].certificate != NULL; i++) {
        const struct remembered found = set[i];
        if (memcmp(&found.fingerprint, fingerprint, sizeof(*fingerprint)) != 0)
            continue;
        put_first(set, i, &found);
        X509_up_ref(found.certificate);
        return found.certificate;
    }
    return NULL;
}

/* The one that was not used for longest makes room. */
static void keep(struct remembered *set, const struct certificate_fingerprint *fingerprint,
                 X509 *certificate)
{
    const struct remembered fresh = { *fingerprint, certificate };
    X509_free(set[SET_SIZE - 1].certificate);
    put_first(set, SET_SIZE - 1, &fresh);
    X509_up_ref(certificate);
}

static X509 *parse(struct reader der)
{
    const unsigned char *at = der.at;
    X509 *certificate = d2i_X509(NULL, &at, (long)reader_left(&der));
    if (certificate != NULL && at == der.end)
        return certificate;
    X509_free(certificate);
    return NULL;
}

X509 *certificate_memory_read(struct certificate_memory *memory, struct reader der,
                              struct certificate_fingerprint *ret_fingerprint)
{
    struct certificate_fingerprint fingerprint;
    if (EVP_Digest(der.at, reader_left(&der), fingerprint.sha256, NULL, EVP_sha256(), NULL) != 1)
        return NULL;
    struct remembered *set = memory != NULL ? memory->sets[fingerprint.sha256[0] % SETS] : NULL;
    X509 *certificate = set != NULL ? recall(set, &fingerprint) : NULL;
    if (certificate == NULL) {
        certificate = parse(der);
        if (set != NULL && certificate != NULL &&
            reader_left(&der) <= CERTIFICATE_REMEMBERED_BYTES_MAX)
            keep(set, &fingerprint, certificate);
    }
    if (certificate != NULL)
        *ret_fingerprint = fingerprint;
    return certificate;
}
