/* tests/fuzz/url_fuzz.c - a URL, and a row of the catalogue, of any bytes: no crash, and a host
 * name comes only of the URL's own host or of its first segment before the row's domain. The bytes
 * are a target, path_style, virtual_host and placeholders with line breaks between. */
#include "base/text.h"
#include "policy/provider.h"

#include <stdlib.h>
#include <string.h>

enum { LINES = 4, LINE_BYTES = 512 };

static void split(const uint8_t *bytes, size_t size, char lines[LINES][LINE_BYTES])
{
    size_t line = 0, at = 0;
    memset(lines, 0, LINES * (size_t)LINE_BYTES);
    for (size_t i = 0; i < size && line < LINES; i++) {
        if (bytes[i] == '\n') {
            line++;
            at = 0;
        } else if (at + 1 < LINE_BYTES) {
            lines[line][at++] = (char)bytes[i];
        }
    }
}

static struct provider_catalogue *catalogue_of(char lines[LINES][LINE_BYTES])
{
    struct provider_row row = { .name = "any",
                                .path_style = lines[1],
                                .virtual_host = lines[2],
                                .placeholders = lines[3],
                                .bucket_min = 3,
                                .bucket_max = 63,
                                .bucket_max_dotted = 63,
                                .bucket_dots = "allowed",
                                .bucket_underscores = "refused",
                                .bucket_capitals = "invalid",
                                .bucket_like = "",
                                .bucket_never = lines[3],
                                .bucket_elsewhere = "",
                                .bucket_dotted = lines[3],
                                .not_buckets = lines[3],
                                .bare_host = "allowed",
                                .host_allows = "",
                                .note = "",
                                .clients = "" };
    struct provider_catalogue *catalogue = provider_catalogue_new();
    if (catalogue == NULL || provider_catalogue_add(catalogue, &row) == PROVIDER_NO_MEMORY)
        abort();
    return catalogue;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char lines[LINES][LINE_BYTES];
    struct compiled_rule rule;
    struct rule_outcome outcome;
    split(bytes, size, lines);
    struct provider_catalogue *catalogue = catalogue_of(lines);
    struct rule_context context = { .providers = catalogue };
    struct rule_row row = { .id = 1,
                            .target = lines[0],
                            .target_size = strlen(lines[0]),
                            .action = "allow",
                            .enabled = 1,
                            .widen = 1,
                            .clients = "any" };
    bool is_in_force = rule_compile(&row, &context, &rule, &outcome);
    if (!is_in_force && outcome.reason[0] == '\0')
        abort();
    if (is_in_force && url_is_meant(lines[0], row.target_size)) {
        struct url url;
        char reason[RULE_REASON_BYTES];
        if (!url_parse(lines[0], row.target_size, &url, reason) || rule.pattern != PATTERN_EXACT)
            abort();
        bool is_own = rule.name.size == url.host.size &&
                      memcmp(rule.name.wire, url.host.wire, url.host.size) == 0;
        if (!is_own && (url.path_size == 0 || strstr(lines[1], "{bucket}") == NULL))
            abort();
    }
    row.action = "deny"; /* the broad reading of the same bytes */
    if (rule_compile(&row, &context, &rule, &outcome) && outcome.hostname[0] == '\0')
        abort();
    provider_catalogue_unref(catalogue);
    return 0;
}
