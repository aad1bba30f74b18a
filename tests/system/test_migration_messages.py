"""What the policy file itself says to a person who mistypes in the sqlite3 shell. The program is not needed."""
import subprocess
from pathlib import Path

import pytest

MIGRATIONS = sorted((Path(__file__).parents[2] / "migrations").glob("[0-9]*.sql"))


def shell(path, statements):
    return subprocess.run(["sqlite3", "-batch", "-bail", path], input=statements, capture_output=True, text=True,
                          timeout=300, check=False)


@pytest.fixture
def policy(tmp_path):
    """A policy file with the rules 1 (api.example.com) and 2 (*.example.org), made by the migrations alone."""
    path = tmp_path / "policy.db"
    made = shell(path, "".join(f".read '{migration}'\n" for migration in MIGRATIONS)
                 + "INSERT INTO rule (target) VALUES ('api.example.com'), ('*.example.org');")
    assert made.returncode == 0 and not made.stderr, made.stderr
    return path


# What a person types into rule.target, and what the answer tells to type instead.
TARGETS = [
    ("", "type the host to reach, as in api.example.com"),
    ("   ", "type the host to reach, as in api.example.com"),
    (" api.example.com", "contains a space"),
    ("api.example.com\n", "contains a space"),
    ("api.example.com, www.example.com", "contains a space"),
    ("bücher.example", "as in xn--bcher-kva.example"),
    ("http://api.example.com", "have the client use https"),
    ("HTTP://api.example.com", "have the client use https"),
    ("ftp://api.example.com", "a scheme other than https"),
    ("wss://api.example.com", "a scheme other than https"),
    ("user@api.example.com", "leave out everything up to the @"),
    ("https://user:secret@api.example.com/", "leave out everything up to the @"),
    ("https://api.example.com/?q=1", "a query or a fragment"),
    ("api.example.com#top", "a query or a fragment"),
    ("https://storage.googleapis.com//my-bucket/", "type one"),
    ("storage.googleapis.com/a/../my-bucket", "type the path that is meant"),
    ("https://", "type one, as in api.example.com"),
    ("192.0.2.1", "type the host's name"),
    ("192.0.2.1:8443", "type the host's name"),
    ("0x7f.1", "type the host's name"),
    ("2001:db8::1", "type the host's name"),
    ("[2001:db8::1]:443", "type the host's name"),
    ("*", "*.example.com or **.example.com"),
    ("*.", "*.example.com or **.example.com"),
    ("**.", "*.example.com or **.example.com"),
    ("api*.example.com", "type *.example.com for one more label"),
    ("api.*.example.com", "type *.example.com for one more label"),
    ("***.example.com", "type *.example.com for one more label"),
    ("example.com:0", "a number from 1 to 65535"),
    ("example.com:65536", "a number from 1 to 65535"),
    ("example.com:", "a number from 1 to 65535"),
    ("example.com:https", "a number from 1 to 65535"),
    (":443", "type one, as in api.example.com"),
    ("api..example.com", "one dot between labels"),
    (".example.com", "one dot between labels"),
    ("-api.example.com", "begins or ends with a hyphen"),
    ("api,example.com", "only letters, digits, hyphens"),
    ("a" * 64 + ".example.com", "longer than 63 characters"),
    ("a.b" * 100, "at most 253 characters"),
]


def quote(text):
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize("target, advice", TARGETS, ids=[repr(target[:30]) for target, _ in TARGETS])
@pytest.mark.parametrize("statement", [
    "INSERT INTO rule (target) VALUES ({});",
    "INSERT OR IGNORE INTO rule (target) VALUES ({});",
    "REPLACE INTO rule (target) VALUES ({});",
    "UPDATE rule SET target = {} WHERE id = 1;",
    "INSERT INTO rule (id, target) VALUES (1, {}) ON CONFLICT (id) DO UPDATE SET target = excluded.target;",
], ids=["insert", "or ignore", "replace", "update", "upsert"])
def test_mistyped_target_is_explained(policy, statement, target, advice):
    done = shell(policy, statement.format(quote(target)))
    assert done.returncode != 0
    assert advice in done.stderr
    assert "constraint failed" not in done.stderr
    assert shell(policy, "SELECT count(*), min(target) FROM rule;").stdout == "2|*.example.org\n"


