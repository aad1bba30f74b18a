"""The server's certificate is checked before a byte of the server's reaches the client."""
import concurrent.futures
import contextlib
import socket
import ssl
import struct
import threading
import time

import pytest

from support.authorities import IN_SOME_DAYS, IN_SOME_WEEKS, LONG_AGO, SOME_DAYS_AGO, Authorities
from support.hello import (ACCESS_DENIED, INTERNAL_ERROR, RECORD_APPLICATION, client_hello, groups_and_signatures,
                           hello_for, key_share, read_to_end, record, records, server_name, supported_versions, vector)
from support.policy import insert, quote, set_setting
from support.process import Deadline, eventually
from support.tls import (GREETING, TLS12, TLS13, bytes_through, client_context, greet, greeting_through, hello_of,
                         server_context)

NAME = "api.example.com"
SERVER, OTHER_SERVER = "127.0.0.2", "127.0.0.4"


class World:
    """One root that Pinhole trusts and another that it does not, each with certificates below it."""

    def __init__(self, directory):
        self.maker = Authorities(directory)
        self.root, self.stranger = self.maker.root(), self.maker.root("Stranger")
        self.intermediate = self.maker.intermediate(self.root)
        self.right = self.maker.server(self.intermediate)
        self.rsa = self.maker.server(self.intermediate, key="rsa")
        self.untrusted = self.maker.server(self.stranger)
        self.wrong_name = self.maker.server(self.root, names=["*.example.net"])
        self.expired = self.maker.server(self.root, dates=(LONG_AGO, SOME_DAYS_AGO))
        self.not_yet = self.maker.server(self.root, dates=(IN_SOME_DAYS, IN_SOME_WEEKS))
        self.self_signed = self.maker.server(None)
        self.client = self.maker.client(self.root)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def start(launch, make_policy, authority, at_gate, gate_port, world):
    """Starts Pinhole with one rule for NAME, whose `pins` are (SPKI, columns) pairs."""
    def launch_it(pins=(), settings=(), addresses=(SERVER,), target=NAME, **columns):
        authority.zone["*"] = list(addresses)
        policy = make_policy([])
        statements = "".join(f"INSERT INTO pin (rule_id, spki_sha256{''.join(', ' + key for key in more)})"
                             f" VALUES (1, {quote(pin)}{''.join(', ' + quote(value) for value in more.values())});"
                             for pin, more in pins)
        rule = insert(at_gate(target), **{"id": 1, "verify": "chain", **columns})
        policy.sql("BEGIN;" + rule.replace(quote("pin-only"), quote("chain")) + statements
                   + f"UPDATE rule SET verify = {quote(columns.get('verify', 'chain'))} WHERE id = 1;"
                   + "".join(set_setting(*setting) for setting in settings) + "COMMIT;")
        return launch(policy, authority.endpoint, gate_port=gate_port,
                      arguments=["--ca-file", world.root.certificate]), policy
    return launch_it


def assert_refused(pinhole, reason, alert=ACCESS_DENIED, context=None, name=NAME):
    """One alert and nothing else reached the client; the log says why."""
    mark = pinhole.log.mark()
    ending = bytes_through(pinhole.gate, name, context)
    assert ending.alert == alert, ending
    return pinhole.log.wait(since=mark, event="connection", reason=reason)[0]


def assert_passes(pinhole, context=None, proof=None, name=NAME):
    mark = pinhole.log.mark()
    greeting, seen = greeting_through(pinhole.gate, name, context)
    assert greeting == GREETING
    line = pinhole.log.wait(since=mark, event="connection", reason="allowed")[0]
    if proof:
        assert line["proof"] == proof
    return line, seen


VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["tls12", "tls13"])


@pytest.mark.quick
@VERSIONS
def test_right_certificate(start, tcp_server, world, version):
    tcp_server(greet(server_context(world.right, version=version)))
    pinhole, _ = start()
    proof = "check" if version == TLS13 else "handshake"
    for _ in range(2):  # cold, then warm
        line, _ = assert_passes(pinhole, client_context(world.root), proof)
        assert line["verify"] == "chain"


