"""Learning on: vocabularies that grow, rows that move with their words, trees for new counts."""

import numpy as np
import planted
import pytest

from fastvec import FastText, Vocab, Word2Vec, recount
from fastvec.errors import CorpusError, CorpusTypeError

OLD = planted.clusters(4, 5, sentences=300, length=8)
NEW = [[word.replace("a_", "z_").replace("b_", "y_") for word in sentence] for sentence in OLD[::-1]]
"""Sentences about clusters c and d, and about two clusters z and y that are new."""
OPTIONS = {"min_count": 1, "vector_size": 16, "epochs": 8, "sample": 0, "alpha": 0.05, "workers": 1}
MODELS = [
    {"sg": sg, **objective}
    for sg in (1, 0)
    for objective in ({}, {"hs": 1, "negative": 0}, {"hs": 1, "hs_tree": "counts"})
]


def train(model, sentences, **options):
    return model.train(sentences, total_examples=len(sentences), **{"epochs": model.epochs, **options})


@pytest.mark.parametrize("kind", MODELS, ids=str)
def test_old_knowledge_stays_and_new_words_are_learnt(kind):
    found = []
    for seed in (1, 2, 3):
        model = Word2Vec(OLD, **OPTIONS, **kind, seed=seed)
        before = {word: model.wv[word].copy() for word in model.wv.index_to_key}
        model.build_vocab(NEW, update=True)
        assert len(model.wv) == 30 and {"z_1", "y_1"} <= set(model.wv.index_to_key)
        assert all(np.array_equal(model.wv[word], vector) for word, vector in before.items())
        assert np.linalg.norm(model.wv["z_1"]) < 0.2 < np.linalg.norm(model.wv["a_1"])
        train(model, NEW)
        found.append(planted.purity(model.wv))
        assert model.trained_epochs == 16
    assert np.mean(found) > 0.85, "of a and b, which the new text does not speak of, too"


@pytest.mark.parametrize("kind", MODELS, ids=str)
def test_rows_move_with_their_words(kind):
    model = Word2Vec(OLD, **OPTIONS, **kind)
    words, wv = list(model.wv.index_to_key), model.wv
    output = model.syn1neg.copy() if model.negative else None
    nodes = model.syn1.copy() if model.hs else None
    model.build_vocab(NEW, update=True)
    places = [model.wv.get_index(word) for word in words]
    assert places != list(range(20)) and (np.diff(model.vocab.counts) <= 0).all()
    others = np.setdiff1d(np.arange(30), places)
    assert np.array_equal(model.wv.vectors[places], wv.vectors) and model.wv.vectors[others].any(axis=1).all()
    if output is not None:
        assert np.array_equal(model.syn1neg[places], output) and not model.syn1neg[others].any()
    if nodes is not None:
        assert nodes.any() and not model.syn1.any(), "a tree of other words has other nodes"
        assert len(model.wv.get_vecattr(words[0], "code")) == len(model.wv.get_vecattr(words[0], "point")) > 0
    assert model.wv.vectors.base is not None, "wv shares the rows that training changes"
    assert np.shares_memory(model.wv.vectors, model._weights.input)


def test_lock_factors_of_subwords_move_with_their_words():
    model = FastText(OLD, **OPTIONS, bucket=50)
    locked = {word: i / 32 for i, word in enumerate(model.wv.index_to_key)}
    model.wv.vectors_vocab_lockf = np.array(list(locked.values()), np.float32)
    model.wv.vectors_ngrams_lockf = np.arange(50, dtype=np.float32)
    model.build_vocab(NEW, update=True)
    assert model.wv.vectors_vocab_lockf.tolist() == [locked.get(word, 1) for word in model.wv.words]
    assert model.wv.vectors_ngrams_lockf.tolist() == list(range(50))


def test_the_same_tree_keeps_its_nodes(caplog):
    model = Word2Vec(OLD, **OPTIONS, hs=1, negative=0)
    nodes = model.syn1.copy()
    model.build_vocab(OLD, update=True)
    assert np.array_equal(model.syn1, nodes) and model.vocab.counts.sum() == 2 * 300 * 8
    assert "begins anew" not in caplog.text
    model.build_vocab(NEW, update=True)
    assert (
        not model.syn1.any()
        and "another Huffman tree: what its inner nodes had learned begins anew" in caplog.text
    )


def test_counts_that_add_up_to_too_much():
    model = Word2Vec(**OPTIONS, hs=1)
    model.build_vocab_from_freq({"a": 2**62 - 5, "b": 5})
    with pytest.raises(CorpusError, match="those of before included, add up to 46116860184273879"):
        model.build_vocab_from_freq({"a": 1}, update=True)
    assert model.vocab.counts.tolist() == [2**62 - 5, 5]


