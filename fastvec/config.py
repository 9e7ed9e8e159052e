"""TrainConfig: every hyper-parameter of training, its default and its check, once; and the checks of other options.

A check returns the value as a plain int, float, bool or str, whatever scalar it came as, for it goes into files.
"""

import dataclasses
import math
import operator
import os
from collections.abc import Callable, Iterator
from typing import Any

MAX_NEGATIVE = 60
"""Most negatives a centre; the kernels' tables are of this size (types.pxd)."""
UNBOUNDED = 1 << 62
"""Beyond what any number of rows, words or bytes can be."""
TREES = ("spelling", "counts")
"""Huffman trees of hierarchical softmax, the default first."""
MOST_COUNTED = 1 << 62
"""What the counts of all words may add up to."""
LARGEST = 1e4
"""Numbers beyond this (and NaN) mean that training has diverged: a score of some 20 is as good as certain."""


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_array(value: Any) -> bool:
    return getattr(value, "shape", ()) != ()


def checked_int(name: str, value: Any, low: int = -UNBOUNDED, high: int = UNBOUNDED) -> int:
    """Return an integer of any type as an int, if it lies in ``low ... high``; else raise TypeError or ValueError."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or _is_array(value):
        raise TypeError(f"{name}={value!r}: an integer is needed")
    if not low <= value <= high:
        raise ValueError(f"{name}={value!r}: it must lie in {low} ... {high}")
    return operator.index(value)


def checked_workers(workers: Any, name: str = "workers") -> int:
    """Return the number of threads to use: `workers`, or the cores this process may use where it is None."""
    return available_cores() if workers is None else checked_int(name, workers, 1, 4096)


def check_integers(**given: Any) -> None:
    """Raise TypeError where an argument is neither None nor an integer of any type."""
    for name, value in given.items():
        if value is not None:
            checked_int(name, value)


def checked_items(name: str, value: Any, needed: str) -> Iterator[Any]:
    """Return an iterator over `value`; raise TypeError, which tells what is needed, where it is no iterable."""
    try:
        return iter(value)
    except TypeError:
        raise TypeError(f"{name}={value!r}: {needed} is needed") from None


def checked_number(name: str, value: Any, low: float, high: float) -> float:
    """Return a finite number of any type as a float, if it lies in ``low ... high``; else raise as `checked_int`."""
    if isinstance(value, bool) or not hasattr(value, "__float__") or _is_array(value):
        raise TypeError(f"{name}={value!r}: a number is needed")
    number = float(value)
    if not low <= number <= high or math.isinf(number):
        raise ValueError(f"{name}={value!r}: it must lie in {low} ... {high}")
    return number


def checked_flag(name: str, value: Any) -> bool:
    """Return a switch as a bool: any number or truth value, but no text, of which "0" would be true."""
    if not hasattr(value, "__bool__") or _is_array(value):
        raise TypeError(f"{name}={value!r}: True or False, 1 or 0 is needed")
    return bool(value)


def checked_text(name: str, value: Any) -> str:
    """Return a text as a str; raise TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{name}={value!r}: a str is needed, as {name}={str(value)!r}")
    return str(value)


def checked_tree(name: str, value: Any) -> str:
    """Return one of `TREES`; raise TypeError or ValueError for anything else."""
    if checked_text(name, value) not in TREES:
        raise ValueError(f"{name}={value!r}: choose one of {', '.join(TREES)}")
    return str(value)


Check = Callable[[str, Any], Any]


def _int(low: int, high: int) -> Check:
    return lambda name, value: checked_int(name, value, low, high)


def _number(low: float, high: float) -> Check:
    return lambda name, value: checked_number(name, value, low, high)


def _optional(check: Check) -> Check:
    return lambda name, value: None if value is None else check(name, value)


def _switch(name: str, value: Any) -> int:
    return int(checked_flag(name, value))


_CHECKS: dict[str, Check] = {
    "vector_size": _int(1, 1 << 20),
    "window": _int(1, 10_000),
    "shrink_windows": checked_flag,
    "sample": _number(0.0, math.inf),
    "sg": _switch,
    "hs": _switch,
    "hs_tree": checked_tree,
    "negative": _int(0, MAX_NEGATIVE),
    "cbow_mean": _switch,
    "cbow_classic": checked_flag,
    "ns_exponent": _number(-10.0, 10.0),
    "alpha": _number(0.0, 1e6),
    "min_alpha": _number(0.0, 1e6),
    "epochs": _int(1, 1 << 31),
    "workers": _optional(_int(1, 4096)),
    "seed": _int(-(1 << 63), (1 << 64) - 1),
}
_COUNT = _int(0, UNBOUNDED)
MODEL_OPTIONS: dict[str, Check] = {
    "min_count": _COUNT,
    "max_vocab_size": _optional(_int(1, UNBOUNDED)),
    "max_final_vocab": _optional(_int(1, UNBOUNDED)),
    "effective_min_count": _COUNT,
    "comment": _optional(checked_text),
    "compute_loss": checked_flag,
    "min_alpha_yet_reached": _number(0.0, 1e6),
    "train_count": _COUNT,
    "sorted_vocab": _switch,
    "null_word": _switch,
    "batch_words": _int(1, UNBOUNDED),
}
"""Attributes of a model beside its `TrainConfig` that are kept in files, and what checks them. The last three do
nothing."""


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
    hs_tree : {"spelling", "counts"}
        Which of the Huffman trees, all of the least mean depth. "spelling": words of the same depth stand by their
        spelling, so that those that begin alike share nodes, which makes better vectors (docs/architecture.md);
        "counts": that of word2vec.c and fastText.
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
    hs_tree: str = TREES[0]
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
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        if not self.hs and not self.negative:
            raise ValueError(
                "hs=0 and negative=0: choose hs=1, or negative from 1 on, else there is nothing to train"
            )

    @property
    def threads(self) -> int:
        """The number of threads that training uses."""
        return self.workers or available_cores()
