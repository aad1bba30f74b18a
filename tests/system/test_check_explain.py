"""`pinhole check` and `pinhole explain`, and rule_status: what became of each rule, in the same words everywhere."""
import json
import sqlite3
import time
from contextlib import closing
from statistics import median

import pytest

from support.dns_client import ask, ede_of
from support.hello import hello_for, records, send_all_then_read
from support.policy import deny, insert
from support.process import PINHOLE, eventually, run

pytestmark = pytest.mark.quick


def check(policy, *options):
    return run([PINHOLE, "check", "--db", policy.path, *options])


def explain(policy, target, *options):
    return run([PINHOLE, "explain", "--db", policy.path, *options, target])


def explain_json(policy, target, *options):
    done = explain(policy, target, "--json", *options)
    assert done.stderr == ""
    return json.loads(done.stdout)


def states(policy):
    return {row["target"]: row["state"] for row in policy.rows(
        "SELECT target, state FROM rule_status JOIN rule ON rule.id = rule_status.rule_id;")}


@pytest.fixture
def policy(make_policy):
    return make_policy(["api.example.com", "*.wild.example.com", "**.deep.example.com", deny("bad.example.com"),
                        "port.example.com:8443"])


def test_check_of_a_sound_policy(policy):
    done = check(policy)
    assert (done.returncode, done.stderr) == (0, "")
    for target in ("api.example.com", "*.wild.example.com", "bad.example.com", "port.example.com:8443"):
        assert target in done.stdout
    assert set(states(policy).values()) == {"active"}


def test_check_json_of_a_sound_policy(policy):
    done = check(policy, "--json")
    assert done.returncode == 0
    listed = json.loads(done.stdout)
    rules = listed["rules"] if isinstance(listed, dict) else listed
    assert len(rules) == 5
    assert {rule["state"] for rule in rules} == {"active"}
    assert {rule["target"] for rule in rules} >= {"api.example.com", "port.example.com:8443"}


def add_troubled_rows(policy):
    """A shadowed, an expired, a disabled and an invalid rule, the last past all guards of the file."""
    triggers = policy.rows("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'rule';")
    policy.sql(insert(deny("https://api.example.com/")) + insert("off.example.com", enabled=0))
    policy.sql("".join(f"DROP TRIGGER {row['name']};" for row in triggers) + "PRAGMA ignore_check_constraints = 1;"
               + insert("past.example.com", expires_at=int(time.time()) - 100)
               + insert("http://plain.example.com/") + insert("10.0.0.1") + insert("us er@example.com"))


EXPECTED = {"api.example.com": "shadowed", "https://api.example.com/": "active", "off.example.com": "disabled",
            "past.example.com": "expired", "http://plain.example.com/": "invalid", "10.0.0.1": "invalid",
            "us er@example.com": "invalid", "*.wild.example.com": "active"}


def test_check_lists_what_is_wrong_and_says_so_by_its_status(policy):
    add_troubled_rows(policy)
    done = check(policy)
    assert done.returncode == 1
    for target, state in EXPECTED.items():
        lines = [line for line in done.stdout.splitlines() if target in line.replace("\\x20", " ")]
        assert any(state in line for line in lines), f"{target} is {state}: {done.stdout}"
    found = states(policy)
    assert {target: found[target] for target in EXPECTED} == EXPECTED
    reasons = policy.rows("SELECT state, reason FROM rule_status;")
    for row in reasons:
        assert bool(row["reason"]) == (row["state"] != "active"), "a sentence for all but active rules"


def test_check_json_lists_what_is_wrong(policy):
    add_troubled_rows(policy)
    done = check(policy, "--json")
    assert done.returncode == 1
    listed = json.loads(done.stdout)
    rules = listed["rules"] if isinstance(listed, dict) else listed
    assert EXPECTED.items() <= {rule["target"]: rule["state"] for rule in rules}.items()


def test_check_passes_over_what_is_no_mistake(policy):
    """Disabled, expired and shadowed rules are as their author wanted them: only invalid and refused ones fail."""
    policy.sql(insert("off.example.com", enabled=0) + insert(deny("https://api.example.com/")))
    assert check(policy).returncode == 0


def test_serve_writes_rule_status(launch, policy):
    pinhole = launch(policy)
    eventually(lambda: len(states(policy)) == 5, 5, "a row for each rule")
    policy.sql(insert("new.example.com") + insert("off.example.com", enabled=0))
    eventually(lambda: states(policy).get("new.example.com") == "active", 5, "the new rule's row")
    eventually(lambda: states(policy).get("off.example.com") == "disabled", 5, "the disabled rule's row")
    policy.sql(insert(deny("https://new.example.com/")))
    eventually(lambda: states(policy).get("new.example.com") == "shadowed", 5, "the shadowed rule's row")
    policy.sql("DELETE FROM rule WHERE target = 'new.example.com';")
    eventually(lambda: "new.example.com" not in states(policy), 5, "the deleted rule's row is gone")
    policy.sql(insert("brief.example.com", expires_at=int(time.time()) + 2))
    eventually(lambda: states(policy).get("brief.example.com") == "expired", 8, "the expired rule's row")
    pinhole.stop()


