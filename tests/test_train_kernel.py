"""The training kernels, every variant against the reference twin, and the twin against calculus."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_case import (
    ALL,
    ALWAYS,
    EVERY_COMPILED,
    EVERY_MODEL,
    MODELS,
    NEVER,
    Case,
    assert_near,
)

from fastvec import _backend, config
from fastvec.reference import train as reference

cases = st.builds(
    dict,
    seed=st.integers(0, 2**32 - 1),
    n_words=st.sampled_from([1, 2, 5, 40, 200]),
    n_tokens=st.integers(1, 80),
    size=st.sampled_from([1, 15, 16, 24, 40, 100]),
    window=st.sampled_from([1, 2, 5, 9, 30]),
    negative=st.sampled_from([1, 2, 5, 6, 9, 20, 60]),  # where there is negative sampling
    shrink=st.booleans(),
    sample=st.sampled_from([0.05, 0.6, 1.0]),
    lock=st.booleans(),
    cbow_mean=st.integers(0, 1),
    cbow_classic=st.booleans(),
)


@EVERY_COMPILED
@EVERY_MODEL
@settings(max_examples=20, deadline=None)
@given(drawn=cases)
def test_compiled_kernels_compute_what_the_twin_computes(backend, model, drawn):
    negative = drawn["negative"] if MODELS[model]["negative"] else 0
    case = Case(**{**drawn, **MODELS[model], "negative": negative})
    before = case.input.copy()
    alpha = (
        2.0**-6 if drawn["cbow_mean"] else 2.0**-12
    )  # sums of many rows are large, and diverge at higher rates
    got, expected = (
        case.run(b, dtype=t, alpha=alpha) for b, t in ((backend, np.float32), ("reference", np.float64))
    )
    assert_near(got, expected)
    size = before.any(axis=0).sum()
    assert not any(m[:, size:].any() for m in got), "the padding stays zero"


@EVERY_COMPILED
def test_the_reader_streams_a_corpus_longer_than_its_buffer(backend):
    """One sentence of many buffers: nothing is lost, cut or repeated at their seams."""
    case = Case(5, n_words=300, n_tokens=5000, size=16, window=7, negative=2)
    case.tokens[case.tokens < 0] = 3
    assert_near(case.run(backend), case.run("reference", dtype=np.float64))


@ALL
def test_spans_that_end_with_sentences_change_nothing(backend):
    case = Case(7, n_tokens=200, size=16)
    ends = np.flatnonzero(case.tokens < 0) + 1
    bounds = [0, *ends.tolist(), 200]
    whole, parts = case.run(backend), case.run(backend, list(itertools.pairwise(bounds)))
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


@ALL
def test_windows_reach_beyond_a_span(backend):
    """Two words of one sentence in two spans are still each other's context."""
    case = Case(1, n_words=2, size=16, negative=1, shrink=False)
    case.tokens = np.array([0, 1, -1], np.int32)
    case.keep[:] = ALWAYS
    for span in ((0, 1), (1, 3)):
        x, _ = case.run(backend, [span])
        context = 1 - span[0]
        assert (x[context] != case.input[context]).any()
        assert (x[1 - context] == case.input[1 - context]).all()


@ALL
def test_sentences_are_not_crossed(backend):
    case = Case(1, n_words=2, size=16)
    case.tokens = np.array([-1, 0, -1, -1, 1, -1, 0], np.int32)
    x, y = case.run(backend)
    assert np.array_equal(x, case.input) and np.array_equal(y, case.output)


@ALL
def test_words_that_are_never_kept_leave_their_places_to_others(backend):
    case = Case(3, n_words=3, size=16, window=1, negative=1, shrink=False)
    case.tokens = np.array([0, 2, 2, 2, 1, -1], np.int32)
    case.keep[:] = ALWAYS, ALWAYS, NEVER
    x, _ = case.run(backend)
    assert (x[:2] != case.input[:2]).any(axis=1).all() and np.array_equal(x[2], case.input[2])


@EVERY_COMPILED
@pytest.mark.parametrize("sg", [0, 1])
@pytest.mark.parametrize("seed", range(6))
def test_sentences_may_end_where_the_readers_buffer_does(backend, sg, seed):
    rng = np.random.default_rng(seed)
    case = Case(seed, n_words=200, n_tokens=1_300, size=8, window=int(rng.choice([1, 5, 30])), sg=sg)
    case.tokens[case.tokens < 0] = 0
    case.keep[:] = ALWAYS
    case.tokens[rng.integers(1_010, 1_100, 12)] = -1
    assert_near(case.run(backend), case.run("reference", dtype=np.float64))


