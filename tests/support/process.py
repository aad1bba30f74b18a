"""Child processes, deadlines and ports.

Every wait has a deadline that only a hang should reach, and every deadline is multiplied by SLOWNESS: builds with
sanitizers are 5 to 15 times slower, and a machine may be busy with other things."""
import os
import pathlib
import random
import select
import socket
import subprocess
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PINHOLE = pathlib.Path(os.environ.get("PINHOLE", REPOSITORY / "build/release/app/pinhole"))


def _has_sanitizer(binary):
    if not binary.exists():
        return False
    image = binary.read_bytes()
    return any(mark in image for mark in (b"__asan_init", b"__tsan_init", b"__ubsan_handle"))


IS_SANITIZED = _has_sanitizer(PINHOLE)
SLOWNESS = 10 if IS_SANITIZED else 6
PORTS = range(10000, 32768)  # below those that the kernel gives to whoever asks for any


class Deadline:
    """A point in time, `seconds` (times SLOWNESS) from now."""

    def __init__(self, seconds):
        self._end = time.monotonic() + seconds * SLOWNESS

    def left(self):
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    def passed(self):
        return self.left() == 0


def eventually(probe, seconds, what):
    """Calls `probe` until it returns something true, and returns that. For what nobody announces: the answer of
    another program, a number in /proc. The pause keeps the probe from starving what it waits for."""
    deadline = Deadline(seconds)
    while True:
        found = probe()
        if found:
            return found
        if deadline.passed():
            raise AssertionError(f"not within {seconds * SLOWNESS} s: {what}")
        select.select([], [], [], 0.002)


def undisturbed(act, seconds, what):
    """Calls `act` until it took less than `seconds`, and returns what it then returned. For what Pinhole itself has so
    little time: where the machine stood still for as long, the outcome proves nothing."""
    def attempt():
        begun = time.monotonic()
        outcome = act()
        return [outcome] if time.monotonic() - begun < seconds else None

    return eventually(attempt, 20, what)[0]


def best_of(tries, seconds, act, what):
    """Calls `act` until it took, as it says itself, less than `seconds`. A contract's bound that a machine which stands
    still may break once, but not so many times on end: it is not multiplied, and holds for builds without sanitizers."""
    taken = []
    while len(taken) < tries and (not taken or taken[-1] >= bound(seconds)):
        taken.append(act())
    print(f"{what}: {', '.join(f'{1000 * took:.0f}' for took in taken)} ms")
    assert taken[-1] < bound(seconds), f"{what}: never within {bound(seconds)} s, but {taken}"


def bound(seconds):
    """That of a contract; sanitizers make everything slower."""
    return seconds * SLOWNESS if IS_SANITIZED else seconds


def spawn(command, **options):
    """A child that the kernel ends if the tests die."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, command)], **options)


def run(command, seconds=20, **options):
    """A child that is waited for; its outputs as text."""
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds * SLOWNESS,
                          **options)


def stop(process, seconds=10):
    """Ends a helper, politely first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_given_ports = set()


def free_port(address="127.0.0.1"):
    """A port that is free for TCP and UDP on `address`. It is given once, and nobody gets it by chance: no client, and
    no server that asks for any port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        port = random.choice(PORTS)
        with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((address, port))
                udp.bind((address, port))
            except OSError:
                continue
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def rss_kib(pid):
    """Resident memory of a process."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} has no VmRSS")
