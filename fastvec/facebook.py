"""Models of the fastText program, in its .bin files: read, trained on, written."""

import logging
import os

import numpy as np

from fastvec.config import LARGEST, MAX_NEGATIVE, MOST_COUNTED, TREES
from fastvec.errors import FormatError
from fastvec.fasttext import FastText
from fastvec.fasttext_vectors import FastTextKeyedVectors
from fastvec.formats import StrPath, fasttext
from fastvec.formats.fasttext import HIERARCHICAL_SOFTMAX, NEGATIVE_SAMPLING, Matrix, Parameters
from fastvec.train import Weights, allocate_rows
from fastvec.vocab import Vocab

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 4096
TREE_COUNTS = 10**15
"""fastText's tree takes counts below this; greater ones end its process, or hang it."""


def load_facebook_vectors(path: StrPath, encoding: str = "utf-8") -> FastTextKeyedVectors:
    """Read the word vectors of a .bin file of fastText's, with their n-grams: any string has a vector.

    Parameters
    ----------
    path : str or path
        Plain or compressed (.gz, .bz2, .xz, .zst).
    encoding : str
        Of the words in the file.

    Returns
    -------
    FastTextKeyedVectors
        Vectors are those of fastText. Of a classifier (supervised model), the words alone, without the labels.

    Raises
    ------
    FormatError
        If the file is truncated, damaged, or no file of fastText's; an `UnsupportedFileError` (also a
        NotImplementedError) if it is quantised.
    """
    held = fasttext.read(path, encoding, model=False)
    return FastTextKeyedVectors._from_rows(
        held.words, held.input, held.counts, None, held.subwords, bags=held.bags
    )


def load_facebook_model(path: StrPath, encoding: str = "utf-8") -> FastText:
    """Read a whole model of a .bin file of fastText's, which can be trained on.

    The file does not hold the learning rate, nor the exponent of the noise (fastText's is 0.5): both are those that
    `FastText` has by default. A model of hierarchical softmax has `negative` 0. Rows of n-grams that hold NaN or huge
    numbers become zeros, with a warning in the log.

    Parameters
    ----------
    path, encoding
        As of `load_facebook_vectors`.

    Raises
    ------
    FormatError
        As `load_facebook_vectors`; a classifier is refused, too.

    References
    ----------
    Bojanowski, Grave, Joulin, Mikolov, "Enriching Word Vectors with Subword Information", TACL 2017.
    """
    held = fasttext.read(path, encoding, allocate=allocate_rows).by_count()
    try:
        model = _new(held.parameters)
    except ValueError as error:
        raise FormatError(
            f"{os.fspath(path)}: its parameters are beyond what fastvec trains: {error}"
        ) from error
    if not len(held.words):
        raise FormatError(f"{os.fspath(path)}: a model without words")
    if held.counts.sum(dtype=np.float64) > MOST_COUNTED:
        raise FormatError(f"{os.fspath(path)}: the words' counts add up to more than {MOST_COUNTED}")
    _empty_unset_rows(held.input[len(held.words) :], path)
    assert held.output is not None
    if model.hs and not held.output.any():
        logger.warning(
            "%s: the inner nodes are all zeros: train the model before it is asked for scores", path
        )
    vocab = Vocab(held.words, held.counts, held.tokens, 0)
    rows = {"nodes": _turned(held.output)} if model.hs else {"output": held.output}
    model.vocab, model.trained_epochs = vocab, held.parameters.epoch
    model._set_weights(Weights(held.input, bags=held.bags, **rows), vocab)
    return model


def _new(p: Parameters) -> FastText:
    """Return a model of these parameters, without words. What fastText allows and ignores becomes what it means."""
    hs = p.loss == HIERARCHICAL_SOFTMAX
    if p.neg > MAX_NEGATIVE and not hs:
        logger.warning("negative=%d of the file becomes %d, the most there is", p.neg, MAX_NEGATIVE)
    return FastText(
        sg=p.model == fasttext.SKIP_GRAM,
        hs=hs,
        hs_tree="counts" if hs else TREES[0],
        vector_size=p.dim,
        window=max(p.ws, 1),
        min_count=p.minCount,
        sample=p.t,
        negative=0 if hs else min(max(p.neg, 1), MAX_NEGATIVE),
        epochs=max(p.epoch, 1),
        min_n=p.minn,
        max_n=p.maxn,
        bucket=p.bucket,
    )


