/* tests/unit/status/arguments_test.c - queries of URLs, as typed and as forged; what is asked of
 * the source for them. */
#include "status/arguments.h"
#include "status/route.h"
#include "unit.h"

static const struct row {
    const char *name;
    const char *query;
    const char *search, *target, *client;
    enum status_state state;
    int order; /* -1: none given */
    uint64_t from;
} good[] = {
    { "nothing", "", "", "", "", 0, -1, 0 },
    { "a search", "q=bucket", "bucket", "", "", 0, -1, 0 },
    { "decoded", "q=a%20b%26c+d%C3%BC", "a b&c d\xc3\xbc", "", "", 0, -1, 0 },
    { "all", "q=a&state=refused&sort=hits&from=100", "a", "", "", STATUS_STATE_REFUSED,
      STATUS_ORDER_HITS, 100 },
    { "the greatest id", "from=9223372036854775807", "", "", "", 0, -1, INT64_MAX },
    { "explain", "target=https%3A%2F%2Fa.example%2F&client=2001%3Adb8%3A%3A1", "",
      "https://a.example/", "2001:db8::1", 0, -1, 0 },
    { "unknown names are passed over", "utm=1&%ff=2&q=a&averylongnameindeed=3", "a", "", "", 0, -1,
      0 },
    { "empty ones, as forms send them", "q=&state=&target=&client=&outcome=", "", "", "", 0, -1,
      0 },
    { "no value", "q&x", "", "", "", 0, -1, 0 },
    { "empty pairs", "&&q=a&", "a", "", "", 0, -1, 0 },
    { "an equals sign in the value", "q=a=b", "a=b", "", "", 0, -1, 0 },
};

static void reads(void **state)
{
    const struct row *row = *state;
    struct arguments arguments;
    assert_null(arguments_read(row->query, strlen(row->query), &arguments));
    assert_string_equal(arguments.search, row->search);
    assert_string_equal(arguments.target, row->target);
    assert_string_equal(arguments.client, row->client);
    assert_int_equal(arguments.state, row->state);
    assert_int_equal(arguments.has_order, row->order >= 0);
    if (row->order >= 0)
        assert_int_equal(arguments.order, row->order);
    assert_int_equal(arguments.from, row->from);
}

static void reads_which_decisions(void **state)
{
    static const char query[] = "outcome=denied&rule=12";
    struct arguments arguments;
    (void)state;
    assert_null(arguments_read(query, strlen(query), &arguments));
    assert_int_equal(arguments.outcome, STATUS_OUTCOME_DENIED);
    assert_int_equal(arguments.rule_id, 12);
    assert_null(arguments_read("outcome=", strlen("outcome="), &arguments));
    assert_int_equal(arguments.outcome, STATUS_OUTCOME_ANY);
}

static const struct bad {
    const char *name;
    const char *query;
} bad[] = {
    { "half an escape", "q=%4" },
    { "no hexadecimal digits", "q=%zz" },
    { "NUL", "q=a%00b" },
    { "no UTF-8", "q=%ff" },
    { "overlong UTF-8", "q=%C0%BC" },
    { "twice", "q=a&q=b" },
    { "twice, once empty", "q=&q=b" },
    { "a state that there is not", "state=great" },
    { "an order that there is not", "sort=; DROP TABLE rule" },
    { "an empty order", "sort=" },
    { "an outcome that there is not", "outcome=maybe" },
    { "no rule's id", "rule=api.example.com" },
    { "a number with a sign", "from=-1" },
    { "an empty number", "from=" },
    { "a number too large", "from=9999999999999999999" },
    { "one more than a row's id can be", "from=9223372036854775808" },
    { "a long search", "q=0123456789012345678901234567890123456789012345678901234567890123456789"
                       "012345678901234567890123456789012345678901234567890123456789" },
};

