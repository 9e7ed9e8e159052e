"""Callbacks and the loss as people use them: in Word2Vec, on the command line, in the documentation."""

import csv
import json
import re
import signal
import sys
import types
from pathlib import Path

import planted
import pytest
from conftest import ROOT

from fastvec import KeyedVectors, Word2Vec
from fastvec.callbacks import CallbackAny2Vec, EarlyStopping, Evaluation, Log
from fastvec.errors import StopTraining

SENTENCES = planted.clusters(3, 6, sentences=300, length=8)
SMALL = {"min_count": 1, "vector_size": 16, "sg": 1, "sample": 0, "alpha": 0.05, "workers": 1}
FAST = ["-d", "16", "-e", "3", "--min-count", "1", "--sample", "0", "--alpha", "0.05", "-t", "1", "-q"]


# ---- Word2Vec


class Moments(CallbackAny2Vec):
    """Notes what is called, with what model."""

    def __init__(self):
        self.calls, self.models = [], set()

    def _note(self, moment, model):
        self.calls.append(moment)
        self.models.add(id(model))

    def on_train_begin(self, model):
        self._note("train begins", model)

    def on_epoch_end(self, model):
        self._note("epoch ends", model)

    def on_train_end(self, model):
        self._note("train ends", model)


def test_in_the_constructor_and_in_train():
    moments = Moments()
    model = Word2Vec(SENTENCES, epochs=2, callbacks=[moments], **SMALL)
    assert moments.calls == ["train begins", "epoch ends", "epoch ends", "train ends"]
    assert moments.models == {id(model)}
    moments = Moments()
    model.train(SENTENCES, total_examples=300, epochs=1, callbacks=[moments])
    assert moments.calls == ["train begins", "epoch ends", "train ends"]


def test_a_stopped_model_keeps_what_it_has_learned():
    def enough(model):
        if planted.purity(model.wv) > 0.9:
            raise StopTraining

    model = Word2Vec(SENTENCES, epochs=1000, callbacks=[types.SimpleNamespace(on_epoch_end=enough)], **SMALL)
    assert planted.purity(model.wv) > 0.9 and not model.interrupted
    assert 0 < model.trained_words < 100 * 2400
    model.train(SENTENCES, total_examples=300, epochs=1)


def test_the_mean_loss_falls(tmp_path):
    Word2Vec(
        SENTENCES, epochs=30, compute_loss=True, callbacks=[Log(tmp_path / "a.jsonl"), Moments()], **SMALL
    )
    losses = [json.loads(line)["loss"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    losses = [loss for loss in losses if loss is not None]
    assert 0 < losses[-1] < losses[0] < 10


def test_early_stopping_on_the_loss():
    """No improvement is great enough."""
    stop = EarlyStopping("loss", patience=2, min_delta=100)
    model = Word2Vec(SENTENCES, epochs=1000, compute_loss=True, callbacks=[stop], **SMALL)
    assert stop.stopped and stop.best > 0 and model.trained_words < 500 * 2400


def test_early_stopping_on_a_score():
    evaluation = Evaluation(measures={"purity": planted.purity})
    stop = EarlyStopping(evaluation, patience=2)
    Word2Vec(SENTENCES, epochs=1000, callbacks=[stop], **SMALL)
    scores = [scores["purity"] for _, scores in evaluation.history]
    assert stop.stopped and stop.best == max(scores) > 0.9 and scores[-3] == stop.best


# ---- The command line


@pytest.fixture
def fastvec(fastvec, tmp_path, monkeypatch):
    """The same, beside a corpus."""
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("".join(" ".join(sentence) + "\n" for sentence in SENTENCES))
    return fastvec


def test_a_log_is_written(fastvec):
    for times in (1, 2):
        assert fastvec("train", "corpus.txt", "-o", "a.fvec", "--log", "a.csv", "--loss", *FAST)[0] == 0
        rows = list(csv.DictReader(Path("a.csv").read_text().splitlines(), strict=True))
        assert sum(row["words"] == "7200" for row in rows) == times and float(rows[-1]["loss"]) > 0
    assert fastvec("train", "corpus.txt", "-o", "a.fvec", "--log", "b.jsonl", *FAST)[0] == 0
    assert json.loads(Path("b.jsonl").read_text().splitlines()[-1])["loss"] is None


@pytest.mark.parametrize("loss", [True, False])
def test_the_bar_shows_the_loss(fastvec, monkeypatch, loss):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, _, err = fastvec("train", "corpus.txt", "-o", "a.fvec", *FAST[:-1], *["--loss"][:loss])
    assert code == 0 and bool(re.search(r"epoch 3/3, loss \d\.\d{4}", err)) == loss


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (["corpus.txt", "-o", "a.fvec", "--log", "a.txt"], 1, "a.txt: the suffix of a log"),
        (["corpus.txt", "-o", "a.fvec", "--log", "absent/a.csv"], 1, "a.csv: No such file"),
        (["corpus.txt", "-o", "a.fvec", "--log", "other.csv"], 1, "its columns are not words,epoch"),
        (["corpus.txt", "-o", "a.csv", "--log", "a.csv"], 2, "would overwrite the log"),
        (["corpus.csv", "-o", "a.fvec", "--log", "corpus.csv"], 2, "the log would overwrite the corpus"),
        (["texts", "-o", "a.fvec", "--log", "texts/a.csv"], 2, "would become a part of the corpus"),
    ],
)
def test_places_where_no_log_can_be(fastvec, arguments, code, message):
    """All are found before the text is read; no file is changed or made."""
    Path("texts").mkdir()
    for name in ("other.csv", "corpus.csv", "texts/one.txt"):
        Path(name).write_text("a b\n")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    answer = fastvec("train", *arguments, "-q")
    assert answer[0] == code and message in " ".join(answer[2].split()) and "Traceback" not in answer[2]
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_a_whole_log(fastvec, python, tmp_path):
    arguments = ["corpus.txt", "-o", "a.fvec", "--log", "a.csv", "-e", 2**31 - 1, "--min-count", 1, "-q"]
    process = python("-m", "fastvec", "train", *arguments, wait=False)
    log = tmp_path / "a.csv"
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 2):
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in err
    text = log.read_text()
    assert text.endswith("\n") and {line.count(",") for line in text.splitlines()} == {len(Log.FIELDS) - 1}
    assert len(KeyedVectors.load(tmp_path / "a.fvec", verify=True)) == 18


# ---- The documentation


def test_the_example_prints_what_it_says(python):
    text = (ROOT / "docs" / "callbacks.md").read_text("utf-8")
    code, printed = re.search(r"```python\n(.*?)```\s+prints\s+```\n(.*?)```", text, re.DOTALL).groups()
    done = python("-c", code)
    assert (done.stdout, done.stderr) == (printed, "")
