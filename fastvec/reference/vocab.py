"""Plain twin of `_core._vocab`: counting and finding words, the order of a vocabulary, the alias table."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec.reference.words import Finder, word_hash

Found = tuple[int, int, int, int, bool, bool, int]


class Progress:
    """What a scan has seen: the fields of `TokenTable.scan`'s answer, and the rule for a line's end."""

    def __init__(self, ids: NDArray[np.int32] | None, pending: bool) -> None:
        self.stop = self.words = self.lines = self.sentences = self.n_ids = 0
        self.lead, self.pending, self.ids = False, pending, ids

    def write(self, i: int) -> None:
        if self.ids is not None:
            if self.n_ids >= len(self.ids):
                raise ValueError("a sentence grew while it was read")
            self.ids[self.n_ids] = i
            self.n_ids += 1

    def end_line(self) -> None:
        self.lines += 1
        if self.pending:
            self.pending = False
            self.sentences += 1
            self.write(-1)
        elif not self.sentences:
            self.lead = True

    def answer(self) -> Found:
        return self.stop, self.words, self.lines, self.sentences, self.lead, self.pending, self.n_ids


class TokenTable:
    """Distinct words with their counts; ids in order of first appearance. See `_core._vocab.TokenTable`."""

    def __init__(
        self, text: NDArray[np.uint8] | None = None, offsets: NDArray[np.int64] | None = None
    ) -> None:
        self._ids: dict[bytes, int] = {}
        self._counts: list[int] = []
        self._places: list[int] = []
        self._frozen = offsets is not None
        if text is not None and offsets is not None:
            self._ids = {text[a:b].tobytes(): i for i, (a, b) in enumerate(pairwise(offsets.tolist()))}

    def __len__(self) -> int:
        return len(self._ids)

    def scan(
        self,
        data: Any,
        ids: NDArray[np.int32] | None = None,
        limit: int = 0,
        pending: bool = False,
        place: int = 0,
    ) -> Found:
        if ids is not None and len(ids) <= len(data):
            raise ValueError(f"ids: {len(ids)} places for {len(data)} bytes; give one more")
        seen = Progress(ids, pending)
        for line in _lines(bytes(data)):
            at = 0
            for word in line.split():
                at = line.index(word, at)
                self._take(word, seen, place + seen.stop + at)
                at += len(word)
            seen.stop += len(line)
            if line.endswith(b"\n"):
                ends = seen.pending
                seen.end_line()
                if limit and ends and len(self) > limit:
                    break
        return seen.answer()

    def add(
        self,
        sentences: list[Sequence[str]],
        first: int = 0,
        ids: NDArray[np.int32] | None = None,
        limit: int = 0,
    ) -> Found:
        room = sum(len(sentence) + 1 for sentence in sentences[first:])
        if ids is not None and len(ids) < room:
            raise ValueError(f"ids: {len(ids)} places for {room} words and ends")
        seen = Progress(None if ids is None else ids[:room], False)
        seen.stop = first
        for sentence in sentences[first:]:
            for word in sentence:
                self._take(str.encode(word), seen, len(self._places))
            seen.end_line()
            seen.stop += 1
            if limit and len(self) > limit:
                break
        return seen.answer()

    def _take(self, word: bytes, seen: Progress, place: int) -> None:
        seen.words += 1
        i = self._ids.get(word, -1)
        if not self._frozen:
            if i < 0:
                i = self._ids[word] = len(self._counts)
                self._counts.append(0)
                self._places.append(place)
            self._counts[i] += 1
        if i >= 0:
            seen.pending = True
            seen.write(i)

    def merge(self, tables: "list[TokenTable]", part: int, parts: int) -> None:
        for table in tables:
            for word, i in table._ids.items():
                if (word_hash(word) >> 32) * parts >> 32 == part:
                    mine = self._ids.setdefault(word, len(self._counts))
                    if mine == len(self._counts):
                        self._counts.append(0)
                        self._places.append(table._places[i])
                    self._counts[mine] += table._counts[i]
                    self._places[mine] = min(self._places[mine], table._places[i])

    def counts(self) -> NDArray[np.int64]:
        return np.array(self._counts, np.int64)

    def places(self) -> NDArray[np.int64]:
        return np.array(self._places, np.int64)

    def select(self, keep: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return _packed([word for word, k in zip(self._ids, keep.tolist(), strict=True) if k])

    def since(self, first: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return _packed(list(self._ids)[first:])

    def prune(self, keep: NDArray[np.uint8]) -> None:
        flags = keep.tolist()
        self._counts = [count for count, k in zip(self._counts, flags, strict=True) if k]
        self._places = [place for place, k in zip(self._places, flags, strict=True) if k]
        kept = [word for word, k in zip(self._ids, flags, strict=True) if k]
        self._ids = {word: i for i, word in enumerate(kept)}

    def ids_in(
        self, text: NDArray[np.uint8], offsets: NDArray[np.int64], slots: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        find = Finder(text, offsets, slots).find
        return np.array([find(word) for word in self._ids], np.int32)


def _lines(data: bytes) -> list[bytes]:
    """The lines of `data` with their newlines; only \\n ends one, unlike for `bytes.splitlines`."""
    *whole, rest = data.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


def _packed(words: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(word) for word in words], out=offsets[1:])
    return np.frombuffer(b"".join(words), np.uint8), offsets


def order(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64] | None = None,
    places: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Return the words' indices by falling count, equal ones by `places`, then by their words' bytes."""
    n, bounds = len(offsets) - 1, list(pairwise(offsets.tolist()))
    if any(given is not None and len(given) != n for given in (counts, places)):
        raise ValueError(f"counts or places are not of the size of the {n} words")
    for i, (start, stop) in enumerate(bounds):
        if not 0 <= start <= stop <= len(text):
            raise ValueError(f"word {i} has impossible bounds, {start} to {stop} of {len(text)}")
    words = [text[start:stop].tobytes() for start, stop in bounds]
    keys = (np.zeros(n, np.int64) if given is None else given for given in (counts, places))
    first, second = (key.tolist() for key in keys)
    return np.array(sorted(range(n), key=lambda i: (-first[i], second[i], words[i])), np.int64)


def ranked(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    places: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Return ``(text, offsets, counts)`` of the words in their `order`."""
    ids = order(text, offsets, counts, places)
    return *_packed([text[offsets[i] : offsets[i + 1]].tobytes() for i in ids.tolist()]), counts[ids]


def alias_table(weights: NDArray[np.float64], table: NDArray[np.uint32]) -> None:
    """Fill Walker's alias table for `weights` by Vose's method. See `_core._vocab.alias_table`."""
    n = len(weights)
    if table.shape != (n, 2):
        raise ValueError(f"table: {table.shape[0]} x {table.shape[1]} for {n} weights")
    total = 0.0
    for weight in weights.tolist():
        total += weight
    share = [weight * n / total for weight in weights.tolist()]
    lean = [i for i in range(n) if share[i] < 1]
    fat = [i for i in range(n) if share[i] >= 1]
    while lean and fat:
        low, high = lean.pop(), fat[-1]
        table[low] = int(share[low] * 2**32), high
        share[high] = share[high] + share[low] - 1
        if share[high] < 1:
            lean.append(fat.pop())
    for i in lean + fat:
        table[i] = (0xFFFFFFFF, i) if weights[i] > 0 else (0, int(np.argmax(weights)))
