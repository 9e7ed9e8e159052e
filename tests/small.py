"""A small model that callbacks are tried on, and a kernel that takes its time."""

import threading
import types

import planted

from fastvec import _backend
from fastvec import train as training
from fastvec.callbacks import Callbacks
from fastvec.config import TrainConfig
from fastvec.corpus import count_and_encode
from fastvec.keyedvectors import KeyedVectors
from fastvec.train import Weights, allocate_rows, initial_input, train

SENTENCES = planted.clusters(4, 5, sentences=150, length=8)
WORDS = 150 * 8


class Model:
    """A small model, trained with callbacks."""

    def __init__(self, **options):
        small = {"sg": 1, "vector_size": 16, "epochs": 3, "sample": 0, "alpha": 0.05, "workers": 1}
        self.config = TrainConfig(**{**small, **options})
        self.vocab, self.corpus = count_and_encode(SENTENCES, min_count=1)
        n, size = len(self.vocab), self.config.vector_size
        self.weights = Weights(initial_input(n, size, 1), allocate_rows(n, size))
        self.wv = KeyedVectors._from_parts(self.vocab.words, self.weights.input[:, :size])

    def train(self, *callbacks, progress=lambda _: None):
        """Train as Word2Vec does."""
        calls = Callbacks(self, callbacks)
        calls.train_begin()
        try:
            return train(
                self.vocab,
                self.corpus,
                self.weights,
                self.config,
                lambda p: (progress(p), calls.progress(p)),
                hooks=calls if calls.wants_epochs else None,
            )
        finally:
            calls.train_end()


class Kernel:
    """Stands in for the kernel: `on_train(epoch)` is called in each thread for each span."""

    def __init__(self, monkeypatch):
        self.active, self.spans, self.lock, kernel = 0, [], threading.Lock(), self
        self.on_train = lambda epoch: threading.Event().wait(0.002)

        class Worker:
            def __init__(self, *_, **__):
                pass

            def keep_hot_rows(self, *_):
                pass

            merge = keep_hot_rows

            def train(self, start, stop, epoch, alpha, step):
                with kernel.lock:
                    kernel.active += 1
                kernel.on_train(epoch)
                with kernel.lock:
                    kernel.active -= 1
                    kernel.spans.append((epoch, start))
                return stop

        monkeypatch.setattr(_backend, "train", types.SimpleNamespace(Worker=Worker), raising=False)
        monkeypatch.setattr(training, "SPAN", 64)
