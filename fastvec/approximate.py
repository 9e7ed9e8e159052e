"""Approximate search: an HNSW graph of usearch's over unit vectors, in a file beside that of the vectors."""

import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec import indexfile
from fastvec.config import checked_int, checked_workers
from fastvec.errors import FormatError
from fastvec.lookup import unit_rows
from fastvec.quantised import Quantised
from fastvec.search import SCORES_AT_ONCE, Found, best_of, checked_queries, heaps
from fastvec.sharing import Sharing
from fastvec.tensors import StrPath
from fastvec.words import WordTable

OLDEST = (2, 26, 6)
METRICS = {"f16": "cos", "f32": "ip", "i8": "cos"}
"""What usearch measures unit vectors by. Rounded, they have other lengths, which tells where all are alike."""
CANDIDATES = {"f16": 2, "f32": 1, "i8": 2}
"""Rows that are scored for each that is wanted: rounded ones stand in an order that is a little wrong."""
CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 16, 128, 128
ROWS_AT_ONCE = 1 << 13
"""Rows that are handed to usearch in one call; Ctrl-C and progress wait for no more."""
HOW = ("exact", "approximate")


class Index:
    """Finds rows by a graph; `KeyedVectors.build_index` and `KeyedVectors.open_index` make it.

    It answers as the indexers of gensim's do, so it may be given as ``most_similar(..., indexer=index)``. Rows that the
    graph proposes are compared by the vectors themselves: scores are the cosines of the exact search.
    """

    def __init__(
        self,
        graph: Any,
        words: WordTable,
        vectors: Any,
        dtype: str,
        version: tuple[Any, ...],
        data: Any = None,
    ) -> None:
        self._graph, self._words, self._vectors, self._version = graph, words, vectors, version
        self._candidates = CANDIDATES[dtype]
        self._data = data  # the mapping that the graph reads
        self._lock = threading.Lock()  # usearch numbers its threads anew in each call

    def __len__(self) -> int:
        return len(self._words)

    def __repr__(self) -> str:
        return f"Index<{len(self)} x {self._graph.ndim}, expansion_search={self.expansion_search}>"

    @property
    def expansion_search(self) -> int:
        """How many rows a search keeps in view: more take longer, and find more. May be set."""
        return int(self._graph.expansion_search)

    @expansion_search.setter
    def expansion_search(self, count: int) -> None:
        self._graph.expansion_search = _at_least_one("expansion_search", count)

    def most_similar(self, vector: Any, topn: int = 10) -> list[tuple[str, float]]:
        """Return the words whose vectors have (about) the greatest cosine with a vector of (D,), and the cosines."""
        query = np.asarray(vector)
        if query.shape != self._vectors.shape[1:]:
            raise ValueError(f"a vector of shape {query.shape} among vectors of {self._vectors.shape[1:]}")
        ids, scores = self.search(unit_rows(query[None]), topn)
        return self.named(ids[0], scores[0])

    def named(self, ids: NDArray[np.int64], scores: NDArray[np.float32]) -> list[tuple[str, float]]:
        """Return words for row numbers; -1 is none."""
        found = zip(ids.tolist(), scores.tolist(), strict=True)
        return [(self._words[i], score) for i, score in found if i >= 0]

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        exclude: NDArray[np.int64] | None = None,
        workers: int | None = None,
    ) -> Found:
        """Find (about) the `k` rows with the greatest cosine for each unit vector, as `fastvec.search.top_k` does.

        Raises
        ------
        ValueError
            If the queries are not of (Q, D).
        """
        queries, hidden = checked_queries(self._vectors, queries, exclude)
        k = max(0, min(checked_int("k", k), len(self)))
        ids, scores = heaps(len(queries), k)
        wanted = min(len(self), self._candidates * k + hidden.shape[1])
        step = max(1, SCORES_AT_ONCE // max(1, wanted * queries.shape[1]))
        for start in range(0, len(queries) if k else 0, step):
            some = slice(start, start + step)
            proposed = self._proposed(queries[some], wanted, workers)
            rows = [
                sorted(set(p).difference(h)) for p, h in zip(proposed, hidden[some].tolist(), strict=True)
            ]
            ids[some], scores[some] = best_of(self._vectors, rows, queries[some], k)
        return ids, scores

    def _proposed(self, queries: NDArray[np.float32], count: int, workers: int | None) -> list[list[int]]:
        """Ask the graph for `count` rows a query; it may find fewer."""
        queries = queries.copy()
        _give_direction(queries)
        threads = min(len(queries), checked_workers(workers))
        with self._lock:
            found = self._graph.search(queries, count, threads=threads)
        if len(queries) == 1:  # usearch leaves out the axis, and the places that are not filled
            return [found.keys.tolist()]
        return [keys[:n].tolist() for keys, n in zip(found.keys, found.counts, strict=True)]


class Indexing(Sharing):
    """The methods of KeyedVectors that build and open an index."""

    _index: Index | None = None

    def build_index(
        self,
        path: StrPath | None = None,
        *,
        connectivity: int = CONNECTIVITY,
        expansion_add: int = EXPANSION_ADD,
        expansion_search: int = EXPANSION_SEARCH,
        dtype: str = "f16",
        threads: int | None = None,
        progress: bool | Callable[[int, int], object] = False,
    ) -> Index:
        """Build an index for approximate search, an HNSW graph of usearch's, and keep it.

        An index that is at `path` already, fits these vectors and was built with the same `connectivity`,
        `expansion_add` and `dtype` is opened; any other index is replaced. Beside the mapped file, so is whatever bears
        the index's name.

        Parameters
        ----------
        path : str or path, optional
            Where it is saved. None: beside the mapped file (``words.fvec.usearch``); in memory alone for other vectors.
        connectivity : int
            Neighbours of a row in the graph.
        expansion_add, expansion_search : int
            How many rows are kept in view when a row is added, and in a search: more take longer, and find more.
        dtype : {"f16", "f32", "i8"}
            Numbers of the index's copy of the vectors: f16 takes half the room of f32 and finds as much, i8 a quarter
            and finds a little less.
        threads : int, optional
            None: as many as there are cores. With several, the graph differs a little from run to run.
        progress : bool or callable of (done, total)
            True shows a bar of rows.

        Raises
        ------
        ImportError
            Without the package usearch: ``pip install 'fastvec[ann]'``.
        FormatError
            If another file has come to stand where these vectors are mapped from.
        FileExistsError
            If there is something else at `path` than an index.
        ValueError
            For other options.

        References
        ----------
        Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
        Small World graphs", IEEE TPAMI 42, 2020.
        """
        if dtype not in METRICS:
            raise ValueError(f"dtype={dtype!r}: choose one of {', '.join(METRICS)}")
        if _at_least_one("connectivity", connectivity) < 2:
            raise ValueError("connectivity=1: a graph needs 2 neighbours a row at least")
        options = {
            "dtype": dtype,
            "connectivity": connectivity,
            "expansion_add": _at_least_one("expansion_add", expansion_add),
        }
        _at_least_one("expansion_search", expansion_search)
        make = _usearch()
        target = self._beside() if path is None else os.fspath(path)
        if target is not None and Path(target).exists():
            self._check_replaceable(target, path)
            try:
                return self._open(target, options, expansion_search)
            except FormatError:
                pass  # stale, damaged, or built otherwise
        if path is None and target is not None and not self._is_there():
            assert self._file is not None
            raise FormatError(
                f"{self._file.path}: another file than the one these vectors are of; load it anew, or give "
                "build_index a path"
            )
        version = self._version()
        graph = self._empty_graph(
            make, dtype, connectivity, expansion_add=expansion_add, expansion_search=expansion_search
        )
        with _Told(progress, len(self)) as told:
            self._add_rows(graph, checked_workers(threads, "threads"), told)
        self._index = Index(graph, self.words, self.vectors, dtype, version)
        if target is not None:
            self._check_replaceable(target, path)  # again: that took a while
            indexfile.write(target, graph, {**options, "expansion_search": expansion_search, **self._stamp()})
            return self._open(target, options, expansion_search)  # mapped: the graph in memory is let go
        return self._index

    def open_index(self, path: StrPath | None = None) -> Index:
        """Open an index that `build_index` has saved, and keep it; the file is mapped.

        Everything in the file is compared with its checksums first, and the graph is walked through once.

        Parameters
        ----------
        path : str or path, optional
            None: beside the mapped file of these vectors.

        Raises
        ------
        FormatError
            If it is damaged, or was built of other vectors.
        FileNotFoundError
            If it is not there.
        ValueError
            Without `path`, if these vectors are of no mapped file.
        ImportError
            Without the package usearch: ``pip install 'fastvec[ann]'``.
        """
        target = self._beside() if path is None else os.fspath(path)
        if target is None:
            raise ValueError("these vectors are of no mapped file: kv.build_index() makes an index in memory")
        return self._open(target)

    def index_for(self, how: str, narrowed: bool = False) -> Index | None:
        """Return the index that searches of this kind go through; None for the exact one.

        The index is the one that was built or opened last, else the one beside the file.
        """
        if how not in HOW:
            raise ValueError(f"search={how!r}: choose 'exact' or 'approximate'")
        if how == "exact":
            return None
        index = self._index
        if index is None:
            try:
                index = self.open_index()
            except FileNotFoundError as error:
                raise FileNotFoundError(
                    error.errno,
                    "there is no index beside the vectors; kv.build_index() builds it",
                    error.filename,
                ) from None
        return self.fitting(index, narrowed)

    def fitting(self, index: Index, narrowed: bool = False) -> Index:
        """Return `index`; raise FormatError if it is of other vectors, ValueError for a search of some rows only."""
        if narrowed:
            raise ValueError(
                "an index finds among all rows: clip_start, clip_end and restrict_vocab need search='exact'"
            )
        mine, its = self._version(), index._version
        if len(mine) != len(its) or not all(
            a is b or (isinstance(a, int) and a == b) for a, b in zip(mine, its, strict=True)
        ):
            raise FormatError(f"the index is of other vectors, or they have changed since; {indexfile.ANEW}")
        return index

    # ---- Which vectors an index is of

    def _mapped(self) -> bool:
        return (
            self._file is not None and self._held is not None and self._held.get("vectors") is self._vectors
        )

    def _beside(self) -> str | None:
        return self._file.path + indexfile.SUFFIX if self._mapped() and self._file is not None else None

    def _check_replaceable(self, target: str, path: StrPath | None) -> None:
        """Raise FileExistsError where something else would be replaced; beside the vectors the name tells an index."""
        if path is not None or Path(target).is_symlink():
            indexfile.check_replaceable(target)

    def _version(self) -> tuple[Any, ...]:
        """What is another one when the vectors are: of a mapped file its size and header, else the arrays.

        All methods that change rows forget the norms (`fill_norms(force=True)` after changes in place).
        """
        if self._mapped() and self._file is not None:
            return self._file.size, self._file.header
        fixed = isinstance(self._vectors, Quantised) or not self._vectors.flags.writeable
        return self._vectors, None if fixed else self.norms

    def _stamp(self) -> dict[str, Any]:
        """What an index file says of the vectors that it was built of."""
        stamp: dict[str, Any] = {"count": len(self), "dim": self.vector_size}
        if self._mapped() and self._file is not None:
            return {**stamp, "file_size": self._file.size, "file_header": self._file.header}
        checksum = 0
        for start in range(0, len(self), ROWS_AT_ONCE):
            rows = self._vectors[start : min(len(self), start + ROWS_AT_ONCE)]
            checksum = zlib.crc32(np.ascontiguousarray(rows).tobytes(), checksum)
        return {**stamp, "rows": checksum}

    def _open(
        self, path: str, options: dict[str, Any] | None = None, expansion_search: int | None = None
    ) -> Index:
        """Open and keep the index at `path`; with `options`, only one that was built with these."""
        make = _usearch()
        with Path(path).open("rb") as file:
            stamp, size = indexfile.read_stamp(file, path)
            if any(stamp.get(name) != value for name, value in {**self._stamp(), **(options or {})}.items()):
                raise FormatError(f"{path}: the index is not of these vectors; {indexfile.ANEW}")
            data = indexfile.mapped(file, path)
        if indexfile.checksums(data[:size]) != stamp.get("crc32"):
            indexfile.refuse(path, 0, "the index is damaged: it does not have its checksums")
        dtype, connectivity = stamp.get("dtype"), stamp.get("connectivity")
        if (
            not isinstance(dtype, str)
            or dtype not in METRICS
            or type(connectivity) is not int
            or not 2 <= connectivity <= 1 << 16
        ):
            indexfile.refuse(path, size, "impossible options")
        expansion = stamp.get("expansion_search") if expansion_search is None else expansion_search
        if type(expansion) is not int or not 1 <= expansion <= 1 << 24:
            indexfile.refuse(path, size, "impossible options")
        version = self._version()
        graph = self._empty_graph(make, dtype, connectivity, expansion_search=expansion)
        if len(self):
            indexfile.check_graph(data[:size], len(self), self.vector_size, dtype, connectivity, path)
            try:
                if not _as_expected(make.metadata(data[:size]), graph, len(self)):
                    indexfile.refuse(path, 0, "the index is of another kind than it says")
                graph.view(data[:size])
            except (RuntimeError, ValueError) as error:
                if isinstance(error, FormatError):
                    raise
                indexfile.refuse(path, 0, f"usearch does not read it ({error})")
        self._index = Index(graph, self.words, self.vectors, dtype, version, data)
        return self._index

    def _empty_graph(self, make: Any, dtype: str, connectivity: int, **expansions: int) -> Any:
        return make(
            ndim=self.vector_size,
            metric=METRICS[dtype],
            dtype=dtype,
            connectivity=connectivity,
            enable_key_lookups=False,
            **expansions,
        )

    def _add_rows(self, graph: Any, threads: int, told: Callable[[int], object]) -> None:
        for start in range(0, len(self), ROWS_AT_ONCE):
            stop = min(len(self), start + ROWS_AT_ONCE)
            with np.errstate(over="ignore", invalid="ignore"):
                rows = unit_rows(self._vectors[start:stop])
            _give_direction(rows)
            try:
                graph.add(np.arange(start, stop, dtype=np.uint64), rows, threads=min(threads, stop - start))
            except RuntimeError as error:
                if "terminated" in str(error):  # what usearch makes of Ctrl-C
                    raise KeyboardInterrupt from None
                raise
            told(stop)


class _Told:
    """Tells how many rows are done: by a bar, a callable, or nobody."""

    def __init__(self, progress: bool | Callable[[int, int], object], total: int) -> None:
        self._progress, self._total = progress, total
        self._bar: Any = None

    def __enter__(self) -> "_Told":
        if self._progress is True:
            from tqdm import tqdm

            self._bar = tqdm(desc="index", total=self._total, unit=" rows", disable=None)
        return self

    def __call__(self, done: int) -> None:
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif callable(self._progress):
            self._progress(done, self._total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _usearch() -> Any:
    try:
        from usearch import __version__ as version
        from usearch.index import Index as Graph
    except ImportError as error:
        raise ImportError(
            "approximate search needs the package usearch, of the extra ann: pip install 'fastvec[ann]'"
        ) from error
    if tuple(int(part) for part in version.split(".")[:3] if part.isdecimal()) < OLDEST:
        raise ImportError(
            f"usearch {version} writes beyond its memory in searches for many rows; 2.26.6 is needed: "
            "pip install -U 'fastvec[ann]'"
        )
    return Graph


def _give_direction(rows: NDArray[np.float32]) -> None:
    """Replace rows of zeros, and of numbers that are not finite, by random ones, in place.

    They would bring NaN into usearch, which may end the process. Their scores are those of the vectors themselves.
    """
    bad = ~(np.isfinite(rows).all(axis=1) & rows.any(axis=1))
    if bad.any():
        random = np.random.default_rng(0).standard_normal((int(bad.sum()), rows.shape[1]), np.float32)
        rows[bad] = random / np.linalg.norm(random, axis=1, keepdims=True)


def _at_least_one(name: str, value: int) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}={value!r}: a whole number from 1 is needed")
    return value


def _as_expected(found: Any, graph: Any, count: int) -> bool:
    return bool(
        found
        and found["dimensions"] == graph.ndim
        and found["count_present"] == count
        and found["count_deleted"] == 0
        and found["kind_scalar"] == graph.dtype
        and found["kind_metric"] == graph.metric_kind
    )
