"""What gensim saves, fastvec opens: the same words, vectors and counts; and training goes on.

Files of gensim's older versions are made here as pickles of stand-ins, with the attributes of those versions.
"""

import logging
import pickle
import sys
import types

import numpy as np
import planted
import pytest

from fastvec import FastText, FrozenPhrases, KeyedVectors, Phrases, Word2Vec, gensimfile
from fastvec.errors import FormatError, NoModelError
from fastvec.formats import gensim as files
from fastvec.phrase_scores import npmi_scorer, original_scorer
from fastvec.vocab import Vocab

SENTENCES = planted.clusters(4, 5, sentences=120, length=8)
WORDS = ["the", "größer", "日本", "e"]
COUNTS = [9, 7, 7, 1]
VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)


def gensim_models():
    return pytest.importorskip(
        "gensim.models", reason="gensim comes with the extra: pip install '.[conformance]'"
    )


def trained(name="Word2Vec", **options):
    """Return a model that gensim has trained."""
    small = {"vector_size": 12, "min_count": 1, "epochs": 2, "workers": 1, "seed": 3}
    if name == "FastText":
        small["bucket"] = 500
    return getattr(gensim_models(), name)(SENTENCES, **{**small, **options})


def save(model, path, apart):
    """Save as gensim does; with `apart`, all arrays go into files beside."""
    if apart:
        model.save(str(path), sep_limit=0)
        assert len(list(path.parent.glob(f"{path.name}.*.npy"))) > 0
    else:
        model.save(str(path))


# ---- Files of the gensim that is installed


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("mmap", ["r", None])
def test_keyed_vectors(tmp_path, apart, mmap):
    theirs = trained().wv
    save(theirs, tmp_path / "kv", apart)
    mine = KeyedVectors.load(tmp_path / "kv", mmap=mmap)
    assert list(mine.index_to_key) == theirs.index_to_key
    assert np.array_equal(mine.vectors, theirs.vectors) and mine.vectors.flags.writeable == (mmap is None)
    assert [mine.get_vecattr(w, "count") for w in mine.words] == [
        theirs.get_vecattr(w, "count") for w in mine.words
    ]
    word = theirs.index_to_key[0]
    assert [w for w, _ in mine.most_similar(word)] == [w for w, _ in theirs.most_similar(word)]


@pytest.mark.parametrize("apart", [False, True])
def test_word2vec(tmp_path, apart):
    theirs = trained(sg=1, window=3, negative=7, alpha=0.03, ns_exponent=0.5, comment="a note", min_count=2)
    save(theirs, tmp_path / "m", apart)
    mine = Word2Vec.load(tmp_path / "m", workers=1)
    assert list(mine.wv.words) == theirs.wv.index_to_key
    assert np.array_equal(mine.wv.vectors, theirs.wv.vectors) and np.array_equal(mine.syn1neg, theirs.syn1neg)
    for name in (
        "sg",
        "window",
        "negative",
        "alpha",
        "ns_exponent",
        "comment",
        "min_count",
        "epochs",
        "seed",
        "hs",
    ):
        assert getattr(mine, name) == getattr(theirs, name), name
    assert (mine.corpus_count, mine.corpus_total_words) == (theirs.corpus_count, theirs.corpus_total_words)
    assert (mine.train_count, mine.trained_epochs) == (1, 2)
    before = mine.wv.vectors.copy()
    mine.build_vocab([["a", "new", "word"]] * 5, update=True)
    mine.train(SENTENCES, total_examples=mine.corpus_count, epochs=5)
    assert "new" in mine.wv and not np.allclose(
        mine.wv["c0w0"] if "c0w0" in mine.wv else mine.wv[0], before[0]
    )
    mine.save(tmp_path / "own.fvec")
    assert np.array_equal(Word2Vec.load(tmp_path / "own.fvec").wv.vectors, mine.wv.vectors)
    assert len(KeyedVectors.load(tmp_path / "m")) == len(theirs.wv), "as from a model of fastvec's own"


def test_words_are_put_in_the_order_of_their_counts(tmp_path):
    theirs = trained(hs=1)
    theirs.build_vocab([["late"] * 5000, ["later"] * 9000], update=True)
    theirs.train(SENTENCES, total_examples=len(SENTENCES), epochs=1)
    theirs.save(str(tmp_path / "m"))
    mine = Word2Vec.load(tmp_path / "m")
    assert (np.diff(mine.wv.counts) <= 0).all() and mine.wv.words[0] == "later"
    for row, word in enumerate(mine.wv.words):
        assert np.array_equal(mine.wv[word], theirs.wv[word])
        assert np.array_equal(mine.syn1neg[row], theirs.syn1neg[theirs.wv.key_to_index[word]])


