"""Callbacks that look at what is learned: evaluation, and an end to training that gets no better."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fastvec.callbacks.base import CallbackAny2Vec
from fastvec.errors import StopTraining
from fastvec.evaluation import evaluate_word_analogies, evaluate_word_pairs
from fastvec.keyedvectors import KeyedVectors
from fastvec.train import Progress

StrPath = str | os.PathLike[str]
Scores = dict[str, float]
Measure = Callable[[KeyedVectors], float]


class _Clock:
    """Tells when `every` words have gone by, and when training is at its end."""

    def __init__(self, every: int | None) -> None:
        if every is not None and every < 1:
            raise ValueError(
                f"every={every!r}: a number of words from 1 on, or None for each epoch, is needed"
            )
        self._every = every
        self.reset()

    def reset(self) -> None:
        self._next = self._every

    def strikes(self, progress: Progress) -> bool:
        if self._every is None or self._next is None:
            return False
        at_end = progress.words >= progress.total_words
        if progress.words < self._next and not at_end:
            return False
        self._next = None if at_end else (progress.words // self._every + 1) * self._every
        return True


class Evaluation(CallbackAny2Vec):
    """Measure the vectors as they are trained.

    Parameters
    ----------
    analogies, pairs : str or path, or a sequence of them
        Files as `fastvec.evaluation.evaluate_word_analogies` and `evaluate_word_pairs` read them.
    measures : mapping of str to callable, optional
        Further scores by their names: each callable gets the KeyedVectors and returns a number, the greater the
        better.
    every : int, optional
        Measure every so many words and at the end, while the threads go on: training does not wait, and the vectors
        are being written. None: after each epoch, when nobody is at work.
    restrict_vocab : int or None
        Use the first words only.
    case_insensitive : bool
        Compare words in upper case.

    Attributes
    ----------
    history : list of (int, dict)
        Words that had been trained on (as of the latest progress; they begin at 0 with each call of `train`), and
        the scores then: the share of right answers for analogies and Spearman's correlation for pairs, by the
        file's name without its suffix; then those of `measures`. NaN where a correlation is not defined.

    Raises
    ------
    ValueError
        If there is nothing to measure, or two scores have one name.
    FormatError, OSError
        In training, if a file cannot be read (found before it begins) or asks for none of the words.
    """

    def __init__(
        self,
        analogies: StrPath | Sequence[StrPath] = (),
        pairs: StrPath | Sequence[StrPath] = (),
        measures: Mapping[str, Measure] | None = None,
        *,
        every: int | None = None,
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
    ) -> None:
        self.history: list[tuple[int, Scores]] = []
        self.wants_epochs = every is None
        options = {"restrict_vocab": restrict_vocab, "case_insensitive": case_insensitive}
        self._clock, self._words = _Clock(every), 0
        kinds = [
            *((path, _analogies) for path in _paths(analogies)),
            *((path, _pairs) for path in _paths(pairs)),
        ]
        self._files = [path for path, _ in kinds]
        named: list[tuple[str, Measure]] = [
            *((path.stem, partial(kind, path=path, options=options)) for path, kind in kinds),
            *(measures or {}).items(),
        ]
        self.measures = dict(named)
        if not named:
            raise ValueError("nothing to measure: give analogies, pairs or measures")
        if len(self.measures) < len(named):
            names = [name for name, _ in named]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two scores have the name {twice!r}: rename a file")

    def measure(self, model: Any) -> Scores:
        """Measure the vectors now, add the scores to the history and return them."""
        model.wv.refresh()
        scores = {name: float(measure(model.wv)) for name, measure in self.measures.items()}
        self.history.append((self._words, scores))
        return scores

    def on_train_begin(self, model: Any) -> None:
        """See whether the files are there, and begin to count words at 0."""
        for path in self._files:
            path.open("rb").close()
        self._words = 0
        self._clock.reset()

    def on_progress(self, model: Any, progress: Progress) -> None:
        """Measure, if that is due."""
        self._words = progress.words
        if self._clock.strikes(progress):
            self.measure(model)

    def on_epoch_end(self, model: Any) -> None:
        """Measure, if epochs are to be."""
        if self.wants_epochs:
            self.measure(model)


def _analogies(wv: KeyedVectors, path: Path, options: dict[str, Any]) -> float:
    return evaluate_word_analogies(wv, path, unnamed_section=True, **options)[0]


def _pairs(wv: KeyedVectors, path: Path, options: dict[str, Any]) -> float:
    return evaluate_word_pairs(wv, path, delimiter=None, **options)[1].statistic


def _paths(given: StrPath | Sequence[StrPath]) -> list[Path]:
    return [Path(path) for path in ([given] if isinstance(given, str | os.PathLike) else given)]


class EarlyStopping(CallbackAny2Vec):
    """End training when it gets no better.

    The learning rate falls with the words of all the epochs that were asked for: training that ends early ends at a
    rate that has not come down. Where that costs quality, train again with fewer epochs.

    Parameters
    ----------
    watch : Evaluation or "loss"
        What is to improve: a score of the evaluation (which need not be among the callbacks itself), looked at
        whenever it was measured; or the loss, which must be asked for (``compute_loss=True``).
    score : str, optional
        Which of the evaluation's scores; the first, where it is not given.
    patience : int
        How many looks in a row without an improvement end training.
    min_delta : float
        What is no greater is no improvement.
    every : int, optional
        For the loss: look every so many words; None: after each epoch.

    Attributes
    ----------
    best : float or None
        The best value of the latest training; for the loss the lowest.
    stopped : bool
        Whether it has ended the latest training.

    Raises
    ------
    ValueError
        For parameters out of their range; in training, if the loss is not measured.
    """

    def __init__(
        self,
        watch: "Evaluation | str",
        *,
        score: str | None = None,
        patience: int = 3,
        min_delta: float = 0.0,
        every: int | None = None,
    ) -> None:
        if not isinstance(watch, Evaluation) and watch != "loss":
            raise ValueError(f"watch={watch!r}: give an Evaluation, or 'loss'")
        self.evaluation = watch if isinstance(watch, Evaluation) else None
        self.needs = [self.evaluation] if self.evaluation else []
        if self.evaluation and every is not None:
            raise ValueError(f"every={every!r}: the evaluation has its own `every`")
        names = list(self.evaluation.measures) if self.evaluation else [None]
        if score is not None and score not in names:
            raise ValueError(f"score={score!r}: there are {', '.join(map(repr, names))}")
        if patience < 1 or not min_delta >= 0:
            raise ValueError(f"patience={patience!r}, min_delta={min_delta!r}: from 1 and from 0 on")
        self.wants_epochs = self.evaluation is None and every is None
        self._score = score or names[0]
        self._patience, self._min_delta, self._clock = patience, min_delta, _Clock(every)
        self._start(0)

    def _start(self, seen: int) -> None:
        self.best: float | None = None
        self.stopped = False
        self._fruitless, self._seen = 0, seen
        self._news: Progress | None = None

    def on_train_begin(self, model: Any) -> None:
        """Forget earlier trainings."""
        self._start(len(self.evaluation.history) if self.evaluation else 0)
        self._clock.reset()

    def on_progress(self, model: Any, progress: Progress) -> None:
        """Look, if there is something new."""
        self._news = progress
        if self.evaluation:
            self._look_at_scores()
        elif self._clock.strikes(progress):
            self._look_at_loss()

    def on_epoch_end(self, model: Any) -> None:
        """Look, if there is something new."""
        if self.evaluation:
            self._look_at_scores()
        elif self.wants_epochs:
            self._look_at_loss()

    def _look_at_scores(self) -> None:
        assert self.evaluation is not None and self._score is not None
        new = self.evaluation.history[self._seen :]
        self._seen += len(new)
        for _, scores in new:
            self._look(scores[self._score], higher=True)

    def _look_at_loss(self) -> None:
        """Look at the loss of the latest progress, once: epochs may be shorter than the time between two."""
        news, self._news = self._news, None
        if news is None:
            return
        if news.loss is None:
            raise ValueError("EarlyStopping: the loss is not measured; train with compute_loss=True")
        self._look(news.loss, higher=False)

    def _look(self, value: float, higher: bool) -> None:
        gain = math.inf if self.best is None else (value - self.best) * (1 if higher else -1)
        if gain > self._min_delta and not math.isnan(value):
            self.best, self._fruitless = value, 0
            return
        self._fruitless += 1
        if self._fruitless >= self._patience:
            self.stopped = True
            raise StopTraining(f"no improvement on {self.best} in {self._patience} looks")
