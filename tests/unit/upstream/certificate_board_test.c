/* tests/unit/upstream/certificate_board_test.c - verdicts that workers share: one probe for all,
 * whose limits, lives and forgetting. No probe is made here, and the clocks are the test's. */
#include "upstream/certificate_board.h"

#include "loop_sockets.h"
#include "names.h"
#include "unit.h"

#include <stdlib.h>

enum { MEMBERS = 2, NOW_S = 1700000000 };

struct fixture {
    uv_loop_t loop;
    struct mailbox *mailbox;
    struct certificate_board *board;
    struct board_member *members[MEMBERS];
    uint32_t letters[MEMBERS]; /* that came */
    struct board_asker asker;  /* the first member */
    struct host_name name;
    struct check_question question;
    struct board_wait waits[64]; /* for asking with */
    uint32_t wait_count;
};

static void note_letter(void *member)
{
    uint32_t *letters = board_member_context(member);
    if (letters != NULL)
        ++*letters;
}

static struct ip_address address_of(const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(text, &address));
    return address;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    uv_loop_init(&fixture->loop);
    fixture->mailbox = mailbox_new(&fixture->loop);
    fixture->board = certificate_board_new();
    for (int i = 0; i < MEMBERS; i++)
        fixture->members[i] = certificate_board_join(fixture->board, fixture->mailbox, note_letter,
                                                     &fixture->letters[i]);
    fixture->asker = (struct board_asker){
        .member = fixture->members[0],
        .now = { .monotonic_ms = 1, .realtime_s = NOW_S, .policy_version = 5 },
    };
    fixture->name = name_of("api.example.com");
    fixture->question =
        (struct check_question){ .endpoint = { address_of("192.0.2.1"), 443 },
                                 .name = &fixture->name,
                                 .class = { .versions = HELLO_TLS13, .keys = HELLO_ECDSA },
                                 .client = address_of("10.0.0.1") };
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < MEMBERS; i++)
        certificate_board_leave(fixture->board, fixture->members[i]);
    uv_run(&fixture->loop, UV_RUN_NOWAIT); /* letters that were under way */
    mailbox_free(fixture->mailbox);
    finish_loop(&fixture->loop);
    certificate_board_free(fixture->board);
    free(fixture);
    return 0;
}

static struct board_answer ask(struct fixture *fixture)
{
    struct board_wait *wait = &fixture->waits[fixture->wait_count++ % COUNT(fixture->waits)];
    return certificate_board_ask(fixture->board, &fixture->question, &fixture->asker, wait);
}

static enum board_reply reply(struct fixture *fixture)
{
    return ask(fixture).reply;
}

/* Drops what was settled of the first member. */
static void take_all(struct fixture *fixture)
{
    struct board_waits waits = TAILQ_HEAD_INITIALIZER(waits);
    struct board_wait *wait;
    certificate_board_take(fixture->board, fixture->members[0], &waits);
    TAILQ_FOREACH(wait, &waits, waits)
        certificate_finding_unref(wait->outcome.finding);
}

static bool settle(struct fixture *fixture, struct board_entry *probe, enum reason reason)
{
    const struct probe_result result = {
        .reason = reason,
        .is_wrong = reason == REASON_CERTIFICATE_EXPIRED,
        .not_before_s = INT64_MIN,
        .not_after_s = INT64_MAX,
    };
    bool is_overturned =
        certificate_board_settle(fixture->board, probe, &result, &fixture->asker.now);
    return is_overturned;
}

/* Asks, as the first to do so, and settles. */
static void learn(struct fixture *fixture, enum reason reason)
{
    struct board_answer answer = ask(fixture);
    assert_int_equal(answer.reply, BOARD_PROBE);
    (void)settle(fixture, answer.probe, reason);
    take_all(fixture);
}