@pytest.mark.quick
@VERSIONS
@pytest.mark.parametrize("which, reason", [("untrusted", "certificate_untrusted"), ("self_signed", "certificate_untrusted"),
                                           ("wrong_name", "certificate_wrong_name"), ("expired", "certificate_expired"),
                                           ("not_yet", "certificate_not_yet_valid")])
def test_wrong_certificate(start, tcp_server, world, version, which, reason):
    issued = getattr(world, which)
    tcp_server(greet(server_context(issued, version=version)))
    pinhole, _ = start()
    for _ in range(2):
        line = assert_refused(pinhole, reason)
        assert "a server" in line["certificate_subject"]
        assert issued.pin in line["certificate_pins"].split(",")


def test_sql_of_the_log_accepts_the_certificate(start, tcp_server, world):
    tcp_server(greet(server_context(world.self_signed)))
    pinhole, policy = start()
    line = assert_refused(pinhole, "certificate_untrusted")
    policy.sql(f"BEGIN; {line['accept']} COMMIT;")
    pinhole.log.wait(event="policy_loaded", how="changes")
    line, _ = assert_passes(pinhole)
    assert line["verify"] == "pin-only"


def test_missing_intermediate(start, tcp_server, world):
    alone = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    alone.load_cert_chain(world.right.certificate, world.right.key)
    tcp_server(greet(alone))
    assert_refused(start()[0], "certificate_untrusted")


@pytest.mark.quick
@VERSIONS
def test_demand_for_a_client_certificate_is_no_fault(start, tcp_server, world, version):
    """The check ends before the server learns that it has none; the client has one."""
    tcp_server(greet(server_context(world.right, version=version, client_root=world.root)))
    pinhole, _ = start()
    client = client_context(world.root)
    client.load_cert_chain(world.client.certificate, world.client.key)
    assert_passes(pinhole, client)


@pytest.mark.quick
@pytest.mark.parametrize("ciphers, version", [("ECDHE-RSA-AES128-GCM-SHA256", TLS12), ("ECDHE-ECDSA-AES128-GCM-SHA256", TLS12),
                                              (None, TLS13)], ids=["rsa", "ecdsa", "either"])
def test_rsa_and_ecdsa_side_by_side(start, tcp_server, world, ciphers, version):
    tcp_server(greet(server_context(world.right, world.rsa)))
    pinhole, _ = start()
    assert_passes(pinhole, client_context(world.root, version, ciphers))


def test_class_of_the_hello_decides_which_certificate_is_checked(start, tcp_server, world):
    """Its RSA certificate is the wrong one; who is shown that is refused, the others are not."""
    wrong = world.maker.server(world.stranger, key="rsa")
    tcp_server(greet(server_context(world.right, wrong, version=TLS12)))
    pinhole, _ = start()
    assert_passes(pinhole, client_context(world.root, TLS12, "ECDHE-ECDSA-AES128-GCM-SHA256"))
    assert_refused(pinhole, "certificate_untrusted", context=client_context(None, TLS12, "ECDHE-RSA-AES128-GCM-SHA256"))


# Pins

@pytest.mark.quick
@pytest.mark.parametrize("pinned", ["right", "intermediate", "root"])
def test_pin_in_the_chain(start, tcp_server, world, pinned):
    tcp_server(greet(server_context(world.right)))
    pinhole, _ = start(pins=[(getattr(world, pinned).pin, {})])
    assert_passes(pinhole, client_context(world.root))


