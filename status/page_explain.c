/* status/page_explain.c - what would happen to a host or URL, and which rule says so. */
#include "status/html.h"
#include "status/page.h"
#include "status/table.h"

#include <string.h>

void part_explain_form(const struct view *view, struct output *output)
{
    const struct arguments *arguments = view->arguments;
    html_markup(output, "<form class=\"explain\" method=\"get\" action=\"/explain\">\n"
                        "<label for=\"target\">Host or URL</label><input id=\"target\" "
                        "name=\"target\" type=\"text\" required maxlength=\"500\" "
                        "autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\" "
                        "placeholder=\"api.example.com\"");
    html_attribute(output, "value", arguments->target);
    html_markup(output, ">\n<label for=\"client\">asked by client</label><input id=\"client\" "
                        "name=\"client\" type=\"text\" maxlength=\"60\" autocomplete=\"off\" "
                        "autocapitalize=\"none\" spellcheck=\"false\" placeholder=\"127.0.0.1\"");
    html_attribute(output, "value", arguments->client);
    html_markup(output, ">\n<button type=\"submit\">Explain</button>\n</form>\n");
}

static void add_outcome(const struct status_explanation *explanation, struct output *output)
{
    const char *outcome = explanation->outcome != NULL ? explanation->outcome : "";
    const char *class = strcmp(outcome, "allowed") == 0  ? "outcome state good"
                        : strcmp(outcome, "denied") == 0 ? "outcome state bad"
                                                         : "outcome state odd";
    html_element(output, "p", class, outcome);
}

static void add_explanation(const struct view *view, struct output *output)
{
    const struct status_explanation *explanation = &view->data->explanation;
    html_markup(output, "<div id=\"explanation\">\n");
    if (explanation->refused != NULL) {
        html_element(output, "p", "missing", explanation->refused);
    } else if (!table_missing(explanation->missing, output)) {
        add_outcome(explanation, output);
        html_markup(output, "<pre tabindex=\"0\" aria-label=\"Explanation\">");
        for (uint32_t i = 0; i < explanation->line_count; i++) {
            html_text(output, explanation->line[i]);
            html_markup(output, "\n");
        }
        html_markup(output, "</pre>\n");
    }
    html_markup(output, "</div>\n");
}

void page_explain(const struct view *view, struct output *output)
{
    page_open(view, "Explain", output);
    html_markup(output, "<p>What happens to a host or URL, step by step, by the policy that is in "
                        "force now.</p>\n");
    part_explain_form(view, output);
    if ((view->query->parts & STATUS_EXPLANATION) != 0)
        add_explanation(view, output);
    page_close(output);
}