@pytest.mark.parametrize("target", [
    "www.example.com", "WWW.Example.COM", "www.example.com.", "www.example.com:8443", "*.example.com", "**.example.com",
    "*.example.com:8443", "_service.example.com", "https://www.example.com", "https://www.example.com/",
    "HTTPS://www.example.com:8443/", "xn--bcher-kva.example"])
def test_well_typed_target_is_taken(policy, target):
    done = shell(policy, f"INSERT INTO rule (target) VALUES ({quote(target)});"
                         f"UPDATE rule SET target = target; SELECT count(*) FROM rule WHERE target = {quote(target)};")
    assert (done.stdout, done.stderr) == ("1\n", "")


# What a person types into rule.connect_to, and what the answer tells to type instead.
CONNECT_TO = [
    ("", "type NULL to connect to the name itself"),
    ("https://proxy.example", "connect_to is no URL"),
    ("proxy.example/", "connect_to is no URL"),
    ("user@proxy.example", "connect_to is no URL"),
    ("*.example", "takes no wildcard"),
    ("10.0.0.5 ", "has a character that no address and no host has"),
    ("10.0.0.5,10.0.0.6", "has a character that no address and no host has"),
    ("bücher.example", "has a character that no address and no host has"),
    ("[10.0.0.5]:8443", "as in [fd00::5]:8443"),
    ("[fd00::5", "as in [fd00::5]:8443"),
    ("[fd00::5]8443", "as in [fd00::5]:8443"),
    ("fd00::5]", "as in [fd00::5]:8443"),
    ("10.0.0.5:0", "a number from 1 to 65535"),
    ("10.0.0.5:65536", "a number from 1 to 65535"),
    ("proxy.example:https", "a number from 1 to 65535"),
    ("[fd00::5]:", "a number from 1 to 65535"),
    (":8443", "connect_to has no host"),
    ("10.0.0.256", "four numbers from 0 to 255"),
    ("10.0.5", "four numbers from 0 to 255"),
    ("10.0.0.5.", "four numbers from 0 to 255"),
    ("010.0.0.5", "four numbers from 0 to 255"),
    ("0x7f.1", "four numbers from 0 to 255"),
    ("fd00:::5", "as in fd00::5"),
    ("fd00::12345", "as in fd00::5"),
    ("fd00:1:2", "as in fd00::5"),
    ("fd00::5.", "as in fd00::5"),
    ("fd00::1::2", "as in fd00::5"),
    ("10.0.0.5:80:90", "as in fd00::5"),
    ("proxy..example", "look for a typing mistake"),
    ("-proxy.example", "look for a typing mistake"),
    ("a" * 64 + ".example", "look for a typing mistake"),
    ("0.0.0.0", "nothing is ever sent to"),
    ("[::]:443", "nothing is ever sent to"),
    ("169.254.169.254", "nothing is ever sent to"),
    ("::ffff:169.254.169.254", "nothing is ever sent to"),
    ("fd00:EC2::254", "nothing is ever sent to"),
    ("[fe80::1]:443", "nothing is ever sent to"),
    ("239.1.2.3:443", "nothing is ever sent to"),
    ("ff02::1", "nothing is ever sent to"),
]


