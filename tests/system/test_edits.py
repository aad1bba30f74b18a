"""Edits of the policy file while Pinhole serves: in force fast, whatever the way, and never in anybody's way."""
import os
import subprocess
import sys
import time
from statistics import median

import pytest

from support import isolation
from support.dns_client import is_allowed, question, udp_socket
from support.hello import UNRECOGNIZED_NAME, hello_for, records, send_all_then_read
from support.policy import OpenShell, Policy, deny, insert, set_setting
from support.process import REPOSITORY, Deadline, best_of, eventually, run, spawn

SOCKETS = 32  # each from another port, so that the kernel spreads them over the workers

DENIED_HELLO = records(hello_for(b"edited.example.com"))


class Watchers:
    """Many sockets that ask for one name at once, so that every worker answers some of them."""

    def __init__(self, pinhole):
        self._sockets = [udp_socket(pinhole.dns) for _ in range(SOCKETS)]

    def answers(self, name):
        """For each socket whether the name has an address now."""
        wire = question(name).to_wire()
        for client in self._sockets:
            client.send(wire)
        return {client.recv(4096)[6:8] != b"\0\0" for client in self._sockets}

    def wait_until(self, name, allowed, seconds=5):
        """Waits until all workers agree; returns the monotonic time at which they did."""
        deadline = Deadline(seconds)
        while self.answers(name) != {allowed}:
            assert not deadline.passed(), f"{name} is not {'allowed' if allowed else 'denied'} everywhere"
        return time.monotonic()

    def close(self):
        for client in self._sockets:
            client.close()


@pytest.fixture
def watch():
    made = []

    def start(pinhole):
        made.append(Watchers(pinhole))
        return made[-1]

    yield start
    for watchers in made:
        watchers.close()


