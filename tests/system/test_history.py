"""The history of the policy file, and the ways back that docs/history.md tells: through the real sqlite3 shell."""
import json
import random
import re
import subprocess

import pytest

from support.dns_client import is_allowed
from support.policy import insert, quote, set_setting
from support.process import REPOSITORY, eventually

MIGRATIONS = sorted((REPOSITORY / "migrations").glob("[0-9]*.sql"))
TABLES = ("rule", "client_group", "client_network", "provider", "setting", "pin")
PINS = [letter * 42 + "A=" for letter in "ABCD"]


class File:
    """A policy file made by the migrations alone, with the rules 1 (api.example.com) and 2 (*.example.org)."""

    def __init__(self, path):
        self.path = path
        self.sql("".join(f".read '{migration}'\n" for migration in MIGRATIONS))
        self.sql(insert("api.example.com") + insert("*.example.org", comment="it's \"so\"\n\tü"))
        self.forget()

    def shell(self, statements, *options):
        return subprocess.run(["sqlite3", "-batch", *options, self.path], input=statements, capture_output=True, text=True,
                              timeout=300, check=False)

    def sql(self, statements):
        done = self.shell(statements, "-bail")
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def rows(self, query):
        printed = self.shell(query, "-bail", "-json").stdout
        return json.loads(printed) if printed.strip() else []

    def forget(self):
        """All that was done is as if an hour ago; what is done from now on is new."""
        self.sql("UPDATE rule_history SET changed_at = changed_at - 3600;")
        self.seen = self.rows("SELECT max(id) AS id FROM rule_history;")[0]["id"]

    def entries(self):
        """The new entries: (table, key, old, new), the rows as dicts."""
        return [(row["table"], row["key"], row["old"] and json.loads(row["old"]), row["new"] and json.loads(row["new"]))
                for row in self.rows(f"SELECT * FROM rule_history WHERE id > {self.seen} ORDER BY id;")]

    def changed(self):
        """The new entries of rules in short: (id, target before, target after)."""
        assert all(table == "rule" for table, _, _, _ in self.entries())
        return sorted(((key, old and old["target"], new and new["target"]) for _, key, old, new in self.entries()), key=str)

    def snapshot(self):
        """Every row of the policy; without updated_at, which says when a row was written."""
        contents = {}
        for table in TABLES:
            rows = self.rows(f"SELECT * FROM {table};")
            for row in rows:
                row.pop("updated_at", None)
            contents[table] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
        return contents


@pytest.fixture
def file(tmp_path):
    return File(tmp_path / "policy.db")


