"""A listener for proxies: its PROXY protocol header names the client, and whoever has none gets nothing."""
import shutil
import socket

import pytest

from support.hello import UNRECOGNIZED_NAME, hello_for, read_to_end, records, send_all_then_read
from support.policy import insert
from support.process import eventually, free_port, undisturbed
from support.proxy import (LOCAL, PROXY, TCP_V4, UDP_V4, UNIX, Haproxy, binary, version_1, version_2)
from support.webserver import curl

from test_start import assert_one_line, serve

NGINX = "127.0.0.3"
NAME = "api.example.com"
HELLO = records(hello_for(NAME.encode()))
BUILDER, BUILDER_6, STRANGER = "203.0.113.7", "2001:db8::7", "203.0.113.8"
FRONT = "198.51.100.1"

quick = pytest.mark.quick


@pytest.fixture
def policy(make_policy, at_gate):
    """api.example.com is for the group build alone, which no address of this machine belongs to."""
    made = make_policy([])
    made.sql("INSERT INTO client_group (name) VALUES ('build');"
             f"INSERT INTO client_network VALUES ('build', '{BUILDER}'), ('build', '{BUILDER_6}');"
             + insert(at_gate(NAME), clients="build"))
    return made


@pytest.fixture
def start(launch, policy, authority, nginx, gate_port):
    """Starts a gate whose first listener is for proxies."""
    authority.zone[NAME] = [NGINX]

    def started(*arguments, proxy_from=("127.0.0.1",), tls=None, **options):
        trusted = [word for network in proxy_from for word in ("--proxy-from", network)]
        return launch(policy, authority.endpoint, gate_port=gate_port, arguments=[*trusted, *arguments],
                      tls=[f"127.0.0.1:0={gate_port},proxy"] if tls is None else tls, **options)

    return started


def line_of(pinhole, mark=0, **wanted):
    line, = pinhole.log.wait(since=mark, event="connection", **wanted)
    return line


def begins_to_serve(connection):
    """True if a server's handshake comes back."""
    connection.settimeout(20)
    return connection.recv(1) == b"\x16"


def assert_closed_in_silence(pinhole, authority, data, reason, pieces=None):
    """Nothing is said, looked up or dialled; the log has the reason. Returns its line."""
    mark = pinhole.log.mark()
    ending = send_all_then_read(pinhole.gate, data, pieces)
    assert ending.data == b""
    line = line_of(pinhole, mark, reason=reason)
    assert (line["decision"], line["ended"], line.get("upstream", "")) == ("deny", "refused", "")
    assert "name" not in line
    assert authority.questions() == []
    return line


HEADERS = [
    pytest.param(version_1(BUILDER, FRONT), f"{BUILDER}:50000", id="v1-ipv4"),
    pytest.param(version_1(BUILDER_6, "2001:db8::1"), f"[{BUILDER_6}]:50000", id="v1-ipv6"),
    pytest.param(version_1(f"::ffff:{BUILDER}", f"::ffff:{FRONT}"), f"{BUILDER}:50000", id="v1-mapped"),
    pytest.param(version_2(BUILDER, FRONT), f"{BUILDER}:50000", id="v2-ipv4"),
    pytest.param(version_2(BUILDER_6, "2001:db8::1"), f"[{BUILDER_6}]:50000", id="v2-ipv6"),
    pytest.param(version_2(f"::ffff:{BUILDER}", f"::ffff:{FRONT}"), f"{BUILDER}:50000", id="v2-mapped"),
    pytest.param(version_2(BUILDER, FRONT, tlvs=b"\x04\0\x03abc\xea\0\x05\x01vpce"), f"{BUILDER}:50000", id="v2-tlvs"),
]


@quick
@pytest.mark.parametrize("header, client", HEADERS)
def test_client_is_who_the_header_names(start, header, client):
    """Header and hello in one segment."""
    pinhole = start()
    with pinhole.connect() as connection:
        own = connection.getsockname()
        connection.sendall(header + HELLO)
        assert begins_to_serve(connection)
    line = line_of(pinhole, name=NAME)
    assert (line["decision"], line["client"], line["group"]) == ("allow", client, "build")
    assert line["proxy"] == f"127.0.0.1:{own[1]}"
    assert int(line["bytes_up"]) == len(HELLO), "the server gets the client's bytes alone"


