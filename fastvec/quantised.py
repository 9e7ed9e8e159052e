"""Quantised: a matrix of int8 with one scale a row, a quarter of float32's size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 127
ROWS_AT_ONCE = 1 << 12


class Quantised:
    """Rows of int8, each with a scale: row i stands for ``codes[i] * scales[i]``.

    Indexing gives float32 rows, and numpy takes the whole for a float32 matrix, which is made then; searches read the
    codes.

    Parameters
    ----------
    codes : int8 array of (V, D)
    scales : float32 array of V

    Raises
    ------
    ValueError
        If types or shapes are others.
    """

    __slots__ = ("code_norms", "codes", "scales")
    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, codes: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        if (
            codes.dtype != np.int8
            or codes.ndim != 2
            or scales.dtype != np.float32
            or scales.shape != codes.shape[:1]
        ):
            raise ValueError(
                f"codes: {codes.dtype} {codes.shape}, scales: {scales.dtype} {scales.shape}; "
                "int8 (V, D) and float32 (V,) are needed"
            )
        self.codes = np.ascontiguousarray(codes)
        self.scales = np.ascontiguousarray(scales)
        self.code_norms: NDArray[np.float32] | None = None
        """Norms of the rows of `codes`, float32 (V,), once a search has needed them."""

    @classmethod
    def from_rows(cls, vectors: Any) -> "Quantised":
        """Round the rows of a float array (V, D), the greatest number of each to 127 or -127.

        Raises
        ------
        ValueError
            If a number is not finite.
        """
        codes = np.empty(vectors.shape, np.int8)
        scales = np.empty(len(vectors), np.float32)
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            rows = np.asarray(vectors[start : start + ROWS_AT_ONCE], np.float32)
            scale = np.abs(rows).max(axis=1, initial=0) / np.float32(LARGEST)
            if not np.isfinite(scale).all():
                row = start + int(np.argmin(np.isfinite(scale)))
                raise ValueError(f"row {row} holds numbers that are not finite: int8 has none for them")
            divisor = np.where(scale > 0, scale, 1)[:, None]
            codes[start : start + len(rows)] = np.clip(np.rint(rows / divisor), -LARGEST, LARGEST)
            scales[start : start + len(rows)] = scale
        return cls(codes, scales)

    @property
    def shape(self) -> tuple[int, int]:
        """(V, D)"""
        return self.codes.shape

    @property
    def nbytes(self) -> int:
        """Bytes of codes and scales."""
        return self.codes.nbytes + self.scales.nbytes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Return rows as float32: ``[i]``, ``[i:j]`` or ``[array of ids]``."""
        scales = np.asarray(self.scales[rows])
        found: NDArray[np.float32] = self.codes[rows] * scales[..., None]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("quantised vectors are no array: a copy must be made")
        return self[:].astype(dtype or np.float32, copy=False)

    def __repr__(self) -> str:
        return f"Quantised of {self.shape}"


def stored_rows(vectors: Any, rows: Any) -> Any:
    """Return some rows (a slice, or an array of ids) of a matrix as they are stored: codes stay codes."""
    if isinstance(vectors, Quantised):
        return Quantised(vectors.codes[rows], vectors.scales[rows])
    return vectors[rows]
