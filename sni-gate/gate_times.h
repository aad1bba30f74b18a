/* sni-gate/gate_times.h - how long the gate's work took. */
#pragma once
#include "base/histogram.h"

/* Of one worker; any thread reads. */
struct gate_times {
    struct histogram decision; /* from a whole ClientHello to what becomes of it */
    struct histogram connect;  /* from known addresses to a connected server */
};
