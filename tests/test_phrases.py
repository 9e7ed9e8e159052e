"""Phrases: counts, scores and joined sentences against a plain Counter, against the twin, and against gensim."""

import gzip
import logging
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fastvec
from fastvec import _backend, phrase_counts, text
from fastvec.corpus import EncodedCorpus
from fastvec.errors import CorpusError, FormatError
from fastvec.phrase_splits import all_splits, has_border
from fastvec.phrases import (
    ENGLISH_CONNECTOR_WORDS,
    FrozenPhrases,
    Phraser,
    Phrases,
    npmi_scorer,
    original_scorer,
)
from fastvec.store import open_tensors, save_tensors
from fastvec.vocab import Vocab

BACKENDS = list(dict.fromkeys([_backend.available()[0], _backend.available()[-1]]))
CONNECTORS = frozenset({"of", "the"})
WORDS = ["a", "b", "c", "of", "the", "a_b", "b_c", "_", "__", "a_", "été", "한국어", "x" * 40, "of_the", "_a"]
sentences_of = st.lists(st.lists(st.sampled_from(WORDS), max_size=12), max_size=12)
small = st.lists(st.lists(st.sampled_from(WORDS[:8]), max_size=10), min_size=1, max_size=30)
TRAIN = ["new york is a city", "a city in new york", "new york", "the state of new york"] * 4
TRAIN = [line.split() for line in TRAIN] + [["lack", "of", "the", "interest"]] * 7 + [["interest"], ["lack"]]


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    for module in _backend.MODULES:
        monkeypatch.setattr(_backend, module, _backend.load(request.param, module), raising=False)
    return request.param


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in TRAIN))
    return path


