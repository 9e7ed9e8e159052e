"""Plain twin of `_core._subword`: character n-grams, their buckets, and the means of bags of rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_32 = (1 << 32) - 1


def ngrams(word: bytes, min_n: int, max_n: int) -> list[bytes]:
    """Return the n-grams of `word`, in fastText's order, as UTF-8."""
    if word == b"</s>":
        return []
    points = _code_points(b"<%b>" % word)
    return [
        b"".join(points[start : start + n])
        for start in range(len(points))
        for n in range(max(min_n, 1), min(max_n, len(points) - start) + 1)
        if n > 1 or 0 < start < len(points) - 1
    ]


def _code_points(word: bytes) -> list[bytes]:
    """Cut at every byte that does not continue a code point; the first byte never does."""
    starts = [k for k, byte in enumerate(word) if byte & 0xC0 != 0x80]
    return [word[a:b] for a, b in zip(starts, [*starts[1:], len(word)], strict=True)]


def ngram_hash(ngram: bytes) -> int:
    """Return FNV-1a of 32 bits, but each byte as a signed number of 32 bits, as fastText's `char` is."""
    h = 2166136261
    for byte in ngram:
        signed = byte - 256 if byte > 127 else byte
        h = (h ^ signed & _32) * 16777619 & _32
    return h


def _words(
    text: NDArray[np.uint8], offsets: NDArray[np.int64], first: int, stop: int
) -> Iterator[tuple[int, bytes | None]]:
    """Yield the words ``first <= i < stop``, and None for one whose bounds are impossible."""
    for i in range(first, stop):
        a, b = offsets[i : i + 2].tolist()
        yield i, text[a:b].tobytes() if 0 <= a <= b <= len(text) else None


def count(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    first: int,
    stop: int,
    min_n: int,
    max_n: int,
    sizes: NDArray[np.int64],
) -> int:
    """Write the words' numbers of n-grams to `sizes`; return -1, or the first word with impossible bounds."""
    if not 0 <= first <= stop <= min(len(offsets) - 1, len(sizes)):
        raise ValueError(f"words {first} to {stop} of {len(offsets) - 1}, {len(sizes)} sizes")
    for i, word in _words(text, offsets, first, stop):
        if word is None:
            return i
        sizes[i] = len(ngrams(word, min_n, max_n))
    return -1


def fill(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    first: int,
    stop: int,
    min_n: int,
    max_n: int,
    bucket: int,
    own: bool,
    bounds: NDArray[np.int64],
    rows: NDArray[np.int32],
) -> int:
    """Write the words' bags to `rows`; return -1, or the first word with wrong bounds or a bag that does not fit."""
    n_words = len(offsets) - 1
    base = n_words if own else 0
    if not 0 <= first <= stop <= n_words or len(bounds) != n_words + 1:
        raise ValueError(f"words {first} to {stop} of {n_words}, {len(bounds)} bounds")
    if not 0 < bucket < 1 << 31 or base + bucket >= 1 << 31:
        raise ValueError(f"bucket={bucket} and {n_words} words: their rows do not fit into 31 bits")
    for i, word in _words(text, offsets, first, stop):
        if word is None:
            return i
        bag = [i] * own + [base + ngram_hash(ngram) % bucket for ngram in ngrams(word, min_n, max_n)]
        a, b = bounds[i : i + 2].tolist()
        if not 0 <= a <= b <= len(rows) or b - a != len(bag):
            return i
        rows[a:b] = bag
    return -1


def compose(
    own: NDArray[np.float32],
    ngrams: NDArray[np.float32],
    bounds: NDArray[np.int64],
    rows: NDArray[np.int32],
    first: int,
    stop: int,
    out: NDArray[np.float32],
) -> int:
    """Write the mean of each bag to ``out[i]``; return -1, or the first bag that reaches beyond the arrays."""
    if not own.shape[1] == ngrams.shape[1] == out.shape[1]:
        raise ValueError(
            f"{own.shape[1]}, {ngrams.shape[1]} and {out.shape[1]} columns: one number is needed"
        )
    if not 0 <= first <= stop <= min(len(bounds) - 1, len(out)):
        raise ValueError(f"bags {first} to {stop} of {len(bounds) - 1}, {len(out)} rows to write")
    for i in range(first, stop):
        a, b = bounds[i : i + 2].tolist()
        if not 0 <= a <= b <= len(rows):
            return i
        mean: NDArray[Any] = np.zeros(out.shape[1], np.float32)
        for row in rows[a:b].tolist():
            if not 0 <= row < len(own) + len(ngrams):
                return i
            mean += own[row] if row < len(own) else ngrams[row - len(own)]
        out[i] = mean / np.float32(b - a) if b > a else mean
    return -1
