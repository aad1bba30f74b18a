"""The policy file as its operator knows it: through the sqlite3 shell alone."""
import json
import shutil
import subprocess

from support.process import PINHOLE, run, spawn, stop

LOOPBACK = "127.0.0.0/8,::1/128"


class Policy:
    """One policy file, created by `pinhole init`."""

    def __init__(self, path, targets=(), private_networks=LOOPBACK):
        self.path = path
        made = run([PINHOLE, "init", "--db", path])
        assert made.returncode == 0, made.stderr
        statements = [insert(target) for target in targets]
        if private_networks:
            statements.append(set_setting("allowed_private_networks", private_networks))
        if statements:
            self.sql("BEGIN;" + "".join(statements) + "COMMIT;")

    def shell(self, statements, *options):
        """Runs the sqlite3 shell; returns the finished process."""
        return run(["sqlite3", "-batch", "-bail", "-cmd", ".timeout 60000", *options, self.path], seconds=60, input=statements)

    def sql(self, statements):
        done = self.shell(statements)
        assert done.returncode == 0, f"sqlite3: {done.stderr}"

    def rows(self, query):
        """The rows of a query, each a dict."""
        done = self.shell(query, "-json")
        assert done.returncode == 0, f"sqlite3: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else []

    def rule_id(self, target):
        return self.rows(f"SELECT id FROM rule WHERE target = {quote(target)};")[0]["id"]

    def copy_to(self, path):
        """A second policy file with the same content."""
        self.sql("PRAGMA wal_checkpoint(TRUNCATE);")
        shutil.copy(self.path, path)
        copy = object.__new__(Policy)
        copy.path = path
        return copy


class OpenShell:
    """A sqlite3 shell that somebody left open."""

    def __init__(self, policy):
        self._process = spawn(["sqlite3", "-batch", "-cmd", ".timeout 60000", policy.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)

    def type(self, statements):
        """Runs statements, which must go well, and waits until they are done; returns what the shell printed."""
        self._process.stdin.write(statements + "\nSELECT 'done typing';\n")
        self._process.stdin.flush()
        printed = []
        for line in self._process.stdout:
            if line.strip() == "done typing":
                return "".join(printed)
            assert "rror" not in line, f"sqlite3: {line}"
            printed.append(line)
        raise AssertionError("the sqlite3 shell ended: " + "".join(printed))

    def close(self):
        self._process.stdin.close()
        stop(self._process)
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def quote(value):
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    return "'" + value.replace("'", "''") + "'"


def insert(target, **columns):
    """The statement that adds a rule; `target` may be a dict of all columns. Servers of the tests are anybody, so their
    certificates are not checked unless told otherwise."""
    row = dict(target) if isinstance(target, dict) else {"target": target}
    row.update(columns)
    if row.get("action") != "deny":
        row.setdefault("verify", "none")
    return f"INSERT INTO rule ({', '.join(row)}) VALUES ({', '.join(map(quote, row.values()))});\n"


def set_setting(name, value):
    return f"UPDATE setting SET value = {quote(value)} WHERE name = {quote(name)};\n"


def deny(target):
    """A deny rule, for the list that Policy() takes."""
    return {"target": target, "action": "deny"}
