"""Plain twin of the training kernels: the same draws, the same groups, the same block steps, in numpy.

It computes in the precision of the arrays it is given, so that float64 arrays serve to check the gradient.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

GROUP = 4
"""Neighbouring centres that share a block and its noise."""
MAX_ROWS = 16
"""Input rows of a block."""
MAX_NEGATIVE = 60
ROW_ALIGN = 16

_64 = (1 << 64) - 1
_KEEP, _SHRINK, _NOISE = 1, 2, 3


def draw(key: int, counter: int) -> int:
    """Return 64 random bits: SplitMix64 (Steele, Lea, Flood 2014) of `key`, read at `counter`."""
    z = key + counter * 0x9E3779B97F4A7C15 & _64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _64
    return z ^ z >> 31


def below(bits: int, n: int) -> int:
    """Return an integer in [0, n) from the upper half of `bits`."""
    return (bits >> 32) * n >> 32


def stream_key(seed: int, epoch: int, purpose: int) -> int:
    """Return the key of the random stream of one purpose in one epoch."""
    return draw(draw(seed, epoch), purpose)


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def block_step(
    x: Floats, y: Floats, label: Floats, weight: Floats, alpha: float | np.floating[Any]
) -> tuple[Floats, Floats]:
    """Return the rows after one step down the gradient of `block_loss`.

    Parameters
    ----------
    x : (m, d) array, input rows
    y : (n, d) array, output rows
    label : (n,) array, 1 or 0
    weight : (m, n) array
    alpha : float
    """
    g = alpha * weight * (label - sigmoid(x @ y.T))
    return x + g @ y, y + g.T @ x


def block_loss(x: Floats, y: Floats, label: Floats, weight: Floats) -> float:
    """Return the weighted logistic loss of all pairs: the objective of skip-gram with negative sampling."""
    s = x @ y.T
    positive = np.logaddexp(0, -s) * label
    negative = np.logaddexp(0, s) * (1 - label)
    return float((weight * (positive + negative)).sum())


def group_size() -> int:
    """Return how many neighbouring centres share a block and its noise."""
    return GROUP


def max_negative() -> int:
    """Return the greatest `negative` that a Worker takes."""
    return MAX_NEGATIVE


class Worker:
    """One thread's share of training; parameters as for the compiled Worker (_core/train.pxi)."""

    def __init__(
        self,
        input_vectors: Floats,
        output_vectors: Floats,
        tokens: NDArray[np.int32],
        keep: NDArray[np.uint32],
        noise: NDArray[np.uint32],
        *,
        window: int,
        shrink_windows: bool,
        negative: int,
        seed: int,
        stop: NDArray[np.uint8],
    ) -> None:
        stride = input_vectors.shape[1]
        if stride % ROW_ALIGN or stride == 0 or output_vectors.shape[1] != stride:
            raise ValueError(f"rows of {stride} and {output_vectors.shape[1]} floats: not one multiple of 16")
        if not len(input_vectors) == len(output_vectors) == len(keep) == len(noise) > 0:
            raise ValueError("input_vectors, output_vectors, keep and noise must have one row a word")
        if not (1 <= negative <= MAX_NEGATIVE and window >= 1 and len(stop) == 1 and len(tokens) > 0):
            raise ValueError(f"negative={negative} (1 to {MAX_NEGATIVE}), window={window} (1 or more)")
        self.shared = (input_vectors, output_vectors)
        self.x, self.y = input_vectors, output_vectors
        self.tokens, self.keep, self.noise = tokens, keep.tolist(), noise.tolist()
        self.window, self.shrink_windows, self.seed = window, shrink_windows, seed
        self.draws = 2 * negative
        self.noise_weight = 0.5
        self.stop = stop

    def keep_hot_rows(self, input_scale: NDArray[np.float32], output_scale: NDArray[np.float32]) -> None:
        """Work on own copies of the first rows; the rows behind them stay shared."""
        self.scale = (input_scale, output_scale)
        self.hot = [rows[: len(s)].copy() for rows, s in zip(self.shared, self.scale, strict=True)]
        self.base = [rows.copy() for rows in self.hot]
        self.x, self.y = (_Overlay(h, s) for h, s in zip(self.hot, self.shared, strict=True))  # type: ignore[assignment]

    def merge(self, part: int = 0, parts: int = 1) -> None:
        """shared += scale * (mine - base); mine = base = shared, for one of `parts` parts of the hot rows."""
        if not 0 <= part < parts:
            raise ValueError(f"part {part} of {parts}")
        for shared, scale, hot, base in zip(self.shared, self.scale, self.hot, self.base, strict=True):
            rows = slice(part * len(hot) // parts, (part + 1) * len(hot) // parts)
            shared[rows] += scale[rows, None] * (hot[rows] - base[rows])
            hot[rows] = base[rows] = shared[rows]

    def train(self, start: int, stop: int, epoch: int, alpha: float, alpha_step: float) -> int:
        """Train on the centres tokens[start:stop]; return where it stopped."""
        if not 0 <= start <= stop <= len(self.tokens):
            raise ValueError(f"span [{start}, {stop}) of {len(self.tokens)} tokens")
        self.keys = {p: stream_key(self.seed, epoch, p) for p in (_KEEP, _SHRINK, _NOISE)}
        places = self._kept_places(start, stop)
        at = 0
        while at < len(places):
            if self.stop[0]:
                return max(start, int(places[at]))
            if not start <= places[at] < stop or self.tokens[places[at]] < 0:
                at += 1
                continue
            size = 1
            while (
                size < GROUP
                and at + size < len(places)
                and places[at + size] < stop
                and self.tokens[places[at + size]] >= 0
            ):
                size += 1
            self._step(places, at, size, alpha - alpha_step * (places[at] - start))
            at += size
        return stop

    def _is_kept(self, place: int) -> bool:
        threshold = self.keep[self.tokens[place]]
        return bool(threshold == 0xFFFFFFFF or draw(self.keys[_KEEP], place) >> 32 < threshold)

    def _kept_places(self, start: int, stop: int) -> list[int]:
        """Return the places of sentence ends and kept words in [start, stop), and of `window` kept words around."""
        left, place = list[int](), start
        while place > 0 and len(left) < self.window and self.tokens[place - 1] >= 0:
            place -= 1
            if self._is_kept(place):
                left.append(place)
        inside = [p for p in range(start, stop) if self.tokens[p] < 0 or self._is_kept(p)]
        right, place = list[int](), stop
        if stop > 0 and self.tokens[stop - 1] >= 0:
            while place < len(self.tokens) and len(right) < self.window and self.tokens[place] >= 0:
                if self._is_kept(place):
                    right.append(place)
                place += 1
        return left[::-1] + inside + right

    def _targets(self, words: list[int], place: int) -> tuple[list[int], list[int], list[float]]:
        """Return the output rows of a group, each centre's column, and how often each row was drawn as noise."""
        rows = list(dict.fromkeys(words))
        columns, counts = [rows.index(w) for w in words], [0.0] * len(rows)
        centres = len(rows)
        for k in range(self.draws):
            bits = draw(self.keys[_NOISE], place * self.draws + k)
            column = below(bits, len(self.noise))
            threshold, other = self.noise[column]
            word = column if bits & 0xFFFFFFFF < threshold else other
            if word not in rows:
                rows.append(word)
                counts.append(0.0)
            counts[rows.index(word)] += self.noise_weight
        counts[:centres] = [0.0] * centres
        return rows, columns, counts

    def _reach(self, place: int) -> int:
        shrink = below(draw(self.keys[_SHRINK], place), self.window) if self.shrink_windows else 0
        return self.window - shrink

    def _step(self, places: list[int], at: int, size: int, alpha: float) -> None:
        """Take the block steps of the group of `size` centres whose first is places[at]."""
        centres = range(at, at + size)
        reach = {c: self._reach(places[c]) for c in centres}
        targets, columns, counts = self._targets([int(self.tokens[places[c]]) for c in centres], places[at])
        positive = len(set(columns))
        low, high = at, at + size
        while low > max(0, min(c - r for c, r in reach.items())) and self.tokens[places[low - 1]] >= 0:
            low -= 1
        while (
            high < len(places)
            and high <= max(c + r for c, r in reach.items())
            and self.tokens[places[high]] >= 0
        ):
            high += 1
        weights: dict[int, Any] = {}
        for p in range(low, high):
            row = np.zeros(len(targets))
            for c, column in zip(centres, columns, strict=True):
                row[column] += p != c and abs(p - c) <= reach[c]
            row[positive:] = np.array(counts[positive:]) * row[:positive].sum()
            word = int(self.tokens[places[p]])
            if row[:positive].any():
                weights[word] = weights.get(word, 0) + row
            if len(weights) == MAX_ROWS:
                self._block(weights, targets, positive, alpha)
                weights = {}
        if weights:
            self._block(weights, targets, positive, alpha)

    def _block(self, weights: dict[int, Any], targets: list[int], positive: int, alpha: float) -> None:
        inputs = list(weights)
        dtype = self.x.dtype
        label = (np.arange(len(targets)) < positive).astype(dtype)
        weight = np.array([weights[i] for i in inputs], dtype)
        weight = np.minimum(alpha * weight, min(1 / 4, 1 / len(inputs))).astype(dtype)  # see vec.h
        x, y = block_step(self.x[inputs], self.y[targets], label, weight, 1.0)
        self.x[inputs], self.y[targets] = x, y


class _Overlay:
    """Rows of which the first are a copy of one's own."""

    def __init__(self, hot: Floats, shared: Floats) -> None:
        self.hot, self.shared, self.dtype = hot, shared, shared.dtype

    def __getitem__(self, rows: list[int]) -> Floats:
        return np.array([self.hot[r] if r < len(self.hot) else self.shared[r] for r in rows])

    def __setitem__(self, rows: list[int], values: Floats) -> None:
        for r, value in zip(rows, values, strict=True):
            (self.hot if r < len(self.hot) else self.shared)[r] = value
