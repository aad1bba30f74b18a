#!/usr/bin/env bash
# Everything that must pass, stage by stage, stopping at the first that does not:
#     scripts/test.sh [release|asan|tsan|fuzz]...
# Without a stage named, all of them. Only the installing at the start may need the network.
source "$(dirname "$0")/common.sh"
stages=("$@")
[ $# -gt 0 ] || stages=(release asan tsan fuzz)

# Debian's Python has Debian's pytest and dnspython; another one may come first in PATH.
python=/usr/bin/python3

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

# unit_and_system PRESET [COMMAND...]: a preset's CTest tests, then the system tests on its binary, those marked
# quick alone where a sanitizer makes them slow. COMMAND runs them all.
unit_and_system()
{
    local preset=$1
    shift
    # Each pytest process has namespaces of its own; most tests wait most of the time.
    local system=("$python" -m pytest -p no:cacheprovider tests/system -n "$((2 * $(nproc)))")
    [ "$preset" = release ] || system+=(-m quick)
    build "$preset" all
    "$@" ctest --test-dir "build/$preset" --no-tests=error --output-on-failure -j "$(nproc)"
    PINHOLE=$PWD/build/$preset/app/pinhole "$@" "${system[@]}"
}

# ThreadSanitizer needs the kernel to lay memory out with less randomness than newer ones do. Prints the
# command that arranges it; nothing where none is needed.
tsan_runner()
{
    local probe=build/tsan_probe
    mkdir -p build
    echo 'int main(void) { return 0; }' | cc -fsanitize=thread -x c - -o "$probe"
    if ! "$probe" >/dev/null 2>&1; then
        setarch -R "$probe" >/dev/null || fail "ThreadSanitizer does not run here, not even under setarch -R"
        echo setarch -R
    fi
}

run_stage()
{
    case $1 in
    release | asan) unit_and_system "$1" ;;
    tsan)
        local runner
        runner=$(tsan_runner)
        unit_and_system tsan $runner
        ;;
    fuzz) scripts/fuzz.sh 20 ;;
    esac
}

for stage in "${stages[@]}"; do
    case $stage in
    release | asan | tsan | fuzz) ;;
    *) fail "no such stage: $stage; they are release, asan, tsan and fuzz" ;;
    esac
done

summary=()
current=installing
trap '[ $? = 0 ] || echo "test: $current FAILED" >&2' EXIT
scripts/install_packages.sh build test fuzz
scripts/install_browser_tests.sh
scripts/fetch_resolved.sh
for current in "${stages[@]}"; do
    echo "== $current"
    started=$SECONDS
    run_stage "$current"
    summary+=("test: $current passed in $((SECONDS - started)) s")
done
printf '%s\n' '==' "${summary[@]}"
