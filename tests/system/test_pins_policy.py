"""rule.verify and the table pin as their operator knows them: the shell's answers, what becomes of rules, and which decides."""
import json
import re
import time

import pytest

from support.policy import Policy, quote
from support.process import PINHOLE, REPOSITORY, run

A, B, C = ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=",
           "C/+CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCQ=")
HEX = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def pin(rule_id, spki_sha256, **columns):
    row = {"rule_id": rule_id, "spki_sha256": spki_sha256, **columns}
    return f"INSERT INTO pin ({', '.join(row)}) VALUES ({', '.join(map(quote, row.values()))});\n"


def check(policy):
    """By target: what `pinhole check --json` says."""
    done = run([PINHOLE, "check", "--db", policy.path, "--json"])
    assert done.stderr == ""
    return {rule["target"]: rule for rule in json.loads(done.stdout)["rules"]}


def explain(policy, name):
    done = run([PINHOLE, "explain", "--db", policy.path, "--json", name])
    assert done.stderr == ""
    return json.loads(done.stdout)


def pins(policy):
    return [tuple(row.values()) for row in policy.rows("SELECT rule_id, spki_sha256 FROM pin ORDER BY 1, 2;")]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Rule 1 allows, and has the pin A; rule 2 denies. No test changes it."""
    policy = Policy(tmp_path_factory.mktemp("guarded") / "policy.db",
                    ["api.example.com", {"target": "bad.example.com", "action": "deny"}], private_networks="")
    policy.sql(pin(1, A))
    return policy


MISTAKES = [
    (pin(99, B), "rule_id names no rule"),
    (pin(None, B), "rule_id names no rule"),
    (pin(2, B), "a deny has no server to check"),
    (pin(1, HEX), "in hexadecimal: type it in base64"),
    (pin(1, HEX.upper()), "in hexadecimal: type it in base64"),
    (pin(1, "sha256/" + B), "has a word before the pin"),
    (pin(1, "sha256//" + B), "has a word before the pin"),
    (pin(1, f'pin-sha256="{B}"'), "has a word before the pin"),
    (pin(1, ":".join(["AB"] * 32)), "a fingerprint with colons"),
    (pin(1, "SHA256 Fingerprint=" + ":".join(["AB"] * 32)), "a fingerprint with colons"),
    (pin(1, B.rstrip("=")), "type = behind it"),
    (pin(1, C.replace("/", "_").replace("+", "-")), "type + for each - and / for each _"),
    (pin(1, B[:-2] + "B="), "a typing mistake before its ="),
    (pin(1, B + "="), "44 characters of base64"),
    (pin(1, " " + B), "44 characters of base64"),
    (pin(1, ""), "44 characters of base64"),
    (pin(1, B, mode="warn"), "type 'enforce', or 'report'"),
    (pin(1, B, expires_at=1800000000000), "type Unix seconds"),
    (pin(1, B, expires_at=-1), "NULL for never"),
    (pin(1, A), "UNIQUE constraint failed: pin.rule_id, pin.spki_sha256"),
    (f"UPDATE pin SET spki_sha256 = '{HEX}';", "in hexadecimal"),
    ("UPDATE pin SET rule_id = 99;", "rule_id names no rule"),
    ("UPDATE pin SET mode = 'off';", "type 'enforce', or 'report'"),
    ("UPDATE pin SET expires_at = 1800000000000;", "type Unix seconds"),
    ("UPDATE rule SET verify = 'pinonly' WHERE id = 1;", "type 'chain', 'pin-only'"),
    ("WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 80)"
     f"INSERT INTO pin (rule_id, spki_sha256) SELECT 1, i || '{B[2:]}' FROM n;", "a rule takes at most 64 pins"),
]


@pytest.mark.parametrize("statement, advice", MISTAKES, ids=[advice + " " + str(at) for at, (_, advice) in enumerate(MISTAKES)])
def test_mistake_is_explained(guarded, statement, advice):
    done = guarded.shell(statement)
    assert done.returncode != 0 and advice in done.stderr, done.stderr
    assert pins(guarded) == [(1, A)]


@pytest.mark.parametrize("statement, left", [
    ("DELETE FROM rule WHERE id = 1;", [(2, B)]),
    ("UPDATE rule SET id = 9 WHERE id = 1;", [(2, B), (9, A)]),
    ("UPDATE OR REPLACE rule SET id = 2 WHERE id = 1;", [(2, A)]),
    ("REPLACE INTO rule (id, target) VALUES (1, 'other.example.com');", [(1, A), (2, B)]),
    ("REPLACE INTO rule (target, comment) VALUES ('a.example.com', 'new');", [(2, B), (3, A)]),
    ("INSERT INTO rule (target) VALUES ('a.example.com') ON CONFLICT DO UPDATE SET enabled = 0;", [(1, A), (2, B)]),
    ("INSERT OR IGNORE INTO rule (target) VALUES ('a.example.com'); INSERT INTO rule (target) VALUES ('c.example.com');",
     [(1, A), (2, B)]),
    (f"INSERT OR IGNORE INTO pin (rule_id, spki_sha256) VALUES (1, '{A}'), (1, '{B}');", [(1, A), (1, B), (2, B)]),
], ids=["delete", "another id", "another rule's id", "replace by id", "replace by target", "upsert", "ignored", "pins ignored"])
def test_pins_go_with_their_rule(make_policy, statement, left):
    policy = make_policy(["a.example.com", "b.example.com"], private_networks="")
    policy.sql(pin(1, A) + pin(2, B))
    before = policy.rows("SELECT max(id) AS id FROM rule_history;")[0]["id"]
    policy.sql(statement)
    assert pins(policy) == left
    policy.sql(f"INSERT INTO restore_before_entry SELECT min(id) FROM rule_history WHERE id > {before};")
    assert pins(policy) == [(1, A), (2, B)]
    assert [row["target"] for row in policy.rows("SELECT target FROM rule ORDER BY id;")] == ["a.example.com", "b.example.com"]


def test_pins_of_a_rule_that_became_a_deny_come_back(make_policy):
    policy = make_policy(["a.example.com"], private_networks="")
    policy.sql(pin(1, A) + "UPDATE rule SET action = 'deny', verify = 'none';")
    before = policy.rows("SELECT max(id) AS id FROM rule_history;")[0]["id"]
    policy.sql("DELETE FROM rule;")
    policy.sql(f"INSERT INTO restore_before_entry VALUES ({before + 1});")
    assert pins(policy) == [(1, A)]
    assert policy.rows("SELECT action, verify FROM rule;") == [{"action": "deny", "verify": "none"}]


EXPIRED = {"expires_at": 1700000000}

# Target, columns of the rule, its pins; what check says: state, verify, how many pins, and a part of the reason.
RULES = [
    ("plain.example.com", {}, [], "active", "chain", 0, ""),
    ("pinned.example.com", {}, [(A, {}), (B, {"mode": "report"})], "active", "chain", 2, ""),
    ("expired.example.com", {}, [(A, EXPIRED)], "active", "chain", 1, "so every connection is refused"),
    ("only.example.com", {"verify": "pin-only"}, [(A, {})], "active", "pin-only", 1, ""),
    ("only-none.example.com", {"verify": "pin-only"}, [], "invalid", None, 0, "needs a pin that is enforced"),
    ("only-report.example.com", {"verify": "pin-only"}, [(A, {"mode": "report"})], "invalid", None, 0, "needs a pin that is enforced"),
    ("only-expired.example.com", {"verify": "pin-only"}, [(A, EXPIRED)], "invalid", None, 0, "UPDATE pin SET expires_at = NULL WHERE rule_id = "),
    ("none.example.com", {"verify": "none"}, [], "active", "none", 0, ""),
    ("none-pinned.example.com", {"verify": "none"}, [(A, {})], "invalid", None, 0, "SET verify = 'chain' WHERE id = "),
    ("denied.example.com", {}, [(A, {})], "active", None, 0, "Its pins are ignored"),
]


@pytest.mark.quick
def test_what_becomes_of_rules_with_pins(make_policy):
    policy = make_policy([{"target": target, "verify": "chain", **columns} for target, columns, *_ in RULES], private_networks="")
    policy.sql("".join(pin(at + 1, spki, **columns) for at, row in enumerate(RULES) for spki, columns in row[2])
               + "UPDATE rule SET action = 'deny' WHERE target = 'denied.example.com';")
    rules = check(policy)
    for target, _, _, state, verify, count, reason in RULES:
        rule = rules[target]
        assert (rule["state"], rule["verify"], len(rule["pins"])) == (state, verify, count), target
        assert reason in rule["reason"] and bool(reason) == bool(rule["reason"]), target
    assert rules["pinned.example.com"]["pins"] == [{"spki_sha256": A, "mode": "enforce", "expires_at": None},
                                                  {"spki_sha256": B, "mode": "report", "expires_at": None}]
    stated = {row["target"]: row["reason"] for row in policy.rows("SELECT target, reason FROM rule JOIN rule_status ON rule_id = id;")}
    assert stated == {target: rule["reason"] for target, rule in rules.items()}
    listed = run([PINHOLE, "check", "--db", policy.path]).stdout
    assert "plain.example.com  [chain]\n" in listed and "pinned.example.com  [chain with 1 pin]\n" in listed
    assert "only.example.com  [pin-only with 1 pin]\n" in listed and "none.example.com  [none]\n" in listed


@pytest.mark.parametrize("target", [row[0] for row in RULES if row[3] == "invalid" and "UPDATE" in row[6] or "SET verify" in row[6]])
def test_advice_mends_the_rule(make_policy, target):
    """The statement that the reason ends with, as it stands there."""
    _, columns, its_pins, *_ = next(row for row in RULES if row[0] == target)
    policy = make_policy([{"target": target, "verify": "chain", **columns}], private_networks="")
    policy.sql("".join(pin(1, spki, **columns) for spki, columns in its_pins))
    reason = check(policy)[target]["reason"]
    policy.sql("UPDATE" + reason.split("type UPDATE", 1)[1].split(";")[0] + ";")
    assert check(policy)[target]["state"] == "active"


@pytest.mark.quick
def test_the_stricter_check_decides(make_policy):
    """The same name, typed in four ways: four rules of which one decides."""
    targets = ["a.example.com", "https://a.example.com", "https://a.example.com/", "a.example.com:443"]
    policy = make_policy([{"target": target, "verify": verify} for target, verify in zip(targets, ("none", "pin-only", "chain", "chain"))],
                         private_networks="")
    policy.sql(pin(2, A) + pin(4, B))
    for rule_id, verify, its_pins in ((4, "chain", [B]), (3, "chain", []), (2, "pin-only", [A]), (1, "none", [])):
        told = explain(policy, "a.example.com")
        assert (told["rule"], told["verify"], [pin["spki_sha256"] for pin in told["pins"]]) == (rule_id, verify, its_pins)
        assert {row["rule"] for row in check(policy).values() if row["state"] == "active"} == {rule_id}
        policy.sql(f"DELETE FROM rule WHERE id = {rule_id};")
    assert explain(policy, "a.example.com")["verify"] is None


def test_explain_says_how_strong_a_rule_is(make_policy):
    policy = make_policy([{"target": "a.example.com", "verify": "chain"}], private_networks="")
    policy.sql(pin(1, A) + pin(1, B, **EXPIRED) + pin(1, C, mode="report"))
    told = run([PINHOLE, "explain", "--db", policy.path, "a.example.com"]).stdout
    assert ("  check     chain with 1 pin: the server must have a trusted chain, with the name in it, valid now, and in that chain"
            " the one pin; 1 pin only reports\n") in told
    for line in (f"  pin       {A} enforce\n", f"  pin       {B} enforce, expired\n", f"  pin       {C} report\n"):
        assert line in told
    assert "  check " not in run([PINHOLE, "explain", "--db", policy.path, "b.example.com"]).stdout


@pytest.mark.quick
def test_a_pin_that_expires_while_it_runs(launch, make_policy, at_gate, gate_port):
    policy = make_policy([{"target": at_gate("a.example.com"), "verify": "chain"}])
    pinhole = launch(policy, gate_port=gate_port)
    mark = pinhole.log.mark()
    policy.sql(pin(1, A, expires_at=int(time.time()) + 2) + "UPDATE rule SET verify = 'pin-only';")
    line, = pinhole.log.wait(since=mark, event="rule_not_in_force")
    assert (line["rule"], line["state"]) == (1, "invalid") and "have expired" in line["sentence"]


def test_pinning_what_was_seen(make_policy):
    """The statement of docs/rules.md, on rows as Pinhole writes them."""
    policy = make_policy(["a.example.com", "b.example.com:8443"], private_networks="")
    for hostname, spki, place in (("a.example.com", A, "root"), ("a.example.com", B, "leaf"), ("b.example.com:8443", C, "root")):
        policy.sql("INSERT INTO pin_seen VALUES "
                   f"({quote(hostname)}, {quote(spki)}, {quote(place)}, 'CN=x', 'CN=y', 0, 1900000000, 1800000000, 1800000000);")
    check(policy)
    text = (REPOSITORY / "docs" / "rules.md").read_text()
    statement = re.search(r"    (INSERT OR IGNORE INTO pin .*?;)", text, re.DOTALL).group(1)
    assert "rule_id = 7" in statement
    policy.sql(statement.replace("= 7", "= 1") + statement.replace("= 7", "= 2"))
    assert pins(policy) == [(1, A), (2, C)]
