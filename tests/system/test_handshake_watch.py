"""What the gate watches for until the server has answered: above all a second ClientHello for another name."""
import socket

import pytest

from support.hello import (ILLEGAL_PARAMETER, INTERNAL_ERROR, RECORD_APPLICATION, RECORD_HANDSHAKE, RETRY_RANDOM,
                           alert_in, client_hello, hello_for, read_to_end, record, records, second_hello, server_hello,
                           supported_versions)
from support.policy import Policy
from support.process import Deadline, eventually, run, spawn, stop

NAME, OTHER = b"api.example.com", b"other.example.com"
SERVER = "127.0.0.2"
RECORD_CHANGE = 20
CHANGE = record(RECORD_CHANGE, b"\x01")
EARLY = record(RECORD_APPLICATION, b"early" * 200)
HELLO = records(hello_for(NAME))
RETRY = records(server_hello(RETRY_RANDOM))
ANSWER = records(server_hello(b"r" * 32))


@pytest.fixture(scope="module")
def served(module_launch, tmp_path_factory, shared_authority, at_gate, gate_port):
    policy = Policy(tmp_path_factory.mktemp("watch") / "policy.db", [at_gate("*.example.com")])
    return module_launch(policy, shared_authority.endpoint, gate_port=gate_port)


@pytest.fixture
def pinhole(served, authority):
    authority.zone["*"] = [SERVER]
    return served


def receive(connection, size):
    connection.settimeout(Deadline(10).left())
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        assert piece, f"ended after {data!r}"
        data += piece
    return data


def retry_server(hello=HELLO, retry=RETRY, before=b""):
    """Reads the first hello (and `before` it speaks), asks for a second, keeps all that then comes."""
    def handle(connection):
        assert receive(connection, len(hello + before)) == hello + before
        for piece in retry if isinstance(retry, list) else [retry]:
            connection.sendall(piece)
        connection.settimeout(Deadline(10).left())
        return read_to_end(connection).data
    return handle


@pytest.mark.quick
@pytest.mark.parametrize("retry", [RETRY, RETRY + CHANGE, [RETRY[:3], RETRY[3:20], RETRY[20:] + CHANGE[:4], CHANGE[4:]],
                                   [records(server_hello(RETRY_RANDOM), 7)]],
                         ids=["plain", "with-ccs", "in-pieces", "in-small-records"])
def test_second_hello_with_the_same_name_goes_on(pinhole, tcp_server, retry):
    server = tcp_server(retry_server(retry=retry))
    sent = CHANGE + second_hello(NAME)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        expected = b"".join(retry) if isinstance(retry, list) else retry
        whole = len(RETRY) if not isinstance(retry, list) or retry[0] == RETRY[:3] else len(expected)
        assert receive(client, whole) == expected[:whole]
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert server.wait_results() == [sent]


@pytest.mark.quick
@pytest.mark.parametrize("cut", [0, 4, len(CHANGE)], ids=["behind", "in-pieces", "at-once"])
def test_what_follows_a_retry_reaches_the_client_whole(pinhole, tcp_server, cut):
    """A server's change of cipher comes with its HelloRetryRequest, or in any two parts."""
    second = second_hello(NAME)

    def handle(connection):
        receive(connection, len(HELLO))
        connection.sendall(RETRY + CHANGE[:cut])
        receive(connection, len(second))
        connection.sendall(CHANGE[cut:] + ANSWER)
        return read_to_end(connection).data

    tcp_server(handle)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        assert receive(client, len(RETRY)) == RETRY
        client.sendall(second)
        assert receive(client, len(CHANGE + ANSWER)) == CHANGE + ANSWER


@pytest.mark.quick
@pytest.mark.parametrize("second", [second_hello(OTHER), second_hello(NAME.upper()), CHANGE + second_hello(OTHER),
                                    EARLY + second_hello(OTHER), records(client_hello(supported_versions()))],
                         ids=["another-name", "capitals", "after-ccs", "after-early-data", "no-name"])
