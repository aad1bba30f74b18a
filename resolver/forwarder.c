/* resolver/forwarder.c - asks the servers of internal zones. */
#include "resolver/forwarder.h"

#include "base/clock.h"
#include "base/reader.h"
#include "base/siphash.h"
#include "base/writer.h"
#include "net/dns_channel.h"
#include "resolver/dns.h"
#include "resolver/missing_names.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 256, CLIENT_SLOTS = 4096 };

/* One server of one zone. */
struct server {
    struct forwarder *forwarder;
    const struct zone *zone;
    const struct endpoint *endpoint;
    struct dns_channel *channel;
    uint32_t failures; /* in a row */
    int64_t answered_at_ms;
    bool is_down;
    int64_t retry_at_ms; /* of one that is down */
};

/* All that makes two questions the same. */
struct question {
    const struct zone *zone;
    struct host_name name;
    uint16_t type;
    bool is_recursion_desired, is_checking_disabled, is_dnssec_ok;
    bool lacks_edns; /* asked without an OPT record, as the server does not know it */
};

/* A question in flight, and who waits for its answer. */
struct flight {
    LIST_ENTRY(flight) bucket;
    LIST_HEAD(, forwarding) waiting;
    struct forwarder *forwarder;
    struct question question;
    struct dns_exchange *exchange;
    struct server *server; /* that was asked last */
    unsigned attempts;
};

struct forwarder {
    struct forwarder_parts parts;
    struct server server[ZONES_MAX][ZONE_SERVERS_MAX]; /* as in the table of zones */
    LIST_HEAD(, flight) flights[BUCKETS];
    uint32_t flight_count, waiting_count;
    struct siphash_key key;
    uint64_t last_id;
    struct missing_names *missing;
    _Atomic uint64_t sent_count;
    uint16_t client_waiting[CLIENT_SLOTS]; /* by a hash of the address, so that few share one */
    struct forwarded_answer answer;        /* the one that is being told */
    uint8_t room[FORWARDER_ROOM_BYTES];
};

/* Servers */

static struct server *servers_of(struct forwarder *forwarder, const struct zone *zone)
{
    return forwarder->server[zone - forwarder->parts.zones->zone];
}

static bool is_zone_down(struct forwarder *forwarder, const struct zone *zone)
{
    const struct server *servers = servers_of(forwarder, zone);
    bool is_down = true;
    for (uint32_t i = 0; i < zone->server_count; i++)
        is_down = is_down && servers[i].is_down;
    return is_down;
}

static void tell_server(struct server *server)
{
    struct forwarder *forwarder = server->forwarder;
    struct forwarder_event event = { server->zone, server->endpoint, !server->is_down,
                                     is_zone_down(forwarder, server->zone) };
    if (forwarder->parts.server_changed != NULL)
        forwarder->parts.server_changed(forwarder->parts.context, &event);
}

/* Any answer is a sign of life, whatever its rcode. While there are some, a client can't make a
 * server seem down by questions that it does not answer. */
static void note_health(struct server *server, enum dns_exchange_status status)
{
    bool was_down = server->is_down, is_answer = status == DNS_EXCHANGE_ANSWERED;
    int64_t now_ms = clock_monotonic_ms();
    server->failures = is_answer ? 0 : server->failures + 1;
    if (is_answer)
        server->answered_at_ms = now_ms;
    server->is_down = server->failures >= FORWARDER_FAILURES_MAX &&
                      now_ms - server->answered_at_ms >= FORWARDER_SILENCE_MS;
    if (server->is_down)
        server->retry_at_ms = now_ms + FORWARDER_RETRY_MS;
    if (was_down != server->is_down)
        tell_server(server);
}

static bool is_due(const struct server *server, int64_t now_ms)
{
    return server->is_down && server->retry_at_ms <= now_ms;
}

bool forwarder_can_ask(const struct forwarder *forwarder, const struct zone *zone)
{
    const struct server *servers = forwarder->server[zone - forwarder->parts.zones->zone];
    int64_t now_ms = clock_monotonic_ms();
    for (uint32_t i = 0; i < zone->server_count; i++)
        if (!servers[i].is_down || is_due(&servers[i], now_ms))
            return true;
    return false;
}

/* The first server that is up, at later attempts the ones behind it in turn; where none is up, one
 * that is due to be tried. */