def documented(start):
    """The statement in the docs that begins so."""
    text = (REPOSITORY / "docs" / "history.md").read_text()
    found = re.search(rf"^    ({re.escape(start)}.*?;)$", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/history.md has no statement that begins with {start}"
    return re.sub(r"^    ", "", found.group(1), flags=re.MULTILINE)


def restore_to(time):
    statement = documented("INSERT INTO restore_to_time")
    assert "'2027-01-31 18:00'" in statement
    return statement.replace("'2027-01-31 18:00'", time)


def restore_before(entry):
    return documented("INSERT INTO restore_before_entry").replace("4711", str(entry))


HALF_AN_HOUR_AGO = "datetime('now', '-30 minutes')"

API, ORG, NEW = "api.example.com", "*.example.org", "new.example.com"

# A statement, and what it does to rules: (id, target before, target after).
STATEMENTS = {
    "insert": (f"INSERT INTO rule (target) VALUES ('{NEW}');", [(3, None, NEW)]),
    "insert with an id": (f"INSERT INTO rule (id, target) VALUES (77, '{NEW}');", [(77, None, NEW)]),
    "insert of many": ("INSERT INTO rule (target) VALUES ('a.example'), ('b.example');",
                       [(3, None, "a.example"), (4, None, "b.example")]),
    "insert or ignore": (f"INSERT OR IGNORE INTO rule (target) VALUES ('{NEW}');", [(3, None, NEW)]),
    "insert or ignore of what is there": (f"INSERT OR IGNORE INTO rule (target) VALUES ('{API}');", []),
    "insert or ignore of an id that is there": (f"INSERT OR IGNORE INTO rule (id, target) VALUES (1, '{NEW}');", []),
    "insert or ignore of some": (f"INSERT OR IGNORE INTO rule (id, target) VALUES (5, '{API}'), (6, '{NEW}'), (7, '{ORG}');",
                                 [(6, None, NEW)]),
    "ignored, then inserted": (f"INSERT OR IGNORE INTO rule (target) VALUES ('{API}'); {insert(NEW, id=6)}", [(6, None, NEW)]),
    "ignored, then updated": (f"INSERT OR IGNORE INTO rule (target) VALUES ('{API}'); UPDATE rule SET enabled = 0 WHERE id = 2;",
                              [(2, ORG, ORG)]),
    "ignored by a check": ("INSERT OR IGNORE INTO rule (id, target) VALUES (-5, 'a.example');", []),
    "replace of nothing": (f"REPLACE INTO rule (target) VALUES ('{NEW}');", [(3, None, NEW)]),
    "replace by target": (f"REPLACE INTO rule (target) VALUES ('{API}');", [(1, API, None), (3, None, API)]),
    "replace by id": (f"REPLACE INTO rule (id, target) VALUES (1, '{NEW}');", [(1, API, NEW)]),
    "replace by id and target of one": (f"REPLACE INTO rule (id, target, enabled) VALUES (1, '{API}', 0);", [(1, API, API)]),
    "replace by id of one and target of another": (f"REPLACE INTO rule (id, target) VALUES (1, '{ORG}');",
                                                   [(1, API, ORG), (2, ORG, None)]),
    "replace with NULL for a default": (f"REPLACE INTO rule (target, clients) VALUES ('{API}', NULL);",
                                        [(1, API, None), (3, None, API)]),
    "replace of many": (f"REPLACE INTO rule (id, target) VALUES (3, '{API}'), (4, '{API}');",
                        [(1, API, None), (3, None, API), (3, API, None), (4, None, API)]),
    "upsert that inserts": (f"INSERT INTO rule (target) VALUES ('{NEW}') ON CONFLICT DO UPDATE SET enabled = 0;",
                            [(3, None, NEW)]),
    "upsert that updates": (f"INSERT INTO rule (target) VALUES ('{API}') ON CONFLICT (target, clients) DO UPDATE SET enabled = 0;",
                            [(1, API, API)]),
    "upsert that moves": (f"INSERT INTO rule (id, target) VALUES (1, '{NEW}') ON CONFLICT (id) DO UPDATE SET target = excluded.target;",
                          [(1, API, NEW)]),
    "upsert that does nothing": (f"INSERT INTO rule (target) VALUES ('{API}') ON CONFLICT DO NOTHING;", []),
    "update": ("UPDATE rule SET action = 'deny' WHERE id = 1;", [(1, API, API)]),
    "update of many": ("UPDATE rule SET comment = 'x';", [(1, API, API), (2, ORG, ORG)]),
    "update to the same": ("UPDATE rule SET target = target, enabled = 1;", []),
    "update of the time alone": ("UPDATE rule SET updated_at = 5;", []),
    "update of an id": ("UPDATE rule SET id = 9 WHERE id = 1;", [(1, API, None), (9, None, API)]),
    "update of an id and more": (f"UPDATE rule SET id = 9, target = '{NEW}' WHERE id = 1;", [(1, API, None), (9, None, NEW)]),
    "update or ignore": (f"UPDATE OR IGNORE rule SET target = '{ORG}' WHERE id = 1;", []),
    "update or ignore, then update": (f"UPDATE OR IGNORE rule SET target = '{ORG}' WHERE id = 1; UPDATE rule SET enabled = 0 WHERE id = 1;",
                                      [(1, API, API)]),
    "update or replace by target": (f"UPDATE OR REPLACE rule SET target = '{ORG}' WHERE id = 1;",
                                    [(1, API, ORG), (2, ORG, None)]),
    "update or replace by id": ("UPDATE OR REPLACE rule SET id = 2 WHERE id = 1;", [(1, API, None), (2, ORG, API)]),
    "update or replace of all": ("UPDATE OR REPLACE rule SET target = 'a.example';",
                                 [(1, API, "a.example"), (1, "a.example", None), (2, ORG, "a.example")]),
    "update or replace with NULL for a default": (
        "UPDATE OR REPLACE rule SET action = NULL, enabled = 0 WHERE id = 1;", [(1, API, API)]),
    "delete": ("DELETE FROM rule WHERE id = 1;", [(1, API, None)]),
    "delete of all": ("DELETE FROM rule;", [(1, API, None), (2, ORG, None)]),
    "delete of nothing": ("DELETE FROM rule WHERE id = 5;", []),
    "rolled back": (f"BEGIN; {insert(NEW)} ROLLBACK;", []),
}


@pytest.mark.parametrize("recursive", ["OFF", "ON"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_is_kept_and_undone(file, name, recursive):
    statement, expected = STATEMENTS[name]
    before = file.snapshot()
    file.sql(f"PRAGMA recursive_triggers = {recursive};" + statement)
    told = file.changed()
    expected = sorted(expected, key=str)
    if recursive == "ON":  # a row that is replaced is told of as a deletion, then an insertion
        told = joined(told)
        expected = joined(expected)
    assert told == expected
    file.sql(restore_to(HALF_AN_HOUR_AGO))
    assert file.snapshot() == before


def joined(changes):
    """What was deleted and what came, without which of them went together."""
    gone = [(key, old, None) for key, old, new in changes if old]
    return sorted(gone, key=str) + sorted(((key, None, new) for key, _, new in changes if new), key=str)


def test_insert_or_fail_keeps_what_it_inserted(file):
    file.shell(f"INSERT OR FAIL INTO rule (target) VALUES ('{NEW}'), ('{API}'), ('b.example');")
    assert file.changed() == [(3, None, NEW)]
    assert file.shell(f"INSERT INTO rule (target) VALUES ('{NEW}'), ('{API}');").returncode != 0
    assert file.changed() == [(3, None, NEW)]


def test_old_and_new_row_hold_every_column(file):
    """A column that the history forgets would be lost on the way back."""
    file.sql("INSERT INTO client_group (name) VALUES ('runners'); INSERT INTO client_network VALUES ('runners', '10.0.0.0/8');"
             "INSERT INTO provider (name, virtual_host) VALUES ('x', '{bucket}.x.example');"
             + set_setting("answer_ttl", "7") + insert(NEW)
             + f"INSERT INTO pin (rule_id, spki_sha256) VALUES (1, '{PINS[0]}');")
    for table, _, _, new in file.entries():
        columns = {row["name"] for row in file.rows(f"PRAGMA table_info({table});")} - {"updated_at"}
        assert set(new) == columns, table
    assert {table for table, _, _, _ in file.entries()} == set(TABLES)


# A statement on another table, and the keys of its entries with whether there was and is a row.
OTHERS = {
    "setting": ("UPDATE setting SET value = '7' WHERE name = 'answer_ttl';", [("setting", "answer_ttl", True, True)]),
    "setting, the same": ("UPDATE setting SET value = value;", []),
    "setting replaced": ("REPLACE INTO setting VALUES ('answer_ttl', '7');", [("setting", "answer_ttl", True, True)]),
    "setting replaced by the same": ("REPLACE INTO setting VALUES ('answer_ttl', '30');", []),
    "setting ignored": ("INSERT OR IGNORE INTO setting VALUES ('answer_ttl', '7');", []),
    "setting upserted": ("INSERT INTO setting VALUES ('answer_ttl', '7') ON CONFLICT DO UPDATE SET value = excluded.value;",
                         [("setting", "answer_ttl", True, True)]),
    "group": ("INSERT INTO client_group (name) VALUES ('new');", [("client_group", "new", False, True)]),
    "group ignored": ("INSERT OR IGNORE INTO client_group (name, comment) VALUES ('runners', 'x');", []),
    "group replaced": ("REPLACE INTO client_group (name, comment) VALUES ('runners', 'x');",
                       [("client_group", "runners", True, True)]),
    "mode of a group": ("UPDATE client_group SET mode = 'observe' WHERE name = 'runners';",
                        [("client_group", "runners", True, True)]),
    "mode of everybody": ("UPDATE client_group SET mode = 'observe' WHERE name = 'any';", [("client_group", "any", True, True)]),
    "group updated": ("UPDATE client_group SET comment = 'x' WHERE name = 'runners';", [("client_group", "runners", True, True)]),
    "group deleted with its networks": (
        "DELETE FROM client_group WHERE name = 'runners';",
        [("client_group", "runners", True, False), ("client_network", "runners 10.0.0.0/8", True, False),
         ("client_network", "runners 10.1.0.0/16", True, False)]),
    "network": ("INSERT INTO client_network VALUES ('runners', '10.2.0.0/16');",
                [("client_network", "runners 10.2.0.0/16", False, True)]),
    "network ignored": ("INSERT OR IGNORE INTO client_network VALUES ('runners', '10.0.0.0/8');", []),
    "network replaced": ("REPLACE INTO client_network VALUES ('runners', '10.0.0.0/8');", []),
    "network moved": ("UPDATE client_network SET cidr = '10.9.0.0/16' WHERE cidr = '10.0.0.0/8';",
                      [("client_network", "runners 10.0.0.0/8", True, False),
                       ("client_network", "runners 10.9.0.0/16", False, True)]),
    "network moved onto another": ("UPDATE OR REPLACE client_network SET cidr = '10.1.0.0/16' WHERE cidr = '10.0.0.0/8';",
                                   [("client_network", "runners 10.0.0.0/8", True, False)]),
    "network deleted": ("DELETE FROM client_network WHERE cidr = '10.0.0.0/8';",
                        [("client_network", "runners 10.0.0.0/8", True, False)]),
    "provider": ("INSERT INTO provider (name, virtual_host) VALUES ('x', '{bucket}.x.example');", [("provider", "x", False, True)]),
    "provider ignored": ("INSERT OR IGNORE INTO provider (name, virtual_host) VALUES ('GitHub', '{bucket}.x.example');", []),
    "provider replaced": ("REPLACE INTO provider (name, virtual_host) VALUES ('GitHub', '{bucket}.x.example');",
                          [("provider", "GitHub", True, True)]),
    "provider upserted": ("INSERT INTO provider (name, virtual_host) VALUES ('GitHub', '{bucket}.x.example')"
                          " ON CONFLICT DO UPDATE SET note = 'x';", [("provider", "GitHub", True, True)]),
    "provider updated": ("UPDATE provider SET note = 'x' WHERE name = 'GitHub';", [("provider", "GitHub", True, True)]),
    "provider takes another's name": ("UPDATE OR REPLACE provider SET name = 'GitHub' WHERE name = 'PyPI';",
                                      [("provider", "GitHub", True, True), ("provider", "PyPI", True, False)]),
    "providers deleted": ("DELETE FROM provider WHERE name IN ('GitHub', 'npm');",
                          [("provider", "GitHub", True, False), ("provider", "npm", True, False)]),
    "pin": (f"INSERT INTO pin (rule_id, spki_sha256) VALUES (2, '{PINS[0]}');", [("pin", f"2 {PINS[0]}", False, True)]),
    "pin ignored": (f"INSERT OR IGNORE INTO pin (rule_id, spki_sha256, mode) VALUES (1, '{PINS[0]}', 'report');", []),
    "pin replaced": (f"REPLACE INTO pin (rule_id, spki_sha256, mode) VALUES (1, '{PINS[0]}', 'report');",
                     [("pin", f"1 {PINS[0]}", True, True)]),
    "pins changed": ("UPDATE pin SET mode = 'report', comment = 'x';",
                     [("pin", f"1 {PINS[0]}", True, True), ("pin", f"1 {PINS[1]}", True, True)]),
    "pin moved onto another": (f"UPDATE OR REPLACE pin SET spki_sha256 = '{PINS[1]}' WHERE spki_sha256 = '{PINS[0]}';",
                               [("pin", f"1 {PINS[0]}", True, False)]),
    "pin moved to another rule": (f"UPDATE pin SET rule_id = 2 WHERE spki_sha256 = '{PINS[0]}';",
                                  [("pin", f"1 {PINS[0]}", True, False), ("pin", f"2 {PINS[0]}", False, True)]),
    "rule deleted with its pins": ("DELETE FROM rule WHERE id = 1;",
                                   [("pin", f"1 {PINS[0]}", True, False), ("pin", f"1 {PINS[1]}", True, False), ("rule", 1, True, False)]),
    "verify": ("UPDATE rule SET verify = 'chain' WHERE id = 1;", [("rule", 1, True, True)]),
    "rule of a group": ("INSERT INTO rule (target, clients) VALUES ('api.example.com', 'runners');", [("rule", 3, False, True)]),
    "rule moves to a group": ("UPDATE rule SET clients = 'runners' WHERE id = 1;", [("rule", 1, True, True)]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_tables_are_kept_and_undone(file, name):
    statement, expected = OTHERS[name]
    file.sql("INSERT INTO client_group (name) VALUES ('runners');"
             "INSERT INTO client_network VALUES ('runners', '10.0.0.0/8'), ('runners', '10.1.0.0/16');"
             f"INSERT INTO pin (rule_id, spki_sha256) VALUES (1, '{PINS[0]}'), (1, '{PINS[1]}');")
    file.forget()
    before = file.snapshot()
    file.sql(statement)
    assert sorted((table, key, old is not None, new is not None) for table, key, old, new in file.entries()) == expected
    file.sql(restore_to(HALF_AN_HOUR_AGO))
    assert file.snapshot() == before


def test_group_with_everything_of_it_comes_and_goes(file):
    empty, first = file.snapshot(), file.seen + 1
    file.sql("INSERT INTO client_group (name) VALUES ('runners'); INSERT INTO client_network VALUES ('runners', '10.0.0.0/8');"
             "UPDATE rule SET clients = 'runners';")
    file.forget()
    full = file.snapshot()
    file.sql("DELETE FROM rule; DELETE FROM client_group WHERE name = 'runners';")
    file.sql(restore_to(HALF_AN_HOUR_AGO))
    assert file.snapshot() == full
    file.sql(restore_before(first))
    assert file.snapshot() == empty


def test_rules_change_places_and_back(file):
    file.sql(insert("third.example"))
    file.forget()
    before = file.snapshot()
    file.sql("UPDATE rule SET target = 'away.example' WHERE id = 1; UPDATE rule SET target = 'api.example.com' WHERE id = 3;"
             "UPDATE rule SET target = 'third.example' WHERE id = 2; UPDATE rule SET target = '*.example.org' WHERE id = 1;")
    file.sql(restore_to(HALF_AN_HOUR_AGO))
    assert file.snapshot() == before


def test_a_way_back_can_be_undone(file):
    file.sql("DELETE FROM rule WHERE id = 1;" + insert(NEW))
    changed = file.snapshot()
    last = file.rows("SELECT max(id) AS id FROM rule_history;")[0]["id"]
    file.sql(restore_to(HALF_AN_HOUR_AGO))
    assert file.snapshot() != changed
    file.sql(restore_before(last + 1))
    assert file.snapshot() == changed


def test_what_did_not_change_is_not_written(file):
    file.sql("UPDATE rule SET enabled = 0 WHERE id = 1; UPDATE rule SET enabled = 1 WHERE id = 1;")
    count = "SELECT count(*) FROM policy_change;"
    before = file.sql(count)
    file.sql(restore_to(HALF_AN_HOUR_AGO))
    assert file.sql(count) == before


def test_history_is_no_change_of_the_policy(file):
    count = "SELECT count(*) AS count FROM policy_change;"
    before = file.rows(count)[0]["count"]
    file.sql(insert(NEW))
    assert file.rows(count)[0]["count"] == before + 1


@pytest.mark.parametrize("time, advice", [
    ("'yesterday'", "time can't be read"), ("''", "time can't be read"), ("NULL", "time can't be read"),
    ("'2027'", "time can't be read"), ("datetime('now', '+1 hour')", "time is yet to come"),
    ("unixepoch('now') * 1000", "time is yet to come"), ("'2020-01-01'", "the history doesn't go back that far")])
def test_mistyped_time_is_explained(file, time, advice):
    before = file.snapshot()
    done = file.shell(restore_to(time))
    assert done.returncode != 0 and advice in done.stderr
    assert file.snapshot() == before


@pytest.mark.parametrize("time", ["datetime('now', '-30 minutes')", "unixepoch('now') - 1800", "strftime('%s', 'now', '-30 minutes')",
                                  "datetime('now', 'localtime', '-30 minutes', 'utc')"])
def test_ways_to_type_a_time(file, time):
    before = file.snapshot()
    file.sql(insert(NEW))
    file.sql(restore_to(time))
    assert file.snapshot() == before


def test_entry_that_is_not_there_is_explained(file):
    assert "has no such entry" in file.shell(restore_before(999)).stderr


@pytest.mark.parametrize("conflict", ["IGNORE", "REPLACE", "FAIL", "ABORT", "ROLLBACK"])
def test_conflict_clause_never_leaves_half_a_way(file, conflict):
    """SQLite hands it down into the triggers."""
    before = file.snapshot()
    file.sql("UPDATE rule SET enabled = 0;")
    changed = file.snapshot()
    done = file.shell(restore_to(HALF_AN_HOUR_AGO).replace("INSERT", f"INSERT OR {conflict}"))
    assert file.snapshot() == (before if done.returncode == 0 else changed)


def test_times_that_went_backwards(file):
    """Entries count, not the clock."""
    file.sql(insert("a.example"))
    file.sql("UPDATE rule_history SET changed_at = 5 WHERE id = (SELECT max(id) FROM rule_history);")
    before = file.snapshot()
    file.sql(insert("b.example"))
    file.sql(restore_to("datetime('now', '-30 minutes')"))
    assert file.snapshot() == before


def test_documented_questions(file):
    before = file.seen
    file.sql("UPDATE rule SET action = 'deny' WHERE id = 1; DELETE FROM rule WHERE id = 1; REPLACE INTO rule (id, target) VALUES (7, 'x.example');"
             "UPDATE rule SET enabled = 0, comment = 'why' WHERE id = 7;")
    questions = re.findall(r"\n\n    (SELECT .*?;)$", (REPOSITORY / "docs" / "history.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(questions) == 3
    since_yesterday, of_a_name, by_column = (file.rows(question) for question in questions)
    assert len(since_yesterday) == before + 4
    assert [row["rule"] for row in of_a_name] == [1, 1, 1]
    assert [(row["column"], row["old"], row["new"]) for row in by_column][-2:] == [("enabled", 1, 0), ("comment", None, "why")]


def rule_1(snapshot):
    return next((row for row in snapshot["rule"] if row["id"] == 1), None)


def test_documented_way_to_bring_one_rule_back(file):
    before = file.snapshot()
    file.sql("DELETE FROM rule WHERE id = 1; UPDATE rule SET enabled = 0;")
    statement = documented("REPLACE INTO rule").replace("4711", str(file.seen + 1)).replace('"key" = 7', '"key" = 1')
    file.sql(statement)
    assert rule_1(file.snapshot()) == rule_1(before) is not None


class Walk:
    """Random statements, as people and scripts type them."""

    def __init__(self, seed):
        self._dice = random.Random(seed)

    def _target(self):
        return self._dice.choice([f"{letter}.example" for letter in "abcdef"])

    def _id(self):
        return self._dice.randint(1, 12)

    def _group(self):
        return self._dice.choice(["any", "red", "green", "blue"])

    def _named_group(self):
        return self._dice.choice(["red", "green", "blue"])

    def _cidr(self):
        return self._dice.choice(["10.0.0.0/8", "10.1.0.0/16", "fd00::/8"])

    def _or(self):
        return self._dice.choice(["", "", "OR IGNORE", "OR REPLACE", "OR FAIL"])

    def _pin(self):
        return self._dice.choice(PINS)

    def _setting(self):
        return self._dice.choice([("answer_ttl", self._id()), ("deny_answer", self._dice.choice(["refused", "nxdomain"]))])

    def statement(self):
        """Some fail, as people's do."""
        target, group, name, value = self._target(), self._group(), *self._setting()
        return self._dice.choice([
            lambda: f"INSERT {self._or()} INTO rule (target, clients, comment) VALUES ('{target}', '{group}', '{self._id()}');",
            lambda: f"INSERT {self._or()} INTO rule (id, target) VALUES ({self._id()}, '{target}'), ({self._id()}, '{self._target()}');",
            lambda: f"INSERT {self._or()} INTO rule (target, action) SELECT target || '.example', 'deny' FROM rule WHERE id = {self._id()};",
            lambda: f"INSERT INTO rule (target, clients) VALUES ('{target}', '{group}') ON CONFLICT (target, clients) DO UPDATE SET enabled = 1 - enabled;",
            lambda: f"INSERT INTO rule (id, target) VALUES ({self._id()}, '{target}') ON CONFLICT (id) DO UPDATE SET target = excluded.target ON CONFLICT DO NOTHING;",
            lambda: f"UPDATE {self._or()} rule SET target = '{target}' WHERE id >= {self._id()};",
            lambda: f"UPDATE {self._or()} rule SET id = {self._id()} WHERE target = '{target}';",
            lambda: f"UPDATE {self._or()} rule SET id = id + 1;",
            lambda: f"UPDATE {self._or()} rule SET clients = '{group}', widen = 1 - widen WHERE id % 2 = {self._id() % 2};",
            lambda: f"UPDATE rule SET enabled = {self._id() % 2}, expires_at = {self._id()} WHERE id < {self._id()};",
            lambda: f"UPDATE {self._or()} rule SET connect_to = '10.0.0.{self._id()}' WHERE id < {self._id()};",
            lambda: f"UPDATE {self._or()} rule SET verify = '{self._dice.choice(['chain', 'pin-only', 'none'])}' WHERE id < {self._id()};",
            lambda: f"INSERT {self._or()} INTO pin (rule_id, spki_sha256, comment) SELECT id, '{self._pin()}', {self._id()} FROM rule WHERE id < {self._id()};",
            lambda: f"UPDATE {self._or()} pin SET spki_sha256 = '{self._pin()}', mode = 'report' WHERE rule_id < {self._id()};",
            lambda: f"UPDATE {self._or()} pin SET rule_id = {self._id()} WHERE spki_sha256 = '{self._pin()}';",
            lambda: f"DELETE FROM pin WHERE rule_id = {self._id()};",
            lambda: f"DELETE FROM rule WHERE id = {self._id()};",
            lambda: f"DELETE FROM rule WHERE target > '{target}';",
            lambda: f"INSERT {self._or()} INTO client_group (name, comment) VALUES ('{self._named_group()}', '{self._id()}');",
            lambda: f"UPDATE {self._or()} client_group SET comment = '{self._id()}' WHERE name >= '{group}';",
            lambda: f"DELETE FROM client_group WHERE name = '{self._named_group()}';",
            lambda: f"INSERT {self._or()} INTO client_network VALUES ('{self._named_group()}', '{self._cidr()}');",
            lambda: f"UPDATE {self._or()} client_network SET cidr = '{self._cidr()}' WHERE client_group = '{group}';",
            lambda: f"UPDATE {self._or()} client_network SET client_group = '{self._named_group()}';",
            lambda: f"DELETE FROM client_network WHERE cidr = '{self._cidr()}';",
            lambda: set_setting(name, str(value)),
            lambda: f"REPLACE INTO setting VALUES ('{name}', '{value}');",
            lambda: f"INSERT OR IGNORE INTO setting VALUES ('{name}', '{value}');",
        ])()

    def some(self, count):
        """Alone, in a transaction, or in one that is taken back."""
        statements = "\n".join(self.statement() for _ in range(count))
        begin, end = self._dice.choice([("", ""), ("", ""), ("BEGIN;\n", "COMMIT;\n"), ("BEGIN;\n", "ROLLBACK;\n")])
        recursive = self._dice.choice(["OFF", "OFF", "ON"])
        return f"PRAGMA recursive_triggers = {recursive};\n{begin}{statements}\n{end}"


@pytest.mark.parametrize("seed", range(6))
def test_random_edits_are_brought_back(file, seed):
    """An hour lies between the snapshots; the shell goes on after a statement that fails, as at a terminal."""
    walk, snapshots = Walk(seed), []
    for _ in range(8):
        file.shell(walk.some(20) + walk.some(20))
        file.forget()
        snapshots.append(file.snapshot())
    assert len({json.dumps(snapshot) for snapshot in snapshots}) > 4
    backwards = list(range(8))
    random.Random(seed).shuffle(backwards)
    for number in backwards:
        # The restored state is itself a change of now, so an hour older entries keep their times.
        file.sql(restore_to(f"datetime('now', '-{(7 - number) * 60 + 30} minutes')"))
        assert file.snapshot() == snapshots[number], f"seed {seed}, snapshot {number}"


def test_restored_policy_is_in_force(launch, make_policy, at_gate, gate_port):
    policy = make_policy([at_gate("kept.example.com"), at_gate("deleted.example.com")])
    policy.sql("UPDATE rule_history SET changed_at = changed_at - 3600;")
    pinhole = launch(policy, gate_port=gate_port)
    policy.sql(f"DELETE FROM rule WHERE target = {quote(at_gate('deleted.example.com'))};" + insert(at_gate("added.example.com")))
    eventually(lambda: is_allowed(pinhole.dns, "added.example.com") and not is_allowed(pinhole.dns, "deleted.example.com"), 5,
               "the edit is in force")
    policy.sql(restore_to(HALF_AN_HOUR_AGO))
    eventually(lambda: is_allowed(pinhole.dns, "deleted.example.com") and not is_allowed(pinhole.dns, "added.example.com"), 5,
               "the restored policy is in force")
    assert is_allowed(pinhole.dns, "kept.example.com")


def entry_count(policy):
    return policy.rows("SELECT count(*) AS count FROM rule_history;")[0]["count"]


def test_too_many_rows_are_taken_away(launch, make_policy, gate_port):
    policy = make_policy()
    policy.sql("WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 2500)"
               "INSERT INTO rule (target) SELECT 'host' || n || '.example.com' FROM counted;")
    launch(policy, gate_port=gate_port)
    policy.sql(set_setting("history_rows", "100"))
    eventually(lambda: entry_count(policy) == 100, 10, "the history is as short as the setting says")
    newest = policy.rows("SELECT max(id) - min(id) AS distance, max(\"key\") AS key FROM rule_history;")[0]
    assert newest == {"distance": 99, "key": "history_rows"}


def test_old_rows_are_taken_away_but_the_newest_of_them(launch, make_policy, gate_port):
    policy = make_policy(["a.example", "b.example", "c.example"])
    policy.sql("UPDATE rule_history SET changed_at = changed_at - 86400 * 100;" + insert("d.example"))
    old = policy.rows("SELECT max(id) AS id FROM rule_history WHERE changed_at < unixepoch('now', '-99 days');")[0]["id"]
    launch(policy, gate_port=gate_port)
    eventually(lambda: policy.rows("SELECT min(id) AS id FROM rule_history;")[0]["id"] == old, 10, "old entries are gone")
    assert entry_count(policy) == 2
    assert "doesn't go back that far" in policy.shell(restore_to("datetime('now', '-101 days')")).stderr
    policy.sql(restore_to("datetime('now', '-99 days')"))
    assert [row["target"] for row in policy.rows("SELECT target FROM rule ORDER BY id;")] == ["a.example", "b.example", "c.example"]


@pytest.mark.parametrize("statement, advice", [
    ("UPDATE setting SET value = '0' WHERE name = 'history_days';", "a whole number from 1 to 36500"),
    ("UPDATE setting SET value = '36501' WHERE name = 'history_days';", "a whole number from 1 to 36500"),
    ("UPDATE setting SET value = '' WHERE name = 'history_days';", "a whole number from 1 to 36500"),
    ("UPDATE setting SET value = '3 days' WHERE name = 'history_days';", "a whole number from 1 to 36500"),
    ("REPLACE INTO setting VALUES ('history_rows', '0');", "a whole number from 1 to 10000000"),
    ("UPDATE setting SET value = '-1' WHERE name = 'history_rows';", "a whole number from 1 to 10000000"),
    ("UPDATE setting SET value = '10000001' WHERE name = 'history_rows';", "a whole number from 1 to 10000000"),
    ("DELETE FROM setting WHERE name = 'history_days';", "SET value = '90' WHERE name = 'history_days'"),
    ("DELETE FROM setting WHERE name = 'history_rows';", "SET value = '100000' WHERE name = 'history_rows'"),
    ("INSERT INTO setting VALUES ('history', '1');", "SELECT name FROM setting shows them all")])
def test_mistyped_setting_is_explained(file, statement, advice):
    before = file.snapshot()
    done = file.shell(statement)
    assert done.returncode != 0 and advice in done.stderr
    assert file.snapshot() == before
