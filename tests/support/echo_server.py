"""A server for crowds: answers the first bytes of each connection with ANSWER, then echoes. Run as a program: ADDRESS PORT;
prints a line when it listens, ends with its input."""
import resource
import selectors
import socket
import sys

ANSWER = b"\x17\x03\x01\x00\x05hello"


def main(address, port):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server((address, port), backlog=4096)
    listener.setblocking(False)
    selector = selectors.EpollSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    answered = set()
    print("listening", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                return
            if key.fileobj is listener:
                connection, _ = listener.accept()
                selector.register(connection, selectors.EVENT_READ)
                continue
            data = key.fileobj.recv(65536)
            if not data:
                selector.unregister(key.fileobj)
                answered.discard(key.fd)
                key.fileobj.close()
            elif key.fd in answered:
                key.fileobj.sendall(data)
            else:
                answered.add(key.fd)
                key.fileobj.sendall(ANSWER)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
