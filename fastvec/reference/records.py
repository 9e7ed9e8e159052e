"""Plain twin of `_core._records`: records of a binary file."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Bounds = NDArray[np.int64]


def scan(data: Bytes, separator: int, skip: int, size: int, bounds: Bounds) -> tuple[int, int]:
    """Find the records that lie in `data` whole. See the compiled twin."""
    if size < 0 or bounds.shape[1] != 2:
        raise ValueError(f"records of {size} bytes, bounds of {bounds.shape[1]} columns")
    raw, mark = data.tobytes(), bytes([separator])
    at = found = 0
    while found < len(bounds):
        stop = raw.find(mark, at)
        if stop < 0 or len(raw) - stop - 1 < size:
            break
        word = raw[at:stop]
        bounds[found] = stop - len(word.lstrip(bytes([skip]) if skip >= 0 else b"")), stop
        found += 1
        at = stop + 1 + size
    return found, at


def gather(data: Bytes, bounds: Bounds, out: Bytes) -> None:
    """Copy the bytes behind each word and its separator to a row of `out`."""
    size = out.shape[1]
    if bounds.shape[1] != 2 or len(bounds) != len(out):
        raise ValueError(f"{len(bounds)} records for {len(out)} rows")
    for i, at in enumerate(bounds[:, 1].tolist()):
        if not 0 <= at < len(data) - size:
            raise ValueError(f"record {i} lies outside of the data")
    for i, at in enumerate(bounds[:, 1].tolist()):
        out[i] = data[at + 1 : at + 1 + size]


def join(data: Bytes, bounds: Bounds, text: Bytes) -> None:
    """Copy the words to `text`, end to end; it is as long as they are."""
    if bounds.shape[1] != 2:
        raise ValueError(f"bounds of {bounds.shape[1]} columns")
    for i, (start, stop) in enumerate(bounds.tolist()):
        if not 0 <= start <= stop <= len(data):
            raise ValueError(f"word {i} lies outside of the data")
    words = [data[start:stop] for start, stop in bounds.tolist()]
    if sum(map(len, words)) != len(text):
        raise ValueError(f"words that do not fill {len(text)} bytes")
    text[:] = np.concatenate([text[:0], *words])
