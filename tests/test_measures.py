"""3CosMul and the Word Mover's Distance, against gensim and by hand."""

import sys

import numpy as np
import pytest

from fastvec import KeyedVectors
from fastvec.words import WordTable

WORDS = [f"w{i}" for i in range(30)]


@pytest.fixture(params=[np.float32, np.float64])
def kv(request):
    vectors = np.random.default_rng(4).normal(size=(30, 7)).astype(request.param)
    vectors[9] = 0
    return KeyedVectors._from_parts(WordTable.from_words(WORDS), vectors)


@pytest.fixture
def theirs(kv):
    other = pytest.importorskip("gensim.models").KeyedVectors(7)
    other.add_vectors(WORDS, kv.vectors)
    other.norms = kv.norms + (kv.norms == 0)  # which gensim divides by
    return other


@pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`:DeprecationWarning")
@pytest.mark.parametrize("topn", [1, 10, 40])
@pytest.mark.parametrize(
    "question",
    [
        (["w1", "w2"], ["w3"]),
        ("w4", None),
        ("w4", "w5"),
        ("w7", [np.ones(7) / 7**0.5]),
        (["w1", "w2", "w3"], ["w4", "w5"]),
    ],
)
def test_cosmul_is_gensims(kv, theirs, question, topn):
    ours, want = (one.most_similar_cosmul(*question, topn=topn) for one in (kv, theirs))
    assert [word for word, _ in ours] == [word for word, _ in want]
    np.testing.assert_allclose([s for _, s in ours], [s for _, s in want], rtol=2e-4)


def test_cosmul_of_all_and_of_the_first(kv):
    scores = kv.most_similar_cosmul("w1", topn=None)
    assert scores.shape == (30,) and scores.argmax() == 1
    assert {word for word, _ in kv.most_similar_cosmul("w1", topn=20, restrict_vocab=5)} == {
        "w0",
        "w2",
        "w3",
        "w4",
    }
    assert kv.most_similar_cosmul("w1", topn=0) == []
    assert kv.most_similar_cosmul([2, "w1"], 3) == kv.most_similar_cosmul(["w2", "w1"], "w3")
    with pytest.raises(ValueError, match="no input"):
        kv.most_similar_cosmul(negative=["w1"])
    with pytest.raises(KeyError, match="nobody"):
        kv.most_similar_cosmul("nobody")


@pytest.mark.parametrize("upper", [True, False])
def test_analogies_by_cosmul(kv, tmp_path, upper):
    """As the single questions are answered."""
    rng = np.random.default_rng(0)
    questions = [rng.choice(WORDS, 4, replace=False).tolist() for _ in range(40)]
    for question in questions[::2]:
        a, b, c, _ = question
        question[3] = kv.most_similar_cosmul([b, c], [a], topn=1)[0][0]
    path = tmp_path / "questions"
    path.write_text(": all\n" + "".join(" ".join(q) + "\n" for q in questions))
    score, sections = kv.evaluate_word_analogies(
        path, case_insensitive=upper, similarity_function="most_similar_cosmul"
    )
    right = {tuple(word.lower() for word in question) for question in sections[0]["correct"]}
    assert score >= 0.5 and {tuple(q) for q in questions[::2]} <= right
    for q in set(map(tuple, questions[1::2])) - right:
        assert kv.most_similar_cosmul([q[1], q[2]], [q[0]], topn=1)[0][0] != q[3]


# ---- Word Mover's Distance


@pytest.mark.parametrize("norm", [True, False])
def test_wmdistance_is_gensims(kv, theirs, norm):
    pytest.importorskip("ot")
    rng = np.random.default_rng(1)
    for _ in range(10):
        first, second = (
            rng.choice([*WORDS[:8], "unheard"], size=rng.integers(2, 9)).tolist() for _ in range(2)
        )
        ours = kv.wmdistance(first, second, norm)
        assert ours == pytest.approx(theirs.wmdistance(first, second, norm), abs=1e-5)
        assert ours == pytest.approx(kv.wmdistance(second, first, norm), abs=1e-6)


def test_wmdistance_by_hand(kv):
    pytest.importorskip("ot")
    apart = np.linalg.norm(kv.vectors[1] - kv.vectors[2])
    assert kv.wmdistance(["w1"], ["w2"], norm=False) == pytest.approx(apart, rel=1e-5)
    assert kv.wmdistance(["w1", "w1"], ["w1", "w2"], norm=False) == pytest.approx(apart / 2, rel=1e-5)
    assert kv.wmdistance(["w1", "w2"], ["w2", "w1"]) == 0 == kv.wmdistance(["w3"], ["w3"])
    assert kv.wmdistance(["unheard"], ["w1"]) == kv.wmdistance(["w1"], []) == float("inf")


def test_wmdistance_says_what_it_needs(kv, monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match=r"fastvec\[wmd\]"):
        kv.wmdistance(["w1"], ["w2"])
