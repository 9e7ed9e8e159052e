"""The tables made of the counts of words: subsampling, noise."""

from itertools import pairwise

import numpy as np
import pytest
import test_vocab
from hypothesis import given
from hypothesis import strategies as st

from fastvec import _backend
from fastvec.vocab import Vocab
from fastvec.words import WordTable

BACKENDS, backend, load = test_vocab.BACKENDS, test_vocab.backend, test_vocab.load


def test_keep_thresholds():
    vocab = Vocab.from_counts({"often": 90_000, "some": 9_000, "rare": 1_000})
    found = vocab.keep_thresholds(1e-3)  # T = 100
    for count, t in zip([90_000, 9_000, 1_000], found.tolist(), strict=True):
        keep = (np.sqrt(count / 100) + 1) * 100 / count
        assert t == int(keep * 2**32)
    assert vocab.keep_thresholds(0).tolist() == [0xFFFFFFFF] * 3
    assert vocab.keep_thresholds(0.5).tolist()[1:] == [0xFFFFFFFF] * 2
    # From 1 on, T = floor(2.618 sample), and counts above 2.618 T are thinned.
    assert (vocab.keep_thresholds(10_000) == 0xFFFFFFFF).tolist() == [False, True, True]  # above 68,541
    assert (vocab.keep_thresholds(100) == 0xFFFFFFFF).tolist() == [False, False, False]  # above 683
    assert vocab.keep_thresholds(100)[0] == int((np.sqrt(90_000 / 261) + 1) * 261 / 90_000 * 2**32)
    for great in (2.0**63, 1e300, 1e308):
        assert vocab.keep_thresholds(great).tolist() == [0xFFFFFFFF] * 3
    for bad in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="sample"):
            vocab.keep_thresholds(bad)


def drawn_shares(table):
    """The exact probability of each word under an alias table."""
    n = len(table)
    below = table[:, 0].astype(np.float64) / 2**32
    shares = below / n
    np.add.at(shares, table[:, 1], (1 - below) / n)
    return shares


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=200), st.sampled_from([0.75, 0, 1, -0.5, 2]))
def test_noise_table_gives_the_weights(counts, exponent):
    vocab = Vocab.from_counts({f"w{i}": c for i, c in enumerate(counts)})
    weights = vocab.counts.astype(np.float64) ** exponent
    np.testing.assert_allclose(drawn_shares(vocab.noise_table(exponent)), weights / weights.sum(), atol=1e-8)


@pytest.mark.skipif(len(BACKENDS) < 2, reason="nothing is compiled")
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50).filter(lambda w: max(w) > 1e-3))
def test_alias_table_like_the_twin(weights):
    tables = [np.empty((len(weights), 2), np.uint32) for _ in BACKENDS]
    for name, table in zip(BACKENDS, tables, strict=True):
        load(name, "vocab").alias_table(np.array(weights), table)
    np.testing.assert_array_equal(*tables)
    assert (drawn_shares(tables[0])[np.array(weights) == 0] <= 1e-12).all()


def test_alias_table_refuses_a_wrong_shape(backend):
    with pytest.raises(ValueError, match="table"):
        _backend.vocab.alias_table(np.ones(3), np.empty((2, 2), np.uint32))


def chi_square(observed, shares):
    expected = shares * observed.sum()
    return ((observed - expected) ** 2 / expected).sum()


def test_drawing_noise_follows_the_weights(backend):
    """Chi-square of a million real draws: below the 99.99 % point for 199 degrees of freedom, 281."""
    rng = np.random.default_rng(7)
    vocab = Vocab.from_counts({f"w{i}": int(1e6 / (i + 1)) for i in range(200)})
    table, n = vocab.noise_table(), len(vocab)
    bits = rng.integers(0, 2**64, 1_000_000, np.uint64)
    column = ((bits >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)
    drawn = np.where((bits & np.uint64(0xFFFFFFFF)) < table[column, 0], column, table[column, 1])
    weights = vocab.counts**0.75
    assert chi_square(np.bincount(drawn.astype(np.int64), minlength=n), weights / weights.sum()) < 281
    # The test has teeth: a slightly other exponent fails it.
    weights = vocab.counts**0.77
    assert chi_square(np.bincount(drawn.astype(np.int64), minlength=n), weights / weights.sum()) > 281


@pytest.mark.parametrize("counts", [{"</s>": 1000, "a": 5, "b": 1}, {"</s>": 1, "a": 5, "b": 1000}], ids=str)
def test_sentence_end_is_never_noise(backend, counts):
    vocab = Vocab.from_counts(counts)
    table = vocab.noise_table()
    end = vocab.find("</s>")
    assert table[end, 0] == 0
    assert not (np.delete(table, end, 0)[:, 1] == end).any()
    assert table[end, 1] != end


def test_sentence_end_alone_is_noise(backend):
    assert Vocab.from_counts({"</s>": 3}).noise_table().tolist() == [[0xFFFFFFFF, 0]]


@pytest.mark.parametrize("exponent", [float("nan"), float("inf")])
def test_noise_table_refuses(exponent):
    with pytest.raises(ValueError, match="ns_exponent"):
        Vocab.from_counts({"a": 1}).noise_table(exponent)


def test_ranked_orders_ties_by_place(backend):
    table = WordTable.from_words(["d", "a", "c", "b"])
    counts, places = np.array([1, 1, 2, 1]), np.array([30, 20, 40, 10])
    text, offsets, counts = _backend.vocab.ranked(table.text, table.offsets, counts, places)
    assert (
        text.tobytes() == b"cbad" and offsets.tolist() == [0, 1, 2, 3, 4] and counts.tolist() == [2, 1, 1, 1]
    )
    with pytest.raises(ValueError, match="places are not of the size of the 4 words"):
        _backend.vocab.ranked(table.text, table.offsets, counts, places[:1])


def test_ranked_orders_ties_by_bytes(backend):
    words = sorted({b"abcdefgh" * k + s for k in range(3) for s in (b"", b"\0", b"a", b"\xc3\xa9", b"zz")})
    table = WordTable.from_words(words[::-1])
    new_text, offsets, counts = _backend.vocab.ranked(
        table.text, table.offsets, np.ones(len(words), np.int64)
    )
    assert [new_text[a:b].tobytes() for a, b in pairwise(offsets.tolist())] == words
    assert counts.tolist() == [1] * len(words)
