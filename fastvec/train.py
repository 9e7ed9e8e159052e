"""The training loop: spans of the corpus, threads around the kernel, learning rate, progress, interruption.

The corpus is cut into spans of tokens, and every thread takes the next span as it becomes free. What happens in a span
is a function of its place (random numbers, learning rate), not of the thread, so one worker repeats its bits, and the
schedule is the same for any number of workers. A thread's call into the kernel lasts some milliseconds and runs
without the GIL; the calling thread waits, reports progress, and listens for Ctrl-C.
"""

import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.averaging import damped_scale, expected_updates, merge_intervals, settled_updates
from fastvec.config import LARGEST, TrainConfig, available_cores
from fastvec.corpus import EncodedCorpus
from fastvec.errors import CorpusError, StopTraining, TrainingError
from fastvec.vocab import Vocab

Matrix = NDArray[np.float32]

SPAN = 16_384
"""Tokens a kernel call."""
HOT_ROWS = 512
"""First rows of a matrix (frequent words, nodes near the root) that each thread keeps copies of between merges."""
HOT_THREADS = 4
"""From so many threads on they keep all of these. Fewer contend little, and merges cost them time; but a tree's nodes
are written to by every step, so two, too, keep those, and in skip-gram the words that meet them."""
FEW_HOT_ROWS = 64
"""... and without a tree two and three keep so many, for the minutes when their cores are far apart."""
HOT_SPANS = 64
"""Spans a thread from which on they do: in a short training, what a merge averages away is missing at the end."""
MERGE_TOKENS = 4_096
"""Tokens that all threads together train on between two merges of the hottest rows by a thread."""
MERGE_LEAST = 512
"""... but a thread no fewer than these: a merge takes as long as some tens of tokens."""
MERGE_PARTS = 16
"""Parts of the hot rows, each merged under a lock of its own, so that many threads may merge at once."""
ROW_ALIGN = 16
LOSS_SPANS = 64
"""The loss that is told is the mean of so many spans, the latest: about a million tokens."""
_HUGE_PAGE = 1 << 21


