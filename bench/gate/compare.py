"""Pinhole's gate beside other proxies, a bare relay and no proxy at all: compare.py BUILD [ROUNDS].

../README.md says what is measured and how. Prints tables; takes a few minutes."""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

import gates
import machine
import report

CONNECTIONS, LANES = 3000, 64
BULK_BYTES = 512 << 20
FIRST_BYTES, REQUESTS = 1000, 2000
IDLE_CONNECTIONS = 10_000
MANY_RULES = 100_000
DESCRIPTORS_SPARED = 200  # of the limit, for what else a gate has open

# Which takes part in what, in the order of the tables.
MEASURES = {
    "connection": ("relay-copy", "pinhole", "pinhole-100k", "haproxy-map", "haproxy-dns", "nginx-map", "nginx-dns",
                   "sniproxy"),
    "denial": ("relay-refuse", "pinhole", "pinhole-100k", "haproxy-map", "nginx-map", "sniproxy"),
    "bulk 1": ("direct", "relay-copy", "relay-splice", "pinhole", "haproxy-map", "haproxy-splice", "nginx-map",
               "sniproxy"),
    "bulk 64": ("direct", "relay-copy", "relay-splice", "pinhole", "haproxy-map", "haproxy-splice", "nginx-map",
                "sniproxy"),
    "first": ("direct", "relay-copy", "pinhole", "haproxy-map", "haproxy-dns", "nginx-map", "nginx-dns", "sniproxy"),
    "request": ("direct", "relay-copy", "pinhole", "haproxy-map", "nginx-map", "sniproxy"),
}
IDLE = ("relay-copy", "pinhole", "haproxy-map", "nginx-map", "sniproxy")
CALLS = {"connection": MEASURES["connection"], "denial": MEASURES["denial"], "bulk 1": MEASURES["bulk 1"][1:],
         "bulk 64": MEASURES["bulk 64"][1:]}