def zipf(n=40):
    """Sentences whose words all have different counts, so that there is one Huffman tree."""
    rng = np.random.default_rng(5)
    tokens = rng.permutation(
        np.repeat(np.arange(n), 3 * (2 ** np.arange(n).clip(max=9)) + np.arange(n) ** 2 + np.arange(n))
    )
    return [[f"w{i}" for i in part] for part in np.array_split(tokens, len(tokens) // 9)]


def test_inner_nodes_follow_the_tree(tmp_path):
    """The probability of each word under hierarchical softmax tells whether each node found its place."""
    theirs = gensim_models().Word2Vec(zipf(12), sg=1, hs=1, vector_size=8, min_count=1, epochs=5, workers=1)
    theirs.save(str(tmp_path / "m"))
    mine = Word2Vec.load(tmp_path / "m")
    inputs = np.random.default_rng(1).normal(size=(5, 8))
    for word in theirs.wv.index_to_key:
        chances = []
        for model in (mine, theirs):
            code, point = (model.wv.get_vecattr(word, name) for name in ("code", "point"))
            signs = 1 - 2 * np.asarray(code, np.float64)
            chances.append(-np.log1p(np.exp(-signs * (inputs @ model.syn1[point].T))).sum(1))
        assert np.allclose(*chances, rtol=1e-6) and np.ptp(chances[0]) > 0


def test_another_tree_begins_anew(tmp_path, caplog):
    """Of equal counts there are many trees; gensim's is fastvec's only by chance."""
    held = files.Held(
        files.Vectors(
            files.WordTable.from_words(WORDS), VECTORS, np.array([4, 4, 4, 4]), {}, {"node_vectors": VECTORS}
        ),
        files.Paths(np.array([0, 1, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2]), np.array([1, 2, 3, 0])),
    )
    with caplog.at_level(logging.WARNING), pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "read", lambda path, compose: held)
        found = gensimfile.read("m")
    assert not found.extra["node_vectors"].any() and "begin anew" in caplog.text


def test_inverted_bits_change_the_sign():
    tree = Vocab(files.WordTable.from_words("abcd"), np.array([8, 4, 2, 1]), 0, 0).huffman("counts")
    codes, points, lengths = tree.path & 1, tree.path >> 1, np.diff(tree.offsets)
    renamed = np.array([2, 0, 1])[points]
    rows = gensimfile.nodes_of(VECTORS, files.Paths(1 - codes, renamed, lengths), tree)
    assert np.array_equal(rows[:3], -VECTORS[[2, 0, 1]]) and not rows[3].any()
    assert gensimfile.nodes_of(VECTORS, files.Paths(codes, points * 0, lengths), tree) is None
    assert gensimfile.nodes_of(VECTORS, files.Paths(codes, points + 9, lengths), tree) is None
    one = codes.copy()
    one[-1] ^= 1
    assert gensimfile.nodes_of(VECTORS, files.Paths(one, points, lengths), tree) is None


@pytest.mark.parametrize("apart", [False, True])
def test_fasttext(tmp_path, apart):
    theirs = trained("FastText", min_n=2, max_n=4)
    save(theirs, tmp_path / "m", apart)
    mine = FastText.load(tmp_path / "m")
    assert (mine.min_n, mine.max_n, mine.bucket) == (2, 4, 500)
    assert np.array_equal(mine.wv.vectors_ngrams, theirs.wv.vectors_ngrams)
    assert np.array_equal(mine.wv.vectors, theirs.wv.vectors)
    assert np.allclose(mine.wv["unheard-of"], theirs.wv["unheard-of"], atol=1e-6)
    before = mine.wv.vectors.copy()
    mine.train(SENTENCES, total_examples=mine.corpus_count, epochs=2)
    assert not np.allclose(mine.wv.vectors, before)
    save(theirs.wv, tmp_path / "kv", apart)
    vectors = KeyedVectors.load(tmp_path / "kv")
    assert np.allclose(vectors["unheard-of"], theirs.wv["unheard-of"], atol=1e-6)
    assert isinstance(Word2Vec.load(tmp_path / "m"), FastText)


def test_word2vec_is_no_fasttext(tmp_path):
    trained().save(str(tmp_path / "m"))
    with pytest.raises(NoModelError, match=r"Word2Vec\.load"):
        FastText.load(tmp_path / "m")


@pytest.mark.parametrize("scoring, scorer", [("default", original_scorer), ("npmi", npmi_scorer)])
def test_phrases(tmp_path, scoring, scorer):
    gensim_models()
    from gensim.models import phrases as theirs

    text = [
        ["the", "bank", "of", "america", "in", "new", "york"],
        ["new", "york", "bank", "of", "america", "a_b"],
    ] * 9
    options = {
        "min_count": 1,
        "threshold": 0.1,
        "scoring": scoring,
        "connector_words": frozenset(["of", "in"]),
    }
    model = theirs.Phrases(text, **options)
    model.save(str(tmp_path / "p"))
    mine = Phrases.load(tmp_path / "p")
    assert dict(mine.vocab) == dict(model.vocab) and mine.scoring is scorer
    assert (mine.connector_words, mine.corpus_word_count) == (model.connector_words, model.corpus_word_count)
    assert mine.export_phrases() == pytest.approx(model.export_phrases())
    assert [mine[s] for s in text] == [model[s] for s in text] and "bank_of_america" in mine[text[1]]
    mine.add_vocab(text)
    model.add_vocab(text)
    assert dict(mine.vocab) == dict(model.vocab) and mine.export_phrases() == pytest.approx(
        model.export_phrases()
    )
    frozen = theirs.FrozenPhrases(model)
    frozen.save(str(tmp_path / "f"))
    loaded = FrozenPhrases.load(tmp_path / "f")
    assert loaded.phrasegrams == frozen.phrasegrams and isinstance(loaded, FrozenPhrases)
    mine.save(tmp_path / "own")
    assert dict(Phrases.load(tmp_path / "own").vocab) == dict(model.vocab)


def their_scorer(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
    """A scorer of the user's own."""
    return 7.0


def test_a_scorer_of_the_users_own(tmp_path, monkeypatch):
    gensim_models()
    from gensim.models import phrases as theirs

    model = theirs.Phrases([["new", "york"]] * 9, min_count=1, threshold=1, scoring=their_scorer)
    model.save(str(tmp_path / "p"))
    assert Phrases.load(tmp_path / "p").scoring is their_scorer
    monkeypatch.delitem(sys.modules, __name__)
    with pytest.raises(ValueError, match=r"its scorer is test_formats_gensim:their_scorer: import"):
        Phrases.load(tmp_path / "p")
    assert Phrases.load(tmp_path / "p", scoring=npmi_scorer).scoring is npmi_scorer


# ---- Older versions, by stand-ins


def stand_in(module, name, **attributes):
    """Return an object that is pickled as one of a class of gensim's."""
    made = type(name, (), {"__module__": module})
    thing = made()
    vars(thing).update({"__numpys": [], "__recursive_saveloads": [], **attributes})
    return thing


@pytest.fixture
def dump(tmp_path, monkeypatch):
    """Pickle stand-ins to a file, though no such modules can be imported."""

    class Modules(dict):
        def __missing__(self, name):
            raise KeyError(name)

    def write(thing, protocol=2):
        classes = []

        def find(thing):
            if type(thing).__module__.startswith("gensim."):
                classes.append(type(thing))
                for value in vars(thing).values():
                    find(value)
            elif isinstance(thing, dict):
                for value in thing.values():
                    find(value)

        find(thing)
        with monkeypatch.context() as patch:
            for kind in classes:
                module = sys.modules.get(kind.__module__)
                if not isinstance(module, types.SimpleNamespace):
                    module = types.SimpleNamespace()
                    patch.setitem(sys.modules, kind.__module__, module)
                setattr(module, kind.__name__, kind)
            data = pickle.dumps(thing, protocol)
        path = tmp_path / "old"
        path.write_bytes(data)
        return path

    return write


def vocab_of(counts=COUNTS, words=WORDS, one=None):
    """Return the `vocab` of versions before 4.0: one object a word, and all of one class."""
    kind = type("Vocab", (), {"__module__": "gensim.models.word2vec"})
    found = {}
    for i, (word, count) in enumerate(zip(words, counts, strict=True)):
        entry = found[word] = kind()
        vars(entry).update(count=count, index=i, sample_int=1)
    return found


def old_model(**changes):
    """Return a model as version 0.12 had it."""
    return {
        "index2word": WORDS, "vocab": vocab_of(), "syn0": VECTORS, "syn1neg": VECTORS + 1, "window": 4, "sg": 1,
        "hs": 0, "negative": 5, "iter": 3, "min_count": 1, "corpus_count": 2, "seed": 1, "layer1_size": 3, **changes,
    }  # fmt: skip


def check_old(model):
    assert list(model.wv.words) == WORDS and model.wv.counts.tolist() == COUNTS
    assert np.array_equal(model.wv.vectors, VECTORS) and np.array_equal(model.syn1neg, VECTORS + 1)
    assert (model.window, model.sg, model.epochs, model.alpha) == (4, 1, 3, 0.025)
    assert model.corpus_total_words is None and model.corpus_count == 2
    model.train([WORDS] * 3, total_examples=3, epochs=1)


@pytest.mark.parametrize("protocol", range(6))
def test_version_0(dump, tmp_path, protocol):
    path = dump(stand_in("gensim.models.word2vec", "Word2Vec", **old_model()), protocol)
    model = Word2Vec.load(path)
    model.save(tmp_path / "own")
    assert Word2Vec.load(tmp_path / "own").corpus_total_words is None
    check_old(model)


def test_version_0_in_several_files(dump, tmp_path):
    whole = old_model(__numpys=["syn0", "syn1neg"])
    for name in whole["__numpys"]:
        np.save(tmp_path / f"old.{name}.npy", whole.pop(name))
    path = dump(stand_in("gensim.models.word2vec", "Word2Vec", **whole))
    check_old(Word2Vec.load(path))
    (tmp_path / "old.syn0.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"old\.syn0\.npy is missing"):
        Word2Vec.load(path)


def test_version_3(dump, tmp_path):
    whole = old_model()
    wv = stand_in(
        "gensim.models.keyedvectors",
        "Word2VecKeyedVectors",
        vectors=whole.pop("syn0"),
        index2word=WORDS,
        vocab=vocab_of(),
    )
    trainables = stand_in(
        "gensim.models.word2vec", "Word2VecTrainables", __numpys=["syn1neg"], seed=whole.pop("seed")
    )
    np.save(tmp_path / "old.trainables.syn1neg.npy", whole.pop("syn1neg"))
    vocabulary = stand_in("gensim.models.word2vec", "Word2VecVocab", min_count=2, sample=0.5)
    del whole["index2word"], whole["vocab"], whole["min_count"]
    whole |= {"wv": wv, "trainables": trainables, "vocabulary": vocabulary}
    model = Word2Vec.load(dump(stand_in("gensim.models.word2vec", "Word2Vec", **whole)))
    assert (model.min_count, model.sample) == (2, 0.5)
    check_old(model)


def test_fasttext_of_version_3_8(dump):
    """It keeps the rows of those n-grams alone that occurred."""
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    parts = {
        "vectors": VECTORS, "vectors_vocab": VECTORS, "vectors_ngrams": rows, "index2word": WORDS, "vocab": vocab_of(),
        "min_n": 3, "max_n": 6, "bucket": 9, "hash2index": {7: 0, 2: 1}, "compatible_hash": True,
    }  # fmt: skip

    def make(**changes):
        return stand_in("gensim.models.keyedvectors", "FastTextKeyedVectors", **{**parts, **changes})

    found = KeyedVectors.load(dump(make()))
    assert (
        np.array_equal(found.vectors_ngrams[[7, 2]], rows)
        and not found.vectors_ngrams[[0, 1, 3, 4, 5, 6, 8]].any()
    )
    for changes, reason in (
        ({"compatible_hash": False}, "hashed unlike"),
        ({"bucket": 1 << 30}, "more than"),
        ({"hash2index": {9: 0}}, "places of the n-grams"),
        ({"hash2index": {1: 2}}, "beyond the 2 rows"),
        ({"hash2index": {1: "x"}}, "places of the n-grams"),
        ({"min_n": "x"}, "parameters of the n-grams"),
        ({"vectors_ngrams": rows[:, :2]}, "beside vectors"),
    ):
        with pytest.raises(FormatError, match=reason):
            KeyedVectors.load(dump(make(**changes)))


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"index2word": WORDS[:3]}, "for 3 words"),
        ({"index2word": "word"}, "no list of words"),
        ({"index2word": [1, 2, 3, 4]}, "no words"),
        ({"index2word": ["a", "b", "a", "c"]}, "stands earlier"),
        ({"index2word": ["a", "b", "\udc80", "c"]}, "damaged"),
        ({"syn0": None}, "no vectors"),
        ({"syn0": VECTORS.astype(np.int32)}, "vectors of int32"),
        ({"syn0": VECTORS[0]}, "dimensions"),
        ({"syn1neg": VECTORS[:2]}, "syn1neg of float32"),
        ({"window": "wide"}, "window is no number"),
        ({"window": -1}, "window=-1"),
        ({"negative": 1 << 70}, "negative is no number"),
        ({"iter": float("nan")}, "epochs is no number"),
        ({"min_alpha": float("inf")}, "min_alpha is no number"),
        ({"vocab": None, "expandos": {"count": np.array([-1, 2, 3, 4])}}, "counts below 0"),
        ({"vocab": None, "expandos": {"count": np.full(4, 1 << 62)}}, "counts below 0"),
        ({"vocab": None, "expandos": {"count": VECTORS[0]}}, "counts of float32"),
        ({"index2word": [], "vocab": {}, "syn0": VECTORS[:0], "syn1neg": VECTORS[:0]}, "no words, or"),
        ({"doctags": {}}, "documents"),
    ],
)
def test_damaged_models(dump, changes, reason):
    path = dump(stand_in("gensim.models.word2vec", "Word2Vec", **old_model(**changes)))
    with pytest.raises(FormatError, match=reason) as error:
        Word2Vec.load(path)
    assert "old: " in str(error.value)


