"""Exact search against a brute-force twin."""

import os
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastvec import _backend, search
from fastvec.quantised import Quantised


@pytest.fixture(params=_backend.available())
def backend(request, monkeypatch):
    monkeypatch.setattr(_backend, "topk", _backend.load(request.param, "topk"), raising=False)
    return request.param


def brute_force(vectors, norms, queries, k, exclude, start, stop):
    """All scores in double precision, a stable sort of each query's."""
    ids, scores = [], []
    for q, query in enumerate(queries):
        found = []
        for i in range(start, stop):
            score = float(vectors[i] @ query / norms[i]) if norms[i] > 0 else 0.0
            if not np.isnan(score) and (exclude is None or i not in exclude[q]):
                found.append((-score, i))
        found = sorted(found)[:k]
        empty = min(k, stop - start) - len(found)
        ids.append([i for _, i in found] + [-1] * empty)
        scores.append([-s for s, _ in found] + [-np.inf] * empty)
    return ids, scores


# Small whole numbers and norms that are powers of two make many equal scores, and none of them is rounded.
whole = st.integers(-3, 3).map(float)


stored = st.sampled_from([np.float16, np.float32, np.float64])


@st.composite
def searches(draw):
    n, width, q = draw(st.integers(0, 70)), draw(st.integers(0, 40)), draw(st.integers(0, 9))
    vectors = draw(hnp.arrays(draw(stored), (n, width), elements=whole))
    norms = draw(hnp.arrays(np.float32, n, elements=st.sampled_from([0, 0.5, 1, 2])))
    queries = draw(hnp.arrays(np.float32, (q, width), elements=whole))
    exclude = draw(st.none() | hnp.arrays(np.int64, (q, 2), elements=st.integers(-1, 70)))
    start = draw(st.integers(0, n))
    return vectors, norms, queries, draw(st.integers(0, 80)), exclude, start, draw(st.integers(start, n))


@pytest.mark.parametrize("name", _backend.available())
@settings(max_examples=150, deadline=None)
@given(searches(), st.sampled_from([1, 2, 5]), st.booleans())
def test_as_brute_force(name, case, workers, in_pieces):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_backend, "topk", _backend.load(name, "topk"), raising=False)
        if in_pieces:
            patch.setattr(search, "QUERIES_AT_ONCE", 2)
            patch.setattr(search, "BY_BYTES", 1)
            patch.setattr(search, "WORTH_A_THREAD", 1)
            patch.setattr(search, "WORK_AT_ONCE", 40)
            patch.setattr(search, "SCORES_AT_ONCE", 40)
        ids, scores = search.top_k(*case, workers=workers)
    expected_ids, expected_scores = brute_force(*case)
    assert ids.tolist() == expected_ids and scores.tolist() == expected_scores


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_large_search_in_any_order_of_memory(backend, dtype):
    rng = np.random.default_rng(1)
    vectors = np.asfortranarray(rng.standard_normal((20_000, 8)).astype(dtype))[::2]
    queries = rng.standard_normal((600, 8)).astype(np.float32)
    norms = search.row_norms(vectors)
    assert np.allclose(norms, np.linalg.norm(vectors.astype(np.float64), axis=1))
    ids, scores = search.top_k(vectors, norms, queries, 10, np.arange(600)[:, None])
    cosines = (queries @ vectors.astype(np.float32).T) / norms
    cosines[np.arange(600), np.arange(600)] = -np.inf
    assert np.allclose(scores, -np.sort(-cosines, axis=1)[:, :10], atol=1e-5)
    assert np.allclose(np.take_along_axis(cosines, ids, axis=1), scores, atol=1e-5)
    assert all(len(set(row)) == 10 for row in ids.tolist())


