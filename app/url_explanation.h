/* app/url_explanation.h - what `pinhole explain` says of a URL before it says what happens to its
 * host name. */
#pragma once
#include "policy/provider.h"

struct fault;
struct text;

struct url_explanation {
    bool is_url;   /* the target is one with a path, or its host one that the catalogue knows */
    bool has_path; /* it is a URL with a path */
    struct url url;
    struct provider_answer answer; /* once it was judged */
};

/* Reads a target as typed: name and port of `*ret_target` are those of the host in it. False with a
 * fault where it names no single host. */
bool url_explanation_read(struct url_explanation *explanation, const char *target,
                          struct compiled_rule *ret_target, struct fault *fault);

/* Looks the URL up; `*target` becomes the host name that it comes to, if any. */
void url_explanation_judge(struct url_explanation *explanation,
                           const struct provider_catalogue *providers,
                           struct compiled_rule *target);

/* Adds lines for a person, or nothing. */
void url_explanation_add_lines(const struct url_explanation *explanation, struct text *text);
/* Adds the member "url" of a JSON object, with a comma before it. */
void url_explanation_add_json(const struct url_explanation *explanation, struct text *text);
