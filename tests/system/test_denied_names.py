"""What was denied is written down, and can be made rules of: nothing gets there that would be more than a name."""
import random
import subprocess
import sys
import time

import pytest

from support.dns_client import ask_all, dig, is_allowed, wire_question
from support.hello import hello_for, records, send_all_then_read
from support.policy import Policy, quote
from support.process import PINHOLE, REPOSITORY, SLOWNESS, eventually, run, spawn

SHARE = 1000  # rows of one group
TO_RULES = "INSERT OR IGNORE INTO rule (target) SELECT target FROM denied_name"
TO_GROUP_RULES = "INSERT OR IGNORE INTO rule (target, clients) SELECT target, client_group FROM denied_name"
PLAIN = set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
EDITS, EDITS_UNTIMED, EDITS_MEASURED = 1000, 300, 50


@pytest.fixture
def policy(tmp_path):
    """api.example.com for everybody; 127.0.0.2 is of the group build, 127.0.0.3 of the group lab."""
    made = Policy(tmp_path / "policy.db", ["api.example.com"])
    made.sql("INSERT INTO client_group (name) VALUES ('build'), ('lab');"
             "INSERT INTO client_network VALUES ('build', '127.0.0.2'), ('lab', '127.0.0.3');")
    return made


@pytest.fixture
def flood():
    """Starts a flood of random names from an address; returns what ends it and tells its rate."""
    processes = []

    def start(pinhole, address, per_second):
        process = spawn([sys.executable, "-m", "support.flood", address, *pinhole.dns, per_second],
                        cwd=REPOSITORY / "tests", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "started\n"

        def end():
            answered, rate = process.communicate()[0].split()
            return int(answered), int(rate)

        return end

    yield start
    for process in processes:
        process.kill()
        process.wait()


def find(policy, target, group="any"):
    """The row of a target, or None."""
    rows = policy.rows(f"SELECT * FROM denied_name WHERE target = {quote(target)} AND client_group = {quote(group)};")
    return rows[0] if rows else None


def await_row(policy, target, group="any", count=1):
    """Waits until a target was counted so often; returns its row."""
    def probe():
        row = find(policy, target, group)
        return row if row and row["count"] >= count else None
    return eventually(probe, 15, f"{target} counted {count} times")


def count_of(policy, where="1"):
    return policy.rows(f"SELECT count(*) AS n FROM denied_name WHERE {where};")[0]["n"]


def questions(names):
    return [wire_question([label.encode() for label in name.split(".")]) for name in names]


@pytest.mark.quick
def test_denied_question_is_written_down(launch, policy):
    pinhole = launch(policy)
    before = int(time.time())
    assert dig(pinhole.dns, "Other.Example.ORG").status == "NXDOMAIN"
    assert dig(pinhole.dns, "other.example.org.", "-t", "AAAA", "-b", "127.0.0.2").status == "NXDOMAIN"
    row = await_row(policy, "other.example.org")
    assert (row["count"], row["reason"]) == (1, "no_rule")
    assert before <= row["first_seen"] <= row["last_seen"] <= time.time()
    assert await_row(policy, "other.example.org", "build")["count"] == 1
    assert dig(pinhole.dns, "other.example.org").status == "NXDOMAIN"
    again = await_row(policy, "other.example.org", count=2)
    assert (again["count"], again["first_seen"]) == (2, row["first_seen"])


@pytest.mark.quick
def test_reasons_and_what_is_no_denial(launch, policy):
    policy.sql("INSERT INTO rule (target, action) VALUES ('no.example.com', 'deny');"
               "INSERT INTO rule (target) VALUES ('far.example.com:8443');")
    pinhole = launch(policy)
    for name in ("no.example.com", "far.example.com", "example.com", "api.example.com", "none.example.com"):
        dig(pinhole.dns, name)
    for rdtype in ("TXT", "PTR", "SRV", "HTTPS", "MX", "NS"):
        dig(pinhole.dns, "typed.example.org", "-t", rdtype)
        dig(pinhole.dns, "com", "-t", rdtype)
    pinhole.stop()
    reasons = {row["target"]: row["reason"] for row in policy.rows("SELECT target, reason FROM denied_name;")}
    assert reasons == {"no.example.com": "deny_rule", "far.example.com": "other_port", "example.com": "parent",
                       "none.example.com": "no_rule"}


@pytest.mark.quick
def test_denied_connection_is_written_down_with_its_port(launch, policy):
    pinhole = launch(policy, tls=("127.0.0.1:0=8443", "127.0.0.1:0=443"))
    for gate in pinhole.tls_endpoints:
        send_all_then_read(gate, records(hello_for(b"Gate.example.org")))
    send_all_then_read(pinhole.gate, records(hello_for(b"10.0.0.1")))
    send_all_then_read(pinhole.gate, records(hello_for(b"**.example.org")))
    dig(pinhole.dns, "asked.example.org")
    reasons = pinhole.log.wait(event="denials_not_recorded", count=2)
    assert {line["why"] for line in reasons} == {"no_plain_name"}
    assert {line["reason"] for line in reasons} == {"address_as_server_name", "bad_server_name"}
    pinhole.stop()
    assert {row["target"] for row in policy.rows("SELECT target FROM denied_name;")} == {
        "gate.example.org:8443", "gate.example.org", "asked.example.org"}


@pytest.mark.quick
def test_question_names_the_port_that_the_gate_has(launch, policy):
    pinhole = launch(policy, gate_port=8443)
    dig(pinhole.dns, "asked.example.org")
    await_row(policy, "asked.example.org:8443")


@pytest.mark.quick
def test_from_observing_to_enforcing(launch, policy):
    """Written down in one run, made a rule, and allowed; and nothing of it made the policy be read anew before."""
    pinhole = launch(policy)
    pinhole.log.wait(event="policy_loaded")
    mark = pinhole.log.mark()
    for client in ("127.0.0.1", "127.0.0.2"):
        dig(pinhole.dns, "wanted.example.org", "-b", client)
    await_row(policy, "wanted.example.org", "build")
    assert not pinhole.log.find(since=mark, event="policy_loaded")
    policy.sql(TO_GROUP_RULES + " WHERE client_group = 'build';")
    eventually(lambda: dig(pinhole.dns, "wanted.example.org", "-b", "127.0.0.2").status == "NOERROR", 5, "allowed")
    assert not is_allowed(pinhole.dns, "wanted.example.org")
    policy.sql(TO_RULES + " WHERE reason = 'no_rule' AND \"count\" > 0;")
    eventually(lambda: is_allowed(pinhole.dns, "wanted.example.org"), 5, "allowed to everybody")


@pytest.mark.quick
def test_rows_may_be_deleted(launch, policy):
    pinhole = launch(policy)
    dig(pinhole.dns, "other.example.org")
    await_row(policy, "other.example.org")
    policy.sql("DELETE FROM denied_name;")
    dig(pinhole.dns, "other.example.org")
    assert await_row(policy, "other.example.org")["count"] == 1


@pytest.mark.quick
def test_rows_go_with_their_group(launch, policy):
    pinhole = launch(policy)
    dig(pinhole.dns, "other.example.org", "-b", "127.0.0.2")
    await_row(policy, "other.example.org", "build")
    policy.sql("DELETE FROM client_group WHERE name = 'build';")
    assert count_of(policy) == 0


POISON = [[b"**", b"com"], [b"*", b"evil", b"com"], [b"*.evil", b"com"], [b"**.com"], [b"https://x/"],
          [b"https://x/y", b"com"], [b"a\0b", b"com"], [b"\0"], [b"a b", b"com"], [b" "], [b"b\xc3\xbccher", b"example"],
          [b"\xff\xfe", b"com"], [b"1", b"2", b"3", b"4"], [b"127", b"1"], [b"0x7f", b"1"], [b"a", b"0x1F"], [b"a", b"0x"],
          [b"4294967295"], [b"fd00::1"], [b"[::1]"], [b"a.", b"com"], [b".", b"com"], [b"a\\", b"com"], [b"a'", b"com"],
          [b"a\"", b"com"], [b"a;--", b"com"], [b"-a", b"com"], [b"a-", b"com"], [b"user@host", b"com"], [b"a:443"],
          [b"a", b"com:443"], [b"a?b", b"com"], [b"a#b", b"com"], [b"a%2e", b"com"], [b"{bucket}", b"s3"], [b"\n"], [b"\x7f"], [b"xn--"]]
FINE = [[b"localhost"], [b"UPPER", b"Example", b"COM"], [b"_dmarc", b"example", b"com"], [b"a_b"], [b"xn--bcher-kva", b"example"],
        [b"1and1", b"com"], [b"127", b"0", b"0", b"1", b"example"], [b"0x1f", b"org"], [b"a--b", b"com"], [b"x" * 63, b"com"],
        [b"y" * 63, b"y" * 63, b"y" * 63, b"y" * 61], [b"z"] * 127, [b"com"], [b"3com"], [b"a", b"0xg"], [b"_"],
        [b"storage", b"googleapis", b"com"], [b"ghcr", b"io"]]


def hostile_names(count):
    """Random labels out of what trips readers up, and whole ones of those above."""
    dice = random.Random(1)
    alphabets = [b"abcz019-_", b"0123456789", b"0xXaf", bytes(range(256)), b"*./:@\\ \"'%\0", b"aZ-_*"]
    for _ in range(count):
        labels = [bytes(dice.choices(dice.choice(alphabets), k=dice.choice((1, 1, 2, 3, 5, 63))))
                  for _ in range(dice.randint(1, 5))]
        if dice.random() < 0.3:
            labels += dice.choice(POISON + FINE)
        while sum(map(len, labels)) + len(labels) > 254:
            labels.pop(0)
        yield labels


def check_rules(policy):
    """The one statement makes an exact rule of each row, and `pinhole check` agrees."""
    targets = sorted(row["target"] for row in policy.rows("SELECT DISTINCT target FROM denied_name;"))
    for target in targets:
        assert set(target) <= PLAIN, target
    done = policy.shell(TO_RULES + ";\n" + TO_GROUP_RULES + ";\n")
    assert done.returncode == 0, done.stderr
    rules = policy.rows("SELECT target FROM rule WHERE clients = 'any' AND target <> 'api.example.com';")
    assert sorted(row["target"] for row in rules) == targets
    checked = run([PINHOLE, "check", "--db", policy.path])
    assert checked.returncode == 0, checked.stdout[-2000:]
    assert policy.rows("SELECT target, hostname, state FROM rule JOIN rule_status ON rule_id = id"
                       " WHERE hostname <> target OR state NOT IN ('active', 'shadowed');") == []
    return targets


@pytest.mark.quick
def test_poison_never_reaches_the_table(launch, policy):
    pinhole = launch(policy)
    ask_all(pinhole.dns, [wire_question(labels) for labels in POISON])
    for labels in POISON:
        send_all_then_read(pinhole.gate, records(hello_for(b".".join(labels))))
    send_all_then_read(pinhole.gate, records(hello_for(b"gate.example.org.")))
    ask_all(pinhole.dns, [wire_question(labels) for labels in FINE])
    pinhole.stop()
    assert check_rules(policy) == sorted(b".".join(labels).decode().lower() for labels in FINE)
    lost = pinhole.log.find(event="denials_not_recorded", why="no_plain_name", reason="no_rule")
    assert sum(line["count"] for line in lost) >= len(POISON)
    assert "evil" not in str(pinhole.log.find(event="denials_not_recorded"))


def test_thousands_of_hostile_names(launch, policy):
    pinhole = launch(policy)
    names = list(hostile_names(9000))
    for number, client in enumerate(("127.0.0.1", "127.0.0.2", "127.0.0.3")):
        ask_all(pinhole.dns, [wire_question(labels) for labels in names[number::3]], client)
    pinhole.stop()
    targets = check_rules(policy)
    print(f"{len(targets)} of {len(names)} hostile names became rules")
    assert len(targets) > 500


@pytest.mark.seconds(120)
def test_flood_in_one_group_harms_no_other_and_no_frequent_name(launch, policy):
    pinhole = launch(policy)
    others = [f"other{i}.example.org" for i in range(100)]
    frequent = [f"frequent{i}.example.org" for i in range(10)]
    ask_all(pinhole.dns, questions(others), "127.0.0.3")
    ask_all(pinhole.dns, questions(frequent * 3), "127.0.0.2")
    await_row(policy, frequent[-1], "build", 3)
    for start in range(0, 20_000, 1000):  # new names in all groups come in the midst of it
        ask_all(pinhole.dns, questions(f"r{i}.flood.example" for i in range(start, start + 1000)), "127.0.0.2")
        ask_all(pinhole.dns, questions([f"late{start}.example.org"]), "127.0.0.3")
        ask_all(pinhole.dns, questions(["persistent.example.org"] * 2 + frequent), "127.0.0.2")
    await_row(policy, "persistent.example.org", "build", 2)
    pinhole.stop()
    assert count_of(policy, "client_group = 'lab'") == len(others) + 20
    assert count_of(policy, "client_group = 'build'") == SHARE
    for name in frequent:
        assert find(policy, name, "build")["count"] >= 3
    lost = pinhole.log.find(event="denials_not_recorded", why="no_room", reason="no_rule")
    kept = policy.rows("SELECT sum(\"count\") AS n FROM denied_name WHERE client_group = 'build';")[0]["n"]
    assert sum(line["count"] for line in lost) + kept <= 20_000 + 20 * 12 + 30
    print(f"in the table {kept}, left out {sum(line['count'] for line in lost)}")


def edit(policy, number, *options):
    """One edit as people type it; whether it met a lock."""
    done = run(["sqlite3", "-batch", "-bail", *options, policy.path,
                f"INSERT INTO rule (target) VALUES ('edit{number}.example.net')"])
    assert done.returncode == 0 or "locked" in done.stderr, done.stderr
    return done.returncode != 0


@pytest.mark.seconds(400)
def test_edits_while_five_thousand_denials_a_second_are_recorded(launch, policy, flood):
    """No edit is refused for a lock; how soon each is in force is printed, since this machine may be busy."""
    pinhole = launch(policy)
    end_flood = flood(pinhole, "127.0.0.2", 5000)
    eventually(lambda: count_of(policy, "client_group = 'build'"), 15, "the flood is being recorded")
    locked, delays = 0, []
    for number in range(EDITS):
        locked += edit(policy, number, "-cmd", ".timeout 20000")
        ended = time.monotonic()
        if number % (EDITS // EDITS_MEASURED) == 0:
            eventually(lambda name=f"edit{number}.example.net": is_allowed(pinhole.dns, name), 5, "the edit in force")
            delays.append(time.monotonic() - ended)
    untimed = sum(edit(policy, EDITS + number) for number in range(EDITS_UNTIMED))
    answered, rate = end_flood()
    print(f"{answered} denials, {rate} a second; in force after {sorted(delays)[len(delays) // 2] * 1000:.1f} ms, at most "
          f"{max(delays) * 1000:.1f} ms; without a timeout {untimed} of {EDITS_UNTIMED} edits met a lock")
    assert locked == 0
    assert answered > 1000 / SLOWNESS
    assert len(policy.rows("SELECT 1 FROM rule WHERE target LIKE 'edit%';")) == EDITS + EDITS_UNTIMED - untimed
