"""The kernels of exact search against their twin, one call at a time."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastvec import _backend

KINDS = {"f4": np.float32, "f2": np.float16, "i1": np.int8}
COMPILED = _backend.available()[1:]


def heaps(queries, k):
    return np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32)


def in_order(ids, best):
    """The pairs of each query, the best first."""
    order = np.lexsort((ids, -best))
    return np.take_along_axis(ids, order, 1), np.take_along_axis(best, order, 1)


@st.composite
def calls(draw):
    """Rows with repeated and impossible ones among them, in two parts, and what is asked of them."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    n, width, q = (
        draw(st.integers(0, 60)),
        draw(st.integers(1, 70)),
        draw(st.integers(1, 20) | st.integers(1, 140)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    rows = rng.integers(-20, 20, (n, width)).astype(KINDS[kind])
    for i in draw(st.lists(st.integers(0, max(0, n - 1)), max_size=8)) if n else ():
        worst = [0] if kind == "i1" else [0, np.nan, np.inf, -np.inf]
        rows[i] = draw(st.sampled_from([rows[0], *worst]))
    norms = rng.uniform(0.5, 2, n).astype(np.float32) if draw(st.booleans()) else None
    if norms is not None:
        norms[rng.random(n) < 0.1] = 0
        norms[~np.isfinite(rows.astype(np.float32)).all(axis=1)] = np.inf  # as row_norms has it
    scales = rng.uniform(0.5, 2, n).astype(np.float32) if kind == "i1" and draw(st.booleans()) else None
    queries = rng.integers(-9, 9, (q, width)).astype(np.float32)
    exclude = rng.integers(-1, 70, (q, draw(st.integers(0, 3))))
    return kind, rows, norms, scales, queries, exclude, draw(st.integers(1, 70)), draw(st.integers(0, n))


@pytest.mark.parametrize("name", COMPILED)
@settings(max_examples=150, deadline=None)
@given(calls(), st.integers(-1, 3))
def test_the_kernel_agrees_with_its_twin(name, call, way):
    kind, rows, norms, scales, queries, exclude, k, cut = call
    first, results = 1_000_000_000_000, []
    exclude = np.where(exclude >= 0, exclude + first, -1)
    for module in (_backend.load("reference", "topk"), _backend.load(name, "topk")):
        ids, best = heaps(len(queries), k)
        for part in (slice(0, cut), slice(cut, len(rows))):
            some = [None if x is None else x[part] for x in (norms, scales)]
            raw = rows[part].view(np.uint8)
            module.scan(raw, kind, *some, first + part.start, queries, exclude, ids, best, way)
        assert (best[:, 0] == best.min(axis=1)).all(), "the worst pair stands first"
        results.append(in_order(ids, best))
    (ids, best), (ids_too, best_too) = results
    assert np.array_equal(ids >= 0, ids_too >= 0)
    # Sums of whole numbers are exact; roots and quotients may differ by a rounding, and swap neighbours.
    assert np.allclose(best, best_too, rtol=1e-5, atol=1e-6)
    if norms is not None and scales is None and kind != "f2":
        assert np.array_equal(ids, ids_too)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [1, 3, 4, 5, 8, 15, 16, 17, 300])
def test_norms_agree_with_the_twin(name, kind, width):
    rng = np.random.default_rng(width)
    rows = rng.integers(-100, 100, (21, width)).astype(KINDS[kind])
    scales = rng.uniform(-2, 2, 21).astype(np.float32)
    for given_scales in (None, scales):
        norms, twin = np.empty((2, 21), np.float32)
        _backend.load(name, "topk").fill_norms(rows.view(np.uint8), kind, given_scales, norms)
        _backend.load("reference", "topk").fill_norms(rows.view(np.uint8), kind, given_scales, twin)
        assert np.allclose(norms, twin, rtol=1e-6)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("width", [256, 1024, 2048, 4096, 9000])
def test_long_rows_of_the_greatest_codes(name, width):
    rng = np.random.default_rng(width)
    rows = rng.choice([-127, 127], (60, width)).astype(np.int8)
    norms = np.linalg.norm(rows.astype(np.float32), axis=1)
    queries = np.sign(rows[[7, 50]]).astype(np.float32)
    for few in (queries[:1], queries[1:], queries):
        ids, best = heaps(len(few), 1)
        hidden = np.empty((len(few), 0), np.int64)
        _backend.load(name, "topk").scan(rows.view(np.uint8), "i1", norms, None, 0, few, hidden, ids, best)
        assert ids[:, 0].tolist() == [7 if (q == queries[0]).all() else 50 for q in few]


@pytest.mark.parametrize("name", _backend.available())
def test_nothing_beside_a_row_is_read(name):
    """Rows that are part of wider ones, between NaNs."""
    wide = np.full((40, 64), np.nan, np.float32)
    wide[:, 7:40] = np.random.default_rng(0).standard_normal((40, 33))
    rows = wide[:, 7:40]
    module = _backend.load(name, "topk")
    for queries, way in itertools.product((1, 5, 50), range(module.BYTES + 1)):
        asked = np.ones((queries, 33), np.float32)
        ids, best = heaps(queries, 40)
        none = np.empty((queries, 0), np.int64)
        module.scan(rows.view(np.uint8), "f4", None, None, 0, asked, none, ids, best, way)
        _, best = in_order(ids, best)
        expected = -np.sort(-(rows @ asked[0]) / np.linalg.norm(rows, axis=1))
        assert np.allclose(best, expected, atol=1e-5)


