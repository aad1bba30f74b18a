"""A network and a mount namespace of the tests' own, where that is permitted.

There no port is taken, no packet leaves, addresses of the public internet can be given to the loopback interface,
and files can be mounted over."""
import ctypes
import os
import subprocess

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000

# Addresses that the loopback interface gets: public ones, and some that must never be dialled.
PUBLIC_V4, PUBLIC_V6 = "11.22.33.44", "2606:4700::44"
EXTRA_ADDRESSES = [PUBLIC_V4, PUBLIC_V6, "10.1.2.3", "169.254.169.254", "100.64.0.9", "100.100.100.200",
                   "168.63.129.16", "192.0.0.192", "192.0.2.9", "198.18.0.9", "fd00::9", "fd00:ec2::254",
                   "2001:db8::9"]

is_isolated = False


def _unshare(flags):
    return ctypes.CDLL(None, use_errno=True).unshare(flags) == 0


def _become_root_inside(uid, gid):
    for name, line in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(line)


def enter():
    """Moves this process into namespaces of its own. To be called before any thread is started."""
    global is_isolated
    uid, gid = os.getuid(), os.getgid()
    if is_isolated:
        return
    if not _unshare(CLONE_NEWNET | CLONE_NEWNS):
        if uid == 0 or not _unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS):
            return
        _become_root_inside(uid, gid)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in EXTRA_ADDRESSES:
        options = ["nodad"] if ":" in address else []
        subprocess.run(["ip", "addr", "add", f"{address}/{128 if ':' in address else 32}", "dev", "lo", *options],
                       check=True)
    is_isolated = True


def with_file_over(over, source):
    """The start of a command that sees the content of `source` at the path `over`."""
    return ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', str(source), str(over)]
