/* net/server_health.c - how one DNS server answers. */
#include "net/server_health.h"
#include "base/clock.h"
#include "base/counter.h"

static int64_t read_time(const _Atomic int64_t *time_ms)
{
    return atomic_load_explicit(time_ms, memory_order_relaxed);
}

void server_health_answered(struct server_health *health, int64_t took_ns)
{
    histogram_add(&health->answers, took_ns);
    atomic_store_explicit(&health->latency_ns, (uint64_t)took_ns, memory_order_relaxed);
    atomic_store_explicit(&health->answered_ms, clock_realtime_ms(), memory_order_relaxed);
}

void server_health_failed(struct server_health *health, enum server_fault fault)
{
    uint64_t place = counter_read(&health->failures) % SERVER_FAILS_AFTER;
    atomic_store_explicit(&health->fault, (int)fault, memory_order_relaxed);
    atomic_store_explicit(&health->failed_ms[place], clock_realtime_ms(), memory_order_relaxed);
    counter_add(&health->failures, 1);
}

/* Keeps the latest, the last one first. */
static void add_failure(struct server_health_sum *sum, int64_t failed_ms)
{
    for (int i = 0; i < SERVER_FAILS_AFTER; i++) {
        int64_t earlier = sum->failed_ms[i];
        if (failed_ms <= earlier)
            continue;
        sum->failed_ms[i] = failed_ms;
        failed_ms = earlier;
    }
}

void server_health_add_to(const struct server_health *health, struct server_health_sum *sum)
{
    int64_t answered_ms = read_time(&health->answered_ms);
    int64_t failed_before_ms = sum->failed_ms[0];
    histogram_add_to(&health->answers, &sum->answers);
    sum->failures += counter_read(&health->failures);
    if (answered_ms > sum->answered_ms) {
        sum->answered_ms = answered_ms;
        sum->latency_ns = counter_read(&health->latency_ns);
    }
    for (int i = 0; i < SERVER_FAILS_AFTER; i++)
        add_failure(sum, read_time(&health->failed_ms[i]));
    if (sum->failed_ms[0] > failed_before_ms)
        sum->fault = (enum server_fault)atomic_load_explicit(&health->fault, memory_order_relaxed);
    sum->answer_count = 0;
    for (int i = 0; i <= HISTOGRAM_BOUNDS; i++)
        sum->answer_count += sum->answers.count[i];
}

bool server_health_is_good(const struct server_health_sum *sum)
{
    return sum->answered_ms >= sum->failed_ms[SERVER_FAILS_AFTER - 1];
}

const char *server_fault_words(enum server_fault fault)
{
    switch (fault) {
    case SERVER_TIMED_OUT:
        return "the last question timed out";
    case SERVER_UNREACHABLE:
        return "it could not be reached for the last question";
    case SERVER_USELESS:
        break;
    }
    return "the last question got no answer of use";
}
