"""Rules that send connections elsewhere: rule.connect_to, from the INSERT to the address that is dialled."""
import itertools
import json
import socket

import pytest

from support.dns_client import is_allowed
from support.hello import (INTERNAL_ERROR, RECORD_APPLICATION, hello_for, read_to_end, record, records,
                           send_all_then_read)
from support.policy import insert, quote, set_setting
from support.process import PINHOLE, eventually, free_port, run
from support.webserver import TcpServer, curl

pytestmark = pytest.mark.quick

NAME, HELLO = "api.example.com", records(hello_for(b"api.example.com"))
FIRST, SECOND = "127.0.0.2", "127.0.0.4"
HOST = "proxy.internal.example"
ANSWER = record(RECORD_APPLICATION, b"hello from the server")

numbers = itertools.count()


@pytest.fixture
def server(tcp_server):
    return tcp_server(lambda connection: read_to_end(connection).data, [FIRST, SECOND])


@pytest.fixture
def other_port():
    return free_port(FIRST)


@pytest.fixture
def server_on_other_port(other_port):
    server = TcpServer(lambda connection: read_to_end(connection).data, [FIRST], other_port)
    yield server
    server.stop()


@pytest.fixture
def start(launch, make_policy, authority, at_gate, gate_port):
    """Starts Pinhole, with one worker, on a policy in which no private network is opened unless told; returns both."""
    def started(connect_to, target=NAME, networks="", **options):
        policy = make_policy([{"target": at_gate(target), "connect_to": connect_to}], private_networks=networks)
        return policy, launch(policy, authority.endpoint, gate_port=gate_port, workers=1, **options)

    return started


def reach(pinhole, name=NAME):
    """One connection by the gate to whatever server there is; returns its line of the log."""
    mark = pinhole.log.mark()
    with pinhole.connect() as client:
        client.sendall(HELLO if name == NAME else records(hello_for(name.encode())))
        client.shutdown(1)
        read_to_end(client)
    line, = pinhole.log.wait(since=mark, event="connection")
    return line


def answer_each(connection):
    """A server that answers the hello, then whatever it gets."""
    connection.recv(65536)
    connection.sendall(ANSWER)
    while data := connection.recv(65536):
        connection.sendall(data)


def opened(pinhole, name):
    """A connection that has had its answer."""
    client = pinhole.connect()
    client.sendall(records(hello_for(name.encode())))
    assert client.recv(len(ANSWER), socket.MSG_WAITALL) == ANSWER
    return client


def assert_refused(pinhole, fitness, name=NAME):
    mark = pinhole.log.mark()
    ending = send_all_then_read(pinhole.gate, records(hello_for(name.encode())))
    assert (ending.alert, ending.was_reset) == (INTERNAL_ERROR, False)
    line, = pinhole.log.wait(since=mark, event="connection")
    assert (line["reason"], line["address"]) == ("upstream_address_refused", fitness)


def edit(policy, pinhole, port, statements):
    """Makes the edit, and waits until the one worker has it: a name added with it is allowed."""
    marker = f"marker{next(numbers)}.example.net"
    policy.sql("BEGIN;" + statements + insert(f"{marker}:{port}") + "COMMIT;")
    eventually(lambda: is_allowed(pinhole.dns, marker), 10, "the edit is in force")


def test_literal_address_needs_no_opening(start, server, authority, gate_port):
    _, pinhole = start(FIRST)
    line = reach(pinhole)
    assert (line["reason"], line["upstream"]) == ("allowed", f"{FIRST}:{gate_port}")
    assert server.wait_results(1) == [HELLO], "the name in the ClientHello is untouched"
    assert authority.questions() == [], "nothing is looked up"


def test_literal_address_with_a_port(start, server_on_other_port, other_port):
    _, pinhole = start(f"{FIRST}:{other_port}")
    line = reach(pinhole)
    assert (line["reason"], line["upstream"]) == ("allowed", f"{FIRST}:{other_port}")
    assert server_on_other_port.wait_results(1) == [HELLO]


def test_literal_ipv6_address(start, other_port):
    server = TcpServer(lambda connection: read_to_end(connection).data, ["::1"], other_port)
    try:
        _, pinhole = start(f"[::1]:{other_port}")
        line = reach(pinhole)
        assert (line["reason"], line["upstream"]) == ("allowed", f"[::1]:{other_port}")
        assert server.wait_results(1) == [HELLO]
    finally:
        server.stop()


