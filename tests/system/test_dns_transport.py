"""What the resolver does with bytes: sizes, garbage, TCP streams, the address an answer comes from."""
import contextlib
import random
import socket

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from support.dns_client import (ask, dig, ede_of, framed, is_allowed, question, read_exactly, read_framed, tcp_socket,
                                udp_socket)
from support.policy import Policy
from support.process import Deadline, run

pytestmark = pytest.mark.quick

LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
GATE_ADDRESSES = [f"192.0.2.{n}" for n in range(1, 9)]


@pytest.fixture(scope="module")
def policy(tmp_path_factory, at_gate):
    directory = tmp_path_factory.mktemp("transport")
    return Policy(directory / "policy.db", [at_gate("api.example.com"), at_gate("**.d.example"), at_gate(LONGEST)])


@pytest.fixture(scope="module")
def pinhole(module_launch, policy, gate_port):
    arguments = [word for address in GATE_ADDRESSES for word in ("--gate-address", address)]
    return module_launch(policy, gate_port=gate_port, arguments=arguments)


def assert_serves(pinhole):
    answer = ask(pinhole.dns, "api.example.com")
    assert sorted(record.address for record in answer.answer[0]) == GATE_ADDRESSES


@pytest.mark.parametrize("edns_size", [None, 512, 4096])
@pytest.mark.parametrize("name, rcode", [(LONGEST, dns.rcode.NOERROR), ("x" + LONGEST[1:], dns.rcode.NXDOMAIN)])
def test_udp_answer_for_the_longest_name_fits_in_512_bytes(pinhole, edns_size, name, rcode):
    options = {} if edns_size is None else {"use_edns": 0, "payload": edns_size}
    with udp_socket(pinhole.dns) as client:
        client.send(question(name, **options).to_wire())
        wire = client.recv(65535)
    answer = dns.message.from_wire(wire)
    assert len(wire) <= 512
    assert answer.rcode() == rcode
    assert not answer.flags & dns.flags.TC
    if rcode == dns.rcode.NOERROR:
        assert len(answer.answer[0]) == len(GATE_ADDRESSES)
    else:
        assert len(answer.authority) == 1
        assert (ede_of(answer) is not None) == (edns_size is not None)


def test_garbage_leaves_it_serving(pinhole):
    chance = random.Random(5)
    good = question("api.example.com", use_edns=0).to_wire()
    packets = [good[:size] for size in range(len(good))]
    packets += [chance.randbytes(chance.randrange(1, 600)) for _ in range(300)]
    for _ in range(300):
        changed = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        packets.append(bytes(changed))
    with udp_socket(pinhole.dns) as client:
        for number, packet in enumerate(packets):
            client.send(packet)
            if number % 50 == 0:  # else the socket's buffer might be full, and drop the good question as well
                assert_serves(pinhole)
    assert_serves(pinhole)


def test_packet_without_a_whole_header_gets_nothing(pinhole):
    good = question("api.example.com")
    with udp_socket(pinhole.dns) as client:
        for size in range(12):
            client.send(good.to_wire()[:size])
        client.send(good.to_wire())
        assert dns.message.from_wire(client.recv(4096)).id == good.id


def test_response_gets_nothing(pinhole):
    """Two servers that answer each other's answers would never stop."""
    response, good = question("api.example.com"), question("api.example.com")
    response.id, good.id = 1, 2
    response.flags |= dns.flags.QR
    with udp_socket(pinhole.dns) as client:
        client.send(response.to_wire())
        client.send(good.to_wire())
        assert dns.message.from_wire(client.recv(4096)).id == good.id


