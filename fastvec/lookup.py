"""Words and their rows: how KeyedVectors finds them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend, search
from fastvec.config import checked_int, checked_items
from fastvec.quantised import Quantised
from fastvec.words import KeyToIndex, WordTable

Array = NDArray[Any]
Key = str | int | np.integer[Any]
INTEGER = (int, np.integer)
KEY = (str, *INTEGER)
LEAST_NORM = 1e-35
"""Shorter vectors count as zeros (norms.h)."""


if TYPE_CHECKING:

    class Rows:
        _finder: Any
        _view: Any
        _vectors: Any

        def __getitem__(self, keys: Key | Iterable[Key]) -> Array: ...
else:
    Rows = _backend.words.Rows


class Lookup(Rows):
    """What `KeyedVectors` knows of words and rows; its questions about similarity build on this.

    ``kv[word]`` is a method of the base class, which is compiled, and finds the words through `_finder` in `_view`.
    """

    _table: WordTable
    _added: dict[str, int]
    """New words that are not in the table yet, and their rows."""
    _count: int

    def _set_parts(
        self,
        words: WordTable,
        vectors: Array,
        counts: NDArray[np.int64] | None,
        metadata: Mapping[str, str] | None,
    ) -> None:
        self.words = words
        self.vectors = vectors
        self.counts = counts
        """How often each word occurred in the corpus, int64 (V,), or None where that is not known."""
        self.metadata = dict(metadata or {})
        """Strings that are kept in the file."""
        self._norms: NDArray[np.float32] | None = None

    @classmethod
    def _from_parts(
        cls,
        words: WordTable,
        vectors: Array,
        counts: NDArray[np.int64] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Self:
        """Make an instance of words and a matrix with a row for each."""
        if vectors.ndim != 2 or len(vectors) != len(words):
            raise ValueError(f"{len(words)} words, vectors of shape {vectors.shape}: need one row a word")
        self = cls.__new__(cls)
        self._set_parts(words, vectors, counts, metadata)
        return self

    # ---- Words and rows

    @property
    def words(self) -> WordTable:
        """The words, in the order of the rows."""
        # Words that were added wait in a dict until the table is asked for as a whole. Readers in other threads find a
        # word in the one or in the other: the table is put in place before the dict is let go.
        added, table = self._added, self._table
        if added and len(table) == next(iter(added.values())):
            table = table.followed_by(added)
            self._table, self._finder = table, table.finder
            self._added = {}
        return table

    @words.setter
    def words(self, words: WordTable) -> None:
        self._table, self._finder = words, words.finder
        self._added = {}
        self._count = len(words)

    @property
    def vectors(self) -> Any:
        """The rows, float (V, D), or `Quantised`; of a mapped file read-only. Beyond V may be rows without words."""
        return self._vectors

    @vectors.setter
    def vectors(self, vectors: Any) -> None:
        if isinstance(vectors, Quantised):
            self._vectors = self._view = vectors
            return
        self._vectors = np.asarray(vectors)
        self._view = self._vectors.view()  # its rows need not be made read-only one by one
        self._view.flags.writeable = False

    @property
    def vector_size(self) -> int:
        """Number of dimensions."""
        return int(self._vectors.shape[1])

    @property
    def index_to_key(self) -> Sequence[str]:
        """The words in the order of the rows, as a sequence that is no list: ``list(...)`` makes one."""
        return self.words

    @property
    def key_to_index(self) -> Mapping[str, int]:
        """The row of each word, as a mapping that is no dict: ``dict(...)`` makes one."""
        return KeyToIndex(self.words)

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.vector_size}, {len(self)} keys>"

    def get_index(self, key: Key, default: int | None = None) -> int:
        """Return the row of a word; a row number (0 <= key < V) is its own.

        Raises
        ------
        KeyError
            If it is not there and no `default` is given.
        """
        if isinstance(key, str):
            added = self._added
            found = self._table.find(key)
            if found < 0 and added:
                found = added.get(key, -1)
            if found >= 0:
                return found
        elif isinstance(key, INTEGER) and 0 <= key < len(self):
            return int(key)
        if default is not None:
            return default
        raise KeyError(f"Key '{key}' not present")

    def has_index_for(self, key: Key) -> bool:
        """Tell whether `key` has a row."""
        return self.get_index(key, -1) >= 0

    def __contains__(self, key: Key) -> bool:
        return self.has_index_for(key)

    def get_vector(self, key: Key, norm: bool = False) -> Array:
        """Return the vector of `key`, (D,), read-only; of length 1 with `norm`.

        Raises
        ------
        KeyError
            If `key` is not there.
        """
        vector: Array = self._view[self.get_index(key)]
        if norm:
            vector = unit(vector)
            vector.setflags(write=False)
        return vector

    def word_vec(self, word: Key, norm: bool = False) -> Array:
        """Return `get_vector`. A name of gensim 3's."""
        return self.get_vector(word, norm)

    def _get(self, keys: Key | Iterable[Key]) -> Array:
        """Return what ``kv[keys]`` is where `keys` is no word of the table."""
        return self.get_vector(keys) if isinstance(keys, KEY) else self.vectors_for(listed(keys))

    def vectors_for(self, keys: Sequence[Key]) -> Array:
        """Return the vectors of several keys, (n, D).

        Raises
        ------
        KeyError
            If a key is not there.
        """
        rows = self._rows(keys)
        if len(rows) and rows.min() < 0:
            self.get_index(keys[int(rows.argmin())])  # raises
        return self._take(rows)

    def _take(self, rows: NDArray[np.integer[Any]]) -> Array:
        """Return a copy of rows (0 <= row < V), in the given order."""
        plain = self._vectors
        if isinstance(plain, Quantised) or plain.strides[1] != plain.itemsize or plain.shape[1] == 0:
            chosen: Array = plain[rows]
            return chosen
        found: Array = np.empty((len(rows), self.vector_size), self._vectors.dtype)
        bad = _backend.gather.take(
            self._view.view(np.uint8), np.ascontiguousarray(rows, np.int32), found.view(np.uint8)
        )
        if bad >= 0:
            raise IndexError(
                f"row {rows[bad]} of {len(plain)}: {len(self)} words need as many rows in vectors"
            )
        return found

    def _rows(self, keys: Sequence[Key]) -> NDArray[np.integer[Any]]:
        """Return the row of each key, or -1."""
        if not self._added:
            rows = self._table.find_any(keys)
            if rows is not None:
                return rows
        return np.array([self.get_index(key, -1) for key in keys], np.int32)

    @property
    def norms(self) -> NDArray[np.float32]:
        """The rows' Euclidean norms, float32 (V,), computed when first asked for."""
        if self._norms is None:
            self._norms = search.row_norms(self._vectors)
        return self._norms

    def _norms_for_search(self) -> NDArray[np.float32] | None:
        """The norms where they are known; and those of halves that nobody can change, which cost time on the way.

        None for codes: the search has norms of their own, whose scores are the same whether or not these are known.
        """
        if isinstance(self._vectors, Quantised):
            return None
        halves = isinstance(self._vectors, np.ndarray) and self._vectors.dtype == np.float16
        return self.norms if halves and not self._vectors.flags.writeable else self._norms

    def fill_norms(self, force: bool = False) -> None:
        """Compute `norms` now; `force` after vectors were changed in place."""
        if force:
            self._norms = None
            if isinstance(self._vectors, Quantised):
                self._vectors.code_norms = None
        _ = self.norms

    def refresh(self) -> None:
        """Take over changes that training has made to the rows since."""
        self.fill_norms(force=True)

    def get_normed_vectors(self) -> Array:
        """Return a copy of the vectors, scaled to length 1; (V, D). Zero vectors stay zero."""
        scaled: Array = self.vectors / np.where(self.norms > 0, self.norms, 1)[:, None]
        return scaled.astype(self.vectors.dtype, copy=False)


