"""Smaller vectors: fewer words, shorter numbers, fewer dimensions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastvec.config import check_integers, checked_int
from fastvec.lookup import Lookup
from fastvec.quantised import Quantised, stored_rows
from fastvec.words import WordTable

if TYPE_CHECKING:
    from fastvec.keyedvectors import KeyedVectors

BLOCK = 1 << 13
"""Rows held in double precision at a time."""
TYPES = ("float32", "float16", "int8", "float64")


class Smaller(Lookup):
    """The methods of KeyedVectors that make smaller vectors of the same words."""

    def _plain(self, words: WordTable, vectors: Any, counts: NDArray[np.int64] | None) -> "KeyedVectors":
        """Make a KeyedVectors of words and rows, with the metadata of this one."""
        raise NotImplementedError

    def convert(self, dtype: str | None = None, *, keep: int | None = None) -> "KeyedVectors":
        """Return the same vectors in another type, or those of the most frequent words only.

        Parameters
        ----------
        dtype : {"float32", "float16", "int8", "float64"}, optional
            None: as they are. int8 has a scale a row, ``vectors`` is a `fastvec.quantised.Quantised` then; words are
            found and compared as before, vectors come out as float32. What it costs: docs/smaller-vectors.md.
        keep : int, optional
            Keep so many words: the most frequent ones, where counts are known, else the first.

        Returns
        -------
        KeyedVectors
            Without subwords, with a warning where there are some. Not a copy where nothing was to be changed.

        Raises
        ------
        ValueError
            For another type, for `keep` below 0, or at numbers that are not finite, which int8 has no codes for.
        """
        if dtype is not None and dtype not in TYPES:
            raise ValueError(f"dtype={dtype!r}: choose one of {', '.join(TYPES)}")
        check_integers(keep=keep)
        if keep is not None and keep < 0:
            raise ValueError(f"keep={keep}: give the number of words to keep")
        n = len(self) if keep is None else min(keep, len(self))
        words, counts = self.words, self.counts
        chosen: Any = slice(n)
        if n < len(self):
            if counts is not None and np.any(counts[1:] > counts[:-1]):
                chosen = np.argsort(-counts, kind="stable")[:n]
            words = _chosen_words(words, chosen)
            counts = None if counts is None else counts[chosen]
        rows = stored_rows(self.vectors, chosen)
        return self._plain(words, _converted(rows, dtype), counts)

    def reduce(self, dim: int) -> "KeyedVectors":
        """Return vectors of `dim` numbers: the principal components of these (PCA), in their order.

        The mean of all vectors is subtracted. The greatest weight of each component is positive, so the result does not
        depend on a solver's choice of signs.

        Parameters
        ----------
        dim : int
            1 to `vector_size`.

        Returns
        -------
        KeyedVectors
            float32; without subwords, with a warning where there are some.

        Raises
        ------
        ValueError
            For another `dim`, or if a number is not finite.
        TypeError
            If `dim` is no integer.
        """
        dim = checked_int("dim", dim, 1, self.vector_size)
        mean = np.zeros(self.vector_size)
        for _, block in self._blocks():
            mean += block.sum(axis=0)
        mean /= max(1, len(self))
        scatter = np.zeros((self.vector_size, self.vector_size))
        for _, block in self._blocks():
            block -= mean
            scatter += block.T @ block
        if not np.isfinite(scatter).all():
            raise ValueError("vectors hold numbers that are not finite: they have no principal components")
        components = np.linalg.eigh(scatter)[1][:, ::-1][:, :dim]
        components *= np.sign(components[np.abs(components).argmax(axis=0), np.arange(dim)])
        vectors = np.empty((len(self), dim), np.float32)
        for start, block in self._blocks():
            vectors[start : start + len(block)] = (block - mean) @ components
        return self._plain(self.words, vectors, self.counts)

    def _blocks(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield the number of the first row, and rows in double precision."""
        for start in range(0, len(self), BLOCK):
            yield start, self.vectors[start : min(len(self), start + BLOCK)].astype(np.float64)


def _chosen_words(words: WordTable, chosen: Any) -> WordTable:
    if isinstance(chosen, slice):
        offsets = words.offsets[: chosen.stop + 1]
        return WordTable(words.text[: offsets[-1]], offsets, origin=words.origin)
    return WordTable.from_words(words.word_bytes(i) for i in chosen.tolist())


def _converted(rows: Any, dtype: str | None) -> Any:
    if dtype is None:
        return rows
    if dtype == "int8":
        return rows if isinstance(rows, Quantised) else Quantised.from_rows(rows)
    with np.errstate(over="ignore"):  # float16 ends at 65504: what is beyond becomes infinite
        return np.asarray(rows).astype(dtype, copy=False)
