"""A corpus, a model and parameters for the training kernels, drawn from a seed; and how near results must be."""

import numpy as np
import pytest

from fastvec import _backend
from fastvec.vocab import Vocab
from fastvec.words import WordTable

COMPILED = [b for b in _backend.available() if b != "reference"]
ALL = pytest.mark.parametrize("backend", _backend.available())
EVERY_COMPILED = pytest.mark.parametrize("backend", COMPILED)
NEVER, ALWAYS = 0, 2**32 - 1


def rows(n, size, rng, dtype=np.float32):
    """Random rows, zero beyond `size`."""
    stride = -(-size // 16) * 16
    out = np.zeros((n, stride), dtype)
    out[:, :size] = rng.normal(0, 0.4, (n, size))
    return out


def uniform_noise(n):
    """The alias table of equally likely words."""
    return np.stack([np.full(n, ALWAYS, np.uint32), np.arange(n, dtype=np.uint32)], axis=1)


class Lists:
    """A list of numbers below `end` for each word, under any names: bags, paths."""

    def __init__(self, lengths, end, rng):
        self.offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self.rows = self.path = rng.integers(0, end, self.offsets[-1], dtype=np.int32)


MODELS = {
    f"{'sg' if sg else 'cbow'}-{kind}{'-bags' if bags else ''}": {
        "sg": sg,
        "hs": hs,
        "negative": negative,
        "bags": bags,
    }
    for sg in (1, 0)
    for bags in (False, True)
    for kind, hs, negative in (("ns", 0, 5), ("hs", 1, 0), ("both", 1, 5))
}
EVERY_MODEL = pytest.mark.parametrize("model", MODELS)


class Case:
    """A corpus, a model and their parameters, drawn from a seed."""

    def __init__(
        self, seed, n_words=40, n_tokens=60, size=20, window=5, negative=5, shrink=True, sample=0.8,
        sg=1, hs=0, bags=False, lock=False, **options,
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        self.tokens = rng.integers(0, n_words, n_tokens, dtype=np.int32)
        self.tokens[rng.random(n_tokens) < 0.1] = -1
        self.keep = np.where(rng.random(n_words) < 0.5, ALWAYS, int(sample * 2**32)).astype(np.uint32)
        self.noise = uniform_noise(n_words)
        self.noise[:, 0] = rng.integers(0, 2**32, n_words)
        self.noise[:, 1] = rng.integers(0, n_words, n_words)
        n_rows = n_words + 30 * bags
        self.input, self.output = rows(n_rows, size, rng), rows(n_words, size, rng) if negative else None
        self.nodes = rows(n_words, size, rng) if hs else None
        self.options = {
            "vector_size": size,
            "window": window,
            "negative": negative,
            "shrink_windows": shrink,
            "seed": seed,
            "sg": sg,
        }
        self.options |= {
            "cbow_mean": 1,
            "cbow_classic": False,
            "bags": None,
            "tree": None,
            "lock": None,
            **options,
        }
        if bags:
            self.options["bags"] = Lists(rng.integers(1, 8, n_words), n_rows, rng)
        if hs:
            self.options["tree"] = self.tree(n_words, rng)
        if lock:
            self.options["lock"] = rng.choice([0, 0.5, 1], n_rows).astype(np.float32)
        self.stop = np.zeros(1, np.uint8)

    @staticmethod
    def tree(n_words, rng):
        counts = np.sort(rng.integers(1, 100, n_words))[::-1].astype(np.int64)
        words = WordTable.from_words(str(i) for i in range(n_words))
        return Vocab(words, counts, int(counts.sum()), 1).huffman("spelling")

    def matrices(self, dtype=np.float32):
        return [None if m is None else m.astype(dtype) for m in (self.input, self.output, self.nodes)]

    def worker(self, backend, *matrices):
        matrices += (None,) * (3 - len(matrices))
        return _backend.load(backend, "train").Worker(
            *matrices, self.tokens, self.keep, noise=self.noise, stop=self.stop, **self.options
        )

    def run(self, backend, spans=None, dtype=np.float32, epoch=1, alpha=2.0**-4, step=2.0**-20):
        """The matrices after training, on copies."""
        matrices = self.matrices(dtype)
        worker = self.worker(backend, *matrices)
        for start, stop in spans or [(0, len(self.tokens))]:
            assert worker.train(start, stop, epoch, alpha - start * step, step) == stop
        return [m for m in matrices if m is not None]


def assert_near(got, expected):
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=2e-4, atol=2e-5 * max(1, np.abs(e).max()))
