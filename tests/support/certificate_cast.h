/* tests/support/certificate_cast.h - the certificates that play a part in tests of chains: who has
 * signed whom, and what is wrong with each. */
#pragma once
#include "certificates.h"

enum key {
    LEAF_KEY = 0,
    ROOT_KEY,
    INTERMEDIATE_KEY,
    STRANGER_KEY,
    RSA_ROOT_KEY,
    RSA_LEAF_KEY,
    WEAK_KEY,
    COSTLY_KEY,
    DEEP_KEY,
    KEYS,
};

enum who {
    NOBODY = 0,
    ROOT,
    STRANGER, /* a root that nobody trusts */
    EXPIRED_ROOT,
    INTERMEDIATE,
    CROSS, /* the intermediate, signed by the stranger */
    ROOT_BY_STRANGER,
    NO_AUTHORITY,
    NO_CONSTRAINTS,
    LONG_PATH, /* an authority below one that may have none below it */
    EXPIRED_INTERMEDIATE,
    NARROW, /* an authority for example.net alone */
    FALSE_AUTHORITY_LEAF,
    NO_CONSTRAINTS_LEAF,
    LONG_PATH_LEAF,
    EXPIRED_INTERMEDIATE_LEAF,
    NARROW_LEAF,
    WEAK_INTERMEDIATE,
    WEAK_INTERMEDIATE_LEAF,
    LEAF,
    LEAF_OF_ROOT,
    WILDCARD,
    TWO_LABELS,
    PARTIAL_WILDCARD,
    TOP_WILDCARD,
    COMMON_NAME,
    NO_NAME,
    ADDRESS,
    NUL_NAME,
    EXPIRED,
    EARLY,
    EXPIRED_OTHER,
    SELF_SIGNED,
    NO_PURPOSE,
    CLIENT_PURPOSE,
    UNKNOWN,
    BY_SHA1,
    BY_MD5,
    WEAK,
    COSTLY,
    FORGED,
    RSA_ROOT,
    RSA_LEAF,
    DEEP_1,
    DEEP_2,
    DEEP_3,
    DEEP_4,
    DEEP_5,
    DEEP_6,
    DEEP_7,
    DEEP_7_LEAF,
    DEEP_6_LEAF,
    CERTIFICATES,
};

#define AUTHORITY .basic = "critical,CA:TRUE", .usage = "critical,keyCertSign"
#define SERVER    .purpose = "serverAuth", .basic = "critical,CA:FALSE"
#define FOR_A     .host = "DNS:a.example.com"