static void refuses(void **state)
{
    const struct bad *row = *state;
    struct arguments arguments = { .from = 42 };
    const char *sentence = arguments_read(row->query, strlen(row->query), &arguments);
    assert_non_null(sentence);
    assert_int_equal(arguments.from, 42); /* untouched */
}

static void a_long_query_is_refused(void **state)
{
    static char query[ARGUMENTS_BYTES_MAX + 1];
    struct arguments arguments;
    (void)state;
    memset(query, '&', sizeof(query));
    assert_null(arguments_read(query, ARGUMENTS_BYTES_MAX, &arguments));
    assert_non_null(arguments_read(query, ARGUMENTS_BYTES_MAX + 1, &arguments));
}

static const struct question {
    const char *name;
    const char *path, *query;
    bool is_fine;
    unsigned parts; /* at least these */
} questions[] = {
    { "the overview", "/", "", true, STATUS_HEALTH | STATUS_RULES | STATUS_TRAFFIC },
    { "rules by hits", "/rules", "sort=hits", true, STATUS_RULES },
    { "rules by age", "/rules", "sort=age", false, 0 },
    { "denied by count", "/api/v1/denied", "sort=count", true, STATUS_DENIED },
    { "denied names have no state", "/denied", "state=active", false, 0 },
    { "denied names have no rule", "/denied", "rule=1", false, 0 },
    { "rules have no outcome", "/rules", "outcome=denied", false, 0 },
    { "decisions by outcome and rule", "/decisions", "outcome=allowed&rule=1", true,
      STATUS_DECISIONS },
    { "connections of a rule", "/connections", "rule=1", true, STATUS_CONNECTIONS },
    { "connections by client", "/connections", "sort=client", true, STATUS_CONNECTIONS },
    { "an explanation", "/explain", "target=a.example", true, STATUS_EXPLANATION },
    { "the form alone", "/explain", "", true, STATUS_HEALTH },
    { "JSON needs a target", "/api/v1/explain", "", false, 0 },
    { "a client that is no address", "/explain", "target=a.example&client=me", false, 0 },
};

static void asks(void **state)
{
    const struct question *row = *state;
    const struct route *route = route_find(row->path);
    struct arguments arguments;
    struct status_query query = { 0 };
    assert_non_null(route);
    assert_null(arguments_read(row->query, strlen(row->query), &arguments));
    assert_int_equal(route_query(route, &arguments, &query) == NULL, row->is_fine);
    assert_int_equal(query.parts & row->parts, row->parts);
}

static void equal_questions_are_equal(void **state)
{
    struct arguments arguments = { 0 };
    struct status_query left, right;
    (void)state;
    assert_null(route_query(route_find("/rules"), &arguments, &left));
    assert_null(route_query(route_find("/rules"), &arguments, &right));
    assert_true(status_query_equal(&left, &right));
    right.rules.search[0] = 'a';
    assert_false(status_query_equal(&left, &right));
    right = left;
    right.decisions.outcome = STATUS_OUTCOME_DENIED;
    assert_false(status_query_equal(&left, &right));
    right = left;
    right.connections.rule_id = 1;
    assert_false(status_query_equal(&left, &right));
    assert_null(route_query(route_find("/"), &arguments, &right));
    assert_false(status_query_equal(&left, &right));
}

static void there_is_nothing_elsewhere(void **state)
{
    (void)state;
    assert_null(route_find("/rules/"));
    assert_null(route_find(""));
    assert_null(route_find("/api/v2/rules"));
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, good, reads);
    TESTS_ADD_TABLE(&tests, bad, refuses);
    TESTS_ADD_TABLE(&tests, questions, asks);
    tests_add_row(&tests, "which decisions", NULL, reads_which_decisions);
    tests_add_row(&tests, "a long query is refused", NULL, a_long_query_is_refused);
    tests_add_row(&tests, "equal questions are equal", NULL, equal_questions_are_equal);
    tests_add_row(&tests, "there is nothing elsewhere", NULL, there_is_nothing_elsewhere);
    return tests_run(&tests, "arguments");
}
