"""Rules for groups of clients: whom they are for, which decides, and what the sqlite3 shell says to a mistake."""
import json

import pytest

from support.dns_client import dig
from support.policy import Policy, insert
from support.process import PINHOLE, eventually, run

pytestmark = pytest.mark.quick

MISTAKES = [
    ("INSERT INTO client_group (name) VALUES ('two words')", "type one, as in build-runners"),
    ("INSERT INTO client_group (name) VALUES ('')", "type one, as in build-runners"),
    ("INSERT INTO client_group (name) VALUES ('build')", "UNIQUE constraint failed"),
    ("REPLACE INTO client_group (id, name) VALUES (1, 'other')", "leave the id out"),
    ("UPDATE client_group SET name = 'other' WHERE name = 'build'", "a group keeps its name"),
    ("UPDATE client_group SET id = 77 WHERE name = 'build'", "a group keeps its id"),
    ("DELETE FROM client_group WHERE name = 'any'", "can't be deleted"),
    ("DELETE FROM client_group WHERE name = 'build'", "rules still name this group"),
    ("INSERT INTO client_network VALUES ('any', '10.0.0.0/8')", "name another group"),
    ("INSERT INTO client_network VALUES ('nobody', '10.0.0.0/8')", "make it first"),
    ("INSERT INTO client_network VALUES ('build', 'localhost')", "type it as in 10.1.0.0/16"),
    ("INSERT INTO client_network VALUES ('build', '10.0.0.0/33')", "a number from 0 to 32"),
    ("INSERT INTO client_network VALUES ('build', '10.0.0.0/')", "a number from 0 to 32"),
    ("INSERT INTO client_network VALUES ('build', 'fd00::/129')", "a number from 0 to 128"),
    ("UPDATE client_network SET cidr = '10.0.0.0/3f'", "a number from 0 to 32"),
    ("INSERT INTO rule (target, clients) VALUES ('b.example.com', 'nobody')", "names no group"),
    ("UPDATE rule SET clients = 'nobody' WHERE clients = 'build'", "names no group"),
]


@pytest.fixture
def policy(tmp_path):
    """api.example.com for the group build, which is 127.0.0.2; all.example.com for everybody."""
    made = Policy(tmp_path / "policy.db", ["all.example.com"])
    made.sql("INSERT INTO client_group (name) VALUES ('build');"
             "INSERT INTO client_network VALUES ('build', '127.0.0.2');"
             "INSERT INTO rule (target, clients) VALUES ('api.example.com', 'build');")
    return made


@pytest.mark.parametrize("statement, sentence", MISTAKES, ids=[statement for statement, _ in MISTAKES])
def test_shell_says_what_to_type(policy, statement, sentence):
    before = policy.rows("SELECT * FROM client_group, client_network, rule;")
    done = policy.shell(statement + ";")
    assert done.returncode != 0
    assert sentence in done.stderr
    assert policy.rows("SELECT * FROM client_group, client_network, rule;") == before


def is_allowed(pinhole, name, client):
    return dig(pinhole.dns, name, "-b", client).status == "NOERROR"


def test_rule_is_for_its_group(launch, policy):
    pinhole = launch(policy)
    assert is_allowed(pinhole, "api.example.com", "127.0.0.2")
    assert not is_allowed(pinhole, "api.example.com", "127.0.0.3")
    assert is_allowed(pinhole, "all.example.com", "127.0.0.3")


def test_edits_of_groups_and_networks_come_into_force(launch, policy):
    pinhole = launch(policy)
    policy.sql("INSERT INTO client_network VALUES ('build', '127.0.0.3');")
    eventually(lambda: is_allowed(pinhole, "api.example.com", "127.0.0.3"), 5, "the new network")
    policy.sql("DELETE FROM client_network WHERE cidr = '127.0.0.2';")
    eventually(lambda: not is_allowed(pinhole, "api.example.com", "127.0.0.2"), 5, "the network gone")
    policy.sql("UPDATE rule SET clients = 'any' WHERE clients = 'build';")
    eventually(lambda: is_allowed(pinhole, "api.example.com", "127.0.0.9"), 5, "the rule for everybody")


