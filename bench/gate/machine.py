"""The network that the benches of the gate run in."""
import pathlib
import resource
import sys

from support import isolation


def prepare():
    """A network of its own, with the same congestion control wherever this runs. Returns how many descriptors a
    process may have."""
    isolation.enter()
    if not isolation.is_isolated:
        sys.exit("this needs a network namespace of its own: run it as root, or permit user namespaces")
    settings = {"tcp_congestion_control": "reno", "ip_local_port_range": "10000 65535"}
    for name, value in settings.items():
        pathlib.Path("/proc/sys/net/ipv4", name).write_text(value, encoding="ascii")
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return limit
