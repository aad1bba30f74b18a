#!/usr/bin/env bash
# What `make demo` tells, step by step, inside the namespaces that demo.sh made. Each step says what should
# happen and runs the command that shows it; the first that goes otherwise ends the story with exit 1.
source "$(dirname "$0")/common.sh"
source scripts/demo_internet.sh

room=$(mktemp -d)
trap 'stop_all; rm -rf "$room"' EXIT
trap 'exit 130' INT TERM HUP PIPE

# say TEXT: what comes next.
say() { printf '\n%s\n' "$*"; }

# Prints a command as a person would type it.
print_command()
{
    local word
    printf '  $'
    for word in "$@"; do
        case $word in
        *\'*) printf ' "%s"' "$word" ;;
        *[!A-Za-z0-9@%+=:,./_-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    echo
}

# show STATUS PATTERN COMMAND...: prints the command and what it says, and ends the demo unless it exits with
# STATUS and says something that matches PATTERN (of grep -E; lines are joined).
show()
{
    local expected=$1 pattern=$2 status=0 output
    shift 2
    print_command "$@"
    output=$("$@" 2>&1) || status=$?
    [ -z "$output" ] || sed 's/^/    /' <<<"$output"
    [ $status = "$expected" ] || fail "this should have exited with $expected, not $status"
    tr '\n' ' ' <<<"$output" | grep -qiE "$pattern" || fail "this should have said: $pattern"
}

is_resolved() { [ -n "$(dig +short "$1")" ]; }

allowed=my-bucket.storage.googleapis.com
other=other-bucket.storage.googleapis.com

start_internet
cd "$room"
mkdir bin
ln -s "$PINHOLE" bin/pinhole
PATH=$room/bin:$PATH
printf 'silent\nshow-error\nmax-time = 10\nnoproxy = "*"\n' >.curlrc
export CURL_HOME=$room

say "One bucket is allowed, nothing else. A rule is a row (the setting opens the stand-in's addresses):"
show 0 policy.db pinhole init --db policy.db
show 0 '' sqlite3 policy.db "INSERT INTO rule (target) VALUES ('$allowed')"
show 0 '' sqlite3 policy.db "UPDATE setting SET value = '203.0.113.0/24' WHERE name = 'allowed_private_networks'"

say "Pinhole serves DNS and the TLS gate on an address of its own; resolv.conf points to it:"
export PINHOLE_LAME_DUCK_SECONDS=0 # nobody else comes
serve=(pinhole serve --db policy.db --ca-file demo-ca.pem --dns-listen $pinhole_address:53 --tls-listen $pinhole_address:443
    --upstream-dns $dns_server)
print_command "${serve[@]}"
mkfifo ready
"${serve[@]}" >ready 2>pinhole.log &
started+=($!)
read -r -t 20 ready_line <ready || {
    cat pinhole.log >&2
    fail "pinhole did not get ready"
}
echo "    $ready_line"

say "The allowed bucket: an ordinary client, no proxy setting, the server's own certificate."
show 0 'hello from my-bucket' curl --cacert demo-ca.pem https://$allowed/hello.txt

say "Another bucket of the same provider does not exist for this client,"
show 6 'could not resolve' curl --cacert demo-ca.pem https://$other/hello.txt

say "and DNS says why (EDE 15, Blocked):"
show 0 'NXDOMAIN.*no rule allows it' dig +noall +comments $other

say "Going around DNS does not help: the gate reads the server name and refuses it."
show 35 'unrecognized name' curl --cacert demo-ca.pem --resolve $other:443:$pinhole_address https://$other/hello.txt

say "Why, in Pinhole's own words:"
show 0 'no rule allows it' pinhole explain --db policy.db $other

say "Allow it while Pinhole runs, and the same fetch passes:"
show 0 '' sqlite3 -cmd '.timeout 2000' policy.db "INSERT INTO rule (target) VALUES ('$other')"
eventually 5 is_resolved $other # within 100 ms, that is
show 0 'hello from other-bucket' curl --cacert demo-ca.pem https://$other/hello.txt

say "All of it behaved as told. \`make run\` serves a policy of your own."
