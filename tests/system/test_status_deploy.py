"""What is documented and deployed of the metrics is what there is; and `pinhole top`."""
import json
import re
import shutil
import subprocess

import pytest

from support.dns_client import ask
from support.page import fetch, read_metrics
from support.process import PINHOLE, REPOSITORY, Deadline, run, spawn, stop

METRIC = re.compile(r"\b(?:pinhole|process)_[a-z0-9_]+\b")
TOKEN = "0123456789abcdef-a-token"
DOCUMENT = REPOSITORY / "docs/operating.md"
ALERTS = REPOSITORY / "deploy/prometheus/alerts.yml"
ALERT_TESTS = REPOSITORY / "deploy/prometheus/alerts_test.yml"
DASHBOARD = REPOSITORY / "deploy/grafana/pinhole.json"


@pytest.fixture
def pinhole(launch, make_policy):
    return launch(make_policy(["api.example.com"]), status="127.0.0.1:0")


def names_of(pinhole):
    """Of all families: those of states are there once they were counted."""
    text = fetch(pinhole, "/metrics").body
    return set(read_metrics(text))


def used_in(expressions, names):
    """The families that these name; a histogram's parts are the histogram."""
    found = set()
    for expression in expressions:
        for word in METRIC.findall(expression):
            found.add(word if word in names else re.sub("_(bucket|sum|count)$", "", word))
    return found


def test_each_metric_is_documented(pinhole):
    text = DOCUMENT.read_text()
    section = text[text.index("### Metrics"):text.index("### What is counted")]
    documented = set(METRIC.findall("".join(line.split("|")[1] for line in section.splitlines() if line.startswith("|"))))
    assert names_of(pinhole) == documented


