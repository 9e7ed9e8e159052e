"""Evaluation: cases that can be worked out by hand, and a twin that asks question by question."""

import gzip
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastvec import evaluation
from fastvec.errors import FormatError
from fastvec.keyedvectors import KeyedVectors
from fastvec.words import WordTable

#          man     woman   king    queen   apple    King
VECTORS = [[1, 0], [1, 1], [3, 0], [3, 3], [-1, 0], [9, 0]]
WORDS = ["man", "woman", "king", "queen", "apple", "King"]
QUESTIONS = """: family
man woman king queen
MAN Woman KING Queen
man woman king apple
man woman king unknown
three words only
: none of it known

a b c d
: last one
king queen man woman
"""


@pytest.fixture
def kv():
    return KeyedVectors._from_parts(WordTable.from_words(WORDS), np.array(VECTORS, np.float32))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(QUESTIONS)
    return path


def test_analogies(kv, path):
    score, sections = kv.evaluate_word_analogies(path)
    # b - a + c as unit vectors: (0.707, 0.707) - (1, 0) + (1, 0) is nearest to "queen".
    right, wrong = ("MAN", "WOMAN", "KING", "QUEEN"), ("MAN", "WOMAN", "KING", "APPLE")
    last = ("KING", "QUEEN", "MAN", "WOMAN")
    assert sections == [
        {"section": "family", "correct": [right, right], "incorrect": [wrong]},
        {"section": "none of it known", "correct": [], "incorrect": []},
        {"section": "last one", "correct": [last], "incorrect": []},
        {"section": "Total accuracy", "correct": [right, right, last], "incorrect": [wrong]},
    ]
    assert score == 0.75
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert kv.evaluate_word_analogies(path) == (score, sections)


def test_options_of_analogies(kv, path):
    assert kv.evaluate_word_analogies(path, dummy4unknown=True)[0] == 3 / 6
    assert kv.evaluate_word_analogies(path, case_insensitive=False)[0] == 2 / 3
    assert kv.evaluate_word_analogies(path, restrict_vocab=3)[0] == 0.0
    # "King" is a row of its own, but no answer to a question with "king".
    assert kv.evaluate_word_analogies(path, restrict_vocab=None)[0] == 0.75
    with pytest.raises(ValueError, match="similarity_function"):
        kv.evaluate_word_analogies(path, similarity_function="eval")


@pytest.mark.parametrize(
    "raw, reason",
    [
        (b"a b c d\n", "line 1: Missing section header"),
        (b": s\n\xff b c d\n", "line 2 is not utf-8"),
        (b"", "no line of four words"),
        (b": s\na b c\n", "no line of four words"),
    ],
)
def test_damaged_questions(kv, path, raw, reason):
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=reason) as caught:
        kv.evaluate_word_analogies(path)
    assert "questions.txt" in str(caught.value)


def one_by_one(kv, questions, limit):
    """As gensim does it: one search a question, in which other spellings of its words are passed over."""
    rows = {}
    for i, word in enumerate(kv.index_to_key[:limit]):
        rows.setdefault(word.upper(), i)
    right = asked = 0
    for question in questions:
        question = [word.upper() for word in question]
        if not all(word in rows for word in question):
            continue
        a, b, c, expected = question
        asked += 1
        predicted = None
        for word, _ in kv.most_similar([rows[b], rows[c]], [rows[a]], topn=5, restrict_vocab=limit):
            predicted = word.upper()
            if predicted not in (a, b, c):
                break
        right += predicted == expected
    return right / max(1, asked)


@pytest.mark.parametrize("limit", [None, 40, 7])
def test_analogies_as_one_by_one(tmp_path, limit):
    rng = np.random.default_rng(3)
    words = [f"{w}{i}" for i in range(25) for w in ("w", "W", "x")]
    vectors = rng.standard_normal((75, 3)).astype(np.float32)
    vectors[7] = 0
    kv = KeyedVectors._from_parts(WordTable.from_words(words), vectors)
    questions = [[words[i] for i in row] for row in rng.integers(0, limit or 75, (400, 4))]
    for question in questions[::2]:  # answers that are found
        a, b, c, _ = question
        question[3] = kv.most_similar([b, c], [a], topn=1, restrict_vocab=limit)[0][0]
    (tmp_path / "q").write_text(": s\n" + "\n".join(map(" ".join, questions)))
    score, _ = kv.evaluate_word_analogies(tmp_path / "q", restrict_vocab=limit)
    assert 0 < score == one_by_one(kv, questions, limit)


