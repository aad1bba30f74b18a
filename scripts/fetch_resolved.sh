#!/usr/bin/env bash
# Unpacks the distribution's systemd-resolved, with the libraries that it lacks here, into build/resolved, for the tests.
# It is not installed: its package would change the machine's own resolv.conf. Needs no root. Does nothing where the
# machine or build/resolved has it. Where it can't be had it says so in a line: its tests are left out then.
source "$(dirname "$0")/common.sh"

leave_out()
{
    echo "tests with systemd-resolved are left out: $1" >&2
    exit 0
}

# apt, which as root would else warn that its own user can't write here.
apt()
{
    apt-get -o APT::Sandbox::User=root "$@"
}

# download APT_OPTION...: the packages, to $new. Options say where the lists of packages are.
download()
{
    local simulation libraries
    simulation=$(apt "$@" install --simulate --no-install-recommends libsystemd-shared) || return
    libraries=$(sed -n 's/^Inst \(lib[^ ]*\) .*/\1/p' <<<"$simulation")
    (cd "$new" && apt "$@" download systemd-resolved libsystemd-shared $libraries)
}

# A machine without lists, or with outdated ones, gets fresh ones, which are not kept.
download_by_fresh_lists()
{
    local options=(-o "Dir::State::Lists=$new/lists" -o "Dir::Cache=$new/cache")
    rm -f "$new"/*.deb
    mkdir -p "$new/lists" "$new/cache"
    apt "${options[@]}" update && download "${options[@]}"
}

if [ -e build/resolved ] || [ -e /lib/systemd/systemd-resolved ]; then
    exit 0
fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || leave_out "this system has no apt"
new=$PWD/build/resolved.new log=build/resolved.log
rm -rf "$new"
mkdir -p "$new/root"
trap 'rm -rf "$new"' EXIT
echo "unpacking systemd-resolved"
{ download || download_by_fresh_lists; } >"$log" 2>&1 || leave_out "apt can't get it; $log says why"
for package in "$new"/*.deb; do
    dpkg-deb -x "$package" "$new/root" || leave_out "what apt got can't be unpacked"
done
mv "$new/root" build/resolved
