"""CPU time per answer of Pinhole and of a bare UDP echo: compare.py BUILD [ROUNDS].

bench/README.md says what is measured. Everything is made in BUILD/bench/."""
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys

RULE_COUNTS = (10, 100_000)
QUESTIONS = 200_000
ANSWERS_PER_ROUND = 400_000
SERVER_CORE, LOAD_CORE = "0", "1"

build = pathlib.Path(sys.argv[1]).resolve()
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
room = build / "bench"
room.mkdir(exist_ok=True)


def exact_name(number):
    return f"host{number}.zone{number % 997}.example.com"


def wildcard_base(number):
    return f"tree{number}.example.net"


def write_policy(path, rule_count):
    """A new policy of `rule_count` rules, half exact names, half one label below a base."""
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    subprocess.run([build / "app/pinhole", "init", "--db", path], check=True, stdout=subprocess.DEVNULL)
    targets = [exact_name(i) for i in range(rule_count // 2)] + [f"*.{wildcard_base(i)}" for i in range(rule_count // 2)]
    # One statement: sqlite3 compiles the triggers that guard an edit anew for each.
    script = "INSERT INTO rule (target) VALUES " + ",\n".join(f"('{target}')" for target in targets) + ";"
    subprocess.run(["sqlite3", "-bail", path], input=script, text=True, check=True)


def write_questions(path, rule_count):
    chance = random.Random(rule_count)
    with open(path, "w", encoding="ascii") as file:
        for _ in range(QUESTIONS):
            number, kind = chance.randrange(rule_count // 2), chance.random()
            if kind < 0.35:
                file.write(f"allow {exact_name(number)}\n")
            elif kind < 0.70:
                file.write(f"allow label{chance.randrange(1000)}.{wildcard_base(number)}\n")
            else:
                file.write(f"deny other{chance.randrange(1_000_000)}.zone{number % 997}.example.com\n")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server on its core; ready when it has printed a line."""

    def __init__(self, name, command, port, questions, *load_options):
        self.name = name
        self.cpu_s_per_million = []
        self._load = ["taskset", "-c", LOAD_CORE, build / "bench/dns-load", str(port), str(ANSWERS_PER_ROUND), questions,
                      *load_options]
        with open(room / "log", "a", encoding="utf-8") as log:
            self._process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *map(str, command)], stdout=subprocess.PIPE,
                                             stderr=log)
        if not self._process.stdout.readline():
            sys.exit(f"{name} did not get ready; see {room / 'log'}")

    def _cpu_s(self):
        fields = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self):
        before = self._cpu_s()
        subprocess.run(self._load, check=True)
        self.cpu_s_per_million.append((self._cpu_s() - before) / ANSWERS_PER_ROUND * 1e6)

    def stop(self):
        self._process.kill()
        self._process.wait()


def start_echo():
    port = free_port()
    return Server("echo", [build / "bench/dns-echo", port], port, room / f"questions-{RULE_COUNTS[0]}", "echo")


def start_pinhole(rule_count):
    port, policy, questions = free_port(), room / f"policy-{rule_count}.db", room / f"questions-{rule_count}"
    command = [build / "app/pinhole", "serve", "--status-listen", "none", "--db", policy, "--workers", "1",
               "--dns-listen", f"127.0.0.1:{port}", "--tls-listen", "127.0.0.1:0=443"]
    return Server(f"pinhole, {rule_count:,} rules", command, port, questions)


if len(os.sched_getaffinity(0)) < 2:
    sys.exit("this needs two cores: one for the server, one for the load")
for count in RULE_COUNTS:
    write_policy(room / f"policy-{count}.db", count)
    write_questions(room / f"questions-{count}", count)
servers = []
try:
    servers.append(start_echo())
    servers += [start_pinhole(count) for count in RULE_COUNTS]
    for server in servers * (rounds + 1):
        server.measure()
finally:
    for server in servers:
        server.stop()

floor = None
print(f"{'':24}{'CPU-s per million':>18}{'least':>8}{'most':>8}{'to echo':>9}")
for server in servers:
    measured = server.cpu_s_per_million[1:]  # the first round warms up
    median = statistics.median(measured)
    floor = floor or median
    print(f"{server.name:24}{median:18.2f}{min(measured):8.2f}{max(measured):8.2f}{median / floor:9.2f}")
print(f"medians of {rounds} rounds of {ANSWERS_PER_ROUND:,} answers, each checked")
