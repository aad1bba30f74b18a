"""A group whose clients are only observed: what passes, what does not, and what the operator is told."""
import json

import dns.rcode
import pytest

from support.dns_client import ask, dig, framed, question, read_framed, tcp_socket, udp_socket
from support.hello import INTERNAL_ERROR, MISSING_EXTENSION, UNRECOGNIZED_NAME, hello_for, records, send_all_then_read
from support.policy import deny, insert
from support.process import PINHOLE, eventually, free_port, run
from support.webserver import curl

pytestmark = pytest.mark.quick

NGINX = "127.0.0.3"
OTHER = "127.0.0.9"  # a client of the group 'strict', which is enforced
OBSERVE = "UPDATE client_group SET mode = 'observe' WHERE name = 'runners';"
ENFORCE = "UPDATE client_group SET mode = 'enforce' WHERE name = 'runners';"


@pytest.fixture
def policy(make_policy, at_gate):
    """The clients at 127.0.0.1 and ::1 are runners, which are observed; 127.0.0.9 is strict."""
    made = make_policy([at_gate("api.example.com"), deny(at_gate("denied.example.com")),
                        at_gate("below.parent.example.com")])
    made.sql("INSERT INTO client_group (name, mode) VALUES ('runners', 'observe'), ('strict', 'enforce');"
             "INSERT INTO client_network VALUES ('runners', '127.0.0.0/8'), ('runners', '::1'), ('strict', '127.0.0.9');")
    return made


@pytest.fixture
def pinhole(launch, policy, authority, gate_port, nginx):
    assert nginx
    authority.zone.update({"new.example.com": [NGINX], "denied.example.com": [NGINX], "six.example.com": ["::1"],
                           "empty.example.com": [], "broken.example.com": dns.rcode.SERVFAIL})
    return launch(policy, authority.endpoint, gate_port=gate_port, dns=["127.0.0.1:0", "[::1]:0"],
                  tls=["127.0.0.1:0", "[::1]:0"])


# The sqlite3 shell.

@pytest.mark.parametrize("statement", [
    "UPDATE client_group SET mode = 'off' WHERE name = 'runners'",
    "UPDATE client_group SET mode = 'Observe'",
    "UPDATE OR REPLACE client_group SET mode = 'off'",
    "INSERT INTO client_group (name, mode) VALUES ('new', 'watch')",
    "INSERT OR IGNORE INTO client_group (name, mode) VALUES ('new', '')",
    "REPLACE INTO client_group (name, mode) VALUES ('runners', 'watch')",
])
def test_shell_says_what_to_type(policy, statement):
    before = policy.rows("SELECT * FROM client_group;")
    done = policy.shell(statement + ";")
    assert done.returncode != 0
    assert "mode is not known: type 'enforce', or 'observe' to let pass what would be denied and record it" in done.stderr
    assert policy.rows("SELECT * FROM client_group;") == before


def test_groups_enforce_unless_told(policy):
    policy.sql("INSERT INTO client_group (name) VALUES ('new');")
    assert policy.rows("SELECT mode FROM client_group WHERE name IN ('new', 'any');") == 2 * [{"mode": "enforce"}]


def test_change_of_the_mode_is_a_change_of_the_policy(policy):
    def changes():
        return policy.rows('SELECT "table", "key" FROM policy_change ORDER BY sequence;')

    before = len(changes())
    policy.sql(OBSERVE)  # it does already
    policy.sql("UPDATE client_group SET comment = 'x';")
    assert changes()[before:] == []
    policy.sql(ENFORCE)
    assert changes()[before:] == [{"table": "client_group", "key": "runners"}]


# Names.