@pytest.mark.parametrize("connect_to, advice", CONNECT_TO, ids=[repr(typed[:30]) for typed, _ in CONNECT_TO])
@pytest.mark.parametrize("statement", [
    "INSERT INTO rule (target, connect_to) VALUES ('www.example.com', {});",
    "REPLACE INTO rule (target, connect_to) VALUES ('api.example.com', {});",
    "UPDATE rule SET connect_to = {} WHERE id = 1;",
], ids=["insert", "replace", "update"])
def test_mistyped_connect_to_is_explained(policy, statement, connect_to, advice):
    done = shell(policy, statement.format(quote(connect_to)))
    assert done.returncode != 0
    assert advice in done.stderr
    assert "constraint failed" not in done.stderr
    assert shell(policy, "SELECT count(*), max(connect_to) FROM rule;").stdout == "2|\n"


@pytest.mark.parametrize("connect_to", [
    "10.0.0.5", "10.0.0.5:8443", "fd00::5", "[fd00::5]", "[fd00::5]:8443", "::1", "::ffff:10.0.0.5", "fd00:1:2:3:4:5:6:7", "249.250.251.252",
    "proxy.internal.example", "proxy.internal.example:8443", "Proxy.Example.", "localhost", "300.example.com"])
def test_well_typed_connect_to_is_taken(policy, connect_to):
    done = shell(policy, f"UPDATE rule SET connect_to = {quote(connect_to)} WHERE id = 1;"
                         f"INSERT INTO rule (target, connect_to) VALUES ('www.example.com', {quote(connect_to)});"
                         f"SELECT count(*) FROM rule WHERE connect_to = {quote(connect_to)};")
    assert (done.stdout, done.stderr) == ("2\n", "")


@pytest.mark.parametrize("statement", [
    "INSERT INTO rule (target, action, connect_to) VALUES ('www.example.com', 'deny', '10.0.0.5');",
    "UPDATE rule SET action = 'deny', connect_to = '10.0.0.5' WHERE id = 1;",
    "UPDATE rule SET connect_to = '10.0.0.5' WHERE id = 1; UPDATE rule SET action = 'deny' WHERE id = 1;",
])
def test_deny_connects_to_nothing(policy, statement):
    done = shell(policy, statement)
    assert "SET action = 'deny', connect_to = NULL" in done.stderr
    assert shell(policy, "UPDATE rule SET action = 'deny', connect_to = NULL;").stderr == ""


