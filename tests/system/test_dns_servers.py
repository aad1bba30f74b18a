"""What the status page, its JSON and the metrics say of the DNS servers that Pinhole asks: those that answer, those that
do not, and those that do again."""
import contextlib
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
NO_USE, TIMED_OUT = "the last question got no answer of use", "the last question timed out"
UNREACHABLE = "it could not be reached for the last question"


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
        return launch(make_policy([at_gate(NAME)]), upstream or authority.endpoint, gate_port=gate_port,
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
        health = fetch_json(pinhole, "/api/v1/health")
        servers = {server["address"]: server for server in health["dns_servers"]}
        bad, good = servers[refusing], servers[zone.endpoint]
        assert (bad["zone"], bad["healthy"], bad["fault"], bad["failures"]) == (ZONE, False, UNREACHABLE, 1)
        assert bad["last_answer"] is None and 0 <= health["now"] - bad["last_failure"] < 60
        assert (good["healthy"], good["fault"], good["queries"], good["failures"]) == (True, None, 1, 0)
        assert good["last_failure"] is None and 0 <= health["now"] - good["last_answer"] < 60 and good["latency_us"] > 0
        assert metrics_of(pinhole, ZONE, refusing).items() >= {"healthy": 0, "failures_total": 1, "answer_seconds": 0}.items()
        assert metrics_of(pinhole, ZONE, zone.endpoint).items() >= {"healthy": 1, "failures_total": 0, "answer_seconds": 1}.items()
        page = fetch(pinhole, "/").body
        assert f"DNS server {refusing} fails" in page and UNREACHABLE in page
        top = run([PINHOLE, "top", "--once", "--status", "{}:{}".format(*pinhole.status)]).stdout.splitlines()
        assert [line for line in top if line.startswith("!")] == [f"! DNS server {refusing} for {ZONE} fails: {UNREACHABLE}"]


def test_silent_zone_server(start):
    with silent_server() as silent:
        pinhole = start([silent])
        assert ask(pinhole.dns, SERVICE).rcode() == dns.rcode.SERVFAIL
        server = servers_of(pinhole)[silent]
        assert server["healthy"] is False and server["fault"] == TIMED_OUT and server["failures"] >= 1
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
    eventually(lambda: ask(pinhole.dns, "other." + SERVICE).rcode() == dns.rcode.SERVFAIL, 20, "no answer")
    server = servers_of(pinhole)[zone.endpoint]
    assert server["healthy"] is False and server["last_answer"]


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
        assert (bad["zone"], bad["healthy"], bad["failures"], bad["last_answer"]) == (None, False, 2, None)
        assert bad["fault"] in {"refuses": (NO_USE, TIMED_OUT), "is silent": (TIMED_OUT,), "is broken": (NO_USE,)}[kind]
        assert (good["healthy"], good["failures"], good["queries"]) == (True, 0, 2) and good["latency_us"] > 0
        assert metrics_of(pinhole, ".", first).items() >= {"healthy": 0, "failures_total": 2, "answer_seconds": 0}.items()
        assert metrics_of(pinhole, ".", authority.endpoint).items() >= {"healthy": 1, "answer_seconds": 2}.items()


@pytest.mark.quick
def test_no_upstream_server_answers(start):
    """The DNS library gives up on both, and says of both the same."""
    refusing = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    pinhole = start(upstream=refusing)
    with contextlib.suppress(OSError):
        greeting_through(pinhole.gate, NAME)
    servers = eventually(lambda: (found := servers_of(pinhole))[refusing[1]]["failures"] and found, 20, "failures")
    for address in refusing:
        assert servers[address]["healthy"] is False and servers[address]["fault"] in (UNREACHABLE, TIMED_OUT)


def test_upstream_server_behind_one_that_answers_is_not_asked(start, authority, tcp_server, tmp_path):
    refusing = f"127.0.0.1:{free_port()}"
    pinhole = start(upstream=[authority.endpoint, refusing])
    pass_gate(pinhole, authority, tcp_server, tmp_path)
    servers = servers_of(pinhole)
    assert (servers[refusing]["queries"], servers[refusing]["healthy"]) == (0, True)
    assert (servers[authority.endpoint]["queries"], servers[authority.endpoint]["healthy"]) == (2, True)
