"""What happens beside training, at its moments: evaluation, early stopping, a log, a bar, or what the user writes.

A callback is an object with any of these methods, each called in the thread that called `train`:

| method | when | who is at work |
| --- | --- | --- |
| ``on_train_begin(model)`` | before the first word | nobody |
| ``on_epoch_begin(model)`` | before each epoch | nobody |
| ``on_progress(model, progress)`` | about five times a second, and at the end | the threads |
| ``on_epoch_end(model)`` | after each epoch that was trained to its end | nobody |
| ``on_train_end(model)`` | after the last word, however training ended | nobody |

All but ``on_progress`` are gensim's, so its callbacks work here. Callbacks are called in the order of the
list, each after those that it `needs`.

`fastvec.errors.StopTraining`, raised in any of them, ends training; the model keeps what it has learned. Whatever else
is raised ends it too, and reaches the caller.
"""

from fastvec.callbacks.base import CallbackAny2Vec, Callbacks
from fastvec.callbacks.display import Log, ProgressBar
from fastvec.callbacks.quality import EarlyStopping, Evaluation

__all__ = ["CallbackAny2Vec", "Callbacks", "EarlyStopping", "Evaluation", "Log", "ProgressBar"]