def listed(keys: Any) -> list[Any]:
    """Return several keys as a list; raise TypeError for bytes, slices, and what is no iterable."""
    if isinstance(keys, bytes):
        raise TypeError(f"{keys!r} is no word: a string is needed, as its decode() gives one")
    if isinstance(keys, slice):
        raise TypeError(f"keys={keys!r}: rows are kv.vectors[a:b], and their words kv.index_to_key[a:b]")
    return list(checked_items("keys", keys, "a word, the number of a row, or a list of these"))


def stacked(vectors: list[Any]) -> Array:
    """Return vectors as one array; raise TypeError where some are no vectors, or longer than others."""
    try:
        array = np.array(vectors)
    except ValueError:  # of several lengths
        array = np.array(None)
    if array.dtype.kind not in "fiu":
        raise TypeError("keys: vectors of one length are needed, and no words among them")
    return array


def check_first_rows(restrict_vocab: Any) -> None:
    """Raise TypeError or ValueError where this is neither None nor a number of rows, 0 meaning all."""
    if restrict_vocab is not None:
        checked_int("restrict_vocab", restrict_vocab, 0)


def keys_or_vectors(given: Any) -> list[Any]:
    """Return keys and vectors as a list: one alone stands for a list of one."""
    if given is None:
        return []
    single = isinstance(given, KEY) or (isinstance(given, np.ndarray) and given.ndim == 1)
    return [given] if single else listed(given)


def check_queries(queries: Array, names: Sequence[str | int]) -> None:
    """Raise ValueError, which names the query, where a row of `queries` (Q, D) holds NaN or infinity."""
    bad = ~np.isfinite(queries).all(axis=1)
    if bad.any():
        raise ValueError(f"query {names[int(bad.argmax())]} holds NaN or infinity: it has no nearest words")


def unit(vector: Array) -> Array:
    """Scale to length 1, in float32 or better; what counts as zeros stays."""
    exact = vector.astype(np.float64)
    length = math.sqrt(exact @ exact)
    if length >= LEAST_NORM:
        exact /= length
    return exact.astype(np.result_type(vector.dtype, np.float32), copy=False)


def unit_rows(vectors: Any) -> NDArray[np.float32]:
    """Scale rows to length 1; what counts as zeros stays."""
    rows = np.asarray(vectors)
    norms = lengths(rows)[:, None]
    return np.ascontiguousarray(rows / np.where(norms > 0, norms, 1), np.float32)


def lengths(rows: Array) -> NDArray[np.floating[Any]]:
    """Return the Euclidean norm of each row of (n, D), also where squares are too great for a float; (n,).

    0 below `LEAST_NORM`: products of such rows are no more exact, so they count as zeros.
    """
    if rows.dtype in (np.float32, np.float16):
        return search.row_norms(rows)
    if rows.dtype.kind not in "fiub":
        raise TypeError(f"vectors of {rows.dtype}: numbers are needed")
    norms = np.empty(len(rows))
    step = max(1, search.SCORES_AT_ONCE // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        exact = rows[start : start + step].astype(np.float64)
        norms[start : start + step] = np.sqrt(np.einsum("nd,nd->n", exact, exact))
    norms[norms < LEAST_NORM] = 0
    return norms
