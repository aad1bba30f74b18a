/* app/url_explanation.c - what a URL becomes, who uses it, and how strong it is. */
#include "app/url_explanation.h"
#include "base/fault.h"
#include "base/text.h"

#include <string.h>

/* How far a bucket's host name reaches, which no rule can change. */
#define STRENGTH                                                                                   \
    "a host name does not bind the Host header, which is encrypted: it stops mistakes and "        \
    "ordinary clients, not a client that forges the header to reach another bucket of the same "   \
    "provider"

static bool refuse(const char *target, const char *reason, struct fault *fault)
{
    fault->is_usage = true;
    fault_what(fault, "this can't be explained");
    fault_where(fault, "%s", target);
    fault_remedy(fault, "%s", reason);
    return false;
}

bool url_explanation_read(struct url_explanation *explanation, const char *target,
                          struct compiled_rule *ret_target, struct fault *fault)
{
    char reason[RULE_REASON_BYTES];
    size_t size = strlen(target);
    struct url *url = &explanation->url;
    if (!url_is_meant(target, size)) {
        if (!target_parse(target, size, ret_target, reason))
            return refuse(target, reason, fault);
        if (ret_target->pattern != PATTERN_EXACT)
            return refuse(target, "A wildcard stands for many names; give one of them.", fault);
        *url = (struct url){ .host = ret_target->name, .port = ret_target->port, .path = "" };
        return true;
    }
    if (!url_parse(target, size, url, reason))
        return refuse(target, reason, fault);
    explanation->has_path = url->path_size > 0;
    ret_target->name = url->host;
    ret_target->port = url->port;
    return true;
}

void url_explanation_judge(struct url_explanation *explanation,
                           const struct provider_catalogue *providers, struct compiled_rule *target)
{
    struct provider_answer *answer = &explanation->answer;
    provider_catalogue_judge(providers, &explanation->url, answer);
    target->name = answer->host;
    explanation->is_url =
        explanation->has_path || answer->clients[0] != '\0' || answer->reason[0] != '\0';
}

static const char *outcome_word(enum url_outcome outcome)
{
    switch (outcome) {
    case URL_EXACT:
        return "exact";
    case URL_HOST_ONLY:
        return "host_only";
    case URL_WIDENED:
        return "widened";
    case URL_REFUSED:
        return "refused";
    case URL_INVALID:
        break;
    }
    return "invalid";
}

static bool has_host_name(const struct url_explanation *explanation)
{
    return explanation->answer.outcome == URL_EXACT || explanation->answer.outcome == URL_WIDENED ||
           explanation->answer.outcome == URL_HOST_ONLY;
}

void url_explanation_add_lines(const struct url_explanation *explanation, struct text *text)
{
    const struct provider_answer *answer = &explanation->answer;
    if (!explanation->is_url)
        return;
    text_add_format(text, "  url       %s: ", outcome_word(answer->outcome));
    if (has_host_name(explanation)) {
        text_add(text, "becomes ");
        host_name_add_to(&answer->host, text);
        text_add(text, ". ");
    } else {
        text_add(text, "becomes no host name; what follows is about its host alone. ");
    }
    text_add(text, answer->reason);
    if (answer->clients[0] != '\0')
        text_add_format(text, "\n  clients   %s", answer->clients);
    if (has_host_name(explanation))
        text_add(text, "\n  strength  " STRENGTH);
    text_add(text, "\n");
}

void url_explanation_add_json(const struct url_explanation *explanation, struct text *text)
{
    const struct provider_answer *answer = &explanation->answer;
    if (!explanation->is_url) {
        text_add(text, ",\"url\":null");
        return;
    }
    text_add_format(text,
                    ",\"url\":{\"outcome\":\"%s\",\"hostname\":", outcome_word(answer->outcome));
    if (has_host_name(explanation)) {
        text_add(text, "\"");
        host_name_add_to(&answer->host, text);
        text_add(text, "\"");
    } else {
        text_add(text, "null");
    }
    text_add(text, ",\"reason\":");
    text_add_json_string(text, answer->reason, strlen(answer->reason));
    text_add(text, ",\"clients\":");
    text_add_json_string(text, answer->clients, strlen(answer->clients));
    text_add(text, ",\"strength\":");
    text_add(text, has_host_name(explanation) ? "\"" STRENGTH "\"" : "null");
    text_add(text, "}");
}
