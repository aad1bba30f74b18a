"""Internal zones: what is forwarded, what comes back, and that nothing else is ever forwarded."""
import socket
import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from support.dns_client import (EDE_BLOCKED, ask, ask_all, dig, ede_of, framed, question, read_exactly, read_framed, tcp_socket, udp_socket,
                                wire_question)
from support.policy import set_setting
from support.process import PINHOLE, Deadline, eventually, free_port, run
from support.zone_server import ZoneServer

ZONE = "cluster.local"
SERVICE = "web.shop.svc.cluster.local"
MANY = [f"10.{i // 250}.{i % 250}.7" for i in range(600)]
EDE_NO_REACHABLE_AUTHORITY, EDE_NETWORK_ERROR = 22, 23


@pytest.fixture
def zone_server():
    server = ZoneServer()
    server.negative_ttl = 0
    server.zone[SERVICE] = ["10.96.1.1", "fd00::1"]
    server.prepare("many.shop.svc.cluster.local", MANY)
    yield server
    server.stop()


@pytest.fixture
def policy(make_policy, at_gate):
    return make_policy([at_gate("api.example.com"), at_gate("**.wild.example"), at_gate("named.wild.example")])


@pytest.fixture
def start(launch, policy, authority, gate_port):
    def start(*zones, **options):
        arguments = [argument for zone in zones for argument in ("--internal-zone", zone)]
        return launch(policy, authority.endpoint, gate_port=gate_port, arguments=arguments, **options)
    return start


@pytest.fixture
def pinhole(start, zone_server):
    return start(f"{ZONE}={zone_server.endpoint}", workers=1)


def addresses(answer):
    return sorted(record.address for rrset in answer.answer for record in rrset if hasattr(record, "address"))


def aliases(answer):
    return [(rrset.name.to_text(), rrset[0].target.to_text()) for rrset in answer.answer
            if rrset.rdtype == dns.rdatatype.CNAME]


# What comes back.

@pytest.mark.quick
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_answer_comes_back(pinhole, zone_server, tcp):
    answer = ask(pinhole.dns, SERVICE, "A", tcp=tcp)
    assert (answer.rcode(), addresses(answer)) == (dns.rcode.NOERROR, ["10.96.1.1"])
    assert answer.answer[0].ttl == 60
    assert answer.flags & dns.flags.RA and not answer.flags & (dns.flags.AA | dns.flags.AD | dns.flags.TC)
    assert addresses(ask(pinhole.dns, SERVICE, "AAAA", tcp=tcp)) == ["fd00::1"]
    assert set(zone_server.asked(SERVICE)) == {"A", "AAAA"}


def test_case_of_the_question_is_kept(pinhole):
    dug = dig(pinhole.dns, "WEB.Shop.svc.CLUSTER.local", "A")
    assert (dug.status, dug.question, dug.addresses()) == ("NOERROR", "WEB.Shop.svc.CLUSTER.local.", ["10.96.1.1"])
    assert dug.answer[0][0] == "WEB.Shop.svc.CLUSTER.local."


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP, dns.rcode.NXDOMAIN])
def test_rcode_comes_back(pinhole, zone_server, rcode):
    """And is not asked for again; what takes a second to come is, so it is enough that one of three is not."""
    names = [f"odd{number}.cluster.local" for number in range(3)]
    for name in names:
        zone_server.zone[name] = rcode
        answer = ask(pinhole.dns, name, use_edns=0)
        assert (answer.rcode(), ede_of(answer)) == (rcode, None)
    assert ["A"] in [zone_server.asked(name) for name in names]


def test_question_goes_on_without_the_clients_options(pinhole, zone_server):
    options = [dns.edns.ECSOption("192.0.2.0", 24), dns.edns.GenericOption(65001, b"secret")]
    asked = question(SERVICE, "A", use_edns=0, want_dnssec=True, options=options, payload=4096)
    asked.flags |= dns.flags.CD
    asked.flags &= ~dns.flags.RD
    answer = dns.query.udp(asked, pinhole.dns[0], port=pinhole.dns[1], timeout=Deadline(5).left())
    assert answer.flags & dns.flags.CD and not answer.flags & dns.flags.RD and answer.ednsflags & dns.flags.DO
    went_on = zone_server.queries[-1]
    assert went_on.options == () or went_on.options == []
    assert went_on.flags & dns.flags.CD and not went_on.flags & dns.flags.RD and went_on.ednsflags & dns.flags.DO


