"""Cosines: of two words, of a word and all others, of words and their mean."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from fastvec.edits import Edits
from fastvec.lookup import KEY, LEAST_NORM, Array, Key, lengths, unit


class Comparisons(Edits):
    """The methods of KeyedVectors that compare words given by name; searches build on them."""

    def similarity(self, w1: Key, w2: Key) -> float:
        """Return the cosine of two words; 1 for a word and itself, 0 where a vector is zero."""
        return cosine(self[w1], self[w2])

    def distance(self, w1: Key, w2: Key) -> float:
        """Return 1 - `similarity`."""
        return 1 - self.similarity(w1, w2)

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """Return the cosine of the mean vectors of two lists of words; unknown words are left out.

        Raises
        ------
        ZeroDivisionError
            If a list is empty.
        """
        if not len(ws1) or not len(ws2):
            raise ZeroDivisionError("At least one of the passed list is empty.")
        means = [self.get_mean_vector(words, pre_normalize=False) for words in (ws1, ws2)]
        return cosine(*means)

    @staticmethod
    def cosine_similarities(vector_1: ArrayLike, vectors_all: ArrayLike) -> Array:
        """Return the cosine of a vector, (D,), with each row of a matrix, (n, D); float (n,), 0 for rows of zeros.

        Raises
        ------
        ValueError
            If their shapes are others.
        """
        vector, rows = np.asarray(vector_1), np.asarray(vectors_all)
        if vector.ndim != 1 or rows.ndim != 2 or rows.shape[1] != len(vector):
            raise ValueError(
                f"a vector of {vector.shape} and rows of {rows.shape}: (D,) and (n, D) are needed"
            )
        norms = lengths(rows)
        cosines: Array = (rows @ unit(vector)) / np.where(norms > 0, norms, 1)
        return cosines.astype(np.result_type(rows, vector, np.float32), copy=False)

    def distances(self, word_or_vector: Key | ArrayLike, other_words: Iterable[Key] = ()) -> Array:
        """Return 1 - the cosine of a word, or a vector of (D,), with each of `other_words`.

        Parameters
        ----------
        word_or_vector : key, or float array of (D,)
        other_words : iterable of keys
            Every row, in order, where it is empty.

        Returns
        -------
        float array of (n,)

        Raises
        ------
        KeyError
            If a key is not there.
        ValueError
            If the vector is not of (D,).
        """
        vector = self[word_or_vector] if isinstance(word_or_vector, KEY) else np.asarray(word_or_vector)
        if vector.shape != (self.vector_size,):
            raise ValueError(f"a vector of shape {vector.shape} among vectors of {(self.vector_size,)}")
        others = list(other_words)
        if others:
            return 1 - self.cosine_similarities(vector, self.vectors_for(others))
        return 1 - self._cosines(unit(vector), 0, len(self))

    def _cosines(self, unit_vector: Array, start: int, stop: int) -> Array:
        """Return the cosine of `unit_vector` with the rows from `start` up to `stop`; 0 for zero rows."""
        norms = self.norms[start:stop]
        cosines: Array = (self.vectors[start:stop] @ unit_vector) / np.where(norms > 0, norms, 1)
        return cosines

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Key:
        """Return the first of the keys in `keys_list` whose cosine with `key1` is the greatest.

        Raises
        ------
        ValueError
            If the list is empty.
        """
        if not len(keys_list):
            raise ValueError("cannot choose from an empty list of keys")
        return keys_list[int(self.distances(key1, keys_list).argmin())]

    def closer_than(self, key1: Key, key2: Key) -> list[str]:
        """Return the words that are closer to `key1` than `key2` is, in the order of the rows; without `key1`.

        Raises
        ------
        KeyError
            If a key is not there; `key2` must be in the vocabulary.
        """
        distances, limit = self.distances(key1), self.get_index(key2)
        own = self.get_index(key1, -1)
        closer = np.flatnonzero(distances < distances[limit]).tolist()
        return [self.words[row] for row in closer if row != own]

    def words_closer_than(self, word1: Key, word2: Key) -> list[str]:
        """Return `closer_than`. A name of gensim 3's."""
        return self.closer_than(word1, word2)

    def rank(self, key1: Key, key2: Key) -> int:
        """Return the place of `key2` among the neighbours of `key1`, 1 for the nearest one."""
        return len(self.closer_than(key1, key2)) + 1

    def get_mean_vector(
        self,
        keys: Sequence[Key | Array],
        weights: Sequence[float] | Array | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> Array:
        """Return the weighted mean of vectors, divided by the sum of the absolute weights.

        Parameters
        ----------
        keys : sequence of str, int or vector
        weights : sequence of float, optional
            One a key; 1 where absent.
        pre_normalize : bool
            Scale the keys' vectors (not the given ones) to length 1 first.
        post_normalize : bool
            Scale the mean to length 1.
        ignore_missing : bool
            Leave out keys that are not there.

        Returns
        -------
        float array of (D,)

        Raises
        ------
        ValueError
            If there are no keys, or not as many weights, or a vector is not of (D,).
        KeyError
            If a key is not there and `ignore_missing` is false.
        """
        if len(keys) == 0:
            raise ValueError("cannot compute mean with no input")
        weight = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
        if len(keys) != len(weight):
            raise ValueError("keys and weights array must have same number of elements")
        mean, total = np.zeros(self.vector_size), 0.0
        for key, w in zip(keys, weight, strict=True):
            if isinstance(key, np.ndarray):
                if key.shape != mean.shape:
                    raise ValueError(f"a vector of shape {key.shape} among vectors of {mean.shape}")
                mean += w * key
            elif key in self:
                mean += w * self.get_vector(key, norm=pre_normalize)
            elif ignore_missing:
                continue
            else:
                raise KeyError(f"Key '{key}' not present in vocabulary")
            total += abs(w)
        if total > 0:
            mean /= total
        dtype = np.result_type(self.vectors.dtype, np.float32)
        return (unit(mean) if post_normalize else mean).astype(dtype, copy=False)

    def rank_by_centrality(self, words: Sequence[Key], use_norm: bool = True) -> list[tuple[float, Key]]:
        """Return (cosine with the mean of all, word) for each known word, the most central first.

        Raises
        ------
        ValueError
            If no word is known.
        """
        known = [word for word in words if word in self]
        if not known:
            raise ValueError("cannot select a word from an empty list")
        vectors = np.stack([self.get_vector(word, norm=use_norm) for word in known])
        mean = self.get_mean_vector(list(vectors), post_normalize=True)
        return sorted(zip((vectors @ mean).tolist(), known, strict=True), reverse=True)

    def doesnt_match(self, words: Sequence[Key]) -> Key:
        """Return the word that is furthest from the mean of all of them."""
        return self.rank_by_centrality(words)[-1][1]


def cosine(first: Array, second: Array) -> float:
    """Return the cosine of two vectors, in double precision: exactly 1 for equal ones; 0 where one is zero."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    squares = float(a @ a), float(b @ b)
    return float(a @ b) / (squares[0] * squares[1]) ** 0.5 if min(squares) >= LEAST_NORM**2 else 0.0
