#!/usr/bin/env bash
# Every shell script parses; those to be run can be, and stop at the first failure.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0
complain()
{
    echo "$*"
    status=1
}

while read -r script; do
    bash -n "$script" || complain "$script: does not parse"
    head -1 "$script" | grep -q '^#!' || continue # one that others source
    [ -x "$script" ] || complain "$script: begins with #! but is not executable"
    grep -q '^set -euo pipefail$\|^source .*/common.sh"$' "$script" ||
        complain "$script: neither sets -euo pipefail nor sources common.sh"
done < <(find . -path ./build -prune -o \( -name '*.sh' -o -path './.ci/run' \) -type f -print)
exit $status