@pytest.mark.quick
def test_extended_error_comes_back_alone(pinhole, zone_server):
    def edit(answer):
        answer.use_edns(0, options=[dns.edns.GenericOption(65001, b"hop by hop"), dns.edns.EDEOption(14, "not ready")])
    zone_server.edit = edit
    answer = ask(pinhole.dns, SERVICE, use_edns=0)
    assert ede_of(answer) == (14, "not ready")
    assert len(answer.options) == 1
    assert ask(pinhole.dns, SERVICE, use_edns=-1).edns == -1


@pytest.mark.parametrize("rdtype, rdata", [
    ("SRV", "0 50 80 web.shop.svc.cluster.local."), ("TXT", '"1.1.0"'), ("PTR", "Web.shop.svc.cluster.local."),
    ("MX", "10 mail.cluster.local."), ("NAPTR", '10 10 "s" "SIP+D2U" "" _sip._udp.cluster.local.'),
    ("TYPE65280", "\\# 3 010203"),
])
def test_record_of_any_type_comes_back(pinhole, zone_server, rdtype, rdata):
    zone_server.put("x.cluster.local", rdtype, f"x.cluster.local. 7 IN {rdtype} {rdata}")
    answer = ask(pinhole.dns, "x.cluster.local", rdtype)
    assert [rrset.to_text() for rrset in answer.answer] == [f"x.cluster.local. 7 IN {rdtype} {rdata}"]


def test_foreign_records_stay_behind(pinhole, zone_server):
    def edit(answer):
        for section in (answer.answer, answer.authority, answer.additional):
            section.append(dns.rrset.from_text("api.example.com.", 60, "IN", "A", "6.6.6.6"))
            section.append(dns.rrset.from_text("other.cluster.local.", 60, "IN", "A", "6.6.6.7"))
        answer.authority.append(dns.rrset.from_text("example.com.", 60, "IN", "SOA", "a. b. 1 1 1 1 1"))
    zone_server.edit = edit
    answer = ask(pinhole.dns, SERVICE)
    assert addresses(answer) == ["10.96.1.1"]
    assert (len(answer.answer), answer.authority, answer.additional) == (1, [], [])


# Sizes.

@pytest.mark.quick
def test_large_answer_is_cut_on_udp_and_whole_on_tcp(pinhole, zone_server):
    cut = ask(pinhole.dns, "many.shop.svc.cluster.local", use_edns=0, payload=4096)
    assert cut.flags & dns.flags.TC and not cut.answer
    whole = ask(pinhole.dns, "many.shop.svc.cluster.local", tcp=True)
    assert not whole.flags & dns.flags.TC and addresses(whole) == sorted(MANY)
    assert zone_server.tcp_count >= 2  # asked for again there, each time


def test_answer_is_cut_to_the_clients_size(pinhole, zone_server):
    zone_server.zone["some.cluster.local"] = MANY[:40]  # 700 bytes
    assert ask(pinhole.dns, "some.cluster.local", use_edns=-1).flags & dns.flags.TC
    assert ask(pinhole.dns, "some.cluster.local", use_edns=0, payload=600).flags & dns.flags.TC
    assert len(addresses(ask(pinhole.dns, "some.cluster.local", use_edns=0, payload=1232))) == 40
    assert zone_server.tcp_count == 0


@pytest.mark.quick
def test_large_answers_of_one_connection(pinhole, zone_server):
    """Small answers and many large ones, for a client that reads late and has little room."""
    huge = "huge.shop.svc.cluster.local"
    zone_server.prepare(huge, [f"10.{i // 250}.{i % 250}.7" for i in range(3500)])
    asked = [question(SERVICE if i < 8 else huge) for i in range(80)]  # 4 MB of answers: more than the kernel takes
    for i, query in enumerate(asked):
        query.id = i
    sizes = {}
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(Deadline(20).left())
        client.connect(pinhole.dns)
        client.sendall(b"".join(framed(query.to_wire()) for query in asked))
        for _ in asked:
            size, number = struct.unpack("!2H", read_exactly(client, 4))
            sizes[number] = size
            read_exactly(client, size - 2)
    assert {query.id: sizes[query.id] > 50000 for query in asked} == {i: i >= 8 for i in range(80)}


# Many who ask.

