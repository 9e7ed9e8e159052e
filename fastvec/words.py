"""WordTable: distinct words in a fixed order, found through a hash index; mapping one parses nothing."""

from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from itertools import accumulate
from typing import Any, NoReturn, overload

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.errors import FormatError

NO_WORD = -3
"""What a Finder answers where it is asked for something that is neither str nor bytes."""
CHECKED_AT_ONCE = 1 << 16


class WordTable(Sequence[str]):
    """Words 0 ... n - 1 as UTF-8 bytes end to end, with a hash index over them.

    Parameters
    ----------
    text : uint8 array
        The words' bytes, end to end.
    offsets : int64 array of n + 1
        Word i is ``text[offsets[i]:offsets[i + 1]]``.
    slots : int32 array of (2^k, 2), optional
        The index (docs/file-format.md). It is built where absent.
    origin : str, optional
        Where given arrays come from (a file), for the errors.

    Raises
    ------
    ValueError
        If two words are equal.

    Notes
    -----
    Arrays mapped from a file are not looked through when the table is made; where one turns out to be
    damaged, whoever meets the damage gets a `FormatError`.
    """

    __slots__ = ("finder", "offsets", "origin", "slots", "text")

    def __init__(
        self,
        text: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        slots: NDArray[np.int32] | None = None,
        origin: str = "word table",
    ) -> None:
        self.origin = origin
        self.text = text
        self.offsets = offsets
        if slots is None:
            slots = np.empty((index_size(len(offsets) - 1), 2), np.int32)
            repeated = _backend.words.build_index(text, offsets, slots)
            if repeated >= 0:
                raise ValueError(f"word {repeated}, {self[repeated]!r}, stands earlier in the table too")
        self.slots = slots
        self.finder: Any = _backend.words.Finder(text, offsets, slots)
        """What looks words up; of its answers those below -1 are errors."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.text, self.offsets, self.slots, self.origin)

    @classmethod
    def from_words(cls, words: Iterable[str | bytes]) -> "WordTable":
        """Make a table of `words`, in their order."""
        return cls(*join_words(words))

    def followed_by(self, words: Iterable[str | bytes]) -> "WordTable":
        """Return a table of these words and `words`, which are none of them."""
        text, offsets = join_words(words)
        return WordTable(
            np.concatenate([self.text, text]),
            np.concatenate([self.offsets, offsets[1:] + self.offsets[-1]]),
            origin=self.origin,
        )

    def take(self, ids: NDArray[np.integer[Any]]) -> "WordTable":
        """Return a table of the words with these ids, in their order."""
        bounds = np.asarray(self.offsets)
        lengths = np.diff(bounds)[ids]
        if np.any(lengths < 0) or np.any(bounds < 0) or np.any(bounds > len(self.text)):
            raise FormatError(f"{self.origin}: the bounds of words are damaged")
        offsets = np.zeros(len(lengths) + 1, np.int64)
        lengths.cumsum(out=offsets[1:])
        places = np.repeat(bounds[:-1][ids] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return WordTable(self.text[places], offsets, origin=self.origin)

    def by_spelling(self) -> NDArray[np.int64]:
        """Return the words' ids in the order of their code points, int64 (n,)."""
        try:
            ids: NDArray[np.int64] = _backend.vocab.order(self.text, self.offsets)
        except ValueError as error:
            raise FormatError(f"{self.origin}: {error}") from None
        return ids

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def word_bytes(self, i: int) -> bytes:
        """Return word `i` (0 <= i < n) as UTF-8 bytes."""
        first, last = int(self.offsets[i]), int(self.offsets[i + 1])
        if not 0 <= first <= last <= len(self.text):
            raise FormatError(
                f"{self.origin}: word {i} has impossible bounds, {first} to {last} of {len(self.text)}"
            )
        return self.text[first:last].tobytes()

    def _decode(self, i: int, word: bytes) -> str:
        try:
            return word.decode()
        except UnicodeDecodeError as error:
            raise FormatError(f"{self.origin}: word {i}, {word!r}, is not UTF-8: {error.reason}") from None

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> list[str]: ...
    def __getitem__(self, i: Any) -> str | list[str]:
        if isinstance(i, slice):
            ids = range(*i.indices(len(self)))
            if ids.step < 0:
                return list(self._words(ids[::-1]))[::-1]
            return list(self._words(ids))
        at = i + len(self) if i < 0 else i
        if not 0 <= at < len(self):
            raise IndexError(f"word {i} of {len(self)}")
        return self._decode(at, self.word_bytes(at))

    def _words(self, ids: range) -> Iterator[str]:
        """Decode the words of ascending `ids`; bounds are checked before: no longer than text."""
        if not ids:
            return
        bounds = self.offsets[ids[0] : ids[-1] + 2]
        if bounds[0] < 0 or bounds[-1] > len(self.text) or np.any(bounds[1:] < bounds[:-1]):
            raise FormatError(f"{self.origin}: the bounds of words {ids[0]} to {ids[-1]} are damaged")
        raw, spans = self.text[bounds[0] : bounds[-1]].tobytes(), (bounds - bounds[0]).tolist()
        for at in range(0, len(bounds) - 1, ids.step):
            yield self._decode(ids[0] + at, raw[spans[at] : spans[at + 1]])

    def __iter__(self) -> Iterator[str]:
        return self._words(range(len(self)))

    def find(self, word: str | bytes) -> int:
        """Return the id of `word`, or -1."""
        found: int = self.finder.find(word)
        if found < -1:
            self._fail_on(word)
        return found

    def find_all(self, words: Iterable[str]) -> NDArray[np.int32]:
        """Return the id of each of `words`, or -1; int32 (n,)."""
        listed = list(words)
        ids = self.find_any(listed)
        if ids is None:
            other = next(word for word in listed if not isinstance(word, str | bytes))
            raise TypeError(f"{other!r} is no word: a string is needed")
        return ids

    def find_any(self, keys: Iterable[Any]) -> NDArray[np.int32] | None:
        """Return the id of each of `keys`, or -1; int32 (n,); None where some of them are no strings."""
        listed = list(keys)  # of its own: nobody else changes it meanwhile
        ids = np.empty(len(listed), np.int32)
        self.finder.find_all(listed, ids)
        least = ids.min(initial=0)
        if least == NO_WORD:
            return None
        if least < -1:
            self._fail_on(listed[int(ids.argmin())])
        return ids

    def check(self) -> None:
        """Look through all of it.

        Raises
        ------
        FormatError
            Bounds are impossible, a word is not UTF-8 or stands twice, or the index does not lead to each word.
        """
        good = (self.slots[:, 1] >= 0).sum() == len(self)
        for start in range(0, len(self), CHECKED_AT_ONCE):
            found = self.find_all(self[start : start + CHECKED_AT_ONCE])
            good = good and np.array_equal(found, np.arange(start, start + len(found)))
        if not good:
            raise FormatError(f"{self.origin}: the index over the words does not hold each of them once")

    def _fail_on(self, word: str | bytes) -> NoReturn:
        raise FormatError(f"{self.origin}: the index over the words is damaged, seen on looking for {word!r}")

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str | bytes) and self.find(word) >= 0

    def index(self, word: object, start: int = 0, stop: int | None = None) -> int:
        """Return the id of `word`; as of a list, a ValueError tells that it is not there."""
        found = self.find(word) if isinstance(word, str) else -1
        if found < 0 or found not in range(*slice(start, stop).indices(len(self))):
            raise ValueError(f"{word!r} is not in list")
        return found

    def count(self, word: object) -> int:
        """Return 1 where `word` is there, else 0."""
        return int(word in self)

    def copy(self) -> list[str]:
        """Return the words as a list."""
        return list(self)

    def __add__(self, others: Iterable[str]) -> list[str]:
        return [*self, *others]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, list | tuple):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        if not isinstance(other, WordTable):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.text, other.text)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"WordTable of {len(self):,} words"


