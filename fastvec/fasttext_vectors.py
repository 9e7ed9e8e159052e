"""FastTextKeyedVectors: word vectors composed of the words' own rows and those of their n-grams."""

import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastvec import store
from fastvec.errors import FormatError
from fastvec.keyedvectors import SUBWORD_TENSORS, KeyedVectors, StrPath
from fastvec.lookup import Array, Key, unit
from fastvec.subwords import MAX_ROWS, Bags, Subwords, compose
from fastvec.words import WordTable

Matrix = NDArray[np.float32]

UNKNOWN_AT_ONCE = 1 << 15
"""Words outside the vocabulary whose n-grams are held at a time."""


class FastTextKeyedVectors(KeyedVectors):
    """Word vectors with subwords: any string has a vector, the mean of the rows of its n-grams.

    The vector of a word of the vocabulary is the mean of the word's own row and those of its n-grams. Searches
    find words of the vocabulary; questions may be asked with any string.

    Parameters
    ----------
    vector_size : int
        Number of dimensions.
    min_n, max_n, bucket : int
        See `Subwords`.
    count : int
        Rows of zeros to begin with; they have no words yet.
    dtype : dtype
        float32 alone.

    Attributes
    ----------
    vectors : float array of (V, D)
        What look-ups and searches use; `adjust_vectors` composes it of the other two.
    vectors_vocab : float32 array of (V, D)
        The words' own rows.
    vectors_ngrams : float32 array of (bucket, D)
        The rows of the n-grams.
    subwords : Subwords

    References
    ----------
    Bojanowski, Grave, Joulin, Mikolov, "Enriching Word Vectors with Subword Information", TACL 2017.
    """

    vectors_vocab: Matrix
    vectors_ngrams: Matrix
    subwords: Subwords

    def __init__(
        self,
        vector_size: int,
        min_n: int = 3,
        max_n: int = 6,
        bucket: int = 2_000_000,
        count: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if np.dtype(dtype) != np.float32:
            raise ValueError(f"dtype={np.dtype(dtype)}: vectors with subwords are float32")
        super().__init__(vector_size, count)
        subwords = Subwords(min_n, max_n, bucket)
        self._set_subwords(
            subwords, self.vectors.copy(), np.zeros((subwords.bucket, vector_size), np.float32)
        )

    def _set_subwords(self, subwords: Subwords, vocab: Matrix, ngrams: Matrix) -> None:
        self.subwords, self.vectors_vocab, self.vectors_ngrams = subwords, vocab, ngrams
        self._bags: Bags | None = None
        self.vectors_vocab_lockf = np.ones(1, np.float32)
        self.vectors_ngrams_lockf = np.ones(1, np.float32)

    @classmethod
    def _from_parts(
        cls,
        words: WordTable,
        vectors: Array,
        counts: NDArray[np.int64] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Self:
        """Make an instance of plain vectors: subwords are off."""
        self = super()._from_parts(words, vectors, counts, metadata)
        self._set_subwords(Subwords(bucket=0), vectors, np.empty((0, vectors.shape[1]), np.float32))
        return self

    @classmethod
    def _from_rows(
        cls,
        words: WordTable,
        input_rows: Matrix,
        counts: NDArray[np.int64] | None,
        metadata: Mapping[str, str] | None,
        subwords: Subwords,
        *,
        vector_size: int | None = None,
        workers: int | None = None,
        bags: Bags | None = None,
    ) -> Self:
        """Make an instance over the rows that training changes; `adjust_vectors` takes the changes over.

        Parameters
        ----------
        input_rows : float32 array of (V + bucket, at least `vector_size`)
            The words' own rows, then those of the n-grams; they are kept, not copied.
        vector_size : int, optional
            The columns that count; all where None.
        workers : int, optional
            Threads that compose; all cores where None.
        bags : Bags, optional
            Of the words, where they are known already.
        """
        n, rows = len(words), input_rows[:, :vector_size]
        if len(rows) != n + subwords.bucket:
            raise ValueError(f"{len(rows)} rows for {n} words and bucket={subwords.bucket}")
        self = super()._from_parts(words, rows[:n], counts, metadata)
        self._set_subwords(subwords, rows[:n], rows[n:])
        self._bags = bags
        self.adjust_vectors(workers)
        return self

    @classmethod
    def _from_file(cls, held: store.Vectors) -> Self:
        subwords = subwords_of(held)
        if subwords is None:
            raise FormatError(f"{held.words.origin}: it holds no n-grams; open it with KeyedVectors.load")
        metadata = {k: v for k, v in held.metadata.items() if k not in subwords.to_metadata()}
        self = super()._from_parts(held.words, held.vectors, held.counts, metadata)
        self._set_subwords(subwords, held.extra["vectors_vocab"], held.extra["vectors_ngrams"])
        return self

    # ---- Subwords

    @property
    def min_n(self) -> int:
        """Least length of an n-gram."""
        return self.subwords.min_n

    @property
    def max_n(self) -> int:
        """Greatest length of an n-gram."""
        return self.subwords.max_n

    @property
    def bucket(self) -> int:
        """Number of rows that n-grams share; 0 where subwords are off."""
        return self.subwords.bucket

    @property
    def compatible_hash(self) -> bool:
        """Always True: n-grams fall into fastText's buckets. Old versions of gensim had a hash of their own."""
        return True

    @property
    def bags(self) -> Bags:
        """The rows of every word, in `vectors_vocab` and `vectors_ngrams` end to end; computed when first asked for."""
        if self._bags is None:
            self._bags = self.subwords.bags(self.words)
        return self._bags

    @property
    def buckets_word(self) -> list[NDArray[np.int32]]:
        """The buckets of each word's n-grams, int32; a new list of V arrays."""
        buckets = self.bags.rows - np.int32(len(self))
        cuts = self.bags.offsets.tolist()
        return [buckets[a + 1 : b] for a, b in pairwise(cuts)]

    def recalc_char_ngram_buckets(self) -> None:
        """Compute `bags` anew, after the words were changed."""
        self._bags = self.subwords.bags(self.words)

    def adjust_vectors(self, workers: int | None = None) -> None:
        """Compose `vectors` of the words' own rows and their n-grams', after those were changed.

        Parameters
        ----------
        workers : int, optional
            Threads; all cores that the process may use where None.
        """
        if self.subwords.enabled:
            vectors = np.empty((len(self), self.vector_size), np.float32)
            compose(self.vectors_vocab, self.vectors_ngrams, self.bags, vectors, workers)
            self.vectors = vectors
        else:
            self.vectors = self.vectors_vocab
        self._norms = None

    def refresh(self) -> None:
        """Take over changes that training has made to the rows since."""
        self.adjust_vectors()

    def word_locks(self) -> dict[str, NDArray[np.float32]]:
        """Return the lock factors of rows that words have, by the names of their attributes."""
        return {**super().word_locks(), "vectors_vocab_lockf": self.vectors_vocab_lockf}

    def locks(self) -> dict[str, NDArray[np.float32]]:
        """Return all lock factors by the names of their attributes."""
        return {**self.word_locks(), "vectors_ngrams_lockf": self.vectors_ngrams_lockf}

    def trained_rows(self) -> dict[str, Array]:
        """Return the words' own rows and those of the n-grams, by the names of their attributes."""
        return {name: getattr(self, name) for name in ("vectors_vocab", "vectors_ngrams")}

    def take_rows(self, other: KeyedVectors) -> bool:
        """Take over the rows of vectors of the same words, if they are of the same kind and size; tell whether."""
        if not isinstance(other, FastTextKeyedVectors) or other.subwords != self.subwords:
            return False
        if other.vectors.shape != self.vectors.shape:
            return False
        self.vectors_vocab[:], self.vectors_ngrams[:] = other.vectors_vocab, other.vectors_ngrams
        self.adjust_vectors()
        return True

    def adopt(self, words: WordTable, vectors: Array, lockf: float = 1.0) -> int:
        """Take over `vectors` as the words' own rows, for the words that are here; otherwise as `KeyedVectors`."""
        composed, self.vectors = self.vectors, self.vectors_vocab
        try:
            return super().adopt(words, vectors, lockf)
        finally:
            self.vectors = composed
            self.adjust_vectors()

    # ---- Words added and left out

    def _extend(self, fresh: Mapping[str, int]) -> None:
        super()._extend(fresh)
        self._bags = None
        if self.subwords.enabled:
            self._grow("vectors_vocab", len(self))
        else:
            self.vectors_vocab = self.vectors

    def _set_rows(self, keys: Sequence[Key], rows: NDArray[np.integer[Any]], vectors: Array) -> None:
        """Write vectors to rows, and such own rows of the words as give these vectors when they are composed."""
        super()._set_rows(keys, rows, vectors)
        if self.subwords.enabled:
            bags = self.subwords.bags_of([k if isinstance(k, str) else self.words[int(k)] for k in keys])
            mean = np.empty((len(rows), self.vector_size), np.float32)
            compose(self.vectors_ngrams[:0], self.vectors_ngrams, bags, mean)
            ngrams = np.diff(bags.offsets)[:, None].astype(np.float32)
            self.vectors_vocab[rows] = (ngrams + 1) * vectors - ngrams * mean

    def _select(self, rows: NDArray[np.integer[Any]]) -> Self:
        new = super()._select(rows)
        if self.subwords.enabled:
            new.subwords, new.vectors_ngrams = self.subwords, self.vectors_ngrams
            new.vectors_vocab = self.vectors_vocab[rows]
        return new

    def _plain(self, words: WordTable, vectors: Any, counts: Array | None) -> KeyedVectors:
        if self.subwords.enabled:
            warnings.warn(
                "the n-grams are left out: strings outside the vocabulary have no vector in what is made",
                UserWarning,
                stacklevel=3,
            )
        return super()._plain(words, vectors, counts)

    # ---- Vectors of any string

    def __contains__(self, key: Key) -> bool:
        """Tell whether `key` has a vector: with subwords, every string has; see `has_index_for`."""
        return (isinstance(key, str) and self.subwords.enabled) or self.has_index_for(key)

    def get_vector(self, key: Key, norm: bool = False) -> Array:
        """Return the vector of any string, (D,), read-only; of length 1 with `norm`.

        Of a word of the vocabulary (or the number of its row) the one in `vectors`, of other strings the mean of
        the rows of their n-grams. A string without any n-gram has a vector of zeros, with a warning.

        Raises
        ------
        KeyError
            If there is no such row, or `key` is not in the vocabulary and subwords are off.
        """
        if not isinstance(key, str) or self.has_index_for(key):
            return super().get_vector(key, norm)
        vector: Array = self._infer([key])[0]
        if norm:
            vector = unit(vector)
        vector.setflags(write=False)
        return vector

    def vectors_for(self, keys: Sequence[Key], workers: int | None = None) -> Array:
        """Return the vectors of several keys, (n, D), as `get_vector` does one by one.

        Parameters
        ----------
        keys : sequence of str or int
        workers : int, optional
            Threads; all cores that the process may use where None.

        Raises
        ------
        KeyError
            As `get_vector`.
        """
        rows = self._rows(keys)
        unknown = np.flatnonzero(rows < 0)
        if not len(unknown):
            known: Array = self.vectors[rows]
            return known
        words: list[str] = []
        for i in unknown.tolist():
            key = keys[i]
            if not isinstance(key, str):
                self.get_index(key)  # raises
            words.append(str(key))
        found: Array = np.empty((len(rows), self.vector_size), np.result_type(self.vectors, np.float32))
        found[rows >= 0] = self.vectors[rows[rows >= 0]]
        found[unknown] = self._infer(words, workers)
        return found

    def _infer(self, words: Sequence[str], workers: int | None = None) -> Matrix:
        """Return the vectors of strings outside the vocabulary, (n, D)."""
        if not self.subwords.enabled:
            raise KeyError(f"Key '{words[0]}' not present, and subwords are off ({self._lengths})")
        vectors = np.empty((len(words), self.vector_size), np.float32)
        empty: list[str] = []
        for start in range(0, len(words), UNKNOWN_AT_ONCE):
            some = words[start : start + UNKNOWN_AT_ONCE]
            try:
                bags = self.subwords.bags_of(some, workers)
            except UnicodeEncodeError as error:
                raise KeyError(
                    f"{error.object!r} has no n-grams: UTF-8 cannot hold it, {error.reason}"
                ) from None
            compose(self.vectors_ngrams[:0], self.vectors_ngrams, bags, vectors[start:][: len(some)], workers)
            bare = bags.offsets[1:] == bags.offsets[:-1]
            if bare.any():
                empty += [some[i] for i in np.flatnonzero(bare).tolist()]
        if empty:
            others = f" (and {len(empty) - 1} others)" if len(empty) > 1 else ""
            warnings.warn(
                f"no n-grams ({self._lengths}) in {empty[0]!r}{others}: the vector is zero",
                RuntimeWarning,
                stacklevel=3,
            )
        return vectors

    @property
    def _lengths(self) -> str:
        return f"min_n={self.min_n}, max_n={self.max_n}, bucket={self.bucket}"

    def _inferred(self, words: list[str]) -> Array | None:
        if not words or not self.subwords.enabled:
            return None
        return self._infer(words)

    # ---- Files

    def save(self, fname: StrPath, *, ngrams: bool = True) -> None:
        """Write a .fvec file, atomically (docs/file-format.md).

        Parameters
        ----------
        fname : str or path
        ngrams : bool
            Keep the words' own rows and those of the n-grams; without them the file is small, and holds plain vectors
            of the vocabulary.
        """
        if not ngrams:
            super().save(fname)
            return
        metadata = {**self.metadata, **self.subwords.to_metadata()}
        store.save_vectors(fname, self.words, self.vectors, self.counts, metadata, extra=self.tensors())

    def tensors(self) -> dict[str, Matrix]:
        """Return what a file keeps of the subwords beside ``subwords.to_metadata()``, by the names of `store.EXTRA`."""
        return {"vectors_vocab": self.vectors_vocab, "vectors_ngrams": self.vectors_ngrams}


def subwords_of(held: store.Vectors) -> Subwords | None:
    """Return the parameters of the subwords that a file holds, or None where it holds none.

    Raises
    ------
    FormatError
        If a matrix or a parameter is missing, or they contradict each other.
    """
    origin, there = held.words.origin, SUBWORD_TENSORS & held.extra.keys()
    if not there:
        return None
    if there != SUBWORD_TENSORS:
        raise FormatError(
            f"{origin}: tensor {min(SUBWORD_TENSORS - there)!r} is missing beside {min(there)!r}"
        )
    try:
        subwords = Subwords.from_metadata(held.metadata)
    except (KeyError, ValueError) as error:
        raise FormatError(f"{origin}: the parameters of the n-grams are damaged: {error!r}") from error
    rows = len(held.extra["vectors_ngrams"])
    if rows != subwords.bucket or len(held.words) + rows > MAX_ROWS:
        raise FormatError(
            f"{origin}: {rows} rows of n-grams and {len(held.words)} words do not fit {subwords}"
        )
    return subwords
