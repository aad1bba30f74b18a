/* app/status_health.h - the health that the status page shows, but for what stands in tables. */
#pragma once
#include "app/dns_servers.h"
#include "app/policy_thread.h"
#include "app/worker.h"
#include "status/status_data.h"

struct log_thread;

/* Where it comes from; borrowed. */
struct health_parts {
    const struct options *options;
    struct dns_servers_parts servers;
    struct policy_thread *policy;
    const struct log_thread *log;
    int64_t started_s;
    const char *not_ready; /* NULL: it is ready */
};

/* Any thread. */
void status_health_fill(const struct health_parts *parts, struct status_health *health);

/* Descriptors that are open now. */
uint64_t status_health_descriptors(void);