def test_answer_of_the_server_comes_back(launch, make_policy, authority, nginx, certificates, at_gate, gate_port):
    assert nginx
    policy = make_policy([{"target": at_gate(NAME), "connect_to": "127.0.0.3"}], private_networks="")
    pinhole = launch(policy, authority.endpoint, gate_port=gate_port)
    done = curl(pinhole.gate, gate_port, certificates, "/seen")
    assert done.stdout.startswith(NAME), done.stderr


def test_host_is_looked_up_and_judged(start, server, authority, gate_port):
    authority.zone.update({HOST: [FIRST], NAME: [SECOND]})
    policy, pinhole = start(HOST)
    assert_refused(pinhole, "loopback")
    assert authority.names() == [HOST + "."]
    edit(policy, pinhole, gate_port, set_setting("allowed_private_networks", "127.0.0.0/8"))
    line = reach(pinhole)
    assert (line["reason"], line["upstream"]) == ("allowed", f"{FIRST}:{gate_port}")
    assert server.wait_results(1) == [HELLO]


def test_host_with_a_port(start, server_on_other_port, authority, other_port):
    authority.zone[HOST] = [FIRST]
    _, pinhole = start(f"{HOST}:{other_port}", networks="127.0.0.0/8")
    assert reach(pinhole)["upstream"] == f"{FIRST}:{other_port}"
    assert server_on_other_port.wait_results(1) == [HELLO]


def test_host_that_does_not_exist(start, authority):
    authority.zone[NAME] = [FIRST]
    _, pinhole = start(HOST)
    assert reach(pinhole)["reason"] == "upstream_not_found"


@pytest.mark.usefixtures("server")
def test_edit_counts_for_the_next_connection(start, authority, gate_port):
    authority.zone[NAME] = ["127.0.0.77"]
    policy, pinhole = start(FIRST)
    assert reach(pinhole)["upstream"] == f"{FIRST}:{gate_port}"
    edit(policy, pinhole, gate_port, f"UPDATE rule SET connect_to = '{SECOND}' WHERE id = 1;")
    assert reach(pinhole)["upstream"] == f"{SECOND}:{gate_port}"
    edit(policy, pinhole, gate_port, "UPDATE rule SET connect_to = NULL WHERE id = 1;")
    assert_refused(pinhole, "loopback")
    edit(policy, pinhole, gate_port, "INSERT INTO restore_before_entry (entry) SELECT max(id) FROM rule_history WHERE \"key\" = 1;")
    assert policy.rows("SELECT connect_to FROM rule WHERE id = 1;") == [{"connect_to": SECOND}]
    assert reach(pinhole)["upstream"] == f"{SECOND}:{gate_port}"


@pytest.mark.parametrize("change", ["NULL", f"'{SECOND}'"], ids=["removed", "another"])
def test_address_that_no_rule_types_any_more_is_revoked(start, tcp_server, gate_port, change):
    """What only the typing had opened is closed with it; what another rule types sees nothing."""
    tcp_server(answer_each, [FIRST])
    policy, pinhole = start(FIRST, target="*.example.com")
    edit(policy, pinhole, gate_port, insert(f"other.example.com:{gate_port}", connect_to=FIRST))
    with opened(pinhole, "api.example.com") as revoked, opened(pinhole, "other.example.com") as unrelated:
        mark = pinhole.log.mark()
        policy.sql(f"UPDATE rule SET connect_to = {change} WHERE id = 1;")
        assert read_to_end(revoked).data == b""
        line, = pinhole.log.wait(since=mark, event="connection", ended="revoked")
        assert line["name"] == "api.example.com"
        unrelated.sendall(b"still here")
        assert unrelated.recv(10, socket.MSG_WAITALL) == b"still here"


@pytest.mark.usefixtures("server")
def test_wildcard_rule_sends_all_its_names(start, at_gate, gate_port):
    policy, pinhole = start(FIRST, target="*.example.com")
    assert reach(pinhole, "a.example.com")["upstream"] == f"{FIRST}:{gate_port}"
    edit(policy, pinhole, gate_port, insert(at_gate("b.example.com"), connect_to=SECOND))
    assert reach(pinhole, "b.example.com")["upstream"] == f"{SECOND}:{gate_port}"
    assert reach(pinhole, "c.example.com")["upstream"] == f"{FIRST}:{gate_port}"


