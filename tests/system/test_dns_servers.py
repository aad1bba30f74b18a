"""What the status page, its JSON and the metrics say of the DNS servers that Pinhole asks: those that answer, those that
do not, and those that do again."""
import contextlib
import itertools
import socket

import dns.rcode
import pytest

from support.authority import Authority
from support.dns_client import ask
from support.page import fetch, fetch_json, read_metrics
from support.process import PINHOLE, eventually, free_port, run
from support.tls import GREETING, greet, greeting_through, server_context
from support.authorities import Authorities
from support.zone_server import ZoneServer

ZONE = "cluster.local"
SERVICE = "web.shop.svc.cluster.local"
NAME = "api.example.com"
FAILS_AFTER = 5  # questions in a row
NO_USE, TIMED_OUT = "the last question got no answer of use", "the last question timed out"
UNREACHABLE = "it could not be reached for the last question"
# The kernel says so once for a socket: of two questions sent at once, one waits in vain.
REFUSED = (UNREACHABLE, TIMED_OUT)


@contextlib.contextmanager
def zone_server(port=None):
    server = ZoneServer(port=port)
    server.zone[SERVICE] = ["10.96.1.1"]
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def silent_server():
    """Takes questions and never answers. Gives its endpoint."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taking:
        taking.bind(("127.0.0.1", 0))
        yield "127.0.0.1:{}".format(taking.getsockname()[1])


@contextlib.contextmanager
def broken_server():
    """Answers SERVFAIL. Gives its endpoint."""
    server = Authority()
    server.zone["*"] = dns.rcode.SERVFAIL
    try:
        yield server.endpoint
    finally:
        server.stop()


@pytest.fixture
def start(launch, make_policy, authority, at_gate, gate_port):
    """Pinhole with one worker, the upstream DNS servers given, else the authority, and these servers of the zone."""
    def start_it(zone_servers=(), upstream=()):
        arguments = [word for server in zone_servers for word in ("--internal-zone", f"{ZONE}={server}")]
        return launch(make_policy([at_gate(NAME), at_gate("**.names.example.com")]), upstream or authority.endpoint, gate_port=gate_port,
                      status="127.0.0.1:0", workers=1, arguments=arguments)
    return start_it


def servers_of(pinhole):
    """{address: row}, of the JSON."""
    return {server["address"]: server for server in fetch_json(pinhole, "/api/v1/health")["dns_servers"]}


def metrics_of(pinhole, zone, server):
    """{name: value} of the metrics of one server; of the histogram the count."""
    metrics = read_metrics(fetch(pinhole, "/metrics").body)
    key = (("server", server), ("zone", zone))
    found = {name[len("pinhole_dns_server_"):]: series[key] for name, series in metrics.items()
             if name.startswith("pinhole_dns_server_")}
    return {**found, "answer_seconds": found["answer_seconds"]["_count"]}


def await_fault(pinhole, server, ask_once):
    """Asks about one name after another until the server fails; returns what is then known of all of them."""
    numbers = itertools.count()

    def probe():
        ask_once(f"n{next(numbers)}")
        found = servers_of(pinhole)
        return found if not found[server]["healthy"] else None

    return eventually(probe, 20, f"{server} fails")


def look_up_upstream(pinhole, label):
    """Looks a name up, both of its families, at the upstream DNS."""
    with contextlib.suppress(OSError):
        greeting_through(pinhole.gate, f"{label}.names.example.com")


@pytest.mark.quick
def test_nobody_was_asked_yet(start, authority):
    with zone_server() as zone:
        pinhole = start([zone.endpoint])
        servers = servers_of(pinhole)
        assert list(servers) == [authority.endpoint, zone.endpoint]
        assert servers[zone.endpoint] == {"zone": ZONE, "address": zone.endpoint, "healthy": True, "fault": None,
                                          "queries": 0, "failures": 0, "last_answer": None, "last_failure": None,
                                          "latency_us": 0}
        assert servers[authority.endpoint]["zone"] is None
        assert fetch(pinhole, "/").body.count("not asked yet") == 2
        for zone_name, server in ((".", authority.endpoint), (ZONE, zone.endpoint)):
            assert metrics_of(pinhole, zone_name, server) == {
                "healthy": 1, "failures_total": 0, "last_failure_timestamp_seconds": 0, "answer_seconds": 0}


@pytest.mark.quick
def test_zone_server_down_beside_one_that_answers(start):
    """Whoever refuses is asked first, and the one behind it answers."""
    refusing = f"127.0.0.1:{free_port()}"
    with zone_server() as zone:
        pinhole = start([refusing, zone.endpoint])
        assert ask(pinhole.dns, SERVICE).rcode() == dns.rcode.NOERROR
        assert servers_of(pinhole)[refusing]["failures"] == 1 and servers_of(pinhole)[refusing]["healthy"] is True
        await_fault(pinhole, refusing, lambda label: ask(pinhole.dns, f"{label}.{SERVICE}"))
        health = fetch_json(pinhole, "/api/v1/health")
        servers = {server["address"]: server for server in health["dns_servers"]}
        bad, good = servers[refusing], servers[zone.endpoint]
        assert (bad["zone"], bad["healthy"], bad["fault"], bad["failures"]) == (ZONE, False, UNREACHABLE, FAILS_AFTER)
        assert bad["last_answer"] is None and 0 <= health["now"] - bad["last_failure"] < 60
        assert (good["healthy"], good["fault"], good["failures"]) == (True, None, 0)
        assert good["last_failure"] is None and 0 <= health["now"] - good["last_answer"] < 60 and good["latency_us"] > 0
        assert metrics_of(pinhole, ZONE, refusing).items() >= {"healthy": 0, "failures_total": FAILS_AFTER, "answer_seconds": 0}.items()
        assert metrics_of(pinhole, ZONE, zone.endpoint).items() >= {"healthy": 1, "failures_total": 0}.items()
        page = fetch(pinhole, "/").body
        assert f"DNS server {refusing} fails</strong> for the zone {ZONE}: {UNREACHABLE}" in page
        top = run([PINHOLE, "top", "--once", "--status", "{}:{}".format(*pinhole.status)]).stdout.splitlines()
        assert [line for line in top if line.startswith("!")] == [f"! DNS server {refusing} for {ZONE} fails: {UNREACHABLE}"]


def test_silent_zone_server(start):
    with silent_server() as silent:
        pinhole = start([silent])
        assert ask(pinhole.dns, SERVICE).rcode() == dns.rcode.SERVFAIL
        server = await_fault(pinhole, silent, lambda label: ask(pinhole.dns, f"{label}.{SERVICE}"))[silent]
        assert server["fault"] == TIMED_OUT and server["failures"] >= FAILS_AFTER
        assert server["last_answer"] is None and server["latency_us"] == 0


def test_zone_server_that_comes_back(start):
    port = free_port()
    pinhole = start([f"127.0.0.1:{port}"])
    assert ask(pinhole.dns, SERVICE).rcode() == dns.rcode.SERVFAIL
    with zone_server(port) as zone:
        eventually(lambda: ask(pinhole.dns, SERVICE).rcode() == dns.rcode.NOERROR, 20, "an answer")
        server = servers_of(pinhole)[zone.endpoint]
        assert server["healthy"] is True and server["fault"] is None and server["failures"] >= 1
        assert server["last_answer"] and server["last_failure"]
    server = await_fault(pinhole, zone.endpoint, lambda label: ask(pinhole.dns, f"{label}.{SERVICE}"))[zone.endpoint]
    assert server["fault"] and server["last_answer"]


def pass_gate(pinhole, authority, tcp_server, tmp_path):
    """Looks the name up, both of its families."""
    maker = Authorities(tmp_path)
    authority.zone[NAME] = ["127.0.0.2"]
    tcp_server(greet(server_context(maker.server(maker.root()))))
    assert greeting_through(pinhole.gate, NAME)[0] == GREETING


@pytest.mark.parametrize("kind", ["refuses", "is silent", "is broken"])
def test_first_upstream_server_fails(start, authority, tcp_server, tmp_path, kind):
    """The next one answers, for both families of the name."""
    with silent_server() as silent, broken_server() as broken:
        first = {"refuses": f"127.0.0.1:{free_port()}", "is silent": silent, "is broken": broken}[kind]
        pinhole = start(upstream=[first, authority.endpoint])
        pass_gate(pinhole, authority, tcp_server, tmp_path)
        servers = eventually(lambda: (found := servers_of(pinhole))[first]["queries"] == 2 and found, 20, "both answers")
        bad, good = servers[first], servers[authority.endpoint]
        assert (bad["zone"], bad["healthy"], bad["failures"], bad["last_answer"]) == (None, True, 2, None)
        assert (good["healthy"], good["failures"], good["queries"]) == (True, 0, 2) and good["latency_us"] > 0
        servers = await_fault(pinhole, first, lambda label: look_up_upstream(pinhole, label))
        assert servers[first]["fault"] in {"refuses": REFUSED, "is silent": (TIMED_OUT,), "is broken": (NO_USE,)}[kind]
        assert (servers[authority.endpoint]["healthy"], servers[authority.endpoint]["failures"]) == (True, 0)
        assert metrics_of(pinhole, ".", first).items() >= {"healthy": 0, "answer_seconds": 0}.items()
        assert metrics_of(pinhole, ".", authority.endpoint)["healthy"] == 1


@pytest.mark.quick
@pytest.mark.parametrize("is_broken_first", [True, False], ids=["the broken one first", "the broken one last"])
def test_each_server_has_its_own_fault(start, is_broken_first):
    """None answers: one says so at once, nobody is at the other's port."""
    refusing = f"127.0.0.1:{free_port()}"
    with broken_server() as broken:
        pinhole = start(upstream=[broken, refusing] if is_broken_first else [refusing, broken])
        servers = await_fault(pinhole, refusing, lambda label: look_up_upstream(pinhole, label))
        assert servers[refusing]["fault"] in REFUSED
        assert (servers[broken]["healthy"], servers[broken]["fault"]) == (False, NO_USE)


