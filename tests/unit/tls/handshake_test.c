/* tests/unit/tls/handshake_test.c - handshakes with real servers, and with what is none. */
#include "tls/certificate_chain.h"
#include "tls/certificate_check.h"
#include "tls/handshake.h"
#include "tls/tls_client.h"

#include "certificates.h"
#include "tls_server.h"

#include <poll.h>
#include <pthread.h>

enum { BOTH = HELLO_RSA | HELLO_ECDSA, MODERN = HELLO_TLS12 | HELLO_TLS13 };

/* Files in a folder that all servers here share; they run in it. */
static const char ec_file[] = "ec.pem", rsa_file[] = "rsa.pem", ed_file[] = "ed.pem",
                  wrong_file[] = "wrong.pem", common_file[] = "4096.pem", large_file[] = "8192.pem";

static struct fixture {
    char folder[64];
    struct tls_client *client;
    struct spki_pin ec, rsa, ed;
} fixture;

/* ---- Keys and certificates ---- */

static struct spki_pin make_server_file(const char *path, EVP_PKEY *key, EVP_PKEY *signer)
{
    struct recipe recipe = { .name = path, .key = key, .host = "DNS:a.example.com" };
    bool signs_bare = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
    EVP_PKEY *authority = make_ec_key();
    struct recipe root = { .name = "root", .key = authority };
    X509 *issuer = make_certificate(&root);
    if (signs_bare) {
        recipe.issuer = issuer;
        recipe.issuer_key = authority;
    }
    X509 *list[] = { make_certificate(&recipe), NULL };
    struct spki_pin pin = pin_of(list[0]);
    write_pem(path, list, signer);
    X509_free(list[0]);
    X509_free(issuer);
    EVP_PKEY_free(authority);
    return pin;
}

static void make_group_file(const char *path, const char *group)
{
    EVP_PKEY *parameters = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    OSSL_PARAM choice[] = { OSSL_PARAM_construct_utf8_string("group", (char *)(uintptr_t)group, 0),
                            OSSL_PARAM_construct_end() };
    assert_int_equal(EVP_PKEY_paramgen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_params(context, choice), 1);
    assert_int_equal(EVP_PKEY_paramgen(context, &parameters), 1);
    BIO *file = BIO_new_file(path, "w");
    assert_int_equal(PEM_write_bio_Parameters(file, parameters), 1);
    BIO_free(file);
    EVP_PKEY_free(parameters);
    EVP_PKEY_CTX_free(context);
}

static int set_up(void **state)
{
    (void)state;
    struct fault fault = { 0 };
    EVP_PKEY *ec = make_ec_key(), *rsa = make_rsa_key(2048);
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *wrong = make_wrong_key(ec);
    (void)snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/handshake_test.XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    assert_int_equal(chdir(fixture.folder), 0);
    fixture.ec = make_server_file(ec_file, ec, ec);
    fixture.rsa = make_server_file(rsa_file, rsa, rsa);
    fixture.ed = make_server_file(ed_file, ed, ed);
    (void)make_server_file(wrong_file, ec, wrong);
    make_group_file(common_file, "ffdhe4096");
    make_group_file(large_file, "ffdhe8192");
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ed);
    EVP_PKEY_free(wrong);
    fixture.client = tls_client_new(&fault);
    assert_non_null(fixture.client);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    const char *const files[] = { ec_file, rsa_file, ed_file, wrong_file, common_file, large_file };
    for (size_t i = 0; i < COUNT(files); i++)
        assert_int_equal(unlink(files[i]), 0);
    assert_int_equal(rmdir(fixture.folder), 0);
    tls_client_free(fixture.client);
    return 0;
}

/* ---- Driving ---- */

static struct handshake *begin(int descriptor, uint8_t versions, uint8_t keys)
{
    struct handshake_parts parts = { .client = fixture.client,
                                     .descriptor = descriptor,
                                     .host = "a.example.com",
                                     .class = { .versions = versions, .keys = keys } };
    struct handshake *handshake = handshake_new(&parts);
    assert_non_null(handshake);
    return handshake;
}

