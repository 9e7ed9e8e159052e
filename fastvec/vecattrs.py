"""What KeyedVectors keeps of each word beside its vector: its count, lock factors, attributes of the user's."""

import os
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fastvec.config import LARGEST
from fastvec.lookup import Array, Key, Lookup
from fastvec.quantised import Quantised
from fastvec.words import WordTable


class Ragged(Sequence[Array]):
    """Arrays of different lengths, end to end in one; the i-th is ``values[offsets[i]:offsets[i + 1]]``."""

    def __init__(self, values: Array, offsets: NDArray[np.int64]) -> None:
        self.values, self.offsets = values, offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, i: int) -> Array: ...
    @overload
    def __getitem__(self, i: slice) -> list[Array]: ...
    def __getitem__(self, i: Any) -> Array | list[Array]:
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        at = range(len(self))[i]
        return self.values[self.offsets[at] : self.offsets[at + 1]]


def check_numbers(words: WordTable, vectors: Array, ids: NDArray[Any] | None = None) -> None:
    """Raise ValueError, which names the word, where a vector holds NaN or numbers beyond `LARGEST`.

    `ids` are the words of the vectors; all in their order where None.
    """
    for start in range(0, len(vectors), 4096):
        good = np.abs(vectors[start : start + 4096]) <= LARGEST
        if not good.all():
            row = start + int(np.flatnonzero(~good.all(axis=1))[0])
            value = vectors[row][~good[row - start]][0]
            raise ValueError(
                f"the vector of {words[row if ids is None else int(ids[row])]!r} holds {value}, but training goes "
                f"by numbers of at most {LARGEST:g}; scale the vectors, or leave that word out"
            )


