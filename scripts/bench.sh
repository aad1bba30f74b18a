#!/usr/bin/env bash
# Measures: scripts/bench.sh [dns|gate|all] [ROUNDS [write]]. bench/README.md says what and how. With `write` the
# tables also replace those in docs/benchmarks.md.
source "$(dirname "$0")/common.sh"

which=${1:-all} rounds=${2:-5} write=${3:-}
[[ $which =~ ^(dns|gate|all)$ && $rounds =~ ^[1-9][0-9]*$ && $write =~ ^(write)?$ ]] ||
    fail "usage: $0 [dns|gate|all] [ROUNDS [write]]"

# measure NAME: runs one bench and shows its tables.
measure()
{
    echo
    python3 "bench/$1/compare.py" build/release "$rounds" | tee "build/bench-$1.txt"
    [ -z "$write" ] || python3 bench/write_document.py docs/benchmarks.md "$1" "build/bench-$1.txt"
}

scripts/install_packages.sh build bench
build release pinhole dns-echo dns-load gate-relay gate-server gate-load
for name in dns gate; do
    [ "$which" != all ] && [ "$which" != "$name" ] || measure "$name"
done