# Other mistakes: what is typed, and what the answer tells.
MISTAKES = [
    ("INSERT INTO rule (target, action) VALUES ('a.example', 'Allow');", "type 'allow' or 'deny'"),
    ("INSERT INTO rule (target, action) VALUES ('a.example', 'block');", "type 'allow' or 'deny'"),
    ("UPDATE rule SET action = 'denied';", "type 'allow' or 'deny'"),
    ("INSERT INTO rule (target, enabled) VALUES ('a.example', 2);", "type 1 for on or 0 for off"),
    ("UPDATE rule SET enabled = -1;", "type 1 for on or 0 for off"),
    ("UPDATE rule SET enabled = 'yes';", "INTEGER column rule.enabled"),
    ("INSERT INTO rule (target, expires_at) VALUES ('a.example', 1800000000000);", "type Unix seconds"),
    ("UPDATE rule SET expires_at = 1800000000000;", "type Unix seconds"),
    ("UPDATE rule SET expires_at = -5;", "NULL for never"),
    ("UPDATE rule SET expires_at = '2027-01-01';", "INTEGER column rule.expires_at"),
    ("INSERT INTO rule (target) VALUES (NULL);", "target is empty"),
    ("INSERT INTO rule (action) VALUES ('deny');", "target is empty"),
    ("INSERT INTO rule (target) VALUES ('api.example.com');", "UNIQUE constraint failed: rule.target"),
    ("UPDATE rule SET id = 0 WHERE id = 1;", "rule_id_is_positive"),
    ("UPDATE setting SET value = '1m' WHERE name = 'answer_ttl';", "a whole number from 0 to 86400"),
    ("UPDATE setting SET value = 86401 WHERE name = 'negative_ttl';", "a whole number from 0 to 86400"),
    ("UPDATE setting SET value = -1 WHERE name = 'negative_ttl';", "a whole number from 0 to 86400"),
    ("UPDATE setting SET value = '' WHERE name = 'answer_ttl';", "a whole number from 0 to 86400"),
    ("UPDATE setting SET value = 'drop' WHERE name = 'deny_answer';", "type 'nxdomain' or 'refused'"),
    ("UPDATE setting SET value = 'all' WHERE name = 'allowed_private_networks';", "with commas between"),
    ("UPDATE setting SET value = '10.0.0.0/8;fd00::/8' WHERE name = 'allowed_private_networks';", "with commas between"),
    ("UPDATE setting SET value = '10.0.0.0/8,' WHERE name = 'allowed_private_networks';", "with commas between"),
    ("UPDATE setting SET value = ' ' WHERE name = 'allowed_private_networks';", "with commas between"),
    ("INSERT INTO setting VALUES ('ttl', '30');", "SELECT name FROM setting shows them all"),
    ("REPLACE INTO setting VALUES ('Answer_TTL', '30');", "SELECT name FROM setting shows them all"),
    ("UPDATE setting SET value = 0 WHERE name = 'hello_seconds';", "a whole number from 1 to 600"),
    ("UPDATE setting SET value = '10s' WHERE name = 'connect_seconds';", "a whole number from 1 to 600"),
    ("UPDATE setting SET value = 601 WHERE name = 'answer_seconds';", "a whole number from 1 to 600"),
    ("UPDATE setting SET value = 604801 WHERE name = 'idle_seconds';", "a whole number from 1 to 604800, or 0 for ever"),
    ("UPDATE setting SET value = -1 WHERE name = 'max_connections';", "a whole number from 0 to 10000000"),
    ("UPDATE setting SET value = '' WHERE name = 'max_connections_per_client';", "a whole number from 0 to 10000000"),
    ("UPDATE setting SET value = 10000001 WHERE name = 'max_handshakes_per_client';", "a whole number from 0 to 10000000"),
    ("UPDATE setting SET value = 'many' WHERE name = 'max_queries_per_client';", "a whole number from 0 to 10000000"),
    ("DELETE FROM setting WHERE name = 'max_queries_per_client';", "SET value = '0' WHERE name = 'max_queries_per_client'"),
    ("UPDATE setting SET value = 'yes' WHERE name = 'forged_answer_error';", "type 'off' or 'on'"),
    ("DELETE FROM setting WHERE name = 'forged_answer_error';", "SET value = 'off' WHERE name = 'forged_answer_error'"),
    ("UPDATE setting SET value = 'no' WHERE name = 'ech';", "type 'allow' or 'deny'"),
    ("UPDATE setting SET value = '10001' WHERE name = 'max_probes';", "a whole number from 0 to 10000"),
    ("UPDATE setting SET value = '-1' WHERE name = 'max_probes_per_client';", "a whole number from 0 to 10000"),
    ("UPDATE setting SET value = '' WHERE name = 'max_probes_per_address';", "a whole number from 0 to 10000"),
    ("UPDATE setting SET value = '366' WHERE name = 'certificate_warning_days';", "a whole number from 1 to 365, or 0 for none"),
    ("UPDATE setting SET value = 'fast' WHERE name = 'cold_start';", "type 'parallel' or 'serial'"),
    ("UPDATE setting SET value = 'no' WHERE name = 'resumption';", "type 'allow' or 'deny'"),
    ("DELETE FROM setting WHERE name = 'cold_start';", "SET value = 'parallel' WHERE name = 'cold_start'"),
    ("DELETE FROM setting WHERE name = 'resumption';", "SET value = 'allow' WHERE name = 'resumption'"),
    ("DELETE FROM setting WHERE name = 'max_probes';", "SET value = '200' WHERE name = 'max_probes'"),
    ("DELETE FROM setting WHERE name = 'max_probes_per_client';", "SET value = '20' WHERE name = 'max_probes_per_client'"),
    ("DELETE FROM setting WHERE name = 'max_probes_per_address';", "SET value = '20' WHERE name = 'max_probes_per_address'"),
    ("DELETE FROM setting WHERE name = 'certificate_warning_days';", "SET value = '14' WHERE name = 'certificate_warning_days'"),
    ("UPDATE rule SET verify = 'pins';", "type 'chain', 'pin-only'"),
    ("INSERT INTO rule (target, verify) VALUES ('a.example', 'Chain');", "type 'chain', 'pin-only'"),
    ("DELETE FROM setting WHERE name = 'ech';", "SET value = 'allow' WHERE name = 'ech'"),
    ("DELETE FROM setting WHERE name = 'idle_seconds';", "SET value = '3600' WHERE name = 'idle_seconds'"),
    ("DELETE FROM setting WHERE name = 'max_connections';", "SET value = '0' WHERE name = 'max_connections'"),
    ("UPDATE setting SET name = 'ttl' WHERE name = 'answer_ttl';", "a setting keeps its name"),
    ("UPDATE OR REPLACE setting SET name = 'answer_ttl' WHERE name = 'negative_ttl';", "a setting keeps its name"),
    ("DELETE FROM setting WHERE name = 'answer_ttl';", "SET value = '30' WHERE name = 'answer_ttl'"),
    ("DELETE FROM setting WHERE name = 'negative_ttl';", "SET value = '5' WHERE name = 'negative_ttl'"),
    ("DELETE FROM setting WHERE name = 'deny_answer';", "SET value = 'nxdomain' WHERE name = 'deny_answer'"),
    ("DELETE FROM setting WHERE name = 'allowed_private_networks';",
     "SET value = '' WHERE name = 'allowed_private_networks'"),
    ("UPDATE setting SET value = 'corp.example;svc' WHERE name = 'search_domains';", "with commas between"),
    ("UPDATE setting SET value = 'corp.example svc.cluster.local' WHERE name = 'search_domains';", "with commas between"),
    ("UPDATE setting SET value = 'corp.example.' WHERE name = 'search_domains';", "without a final dot"),
    ("UPDATE setting SET value = 'corp.example,' WHERE name = 'search_domains';", "with commas between"),
    ("UPDATE setting SET value = replace(hex(zeroblob(33)), '00', ',a') WHERE name = 'search_domains';",
     "with commas between"),
    ("UPDATE setting SET value = substr(replace(hex(zeroblob(33)), '00', ',a'), 2) WHERE name = 'search_domains';",
     "type 32 at most"),
    ("DELETE FROM setting WHERE name = 'search_domains';", "SET value = '' WHERE name = 'search_domains'"),
    ("INSERT INTO rule_status (rule_id, state) VALUES (1, 'fine');", "rule_status_state_is_known"),
]


