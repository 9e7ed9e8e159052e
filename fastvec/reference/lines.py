"""Plain twin of `_core._lines`: lines of a word and numbers, as text."""

import re

import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(rb"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def parse(
    data: NDArray[np.uint8], ended: bool, out: NDArray[np.float64], bounds: NDArray[np.int64]
) -> tuple[int, int, int]:
    """Read lines. See the compiled twin, which leaves some numbers to the caller that are read here."""
    room, width = out.shape
    if bounds.shape != (room, 2):
        raise ValueError(f"bounds of {bounds.shape[0]} x {bounds.shape[1]} for {room} lines")
    raw, at, lines = data.tobytes(), 0, 0
    while width and lines < room and at < len(raw):
        stop = raw.find(b"\n", at)
        if stop < 0 and not ended:
            break
        after = len(raw) if stop < 0 else stop + 1
        word, _, rest = raw[at:after].rstrip().partition(b" ")
        fields = rest.split()
        if len(fields) != width or not all(map(_NUMBER.fullmatch, fields)):
            return lines, at, after - at
        bounds[lines] = at, at + len(word)
        out[lines] = list(map(float, fields))
        lines, at = lines + 1, after
    return lines, at, 0
