/* policy/rule_requirement.c - verify and pins of a rule, read. */
#include "policy/rule_requirement.h"
#include "base/text.h"

#include <string.h>

/* Sentences; # stands for the rule's id. All but the last: the allow admits nothing. */
#define UNKNOWN_VERIFY                                                                             \
    "The rule's verify is none that is known; type UPDATE rule SET verify = 'chain' WHERE id = "   \
    "#;"
#define UNREADABLE_PIN                                                                             \
    "A pin of the rule can't be read; look at SELECT * FROM pin WHERE rule_id = #; and type "      \
    "that pin anew, or delete it."
#define TOO_MANY_PINS                                                                              \
    "The rule has more than 64 pins; look at SELECT * FROM pin WHERE rule_id = #; and delete "     \
    "those of no use."
#define NONE_WITH_PINS                                                                             \
    "The rule has pins, and verify = 'none', which checks nothing; type UPDATE rule SET verify = " \
    "'chain' WHERE id = #; or DELETE FROM pin WHERE rule_id = #;"
#define PIN_ONLY_WITHOUT_PIN                                                                       \
    "verify = 'pin-only' needs a pin that is enforced; pinhole pin HOST shows it, to be typed as " \
    "INSERT INTO pin (rule_id, spki_sha256) VALUES (#, '...');"
#define PIN_ONLY_EXPIRED                                                                           \
    "All enforcing pins of the rule have expired, and verify = 'pin-only' goes by nothing else; "  \
    "pin anew, or type UPDATE pin SET expires_at = NULL WHERE rule_id = #;"
#define ALL_EXPIRED                                                                                \
    "All enforcing pins of the rule have expired, so every connection is refused; pin anew, or "   \
    "type UPDATE pin SET expires_at = NULL WHERE rule_id = #;"

static void add_sentence(const struct rule_row *row, const char *sentence,
                         struct rule_outcome *outcome)
{
    struct text reason = text_behind(outcome->reason, sizeof(outcome->reason));
    text_add(&reason, reason.size > 0 ? " " : "");
    for (; *sentence != '\0'; sentence++) {
        if (*sentence == '#')
            text_add_format(&reason, "%lld", (long long)row->id);
        else
            text_add_bytes(&reason, sentence, 1);
    }
}

static bool refuse(const struct rule_row *row, const char *sentence, struct rule_outcome *outcome)
{
    outcome->state = RULE_STATE_INVALID;
    outcome->reason[0] = '\0';
    add_sentence(row, sentence, outcome);
    return false;
}

static bool read_mode(const char *verify, enum verify_mode *ret_mode)
{
    if (verify == NULL || strcmp(verify, "chain") == 0)
        *ret_mode = VERIFY_CHAIN;
    else if (strcmp(verify, "pin-only") == 0)
        *ret_mode = VERIFY_PIN_ONLY;
    else if (strcmp(verify, "none") == 0)
        *ret_mode = VERIFY_NONE;
    else
        return false;
    return true;
}

static bool read_pin(const struct pin_row *row, struct required_pin *ret_pin)
{
    bool is_enforced = strcmp(row->mode, "enforce") == 0;
    if ((!is_enforced && strcmp(row->mode, "report") != 0) ||
        !spki_pin_parse(row->spki_sha256, &ret_pin->spki))
        return false;
    ret_pin->is_enforced = is_enforced;
    ret_pin->expires_at = row->has_expiry ? row->expires_at : PIN_NEVER_EXPIRES;
    return true;
}

/* Is there something that a server can show? */
static bool can_be_met(const struct rule_row *row, int64_t now_s,
                       const struct requirement *requirement, struct rule_outcome *outcome)
{
    bool has_enforcing = requirement_has_enforcing_pin(requirement);
    bool is_live = requirement_has_live_pin(requirement, now_s);
    switch (requirement_mode(requirement)) {
    case VERIFY_CHAIN:
        if (has_enforcing && !is_live)
            add_sentence(row, ALL_EXPIRED, outcome); /* the gate refuses, and says why */
        return true;
    case VERIFY_PIN_ONLY:
        return is_live ||
               refuse(row, has_enforcing ? PIN_ONLY_EXPIRED : PIN_ONLY_WITHOUT_PIN, outcome);
    case VERIFY_NONE:
        return row->pin_count == 0 || refuse(row, NONE_WITH_PINS, outcome);
    }
    return false;
}

static bool read_of_allow(const struct rule_row *row, int64_t now_s, struct compiled_rule *rule,
                          struct rule_outcome *outcome)
{
    struct required_pin pins[REQUIRED_PINS_MAX];
    enum verify_mode mode;
    if (!read_mode(row->verify, &mode))
        return refuse(row, UNKNOWN_VERIFY, outcome);
    if (row->pin_count > REQUIRED_PINS_MAX)
        return refuse(row, TOO_MANY_PINS, outcome);
    for (uint32_t i = 0; i < row->pin_count; i++)
        if (!read_pin(&row->pins[i], &pins[i]))
            return refuse(row, UNREADABLE_PIN, outcome);
    if (mode == VERIFY_CHAIN && row->pin_count == 0)
        return true;
    struct requirement *requirement = requirement_new(mode, pins, row->pin_count);
    if (requirement == NULL)
        return refuse(row, "Out of memory.", outcome);
    if (!can_be_met(row, now_s, requirement, outcome)) {
        requirement_unref(requirement);
        return false;
    }
    rule->requirement = requirement;
    return true;
}

bool rule_read_requirement(const struct rule_row *row, int64_t now_s, struct compiled_rule *rule,
                           struct rule_outcome *outcome)
{
    if (strcmp(row->action, "allow") == 0)
        return read_of_allow(row, now_s, rule, outcome);
    if (row->pin_count > 0)
        add_sentence(row, "Its pins are ignored, since a deny has no server to check.", outcome);
    return true;
}
