"""ClientHellos from hand-made bytes: what is refused, with which alert, and what must pass however it is cut."""
import socket

import pytest

from support.dns_client import read_exactly
from support.hello import (DECODE_ERROR, HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, MISSING_EXTENSION, RECORD_ALERT,
                           RECORD_APPLICATION, RECORD_HANDSHAKE, SERVER_NAME, UNRECOGNIZED_NAME, X25519MLKEM768,
                           X25519MLKEM768_SHARE_BYTES, client_hello, extension, hello_for, key_share, padding,
                           read_to_end, record, records, send_all_then_read, server_name, supported_versions, vector)
from support.policy import Policy
from support.process import Deadline, undisturbed

pytestmark = pytest.mark.quick

NAME = b"api.example.com"
REST = supported_versions() + key_share()
HELLO = hello_for(NAME)


def named(name):
    return records(client_hello(server_name(name) + REST))


def raw_server_name(body):
    return records(client_hello(extension(SERVER_NAME, body) + REST))


def entry(name, kind=0):
    return bytes([kind]) + vector(2, name)


REFUSED = [
    ("denied", named(b"other.org"), UNRECOGNIZED_NAME, "no_rule"),
    ("denied, TLS 1.2", records(client_hello(server_name(b"other.org"))), UNRECOGNIZED_NAME, "no_rule"),
    ("underscore below a wildcard", named(b"_x.one.example.com"), UNRECOGNIZED_NAME, "no_rule"),
    ("no server name, TLS 1.3", records(client_hello(REST)), MISSING_EXTENSION, "no_server_name"),
    ("no server name, TLS 1.2", records(client_hello(key_share())), HANDSHAKE_FAILURE, "no_server_name"),
    ("no extensions at all", records(client_hello(None)), HANDSHAKE_FAILURE, "no_server_name"),
    ("IPv4 address", named(b"127.0.0.2"), ILLEGAL_PARAMETER, "address_as_server_name"),
    ("IPv4 address in one number", named(b"2130706434"), ILLEGAL_PARAMETER, "address_as_server_name"),
    ("IPv4 address in hexadecimal", named(b"0x7f.1"), ILLEGAL_PARAMETER, "address_as_server_name"),
    ("IPv6 address", named(b"::1"), ILLEGAL_PARAMETER, None),
    ("IPv6 address in brackets", named(b"[::1]"), ILLEGAL_PARAMETER, None),
    ("NUL inside", named(b"api.example.com\0.other.org"), ILLEGAL_PARAMETER, "bad_server_name"),
    ("NUL at the end", named(NAME + b"\0"), ILLEGAL_PARAMETER, "bad_server_name"),
    ("final dot", named(NAME + b"."), ILLEGAL_PARAMETER, "bad_server_name"),
    ("leading dot", named(b"." + NAME), ILLEGAL_PARAMETER, "bad_server_name"),
    ("empty label", named(b"api..example.com"), ILLEGAL_PARAMETER, "bad_server_name"),
    ("not ASCII", named("b\u00fccher.example.com".encode()), ILLEGAL_PARAMETER, "bad_server_name"),
    ("space", named(b"api.example.com "), ILLEGAL_PARAMETER, "bad_server_name"),
    ("newline", named(b"api.example.com\n"), ILLEGAL_PARAMETER, "bad_server_name"),
    ("slash", named(b"api.example.com/x"), ILLEGAL_PARAMETER, "bad_server_name"),
    ("port", named(b"api.example.com:443"), ILLEGAL_PARAMETER, "bad_server_name"),
    ("star", named(b"*.one.example.com"), ILLEGAL_PARAMETER, "bad_server_name"),
    ("label of 64", named(b"a" * 64 + b".one.example.com"), ILLEGAL_PARAMETER, "bad_server_name"),
    ("name of 254", named(b"a." * 119 + b"any.example.comm"), ILLEGAL_PARAMETER, "bad_server_name"),
    ("empty name", named(b""), DECODE_ERROR, "malformed_hello"),
    ("empty list", raw_server_name(vector(2, b"")), DECODE_ERROR, "malformed_hello"),
    ("empty extension", raw_server_name(b""), DECODE_ERROR, "malformed_hello"),
    ("two names", records(client_hello(server_name(NAME, b"other.org") + REST)), DECODE_ERROR, "malformed_hello"),
    ("same name twice", records(client_hello(server_name(NAME, NAME) + REST)), DECODE_ERROR, "malformed_hello"),
    ("name of another type", raw_server_name(vector(2, entry(NAME, 1))), DECODE_ERROR, "malformed_hello"),
    ("byte after the list", raw_server_name(vector(2, entry(NAME)) + b"\0"), DECODE_ERROR, "malformed_hello"),
    ("byte in the list", raw_server_name(vector(2, entry(NAME) + b"\0")), DECODE_ERROR, "malformed_hello"),
    ("list longer than its extension", raw_server_name(b"\0\xff" + entry(NAME)), DECODE_ERROR, "malformed_hello"),
    ("two server_name extensions", records(client_hello(server_name(NAME) + server_name(NAME) + REST)), DECODE_ERROR,
     "malformed_hello"),
    ("another extension twice", records(client_hello(server_name(NAME) + REST + supported_versions())), DECODE_ERROR,
     "malformed_hello"),
    ("bytes after the extensions", records(client_hello(server_name(NAME) + REST, b"\0")), DECODE_ERROR,
     "malformed_hello"),
    ("extension longer than the rest", records(client_hello(server_name(NAME) + b"\0\x2b\xff\xff")), DECODE_ERROR,
     "malformed_hello"),
    ("empty handshake record first", record(RECORD_HANDSHAKE, b"") + records(HELLO), DECODE_ERROR, "malformed_hello"),
    ("empty handshake record between", record(RECORD_HANDSHAKE, HELLO[:9]) + record(RECORD_HANDSHAKE, b"") +
     record(RECORD_HANDSHAKE, HELLO[9:]), DECODE_ERROR, "malformed_hello"),
    ("alert between", record(RECORD_HANDSHAKE, HELLO[:9]) + record(RECORD_ALERT, b"\1\0") +
     record(RECORD_HANDSHAKE, HELLO[9:]), DECODE_ERROR, "malformed_hello"),
    ("application data between", record(RECORD_HANDSHAKE, HELLO[:9]) + record(RECORD_APPLICATION, b"x") +
     record(RECORD_HANDSHAKE, HELLO[9:]), DECODE_ERROR, "malformed_hello"),
    ("record over 16 KiB", records(hello_for(NAME, padding(17000)), 17000 + 300), None, None),
    ("hello over 64 KiB", records(client_hello(server_name(NAME) + REST + padding(33000),
                                               cipher_suites=b"\x13\x01" * 17000)), None, "hello_too_large"),
    ("hello that announces 16 MiB", records(b"\x01\xff\xff\xff" + HELLO[4:] + bytes(70000)), None,
     "hello_too_large"),
    ("another handshake message", records(b"\x02" + HELLO[1:]), None, None),
]


