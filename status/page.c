/* status/page.c - what stands around each page. */
#include "status/page.h"
#include "status/assets.h"
#include "status/html.h"
#include "status/json_writer.h"
#include "status/problems.h"

#include <string.h>

static const char icon[] =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle "
    "cx='8' cy='8' r='7' fill='%230b5cad'/%3E%3Ccircle cx='8' cy='8' r='2' "
    "fill='white'/%3E%3C/svg%3E";

static void add_head(const char *title, struct output *output)
{
    html_markup(output, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                        "<title>");
    html_text(output, title);
    html_markup(output, " · Pinhole</title>\n<link rel=\"icon\"");
    html_attribute(output, "href", icon);
    html_markup(output, ">\n<link rel=\"stylesheet\"");
    html_attribute(output, "href", asset_path(".css"));
    html_markup(output, ">\n<script defer");
    html_attribute(output, "src", asset_path(".js"));
    html_markup(output, "></script>\n</head>\n");
}

static void add_navigation(const char *path, struct output *output)
{
    static const struct {
        const char *path, *label;
    } pages[] = {
        { "/", "Overview" },           { "/rules", "Rules" },
        { "/denied", "Denied" },       { "/connections", "Connections" },
        { "/decisions", "Decisions" }, { "/explain", "Explain" },
    };
    html_markup(output, "<nav aria-label=\"Pages\"><ul>");
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        html_markup(output, "<li><a");
        html_attribute(output, "href", pages[i].path);
        if (strcmp(pages[i].path, path) == 0)
            html_attribute(output, "aria-current", "page");
        html_markup(output, ">");
        html_text(output, pages[i].label);
        html_markup(output, "</a></li>");
    }
    html_markup(output, "</ul></nav>\n");
}

/* One line that says whether all is well; read out when it changes, so it holds nothing that
 * changes without need. */
static void add_health_line(const struct view *view, const struct problems *problems,
                            struct output *output)
{
    uint32_t count = problems->bad_count + problems->odd_count;
    bool is_ready = view->data->health.missing == NULL && view->data->health.is_ready;
    html_markup(output, "<p id=\"health-line\" role=\"status\" aria-live=\"polite\" data-live");
    html_attribute(output, "class",
                   problems->bad_count > 0   ? "state bad"
                   : problems->odd_count > 0 ? "state odd"
                                             : "state good");
    html_markup(output, is_ready ? ">Ready" : ">Not ready");
    if (count > 0)
        output_add_format(output, ", %u %s", count,
                          count == 1 ? "thing to look at" : "things to look at");
    html_markup(output, "</p>\n");
}

static void add_problems(const struct problems *problems, struct output *output)
{
    html_markup(output, "<div id=\"problems\" data-live>");
    if (problems->items.size > 0) {
        html_markup(output, "<h2 class=\"unseen\">To look at</h2><ul class=\"problems\">\n");
        output_add_bytes(output, problems->items.at, problems->items.size);
        html_markup(output, "</ul>");
    }
    html_markup(output, "</div>\n");
}

void page_open(const struct view *view, const char *title, struct output *output)
{
    struct problems problems;
    problems_collect(view, &problems);
    add_head(title, output);
    html_markup(output, "<body>\n<a class=\"skip\" href=\"#main\">Skip to content</a>\n<header>\n"
                        "<p class=\"brand\"><a href=\"/\">Pinhole</a></p>\n");
    add_health_line(view, &problems, output);
    add_navigation(view->path, output);
    html_markup(output, "</header>\n<main id=\"main\" tabindex=\"-1\">\n<h1");
    if (strcmp(view->path, "/") == 0)
        html_attribute(output, "class", "unseen");
    html_markup(output, ">");
    html_text(output, title);
    html_markup(output, "</h1>\n");
    add_problems(&problems, output);
    problems_release(&problems);
}

void page_close(struct output *output)
{
    html_markup(output, "</main>\n<footer><p>Read-only: rules are edited with SQL in the policy "
                        "file. The same as <a href=\"/api/v1/health\">JSON</a> and as <a "
                        "href=\"/metrics\">metrics</a>.</p></footer>\n</body>\n</html>\n");
}

void section_open(const struct section *section, struct output *output)
{
    output_add_format(output, "<section aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">",
                      section->id, section->id);
    if (section->more != NULL) {
        html_markup(output, "<a");
        html_attribute(output, "href", section->more);
        html_markup(output, ">");
    }
    html_text(output, section->title);
    html_markup(output, section->more != NULL ? "</a></h2>\n" : "</h2>\n");
    output_add_format(output, "<div id=\"%s\"%s>\n", section->id,
                      section->is_live ? " data-live" : "");
}

void section_close(struct output *output)
{
    html_markup(output, "</div>\n</section>\n");
}

static void write_page(unsigned code, const char *sentence, struct output *output)
{
    html_markup(output, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                        "<title>");
    output_add_format(output, "%u · Pinhole</title>\n<link rel=\"icon\"", code);
    html_attribute(output, "href", icon);
    html_markup(output, ">\n<link rel=\"stylesheet\"");
    html_attribute(output, "href", asset_path(".css"));
    html_markup(output, ">\n</head>\n<body>\n<header><p class=\"brand\"><a href=\"/\">Pinhole</a>"
                        "</p></header>\n<main>\n<h1>No answer</h1>\n");
    html_element(output, "p", "missing", sentence);
    html_markup(output, "\n</main>\n</body>\n</html>\n");
}

void page_write_refusal(enum media media, unsigned code, const char *sentence,
                        struct output *output)
{
    struct json_writer json = { .output = output };
    switch (media) {
    case MEDIA_HTML:
        write_page(code, sentence, output);
        return;
    case MEDIA_JSON:
        json_open_object(&json, NULL);
        json_add_text(&json, "error", sentence);
        json_close_object(&json);
        html_markup(output, "\n");
        return;
    case MEDIA_TEXT:
    case MEDIA_METRICS:
        output_add(output, sentence);
        output_add(output, "\n");
        return;
    }
}
