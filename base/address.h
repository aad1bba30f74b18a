/* base/address.h - IP addresses, networks and endpoints.
 * IPv4-mapped IPv6 addresses (RFC 4291 2.5.5.2) become IPv4 on the way in, so the rest of the
 * program meets one form of each address. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sockaddr;
struct sockaddr_storage;
struct text;

struct ip_address {
    uint8_t family;    /* 4 or 6; 0: none */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest are zero */
};

struct ip_network {
    struct ip_address address; /* host bits are zero */
    uint8_t prefix_bits;       /* 0 to 32 or 128 */
};

struct endpoint {
    struct ip_address address;
    uint16_t port; /* host order */
};

/* Reads "192.0.2.1" or "2001:db8::1" (strict forms; no zone). False leaves `*ret_address`
 * untouched. */
bool ip_address_parse(const char *text, struct ip_address *ret_address);
/* Reads "ADDR/BITS" or "ADDR" (one address). Host bits that are set are an error: they hide a
 * typing mistake. BITS of an IPv4-mapped address count as those of IPv6: 96 to 128. */
bool ip_network_parse(const char *text, struct ip_network *ret_network);
/* Reads "ADDR:PORT" or "[ADDR]:PORT"; the port is 0 to 65535. With `default_port` >= 0 the port may
 * be left out. */
bool endpoint_parse(const char *text, int default_port, struct endpoint *ret_endpoint);

/* The address of 4 or 16 bytes in network order; family 0 for another `size`. */
struct ip_address ip_address_from_bytes(const uint8_t *bytes, unsigned size);

bool ip_address_equal(const struct ip_address *left, const struct ip_address *right);
/* How many of its first bytes tell a client from others where clients are counted: of IPv6 the /64,
 * as a host may have all of that. */
unsigned ip_address_client_bytes(const struct ip_address *address);
bool ip_address_is_unspecified(const struct ip_address *address);
bool ip_network_contains(const struct ip_network *network, const struct ip_address *address);
bool endpoint_equal(const struct endpoint *left, const struct endpoint *right);

void ip_address_add_to(const struct ip_address *address, struct text *text);
/* "ADDR:PORT", IPv6 in brackets. */
void endpoint_add_to(const struct endpoint *endpoint, struct text *text);

/* An unknown family gives family 0. */
struct endpoint endpoint_from_sockaddr(const struct sockaddr *socket_address);
/* Fills `*ret_address`; returns its size. Family 0 gives AF_UNSPEC and size 0, which no socket
 * takes. */
unsigned endpoint_to_sockaddr(const struct endpoint *endpoint,
                              struct sockaddr_storage *ret_address);
