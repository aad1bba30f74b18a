"""PROXY protocol headers (HAProxy's proxy-protocol.txt), well-formed and otherwise, and a real HAProxy."""
import ipaddress
import struct

from support.process import spawn, stop

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PROXY, LOCAL = 0x21, 0x20
TCP_V4, UDP_V4, TCP_V6, UNIX = 0x11, 0x12, 0x21, 0x31

HAPROXY_CONFIGURATION = """
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen front
    bind {front}
    server gate {gate} {options}
"""


def version_1(source, destination, source_port=50000, destination_port=443):
    """The line of a TCP connection."""
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {destination} {source_port} {destination_port}\r\n".encode()


def version_2(source, destination, source_port=50000, destination_port=443, tlvs=b""):
    """The binary header of a TCP connection."""
    addresses = [ipaddress.ip_address(text) for text in (source, destination)]
    block = b"".join(address.packed for address in addresses) + struct.pack("!HH", source_port, destination_port)
    return binary(PROXY, TCP_V4 if addresses[0].version == 4 else TCP_V6, block + tlvs)


def binary(command, family, block=b""):
    """A binary header of any kind."""
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(block)) + block


class Haproxy:
    """HAProxy in front of the gate: takes TCP connections at `front` and hands them on with these server options."""

    def __init__(self, directory, front, gate, options):
        configuration = directory / "haproxy.cfg"
        configuration.write_text(HAPROXY_CONFIGURATION.format(
            front=f"{front[0]}:{front[1]}", gate=f"{gate[0]}:{gate[1]}", options=options))
        self._process = spawn(["haproxy", "-db", "-f", configuration])

    def stop(self):
        stop(self._process)
