"""The table of DNS answers, asked with dig over UDP and TCP."""
import dns.message
import dns.opcode
import dns.rcode
import pytest

from support.dns_client import EDE_BLOCKED, ask, dig, ede_of, question, udp_socket
from support.policy import Policy, deny, set_setting

pytestmark = pytest.mark.quick

GATE_V4, GATE_V6 = "192.0.2.53", "2001:db8::53"


@pytest.fixture(scope="module")
def policy(tmp_path_factory, at_gate):
    policy = Policy(tmp_path_factory.mktemp("answers") / "policy.db", [
        at_gate("api.example.com"), at_gate("*.one.example.com"), at_gate("**.any.example.com"),
        at_gate("_dmarc.example.com"), "port.example.com:9999", deny(at_gate("denied.example.com")),
    ])
    policy.sql(set_setting("answer_ttl", "77") + set_setting("negative_ttl", "9"))
    return policy


@pytest.fixture(scope="module")
def pinhole(module_launch, policy, gate_port):
    return module_launch(policy, gate_port=gate_port, arguments=["--gate-address", GATE_V4, "--gate-address", GATE_V6])


@pytest.fixture(scope="module")
def v4_only(module_launch, policy, gate_port):
    return module_launch(policy, gate_port=gate_port)


@pytest.fixture(params=["+notcp", "+tcp"], ids=["udp", "tcp"])
def transport(request):
    return request.param


def assert_negative(dug, status):
    """No answer, and one SOA owned by the root whose TTL and MINIMUM are negative_ttl (RFC 2308)."""
    assert (dug.status, dug.answer) == (status, [])
    assert len(dug.authority) == 1
    owner, ttl, _, kind, *fields = dug.authority[0]
    assert (owner, ttl, kind, fields[-1]) == (".", "9", "SOA", "9")


@pytest.mark.parametrize("name", ["api.example.com", "x.one.example.com", "a.b.any.example.com",
                                  "_dmarc.example.com"])
@pytest.mark.parametrize("kind, address", [("A", GATE_V4), ("AAAA", GATE_V6)])
def test_allowed_name_has_the_gates_addresses(pinhole, transport, name, kind, address):
    dug = dig(pinhole.dns, name, "-t", kind, transport)
    assert dug.status == "NOERROR"
    assert dug.answer == [[name + ".", "77", "IN", kind, address]]
    assert dug.authority == []
    assert dug.ede is None


def test_family_without_gate_address_is_nodata(v4_only, transport):
    assert dig(v4_only.dns, "api.example.com", "-t", "A", transport).addresses() == ["127.0.0.1"]
    assert_negative(dig(v4_only.dns, "api.example.com", "-t", "AAAA", transport), "NOERROR")


@pytest.mark.parametrize("kind", ["HTTPS", "SVCB", "TXT", "MX", "NS", "SOA", "CNAME", "TYPE65280"])
def test_other_types_of_an_allowed_name_are_nodata(pinhole, transport, kind):
    dug = dig(pinhole.dns, "api.example.com", "-t", kind, transport)
    assert_negative(dug, "NOERROR")
    assert dug.ede is None


def test_any_is_empty_or_minimal(pinhole, transport):
    """RFC 8482 allows little; Pinhole may say only what it says anyway."""
    dug = dig(pinhole.dns, "api.example.com", "-t", "ANY", transport)
    assert dug.status == "NOERROR"
    for record in dug.answer:
        assert record[3:] in (["A", GATE_V4], ["AAAA", GATE_V6]) or record[3] == "HINFO"
    if not dug.answer:
        assert_negative(dug, "NOERROR")


@pytest.mark.parametrize("name", ["other.org", "denied.example.com", "not-api.example.com", "x.api.example.com",
                                  "port.example.com", "a.b.one.example.com"])
@pytest.mark.parametrize("kind", ["A", "AAAA", "HTTPS", "TXT", "ANY"])
def test_denied_name_does_not_exist(pinhole, transport, name, kind):
    dug = dig(pinhole.dns, name, "-t", kind, transport)
    assert_negative(dug, "NXDOMAIN")
    code, sentence = dug.ede
    assert code == EDE_BLOCKED
    assert sentence.startswith(name + " is denied")


@pytest.mark.parametrize("name", [".", "com", "example.com", "one.example.com", "any.example.com"])
@pytest.mark.parametrize("kind", ["A", "NS", "TXT"])
def test_parent_of_an_allowed_name_is_nodata(pinhole, transport, name, kind):
    """RFC 8020: a name that does not exist would take those below with it."""
    dug = dig(pinhole.dns, name, "-t", kind, transport)
    assert_negative(dug, "NOERROR")
    code, sentence = dug.ede
    assert code == EDE_BLOCKED
    assert "denied" in sentence


