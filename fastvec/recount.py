"""Vocabularies made in steps: count everything, choose, add to an older one."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.config import MOST_COUNTED, checked_workers
from fastvec.errors import CorpusError, NoVocabularyError
from fastvec.text import Errors, Progress, Source, scan
from fastvec.vocab import Choice, Tally, TrimRule, Vocab, describe
from fastvec.words import WordTable

ALWAYS = 0xFFFFFFFF
"""What `Vocab.keep_thresholds` has for words that subsampling leaves alone."""


class WordCounts(Mapping[str, int]):
    """A vocabulary as a mapping from word to count: nothing is copied."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab

    def __getitem__(self, word: str) -> int:
        at = self._vocab.find(word) if isinstance(word, str) else -1
        if at < 0:
            raise KeyError(word)
        return int(self._vocab.counts[at])

    def __iter__(self) -> Iterator[str]:
        return iter(self._vocab.words)

    def __len__(self) -> int:
        return len(self._vocab)

    def __repr__(self) -> str:
        return f"WordCounts of {len(self):,} words"


def counted(
    source: Source,
    max_vocab_size: int | None,
    trim_rule: TrimRule | None,
    workers: int | None,
    errors: Errors,
    progress: Progress | None,
) -> Vocab:
    """Count all words of a corpus, as `Vocab.from_source` does; a corpus without words gives none.

    `trim_rule` is asked where `max_vocab_size` makes words be forgotten.
    """
    workers = checked_workers(workers)
    tally = Tally(max_vocab_size, trim_rule)
    words = sentences = 0
    for part in scan(source, tally, workers, errors, progress):
        words += part.words
        sentences += part.sentences + part.closes
    try:
        return tally.vocab(Choice(0, None, None), words, sentences, workers, describe(source))
    except NoVocabularyError:
        return Vocab(WordTable.from_words(()), np.empty(0, np.int64), words, sentences)


def chosen(vocab: Vocab, choice: Choice) -> NDArray[np.bool_]:
    """Return which words of `vocab` are to be kept."""
    return choice.keep(vocab.counts, choice.threshold([vocab.counts]), partial(iter, vocab.words))


def selected(vocab: Vocab, keep: NDArray[np.bool_]) -> Vocab:
    """Return the vocabulary of some of the words."""
    text, offsets = _table(vocab).select(keep.view(np.uint8))
    return Vocab(WordTable(text, offsets), vocab.counts[keep], vocab.corpus_words, vocab.corpus_sentences)


def joined(old: Vocab, more: Vocab, keep: NDArray[np.bool_]) -> tuple[Vocab, NDArray[np.int32]]:
    """Add the counts of `more` to the words of `old`, and the other words of `more` where `keep` says so.

    Returns
    -------
    Vocab
        In its own order, for the counts have changed. Its corpus is that of `more`.
    int32 array of len(old)
        Where the old words are in it.

    Raises
    ------
    CorpusError
        If the counts add up to more than 2^62.
    """
    total = int(old.counts.sum()) + int(more.counts.sum())
    if total > MOST_COUNTED:
        raise CorpusError(
            f"the counts, those of before included, add up to {total}; at most {MOST_COUNTED} can be"
        )
    ids = _table(more).ids_in(old.words.text, old.words.offsets, old.words.slots)
    known = ids >= 0
    counts = np.array(old.counts)
    counts[ids[known]] += more.counts[known]
    fresh = selected(more, keep & ~known)
    text, offsets, counts = _backend.vocab.ranked(
        np.concatenate([old.words.text, fresh.words.text]),
        np.concatenate([old.words.offsets, fresh.words.offsets[1:] + len(old.words.text)]),
        np.concatenate([counts, fresh.counts]),
        np.arange(len(old) + len(fresh)),
    )
    vocab = Vocab(WordTable(text, offsets), counts, more.corpus_words, more.corpus_sentences)
    return vocab, _table(old).ids_in(vocab.words.text, vocab.words.offsets, vocab.words.slots)


def report(vocab: Vocab, keep: NDArray[np.bool_], sample: float) -> dict[str, int]:
    """Return what a choice of words comes to, under gensim's names."""
    kept = selected(vocab, keep)
    thresholds = kept.keep_thresholds(sample)
    shares = np.where(thresholds == ALWAYS, 1.0, thresholds / 2.0**32)
    return {
        "drop_unique": len(vocab) - len(kept),
        "retain_total": int(kept.counts.sum()),
        "downsample_unique": int((thresholds < ALWAYS).sum()),
        "downsample_total": int((shares * kept.counts).sum()),
        "num_retained_words": len(kept),
    }


def _table(vocab: Vocab) -> Any:
    return _backend.vocab.TokenTable(vocab.words.text, vocab.words.offsets)
