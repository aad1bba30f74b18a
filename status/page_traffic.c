/* status/page_traffic.c - the last hour as small bar charts: a bar a minute, drawn as one path a
 * colour, with the same in words for who does not see it. */
#include "status/html.h"
#include "status/page.h"
#include "status/table.h"

/* Two parts of a bar, one upon the other. */
struct bar {
    uint64_t low, high;
};

struct chart {
    const char *title;
    const char *low, *high; /* what the parts are; `high` NULL: there is one part alone */
    bool high_is_bad;
    bool is_bytes;
    struct bar (*bar_of)(const struct status_slot *slot);
};

/* Counters of other threads are read one after the other, so a part may be ahead of its whole. */
static uint64_t rest_of(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

static struct bar queries_of(const struct status_slot *slot)
{
    return (struct bar){ rest_of(slot->queries, slot->queries_denied), slot->queries_denied };
}

static struct bar denials_of(const struct status_slot *slot)
{
    return (struct bar){ 0, slot->queries_denied + slot->connections_refused };
}

static struct bar connections_of(const struct status_slot *slot)
{
    return (struct bar){ rest_of(slot->connections, slot->connections_refused),
                         slot->connections_refused };
}

static struct bar bytes_of(const struct status_slot *slot)
{
    return (struct bar){ slot->bytes_down, slot->bytes_up };
}

static const struct chart charts[] = {
    { "DNS queries", "answered", "denied", true, false, queries_of },
    { "Denials", NULL, "denied or refused", true, false, denials_of },
    { "Connections", "allowed", "refused", true, false, connections_of },
    { "Bytes", "to clients", "to servers", false, true, bytes_of },
};

enum { HEIGHT = 40 };

static void add_amount(const struct chart *chart, uint64_t amount, struct output *output)
{
    if (chart->is_bytes)
        html_bytes(output, amount);
    else
        html_count(output, amount);
}

/* Sums and the greatest bar. */
struct summary {
    struct bar sum;
    uint64_t most;
};

static struct summary summarize(const struct chart *chart, const struct status_traffic *traffic)
{
    struct summary summary = { 0 };
    for (uint32_t i = 0; i < traffic->slot_count; i++) {
        struct bar bar = chart->bar_of(&traffic->slot[i]);
        summary.sum.low += bar.low;
        summary.sum.high += bar.high;
        if (bar.low + bar.high > summary.most)
            summary.most = bar.low + bar.high;
    }
    return summary;
}

static double height_of(uint64_t amount, uint64_t most)
{
    return (double)amount * HEIGHT / (double)most;
}

/* The bars of one colour. A bar that is there at all can be seen. */
static void add_path(const struct chart *chart, const struct status_traffic *traffic, uint64_t most,
                     bool is_high, struct output *output)
{
    const uint32_t skipped = STATUS_SLOTS - traffic->slot_count; /* the newest is at the right */
    html_markup(output, "<path class=\"");
    html_text(output, !is_high ? "low" : chart->high_is_bad ? "high bad" : "high");
    html_markup(output, "\" d=\"M0 40");
    for (uint32_t i = 0; i < traffic->slot_count; i++) {
        struct bar bar = chart->bar_of(&traffic->slot[i]);
        uint64_t amount = is_high ? bar.high : bar.low;
        if (amount == 0)
            continue;
        double height = height_of(amount, most), from = is_high ? height_of(bar.low, most) : 0;
        if (height < 1)
            height = 1;
        if (from + height > HEIGHT)
            from = HEIGHT - height;
        output_add_format(output, "M%u.1 %.1fv-%.1fh.8v%.1fz", skipped + i, HEIGHT - from, height,
                          height);
    }
    html_markup(output, "\"/>");
}

static void add_label(const struct chart *chart, const struct summary *summary,
                      struct output *output)
{
    html_markup(output, " aria-label=\"");
    html_text(output, chart->title);
    html_markup(output, " in the last hour: ");
    add_amount(chart, summary->sum.low + summary->sum.high, output);
    if (chart->low != NULL) {
        html_markup(output, ", of which ");
        add_amount(chart, summary->sum.high, output);
        html_markup(output, " ");
        html_text(output, chart->high);
    }
    html_markup(output, "; at most ");
    add_amount(chart, summary->most, output);
    html_markup(output, " in a minute\"");
}

static void add_figures(const struct chart *chart, const struct summary *summary,
                        struct output *output)
{
    html_markup(output, "<p class=\"sum\">");
    add_amount(chart, summary->sum.low + summary->sum.high, output);
    if (chart->low != NULL && summary->sum.high > 0) {
        html_markup(output, chart->high_is_bad ? "<small class=\"state bad\">" : "<small>");
        add_amount(chart, summary->sum.high, output);
        html_markup(output, " ");
        html_text(output, chart->high);
        html_markup(output, "</small>");
    }
    html_markup(output, "</p>");
}

static void add_chart(const struct chart *chart, const struct status_traffic *traffic,
                      struct output *output)
{
    struct summary summary = summarize(chart, traffic);
    html_markup(output, "<figure><figcaption>");
    html_text(output, chart->title);
    html_markup(output, "</figcaption>");
    add_figures(chart, &summary, output);
    html_markup(output, "<svg viewBox=\"0 0 60 40\" preserveAspectRatio=\"none\" role=\"img\"");
    add_label(chart, &summary, output);
    html_markup(output, "><path class=\"ground\" d=\"M0 40H60\"/>");
    if (summary.most > 0 && chart->low != NULL)
        add_path(chart, traffic, summary.most, false, output);
    if (summary.most > 0)
        add_path(chart, traffic, summary.most, true, output);
    html_markup(output, "</svg><p class=\"axis\"><span>1 h ago</span><span>");
    if (summary.most > 0) {
        html_markup(output, "peak ");
        add_amount(chart, summary.most, output);
        html_markup(output, "/min");
    }
    html_markup(output, "</span><span>now</span></p></figure>\n");
}

void part_traffic(const struct view *view, struct output *output)
{
    const struct status_traffic *traffic = &view->data->traffic;
    if (table_missing(traffic->missing, output))
        return;
    html_markup(output, "<div class=\"charts\">\n");
    for (size_t i = 0; i < sizeof(charts) / sizeof(charts[0]); i++)
        add_chart(&charts[i], traffic, output);
    html_markup(output, "</div>\n");
}
