"""Threads' own copies of hot rows, and how they are merged: the kernel against its twin, and under locks."""

import threading

import numpy as np
import pytest
from kernel_case import ALL, EVERY_COMPILED, MODELS, Case, assert_near

from fastvec import _backend


def locks(parts=3):
    """Locks of the parts of hot rows, none of them taken."""
    return np.zeros(parts, np.int32)


def always(parts=3):
    """Every part is due after each interval."""
    return np.ones(parts, np.int32)


@EVERY_COMPILED
@pytest.mark.parametrize("every", [[1, 1, 1], [1, 2, 3], [7, 1, 1 << 30]])
def test_own_copies_of_hot_rows_and_their_merge(backend, every):
    case = Case(13, n_words=30, size=24)
    scales = np.linspace(0.5, 1, 7).astype(np.float32), np.linspace(1, 0.5, 11).astype(np.float32)
    results = []
    for name, dtype in ((backend, np.float32), ("reference", np.float64)):
        x, y = case.input.astype(dtype), case.output.astype(dtype)
        worker = case.worker(name, x, y)
        worker.keep_hot_rows(*scales, np.empty(0, np.float32), locks(), 11, np.array(every, np.int32))
        for epoch in range(2):
            assert worker.train(0, 30, epoch, 0.05, 1e-4) == 30
            x[2, :24] += 1  # another thread's merge in between
        worker.merge()
        results.append((x, y))
    assert_near(*results)
    assert not np.array_equal(results[0][0], case.run(backend)[0])


@EVERY_COMPILED
@pytest.mark.parametrize("words", [0, 7])
@pytest.mark.parametrize("model", [name for name in MODELS if MODELS[name]["hs"]])
def test_own_copies_of_upper_nodes_and_their_merge(backend, model, words):
    """What two threads keep of a Huffman tree: the first nodes, and of words those of skip-gram."""
    case = Case(13, n_words=30, size=24, **MODELS[model])
    none, scales = np.empty(0, np.float32), np.linspace(0.5, 1, 7).astype(np.float32)
    kept = scales[: 0 if "bags" in model else words]
    results = []
    for name, dtype in ((backend, np.float32), ("reference", np.float64)):
        matrices = case.matrices(dtype)
        worker = case.worker(name, *matrices)
        worker.keep_hot_rows(kept, none, scales, locks(), 30, always())
        for epoch in range(2):
            worker.train(0, 30, epoch, 0.05, 0)
            matrices[2][2, :24] += 1  # another thread's merge in between
        worker.merge()
        results.append([m for m in matrices if m is not None])
    assert_near(*results)
    assert not np.array_equal(results[0][-1][:7], case.nodes[:7])


@ALL
def test_parts_that_others_are_merging_are_left_until_later(backend):
    case = Case(13, n_words=30, size=24)
    x, y, taken = case.input.copy(), case.output.copy(), locks()
    scale = np.ones(9, np.float32)
    worker = case.worker(backend, x, y)
    worker.keep_hot_rows(scale, scale, np.empty(0, np.float32), taken, 7, always())
    taken[1] = 1
    worker.train(0, len(case.tokens), 1, 0.05, 0)
    changed = [(a != b).any(axis=1) for a, b in ((x, case.input), (y, case.output))]
    assert not any(rows[3:6].any() for rows in changed) and all(rows[:3].any() for rows in changed)
    taken[1] = 0
    worker.merge()
    assert (x[3:6] != case.input[3:6]).any() and (y[3:6] != case.output[3:6]).any() and not taken.any()


@ALL
def test_parts_are_merged_after_so_many_intervals_each(backend):
    case = Case(13, n_words=30, size=24)
    x, scale = case.input.copy(), np.ones(9, np.float32)
    worker = case.worker(backend, x, case.output.copy())
    every, taken = np.array([1, 4, 1000], np.int32), locks()
    worker.keep_hot_rows(scale, scale, np.empty(0, np.float32), taken, len(case.tokens), every)
    merged = []
    for epoch in range(8):
        before = x.copy()
        taken[1] = epoch == 2  # when it is due: it stays so
        worker.train(0, len(case.tokens), epoch, 0.05, 0)
        merged.append([(x[rows] != before[rows]).any() for rows in (slice(3), slice(3, 6), slice(6, 9))])
    assert [np.flatnonzero(part).tolist() for part in zip(*merged, strict=True)] == [[*range(8)], [3, 7], []]


@EVERY_COMPILED
def test_at_its_end_a_thread_waits_for_parts_that_others_are_merging(backend):
    case, taken = Case(13, n_words=30, size=24), locks()
    x, scale = case.input.copy(), np.ones(9, np.float32)
    worker = case.worker(backend, x, case.output.copy())
    worker.keep_hot_rows(scale, scale, np.empty(0, np.float32), taken, 1 << 40, always())
    taken[:] = 1
    worker.train(0, len(case.tokens), 1, 0.05, 0)
    assert np.array_equal(x[:9], case.input[:9])
    thread = threading.Thread(target=worker.merge)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive() and np.array_equal(x[:9], case.input[:9])
    taken[:] = 0
    thread.join(60)
    assert not thread.is_alive() and not np.array_equal(x[:9], case.input[:9])


def test_with_scale_one_a_merge_gives_the_shared_rows_all_that_was_learned():
    case = Case(17, n_words=30, size=24)
    backend = _backend.available()[-1]
    x, y, taken = case.input.copy(), case.output.copy(), locks() + 1
    worker = case.worker(backend, x, y)
    one = np.ones(30, np.float32)
    worker.keep_hot_rows(one, one, np.empty(0, np.float32), taken, 1 << 40, always())
    worker.train(0, len(case.tokens), 1, 2.0**-4, 2.0**-20)
    assert np.array_equal(x, case.input)
    taken[:] = 0
    worker.merge()
    assert_near((x, y), case.run(backend))


@ALL
def test_hot_rows_that_cannot_be_are_refused(backend):
    case = Case(17, n_words=30, size=24)
    none, one = np.empty(0, np.float32), np.ones(1, np.float32)
    worker = case.worker(backend, case.input.copy(), case.output.copy())
    for wrong in ((locks(0), 5, always(0)), (locks(), 0, always())):
        with pytest.raises(ValueError, match="at least one"):
            worker.keep_hot_rows(one, one, none, *wrong)
    for every in (always(2), always() - 1):
        with pytest.raises(ValueError, match="1 or more for each"):
            worker.keep_hot_rows(one, one, none, locks(), 5, every)
    worker.keep_hot_rows(one, one, none, locks(), 5, always())
    with pytest.raises(ValueError, match="once"):
        worker.keep_hot_rows(one, one, none, locks(), 5, always())


@EVERY_COMPILED
def test_parts_far_more_than_rows(backend):
    """The product of a part's number and of the rows is no int32."""
    case = Case(13, n_words=5_000, size=1)
    x, scale = case.input.copy(), np.ones(4_096, np.float32)
    worker = case.worker(backend, x, case.output.copy())
    worker.keep_hot_rows(scale, scale, np.empty(0, np.float32), locks(1 << 20), 1 << 40, always(1 << 20))
    worker.train(0, len(case.tokens), 1, 0.05, 0)
    worker.merge()
    alone = case.run(backend, alpha=0.05, step=0)
    np.testing.assert_allclose(x, alone[0], atol=1e-6)
