"""A model of gensim's in the order of fastvec's: words by falling counts, inner nodes by fastvec's tree."""

import logging

import numpy as np
from numpy.typing import NDArray

from fastvec.formats import StrPath, gensim
from fastvec.formats.gensim import Array, Paths
from fastvec.store import Vectors
from fastvec.vocab import Huffman, Vocab
from fastvec.words import WordTable

logger = logging.getLogger("fastvec.word2vec")

PER_WORD = ("output_vectors", "vectors_vocab")
"""Matrices with a row for each word."""


def read(path: StrPath) -> Vectors:
    """Read a model that gensim has saved, as `store.open_vectors` reads one of fastvec's.

    Inner nodes that gensim made in another way, of words with equal counts, have no counterpart: they begin at zero,
    with a warning in the log.
    """
    held, paths = gensim.read(path, compose=False)
    if held.counts is None or not len(held.counts):
        return held
    extra = dict(held.extra)
    order = np.argsort(-held.counts, kind="stable")
    words, counts = held.words, held.counts[order]
    if (np.diff(order) < 0).any():
        words = WordTable.from_words([held.words.word_bytes(i) for i in order.tolist()])
        extra |= {name: extra[name][order] for name in PER_WORD if name in extra}
    if "node_vectors" in extra:
        tree = Vocab(words, counts, 0, 0).huffman("counts")
        rows = None if paths is None else nodes_of(extra["node_vectors"], _sorted(paths, order), tree)
        if rows is None:
            logger.warning(
                "%s: its Huffman tree is another one than fastvec makes of these counts; the inner nodes begin anew",
                path,
            )
            rows = np.zeros_like(extra["node_vectors"])
        extra["node_vectors"] = rows
    return Vectors(words, held.vectors[order], counts, held.metadata, extra)


def _sorted(paths: Paths, order: NDArray[np.intp]) -> Paths:
    """Return the paths of the words in another order."""
    ends = np.cumsum(paths.lengths)
    lengths = paths.lengths[order]
    shift = (ends - paths.lengths)[order] - (np.cumsum(lengths) - lengths)
    at = np.arange(len(paths.codes)) + np.repeat(shift, lengths)
    return Paths(paths.codes[at], paths.points[at], lengths)


def nodes_of(rows: Array, paths: Paths, tree: Huffman) -> Array | None:
    """Return the rows of the inner nodes in the order of `tree`; None where it is another tree.

    It is the same one if all words pass nodes that correspond. Where both children of a node stand the other way
    round, the bits of all who pass it are inverted, and so is the sign of its row: sigmoid(-x) = 1 - sigmoid(x).
    """
    if not np.array_equal(paths.lengths, np.diff(tree.offsets)):
        return None
    mine, theirs = tree.path >> 1, paths.points
    inverted = (tree.path & 1) != paths.codes
    if len(theirs) and (theirs.min() < 0 or theirs.max() >= len(rows)):
        return None
    place = np.full(len(rows), -1, np.int64)
    place[mine] = theirs
    sign = np.ones(len(rows), np.float32)
    sign[mine[inverted]] = -1
    if not np.array_equal(place[mine], theirs) or not np.array_equal(sign[mine] < 0, inverted):
        return None
    known = place >= 0
    if len(np.unique(place[known])) != known.sum():
        return None
    moved = np.zeros_like(rows)
    moved[known] = rows[place[known]] * sign[known, None]
    return moved