class Bench:
    """All gates, and what was measured: figures[measure, figure][gate] is a list, a value a round."""

    def __init__(self, build, folder):
        self._load = ["taskset", "-c", gates.LOAD_CORE, build / "bench/gate-load"]
        self.figures = collections.defaultdict(lambda: collections.defaultdict(list))
        self.behind = [gates.server(build, folder), gates.authority(folder)]
        ports = iter(range(2001, 2100))
        self.gates = {}

        def add(make, *arguments):
            gate = make(*arguments, f"127.0.0.1:{next(ports)}")
            self.gates[gate.name] = gate

        for how in ("copy", "splice", "refuse"):
            add(gates.relay, build, folder, how)
        for rule_count in (gates.NAMES, MANY_RULES):
            add(gates.pinhole_gate, build, folder, rule_count)
        missing = gates.missing_peers()
        for name in missing:
            print(f"{name} is not installed, or lacks what this needs: left out")
        if "haproxy" not in missing:
            for how in ("map", "splice", "dns"):
                add(gates.haproxy, folder, how)
        if "nginx" not in missing:
            for how in ("map", "dns"):
                add(gates.nginx, folder, how)
        if "sniproxy" not in missing:
            add(gates.sniproxy, folder)

    def leave_out_broken_peers(self):
        """Those that do not start here: sniproxy wants to be real root, for one."""
        for name in [name for name in self.gates if name.startswith(report.PEERS)]:
            try:
                self.gates[name].start()
                self.gates[name].stop()
            except RuntimeError:
                print(f"{name} does not start here: left out")
                del self.gates[name]

    def start_all(self):
        for gate in self.gates.values():
            gate.start()

    def stop_all(self):
        for process in [*self.gates.values(), *self.behind]:
            process.stop()

    def taking_part(self, names):
        return [name for name in names if name == "direct" or name in self.gates]

    def load_command(self, name, measure):
        address = gates.SERVER if name == "direct" else self.gates[name].address
        streams = int(measure.split()[1]) if measure.startswith("bulk") else 0
        arguments = {
            "connection": ("fetch", "host", LANES, CONNECTIONS, 0),
            "denial": ("refused", "other", LANES, CONNECTIONS),
            "bulk": ("fetch", "host", streams, streams, BULK_BYTES // max(1, streams)),
            "first": ("first", "host", FIRST_BYTES),
            "request": ("request", "host", REQUESTS),
        }[measure.split()[0]]
        return [*map(str, self._load), address, *map(str, arguments)]

    def run(self, command, name):
        """What the load printed, as numbers. The load checks all it receives, and ends the run if it is wrong."""
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {' '.join(command)}: {done.stderr.strip()}")
        return [float(word) for word in done.stdout.split()]

    def measure(self, name, measure):
        gate = self.gates.get(name)
        before_s = gate.cpu_s() if gate else 0
        printed = self.run(self.load_command(name, measure), name)
        cpu_s = gate.cpu_s() - before_s if gate else 0

        def note(figure, value):
            self.figures[measure, figure][name].append(value)

        if measure in ("first", "request"):
            note("p50", printed[0])
            note("p99", printed[1])
        elif measure.startswith("bulk"):
            note("rate", BULK_BYTES / printed[0] / 1e9)
            if gate:
                note("cpu", cpu_s / BULK_BYTES * (1 << 30))
        else:
            note("rate", CONNECTIONS / printed[0])
            note("cpu", cpu_s / CONNECTIONS * 1000)

    def measure_idle(self, name, connections):
        """In a process of its own, which has had some connections before."""
        gate = self.gates[name]
        gate.start()
        self.run(self.load_command(name, "connection"), name)
        before = gate.resident_bytes()
        command = [*self._load, gate.address, "hold", "host", str(connections)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load:
            if not load.stdout.readline():
                raise RuntimeError(f"{name} did not take {connections} connections")
            growth = gate.resident_bytes() - before
        self.figures["idle", "MiB"][name].append(growth / connections * 10_000 / (1 << 20))
        gate.stop()

    def count_calls(self, name, measure):
        """System calls of a run that is not timed; None where they can't be counted."""
        process_ids = ",".join(map(str, self.gates[name].process_ids()))
        command = ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", process_ids, "--",
                   *self.load_command(name, measure)]
        done = subprocess.run(command, capture_output=True, text=True)
        words = done.stderr.strip().split(",")
        if done.returncode != 0 or not words[0].isdecimal():
            return None
        units = BULK_BYTES / (1 << 20) if measure.startswith("bulk") else CONNECTIONS
        return int(words[0]) / units

    def count_all_calls(self):
        if shutil.which("perf") is None or self.count_calls("relay-copy", "connection") is None:
            print("perf is missing or may not count here: system calls are left out")
            return
        for measure, names in CALLS.items():
            for name in self.taking_part(names):
                self.figures[measure, "calls"][name].append(self.count_calls(name, measure))

    def run_rounds(self, rounds):
        for number in range(rounds + 1):
            if number == 1:
                self.figures.clear()  # the first round warmed up
            for measure, names in MEASURES.items():
                for name in self.taking_part(names):
                    self.measure(name, measure)
            print(f"round {number} of {rounds}", file=sys.stderr, flush=True)


    def write_rounds(self, path):
        """Every single figure, for whoever wonders about one."""
        named = {" ".join(measure): by_gate for measure, by_gate in self.figures.items()}
        path.write_text(json.dumps(named, indent=1), encoding="utf-8")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("this needs two cores: one for the gate, one for the load")
    idle_connections = min(IDLE_CONNECTIONS, (machine.prepare() - DESCRIPTORS_SPARED) // 2)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pinhole-bench-"))
    bench = Bench(build, folder)
    try:
        for process in bench.behind:
            process.start()
        bench.leave_out_broken_peers()
        for name in bench.taking_part(IDLE):
            bench.measure_idle(name, idle_connections)
        idle = bench.figures.pop(("idle", "MiB"))
        bench.start_all()
        bench.run_rounds(rounds)
        bench.figures["idle", "MiB"] = idle
        bench.count_all_calls()
    except RuntimeError as failure:
        sys.exit(f"{failure}\nlogs are in {folder}")
    finally:
        bench.stop_all()
    shutil.rmtree(folder)
    bench.write_rounds(build / "bench/gate-rounds.json")
    report.print_all(bench.figures, f"medians of {rounds} rounds; idle memory from {idle_connections:,} connections")


main()
