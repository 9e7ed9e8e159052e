"""Words and vectors added, replaced, left out: what changes a set of vectors, and what makes another set of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastvec.lookup import KEY, Array, Key
from fastvec.quantised import Quantised
from fastvec.sharing import Sharing

Rows = NDArray[np.integer[Any]]


class Edits(Sharing):
    """The methods of KeyedVectors that add words or choose among them.

    Those with gensim's names (`add_vector`, `add_vectors`, ``kv[word] = vector``, `sort_by_descending_frequency`)
    change the set itself; `without`, `filter`, `merge` and `copy` return a new one, in memory, and leave the old one.
    """

    # ---- In place

    def add_vector(self, key: str, vector: ArrayLike) -> int:
        """Add a word and its vector, in a row that has no word yet or in a new one; return the row.

        A word that is there keeps its vector. Room for rows is made for many at a time, and new words wait in a dict
        until they are asked for as a table: so each of many calls takes the same time.

        Raises
        ------
        ValueError
            If the vector is not of (D,), or the vectors are of a mapped file: `copy` gives others.
        """
        self.add_vectors([key], np.reshape(vector, (1, -1)))
        return self.get_index(key)

    def add_vectors(
        self,
        keys: Key | Sequence[Key],
        weights: ArrayLike,
        extras: Mapping[str, ArrayLike] | None = None,
        replace: bool = False,
    ) -> None:
        """Add words and their vectors; those that are there already keep theirs.

        Parameters
        ----------
        keys : str or sequence of str
            Numbers of rows (0 <= key < V), too, where `replace` is set.
        weights : float array of (n, D)
            Of (D,) for a word alone.
        extras : mapping of str to array of (n, ...), optional
            Values of attributes, as of `set_vecattr`; other words have zeros where an attribute is new.
        replace : bool
            Give words that are there the new vectors and attributes. Of a word that stands twice in `keys`, the last
            counts then; otherwise the first.

        Raises
        ------
        ValueError
            If the shapes do not fit, a word is no valid text, or the vectors are of a mapped file.
        KeyError
            If an integer is no row.
        """
        if isinstance(keys, KEY):
            keys, weights = [keys], np.reshape(weights, (1, -1))
        vectors = np.asarray(weights if len(keys) else self.vectors[:0], self.vectors.dtype)
        if vectors.shape != (len(keys), self.vector_size):
            raise ValueError(
                f"vectors of {vectors.shape} do not fit {len(keys)} keys and {self.vector_size} dimensions"
            )
        values = {attr: np.asarray(extra) for attr, extra in (extras or {}).items()}
        for attr, value in values.items():
            held = self.expandos.get(attr, value)
            if value.shape[:1] != (len(keys),) or getattr(held, "shape", value.shape)[1:] != value.shape[1:]:
                raise ValueError(
                    f"{len(keys)} keys, {attr!r} of {value.shape}: one value each is needed, of the shape of those "
                    "that the attribute has"
                )
        self._require_own_rows()
        rows, fresh, first = self._places(keys)
        there = [attr for attr in values if attr in self.expandos]
        self.allocate_vecattrs(there, [values[attr].dtype for attr in there])
        for attr in values.keys() - self.expandos.keys():
            self.expandos[attr] = np.zeros((len(self), *values[attr].shape[1:]), values[attr].dtype)
        self._extend(fresh)
        chosen = np.arange(len(keys)) if replace else np.flatnonzero(first)
        self._set_rows([keys[i] for i in chosen.tolist()], rows[chosen], vectors[chosen])
        for attr, value in values.items():
            self._own_attribute(attr)[rows[chosen]] = value[chosen]

    def __setitem__(self, keys: Key | Sequence[Key], weights: ArrayLike) -> None:
        """Set the vectors of words, (n, D), or of one, (D,); words that are not there are added."""
        self.add_vectors(keys, weights, replace=True)

    def _places(self, keys: Sequence[Key]) -> tuple[Rows, dict[str, int], NDArray[np.bool_]]:
        """Return the row of each key, the new words with theirs, and which keys are the first to name a new word."""
        rows = np.array(self._rows(keys), np.int64)
        fresh: dict[str, int] = {}
        first = np.zeros(len(rows), bool)
        for i in np.flatnonzero(rows < 0).tolist():
            key = keys[i]
            if not isinstance(key, str):
                self.get_index(key)  # raises
                raise TypeError(f"{key!r} is no word: a string is needed")
            if key not in fresh:
                try:
                    key.encode()
                except UnicodeEncodeError as error:
                    raise ValueError(f"{key!r} is no word that UTF-8 can hold: {error.reason}") from None
                fresh[key], first[i] = len(self) + len(fresh), True
            rows[i] = fresh[key]
        return rows, fresh, first

    def _require_own_rows(self) -> None:
        if isinstance(self.vectors, Quantised):
            raise ValueError("vectors of int8 are not changed; kv.convert('float32') gives others")
        if not self.vectors.flags.writeable:
            raise ValueError(
                f"{self._table.origin}: its vectors are read-only, for they are those of the file; kv.copy() gives "
                "vectors that can be changed, and load(path, mmap=None) reads such ones"
            )

    def _extend(self, fresh: Mapping[str, int]) -> None:
        """Make rows, of zeros, and attributes for new words."""
        need = len(self) + len(fresh)
        self._grow("vectors", need)
        self._count = need
        self._added.update(fresh)
        for attr, values in list(self.expandos.items()):
            if not isinstance(values, np.ndarray):  # paths through a tree that does not know the new words
                del self.expandos[attr]
            elif need > len(values):
                zeros = np.zeros((need - len(values), *values.shape[1:]), values.dtype)
                self.expandos[attr] = np.concatenate([values, zeros])
        for name, factors in self.word_locks().items():
            if 1 < len(factors) < need:
                setattr(self, name, np.append(factors, np.ones(need - len(factors), np.float32)))

    def _grow(self, name: str, rows: int) -> None:
        """Put rows of zeros behind those of a matrix; room for half as many again is kept for the next time."""
        old: Array = getattr(self, name)
        if len(old) >= rows:
            return
        rooms: dict[str, Array] = self.__dict__.setdefault("_rooms", {})
        room = rooms.get(name)
        if room is None or old.base is not room or len(room) < rows:
            # Zeros come from the system when they are touched; until then they take no memory.
            room = rooms[name] = np.zeros((rows + rows // 2, old.shape[1]), old.dtype)
            room[: len(old)] = old
        setattr(self, name, room[:rows])

    def _set_rows(self, keys: Sequence[Key], rows: Rows, vectors: Array) -> None:
        """Write the vectors of some keys to their rows."""
        self.vectors[rows] = vectors
        self._norms = None

    def sort_by_descending_frequency(self) -> None:
        """Put the words in the order of their counts, the most frequent first; equal ones keep their order.

        Raises
        ------
        ValueError
            If the counts are not known.
        """
        if not len(self):
            return
        if self.counts is None:
            raise ValueError("the words' counts are not known: kv.counts = ... sets them")
        ordered = self._select(np.argsort(-self.counts, kind="stable"))
        self.__dict__.update(ordered.__dict__)
        # What the compiled base class keeps is no part of the dict; it follows from these.
        self.words, self.vectors = ordered.words, ordered.vectors

    # ---- New sets

    def without(self, keys: Key | Iterable[Key]) -> Self:
        """Return a set without these words; those that are not there are no error.

        Of vectors with subwords, the left out words have vectors of their n-grams still.
        """
        rows = self._rows([keys] if isinstance(keys, KEY) else list(keys))
        kept = np.ones(len(self), bool)
        kept[rows[rows >= 0]] = False
        return self._select(np.flatnonzero(kept))

    def filter(self, predicate: Callable[[str], bool]) -> Self:
        """Return a set of the words for which ``predicate(word)`` is true, in their order."""
        return self._select(np.flatnonzero([predicate(word) for word in self.words]))

    def merge(self, other: "Edits", conflict: Literal["first", "second", "mean"] = "first") -> Self:
        """Return a set of the words of both: these, then those of `other` that are new.

        Nothing brings the two vector spaces together: merge sets that were trained together, or are aligned.

        Parameters
        ----------
        other : KeyedVectors
            Of the same number of dimensions.
        conflict : "first", "second" or "mean"
            Which vector a word has that is in both. Counts of both are added up, where both sets know theirs; other
            attributes are those of the first set.

        Raises
        ------
        ValueError
            If the vectors are of another size, or these in a type that is not changed, as int8.
        TypeError
            If `other` is no such set.
        """
        if not isinstance(other, Edits):
            raise TypeError(f"other={other!r}: KeyedVectors are needed")
        if other.vector_size != self.vector_size:
            raise ValueError(f"vectors of {other.vector_size} numbers do not fit these of {self.vector_size}")
        if conflict not in ("first", "second", "mean"):
            raise ValueError(f"conflict={conflict!r}: choose 'first', 'second' or 'mean'")
        words = other.words[:]
        theirs = other.vectors[: len(other)]
        merged = self.copy()
        mine = merged.words.find_all(words)
        both = mine >= 0
        merged.add_vectors([words[i] for i in np.flatnonzero(~both).tolist()], theirs[~both])
        if conflict != "first":
            vectors = theirs[both]
            if conflict == "mean":
                vectors = (vectors + merged.vectors[mine[both]]) / 2
            merged[[words[i] for i in np.flatnonzero(both).tolist()]] = vectors
        if self.counts is not None and other.counts is not None and merged.counts is not None:
            merged.counts[merged.words.find_all(words)] += other.counts
        else:
            merged.counts = None
        return merged

    def _select(self, rows: Rows) -> Self:
        """Return a set of the words of these rows, in this order, in memory of its own."""
        new = type(self)._from_parts(self.words.take(rows), self._take(rows), None, self.metadata)
        new.expandos.update({attr: values[rows] for attr, values in self._per_word()})
        for name, factors in self.locks().items():
            per_word = len(factors) > 1 and name in self.word_locks()
            setattr(new, name, factors[rows] if per_word else factors.copy())
        return new