@pytest.mark.parametrize("what, wire", [
    ("no question", question("api.example.com").to_wire()[:4] + bytes(8)),
    ("two questions", b"\x12\x34\x01\0\0\2\0\0\0\0\0\0" + 2 * b"\1x\0\0\1\0\1"),
    ("compression pointer to itself", b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"),
    ("label of a reserved kind", b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x80\0\0\1\0\1"),
    ("name that is cut", b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x05abc"),
    ("two OPT records", b"\x12\x34\x01\0\0\1\0\0\0\0\0\2\1x\0\0\1\0\1" + 2 * b"\0\0\x29\x10\0\0\0\0\0\0\0"),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_malformed_query_is_formerr(pinhole, what, wire):
    with udp_socket(pinhole.dns) as client:
        client.send(wire)
        answer = client.recv(4096)
    assert answer[:2] == wire[:2]
    assert answer[2] & 0x80
    assert answer[3] & 0x0F == dns.rcode.FORMERR, what


def test_name_with_odd_bytes_is_denied_and_logged_escaped(launch, policy, gate_port):
    pinhole = launch(policy, gate_port=gate_port)
    answer = ask(pinhole.dns, "evil\\010\\\"\\032event=x.example.com", use_edns=0)
    assert answer.rcode() == dns.rcode.NXDOMAIN
    line, = pinhole.log.wait(event="query_denied")
    assert "\n" not in line["name"]
    assert "\n" not in ede_of(answer)[1]


def test_many_queries_in_one_tcp_stream(pinhole):
    """RFC 7766 6.2.1.1: answers may come in any order, but all come."""
    queries = [question("api.example.com" if n % 2 else "other.org") for n in range(1000)]
    for number, query in enumerate(queries):
        query.id = number
    with tcp_socket(pinhole.dns) as client:
        pending = b"".join(framed(query.to_wire()) for query in queries)
        sent, answers = 0, {}
        client.setblocking(True)
        client.settimeout(Deadline(20).left())
        while len(answers) < len(queries):
            if sent < len(pending):
                sent += client.send(pending[sent:sent + 4096])
                if sent < len(pending) // 2:
                    continue
            answer = read_framed(client)
            answers[answer.id] = answer
    for query in queries:
        assert (answers[query.id].rcode() == dns.rcode.NOERROR) == (query.id % 2 == 1)


def test_tcp_query_byte_by_byte(pinhole):
    query = question("api.example.com")
    with tcp_socket(pinhole.dns) as client:
        for byte in framed(query.to_wire()):
            client.send(bytes([byte]))
        answer = read_framed(client)
    assert answer.id == query.id
    assert len(answer.answer[0]) == len(GATE_ADDRESSES)


def test_tcp_client_that_stops_writing_still_gets_its_answers(pinhole):
    with tcp_socket(pinhole.dns) as client:
        client.sendall(framed(question("api.example.com").to_wire()) * 3)
        client.shutdown(socket.SHUT_WR)
        for _ in range(3):
            assert read_framed(client).rcode() == dns.rcode.NOERROR
        assert client.recv(1) == b""


def test_dig_asks_twice_over_one_connection(pinhole):
    server = [f"@{pinhole.dns[0]}", "-p", str(pinhole.dns[1]), "+tcp", "+keepopen"]
    done = run(["dig", *server, "api.example.com", *server, "other.org"])
    assert "status: NOERROR" in done.stdout and "status: NXDOMAIN" in done.stdout
    assert "Connection to" not in done.stdout, done.stdout


def test_tcp_keepalive_is_told_to_those_who_ask(pinhole):
    """RFC 7828 3.3.2; the time is in units of 100 ms."""
    with tcp_socket(pinhole.dns) as client:
        client.sendall(framed(question("api.example.com", use_edns=0,
                                       options=[dns.edns.GenericOption(11, b"")]).to_wire()))
        option, = [option for option in read_framed(client).options if option.otype == 11]
        assert option.data == (100).to_bytes(2, "big")
        client.sendall(framed(question("api.example.com", use_edns=0).to_wire()))
        assert 11 not in [option.otype for option in read_framed(client).options]


def test_tcp_length_and_message_come_in_one_segment(pinhole):
    """RFC 7766 8"""
    with tcp_socket(pinhole.dns) as client:
        client.sendall(framed(question("api.example.com").to_wire()))
        data = client.recv(65535)
    assert len(data) == 2 + int.from_bytes(data[:2], "big")


def test_tcp_client_that_does_not_read_is_not_read_from(pinhole):
    """Then it reads, and has all its answers."""
    query = framed(question("other.org").to_wire())
    with tcp_socket(pinhole.dns) as client:
        client.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 50_000_000:
                sent += client.send(query * 10)
        assert sent < 50_000_000, "somebody keeps megabytes"
        client.settimeout(Deadline(20).left())
        for _ in range(sent // len(query)):
            size = int.from_bytes(read_exactly(client, 2), "big")
            assert read_exactly(client, size)[:2] == query[2:4]


def test_tcp_garbage_harms_nobody_else(pinhole):
    for wire in (b"\0\0", b"\0\1x", b"\xff\xff" + bytes(5000), framed(bytes(11)), b"GET / HTTP/1.0\r\n\r\n"):
        with tcp_socket(pinhole.dns) as client:
            client.sendall(wire)
    with tcp_socket(pinhole.dns) as client:
        client.sendall(framed(question("api.example.com").to_wire()))
        assert read_framed(client).rcode() == dns.rcode.NOERROR


def test_answer_leaves_from_the_address_that_was_asked(launch, policy, gate_port):
    pinhole = launch(policy, gate_port=gate_port, dns=["0.0.0.0:0"])
    for address in ("127.0.0.1", "127.0.0.5", "127.9.9.9"):
        for tcp in (False, True):  # ask() takes no answer from another address
            assert is_allowed((address, pinhole.dns[1]), "api.example.com", tcp=tcp)


@pytest.mark.isolated
def test_answer_leaves_from_the_ipv6_address_that_was_asked(launch, policy, gate_port):
    pinhole = launch(policy, gate_port=gate_port, dns=["[::]:0"])
    for address in ("::1", "fd00::9", "2606:4700::44"):
        assert is_allowed((address, pinhole.dns[1]), "api.example.com")


def test_several_listeners(launch, policy, gate_port):
    pinhole = launch(policy, gate_port=gate_port, dns=["127.0.0.1:0", "127.0.0.6:0"])
    assert len(pinhole.dns_endpoints) == 2
    for endpoint in pinhole.dns_endpoints:
        assert dig(endpoint, "api.example.com").addresses() == ["127.0.0.1"]


@pytest.mark.isolated
def test_addresses_of_one_ipv6_network_share_its_connections(launch, make_policy):
    """A host may have all of a /64, and would else have all the connections there are."""
    hosts, neighbour = [f"fd00:0:0:7::{n}" for n in range(1, 5)], "fd00:0:0:8::1"
    for address in [*hosts, neighbour]:
        assert run(["ip", "addr", "replace", f"{address}/128", "dev", "lo", "nodad"]).returncode == 0
    pinhole = launch(make_policy(), "127.0.0.9", dns=["[::1]:0"], workers=1)
    with contextlib.ExitStack() as stack:
        def connect(source):
            client = stack.enter_context(socket.create_connection(pinhole.dns, Deadline(5).left(), (source, 0)))
            client.settimeout(Deadline(10).left())
            return client

        for n in range(64):
            connect(hosts[n % len(hosts)])
        asked = framed(question("www.denied.example").to_wire())
        one_more, client = connect(hosts[0]), connect(neighbour)
        with contextlib.suppress(ConnectionError):
            one_more.sendall(asked)
            assert one_more.recv(1) == b""
        client.sendall(asked)
        assert read_framed(client).rcode() == dns.rcode.NXDOMAIN