static void one_probe_for_all_who_ask(void **state)
{
    struct fixture *fixture = *state;
    struct board_waits waits = TAILQ_HEAD_INITIALIZER(waits);
    struct board_answer first = ask(fixture), again = ask(fixture);
    fixture->asker.member = fixture->members[1];
    struct board_answer other = ask(fixture);
    assert_int_equal(first.reply, BOARD_PROBE);
    assert_int_equal(again.reply, BOARD_WAIT);
    assert_ptr_equal(again.wait, first.wait); /* a member waits once */
    assert_int_equal(other.reply, BOARD_WAIT);
    assert_ptr_not_equal(other.wait, first.wait);
    settle(fixture, first.probe, REASON_ALLOWED);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    for (int i = 0; i < MEMBERS; i++) {
        assert_int_equal(fixture->letters[i], 1);
        certificate_board_take(fixture->board, fixture->members[i], &waits);
        struct board_wait *told = TAILQ_FIRST(&waits);
        assert_ptr_equal(told, i == 0 ? first.wait : other.wait);
        assert_int_equal(told->outcome.reason, REASON_ALLOWED);
        assert_false(told->outcome.was_known);
        TAILQ_REMOVE(&waits, told, waits);
        assert_true(TAILQ_EMPTY(&waits));
    }
    struct board_answer known = ask(fixture);
    assert_int_equal(known.reply, BOARD_KNOWN);
    assert_true(known.outcome.was_known);
}

static const struct other_key {
    const char *name;
    const char *address, *host;
    uint16_t port;
    struct hello_class class;
    enum verify_mode mode;
    bool is_typed;
} other_keys[] = {
#define CLASS                                                                                      \
    {                                                                                              \
        .versions = HELLO_TLS13, .keys = HELLO_ECDSA                                               \
    }
    { "another address", "192.0.2.2", "api.example.com", 443, CLASS, VERIFY_CHAIN, false },
    { "another name", "192.0.2.1", "api2.example.com", 443, CLASS, VERIFY_CHAIN, false },
    { "another port", "192.0.2.1", "api.example.com", 8443, CLASS, VERIFY_CHAIN, false },
    { "another requirement", "192.0.2.1", "api.example.com", 443, CLASS, VERIFY_PIN_ONLY, false },
    { "an address of a rule", "192.0.2.1", "api.example.com", 443, CLASS, VERIFY_CHAIN, true },
    { "other versions",
      "192.0.2.1",
      "api.example.com",
      443,
      { .versions = HELLO_TLS12, .keys = HELLO_ECDSA },
      VERIFY_CHAIN,
      false },
    { "other keys",
      "192.0.2.1",
      "api.example.com",
      443,
      { .versions = HELLO_TLS13, .keys = HELLO_RSA },
      VERIFY_CHAIN,
      false },
    { "another protocol",
      "192.0.2.1",
      "api.example.com",
      443,
      { .versions = HELLO_TLS13, .keys = HELLO_ECDSA, .alpn_size = 3, .alpn = { 2, 'h', '2' } },
      VERIFY_CHAIN,
      false },
#undef CLASS
};

static void is_known_by_itself(void **state)
{
    const struct other_key *other = *state;
    void *fixture_state;
    set_up(&fixture_state);
    struct fixture *fixture = fixture_state;
    learn(fixture, REASON_ALLOWED);
    fixture->name = name_of(other->host);
    fixture->question.endpoint = (struct endpoint){ address_of(other->address), other->port };
    fixture->question.class = other->class;
    fixture->question.is_typed = other->is_typed;
    fixture->question.requirement = requirement_new(other->mode, NULL, 0);
    learn(fixture, REASON_CERTIFICATE_EXPIRED);
    requirement_unref(fixture->question.requirement);
    tear_down(&fixture_state);
}

/* The policy makes a requirement anew with each load: what it says counts, not where it is. */
static void an_equal_requirement_meets_the_verdict(void **state)
{
    struct fixture *fixture = *state;
    const struct required_pin pins[] = { { .spki.sha256 = { 1 }, .expires_at = PIN_NEVER_EXPIRES },
                                         { .spki.sha256 = { 2 },
                                           .expires_at = PIN_NEVER_EXPIRES } };
    struct requirement *first = requirement_new(VERIFY_CHAIN, pins, 2);
    struct requirement *equal = requirement_new(VERIFY_CHAIN, pins, 2);
    struct requirement *less = requirement_new(VERIFY_CHAIN, pins, 1);
    fixture->question.requirement = first;
    learn(fixture, REASON_ALLOWED);
    requirement_unref(first); /* the board has a reference of its own */
    fixture->question.requirement = equal;
    assert_int_equal(reply(fixture), BOARD_KNOWN);
    fixture->question.requirement = less;
    learn(fixture, REASON_CERTIFICATE_EXPIRED);
    fixture->question.requirement = equal;
    assert_int_equal(reply(fixture), BOARD_KNOWN);
    requirement_unref(equal);
    requirement_unref(less);
}

