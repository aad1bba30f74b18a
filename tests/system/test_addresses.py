"""Which addresses of a name the gate dials: public ones, private ones where a setting opens them, some never."""
import itertools

import pytest

from support import isolation
from support.hello import INTERNAL_ERROR, hello_for, read_to_end, records, send_all_then_read
from support.policy import Policy
from support.process import free_port

pytestmark = pytest.mark.quick

PRIVATE = ["127.0.0.2", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.9", "192.0.2.9", "198.18.0.9",
           "198.51.100.1", "203.0.113.1", "240.0.0.1", "255.255.255.255", "0.0.0.0", "169.254.169.254", "224.0.0.1",
           "192.0.0.192", "168.63.129.16", "100.100.100.200",
           "::1", "::", "::ffff:127.0.0.2", "::ffff:10.1.2.3", "::127.0.0.2", "fd00::9", "fe80::1", "ff02::1",
           "2001:db8::9", "2002:7f00:2::1", "2002:a01:203::", "64:ff9b::7f00:2", "64:ff9b::a01:203",
           "64:ff9b:1::a01:203", "fd00:ec2::254"]

NEVER = ["169.254.169.254", "169.254.1.1", "168.63.129.16", "100.100.100.200", "192.0.0.192", "224.0.0.1", "0.0.0.0",
         "fd00:ec2::254", "fe80::1", "ff02::1", "::", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
         "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"]
EVERYTHING = ("0.0.0.0/0,::/0,169.254.0.0/16,168.63.129.16/32,100.64.0.0/10,192.0.0.0/24,224.0.0.0/4,0.0.0.0/8,"
              "fd00::/8,fe80::/10,ff00::/8,64:ff9b::/96,2002::/16")

numbers = itertools.count()


@pytest.fixture
def name():
    """A name that no test before has used, so that no cache interferes."""
    return f"n{next(numbers)}.example.com"


@pytest.fixture(scope="module")
def start(module_launch, tmp_path_factory, shared_authority, at_gate, gate_port):
    def started(networks):
        directory = tmp_path_factory.mktemp("addresses")
        policy = Policy(directory / "policy.db", [at_gate("*.example.com")], private_networks=networks)
        return module_launch(policy, shared_authority.endpoint, gate_port=gate_port)

    return started


@pytest.fixture(scope="module")
def closed(start):
    """Pinhole with the default setting."""
    return start("")


@pytest.fixture(scope="module")
def wide_open(start):
    """Pinhole with everything opened that can be."""
    return start(EVERYTHING)


@pytest.fixture
def everywhere(tcp_server):
    """A server on all addresses that a test could lead to."""
    extra = isolation.EXTRA_ADDRESSES if isolation.is_isolated else []
    return tcp_server(lambda connection: read_to_end(connection).data, ["127.0.0.1", "127.0.0.2", "::1", *extra])


def assert_address_refused(pinhole, name):
    mark = pinhole.log.mark()
    ending = send_all_then_read(pinhole.gate, records(hello_for(name.encode())))
    assert (ending.alert, ending.was_reset) == (INTERNAL_ERROR, False)
    line, = pinhole.log.wait(since=mark, event="connection", name=name)
    assert (line["decision"], line["reason"]) == ("deny", "upstream_address_refused")


def assert_reaches(pinhole, name, server, upstream):
    mark = pinhole.log.mark()
    hello = records(hello_for(name.encode()))
    with pinhole.connect() as client:
        client.sendall(hello)
        client.shutdown(1)
        assert read_to_end(client).data == b""
    assert server.wait_results(1) == [hello]
    line, = pinhole.log.wait(since=mark, event="connection", name=name)
    assert line["upstream"].rsplit(":", 1)[0].strip("[]") == upstream


@pytest.mark.parametrize("address", PRIVATE)
def test_private_address_is_refused(closed, authority, everywhere, name, address):
    authority.zone[name] = [address]
    assert_address_refused(closed, name)
    assert everywhere.accepted == 0


@pytest.mark.parametrize("address", NEVER)
def test_no_setting_opens(wide_open, authority, everywhere, name, address):
    authority.zone[name] = [address]
    assert_address_refused(wide_open, name)
    assert everywhere.accepted == 0


@pytest.mark.parametrize("address", ["127.0.0.2", "::1"])
def test_setting_opens_a_private_address(wide_open, authority, everywhere, name, address):
    authority.zone[name] = [address]
    assert_reaches(wide_open, name, everywhere, address)


@pytest.mark.isolated
@pytest.mark.parametrize("address", [isolation.PUBLIC_V4, isolation.PUBLIC_V6])
def test_public_address_is_dialled(closed, authority, everywhere, name, address):
    authority.zone[name] = [address]
    assert_reaches(closed, name, everywhere, address)


@pytest.mark.isolated
@pytest.mark.parametrize("private", ["127.0.0.2", "10.1.2.3", "169.254.169.254", "::1", "fd00::9"])
def test_private_address_beside_a_public_one_is_passed_over(closed, authority, everywhere, name, private):
    authority.zone[name] = [private, isolation.PUBLIC_V4]
    assert_reaches(closed, name, everywhere, isolation.PUBLIC_V4)


@pytest.mark.parametrize("listen, upstream", [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.8")])
def test_gate_never_dials_itself(launch, make_policy, authority, listen, upstream):
    """A name that leads back to the gate would loop until all descriptors are used up."""
    port = free_port()
    authority.zone["api.example.com"] = [upstream]
    pinhole = launch(make_policy([f"api.example.com:{port}"]), authority.endpoint, tls=[f"{listen}:{port}={port}"],
                     arguments=["--gate-address", "127.0.0.1"])
    assert_address_refused(pinhole, "api.example.com")
    assert len(pinhole.log.find(event="connection")) == 1


@pytest.mark.isolated
def test_gate_never_dials_its_gate_address(launch, make_policy, authority, everywhere):
    """The address that names are answered with leads to the gate, also where it is not the listener's own."""
    authority.zone["api.example.com"] = [isolation.PUBLIC_V4]
    pinhole = launch(make_policy(["api.example.com"]), authority.endpoint, gate_port=443,
                     arguments=["--gate-address", isolation.PUBLIC_V4])
    assert_address_refused(pinhole, "api.example.com")
    assert everywhere.accepted == 0
