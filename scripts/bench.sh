#!/usr/bin/env bash
# Measures: scripts/bench.sh [dns|scrape|gate|checks|all] [ROUNDS [write]]. bench/README.md says what and how. With `write`
# the tables also replace those in docs/benchmarks.md.
source "$(dirname "$0")/common.sh"

which=${1:-all} rounds=${2:-5} write=${3:-}
[[ $which =~ ^(dns|scrape|gate|checks|all)$ && $rounds =~ ^[1-9][0-9]*$ && $write =~ ^(write)?$ ]] ||
    fail "usage: $0 [dns|scrape|gate|checks|all] [ROUNDS [write]]"

# The rounds of scrapes and of checks are short, and what they look for is small.
run_dns() { python3 bench/dns/compare.py build/release "$rounds"; }
run_scrape() { python3 bench/status/scrape.py build/release $((4 * rounds)); }
run_gate() { python3 bench/gate/compare.py build/release "$rounds"; }
run_checks() { python3 bench/gate/checks.py build/release $((5 * rounds)) && python3 bench/gate/delay.py build/release; }

# measure NAME: runs one bench and shows its tables.
measure()
{
    echo
    "run_$1" | tee "build/bench-$1.txt"
    [ -z "$write" ] || python3 bench/write_document.py docs/benchmarks.md "$1" "build/bench-$1.txt"
}

scripts/install_packages.sh build bench
build release pinhole dns-echo dns-load gate-relay gate-server gate-load gate-tls-load
for name in dns scrape gate checks; do
    [ "$which" != all ] && [ "$which" != "$name" ] || measure "$name"
done
