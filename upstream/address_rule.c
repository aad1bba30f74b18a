/* upstream/address_rule.c - which addresses are fit to be dialled. */
#include "upstream/address_rule.h"
#include "net/socket.h"
#include "policy/settings.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct address_range {
    struct ip_network network;
    enum address_fitness fitness;
};

#define RANGE_4(a, b, c, d, bits)                                                                  \
    {                                                                                              \
        { 4, { a, b, c, d } }, bits                                                                \
    }
#define RANGE_6(bits, ...)                                                                         \
    {                                                                                              \
        { 6, { __VA_ARGS__ } }, bits                                                               \
    }

/* The first row that holds an address decides, so the narrow stand before the wide. An address
 * outside all rows is refused. */
static const struct address_range ranges[] = {
    /* IPv4: RFC 6890 and the IANA registry of special-purpose addresses */
    { RANGE_4(0, 0, 0, 0, 32), ADDRESS_UNSPECIFIED },
    { RANGE_4(0, 0, 0, 0, 8), ADDRESS_RESERVED }, /* "this network" */
    { RANGE_4(10, 0, 0, 0, 8), ADDRESS_PRIVATE },
    { RANGE_4(100, 100, 100, 200, 32), ADDRESS_METADATA }, /* Alibaba Cloud */
    { RANGE_4(100, 64, 0, 0, 10), ADDRESS_SHARED },
    { RANGE_4(127, 0, 0, 0, 8), ADDRESS_LOOPBACK },
    { RANGE_4(168, 63, 129, 16, 32), ADDRESS_METADATA }, /* Azure */
    { RANGE_4(169, 254, 0, 0, 16), ADDRESS_LINK_LOCAL },
    { RANGE_4(172, 16, 0, 0, 12), ADDRESS_PRIVATE },
    { RANGE_4(192, 0, 0, 192, 32), ADDRESS_METADATA }, /* Oracle Cloud */
    { RANGE_4(192, 0, 0, 0, 24), ADDRESS_RESERVED },   /* IETF protocol assignments */
    { RANGE_4(192, 0, 2, 0, 24), ADDRESS_DOCUMENTATION },
    { RANGE_4(192, 88, 99, 0, 24), ADDRESS_RESERVED }, /* 6to4 relays, RFC 7526 */
    { RANGE_4(192, 168, 0, 0, 16), ADDRESS_PRIVATE },
    { RANGE_4(198, 18, 0, 0, 15), ADDRESS_RESERVED }, /* benchmarking, RFC 2544 */
    { RANGE_4(198, 51, 100, 0, 24), ADDRESS_DOCUMENTATION },
    { RANGE_4(203, 0, 113, 0, 24), ADDRESS_DOCUMENTATION },
    { RANGE_4(224, 0, 0, 0, 4), ADDRESS_MULTICAST },
    { RANGE_4(255, 255, 255, 255, 32), ADDRESS_BROADCAST },
    { RANGE_4(240, 0, 0, 0, 4), ADDRESS_RESERVED },
    { RANGE_4(0, 0, 0, 0, 0), ADDRESS_FIT },

    /* IPv6: only 2000::/3 is global unicast (RFC 4291 2.4), and the well-known NAT64 prefix (RFC
       6052) */
    { RANGE_6(128, 0), ADDRESS_UNSPECIFIED },
    { RANGE_6(128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), ADDRESS_LOOPBACK },
    { RANGE_6(96, 0x00, 0x64, 0xff, 0x9b), ADDRESS_FIT },
    { RANGE_6(23, 0x20, 0x01), ADDRESS_RESERVED }, /* IETF protocol assignments, with Teredo */
    { RANGE_6(32, 0x20, 0x01, 0x0d, 0xb8), ADDRESS_DOCUMENTATION },
    { RANGE_6(20, 0x3f, 0xff), ADDRESS_DOCUMENTATION }, /* RFC 9637 */
    { RANGE_6(3, 0x20), ADDRESS_FIT },
    { RANGE_6(128, 0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54),
      ADDRESS_METADATA }, /* AWS */
    { RANGE_6(128, 0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54),
      ADDRESS_METADATA }, /* Google Cloud */
    { RANGE_6(7, 0xfc), ADDRESS_UNIQUE_LOCAL },
    { RANGE_6(10, 0xfe, 0x80), ADDRESS_LINK_LOCAL },
    { RANGE_6(8, 0xff), ADDRESS_MULTICAST },
    { RANGE_6(0, 0), ADDRESS_RESERVED },
};

/* Where IPv6 addresses carry an IPv4 address that a translator or a tunnel would send the packet
 * to. */
