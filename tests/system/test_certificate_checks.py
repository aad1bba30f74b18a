"""When servers are checked, and how often: one check for many clients, what waits for it, its limits, how long it holds,
and what becomes of connections when the demands change."""
import concurrent.futures
import contextlib
import socket
import struct
import threading
import time

import pytest

from support.authorities import SOME_DAYS_AGO
from support.checked import NAME, assert_passes, assert_refused
from support.hello import (ACCESS_DENIED, INTERNAL_ERROR, RECORD_APPLICATION, RETRY_RANDOM, hello_for, read_to_end, record,
                           records, second_hello, server_hello)
from support.policy import quote
from support.process import Deadline, eventually
from support.tls import GREETING, TLS12, client_context, greet, hello_of, server_context

# Cost and order

class Checks:
    """A server that tells Pinhole's own handshakes, which it holds up, from those of clients, whose hellos it knows
    and who are handed to `serve`."""

    def __init__(self, context, hellos=(), serve=read_to_end):
        self.hellos, self.checks = set(hellos), 0
        self.clients, self.may_check = threading.Semaphore(0), threading.Event()
        self._greet, self._serve = greet(context), serve

    def handle(self, connection):
        hello = connection.recv(65536, socket.MSG_PEEK)
        if any(hello.startswith(known) for known in self.hellos):
            self.clients.release()
            return self._serve(connection)
        if not hello:  # a client was refused before its hello was sent
            return False
        self.checks += 1
        self.may_check.wait(Deadline(30).left())
        return self._greet(connection)


@pytest.mark.parametrize("cold_start", ["parallel", "serial"])
def test_thousand_clients_at_once_cause_one_check(start_checking, tcp_server, world, cold_start):
    """The server holds the check up until all have said their hello, and no longer: it has five seconds."""
    checks = Checks(server_context(world.right))
    tcp_server(checks.handle)
    pinhole, _ = start_checking(settings=[("cold_start", cold_start)])
    checks.hellos = {hello_of(NAME) for _ in range(1000)}
    with contextlib.ExitStack() as stack:
        for hello in checks.hellos:
            client = stack.enter_context(pinhole.connect())
            client.sendall(hello)
        checks.may_check.set()
        for _ in checks.hellos:
            assert checks.clients.acquire(timeout=Deadline(30).left())
    assert checks.checks == 1


def test_serial_sends_nothing_before_the_verdict(start_checking, tcp_server, world):
    checks = Checks(server_context(world.untrusted))
    checks.may_check.set()
    tcp_server(checks.handle)
    pinhole, _ = start_checking(settings=[("cold_start", "serial")])
    own_hello = hello_of(NAME)
    checks.hellos = {own_hello}
    with pinhole.connect() as client:
        client.sendall(own_hello)
        assert read_to_end(client).alert == ACCESS_DENIED
    assert not checks.clients.acquire(blocking=False)


# While the check is under way

HELLO, CHANGE, EARLY = records(hello_for(NAME.encode())), record(20, b"\x01"), record(RECORD_APPLICATION, b"early" * 200)
SECOND = second_hello(NAME.encode())
RETRY, ANSWER = records(server_hello(RETRY_RANDOM)), records(server_hello(b"r" * 32))


def receive(connection, size):
    """Up to `size` bytes: fewer at the end alone."""
    connection.settimeout(Deadline(20).left())
    data = b""
    while len(data) < size and (piece := connection.recv(size - len(data))):
        data += piece
    return data


@pytest.fixture
def cold(start_checking, tcp_server, world):
    """Pinhole and a server whose check is held up until `may_check` is set; it shows the certificate of that name.
    `serve` is given the client of HELLO."""
    def begin(which, serve, **more):
        checks = Checks(server_context(getattr(world, which)), [HELLO], serve)
        checks.server = tcp_server(checks.handle)
        return start_checking(**more)[0], checks
    return begin


GOOD_OR_NOT = pytest.mark.parametrize("which", ["right", "untrusted"])


def assert_answered(client, which, answer):
    """The client gets the server's answer, or none of it where the certificate is wrong."""
    if which == "right":
        assert receive(client, len(answer)) == answer
    else:
        assert read_to_end(client).alert == ACCESS_DENIED


@pytest.mark.quick
@GOOD_OR_NOT
def test_client_that_half_closes_meanwhile(cold, which):
    """Its end reaches the server, behind the verdict, and the answer reaches the client."""
    def serve(connection):
        assert receive(connection, len(HELLO)) == HELLO
        connection.sendall(ANSWER)
        return read_to_end(connection).data

    pinhole, checks = cold(which, serve)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        client.shutdown(socket.SHUT_WR)
        assert checks.clients.acquire(timeout=Deadline(20).left())
        checks.may_check.set()
        assert_answered(client, which, ANSWER)
        assert read_to_end(client).data == b""


