"""Word2Vec: the same model from every kind of source, its files, its odd inputs."""

import bz2
import copy
import gzip
import json
import pickle
import signal
import sys
import warnings

import numpy as np
import planted
import pytest

import fastvec
from fastvec import KeyedVectors, LineSentence, Word2Vec, store
from fastvec import train as training
from fastvec.errors import CorpusError, FormatError, TrainingError
from fastvec.words import WordTable

SMALL = {"sg": 1, "min_count": 1, "vector_size": 16, "epochs": 6, "sample": 0, "alpha": 0.05}
ONE = {**SMALL, "workers": 1}
MODELS = [{"sg": sg, **objective} for sg in (1, 0) for objective in ({}, {"hs": 1, "negative": 0}, {"hs": 1})]
SENTENCES = planted.clusters(4, 5, sentences=150, length=8)
TEXT = "".join(" ".join(sentence) + "\n" for sentence in SENTENCES)


def same(first, second):
    matrices = [model._weights.matrices() for model in (first, second)]
    return list(first.wv.index_to_key) == list(second.wv.index_to_key) and all(
        np.array_equal(one, other) for one, other in zip(*matrices, strict=True)
    )


def train(model, sentences, **options):
    """Train as gensim wants it to be said."""
    return model.train(sentences, **{"total_examples": len(sentences), "epochs": model.epochs, **options})


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def model():
    return Word2Vec(SENTENCES, **ONE)


# ---- Sources


@pytest.mark.parametrize("kind", MODELS, ids=str)
def test_the_model_learns(each_backend, kind):
    assert planted.purity(Word2Vec(SENTENCES, **{**SMALL, **kind}).wv) > 0.9


