"""DNS over TLS (RFC 7858): with the clients that people use, and byte by byte."""
import concurrent.futures
import contextlib
import os
import shutil
import socket
import ssl
import threading
import time

import dns.edns
import dns.message
import dns.query
import dns.rcode
import pytest

from support.certificates import Certificates
from support.dns_client import ede_of, framed, is_allowed, question, read_exactly, read_framed, tcp_socket
from support.policy import Policy
from support.process import PINHOLE, Deadline, free_port, run

NAME = "dns.example.com"
PADDED = {"use_edns": 0, "options": [dns.edns.GenericOption(12, b"")]}


@pytest.fixture(scope="module")
def policy(tmp_path_factory, at_gate):
    return Policy(tmp_path_factory.mktemp("dot") / "policy.db", [at_gate("api.example.com")])


def dot_arguments(certificates, *endpoints):
    listeners = [word for endpoint in endpoints or ("127.0.0.1:0",) for word in ("--dot-listen", endpoint)]
    return [*listeners, "--dot-certificate", certificates.chain, "--dot-key", certificates.key]


@pytest.fixture(scope="module")
def pinhole(module_launch, policy, certificates, gate_port):
    return module_launch(policy, gate_port=gate_port, arguments=dot_arguments(certificates))


@pytest.fixture(scope="module")
def dot(pinhole):
    return pinhole.dot_endpoints[0]


def client_terms(certificates, protocols=("dot",), **limits):
    terms = ssl.create_default_context(cafile=certificates.ca)
    if protocols:
        terms.set_alpn_protocols(list(protocols))
    for limit, version in limits.items():
        setattr(terms, limit, version)
    return terms


def tls_socket(server, certificates, **terms):
    return client_terms(certificates, **terms).wrap_socket(tcp_socket(server), server_hostname=NAME)


def shown_certificate(server, certificates):
    with tls_socket(server, certificates) as client:
        return client.getpeercert()["serialNumber"]


def ask_over(client, name="api.example.com", **options):
    query = question(name, **options)
    client.sendall(framed(query.to_wire()))
    answer = read_framed(client)
    assert answer.id == query.id
    return answer


def kdig(server, certificates, *arguments):
    done = run(["kdig", f"@{server[0]}", "-p", server[1], f"+tls-ca={certificates.ca}", f"+tls-hostname={NAME}",
                *arguments])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_kdig_asks_twice_over_one_connection(dot, certificates):
    printed = kdig(dot, certificates, "+keepopen", "api.example.com", "other.org")
    assert "status: NOERROR" in printed and "127.0.0.1" in printed
    assert "status: NXDOMAIN" in printed and "other.org is denied" in printed
    assert "TLS1.3" in printed


def test_kdig_gets_padded_answers(dot, certificates):
    """RFC 8467 4.1: 468 bytes, whatever the answer."""
    for name in ("api.example.com", "other.org"):
        assert "Received 468 B" in kdig(dot, certificates, "+padding", name)


def test_no_padding_unless_asked_for(dot, certificates):
    """RFC 7830 4; and over plain TCP its length tells nothing that its text does not."""
    with tls_socket(dot, certificates) as client:
        assert len(ask_over(client, **PADDED).to_wire()) == 468
        assert 12 not in [option.otype for option in ask_over(client, use_edns=0).options]


def test_no_padding_over_plain_tcp(pinhole):
    with tcp_socket(pinhole.dns) as client:
        assert 12 not in [option.otype for option in ask_over(client, **PADDED).options]


def test_dnspython_asks(dot, certificates):
    answer = dns.query.tls(question("other.org", use_edns=0), dot[0], port=dot[1], timeout=Deadline(10).left(),
                           ssl_context=client_terms(certificates, protocols=()), server_hostname=NAME)
    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert "denied" in ede_of(answer)[1]


