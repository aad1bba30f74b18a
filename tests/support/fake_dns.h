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
    int rcode;                    /* or FAKE_DNS_SILENT */
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
        writer_uint(reply, 60, 4);
        writer_uint(reply, size, 2);
        writer_bytes(reply, dns->address[i].bytes, size);
        count++;
    }
    return count;
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
    if (dns->rcode == FAKE_DNS_SILENT)
        return;
    size_t end = 12;
    while (query[end] != 0)
        end += 1u + query[end];
    struct writer reply = writer_over(buffer, sizeof(buffer));
    writer_bytes(&reply, query, end + 5);
    store_uint(buffer + 2, 0x8180u | (uint32_t)dns->rcode, 2);
    memset(buffer + 6, 0, 6);
    uint32_t count = fake_dns_put_records(dns, &reply, query[end + 2] == 1 ? 4 : 6);
    store_uint(buffer + 6, dns->rcode == 0 ? count : 0, 2);
    assert_false(reply.failed);
    assert_true(sendto(dns->descriptor, buffer, dns->rcode == 0 ? writer_size(&reply) : end + 5, 0,
                       (struct sockaddr *)&from, from_size) > 0);
}

/* Starts to answer; no name has an address yet. */
static inline void fake_dns_start(struct fake_dns *dns, uv_loop_t *loop)
{
    *dns = (struct fake_dns){ .descriptor = bound_socket(SOCK_DGRAM, "127.0.0.1:0") };
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
