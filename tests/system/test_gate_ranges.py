"""A range of gate addresses: each name has an address of its own, and is served at no other."""
import ipaddress
import json
import os
import subprocess

import dns.rcode
import dns.rdatatype
import pytest

from support.dns_client import ask, dig
from support.hello import INTERNAL_ERROR, UNRECOGNIZED_NAME, hello_for, records, send_all_then_read
from support.policy import insert
from support.process import PINHOLE, eventually, free_port, run
from support.webserver import curl

from test_edits import await_empty_log
from test_start import assert_one_line, serve

pytestmark = pytest.mark.quick

NGINX = "127.0.0.3"
RANGE = ipaddress.ip_network("127.90.0.0/16")
RANGE_6 = ipaddress.ip_network("fd00:90::/64")
NAMES = ["api.example.com", "other.example.com"]


def new_key(key):
    return f"UPDATE gate_key SET key = '{key}', generation = generation + 1;"


KEY, OTHER_KEY = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"


@pytest.fixture
def start(launch, authority, nginx, gate_port):
    """Starts a gate on all addresses, with ranges."""
    authority.zone.update({name: [NGINX] for name in NAMES})

    def started(policy, *ranges, tls=("0.0.0.0:0",), **options):
        arguments = [word for text in ranges or (RANGE,) for word in ("--gate-address", str(text))]
        return launch(policy, authority.endpoint, tls=tls, gate_port=gate_port, arguments=arguments, **options)

    return started


@pytest.fixture
def policy(make_policy, at_gate):
    """Of a known key, so that no two of the names share an address by chance."""
    made = make_policy([at_gate(name) for name in NAMES])
    made.sql(new_key(KEY))
    return made


def address_of(pinhole, name, rdtype="A"):
    """The one address that the resolver gives for a name."""
    answer = ask(pinhole.dns, name, rdtype)
    assert answer.rcode() == dns.rcode.NOERROR, answer
    records_of_type, = answer.answer
    record, = records_of_type
    return record.address


def refused_at(pinhole, address, name):
    """The log line of a connection for `name` to `address`, which must be refused before anything is dialled."""
    mark = pinhole.log.mark()
    ending = send_all_then_read((address, pinhole.gate[1]), records(hello_for(name.encode())))
    assert (ending.alert, ending.was_reset) == (UNRECOGNIZED_NAME, False)
    line, = pinhole.log.wait(since=mark, event="connection", name=name, reason="address_mismatch")
    assert line["decision"] == "deny"
    assert line.get("upstream", "") == ""
    return line


def test_each_name_has_an_address_of_its_own(start, policy, certificates, gate_port):
    pinhole = start(policy)
    addresses = [address_of(pinhole, name) for name in NAMES]
    assert len(set(addresses)) == len(NAMES)
    for name, address in zip(NAMES, addresses):
        assert ipaddress.ip_address(address) in RANGE
        assert dig(pinhole.dns, name.upper()).addresses() == [address]
        mark = pinhole.log.mark()
        done = curl((address, pinhole.gate[1]), gate_port, certificates, "/seen", name=name)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{name} ")
        line, = pinhole.log.wait(since=mark, event="connection", name=name)
        assert "address_check" not in line and "arrived_at" not in line


def test_a_name_at_anothers_address_is_refused(start, policy, authority):
    pinhole = start(policy)
    first, second = (address_of(pinhole, name) for name in NAMES)
    for address, name in ((second, NAMES[0]), (first, NAMES[1]), ("127.90.0.0", NAMES[0])):
        line = refused_at(pinhole, address, name)
        assert line["arrived_at"] == address
        assert "not this name's" in line["sentence"]
    assert authority.questions() == []


def test_curl_that_reuses_anothers_address_is_told(start, policy, certificates, gate_port):
    pinhole = start(policy)
    done = curl((address_of(pinhole, NAMES[1]), pinhole.gate[1]), gate_port, certificates, "/seen", name=NAMES[0])
    assert done.returncode == 35
    assert "unrecognized name" in done.stderr


def test_addresses_outlive_a_restart_and_replicas_agree(start, policy, tmp_path):
    first = start(policy, workers=3)
    addresses = [address_of(first, name) for name in NAMES]
    replica = start(policy.copy_to(tmp_path / "copy.db"))
    assert [address_of(replica, name) for name in NAMES] == addresses
    first.stop()
    assert [address_of(start(policy), name) for name in NAMES] == addresses


def test_two_files_disagree(start, policy, tmp_path):
    """Else whoever runs a Pinhole of their own could tell another's addresses."""
    copy = policy.copy_to(tmp_path / "copy.db")
    copy.sql(new_key(OTHER_KEY))
    assert address_of(start(policy), NAMES[0]) != address_of(start(copy), NAMES[0])


