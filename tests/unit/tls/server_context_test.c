/* tests/unit/tls/server_context_test.c - certificates that can and can't be used, and how a new one
 * comes to its user. */
#include "tls/server_context.h"

#include "server_keys.h"

#include <time.h>

enum file { FILE_GOOD, FILE_MISSING, FILE_GARBAGE, FILE_OF_ANOTHER, FILE_LOCKED };

static const struct row {
    const char *name;
    enum file chain, key;
    const char *what; /* the start of it; NULL: it works */
} rows[] = {
    { "a certificate and its key", FILE_GOOD, FILE_GOOD, NULL },
    { "no certificate", FILE_MISSING, FILE_GOOD, "can't read the certificate: No such file" },
    { "no key", FILE_GOOD, FILE_MISSING, "can't read the key: No such file" },
    { "what is no certificate", FILE_GARBAGE, FILE_GOOD, "can't read the certificate: " },
    { "what is no key", FILE_GOOD, FILE_GARBAGE, "can't read the key: " },
    { "another's key", FILE_GOOD, FILE_OF_ANOTHER, "the key is not that of the certificate" },
    { "a key with a passphrase", FILE_GOOD, FILE_LOCKED, "can't read the key: " },
};

static void write_locked(const char *path)
{
    FILE *file = fopen(path, "we");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_256_cbc(), (const unsigned char *)"x",
                                          1, NULL, NULL),
                     1);
    assert_int_equal(fclose(file), 0);
    EVP_PKEY_free(key);
}

static void write_garbage(const char *path)
{
    FILE *file = fopen(path, "we");
    assert_true(fputs("neither nor\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static const char *make(enum file kind, const char *good, const char *others)
{
    switch (kind) {
    case FILE_MISSING:
        assert_int_equal(unlink(good), 0);
        return good;
    case FILE_GARBAGE:
        write_garbage(good);
        return good;
    case FILE_LOCKED:
        write_locked(good);
        return good;
    case FILE_OF_ANOTHER:
        return others;
    case FILE_GOOD:
        break;
    }
    return good;
}

static void reads_the_files(void **state)
{
    const struct row *row = *state;
    struct server_keys keys, others;
    struct fault fault = { 0 };
    server_keys_make(&keys);
    server_keys_make(&others);
    struct server_certificate files = { make(row->chain, keys.chain, others.chain),
                                        make(row->key, keys.key, others.key) };
    struct server_context *context = server_context_new(&files, "dot", &fault);
    if (row->what == NULL) {
        assert_non_null(context);
        assert_in_range(context->not_after_s, time(NULL) + 3500, time(NULL) + 3600);
    } else {
        assert_null(context);
        assert_memory_equal(fault.what, row->what, strlen(row->what));
        assert_string_equal(fault.where, row->chain != FILE_GOOD ? files.chain : files.key);
        assert_string_not_equal(fault.remedy, "");
    }
    server_context_unref(context);
    server_keys_remove(&keys);
    server_keys_remove(&others);
}

static void slot_has_the_latest(void **state)
{
    (void)state;
    struct server_keys keys;
    struct server_context *contexts[3];
    struct server_context_slot slot;
    struct fault fault = { 0 };
    server_keys_make(&keys);
    struct server_certificate files = { keys.chain, keys.key };
    for (int i = 0; i < 3; i++)
        contexts[i] = server_context_new(&files, "dot", &fault);
    server_context_slot_init(&slot, contexts[0]);
    assert_ptr_equal(server_context_slot_get(&slot), contexts[0]);
    server_context_slot_put(&slot, contexts[1]);
    server_context_slot_put(&slot, contexts[2]); /* before anybody asked */
    assert_int_equal(atomic_load(&contexts[1]->references), 1);
    assert_ptr_equal(server_context_slot_get(&slot), contexts[2]);
    assert_ptr_equal(server_context_slot_get(&slot), contexts[2]);
    assert_int_equal(atomic_load(&contexts[0]->references), 1);
    server_context_slot_put(&slot, contexts[0]);
    server_context_slot_release(&slot);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(atomic_load(&contexts[i]->references), 1);
        server_context_unref(contexts[i]);
    }
    server_keys_remove(&keys);
}

int main(void)
{
    static struct tests tests;
    TESTS_ADD_TABLE(&tests, rows, reads_the_files);
    tests.list[tests.count++] = (struct CMUnitTest)cmocka_unit_test(slot_has_the_latest);
    return tests_run(&tests, "server_context");
}
