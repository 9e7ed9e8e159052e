"""Phrases: words that stand together more often than by chance become one, as new_york. As `gensim.models.phrases`.

Mikolov, Sutskever, Chen, Corrado, Dean, "Distributed Representations of Words and Phrases and their Compositionality"
(2013); Bouma, "Normalized (Pointwise) Mutual Information in Collocation Extraction" (2009).
"""

import logging
import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec import phrase_store
from fastvec.config import checked_int, checked_number, checked_text, checked_workers
from fastvec.corpus import EncodedCorpus
from fastvec.phrase_counts import PhraseCounts, strings
from fastvec.phrase_joining import Known, PhrasedCorpus, PhrasesTransformation, encoded, make_joiner
from fastvec.phrase_scores import (
    ENGLISH_CONNECTOR_WORDS,
    NEGATIVE_INFINITY,
    Scorer,
    checked_scorer,
    npmi_scorer,
    original_scorer,
)
from fastvec.phrase_splits import all_splits, has_border
from fastvec.text import Errors, Progress, Source
from fastvec.vocab import Vocab

__all__ = [
    "ENGLISH_CONNECTOR_WORDS",
    "FrozenPhrases",
    "PhrasedCorpus",
    "Phraser",
    "Phrases",
    "npmi_scorer",
    "original_scorer",
]

logger = logging.getLogger(__name__)
StrPath = str | os.PathLike[str]


class _PhrasesTransformation(PhrasesTransformation):
    """What both classes share. A subclass may have a `score_candidate` of its own."""

    @classmethod
    def load(cls, fname: StrPath, scoring: Scorer | None = None) -> Any:
        """Open what `save` wrote, `Phrases` or `FrozenPhrases`, or gensim's; of its pickle nothing is run.

        Parameters
        ----------
        fname : str or PathLike
        scoring : callable, optional
            The scorer, where it was one of the user's own. By default it is looked for under its name, in the
            modules that are imported already; nothing is imported or run for it.

        Raises
        ------
        FormatError
            If the file is damaged, or no such file.
        ValueError
            If the scorer cannot be found.
        OSError
        """
        kind, state = phrase_store.load(fname, scoring)
        saved = FrozenPhrases if kind == "FrozenPhrases" else Phrases
        own: Any = cls if cls.__name__ == kind else saved
        model: Any = own.__new__(own)
        model.__dict__.update(state)
        checked_scorer(model.scoring)
        return model


def _number(name: str, value: Any) -> float:
    """Return a number as an int where it is one, or as a float."""
    number = checked_number(name, value, -sys.float_info.max, sys.float_info.max)
    return int(value) if hasattr(value, "__index__") else number


