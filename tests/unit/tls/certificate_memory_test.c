/* tests/unit/tls/certificate_memory_test.c - what is parsed once only, and for how long. */
#include "tls/certificate_memory.h"

#include "certificates.h"
#include "tls/library.h"

enum { BYTES_MAX = 16 * 1024, OTHERS = 8 * CERTIFICATES_REMEMBERED_MAX };

static EVP_PKEY *key;

/* A certificate's DER. */
struct encoded {
    uint8_t bytes[BYTES_MAX];
    size_t size;
};

static struct encoded encode(const char *name, const char *comment)
{
    struct encoded encoded;
    struct recipe recipe = { .name = name, .key = key, .unknown = comment };
    X509 *certificate = make_certificate(&recipe);
    unsigned char *at = encoded.bytes;
    int size = i2d_X509(certificate, NULL);
    assert_in_range(size, 1, BYTES_MAX);
    encoded.size = (size_t)i2d_X509(certificate, &at);
    X509_free(certificate);
    return encoded;
}

static X509 *read_with(struct certificate_memory *memory, const struct encoded *encoded)
{
    struct certificate_fingerprint fingerprint;
    return certificate_memory_read(memory, reader_over(encoded->bytes, encoded->size),
                                   &fingerprint);
}

/* Is it the very object of before? */
static bool gives(struct certificate_memory *memory, const struct encoded *encoded,
                  const X509 *expected)
{
    X509 *certificate = read_with(memory, encoded);
    assert_non_null(certificate);
    X509_free(certificate);
    return certificate == expected;
}

static void the_same_bytes_are_parsed_once(void **state)
{
    (void)state;
    struct certificate_memory *memory = certificate_memory_new();
    const struct encoded one = encode("one", NULL), two = encode("two", NULL);
    X509 *first = read_with(memory, &one), *second = read_with(memory, &two);
    assert_true(first != second);
    assert_true(gives(memory, &one, first));
    assert_true(gives(memory, &two, second));
    assert_false(gives(NULL, &one, first));
    X509_free(first);
    X509_free(second);
    certificate_memory_free(memory);
}

static void the_fingerprint_is_of_all_bytes(void **state)
{
    (void)state;
    struct certificate_memory *memory = certificate_memory_new();
    const struct encoded one = encode("one", NULL);
    uint8_t expected[32];
    assert_int_equal(EVP_Digest(one.bytes, one.size, expected, NULL, EVP_sha256(), NULL), 1);
    for (int i = 0; i < 2; i++) { /* parsed, then remembered */
        struct certificate_fingerprint fingerprint;
        X509_free(certificate_memory_read(memory, reader_over(one.bytes, one.size), &fingerprint));
        assert_memory_equal(fingerprint.sha256, expected, sizeof(expected));
    }
    certificate_memory_free(memory);
}

static void what_is_none_stays_none(void **state)
{
    (void)state;
    struct certificate_memory *memory = certificate_memory_new();
    struct encoded one = encode("one", NULL), more = one, less = one;
    more.bytes[more.size++] = 0;
    less.size--;
    X509 *certificate = read_with(memory, &one);
    for (int i = 0; i < 2; i++) {
        assert_null(read_with(memory, &more));
        assert_null(read_with(memory, &less));
    }
    assert_true(gives(memory, &one, certificate));
    X509_free(certificate);
    certificate_memory_free(memory);
}

static void what_is_in_use_is_kept_and_what_is_not_makes_room(void **state)
{
    (void)state;
    struct certificate_memory *memory = certificate_memory_new();
    const struct encoded used = encode("used", NULL), unused = encode("unused", NULL);
    X509 *kept = read_with(memory, &used), *gone = read_with(memory, &unused);
    for (int i = 0; i < OTHERS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        const struct encoded other = encode(name, NULL);
        X509_free(read_with(memory, &other));
        assert_true(gives(memory, &used, kept));
    }
    assert_false(gives(memory, &unused, gone));
    X509_free(kept);
    X509_free(gone);
    certificate_memory_free(memory);
}

static void a_large_one_is_not_kept(void **state)
{
    (void)state;
    static char comment[CERTIFICATE_REMEMBERED_BYTES_MAX];
    struct certificate_memory *memory = certificate_memory_new();
    memset(comment, 'a', sizeof(comment) - 1);
    const struct encoded large = encode("large", comment);
    assert_true(large.size > CERTIFICATE_REMEMBERED_BYTES_MAX);
    X509 *certificate = read_with(memory, &large);
    assert_false(gives(memory, &large, certificate));
    X509_free(certificate);
    certificate_memory_free(memory);
}

static void what_was_read_outlives_the_memory(void **state)
{
    (void)state;
    struct certificate_memory *memory = certificate_memory_new();
    const struct encoded one = encode("one", NULL);
    X509 *certificate = read_with(memory, &one);
    certificate_memory_free(memory);
    certificate_memory_free(NULL);
    assert_int_equal(i2d_X509(certificate, NULL), one.size);
    X509_free(certificate);
}

int main(void)
{
    key = make_ec_key();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_are_parsed_once),
        cmocka_unit_test(the_fingerprint_is_of_all_bytes),
        cmocka_unit_test(what_is_none_stays_none),
        cmocka_unit_test(what_is_in_use_is_kept_and_what_is_not_makes_room),
        cmocka_unit_test(a_large_one_is_not_kept),
        cmocka_unit_test(what_was_read_outlives_the_memory),
    };
    int failures = cmocka_run_group_tests_name("certificate_memory", tests, NULL, NULL);
    EVP_PKEY_free(key);
    return failures;
}
