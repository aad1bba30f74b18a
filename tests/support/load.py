"""Steady traffic beside a test, in a process of its own so that it costs the test's clock nothing.

usage: load.py DNS_ADDRESS DNS_PORT GATE_ADDRESS GATE_PORT ALLOWED DENIED
Asks for both names and connects for the denied one until standard input ends. Prints "started" after the first
round, and at the end how many rounds were answered as they should be and how many otherwise."""
import select
import sys

import dns.message
import dns.query
import dns.rcode

from support.hello import UNRECOGNIZED_NAME, hello_for, records, send_all_then_read


def is_served(resolver, gate, allowed, denied):
    """One round: two questions and a connection, each answered as it should be."""
    answers = [dns.query.udp(dns.message.make_query(name, "A"), resolver[0], port=resolver[1], timeout=20)
               for name in (allowed, denied)]
    ending = send_all_then_read(gate, records(hello_for(denied.encode())))
    return (len(answers[0].answer) == 1 and answers[1].rcode() == dns.rcode.NXDOMAIN
            and ending.alert == UNRECOGNIZED_NAME)


def main():
    resolver, gate = (sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4]))
    counts = {True: 0, False: 0}
    while not select.select([sys.stdin], [], [], 0.005)[0]:
        counts[is_served(resolver, gate, *sys.argv[5:7])] += 1
        if sum(counts.values()) == 1:
            print("started", flush=True)
    print(counts[True], counts[False])


if __name__ == "__main__":
    main()