static void probes_are_limited(void **state)
{
    struct fixture *fixture = *state;
    struct board_entry *probes[4];
    struct check_question *question = &fixture->question;
    fixture->asker.limits = (struct probe_limits){ 4, 2, 3 };
    for (uint16_t i = 0; i < 2; i++) {
        question->endpoint.port = (uint16_t)(443 + i);
        probes[i] = ask(fixture).probe;
    }
    question->endpoint.port = 443;
    assert_int_equal(reply(fixture), BOARD_WAIT); /* costs nothing more */
    question->endpoint.port = 500;
    struct board_answer limited = ask(fixture); /* a third of the client's */
    assert_int_equal(limited.reply, BOARD_REFUSED);
    assert_int_equal(limited.outcome.reason, REASON_PROBE_LIMIT);
    question->client = address_of("10.0.0.2");
    probes[2] = ask(fixture).probe;
    question->endpoint.port = 501;
    assert_int_equal(ask(fixture).outcome.reason, REASON_PROBE_LIMIT); /* a fourth there */
    question->endpoint.address = address_of("192.0.2.2");
    probes[3] = ask(fixture).probe;
    question->client = address_of("10.0.0.3");
    question->endpoint.address = address_of("192.0.2.3");
    assert_int_equal(ask(fixture).outcome.reason, REASON_PROBE_LIMIT); /* a fifth in all */
    fixture->asker.limits = (struct probe_limits){ 0, 0, 0 };
    struct board_answer unlimited = ask(fixture);
    assert_int_equal(unlimited.reply, BOARD_PROBE);
    settle(fixture, unlimited.probe, REASON_PROBE_UNREACHABLE);
    for (size_t i = 0; i < COUNT(probes); i++)
        settle(fixture, probes[i], REASON_ALLOWED);
    fixture->asker.limits = (struct probe_limits){ 1, 1, 1 };
    question->endpoint.port = 600;
    learn(fixture, REASON_ALLOWED); /* all places are free again */
}

static void an_ipv6_client_is_its_network(void **state)
{
    struct fixture *fixture = *state;
    fixture->asker.limits = (struct probe_limits){ .per_client = 1 };
    fixture->question.client = address_of("2001:db8::1");
    struct board_answer first = ask(fixture);
    fixture->question.endpoint.port = 444;
    fixture->question.client = address_of("2001:db8::ffff:1");
    assert_int_equal(ask(fixture).outcome.reason, REASON_PROBE_LIMIT);
    fixture->question.client = address_of("2001:db8:0:1::1");
    struct board_answer other = ask(fixture);
    assert_int_equal(other.reply, BOARD_PROBE);
    settle(fixture, first.probe, REASON_ALLOWED);
    settle(fixture, other.probe, REASON_ALLOWED);
}

static void set_protocol(struct fixture *fixture, uint8_t letter)
{
    fixture->question.class.alpn_size = 2;
    fixture->question.class.alpn[0] = 1;
    fixture->question.class.alpn[1] = letter;
}

static void classes_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    for (uint8_t i = 0; i < BOARD_CLASSES_MAX; i++) {
        set_protocol(fixture, (uint8_t)('a' + i));
        learn(fixture, REASON_ALLOWED);
    }
    set_protocol(fixture, 'z');
    struct board_answer coarse = ask(fixture);
    assert_int_equal(coarse.reply, BOARD_PROBE); /* no pass for that */
    const struct hello_class *class = &board_entry_target(coarse.probe)->class;
    assert_int_equal(class->alpn_size, 0);
    assert_int_equal(class->alpn[0], 0);
    assert_int_equal(class->keys, HELLO_ECDSA);
    settle(fixture, coarse.probe, REASON_CERTIFICATE_EXPIRED);
    set_protocol(fixture, 'y');
    assert_int_equal(ask(fixture).outcome.reason, REASON_CERTIFICATE_EXPIRED);
    assert_int_equal(certificate_board_size(fixture->board), BOARD_CLASSES_MAX + 1);
    set_protocol(fixture, 'a');
    assert_int_equal(ask(fixture).outcome.reason, REASON_ALLOWED);
    fixture->name = name_of("other.example.com"); /* has classes of its own */
    set_protocol(fixture, 'z');
    struct board_answer other = ask(fixture);
    assert_int_equal(board_entry_target(other.probe)->class.alpn_size, 2);
    settle(fixture, other.probe, REASON_ALLOWED);
}

