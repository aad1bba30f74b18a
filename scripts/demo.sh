#!/usr/bin/env bash
# Shows Pinhole at work without an internet: this moves into a network and a mount namespace of its own, where
# demo_internet.sh makes a small stand-in and demo_story.sh tells what can be reached in it. Exits with 1 if
# anything does not behave as told. PINHOLE names a binary to show in place of one built here.
source "$(dirname "$0")/common.sh"

if [ -z "${PINHOLE:-}" ]; then
    scripts/install_packages.sh build demo
    build release pinhole
    PINHOLE=$PWD/build/release/app/pinhole
fi
PINHOLE=$(realpath "$PINHOLE")
export PINHOLE

namespaces=(--net --mount)
[ "$(id -u)" = 0 ] || namespaces=(--map-root-user "${namespaces[@]}")
refusal=$(unshare "${namespaces[@]}" true 2>&1) ||
    fail "this needs namespaces of its own (${refusal:-refused}): be root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)"
exec unshare "${namespaces[@]}" scripts/demo_story.sh
