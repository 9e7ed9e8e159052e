"""Foreign formats: a module each, and this registry over them.

A format's module has ``read(path, ...) -> (WordTable, vectors, counts or None)`` and
``write(path, words, vectors, counts, ...)``; it knows nothing of `KeyedVectors`. `gensim` stands
beside them: its files hold whole models, and it returns what a .fvec file would hold.
"""

import bz2
import contextlib
import gzip
import importlib
import io
import lzma
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, cast

from fastvec import store
from fastvec._atomic import atomic_writer
from fastvec.errors import FormatError

StrPath = str | os.PathLike[str]

FORMATS = {name: f"fastvec.formats.{name}" for name in ("word2vec", "fasttext")}
"""Name of each format and its module, which is imported when it is needed."""


def get(name: str) -> ModuleType:
    """Return the module of the format `name`.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    if name not in FORMATS:
        raise ValueError(f"format {name!r} is not known; choose one of {', '.join(FORMATS)}")
    return importlib.import_module(FORMATS[name])


@contextlib.contextmanager
def open_input(path: StrPath) -> Iterator[BinaryIO]:
    """Open a file for reading; gzip, bzip2 and xz are recognised by content and decompressed.

    Raises
    ------
    FormatError
        In the block: the compressed data is damaged or ends early.
    """
    with Path(path).open("rb") as file:
        stream = _decompressed(file)
        try:
            yield stream
        except FormatError:
            raise
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise FormatError(
                f"{os.fspath(path)}: the compressed data is cut short or damaged: {error}"
            ) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise FormatError(f"{os.fspath(path)}: the compressed data is damaged: {error}") from error


def sniff(path: StrPath) -> str | None:
    """Tell by its content what a file of vectors is; None: none of these.

    "fvec"; "text" or "binary", word2vec's; "pickle", which may be gensim's.
    """
    with Path(path).open("rb") as file:
        head = file.read(9)
    if store.looks_like(head):
        return "fvec"
    from fastvec.formats import pickled

    with open_input(path) as stream:
        if pickled.looks_pickled(peek(stream)):
            return "pickle"
        line = stream.readline(100)
        fields = line.split()
        if len(fields) != 2 or not all(map(bytes.isdigit, fields)) or not line.endswith(b"\n"):
            return None
        return "text" if is_text_record(peek(stream)) else "binary"


def is_text_record(data: bytes) -> bool:
    """Tell whether `data`, what follows the header of a word2vec file, begins with a word and numbers as text."""
    _, space, numbers = data.partition(b"\n")[0].rstrip().partition(b" ")
    return bool(space and numbers) and not numbers.lower().strip(b"0123456789 \t+-.e").strip(b"naif")


def peek(file: BinaryIO) -> bytes:
    """Return some of the bytes that come next in `file`, from `open_input`, and leave them there."""
    return cast(io.BufferedReader, file).peek(1 << 12)


def _decompressed(file: io.BufferedReader) -> BinaryIO:
    head = file.peek(6)
    if head.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb"))
    if head.startswith(b"BZh"):
        return cast(BinaryIO, bz2.BZ2File(file))
    if head.startswith(b"\xfd7zXZ\0"):
        return cast(BinaryIO, lzma.LZMAFile(file))
    return file


def bytes_left(file: BinaryIO) -> int | None:
    """Return how many bytes `file`, from `open_input`, still holds; None where that is not known yet."""
    if isinstance(file, io.BufferedReader) and file.seekable():
        return os.fstat(file.fileno()).st_size - file.tell()
    return None


@contextlib.contextmanager
def open_output(path: StrPath, append: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing, atomically, or for appending; the suffix .gz, .bz2 or .xz compresses it."""
    with Path(path).open("ab") if append else atomic_writer(path) as file, _compressed(file, path) as stream:
        yield cast(BinaryIO, stream)


def _compressed(file: BinaryIO, path: StrPath) -> contextlib.AbstractContextManager[Any]:
    match Path(path).suffix:
        case ".gz":
            return gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0)
        case ".bz2":
            return bz2.BZ2File(file, "wb")
        case ".xz":
            return lzma.LZMAFile(file, "wb")
    return contextlib.nullcontext(file)
