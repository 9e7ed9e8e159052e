"""Vocab: the words of a corpus and how often each occurs; and the counting that makes it."""

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.config import MODEL_OPTIONS, MOST_COUNTED, checked_tree, checked_workers
from fastvec.errors import CorpusError, NoVocabularyError
from fastvec.text import Errors, IdRoom, Part, Progress, Source, scan
from fastvec.words import WordTable

TrimRule = Callable[[str, int, int], int]
RULE_DEFAULT, RULE_DISCARD, RULE_KEEP = 0, 1, 2
"""What a `trim_rule(word, count, min_count)` answers, as in `gensim.utils`."""

SENTENCE_END = "</s>"
"""The word of word2vec.c that stands for a line's end; never drawn as noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Huffman:
    """The Huffman tree of a vocabulary: each word's path from the root.

    Attributes
    ----------
    offsets : int64[V + 1]
    path : int32[offsets[V]]
        Word w's steps are ``path[offsets[w]:offsets[w + 1]]``; each is ``2 * node + bit``: the inner node, of which the
        root is 0 and those near it come first, and the bit of the word's code there.
    """

    offsets: NDArray[np.int64]
    path: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Vocab:
    """The words of a corpus, most frequent first; equally frequent ones in the order in which they first appear.

    Attributes
    ----------
    words : WordTable
    counts : int64[V]
        Occurrences, falling.
    corpus_words : int
        Tokens of the corpus, those of dropped words included.
    corpus_sentences : int
        Sentences of the corpus that hold a token.
    """

    words: WordTable
    counts: NDArray[np.int64]
    corpus_words: int
    corpus_sentences: int

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.words

    def __repr__(self) -> str:
        known = int(self.counts.sum())
        return f"Vocab of {len(self):,} words that stand for {known:,} of {self.corpus_words:,} tokens"

    def find(self, word: str | bytes) -> int:
        """Return the id of `word`, or -1."""
        return self.words.find(word)

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[Any, int],
        *,
        min_count: int = 1,
        max_final_vocab: int | None = None,
        trim_rule: TrimRule | None = None,
    ) -> "Vocab":
        """Make a vocabulary of a mapping from word (str, or bytes in UTF-8) to count.

        Raises
        ------
        CorpusError
            If a word does not encode as UTF-8, a count is no whole number from 0 on, or no word is left.
        """
        total: dict[bytes, int] = {}
        for word, count in counts.items():
            try:
                encoded = word.encode() if isinstance(word, str) else bytes(memoryview(word))
                encoded.decode()
            except (UnicodeError, TypeError):
                raise CorpusError(f"{word!r} is no word: give str, or bytes in UTF-8") from None
            if isinstance(count, bool) or not hasattr(count, "__index__") or not 0 <= int(count) < 2**62:
                raise CorpusError(f"the count of {word!r} is {count!r}; give a whole number from 0 on")
            total[encoded] = total.get(encoded, 0) + int(count)
        corpus_words = sum(total.values())
        if corpus_words > MOST_COUNTED:
            raise CorpusError(f"the counts add up to {corpus_words}; at most {MOST_COUNTED} can be")
        table = WordTable.from_words(total)
        choice = Choice(min_count, max_final_vocab, trim_rule)
        values = np.fromiter(total.values(), np.int64, len(total))
        keep = choice.keep(values, choice.threshold([values]), partial(iter, table))
        kept = WordTable.from_words(word for word, k in zip(total, keep.tolist(), strict=True) if k)
        return _finished(
            kept.text,
            kept.offsets,
            values[keep],
            np.arange(len(kept)),
            corpus_words,
            0,
            choice,
            len(total),
            "the counts",
        )

    @classmethod
    def from_source(
        cls,
        source: Source,
        *,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        max_final_vocab: int | None = None,
        trim_rule: TrimRule | None = None,
        workers: int | None = None,
        errors: Errors = "strict",
        progress: Progress | None = None,
    ) -> "Vocab":
        """Count the words of a corpus. The result does not depend on the number of threads.

        Parameters
        ----------
        source : str, PathLike or iterable of lists of str
            A text file, plain or compressed; a directory of such; or any iterable of sentences.
        min_count : int
            Drop words that occur less often.
        max_vocab_size : int, optional
            Bound on the distinct words held while counting. Whenever a sentence leaves more, those seen fewer
            than 1, 2, 3, ... times are forgotten, as in gensim. Counting then takes one thread.
        max_final_vocab : int, optional
            Raise `min_count` until at most so many words are kept.
        trim_rule : callable(word, count, min_count) -> int, optional
            Answers 0 (as `min_count` says), 1 (drop) or 2 (keep) for each word.
        workers : int, optional
            Threads; the cores this process may use by default.
        errors : {"strict", "replace", "ignore"}
            What to do with bytes of a file that are not UTF-8.
        progress : callable(done, total), optional
            Called a few times a second with bytes (sentences, for an iterable) done and in all, if known.

        Raises
        ------
        CorpusError
            If the text is not UTF-8, is damaged, or holds no word often enough.
        OSError
            If a file cannot be read.
        """
        workers = checked_workers(workers)
        choice = Choice(min_count, max_final_vocab, trim_rule)
        tally = Tally(max_vocab_size, trim_rule)
        words = sentences = 0
        for part in scan(source, tally, workers, errors, progress):
            words += part.words
            sentences += part.sentences + part.closes
        return tally.vocab(choice, words, sentences, workers, describe(source))

    def keep_thresholds(self, sample: float) -> NDArray[np.uint32]:
        """Return for each word the bound t of subsampling: an occurrence stays if a uniform 32-bit r < t.

        2^32 - 1 stands for "always". An occurrence of a word with count f stays with probability
        (sqrt(f / T) + 1) T / f (word2vec.c), which is below 1 for f > phi T, phi = (3 + sqrt 5) / 2 = 2.618.
        T = sample x (sum of `counts`) for sample < 1, and floor(phi sample) from 1 on, as in gensim; 0 keeps
        all.
        """
        if not (sample >= 0 and math.isfinite(sample)):
            raise ValueError(f"sample={sample!r}: give 0 (keep all), a share below 1, or a count")
        total = float(self.counts.sum())
        if sample >= 1:
            at = float(int(min(sample * (3 + math.sqrt(5)) / 2, 2.0**63)))  # no count is above that
        else:
            at = sample * total if sample else total
        count = np.maximum(self.counts, 1).astype(np.float64)
        kept = (np.sqrt(count / at) + 1) * (at / count) if at else np.zeros(len(count))
        rounded = np.minimum(kept * 2.0**32, 2.0**32 - 2).astype(np.uint32)
        return np.where(kept >= 1, np.uint32(0xFFFFFFFF), rounded)

    def noise_table(self, ns_exponent: float = 0.75) -> NDArray[np.uint32]:
        """Return Walker's alias table, uint32[V, 2], for drawing words with weight count^ns_exponent.

        For 64 random bits r: i = ((r >> 32) * V) >> 32; the word is i if (r & 0xFFFFFFFF) < table[i, 0], else
        table[i, 1]. The word ``</s>`` has weight 0, unless it is the only one.
        """
        if not math.isfinite(ns_exponent):
            raise ValueError(f"ns_exponent={ns_exponent!r}: give a finite number")
        # Relative to the greatest, in logarithms, so that no exponent overflows.
        weights = ns_exponent * np.log(np.maximum(self.counts, 1).astype(np.float64))
        end = self.find(SENTENCE_END)
        if end >= 0 and len(self) > 1:
            weights[end] = -np.inf
        weights = np.exp(weights - weights.max(initial=-np.inf)) if len(self) else weights
        table = np.empty((len(self), 2), np.uint32)
        _backend.vocab.alias_table(weights, table)
        return table

    def huffman(self, tree: str) -> Huffman:
        """Return a Huffman tree for the words' counts (Huffman 1952); a count of 0 is taken as 1.

        Parameters
        ----------
        tree : {"spelling", "counts"}
            As `hs_tree` of `TrainConfig`: of the many trees of the least mean depth, the one in which words that
            begin alike share nodes, or that of word2vec.c and fastText.
        """
        n, by_spelling = len(self), checked_tree("tree", tree) == "spelling"
        parents, offsets = np.empty(2 * n, np.int32), np.empty(n + 1, np.int64)
        if not _backend.huffman.measure(self.counts, np.empty(n, np.int64), parents, offsets):
            raise ValueError("the counts do not fall from word to word: this is no vocabulary in its order")
        words = np.arange(n, dtype=np.int64)
        if by_spelling:
            order, ranks = self.words.by_spelling(), np.empty(n, np.int64)
            ranks[order] = words
            words = order[np.argsort(-np.diff(offsets)[order], kind="stable")]  # from the deepest level on
            _backend.huffman.pair_levels(offsets, words, ranks, np.empty(n, np.int64), parents)
        path = np.empty(offsets[n], np.int32)
        _backend.huffman.fill(parents, offsets, words, path)
        return Huffman(offsets, path)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the counted words become the vocabulary."""

    min_count: int
    max_final_vocab: int | None
    trim_rule: TrimRule | None

    def __post_init__(self) -> None:
        for name in ("min_count", "max_final_vocab"):
            object.__setattr__(self, name, MODEL_OPTIONS[name](name, getattr(self, name)))
        if self.trim_rule is not None and not callable(self.trim_rule):
            raise TypeError(f"trim_rule={self.trim_rule!r}: a function of (word, count, min_count) is needed")

    def threshold(self, counts: list[NDArray[np.int64]]) -> int:
        """Return the count that a word needs: `min_count`, or more where `max_final_vocab` asks for it."""
        distinct = sum(map(len, counts))
        if self.max_final_vocab is None or distinct <= self.max_final_vocab:
            return self.min_count
        last = distinct - 1 - self.max_final_vocab
        return max(self.min_count, int(np.partition(np.concatenate(counts), last)[last]) + 1)

    def keep(
        self, counts: NDArray[np.int64], threshold: int, words: Callable[[], Iterable[str]]
    ) -> NDArray[np.bool_]:
        """Return which words stay."""
        keep = counts >= threshold
        if self.trim_rule is not None:
            for i, (word, count) in enumerate(zip(words(), counts.tolist(), strict=True)):
                answer = self.trim_rule(word, count, threshold)
                if answer in (RULE_DISCARD, RULE_KEEP):
                    keep[i] = answer == RULE_KEEP
        return keep