@pytest.mark.quick
def test_one_question_in_flight_for_all_who_wait(pinhole, zone_server):
    zone_server.hold(SERVICE)
    clients = [udp_socket(pinhole.dns) for _ in range(20)]
    for client in clients:
        client.send(question(SERVICE).to_wire())
    with tcp_socket(pinhole.dns) as leaver:
        leaver.sendall(framed(question(SERVICE).to_wire()))
        zone_server.wait_for(SERVICE)
        assert ask(pinhole.dns, "api.example.com").rcode() == dns.rcode.NOERROR  # all that came before has been read
    assert ask(pinhole.dns, "api.example.com", tcp=True).rcode() == dns.rcode.NOERROR
    assert len(zone_server.asked(SERVICE)) <= 3  # one, that is asked again where the machine is slow
    zone_server.release(SERVICE)
    for client in clients:
        with client:
            assert addresses(dns.message.from_wire(client.recv(4096))) == ["10.96.1.1"]


@pytest.mark.quick
def test_a_and_aaaa_in_parallel_on_one_socket(pinhole):
    with udp_socket(pinhole.dns) as client:
        client.send(question(SERVICE, "A").to_wire())
        client.send(question(SERVICE, "AAAA").to_wire())
        answers = [dns.message.from_wire(client.recv(4096)) for _ in range(2)]
    assert sorted(sum((addresses(answer) for answer in answers), [])) == ["10.96.1.1", "fd00::1"]


def test_one_client_takes_only_so_many_places(pinhole, zone_server):
    """One too many is told at once, and other clients have room."""
    for i in range(201):
        zone_server.hold(f"n{i}.cluster.local")
    with udp_socket(pinhole.dns) as client:
        for i in range(200):
            client.send(question(f"n{i}.cluster.local").to_wire())
        answer = ask(pinhole.dns, "n200.cluster.local", use_edns=0)
        assert (answer.rcode(), ede_of(answer)[0]) == (dns.rcode.SERVFAIL, 0)
        other = dns.query.udp(question(SERVICE), pinhole.dns[0], port=pinhole.dns[1], source="127.0.0.9",
                              timeout=Deadline(5).left())
        assert addresses(other) == ["10.96.1.1"]


# Aliases.

def test_alias_within_the_zone_is_followed(pinhole, zone_server):
    zone_server.put("www.cluster.local", "A", f"www.cluster.local. 9 IN CNAME {SERVICE}.", f"{SERVICE}. 60 IN A 10.96.1.1")
    answer = ask(pinhole.dns, "www.cluster.local")
    assert (aliases(answer), addresses(answer)) == ([("www.cluster.local.", SERVICE + ".")], ["10.96.1.1"])


@pytest.mark.quick
def test_alias_out_of_the_zone_to_an_allowed_name(pinhole, zone_server, authority):
    zone_server.put("db.cluster.local", "A", "db.cluster.local. 9 IN CNAME api.example.com.", "api.example.com. 60 IN A 6.6.6.6")
    zone_server.put("db.cluster.local", "TXT", "db.cluster.local. 9 IN CNAME api.example.com.", 'api.example.com. 60 IN TXT "x"')
    answer = ask(pinhole.dns, "db.cluster.local", use_edns=0)
    assert (answer.rcode(), ede_of(answer)) == (dns.rcode.NOERROR, None)
    assert (aliases(answer), addresses(answer)) == ([("db.cluster.local.", "api.example.com.")], ["127.0.0.1"])
    assert answer.answer[1].name.to_text() == "api.example.com."
    answer = ask(pinhole.dns, "db.cluster.local", "TXT")
    assert (answer.rcode(), len(answer.answer), len(answer.authority)) == (dns.rcode.NOERROR, 1, 1)
    assert authority.questions() == []


@pytest.mark.quick
def test_alias_out_of_the_zone_to_a_denied_name(pinhole, zone_server, authority):
    zone_server.put("db.cluster.local", "A", "db.cluster.local. 9 IN CNAME evil.example.", "evil.example. 60 IN A 6.6.6.6")
    answer = ask(pinhole.dns, "db.cluster.local", use_edns=0)
    assert (answer.rcode(), addresses(answer)) == (dns.rcode.NXDOMAIN, [])
    assert aliases(answer) == [("db.cluster.local.", "evil.example.")]
    assert ede_of(answer) == (EDE_BLOCKED, "evil.example is denied: no rule allows it.")
    assert len(answer.authority) == 1
    assert pinhole.log.wait(event="query_denied", name="evil.example", type="A")
    assert authority.questions() == []


