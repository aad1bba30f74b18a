"""The upstream DNS of the tests: answers from a table, and remembers every question."""
import contextlib
import selectors
import socket
import struct
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from support.dns_client import ask
from support.process import free_port


class Authority:
    """A DNS server on UDP and TCP, on a thread of its own. `zone` maps a name in lower case, or "*" for every
    other one, to its addresses (a list of text), or to an rcode. Names that it lacks do not exist. A held name is
    not answered before release(), the types in `silent` never. Negative answers carry a SOA where there is a
    `negative_ttl`."""

    def __init__(self, address="127.0.0.1", ttl=60, port=None):
        self.zone, self.ttl, self.negative_ttl, self.silent = {}, ttl, None, set()
        self._questions, self._held, self._waiting = [], set(), []
        self._lock = threading.Lock()
        self._asked = threading.Condition(self._lock)
        self.address, self.port = address, port or free_port(address)
        self.endpoint = f"{address}:{self.port}"
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._udp.bind((address, self.port))
        self._tcp = socket.create_server((address, self.port))
        self._wake_read, self._wake_write = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # What tests call.

    def clear(self):
        """Forgets questions and zone."""
        with self._lock:
            self.zone.clear()
            self._questions.clear()
            self._held.clear()
            self._waiting.clear()

    def questions(self):
        """Every question so far, as (name, type) with the name as it was written. Exact: a marker question is
        sent first, behind which nothing can be left in the socket."""
        ask((self.address, self.port), "marker.invalid", "TXT")
        with self._lock:
            return [asked for asked in self._questions if asked[0] != "marker.invalid."]

    def names(self):
        """The names asked for, in lower case, each once."""
        return sorted({name.lower() for name, _ in self.questions()})

    def wait_for(self, name, seconds=30):
        """Waits until somebody asks for `name`."""
        with self._asked:
            found = self._asked.wait_for(
                lambda: any(asked.lower() == name + "." for asked, _ in self._questions), seconds)
        assert found, f"nobody asked for {name}"

    def hold(self, name):
        with self._lock:
            self._held.add(name)

    def release(self, name):
        with self._lock:
            self._held.discard(name)
            ready = [send for held, send in self._waiting if held == name]
            self._waiting = [waiting for waiting in self._waiting if waiting[0] != name]
        for send in ready:
            with contextlib.suppress(OSError):  # who asked may have gone
                send()

    def stop(self):
        self._wake_write.send(b"x")
        self._thread.join()
        for opened in (self._udp, self._tcp, self._wake_read, self._wake_write):
            opened.close()

    # The server.

    def _run(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self._udp, selectors.EVENT_READ, self._on_datagram)
            selector.register(self._tcp, selectors.EVENT_READ, self._on_connection)
            selector.register(self._wake_read, selectors.EVENT_READ, None)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return
                    key.data()

    def _on_datagram(self):
        wire, client = self._udp.recvfrom(4096)
        self._serve(wire, lambda answer: self._udp.sendto(answer, client))

    def _on_connection(self):
        connection, _ = self._tcp.accept()
        threading.Thread(target=self._serve_connection, args=(connection,), daemon=True).start()

    def _serve_connection(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while len(size := stream.read(2)) == 2:
                wire = stream.read(struct.unpack("!H", size)[0])
                self._serve(wire, lambda answer: connection.sendall(struct.pack("!H", len(answer)) + answer))

    def _serve(self, wire, send):
        query = dns.message.from_wire(wire)
        asked = query.question[0]
        name = asked.name.to_text()
        with self._asked:
            self._questions.append((name, dns.rdatatype.to_text(asked.rdtype)))
            self._asked.notify_all()
            if dns.rdatatype.to_text(asked.rdtype) in self.silent:
                return
            answer = self._answer(query, asked).to_wire()
            key = name.lower().rstrip(".")
            if key in self._held:
                self._waiting.append((key, lambda: send(answer)))
                return
        send(answer)

    def _answer(self, query, asked):
        answer = dns.message.make_response(query, recursion_available=True)
        entry = self.zone.get(asked.name.to_text().lower().rstrip("."), self.zone.get("*"))
        if entry is None or asked.name.to_text() == "marker.invalid.":
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif isinstance(entry, int):
            answer.set_rcode(entry)
        else:
            is_v6 = asked.rdtype == dns.rdatatype.AAAA
            wanted = [text for text in entry if (":" in text) == is_v6]
            if wanted and asked.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
                answer.answer.append(dns.rrset.from_text(asked.name, self.ttl, "IN", asked.rdtype, *wanted))
        if not answer.answer and not isinstance(entry, int) and self.negative_ttl is not None:
            soa = f". . 1 1 1 1 {self.negative_ttl}"
            answer.authority.append(dns.rrset.from_text(dns.name.root, 86400, "IN", "SOA", soa))
        return answer
