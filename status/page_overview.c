/* status/page_overview.c - everything at a glance: health first, then what moves. */
#include "status/page.h"

static void add_section(const struct section *section, view_fn *part, const struct view *view,
                        struct output *output)
{
    section_open(section, output);
    part(view, output);
    section_close(output);
}

void page_overview(const struct view *view, struct output *output)
{
    static const struct {
        struct section section;
        view_fn *part;
    } sections[] = {
        { { "health", "Health", NULL, true }, part_health },
        { { "explain", "Explain", "/explain", false }, part_explain_form },
        { { "traffic", "Traffic of the last hour", NULL, true }, part_traffic },
        { { "denied", "Denied names, latest first", "/denied", true }, part_denied },
        { { "rules", "Rules, latest first", "/rules", true }, part_rules },
        { { "connections", "Live connections", "/connections", true }, part_connections },
        { { "decisions", "Recent decisions", "/decisions", true }, part_decisions },
    };
    page_open(view, "Overview", output);
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        add_section(&sections[i].section, sections[i].part, view, output);
    page_close(output);
}
