/* resolver/edns.c - the OPT record of an answer and its options. */
#include "resolver/edns.h"

#include "base/text.h"
#include "base/writer.h"
#include "resolver/cookie.h"
#include "resolver/dns.h"

/* RFC 7828 3.2.2 */
static void write_keepalive(struct writer *answer, uint16_t keepalive_100ms)
{
    writer_uint(answer, DNS_OPTION_TCP_KEEPALIVE, 2);
    writer_uint(answer, 2, 2);
    writer_uint(answer, keepalive_100ms, 2);
}

/* RFC 7873 4 */
static void write_cookie(struct writer *answer, const struct cookie *cookie)
{
    uint8_t *to = writer_reserve(answer, DNS_OPTION_FIXED_BYTES + COOKIE_CLIENT_BYTES);
    if (to == NULL)
        return;
    store_uint(to, DNS_OPTION_COOKIE, 2);
    store_uint(to + 2, COOKIE_CLIENT_BYTES + COOKIE_SERVER_BYTES, 2);
    memcpy(to + DNS_OPTION_FIXED_BYTES, cookie->client, COOKIE_CLIENT_BYTES);
    writer_bytes(answer, cookie->server, COOKIE_SERVER_BYTES);
}

/* RFC 5001 2.2 */
static void write_nsid(struct writer *answer, const char *nsid)
{
    size_t size = strlen(nsid);
    if (writer_left(answer) < DNS_OPTION_FIXED_BYTES + size)
        return;
    writer_uint(answer, DNS_OPTION_NSID, 2);
    writer_uint(answer, (uint32_t)size, 2);
    writer_bytes(answer, nsid, size);
}

/* RFC 8914 2 */
static void write_error(struct writer *answer, const struct edns_error *error)
{
    enum { CODE_BYTES = 2 };
    size_t left = writer_left(answer);
    if (left < DNS_OPTION_FIXED_BYTES + CODE_BYTES)
        return;
    size_t room = left - DNS_OPTION_FIXED_BYTES - CODE_BYTES;
    size_t size = text_cut_at_character(error->text, error->text_size,
                                        room < DNS_EXTRA_TEXT_MAX ? room : DNS_EXTRA_TEXT_MAX);
    writer_uint(answer, DNS_OPTION_EXTENDED_ERROR, 2);
    writer_uint(answer, (uint32_t)(CODE_BYTES + size), 2);
    writer_uint(answer, error->code, CODE_BYTES);
    writer_bytes(answer, error->text, size);
}

void edns_write(struct writer *answer, const struct edns_answer *edns)
{
    uint8_t *to = writer_reserve(answer, 1 + DNS_RECORD_FIXED_BYTES);
    if (to == NULL)
        return;
    store_uint(to, 0, 1); /* owner: the root */
    store_uint(to + 1, DNS_TYPE_OPT, 2);
    store_uint(to + 3, DNS_EDNS_UDP_BYTES, 2);
    store_uint(to + 5, edns->rcode >> DNS_RCODE_HEADER_BITS, 1);
    store_uint(to + 6, DNS_EDNS_VERSION, 1);
    store_uint(to + 7, edns->is_dnssec_ok ? DNS_EDNS_FLAG_DNSSEC_OK : 0, 2);
    const uint8_t *options = answer->at;
    if (edns->keepalive_100ms > 0)
        write_keepalive(answer, edns->keepalive_100ms);
    if (edns->cookie != NULL)
        write_cookie(answer, edns->cookie);
    if (edns->nsid != NULL)
        write_nsid(answer, edns->nsid);
    for (uint32_t i = 0; i < edns->error_count; i++)
        write_error(answer, &edns->error[i]);
    store_uint(to + 9, (uint32_t)(answer->at - options), 2);
}
