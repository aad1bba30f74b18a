/* app/pin_report.c - the words and the SQL of `pinhole pin`. */
#include "app/pin_report.h"
#include "base/text.h"
#include "policy/host_name.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 86400, REPORT_BYTES = 64 * 1024, PINS_MAX = PIN_VIEWS * CERTIFICATE_CHAIN_MAX };

/* What a pin of a certificate is worth depends on where in the chain that stands. */
enum rank { RANK_PRESENTED = 0, RANK_ROOT, RANK_INTERMEDIATE, RANK_LEAF, RANKS };

static const char *const rank_words[RANKS] = { "presented", "root", "intermediate", "leaf" };

/* ---- Certificates ---- */

/* Of a chain that was not built, all but the first may be anybody's. */
static enum rank rank_of(const struct certificate_finding *finding, uint32_t index)
{
    if (index == 0)
        return RANK_LEAF;
    if (!finding->is_validated)
        return RANK_PRESENTED;
    return index + 1 == finding->count ? RANK_ROOT : RANK_INTERMEDIATE;
}

/* Rounded down, so the day on which a certificate expires is 0. */
static int64_t days_left(const struct pin_probe *probe, int64_t not_after_s)
{
    int64_t left_s = not_after_s - probe->now_s;
    return left_s >= 0 ? left_s / DAY_S : -1 - (-left_s - 1) / DAY_S;
}

static void add_expiry(struct text *text, const struct pin_probe *probe, int64_t not_after_s)
{
    struct tm date;
    char day[32] = "an unreadable date";
    time_t seconds = (time_t)not_after_s;
    int64_t days = days_left(probe, not_after_s);
    if (gmtime_r(&seconds, &date) != NULL)
        (void)strftime(day, sizeof(day), "%Y-%m-%d", &date);
    if (days >= 0)
        text_add_format(text, "expires    %s, in %lld days", day, (long long)days);
    else
        text_add_format(text, "expired    %s, %lld days ago", day, (long long)(-1 - days));
}

static void add_certificate(struct text *text, const struct pin_probe *probe,
                            const struct certificate_finding *finding, uint32_t index)
{
    const struct certificate_summary *summary = &finding->chain[index];
    text_add_format(text, "  %-13s%s\n", rank_words[rank_of(finding, index)], summary->subject);
    text_add_format(text, "    issuer     %s\n    pin        ", summary->issuer);
    spki_pin_add_to(&summary->spki, text);
    text_add(text, "\n    ");
    add_expiry(text, probe, summary->not_after_s);
    text_add(text, "\n");
}

static void add_view(struct text *text, const struct pin_probe *probe, const struct pin_view *view)
{
    const struct certificate_finding *finding = view->finding;
    if (finding == NULL) {
        text_add_format(text, "%s: no certificate seen: %s\n\n", view->kind, view->words);
        return;
    }
    text_add_format(text, "%s: %s", view->kind,
                    view->reason == REASON_ALLOWED ? "good" : reason_word(view->reason));
    if (finding->detail[0] != '\0')
        text_add_format(text, ": %s", finding->detail);
    text_add(text, finding->is_validated ? "\n" : "\n  what was presented leads to no root:\n");
    for (uint32_t i = 0; i < finding->count; i++)
        add_certificate(text, probe, finding, i);
    text_add(text, "\n");
}

/* ---- SQL ---- */

/* Pins of one rank, each once: chains of both kinds may meet in one root. */
struct pin_set {
    const struct certificate_summary *member[PINS_MAX];
    uint32_t count;
};

static void collect(const struct pin_probe *probe, enum rank rank, struct pin_set *ret_set)
{
    ret_set->count = 0;
    for (int i = 0; i < PIN_VIEWS; i++) {
        const struct certificate_finding *finding = probe->views[i].finding;
        for (uint32_t k = 0; finding != NULL && k < finding->count; k++) {
            bool is_known = rank_of(finding, k) != rank;
            for (uint32_t m = 0; m < ret_set->count; m++)
                is_known =
                    is_known || spki_pin_equal(&ret_set->member[m]->spki, &finding->chain[k].spki);
            if (!is_known)
                ret_set->member[ret_set->count++] = &finding->chain[k];
        }
    }
}

