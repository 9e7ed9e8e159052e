"""Subwords: the character n-grams of words and their buckets, as fastText counts and hashes them.

The n-grams of a word are the runs of `min_n` to `max_n` code points of ``<word>``, in the order of where they begin,
the shorter before the longer. The brackets alone are none, and neither has the word ``</s>`` any, which stands for the
end of a sentence in fastText (gensim gives it some). An n-gram's bucket is the 32-bit FNV-1a hash of its UTF-8 bytes,
each taken as a signed number, modulo `bucket`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.config import available_cores, checked_int
from fastvec.errors import FormatError
from fastvec.words import WordTable, join_words

MAX_ROWS = (1 << 31) - 1
"""Most rows that 32-bit row numbers reach: those of the words and of the buckets together."""
WORDS_AT_ONCE = 1 << 12
"""Words a call of a kernel: a millisecond or two."""


@dataclass(frozen=True, eq=False)
class Bags:
    """For each word the rows that make up its vector."""

    offsets: NDArray[np.int64]
    """int64 (V + 1,): bag i is ``rows[offsets[i]:offsets[i + 1]]``"""
    rows: NDArray[np.int32]
    """int32 (offsets[V],)"""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> NDArray[np.int32]:
        """Return the rows of word `i`, 0 <= i < V."""
        return self.rows[self.offsets[i] : self.offsets[i + 1]]


@dataclass(frozen=True)
class Subwords:
    """Which n-grams words have, and how many buckets they share. Names and defaults are fastText's and gensim's.

    Parameters
    ----------
    min_n, max_n : int
        Least and greatest length of an n-gram, in code points.
    bucket : int
        Number of buckets. It becomes 0 where there is no such length (``max_n=0`` or ``max_n < min_n``): subwords
        are off then.

    Raises
    ------
    ValueError, TypeError
        For a value out of its range, naming both.

    References
    ----------
    Bojanowski, Grave, Joulin, Mikolov, "Enriching Word Vectors with Subword Information", TACL 2017.
    """

    min_n: int = 3
    max_n: int = 6
    bucket: int = 2_000_000

    def __post_init__(self) -> None:
        for name, high in (("min_n", 1 << 20), ("max_n", 1 << 20), ("bucket", MAX_ROWS)):
            object.__setattr__(self, name, checked_int(name, getattr(self, name), 0, high))
        if self.max_n < max(self.min_n, 1):
            object.__setattr__(self, "bucket", 0)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Subwords":
        """Read what `to_metadata` wrote.

        Raises
        ------
        KeyError, ValueError
            If something is missing, or no number in its range.
        """
        return cls(*(int(metadata[name]) for name in ("min_n", "max_n", "bucket")))

    def to_metadata(self) -> dict[str, str]:
        """Return the parameters as strings, for a file's metadata."""
        return {name: str(value) for name, value in asdict(self).items()}

    @property
    def enabled(self) -> bool:
        """Whether words have n-grams at all."""
        return self.bucket > 0

    def ngrams(self, word: str) -> list[str]:
        """Return the n-grams of `word`; a repeated one stands there as often as it occurs."""
        if not self.enabled or word == "</s>":
            return []
        points = f"<{word}>"
        return [
            points[start : start + n]
            for start in range(len(points))
            for n in range(max(self.min_n, 1), min(self.max_n, len(points) - start) + 1)
            if n > 1 or 0 < start < len(points) - 1
        ]

    def buckets(self, word: str) -> NDArray[np.int32]:
        """Return the bucket of each of ``ngrams(word)``, int32.

        Raises
        ------
        UnicodeEncodeError
            If `word` has a lone surrogate, which UTF-8 cannot hold.
        """
        return self.bags_of([word]).rows

    def bags(self, words: WordTable, workers: int | None = None) -> Bags:
        """Return the rows of every word in a matrix of ``len(words) + bucket`` rows.

        Parameters
        ----------
        words : WordTable
        workers : int, optional
            Threads; all cores that the process may use where None. The result does not depend on it.

        Returns
        -------
        Bags
            Of each word: its own row, which is its id, then ``len(words) + bucket`` of each of its n-grams.

        Raises
        ------
        ValueError
            If there are more rows than 32-bit numbers reach.
        FormatError
            If the table comes from a file and is damaged.
        """
        if len(words) + self.bucket > MAX_ROWS:
            raise ValueError(
                f"{len(words)} words and bucket={self.bucket}: together at most {MAX_ROWS}; lower bucket"
            )
        if not self.enabled:
            return Bags(np.arange(len(words) + 1, dtype=np.int64), np.arange(len(words), dtype=np.int32))
        return self._bags(words.text, words.offsets, True, workers, words.origin)

    def bags_of(self, words: Sequence[str], workers: int | None = None) -> Bags:
        """Return the buckets of the n-grams of any words, known or not; otherwise as `bags`.

        Raises
        ------
        UnicodeEncodeError
            If a word has a lone surrogate, which UTF-8 cannot hold.
        """
        text, offsets = join_words(words)
        if not self.enabled:
            return Bags(np.zeros(len(offsets), np.int64), np.empty(0, np.int32))
        return self._bags(text, offsets, False, workers, "words")

    def _bags(
        self, text: NDArray[np.uint8], offsets: NDArray[np.int64], own: bool, workers: int | None, origin: str
    ) -> Bags:
        """Count, then fill; `own` tells whether bags begin with the word's own row."""
        n = len(offsets) - 1
        kernel, lengths = _backend.subword, (self.min_n, self.max_n)
        bounds = np.zeros(n + 1, np.int64)

        def count(first: int, stop: int) -> int:
            return int(kernel.count(text, offsets, first, stop, *lengths, bounds[1:]))

        def fill(first: int, stop: int) -> int:
            return int(
                kernel.fill(text, offsets, first, stop, *lengths, self.bucket, own, bounds, rows),
            )

        bad = _in_pieces(count, n, workers)
        if bad < 0:
            if own:
                bounds[1:] += 1
            bounds.cumsum(out=bounds)
            rows = np.empty(int(bounds[-1]), np.int32)
            bad = _in_pieces(fill, n, workers)
        if bad >= 0:
            raise FormatError(f"{origin}: the bounds of word {bad} are damaged")
        return Bags(bounds, rows)