def test_dname_out_of_the_zone(pinhole, zone_server):
    zone_server.put("a.old.cluster.local", "A", "old.cluster.local. 9 IN DNAME wild.example.",
                    "a.old.cluster.local. 9 IN CNAME a.wild.example.", "a.wild.example. 60 IN A 6.6.6.6")
    answer = ask(pinhole.dns, "a.old.cluster.local")
    assert [rrset.rdtype for rrset in answer.answer] == [dns.rdatatype.DNAME, dns.rdatatype.CNAME, dns.rdatatype.A]
    assert addresses(answer) == ["127.0.0.1"]


def test_alias_loop_is_a_failure(pinhole, zone_server):
    zone_server.put("a.cluster.local", "A", "a.cluster.local. 9 IN CNAME b.cluster.local.",
                    "b.cluster.local. 9 IN CNAME a.cluster.local.")
    answer = ask(pinhole.dns, "a.cluster.local", use_edns=0)
    assert (answer.rcode(), ede_of(answer)[0]) == (dns.rcode.SERVFAIL, 24)


# Servers that fail.

@pytest.mark.quick
def test_next_server_answers_for_one_that_is_down(start, zone_server):
    pinhole = start(f"{ZONE}=127.0.0.1:{free_port()}", f"{ZONE}={zone_server.endpoint}", workers=1)
    assert [addresses(ask(pinhole.dns, SERVICE)) for _ in range(5)] == 5 * [["10.96.1.1"]]
    line = pinhole.log.wait(event="zone_server_down", zone=ZONE)[0]
    assert line["zone_is_down"] == "no"


def test_zone_that_is_down_fails_at_once_and_comes_back(start):
    port = free_port()
    pinhole = start(f"{ZONE}=127.0.0.1:{port}", workers=1)
    answer = ask(pinhole.dns, SERVICE, use_edns=0)
    assert (answer.rcode(), ede_of(answer)[0]) == (dns.rcode.SERVFAIL, EDE_NETWORK_ERROR)
    assert pinhole.log.wait(event="zone_server_down", zone=ZONE, zone_is_down="yes")
    answer = ask(pinhole.dns, SERVICE, use_edns=0)
    assert (answer.rcode(), ede_of(answer)[0]) in [(dns.rcode.SERVFAIL, EDE_NO_REACHABLE_AUTHORITY),
                                                   (dns.rcode.SERVFAIL, EDE_NETWORK_ERROR)]
    server = ZoneServer(port=port)
    try:
        server.zone[SERVICE] = ["10.96.1.1"]
        eventually(lambda: addresses(ask(pinhole.dns, SERVICE)) == ["10.96.1.1"], 20, "the zone's server answers")
    finally:
        server.stop()
    assert pinhole.log.wait(event="zone_server_up", zone=ZONE, server=f"127.0.0.1:{port}")


def test_silent_server(start, zone_server):
    zone_server.silent = {"A"}
    pinhole = start(f"{ZONE}={zone_server.endpoint}", workers=1)
    answer = ask(pinhole.dns, SERVICE, use_edns=0, seconds=20)
    assert (answer.rcode(), ede_of(answer)[0]) == (dns.rcode.SERVFAIL, EDE_NO_REACHABLE_AUTHORITY)
    assert zone_server.asked(SERVICE) == ["A", "A", "A"]


def test_server_that_knows_no_edns(pinhole, zone_server):
    def edit(answer):
        if zone_server.queries[-1].edns >= 0:
            answer.set_rcode(dns.rcode.FORMERR)
            answer.answer.clear()
        answer.use_edns(-1)
    zone_server.edit = edit
    zone_server.zone.update({f"n{i}.cluster.local": [f"10.5.5.{i}"] for i in range(3)})
    assert [addresses(ask(pinhole.dns, f"n{i}.cluster.local", use_edns=0)) for i in range(3)] == [[f"10.5.5.{i}"] for i in range(3)]


# Names that search lists make.

