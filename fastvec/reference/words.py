"""Plain twin of `_core._words`: the hash of a word and the index over a word table."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_M1, _M2, _64 = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, (1 << 64) - 1


def word_hash(word: bytes) -> int:
    """Return the 64-bit hash of `word` (docs/file-format.md, "Hash index")."""
    h = len(word) * _M1 & _64
    for start in range(0, len(word), 8):
        group = int.from_bytes(word[start : start + 8], "little")
        h = (h ^ group) * _M2 & _64
        h ^= h >> 32
    h = h * _M1 & _64
    return h ^ (h >> 29)


def build_index(text: NDArray[np.uint8], offsets: NDArray[np.int64], slots: NDArray[np.int32]) -> int:
    """Fill `slots` (int32[2^k, 2]); return the id of the first repeated word, or -1."""
    n, size = len(offsets) - 1, len(slots)
    if size & (size - 1) or size < n or slots.shape[1] != 2:
        raise ValueError(f"slots: {slots.shape} is no power of two x 2 that holds {n} words")
    slots[:] = -1
    raw, finder = text.tobytes(), Finder(text, offsets, slots)
    for i in range(n):
        word = raw[offsets[i] : offsets[i + 1]]
        if finder.find(word) >= 0:
            return i
        h = word_hash(word)
        at = h & (size - 1)
        while slots[at, 1] >= 0:
            at = (at + 1) & (size - 1)
        slots[at] = np.array([h >> 32, i], np.uint32).view(np.int32)
    return -1


class Finder:
    """Finds words through the index of a word table; the arrays may be damaged."""

    def __init__(self, text: NDArray[np.uint8], offsets: NDArray[np.int64], slots: NDArray[np.int32]) -> None:
        if len(slots) == 0 or len(slots) & (len(slots) - 1) or slots.shape[1] != 2:
            raise ValueError(f"slots: {slots.shape} is no power of two x 2")
        self._text, self._offsets, self._slots = text, offsets, slots

    def find(self, word: object) -> int:
        """Return the id of a word (str, or its UTF-8 bytes), -1 if it is not there, -2 if the arrays contradict each
        other, -3 if it is no word."""
        if isinstance(word, str):
            try:
                word = word.encode()
            except UnicodeEncodeError:  # a lone surrogate: no UTF-8 word holds one
                return -1
        if not isinstance(word, bytes):
            return -3
        h, size, offsets = word_hash(word), len(self._slots), self._offsets
        for probe in range(size):
            tag, i = self._slots[(h + probe) & (size - 1)].tolist()
            if i < 0:
                return -1
            if tag & 0xFFFFFFFF == h >> 32:
                if i >= len(offsets) - 1 or not 0 <= offsets[i] <= offsets[i + 1] <= len(self._text):
                    return -2
                if self._text[offsets[i] : offsets[i + 1]].tobytes() == word:
                    return int(i)
        return -2  # at least half of the slots are free in an index as it should be

    def find_all(self, words: list[Any], ids: NDArray[np.int32]) -> None:
        """Write to `ids` what `find` returns for each of `words`."""
        if len(ids) != len(words):
            raise ValueError(f"{len(words)} words and {len(ids)} ids")
        ids[:] = -1
        for i, word in enumerate(words):
            ids[i] = self.find(word)
            if ids[i] == -2:  # no more of an index that is damaged: each look-up may walk all of it
                break


class Rows:
    """What ``KeyedVectors[...]`` asks first: the row of a string that is in the table; `_get` answers all else."""

    _finder: Any
    _view: NDArray[Any]

    def __getitem__(self, keys: Any) -> Any:
        """Return the vector of a key, (D,), read-only; or of several, (n, D), as a new array."""
        row = self._finder.find(keys) if isinstance(keys, str) else -1
        return self._view[row] if row >= 0 else self._get(keys)

    def _get(self, keys: Any) -> Any:
        raise KeyError(keys)
