/* app/certificate_ends.h - when the certificates that rules' servers show come to their end, as the
 * board knows it at one moment. */
#pragma once
#include <stdint.h>

struct certificate_board;
struct certificate_ends;

/* NULL when out of memory. */
struct certificate_ends *certificate_ends_new(struct certificate_board *board);
/* NULL is fine. */
void certificate_ends_free(struct certificate_ends *ends);

/* The soonest of a rule, in Unix seconds; 0: none is known. */
int64_t certificate_ends_of(const struct certificate_ends *ends, int64_t rule_id);