@pytest.fixture(scope="module")
def served(module_launch, tmp_path_factory, shared_authority, at_gate, gate_port):
    policy = Policy(tmp_path_factory.mktemp("hello") / "policy.db",
                    [at_gate("api.example.com"), at_gate("*.one.example.com"), at_gate("**.any.example.com")])
    return module_launch(policy, shared_authority.endpoint, gate_port=gate_port)


@pytest.fixture
def pinhole(served, authority):
    authority.zone["*"] = ["127.0.0.2"]
    return served


@pytest.fixture
def recorder(tcp_server):
    """A server that keeps all that it gets, to the end."""
    return tcp_server(lambda connection: read_to_end(connection).data)


@pytest.mark.parametrize("data, alert, reason", [case[1:] for case in REFUSED],
                         ids=[case[0].replace(" ", "-") for case in REFUSED])
def test_refused(pinhole, authority, recorder, data, alert, reason):
    """The alert arrives with a clean end, the reason is logged, nothing is dialled, nothing is looked up."""
    mark = pinhole.log.mark()
    ending = send_all_then_read(pinhole.gate, data)
    assert not ending.was_reset
    assert ending.alert is not None, f"no fatal alert: {ending.data!r}"
    line, = pinhole.log.wait(since=mark, event="connection")
    assert line["decision"] == "deny"
    assert alert is None or ending.alert == alert
    assert reason is None or line["reason"] == reason
    assert authority.questions() == []
    assert recorder.accepted == 0


