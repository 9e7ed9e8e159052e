"""Plain twin of `_core._gather`: rows from anywhere in a matrix, copied or added up."""

import numpy as np
from numpy.typing import NDArray

from fastvec.reference.topk import LEAST_NORM


def take(rows: NDArray[np.uint8], ids: NDArray[np.int32], out: NDArray[np.uint8]) -> int:
    """Copy row ``ids[i]`` of `rows` (bytes) to ``out[i]``; return -1, or the first i whose row is not there."""
    if out.shape != (len(ids), rows.shape[1]):
        raise ValueError(f"{len(ids)} rows of {rows.shape[1]} bytes do not fit {out.shape}")
    for i, row in enumerate(ids.tolist()):
        if not 0 <= row < len(rows):
            return i
        out[i] = rows[row]
    return -1


def add_up(
    rows: NDArray[np.float32],
    unit: bool,
    bounds: NDArray[np.int64],
    ids: NDArray[np.int32],
    weights: NDArray[np.float32],
    out: NDArray[np.float32],
) -> int:
    """Write the weighted sum of each bag of rows to ``out[i]``; return -1, or the first impossible bag."""
    if len(bounds) != len(out) + 1 or rows.shape[1] != out.shape[1] or len(weights) != len(ids):
        raise ValueError(
            f"{len(bounds) - 1} bags of {len(ids)} ids, {len(weights)} weights, rows of {rows.shape[1]}: "
            f"they do not fit each other, or sums of {out.shape}"
        )
    for i in range(len(out)):
        a, b = bounds[i : i + 2].tolist()
        if not 0 <= a <= b <= len(ids):
            return i
        total = np.zeros(out.shape[1], np.float32)
        for row, weight in zip(ids[a:b].tolist(), weights[a:b], strict=True):
            if row >= len(rows):
                return i
            if row >= 0:
                length = np.linalg.norm(rows[row].astype(np.float64)) if unit else 0
                length = 0 if length < LEAST_NORM else min(length, np.finfo(np.float32).max)
                total += (weight / np.float32(length) if length > 0 else weight) * rows[row]
        out[i] = total
    return -1
