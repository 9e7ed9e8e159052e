"""Questions in batches against the same questions one by one."""

import numpy as np
import pytest

from fastvec import FastText, KeyedVectors, batches
from fastvec.words import WordTable


@pytest.fixture
def kv():
    vectors = np.random.default_rng(0).standard_normal((300, 20)).astype(np.float32)
    vectors[17] = 0
    return KeyedVectors._from_parts(WordTable.from_words(f"w{i}" for i in range(300)), vectors)


@pytest.fixture(params=[1, 7, 4096])
def block(request, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK", request.param)


def pairs(kv, ids, scores):
    return [(kv.index_to_key[i], s) for i, s in zip(ids.tolist(), scores.tolist(), strict=True) if i >= 0]


def assert_same(kv, found, one_by_one):
    assert len(found[0]) == len(found[1]) == len(one_by_one)
    for ids, scores, alone in zip(*found, one_by_one, strict=True):
        words, values = zip(*pairs(kv, ids, scores), strict=True)
        assert words == tuple(word for word, _ in alone)
        assert np.allclose(values, [value for _, value in alone], atol=1e-6)


def test_the_number_of_a_query_counts_from_the_first_block_on(kv, block):
    vectors = np.ones((20, 20), np.float32)
    vectors[13, 4] = np.inf
    with pytest.raises(ValueError, match="query 13 holds"):
        kv.most_similar_batch(vectors)


@pytest.mark.parametrize("restrict_vocab", [None, 50, 10_000])
def test_words_as_one_by_one(kv, block, restrict_vocab):
    keys = [f"w{i}" for i in range(0, 40, 2)] + [41, np.int64(299)]
    found = kv.most_similar_batch(keys, 7, restrict_vocab=restrict_vocab)
    assert found[0].dtype == np.int64 and found[1].dtype == np.float32
    assert_same(kv, found, [kv.most_similar(key, topn=7, restrict_vocab=restrict_vocab) for key in keys])


def test_vectors_as_one_by_one(kv, block):
    matrix = np.random.default_rng(1).standard_normal((9, 20)) * 5
    assert_same(kv, kv.most_similar_batch(matrix, 4), [kv.similar_by_vector(row, topn=4) for row in matrix])
    assert np.array_equal(matrix, np.random.default_rng(1).standard_normal((9, 20)) * 5), "not written to"


def test_an_array_of_rows_is_an_array_of_keys(kv):
    rows = np.array([5, 6, 7])
    assert np.array_equal(kv.most_similar_batch(rows, 3)[0], kv.most_similar_batch(["w5", "w6", "w7"], 3)[0])


def test_analogies_as_one_by_one(kv, block):
    questions = [(f"w{i}", f"w{3 * i + 1}", i + 2) for i in range(30)]
    found = kv.analogies(questions, 5)
    assert_same(kv, found, [kv.most_similar(positive=[b, c], negative=[a], topn=5) for a, b, c in questions])


def test_more_than_there_are_and_none(kv):
    ids, scores = kv.most_similar_batch(["w1", "w17"], 1000)
    assert (
        ids.shape == scores.shape == (2, 300)
        and (ids[:, -1] == -1).all()
        and np.isneginf(scores[:, -1]).all()
    )
    assert (scores[1, :-1] == 0).all(), "a zero vector has no direction"
    for shape in (kv.most_similar_batch([], 5), kv.analogies([], 5), kv.most_similar_batch(["w1"], 0)):
        assert shape[0].size == shape[1].size == 0


def test_what_is_asked_wrongly(kv):
    with pytest.raises(KeyError, match="nonesuch"):
        kv.most_similar_batch(["w1", "nonesuch"])
    with pytest.raises(KeyError, match="nonesuch"):
        kv.analogies([("w1", "w2", "nonesuch")])
    with pytest.raises(ValueError, match="three keys"):
        kv.analogies([("w1", "w2")])
    with pytest.raises(ValueError, match="three keys"):
        kv.analogies(["abc"])
    with pytest.raises(ValueError, match=r"\(Q, 20\)"):
        kv.most_similar_batch(np.ones((3, 19)))
    with pytest.raises(ValueError, match=r"\(Q, 20\)"):
        kv.most_similar_batch(np.ones(20))
    for alone in ("w1", b"w1"):  # not its letters, nor its bytes as numbers of rows
        with pytest.raises(TypeError, match=r"give a list of words, as \[b?'w1'\]"):
            kv.most_similar_batch(alone)


def test_questions_may_be_read_once(kv):
    keys, questions = ["w3", 5], [("w1", "w2", "w3"), (4, 5, 6)]
    for found, expected in (
        (kv.most_similar_batch(iter(keys)), kv.most_similar_batch(keys)),
        (kv.analogies(iter(questions)), kv.analogies(questions)),
    ):
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_words_outside_the_vocabulary_of_subwords():
    model = FastText(
        [["hello", "help", "held", "world"]] * 20, min_count=1, vector_size=8, bucket=50, workers=1
    )
    ids, scores = model.wv.most_similar_batch(["hello", "helpful"], 3)
    assert_same(
        model.wv, (ids, scores), [model.wv.most_similar(word, topn=3) for word in ("hello", "helpful")]
    )


# ---- Candidates scored again


def test_reranking_finds_what_the_original_finds(kv, tmp_path):
    small = kv.convert("int8")
    kv.save(tmp_path / "kv.fvec")
    keys, questions = ["w1", "w2", 33], [("w1", "w2", "w3"), (9, "w2", "w100")]
    for original in (kv, tmp_path / "kv.fvec", str(tmp_path / "kv.fvec")):
        ids, scores = small.most_similar_batch(keys, 5, rerank=original)
        exact = kv.most_similar_batch(keys, 5)
        assert np.array_equal(ids, exact[0]) and np.allclose(scores, exact[1], atol=1e-6)
        ids, scores = small.analogies(questions, 5, rerank=original)
        exact = kv.analogies(questions, 5)
        assert np.array_equal(ids, exact[0]) and np.allclose(scores, exact[1], atol=1e-6)
    assert not np.array_equal(small.most_similar_batch(keys, 5)[1], kv.most_similar_batch(keys, 5)[1])


def test_reranking_goes_by_the_words(kv):
    order = np.random.default_rng(0).permutation(300)
    shuffled = KeyedVectors._from_parts(WordTable.from_words(f"w{i}" for i in order), kv.vectors[order])
    few = kv.convert("float16", keep=100)
    ids, scores = few.most_similar_batch(["w1", "w50"], 200, rerank=shuffled)
    exact = kv.most_similar_batch(["w1", "w50"], 200, restrict_vocab=100)
    assert np.array_equal(ids, exact[0]) and np.allclose(scores, exact[1], atol=1e-6)
    with pytest.raises(ValueError, match="rerank: its vectors have 20 numbers, the queries 5"):
        kv.reduce(5).most_similar_batch(np.ones((2, 5)), 3, rerank=kv)
    assert kv.reduce(5).most_similar_batch(["w1"], 3, rerank=kv)[0].shape == (1, 3)
    with pytest.raises(ValueError, match="the original has no word 'w"):
        kv.most_similar_batch(["w1"], 200, rerank=few)
