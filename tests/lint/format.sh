#!/usr/bin/env bash
# Every C file is laid out as .clang-format says; `make format` makes it so.
set -euo pipefail
cd "$(dirname "$0")/../.."

python3 tests/lint/sources.py . | xargs -r clang-format --dry-run -Werror
