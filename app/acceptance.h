/* app/acceptance.h - the way out of a refused certificate: the SQL that would accept it. Shown in
 * log and status page to a person, who decides; nothing is ever accepted by itself. */
#pragma once
#include "policy/requirement.h"
#include "policy/verdict.h"

struct certificate_finding;
struct text;

struct refusal {
    enum reason reason;
    int64_t rule_id;
    const struct requirement *requirement;
    const struct certificate_finding *finding; /* NULL: none */
};

/* Adds the statements; nothing where none would help. */
void refusal_add_acceptance(const struct refusal *refusal, struct text *text);
