/* app/status_metrics.h - the metrics: stable names, of which docs/operating.md has each. */
#pragma once
#include "app/dns_servers.h"
#include "app/status_tables.h"
#include "app/worker.h"
#include "status/status_data.h"

struct certificate_board;
struct log_thread;
struct policy_thread;

/* What they are made of; borrowed. */
struct metrics_parts {
    const struct worker_counts *counts; /* of all workers */
    struct dns_servers_parts servers;
    struct policy_thread *policy;
    const struct log_thread *log;
    struct certificate_board *board;
    const struct counted_states *states; /* look.exists false: not counted yet */
    int64_t started_s;
    bool is_ready;
};

void status_metrics_fill(const struct metrics_parts *parts, struct status_metrics *metrics);
