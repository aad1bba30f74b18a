/* policy/provider_answer.c - what a URL comes to as a host name, and what to say about it. */
#include "base/reader.h"
#include "base/text.h"
#include "policy/bucket_name.h"
#include "policy/provider_match.h"

#include <string.h>

/* What one judgement works on. */
struct judge {
    const struct url *url;
    const struct provider_match *found;
    const struct provider_row *row; /* of `found` */
    struct provider_answer *answer;
    struct text reason;
};

static void end_as(struct judge *judge, enum url_outcome outcome)
{
    judge->answer->outcome = outcome;
}

static void add_note(struct judge *judge)
{
    if (judge->row->note[0] == '\0')
        return;
    text_add(&judge->reason, judge->reason.size > 0 ? " " : "");
    text_add(&judge->reason, judge->row->note);
}

static void refuse_unknown(struct judge *judge)
{
    host_name_add_to(&judge->url->host, &judge->reason);
    text_add(&judge->reason,
             " has no host name for a path, as far as the table provider knows: a path is "
             "encrypted, so only the whole host can be allowed. An object store of your own with "
             "a host for each bucket can be added to that table.");
    judge->answer->host_allows = "everything on that host";
    end_as(judge, URL_REFUSED);
}

/* The host is the provider's but for one placeholder, as s3.mars-1.amazonaws.com. */
static void refuse_near(struct judge *judge)
{
    const struct host_captures *captures = &judge->found->captures;
    unsigned last = captures->count > 0 ? captures->count - 1u : 0;
    text_add(&judge->reason, "\"");
    text_add_bytes(&judge->reason, captures->list[last].value, captures->list[last].value_size);
    text_add(&judge->reason, "\" is no ");
    text_add_bytes(&judge->reason, captures->list[last].name, captures->list[last].name_size);
    text_add_format(&judge->reason,
                    " of %s that the table provider knows; correct it, or, if it is new, add it to "
                    "the placeholders of that row.",
                    judge->row->name);
    end_as(judge, URL_REFUSED);
}

/* "my-bucket" of my-bucket.s3.amazonaws.com. */
static struct url_segment bucket_of_host(const struct judge *judge)
{
    struct url_segment bucket = { .is_ended = true };
    struct host_labels labels;
    host_labels_find(&judge->url->host, &labels);
    struct text text = text_in(bucket.bytes, sizeof(bucket.bytes));
    for (unsigned i = 0; i < judge->found->skips; i++) {
        text_add(&text, i > 0 ? "." : "");
        text_add_bytes(&text, labels.at[i], labels.at[i][-1]);
    }
    bucket.size = text.size;
    return bucket;
}

static void widen(struct judge *judge, const struct url_segment *bucket)
{
    host_name_add_to(&judge->answer->host, &judge->reason);
    text_add(&judge->reason, " stands for all objects in the bucket ");
    text_add_escaped(&judge->reason, bucket->bytes, bucket->size);
    text_add(&judge->reason, ", to read, write, list and delete as credentials allow; a host name "
                             "can't tell them apart.");
    if (judge->found->provider->converts) /* else the note says what to do about a path */
        add_note(judge);
    judge->answer->clients = judge->row->clients;
    end_as(judge, URL_WIDENED);
}

static void refuse_bucket(struct judge *judge, enum bucket_fit fit)
{
    end_as(judge, fit == BUCKET_INVALID ? URL_INVALID : URL_REFUSED);
}

/* A path behind a bucket's own host. */
static void judge_virtual_host(struct judge *judge)
{
    struct url_segment bucket = bucket_of_host(judge);
    enum bucket_fit fit = bucket_name_check(judge->row, &bucket, &judge->reason);
    if (fit == BUCKET_FITS)
        widen(judge, &bucket);
    else
        refuse_bucket(judge, fit);
}

/* Does the path begin with these segments, "storage/v1"? Compared decoded, as a server does. */
static bool begins_with(const struct url *url, const char *segments, size_t size)
{
    struct reader path = reader_over(url->path, url->path_size);
    for (const char *end = segments + size; segments < end;) {
        const char *slash = memchr(segments, '/', (size_t)(end - segments));
        size_t wanted = (size_t)((slash != NULL ? slash : end) - segments);
        struct url_segment segment = url_take_segment(&path);
        if (segment.size != wanted || memcmp(segment.bytes, segments, wanted) != 0)
            return false;
        segments += wanted + 1;
    }
    return true;
}