def test_name_that_cannot_exist_is_not_asked_for(pinhole, zone_server):
    for name in ("api.example.com.shop", "a.b.c.d.e.shop", "_http._tcp.api.example.com.shop"):
        answer = ask(pinhole.dns, name + ".svc.cluster.local", use_edns=0)
        assert (answer.rcode(), ede_of(answer), len(answer.authority)) == (dns.rcode.NXDOMAIN, None, 1)
    for name in ("web.shop", "pod-1.web.shop", "_http._tcp.web.shop"):
        ask(pinhole.dns, name + ".svc.cluster.local")
    assert zone_server.names() == ["_http._tcp.web.shop.svc.cluster.local.", "pod-1.web.shop.svc.cluster.local.",
                                   "web.shop.svc.cluster.local."]
    assert not pinhole.log.find(event="query_denied")


@pytest.mark.quick
def test_missing_name_is_remembered(pinhole, zone_server):
    zone_server.negative_ttl = 30
    for rdtype in ("A", "AAAA", "A"):
        answer = ask(pinhole.dns, "api.example.com.cluster.local", rdtype)
        assert (answer.rcode(), len(answer.authority)) == (dns.rcode.NXDOMAIN, 1)
    assert set(zone_server.asked("api.example.com.cluster.local")) == {"A"}


def test_search_domain(pinhole, policy):
    policy.sql(set_setting("search_domains", "wild.example, corp.example"))
    eventually(lambda: ask(pinhole.dns, "api.example.com.wild.example").rcode() == dns.rcode.NXDOMAIN, 10,
               "the setting is in force")
    for name in ("api.example.com.corp.example", "x.wild.example"):
        answer = ask(pinhole.dns, name, use_edns=0)
        assert (answer.rcode(), ede_of(answer)) == (dns.rcode.NXDOMAIN, None)
    assert addresses(ask(pinhole.dns, "named.wild.example")) == ["127.0.0.1"]  # by a rule for that very name
    assert not pinhole.log.find(event="query_denied", name="api.example.com.corp.example")


# Nothing else is forwarded.

NOT_OF_THE_ZONE = ["evilcluster.local", "cluster.local.evil.com", "xcluster.local", "local", "cluster", "cluster.locals",
                   "svc.cluster.loca", "a.cluster.local.example.com", "api.example.com", "www.denied.example", "x.wild.example",
                   "4.3.2.1.in-addr.arpa", "1.0.0.10.in-addr.arpa", "b.a.9.8.ip6.arpa", "a" * 63 + "." + "b" * 63 + ".evil.com"]
ODD_LABELS = [[b"cluster.local"], [b"x.cluster", b"local"], [b"evil", b"cluster\0", b"local"], [b"cluster", b"local\0"],
              [b"\xff\xfe", b"local"], [b"a b", b"cluster", b"loc", b"al"], [], [b"\7cluster\5local"]]
TYPES = [1, 2, 5, 6, 10, 12, 15, 16, 28, 33, 35, 41, 43, 48, 64, 65, 99, 249, 250, 253, 254, 255, 256, 257, 32769, 65280, 65535]


def begins_something(packet, header):
    """True for a datagram and for a TCP connection's first packet: not for how an older one ends."""
    protocol = packet[9] if packet[0] >> 4 == 4 else packet[6]
    return protocol == socket.IPPROTO_UDP or (protocol == socket.IPPROTO_TCP and packet[header + 13] & 0x12 == 0x02)


class Sniffer:
    """Counts UDP datagrams and SYNs that are neither to nor from one port: whatever a question can begin with. Of other
    TCP segments, ICMP and ARP it says nothing, as those of earlier connections come when they like."""

    def __init__(self, port):
        self._port = port
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)

    def others(self):
        found = []
        while True:
            try:
                packet = self._socket.recv(65535)
            except BlockingIOError:
                self._socket.close()
                return found
            header = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
            if begins_something(packet, header) and self._port not in struct.unpack("!2H", packet[header:header + 4]):
                found.append(packet)


@pytest.mark.isolated
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_no_packet_leaves_for_a_name_of_no_zone(pinhole, zone_server, authority, tcp):
    wires = [question(name, rdtype).to_wire() for name in NOT_OF_THE_ZONE for rdtype in TYPES]
    wires += [wire_question(labels, rdtype) for labels in ODD_LABELS for rdtype in TYPES]
    wires += [question(SERVICE, "A", rdclass="CH").to_wire(), question(ZONE, "AXFR").to_wire()]
    sniffer = Sniffer(pinhole.dns[1])
    if tcp:
        with tcp_socket(pinhole.dns) as client:
            for wire in wires:
                client.sendall(framed(wire))
                read_framed(client)
    else:
        ask_all(pinhole.dns, wires, window=16)
    assert sniffer.others() == []
    sniffer = Sniffer(pinhole.dns[1])
    assert addresses(ask(pinhole.dns, SERVICE)) == ["10.96.1.1"]
    assert sniffer.others() != []  # it sees what leaves
    assert (zone_server.names(), authority.questions()) == ([SERVICE + "."], [])