@pytest.mark.quick
def test_pin_of_another(start, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start(pins=[(world.stranger.pin, {})])
    line = assert_refused(pinhole, "pin_mismatch")
    policy.sql(f"BEGIN; {line['accept']} COMMIT;")
    pinhole.log.wait(event="policy_loaded", how="changes")
    assert_passes(pinhole, client_context(world.root))


@pytest.mark.quick
@VERSIONS
def test_padding_with_a_pinned_certificate_counts_for_nothing(start, tcp_server, world, version):
    tcp_server(greet(server_context(world.right, version=version, padding=[world.stranger])))
    assert_refused(start(pins=[(world.stranger.pin, {})])[0], "pin_mismatch")


def test_both_kinds_of_key_must_satisfy_the_pins(start, tcp_server, world):
    """The client takes RSA and ECDSA; the server has both, of which one misses the pin."""
    rsa = world.maker.server(world.root, key="rsa")
    tcp_server(greet(server_context(world.right, rsa)))
    pinhole, policy = start(pins=[(world.intermediate.pin, {})])
    assert_refused(pinhole, "pin_mismatch")
    policy.sql(f"INSERT INTO pin (rule_id, spki_sha256) VALUES (1, {quote(rsa.pin)});")
    pinhole.log.wait(event="policy_loaded", how="changes")
    assert_passes(pinhole, client_context(world.root))


def test_reporting_pin_refuses_nothing_and_is_reported(start, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, _ = start(pins=[(world.stranger.pin, {"mode": "report"})])
    assert_passes(pinhole, client_context(world.root))
    assert pinhole.log.wait(event="certificate", reason="pin_mismatch")[0]["name"] == NAME


def test_expired_pins_fail_closed(start, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start(pins=[(world.root.pin, {"expires_at": 1_500_000_000})])
    line = assert_refused(pinhole, "pins_expired")
    policy.sql(f"BEGIN; {line['accept']} COMMIT;")
    pinhole.log.wait(event="policy_loaded", how="changes")
    assert_passes(pinhole, client_context(world.root))


@pytest.mark.quick
@pytest.mark.parametrize("which", ["self_signed", "untrusted", "wrong_name", "expired"])
def test_pin_only_by_the_servers_own_key(start, tcp_server, world, which):
    issued = getattr(world, which)
    tcp_server(greet(server_context(issued)))
    assert_passes(start(verify="pin-only", pins=[(issued.pin, {})])[0])


def test_pin_only_by_an_authority_that_is_presented(start, tcp_server, world):
    """The stranger's root is sent along; name and dates count then."""
    tcp_server(greet(server_context(world.untrusted, padding=[world.stranger])))
    assert_passes(start(verify="pin-only", pins=[(world.stranger.pin, {})])[0])


def test_pin_only_by_an_authority_of_another_name(start, tcp_server, world):
    wrong = world.maker.server(world.stranger, names=["*.example.net"])
    tcp_server(greet(server_context(wrong, padding=[world.stranger])))
    assert_refused(start(verify="pin-only", pins=[(world.stranger.pin, {})])[0], "certificate_wrong_name")


def test_pin_only_by_an_authority_that_is_merely_presented(start, tcp_server, world):
    tcp_server(greet(server_context(world.self_signed, padding=[world.stranger])))
    assert_refused(start(verify="pin-only", pins=[(world.stranger.pin, {})])[0], "pin_mismatch")


# Servers that behave badly

@pytest.mark.quick
def test_server_that_hangs_in_the_handshake(start, tcp_server):
    tcp_server(read_to_end)
    assert_refused(start()[0], "probe_failed", INTERNAL_ERROR)


def test_server_without_tls(start, tcp_server):
    def speak_first(connection):
        connection.sendall(b"220 hello\r\n")
        return read_to_end(connection)

    tcp_server(speak_first)
    assert_refused(start()[0], "probe_failed", INTERNAL_ERROR)


def test_replayed_certificate_without_its_key(start, tcp_server, world, gate_port):
    """The check sees the real server; the client's connection gets an earlier flight of it."""
    tcp_server(greet(server_context(world.right, version=TLS12)), addresses=(OTHER_SERVER,))
    with socket.create_connection((OTHER_SERVER, gate_port), Deadline(10).left()) as real:
        real.sendall(hello_of(NAME))
        earlier = b""
        while b"\x0e\0\0\0" not in earlier[-16:]:  # ServerHelloDone
            earlier += real.recv(65536)
    own_hello = hello_of(NAME)

    def impostor(connection):
        hello = connection.recv(65536)
        if hello == own_hello:
            connection.sendall(earlier)
            return read_to_end(connection)
        with socket.create_connection((OTHER_SERVER, gate_port), Deadline(10).left()) as real:
            return pump(connection, real, hello)

    tcp_server(impostor)
    pinhole, _ = start()
    mark = pinhole.log.mark()
    with pinhole.connect() as client:
        client.sendall(own_hello)
        assert read_to_end(client).alert == ACCESS_DENIED
    pinhole.log.wait(since=mark, event="connection", reason="certificate_unproven")


def pump(left, right, first=b""):
    """Bytes both ways until one side ends."""
    def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    right.sendall(first)
    back = threading.Thread(target=copy, args=(right, left))
    back.start()
    copy(left, right)
    back.join()
    return True


def test_attacker_that_relays_the_check_passes_under_tls13(start, tcp_server, world, gate_port):
    """What can't be seen from here: docs/pinning.md says so. The client's own check stops it."""
    tcp_server(greet(server_context(world.right)), addresses=(OTHER_SERVER,))
    own_hello, impostor = hello_of(NAME), greet(server_context(world.untrusted))

    def attacker(connection):
        if connection.recv(65536, socket.MSG_PEEK) == own_hello:
            return impostor(connection)
        with socket.create_connection((OTHER_SERVER, gate_port), Deadline(10).left()) as real:
            return pump(connection, real)

    tcp_server(attacker)
    pinhole, _ = start()
    with pinhole.connect() as client:
        client.sendall(own_hello)
        client.settimeout(Deadline(10).left())
        assert client.recv(100)[:6] == b"\x16\3\3\0\x7a\2"  # the impostor's ServerHello


def test_server_that_was_swapped_since_the_check(start, tcp_server, world):
    """Under TLS 1.2 the certificate that passes is the one that counts."""
    contexts = [server_context(world.right, version=TLS12), server_context(world.untrusted, version=TLS12)]
    tcp_server(lambda connection: greet(contexts[0])(connection))
    pinhole, _ = start()
    assert_passes(pinhole, client_context(world.root))
    contexts.pop(0)
    assert_refused(pinhole, "certificate_untrusted")


def test_bad_verdict_on_one_address_moves_on_to_the_next(start, tcp_server, world):
    tcp_server(greet(server_context(world.untrusted)))
    tcp_server(greet(server_context(world.right)), addresses=(OTHER_SERVER,))
    pinhole, _ = start(addresses=(SERVER, OTHER_SERVER))
    for _ in range(4):
        line, _ = assert_passes(pinhole, client_context(world.root))
        assert line["upstream"].startswith(OTHER_SERVER)


# Resumption

@pytest.mark.quick
@pytest.mark.parametrize("setting", ["allow", "deny"])
@pytest.mark.parametrize("ticket", [True, False], ids=["ticket", "session-id"])
def test_resumption_in_tls12(start, tcp_server, world, setting, ticket):
    server = server_context(world.right, version=TLS12)
    if not ticket:
        server.options |= ssl.OP_NO_TICKET
    tcp_server(greet(server))
    pinhole, _ = start(settings=[("resumption", setting)])
    client = client_context(world.root, TLS12)
    _, (session, _, _, _) = greeting_through(pinhole.gate, NAME, client)
    if setting == "allow":
        greeting, (_, was_reused, _, _) = greeting_through(pinhole.gate, NAME, client, session)
        assert was_reused and greeting == GREETING
        pinhole.log.wait(event="connection", proof="resumed")
    else:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            greeting_through(pinhole.gate, NAME, client, session)
        pinhole.log.wait(event="connection", reason="resumption_denied")


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
def test_thousand_clients_at_once_cause_one_check(start, tcp_server, world, cold_start):
    checks = Checks(server_context(world.right))
    tcp_server(checks.handle)
    pinhole, _ = start(settings=[("cold_start", cold_start)])
    checks.hellos = {hello_of(NAME) for _ in range(1000)}
    with contextlib.ExitStack() as stack:
        for hello in checks.hellos:
            client = stack.enter_context(pinhole.connect())
            client.sendall(hello)
        if cold_start == "parallel":
            for _ in checks.hellos:
                assert checks.clients.acquire(timeout=Deadline(30).left())
        checks.may_check.set()
        if cold_start == "serial":
            for _ in checks.hellos:
                assert checks.clients.acquire(timeout=Deadline(30).left())
    assert checks.checks == 1


def test_serial_sends_nothing_before_the_verdict(start, tcp_server, world):
    checks = Checks(server_context(world.untrusted))
    checks.may_check.set()
    tcp_server(checks.handle)
    pinhole, _ = start(settings=[("cold_start", "serial")])
    own_hello = hello_of(NAME)
    checks.hellos = {own_hello}
    with pinhole.connect() as client:
        client.sendall(own_hello)
        assert read_to_end(client).alert == ACCESS_DENIED
    assert not checks.clients.acquire(blocking=False)


# While the check is under way

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
HELLO, CHANGE, EARLY = records(hello_for(NAME.encode())), record(20, b"\x01"), record(RECORD_APPLICATION, b"early" * 200)
SECOND = records(client_hello(server_name(NAME.encode()) + groups_and_signatures() + supported_versions() + key_share(24, 97)))


def server_hello(random):
    body = b"\x03\x03" + random + vector(1, b"") + b"\x13\x01\x00" + vector(2, b"\x00\x2b\x00\x02\x03\x04")
    return records(b"\x02" + vector(3, body))


RETRY, ANSWER = server_hello(RETRY_RANDOM), server_hello(b"r" * 32)


def receive(connection, size):
    """Up to `size` bytes: fewer at the end alone."""
    connection.settimeout(Deadline(20).left())
    data = b""
    while len(data) < size and (piece := connection.recv(size - len(data))):
        data += piece
    return data


@pytest.fixture
def cold(start, tcp_server, world):
    """Pinhole and a server whose check is held up until `may_check` is set; it shows the certificate of that name.
    `serve` is given the client of HELLO."""
    def begin(which, serve, **more):
        checks = Checks(server_context(getattr(world, which)), [HELLO], serve)
        checks.server = tcp_server(checks.handle)
        return start(**more)[0], checks
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


# Whose name counts

@pytest.mark.parametrize("elsewhere", [OTHER_SERVER, "real.example.net"])
@pytest.mark.parametrize("which, reason", [("right", None), ("wrong_name", "certificate_wrong_name")])
def test_the_rules_name_counts_wherever_it_connects(start, tcp_server, world, elsewhere, which, reason):
    """The wrong one is right for the host that is dialled."""
    tcp_server(greet(server_context(getattr(world, which))), addresses=(OTHER_SERVER,))
    pinhole, _ = start(addresses=(OTHER_SERVER,), connect_to=elsewhere)
    if reason:
        assert_refused(pinhole, reason)
    else:
        line, _ = assert_passes(pinhole, client_context(world.root))
        assert line["upstream"].startswith(OTHER_SERVER)


@pytest.mark.quick
def test_under_a_wildcard_each_name_is_checked_by_itself(start, tcp_server, world):
    tcp_server(greet(server_context(world.maker.server(world.root, names=["a.example.com"]))))
    pinhole, _ = start(target="*.example.com")
    for _ in range(2):
        assert_passes(pinhole, client_context(world.root), name="a.example.com")
        assert_refused(pinhole, "certificate_wrong_name", name="b.example.com")


def test_what_passes_without_a_rule_is_not_checked(start, tcp_server, world):
    server = tcp_server(greet(server_context(world.untrusted)))
    pinhole, policy = start(target="other.example.com")
    policy.sql("UPDATE client_group SET mode = 'observe' WHERE name = 'any';")
    pinhole.log.wait(event="policy_loaded", how="changes")
    greeting, _ = greeting_through(pinhole.gate, NAME)
    assert greeting == GREETING
    line, = pinhole.log.wait(event="connection", reason="observed")
    assert line["verify"] == "none" and server.accepted == 1


# Limits

@pytest.mark.quick
@pytest.mark.parametrize("setting, is_for_all", [("max_probes", True), ("max_probes_per_address", True),
                                                 ("max_probes_per_client", False)])
def test_limits_of_first_checks(start, tcp_server, world, setting, is_for_all):
    """One check is under way for one client; for a second name the same client gets none, nor does another where the
    limit is not the client's. Whoever waits for the first check needs none. (Clients send nothing before a verdict
    here, so what comes first is a check.)"""
    checks = Checks(server_context(world.right))
    tcp_server(checks.handle)
    pinhole, _ = start(target="*.example.com", settings=[(setting, "1"), ("cold_start", "serial")])
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

def test_check_is_renewed_ahead_of_its_end_while_it_is_used(start, tcp_server, world):
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
    ends_s = int(time.time()) + 10
    pinhole, _ = start(target="*.example.com", pins=[(world.root.pin, {}), (world.intermediate.pin, {"expires_at": ends_s})])
    context = client_context(world.root)
    assert_passes(pinhole, context, name=unused)
    mark = pinhole.log.mark()

    def has_pin_ended():
        assert_passes(pinhole, context, name=used)
        return time.time() > ends_s

    eventually(has_pin_ended, 30, "the pin expires")
    pinhole.log.wait(since=mark, event="policy_loaded")
    of_used = [came_s for name, came_s in checked if name == used]
    assert any(of_used[0] + 5 < came_s < ends_s for came_s in of_used), (ends_s, of_used)
    assert len([name for name, _ in checked if name == unused]) <= 2  # one of each kind of key


@pytest.mark.quick
def test_certificate_that_expires_soon_is_told(start, tcp_server, world):
    soon = world.maker.server(world.root, dates=(SOME_DAYS_AGO, "+5"))
    tcp_server(greet(server_context(soon)))
    pinhole, _ = start()
    assert_passes(pinhole, client_context(world.root))
    line, = pinhole.log.wait(event="certificate", reason="certificate_expires")
    assert line["name"] == NAME and line["days_left"] in (4, 5) and soon.pin in line["certificate_pins"]


@pytest.mark.parametrize("more, is_told", [([], True), (["stranger"], False)], ids=["the-last", "one-of-two"])
def test_pins_that_expire_soon_are_told(start, tcp_server, world, more, is_told):
    """Not while another is left."""
    expiring = (world.root.pin, {"expires_at": int(time.time()) + 5 * 86400 - 600})
    tcp_server(greet(server_context(world.right)))
    pinhole, _ = start(pins=[expiring, *((getattr(world, other).pin, {}) for other in more)])
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
def test_new_demands_end_connections_that_do_not_meet_them(start, tcp_server, world, statement, ends):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start()
    with socket.create_connection(pinhole.gate, Deadline(20).left()) as plain:
        with client_context(world.root).wrap_socket(plain, server_hostname=NAME) as client:
            assert client.recv(100) == GREETING
            policy.sql(statement.format(stranger=quote(world.stranger.pin), root=quote(world.root.pin)))
            pinhole.log.wait(event="policy_loaded", how="changes")
            if ends:
                pinhole.log.wait(event="connection", ended="revoked")
            else:
                client.sendall(b"x")
    if not ends:
        pinhole.log.wait(event="connection", ended="closed")


def test_connection_that_was_not_checked_ends_when_a_check_is_demanded(start, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start(verify="none")
    with socket.create_connection(pinhole.gate, Deadline(20).left()) as plain:
        with client_context(world.root).wrap_socket(plain, server_hostname=NAME) as client:
            assert client.recv(100) == GREETING
            policy.sql("UPDATE rule SET verify = 'chain' WHERE id = 1;")
            pinhole.log.wait(event="connection", ended="revoked")


def test_handshake_under_way_is_judged_by_the_new_demands(start, tcp_server, world):
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
    pinhole, policy = start()
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


def test_no_check_where_none_is_demanded(start, tcp_server, world):
    server = tcp_server(greet(server_context(world.untrusted)))
    pinhole, _ = start(verify="none")
    assert_passes(pinhole, proof=None)
    assert server.wait_results(1) == [True]
    assert server.accepted == 1


# pin_seen

def test_what_was_seen_can_be_pinned_by_one_statement(start, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start()
    assert_passes(pinhole, client_context(world.root))
    query = f"SELECT * FROM pin_seen WHERE hostname = {quote(NAME)};"
    seen = eventually(lambda: rows if len(rows := policy.rows(query)) == 3 else None, 20, "three certificates are written down")
    assert {row["spki_sha256"] for row in seen} == {world.right.pin, world.intermediate.pin, world.root.pin}
    policy.sql("INSERT INTO pin (rule_id, spki_sha256) SELECT 1, spki_sha256 FROM pin_seen"
               f" WHERE hostname = {quote(NAME)} AND place = 'root';")
    pinhole.log.wait(event="policy_loaded", how="changes")
    assert_passes(pinhole, client_context(world.root))
