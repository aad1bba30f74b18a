/* tests/unit/db/path_cases_test.c - what each URL of tests/unit/policy/path_cases.tsv becomes under
 * the catalogue as it is shipped, and that no URL becomes a host that it does not name. */
#include "base/reader.h"
#include "base/text.h"
#include "db/policy_store.h"
#include "dice.h"
#include "policy/provider.h"
#include "workspace.h"

enum { CASES_MAX = 1000, RANDOM_URLS = 20000 };

/* The shipped catalogue, out of a file that was just made. */
struct shelf {
    struct database *database;
    struct policy_store store;
};

static void shelf_open(struct shelf *shelf, const struct workspace *workspace)
{
    struct fault fault = { 0 };
    struct migration_report report;
    struct policy_content content;
    struct policy_ports ports = { .port = { 443 }, .count = 1 };
    struct policy_builder *builder = policy_builder_new(&ports);
    shelf->database = database_open(workspace->path, DATABASE_CREATE, &fault);
    assert_non_null(shelf->database);
    assert_true(database_migrate(shelf->database, &report, &fault));
    policy_store_init(&shelf->store, shelf->database);
    assert_int_equal(policy_store_load(&shelf->store, 0, builder, &content, &fault), DATABASE_OK);
    policy_builder_free(builder);
    assert_null(provider_catalogue_first_unreadable(shelf->store.providers));
}

static void shelf_close(struct shelf *shelf)
{
    policy_store_release(&shelf->store);
    database_close(shelf->database);
}

static struct rule_outcome outcome_of(const struct shelf *shelf, const char *target, int64_t widen,
                                      struct compiled_rule *ret_rule)
{
    struct rule_outcome outcome;
    struct rule_context context = { .now_s = 0, .providers = shelf->store.providers };
    struct rule_row row = { .id = 7,
                            .target = target,
                            .target_size = strlen(target),
                            .action = "allow",
                            .enabled = 1,
                            .widen = widen,
                            .clients = "any" };
    bool is_in_force = rule_compile(&row, &context, ret_rule, &outcome);
    assert_true(is_in_force ==
                (outcome.state == RULE_STATE_ACTIVE || outcome.state == RULE_STATE_WIDENED));
    assert_true(outcome.state == RULE_STATE_ACTIVE || outcome.reason[0] != '\0');
    return outcome;
}

/* Four columns with tabs between; splits the line in place. */
static bool split(char *line, char *columns[4])
{
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 4; i++) {
        columns[i] = line;
        line += strcspn(line, "\t");
        if (*line == '\0')
            return i == 3;
        *line++ = '\0';
    }
    return false;
}

static void check_case(const struct shelf *shelf, char *const columns[4])
{
    struct compiled_rule rule;
    const char *kind = columns[1];
    bool is_widened = strcmp(kind, "host_widened") == 0;
    bool is_host = strcmp(kind, "host") == 0 || strcmp(kind, "host_only") == 0;
    for (int64_t widen = 0; widen <= 1; widen++) {
        struct rule_outcome outcome = outcome_of(shelf, columns[0], widen, &rule);
        const char *expected = is_host ? "active" : kind;
        if (is_widened)
            expected = widen == 1 ? "widened" : "refused";
        bool has_host = is_host || (is_widened && widen == 1);
        if (strcmp(rule_state_word(outcome.state), expected) != 0 ||
            strcmp(outcome.hostname, has_host ? columns[2] : "") != 0)
            fail_msg("%s (%s) is %s %s: %s", columns[0], columns[3], rule_state_word(outcome.state),
                     outcome.hostname, outcome.reason);
    }
}

static void every_case(void **state)
{
    char path[512] = __FILE__, line[1024], *columns[4];
    struct shelf shelf;
    shelf_open(&shelf, *state);
    (void)snprintf(strstr(path, "db/path_cases_test.c"), 40, "policy/path_cases.tsv");
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file)); /* the columns' names */
    int count = 0;
    for (; fgets(line, sizeof(line), file) != NULL; count++) {
        assert_true(split(line, columns));
        check_case(&shelf, columns);
    }
    assert_true(count > 200 && count < CASES_MAX);
    (void)fclose(file);
    shelf_close(&shelf);
}

