"""The tables that compare.py prints."""
import platform
import re

from report import cell, median, ratio, version

VERSIONS = {
    "dnsdist": (["dnsdist", "--version"], r"dnsdist (\S+)"),
    "nsd": (["nsd", "-v"], r"NSD version (\S+)"),
    "knot": (["knotd", "-V"], r"version (\S+)"),
    "unbound": (["unbound", "-V"], r"Version (\S+)"),
    "knot-resolver": (["kresd", "--version"], r"version (\S+)"),
    "bind": (["named", "-v"], r"BIND (\S+)"),
    "pdns-recursor": (["pdns_recursor", "--version"], r"Recursor (\d\S+)"),
    "dnsmasq": (["dnsmasq", "--version"], r"version (\S+)"),
}
OURS = ("echo", "pinhole")
# Rules: must, aim.
CPU_TARGETS = {1_000: (1.20, 1.10), 100_000: (1.25, 1.12), 1_000_000: (1.40, 1.25)}


class Figures:
    """What was measured with one number of rules."""

    def __init__(self, measured):
        self._measured = measured

    def names(self):
        return list(self._measured["cpu"])

    def values(self, figure, name):
        return [value for value in self._measured[figure][name] if value is not None]

    def median(self, figure, name):
        return median(self.values(figure, name))

    def to_echo(self, figure, name):
        return ratio(self.values(figure, name), self.values(figure, "echo"))

    def to_best_peer(self, figure, name):
        peers = {peer: self.median(figure, peer) for peer in self.names() if peer not in OURS}
        best = min(peers, key=peers.get, default=None)
        return ratio(self.values(figure, name), self.values(figure, best)) if best else None


def print_heading(title, *columns):
    print(f"\n{title:<24}" + "".join(f"{column:>10}" for column in columns))


def print_row(label, *cells):
    print(f"{label:<24}" + "".join(cells))


def print_answers(rule_count, figures):
    print_heading(f"{rule_count:,} rules", "CPU-s/M", "least", "most", "to echo", "a second", "p50 us", "p99 us", "calls",
                  "cookies")
    for name in figures.names():
        cpu = figures.values("cpu", name)
        has_cookies = name != "echo" and (figures.median("cookies", name) or 0) > 0
        print_row(name, cell(median(cpu), 2, 10), cell(min(cpu), 2, 10), cell(max(cpu), 2, 10),
                  cell(figures.to_echo("cpu", name), 2, 10), cell(figures.median("rate", name), 0, 10),
                  cell(figures.median("p50", name), 0, 10), cell(figures.median("p99", name), 0, 10),
                  cell(figures.median("calls", name), 2, 10), f"{'yes' if has_cookies else 'no':>10}")


def print_process(rule_count, figures):
    print_heading(f"{rule_count:,} rules", "MiB", "peak MiB", "start s")
    for name in figures.names():
        print_row(name, cell(figures.median("rest", name), 1, 10), cell(figures.median("peak", name), 1, 10),
                  cell(figures.median("start", name), 2, 10))


def targets(by_count):
    """Rows of: what, must be at most, aim, measured."""
    rows = []
    for rule_count, (must, aim) in CPU_TARGETS.items():
        figures = by_count[rule_count]
        rows.append((f"CPU to echo, {rule_count:,}", must, aim, figures.to_echo("cpu", "pinhole")))
        rows.append(("... to the best peer", 0.99, None, figures.to_best_peer("cpu", "pinhole")))
        rows.append(("... calls an answer", 0.15, 0.06, figures.median("calls", "pinhole")))
    most = by_count[max(by_count)]
    return rows + [("MiB at rest, 1,000,000", 100, None, most.median("rest", "pinhole")),
                   ("MiB at the peak", 200, None, most.median("peak", "pinhole")),
                   ("seconds to first answer", 1, None, most.median("start", "pinhole"))]


def print_targets(by_count):
    print_heading("targets", "must", "aim", "measured")
    for what, must, aim, measured in targets(by_count):
        verdict = "" if measured is None else "   held" if round(measured, 2) <= must else "   missed"
        print_row(what, cell(must, 2, 10), cell(aim, 2, 10), cell(measured, 2, 10), verdict)


def print_setting(summary):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    found = {name: version(*how) for name, how in VERSIONS.items()}
    print(f"{model.group(1) if model else platform.machine()}, Linux {platform.release()}")
    print(", ".join(f"{name} {number}" for name, number in found.items() if number))
    print(summary)


def print_all(measured, summary, left_out):
    by_count = {rule_count: Figures(figures) for rule_count, figures in measured.items()}
    print_setting(summary)
    for line in left_out:
        print(line)
    for rule_count, figures in by_count.items():
        print_answers(rule_count, figures)
    for rule_count, figures in by_count.items():
        print_process(rule_count, figures)
    if all("pinhole" in figures.names() for figures in by_count.values()):
        print_targets(by_count)
