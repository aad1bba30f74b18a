# What the scripts share; sourced, never run. Moves to the repository's root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail()
{
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# build PRESET TARGET...: configures build/PRESET and builds the targets, and speaks only when it matters.
build()
{
    local preset=$1
    shift
    local log=build/$preset.log
    mkdir -p build
    echo "building $preset: $*"
    if ! { cmake --preset "$preset" && cmake --build --preset "$preset" -j "$(nproc)" --target "$@"; } \
        >"$log" 2>&1; then
        cat "$log" >&2
        fail "the $preset build failed; its output is above and in $log"
    fi
}
