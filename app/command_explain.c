/* app/command_explain.c - pinhole explain: what happens to a host name, step by step, and why.
 * Asks the very functions that the resolver and the gate ask. */
#include "app/commands.h"
#include "app/gate_ranges.h"
#include "app/policy_once.h"
#include "app/requirement_json.h"
#include "app/url_explanation.h"
#include "base/clock.h"
#include "base/text.h"
#include "policy/policy_feed.h"
#include "resolver/preview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS_SHOWN_MAX = 32 };

struct explanation {
    const struct options *options;
    const struct policy *policy;
    struct url_explanation url;
    struct compiled_rule target;           /* name and port that were asked for */
    struct verdict verdict;                /* of the gate */
    struct connect_to connect_to;          /* of the rule that allows it */
    const struct requirement *requirement; /* likewise; borrowed from the policy */
    struct preview v4, v6;                 /* of the resolver */
    bool has_listener;                     /* the port is one that clients can connect to */
    struct client client;                  /* as the policy's groups know it */
    char sentence[512], pattern[RULE_HOSTNAME_BYTES];
};

/* What the resolver would answer for A and AAAA. */
static bool ask_resolver(struct explanation *explanation, struct policy *policy)
{
    struct policy_feed feed;
    struct policy_view view;
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (resolver == NULL)
        return false;
    policy_feed_init(&feed, policy_ref(policy));
    policy_view_init(&view, &feed);
    resolver_init(resolver, &view, &explanation->options->gate_addresses,
                  (struct resolver_sink){ 0 });
    resolver->zones = &explanation->options->zones;
    struct preview_question question = { .name = &explanation->target.name,
                                         .type = "A",
                                         .client = explanation->options->from,
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
    struct policy_ports ports = options_ports(explanation->options);
    struct policy_question question = { explanation->options->from, &explanation->target.name };
    struct text sentence = text_in(explanation->sentence, sizeof(explanation->sentence));
    struct text pattern = text_in(explanation->pattern, sizeof(explanation->pattern));
    uint16_t port = explanation->target.port;
    explanation->verdict = policy_decide(explanation->policy, &question, port, clock_realtime_s());
    (void)policy_connect_to(explanation->policy, &explanation->target.name, &explanation->verdict,
                            &explanation->connect_to); /* else it stays the name */
    explanation->requirement =
        policy_requirement(explanation->policy, &explanation->target.name, &explanation->verdict);
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

static bool is_allowed(const struct explanation *explanation)
{
    return explanation->verdict.decision == DECISION_ALLOW;
}

static const char *outcome(const struct explanation *explanation)
{
    if (explanation->verdict.reason == REASON_OBSERVED)
        return "observed";
    return is_allowed(explanation) ? "allowed" : "denied";
}

/* Who answers before rules are asked, if anybody does. */
static void add_other_server(const struct explanation *explanation, struct text *text)
{
    const struct zone *zone =
        zone_table_find(&explanation->options->zones, &explanation->target.name);
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

static void print_dns(const struct explanation *explanation, const char *type,
                      const struct preview *preview)
{
    char buffer[1024];
    struct text text = text_in(buffer, sizeof(buffer));
    text_add_format(&text, "  DNS %-5s %s", type, preview->rcode);
    if (preview->waits_for_lookup)
        add_other_server(explanation, &text);
    for (uint32_t i = 0; i < preview->address_count; i++) {
        text_add(&text, " ");
        ip_address_add_to(&preview->address[i], &text);
    }
    bool is_own =
        preview->address_count > 0 &&
        gate_addresses_has_range(&explanation->options->gate_addresses, preview->address[0].family);
    if (preview->address_count > 0)
        text_add_format(&text, " (the gate%s, for %u s)",
                        is_own ? ", at an address of this name's own" : "", preview->ttl_s);
    else if (strcmp(preview->rcode, "NOERROR") == 0)
        text_add(&text, ", no address of this family");
    if (preview->is_blocked)
        text_add_format(&text, ", Blocked: %s", preview->extra_text);
    (void)puts(text.at);
}

/* "build, any", the closest first. */
static void add_groups(const struct explanation *explanation, bool is_json, struct text *text)
{
    uint32_t ids[GROUPS_SHOWN_MAX];
    const struct client_groups *groups = policy_client_groups(explanation->policy);
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

static const char *home_group(const struct explanation *explanation)
{
    return client_groups_name(policy_client_groups(explanation->policy),
                              client_home_group(&explanation->client));
}

static void add_client_line(const struct explanation *explanation, struct text *text)
{
    text_add(text, "  client    is in ");
    add_groups(explanation, false, text);
    text_add_format(text, "; %s %s\n", home_group(explanation),
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

static void print_gate(const struct explanation *explanation)
{
    char buffer[512];
    struct text way = text_in(buffer, sizeof(buffer));
    add_way(explanation, &way);
    if (!explanation->has_listener)
        printf("  gate      has no listener for port %u, so nobody can connect to it\n",
               explanation->target.port);
    else if (is_allowed(explanation))
        printf("  gate      a ClientHello with this server name is forwarded to %s\n", way.at);
    else
        printf("  gate      a ClientHello with this server name gets the alert %s; nothing is "
               "dialled\n",
               "unrecognized_name");
}

/* How strong the rule is: what the server must show, and the pins that say so. */
static void print_check(const struct explanation *explanation)
{
    char buffer[512];
    uint32_t count;
    int64_t now_s = clock_realtime_s();
    struct text text = text_in(buffer, sizeof(buffer));
    const struct required_pin *pins = requirement_pins(explanation->requirement, &count);
    text_add(&text, "  check     ");
    requirement_add_name(explanation->requirement, now_s, &text);
    text_add(&text, ": ");
    requirement_add_meaning(explanation->requirement, now_s, &text);
    (void)puts(text.at);
    for (uint32_t i = 0; i < count; i++) {
        text = text_in(buffer, sizeof(buffer));
        spki_pin_add_to(&pins[i].spki, &text);
        printf("  pin       %s %s%s\n", text.at, pins[i].is_enforced ? "enforce" : "report",
               pins[i].expires_at <= now_s ? ", expired" : "");
    }
}

static void print_text(const struct explanation *explanation)
{
    char buffer[8192];
    struct text text = text_in(buffer, sizeof(buffer));
    host_name_add_to(&explanation->target.name, &text);
    text_add_format(&text, ", port %u, asked by ", explanation->target.port);
    ip_address_add_to(&explanation->options->from, &text);
    text_add(&text, "\n");
    add_client_line(explanation, &text);
    url_explanation_add_lines(&explanation->url, &text);
    (void)fputs(text.at, stdout);
    if (explanation->verdict.rule_id != 0)
        printf("  rule      %lld: %s %s\n", (long long)explanation->verdict.rule_id,
               is_denied_by_rule(&explanation->verdict) ? "deny" : "allow", explanation->pattern);
    else
        printf("  rule      none matches\n");
    print_dns(explanation, "A", &explanation->v4);
    print_dns(explanation, "AAAA", &explanation->v6);
    print_gate(explanation);
    if (is_allowed(explanation))
        print_check(explanation);
    printf("  bytes     are not decrypted: an attacker on the path who relays the check is stopped "
           "by the client's own alone\n");
    printf("%s: %s\n", outcome(explanation), explanation->sentence);
}

static void add_dns_json(struct text *text, const struct preview *preview)
{
    text_add_format(
        text, "{\"looked_up_first\":%s,\"rcode\":", preview->waits_for_lookup ? "true" : "false");
    text_add_json_string(text, preview->rcode, strlen(preview->rcode));
    text_add(text, ",\"addresses\":[");
    for (uint32_t i = 0; i < preview->address_count; i++) {
        text_add(text, i > 0 ? ",\"" : "\"");
        ip_address_add_to(&preview->address[i], text);
        text_add(text, "\"");
    }
    text_add_format(
        text, "],\"blocked\":%s,\"extended_error_text\":", preview->is_blocked ? "true" : "false");
    text_add_json_string(text, preview->extra_text, strlen(preview->extra_text));
    text_add(text, "}");
}

static void add_client_json(const struct explanation *explanation, struct text *text)
{
    const char *home = home_group(explanation);
    text_add(text, "\"groups\":[");
    add_groups(explanation, true, text);
    text_add(text, "],\"group\":");
    text_add_json_string(text, home, strlen(home));
    text_add_format(text, ",\"mode\":\"%s\"",
                    client_is_observed(&explanation->client) ? "observe" : "enforce");
}

static void add_connect_to_json(const struct explanation *explanation, struct text *text)
{
    bool has_one = explanation->connect_to.kind != CONNECT_TO_NAME;
    text_add(text, has_one ? ",\"connect_to\":\"" : ",\"connect_to\":null");
    connect_to_add_to(&explanation->connect_to, text);
    text_add(text, has_one ? "\"" : "");
}

static void print_json(const struct explanation *explanation)
{
    char buffer[16384];
    struct text text = text_in(buffer, sizeof(buffer));
    const struct verdict *verdict = &explanation->verdict;
    text_add(&text, "{\"name\":\"");
    host_name_add_to(&explanation->target.name, &text);
    text_add_format(&text, "\",\"port\":%u,\"from\":\"", explanation->target.port);
    ip_address_add_to(&explanation->options->from, &text);
    text_add(&text, "\",");
    add_client_json(explanation, &text);
    text_add_format(&text, ",\"decision\":\"%s\",\"reason\":\"%s\"",
                    is_allowed(explanation) ? "allow" : "deny", reason_word(verdict->reason));
    if (verdict->reason == REASON_OBSERVED)
        text_add_format(&text, ",\"would_be\":\"%s\"", reason_word(verdict->would_be));
    if (verdict->rule_id != 0)
        text_add_format(&text, ",\"rule\":%lld,\"pattern\":\"%s\"", (long long)verdict->rule_id,
                        explanation->pattern);
    else
        text_add(&text, ",\"rule\":null,\"pattern\":null");
    add_connect_to_json(explanation, &text);
    text_add(&text, ",");
    if (is_allowed(explanation))
        requirement_add_json(explanation->requirement, &text);
    else
        text_add(&text, "\"verify\":null,\"pins\":[]");
    url_explanation_add_json(&explanation->url, &text);
    text_add(&text, ",\"sentence\":");
    text_add_json_string(&text, explanation->sentence, strlen(explanation->sentence));
    text_add_format(&text, ",\"has_listener\":%s,\"dns\":{\"A\":",
                    explanation->has_listener ? "true" : "false");
    add_dns_json(&text, &explanation->v4);
    text_add(&text, ",\"AAAA\":");
    add_dns_json(&text, &explanation->v6);
    text_add(&text, "}}");
    (void)puts(text.at);
}

int command_explain(const struct options *options, struct fault *fault)
{
    struct policy_once once = { 0 };
    struct explanation *explanation = calloc(1, sizeof(*explanation));
    bool is_explained = false;
    fault_what(fault, "out of memory");
    if (explanation != NULL &&
        url_explanation_read(&explanation->url, options->target, &explanation->target, fault) &&
        policy_once_open(&once, options, DATABASE_READ, fault) &&
        gate_ranges_have_key(options, once.policy, fault)) {
        explanation->options = options;
        explanation->policy = once.policy;
        explanation->client = client_of(policy_client_groups(once.policy), &options->from);
        url_explanation_judge(&explanation->url, once.store.providers, &explanation->target);
        ask_gate(explanation);
        is_explained = ask_resolver(explanation, once.policy);
    }
    if (is_explained && options->as_json)
        print_json(explanation);
    else if (is_explained)
        print_text(explanation);
    policy_once_close(&once);
    free(explanation);
    return is_explained ? 0 : -1;
}