def test_a_new_key_moves_names_at_once(start, policy):
    pinhole = start(policy)
    before = address_of(pinhole, NAMES[0])
    policy.sql(new_key(OTHER_KEY))
    eventually(lambda: address_of(pinhole, NAMES[0]) != before, 5, "the name moves")
    refused_at(pinhole, before, NAMES[0])


def test_a_file_that_takes_the_place_of_another_brings_its_key(start, policy, tmp_path):
    twin, other = policy.copy_to(tmp_path / "twin.db"), policy.copy_to(tmp_path / "other.db")
    other.sql(new_key(OTHER_KEY))
    pinhole = start(policy)
    before = address_of(pinhole, NAMES[0])
    for file, moves in ((other, True), (twin, False)):
        await_empty_log(policy)
        os.replace(file.path, policy.path)
        eventually(lambda moves=moves: (address_of(pinhole, NAMES[0]) != before) == moves, 5, "the file's own address")


def test_outside_the_range_nothing_is_checked_and_that_is_shown(start, policy, certificates, gate_port):
    """As behind a load balancer that translates addresses."""
    pinhole = start(policy)
    done = curl(("127.0.0.1", pinhole.gate[1]), gate_port, certificates, "/seen")
    assert done.returncode == 0, done.stderr
    line, = pinhole.log.wait(event="connection", name="api.example.com")
    assert (line["decision"], line["address_check"], line["arrived_at"]) == ("allow", "skipped", "127.0.0.1")


def test_other_types_are_as_before(start, policy):
    pinhole = start(policy)
    for rdtype in ("AAAA", "HTTPS", "TXT"):
        answer = ask(pinhole.dns, NAMES[0], rdtype)
        assert (answer.rcode(), answer.answer) == (dns.rcode.NOERROR, [])
    any_record, = ask(pinhole.dns, NAMES[0], "ANY").answer
    assert any_record.rdtype == dns.rdatatype.A
    assert any_record[0].address == address_of(pinhole, NAMES[0])


@pytest.mark.isolated
def test_range_of_ipv6(start, policy, certificates, gate_port):
    """Routed as docs/operating.md says: the kernel takes every address of the range for its own."""
    subprocess.run(["ip", "-6", "route", "replace", "local", str(RANGE_6), "dev", "lo"], check=True)
    port = free_port()
    pinhole = start(policy, RANGE, RANGE_6, tls=[f"0.0.0.0:{port}", f"[::]:{port}"])
    first, second = (address_of(pinhole, name, "AAAA") for name in NAMES)
    assert first != second
    assert ipaddress.ip_address(first) in RANGE_6 and ipaddress.ip_address(address_of(pinhole, NAMES[0])) in RANGE
    done = curl((first, port), gate_port, certificates, "/seen")
    assert (done.returncode, done.stderr) == (0, "")
    assert refused_at(pinhole, second, NAMES[0])["arrived_at"] == second


def test_the_gate_never_dials_into_its_range(start, policy, authority):
    """A name that leads there would come back."""
    pinhole = start(policy)
    authority.zone[NAMES[0]] = ["127.90.7.7"]
    ending = send_all_then_read((address_of(pinhole, NAMES[0]), pinhole.gate[1]),
                                records(hello_for(NAMES[0].encode())))
    assert ending.alert == INTERNAL_ERROR
    line, = pinhole.log.wait(event="connection", name=NAMES[0])
    assert (line["reason"], line["address"]) == ("upstream_address_refused", "own_socket")


@pytest.mark.parametrize("values, words", [
    (["127.90.1.0/16"], ["--gate-address 127.90.1.0/16"]),
    (["127.90.0.0/33"], ["--gate-address 127.90.0.0/33"]),
    (["0.0.0.0/0"], ["--gate-address 0.0.0.0/0"]),
    (["127.90.0.0/"], ["--gate-address 127.90.0.0/"]),
    (["fd00::/129"], ["--gate-address fd00::/129"]),
    (["127.90.0.0/16", "127.90.1.0/24"], ["--gate-address 127.90.1.0/24"]),
    (["127.90.0.0/16", "127.0.0.1"], ["addresses and ranges of one family"]),
    (["fd00::1", "fd00:90::/64"], ["addresses and ranges of one family"]),
])
def test_ranges_that_cannot_be_used(tmp_path, values, words):
    arguments = [word for value in values for word in ("--gate-address", value)]
    assert_one_line(serve("--db", tmp_path / "policy.db", *arguments), 2, *words)