@pytest.mark.parametrize("width", [1, 7, 16, 31, 100, 300])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8])
def test_scores_are_the_same_alone_in_a_batch_and_for_any_number_of_threads(
    backend, monkeypatch, dtype, width
):
    if backend == "reference":
        pytest.skip("the twin leaves the order of sums to BLAS")
    rng = np.random.default_rng(width)
    vectors = rng.standard_normal((3_001, width)).astype(np.float32)
    vectors = Quantised.from_rows(vectors) if dtype == np.int8 else vectors.astype(dtype)
    queries = rng.standard_normal((61, width)).astype(np.float32)
    assert search._way(len(queries)) == _backend.topk.BYTES, "bytes choose, where there are some"
    monkeypatch.setattr(search, "WORTH_A_THREAD", 1)
    for norms in (None, search.row_norms(vectors)):
        ids, scores = search.top_k(vectors, norms, queries, 9, workers=1)
        for workers in (2, 3, 7):
            again = search.top_k(vectors, norms, queries, 9, workers=workers)
            assert np.array_equal(again[0], ids) and np.array_equal(again[1], scores)
        for count in (1, 13):
            for q in range(0, len(queries), 13):
                some = slice(q, q + count)
                fewer = search.top_k(vectors, norms, queries[some], 9, workers=2)
                assert np.array_equal(fewer[0], ids[some]) and np.array_equal(fewer[1], scores[some])


@pytest.mark.parametrize("queries", [2, 70])
def test_rows_that_differ_by_rounding_errors_alone(backend, queries):
    if backend == "reference":
        pytest.skip("the twin leaves the order of sums to BLAS")
    rng = np.random.default_rng(2)
    rows = rng.standard_normal(300).astype(np.float32) * (1 + 3e-7 * rng.standard_normal((500, 300)))
    rows = rows.astype(np.float32)
    asked = rows[:queries] + rng.standard_normal((queries, 300)).astype(np.float32)
    together = search.top_k(rows, None, asked, 5)
    alone = [search.top_k(rows, None, query[None], 5) for query in asked]
    assert np.array_equal(together[0], np.concatenate([ids for ids, _ in alone]))
    assert np.array_equal(together[1], np.concatenate([scores for _, scores in alone]))


