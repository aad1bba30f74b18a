#!/usr/bin/env bash
# Measures the DNS server: scripts/bench.sh [ROUNDS]. bench/README.md says what and how.
source "$(dirname "$0")/common.sh"

scripts/install_packages.sh build bench
build release pinhole dns-echo dns-load
exec python3 bench/dns/compare.py build/release "$@"
