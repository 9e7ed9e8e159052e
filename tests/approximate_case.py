"""Vectors for the tests of approximate search, and where their index lies."""

import numpy as np

from fastvec import KeyedVectors
from fastvec.words import WordTable

N, D = 1200, 24


def clustered(n=N, dim=D, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n // 30, dim), np.float32)
    return centres[rng.integers(len(centres), size=n)] + 0.6 * rng.standard_normal((n, dim), np.float32)


def vectors_of(matrix):
    return KeyedVectors._from_parts(WordTable.from_words(f"w{i}" for i in range(len(matrix))), matrix)


def index_path(path):
    return path.with_name(path.name + ".usearch")