/* 'that''s it' (lang_expr.html of SQLite). */
static void add_sql_string(struct text *text, const char *string)
{
    text_add(text, "'");
    for (; *string != '\0'; string++) {
        text_add(text, *string == '\'' ? "'" : "");
        text_add_bytes(text, string, 1);
    }
    text_add(text, "'");
}

static void add_rule_condition(struct text *text, const struct pin_probe *probe)
{
    text_add_format(text, "target = '%s", probe->name);
    if (probe->port != 443)
        text_add_format(text, ":%u", probe->port);
    text_add(text, "' AND action = 'allow'");
}

static void add_insert(struct text *text, const struct pin_probe *probe, const char *mode,
                       const struct certificate_summary *summary)
{
    text_add(text, "INSERT INTO pin (rule_id, spki_sha256, mode, comment) SELECT id, '");
    spki_pin_add_to(&summary->spki, text);
    text_add_format(text, "', '%s', ", mode);
    add_sql_string(text, summary->subject);
    text_add(text, " FROM rule WHERE ");
    add_rule_condition(text, probe);
    text_add(text, ";");
}

/* With `words` before the first, where there is any. */
static void add_inserts(struct text *text, const struct pin_probe *probe, enum rank rank,
                        const char *words)
{
    struct pin_set set;
    collect(probe, rank, &set);
    text_add(text, set.count > 0 ? words : "");
    for (uint32_t i = 0; i < set.count; i++) {
        text_add(text, rank == RANK_ROOT ? "" : "-- ");
        add_insert(text, probe, "report", set.member[i]);
        text_add(text, "\n");
    }
}

static void add_good_advice(struct text *text, const struct pin_probe *probe)
{
    add_inserts(
        text, probe, RANK_ROOT,
        "-- SQL that pins the root, for a start as a report alone. A root changes in years, "
        "and with notice.\n"
        "-- Add the other roots that the server's operator names, best of another authority: "
        "with one\n"
        "-- root alone, a move to another is an outage.\n");
    text_add(text,
             "-- When the log has reported no mismatch for a while:\n"
             "-- UPDATE pin SET mode = 'enforce' WHERE rule_id IN (SELECT id FROM rule WHERE ");
    add_rule_condition(text, probe);
    text_add(text, ");\n");
    add_inserts(text, probe, RANK_INTERMEDIATE,
                "-- Intermediates are exchanged without notice, so a pin of one breaks then:\n");
    add_inserts(text, probe, RANK_LEAF,
                "-- Warning: the server's own key changes with most renewals, and from place to "
                "place:\n");
}

/* For a server without a public certificate. */
static void add_bad_advice(struct text *text, const struct pin_probe *probe)
{
    struct pin_set set;
    text_add(text,
             "-- Only where you know by another way, not from here, that this is the server's own "
             "key, this\n"
             "-- accepts it in spite of all; verify = 'pin-only' leaves the trusted roots out:\n");
    collect(probe, RANK_LEAF, &set);
    for (uint32_t i = 0; i < set.count; i++) {
        text_add(text, "-- ");
        add_insert(text, probe, "enforce", set.member[i]);
        text_add(text, "\n");
    }
    text_add(text, "-- UPDATE rule SET verify = 'pin-only' WHERE ");
    add_rule_condition(text, probe);
    text_add(text, ";\n");
}

/* ---- Both forms ---- */

static void add_sentence(struct text *text, const struct pin_probe *probe)
{
    struct verdict verdict = { .reason = pin_probe_verdict(probe) };
    struct host_name name;
    if (host_name_parse(probe->name, strlen(probe->name), &name) == HOST_NAME_OK)
        verdict_add_sentence(&verdict, &name, probe->port, text);
}