@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("server", [0, 1], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("name, rdtype, status, addresses", [
    ("new.example.com", "A", "NOERROR", ["127.0.0.1"]),
    ("new.example.com", "AAAA", "NOERROR", ["::1"]),
    ("six.example.com", "A", "NOERROR", ["127.0.0.1"]),
    ("denied.example.com", "A", "NOERROR", ["127.0.0.1"]),
    ("new.example.com", "TXT", "NOERROR", []),
    ("new.example.com", "HTTPS", "NOERROR", []),
    ("empty.example.com", "A", "NOERROR", []),
    ("missing.example.com", "A", "NXDOMAIN", []),
    ("missing.example.com", "MX", "NXDOMAIN", []),
    ("parent.example.com", "A", "NOERROR", []),
    ("broken.example.com", "A", "SERVFAIL", []),
])
def test_answer_is_what_it_would_be_without_pinhole(pinhole, server, tcp, name, rdtype, status, addresses):
    dug = dig(pinhole.dns_endpoints[server], name, "-t", rdtype, "+tcp" if tcp else "+notcp")
    assert (dug.status, dug.addresses(), dug.ede) == (status, addresses, None)
    assert len(dug.authority) == (not addresses and status != "SERVFAIL"), "negative answers carry a SOA"


def test_other_clients_are_denied_and_nobody_is_asked(pinhole, authority):
    for name in ("new.example.com", "denied.example.com", "missing.example.com"):
        assert dig(pinhole.dns, name, "-b", OTHER).status == "NXDOMAIN"
    assert authority.questions() == []


def test_allowed_names_are_answered_without_a_look_up(pinhole, authority):
    assert dig(pinhole.dns, "api.example.com").addresses() == ["127.0.0.1"]
    assert authority.questions() == []


def test_upstream_that_is_down(launch, policy, gate_port):
    pinhole = launch(policy, f"127.0.0.1:{free_port('127.0.0.1')}", gate_port=gate_port)
    for tcp in (False, True):
        assert ask(pinhole.dns, "new.example.com", tcp=tcp, seconds=20).rcode() == dns.rcode.SERVFAIL
    assert dig(pinhole.dns, "api.example.com").addresses() == ["127.0.0.1"]


def test_any_speaks_for_clients_in_no_network(launch, make_policy, authority, gate_port):
    policy = make_policy()
    authority.zone["new.example.com"] = [NGINX]
    pinhole = launch(policy, authority.endpoint, gate_port=gate_port)
    assert dig(pinhole.dns, "new.example.com").status == "NXDOMAIN"
    policy.sql("UPDATE client_group SET mode = 'observe' WHERE name = 'any';")
    eventually(lambda: dig(pinhole.dns, "new.example.com").addresses() == ["127.0.0.1"], 5, "any observes")


def test_mode_is_in_force_at_once(pinhole, policy, gate_port, certificates):
    assert dig(pinhole.dns, "new.example.com").status == "NOERROR"
    policy.sql(ENFORCE)
    eventually(lambda: dig(pinhole.dns, "new.example.com").status == "NXDOMAIN", 5, "enforced")
    assert curl(pinhole.gate, gate_port, certificates, "/seen", name="new.example.com").returncode == 35
    policy.sql(OBSERVE)
    eventually(lambda: dig(pinhole.dns, "new.example.com").status == "NOERROR", 5, "observed")


# The gate.

def test_connection_passes_end_to_end(pinhole, certificates, gate_port):
    for gate in pinhole.tls_endpoints:
        done = curl(gate, gate_port, certificates, "/seen", name="new.example.com")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("new.example.com TLSv1.3")


def test_deny_rule_is_lifted(pinhole, policy, at_gate, certificates, gate_port):
    done = curl(pinhole.gate, gate_port, certificates, "/seen", name="denied.example.com")
    assert (done.returncode, done.stderr) == (0, "")
    line, = pinhole.log.wait(event="connection", name="denied.example.com")
    assert (line["decision"], line["reason"], line["would_be"]) == ("allow", "observed", "deny_rule")
    assert line["rule"] == policy.rule_id(at_gate("denied.example.com"))
    assert "would be denied by rule" in line["sentence"]


def test_client_of_another_group_stays_denied(pinhole, certificates, gate_port):
    done = curl(pinhole.gate, gate_port, certificates, "/seen", "--interface", OTHER, name="new.example.com")
    assert done.returncode == 35
    line, = pinhole.log.wait(event="connection", name="new.example.com")
    assert (line["decision"], line["reason"], line["group"]) == ("deny", "no_rule", "strict")


def test_private_address_is_refused_all_the_same(pinhole, authority):
    authority.zone["private.example.com"] = ["10.1.2.3"]
    assert dig(pinhole.dns, "private.example.com").status == "NOERROR"
    assert send_all_then_read(pinhole.gate, records(hello_for(b"private.example.com"))).alert == INTERNAL_ERROR
    line, = pinhole.log.wait(event="connection", name="private.example.com")
    assert (line["decision"], line["reason"], line["group"]) == ("deny", "upstream_address_refused", "runners")


def test_hello_without_a_name_is_refused_all_the_same(pinhole):
    done = run(["openssl", "s_client", "-connect", f"127.0.0.1:{pinhole.gate[1]}", "-noservername"], input="")
    assert f"alert number {MISSING_EXTENSION}" in done.stderr + done.stdout
    line, = pinhole.log.wait(event="connection", reason="no_server_name")
    assert (line["decision"], line["group"]) == ("deny", "runners")


def test_name_that_no_host_has_is_denied_and_not_looked_up(pinhole, authority):
    answer = ask(pinhole.dns, "odd\\032name.example.com")
    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert authority.questions() == []


# The log.

def test_what_passes_is_logged_and_what_does_not_exist_is_not(pinhole):
    dig(pinhole.dns, "missing.example.com")
    dig(pinhole.dns, "empty.example.com")
    dig(pinhole.dns, "new.example.com", "-t", "TXT")
    dig(pinhole.dns, "new.example.com")
    line, = pinhole.log.wait(event="query_observed")
    assert (line["name"], line["type"], line["group"]) == ("new.example.com", "A", "runners")
    assert (line["decision"], line["reason"], line["would_be"]) == ("allow", "observed", "no_rule")
    assert line["sentence"] == ("new.example.com would be denied: no rule allows it; "
                                "it passes because the client is only observed.")
    assert pinhole.log.find(event="query_denied") == []


def test_denial_of_a_parent_is_logged_where_an_address_was_asked_for(pinhole):
    for rdtype in ("TXT", "NS", "HTTPS"):
        assert dig(pinhole.dns, "parent.example.com", "-b", OTHER, "-t", rdtype).status == "NOERROR"
    dig(pinhole.dns, ".", "-b", OTHER)
    dig(pinhole.dns, "parent.example.com", "-b", OTHER)
    line, = pinhole.log.wait(event="query_denied")
    assert (line["name"], line["type"], line["reason"], line["group"]) == ("parent.example.com", "A", "parent", "strict")


# Who leaves first.

def test_tcp_client_that_leaves_during_the_look_up(pinhole, authority):
    authority.hold("new.example.com")
    with tcp_socket(pinhole.dns) as client:
        client.sendall(framed(question("new.example.com").to_wire()))
        authority.wait_for("new.example.com")
    authority.release("new.example.com")
    with tcp_socket(pinhole.dns) as client:
        client.sendall(framed(question("api.example.com").to_wire()))
        assert read_framed(client).rcode() == dns.rcode.NOERROR


def test_tcp_queries_do_not_wait_for_each_other(pinhole, authority):
    authority.hold("new.example.com")
    slow, quick = question("new.example.com"), question("api.example.com")
    with tcp_socket(pinhole.dns) as client:
        client.sendall(framed(slow.to_wire()) + framed(quick.to_wire()))
        assert read_framed(client).id == quick.id
        authority.release("new.example.com")
        answer = read_framed(client)
    assert (answer.id, answer.rcode(), len(answer.answer)) == (slow.id, dns.rcode.NOERROR, 1)


def test_stop_with_look_ups_under_way(pinhole, authority):
    """launch() asserts that it ends well."""
    authority.hold("new.example.com")
    with udp_socket(pinhole.dns) as datagrams, tcp_socket(pinhole.dns) as stream:
        datagrams.send(question("new.example.com").to_wire())
        stream.sendall(framed(question("new.example.com", "AAAA").to_wire()) * 3)
        authority.wait_for("new.example.com")
        pinhole.stop()
    authority.release("new.example.com")


def test_answer_leaves_from_the_address_that_was_asked(launch, policy, authority, gate_port):
    authority.zone["new.example.com"] = [NGINX]
    pinhole = launch(policy, authority.endpoint, gate_port=gate_port, dns=["0.0.0.0:0"])
    for address in ("127.0.0.1", "127.0.0.5", "127.9.9.9"):
        assert ask((address, pinhole.dns[1]), "new.example.com").rcode() == dns.rcode.NOERROR


# explain.

def explain(policy, target, client, *options):
    done = run([PINHOLE, "explain", "--db", policy.path, "--from", client, *options, target])
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_explain_says_who_is_observed(policy):
    observed = explain(policy, "new.example.com", "127.0.0.1")
    assert "is in runners, any; runners only observes" in observed
    assert "is looked up upstream first" in observed
    assert "observed: new.example.com would be denied: no rule allows it" in observed
    enforced = explain(policy, "new.example.com", OTHER)
    assert "is in strict, runners, any; strict enforces" in enforced
    assert "NXDOMAIN" in enforced
    assert "denied: new.example.com is denied" in enforced
    assert "is in any; any enforces" in explain(policy, "new.example.com", "192.0.2.1")


def test_explain_in_json(policy):
    policy.sql(insert("plain.example.com", action="deny"))
    observed = json.loads(explain(policy, "plain.example.com", "127.0.0.1", "--json"))
    assert (observed["groups"], observed["group"], observed["mode"]) == (["runners", "any"], "runners", "observe")
    assert (observed["decision"], observed["reason"], observed["would_be"]) == ("allow", "observed", "deny_rule")
    assert observed["dns"]["A"]["looked_up_first"]
    enforced = json.loads(explain(policy, "plain.example.com", OTHER, "--json"))
    assert (enforced["mode"], enforced["decision"], enforced["reason"]) == ("enforce", "deny", "deny_rule")
    assert not enforced["dns"]["A"]["looked_up_first"]


def test_gate_and_resolver_refuse_alike_when_enforced(pinhole, policy):
    policy.sql(ENFORCE)
    eventually(lambda: dig(pinhole.dns, "new.example.com").status == "NXDOMAIN", 5, "enforced")
    assert send_all_then_read(pinhole.gate, records(hello_for(b"new.example.com"))).alert == UNRECOGNIZED_NAME
