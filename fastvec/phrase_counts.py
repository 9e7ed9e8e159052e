"""Counting words and phrases: from text to a table of counts by text, in one pass, whatever the number of threads."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.corpus import EncodedCorpus
from fastvec.text import IdRoom, Part, Source, scan, text_files
from fastvec.vocab import Vocab
from fastvec.words import WordTable

logger = logging.getLogger("fastvec.phrases")
_PARTS = 256
_SPAN = 1 << 18
_FEW = 1 << 16
"""Pairs that one thread merges faster than several."""
NONE = 0xFFFFFFFF
"""Stands for the second word of what is a word alone."""
Texts = tuple[NDArray[np.uint8], NDArray[np.int64]]


class TooManyError(Exception):
    """More words and phrases than `max_vocab_size`, met by several threads: one must count, and prune."""


class Numbering:
    """Words and pairs of words as one thread counts them: connectors have the first ids."""

    def __init__(self, connectors: list[str], delimiter: bytes) -> None:
        self.words = _backend.vocab.TokenTable()
        self.words.add([connectors])
        self.pairs = _backend.phrases.PairTable(len(connectors), delimiter)

    def __len__(self) -> int:
        return len(self.words) + len(self.pairs)

    def count(self, ids: NDArray[np.int32]) -> None:
        """Count the pairs of ids of `words`."""
        self.pairs.add_words(*self.words.since(self.pairs.known))
        self.pairs.count(ids)

    def prune(self, least: int, connectors: int) -> None:
        """Forget what was seen fewer than `least` times."""
        keep = self.words.counts() >= least
        keep[:connectors] = True
        new_ids = np.where(keep, np.cumsum(keep) - 1, -1).astype(np.int32)
        self.pairs.prune(least, new_ids)
        self.words.prune(keep.view(np.uint8))


class PhraseTally:
    """Counts words and pairs of words, each thread for itself; a `Scanner`.

    Parameters
    ----------
    connectors : list of str
    delimiter : bytes
        Stands between the words of a phrase.
    limit : int
        As `max_vocab_size`.
    in_order : bool
        Count in one thread, and prune after each sentence that leaves more than `limit` words and pairs;
        else raise `TooManyError` where the threads have more together.
    """

    def __init__(self, connectors: list[str], delimiter: bytes, limit: int, in_order: bool) -> None:
        self.in_order = in_order
        self.connectors, self.delimiter, self.limit = connectors, delimiter, limit
        self.numberings: list[Numbering] = []
        self.min_reduce = 1
        self._idle: list[int] = []
        self._lock = threading.Lock()
        self._room = IdRoom()

    def scan(self, data: Any, starts: bool, place: int) -> list[Part]:
        """Count the words and pairs of a block."""
        data = memoryview(data)
        number = self._take()
        try:
            return [self._scan_piece(piece, number) for piece in self._pieces(data)]
        finally:
            self._idle.append(number)

    def _pieces(self, data: memoryview) -> Iterator[memoryview]:
        """Cut a block into its lines where pruning may be near: a word brings two entries at most."""
        if not self.in_order or self._known() + len(data) + 1 <= self.limit:
            yield data
            return
        begin, raw = 0, bytes(data)
        while begin < len(raw):
            end = raw.find(b"\n", begin) + 1 or len(raw)
            yield data[begin:end]
            begin = end

    def _scan_piece(self, data: memoryview, number: int) -> Part:
        ids = self._room(len(data) + 1)
        part = self._counted(self.numberings[number].words.scan(data, ids), ids, number)
        if part.sentences and not part.pending:
            self._prune(self.numberings[number])
        return part

    def _counted(self, found: tuple[Any, ...], ids: NDArray[np.int32], number: int) -> Part:
        ids = ids[: found[6]]
        numbering = self.numberings[number]
        numbering.count(ids)
        _, words, lines, sentences, lead, pending, _ = found
        edges = _backend.phrases.edges(ids, len(self.connectors)) if not self.in_order else None
        if not self.in_order and self._known() > self.limit:
            raise TooManyError
        return Part(words, lines, sentences, lead, pending, edges, number)

    def add(self, sentences: list[Sequence[str]]) -> list[Part]:
        """Count the words and pairs of sentences."""
        number = self._take()
        words = sum(map(len, sentences))
        near = self._known() + 2 * words > self.limit
        try:
            parts = []
            for batch in [[sentence] for sentence in sentences] if near else [sentences]:
                ids = self._room(sum(map(len, batch)) + len(batch))
                parts.append(self._counted(self.numberings[number].words.add(batch, 0, ids), ids, number))
                self._prune(self.numberings[number])  # after an empty sentence too, as in gensim
            return parts
        finally:
            self._idle.append(number)

    def count_ids(self, ids: NDArray[np.int32], words: WordTable, number: int) -> NDArray[np.int32]:
        """Count the pairs of ids of `words`; return their edges."""
        pairs = self.numberings[number].pairs
        if not pairs.known:
            pairs.add_words(words.text, words.offsets)
        pairs.count(ids)
        return np.asarray(_backend.phrases.edges(ids, len(self.connectors)), np.int32)

    def _known(self) -> int:
        return sum(map(len, self.numberings)) - len(self.numberings) * len(self.connectors)

    def _prune(self, numbering: Numbering) -> None:
        if self.in_order and self._known() > self.limit:
            before = self._known()
            numbering.prune(self.min_reduce, len(self.connectors))
            logger.info(
                "pruned %i entries seen fewer than %i times; %i are left",
                before - self._known(),
                self.min_reduce,
                self._known(),
            )
            self.min_reduce += 1

    def _take(self) -> int:
        with self._lock:
            if not self._idle:
                self._idle.append(len(self.numberings))
                self.numberings.append(Numbering(self.connectors, self.delimiter))
            return self._idle.pop()


class PhraseCounts(Mapping[str, int]):
    """How often each word and each phrase was seen, by its text: the `vocab` of `Phrases`. Read-only.

    Iterates most frequent first, equal counts by their UTF-8 bytes.
    """

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter.encode()
        self.table = _backend.phrases.PhraseTable(self._delimiter)

    @classmethod
    def of(cls, counts: Mapping[str, int], delimiter: str) -> "PhraseCounts":
        """Take over counts, from 1 on, by text.

        A text with one delimiter is a phrase of two words; others are words, whatever they hold, and are taken apart
        when phrases are looked for.
        """
        self = cls(delimiter)
        words: dict[str, int] = {}
        sides = []
        for text in counts:
            parts = text.split(delimiter) if delimiter else [text]
            pair = parts if len(parts) == 2 and all(parts) else [text]
            sides.append([words.setdefault(word, len(words)) for word in pair])
        table = WordTable.from_words(words)
        self.table.add_words(table.text, table.offsets)
        left = np.array([side[0] for side in sides], np.uint32)
        right = np.array([side[1] if len(side) > 1 else NONE for side in sides], np.uint32)
        self.table.add_rows(left, right, np.fromiter(counts.values(), np.int64, len(counts)))
        return self

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, text: str) -> int:
        count = self.count(text)
        if not count:
            raise KeyError(text)
        return count

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.count(text) > 0

    def __iter__(self) -> Iterator[str]:
        return iter([text for text, _ in self._ranked()])

    def _ranked(self) -> list[tuple[str, int]]:
        left, right, count = self.table.rows()
        text, offsets = self.table.texts(left, right)
        text, offsets, count = _backend.vocab.ranked(text, offsets, count)
        return list(zip(strings((text, offsets)), count.tolist(), strict=True))

    def __repr__(self) -> str:
        return f"PhraseCounts of {len(self):,} words and phrases"

    def count(self, text: str) -> int:
        """Return how often `text` was seen; 0 for what was not."""
        try:
            return int(self.table.find(text.encode()))
        except (UnicodeEncodeError, AttributeError):  # a lone surrogate, or no str
            return 0

    def learn(
        self, source: Source, connectors: list[str], limit: int, workers: int, errors: Any, progress: Any
    ) -> tuple[int, int]:
        """Add the counts of a corpus. Return its words, and the count below which entries were pruned next."""
        parallel = text_files(source) is not None
        while True:
            tally = PhraseTally(connectors, self._delimiter, limit, in_order=not parallel)
            seams: list[tuple[bool, Part]] = []
            words = 0
            try:
                for part in scan(source, tally, workers, errors, progress):
                    words += part.words
                    if parallel and part.words + part.lines:
                        seams.append((part.starts, part))
                break
            except TooManyError:
                parallel = False
        self._merge(tally, seams, workers)
        return words, tally.min_reduce

    def learn_encoded(self, corpus: EncodedCorpus, vocab: Vocab, connectors: list[str], workers: int) -> int:
        """Add the counts of an encoded corpus; return its words."""
        corpus.check_vocab(vocab)
        tokens = corpus.tokens
        others = [word for word in connectors if word not in vocab]
        own = [word for word in connectors if word in vocab]
        order = np.concatenate([[vocab.find(word) for word in own], np.arange(len(vocab))]).astype(np.int64)
        _, first = np.unique(order, return_index=True)
        ids = order[np.sort(first)]
        to = np.empty(len(vocab) + 1, np.int32)
        to[ids], to[-1] = np.arange(len(vocab)) + len(others), -1
        tally = PhraseTally(others + own, self._delimiter, 1 << 62, in_order=False)
        words = WordTable.from_words([*others, *(vocab.words[int(i)] for i in ids)])

        def work(start: int) -> Part:
            number = tally._take()
            try:
                edges = tally.count_ids(to[tokens[start : start + _SPAN]], words, number)
                return Part(words=1, ids=edges, numbering=number)
            finally:
                tally._idle.append(number)

        with ThreadPoolExecutor(workers) as pool:
            seams = [(False, part) for part in pool.map(work, range(0, len(tokens), _SPAN))]
        counts = np.concatenate([np.zeros(len(others), np.int64), vocab.counts[ids]])
        seen: list[NDArray[Any]] = [words.text, words.offsets, counts]
        self._merge(tally, seams, workers, seen)
        return int(corpus.n_words)

    def _merge(
        self,
        tally: PhraseTally,
        seams: list[tuple[bool, Part]],
        workers: int,
        vocabulary: list[NDArray[Any]] | None = None,
    ) -> None:
        """Add what the threads counted; `vocabulary`: text, offsets and counts of the words, where all share it."""
        table, own = self.table, len(tally.connectors)
        jobs, words = [], []
        for i, numbering in enumerate(tally.numberings):
            if vocabulary is None:
                words.append((table.add_words(*numbering.words.since(0)), numbering.words.counts()))
            else:
                counts = vocabulary[2] if i == 0 else np.zeros_like(vocabulary[2])
                words.append((table.add_words(*vocabulary[:2]), counts))
            jobs.append((numbering.pairs, words[-1][0]))
        if seams and words:
            jobs.append(self._seams(seams, [ids for ids, _ in words], own))
        counted = [(pairs, ids, table.take_steps(pairs, ids)) for pairs, ids in jobs]
        seen = np.zeros(table.n_words, np.int64)
        for ids, counts in words:
            seen[ids[own:]] += counts[own:]
        if sum(len(pairs) for pairs, *_ in counted) < _FEW:
            workers = 1
        step = _PARTS // workers // 4 or 1
        with ThreadPoolExecutor(workers) as pool:
            if workers == 1:
                table.merge(counted, seen, 0, _PARTS)
            else:
                spans = [(first, min(first + step, _PARTS)) for first in range(0, _PARTS, step)]
                list(pool.map(lambda span: table.merge(counted, seen, *span), spans))

    def _seams(
        self, seams: list[tuple[bool, Part]], mappings: list[NDArray[np.int32]], connectors: int
    ) -> tuple[Any, NDArray[np.int32]]:
        """Count the pairs that cross from block to block: of what stands at the blocks' edges."""
        end = np.array([-1], np.int32)
        to = [np.append(m, end) for m in mappings]
        pieces = []
        for starts, part in seams:
            if starts or part.lead:
                pieces.append(end)
            pieces.append(to[part.numbering][part.ids])
        line = np.concatenate(pieces)
        own = mappings[0][:connectors]
        ids = np.concatenate([own, np.setdiff1d(line[line >= 0], own)])
        places = np.full(self.table.n_words + 1, -1, np.int32)
        places[ids] = np.arange(len(ids))
        pairs = _backend.phrases.PairTable(connectors, self._delimiter)
        pairs.add_words(*self.table.texts(ids.astype(np.uint32), np.full(len(ids), NONE, np.uint32)))
        pairs.count(places[line])
        return pairs, ids

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that is counted: words and their bounds, steps, and rows of pairs."""
        text, offsets = self.table.words()
        step_left, step_connector = self.table.steps()
        left, right, count = self.table.rows()
        return {
            "words": text,
            "offsets": offsets,
            "step_left": step_left,
            "step_connector": step_connector,
            "left": left,
            "right": right,
            "counts": count,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], delimiter: str) -> "PhraseCounts":
        """Return what `arrays` holds; every number in it is checked on the way."""
        check_bounds(arrays["words"], arrays["offsets"])
        arrays["words"].tobytes().decode()
        counts = cls(delimiter)
        ids = counts.table.add_words(arrays["words"], arrays["offsets"])
        if not np.array_equal(ids, np.arange(len(ids))):
            raise ValueError("a word stands twice")
        steps = counts.table.add_steps(arrays["step_left"], arrays["step_connector"])
        if not np.array_equal(steps, np.arange(len(steps), dtype=np.uint32) | np.uint32(1 << 31)):
            raise ValueError("a step stands twice")
        counts.table.add_rows(arrays["left"], arrays["right"], arrays["counts"])
        return counts

    def __reduce__(self) -> Any:
        return PhraseCounts.from_arrays, (self.arrays(), self._delimiter.decode())


def check_bounds(text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
    """Raise a ValueError unless `offsets` cut the text into words."""
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(text) or np.any(np.diff(offsets) < 0):
        raise ValueError("the words' bounds are out of order")


def strings(texts: Texts) -> list[str]:
    """Return texts, end to end with their offsets, as strings."""
    raw = texts[0].tobytes()
    return [raw[a:b].decode() for a, b in pairwise(texts[1].tolist())]