static bool has_finding(const struct pin_probe *probe)
{
    return probe->views[0].finding != NULL || probe->views[1].finding != NULL;
}

void pin_report_print_text(const struct pin_probe *probe)
{
    char buffer[REPORT_BYTES];
    struct text text = text_in(buffer, sizeof(buffer));
    enum reason verdict = pin_probe_verdict(probe);
    text_add_format(&text, "%s, port %u, at ", probe->name, probe->port);
    endpoint_add_to(&probe->endpoint, &text);
    text_add(&text, "\n\n");
    for (int i = 0; i < PIN_VIEWS; i++)
        add_view(&text, probe, &probe->views[i]);
    if (verdict == REASON_ALLOWED) {
        text_add(
            &text,
            "good: each chain that was shown leads to a trusted root, is for this name, and is "
            "valid now\n\n");
        add_good_advice(&text, probe);
    } else {
        text_add_format(&text, "%s: under a rule, the gate says: ", reason_word(verdict));
        add_sentence(&text, probe);
        text_add(&text, "\n");
        if (has_finding(probe)) {
            text_add(&text, "\n");
            add_bad_advice(&text, probe);
        }
    }
    (void)fputs(text.at, stdout);
}

static void add_json_string(struct text *text, const char *name, const char *value)
{
    text_add_format(text, "\"%s\":", name);
    text_add_json_string(text, value, strlen(value));
}

static void add_certificate_json(struct text *text, const struct pin_probe *probe,
                                 const struct certificate_finding *finding, uint32_t index)
{
    const struct certificate_summary *summary = &finding->chain[index];
    text_add_format(text, "%s{\"rank\":\"%s\",\"pin\":\"", index > 0 ? "," : "",
                    rank_words[rank_of(finding, index)]);
    spki_pin_add_to(&summary->spki, text);
    text_add(text, "\",");
    add_json_string(text, "subject", summary->subject);
    text_add(text, ",");
    add_json_string(text, "issuer", summary->issuer);
    text_add_format(text, ",\"not_before\":%lld,\"not_after\":%lld,\"days_left\":%lld}",
                    (long long)summary->not_before_s, (long long)summary->not_after_s,
                    (long long)days_left(probe, summary->not_after_s));
}

static void add_view_json(struct text *text, const struct pin_probe *probe,
                          const struct pin_view *view)
{
    const struct certificate_finding *finding = view->finding;
    text_add_format(text, "{\"key\":\"%s\",\"reason\":\"%s\",", view->kind,
                    reason_word(view->reason));
    add_json_string(text, "detail", finding != NULL ? finding->detail : view->words);
    text_add_format(text, ",\"is_validated\":%s,\"certificates\":[",
                    finding != NULL && finding->is_validated ? "true" : "false");
    for (uint32_t i = 0; finding != NULL && i < finding->count; i++)
        add_certificate_json(text, probe, finding, i);
    text_add(text, "]}");
}

void pin_report_print_json(const struct pin_probe *probe)
{
    char buffer[REPORT_BYTES], sentence[512] = "";
    struct text text = text_in(buffer, sizeof(buffer)), said = text_in(sentence, sizeof(sentence));
    enum reason verdict = pin_probe_verdict(probe);
    text_add_format(&text, "{\"name\":\"%s\",\"port\":%u,\"address\":\"", probe->name, probe->port);
    endpoint_add_to(&probe->endpoint, &text);
    text_add_format(&text, "\",\"reason\":\"%s\",", reason_word(verdict));
    if (verdict != REASON_ALLOWED)
        add_sentence(&said, probe);
    add_json_string(&text, "sentence", sentence);
    text_add(&text, ",\"views\":[");
    for (int i = 0; i < PIN_VIEWS; i++) {
        text_add(&text, i > 0 ? "," : "");
        add_view_json(&text, probe, &probe->views[i]);
    }
    text_add(&text, "]}");
    (void)puts(text.at);
}
