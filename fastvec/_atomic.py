"""Writing a file so that its name holds either the old content or the whole new one, whatever happens."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Answers of file systems on which a directory cannot be synced; there is nothing to be done about them.
_NO_DIRECTORY_SYNC = frozenset({errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.EBADF})


@contextlib.contextmanager
def atomic_writer(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` for writing; give it that name when the block ends well.

    The file is flushed to the disk before it takes the name, and its directory afterwards. Where the block or
    any of these steps fails, `path` keeps its old content and the temporary file is removed. A symbolic link
    is followed; what exists and is no regular file (a pipe, a device) is written to directly.

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
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            with target.open("wb") as file:
                yield file
            return
        temporary = target.parent / f".fastvec-{os.urandom(8).hex()}.tmp"
        try:
            with temporary.open("x+b") as file:
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