def _empty_unset_rows(rows: Matrix, path: StrPath) -> None:
    """Zero the rows of n-grams that no training ends with: fastText with few threads leaves rows as memory was."""
    emptied = 0
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        unset = ~(np.abs(some) <= LARGEST).all(axis=1)
        some[unset] = 0
        emptied += int(unset.sum())
    if emptied:
        logger.warning(
            "%s: %d rows of n-grams hold NaN or numbers beyond %g; zeros take their place",
            os.fspath(path),
            emptied,
            LARGEST,
        )


def _turned(nodes: Matrix) -> Matrix:
    """Return the rows of inner nodes in fastvec's order, or back: both have V - 1, fastText the root last.

    Where word2vec.c and fastvec predict the bit 0 of a path, fastText predicts the bit 1: sigmoid(-x) = 1 - sigmoid(x).
    """
    turned = allocate_rows(*nodes.shape)
    inner = len(nodes) - 1
    turned[:inner, : nodes.shape[1]] = -nodes[:inner][::-1]
    turned[inner, : nodes.shape[1]] = -nodes[inner]
    return turned


def save_facebook_model(
    model: FastText, path: StrPath, encoding: str = "utf-8", lr_update_rate: int = 100, word_ngrams: int = 1
) -> None:
    """Write a model as a .bin file of fastText's, which that program and its Python package read.

    The format holds one kind of output rows: of a model with both objectives, those of hierarchical softmax if the
    model has fastText's tree (``hs_tree="counts"``), else those of negative sampling. Inner nodes of another tree stay
    behind, with a warning in the log.

    Parameters
    ----------
    model : FastText
    path : str or path
        Written atomically; compressed where it ends in .gz, .bz2 or .xz, which fastText itself does not read.
    encoding : str
        Of the words in the file; fastText takes them for UTF-8.
    lr_update_rate, word_ngrams : int
        Parameters that the format has, and that are of no effect here.

    Raises
    ------
    RuntimeError
        If the model has no words yet.
    TypeError
        If it is no `FastText`.
    ValueError
        If a word holds a zero byte, which the format cannot hold; for counts that fastText makes no tree of.
    """
    if not isinstance(model, FastText):
        raise TypeError(f"model={model!r}: a FastText is needed; other models have no n-grams to write")
    if model.vocab is None:
        raise RuntimeError("there is nothing to save yet: the model has no vocabulary")
    c, subwords, weights, width = model.config, model.subwords, model._weights, model.config.vector_size
    output, loss = _output(model, path)
    parameters = Parameters(
        dim=width,
        ws=c.window,
        epoch=c.epochs,
        minCount=model.min_count,
        neg=c.negative,
        wordNgrams=word_ngrams,
        loss=loss,
        model=fasttext.SKIP_GRAM if c.sg else fasttext.CBOW,
        bucket=subwords.bucket,
        minn=subwords.min_n,
        maxn=subwords.max_n if subwords.enabled else 0,
        lrUpdateRate=lr_update_rate,
        t=c.sample,
    )
    vocab, counts = model.vocab, model.vocab.counts
    if loss == HIERARCHICAL_SOFTMAX:  # in whose tree a count of 0 is 1
        counts = np.maximum(counts, 1)
        if counts[0] >= TREE_COUNTS:
            raise ValueError(
                f"{os.fspath(path)}: fastText makes no tree of the count {counts[0]} of {vocab.words[0]!r}: it must "
                f"be below {TREE_COUNTS}"
            )
    tokens = vocab.corpus_words if vocab.corpus_words >= 0 else int(counts.sum())
    fasttext.write(path, parameters, vocab.words, counts, tokens, weights.input[:, :width], output, encoding)


def _output(model: FastText, path: StrPath) -> tuple[Matrix, int]:
    """Return the output rows that the file gets, and the number of their objective."""
    c, width = model.config, model.config.vector_size
    output, nodes = model._weights.output, model._weights.nodes
    if nodes is not None and (c.hs or output is None):
        if c.hs_tree == "counts":
            return _turned(nodes[:, :width])[:, :width], HIERARCHICAL_SOFTMAX
        logger.warning(
            "%s: the inner nodes are not in the file: fastText has another tree, that of hs_tree='counts'",
            os.fspath(path),
        )
        if output is None:
            return np.zeros_like(nodes[:, :width]), HIERARCHICAL_SOFTMAX
    assert output is not None
    return output[:, :width], NEGATIVE_SAMPLING