@quick
@pytest.mark.parametrize("header", [version_1(BUILDER, FRONT), version_2(BUILDER_6, "2001:db8::1")], ids=["v1", "v2"])
def test_byte_by_byte(start, header):
    pinhole = start()
    with pinhole.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in header + HELLO:
            connection.sendall(bytes([byte]))
        assert begins_to_serve(connection)


@quick
def test_header_and_hello_apart(start):
    """The hello is sent once the header was taken: what comes later is noticed too."""
    pinhole = start(workers=1)
    with pinhole.connect() as connection, pinhole.connect() as other:
        connection.sendall(version_1(BUILDER, FRONT))
        other.sendall(version_1(BUILDER, FRONT) + HELLO)
        assert begins_to_serve(other)
        connection.sendall(HELLO)
        assert begins_to_serve(connection)


@quick
@pytest.mark.parametrize("make", [version_1, version_2])
def test_client_of_another_group_is_denied(start, authority, make):
    pinhole = start()
    ending = send_all_then_read(pinhole.gate, make(STRANGER, FRONT) + HELLO)
    assert (ending.alert, ending.was_reset) == (UNRECOGNIZED_NAME, False)
    line = line_of(pinhole, name=NAME)
    assert (line["reason"], line["client"], line["group"]) == ("no_rule", f"{STRANGER}:50000", "any")
    assert authority.questions() == []


@quick
def test_curl_writes_a_header_of_its_own(start, policy, certificates, gate_port):
    """A whole handshake and request behind a header that others wrote."""
    policy.sql("INSERT INTO client_network VALUES ('build', '127.0.0.1');")
    pinhole = start()
    done = curl(pinhole.gate, gate_port, certificates, "/seen", "--haproxy-protocol")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NAME} ")
    line = line_of(pinhole, name=NAME)
    assert (line["client"], line["group"]) == (line["proxy"], "build"), "curl is its own proxy"


@quick
@pytest.mark.parametrize("data", [b"", HELLO, version_1(BUILDER, FRONT) + HELLO], ids=["silent", "hello", "header"])
def test_untrusted_peer_is_closed(start, authority, data):
    """At once, whatever it says: it need not send anything to be told."""
    pinhole = start(proxy_from=["192.0.2.0/24", "::1"])
    mark = pinhole.log.mark()
    with pinhole.connect() as connection:
        own = connection.getsockname()
        try:
            connection.sendall(data)
        except OSError:
            pass  # it is closed already
        assert read_to_end(connection).data == b""
    line = line_of(pinhole, mark, reason="proxy_untrusted")
    assert (line["decision"], line["ended"], line["client"]) == ("deny", "refused", f"127.0.0.1:{own[1]}")
    assert "proxy" not in line
    assert authority.questions() == []


@quick
@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\n\r\n",
    HELLO,
    b"PROXY TCP4 203.0.113.7\r\n",
    b"PROXY TCP4 203.0.113.7 198.51.100.1 05000 443\r\n" + HELLO,
    b"PROXY TCP4 " + b"1" * 100,
    binary(PROXY, UDP_V4, bytes(12)) + HELLO,
    binary(PROXY, UNIX, bytes(216)) + HELLO,
    binary(PROXY, TCP_V4, bytes(11)) + HELLO,
    binary(0x31, TCP_V4, bytes(12)) + HELLO,
    binary(PROXY, TCP_V4, bytes(12) + b"\x04\xff\xff") + HELLO,
    binary(PROXY, TCP_V4, bytes(5000)) + HELLO,
], ids=["http", "hello", "line-cut", "leading-zero", "line-long", "udp", "unix", "short", "version-3", "tlv", "huge"])
def test_what_is_no_header_is_closed(start, authority, data):
    pinhole = start()
    line = assert_closed_in_silence(pinhole, authority, data, "proxy_header_malformed")
    assert line["client"].startswith("127.0.0.1:")
    assert "proxy" not in line


