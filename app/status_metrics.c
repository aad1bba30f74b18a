/* app/status_metrics.c - the metrics. */
#include "app/status_metrics.h"
#include "app/log_thread.h"
#include "app/policy_thread.h"
#include "app/status_health.h"
#include "net/socket.h"
#include "policy/policy.h"
#include "upstream/certificate_board.h"

#include <sys/resource.h>
#include <uv.h>

/* A family of one sample. */
static void add(struct status_metrics *metrics, enum status_metric_type type, const char *name,
                const char *help, double value)
{
    status_metrics_family(metrics, type, name, help);
    (void)status_metrics_sample(metrics, value);
}

static void add_labelled(struct status_metrics *metrics, const char *label, const char *value,
                         uint64_t count)
{
    status_sample_label(status_metrics_sample(metrics, (double)count), label, value);
}

/* A sample of the newest family. The sum goes into the arena, which lives as long as the sample.
 * NULL: there is no room. */
static struct status_sample *add_histogram_sample(struct status_metrics *metrics,
                                                  const struct histogram_sum *sum)
{
    struct histogram_sum *kept = arena_take(&metrics->arena, sizeof(*kept));
    struct status_histogram *histogram = arena_take(&metrics->arena, sizeof(*histogram));
    if (kept == NULL || histogram == NULL)
        return NULL;
    *kept = *sum;
    *histogram = (struct status_histogram){ .upper_bound = histogram_bounds_s(),
                                            .count = kept->count,
                                            .bound_count = HISTOGRAM_BOUNDS,
                                            .sum = (double)kept->sum_ns / 1e9 };
    struct status_sample *sample = status_metrics_sample(metrics, 0);
    sample->histogram = histogram;
    return sample;
}

/* A family of one sample. */
static void add_histogram(struct status_metrics *metrics, const char *name, const char *help,
                          const struct histogram_sum *sum)
{
    status_metrics_family(metrics, STATUS_HISTOGRAM, name, help);
    (void)add_histogram_sample(metrics, sum);
}

/* Counters of the resolver that are no answers. */
static bool is_answer(enum resolver_counter counter)
{
    return counter != RESOLVER_QUERIES_UDP && counter != RESOLVER_QUERIES_TCP &&
           counter != RESOLVER_ANSWERS_DROPPED && counter != RESOLVER_TCP_ACCEPTED &&
           counter != RESOLVER_TCP_TURNED_AWAY && counter != RESOLVER_TLS_FAILED &&
           counter != RESOLVER_SEARCH_NAMES && counter != RESOLVER_KNOWN_MISSING &&
           counter != RESOLVER_ZONE_FAILED && counter != RESOLVER_COOKIES_VALID &&
           counter != RESOLVER_COOKIES_BAD;
}

/* Each query counts once by its transport and once by what became of it: two families, so that each
 * of them can be summed. */
static void fill_dns(const struct worker_counts *counts, struct status_metrics *metrics)
{
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_dns_queries_total",
                          "DNS queries by transport.");
    add_labelled(metrics, "transport", "udp", counts->resolver[RESOLVER_QUERIES_UDP]);
    add_labelled(metrics, "transport", "tcp", counts->resolver[RESOLVER_QUERIES_TCP]);
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_dns_answers_total",
                          "What became of DNS queries.");
    for (int i = 0; i < RESOLVER_COUNTER_COUNT; i++)
        if (is_answer((enum resolver_counter)i))
            add_labelled(metrics, "result", resolver_counter_word((enum resolver_counter)i),
                         counts->resolver[i]);
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_dns_answer_causes_total",
                          "Why some answers were as they were.");
    add_labelled(metrics, "cause", "search_names", counts->resolver[RESOLVER_SEARCH_NAMES]);
    add_labelled(metrics, "cause", "known_missing", counts->resolver[RESOLVER_KNOWN_MISSING]);
    add_labelled(metrics, "cause", "zone_failed", counts->resolver[RESOLVER_ZONE_FAILED]);
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_dns_cookies_total",
                          "Queries with a cookie of a server.");
    add_labelled(metrics, "result", "valid", counts->resolver[RESOLVER_COOKIES_VALID]);
    add_labelled(metrics, "result", "bad", counts->resolver[RESOLVER_COOKIES_BAD]);
    add(metrics, STATUS_COUNTER, "pinhole_dns_tls_failures_total",
        "Connections of DNS over TLS whose handshake failed.",
        (double)counts->resolver[RESOLVER_TLS_FAILED]);
    add(metrics, STATUS_COUNTER, "pinhole_dns_answers_dropped_total",
        "DNS answers that the kernel did not take.",
        (double)counts->resolver[RESOLVER_ANSWERS_DROPPED]);
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_dns_tcp_connections_total",
                          "Connections that bring DNS queries.");
    add_labelled(metrics, "result", "accepted", counts->resolver[RESOLVER_TCP_ACCEPTED]);
    add_labelled(metrics, "result", "turned_away", counts->resolver[RESOLVER_TCP_TURNED_AWAY]);
}

static const char *decision_word(enum reason reason)
{
    if (reason == REASON_OBSERVED)
        return "observe";
    return reason == REASON_ALLOWED ? "allow" : "deny";
}

