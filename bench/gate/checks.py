"""What the check of a server's certificate costs a gate where the verdict is known: checks.py BUILD [ROUNDS].

Real handshakes with a real server, whose chain of three certificates is of an authority made here. ../README.md says
more. Prints a table; takes some minutes."""
import collections
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))

import gates
import machine
import report
from support.chains import TestCA

LANES, CONNECTIONS = 16, gates.NAMES
VERSIONS = ("1.3", "1.2")
MODES = ("none", "chain")
MUST = {"1.3": 1.03}  # of 'chain' to 'none'


class Checks:
    """The gates, and the CPU time of each by version of TLS: a list, a value a round, in seconds per 1,000."""

    def __init__(self, build, folder):
        ca = TestCA(folder)
        self._load = ["taskset", "-c", gates.LOAD_CORE, build / "bench/gate-tls-load"]
        self.behind = [gates.web_server(ca, folder, gates.SERVER), gates.authority(folder)]
        self.gates = {mode: gates.checking_gate(build, folder, mode, ca.path("root"), f"127.0.0.1:{port}")
                      for port, mode in enumerate(MODES, 2001)}
        self.cpu = collections.defaultdict(list)

    def start(self):
        for process in [*self.behind, *self.gates.values()]:
            process.start()

    def stop(self):
        for process in [*self.gates.values(), *self.behind]:
            process.stop()

    def measure(self, version, mode):
        gate = self.gates[mode]
        command = [*map(str, self._load), gate.address, version, str(LANES), str(CONNECTIONS)]
        before_s = gate.cpu_s()
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{mode}: {' '.join(command)}: {done.stderr.strip()}")
        self.cpu[version, mode].append((gate.cpu_s() - before_s) / CONNECTIONS * 1000)

    def run_rounds(self, rounds):
        """Whoever comes second in one round comes first in the next."""
        for number in range(rounds + 1):
            if number == 1:
                self.cpu.clear()  # the first round made the verdicts
            for version in VERSIONS:
                for mode in MODES[::1 if number % 2 else -1]:
                    self.measure(version, mode)
            print(f"round {number} of {rounds}", file=sys.stderr, flush=True)


def print_table(cpu):
    report.print_heading("handshakes: CPU-s per 1,000", "median", "least", "most", "to none", "quarter", "three q.")
    for version in VERSIONS:
        for mode in MODES:
            values = cpu[version, mode]
            ratios = [value / none for value, none in zip(values, cpu[version, "none"])]
            quarter, middle, three_quarters = statistics.quantiles(ratios, n=4)
            report.print_row(f"TLS {version}, {mode}", report.cell(statistics.median(values)),
                             report.cell(min(values)), report.cell(max(values)), report.cell(middle),
                             report.cell(quarter), report.cell(three_quarters))
    report.print_heading("targets", "must", "measured")
    for version, must in MUST.items():
        measured = report.ratio(cpu[version, "chain"], cpu[version, "none"])
        report.print_row(f"known verdict, TLS {version}", report.cell(must, 2), report.cell(measured),
                         "   held" if measured < must else "   missed")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 25
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("this needs two cores: one for the gate, one for the load")
    machine.prepare()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pinhole-bench-"))
    checks = Checks(build, folder)
    try:
        checks.start()
        checks.run_rounds(rounds)
    except RuntimeError as failure:
        sys.exit(f"{failure}\nlogs are in {folder}")
    finally:
        checks.stop()
    shutil.rmtree(folder)
    named = {" ".join(key): values for key, values in checks.cpu.items()}
    (build / "bench/gate-checks-rounds.json").write_text(json.dumps(named, indent=1), encoding="utf-8")
    report.print_setting(f"medians of {rounds} rounds of {CONNECTIONS:,} connections, {LANES} at a time; the gate "
                         "knows the verdict on each name")
    print_table(checks.cpu)


main()
