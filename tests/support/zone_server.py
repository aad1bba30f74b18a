"""The DNS server of an internal zone in tests: answers whole records, and remembers whole questions."""
import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from support.authority import Authority

UDP_LIMIT = 1232


class ZoneServer(Authority):
    """As an Authority; besides, `records` maps a name in lower case and a type to lines of a zone file, which are the
    answer, and `edit`, where it is set, may change each answer before it is sent."""

    def __init__(self, **options):
        self.records, self.edit = {}, None
        self.queries, self.tcp_count = [], 0
        super().__init__(**options)

    def put(self, name, rdtype, *lines):
        self.records[name, rdtype] = lines

    def asked(self, name):
        """The questions for a name so far, in whatever case."""
        return [rdtype for asked, rdtype in self.questions() if asked.lower() == name + "."]

    def _on_datagram(self):
        wire, client = self._udp.recvfrom(4096)

        def send(answer):
            if len(answer) > UDP_LIMIT:
                whole = dns.message.from_wire(answer)
                whole.answer.clear()
                whole.flags |= dns.flags.TC
                answer = whole.to_wire()
            self._udp.sendto(answer, client)
        self._serve(wire, send)

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
