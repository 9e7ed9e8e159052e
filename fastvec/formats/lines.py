"""Text of a word and its numbers a line: what word2vec's text files and GloVe's have in common."""

import os
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.errors import FormatError
from fastvec.formats import StrPath
from fastvec.formats.source import CHUNK, Bounds, Bytes

Numbers = NDArray[np.float64]

MAX_LINE = 1 << 26
"""Bytes of the longest line, of a million numbers: a file of another kind is not read to its end."""
LINES = 1 << 10
"""Lines parsed at a time, at most."""


class Lines:
    """Lines of a text file, read from front to back.

    Parameters
    ----------
    file : binary file
    path : str or path
        For the errors.
    width : int
        Numbers a line; 0: as many as the first has.
    number : int
        That of the first line, from 1 on.
    """

    def __init__(self, file: BinaryIO, path: StrPath, width: int, number: int) -> None:
        self._file, self._path, self.width, self.number = file, path, width, number
        self._spaced = not width  # GloVe's words may hold spaces
        self._buffer, self._at, self._held, self._ended = np.empty(CHUNK, np.uint8), 0, 0, False

    def fail(self, reason: str, error: type[FormatError] = FormatError) -> NoReturn:
        """Raise an error that names the file and the line."""
        raise error(f"{os.fspath(self._path)}: line {self.number}: {reason}")

    def read(self, wanted: int | None) -> Iterator[tuple[Bytes, Bounds, Numbers]]:
        """Read `wanted` lines, or all.

        Yields
        ------
        data, bounds, numbers : uint8 array, int64 array of (n, 2), float64 array of (n, width)
            Some of the lines: word i is ``data[bounds[i, 0]:bounds[i, 1]]``. Good until the next are asked for.

        Raises
        ------
        FormatError
            At a line that is not a word and `width` numbers. That the text ends early is no error.
        """
        if wanted == 0:
            return
        first = self._first()
        self.width = self.width or max(len(first.split()) - 1, 0)
        if not first:
            return
        if not self.width or 2 * self.width > len(first):  # before room is made for so many numbers
            self._fail_at(first)
        room = min(LINES, max(1, (CHUNK >> 2) // self.width))
        out, bounds = np.empty((room, self.width)), np.empty((room, 2), np.int64)
        read = 0
        while wanted is None or read < wanted:
            if wanted is not None:
                room = min(room, wanted - read)
            data = self._buffer[self._at : self._held]
            found, used, stuck = _backend.lines.parse(data, self._ended, out[:room], bounds[:room])
            if found:
                yield data, bounds[:found], out[:found]
                self._advance(used, found)
            if stuck:
                word, row = self._parsed(data[used : used + stuck].tobytes())
                yield np.frombuffer(word, np.uint8), np.array([[0, len(word)]]), row[None]
                self._advance(stuck, 1)
                found += 1
            read += found
            if not found:
                if self._ended:
                    return
                self._more()

    def _first(self) -> bytes:
        """Return the first line, whatever its length; empty where the text has ended."""
        while True:
            data = self._buffer[self._at : self._held].tobytes()
            end = data.find(b"\n") + 1
            if end or self._ended:
                return data[:end] if end else data
            self._more()

    def _advance(self, used: int, lines: int) -> None:
        self._at += used
        self.number += lines

    def blank_to_the_end(self) -> bool:
        """Read on; stop at the first line that is not blank, and tell whether there was none."""
        while True:
            data = self._buffer[self._at : self._held].tobytes()
            blank = len(data) - len(data.lstrip())
            self.number += data[:blank].count(b"\n")
            if blank < len(data):
                return False
            if self._ended:
                return True
            self._at = self._held
            self._more()

    def _more(self) -> None:
        """Read on behind what is held; a line that does not fit makes room for itself."""
        held = self._held - self._at
        if held > MAX_LINE:
            self.fail(f"no end of the line in {held} bytes")
        room = self._buffer if 2 * held <= len(self._buffer) else np.empty(2 * len(self._buffer), np.uint8)
        room[:held] = self._buffer[self._at : self._held].copy()
        got = self._file.readinto(room[held:].data)  # type: ignore[attr-defined]
        self._buffer, self._at, self._held, self._ended = room, 0, held + got, not got

    def _parsed(self, line: bytes) -> tuple[bytes, Numbers]:
        """Return the word and the numbers of a line of any kind."""
        word, _, rest = line.rstrip().partition(b" ")
        row = _numbers(rest)
        if row is not None and len(row) == self.width > 0:
            return word, row
        fields = line.rstrip().rsplit(b" ", self.width) if self._spaced else [b""]
        row = _numbers(b" ".join(fields[1:]))
        spaced = fields[0].split(b" ")[1:]
        if (
            row is not None
            and len(row) == self.width == len(fields) - 1 > 0
            and not any(map(_is_number, spaced))
        ):
            return fields[0], row
        return self._fail_at(line)

    def _fail_at(self, line: bytes) -> NoReturn:
        shown = line if len(line) < 60 else line[:60] + b"..."
        binary = "; is it a binary file?" if b"\0" in shown else ""
        self.fail(f"{shown!r} is not a word and {max(self.width, 1)} numbers{binary}")


def _is_number(field: bytes) -> bool:
    found = _numbers(field)
    return found is not None and len(found) == 1


def _numbers(text: bytes) -> Numbers | None:
    """Return the numbers of `text`, or None if it holds something else."""
    if b"_" in text:  # Python's numbers may hold it
        return None
    try:
        return np.array([float(field) for field in text.split()], np.float64)
    except ValueError:
        return None
