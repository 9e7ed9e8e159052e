"""Progress: nobody, a callable, or bars on standard error."""

import pytest

from fastvec.progress import reporter
from fastvec.train import Progress


def state(words, epoch=0):
    return Progress(epoch=epoch, words=words, total_words=5_000_000, seconds=1.0, alpha=0.0123)


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


def test_bars(capsys):
    with reporter(True) as report:
        report.reading(1_500_000, 3_000_000)
        report.reading(3_000_000, 3_000_000)
        report.training(state(2_000_000))
        report.training(state(5_000_000, epoch=4))
    out, err = capsys.readouterr()
    assert out == "" and err.endswith("\n")
    reading, training = err.split("\n")[:2]
    assert reading.startswith("\rreading") and "100%" in reading and "3.00M/3.00M" in reading
    last = training.rpartition("\r")[2]
    assert last.startswith("training: 100%") and "5.00M/5.00M" in last
    assert "words/s" in last and "epoch 5" in last and "alpha 0.0123" in last


def test_a_source_of_unknown_length(capsys):
    with reporter(True) as report:
        report.reading(1200, None)
    assert "1.20k sentences" in capsys.readouterr().err


def test_the_bar_is_closed_when_the_work_fails(capsys):
    with pytest.raises(ValueError, match="mine"), reporter(True) as report:
        report.training(state(5))
        raise ValueError("mine")
    assert capsys.readouterr().err.endswith("\n")
