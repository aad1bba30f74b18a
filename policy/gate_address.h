/* policy/gate_address.h - which address a name is answered with, so that its clients come to the
 * gate. */
#pragma once
#include "base/address.h"

/* As many of a family as keep a UDP answer within 512 bytes whatever the name: 12 + 259 (question)
 * + 8 * 28 + 11 (OPT). */
enum { GATE_ADDRESSES_MAX = 8 };

struct gate_addresses {
    struct ip_address v4[GATE_ADDRESSES_MAX], v6[GATE_ADDRESSES_MAX];
    uint32_t v4_count, v6_count;
};

/* Adds one; one that is there already is no error. False when its family is full or it is
 * unspecified. */
bool gate_addresses_add(struct gate_addresses *addresses, const struct ip_address *address);
