"""The status page in a real browser: Debian's Chromium, driven by tests/browser/check.mjs with made-up data; and once
with Pinhole itself."""
import re
import shutil
import subprocess

import pytest

from support.dns_client import dig
from support.process import PINHOLE, REPOSITORY, Deadline, run, spawn

MODULES = REPOSITORY / "build/browser"  # where scripts/test.sh puts the packages of tests/browser/package.json
SCRIPTS = REPOSITORY / "tests/browser"
CHROMIUM = shutil.which("chromium")
CHECK_NAME = re.compile(r'^check\("([^"]+)"', re.MULTILINE)

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and shutil.which("node") and (MODULES / "node_modules").exists()),
    reason="needs chromium, and what scripts/install_browser_tests.sh installs")


def node(script, *arguments, seconds):
    return run(["node", SCRIPTS / script, MODULES, CHROMIUM, *arguments], seconds=seconds)


@pytest.mark.seconds(400)
def test_page_with_made_up_data():
    """Each line that check.mjs prints is a check; all of them ran, and all are well."""
    done = node("check.mjs", PINHOLE.parents[1] / "tests/browser/page_server", seconds=380)
    lines = done.stdout.splitlines()
    print(done.stdout)
    assert [line for line in lines if not line.startswith("ok ")] == [], done.stderr
    assert done.returncode == 0, done.stderr
    for name in CHECK_NAME.findall((SCRIPTS / "check.mjs").read_text()):
        assert f"ok {name}" in lines, name


@pytest.mark.seconds(120)
def test_denied_query_shows_by_itself(launch, make_policy):
    pinhole = launch(make_policy(["api.example.com"]), status="127.0.0.1:0")
    process = spawn(["node", SCRIPTS / "live.mjs", MODULES, CHROMIUM, "http://{}:{}/".format(*pinhole.status),
                     "fresh.example.org"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "open\n", process.stderr.read()
        assert dig(pinhole.dns, "fresh.example.org").status == "NXDOMAIN"
        said, faults = process.communicate(timeout=Deadline(90).left())
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, faults) == (0, "")
    assert said == "INSERT INTO rule (target, clients) VALUES ('fresh.example.org', 'any');\n"