static void fill_connections(const struct worker_counts *counts, struct status_metrics *metrics)
{
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_gate_connections_total",
                          "Connections through the gate, once each: when it began to pass bytes "
                          "on, or else when it ended.");
    for (int i = 0; i < REASON_COUNT; i++) {
        struct status_sample *sample =
            status_metrics_sample(metrics, (double)counts->connections[i]);
        status_sample_label(sample, "decision", decision_word((enum reason)i));
        status_sample_label(sample, "reason", reason_word((enum reason)i));
    }
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_gate_ends_total",
                          "How connections through the gate ended.");
    for (int i = 0; i < GATE_END_COUNT; i++)
        add_labelled(metrics, "end", gate_end_word((enum gate_end)i), counts->ends[i]);
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_gate_bytes_total",
                          "Bytes that the gate passed on: up to servers, down to clients.");
    add_labelled(metrics, "direction", "up", counts->bytes_up);
    add_labelled(metrics, "direction", "down", counts->bytes_down);
    add(metrics, STATUS_GAUGE, "pinhole_gate_live_connections",
        "Connections through the gate that are open.", (double)counts->live_connections);
}

static void fill_gate(const struct worker_counts *counts, struct status_metrics *metrics)
{
    fill_connections(counts, metrics);
    add(metrics, STATUS_COUNTER, "pinhole_gate_unchecked_addresses_total",
        "Connections that arrived at an address outside of all ranges.",
        (double)counts->unchecked_addresses);
    add(metrics, STATUS_COUNTER, "pinhole_gate_ech_hellos_total",
        "Allowed names whose ClientHello had encrypted_client_hello.",
        (double)counts->hellos_with_ech);
    add_histogram(metrics, "pinhole_gate_decision_seconds",
                  "From a whole ClientHello to the decision.", &counts->decision);
    add_histogram(metrics, "pinhole_gate_connect_seconds",
                  "From known addresses to a connected server.", &counts->connect);
}

static void fill_upstream(const struct worker_counts *counts, struct status_metrics *metrics)
{
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_upstream_names_total",
                          "What happened in the caches of upstream names.");
    for (int i = 0; i < NAME_CACHE_COUNTERS; i++)
        add_labelled(metrics, "event", name_cache_counter_word((enum name_cache_counter)i),
                     counts->names[i]);
    add(metrics, STATUS_GAUGE, "pinhole_upstream_dns_healthy",
        "1 unless the last question to the upstream DNS failed.",
        counts->name_times.failed_s <= counts->name_times.answered_s);
}

/* Servers of the upstream DNS have the zone of all names. */
static void label_server(struct status_sample *sample, const struct dns_server *server)
{
    if (sample == NULL)
        return;
    status_sample_label(sample, "zone", server->zone[0] != '\0' ? server->zone : ".");
    status_sample_label(sample, "server", server->address);
}

static void fill_servers(const struct metrics_parts *parts, struct status_metrics *metrics)
{
    const struct dns_servers servers = dns_servers_look(&parts->servers, &metrics->arena);
    const struct dns_server *end = servers.server + servers.count;
    status_metrics_family(metrics, STATUS_GAUGE, "pinhole_dns_server_healthy",
                          "0 when the last five questions to the server got no answer of use.");
    for (const struct dns_server *at = servers.server; at < end; at++)
        label_server(status_metrics_sample(metrics, server_health_is_good(&at->health)), at);
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_dns_server_failures_total",
                          "Questions to the server that got no answer of use.");
    for (const struct dns_server *at = servers.server; at < end; at++)
        label_server(status_metrics_sample(metrics, (double)at->health.failures), at);
    status_metrics_family(metrics, STATUS_GAUGE,
                          "pinhole_dns_server_last_failure_timestamp_seconds",
                          "When that last happened; 0: never.");
    for (const struct dns_server *at = servers.server; at < end; at++)
        label_server(status_metrics_sample(metrics, (double)at->health.failed_ms[0] / 1e3), at);
    status_metrics_family(metrics, STATUS_HISTOGRAM, "pinhole_dns_server_answer_seconds",
                          "From a question to the server's answer, with the waits for servers that "
                          "were asked before it.");
    for (const struct dns_server *at = servers.server; at < end; at++)
        label_server(add_histogram_sample(metrics, &at->health.answers), at);
}