@pytest.mark.parametrize("name", _backend.available())
def test_arrays_that_do_not_fit_are_refused(name):
    module = _backend.load(name, "topk")
    rows, queries = np.ones((4, 3), np.float32), np.ones((2, 3), np.float32)
    none, (ids, best) = np.empty((2, 0), np.int64), heaps(2, 2)
    raw, norms = rows.view(np.uint8), np.ones(4, np.float32)
    module.scan(raw, "f4", norms, None, 0, queries, none, ids, best)
    for wrong in (
        (raw, "f4", norms[:3], None, 0, queries, none, ids, best),
        (raw, "f4", norms, norms[:3], 0, queries, none, ids, best),
        (raw, "f4", norms, None, 0, np.ones((2, 4), np.float32), none, ids, best),
        (raw, "f4", norms, None, 0, queries, none[:1], ids, best),
        (raw, "f4", norms, None, 0, queries, none, ids[:, :1].copy(), best),
        (raw[:, :7].copy(), "f4", norms, None, 0, queries, none, ids, best),
    ):
        with pytest.raises(ValueError):
            module.scan(*wrong)
    with pytest.raises(KeyError):
        module.scan(raw, "f8", norms, None, 0, queries, none, ids, best)
    with pytest.raises(ValueError):
        module.fill_norms(raw, "f4", None, norms[:3])


def hostile_rows(rng, n, width):
    """Random rows; among them outliers, tiny and huge ones, zeros, copies, what is no number."""
    rows = rng.standard_normal((n, width)).astype(np.float32)
    for worst in (0, 1e-38, 1e-20, 1e14, 1e19, np.inf, -np.inf, np.nan):
        rows[rng.integers(n, size=3)] *= np.float32(worst)
        rows[rng.integers(n, size=3), rng.integers(width)] = worst
    rows[rng.integers(n, size=20)] = rows[0]
    return rows


def answers(module, kind, rows, norms, queries, k, way):
    """What a scan finds that chooses in one of the module's ways; None asks one query after the other."""
    ids, best = heaps(len(queries), k)
    hidden = np.empty((len(queries), 0), np.int64)
    parts = [slice(i, i + 1) for i in range(len(queries))] if way is None else [slice(None)]
    for some in parts:
        asked = (queries[some], hidden[some], ids[some], best[some])
        module.scan(rows.view(np.uint8), kind, norms, None, 0, *asked, way or 0)
    return in_order(ids, best)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [1, 5, 16, 33, 300])
@pytest.mark.parametrize(
    "data", ["hostile", "alike", "outliers in queries", "impossible queries", "tiny queries"]
)
@pytest.mark.filterwarnings("ignore:invalid value|overflow")
def test_whatever_chooses_the_bits_are_those_of_one_query(name, kind, width, data):
    rng = np.random.default_rng(width)
    module = _backend.load(name, "topk")
    if data == "alike":  # so many pairs are within the error that bytes give up
        rows = (100 + 1e-3 * rng.standard_normal((900, width))).astype(np.float32)
    else:
        rows = hostile_rows(rng, 900, width)
    queries = np.concatenate([rng.standard_normal((70, width)), rows[:30], np.zeros((1, width))]).astype(
        np.float32
    )
    queries[~np.isfinite(queries) | (np.abs(queries) > 1e10)] = 0
    if data == "outliers in queries":
        queries[7, 0] = 1e10
    if data == "tiny queries":  # their squares are no numbers of float32
        queries *= np.float32(1e-35)
    if data == "impossible queries":
        queries[7, 0], queries[8, 0] = np.nan, np.inf
    rows = (np.nan_to_num(rows).clip(-3, 3) * 40 if kind == "i1" else rows).astype(KINDS[kind])
    norms = np.empty(900, np.float32)
    module.fill_norms(rows.view(np.uint8), kind, None, norms)
    for given_norms in (norms, None):
        for k in (1, 10, 900):
            ids, best = answers(module, kind, rows, given_norms, queries, k, None)
            for way in range(module.BYTES + 1):
                found = answers(module, kind, rows, given_norms, queries, k, way)
                assert np.array_equal(ids, found[0])
                assert np.array_equal(best, found[1])


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("width", [1 << 16, (1 << 16) + 5])
def test_the_longest_rows_as_bytes(name, width):
    module = _backend.load(name, "topk")
    rows = np.sign(np.random.default_rng(0).standard_normal((30, width))).astype(np.float32)
    queries = rows[:20]
    for way in range(module.BYTES + 1):
        ids, _ = answers(module, "f4", rows, None, queries, 1, way)
        assert ids[:, 0].tolist() == list(range(20))
