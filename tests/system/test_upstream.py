"""How the gate finds and reaches the real server: what it keeps of the DNS, and which address it takes."""
import contextlib
import re
import socket
import time

import pytest

from support.authority import Authority
from support.hello import INTERNAL_ERROR, hello_for, read_to_end, records, send_all_then_read
from support.policy import set_setting
from support.process import eventually

pytestmark = pytest.mark.quick

NAME, HELLO = "api.example.com", records(hello_for(b"api.example.com"))
FIRST, SECOND, NOBODY = "127.0.0.2", "127.0.0.4", "127.0.0.77"


@pytest.fixture
def dns():
    """An upstream DNS of the test's own, which it may stop."""
    server = Authority()
    yield server
    with contextlib.suppress(OSError):
        server.stop()


@pytest.fixture
def pinhole(launch, make_policy, dns, at_gate, gate_port):
    """One worker, and so one cache."""
    policy = make_policy([at_gate(NAME)])
    running = launch(policy, dns.endpoint, gate_port=gate_port, workers=1)
    running.policy = policy
    return running


@pytest.fixture
def server(tcp_server):
    return tcp_server(lambda connection: read_to_end(connection).data, [FIRST, SECOND])


def reach(pinhole):
    """One connection by the gate to whatever server there is; returns its line of the log."""
    mark = pinhole.log.mark()
    with pinhole.connect() as client:
        client.sendall(HELLO)
        client.shutdown(socket.SHUT_WR)
        read_to_end(client)
    line, = pinhole.log.wait(since=mark, event="connection")
    return line


def reach_well(pinhole):
    line = reach(pinhole)
    assert line["reason"] == "allowed"
    return line


def keep_reaching(pinhole, is_wanted, what):
    """Connects until a line of the log is as wanted; slowly enough for each to have its line."""
    def probe():
        time.sleep(0.02)
        return is_wanted(reach_well(pinhole))

    eventually(probe, 30, what)


def is_stale(line):
    return line.get("addresses") == "stale"


def reached_address(line):
    return line["upstream"].rsplit(":", 1)[0]


@pytest.mark.usefixtures("server")
def test_answer_is_kept_for_its_ttl(pinhole, dns):
    dns.zone[NAME] = [FIRST]
    for _ in range(5):
        reach_well(pinhole)
    asked = dns.questions()
    assert set(asked) == {(NAME + ".", "A"), (NAME + ".", "AAAA")}
    assert len(asked) <= 4, "each sent again if the answer takes long"


@pytest.mark.usefixtures("server")
def test_answer_is_asked_for_again_after_its_ttl(pinhole, dns):
    dns.ttl, dns.negative_ttl = 1, 60
    dns.zone[NAME] = [FIRST]
    assert reached_address(reach_well(pinhole)) == FIRST
    for address in (SECOND, FIRST):
        dns.zone[NAME] = [address]
        keep_reaching(pinhole, lambda line, new=address: reached_address(line) == new, "the new address is dialled")
    assert dns.questions().count((NAME + ".", "A")) >= 3
    assert dns.questions().count((NAME + ".", "AAAA")) <= 2, "its absence lives longer; sent again if the answer takes long"


def test_many_connections_cause_one_query(pinhole, dns, server):
    dns.zone[NAME] = [FIRST]
    dns.hold(NAME)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(pinhole.connect()) for _ in range(50)]
        for client in clients:
            client.sendall(HELLO)
            client.shutdown(socket.SHUT_WR)
        dns.wait_for(NAME)
        dns.release(NAME)
        for client in clients:
            read_to_end(client)
    assert server.wait_results(50) == [HELLO] * 50
    assert len(dns.questions()) <= 4, "A and AAAA, each sent again if the answer takes long"


@pytest.mark.parametrize("zone", [{}, {NAME: []}], ids=["nxdomain", "nodata"])
def test_absence_is_kept(pinhole, dns, zone):
    dns.zone.update(zone)
    dns.negative_ttl = 60
    for _ in range(3):
        assert reach(pinhole)["reason"] == "upstream_not_found"
    assert len(dns.questions()) <= 4, "each sent again if the answer takes long"


