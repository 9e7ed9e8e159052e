"""The text and binary files of the word2vec program (Mikolov et al. 2013).

A line ``V D``, then V words. Binary: ``word``, a space, D little-endian float32, often a newline. Text: a
line of ``word`` and D numbers, separated by spaces.
"""

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastvec import _backend
from fastvec._memory import allocate
from fastvec.errors import FormatError, NotTextError, TruncatedFileError
from fastvec.formats import PEEK, bytes_left, is_text_record, open_input, open_output, peek, telling
from fastvec.formats.lines import Lines
from fastvec.formats.source import Source, Words, is_utf8, is_utf8_name, split
from fastvec.words import WordTable

StrPath = str | os.PathLike[str]
Array = NDArray[Any]
Counts = NDArray[np.int64]

MAX_HEADER = 100
MAX_WIDTH = 1 << 20
"""Most dimensions: what is held of a compressed file, whose length is not known, before its first vector is whole."""
MAX_WORD = 1 << 20
"""Bytes of the longest word of a binary file: a file of another kind is not read to its end."""
LINES = 1 << 10
"""Lines of a text file written at a time."""


# ---- Reading


def read(
    path: StrPath,
    *,
    fvocab: StrPath | None = None,
    binary: bool = False,
    encoding: str = "utf8",
    unicode_errors: str = "strict",
    limit: int | None = None,
    datatype: DTypeLike = np.float32,
    no_header: bool = False,
) -> tuple[WordTable, Array, Counts | None]:
    """Read a file of the word2vec program, also compressed with gzip, bzip2 or xz.

    Parameters
    ----------
    path : str or path
    fvocab : str or path, optional
        A file of lines ``word count``; without it there are no counts.
    binary : bool
        Numbers as float32, else as text.
    encoding, unicode_errors : str
        How the words are decoded.
    limit : int, optional
        Read the first vectors only.
    datatype : dtype
        What the vectors are to become.
    no_header : bool
        The text file starts with the first vector.

    Returns
    -------
    words : WordTable
        Of words that stand there twice the first counts, with a warning.
    vectors : array of (V, D)
    counts : int64 array of V, or None

    Raises
    ------
    FormatError
        The file is truncated, damaged, of another format, or its header states other sizes than it has.
    ValueError
        If `limit` is below 0.
    """
    if binary and no_header:
        raise NotImplementedError("no_header only available for text-format files")
    if limit is not None and limit < 0:
        raise ValueError(f"limit={limit}: give the number of vectors to read")
    dtype = np.dtype(datatype)
    kind = "binary" if binary else "glove" if no_header else "text"
    with telling(path, kind), open_input(path) as file:
        if no_header:
            words, vectors = _read_text(file, path, None, limit, dtype)
        else:
            count, width, offset = _read_header(file, path)
            if binary:
                words, vectors = _read_binary(file, path, (count, width), limit, dtype, offset)
            else:
                words, vectors = _read_text(file, path, (count, width), limit, dtype)
    table, vectors = _table(words, vectors, path, encoding, unicode_errors)
    counts = None if fvocab is None else _read_counts(fvocab, table, encoding, unicode_errors)
    return table, vectors, counts


def _fail(path: StrPath, place: str, reason: str, error: type[FormatError] = FormatError) -> NoReturn:
    raise error(f"{os.fspath(path)}: {place}: {reason}")


def _read_header(file: BinaryIO, path: StrPath) -> tuple[int, int, int]:
    """Return V, D and the length of the line that states them."""
    line = file.readline(MAX_HEADER)
    fields = line.split()
    if len(fields) != 2 or not all(f.isdigit() and len(f) < 19 for f in fields) or not line.endswith(b"\n"):
        _fail(path, "line 1", f"{line!r} does not state how many words and dimensions; no_header?")
    count, width = map(int, fields)
    if width == 0:
        _fail(path, "line 1", f"{line!r} states vectors of 0 dimensions")
    if width > MAX_WIDTH:
        _fail(path, "line 1", f"vectors of {width} dimensions do not fit: at most {MAX_WIDTH}")
    return count, width, len(line)


def _expect_room(file: BinaryIO, path: StrPath, count: int, width: int, row_bytes: int) -> None:
    """Refuse sizes for which the file is too short, if a row takes at least `row_bytes`."""
    left = bytes_left(file)
    if left is not None and left < count * row_bytes:
        _fail(
            path,
            "line 1",
            f"{count} vectors of {width} dimensions do not fit into the {left} bytes behind it",
            TruncatedFileError,
        )


