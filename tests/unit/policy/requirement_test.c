/* tests/unit/policy/requirement_test.c - what rules demand of certificates. */
#include "policy/requirement.h"
#include "unit.h"

static const struct spki_pin ONE = { { 1 } }, OTHER = { { 2 } };

static void the_default_is_a_chain_without_pins(void **state)
{
    (void)state;
    struct requirement *chain = requirement_new(VERIFY_CHAIN, NULL, 0);
    assert_int_equal(requirement_mode(NULL), VERIFY_CHAIN);
    assert_true(requirement_equal(NULL, chain) && requirement_equal(chain, NULL));
    assert_false(requirement_has_enforcing_pin(NULL));
    assert_true(requirement_next_expiry(NULL, 0) == PIN_NEVER_EXPIRES);
    requirement_unref(chain);
}

static void order_of_pins_does_not_count(void **state)
{
    (void)state;
    const struct required_pin pins[] = { { ONE, true, 10 }, { OTHER, true, 10 } };
    const struct required_pin swapped[] = { { OTHER, true, 10 }, { ONE, true, 10 } };
    const struct required_pin reported[] = { { OTHER, true, 10 }, { ONE, false, 10 } };
    const struct required_pin longer[] = { { OTHER, true, 10 }, { ONE, true, 11 } };
    struct requirement *first = requirement_new(VERIFY_CHAIN, pins, COUNT(pins));
    const struct {
        const struct required_pin *pins;
        enum verify_mode mode;
        uint32_t count;
        bool is_equal;
    } others[] = {
        { swapped, VERIFY_CHAIN, 2, true },     { swapped, VERIFY_CHAIN, 1, false },
        { swapped, VERIFY_PIN_ONLY, 2, false }, { reported, VERIFY_CHAIN, 2, false },
        { longer, VERIFY_CHAIN, 2, false },
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        struct requirement *other =
            requirement_new(others[i].mode, others[i].pins, others[i].count);
        assert_int_equal(requirement_equal(first, other), others[i].is_equal);
        requirement_unref(other);
    }
    requirement_unref(first);
}

static void expired_and_reporting_pins_do_not_count(void **state)
{
    (void)state;
    const struct required_pin pins[] = { { ONE, true, 10 }, { OTHER, false, 20 } };
    struct requirement *requirement = requirement_new(VERIFY_CHAIN, pins, COUNT(pins));
    assert_true(requirement_has_enforcing_pin(requirement));
    assert_true(requirement_has_live_pin(requirement, 9));
    assert_false(requirement_has_live_pin(requirement, 10));
    assert_true(requirement_next_expiry(requirement, 0) == 10);
    assert_true(requirement_next_expiry(requirement, 10) == 20);
    assert_true(requirement_next_expiry(requirement, 20) == PIN_NEVER_EXPIRES);
    requirement_unref(requirement);
}

static void the_last_enforcing_pin_counts(void **state)
{
    (void)state;
    const struct required_pin pins[] = { { ONE, true, 10 },
                                         { OTHER, true, 15 },
                                         { OTHER, false, 20 },
                                         { ONE, true, PIN_NEVER_EXPIRES } };
    const struct {
        uint32_t first, count;
        int64_t expected;
    } rows[] = {
        { 0, 1, 10 }, { 0, 3, 15 }, { 2, 1, PIN_NEVER_EXPIRES }, { 0, 4, PIN_NEVER_EXPIRES }
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct requirement *requirement =
            requirement_new(VERIFY_CHAIN, pins + rows[i].first, rows[i].count);
        assert_true(requirement_last_expiry(requirement) == rows[i].expected);
        requirement_unref(requirement);
    }
    assert_true(requirement_last_expiry(NULL) == PIN_NEVER_EXPIRES);
}

static void the_stricter_comes_first(void **state)
{
    (void)state;
    const struct required_pin enforced[] = { { ONE, true, 10 } },
                              reported[] = { { ONE, false, 10 } };
    struct requirement *in_order[] = { requirement_new(VERIFY_CHAIN, enforced, 1),
                                       requirement_new(VERIFY_CHAIN, reported, 1),
                                       requirement_new(VERIFY_PIN_ONLY, enforced, 1),
                                       requirement_new(VERIFY_NONE, NULL, 0) };
    for (uint8_t i = 0; i < COUNT(in_order); i++) {
        assert_int_equal(requirement_looseness(in_order[i]), i);
        requirement_unref(in_order[i]);
    }
    assert_int_equal(requirement_looseness(NULL), 1);
}

static void too_many_pins_are_refused(void **state)
{
    (void)state;
    const struct required_pin pins[REQUIRED_PINS_MAX + 1] = { { ONE, true, 10 } };
    assert_null(requirement_new(VERIFY_CHAIN, pins, COUNT(pins)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_a_chain_without_pins),
        cmocka_unit_test(order_of_pins_does_not_count),
        cmocka_unit_test(expired_and_reporting_pins_do_not_count),
        cmocka_unit_test(the_last_enforcing_pin_counts),
        cmocka_unit_test(the_stricter_comes_first),
        cmocka_unit_test(too_many_pins_are_refused),
    };
    return cmocka_run_group_tests_name("requirement", tests, NULL, NULL);
}