@pytest.mark.parametrize("option, wanted", [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")])
def test_openssl_agrees_on_protocol_and_version(dot, certificates, option, wanted):
    done = run(["openssl", "s_client", "-connect", f"{dot[0]}:{dot[1]}", "-CAfile", certificates.ca, "-servername", NAME,
                "-verify_hostname", NAME, "-verify_return_error", "-alpn", "dot", option], input="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ALPN protocol: dot" in done.stdout
    assert wanted in done.stdout
    assert "Compression: NONE" in done.stdout


@pytest.mark.parametrize("arguments", [
    ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    ["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-SHA:@SECLEVEL=0"],  # no forward secrecy
    ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],  # no authenticated encryption
    ["-alpn", "h2,http/1.1"],  # RFC 9325 3.7: somebody wants to speak something else
], ids=lambda words: " ".join(words[:2]))
def test_what_is_out_of_date_is_refused(dot, arguments):
    done = run(["openssl", "s_client", "-connect", f"{dot[0]}:{dot[1]}", *arguments], input="")
    assert done.returncode != 0
    assert "alert" in done.stderr, done.stderr


def test_renegotiation_is_refused(dot, certificates):
    """`R` asks s_client to renegotiate; the connection then gets an alert, and no second handshake."""
    done = run(["openssl", "s_client", "-connect", f"{dot[0]}:{dot[1]}", "-tls1_2", "-CAfile", certificates.ca], input="R\n")
    assert "RENEGOTIATING" in done.stdout + done.stderr
    assert "no renegotiation" in done.stderr, done.stderr


def test_session_is_resumed(dot, certificates, tmp_path):
    """Another worker may take the second connection."""
    session = tmp_path / "session.pem"
    connect = ["openssl", "s_client", "-connect", f"{dot[0]}:{dot[1]}", "-CAfile", certificates.ca, "-tls1_2"]
    assert "New, " in run([*connect, "-sess_out", session], input="").stdout
    for _ in range(8):
        assert "Reused, " in run([*connect, "-sess_in", session], input="").stdout


@pytest.mark.quick
def test_many_queries_in_one_stream(dot, certificates):
    queries = [question("api.example.com" if n % 2 else "other.org", **PADDED) for n in range(1000)]
    for number, query in enumerate(queries):
        query.id = number
    with tls_socket(dot, certificates) as client:
        for start in range(0, len(queries), 100):
            some = queries[start:start + 100]
            client.sendall(b"".join(framed(query.to_wire()) for query in some))
            answers = {answer.id: answer for answer in (read_framed(client) for _ in some)}
            for query in some:
                assert (answers[query.id].rcode() == dns.rcode.NOERROR) == (query.id % 2 == 1)


@pytest.mark.quick
def test_one_record_for_each_byte(dot, certificates):
    with tls_socket(dot, certificates) as client:
        for byte in framed(question("api.example.com").to_wire()) * 2:
            client.sendall(bytes([byte]))
        assert [read_framed(client).rcode() for _ in range(2)] == [dns.rcode.NOERROR] * 2


@pytest.mark.quick
def test_handshake_byte_by_byte(dot, certificates):
    """Its records arrive in pieces, as over a bad network."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_terms(certificates).wrap_bio(incoming, outgoing, server_hostname=NAME)
    with tcp_socket(dot) as client:

        def go_on(act):
            while True:
                try:
                    done = act()
                except ssl.SSLWantReadError:
                    done = None
                for byte in outgoing.read():
                    client.send(bytes([byte]))
                if done is not None:
                    return done
                incoming.write(client.recv(1))

        go_on(lambda: tls.do_handshake() or True)
        go_on(lambda: tls.write(framed(question("api.example.com").to_wire())))
        size = int.from_bytes(go_on(lambda: tls.read(2)), "big")
        assert dns.message.from_wire(go_on(lambda: tls.read(size))).rcode() == dns.rcode.NOERROR


@pytest.mark.quick
def test_client_that_stops_sending_gets_its_answers(dot, certificates):
    """Its stream ends without a close_notify; the server's ends with one, or recv() would raise."""
    with tls_socket(dot, certificates) as client:
        client.sendall(framed(question("api.example.com").to_wire()) * 3)
        socket.socket.shutdown(client, socket.SHUT_WR)
        for _ in range(3):
            assert read_framed(client).rcode() == dns.rcode.NOERROR
        assert client.recv(1) == b""


def test_close_notify_is_answered(dot, certificates):
    """RFC 8446 6.1"""
    with tls_socket(dot, certificates) as client:
        assert ask_over(client).rcode() == dns.rcode.NOERROR
        client.unwrap().close()


def test_client_that_does_not_read_is_not_read_from(dot, certificates):
    """Then it reads, and has all its answers: none was lost or mixed up on the way."""
    query = framed(question("api.example.com", **PADDED).to_wire())
    with tls_socket(dot, certificates) as client:
        client.setblocking(False)
        sent = 0
        with contextlib.suppress(ssl.SSLWantWriteError, BlockingIOError):
            while sent < 5_000_000:
                sent += client.send(query * 10)
        assert sent < 5_000_000, "somebody keeps megabytes"
        client.settimeout(Deadline(20).left())
        for _ in range(sent // len(query)):
            assert len(read_exactly(client, 2 + 468)) == 470


@pytest.mark.quick
def test_garbage_harms_nobody_else(pinhole, dot, certificates):
    hello = ssl.MemoryBIO()
    tls = client_terms(certificates).wrap_bio(ssl.MemoryBIO(), hello, server_hostname=NAME)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    good = hello.read()
    for wire in (b"", b"\x16", good[:50], good[:-1], good + good, b"\x16\3\1\xff\xff" + bytes(70000),
                 b"GET / HTTP/1.0\r\n\r\n", framed(question("api.example.com").to_wire())):
        with tcp_socket(dot) as client, contextlib.suppress(ConnectionError):
            client.sendall(wire)
    with tls_socket(dot, certificates) as client:
        client.sendall(b"\0\0")  # an empty message is none
        assert client.recv(1) == b""
    with tls_socket(dot, certificates) as client:
        assert ask_over(client).rcode() == dns.rcode.NOERROR
    assert is_allowed(pinhole.dns, "api.example.com")


def test_client_that_hangs_in_its_handshake_is_closed(dot):
    """As one that connects to plain DNS and says nothing: after ten seconds."""
    with tcp_socket(dot) as silent, tcp_socket(dot) as cut:
        cut.send(b"\x16\3\1\2\0\1")
        for client in (silent, cut):
            client.settimeout(Deadline(20).left())
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(100) == b""


def test_connections_of_a_client_are_limited(launch, policy, certificates, gate_port):
    """64 of one address at each worker's listener; a handshake that does not go on counts."""
    pinhole = launch(policy, gate_port=gate_port, workers=1, arguments=dot_arguments(certificates))
    dot = pinhole.dot_endpoints[0]
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(tcp_socket(dot))
        with tcp_socket(dot) as one_more, contextlib.suppress(ConnectionResetError):
            assert one_more.recv(1) == b""
        other = socket.create_connection(dot, Deadline(5).left(), source_address=("127.0.0.9", 0))
        with client_terms(certificates).wrap_socket(other, server_hostname=NAME) as client:
            assert ask_over(client).rcode() == dns.rcode.NOERROR


def test_several_listeners_and_variables(launch, policy, certificates, gate_port):
    pinhole = launch(policy, gate_port=gate_port, environment={
        "PINHOLE_DOT_LISTEN": "127.0.0.1:0,127.0.0.6:0", "PINHOLE_DOT_CERTIFICATE": str(certificates.chain),
        "PINHOLE_DOT_KEY": str(certificates.key)})
    assert [address for address, _ in pinhole.dot_endpoints] == ["127.0.0.1", "127.0.0.6"]
    for endpoint in pinhole.dot_endpoints:
        with tls_socket(endpoint, certificates) as client:
            assert ask_over(client).rcode() == dns.rcode.NOERROR


def start(policy, *arguments):
    return run([PINHOLE, "serve", "--db", policy.path, "--dns-listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0=443",
                "--upstream-dns", "127.0.0.9", *arguments])


@pytest.mark.parametrize("left_out, word", [("--dot-certificate", "no certificate"), ("--dot-key", "no key"),
                                            ("--dot-listen", "no listener")])
def test_a_flag_that_is_missing(policy, certificates, left_out, word):
    arguments = dot_arguments(certificates)
    at = arguments.index(left_out)
    done = start(policy, *arguments[:at], *arguments[at + 2:])
    assert done.returncode == 2
    assert word in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def other_certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("other"), [NAME])


@pytest.mark.parametrize("what", ["no file", "no certificate", "no key", "another's key", "a passphrase", "a folder"])
def test_bad_certificate_is_one_line(policy, certificates, other_certificates, tmp_path, what):
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    shutil.copy(certificates.chain, chain)
    shutil.copy(certificates.key, key)
    if what == "no file":
        key.unlink()
    elif what == "no certificate":
        chain.write_text("Not a certificate.\n")
    elif what == "no key":
        shutil.copy(certificates.chain, key)
    elif what == "another's key":
        shutil.copy(other_certificates.key, key)
    elif what == "a folder":
        key.unlink()
        key.mkdir()
    else:
        assert run(["openssl", "pkey", "-in", certificates.key, "-aes256", "-passout", "pass:x", "-out", key]).returncode == 0
    done = start(policy, "--dot-listen", "127.0.0.1:0", "--dot-certificate", chain, "--dot-key", key)
    assert done.returncode == 1
    line, = done.stderr.splitlines()
    assert str(chain if what == "no certificate" else key) in line, line


class Rotated:
    """Certificate files that change under a running process."""

    def __init__(self, directory, source):
        self.chain, self.key, self.ca = directory / "tls.crt", directory / "tls.key", source.ca
        self.put(source)

    def put(self, source):
        shutil.copy(source.chain, self.chain)
        shutil.copy(source.key, self.key)


def link_to(directory, folder):
    """As Kubernetes changes a secret: another folder behind one link."""
    (directory / "..fresh").symlink_to(folder)
    os.replace(directory / "..fresh", directory / "..data")


@pytest.mark.quick
def test_certificate_that_changes_in_place_is_taken(launch, policy, certificates, other_certificates, gate_port, tmp_path):
    files = Rotated(tmp_path, certificates)
    pinhole = launch(policy, gate_port=gate_port, arguments=dot_arguments(files))
    dot, = pinhole.dot_endpoints
    pinhole.log.wait(event="dot_certificate_loaded", certificate=str(files.chain))
    with tls_socket(dot, certificates) as early:
        mark = pinhole.log.mark()
        files.put(other_certificates)
        pinhole.log.wait(event="dot_certificate_loaded", since=mark)
        for _ in range(8):  # at whichever worker
            with tls_socket(dot, other_certificates) as client:
                assert ask_over(client).rcode() == dns.rcode.NOERROR
            assert ask_over(early).rcode() == dns.rcode.NOERROR  # with the old one, to its end


def test_certificate_behind_a_link_is_taken(launch, policy, certificates, other_certificates, gate_port, tmp_path):
    for name, source in (("one", certificates), ("two", other_certificates)):
        (tmp_path / name).mkdir()
        Rotated(tmp_path / name, source)
    link_to(tmp_path, "one")
    link = tmp_path / "..data"
    pinhole = launch(policy, gate_port=gate_port, arguments=[
        "--dot-listen", "127.0.0.1:0", "--dot-certificate", link / "tls.crt", "--dot-key", link / "tls.key"])
    pinhole.log.wait(event="dot_certificate_loaded")
    mark = pinhole.log.mark()
    link_to(tmp_path, "two")
    pinhole.log.wait(event="dot_certificate_loaded", since=mark)
    assert shown_certificate(pinhole.dot_endpoints[0], other_certificates)


def test_certificate_that_turns_bad_leaves_the_last_one(launch, policy, certificates, gate_port, tmp_path):
    files = Rotated(tmp_path, certificates)
    pinhole = launch(policy, gate_port=gate_port, arguments=dot_arguments(files))
    dot, = pinhole.dot_endpoints
    files.chain.write_text("broken")
    line, = pinhole.log.wait(event="dot_certificate_stale")
    assert line["where"] == str(files.chain) and line["remedy"]
    assert shown_certificate(dot, certificates)
    mark = pinhole.log.mark()
    files.put(certificates)
    pinhole.log.wait(event="dot_certificate_loaded", since=mark)
    assert len(pinhole.log.find(event="dot_certificate_stale")) == 1


def keep_asking(client, is_over, answers):
    """Asks again and again until it is over. True: closed before. A process that ends does that to a connection on which
    nothing came for a second, which is so where the machine stands still for as long."""
    last_at = time.monotonic()
    while not is_over.is_set():
        begun = time.monotonic()
        try:
            answers.append(ask_over(client))
        except (EOFError, OSError):
            assert time.monotonic() - last_at > 0.9, "closed, though it was in use"
            return True
        last_at = begun
    return False


@pytest.mark.quick
def test_next_process_takes_the_listener_over(launch, make_policy, at_gate, certificates, gate_port):
    policy = make_policy([at_gate("api.example.com")])

    def launch_at(**where):
        return launch(policy, gate_port=gate_port, drain=60, **where)

    before = launch_at(arguments=dot_arguments(certificates))
    dot, = before.dot_endpoints
    is_over, answers = threading.Event(), []
    with tls_socket(dot, certificates) as early, concurrent.futures.ThreadPoolExecutor() as pool:
        asking = pool.submit(keep_asking, early, is_over, answers)
        try:
            after = launch_at(arguments=[*dot_arguments(certificates, f"{dot[0]}:{dot[1]}"), "--take-over"],
                              dns=[f"127.0.0.1:{before.dns[1]}"], tls=[f"127.0.0.1:{before.gate[1]}"])
            after.log.wait(event="taken_over", sockets=8)
            before.log.wait(event="handed_over")
            count = len(answers)
            for _ in range(8):
                with tls_socket(dot, certificates) as client:
                    assert ask_over(client).rcode() == dns.rcode.NOERROR
        finally:
            is_over.set()
        assert asking.result() or len(answers) > count
        assert {answer.rcode() for answer in answers} == {dns.rcode.NOERROR}
    before.wait()


def test_listener_in_use_is_one_line(policy, certificates, dot):
    done = start(policy, *dot_arguments(certificates, f"{dot[0]}:{dot[1]}"))
    assert done.returncode == 1
    assert f"{dot[0]}:{dot[1]}" in done.stderr and len(done.stderr.splitlines()) == 1


def test_listeners_of_one_address_are_one_line(policy, certificates):
    port = free_port()
    done = start(policy, "--dns-listen", f"127.0.0.1:{port}", *dot_arguments(certificates, f"127.0.0.1:{port}"))
    assert done.returncode == 2
    assert "--dot-listen" in done.stderr