@quick
@pytest.mark.parametrize("header", [
    binary(LOCAL, 0), binary(LOCAL, TCP_V4, version_2(BUILDER, FRONT)[16:]), binary(PROXY, 0),
    b"PROXY UNKNOWN\r\n", f"PROXY UNKNOWN {BUILDER} {FRONT} 50000 443\r\n".encode(),
], ids=["local", "local-with-addresses", "unspecified", "unknown", "unknown-with-addresses"])
def test_header_without_a_client_admits_no_hello(start, authority, policy, at_gate, header):
    policy.sql(insert(at_gate(NAME)))  # for everybody, the proxy too
    pinhole = start()
    assert_closed_in_silence(pinhole, authority, header + HELLO, "proxy_without_client")


@quick
@pytest.mark.parametrize("data", [b"", version_1(BUILDER, FRONT)[:-1], version_2(BUILDER, FRONT)[:-1]],
                         ids=["silent", "v1", "v2"])
def test_no_whole_header_in_time_is_closed(start, authority, data):
    pinhole = start()
    line = assert_closed_in_silence(pinhole, authority, data, "proxy_header_missing")
    assert int(line["duration_ms"]) >= 1900, "two seconds are the proxy's"


@quick
@pytest.mark.parametrize("data", [b"", b"PROXY", version_2(BUILDER, FRONT)[:20]], ids=["nothing", "v1", "v2"])
def test_proxy_that_leaves_before_its_header_is_not_waited_for(start, data):
    """As a health check does that only connects; one that came before it and stays has its two seconds."""
    pinhole = start(workers=1)

    def leave():
        with pinhole.connect() as patient, pinhole.connect() as leaving:
            leaving.sendall(data)
            leaving.shutdown(socket.SHUT_WR)
            assert read_to_end(leaving).data == b""
            patient.setblocking(False)
            try:
                return patient.recv(1)
            except BlockingIOError:
                return "still open"

    assert undisturbed(leave, 1.9, "one leaves at once") == "still open"
    pinhole.log.wait(event="connection", reason="proxy_header_missing", count=2)


@quick
def test_client_that_leaves_behind_its_header(start):
    pinhole = start()
    with pinhole.connect() as connection:
        connection.sendall(version_1(BUILDER, FRONT) + HELLO[:50])
    line = line_of(pinhole, reason="hello_cut_short")
    assert (line["client"], line["group"]) == (f"{BUILDER}:50000", "build")


@quick
def test_second_header_is_not_tls(start, authority):
    """A client can't name another one behind the proxy's header."""
    pinhole = start()
    header = version_1(STRANGER, FRONT)
    ending = send_all_then_read(pinhole.gate, header + version_1(BUILDER, FRONT) + HELLO)
    assert ending.data == b""
    assert line_of(pinhole, reason="not_tls")["client"] == f"{STRANGER}:50000"
    assert authority.questions() == []


@quick
@pytest.mark.parametrize("header", [version_1(BUILDER, FRONT), version_2(BUILDER, FRONT)], ids=["v1", "v2"])
def test_plain_listener_takes_no_header(start, authority, gate_port, header):
    pinhole = start(tls=[f"127.0.0.1:0={gate_port}", f"127.0.0.1:0={gate_port},proxy"])
    line = assert_closed_in_silence(pinhole, authority, header + HELLO, "not_tls")
    assert line["client"].startswith("127.0.0.1:")
    with socket.create_connection(pinhole.tls_endpoints[1], 20) as connection:
        connection.sendall(header + HELLO)
        assert begins_to_serve(connection)


@quick
def test_range_is_compared_with_where_the_client_came_to(start):
    """The header's destination: the proxy's own way to the gate says nothing of the client's."""
    pinhole = start("--gate-address", "127.90.0.0/30")
    lines = {}
    for destination in ("127.90.0.1", "127.90.0.2", FRONT):
        mark = pinhole.log.mark()
        with pinhole.connect() as connection:
            connection.sendall(version_2(BUILDER, destination) + HELLO)
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)
        lines[destination] = line_of(pinhole, mark, name=NAME)
    inside = sorted(lines[address]["reason"] for address in ("127.90.0.1", "127.90.0.2"))
    assert inside == ["address_mismatch", "allowed"], "a range of two addresses, of which one is the name's"
    outside = lines[FRONT]
    assert (outside["reason"], outside["address_check"], outside["arrived_at"]) == ("allowed", "skipped", FRONT)


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
@pytest.mark.parametrize("options", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,crc32c",
                                     "send-proxy-v2 check inter 100"])