@pytest.mark.parametrize("kind", ["float32", "float16", "float64", "int8"])
def test_the_best_of_chosen_rows_are_those_of_a_search_that_sees_no_others(backend, kind):
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((200, 21))
    rows[[5, 6]], rows[7], rows[150] = rows[9], 0, np.nan
    vectors = Quantised.from_rows(np.nan_to_num(rows)) if kind == "int8" else rows.astype(kind)
    queries = rng.standard_normal((40, 21)).astype(np.float32)
    chosen = [sorted(rng.choice(200, size, replace=False).tolist()) for size in range(40)]
    chosen[39] = [5, 6, 7, 9, 150]
    ids, scores = search.best_of(vectors, chosen, queries, 10)
    for i, some in enumerate(chosen):
        others = np.setdiff1d(np.arange(200), some)[None]
        expected = search.top_k(vectors, None, queries[i : i + 1], 10, others)
        if backend == "reference":  # the twin leaves the order of sums to BLAS
            assert np.allclose(scores[i], expected[1][0], atol=1e-6)
        else:
            assert np.array_equal(ids[i], expected[0][0]) and np.array_equal(scores[i], expected[1][0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_norms_on_the_way_are_those_of_row_norms(backend, dtype):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((500, 37)).astype(dtype)
    vectors[[3, 400]] = 0
    queries = rng.standard_normal((5, 37)).astype(np.float32)
    for some in (queries[:1], queries):
        given_norms = search.top_k(vectors, search.row_norms(vectors), some, 500)
        on_the_way = search.top_k(vectors, None, some, 500)
        assert np.array_equal(given_norms[0], on_the_way[0]) and np.allclose(
            given_norms[1], on_the_way[1], atol=1e-6
        )
        assert (given_norms[1][given_norms[0] == 3] == 0).all()


def test_row_norms_of_odd_rows(backend):
    vectors = np.ones((5, 19), np.float32)
    vectors[1, 2], vectors[2, 2], vectors[3] = np.inf, np.nan, 0
    norms = search.row_norms(vectors)
    assert (
        norms[[0, 4]] == pytest.approx(19**0.5)
        and norms[1] == np.inf
        and np.isnan(norms[2])
        and norms[3] == 0
    )


@pytest.mark.parametrize("scale", [1e-33, 1e-24, 1e-20, 1e18, 1e20, 1e37])
@pytest.mark.parametrize("width", [3, 37])
def test_rows_whose_squares_no_float_can_hold(backend, width, scale):
    rows = np.random.default_rng(5).standard_normal((300, width)) * scale
    exact = np.linalg.norm(rows, axis=1)
    vectors, queries = rows.astype(np.float32), (rows[:60] / exact[:60, None]).astype(np.float32)
    assert search.row_norms(vectors) == pytest.approx(exact, rel=1e-6)
    cosines = queries @ (rows / exact[:, None]).T
    for norms in (None, search.row_norms(vectors)):
        for some in (1, 2, 60):
            _, scores = search.top_k(vectors, norms, queries[:some], 10)
            assert scores == pytest.approx(np.sort(cosines[:some])[:, :-11:-1], abs=1e-6)


def test_rows_too_small_to_be_exact_count_as_zeros(backend):
    vectors = np.full((4, 5), 1e-37, np.float32)
    assert not search.row_norms(vectors).any()
    assert not search.top_k(vectors, None, np.ones((2, 5), np.float32), 4)[1].any()


@pytest.mark.parametrize("width", [2, 3, 16, 19, 40])
def test_what_is_no_number_is_not_found(backend, width):
    vectors = np.zeros((5, width), np.float32)
    vectors[:, :2] = [[np.nan, 1], [1, 0], [np.inf, 0], [0, 1], [-np.inf, np.inf]]
    query = np.zeros((1, width), np.float32)
    query[0, 0] = 1
    for norms in (search.row_norms(vectors), None):
        for k in (5, 1):
            for queries in (query, np.repeat(query, 3, axis=0)):
                ids, scores = search.top_k(vectors, norms, queries, k)
                assert ids.tolist() == [[1, 3, -1, -1, -1][:k]] * len(queries) and scores[0, 0] == 1


def test_all_halves_are_read_right(backend):
    """Every float16 there is, with a query that picks it."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    vectors = np.repeat(halves[:, None], 17, axis=1)
    vectors[:, 1:] = 0
    query = np.zeros((1, 17), np.float32)
    query[0, 0] = 1
    finite = np.isfinite(halves)
    ids, scores = search.top_k(vectors, np.ones(1 << 16, np.float32), query, 1 << 16)
    found = ids[0] >= 0
    assert set(np.flatnonzero(finite)) <= set(ids[0][found])
    kept = found & np.isin(ids[0], np.flatnonzero(finite))
    assert np.array_equal(scores[0][kept], halves[ids[0][kept]].astype(np.float32))
    assert not set(np.flatnonzero(np.isnan(halves))) & set(ids[0].tolist())


def test_many_equal_rows_come_in_order(backend):
    vectors = np.ones((5_000, 3), np.float32)
    for queries in (1, 4):
        ids, scores = search.top_k(vectors, None, np.ones((queries, 3), np.float32), 20, workers=3)
        assert (ids == np.arange(20)).all() and (scores == scores[0, 0]).all()


def test_misfits_are_refused(backend):
    vectors = np.ones((5, 3), np.float32)
    with pytest.raises(ValueError, match="do not fit"):
        search.top_k(vectors, None, np.ones((1, 4), np.float32), 1)
    with pytest.raises(ValueError, match="do not fit"):
        search.top_k(vectors, None, np.ones((2, 3), np.float32), 1, np.zeros((1, 1), np.int64))


@pytest.mark.parametrize(
    "wrong, error, says",
    [
        ({"start": -1}, ValueError, "start=-1"),
        ({"stop": -3}, ValueError, "stop=-3"),
        ({"k": 2.5}, TypeError, "k=2.5: an integer"),
        ({"workers": "2"}, TypeError, "workers='2': an integer"),
        ({"workers": 0}, ValueError, "workers=0"),
        ({"norms": np.ones(4, np.float32)}, ValueError, r"norms of \(4,\) do not fit"),
        ({"norms": np.ones((5, 1), np.float32)}, ValueError, r"norms of \(5, 1\) do not fit"),
        ({"queries": np.ones((2, 3), complex)}, TypeError, "queries of complex128: vectors"),
        ({"queries": [["a"] * 3] * 2}, TypeError, "queries of <U1: vectors"),
        ({"exclude": np.ones((2, 1))}, TypeError, "exclude of float64: rows"),
        ({"exclude": np.ones(2, int)}, ValueError, r"exclusions of \(2,\)"),
    ],
    ids=str,
)
def test_arguments_out_of_range_or_of_a_wrong_kind(wrong, error, says):
    right = {"vectors": np.ones((5, 3), np.float32), "norms": None, "queries": np.ones((2, 3)), "k": 1}
    assert search.top_k(**{**right, "norms": np.ones(5)})[0].tolist() == [[0], [0]]  # of any float
    with pytest.raises(error, match=says):
        search.top_k(**{**right, **wrong})


def test_a_child_process_searches_too():
    """The threads of the parent are not there after a fork."""
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    vectors = np.random.default_rng(0).standard_normal((60_000, 40)).astype(np.float32)
    query = vectors[:1]
    expected = search.top_k(vectors, None, query, 3, workers=2)[0].tolist()
    assert search._pool.cache_info().currsize == 1
    # Python 3.12 and later warn of a fork beside threads, which is what is tried here.
    with pytest.warns(DeprecationWarning) if threaded_fork_warns() else no_warning():
        child = os.fork()
    if child == 0:
        os._exit(search.top_k(vectors, None, query, 3, workers=2)[0].tolist() != expected)
    deadline = threading.Timer(60, os.kill, (child, 9))
    deadline.start()
    status = os.waitpid(child, 0)[1]
    deadline.cancel()
    assert status == 0


def threaded_fork_warns():
    import sys

    return sys.version_info >= (3, 12) and threading.active_count() > 1


def no_warning():
    from contextlib import nullcontext

    return nullcontext()


def test_many_callers_at_a_time():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((30_000, 50)).astype(np.float32)
    expected = search.top_k(vectors, None, vectors[:8], 5, workers=1)[0]
    wrong = []

    def ask(i):
        for _ in range(5):
            if not np.array_equal(
                search.top_k(vectors, None, vectors[i : i + 1], 5, workers=4)[0][0], expected[i]
            ):
                wrong.append(i)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch):
    vectors = np.ones((1000, 4), np.float32)
    monkeypatch.setattr(search, "WORTH_A_THREAD", 1)

    class Broken:
        BYTES = 0

        @staticmethod
        def scan(*_):
            raise MemoryError("no room")

    monkeypatch.setattr(_backend, "topk", Broken, raising=False)
    with pytest.raises(MemoryError, match="no room"):
        search.top_k(vectors, None, vectors[:1], 2, workers=3)


# ---- Quantised rows


def test_quantised_rows_are_near_and_searched_as_they_are_read(backend):
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((2_000, 30)).astype(np.float32) * rng.uniform(0.01, 100, (2_000, 1)).astype(
        "f4"
    )
    vectors[7] = 0
    small = Quantised.from_rows(vectors)
    assert small.shape == (2_000, 30) and small.nbytes == 2_000 * 34
    assert (np.abs(small[:] - vectors) <= small.scales[:, None] * 0.501).all()
    assert np.array_equal(np.asarray(small), small[:]) and np.array_equal(small[5], small[[5]][0])
    read = small[:]
    queries = rng.standard_normal((5, 30)).astype(np.float32)
    for norms in (None, search.row_norms(small)):
        ids, scores = search.top_k(small, norms, queries, 10)
        expected = search.top_k(read, search.row_norms(read), queries, 10)
        assert np.allclose(scores, expected[1], atol=1e-6) and (ids == expected[0]).mean() > 0.95
    assert np.allclose(search.row_norms(small), np.linalg.norm(read, axis=1), rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_int8_has_no_place_for_what_is_not_finite(bad):
    vectors = np.ones((9_000, 2), np.float32)
    vectors[8_500, 1] = bad
    with pytest.raises(ValueError, match="row 8500"):
        Quantised.from_rows(vectors)


def test_quantised_refuses_other_types():
    with pytest.raises(ValueError, match="int8"):
        Quantised(np.zeros((3, 2), np.uint8), np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="float32"):
        Quantised(np.zeros((3, 2), np.int8), np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="copy"):
        Quantised(np.zeros((3, 2), np.int8), np.zeros(3, np.float32)).__array__(copy=False)