class Tally:
    """Counts words, a table for each thread; a `Scanner`. With `max_vocab_size`, one table, in order.

    With `with_ids`, its parts carry the words' ids in the table that counted them; `mappings` turns these
    into those of the vocabulary.
    """

    def __init__(
        self, max_vocab_size: int | None = None, trim_rule: TrimRule | None = None, with_ids: bool = False
    ) -> None:
        max_vocab_size = MODEL_OPTIONS["max_vocab_size"]("max_vocab_size", max_vocab_size)
        self.in_order = max_vocab_size is not None
        self._limit = max_vocab_size or 0
        self._rule = trim_rule
        self._with_ids = with_ids
        self._room = IdRoom()
        self._tables: list[Any] = []
        self._idle: list[int] = []
        self._reached: list[int] = []  # the place up to which a table has come
        self._lock = threading.Lock()
        self._pending = False
        self._min_reduce = 1
        self._renumberings: list[NDArray[np.int32]] = []

    def scan(self, data: Any, starts: bool, place: int) -> list[Part]:
        """Count the words of a block."""
        data = memoryview(data)
        number, ids = self._take_table(place), self._ids_for(len(data) + 1)
        table = self._tables[number]
        try:
            if not self._limit:
                return [Part.of(table.scan(data, ids, place=place), ids, number)]
            if starts and self._pending:
                self._prune()
            parts, begin = [], 0
            while begin < len(data):
                found = table.scan(data[begin:], ids, self._limit, self._pending, place + begin)
                begin += found[0]
                parts.append(Part.of(found, ids, len(self._renumberings)))
                self._pending = found[5]
                if found[3] and not self._pending:
                    self._prune()
            return parts
        finally:
            self._idle.append(number)

    def add(self, sentences: list[Sequence[str]]) -> list[Part]:
        """Count the words of sentences."""
        if not self._tables:
            self._tables.append(_backend.vocab.TokenTable())
        ids = self._ids_for(sum(map(len, sentences)) + len(sentences))
        parts, begin = [], 0
        while begin < len(sentences):
            found = self._tables[0].add(sentences, begin, ids, self._limit)
            begin = found[0]
            parts.append(Part.of(found, ids, len(self._renumberings)))
            self._prune()
        return parts

    def vocab(self, choice: Choice, words: int, sentences: int, workers: int, name: str) -> Vocab:
        """Return the vocabulary of all that was counted; `name` is for the errors."""
        if self._pending:
            self._prune()
        tables = self._merged(workers)
        counts = [table.counts() for table in tables]
        threshold = choice.threshold(counts)
        text, offsets, kept, places = [], [np.zeros(1, np.int64)], [], []
        size = 0
        for table, count in zip(tables, counts, strict=True):
            keep = choice.keep(count, threshold, partial(_all_words, table))
            some_text, bounds = table.select(keep.view(np.uint8))
            text.append(some_text)
            offsets.append(bounds[1:] + size)
            kept.append(count[keep])
            places.append(table.places()[keep])
            size += len(some_text)
        distinct = sum(map(len, counts))
        return _finished(
            np.concatenate(text),
            np.concatenate(offsets),
            np.concatenate(kept),
            np.concatenate(places),
            words,
            sentences,
            choice,
            distinct,
            name,
        )

    def mappings(self, words: WordTable, workers: int) -> list[NDArray[np.int32]]:
        """Return, for each numbering of the parts, the word ids in `words`, -1 for words not there."""
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(lambda t: t.ids_in(words.text, words.offsets, words.slots), self._tables))
        for renumbering in reversed(self._renumberings):
            later = np.append(found[0], np.int32(-1))
            found.insert(0, later[renumbering])
        return found

    def _take_table(self, place: int) -> int:
        """Return the number of a table that has seen earlier places alone, so that it knows where words come first."""
        with self._lock:
            seen = [i for i in self._idle if self._reached[i] <= place]
            number = max(seen, key=self._reached.__getitem__, default=len(self._tables))
            if number < len(self._tables):
                self._idle.remove(number)
            else:
                self._tables.append(_backend.vocab.TokenTable())
                self._reached.append(place)
            self._reached[number] = place
            return number

    def _ids_for(self, n: int) -> NDArray[np.int32] | None:
        return self._room(n) if self._with_ids else None

    def _prune(self) -> None:
        """After a sentence: forget rare words if there are more than the limit."""
        self._pending = False
        if not self._limit or not self._tables or len(self._tables[0]) <= self._limit:
            return
        table = self._tables[0]
        keep = Choice(0, None, self._rule).keep(table.counts(), self._min_reduce, partial(_all_words, table))
        self._min_reduce += 1
        if keep.all():
            return
        table.prune(keep.view(np.uint8))
        if self._with_ids:
            self._renumberings.append(np.where(keep, np.cumsum(keep) - 1, -1).astype(np.int32))

    def _merged(self, workers: int) -> list[Any]:
        """Return tables that hold each word once."""
        if len(self._tables) < 2:
            return self._tables or [_backend.vocab.TokenTable()]
        merged = [_backend.vocab.TokenTable() for _ in range(workers)]
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda i: merged[i].merge(self._tables, i, len(merged)), range(len(merged))))
        return merged


def describe(source: object) -> str:
    """Return what to call a source in an error."""
    from os import PathLike

    return str(source) if isinstance(source, str | PathLike) else "the sentences"


def _all_words(table: Any) -> Iterator[str]:
    text, offsets = table.select(np.ones(len(table), np.uint8))
    raw = text.tobytes()
    return (raw[a:b].decode() for a, b in pairwise(offsets.tolist()))


def _finished(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    places: NDArray[np.int64],
    corpus_words: int,
    corpus_sentences: int,
    choice: Choice,
    distinct: int,
    name: str,
) -> Vocab:
    if not distinct and corpus_words:
        raise NoVocabularyError(
            f"{name}: none of its {corpus_words:,} words is left, so often did counting forget the rarest; "
            "raise max_vocab_size"
        )
    if not distinct:
        raise NoVocabularyError(f"{name}: there is no word in it")
    if not len(counts):
        raise NoVocabularyError(
            f"{name}: none of its {distinct:,} distinct words is kept with min_count={choice.min_count}; "
            "lower it, or give more text"
        )
    text, offsets, counts = _backend.vocab.ranked(text, offsets, counts, places)
    counts.flags.writeable = False
    return Vocab(WordTable(text, offsets), counts, corpus_words, corpus_sentences)
