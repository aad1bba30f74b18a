"""Fixtures of the system tests. The whole session runs in namespaces of its own where that is permitted."""
import faulthandler
import resource
import signal

import pytest

from support import isolation
from support.authority import Authority
from support.certificates import Certificates
from support.checked import NAME, World
from support.pinhole import Pinhole
from support.policy import Policy, insert, quote, set_setting
from support.process import PINHOLE, SLOWNESS, free_port
from support.webserver import Nginx, TcpServer

TEST_SECONDS = 60
QUICK_ROWS = 4
SERVER = "127.0.0.2"  # where the servers of allowed names live; Pinhole itself stays on 127.0.0.1


def pytest_configure():
    if not PINHOLE.exists():
        pytest.exit(f"no program to test at {PINHOLE}: build it, or set PINHOLE", 2)
    isolation.enter()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_report_header():
    where = "namespaces of its own" if isolation.is_isolated else "the machine's network (isolated tests are skipped)"
    return f"pinhole: {PINHOLE}, slowness {SLOWNESS}, in {where}"


def pytest_collection_modifyitems(config, items):
    """The quick set, which runs under sanitizers, has a few rows of each table, spread over it: the rows of one table
    take much the same way through the program, and the unit tests run all of theirs."""
    if config.option.markexpr != "quick":
        return
    tables = {}
    for item in items:
        if item.get_closest_marker("quick"):
            tables.setdefault((item.path, item.originalname), []).append(item)
    kept = set()
    for rows in tables.values():
        step = max(1, -(-len(rows) // QUICK_ROWS))
        kept.update(rows[::step])
    items[:] = [item for item in items if item in kept]


def pytest_runtest_setup(item):
    if item.get_closest_marker("isolated") and not isolation.is_isolated:
        pytest.skip("no permission to make namespaces")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """No test hangs: an exception at the deadline, and the end of the run if even that has no effect."""
    marker = item.get_closest_marker("seconds")
    seconds = (marker.args[0] if marker else TEST_SECONDS) * SLOWNESS

    def on_alarm(*_):
        raise TimeoutError(f"the test took longer than {seconds} s")

    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(seconds + 60, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.alarm(0)


@pytest.fixture(scope="session")
def gate_port():
    """The port that clients believe they connect to, and that is dialled upstream."""
    return 443 if isolation.is_isolated else free_port(SERVER)


@pytest.fixture(scope="session")
def at_gate(gate_port):
    """Makes of a name the target that allows it on the gate's port."""
    return lambda name: name if gate_port == 443 else f"{name}:{gate_port}"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"), ["example.com", "*.example.com"])


@pytest.fixture(scope="session")
def nginx(tmp_path_factory, certificates, gate_port):
    server = Nginx(tmp_path_factory.mktemp("nginx"), certificates, [("127.0.0.3", gate_port)])
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_authority():
    server = Authority()
    yield server
    server.stop()


@pytest.fixture
def authority(shared_authority):
    """The upstream DNS, with an empty zone."""
    shared_authority.clear()
    return shared_authority


@pytest.fixture(scope="module")
def module_launch():
    """Like launch, for a process that all tests of a file share."""
    yield from _launcher()


@pytest.fixture
def launch():
    """Starts `pinhole serve` with the arguments of Pinhole(); it is stopped, and must end well, after the test."""
    yield from _launcher()


def _launcher():
    running = []

    def start(*arguments, **options):
        running.append(Pinhole(*arguments, **options))
        return running[-1]

    yield start
    failures = []
    for pinhole in running:
        try:
            pinhole.stop()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def make_policy(tmp_path):
    """Makes a policy file that allows the targets given."""
    return lambda targets=(), **options: Policy(tmp_path / "policy.db", targets, **options)


@pytest.fixture
def tcp_server(gate_port):
    """Starts a raw TCP server on the gate's port at SERVER, or where told."""
    running = []

    def start(handle, addresses=(SERVER,)):
        running.append(TcpServer(handle, addresses, gate_port))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def start_checking(launch, make_policy, authority, at_gate, gate_port, world):
    """Starts Pinhole with one rule for NAME, whose `pins` are (SPKI, columns) pairs."""
    def launch_it(pins=(), settings=(), addresses=(SERVER,), target=NAME, **columns):
        authority.zone["*"] = list(addresses)
        policy = make_policy([])
        statements = "".join(f"INSERT INTO pin (rule_id, spki_sha256{''.join(', ' + key for key in more)})"
                             f" VALUES (1, {quote(pin)}{''.join(', ' + quote(value) for value in more.values())});"
                             for pin, more in pins)
        rule = insert(at_gate(target), **{"id": 1, "verify": "chain", **columns})
        policy.sql("BEGIN;" + rule.replace(quote("pin-only"), quote("chain")) + statements
                   + f"UPDATE rule SET verify = {quote(columns.get('verify', 'chain'))} WHERE id = 1;"
                   + "".join(set_setting(*setting) for setting in settings) + "COMMIT;")
        return launch(policy, authority.endpoint, gate_port=gate_port,
                      arguments=["--ca-file", world.root.certificate]), policy
    return launch_it
