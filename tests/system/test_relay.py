"""Bytes after the hello: all of them, in order, both ways, to the end, without piling up."""
import hashlib
import select
import socket
import threading

import pytest

from support.dns_client import read_exactly
from support.hello import hello_for, read_to_end, records
from support.process import IS_SANITIZED, Deadline, rss_kib, run, eventually

HELLO = records(hello_for(b"api.example.com"))
BULK_BYTES = (20 if IS_SANITIZED else 100) * 1000 * 1000
BLOCK_BYTES = 1 << 18


@pytest.fixture
def pinhole(launch, make_policy, authority, at_gate, gate_port):
    authority.zone["api.example.com"] = ["127.0.0.2"]
    return launch(make_policy([at_gate("api.example.com")]), authority.endpoint, gate_port=gate_port)


def send_bulk(connection, seed):
    """Sends BULK_BYTES that no two blocks share; returns their digest."""
    digest, block = hashlib.sha256(), hashlib.shake_128(seed).digest(BLOCK_BYTES)
    for number in range(BULK_BYTES // BLOCK_BYTES):
        piece = number.to_bytes(8, "big") + block[8:]
        digest.update(piece)
        connection.sendall(piece)
    connection.shutdown(socket.SHUT_WR)
    return digest.hexdigest()


def read_bulk(connection):
    digest = hashlib.sha256()
    while piece := connection.recv(BLOCK_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def both_ways(connection, seed):
    """Sends and reads at the same time; returns the digests (sent, read)."""
    connection.settimeout(Deadline(50).left())
    sent = []
    sender = threading.Thread(target=lambda: sent.append(send_bulk(connection, seed)))
    sender.start()
    received = read_bulk(connection)
    sender.join()
    return sent[0], received


def test_bulk_both_ways_at_once(pinhole, tcp_server):
    def serve(connection):
        assert read_exactly(connection, len(HELLO)) == HELLO
        return both_ways(connection, b"server")

    server = tcp_server(serve)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        client_sent, client_received = both_ways(client, b"client")
    (server_sent, server_received), = server.wait_results()
    assert client_received == server_sent
    assert server_received == client_sent
    line, = pinhole.log.wait(event="connection")
    blocks = BULK_BYTES // BLOCK_BYTES * BLOCK_BYTES
    assert int(line["bytes_up"]) == blocks + len(HELLO)
    assert int(line["bytes_down"]) == blocks


@pytest.mark.quick
def test_server_speaks_after_the_client_ended(pinhole, tcp_server):
    def serve(connection):
        request = read_to_end(connection).data
        connection.sendall(b"answer to the end" * 10000)
        return request

    server = tcp_server(serve)
    with pinhole.connect() as client:
        client.sendall(HELLO + b"question")
        client.shutdown(socket.SHUT_WR)
        ending = read_to_end(client)
    assert ending.data == b"answer to the end" * 10000
    assert not ending.was_reset
    assert server.wait_results() == [HELLO + b"question"]


@pytest.mark.quick
def test_client_speaks_after_the_server_ended(pinhole, tcp_server):
    def serve(connection):
        read_exactly(connection, len(HELLO))
        connection.sendall(b"that is all")
        connection.shutdown(socket.SHUT_WR)
        return read_to_end(connection).data

    server = tcp_server(serve)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        assert read_to_end(client).data == b"that is all"
        client.sendall(b"a last word" * 10000)
        client.shutdown(socket.SHUT_WR)
        assert server.wait_results() == [b"a last word" * 10000]


@pytest.mark.quick
@pytest.mark.parametrize("who", ["client", "server"])
def test_reset_of_one_side_resets_the_other(pinhole, tcp_server, who):
    """A word each way first, so that nothing is on its way that a reset would take away."""
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    def serve(connection):
        read_exactly(connection, len(HELLO))
        connection.sendall(b"x")
        read_exactly(connection, 1)
        if who == "server":
            return reset(connection)
        connection.sendall(b"z")
        return read_to_end(connection)

    server = tcp_server(serve)
    mark = pinhole.log.mark()
    with pinhole.connect() as client:
        client.sendall(HELLO)
        assert read_exactly(client, 1) == b"x"
        client.sendall(b"y")
        if who == "client":
            assert read_exactly(client, 1) == b"z"
            reset(client)
            ending, = server.wait_results()
        else:
            ending = read_to_end(client)
    assert ending.was_reset
    pinhole.log.wait(since=mark, event="connection", ended=f"{who}_reset")


@pytest.mark.parametrize("direction", ["down", "up"])
def test_slow_reader_holds_the_sender_back(pinhole, tcp_server, direction):
    """The sender is stopped while the reader reads nothing, memory stays bounded, and in the end all arrives."""
    blocked, may_read = threading.Event(), threading.Event()
    total, limit = 200_000_000, 80_000_000  # four sockets and a pipe hold some, as the kernel sees fit

    def send_much(connection):
        connection.setblocking(False)
        sent, block = 0, bytes(BLOCK_BYTES)
        while sent < total:
            if not select.select([], [connection], [], 1.0)[1]:
                stopped_at.append(sent)
                blocked.set()
                assert select.select([], [connection], [], Deadline(40).left())[1], "stuck"
            sent += connection.send(block[:total - sent])
        connection.shutdown(socket.SHUT_WR)
        return sent

    def read_much(connection):
        assert may_read.wait(Deadline(40).left())
        count = 0
        while piece := connection.recv(BLOCK_BYTES):
            count += len(piece)
        return count

    def serve(connection):
        read_exactly(connection, len(HELLO))
        return send_much(connection) if direction == "down" else read_much(connection)

    stopped_at = []
    server = tcp_server(serve)
    resident_before = rss_kib(pinhole.process.pid)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        here = threading.Thread(target=lambda: ended.append((read_much if direction == "down" else send_much)(client)))
        ended = []
        here.start()
        assert blocked.wait(Deadline(40).left()), "the sender was never held back"
        grown = rss_kib(pinhole.process.pid) - resident_before
        assert stopped_at[0] < limit
        assert IS_SANITIZED or grown < 8 * 1024, f"{grown} KiB more"
        may_read.set()
        here.join()
    assert (server.wait_results(), ended) == ([total], [total])


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def test_thousand_connections_at_once(launch, make_policy, authority, at_gate, gate_port, tcp_server):
    """The program is started with room for 256 descriptors and raises its limit itself."""
    authority.zone["api.example.com"] = ["127.0.0.2"]
    server = tcp_server(echo)
    pinhole = launch(make_policy([at_gate("api.example.com")]), authority.endpoint, gate_port=gate_port,
                     prefix=["prlimit", "--nofile=256:8192"])
    clients = [pinhole.connect() for _ in range(1000)]
    for client in clients:
        client.sendall(HELLO)
    for client in clients:
        client.settimeout(Deadline(20).left())
        assert read_exactly(client, len(HELLO)) == HELLO
    assert server.accepted == 1000
    for number, client in enumerate(clients):
        client.sendall(b"number %04d" % number)
    for number, client in enumerate(clients):
        assert read_exactly(client, 11) == b"number %04d" % number
        client.close()
    server.wait_results(1000)


@pytest.mark.quick
def test_descriptors_are_given_back(pinhole, tcp_server):
    """After many connections of all endings no descriptor is left open."""
    def count():
        return len(run(["ls", f"/proc/{pinhole.process.pid}/fd"]).stdout.split())

    server = tcp_server(echo)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        read_exactly(client, len(HELLO))
    server.wait_results(1)
    pinhole.log.wait(event="connection", count=1)
    before = count()
    denied = records(hello_for(b"other.org"))
    for number in range(100):
        with pinhole.connect() as client:
            client.sendall((HELLO, denied, HELLO[:30], b"GET / HTTP/1.0\r\n\r\n")[number % 4])
            if number % 4 == 0:
                read_exactly(client, len(HELLO))
            elif number % 4 == 1:
                read_to_end(client)
    server.wait_results(26)
    eventually(lambda: count() <= before, 30, "as few descriptors as before")
