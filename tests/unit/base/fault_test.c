/* tests/unit/base/fault_test.c - what, where and what to do, always one line. */
#include "base/fault.h"
#include "base/text.h"
#include "unit.h"

static const struct row {
    const char *name, *what, *where, *remedy, *expected;
} rows[] = {
    { "all three", "can't open the policy file", "policy.db", "run pinhole init --db policy.db",
      "can't open the policy file: policy.db: run pinhole init --db policy.db" },
    { "no place", "out of memory", "", "free some", "out of memory: free some" },
    { "only what", "out of memory", "", "", "out of memory" },
    { "nothing", "", "", "", "" },
    { "line breaks and escapes", "a\nb", "c\r\n\x1b[2J", "d\te", "a b: c   [2J: d e" },
};

static void is_one_line(void **state)
{
    const struct row *row = *state;
    struct fault fault = { 0 };
    fault_what(&fault, "%s", row->what);
    fault_where(&fault, "%s", row->where);
    fault_remedy(&fault, "%s", row->remedy);
    char buffer[256];
    struct text text = text_in(buffer, sizeof(buffer));
    fault_add_to(&fault, &text);
    assert_string_equal(buffer, row->expected);
}

static void the_last_word_holds(void **state)
{
    (void)state;
    struct fault fault = { 0 };
    fault_what(&fault, "%s", "a long first thought");
    fault_what(&fault, "error %d", 7);
    assert_string_equal(fault.what, "error 7");
}

static void too_long_a_part_is_cut(void **state)
{
    (void)state;
    struct fault fault = { .is_usage = true };
    char path[1000], line[1000];
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    fault_what(&fault, "%s", path);
    fault_where(&fault, "%s", path);
    fault_remedy(&fault, "%s", path);
    struct text text = text_in(line, sizeof(line));
    fault_add_to(&fault, &text);
    assert_int_equal(text.size,
                     sizeof(fault.what) + sizeof(fault.where) + sizeof(fault.remedy) - 3 + 4);
    assert_true(fault.is_usage);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, is_one_line);
    tests_add_row(&tests, "set twice", NULL, the_last_word_holds);
    tests_add_row(&tests, "too long a part is cut", NULL, too_long_a_part_is_cut);
    return tests_run(&tests, "fault");
}
