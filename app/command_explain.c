/* app/command_explain.c - pinhole explain: what happens to a host name, step by step, and why. */
#include "app/commands.h"
#include "app/explanation.h"
#include "app/gate_ranges.h"
#include "app/policy_once.h"
#include "app/requirement_json.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_text(const struct explanation *explanation)
{
    char buffer[EXPLANATION_BYTES];
    struct text text = text_in(buffer, sizeof(buffer));
    explanation_add_to(explanation, &text);
    (void)fputs(text.at, stdout);
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
    const char *home = explanation_home_group(explanation);
    text_add(text, "\"groups\":[");
    explanation_add_groups(explanation, true, text);
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
    ip_address_add_to(&explanation->question.from, &text);
    text_add(&text, "\",");
    add_client_json(explanation, &text);
    text_add_format(&text, ",\"decision\":\"%s\",\"reason\":\"%s\"",
                    explanation_is_allowed(explanation) ? "allow" : "deny",
                    reason_word(verdict->reason));
    if (verdict->reason == REASON_OBSERVED)
        text_add_format(&text, ",\"would_be\":\"%s\"", reason_word(verdict->would_be));
    if (verdict->rule_id != 0)
        text_add_format(&text, ",\"rule\":%lld,\"pattern\":\"%s\"", (long long)verdict->rule_id,
                        explanation->pattern);
    else
        text_add(&text, ",\"rule\":null,\"pattern\":null");
    add_connect_to_json(explanation, &text);
    text_add(&text, ",");
    if (explanation_is_allowed(explanation))
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
    struct url_explanation url = { 0 };
    struct compiled_rule target;
    struct explanation *explanation = calloc(1, sizeof(*explanation));
    bool is_explained = false;
    fault_what(fault, "out of memory");
    /* A target that can't be read is said before a file that can't be. */
    if (explanation != NULL && url_explanation_read(&url, options->target, &target, fault) &&
        policy_once_open(&once, options, DATABASE_READ, fault) &&
        gate_ranges_have_key(options, once.policy, fault)) {
        struct explanation_question question = { options, options->from, options->target,
                                                 once.policy, once.store.providers };
        is_explained = explanation_make(&question, explanation, fault);
    }
    if (is_explained && options->as_json)
        print_json(explanation);
    else if (is_explained)
        print_text(explanation);
    policy_once_close(&once);
    free(explanation);
    return is_explained ? 0 : -1;
}
