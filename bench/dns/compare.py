"""Pinhole beside other DNS servers and a bare UDP echo: compare.py BUILD [ROUNDS [NAME...]].

../README.md says what is measured and how; with names, only those servers take part. Prints tables; takes some
minutes."""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

import questions
import servers
import tables
from support import isolation

RULE_COUNTS = (1_000, 100_000, 1_000_000)
ANSWERS, ANSWERS_ALONE = 200_000, 1_000  # a round
SOCKETS, OUTSTANDING = 16, 128
TRIED = 2_000  # answers that show whether a server can take part
COUNTED_RUNS = 3  # how many answers share a call depends on how fast questions come, which one run tells little of
CPU_MAX_S = 100e-6 * TRIED  # more is no sensible time
SETTLE_SECONDS_MAX = 120
EDITED = "edited.example.org"


class Bench:
    """All servers with one number of rules: figures[figure][name] is a list, a value a round."""

    def __init__(self, place, names):
        self.figures = collections.defaultdict(lambda: collections.defaultdict(list))
        self.left_out = []
        self._place = place
        self._questions = questions.write(place.folder / "questions", place.rule_count)
        self._load = ["taskset", "-c", servers.gates.LOAD_CORE, place.build / "bench/dns-load"]
        self.servers = {}
        makers = {**servers.OURS, **{name: make for name, (make, _) in servers.PEERS.items()}}
        for number, name in enumerate(names):
            self.servers[name] = makers[name](place, 2001 + number)

    def load_command(self, name, count, sockets=SOCKETS, each=OUTSTANDING // SOCKETS):
        options = ["echo"] if name == "echo" else []
        return [*map(str, self._load), str(self.servers[name].port), str(count), str(sockets), str(each),
                str(self._questions), *options]

    def run(self, name, *arguments):
        """What the load printed, as numbers. It checks every answer, and fails if one is wrong."""
        done = subprocess.run(self.load_command(name, *arguments), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stderr.strip()}")
        return [float(word) for word in done.stdout.split()]

    def start(self, name):
        """A peer that does not start, or is far too slow, is left out."""
        server = self.servers[name]
        try:
            server.start()
            before_s = server.cpu_s()
            self.run(name, TRIED)
            is_slow = name in servers.PEERS and server.cpu_s() - before_s > CPU_MAX_S
            problem = "an answer takes more than 100 us" if is_slow else None
        except RuntimeError as failure:
            if name in servers.OURS:
                raise
            problem = str(failure)
        if problem is None:
            self.figures["start"][name].append(server.start_s)
            return
        self.left_out.append(f"{name} is left out with {self._place.rule_count:,} rules: {problem}")
        server.stop()
        del self.servers[name]

    def start_all(self):
        for name in list(self.servers):
            self.start(name)

    def stop_all(self):
        for server in self.servers.values():
            server.stop()

    def measure(self, name):
        before_s = self.servers[name].cpu_s()
        seconds, _, _, cookies = self.run(name, ANSWERS)
        cpu_s = self.servers[name].cpu_s() - before_s
        _, p50_us, p99_us, _ = self.run(name, ANSWERS_ALONE, 1, 1)
        for figure, value in (("cpu", cpu_s / ANSWERS * 1e6), ("rate", ANSWERS / seconds), ("p50", p50_us),
                              ("p99", p99_us), ("cookies", cookies)):
            self.figures[figure][name].append(value)

    def settle(self):
        """Waits until no server does anything of its own any more, such as to write down what became of each rule."""
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        before, now = None, {name: server.cpu_s() for name, server in self.servers.items()}
        while before is None or any(now[name] - before[name] > 0.01 for name in now):
            if time.monotonic() > deadline:
                raise RuntimeError("a server is busy though nobody asks")
            time.sleep(0.5)
            before, now = now, {name: server.cpu_s() for name, server in self.servers.items()}

    def run_rounds(self, rounds):
        for number in range(rounds + 1):
            if number == 1:  # the first round warmed up
                for figure in ("cpu", "rate", "p50", "p99", "cookies"):
                    self.figures[figure].clear()
            for name in self.servers:
                self.measure(name)
            print(f"{self._place.rule_count:,} rules: round {number} of {rounds}", file=sys.stderr, flush=True)

    def count_calls(self, name):
        """System calls an answer, of a run that is not timed; None where they can't be counted."""
        process_ids = ",".join(map(str, self.servers[name].process_ids()))
        command = ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", process_ids, "--",
                   *self.load_command(name, ANSWERS)]
        done = subprocess.run(command, capture_output=True, text=True)
        words = done.stderr.strip().split(",")
        return int(words[0]) / ANSWERS if done.returncode == 0 and words[0].isdecimal() else None

    def count_all_calls(self):
        if shutil.which("perf") is None or self.count_calls("echo") is None:
            self.left_out.append("perf is missing or may not count here: system calls are left out")
            return
        for _ in range(COUNTED_RUNS):
            for name in self.servers:
                self.figures["calls"][name].append(self.count_calls(name))

    def measure_memory(self):
        """At rest after the load; the peak is that of loading all rules, answering, and with Pinhole one edit more."""
        for name, server in self.servers.items():
            self.figures["rest"][name].append(server.resident_bytes() / (1 << 20))
        if "pinhole" in self.servers:
            self.edit_policy()
        for name, server in self.servers.items():
            self.figures["peak"][name].append(server.peak_bytes() / (1 << 20))

    def edit_policy(self):
        subprocess.run(["sqlite3", "-bail", "-cmd", ".timeout 2000", self._place.folder / "policy/policy.db"],
                       input=f"INSERT INTO rule (target) VALUES ('{EDITED}');", text=True, check=True)
        self.servers["pinhole"].wait_for(EDITED)


def choose(names):
    """Of all servers those that take part, and why others do not."""
    missing = servers.missing_peers()
    wanted = [name for name in [*servers.OURS, *servers.PEERS] if not names or name in names or name == "echo"]
    return ([name for name in wanted if name not in missing],
            [f"{name} is not installed: left out" for name in wanted if name in missing])


def measure_all(build, rounds, names):
    """The figures by number of rules, and what was left out."""
    taking_part, left_out = choose(names)
    measured = {}
    for rule_count in RULE_COUNTS:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="pinhole-bench-"))
        place = servers.Place(build, folder / "place", rule_count)
        bench = Bench(place, taking_part)
        try:
            bench.start_all()
            bench.settle()
            bench.run_rounds(rounds)
            bench.count_all_calls()
            bench.measure_memory()
        except RuntimeError as failure:
            sys.exit(f"{failure}\nlogs are in {folder}")
        finally:
            bench.stop_all()
        shutil.rmtree(folder)
        measured[rule_count] = bench.figures
        left_out += bench.left_out
        (build / "bench/dns-rounds.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
    return measured, left_out


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("this needs two cores: one for the server, one for the load")
    isolation.enter()
    if not isolation.is_isolated:
        sys.exit("this needs a network namespace of its own: run it as root, or permit user namespaces")
    measured, left_out = measure_all(build, rounds, sys.argv[3:])
    tables.print_all(measured, f"medians of {rounds} rounds of {ANSWERS:,} answers, {OUTSTANDING} outstanding, "
                     f"and {ANSWERS_ALONE:,} one at a time; each answer checked", left_out)


main()
