"""Resolvers that people use, with a pod's resolv.conf: each finds what is allowed, and takes a denial for an answer."""
import os
import pathlib
import shutil
import sys
import time
from collections import Counter

import pytest

from support.authority import Authority
from support.dns_client import dig
from support.isolation import with_file_over
from support.process import REPOSITORY, eventually, run, spawn, stop
from support.tap import Tap

pytestmark = pytest.mark.isolated

GATE = "192.0.2.77"
CLUSTER_ADDRESS = "10.96.0.1"
SERVER = ("127.0.0.10", 53)
SECONDS_MAX = 4
SEARCHES = ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local"]
RESOLV_CONF = "nameserver {}\nsearch " + " ".join(SEARCHES) + "\noptions ndots:{}\n"
SOURCES = pathlib.Path(__file__).parents[1] / "support/clients"

NODE_LOOKUP = "require('dns').lookup(process.argv[1], {all: true}, (error, found) => " \
              "{ if (error) throw error; found.forEach(one => console.log(one.address)) })"
NODE_RESOLVE = "require('dns').resolve4(process.argv[1], (error, found) => " \
               "{ if (error) throw error; found.forEach(one => console.log(one)) })"
DNSPYTHON = "import dns.resolver, sys\n" \
            "for record in dns.resolver.resolve(sys.argv[1], search=True): print(record)"
GETADDRINFO = "import socket, sys\n" \
              "for found in socket.getaddrinfo(sys.argv[1], 443, proto=socket.IPPROTO_TCP): print(found[4][0])"

# Client: its command, before the name. A word in braces is a program that `programs` builds.
CLIENTS = {
    "dig": ["dig", "+search", "+short"],
    "kdig": ["kdig", "+short"],
    "drill": ["drill"],
    "delv": ["delv", "-i", "+short"],
    "dnspython": [sys.executable, "-c", DNSPYTHON],
    "glibc": ["getent", "ahosts"],
    "python": [sys.executable, "-c", GETADDRINFO],
    "musl": ["{musl}"],
    "c-ares": ["{c-ares}"],
    "node": ["node", "-e", NODE_LOOKUP],
    "node-c-ares": ["node", "-e", NODE_RESOLVE],
    "java": ["java", SOURCES / "Lookup.java"],
    "go": ["{go}"],
}
# These have the search list of resolv.conf.
SEARCHING = ["dig", "dnspython", "glibc", "python", "musl", "c-ares", "node", "java", "go"]

