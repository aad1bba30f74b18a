"""What the status page counts agrees with what was done: queries, connections, rules, checks; and what it explains."""
import contextlib
import html
import os
import socket
import time

import pytest

from support.authorities import Authorities
from support.dns_client import ask, ask_all, question
from support.hello import hello_for, records, send_all_then_read
from support.page import fetch, fetch_json, read_metrics
from support.policy import insert, quote
from support.process import PINHOLE, Deadline, eventually, run
from support.tls import GREETING, bytes_through, client_context, greet, greeting_through, server_context

NAME = "api.example.com"
CHECKED = "checked.example.com"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    maker = Authorities(tmp_path_factory.mktemp("world"))
    maker.root_issued = maker.root()
    maker.right = maker.server(maker.root_issued)
    return maker


@pytest.fixture
def start(launch, make_policy, authority, at_gate, gate_port, world, tcp_server):
    """Pinhole with three rules: 1 allows NAME unchecked, 2 denies, 3 allows CHECKED with a pin that no server has."""
    def start_it():
        authority.zone[NAME] = authority.zone[CHECKED] = ["127.0.0.2"]
        tcp_server(greet(server_context(world.right)))
        policy = make_policy([])
        policy.sql("BEGIN;" + insert(at_gate(NAME), id=1, verify="none") + insert("bad.example.com", id=2, action="deny")
                   + insert(at_gate(CHECKED), id=3, verify="chain")
                   + f"INSERT INTO pin (rule_id, spki_sha256) VALUES (3, {quote('A' * 43 + '=')});COMMIT;")
        return launch(policy, authority.endpoint, gate_port=gate_port, status="127.0.0.1:0",
                      arguments=["--ca-file", world.root_issued.certificate]), policy
    return start_it


def metrics_of(pinhole):
    return read_metrics(fetch(pinhole, "/metrics").body)


def sample(metrics, name, **labels):
    return metrics[name][tuple(sorted(labels.items()))]


def rules_of(pinhole, query=""):
    return {rule["id"]: rule for rule in fetch_json(pinhole, "/api/v1/rules?" + query)["rules"]}


@contextlib.contextmanager
def open_connection(gate, name):
    """Stays open, and has had the greeting."""
    with socket.create_connection(gate, Deadline(20).left()) as plain:
        with client_context().wrap_socket(plain, server_hostname=name) as secure:
            assert secure.recv(len(GREETING)) == GREETING
            yield secure


@pytest.mark.quick
def test_queries_are_counted(start):
    pinhole, _ = start()
    for count, name in ((7, NAME), (3, "other.example.org"), (2, "bad.example.com")):
        for i in range(count):
            ask(pinhole.dns, name, tcp=i % 2 == 1)
    metrics = metrics_of(pinhole)
    assert sample(metrics, "pinhole_dns_queries_total", transport="udp") == 4 + 2 + 1
    assert sample(metrics, "pinhole_dns_queries_total", transport="tcp") == 3 + 1 + 1
    assert sample(metrics, "pinhole_dns_answers_total", result="addresses") == 7
    assert sample(metrics, "pinhole_dns_answers_total", result="denied") == 5
    assert sum(metrics["pinhole_dns_answers_total"].values()) == 12
    rules = rules_of(pinhole)
    assert [rules[number]["hits"] for number in (1, 2, 3)] == [7, 2, 0]
    assert rules[3]["last_used"] is None and abs(rules[1]["last_used"] - fetch_json(pinhole, "/api/v1/health")["now"]) < 60
    assert list(rules_of(pinhole, "sort=hits")) == [1, 2]
    assert list(rules_of(pinhole, "sort=hits&q=BAD")) == [2]
    assert list(rules_of(pinhole, "sort=hits&from=1")) == [2]
    traffic = fetch_json(pinhole, "/api/v1/traffic")
    assert (traffic["total"]["queries"], traffic["total"]["queries_denied"]) == (12, 5)
    assert sum(slot["queries"] for slot in traffic["slots"]) == 12
    assert traffic["slot_seconds"] == 60 and len(traffic["slots"]) == 1


