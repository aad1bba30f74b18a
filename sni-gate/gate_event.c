/* sni-gate/gate_event.c - the words of how connections end. */
#include "sni-gate/gate_event.h"

const char *gate_end_word(enum gate_end end)
{
#define GATE_END_WORD(constant, word) [GATE_END_##constant] = word,
    static const char *const words[GATE_END_COUNT] = { GATE_END_LIST(GATE_END_WORD) };
#undef GATE_END_WORD
    return words[end];
}
