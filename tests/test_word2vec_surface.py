"""What Word2Vec shares with gensim's class: signatures, attributes, errors, words in the log, and what it computes."""

import copy
import inspect
import pickle

import numpy as np
import planted
import pytest

from fastvec import KeyedVectors, Word2Vec, prediction
from fastvec.errors import CorpusError, FormatError, NoModelError

SENTENCES = planted.clusters(4, 5, sentences=150, length=8)
OPTIONS = {"min_count": 1, "vector_size": 16, "epochs": 4, "sample": 0, "alpha": 0.05, "workers": 1}


def train(model, sentences=SENTENCES, **options):
    return model.train(sentences, **{"total_examples": len(sentences), "epochs": model.epochs, **options})


@pytest.fixture(scope="module")
def gensim_class():
    return pytest.importorskip("gensim.models").Word2Vec


@pytest.fixture
def model():
    return Word2Vec(SENTENCES, **OPTIONS)


# ---- Signatures


@pytest.mark.parametrize(
    "method",
    ["__init__", "build_vocab", "build_vocab_from_freq", "scan_vocab", "prepare_vocab", "train", "score"],
)
def test_gensims_parameters_in_their_order(gensim_class, method):
    theirs = inspect.signature(getattr(gensim_class, method)).parameters.values()
    ours = list(inspect.signature(getattr(Word2Vec, method)).parameters.values())
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    positional = [p for p in theirs if p.kind not in kinds]
    assert [p.name for p in ours[: len(positional)]] == [p.name for p in positional]
    assert all(p.kind in kinds for p in ours[len(positional) :]), "what is fastvec's own goes by keyword"
    differ = {p.name for p, q in zip(ours, positional, strict=False) if p.default != q.default}
    assert differ <= {"workers", "hashfxn", "compute_loss", "sentences"}


def test_every_public_method_of_gensims_is_there(gensim_class):
    inner = {
        "create_binary_tree",  # Vocab.huffman
        "make_cum_table",  # cum_table
        "add_null_word",  # a word of Doc2Vec's
        "update_weights",  # build_vocab(update=True)
    }
    public = {name for name in dir(gensim_class) if not name.startswith("_")}
    assert public - inner <= {*dir(Word2Vec), "load"}


# ---- Attributes


def test_parameters_may_be_set(model):
    model.alpha -= 0.01
    model.min_alpha = model.alpha
    model.workers, model.window, model.epochs = 2, 3, 7
    assert (model.config.alpha, model.config.min_alpha) == (0.04, 0.04)
    assert (model.config.workers, model.config.window, model.config.epochs) == (2, 3, 7)
    with pytest.raises(ValueError, match="window=0"):
        model.window = 0
    assert model.window == 3 and model.layer1_size == model.vector_size == 16


def test_what_a_model_has_counted(model):
    assert (model.corpus_count, model.corpus_total_words, model.raw_vocab) == (150, 1200, {})
    model.build_vocab([["a", "b"], ["a"]], keep_raw_vocab=True, min_count=2)
    assert dict(model.raw_vocab) == {"a": 2, "b": 1} and list(model.wv.index_to_key) == ["a"]
    assert model.min_count == model.effective_min_count == 2 and model.corpus_count == 2
    with pytest.raises(KeyError):
        _ = model.raw_vocab["c"]


def test_the_noise_table_is_gensims(gensim_class):
    for exponent in (0.75, -0.5, 0):
        options = {"min_count": 1, "vector_size": 2, "ns_exponent": exponent}
        ours, theirs = Word2Vec(**options), gensim_class(**options)
        assert ours.cum_table is None
        for one in (ours, theirs):
            one.build_vocab_from_freq({"a": 50, "b": 20, "c": 7, "d": 1})
        np.testing.assert_allclose(ours.cum_table.astype(float), theirs.cum_table, atol=2)
        assert ours.cum_table[-1] == 2**31 - 1


