"""Ending: SIGTERM and SIGINT end well, a second signal ends at once."""
import signal
import socket
import time

import pytest

from support.dns_client import is_allowed, read_exactly
from support.hello import hello_for, read_to_end, records
from support.process import Deadline, best_of

pytestmark = pytest.mark.quick

HELLO = records(hello_for(b"api.example.com"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_well_and_promptly(launch, make_policy, at_gate, gate_port, number):
    pinhole = launch(make_policy([at_gate("api.example.com")]), gate_port=gate_port)
    assert is_allowed(pinhole.dns, "api.example.com")
    begun = time.monotonic()
    pinhole.stop(number)
    print(f"{number.name} ended it within {1000 * (time.monotonic() - begun):.0f} ms")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(pinhole.gate, 5)


def test_ends_well_with_connections_in_every_state(launch, make_policy, authority, at_gate, gate_port, tcp_server):
    """One that relays, one whose hello is half sent, one whose name is being looked up."""
    server = tcp_server(lambda connection: (connection.sendall(b"x"), read_to_end(connection).data)[1])
    authority.zone["api.example.com"] = ["127.0.0.2"]
    authority.hold("slow.example.com")
    pinhole = launch(make_policy([at_gate("api.example.com"), at_gate("slow.example.com")]), authority.endpoint,
                     gate_port=gate_port)
    with pinhole.connect() as relaying, pinhole.connect() as halfway, pinhole.connect() as looking:
        relaying.sendall(HELLO)
        assert read_exactly(relaying, 1) == b"x"
        halfway.sendall(HELLO[:40])
        looking.sendall(records(hello_for(b"slow.example.com")))
        authority.wait_for("slow.example.com")
        pinhole.stop()
        for client in (relaying, halfway, looking):
            assert read_to_end(client).data[:1] in (b"", b"\x15"), "nothing but an alert"
    authority.release("slow.example.com")
    assert server.wait_results(1) == [HELLO]


def test_second_signal_ends_at_once(launch, make_policy, authority, at_gate, gate_port, tcp_server):
    """With a connection for which one signal alone would wait twenty seconds."""
    server = tcp_server(lambda connection: (connection.sendall(b"x"), read_to_end(connection))[1])
    authority.zone["api.example.com"] = ["127.0.0.2"]
    policy = make_policy([at_gate("api.example.com")])

    def end_by_signals():
        pinhole = launch(policy, authority.endpoint, gate_port=gate_port)
        with pinhole.connect() as client:
            client.sendall(HELLO)
            read_exactly(client, 1)
            begun = time.monotonic()
            deadline = Deadline(20)
            while pinhole.process.poll() is None:  # two at once may be taken for one: until it ends
                pinhole.process.send_signal(signal.SIGTERM)
                assert not deadline.passed()
            took = time.monotonic() - begun
        pinhole.kill()
        return took

    best_of(5, 1, end_by_signals, "from the first signal to the end")
    server.wait_results(1)


def test_broken_pipe_signal_ends_nothing(launch, make_policy, at_gate, gate_port):
    pinhole = launch(make_policy([at_gate("api.example.com")]), gate_port=gate_port)
    pinhole.process.send_signal(signal.SIGPIPE)
    assert is_allowed(pinhole.dns, "api.example.com")
