#!/usr/bin/env bash
# Builds Pinhole and serves policy.db on 127.0.0.1, after printing commands to try from another terminal.
source "$(dirname "$0")/common.sh"

scripts/install_packages.sh build
build release pinhole
pinhole=build/release/app/pinhole

if [ ! -e policy.db ]; then
    "$pinhole" init --db policy.db >/dev/null
    sqlite3 policy.db "INSERT INTO rule (target, comment) VALUES
        ('example.com', 'an example'),
        ('my-bucket.storage.googleapis.com', 'one bucket, and no other');"
    echo "made policy.db with two rules: sqlite3 policy.db 'SELECT target, comment FROM rule'"
fi

cat <<EOT

Pinhole serves policy.db in this terminal; Ctrl-C stops it. In another one, here:

  An allowed name is answered with the gate's address, and the gate lets its connection through:
    dig @127.0.0.1 -p 5300 example.com
    curl --connect-to example.com:443:127.0.0.1:8443 https://example.com/

  Any other name does not exist (look for EDE), and the gate refuses it:
    dig @127.0.0.1 -p 5300 example.org
    curl --connect-to example.org:443:127.0.0.1:8443 https://example.org/

  Why, step by step:
    $pinhole explain --db policy.db example.org

  See it all at a glance:
    http://127.0.0.1:9180/

  Allow it; that holds within a tenth of a second:
    sqlite3 -cmd '.timeout 2000' policy.db "INSERT INTO rule (target) VALUES ('example.org')"

EOT
exec "$pinhole" serve --db policy.db