def test_network_among_many_rules_is_read_alone(launch, policy):
    """No edit of groups makes Pinhole read 10,000 rules again; what it says of them follows."""
    policy.sql("INSERT INTO client_group (name) VALUES ('large');"
               "INSERT INTO rule (target, clients) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
               " WHERE i < 10000) SELECT 'host' || i || '.example.com', 'large' FROM n;")
    pinhole = launch(policy)
    eventually(lambda: "no network" in status_of(policy, "host9999.example.com"), 20, "the status of all rules")
    mark = pinhole.log.mark()
    for statement, client in [("INSERT INTO client_network VALUES ('large', '127.0.0.4')", "127.0.0.4"),
                              ("UPDATE client_network SET cidr = '127.0.0.5' WHERE client_group = 'large'", "127.0.0.5"),
                              ("INSERT INTO client_group (name) VALUES ('new');"
                               "INSERT INTO client_network VALUES ('new', '127.0.0.6');"
                               "INSERT INTO rule (target, clients) VALUES ('host9999.example.com', 'new')", "127.0.0.6")]:
        assert not is_allowed(pinhole, "host9999.example.com", client)
        policy.sql(statement + ";")
        eventually(lambda: is_allowed(pinhole, "host9999.example.com", client), 5, statement)
    assert not is_allowed(pinhole, "host9999.example.com", "127.0.0.4")
    assert {line["how"] for line in pinhole.log.wait(since=mark, count=3, event="policy_loaded")} == {"changes"}
    eventually(lambda: status_of(policy, "host9999.example.com") == "", 20, "the status of all rules")


def status_of(policy, target):
    """What is said of the oldest rule with that target; None before anything is."""
    rows = policy.rows("SELECT reason FROM rule LEFT JOIN rule_status ON rule_id = rule.id"
                       f" WHERE target = '{target}' ORDER BY rule.id LIMIT 1;")
    return rows[0]["reason"] or ""


def test_denial_of_a_group_cuts_a_hole(launch, policy):
    policy.sql("INSERT INTO rule (target, action, clients) VALUES ('all.example.com', 'deny', 'build');")
    pinhole = launch(policy)
    assert not is_allowed(pinhole, "all.example.com", "127.0.0.2")
    assert is_allowed(pinhole, "all.example.com", "127.0.0.3")


def test_network_that_cannot_be_read_never_widens_access(launch, policy):
    """Who is missing from the group is not known, so its denials are for everybody, and it is said everywhere."""
    policy.sql("INSERT INTO rule (target, action, clients) VALUES ('all.example.com', 'deny', 'build');"
               "INSERT INTO client_network VALUES ('build', 'fd00::1/8');")
    pinhole = launch(policy)
    assert is_allowed(pinhole, "api.example.com", "127.0.0.2")
    assert not is_allowed(pinhole, "all.example.com", "127.0.0.9")
    assert pinhole.log.wait(event="network_unreadable")[0]["group"] == "build"
    rules = {rule["rule"]: rule for rule in
             json.loads(run([PINHOLE, "check", "--db", policy.path, "--json"]).stdout)["rules"]}
    assert [(rules[number]["state"], "can't be read" in rules[number]["reason"]) for number in (1, 2, 3)] == [
        ("shadowed", False), ("active", True), ("widened", True)]
    policy.sql("UPDATE client_network SET cidr = 'fd00::/8' WHERE cidr = 'fd00::1/8';")
    eventually(lambda: is_allowed(pinhole, "all.example.com", "127.0.0.9"), 5, "the network that was mended")


def test_same_target_for_two_groups(policy):
    policy.sql(insert("api.example.com"))
    assert len(policy.rows("SELECT id FROM rule WHERE target = 'api.example.com';")) == 2
    assert policy.shell(insert("api.example.com")).returncode != 0


def test_group_goes_with_its_networks(policy):
    policy.sql("DELETE FROM rule WHERE clients = 'build'; DELETE FROM client_group WHERE name = 'build';")
    assert policy.rows("SELECT * FROM client_network;") == []
