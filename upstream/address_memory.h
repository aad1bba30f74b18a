/* upstream/address_memory.h - which addresses could not be reached lately, so that those that work
 * are dialled first. A hint alone: it orders addresses, and refuses none. Bounded: an address may
 * be forgotten early where another takes its place. Belongs to one worker's loop. */
#pragma once
#include "base/address.h"

struct address_memory;

/* An address that failed comes last for half a minute. After that nobody knows, so it comes behind
 * those that did not fail, until it worked again or ten minutes have passed. */
enum { ADDRESS_MEMORY_BAD_MS = 30 * 1000, ADDRESS_MEMORY_DOUBT_MS = 600 * 1000 };

/* The lower is dialled first. */
enum address_rank { ADDRESS_RANK_GOOD, ADDRESS_RANK_DOUBTFUL, ADDRESS_RANK_BAD };

/* `now_ms` is a monotonic clock. NULL when out of memory. */
struct address_memory *address_memory_new(int64_t (*now_ms)(void));
/* NULL is fine. */
void address_memory_free(struct address_memory *memory);

/* An attempt to reach `endpoint` ended. */
void address_memory_note_failed(struct address_memory *memory, const struct endpoint *endpoint);
void address_memory_note_worked(struct address_memory *memory, const struct endpoint *endpoint);

enum address_rank address_memory_rank(const struct address_memory *memory,
                                      const struct endpoint *endpoint);

/* The family to begin with: 6 (RFC 8305 4), but 4 while the last address of family 6 that was
 * dialled is not reached, for half a minute at most, and family 4 fares better. */
uint8_t address_memory_family(const struct address_memory *memory);