static void memory_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct board_wait wait;
    struct board_entry *oldest = /* stays: it is under way */
        certificate_board_ask(fixture->board, &fixture->question, &fixture->asker, &wait).probe;
    fixture->question.endpoint.port = 444;
    learn(fixture, REASON_ALLOWED);
    for (uint32_t i = 0; i < BOARD_VERDICTS_MAX + 100; i++) {
        fixture->question.endpoint.address = (struct ip_address){
            .family = 4, .bytes = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i }
        };
        learn(fixture, REASON_ALLOWED);
        fixture->question.endpoint.address = address_of("192.0.2.1");
        if (i % 1000 == 0) /* what is in use stays */
            assert_int_equal(reply(fixture), BOARD_KNOWN);
    }
    assert_int_equal(certificate_board_size(fixture->board), BOARD_VERDICTS_MAX);
    assert_int_equal(reply(fixture), BOARD_KNOWN);
    fixture->question.endpoint.port = 443;
    assert_int_equal(reply(fixture), BOARD_WAIT);
    settle(fixture, oldest, REASON_ALLOWED);
    assert_int_equal(reply(fixture), BOARD_KNOWN);
}

/* As many turns as it takes to look at everything. */
static uint32_t keep_up(struct fixture *fixture, struct board_entry **ret_probes)
{
    uint32_t count = 0;
    for (int i = 0; i < 16; i++)
        count += certificate_board_upkeep(fixture->board, &fixture->asker.now, 4 - count,
                                          ret_probes + count);
    return count;
}

static void renewed_while_in_use_alone(void **state)
{
    struct fixture *fixture = *state;
    struct board_entry *probes[4];
    learn(fixture, REASON_ALLOWED);
    fixture->asker.now.monotonic_ms += 100 * 1000;
    assert_int_equal(keep_up(fixture, probes), 0); /* far too early */
    fixture->asker.now.monotonic_ms += 420 * 1000;
    assert_int_equal(keep_up(fixture, probes), 0); /* nobody used it */
    fixture->asker.now.monotonic_ms -= 420 * 1000;
    assert_int_equal(reply(fixture), BOARD_KNOWN);
    fixture->asker.now.monotonic_ms += 420 * 1000;
    assert_int_equal(keep_up(fixture, probes), 1);
    assert_int_equal(keep_up(fixture, probes + 1), 0); /* it is under way */
    assert_int_equal(reply(fixture), BOARD_KNOWN);     /* and nobody waits for it */
    settle(fixture, probes[0], REASON_ALLOWED);
    fixture->asker.now.monotonic_ms += 599 * 1000;
    struct board_answer late = ask(fixture);
    assert_int_equal(late.reply, BOARD_RENEW); /* who asks late renews it as well */
    settle(fixture, late.probe, REASON_ALLOWED);
}

static void an_edit_ends_renewals(void **state)
{
    struct fixture *fixture = *state;
    struct board_entry *probes[4];
    learn(fixture, REASON_ALLOWED);
    assert_int_equal(reply(fixture), BOARD_KNOWN);
    fixture->asker.now.monotonic_ms += 550 * 1000;
    fixture->asker.now.policy_version++;
    assert_int_equal(keep_up(fixture, probes), 0); /* the rule may be gone */
    fixture->asker.now.policy_version--;
    assert_int_equal(keep_up(fixture, probes), 1);
    settle(fixture, probes[0], REASON_ALLOWED);
}

static void renewals_have_places_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    struct board_entry *probes[BOARD_RENEWALS_MAX];
    fixture->asker.limits = (struct probe_limits){ 1, 1, 1 };
    for (uint16_t i = 0; i <= BOARD_RENEWALS_MAX; i++) {
        fixture->question.endpoint.port = i;
        learn(fixture, REASON_ALLOWED);
    }
    fixture->asker.now.monotonic_ms += 550 * 1000;
    for (uint16_t i = 0; i < BOARD_RENEWALS_MAX; i++) {
        fixture->question.endpoint.port = i;
        struct board_answer answer = ask(fixture);
        assert_int_equal(answer.reply, BOARD_RENEW);
        probes[i] = answer.probe;
    }
    fixture->question.endpoint.port = BOARD_RENEWALS_MAX;
    assert_int_equal(reply(fixture), BOARD_KNOWN); /* it is not their turn */
    fixture->question.endpoint.port = 1000;
    learn(fixture, REASON_ALLOWED); /* a cold one has its own place */
    for (size_t i = 0; i < BOARD_RENEWALS_MAX; i++)
        settle(fixture, probes[i], REASON_ALLOWED);
}