def test_estimated_memory():
    found = Word2Vec(vector_size=100, hs=1).estimate_memory(1000, {"more": 5})
    assert found["vectors"] == found["syn1"] == found["syn1neg"] == 1000 * 112 * 4
    assert found["total"] == sum(found.values()) - found["total"] and found["more"] == 5
    assert "syn1" not in Word2Vec().estimate_memory(9) and "syn1neg" not in Word2Vec(
        hs=1, negative=0
    ).estimate_memory(9)


def test_vectors_may_be_set(model):
    other = copy.deepcopy(model.wv)
    other.vectors[:] = np.arange(other.vectors.size).reshape(other.vectors.shape)
    model.wv = other
    assert np.array_equal(model.wv.vectors, other.vectors) and np.shares_memory(
        model.wv.vectors, model._weights.input
    )
    np.testing.assert_allclose(model.wv.norms, np.linalg.norm(other.vectors, axis=1), rtol=1e-6)
    model.wv = strange = KeyedVectors._from_parts(other.words, other.vectors[:, :4])
    assert model.wv is strange and model.vocab is None
    with pytest.raises(RuntimeError, match="word vectors alone"):
        train(model)
    with pytest.raises(RuntimeError, match="output vectors"):
        model.predict_output_word(["a_1"])
    with pytest.raises(TypeError, match="KeyedVectors are needed"):
        model.wv = {}


# ---- Vocabularies in steps


@pytest.mark.parametrize("seed", range(4))
def test_reports_are_gensims(gensim_class, seed):
    rng = np.random.default_rng(seed)
    sentences = [[f"w{i}" for i in rng.zipf(1.4, size=12) if i < 60] for _ in range(60)]
    options = {"min_count": 2, "sample": 1e-2, "max_final_vocab": int(rng.integers(5, 30)), "vector_size": 4}
    found = []
    for one in (Word2Vec(**options), gensim_class(**options)):
        assert one.scan_vocab(sentences) == (sum(map(len, sentences)), len(sentences)) or not all(sentences)
        dry = one.prepare_vocab(dry_run=True)
        assert len(one.wv) == 0
        report = one.prepare_vocab(keep_raw_vocab=True)
        assert {k: v for k, v in dry.items() if k != "memory"} == {
            k: v for k, v in report.items() if k != "memory"
        }
        report.pop("memory", None)
        found.append((report, one.effective_min_count, len(one.wv), dict(one.raw_vocab)))
    (ours, *rest), (theirs, *their_rest) = found
    assert rest == their_rest and ours.pop("downsample_total") == pytest.approx(
        theirs.pop("downsample_total"), abs=1
    )
    assert ours == theirs


def test_steps_out_of_order():
    model = Word2Vec()
    for step in (model.prepare_vocab, model.init_weights):
        with pytest.raises(RuntimeError, match=r"before|vocabulary"):
            step()
    with pytest.raises(RuntimeError, match="no vocabulary to take over"):
        model.reset_from(Word2Vec())


def test_nothing_kept_is_said_in_the_log_and_by_training(caplog):
    model = Word2Vec(min_count=5)
    model.build_vocab([["a", "b"]])
    assert "None of the 2 distinct words is kept with min_count=5" in caplog.text and len(model.wv) == 0
    with pytest.raises(RuntimeError, match="build vocabulary"):
        train(model)
    for error in (RuntimeError, CorpusError):
        with pytest.raises(error, match="min_count=5"):
            Word2Vec([["a"]])


def test_a_rule_for_one_call(caplog):
    def rule(word, count, least):
        return 1 if word == "a" else 0

    model = Word2Vec(min_count=1, trim_rule=rule)
    assert "no effect without a corpus" in caplog.text
    model.build_vocab([["a", "b"]], trim_rule=rule)
    assert list(model.wv.index_to_key) == ["b"]
    model.build_vocab([["a", "b"]])
    assert len(model.wv) == 2
    pickle.dumps(Word2Vec([["a", "b"]], min_count=1, trim_rule=lambda *_: 0))