class KeyToIndex(Mapping[str, int]):
    """Words and their places, as a mapping over a word table: nothing is copied. ``dict(...)`` makes a real one."""

    __slots__ = ("_words",)

    def __init__(self, words: WordTable) -> None:
        self._words = words

    def __getitem__(self, key: str) -> int:
        found = self._words.find(key) if isinstance(key, str) else -1
        if found < 0:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._words

    def __eq__(self, other: object) -> bool:
        if isinstance(other, KeyToIndex):
            return self._words == other._words
        if not isinstance(other, Mapping):
            return NotImplemented
        return len(self) == len(other) and all(other.get(key) == i for key, i in self.items())

    __hash__ = None  # type: ignore[assignment]

    def items(self) -> "_Items":
        """Return the pairs of word and place, in the order of the places."""
        return _Items(self)

    def values(self) -> "_Values":
        """Return the places, in their order."""
        return _Values(self)

    def copy(self) -> dict[str, int]:
        """Return the words and their places as a dict."""
        return dict(self.items())

    def __repr__(self) -> str:
        return f"KeyToIndex of {len(self):,} words"


class _Items(ItemsView[str, int]):
    """Goes through the words in order, and looks none of them up."""

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return zip(self._mapping, range(len(self)), strict=True)  # type: ignore[attr-defined]


class _Values(ValuesView[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __contains__(self, value: object) -> bool:
        return value in range(len(self))


def join_words(words: Iterable[str | bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return words as UTF-8 bytes end to end, and their offsets; uint8 (bytes,) and int64 (n + 1,).

    Raises
    ------
    UnicodeEncodeError
        At a lone surrogate.
    """
    encoded = [w.encode() if isinstance(w, str) else w for w in words]
    offsets = np.fromiter(accumulate(map(len, encoded), initial=0), np.int64, len(encoded) + 1)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def index_size(n_words: int) -> int:
    """Return the number of slots in an index: the least power of two of at least twice as many."""
    return max(2, 1 << (2 * n_words - 1).bit_length()) if n_words else 2
