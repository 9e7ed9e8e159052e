"""Callbacks that show where training stands: a bar, and a file of numbers."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from fastvec.callbacks.base import CallbackAny2Vec
from fastvec.progress import Bars
from fastvec.train import Progress

StrPath = str | os.PathLike[str]


class ProgressBar(CallbackAny2Vec):
    """A bar on standard error: words, speed, epoch, time left, and the loss where it is measured.

    The same as ``progress=True``, without the bar for reading the text; use one of the two. Nothing is shown where
    standard error is no terminal.

    Parameters
    ----------
    epochs : int, optional
        How many there will be, to be shown beside the present one.
    """

    def __init__(self, epochs: int | None = None) -> None:
        self._bars = Bars(epochs)

    def on_progress(self, model: Any, progress: Progress) -> None:
        """Move the bar."""
        self._bars.training(progress)

    def on_train_end(self, model: Any) -> None:
        """Leave the bar on the screen, at the place it came to."""
        self._bars.close()


class Log(CallbackAny2Vec):
    """Append lines of numbers to a file as training goes on, about five a second.

    Each line holds ``words`` (trained on in this call of `train`), ``epoch`` (from 0), ``seconds``,
    ``words_per_second`` (mean so far), ``alpha`` and ``loss`` (empty or null where it is not measured). A line is
    on its way to the disk before the next begins, so the file is whole whatever ends training.

    Parameters
    ----------
    path : str or path
        Its suffix is the format: ``.csv`` (with a header) or ``.jsonl`` (an object a line). A file that exists is
        added to: `words` begins anew with each training.

    Raises
    ------
    ValueError
        If the suffix is another; when training begins, if an existing .csv has other columns.
    OSError
        If the file cannot be written, also when training begins.
    """

    FIELDS: ClassVar = ("words", "epoch", "seconds", "words_per_second", "alpha", "loss")

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path)
        formats = {".csv": _csv, ".jsonl": _jsonl}
        suffix = self.path.suffix.lower()
        if suffix not in formats:
            raise ValueError(f"{os.fspath(path)}: the suffix of a log must be .csv or .jsonl")
        self._format = formats[suffix]
        self._words = -1

    def prepare(self) -> None:
        """Create the file, or see whether the one that is there can be added to."""
        header = ",".join(self.FIELDS) if self._format is _csv else ""
        with self.path.open("a+", encoding="utf-8", newline="") as file:
            size = file.tell()
            file.seek(0)
            if size == 0:
                file.write(header and header + "\n")
            elif header and file.readline().rstrip("\r\n") != header:
                raise ValueError(
                    f"{self.path}: its columns are not {header}; log to another file, or move this one"
                )
            elif not _ends_a_line(self.path):  # what a crash has cut off shall not join the next line
                file.write("\n")

    def on_train_begin(self, model: Any) -> None:
        """Prepare the file."""
        self.prepare()
        self._words = -1

    def on_progress(self, model: Any, progress: Progress) -> None:
        """Append a line, unless nothing has been trained since the last."""
        if progress.words == self._words:
            return
        self._words = progress.words
        values = {name: _rounded(getattr(progress, name)) for name in self.FIELDS}
        # Opened for each line: no handle to lose or to copy with the model, and a write of one piece.
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(self._format(values) + "\n")


def _csv(values: Mapping[str, float | None]) -> str:
    return ",".join("" if value is None else str(value) for value in values.values())


def _jsonl(values: Mapping[str, float | None]) -> str:
    return json.dumps(values, allow_nan=False)


def _rounded(value: int | float | None) -> int | float | None:
    """Return a number as it is logged: six digits, none where it is not finite (JSON has no such numbers)."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.6g}")


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