def test_beginning_anew(model):
    other = Word2Vec([["x", "y"]] * 5, **OPTIONS)
    model.reset_from(other)
    assert model.wv.key_to_index == other.wv.key_to_index and not model.syn1neg.any()
    first = model.wv.vectors.copy()
    train(model, [["x", "y"]] * 5)
    model.init_weights()
    assert np.array_equal(model.wv.vectors, first) and model.trained_epochs == 0
    assert np.array_equal(model.seeded_vector("a", 8), model.seeded_vector("a", 8))
    assert np.abs(model.seeded_vector("b", 8)).max() <= 1 / 16


# ---- Training


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"epochs": 2},
        {"total_examples": 150},
        {"total_words": 9, "epochs": 0},
        {"total_examples": 1, "epochs": -1},
    ],
)
def test_what_training_must_be_told(model, given):
    with pytest.raises(ValueError, match=r"total_examples|epochs"):
        model.train(SENTENCES, **given)


def test_words_in_the_log(model, caplog):
    train(model)
    assert "Effective 'alpha' higher than previous training cycles" in caplog.text
    assert "Both hierarchical softmax and negative sampling are activated" not in caplog.text
    Word2Vec(SENTENCES, **OPTIONS, hs=1)
    assert "Both hierarchical softmax and negative sampling are activated" in caplog.text
    caplog.clear()
    train(model, start_alpha=1e-5, end_alpha=1e-5)
    assert not caplog.text
    train(model, start_alpha=2e-5)
    assert "Effective 'alpha' higher" in caplog.text


def test_the_loss_falls():
    model = Word2Vec(
        planted.clusters(4, 5, sentences=2000), **{**OPTIONS, "sg": 1, "epochs": 1}, compute_loss=True
    )
    first = model.get_latest_training_loss()
    train(model, planted.clusters(4, 5, sentences=2000), epochs=5)
    assert 0 < model.get_latest_training_loss() < first and model.compute_loss
    train(model, compute_loss=False)
    assert model.get_latest_training_loss() == 0 and not model.compute_loss


@pytest.mark.parametrize("kind", [{"sg": 1}, {"sg": 0}, {"sg": 1, "hs": 1, "negative": 0}])
def test_locked_rows_stay(kind):
    model = Word2Vec(**OPTIONS, **kind)
    model.build_vocab(SENTENCES)
    first = model.wv.vectors.copy()
    assert model.wv.vectors_lockf.tolist() == [1]
    model.wv.vectors_lockf = np.ones(20, np.float32)
    model.wv.vectors_lockf[3] = 0
    train(model)
    changed = (model.wv.vectors != first).any(axis=1)
    assert not changed[3] and changed.sum() == 19
    model.wv.vectors_lockf = np.zeros(1)
    first = model.wv.vectors.copy()
    train(model)
    assert np.array_equal(model.wv.vectors, first)
    model.wv.vectors_lockf = np.ones(7)
    with pytest.raises(ValueError, match=r"vectors_lockf of \(7,\)"):
        train(model)


def test_beginning_with_pretrained_vectors(tmp_path):
    words = ["a_1", "unheard", "c_3"]
    pretrained = KeyedVectors(16)
    pretrained = KeyedVectors._from_parts(
        type(pretrained.words).from_words(words), np.full((3, 16), 0.5, np.float32)
    )
    pretrained.save_word2vec_format(tmp_path / "v.txt")
    pretrained.save_word2vec_format(tmp_path / "v.bin", binary=True)
    begin = [
        lambda model: model.init_from(pretrained, lockf=0),
        lambda model: model.wv.intersect_word2vec_format(tmp_path / "v.txt"),
        lambda model: model.wv.intersect_word2vec_format(tmp_path / "v.bin", lockf=0.0, binary=True),
    ]
    for how in begin:
        model = Word2Vec(**OPTIONS)
        model.build_vocab(SENTENCES)
        assert how(model) == 2 and model.wv.norms[model.wv.get_index("a_1")] == pytest.approx(2)
        train(model)
        assert np.array_equal(model.wv["a_1"], pretrained["a_1"]) and (model.wv["a_2"] != 0.5).all()
    assert model.init_from(pretrained) == 2
    train(model)
    assert not np.array_equal(model.wv["a_1"], pretrained["a_1"])
    with pytest.raises(ValueError, match="do not fit these of 16"):
        model.init_from(KeyedVectors(8, count=0))
    with pytest.raises(RuntimeError, match="build_vocab before init_from"):
        Word2Vec().init_from(pretrained)


