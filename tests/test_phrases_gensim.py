"""Phrases against those of gensim."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_phrases import CONNECTORS, TRAIN, constant_scorer, naive, small

from fastvec.phrases import (
    Phrases,
)


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("gensim.models.phrases")


@pytest.mark.parametrize("scoring", ["default", "npmi", constant_scorer])
@pytest.mark.parametrize("delimiter", ["_", "__", "·"])
@settings(max_examples=25)
@given(
    sentences=small,
    min_count=st.sampled_from([1, 2, 2.5]),
    threshold=st.sampled_from([1e-9, 0.1, 0.5, 1.0]),
    connectors=st.sampled_from([frozenset(), CONNECTORS, frozenset({"a", "of_the"})]),
)
@example(
    sentences=[["a_b", "c"], ["a", "b", "of", "c"], ["a_b", "of", "c"]] * 3,
    min_count=1,
    threshold=0.1,
    connectors=CONNECTORS,
)
def test_gensim_agrees(theirs, scoring, delimiter, sentences, min_count, threshold, connectors):
    options = {
        "min_count": min_count,
        "threshold": threshold,
        "scoring": scoring,
        "delimiter": delimiter,
        "connector_words": connectors,
    }
    mine, other = Phrases(sentences, **options), theirs.Phrases(sentences, **options)
    assert dict(mine.vocab) == other.vocab
    assert mine.export_phrases() == other.export_phrases()
    assert mine.find_phrases(sentences) == other.find_phrases(sentences)
    assert list(mine[sentences]) == list(other[sentences])
    assert list(mine.freeze()[sentences]) == list(other.freeze()[sentences])
    second = Phrases(mine[sentences], **options), theirs.Phrases(other[sentences], **options)
    assert second[0].export_phrases() == second[1].export_phrases()
    assert list(second[0][mine[sentences]]) == list(second[1][other[sentences]])


@settings(max_examples=25)
@given(
    sentences=st.lists(st.lists(st.sampled_from("abcdef"), max_size=8), max_size=20),
    limit=st.integers(1, 12),
    connectors=st.sampled_from([frozenset(), frozenset("a"), frozenset("ab")]),
)
def test_gensim_prunes_alike(theirs, sentences, limit, connectors):
    mine, other = (
        cls(sentences, max_vocab_size=limit, connector_words=connectors) for cls in (Phrases, theirs.Phrases)
    )
    assert dict(mine.vocab) == other.vocab
    mine.add_vocab(sentences[::-1])
    other.add_vocab(sentences[::-1])
    assert dict(mine.vocab) == other.vocab and mine.min_reduce == other.min_reduce


def test_gensim_drops_empty_words_too(theirs):
    sentences = [["a", "", "b"], ["", "a"], ["a", "", "of", "b"]] * 3
    mine, other = (
        cls(sentences, min_count=1, threshold=0.1, connector_words={"of"})
        for cls in (Phrases, theirs.Phrases)
    )
    assert dict(mine.vocab) == other.vocab
    assert list(mine[sentences]) == list(other[sentences])
    assert mine.export_phrases() == other.export_phrases()


def test_texts_are_pairs_of_words_too():
    """What the naive counts rest on: neighbours, where no word is a connector."""
    counts = naive(TRAIN)
    pairs = Counter("_".join(pair) for sentence in TRAIN for pair in pairwise(sentence))
    assert all(counts[pair] == n for pair, n in pairs.items())
