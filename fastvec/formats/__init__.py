"""Foreign formats: a module each, and this registry over them.

A format's module has ``read(path, ...) -> (WordTable, vectors, counts or None)`` and
``write(path, words, vectors, counts, ...)``; it knows nothing of `KeyedVectors`. `gensim` stands
beside them: its files hold whole models, and it returns what a .fvec file would hold.
"""

import contextlib
import importlib
import io
import lzma
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, cast

from fastvec import store
from fastvec._atomic import atomic_writer
from fastvec._compressed import compressing, decompressed
from fastvec.errors import FormatError, TruncatedFileError
from fastvec.tensors import check_regular

StrPath = str | os.PathLike[str]

FORMATS = {name: f"fastvec.formats.{name}" for name in ("word2vec", "fasttext")}
"""Name of each format and its module, which is imported when it is needed."""
KINDS = {
    "fvec": ("a .fvec file", "KeyedVectors.load"),
    "phrases": ("a file of phrases", "Phrases.load"),
    "pickle": ("a file of gensim's", "KeyedVectors.load, or the load of its class,"),
    "fasttext": ("a .bin file of fastText's", "load_facebook_model or load_facebook_vectors"),
    "binary": ("word2vec's binary format", "load_word2vec_format with binary=True"),
    "text": ("word2vec's text format", "load_word2vec_format"),
    "glove": ("text without a header, as GloVe's", "load_word2vec_format with no_header=True"),
}
"""What `sniff` tells apart, in words, and what opens it."""
SURE = {"binary": rb"[\0-\b\x0e-\x1f]", "fvec": rb'"fvec_version"'}
"""What must be among the first bytes of a file for it to be called one of these, where it was opened as another."""
PEEK = 1 << 12
"""Bytes that are looked at to tell what a file is."""


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
    """Open a file for reading; gzip, bzip2, xz and zstandard are recognised by content and decompressed.

    Raises
    ------
    FormatError
        In the block: the compressed data is damaged or ends early.
    """
    with Path(path).open("rb") as file:
        try:
            stream = decompressed(file, Path(path))
            yield io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
        except FormatError:
            raise
        except Exception as error:
            # Each library has errors of its own; an OSError without a number is one of them.
            theirs = (
                isinstance(error, EOFError | zlib.error | lzma.LZMAError)
                or type(error).__name__ == "ZstdError"
            )
            if not theirs and (not isinstance(error, OSError) or error.errno is not None):
                raise
            raise FormatError(
                f"{os.fspath(path)}: the compressed data is cut short or damaged: {error}"
            ) from error


def sniff(path: StrPath) -> str | None:
    """Tell by its content what a file of vectors is; None: none of these.

    One of `KINDS`; "pickle" may be gensim's.
    """
    check_regular(path)
    with Path(path).open("rb") as file:
        head = file.read(PEEK)
    if store.looks_like(head[:9]):
        return "phrases" if b'"fastvec_phrases"' in head else "fvec"
    from fastvec.formats import fasttext, pickled

    with open_input(path) as stream:
        head = peek(stream)
        if pickled.looks_pickled(head):
            return "pickle"
        if fasttext.looks_like(head):
            return "fasttext"
        if is_text_record(head, 2):
            return "glove"
        line = stream.readline(100)
        fields = line.split()
        if len(fields) != 2 or not all(map(bytes.isdigit, fields)) or not line.endswith(b"\n"):
            return None
        return "text" if is_text_record(peek(stream)) else "binary"


@contextlib.contextmanager
def telling(path: StrPath, *kinds: str) -> Iterator[None]:
    """Read a file as one of these kinds; where that fails and its content is of another, the error says of which."""
    try:
        yield
    except FormatError as error:
        found = None
        if Path(path).is_file():
            with contextlib.suppress(OSError, ValueError):
                found = sniff(path)
                if found in SURE and not _holds(path, SURE[found]):
                    found = None  # damaged text, which `sniff` takes for binary; a safetensors file of others
        if found is None or found in kinds or type(error) not in (FormatError, TruncatedFileError):
            raise
        name, opened_by = KINDS[found]
        raise type(error)(f"{error}; it looks like {name}, which {opened_by} opens") from error.__cause__


def _holds(path: StrPath, pattern: bytes) -> bool:
    with open_input(path) as stream:
        return bool(re.search(pattern, stream.read(PEEK)))


def is_text_record(data: bytes, least: int = 1) -> bool:
    """Tell whether `data` begins with a line of a word and `least` or more numbers as text; its end may be missing."""
    _, _, numbers = data.partition(b"\n")[0].rstrip().partition(b" ")
    enough = len(numbers.split()) >= least
    return enough and not numbers.lower().strip(b"0123456789 \t+-.e").strip(b"naif")


def peek(file: BinaryIO) -> bytes:
    """Return some of the bytes that come next in `file`, from `open_input`, and leave them there."""
    return cast(io.BufferedReader, file).peek(PEEK)


def bytes_left(file: BinaryIO) -> int | None:
    """Return how many bytes `file`, from `open_input`, still holds; None where that is not known yet."""
    if isinstance(file, io.BufferedReader) and file.seekable():
        return os.fstat(file.fileno()).st_size - file.tell()
    return None


@contextlib.contextmanager
def open_output(path: StrPath, append: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing, atomically, or for appending; the suffix .gz, .bz2, .xz or .zst compresses it.

    Where the block fails, the file stays as it was.
    """
    with _appender(path) if append else atomic_writer(path) as file, compressing(file, path) as stream:
        yield cast(BinaryIO, stream)


@contextlib.contextmanager
def _appender(path: StrPath) -> Iterator[BinaryIO]:
    """Open a file for appending; what was appended is cut off where the block fails."""
    with Path(path).open("ab") as file:
        end = file.tell() if file.seekable() else None
        try:
            yield file
        except BaseException:
            if end is not None:
                with contextlib.suppress(OSError):  # what could not be written now cannot be flushed either
                    file.close()
                os.truncate(path, end)
            raise
