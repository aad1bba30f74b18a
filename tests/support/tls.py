"""TLS from both ends, by Python's own library: servers with any certificate, and clients that show what reached them."""
import contextlib
import socket
import ssl
import tempfile

from support.hello import read_to_end
from support.process import Deadline

GREETING = b"hello from the server\n"
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def server_context(*issued, version=None, padding=(), client_root=None, ciphers=None):
    """A server that has these certificates, of different kinds of keys, each sent with the chain above it and with
    `padding`: certificates that have nothing to do with it. `version`: the only one. `client_root`: demands a
    certificate of the client's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for one in issued:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as chain:
            chain.write(one.chain() + "".join(more.certificate.read_text() for more in padding))
            chain.flush()
            context.load_cert_chain(chain.name, one.key)
    if version:
        context.minimum_version = context.maximum_version = version
    if client_root:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_root.certificate)
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def greet(context):
    """A handler of TcpServer: says GREETING to whoever finishes the handshake, and waits for its end. Returns whether
    one did: Pinhole's own checks never do."""
    def handle(connection):
        connection.settimeout(Deadline(20).left())
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.sendall(GREETING)
                secure.recv(1)
                with contextlib.suppress(OSError):
                    secure.unwrap()  # else the session could not be resumed
                return True
        except OSError:
            return False
    return handle


def client_context(root=None, version=None, ciphers=None):
    """A client that trusts `root`; None: anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if root:
        context.load_verify_locations(root.certificate)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def greeting_through(gate, name, context=None, session=None):
    """What the server says to a client that comes through the gate, and the client's side of TLS."""
    with socket.create_connection(gate, Deadline(20).left()) as plain:
        with (context or client_context()).wrap_socket(plain, server_hostname=name, session=session) as secure:
            greeting = b""
            while len(greeting) < len(GREETING) and (piece := secure.recv(100)):
                greeting += piece
            return greeting, (secure.session, secure.session_reused, secure.version(), secure.getpeercert(True))


def hello_of(name, context=None):
    """The bytes of a ClientHello of OpenSSL's."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = (context or client_context()).wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def bytes_through(gate, name, context=None):
    """Says a hello through the gate and nothing else; returns all that came back until the end."""
    with socket.create_connection(gate, Deadline(20).left()) as connection:
        connection.sendall(hello_of(name, context))
        return read_to_end(connection, 30)
