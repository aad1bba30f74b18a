"""Random and mutated DNS packets, as fast as they are taken, in a process of its own so that it costs the test's clock
nothing.

usage: hostile.py DNS_ADDRESS DNS_PORT GOOD_ZONE SEED
After each burst from a socket a question for a name below GOOD_ZONE goes out of it, and its answer is waited for: so
what is on the way is never more than a receive buffer holds, and nothing may be lost. Runs until standard input ends.
Prints "started" after the first round, and at the end the packets sent, the questions among them and their answers."""
import random
import select
import socket
import struct
import sys

import dns.edns

from support.dns_client import question, wire_question

SOCKETS, BURST, POOL, PATIENCE_S = 4, 48, 20000, 20
COOKIE = dns.edns.GenericOption(10, bytes(range(24)))
MODELS = [question("api.example.com").to_wire(), question("www.denied.example", "AAAA", use_edns=0, want_dnssec=True).to_wire(),
          question("a.b.c.api.example.com", "HTTPS", use_edns=0, options=[COOKIE]).to_wire(),
          question("version.bind", "TXT", rdclass="CH", use_edns=0).to_wire(), question("example.com", "IXFR").to_wire(),
          wire_question([b"\xff\0.", b"x" * 63, b"example"], 255)]


def mutated(chance, model):
    """A model with some bytes changed, cut or doubled."""
    packet = bytearray(model)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(packet))
        kind = chance.randrange(4)
        if kind == 0:
            del packet[at:at + chance.randrange(1, 9)]
        elif kind == 1:
            packet[at:at] = packet[at:at + chance.randrange(1, 40)]
        else:
            packet[at] = chance.choice((0, 1, 0x3f, 0x40, 0xc0, 0xff, chance.randrange(256)))
        if not packet:
            return model[:12]
    return bytes(packet)


def make_pool(chance):
    sizes = (chance.randrange(0, 80), chance.randrange(0, 1500))
    return [chance.randbytes(chance.choice(sizes)) if n % 4 == 0 else mutated(chance, chance.choice(MODELS))
            for n in range(POOL)]


def answers(client, good):
    """Reads up to the answer to a good question, which has an address; false where none comes."""
    while select.select([client], [], [], PATIENCE_S)[0]:
        answer = client.recv(4096)
        if answer[:2] == good[:2] and answer[12:len(good)] == good[12:]:
            return struct.unpack_from("!H", answer, 6)[0] > 0
    return False


def main():
    server, zone, chance = (sys.argv[1], int(sys.argv[2])), sys.argv[3].encode().split(b"."), random.Random(sys.argv[4])
    pool, clients = make_pool(chance), [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOCKETS)]
    for client in clients:
        client.connect(server)
    sent = asked = answered = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        goods = []
        for client in clients:
            for packet in chance.choices(pool, k=BURST):
                client.send(packet)
            goods.append(wire_question([f"g{asked}".encode(), *zone]))
            client.send(goods[-1])
            asked, sent = asked + 1, sent + BURST + 1
        answered += sum(answers(client, good) for client, good in zip(clients, goods))
        if asked == SOCKETS:
            print("started", flush=True)
    print(sent, asked, answered)


if __name__ == "__main__":
    main()
