"""Writing a file so that its name holds either the old content or the whole new one, whatever happens."""

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

ABANDONED_SECONDS = 60
"""A temporary file may be without its lock for an instant, when it is new."""

# Answers of file systems on which a directory cannot be synced; there is nothing to be done about them.
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.EBADF})


@contextlib.contextmanager
def atomic_writer(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` for writing; give it that name when the block ends well.

    The file is flushed to the disk before it takes the name, and its directory afterwards. Where the block or
    any of these steps fails, `path` keeps its old content and the temporary file is removed. A symbolic link
    is followed; what exists and is no regular file (a pipe, a device) is written to directly.

    A process that is killed while it writes leaves its temporary file behind; whoever writes to the same directory
    later removes it.

    Parameters
    ----------
    path : str or path
        The file to write; its mode is the one that the umask gives a new file.

    Yields
    ------
    binary file
        Readable, writable and seekable.

    Raises
    ------
    OSError
        As of any write; `filename` is `path` also where the system names none (a full disk).
    """
    named, target = Path(path), Path(os.path.realpath(path))  # which a pipe such as /dev/stdout does not have
    try:
        if named.exists() and not stat.S_ISREG(named.stat().st_mode):
            with named.open("wb") as file:
                yield file
            return
        temporary = target.parent / f".fastvec-{os.urandom(8).hex()}.tmp"
        try:
            with temporary.open("x+b") as file:
                _remove_abandoned(target.parent)
                _lock(file)
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)
    except OSError as error:
        if error.errno is not None and (error.filename is None or ".fastvec-" in str(error.filename)):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise


def _lock(file: BinaryIO) -> bool:
    """Mark a temporary file as one at work; tell whether nobody else had. The lock goes with the process, however."""
    if sys.platform == "win32":  # which does not let an open file be removed
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process has it, or there are no locks here
        return False
    return True


def _remove_abandoned(directory: Path) -> None:
    """Remove temporary files of processes that are no more: those that nobody has locked, nor changed for a minute."""
    for path in directory.glob(".fastvec-*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS and path.is_file():
                with path.open("r+b") as file:
                    abandoned = _lock(file)
                if abandoned:
                    path.unlink()


def _sync_directory(directory: Path) -> None:
    """Make a rename in `directory` survive a power cut, where directories can be opened at all."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(handle)
