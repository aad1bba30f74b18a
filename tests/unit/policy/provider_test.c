/* tests/unit/policy/provider_test.c - which row of the catalogue a host belongs to, however its
 * template ends, and which hosts serve all buckets. */
#include "base/text.h"
#include "policies.h"
#include "policy/provider.h"

/* A row as the table fills it where nothing is said. */
static struct provider_row row_of(const char *path_style, const char *virtual_host,
                                  const char *placeholders)
{
    return (struct provider_row){ .name = path_style,
                                  .path_style = path_style,
                                  .virtual_host = virtual_host,
                                  .placeholders = placeholders,
                                  .bucket_min = 1,
                                  .bucket_max = 63,
                                  .bucket_max_dotted = 63,
                                  .bucket_dots = "refused",
                                  .bucket_underscores = "refused",
                                  .bucket_capitals = "invalid",
                                  .bucket_like = "",
                                  .bucket_never = "",
                                  .bucket_elsewhere = "",
                                  .bucket_dotted = "",
                                  .not_buckets = "",
                                  .bare_host = "allowed",
                                  .host_allows = "",
                                  .note = "",
                                  .clients = "" };
}

static struct provider_catalogue *catalogue_of(void)
{
    static const char *const rows[][3] = {
        { "https://s3.{region}.store.example/{bucket}/", "{bucket}.s3.{region}.store.example",
          "region=fra,ams" },
        { "https://s3.eu.{zone}.test/{bucket}/", "{bucket}.s3.eu.{zone}.test", "zone=one" },
        { "https://local/{bucket}/", "{bucket}.local", "" },
        { "https://paths.example/{bucket}/", "{bucket}.hosts.example", "" },
        { "https://fast.store.example/", "{bucket}.fast.store.example", "" },
        { "https://twice.example/{bucket}/", "{bucket}.first.example", "" },
        { "https://twice.example/{bucket}", "{bucket}.other.example", "" },
    };
    struct provider_catalogue *catalogue = provider_catalogue_new();
    assert_non_null(catalogue);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct provider_row row = row_of(rows[i][0], rows[i][1], rows[i][2]);
        assert_int_equal(provider_catalogue_add(catalogue, &row), PROVIDER_OK);
    }
    return catalogue;
}

/* The host that a path becomes; "": none. */
static const struct case_row {
    const char *name, *target, *host;
    bool is_endpoint; /* the target's host serves every bucket, each below that name */
} case_rows[] = {
    { "two literal labels at the end", "https://s3.fra.store.example/b1/",
      "b1.s3.fra.store.example", true },
    { "a placeholder before the last label", "https://s3.eu.one.test/b1/", "b1.s3.eu.one.test",
      true },
    { "one label", "https://local/b1/", "b1.local", true },
    { "buckets below another name", "https://paths.example/b1/", "b1.hosts.example", false },
    { "an endpoint without paths", "https://fast.store.example/b1/", "", false },
    { "the first of two alike", "https://twice.example/b1/", "b1.first.example", false },
    { "a region that is none", "https://s3.mars.store.example/b1/", "", false },
    { "the end alone", "https://store.example/b1/", "", false },
    { "a label more", "https://x.s3.fra.store.example.test/b1/", "", false },
    { "another end", "https://s3.fra.store.test/b1/", "", false },
    { "a bucket's own host", "https://b1.local/", "b1.local", false },
};

static void belongs(void **state)
{
    const struct case_row *row = *state;
    char reason[RULE_REASON_BYTES], buffer[300];
    struct provider_catalogue *catalogue = catalogue_of();
    struct provider_answer answer;
    struct url url;
    assert_true(url_parse(row->target, strlen(row->target), &url, reason));
    provider_catalogue_judge(catalogue, &url, &answer);
    struct text host = text_in(buffer, sizeof(buffer));
    if (answer.outcome == URL_EXACT || answer.outcome == URL_HOST_ONLY)
        host_name_add_to(&answer.host, &host);
    assert_string_equal(buffer, row->host);
    assert_int_equal(provider_catalogue_is_bucket_endpoint(catalogue, &url.host), row->is_endpoint);
    assert_false(provider_catalogue_is_bucket_endpoint(NULL, &url.host));
    provider_catalogue_unref(catalogue);
}

/* Through edits, merges and rebases. */
static void policy_knows_endpoints(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    struct rule_ids touched;
    struct provider_catalogue *catalogue = catalogue_of();
    struct policy_builder *builder = policy_builder_new(&test_ports);
    struct compiled_rule rule = rule_of("allow b1.s3.fra.store.example", 1);
    policy_builder_set_providers(builder, catalogue);
    provider_catalogue_unref(catalogue);
    assert_true(policy_builder_add(builder, &rule));
    struct policy *built = policy_builder_finish(builder, &settings, 1);
    struct policy *changed = policy_with_changes(built, NULL, 0, &settings, &touched);
    struct policy *merged = policy_merge(changed);
    struct policy *rebased = policy_rebase(changed, merged);
    struct policy *unaware = policy_of("allow b1.s3.fra.store.example");
    struct policy *all[] = { built, changed, merged, rebased, unaware };
    for (size_t i = 0; i < COUNT(all); i++) {
        bool knows = all[i] != unaware;
        const char *host = "s3.fra.store.example";
        assert_int_equal(look_up(all[i], host, 0).is_bucket_endpoint, knows);
        assert_int_equal(decide_on(all[i], host, 443, 0).is_bucket_endpoint, knows);
        assert_false(look_up(all[i], "s3.ams.store.example", 0).is_bucket_endpoint);
        assert_false(look_up(all[i], "fra.store.example", 0).is_bucket_endpoint);
        assert_false(look_up(all[i], "b1.s3.fra.store.example", 0).is_bucket_endpoint);
    }
    free(touched.id);
    for (size_t i = 0; i < COUNT(all); i++)
        policy_unref(all[i]);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, case_rows, belongs);
    tests_add_row(&tests, "policy knows endpoints", NULL, policy_knows_endpoints);
    return tests_run(&tests, "provider");
}
