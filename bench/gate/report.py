"""The tables that compare.py prints."""
import platform
import re
import statistics
import subprocess

LABELS = {"pinhole": "pinhole, 1,000 rules", "pinhole-100k": "pinhole, 100,000 rules", "direct": "no proxy"}
FLOORS = {"connection": "relay-copy", "denial": "relay-refuse", "bulk 1": "relay-splice", "bulk 64": "relay-splice",
          "first": "relay-copy", "request": "relay-copy", "idle": "relay-copy"}
CPU_TITLES = {"connection": "a connection: CPU-s per 1,000", "denial": "a denied name: CPU-s per 1,000",
              "bulk 1": "one stream: CPU-s per GiB", "bulk 64": "64 streams: CPU-s per GiB"}
LATENCY_TITLES = {"first": "connect to first byte: us", "request": "request on an open connection: us"}
PEERS = ("haproxy", "nginx", "sniproxy")


def median(values):
    """None where nothing was measured."""
    return statistics.median(values) if values else None


def ratio(values, others):
    """The median of each round's own ratio: what disturbs a round disturbs both. None where there is none."""
    return median([value / other for value, other in zip(values, others) if other])


def cell(value, digits=3, width=11):
    return f"{'-' if value is None else f'{value:,.{digits}f}':>{width}}"


def print_row(label, *cells):
    print(f"{LABELS.get(label, label):<32}" + "".join(cells))


def print_heading(title, *columns):
    print(f"\n{title:<32}" + "".join(f"{column:>11}" for column in columns))


class Figures:
    """What was measured, as medians."""

    def __init__(self, measured):
        self._measured = measured

    def values(self, measure, figure, name):
        return self._measured.get((measure, figure), {}).get(name, [])

    def medians(self, measure, figure):
        return {name: median(values) for name, values in self._measured.get((measure, figure), {}).items()}

    def median(self, measure, figure, name):
        return median(self.values(measure, figure, name))

    def to_floor(self, measure, figure, name):
        return ratio(self.values(measure, figure, name), self.values(measure, figure, FLOORS[measure]))

    def to_best_peer(self, measure, figure, name):
        peers = {peer: value for peer, value in self.medians(measure, figure).items() if peer.startswith(PEERS)}
        best = min(peers, key=peers.get, default=None)
        return ratio(self.values(measure, figure, name), self.values(measure, figure, best))


def print_cpu(figures, measure, title):
    is_bulk = measure.startswith("bulk")
    print_heading(title, "median", "least", "most", "to relay", "to peer", "GB/s" if is_bulk else "a second",
                  "calls/MiB" if is_bulk else "calls")
    for name in figures.medians(measure, "rate"):
        cpu = figures.values(measure, "cpu", name)
        print_row(name, cell(median(cpu)), cell(min(cpu, default=None)), cell(max(cpu, default=None)),
                  cell(figures.to_floor(measure, "cpu", name), 2), cell(figures.to_best_peer(measure, "cpu", name), 2),
                  cell(figures.median(measure, "rate", name), 2 if is_bulk else 0),
                  cell(figures.median(measure, "calls", name), 1))


def print_latency(figures, measure, title):
    print_heading(title, "p50", "p99", "added p50", "added p99", "to relay", "to peer")
    direct = [figures.median(measure, figure, "direct") for figure in ("p50", "p99")]
    for name in figures.medians(measure, "p50"):
        p50, p99 = (figures.median(measure, figure, name) for figure in ("p50", "p99"))
        print_row(name, cell(p50, 0), cell(p99, 0), cell(p50 - direct[0], 0), cell(p99 - direct[1], 0),
                  cell(figures.to_floor(measure, "p50", name), 2),
                  cell(figures.to_best_peer(measure, "p50", name), 2))


def print_idle(figures):
    print_heading("10,000 idle connections: MiB", "median", "to relay", "to peer")
    for name, value in figures.medians("idle", "MiB").items():
        print_row(name, cell(value, 1), cell(figures.to_floor("idle", "MiB", name), 2),
                  cell(figures.to_best_peer("idle", "MiB", name), 2))


def targets(figures):
    """Rows of: what, must be at most, aim, measured."""
    return [
        ("CPU a connection, to relay-copy", 1.10, 1.00, figures.to_floor("connection", "cpu", "pinhole")),
        ("... with 100,000 rules", 1.10, 1.00, figures.to_floor("connection", "cpu", "pinhole-100k")),
        ("... to best peer", 1.05, 0.95, figures.to_best_peer("connection", "cpu", "pinhole")),
        ("CPU a GiB, 1, to relay-splice", 1.25, 1.05, figures.to_floor("bulk 1", "cpu", "pinhole")),
        ("... 64 streams", 1.25, 1.05, figures.to_floor("bulk 64", "cpu", "pinhole")),
        ("CPU a GiB, 1, to best peer", 0.75, 0.62, figures.to_best_peer("bulk 1", "cpu", "pinhole")),
        ("... 64 streams", 0.75, 0.62, figures.to_best_peer("bulk 64", "cpu", "pinhole")),
        ("CPU a denial, to relay-refuse", 1.15, 1.00, figures.to_floor("denial", "cpu", "pinhole")),
        ("... with 100,000 rules", 1.15, 1.00, figures.to_floor("denial", "cpu", "pinhole-100k")),
        ("... to best peer", 1.05, 0.95, figures.to_best_peer("denial", "cpu", "pinhole")),
        ("system calls a connection", 24, 18, figures.median("connection", "calls", "pinhole")),
        ("system calls a MiB, 1", 16, 10, figures.median("bulk 1", "calls", "pinhole")),
        ("... 64 streams", 16, 10, figures.median("bulk 64", "calls", "pinhole")),
        ("first byte p50, to best peer", 1.00, None, figures.to_best_peer("first", "p50", "pinhole")),
        ("first byte p99, to best peer", 1.00, None, figures.to_best_peer("first", "p99", "pinhole")),
        ("request p50, to best peer", 1.00, None, figures.to_best_peer("request", "p50", "pinhole")),
        ("request p99, to best peer", 1.00, None, figures.to_best_peer("request", "p99", "pinhole")),
        ("MiB for 10,000 idle", 10, 3, figures.median("idle", "MiB", "pinhole")),
    ]


def print_targets(figures):
    print_heading("targets", "must", "aim", "measured")
    for what, must, aim, measured in targets(figures):
        verdict = "" if measured is None else "   held" if round(measured, 2) <= must else "   missed"
        print_row(what, cell(must, 2), cell(aim, 2), cell(measured, 2), verdict)


def version(command, pattern):
    """Of a program; "" where it is missing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else ""


def print_setting(summary):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    versions = {"haproxy": version(["haproxy", "-v"], r"version (\S+)"),
                "nginx": version(["nginx", "-v"], r"nginx/(\S+)"),
                "sniproxy": version(["sniproxy", "-V"], r"sniproxy (\S+)")}
    print(f"{model.group(1) if model else platform.machine()}, Linux {platform.release()}; "
          + ", ".join(f"{name} {found}" for name, found in versions.items() if found))
    print(summary)


def print_all(measured, summary):
    figures = Figures(measured)
    print_setting(summary)
    for measure, title in CPU_TITLES.items():
        print_cpu(figures, measure, title)
    for measure, title in LATENCY_TITLES.items():
        print_latency(figures, measure, title)
    print_idle(figures)
    print_targets(figures)
