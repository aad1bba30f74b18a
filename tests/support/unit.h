/* tests/support/unit.h - what each unit test needs: cmocka with the headers it asks for, and tests
 * made of table rows. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A string literal as bytes and their number, without its final NUL. */
#define BYTES(literal) literal, sizeof(literal) - 1

enum { TESTS_MAX = 256 };

struct tests {
    struct CMUnitTest list[TESTS_MAX];
    size_t count;
};

/* Adds one test whose `*state` is `row`. */
static inline void tests_add_row(struct tests *tests, const char *name, const void *row,
                                 CMUnitTestFunction test)
{
    assert_true(tests->count < TESTS_MAX);
    tests->list[tests->count++] = (struct CMUnitTest){ name, test, NULL, NULL, (void *)row };
}

/* Adds a test for each row of a table. A row's first member is its name. */
#define TESTS_ADD_TABLE(tests, rows, test)                                                         \
    for (size_t row_ = 0; row_ < COUNT(rows); row_++)                                              \
    tests_add_row(tests, (rows)[row_].name, &(rows)[row_], test)

/* Runs them all; returns what main() returns. */
static inline int tests_run(const struct tests *tests, const char *group)
{
    return _cmocka_run_group_tests(group, tests->list, tests->count, NULL, NULL);
}