static void fill_certificates(const struct metrics_parts *parts, struct status_metrics *metrics)
{
    static const enum certificate_counter results[] = { CERTIFICATE_COUNTER_GOOD,
                                                        CERTIFICATE_COUNTER_WRONG,
                                                        CERTIFICATE_COUNTER_UNREACHABLE,
                                                        CERTIFICATE_COUNTER_FAILED };
    static const enum certificate_counter questions[] = { CERTIFICATE_COUNTER_KNOWN,
                                                          CERTIFICATE_COUNTER_SHARED,
                                                          CERTIFICATE_COUNTER_LIMITED };
    const uint64_t *counts = parts->counts->certificates;
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_certificate_probes_total",
                          "Checks of servers' certificates, by what they found.");
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        add_labelled(metrics, "result", certificate_counter_word(results[i]), counts[results[i]]);
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_certificate_questions_total",
                          "Questions about servers that needed no probe of their own.");
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        add_labelled(metrics, "answer", certificate_counter_word(questions[i]),
                     counts[questions[i]]);
    add(metrics, STATUS_COUNTER, "pinhole_certificate_renewals_total",
        "Probes made ahead of a verdict's end.", (double)counts[CERTIFICATE_COUNTER_RENEWALS]);
    add(metrics, STATUS_COUNTER, "pinhole_certificate_overturned_total",
        "Servers that were good and then showed something else.",
        (double)counts[CERTIFICATE_COUNTER_OVERTURNED]);
    add(metrics, STATUS_GAUGE, "pinhole_certificate_verdicts",
        "Verdicts on servers that are kept, and probes under way.",
        (double)certificate_board_size(parts->board));
    add_histogram(metrics, "pinhole_certificate_probe_seconds",
                  "How long checks of servers' certificates took.", &parts->counts->probe);
}

static void fill_rules(const struct counted_states *states, struct status_metrics *metrics)
{
    status_metrics_family(metrics, STATUS_GAUGE, "pinhole_policy_rules",
                          "Rows of the table rule, by what became of them.");
    for (int i = 0; i < STATUS_STATES; i++)
        add_labelled(metrics, "state",
                     i == STATUS_STATE_ANY ? "unjudged" : status_state_word((enum status_state)i),
                     states->by_state[i]);
}

static void fill_policy(const struct metrics_parts *parts, struct status_metrics *metrics)
{
    struct histogram_sum edits = { 0 };
    struct policy_state state = policy_thread_state(parts->policy);
    struct policy *policy = policy_feed_latest(policy_thread_feed(parts->policy));
    add(metrics, STATUS_GAUGE, "pinhole_policy_version", "Rises with every policy that was loaded.",
        (double)policy_version(policy));
    add(metrics, STATUS_GAUGE, "pinhole_policy_rules_in_force", "Rules in force.",
        (double)policy_rule_count(policy));
    policy_unref(policy);
    if (parts->states->look.exists)
        fill_rules(parts->states, metrics);
    add(metrics, STATUS_COUNTER, "pinhole_policy_loads_total", "Policies that came into force.",
        (double)state.loads);
    add(metrics, STATUS_GAUGE, "pinhole_policy_loaded_timestamp_seconds",
        "When the last policy came into force.", (double)state.loaded_s);
    add(metrics, STATUS_COUNTER, "pinhole_policy_load_faults_total",
        "Troubles that kept the policy file from being read.", (double)state.faults);
    add(metrics, STATUS_GAUGE, "pinhole_policy_stale",
        "1 while the policy file can't be read and the last good policy stays in force.",
        state.is_stale);
    add(metrics, STATUS_COUNTER, "pinhole_policy_rule_uses_left_out_total",
        "Decisions of rules that are not counted by themselves for want of room.",
        (double)parts->counts->rule_uses_left_out);
    histogram_add_to(policy_thread_edits(parts->policy), &edits);
    add_histogram(metrics, "pinhole_policy_edit_to_enforced_seconds",
                  "From the last write to the policy file until it is in force.", &edits);
}

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

/* Named as every exporter names them. */
static void fill_process(const struct metrics_parts *parts, struct status_metrics *metrics)
{
    size_t memory_bytes = 0;
    struct rusage usage = { 0 };
    (void)uv_resident_set_memory(&memory_bytes);
    (void)getrusage(RUSAGE_SELF, &usage); /* can only fail for another argument */
    add(metrics, STATUS_COUNTER, "process_cpu_seconds_total", "User and system time.",
        seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime));
    add(metrics, STATUS_GAUGE, "process_open_fds", "Open file descriptors.",
        (double)status_health_descriptors());
    add(metrics, STATUS_GAUGE, "process_max_fds", "The most there may be.",
        (double)socket_descriptor_limit());
    add(metrics, STATUS_GAUGE, "process_resident_memory_bytes", "Resident memory.",
        (double)memory_bytes);
    add(metrics, STATUS_GAUGE, "process_start_time_seconds", "When the process started.",
        (double)parts->started_s);
}

void status_metrics_fill(const struct metrics_parts *parts, struct status_metrics *metrics)
{
    status_metrics_family(metrics, STATUS_GAUGE, "pinhole_build_info", "The version that runs.");
    status_sample_label(status_metrics_sample(metrics, 1), "version", PINHOLE_VERSION);
    add(metrics, STATUS_GAUGE, "pinhole_ready", "1 while new clients are welcome, as /readyz says.",
        parts->is_ready);
    fill_policy(parts, metrics);
    fill_dns(parts->counts, metrics);
    fill_gate(parts->counts, metrics);
    fill_upstream(parts->counts, metrics);
    fill_servers(parts, metrics);
    fill_certificates(parts, metrics);
    add(metrics, STATUS_COUNTER, "pinhole_log_lines_dropped_total",
        "Log lines that were dropped because their reader was too slow.",
        (double)log_thread_dropped(parts->log));
    fill_process(parts, metrics);
}
