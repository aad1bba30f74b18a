"""--take-over: the next process gets the listening sockets, with all that waits in them."""
import array
import contextlib
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import threading

import pytest

from support.dns_client import ask, framed, is_allowed, question, read_exactly, read_framed, tcp_socket, udp_socket
from support.hello import hello_for, read_to_end, records
from support.process import PINHOLE, SLOWNESS, Deadline, eventually, run

HELLO = records(hello_for(b"api.example.com"))
ANSWER = b"x" + b"the whole answer" * 1000
LONG = 3600  # seconds that no test waits for
NOBODY = 65534  # another user

# What the two processes say to each other: version, purpose, number.
SOCKETS, READY = b"\1\1\0\0", b"\1\2\0\0"


def serve(connection):
    assert read_exactly(connection, len(HELLO)) == HELLO
    connection.sendall(ANSWER)
    connection.shutdown(socket.SHUT_WR)
    return read_to_end(connection)


class Site:
    """A policy and all that the processes which take over from one another have in common."""

    def __init__(self, launch, policy, authority, gate_port):
        self._launch, self.policy, self._authority, self._gate_port = launch, policy, authority, gate_port
        self.path = policy.path.with_name(policy.path.name + ".take-over")

    def start(self, *arguments, drain=LONG, **options):
        return self._launch(self.policy, self._authority.endpoint, gate_port=self._gate_port, drain=drain,
                            arguments=arguments, **options)

    def take_over(self, pinhole, *arguments, **options):
        """The process that takes over from one that runs."""
        return self.start("--take-over", *arguments, **{"dns": [f"127.0.0.1:{pinhole.dns[1]}"],
                                                        "tls": [f"127.0.0.1:{pinhole.gate[1]}"], **options})


@pytest.fixture
def site(launch, make_policy, authority, at_gate, gate_port, tcp_server):
    authority.zone["api.example.com"] = ["127.0.0.2"]
    tcp_server(serve)
    return Site(launch, make_policy([at_gate("api.example.com")]), authority, gate_port)


def relay_through(gate):
    """One connection from its start to its end: what came back."""
    with socket.create_connection(gate, Deadline(20).left()) as client:
        client.sendall(HELLO)
        client.shutdown(socket.SHUT_WR)
        return read_to_end(client).data


def assert_serves(pinhole):
    assert is_allowed(pinhole.dns, "api.example.com")
    assert is_allowed(pinhole.dns, "api.example.com", tcp=True)
    assert relay_through(pinhole.gate) == ANSWER


