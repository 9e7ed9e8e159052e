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


class Bars:
    """Two bars of tqdm's, one after the other: reading the text, training. None where no terminal sees them.

    Parameters
    ----------
    epochs : int, optional
        How many there will be, to be shown beside the present one.
    """

    def __init__(self, epochs: int | None = None) -> None:
        self._bar: Any = None
        self._kind = ""
        self._epochs = "" if epochs is None else f"/{epochs}"

    def _show(self, kind: str, total: int | None, **options: Any) -> Any:
        if self._kind != kind:
            from tqdm import tqdm

            self.close()
            if total is not None:  # it fits into 80 columns
                options["bar_format"] = (
                    "{desc}: {percentage:3.0f}%|{bar}| {rate_fmt}{postfix}, {remaining} left"
                )
            self._kind, self._bar = (
                kind,
                tqdm(desc=kind, total=total, dynamic_ncols=True, mininterval=0.1, disable=None, **options),
            )
        return self._bar

    def reading(self, done: int, total: int | None) -> None:
        """Show `done` of `total` bytes, or so many sentences where the total is not known."""
        bar = self._show("reading", total, unit=" sentences" if total is None else "B", unit_scale=True)
        bar.update(done - bar.n)

    def training(self, p: Progress) -> None:
        """Show the words trained on, and the loss where it is measured; the speed is the mean so far."""
        bar = self._show("training", p.total_words, unit=" words", unit_scale=True)
        loss = "" if p.loss is None else f", loss {p.loss:.4f}"
        bar.set_postfix_str(f"epoch {p.epoch + 1}{self._epochs}{loss}", refresh=False)
        bar.update(p.words - bar.n)

    def close(self) -> None:
        """Leave the last bar on the screen; what is told next begins a new one."""
        if self._bar is not None:
            self._bar.close()
        self._bar, self._kind = None, ""


@contextlib.contextmanager
def reporter(progress: bool | Training | Bars | None) -> Iterator[Reporter]:
    """Turn the `progress` option of the public calls into a Reporter: a bar for True, a callable for training."""
    if callable(progress):
        yield Reporter(training=progress)
    elif not progress:
        yield Reporter()
    elif progress is not True and not isinstance(progress, Bars):
        raise TypeError(f"progress={progress!r}: True for a bar, or a callable, is needed")
    else:
        with contextlib.closing(Bars() if progress is True else progress) as bars:
            yield Reporter(bars.reading, bars.training)