def test_behind_haproxy(start, policy, tmp_path, certificates, gate_port, options):
    """A real proxy, whose client comes from an address of the group; its health checks admit nothing."""
    policy.sql("INSERT INTO client_network VALUES ('build', '127.0.0.5');")
    pinhole = start()
    front = ("127.0.0.1", free_port())
    proxy = Haproxy(tmp_path, front, pinhole.gate, options)
    try:
        done = eventually(lambda: served_by(front, gate_port, certificates), 20, "curl is served")
        assert done.stdout.startswith(f"{NAME} ")
        line = pinhole.log.wait(event="connection", name=NAME, decision="allow")[0]
        assert line["client"].startswith("127.0.0.5:") and line["proxy"].startswith("127.0.0.1:")
        assert line["group"] == "build"
        denied = curl(front, gate_port, certificates, "/seen", "--interface", "127.0.0.6")
        assert "unrecognized name" in denied.stderr
        if "check" in options:
            pinhole.log.wait(event="connection", reason="proxy_without_client", count=3)
    finally:
        proxy.stop()


def served_by(front, gate_port, certificates):
    """curl's result; None while HAProxy does not listen yet."""
    done = curl(front, gate_port, certificates, "/seen", "--interface", "127.0.0.5")
    return done if done.returncode == 0 else None


@quick
@pytest.mark.parametrize("arguments, word", [
    (["--tls-listen", "127.0.0.1:1=443,proxy"], "--proxy-from"),
    (["--proxy-from", "127.0.0.1"], ",proxy"),
    (["--tls-listen", "127.0.0.1:1=443,proxy", "--proxy-from", "127.0.0.1/8"], "127.0.0.1/8"),
    (["--tls-listen", "127.0.0.1:1=443,proxy", "--proxy-from", "proxy.example.com"], "proxy.example.com"),
    (["--tls-listen", "127.0.0.1:1=443,", "--proxy-from", "127.0.0.1"], "127.0.0.1:1=443,"),
    (["--tls-listen", "127.0.0.1:1=443,proxies", "--proxy-from", "127.0.0.1"], "127.0.0.1:1=443,proxies"),
    (["--tls-listen", "127.0.0.1:1,proxy=443", "--proxy-from", "127.0.0.1"], "127.0.0.1:1,proxy=443"),
    (["--tls-listen", "127.0.0.1:1=443,proxy,proxy", "--proxy-from", "127.0.0.1"], "443,proxy,proxy"),
    (["--tls-listen", ",proxy", "--proxy-from", "127.0.0.1"], ",proxy"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_usage_error(tmp_path, arguments, word):
    assert_one_line(serve("--db", tmp_path / "policy.db", *arguments), 2, word)


@quick
def test_variables(start, gate_port):
    """In a list, ",proxy" belongs to the listener before it."""
    pinhole = start(proxy_from=[], tls=[], environment={
        "PINHOLE_TLS_LISTEN": f"127.0.0.1:0={gate_port},127.0.0.1:0={gate_port},proxy,127.0.0.1:0={gate_port}",
        "PINHOLE_PROXY_FROM": "192.0.2.0/24,127.0.0.1"})
    assert len(pinhole.tls_endpoints) == 3
    for endpoint, is_served in zip(pinhole.tls_endpoints, (False, True, False)):
        with socket.create_connection(endpoint, 20) as connection:
            connection.sendall(version_1(BUILDER, FRONT) + HELLO)
            assert (connection.recv(1) == b"\x16") == is_served


@quick
@pytest.mark.parametrize("value", ["proxy,127.0.0.1:1=443", "127.0.0.1:1=443,proxy,proxy", "127.0.0.1:1=443,proxyx"])
def test_variable_that_cannot_be_read(tmp_path, value):
    done = serve("--db", tmp_path / "policy.db", "--dns-listen", "127.0.0.1:0", "--upstream-dns", "127.0.0.1:9",
                 free=False, environment={"PINHOLE_TLS_LISTEN": value, "PINHOLE_PROXY_FROM": "127.0.0.1"})
    assert_one_line(done, 2, "PINHOLE_TLS_LISTEN")
