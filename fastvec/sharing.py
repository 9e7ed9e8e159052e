"""How KeyedVectors go to other processes: those of a mapped file as its path, others as their arrays."""

import copy
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from fastvec import store
from fastvec.errors import FormatError
from fastvec.vecattrs import VectorAttributes

DERIVED = frozenset({"_view", "_finder", "_rooms", "_held", "_file", "_index"})
"""Attributes that follow from others, or that hold only here."""


class File(NamedTuple):
    """A .fvec file, and what tells it from others at the same path: its length and its header, with all checksums."""

    path: str
    size: int
    header: int

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> "File":
        """Look at the file that is there now."""
        with Path(path).open("rb") as file:
            head = file.read(8)
            head += file.read(min(int.from_bytes(head, "little"), 1 << 20))
            # Without "..", which Path.absolute would leave, and with symbolic links, which Path.resolve would follow.
            return cls(os.path.abspath(path), os.fstat(file.fileno()).st_size, zlib.crc32(head))  # noqa: PTH100


class Held(NamedTuple):
    """Stands in a pickle for something that the file holds, by its name there."""

    name: str


class Sharing(VectorAttributes):
    """Pickling and copying.

    A pickle of vectors of a mapped file holds its path, not the arrays, and maps it again where it is loaded: all
    worker processes of `multiprocessing` or Ray on a machine read the same memory. What was set since (attributes,
    other vectors) goes along. Where another file has come to stand at the path, the arrays are put into the pickle;
    and to load a pickle whose file has changed since raises a FormatError. Nothing here reads pickles from files.
    """

    _file: File | None = None
    _held: Mapping[str, Any] | None = None

    def _remember(self, file: File, held: store.Vectors) -> None:
        """Take note that parts of this object are those of a mapped file."""
        self._file, self._held = file, _parts(held)

    def _state(self, by_path: bool) -> dict[str, Any]:
        """Return the attributes; with `by_path`, what is in the mapped file by its name there."""
        _ = self.words  # words that were added become part of the table
        state = {name: value for name, value in self.__dict__.items() if name not in DERIVED}
        state["_expandos"] = dict(self.expandos)
        if by_path and self._held is not None and self._is_there():
            names = {id(value): Held(name) for name, value in self._held.items()}
            state = {name: names.get(id(value), value) for name, value in state.items()}
            state["_expandos"] = {n: names.get(id(v), v) for n, v in state["_expandos"].items()}
            state |= {name: None for name in ("_norms", "_bags") if name in state}  # quickly computed anew
            state["_file"] = self._file
        return state

    def _is_there(self) -> bool:
        try:
            return self._file is not None and File.at(self._file.path) == self._file
        except OSError:
            return False

    def __getstate__(self) -> dict[str, Any]:
        return self._state(by_path=True)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        file = state.pop("_file", None)
        if file is not None:
            held = store.open_vectors(file.path)
            if File.at(file.path) != file:
                raise FormatError(
                    f"{file.path}: another file than the one whose vectors were pickled; pickle kv.copy() to send the "
                    "vectors themselves"
                )
            self._remember(file, held)
            state = {name: self._opened(value) for name, value in state.items()}
            state["_expandos"] = {name: self._opened(v) for name, v in state["_expandos"].items()}
        self.words, self.vectors = state.pop("_table"), state.pop("_vectors")
        for name in ("_count", "_added"):
            state.pop(name)
        self.__dict__.update(state)

    def _opened(self, value: Any) -> Any:
        return self._held[value.name] if isinstance(value, Held) and self._held is not None else value

    def copy(self) -> Self:
        """Return a copy in memory, with vectors that can be changed, that shares nothing with these."""
        new = type(self).__new__(type(self))
        new.__setstate__(copy.deepcopy(self._state(by_path=False)))
        return new


def _parts(held: store.Vectors) -> dict[str, Any]:
    parts = {"words": held.words, "vectors": held.vectors, "counts": held.counts, **held.extra}
    return {name: part for name, part in parts.items() if part is not None}
