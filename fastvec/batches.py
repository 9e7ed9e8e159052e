"""Many questions in one call: answers come as arrays, in blocks that bound the memory."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastvec import store
from fastvec.approximate import Indexing
from fastvec.config import checked_int, checked_items
from fastvec.lookup import Array, Key, check_first_rows, check_queries, listed, stacked, unit_rows
from fastvec.search import SCORES_AT_ONCE, Found, heaps, in_order, top_k
from fastvec.tensors import StrPath
from fastvec.words import WordTable

BLOCK = 1 << 12
"""Questions whose vectors are held at a time."""
CANDIDATES = 4
"""Rows that are scored again for each that is wanted."""


class Original(Protocol):
    """Words and their vectors: KeyedVectors, or what a file holds."""

    @property
    def words(self) -> WordTable: ...
    @property
    def vectors(self) -> Any: ...


Questions = tuple[NDArray[np.float32], NDArray[np.int64] | None]
"""Unit vectors (n, D), and rows (n, E) that are not to be found."""


class Batches(Indexing):
    """The questions of KeyedVectors that come many at a time."""

    def most_similar_batch(
        self,
        keys: Iterable[Key] | Array,
        topn: int = 10,
        *,
        restrict_vocab: int | None = None,
        rerank: Original | StrPath | None = None,
        workers: int | None = None,
        search: str = "exact",
    ) -> Found:
        """Find for each of several words or vectors the rows that have the greatest cosine with it.

        Parameters
        ----------
        keys : iterable of str or int, or float array of (Q, D), or list of vectors
            A word or row is not found itself; a vector has no row, so all are.
        topn : int
        restrict_vocab : int, optional
            Search the first rows only, the most frequent words.
        rerank : KeyedVectors or path, optional
            The vectors that these were made of (`convert`), or a .fvec file of them: several candidates for each answer
            are compared by them.
        workers : int, optional
            Threads; None: as many as there are cores.
        search : {"exact", "approximate"}
            Approximate search goes through the index (`build_index`), over all rows.

        Returns
        -------
        ids : int64 array of (Q, k)
            ``k = min(topn, V)``. Rows, the greatest cosine first, equal ones in order; -1 where there are no more.
            ``kv.index_to_key[i]`` is the word of row i.
        scores : float32 array of (Q, k)
            Their cosines; -inf where `ids` is -1.

        Raises
        ------
        KeyError
            If a key is not there.
        TypeError
            If `keys` is a word alone, or an argument is of a wrong kind.
        ValueError
            If the vectors are not of (Q, D), a candidate is not in `rerank`, or vectors are given and those of
            `rerank` are longer or shorter; for NaN and infinity in a vector; for `restrict_vocab` and an index.
        FormatError
            If the index is damaged, or of other vectors.
        """
        if isinstance(keys, str | bytes):
            raise TypeError(f"keys={keys!r}: give a list of words, as [{keys!r}]")
        if not isinstance(keys, np.ndarray):
            keys = listed(keys)
            if any(isinstance(key, np.ndarray | list | tuple) for key in keys):
                keys = stacked(keys)
        given = keys if isinstance(keys, np.ndarray) and (keys.dtype.kind == "f" or keys.ndim != 1) else None
        if given is not None and (given.dtype.kind not in "fiu" or given.shape[1:] != (self.vector_size,)):
            raise ValueError(
                f"keys of {given.dtype}, {given.shape}: words, rows, or vectors of (Q, {self.vector_size}) are needed"
            )

        def questions(some: slice, vectors_for: Callable[[Sequence[Key]], Array]) -> Questions:
            if given is not None:
                return unit_rows(given[some]), None
            block = list(keys[some])
            return unit_rows(vectors_for(block)), self._rows(block).astype(np.int64)[:, None]

        return self._answer(len(keys), questions, topn, restrict_vocab, rerank, workers, search)

    def analogies(
        self,
        questions: Iterable[tuple[Key, Key, Key]],
        topn: int = 1,
        *,
        restrict_vocab: int | None = None,
        rerank: Original | StrPath | None = None,
        workers: int | None = None,
        search: str = "exact",
    ) -> Found:
        """Answer questions (a, b, c), "a is to b as c is to what?": the rows nearest to b - a + c, of unit vectors.

        The sum is that of ``most_similar(positive=[b, c], negative=[a])`` (3CosAdd, Mikolov et al. 2013);
        a, b and c are no answers. Parameters, results and errors are those of `most_similar_batch`.

        Parameters
        ----------
        questions : iterable of (key, key, key)
        """
        questions = list(checked_items("questions", questions, "a list of (a, b, c)"))
        if not all(isinstance(some, list | tuple | np.ndarray) and len(some) == 3 for some in questions):
            raise ValueError("a question is three keys (a, b, c): a is to b as c is to what?")

        def block(some: slice, vectors_for: Callable[[Sequence[Key]], Array]) -> Questions:
            keys = [key for question in questions[some] for key in question]
            place = {key: i for i, key in enumerate(dict.fromkeys(keys))}
            unit = unit_rows(vectors_for(list(place)))
            a, b, c = unit[[place[key] for key in keys]].reshape(-1, 3, unit.shape[1]).transpose(1, 0, 2)
            return unit_rows(b - a + c), self._rows(keys).astype(np.int64).reshape(-1, 3)

        return self._answer(len(questions), block, topn, restrict_vocab, rerank, workers, search)

    def _answer(
        self,
        count: int,
        questions: Callable[[slice, Callable[[Sequence[Key]], Array]], Questions],
        topn: int,
        restrict_vocab: int | None,
        rerank: Original | StrPath | None,
        workers: int | None,
        how: str,
    ) -> Found:
        """Answer `count` questions, block by block; ``questions(slice, vectors_for)`` gives their vectors."""
        topn = checked_int("topn", topn)
        check_first_rows(restrict_vocab)
        index = self.index_for(how, narrowed=bool(restrict_vocab))
        rows = min(restrict_vocab or len(self), len(self))
        k = max(0, min(topn, rows))
        ids, scores = np.empty((count, k), np.int64), np.empty((count, k), np.float32)
        original = None if rerank is None else _Reranking(self.words, rerank)
        wanted = k if original is None else CANDIDATES * k
        for start in range(0, count, BLOCK):
            some = slice(start, start + BLOCK)
            with np.errstate(invalid="ignore", over="ignore"):
                unit, hidden = questions(some, self.vectors_for)
            check_queries(unit, range(start, start + len(unit)))
            if index is None:
                found = top_k(self.vectors, self._norms_for_search(), unit, wanted, hidden, 0, rows, workers)
            else:
                found = index.search(unit, wanted, hidden, workers)
            if original is not None:
                exact = questions(some, original.vectors_for)[0]
                original.check_width(exact)
                found = original.best(found[0], exact, k)
            ids[some], scores[some] = found
        return ids, scores


class _Reranking:
    """Scores rows again by the vectors that they were made of."""

    def __init__(self, words: WordTable, original: Original | StrPath) -> None:
        self.words = words
        self.original: Original = (
            store.open_vectors(original) if isinstance(original, str | os.PathLike) else original
        )
        if not hasattr(self.original, "words") or not hasattr(self.original, "vectors"):
            raise TypeError(f"rerank={original!r}: KeyedVectors or the path of a .fvec file is needed")

    def vectors_for(self, keys: Sequence[Key]) -> Array:
        """Return the original vectors of several keys, (n, D)."""
        vectors: Array = self._rows([key if isinstance(key, str) else self.words[int(key)] for key in keys])
        return vectors

    def _rows(self, words: Sequence[str]) -> Array:
        found = self.original.words.find_all(words)
        if len(found) and found.min() < 0:
            raise ValueError(f"rerank: the original has no word {words[int(found.argmin())]!r}")
        return np.asarray(self.original.vectors[found])

    def check_width(self, queries: NDArray[np.float32]) -> None:
        """Raise where queries (Q, D) cannot be compared with the original, as vectors of `reduce`d ones cannot."""
        if queries.shape[1] != self.original.vectors.shape[1]:
            raise ValueError(
                f"rerank: its vectors have {self.original.vectors.shape[1]} numbers, the queries {queries.shape[1]}; "
                "give words, whose vectors are looked up on both sides"
            )

    def best(self, ids: NDArray[np.int64], queries: NDArray[np.float32], k: int) -> Found:
        """Return the `k` best of the candidates `ids` (Q, C); -1 is none."""
        best = heaps(len(ids), k)
        step = max(1, SCORES_AT_ONCE // max(1, ids.shape[1] * queries.shape[1]))
        for start in range(0, len(ids), step):
            some = slice(start, start + step)
            rows, place = np.unique(ids[some], return_inverse=True)
            unit = np.zeros((len(rows), queries.shape[1]), np.float32)
            unit[rows >= 0] = unit_rows(self._rows([self.words[i] for i in rows[rows >= 0].tolist()]))
            scores = np.einsum("qcd,qd->qc", unit[place.reshape(ids[some].shape)], queries[some])
            scores[(ids[some] < 0) | np.isnan(scores)] = -np.inf
            best[0][some], best[1][some] = in_order(ids[some], scores, k)
        best[0][np.isneginf(best[1])] = -1
        return best
