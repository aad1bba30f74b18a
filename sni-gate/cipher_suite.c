/* sni-gate/cipher_suite.c - the registry of cipher suites (RFC 5246, 4279, 4492, 4785, 5054, 5469,
 * 5487 to 5489, 5932, 6209, 6367, 6655, 7251, 7905, 8442, 8492), by what proves the server. */
#include "sni-gate/cipher_suite.h"

#include "tls/hello_class.h"

#include <stddef.h>

enum suite_kind { WITHOUT, RSA_STATIC, FIXED_DH, DHE_RSA, ECDHE_RSA, ECDHE_ECDSA };

static const struct cipher_suite KINDS[] = {
    [WITHOUT] = { SUITE_NO_CERTIFICATE, 0 },  [RSA_STATIC] = { SUITE_STATIC, HELLO_RSA },
    [FIXED_DH] = { SUITE_STATIC, 0 },         [DHE_RSA] = { SUITE_DHE, HELLO_RSA },
    [ECDHE_RSA] = { SUITE_ECDHE, HELLO_RSA }, [ECDHE_ECDSA] = { SUITE_ECDHE, HELLO_ECDSA },
};

/* By number. Left out and so unproven: DSS, which no library offers any more; RSA_PSK and SRP with
 * a certificate, whose parameters are others; GOST; the drafts. */
