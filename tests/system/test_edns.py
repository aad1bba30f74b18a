"""EDNS, cookies, identity and limits of clients, asked from outside; the list of RFC 8906 as a table."""
import re
import socket
import struct
from contextlib import ExitStack

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from support.dns_client import ask, dig, ede_of, framed, question, read_framed, tcp_socket, udp_socket
from support.policy import Policy, set_setting
from support.process import eventually, run

GATE = "192.0.2.53"
NAME = "api.example.com"
COOKIE, NSID = 10, 3
ROLL = "UPDATE cookie_key SET key = lower(hex(randomblob(16)));"
EDE_FORGED_ANSWER, EDE_PROHIBITED = 4, 18


@pytest.fixture(scope="module")
def policy(tmp_path_factory, at_gate):
    return Policy(tmp_path_factory.mktemp("edns") / "policy.db", [at_gate(NAME)])


@pytest.fixture(scope="module")
def pinhole(module_launch, policy, gate_port):
    return module_launch(policy, gate_port=gate_port, arguments=["--gate-address", GATE])


def plain_launch(launch, policy, gate_port, *arguments):
    return launch(policy, gate_port=gate_port, arguments=["--gate-address", GATE, *arguments])


# What dig is told, by the section of RFC 8906 that has it, and what has to come: the rcode, the answer, the OPT record.
COMPLIANCE = [
    ("8.1.1 plain", ["+noedns", "+noad", "+norec"], "NOERROR", True, False),
    ("8.1.1 SOA", ["+noedns", "+noad", "+norec", "-t", "SOA"], "NOERROR", False, False),
    ("8.1.2 an unknown type", ["+noedns", "+noad", "+norec", "-t", "TYPE1000"], "NOERROR", False, False),
    ("8.1.3 CD", ["+noedns", "+noad", "+norec", "+cd"], "NOERROR", True, False),
    ("8.1.3 AD", ["+noedns", "+norec", "+ad"], "NOERROR", True, False),
    ("8.1.3 the reserved bit", ["+noedns", "+noad", "+norec", "+zflag"], "NOERROR", True, False),
    ("8.1.3 RD", ["+noedns", "+noad", "+rec"], "NOERROR", True, False),
    ("8.1.3 AA and TC", ["+noedns", "+noad", "+aaonly", "+tcflag"], "NOERROR", True, False),
    ("8.1.4 unknown opcode", ["+noedns", "+noad", "+opcode=15", "+norec", "+header-only"], "NOTIMP", False, False),
    ("8.1.5 TCP", ["+noedns", "+noad", "+norec", "+tcp"], "NOERROR", True, False),
    ("8.2.1 EDNS", ["+edns=0", "+noad", "+norec"], "NOERROR", True, True),
    ("8.2.2 EDNS version 1", ["+edns=1", "+noednsneg", "+noad", "+norec"], "BADVERS", False, True),
    ("8.2.2 EDNS version 255", ["+edns=255", "+noednsneg", "+noad", "+norec"], "BADVERS", False, True),
    ("8.2.3 unknown option", ["+edns=0", "+noad", "+norec", "+ednsopt=100"], "NOERROR", True, True),
    ("8.2.4 unknown flag", ["+edns=0", "+noad", "+norec", "+ednsflags=0x40"], "NOERROR", True, True),
    ("8.2.5 version 1 with unknown flag", ["+edns=1", "+noednsneg", "+noad", "+norec", "+ednsflags=0x40"], "BADVERS", False,
     True),
    ("8.2.6 version 1 with unknown option", ["+edns=1", "+noednsneg", "+noad", "+norec", "+ednsopt=100"], "BADVERS", False,
     True),
    ("8.2.8 DO", ["+edns=0", "+noad", "+norec", "+dnssec"], "NOERROR", True, True),
    ("8.2.9 version 1 with DO", ["+edns=1", "+noednsneg", "+noad", "+norec", "+dnssec"], "BADVERS", False, True),
    ("8.2.10 several options", ["+edns=0", "+noad", "+norec", "+nsid", "+subnet=0.0.0.0/0", "+expire", "+cookie=0102030405060708"],
     "NOERROR", True, True),
    ("a UDP size of 0", ["+edns=0", "+bufsize=0"], "NOERROR", True, True),
    ("a UDP size of 65535", ["+edns=0", "+bufsize=65535"], "NOERROR", True, True),
    ("padding", ["+edns=0", "+padding=128"], "NOERROR", True, True),
    ("client subnet", ["+subnet=198.51.100.0/24"], "NOERROR", True, True),
    ("a header alone", ["+noedns", "+header-only"], "FORMERR", False, False),
    ("a header and an OPT record", ["+edns=0", "+header-only"], "FORMERR", False, True),
    ("class ANY", ["-c", "ANY"], "REFUSED", False, True),
    ("class HESIOD", ["-c", "HS"], "REFUSED", False, True),
    ("opcode NOTIFY", ["+opcode=NOTIFY"], "NOTIMP", False, False),
    ("opcode UPDATE", ["+opcode=UPDATE"], "NOTIMP", False, False),
    ("opcode STATUS", ["+opcode=STATUS"], "NOTIMP", False, False),
    ("opcode 1", ["+opcode=1"], "NOTIMP", False, False),
    ("opcode 6, stateful operations", ["+opcode=6"], "NOTIMP", False, False),
]


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"], ids=["udp", "tcp"])
@pytest.mark.parametrize("options, status, has_answer, has_opt", [row[1:] for row in COMPLIANCE], ids=[row[0] for row in COMPLIANCE])
def test_compliance_list_of_rfc_8906(pinhole, transport, options, status, has_answer, has_opt):
    dug = dig(pinhole.dns, NAME, transport, *options)
    assert dug.status == status, dug.text
    assert [record[4] for record in dug.answer] == ([GATE] if has_answer else [])
    assert dug.has_opt == has_opt
    assert not dug.flags & {"aa", "ad", "tc"} and "MBZ" not in dug.text
    assert dug.opt_flags == ({"do"} if "+dnssec" in options and has_opt else set())
    if has_opt:
        assert "EDNS: version: 0" in dug.text


