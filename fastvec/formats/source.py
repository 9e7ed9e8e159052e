"""Binary files read from front to back: every size is compared with what is left before room is made for it."""

import codecs
import contextlib
import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.errors import FormatError, TruncatedFileError
from fastvec.formats import StrPath, bytes_left, open_input
from fastvec.words import WordTable

Bytes = NDArray[np.uint8]
Bounds = NDArray[np.int64]

CHUNK = 1 << 20
"""Bytes read at a time: what a core's caches hold."""
RECORDS = 1 << 14
"""Records found at a time."""


class Source:
    """A binary file, read from front to back.

    Parameters
    ----------
    file : binary file
    path : str or path
        For the errors.
    left : int or None
        Bytes to come, where that is known.
    offset : int
        Bytes that went before.
    """

    def __init__(self, file: BinaryIO, path: StrPath, left: int | None, offset: int = 0) -> None:
        self._file, self._path, self._rest = file, path, b""
        self.left, self.offset = left, offset

    def fail(
        self, reason: str, error: type[FormatError] = FormatError, at: int | str | None = None
    ) -> NoReturn:
        """Raise an error that names the file and the place: a byte's offset, or what `at` says."""
        place = at if isinstance(at, str) else f"byte {self.offset if at is None else at}"
        raise error(f"{os.fspath(self._path)}: {place}: {reason}")

    def expect(self, n: int, what: str) -> None:
        """Raise where fewer than `n` bytes are left."""
        if self.left is not None and n > self.left:
            self.fail(f"{what} of {n} bytes: the file has {self.left} more", TruncatedFileError)

    def numbers(self, form: str, what: str) -> tuple[Any, ...]:
        """Read numbers as `struct` has them."""
        data = bytearray(struct.calcsize(form))
        self.fill(memoryview(data), what)
        return struct.unpack(form, data)

    def fill(self, out: memoryview, what: str) -> None:
        """Read as many bytes as `out` has."""
        self.expect(len(out), what)
        done = 0
        while done < len(out):
            got = self._some(out[done:])
            if not got:
                self.fail(f"{what}: the file ends", TruncatedFileError, self.offset + done)
            done += got
        self._advance(done)

    def skip(self, n: int, what: str) -> None:
        """Pass over `n` bytes."""
        self.expect(n, what)
        room = memoryview(bytearray(min(n, CHUNK)))
        for start in range(0, n, CHUNK):
            self.fill(room[: n - start], what)

    def rows(self, out: NDArray[np.float32], what: str) -> None:
        """Read float32 into `out`, row by row; its rows may lie apart."""
        n, width = out.shape
        self.expect(4 * n * width, what)
        step = max(1, CHUNK // (4 * width))
        block = np.empty((min(step, n), width), "<f4")
        for start in range(0, n, step):
            some = block[: n - start]
            self.fill(some.view(np.uint8).reshape(-1).data, what)
            out[start : start + step] = some

    def records(
        self, count: int, separator: bytes, size: int, longest: int, what: str, skip: bytes = b""
    ) -> Iterator[tuple[Bytes, Bounds]]:
        """Read records: a word, the byte `separator`, and `size` bytes; bytes `skip` before a word are no part of it.

        Yields
        ------
        data, bounds : uint8 array, int64 array of (n, 2)
            Some of the `count` records, as `_backend.records` has them; good until the next are asked for. Nothing but
            what was read before them is believed: neither `count` nor `size` makes room for anything.
        """
        bounds, buffer = np.empty((min(count, RECORDS), 2), np.int64), np.empty(CHUNK, np.uint8)
        marks = ord(separator), ord(skip) if skip else -1
        held = read = 0
        while read < count:
            got = self._some(buffer[held:].data)
            held, at, before = held + got, 0, read
            while read < count:
                data = buffer[at:held]
                found, used = _backend.records.scan(data, *marks, size, bounds[: count - read])
                if not found:
                    break
                yield data, bounds[:found]
                self._advance(used)
                read, at = read + found, at + used
            held -= at
            buffer[:held] = buffer[at : at + held].copy()
            if read > before or read == count:
                continue
            if not got or held > longest + size:
                ends = "the file ends" if not got else f"no word of up to {longest} bytes"
                self.fail(f"{ends} at word {read} of {what}", FormatError if got else TruncatedFileError)
            if held == len(buffer):
                buffer = np.concatenate([buffer, np.empty_like(buffer)])
        self._rest = buffer[:held].tobytes()

    def blank_to_the_end(self) -> bool:
        """Read on; stop at the first byte that is no blank, and tell whether there was none."""
        room = bytearray(CHUNK)
        while got := self._some(memoryview(room)):
            blank = got - len(room[:got].lstrip())
            self._advance(blank)
            if blank < got:
                return False
        return True

    def _some(self, out: memoryview) -> int:
        """Read some bytes into `out`, none only where the file ends; they do not count as read yet."""
        if self._rest:
            n = min(len(self._rest), len(out))
            out[:n], self._rest = self._rest[:n], self._rest[n:]
            return n
        return int(self._file.readinto(out))  # type: ignore[attr-defined]

    def _advance(self, n: int) -> None:
        self.offset += n
        if self.left is not None:
            self.left -= n


@contextlib.contextmanager
def open_source(path: StrPath) -> Iterator[Source]:
    """Open a file whose length is known: a compressed one is read through to its end first."""
    with open_input(path) as file:
        size = bytes_left(file)
        if size is None:
            room = bytearray(CHUNK)
            size = sum(iter(lambda: file.readinto(room), 0))  # type: ignore[attr-defined]
    with open_input(path) as file:
        yield Source(file, path, size)


class Words:
    """Words end to end, gathered from records."""

    def __init__(self) -> None:
        self._texts: list[Bytes] = []
        self._lengths: list[Bounds] = []

    def __len__(self) -> int:
        return sum(map(len, self._lengths))

    def append(self, data: Bytes, bounds: Bounds) -> None:
        """Add the words of some records."""
        lengths = bounds[:, 1] - bounds[:, 0]
        text = np.empty(int(lengths.sum()), np.uint8)
        _backend.records.join(data, bounds, text)
        self._texts.append(text)
        self._lengths.append(lengths)

    def finish(self) -> tuple[Bytes, Bounds]:
        """Return the bytes of all words, and their offsets."""
        offsets = np.concatenate([np.zeros(1, np.int64), *self._lengths]).cumsum()
        return np.concatenate([np.empty(0, np.uint8), *self._texts]), offsets


def is_utf8(text: Bytes, offsets: Bounds) -> bool:
    """Tell whether each word is UTF-8: all together are, and none begins within a code point."""
    if _backend.encode.check_utf8(text) >= 0:
        return False
    starts = offsets[:-1]
    return not ((text[starts[starts < len(text)]] & 0xC0) == 0x80).any()


def is_utf8_name(encoding: str) -> bool:
    """Tell whether `encoding` is a name of UTF-8."""
    return codecs.lookup(encoding).name == "utf-8"


def split(text: Bytes, offsets: Bounds) -> list[bytes]:
    """Return the words one by one."""
    raw, cuts = text.tobytes(), offsets.tolist()
    return [raw[cuts[i] : cuts[i + 1]] for i in range(len(cuts) - 1)]


def table(text: Bytes, offsets: Bounds, path: StrPath) -> WordTable:
    """Return a table of words of which none may stand twice."""
    try:
        return WordTable(text, offsets, origin=os.fspath(path))
    except ValueError as error:
        raise FormatError(f"{os.fspath(path)}: {error}") from None