@pytest.mark.quick
@GOOD_OR_NOT
def test_server_that_closes_meanwhile(cold, which):
    """What it said before is passed on as soon as the verdict is in, and so is its end."""
    def serve(connection):
        assert receive(connection, len(HELLO)) == HELLO
        connection.sendall(ANSWER)

    pinhole, checks = cold(which, serve)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        checks.server.wait_results(1)
        checks.may_check.set()
        assert_answered(client, which, ANSWER)
        assert read_to_end(client).data == b""


@GOOD_OR_NOT
def test_client_that_leaves_meanwhile(cold, which):
    """Nobody waits for the verdict any more; the next client finds it known."""
    pinhole, checks = cold(which, read_to_end)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        assert checks.clients.acquire(timeout=Deadline(20).left())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    pinhole.log.wait(event="connection", ended="client_reset")
    checks.may_check.set()
    checks.server.wait_results(2)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        if which == "right":
            assert checks.clients.acquire(timeout=Deadline(20).left())
        else:
            assert read_to_end(client).alert == ACCESS_DENIED
    assert checks.checks == 1


@pytest.mark.quick
@GOOD_OR_NOT
def test_retry_request_meanwhile(cold, which):
    """A HelloRetryRequest waits too; the second hello is read as it is when the verdict is known."""
    def serve(connection):
        assert receive(connection, len(HELLO)) == HELLO
        connection.sendall(RETRY + CHANGE)
        if receive(connection, len(SECOND)) == SECOND:
            connection.sendall(ANSWER)

    pinhole, checks = cold(which, serve)
    with pinhole.connect() as client:
        client.sendall(HELLO)
        assert checks.clients.acquire(timeout=Deadline(20).left())
        checks.may_check.set()
        assert_answered(client, which, RETRY)
        if which == "right":
            client.sendall(SECOND)
            assert receive(client, len(CHANGE + ANSWER)) == CHANGE + ANSWER


@pytest.mark.quick
@pytest.mark.parametrize("which, cold_start", [("right", "parallel"), ("untrusted", "parallel"), ("right", "serial")])
def test_early_data_waits_for_the_verdict(cold, which, cold_start):
    """It never reaches a wrong server, though the hello may."""
    sent = HELLO + CHANGE + EARLY

    def serve(connection):
        data = receive(connection, len(sent))
        if data == sent:
            connection.sendall(ANSWER)
        return data

    pinhole, checks = cold(which, serve, settings=[("cold_start", cold_start)])
    with pinhole.connect() as client:
        client.sendall(sent)
        if cold_start == "parallel":
            assert checks.clients.acquire(timeout=Deadline(20).left())
        checks.may_check.set()
        assert_answered(client, which, ANSWER)
    assert (sent if which == "right" else HELLO) in checks.server.wait_results(2)


# Limits

@pytest.mark.quick
@pytest.mark.parametrize("setting, is_for_all", [("max_probes", True), ("max_probes_per_address", True),
                                                 ("max_probes_per_client", False)])
def test_limits_of_first_checks(start_checking, tcp_server, world, setting, is_for_all):
    """One check is under way for one client; for a second name the same client gets none, nor does another where the
    limit is not the client's. Whoever waits for the first check needs none. (Clients send nothing before a verdict
    here, so what comes first is a check.)"""
    checks = Checks(server_context(world.right))
    tcp_server(checks.handle)
    pinhole, _ = start_checking(target="*.example.com", settings=[(setting, "1"), ("cold_start", "serial")])
    context = client_context(world.root)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = [pool.submit(assert_passes, pinhole, context, name="a.example.com") for _ in range(2)]
        eventually(lambda: checks.checks == 1, 20, "a first check is under way")
        assert_refused(pinhole, "probe_limit", INTERNAL_ERROR, name="b.example.com")
        with socket.create_connection(pinhole.gate, Deadline(20).left(), ("127.0.0.9", 0)) as other:
            other.sendall(hello_of("c.example.com"))
            if is_for_all:
                assert read_to_end(other).alert == INTERNAL_ERROR
            else:
                eventually(lambda: checks.checks == 2, 20, "another client's check is under way")
        checks.may_check.set()
        for one in first:
            one.result()
    assert_passes(pinhole, context, name="b.example.com")


# Time

def test_check_is_renewed_ahead_of_its_end_while_it_is_used(start_checking, tcp_server, world):
    """A pin that expires ends what was found. One name is asked for again and again, the other one no more."""
    used, unused, checked = "used.example.com", "unused.example.com", []
    answer = greet(server_context(world.right))

    def handle(connection):
        hello, came_s = connection.recv(65536, socket.MSG_PEEK), time.time()
        has_finished = answer(connection)
        if not has_finished:
            checked.append((unused if unused.encode() in hello else used, came_s))
        return has_finished

    tcp_server(handle)
    ends_s = int(time.time()) + 20
    pinhole, _ = start_checking(target="*.example.com", pins=[(world.root.pin, {}), (world.intermediate.pin, {"expires_at": ends_s})])
    context = client_context(world.root)
    assert_passes(pinhole, context, name=unused)
    mark = pinhole.log.mark()

    def has_pin_ended():
        assert_passes(pinhole, context, name=used)
        return time.time() > ends_s

    eventually(has_pin_ended, 60, "the pin expires")
    pinhole.log.wait(since=mark, event="policy_loaded")
    of_used = [came_s for name, came_s in checked if name == used]
    soon_s = (of_used[0] + ends_s) / 2  # it is renewed after six to eight and a half tenths of its life
    assert any(soon_s < came_s < ends_s for came_s in of_used), (ends_s, of_used)
    assert len([name for name, _ in checked if name == unused]) <= 2  # one of each kind of key