static enum handshake_progress finish(struct handshake *handshake, int descriptor)
{
    enum handshake_progress progress;
    while ((progress = handshake_advance(handshake)) == HANDSHAKE_GOES_ON) {
        struct pollfd ready = { .fd = descriptor, .events = POLLIN };
        assert_true(poll(&ready, 1, -1) >= 0);
    }
    assert_int_equal(handshake_advance(handshake), progress);
    return progress;
}

/* The pin of the certificate that was shown, as certificate_check() sees it. */
static struct spki_pin shown(struct handshake *handshake)
{
    struct certificate_chain *chain = handshake_take_chain(handshake);
    assert_non_null(chain);
    assert_null(handshake_take_chain(handshake));
    struct certificate_demand demand = { .host = "a.example.com", .is_pin_only = true };
    struct certificate_finding *finding = certificate_check(NULL, chain, &demand);
    assert_non_null(finding);
    assert_true(finding->count > 0);
    struct spki_pin pin = finding->chain[0].spki;
    (void)certificate_finding_unref(finding);
    certificate_chain_free(chain);
    return pin;
}

/* ---- Real servers ---- */

#define EC_KIND    "-cert", ec_file, "-key", ec_file
#define RSA_KIND   "-cert", rsa_file, "-key", rsa_file
#define BOTH_KINDS EC_KIND, "-dcert", rsa_file, "-dkey", rsa_file
#define OLD_SUITES "-cipher", "ALL@SECLEVEL=0"

