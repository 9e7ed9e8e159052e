"""Running children in turn, and printing their medians and ratios."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CHILDREN = str(Path(__file__).with_name("_children.py"))


def parser(doc):
    """Return a parser of arguments whose help is the description of the file, as it stands there."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def child(job, backend=None, **options):
    """Run one job in a process of its own; return its figures, and the wall time of the whole process."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if backend:
        environment["FASTVEC_BACKEND"] = backend
    command = [sys.executable, CHILDREN, job, json.dumps(options)]
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    wall = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{job} {options} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1]) | {"whole process": wall}


def rounds(jobs, n):
    """Run every job once a round, in turn, so that all meet the same weather; returns name -> list of figures."""
    results = {name: [] for name in jobs}
    for i in range(n):
        for name, job in jobs.items():
            results[name].append(child(**job))
            shown = ", ".join(f"{k} {v:.3g}" for k, v in results[name][-1].items())
            print(f"  round {i + 1}, {name}: {shown}", file=sys.stderr, flush=True)
    return results


def ratio(slow, fast, slow_key, fast_key):
    """Median of the ratios of paired rounds, and the two medians."""
    pairs = [(s[slow_key], f[fast_key]) for s, f in zip(slow, fast, strict=True)]
    return tuple(
        statistics.median(x)
        for x in ([s / f for s, f in pairs], [s for s, _ in pairs], [f for _, f in pairs])
    )


def table(rows, head):
    """Print rows as a Markdown table."""
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def machine():
    """One line on the machine and the versions measured."""
    model = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            model = next(
                (line.split(":")[1].strip() for line in file if line.startswith("model name")), model
            )
    versions = []
    for package in ("fastvec", "gensim", "numpy", "scipy"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} absent")
    return f"{model}, {os.cpu_count()} cores; Python {platform.python_version()}; {', '.join(versions)}"
