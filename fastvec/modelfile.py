"""A whole model in a .fvec file: what training needs to go on, beside the vectors."""

import dataclasses
import json
import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastvec import formats, gensimfile, store
from fastvec.config import MODEL_OPTIONS, MOST_COUNTED, TrainConfig
from fastvec.errors import FormatError, NoModelError
from fastvec.fasttext_vectors import FastTextKeyedVectors, subwords_of
from fastvec.formats import gensim
from fastvec.keyedvectors import KeyedVectors
from fastvec.subwords import Subwords
from fastvec.train import Weights, allocate_rows
from fastvec.vocab import Vocab
from fastvec.words import WordTable

PathOrName = str | os.PathLike[str]

MATRICES = {"output_vectors": "output", "node_vectors": "nodes"}
"""Names of a model's matrices in the file, and in `Weights`."""


class HeldModel(NamedTuple):
    """What a file holds of a model."""

    config: TrainConfig
    options: dict[str, Any]
    vocab: Vocab
    weights: Weights
    trained_epochs: int
    subwords: Subwords | None
    locks: dict[str, NDArray[np.float32]]
    """Lock factors other than 1, by the names of their attributes."""


def write(
    fname: PathOrName, vocab: Vocab, weights: Weights, options: dict[str, Any], wv: KeyedVectors
) -> None:
    """Write a model's words, vectors and rows, and its options, atomically."""
    width = wv.vector_size
    held = {name: getattr(weights, field) for name, field in MATRICES.items()}
    extra = {name: rows[:, :width] for name, rows in held.items() if rows is not None}
    totals = {"corpus_words": str(vocab.corpus_words), "corpus_sentences": str(vocab.corpus_sentences)}
    metadata = {**wv.metadata, **totals, "options": json.dumps(options)}
    if isinstance(wv, FastTextKeyedVectors):
        extra |= wv.tensors()
        metadata |= wv.subwords.to_metadata()
    extra |= {name: factors for name, factors in wv.locks().items() if (factors != 1).any()}
    store.save_vectors(fname, vocab.words, wv.vectors, vocab.counts, metadata, extra=extra)


def read(fname: PathOrName, workers: int | None) -> HeldModel:
    """Read a model, of fastvec's or of gensim's, into memory of its own.

    Raises
    ------
    FormatError
        If the file is damaged; a `NoModelError` if it holds word vectors alone.
    """
    name, foreign = os.fspath(fname), gensim.recognised(fname)
    with formats.telling(fname, "fvec", "pickle"):
        held = gensimfile.read(fname) if foreign else store.open_vectors(fname, verify=True)
    if held.counts is None or not MATRICES.keys() & held.extra.keys():
        raise NoModelError(
            f"{name}: it holds word vectors, but no model to train on; open it with KeyedVectors.load"
        )
    try:
        parameters = json.loads(held.metadata["parameters"])
        if "node_vectors" in held.extra:  # of the one tree there was before it had a name
            parameters = {"hs_tree": "counts", **parameters}
        config = TrainConfig(**{**parameters, "workers": workers})
        options = _checked(json.loads(held.metadata.get("options", "{}")))
        totals = int(held.metadata["corpus_words"]), int(held.metadata["corpus_sentences"])
        trained_epochs = int(held.metadata.get("trained_epochs", "0").partition(",")[0])
        if not 0 <= trained_epochs < 1 << 62:
            raise ValueError(f"trained_epochs={trained_epochs}")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"{name}: the model's parameters are damaged: {error!r}") from error
    if held.vectors.shape[1] != config.vector_size:
        raise FormatError(f"{name}: vectors of {held.vectors.shape[1]} numbers do not fit {config}")
    if not len(held.counts) or held.counts.min() < 0 or (held.counts[1:] > held.counts[:-1]).any():
        raise FormatError(f"{name}: no words, or counts below 0 or out of order: they do not fit a model")
    if held.counts.sum(dtype=np.float64) > MOST_COUNTED:
        raise FormatError(f"{name}: the words' counts add up to more than {MOST_COUNTED}")
    # Copies: the model may be saved to the same file, which must not be mapped then (Windows).
    words = WordTable(held.words.text.copy(), held.words.offsets.copy(), held.words.slots.copy())
    rows = {field: _own_rows(held.extra[key]) for key, field in MATRICES.items() if key in held.extra}
    subwords = subwords_of(held)
    own = [held.vectors] if subwords is None else [held.extra["vectors_vocab"], held.extra["vectors_ngrams"]]
    weights = Weights(_own_rows(*own), **rows)
    vocab = Vocab(words, held.counts.copy(), *totals)
    locks = {key: held.extra[key].copy() for key in store.LOCKS if key in held.extra}
    for key, factors in locks.items():
        rows_of = held.extra.get(key.removesuffix("_lockf"), held.vectors)
        if len(factors) not in (1, len(rows_of)):
            raise FormatError(f"{name}: {key} has {len(factors)} factors for {len(rows_of)} rows")
    return HeldModel(config, options, vocab, weights, trained_epochs, subwords, locks)


def copied(weights: Weights) -> Weights:
    """Return rows of their own, which begin on cache lines as all do."""
    rows = {name: getattr(weights, name) for name in ("input", "output", "nodes")}
    return dataclasses.replace(
        weights, **{name: _own_rows(some) for name, some in rows.items() if some is not None}
    )


def _own_rows(*parts: Any) -> Any:
    """Return rows of their own, those of all parts one after the other."""
    width, at = parts[0].shape[1], 0
    own = allocate_rows(sum(map(len, parts)), width)
    for rows in parts:
        own[at : at + len(rows), :width] = rows
        at += len(rows)
    return own


def _checked(options: Any) -> dict[str, Any]:
    """Return the options of a file; unknown ones, of a later version, are passed over."""
    return {name: check(name, options[name]) for name, check in MODEL_OPTIONS.items() if name in options}