static const struct suite_range {
    uint16_t first, last;
    uint8_t kind; /* enum suite_kind */
} RANGES[] = {
    { 0x0001, 0x000a, RSA_STATIC },  { 0x000b, 0x0010, FIXED_DH },
    { 0x0014, 0x0016, DHE_RSA },     { 0x0017, 0x001b, WITHOUT },
    { 0x001e, 0x002d, WITHOUT },     { 0x002f, 0x002f, RSA_STATIC },
    { 0x0030, 0x0031, FIXED_DH },    { 0x0033, 0x0033, DHE_RSA },
    { 0x0034, 0x0034, WITHOUT },     { 0x0035, 0x0035, RSA_STATIC },
    { 0x0036, 0x0037, FIXED_DH },    { 0x0039, 0x0039, DHE_RSA },
    { 0x003a, 0x003a, WITHOUT },     { 0x003b, 0x003d, RSA_STATIC },
    { 0x003e, 0x003f, FIXED_DH },    { 0x0041, 0x0041, RSA_STATIC },
    { 0x0042, 0x0043, FIXED_DH },    { 0x0045, 0x0045, DHE_RSA },
    { 0x0046, 0x0046, WITHOUT },     { 0x0067, 0x0067, DHE_RSA },
    { 0x0068, 0x0069, FIXED_DH },    { 0x006b, 0x006b, DHE_RSA },
    { 0x006c, 0x006d, WITHOUT },     { 0x0084, 0x0084, RSA_STATIC },
    { 0x0085, 0x0086, FIXED_DH },    { 0x0088, 0x0088, DHE_RSA },
    { 0x0089, 0x0091, WITHOUT },     { 0x0096, 0x0096, RSA_STATIC },
    { 0x0097, 0x0098, FIXED_DH },    { 0x009a, 0x009a, DHE_RSA },
    { 0x009b, 0x009b, WITHOUT },     { 0x009c, 0x009d, RSA_STATIC },
    { 0x009e, 0x009f, DHE_RSA },     { 0x00a0, 0x00a1, FIXED_DH },
    { 0x00a4, 0x00a5, FIXED_DH },    { 0x00a6, 0x00ab, WITHOUT },
    { 0x00ae, 0x00b5, WITHOUT },     { 0x00ba, 0x00ba, RSA_STATIC },
    { 0x00bb, 0x00bc, FIXED_DH },    { 0x00be, 0x00be, DHE_RSA },
    { 0x00bf, 0x00bf, WITHOUT },     { 0x00c0, 0x00c0, RSA_STATIC },
    { 0x00c1, 0x00c2, FIXED_DH },    { 0x00c4, 0x00c4, DHE_RSA },
    { 0x00c5, 0x00c5, WITHOUT },     { 0xc001, 0xc005, FIXED_DH },
    { 0xc006, 0xc00a, ECDHE_ECDSA }, { 0xc00b, 0xc00f, FIXED_DH },
    { 0xc010, 0xc014, ECDHE_RSA },   { 0xc015, 0xc01a, WITHOUT },
    { 0xc01d, 0xc01d, WITHOUT },     { 0xc020, 0xc020, WITHOUT },
    { 0xc023, 0xc024, ECDHE_ECDSA }, { 0xc025, 0xc026, FIXED_DH },
    { 0xc027, 0xc028, ECDHE_RSA },   { 0xc029, 0xc02a, FIXED_DH },
    { 0xc02b, 0xc02c, ECDHE_ECDSA }, { 0xc02d, 0xc02e, FIXED_DH },
    { 0xc02f, 0xc030, ECDHE_RSA },   { 0xc031, 0xc032, FIXED_DH },
    { 0xc033, 0xc03b, WITHOUT },     { 0xc03c, 0xc03d, RSA_STATIC },
    { 0xc03e, 0xc041, FIXED_DH },    { 0xc044, 0xc045, DHE_RSA },
    { 0xc046, 0xc047, WITHOUT },     { 0xc048, 0xc049, ECDHE_ECDSA },
    { 0xc04a, 0xc04b, FIXED_DH },    { 0xc04c, 0xc04d, ECDHE_RSA },
    { 0xc04e, 0xc04f, FIXED_DH },    { 0xc050, 0xc051, RSA_STATIC },
    { 0xc052, 0xc053, DHE_RSA },     { 0xc054, 0xc055, FIXED_DH },
    { 0xc058, 0xc059, FIXED_DH },    { 0xc05a, 0xc05b, WITHOUT },
    { 0xc05c, 0xc05d, ECDHE_ECDSA }, { 0xc05e, 0xc05f, FIXED_DH },
    { 0xc060, 0xc061, ECDHE_RSA },   { 0xc062, 0xc063, FIXED_DH },
    { 0xc064, 0xc067, WITHOUT },     { 0xc06a, 0xc06d, WITHOUT },
    { 0xc070, 0xc071, WITHOUT },     { 0xc072, 0xc073, ECDHE_ECDSA },
    { 0xc074, 0xc075, FIXED_DH },    { 0xc076, 0xc077, ECDHE_RSA },
    { 0xc078, 0xc079, FIXED_DH },    { 0xc07a, 0xc07b, RSA_STATIC },
    { 0xc07c, 0xc07d, DHE_RSA },     { 0xc07e, 0xc07f, FIXED_DH },
    { 0xc082, 0xc083, FIXED_DH },    { 0xc084, 0xc085, WITHOUT },
    { 0xc086, 0xc087, ECDHE_ECDSA }, { 0xc088, 0xc089, FIXED_DH },
    { 0xc08a, 0xc08b, ECDHE_RSA },   { 0xc08c, 0xc08d, FIXED_DH },
    { 0xc08e, 0xc091, WITHOUT },     { 0xc094, 0xc097, WITHOUT },
    { 0xc09a, 0xc09b, WITHOUT },     { 0xc09c, 0xc09d, RSA_STATIC },
    { 0xc09e, 0xc09f, DHE_RSA },     { 0xc0a0, 0xc0a1, RSA_STATIC },
    { 0xc0a2, 0xc0a3, DHE_RSA },     { 0xc0a4, 0xc0ab, WITHOUT },
    { 0xc0ac, 0xc0af, ECDHE_ECDSA }, { 0xc0b0, 0xc0b3, WITHOUT },
    { 0xcca8, 0xcca8, ECDHE_RSA },   { 0xcca9, 0xcca9, ECDHE_ECDSA },
    { 0xccaa, 0xccaa, DHE_RSA },     { 0xccab, 0xccad, WITHOUT },
    { 0xd001, 0xd003, WITHOUT },     { 0xd005, 0xd005, WITHOUT },
};

struct cipher_suite cipher_suite_of(uint32_t number)
{
    size_t low = 0, high = sizeof(RANGES) / sizeof(RANGES[0]);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (number > RANGES[middle].last)
            low = middle + 1;
        else if (number < RANGES[middle].first)
            high = middle;
        else
            return KINDS[RANGES[middle].kind];
    }
    return (struct cipher_suite){ SUITE_UNPROVEN, 0 };
}
