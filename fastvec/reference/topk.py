"""Twin of ``_core/_topk_*``: exact search over part of a matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

BYTES = 0
"""The greatest `way` of a scan: floats."""
LEAST_NORM = 1e-35
"""Rows that are shorter count as zeros, as in the kernel."""


def scan(
    rows: Bytes,
    kind: str,
    norms: Floats | None,
    scales: Floats | None,
    first: int,
    queries: Floats,
    exclude: Ids,
    ids: Ids,
    best: Floats,
    way: int = 0,
) -> None:
    """Bring the scores of `rows` with `queries` into the heaps `ids` and `best`.

    Parameters
    ----------
    rows : uint8 array of (n, bytes)
        The numbers of each row, of `kind`.
    kind : {"f4", "f2", "i1"}
    norms : float32 array of n, or None
        None: they are computed.
    scales : float32 array of n, or None
        What the numbers of a row are to be multiplied with.
    first : int
        Number of the first row. Calls on the same heaps go upwards.
    queries : float32 array of (Q, D)
    exclude : int64 array of (Q, E)
        Rows that a query must not find.
    ids, best : int64 and float32 arrays of (Q, k)
        Begin as -1 and -inf. The worst pair of a query stands first.
    way : int
        Of the kernel; here there is one.
    """
    _check(rows, norms, scales)
    values = _floats(rows, kind)
    if queries.shape[1] != values.shape[1] or len(exclude) != len(queries) or ids.shape != best.shape:
        raise ValueError(
            f"queries of {queries.shape} do not fit rows of {values.shape[1]} or the other arrays"
        )
    if norms is None:
        norms = np.empty(len(rows), np.float32)
        fill_norms(rows, kind, None, norms)
    with np.errstate(all="ignore"):
        factor = np.where(norms > 0, (1 if scales is None else scales) / norms, 0).astype(np.float32)
        scores = (queries @ values.T) * factor
    numbers = np.arange(first, first + len(rows))
    for query, hidden in enumerate(exclude):
        scores[query, np.isin(numbers, hidden)] = -np.inf
        found = np.concatenate([best[query], scores[query]])
        places = np.concatenate([ids[query], numbers])
        good = found > -np.inf
        order = np.flatnonzero(good)[np.lexsort((places[good], -found[good]))][: ids.shape[1]][::-1]
        missing = ids.shape[1] - len(order)
        ids[query] = np.concatenate([np.full(missing, -1), places[order]])
        best[query] = np.concatenate([np.full(missing, -np.inf, np.float32), found[order]])


def fill_norms(rows: Bytes, kind: str, scales: Floats | None, norms: Floats) -> None:
    """Write the Euclidean norm of each row to `norms`, float32 (n,); the other parameters are those of `scan`."""
    _check(rows, norms, scales)
    values = _floats(rows, kind)
    with np.errstate(all="ignore"):
        norms[:] = np.sqrt(np.einsum("ij,ij->i", values, values, dtype=np.float64))
        norms[norms < LEAST_NORM] = 0
        if scales is not None:
            norms *= np.abs(scales)


def _floats(rows: Bytes, kind: str) -> Floats:
    values: NDArray[Any] = np.ascontiguousarray(rows).view({"f4": "f4", "f2": "f2", "i1": "i1"}[kind])
    return values.astype(np.float32)


def _check(rows: Bytes, *each: Floats | None) -> None:
    if any(numbers is not None and len(numbers) != len(rows) for numbers in each):
        raise ValueError(f"norms and scales: one of each of {len(rows)} rows is needed")
