"""Starting, and failing to: one line that says what, where and what to do; 2 for usage, 1 for the rest."""
import os
import socket

import pytest

from support import isolation
from support.dns_client import is_allowed
from support.policy import OpenShell
from support.process import PINHOLE, free_port, run

pytestmark = pytest.mark.quick

FREE = ["--dns-listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0=443", "--upstream-dns", "127.0.0.1:9",
        "--status-listen", "127.0.0.1:0"]


def serve(*arguments, environment=None, free=True):
    return run([PINHOLE, "serve", *(FREE if free else []), *arguments], seconds=5,
               env={**os.environ, **(environment or {})})


def assert_one_line(done, status, *words):
    """Exactly one line on standard error, of at least the parts what, where and remedy; nothing was served."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("pinhole: ")
    assert lines[0].count(": ") >= 3, "pinhole: what: where: remedy"
    for word in words:
        assert str(word) in lines[0]


def test_missing_file_is_created_and_denies_everything(launch, tmp_path):
    pinhole = launch(tmp_path / "new.db")
    assert pinhole.rule_count == 0
    assert (tmp_path / "new.db").exists()
    assert not is_allowed(pinhole.dns, "example.com")


def test_missing_directory(tmp_path):
    assert_one_line(serve("--db", tmp_path / "missing" / "policy.db"), 1, tmp_path / "missing")


def test_directory_as_database(tmp_path):
    assert_one_line(serve("--db", tmp_path), 1, tmp_path)


@pytest.mark.parametrize("content", [os.urandom(8192), b"SQLite format 3\0" + os.urandom(8000), b"x"],
                         ids=["random", "header-then-random", "one-byte"])
def test_broken_database(tmp_path, content):
    path = tmp_path / "policy.db"
    path.write_bytes(content)
    assert_one_line(serve("--db", path), 1, path)
    assert path.read_bytes() == content, "what can't be read is not written over"


@pytest.mark.parametrize("content", [None, "", "no certificate\n"], ids=["missing", "empty", "of other things"])
def test_roots_that_are_none(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    assert_one_line(serve("--db", tmp_path / "policy.db", "--ca-file", path), 1, path)
    assert not (tmp_path / "policy.db").exists(), "it is told before the policy is touched"


def test_database_of_another_program(tmp_path):
    path = tmp_path / "policy.db"
    assert run(["sqlite3", path, "CREATE TABLE rule (x); PRAGMA user_version = 1;"]).returncode == 0
    assert_one_line(serve("--db", path), 1, path)


def test_locked_database(make_policy):
    policy = make_policy(["api.example.com"])
    policy.sql("PRAGMA journal_mode = DELETE;")
    with OpenShell(policy) as shell:
        shell.type("BEGIN EXCLUSIVE;")
        assert_one_line(serve("--db", policy.path), 1, policy.path)


def test_newer_database_is_refused_not_guessed_at(make_policy):
    policy = make_policy(["api.example.com"])
    policy.sql("PRAGMA user_version = 9999;")
    for command in (["serve", *FREE], ["init"], ["check"], ["explain"]):
        target = ["api.example.com"] if command == ["explain"] else []
        assert_one_line(run([PINHOLE, *command, "--db", policy.path, *target]), 1, policy.path)


def test_second_process_on_the_same_dns_port(launch, make_policy):
    """SO_REUSEPORT would hide it, and half of the queries would get the other's answers."""
    policy = make_policy()
    pinhole = launch(policy)
    taken = f"127.0.0.1:{pinhole.dns[1]}"
    assert_one_line(serve("--db", policy.path, "--dns-listen", taken, "--tls-listen", "127.0.0.1:0=443", free=False),
                    1, taken)


def test_second_process_on_the_same_tls_port(launch, make_policy):
    policy = make_policy()
    pinhole = launch(policy)
    taken = f"127.0.0.1:{pinhole.gate[1]}"
    assert_one_line(serve("--db", policy.path, "--dns-listen", "127.0.0.1:0", "--tls-listen", f"{taken}=443",
                          free=False), 1, taken)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_dns_port_taken_by_another_program(make_policy, kind):
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", free_port()))
        if kind == socket.SOCK_STREAM:
            other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        assert_one_line(serve("--db", make_policy().path, "--dns-listen", taken, "--tls-listen", "127.0.0.1:0=443",
                              free=False), 1, taken)


def test_address_of_another_machine(make_policy):
    assert_one_line(serve("--db", make_policy().path, "--dns-listen", "192.0.2.200:0"), 1, "192.0.2.200")


