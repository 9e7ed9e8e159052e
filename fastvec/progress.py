"""Progress of long work: a bar on standard error, a callable of the user's, or nothing."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastvec.train import Progress

Reading = Callable[[int, int | None], object]
Training = Callable[[Progress], object]


@dataclass(frozen=True)
class Reporter:
    """Whom to tell: of the text being read (done, total), and of training (a Progress). None: nobody."""

    reading: Reading | None = None
    training: Training | None = None


@contextlib.contextmanager
def reporter(progress: bool | Training | None) -> Iterator[Reporter]:
    """Turn the `progress` option of the public calls into a Reporter: a bar for True, a callable for training."""
    if callable(progress):
        yield Reporter(training=progress)
    elif not progress:
        yield Reporter()
    else:
        with contextlib.closing(_Bars()) as bars:
            yield Reporter(bars.reading, bars.training)


class _Bars:
    """Two bars of tqdm's, one after the other: reading the text, training."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._kind = ""

    def _show(self, kind: str, **options: Any) -> Any:
        if self._kind != kind:
            from tqdm import tqdm

            self.close()
            self._kind, self._bar = kind, tqdm(desc=kind, dynamic_ncols=True, mininterval=0.1, **options)
        return self._bar

    def reading(self, done: int, total: int | None) -> None:
        """Show `done` of `total` bytes, or so many sentences where the total is not known."""
        if total is None:
            bar = self._show("reading", unit=" sentences", unit_scale=True)
        else:
            bar = self._show("reading", unit="B", unit_scale=True, total=total)
        bar.update(done - bar.n)

    def training(self, p: Progress) -> None:
        """Show the words trained on; the speed is the mean so far."""
        bar = self._show("training", unit=" words", unit_scale=True, total=p.total_words)
        bar.set_postfix_str(f"epoch {p.epoch + 1}, alpha {p.alpha:.4f}", refresh=False)
        bar.update(p.words - bar.n)

    def close(self) -> None:
        """Leave the last bar on the screen."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._kind = None, ""
