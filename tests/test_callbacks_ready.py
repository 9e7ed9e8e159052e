"""Callbacks that come ready-made: evaluation, early stopping, logs and a bar."""

import csv
import json
import math
import re
import sys
import threading
import types

import numpy as np
import planted
import pytest
from small import WORDS, Kernel, Model

from fastvec.callbacks import EarlyStopping, Evaluation, Log, ProgressBar
from fastvec.errors import FormatError, StopTraining
from fastvec.keyedvectors import KeyedVectors
from fastvec.train import Progress
from fastvec.words import WordTable


@pytest.fixture
def kernel(monkeypatch):
    return Kernel(monkeypatch)


def state(words, loss=None, **changes):
    given = {"epoch": 0, "total_words": 1000, "seconds": 2.0, "alpha": 0.0123456789, **changes}
    return Progress(words=words, loss=loss, **given)


# ---- Evaluation


@pytest.fixture
def files(tmp_path):
    """Pairs on the planted clusters, and questions about three words each of two kinds."""
    pairs = [f"{a}_0\t{b}_1\t{int(a == b) * 10}\n" for a in "abcd" for b in "abcd"]
    (tmp_path / "related.tsv").write_text("".join(pairs))
    (tmp_path / "questions.txt").write_text(": all\na a2 b b2\nc C2 a A2\na b c c2\n")
    return tmp_path


def test_evaluation_after_each_epoch(files):
    evaluation = Evaluation(pairs=str(files / "related.tsv"), measures={"purity": planted.purity})
    model = Model(epochs=6, alpha=0.005)
    model.train(evaluation)
    words = [words for words, _ in evaluation.history]
    assert words == sorted(words) and len(words) == 6 and words[-1] > 0
    (_, first), (_, last) = evaluation.history[0], evaluation.history[-1]
    assert list(last) == ["related", "purity"] and last["related"] > 0.7
    assert first["purity"] < last["purity"] == planted.purity(model.wv)
    model.train(evaluation)
    assert len(evaluation.history) == 12, "what was measured is kept"


@pytest.mark.parametrize(
    "options, score", [({}, 2 / 3), ({"case_insensitive": False}, 1 / 2), ({"restrict_vocab": 5}, 1)]
)
def test_evaluation_on_analogies(files, options, score):
    """The first question and the second are answered rightly, the third is not."""
    words = WordTable.from_words(["a", "b", "a2", "b2", "c", "c2"])
    rows = [[5, 0, 0, 0], [0, 5, 0, 0], [5, 0, 0, 4], [0, 5, 0, 4], [0, 0, 5, 0], [0, 0, 5, 4]]
    model = types.SimpleNamespace(wv=KeyedVectors._from_parts(words, np.array(rows, np.float32)))
    evaluation = Evaluation([files / "questions.txt"], **options)
    assert evaluation.measure(model) == {"questions": pytest.approx(score)}


def test_evaluation_every_so_many_words():
    """Measured at the first progress beyond each multiple, and once at the end."""
    sizes = []
    evaluation = Evaluation(measures={"size": lambda wv: sizes.append(len(wv)) or len(sizes)}, every=300)
    model = Model()
    for _ in range(2):
        evaluation.on_train_begin(model)
        for words in (0, 299, 300, 599, 950, 1000, 1000):
            evaluation.on_progress(model, state(words))
    times = [300, 950, 1000, 300, 950, 1000]
    assert evaluation.history == [(words, {"size": n}) for n, words in enumerate(times, 1)]


@pytest.mark.parametrize("workers", [1, 2])
def test_evaluation_while_threads_are_at_work(kernel, workers):
    evaluation = Evaluation(measures={"threads": lambda wv: kernel.active}, every=1)
    kernel.on_train = lambda epoch: threading.Event().wait(0.05)
    Model(workers=workers, epochs=1).train(evaluation)
    words, scores = zip(*evaluation.history, strict=True)
    assert list(words) == sorted(set(words)) and words[-1] == WORDS
    assert max(score["threads"] for score in scores) > 0


def test_evaluation_looks_at_the_vectors_of_the_moment():
    model = Model()
    evaluation = Evaluation(
        measures={"cosine": lambda wv: dict(wv.most_similar("a_0", topn=20))["a_1"]}, every=1
    )
    for scale in (1, 100):
        model.weights.input[:] *= scale
        evaluation.on_progress(model, state(scale))
    (_, first), (_, second) = evaluation.history
    assert first["cosine"] == pytest.approx(second["cosine"], abs=1e-5), (
        "with old norms, 10,000 times as great"
    )


