/* app/explanation.c - what happens to a host name, step by step, and why. */
#include "app/explanation.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "policy/policy_feed.h"

#include <stdlib.h>
#include <string.h>

enum { GROUPS_SHOWN_MAX = 32 };

/* What the resolver would answer for A and AAAA. */
static bool ask_resolver(struct explanation *explanation)
{
    struct policy_feed feed;
    struct policy_view view;
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (resolver == NULL)
        return false;
    policy_feed_init(&feed, policy_ref(explanation->question.policy));
    policy_view_init(&view, &feed);
    resolver_init(resolver, &view, &explanation->question.options->gate_addresses,
                  (struct resolver_sink){ 0 });
    resolver->zones = &explanation->question.options->zones;
    struct preview_question question = { .name = &explanation->target.name,
                                         .type = "A",
                                         .client = explanation->question.from,
                                         .now_s = clock_realtime_s() };
    bool is_answered = preview_answer(resolver, &question, &explanation->v4);
    question.type = "AAAA";
    is_answered = is_answered && preview_answer(resolver, &question, &explanation->v6);
    policy_view_release(&view);
    policy_feed_release(&feed);
    free(resolver);
    return is_answered;
}

static void ask_gate(struct explanation *explanation)
{
    struct policy_ports ports = options_ports(explanation->question.options);
    struct policy_question question = { .client = explanation->question.from,
                                        .name = &explanation->target.name };
    struct text sentence = text_in(explanation->sentence, sizeof(explanation->sentence));
    struct text pattern = text_in(explanation->pattern, sizeof(explanation->pattern));
    uint16_t port = explanation->target.port;
    explanation->verdict =
        policy_decide(explanation->question.policy, &question, port, clock_realtime_s());
    (void)policy_connect_to(explanation->question.policy, &explanation->target.name,
                            &explanation->verdict,
                            &explanation->connect_to); /* else it stays the name */
    explanation->requirement = policy_requirement(explanation->question.policy,
                                                  &explanation->target.name, &explanation->verdict);
    for (uint32_t i = 0; i < ports.count; i++)
        explanation->has_listener = explanation->has_listener || ports.port[i] == port;
    if (explanation->verdict.decision == DECISION_ALLOW && !explanation->has_listener) {
        explanation->verdict.decision = DECISION_DENY;
        explanation->verdict.reason = REASON_NO_LISTENER;
    }
    verdict_add_sentence(&explanation->verdict, &explanation->target.name, port, &sentence);
    verdict_add_pattern(&explanation->verdict, &explanation->target.name, &pattern);
}

/* A rule decided, and it is one that denies, be it enforced or not. */
static bool is_denied_by_rule(const struct verdict *verdict)
{
    enum reason reason = verdict->reason == REASON_OBSERVED ? verdict->would_be : verdict->reason;
    return reason == REASON_DENY_RULE;
}

bool explanation_is_allowed(const struct explanation *explanation)
{
    return explanation->verdict.decision == DECISION_ALLOW;
}

const char *explanation_outcome(const struct explanation *explanation)
{
    if (explanation->verdict.reason == REASON_OBSERVED)
        return "observed";
    return explanation_is_allowed(explanation) ? "allowed" : "denied";
}

/* Who answers before rules are asked, if anybody does. */
static void add_other_server(const struct explanation *explanation, struct text *text)
{
    const struct zone *zone =
        zone_table_find(&explanation->question.options->zones, &explanation->target.name);
    if (zone == NULL) {
        text_add(text, "is looked up upstream first: the gate's address if the name has one there,"
                       " else what the upstream DNS says");
        return;
    }
    text_add(text, "is forwarded, whatever the rules say: the internal zone ");
    host_name_add_to(&zone->name, text);
    for (uint32_t i = 0; i < zone->server_count; i++) {
        text_add(text, i > 0 ? ", " : " is at ");
        endpoint_add_to(&zone->server[i], text);
    }
}

static void add_dns(const struct explanation *explanation, const char *type,
                    const struct preview *preview, struct text *text)
{
    text_add_format(text, "  DNS %-5s %s", type, preview->rcode);
    if (preview->waits_for_lookup)
        add_other_server(explanation, text);
    for (uint32_t i = 0; i < preview->address_count; i++) {
        text_add(text, " ");
        ip_address_add_to(&preview->address[i], text);
    }
    bool is_own = preview->address_count > 0 &&
                  gate_addresses_has_range(&explanation->question.options->gate_addresses,
                                           preview->address[0].family);
    if (preview->address_count > 0)
        text_add_format(text, " (the gate%s, for %u s)",
                        is_own ? ", at an address of this name's own" : "", preview->ttl_s);
    else if (strcmp(preview->rcode, "NOERROR") == 0)
        text_add(text, ", no address of this family");
    if (preview->is_blocked)
        text_add_format(text, ", Blocked: %s", preview->extra_text);
    text_add(text, "\n");
}

