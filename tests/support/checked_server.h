/* tests/support/checked_server.h - what a test of certificate checks needs of one worker, and the
 * cast of its server: a root, and certificates of it that are well or have a fault. */
#pragma once
#include "live_server.h"
#include "net/socket.h"
#include "policy/policy_builder.h"
#include "policy/policy_feed.h"
#include "tls/tls_client.h"
#include "tls/trust_store.h"
#include "upstream/probe.h"
#include "upstream/upstream.h"

#include <stdlib.h>

enum identity {
    NO_IDENTITY = 0,
    ECDSA_SERVER,
    RSA_SERVER,
    OTHER_NAME,
    EXPIRED_SERVER,
    EARLY_SERVER,
    SELF_SIGNED_SERVER,
    THIEF, /* shows the certificate of the first, without its key */
    ROOT,  /* which signs the others */
    IDENTITIES,
};

struct cast {
    struct live_identity identities[IDENTITIES];
    struct trust_store *trust_store;
    struct tls_client *tls_client;
};

static const struct part {
    const char *name, *host;
    int begins_days, ends_days; /* from CERTIFICATE_NOW; 0: the usual */
    bool is_rsa, signs_itself;
} cast_parts[IDENTITIES] = {
    [ECDSA_SERVER] = { .name = "ecdsa", .host = "DNS:api.example.com" },
    [RSA_SERVER] = { .name = "rsa", .host = "DNS:api.example.com", .is_rsa = true },
    [OTHER_NAME] = { .name = "other", .host = "DNS:other.example.com" },
    [EXPIRED_SERVER] = { "expired", "DNS:api.example.com", .begins_days = -9, .ends_days = -1 },
    [EARLY_SERVER] = { "early", "DNS:api.example.com", .begins_days = 1, .ends_days = 9 },
    [SELF_SIGNED_SERVER] = { "self", "DNS:api.example.com", .signs_itself = true },
    [ROOT] = { .name = "root", .signs_itself = true },
};

static inline void make_identity(struct cast *cast, enum identity who)
{
    const struct part *part = &cast_parts[who];
    const struct live_identity *root = &cast->identities[ROOT];
    struct live_identity *identity = &cast->identities[who];
    identity->key = part->is_rsa ? make_rsa_key(2048) : make_ec_key();
    const struct recipe recipe = {
        .name = part->name,
        .key = identity->key,
        .issuer = part->signs_itself ? NULL : root->certificate,
        .issuer_key = root->key,
        .host = part->host,
        .basic = who == ROOT ? "critical,CA:TRUE" : "critical,CA:FALSE",
        .usage = who == ROOT ? "critical,keyCertSign" : NULL,
        .purpose = who == ROOT ? NULL : "serverAuth",
        .begins_s =
            part->begins_days == 0 ? 0 : CERTIFICATE_NOW + part->begins_days * CERTIFICATE_DAY,
        .ends_s = part->ends_days == 0 ? 0 : CERTIFICATE_NOW + part->ends_days * CERTIFICATE_DAY,
    };
    identity->certificate = make_certificate(&recipe);
}

static inline void cast_make(struct cast *cast)
{
    char path[] = "/tmp/checked_server_XXXXXX";
    struct fault fault;
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    *cast = (struct cast){ 0 };
    for (int who = ROOT; who > NO_IDENTITY; who--)
        if (who != THIEF)
            make_identity(cast, (enum identity)who);
    struct live_identity *robbed = &cast->identities[ECDSA_SERVER];
    X509_up_ref(robbed->certificate);
    cast->identities[THIEF] =
        (struct live_identity){ robbed->certificate, make_wrong_key(robbed->key) };
    write_pem(path, (X509 *[]){ cast->identities[ROOT].certificate, NULL }, NULL);
    cast->trust_store = trust_store_new(path, &fault);
    cast->tls_client = tls_client_new(&fault);
    assert_non_null(cast->trust_store);
    assert_non_null(cast->tls_client);
    unlink(path);
}

static inline void cast_free(struct cast *cast)
{
    for (int who = 0; who < IDENTITIES; who++) {
        X509_free(cast->identities[who].certificate);
        EVP_PKEY_free(cast->identities[who].key);
    }
    trust_store_free(cast->trust_store);
    tls_client_free(cast->tls_client);
}

static inline struct live_face face_of(const struct cast *cast, enum identity one,
                                       enum identity two)
{
    return (struct live_face){ .identities = { cast->identities[one], cast->identities[two] } };
}

/* The loop and what stands on it. */
struct check_loop {
    uv_loop_t loop;
    struct policy_feed feed;
    struct policy_view view;
    struct upstream upstream;
};

/* A policy without rules, under which loopback may be dialled, unless `setting` says otherwise. */
static inline struct policy *check_policy(const char *setting, const char *value)
{
    const struct policy_ports ports = { { 443 }, 1 };
    struct settings settings = settings_default();
    assert_int_equal(settings_set(&settings, "allowed_private_networks", "127.0.0.0/8"),
                     SETTING_OK);
    if (setting != NULL)
        assert_int_equal(settings_set(&settings, setting, value), SETTING_OK);
    return policy_builder_finish(policy_builder_new(&ports), &settings, 1);
}

static inline void check_loop_start(struct check_loop *one)
{
    int error;
    uv_loop_init(&one->loop);
    policy_feed_init(&one->feed, check_policy(NULL, NULL));
    policy_view_init(&one->view, &one->feed);
    one->upstream = (struct upstream){ .loop = &one->loop,
                                       .poller = poller_new(&one->loop, &error),
                                       .view = &one->view,
                                       .descriptor_limit = socket_descriptor_limit() };
}

static inline void check_loop_stop(struct check_loop *one)
{
    poller_free(one->upstream.poller);
    finish_loop(&one->loop);
    policy_view_release(&one->view);
    policy_feed_release(&one->feed);
}
