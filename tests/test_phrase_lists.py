"""Joining lists of words: the same from every class and backend, when they are iterated over, and in copies."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastvec import FrozenPhrases, Phrases, _backend
from fastvec.phrase_joining import make_joiner

SENTENCES = [["new", "york", "is"], ["the", "new", "york"], ["bank", "of", "the", "west"]] * 5
CONNECTORS = frozenset({"of", "the"})
WORDS = ["new", "york", "bank", "of", "the", "west", "", "일", "new_york", "\ud800"]


@pytest.fixture
def model():
    return Phrases(SENTENCES, min_count=1, threshold=0.1, connector_words=CONNECTORS)


@given(st.lists(st.lists(st.sampled_from(WORDS))))
def test_lists_are_joined_as_one_candidate_after_the_other(sentences):
    model = Phrases(SENTENCES, min_count=1, threshold=0.1, connector_words=CONNECTORS)
    for one in (model, model.freeze()):
        expected = [[token for token, _ in one.analyze_sentence(s)] for s in sentences]
        assert list(one[iter(sentences)]) == (expected if sentences else [])
        assert [one[s] for s in sentences if s] == [e for e, s in zip(expected, sentences, strict=True) if s]


@pytest.mark.parametrize("backend", _backend.available())
@given(words=st.lists(st.sampled_from(WORDS[:-1])))
def test_joined_is_what_the_segments_say(backend, words):
    texts = ["new_york", "bank_of_the_west", "west_", "일_일"]
    joiner = _backend.load(backend, "joiner").Joiner
    joiner = _made(joiner, texts)
    stops, phrases = joiner.segments(words)
    expected = [words[s - 1] if p < 0 else texts[p] for s, p in zip(stops, phrases, strict=True)]
    assert joiner.joined(words, texts) == expected
    assert stops == sorted(set(stops))
    if words and all(words):
        assert stops[-1] == len(words)


def _made(joiner, texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_backend.joiner, "Joiner", joiner)
        return make_joiner(texts, "_", CONNECTORS)


def test_an_iteration_goes_by_the_phrases_at_its_beginning(model):
    frozen = model.freeze()
    joined = frozen[SENTENCES]
    frozen.phrasegrams = {}
    assert next(iter(joined)) == ["new", "york", "is"]
    frozen.phrasegrams = {"york_is": 5.0}
    assert next(iter(joined)) == ["new", "york_is"]


COPIED = pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
)


@COPIED
def test_frozen_phrases_are_copied_after_use(model, duplicate):
    frozen = model.freeze()
    joined = frozen[SENTENCES[0]]
    other = duplicate(frozen)
    assert type(other) is FrozenPhrases and other[SENTENCES[0]] == joined == ["new_york", "is"]


@COPIED
def test_phrases_are_copied_with_their_counts(duplicate):
    model = Phrases(
        [["bank", "of", "a", "city"]] * 9, min_count=1, threshold=0.1, connector_words={"of", "a"}
    )
    other = duplicate(model)
    assert dict(other.vocab) == dict(model.vocab) and "bank_of_a_city" in other.vocab
    assert "bank_of_a_city" in other.export_phrases() and other.export_phrases() == model.export_phrases()
    other.add_vocab([["a", "new", "word"]])
    assert "word" in other.vocab and "word" not in model.vocab
