"""TrainConfig: every parameter is checked, once."""

import dataclasses
import os

import numpy as np
import pytest

from fastvec import _backend
from fastvec.config import MAX_NEGATIVE, TrainConfig, available_cores
from fastvec.reference import train as reference


def test_defaults_are_gensims():
    config = TrainConfig()
    assert dataclasses.asdict(config) == {
        "vector_size": 100, "window": 5, "shrink_windows": True, "sample": 1e-3, "negative": 5, "sg": 0, "hs": 0,
            "hs_tree": "spelling",
        "cbow_mean": 1, "cbow_classic": True, "ns_exponent": 0.75,
        "alpha": 0.025, "min_alpha": 1e-4, "epochs": 5, "workers": None, "seed": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name, good, bad",
    [
        ("vector_size", [1, 1 << 20], [0, -1, (1 << 20) + 1]),
        ("window", [1, 10_000], [0, 10_001]),
        ("negative", [1, 60], [-1, 61]),
        ("epochs", [1, 1 << 31], [0, -5]),
        ("workers", [None, 1, 4096], [0, 4097]),
        ("seed", [0, -1, -(1 << 63), (1 << 64) - 1], [1 << 64, -(1 << 63) - 1]),
        ("sample", [0, 1e-5, 1, 100], [-1e-9, np.nan, np.inf]),
        ("ns_exponent", [-10, 0, 1.5], [11, np.nan]),
        ("alpha", [0, 1e6], [-0.1, np.nan, np.inf]),
        ("min_alpha", [0, 1e6], [-0.1, np.nan]),
    ],
)
def test_ranges(name, good, bad):
    for value in good:
        assert getattr(TrainConfig(**{name: value}), name) == value
    for value in bad:
        with pytest.raises(ValueError, match=name) as caught:
            TrainConfig(**{name: value})
        assert repr(value) in str(caught.value), "the value is named"


@pytest.mark.parametrize("name", ["vector_size", "window", "negative", "epochs", "workers", "seed"])
@pytest.mark.parametrize("value", [1.0, "1", True, [1]])
def test_integers(name, value):
    with pytest.raises(TypeError, match=f"{name}=.*integer"):
        TrainConfig(**{name: value})
    assert type(getattr(TrainConfig(**{name: np.int32(7)}), name)) is int


@pytest.mark.parametrize("name", ["sample", "ns_exponent", "alpha", "min_alpha"])
@pytest.mark.parametrize("value", ["0.1", None, True, [0.1]])
def test_numbers(name, value):
    with pytest.raises(TypeError, match=f"{name}=.*number"):
        TrainConfig(**{name: value})
    assert type(getattr(TrainConfig(**{name: np.float32(0.5)}), name)) is float
    assert type(getattr(TrainConfig(**{name: 1}), name)) is float


def test_it_stays_as_it_is():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().alpha = 1.0
    with pytest.raises(TypeError):
        TrainConfig(100)
    with pytest.raises(TypeError, match="vectorsize"):
        TrainConfig(vectorsize=100)


def test_threads():
    assert TrainConfig(workers=3).threads == 3
    assert TrainConfig().threads == available_cores() >= 1


def test_cores_where_there_is_no_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert available_cores() == (os.cpu_count() or 1)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1


@pytest.mark.parametrize("backend", _backend.available())
def test_the_bound_on_negatives_is_the_kernels(backend):
    assert _backend.load(backend, "train").max_negative() == reference.MAX_NEGATIVE == MAX_NEGATIVE
