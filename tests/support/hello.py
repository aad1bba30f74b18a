"""ClientHellos byte by byte (RFC 8446 4.1.2), well-formed and otherwise, and the alerts that answer them."""
import os
import socket
import struct
from dataclasses import dataclass

from support.process import Deadline

RECORD_ALERT, RECORD_HANDSHAKE, RECORD_APPLICATION = 21, 22, 23
SERVER_NAME, SUPPORTED_VERSIONS, KEY_SHARE, PADDING = 0, 43, 51, 21
X25519MLKEM768, X25519MLKEM768_SHARE_BYTES = 0x11EC, 1216

HANDSHAKE_FAILURE, ILLEGAL_PARAMETER, ACCESS_DENIED, DECODE_ERROR = 40, 47, 49, 50
INTERNAL_ERROR, MISSING_EXTENSION, UNRECOGNIZED_NAME = 80, 109, 112


def vector(width, body):
    """A vector whose length takes `width` bytes."""
    return len(body).to_bytes(width, "big") + body


def extension(kind, body):
    return struct.pack("!H", kind) + vector(2, body)


def server_name(*names):
    """The server_name extension (RFC 6066 3) with these host names, each bytes."""
    return extension(SERVER_NAME, vector(2, b"".join(b"\0" + vector(2, name) for name in names)))


def supported_versions():
    return extension(SUPPORTED_VERSIONS, vector(1, b"\x03\x04\x03\x03"))


def key_share(group=29, size=32):
    return extension(KEY_SHARE, vector(2, struct.pack("!H", group) + vector(2, os.urandom(size))))


def groups_and_signatures():
    """supported_groups and signature_algorithms, without which no server goes on."""
    return extension(10, vector(2, b"\0\x1d\0\x17")) + extension(13, vector(2, b"\4\3\x08\4\4\1"))


def padding(size):
    return extension(PADDING, bytes(size))


def client_hello(extensions, after_extensions=b"", cipher_suites=b"\x13\x01\x13\x02\xc0\x2b\xc0\x2f"):
    """A ClientHello handshake message; `extensions` is the bytes of all, or None for a hello without any."""
    body = b"\x03\x03" + os.urandom(32) + vector(1, os.urandom(32)) + vector(2, cipher_suites) + vector(1, b"\0")
    if extensions is not None:
        body += vector(2, extensions)
    return b"\x01" + vector(3, body + after_extensions)


def hello_for(name, *more):
    """An ordinary TLS 1.3 hello for `name` (bytes), which a real server answers."""
    return client_hello(server_name(name) + groups_and_signatures() + supported_versions() + key_share()
                        + b"".join(more))


P384, P384_SHARE_BYTES = 24, 97


def second_hello(name):
    """The records of a hello for `name` (bytes) that answers a HelloRetryRequest for another group."""
    return records(client_hello(server_name(name) + groups_and_signatures() + supported_versions()
                                + key_share(P384, P384_SHARE_BYTES)))


# RFC 8446 4.1.3: the random of a ServerHello that is a HelloRetryRequest.
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def server_hello(random):
    """A ServerHello handshake message of TLS 1.3."""
    body = b"\x03\x03" + random + vector(1, b"") + b"\x13\x01\x00" + vector(2, b"\x00\x2b\x00\x02\x03\x04")
    return b"\x02" + vector(3, body)


def record(kind, body):
    return bytes([kind]) + b"\x03\x01" + vector(2, body)


def records(handshake, fragment=16384):
    """The message in handshake records of `fragment` bytes each."""
    return b"".join(record(RECORD_HANDSHAKE, handshake[at:at + fragment])
                    for at in range(0, len(handshake), fragment))


@dataclass
class Ending:
    """How a connection ended: what came, the alert in it, and whether it was a clean FIN."""
    data: bytes
    alert: int
    was_reset: bool


def read_to_end(connection, seconds=20):
    """Reads until the other side closes."""
    connection.settimeout(Deadline(seconds).left())
    data, was_reset = b"", False
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        was_reset = True
    return Ending(data, alert_in(data), was_reset)


def alert_in(data):
    """The description of the fatal alert, if `data` is one alert record and nothing else."""
    if len(data) == 7 and data[0] == RECORD_ALERT and data[3:6] == b"\0\x02\x02":
        return data[6]
    return None


def send_all_then_read(gate, data, pieces=None):
    """Connects to the gate, sends `data` (each byte on its own with pieces=1), reads to the end."""
    with socket.create_connection(gate, Deadline(10).left()) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), pieces or max(1, len(data))):
            connection.sendall(data[at:at + (pieces or len(data))])
        return read_to_end(connection)