def talk_to(path):
    """Connects as a successor would."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(Deadline(10).left())
    connection.connect(str(path))
    return connection


def take_sockets(connection):
    """Asks for the sockets, all of which fit into one message here."""
    connection.send(SOCKETS)
    size = 200 * array.array("i").itemsize
    data, control, _, _ = connection.recvmsg(64, socket.CMSG_SPACE(size))
    descriptors = array.array("i")
    for _, _, rights in control:
        descriptors.frombytes(rights)
    assert data[:2] == SOCKETS[:2] and int.from_bytes(data[2:], "big") == len(descriptors)
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]


def open_files(pinhole):
    """What its descriptors lead to."""
    files = set()
    for entry in pathlib.Path(f"/proc/{pinhole.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed by now
            files.add(os.readlink(entry))
    return files


@pytest.mark.quick
def test_next_process_serves_and_the_one_before_ends(site):
    before = site.start()
    after = site.take_over(before)
    after.log.wait(event="taken_over", sockets=6, from_pid=before.process.pid)
    before.log.wait(event="handed_over", pid=after.process.pid)
    before.wait()
    assert_serves(after)
    assert stat.S_IMODE(site.path.stat().st_mode) == 0o600, "the file is the next process's now"
    after.stop()
    assert not site.path.exists()


@pytest.mark.quick
def test_what_waits_in_the_queues_is_served(site):
    """Connections and questions come while the process stands still, and it hands over right when it goes on."""
    before = site.start()
    before.process.send_signal(signal.SIGSTOP)
    clients = [before.connect() for _ in range(150)]
    questions = [tcp_socket(before.dns) for _ in range(50)]
    datagrams = [udp_socket(before.dns) for _ in range(100)]
    wire = question("api.example.com").to_wire()
    for client in clients:
        client.sendall(HELLO)
        client.shutdown(socket.SHUT_WR)
    for client in questions:
        client.sendall(framed(wire))
    for client in datagrams:
        client.send(wire)
    before.process.send_signal(signal.SIGCONT)
    after = site.take_over(before)
    for client in datagrams:
        with client:
            assert client.recv(4096)[:2] == wire[:2]
    for client in questions:
        with client:
            assert read_framed(client).answer
    for client in clients:
        with client:
            assert read_to_end(client).data == ANSWER
    before.wait(seconds=60)
    assert_serves(after)


@pytest.mark.quick
def test_sockets_carry_what_came_meanwhile(site):
    """The same, without a race: nobody reads the sockets any more, though the process before has a connection."""
    before = site.start(workers=1)
    held = before.connect()
    held.sendall(HELLO)
    assert read_exactly(held, 1) == ANSWER[:1]
    with talk_to(site.path) as connection:
        taken = take_sockets(connection)
        files = {f"socket:[{os.fstat(one.fileno()).st_ino}]" for one in taken}
        assert files <= open_files(before)
        connection.send(READY)
        eventually(lambda: not files & open_files(before), 10, "the process before has closed the sockets")
    listeners = [one for one in taken if one.type == socket.SOCK_STREAM]
    udp, = [one for one in taken if one.type == socket.SOCK_DGRAM]
    gate, = [one for one in listeners if one.getsockname() == before.gate]
    with before.connect() as client, udp_socket(before.dns) as asking:
        client.sendall(HELLO)
        asking.send(b"a question")
        gate.setblocking(True)
        accepted, _ = gate.accept()
        with accepted:
            assert read_exactly(accepted, len(HELLO)) == HELLO
        udp.setblocking(True)
        assert udp.recv(100) == b"a question"
    with held:
        held.shutdown(socket.SHUT_WR)
        assert read_to_end(held).data == ANSWER[1:]
    before.wait()
    for one in taken:
        one.close()


class Load:
    """Clients that come one after the other, until they are told to stop; none may fail."""

    def __init__(self, rounds):
        self.counts, self.failures = [0] * len(rounds), []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(index, each)) for index, each in enumerate(rounds)]
        for thread in self._threads:
            thread.start()

    def _run(self, index, each):
        while not self._stop.is_set():
            try:
                each()
                self.counts[index] += 1
            except Exception as failure:  # pylint: disable=broad-except
                self.failures.append(failure)

    def await_more(self):
        """Until each kind of client was served a few more times."""
        wanted = [count + 10 for count in self.counts]
        eventually(lambda: self.failures or all(map(int.__ge__, self.counts, wanted)), 20, "clients are served")

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.quick
def test_steady_load_has_no_failure(site):
    """Across several take-overs, by more workers and by fewer."""
    running = site.start(workers=2)
    dns, gate = running.dns, running.gate

    def connect():
        assert relay_through(gate) == ANSWER

    def ask_once(tcp):
        assert ask(dns, "api.example.com", tcp=tcp).answer

    load = Load([connect, connect, lambda: ask_once(False), lambda: ask_once(False), lambda: ask_once(True)])
    for workers in (1, 3, 2):
        load.await_more()
        before, running = running, site.take_over(running, workers=workers)
        before.wait()
    load.await_more()
    load.stop()
    print(f"served: {load.counts}")
    assert not load.failures


@pytest.mark.quick
@pytest.mark.parametrize("workers", [(3, 1), (1, 4), (50, 2)], ids=["fewer", "more", "many"])
def test_worker_counts_may_differ(site, workers):
    before = site.start(workers=workers[0])
    after = site.take_over(before, workers=workers[1])
    after.log.wait(event="taken_over", sockets=3 * workers[0])
    before.wait()
    for _ in range(20):
        assert_serves(after)


@pytest.mark.quick
def test_connection_of_before_finishes(site):
    before = site.start()
    with before.connect() as client:
        client.sendall(HELLO)
        assert read_exactly(client, 1) == ANSWER[:1]
        after = site.take_over(before)
        before.log.wait(event="handed_over")
        assert_serves(after)
        assert before.process.poll() is None
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client).data == ANSWER[1:]
    before.wait()


@pytest.mark.quick
def test_listeners_may_differ(site):
    before = site.start(tls=["127.0.0.1:0", "127.0.0.1:0"])
    kept, dropped = before.tls_endpoints
    after = site.take_over(before, tls=[f"127.0.0.1:{kept[1]}", "127.0.0.1:0"])
    before.wait()
    assert after.tls_endpoints[0] == kept
    for gate in after.tls_endpoints:
        assert relay_through(gate) == ANSWER
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(dropped, 5)


@pytest.mark.quick
def test_take_over_from_a_lame_duck(site):
    before = site.start(lame_duck=LONG)
    before.process.send_signal(signal.SIGTERM)
    before.log.wait(event="stopping")
    after = site.take_over(before)
    before.wait()
    assert_serves(after)


@pytest.mark.quick
def test_successor_that_fails_changes_nothing(site):
    before = site.start()
    failed = run([PINHOLE, "serve", "--take-over", "--status-listen", "none", "--db", site.policy.path, "--dns-listen",
                  f"127.0.0.1:{before.dns[1]}", "--tls-listen", f"127.0.0.1:{before.gate[1]}", "--upstream-dns",
                  f"127.0.0.1:{before.dns[1]}"])
    assert failed.returncode == 1 and "Pinhole itself" in failed.stderr
    before.log.wait(event="hand_over_failed")
    assert_serves(before)
    after = site.take_over(before)
    before.wait()
    assert_serves(after)


@pytest.mark.quick
def test_successor_that_vanishes_changes_nothing(site):
    """It has the sockets, reads none of them, and is gone."""
    before = site.start()
    with talk_to(site.path) as connection:
        taken = take_sockets(connection)
        assert_serves(before)
    before.log.wait(event="hand_over_failed", pid=os.getpid())
    for one in taken:
        one.close()
    assert_serves(before)


@pytest.mark.quick
@pytest.mark.parametrize("message", [b"\2\1\0\0", b"\1\0\0\0", b"\1\3\0\0", b"\1", SOCKETS + b"\0", b"\1" * 1000, READY],
                         ids=["version", "none", "unknown", "short", "long", "longest", "ready-too-soon"])
def test_nonsense_is_turned_away(site, message):
    before = site.start()
    with talk_to(site.path) as connection:
        connection.send(message)
        assert connection.recv(100) == b""
    before.log.wait(event="hand_over_failed")
    assert_serves(before)
    after = site.take_over(before)
    before.wait()
    assert_serves(after)


CLIENT = """import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(60)
s.connect("policy.db.take-over")
try:
    s.send(bytes([1, 1, 0, 0]))
