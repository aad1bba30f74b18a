/* tests/fuzz/dns_query_fuzz.c - any bytes as a DNS query: silence, or an answer that fits and could
 * not start a loop. */
#include "policy/policy_builder.h"
#include "policy/policy_feed.h"
#include "resolver/resolver.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct policy_feed feed;
    static struct policy_view view;
    static struct resolver resolver;
    static const struct gate_addresses gate = { .v4 = { { 4, { 192, 0, 2, 1 } } }, .v4_count = 1 };
    static const struct settings settings = { .cookie_keys = { .is_known = true } };
    static const struct server_identity identity = { "nsid", "id", "version" };
    if (feed.latest == NULL) {
        struct policy_builder *builder = policy_builder_new(&(struct policy_ports){ { 443 }, 1 });
        policy_feed_init(&feed, policy_builder_finish(builder, &settings, 1));
        policy_view_init(&view, &feed);
        resolver_init(&resolver, &view, &gate, (struct resolver_sink){ 0 });
        resolver.identity = &identity;
    }
    uint8_t answer[RESOLVER_ANSWER_MAX], again[RESOLVER_ANSWER_MAX];
    struct resolver_request query = { .bytes = data, .size = size, .is_tcp = size % 2 == 1 };
    size_t answer_size = resolver_answer(&resolver, &query, answer);
    struct resolver_request echo = { .bytes = answer, .size = answer_size };
    if (answer_size > 0 && (answer_size < 12 || answer[0] != data[0] || answer[1] != data[1]))
        abort();
    if (answer_size > (query.is_tcp ? sizeof(answer) : 512) ||
        resolver_answer(&resolver, &echo, again) != 0) /* an answer deserves none */
        abort();
    return 0;
}
