"""Exact search: the rows of a matrix that have the greatest cosine with a query."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.config import available_cores, checked_int, checked_workers
from fastvec.quantised import Quantised

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Floats = NDArray[np.floating[Any]]
Found = tuple[NDArray[np.int64], NDArray[np.float32]]
T = TypeVar("T")

SCORES_AT_ONCE = 1 << 21
"""Numbers held at a time where they are held at all: 8 MB, whatever the sizes of matrix and batch."""
QUERIES_AT_ONCE = 1 << 8
"""Queries that pass the matrix together as floats: they stay in the second cache."""
HEAPS_AT_ONCE = 1 << 22
"""Places in the heaps of those queries: 48 MB a thread."""
WORTH_A_THREAD = 1 << 20
"""Products below which the calling thread does the work alone."""
WORK_AT_ONCE = 1 << 30
"""Products of one call without the GIL, as floats, some 20 ms."""
BY_BYTES = 4
"""Times as many of both, where batches go by bytes: they take so much less room.

Seven bits take half the time of floats, no quarter: such a call takes some 40 ms.
"""
LEAST_BATCH = (0, 48, 32)
"""Queries from which on floats, bytes of seven bits, or bytes choose the fastest: rows must become bytes before.

Measured for seven bits; reckoned from that for eight.
"""
CALLS = 8
"""Calls a thread, at least; they are shared out as threads become free."""


def row_norms(vectors: NDArray[Any] | Quantised, workers: int | None = None) -> NDArray[np.float32]:
    """Return the Euclidean norm of every row of `vectors` (V, D), as float32 (V,), without a copy of them."""
    norms = np.empty(len(vectors), np.float32)

    def fill(begin: int, end: int) -> None:
        _backend.topk.fill_norms(*_part(vectors, begin, end), norms[begin:end])

    _share_out(vectors, 0, len(vectors), 1, workers, lambda: (fill, None))
    return norms


def greatest(scores: Floats, k: int) -> NDArray[np.intp]:
    """Return the places of the `k` greatest numbers, the greatest first, equal ones in their order; NaN last."""
    return np.argsort(-scores, kind="stable")[:k]


def top_k(
    vectors: NDArray[Any] | Quantised,
    norms: NDArray[np.float32] | None,
    queries: Floats,
    k: int,
    exclude: NDArray[np.integer[Any]] | None = None,
    start: int = 0,
    stop: int | None = None,
    workers: int | None = None,
) -> Found:
    """Find the `k` rows with the greatest ``vectors @ query / norms`` for each query.

    Parameters
    ----------
    vectors : float array of (V, D), or Quantised
        Rows of float32, float16 or int8 are read where they are, others in blocks that are copied.
    norms : float32 array of V, or None
        The rows' norms; a row of norm 0 scores 0. None: they are computed on the way (those of `Quantised` once).
    queries : float array of (Q, D)
        Unit vectors make the scores cosines.
    k : int
    exclude : int array of (Q, E), optional
        Rows that a query must not find; negative numbers exclude nothing.
    start, stop : int
        Only rows ``start <= i < stop`` are searched.
    workers : int, optional
        Threads; None: as many as there are cores. The results are the same for any number.

    Returns
    -------
    ids : int64 array of (Q, k')
        ``k' = min(k, stop - start)``. Rows in order of score, the greatest first; equal scores in order of
        row. -1 where a query has fewer rows to find.
    scores : float32 array of (Q, k')
        -inf where `ids` is -1. NaN counts as -inf. A score does not depend on the other queries.

    Raises
    ------
    ValueError
        If the queries are not of the rows' size, `exclude` has not one row a query, or `norms` not one a row; for
        numbers out of range.
    TypeError
        If an argument is of a wrong kind.
    """
    start = checked_int("start", start, 0)
    stop = len(vectors) if stop is None else min(checked_int("stop", stop, 0), len(vectors))
    queries, hidden = checked_queries(vectors, queries, exclude)
    if norms is not None:
        norms = np.ascontiguousarray(norms, np.float32)
        if norms.shape != vectors.shape[:1]:
            raise ValueError(f"norms of {norms.shape} do not fit vectors of {vectors.shape}")
    if norms is None and isinstance(vectors, Quantised):
        # float32 comes from memory so slowly that its norms cost no time, int8 does not. A cosine knows no scale.
        norms = vectors.code_norms
        if norms is None:
            norms = vectors.code_norms = row_norms(vectors.codes)
        vectors = vectors.codes
    k = max(0, min(checked_int("k", k), stop - start))
    ids, scores = heaps(len(queries), k)
    step = max(1, min(QUERIES_AT_ONCE * _numbers_a_float(len(queries)), HEAPS_AT_ONCE // max(1, k)))
    for first in range(0, len(queries) if k else 0, step):
        some = slice(first, first + step)
        ids[some], scores[some] = _pass(vectors, norms, queries[some], k, hidden[some], start, stop, workers)
    return ids, scores


def best_of(
    vectors: NDArray[Any] | Quantised, rows: Sequence[Sequence[int]], queries: NDArray[np.float32], k: int
) -> Found:
    """Find the `k` best of each query's own rows, which ascend, with the scores and in the order of `top_k`."""
    numbers = np.array([*chain.from_iterable(rows), -1], np.int64)  # -1: what an empty place, -1 too, reads
    matrix = vectors.codes if isinstance(vectors, Quantised) else vectors  # a cosine knows no scale
    raw, kind, _ = _part(matrix[numbers[:-1]], 0, len(numbers) - 1)
    ids, scores = heaps(len(queries), k)
    none, begin = np.empty((1, 0), np.int64), 0
    for i, some in enumerate(rows):
        one, end = slice(i, i + 1), begin + len(some)
        _backend.topk.scan(raw[begin:end], kind, None, None, begin, queries[one], none, ids[one], scores[one])
        begin = end
    ids, scores = in_order(ids, scores, k)
    return numbers[ids], scores


def checked_queries(
    vectors: NDArray[Any] | Quantised, queries: Any, exclude: Any
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the queries and what they must not find as the kernel takes them."""
    queries = np.asarray(queries)
    hidden = np.empty((*queries.shape[:1], 0), np.int64) if exclude is None else np.asarray(exclude)
    for name, given, kinds in (("queries", queries, "fiu"), ("exclude", hidden, "iu")):
        if given.size and given.dtype.kind not in kinds:
            raise TypeError(f"{name} of {given.dtype}: {'rows' if kinds == 'iu' else 'vectors'} are needed")
    if (
        queries.ndim != 2
        or hidden.ndim != 2
        or queries.shape[1:] != vectors.shape[1:]
        or len(hidden) != len(queries)
    ):
        raise ValueError(
            f"queries of {queries.shape}, exclusions of {hidden.shape}: they do not fit vectors of {vectors.shape}"
        )
    return np.ascontiguousarray(queries, np.float32), np.ascontiguousarray(hidden, np.int64)


def _pass(
    vectors: NDArray[Any] | Quantised,
    norms: NDArray[np.float32] | None,
    queries: NDArray[np.float32],
    k: int,
    exclude: NDArray[np.int64],
    start: int,
    stop: int,
    workers: int | None,
) -> Found:
    """Pass the rows once: each thread keeps the k best of those that it saw, in heaps of its own."""
    way = _way(len(queries))

    def begin_work() -> tuple[Callable[[int, int], None], Found]:
        ids, best = heaps(len(queries), k)

        def scan(begin: int, end: int) -> None:
            rows, kind, scales = _part(vectors, begin, end)
            norm = None if norms is None else norms[begin:end]
            _backend.topk.scan(rows, kind, norm, scales, begin, queries, exclude, ids, best, way)

        return scan, (ids, best)

    found = _share_out(vectors, start, stop, len(queries), workers, begin_work)
    ids = np.concatenate([ids for ids, _ in found], axis=1)
    best = np.concatenate([best for _, best in found], axis=1)
    return in_order(ids, best, k)


def heaps(count: int, k: int) -> Found:
    """Return heaps of the `k` best rows of each of `count` queries that hold nothing yet."""
    return np.full((count, k), -1, np.int64), np.full((count, k), -np.inf, np.float32)


def in_order(ids: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Found:
    """Return the `k` best pairs of each query, the best first, equal ones in the order of the rows."""
    order = np.arange(len(ids))[:, None], np.lexsort((ids, -scores))[:, :k]
    return ids[order], scores[order]


def _way(queries: int) -> int:
    """Return how the kernel is to choose for so many queries."""
    most: int = _backend.topk.BYTES
    return most if queries >= LEAST_BATCH[most] else 0


def _numbers_a_float(queries: int) -> int:
    """Return how many numbers of so many queries take the room, and at most the time, of a float."""
    return BY_BYTES if _way(queries) else 1


# ---- Parts of a matrix, shared out among threads

KINDS = {np.dtype(np.float32): "f4", np.dtype(np.float16): "f2", np.dtype(np.int8): "i1"}


def _in_place(rows: NDArray[Any]) -> bool:
    """Tell whether the kernel can read these rows where they are."""
    return rows.dtype in KINDS and rows.strides[1] == rows.itemsize


def _part(
    vectors: NDArray[Any] | Quantised, begin: int, end: int
) -> tuple[NDArray[np.uint8], str, NDArray[np.float32] | None]:
    """Return rows as the kernel takes them: their bytes, the kind of their numbers, and their scales."""
    if isinstance(vectors, Quantised):
        return vectors.codes[begin:end].view(np.uint8), "i1", vectors.scales[begin:end]
    rows = vectors[begin:end]
    if not _in_place(rows):
        rows = np.ascontiguousarray(rows, np.float32)
    return rows.view(np.uint8), KINDS[rows.dtype], None


def _share_out(
    vectors: NDArray[Any] | Quantised,
    start: int,
    stop: int,
    queries: int,
    workers: int | None,
    begin_work: Callable[[], tuple[Callable[[int, int], None], T]],
) -> list[T]:
    """Let threads take the next rows of ``start`` ... ``stop`` whenever they are free.

    ``begin_work()`` gives each thread its function of ``(begin, end)``, which it calls with ascending rows, and what it
    returns at the end. The calling thread is one of them.
    """
    rows, products = stop - start, max(1, vectors.shape[1] * queries)
    workers = min(checked_workers(workers), 1 + rows * products // WORTH_A_THREAD)
    at_once = WORK_AT_ONCE * _numbers_a_float(queries) // products
    step = min(-(-rows // (CALLS * workers)) if workers > 1 else rows, at_once)
    if not isinstance(vectors, Quantised) and not _in_place(vectors):
        step = min(step, SCORES_AT_ONCE // max(1, vectors.shape[1]))
    todo = deque(range(start, stop, max(1, step)))

    def work() -> T:
        function, result = begin_work()
        while todo:
            try:
                begin = todo.popleft()
            except IndexError:  # another thread was faster
                break
            function(begin, min(stop, begin + max(1, step)))
        return result

    others = [_pool().submit(work) for _ in range(workers - 1)]
    try:
        return [work(), *(other.result() for other in others)]
    finally:  # after Ctrl-C, nothing is left to be done
        todo.clear()


@cache
def _pool() -> "ThreadPoolExecutor":
    """The threads that wait for searches, started when they are first needed."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max_workers=max(1, 2 * available_cores()), thread_name_prefix="fastvec-search")


if hasattr(os, "register_at_fork"):  # a child has no threads but the one that forked
    os.register_at_fork(after_in_child=_pool.cache_clear)