@pytest.mark.parametrize("early", [False, True], ids=["asked", "unasked"])
def test_second_hello_with_another_name_is_refused(pinhole, tcp_server, second, early):
    """Sent when it is asked for, or in advance: no byte of it reaches the server."""
    passing = second[:len(second) - len(records(second_hello_message(second)))]
    server = tcp_server(retry_server(before=passing if early else b""))
    mark = pinhole.log.mark()
    with pinhole.connect() as client:
        client.sendall(HELLO + second if early else HELLO)
        assert receive(client, len(RETRY)) == RETRY
        if not early:
            client.sendall(second)
        ending = read_to_end(client)
    assert (ending.alert, ending.was_reset) == (ILLEGAL_PARAMETER, False)
    received, = server.wait_results()
    assert received in (b"", passing)  # what stands before the hello may have gone on
    line, = pinhole.log.wait(since=mark, event="connection", reason="name_changed")
    assert line["decision"] == "deny"


def second_hello_message(data):
    """The handshake message in the last record of `data`."""
    at = 0
    while data[at] != RECORD_HANDSHAKE:
        at += 5 + int.from_bytes(data[at + 3:at + 5], "big")
    return data[at + 5:]


@pytest.mark.quick
def test_second_hello_byte_by_byte(pinhole, tcp_server):
    server = tcp_server(retry_server())
    sent = CHANGE + second_hello(NAME) + EARLY
    with pinhole.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(HELLO)
        assert receive(client, len(RETRY)) == RETRY
        for at, _ in enumerate(sent):
            client.sendall(sent[at:at + 1])
        client.shutdown(socket.SHUT_WR)
        assert server.wait_results() == [sent]


@pytest.mark.quick
def test_second_retry_is_refused(pinhole, tcp_server):
    def handle(connection):
        receive(connection, len(HELLO))
        connection.sendall(RETRY)
        receive(connection, len(second_hello(NAME)))
        connection.sendall(RETRY)
        return read_to_end(connection).data

    tcp_server(handle)
    mark = pinhole.log.mark()
    with pinhole.connect() as client:
        client.sendall(HELLO)
        assert receive(client, len(RETRY)) == RETRY
        client.sendall(second_hello(NAME))
        assert read_to_end(client).data == b""
    pinhole.log.wait(since=mark, event="connection", reason="upstream_malformed")


@pytest.mark.quick
def test_early_data_goes_on_before_the_answer(pinhole, tcp_server):
    def handle(connection):
        data = receive(connection, len(HELLO + CHANGE + EARLY))
        connection.sendall(ANSWER)
        return data + read_to_end(connection).data

    server = tcp_server(handle)
    with pinhole.connect() as client:
        client.sendall(HELLO + CHANGE + EARLY)
        assert receive(client, len(ANSWER)) == ANSWER
        client.sendall(EARLY)
        client.shutdown(socket.SHUT_WR)
        assert server.wait_results() == [HELLO + CHANGE + EARLY + EARLY]


@pytest.mark.quick
@pytest.mark.parametrize("answer", [b"", RETRY[:10]], ids=["nothing", "half-an-answer"])
def test_server_that_leaves_without_an_answer(pinhole, tcp_server, answer):
    def handle(connection):
        receive(connection, len(HELLO))
        connection.sendall(answer)

    tcp_server(handle)
    mark = pinhole.log.mark()
    with pinhole.connect() as client:
        client.sendall(HELLO)
        assert alert_in(read_to_end(client).data) == INTERNAL_ERROR
    pinhole.log.wait(since=mark, event="connection", reason="upstream_closed")


@pytest.mark.quick
def test_real_retry(pinhole, certificates, gate_port):
    """openssl's own HelloRetryRequest: the server takes P-384 alone, the client's share is X25519."""
    server = spawn(["openssl", "s_server", "-accept", f"{SERVER}:{gate_port}", "-cert", certificates.chain, "-key",
                    certificates.key, "-groups", "P-384", "-tls1_3", "-www", "-quiet"])
    try:
        eventually(lambda: can_connect(SERVER, gate_port), 20, "s_server accepts")
        host, port = pinhole.gate
        done = run(["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", "api.example.com", "-groups",
                    "X25519:P-384", "-CAfile", certificates.ca, "-verify_return_error", "-ign_eof"],
                   input="GET / HTTP/1.0\r\n\r\n")
        assert done.returncode == 0, done.stderr
        assert "Server Temp Key: ECDH, secp384r1" in done.stdout
        assert "HTTP/1.0 200 ok" in done.stdout
    finally:
        stop(server)


def can_connect(host, port):
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True
