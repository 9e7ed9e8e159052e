"""The text and binary files of the word2vec program (Mikolov et al. 2013).

A line ``V D``, then V words. Binary: ``word``, a space, D little-endian float32, often a newline. Text: a
line of ``word`` and D numbers, separated by spaces.
"""

import os
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastvec.errors import FormatError, NotTextError, TruncatedFileError
from fastvec.formats import bytes_left, is_text_record, open_input, open_output, peek
from fastvec.words import WordTable

StrPath = str | os.PathLike[str]
Array = NDArray[Any]
Counts = NDArray[np.int64]

CHUNK = 4 << 20
"""Bytes read at a time."""
MAX_LINE = 1 << 30
MAX_HEADER = 100
MAX_WORD = 1 << 20
"""Bytes of the longest word of a binary file: a file of another kind is not read to its end."""
LINES = 1 << 10
"""Lines of a text file parsed or written at a time."""


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
    """
    if binary and no_header:
        raise NotImplementedError("no_header only available for text-format files")
    dtype = np.dtype(datatype)
    with open_input(path) as file:
        if no_header:
            words, vectors = _read_text(file, path, None, limit, dtype)
        else:
            count, width, offset = _read_header(file, path)
            if binary:
                words, vectors = _read_binary(file, path, (count, width), limit, dtype, offset)
            else:
                words, vectors = _read_text(file, path, (count, width), limit, dtype)
    words = _decoded(words, path, encoding, unicode_errors)
    words, vectors = _distinct(words, vectors, path)
    counts = None if fvocab is None else _read_counts(fvocab, words, encoding, unicode_errors)
    return WordTable.from_words(words), vectors, counts


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
    """A matrix that grows as rows come: a header is believed as far as the file bears it out."""

    def __init__(self, width: int, dtype: np.dtype[Any]) -> None:
        self._room = np.empty((0, width), dtype)
        self._used = 0

    def append(self, rows: Array) -> None:
        end = self._used + len(rows)
        if end > len(self._room):
            self._resize(max(end, len(self._room) * 9 // 8))
        with np.errstate(over="ignore"):  # numbers beyond the type become infinite, as everywhere
            self._room[self._used : end] = rows
        self._used = end

    def finish(self) -> Array:
        self._resize(self._used)
        return self._room

    def _resize(self, size: int) -> None:
        # A large block of memory is remapped, not copied. Nothing else refers to it yet.
        self._room.resize((size, self._room.shape[1]), refcheck=False)


def _read_binary(
    file: BinaryIO,
    path: StrPath,
    shape: tuple[int, int],
    limit: int | None,
    dtype: np.dtype[Any],
    offset: int,
) -> tuple[list[bytes], Array]:
    """Read words and rows. `offset` counts the bytes of the file that went before `chunk`, for the errors."""
    count, width = shape
    wanted = count if not limit else min(count, limit)
    row_bytes = 4 * width
    if is_text_record(peek(file)):
        _fail(path, "line 2", "this is the text format; leave out binary=True")
    _expect_room(file, path, count, width, row_bytes + 1)
    words: list[bytes] = []
    rows = _Rows(width, dtype)
    chunk = b""
    while len(words) < wanted:
        more = file.read(max(CHUNK, len(chunk)))
        chunk += more
        found, starts, used = _scan(chunk, row_bytes, wanted - len(words))
        if starts:
            rows.append(_gather(chunk, starts, row_bytes))
        words += found
        chunk, offset = chunk[used:], offset + used
        if len(words) < wanted and (not more or len(chunk) > MAX_WORD + row_bytes):
            reason = "the file ends" if not more else f"no word of up to {MAX_WORD} bytes"
            _fail(
                path,
                f"byte {offset}",
                f"{reason} at word {len(words)} of {count} x {width}: damaged or not binary?",
                FormatError if more else TruncatedFileError,
            )
    if wanted == count:
        _expect_end(file, chunk, path, offset, count)
    return words, rows.finish()


def _scan(chunk: bytes, row_bytes: int, limit: int) -> tuple[list[bytes], list[int], int]:
    """Return the words whose rows end in `chunk`, where these start, and where the last ends."""
    words: list[bytes] = []
    starts: list[int] = []
    at, last = 0, len(chunk) - row_bytes
    for _ in range(limit):
        space = chunk.find(b" ", at)
        if space < 0 or space >= last:
            break
        words.append(chunk[at:space])
        starts.append(space + 1)
        at = space + 1 + row_bytes
    return words, starts, at


def _gather(chunk: bytes, starts: list[int], row_bytes: int) -> Array:
    """Copy the rows of float32 that start at any bytes of `chunk`."""
    every = np.lib.stride_tricks.sliding_window_view(np.frombuffer(chunk, np.uint8), row_bytes)
    rows: Array = every[np.array(starts)].view("<f4")
    return rows


def _expect_end(file: BinaryIO, rest: bytes, path: StrPath, offset: int, count: int) -> None:
    """Vectors beyond the stated number would be lost in silence."""
    while rest:
        if not rest.isspace():
            offset += len(rest) - len(rest.lstrip())
            _fail(path, f"byte {offset}", f"more than {count} vectors; limit={count} reads these")
        offset += len(rest)
        rest = file.read(CHUNK)


def _read_text(
    file: BinaryIO, path: StrPath, shape: tuple[int, int] | None, limit: int | None, dtype: np.dtype[Any]
) -> tuple[list[bytes], Array]:
    """Read words and rows, `LINES` lines at a time; without `shape` to the end, as wide as the first line."""
    count, width = shape or (None, 0)
    if count is not None:
        _expect_room(file, path, count, width, 2 * width)
    wanted = count if not limit else min(limit, count) if count is not None else limit
    words: list[bytes] = []
    rows: _Rows | None = None
    number = 1 if shape is None else 2
    lines = iter(lambda: file.readline(MAX_LINE), b"")
    while wanted is None or len(words) < wanted:
        block = list(islice(lines, LINES if wanted is None else min(LINES, wanted - len(words))))
        if not block:
            break
        width = width or len(block[0].split()) - 1
        found, numbers = _parse(block, width, path, number)
        words += found
        rows = rows or _Rows(width, dtype)
        rows.append(numbers)
        number += len(block)
    if count is not None and len(words) < min(count, limit or count):
        reason = f"the file ends after {len(words)} of the {count} vectors of line 1"
        _fail(path, f"line {number}", reason, TruncatedFileError)
    for rest in lines if wanted == count else ():
        if not rest.isspace():
            _fail(path, f"line {number}", f"more than {count} vectors; limit={count} reads these")
        number += 1
    return words, rows.finish() if rows else np.empty((0, width), dtype)


def _parse(lines: list[bytes], width: int, path: StrPath, number: int) -> tuple[list[bytes], Array]:
    """Return the lines' words and numbers; the first is line `number`. All numbers are converted in one call,
    or where that fails line by line, to find the culprit."""
    parts = [line.rstrip().partition(b" ") for line in lines]
    if width > 0 and all(rest.count(b" ") == width - 1 for _, _, rest in parts):
        numbers = _numbers(b" ".join([rest for _, _, rest in parts]))
        if numbers is not None and len(numbers) == width * len(lines):
            return [word for word, _, _ in parts], numbers.reshape(len(lines), width)
    rows = []
    for at, (_, _, rest) in enumerate(parts):
        row = _numbers(rest)
        if width <= 0 or row is None or len(row) != width:
            shown = lines[at] if len(lines[at]) < 60 else lines[at][:60] + b"..."
            binary = "; is it a binary file?" if b"\0" in shown else ""
            _fail(path, f"line {number + at}", f"{shown!r} is not a word and {max(width, 1)} numbers{binary}")
        rows.append(row)
    return [word for word, _, _ in parts], np.stack(rows)


def _numbers(text: bytes) -> NDArray[np.float64] | None:
    """Return the numbers of `text`, or None if it holds something else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)
            return np.fromstring(text.decode("ascii"), np.float64, sep=" ")
    except (ValueError, DeprecationWarning):
        return None


