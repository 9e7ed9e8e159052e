"""The .fvec file: words, their index, counts and vectors in one file that is mapped, not parsed (docs/file-format.md).

The container, named arrays with checksums, is `tensors`.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastvec.quantised import Quantised
from fastvec.tensors import Array, StrPath, Tensors, fail, open_tensors, save_tensors
from fastvec.words import WordTable, index_size

Shape = tuple[int | None, ...]

VERSION = "1"
AT_HEADER = 8
"""Where the header's text begins: the place of what it says wrongly."""
EXTRA = {"output_vectors": True, "node_vectors": True, "vectors_vocab": True, "vectors_ngrams": False}
"""Matrices that a file may hold beside the vectors, float32 and as wide; and whether they have one row a word."""
LOCKS = ("vectors_lockf", "vectors_vocab_lockf", "vectors_ngrams_lockf")
"""Factors of the updates in training, which it may hold as well, float32 (1,) or (rows,) of the matrix of that name."""


class Vectors(NamedTuple):
    """What a .fvec file holds."""

    words: WordTable
    vectors: Any
    """float array of (V, D), or Quantised"""
    counts: NDArray[np.int64] | None
    """int64 (V,)"""
    metadata: dict[str, str]
    extra: dict[str, Array]
    """Those of the arrays of `EXTRA` and `LOCKS` that the file holds"""


def looks_like(head: bytes) -> bool:
    """Tell from its first nine bytes whether a file may be a .fvec file."""
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32


def save_vectors(
    path: StrPath,
    words: WordTable,
    vectors: Array | Quantised,
    counts: NDArray[np.int64] | None = None,
    metadata: Mapping[str, str] | None = None,
    *,
    extra: Mapping[str, Array] | None = None,
) -> None:
    """Write a .fvec file, atomically.

    Parameters
    ----------
    path : str or path
    words : WordTable
        V words.
    vectors : float array of (V, D), or Quantised
        Any strides; float16, float64 and int8 with scales stay what they are, other types become float32.
    counts : int64 array of V, optional
    metadata : mapping of str to str, optional
    extra : mapping of str to float array, optional
        Other arrays, by their names in `EXTRA`: (V, D), or for ``vectors_ngrams`` any number of rows of D; and in
        `LOCKS`. They become float32.

    Raises
    ------
    ValueError
        Words, vectors and counts are not of one number, or another matrix has an unknown name or does not fit them.
    OSError
        The file cannot be written; what was there before stays whole.
    """
    if vectors.ndim != 2 or len(vectors) != len(words) or (counts is not None and len(counts) != len(words)):
        raise ValueError(f"{len(words)} words, vectors of shape {vectors.shape}: one row a word is needed")
    extra = extra or {}
    names = (*EXTRA, *LOCKS)
    if not extra.keys() <= set(names):
        raise ValueError(f"{sorted(extra.keys() - set(names))}: a .fvec file keeps only {', '.join(names)}")
    for name, array in extra.items():
        if not _fits(array, _extra_shape(name, vectors)):
            raise ValueError(f"{name} of {array.shape} does not fit vectors of {vectors.shape}")
    tensors: dict[str, Array] = {"words": words.text, "offsets": words.offsets, "index": words.slots}
    if counts is not None:
        tensors["counts"] = np.asarray(counts, np.int64)
    tensors |= {name: extra[name].astype(np.float32, copy=False) for name in names if name in extra}
    if isinstance(vectors, Quantised):
        tensors |= {"scales": vectors.scales, "vectors": vectors.codes}
    else:
        kept = vectors.dtype in (np.float16, np.float64)
        tensors["vectors"] = vectors if kept else vectors.astype(np.float32, copy=False)
    save_tensors(path, tensors, {**(metadata or {}), "fvec_version": VERSION})


def open_vectors(path: StrPath, *, mmap: bool = True, verify: bool = False) -> Vectors:
    """Open a .fvec file; what is read of it is the header and a few numbers.

    Parameters
    ----------
    path : str or path
    mmap : bool
        Map the file, read-only; else read it into memory of its own.
    verify : bool
        Read everything and compare it with the checksums.

    Raises
    ------
    FormatError
        The file is no .fvec file, truncated or damaged.
    """
    tensors = open_tensors(path, mmap=mmap, verify=verify)
    version = tensors.metadata.pop("fvec_version", None)
    if version != VERSION:
        reason = (
            "a safetensors file without words" if version is None else f"version {version!r} is not known"
        )
        fail(path, AT_HEADER, f"no .fvec file that this fastvec reads: {reason}")
    if not tensors.checked:
        fail(path, AT_HEADER, "the header lost its checksum: damaged, or written by others")
    vectors: Array | Quantised
    if "scales" in tensors:
        codes = _take(tensors, "vectors", "i1", (None, None), path)
        scales = _take(tensors, "scales", "f4", (len(codes),), path)
        if not ((scales >= 0) & (scales < np.inf)).all():
            fail(path, AT_HEADER, "scales that are negative or not finite")
        vectors = Quantised(codes, scales)
    else:
        vectors = _take(tensors, "vectors", "f", (None, None), path)
    n = len(vectors)
    if n >= 1 << 31:
        fail(path, AT_HEADER, f"{n} words; the index holds fewer than 2^31")
    text = _take(tensors, "words", "u1", (None,), path)
    offsets = _take(tensors, "offsets", "i8", (n + 1,), path)
    slots = _take(tensors, "index", "i4", (index_size(n), 2), path)
    counts = _take(tensors, "counts", "i8", (n,), path) if "counts" in tensors else None
    extra = {
        name: _take(tensors, name, "f4", _extra_shape(name, vectors), path)
        for name in (*EXTRA, *LOCKS)
        if name in tensors
    }
    if offsets[0] != 0 or offsets[n] != len(text):
        fail(path, AT_HEADER, f"words end at {offsets[n]}, their text has {len(text)} bytes")
    words = WordTable(text, offsets, slots, os.fspath(path))
    if verify:
        words.check()
    return Vectors(words, vectors, counts, tensors.metadata, extra)


def _extra_shape(name: str, vectors: Array | Quantised) -> Shape:
    """Return the shape that the array `name` must have beside `vectors`; None is any number."""
    if name in LOCKS:
        return (None,)
    return len(vectors) if EXTRA[name] else None, vectors.shape[1]


def _fits(array: Array, shape: Shape) -> bool:
    return array.ndim == len(shape) and all(b in (None, a) for a, b in zip(array.shape, shape, strict=True))


def _take(tensors: Tensors, name: str, kind: str, shape: Shape, path: StrPath) -> Array:
    """Return the tensor `name` if it has the `kind` (a type, or f for any float type) and the `shape`."""
    array = tensors.get(name)
    if array is None:
        fail(path, AT_HEADER, f"tensor {name!r} is missing")
    if not _fits(array, shape) or (array.dtype.kind if kind == "f" else array.dtype.str[1:]) != kind:
        fail(path, AT_HEADER, f"tensor {name!r} is {array.dtype} {array.shape}, expected {kind} {shape}")
    return array
