"""The training loop: what it learns, its schedule, and how it ends."""

import contextlib
import itertools
import re
import signal
import threading
import types
import warnings

import numpy as np
import planted
import pytest

from fastvec import _backend, averaging
from fastvec import train as training
from fastvec.averaging import merge_intervals
from fastvec.config import TrainConfig
from fastvec.corpus import count_and_encode
from fastvec.errors import CorpusError, TrainingError
from fastvec.keyedvectors import KeyedVectors
from fastvec.train import Progress, Weights, allocate_rows, initial_input, train
from fastvec.vocab import Vocab

SMALL = {"sg": 1, "vector_size": 16, "epochs": 6, "sample": 0, "alpha": 0.05}


class Model:
    """A vocabulary, a corpus and the two matrices."""

    def __init__(self, sentences, **options):
        self.config = TrainConfig(**{**SMALL, **options})
        self.vocab, self.corpus = count_and_encode(sentences, min_count=1)
        n, size = len(self.vocab), self.config.vector_size
        self.input, self.output = initial_input(n, size, self.config.seed), allocate_rows(n, size)
        self.nodes = allocate_rows(n, size) if self.config.hs else None

    def train(self, progress=None):
        return train(
            self.vocab, self.corpus, Weights(self.input, self.output, self.nodes), self.config, progress
        )

    @property
    def wv(self):
        return KeyedVectors._from_parts(self.vocab.words, self.input[:, : self.config.vector_size])


@pytest.fixture
def sentences():
    return planted.clusters(4, 5, sentences=150, length=8)


# ---- What it learns


@pytest.mark.parametrize("workers", [1, 2])
def test_words_of_one_cluster_become_neighbours(each_backend, sentences, workers, monkeypatch):
    monkeypatch.setattr(training, "SPAN", 400)  # so that the workers share the work
    model = Model(sentences, workers=workers)
    before = planted.purity(model.wv)
    outcome = model.train()
    assert before < 0.5 and planted.purity(model.wv) > 0.9
    assert outcome.words == 6 * 150 * 8 and not outcome.interrupted


@pytest.mark.parametrize("workers", [1, 2])
def test_analogies_are_learned(workers, monkeypatch):
    """Words r.c that are used as the row r and the column c are: a.x is to a.y as b.x is to b.y."""
    monkeypatch.setattr(training, "SPAN", 1024)
    model = Model(planted.grid(4, 5, 8000), vector_size=32, alpha=0.05, epochs=4, workers=workers)
    model.train()
    assert planted.analogies(model.wv, 4, 5) > 0.9


def test_one_worker_and_one_seed_give_the_same_bits(each_backend, sentences):
    first, second, other = (Model(sentences, workers=1, seed=seed) for seed in (5, 5, 6))
    for model in (first, second, other):
        model.train()
    assert (
        first.input.tobytes() == second.input.tobytes() and first.output.tobytes() == second.output.tobytes()
    )
    assert not np.array_equal(first.input, other.input)


def test_the_seed_draws_more_than_the_first_vectors(sentences):
    first, other = Model(sentences, workers=1, seed=5), Model(sentences, workers=1, seed=6)
    other.input[:] = first.input
    first.train(), other.train()
    assert not np.array_equal(first.input, other.input)


def test_epochs_differ_and_go_on_where_they_ended(sentences):
    """Each epoch draws other noise; two calls of one epoch are one call of two."""
    options = {"workers": 1, "alpha": 0.05, "min_alpha": 0.05}
    both = Model(sentences, epochs=2, **options)
    again, on = Model(sentences, epochs=1, **options), Model(sentences, epochs=1, **options)
    both.train(), again.train(), again.train()
    for epoch in range(2):
        train(on.vocab, on.corpus, Weights(on.input, on.output), on.config, first_epoch=epoch)
    assert np.array_equal(both.input, on.input) and not np.array_equal(both.input, again.input)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 100])
def test_padding_stays_zero(sentences, size):
    model = Model(sentences, vector_size=size, workers=2)
    model.train()
    assert (
        not model.input[:, size:].any() and not model.output[:, size:].any() and model.output[:, :size].any()
    )


# ---- The schedule


