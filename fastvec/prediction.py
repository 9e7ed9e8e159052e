"""What a trained model says of words: which one belongs among others, and how likely sentences are."""

import logging
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec import search
from fastvec.config import checked_int, checked_items
from fastvec.model import Model
from fastvec.vocab import Huffman

logger = logging.getLogger(__name__)

Array = NDArray[Any]


class Predictions(Model):
    """A model that can be asked which words it expects."""

    def predict_output_word(
        self, context_words_list: Sequence[str | int], topn: int = 10
    ) -> list[tuple[str, float]] | None:
        """Return the words that are most likely among the given ones, with their probabilities.

        The context is their mean, or sum, whatever the model; the output vectors are those of negative sampling, whose
        scores are taken as if they were trained for a softmax.

        Parameters
        ----------
        context_words_list : list of str or int
            Words, or rows; unknown ones are left out.
        topn : int

        Returns
        -------
        list of (str, float), or None where no word of the context is known

        Raises
        ------
        RuntimeError
            Without negative sampling, or where there are word vectors alone.
        TypeError
            If an argument is of a wrong kind.
        """
        if not self.config.negative or self.vocab is None:
            raise RuntimeError("there are no output vectors: the model has no vocabulary, or negative=0")
        topn = checked_int("topn", topn)
        words = checked_items("context_words_list", context_words_list, "a list of words")
        rows = [row for word in words if (row := self.wv.get_index(word, -1)) >= 0]
        if not rows:
            logger.warning("None of the words of the context is in the vocabulary.")
            return None
        context = self.wv.vectors[rows].sum(axis=0) / (len(rows) if self.config.cbow_mean else 1)
        best, share = likely_words(context, self.syn1neg, topn)
        return [(self.vocab.words[i], p) for i, p in zip(best.tolist(), share.tolist(), strict=True)]

    def score(
        self,
        sentences: Iterable[Sequence[str]],
        total_sentences: int = 1_000_000,
        chunksize: int = 100,
        queue_factor: int = 2,
        report_delay: float = 1.0,
    ) -> NDArray[np.float32]:
        """Return how likely sentences are under the model, float32 (sentences,): sums of log-probabilities.

        The more words a sentence has, the lower its score. For models with ``hs=1``; a way to classify texts is to
        ask models that were trained on each class (Taddy, "Document Classification by Inversion of Distributed Language
        Representations", 2015).

        Parameters
        ----------
        sentences : iterable of lists of str
        total_sentences : int
            Stop after so many.
        chunksize, queue_factor, report_delay
            Have no effect.

        Raises
        ------
        RuntimeError
            Without hierarchical softmax.
        TypeError
            If an argument is of a wrong kind.
        """
        if not self.config.hs or self.vocab is None:
            raise RuntimeError("score needs hierarchical softmax: a model with hs=1, and a vocabulary")
        if self._weights.nodes is None:
            raise RuntimeError(
                "score needs inner nodes that have learned: hs=1 was set since; train the model first"
            )
        c, find = self.config, self.wv.get_index
        total = checked_int("total_sentences", total_sentences)
        given = checked_items("sentences", sentences, "a list of lists of words")
        ids = (
            [
                row
                for word in checked_items("sentence", words, "a list of words")
                if (row := find(word, -1)) >= 0
            ]
            for words in islice(given, max(0, total))
        )
        return sentence_scores(
            ids,
            self.wv.vectors,
            self.syn1,
            self.vocab.huffman(c.hs_tree),
            sg=c.sg,
            window=c.window,
            cbow_mean=c.cbow_mean,
        )


def likely_words(context: Array, output: Array, topn: int) -> tuple[NDArray[np.intp], Array]:
    """Return the words of the greatest scores ``context @ output.T``, and the softmax of these over all words."""
    scores = (output @ context).astype(np.float64)
    odds = np.exp(scores - scores.max())
    best = search.greatest(odds, max(0, topn))
    return best, odds[best] / odds.sum()


def sentence_scores(
    sentences: Iterable[Sequence[int]],
    vectors: Array,
    nodes: Array,
    tree: Huffman,
    *,
    sg: int,
    window: int,
    cbow_mean: int,
) -> NDArray[np.float32]:
    """Return the sum of log-probabilities of each sentence's words under hierarchical softmax.

    Parameters
    ----------
    sentences : iterable of sequences of int
        Word ids.
    vectors, nodes : float32 arrays of (words, D)
        Input rows, rows of the inner nodes.
    sg, window, cbow_mean : int
        As in `TrainConfig`; the whole window counts.

    Returns
    -------
    float32 array of (sentences,)
        Skip-gram: each word as predicted by each word around it; CBOW: by their mean or sum. log P(w | h) is the sum
        over w's path through the tree of log sigmoid(+-h . node), + where the bit is 0.
    """
    scores = []
    for ids in sentences:
        total = 0.0
        for i, word in enumerate(ids):
            around = [*ids[max(0, i - window) : i], *ids[i + 1 : i + 1 + window]]
            hidden = vectors[np.array(around, np.intp)]
            if not sg:
                hidden = hidden.sum(axis=0, keepdims=True) / (max(1, len(around)) if cbow_mean else 1)
            path = tree.path[tree.offsets[word] : tree.offsets[word + 1]]
            logits = hidden @ nodes[path >> 1].T * (1 - 2 * (path & 1))
            total -= float(np.logaddexp(0, -logits).sum())
        scores.append(total)
    return np.array(scores, np.float32)
