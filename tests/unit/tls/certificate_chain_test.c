/* tests/unit/tls/certificate_chain_test.c - lists of certificates, whole and broken. */
#include "tls/certificate_chain.h"

#include "certificates.h"

static X509 *certificate;

/* A list of `count` times the same certificate. */
static size_t make_list(int count, size_t capacity, uint8_t *ret_bytes)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += put_certificate(certificate, ret_bytes + size, capacity - size);
    return size;
}

static bool is_read(const uint8_t *bytes, size_t size)
{
    struct certificate_chain *chain = certificate_chain_read(reader_over(bytes, size), NULL);
    certificate_chain_free(chain);
    return chain != NULL;
}

static void reads_as_many_as_there_may_be(void **state)
{
    (void)state;
    uint8_t bytes[CERTIFICATE_LIST_BYTES_MAX];
    for (int count = 1; count <= PRESENTED_CERTIFICATES_MAX; count++)
        assert_true(is_read(bytes, make_list(count, sizeof(bytes), bytes)));
    size_t size = make_list(PRESENTED_CERTIFICATES_MAX + 1, sizeof(bytes), bytes);
    assert_false(is_read(bytes, size));
}

static void refuses_none(void **state)
{
    (void)state;
    assert_false(is_read((const uint8_t *)"", 0));
    assert_false(is_read((const uint8_t *)"\0\0\0", 3));
    struct reader failed = { .failed = true };
    assert_null(certificate_chain_read(failed, NULL));
}

/* A list that ends behind a whole certificate is a shorter list, and no other prefix is one. */
static void refuses_every_prefix(void **state)
{
    (void)state;
    uint8_t bytes[4096];
    size_t size = make_list(2, sizeof(bytes), bytes);
    for (size_t cut = 1; cut < size; cut++)
        assert_int_equal(is_read(bytes, cut), cut == size / 2);
}

static void refuses_bytes_behind_a_certificate(void **state)
{
    (void)state;
    uint8_t bytes[4096];
    size_t size = make_list(1, sizeof(bytes) - 1, bytes);
    bytes[size] = 0;
    size_t inner = size - 3 + 1;
    bytes[1] = (uint8_t)(inner >> 8);
    bytes[2] = (uint8_t)inner;
    assert_false(is_read(bytes, size + 1));
}

/* Two certificates of half the limit each, which is exceeded by their lengths alone. */
static void refuses_what_is_too_long(void **state)
{
    (void)state;
    static uint8_t bytes[CERTIFICATE_LIST_BYTES_MAX + 4096];
    static char comment[CERTIFICATE_LIST_BYTES_MAX / 2];
    memset(comment, 'a', sizeof(comment) - 1);
    EVP_PKEY *key = make_ec_key();
    struct recipe recipe = { .name = "long", .key = key, .unknown = comment };
    X509 *large = make_certificate(&recipe);
    size_t size = put_certificate(large, bytes, sizeof(bytes));
    assert_true(is_read(bytes, size));
    size += put_certificate(large, bytes + size, sizeof(bytes) - size);
    assert_true(size > CERTIFICATE_LIST_BYTES_MAX);
    assert_false(is_read(bytes, size));
    X509_free(large);
    EVP_PKEY_free(key);
}

static void free_takes_nothing(void **state)
{
    (void)state;
    certificate_chain_free(NULL);
}

int main(void)
{
    EVP_PKEY *key = make_ec_key();
    struct recipe recipe = { .name = "leaf", .key = key, .host = "DNS:a.example.com" };
    certificate = make_certificate(&recipe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_as_many_as_there_may_be),
        cmocka_unit_test(refuses_none),
        cmocka_unit_test(refuses_every_prefix),
        cmocka_unit_test(refuses_bytes_behind_a_certificate),
        cmocka_unit_test(refuses_what_is_too_long),
        cmocka_unit_test(free_takes_nothing),
    };
    int failures = cmocka_run_group_tests_name("certificate_chain", tests, NULL, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return failures;
}