static const struct spec {
    const char *name;
    enum key key;
    enum who issuer;
    enum key issuer_key;
    const char *host, *basic, *usage, *purpose, *constraints, *unknown, *digest;
    int begins_day, ends_day; /* from CERTIFICATE_NOW; 0: the usual */
} specs[CERTIFICATES] = {
    [ROOT] = { "root", ROOT_KEY, AUTHORITY, .ends_day = 9 },
    [STRANGER] = { "stranger", STRANGER_KEY, AUTHORITY },
    [EXPIRED_ROOT] = { "root", ROOT_KEY, AUTHORITY, .begins_day = -9, .ends_day = -1 },
    [INTERMEDIATE] = { "intermediate", INTERMEDIATE_KEY, ROOT, ROOT_KEY,
                       .basic = "critical,CA:TRUE,pathlen:0", .usage = "critical,keyCertSign" },
    [CROSS] = { "intermediate", INTERMEDIATE_KEY, STRANGER, STRANGER_KEY, AUTHORITY },
    [ROOT_BY_STRANGER] = { "root", ROOT_KEY, STRANGER, STRANGER_KEY, AUTHORITY },
    [NO_AUTHORITY] = { "no authority", STRANGER_KEY, ROOT, ROOT_KEY, SERVER },
    [NO_CONSTRAINTS] = { "no constraints", STRANGER_KEY, ROOT, ROOT_KEY,
                         .usage = "critical,keyCertSign" },
    [LONG_PATH] = { "long path", STRANGER_KEY, INTERMEDIATE, INTERMEDIATE_KEY, AUTHORITY },
    [EXPIRED_INTERMEDIATE] = { "expired", STRANGER_KEY, ROOT, ROOT_KEY, AUTHORITY, .begins_day = -9,
                               .ends_day = -1 },
    [NARROW] = { "narrow", STRANGER_KEY, ROOT, ROOT_KEY, AUTHORITY,
                 .constraints = "critical,permitted;DNS:example.net" },
    [WEAK_INTERMEDIATE] = { "weak", WEAK_KEY, ROOT, ROOT_KEY, AUTHORITY },
    [FALSE_AUTHORITY_LEAF] = { "leaf", LEAF_KEY, NO_AUTHORITY, STRANGER_KEY, FOR_A, SERVER },
    [NO_CONSTRAINTS_LEAF] = { "leaf", LEAF_KEY, NO_CONSTRAINTS, STRANGER_KEY, FOR_A, SERVER },
    [LONG_PATH_LEAF] = { "leaf", LEAF_KEY, LONG_PATH, STRANGER_KEY, FOR_A, SERVER },
    [EXPIRED_INTERMEDIATE_LEAF] = { "leaf", LEAF_KEY, EXPIRED_INTERMEDIATE, STRANGER_KEY, FOR_A,
                                    SERVER },
    [NARROW_LEAF] = { "leaf", LEAF_KEY, NARROW, STRANGER_KEY, FOR_A, SERVER },
    [WEAK_INTERMEDIATE_LEAF] = { "leaf", LEAF_KEY, WEAK_INTERMEDIATE, WEAK_KEY, FOR_A, SERVER },
    [LEAF] = { "leaf", LEAF_KEY, INTERMEDIATE, INTERMEDIATE_KEY, FOR_A, SERVER },
    [LEAF_OF_ROOT] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, FOR_A, SERVER },
    [WILDCARD] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, .host = "DNS:*.example.com", SERVER },
    [TWO_LABELS] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, .host = "DNS:*.b.example.com,DNS:x.test",
                     SERVER },
    [PARTIAL_WILDCARD] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, .host = "DNS:a*.example.com", SERVER },
    [TOP_WILDCARD] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, .host = "DNS:*.com,DNS:*", SERVER },
    [COMMON_NAME] = { "a.example.com", LEAF_KEY, ROOT, ROOT_KEY, SERVER },
    [NO_NAME] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, SERVER },
    [ADDRESS] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, .host = "IP:192.0.2.1", SERVER },
    [NUL_NAME] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, SERVER, /* a.example.com, NUL, .evil.test */
                   .host = "DER:301a8218612e6578616d706c652e636f6d002e6576696c2e74657374" },
    [EXPIRED] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, FOR_A, SERVER, .begins_day = -9,
                  .ends_day = -1 },
    [EARLY] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, FOR_A, SERVER, .begins_day = 1, .ends_day = 9 },
    [EXPIRED_OTHER] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, .host = "DNS:other.test", SERVER,
                        .begins_day = -9, .ends_day = -1 },
    [SELF_SIGNED] = { "leaf", LEAF_KEY, FOR_A, SERVER },
    [NO_PURPOSE] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, FOR_A },
    [CLIENT_PURPOSE] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, FOR_A, .purpose = "clientAuth" },
    [UNKNOWN] = { "leaf", LEAF_KEY, ROOT, ROOT_KEY, FOR_A, SERVER, .unknown = "what is this?" },
    [BY_SHA1] = { "leaf", LEAF_KEY, RSA_ROOT, RSA_ROOT_KEY, FOR_A, SERVER, .digest = "SHA1" },
    [BY_MD5] = { "leaf", LEAF_KEY, RSA_ROOT, RSA_ROOT_KEY, FOR_A, SERVER, .digest = "MD5" },
    [WEAK] = { "leaf", WEAK_KEY, ROOT, ROOT_KEY, FOR_A, SERVER },
    [COSTLY] = { "leaf", COSTLY_KEY, ROOT, ROOT_KEY, FOR_A, SERVER },
    [FORGED] = { "leaf", LEAF_KEY, ROOT, STRANGER_KEY, FOR_A,
                 SERVER }, /* names the root, has not its key */
    [RSA_ROOT] = { "RSA root", RSA_ROOT_KEY, AUTHORITY },
    [RSA_LEAF] = { "leaf", RSA_LEAF_KEY, RSA_ROOT, RSA_ROOT_KEY, FOR_A, SERVER },
    [DEEP_1] = { "deep 1", DEEP_KEY, ROOT, ROOT_KEY, AUTHORITY },
    [DEEP_2] = { "deep 2", DEEP_KEY, DEEP_1, DEEP_KEY, AUTHORITY },
    [DEEP_3] = { "deep 3", DEEP_KEY, DEEP_2, DEEP_KEY, AUTHORITY },
    [DEEP_4] = { "deep 4", DEEP_KEY, DEEP_3, DEEP_KEY, AUTHORITY },
    [DEEP_5] = { "deep 5", DEEP_KEY, DEEP_4, DEEP_KEY, AUTHORITY },
    [DEEP_6] = { "deep 6", DEEP_KEY, DEEP_5, DEEP_KEY, AUTHORITY },
    [DEEP_7] = { "deep 7", DEEP_KEY, DEEP_6, DEEP_KEY, AUTHORITY },
    [DEEP_6_LEAF] = { "leaf", LEAF_KEY, DEEP_6, DEEP_KEY, FOR_A, SERVER },
    [DEEP_7_LEAF] = { "leaf", LEAF_KEY, DEEP_7, DEEP_KEY, FOR_A, SERVER },
};

