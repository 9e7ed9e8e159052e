"""Progress: nobody, a callable, or bars on standard error."""

import dataclasses
import sys

import pytest

from fastvec.progress import Bars, reporter
from fastvec.train import Progress


def state(words, epoch=0):
    return Progress(epoch=epoch, words=words, total_words=5_000_000, seconds=1.0, alpha=0.0123)


@pytest.fixture
def terminal(capsys, monkeypatch):
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    monkeypatch.setenv("COLUMNS", "79")
    monkeypatch.setenv("LINES", "24")
    return capsys


@pytest.mark.parametrize("nothing", [None, False])
def test_nobody_is_told(nothing, capsys):
    with reporter(nothing) as report:
        assert report.reading is None and report.training is None
    assert capsys.readouterr() == ("", "")


def test_a_callable_is_told_of_training():
    seen = []
    with reporter(seen.append) as report:
        assert report.reading is None
        report.training(state(5))
    assert seen == [state(5)]


def test_bars(terminal):
    with reporter(True) as report:
        report.reading(1_500_000, 3_000_000)
        report.reading(3_000_000, 3_000_000)
        report.training(state(2_000_000))
        report.training(state(5_000_000, epoch=4))
    out, err = terminal.readouterr()
    assert out == "" and err.endswith("\n")
    reading, training = err.split("\n")[:2]
    assert reading.startswith("\rreading") and "100%" in reading and "B/s" in reading
    last = training.rpartition("\r")[2]
    assert last.startswith("training: 100%") and len(last) < 80
    assert "words/s" in last and "epoch 5," in last and "00:00 left" in last


def test_a_source_of_unknown_length(terminal):
    with reporter(True) as report:
        report.reading(1200, None)
    assert "1.20k sentences" in terminal.readouterr().err


def test_the_bar_is_closed_when_the_work_fails(terminal):
    with pytest.raises(ValueError, match="mine"), reporter(True) as report:
        report.training(state(5))
        raise ValueError("mine")
    assert terminal.readouterr().err.endswith("\n")


def test_the_number_of_epochs(terminal):
    with reporter(Bars(epochs=10)) as report:
        report.training(state(2_000_000, epoch=4))
    assert "epoch 5/10, " in terminal.readouterr().err


def test_the_loss_is_shown_where_it_is_measured(terminal):
    with reporter(Bars(epochs=10)) as report:
        report.training(dataclasses.replace(state(2_000_000), loss=2.34567))
    last = terminal.readouterr().err.split("\n")[0].rpartition("\r")[2]
    assert "epoch 1/10, loss 2.3457, " in last and len(last) < 80


def test_no_bars_where_no_terminal_sees_them(capsys):
    with reporter(True) as report:
        report.reading(1_500_000, 3_000_000)
        report.training(state(2_000_000))
    assert capsys.readouterr() == ("", "")


def test_a_closed_bar_begins_anew(terminal):
    bars = Bars()
    bars.training(state(5))
    bars.close()
    assert terminal.readouterr().err.endswith("\n")
    bars.training(state(6))
    bars.close()
    assert "training" in terminal.readouterr().err