@ALL
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(backend):
    case, same, other = Case(11), Case(11), Case(11)
    other.options["seed"] = 12
    first = case.run(backend)
    assert all(np.array_equal(a, b) for a, b in zip(first, same.run(backend), strict=True))
    assert not np.array_equal(first[0], other.run(backend)[0])
    assert not np.array_equal(first[0], case.run(backend, epoch=2)[0])


@ALL
def test_told_to_stop_it_stops_and_says_where(backend):
    case = Case(19)
    case.stop[0] = 1
    x = case.input.copy()
    assert case.worker(backend, x, case.output.copy()).train(10, 60, 0, 0.05, 0) == 10
    assert np.array_equal(x, case.input)


@ALL
def test_a_number_that_is_not_finite_spreads_and_does_not_vanish(backend):
    """Overflow must be seen: no clamp may turn NaN into a number."""
    case = Case(23, n_words=3, size=16)
    case.input[1, 0] = np.nan
    x, y = case.run(backend)
    assert np.isnan(x).sum() > 1 and np.isnan(y).any()


@ALL
@EVERY_MODEL
def test_numbers_of_an_earlier_block_are_none_of_the_next_ones(backend, model):
    """Scratch beyond a block's rows may hold NaN from the one before."""
    case = Case(23, n_words=300, size=16, **MODELS[model])
    matrices = case.matrices(np.float32)
    worker = case.worker(backend, *matrices)
    output = matrices[1] if matrices[2] is None else matrices[2]
    fresh = [None if m is None else m.copy() for m in matrices]
    output[::2] = np.nan
    worker.train(0, len(case.tokens), 0, 0.05, 0)
    assert np.isnan(matrices[0]).any()
    for m, then in zip(matrices, fresh, strict=True):
        if m is not None:
            m[:] = then
    worker.train(0, len(case.tokens), 0, 0.05, 0)
    assert all(np.isfinite(m).all() for m in matrices if m is not None)


@ALL
def test_scores_beyond_the_range_of_exp_saturate(backend):
    case = Case(29, n_words=6, size=16)
    case.input *= 1e4
    case.output *= 1e4
    assert all(np.isfinite(m).all() for m in case.run(backend))


@ALL
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(window=0), "window=0"),
        (dict(negative=-1), "negative=-1"),
        (dict(negative=0), "output_vectors go with negative"),
        (dict(negative=61), "negative=61"),
        (dict(vector_size=0), "vectors of 0 floats"),
        (dict(vector_size=33), "vectors of 33 floats in rows of 32"),
    ],
)
def test_wrong_parameters_are_refused(backend, change, message):
    case = Case(31)
    case.options |= change
    with pytest.raises(ValueError, match=message):
        case.worker(backend, case.input, case.output)


@ALL
def test_wrong_arrays_and_spans_are_refused(backend):
    case = Case(31)
    with pytest.raises(ValueError, match="multiple of 16"):
        case.worker(backend, case.input[:, :8].copy(), case.output[:, :8].copy())
    with pytest.raises(ValueError, match="one row a word"):
        case.worker(backend, case.input[1:], case.output)
    worker = case.worker(backend, case.input, case.output)
    for span in ((-1, 5), (5, 4), (0, 61)):
        with pytest.raises(ValueError, match="span"):
            worker.train(*span, 0, 0.05, 0)


@EVERY_COMPILED
def test_constants_are_the_twins(backend):
    kernel = _backend.load(backend, "train")
    assert kernel.group_size() == reference.group_size()
    assert kernel.max_negative() == reference.max_negative() == config.MAX_NEGATIVE


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 6), n=st.integers(1, 6))
def test_the_step_follows_the_numeric_gradient(seed, m, n):
    """block_step(x, y) - (x, y) = -alpha d(block_loss), by central differences in double."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 1, (m, 3)), rng.normal(0, 1, (n, 3))
    label = rng.integers(0, 2, n).astype(float)
    weight = rng.integers(0, 3, (m, n)).astype(float)
    new_x, new_y = reference.block_step(x, y, label, weight, 1.0)
    for matrix, new in ((x, new_x), (y, new_y)):
        step = new - matrix
        for at in np.ndindex(matrix.shape):
            old, losses = matrix[at], []
            for h in (1e-5, -1e-5):
                matrix[at] = old + h
                losses.append(reference.block_loss(x, y, label, weight))
            matrix[at] = old
            np.testing.assert_allclose(step[at], (losses[1] - losses[0]) / 2e-5, rtol=1e-5, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(2, 6), n=st.integers(1, 6))
def test_steps_in_order_are_steps_one_after_the_other(seed, m, n):
    """... but for terms of the third order in alpha: half of it leaves an eighth of the difference."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 1, (m, 8)), rng.normal(0, 1, (n, 8))
    label = rng.integers(0, 2, n).astype(float)
    weight = rng.integers(1, 3, (m, n)).astype(float)
    errors = []
    for alpha in (2e-3, 1e-3):
        new_x, new_y = reference.steps_in_order(x, y, label, weight, alpha)
        one_x, one_y = np.empty_like(x), y
        for i in range(m):
            one_x[[i]], one_y = reference.block_step(x[[i]], one_y, label, weight[[i]], alpha)
        errors.append(max(np.abs(new_x - one_x).max(), np.abs(new_y - one_y).max()))
    assert errors[1] < errors[0] / 6 or errors[0] < 1e-10


