"""What the status page counts agrees with what was done: queries, connections, rules, checks; and what it explains."""
import contextlib
import socket

import pytest

from support.authorities import Authorities
from support.dns_client import ask
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
    """More than a page has: the youngest are shown, of all that there are."""
    pinhole, _ = start()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(pinhole.gate, Deadline(20).left())) for _ in range(1500)]
        assert clients
        found = eventually(lambda: (page := fetch_json(pinhole, "/api/v1/connections"))["total"] == 1500 and page, 20,
                           "all are open")
        assert len(found["connections"]) == 300 and found["found"] == 1500
        started = [row["started"] for row in found["connections"]]
        for younger, older in zip(started, started[1:]):
            assert younger >= older - 1, "in the order of their ages, each told in whole seconds"
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
    await_decisions(2, "the denials")
    with open_connection(pinhole.gate, NAME) as connection:
        policy.sql("DELETE FROM rule WHERE id = 1;")
        connection.settimeout(Deadline(20).left())
        with contextlib.suppress(OSError):
            while connection.recv(100):
                pass
        found = await_decisions(4, "the revocation")
    told = [(row["kind"], row["outcome"], row["name"].partition(":")[0], row["reason"], row["rule"]) for row in found]
    assert told == [("connection", "revoked", NAME, "revoked", 1), ("connection", "allowed", NAME, "allowed", 1),
                    ("connection", "denied", "second.example.org", "no_rule", None),
                    ("query", "denied", "first.example.org", "no_rule", None)]
    assert found[3]["sentence"] == "first.example.org is denied: no rule allows it."
    times = [row["time_ms"] for row in found]
    assert times == sorted(times, reverse=True)
    assert len(fetch_json(pinhole, "/api/v1/decisions?q=SECOND")["decisions"]) == 1


@pytest.mark.quick
def test_markup_in_a_server_name_is_text(start):
    pinhole, _ = start()
    ask(pinhole.dns, "\\<script\\>alert\\(1\\)\\</script\\>.example.org")
    eventually(lambda: fetch_json(pinhole, "/api/v1/decisions")["decisions"], 10, "the decision")
    assert "<script>alert" not in fetch(pinhole, "/decisions").body


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
    assert wrong.code == 503 and "wildcard" in wrong.json()["error"]


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
