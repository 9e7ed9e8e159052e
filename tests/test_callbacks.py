"""Callbacks: when they are called, what may be one, and what ends training."""

import math
import threading
import types
from collections import Counter

import pytest
from small import WORDS, Kernel, Model

from fastvec.callbacks import CallbackAny2Vec, Callbacks, EarlyStopping, Evaluation, Log, ProgressBar
from fastvec.errors import StopTraining
from fastvec.train import Progress

MOMENTS = ["on_train_begin", "on_epoch_begin", "on_progress", "on_epoch_end", "on_train_end"]


class Recorder:
    """Notes the moments; `stop_at` and `fail_at` name one to end training at."""

    def __init__(self, name="", moments=MOMENTS, stop_at=None, fail_at=None, calls=None):
        self.calls = [] if calls is None else calls
        self.name = name
        for moment in moments:
            error = StopTraining if moment == stop_at else LookupError if moment == fail_at else None
            setattr(self, moment, self._noting(moment, error))

    def _noting(self, moment, error):
        times = Counter()

        def note(model, progress=None):
            self.calls.append((self.name, moment))
            times[moment] += 1
            self.model, self.thread = model, threading.current_thread()
            if error and times[moment] == 2 - moment.startswith("on_train"):
                raise error("mine")

        return note

    @property
    def moments(self):
        return [moment for _, moment in self.calls]


@pytest.fixture
def kernel(monkeypatch):
    return Kernel(monkeypatch)


# ---- Moments


@pytest.mark.parametrize("workers", [1, 2])
def test_the_moments_come_in_order(kernel, workers):
    recorder, model = Recorder(), Model(workers=workers)
    told = []
    model.train(recorder, progress=told.append)
    without_progress = [moment for moment in recorder.moments if moment != "on_progress"]
    assert without_progress == ["on_train_begin", *["on_epoch_begin", "on_epoch_end"] * 3, "on_train_end"]
    assert recorder.moments.count("on_progress") == len(told) >= 3, "the end of each epoch"
    assert recorder.moments.index("on_progress") == 2 and recorder.moments[-3] == "on_progress"
    assert recorder.model is model and recorder.thread is threading.current_thread()