class VectorAttributes(Lookup):
    """Attributes of each word, and of each row; the methods have gensim's names."""

    _ranks: NDArray[np.int64] | None = None
    """Falling numbers that stand for counts where a file holds none; see `get_vecattr`."""

    @property
    def expandos(self) -> dict[str, Any]:
        """Arrays of V values by the attribute's name: ``"count"``, and what `set_vecattr` was given.

        The vectors of a model with hierarchical softmax have each word's path through the tree, too: ``"code"`` (the
        bits, uint8) and ``"point"`` (the inner nodes, uint32, from the root). Files keep counts alone.
        """
        found: dict[str, Any] = self.__dict__.setdefault("_expandos", {})
        return found

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """How often each word occurred in the corpus, int64 (V,), or None where that is not known."""
        return self.expandos.get("count")

    @counts.setter
    def counts(self, counts: NDArray[np.int64] | None) -> None:
        if counts is None:
            self.expandos.pop("count", None)
        else:
            self.expandos["count"] = counts

    @property
    def vectors_lockf(self) -> NDArray[np.float32]:
        """Factors of the updates in training, float32: (1,) for all rows or (V,), one a row; 0 freezes a row."""
        if "_lockf" not in self.__dict__:
            self.__dict__["_lockf"] = np.ones(1, np.float32)
        found: NDArray[np.float32] = self.__dict__["_lockf"]
        return found

    @vectors_lockf.setter
    def vectors_lockf(self, factors: Any) -> None:
        self.__dict__["_lockf"] = np.atleast_1d(np.asarray(factors, np.float32))

    def allocate_vecattrs(
        self, attrs: Iterable[str] | None = None, types: Iterable[Any] | None = None
    ) -> None:
        """Make arrays of zeros for attributes that are not there yet; without arguments there is nothing to do.

        Raises
        ------
        TypeError
            If an attribute is there with another type.
        """
        for attr, kind in zip(attrs or (), types or (), strict=True):
            dtype = np.dtype(object if kind is str else np.int64 if kind is int else kind)
            held = self.expandos.get(attr)
            if held is None:
                self.expandos[attr] = np.zeros(len(self), dtype)
            elif not isinstance(held, np.ndarray) or not np.issubdtype(dtype, held.dtype):
                raise TypeError(
                    f"Can't allocate type {kind} for attribute {attr}, conflicts with its existing type "
                    f"{getattr(held, 'dtype', 'of paths')}"
                )

    def set_vecattr(self, key: Key, attr: str, val: Any) -> None:
        """Set an attribute of a word, which others then have too: 0, "" or None until it is set.

        Raises
        ------
        KeyError
            If the word is not there.
        TypeError
            If the value is not of the attribute's type.
        """
        index = self.get_index(key)
        self.allocate_vecattrs([attr], [type(val)])
        self._own_attribute(attr)[index] = val

    def _per_word(self) -> list[tuple[str, Array]]:
        """Return the attributes that are one value a word, in arrays."""
        return [(attr, values) for attr, values in self.expandos.items() if isinstance(values, np.ndarray)]

    def _own_attribute(self, attr: str) -> Array:
        """Return an attribute's values, that may be changed."""
        if not self.expandos[attr].flags.writeable:  # of a file, or shared with the vocabulary
            self.expandos[attr] = self.expandos[attr].copy()
        values: Array = self.expandos[attr]
        return values

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """Return an attribute of a word, such as its ``"count"``.

        Of words of a file that holds no counts, ``"count"`` is what gensim makes up for them: V for the first word, 1
        for the last. `counts` stays None then, and files are written without them.

        Raises
        ------
        KeyError
            If the word or the attribute is not there.
        """
        index = self.get_index(key)
        values = self._ranks if attr == "count" and self.counts is None else self.expandos.get(attr)
        if values is None:
            raise KeyError(attr)
        value = values[index]
        return value.item() if isinstance(value, np.generic) else value

    def lock(self, rows: Array, factor: float) -> None:
        """Set the lock factor of some rows."""
        if len(self.vectors_lockf) != len(self):
            if factor == self.vectors_lockf[0]:
                return
            self.vectors_lockf = np.full(len(self), self.vectors_lockf[0])
        self.vectors_lockf[rows] = factor

    def intersect_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        lockf: float = 0.0,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
    ) -> int:
        """Take over the vectors of those words of a file of the word2vec program that are here; return how many.

        Parameters
        ----------
        lockf : float
            Factor of their updates in training from then on: 0 freezes them, 1 lets them learn.
        fname, binary, encoding, unicode_errors
            As for `load_word2vec_format`.

        Raises
        ------
        FormatError
            If the file is damaged.
        ValueError
            If its vectors are of another size.
        """
        from fastvec.formats import word2vec

        words, vectors, _ = word2vec.read(
            fname, binary=binary, encoding=encoding, unicode_errors=unicode_errors
        )
        return self.adopt(words, vectors, lockf)

    def word_locks(self) -> dict[str, NDArray[np.float32]]:
        """Return the lock factors of rows that words have, by the names of their attributes."""
        return {"vectors_lockf": self.vectors_lockf}

    def locks(self) -> dict[str, NDArray[np.float32]]:
        """Return all lock factors by the names of their attributes."""
        return self.word_locks()

    def trained_rows(self) -> dict[str, Array]:
        """Return the matrices that training changes, by the names of their attributes; the words' rows come first."""
        return {"vectors": self.vectors}

    def take_rows(self, other: "Any") -> bool:
        """Take over the rows of vectors of the same words, if they are of the same kind and size; tell whether."""
        if other.vectors.shape != self.vectors.shape:
            return False
        self.vectors[:] = other.vectors
        self._norms = None
        return True

    def adopt(self, words: WordTable, vectors: Array, lockf: float = 1.0) -> int:
        """Take over `vectors`, one a word of `words`, for the words that are here; return how many.

        Parameters
        ----------
        lockf : float
            Factor of their updates in training from then on.

        Raises
        ------
        ValueError
            If the vectors are of another size, or hold numbers that training takes for diverged.
        """
        if vectors.shape[1:] != (self.vector_size,):
            raise ValueError(f"vectors of {vectors.shape[1]} numbers do not fit these of {self.vector_size}")
        theirs = words.find_all(list(self.words))
        mine = np.flatnonzero(theirs >= 0)
        adopted = vectors[theirs[mine]]
        check_numbers(words, adopted, theirs[mine])
        self.vectors[mine] = adopted
        self.lock(mine, lockf)
        self._norms = None
        return len(mine)

    def unit_normalize_all(self) -> None:
        """Scale all vectors to length 1, in place; vectors of a mapped file become a copy. Zero vectors stay.

        There is no sensible training after this.
        """
        scale = np.where(self.norms > 0, self.norms, 1)[:, None]
        if isinstance(self.vectors, Quantised):
            self.vectors = Quantised(
                self.vectors.codes, np.divide(self.vectors.scales, scale[:, 0], dtype=np.float32)
            )
        elif self.vectors.flags.writeable:
            np.divide(self.vectors, scale, out=self.vectors, casting="same_kind")
        else:
            self.vectors = (self.vectors / scale).astype(self.vectors.dtype, copy=False)
        self._norms = None

    def init_sims(self, replace: bool = False) -> None:
        """Compute the norms; with `replace`, `unit_normalize_all`. A name of gensim 3's."""
        _ = self.norms
        if replace:
            self.unit_normalize_all()