@pytest.fixture
def load():
    """Steady traffic that must be answered rightly all the while."""
    processes = []

    def start(pinhole, allowed, denied):
        processes.append(spawn([sys.executable, "-m", "support.load", *pinhole.dns, *pinhole.gate, allowed, denied],
                               cwd=REPOSITORY / "tests", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert processes[-1].stdout.readline() == "started\n"

    yield start
    for process in processes:
        right, wrong = map(int, process.communicate()[0].split())
        assert wrong == 0
        assert right > 3


def has_empty_log(policy):
    log = policy.path.with_name(policy.path.name + "-wal")
    return not log.exists() or log.stat().st_size == 0


def await_empty_log(policy):
    """Before the file is replaced, as the log of the old one would be taken for the new one's. What Pinhole writes of each
    rule comes before."""
    unjudged = "SELECT id FROM rule WHERE id NOT IN (SELECT rule_id FROM rule_status);"
    eventually(lambda: policy.rows(unjudged) == [] and has_empty_log(policy), 10, "the old file's log written back")


def many_rules(count, at_gate):
    """One statement, as sqlite3 checks each row of one far faster than as many statements."""
    suffix = at_gate(".many.example.org")
    return (f"WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n < {count - 1})"
            f"INSERT INTO rule (target) SELECT 'host' || n || '{suffix}' FROM counted;")


def test_twenty_edits_under_load_among_ten_thousand_rules(launch, make_policy, at_gate, gate_port, watch, load):
    policy = make_policy([at_gate("steady.example.com")])
    policy.sql(many_rules(10_000, at_gate))
    pinhole = launch(policy, gate_port=gate_port)
    assert pinhole.rule_count == 10_001
    watchers, name = watch(pinhole), "edited.example.com"
    load(pinhole, "steady.example.com", "never.example.com")
    target = at_gate(name)
    edits = [(insert(target), True), (f"UPDATE rule SET enabled = 0 WHERE target = '{target}';", False),
             (f"UPDATE rule SET enabled = 1 WHERE target = '{target}';", True),
             (f"UPDATE rule SET action = 'deny' WHERE target = '{target}';", False),
             (f"DELETE FROM rule WHERE target = '{target}';", False)] * 4
    delays = []
    for statement, allowed in edits:
        policy.sql(statement)
        shell_ended = time.monotonic()
        delays.append(watchers.wait_until(name, allowed) - shell_ended)
        alert = send_all_then_read(pinhole.gate, DENIED_HELLO).alert if not allowed else None
        assert allowed or alert == UNRECOGNIZED_NAME
    print(f"from the shell's end to the last worker: median {median(delays) * 1000:.1f} ms, most {max(delays) * 1000:.1f} ms")


def test_edit_among_ten_thousand_rules_is_in_force_within_a_tenth_of_a_second(launch, make_policy, gate_port, at_gate, watch):
    """From the write, in a shell that is open already, to the last worker's answer; there and back."""
    policy = make_policy([at_gate("steady.example.com")])
    policy.sql(many_rules(10_000, at_gate))
    pinhole = launch(policy, gate_port=gate_port)
    watchers, name = watch(pinhole), "edited.example.com"
    target = at_gate(name)
    with OpenShell(policy) as shell:
        def edit(statement, allowed):
            begun = time.monotonic()
            shell.type(statement)
            return watchers.wait_until(name, allowed) - begun

        best_of(20, 0.1, lambda: max(edit(insert(target), True), edit(f"DELETE FROM rule WHERE target = '{target}';", False)),
                "from the write to the last worker")


@pytest.mark.quick
def test_edit_of_a_thousand_rows(launch, make_policy, at_gate, gate_port, watch):
    policy = make_policy()
    pinhole = launch(policy, gate_port=gate_port)
    watchers = watch(pinhole)
    policy.sql(many_rules(1000, at_gate))
    for name in ("host0.many.example.org", "host999.many.example.org"):
        watchers.wait_until(name, True)
    policy.sql("DELETE FROM rule WHERE target LIKE '%.many.%';")
    watchers.wait_until("host500.many.example.org", False)


@pytest.mark.quick
def test_setting_is_in_force(launch, make_policy, gate_port):
    policy = make_policy()
    pinhole = launch(policy, gate_port=gate_port)
    policy.sql(set_setting("deny_answer", "refused"))
    eventually(lambda: "REFUSED" in run(["dig", f"@{pinhole.dns[0]}", "-p", pinhole.dns[1], "other.org"]).stdout, 5,
               "the new setting answers")


@pytest.mark.quick
def test_replaced_file_is_in_force_and_goes_on_being_watched(launch, make_policy, at_gate, gate_port, watch, tmp_path):
    policy = make_policy([at_gate("old.example.com")])
    pinhole = launch(policy, gate_port=gate_port)
    watchers = watch(pinhole)
    for number in range(3):
        name = f"new{number}.example.com"
        Policy(tmp_path / "next.db", [at_gate(name)])
        assert not list(tmp_path.glob("next.db-*")), "a shell that is closed leaves no files beside it"
        await_empty_log(policy)
        os.replace(tmp_path / "next.db", policy.path)
        watchers.wait_until(name, True)
        assert watchers.answers("old.example.com") == {False}
        policy.sql(insert(at_gate(f"later{number}.example.com")))
        watchers.wait_until(f"later{number}.example.com", True)


def test_file_replaced_right_after_edits_many_times(launch, make_policy, at_gate, gate_port, tmp_path):
    """The old file's log and shared memory lie at paths that the new file takes over: once the log is written back,
    neither the process nor the new file comes to harm by what is left of the old one."""
    policy = make_policy()
    pinhole = launch(policy, gate_port=gate_port)
    for number in range(40):
        Policy(tmp_path / "next.db", [at_gate(f"new{number}.example.com")])
        policy.sql(insert(at_gate(f"edited{number}.example.com")))
        await_empty_log(policy)
        os.replace(tmp_path / "next.db", policy.path)
        eventually(lambda name=f"new{number}.example.com": is_allowed(pinhole.dns, name), 5, "the new file in force")
        assert not is_allowed(pinhole.dns, f"edited{number}.example.com")
        assert policy.rows("PRAGMA integrity_check;") == [{"integrity_check": "ok"}]
        assert policy.rows("SELECT target FROM rule;") == [{"target": at_gate(f"new{number}.example.com")}]


@pytest.mark.quick
def test_symlink_swap_as_a_configmap_does(launch, tmp_path, at_gate, gate_port, watch):
    """Kubernetes: policy.db -> ..data/policy.db, ..data -> ..version1, and a rename of ..data."""
    for version in ("version1", "version2"):
        (tmp_path / version).mkdir()
        Policy(tmp_path / version / "policy.db", [at_gate(f"{version}.example.com")])
    (tmp_path / "..data").symlink_to("version1")
    (tmp_path / "policy.db").symlink_to("..data/policy.db")
    pinhole = launch(tmp_path / "policy.db", gate_port=gate_port)
    watchers = watch(pinhole)
    assert watchers.answers("version1.example.com") == {True}
    (tmp_path / "..data_tmp").symlink_to("version2")
    os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
    watchers.wait_until("version2.example.com", True)
    assert watchers.answers("version1.example.com") == {False}


@pytest.mark.isolated
@pytest.mark.quick
def test_read_only_file_and_folder(launch, tmp_path, at_gate, gate_port, watch):
    """Served as it is, nothing written back; a swap is still noticed."""
    for version in ("one", "two"):
        (tmp_path / "volume" / version).mkdir(parents=True)
        made = Policy(tmp_path / "volume" / version / "policy.db", [at_gate(f"{version}.example.com")])
        made.sql("PRAGMA wal_checkpoint(TRUNCATE);")
    volume, mounted = tmp_path / "volume", tmp_path / "mounted"
    mounted.mkdir()
    (volume / "current").symlink_to("one")
    assert run(["mount", "--bind", volume, mounted]).returncode == 0
    assert run(["mount", "-o", "remount,bind,ro", mounted]).returncode == 0
    try:
        pinhole = launch(mounted / "current" / "policy.db", gate_port=gate_port)
        watchers = watch(pinhole)
        assert watchers.answers("one.example.com") == {True}
        assert watchers.answers("two.example.com") == {False}
        (volume / "next").symlink_to("two")
        os.replace(volume / "next", volume / "current")
        watchers.wait_until("two.example.com", True)
        pinhole.stop()
    finally:
        assert run(["umount", "-l", mounted]).returncode == 0


@pytest.mark.quick
def test_shell_left_inside_begin_delays_nothing(launch, make_policy, at_gate, gate_port, watch):
    policy = make_policy([at_gate("steady.example.com")])
    pinhole = launch(policy, gate_port=gate_port)
    watchers = watch(pinhole)
    policy.sql(insert(at_gate("before.example.com"))
               + insert(at_gate("brief.example.com"), expires_at=int(time.time()) + 3))
    with OpenShell(policy) as shell:
        shell.type("BEGIN IMMEDIATE;" + insert(at_gate("inside.example.com")))
        watchers.wait_until("before.example.com", True)
        watchers.wait_until("brief.example.com", False, seconds=6)
        assert watchers.answers("inside.example.com") == {False}
        assert watchers.answers("steady.example.com") == {True}
        shell.type("COMMIT;")
        watchers.wait_until("inside.example.com", True)


@pytest.mark.quick
def test_start_beside_a_shell_left_inside_begin(launch, make_policy, at_gate, gate_port):
    policy = make_policy([at_gate("steady.example.com")])
    with OpenShell(policy) as shell:
        shell.type("BEGIN IMMEDIATE;" + insert(at_gate("inside.example.com")))
        pinhole = launch(policy, gate_port=gate_port)
        assert is_allowed(pinhole.dns, "steady.example.com")


@pytest.mark.quick
@pytest.mark.parametrize("content", [b"this is no database" * 500, b"", b"SQLite format 3\0" + bytes(4096), b"x"],
                         ids=["text", "empty", "header-only", "one-byte"])
def test_corrupt_replacement_keeps_the_last_good_policy(launch, make_policy, at_gate, gate_port, watch, tmp_path,
                                                        content):
    policy = make_policy([at_gate("good.example.com")])
    pinhole = launch(policy, gate_port=gate_port)
    watchers = watch(pinhole)
    await_empty_log(policy)
    mark = pinhole.log.mark()
    (tmp_path / "broken").write_bytes(content)
    os.replace(tmp_path / "broken", policy.path)
    eventually(lambda: [line for line in pinhole.log.find(since=mark) if line["event"].startswith("policy")
                        and line["event"] != "policy_loaded"], 10, "a log line that says so")
    assert watchers.answers("good.example.com") == {True}
    assert watchers.answers("other.example.com") == {False}
    Policy(tmp_path / "repaired.db", [at_gate("repaired.example.com")])
    os.replace(tmp_path / "repaired.db", policy.path)
    watchers.wait_until("repaired.example.com", True)
    watchers.wait_until("good.example.com", False)


@pytest.mark.quick
def test_removed_file_keeps_the_last_good_policy(launch, make_policy, at_gate, gate_port, watch, tmp_path):
    policy = make_policy([at_gate("good.example.com")])
    pinhole = launch(policy, gate_port=gate_port)
    watchers = watch(pinhole)
    await_empty_log(policy)
    mark = pinhole.log.mark()
    os.rename(policy.path, tmp_path / "aside")
    eventually(lambda: [line for line in pinhole.log.find(since=mark) if line["event"].startswith("policy")], 10,
               "a log line that says so")
    assert watchers.answers("good.example.com") == {True}
    os.rename(tmp_path / "aside", policy.path)
    policy.sql(insert(at_gate("again.example.com")))
    watchers.wait_until("again.example.com", True)


@pytest.mark.quick
def test_rule_that_does_not_compile_harms_no_other(launch, make_policy, at_gate, gate_port, watch):
    """Past the triggers, as another program would write it: the row admits nothing, and the rest holds."""
    policy = make_policy([at_gate("good.example.com"), deny(at_gate("denied.example.com"))])
    pinhole = launch(policy, gate_port=gate_port)
    watchers = watch(pinhole)
    policy.sql("DROP TRIGGER rule_insert_explains; DROP TRIGGER rule_update_explains;"
               "PRAGMA ignore_check_constraints = 1;" + insert(at_gate("later.example.com"))
               + insert(at_gate("odd.example.com"), action="permit") + insert("http://plain.example.com/")
               + f"UPDATE rule SET action = 'permit' WHERE target = '{at_gate('denied.example.com')}';")
    watchers.wait_until("later.example.com", True)
    assert watchers.answers("good.example.com") == {True}
    for name in ("denied.example.com", "odd.example.com", "plain.example.com"):
        assert watchers.answers(name) == {False}


def test_hundred_thousand_rules(launch, make_policy, at_gate, gate_port, watch):
    policy = make_policy()
    policy.sql(many_rules(100_000, at_gate))
    pinhole = launch(policy, gate_port=gate_port)
    assert pinhole.rule_count == 100_000
    watchers = watch(pinhole)
    for number in (0, 1, 49_999, 99_999):
        assert watchers.answers(f"host{number}.many.example.org") == {True}
    assert watchers.answers("host100000.many.example.org") == {False}
    policy.sql(insert(at_gate("edited.example.com")))
    watchers.wait_until("edited.example.com", True)
