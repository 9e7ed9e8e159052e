"""Rows from anywhere: the compiled kernel against the plain twin, and against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastvec import _backend

KINDS = [_backend.load(name, "gather") for name in {"reference", _backend.available()[-1]}]


@pytest.fixture(params=KINDS, ids=lambda kernel: kernel.__name__)
def kernel(request):
    return request.param


@given(st.integers(1, 9), st.integers(1, 40), st.lists(st.integers(-2, 10), max_size=30))
def test_take(rows, width, ids):
    matrix = np.arange(rows * width, dtype=np.uint8).reshape(rows, width)
    bad = next((i for i, row in enumerate(ids) if not 0 <= row < rows), -1)
    good = ids[:bad] if bad >= 0 else ids
    for kernel in KINDS:
        out = np.full((len(ids), width), 255, np.uint8)
        assert kernel.take(matrix, np.array(ids, np.int32), out) == bad
        assert np.array_equal(out[: len(good)], matrix[np.array(good, np.int64)])
        assert (out[len(good) :] == 255).all()


bags = st.lists(st.lists(st.integers(-1, 9), max_size=9), max_size=8)


@given(st.integers(1, 9), st.integers(1, 40), bags, st.booleans())
def test_add_up(rows, width, bags, unit):
    rng = np.random.default_rng(rows * width)
    matrix = rng.standard_normal((rows, width + 3), np.float32)[:, :width]
    matrix[0] = 0
    bounds = np.cumsum([0, *map(len, bags)], dtype=np.int64)
    ids = np.array([row for bag in bags for row in bag], np.int32)
    weights = rng.random(len(ids), np.float32)
    bad = next((i for i, bag in enumerate(bags) if any(row >= rows for row in bag)), -1)
    lengths = np.linalg.norm(matrix, axis=1)
    scaled = matrix / np.where(lengths > 0, lengths, 1)[:, None] if unit else matrix
    for kernel in KINDS:
        out = np.zeros((len(bags), width), np.float32)
        assert kernel.add_up(matrix, unit, bounds, ids, weights, out) == bad
        for i in range(len(bags) if bad < 0 else bad):
            span = np.arange(bounds[i], bounds[i + 1])
            span = span[ids[span] >= 0]
            assert np.allclose(out[i], weights[span] @ scaled[ids[span]], atol=1e-5)


@pytest.mark.parametrize("bounds", [[0, 3, 1], [-1, 1, 2], [0, 1, 99], [0, -5, 2]])
def test_impossible_bounds_are_named(kernel, bounds):
    matrix, out = np.ones((4, 2), np.float32), np.zeros((2, 2), np.float32)
    bad = kernel.add_up(matrix, False, np.array(bounds), np.zeros(3, np.int32), np.ones(3, np.float32), out)
    assert bad == (0 if bounds[0] < 0 or bounds[1] < 0 else 1)


def test_shapes_are_checked(kernel):
    matrix, ids = np.ones((4, 2), np.float32), np.zeros(3, np.int32)
    for shape in ((2, 8), (3, 7)):
        with pytest.raises(ValueError, match="do not fit"):
            kernel.take(matrix.view(np.uint8), ids, np.empty(shape, np.uint8))
    for weights, bounds, width in ((2, 3, 2), (3, 4, 2), (3, 3, 1)):
        bags, out = np.zeros(bounds, np.int64), np.empty((2, width), np.float32)
        with pytest.raises(ValueError, match="do not fit"):
            kernel.add_up(matrix, False, bags, ids, np.ones(weights, np.float32), out)


@pytest.mark.skipif(_backend.available()[-1] == "reference", reason="the plain twin takes any strides")
def test_rows_with_gaps_between_their_numbers_are_refused():
    kernel = _backend.load(_backend.available()[-1], "gather")
    wide, one, bounds = np.ones((4, 4), np.float32)[:, ::2], np.zeros(1, np.int32), np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="neighbours"):
        kernel.add_up(wide, False, bounds, one, np.ones(1, np.float32), np.zeros((1, 2), np.float32))
    with pytest.raises(ValueError, match="neighbours"):
        kernel.take(np.ones((4, 4), np.uint8)[:, ::2], one, np.zeros((1, 2), np.uint8))