# Program: how it is made; OUTPUT is where.
OUTPUT = "OUTPUT"
PROGRAMS = {
    "musl": ["musl-gcc", "-static", "-o", OUTPUT, SOURCES / "getaddrinfo.c"],
    "c-ares": ["cc", "-o", OUTPUT, SOURCES / "c_ares.c", "-lcares"],
    "go": ["go", "build", "-o", OUTPUT, SOURCES / "lookup.go"],
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Builds a program when it is first wanted."""
    directory = tmp_path_factory.mktemp("programs")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOCACHE": str(directory / "cache"), "GOFLAGS": "-mod=mod"}

    def build(name):
        path = directory / name
        if not path.exists():
            if shutil.which(PROGRAMS[name][0]) is None:
                pytest.skip(f"client {name}: {PROGRAMS[name][0]} is not installed")
            done = run([path if word == OUTPUT else word for word in PROGRAMS[name]], seconds=120, env=environment)
            assert done.returncode == 0, done.stderr
        return path

    return build


@pytest.fixture(scope="module")
def cluster():
    """The cluster's own DNS."""
    server = Authority("127.0.0.4")
    server.zone["kubernetes.default.svc.cluster.local"] = [CLUSTER_ADDRESS]
    yield server
    server.stop()


@pytest.fixture
def pinhole(launch, make_policy, authority, cluster):
    arguments = ["--gate-address", GATE, "--internal-zone", f"cluster.local={cluster.endpoint}"]
    return launch(make_policy(["api.example.com"]), authority.endpoint, dns=[f"{SERVER[0]}:{SERVER[1]}"],
                  arguments=arguments)


@pytest.fixture
def tap(pinhole):
    tap = Tap(pinhole.dns)
    yield tap
    tap.close()


class Pod:
    """Where clients find a pod's resolv.conf, and a name service that has nothing but DNS."""

    def __init__(self, directory, programs, ndots=5, nameserver=SERVER[0]):
        self._programs, self._mounts = programs, []
        files = {"/etc/resolv.conf": RESOLV_CONF.format(nameserver, ndots), "/etc/nsswitch.conf": "hosts: files dns\n"}
        for number, (over, content) in enumerate(files.items()):
            source = directory / f"file{number}"
            source.write_text(content)
            self._mounts += with_file_over(over, source)

    def look_up(self, client, name):
        """Runs a client; returns what it printed on standard output, and how many seconds it took."""
        first, *rest = CLIENTS[client]
        command = self._programs(first.strip("{}")) if first.startswith("{") else shutil.which(first)
        if command is None:
            pytest.skip(f"client {client}: {first} is not installed")
        begun = time.monotonic()
        done = run([*self._mounts, command, *rest, name], seconds=50)
        seconds = time.monotonic() - begun
        print(f"{client} {name}: {seconds:.3f} s, status {done.returncode}: "
              f"{' '.join((done.stdout + done.stderr).split())[:200]}")
        return done.stdout, seconds


@pytest.fixture
def pod(tmp_path, programs):
    return Pod(tmp_path, programs)


def candidates(client, name):
    """The names that a client may ask for on behalf of `name`."""
    searched = [f"{name}.{suffix}." for suffix in SEARCHES] if client in SEARCHING else []
    return {f"{name}.", *searched}


def look_up_asking_each_once(pod, tap, client, name, times_max=1):
    """Whoever waits in vain asks again: a question that comes once was answered to the client's satisfaction. It took less
    than the five seconds after which most ask again, or give up. Whoever waits while the machine stands still asks again,
    too, but not three times on end. What stands in between may ask `times_max` times. Returns what the client printed."""
    for _ in range(3):
        (printed, seconds), queries = pod.look_up(client, name), tap.queries()
        assert queries, "nothing was asked"
        assert {asked for asked, _ in queries} <= candidates(client, name), queries
        if max(Counter(queries).values()) <= times_max and seconds < SECONDS_MAX:
            return printed
    raise AssertionError(f"asked again, or waited, each time: {queries}, {seconds:.1f} s")


@pytest.mark.parametrize("client", CLIENTS)
def test_allowed_name_is_found(pod, tap, client):
    assert GATE in look_up_asking_each_once(pod, tap, client, "api.example.com")


@pytest.mark.parametrize("client", CLIENTS)
def test_denied_name_fails_fast(pod, tap, client):
    assert GATE not in look_up_asking_each_once(pod, tap, client, "other.example.org")


@pytest.mark.parametrize("client", SEARCHING)
@pytest.mark.parametrize("name", ["kubernetes.default", "kubernetes.default.svc.cluster.local"])
def test_name_in_the_cluster_is_found(pod, tap, client, name):
    assert CLUSTER_ADDRESS in look_up_asking_each_once(pod, tap, client, name)


@pytest.mark.parametrize("client", SEARCHING)
def test_two_dots_spare_questions_for_what_is_outside(tmp_path, programs, tap, client):
    """With ndots:2 a name outside is asked for as it is, and services are found as ever."""
    pod = Pod(tmp_path, programs, ndots=2)
    assert GATE in pod.look_up(client, "api.example.com")[0]
    assert {name for name, _ in tap.queries()} == {"api.example.com."}
    assert CLUSTER_ADDRESS in pod.look_up(client, "kubernetes.default")[0]
    assert "kubernetes.default." not in {name for name, _ in tap.queries()}


STUB = ("127.0.0.53", 53)
FETCHED = REPOSITORY / "build/resolved"  # by scripts/fetch_resolved.sh, with libraries that the machine lacks
RESOLVED = next((path for path in [FETCHED / "lib/systemd/systemd-resolved", FETCHED / "usr/lib/systemd/systemd-resolved",
                                   pathlib.Path("/lib/systemd/systemd-resolved")] if path.exists()), None)
RESOLVED_LIBRARIES = ":".join(sorted({str(path.parent) for path in FETCHED.rglob("*.so*")}))
RESOLVED_CONF = f"[Resolve]\nDNS={SERVER[0]}\nDomains={' '.join(SEARCHES)}\nLLMNR=no\nMulticastDNS=no\nDNSSEC=no\nCache=no\n"
# It wants a user of its own, places to write to, and a link that is not loopback; neither systemd nor D-Bus.
START_RESOLVED = """set -e
mount -t tmpfs none /run
mount -t tmpfs none /etc/systemd
mkdir -p /run/systemd/resolve /run/systemd/netif/links
cp "$1" /etc/systemd/resolved.conf
(echo systemd-resolve:x:0:0::/:/bin/false; cat /etc/passwd) > /run/passwd
mount --bind /run/passwd /etc/passwd
LD_LIBRARY_PATH=$3 exec "$2"
"""


@pytest.fixture
def stub(pinhole, tmp_path):
    """systemd-resolved, which asks Pinhole."""
    if RESOLVED is None:
        pytest.skip("needs systemd-resolved: scripts/fetch_resolved.sh could not get it, or did not run")
    configuration, log = tmp_path / "resolved.conf", tmp_path / "resolved.log"
    configuration.write_text(RESOLVED_CONF)
    if run(["ip", *"link add pod0 type veth peer name pod1".split()]).returncode != 0:
        pytest.skip("this kernel makes no veth links")
    for words in ("link set pod0 up", "link set pod1 up", "addr add 10.99.0.2/24 dev pod0"):
        assert run(["ip", *words.split()]).returncode == 0
    with log.open("w") as output:
        process = spawn(["unshare", "-m", "sh", "-c", START_RESOLVED, "sh", configuration, RESOLVED, RESOLVED_LIBRARIES],
                        stdout=output, stderr=output)
    try:
        eventually(lambda: process.poll() is not None or f"{STUB[0]}%lo:{STUB[1]}" in run(["ss", "-lnuH"]).stdout, 10,
                   "systemd-resolved listens")
        assert process.poll() is None, log.read_text()
        yield STUB
    finally:
        stop(process)
        assert run(["ip", "link", "del", "pod0"]).returncode == 0


@pytest.fixture
def pod_with_stub(stub, tmp_path, programs):
    return Pod(tmp_path, programs, nameserver=stub[0])


def test_stub_of_systemd_resolved(stub, tap):
    """After NXDOMAIN it asks once more without EDNS, whoever the server is ("DVE-2018-0001 mitigation"). Of three times
    each, as it asks again where the machine stands still for a moment."""
    of_allowed, of_denied = [], []
    for _ in range(3):
        assert dig(stub, "api.example.com").addresses() == [GATE]
        of_allowed.append(tap.queries())
        assert dig(stub, "other.example.org").status == "NXDOMAIN"
        of_denied.append(tap.queries())
    assert [("api.example.com.", "A")] in of_allowed, of_allowed
    assert [("other.example.org.", "A")] in of_denied or [("other.example.org.", "A")] * 2 in of_denied, of_denied


@pytest.mark.parametrize("client", ["dig", "glibc"])
@pytest.mark.parametrize("name, address", [
    ("api.example.com", GATE),
    ("other.example.org", None),
    ("kubernetes.default", CLUSTER_ADDRESS),
    ("kubernetes.default.svc.cluster.local", CLUSTER_ADDRESS),
])
def test_pod_with_the_stub(pod_with_stub, tap, client, name, address):
    """On the way to any name may be some that do not exist, for which the stub asks twice."""
    printed = look_up_asking_each_once(pod_with_stub, tap, client, name, times_max=2)
    assert {known for known in (GATE, CLUSTER_ADDRESS) if known in printed} == ({address} if address else set())
