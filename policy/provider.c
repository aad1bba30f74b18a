/* policy/provider.c - the catalogue: rows of the table `provider`, and which of them a host belongs
 * to. */
#include "policy/provider_match.h"

#include <stdlib.h>
#include <string.h>

struct provider_catalogue {
    struct provider *list;
    uint32_t count, capacity, unreadable;
};

struct provider_catalogue *provider_catalogue_new(void)
{
    return calloc(1, sizeof(struct provider_catalogue));
}

void provider_catalogue_free(struct provider_catalogue *catalogue)
{
    if (catalogue == NULL)
        return;
    for (uint32_t i = 0; i < catalogue->count; i++)
        free(catalogue->list[i].strings);
    free(catalogue->list);
    free(catalogue);
}

uint32_t provider_catalogue_unreadable(const struct provider_catalogue *catalogue)
{
    return catalogue->unreadable;
}

/* Copies all strings into one block that `provider` owns. */
static bool copy_row(const struct provider_row *row, struct provider *provider)
{
    provider->row = *row;
    const char **const strings[] = {
        &provider->row.name,
        &provider->row.path_style,
        &provider->row.virtual_host,
        &provider->row.placeholders,
        &provider->row.bucket_dots,
        &provider->row.bucket_underscores,
        &provider->row.bucket_capitals,
        &provider->row.bucket_like,
        &provider->row.bucket_never,
        &provider->row.bucket_elsewhere,
        &provider->row.bucket_dotted,
        &provider->row.not_buckets,
        &provider->row.bare_host,
        &provider->row.host_allows,
        &provider->row.note,
        &provider->row.clients,
    };
    enum { STRINGS = sizeof(strings) / sizeof(strings[0]) };
    size_t size = 0;
    for (size_t i = 0; i < STRINGS; i++)
        size += strlen(*strings[i]) + 1;
    char *at = provider->strings = malloc(size);
    for (size_t i = 0; at != NULL && i < STRINGS; i++) {
        size = strlen(*strings[i]) + 1;
        memcpy(at, *strings[i], size);
        *strings[i] = at;
        at += size;
    }
    return at != NULL;
}

/* https://HOST, https://HOST/ or https://HOST/{bucket}/ */
static bool parse_path_style(struct provider *provider)
{
    static const char scheme[] = "https://";
    const char *text = provider->row.path_style;
    if (*text == '\0')
        return true;
    if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
        return false;
    text += sizeof(scheme) - 1;
    size_t host = strcspn(text, "/");
    const char *path = text + host;
    provider->converts = strcmp(path, "/{bucket}/") == 0 || strcmp(path, "/{bucket}") == 0;
    if (!provider->converts && *path != '\0' && strcmp(path, "/") != 0)
        return false;
    return host_template_parse(text, host, provider->row.placeholders, &provider->endpoint);
}

static bool parse_virtual_host(struct provider *provider)
{
    static const char bucket[] = "{bucket}.";
    const char *text = provider->row.virtual_host;
    if (*text == '\0')
        return true;
    if (strncmp(text, bucket, sizeof(bucket) - 1) != 0)
        return false;
    text += sizeof(bucket) - 1;
    return host_template_parse(text, strlen(text), provider->row.placeholders, &provider->domain);
}

static bool is_readable(struct provider *provider)
{
    const struct provider_row *row = &provider->row;
    if (!parse_path_style(provider) || !parse_virtual_host(provider))
        return false;
    if (provider->endpoint.count == 0 && provider->domain.count == 0)
        return false;
    if (row->bucket_min < 1 || row->bucket_max < row->bucket_min || row->bucket_max_dotted < 1)
        return false;
    return !provider->converts || (provider->domain.count > 0 &&
                                   host_template_covers(&provider->endpoint, &provider->domain));
}

enum provider_status provider_catalogue_add(struct provider_catalogue *catalogue,
                                            const struct provider_row *row)
{
    struct provider provider = { 0 };
    if (catalogue->count == catalogue->capacity) {
        uint32_t grown = catalogue->capacity > 0 ? catalogue->capacity * 2 : 128;
        struct provider *moved = realloc(catalogue->list, grown * sizeof(*moved));
        if (moved == NULL)
            return PROVIDER_NO_MEMORY;
        catalogue->list = moved;
        catalogue->capacity = grown;
    }
    if (!copy_row(row, &provider))
        return PROVIDER_NO_MEMORY;
    if (!is_readable(&provider)) {
        free(provider.strings);
        catalogue->unreadable++;
        return PROVIDER_UNREADABLE;
    }
    catalogue->list[catalogue->count++] = provider;
    return PROVIDER_OK;
}

/* An endpoint before a bucket's host, then the more specific template. */
static uint64_t rank(const struct host_template *template, bool is_endpoint)
{
    return (uint64_t)is_endpoint << 48 | (uint64_t) template->literal_bytes << 16 |
           template->restricted;
}

static void consider(struct provider_match *best, const struct provider_match *found,
                     const struct host_template *template)
{
    struct provider_match candidate = *found;
    candidate.rank = rank(template, found->skips == 0);
    bool is_better = candidate.match > best->match ||
                     (candidate.match == best->match && candidate.rank > best->rank);
    if (candidate.match != TEMPLATE_DIFFERS && is_better)
        *best = candidate;
}

struct provider_match provider_catalogue_find(const struct provider_catalogue *catalogue,
                                              const struct host_labels *labels)
{
    struct provider_match best = { .match = TEMPLATE_DIFFERS };
    for (uint32_t i = 0; catalogue != NULL && i < catalogue->count; i++) {
        const struct provider *provider = &catalogue->list[i];
        struct provider_match found = { .provider = provider };
        if (provider->endpoint.count > 0) {
            found.match = host_template_match(&provider->endpoint, labels, 0, &found.captures);
            consider(&best, &found, &provider->endpoint);
        }
        if (provider->domain.count > 0 && labels->count > provider->domain.count) {
            found.skips = (uint8_t)(labels->count - provider->domain.count);
            found.match =
                host_template_match(&provider->domain, labels, found.skips, &found.captures);
            consider(&best, &found, &provider->domain);
        }
    }
    return best;
}
