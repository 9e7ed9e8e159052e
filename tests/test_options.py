"""The options of a model: what they may be, when they may be set, and how they come back from a file."""

import inspect
import json

import numpy as np
import planted
import pytest

from fastvec import FastText, KeyedVectors, Phrases, Word2Vec, store
from fastvec.config import LARGEST, TrainConfig
from fastvec.errors import FormatError, StopTraining
from fastvec.words import WordTable

SENTENCES = planted.clusters(4, 5, sentences=150, length=8)
SMALL = {"min_count": 1, "vector_size": 16, "epochs": 2, "sample": 0, "workers": 1}
SUBWORDS = {**SMALL, "bucket": 64}
INTEGERS = (np.int8, np.int32, np.uint16, np.int64, np.array)
NUMBERS = (np.float16, np.float32, np.float64, np.array)
FLAGS = (np.bool_, np.int64, float)
OPTIONS = {
    **dict.fromkeys(["vector_size", "window", "seed", "epochs", "min_count", "negative", "workers"], (2, INTEGERS)),
    "batch_words": (2, INTEGERS),
    **dict.fromkeys(["max_vocab_size", "max_final_vocab"], (50, INTEGERS)),
    **dict.fromkeys(["alpha", "min_alpha", "sample", "ns_exponent"], (1 / 64, NUMBERS)),
    **dict.fromkeys(["sg", "hs", "cbow_mean", "shrink_windows", "cbow_classic"], (True, FLAGS)),
    **dict.fromkeys(["compute_loss", "sorted_vocab", "null_word"], (True, FLAGS)),
    "comment": ("of clusters", (np.str_,)),
    "hs_tree": ("counts", (np.str_,)),
}  # fmt: skip


def train(model, sentences=SENTENCES, **options):
    return model.train(sentences, **{"total_examples": len(sentences), "epochs": model.epochs, **options})


# ---- What they may be


def test_the_table_here_holds_every_option():
    beside = {"sentences", "corpus_file", "hashfxn", "trim_rule"}
    assert set(inspect.signature(Word2Vec).parameters) == {
        *OPTIONS,
        *beside,
        "callbacks",
        "errors",
        "progress",
    }


@pytest.mark.parametrize("kind", [Word2Vec, FastText])
def test_defaults_stand_in_agreement(kind):
    defaults = {name: p.default for name, p in inspect.signature(kind).parameters.items()}
    plain = inspect.signature(Word2Vec).parameters
    assert all(defaults[name] == p.default for name, p in plain.items())
    config = TrainConfig()
    assert all(defaults[name] == getattr(config, name) for name in vars(config))


@pytest.mark.parametrize("name", OPTIONS)
def test_scalars_of_numpys_are_plain_ones_in_files(tmp_path, name):
    value, types = OPTIONS[name]
    for given in map(lambda kind: kind(value), types):
        model = Word2Vec(SENTENCES, **{**SMALL, name: given})
        model.save(tmp_path / "m")
        loaded = Word2Vec.load(tmp_path / "m", workers=model.workers)
        for one in (model, loaded):
            assert getattr(one, name) == value and type(getattr(one, name)) in (int, float, bool, str)
        model = Word2Vec(**{**SMALL, name: 1 if name in ("min_count", "workers") else value})
        setattr(model, name, given)
        assert type(getattr(model, name)) in (int, float, bool, str), "what is set is as what is given"


@pytest.mark.parametrize("name", ["min_n", "max_n", "bucket"])
def test_scalars_of_numpys_for_subwords(tmp_path, name):
    for kind in INTEGERS:
        FastText(SENTENCES, **{**SUBWORDS, name: kind(5)}).save(tmp_path / "m")
        assert getattr(FastText.load(tmp_path / "m"), name) == 5


@pytest.mark.parametrize(
    "options",
    [
        {"comment": 7},
        {"comment": b"x"},
        {"min_count": 2.5},
        {"min_count": "5"},
        {"min_count": None},
        {"max_vocab_size": True},
        {"max_final_vocab": [5]},
        {"sg": "0"},
        {"hs": [1]},
        {"compute_loss": "no"},
        {"shrink_windows": np.ones(2)},
        {"alpha": np.ones(1)},
        {"window": np.ones(1, int)},
    ],
    ids=str,
)
def test_what_is_none_is_refused_at_once(options):
    [(name, value)] = options.items()
    for make in (Word2Vec, FastText, lambda **given: setattr(Word2Vec(), *next(iter(given.items())))):
        with pytest.raises(TypeError, match=f"{name}=") as caught:
            make(**options)
        assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    "options", [{"min_count": -1}, {"max_vocab_size": 0}, {"max_final_vocab": 0}], ids=str
)
def test_what_is_out_of_range_is_refused_at_once(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}="):
        Word2Vec(**options)