static struct server *choose_server(struct flight *flight)
{
    struct server *servers = servers_of(flight->forwarder, flight->question.zone);
    struct server *up[ZONE_SERVERS_MAX], *due = NULL;
    uint32_t count = 0;
    int64_t now_ms = clock_monotonic_ms();
    for (uint32_t i = 0; i < flight->question.zone->server_count; i++) {
        if (!servers[i].is_down)
            up[count++] = &servers[i];
        else if (due == NULL && is_due(&servers[i], now_ms))
            due = &servers[i];
    }
    return count > 0 ? up[flight->attempts % count] : due;
}

/* Messages */

enum { QUERY_BYTES_MAX = DNS_HEADER_BYTES + HOST_NAME_WIRE_MAX + 4 + 1 + DNS_RECORD_FIXED_BYTES };

/* Nobody who does not have the key can tell the next id by those before it. */
static uint16_t next_id(struct forwarder *forwarder)
{
    forwarder->last_id++;
    return (uint16_t)siphash(&forwarder->key, &forwarder->last_id, sizeof(forwarder->last_id));
}

/* RFC 6891 6.2.6: the OPT record is our own, as it is for one hop. */
static void write_question(const struct question *question, uint16_t id, struct writer *message)
{
    uint32_t flags = question->is_recursion_desired ? DNS_FLAG_RECURSION_DESIRED : 0;
    flags |= question->is_checking_disabled ? DNS_FLAG_CHECKING_DISABLED : 0;
    writer_uint(message, id, 2);
    writer_uint(message, flags, 2);
    writer_uint(message, 1, 2);
    writer_uint(message, 0, 4);
    writer_uint(message, !question->lacks_edns, 2);
    writer_bytes(message, question->name.wire, question->name.size);
    writer_uint(message, question->type, 2);
    writer_uint(message, DNS_CLASS_IN, 2);
    if (question->lacks_edns)
        return;
    writer_uint(message, 0, 1);
    writer_uint(message, DNS_TYPE_OPT, 2);
    writer_uint(message, DNS_EXCHANGE_UDP_BYTES, 2);
    writer_uint(message, question->is_dnssec_ok ? DNS_EDNS_FLAG_DNSSEC_OK : 0, 4);
    writer_uint(message, 0, 2);
}

static struct dns_exchange *send_question(const struct question *question, struct server *server,
                                          dns_exchange_fn on_done, void *context)
{
    uint8_t bytes[QUERY_BYTES_MAX];
    struct forwarder *forwarder = server->forwarder;
    struct writer writer = writer_over(bytes, sizeof(bytes));
    write_question(question, next_id(forwarder), &writer);
    struct dns_message message = { bytes, writer_size(&writer) };
    uint64_t sent = atomic_load_explicit(&forwarder->sent_count, memory_order_relaxed);
    atomic_store_explicit(&forwarder->sent_count, sent + 1, memory_order_relaxed);
    return dns_channel_exchange(server->channel, &message, on_done, context);
}

static void on_trial_done(void *context, const struct dns_exchange_result *result)
{
    note_health(context, result->status);
}

/* Servers that are down get a copy of a question now and then: nobody waits for its answer. */
static void try_servers(const struct flight *flight)
{
    struct server *servers = servers_of(flight->forwarder, flight->question.zone);
    int64_t now_ms = clock_monotonic_ms();
    for (uint32_t i = 0; i < flight->question.zone->server_count; i++) {
        if (&servers[i] == flight->server || !is_due(&servers[i], now_ms))
            continue;
        servers[i].retry_at_ms = now_ms + FORWARDER_RETRY_MS;
        (void)send_question(&flight->question, &servers[i], on_trial_done,
                            &servers[i]); /* else later */
    }
}

/* Flights */

static uint64_t hash_question(const struct forwarder *forwarder, const struct question *question)
{
    return siphash(&forwarder->key, question->name.wire, question->name.size) + question->type;
}

static bool is_same_question(const struct question *left, const struct question *right)
{
    return left->type == right->type && left->is_dnssec_ok == right->is_dnssec_ok &&
           left->is_recursion_desired == right->is_recursion_desired &&
           left->is_checking_disabled == right->is_checking_disabled &&
           left->name.size == right->name.size &&
           memcmp(left->name.wire, right->name.wire, left->name.size) == 0;
}