except BrokenPipeError:
    pass
try:
    print(s.recv(100))
except ConnectionResetError:
    print(b"")
"""

SERVER = """import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("policy.db.take-over"); s.listen()
print("ready", flush=True); sys.stdin.read()
"""


def start_as_nobody(program, folder):
    """A Python program of another user's, in a folder that this user can read and write."""
    folder.chmod(0o777)
    try:
        return subprocess.Popen([sys.executable, "-I", "-c", program], cwd=folder, user=NOBODY, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError:
        return pytest.skip("no permission to become another user")


@pytest.mark.quick
def test_another_user_is_refused(site):
    before = site.start()
    with start_as_nobody(CLIENT, site.path.parent) as client:
        assert "PermissionError" in client.communicate(timeout=20 * SLOWNESS)[0], "by the file's mode"
    site.path.chmod(0o666)
    with start_as_nobody(CLIENT, site.path.parent) as client:
        assert client.communicate(timeout=20 * SLOWNESS)[0] == "b''\n", "by who it is"
    before.log.wait(event="hand_over_refused", uid=NOBODY)
    assert_serves(before)
    after = site.take_over(before)
    before.wait()
    assert_serves(after)


@pytest.mark.quick
def test_nothing_is_taken_from_another_user(site):
    with start_as_nobody(SERVER, site.path.parent) as server:
        assert server.stdout.readline() == "ready\n"
        failed = run([PINHOLE, "serve", "--take-over", "--status-listen", "none", "--db", site.policy.path, "--dns-listen", "127.0.0.1:0",
                      "--tls-listen", "127.0.0.1:0=443", "--upstream-dns", "127.0.0.1:9"])
        assert failed.returncode == 1 and "another user" in failed.stderr
        server.communicate("")


@pytest.mark.quick
def test_nobody_to_take_over_from(site):
    pinhole = site.start("--take-over")
    line, = pinhole.log.wait(event="taken_over", sockets=0)
    assert "from_pid" not in line
    assert_serves(pinhole)


@pytest.mark.quick
@pytest.mark.parametrize("arguments", [(), ("--take-over",)], ids=["start", "take-over"])
def test_socket_of_a_process_that_was_killed(site, arguments):
    killed = site.start()
    killed.kill()
    assert site.path.exists()
    before = site.start(*arguments)
    after = site.take_over(before)
    before.wait()
    assert_serves(after)


@pytest.mark.quick
def test_without_the_flag_addresses_are_in_use(site):
    pinhole = site.start()
    failed = run([PINHOLE, "serve", "--status-listen", "none", "--db", site.policy.path, "--dns-listen", f"127.0.0.1:{pinhole.dns[1]}",
                  "--tls-listen", "127.0.0.1:0=443", "--upstream-dns", "127.0.0.1:9"])
    assert failed.returncode == 1 and "in use" in failed.stderr
    assert_serves(pinhole)


@pytest.mark.quick
def test_second_process_with_the_same_file_leaves_the_offer_alone(site):
    first = site.start()
    second = site.start()
    second.log.wait(event="take_over_not_offered", where=site.path)
    second.stop()
    after = site.take_over(first)
    first.wait()
    assert_serves(after)


@pytest.mark.quick
def test_path_too_long_for_a_socket(site, tmp_path):
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    site.policy = site.policy.copy_to(folder / "policy.db")
    pinhole = site.start()
    pinhole.log.wait(event="take_over_not_offered")
    assert_serves(pinhole)
