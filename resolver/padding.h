/* resolver/padding.h - answers over TLS are as long as many others, so that their length tells
 * nothing (RFC 7830, RFC 8467). Pure. */
#pragma once
#include "base/reader.h"

enum { PADDING_BLOCK_BYTES = 468 }; /* RFC 8467 4.1: of answers */

/* True for a query whose OPT record has the padding option: only to such a one may an answer have
 * it (RFC 7830 4). */
bool padding_is_wanted(struct reader query);

/* Lengthens `answer`, of `size` bytes, to the next multiple of the block, in place; returns its new
 * size. It stays as it is where it would need more than `room` bytes, or where it does not end with
 * an OPT record. */
size_t padding_add(uint8_t *answer, size_t size, size_t room);