# ---- What the model says


def twin(gensim_class, model):
    """Return gensim's model with the same words, rows and paths."""
    names = ("vector_size", "sg", "hs", "negative", "window", "cbow_mean")
    theirs = gensim_class(min_count=0, **{name: getattr(model, name) for name in names})
    theirs.build_vocab_from_freq(dict(zip(model.wv.index_to_key, model.vocab.counts.tolist(), strict=True)))
    rows = [model.wv.get_index(word) for word in theirs.wv.index_to_key]
    theirs.wv.vectors = model.wv.vectors[rows].copy()
    if model.negative:
        theirs.syn1neg = model.syn1neg[rows].copy()
    if model.hs:
        theirs.syn1 = model.syn1.copy()
        for word in theirs.wv.index_to_key:
            for attr in ("code", "point"):
                theirs.wv.set_vecattr(word, attr, model.wv.get_vecattr(word, attr))
    return theirs


@pytest.mark.parametrize("kind", [{"sg": 1}, {"sg": 0, "cbow_mean": 0}, {"sg": 0}])
def test_predictions_are_gensims(gensim_class, kind):
    model = Word2Vec(SENTENCES, **OPTIONS, **kind)
    for context in (["a_1", "a_2"], ["b_0", "unheard"], [3, "c_1"]):
        ours = model.predict_output_word(context, topn=6)
        known = [word if isinstance(word, str) else model.wv.index_to_key[word] for word in context]
        theirs = dict(twin(gensim_class, model).predict_output_word(known, topn=20))
        assert [p for _, p in ours] == sorted((p for _, p in ours), reverse=True) and len(ours) == 6
        np.testing.assert_allclose([p for _, p in ours], [theirs[word] for word, _ in ours], rtol=1e-4)
    assert model.predict_output_word(["unheard"]) is None
    assert model.predict_output_word(["a_1"], topn=0) == model.predict_output_word(["a_1"], topn=-1) == []
    assert sum(p for _, p in model.predict_output_word(["a_1"], topn=99)) == pytest.approx(1)


@pytest.mark.parametrize("kind", [{"sg": 1}, {"sg": 0}, {"sg": 0, "cbow_mean": 0}])
def test_scores_are_gensims(gensim_class, kind):
    """But for its table of logarithms, whose steps make log 0.5 too small by 1.7 %."""
    model = Word2Vec(SENTENCES, **{**OPTIONS, "epochs": 2}, **kind, hs=1, negative=0, window=3)
    texts = [*SENTENCES[:9], ["a_1", "unheard", "b_2"], ["unheard"], [], ["d_4"]]
    theirs = twin(gensim_class, model).score([text or ["unheard"] for text in texts], len(texts))
    np.testing.assert_allclose(model.score(texts), theirs, rtol=3e-2, atol=1e-3)
    assert model.score(texts, 2).shape == (2,) and (model.score(texts)[:9] < 0).all()


def test_probabilities_of_a_tree_sum_to_one():
    model = Word2Vec(SENTENCES, **OPTIONS, sg=1, hs=1, negative=0)
    ids = [[5, word] for word in range(20)]
    tree, options = model.vocab.huffman(model.hs_tree), {"sg": 1, "window": 5, "cbow_mean": 1}
    pairs = prediction.sentence_scores(ids, model.wv.vectors, model.syn1, tree, **options)
    back = np.array(
        [
            -np.logaddexp(0, -(model.syn1[path >> 1] @ model.wv.vectors[word]) * (1 - 2 * (path & 1))).sum()
            for word in range(20)
            for path in [tree.path[tree.offsets[5] : tree.offsets[6]]]
        ]
    )
    assert np.exp(pairs - back).sum() == pytest.approx(1, abs=1e-4)


