"""How long a client waits for its server's first byte, with a network that takes its time between gate and server:
delay.py BUILD [NAMES [MILLISECONDS]].

The server is in a namespace of its own, behind a link on which a packet and its answer take MILLISECONDS. Prints a
table; takes half a minute."""
import collections
import contextlib
import fcntl
import os
import pathlib
import select
import shutil
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

import gates
import machine
import report
from support.chains import TestCA

GATE_END, SERVER_END = "100.127.0.1", "100.127.0.2"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PACKET_MAX = 65536
VERSIONS = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}


def sh(line, holder=None):
    """In the namespace of the process `holder`, or here."""
    there = ["nsenter", "-t", str(holder.pid), "-n"] if holder else []
    subprocess.run([*there, *line.split()], check=True)


def open_tun(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def take_all(end):
    """The packets that wait there."""
    with contextlib.suppress(BlockingIOError):
        while True:
            yield os.read(end, PACKET_MAX)


def carry(ends, delay_s):
    """Hands each packet of one end to the other after `delay_s`, until the devices are gone."""
    other, on_their_way = dict(zip(ends, reversed(ends))), collections.deque()
    with contextlib.suppress(OSError):
        while True:
            left_s = max(0.0, on_their_way[0][0] - time.monotonic()) if on_their_way else None
            for end in select.select(ends, [], [], left_s)[0]:
                on_their_way += [(time.monotonic() + delay_s, other[end], packet) for packet in take_all(end)]
            while on_their_way and on_their_way[0][0] <= time.monotonic():
                _, end, packet = on_their_way.popleft()
                os.write(end, packet)


def try_netem(holder, round_trip_ms):
    """A pair of devices that the kernel delays. False where it has no netem."""
    sh(f"ip link add far type veth peer name near netns {holder.pid}")
    asked = subprocess.run(f"tc qdisc add dev far root netem delay {round_trip_ms}ms".split(), capture_output=True)
    if asked.returncode != 0:
        sh("ip link del far")
    return asked.returncode == 0


def lay_link(holder, round_trip_ms):
    """Joins this namespace ("far") and that of `holder` ("near"). Returns what delays the packets."""
    ends = None
    if not try_netem(holder, round_trip_ms):
        ends = [open_tun("far"), open_tun("near")]
        sh(f"ip link set near netns {holder.pid}")
    for name, own, peer, there in (("far", GATE_END, SERVER_END, None), ("near", SERVER_END, GATE_END, holder)):
        sh(f"ip addr add {own}/30 dev {name}", there)
        sh(f"ip link set {name} up", there)
    server = gates.SERVER.split(":")[0]
    sh("ip link set lo up", holder)
    sh(f"ip addr add {server}/32 dev lo", holder)
    sh(f"ip addr del {server}/32 dev lo")
    sh(f"ip route add {server}/32 via {SERVER_END}")
    if ends is None:
        return "netem"
    threading.Thread(target=carry, args=(ends, round_trip_ms / 2000), daemon=True).start()
    return "two TUN devices, for this kernel has no netem"


def hello(name, version):
    """A ClientHello by the real library."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name).do_handshake()
    return sent.read()


def first_byte_ms(address, name, version):
    """From before connecting."""
    message = hello(name, version)
    host, port = address.split(":")
    started_s = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(message)
        first = client.recv(1)
    if first != b"\x16":
        raise RuntimeError(f"{name} was not let through: {first}")
    return (time.monotonic() - started_s) * 1000


def measure(gate, version, names):
    """Of names that the gate has not met, and of the same once more."""
    return [[first_byte_ms(gate.address, name, version) for name in names] for _ in ("new", "again")]


def measure_all(found, count):
    """By label. Each version has names of its own: a verdict is on a version too."""
    times = {}
    names = gates.allowed_names()
    for number, version in enumerate(VERSIONS):
        some = names[number * count:(number + 1) * count]
        for mode, gate in found.items():
            new, again = measure(gate, version, some)
            times[f"TLS {version}, {mode}, new name"] = new
            times[f"TLS {version}, {mode}, again"] = again
    return times


def print_table(times, round_trip_ms):
    report.print_heading("first byte: ms", "median", "least", "most", "to none", "trips")
    for label, values in times.items():
        version, _, when = label.split(", ")
        median, none = statistics.median(values), statistics.median(times[f"{version}, none, {when}"])
        report.print_row(label, report.cell(median, 1), report.cell(min(values), 1), report.cell(max(values), 1),
                         report.cell(median - none, 1), report.cell(median / round_trip_ms, 1))


def make_gates(build, folder, ca_file):
    """By what they are called in the table."""
    found = {"none": gates.checking_gate(build, folder, "none", ca_file, "127.0.0.1:2001")}
    for port, cold_start in ((2002, "parallel"), (2003, "serial")):
        found[cold_start] = gates.checking_gate(build, folder, "chain", ca_file, f"127.0.0.1:{port}", cold_start)
    return found


def run(build, folder, count, round_trip_ms):
    ca = TestCA(folder)
    with subprocess.Popen(["unshare", "-n", "sh", "-c", "echo there; exec cat"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        by = lay_link(holder, round_trip_ms)
        found = make_gates(build, folder, ca.path("root"))
        started = [gates.web_server(ca, folder, gates.SERVER, holder.pid), gates.authority(folder), *found.values()]
        try:
            for process in started:
                process.start()
            times = measure_all(found, count)
        finally:
            for process in reversed(started):
                process.stop()
            holder.stdin.close()
    report.print_setting(f"{count} names, one after the other; a round trip between gate and server takes "
                         f"{round_trip_ms} ms, by {by}")
    print_table(times, round_trip_ms)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    round_trip_ms = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    machine.prepare()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pinhole-bench-"))
    try:
        run(build, folder, count, round_trip_ms)
    except (RuntimeError, OSError, subprocess.CalledProcessError) as failure:
        sys.exit(f"{failure}\nlogs are in {folder}")
    shutil.rmtree(folder)


main()
