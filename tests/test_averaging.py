"""The merge of replicas: how often rows are updated, and by how much a replica's change counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastvec.averaging import SETTLED, damped_scale, expected_updates, merge_intervals, settled_updates
from fastvec.config import TrainConfig

COUNTS = np.array([16, 1])


def test_updates_of_one_centre_by_hand():
    kept = np.array([0.25, 1.0])  # 4 and 1 occurrences are left
    x, y, _ = expected_updates(COUNTS, kept, TrainConfig(window=5, negative=3, ns_exponent=0.5))
    np.testing.assert_allclose(x, 2 * 3 * np.array([0.8, 0.2]))  # the mean window is 3
    np.testing.assert_allclose(y, np.array([0.8, 0.2]) + 3 * np.array([0.8, 0.2]))  # noise by roots: 4 and 1
    x, *_ = expected_updates(COUNTS, kept, TrainConfig(window=5, shrink_windows=False))
    np.testing.assert_allclose(x, 2 * 5 * np.array([0.8, 0.2]))


def test_rare_rows_are_summed_and_frequent_ones_averaged():
    updates = np.array([0, 1, SETTLED, 2 * SETTLED, 4 * SETTLED, 1e12])
    scale = damped_scale(updates, replicas=4, settled=SETTLED)
    assert scale.dtype == np.float32
    assert scale.tolist() == [1, 1, 1, 0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("options", "settled"),
    [
        ({}, SETTLED),
        ({"alpha": 0.05}, SETTLED / 2),
        ({"window": 11}, SETTLED / 2),
        ({"window": 6, "shrink_windows": False}, SETTLED / 2),
    ],
)
def test_longer_steps_settle_a_row_sooner(options, settled):
    assert settled_updates(TrainConfig(**{"alpha": 0.025, "window": 5, **options})) == pytest.approx(settled)
    assert np.isfinite(settled_updates(TrainConfig(alpha=0)))


def test_colder_parts_are_merged_more_seldom():
    assert merge_intervals(16).tolist() == [1, 2, 2, 4, 4, 4, 4, 8, 8, 8, 8, 8, 8, 8, 8, 16]


def test_one_replica_alone_is_taken_as_it_is():
    assert damped_scale(np.array([0.0, 5.0, 1e9]), replicas=1, settled=9).tolist() == [1, 1, 1]


@given(
    updates=st.lists(st.floats(0, 1e18), min_size=1, max_size=20).map(sorted),
    replicas=st.integers(1, 10_000),
)
def test_scales_lie_between_average_and_sum_and_fall(updates, replicas):
    scale = damped_scale(np.array(updates), replicas, SETTLED)
    assert (scale <= 1).all() and (scale >= np.float32(1 / replicas)).all()
    assert (np.diff(scale) <= 0).all()


def test_words_without_a_chance_get_no_updates():
    x, y, _ = expected_updates(COUNTS, np.array([1.0, 0.0]), TrainConfig(negative=5))
    assert x[1] == 0 and y[1] == pytest.approx(5 / 9)