static const struct row {
    const char *name;
    const char *arguments[TLS_SERVER_ARGUMENTS_MAX - 4];
    uint8_t versions, keys;
    const struct spki_pin *shown;   /* NULL: the handshake fails */
    enum handshake_failure failure; /* of that kind */
} rows[] = {
    { "any version", { EC_KIND }, MODERN, BOTH, .shown = &fixture.ec },
    { "TLS 1.2 alone", { EC_KIND, "-tls1_2" }, MODERN, BOTH, .shown = &fixture.ec },
    { "TLS 1.3 alone", { EC_KIND, "-tls1_3" }, MODERN, BOTH, .shown = &fixture.ec },
    { "TLS 1.2 wanted", { EC_KIND }, HELLO_TLS12, BOTH, .shown = &fixture.ec },
    { "TLS 1.3 wanted", { EC_KIND }, HELLO_TLS13, BOTH, .shown = &fixture.ec },
    { "TLS 1.1",
      { EC_KIND, "-tls1_1", OLD_SUITES },
      HELLO_BEFORE_TLS12,
      BOTH,
      .shown = &fixture.ec },
    { "TLS 1.1 with RSA",
      { RSA_KIND, "-tls1_1", OLD_SUITES },
      HELLO_BEFORE_TLS12 | MODERN,
      HELLO_RSA,
      .shown = &fixture.rsa },
    { "RSA over TLS 1.2", { RSA_KIND, "-tls1_2" }, MODERN, BOTH, .shown = &fixture.rsa },
    { "RSA over TLS 1.3", { RSA_KIND, "-tls1_3" }, MODERN, BOTH, .shown = &fixture.rsa },
    { "Ed25519 over TLS 1.2",
      { "-cert", ed_file, "-key", ed_file, "-tls1_2" },
      MODERN,
      HELLO_ECDSA,
      .shown = &fixture.ed },
    { "Ed25519 over TLS 1.3",
      { "-cert", ed_file, "-key", ed_file, "-tls1_3" },
      MODERN,
      HELLO_ECDSA,
      .shown = &fixture.ed },
    { "RSA of two, TLS 1.2", { BOTH_KINDS, "-tls1_2" }, MODERN, HELLO_RSA, .shown = &fixture.rsa },
    { "RSA of two, TLS 1.3", { BOTH_KINDS, "-tls1_3" }, MODERN, HELLO_RSA, .shown = &fixture.rsa },
    { "ECDSA of two, TLS 1.2",
      { BOTH_KINDS, "-tls1_2" },
      MODERN,
      HELLO_ECDSA,
      .shown = &fixture.ec },
    { "ECDSA of two, TLS 1.3",
      { BOTH_KINDS, "-tls1_3" },
      MODERN,
      HELLO_ECDSA,
      .shown = &fixture.ec },
    { "either of two", { BOTH_KINDS }, MODERN, BOTH, .shown = &fixture.ec },
    { "no RSA to be had", { EC_KIND }, MODERN, HELLO_RSA, .failure = HANDSHAKE_REFUSED },
    { "no ECDSA to be had", { RSA_KIND }, MODERN, HELLO_ECDSA, .failure = HANDSHAKE_REFUSED },
    { "a certificate demanded, TLS 1.2",
      { EC_KIND, "-tls1_2", "-Verify", "1" },
      MODERN,
      BOTH,
      .shown = &fixture.ec },
    { "a certificate demanded, TLS 1.3",
      { EC_KIND, "-tls1_3", "-Verify", "1" },
      MODERN,
      BOTH,
      .shown = &fixture.ec },
    { "a certificate asked for", { EC_KIND, "-verify", "1" }, MODERN, BOTH, .shown = &fixture.ec },
    { "TLS 1.2 server, TLS 1.3 wanted",
      { EC_KIND, "-tls1_2" },
      HELLO_TLS13,
      BOTH,
      .failure = HANDSHAKE_REFUSED },
    { "TLS 1.3 server, TLS 1.2 wanted",
      { EC_KIND, "-tls1_3" },
      HELLO_TLS12,
      BOTH,
      .failure = HANDSHAKE_REFUSED },
    { "static RSA",
      { RSA_KIND, "-tls1_2", "-cipher", "AES128-GCM-SHA256" },
      MODERN,
      BOTH,
      .failure = HANDSHAKE_REFUSED },
    { "anonymous",
      { "-nocert", "-tls1_2", "-cipher", "aNULL@SECLEVEL=0" },
      MODERN,
      BOTH,
      .failure = HANDSHAKE_REFUSED },
    { "DHE",
      { RSA_KIND, "-tls1_2", "-cipher", "DHE", "-dhparam", common_file },
      MODERN,
      BOTH,
      .shown = &fixture.rsa },
    { "DHE that costs time",
      { RSA_KIND, "-tls1_2", "-cipher", "DHE", "-dhparam", large_file },
      MODERN,
      BOTH,
      .failure = HANDSHAKE_BROKEN },
    { "a certificate without its key, TLS 1.2",
      { "-cert", wrong_file, "-key", wrong_file, "-tls1_2" },
      MODERN,
      BOTH,
      .failure = HANDSHAKE_UNPROVEN },
    { "a certificate without its key, TLS 1.3",
      { "-cert", wrong_file, "-key", wrong_file, "-tls1_3" },
      MODERN,
      BOTH,
      .failure = HANDSHAKE_UNPROVEN },
};

static void meets_server(void **state)
{
    const struct row *row = *state;
    struct tls_server server;
    tls_server_start(&server, row->arguments);
    int descriptor = connect_to_port(server.port);
    struct handshake *handshake = begin(descriptor, row->versions, row->keys);
    enum handshake_progress progress = finish(handshake, descriptor);
    if (row->shown == NULL) {
        assert_int_equal(progress, HANDSHAKE_FAILED);
        assert_int_equal(handshake_failure(handshake), row->failure);
        assert_true(handshake_failure_words(handshake)[0] != '\0');
        assert_null(handshake_take_chain(handshake));
    } else {
        assert_string_equal(handshake_failure_words(handshake), "");
        assert_int_equal(progress, HANDSHAKE_SIGNED);
        struct spki_pin pin = shown(handshake);
        assert_true(spki_pin_equal(&pin, row->shown));
    }
    handshake_free(handshake);
    assert_int_equal(close(descriptor), 0); /* it stayed ours */
    tls_server_stop(&server);
}