def test_refused_by_setting(launch, make_policy, at_gate, transport, gate_port):
    policy = make_policy([at_gate("api.example.com")])
    policy.sql(set_setting("deny_answer", "refused"))
    pinhole = launch(policy, gate_port=gate_port)
    dug = dig(pinhole.dns, "other.org", transport)
    assert (dug.status, dug.answer) == ("REFUSED", [])
    assert dug.ede[0] == EDE_BLOCKED
    assert "other.org" in dug.ede[1]
    assert dig(pinhole.dns, "example.com", transport).status == "NOERROR"
    assert dig(pinhole.dns, "api.example.com", transport).addresses() == ["127.0.0.1"]


def test_empty_policy_denies_everything_even_the_root(launch, make_policy, gate_port):
    pinhole = launch(make_policy(), gate_port=gate_port)
    assert dig(pinhole.dns, "api.example.com").status == "NXDOMAIN"
    assert dig(pinhole.dns, ".").answer == []


@pytest.mark.parametrize("name", ["api.example.com", "other.org", "example.com"])
def test_flags(pinhole, transport, name):
    plain = dig(pinhole.dns, name, transport)
    assert plain.flags == {"qr", "rd", "ra"}
    asking_all = dig(pinhole.dns, name, transport, "+norecurse", "+cdflag", "+adflag", "+aaflag")
    assert asking_all.flags == {"qr", "ra", "cd"}


@pytest.mark.parametrize("name", ["api.example.com", "other.org", "example.com"])
def test_opt_only_where_the_query_has_one(pinhole, transport, name):
    without = dig(pinhole.dns, name, transport, "+noedns")
    assert not without.has_opt
    assert without.ede is None
    with_opt = dig(pinhole.dns, name, transport, "+edns=0")
    assert with_opt.has_opt
    assert with_opt.opt_flags == set()
    assert dig(pinhole.dns, name, transport, "+dnssec").opt_flags == {"do"}


def test_unknown_edns_version_is_badvers(pinhole, transport):
    """RFC 6891 6.1.3"""
    assert dig(pinhole.dns, "api.example.com", transport, "+edns=1", "+noednsnegotiation").status == "BADVERS"


def test_unknown_edns_option_and_flag_are_ignored(pinhole):
    dug = dig(pinhole.dns, "api.example.com", "+ednsopt=65001:abcd", "+ednsflags=0x40")
    assert (dug.status, dug.addresses(), dug.opt_flags) == ("NOERROR", [GATE_V4], set())


@pytest.mark.parametrize("name", ["API.eXample.cOm", "Other.ORG", "EXAMPLE.com"])
def test_case_of_the_question_is_kept(pinhole, transport, name):
    dug = dig(pinhole.dns, name, transport)
    assert dug.question == name + "."
    if dug.answer:
        assert dug.answer[0][0] == name + "."


@pytest.mark.parametrize("opcode", [dns.opcode.NOTIFY, dns.opcode.UPDATE, dns.opcode.STATUS])
def test_other_opcodes_are_not_implemented(pinhole, opcode):
    query = question("api.example.com")
    query.set_opcode(opcode)
    with udp_socket(pinhole.dns) as client:
        client.send(query.to_wire())
        answer = dns.message.from_wire(client.recv(4096))
    assert answer.rcode() == dns.rcode.NOTIMP
    assert answer.id == query.id


def test_other_class_has_no_gate_address(pinhole):
    dug = dig(pinhole.dns, "api.example.com", "-c", "CH", "-t", "A")
    assert dug.answer == []
    assert dug.status in ("REFUSED", "NOTIMP", "NXDOMAIN", "NOERROR")


@pytest.mark.parametrize("kind", ["AXFR", "IXFR"])
@pytest.mark.parametrize("name", ["api.example.com", "example.com", "other.org"])
def test_zone_transfer_gives_nothing(pinhole, kind, name):
    answer = ask(pinhole.dns, name, kind, tcp=True)
    assert answer.rcode() in (dns.rcode.REFUSED, dns.rcode.NOTIMP)
    assert answer.answer == []


def test_sentence_is_the_same_over_both_transports(pinhole):
    over_udp = ede_of(ask(pinhole.dns, "other.org", use_edns=0))
    over_tcp = ede_of(ask(pinhole.dns, "other.org", use_edns=0, tcp=True))
    assert over_udp == over_tcp
    assert over_udp[0] == EDE_BLOCKED
