#!/usr/bin/env bash
# Puts the packages that tests/browser/ needs into build/browser, as its lock file has them; does nothing where they are.
# Where they can't be had it says so in a line: the browser tests are left out then.
source "$(dirname "$0")/common.sh"

leave_out()
{
    echo "browser tests are left out: $1" >&2
    exit 0
}

needed=20
mkdir -p build/browser
if [ -e build/browser/node_modules ] &&
    cmp --silent tests/browser/package-lock.json build/browser/package-lock.json; then
    exit 0
fi
command -v node >/dev/null && command -v npm >/dev/null || leave_out "there is no Node with npm"
version=$(node -p 'process.versions.node.split(".")[0]')
[ "$version" -ge "$needed" ] || leave_out "they need Node $needed, and this is $version"
cp tests/browser/package.json tests/browser/package-lock.json build/browser/
if ! npm ci --prefix build/browser --ignore-scripts --no-audit --no-fund --loglevel=error; then
    rm -rf build/browser/node_modules
    leave_out "npm could not install their packages"
fi
