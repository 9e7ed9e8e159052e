"""Vectors of sentences and documents: weighted means of the vectors of their words."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.comparisons import Comparisons
from fastvec.config import checked_int, checked_items, checked_number
from fastvec.errors import FormatError
from fastvec.lookup import Array, Key
from fastvec.quantised import Quantised

Matrix = NDArray[np.float32]

SENTENCES_AT_ONCE = 1 << 12


class Sentences(Comparisons):
    """The methods of KeyedVectors that make one vector of many words."""

    def get_sentence_vector(self, sentence: Sequence[Key]) -> Array:
        """Return the mean of the unit vectors of a sentence's words, (D,); unknown words are left out.

        Parameters
        ----------
        sentence : sequence of str or int

        Raises
        ------
        TypeError
            If it is a string.
        ValueError
            If it is empty.
        """
        if isinstance(sentence, str):
            raise TypeError(f"sentence={sentence!r}: give a list of words, as sentence.split() makes it")
        return self.get_mean_vector(list(sentence))

    def sentence_vectors(
        self,
        sentences: Iterable[Iterable[str]],
        *,
        sif: float | None = None,
        pre_normalize: bool = True,
        remove: int = 0,
    ) -> Matrix:
        """Return a vector for each sentence: the weighted mean of those of its words.

        Parameters
        ----------
        sentences : iterable of iterables of str
            Read once, some thousands at a time. Words that have no vector are left out; a sentence without others has
            a vector of zeros.
        sif : float, optional
            The number a of smooth inverse frequency: a word counts a / (a + p), with p its share of all words of the
            corpus. The paper takes 1e-3. None: all words count the same.
        pre_normalize : bool
            Scale the words' vectors to length 1 first, as `get_sentence_vector` does; the paper does not.
        remove : int
            Take out what the sentences have in common: that many of their first principal components. The paper
            removes 1.

        Returns
        -------
        float32 array of (n, D)

        Raises
        ------
        TypeError
            If a sentence is a string, or holds something that is no string.
        ValueError
            If `sif` is not positive and finite, or is given and the words' counts are not known; if `remove` is
            negative.

        References
        ----------
        Arora, Liang, Ma, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", ICLR 2017.
        """
        if sif is not None and not checked_number("sif", sif, 0, 1e300) > 0:
            raise ValueError(f"sif={sif!r}: a positive number is needed; the paper takes 1e-3")
        if sif is not None and self.counts is None:
            raise ValueError(
                "sif needs the words' counts, which are not known here: kv.counts = ... sets them"
            )
        if remove:
            check_components(remove)
        found = [self._mean_vectors(some, sif, pre_normalize) for some in _in_blocks(sentences)]
        vectors = np.concatenate(found) if found else np.empty((0, self.vector_size), np.float32)
        return without_components(vectors, common_components(vectors, remove)) if remove else vectors

    def _mean_vectors(self, sentences: list[Sequence[str]], sif: float | None, pre_normalize: bool) -> Matrix:
        words = list(chain.from_iterable(sentences))
        bounds = np.zeros(len(sentences) + 1, np.int64)
        np.cumsum([len(sentence) for sentence in sentences], out=bounds[1:])
        ids = self.words.find_all(words)
        weights = np.ones(len(ids), np.float32)  # also of words that never occurred: a / (a + 0)
        known = ids >= 0
        if sif is not None and self.counts is not None:
            share = self.counts[ids[known]] / max(1, int(self.counts.sum()))
            weights[known] = sif / (sif + share)
        sums = _sums(self.vectors, pre_normalize, bounds, ids, weights)
        inferred = self._inferred([words[i] for i in np.flatnonzero(~known).tolist()])
        if inferred is not None:
            others = np.full(len(ids), -1, np.int32)
            others[~known] = np.arange(len(inferred))
            sums += _sums(inferred, pre_normalize, bounds, others, weights)
            known[:] = True
        before = np.concatenate([[0], np.cumsum(known)])
        counted = np.maximum(before[bounds[1:]] - before[bounds[:-1]], 1)
        sums /= counted[:, None].astype(np.float32)
        return sums

    def _inferred(self, words: list[str]) -> Array | None:
        """Return vectors of words outside the vocabulary, (n, D); None where there are none."""
        return None


def _sums(rows: Array | Quantised, unit: bool, bounds: Array, ids: Array, weights: Matrix) -> Matrix:
    """Return the weighted sum of the rows of each sentence; negative ids are left out."""
    if isinstance(rows, Quantised) or rows.dtype != np.float32 or rows.strides[1] != rows.itemsize:
        # rows as the kernel takes them, each once
        used, places = np.unique(ids[ids >= 0], return_inverse=True)
        rows, ids = rows[used].astype(np.float32), ids.copy()
        ids[ids >= 0] = places
    sums = np.empty((len(bounds) - 1, rows.shape[1]), np.float32)
    bad = _backend.gather.add_up(rows, unit, bounds, ids, weights, sums)
    if bad >= 0:
        raise FormatError(f"sentence {bad}: the index over the words names rows that are not there")
    return sums


def check_components(count: int) -> None:
    """Raise where `count` is no number of components."""
    if checked_int("remove", count) < 0:
        raise ValueError(f"remove={count}: give the number of components to take out, from 0 on")


def common_components(vectors: Array, count: int) -> Matrix:
    """Return the first principal components of vectors of (n, D), not centred: unit vectors, float32 (count', D).

    ``count' = min(count, n, D)``.

    Raises
    ------
    ValueError
        If `count` is negative, or a number is not finite.
    """
    check_components(count)
    if not len(vectors):
        return np.empty((0, vectors.shape[1]), np.float32)
    doubles = vectors.astype(np.float64)
    if not np.isfinite(doubles).all():
        raise ValueError("vectors hold numbers that are not finite: they have no principal components")
    # D x D, however many vectors there are; the greatest come last.
    directions = np.linalg.eigh(doubles.T @ doubles).eigenvectors
    return np.ascontiguousarray(directions[:, ::-1][:, : min(count, len(vectors))].T, np.float32)


def without_components(vectors: Array, components: Array) -> Array:
    """Return vectors of (n, D) less their parts in the directions of `components`, unit vectors of (k, D)."""
    rest: Array = vectors - (vectors @ components.T) @ components
    return rest


def _in_blocks(sentences: Iterable[Iterable[str]]) -> Iterator[list[Sequence[str]]]:
    rest = iter(sentences)
    while block := list(islice(rest, SENTENCES_AT_ONCE)):
        for sentence in block:
            if isinstance(sentence, str | bytes):
                raise TypeError(f"{sentence[:60]!r}: give lists of words, as sentence.split() makes them")
        yield [
            sentence
            if isinstance(sentence, Sequence)
            else list(checked_items("sentence", sentence, "a list of words"))
            for sentence in block
        ]
