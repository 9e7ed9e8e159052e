"""Vectors of sentences: against the formulas, word by word; and scikit-learn's transformer of them."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastvec import sentences as module
from fastvec.fasttext_vectors import FastTextKeyedVectors
from fastvec.keyedvectors import KeyedVectors
from fastvec.sentences import common_components, without_components
from fastvec.words import WordTable

WORDS = ["the", "cat", "sat", "naught"]
COUNTS = np.array([70, 20, 9, 1])
VECTORS = np.array([[1, 1, 1], [0, 2, 0], [3, 0, 4], [0, 0, 0]], np.float32)
TEXTS = [["the", "cat"], [], ["dog"], ["the", "the", "sat", "dog"], ["naught", "cat"]]


def plain(dtype=np.float32):
    return KeyedVectors._from_parts(WordTable.from_words(WORDS), VECTORS.astype(dtype), COUNTS.copy())


def by_hand(kv, text, sif, pre_normalize):
    total, known = np.zeros(kv.vector_size), 0
    for word in text:
        if word in kv:
            share = kv.counts[kv.get_index(word)] / kv.counts.sum() if kv.has_index_for(word) else 0
            weight = 1 if sif is None else sif / (sif + share)
            total, known = total + weight * kv.get_vector(word, norm=pre_normalize), known + 1
    return total / max(1, known)


@pytest.mark.parametrize("sif", [None, 1e-3, 0.5])
@pytest.mark.parametrize("pre_normalize", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_means_are_those_of_the_formula(each_backend, dtype, sif, pre_normalize):
    kv = plain(dtype)
    found = kv.sentence_vectors(iter(TEXTS), sif=sif, pre_normalize=pre_normalize)
    expected = [by_hand(kv, text, sif, pre_normalize) for text in TEXTS]
    assert found.dtype == np.float32 and np.allclose(
        found, expected, atol=1e-3 if dtype == np.float16 else 1e-6
    )


@pytest.mark.parametrize("sif", [None, 0.1])
def test_words_outside_the_vocabulary_have_vectors_of_their_n_grams(sif):
    kv = FastTextKeyedVectors(4, min_n=2, max_n=3, bucket=40)
    kv.vectors_ngrams[:] = np.random.default_rng(0).standard_normal((40, 4))
    kv.add_vectors(["the", "cat"], np.random.default_rng(1).standard_normal((2, 4)))
    kv.counts = np.array([5, 2])
    for pre_normalize in (True, False):
        found = kv.sentence_vectors(TEXTS, sif=sif, pre_normalize=pre_normalize)
        assert np.allclose(found, [by_hand(kv, text, sif, pre_normalize) for text in TEXTS], atol=1e-6)
    assert kv.sentence_vectors([["dog"]]).any()
    off = FastTextKeyedVectors._from_parts(WordTable.from_words(WORDS), VECTORS)
    assert np.allclose(off.sentence_vectors(TEXTS), plain().sentence_vectors(TEXTS))


@given(st.lists(st.lists(st.sampled_from([*WORDS, "dog"]), min_size=1, max_size=5), max_size=12))
def test_many_at_once_are_as_one_by_one(texts):
    kv = plain()
    found = kv.sentence_vectors(texts)
    assert found.shape == (len(texts), 3)
    assert np.allclose(
        found, np.array([kv.get_sentence_vector(text) for text in texts]).reshape(-1, 3), atol=1e-6
    )


def test_blocks_do_not_matter(monkeypatch):
    kv, texts = plain(), TEXTS * 5
    expected = kv.sentence_vectors(texts, remove=1)
    monkeypatch.setattr(module, "SENTENCES_AT_ONCE", 3)
    assert np.array_equal(kv.sentence_vectors(iter(texts), remove=1), expected)


def test_a_mapped_file_and_free_rows(tmp_path):
    plain().save(tmp_path / "v.fvec")
    grown = KeyedVectors(3, count=9)
    grown.add_vectors(WORDS, VECTORS)
    for kv in (KeyedVectors.load(tmp_path / "v.fvec"), grown):
        assert np.allclose(kv.sentence_vectors(TEXTS), plain().sentence_vectors(TEXTS))


@pytest.mark.parametrize("options", [{}, {"sif": 1e-3, "pre_normalize": False}, {"remove": 1}])
def test_int8_rows(each_backend, tmp_path, options):
    rng = np.random.default_rng(2)
    words = WordTable.from_words(f"w{i}" for i in range(40))
    kv = KeyedVectors._from_parts(
        words, rng.standard_normal((40, 6)).astype(np.float32), np.arange(40, 0, -1)
    )
    small = kv.convert("int8")
    small.save(tmp_path / "v")
    texts = [["w1", "w2", "dog"], [], ["w39", "w1", "w1"], ["w7"]]
    expected = kv.sentence_vectors(texts, **options)
    for one in (small, KeyedVectors.load(tmp_path / "v")):
        assert np.allclose(one.sentence_vectors(texts, **options), expected, atol=0.03)


def test_sentences_may_be_read_once():
    kv = plain()
    found = kv.sentence_vectors((word for word in text) for text in TEXTS)
    assert np.array_equal(found, kv.sentence_vectors(TEXTS))
    assert np.array_equal(
        kv.get_sentence_vector(iter(["the", "cat"])), kv.get_sentence_vector(["the", "cat"])
    )


def test_what_is_common_is_taken_out():
    rng = np.random.default_rng(3)
    common = np.array([0.6, 0.8, 0, 0], np.float32)
    vectors = (20 * rng.random((200, 1)) * common + rng.standard_normal((200, 4))).astype(np.float32)
    found = common_components(vectors, 2)
    exact = np.linalg.svd(vectors, full_matrices=False).Vh[:2]
    assert np.allclose(np.abs(found @ exact.T), np.eye(2), atol=1e-4) and abs(found[0] @ common) > 0.99
    rest = without_components(vectors, found)
    assert np.allclose(rest @ found.T, 0, atol=1e-3) and np.allclose(
        rest, vectors - vectors @ exact.T @ exact, atol=1e-3
    )
    assert common_components(vectors[:1], 3).shape == (1, 4) and common_components(vectors[:0], 1).shape == (
        0,
        4,
    )
    means = plain().sentence_vectors(TEXTS, sif=1e-3)
    rest = without_components(means, common_components(means, 1))
    assert np.allclose(plain().sentence_vectors(TEXTS, sif=1e-3, remove=1), rest, atol=1e-6)


def test_no_component_fewer_than_none_is_taken_out():
    with pytest.raises(ValueError, match="remove=-1"):
        plain().sentence_vectors([["a"]], remove=-1)


def test_errors():
    kv = plain()
    for texts in (["the cat"], [["the"], "cat"], [["the", 5]], [[b"the"], b"cat"]):
        with pytest.raises(TypeError):
            kv.sentence_vectors(texts)
    with pytest.raises(ValueError, match="remove=-1"):
        kv.sentence_vectors(TEXTS, remove=-1)
    for sif in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="sif="):
            kv.sentence_vectors(TEXTS, sif=sif)
    with pytest.raises(ValueError, match="not finite"):
        KeyedVectors._from_parts(kv.words, VECTORS * np.float32(np.nan)).sentence_vectors(TEXTS, remove=1)
    kv.counts = None
    with pytest.raises(ValueError, match="counts"):
        kv.sentence_vectors(TEXTS, sif=1e-3)
    with pytest.raises(TypeError, match=r"sentence\.split"):
        kv.get_sentence_vector("the cat")
    with pytest.raises(ValueError, match="no input"):
        kv.get_sentence_vector([])


# ---- scikit-learn


@pytest.fixture
def vectorizer():
    pytest.importorskip("sklearn", reason="scikit-learn comes with the extra sklearn")
    from fastvec.sklearn import WordVectorizer

    return WordVectorizer


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_scikit_learns_own_checks(vectorizer):
    """`check_estimator` leaves out what needs numbers; the checks that need no data are called by name, too."""
    from sklearn.utils import estimator_checks as checks

    checks.check_estimator(vectorizer(plain()))
    for check in (
        checks.check_no_attributes_set_in_init,
        checks.check_get_params_invariance,
        checks.check_set_params,
        checks.check_parameters_default_constructible,
    ):
        check("WordVectorizer", vectorizer())


def test_the_transformer_gives_sentence_vectors(vectorizer, tmp_path):
    kv = plain()
    kv.save(tmp_path / "v.fvec")
    texts = [" ".join(text) for text in TEXTS]
    for vectors in (kv, tmp_path / "v.fvec", str(tmp_path / "v.fvec")):
        for options in ({}, {"sif": 1e-3}, {"pre_normalize": False}):
            expected = kv.sentence_vectors(TEXTS, **options)
            assert np.allclose(vectorizer(vectors, **options).fit_transform(texts), expected)
            assert np.allclose(vectorizer(vectors, **options).fit(None).transform(TEXTS), expected)
    shouting = vectorizer(kv, tokenizer=lambda text: text.lower().split())
    assert np.allclose(shouting.fit_transform(["THE Cat"]), kv.sentence_vectors([["the", "cat"]]))
    assert shouting.get_feature_names_out().tolist() == [f"wordvectorizer{i}" for i in range(3)]


def test_components_are_those_of_the_texts_of_fit(vectorizer):
    kv = plain()
    fitted = vectorizer(kv, remove=1).fit(TEXTS[:3])
    common = common_components(kv.sentence_vectors(TEXTS[:3]), 1)
    assert np.array_equal(fitted.components_, common)
    assert np.allclose(fitted.transform(TEXTS), without_components(kv.sentence_vectors(TEXTS), common))


def test_components_that_cannot_be(vectorizer):
    with pytest.raises(ValueError, match="remove=-1"):
        vectorizer(plain(), remove=-1).fit(TEXTS)


def test_in_a_pipeline(vectorizer, tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    plain().save(tmp_path / "v.fvec")
    texts, labels = ["the cat", "sat sat", "cat", "sat"] * 6, [0, 1, 0, 1] * 6
    pipeline = make_pipeline(vectorizer(KeyedVectors.load(tmp_path / "v.fvec")), LogisticRegression())
    search = GridSearchCV(pipeline, {"wordvectorizer__sif": [None, 1e-3]}, cv=3).fit(texts, labels)
    assert search.predict(["cat cat", "the sat sat"]).tolist() == [0, 1]


def test_errors_of_the_transformer(vectorizer):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(ValueError, match="vectors=None"):
        vectorizer().fit(["a"])
    with pytest.raises(NotFittedError):
        vectorizer(plain()).transform(["a"])
    with pytest.raises(ValueError, match="list of texts"):
        vectorizer(plain()).fit([]).transform("the cat")


def test_without_scikit_learn_the_error_names_the_extra():
    code = "import sys; sys.modules['sklearn'] = None\nimport fastvec.keyedvectors\nimport fastvec.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError" in done.stderr and "pip install 'fastvec[sklearn]'" in done.stderr
