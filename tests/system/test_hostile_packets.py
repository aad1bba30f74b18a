"""Random and mutated packets at full rate lose no good query. PINHOLE_HOSTILE_SECONDS is how long they go on."""
import os
import resource
import subprocess
import sys
import time

import pytest

from support.dns_client import ask
from support.process import REPOSITORY, rss_kib, spawn, stop

SECONDS = int(os.environ.get("PINHOLE_HOSTILE_SECONDS", "3"))
SENDERS = 2
GATE = "192.0.2.77"


@pytest.fixture
def pinhole(launch, make_policy, authority):
    return launch(make_policy(["api.example.com", "**.good.example"]), authority.endpoint, arguments=["--gate-address", GATE])


@pytest.fixture
def hostile(pinhole):
    """Starts the senders; returns what ends them and tells what each has sent, asked and been answered."""
    processes = []

    def end():
        reports = [process.communicate("\n", timeout=60)[0].split() for process in processes]
        return [tuple(map(int, report)) for report in reports]

    for seed in range(SENDERS):
        processes.append(spawn([sys.executable, "-m", "support.hostile", *pinhole.dns, "good.example", seed], text=True,
                               cwd=REPOSITORY / "tests", stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    for process in processes:
        assert process.stdout.readline() == "started\n"
    yield end
    for process in processes:
        stop(process)


@pytest.mark.quick
@pytest.mark.seconds(SECONDS + 90)
def test_no_good_query_is_lost(pinhole, hostile):
    begun, asked, slowest_s = time.monotonic(), 0, 0
    memory_kib = rss_kib(pinhole.process.pid)
    while time.monotonic() < begun + SECONDS:
        sent_at = time.monotonic()
        answer = ask(pinhole.dns, f"n{asked}.good.example", seconds=20)  # a question is sent once
        assert [record.address for record in answer.answer[0]] == [GATE]
        slowest_s = max(slowest_s, time.monotonic() - sent_at)
        asked += 1
    reports, seconds = hostile(), time.monotonic() - begun
    print(f"{sum(sent for sent, _, _ in reports) / seconds:.0f} packets a second; {asked} questions beside them, the slowest "
          f"{slowest_s * 1000:.1f} ms; memory {memory_kib} KiB, then {rss_kib(pinhole.process.pid)} KiB")
    assert asked > 0
    for _, sent_good, answered in reports:
        assert sent_good == answered > 0