def test_rule_status_follows_an_edit(launch, policy):
    """How soon after the shell has ended is printed: it should be far below 100 ms on a machine that is idle."""
    pinhole = launch(policy)
    eventually(lambda: len(states(policy)) == 5, 5, "a row for each rule")
    delays = []
    with closing(sqlite3.connect(policy.path)) as reader:
        for number in range(10):
            policy.sql(insert(f"https://storage.googleapis.com/bucket-{number}/x"))
            ended = time.monotonic()
            eventually(lambda: reader.execute("SELECT count(*) FROM rule_status WHERE state = 'refused';").fetchone()
                       == (number + 1,), 5, "the new rule's row")
            delays.append(time.monotonic() - ended)
    print(f"rule_status after {median(delays) * 1000:.0f} ms, at most {max(delays) * 1000:.0f} ms")
    pinhole.stop()


def test_serve_does_not_write_without_need(launch, policy):
    """Rows that are as they should be are left alone, else each edit would bring forth another."""
    pinhole = launch(policy)
    eventually(lambda: len(states(policy)) == 5, 5, "a row for each rule")

    def version():
        return policy.rows("SELECT max(sequence) AS sequence FROM policy_change;")[0]["sequence"]

    before = version()
    policy.sql(insert("new.example.com"))
    eventually(lambda: len(states(policy)) == 6, 5, "the new rule's row")
    assert version() <= (before or 0) + 1
    pinhole.stop()


ALLOWED = [("api.example.com", "api.example.com"), ("x.wild.example.com", "*.wild.example.com"),
           ("a.b.deep.example.com", "**.deep.example.com"), ("port.example.com:8443", "port.example.com:8443"),
           ("https://API.example.com/", "api.example.com")]
DENIED = [("other.org", "no_rule", None), ("bad.example.com", "deny_rule", "bad.example.com"),
          ("a.b.wild.example.com", "no_rule", None), ("port.example.com", "other_port", None),
          ("example.com", "parent", None)]


@pytest.mark.parametrize("target, rule", ALLOWED)
def test_explain_allowed(policy, target, rule):
    listeners = ["--tls-listen", "127.0.0.1:0=443", "--tls-listen", "127.0.0.1:0=8443"]
    told = explain_json(policy, target, *listeners)
    assert (told["decision"], told["reason"]) == ("allow", "allowed")
    assert told["rule"] == policy.rule_id(rule)
    done = explain(policy, target, *listeners)
    assert done.returncode == 0
    assert told["sentence"] in done.stdout
    assert f"rule {told['rule']}" in told["sentence"]


@pytest.mark.parametrize("target, reason, rule", DENIED)
def test_explain_denied(policy, target, reason, rule):
    told = explain_json(policy, target)
    assert told["decision"] == "deny"
    assert told["reason"] == reason
    if rule:
        assert told["rule"] == policy.rule_id(rule)
    else:
        assert not told.get("rule")
    assert told["sentence"] in explain(policy, target).stdout


def test_explain_of_a_port_without_listener_contradicts_nothing(policy):
    """A rule allows it, but nobody listens: denied for another reason than being allowed."""
    told = explain_json(policy, "port.example.com:8443")
    assert (told["decision"], told["reason"]) == ("deny", "no_listener")
    assert " is allowed " not in told["sentence"]


def test_explain_takes_a_client(policy):
    assert explain_json(policy, "api.example.com", "--from", "10.0.0.1")["decision"] == "allow"
    assert explain(policy, "api.example.com", "--from", "nobody").returncode == 2


@pytest.mark.parametrize("target", ["http://api.example.com", "10.0.0.1", "a b", "", "user@api.example.com"])
def test_explain_says_why_a_target_is_none(policy, target):
    done = explain(policy, target)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["other.org", "bad.example.com", "example.com"])
def test_same_words_in_dns_log_and_explain(launch, policy, name):
    pinhole = launch(policy)
    told = explain_json(policy, name)
    in_dns = told["dns"]["A"]["extended_error_text"]
    assert ede_of(ask(pinhole.dns, name, use_edns=0))[1] == in_dns
    if name != "example.com":  # a parent is answered without data, and not logged as denied
        query, = pinhole.log.wait(event="query_denied", name=name)
        assert query["sentence"] == in_dns
    send_all_then_read(pinhole.gate, records(hello_for(name.encode())))
    connection, = pinhole.log.wait(event="connection", name=name)
    assert (connection["reason"], connection["sentence"]) == (told["reason"], told["sentence"])
    assert in_dns == told["sentence"]
