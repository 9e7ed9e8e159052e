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


def judged(found, listed, skipped):
    """Return (how many passed, how many ran, what is wrong) of outcomes, given those that are expected."""
    names = {
        kind: {n for n, (outcome, _) in found.items() if outcome == kind} for kind in ("passed", "skipped")
    }
    failed = set(found) - names["passed"] - names["skipped"]
    wrong = [f"{name}: {found[name][1]}" for name in sorted(failed - set(listed))]
    wrong += [f"{name} is listed, but does not fail" for name in sorted(set(listed) - failed)]
    wrong += [f"{name} was skipped" for name in sorted(names["skipped"] - skipped)]
    wrong += [f"{name} was not skipped" for name in sorted(skipped - names["skipped"])]
    return len(names["passed"]), len(found) - len(names["skipped"]), wrong


@pytest.mark.parametrize("module", EXPECTED_FAILURES)
def test_gensims_own_tests(module, tmp_path, summary):
    pytest.importorskip("gensim", reason="gensim comes with the extra: pip install '.[conformance]'")
    listed = EXPECTED_FAILURES[module]
    passed, run, wrong = judged(outcomes(module, tmp_path), listed, SKIPPED_BY_GENSIM.get(module, set()))
    summary.lines.append(
        f"{module}: {passed} of {run} pass unchanged ({100 * passed / max(1, run):.1f} %), "
        f"{len(listed)} are listed as failing"
    )
    assert not wrong, "\n".join(wrong)


def test_the_judge_sees_every_other_outcome():
    good = {"T.a": ("passed", ""), "T.b": ("failure", "no"), "T.c": ("skipped", "")}
    assert judged(good, {"T.b": "why"}, {"T.c"}) == (1, 2, [])
    faults = {
        "T.a: broke": {**good, "T.a": ("error", "broke")},
        "T.b is listed, but does not fail": {**good, "T.b": ("passed", "")},
        "T.c was not skipped": {**good, "T.c": ("passed", "")},
        "T.d was skipped": {**good, "T.d": ("skipped", "")},
    }
    for fault, found in faults.items():
        assert judged(found, {"T.b": "why"}, {"T.c"})[2] == [fault]
    assert judged({}, {"T.b": "why"}, set())[2] == ["T.b is listed, but does not fail"]


NAMES = """
import gensim, sys
from gensim.models import Word2Vec, word2vec
from gensim.models.word2vec import LineSentence
import gensim.models.keyedvectors as keyedvectors
print(Word2Vec.__module__, word2vec.Word2Vec is Word2Vec, LineSentence.__module__, keyedvectors.KeyedVectors.__module__)
print(hasattr(word2vec, "Word2VecVocab"), "gensim.models.word2vec" in sys.modules)
"""


def test_the_names_are_fastvecs(python):
    """In that process, and none of gensim's shows through; here, gensim is itself."""
    gensim_class = pytest.importorskip("gensim.models").Word2Vec
    done = python("-c", NAMES, PYTHONPATH=os.pathsep.join([str(SHIM), str(PACKAGE.parent)]))
    assert done.stdout.split() == [
        "fastvec.word2vec",
        "True",
        "fastvec.text",
        "fastvec.keyedvectors",
        "False",
        "True",
    ], done.stderr
    assert gensim_class.__module__ == "gensim.models.word2vec"
