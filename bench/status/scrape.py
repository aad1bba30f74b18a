"""What it costs DNS answers that /metrics is fetched ten times a second: scrape.py BUILD [ROUNDS].

../README.md says what is measured and how. Prints a table; takes some minutes."""
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH.parent / "tests"), str(BENCH / "gate"), str(BENCH / "dns")]

import gates
import machine
import questions
import report
import servers
from scraper import Scraper

RULE_COUNTS = (1_000, 1_000_000)
STATUS = ("127.0.0.1", 9180)
SCRAPES_A_SECOND = 10
MODES = ("none", "kept", "new")  # no scraper; one connection; a new one each time
ROUND_S = 3
TRIED = 200_000  # answers that show how many a round takes
SOCKETS, EACH = 16, 8
MUST = 1.01  # CPU time an answer of `kept`, to `none`


def thread_times(server):
    """CPU time so far of each thread."""
    paths = [path for process in server.process_ids()
             for path in pathlib.Path(f"/proc/{process}/task").glob("*/schedstat")]
    return {path: int(path.read_text().split()[0]) / 1e9 for path in paths}


class Bench:
    """Pinhole with one number of rules: figures[figure][mode] is a list, a value a round."""

    def __init__(self, build, folder, rule_count):
        self.figures = collections.defaultdict(lambda: collections.defaultdict(list))
        self.scrape_bytes = 0
        self._rule_count = rule_count
        place = servers.Place(build, folder / str(rule_count), rule_count)
        self._server = servers.pinhole(place, 2001, "{}:{}".format(*STATUS))
        self._load = ["taskset", "-c", gates.LOAD_CORE, str(build / "bench/dns-load"), "2001"]
        self._questions = str(questions.write(place.folder / "questions", rule_count))
        self._answers = TRIED

    def start(self):
        """Sets how many answers make a round of ROUND_S. The first scrape awaits that rules were counted by state."""
        self._server.start()
        with Scraper(STATUS, SCRAPES_A_SECOND, True) as scraper:
            while scraper.count == 0 and scraper.is_running():
                time.sleep(0.1)
        self._answers = int(TRIED * ROUND_S / self.run_load())

    def stop(self):
        self._server.stop()

    def run_load(self):
        """The seconds it took. The load checks every answer, and fails if one is wrong."""
        done = subprocess.run([*self._load, str(self._answers), str(SOCKETS), str(EACH), self._questions],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the load: {done.stderr.strip()}")
        return float(done.stdout.split()[0])

    def run_scraped(self, mode):
        if mode == "none":
            return self.run_load()
        with Scraper(STATUS, SCRAPES_A_SECOND, mode == "kept") as scraper:
            seconds = self.run_load()
        self.scrape_bytes = scraper.bytes
        self.figures["scrapes"][mode].append(scraper.count)
        self.figures["scrapes a second"][mode].append(scraper.count / seconds)
        self.figures["scrape"][mode].append(report.median(scraper.seconds) * 1e3)
        return seconds

    def measure(self, mode):
        """The thread that was busiest is the worker; scrapes are answered by others."""
        before_s = thread_times(self._server)
        seconds = self.run_scraped(mode)
        spent_s = sorted(time_s - before_s.get(path, 0) for path, time_s in thread_times(self._server).items())
        per_million = 1e6 / self._answers
        self.figures["cpu"][mode].append(sum(spent_s) * per_million)
        self.figures["worker"][mode].append(spent_s[-1] * per_million)
        self.figures["others"][mode].append(sum(spent_s[:-1]) / seconds)
        self.figures["rate"][mode].append(self._answers / seconds)

    def run_rounds(self, rounds):
        """Who comes first in one round comes last in the next."""
        for number in range(rounds + 1):
            if number == 1:
                self.figures.clear()  # the first round warmed up
            for mode in MODES[::1 if number % 2 else -1]:
                self.measure(mode)
            print(f"{self._rule_count:,} rules: round {number} of {rounds}", file=sys.stderr, flush=True)


def measure_all(build, rounds):
    """The benches, with their figures, by number of rules."""
    folder, benches = pathlib.Path(tempfile.mkdtemp(prefix="pinhole-bench-")), {}
    for rule_count in RULE_COUNTS:
        bench = benches[rule_count] = Bench(build, folder, rule_count)
        try:
            bench.start()
            bench.run_rounds(rounds)
        except RuntimeError as failure:
            sys.exit(f"{failure}\nlogs are in {folder}")
        finally:
            bench.stop()
    shutil.rmtree(folder)
    return benches


def print_figures(rule_count, bench):
    figures = bench.figures
    report.print_heading(f"{rule_count:,} rules, scraper:", "CPU-s/M", "to none", "worker", "to none", "others, %",
                         "us each", "a second", "to none", "scrapes", "ms")
    for mode in MODES:
        others = report.median(figures["others"][mode])
        report.print_row(mode, *(report.cell(value) for figure in ("cpu", "worker")
                                 for value in (report.median(figures[figure][mode]), ratio(figures, figure, mode))),
                         report.cell(100 * others, 2), report.cell(scrape_us(figures, mode), 0),
                         report.cell(report.median(figures["rate"][mode]), 0),
                         report.cell(ratio(figures, "rate", mode)),
                         report.cell(report.median(figures["scrapes"][mode]), 0),
                         report.cell(report.median(figures["scrape"][mode]), 1))


def scrape_us(figures, mode):
    """What threads other than the worker took longer with a scraper, by scrape; None without one."""
    others, rate = figures["others"], report.median(figures["scrapes a second"][mode])
    return rate and (report.median(others[mode]) - report.median(others["none"])) / rate * 1e6


def ratio(figures, figure, mode):
    """Of the medians."""
    return report.median(figures[figure][mode]) / report.median(figures[figure]["none"])


def print_targets(benches):
    report.print_heading("targets", "must", "measured")
    for rule_count, bench in benches.items():
        measured = ratio(bench.figures, "cpu", "kept")
        report.print_row(f"CPU, scraped, {rule_count:,} rules", report.cell(MUST, 2), report.cell(measured),
                         "   held" if measured < MUST else "   missed")
        share = scrape_us(bench.figures, "kept") * SCRAPES_A_SECOND / 1e6
        report.print_row("... share of the core", report.cell(MUST - 1, 3), report.cell(share),
                         "   held" if share < MUST - 1 else "   missed")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("this needs two cores: one for the server, one for the load")
    machine.prepare()
    os.sched_setaffinity(0, {int(gates.LOAD_CORE)})
    benches = measure_all(build, rounds)
    named = {str(rule_count): bench.figures for rule_count, bench in benches.items()}
    (build / "bench/scrape-rounds.json").write_text(json.dumps(named, indent=1), encoding="utf-8")
    report.print_setting(f"medians of {rounds} rounds of {ROUND_S} s, {SOCKETS * EACH} questions outstanding, each answer "
                         f"checked; {max(bench.scrape_bytes for bench in benches.values()):,} bytes a scrape")
    for rule_count, bench in benches.items():
        print_figures(rule_count, bench)
    print_targets(benches)


main()
