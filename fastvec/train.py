"""The training loop: spans of the corpus, threads around the kernel, learning rate, progress, interruption.

The corpus is cut into spans of tokens, and every thread takes the next span as it becomes free. What happens in a span
is a function of its place (random numbers, learning rate), not of the thread, so one worker repeats its bits, and the
schedule is the same for any number of workers. A thread's call into the kernel lasts some milliseconds and runs
without the GIL; the calling thread waits, reports progress, and listens for Ctrl-C.
"""

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.averaging import damped_scale, expected_updates
from fastvec.config import TrainConfig
from fastvec.corpus import EncodedCorpus
from fastvec.errors import CorpusError, TrainingError
from fastvec.vocab import Vocab

Matrix = NDArray[np.float32]

SPAN = 16_384
"""Tokens a kernel call; the hot rows merge after each."""
HOT_ROWS = 512
"""Most frequent words whose rows each of several threads keeps to itself between merges."""
MERGE_PARTS = 16
"""Parts of the hot rows, each merged under a lock of its own, so that many threads may merge at once."""
ROW_ALIGN = 16
LARGEST = 1e4
"""Numbers beyond this (and NaN) mean that training has diverged: a score of some 20 is as good as certain."""
_HUGE_PAGE = 1 << 21


def allocate_rows(n: int, vector_size: int) -> Matrix:
    """Return zeros of (n, stride), stride `vector_size` rounded up to 16: each row begins on a cache line.

    Large arrays begin on a huge page, so that few address translations serve the whole matrix.
    """
    stride = -(-vector_size // ROW_ALIGN) * ROW_ALIGN
    nbytes = n * stride * 4
    align = _HUGE_PAGE if nbytes >= 4 * _HUGE_PAGE else 64
    raw = np.empty(nbytes + align, np.uint8)
    start = -raw.ctypes.data % align
    rows = raw[start : start + nbytes].view(np.float32).reshape(n, stride)
    rows.fill(0)
    return rows


def initial_input(n: int, vector_size: int, seed: int) -> Matrix:
    """Return rows as `allocate_rows`, filled with uniform random numbers in (-1, 1) / vector_size."""
    rows = allocate_rows(n, vector_size)
    rng = np.random.default_rng(seed & (1 << 64) - 1)
    step = max(1, (1 << 20) // vector_size)
    for start in range(0, n, step):
        block = rows[start : start + step, :vector_size]
        block[:] = (rng.random(block.shape, np.float32) * 2 - 1) / vector_size
    return rows


@dataclass(frozen=True)
class Progress:
    """Where training stands: what a progress callback gets.

    `words` counts the corpus's words trained on in all epochs so far, of `total_words`.
    """

    epoch: int
    words: int
    total_words: int
    seconds: float
    alpha: float

    @property
    def words_per_second(self) -> float:
        """Speed so far."""
        return self.words / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Outcome:
    """What a run of training did."""

    words: int
    seconds: float
    interrupted: bool


class _Run:
    """One call of `train`: the state that its threads share."""

    def __init__(
        self,
        vocab: Vocab,
        corpus: EncodedCorpus,
        input_rows: Matrix,
        output_rows: Matrix,
        config: TrainConfig,
        first_epoch: int,
    ) -> None:
        self.vocab, self.corpus, self.config, self.first_epoch = vocab, corpus, config, first_epoch
        self.rows = (input_rows, output_rows)
        self.tokens = corpus.tokens
        self.stop = np.zeros(1, np.uint8)
        self.keep = vocab.keep_thresholds(config.sample)
        self.noise = vocab.noise_table(config.ns_exponent)
        self.threads = min(config.threads, -(-len(self.tokens) // SPAN))
        self.total = len(self.tokens) * config.epochs
        self.done = [0] * self.threads
        self.failure: BaseException | None = None
        # In place of Thread.join, which may take a thread for dead that it was waiting for at Ctrl-C (Python < 3.13).
        self.ended = [threading.Event() for _ in range(self.threads)]
        self.merge_locks = [threading.Lock() for _ in range(MERGE_PARTS)]
        self.scales = self._hot_scales() if self.threads > 1 else None
        self._next_span = self._spans()
        self._span_lock = threading.Lock()

    def _spans(self) -> Iterator[tuple[int, int, int]]:
        """Yield (epoch, first token, tokens of earlier spans in all epochs) for each span.

        The order is drawn anew each epoch: neighbouring text shares its words, and threads at work on it would
        contend for the same rows.
        """
        before, n_spans = 0, -(-len(self.tokens) // SPAN)
        for epoch in range(self.first_epoch, self.first_epoch + self.config.epochs):
            order = np.random.default_rng([self.config.seed & (1 << 64) - 1, epoch]).permutation(n_spans)
            for span in order.tolist():
                yield epoch, span * SPAN, before
                before += min(SPAN, len(self.tokens) - span * SPAN)

    def alpha_at(self, token: int) -> float:
        """Return the learning rate after `token` tokens of all epochs'."""
        c = self.config
        return c.alpha - (c.alpha - c.min_alpha) * token / self.total

    def work(self, thread: int) -> None:
        """Train on span after span until there are no more."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # looked for after each span
                self._work(thread)
        except BaseException as failure:
            self.failure = failure
            self.stop[0] = 1
        finally:
            self.ended[thread].set()

    def _work(self, thread: int) -> None:
        worker = self._worker()
        step = (self.config.alpha - self.config.min_alpha) / self.total
        while not self.stop[0]:
            with self._span_lock:
                span = next(self._next_span, None)
            if span is None:
                break
            epoch, start, before = span
            stop = min(start + SPAN, len(self.tokens))
            self.done[thread] += worker.train(start, stop, epoch, self.alpha_at(before), step) - start
            if self.scales:
                for i in range(thread, thread + MERGE_PARTS):  # each thread begins with another part
                    with self.merge_locks[i % MERGE_PARTS]:
                        worker.merge(i % MERGE_PARTS, MERGE_PARTS)
            self.check(self.rows[0][:1])
            self.corpus.release(start, stop)

    def _worker(self) -> "_backend.train.Worker":  # type: ignore[name-defined]
        c = self.config
        worker = _backend.train.Worker(
            *self.rows,
            self.tokens,
            self.keep,
            self.noise,
            window=c.window,
            shrink_windows=c.shrink_windows,
            negative=c.negative,
            seed=c.seed & (1 << 64) - 1,
            stop=self.stop,
        )
        if self.scales:
            worker.keep_hot_rows(*self.scales)
        return worker

    def _hot_scales(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the merge's scale of each hot input row and output row."""
        counts = self.vocab.counts
        kept = np.minimum(self.keep / float(1 << 32), 1.0)
        centres = SPAN * self.threads * float((counts * kept).sum()) / max(1, int(counts.sum()))
        hot = min(HOT_ROWS, len(counts))
        x, y = (
            damped_scale(u[:hot] * centres, self.threads) for u in expected_updates(counts, kept, self.config)
        )
        return x, y

    def progress(self, seconds: float) -> Progress:
        """Return where the run stands."""
        done = sum(self.done)
        words = int(done / len(self.tokens) * self.corpus.n_words)
        epoch = min(done // len(self.tokens), self.config.epochs - 1)
        return Progress(epoch, words, self.corpus.n_words * self.config.epochs, seconds, self.alpha_at(done))

    def check(self, rows: Matrix) -> None:
        """Raise where training has diverged."""
        for start in range(0, len(rows), 4096):
            if not (np.abs(rows[start : start + 4096]) <= LARGEST).all():
                percent = 100 * sum(self.done) / self.total
                raise TrainingError(
                    f"the vectors grew beyond all bounds in {percent:.0f} % of the training, at "
                    f"alpha={self.config.alpha:g}; train again with a smaller alpha"
                )


def train(
    vocab: Vocab,
    corpus: EncodedCorpus,
    input_rows: Matrix,
    output_rows: Matrix,
    config: TrainConfig,
    progress: Callable[[Progress], object] | None = None,
    first_epoch: int = 0,
) -> Outcome:
    """Train the rows in place.

    Parameters
    ----------
    vocab, corpus
        The words, and the text as their ids.
    input_rows, output_rows : float32 arrays of (words, stride)
        As from `initial_input` and `allocate_rows`.
    config : TrainConfig
    progress : callable, optional
        Called with a `Progress` about five times a second, and at the end.
    first_epoch : int
        Epochs that these rows were trained before: each epoch has random numbers of its own.

    Returns
    -------
    Outcome
        `interrupted` after Ctrl-C: the rows then hold what was learned so far, and a warning says so.

    Raises
    ------
    CorpusError
        If the corpus holds no word of the vocabulary, or was encoded with another.
    TrainingError
        If the vectors overflow, or grow as they do before.
    """
    if not len(corpus.tokens):
        raise CorpusError("no token of the corpus is in the vocabulary; check the text, or lower min_count")
    corpus.check_vocab(vocab)
    if not len(vocab) == len(input_rows) == len(output_rows):
        raise ValueError(
            f"{len(vocab)} words, {len(input_rows)} and {len(output_rows)} rows: one row a word is needed"
        )
    run = _Run(vocab, corpus, input_rows, output_rows, config, first_epoch)
    threads = [threading.Thread(target=run.work, args=(i,), daemon=True) for i in range(run.threads)]
    begun, interrupted = time.perf_counter(), False
    try:
        for thread in threads:
            thread.start()
        while not all(ended.is_set() for ended in run.ended):
            next(ended for ended in run.ended if not ended.is_set()).wait(0.2)
            if progress:
                progress(run.progress(time.perf_counter() - begun))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        run.stop[0] = 1
        for thread, ended in zip(threads, run.ended, strict=True):
            if thread.ident is not None:
                ended.wait()
    if run.failure is not None:
        raise run.failure
    for rows in run.rows:
        run.check(rows)
    done = run.progress(time.perf_counter() - begun)
    if progress and not interrupted:
        progress(done)
    if interrupted:
        warnings.warn(
            f"training was interrupted after {100 * done.words / max(1, done.total_words):.0f} % of the words; "
            "the model holds what it has learned so far",
            RuntimeWarning,
            stacklevel=2,
        )
    return Outcome(done.words, done.seconds, interrupted)