static bool is_no_bucket(struct judge *judge)
{
    for (const char *list = judge->row->not_buckets; *list != '\0';) {
        size_t word = strcspn(list, " ");
        if (word > 0 && begins_with(judge->url, list, word)) {
            text_add(&judge->reason, "The path ");
            text_add_bytes(&judge->reason, list, word);
            text_add_format(&judge->reason,
                            " is no bucket but an interface of %s, to which no "
                            "host name leads.",
                            judge->row->name);
            add_note(judge);
            return true;
        }
        list += word + (list[word] == ' ');
    }
    return false;
}

/* The host name of a bucket that fits. False where that is too long for one. */
static bool host_of_bucket(struct judge *judge, const struct url_segment *bucket)
{
    char buffer[2 * HOST_NAME_WIRE_MAX];
    struct text text = text_in(buffer, sizeof(buffer));
    text_add_bytes(&text, bucket->bytes, bucket->size);
    text_add(&text, ".");
    host_template_add_to(&judge->found->provider->domain, &judge->found->captures, &text);
    if (!text.cut && host_name_parse(text.at, text.size, &judge->answer->host) == HOST_NAME_OK)
        return true;
    text_add(&judge->reason, "The bucket's host name would be longer than 253 characters.");
    return false;
}

/* A path that begins with a bucket. */
static void judge_bucket(struct judge *judge)
{
    struct reader path = reader_over(judge->url->path, judge->url->path_size);
    struct url_segment bucket = url_take_segment(&path);
    if (is_no_bucket(judge)) {
        end_as(judge, URL_REFUSED);
        return;
    }
    enum bucket_fit fit = bucket_name_check(judge->row, &bucket, &judge->reason);
    if (fit != BUCKET_FITS) {
        refuse_bucket(judge, fit);
    } else if (!host_of_bucket(judge, &bucket)) {
        end_as(judge, URL_REFUSED);
    } else if (reader_left(&path) > 0) {
        widen(judge, &bucket);
    } else {
        add_note(judge);
        judge->answer->clients = judge->row->clients;
        end_as(judge, URL_EXACT);
    }
}

/* A host of the catalogue without a path. */
static void judge_bare_host(struct judge *judge)
{
    bool is_invalid = strcmp(judge->row->bare_host, "invalid") == 0;
    if (strcmp(judge->row->bare_host, "allowed") == 0) {
        judge->answer->clients = judge->found->skips > 0 ? judge->row->clients : "";
        end_as(judge, URL_HOST_ONLY);
        return;
    }
    host_name_add_to(&judge->url->host, &judge->reason);
    text_add_format(&judge->reason, " is no host of %s that can be allowed.", judge->row->name);
    add_note(judge);
    end_as(judge, is_invalid ? URL_INVALID : URL_REFUSED);
}

static void judge_found(struct judge *judge)
{
    const struct provider *provider = judge->found->provider;
    bool has_path = judge->url->path_size > 0;
    bool is_store = provider->domain.count > 0;
    if (!has_path || strcmp(judge->row->bare_host, "allowed") != 0) {
        judge_bare_host(judge);
    } else if (is_store && judge->url->port != RULE_DEFAULT_PORT) {
        text_add_format(&judge->reason,
                        "%s serves on port 443 alone; type the URL without its "
                        "port.",
                        judge->row->name);
        end_as(judge, URL_REFUSED);
    } else if (judge->found->skips > 0) {
        judge_virtual_host(judge);
    } else if (provider->converts) {
        judge_bucket(judge);
    } else {
        host_name_add_to(&judge->url->host, &judge->reason);
        text_add_format(&judge->reason, " (%s) has no host name for this path.", judge->row->name);
        add_note(judge);
        judge->answer->host_allows = judge->row->host_allows;
        end_as(judge, URL_REFUSED);
    }
}

void provider_catalogue_judge(const struct provider_catalogue *catalogue, const struct url *url,
                              struct provider_answer *ret_answer)
{
    struct host_labels labels;
    host_labels_find(&url->host, &labels);
    struct provider_match found = provider_catalogue_find(catalogue, &labels);
    ret_answer->outcome = URL_INVALID; /* field by field: its text is long, and mostly empty */
    ret_answer->host = url->host;
    ret_answer->host_allows = ret_answer->clients = "";
    struct judge judge = { .url = url, .found = &found, .answer = ret_answer };
    judge.reason = text_in(ret_answer->reason, sizeof(ret_answer->reason));
    if (found.match != TEMPLATE_DIFFERS)
        judge.row = &found.provider->row;
    if (found.match == TEMPLATE_MATCHES)
        judge_found(&judge);
    else if (url->path_size == 0)
        end_as(&judge, URL_HOST_ONLY);
    else if (found.match == TEMPLATE_NEAR)
        refuse_near(&judge);
    else
        refuse_unknown(&judge);
}