static struct made {
    EVP_PKEY *key[KEYS];
    X509 *certificate[CERTIFICATES];
} made;

static inline const EVP_MD *digest_of(const char *name)
{
    return name != NULL ? EVP_get_digestbyname(name) : NULL;
}

static inline int64_t time_of(int day)
{
    return day != 0 ? CERTIFICATE_NOW + day * CERTIFICATE_DAY : 0;
}

static inline void make(enum who who)
{
    const struct spec *spec = &specs[who];
    if (who == NOBODY || made.certificate[who] != NULL)
        return;
    make(spec->issuer);
    struct recipe recipe = {
        .name = spec->name,
        .key = made.key[spec->key],
        .issuer = made.certificate[spec->issuer],
        .issuer_key = made.key[spec->issuer_key],
        .host = spec->host,
        .basic = spec->basic,
        .usage = spec->usage,
        .purpose = spec->purpose,
        .constraints = spec->constraints,
        .unknown = spec->unknown,
        .digest = digest_of(spec->digest),
        .begins_s = time_of(spec->begins_day),
        .ends_s = time_of(spec->ends_day),
    };
    made.certificate[who] = make_certificate(&recipe);
}

/* Nobody signs with the costly one, so it needs no private half. */
static inline EVP_PKEY *make_key(enum key key)
{
    switch (key) {
    case RSA_ROOT_KEY:
    case RSA_LEAF_KEY:
        return make_rsa_key(2048);
    case WEAK_KEY:
        return make_rsa_key(1024);
    case COSTLY_KEY:
        return make_rsa_public_key(8200);
    case LEAF_KEY:
    case ROOT_KEY:
    case INTERMEDIATE_KEY:
    case STRANGER_KEY:
    case DEEP_KEY:
    case KEYS:
        break;
    }
    return make_ec_key();
}

static inline void make_all(void)
{
    for (int key = 0; key < KEYS; key++)
        made.key[key] = make_key((enum key)key);
    for (int who = ROOT; who < CERTIFICATES; who++)
        make((enum who)who);
}

static inline void free_all(void)
{
    for (int key = 0; key < KEYS; key++)
        EVP_PKEY_free(made.key[key]);
    for (int who = 0; who < CERTIFICATES; who++)
        X509_free(made.certificate[who]);
}
