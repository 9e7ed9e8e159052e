"""Plain twin of `_core._phrases`: pairs of words, counts by text, scores."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP, NONE = 1 << 31, (1 << 32) - 1
Ids = NDArray[np.int32]
Counts = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Sides = NDArray[np.uint32]


def edges(ids: Ids, connectors: int) -> Ids:
    """Return what of `ids` may belong to a phrase that crosses their ends. See `_core._phrases.edges`."""
    (ends,) = np.nonzero((ids < 0) | (ids >= connectors))
    if not len(ends):
        return ids.copy()
    return np.concatenate([ids[: ends[0] + 1], np.array([-1], np.int32), ids[ends[-1] :]])


class PairTable:
    """Counts of pairs of neighbouring words. A pair is (word, connectors between, word)."""

    def __init__(self, connectors: int = 0, delimiter: Any = b"") -> None:
        self.connectors = connectors
        self.known = 0
        self.pairs: Counter[tuple[int, ...]] = Counter()

    def __len__(self) -> int:
        return len(self.pairs)

    def add_words(self, text: Bytes, offsets: Counts) -> None:
        self.known += len(offsets) - 1

    def count(self, ids: Ids) -> None:
        if ids.max(initial=-1) >= self.known:
            raise ValueError("an id of no word")
        begun: tuple[int, ...] = ()
        for i in ids.tolist():
            if i < 0:
                begun = ()
            elif i >= self.connectors:
                if begun:
                    self.pairs[*begun, i] += 1
                begun = (i,)
            elif begun:
                begun += (i,)

    def prune(self, least: int, new_ids: Ids) -> None:
        if len(new_ids) != self.known:
            raise ValueError(f"{len(new_ids)} new ids for {self.known} words")
        self.known = int((new_ids >= 0).sum())
        kept = {k: n for k, n in self.pairs.items() if n >= least and new_ids[[k[0], k[-1]]].min() >= 0}
        self.pairs = Counter({tuple(new_ids[list(k)].tolist()): n for k, n in kept.items()})


class PhraseTable:
    """Counts of words and phrases by their texts. See `_core._phrases.PhraseTable`."""

    def __init__(self, delimiter: Any) -> None:
        self._delimiter = bytes(delimiter)
        self._ids: dict[bytes, int] = {}
        self._steps: dict[tuple[int, int], int] = {}
        self._rows: dict[bytes, tuple[int, int, int]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def n_words(self) -> int:
        return len(self._ids)

    def add_words(self, text: Bytes, offsets: Counts) -> Ids:
        raw = text.tobytes()
        words = [raw[a:b] for a, b in pairwise(offsets.tolist())]
        return np.array([self._ids.setdefault(word, len(self._ids)) for word in words], np.int32)

    def add_steps(self, left: Sides, connector: Ids) -> Sides:
        mine: list[int] = []
        for i, (side, word) in enumerate(zip(left.tolist(), connector.tolist(), strict=True)):
            if side & STEP and side ^ STEP >= i:
                raise ValueError(f"step {i} stands before its left side")
            if not side & STEP and side >= len(self._ids):
                raise ValueError(f"step {i} begins with word {side} of {len(self._ids)}")
            if not 0 <= word < len(self._ids):
                raise ValueError(f"step {i} ends with word {word} of {len(self._ids)}")
            mine.append(self._step(mine[side ^ STEP] if side & STEP else side, word))
        return np.array(mine, np.uint32)

    def _step(self, left: int, connector: int) -> int:
        return STEP | self._steps.setdefault((left, connector), len(self._steps))

    def steps(self) -> tuple[Sides, Ids]:
        found = np.array(list(self._steps), np.int64).reshape(-1, 2)
        return found[:, 0].astype(np.uint32), found[:, 1].astype(np.int32)

    def words(self) -> tuple[Bytes, Counts]:
        return packed(list(self._ids))

    def take_steps(self, pairs: PairTable, ids: Ids) -> Sides:
        for pair in pairs.pairs:
            self._sides(ids[list(pair)].tolist())
        return np.empty(0, np.uint32)

    def _sides(self, pair: list[int]) -> tuple[int, int]:
        left, *between, right = pair
        for connector in between:
            left = self._step(left, connector)
        return left, right

    def merge(
        self, counted: list[tuple[PairTable, Ids, Sides]], words: Counts, first: int, last: int
    ) -> None:
        """Add what was counted; the twin does it all with the first part."""
        if len(words) != len(self._ids):
            raise ValueError(f"{len(words)} counts of {len(self._ids)} words")
        for pairs, ids, _ in counted if first == 0 else ():
            for pair, count in pairs.pairs.items():
                self._add(*self._sides(ids[list(pair)].tolist()), count)
        for word in np.flatnonzero(words).tolist() if first == 0 else ():
            self._add(word, NONE, int(words[word]))

    def _add(self, left: int, right: int, count: int) -> None:
        text = self._text(left, right)
        left, right, before = self._rows.get(text, (left, right, 0))
        self._rows[text] = left, right, before + count

    def _pieces(self, left: int, right: int) -> list[int]:
        steps, pieces = list(self._steps), [] if right == NONE else [right]
        while left & STEP:
            left, connector = steps[left ^ STEP]
            pieces.append(connector)
        return [left, *reversed(pieces)]

    def _text(self, left: int, right: int) -> bytes:
        words = list(self._ids)
        return self._delimiter.join(words[i] for i in self._pieces(left, right))

    def add_rows(self, left: Sides, right: Sides, count: Counts) -> None:
        if not len(left) == len(right) == len(count):
            raise ValueError(f"{len(left)} left sides, {len(right)} right words, {len(count)} counts")
        for i, (a, b, n) in enumerate(zip(left.tolist(), right.tolist(), count.tolist(), strict=True)):
            known = a ^ STEP < len(self._steps) and b != NONE if a & STEP else a < len(self._ids)
            if n < 1 or not known or (b >= len(self._ids) and b != NONE):
                raise ValueError(f"row {i} is ({a}, {b}), {n} times")
            self._add(a, b, n)

    def prune(self, least: int) -> None:
        self._rows = {text: row for text, row in self._rows.items() if row[2] >= least}

    def find(self, text: bytes) -> int:
        return self._rows.get(text, (0, 0, 0))[2]

    def rows(self, least: float = 0, odd: Bytes | None = None) -> tuple[Sides, Sides, Counts]:
        rows = [
            (a, b, n)
            for a, b, n in self._rows.values()
            if n > least and (odd is None or a & STEP or odd[a] or (b != NONE and odd[b]))
        ]
        found = np.array(rows, np.int64).reshape(-1, 3)
        return found[:, 0].astype(np.uint32), found[:, 1].astype(np.uint32), found[:, 2].copy()

    def texts(self, left: Sides, right: Sides) -> tuple[Bytes, Counts]:
        return packed([self._text(a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True)])

    def ends(self, loose: bool) -> tuple[Counts, Counts, Bytes]:
        mark, found = self._delimiter, []
        for word in self._ids:
            parts = [word] if loose or not mark else word.split(mark)
            odd = any(byte in mark for byte in word) if loose else len(parts) > 1
            found.append((self.find(parts[0]), self.find(parts[-1]), odd))
        columns = np.array(found, np.int64).reshape(-1, 3)
        return columns[:, 0].copy(), columns[:, 1].copy(), columns[:, 2].astype(np.uint8)

    def scored(
        self,
        npmi: bool,
        min_count: float,
        threshold: float,
        total: float,
        first_counts: Counts,
        last_counts: Counts,
        odd: Bytes,
        plain: bool,
    ) -> tuple[Sides, Sides, NDArray[np.float64]]:
        found = []
        for left, right, count in self._rows.values():
            first, last = (self._pieces(left, right)[i] for i in (0, -1))
            if (right == NONE and not odd[first]) or (plain and (left & STEP or odd[first] or odd[last])):
                continue
            a, b = int(first_counts[first]), int(last_counts[last])
            if a > 0 and b > 0 and (s := score(npmi, a, b, count, min_count, total)) > threshold:
                found.append((left, right, s))
        sides = np.array([row[:2] for row in found], np.int64).reshape(-1, 2).astype(np.uint32)
        return sides[:, 0].copy(), sides[:, 1].copy(), np.array([row[2] for row in found], np.float64)


def score(npmi: bool, a: int, b: int, both: int, min_count: float, total: float) -> float:
    """Return the score of a phrase seen `both` times of words seen `a` and `b` times.

    (both - min_count) / (a b) x total texts; or, of total words, ln(p_ab / (p_a p_b)) / -ln p_ab.
    """
    if not npmi:
        return (both - min_count) / float(a * b) * total
    p = both / total
    if both < min_count or p == 1:
        return -np.inf
    return log(p / ((a / total) * (b / total))) / -log(p)


def packed(texts: Sequence[bytes]) -> tuple[Bytes, Counts]:
    """Return texts end to end, and their offsets."""
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer(b"".join(texts), np.uint8), offsets