def test_own_socket_is_refused(launch, make_policy, authority):
    port = free_port()
    policy = make_policy([{"target": f"{NAME}:{port}", "connect_to": "127.0.0.1"},
                          {"target": f"dns.example.com:{port}", "connect_to": "127.0.0.1:1"}])
    pinhole = launch(policy, authority.endpoint, tls=[f"127.0.0.1:{port}={port}"], workers=1)
    assert_refused(pinhole, "own_socket")
    edit(policy, pinhole, port, f"UPDATE rule SET connect_to = '127.0.0.1:{pinhole.dns[1]}' WHERE id = 2;")
    assert_refused(pinhole, "own_socket", "dns.example.com")
    assert len(pinhole.log.find(event="connection")) == 2


NEVER = [("64:ff9b::a9fe:a9fe", "link_local"), ("0::0.0.0.0", "unspecified"), ("::ffff:a9fe:a9fe", "link_local"),
         ("fd00:ec2:0::254", "metadata"), ("::ffff:e000:1", "multicast")]


@pytest.mark.parametrize("address, fitness", NEVER)
def test_what_is_never_dialled_is_not_by_another_spelling(start, server, address, fitness):
    """The file refuses the plain spellings; the gate refuses whatever would be dialled."""
    _, pinhole = start(address, networks="0.0.0.0/0,::/0")
    assert_refused(pinhole, fitness)
    assert server.accepted == 0


def test_observed_name_goes_to_itself(start, server, authority, gate_port):
    """What no rule allows has none."""
    authority.zone["other.example.com"] = [SECOND]
    policy, pinhole = start(FIRST, networks="127.0.0.0/8")
    edit(policy, pinhole, gate_port, "UPDATE client_group SET mode = 'observe' WHERE name = 'any';")
    line = reach(pinhole, "other.example.com")
    assert (line["reason"], line["upstream"]) == ("observed", f"{SECOND}:{gate_port}")
    assert reach(pinhole)["upstream"] == f"{FIRST}:{gate_port}"
    assert len(server.wait_results(2)) == 2


def test_check_and_explain_say_it(make_policy, at_gate, gate_port):
    policy = make_policy([{"target": at_gate(NAME), "connect_to": "[fd00::5]:8443"},
                          {"target": at_gate("host.example.com"), "connect_to": HOST}, at_gate("plain.example.com")])
    assert "(Connects to [fd00::5]:8443.)" in run([PINHOLE, "check", "--db", policy.path]).stdout
    assert policy.rows("SELECT state, reason FROM rule_status WHERE rule_id = 2;") == [
        {"state": "active", "reason": f"Connects to {HOST}."}]

    def explain(name, *options):
        done = run([PINHOLE, "explain", "--db", policy.path, "--tls-listen", f"127.0.0.1:0={gate_port}", *options,
                    at_gate(name)])
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "forwarded to [fd00::5]:8443, as the rule's connect_to says" in explain(NAME)
    assert f"forwarded to {HOST}, which is looked up in the name's place" in explain("host.example.com")
    assert "forwarded to the server's own address" in explain("plain.example.com")
    assert json.loads(explain(NAME, "--json"))["connect_to"] == "[fd00::5]:8443"
    assert json.loads(explain("plain.example.com", "--json"))["connect_to"] is None


def test_unreadable_one_admits_nothing(start, server, authority, gate_port):
    """A file made elsewhere may hold one that its guards would have kept out."""
    authority.zone[NAME] = [FIRST]
    policy, pinhole = start(FIRST, networks="127.0.0.0/8")
    edit(policy, pinhole, gate_port, "DROP TRIGGER rule_update_explains_connect_to;"
         "PRAGMA ignore_check_constraints = ON;"
         f"UPDATE rule SET connect_to = {quote('nowhere/at all')} WHERE id = 1;")
    line = reach(pinhole)
    assert (line["decision"], line["reason"]) == ("deny", "no_rule")
    assert server.accepted == 0
    status = eventually(lambda: policy.rows("SELECT reason FROM rule_status WHERE rule_id = 1 AND state = 'invalid';"),
                        10, "its status says so")
    assert "type an address or a host" in status[0]["reason"]
