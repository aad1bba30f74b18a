"""`pinhole pin`: a server's chain, what the check says of it, and the SQL that pins it."""
import json
import socket
import sqlite3
from contextlib import closing

import pytest

from support.chains import TestCA, pin_of
from support.process import PINHOLE, free_port, run

NAME = "api.example.com"
SAN = f"DNS:{NAME}"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    made = TestCA(tmp_path_factory.mktemp("chains"), subject="Test Root of O'Neil")
    made.issue("ecdsa", san=SAN)
    made.issue("rsa", kind="rsa:2048", san=SAN)
    return made


def pin(*arguments, ca=None, **options):
    return run([PINHOLE, "pin", *arguments, *(["--ca-file", ca.root] if ca else [])], **options)


def pin_json(server, ca, *arguments, name=NAME):
    done = pin(name, "--connect", server.endpoint, "--json", *arguments, ca=ca)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["reason"] == "allowed" else 1)
    return report


def rule_and_pins(sql, target=NAME):
    """What the SQL makes of a policy with three rules."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript("""
            CREATE TABLE rule (id INTEGER, target TEXT, action TEXT, verify TEXT DEFAULT 'chain');
            CREATE TABLE pin (rule_id INTEGER, spki_sha256 TEXT, mode TEXT, comment TEXT);""")
        database.executemany("INSERT INTO rule (id, target, action) VALUES (?, ?, ?)", [
            (1, target, "allow"), (2, "other.example.com", "allow"), (3, target, "deny")])
        database.executescript(sql)
        return (database.execute("SELECT id, verify FROM rule ORDER BY id").fetchall(),
                database.execute("SELECT rule_id, spki_sha256, mode, comment FROM pin").fetchall())


def sql_of(text):
    """All from its first comment on, as one would paste it."""
    return text[text.index("-- "):]


@pytest.mark.quick
def test_both_kinds_of_key(ca):
    with ca.serve("ecdsa", "-dcert", ca.path("rsa"), "-dkey", ca.key("rsa"), "-dcert_chain",
                  ca.intermediate) as server:
        done = pin(NAME, "--connect", server.endpoint, ca=ca)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NAME}, port 443, at {server.endpoint}\n")
    for name in ("root", "intermediate", "ecdsa", "rsa"):
        assert pin_of(ca.path(name)) in done.stdout
    assert "ECDSA: good\n" in done.stdout and "RSA: good\n" in done.stdout
    assert "CN=Test Root of O'Neil" in done.stdout and "in 30 days" in done.stdout
    assert "\ngood: " in done.stdout


def test_sql_pins_the_root_alone(ca):
    with ca.serve("ecdsa") as server:
        done = pin(NAME, "--connect", server.endpoint, ca=ca)
    rules, pins = rule_and_pins(sql_of(done.stdout))
    assert pins == [(1, pin_of(ca.root), "report", "CN=Test Root of O'Neil")]
    assert rules == [(1, "chain"), (2, "chain"), (3, "chain")]


def test_every_line_of_sql_is_sound(ca):
    with ca.serve("ecdsa") as server:
        done = pin(f"{NAME}:8443", "--connect", server.endpoint, ca=ca)
    lines = [line.removeprefix("-- ") for line in sql_of(done.stdout).splitlines()]
    statements = [line for line in lines if line.startswith(("INSERT", "UPDATE"))]
    assert len(statements) == 4
    _, pins = rule_and_pins("\n".join(statements), target=f"{NAME}:8443")
    assert {row[1] for row in pins} == {pin_of(ca.path(name)) for name in ("root", "intermediate", "ecdsa")}
    assert {row[0] for row in pins} == {1}


def test_json(ca):
    with ca.serve("ecdsa") as server:
        report = pin_json(server, ca)
    assert (report["name"], report["port"], report["address"]) == (NAME, 443, server.endpoint)
    ecdsa, rsa = report["views"]
    assert (ecdsa["key"], ecdsa["reason"], ecdsa["detail"], ecdsa["is_validated"]) == ("ECDSA", "allowed", "", True)
    assert [(one["rank"], one["pin"]) for one in ecdsa["certificates"]] == [
        (rank, pin_of(ca.path(name)))
        for rank, name in (("leaf", "ecdsa"), ("intermediate", "intermediate"), ("root", "root"))]
    assert ecdsa["certificates"][0]["issuer"] == "CN=Test Intermediate"
    assert ecdsa["certificates"][0]["days_left"] == 30
    assert (rsa["key"], rsa["reason"], rsa["certificates"]) == ("RSA", "probe_failed", [])
    assert "handshake failure" in rsa["detail"]


BAD = {
    "wrong name": (dict(san="DNS:other.example.com"), "certificate_wrong_name", "it is for: other.example.com"),
    "expired": (dict(san=SAN, days=(-9, -2)), "certificate_expired", "certificate has expired"),
    "not yet valid": (dict(san=SAN, days=(2, 9)), "certificate_not_yet_valid", "certificate is not yet valid"),
    "self-signed": (dict(san=SAN, issuer=None), "certificate_untrusted", "self-signed certificate, at CN=server"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_certificate(ca, case):
    options, reason, detail = BAD[case]
    name = case.replace(" ", "-")
    ca.issue(name, subject="server", **options)
    with ca.serve(name, chain=() if case == "self-signed" else ("intermediate",)) as server:
        report = pin_json(server, ca)
        done = pin(NAME, "--connect", server.endpoint, ca=ca)
    assert (report["reason"], report["views"][0]["reason"], report["views"][0]["detail"]) == (reason, reason, detail)
    assert report["sentence"].startswith(f"{NAME} is allowed, but ")
    assert done.returncode == 1
    assert f"\n{reason}: " in done.stdout and report["sentence"] in done.stdout
    assert rule_and_pins(sql_of(done.stdout))[1] == []  # nothing is accepted by pasting alone
    lines = [line.removeprefix("-- ") for line in sql_of(done.stdout).splitlines()]
    rules, pins = rule_and_pins("\n".join(line for line in lines if line.startswith(("INSERT", "UPDATE"))))
    assert rules[0] == (1, "pin-only") and rules[1] == (2, "chain")
    assert [row[:3] for row in pins] == [(1, pin_of(ca.path(name)), "enforce")]


def test_missing_intermediate(ca):
    with ca.serve("ecdsa", chain=()) as server:
        report = pin_json(server, ca)
    assert report["reason"] == "certificate_untrusted"
    assert not report["views"][0]["is_validated"]
    assert [one["rank"] for one in report["views"][0]["certificates"]] == ["leaf"]


def test_padding_is_no_part_of_the_chain(ca):
    ca.issue("stranger", None, ca=True)
    with ca.serve("ecdsa", chain=("stranger", "intermediate")) as server:
        report = pin_json(server, ca)
    assert pin_of(ca.path("stranger")) not in json.dumps(report)


def test_roots_of_the_system(ca):
    with ca.serve("ecdsa") as server:
        done = pin(NAME, "--connect", server.endpoint)
    assert done.returncode == 1
    assert "certificate_untrusted" in done.stdout


def test_ca_file_by_its_variable(ca):
    with ca.serve("ecdsa") as server:
        done = run(["env", f"PINHOLE_CA_FILE={ca.root}", PINHOLE, "pin", NAME, "--connect", server.endpoint])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("more", [(), ("-Verify", "1")], ids=["plain", "client certificate demanded"])
def test_versions(ca, version, more):
    with ca.serve("ecdsa", version, *more) as server:
        assert pin_json(server, ca)["reason"] == "allowed"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_certificate_without_its_key(ca, version):
    ca.issue("thief")
    with ca.serve("ecdsa", version, key=ca.thief_key("ecdsa", "thief")) as server:
        report = pin_json(server, ca)
    assert report["reason"] == "probe_failed"
    assert report["views"][0]["certificates"] == []
    assert "bad signature" in report["views"][0]["detail"]


def test_name_is_looked_up(ca, authority):
    authority.zone[NAME] = ["127.0.0.2"]
    with ca.serve("ecdsa") as server:
        done = pin(f"{NAME}:{server.port}", "--upstream-dns", authority.endpoint, ca=ca)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{NAME}, port {server.port}, at {server.endpoint}\n" in done.stdout


def test_name_without_an_address(ca, authority):
    done = pin("nowhere.example.com", "--upstream-dns", authority.endpoint, ca=ca)
    assert done.returncode == 1
    assert "upstream_not_found" in done.stderr and done.stderr.count("\n") == 1


def test_nobody_listens(ca):
    done = pin(NAME, "--connect", f"127.0.0.2:{free_port('127.0.0.2')}", ca=ca)
    assert (done.returncode, done.stdout) == (1, "")
    assert "probe_unreachable: Connection refused" in done.stderr


@pytest.mark.quick
def test_server_that_hangs(ca):
    with socket.create_server(("127.0.0.2", 0)) as server:
        done = pin(NAME, "--connect", f"127.0.0.2:{server.getsockname()[1]}", ca=ca)
    assert done.returncode == 1
    assert "the server did not answer in time" in done.stdout
    assert "\nprobe_failed: " in done.stdout
    assert "INSERT" not in done.stdout


def test_what_is_no_tls_server(ca, tcp_server, gate_port):
    def greet(connection):
        connection.recv(1024)
        connection.sendall(b"220 mail.example.com ESMTP\r\n")

    tcp_server(greet)
    done = pin(NAME, "--connect", f"127.0.0.2:{gate_port}", ca=ca)
    assert done.returncode == 1
    assert "\nprobe_failed: " in done.stdout


@pytest.mark.parametrize("content", [None, "", "no certificate\n", "-----BEGIN CERTIFICATE-----\n"],
                         ids=["missing", "empty", "of other things", "cut short"])
def test_ca_file_that_is_none(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    done = pin(NAME, "--connect", "127.0.0.2", "--ca-file", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{path}: " in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("*.example.com",), ("127.0.0.1",), ("a..b",), (NAME, "--connect", "host"),
                                       (NAME, "--connect", "0.0.0.0"), (NAME, "--workers", "1"), (NAME, "b")])
def test_usage(arguments):
    done = pin(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
