"""The DNS server of an internal zone in tests: answers whole records, and remembers whole questions."""
import struct

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from support.authority import Authority

UDP_LIMIT = 1232


def cut(answer):
    """The answer without records, which says that it is cut (TC)."""
    flags, = struct.unpack_from("!H", answer, 2)
    question_end = answer.index(b"\0", 12) + 5
    return answer[:2] + struct.pack("!5H", flags | dns.flags.TC, 1, 0, 0, 0) + answer[12:question_end]


class ZoneServer(Authority):
    """As an Authority; besides, `records` maps a name in lower case and a type to lines of a zone file, which are the
    answer, and `edit`, where it is set, may change each answer before it is sent."""

    def __init__(self, **options):
        self.records, self.edit, self._prepared = {}, None, {}
        self.queries, self.tcp_count = [], 0
        super().__init__(**options)

    def put(self, name, rdtype, *lines):
        self.records[name, rdtype] = lines

    def asked(self, name):
        """The questions for a name so far, in whatever case."""
        return [rdtype for asked, rdtype in self.questions() if asked.lower() == name + "."]

    def prepare(self, name, addresses):
        """Gives a name so many addresses that the answer has to be made beforehand, to be there in time."""
        self.zone[name] = addresses
        query = dns.message.make_query(name, "A")
        self._prepared[name] = self._answer(query, query.question[0]).to_wire()

    def _on_datagram(self):
        wire, client = self._udp.recvfrom(4096)
        self._serve(wire, lambda answer: self._udp.sendto(cut(answer) if len(answer) > UDP_LIMIT else answer, client))

    def _serve(self, wire, send):
        query = dns.message.from_wire(wire)
        prepared = self._prepared.get(query.question[0].name.to_text().lower().rstrip("."))
        if prepared is None:
            super()._serve(wire, send)
        else:
            send(wire[:2] + prepared[2:])

    def _serve_connection(self, connection):
        self.tcp_count += 1
        super()._serve_connection(connection)

    def _answer(self, query, asked):
        self.queries.append(query)
        name, rdtype = asked.name.to_text().lower().rstrip("."), dns.rdatatype.to_text(asked.rdtype)
        if (name, rdtype) in self.records:
            answer = dns.message.make_response(query, recursion_available=True)
            for line in self.records[name, rdtype]:
                owner, ttl, _, of_type, rdata = line.split(None, 4)
                answer.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", of_type, rdata))
        else:
            answer = super()._answer(query, asked)
        if self.edit is not None and name != "marker.invalid":
            self.edit(answer)
        answer.request_payload = 65535  # else dnspython would raise rather than cut
        return answer
