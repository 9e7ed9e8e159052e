"""Exact search: the rows of a matrix that have the greatest cosine with a query."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

SCORES_AT_ONCE = 1 << 21
"""Scores held at a time: 8 MB, whatever the sizes of matrix and batch."""
FIRST_ROWS = 1 << 12
QUERIES_AT_ONCE = 1 << 9


def row_norms(vectors: Floats) -> NDArray[np.float32]:
    """Return the Euclidean norm of every row of `vectors` (V, D), as float32 (V,), without a copy of them."""
    norms = np.empty(len(vectors), np.float32)
    step = max(1, SCORES_AT_ONCE // max(1, vectors.shape[1]))
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step]
        if block.dtype == np.float16:
            block = block.astype(np.float32)
        norms[start : start + step] = np.sqrt(np.einsum("ij,ij->i", block, block))
    return norms


def greatest(scores: Floats, k: int) -> NDArray[np.intp]:
    """Return the places of the `k` greatest numbers, the greatest first, equal ones in their order; NaN last."""
    return np.argsort(-scores, kind="stable")[:k]


def top_k(
    vectors: Floats,
    norms: NDArray[np.float32],
    queries: Floats,
    k: int,
    exclude: NDArray[np.integer[Any]] | None = None,
    start: int = 0,
    stop: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the `k` rows with the greatest ``vectors @ query / norms`` for each query.

    Parameters
    ----------
    vectors : float array of (V, D)
    norms : float32 array of V
        The rows' norms; a row of norm 0 scores 0.
    queries : float array of (Q, D)
        Unit vectors make the scores cosines.
    k : int
    exclude : int array of (Q, E), optional
        Rows that a query must not find; negative numbers exclude nothing.
    start, stop : int
        Only rows ``start <= i < stop`` are searched.

    Returns
    -------
    ids : int64 array of (Q, k')
        ``k' = min(k, stop - start)``. Rows in order of score, the greatest first; equal scores in order of
        row. -1 where a query has fewer rows to find.
    scores : float32 array of (Q, k')
        -inf where `ids` is -1. NaN counts as -inf.
    """
    stop = len(vectors) if stop is None else min(stop, len(vectors))
    queries = np.ascontiguousarray(queries, np.float32)
    k = max(0, min(k, stop - start))
    ids = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for first in range(0, len(queries) if k else 0, QUERIES_AT_ONCE):
        rows = slice(first, first + QUERIES_AT_ONCE)
        hidden = None if exclude is None else exclude[rows]
        ids[rows], scores[rows] = _top_k(vectors, norms, queries[rows], k, hidden, start, stop)
    return ids, scores


def _top_k(
    vectors: Floats,
    norms: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    exclude: NDArray[np.integer[Any]] | None,
    start: int,
    stop: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Scan the rows block by block. Only scores above a query's k-th best so far enter the merge: an equal
    score further on comes later in the order. A small first block sets the bar high for the long ones."""
    best_ids = np.full((len(queries), k), -1, np.int64)
    best = np.full((len(queries), k), -np.inf, np.float32)
    begin, step = start, FIRST_ROWS
    while begin < stop:
        end = min(stop, begin + step)
        scores = _scores(vectors[begin:end], norms[begin:end], queries)
        if exclude is not None:
            query, column = np.nonzero((exclude >= begin) & (exclude < end))
            scores[query, exclude[query, column] - begin] = -np.inf
        _merge(best_ids, best, scores, begin)
        begin, step = end, max(FIRST_ROWS, SCORES_AT_ONCE // len(queries))
    return best_ids, best


def _scores(block: Floats, norms: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``queries @ block.T / norms`` as (Q, B)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = np.where(norms > 0, 1 / norms, np.float32(0))
        scores: NDArray[np.float32] = queries @ np.ascontiguousarray(block, np.float32).T
        scores *= scale
    return scores


def _merge(
    best_ids: NDArray[np.int64], best: NDArray[np.float32], scores: NDArray[np.float32], begin: int
) -> None:
    """Bring the scores of rows `begin` ... into the k best of each query, in place."""
    width, k = scores.shape[1], best.shape[1]
    bar = best[:, -1:]
    if width > k and np.isneginf(bar).any():
        # No bar yet: this block's own k-th best; equal ones are let through and sorted out below.
        ranked = np.where(np.isnan(scores), -np.inf, scores)
        kth = np.partition(ranked, width - k, axis=1)[:, width - k, None]
        bar = np.maximum(bar, np.nextafter(kth, -np.inf, dtype=np.float32))
    found = np.flatnonzero(scores > bar)
    if not len(found):
        return
    query, column = np.divmod(found, width)
    # Candidates so far and new: a stable sort by score keeps the order of rows among equals.
    old = np.repeat(np.arange(len(best)), k)
    query = np.concatenate([old, query])
    score = np.concatenate([best.ravel(), scores.ravel()[found]])
    ids = np.concatenate([best_ids.ravel(), column + begin])
    order = np.lexsort((-score, query))
    query = query[order]
    rank = np.arange(len(order)) - np.searchsorted(query, query)
    order = order[rank < k]
    best_ids[:] = ids[order].reshape(best.shape)
    best[:] = score[order].reshape(best.shape)
