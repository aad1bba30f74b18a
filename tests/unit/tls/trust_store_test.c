/* tests/unit/tls/trust_store_test.c - files of roots, and what is none. */
#include "tls/trust_store.h"

#include "certificates.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fixture {
    char folder[64], file[96], named[96];
    EVP_PKEY *key;
    X509 *one, *other;
} fixture;

static X509 *make_root(const char *name)
{
    struct recipe recipe = { .name = name, .key = fixture.key, .basic = "critical,CA:TRUE" };
    return make_certificate(&recipe);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/trust_store_test.XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    (void)snprintf(fixture.file, sizeof(fixture.file), "%s/roots.pem", fixture.folder);
    (void)snprintf(fixture.named, sizeof(fixture.named), "%s/0123abcd.0", fixture.folder);
    fixture.key = make_ec_key();
    fixture.one = make_root("one");
    fixture.other = make_root("other");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(fixture.file);
    (void)unlink(fixture.named);
    assert_int_equal(rmdir(fixture.folder), 0);
    X509_free(fixture.one);
    X509_free(fixture.other);
    EVP_PKEY_free(fixture.key);
    return 0;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void append_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void holds(const char *path, uint32_t count)
{
    struct fault fault = { 0 };
    struct trust_store *store = trust_store_new(path, &fault);
    assert_non_null(store);
    assert_int_equal(trust_store_count(store), count);
    trust_store_free(store);
}

static void is_refused(const char *path, const char *what, const char *where)
{
    struct fault fault = { 0 };
    assert_null(trust_store_new(path, &fault));
    assert_string_equal(fault.what, what);
    assert_string_equal(fault.where, where);
    assert_true(fault.remedy[0] != '\0');
}

static void reads_all_of_a_file(void **state)
{
    (void)state;
    X509 *list[] = { fixture.one, fixture.other, NULL };
    write_pem(fixture.file, list, NULL);
    holds(fixture.file, 2);
}

static void passes_over_keys_and_comments(void **state)
{
    (void)state;
    X509 *list[] = { fixture.one, NULL };
    write_pem(fixture.file, list, fixture.key);
    append_text(fixture.file, "# that was all\n");
    holds(fixture.file, 1);
}

static void takes_one_twice_as_one(void **state)
{
    (void)state;
    X509 *list[] = { fixture.one, fixture.one, NULL };
    write_pem(fixture.file, list, NULL);
    holds(fixture.file, 1);
}

static void refuses_a_missing_file(void **state)
{
    (void)state;
    is_refused(fixture.file, "can't read root certificates: No such file or directory",
               fixture.file);
}

static void refuses_an_empty_file(void **state)
{
    (void)state;
    write_text(fixture.file, "");
    is_refused(fixture.file, "can't read root certificates", fixture.file);
}

static void refuses_a_folder(void **state)
{
    (void)state;
    is_refused(fixture.folder, "can't read root certificates", fixture.folder);
}

static void refuses_a_file_that_ends_early(void **state)
{
    (void)state;
    X509 *list[] = { fixture.one, NULL };
    write_pem(fixture.file, list, NULL);
    append_text(fixture.file, "-----BEGIN CERTIFICATE-----\nMIIB");
    is_refused(fixture.file, "can't read root certificates", fixture.file);
}

static void asks_nobody_for_a_password(void **state)
{
    (void)state;
    write_text(fixture.file, "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
                             "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
                             "-----END CERTIFICATE-----\n");
    is_refused(fixture.file, "can't read root certificates", fixture.file);
}

static void use_system(const char *file, const char *folder)
{
    assert_int_equal(setenv("SSL_CERT_FILE", file, 1), 0);
    assert_int_equal(setenv("SSL_CERT_DIR", folder, 1), 0);
}

static void reads_the_systems_file_and_folder(void **state)
{
    (void)state;
    X509 *one[] = { fixture.one, NULL }, *other[] = { fixture.other, NULL };
    char folders[200];
    write_pem(fixture.file, one, NULL);
    write_pem(fixture.named, other, NULL);
    (void)snprintf(folders, sizeof(folders), "/nowhere::%s", fixture.folder);
    use_system(fixture.file, folders);
    holds(NULL, 2);
    use_system("/nowhere", folders);
    holds(NULL, 1); /* roots.pem is not called as a root is */
}

static void refuses_a_system_without_roots(void **state)
{
    (void)state;
    use_system("/nowhere", fixture.folder);
    is_refused(NULL, "the system trusts no root certificate", fixture.folder);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_all_of_a_file),
        TEST(passes_over_keys_and_comments),
        TEST(takes_one_twice_as_one),
        TEST(refuses_a_missing_file),
        TEST(refuses_an_empty_file),
        TEST(refuses_a_folder),
        TEST(refuses_a_file_that_ends_early),
        TEST(asks_nobody_for_a_password),
        TEST(reads_the_systems_file_and_folder),
        TEST(refuses_a_system_without_roots),
    };
    return cmocka_run_group_tests_name("trust_store", tests, NULL, NULL);
}
