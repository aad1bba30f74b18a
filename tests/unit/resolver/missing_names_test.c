/* tests/unit/resolver/missing_names_test.c - what is remembered of names that do not exist. */
#include "unit.h"

#include "base/text.h"
#include "resolver/missing_names.h"

static struct host_name name_of(unsigned number)
{
    char buffer[64];
    struct host_name name;
    struct text text = text_in(buffer, sizeof(buffer));
    text_add_format(&text, "n%u.example", number);
    assert_int_equal(host_name_parse(text.at, text.size, &name), HOST_NAME_OK);
    return name;
}

static void remembers_until_it_is_due(void **state)
{
    (void)state;
    struct missing_names *names = missing_names_new();
    struct host_name name = name_of(1), other = name_of(2);
    assert_false(missing_names_has(names, &name, 5000));
    missing_names_add(names, &name, 2, 5000);
    assert_true(missing_names_has(names, &name, 6999));
    assert_false(missing_names_has(names, &name, 7000));
    assert_false(missing_names_has(names, &other, 6000));
    missing_names_free(names);
}

static void never_longer_than_the_limit(void **state)
{
    (void)state;
    struct missing_names *names = missing_names_new();
    struct host_name name = name_of(1);
    missing_names_add(names, &name, UINT32_MAX, 0);
    assert_true(missing_names_has(names, &name, MISSING_NAMES_TTL_MAX_S * 1000 - 1));
    assert_false(missing_names_has(names, &name, MISSING_NAMES_TTL_MAX_S * 1000));
    missing_names_free(names);
}

static void not_at_all_without_a_ttl(void **state)
{
    (void)state;
    struct missing_names *names = missing_names_new();
    struct host_name name = name_of(1);
    missing_names_add(names, &name, 0, 0);
    assert_false(missing_names_has(names, &name, 0));
    missing_names_free(names);
}

/* A name that was added again counts once, and a flood only takes the places of what is due first.
 */
static void stays_within_its_size(void **state)
{
    (void)state;
    struct missing_names *names = missing_names_new();
    unsigned known = 0;
    for (unsigned i = 0; i < 20 * MISSING_NAMES_MAX; i++) {
        struct host_name name = name_of(i);
        missing_names_add(names, &name, 10, 0);
        missing_names_add(names, &name, 10, 0);
        assert_true(missing_names_has(names, &name, 1));
    }
    for (unsigned i = 0; i < 20 * MISSING_NAMES_MAX; i++) {
        struct host_name name = name_of(i);
        known += missing_names_has(names, &name, 1);
    }
    assert_in_range(known, MISSING_NAMES_MAX / 2, MISSING_NAMES_MAX);
    missing_names_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_until_it_is_due),
        cmocka_unit_test(never_longer_than_the_limit),
        cmocka_unit_test(not_at_all_without_a_ttl),
        cmocka_unit_test(stays_within_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