static struct flight *find_flight(struct forwarder *forwarder, const struct question *question)
{
    struct flight *flight;
    LIST_FOREACH(flight, &forwarder->flights[hash_question(forwarder, question) % BUCKETS], bucket)
        if (is_same_question(&flight->question, question))
            return flight;
    return NULL;
}

static void forget_waiting(struct forwarding *forwarding)
{
    struct forwarder *forwarder = forwarding->forwarder;
    LIST_REMOVE(forwarding, same);
    forwarder->waiting_count--;
    forwarder->client_waiting[forwarding->client_slot]--;
}

/* A flight that is told is no longer found, so that who asks from within a callback gets another
 * one. */
static void land(struct flight *flight, const struct forwarded_answer *answer, uint16_t failure)
{
    const struct forwarder_result result = { answer, failure, flight->forwarder->room };
    struct forwarding *forwarding;
    LIST_REMOVE(flight, bucket);
    flight->forwarder->flight_count--;
    while ((forwarding = LIST_FIRST(&flight->waiting)) != NULL) {
        forget_waiting(forwarding);
        forwarding->on_done(forwarding, &result);
    }
    free(flight);
}

static void on_exchanged(void *context, const struct dns_exchange_result *result);

/* False where nobody can be asked. */
static bool take_off(struct flight *flight)
{
    struct server *server = choose_server(flight);
    if (server == NULL)
        return false;
    flight->server = server;
    flight->attempts++;
    if (server->is_down)
        server->retry_at_ms = clock_monotonic_ms() + FORWARDER_RETRY_MS;
    flight->exchange = send_question(&flight->question, server, on_exchanged, flight);
    if (flight->exchange != NULL)
        try_servers(flight);
    return flight->exchange != NULL;
}

static uint16_t failure_of(enum dns_exchange_status status)
{
    switch (status) {
    case DNS_EXCHANGE_TIMED_OUT:
        return DNS_EXTENDED_ERROR_UNREACHABLE;
    case DNS_EXCHANGE_ANSWERED:
        return DNS_EXTENDED_ERROR_INVALID_DATA;
    case DNS_EXCHANGE_UNREACHABLE:
        break;
    }
    return DNS_EXTENDED_ERROR_NETWORK;
}

static bool read_answer(struct flight *flight, const struct dns_exchange_result *result)
{
    struct forwarder *forwarder = flight->forwarder;
    const struct forwarded_question question = { .name = &flight->question.name,
                                                 .type = flight->question.type,
                                                 .is_dnssec_ok = flight->question.is_dnssec_ok,
                                                 .zones = forwarder->parts.zones,
                                                 .zone = flight->question.zone };
    if (result->status != DNS_EXCHANGE_ANSWERED ||
        !forwarded_answer_read(reader_over(result->bytes, result->size), &question,
                               &forwarder->answer))
        return false;
    if (forwarder->answer.is_missing)
        missing_names_add(forwarder->missing, &flight->question.name,
                          forwarder->answer.negative_ttl_s, clock_monotonic_ms());
    return true;
}

/* RFC 6891 7: a server of old answers FORMERR, without an OPT record. True: it is asked again. */
static bool ask_without_edns(struct flight *flight)
{
    const struct forwarded_answer *answer = &flight->forwarder->answer;
    if (answer->rcode != DNS_RCODE_FORMAT_ERROR || answer->has_edns || flight->question.lacks_edns)
        return false;
    flight->question.lacks_edns = true;
    return take_off(flight);
}

static void on_exchanged(void *context, const struct dns_exchange_result *result)
{
    struct flight *flight = context;
    flight->exchange = NULL;
    note_health(flight->server, result->status);
    if (read_answer(flight, result)) {
        if (ask_without_edns(flight))
            return;
        land(flight, &flight->forwarder->answer, 0);
        return;
    }
    bool is_wanted = !LIST_EMPTY(&flight->waiting) && flight->attempts < FORWARDER_ATTEMPTS_MAX;
    if (!is_wanted || !take_off(flight))
        land(flight, NULL, failure_of(result->status));
}

static struct flight *new_flight(struct forwarder *forwarder, const struct question *question)
{
    struct flight *flight =
        forwarder->flight_count < FORWARDER_QUESTIONS_MAX ? calloc(1, sizeof(*flight)) : NULL;
    if (flight == NULL)
        return NULL;
    flight->forwarder = forwarder;
    flight->question = *question;
    LIST_INIT(&flight->waiting);
    if (!take_off(flight)) {
        free(flight);
        return NULL;
    }
    LIST_INSERT_HEAD(&forwarder->flights[hash_question(forwarder, question) % BUCKETS], flight,
                     bucket);
    forwarder->flight_count++;
    return flight;
}

