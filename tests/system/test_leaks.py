"""No word of a client's reaches the upstream DNS, but the absolute name of an allowed connection."""
import pytest

from support import isolation
from support.dns_client import ask, is_allowed
from support.hello import INTERNAL_ERROR, UNRECOGNIZED_NAME, hello_for, records, send_all_then_read

pytestmark = pytest.mark.quick

TRAP = "127.0.0.9"


@pytest.fixture
def trap(tcp_server):
    """A server where only a wrong look-up leads."""
    return tcp_server(lambda connection: connection.recv(1), addresses=[TRAP])


def test_questions_to_the_resolver_go_nowhere(launch, make_policy, authority, at_gate, gate_port):
    authority.zone["*"] = ["127.0.0.2"]
    pinhole = launch(make_policy([at_gate("api.example.com"), at_gate("**.any.example.com")]), authority.endpoint,
                     gate_port=gate_port)
    for name in ("api.example.com", "secret.any.example.com", "other.org", "secret.other.org", "example.com", "."):
        for kind in ("A", "AAAA", "TXT", "HTTPS", "NS", "ANY"):
            for tcp in (False, True):
                ask(pinhole.dns, name, kind, tcp=tcp)
    assert authority.questions() == []


def test_denied_connection_asks_nothing(launch, make_policy, authority, at_gate, gate_port, trap):
    authority.zone["*"] = [TRAP]
    pinhole = launch(make_policy([at_gate("api.example.com")]), authority.endpoint, gate_port=gate_port)
    ending = send_all_then_read(pinhole.gate, records(hello_for(b"secret.other.org")))
    assert ending.alert == UNRECOGNIZED_NAME
    pinhole.log.wait(event="connection", name="secret.other.org")
    assert authority.questions() == []
    assert trap.accepted == 0


def test_allowed_connection_asks_for_its_absolute_name_alone(launch, make_policy, authority, at_gate, gate_port, trap,
                                                             tmp_path):
    """The environment asks for a search list and an alias; where the name does not exist, nothing else is tried."""
    aliases = tmp_path / "aliases"
    aliases.write_text("intranet alias.leak.example\napi.example.com alias.leak.example\n")
    authority.zone.update({"api.example.com.leak.example": [TRAP], "intranet.leak.example": [TRAP],
                           "alias.leak.example": [TRAP]})
    pinhole = launch(make_policy([at_gate("api.example.com"), at_gate("intranet")]), authority.endpoint,
                     gate_port=gate_port, environment={"LOCALDOMAIN": "leak.example", "RES_OPTIONS": "ndots:5",
                                                       "HOSTALIASES": str(aliases)})
    for name in ("api.example.com", "intranet"):
        ending = send_all_then_read(pinhole.gate, records(hello_for(name.encode())))
        assert ending.alert == INTERNAL_ERROR
        line, = pinhole.log.wait(event="connection", name=name)
        assert line["reason"] == "upstream_not_found"
    assert {(name.lower(), kind) for name, kind in authority.questions()} == {
        (name, kind) for name in ("api.example.com.", "intranet.") for kind in ("A", "AAAA")}
    assert trap.accepted == 0


def test_search_list_of_resolv_conf_is_not_used(launch, make_policy, authority, at_gate, gate_port, trap, tmp_path):
    """Pinhole takes its servers from resolv.conf where no flag names them, and nothing else."""
    if not isolation.is_isolated:
        pytest.skip("no permission to mount over resolv.conf")
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("search leak.example\noptions ndots:5\nnameserver 127.0.0.1\n")
    authority.zone["api.example.com.leak.example"] = [TRAP]
    pinhole = launch(make_policy([at_gate("api.example.com")]), authority.endpoint, gate_port=gate_port,
                     prefix=isolation.with_file_over("/etc/resolv.conf", resolv_conf))
    assert send_all_then_read(pinhole.gate, records(hello_for(b"api.example.com"))).alert == INTERNAL_ERROR
    assert authority.names() == ["api.example.com."]
    assert trap.accepted == 0


@pytest.mark.isolated
def test_hosts_file_is_not_used(launch, make_policy, authority, at_gate, gate_port, trap, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{TRAP} api.example.com localhost printer\n")
    names = ("api.example.com", "localhost", "printer", "x.localhost")
    pinhole = launch(make_policy([at_gate(name) for name in names]), authority.endpoint, gate_port=gate_port,
                     prefix=isolation.with_file_over("/etc/hosts", hosts))
    for name in names:
        ending = send_all_then_read(pinhole.gate, records(hello_for(name.encode())))
        assert ending.alert == INTERNAL_ERROR
        line, = pinhole.log.wait(event="connection", name=name)
        assert line["reason"] == "upstream_not_found", "only the upstream DNS knows that it does not exist"
    assert authority.names() == sorted(name + "." for name in names)
    assert trap.accepted == 0


def test_case_that_a_client_chooses_carries_nothing_out(launch, make_policy, authority, at_gate, gate_port,
                                                    tcp_server):
    """Names are asked for in lower case, however they were written."""
    server = tcp_server(lambda connection: connection.recv(1))
    authority.zone["api.example.com"] = ["127.0.0.2"]
    pinhole = launch(make_policy([at_gate("api.example.com")]), authority.endpoint, gate_port=gate_port)
    with pinhole.connect() as client:
        client.sendall(records(hello_for(b"aPi.ExAmPlE.cOm")))
        server.wait_results(1)
    assert {name for name, _ in authority.questions()} == {"api.example.com."}


def test_denials_do_not_depend_on_the_upstream_dns(launch, make_policy, at_gate, gate_port):
    """Answers and denials come though no upstream DNS can be reached."""
    pinhole = launch(make_policy([at_gate("api.example.com")]), "127.0.0.1:9", gate_port=gate_port)
    assert is_allowed(pinhole.dns, "api.example.com")
    assert not is_allowed(pinhole.dns, "other.org")
    assert send_all_then_read(pinhole.gate, records(hello_for(b"other.org"))).alert == UNRECOGNIZED_NAME
    assert send_all_then_read(pinhole.gate, records(hello_for(b"api.example.com"))).alert == INTERNAL_ERROR
    line, = pinhole.log.wait(event="connection", name="api.example.com", seconds=30)
    assert line["reason"] == "upstream_dns_failed"
