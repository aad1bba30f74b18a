/* policy/connect_to.h - where connections go that a rule sends elsewhere: rule.connect_to.
 * "10.0.0.5", "10.0.0.5:8443", "fd00::5", "[fd00::5]:8443", "proxy.internal.example" and
 * "proxy.internal.example:8443". A value without pointers: copy it as you like. */
#pragma once
#include "base/address.h"
#include "policy/host_name.h"

/* Zero: nothing was said, so that the name itself is looked up. */
enum connect_kind { CONNECT_TO_NAME = 0, CONNECT_TO_ADDRESS, CONNECT_TO_HOST };

struct connect_to {
    enum connect_kind kind;
    uint16_t port;             /* 0: the one that the client believes it connected to */
    struct ip_address address; /* of CONNECT_TO_ADDRESS */
    struct host_name host;     /* of CONNECT_TO_HOST: looked up in place of the name */
};

enum { CONNECT_TO_TEXT_BYTES = HOST_NAME_TEXT_MAX + sizeof(":65535") };

/* Reads what a person typed. False: `*ret_problem` is a sentence, a literal, that says what is
 * wrong and what to type instead. */
bool connect_to_parse(const char *typed, struct connect_to *ret_connect_to,
                      const char **ret_problem);

/* Adds it as a person would type it; nothing for CONNECT_TO_NAME. */
void connect_to_add_to(const struct connect_to *connect_to, struct text *text);