/* "build, any", the closest first. */
void explanation_add_groups(const struct explanation *explanation, bool is_json, struct text *text)
{
    uint32_t ids[GROUPS_SHOWN_MAX];
    const struct client_groups *groups = policy_client_groups(explanation->question.policy);
    size_t count = client_list_groups(&explanation->client, ids, GROUPS_SHOWN_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *name = client_groups_name(groups, ids[i]);
        text_add(text, i > 0 ? (is_json ? "," : ", ") : "");
        if (is_json)
            text_add_json_string(text, name, strlen(name));
        else
            text_add(text, name);
    }
}

const char *explanation_home_group(const struct explanation *explanation)
{
    return client_groups_name(policy_client_groups(explanation->question.policy),
                              client_home_group(&explanation->client));
}

static void add_client_line(const struct explanation *explanation, struct text *text)
{
    text_add(text, "  client    is in ");
    explanation_add_groups(explanation, false, text);
    text_add_format(text, "; %s %s\n", explanation_home_group(explanation),
                    client_is_observed(&explanation->client)
                        ? "only observes: what would be denied passes and is recorded"
                        : "enforces");
}

/* "10.0.0.5:8443, ...", "the server's own address": where an allowed connection goes. */
static void add_way(const struct explanation *explanation, struct text *text)
{
    switch (explanation->connect_to.kind) {
    case CONNECT_TO_NAME:
        text_add(text, "the server's own address");
        return;
    case CONNECT_TO_ADDRESS:
        connect_to_add_to(&explanation->connect_to, text);
        text_add(text, ", as the rule's connect_to says");
        return;
    case CONNECT_TO_HOST:
        connect_to_add_to(&explanation->connect_to, text);
        text_add(text, ", which is looked up in the name's place, as the rule's connect_to says");
        return;
    }
}

static void add_gate(const struct explanation *explanation, struct text *text)
{
    if (!explanation->has_listener) {
        text_add_format(text,
                        "  gate      has no listener for port %u, so nobody can connect to it\n",
                        explanation->target.port);
    } else if (explanation_is_allowed(explanation)) {
        text_add(text, "  gate      a ClientHello with this server name is forwarded to ");
        add_way(explanation, text);
        text_add(text, "\n");
    } else {
        text_add(text, "  gate      a ClientHello with this server name gets the alert "
                       "unrecognized_name; nothing is dialled\n");
    }
}

/* How strong the rule is: what the server must show, and the pins that say so. */
static void add_check(const struct explanation *explanation, struct text *text)
{
    uint32_t count;
    int64_t now_s = clock_realtime_s();
    const struct required_pin *pins = requirement_pins(explanation->requirement, &count);
    text_add(text, "  check     ");
    requirement_add_name(explanation->requirement, now_s, text);
    text_add(text, ": ");
    requirement_add_meaning(explanation->requirement, now_s, text);
    text_add(text, "\n");
    for (uint32_t i = 0; i < count; i++) {
        text_add(text, "  pin       ");
        spki_pin_add_to(&pins[i].spki, text);
        text_add_format(text, " %s%s\n", pins[i].is_enforced ? "enforce" : "report",
                        pins[i].expires_at <= now_s ? ", expired" : "");
    }
}

static void add_rule(const struct explanation *explanation, struct text *text)
{
    const struct verdict *verdict = &explanation->verdict;
    if (verdict->rule_id != 0)
        text_add_format(text, "  rule      %lld: %s %s\n", (long long)verdict->rule_id,
                        is_denied_by_rule(verdict) ? "deny" : "allow", explanation->pattern);
    else
        text_add(text, "  rule      none matches\n");
}

void explanation_add_to(const struct explanation *explanation, struct text *text)
{
    host_name_add_to(&explanation->target.name, text);
    text_add_format(text, ", port %u, asked by ", explanation->target.port);
    ip_address_add_to(&explanation->question.from, text);
    text_add(text, "\n");
    add_client_line(explanation, text);
    url_explanation_add_lines(&explanation->url, text);
    add_rule(explanation, text);
    add_dns(explanation, "A", &explanation->v4, text);
    add_dns(explanation, "AAAA", &explanation->v6, text);
    add_gate(explanation, text);
    if (explanation_is_allowed(explanation))
        add_check(explanation, text);
    text_add(text, "  bytes     are not decrypted: an attacker on the path who relays the check is "
                   "stopped by the client's own alone\n");
    text_add_format(text, "%s: %s\n", explanation_outcome(explanation), explanation->sentence);
}

bool explanation_can_read(const char *target, struct fault *fault)
{
    struct url_explanation url = { 0 };
    struct compiled_rule host;
    return url_explanation_read(&url, target, &host, fault);
}

bool explanation_make(const struct explanation_question *question,
                      struct explanation *ret_explanation, struct fault *fault)
{
    *ret_explanation = (struct explanation){ .question = *question };
    fault_what(fault, "out of memory");
    if (!url_explanation_read(&ret_explanation->url, question->target, &ret_explanation->target,
                              fault))
        return false;
    ret_explanation->client = client_of(policy_client_groups(question->policy), &question->from);
    url_explanation_judge(&ret_explanation->url, question->providers, &ret_explanation->target);
    ask_gate(ret_explanation);
    return ask_resolver(ret_explanation);
}
