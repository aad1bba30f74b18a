"""Questions for random names at a steady rate, in a process of its own so that it costs the test's clock nothing.

usage: flood.py FROM_ADDRESS DNS_ADDRESS DNS_PORT PER_SECOND
Asks until standard input ends. Prints "started" after the first answer, and at the end how many were answered, and how
many a second."""
import itertools
import select
import socket
import sys
import time

from support.dns_client import wire_question

WINDOW = 64


def main():
    address, server, per_second = sys.argv[1], (sys.argv[2], int(sys.argv[3])), int(sys.argv[4])
    client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((address, 0))
    client.connect(server)
    start, answered, asked = time.monotonic(), 0, 0
    for number in itertools.count():
        while asked - answered >= WINDOW or number > (time.monotonic() - start) * per_second:
            readable, _, _ = select.select([client, sys.stdin], [], [], 0.001)
            if sys.stdin in readable:
                print(answered, int(answered / (time.monotonic() - start)))
                return
            if client in readable:
                client.recv(4096)
                answered += 1
                if answered == 1:
                    print("started", flush=True)
        client.send(wire_question([f"r{number}".encode(), b"flood", b"example"]))
        asked += 1


if __name__ == "__main__":
    main()