@pytest.mark.parametrize("arguments, word", [
    (["--no-such-flag"], "--no-such-flag"),
    (["--dns-listen"], "--dns-listen"),
    (["--dns-listen", "localhost:53"], "localhost:53"),
    (["--dns-listen", "127.0.0.1"], "127.0.0.1"),
    (["--dns-listen", "127.0.0.1:65536"], "127.0.0.1:65536"),
    (["--dns-listen", "127.0.0.1:53x"], "127.0.0.1:53x"),
    (["--dns-listen", "::1:53"], "::1:53"),
    (["--tls-listen", "127.0.0.1:0=0"], "127.0.0.1:0=0"),
    (["--tls-listen", "127.0.0.1:0=x"], "127.0.0.1:0=x"),
    (["--gate-address", "127.0.0"], "127.0.0"),
    (["--upstream-dns", "dns.example.com"], "dns.example.com"),
    (["--nsid", ""], "--nsid"),
    (["--nsid", "x" * 65], "--nsid"),
    (["--id-server", "a\nb"], "--id-server"),
    (["--version-bind", "caf\u00e9"], "--version-bind"),
    (["--workers", "0"], "--workers"),
    (["--workers", "-1"], "--workers"),
    (["--workers", "many"], "--workers"),
    (["--workers", "99999999999"], "--workers"),
    (["--log-format", "xml"], "--log-format"),
    (["surplus"], "surplus"),
    (["--tls-listen", "0.0.0.0:0=443"], "--gate-address"),
    (["--tls-listen", "[::]:0=443"], "--gate-address"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_usage_error(tmp_path, arguments, word):
    done = serve("--db", tmp_path / "policy.db", *arguments)
    assert_one_line(done, 2, word)
    assert not (tmp_path / "policy.db").exists(), "nothing is made before the command line is understood"


@pytest.mark.parametrize("arguments", [["frobnicate"], ["--serve"]])
def test_unknown_subcommand(arguments):
    assert_one_line(run([PINHOLE, *arguments]), 2, arguments[0])


def test_no_subcommand():
    done = run([PINHOLE])
    assert done.returncode == 2
    assert "serve" in done.stdout + done.stderr


@pytest.mark.parametrize("listen, upstream", [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"),
                                              ("0.0.0.0", "127.0.0.44")])
def test_upstream_dns_that_is_pinhole_itself(tmp_path, listen, upstream):
    """The gate would ask the resolver, and be answered with the gate."""
    port = free_port()
    done = serve("--db", tmp_path / "policy.db", "--dns-listen", f"{listen}:{port}", "--tls-listen",
                 "127.0.0.1:0=443", "--upstream-dns", f"{upstream}:{port}", free=False)
    assert done.returncode in (1, 2)
    assert_one_line(done, done.returncode, f"{upstream}:{port}")


@pytest.mark.isolated
def test_resolv_conf_that_leads_to_pinhole_itself(tmp_path):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.1\n")
    done = run([*isolation.with_file_over("/etc/resolv.conf", resolv_conf), PINHOLE, "serve",
                "--status-listen", "none", "--db", tmp_path / "policy.db", "--dns-listen", "127.0.0.1:53", "--tls-listen", "127.0.0.1:0=443"])
    assert done.returncode in (1, 2)
    assert_one_line(done, done.returncode, "127.0.0.1")


def test_wildcard_gate_with_gate_address(launch, make_policy, at_gate, gate_port):
    pinhole = launch(make_policy([at_gate("api.example.com")]), tls=["0.0.0.0:0"], gate_port=gate_port,
                     arguments=["--gate-address", "127.0.0.44"])
    assert is_allowed(pinhole.dns, "api.example.com")


def test_variables_stand_for_flags_and_lists_have_commas(launch, make_policy):
    first, second = free_port(), free_port()
    pinhole = launch(make_policy(), dns=[], tls=[], environment={
        "PINHOLE_DNS_LISTEN": f"127.0.0.1:{first},127.0.0.1:{second}", "PINHOLE_TLS_LISTEN": "127.0.0.1:0=443",
        "PINHOLE_GATE_ADDRESS": "127.0.0.7,127.0.0.8", "PINHOLE_UPSTREAM_DNS": "127.0.0.1:9"})
    assert [port for _, port in pinhole.dns_endpoints] == [first, second]


def test_flag_beats_its_variable(launch, make_policy, tmp_path):
    other = free_port()
    pinhole = launch(make_policy(), environment={
        "PINHOLE_DNS_LISTEN": f"127.0.0.1:{other}", "PINHOLE_DB": str(tmp_path / "other.db"),
        "PINHOLE_LOG_FORMAT": "nonsense"})
    assert [port for _, port in pinhole.dns_endpoints] != [other]
    assert not (tmp_path / "other.db").exists()


def test_bad_variable_is_a_usage_error(tmp_path):
    done = serve("--db", tmp_path / "policy.db", environment={"PINHOLE_WORKERS": "none"})
    assert_one_line(done, 2, "PINHOLE_WORKERS")


def test_other_variables_are_ignored(launch, make_policy):
    """Kubernetes makes such for a service called pinhole."""
    launch(make_policy(), environment={"PINHOLE_PORT": "tcp://10.0.0.1:53", "PINHOLE_SERVICE_HOST": "10.0.0.1",
                                       "PINHOLE_PORT_53_UDP_ADDR": "10.0.0.1"})


def test_init_says_what_it_did_and_may_be_repeated(tmp_path):
    path = tmp_path / "policy.db"
    first = run([PINHOLE, "init", "--db", path])
    assert first.returncode == 0
    assert str(path) in first.stdout
    second = run([PINHOLE, "init", "--db", path])
    assert second.returncode == 0
    assert second.stdout != first.stdout, "it made nothing this time, and says so"


def test_help():
    done = run([PINHOLE, "serve", "--help"])
    assert done.returncode == 0
    for flag in ("--db", "--dns-listen", "--tls-listen", "--proxy-from", "--gate-address", "--upstream-dns", "--workers",
                 "--log-format"):
        assert flag in done.stdout


@pytest.mark.skipif(not isolation.is_isolated, reason="needs a network namespace")
def test_listeners_on_any_port_never_share_one(launch, make_policy):
    """With eight ports in all, the kernel soon offers the same one twice."""
    ports = 'ip link set lo up && echo 40000 40007 > /proc/sys/net/ipv4/ip_local_port_range && exec "$0" "$@"'
    for _ in range(8):
        pinhole = launch(make_policy([]), prefix=("unshare", "-n", "sh", "-c", ports))
        assert pinhole.dns[1] != pinhole.gate[1]
        pinhole.stop()