@pytest.mark.parametrize("statement, advice", MISTAKES, ids=[statement[:70] for statement, _ in MISTAKES])
def test_mistake_is_explained(policy, statement, advice):
    contents = "SELECT * FROM rule; SELECT * FROM setting; SELECT count(*) FROM policy_change;"
    before = shell(policy, contents).stdout
    done = shell(policy, statement)
    assert done.returncode != 0
    assert advice in done.stderr
    assert shell(policy, contents).stdout == before


def test_advice_on_settings_works(policy):
    """What the refusals tell a person to type is itself taken."""
    for statement, _ in MISTAKES:
        if statement.startswith("DELETE FROM setting"):
            refusal = shell(policy, statement).stderr
            advice = "UPDATE" + refusal.split("UPDATE", 1)[1].rsplit(" (", 1)[0]
            assert shell(policy, advice + ";").returncode == 0, advice
    assert shell(policy, "SELECT name, value FROM setting ORDER BY name;").stdout.splitlines() == [
        "allowed_private_networks|", "answer_seconds|30", "answer_ttl|30", "certificate_warning_days|14", "cold_start|parallel",
        "connect_seconds|10", "deny_answer|nxdomain", "ech|allow", "forged_answer_error|off", "hello_seconds|10", "history_days|90", "history_rows|100000",
        "idle_seconds|3600", "max_connections|0", "max_connections_per_client|0", "max_handshakes_per_client|50000",
        "max_probes|200", "max_probes_per_address|20", "max_probes_per_client|20", "max_queries_per_client|0", "negative_ttl|5", "resumption|allow", "search_domains|"]