def test_log_survives_hostile_names(pinhole):
    """Bytes of a name can't forge a log line: each connection has one line, and each line parses."""
    mark = pinhole.log.mark()
    for name in (b"x\n{\"event\":\"connection\"}", b"\x1b[31mred", b"\xff\xfe", b"\"quoted\\", b"a" * 300):
        send_all_then_read(pinhole.gate, named(name))
        send_all_then_read(pinhole.gate, named(b"end.org"))
        pinhole.log.wait(since=mark, event="connection", name="end.org")
        pinhole.log.wait(since=mark, event="connection", decision="deny", count=2)
        assert len(pinhole.log.find(since=mark, event="connection")) == 2
        mark = pinhole.log.mark()
    assert all(line.startswith("{") for line in pinhole.log.raw)


ARRIVING = [
    ("one byte a segment", records(HELLO), 1),
    ("one byte a record", records(HELLO, 1), None),
    ("one byte a record, one byte a segment", records(HELLO, 1), 1),
    ("two records", records(HELLO, 5), None),
    ("16 KiB", records(hello_for(NAME, padding(16000))), None),
    ("60 KiB", records(hello_for(NAME, padding(30000), extension(9999, bytes(30000)))), None),
    ("one byte a record, 9 KiB", records(hello_for(NAME, padding(9000)), 1), None),
    ("X25519MLKEM768 before the name", records(client_hello(
        key_share(X25519MLKEM768, X25519MLKEM768_SHARE_BYTES) + supported_versions() + server_name(NAME))), None),
    ("X25519MLKEM768 in small segments", records(client_hello(
        key_share(X25519MLKEM768, X25519MLKEM768_SHARE_BYTES) + supported_versions() + server_name(NAME))), 100),
    ("upper case", named(b"API.EXAMPLE.COM"), None),
    ("name of 253", named(b"a." * 119 + b"any.example.com"), None),
    ("TLS 1.2", records(client_hello(server_name(NAME))), None),
    ("early data follows", records(HELLO) + record(RECORD_APPLICATION, b"early" * 1000) * 5, None),
    ("early data in small segments", records(HELLO) + record(RECORD_APPLICATION, b"early" * 100), 7),
]


@pytest.mark.parametrize("data, segment", [case[1:] for case in ARRIVING],
                         ids=[case[0].replace(" ", "-") for case in ARRIVING])
def test_arrives_byte_for_byte(pinhole, recorder, data, segment):
    with socket.create_connection(pinhole.gate, Deadline(10).left()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), segment or len(data)):
            client.sendall(data[at:at + (segment or len(data))])
        client.shutdown(socket.SHUT_WR)
        assert recorder.wait_results(1) == [data]
        assert read_to_end(client).data == b""


def test_refused_client_that_goes_on_sending_still_reads_the_alert(pinhole):
    """A reset would swallow the alert: what comes late is read and thrown away, for a second."""
    def go_on_sending():
        with pinhole.connect() as client:
            client.sendall(named(b"other.org"))
            assert read_exactly(client, 7)[6] == UNRECOGNIZED_NAME
            client.sendall(bytes(20000))
            client.shutdown(socket.SHUT_WR)
            return read_to_end(client)

    ending = undisturbed(go_on_sending, 0.9, "a client that is refused goes on sending")
    assert (ending.data, ending.was_reset) == (b"", False)


def test_hellos_at_once_do_not_mix(pinhole, recorder):
    """Fifty half-sent hellos, finished in reverse order."""
    hellos = [records(hello_for(b"n%d.one.example.com" % number)) for number in range(50)]
    clients = [socket.create_connection(pinhole.gate, Deadline(10).left()) for _ in hellos]
    for client, data in zip(clients, hellos):
        client.sendall(data[:60])
    for client, data in reversed(list(zip(clients, hellos))):
        client.sendall(data[60:])
        client.shutdown(socket.SHUT_WR)
    assert sorted(recorder.wait_results(50)) == sorted(hellos)
    for client in clients:
        client.close()
