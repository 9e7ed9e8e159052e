"""Temporary files that a killed process left behind."""

import os
import signal
import sys
import time

import pytest

from fastvec._atomic import ABANDONED_SECONDS, atomic_writer

KILLED = """
import os, signal, sys
from fastvec._atomic import atomic_writer
with atomic_writer(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def temporaries(folder):
    return sorted(path.name for path in folder.glob(".fastvec-*"))


def grow_old(path):
    old = time.time() - 2 * ABANDONED_SECONDS
    os.utime(path, (old, old))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_the_next_writer_removes_what_a_killed_one_left(python, tmp_path):
    target = tmp_path / "a"
    target.write_bytes(b"old")
    done = python("-c", KILLED, str(target))
    assert done.returncode == -signal.SIGKILL and target.read_bytes() == b"old"
    [left] = temporaries(tmp_path)
    with atomic_writer(target) as file:
        file.write(b"new")
    assert temporaries(tmp_path) == [left], "it is young: its lock may not be there yet"
    grow_old(tmp_path / left)
    with atomic_writer(target) as file:
        assert left not in temporaries(tmp_path)
        file.write(b"newer")
    assert temporaries(tmp_path) == [] and target.read_bytes() == b"newer"


def test_a_file_at_work_stays_however_old(tmp_path):
    with atomic_writer(tmp_path / "a") as slow:
        slow.write(b"slow")
        slow.flush()
        [name] = temporaries(tmp_path)
        grow_old(tmp_path / name)
        with atomic_writer(tmp_path / "b") as file:
            file.write(b"fast")
        assert temporaries(tmp_path) == [name]
    assert (tmp_path / "a").read_bytes() == b"slow" and (tmp_path / "b").read_bytes() == b"fast"


def test_other_files_stay(tmp_path):
    for name in (".fastvec-notes", "fastvec-1.tmp", ".other.tmp"):
        (tmp_path / name).touch()
        grow_old(tmp_path / name)
    (tmp_path / ".fastvec-1.tmp").mkdir()
    grow_old(tmp_path / ".fastvec-1.tmp")
    before = sorted(tmp_path.iterdir())
    with atomic_writer(tmp_path / "a"):
        pass
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "a"])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/stdout")
def test_a_pipe_is_written_to_directly(python):
    code = "from fastvec._atomic import atomic_writer\nwith atomic_writer('/dev/stdout') as file: file.write(b'text')"
    done = python("-c", code)
    assert done.stdout == "text" and done.returncode == 0
