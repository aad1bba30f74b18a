"""Asking the resolver: with dig where people would, with dnspython where bytes matter."""
import re
import socket
import struct
from dataclasses import dataclass, field

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from support.process import Deadline, run

EDE_BLOCKED = 15


@dataclass
class Dug:
    """What dig showed."""
    status: str = ""
    flags: set = field(default_factory=set)
    has_opt: bool = False
    opt_flags: set = field(default_factory=set)
    ede: tuple = None  # (code, text)
    question: str = ""
    answer: list = field(default_factory=list)  # records, each a list of words
    authority: list = field(default_factory=list)
    text: str = ""

    def addresses(self):
        return sorted(record[4] for record in self.answer)


def dig(server, name, *options):
    """Runs dig against `server` (address, port), without cookie unless asked for, and reads what it prints."""
    for _ in range(3):
        done = run(["dig", f"@{server[0]}", "-p", server[1], "+tries=1", "+time=30", "+nocookie", *options, "-q", name])
        assert done.returncode == 0, done.stdout + done.stderr
        dug = read_dig(done.stdout)
        # dig shares its source port by SO_REUSEPORT, so the kernel may give it the server's own: then it hears itself.
        if "qr" in dug.flags or "query response not set" not in done.stdout:
            break
    return dug


def read_dig(text):
    dug, section = Dug(text=text), None
    for line in text.splitlines():
        if match := re.match(r";; ->>HEADER<<- .* status: (\w+),", line):
            dug.status = match.group(1)
        elif match := re.match(r";; flags: ([a-z ]*);", line):
            dug.flags = set(match.group(1).split())
        elif match := re.match(r"; EDNS: .*flags:([a-z ]*);", line):
            dug.has_opt, dug.opt_flags = True, set(match.group(1).split())
        elif match := re.match(r"; EDE: (\d+)[^:]*(?:: \((.*)\))?$", line):
            dug.ede = (int(match.group(1)), match.group(2))
        elif match := re.match(r";; (\w+) SECTION:", line):
            section = match.group(1)
        elif section == "QUESTION" and line.startswith(";"):
            dug.question = line[1:].split()[0]
        elif section in ("ANSWER", "AUTHORITY") and line and not line.startswith(";"):
            getattr(dug, section.lower()).append(line.split())
    return dug


def question(name, rdtype="A", **options):
    """A query; EDNS as dnspython's make_query() takes it."""
    return dns.message.make_query(name, rdtype, **options)


def ask(server, name, rdtype="A", *, tcp=False, seconds=5, **options):
    """One question, one answer."""
    send = dns.query.tcp if tcp else dns.query.udp
    return send(question(name, rdtype, **options), server[0], port=server[1], timeout=Deadline(seconds).left())


def is_allowed(server, name, **options):
    """Whether the resolver gives addresses for a name. Any other answer than the two expected ones is an error."""
    answer = ask(server, name, **options)
    if answer.rcode() == dns.rcode.NXDOMAIN:
        return False
    assert answer.rcode() == dns.rcode.NOERROR, answer
    return len(answer.answer) > 0


def ede_of(message):
    """The Extended DNS Error (code, text) of a message, or None."""
    for option in message.options:
        if option.otype == dns.edns.OptionType.EDE:
            return int(option.code), option.text
    return None


def udp_socket(server):
    """A UDP socket connected to `server`."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.settimeout(Deadline(5).left())
    client.connect(server)
    return client


def tcp_socket(server):
    client = socket.create_connection(server, Deadline(5).left())
    client.settimeout(Deadline(10).left())
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def framed(wire):
    """A message as TCP carries it (RFC 1035 4.2.2)."""
    return struct.pack("!H", len(wire)) + wire


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError(f"the connection ended after {len(data)} of {count} bytes")
        data += piece
    return data


def read_framed(connection):
    size, = struct.unpack("!H", read_exactly(connection, 2))
    return dns.message.from_wire(read_exactly(connection, size))


def wire_question(labels, rdtype=1):
    """A question byte by byte; labels may hold any bytes."""
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + name + struct.pack("!2H", rdtype, 1)


def ask_all(server, wires, client="127.0.0.1", window=64):
    """Asks all questions, some at a time, and waits until each is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind((client, 0))
        asking.connect(server)
        asking.settimeout(Deadline(5).left())
        waiting = 0
        for wire in wires:
            asking.send(wire)
            waiting += 1
            if waiting == window:
                asking.recv(4096)
                waiting -= 1
        for _ in range(waiting):
            asking.recv(4096)
