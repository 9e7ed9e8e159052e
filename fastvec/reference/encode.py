"""Plain twin of `_core._encode`: valid text, and from one numbering of the words to another."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec.reference.vocab import Found, Progress


def check_utf8(data: Any) -> int:
    """Return the position of the first byte that is not UTF-8, or -1."""
    try:
        bytes(data).decode()
    except UnicodeDecodeError as problem:
        return problem.start
    return -1


def remap(ids: NDArray[np.int32], mapping: NDArray[np.int32], out: NDArray[np.int32]) -> Found:
    """Write ``mapping[id]`` for each id to `out`, but no -1 of it; sentences left empty vanish."""
    if len(out) < len(ids):
        raise ValueError(f"out: {len(out)} places for {len(ids)} ids")
    seen = Progress(out, False)
    for i in ids.tolist():
        if i < 0:
            seen.end_line()
            continue
        seen.words += 1
        if mapping[i] >= 0:
            seen.pending = True
            seen.write(mapping[i])
    seen.stop = len(ids)
    return seen.answer()


def check_ids(ids: NDArray[np.int32], n_words: int, pending: bool = False) -> tuple[int, int]:
    """Return ``(bad, sentences)``: the first id out of place, or -1, and the number of -1s before it."""
    sentences = 0
    for at, i in enumerate(ids.tolist()):
        if i < -1 or i >= n_words or (i == -1 and not pending):
            return at, sentences
        pending = i != -1
        sentences += not pending
    return -1, sentences