# ---- When they may be set


def test_what_shapes_the_vectors_may_be_set_until_there_are_some():
    model = FastText(**SUBWORDS)
    assert model.wv.vector_size == 16
    model.vector_size, model.min_n, model.max_n, model.bucket = 8, 2, 4, np.int64(32)
    model.build_vocab(SENTENCES)
    assert model.wv.vectors.shape == (20, 8) and model.wv.vectors_ngrams.shape == (32, 8)
    assert (model.wv.min_n, model.wv.max_n) == (2, 4)
    for name in ("vector_size", "min_n", "max_n", "bucket"):
        setattr(model, name, getattr(model, name))
        with pytest.raises(AttributeError, match=rf"{name}=7: .* with {name}=\d+, .* before build_vocab"):
            setattr(model, name, 7)
    train(model)
    with pytest.raises(ValueError, match="min_n=-1"):
        model.min_n = -1


def test_buckets_outlast_lengths_that_allow_no_ngram():
    model = FastText(**SUBWORDS)
    model.max_n = 2
    assert model.bucket == 0
    model.min_n = 1
    assert model.bucket == 64
    model.bucket = 0
    model.max_n = 5
    assert model.bucket == 0


def test_vectors_that_were_set_keep_their_size():
    model = Word2Vec(**SMALL)
    model.wv = KeyedVectors._from_parts(WordTable.from_words(["a"]), np.ones((1, 16), np.float32))
    with pytest.raises(AttributeError, match="vector_size=8"):
        model.vector_size = 8


def test_the_tree_stays_that_of_the_inner_nodes():
    model = Word2Vec(**SMALL)
    model.hs_tree = "counts"
    model.build_vocab(SENTENCES)
    model.hs_tree = "spelling"
    model.hs, model.hs_tree = 1, "counts"
    with pytest.raises(RuntimeError, match="hs=1 was set since; train the model first"):
        model.score(SENTENCES)
    train(model)
    code = model.wv.get_vecattr("a_1", "code")
    assert np.array_equal(
        code, Word2Vec(SENTENCES, **SMALL, hs=1, hs_tree="counts").wv.get_vecattr("a_1", "code")
    )
    model.hs_tree = "counts"
    with pytest.raises(
        AttributeError, match="hs_tree='spelling': the inner nodes are there, in the tree hs_tree='counts'"
    ):
        model.hs_tree = "spelling"
    for wrong in (None, 5, np.array(["spelling"]), ["spelling"]):
        with pytest.raises(TypeError, match="hs_tree="):
            Word2Vec(hs_tree=wrong)
    with pytest.raises(ValueError, match="hs_tree='binary': choose one of spelling, counts"):
        Word2Vec(hs_tree="binary")


@pytest.mark.parametrize(
    "changed",
    [
        {"window": 1}, {"negative": 9}, {"sg": 1}, {"cbow_mean": 0}, {"ns_exponent": 0.0}, {"sample": 1e-2}, {"hs": 1},
        {"shrink_windows": False}, {"cbow_classic": False}, {"alpha": 0.2}, {"min_alpha": 0.02}, {"seed": 3},
    ],
    ids=str,
)  # fmt: skip
def test_the_next_training_goes_by_what_is_set(changed):
    first, second = Word2Vec(**SMALL), Word2Vec(**SMALL)
    for model in (first, second):
        model.build_vocab(SENTENCES)
    for name, value in changed.items():
        setattr(second, name, value)
    for model in (first, second):
        train(model)
    assert not np.array_equal(first.wv.vectors, second.wv.vectors)


def test_the_next_vocabulary_goes_by_what_is_set():
    model = Word2Vec(**SMALL)
    model.min_count, model.max_final_vocab = 2, 3
    model.build_vocab(SENTENCES)
    assert 0 < len(model.wv) <= 3 and model.effective_min_count > 2