/* A widened rule says which statement accepts it. */
static void refusal_names_the_statement(void **state)
{
    struct shelf shelf;
    struct compiled_rule rule;
    shelf_open(&shelf, *state);
    struct rule_outcome outcome = outcome_of(&shelf, "https://t3.storage.dev/abc/x", 0, &rule);
    assert_non_null(strstr(outcome.reason, "UPDATE rule SET widen = 1 WHERE id = 7;"));
    outcome = outcome_of(&shelf, "https://acct.blob.core.windows.net/c/", 0, &rule);
    assert_non_null(strstr(outcome.reason, "UPDATE rule SET target = 'acct.blob.core.windows.net' "
                                           "WHERE id = 7;"));
    shelf_close(&shelf);
}

/* A random URL of pieces that mean something to some row, now and then spoilt. */
static void random_url(struct dice *dice, struct text *text)
{
    static const char *const hosts[] = {
        "storage.googleapis.com",
        "s3.us-west-2.amazonaws.com",
        "s3.amazonaws.com",
        "a.s3.amazonaws.com",
        "nyc3.digitaloceanspaces.com",
        "0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com",
        "s3.private.us-south.cloud-object-storage.appdomain.cloud",
        "acct.blob.core.windows.net",
        "oss-cn-hangzhou.aliyuncs.com",
        "example.com"
    };
    static const char *const pieces[] = { "a",       "my-bucket",
                                          ".",       "/",
                                          "%2e",     "%2F",
                                          "-",       "_",
                                          "abc",     "xn--",
                                          "B",       "%",
                                          "storage", "v1",
                                          "//",      "1.2.3.4",
                                          "@",       ":443",
                                          "*",       "%6d",
                                          "..",      "bucket.appspot.com" };
    text_add(text, dice_below(dice, 4) == 0 ? "" : "https://");
    text_add(text, hosts[dice_below(dice, COUNT(hosts))]);
    text_add(text, dice_below(dice, 16) == 0 ? "" : "/");
    for (uint32_t i = dice_below(dice, 5); i > 0; i--)
        text_add(text, pieces[dice_below(dice, COUNT(pieces))]);
}

/* What is compiled is the URL's own host, or its first segment before that host: so it is for every
 * row that is shipped. */
static void compiled_host_is_of_the_url(void **state)
{
    struct shelf shelf;
    struct dice dice = { 4711 };
    int converted = 0;
    shelf_open(&shelf, *state);
    for (int i = 0; i < RANDOM_URLS; i++) {
        char buffer[512], expected[1024], own[512], reason[RULE_REASON_BYTES];
        struct compiled_rule rule;
        struct url url;
        struct text target = text_in(buffer, sizeof(buffer)), host = text_in(own, sizeof(own));
        random_url(&dice, &target);
        struct rule_outcome outcome = outcome_of(&shelf, target.at, 1, &rule);
        if (outcome.hostname[0] == '\0' || !url_is_meant(target.at, target.size))
            continue;
        assert_true(url_parse(target.at, target.size, &url, reason));
        host_name_add_to(&url.host, &host);
        assert_int_equal(rule.pattern, PATTERN_EXACT);
        if (strcmp(outcome.hostname, own) == 0)
            continue;
        struct reader path = reader_over(url.path, url.path_size);
        struct url_segment bucket = url_take_segment(&path);
        (void)snprintf(expected, sizeof(expected), "%s.%s", bucket.bytes, own);
        assert_string_equal(outcome.hostname, expected);
        assert_int_equal(outcome.state == RULE_STATE_WIDENED, reader_left(&path) > 0);
        converted++;
    }
    assert_true(converted > 500);
    shelf_close(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_case, workspace_setup, workspace_teardown),
        cmocka_unit_test_setup_teardown(refusal_names_the_statement, workspace_setup,
                                        workspace_teardown),
        cmocka_unit_test_setup_teardown(compiled_host_is_of_the_url, workspace_setup,
                                        workspace_teardown),
    };
    return cmocka_run_group_tests_name("path_cases", tests, NULL, NULL);
}
