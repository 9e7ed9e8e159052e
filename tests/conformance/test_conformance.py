"""gensim's own tests, unchanged, of fastvec: each module in a process where gensim's names stand for fastvec's.

`expected.py` lists the tests that fail, with the reason for each; any other outcome than the listed one fails here: a
test that is listed and passes, too. To run one by hand:

    PYTHONPATH=tests/conformance/shim:. python -m pytest --pyargs gensim.test.test_word2vec -k online
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from conftest import PACKAGE
from expected import EXPECTED_FAILURES, SKIPPED_BY_GENSIM

SHIM = Path(__file__).parent / "shim"
SECONDS = 1200


class Summary:
    """A plugin that prints the counts at the end."""

    def __init__(self):
        self.lines = []

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.section("gensim's own tests")
        for line in self.lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def summary(pytestconfig):
    plugin = Summary()
    pytestconfig.pluginmanager.register(plugin)
    return plugin


def outcomes(module, directory):
    """Run a test module of gensim's; return "Class.method": (outcome, message)."""
    (directory / "pytest.ini").write_text("[pytest]\n")
    report = directory / "report.xml"
    arguments = [
        "--pyargs",
        f"gensim.test.{module}",
        "-c",
        "pytest.ini",
        "--rootdir",
        ".",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, f"--junitxml={report}", "-q"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SHIM), str(PACKAGE.parent)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=SECONDS,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname').rpartition('.')[2]}.{case.get('name')}"
        for element in case:
            if element.tag in {"failure", "error", "skipped"}:
                found[name] = element.tag, element.get("message", "").partition("\n")[0]
        found.setdefault(name, ("passed", ""))
    return found


@pytest.mark.parametrize("module", EXPECTED_FAILURES)
def test_gensims_own_tests(module, tmp_path, summary):
    pytest.importorskip("gensim", reason="gensim comes with the extra: pip install '.[conformance]'")
    found = outcomes(module, tmp_path)
    names = {
        kind: {n for n, (outcome, _) in found.items() if outcome == kind} for kind in ("passed", "skipped")
    }
    failed = set(found) - names["passed"] - names["skipped"]
    listed = set(EXPECTED_FAILURES[module])
    run = len(found) - len(names["skipped"])
    summary.lines.append(
        f"{module}: {len(names['passed'])} of {run} pass unchanged "
        f"({100 * len(names['passed']) / max(1, run):.1f} %); {len(failed & listed)} fail as listed"
    )
    assert not (failed - listed), "\n".join(f"{name}: {found[name][1]}" for name in sorted(failed - listed))
    assert listed <= failed, f"listed in expected.py, but they do not fail: {sorted(listed - failed)}"
    assert names["skipped"] == SKIPPED_BY_GENSIM.get(module, set())