def constant_scorer(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
    """A scorer that can be found by its name."""
    return bigram_count / (worda_count + wordb_count)


def naive(sentences, connectors=frozenset(), delimiter="_"):
    """The counts, with a Counter of strings."""
    counts = Counter()
    for sentence in sentences:
        begun = []
        for word in sentence:
            if word in connectors:
                begun += [word] if begun else []
                continue
            counts[word] += 1
            if begun:
                counts[delimiter.join([*begun, word])] += 1
            begun = [word]
    return dict(counts)


def as_text(sentences):
    return "".join(" ".join(sentence) + "\n" for sentence in sentences).encode()


# ---- Counts


@pytest.mark.parametrize("connectors", [frozenset(), CONNECTORS])
@pytest.mark.parametrize("delimiter", ["_", "__", "", "ab", "·"])
@pytest.mark.parametrize("name", BACKENDS)
@settings(max_examples=25)
@given(sentences=sentences_of)
@example(sentences=[["a_b", "a", "b", "a"], ["a", "of", "the", "b"], ["of", "a", "of"]])
def test_counts(name, connectors, delimiter, sentences):
    with pytest.MonkeyPatch.context() as patch:
        for module in _backend.MODULES:
            patch.setattr(_backend, module, _backend.load(name, module), raising=False)
        model = Phrases(sentences, delimiter=delimiter, connector_words=connectors)
        expected = naive(sentences, connectors, delimiter)
        assert dict(model.vocab) == expected and len(model.vocab) == len(expected)
        assert model.corpus_word_count == sum(map(len, sentences))
        assert all(model.vocab[word] == count for word, count in expected.items())


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("block", [5, 16, 1 << 20])
@pytest.mark.parametrize("end", [b"\n", b" ", b"\n\n", b"\r\n", b" \n "])
def test_files_however_they_are_cut(backend, tmp_path, monkeypatch, workers, block, end):
    """Lines longer than a block cross it, connectors at the cut included."""
    monkeypatch.setattr(text, "BLOCK_BYTES", block)
    path = tmp_path / "corpus.txt"
    path.write_bytes(end.join(b" ".join(word.encode() for word in sentence) for sentence in TRAIN))
    lines = [line.split() for line in path.read_text().split("\n")]
    for connectors in (frozenset(), CONNECTORS, {"new", "york", "lack"}):
        model = Phrases(path, connector_words=connectors, workers=workers)
        assert dict(model.vocab) == naive(lines, connectors)
        assert model.corpus_word_count == sum(map(len, lines))
        assert dict(Phrases(fastvec.LineSentence(path), connector_words=connectors).vocab) == dict(
            model.vocab
        )


def test_several_threads_merge_what_one_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr(phrase_counts, "_FEW", 0)
    rng = np.random.default_rng(1)
    sentences = [[f"w{i}" for i in rng.zipf(1.3, 30) % 500] for _ in range(400)]
    path = tmp_path / "corpus.txt"
    path.write_bytes(as_text(sentences))
    connectors = {"w1", "w2"}
    expected = naive(sentences, connectors)
    for workers in (1, 2, 3, 7):
        model = Phrases(corpus_file=path, connector_words=connectors, min_count=1, workers=workers)
        assert dict(model.vocab) == expected
        assert list(model.vocab) == sorted(expected, key=lambda w: (-expected[w], w.encode()))


def test_directories_and_compressed_files(tmp_path, corpus):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.gz").write_bytes(gzip.compress(corpus.read_bytes().rstrip()))
    (tmp_path / "more" / "b.txt").write_bytes(corpus.read_bytes())
    both = Phrases(tmp_path / "more", workers=2)
    assert dict(both.vocab) == {word: 2 * count for word, count in naive(TRAIN).items()}


@settings(max_examples=25)
@given(first=small, second=small)
def test_more_text_adds_counts(first, second):
    model = Phrases(first, connector_words=CONNECTORS)
    model.add_vocab(second)
    assert dict(model.vocab) == naive(first + second, CONNECTORS)
    assert model.corpus_word_count == sum(map(len, first + second))


@pytest.mark.parametrize("span", [1, 3, 1 << 18])
@pytest.mark.parametrize("connectors", [frozenset(), CONNECTORS, frozenset({"of", "nowhere"})])
def test_encoded_corpora(monkeypatch, span, connectors):
    monkeypatch.setattr(phrase_counts, "_SPAN", span)
    vocab = Vocab.from_source(TRAIN, min_count=1)
    corpus = EncodedCorpus.from_source(TRAIN, vocab)
    model = Phrases(connector_words=connectors)
    model.add_encoded(corpus, vocab, workers=2)
    assert dict(model.vocab) == naive(TRAIN, connectors)
    assert model.corpus_word_count == sum(map(len, TRAIN))
    with pytest.raises(CorpusError, match="another vocabulary"):
        model.add_encoded(corpus, Vocab.from_counts({"a": 1}))


@pytest.mark.parametrize("sentences", [[], [[]], [[], []], iter(()), (iter(()) for _ in range(2))])
def test_nothing_to_count(backend, sentences):
    model = Phrases(sentences, connector_words=CONNECTORS)
    assert len(model.vocab) == 0 and dict(model.vocab) == {} and model.export_phrases() == {}
    assert model[["a", "b"]] == ["a", "b"] and model.freeze()[["a", "b"]] == ["a", "b"]


def test_an_empty_file_and_one_of_connectors(tmp_path):
    path = tmp_path / "empty.txt"
    for content in (b"", b"\n\n", b"of of of\nof"):
        path.write_bytes(content)
        model = Phrases(path, connector_words={"of"})
        assert len(model.vocab) == 0 and model.corpus_word_count == content.count(b"of")


def test_a_long_run_of_connectors():
    words = ["a", *["of"] * 5000, "b"]
    model = Phrases([words, words], connector_words={"of"}, min_count=1, threshold=0.1)
    assert model.vocab["_".join(words)] == 2
    assert model[words] == ["_".join(words)]


def test_the_mapping():
    vocab = Phrases(TRAIN).vocab
    assert vocab["new_york"] == 16 and vocab.get("york_new", 0) == 0 and "new" in vocab
    assert "\udc80" not in vocab and 7 not in vocab and "nonesuch" not in vocab
    with pytest.raises(KeyError, match="nonesuch"):
        vocab["nonesuch"]
    assert "words and phrases" in repr(vocab)


def test_errors_in_the_text(tmp_path):
    path = tmp_path / "bad.txt"
    path.write_bytes(b"good line\nb\xffd\n")
    with pytest.raises(CorpusError, match="line 2"):
        Phrases(path)
    assert "bd" in Phrases(path, errors="ignore").vocab
    with pytest.raises(CorpusError, match="str"):
        Phrases([["a", 1]])
    with pytest.raises(FileNotFoundError):
        Phrases(tmp_path / "nonesuch")


# ---- Pruning


def test_pruning_of_files_and_sentences_agrees(backend, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK_BYTES", 64)
    path = tmp_path / "corpus.txt"
    path.write_bytes(as_text(TRAIN))
    for limit in (5, 12, 30):
        for connectors in (frozenset(), CONNECTORS):
            options = {"max_vocab_size": limit, "connector_words": connectors}
            from_file, from_list = Phrases(path, workers=3, **options), Phrases(TRAIN, **options)
            assert dict(from_file.vocab) == dict(from_list.vocab) and len(from_file.vocab) <= limit + 20


def test_added_text_is_pruned():
    model = Phrases([["a", "b"]] * 3, max_vocab_size=4)
    model.add_vocab([["c", "d"]])
    assert len(model.vocab) == 6 and model.min_reduce == 2
    model.add_vocab([["e"]])
    assert dict(model.vocab) == {"a": 3, "b": 3, "a_b": 3}


# ---- Parameters


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"min_count": 0}, "min_count"),
        ({"threshold": 0}, "positive"),
        ({"threshold": 2, "scoring": "npmi"}, "between -1 and 1"),
        ({"scoring": "nonesuch"}, "nonesuch"),
        ({"scoring": lambda worda_count: 1}, "missing expected parameters"),
        ({"scoring": 3}, "3"),
    ],
)
def test_wrong_parameters(wrong, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        Phrases(TRAIN, **wrong)


def test_one_corpus_at_a_time(corpus):
    with pytest.raises(TypeError, match="not both"):
        Phrases(TRAIN, corpus_file=corpus)


def test_scorers():
    assert original_scorer(2, 3, 4, 100, 1, 0) == 3 / 6 * 100
    assert original_scorer(0, 3, 4, 100, 1, 0) == -np.inf
    assert npmi_scorer(4, 4, 4, 0, 1, 16) == pytest.approx(1)
    assert npmi_scorer(4, 4, 3, 0, 4, 16) == -np.inf == npmi_scorer(4, 4, 4, 0, 1, 4)


def test_names_and_logs(caplog):
    assert Phraser is FrozenPhrases and "of" in ENGLISH_CONNECTOR_WORDS
    with caplog.at_level(logging.INFO, "fastvec.phrases"):
        model = Phrases(TRAIN)
    assert str(model).startswith("Phrases<") and "min_count=5" in str(model)
    assert "PROGRESS" in caplog.text and "collecting all words" in caplog.text
    assert (
        str(model.freeze())
        == f"FrozenPhrases<{len(model.export_phrases())} phrases, min_count=5, threshold=10.0>"
    )


# ---- Joining


def test_joined_sentences(backend):
    model = Phrases(TRAIN, min_count=1, threshold=0.9, connector_words=CONNECTORS)
    for one in (model, model.freeze()):
        assert one[["the", "state", "of", "new", "york"]] == ["the", "state", "of", "new_york"]
        assert one[["lack", "of", "the", "interest"]] == ["lack_of_the_interest"]
        assert one[["lack", "of", "the"]] == ["lack", "of", "the"]
        assert one[[]] == [] and one[iter(["new", "york"])] == ["new_york"]
        assert one[["new", "york", "\udc80", "x"]] == ["new_york", "\udc80", "x"]
        assert set(one.find_phrases(TRAIN)) >= {"new_york", "lack_of_the_interest"}


def test_a_phrased_corpus_is_lazy_and_can_be_read_again():
    model = Phrases(TRAIN, min_count=1, threshold=2)
    corpus = model[TRAIN]
    assert len(corpus) == len(TRAIN) and corpus[0] == model[TRAIN[0]]
    assert list(corpus) == list(corpus) == [model[sentence] for sentence in TRAIN]
    generated = model[(iter(sentence) for sentence in TRAIN)]
    assert list(generated) == list(corpus)
    with pytest.raises(RuntimeError, match="slicing"):
        generated[0]
    assert list(Phrases(corpus, min_count=1, threshold=1)[corpus])


@pytest.mark.parametrize("scoring", ["default", "npmi", constant_scorer])
@pytest.mark.parametrize("delimiter", ["_", "__", " ", "·", ""])
@settings(max_examples=25)
@given(sentences=small)
@example(sentences=[["a_b", "c"], ["a", "b", "of", "c"], ["a_b", "of", "c"], ["a", "b"], ["_", "a", "b_c"]])
def test_the_joiner_finds_what_candidates_score(delimiter, scoring, sentences):
    threshold = 0.01
    model = Phrases(
        sentences,
        min_count=1,
        threshold=threshold,
        delimiter=delimiter,
        scoring=scoring,
        connector_words=CONNECTORS,
    )
    models = [model, model.freeze()] if delimiter else [model]
    for one in models:
        for sentence in sentences:
            expected = list(one.analyze_sentence(sentence))
            assert one[sentence] == [token for token, _ in expected]
        found = {t: s for sentence in sentences for t, s in one.analyze_sentence(sentence) if s is not None}
        assert one.find_phrases(sentences) == found


def test_a_subclass_may_score():
    class Mine(Phrases):
        def score_candidate(self, word_a, word_b, in_between):
            return ("<" + word_a + word_b + ">", 1.0) if word_a == "a" else (None, None)

    assert Mine(TRAIN)[["b", "a", "c"]] == ["b", "<ac>"]


def test_changed_thresholds_and_phrasegrams_count():
    model = Phrases(TRAIN, min_count=1, threshold=1.3)
    assert model[["new", "york"]] == ["new_york"]
    model.threshold = 1000
    assert model[["new", "york"]] == ["new", "york"] and model.export_phrases() == {}
    frozen = Phrases(TRAIN, min_count=1, threshold=2).freeze()
    frozen.phrasegrams = {"is_a": 5.0}
    assert frozen[["new", "york", "is", "a"]] == ["new", "york", "is_a"]


def test_phrases_without_a_delimiter_cannot_be_taken_apart():
    with pytest.raises(ValueError, match="empty separator"):
        Phrases(TRAIN, delimiter="").export_phrases()


def test_ways_to_split():
    assert (
        has_border("__")
        and has_border("aba")
        and has_border("")
        and not has_border("_")
        and not has_border("->")
    )
    assert sorted(all_splits("a_of_b_c", "_", {"of"}, str)) == [
        ("a", [], "of_b_c"),
        ("a", ["of"], "b_c"),
        ("a_of", [], "b_c"),
        ("a_of_b", [], "c"),
    ]


# ---- Files


@pytest.mark.parametrize("scoring", ["default", "npmi", constant_scorer])
def test_saved_models_come_back(backend, tmp_path, scoring):
    path = tmp_path / "phrases.fvec"
    model = Phrases(TRAIN, min_count=2, threshold=0.2, scoring=scoring, connector_words=CONNECTORS)
    model.save(path)
    back = Phrases.load(path)
    assert type(back) is Phrases and dict(back.vocab) == dict(model.vocab)
    assert back.scoring is model.scoring and back.connector_words == CONNECTORS
    assert back.export_phrases() == model.export_phrases() and str(back) == str(model)
    back.add_vocab(TRAIN)
    assert back.corpus_word_count == 2 * model.corpus_word_count
    model.freeze().save(path)
    for cls in (Phrases, FrozenPhrases):
        frozen = cls.load(path)
        assert type(frozen) is FrozenPhrases and frozen.phrasegrams == model.export_phrases()
        assert frozen[TRAIN[0]] == model.freeze()[TRAIN[0]]


def test_scorers_without_a_name_cannot_be_stored(tmp_path):
    def inner(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
        return 1.0

    model = Phrases(TRAIN, scoring=inner)
    with pytest.raises(ValueError, match="cannot be stored"):
        model.save(tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["nonesuch.module:scorer", "os:system", "fastvec.phrases:logger"])
def test_a_file_cannot_name_any_function_as_its_scorer(tmp_path, name):
    path = tmp_path / "p"
    Phrases(TRAIN).save(path)
    tensors = open_tensors(path, mmap=False)
    state = tensors.metadata["state"].replace('"scoring": "default"', f'"scoring": "{name}"')
    save_tensors(path, tensors, {**tensors.metadata, "state": state})
    with pytest.raises(ValueError, match="scor"):
        Phrases.load(path)
    if name.startswith("nonesuch"):
        assert Phrases.load(path, scoring=npmi_scorer).scoring is npmi_scorer


@pytest.mark.parametrize(
    "name, value",
    [
        ("left", 1 << 20),
        ("left", (1 << 32) - 2),
        ("right", 1 << 20),
        ("counts", 0),
        ("counts", -5),
        ("step_left", 1 << 20),
        ("step_left", (1 << 32) - 1),
        ("step_connector", -1),
        ("step_connector", 1 << 20),
        ("offsets", 1 << 40),
        ("words", 0xFF),
    ],
)
def test_damaged_files(backend, tmp_path, name, value):
    path = tmp_path / "p"
    Phrases(TRAIN, connector_words=CONNECTORS).save(path)
    tensors = open_tensors(path, mmap=False)
    arrays = {n: a.copy() for n, a in tensors.items()}
    arrays[name][-1] = value
    save_tensors(path, arrays, tensors.metadata)
    with pytest.raises(FormatError, match=re.escape(str(path))):
        Phrases.load(path)
    del arrays[name]
    save_tensors(path, arrays, tensors.metadata)
    with pytest.raises(FormatError):
        Phrases.load(path)


def test_other_files_are_not_phrases(tmp_path):
    path = tmp_path / "p"
    save_tensors(path, {"x": np.zeros(3)})
    with pytest.raises(FormatError, match="no file of phrases"):
        Phrases.load(path)


def test_phrases_of_phrases_over_a_generator_lose_no_sentence():
    sentences = [["new", "york", "city"], ["in", "new", "york"], ["the", "city"]] * 5
    first = Phrases(sentences, min_count=1, threshold=0.1)
    second = Phrases(first[sentences], min_count=1, threshold=0.1)
    once = second[first[iter(sentences)]]
    assert list(once) == list(second[first[sentences]]) and len(list(second[first[sentences]])) == 15
