/* bench/gate/conversation.h - what the load and the server say to each other: believable TLS
 * records round bytes that mean nothing, laid out so that the load can check each of them. The
 * client says hello, with what it wishes for hidden in the hello's random bytes. The server greets
 * (ServerHello, change_cipher_spec, one encrypted record), then grants the wish: */
#pragma once
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HELLO_BYTES = 517,
    GREETING_BYTES = 200,
    RECORD_BYTES = 5 + 16 * 1024,
    RECORDS_PER_BLOCK = 16,
    BLOCK_BYTES = RECORDS_PER_BLOCK * RECORD_BYTES,
    REQUEST_BYTES = 256,
};

/* Any other wish is a count: that many bytes of the block, over and over, and then the end. */
#define WISH_ECHO UINT64_MAX /* each request comes back as it is */

/* Composes a ClientHello (RFC 8446 4.1.2) for `name`. */
void conversation_hello(const char *name, uint64_t wish, uint8_t ret_hello[HELLO_BYTES]);
/* What the client of this hello wished for. */
uint64_t conversation_wish(const uint8_t hello[HELLO_BYTES]);

void conversation_greeting(uint8_t ret_greeting[GREETING_BYTES]);
/* A run of full records, no two stretches of it alike: what is missing or doubled shows. */
void conversation_block(uint8_t ret_block[BLOCK_BYTES]);
/* One record that asks for itself. */
void conversation_request(uint8_t ret_request[REQUEST_BYTES]);

/* "ADDRESS:PORT", IPv4; ends the program where it is none. */
struct sockaddr_in conversation_address(const char *text);
/* A non-blocking socket that listens; ends the program where there can be none. */
int conversation_listen(const struct sockaddr_in *address);
/* Says what failed, with errno, and ends the program. */
_Noreturn void conversation_fail(const char *what);