@pytest.mark.quick
def test_connections_are_counted(start):
    pinhole, _ = start()
    for _ in range(4):
        assert greeting_through(pinhole.gate, NAME)[0] == GREETING
    bytes_through(pinhole.gate, "other.example.org")
    bytes_through(pinhole.gate, "bad.example.com")
    bytes_through(pinhole.gate, CHECKED)
    metrics = eventually(lambda: sum((found := metrics_of(pinhole))["pinhole_gate_ends_total"].values()) == 7 and found, 10,
                         "all have ended")
    assert metrics["pinhole_gate_live_connections"][()] == 0
    connections = metrics["pinhole_gate_connections_total"]
    assert {labels: count for labels, count in connections.items() if count} == {
        (("decision", "allow"), ("reason", "allowed")): 4, (("decision", "deny"), ("reason", "no_rule")): 1,
        (("decision", "deny"), ("reason", "deny_rule")): 1, (("decision", "deny"), ("reason", "pin_mismatch")): 1}
    ends = metrics["pinhole_gate_ends_total"]
    assert sum(ends.values()) == 7 and ends[(("end", "refused"),)] == 3
    assert sample(metrics, "pinhole_certificate_probes_total", result="wrong") == 1
    probes = metrics["pinhole_certificate_probe_seconds"][()]
    assert probes["_count"] == 1 and 0 < probes["_sum"] < 60
    assert metrics["pinhole_gate_decision_seconds"][()]["_count"] == 7
    assert metrics["pinhole_gate_connect_seconds"][()]["_count"] == 5
    assert sample(metrics, "pinhole_gate_bytes_total", direction="up") > 4 * 200
    assert sample(metrics, "pinhole_gate_bytes_total", direction="down") > 4 * 1000
    rules = rules_of(pinhole)
    assert [rules[number]["hits"] for number in (1, 2, 3)] == [4, 1, 1]
    total = fetch_json(pinhole, "/api/v1/traffic")["total"]
    assert (total["connections"], total["connections_refused"]) == (7, 3)
    assert total["bytes_down"] == sample(metrics, "pinhole_gate_bytes_total", direction="down")


@pytest.mark.quick
def test_bytes_agree_with_the_log(start):
    pinhole, _ = start()
    for _ in range(3):
        greeting_through(pinhole.gate, NAME)
    lines = pinhole.log.wait(event="connection", reason="allowed", count=3)
    metrics = eventually(lambda: sum((found := metrics_of(pinhole))["pinhole_gate_ends_total"].values()) == 3 and found, 10,
                         "all have ended")
    for direction in ("up", "down"):
        assert sample(metrics, "pinhole_gate_bytes_total", direction=direction) == sum(
            line[f"bytes_{direction}"] for line in lines)


@pytest.mark.quick
def test_live_connections_come_and_go(start, gate_port):
    pinhole, _ = start()
    with open_connection(pinhole.gate, NAME), open_connection(pinhole.gate, NAME):
        found = fetch_json(pinhole, "/api/v1/connections")
        assert (found["total"], found["found"], len(found["connections"])) == (2, 2, 2)
        row = found["connections"][0]
        shown = NAME if gate_port == 443 else f"{NAME}:{gate_port}"
        assert (row["client"], row["client_group"], row["name"], row["rule"]) == ("127.0.0.1", "any", shown, 1)
        assert row["server"] == f"127.0.0.2:{gate_port}" and row["verified"] == "not checked"
        assert row["bytes_up"] > 200 and row["bytes_down"] > 500
        assert 0 <= fetch_json(pinhole, "/api/v1/health")["now"] - row["started"] < 60
        assert rules_of(pinhole)[1]["live_connections"] == 2
        assert fetch_json(pinhole, "/api/v1/connections?q=elsewhere")["found"] == 0
        assert fetch_json(pinhole, "/api/v1/connections?q=API.ex&sort=name")["found"] == 2
        assert metrics_of(pinhole)["pinhole_gate_live_connections"][()] == 2
        assert NAME in fetch(pinhole, "/connections").body
    eventually(lambda: fetch_json(pinhole, "/api/v1/connections")["connections"] == [], 10, "they are gone")
    eventually(lambda: rules_of(pinhole)[1]["live_connections"] == 0, 10, "of the rule too")


