/* base/address.c - IP addresses, networks and endpoints. */
#include "base/address.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static struct ip_address address_from_v4(const void *bytes)
{
    struct ip_address address = { .family = 4 };
    memcpy(address.bytes, bytes, 4);
    return address;
}

static struct ip_address address_from_v6(const uint8_t bytes[16])
{
    if (memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0)
        return address_from_v4(bytes + 12);
    struct ip_address address = { .family = 6 };
    memcpy(address.bytes, bytes, 16);
    return address;
}

struct ip_address ip_address_from_bytes(const uint8_t *bytes, unsigned size)
{
    if (size == 4)
        return address_from_v4(bytes);
    return size == 16 ? address_from_v6(bytes) : (struct ip_address){ 0 };
}

bool ip_address_parse(const char *text, struct ip_address *ret_address)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1)
        *ret_address = address_from_v4(bytes);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        *ret_address = address_from_v6(bytes);
    else
        return false;
    return true;
}

/* Reads a decimal number of at most `limit`, digits only. */
static bool parse_number(const char *text, unsigned long limit, unsigned long *ret_number)
{
    unsigned long number = 0;
    if (*text == '\0' || strlen(text) > 5)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (unsigned long)(*text - '0');
    }
    if (number > limit)
        return false;
    *ret_number = number;
    return true;
}

/* Clears the bits of `address` behind the first `prefix_bits`. */
static struct ip_address mask_address(struct ip_address address, unsigned prefix_bits)
{
    unsigned whole = prefix_bits / 8;
    if (whole >= sizeof(address.bytes))
        return address;
    address.bytes[whole] &= (uint8_t)(0xff00u >> prefix_bits % 8);
    memset(address.bytes + whole + 1, 0, sizeof(address.bytes) - whole - 1);
    return address;
}

bool ip_network_parse(const char *text, struct ip_network *ret_network)
{
    char address_text[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t size = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (size >= sizeof(address_text))
        return false;
    memcpy(address_text, text, size);
    address_text[size] = '\0';

    struct ip_network network;
    if (!ip_address_parse(address_text, &network.address))
        return false;
    bool is_mapped = network.address.family == 4 && strchr(address_text, ':') != NULL;
    unsigned long most = network.address.family == 4 && !is_mapped ? 32 : 128, bits = most;
    unsigned long least = is_mapped ? 8 * sizeof(mapped_prefix) : 0; /* fewer have IPv6 inside */
    if (slash != NULL && (!parse_number(slash + 1, most, &bits) || bits < least))
        return false;
    network.prefix_bits = (uint8_t)(bits - least);
    struct ip_address masked = mask_address(network.address, network.prefix_bits);
    if (!ip_address_equal(&masked, &network.address))
        return false;
    *ret_network = network;
    return true;
}

bool endpoint_parse(const char *text, int default_port, struct endpoint *ret_endpoint)
{
    char address_text[INET6_ADDRSTRLEN];
    bool bracketed = text[0] == '[';
    const char *start = text + (bracketed ? 1 : 0);
    const char *end = bracketed ? strchr(start, ']') : strchr(start, ':');
    if (!bracketed && end != NULL && strchr(end + 1, ':') != NULL)
        end = NULL; /* IPv6 without brackets: it can carry no port */
    if (bracketed && end == NULL)
        return false;
    size_t size = end != NULL ? (size_t)(end - start) : strlen(start);
    if (size >= sizeof(address_text))
        return false;
    memcpy(address_text, start, size);
    address_text[size] = '\0';

    const char *rest = start + size + (bracketed ? 1 : 0);
    unsigned long port = default_port >= 0 ? (unsigned long)default_port : 0;
    if (*rest == '\0' && default_port < 0)
        return false;
    if (*rest != '\0' && (*rest != ':' || !parse_number(rest + 1, 65535, &port)))
        return false;
    struct endpoint endpoint = { .port = (uint16_t)port };
    if (!ip_address_parse(address_text, &endpoint.address))
        return false;
    if (bracketed && strchr(address_text, ':') == NULL)
        return false;
    *ret_endpoint = endpoint;
    return true;
}

bool ip_address_equal(const struct ip_address *left, const struct ip_address *right)
{
    return left->family == right->family &&
           memcmp(left->bytes, right->bytes, sizeof(left->bytes)) == 0;
}

unsigned ip_address_client_bytes(const struct ip_address *address)
{
    return address->family == 4 ? 4 : 8;
}

bool ip_address_is_unspecified(const struct ip_address *address)
{
    static const uint8_t zero[16];
    return memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

bool ip_network_contains(const struct ip_network *network, const struct ip_address *address)
{
    if (address->family != network->address.family)
        return false;
    struct ip_address masked = mask_address(*address, network->prefix_bits);
    return ip_address_equal(&masked, &network->address);
}

bool endpoint_equal(const struct endpoint *left, const struct endpoint *right)
{
    return left->port == right->port && ip_address_equal(&left->address, &right->address);
}

void ip_address_add_to(const struct ip_address *address, struct text *text)
{
    char buffer[INET6_ADDRSTRLEN];
    int family = address->family == 4 ? AF_INET : AF_INET6;
    if (address->family == 0 || inet_ntop(family, address->bytes, buffer, sizeof(buffer)) == NULL)
        text_add(text, "none");
    else
        text_add(text, buffer);
}

void endpoint_add_to(const struct endpoint *endpoint, struct text *text)
{
    text_add(text, endpoint->address.family == 6 ? "[" : "");
    ip_address_add_to(&endpoint->address, text);
    text_add_format(text, "%s:%u", endpoint->address.family == 6 ? "]" : "", endpoint->port);
}

struct endpoint endpoint_from_sockaddr(const struct sockaddr *socket_address)
{
    struct endpoint endpoint = { 0 };
    if (socket_address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, socket_address, sizeof(v4));
        endpoint.address = address_from_v4(&v4.sin_addr);
        endpoint.port = ntohs(v4.sin_port);
    } else if (socket_address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, socket_address, sizeof(v6));
        endpoint.address = address_from_v6(v6.sin6_addr.s6_addr);
        endpoint.port = ntohs(v6.sin6_port);
    }
    return endpoint;
}

unsigned endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *ret_address)
{
    memset(ret_address, 0, sizeof(*ret_address));
    if (endpoint->address.family == 4) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(endpoint->port) };
        memcpy(&v4.sin_addr, endpoint->address.bytes, 4);
        memcpy(ret_address, &v4, sizeof(v4));
        return sizeof(v4);
    }
    if (endpoint->address.family != 6)
        return 0; /* zeroed: AF_UNSPEC, where the unspecified address would mean this machine */
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(endpoint->port) };
    memcpy(&v6.sin6_addr, endpoint->address.bytes, 16);
    memcpy(ret_address, &v6, sizeof(v6));
    return sizeof(v6);
}