class Recorder:
    """Stands in for a kernel: notes what it is asked to do."""

    def __init__(self):
        self.calls, self.merges, self.hot, self.locks, self.options = [], [], [], [], []
        self.lock = threading.Lock()
        self.on_train = lambda *_: None
        recorder = self

        class Worker:
            def __init__(self, x, y, nodes, tokens, keep, *, noise, stop, **options):
                self.rows, self.stop = (x, y), stop
                recorder.options.append(options)

            def keep_hot_rows(self, x, y, nodes, locks, interval, every):
                recorder.hot.append((x, y, nodes))
                recorder.locks.append((locks, interval, every))

            def merge(self):
                with recorder.lock:
                    recorder.merges.append(len(recorder.calls))

            def train(self, start, stop, epoch, alpha, step):
                with recorder.lock:
                    recorder.calls.append((epoch, start, stop, alpha, step))
                recorder.on_train(self, start, stop)
                return stop

        self.Worker = Worker


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(_backend, "train", types.SimpleNamespace(Worker=recorder.Worker), raising=False)
    monkeypatch.setattr(training, "SPAN", 64)
    return recorder


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_schedule_is_the_same_for_any_number_of_workers(recorder, sentences, workers, monkeypatch):
    monkeypatch.setattr(training, "HOT_SPANS", 1)
    model = Model(sentences, workers=workers, alpha=0.5, min_alpha=0.1)
    model.train()
    tokens = len(model.corpus.tokens)
    calls = sorted(recorder.calls, key=lambda call: -call[3])
    covered = np.zeros((6, tokens), int)
    seen = 0
    for epoch, start, stop, alpha, step in calls:
        covered[epoch, start:stop] += 1
        assert alpha == pytest.approx(0.5 - 0.4 * seen / (6 * tokens))
        assert alpha - step * (stop - start) == pytest.approx(
            0.5 - 0.4 * (seen + stop - start) / (6 * tokens)
        )
        seen += stop - start
    assert (covered == 1).all(), "every token once an epoch"
    assert [call[0] for call in calls] == sorted(call[0] for call in calls), "epoch after epoch"
    assert len(recorder.merges) == workers, "each thread, at its end"
    if workers == 1:
        assert not recorder.hot and recorder.calls == calls
    else:
        assert len(recorder.hot) == workers
        assert all((scale > 0).all() and (scale <= 1).all() for pair in recorder.hot for scale in pair)
        locks, intervals, every = zip(*recorder.locks, strict=True)
        assert all(each is locks[0] for each in locks) and len(locks[0]) == training.MERGE_PARTS
        assert all(np.array_equal(each, merge_intervals(training.MERGE_PARTS)) for each in every)
        assert set(intervals) == {training.SPAN}, "whole ones in a span"


@pytest.mark.parametrize(
    ("workers", "options", "kept"),
    [
        (1, {"hs": 1}, None),
        (1, {}, None),
        (2, {}, (3, 3, 0)),
        (3, {"sg": 0}, (3, 3, 0)),
        (2, {"hs": 1}, (5, 0, 5)),
        (2, {"hs": 1, "sg": 0}, (0, 0, 5)),
        (4, {"hs": 1, "sg": 0}, (5, 5, 5)),
    ],
)
def test_what_threads_keep_copies_of(recorder, sentences, workers, options, kept, monkeypatch):
    """From two threads on the upper nodes, and what skip-gram pairs with them, or without a tree a few rows; from four
    on the first rows of all matrices; in short trainings nothing."""
    monkeypatch.setattr(training, "HOT_ROWS", 5)
    monkeypatch.setattr(training, "FEW_HOT_ROWS", 3)
    monkeypatch.setattr(training, "HOT_SPANS", 1)
    Model(sentences, workers=workers, **options).train()
    assert {tuple(map(len, scales)) for scales in recorder.hot} == ({kept} if kept else set())
    recorder.hot.clear()
    monkeypatch.setattr(training, "HOT_SPANS", 10**9)
    Model(sentences, workers=workers, **options).train()
    assert not recorder.hot