def test_every_source_gives_the_same_bits(model, corpus, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    half = TEXT.index("\n", len(TEXT) // 2) + 1
    (folder / "a.gz").write_bytes(gzip.compress(TEXT[:half].encode()))
    (folder / "b.bz2").write_bytes(bz2.compress(TEXT[half:].encode()))
    sources = [
        {"sentences": (list(s) for s in SENTENCES)},
        {"sentences": [tuple(s) for s in SENTENCES]},
        {"sentences": LineSentence(corpus)},
        {"sentences": LineSentence(corpus, limit=10_000)},
        {"corpus_file": str(corpus)},
        {"corpus_file": folder},
    ]
    for source in sources:
        assert same(Word2Vec(**source, **ONE), model), source


def test_vocabulary_first_gives_the_same_bits(model):
    later = Word2Vec(**ONE)
    assert later.vocab is None and len(later.wv) == 0
    later.build_vocab(SENTENCES)
    words, tokens = train(later, SENTENCES, total_examples=150, epochs=6)
    assert same(later, model) and (words, tokens) == (7200, 7200)


def test_a_generator_is_read_once():
    source = iter(SENTENCES)
    Word2Vec(source, **SMALL)
    assert next(source, None) is None


def test_sentences_without_words_change_nothing(model):
    assert same(Word2Vec([[], *(s for sentence in SENTENCES for s in (sentence, []))], **ONE), model)


def test_words_of_any_script():
    wv = Word2Vec([["größer", "日本", "a b", "\u00a0"]] * 5, **ONE).wv
    assert set(wv.index_to_key) == {"größer", "日本", "a b", "\u00a0"}


def test_two_sources_or_none():
    with pytest.raises(TypeError, match="not both"):
        Word2Vec(SENTENCES, corpus_file="x", **SMALL)
    with pytest.raises(TypeError, match="either sentences"):
        Word2Vec(**SMALL).build_vocab()


def test_sentences_that_are_a_path_or_a_text(model, caplog):
    with pytest.raises(TypeError, match=r"corpus_file='corpus\.txt'"):
        Word2Vec("corpus.txt", **SMALL)
    with pytest.raises(TypeError, match="a path is needed, not list"):
        Word2Vec(corpus_file=SENTENCES, **SMALL)
    wv = Word2Vec(["ab ba"] * 3, **SMALL).wv
    assert "should be a list of words" in caplog.text
    assert set(wv.index_to_key) == {"a", "b", " "}


@pytest.mark.parametrize("sentences", [[["a", 5]], [[None]], [5], 5, [[b"a"]]])
def test_what_is_no_text(sentences):
    with pytest.raises(CorpusError):
        Word2Vec(sentences, **SMALL)


# ---- Little text


@pytest.mark.parametrize("sentences", [[], [[]], [[], []], iter(())])
def test_no_text(sentences):
    with pytest.raises(CorpusError):
        Word2Vec(sentences, **SMALL)


@pytest.mark.parametrize("text", ["", "\n", " \n\t\r\n\n"])
def test_empty_files(tmp_path, text):
    path = tmp_path / "empty.txt"
    path.write_text(text, newline="")
    with pytest.raises(CorpusError, match=r"empty\.txt"):
        Word2Vec(corpus_file=path, **SMALL)


def test_no_word_often_enough():
    with pytest.raises(CorpusError, match=r"min_count=5"):
        Word2Vec([["a", "b"]] * 4)


def test_one_token(each_backend):
    one = Word2Vec([["a"]], **ONE)
    untrained = Word2Vec(**ONE)
    untrained.build_vocab([["a"]])
    assert np.array_equal(one.wv["a"], untrained.wv["a"]), "no context, nothing to learn"
    assert one.wv.most_similar("a") == []


def test_one_word(each_backend):
    """Its own context, and its own noise."""
    model = Word2Vec([["a"] * 50], **ONE)
    assert list(model.wv.index_to_key) == ["a"] and np.isfinite(model.wv.vectors).all()


def test_windows_longer_than_sentences(each_backend):
    wide = Word2Vec(SENTENCES, **{**ONE, "window": 10_000, "shrink_windows": False})
    exact = Word2Vec(SENTENCES, **{**ONE, "window": 8, "shrink_windows": False})
    assert same(wide, exact)


def test_unknown_words_are_passed_over(model):
    mixed = [[word for known in sentence for word in (known, "unknown")] for sentence in SENTENCES]
    other = Word2Vec(**ONE)
    other.build_vocab(SENTENCES)
    words, tokens = train(other, mixed)
    assert same(other, model) and (words, tokens) == (7200, 14400)
    with pytest.raises(CorpusError, match="none of its"):
        train(other, [["unknown"]])


# ---- Parameters


def test_vocabulary_options():
    frequent = [["a"] * 5 + ["b"] * 4 + ["c"] * 3]
    assert set(Word2Vec(frequent, **{**SMALL, "min_count": 4}).wv.index_to_key) == {"a", "b"}
    assert set(Word2Vec(frequent, max_final_vocab=1, **SMALL).wv.index_to_key) == {"a"}
    rule = lambda word, count, min_count: 2 if word == "c" else 1  # noqa: E731
    assert set(Word2Vec(frequent, trim_rule=rule, **SMALL).wv.index_to_key) == {"c"}


def test_vocabulary_of_counts():
    model = Word2Vec(**{**ONE, "min_count": 2})
    model.build_vocab_from_freq({"a": 5, "b": 1, "c": 9}, corpus_count=7)
    assert list(model.wv.index_to_key) == ["c", "a"] and model.vocab.corpus_sentences == 7
    assert model.wv.get_vecattr("c", "count") == 9
    model.build_vocab_from_freq({"a": 5, "b": 1}, min_count=1)
    assert list(model.wv.index_to_key) == ["a", "b"]
    assert train(model, [["a", "b"]]) == (12, 12)


@pytest.mark.parametrize(
    "wrong", [{"vector_size": 0}, {"window": 0}, {"negative": 0}, {"alpha": -1}, {"workers": 0}]
)
def test_wrong_values_are_named_before_the_text_is_read(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Word2Vec((pytest.fail("it was read") for _ in range(1)), **wrong)


def test_training_asks_for_the_vocabulary():
    with pytest.raises(RuntimeError, match="build_vocab"):
        train(Word2Vec(), SENTENCES)


def test_learning_rate_and_epochs_of_one_training(model):
    other = Word2Vec(**{**ONE, "alpha": 0.3, "epochs": 9})
    other.build_vocab(SENTENCES)
    train(other, SENTENCES, epochs=6, start_alpha=0.05)
    assert same(other, model) and other.config.alpha == 0.3 and other.config.epochs == 9


def test_progress(corpus):
    seen = []
    Word2Vec(corpus_file=corpus, progress=seen.append, **SMALL)
    assert seen[-1].words == seen[-1].total_words == 7200


def test_what_the_model_tells(model):
    assert repr(model) == "Word2Vec<vocab=20, vector_size=16, alpha=0.05>"
    assert model.vector_size == 16 and model.syn1neg.shape == (20, 16) and model.trained_words == 7200
    assert model.total_train_time > 0 and not model.interrupted
    assert model.vocab.corpus_words == 1200 and sum(model.vocab.counts) == 1200


def test_queries_after_more_training(model):
    """Norms are those of the vectors as they are."""
    other = Word2Vec(SENTENCES, **ONE)
    _ = other.wv.norms
    train(other, SENTENCES)
    np.testing.assert_allclose(other.wv.norms, np.linalg.norm(other.wv.vectors, axis=1), rtol=1e-6)


def test_training_in_steps_is_training_at_once(tmp_path):
    """With gensim's idiom, and over a saved file: no epoch is trained twice."""
    options = {**ONE, "alpha": 0.05, "min_alpha": 0.05}
    whole, steps = Word2Vec(SENTENCES, **{**options, "epochs": 3}), Word2Vec(**{**options, "epochs": 2})
    steps.build_vocab(SENTENCES)
    steps.train(
        SENTENCES,
        total_examples=steps.corpus_count,
        total_words=steps.corpus_total_words,
        epochs=steps.epochs,
    )
    steps.save(tmp_path / "a.fvec")
    steps = Word2Vec.load(tmp_path / "a.fvec")
    assert steps.trained_epochs == 2
    train(steps, SENTENCES, epochs=1)
    assert np.array_equal(whole.wv.vectors, steps.wv.vectors)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_trains_on_its_own(duplicate):
    model = Word2Vec(SENTENCES, **ONE)
    other = duplicate(model)
    before = model.wv.vectors.copy()
    assert np.array_equal(other.wv.vectors, before) and np.array_equal(other.syn1neg, model.syn1neg)
    train(other, SENTENCES)
    assert np.array_equal(model.wv.vectors, before) and not np.array_equal(other.wv.vectors, before)
    assert len(duplicate(Word2Vec(**ONE)).wv) == 0


def test_a_model_is_saved_whole_while_it_is_trained(tmp_path):
    """The file's checksums are those of what was written, whatever the threads do meanwhile."""
    model = Word2Vec(**{**ONE, "vector_size": 64, "workers": 2, "epochs": 200})
    model.build_vocab(SENTENCES)
    train(model, SENTENCES, progress=lambda p: model.save(tmp_path / f"{p.words}.fvec"))
    files = list(tmp_path.iterdir())
    assert files and all(len(Word2Vec.load(file).wv) == 20 for file in files)


@pytest.mark.parametrize("options", [{"sample": 1e-25}, {"ns_exponent": -5}])
def test_two_workers_bear_odd_distributions(options, monkeypatch):
    monkeypatch.setattr(training, "HOT_SPANS", 0)
    monkeypatch.setattr(training, "HOT_THREADS", 2)
    model = Word2Vec(**{**SMALL, **options}, workers=2)
    model.build_vocab_from_freq({"a": 0, **dict.fromkeys("bcdefgh", 4)}, min_count=0)
    train(model, [list("abcdefgh") * 4] * 2000)
    assert np.isfinite(model.wv.vectors).all()


def test_parameters_are_attributes_as_in_gensim():
    model = Word2Vec(window=3, negative=7, min_count=2)
    assert (model.window, model.negative, model.min_count, model.alpha) == (3, 7, 2, 0.025)
    assert (model.corpus_count, model.corpus_total_words) == (0, 0)
    with pytest.raises(AttributeError, match=r"most_similar.*ask model\.wv"):
        _ = model.most_similar
    for name, way_out in (("syn1neg", "negative=0"), ("syn1", "hs=0")):
        with pytest.raises(AttributeError, match=rf"no vocabulary, or {way_out}"):
            getattr(model, name)


# ---- Trouble


def test_overflow_starts_the_model_anew():
    model = Word2Vec(**ONE)
    model.build_vocab(SENTENCES)
    first = model.wv.vectors.copy()
    model.wv.vectors[0, 0] = np.nan
    with pytest.raises(TrainingError, match=r"alpha=0\.05"):
        train(model, SENTENCES, start_alpha=0.05, epochs=20)
    assert np.array_equal(model.wv.vectors, first)
    train(model, SENTENCES)
    assert planted.purity(model.wv) > 0.9


INTERRUPTED = """
import sys, warnings
import fastvec
warnings.simplefilter("always")
def tell(progress):
    print("training", flush=True)
sentences = [[f"{c}{i}" for i in range(8)] for c in "abcd"] * 50
model = fastvec.Word2Vec(sentences, min_count=1, vector_size=16, epochs=2**31, progress=tell)
print("interrupted", model.interrupted, len(model.wv.most_similar("a1")), flush=True)
model.save("half.fvec")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C alone")
def test_ctrl_c_leaves_a_usable_model(python, tmp_path):
    process = python("-c", INTERRUPTED, wait=False)
    assert process.stdout.readline() == "training\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (
        out.splitlines()[-1] == "interrupted True 10"
        and "RuntimeWarning: training was interrupted after" in err
    )
    assert np.isfinite(Word2Vec.load(tmp_path / "half.fvec").wv.vectors).all()


# ---- Files


def test_two_trainings_give_the_same_file(tmp_path):
    for name in "ab":
        Word2Vec(SENTENCES, **ONE).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_saved_model_goes_on_where_it_stopped(tmp_path):
    kept = Word2Vec(SENTENCES, **{**ONE, "window": 3, "seed": 9, "ns_exponent": 0.5})
    path = tmp_path / "model.fvec"
    kept.save(path)
    loaded = Word2Vec.load(path)
    assert same(loaded, kept) and np.array_equal(loaded.vocab.counts, kept.vocab.counts)
    assert (loaded.vocab.corpus_words, loaded.vocab.corpus_sentences) == (1200, 150)
    assert loaded.config == fastvec.TrainConfig(**{**vars(kept.config), "workers": None})
    assert planted.purity(loaded.wv) > 0.9
    options = {"epochs": 2, "start_alpha": 0.05}
    for model in (kept, loaded):
        model.config = kept.config
        train(model, SENTENCES, **options)
    assert same(loaded, kept)
    loaded.save(path)
    assert same(Word2Vec.load(path), kept)


def test_a_model_opens_as_vectors(model, tmp_path):
    model.save(tmp_path / "model.fvec")
    model.wv.save(tmp_path / "vectors.fvec")
    for name in ("model.fvec", "vectors.fvec"):
        wv = KeyedVectors.load(tmp_path / name)
        assert np.array_equal(wv.vectors, model.wv.vectors) and list(wv.index_to_key) == list(
            model.wv.index_to_key
        )
        assert json.loads(wv.metadata["parameters"])["vector_size"] == 16
    with pytest.raises(FormatError, match=r"vectors\.fvec: it holds word vectors.*KeyedVectors\.load"):
        Word2Vec.load(tmp_path / "vectors.fvec")


def test_nothing_to_save(tmp_path):
    with pytest.raises(RuntimeError, match="no vocabulary"):
        Word2Vec().save(tmp_path / "model.fvec")
    assert not list(tmp_path.iterdir())


GOOD = {"parameters": '{"vector_size": 4}', "corpus_words": "9", "corpus_sentences": "2"}


def write_model(path, metadata, counts=(3, 2)):
    ones = np.ones((2, 4), np.float32)
    words = WordTable.from_words(["a", "b"])
    store.save_vectors(path, words, ones, np.array(counts), metadata, extra={"output_vectors": ones})


def test_a_model_of_another_writer(tmp_path):
    write_model(tmp_path / "a", GOOD)
    assert train(Word2Vec.load(tmp_path / "a"), [["a", "b"]]) == (10, 10)


def test_inner_nodes_from_before_trees_had_names_keep_theirs(tmp_path):
    sentences = planted.clusters(4, 5, sentences=50, length=8)
    model = Word2Vec(sentences, min_count=1, vector_size=4, workers=1, hs=1, negative=0, hs_tree="counts")
    expected = model.score(sentences)
    model.save(tmp_path / "new")
    held = store.open_vectors(tmp_path / "new")
    parameters = {k: v for k, v in json.loads(held.metadata["parameters"]).items() if k != "hs_tree"}
    store.save_vectors(
        tmp_path / "old",
        held.words,
        held.vectors,
        held.counts,
        {**held.metadata, "parameters": json.dumps(parameters)},
        extra=dict(held.extra),
    )
    old = Word2Vec.load(tmp_path / "old")
    assert old.hs_tree == "counts" and np.array_equal(old.score(sentences), expected)
    old.save(tmp_path / "again")
    assert Word2Vec.load(tmp_path / "again").hs_tree == "counts"
    model = Word2Vec(sentences, min_count=1, vector_size=4, workers=1, hs=1, negative=0)
    model.save(tmp_path / "spelt")
    assert np.array_equal(Word2Vec.load(tmp_path / "spelt").score(sentences), model.score(sentences))
    assert not np.array_equal(model.score(sentences), expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"parameters": '{"vector_size": 5}'},
        {"parameters": '{"vector_size": 4, "corpus_file": "/etc/passwd"}'},
        {"parameters": '{"vector_size": 4, "window": -3}'},
        {"parameters": '{"vector_size": 4, "alpha": NaN}'},
        {"parameters": "[4]"},
        {"parameters": "4"},
        {"parameters": "{"},
        {"parameters": "[" * 100_000},
        {"corpus_words": "many"},
        {"corpus_sentences": ""},
    ],
)
def test_damaged_parameters(tmp_path, wrong):
    write_model(tmp_path / "a", {**GOOD, **wrong})
    with pytest.raises(FormatError, match=r"fit|damaged"):
        Word2Vec.load(tmp_path / "a")


@pytest.mark.parametrize("missing", GOOD)
def test_missing_parameters(tmp_path, missing):
    write_model(tmp_path / "a", {k: v for k, v in GOOD.items() if k != missing})
    with pytest.raises(FormatError, match=missing):
        Word2Vec.load(tmp_path / "a")


def test_impossible_counts(tmp_path):
    write_model(tmp_path / "a", GOOD, counts=(3, -2))
    with pytest.raises(FormatError, match="counts"):
        Word2Vec.load(tmp_path / "a")


def test_changed_bytes_are_found(model, tmp_path):
    path = tmp_path / "model.fvec"
    model.save(path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="'vectors' is damaged"):
        Word2Vec.load(path)


def test_no_warning_on_the_way(corpus):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Word2Vec(corpus_file=corpus, **SMALL).wv.most_similar("a_1")


@pytest.mark.parametrize(
    ("n", "size", "options"),
    [
        (20, 2, {"window": 25}),
        (20, 2, {"window": 10, "shrink_windows": False, "alpha": 0.1}),
        (20, 5, {"window": 50}),
        (20, 1, {"window": 8, "shrink_windows": False}),
        (6, 8, {"window": 20, "shrink_windows": False, "alpha": 0.2}),
    ],
)
def test_few_words_repeated_in_wide_windows_do_not_make_the_vectors_explode(n, size, options):
    """Pairs that repeat in a block are taken at once: without a bound on their step, these diverged."""
    sentences = planted.clusters(n, size, sentences=150, length=300)
    model = Word2Vec(sentences, sg=1, min_count=1, workers=1, sample=0, epochs=4, **options)
    assert np.linalg.norm(model.wv.vectors, axis=1).max() < 12
