"""`pinhole serve` as a process under test."""
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading

from support.process import PINHOLE, Deadline, spawn

ENDPOINT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[0-9.]+):(\d+)(?:=(\d+))?")
SANITIZER_REPORT = re.compile(r"Sanitizer|runtime error:")
TEXT_LINE = re.compile(r"(\S+) (\S+)((?: [^ =]+=(?:\"[^\"]*\"|\S*))*)$")
TEXT_FIELD = re.compile(r" ([^ =]+)=(\"[^\"]*\"|\S*)")


def read_ready_line(line):
    """The one place that knows the wording: `pinhole: ready: dns A:P ..., dot A:P ..., tls A:P=P ..., status A:P, N rules
    from FILE`. Returns the endpoints ((address, port)) of the resolver, of DNS over TLS, of the gate and (one or none)
    of the status page, and the number of rules."""
    match = re.search(r"ready: dns (.*?)(?:, dot (.*?))?, tls (.*?)(?:, status (\S+))?, (\d+) rules?", line)
    assert match, f"not a ready line: {line!r}"
    dns, dot, tls, status = ([(address.strip("[]"), int(port)) for address, port, _ in ENDPOINT.findall(part or "")]
                             for part in match.group(1, 2, 3, 4))
    return dns, dot, tls, status, int(match.group(5))


def read_log_line(line):
    """One log line of either format as a dict; None for what is no log line."""
    if line.startswith("{"):
        return json.loads(line)
    match = TEXT_LINE.match(line)
    if not match:
        return None
    fields = {key: value.strip('"') for key, value in TEXT_FIELD.findall(match.group(3))}
    return {"time": match.group(1), "event": match.group(2), **fields}


class Log:
    """Reads a log from a pipe as it is written, and lets tests wait for lines."""

    def __init__(self, pipe):
        self.lines = []
        self.raw = []
        self._changed = threading.Condition()
        self._has_ended = False
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        for line in pipe:
            record = read_log_line(line.rstrip("\n")) if line.endswith("\n") else None  # else it was killed meanwhile
            with self._changed:
                self.raw.append(line)
                if record is not None:
                    self.lines.append(record)
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()
        pipe.close()

    def mark(self):
        """A place in the log: what comes after it is new."""
        with self._changed:
            return len(self.lines)

    def find(self, since=0, **wanted):
        """The lines after `since` that have all these fields."""
        with self._changed:
            return [line for line in self.lines[since:]
                    if all(str(line.get(key)) == str(value) for key, value in wanted.items())]

    def wait(self, since=0, count=1, seconds=10, **wanted):
        """Waits for `count` such lines and returns them."""
        deadline = Deadline(seconds)
        while True:
            with self._changed:
                size = len(self.lines)
            found = self.find(since, **wanted)
            if len(found) >= count:
                return found
            with self._changed:
                if len(self.lines) == size and (self._has_ended or not self._changed.wait(deadline.left())):
                    raise AssertionError(f"no log line with {wanted}; new lines: {self.lines[since:]}")

    def text(self):
        """Everything that was written; to be called when the process has ended."""
        self._thread.join(30)
        return "".join(self.raw)


class Pinhole:
    """A running `pinhole serve`. Ports are free ones unless told otherwise; the log is read as JSON."""

    def __init__(self, policy, upstream_dns=None, *, dns=("127.0.0.1:0",), tls=("127.0.0.1:0",), gate_port=443,
                 workers=2, arguments=(), environment=None, prefix=(), log_format="json", reads_log=True,
                 lame_duck=0, drain=0, status="none"):
        command = [*prefix, PINHOLE, "serve", "--db", getattr(policy, "path", policy), "--workers", workers,
                   "--log-format", log_format, "--status-listen", status, *arguments]
        for flag, seconds in (("--lame-duck-seconds", lame_duck), ("--drain-seconds", drain)):
            command += [] if seconds is None else [flag, seconds]
        for listen in dns:
            command += ["--dns-listen", listen]
        for listen in tls:
            command += ["--tls-listen", listen if "=" in listen else f"{listen}={gate_port}"]
        for server in [upstream_dns] if isinstance(upstream_dns, str) else upstream_dns or []:
            command += ["--upstream-dns", server]
        self.process = spawn(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**os.environ, **(environment or {})})
        self.log = Log(self.process.stderr) if reads_log else None
        try:
            self.ready_line = self._await_ready_line()
        except BaseException:
            self.kill()
            raise
        (self.dns_endpoints, self.dot_endpoints, self.tls_endpoints, statuses,
         self.rule_count) = read_ready_line(self.ready_line)
        self.dns, self.gate = self.dns_endpoints[0], self.tls_endpoints[0]
        self.status = statuses[0] if statuses else None

    def _await_ready_line(self):
        readable, _, _ = select.select([self.process.stdout], [], [], Deadline(60).left())
        line = self.process.stdout.readline() if readable else ""
        if not line:
            self.process.kill()
            raise AssertionError("pinhole did not get ready: " + (self.log.text() if self.log else ""))
        return line

    def connect(self, seconds=20):
        """A TCP connection to the gate."""
        return socket.create_connection(self.gate, Deadline(seconds).left())

    def wait(self, status=0, seconds=30):
        """Waits until it has ended by itself, with this status. A stop() after that does nothing."""
        assert self.process.wait(Deadline(seconds).left()) == status, self.log.text()
        self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if self.log is None:
            self.process.stderr.close()

    def stop(self, with_signal=signal.SIGTERM, seconds=30):
        """Ends it as its operator would. Asserts that it ended well; a second call does nothing."""
        if self.process.returncode is not None:
            return
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            status = self.process.wait(Deadline(seconds).left())
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"pinhole did not end within {seconds} s of {with_signal.name}") from None
        rest = self.process.stdout.read()
        self.process.stdout.close()
        printed = self.log.text() if self.log else self.process.stderr.read()
        assert not SANITIZER_REPORT.search(printed), printed
        assert status == 0, f"exit status {status}: {printed[-4000:]}"
        assert rest == "", f"more than one line on standard output: {rest!r}"
