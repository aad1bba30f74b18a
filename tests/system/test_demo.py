"""`make demo` is a promise as well: its story ends well only if every step went as told."""
import pytest

from support.process import PINHOLE, REPOSITORY, run


def _namespaces_are_allowed():
    return any(run(["unshare", *options, "--net", "--mount", "true"]).returncode == 0
               for options in ([], ["--map-root-user"]))


@pytest.mark.skipif(not _namespaces_are_allowed(), reason="needs namespaces of its own")
def test_the_demo_behaves_as_it_says():
    demo = run(["env", f"PINHOLE={PINHOLE}", REPOSITORY / "scripts/demo.sh"], seconds=60)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "All of it behaved as told" in demo.stdout
