"""The questions that DNS servers are asked: the same ones for the same number of rules."""
import random

import servers

COUNT = 200_000


def write(path, rule_count):
    """Into a file, as the load reads it. Returns the path."""
    chance = random.Random(rule_count)
    with open(path, "w", encoding="ascii") as file:
        for _ in range(COUNT):
            number, kind = chance.randrange(rule_count // 2), chance.random()
            if kind < 0.35:
                file.write(f"allow {servers.exact_name(number)}\n")
            elif kind < 0.70:
                file.write(f"allow label{chance.randrange(1000)}.{servers.wildcard_base(number)}\n")
            else:
                file.write(f"deny other{chance.randrange(1_000_000)}.zone{number % 997}.example.com\n")
    return path