def records(count, body):
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, count) + b"\3api\7example\3com\0\0\1\0\1" + body


OPT = b"\0\0\x29\x04\xd0\0\0\0\0"  # then the options with their size


@pytest.mark.quick
@pytest.mark.parametrize("wire, rcode", [
    (records(2, (OPT + b"\0\0") * 2), dns.rcode.FORMERR),
    (records(1, OPT + b"\0\1x"), dns.rcode.FORMERR),
    (records(1, OPT + b"\0\6\0\x64\0\3ab"), dns.rcode.FORMERR),
    (records(1, b"\1x" + OPT + b"\0\0"), dns.rcode.FORMERR),
    (records(1, b""), dns.rcode.FORMERR),
    (records(0, b"x"), dns.rcode.FORMERR),
    (struct.pack("!6H", 7, 0x0100, 2, 0, 0, 0) + b"\1a\0\0\1\0\1" * 2, dns.rcode.FORMERR),
    (struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", dns.rcode.FORMERR),
    (struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\x40a\0\0\1\0\1", dns.rcode.FORMERR),
    (struct.pack("!6H", 7, 0x0100, 1, 1, 0, 0) + b"\1a\0\0\1\0\1", dns.rcode.FORMERR),
    (struct.pack("!6H", 7, 0x7800, 9, 9, 9, 9), dns.rcode.NOTIMP),
    (struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\1a\0\0\xfc\0\1", dns.rcode.REFUSED),
    (struct.pack("!6H", 7, 0x0100, 1, 0, 1, 0) + b"\1a\0\0\xfb\0\1" + b"\xc0\x0c\0\6\0\1\0\0\0\0\0\x16" + bytes(22),
     dns.rcode.REFUSED),
    (struct.pack("!6H", 7, 0x010f, 1, 0, 0, 0) + b"\1a\0\0\1\0\1", dns.rcode.NXDOMAIN),
    (struct.pack("!6H", 7, 0x8100, 1, 0, 0, 0) + b"\1a\0\0\1\0\1", None),
    (struct.pack("!5H", 7, 0x0100, 1, 0, 0), None),
], ids=["two OPT records", "half an option", "an option past its record", "an OPT record of a name", "a record too few",
        "a byte too many", "two questions", "a pointer as name", "a label of unknown kind", "an answer among the records",
        "unknown opcode with counts of nothing", "AXFR over UDP", "IXFR over UDP", "an rcode in a query", "an answer", "a short header"])
def test_odd_message(pinhole, wire, rcode):
    with udp_socket(pinhole.dns) as client:
        client.send(wire)
        client.send(question(NAME, id=8).to_wire())
        answers = {}
        while 8 not in answers or (rcode is not None and 7 not in answers):
            answer = client.recv(4096)
            answers[struct.unpack("!H", answer[:2])[0]] = answer
    assert (7 in answers) == (rcode is not None)
    if rcode is not None:
        assert answers[7][3] & 15 == rcode
        assert answers[7][2] & 0x80


# Cookies


def cookie_of(answer):
    """The cookie of an answer, as bytes; None without one."""
    found = [option for option in answer.options if option.otype == COOKIE]
    return None if not found else getattr(found[0], "data", None) or found[0].client + found[0].server


def cookie_option(data):
    return dns.edns.GenericOption(COOKIE, data)


def ask_with_cookie(server, cookie, **options):
    return ask(server, NAME, use_edns=0, options=[cookie_option(cookie)], **options)


def cookie_alone(server, cookie):
    """RFC 7873 5.4: a query without a question."""
    wire = struct.pack("!6H", 7, 0x0100, 0, 0, 0, 1) + OPT + struct.pack("!3H", 4 + len(cookie), COOKIE, len(cookie)) + cookie
    with udp_socket(server) as client:
        client.send(wire)
        return dns.message.from_wire(client.recv(4096))


CLIENT_COOKIE = bytes(range(1, 9))


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"], ids=["udp", "tcp"])
@pytest.mark.parametrize("name, status", [(NAME, "NOERROR"), ("other.org", "NXDOMAIN"), ("com", "NOERROR")])
def test_dig_finds_its_cookie_good(pinhole, transport, name, status):
    dug = dig(pinhole.dns, name, transport, "+cookie=0102030405060708")
    cookie, = re.findall(r"; COOKIE: ([0-9a-f]{48}) \(good\)", dug.text)
    assert dug.status == status
    assert cookie.startswith("010203040506070801000000")
    again = dig(pinhole.dns, name, transport, f"+cookie={cookie}")
    assert f"; COOKIE: {cookie} (good)" in again.text


def test_kdig_takes_the_cookie(pinhole):
    done = run(["kdig", f"@{pinhole.dns[0]}", "-p", pinhole.dns[1], "+cookie", NAME])
    assert "status: NOERROR" in done.stdout and GATE in done.stdout
    assert "COOKIE" in done.stdout and "WARNING" not in done.stdout + done.stderr


@pytest.mark.quick
def test_answer_without_cookie_where_the_query_has_none(pinhole):
    assert cookie_of(ask(pinhole.dns, NAME, use_edns=0)) is None
    assert ask(pinhole.dns, NAME).edns == -1


@pytest.mark.quick
@pytest.mark.parametrize("size, is_well_formed", [(0, False), (1, False), (7, False), (8, True), (9, False), (15, False),
                                                  (16, True), (24, True), (40, True), (41, False), (200, False)])
def test_length_of_a_cookie(pinhole, size, is_well_formed):
    answer = ask_with_cookie(pinhole.dns, bytes(size))
    assert answer.rcode() == (dns.rcode.NOERROR if is_well_formed else dns.rcode.FORMERR)
    assert (cookie_of(answer) is not None) == is_well_formed
    if is_well_formed:
        assert len(cookie_of(answer)) == 24


@pytest.mark.quick
def test_cookie_is_one_for_all_workers_and_replicas(launch, pinhole, policy, tmp_path, gate_port):
    """A young cookie of ours comes back as it is, and any other is replaced."""
    cookie = cookie_of(ask_with_cookie(pinhole.dns, CLIENT_COOKIE))
    replica = plain_launch(launch, policy, gate_port)
    for server in [pinhole.dns] * 16 + [replica.dns] * 4:  # each from another port, and so for any worker
        assert cookie_of(ask_with_cookie(server, cookie)) == cookie
    bad = cookie[:-1] + bytes([cookie[-1] ^ 1])
    assert ask_with_cookie(pinhole.dns, bad).rcode() == dns.rcode.NOERROR
    assert cookie_of(ask_with_cookie(pinhole.dns, bad)) != bad


@pytest.mark.quick
def test_cookie_without_a_question(pinhole):
    answer = cookie_alone(pinhole.dns, CLIENT_COOKIE)
    assert (answer.rcode(), answer.question) == (dns.rcode.NOERROR, [])
    cookie = cookie_of(answer)
    assert cookie_alone(pinhole.dns, cookie).rcode() == dns.rcode.NOERROR
    refused = cookie_alone(pinhole.dns, CLIENT_COOKIE + bytes(16))
    assert refused.rcode() == dns.rcode.BADCOOKIE
    assert cookie_alone(pinhole.dns, cookie_of(refused)).rcode() == dns.rcode.NOERROR
    assert "status: NOERROR" in dig(pinhole.dns, NAME, "+header-only", "+cookie=0102030405060708").text


@pytest.mark.quick
def test_key_is_rolled_while_it_runs(launch, make_policy, gate_port):
    """Cookies made under the key before are good, those under the one before that are not."""
    policy = make_policy()
    pinhole = plain_launch(launch, policy, gate_port)
    first = cookie_of(cookie_alone(pinhole.dns, CLIENT_COOKIE))
    policy.sql(ROLL)
    eventually(lambda: cookie_of(cookie_alone(pinhole.dns, first)) != first, 5, "cookies are made under the new key")
    assert cookie_alone(pinhole.dns, first).rcode() == dns.rcode.NOERROR
    second = cookie_of(cookie_alone(pinhole.dns, first))
    policy.sql(ROLL)
    eventually(lambda: cookie_alone(pinhole.dns, first).rcode() == dns.rcode.BADCOOKIE, 5, "the first key counts no more")
    assert cookie_alone(pinhole.dns, second).rcode() == dns.rcode.NOERROR


def test_lost_key_means_no_cookies(launch, make_policy, gate_port, at_gate):
    policy = make_policy([at_gate(NAME)])
    pinhole = plain_launch(launch, policy, gate_port)
    policy.sql("DROP TRIGGER cookie_key_delete_explains; DELETE FROM cookie_key;" + set_setting("answer_ttl", "31"))
    pinhole.log.wait(event="setting_unreadable", setting="cookie_key")
    eventually(lambda: cookie_of(ask_with_cookie(pinhole.dns, CLIENT_COOKIE)) is None, 5, "there are no cookies")
    assert cookie_alone(pinhole.dns, CLIENT_COOKIE).rcode() == dns.rcode.FORMERR


@pytest.mark.quick
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_answer_that_waits_for_a_lookup_has_a_cookie(launch, make_policy, authority, gate_port, tcp):
    policy = make_policy()
    policy.sql("UPDATE client_group SET mode = 'observe' WHERE name = 'any';")
    authority.zone["new.example.com"] = ["127.0.0.3"]
    pinhole = launch(policy, authority.endpoint, gate_port=gate_port)
    options = {"use_edns": 0, "options": [cookie_option(CLIENT_COOKIE)], "tcp": tcp}
    answer = ask(pinhole.dns, "new.example.com", **options)
    assert answer.answer
    assert cookie_alone(pinhole.dns, cookie_of(answer)).rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize("statement", ["UPDATE cookie_key SET key = 'x'", "DELETE FROM cookie_key",
                                       "UPDATE cookie_key SET key = upper(hex(randomblob(16))) || 'A'",
                                       "INSERT INTO cookie_key (key) VALUES ('x')",
                                       "REPLACE INTO cookie_key (id, key) VALUES (1, lower(hex(randomblob(16))))"])
def test_mistake_with_the_key_is_explained(policy, statement):
    before = policy.rows("SELECT * FROM cookie_key;")
    with pytest.raises(AssertionError, match=r"lower\(hex\(randomblob\(16\)\)\)"):
        policy.sql(statement + ";")
    assert policy.rows("SELECT * FROM cookie_key;") == before


# Who the server is


@pytest.mark.parametrize("name", ["version.bind", "version.server", "id.server", "hostname.bind"])
def test_identity_is_nobodys_business_by_default(pinhole, name):
    dug = dig(pinhole.dns, name, "-c", "CH", "-t", "TXT", "+nsid")
    assert (dug.status, dug.answer) == ("REFUSED", [])
    assert "NSID" not in dug.text


@pytest.mark.quick
def test_identity_by_flag(launch, policy, gate_port):
    pinhole = plain_launch(launch, policy, gate_port, "--nsid", "gate 7", "--id-server", "gate-7.example", "--version-bind", "a gate")
    for name, text in (("version.bind", '"a gate"'), ("version.server", '"a gate"'), ("ID.Server", '"gate-7.example"'),
                       ("hostname.bind", '"gate-7.example"')):
        for kind in ("TXT", "ANY"):
            dug = dig(pinhole.dns, name, "-c", "CH", "-t", kind)
            owner, ttl, *rest = dug.answer[0]
            assert (dug.status, owner, ttl, " ".join(rest)) == ("NOERROR", name + ".", "0", f"CH TXT {text}")
    assert dig(pinhole.dns, "authors.bind", "-c", "CH", "-t", "TXT").status == "REFUSED"
    assert dig(pinhole.dns, "version.bind", "-c", "CH", "-t", "A").status == "REFUSED"
    assert dig(pinhole.dns, "version.bind", "-t", "TXT").status == "NXDOMAIN"
    for name in (NAME, "other.org"):
        assert '("gate 7")' in dig(pinhole.dns, name, "+nsid").text
        assert "NSID" not in dig(pinhole.dns, name).text


# Errors and sizes


def test_forged_answer_by_setting(launch, make_policy, gate_port, at_gate):
    policy = make_policy([at_gate(NAME)])
    pinhole = plain_launch(launch, policy, gate_port)
    assert ede_of(ask(pinhole.dns, NAME, use_edns=0)) is None
    policy.sql(set_setting("forged_answer_error", "on"))
    eventually(lambda: ede_of(ask(pinhole.dns, NAME, use_edns=0)) is not None, 5, "answers carry the error")
    assert ede_of(ask(pinhole.dns, NAME, use_edns=0))[0] == EDE_FORGED_ANSWER
    assert ede_of(ask(pinhole.dns, NAME, "HTTPS", use_edns=0)) is None
    assert ask(pinhole.dns, NAME).edns == -1


def test_answer_that_does_not_fit_is_asked_for_again_by_tcp(launch, make_policy, gate_port, at_gate):
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    addresses = [f"2001:db8::{n}" for n in range(1, 9)]
    arguments = [word for address in addresses for word in ("--gate-address", address)]
    pinhole = launch(make_policy([at_gate(longest)]), gate_port=gate_port, arguments=arguments)
    cut = ask(pinhole.dns, longest, "AAAA", use_edns=0, options=[cookie_option(CLIENT_COOKIE)])
    assert cut.flags & dns.flags.TC and not cut.answer and len(cookie_of(cut)) == 24
    dug = dig(pinhole.dns, longest, "-t", "AAAA", "+cookie=0102030405060708")
    assert dug.addresses() == addresses
    assert "tc" not in dug.flags


# Limits of clients


PER_SECOND = 10
MANY = 6 * PER_SECOND  # more than two seconds' worth, and not so many that they are dropped


@pytest.fixture
def limited(launch, make_policy, gate_port, at_gate):
    policy = make_policy([at_gate(NAME)])
    policy.sql(set_setting("max_queries_per_client", str(PER_SECOND)))
    return plain_launch(launch, policy, gate_port)


def udp_client(stack, server, address="127.0.0.1"):
    client = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    client.settimeout(20)
    client.bind((address, 0))
    client.connect(server)
    return client


def exchange(client, **options):
    client.send(question(NAME, **options).to_wire())
    return dns.message.from_wire(client.recv(4096))


def until(ask_once, wanted, most=20 * MANY):
    """Asks until an answer is as wanted. A second may end on the way, so none is sure to be the first over the limit."""
    for _ in range(most):
        answer = ask_once()
        if wanted(answer):
            return answer
    raise AssertionError(f"none of {most} answers was as wanted; the last: {answer}")


def is_truncated(answer):
    return bool(answer.flags & dns.flags.TC)


@pytest.mark.quick
def test_client_over_its_limit_is_sent_to_tcp(limited):
    with ExitStack() as stack:
        flood, neighbour = udp_client(stack, limited.dns), udp_client(stack, limited.dns, "127.0.0.9")
        answer = until(lambda: exchange(flood, use_edns=0, options=[cookie_option(CLIENT_COOKIE)]), is_truncated)
        assert (answer.rcode(), answer.answer, answer.authority) == (dns.rcode.NOERROR, [], [])
        assert len(answer.question) == 1
        assert not is_truncated(exchange(neighbour))
        with_cookie = exchange(flood, use_edns=0, options=[cookie_option(cookie_of(answer))])
        assert not is_truncated(with_cookie) and with_cookie.answer
        assert ask(limited.dns, NAME, tcp=True).answer


def test_client_over_its_limit_resolves_all_the_same(limited):
    """dig comes by TCP when it is told to."""
    with ExitStack() as stack:
        flood = udp_client(stack, limited.dns)
        until(lambda: exchange(flood), is_truncated)
        assert dig(limited.dns, NAME).addresses() == [GATE]


def test_forged_cookie_is_no_proof(limited):
    with ExitStack() as stack:
        flood = udp_client(stack, limited.dns)
        forged = {"use_edns": 0, "options": [cookie_option(CLIENT_COOKIE + bytes(16))]}
        until(lambda: exchange(flood, **forged), is_truncated)


@pytest.mark.quick
def test_who_is_proven_and_asks_too_often_is_refused(limited):
    def is_refused(answer):
        return answer.rcode() == dns.rcode.REFUSED

    with ExitStack() as stack:
        client = udp_client(stack, limited.dns)
        cookie = cookie_option(cookie_of(exchange(client, use_edns=0, options=[cookie_option(CLIENT_COOKIE)])))
        refused = until(lambda: exchange(client, use_edns=0, options=[cookie]), is_refused)
        assert ede_of(refused) == (EDE_PROHIBITED, f"Refused: this client asks more than {PER_SECOND} queries a second.")
    with tcp_socket(limited.dns) as connection:
        connection.sendall(framed(question(NAME, use_edns=0).to_wire()) * MANY)
        answers = [read_framed(connection) for _ in range(MANY)]
        assert any(is_refused(answer) for answer in answers)
        assert all(is_refused(answer) or answer.answer for answer in answers)


@pytest.mark.quick
def test_limit_is_set_and_lifted_while_it_runs(launch, make_policy, gate_port, at_gate):
    policy = make_policy([at_gate(NAME)])
    pinhole = plain_launch(launch, policy, gate_port)
    with ExitStack() as stack:
        client = udp_client(stack, pinhole.dns)
        assert not any(is_truncated(exchange(client)) for _ in range(MANY))
        policy.sql(set_setting("max_queries_per_client", str(PER_SECOND)) + set_setting("answer_ttl", "31"))
        eventually(lambda: is_truncated(exchange(client)), 5, "the limit is in force")
        policy.sql(set_setting("max_queries_per_client", "0"))
        eventually(lambda: not is_truncated(exchange(client)), 5, "there is no limit")
