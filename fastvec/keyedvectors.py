"""KeyedVectors: words and their vectors, and the questions people ask of them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import DTypeLike

from fastvec import search, store
from fastvec.batches import Batches
from fastvec.lookup import KEY, Array, Key, unit
from fastvec.measures import Measures
from fastvec.smaller import Smaller
from fastvec.words import WordTable

if TYPE_CHECKING:
    from fastvec.evaluation import Correlation

StrPath = str | os.PathLike[str]
SUBWORD_TENSORS = frozenset({"vectors_vocab", "vectors_ngrams"})
WeightedKey = Key | Array | tuple[Key | Array, float]


class KeyedVectors(Measures, Batches, Smaller):
    """Word vectors with the methods of gensim's class of this name.

    Parameters
    ----------
    vector_size : int
        Number of dimensions.
    count : int
        Rows of zeros to begin with; they have no words yet.
    dtype : dtype
    mapfile_path : None
        Accepted for gensim's sake.

    `load` maps the file: words are found through its index, rows are read when they are needed, and every
    process that opens the file shares one copy in memory. Such vectors are read-only.
    """

    def __init__(
        self,
        vector_size: int,
        count: int = 0,
        dtype: DTypeLike = np.float32,
        mapfile_path: StrPath | None = None,
    ) -> None:
        self._set_parts(WordTable.from_words(()), np.zeros((count, vector_size), dtype), None, None)

    def _plain(self, words: WordTable, vectors: Any, counts: Array | None) -> "KeyedVectors":
        return KeyedVectors._from_parts(words, vectors, counts, self.metadata)

    # ---- Similarity

    def most_similar(
        self,
        positive: WeightedKey | Sequence[WeightedKey] | None = None,
        negative: WeightedKey | Sequence[WeightedKey] | None = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Any:
        """Find the words whose vectors have the greatest cosine with the mean of the given ones.

        Parameters
        ----------
        positive, negative : key, vector, or list of them, optional
            Unit vectors of the positive keys are added, of the negative ones subtracted (3CosAdd, Mikolov
            et al. 2013). A pair ``(key, weight)`` gives a weight instead of 1 or -1.
        topn : int or None
            How many to return; None: the similarity of every row.
        clip_start, clip_end : int
            Search these rows only.
        restrict_vocab : int, optional
            Search the first rows only, the most frequent words; goes before `clip_start` and `clip_end`.
        indexer : object with ``most_similar(vector, topn)``, optional
            Asked instead of the exact search.

        Returns
        -------
        list of (str, float)
            Without the keys that were given; equal similarities in the order of the rows. With ``topn=None``
            an array of (clip_end - clip_start,) instead.

        Raises
        ------
        KeyError
            If a key is not there.
        ValueError
            If no key is given.
        """
        if topn is not None and topn < 1:
            return []
        keys, weights = _weighted(positive, negative)
        mean = self.get_mean_vector(
            keys, weights, pre_normalize=True, post_normalize=True, ignore_missing=False
        )
        if indexer is not None and topn is not None:
            return indexer.most_similar(mean, topn)
        start, stop, _ = slice(clip_start, clip_end or None).indices(len(self))
        if restrict_vocab:
            start, stop = 0, min(restrict_vocab, len(self))
        if topn is None:
            return self._cosines(mean, start, max(start, stop))
        given = [self.get_index(k) for k in keys if isinstance(k, KEY) and self.has_index_for(k)]
        ids, scores = search.top_k(
            self.vectors, self._norms, mean[None], topn, np.array([given], np.int64), start, stop
        )
        found = zip(ids[0].tolist(), scores[0].tolist(), strict=True)
        return [(self.words[i], score) for i, score in found if i >= 0]

    def _cosines(self, unit_vector: Array, start: int, stop: int) -> Array:
        """Return the cosine of `unit_vector` with the rows from `start` up to `stop`; 0 for zero rows."""
        norms = self.norms[start:stop]
        cosines: Array = (self.vectors[start:stop] @ unit_vector) / np.where(norms > 0, norms, 1)
        return cosines

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Find the words most similar to `key`; as `most_similar`."""
        return self.most_similar(positive=[key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_word(self, word: str, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Find the words most similar to `word`; as `most_similar`."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_vector(self, vector: Any, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Find the words most similar to a vector of (D,); as `most_similar`."""
        return self.most_similar(positive=[np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def similarity(self, w1: Key, w2: Key) -> float:
        """Return the cosine of two words."""
        return float(unit(self[w1]) @ unit(self[w2]))

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
        mean1 = self.get_mean_vector(ws1, pre_normalize=False)
        mean2 = self.get_mean_vector(ws2, pre_normalize=False)
        return float(unit(mean1) @ unit(mean2))

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
        dtype = np.result_type(self.vectors.dtype, np.float32)
        mean, total = np.zeros(self.vector_size, dtype), 0.0
        for key, w in zip(keys, weight.tolist(), strict=True):
            if isinstance(key, np.ndarray):
                if key.shape != mean.shape:
                    raise ValueError(f"a vector of shape {key.shape} among vectors of {mean.shape}")
                mean += dtype.type(w) * key
            elif key in self:
                mean += dtype.type(w) * self.get_vector(key, norm=pre_normalize)
            elif ignore_missing:
                continue
            else:
                raise KeyError(f"Key '{key}' not present in vocabulary")
            total += abs(w)
        if total > 0:
            mean /= total
        return unit(mean) if post_normalize else mean

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

    # ---- Files

    def save(self, fname: StrPath) -> None:
        """Write a .fvec file, atomically (docs/file-format.md)."""
        store.save_vectors(fname, self.words, self.vectors, self.counts, self.metadata)

    @classmethod
    def load(cls, fname: StrPath, mmap: str | None = "r", *, verify: bool = False) -> Self:
        """Open a .fvec file, or a file of gensim's.

        Parameters
        ----------
        fname : str or path
        mmap : "r" or None
            ``"r"`` maps the file: instant, shared by all processes, read-only. None reads it into memory. Of gensim's
            files those with arrays alone are mapped; the pickle is read as data (`fastvec.formats.gensim`).
        verify : bool
            Read everything and compare it with the checksums.

        Raises
        ------
        FormatError
            The file is none of these, truncated or damaged.

        Returns
        -------
        KeyedVectors
            A `FastTextKeyedVectors` where the file holds n-grams.
        """
        if mmap not in ("r", None):
            raise ValueError(f"mmap={mmap!r}: choose 'r' (map the file) or None (read it into memory)")
        held = _of_gensim(fname, mmap == "r") or store.open_vectors(fname, mmap=mmap == "r", verify=verify)
        return cls._from_file(held)

    @classmethod
    def _from_file(cls, held: store.Vectors) -> Self:
        """Make an instance of what a file holds; n-grams in it make it one of the class that knows them."""
        if cls is KeyedVectors and SUBWORD_TENSORS & held.extra.keys():
            from fastvec.fasttext_vectors import FastTextKeyedVectors

            return cast(Self, FastTextKeyedVectors._from_file(held))
        return cls._from_parts(held.words, held.vectors, held.counts, held.metadata)

    def save_word2vec_format(
        self,
        fname: StrPath,
        fvocab: StrPath | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
    ) -> None:
        """Write a file of the word2vec program, frequent words first: `fastvec.formats.word2vec.write`."""
        from fastvec.formats import word2vec

        word2vec.write(
            fname,
            self.words,
            self.vectors,
            self.counts if sort_attr == "count" else None,
            fvocab=fvocab,
            binary=binary,
            total_vec=total_vec,
            write_header=write_header,
            prefix=prefix,
            append=append,
        )

    @classmethod
    def load_word2vec_format(
        cls,
        fname: StrPath,
        fvocab: StrPath | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: DTypeLike = np.float32,
        no_header: bool = False,
    ) -> Self:
        """Read a file of the word2vec program, text or binary: `fastvec.formats.word2vec.read`."""
        from fastvec.formats import word2vec

        words, vectors, counts = word2vec.read(
            fname,
            fvocab=fvocab,
            binary=binary,
            encoding=encoding,
            unicode_errors=unicode_errors,
            limit=limit,
            datatype=datatype,
            no_header=no_header,
        )
        return cls._from_parts(words, vectors, counts)

    # ---- Evaluation

    def evaluate_word_analogies(
        self,
        analogies: StrPath,
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[dict[str, Any]]]:
        """Answer the questions of an analogy file: `fastvec.evaluation.evaluate_word_analogies`."""
        from fastvec import evaluation

        return evaluation.evaluate_word_analogies(
            self, analogies, restrict_vocab, case_insensitive, dummy4unknown, similarity_function
        )

    def evaluate_word_pairs(
        self,
        pairs: StrPath,
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> "tuple[Correlation, Correlation, float]":
        """Compare with human judgements of similarity: `fastvec.evaluation.evaluate_word_pairs`."""
        from fastvec import evaluation

        return evaluation.evaluate_word_pairs(
            self, pairs, delimiter, encoding, restrict_vocab, case_insensitive, dummy4unknown
        )


def _of_gensim(fname: StrPath, mmap: bool) -> store.Vectors | None:
    """Return what a file of gensim's holds of word vectors; None: it is of another kind."""
    with Path(fname).open("rb") as file:
        if store.looks_like(file.read(9)):  # the usual case, for which nothing more is imported
            return None
    from fastvec.formats import gensim

    if not gensim.recognised(fname):
        return None
    held = gensim.read(fname, mmap=mmap).vectors
    extra = {name: held.extra[name] for name in held.extra if name in SUBWORD_TENSORS}
    return held._replace(extra=extra)


def _as_list(value: Any) -> list[Any]:
    """A key or a vector alone stands for a list of one."""
    if value is None:
        return []
    if isinstance(value, KEY) or (isinstance(value, np.ndarray) and value.ndim == 1):
        return [value]
    return list(value)


def _weighted(positive: Any, negative: Any) -> tuple[list[Key | Array], list[float]]:
    """Return all keys and their weights: 1 for positive, -1 for negative ones, or what stands beside them."""
    keys: list[Any] = []
    weights: list[float] = []
    for items, default in ((_as_list(positive), 1.0), (_as_list(negative), -1.0)):
        for item in items:
            plain = isinstance(item, (*KEY, np.ndarray))
            key, weight = (item, default) if plain else item
            keys.append(key)
            weights.append(weight)
    return keys, weights