class _Rows:
    """A matrix that rows are added to: `known` of them, or any number.

    Where the file's length is not known, it grows as they come: a header is believed as far as the file bears it out.
    """

    def __init__(self, width: int, dtype: np.dtype[Any], known: int = 0) -> None:
        self._room = allocate((known, width), dtype)
        self._used = 0

    def more(self, n: int) -> Array:
        """Return `n` rows that follow, to be written to."""
        end = self._used + n
        if end > len(self._room):
            self._resize(max(end, len(self._room) * 9 // 8))
        self._used = end
        return self._room[end - n :][:n]

    def append(self, rows: Array) -> None:
        room = self.more(len(rows))
        with np.errstate(over="ignore"):  # numbers beyond the type become infinite, as everywhere
            room[:] = rows

    def finish(self) -> Array:
        self._resize(self._used)
        return self._room

    def _resize(self, size: int) -> None:
        # A large block of memory is remapped, not copied. Nothing else refers to it by now.
        if size != len(self._room):
            self._room.resize((size, self._room.shape[1]), refcheck=False)


def _read_binary(
    file: BinaryIO,
    path: StrPath,
    shape: tuple[int, int],
    limit: int | None,
    dtype: np.dtype[Any],
    offset: int,
) -> tuple[Words, Array]:
    """Read words and rows. `offset` counts the bytes of the file that went before."""
    count, width = shape
    wanted = min(count, limit or count)
    begins = peek(file)
    line, end, _ = begins.partition(b"\n")
    cut = not end and len(begins) >= PEEK
    if is_text_record(line) and (cut or len(line.rstrip().partition(b" ")[2].split()) == width):
        _fail(path, "line 2", "this is the text format; leave out binary=True")
    _expect_room(file, path, count, width, 4 * width + 1)
    source = Source(file, path, bytes_left(file), offset)
    words, rows = Words(), _Rows(width, dtype, 0 if source.left is None else wanted)
    what = f"{count} x {width}: damaged or not binary?"
    for data, bounds in source.records(wanted, b" ", 4 * width, MAX_WORD, what, skip=b"\n"):
        words.append(data, bounds)
        if dtype == np.dtype("<f4"):
            _backend.records.gather(data, bounds, rows.more(len(bounds)).view(np.uint8))
        else:
            packed = np.empty((len(bounds), width), "<f4")
            _backend.records.gather(data, bounds, packed.view(np.uint8))
            rows.append(packed)
    # Vectors beyond the stated number would be lost in silence.
    if wanted == count and not source.blank_to_the_end():
        source.fail(f"more than {count} vectors; limit={count} reads these")
    return words, rows.finish()


def _read_text(
    file: BinaryIO, path: StrPath, shape: tuple[int, int] | None, limit: int | None, dtype: np.dtype[Any]
) -> tuple[Words, Array]:
    """Read words and rows; without `shape` to the end, as wide as the first line."""
    count, width = shape or (None, 0)
    if count is not None:
        _expect_room(file, path, count, width, 2 * width)
    wanted = limit or count if count is None else min(count, limit or count)
    known = count is not None and bytes_left(file) is not None
    lines = Lines(file, path, width, 1 if shape is None else 2)
    words, rows = Words(), None
    for data, bounds, numbers in lines.read(wanted):
        rows = rows or _Rows(lines.width, dtype, (wanted or 0) if known else 0)
        words.append(data, bounds)
        rows.append(numbers)
    found = len(words)
    if count is not None and wanted is not None and found < wanted:
        lines.fail(f"the file ends after {found} of the {count} vectors of line 1", TruncatedFileError)
    if wanted == count and count is not None and not lines.blank_to_the_end():
        lines.fail(f"more than {count} vectors; limit={count} reads these")
    return words, rows.finish() if rows else np.empty((0, lines.width), dtype)


def _table(
    words: Words, vectors: Array, path: StrPath, encoding: str, errors: str
) -> tuple[WordTable, Array]:
    """Return the words as UTF-8, each once, and their vectors."""
    text, offsets = words.finish()
    if is_utf8_name(encoding) and is_utf8(text, offsets):
        try:
            return WordTable(text, offsets), vectors
        except ValueError:  # a word stands twice
            pass
    found, vectors = _distinct(_decoded(split(text, offsets), path, encoding, errors), vectors, path)
    return WordTable.from_words(found), vectors


def _decoded(words: list[bytes], path: StrPath, encoding: str, errors: str) -> list[bytes]:
    """Return the words as UTF-8."""
    ascii_is_ascii = bytes(range(128)).decode(encoding, "replace").encode() == bytes(range(128))
    for at, word in enumerate(words):
        if ascii_is_ascii and word.isascii():
            continue
        try:
            words[at] = word.decode(encoding, errors).encode()
        except UnicodeError as error:
            reason = f"{word[:60]!r} is not {encoding}: {error}; see unicode_errors"
            raise NotTextError(f"{os.fspath(path)}: word {at}: {reason}", error) from None
    return words


def _distinct(words: list[bytes], vectors: Array, path: StrPath) -> tuple[list[bytes], Array]:
    """Leave out words that stand earlier in the list too, with a warning."""
    first = (
        {word: at for at, word in reversed(list(enumerate(words)))} if len(set(words)) < len(words) else None
    )
    if first is None:
        return words, vectors
    keep = sorted(first.values())
    repeated = next(word for at, word in enumerate(words) if first[word] != at)
    warnings.warn(
        f"{os.fspath(path)}: {len(words) - len(keep)} words repeat others, such as {repeated.decode()!r}; "
        "the first of each counts",
        UserWarning,
        stacklevel=5,
    )
    return [words[at] for at in keep], vectors[keep]


def _read_counts(path: StrPath, words: WordTable, encoding: str, errors: str) -> Counts:
    """Read lines ``word count``; words that are not there get 0."""
    counts: dict[bytes, int] = {}
    with open_input(path) as file:
        for number, line in enumerate(file, 1):
            fields = line.split()
            if len(fields) != 2 or not fields[1].isdigit() or len(fields[1]) > 18:
                _fail(path, f"line {number}", f"{line[:60]!r} is not a word and its count")
            try:
                counts[fields[0].decode(encoding, errors).encode()] = int(fields[1])
            except UnicodeError as error:
                _fail(
                    path,
                    f"line {number}",
                    f"{fields[0][:60]!r} is not {encoding}: {error}; see unicode_errors",
                )
    return np.array([counts.get(words.word_bytes(i), 0) for i in range(len(words))], np.int64)


# ---- Writing


def write(
    path: StrPath,
    words: WordTable,
    vectors: Array,
    counts: Counts | None = None,
    *,
    fvocab: StrPath | None = None,
    binary: bool = False,
    total_vec: int | None = None,
    write_header: bool = True,
    prefix: str = "",
    append: bool = False,
) -> None:
    """Write a file of the word2vec program, atomically; compressed where its name ends in .gz, .bz2, .xz or .zst.

    Where this fails, the file and `fvocab` stay as they were; but for `fvocab`, which is put in place after the file.

    Parameters
    ----------
    path : str or path
    words : WordTable
        V words.
    vectors : float array of (V, D)
    counts : int array of V, optional
        Where given, the words are written in their order, the greatest first.
    fvocab : str or path, optional
        Also write lines ``word count`` there; needs `counts`.
    binary : bool
        Numbers as float32, else as the shortest text that gives the same number.
    total_vec : int, optional
        What the header states instead of V, where more are to be appended.
    write_header : bool
    prefix : str
        Put before each word.
    append : bool
        Append to the files instead of replacing them.

    Raises
    ------
    ValueError
        `fvocab` without counts, or the same as `path`; or a word that this format cannot hold.
    """
    order = np.arange(len(words)) if counts is None else np.argsort(-counts, kind="stable")
    with contextlib.ExitStack() as opened:
        if fvocab is not None:
            if counts is None:
                raise ValueError(
                    f"Cannot store vocabulary in {os.fspath(fvocab)}: the words' counts are not known"
                )
            if _same_file(Path(fvocab), Path(path)):
                raise ValueError(
                    f"{os.fspath(path)}: vectors and vocabulary need a file each; give fvocab another name"
                )
            vocabulary = opened.enter_context(open_output(fvocab, append))
            for start in range(0, len(order), LINES):
                some = order[start : start + LINES].tolist()
                for i in some:
                    if len((prefix.encode() + words.word_bytes(i)).split()) != 1:
                        raise ValueError(
                            f"word {i}, {words[i]!r}, has no place in the lines of {os.fspath(fvocab)}"
                        )
                vocabulary.write("".join(f"{prefix}{words[i]} {counts[i]}\n" for i in some).encode())
            vocabulary.flush()  # it takes its name last, when there is little left to fail
        file = opened.enter_context(open_output(path, append))
        if write_header:
            file.write(f"{len(words) if total_vec is None else total_vec} {vectors.shape[1]}\n".encode())
        for heads, rows in _blocks(words, vectors, order, prefix.encode()):
            file.write(_binary_rows(heads, rows) if binary else _text_rows(heads, rows))


def _same_file(first: Path, second: Path) -> bool:
    there = first.exists() and second.exists()
    return bool(first.samefile(second) if there else os.path.realpath(first) == os.path.realpath(second))


def _blocks(
    words: WordTable, vectors: Array, order: Array, prefix: bytes
) -> Iterator[tuple[list[bytes], Array]]:
    """Yield the words, each with a space behind, and their rows, `LINES` at a time in `order`."""
    for start in range(0, len(order), LINES):
        ids = order[start : start + LINES]
        heads = [prefix + words.word_bytes(i) for i in ids.tolist()]
        for i, head in zip(ids.tolist(), heads, strict=True):
            if b" " in head or b"\n" in head:
                raise ValueError(
                    f"word {i}, {head.decode()!r}, holds a space or newline: the format cannot hold it"
                )
        yield [head + b" " for head in heads], vectors[ids]


def _binary_rows(heads: Iterable[bytes], rows: Array) -> bytes:
    packed = np.ascontiguousarray(rows, "<f4").tobytes()
    width = 4 * rows.shape[1]
    parts: list[bytes] = []
    for at, head in enumerate(heads):
        parts += (head, packed[at * width : (at + 1) * width])
    return b"".join(parts)


def _text_rows(heads: Iterable[bytes], rows: Array) -> bytes:
    return b"".join(
        head + " ".join(map(str, row)).encode() + b"\n" for head, row in zip(heads, rows, strict=True)
    )
