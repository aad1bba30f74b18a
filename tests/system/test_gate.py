"""Real TLS clients through the gate to a real server."""
import re

import dns.rcode
import pytest

from support import isolation
from support.hello import (DECODE_ERROR, HANDSHAKE_FAILURE, INTERNAL_ERROR, MISSING_EXTENSION, UNRECOGNIZED_NAME,
                           hello_for, records, send_all_then_read)
from support.policy import Policy
from support.process import run
from support.webserver import curl

NGINX = "127.0.0.3"


@pytest.fixture(scope="module")
def served(module_launch, tmp_path_factory, shared_authority, nginx, at_gate, gate_port):
    policy = Policy(tmp_path_factory.mktemp("gate") / "policy.db",
                    [at_gate("api.example.com"), at_gate("*.example.com")])
    return module_launch(policy, shared_authority.endpoint, gate_port=gate_port)


@pytest.fixture
def pinhole(served, authority):
    authority.zone.update({"api.example.com": [NGINX], "other.example.com": [NGINX]})
    return served


def s_client(gate, *options):
    """openssl s_client without standard input: it ends after the handshake."""
    return run(["openssl", "s_client", "-connect", f"{gate[0]}:{gate[1]}", *options], input="")


def alert_shown(done):
    match = re.search(r"alert number (\d+)", done.stderr + done.stdout)
    return int(match.group(1)) if match else None


@pytest.mark.quick
@pytest.mark.parametrize("tls, protocol", [(["--tls-max", "1.2"], "TLSv1.2"), (["--tlsv1.3"], "TLSv1.3")],
                         ids=["tls1.2", "tls1.3"])