@pytest.mark.parametrize("networks", ["", "10.0.0.0/8", "10.0.0.0/8,fd00::/8", "10.0.0.0/8, FD00::/8, 192.0.2.1"])
def test_network_lists_are_taken(policy, networks):
    assert shell(policy, f"UPDATE setting SET value = '{networks}' WHERE name = 'allowed_private_networks';").stderr == ""


@pytest.mark.parametrize("domains", ["", "cluster.local", "ns.svc.cluster.local,svc.cluster.local, corp.example"])
def test_search_domains_are_taken(policy, domains):
    assert shell(policy, f"UPDATE setting SET value = '{domains}' WHERE name = 'search_domains';").stderr == ""


@pytest.mark.parametrize("statement, changes", [
    ("INSERT INTO rule (target) VALUES ('a.example');", 1),
    ("UPDATE rule SET comment = 'x' WHERE id = 1;", 1),
    ("UPDATE rule SET connect_to = '10.0.0.5' WHERE id = 1;", 1),
    ("UPDATE setting SET value = 7 WHERE name = 'answer_ttl';", 1),
    ("INSERT INTO rule_status (rule_id, state) VALUES (1, 'active'); UPDATE rule_status SET reason = 'x';"
     "DELETE FROM rule_status;", 0),
])
def test_what_is_logged(policy, statement, changes):
    count = "SELECT count(*) FROM policy_change;"
    before = int(shell(policy, count).stdout)
    assert shell(policy, statement).stderr == ""
    assert int(shell(policy, count).stdout) == before + changes


@pytest.mark.parametrize("recursive", ["OFF", "ON"])
def test_times_are_kept(policy, recursive):
    """updated_at follows an edit, also where triggers may set themselves off; a time typed by hand stays."""
    done = shell(policy, f"PRAGMA recursive_triggers = {recursive}; UPDATE rule SET created_at = 5, updated_at = 5;"
                         "UPDATE rule SET enabled = 0 WHERE id = 1;"
                         "SELECT id, created_at, updated_at > 1700000000 FROM rule ORDER BY id;")
    assert (done.stdout, done.stderr) == ("1|5|1\n2|5|0\n", "")


@pytest.mark.parametrize("statement, left", [
    ("DELETE FROM rule WHERE id = 1;", "2\n"),
    ("UPDATE rule SET id = 9 WHERE id = 1;", "2\n"),
    ("UPDATE rule SET action = 'deny' WHERE id = 1;", "1\n2\n"),
])
def test_status_goes_with_its_rule(policy, statement, left):
    done = shell(policy, "INSERT INTO rule_status (rule_id, state) VALUES (1, 'active'), (2, 'active');" + statement
                 + "SELECT rule_id FROM rule_status ORDER BY 1;")
    assert (done.stdout, done.stderr) == (left, "")


def test_ids_are_never_used_twice(policy):
    done = shell(policy, "DELETE FROM rule; INSERT INTO rule (target) VALUES ('a.example'); SELECT id FROM rule;")
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_nothing_is_ever_stored_in_the_explaining_views(policy):
    done = shell(policy, "SELECT count(*) FROM explain_target; SELECT count(*) FROM explain_setting;"
                         "SELECT count(*) FROM explain_place; SELECT count(*) FROM explain_name;")
    assert (done.stdout, done.stderr) == ("0\n" * 4, "")