def test_evaluation_of_nothing(files):
    with pytest.raises(ValueError, match="nothing to measure"):
        Evaluation()
    with pytest.raises(ValueError, match="two scores have the name 'related'"):
        Evaluation(pairs=[files / "related.tsv", files / "related.csv"])
    with pytest.raises(ValueError, match="every=0"):
        Evaluation(measures={"size": len}, every=0)


def test_evaluation_files_are_looked_for_before_training(kernel, files):
    with pytest.raises(FileNotFoundError, match="absent"):
        Model().train(Evaluation(files / "absent.txt"))
    assert not kernel.spans
    (files / "foreign.tsv").write_text("x\ty\t1\n")
    with pytest.raises(FormatError, match="foreign"):
        Model().train(Evaluation(pairs=files / "foreign.tsv"))


# ---- Early stopping


def looks(stop, values, higher=False):
    """Hand over one value after the other; return how many it took to stop, or None."""
    stop.on_train_begin(None)
    for number, value in enumerate(values, 1):
        try:
            stop.on_progress(None, state(number, loss=value))
            stop.on_epoch_end(None)
        except StopTraining:
            assert stop.stopped
            return number
    assert not stop.stopped
    return None


@pytest.mark.parametrize(
    "values, options, stops, best",
    [
        ([5, 4, 3, 2, 1, 0], {}, None, 0),
        ([5, 4, 4, 4, 4], {"patience": 2}, 4, 4),
        ([5, 6, 4, 7, 8], {"patience": 2}, 5, 4),
        ([5, 4.95, 4.9, 4.85], {"patience": 2, "min_delta": 0.2}, 3, 5),
        ([5, 4.95, 4.7, 4.65], {"patience": 2, "min_delta": 0.2}, None, 4.7),
        ([5, 5], {"patience": 1}, 2, 5),
        ([5, math.nan, 4, math.nan, math.nan], {"patience": 2}, 5, 4),
        ([math.nan, math.nan], {"patience": 2}, 2, None),
    ],
)
def test_patience(values, options, stops, best):
    stop = EarlyStopping("loss", **options)
    for _ in range(2):  # what an earlier training has seen is forgotten
        assert looks(stop, values) == stops and stop.best == best


def test_the_loss_is_looked_at_every_so_many_words():
    stop = EarlyStopping("loss", patience=1, every=100)
    assert looks(stop, [5] * 199) is None and looks(stop, [5] * 200) == 200


def test_the_loss_must_be_measured(kernel):
    with pytest.raises(ValueError, match="compute_loss=True"):
        Model().train(EarlyStopping("loss"))


def test_one_loss_is_looked_at_once():
    """Epochs may be so short that there is no progress between their ends."""
    stop = EarlyStopping("loss", patience=1)
    stop.on_epoch_end(None)
    stop.on_progress(None, state(1, loss=5))
    for _ in range(5):
        stop.on_epoch_end(None)
    assert stop.best == 5 and not stop.stopped


@pytest.mark.parametrize("listed", ["not", "before", "after"])
@pytest.mark.parametrize("every", [None, 100])
def test_scores_end_training(kernel, listed, every):
    """The score rises twice; then two looks without an improvement are too many."""
    scores = iter([0.1, 0.3, 0.2, 0.3] + [9.0] * 500)
    evaluation = Evaluation(measures={"other": len, "score": lambda wv: next(scores)}, every=every)
    stop = EarlyStopping(evaluation, score="score", patience=2)
    callbacks = {"not": [stop], "before": [evaluation, stop], "after": [stop, evaluation]}[listed]
    if every:  # a progress for each look
        kernel.on_train = lambda epoch: threading.Event().wait(0.05)
    outcome = Model(epochs=50).train(*callbacks)
    assert outcome.stopped and stop.stopped and stop.best == 0.3 and len(evaluation.history) == 4
    assert max(epoch for epoch, _ in kernel.spans) <= 4