def test_dns_that_is_down(pinhole, dns):
    dns.stop()
    mark = pinhole.log.mark()
    ending = send_all_then_read(pinhole.gate, HELLO)
    assert (ending.alert, ending.was_reset) == (INTERNAL_ERROR, False)
    line, = pinhole.log.wait(since=mark, event="connection")
    assert line["reason"] == "upstream_dns_failed"


@pytest.mark.usefixtures("server")
def test_stale_addresses_bridge_a_dns_that_is_down(pinhole, dns):
    dns.ttl = 1
    dns.zone[NAME] = [FIRST]
    assert not is_stale(reach_well(pinhole))
    dns.stop()
    keep_reaching(pinhole, is_stale, "stale addresses serve")
    again = Authority(port=dns.port)
    try:
        again.zone[NAME] = [SECOND]
        keep_reaching(pinhole, lambda line: reached_address(line) == SECOND, "the DNS is asked again")
        keep_reaching(pinhole, lambda line: not is_stale(line), "nothing is stale any more")
    finally:
        again.stop()


@pytest.mark.usefixtures("server")
def test_family_that_is_never_answered(pinhole, dns):
    dns.zone[NAME] = [FIRST]
    dns.silent.add("AAAA")
    start = time.monotonic()
    assert reached_address(reach_well(pinhole)) == FIRST
    first = time.monotonic()
    reach_well(pinhole)
    print(f"AAAA never answered: first connection {1000 * (first - start):.0f} ms, "
          f"second {1000 * (time.monotonic() - first):.0f} ms")


@contextlib.contextmanager
def silent_server(address, port):
    """A listener whose backlog is full: it drops every SYN."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((address, port), backlog=0))
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((address, port))
        yield listener


@pytest.mark.usefixtures("server")
def test_address_that_is_silent(pinhole, dns, gate_port):
    dns.zone[NAME] = ["127.0.0.9", SECOND]
    with silent_server("127.0.0.9", gate_port):
        for connection in ("first", "second", "third"):
            start = time.monotonic()
            assert reached_address(reach_well(pinhole)) == SECOND
            print(f"one address silent: {connection} connection {1000 * (time.monotonic() - start):.0f} ms")


def failed_connects():
    """Connections of this network namespace that never came to be."""
    with open("/proc/net/snmp", encoding="ascii") as file:
        names, values = (line.split() for line in file if re.match("Tcp:", line))
    return int(values[names.index("AttemptFails")])


@pytest.mark.isolated
@pytest.mark.usefixtures("server")
def test_address_that_failed_is_left_alone(pinhole, dns):
    """Addresses take turns, but one that refused is dialled once alone."""
    dns.zone[NAME] = [NOBODY, FIRST, SECOND]
    before = failed_connects()
    reached = {reached_address(reach_well(pinhole)) for _ in range(12)}
    assert reached == {FIRST, SECOND}
    assert failed_connects() - before == 1


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("inside", ["10.0.0.1", "169.254.169.254", "::1", "192.168.1.1"])
def test_rebinding(pinhole, dns, inside):
    """A name that led to its server, and now leads inside: what was fine before is of no help."""
    dns.ttl, dns.zone[NAME] = 1, [FIRST]
    pinhole.policy.sql(set_setting("allowed_private_networks", FIRST + "/32"))
    eventually(lambda: reach(pinhole)["reason"] == "allowed", 10, "the setting is in force")
    dns.zone[NAME] = [inside]
    eventually(lambda: reach(pinhole)["reason"] == "upstream_address_refused", 20, "the new address is refused")


def test_connect_deadline(pinhole, dns, gate_port):
    """An address that never answers is all there is."""
    dns.zone[NAME] = ["127.0.0.9"]
    mark = pinhole.log.mark()
    pinhole.policy.sql(set_setting("connect_seconds", "1"))
    pinhole.log.wait(since=mark, event="policy_loaded", how="changes")
    with silent_server("127.0.0.9", gate_port):
        assert send_all_then_read(pinhole.gate, HELLO).alert == INTERNAL_ERROR
    pinhole.log.wait(since=mark, event="connection", reason="upstream_connect_failed")