static void the_expired_is_let_go(void **state)
{
    struct fixture *fixture = *state;
    struct board_entry *probes[4];
    learn(fixture, REASON_ALLOWED);
    fixture->question.endpoint.port = 444;
    learn(fixture, REASON_CERTIFICATE_EXPIRED);
    fixture->asker.now.monotonic_ms += VERDICT_BAD_MS;
    keep_up(fixture, probes);
    assert_int_equal(certificate_board_size(fixture->board), 1);
    struct board_answer answer = ask(fixture);
    assert_int_equal(answer.reply, BOARD_PROBE);
    fixture->asker.now.monotonic_ms += VERDICT_GOOD_MS;
    keep_up(fixture, probes);
    assert_int_equal(certificate_board_size(fixture->board), 1); /* whose probe is under way */
    settle(fixture, answer.probe, REASON_OUT_OF_RESOURCES);
    assert_int_equal(certificate_board_size(fixture->board), 0); /* nothing was learnt */
}

static void overturning_counts_at_once(void **state)
{
    struct fixture *fixture = *state;
    learn(fixture, REASON_ALLOWED);
    fixture->asker.now.monotonic_ms += 599 * 1000;
    struct board_answer answer = ask(fixture);
    assert_true(settle(fixture, answer.probe, REASON_CERTIFICATE_EXPIRED));
    assert_int_equal(ask(fixture).outcome.reason, REASON_CERTIFICATE_EXPIRED);
}

static void overturning_casts_doubt_on_other_classes(void **state)
{
    struct fixture *fixture = *state;
    learn(fixture, REASON_ALLOWED);
    set_protocol(fixture, 'a');
    learn(fixture, REASON_ALLOWED);
    fixture->name = name_of("other.example.com");
    learn(fixture, REASON_ALLOWED);
    fixture->asker.now.monotonic_ms += 100 * 1000; /* far too early to renew any of them */
    fixture->name = name_of("api.example.com");
    assert_int_equal(reply(fixture), BOARD_KNOWN);
    fixture->question.class.alpn_size = 0;
    fixture->question.class.alpn[0] = fixture->question.class.alpn[1] = 0;
    fixture->asker.now.monotonic_ms += 450 * 1000;
    struct board_answer renewal = ask(fixture);
    fixture->asker.now.monotonic_ms -= 450 * 1000;
    assert_true(settle(fixture, renewal.probe, REASON_CERTIFICATE_EXPIRED));
    set_protocol(fixture, 'a');
    struct board_answer doubted = ask(fixture);
    assert_int_equal(doubted.reply, BOARD_RENEW);
    assert_int_equal(doubted.outcome.reason, REASON_ALLOWED);
    settle(fixture, doubted.probe, REASON_ALLOWED);
    assert_int_equal(reply(fixture), BOARD_KNOWN);
    fixture->name = name_of("other.example.com");
    assert_int_equal(reply(fixture), BOARD_KNOWN);
}

static void who_waits_no_more_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    struct board_waits waits = TAILQ_HEAD_INITIALIZER(waits);
    struct board_answer answer = ask(fixture);
    fixture->asker.member = fixture->members[1];
    struct board_answer other = ask(fixture);
    certificate_board_forget(fixture->board, other.wait);
    settle(fixture, answer.probe, REASON_ALLOWED);
    certificate_board_forget(fixture->board, answer.wait); /* settled, and not taken */
    for (int i = 0; i < MEMBERS; i++) {
        certificate_board_take(fixture->board, fixture->members[i], &waits);
        assert_true(TAILQ_EMPTY(&waits));
    }
    fixture->asker.now.monotonic_ms += VERDICT_GOOD_MS;
    answer = ask(fixture);
    settle(fixture, answer.probe, REASON_ALLOWED);
    certificate_board_take(fixture->board, fixture->members[1], &waits);
    certificate_board_forget(fixture->board, answer.wait); /* taken */
}