def test_scales_are_those_of_the_updates_between_two_merges_of_a_row(recorder, sentences, monkeypatch):
    for name, value in {
        "HOT_ROWS": 10,
        "HOT_SPANS": 1,
        "MERGE_PARTS": 4,
        "MERGE_LEAST": 1,
        "MERGE_TOKENS": 80,
    }.items():
        monkeypatch.setattr(training, name, value)
    monkeypatch.setattr(averaging, "SETTLED", 40.0)  # 30 at a learning rate of 0.05 and a mean window of 2
    model = Model(sentences, workers=5, window=3)
    model.train()
    assert {interval for _, interval, _ in recorder.locks} == {16}
    counts, x = model.vocab.counts, recorder.hot[0][0]
    tokens = 5 * 16 * np.array([1, 1, 2, 2, 2, 2, 2, 4, 4, 4])  # 10 rows in 4 parts, of 2, 3, 2 and 3
    updates = tokens * 2 * 2 * counts[:10] / counts.sum()  # the mean window is 2, on both sides
    np.testing.assert_allclose(x, np.clip(30 / updates, 1 / 5, 1), rtol=1e-6)
    assert (x < 1).any() and (x > 1 / 5).any()


def test_spans_come_in_another_order_each_epoch(recorder, sentences):
    """Threads at work on neighbouring text would contend for its words."""
    Model(sentences, workers=1, epochs=2).train()
    first, second = ([start for e, start, *_ in recorder.calls if e == epoch] for epoch in (0, 1))
    assert len(first) > 16 and sorted(first) == sorted(second) and first != second
    follows = sum(b - a == 64 for a, b in itertools.pairwise(first))
    assert follows < len(first) / 3


def test_options_reach_the_kernel(recorder, sentences):
    Model(sentences, workers=1, window=3, shrink_windows=False, negative=7, seed=-1).train()
    assert recorder.options == [
        {
            "window": 3, "shrink_windows": False, "negative": 7, "seed": 2**64 - 1, "sg": 1, "cbow_mean": 1,
            "cbow_classic": True, "tree": None, "bags": None, "lock": None, "with_loss": False,
            "vector_size": 16,
        }
    ]  # fmt: skip


def test_no_more_threads_than_spans(recorder):
    Model([["a", "b"]], workers=8).train()
    assert len(recorder.options) == 1


# ---- Progress


def test_progress_goes_from_the_beginning_to_the_end(recorder, sentences):
    seen = []
    recorder.on_train = lambda *_: threading.Event().wait(0.005)
    model = Model(sentences, workers=2)
    model.train(seen.append)
    words = [p.words for p in seen]
    assert words == sorted(words) and len(words) > 1
    last = seen[-1]
    assert (last.words, last.total_words, last.epoch) == (7200, 7200, 5)
    assert last.alpha == pytest.approx(model.config.min_alpha)
    assert last.words_per_second == pytest.approx(last.words / last.seconds)


def test_progress_is_told_of_the_end_of_the_shortest_training():
    seen = []
    Model([["a", "b"]]).train(seen.append)
    assert seen[-1].words == seen[-1].total_words == 12


def test_speed_before_any_time_has_passed():
    assert Progress(epoch=0, words=0, total_words=5, seconds=0.0, alpha=0.1).words_per_second == 0


def test_an_error_in_the_callback_ends_training(recorder, sentences):
    recorder.on_train = lambda *_: threading.Event().wait(0.01)

    def fail(progress):
        raise LookupError("mine")

    before = set(threading.enumerate())
    with pytest.raises(LookupError, match="mine"):
        Model(sentences, workers=2, epochs=1000).train(fail)
    assert set(threading.enumerate()) <= before, "no thread is left"


# ---- Ends