def test_what_models_cannot_say(model):
    with pytest.raises(RuntimeError, match="hs=1"):
        model.score(SENTENCES)
    with pytest.raises(RuntimeError, match="negative=0"):
        Word2Vec(SENTENCES, **OPTIONS, hs=1, negative=0).predict_output_word(["a_1"])


@pytest.mark.parametrize(
    "ask, says",
    [
        (lambda model: model.predict_output_word(None), "context_words_list=None: a list of words"),
        (lambda model: model.predict_output_word(["a_1"], topn="3"), "topn='3'"),
        (lambda model: model.score(None), "sentences=None: a list of lists"),
        (lambda model: model.score([["a_1"], None]), "sentence=None: a list of words"),
        (lambda model: model.score([["a_1"]], total_sentences="3"), "total_sentences='3'"),
    ],
)
def test_what_is_of_a_wrong_kind_is_named(ask, says):
    with pytest.raises(TypeError, match=says):
        ask(Word2Vec(SENTENCES, **OPTIONS, hs=1))


# ---- Files and copies


def test_all_options_come_back(tmp_path):
    options = {"max_final_vocab": 12, "max_vocab_size": 900, "comment": "of clusters", "compute_loss": True}
    model = Word2Vec(SENTENCES, **OPTIONS, **options, hs=1)
    model.save(tmp_path / "m", sep_limit=0, pickle_protocol=4)
    loaded = Word2Vec.load(tmp_path / "m", mmap="r")
    for name in ("min_count", "effective_min_count", "train_count", "min_alpha_yet_reached", *options):
        assert getattr(loaded, name) == getattr(model, name), name
    assert loaded.effective_min_count > 1 and loaded.train_count == 1
    assert np.array_equal(loaded.syn1, model.syn1) and np.array_equal(loaded.syn1neg, model.syn1neg)
    assert loaded.wv.get_vecattr(0, "code").tolist() == model.wv.get_vecattr(0, "code").tolist()
    assert np.array_equal(loaded.score(SENTENCES), model.score(SENTENCES))


@pytest.mark.parametrize("options", [{"hs": 1, "negative": 0}, {"hs": 1}, {}])
def test_files_hold_the_matrices_of_the_model(tmp_path, options):
    model = Word2Vec(SENTENCES, **OPTIONS, **options)
    model.save(tmp_path / "m")
    loaded = Word2Vec.load(tmp_path / "m", workers=1)
    for one in (model, loaded):
        train(one)
    for mine, theirs in zip(loaded._weights.matrices(), model._weights.matrices(), strict=True):
        assert np.array_equal(mine, theirs)


def test_vectors_are_no_model(model, tmp_path):
    model.wv.save(tmp_path / "v")
    for error in (AttributeError, FormatError, NoModelError):
        with pytest.raises(error, match=r"KeyedVectors\.load"):
            Word2Vec.load(tmp_path / "v")


def test_load_is_not_for_instances(model, tmp_path):
    model.save(tmp_path / "m")
    with pytest.raises(AttributeError, match=r"Word2Vec\.load"):
        model.load(tmp_path / "m")

    class Mine(Word2Vec):
        pass

    assert type(Mine.load(tmp_path / "m")) is Mine and "written" in Word2Vec.load.__doc__


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_keep_locks_and_attributes(duplicate):
    model = Word2Vec(SENTENCES, **OPTIONS, hs=1)
    model.wv.lock([2], 0.5)
    model.wv.set_vecattr("a_1", "topic", "first")
    other = duplicate(model)
    assert other.wv.get_vecattr("a_1", "topic") == "first" and other.wv.vectors_lockf[2] == 0.5
    assert np.array_equal(other.syn1, model.syn1) and not np.shares_memory(other.syn1, model.syn1)