def _decoded(words: list[bytes], path: StrPath, encoding: str, errors: str) -> list[bytes]:
    """Return the words as UTF-8, without the newline that the original program writes after each row."""
    words = [word.lstrip(b"\n") for word in words]
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
        stacklevel=4,
    )
    return [words[at] for at in keep], vectors[keep]


def _read_counts(path: StrPath, words: list[bytes], encoding: str, errors: str) -> Counts:
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
    return np.array([counts.get(word, 0) for word in words], np.int64)


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
    """Write a file of the word2vec program, atomically; gzip, bzip2 or xz where its name ends so.

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
        `fvocab` without counts, or a word that this format cannot hold.
    """
    order = np.arange(len(words)) if counts is None else np.argsort(-counts, kind="stable")
    if fvocab is not None:
        if counts is None:
            raise ValueError(
                f"Cannot store vocabulary in {os.fspath(fvocab)}: the words' counts are not known"
            )
        with open_output(fvocab, append) as file:
            lines = (f"{prefix}{words[i]} {counts[i]}\n".encode() for i in order.tolist())
            file.writelines(lines)
    with open_output(path, append) as file:
        if write_header:
            file.write(f"{len(words) if total_vec is None else total_vec} {vectors.shape[1]}\n".encode())
        for heads, rows in _blocks(words, vectors, order, prefix.encode()):
            file.write(_binary_rows(heads, rows) if binary else _text_rows(heads, rows))


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