def test_broken_name_is_not_its_servers_fault(start, authority):
    """Whoever may ask for names of his choice finds one that nobody can answer."""
    authority.zone["broken.names.example.com"] = dns.rcode.SERVFAIL
    pinhole = start()
    look_up_upstream(pinhole, "broken")
    server = eventually(lambda: (found := servers_of(pinhole)[authority.endpoint])["failures"] == 2 and found, 20,
                        "both families")
    assert (server["healthy"], server["fault"]) == (True, None) and server["last_failure"]
    assert f"DNS server {authority.endpoint}" not in fetch(pinhole, "/").body
    assert metrics_of(pinhole, ".", authority.endpoint).items() >= {"healthy": 1, "failures_total": 2}.items()


@pytest.mark.quick
def test_no_upstream_server_answers(start):
    """Both fail, for the same reason."""
    refusing = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    pinhole = start(upstream=refusing)
    servers = await_fault(pinhole, refusing[1], lambda label: look_up_upstream(pinhole, label))
    for address in refusing:
        assert servers[address]["healthy"] is False and servers[address]["fault"] in REFUSED


def test_upstream_server_behind_one_that_answers_is_not_asked(start, authority, tcp_server, tmp_path):
    refusing = f"127.0.0.1:{free_port()}"
    pinhole = start(upstream=[authority.endpoint, refusing])
    pass_gate(pinhole, authority, tcp_server, tmp_path)
    servers = servers_of(pinhole)
    assert (servers[refusing]["queries"], servers[refusing]["healthy"]) == (0, True)
    assert (servers[authority.endpoint]["queries"], servers[authority.endpoint]["healthy"]) == (2, True)
