"""The server's certificate is checked before a byte of the server's reaches the client: which ones pass, and which don't."""
import contextlib
import socket
import ssl
import threading

import pytest

from support.checked import NAME, OTHER_SERVER, SERVER, assert_passes, assert_refused
from support.hello import ACCESS_DENIED, INTERNAL_ERROR, read_to_end
from support.policy import quote
from support.process import Deadline, eventually
from support.tls import GREETING, TLS12, TLS13, client_context, greet, greeting_through, hello_of, server_context

VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["tls12", "tls13"])


@pytest.mark.quick
@VERSIONS
def test_right_certificate(start_checking, tcp_server, world, version):
    tcp_server(greet(server_context(world.right, version=version)))
    pinhole, _ = start_checking()
    proof = "check" if version == TLS13 else "handshake"
    for _ in range(2):  # cold, then warm
        line, _ = assert_passes(pinhole, client_context(world.root), proof)
        assert line["verify"] == "chain"


@pytest.mark.quick
@VERSIONS
@pytest.mark.parametrize("which, reason", [("untrusted", "certificate_untrusted"), ("self_signed", "certificate_untrusted"),
                                           ("wrong_name", "certificate_wrong_name"), ("expired", "certificate_expired"),
                                           ("not_yet", "certificate_not_yet_valid")])
def test_wrong_certificate(start_checking, tcp_server, world, version, which, reason):
    issued = getattr(world, which)
    tcp_server(greet(server_context(issued, version=version)))
    pinhole, _ = start_checking()
    for _ in range(2):
        line = assert_refused(pinhole, reason)
        assert "a server" in line["certificate_subject"]
        assert issued.pin in line["certificate_pins"].split(",")


def test_sql_of_the_log_accepts_the_certificate(start_checking, tcp_server, world):
    tcp_server(greet(server_context(world.self_signed)))
    pinhole, policy = start_checking()
    line = assert_refused(pinhole, "certificate_untrusted")
    policy.sql(f"BEGIN; {line['accept']} COMMIT;")
    pinhole.log.wait(event="policy_loaded", how="changes")
    line, _ = assert_passes(pinhole)
    assert line["verify"] == "pin-only"


def test_missing_intermediate(start_checking, tcp_server, world):
    alone = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    alone.load_cert_chain(world.right.certificate, world.right.key)
    tcp_server(greet(alone))
    assert_refused(start_checking()[0], "certificate_untrusted")


@pytest.mark.quick
@VERSIONS
def test_demand_for_a_client_certificate_is_no_fault(start_checking, tcp_server, world, version):
    """The check ends before the server learns that it has none; the client has one."""
    tcp_server(greet(server_context(world.right, version=version, client_root=world.root)))
    pinhole, _ = start_checking()
    client = client_context(world.root)
    client.load_cert_chain(world.client.certificate, world.client.key)
    assert_passes(pinhole, client)


@pytest.mark.quick
@pytest.mark.parametrize("ciphers, version", [("ECDHE-RSA-AES128-GCM-SHA256", TLS12), ("ECDHE-ECDSA-AES128-GCM-SHA256", TLS12),
                                              (None, TLS13)], ids=["rsa", "ecdsa", "either"])
def test_rsa_and_ecdsa_side_by_side(start_checking, tcp_server, world, ciphers, version):
    tcp_server(greet(server_context(world.right, world.rsa)))
    pinhole, _ = start_checking()
    assert_passes(pinhole, client_context(world.root, version, ciphers))


def test_class_of_the_hello_decides_which_certificate_is_checked(start_checking, tcp_server, world):
    """Its RSA certificate is the wrong one; who is shown that is refused, the others are not."""
    wrong = world.maker.server(world.stranger, key="rsa")
    tcp_server(greet(server_context(world.right, wrong, version=TLS12)))
    pinhole, _ = start_checking()
    assert_passes(pinhole, client_context(world.root, TLS12, "ECDHE-ECDSA-AES128-GCM-SHA256"))
    assert_refused(pinhole, "certificate_untrusted", context=client_context(None, TLS12, "ECDHE-RSA-AES128-GCM-SHA256"))


# Pins

@pytest.mark.quick
@pytest.mark.parametrize("pinned", ["right", "intermediate", "root"])
def test_pin_in_the_chain(start_checking, tcp_server, world, pinned):
    tcp_server(greet(server_context(world.right)))
    pinhole, _ = start_checking(pins=[(getattr(world, pinned).pin, {})])
    assert_passes(pinhole, client_context(world.root))