class Phrases(_PhrasesTransformation):
    """Finds phrases by the counts of words and of pairs of words.

    Parameters
    ----------
    sentences : iterable of lists of str, str or PathLike, optional
        A corpus; or a path as for `corpus_file`. `LineSentence` without limits is read as a file.
    min_count : float
        Phrases seen less often are none.
    threshold : float
        A phrase must score more.
    max_vocab_size : int
        Whenever a sentence leaves more words and phrases, those seen fewer than 1, 2, 3, ... times are forgotten.
        That takes one thread. A word and a phrase of one text are told apart in it.
    delimiter : str
        Stands between the words of a phrase.
    progress_per : int
        Log progress each so many sentences.
    scoring : {"default", "npmi"} or callable
        `original_scorer`, `npmi_scorer`, or a function of the same six parameters.
    connector_words : iterable of str
        Words that may stand inside a phrase, but neither begin nor end one; `ENGLISH_CONNECTOR_WORDS`, say.
    corpus_file : str or PathLike, optional
        A text, a sentence a line, plain or compressed; or a directory of such.
    workers : int, optional
        Threads that read files; the cores at hand by default. The result does not depend on it.
    errors : {"strict", "replace", "ignore"}
        What to do with bytes of a file that are not UTF-8.
    progress : callable(done, total), optional
        Called a few times a second with bytes (sentences, for an iterable) done and in all.

    Attributes
    ----------
    vocab : mapping of str to int
        How often each word that is no connector, and each candidate for a phrase, was seen. Read-only.
    corpus_word_count : int

    Raises
    ------
    ValueError
        If a parameter is out of range; `CorpusError`, if the text cannot be read.
    """

    def __init__(
        self,
        sentences: Source | None = None,
        min_count: float = 5,
        threshold: float = 10.0,
        max_vocab_size: int = 40000000,
        delimiter: str = "_",
        progress_per: int = 10000,
        scoring: str | Scorer = "default",
        connector_words: Iterable[str] = frozenset(),
        *,
        corpus_file: StrPath | None = None,
        workers: int | None = None,
        errors: Errors = "strict",
        progress: Progress | None = None,
    ) -> None:
        if isinstance(connector_words, str) or not isinstance(connector_words, Iterable):
            raise TypeError(
                f"connector_words={connector_words!r}: a set of words is needed, as {{'of', 'the'}}"
            )
        super().__init__(connector_words)
        min_count, threshold = _number("min_count", min_count), _number("threshold", threshold)
        max_vocab_size = checked_int("max_vocab_size", max_vocab_size)
        progress_per = checked_int("progress_per", progress_per, 1)
        delimiter = checked_text("delimiter", delimiter)
        if min_count <= 0:
            raise ValueError(f"min_count should be at least 1, not {min_count!r}")
        if threshold <= 0 and scoring == "default":
            raise ValueError(f"threshold should be positive for default scoring, not {threshold!r}")
        if scoring == "npmi" and (threshold < -1 or threshold > 1):
            raise ValueError(f"threshold should be between -1 and 1 for npmi scoring, not {threshold!r}")
        if sentences is not None and corpus_file is not None:
            raise TypeError("give sentences or corpus_file, not both")
        self.scoring = checked_scorer(scoring)
        self.min_count = min_count
        self.threshold = threshold
        self.max_vocab_size = max_vocab_size
        self.min_reduce = 1
        self.delimiter = delimiter
        self.progress_per = progress_per
        self.corpus_word_count = 0
        self.vocab = PhraseCounts(delimiter)
        source = sentences if corpus_file is None else corpus_file
        if source is not None:
            self.add_vocab(source, workers=workers, errors=errors, progress=progress)

    def __str__(self) -> str:
        return (
            f"{type(self).__name__}<{len(self.vocab)} vocab, min_count={self.min_count}, "
            f"threshold={self.threshold}, max_vocab_size={self.max_vocab_size}>"
        )

    def add_vocab(
        self,
        sentences: Source,
        *,
        workers: int | None = None,
        errors: Errors = "strict",
        progress: Progress | None = None,
    ) -> None:
        """Add the counts of more text. Parameters and errors are those of the class."""
        workers, begun = checked_workers(workers), time.monotonic()
        logger.info("collecting all words and their counts")
        before = len(self.vocab)
        words, min_reduce = self.vocab.learn(
            sentences,
            encoded(self.connector_words),
            self.max_vocab_size,
            workers,
            errors,
            self._logged(progress),
        )
        if before:
            self.min_reduce = max(self.min_reduce, min_reduce)
            if len(self.vocab) > self.max_vocab_size:
                self.vocab.table.prune(self.min_reduce)
                self.min_reduce += 1
        self.corpus_word_count += words
        self.__dict__.pop("_cache", None)
        logger.info("merged %s, %i words in %.2f s", self, words, time.monotonic() - begun)

    def _logged(self, progress: Progress | None) -> Progress:
        """Return a callable that also logs, each time `progress_per` more are done."""
        told = -1

        def call(done: int, total: int | None) -> None:
            nonlocal told
            if done // self.progress_per > told:
                told = done // self.progress_per
                logger.info("PROGRESS: at %i of %s", done, "?" if total is None else total)
            if progress is not None:
                progress(done, total)

        return call

    def add_encoded(self, corpus: EncodedCorpus, vocab: Vocab, workers: int | None = None) -> None:
        """Add the counts of an encoded corpus; words outside of its vocabulary are not there.

        Nothing is pruned on the way.

        Raises
        ------
        CorpusError
            If the corpus was encoded with another vocabulary.
        """
        own = encoded(self.connector_words)
        self.corpus_word_count += self.vocab.learn_encoded(corpus, vocab, own, checked_workers(workers))
        self.__dict__.pop("_cache", None)

    def score_candidate(
        self, word_a: str, word_b: str, in_between: Sequence[str]
    ) -> tuple[str, float] | tuple[None, None]:
        """Return the phrase of two words, and connectors in between, and its score; two Nones if it is none."""
        count = self.vocab.count
        first, last = count(word_a), count(word_b)
        if not first or not last:
            return None, None
        phrase = self.delimiter.join([word_a, *in_between, word_b])
        both = count(phrase)
        if not both:
            return None, None
        score = self._score(first, last, both)
        return (None, None) if score <= self.threshold else (phrase, score)

    def _score(self, first: int, last: int, both: int) -> float:
        return self.scoring(
            worda_count=first,
            wordb_count=last,
            bigram_count=both,
            len_vocab=len(self.vocab),
            min_count=self.min_count,
            corpus_word_count=self.corpus_word_count,
        )

    def export_phrases(self) -> dict[str, float]:
        """Return all phrases and their scores.

        The words of a phrase are what stands between its delimiters, as in gensim, also where a word of the text
        held the delimiter.
        """
        if not self.delimiter:
            raise ValueError("empty separator: phrases without a delimiter cannot be taken apart")
        found: dict[str, float] = {}
        rest = None
        if self._fast():
            loose = has_border(self.delimiter)
            left, right, scores, odd = self._scored(loose)
            found = dict(zip(strings(self.vocab.table.texts(left, right)), scores.tolist(), strict=True))
            rest = self.vocab.table.rows(self._least(), odd) if loose else None
        else:
            rest = self.vocab.table.rows()
        for text in () if rest is None else strings(self.vocab.table.texts(*rest[:2])):
            words = text.split(self.delimiter)
            if len(words) > 1:
                phrase, score = self.score_candidate(words[0], words[-1], words[1:-1])
                if phrase is not None and score is not None:
                    found[phrase] = score
        return found

    def _fast(self) -> bool:
        return self.scoring in (original_scorer, npmi_scorer) and (
            type(self).score_candidate is Phrases.score_candidate
        )

    def _least(self) -> float:
        """The count that a phrase must pass to score more than the threshold."""
        if self.scoring is npmi_scorer:
            return self.min_count - 1
        return self.min_count if self.threshold >= 0 else 0

    def _scored(self, plain: bool) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return left side, right word and score of the phrases, and which words are odd."""
        npmi = self.scoring is npmi_scorer
        first, last, odd = self.vocab.table.ends(has_border(self.delimiter))
        total = self.corpus_word_count if npmi else len(self.vocab)
        return *self.vocab.table.scored(
            npmi, self.min_count, self.threshold, total, first, last, odd, plain
        ), odd

    def freeze(self) -> "FrozenPhrases":
        """Return the phrases alone: smaller, and open to no more text."""
        return FrozenPhrases(self)

    def save(self, fname: StrPath) -> None:
        """Write the model as one file, atomically.

        A scorer of the user's own is stored by its name: `load` finds it again where its module is imported.

        Raises
        ------
        ValueError
            If the scorer has no name by which it could be found: a lambda, a function within another.
        """
        phrase_store.save_phrases(self, fname)

    def _known(self) -> Known | None:
        """Return all that `score_candidate` would find."""
        if not self._fast() or not self.delimiter:
            return None
        key = self.min_count, self.threshold, self.delimiter, self.scoring, self.connector_words
        if self.__dict__.get("_cache", (None,))[0] != key:
            left, right, scores, odd = self._scored(plain=True)
            texts, found = strings(self.vocab.table.texts(left, right)), scores.tolist()
            a, b = (self.vocab.table.texts(side, np.full_like(side, 0xFFFFFFFF))[1] for side in (left, right))
            splits = np.stack([np.diff(a), np.diff(b)], 1).astype(np.int32)
            more = []
            strange = self.vocab.table.rows(self._least(), odd)
            for text in strings(self.vocab.table.texts(*strange[:2])):
                for word_a, between, word_b in all_splits(
                    text, self.delimiter, self.connector_words, self.vocab.count
                ):
                    phrase, score = self.score_candidate(word_a, word_b, between)
                    if phrase is not None and score is not None:
                        texts.append(phrase)
                        found.append(score)
                        more.append((len(word_a.encode()), len(word_b.encode())))
            splits = np.concatenate([splits, np.array(more, np.int32).reshape(-1, 2)])
            joiner = make_joiner(texts, self.delimiter, self.connector_words, splits)
            self._cache = key, Known(joiner, texts, found)
        known: Known = self._cache[1]
        return known


class FrozenPhrases(_PhrasesTransformation):
    """The phrases of a model and their scores, without the counts.

    Parameters
    ----------
    phrases_model : Phrases

    Attributes
    ----------
    phrasegrams : dict of str to float
        Phrases and scores. Assign another dict to change it.
    """

    def __init__(self, phrases_model: Phrases) -> None:
        super().__init__(phrases_model.connector_words)
        self.threshold = phrases_model.threshold
        self.min_count = phrases_model.min_count
        self.delimiter = phrases_model.delimiter
        self.scoring = phrases_model.scoring
        logger.info("exporting phrases from %s", phrases_model)
        self.phrasegrams = phrases_model.export_phrases()
        logger.info("exported %s", self)

    def __str__(self) -> str:
        return (
            f"{type(self).__name__}<{len(self.phrasegrams)} phrases, min_count={self.min_count}, "
            f"threshold={self.threshold}>"
        )

    def score_candidate(
        self, word_a: str, word_b: str, in_between: Sequence[str]
    ) -> tuple[str, float] | tuple[None, None]:
        """Return the phrase of two words, and connectors in between, and its score; two Nones if it is none."""
        phrase = self.delimiter.join([word_a, *in_between, word_b])
        score = self.phrasegrams.get(phrase, NEGATIVE_INFINITY)
        return (phrase, score) if score > self.threshold else (None, None)

    def save(self, fname: StrPath) -> None:
        """Write the phrases as one file, atomically; see `Phrases.save`."""
        phrase_store.save_frozen(self, fname)

    def _known(self) -> Known | None:
        if type(self).score_candidate is not FrozenPhrases.score_candidate:
            return None
        grams = self.phrasegrams
        key = id(grams), len(grams), self.threshold, self.delimiter, self.connector_words
        if self.__dict__.get("_cache", (None,))[0] != key:
            texts = [text for text in grams if grams[text] > self.threshold]
            joiner = make_joiner(texts, self.delimiter, self.connector_words)
            self._cache = key, Known(joiner, texts, [grams[text] for text in texts])
        known: Known = self._cache[1]
        return known


Phraser = FrozenPhrases