def test_counts_are_added_and_rare_new_words_left_out():
    model = Word2Vec([["a", "b"]] * 3, **{**OPTIONS, "min_count": 3})
    model.build_vocab([["a", "c", "c"], ["c", "d", "b"]], update=True)
    assert dict(zip(model.wv.index_to_key, model.vocab.counts.tolist(), strict=True)) == {
        "a": 4,
        "b": 4,
        "c": 3,
    }
    assert (model.corpus_count, model.corpus_total_words) == (2, 6)
    model.build_vocab([["d"] * 9], update=True, trim_rule=lambda word, count, least: 1)
    assert "d" not in model.wv
    model.build_vocab_from_freq({"d": 9, "a": 1}, update=True)
    assert list(model.wv.index_to_key)[:2] == ["d", "a"] and model.wv.get_vecattr("a", "count") == 5


def test_attributes_and_locks_move_with_their_words():
    model = Word2Vec(OLD, **OPTIONS)
    model.wv.set_vecattr("a_1", "topic", "first")
    model.wv.lock([model.wv.get_index("b_2")], 0)
    model.build_vocab(NEW, update=True)
    assert model.wv.get_vecattr("a_1", "topic") == "first" and not model.wv.get_vecattr("z_1", "topic")
    assert [word for word, f in zip(model.wv.index_to_key, model.wv.vectors_lockf, strict=True) if not f] == [
        "b_2"
    ]


def test_growing_repeats_its_bits_and_survives_a_file(tmp_path):
    first, second = (Word2Vec(OLD, **OPTIONS, hs=1) for _ in range(2))
    second.save(tmp_path / "model")
    second = Word2Vec.load(tmp_path / "model", workers=1)
    for model in (first, second):
        model.build_vocab(NEW, update=True)
        train(model, NEW)
    assert np.array_equal(first.wv.vectors, second.wv.vectors) and np.array_equal(first.syn1, second.syn1)


def test_an_update_without_words_changes_nothing():
    model = Word2Vec(OLD, **OPTIONS)
    vectors = model.wv.vectors.copy()
    model.build_vocab([], update=True)
    assert len(model.wv) == 20 and np.array_equal(model.wv.vectors, vectors)


def test_there_must_be_something_to_update():
    with pytest.raises(RuntimeError, match="no vocabulary to update"):
        Word2Vec().build_vocab(pytest.fail, update=True)
    with pytest.raises(RuntimeError, match="no vocabulary to update"):
        Word2Vec().build_vocab_from_freq({"a": 9}, update=True)
    with pytest.raises(CorpusTypeError):
        Word2Vec(OLD, **OPTIONS).build_vocab([None], update=True)


def test_parameters_set_later_get_their_rows():
    model = Word2Vec(OLD, **OPTIONS, hs=1, negative=0)
    model.negative = 5
    model.hs = 0
    train(model, OLD)
    assert model.syn1neg.any() and planted.purity(model.wv) > 0.9


def test_joined_vocabularies_are_as_counted_at_once(each_backend):
    rng = np.random.default_rng(3)
    for _ in range(20):
        texts = [
            rng.choice([f"w{i}é" for i in range(40)], size=rng.integers(1, 60)).tolist() for _ in range(2)
        ]
        old, more = (Vocab.from_source([text], min_count=1) for text in texts)
        found, places = recount.joined(old, more, np.ones(len(more), bool))
        whole = Vocab.from_source([texts[0], texts[1]], min_count=1)
        assert np.array_equal(found.counts, whole.counts)
        order = {word: i for i, word in enumerate(dict.fromkeys([*old.words, *more.words]))}
        assert list(found.words) == sorted(
            found.words, key=lambda w: (-whole.counts[whole.find(w)], order[w])
        )
        assert [found.words[i] for i in places] == list(old.words)


# ---- Vectors put in the place of the model's


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        (Word2Vec, "vectors", {}),
        (FastText, "vectors_vocab", {"bucket": 50}),
        (FastText, "vectors_vocab", {"bucket": 0}),
        (FastText, "vectors_ngrams", {"bucket": 50}),
    ],
)
def test_training_goes_on_from_rows_that_were_set(kind, name, options):
    model = kind(OLD, **{**OPTIONS, "epochs": 1}, **options)
    given = np.full(getattr(model.wv, name).shape, 0.25)
    setattr(model.wv, name, given)
    train(model, OLD, start_alpha=1e-6, end_alpha=1e-6)
    assert np.allclose(getattr(model.wv, name), 0.25, atol=0.01)
    train(model, OLD)
    assert not np.allclose(getattr(model.wv, name), 0.25, atol=0.01), (
        "they are the rows that training changes"
    )
    assert (given == 0.25).all()


def test_rows_that_no_training_reaches_are_refused():
    model = Word2Vec(OLD, **OPTIONS)
    model.wv.vectors = model.wv.vectors[:3]
    with pytest.raises(ValueError, match=r"wv\.vectors of \(3, 16\)"):
        train(model, OLD)
    model = Word2Vec(OLD, **OPTIONS)
    model.wv.vectors = np.full(model.wv.vectors.shape, np.nan)
    with pytest.raises(ValueError, match="holds nan"):
        train(model, OLD)
    model = Word2Vec(OLD, **OPTIONS)
    model.wv.add_vector("new", np.ones(16))
    with pytest.raises(ValueError, match="build_vocab"):
        train(model, OLD)