static void good_addresses_come_first(void **state)
{
    struct fixture *fixture = *state;
    struct certificate_board *board = fixture->board;
    const struct check_moment *now = &fixture->asker.now;
    const struct check_question *question = &fixture->question;
    assert_int_equal(certificate_board_rank(board, question, now), BOARD_RANK_UNKNOWN);
    learn(fixture, REASON_CERTIFICATE_EXPIRED);
    assert_int_equal(certificate_board_rank(board, question, now), BOARD_RANK_BAD);
    set_protocol(fixture, 'a');
    learn(fixture, REASON_ALLOWED);
    set_protocol(fixture, 'b'); /* whatever the class */
    assert_int_equal(certificate_board_rank(board, question, now), BOARD_RANK_GOOD);
    fixture->question.is_typed = true;
    assert_int_equal(certificate_board_rank(board, question, now), BOARD_RANK_UNKNOWN);
    fixture->question.is_typed = false;
    fixture->asker.now.monotonic_ms += VERDICT_GOOD_MS;
    assert_int_equal(certificate_board_rank(board, question, now), BOARD_RANK_UNKNOWN);
}

/* Asks for a rule at a port of its own, and learns what came of it. */
static void learn_end(struct fixture *fixture, int64_t rule_id, enum reason reason, int64_t end_s)
{
    const struct probe_result result = { .reason = reason,
                                         .is_wrong = reason != REASON_ALLOWED,
                                         .not_before_s = INT64_MIN,
                                         .not_after_s = end_s };
    fixture->question.rule_id = rule_id;
    fixture->question.endpoint.port++;
    certificate_board_settle(fixture->board, ask(fixture).probe, &result, &fixture->asker.now);
    take_all(fixture);
}

static void ends_are_those_of_good_verdicts(void **state)
{
    struct fixture *fixture = *state;
    struct certificate_end ends[8];
    learn_end(fixture, 0, REASON_ALLOWED, NOW_S + 1);
    learn_end(fixture, 7, REASON_CERTIFICATE_EXPIRED, NOW_S + 2);
    learn_end(fixture, 7, REASON_ALLOWED, INT64_MAX); /* dates don't count */
    (void)ask(fixture);
    assert_int_equal(certificate_board_ends(fixture->board, ends, COUNT(ends)), 0);
    learn_end(fixture, 7, REASON_ALLOWED, NOW_S + 3);
    assert_int_equal(certificate_board_ends(fixture->board, ends, COUNT(ends)), 1);
    assert_int_equal(ends[0].rule_id, 7);
    assert_int_equal(ends[0].not_after_s, NOW_S + 3);
    fixture->question.rule_id = 8; /* asks for the same */
    assert_int_equal(reply(fixture), BOARD_KNOWN);
    assert_int_equal(certificate_board_ends(fixture->board, ends, COUNT(ends)), 1);
    assert_int_equal(ends[0].rule_id, 8);
    for (int i = 0; i < 6; i++)
        learn_end(fixture, 9, REASON_ALLOWED, NOW_S + 10 + i);
    assert_int_equal(certificate_board_ends(fixture->board, ends, COUNT(ends)), 7);
    assert_int_equal(certificate_board_ends(fixture->board, ends, 3), 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    struct tests keys = { 0 };
    TESTS_ADD_TABLE(&keys, other_keys, is_known_by_itself);
    const struct CMUnitTest tests[] = {
        TEST(one_probe_for_all_who_ask),
        TEST(an_equal_requirement_meets_the_verdict),
        TEST(probes_are_limited),
        TEST(an_ipv6_client_is_its_network),
        TEST(classes_are_bounded),
        TEST(memory_is_bounded),
        TEST(renewed_while_in_use_alone),
        TEST(an_edit_ends_renewals),
        TEST(renewals_have_places_of_their_own),
        TEST(the_expired_is_let_go),
        TEST(overturning_counts_at_once),
        TEST(overturning_casts_doubt_on_other_classes),
        TEST(who_waits_no_more_is_not_told),
        TEST(good_addresses_come_first),
        TEST(ends_are_those_of_good_verdicts),
    };
    int failures = tests_run(&keys, "certificate_board_keys");
    return failures + cmocka_run_group_tests_name("certificate_board", tests, NULL, NULL);
}
