"""What DNS queries pass over the loopback interface, counted from outside of every client and server."""
import select
import socket
import struct

import dns.message
import dns.rdatatype

from support.dns_client import ask
from support.process import Deadline

ETH_P_IP = 0x0800
PACKET_HOST = 0  # of linux/if_packet.h: as it arrives
UDP = 17


def query_in(packet, server):
    """The (name, type) that an IPv4 packet asks `server` for over UDP; None for anything else."""
    start = (packet[0] & 15) * 4
    if packet[9] != UDP or packet[16:20] != socket.inet_aton(server[0]):
        return None
    _, port, _, _ = struct.unpack("!4H", packet[start:start + 8])
    if port != server[1]:
        return None
    asked = dns.message.from_wire(packet[start + 8:], ignore_trailing=True).question[0]
    return asked.name.to_text().lower(), dns.rdatatype.to_text(asked.rdtype)


class Tap:
    """The UDP queries to one server on IPv4, from its making on."""

    def __init__(self, server):
        self._server = server
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._socket.bind(("lo", ETH_P_IP))
        self._marks = 0

    def queries(self):
        """All queries since the last call. Exact: a marker is sent first, behind which nothing can be left."""
        self._marks += 1
        marker = f"marker{self._marks}.invalid."
        ask(self._server, marker, "TXT")
        deadline, found = Deadline(10), []
        while select.select([self._socket], [], [], deadline.left())[0]:
            packet, (_, _, kind, *_) = self._socket.recvfrom(65535)
            query = query_in(packet, self._server) if kind == PACKET_HOST else None
            if query == (marker, "TXT"):
                return found
            if query is not None:
                found.append(query)
        raise AssertionError("the marker was not seen")

    def close(self):
        self._socket.close()