def test_many_live_connections(start):
    """More than a page has: the youngest are shown, of all that there are, in the order of their ages."""
    pinhole, _ = start()
    groups = [("127.0.0.4", 1300), ("127.0.0.2", 100), ("127.0.0.3", 100)]  # the oldest first; no order of addresses
    with contextlib.ExitStack() as stack:
        total = 0
        for client, count in groups:
            for _ in range(count):
                stack.enter_context(socket.create_connection(pinhole.gate, Deadline(20).left(), (client, 0)))
            total += count
            found = eventually(lambda: (page := fetch_json(pinhole, "/api/v1/connections"))["total"] == total and page, 20,
                               "all are open")
        assert len(found["connections"]) == 300 and found["found"] == 1500
        assert [row["client"] for row in found["connections"]] == ["127.0.0.3"] * 100 + ["127.0.0.2"] * 100 + ["127.0.0.4"] * 100
    eventually(lambda: fetch_json(pinhole, "/api/v1/connections")["total"] == 0, 20, "they are gone")


@pytest.mark.quick
def test_recent_decisions(start):
    pinhole, policy = start()

    def await_decisions(count, what):
        return eventually(lambda: len(rows := fetch_json(pinhole, "/api/v1/decisions")["decisions"]) == count and rows, 10,
                          what)

    ask(pinhole.dns, NAME)
    ask(pinhole.dns, "first.example.org")
    bytes_through(pinhole.gate, "second.example.org")
    await_decisions(3, "the denials")
    with open_connection(pinhole.gate, NAME) as connection:
        policy.sql("DELETE FROM rule WHERE id = 1;")
        connection.settimeout(Deadline(20).left())
        with contextlib.suppress(OSError):
            while connection.recv(100):
                pass
        found = await_decisions(5, "the revocation")
    told = [(row["kind"], row["outcome"], row["name"].partition(":")[0], row["reason"], row["rule"]) for row in found]
    assert told == [("connection", "revoked", NAME, "revoked", 1), ("connection", "allowed", NAME, "allowed", 1),
                    ("connection", "denied", "second.example.org", "no_rule", None),
                    ("query", "denied", "first.example.org", "no_rule", None),
                    ("query", "allowed", NAME, "allowed", 1)]
    assert found[3]["sentence"] == "first.example.org is denied: no rule allows it."
    times = [row["time_ms"] for row in found]
    assert times == sorted(times, reverse=True)

    def names(query):
        return [row["name"].partition(":")[0] for row in fetch_json(pinhole, "/api/v1/decisions?" + query)["decisions"]]

    assert names("q=SECOND") == ["second.example.org"]
    assert names("outcome=allowed") == [NAME, NAME]
    assert names("outcome=denied") == [NAME, "second.example.org", "first.example.org"]
    assert names("rule=1") == [NAME, NAME, NAME]
    assert names("rule=1&outcome=denied") == [NAME]
    assert names("rule=3") == []


def seconds_of(began):
    """How many seconds of the clock there are parts of since then; one more, as the kernel's coarse clock lags."""
    return int(time.time()) - int(began) + 2


@pytest.mark.quick
def test_allowed_queries_are_a_sample(start):
    """A flood of them leaves what was denied to be seen, and is counted all the same."""
    pinhole, _ = start()
    ask(pinhole.dns, "before.example.org")
    began = time.time()
    ask_all(pinhole.dns, [question(NAME).to_wire()] * 3000)
    answer = fetch_json(pinhole, "/api/v1/decisions")
    seconds = seconds_of(began)
    per_second = answer["queries_noted_per_second"]
    told = [(row["outcome"], row["name"]) for row in answer["decisions"]]
    assert ("denied", "before.example.org") in told
    noted = told.count(("allowed", NAME))
    print(f"{noted} of 3000 in {seconds} seconds")
    assert per_second["allowed"] <= noted <= per_second["allowed"] * seconds, "one socket: one worker"
    assert rules_of(pinhole)[1]["hits"] == 3000


@pytest.mark.quick
def test_denied_queries_are_a_sample_too(start):
    """But the table of denied names counts each."""
    pinhole, _ = start()
    began = time.time()
    ask_all(pinhole.dns, [question(f"{kind}-{number}.example.org").to_wire() for number in range(30)
                          for kind in ("a", "b")] * 5)
    found = [fetch_json(pinhole, f"/api/v1/decisions?outcome=denied&q={kind}-") for kind in ("a", "b")]
    noted = sum(len(some["decisions"]) for some in found)
    seconds = seconds_of(began)
    print(f"{noted} of 300 in {seconds} seconds")
    limit = found[0]["queries_noted_per_second"]["denied"]
    assert limit <= noted <= limit * seconds, "one socket: one worker"
    eventually(lambda: [row["count"] for row in fetch_json(pinhole, "/api/v1/denied")["denied"]] == [5] * 60, 20,
               "all of them are in the table")


