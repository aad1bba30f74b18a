#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that are missing for the purposes named: build test demo bench fuzz.
# Touches neither the network nor the system when all are there.
set -euo pipefail

# One word a package; a|b is the first of them that this release of the distribution has.
packages_for()
{
    case $1 in
    build) # what `make run` needs: libraries, and the clients whose commands it prints
        command -v cc >/dev/null || echo gcc libc6-dev
        command -v cmake >/dev/null || echo cmake
        echo 'pkg-config|pkgconf' libuv1-dev libc-ares-dev libldns-dev libsqlite3-dev libssl-dev libmicrohttpd-dev
        echo sqlite3 'bind9-dnsutils|dnsutils' curl ca-certificates
        ;;
    demo)
        echo sqlite3 'bind9-dnsutils|dnsutils' curl openssl 'nginx-light|nginx' nsd iproute2
        ;;
    test)
        packages_for demo
        echo 'chromium|'
        # Where this Node is too old for the browser tests, or has no npm, they are left out.
        command -v node >/dev/null || echo 'nodejs|'
        echo libcmocka-dev clang-format clang-tidy python3 python3-pytest python3-pytest-xdist python3-dnspython haproxy
        # Resolvers of many hands. Tests use Node and Java too, but only where they are already, as they are large; and
        # systemd-resolved, which fetch_resolved.sh unpacks: installed, it would change the machine's own resolv.conf.
        echo knot-dnsutils ldnsutils musl-tools
        echo prometheus # for promtool, which reads metrics and rules as Prometheus does
        command -v go >/dev/null || echo 'golang-go|'
        ;;
    fuzz)
        # The ending | says optional: some releases keep libFuzzer in clang itself and have no such package.
        echo clang
        has_fuzzer_runtime || echo 'libclang-rt-dev|libclang-rt-14-dev|'
        ;;
    bench)
        # The ending | says optional: a server or a counter that this release lacks is left out of the comparison.
        echo python3 sqlite3 iproute2 nsd
        echo 'haproxy|' 'nginx-light|nginx|' 'libnginx-mod-stream|' 'sniproxy|' 'linux-perf|linux-tools-generic|'
        echo 'dnsdist|' 'unbound|' 'knot|' 'knot-resolver|' 'bind9|' 'pdns-recursor|' 'dnsmasq-base|'
        ;;
    *)
        echo "usage: $0 build|test|demo|bench|fuzz..." >&2
        exit 2
        ;;
    esac
}

has_fuzzer_runtime()
{
    command -v clang >/dev/null &&
        find "$(clang -print-resource-dir)/" -name 'libclang_rt.fuzzer*.a' | grep -q .
}

is_installed()
{
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Of "a|b", whether any is installed.
is_satisfied()
{
    local package
    for package in ${1//|/ }; do
        is_installed "$package" && return
    done
    return 1
}

# Of "a|b", the first that can be installed; nothing for "a|" where a is unknown.
choose()
{
    local package
    for package in ${1//|/ }; do
        if [ -n "$(apt-cache show --no-all-versions "$package" 2>/dev/null)" ]; then
            echo "$package"
            return
        fi
    done
    [[ $1 == *'|' ]] || echo "${1%%|*}" # let apt say that there is no such package
}

# Runs a command as root. `-n`: never asks where there is nobody to answer.
as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

may_become_root()
{
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }
}

# Only the programs of nginx, nsd and other servers are wanted, run by tests and benches as they need them, not
# services on this machine. policy-rc.d is Debian's own switch for that: while it exits 101, packages start nothing. It exists
# only while apt runs, and one that the machine has already is left alone. Unlike masking the units it leaves
# nothing behind; what a package enabled for the next boot is disabled again, in services of this run alone.
install_quietly()
{
    local switch=/usr/sbin/policy-rc.d made_switch=no status=0 pair
    if [ ! -e "$switch" ]; then
        made_switch=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$switch" >/dev/null
        as_root chmod 755 "$switch"
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
        trap 'exit 130' INT TERM
    fi
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "$@" || status=$?
    if [ "$made_switch" = yes ]; then
        as_root rm -f "$switch"
        trap - EXIT INT TERM
        for pair in nginx{,-light}=nginx nsd=nsd haproxy=haproxy sniproxy=sniproxy dnsdist=dnsdist unbound=unbound \
            knot=knot knot-resolver=kresd@1 bind9=named pdns-recursor=pdns-recursor prometheus=prometheus; do
            [[ " $* " == *" ${pair%=*} "* ]] && [ -d /run/systemd/system ] &&
                as_root systemctl --quiet disable "${pair#*=}" 2>/dev/null || true
        done
    fi
    return $status
}

[ $# -gt 0 ] || packages_for ''
wanted=$(for purpose in "$@"; do packages_for "$purpose"; done)

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    libraries='libuv libcares ldns sqlite3 libmicrohttpd'
    [[ $wanted != *libcmocka-dev* ]] || libraries+=' cmocka'
    pkg-config --exists $libraries 2>/dev/null && exit 0
    echo "$0: this system has no apt; install what it calls: $libraries (with headers); for all: $(echo $wanted)" >&2
    exit 1
fi

missing=()
for package in $(tr ' ' '\n' <<<"$wanted" | sort -u); do
    is_satisfied "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! may_become_root; then
    echo "$0: some packages are missing and this is neither root nor sudo. Please run:" >&2
    echo "    sudo apt-get install ${missing[*]%%|*}" >&2
    exit 1
fi

echo "installing: ${missing[*]%%|*}"
as_root apt-get update --quiet=2
chosen=()
for package in "${missing[@]}"; do
    chosen+=($(choose "$package"))
done
install_quietly "${chosen[@]}"