# Which zone, and the command line.

def test_longest_zone_wins(start, zone_server):
    other = ZoneServer()
    try:
        other.zone["x.a.cluster.local"] = ["10.2.2.2"]
        zone_server.zone["x.b.cluster.local"] = ["10.1.1.1"]
        pinhole = start(f"{ZONE}={zone_server.endpoint}", f"a.cluster.local={other.endpoint}")
        assert addresses(ask(pinhole.dns, "x.a.cluster.local")) == ["10.2.2.2"]
        assert addresses(ask(pinhole.dns, "x.b.cluster.local")) == ["10.1.1.1"]
        assert zone_server.names() == ["x.b.cluster.local."]
    finally:
        other.stop()


def test_zone_goes_before_rules(start, zone_server):
    zone_server.zone["api.example.com"] = ["10.3.3.3"]
    pinhole = start(f"example.com={zone_server.endpoint}")
    assert addresses(ask(pinhole.dns, "api.example.com")) == ["10.3.3.3"]


def test_reverse_zone_of_a_network(start, zone_server):
    zone_server.put("1.1.96.10.in-addr.arpa", "PTR", f"1.1.96.10.in-addr.arpa. 5 IN PTR {SERVICE}.")
    pinhole = start(f"10.96.0.0/16={zone_server.endpoint}")
    assert ask(pinhole.dns, "1.1.96.10.in-addr.arpa", "PTR").answer[0][0].to_text() == SERVICE + "."
    assert ask(pinhole.dns, "1.1.97.10.in-addr.arpa", "PTR").rcode() == dns.rcode.NXDOMAIN
    assert zone_server.names() == ["1.1.96.10.in-addr.arpa."]


@pytest.mark.parametrize("zone, sentence", [
    ("in-addr.arpa", "not forwarded whole"), ("ip6.arpa", "not forwarded whole"), ("arpa", "not forwarded whole"),
    ("0.0.0.0/0", "not forwarded whole"), ("::/0", "not forwarded whole"), ("IN-ADDR.ARPA.", "not forwarded whole"),
    ("10.0.0.0/12", "multiple of 8"), ("fd00::/7", "the value can't be used"), ("fc00::/7", "multiple of 8"),
    (".", "the value can't be used"), ("a..b", "the value can't be used"),
])
def test_zone_is_refused_at_start(policy, zone, sentence):
    done = run([PINHOLE, "serve", "--db", policy.path, "--internal-zone", f"{zone}=127.0.0.1:53"])
    assert done.returncode == 2
    assert sentence in done.stderr, done.stderr


def test_own_listener_is_no_zones_server(policy):
    port = free_port()
    done = run([PINHOLE, "serve", "--db", policy.path, "--dns-listen", f"127.0.0.1:{port}", "--upstream-dns", "127.0.0.9",
                "--tls-listen", "127.0.0.1:0=443", "--internal-zone", f"cluster.local=127.0.0.1:{port}"])
    assert done.returncode == 1
    assert "Pinhole itself" in done.stderr


def test_zones_of_the_environment(launch, policy, authority, gate_port, zone_server):
    zone_server.zone["x.corp.example"] = ["10.4.4.4"]
    pinhole = launch(policy, authority.endpoint, gate_port=gate_port, environment={
        "PINHOLE_INTERNAL_ZONE": f"cluster.local={zone_server.endpoint},corp.example={zone_server.endpoint}"})
    assert addresses(ask(pinhole.dns, "x.corp.example")) == ["10.4.4.4"]


def test_explain_says_who_answers(policy):
    done = run([PINHOLE, "explain", "--db", policy.path, "--internal-zone", "cluster.local=10.96.0.10",
                "--internal-zone", "cluster.local=10.96.0.11", SERVICE])
    assert "is forwarded, whatever the rules say: the internal zone cluster.local is at 10.96.0.10:53, 10.96.0.11:53" \
        in done.stdout, done.stdout + done.stderr