@pytest.mark.quick
def test_pin_of_another(start_checking, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start_checking(pins=[(world.stranger.pin, {})])
    line = assert_refused(pinhole, "pin_mismatch")
    policy.sql(f"BEGIN; {line['accept']} COMMIT;")
    pinhole.log.wait(event="policy_loaded", how="changes")
    assert_passes(pinhole, client_context(world.root))


@pytest.mark.quick
@VERSIONS
def test_padding_with_a_pinned_certificate_counts_for_nothing(start_checking, tcp_server, world, version):
    tcp_server(greet(server_context(world.right, version=version, padding=[world.stranger])))
    assert_refused(start_checking(pins=[(world.stranger.pin, {})])[0], "pin_mismatch")


def test_both_kinds_of_key_must_satisfy_the_pins(start_checking, tcp_server, world):
    """The client takes RSA and ECDSA; the server has both, of which one misses the pin."""
    rsa = world.maker.server(world.root, key="rsa")
    tcp_server(greet(server_context(world.right, rsa)))
    pinhole, policy = start_checking(pins=[(world.intermediate.pin, {})])
    assert_refused(pinhole, "pin_mismatch")
    policy.sql(f"INSERT INTO pin (rule_id, spki_sha256) VALUES (1, {quote(rsa.pin)});")
    pinhole.log.wait(event="policy_loaded", how="changes")
    assert_passes(pinhole, client_context(world.root))


def test_reporting_pin_refuses_nothing_and_is_reported(start_checking, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, _ = start_checking(pins=[(world.stranger.pin, {"mode": "report"})])
    assert_passes(pinhole, client_context(world.root))
    assert pinhole.log.wait(event="certificate", reason="pin_mismatch")[0]["name"] == NAME


def test_expired_pins_fail_closed(start_checking, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start_checking(pins=[(world.root.pin, {"expires_at": 1_500_000_000})])
    line = assert_refused(pinhole, "pins_expired")
    policy.sql(f"BEGIN; {line['accept']} COMMIT;")
    pinhole.log.wait(event="policy_loaded", how="changes")
    assert_passes(pinhole, client_context(world.root))


@pytest.mark.quick
@pytest.mark.parametrize("which", ["self_signed", "untrusted", "wrong_name", "expired"])
def test_pin_only_by_the_servers_own_key(start_checking, tcp_server, world, which):
    issued = getattr(world, which)
    tcp_server(greet(server_context(issued)))
    assert_passes(start_checking(verify="pin-only", pins=[(issued.pin, {})])[0])


def test_pin_only_by_an_authority_that_is_presented(start_checking, tcp_server, world):
    """The stranger's root is sent along; name and dates count then."""
    tcp_server(greet(server_context(world.untrusted, padding=[world.stranger])))
    assert_passes(start_checking(verify="pin-only", pins=[(world.stranger.pin, {})])[0])


def test_pin_only_by_an_authority_of_another_name(start_checking, tcp_server, world):
    wrong = world.maker.server(world.stranger, names=["*.example.net"])
    tcp_server(greet(server_context(wrong, padding=[world.stranger])))
    assert_refused(start_checking(verify="pin-only", pins=[(world.stranger.pin, {})])[0], "certificate_wrong_name")


def test_pin_only_by_an_authority_that_is_merely_presented(start_checking, tcp_server, world):
    tcp_server(greet(server_context(world.self_signed, padding=[world.stranger])))
    assert_refused(start_checking(verify="pin-only", pins=[(world.stranger.pin, {})])[0], "pin_mismatch")


# Servers that behave badly

@pytest.mark.quick
def test_server_that_hangs_in_the_handshake(start_checking, tcp_server):
    tcp_server(read_to_end)
    assert_refused(start_checking()[0], "probe_failed", INTERNAL_ERROR)


def test_server_without_tls(start_checking, tcp_server):
    def speak_first(connection):
        connection.sendall(b"220 hello\r\n")
        return read_to_end(connection)

    tcp_server(speak_first)
    assert_refused(start_checking()[0], "probe_failed", INTERNAL_ERROR)


def test_replayed_certificate_without_its_key(start_checking, tcp_server, world, gate_port):
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
    pinhole, _ = start_checking()
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


def test_attacker_that_relays_the_check_passes_under_tls13(start_checking, tcp_server, world, gate_port):
    """What can't be seen from here: docs/pinning.md says so. The client's own check stops it."""
    tcp_server(greet(server_context(world.right)), addresses=(OTHER_SERVER,))
    own_hello, impostor = hello_of(NAME), greet(server_context(world.untrusted))

    def attacker(connection):
        if connection.recv(65536, socket.MSG_PEEK) == own_hello:
            return impostor(connection)
        with socket.create_connection((OTHER_SERVER, gate_port), Deadline(10).left()) as real:
            return pump(connection, real)

    tcp_server(attacker)
    pinhole, _ = start_checking()
    with pinhole.connect() as client:
        client.sendall(own_hello)
        client.settimeout(Deadline(10).left())
        assert client.recv(100)[:6] == b"\x16\3\3\0\x7a\2"  # the impostor's ServerHello


def test_server_that_was_swapped_since_the_check(start_checking, tcp_server, world):
    """Under TLS 1.2 the certificate that passes is the one that counts."""
    contexts = [server_context(world.right, version=TLS12), server_context(world.untrusted, version=TLS12)]
    tcp_server(lambda connection: greet(contexts[0])(connection))
    pinhole, _ = start_checking()
    assert_passes(pinhole, client_context(world.root))
    contexts.pop(0)
    assert_refused(pinhole, "certificate_untrusted")


def test_bad_verdict_on_one_address_moves_on_to_the_next(start_checking, tcp_server, world):
    tcp_server(greet(server_context(world.untrusted)))
    tcp_server(greet(server_context(world.right)), addresses=(OTHER_SERVER,))
    pinhole, _ = start_checking(addresses=(SERVER, OTHER_SERVER))
    for _ in range(4):
        line, _ = assert_passes(pinhole, client_context(world.root))
        assert line["upstream"].startswith(OTHER_SERVER)


# Resumption

@pytest.mark.quick
@pytest.mark.parametrize("setting", ["allow", "deny"])
@pytest.mark.parametrize("ticket", [True, False], ids=["ticket", "session-id"])
def test_resumption_in_tls12(start_checking, tcp_server, world, setting, ticket):
    server = server_context(world.right, version=TLS12)
    if not ticket:
        server.options |= ssl.OP_NO_TICKET
    tcp_server(greet(server))
    pinhole, _ = start_checking(settings=[("resumption", setting)])
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


# Whose name counts

@pytest.mark.parametrize("elsewhere", [OTHER_SERVER, "real.example.net"])
@pytest.mark.parametrize("which, reason", [("right", None), ("wrong_name", "certificate_wrong_name")])
def test_the_rules_name_counts_wherever_it_connects(start_checking, tcp_server, world, elsewhere, which, reason):
    """The wrong one is right for the host that is dialled."""
    tcp_server(greet(server_context(getattr(world, which))), addresses=(OTHER_SERVER,))
    pinhole, _ = start_checking(addresses=(OTHER_SERVER,), connect_to=elsewhere)
    if reason:
        assert_refused(pinhole, reason)
    else:
        line, _ = assert_passes(pinhole, client_context(world.root))
        assert line["upstream"].startswith(OTHER_SERVER)


@pytest.mark.quick
def test_under_a_wildcard_each_name_is_checked_by_itself(start_checking, tcp_server, world):
    tcp_server(greet(server_context(world.maker.server(world.root, names=["a.example.com"]))))
    pinhole, _ = start_checking(target="*.example.com")
    for _ in range(2):
        assert_passes(pinhole, client_context(world.root), name="a.example.com")
        assert_refused(pinhole, "certificate_wrong_name", name="b.example.com")


def test_what_passes_without_a_rule_is_not_checked(start_checking, tcp_server, world):
    server = tcp_server(greet(server_context(world.untrusted)))
    pinhole, policy = start_checking(target="other.example.com")
    policy.sql("UPDATE client_group SET mode = 'observe' WHERE name = 'any';")
    pinhole.log.wait(event="policy_loaded", how="changes")
    greeting, _ = greeting_through(pinhole.gate, NAME)
    assert greeting == GREETING
    line, = pinhole.log.wait(event="connection", reason="observed")
    assert line["verify"] == "none" and server.accepted == 1


# pin_seen

def test_what_was_seen_can_be_pinned_by_one_statement(start_checking, tcp_server, world):
    tcp_server(greet(server_context(world.right)))
    pinhole, policy = start_checking()
    assert_passes(pinhole, client_context(world.root))
    query = f"SELECT * FROM pin_seen WHERE hostname = {quote(NAME)};"
    seen = eventually(lambda: rows if len(rows := policy.rows(query)) == 3 else None, 20, "three certificates are written down")
    assert {row["spki_sha256"] for row in seen} == {world.right.pin, world.intermediate.pin, world.root.pin}
    policy.sql("INSERT INTO pin (rule_id, spki_sha256) SELECT 1, spki_sha256 FROM pin_seen"
               f" WHERE hostname = {quote(NAME)} AND place = 'root';")
    pinhole.log.wait(event="policy_loaded", how="changes")
    assert_passes(pinhole, client_context(world.root))
