"""KeyedVectors: words and their vectors, and the questions people ask of them."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import DTypeLike

from fastvec import store
from fastvec.approximate import Index
from fastvec.batches import Batches
from fastvec.config import check_integers, checked_int
from fastvec.errors import FormatError
from fastvec.lookup import KEY, Array, Key, check_first_rows, check_queries, keys_or_vectors
from fastvec.measures import Measures
from fastvec.quantised import stored_rows
from fastvec.search import top_k
from fastvec.sharing import File
from fastvec.smaller import Smaller
from fastvec.tensors import check_regular
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
        vector_size = checked_int("vector_size", vector_size, 0, 1 << 31)
        count = checked_int("count", count, 0, 1 << 31)
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
        *,
        search: str = "exact",
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
            Asked instead of the exact search: an index of `build_index`, or one of gensim's kind, whose answer is
            returned as it is.
        search : {"exact", "approximate"}
            Approximate search goes through the index that `build_index` has built, over all rows.

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
            If no key is given; for NaN and infinity in a vector; for `clip_start`, `clip_end` or `restrict_vocab` where
            an index of `build_index` is asked; others are not told of them.
        TypeError
            If an argument is of a wrong kind.
        FormatError
            If the index is damaged, or of other vectors.
        """
        check_integers(topn=topn, clip_start=clip_start, clip_end=clip_end)
        check_first_rows(restrict_vocab)
        if topn is not None and topn < 1:
            return []
        narrowed = bool(clip_start or clip_end or restrict_vocab)
        if indexer is not None and (
            not callable(getattr(indexer, "most_similar", None)) or isinstance(indexer, (KeyedVectors, type))
        ):
            raise TypeError(f"indexer={indexer!r}: an object with most_similar(vector, topn) is needed")
        if isinstance(indexer, Index):
            index: Index | None = self.fitting(indexer, narrowed)
        else:
            index = self.index_for(search, narrowed)
        keys, weights = _weighted(positive, negative)
        with np.errstate(invalid="ignore"):
            mean = self.get_mean_vector(
                keys, weights, pre_normalize=True, post_normalize=True, ignore_missing=False
            )
        check_queries(mean[None], [", ".join(repr(k) if isinstance(k, KEY) else "(a vector)" for k in keys)])
        if indexer is not None and index is None and topn is not None:
            return indexer.most_similar(mean, topn)
        start, stop, _ = slice(clip_start, clip_end or None).indices(len(self))
        if restrict_vocab:
            start, stop = 0, min(restrict_vocab, len(self))
        if topn is None:
            return self._cosines(mean, start, max(start, stop))
        given = [self.get_index(k) for k in keys if isinstance(k, KEY) and self.has_index_for(k)]
        hidden = np.array([given], np.int64)
        if index is not None:
            ids, scores = index.search(mean[None], topn, hidden, workers=1)
        else:
            ids, scores = top_k(self.vectors, self._norms_for_search(), mean[None], topn, hidden, start, stop)
        found = zip(ids[0].tolist(), scores[0].tolist(), strict=True)
        return [(self.words[i], score) for i, score in found if i >= 0]

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Find the words most similar to `key`; as `most_similar`."""
        return self.most_similar(positive=[key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_word(self, word: str, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Find the words most similar to `word`; as `most_similar`."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_vector(self, vector: Any, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Find the words most similar to a vector of (D,); as `most_similar`."""
        return self.most_similar(positive=[np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """Return the cosine of two words, divided by the sum of those of `wa` and its `topn` nearest words.

        Above 1 / topn, `wb` is nearer than the mean of these, and may be a synonym (Leeuwenberg, Vela, Dehdari, van
        Genabith, "A Minimally Supervised Approach for Synonym Extraction with Word Embeddings", PBML 105, 2016).

        Raises
        ------
        ValueError
            If there are no other words.
        """
        nearest = self.similar_by_key(wa, topn)
        if not nearest:
            raise ValueError("Cannot calculate relative cosine similarity without any similar words.")
        return float(self.similarity(wa, wb) / sum(score for _, score in nearest))

    # ---- Choice of words

    def vectors_for_all(
        self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> "KeyedVectors":
        """Return the vectors of some words as a new `KeyedVectors`, each word once, in the given order.

        Parameters
        ----------
        keys : iterable of str
            Those that have no vector are left out.
        allow_inference : bool
            Take vectors of n-grams for words outside the vocabulary, where there are subwords.
        copy_vecattrs : bool
            Attributes of the words go along; words outside the vocabulary have zeros.
        """
        names = (key if isinstance(key, str) else self.words[self.get_index(key)] for key in keys)
        chosen = [
            word
            for word in dict.fromkeys(names)
            if (word in self if allow_inference else self.has_index_for(word))
        ]
        new = KeyedVectors._from_parts(WordTable.from_words(chosen), self.vectors_for(chosen))
        new._ranks = np.arange(len(chosen), 0, -1)
        if copy_vecattrs:
            rows = self._rows(chosen)
            new.expandos.update({attr: _at(values, rows) for attr, values in self._per_word()})
            if self._ranks is not None:
                new._ranks = _at(self._ranks, rows)
        return new

    # ---- Files

    def save(self, fname: StrPath) -> None:
        """Write a .fvec file, atomically (docs/file-format.md)."""
        store.save_vectors(
            fname, self.words, stored_rows(self.vectors, slice(len(self))), self.counts, self.metadata
        )

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
        foreign = _of_gensim(fname, mmap == "r")
        if foreign:
            return cls._from_file(foreign)
        try:
            file, held = File.at(fname), store.open_vectors(fname, mmap=mmap == "r", verify=verify)
        except FormatError:
            from fastvec import formats

            with formats.telling(fname, "fvec"):
                raise
        if mmap is None:
            return cls._from_file(held)
        opened = cls._from_file(held)
        opened._remember(file, held)
        return opened

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
        """Write a file of the word2vec program, frequent words first: `fastvec.formats.word2vec.write`.

        `sort_attr` names an attribute that is to take the place of the counts; words are in the order of the rows where
        they have none of this name.
        """
        from fastvec.formats import word2vec

        word2vec.write(
            fname,
            self.words,
            self.vectors[: len(self)],
            dict(self._per_word()).get(sort_attr),
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
        self = cls._from_parts(words, vectors, counts)
        if counts is None:
            self._ranks = np.arange(len(self), 0, -1)
        return self

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


def pseudorandom_weak_vector(
    size: int, seed_string: str | None = None, hashfxn: Callable[[str], int] = hash
) -> Array:
    """Return a random vector, float32 (size,), uniform from -1 / (2 size) to 1 / (2 size).

    Parameters
    ----------
    seed_string : str, optional
        Makes the vector a function of ``hashfxn(seed_string)``.
    """
    seed = hashfxn(seed_string) & 0xFFFFFFFF if seed_string else None
    return (np.random.default_rng(seed).random(size, np.float32) - np.float32(0.5)) / np.float32(size)


def load_word2vec_format(fname: StrPath, *args: Any, **options: Any) -> KeyedVectors:
    """Read a file of the word2vec program: `KeyedVectors.load_word2vec_format`."""
    return KeyedVectors.load_word2vec_format(fname, *args, **options)


def _load_word2vec_format(
    cls: type[KeyedVectors], fname: StrPath, binary_chunk_size: int | None = None, **options: Any
) -> KeyedVectors:
    """A private name of gensim's; files are read in pieces of a fixed size here, whatever `binary_chunk_size` is."""
    return cls.load_word2vec_format(fname, **options)


def _of_gensim(fname: StrPath, mmap: bool) -> store.Vectors | None:
    """Return what a file of gensim's holds of word vectors; None: it is of another kind."""
    check_regular(fname)
    with Path(fname).open("rb") as file:
        if store.looks_like(file.read(9)):  # the usual case, for which nothing more is imported
            return None
    from fastvec.formats import gensim

    if not gensim.recognised(fname):
        return None
    held = gensim.read(fname, mmap=mmap).vectors
    extra = {name: held.extra[name] for name in held.extra if name in SUBWORD_TENSORS}
    return held._replace(extra=extra)


def _at(values: Array, rows: Array) -> Array:
    """Return the values at some rows; zeros for negative ones."""
    found = np.zeros((len(rows), *values.shape[1:]), values.dtype)
    found[rows >= 0] = values[rows[rows >= 0]]
    return found


def _weighted(positive: Any, negative: Any) -> tuple[list[Key | Array], list[float]]:
    """Return all keys and their weights: 1 for positive, -1 for negative ones, or what stands beside them."""
    keys: list[Any] = []
    weights: list[float] = []
    for items, default in ((keys_or_vectors(positive), 1.0), (keys_or_vectors(negative), -1.0)):
        for item in items:
            plain = isinstance(item, (*KEY, np.ndarray))
            try:
                key, weight = (item, default) if plain else item
            except (TypeError, ValueError):
                raise TypeError(
                    f"{item!r} is no key, no vector and no (key, weight); a vector is a numpy array"
                ) from None
            keys.append(key)
            weights.append(weight)
    return keys, weights