def test_the_twins_loss_is_the_one_of_the_paper():
    """-log s(x.y) for the word itself, -log s(-x.y) for noise (Mikolov et al. 2013b, eq. 4)."""
    x, y = np.array([[1.0, 2.0]]), np.array([[0.5, -1.0], [2.0, 0.25]])
    s = 1 / (1 + np.exp(-(x @ y.T)[0]))
    expected = -np.log(s[0]) - 3 * np.log(1 - s[1])
    assert reference.block_loss(x, y, np.array([1.0, 0.0]), np.array([[1.0, 3.0]])) == pytest.approx(expected)


def chi_square(observed, expected):
    """The statistic of Pearson's test, in standard deviations from its mean (Wilson and Hilferty 1931)."""
    statistic, k = ((observed - expected) ** 2 / expected).sum(), len(observed) - 1
    return ((statistic / k) ** (1 / 3) - (1 - 2 / (9 * k))) / np.sqrt(2 / (9 * k))


class Spy:
    """Trains on pairs one by one, and reads off the matrices what was drawn: output row w is hit where it moves."""

    def __init__(self, backend, n_words, **options):
        self.case = Case(1, n_words=n_words, size=16, **options)
        self.backend = backend

    def hits(self, centres, alpha=1e-3):
        """How often each output row was drawn, in units of its gradient: all scores are 0, so sigmoid is 1/2."""
        case = self.case
        x, y = np.zeros_like(case.input), np.zeros_like(case.output)
        x[-1, 0] = 1.0  # the context word
        worker = case.worker(self.backend, x, y)
        total = np.zeros(len(y))
        for place in range(0, 2 * centres, 3):
            worker.train(place, place + 1, 1, alpha, 0)
            total += -2 * y[:, 0] / alpha
            y[:] = 0
            x[:] = 0
            x[-1, 0] = 1.0
        return total


