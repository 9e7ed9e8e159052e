"""What several test files share: the package to test, every backend, the command line as a process of its own.

The tests are of the compiled package. ``python -m pytest`` puts the checkout first on the path, whose `fastvec` has
no compiled modules unless they were built in place; then the checkout is taken off the path again, and the installed
package is tested.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test depends on how long something takes. (Hypothesis itself repeats its examples where CI is set.)
settings.register_profile("fastvec", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fastvec")

# Ctrl-C is tried out on processes of their own, which inherit it ignored where this one was started in the background.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

if not [*(ROOT / "fastvec" / "_core").glob("_cpu.*.so"), *(ROOT / "fastvec" / "_core").glob("_cpu.*pyd")]:
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
try:
    import fastvec
except ModuleNotFoundError:
    raise pytest.UsageError("fastvec is not installed; type: python -m pip install '.[test]'") from None

from fastvec import _backend, cli  # noqa: E402

PACKAGE = Path(fastvec.__file__).resolve().parent
"""The package under test."""


@pytest.fixture(params=_backend.available())
def each_backend(request, monkeypatch):
    """Let everything be computed by one backend after the other; the value is its name."""
    for module in _backend.MODULES:
        monkeypatch.setattr(_backend, module, _backend.load(request.param, module), raising=False)
    return request.param


@pytest.fixture(name="fastvec")
def command(capsys):
    """Run a command; return its exit code, output and errors."""

    def run(*arguments):
        code = cli.run([str(a) for a in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def python(tmp_path):
    """Start Python in a process of its own, in an empty directory; ``python(...)`` takes its arguments."""

    def start(*arguments, wait=True, cwd=tmp_path, **environment):
        env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONUTF8": "1", **environment}
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        running.append(process)
        if not wait:
            return process
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    running = []
    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()