def allocate_rows(n: int, vector_size: int, *, zero: bool = True) -> Matrix:
    """Return rows of (n, stride), stride `vector_size` rounded up to 16: each row begins on a cache line.

    Large arrays begin on a huge page, so that few address translations serve the whole matrix. Without `zero`, they
    hold anything.
    """
    stride = -(-vector_size // ROW_ALIGN) * ROW_ALIGN
    nbytes = n * stride * 4
    align = _HUGE_PAGE if nbytes >= 4 * _HUGE_PAGE else 64
    raw = np.empty(nbytes + align, np.uint8)
    start = -raw.ctypes.data % align
    rows = raw[start : start + nbytes].view(np.float32).reshape(n, stride)
    if zero:
        rows.fill(0)
    return rows


def initial_input(n: int, vector_size: int, seed: int, workers: int | None = None) -> Matrix:
    """Return rows as `allocate_rows`, filled with uniform random numbers in (-1, 1) / vector_size.

    Each million numbers have a generator of their own, so that threads may share the work.
    """
    rows = allocate_rows(n, vector_size, zero=False)
    step = max(1, (1 << 20) // vector_size)

    def fill(start: int) -> None:
        some = rows[start : start + step]
        rng = np.random.default_rng([seed & (1 << 64) - 1, start // step])
        some[:, :vector_size] = (rng.random((len(some), vector_size), np.float32) * 2 - 1) / np.float32(
            vector_size
        )
        some[:, vector_size:] = 0

    with ThreadPoolExecutor(workers or available_cores()) as pool:
        list(pool.map(fill, range(0, n, step)))
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The rows that training changes; each begins on a cache line (`allocate_rows`).

    Attributes
    ----------
    input : float32 array of (words + buckets, stride)
        The words' rows (``syn0`` in word2vec.c), then those of the n-gram buckets where there are `bags`.
    output : float32 array of (words, stride), optional
        Negative sampling's rows (``syn1neg``); None where ``negative=0``.
    nodes : float32 array of (words, stride), optional
        Hierarchical softmax's rows (``syn1``), one for each inner node, the root first; None where ``hs=0``. A
        tree of V words has V - 1 inner nodes: the last row is not used.
    bags : object with `offsets`, int64 array of words + 1, and `rows`, int32 array; optional
        Subwords: word w's vector is the mean of the input rows ``rows[offsets[w]:offsets[w + 1]]``.
    lock : float32 array, optional
        Factor of each input row's updates: 0 keeps a row as it is.
    """

    input: Matrix
    output: Matrix | None = None
    nodes: Matrix | None = None
    bags: Any = None
    lock: NDArray[np.float32] | None = None

    def matrices(self) -> list[Matrix]:
        """Return those that are there."""
        return [rows for rows in (self.input, self.output, self.nodes) if rows is not None]


@dataclass(frozen=True)
class Progress:
    """Where training stands: what a progress callback gets.

    `words` counts the corpus's words trained on in all epochs so far, of `total_words`. `loss` is the mean loss of
    a pair of words over the latest million tokens or so, where it was asked for.
    """

    epoch: int
    words: int
    total_words: int
    seconds: float
    alpha: float
    loss: float | None = None

    @property
    def words_per_second(self) -> float:
        """Speed so far."""
        return self.words / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Outcome:
    """What a run of training did; `stopped`: a callback has ended it."""

    words: int
    seconds: float
    interrupted: bool
    stopped: bool = False
    loss: float | None = None


class EpochHooks(Protocol):
    """What to call between epochs, when no thread is at work."""

    def epoch_begin(self, epoch: int) -> object:
        """Called before each epoch, with its number in this run, from 0."""

    def epoch_end(self, epoch: int) -> object:
        """Called after each epoch."""


class _Run:
    """One call of `train`: the state that its threads share."""

    def __init__(
        self,
        vocab: Vocab,
        corpus: EncodedCorpus,
        weights: Weights,
        config: TrainConfig,
        first_epoch: int,
        with_loss: bool,
    ) -> None:
        self.vocab, self.corpus, self.config, self.first_epoch = vocab, corpus, config, first_epoch
        self.weights = weights
        self.tokens = corpus.tokens
        self.stop = np.zeros(1, np.uint8)
        self.keep = vocab.keep_thresholds(config.sample)
        self.noise = vocab.noise_table(config.ns_exponent)
        self.tree = vocab.huffman(config.hs_tree) if config.hs else None
        self.threads = min(config.threads, -(-len(self.tokens) // SPAN))
        self.total = len(self.tokens) * config.epochs
        self.done = [0] * self.threads
        self.losses: deque[tuple[float, float]] | None = deque(maxlen=LOSS_SPANS) if with_loss else None
        self.failure: BaseException | None = None
        self.merge_locks = np.zeros(MERGE_PARTS, np.int32)
        self.merge_interval = SPAN // -(-SPAN // max(MERGE_LEAST, MERGE_TOKENS // self.threads))  # whole ones
        self.merge_every = merge_intervals(MERGE_PARTS)
        hot = self._hot_rows()
        self.scales = self._hot_scales(hot) if any(hot) else None
        self._span_lock = threading.Lock()

    def _spans(self, epochs: range) -> Iterator[tuple[int, int, int]]:
        """Yield (epoch, first token, tokens of earlier spans in all epochs) for each span of some epochs.

        The order is drawn anew each epoch: neighbouring text shares its words, and threads at work on it would
        contend for the same rows.
        """
        n_spans = -(-len(self.tokens) // SPAN)
        for epoch in epochs:
            before = epoch * len(self.tokens)
            key = [self.config.seed & (1 << 64) - 1, self.first_epoch + epoch]
            for span in np.random.default_rng(key).permutation(n_spans).tolist():
                yield self.first_epoch + epoch, span * SPAN, before
                before += min(SPAN, len(self.tokens) - span * SPAN)

    def start(self, epochs: range) -> list[threading.Thread]:
        """Set threads to work on some epochs; `ended` tells of each when it is done."""
        self._next_span = self._spans(epochs)
        # In place of Thread.join, which may take a thread for dead that it was waiting for at Ctrl-C (Python < 3.13).
        self.ended = [threading.Event() for _ in range(self.threads)]
        threads = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(self.threads)]
        for thread in threads:
            thread.start()
        return threads

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
            if self.losses is not None:
                self.losses.append(worker.take_loss())
            self.check(self.weights.input[:1])
            self.corpus.release(start, stop)
        worker.merge()

    def _worker(self) -> Any:
        c, w = self.config, self.weights
        worker = _backend.train.Worker(
            w.input,
            w.output if c.negative else None,
            w.nodes if c.hs else None,
            self.tokens,
            self.keep,
            noise=self.noise,
            tree=self.tree,
            bags=w.bags,
            lock=w.lock,
            vector_size=c.vector_size,
            window=c.window,
            shrink_windows=c.shrink_windows,
            negative=c.negative,
            sg=c.sg,
            cbow_mean=c.cbow_mean,
            cbow_classic=c.cbow_classic,
            seed=c.seed & (1 << 64) - 1,
            stop=self.stop,
            with_loss=self.losses is not None,
        )
        if self.scales:
            worker.keep_hot_rows(*self.scales, self.merge_locks, self.merge_interval, self.merge_every)
        return worker

    def _hot_rows(self) -> tuple[int, int, int]:
        """Return how many rows of input, output and nodes each thread keeps copies of, at most."""
        if self.total // SPAN < HOT_SPANS * self.threads:
            return 0, 0, 0
        if self.threads >= HOT_THREADS:
            return HOT_ROWS, HOT_ROWS, HOT_ROWS
        if self.threads == 1:
            return 0, 0, 0
        if self.config.hs:
            return HOT_ROWS if self.config.sg else 0, 0, HOT_ROWS
        return FEW_HOT_ROWS, FEW_HOT_ROWS, 0

    def _hot_scales(self, hot: tuple[int, int, int]) -> tuple[NDArray[np.float32], ...]:
        """Return the merge's scale of each hot row of input, output and nodes; nothing for rows without copies."""
        counts = self.vocab.counts
        kept = np.minimum(self.keep / float(1 << 32), 1.0)
        tokens = self.merge_interval * self.threads
        centres = tokens * float((counts * kept).sum()) / max(1, int(counts.sum()))
        bags = self.weights.bags is not None
        updates = expected_updates(counts, kept, self.config, self.tree, bags=bags)
        scales = []
        for u, n in zip(updates, hot, strict=True):
            first = np.arange(MERGE_PARTS + 1) * min(n, len(u)) // MERGE_PARTS  # rows of the parts
            between = centres * np.repeat(self.merge_every, np.diff(first))  # two merges of a row
            scales.append(damped_scale(u[: first[-1]] * between, self.threads, settled_updates(self.config)))
        return tuple(scales)

    def progress(self, seconds: float) -> Progress:
        """Return where the run stands."""
        done = sum(self.done)
        words = int(done / len(self.tokens) * self.corpus.n_words)
        epoch = min(done // len(self.tokens), self.config.epochs - 1)
        total = self.corpus.n_words * self.config.epochs
        return Progress(epoch, words, total, seconds, self.alpha_at(done), self.loss())

    def loss(self) -> float | None:
        """Return the mean loss of a pair in the latest spans."""
        latest = list(self.losses or ())
        pairs = sum(n for _, n in latest)
        return sum(loss for loss, _ in latest) / pairs if pairs else None

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
    weights: Weights,
    config: TrainConfig,
    progress: Callable[[Progress], object] | None = None,
    first_epoch: int = 0,
    *,
    hooks: EpochHooks | None = None,
    with_loss: bool = False,
) -> Outcome:
    """Train the rows in place.

    Parameters
    ----------
    vocab, corpus
        The words, and the text as their ids.
    weights : Weights
    config : TrainConfig
    progress : callable, optional
        Called with a `Progress` about five times a second, and at the end.
    first_epoch : int
        Epochs that these rows were trained before: each epoch has random numbers of its own.
    hooks : EpochHooks, optional
        Called between the epochs. Threads then wait for each other at each epoch's end, which they do not otherwise.
    with_loss : bool
        Measure the loss, on one group of words in `LOSS_EVERY` (_core/train.pxi).

    Returns
    -------
    Outcome
        `interrupted` after Ctrl-C: the rows then hold what was learned so far, and a warning says so. `stopped` after
        `progress` or a hook has raised `StopTraining`.

    Raises
    ------
    CorpusError
        If the corpus holds no word of the vocabulary, or was encoded with another.
    TrainingError
        If the vectors overflow, or grow as they do before.
    """
    if not len(corpus.tokens):
        raise CorpusError(
            "no token of the corpus is in the vocabulary; check the text, lower min_count, or raise max_final_vocab"
        )
    corpus.check_vocab(vocab)
    _check_weights(weights, len(vocab), config)
    run = _Run(vocab, corpus, weights, config, first_epoch, with_loss)
    begun, interrupted, stopped = time.perf_counter(), False, False

    def report() -> None:
        if progress:
            progress(run.progress(time.perf_counter() - begun))

    try:
        for epochs in (range(e, e + 1) for e in range(config.epochs)) if hooks else (range(config.epochs),):
            if hooks:
                hooks.epoch_begin(epochs[0])
            _work(run, epochs, report)
            if run.failure is not None:
                raise run.failure
            report()
            if hooks:
                hooks.epoch_end(epochs[0])
    except KeyboardInterrupt:
        interrupted = True
    except StopTraining:
        stopped = True
    for rows in weights.matrices():
        run.check(rows)
    done = run.progress(time.perf_counter() - begun)
    if interrupted:
        warnings.warn(
            f"training was interrupted after {100 * done.words / max(1, done.total_words):.0f} % of the words; "
            "the model holds what it has learned so far",
            RuntimeWarning,
            stacklevel=2,
        )
    return Outcome(done.words, done.seconds, interrupted, stopped, done.loss)


def _work(run: _Run, epochs: range, report: Callable[[], object]) -> None:
    """Have the threads train some epochs, and wait for them."""
    threads: list[threading.Thread] = []
    try:
        threads = run.start(epochs)
        while (at_work := next((ended for ended in run.ended if not ended.is_set()), None)) is not None:
            at_work.wait(0.2)
            report()
    except BaseException:
        run.stop[0] = 1
        raise
    finally:
        for thread, ended in zip(threads, run.ended, strict=False):
            if thread.ident is not None:
                ended.wait()


def _check_weights(weights: Weights, words: int, config: TrainConfig) -> None:
    """Raise where the rows do not fit the words or the model."""
    for name, rows, wanted in (
        ("output", weights.output, config.negative),
        ("nodes", weights.nodes, config.hs),
    ):
        if wanted and (rows is None or len(rows) != words):
            raise ValueError(
                f"{words} words, {name} rows {None if rows is None else rows.shape}: one a word is needed"
            )
    if len(weights.input) < words or (weights.bags is None and len(weights.input) != words):
        raise ValueError(f"{words} words, {len(weights.input)} input rows: one a word is needed")
    if weights.lock is not None and weights.lock.shape != (len(weights.input),):
        raise ValueError(f"{weights.lock.shape} lock factors for {len(weights.input)} input rows")