PAIRS = """# comment
man\twoman\t7
MAN\tking\t10
king\tapple\t0.5
queen\tapple\t2
word\tword\tno number
only\ttwo
man\tunknown\t5
"""


def test_word_pairs(kv, tmp_path):
    (tmp_path / "pairs").write_text(PAIRS)
    pearson, spearman, unknown = kv.evaluate_word_pairs(tmp_path / "pairs")
    half = math.sqrt(0.5)
    human, model = [7, 10, 0.5, 2], [half, 1, -1, -half]
    assert pearson.statistic == pytest.approx(np.corrcoef(human, model)[0, 1])
    assert spearman == pytest.approx((1, 0)) and unknown == 20
    pearson, _, unknown = kv.evaluate_word_pairs(tmp_path / "pairs", dummy4unknown=True)
    assert pearson.statistic == pytest.approx(np.corrcoef([*human, 5], [*model, 0])[0, 1]) and unknown == 20
    assert kv.evaluate_word_pairs(tmp_path / "pairs", case_insensitive=False)[2] == 40
    (tmp_path / "pairs").write_bytes("mån;Mån;1\nman;man;2\nman;king;3\n".encode("latin1"))
    assert kv.evaluate_word_pairs(tmp_path / "pairs", delimiter=";", encoding="latin1")[2] == pytest.approx(
        100 / 3
    )


@pytest.mark.parametrize(
    "raw, reason",
    [
        (b"", "No valid"),
        (b"up\tdown\t3\n", "No valid"),
        (b"man\tking\tnan\nman\tking\tinf\n", "No valid"),
        (b"\xff\ta\t1\n", "line 1"),
    ],
)
def test_damaged_pairs(kv, tmp_path, raw, reason):
    (tmp_path / "pairs").write_bytes(raw)
    with pytest.raises(FormatError, match=f"pairs.*{reason}"):
        kv.evaluate_word_pairs(tmp_path / "pairs")


# ---- Statistics

# scipy 1.17, scipy.stats.pearsonr and spearmanr
X = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0]
Y = [2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0, 2.0, 8.0]
PEARSON = (0.10492284287735881, 0.7729913615627264)
SPEARMAN = (0.13471506281091267, 0.7106008805223829)
SCIPY = [
    (3, 0.7760493218694036, 0.43444150216191774),
    (4, 0.7835289967556122, 0.21647100324438773),
    (5, 0.7996091228561074, 0.10438677643312344),
    (10, 0.3060639051332367, 0.38975569614841193),
    (50, 0.2079770494260512, 0.1472467699122363),
    (353, 0.21743516019273013, 3.786342120996159e-05),
    (999, 0.1876743826886437, 2.2647507428137753e-09),
    (5000, 0.20021620411090002, 2.223054061200909e-46),
]


def test_correlations_of_scipy():
    assert evaluation.pearson(X, Y) == pytest.approx(PEARSON)
    assert evaluation.spearman(X, Y) == pytest.approx(SPEARMAN)


@pytest.mark.parametrize("n, r, p", SCIPY)
def test_p_values_of_scipy(n, r, p):
    x = np.sin(np.arange(n) ** 2.0)
    y = 0.2 * x + np.cos(np.arange(n) ** 1.5)
    assert evaluation.pearson(x, y) == pytest.approx((r, p), rel=1e-9, abs=1e-300)


def test_correlations_at_the_edge():
    assert evaluation.pearson([1, 2, 3], [2, 4, 6]) == pytest.approx((1, 0), abs=1e-7)
    assert evaluation.pearson([1, 2], [4, 2]) == pytest.approx((-1, 1))
    for x, y in (([1], [1]), ([1, 1, 1], [1, 2, 3]), ([1, 2], [0, 0])):
        assert all(map(math.isnan, evaluation.pearson(x, y)))


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=20))
def test_ranks(x):
    ranks = [sum(b < a for b in x) + (sum(b == a for b in x) + 1) / 2 for a in x]
    assert evaluation._ranks(x).tolist() == ranks