# ---- Files


class Mine(FastText):
    """A model with a constructor of its own."""

    def __init__(self, text):
        super().__init__(text, **SUBWORDS)


def test_opening_a_model_makes_nothing_but_it(tmp_path, monkeypatch):
    model = Mine(SENTENCES)
    model.save(tmp_path / "m")
    monkeypatch.setattr(FastText, "_no_vectors", lambda self: pytest.fail("empty vectors were made"))
    loaded = Mine.load(tmp_path / "m")
    assert type(loaded) is Mine and np.array_equal(loaded.wv.vectors, model.wv.vectors)
    assert (loaded.min_n, loaded.bucket) == (3, 64)


def test_options_of_a_file_are_checked(tmp_path):
    model = Word2Vec(SENTENCES, **SMALL)
    model.save(tmp_path / "m")
    held = store.open_vectors(tmp_path / "m", mmap=False)
    for wrong in ({"min_count": "1"}, {"comment": 5}, {"train_count": -1}, {"compute_loss": "yes"}):
        metadata = {**held.metadata, "options": json.dumps(wrong)}
        store.save_vectors(tmp_path / "w", held.words, held.vectors, held.counts, metadata, extra=held.extra)
        with pytest.raises(FormatError, match=f"w: .*{next(iter(wrong))}="):
            Word2Vec.load(tmp_path / "w")


def test_lock_factors_come_back(tmp_path):
    model = FastText(SENTENCES, **SUBWORDS)
    model.save(tmp_path / "m")
    assert not set(store.LOCKS) & set(store.open_vectors(tmp_path / "m").extra), "factors of 1 take no room"
    model.wv.vectors_lockf = np.arange(20) / 20
    model.wv.vectors_ngrams_lockf = np.array([0.25])
    model.save(tmp_path / "m")
    loaded = FastText.load(tmp_path / "m", workers=1)
    for name, factors in model.wv.locks().items():
        assert np.array_equal(getattr(loaded.wv, name), factors), name
    before = loaded.wv.vectors_vocab.copy()
    for one in (model, loaded):
        train(one)
    assert np.array_equal(loaded.wv.vectors, model.wv.vectors)
    assert np.array_equal(loaded.wv.vectors_vocab[0], before[0]) and not np.array_equal(
        loaded.wv.vectors_vocab[1], before[1]
    )
    assert len(KeyedVectors.load(tmp_path / "m")) == 20
    loaded.wv.vectors_lockf[3] = 0.5
    loaded.save(tmp_path / "m")
    assert FastText.load(tmp_path / "m").wv.vectors_lockf[3] == 0.5


def test_lock_factors_that_fit_no_rows(tmp_path):
    model = Word2Vec(SENTENCES, **SMALL)
    model.wv.vectors_lockf = np.full(7, 0.5)
    model.save(tmp_path / "m")
    with pytest.raises(FormatError, match="vectors_lockf has 7 factors for 20 rows"):
        Word2Vec.load(tmp_path / "m")
    model.wv.vectors_lockf = np.nan
    with pytest.raises(ValueError, match="no finite number"):
        train(model)


# ---- Vectors to begin with


@pytest.mark.parametrize("kind", [Word2Vec, FastText])
@pytest.mark.parametrize("value", [np.nan, -np.inf, 2 * LARGEST])
def test_vectors_that_training_takes_for_diverged_are_refused(tmp_path, kind, value):
    model = kind(**(SUBWORDS if kind is FastText else SMALL))
    model.build_vocab(SENTENCES)
    before = model.wv.vectors.copy()
    rows = np.full((4, 16), 0.5, np.float32)
    rows[2, 3] = value
    wrong = KeyedVectors._from_parts(WordTable.from_words(["unheard", "a_1", "c_3", "d_0"]), rows)
    wrong.save_word2vec_format(tmp_path / "v.bin", binary=True)
    for begin in (
        lambda: model.init_from(wrong),
        lambda: model.wv.intersect_word2vec_format(tmp_path / "v.bin", binary=True),
    ):
        with pytest.raises(ValueError, match=r"the vector of 'c_3' holds .* at most 10000"):
            begin()
    assert np.array_equal(model.wv.vectors, before)
    rows[2, 3], rows[0, 0] = LARGEST, value
    assert model.init_from(wrong) == 3, "words that the model has not are passed over"


