"""Exact search against a brute-force twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastvec import search


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


@st.composite
def searches(draw):
    n, width, q = draw(st.integers(0, 30)), draw(st.integers(0, 4)), draw(st.integers(0, 5))
    vectors = draw(hnp.arrays(np.float32, (n, width), elements=whole))
    norms = draw(hnp.arrays(np.float32, n, elements=st.sampled_from([0, 0.5, 1, 2])))
    queries = draw(hnp.arrays(np.float32, (q, width), elements=whole))
    exclude = draw(st.none() | hnp.arrays(np.int64, (q, 2), elements=st.integers(-1, 30)))
    start = draw(st.integers(0, n))
    return vectors, norms, queries, draw(st.integers(0, 35)), exclude, start, draw(st.integers(start, n))


@settings(max_examples=300, deadline=None)
@given(searches(), st.sampled_from([(1, 1), (3, 2), (1 << 12, 1 << 9)]))
def test_as_brute_force(case, sizes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "FIRST_ROWS", sizes[0])
        patch.setattr(search, "QUERIES_AT_ONCE", sizes[1])
        patch.setattr(search, "SCORES_AT_ONCE", sizes[0] * 3)
        ids, scores = search.top_k(*case)
    expected_ids, expected_scores = brute_force(*case)
    assert ids.tolist() == expected_ids and scores.tolist() == expected_scores


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_large_search_in_any_order_of_memory(dtype):
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


def test_what_is_no_number_is_not_found():
    vectors = np.array([[np.nan, 1], [1, 0], [np.inf, 0], [0, 1], [-np.inf, np.inf]], np.float32)
    norms = search.row_norms(vectors)
    for width in (5, 1):
        ids, scores = search.top_k(vectors, norms, np.array([[1, 0]]), width)
        assert ids[0].tolist() == [1, 3, -1, -1, -1][:width] and scores[0, 0] == 1
