"""TrainConfig: every hyper-parameter of training, its default and its check, once."""

import dataclasses
import math
import os
from typing import Any

MAX_NEGATIVE = 60
"""Most negatives a centre; the kernels' tables are of this size (types.pxd)."""


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What training does. Names and defaults are gensim's.

    Parameters
    ----------
    vector_size : int
        Dimensions of a vector.
    window : int
        Greatest distance between a word and its context, in words that subsampling has kept.
    shrink_windows : bool
        Draw each centre's window uniformly from 1 ... `window`, so that near words count more.
    sample : float
        Threshold of subsampling: words of a higher relative frequency are dropped at random; 0 keeps all.
        From 1 on it is a count in place of a frequency.
    sg : int
        1: skip-gram, the words around are predicted from a word; 0: CBOW, a word from the words around it.
    hs : int
        1: hierarchical softmax over a Huffman tree of the words, beside negative sampling or, with `negative` 0, in
        its place.
    negative : int
        Noise words a centre, 0 ... 60; 0: no negative sampling.
    cbow_mean : int
        1: CBOW's hidden row is the mean of the contexts' rows; 0: their sum.
    cbow_classic : bool
        CBOW as word2vec.c and gensim have it: the hidden row's gradient is added to each context whole where the row is
        a mean, and divided by the number of contexts where it is a sum. False: the other way round, as the derivative
        has it (Irsoy, Benton, Stratos, "Corrected CBOW Performs as well as Skip-gram", 2021); it needs a learning rate
        several times as high (docs/models.md).
    ns_exponent : float
        Noise words are drawn in proportion to their count to this power.
    alpha, min_alpha : float
        Learning rate at the start and at the end; it falls linearly with the words seen.
    epochs : int
        Passes over the corpus.
    workers : int, optional
        Threads; all cores that the process may use where None.
    seed : int
        Of the random numbers. One worker and one seed give the same bits every time.

    Raises
    ------
    ValueError, TypeError
        For a value out of its range, naming both.
    """

    vector_size: int = 100
    window: int = 5
    shrink_windows: bool = True
    sample: float = 1e-3
    sg: int = 0
    hs: int = 0
    negative: int = 5
    cbow_mean: int = 1
    cbow_classic: bool = True
    ns_exponent: float = 0.75
    alpha: float = 0.025
    min_alpha: float = 1e-4
    epochs: int = 5
    workers: int | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        self._check_int("vector_size", 1, 1 << 20)
        self._check_int("window", 1, 10_000)
        for name in ("sg", "hs", "cbow_mean"):
            object.__setattr__(self, name, int(bool(getattr(self, name))))
        self._check_int("negative", 0, MAX_NEGATIVE)
        if not self.hs and not self.negative:
            raise ValueError(
                "hs=0 and negative=0: choose hs=1, or negative from 1 on, else there is nothing to train"
            )
        self._check_int("epochs", 1, 1 << 31)
        self._check_int("seed", -(1 << 63), (1 << 64) - 1)
        if self.workers is not None:
            self._check_int("workers", 1, 4096)
        self._check_number("sample", 0.0, math.inf)
        self._check_number("ns_exponent", -10.0, 10.0)
        self._check_number("alpha", 0.0, 1e6)
        self._check_number("min_alpha", 0.0, 1e6)

    def _check_int(self, name: str, low: int, high: int) -> None:
        value: Any = getattr(self, name)
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{name}={value!r}: an integer is needed")
        if not low <= value <= high:
            raise ValueError(f"{name}={value!r}: it must lie in {low} ... {high}")
        object.__setattr__(self, name, int(value))

    def _check_number(self, name: str, low: float, high: float) -> None:
        value: Any = getattr(self, name)
        if isinstance(value, bool) or not hasattr(value, "__float__"):
            raise TypeError(f"{name}={value!r}: a number is needed")
        number = float(value)
        if not low <= number <= high or math.isinf(number):
            raise ValueError(f"{name}={value!r}: it must lie in {low} ... {high}")
        object.__setattr__(self, name, number)

    @property
    def threads(self) -> int:
        """The number of threads that training uses."""
        return self.workers or available_cores()
