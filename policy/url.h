/* policy/url.h - a URL that a person types as rule.target: https://host[:port]/path, or host/path
 * without its scheme (RFC 3986). Read strictly: what two clients could understand in two ways is
 * refused. */
#pragma once
#include "policy/host_name.h"

/* Borrows `path` from the target. */
struct url {
    struct host_name host; /* letters, digits and hyphens only */
    uint16_t port;         /* RULE_DEFAULT_PORT where none was typed, or an empty one */
    const char *path;      /* behind the slash that ends the host, percent-encoded */
    size_t path_size;      /* 0: no path, or "/" alone */
};

/* True for a target that is to be read as a URL: it has a scheme or a slash. */
bool url_is_meant(const char *target, size_t size);

/* Reads `size` bytes. False sets `*ret_reason` (RULE_REASON_BYTES) to what is wrong with it and
 * what to type instead. No query, fragment or user; no dot segment, encoded or not; no empty first
 * segment. */
bool url_parse(const char *target, size_t size, struct url *ret_url, char *ret_reason);

/* The host and port that a target names although the rest of it can't be read: what a deny must
 * still cover. False where there is no name either. */
bool url_salvage(const char *target, size_t size, struct url *ret_url);

enum { URL_SEGMENT_BYTES = 256 };

/* A part of a path between slashes, percent-decoded once. */
struct url_segment {
    char bytes[URL_SEGMENT_BYTES]; /* may hold any byte; ends in NUL */
    size_t size;
    bool is_cut;   /* it is longer than that */
    bool is_ended; /* a slash follows it */
};

struct reader;

/* Takes a segment and the slash behind it off a path that url_parse() accepted. */
struct url_segment url_take_segment(struct reader *path);
