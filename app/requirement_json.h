/* app/requirement_json.h - what a rule demands of its server, as the subcommands' JSON says it. */
#pragma once
#include "policy/requirement.h"

struct text;

/* Adds "verify":...,"pins":[...] as members of an object. */
void requirement_add_json(const struct requirement *requirement, struct text *text);