static void offers_name_and_protocols(void **state)
{
    (void)state;
    static const char *const arguments[] = { EC_KIND,  "-alpn", "http/1.1", "-servername", "b",
                                             "-cert2", ec_file, "-key2",    ec_file,       NULL };
    struct tls_server server;
    char line[256];
    tls_server_start(&server, arguments);
    int descriptor = connect_to_port(server.port);
    struct handshake_parts parts = {
        fixture.client,
        descriptor,
        "a.example.com",
        { .versions = MODERN, .keys = BOTH, .alpn_size = 12, .alpn = "\2h2\10http/1.1" },
    };
    struct handshake *handshake = handshake_new(&parts);
    assert_int_equal(finish(handshake, descriptor), HANDSHAKE_SIGNED);
    tls_server_await(&server, "Hostname in TLS extension: ", line);
    assert_non_null(strstr(line, "\"a.example.com\""));
    tls_server_await(&server, "ALPN protocols advertised by the client: ", line);
    assert_non_null(strstr(line, ": h2, http/1.1"));
    handshake_free(handshake);
    close(descriptor);
    tls_server_stop(&server);
}

/* ---- What is no server ---- */

static void put(int descriptor, const void *bytes, size_t size)
{
    assert_int_equal(send(descriptor, bytes, size, MSG_NOSIGNAL), size);
}

/* Two ends of a connection: ours, and the server's, where each test says what comes. */
static struct handshake *begin_alone(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    return begin(ends[0], MODERN, BOTH);
}

static void end_alone(struct handshake *handshake, int ends[2])
{
    handshake_free(handshake);
    close(ends[0]);
    close(ends[1]);
}

static const struct answer {
    const char *name;
    const char *bytes;
    size_t size;
    bool closes;
    enum handshake_progress expected;
    enum handshake_failure failure;
} answers[] = {
    { "nothing", BYTES(""), false, HANDSHAKE_GOES_ON, HANDSHAKE_BROKEN },
    { "half of a record", BYTES("\26\3\3\0\100\2\0"), false, HANDSHAKE_GOES_ON, HANDSHAKE_BROKEN },
    { "its end", BYTES(""), true, HANDSHAKE_FAILED, HANDSHAKE_CLOSED },
    { "half of a record, and its end", BYTES("\26\3\3\0\100\2\0"), true, HANDSHAKE_FAILED,
      HANDSHAKE_CLOSED },
    { "an alert", BYTES("\25\3\3\0\2\2\50"), false, HANDSHAKE_FAILED, HANDSHAKE_REFUSED },
    { "an alert, and its end", BYTES("\25\3\3\0\2\2\50"), true, HANDSHAKE_FAILED,
      HANDSHAKE_REFUSED },
    { "a ServerHello of TLS 1.0",
      BYTES("\26\3\1\0\52\2\0\0\46\3\1rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\0\0\57\0"), false,
      HANDSHAKE_FAILED, HANDSHAKE_REFUSED },
    { "HTTP", BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), true, HANDSHAKE_FAILED, HANDSHAKE_BROKEN },
    { "SSH", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), false, HANDSHAKE_FAILED, HANDSHAKE_BROKEN },
    { "a broken ServerHello", BYTES("\26\3\3\0\4\2\0\0\0"), false, HANDSHAKE_FAILED,
      HANDSHAKE_BROKEN },
    { "a huge message", BYTES("\26\3\3\0\4\2\377\377\377"), false, HANDSHAKE_FAILED,
      HANDSHAKE_BROKEN },
};

static void meets_answer(void **state)
{
    const struct answer *answer = *state;
    int ends[2];
    struct handshake *handshake = begin_alone(ends);
    assert_int_equal(handshake_advance(handshake), HANDSHAKE_GOES_ON);
    put(ends[1], answer->bytes, answer->size);
    if (answer->closes)
        assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    assert_int_equal(handshake_advance(handshake), answer->expected);
    assert_int_equal(handshake_advance(handshake), answer->expected);
    assert_int_equal(handshake_failure(handshake), answer->failure);
    assert_null(handshake_take_chain(handshake));
    end_alone(handshake, ends);
}

