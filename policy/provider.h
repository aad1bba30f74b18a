/* policy/provider.h - the table `provider`: which path-style endpoints have a host name for each
 * bucket, what such a bucket may be called, and what to tell a person where there is none.
 * Hosts are matched label by label, never as strings. A row that can't be read is left out and
 * harms no other. Built by one thread; then immutable and counted, so any thread reads it. */
#pragma once
#include "policy/rule.h"
#include "policy/url.h"

/* As read from the database; borrows its strings, none of which is NULL. Lists are separated by
 * spaces. In a pattern '*' stands for any characters and '#' for one or more digits; a '!' before
 * it takes the names that it matches out of what follows. */
struct provider_row {
    const char *name;
    const char *path_style;         /* https://HOST/{bucket}/, or https://HOST/ where the path does
                                       not lead to a host name; "": none */
    const char *virtual_host;       /* {bucket}.HOST; "": no host name for a bucket */
    const char *placeholders;       /* NAME=VALUE,VALUE ..., each a pattern, or hex{32},
                                       lower{3,24} (letters and digits), digits{12} */
    int64_t bucket_min, bucket_max; /* characters between dots */
    int64_t bucket_max_dotted;      /* characters of a name with dots */
    const char *bucket_dots;        /* "invalid", "refused" or "allowed"; else as refused */
    const char *bucket_underscores; /* "invalid" or "refused" */
    const char *bucket_capitals;    /* "invalid" or "refused" */
    const char *bucket_like;        /* patterns, one of which each bucket matches; "": any */
    const char *bucket_never;       /* patterns of names that no bucket has */
    const char *bucket_elsewhere;   /* patterns of names that have no host name here */
    const char *bucket_dotted;      /* "*.appspot.com": names with dots that have one; '*' is a
                                       label */
    const char *not_buckets;        /* first segments of paths that are no bucket: storage/v1 */
    const char *bare_host;          /* "allowed", "refused" or "invalid": a host without a path */
    const char *host_allows;        /* what the endpoint's host opens, to be offered instead of the
                                       path; "": not offered */
    const char *note;               /* sentences for a person */
    const char *clients;            /* which clients use the bucket's host name */
};

enum provider_status { PROVIDER_NO_MEMORY = 0, PROVIDER_UNREADABLE, PROVIDER_OK };

struct provider;
struct provider_catalogue;

/* An empty catalogue, to which rows are added before anybody else sees it. NULL when out of memory.
 */
struct provider_catalogue *provider_catalogue_new(void);
/* One more reference, or one less: the last one frees. NULL is fine. unref returns NULL. */
struct provider_catalogue *provider_catalogue_ref(struct provider_catalogue *catalogue);
struct provider_catalogue *provider_catalogue_unref(struct provider_catalogue *catalogue);
/* Copies what it needs. */
enum provider_status provider_catalogue_add(struct provider_catalogue *catalogue,
                                            const struct provider_row *row);
/* Of the rows that were left out because they can't be read, the name of the first, cut where it is
 * long; NULL: there are none. Lives as long as `catalogue`. The other tells of a row that is so odd
 * that it can't be added. */
const char *provider_catalogue_first_unreadable(const struct provider_catalogue *catalogue);
void provider_catalogue_note_unreadable(struct provider_catalogue *catalogue, const char *name);

/* True where `name` is an endpoint that serves all buckets, named by paths, and the host of each is
 * one label in front of this very name: storage.googleapis.com. `catalogue` may be NULL. Allocates
 * nothing; any thread. */
bool provider_catalogue_is_bucket_endpoint(const struct provider_catalogue *catalogue,
                                           const struct host_name *name);

/* What a URL comes to as a host name. Zero admits nothing. */
enum url_outcome {
    URL_INVALID = 0,
    URL_REFUSED,   /* no host name says this */
    URL_WIDENED,   /* the host name allows more than the path */
    URL_HOST_ONLY, /* there is no path: the host itself */
    URL_EXACT,     /* the host name allows just what the path says */
};

struct provider_answer {
    enum url_outcome outcome;
    struct host_name host;          /* the host name; the URL's own where there is none */
    char reason[RULE_REASON_BYTES]; /* for a person; may be empty for HOST_ONLY and EXACT */
    const char *host_allows; /* what the URL's own host opens, where that is the nearest rule; "" */
    const char *clients;     /* which clients use the host name; "": nothing is known */
};

/* `catalogue` may be NULL, which knows nobody; the answer borrows from it. */
void provider_catalogue_judge(const struct provider_catalogue *catalogue, const struct url *url,
                              struct provider_answer *ret_answer);
