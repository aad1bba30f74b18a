"""The log: lines that parse, limits that add up, and a reader that never comes."""
import fcntl
import re
import struct
import termios
import time

import pytest

from support.dns_client import ask, is_allowed, question, udp_socket
from support.hello import UNRECOGNIZED_NAME, hello_for, records, send_all_then_read
from support.policy import insert, set_setting
from support.process import eventually

pytestmark = pytest.mark.quick

LINES_PER_SECOND = 50  # of a worker, for each reason
DENIED = records(hello_for(b"denied.org"))


@pytest.fixture
def policy(make_policy, at_gate):
    return make_policy([at_gate("api.example.com")])


def test_json_lines(launch, policy, gate_port):
    pinhole = launch(policy, gate_port=gate_port)
    ask(pinhole.dns, "other.org", "AAAA")
    send_all_then_read(pinhole.gate, DENIED)
    query, = pinhole.log.wait(event="query_denied")
    assert (query["name"], query["type"], query["reason"]) == ("other.org", "AAAA", "no_rule")
    assert query["client"].startswith("127.0.0.1")
    connection, = pinhole.log.wait(event="connection")
    assert {"client", "name", "port", "decision", "reason", "bytes_up", "bytes_down", "duration_ms",
            "ended"} <= set(connection)
    assert isinstance(connection["duration_ms"], int)
    loaded = pinhole.log.wait(event="policy_loaded")[0]
    for line in (query, connection, loaded):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    pinhole.stop()
    assert all(line.startswith("{") and line.endswith("}\n") for line in pinhole.log.raw)


def test_text_lines(launch, policy, gate_port):
    pinhole = launch(policy, gate_port=gate_port, log_format="text")
    ask(pinhole.dns, "other.org")
    send_all_then_read(pinhole.gate, DENIED)
    query, = pinhole.log.wait(event="query_denied")
    assert (query["name"], query["reason"]) == ("other.org", "no_rule")
    connection, = pinhole.log.wait(event="connection")
    assert (connection["decision"], connection["reason"]) == ("deny", "no_rule")
    pinhole.stop()
    assert len(pinhole.log.lines) == len(pinhole.log.raw), "each line is TIME EVENT KEY=VALUE..."


def test_each_load_of_the_policy_is_logged(launch, policy, at_gate, gate_port):
    pinhole = launch(policy, gate_port=gate_port)
    pinhole.log.wait(event="policy_loaded")
    mark = pinhole.log.mark()
    policy.sql(insert(at_gate("new.example.com")))
    pinhole.log.wait(since=mark, event="policy_loaded")


def test_denied_queries_are_limited_and_all_counted(launch, policy, gate_port):
    """Five thousand denials: few lines a second, and left_out makes up for the rest."""
    total, begun = 5000, time.monotonic()
    pinhole = launch(policy, gate_port=gate_port)
    wire = question("other.org").to_wire()
    clients = [udp_socket(pinhole.dns) for _ in range(20)]
    for _ in range(total // len(clients)):
        for client in clients:
            client.send(wire)
        for client in clients:
            client.recv(4096)
    for client in clients:
        client.close()

    def counted():
        left_out = sum(int(line["count"]) for line in pinhole.log.find(event="left_out", reason="no_rule"))
        return len(pinhole.log.find(event="query_denied")) + left_out

    eventually(lambda: counted() >= total, 5, "the rest is counted")
    assert counted() == total
    seconds = time.monotonic() - begun + 1
    assert len(pinhole.log.find(event="query_denied")) <= 2 * LINES_PER_SECOND * seconds
    assert len(pinhole.log.find(event="left_out")) <= 2 * 2 * seconds


def test_denied_connections_are_limited_and_all_counted(launch, policy, gate_port):
    total = 500
    pinhole = launch(policy, gate_port=gate_port)
    for _ in range(total):
        assert send_all_then_read(pinhole.gate, DENIED).alert == UNRECOGNIZED_NAME

    def counted():
        left_out = sum(int(line["count"]) for line in pinhole.log.find(event="left_out", reason="no_rule"))
        return len(pinhole.log.find(event="connection")) + left_out

    eventually(lambda: counted() >= total, 5, "the rest is counted")
    assert counted() == total


def test_one_reason_does_not_use_up_anothers_limit(launch, policy, gate_port):
    pinhole = launch(policy, gate_port=gate_port)
    for _ in range(300):
        send_all_then_read(pinhole.gate, DENIED)
    send_all_then_read(pinhole.gate, b"GET / HTTP/1.0\r\n\r\n")
    pinhole.log.wait(event="connection", reason="not_tls")


def test_log_that_nobody_reads_stops_nothing(launch, policy, at_gate, gate_port):
    pinhole = launch(policy, gate_port=gate_port, reads_log=False)
    pipe = pinhole.process.stderr.fileno()
    assert fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096) == 4096

    def is_full():
        """A pipe of one page takes nothing more, by poll(), once there is anything in it."""
        waiting, = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
        return waiting > 0

    assert not is_allowed(pinhole.dns, "other.org")
    eventually(is_full, 5, "the pipe is full")
    for number in range(600):
        assert is_allowed(pinhole.dns, "api.example.com")
        assert not is_allowed(pinhole.dns, f"n{number}.org")
        if number % 10 == 0:
            assert send_all_then_read(pinhole.gate, DENIED).alert == UNRECOGNIZED_NAME
    policy.sql(insert(at_gate("late.example.com")))
    eventually(lambda: is_allowed(pinhole.dns, "late.example.com"), 5, "the edit is in force")
    pinhole.stop(seconds=10)


def test_log_whose_reader_is_gone_stops_nothing(launch, policy, gate_port):
    """A broken pipe is no reason to end (SIGPIPE)."""
    pinhole = launch(policy, gate_port=gate_port, reads_log=False)
    pinhole.process.stderr.close()
    for _ in range(5):
        assert not is_allowed(pinhole.dns, "other.org")
        assert send_all_then_read(pinhole.gate, DENIED).alert == UNRECOGNIZED_NAME
    policy.sql(set_setting("deny_answer", "refused"))
    eventually(lambda: ask(pinhole.dns, "other.org").rcode() == 5, 5, "the edit is in force")
    pinhole.process.terminate()
    assert pinhole.process.wait(30) == 0
