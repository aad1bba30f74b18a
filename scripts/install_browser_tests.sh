#!/usr/bin/env bash
# Puts the packages that tests/browser/ needs into build/browser, as its lock file has them; does nothing where they are.
source "$(dirname "$0")/common.sh"

mkdir -p build/browser
if [ -e build/browser/node_modules ] &&
    cmp --silent tests/browser/package-lock.json build/browser/package-lock.json; then
    exit 0
fi
cp tests/browser/package.json tests/browser/package-lock.json build/browser/
npm ci --prefix build/browser --ignore-scripts --no-audit --no-fund --loglevel=error