def test_rules_latest_unused_and_one(start):
    pinhole, policy = start()
    ask(pinhole.dns, NAME)
    assert list(rules_of(pinhole, "sort=newest")) == [3, 2, 1]
    assert list(rules_of(pinhole, "sort=newest&from=3")) == [2, 1]
    assert list(rules_of(pinhole, "sort=unused")) == [2, 3]
    assert list(rules_of(pinhole, "sort=unused&from=2")) == [3]
    assert list(rules_of(pinhole, "rule=2")) == [2]
    assert list(rules_of(pinhole, "rule=2&state=refused")) == list(rules_of(pinhole, "rule=9")) == []
    policy.sql("BEGIN;" + "".join(insert(f"n{number}.example.org") for number in range(300)) + "COMMIT;")
    found, start_at = [], 0
    while start_at is not None:
        answer = fetch_json(pinhole, f"/api/v1/rules?sort=unused&from={start_at}")
        assert len(answer["rules"]) <= 100
        found, start_at = found + [rule["id"] for rule in answer["rules"]], answer["next"]
    assert found == sorted(found) and len(found) == len(set(found)) == 302 and 1 not in found
    assert "Decided nothing since Pinhole started" in fetch(pinhole, "/rules?sort=unused").body
    greatest = 2 ** 63 - 1
    policy.sql(insert("last.example.com", id=greatest))
    newest = list(rules_of(pinhole, "sort=newest"))
    assert newest[:2] == [greatest, 303]
    assert list(rules_of(pinhole, f"sort=newest&from={greatest}"))[:99] == newest[1:]
    assert list(rules_of(pinhole, f"rule={greatest}")) == [greatest]


MORE_RULES_THAN_PLACES = 131500  # a worker counts 131,072 by themselves


@pytest.mark.seconds(240)
def test_uses_left_out_are_told(launch, make_policy):
    """A rule whose use is not counted stands among the unused ones, which say so then; a page of rules of which none is
    unused leads on."""
    policy = make_policy([])
    numbered = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    policy.sql(numbered.format(MORE_RULES_THAN_PLACES) + " INSERT INTO rule (id, target, action)"
               " SELECT i, 'n' || i || '.example.org', 'deny' FROM n;")
    pinhole = launch(policy, status="127.0.0.1:0", workers=1)
    ask(pinhole.dns, "n1.example.org")
    assert fetch_json(pinhole, "/api/v1/rules?sort=unused")["uses_left_out"] == 0
    page = fetch(pinhole, "/rules?sort=unused").body
    assert "Decided nothing since Pinhole started" in page and "may be in use" not in page
    began = time.time()
    ask_all(pinhole.dns, (question(f"n{number}.example.org").to_wire() for number in range(2, MORE_RULES_THAN_PLACES + 1)))
    print(f"{MORE_RULES_THAN_PLACES} queries in {time.time() - began:.1f} s")
    answer = fetch_json(pinhole, "/api/v1/rules?sort=unused")
    assert answer["uses_left_out"] >= MORE_RULES_THAN_PLACES - 131072
    assert answer["rules"] == [] and answer["next"] == 2000
    page = fetch(pinhole, "/rules?sort=unused").body
    assert "None among the rules with ids from 1 to 2,000 is like that." in page and "No rule is like that" not in page
    assert "from=2000" in page and "Next page" in page
    assert "Decided nothing" not in page and "A rule without hits may be in use." in page
    policy.sql(insert("fresh.example.com"))
    page = fetch(pinhole, f"/rules?rule={MORE_RULES_THAN_PLACES + 1}").body
    assert "fresh.example.com" in page and ">not known</td>" in page and "never" not in page
    assert "None among the most used rules, place 1 to 2,000 is like that." in fetch(
        pinhole, "/rules?sort=hits&q=n65999.").body


def test_rules_connections_and_decisions_lead_to_each_other(start):
    pinhole, _ = start()
    with open_connection(pinhole.gate, NAME):
        page = fetch(pinhole, "/rules").body
        assert '<a href="/decisions?rule=1">' in page and '<a href="/connections?rule=1">' in page
        assert '<a href="/rules?rule=1">1</a>' in fetch(pinhole, "/connections?rule=1").body
        assert fetch_json(pinhole, "/api/v1/connections?rule=1")["found"] == 1
        assert fetch_json(pinhole, "/api/v1/connections?rule=2")["found"] == 0
        page = fetch(pinhole, "/decisions?rule=1").body
        assert '<a href="/rules?rule=1">1</a>' in page and "&amp;client=127.0.0.1" in page
        assert "No connection is like that." in fetch(pinhole, "/connections?rule=2").body


