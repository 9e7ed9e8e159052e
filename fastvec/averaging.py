"""The merge of replicas: by how much each replica's change to a row counts.

Replicas of rows diverge for a while, then exchange what changed: ``shared += scale * (mine - base)`` for each
replica. A row that was updated a few times since the last merge is summed (scale 1), as one process would have done; a
row that has long settled since would overshoot by summing, and is averaged (scale 1/n). Between the two:

    scale = clamp(settled / U, 1/n, 1),    U = updates the row is expected to get between two merges, in all replicas

An update is the larger, the higher the learning rate and the wider the windows: so many fewer of them settle a row.
"""

import numpy as np
from numpy.typing import NDArray

from fastvec.config import TrainConfig
from fastvec.vocab import Huffman

SETTLED = 512.0
"""Updates between two merges from which on a row counts as settled, at a learning rate of 0.025 and windows of three
words on each side, the mean of gensim's defaults; measured, docs/architecture.md."""


def expected_updates(
    counts: NDArray[np.int64],
    kept: NDArray[np.float64],
    config: TrainConfig,
    tree: Huffman | None = None,
    *,
    bags: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the updates that each row of input, output and nodes gets for one centre of the corpus, on average.

    An array is empty where there are no such rows, or, for the input rows of `bags`, where frequency does not order
    them.

    Parameters
    ----------
    counts : int64 array of words
    kept : float64 array of words
        Probability that subsampling keeps a token.
    """
    at_least_once = np.maximum(counts, 1).astype(np.float64)
    share = at_least_once * kept
    share /= max(share.sum(), 1e-300)  # nothing may be kept at all
    inputs = outputs = nodes = np.empty(0, np.float64)
    if not bags:
        inputs = 2 * mean_window(config) * share
    if config.negative:
        noise = at_least_once**config.ns_exponent
        outputs = share + config.negative * noise / noise.sum()
    if config.hs and tree is not None:
        steps = np.repeat(share, np.diff(tree.offsets))
        nodes = np.bincount(tree.path >> 1, steps, len(counts)).astype(np.float64)
    return inputs, outputs, nodes


def merge_intervals(parts: int) -> NDArray[np.int32]:
    """Return how many intervals lie between two merges of each part of the hot rows: int32 array of `parts`.

    Rows stand in the order of frequency, and by Zipf's law the last row of part p is updated 1 / (p + 1) times as often
    as that of part 0: powers of two up to p + 1, so that merges of different parts spread over the intervals.
    """
    return np.array([1 << (part + 1).bit_length() - 1 for part in range(parts)], np.int32)


def mean_window(config: TrainConfig) -> float:
    """Return the mean number of words that a window has on each side."""
    return (config.window + 1) / 2 if config.shrink_windows else config.window


def settled_updates(config: TrainConfig) -> float:
    """Return the updates between two merges from which on a row counts as settled."""
    return SETTLED * (0.025 * 3) / max(config.alpha * mean_window(config), 1e-9)


def damped_scale(updates: NDArray[np.float64], replicas: int, settled: float) -> NDArray[np.float32]:
    """Return the scale of each row, given the `updates` it is expected to get between merges, in all `replicas`."""
    return np.clip(settled / np.maximum(updates, settled), 1 / replicas, 1).astype(np.float32)