def compose(
    own: NDArray[np.float32],
    ngrams: NDArray[np.float32],
    bags: Bags,
    out: NDArray[np.float32],
    workers: int | None = None,
) -> None:
    """Write the mean of each bag's rows to `out`; of an empty bag, zeros.

    Parameters
    ----------
    own : float32 array of (n, D)
        The rows 0 ... n - 1.
    ngrams : float32 array of (m, D)
        The rows n ... n + m - 1.
    bags : Bags
    out : float32 array of (len(bags), D)
    workers : int, optional
        Threads; all cores that the process may use where None. The result does not depend on it.

    Raises
    ------
    ValueError
        If shapes do not fit, or a bag holds a row that is not there.
    """
    if len(out) != len(bags):
        raise ValueError(f"{len(bags)} bags, {len(out)} rows to write: one number is needed")

    def work(first: int, stop: int) -> int:
        return int(_backend.subword.compose(own, ngrams, bags.offsets, bags.rows, first, stop, out))

    bad = _in_pieces(work, len(bags), workers)
    if bad >= 0:
        raise ValueError(f"bag {bad} holds rows beyond the {len(own) + len(ngrams)} that are there")


def _in_pieces(work: Callable[[int, int], int], n: int, workers: int | None) -> int:
    """Call ``work(first, stop)`` for pieces of 0 ... n, in threads; return its first answer that is no -1, or -1."""
    if n <= WORDS_AT_ONCE:
        return work(0, n)
    firsts = range(0, n, WORDS_AT_ONCE)
    stops = [min(first + WORDS_AT_ONCE, n) for first in firsts]
    threads = min(workers or available_cores(), len(firsts))
    if threads < 2:
        answers = list(map(work, firsts, stops))
    else:
        from concurrent.futures import ThreadPoolExecutor  # not for a few words

        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(work, firsts, stops))
    return next((answer for answer in answers if answer >= 0), -1)