def test_range_of_one_address_is_an_address(start, policy):
    pinhole = start(policy, "127.0.0.44/32", "127.0.0.45")
    assert dig(pinhole.dns, NAMES[0]).addresses() == ["127.0.0.44", "127.0.0.45"]


def test_file_without_a_key_and_a_range(policy):
    policy.sql("DROP TRIGGER gate_key_delete_explains; DELETE FROM gate_key;")
    assert_one_line(serve("--db", policy.path, "--gate-address", str(RANGE)), 1, policy.path, "INSERT INTO gate_key")
    done = run([PINHOLE, "check", "--db", policy.path, "--gate-address", str(RANGE)])
    assert_one_line(done, 1, policy.path, "INSERT INTO gate_key")


def test_key_that_is_lost_while_it_runs_closes_the_ranges(start, policy):
    pinhole = start(policy)
    before = address_of(pinhole, NAMES[0])
    policy.sql("DROP TRIGGER gate_key_delete_explains; DELETE FROM gate_key;" + insert("new.example.com"))
    policy.sql("UPDATE setting SET value = '31' WHERE name = 'answer_ttl';")
    pinhole.log.wait(event="setting_unreadable", setting="gate_key")
    eventually(lambda: ask(pinhole.dns, NAMES[0]).answer == [], 5, "the name has no address")
    refused_at(pinhole, before, NAMES[0])


def test_check_lists_names_that_share_an_address(make_policy):
    policy = make_policy(["a.example.com", "b.example.com", "c.example.com", "*.example.org"])
    small = ["--gate-address", "192.0.2.0/30"]  # two addresses to give
    done = run([PINHOLE, "check", "--db", policy.path, *small])
    assert (done.returncode, done.stderr) == (0, "")
    shared = [line for line in done.stdout.splitlines() if " is shared by " in line]
    assert shared and all(line.startswith("address 192.0.2.") for line in shared)
    assert "only a wildcard allows" in done.stdout
    listed = json.loads(run([PINHOLE, "check", "--json", "--db", policy.path, *small]).stdout)
    assert listed["count"] == 4
    for collision in listed["address_collisions"]:
        assert collision["address"] in ("192.0.2.1", "192.0.2.2")
        assert len(collision["names"]) >= 2
        assert f"address {collision['address']} is shared by {', '.join(collision['names'])}" in shared
    assert len(listed["address_collisions"]) == len(shared)


def test_check_of_a_range_that_is_large_enough(make_policy):
    policy = make_policy(["a.example.com", "b.example.com", "c.example.com"])
    done = run([PINHOLE, "check", "--db", policy.path, "--gate-address", str(RANGE_6)])
    assert "no two names share an address" in done.stdout
    listed = json.loads(run([PINHOLE, "check", "--json", "--db", policy.path, "--gate-address", str(RANGE_6)]).stdout)
    assert listed["address_collisions"] == []
    assert "address_collisions" not in json.loads(run([PINHOLE, "check", "--json", "--db", policy.path]).stdout)


def test_explain_shows_the_address(start, policy, at_gate):
    address = address_of(start(policy), NAMES[0])
    options = ["--db", policy.path, "--gate-address", str(RANGE), at_gate(NAMES[0])]
    assert f"A     NOERROR {address} (the gate, at an address of this name's own" in \
        run([PINHOLE, "explain", *options]).stdout
    assert json.loads(run([PINHOLE, "explain", "--json", *options]).stdout)["dns"]["A"]["addresses"] == [address]


def test_each_file_has_a_key_that_migrating_again_keeps(make_policy, tmp_path):
    policy, other = make_policy(), tmp_path / "other.db"
    for _ in range(2):
        assert run([PINHOLE, "init", "--db", other]).returncode == 0
        keys = {run(["sqlite3", path, "SELECT key FROM gate_key;"]).stdout for path in (policy.path, other)}
        assert len(keys) == 2


KEY_MISTAKES = ["UPDATE gate_key SET key = 'x'", "DELETE FROM gate_key", "INSERT INTO gate_key (key) VALUES ('x')",
                "REPLACE INTO gate_key (id, key) VALUES (1, lower(hex(randomblob(16))))",
                "UPDATE gate_key SET key = 'x', generation = generation + 1", "UPDATE gate_key SET generation = 5"]


@pytest.mark.parametrize("statement", KEY_MISTAKES)
def test_the_key_is_not_changed_by_mistake(make_policy, statement):
    policy = make_policy()
    before = policy.rows("SELECT * FROM gate_key;")
    done = policy.shell(statement + ";")
    assert done.returncode != 0 and "type" in done.stderr
    assert policy.rows("SELECT * FROM gate_key;") == before