static void a_reset_raises_no_signal(void **state)
{
    (void)state;
    int ends[2];
    struct handshake *handshake = begin_alone(ends);
    close(ends[1]);
    assert_int_equal(handshake_advance(handshake), HANDSHAKE_FAILED);
    assert_int_equal(handshake_failure(handshake), HANDSHAKE_CLOSED);
    handshake_free(handshake);
    close(ends[0]);
}

/* HelloRequests count for nothing (RFC 5246 7.4.1.1), so one could send them for ever. */
static void an_endless_flood_ends(void **state)
{
    (void)state;
    static const char request[] = "\26\3\3\0\4\0\0\0\0";
    int ends[2];
    size_t sent = 0;
    struct handshake *handshake = begin_alone(ends);
    enum handshake_progress progress = handshake_advance(handshake);
    while (progress == HANDSHAKE_GOES_ON) {
        ssize_t count = send(ends[1], request, sizeof(request) - 1, MSG_NOSIGNAL);
        sent += count > 0 ? (size_t)count : 0;
        if (count < 0)
            progress = handshake_advance(handshake);
    }
    assert_int_equal(progress, HANDSHAKE_FAILED);
    assert_int_equal(handshake_failure(handshake), HANDSHAKE_BROKEN);
    assert_string_equal(handshake_failure_words(handshake), "the server sends too much");
    assert_true(sent >= HANDSHAKE_BYTES_MAX);
    end_alone(handshake, ends);
}

static void refuses_to_offer_nothing(void **state)
{
    (void)state;
    struct handshake_parts parts = { fixture.client, -1, "a", { .versions = 0, .keys = BOTH } };
    assert_null(handshake_new(&parts));
    parts.class = (struct hello_class){ .versions = MODERN, .keys = 0 };
    assert_null(handshake_new(&parts));
    parts.class = (struct hello_class){ .versions = MODERN, .keys = 4 };
    assert_null(handshake_new(&parts));
    parts.class = (struct hello_class){ .versions = MODERN, .keys = BOTH };
    parts.host = "";
    assert_null(handshake_new(&parts));
    handshake_free(NULL);
}

/* ---- Threads ---- */

enum { THREADS = 4, HANDSHAKES_EACH = 4 };

static void *shake_hands(void *context)
{
    const struct tls_server *server = context;
    for (int i = 0; i < HANDSHAKES_EACH; i++) {
        int descriptor = connect_to_port(server->port);
        struct handshake *handshake = begin(descriptor, MODERN, BOTH);
        assert_int_equal(finish(handshake, descriptor), HANDSHAKE_SIGNED);
        struct spki_pin pin = shown(handshake);
        assert_true(spki_pin_equal(&pin, &fixture.ec));
        handshake_free(handshake);
        close(descriptor);
    }
    return NULL;
}

static void threads_share_a_client(void **state)
{
    (void)state;
    static const char *const arguments[] = { EC_KIND, NULL };
    struct tls_server server;
    pthread_t threads[THREADS];
    tls_server_start(&server, arguments);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, shake_hands, &server), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    tls_server_stop(&server);
}

int main(void)
{
    struct tests tests = { 0 };
    alarm(100); /* a server that never says what is waited for */
    set_up(NULL);
    TESTS_ADD_TABLE(&tests, rows, meets_server);
    TESTS_ADD_TABLE(&tests, answers, meets_answer);
    tests_add_row(&tests, "offers name and protocols", NULL, offers_name_and_protocols);
    tests_add_row(&tests, "a reset raises no signal", NULL, a_reset_raises_no_signal);
    tests_add_row(&tests, "an endless flood ends", NULL, an_endless_flood_ends);
    tests_add_row(&tests, "refuses to offer nothing", NULL, refuses_to_offer_nothing);
    tests_add_row(&tests, "threads share a client", NULL, threads_share_a_client);
    int failures = tests_run(&tests, "handshake");
    tear_down(NULL);
    return failures;
}