@EVERY_COMPILED
def test_noise_has_the_distribution_of_its_table(backend):
    spy = Spy(backend, 12, window=1, negative=5, shrink=False)
    rng = np.random.default_rng(2)
    spy.case.noise[:, 1] = rng.integers(0, 10, 12)
    spy.case.keep[:] = ALWAYS
    spy.case.tokens = np.tile(np.array([10, 11, -1], np.int32), 20_000)
    hits = 2 * spy.hits(30_000)[:10]  # a draw counts one half
    accepted = spy.case.noise[:, 0] / 2**32
    p = accepted / 12
    np.add.at(p, spy.case.noise[:, 1], (1 - accepted) / 12)
    expected = p[:10] * 10 * 20_000
    assert abs(chi_square(hits, expected * hits.sum() / expected.sum())) < 4.5
    assert hits.sum() == pytest.approx(expected.sum(), rel=0.01)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_words=st.sampled_from([1, 3, 6, 40]),
    window=st.integers(1, 6),
    negative=st.sampled_from([1, 5, 7]),
)
def test_the_twins_step_with_subwords_is_that_of_its_pairs(seed, n_words, window, negative):
    """Each target of each centre by itself, then each of the noise words but the target, all from the old rows."""
    case = Case(
        seed, n_words=n_words, window=window, shrink=False, **MODELS["sg-ns-bags"] | {"negative": negative}
    )
    case.tokens, case.keep[:] = np.append(np.maximum(case.tokens[:4], 0), -1).astype(np.int32), ALWAYS
    bags, words, alpha = case.options["bags"], case.tokens[:4].tolist(), 1e-4
    draws = -(-negative * reference.BAG_DRAWS // 5)
    bits = [reference.draw(reference.stream_key(seed, 1, 3), k) for k in range(draws)]
    columns = [(reference.below(b, n_words), b & 0xFFFFFFFF) for b in bits]
    noise = [c if low < case.noise[c, 0] else int(case.noise[c, 1]) for c, low in columns]
    old_x, old_y, _ = case.matrices(np.float64)
    x, y = old_x.copy(), old_y.copy()

    def pair(c, word, label, weight):
        bag = bags.rows[bags.offsets[words[c]] : bags.offsets[words[c] + 1]]
        h = old_x[bag].sum(axis=0) / max(1, len(bag) - 1)
        g = alpha * weight * (label - reference.sigmoid(h @ old_y[word]))
        y[word] += g * h
        for row in bag:
            x[row] += g * old_y[word]

    for c, t in itertools.permutations(range(4), 2):
        if abs(c - t) <= window:
            pair(c, words[t], 1, 1)
            for word in noise:
                if word != words[t]:
                    pair(c, word, 0, negative / draws)
    matrices = case.matrices(np.float64)
    case.worker("reference", *matrices).train(0, 5, 1, alpha, 0)
    np.testing.assert_allclose(matrices[0] - old_x, x - old_x, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(matrices[1] - old_y, y - old_y, rtol=1e-6, atol=1e-12)


@ALL
@pytest.mark.parametrize("tokens", [[1, 4, 2, 1, -1], [3, 3, 3, 3, -1], [0, 5, -1]])
def test_with_subwords_noise_counts_as_in_word2vec(backend, tokens):
    """In the mean: each pair draws `negative` words, of which only its own target is left out, whoever else's it is.

    Of rows of zeros each pair of weight 1 loses log 2, so the loss tells the weights.
    """
    case = Case(3, n_words=6, window=2, shrink=False, with_loss=True, **MODELS["sg-ns-bags"])
    case.tokens, case.keep[:] = np.array(tokens, np.int32), ALWAYS
    share = np.zeros(6)
    np.add.at(share, np.arange(6), case.noise[:, 0] / 2**32 / 6)
    np.add.at(share, case.noise[:, 1], (1 - case.noise[:, 0] / 2**32) / 6)
    targets = [
        t for i in range(len(tokens) - 1) for j, t in enumerate(tokens[:-1]) if j != i and abs(j - i) <= 2
    ]
    weights = sum(1 + 5 * (1 - share[t]) for t in targets)
    worker = case.worker(backend, *(0 * m for m in case.matrices() if m is not None))
    for epoch in range(400):
        worker.train(0, len(tokens), epoch, 0.0, 0)
    loss, pairs = worker.take_loss()
    assert pairs == 400 * len(targets)
    assert loss / 400 == pytest.approx(np.log(2) * weights, rel=0.02)


@EVERY_COMPILED
def test_the_most_noise_words_fit(backend):
    options = {"n_words": 20_000, "n_tokens": 70, "size": 1, "window": 30, "shrink": False}
    for model in "sg-ns-bags", "sg-both-bags":
        case = Case(3, **options, **MODELS[model] | {"negative": 60})
        case.keep[:] = ALWAYS
        assert_near(case.run(backend), case.run("reference"))


@EVERY_COMPILED
def test_windows_shrink_uniformly_and_tokens_are_kept_as_often_as_told(backend):
    case = Case(1, n_words=10, size=16, window=4, negative=1)
    case.keep[:] = ALWAYS
    case.keep[5] = int(0.3 * 2**32)
    sentence = [1, 2, 3, 4, 0, -1, 5, 6, -1]
    case.tokens = np.tile(np.array(sentence, np.int32), 4000)
    case.noise[:, 0], case.noise[:, 1] = 0, 9  # all noise is word 9
    reached, kept = np.zeros(5), 0
    x, y = np.zeros_like(case.input), np.zeros_like(case.output)
    worker = case.worker(backend, x, y)
    for start in range(0, len(case.tokens), len(sentence)):
        y[9, 0], y[0], y[6] = 1.0, 0, 0
        x[:] = 0
        worker.train(start + 4, start + 5, 3, 0.1, 0)
        reached[(x[1:5, 0] != 0).sum()] += 1
        x[:] = 0
        worker.train(start + 7, start + 8, 3, 0.1, 0)
        kept += x[5, 0] != 0
    assert reached[0] == 0 and abs(chi_square(reached[1:], np.full(4, 1000.0))) < 4.5
    assert abs(kept - 0.3 * 4000) < 4.5 * np.sqrt(4000 * 0.3 * 0.7)
