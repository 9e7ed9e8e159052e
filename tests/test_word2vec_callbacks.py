"""Callbacks in Word2Vec: who is told what, when, and how training ends."""

import planted
import pytest

from fastvec import Word2Vec
from fastvec.errors import StopTraining

pytest.importorskip("fastvec.callbacks", reason="the module of callbacks is not there")

SENTENCES = planted.clusters(4, 5, sentences=150, length=8)
OPTIONS = {"sg": 1, "min_count": 1, "vector_size": 8, "epochs": 3, "sample": 0, "workers": 1}


class Watch:
    """Writes down what it is told, and does something at one moment."""

    def __init__(self, moment=None, action=None):
        self.told, self.moment, self.action = [], moment, action

    def _note(self, moment, model):
        self.told.append(moment)
        if moment == self.moment:
            self.action(model)

    def on_train_begin(self, model):
        self._note("begin", model)

    def on_epoch_begin(self, model):
        self._note("epoch", model)

    def on_epoch_end(self, model):
        self._note("end of epoch", model)

    def on_train_end(self, model):
        self._note("end", model)


ALL = ["begin", *["epoch", "end of epoch"] * 3, "end"]


def stop(model):
    raise StopTraining


def test_the_constructor_and_train_tell_callbacks():
    first, second = Watch(), Watch()
    model = Word2Vec(SENTENCES, **OPTIONS, callbacks=[first])
    assert first.told == ALL
    model.train(SENTENCES, total_examples=150, epochs=3, callbacks=(one for one in [second]))
    assert (first.told, second.told) == (ALL, ALL), "those of the constructor are not kept"


def test_they_change_nothing():
    plain, watched = Word2Vec(SENTENCES, **OPTIONS), Word2Vec(SENTENCES, **OPTIONS, callbacks=[Watch()])
    assert (plain.wv.vectors == watched.wv.vectors).all()


@pytest.mark.parametrize("moment", ["epoch", "end of epoch"])
def test_training_may_be_stopped(moment):
    watch = Watch(moment, stop)
    model = Word2Vec(SENTENCES, **OPTIONS, callbacks=[watch])
    assert watch.told == [*ALL[: ALL.index(moment) + 1], "end"] and len(model.wv.most_similar("a_1")) == 10
    assert (model.trained_words > 0) == (moment == "end of epoch") and not model.interrupted


def test_an_error_reaches_the_caller_and_the_end_is_told():
    watch = Watch("end of epoch", lambda model: 1 / 0)
    model = Word2Vec(**OPTIONS)
    model.build_vocab(SENTENCES)
    with pytest.raises(ZeroDivisionError):
        model.train(SENTENCES, total_examples=150, epochs=3, callbacks=[watch])
    assert watch.told == ["begin", "epoch", "end of epoch", "end"]
    model.train(SENTENCES, total_examples=150, epochs=1)


def test_the_end_is_told_of_a_model_that_is_ready():
    seen = []
    watch = Watch(
        "end", lambda model: seen.append((model.trained_epochs, model.train_count, model.trained_words))
    )
    Word2Vec(SENTENCES, **OPTIONS, callbacks=[watch])
    assert seen == [(3, 1, 3600)]


def test_the_loss_is_there_for_callbacks():
    losses = []
    watch = Watch("end", lambda model: losses.append(model.get_latest_training_loss()))
    text = planted.clusters(4, 5, sentences=2000)
    Word2Vec(text, **OPTIONS, callbacks=[watch], compute_loss=True)
    assert losses[0] > 0


def test_gensims_callbacks_work():
    base = pytest.importorskip("gensim.models.callbacks").CallbackAny2Vec

    class Theirs(base):
        epochs = 0

        def on_epoch_end(self, model):
            self.epochs += 1

    callback = Theirs()
    Word2Vec(SENTENCES, **OPTIONS, callbacks=[callback])
    assert callback.epochs == 3


def test_callbacks_without_a_corpus_are_reported(caplog):
    Word2Vec(**OPTIONS, callbacks=[Watch()])
    assert "no effect without a corpus" in caplog.text