@pytest.mark.parametrize("http, version", [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2.0")])
def test_curl_is_served(pinhole, certificates, gate_port, tls, protocol, http, version):
    mark = pinhole.log.mark()
    done = curl(pinhole.gate, gate_port, certificates, "/seen", *tls, http)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"api.example.com {protocol} {version}"
    line, = pinhole.log.wait(since=mark, event="connection", name="api.example.com")
    assert (line["decision"], line["reason"], int(line["port"])) == ("allow", "allowed", gate_port)
    assert line["upstream"] == f"{NGINX}:{gate_port}"
    assert line["client"].startswith("127.0.0.1")
    assert int(line["bytes_up"]) > 300
    assert int(line["bytes_down"]) > 500
    assert int(line["duration_ms"]) >= 0
    assert int(line["rule"]) == 1


@pytest.mark.quick
@pytest.mark.parametrize("tls", ["-tls1_2", "-tls1_3"])
def test_s_client_verifies_the_real_certificate(pinhole, certificates, tls):
    done = s_client(pinhole.gate, "-servername", "api.example.com", tls, "-CAfile", certificates.ca,
                    "-verify_return_error", "-verify_hostname", "api.example.com")
    assert done.returncode == 0, done.stderr
    assert "Verify return code: 0 (ok)" in done.stdout


@pytest.mark.quick
def test_kept_connection_carries_many_requests(pinhole, certificates, gate_port):
    paths = [f"https://api.example.com:{gate_port}/seen"] * 20
    done = curl(pinhole.gate, gate_port, certificates, "/seen", "--http1.1", *paths)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("HTTP/1.1") == 21


@pytest.mark.quick
@pytest.mark.parametrize("tls", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("name", ["other.org", "a.b.example.com", "example.com"])
def test_denied_name_is_unrecognized(pinhole, tls, name):
    mark = pinhole.log.mark()
    done = s_client(pinhole.gate, "-servername", name, tls)
    assert done.returncode != 0
    assert alert_shown(done) == UNRECOGNIZED_NAME
    line, = pinhole.log.wait(since=mark, event="connection", name=name)
    assert (line["decision"], line.get("upstream", "")) == ("deny", "")
    assert line["reason"] in ("no_rule", "parent")


@pytest.mark.quick
def test_curl_says_unrecognized_name(pinhole, certificates, gate_port):
    done = curl(pinhole.gate, gate_port, certificates, "/seen", name="other.org")
    assert done.returncode == 35
    assert "unrecognized name" in done.stderr


@pytest.mark.quick
@pytest.mark.parametrize("options, alert", [
    ([], MISSING_EXTENSION), (["-tls1_3"], MISSING_EXTENSION), (["-tls1_2"], HANDSHAKE_FAILURE)])
def test_no_server_name(pinhole, options, alert):
    mark = pinhole.log.mark()
    done = s_client(pinhole.gate, "-noservername", *options)
    assert alert_shown(done) == alert
    line, = pinhole.log.wait(since=mark, event="connection", reason="no_server_name")
    assert line["decision"] == "deny"


@pytest.mark.quick
def test_plain_http_is_closed_and_logged(pinhole, authority):
    mark = pinhole.log.mark()
    ending = send_all_then_read(pinhole.gate, b"GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
    assert not ending.was_reset
    assert ending.alert in (None, DECODE_ERROR) or ending.data == b""
    line, = pinhole.log.wait(since=mark, event="connection", reason="not_tls")
    assert line["decision"] == "deny"
    assert authority.questions() == []


@pytest.mark.quick
def test_client_that_leaves_early_is_logged(pinhole):
    mark = pinhole.log.mark()
    with pinhole.connect() as client:
        client.sendall(records(hello_for(b"api.example.com"))[:50])
    line, = pinhole.log.wait(since=mark, event="connection", reason="hello_cut_short")
    assert line["decision"] == "deny"


@pytest.mark.quick
@pytest.mark.parametrize("zone, reason", [
    ({}, "upstream_not_found"),
    ({"api.example.com": []}, "upstream_not_found"),
    ({"api.example.com": dns.rcode.SERVFAIL}, "upstream_dns_failed"),
    ({"api.example.com": dns.rcode.REFUSED}, "upstream_dns_failed"),
    ({"api.example.com": ["127.0.0.77"]}, "upstream_connect_failed"),
], ids=["nxdomain", "nodata", "servfail", "refused", "no-listener"])
def test_upstream_failure_is_internal_error(launch, make_policy, authority, at_gate, gate_port, zone, reason):
    authority.zone.update(zone)
    pinhole = launch(make_policy([at_gate("api.example.com")]), authority.endpoint, gate_port=gate_port)
    ending = send_all_then_read(pinhole.gate, records(hello_for(b"api.example.com")))
    assert (ending.alert, ending.was_reset) == (INTERNAL_ERROR, False)
    line, = pinhole.log.wait(event="connection", name="api.example.com")
    assert (line["decision"], line["reason"]) == ("deny", reason)


@pytest.mark.quick
def test_next_address_is_tried_where_one_refuses(pinhole, authority, certificates, gate_port):
    authority.zone["two.example.com"] = ["127.0.0.77", "127.0.0.78", NGINX, "::1"]
    done = curl(pinhole.gate, gate_port, certificates, "/seen", name="two.example.com")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("two.example.com ")


@pytest.mark.quick
def test_client_that_leaves_during_the_lookup(pinhole, authority):
    """The look-up outlives the client, and harms nobody."""
    authority.hold("slow.example.com")
    mark = pinhole.log.mark()
    with pinhole.connect() as client:
        client.sendall(records(hello_for(b"slow.example.com")))
        authority.wait_for("slow.example.com")
    authority.release("slow.example.com")
    line, = pinhole.log.wait(since=mark, event="connection", name="slow.example.com", seconds=30)
    assert line["ended"]


@pytest.mark.isolated
@pytest.mark.quick
def test_plain_curl_needs_no_change(launch, tmp_path, make_policy, authority, certificates, nginx):
    """As in a pod: only resolv.conf points at Pinhole; curl is told nothing."""
    authority.zone["api.example.com"] = [NGINX]
    pinhole = launch(make_policy(["api.example.com"]), authority.endpoint, dns=["127.0.0.1:53"],
                     tls=["127.0.0.1:443=443"])
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.1\n")

    def plain_curl(url):
        return run([*isolation.with_file_over("/etc/resolv.conf", resolv_conf), "curl", "-sS", "--cacert",
                    certificates.ca, url])

    served = plain_curl("https://api.example.com/seen")
    assert (served.returncode, served.stdout) == (0, "api.example.com TLSv1.3 HTTP/2.0")
    denied = plain_curl("https://other.example.com/seen")
    assert denied.returncode == 6, "could not resolve host"
    pinhole.log.wait(event="query_denied", name="other.example.com")


def test_file_is_whole_both_ways(pinhole, nginx, certificates, gate_port, tmp_path):
    """100 MB by real TLS, checked by curl's and nginx's record checks and by comparing the files."""
    original = tmp_path / "original"
    with open("/dev/urandom", "rb") as source:
        block = source.read(1 << 20)
    with open(original, "wb") as file:
        for number in range(100):
            file.write(number.to_bytes(4, "big") + block[4:])
    up = curl(pinhole.gate, gate_port, certificates, "/files/big", "-T", original, seconds=50)
    assert up.returncode == 0, up.stderr
    assert run(["cmp", original, nginx.files / "big"]).returncode == 0
    down = curl(pinhole.gate, gate_port, certificates, "/files/big", "-o", tmp_path / "copy", seconds=50)
    assert down.returncode == 0, down.stderr
    assert run(["cmp", original, tmp_path / "copy"]).returncode == 0