def test_vectors_set_anew_are_looked_at_too():
    model = Word2Vec(SENTENCES, **SMALL)
    rows = np.array(model.wv.vectors)
    rows[5] = np.inf
    with pytest.raises(ValueError, match=repr(model.wv.index_to_key[5])):
        model.wv = KeyedVectors._from_parts(model.wv.words, rows)
    with pytest.raises(TypeError, match=r"not Word2Vec; give model\.wv"):
        model.init_from(model)


# ---- Epochs


class StopAt:
    """Ends a training at the end of an epoch, or in the midst of it."""

    def __init__(self, epochs, kind=StopTraining):
        self.left, self.kind = epochs, kind

    def on_epoch_end(self, model):
        self.left -= 1
        if not self.left:
            raise self.kind


@pytest.mark.parametrize("kind", [StopTraining, KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_epochs_that_were_not_trained_do_not_count(kind, epochs, tmp_path):
    model = Word2Vec(**{**SMALL, "epochs": 5})
    model.build_vocab(SENTENCES)
    try:
        with pytest.warns(RuntimeWarning, match="interrupted") if kind is KeyboardInterrupt else _quietly():
            train(model, callbacks=[StopAt(epochs, kind)])
    except ZeroDivisionError:
        assert kind is ZeroDivisionError
    assert model.trained_epochs == epochs
    train(model, epochs=2)
    assert model.trained_epochs == epochs + 2
    model.save(tmp_path / "m")
    assert Word2Vec.load(tmp_path / "m").trained_epochs == epochs + 2


def _quietly():
    return pytest.MonkeyPatch.context()


def test_an_epoch_cut_short_counts():
    class Stop:
        def on_progress(self, model, progress):
            if progress.words < progress.total_words:
                raise StopTraining

    model = Word2Vec(**{**SMALL, "epochs": 3})
    model.build_vocab(SENTENCES)
    train(model, SENTENCES * 100, epochs=1000, callbacks=[Stop()])
    assert model.trained_epochs == -(-model.trained_words // 120_000) < 1000


# ---- Calls


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: train(m, start_alpha="x"), "alpha='x': a number"),
        (lambda m: train(m, epochs="5"), "epochs='5': an integer"),
        (lambda m: train(m, progress="yes"), "progress='yes': True for a bar"),
        (lambda m: m.build_vocab_from_freq(["a"]), "word_freq: a mapping .* not list"),
        (lambda m: m.build_vocab_from_freq({"a": 1}, corpus_count="x"), "corpus_count='x'"),
        (lambda m: m.build_vocab(SENTENCES, sample="x"), "sample='x': a number"),
        (lambda m: m.reset_from(5), "a model is needed, not int"),
        (lambda m: Phrases(SENTENCES, min_count="5"), "min_count='5': a number"),
        (lambda m: Phrases(SENTENCES, threshold=None), "threshold=None: a number"),
        (lambda m: Phrases(SENTENCES, max_vocab_size="x"), "max_vocab_size='x': an integer"),
        (lambda m: Phrases(SENTENCES, progress_per="x"), "progress_per='x': an integer"),
        (lambda m: Phrases(SENTENCES, delimiter=b"_"), "delimiter=b'_': a str"),
        (lambda m: Phrases(SENTENCES, connector_words="of"), "connector_words='of': a set of words"),
        (lambda m: Phrases(SENTENCES, connector_words=None), "connector_words=None: a set of words"),
    ],
)
def test_a_wrong_type_is_named(call, words):
    model = Word2Vec(SENTENCES, **SMALL)
    with pytest.raises(TypeError, match=words):
        call(model)


def test_numbers_of_phrases(tmp_path):
    for name in ("min_count", "threshold"):
        with pytest.raises(ValueError, match=f"{name}=nan"):
            Phrases(SENTENCES, **{name: np.nan})
    with pytest.raises(ValueError, match="progress_per=0"):
        Phrases(SENTENCES, progress_per=0)
    model = Phrases(SENTENCES, min_count=np.int64(1), threshold=np.float32(0.5), max_vocab_size=np.int32(99))
    model.save(tmp_path / "p")
    loaded = Phrases.load(tmp_path / "p")
    assert (loaded.min_count, loaded.threshold, loaded.max_vocab_size) == (1, 0.5, 99)
