"""The status page as curl, a Prometheus server and a script see it."""
import json
import math
import re
from dataclasses import dataclass, field

from support.process import run

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*$")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')


@dataclass
class Answer:
    code: int
    headers: list = field(default_factory=list)
    body: str = ""

    def header(self, name):
        """The value of a header that stands there once, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} stands there {len(values)} times"
        return values[0] if values else None

    def json(self):
        assert self.header("Content-Type") == "application/json"
        return json.loads(self.body)


def read_answer(raw):
    head, _, body = raw.replace("\r\n", "\n").partition("\n\n")
    lines = head.split("\n")
    headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
    return Answer(int(lines[0].split()[1]), headers, body)


def fetch(pinhole, path, *arguments, host=None):
    """What curl gets from the status page; code 0: no answer."""
    options = ["--header", f"Host: {host}"] if host is not None else []
    done = run(["curl", "--silent", "--include", "--globoff", "--path-as-is", "--max-time", 30, *options, *arguments,
                f"http://{pinhole.status[0]}:{pinhole.status[1]}{path}"])
    return read_answer(done.stdout) if done.stdout else Answer(0)


def fetch_json(pinhole, path):
    answer = fetch(pinhole, path)
    assert answer.code == 200, answer
    return answer.json()


def _read_labels(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"no label: {text[at:]!r}"
        assert match.group(1) not in labels, f"a label twice: {text!r}"
        labels[match.group(1)] = match.group(2)
        at = match.end()
    return labels


def _family_of(name, types):
    """The family whose sample this is, and what the histogram's part is called."""
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and types.get(base) == "histogram":
            return base, suffix
    return name, ""


def _check_histogram(series):
    """Buckets rise, and the last is all there is."""
    for labels, parts in series.items():
        bounds = [float(bound) for bound, _ in parts["_bucket"]]
        counts = [count for _, count in parts["_bucket"]]
        assert bounds == sorted(set(bounds)) and math.isinf(bounds[-1]), (labels, bounds)
        assert counts == sorted(counts) and counts[-1] == parts["_count"], (labels, counts)
        assert "_sum" in parts, labels


def read_metrics(text):
    """Reads Prometheus' text format 0.0.4, as strictly as promtool: each family once, with HELP and TYPE, its samples
    together, no series twice, names and histograms well-formed. Returns {name: {labels: value}}."""
    assert text.endswith("\n")
    types, families, helped, histograms, current = {}, {}, set(), {}, None
    for line in text.splitlines():
        assert line, "an empty line"
        if line.startswith("# HELP "):
            current, words = line[7:].split(" ", 1)
            assert NAME.match(current) and words and current not in helped, line
            helped.add(current)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == current and name not in types and kind in ("counter", "gauge", "histogram"), line
            assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
            assert not name.endswith(("_bucket", "_count", "_sum")), name
            types[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, f"no sample: {line!r}"
            value = float(match.group(3).replace("Inf", "inf"))
            labels = _read_labels(match.group(2) or "")
            family, part = _family_of(match.group(1), types)
            assert family == current and family in types, f"apart from its family: {line}"
            assert types[family] != "counter" or value >= 0, line
            if types[family] == "histogram":
                bound = labels.pop("le", None)
                assert (part == "_bucket") == (bound is not None) and part, line
                parts = histograms.setdefault(family, {}).setdefault(tuple(sorted(labels.items())), {"_bucket": []})
                if bound is not None:
                    parts["_bucket"].append((bound.replace("Inf", "inf"), value))
                else:
                    assert part not in parts, f"twice: {line}"
                    parts[part] = value
                continue
            series = families.setdefault(family, {})
            key = tuple(sorted(labels.items()))
            assert key not in series, f"twice: {line}"
            series[key] = value
    assert helped == set(types)
    for series in histograms.values():
        _check_histogram(series)
    return {**families, **histograms}