def test_callbacks_are_called_in_the_order_of_the_list():
    calls = []
    Model(epochs=1).train(Recorder("a", calls=calls), Recorder("b", calls=calls))
    assert [name for name, _ in calls] == ["a", "b"] * (len(calls) // 2)


def test_progress_sees_rising_words(kernel):
    seen, model = [], Model(workers=2)
    model.train(types.SimpleNamespace(on_progress=lambda m, p: seen.append(p.words)))
    assert seen == sorted(seen) and seen[-1] == 3 * WORDS


@pytest.mark.parametrize("workers", [1, 2])
def test_nobody_is_at_work_between_epochs(kernel, workers):
    seen = []
    note = types.SimpleNamespace(on_epoch_end=lambda _: seen.append((kernel.active, len(kernel.spans))))
    model = Model(workers=workers)
    model.train(note)
    per_epoch = -(-len(model.corpus.tokens) // 64)
    assert seen == [(0, per_epoch), (0, 2 * per_epoch), (0, 3 * per_epoch)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_threads_do_not_wait_where_nobody_listens_for_epochs(kernel, moment):
    """One thread holds a span of epoch 0 until another has begun epoch 1: between epochs that wait this is never."""
    begun, first, met = threading.Event(), threading.Lock(), []

    def work(epoch):
        if epoch == 1:
            begun.set()
        elif first.acquire(blocking=False):
            met.append(begun.wait(1 if "epoch" in moment else 30))

    kernel.on_train = work
    Model(workers=2, epochs=2).train(Recorder(moments=[moment]))
    assert met == ["epoch" not in moment]


def test_who_wants_epochs():
    class Ends(CallbackAny2Vec):
        def on_train_end(self, model):
            pass

    class Epochs(Ends):
        def on_epoch_begin(self, model):
            pass

    class Forced(Ends):
        wants_epochs = True

    measure = {"size": len}
    for callbacks, wanted in [
        ([], False),
        ([CallbackAny2Vec(), Ends(), ProgressBar(), Log("a.csv")], False),
        ([Ends(), Epochs()], True),
        ([Forced()], True),
        ([Evaluation(measures=measure)], True),
        ([Evaluation(measures=measure, every=5)], False),
        ([EarlyStopping("loss")], True),
        ([EarlyStopping("loss", every=5)], False),
        ([EarlyStopping(Evaluation(measures=measure))], True),
        ([EarlyStopping(Evaluation(measures=measure, every=5))], False),
    ]:
        assert Callbacks(Model(), callbacks).wants_epochs is wanted, callbacks


def test_norms_are_those_of_the_present_vectors():
    model, seen = Model(), []

    def ask(model):
        seen.append(dict(model.wv.most_similar("a_0", topn=20))["a_1"])
        row, other = model.wv["a_0"], model.wv["a_1"]
        assert seen[-1] == pytest.approx(row @ other / math.sqrt((row @ row) * (other @ other)), abs=1e-6)

    model.train(types.SimpleNamespace(**{m: ask for m in MOMENTS if m != "on_progress"}))
    assert len(seen) == 8 and seen[-1] > 0.9 > seen[0]


# ---- Kinds of callbacks


@pytest.mark.parametrize("moment", MOMENTS)
def test_one_method_is_enough(moment):
    recorder = Recorder(moments=[moment])
    Model(epochs=1).train(recorder)
    assert set(recorder.moments) == {moment}


def test_callbacks_of_gensim():
    base = pytest.importorskip("gensim.models.callbacks", reason="gensim is not installed").CallbackAny2Vec

    class Ends(base):
        begun = ended = 0

        def on_train_end(self, model):
            self.ended += 1

    class Epochs(Ends):
        def on_epoch_begin(self, model):
            self.begun += 1

    model, counter, epochs = Model(), Ends(), Epochs()
    assert not Callbacks(model, [counter, base()]).wants_epochs
    model.train(counter, epochs)
    assert (counter.ended, epochs.begun, epochs.ended) == (1, 3, 1)


@pytest.mark.parametrize(
    "callbacks, message",
    [
        ([Recorder], "Recorder is a class"),
        ([CallbackAny2Vec], r"pass an instance, CallbackAny2Vec\(\)"),
        ([print], "none of the methods on_train_begin"),
        ([None], "None has none of the methods"),
        (CallbackAny2Vec(), "a list is needed"),
    ],
)
def test_what_is_no_callback(callbacks, message):
    with pytest.raises(TypeError, match=message):
        Callbacks(Model(), callbacks)


# ---- Ends


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("moment", ["on_epoch_begin", "on_progress", "on_epoch_end"])
def test_stopping_really_stops(kernel, workers, moment):
    """The request comes at the second call of the moment; all who listen are told of that moment before."""
    calls = []
    first, second = Recorder("a", stop_at=moment, calls=calls), Recorder("b", calls=calls)
    outcome = Model(workers=workers, epochs=50).train(first, second)
    assert outcome.stopped and not outcome.interrupted and 0 < outcome.words <= 3 * WORDS
    assert kernel.active == 0 and max(epoch for epoch, _ in kernel.spans) <= 2
    assert calls[-4:] == [(who, at) for at in (moment, "on_train_end") for who in "ab"]


def test_stopping_before_training(kernel):
    outcome = Model(epochs=50).train(Recorder(stop_at="on_train_begin"))
    assert outcome.stopped and outcome.words == 0 and not kernel.spans


@pytest.mark.parametrize("moment", ["on_progress", "on_train_end"])
def test_stopping_when_all_is_done(moment):
    """There is nothing left to end, and no exception for the user."""

    def stop(model, progress=None):
        if progress is None or progress.words == progress.total_words:
            raise StopTraining

    outcome = Model().train(types.SimpleNamespace(**{moment: stop}))
    assert outcome.words == 3 * WORDS
    end = Progress(epoch=2, words=5, total_words=5, seconds=1.0, alpha=0.1)
    calls = Callbacks(Model(), [types.SimpleNamespace(on_progress=stop)])
    calls.progress(end)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("moment", MOMENTS[1:])
def test_an_exception_ends_training_and_reaches_the_user(kernel, workers, moment):
    before = set(threading.enumerate())
    recorder = Recorder(fail_at=moment)
    with pytest.raises(LookupError, match="mine"):
        Model(workers=workers, epochs=2 if moment == "on_train_end" else 500).train(recorder)
    assert recorder.moments[-1] == "on_train_end" and kernel.active == 0
    assert set(threading.enumerate()) <= before, "no thread is left"


def test_the_end_is_told_to_all_even_if_one_fails():
    calls = []
    failing, other = Recorder("a", fail_at="on_train_end", calls=calls), Recorder("b", calls=calls)
    with pytest.raises(LookupError, match="mine"):
        Model(epochs=1).train(failing, Recorder("c", stop_at="on_train_end", calls=calls), other)
    assert calls[-3:] == [(name, "on_train_end") for name in "acb"]