static const struct embedding {
    struct ip_network network;
    uint8_t at[4]; /* which bytes */
    uint8_t flip;  /* and what hides them */
} embeddings[] = {
    { RANGE_6(96, 0), { 12, 13, 14, 15 }, 0 },             /* IPv4-compatible, RFC 4291 2.5.5.1 */
    { RANGE_6(16, 0x20, 0x02), { 2, 3, 4, 5 }, 0 },        /* 6to4, RFC 3056 2 */
    { RANGE_6(32, 0x20, 0x01), { 4, 5, 6, 7 }, 0 },        /* Teredo's server, RFC 4380 4 */
    { RANGE_6(32, 0x20, 0x01), { 12, 13, 14, 15 }, 0xff }, /* Teredo's client */
    { RANGE_6(96, 0x00, 0x64, 0xff, 0x9b), { 12, 13, 14, 15 }, 0 },     /* NAT64, RFC 6052 2.1 */
    { RANGE_6(48, 0x00, 0x64, 0xff, 0x9b, 0, 1), { 6, 7, 9, 10 }, 0 },  /* local NAT64, RFC 8215: */
    { RANGE_6(48, 0x00, 0x64, 0xff, 0x9b, 0, 1), { 7, 9, 10, 11 }, 0 }, /* whatever its length, */
    { RANGE_6(48, 0x00, 0x64, 0xff, 0x9b, 0, 1), { 9, 10, 11, 12 }, 0 }, /* RFC 6052 2.2 */
    { RANGE_6(48, 0x00, 0x64, 0xff, 0x9b, 0, 1), { 12, 13, 14, 15 }, 0 },
};

static enum address_fitness classify(const struct ip_address *address)
{
    for (size_t i = 0; i < COUNT(ranges); i++)
        if (ip_network_contains(&ranges[i].network, address))
            return ranges[i].fitness;
    return ADDRESS_UNKNOWN;
}

/* Whether `allowed_private_networks` may open addresses of this kind. */
static bool can_be_opened(enum address_fitness fitness)
{
    switch (fitness) {
    case ADDRESS_LOOPBACK:
    case ADDRESS_PRIVATE:
    case ADDRESS_SHARED:
    case ADDRESS_UNIQUE_LOCAL:
    case ADDRESS_DOCUMENTATION:
    case ADDRESS_RESERVED:
    case ADDRESS_FIT:
        return true;
    case ADDRESS_UNKNOWN:
    case ADDRESS_UNSPECIFIED:
    case ADDRESS_LINK_LOCAL:
    case ADDRESS_METADATA:
    case ADDRESS_MULTICAST:
    case ADDRESS_BROADCAST:
    case ADDRESS_OWN_SOCKET:
    case ADDRESS_FITNESS_COUNT:
        break;
    }
    return false;
}

/* What connect() makes of ::ffff:192.0.2.1: the IPv4 address. */
static struct ip_address unmapped(const struct ip_address *address)
{
    static const struct ip_network mapped = RANGE_6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
    if (!ip_network_contains(&mapped, address))
        return *address;
    struct ip_address inner = { .family = 4 };
    memcpy(inner.bytes, address->bytes + 12, 4);
    return inner;
}

/* The worse of what `address` is and what each IPv4 address inside it is. */
static enum address_fitness classify_with_embedded(const struct ip_address *address)
{
    enum address_fitness worst = classify(address);
    for (size_t i = 0; i < COUNT(embeddings) && can_be_opened(worst); i++) {
        const struct embedding *embedding = &embeddings[i];
        if (!ip_network_contains(&embedding->network, address))
            continue;
        struct ip_address inner = { .family = 4 };
        for (size_t byte = 0; byte < 4; byte++)
            inner.bytes[byte] = address->bytes[embedding->at[byte]] ^ embedding->flip;
        if (inner.bytes[0] == 0)
            continue; /* 0.0.0.0/8 is no one's: nothing stands in this place */
        enum address_fitness fitness = classify(&inner);
        if (worst == ADDRESS_FIT || !can_be_opened(fitness))
            worst = fitness;
    }
    return worst;
}

static bool is_own_socket(const struct address_rule *rule, const struct endpoint *endpoint)
{
    for (uint32_t i = 0; i < rule->own_count; i++) {
        const struct endpoint *own = &rule->own[i];
        if (own->port != endpoint->port)
            continue;
        if (ip_address_equal(&own->address, &endpoint->address))
            return true;
        if (ip_address_is_unspecified(&own->address) && socket_address_is_local(&endpoint->address))
            return true;
    }
    for (uint32_t i = 0; i < rule->own_range_count; i++)
        if (ip_network_contains(&rule->own_range[i], &endpoint->address))
            return true;
    return false;
}

static bool is_opened(const struct settings *settings, const struct ip_address *address)
{
    for (uint32_t i = 0; i < settings->allowed_private_network_count; i++)
        if (ip_network_contains(&settings->allowed_private_networks[i], address))
            return true;
    return false;
}

enum address_fitness address_rule_judge(const struct address_rule *rule,
                                        const struct endpoint *endpoint)
{
    struct endpoint dialled = { unmapped(&endpoint->address), endpoint->port };
    enum address_fitness fitness = classify_with_embedded(&dialled.address);
    if (!can_be_opened(fitness))
        return fitness;
    if (is_own_socket(rule, &dialled))
        return ADDRESS_OWN_SOCKET;
    bool is_open = rule->is_typed || is_opened(rule->settings, &dialled.address);
    return is_open ? ADDRESS_FIT : fitness;
}

static const struct {
    const char *word, *sentence;
} texts[] = {
#define ADDRESS_FITNESS_TEXT(constant, word, sentence) [ADDRESS_##constant] = { word, sentence },
    ADDRESS_FITNESS_LIST(ADDRESS_FITNESS_TEXT)
#undef ADDRESS_FITNESS_TEXT
};

const char *address_fitness_word(enum address_fitness fitness)
{
    return texts[fitness].word;
}

const char *address_fitness_sentence(enum address_fitness fitness)
{
    return texts[fitness].sentence;
}
