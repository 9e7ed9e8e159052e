"""What a callback is, and how those of a training are called."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from fastvec.errors import StopTraining
from fastvec.train import Progress

EPOCH_MOMENTS = ("on_epoch_begin", "on_epoch_end")
MOMENTS = ("on_train_begin", *EPOCH_MOMENTS, "on_progress", "on_train_end")
_BASES = ("fastvec.callbacks.base", "gensim.models.callbacks")
"""Modules whose CallbackAny2Vec has methods that do nothing."""


class CallbackAny2Vec:
    """Base of callbacks: inherit, and write the methods that are wanted; those here do nothing.

    The base is a convenience: any object with some of the methods will do.

    Where a callback of the list has a method for the epochs, threads wait for each other at the end of each epoch,
    which they do not otherwise; on a corpus of a few seconds an epoch that is felt. `wants_epochs` set to False or
    True on a class or an instance overrules what its methods say.

    `needs` holds callbacks that must be told before this one; they are, listed or not.
    """

    wants_epochs: bool | None = None
    needs: Sequence[Any] = ()

    def on_train_begin(self, model: Any) -> None:
        """Called before the first word is trained on."""

    def on_epoch_begin(self, model: Any) -> None:
        """Called before each epoch."""

    def on_progress(self, model: Any, progress: Progress) -> None:
        """Called about five times a second, and when the last word has been trained on.

        The threads go on meanwhile: vectors that are read are being written, and two looks at one word may differ.
        Call ``model.wv.refresh()`` before asking `model.wv`, whose norms, or vectors with subwords, are else old.
        """

    def on_epoch_end(self, model: Any) -> None:
        """Called after each epoch, with nobody at work; not for an epoch that was cut short."""

    def on_train_end(self, model: Any) -> None:
        """Called when training has ended: at its last word, early, by Ctrl-C or by an exception."""


class Callbacks:
    """The callbacks of one call of `train`: what the training loop talks to.

    Parameters
    ----------
    model : Word2Vec
        What the callbacks get; its `wv` is live.
    callbacks : iterable of objects
        See `fastvec.callbacks`. Each is told once, after what it `needs`.

    Attributes
    ----------
    wants_epochs : bool
        Whether `epoch_begin` and `epoch_end` are to be called, for which threads must wait for each other.

    Raises
    ------
    TypeError
        For what is no callback: a class, or an object with none of the methods.
    """

    def __init__(self, model: Any, callbacks: Iterable[Any]) -> None:
        self._model = model
        self._callbacks = _complete(callbacks)
        self.wants_epochs = any(map(_wants_epochs, self._callbacks))
        self._stop: StopTraining | None = None

    def train_begin(self) -> None:
        """Call ``on_train_begin``."""
        try:
            self._call("on_train_begin")
        except StopTraining as stop:  # there is no training yet that it could end
            self._stop = stop

    def epoch_begin(self, epoch: int) -> None:
        """Call ``on_epoch_begin``."""
        self._call("on_epoch_begin")

    def progress(self, progress: Progress) -> None:
        """Call ``on_progress``."""
        try:
            self._call("on_progress", progress)
        except StopTraining:
            if progress.words < progress.total_words:  # else there is nothing left to end
                raise

    def epoch_end(self, epoch: int) -> None:
        """Call ``on_epoch_end``."""
        self._call("on_epoch_end")

    def train_end(self) -> None:
        """Call ``on_train_end`` of every callback, even where that of another raises."""
        methods = self._listeners("on_train_end")
        with contextlib.ExitStack() as stack:
            for method in reversed(methods):  # the stack calls the last one first
                stack.callback(_unless_stopped, method, self._model)

    def _call(self, moment: str, *arguments: Any) -> None:
        """Tell all that listen; one that wants to stop does not keep the others from knowing."""
        stop = self._stop
        for method in self._listeners(moment):
            try:
                method(self._model, *arguments)
            except StopTraining as wish:
                stop = wish
        if stop is not None:
            raise stop

    def _listeners(self, moment: str) -> list[Callable[..., object]]:
        """Return the methods for a moment; where nobody is at work they find the norms of the present vectors."""
        methods = [method for callback in self._callbacks if (method := _method(callback, moment))]
        if methods and moment != "on_progress":
            with np.errstate(all="ignore"):  # vectors may have diverged: training tells of that itself
                self._model.wv.refresh()
        return methods


def _complete(callbacks: Iterable[Any]) -> list[Any]:
    """Return the callbacks, each checked and once, and before it what it needs."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks={callbacks!r}: a list is needed, as callbacks=[{callbacks!r}]")
    complete: list[Any] = []
    for callback in callbacks:
        if isinstance(callback, type):
            raise TypeError(
                f"callbacks: {callback.__name__} is a class; pass an instance, {callback.__name__}()"
            )
        if not any(hasattr(callback, moment) for moment in MOMENTS):
            raise TypeError(f"callbacks: {callback!r} has none of the methods {', '.join(MOMENTS)}")
        needs = callback.needs if isinstance(callback, CallbackAny2Vec) else ()
        for wanted in [*needs, callback]:
            if not any(other is wanted for other in complete):
                complete.append(wanted)
    return complete


def _method(callback: Any, moment: str) -> Callable[..., object] | None:
    """Return the callback's method, or None where it has none but the base's, which does nothing."""
    method: Callable[..., object] | None = getattr(callback, moment, None)
    function = getattr(method, "__func__", method)
    home = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"
    return None if home in [f"{base}.CallbackAny2Vec.{moment}" for base in _BASES] else method


def _wants_epochs(callback: Any) -> bool:
    wish = getattr(callback, "wants_epochs", None)
    if isinstance(wish, bool):
        return wish
    return any(_method(callback, moment) for moment in EPOCH_MOMENTS)


def _unless_stopped(method: Callable[..., object], model: Any) -> None:
    with contextlib.suppress(StopTraining):  # training has ended
        method(model)
