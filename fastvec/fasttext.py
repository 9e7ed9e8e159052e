"""FastText: word vectors with subwords."""

import dataclasses
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec.errors import NoModelError
from fastvec.fasttext_vectors import FastTextKeyedVectors
from fastvec.keyedvectors import KeyedVectors
from fastvec.model import ProgressOption
from fastvec.subwords import Subwords
from fastvec.text import Errors
from fastvec.train import Weights, allocate_rows
from fastvec.vocab import TrimRule, Vocab
from fastvec.word2vec import DEFAULTS, PathOrName, Word2Vec

_SHAPE = tuple(field.name for field in dataclasses.fields(Subwords))


class FastText(Word2Vec):
    """A fastText model: skip-gram or CBOW over words and their character n-grams.

    A word's vector is the mean of a row of its own and the rows of its n-grams, so words of like spelling share what
    they learn, and any string has a vector. The learning rate is gensim's by default; fastText's is 0.05.

    Parameters
    ----------
    min_n, max_n : int
        Least and greatest length of an n-gram, in code points; ``max_n=0`` turns subwords off.
    bucket : int
        Rows that the n-grams share, by their hash.
    word_ngrams : int
        1: n-grams of words are for classifiers.
    sentences, corpus_file, and all others
        See `Word2Vec`.

    Attributes
    ----------
    wv : FastTextKeyedVectors
    min_n, max_n, bucket : int
        May be set until there are vectors.

    References
    ----------
    Bojanowski, Grave, Joulin, Mikolov, "Enriching Word Vectors with Subword Information", TACL 2017.
    """

    subwords: Subwords
    _bucket = 0
    """Buckets that were asked for: there are none as long as `min_n` and `max_n` let no n-gram be."""

    def __init__(
        self,
        sentences: Iterable[list[str]] | None = None,
        corpus_file: PathOrName | None = None,
        sg: int = 0,
        hs: int = 0,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        word_ngrams: int = 1,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int | None = None,
        min_alpha: float = 1e-4,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Callable[[str], int] | None = None,
        epochs: int = 5,
        null_word: int = 0,
        min_n: int = 3,
        max_n: int = 6,
        sorted_vocab: int = 1,
        bucket: int = 2_000_000,
        trim_rule: TrimRule | None = None,
        batch_words: int = 10_000,
        callbacks: Iterable[Any] = (),
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        cbow_classic: bool = True,
        hs_tree: str = "spelling",
        compute_loss: bool = False,
        comment: str | None = None,
        errors: Errors = "strict",
        progress: ProgressOption = None,
    ) -> None:
        given = locals()
        if word_ngrams != 1:
            raise ValueError(f"word_ngrams={word_ngrams!r}: n-grams of words are for classifiers; give 1")
        self.subwords, self._bucket = Subwords(min_n, max_n, bucket), bucket
        super().__init__(**{name: given[name] for name in DEFAULTS})

    def __getattr__(self, name: str) -> Any:
        """Offer the parameters of the subwords, too."""
        if name in _SHAPE:
            return getattr(self.subwords, name)
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Let the parameters of the subwords be set, too, until there are vectors."""
        if name in _SHAPE:
            asked = {**dataclasses.asdict(self.subwords), "bucket": self.bucket or self._bucket, name: value}
            subwords = Subwords(**asked)
            if subwords != self.subwords:
                self._change_shape(name, value)
            self.subwords, self._bucket = subwords, asked["bucket"]
        else:
            super().__setattr__(name, value)

    @classmethod
    def _like(cls, subwords: Subwords | None, fname: PathOrName) -> type[Word2Vec]:
        if subwords is None:
            raise NoModelError(f"{os.fspath(fname)}: a model without subwords; open it with Word2Vec.load")
        return cls

    def _no_vectors(self) -> KeyedVectors:
        s = self.subwords
        return FastTextKeyedVectors(self.config.vector_size, s.min_n, s.max_n, s.bucket)

    @property
    def _more_rows(self) -> int:
        return self.subwords.bucket

    def _set_weights(self, weights: Weights, vocab: Vocab) -> None:
        bags = weights.bags
        if bags is None and self.subwords.enabled:
            bags = self.subwords.bags(vocab.words, self.config.workers)
        super()._set_weights(dataclasses.replace(weights, bags=bags), vocab)

    def _vectors(self, weights: Weights, vocab: Vocab) -> KeyedVectors:
        c = self.config
        return FastTextKeyedVectors._from_rows(
            vocab.words,
            weights.input,
            vocab.counts,
            self._metadata(),
            self.subwords,
            vector_size=c.vector_size,
            workers=c.workers,
            bags=weights.bags,
        )

    def _lock_factors(self) -> NDArray[np.float32] | None:
        """As for words; ``wv.vectors_vocab_lockf`` and ``wv.vectors_ngrams_lockf`` are of the two kinds of rows."""
        wv = self.wv
        assert isinstance(wv, FastTextKeyedVectors)
        factors = []
        for name, rows in (("vectors_vocab", wv.vectors_vocab), ("vectors_ngrams", wv.vectors_ngrams)):
            factor = np.asarray(getattr(wv, f"{name}_lockf"), np.float32)
            if factor.shape not in ((1,), (len(rows),)):
                raise ValueError(f"{name}_lockf of {factor.shape}: give (1,) or ({len(rows)},)")
            factors.append(np.broadcast_to(factor, len(rows)))
        locked = super()._lock_factors()
        factor = np.concatenate(factors)
        if locked is not None:
            factor = factor * locked
        return None if (factor == 1).all() else factor.astype(np.float32)

    def estimate_memory(self, vocab_size: int | None = None, report: Any = None) -> dict[str, int]:
        """Estimate the bytes that training takes, as `Word2Vec.estimate_memory`; with the n-grams' rows and numbers."""
        found = super().estimate_memory(vocab_size, report)
        n = vocab_size or len(self.wv)
        found["vectors_ngrams"] = self.subwords.bucket * allocate_rows(1, self.config.vector_size).nbytes
        found["buckets_word"] = 4 * (len(self._weights.bags.rows) if self._has_bags else 24 * n)
        found["total"] += found["vectors_ngrams"] + found["buckets_word"]
        return found

    @property
    def _has_bags(self) -> bool:
        return self.vocab is not None and self._weights.bags is not None