@pytest.mark.quick
def test_markup_in_a_server_name_is_text(start):
    pinhole, _ = start()
    ask(pinhole.dns, "\\<script\\>alert\\(1\\)\\</script\\>.example.org")
    send_all_then_read(pinhole.gate, records(hello_for(b"<script>alert(2)</script>.example.org")))
    send_all_then_read(pinhole.gate, records(hello_for(b'"onload="alert(3)".example.org')))
    told = eventually(lambda: len(rows := fetch_json(pinhole, "/api/v1/decisions")["decisions"]) == 3 and rows, 10,
                      "the decisions")
    assert [(row["kind"], row["reason"]) for row in told] == [("connection", "bad_server_name")] * 2 + [("query", "no_rule")]
    for path in ("/", "/decisions", "/denied", "/connections"):
        body = fetch(pinhole, path).body
        assert "<script>alert" not in body and 'onload="alert' not in body


@pytest.mark.quick
def test_explanation_is_that_of_the_command(start, gate_port):
    pinhole, policy = start()
    listen = "{}:{}={}".format(*pinhole.gate, gate_port)
    for target in (NAME, f"{NAME}:{gate_port}", "other.example.org", "https://storage.googleapis.com/my-bucket/",
                   "https://github.com/some/thing/"):
        said = run([PINHOLE, "explain", "--db", policy.path, "--tls-listen", listen, "--from", "127.0.0.9", target])
        assert said.returncode == 0, said.stderr
        answer = fetch_json(pinhole, f"/api/v1/explain?target={target.replace(':', '%3A').replace('/', '%2F')}&client=127.0.0.9")
        assert answer["lines"] == said.stdout.splitlines(), target
        assert answer["outcome"] == said.stdout.splitlines()[-1].split(":")[0]
    wrong = fetch(pinhole, "/api/v1/explain?target=*.example.com&client=127.0.0.9")
    assert wrong.code == 400 and "wildcard" in wrong.json()["error"]
    page = fetch(pinhole, "/explain?target=*.example.com")
    assert page.code == 200 and wrong.json()["error"] in html.unescape(page.body) and "Not to be had" not in page.body


def test_rules_say_how_strong_they_are(start, world):
    pinhole, policy = start()
    eventually(lambda: rules_of(pinhole)[3]["hostname"], 10, "rules are judged")
    policy.sql("INSERT INTO pin_seen SELECT hostname, 'x', 'leaf', 's', 'i', 0, strftime('%s', 'now') + 10 * 86400 + 3600,"
               f" 5, 5 FROM rule_status WHERE rule_id = 3;"
               f"UPDATE pin SET expires_at = strftime('%s', 'now') - 5 WHERE rule_id = 3;"
               f"INSERT INTO pin (rule_id, spki_sha256, mode) VALUES (3, {quote('B' * 42 + 'A=')}, 'report'),"
               f"(3, {quote('C' * 42 + 'A=')}, 'enforce');")
    rules = eventually(lambda: (found := rules_of(pinhole))[3]["certificate_days"] and found, 10, "the certificate")
    assert (rules[1]["verify"], rules[1]["strength"], rules[1]["pins"]) == ("none", "none", 0)
    assert (rules[3]["verify"], rules[3]["strength"], rules[3]["pins"]) == ("chain", "chain with 1 pin", 1)
    assert rules[2]["strength"] in ("", None)
    assert rules[1]["certificate_days"] is None and rules[3]["certificate_days"] == 10


