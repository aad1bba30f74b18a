"""Ending without cutting anybody off: the lame-duck time, then the time to finish."""
import signal
import socket
import threading

import pytest

from support.dns_client import ask, framed, is_allowed, question, read_exactly, read_framed, tcp_socket
from support.hello import hello_for, read_to_end, records
from support.process import eventually

HELLO = records(hello_for(b"api.example.com"))
LONG = 3600  # seconds that no test waits for
BULK = b"all of it, to the end" * 50000
QUEUED = 300


class Finisher:
    """A server that answers the hello with one byte, and says the rest when it is told to."""

    def __init__(self, tcp_server):
        self.may_finish = threading.Event()
        self.server = tcp_server(self._serve)

    def _serve(self, connection):
        assert read_exactly(connection, len(HELLO)) == HELLO
        connection.sendall(b"x")
        assert self.may_finish.wait(60)
        connection.sendall(BULK)
        connection.shutdown(socket.SHUT_WR)
        return read_to_end(connection)


@pytest.fixture
def finisher(tcp_server):
    server = Finisher(tcp_server)
    yield server
    server.may_finish.set()


@pytest.fixture
def start(launch, make_policy, authority, at_gate, gate_port):
    authority.zone["api.example.com"] = ["127.0.0.2"]
    policy = make_policy([at_gate("api.example.com")])
    return lambda **options: launch(policy, authority.endpoint, gate_port=gate_port, **options)


def relay_through(pinhole):
    """A connection whose server has said its one byte."""
    client = pinhole.connect()
    client.sendall(HELLO)
    assert read_exactly(client, 1) == b"x"
    return client


def is_refusing(server):
    try:
        socket.create_connection(server, 5).close()
    except ConnectionRefusedError:
        return True
    return False


def tell_to_stop(pinhole):
    pinhole.process.send_signal(signal.SIGTERM)
    return pinhole.log.wait(event="stopping")[0]


def await_refusal(server):
    eventually(lambda: is_refusing(server), 10, f"{server} accepts no more")


@pytest.mark.quick
def test_serves_on_as_a_lame_duck(start, finisher):
    pinhole = start(lame_duck=LONG)
    tell_to_stop(pinhole)
    assert is_allowed(pinhole.dns, "api.example.com")
    assert is_allowed(pinhole.dns, "api.example.com", tcp=True)
    finisher.may_finish.set()
    with relay_through(pinhole) as client:
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client).data == BULK
    assert not is_refusing(pinhole.gate)
    pinhole.process.send_signal(signal.SIGTERM)
    pinhole.wait(status=1)


def test_lame_duck_time_ends(start):
    pinhole = start(lame_duck=1, drain=LONG)
    tell_to_stop(pinhole)
    pinhole.wait()


@pytest.mark.quick
def test_connection_has_time_to_finish(start, finisher):
    pinhole = start(drain=LONG)
    with relay_through(pinhole) as client:
        tell_to_stop(pinhole)
        await_refusal(pinhole.gate)
        await_refusal(pinhole.dns)
        assert is_allowed(pinhole.dns, "api.example.com"), "questions over UDP are answered to the end"
        finisher.may_finish.set()
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client).data == BULK
    pinhole.wait()  # though the time is not over
    pinhole.log.wait(event="connection", ended="closed", bytes_down=1 + len(BULK))
    line, = pinhole.log.wait(event="drained", closed=0)
    assert line["finished"] >= 1, "who only came to see whether it listens may count too"


@pytest.mark.quick
def test_connection_that_takes_too_long_is_closed(start, finisher):
    pinhole = start(drain=1)
    with relay_through(pinhole) as client:
        tell_to_stop(pinhole)
        assert read_to_end(client).data == b""
    finisher.may_finish.set()
    pinhole.wait()
    pinhole.log.wait(event="connection", ended="drained", decision="allow")
    pinhole.log.wait(event="drained", finished=0, closed=1)


@pytest.mark.quick
def test_without_connections_ends_at_once(start):
    pinhole = start(drain=LONG)
    assert tell_to_stop(pinhole)["drain_seconds"] == LONG
    pinhole.wait()
    pinhole.log.wait(event="drained", finished=0, closed=0)


@pytest.mark.quick
def test_second_signal_does_not_wait_for_connections(start, finisher):
    pinhole = start(drain=LONG)
    with relay_through(pinhole):
        tell_to_stop(pinhole)
        await_refusal(pinhole.gate)
        pinhole.process.send_signal(signal.SIGINT)
        pinhole.wait(status=1)
    finisher.may_finish.set()


@pytest.mark.quick
def test_idle_dns_connection_does_not_hold_it_up(start):
    pinhole = start(drain=LONG)
    with tcp_socket(pinhole.dns) as client:
        client.sendall(framed(question("api.example.com").to_wire()))
        assert read_framed(client).answer
        tell_to_stop(pinhole)
        assert read_to_end(client).data == b""
        pinhole.wait()


def test_who_has_connected_is_served(start, finisher):
    """Connections and questions that wait in the kernel when the signal comes."""
    pinhole = start(drain=LONG)
    finisher.may_finish.set()
    pinhole.process.send_signal(signal.SIGSTOP)
    clients = [pinhole.connect() for _ in range(QUEUED)]
    questions = [tcp_socket(pinhole.dns) for _ in range(20)]
    for client in clients:
        client.sendall(HELLO)
    for client in questions:
        client.sendall(framed(question("api.example.com").to_wire()))
    pinhole.process.send_signal(signal.SIGTERM)
    pinhole.process.send_signal(signal.SIGCONT)
    for client in questions:
        with client:
            assert read_framed(client).answer
    for client in clients:
        with client:
            client.shutdown(socket.SHUT_WR)
            assert read_to_end(client).data == b"x" + BULK
    pinhole.wait(seconds=60)


def test_times_that_are_not_told(start):
    """Five seconds, where standard error is no terminal, and twenty."""
    pinhole = start(lame_duck=None, drain=None)
    line = tell_to_stop(pinhole)
    assert (line["lame_duck_seconds"], line["drain_seconds"]) == (5, 20)
    assert ask(pinhole.dns, "api.example.com").answer
    pinhole.process.send_signal(signal.SIGTERM)
    pinhole.wait(status=1)
