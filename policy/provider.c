/* policy/provider.c - the catalogue: rows of the table `provider`, and which of them a host belongs
 * to. */
#include "base/text.h"
#include "policy/provider_match.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 256 };
#define NO_PLACE UINT32_MAX

/* A template where it is found by the end of a host: place 2n is the endpoint of row n, place 2n +
 * 1 its domain. */
static const struct host_template *template_at(const struct provider *list, uint32_t place)
{
    return place % 2 == 0 ? &list[place / 2].endpoint : &list[place / 2].domain;
}

struct provider_catalogue {
    atomic_uint references;
    struct provider *list;
    uint32_t count, capacity;
    bool has_unreadable;
    char first_unreadable[128];
    uint32_t chain[CHAINS]; /* first place of the templates whose ends have that hash */
};

struct provider_catalogue *provider_catalogue_new(void)
{
    struct provider_catalogue *catalogue = calloc(1, sizeof(*catalogue));
    if (catalogue == NULL)
        return NULL;
    atomic_init(&catalogue->references, 1);
    for (unsigned i = 0; i < CHAINS; i++)
        catalogue->chain[i] = NO_PLACE;
    return catalogue;
}

struct provider_catalogue *provider_catalogue_ref(struct provider_catalogue *catalogue)
{
    if (catalogue != NULL)
        atomic_fetch_add_explicit(&catalogue->references, 1, memory_order_relaxed);
    return catalogue;
}

struct provider_catalogue *provider_catalogue_unref(struct provider_catalogue *catalogue)
{
    if (catalogue == NULL ||
        atomic_fetch_sub_explicit(&catalogue->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    for (uint32_t i = 0; i < catalogue->count; i++)
        free(catalogue->list[i].strings);
    free(catalogue->list);
    free(catalogue);
    return NULL;
}

const char *provider_catalogue_first_unreadable(const struct provider_catalogue *catalogue)
{
    return catalogue->has_unreadable ? catalogue->first_unreadable : NULL;
}

void provider_catalogue_note_unreadable(struct provider_catalogue *catalogue, const char *name)
{
    struct text text = text_in(catalogue->first_unreadable, sizeof(catalogue->first_unreadable));
    if (catalogue->has_unreadable)
        return;
    catalogue->has_unreadable = true;
    text_add_escaped(&text, name, strlen(name));
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

/* FNV-1a, goes on from `hash`. Names of rules are the operator's own, so nobody gains by
 * collisions.
 */
static uint32_t hash_label(uint32_t hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 16777619u;
    return (hash ^ '.') * 16777619u;
}

static const uint32_t HASH_START = 2166136261u;

static unsigned chain_of(uint32_t hash)
{
    return (hash ^ hash >> 16) % CHAINS;
}

/* By the last label, and the one before where that is literal too: most hosts end otherwise. */
static void link_template(struct provider_catalogue *catalogue, uint32_t place)
{
    const struct host_template *template = template_at(catalogue->list, place);
    uint32_t hash = HASH_START;
    if (template->count == 0)
        return;
    for (unsigned i = 1; i <= 2 && i <= template->count; i++) {
        const struct label_template *label = &template->label[template->count - i];
        if (label->has_placeholder)
            break;
        hash = hash_label(hash, label->text, label->size);
    }
    catalogue->list[place / 2].next_place[place % 2] = catalogue->chain[chain_of(hash)];
    catalogue->chain[chain_of(hash)] = place;
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
        provider_catalogue_note_unreadable(catalogue, row->name);
        return PROVIDER_UNREADABLE;
    }
    catalogue->list[catalogue->count++] = provider;
    link_template(catalogue, 2 * catalogue->count - 2);
    link_template(catalogue, 2 * catalogue->count - 1);
    return PROVIDER_OK;
}

/* An endpoint before a bucket's host, then the more specific template. */
static uint64_t rank(const struct host_template *template, bool is_endpoint)
{
    return (uint64_t)is_endpoint << 48 | (uint64_t) template->literal_bytes << 16 |
           template->restricted;
}

/* Among equals the row that was added first counts. */
static bool is_better(const struct provider_match *candidate, const struct provider_match *best)
{
    if (candidate->match == TEMPLATE_DIFFERS)
        return false;
    if (candidate->match != best->match)
        return candidate->match > best->match;
    if (candidate->rank != best->rank)
        return candidate->rank > best->rank;
    return candidate->provider < best->provider; /* in one list */
}

static void consider(const struct provider_catalogue *catalogue, uint32_t place,
                     const struct host_labels *labels, struct provider_match *best)
{
    const struct host_template *template = template_at(catalogue->list, place);
    struct provider_match found;
    bool is_endpoint = place % 2 == 0;
    if (is_endpoint ? labels->count != template->count : labels->count <= template->count)
        return;
    found.rank = rank(template, is_endpoint);
    if (best->match == TEMPLATE_MATCHES && found.rank < best->rank)
        return; /* whatever it says: lists of regions are long */
    found.provider = &catalogue->list[place / 2];
    found.skips = (uint8_t)(labels->count - template->count);
    found.match = host_template_match(template, labels, found.skips, &found.captures);
    if (is_better(&found, best))
        *best = found;
}

struct provider_match provider_catalogue_find(const struct provider_catalogue *catalogue,
                                              const struct host_labels *labels)
{
    struct provider_match best = { .match = TEMPLATE_DIFFERS };
    uint32_t hash = HASH_START;
    unsigned seen = CHAINS;
    for (unsigned i = 1; catalogue != NULL && i <= 2 && i <= labels->count; i++) {
        const uint8_t *label = labels->at[labels->count - i];
        hash = hash_label(hash, label, label[-1]);
        unsigned chain = chain_of(hash);
        if (chain == seen)
            break;
        seen = chain;
        for (uint32_t place = catalogue->chain[chain]; place != NO_PLACE;
             place = catalogue->list[place / 2].next_place[place % 2])
            consider(catalogue, place, labels, &best);
    }
    return best;
}

bool provider_catalogue_is_bucket_endpoint(const struct provider_catalogue *catalogue,
                                           const struct host_name *name)
{
    char buffers[2][4 * HOST_NAME_WIRE_MAX];
    struct host_labels labels;
    host_labels_find(name, &labels);
    struct provider_match found = provider_catalogue_find(catalogue, &labels);
    if (found.match != TEMPLATE_MATCHES || found.skips > 0 || !found.provider->converts)
        return false;
    struct text domain = text_in(buffers[0], sizeof(buffers[0]));
    struct text own = text_in(buffers[1], sizeof(buffers[1]));
    host_template_add_to(&found.provider->domain, &found.captures, &domain);
    host_name_add_to(name, &own);
    return strcmp(domain.at, own.at) == 0;
}
