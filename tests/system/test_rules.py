"""Which rule decides: as the resolver answers, and as the gate judges."""
import time

import pytest

from support.dns_client import is_allowed
from support.hello import UNRECOGNIZED_NAME, hello_for, records, send_all_then_read
from support.policy import Policy, deny
from support.process import best_of, eventually

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def policy(tmp_path_factory, at_gate):
    both = "https://" + at_gate("both.example.com") + "/"
    return Policy(tmp_path_factory.mktemp("rules") / "policy.db", [
        at_gate("*.one.example.com"), at_gate("**.any.example.com"),
        at_gate("both.example.com"), deny(both),
        at_gate("**.spec.example.com"), deny(at_gate("*.spec.example.com")), at_gate("ok.spec.example.com"),
        deny(at_gate("**.long.example.com")), at_gate("**.in.long.example.com"),
        at_gate("https://URL.Example.COM"), at_gate("MiXed.example.com"),
        "elsewhere.example.com:9999", deny("apart.example.com:9999"), at_gate("apart.example.com"),
        {"target": at_gate("disabled.example.com"), "enabled": 0}, at_gate("_exact.one.example.com"),
    ])


@pytest.fixture(scope="module")
def pinhole(module_launch, policy, gate_port):
    return module_launch(policy, gate_port=gate_port, upstream_dns="127.0.0.1:9")


CASES = [
    ("one label below *.", "x.one.example.com", True),
    ("two labels below *.", "x.y.one.example.com", False),
    ("apex of *.", "one.example.com", False),
    ("one label below **.", "x.any.example.com", True),
    ("four labels below **.", "a.b.c.d.any.example.com", True),
    ("apex of **.", "any.example.com", False),
    ("suffix without a dot", "xany.example.com", False),
    ("deny beats allow of the same name", "both.example.com", False),
    ("exact beats *.", "ok.spec.example.com", True),
    ("*. beats **.", "other.spec.example.com", False),
    ("**. where *. does not reach", "a.b.spec.example.com", True),
    ("longer **. beats shorter", "x.in.long.example.com", True),
    ("shorter **. elsewhere", "x.long.example.com", False),
    ("apex of the longer is below the shorter", "in.long.example.com", False),
    ("target typed as a URL in upper case", "url.example.com", True),
    ("question in upper case", "MIXED.EXAMPLE.COM", True),
    ("allowed on a port without listener", "elsewhere.example.com", False),
    ("denied on another port only", "apart.example.com", True),
    ("disabled rule", "disabled.example.com", False),
    ("underscore below a wildcard", "_x.one.example.com", False),
    ("underscore named exactly", "_exact.one.example.com", True),
]


@pytest.mark.parametrize("name, expected", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_resolver_and_gate_agree(pinhole, name, expected):
    # A parent of an allowed name is NODATA instead of NXDOMAIN: is_allowed() is false for both.
    assert is_allowed(pinhole.dns, name) == expected
    mark = pinhole.log.mark()
    ending = send_all_then_read(pinhole.gate, records(hello_for(name.encode())))
    # Where it is allowed the connection goes on, and fails at the upstream DNS, which nobody serves.
    line, = pinhole.log.wait(since=mark, event="connection", name=name.lower())
    assert (ending.alert != UNRECOGNIZED_NAME) == expected
    assert line["reason"].startswith("upstream_") == expected


def test_log_names_the_rule_that_decides(pinhole, policy, at_gate):
    mark = pinhole.log.mark()
    send_all_then_read(pinhole.gate, records(hello_for(b"other.spec.example.com")))
    line, = pinhole.log.wait(since=mark, event="connection", name="other.spec.example.com")
    assert line["reason"] == "deny_rule"
    assert int(line["rule"]) == policy.rule_id(at_gate("*.spec.example.com"))


def test_rule_is_in_force_until_it_expires(launch, make_policy, at_gate, gate_port):
    """Its end is set when it is in force, so that it is not over before, however slow the machine is."""
    policy = make_policy([at_gate("brief.example.com")])
    pinhole = launch(policy, gate_port=gate_port)
    assert is_allowed(pinhole.dns, "brief.example.com")

    def expire():
        expires_at = int(time.time()) + 2
        policy.sql(f"UPDATE rule SET expires_at = {expires_at};")
        eventually(lambda: is_allowed(pinhole.dns, "brief.example.com") or time.time() >= expires_at, 10, "in force")
        eventually(lambda: not is_allowed(pinhole.dns, "brief.example.com"), 10, "the rule expires")
        ended = time.time()
        assert ended >= expires_at
        return ended - expires_at

    best_of(5, 1.5, expire, "denied, after it expired")
    ending = send_all_then_read(pinhole.gate, records(hello_for(b"brief.example.com")))
    assert ending.alert == UNRECOGNIZED_NAME


def test_gate_port_is_part_of_the_rule(launch, make_policy):
    """Two listeners that stand for two ports; each name is allowed on one."""
    policy = make_policy(["first.example.com:1111", "second.example.com:2222"])
    pinhole = launch(policy, tls=["127.0.0.1:0=1111", "127.0.0.1:0=2222"], upstream_dns="127.0.0.1:9")
    first, second = pinhole.tls_endpoints
    assert is_allowed(pinhole.dns, "first.example.com")
    assert is_allowed(pinhole.dns, "second.example.com")
    for gate, name, expected in ((first, b"first.example.com", True), (first, b"second.example.com", False),
                                 (second, b"first.example.com", False), (second, b"second.example.com", True)):
        ending = send_all_then_read(gate, records(hello_for(name)))
        assert (ending.alert != UNRECOGNIZED_NAME) == expected
