#!/usr/bin/env bash
# Runs each libFuzzer harness of tests/fuzz for so many seconds: scripts/fuzz.sh [SECONDS]. New inputs go to
# build/fuzz/corpus/, so the tree stays as it is; what a crash took stays in build/fuzz/findings/.
source "$(dirname "$0")/common.sh"
seconds=${1:-${FUZZ_SECONDS:-300}}

scripts/install_packages.sh build fuzz
build fuzz all fuzzers

# fuzz NAME: one harness, its output in a file of its own.
fuzz()
{
    local name=$1 work=build/fuzz/corpus/$1 log=build/fuzz/$1.log
    local known=tests/fuzz/corpus/$name
    mkdir -p "$work"
    local corpora=("$work")
    [ ! -d "$known" ] || corpora+=("$known")
    if ! "build/fuzz/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build/fuzz/findings/$name-" -print_final_stats=1 "${corpora[@]}" >"$log" 2>&1; then
        grep -v '^#' "$log" | tail -60
        echo "fuzz: $name: FAILED; the whole output is in $log. Reproduce:"
        echo "    build/fuzz/tests/fuzz/${name}_fuzz $(ls -t build/fuzz/findings/"$name"-* 2>/dev/null | head -1)"
        return 1
    fi
    sed -n "s/^stat::number_of_executed_units: */fuzz: $name: passed, inputs: /p" "$log"
}

mkdir -p build/fuzz/findings
names=()
for harness in tests/fuzz/*_fuzz.c; do
    [ -e "$harness" ] || fail "there is no harness in tests/fuzz"
    names+=("$(basename "$harness" _fuzz.c)")
done

# One harness a core at a time; they are independent of each other.
export -f fuzz
export seconds
printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I{} bash -euo pipefail -c 'fuzz {}' ||
    fail "a harness found something"