def test_vectors_alone_are_no_model(dump):
    path = dump(stand_in("gensim.models.word2vec", "Word2Vec", **old_model(syn1neg=None)))
    with pytest.raises(NoModelError, match=r"KeyedVectors\.load"):
        Word2Vec.load(path)
    assert len(KeyedVectors.load(path)) == 4


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"text", pickle.dumps([1]), None])
def test_damaged_files_beside(dump, tmp_path, data):
    whole = old_model(__numpys=["syn0"])
    path = dump(stand_in("gensim.models.word2vec", "Word2Vec", **{**whole, "syn0": None}))
    beside = tmp_path / "old.syn0.npy"
    np.save(beside, VECTORS)
    beside.write_bytes(beside.read_bytes()[:-5] if data is None else data)
    with pytest.raises(FormatError, match=r"old\.syn0\.npy: no \.npy file"):
        Word2Vec.load(path)


def test_only_names_that_are_known_are_opened(dump, tmp_path):
    """A file must not choose what else is read."""
    whole = old_model(__numpys=["../../etc/passwd", "syn0_lockf", 7])
    check_old(Word2Vec.load(dump(stand_in("gensim.models.word2vec", "Word2Vec", **whole))))


def test_phrases_of_version_3(dump, caplog):
    counts = {
        b"new": 9,
        b"york": 9,
        b"new_york": 9,
        "größer".encode(): 3,
        b"bank": 5,
        b"america": 5,
        b"bank_of_america": 5,
    }
    parts = {
        "vocab": counts,
        "threshold": 0.5,
        "min_count": 1,
        "delimiter": b"_",
        "common_terms": frozenset([b"of"]),
    }

    def make(**changes):
        return stand_in("gensim.models.phrases", "Phrases", **{**parts, **changes})

    found = Phrases.load(dump(make()))
    assert (
        dict(found.vocab) == {key.decode(): n for key, n in counts.items()}
        and found.scoring is original_scorer
    )
    assert found[["in", "new", "york", "bank", "of", "america"]] == ["in", "new_york", "bank_of_america"]
    frozen = {"phrasegrams": {(b"new", b"york"): (9, 7.5)}, "threshold": 1, "delimiter": b"_"}
    loaded = FrozenPhrases.load(dump(stand_in("gensim.models.phrases", "Phraser", **frozen)))
    assert loaded.phrasegrams == {"new_york": 7.5}
    for changes, reason in (
        ({"vocab": [1]}, "no phrases"),
        ({"threshold": "x"}, "threshold is no number"),
        ({"threshold": float("nan")}, "threshold is no number"),
        ({"vocab": {b"a": 1.5}}, "counts"),
        ({"vocab": {1: 1}}, "no text"),
        ({"common_terms": 7}, "connector words"),
        ({"delimiter": 7}, "no text"),
    ):
        with pytest.raises(FormatError, match=reason):
            Phrases.load(dump(make(**changes)))
    with pytest.raises(ValueError, match="its scorer is"):
        Phrases.load(dump(make(scoring="nonesuch")))
