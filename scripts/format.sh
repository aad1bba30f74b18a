#!/usr/bin/env bash
# Lays out every C file by .clang-format.
source "$(dirname "$0")/common.sh"
command -v clang-format >/dev/null || scripts/install_packages.sh test

python3 tests/lint/sources.py . | xargs -r clang-format -i
