/* tests/support/fake_dns.h - a DNS server inside the test's own loop that gives every name the same
 * answer. */
#pragma once
#include "base/writer.h"
#include "loop_sockets.h"

enum { FAKE_DNS_SERVFAIL = 2, FAKE_DNS_NXDOMAIN = 3, FAKE_DNS_SILENT = -1 };

struct fake_dns {
    uv_poll_t handle;
    int descriptor;
    struct endpoint endpoint;
    int rcode;             /* or FAKE_DNS_SILENT */
    uint8_t silent_family; /* 4 or 6: whose questions are not answered; 0: none */
    uint32_t ttl_s, negative_ttl_s;
    struct ip_address address[8]; /* A and AAAA records */
    uint32_t address_count;
    unsigned question_count;
};

/* The records of one address family. */
static inline uint32_t fake_dns_put_records(const struct fake_dns *dns, struct writer *reply,
                                            uint8_t family)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < dns->address_count; i++) {
        if (dns->address[i].family != family)
            continue;
        uint32_t size = family == 4 ? 4 : 16;
        writer_uint(reply, 0xc00c, 2); /* the question's name */
        writer_uint(reply, family == 4 ? 1 : 28, 2);
        writer_uint(reply, 1, 2);
        writer_uint(reply, dns->ttl_s, 4);
        writer_uint(reply, size, 2);
        writer_bytes(reply, dns->address[i].bytes, size);
        count++;
    }
    return count;
}

/* The SOA record of a negative answer, owned by the root, of a long TTL and a short MINIMUM. */
static inline void fake_dns_put_soa(const struct fake_dns *dns, struct writer *reply)
{
    writer_uint(reply, 0, 1);
    writer_uint(reply, 6, 2);
    writer_uint(reply, 1, 2);
    writer_uint(reply, 86400, 4);
    writer_uint(reply, 22, 2);
    writer_uint(reply, 0, 2); /* the root as primary server and mailbox */
    for (int field = 0; field < 4; field++)
        writer_uint(reply, 1, 4);
    writer_uint(reply, dns->negative_ttl_s, 4);
}

static inline void fake_dns_on_query(uv_poll_t *handle, int status, int events)
{
    struct fake_dns *dns = handle->data;
    uint8_t query[512], buffer[1024];
    struct sockaddr_storage from;
    socklen_t from_size = sizeof(from);
    (void)status, (void)events;
    ssize_t size =
        recvfrom(dns->descriptor, query, sizeof(query), 0, (struct sockaddr *)&from, &from_size);
    assert_true(size > 12);
    dns->question_count++;
    size_t end = 12;
    while (query[end] != 0)
        end += 1u + query[end];
    uint8_t family = query[end + 2] == 1 ? 4 : 6;
    if (dns->rcode == FAKE_DNS_SILENT || dns->silent_family == family)
        return;
    struct writer reply = writer_over(buffer, sizeof(buffer));
    writer_bytes(&reply, query, end + 5);
    store_uint(buffer + 2, 0x8180u | (uint32_t)dns->rcode, 2);
    memset(buffer + 6, 0, 6);
    uint32_t count = dns->rcode == 0 ? fake_dns_put_records(dns, &reply, family) : 0;
    store_uint(buffer + 6, count, 2);
    if (count == 0 && dns->rcode != FAKE_DNS_SERVFAIL) {
        fake_dns_put_soa(dns, &reply);
        store_uint(buffer + 8, 1, 2);
    }
    assert_false(reply.failed);
    assert_true(sendto(dns->descriptor, buffer, writer_size(&reply), 0, (struct sockaddr *)&from,
                       from_size) > 0);
}

/* Starts to answer; no name has an address yet. */
static inline void fake_dns_start(struct fake_dns *dns, uv_loop_t *loop)
{
    *dns = (struct fake_dns){ .descriptor = bound_socket(SOCK_DGRAM, "127.0.0.1:0"),
                              .ttl_s = 60,
                              .negative_ttl_s = 60 };
    dns->endpoint = socket_endpoint(dns->descriptor);
    dns->handle.data = dns;
    assert_int_equal(uv_poll_init(loop, &dns->handle, dns->descriptor), 0);
    assert_int_equal(uv_poll_start(&dns->handle, UV_READABLE, fake_dns_on_query), 0);
}

static inline void fake_dns_add(struct fake_dns *dns, const char *address)
{
    assert_true(ip_address_parse(address, &dns->address[dns->address_count++]));
}

static inline void fake_dns_stop(struct fake_dns *dns)
{
    uv_close((uv_handle_t *)&dns->handle, NULL);
    close(dns->descriptor);
}
