/* sni-gate/gate_event.c - the words of how connections end. */
#include "sni-gate/gate_event.h"

const char *gate_end_word(enum gate_end end)
{
#define GATE_END_WORD(constant, word) [GATE_END_##constant] = word,
    static const char *const words[GATE_END_COUNT] = { GATE_END_LIST(GATE_END_WORD) };
#undef GATE_END_WORD
    return words[end];
}

const char *gate_proof_word(enum gate_proof proof)
{
#define GATE_PROOF_WORD(constant, word) [GATE_PROOF_##constant] = word,
    static const char *const words[GATE_PROOF_COUNT] = { GATE_PROOF_LIST(GATE_PROOF_WORD) };
#undef GATE_PROOF_WORD
    return words[proof];
}