@pytest.mark.quick
def test_certificate_days_of_rules_for_many_names(launch, make_policy, authority, gate_port, world, tcp_server):
    """The soonest end among the names that the rule decided; a rule that decided none has none."""
    port = "" if gate_port == 443 else f":{gate_port}"
    days = {"a.example.com": 20, "b.example.com": 12, "c.d.example.org": 8, "my-bucket.storage.googleapis.com": 25}
    contexts = {name: server_context(world.server(world.root_issued, [name], dates=("-2", f"+{left}")))
                for name, left in days.items()}

    def choose(connection, name, context):
        connection.context = contexts.get(name, context)

    by_name = server_context(world.right)
    by_name.sni_callback = choose
    tcp_server(greet(by_name))
    for name in days:
        authority.zone[name] = ["127.0.0.2"]
    policy = make_policy([])
    policy.sql("BEGIN;" + insert(f"*.example.com{port}", id=1, verify="chain")
               + insert(f"**.example.org{port}", id=2, verify="chain")
               + insert(f"https://storage.googleapis.com{port}/my-bucket/", id=3, verify="chain")
               + insert(f"**.example.net{port}", id=4, verify="chain") + "COMMIT;")
    pinhole = launch(policy, authority.endpoint, gate_port=gate_port, status="127.0.0.1:0",
                     arguments=["--ca-file", world.root_issued.certificate])

    def known():
        return [rules_of(pinhole)[number]["certificate_days"] for number in (1, 2, 3, 4)]

    assert known() == [None] * 4
    for name in days:
        assert greeting_through(pinhole.gate, name)[0] == GREETING
    *left, none = known()
    assert none is None
    assert all(found in (issued - 1, issued) for found, issued in zip(left, (12, 8, 25))), left
    assert f"{left[0]} d left" in fetch(pinhole, "/rules").body


@pytest.mark.quick
def test_policy_in_metrics_and_health(start):
    pinhole, policy = start()
    before = metrics_of(pinhole)
    assert before["pinhole_policy_loads_total"][()] == 1 and before["pinhole_policy_stale"][()] == 0
    policy.sql("INSERT INTO rule (target) VALUES ('more.example.com');")
    after = eventually(lambda: (found := metrics_of(pinhole))["pinhole_policy_loads_total"][()] == 2 and found, 10,
                       "the edit")
    assert after["pinhole_policy_version"][()] > before["pinhole_policy_version"][()]
    edits = after["pinhole_policy_edit_to_enforced_seconds"][()]
    print(f"edit to enforced: {edits['_sum'] * 1000:.1f} ms")
    assert edits["_count"] == 1 and edits["_sum"] < 60
    states = eventually(lambda: (found := metrics_of(pinhole)).get("pinhole_policy_rules") is not None
                        and sum(found["pinhole_policy_rules"].values()) == 4 and found["pinhole_policy_rules"], 20,
                        "states are counted")
    assert states[(("state", "invalid"),)] == 0
    health = fetch_json(pinhole, "/api/v1/health")
    assert 0 <= health["now"] - health["policy"]["loaded"] < 60


def test_load_fault_is_in_metrics_and_health(start):
    pinhole, policy = start()
    away = policy.path.with_name("elsewhere.db")
    policy.path.rename(away)
    metrics = eventually(lambda: (found := metrics_of(pinhole))["pinhole_policy_stale"][()] == 1 and found, 10, "stale")
    assert metrics["pinhole_policy_load_faults_total"][()] == 1
    health = fetch_json(pinhole, "/api/v1/health")
    assert "policy file is gone" in health["policy"]["load_fault"] and health["policy"]["load_fault_since"]
    away.rename(policy.path)
    eventually(lambda: metrics_of(pinhole)["pinhole_policy_stale"][()] == 0, 10, "fresh")
    assert fetch_json(pinhole, "/api/v1/health")["policy"]["load_fault"] is None


@pytest.mark.quick
def test_upstream_dns_in_health(start, authority):
    pinhole, policy = start()
    assert greeting_through(pinhole.gate, NAME)[0] == GREETING
    server = fetch_json(pinhole, "/api/v1/health")["dns_servers"][0]
    assert server["healthy"] is True and server["failures"] == 0
    assert 2 <= server["queries"] <= 4, "A and AAAA, each sent again if the answer takes long"
    assert metrics_of(pinhole)["pinhole_upstream_dns_healthy"][()] == 1


def test_descriptors_are_counted(start):
    """As /proc has them, but for some that come and go."""
    pinhole, _ = start()

    def descriptors():
        return metrics_of(pinhole)["process_open_fds"][()]
    before = descriptors()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(pinhole.dns))
        eventually(lambda: descriptors() > before + 10, 10, "more descriptors")
        eventually(lambda: abs(len(os.listdir(f"/proc/{pinhole.process.pid}/fd")) - descriptors()) <= 2, 10, "as many")