def test_interruption_leaves_what_was_learned(sentences):
    def interrupt(progress):
        if progress.words < progress.total_words:
            raise KeyboardInterrupt

    model = Model(sentences, workers=2, epochs=100_000, alpha=0.025)
    with pytest.warns(RuntimeWarning, match=r"interrupted after \d+ %"):
        outcome = model.train(interrupt)
    assert outcome.interrupted and 0 <= outcome.words < 100_000 * 1200
    assert np.isfinite(model.input).all() and np.isfinite(model.output).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.config = TrainConfig(**SMALL)
        model.train()
    assert planted.purity(model.wv) > 0.9, "the model can be used"


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="POSIX signals")
@pytest.mark.parametrize("workers", [1, 2])
def test_no_thread_is_at_work_after_an_interruption(recorder, sentences, workers):
    """Whoever saves the vectors then must not see them change (Thread.join is not to be trusted with Ctrl-C)."""
    left, first = [], {}

    def work_on(worker, start, stop):
        threading.Event().wait(0.1)  # the caller is waiting for the threads by now
        if threading.current_thread() is first.setdefault("thread", threading.current_thread()):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        threading.Event().wait(0.3)
        left.append(start)

    recorder.on_train = work_on
    with pytest.warns(RuntimeWarning, match="interrupted"):
        Model(sentences, workers=workers).train()
    assert len(left) == len(recorder.calls) <= workers


@pytest.mark.parametrize("workers", [1, 2])
def test_overflow_is_an_error(each_backend, sentences, workers):
    model = Model(sentences, workers=workers, epochs=20)
    model.input[0, 0] = np.inf
    with pytest.raises(TrainingError, match=re.escape("alpha=0.05") + ".*smaller alpha"):
        model.train()


def test_a_senseless_learning_rate_is_bounded_or_an_error(each_backend, sentences):
    """What is not an error is finite."""
    model = Model(sentences, workers=1, alpha=1e6, min_alpha=1e6)
    with contextlib.suppress(TrainingError):
        model.train()
        assert np.isfinite(model.input).all() and np.isfinite(model.output).all()


@pytest.mark.parametrize("matrix", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf, -2 * training.LARGEST])
def test_one_number_beyond_bounds_is_found(recorder, sentences, matrix, value):
    def spoil(worker, start, stop):
        worker.rows[matrix][-1, 3] = value

    recorder.on_train = spoil
    with pytest.raises(TrainingError, match="100 %"):
        Model(sentences, workers=1).train()


def test_overflow_ends_training_early(recorder, sentences):
    def spoil(worker, start, stop):
        worker.rows[0][0, 0] = np.nan

    recorder.on_train = spoil
    with pytest.raises(TrainingError, match="1 %"):
        Model(sentences, workers=1).train()
    assert len(recorder.calls) == 1


def test_an_error_in_a_thread_reaches_the_caller(recorder, sentences):
    def fail(worker, start, stop):
        if start >= 128:
            raise MemoryError("too much")

    recorder.on_train = fail
    with pytest.raises(MemoryError, match="too much"):
        Model(sentences, workers=2).train()
    assert len(recorder.calls) < 6 * len(range(0, 1350, 64)), "the others stopped"


def test_empty_corpus():
    vocab = Vocab.from_counts({"a": 1})
    _, corpus = count_and_encode([["a"]], min_count=1)
    corpus.close()
    with pytest.raises(CorpusError, match="min_count"):
        train(
            vocab, corpus, Weights(initial_input(1, 16, 1), allocate_rows(1, 16)), TrainConfig(vector_size=16)
        )


# ---- The matrices


@pytest.mark.parametrize("n, size", [(1, 1), (3, 16), (5, 17), (2, 300), (300_000, 16)])
def test_rows_begin_on_cache_lines(n, size):
    rows = allocate_rows(n, size)
    assert rows.shape == (n, -(-size // 16) * 16) and rows.dtype == np.float32 and not rows.any()
    assert rows.ctypes.data % 64 == 0 and rows.strides[0] % 64 == 0 and rows.flags.c_contiguous
    if rows.nbytes > 16 << 20:
        assert rows.ctypes.data % (2 << 20) == 0


def test_first_vectors_are_uniform(monkeypatch):
    rows = initial_input(70_000, 20, seed=3)
    values = rows[:, :20] * 20
    assert not rows[:, 20:].any() and -1 <= values.min() < -0.999 and 0.999 < values.max() <= 1
    assert abs(values.mean()) < 0.005 and abs((values**2).mean() - 1 / 3) < 0.005
    assert np.array_equal(rows, initial_input(70_000, 20, seed=3))
    assert not np.array_equal(rows, initial_input(70_000, 20, seed=4))
    assert np.isfinite(initial_input(5, 20, seed=-(1 << 63))).all()
