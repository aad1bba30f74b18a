/* tests/unit/policy/name_hash_test.c - the hashes of a name's suffixes. */
#include "names.h"
#include "policy/name_hash.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t hash_of(const struct name_hash_key *key, const char *labels)
{
    struct host_name name = name_of(labels);
    struct name_hashes hashes;
    name_hashes_compute(key, &name, &hashes);
    return hashes.hash[0];
}

/* One pass over a name gives what each of its suffixes has on its own. */
static void suffixes_hash_alike(void **state)
{
    (void)state;
    const struct name_hash_key key = name_hash_key_random();
    struct host_name name = name_of("c.b.a-label-of-eighteen.example");
    struct name_hashes hashes;
    name_hashes_compute(&key, &name, &hashes);
    assert_int_equal(hashes.hash[0], hash_of(&key, "c.b.a-label-of-eighteen.example"));
    assert_int_equal(hashes.hash[1], hash_of(&key, "b.a-label-of-eighteen.example"));
    assert_int_equal(hashes.hash[2], hash_of(&key, "a-label-of-eighteen.example"));
    assert_int_equal(hashes.hash[3], hash_of(&key, "example"));
    assert_int_equal(hashes.at[0], 0);
    assert_int_equal(hashes.at[2], 4);
}

/* Pairs that must not be the same for every key; for one they may be, once in 2^31 times. */
static const struct pair_row {
    const char *name, *other;
} pair_rows[] = {
    { "ab.example", "a.b.example" },
    { "a.b.example", "b.a.example" },
    { "abcdefg.example", "abcdefgh.example" },
    { "abcdefgh.example", "abcdefgh.a.example" },
    { "abcdefghijklmno1.example", "abcdefghijklmno2.example" },
    { "1bcdefghijklmnop.example", "2bcdefghijklmnop.example" },
    { "aaaabbbb.example", "bbbbaaaa.example" },
};

static void pairs_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pair_rows); i++) {
        bool differs = false;
        for (int tries = 0; tries < 3 && !differs; tries++) {
            const struct name_hash_key key = name_hash_key_random();
            differs = hash_of(&key, pair_rows[i].name) != hash_of(&key, pair_rows[i].other);
        }
        assert_true(differs);
    }
}

static void keys_make_a_difference(void **state)
{
    (void)state;
    const struct name_hash_key one = name_hash_key_random(), two = name_hash_key_random();
    unsigned same = 0;
    for (size_t i = 0; i < COUNT(pair_rows); i++)
        same += hash_of(&one, pair_rows[i].name) == hash_of(&two, pair_rows[i].name);
    assert_true(same < COUNT(pair_rows));
}

/* The longest names there are: of the most labels, and of the longest ones. */
static void the_longest_names_have_hashes(void **state)
{
    (void)state;
    const struct name_hash_key key = name_hash_key_random();
    struct host_name name = { .size = HOST_NAME_WIRE_MAX, .label_count = HOST_NAME_LABELS_MAX };
    struct name_hashes hashes;
    for (size_t at = 0; at + 1 < HOST_NAME_WIRE_MAX; at += 2) {
        name.wire[at] = 1;
        name.wire[at + 1] = 'a';
    }
    name_hashes_compute(&key, &name, &hashes);
    assert_int_equal(hashes.at[HOST_NAME_LABELS_MAX - 1], HOST_NAME_WIRE_MAX - 3);
    memset(name.wire, 'a', HOST_NAME_WIRE_MAX - 1);
    name.label_count = 4;
    name.wire[0] = name.wire[64] = name.wire[128] = HOST_NAME_LABEL_MAX;
    name.wire[192] = HOST_NAME_LABEL_MAX - 2;
    name_hashes_compute(&key, &name, &hashes);
    assert_int_equal(hashes.at[3], 192);
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

enum { NAMES_ALIKE = 65536 };

/* How many of `hashes` one key gives to two names that differ in a digit or two. */
static unsigned count_shared(uint32_t hashes[NAMES_ALIKE])
{
    const struct name_hash_key key = name_hash_key_random();
    unsigned shared = 0;
    char name[64];
    for (unsigned i = 0; i < NAMES_ALIKE; i++) {
        (void)snprintf(name, sizeof(name), "host%u.zone%u.example", i, i % 7); /* always fits */
        hashes[i] = hash_of(&key, name);
    }
    qsort(hashes, NAMES_ALIKE, sizeof(*hashes), compare);
    for (unsigned i = 1; i < NAMES_ALIKE; i++)
        shared += hashes[i] == hashes[i - 1];
    return shared;
}

/* One key in a thousand has thousands shared: those of names that differ by the same. */
static void names_alike_are_spread(void **state)
{
    (void)state;
    enum { SHARED_MAX = 32, TRIES = 4 };
    uint32_t *hashes = calloc(NAMES_ALIKE, sizeof(*hashes));
    unsigned fewest = NAMES_ALIKE;
    assert_non_null(hashes);
    for (int i = 0; i < TRIES && fewest > SHARED_MAX; i++) {
        unsigned shared = count_shared(hashes);
        fewest = shared < fewest ? shared : fewest;
    }
    assert_true(fewest <= SHARED_MAX);
    free(hashes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffixes_hash_alike),    cmocka_unit_test(pairs_differ),
        cmocka_unit_test(keys_make_a_difference), cmocka_unit_test(the_longest_names_have_hashes),
        cmocka_unit_test(names_alike_are_spread),
    };
    return cmocka_run_group_tests_name("name_hash", tests, NULL, NULL);
}
