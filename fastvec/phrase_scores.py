"""How phrases are scored. As in `gensim.models.phrases`."""

import inspect
import math
from collections.abc import Callable

NEGATIVE_INFINITY = float("-inf")
Scorer = Callable[..., float]

ENGLISH_CONNECTOR_WORDS = frozenset(
    ["a", "an", "the", "for", "of", "with", "without", "at", "from", "to", "in", "on", "by", "and", "or"]
)
"""Articles, prepositions and conjunctions, which may stand inside a phrase."""

_SCORER_PARAMETERS = (
    "worda_count", "wordb_count", "bigram_count", "len_vocab", "min_count", "corpus_word_count",
)  # fmt: skip


def original_scorer(
    worda_count: float,
    wordb_count: float,
    bigram_count: float,
    len_vocab: float,
    min_count: float,
    corpus_word_count: float,
) -> float:
    """Return (bigram_count - min_count) / (worda_count wordb_count) len_vocab (Mikolov et al. 2013).

    `len_vocab` is the number of different words and phrases; -inf where a word was never seen.
    """
    both = worda_count * wordb_count
    return (bigram_count - min_count) / float(both) * len_vocab if both else NEGATIVE_INFINITY


def npmi_scorer(
    worda_count: float,
    wordb_count: float,
    bigram_count: float,
    len_vocab: float,
    min_count: float,
    corpus_word_count: float,
) -> float:
    """Return ln(p_ab / (p_a p_b)) / -ln p_ab, from -1 to 1, with p = count / corpus_word_count (Bouma 2009).

    -inf for a phrase seen fewer than `min_count` times, and for one that is the whole corpus.
    """
    if bigram_count < min_count or not worda_count * wordb_count * bigram_count:
        return NEGATIVE_INFINITY
    total = float(corpus_word_count)
    p = bigram_count / total
    if p == 1:
        return NEGATIVE_INFINITY
    return math.log(p / ((worda_count / total) * (wordb_count / total))) / -math.log(p)


_BUILT_IN = {"default": original_scorer, "npmi": npmi_scorer}


def checked_scorer(scoring: str | Scorer) -> Scorer:
    """Return the scorer that a name stands for, or a callable that takes what a scorer is given.

    Raises
    ------
    ValueError
        If the name is not known, or the callable has no parameters of the six names.
    """
    if isinstance(scoring, str):
        if scoring not in _BUILT_IN:
            raise ValueError(f"unknown scoring method string {scoring} specified; give 'default' or 'npmi'")
        return _BUILT_IN[scoring]
    if not callable(scoring):
        raise ValueError(f"scoring={scoring!r}: give 'default', 'npmi' or a function")
    names = inspect.signature(scoring).parameters
    missing = [name for name in _SCORER_PARAMETERS if name not in names]
    if missing:
        raise ValueError(f"scoring function missing expected parameters {missing}")
    return scoring