def test_alerts_ask_for_what_there_is(pinhole):
    text = ALERTS.read_text()
    names = names_of(pinhole)
    alerts = re.findall(r"alert: (\w+)\n((?:        .*\n)+)", text)
    assert len(alerts) >= 15
    for alert, body in alerts:
        expression = body[:body.index("labels:")]
        assert alert == "PinholeDown" or used_in([expression], names) and used_in([expression], names) <= names, alert
        assert "summary:" in body and "severity:" in body
    documented = re.findall(r"^\| `(Pinhole\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert documented == [alert for alert, _ in alerts]
    reasons = set(re.findall(r'reason="(\w+)"', fetch(pinhole, "/metrics").body))
    for pattern in re.findall(r'reason=~"([^"]+)"', text):
        for part in pattern.split("|"):
            assert any(re.fullmatch(part, reason) for reason in reasons), part


def promtool(*arguments, **options):
    """Has nothing to say but that all is well."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    done = run(["promtool", *arguments], **options)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    return done.stdout


def test_metrics_are_what_promtool_takes(pinhole):
    """Its advice on names and units counts too. A scrape after some traffic has every family."""
    ask(pinhole.dns, "denied.example.org")
    promtool("check", "metrics", input=fetch(pinhole, "/metrics").body)


def test_alerts_are_what_promtool_takes():
    count = len(re.findall("- alert:", ALERTS.read_text()))
    assert f"SUCCESS: {count} rules found" in promtool("check", "rules", ALERTS)


def test_alerts_fire_when_they_should():
    promtool("test", "rules", ALERT_TESTS)


def test_alerts_are_tried_with_what_there_is(pinhole):
    names = names_of(pinhole)
    series = set(re.findall(r"series: (\w+)", ALERT_TESTS.read_text()))
    assert len(series) > 2 and series <= names | {"up"}


def expressions_in(part):
    """All of a dashboard's PromQL, wherever it stands."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "expr":
                yield value
            else:
                yield from expressions_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from expressions_in(value)


def test_dashboard_is_what_promtool_takes(tmp_path):
    """Each expression as a rule that records it, with Grafana's own variables filled in as Grafana does."""
    expressions = list(expressions_in(json.loads(DASHBOARD.read_text())))
    assert len(expressions) > 20
    rules = [{"record": f"dashboard:number{number}", "expr": expression.replace("$__rate_interval", "1m")}
             for number, expression in enumerate(expressions)]
    path = tmp_path / "dashboard.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(expressions)} rules found" in promtool("check", "rules", path)


def test_dashboard_shows_what_there_is(pinhole):
    dashboard = json.loads(DASHBOARD.read_text())
    names = names_of(pinhole)
    places = []
    for panel in dashboard["panels"]:
        used = used_in([target["expr"] for target in panel["targets"]], names)
        assert used and used <= names, panel["title"]
        place = panel["gridPos"]
        places.append((place["x"], place["y"]))
        assert place["x"] + place["w"] <= 24
    assert len(set(places)) == len(places)


def test_each_log_line_is_documented():
    """Each event and key that the program writes stands in the table, or where it sends its reader."""
    sources = "".join(path.read_text() for folder in ("app", "base") for path in sorted((REPOSITORY / folder).glob("*.c")))
    text = DOCUMENT.read_text()
    lines = text[text.index("## Log lines"):text.index("## What a refused client sees")]
    events = set(re.findall(r'(?:event_log_start|log_record_start)\([^,()]+, "(\w+)"', sources))
    assert len(events) > 10
    for event in events:
        assert f"| `{event}`" in lines, event
    for key in set(re.findall(r'log_record_(?:text|number|bytes)\([^,()]+, "(\w+)"', sources)):
        assert f"`{key}`" in lines or f"`{key}=" in lines, key


def top(pinhole, *arguments, **options):
    return run([PINHOLE, "top", "--status", "{}:{}".format(*pinhole.status), *arguments], **options)


@pytest.mark.quick
def test_top_shows_what_happened(pinhole):
    for _ in range(3):
        ask(pinhole.dns, "api.example.com")
    ask(pinhole.dns, "denied.example.org")
    done = top(pinhole, "--once")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("pinhole 0.1.0: ready, up ") and "policy 1 " in lines[0]
    assert any(line.startswith("queries      4, 1 denied") for line in lines)
    assert re.search(r"^denied\.example\.org +127\.0\.0\.1 +query +denied +no_rule", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout and max(map(len, lines)) <= 160


def test_top_has_no_escape_of_the_clients(pinhole):
    ask(pinhole.dns, "\\027[2Jx\\233.example.org")
    done = top(pinhole, "--once")
    assert "\x1b" not in done.stdout and done.stdout.isascii() and "example.org" in done.stdout


def test_top_with_a_token(launch, make_policy, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    pinhole = launch(make_policy(), status="127.0.0.1:0", arguments=["--status-token-file", path])
    without = top(pinhole, "--once")
    assert without.returncode == 1 and "--token-file" in without.stderr and "401" in without.stderr
    assert top(pinhole, "--once", "--token-file", path).returncode == 0


def test_top_without_a_server():
    done = run([PINHOLE, "top", "--once", "--status", "127.0.0.1:1"])
    assert done.returncode == 1 and "127.0.0.1:1" in done.stderr and len(done.stderr.splitlines()) == 1


def test_top_in_a_terminal_draws_again(pinhole):
    """script(1) gives it a terminal; another screen comes by itself, with what happened meanwhile."""
    command = "{} top --status {}:{}".format(PINHOLE, *pinhole.status)
    process = spawn(["script", "--quiet", "--flush", "--command", command, "/dev/null"], stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, text=True)
    try:
        deadline, screens = Deadline(30), 0
        for line in process.stdout:
            screens += line.count("\x1b[H\x1b[2J")
            if screens == 1 and line.startswith("RECENT"):
                ask(pinhole.dns, "meanwhile.example.org")
            if line.startswith("meanwhile.example.org"):
                break
            assert not deadline.passed()
        assert screens >= 2
    finally:
        stop(process)
        process.stdout.close()