static uint32_t slot_of(const struct forwarder *forwarder, const struct ip_address *client)
{
    uint64_t hash = siphash(&forwarder->key, client->bytes, ip_address_client_bytes(client));
    return (uint32_t)(hash % CLIENT_SLOTS);
}

bool forwarder_ask(struct forwarder *forwarder, const struct zone *zone, const struct query *query,
                   const struct ip_address *client, struct forwarding *forwarding)
{
    const struct question question = { .zone = zone,
                                       .name = query->name,
                                       .type = query->type,
                                       .is_recursion_desired = query->is_recursion_desired,
                                       .is_checking_disabled = query->is_checking_disabled,
                                       .is_dnssec_ok = query->is_dnssec_ok };
    uint32_t slot = slot_of(forwarder, client);
    if (forwarder->waiting_count == FORWARDER_WAITING_MAX ||
        forwarder->client_waiting[slot] == FORWARDER_PER_CLIENT_MAX)
        return false;
    struct flight *flight = find_flight(forwarder, &question);
    if (flight == NULL)
        flight = new_flight(forwarder, &question);
    if (flight == NULL)
        return false;
    forwarding->forwarder = forwarder;
    forwarding->client_slot = slot;
    LIST_INSERT_HEAD(&flight->waiting, forwarding, same);
    forwarder->waiting_count++;
    forwarder->client_waiting[slot]++;
    return true;
}

void forwarder_leave(struct forwarding *forwarding)
{
    forget_waiting(forwarding); /* the flight goes on: its answer tells of names and servers */
}

bool forwarder_knows_missing(const struct forwarder *forwarder, const struct host_name *name)
{
    return missing_names_has(forwarder->missing, name, clock_monotonic_ms());
}

uint64_t forwarder_sent_count(const struct forwarder *forwarder)
{
    return atomic_load_explicit(&forwarder->sent_count, memory_order_relaxed);
}

const struct server_health *forwarder_health(const struct forwarder *forwarder, uint32_t zone,
                                             uint32_t server)
{
    return dns_channel_health(forwarder->server[zone][server].channel, 0);
}

/* Life */

static bool open_channels(struct forwarder *forwarder, struct fault *fault)
{
    const struct zone_table *zones = forwarder->parts.zones;
    for (uint32_t i = 0; i < zones->count; i++) {
        const struct zone *zone = &zones->zone[i];
        for (uint32_t k = 0; k < zone->server_count; k++) {
            struct server *server = &forwarder->server[i][k];
            server->forwarder = forwarder;
            server->zone = zone;
            server->endpoint = &zone->server[k];
            server->channel =
                dns_channel_new_for_exchanges(forwarder->parts.loop, server->endpoint, fault);
            if (server->channel == NULL)
                return false;
        }
    }
    return true;
}

struct forwarder *forwarder_new(const struct forwarder_parts *parts, struct fault *fault)
{
    struct forwarder *forwarder = calloc(1, sizeof(*forwarder));
    fault_what(fault, "can't set up the internal zones: out of memory");
    if (forwarder == NULL)
        return NULL;
    forwarder->parts = *parts;
    forwarder->key = siphash_key_random();
    forwarder->missing = missing_names_new();
    atomic_init(&forwarder->sent_count, 0);
    if (forwarder->missing == NULL || !open_channels(forwarder, fault)) {
        forwarder_free(forwarder);
        return NULL;
    }
    return forwarder;
}

/* Channels end without a callback, so a flight is freed here, by nobody else. */
static void free_flights(struct forwarder *forwarder)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct flight *flight;
        while ((flight = LIST_FIRST(&forwarder->flights[i])) != NULL) {
            LIST_REMOVE(flight, bucket);
            free(flight);
        }
    }
}

void forwarder_free(struct forwarder *forwarder)
{
    if (forwarder == NULL)
        return;
    for (size_t i = 0; i < ZONES_MAX; i++)
        for (size_t k = 0; k < ZONE_SERVERS_MAX; k++)
            dns_channel_free(forwarder->server[i][k].channel);
    free_flights(forwarder);
    missing_names_free(forwarder->missing);
    free(forwarder);
}
