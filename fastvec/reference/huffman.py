"""Plain twin of _core/_huffman.pyx: the same tree, by a heap."""

import heapq

import numpy as np
from numpy.typing import NDArray


def measure(
    counts: NDArray[np.int64],
    weights: NDArray[np.int64],
    parents: NDArray[np.int32],
    offsets: NDArray[np.int64],
) -> bool:
    """Build the tree; return False where counts do not fall. See the compiled twin."""
    n = len(counts)
    if len(weights) < n or len(parents) != 2 * n or len(offsets) != n + 1:
        raise ValueError("weights, parents or offsets are not of the size of counts")
    if (np.diff(counts) > 0).any():
        return False
    # Equal counts: inner nodes before words, rarer and older ones first.
    heap = [(max(int(counts[i]), 1), 1, n - i, i) for i in range(n)]
    heapq.heapify(heap)
    parents[:] = -1
    for k in range(n - 1):
        total = 0
        for side in range(2):
            count, _, _, i = heapq.heappop(heap)
            parents[i] = 2 * (n - 2 - k) + side
            total += count
        heapq.heappush(heap, (total, 0, k, n + n - 2 - k))
    offsets[0] = 0
    for i in range(n):
        step, length = parents[i], 0
        while step >= 0:
            step, length = parents[n + (step >> 1)], length + 1
        offsets[i + 1] = offsets[i] + length
    return True


def pair_levels(
    offsets: NDArray[np.int64],
    words: NDArray[np.int64],
    ranks: NDArray[np.int64],
    first: NDArray[np.int64],
    parents: NDArray[np.int32],
) -> None:
    """Put the words into another tree of the same depths. See the compiled twin."""
    n, depths = len(words), np.diff(offsets)
    if len(offsets) != n + 1 or len(ranks) != n or len(first) != n or len(parents) != 2 * n:
        raise ValueError("offsets, ranks, first or parents are not of the size of words")
    parents[:] = -1
    node, level = n - 2, list[tuple[int, int]]()  # (rank, place in `parents`)
    for depth in range(depths.max(initial=0), 0, -1):
        level = sorted(level + [(int(ranks[i]), i) for i in np.flatnonzero(depths == depth).tolist()])
        above = []
        for left, right in zip(level[::2], level[1::2], strict=True):
            parents[left[1]], parents[right[1]] = 2 * node, 2 * node + 1
            above.append((left[0], n + node))
            node -= 1
        level = above
    if node >= 0:
        raise ValueError("the words' depths are not those of a tree")


def fill(
    parents: NDArray[np.int32], offsets: NDArray[np.int64], words: NDArray[np.int64], path: NDArray[np.int32]
) -> None:
    """Write each word's path from the root. See the compiled twin."""
    n = len(offsets) - 1
    if len(parents) != 2 * n or len(words) != n or len(path) != offsets[n]:
        raise ValueError("parents, words or path are not of the size of offsets")
    for i in words.tolist():
        step = parents[i]
        for at in range(int(offsets[i + 1]) - 1, int(offsets[i]) - 1, -1):
            path[at] = step
            step = parents[n + (step >> 1)]