@pytest.mark.quick
def test_certificate_that_expires_soon_is_told(start_checking, tcp_server, world):
    soon = world.maker.server(world.root, dates=(SOME_DAYS_AGO, "+5"))
    tcp_server(greet(server_context(soon)))
    pinhole, _ = start_checking()
    assert_passes(pinhole, client_context(world.root))
    line, = pinhole.log.wait(event="certificate", reason="certificate_expires")
    assert line["name"] == NAME and line["days_left"] in (4, 5) and soon.pin in line["certificate_pins"]


@pytest.mark.parametrize("more, is_told", [([], True), (["stranger"], False)], ids=["the-last", "one-of-two"])
def test_pins_that_expire_soon_are_told(start_checking, tcp_server, world, more, is_told):
    """Not while another is left."""
    expiring = (world.root.pin, {"expires_at": int(time.time()) + 5 * 86400 - 600})
    tcp_server(greet(server_context(world.right)))
    pinhole, _ = start_checking(pins=[expiring, *((getattr(world, other).pin, {}) for other in more)])
    assert_passes(pinhole, client_context(world.root))
    if is_told:
        line, = pinhole.log.wait(event="certificate", reason="pins_expire")
        assert (line["name"], line["days_left"]) == (NAME, 4)
    else:
        pinhole.stop()
        assert not pinhole.log.find(event="certificate", reason="pins_expire")


# What changes while connections live

@pytest.mark.parametrize("statement, ends", [
    ("INSERT INTO pin (rule_id, spki_sha256) VALUES (1, {stranger});", True),
    ("INSERT INTO pin (rule_id, spki_sha256) VALUES (1, {root});", False),
    ("UPDATE rule SET verify = 'none' WHERE id = 1;", False)], ids=["other-pin", "pin-that-fits", "none"])
def test_new_demands_end_connections_that_do_not_meet_them(start_checking, tcp_server, world, statement, ends):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start_checking()
    with socket.create_connection(pinhole.gate, Deadline(20).left()) as plain:
        with client_context(world.root).wrap_socket(plain, server_hostname=NAME) as client:
            assert client.recv(100) == GREETING
            policy.sql(statement.format(stranger=quote(world.stranger.pin), root=quote(world.root.pin)))
            pinhole.log.wait(event="policy_loaded", how="changes")
            if ends:
                pinhole.log.wait(event="connection", ended="revoked")
            else:
                client.sendall(b"x")
                assert client.recv(100) == b"", "the server says goodbye; unread, that would make the client's end a reset"
    if not ends:
        pinhole.log.wait(event="connection", ended="closed")


def test_connection_that_was_not_checked_ends_when_a_check_is_demanded(start_checking, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start_checking(verify="none")
    with socket.create_connection(pinhole.gate, Deadline(20).left()) as plain:
        with client_context(world.root).wrap_socket(plain, server_hostname=NAME) as client:
            assert client.recv(100) == GREETING
            policy.sql("UPDATE rule SET verify = 'chain' WHERE id = 1;")
            pinhole.log.wait(event="connection", ended="revoked")


def test_handshake_under_way_is_judged_by_the_new_demands(start_checking, tcp_server, world):
    """The check's certificate has the new pin, the one that passes has not."""
    handshakes, may_answer = threading.Semaphore(0), threading.Event()
    may_answer.set()
    contexts = [server_context(world.right, version=TLS12), server_context(world.rsa, version=TLS12)]

    def handle(connection):
        connection.recv(1, socket.MSG_PEEK)
        handshakes.release()
        may_answer.wait(Deadline(20).left())
        return greet(contexts[0])(connection)

    tcp_server(handle)
    pinhole, policy = start_checking()
    assert_passes(pinhole, client_context(world.root))
    may_answer.clear()
    while handshakes.acquire(blocking=False):
        continue
    with pinhole.connect() as client:
        client.sendall(hello_of(NAME))
        assert handshakes.acquire(timeout=Deadline(20).left())
        policy.sql(f"INSERT INTO pin (rule_id, spki_sha256) VALUES (1, {quote(world.right.pin)});")
        pinhole.log.wait(event="policy_loaded", how="changes")
        contexts.pop(0)
        may_answer.set()
        assert read_to_end(client).alert == ACCESS_DENIED
    pinhole.log.wait(event="connection", reason="pin_mismatch")


def test_no_check_where_none_is_demanded(start_checking, tcp_server, world):
    server = tcp_server(greet(server_context(world.untrusted)))
    pinhole, _ = start_checking(verify="none")
    assert_passes(pinhole, proof=None)
    assert server.wait_results(1) == [True]
    assert server.accepted == 1