def test_an_evaluation_may_serve_two():
    evaluation = Evaluation(measures={"score": len})
    first, second = EarlyStopping(evaluation), EarlyStopping(evaluation, patience=9)
    Model(epochs=2).train(first, second)
    assert len(evaluation.history) == 2 and first.best == second.best == 20
    first.on_train_begin(None)
    first.on_epoch_end(None)
    assert first.best is None, "the scores of an earlier training are none of this one's"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"watch": "accuracy"}, "watch='accuracy': give an Evaluation, or 'loss'"),
        ({"watch": "loss", "score": "x"}, "score='x'"),
        ({"watch": "loss", "patience": 0}, "patience=0"),
        ({"watch": "loss", "min_delta": math.nan}, "min_delta=nan"),
        ({"watch": "loss", "every": -1}, "every=-1"),
        ({"watch": Evaluation(measures={"a": len}), "score": "b"}, "there are 'a'"),
        ({"watch": Evaluation(measures={"a": len}), "every": 5}, "its own `every`"),
    ],
)
def test_senseless_early_stopping(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EarlyStopping(**options)


# ---- Logs


def read(path):
    """The lines of a log as dicts; every one must be whole."""
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
    else:
        rows = list(csv.DictReader(text.splitlines(), strict=True))
        rows = [{key: float(value) if value else None for key, value in row.items()} for row in rows]
    assert all(list(row) == list(Log.FIELDS) for row in rows)
    return rows


@pytest.fixture(params=["a.csv", "a.jsonl", "A.CSV"])
def log(request, tmp_path):
    return tmp_path / request.param


def written(log, *states):
    callback = Log(log)
    callback.on_train_begin(None)
    for progress in states:
        callback.on_progress(None, progress)
    log = log.rename(log.with_name(log.name.lower()))
    rows = read(log)
    log.rename(log.with_name(callback.path.name))
    return rows


def test_what_is_logged(log):
    first, last = written(log, state(500), state(1000, 2.345678912, seconds=3.0, epoch=1))
    assert first == {
        "words": 500,
        "epoch": 0,
        "seconds": 2,
        "words_per_second": 250,
        "alpha": 0.0123457,
        "loss": None,
    }
    assert (last["words"], last["epoch"], last["words_per_second"], last["loss"]) == (
        1000,
        1,
        333.333,
        2.34568,
    )


def test_numbers_that_json_does_not_have(log):
    assert [row["loss"] for row in written(log, state(1, math.nan), state(2, math.inf))] == [None, None]


def test_nothing_new_is_no_line(log):
    assert [row["words"] for row in written(log, state(0), state(7), state(7), state(9))] == [0, 7, 9]


def test_an_existing_log_is_added_to(log):
    written(log, state(5))
    assert [row["words"] for row in written(log, state(5), state(6))] == [5, 5, 6]


def test_a_line_that_was_cut_off_stays_alone(log):
    written(log, state(5))
    whole = log.read_bytes()
    log.write_bytes(whole[:-1])
    assert [row["words"] for row in written(log, state(6))] == [5, 6]
    written(log)
    assert len(log.read_bytes().splitlines()) == len(whole.splitlines()) + 1, "no empty lines"


def test_a_log_of_other_columns_is_left_alone(kernel, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("mine,and,yours\n1,2,3\n")
    with pytest.raises(ValueError, match=r"data\.csv: its columns are not words,epoch"):
        Model().train(Log(path))
    assert path.read_text() == "mine,and,yours\n1,2,3\n" and not kernel.spans


def test_places_where_no_log_can_be(kernel, tmp_path):
    with pytest.raises(ValueError, match=r"a\.txt: the suffix of a log must be \.csv or \.jsonl"):
        Log("a.txt")
    with pytest.raises(FileNotFoundError, match="absent"):
        Model().train(Log(tmp_path / "absent" / "a.csv"))
    assert not kernel.spans


@pytest.mark.parametrize("end", ["last word", "stop", "Ctrl-C", "exception"])
@pytest.mark.parametrize("first", [True, False])
def test_the_log_is_whole_however_training_ends(kernel, tmp_path, end, first):
    seen = []

    def finish(model, progress):
        seen.append(progress.words)
        if len(seen) == 3 and end != "last word":
            raise {"stop": StopTraining, "Ctrl-C": KeyboardInterrupt, "exception": LookupError}[end]

    log, ending = (
        Log(tmp_path / "a.csv"),
        types.SimpleNamespace(on_progress=finish, on_epoch_end=lambda _: None),
    )
    callbacks = [log, ending] if first else [ending, log]
    model = Model(workers=2, epochs=8)
    if end == "Ctrl-C":
        with pytest.warns(RuntimeWarning, match="interrupted"):
            assert model.train(*callbacks).interrupted
    elif end == "exception":
        with pytest.raises(LookupError):
            model.train(*callbacks)
    else:
        assert model.train(*callbacks).stopped == (end == "stop")
    told = seen if first or end in ("last word", "stop") else seen[:-1]
    assert [row["words"] for row in read(tmp_path / "a.csv")] == list(dict.fromkeys(told))


# ---- The bar


def test_a_bar_with_the_loss(capsys, monkeypatch):
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", "99")
    bar = ProgressBar(epochs=3)
    Model().train(bar)
    err = capsys.readouterr().err
    assert "training" in err and "epoch 3/3, " in err and "loss" not in err and err.endswith("\n")
    bar.on_progress(None, state(1000, loss=2.34567))
    bar.on_train_end(None)
    assert "epoch 1/3, loss 2.3457, " in capsys.readouterr().err
