"""Every query, against gensim's answer on the same vectors."""

import warnings

import numpy as np
import pytest

from fastvec.keyedvectors import KeyedVectors
from fastvec.words import WordTable

pytestmark = pytest.mark.filterwarnings(
    "ignore:Call to deprecated:DeprecationWarning"
)  # gensim's, of its own methods

WORDS = [f"word{i}" for i in range(300)]
VECTORS = np.random.default_rng(5).standard_normal((300, 12)).astype(np.float32)
COUNTS = np.random.default_rng(6).permutation(300) + 1
A, B, C, D = "word3", "word77", "word150", "word299"
VECTOR = np.random.default_rng(7).standard_normal(12).astype(np.float32)


@pytest.fixture
def theirs():
    their_kv = pytest.importorskip(
        "gensim.models", reason="gensim comes with the extra conformance"
    ).KeyedVectors(12)
    their_kv.add_vectors(WORDS, VECTORS)
    for word, count in zip(WORDS, COUNTS.tolist(), strict=True):
        their_kv.set_vecattr(word, "count", count)
    return their_kv


@pytest.fixture(params=["memory", "mapped"])
def mine(request, tmp_path):
    made = KeyedVectors._from_parts(WordTable.from_words(WORDS), VECTORS.copy(), COUNTS.copy())
    if request.param == "memory":
        return made
    made.save(tmp_path / "v.fvec")
    return KeyedVectors.load(tmp_path / "v.fvec")


def same(mine, theirs):
    """Tell whether answers are the same, numbers up to rounding."""
    if isinstance(theirs, str | int | bool | type(None)):
        return mine == theirs
    if isinstance(theirs, list | tuple):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    return np.shape(mine) == np.shape(theirs) and np.allclose(mine, theirs, rtol=1e-4, atol=2e-6)


QUERIES = {
    "one word": lambda kv: kv.most_similar(A),
    "position": lambda kv: kv.most_similar(A, B, topn=5),
    "lists": lambda kv: kv.most_similar([A, C], [B], topn=7),
    "negative alone": lambda kv: kv.most_similar(negative=[B]),
    "weighted pairs": lambda kv: kv.most_similar([(A, 2.5), B], [(C, -0.5), (VECTOR, -1.0)]),
    "row numbers": lambda kv: kv.most_similar([5, np.int64(6)], [7]),
    "a vector": lambda kv: kv.most_similar(VECTOR, topn=4),
    "a matrix": lambda kv: kv.most_similar(VECTORS[:5]),
    "words and vectors": lambda kv: kv.most_similar([A, VECTOR]),
    "topn=None": lambda kv: kv.most_similar([A, B], topn=None),
    "topn=0": lambda kv: kv.most_similar(A, topn=0),
    "topn of numpy": lambda kv: kv.most_similar(A, topn=np.uint8(3)),
    "topn of all": lambda kv: kv.most_similar(A, topn=1000),
    "clip": lambda kv: kv.most_similar(A, clip_start=10, clip_end=200),
    "clip, topn=None": lambda kv: kv.most_similar(A, topn=None, clip_start=10, clip_end=20),
    "restrict_vocab": lambda kv: kv.most_similar(A, restrict_vocab=50),
    "restrict_vocab before clip": lambda kv: kv.most_similar(
        A, clip_start=20, clip_end=25, restrict_vocab=50
    ),
    "similar_by_word": lambda kv: kv.similar_by_word(A, 3, 100),
    "similar_by_key": lambda kv: kv.similar_by_key(4, topn=None),
    "similar_by_vector": lambda kv: kv.similar_by_vector(VECTOR, topn=3),
    "cosmul": lambda kv: kv.most_similar_cosmul([A, B], [C]),
    "cosmul of a word": lambda kv: kv.most_similar_cosmul(A, topn=3),
    "cosmul, topn=None": lambda kv: kv.most_similar_cosmul([A], [B], topn=None),
    "most_similar_to_given": lambda kv: kv.most_similar_to_given(A, [B, C, D]),
    "doesnt_match": lambda kv: kv.doesnt_match([A, B, C, D, "nowhere"]),
    "rank_by_centrality": lambda kv: kv.rank_by_centrality([A, B, C, D]),
    "rank_by_centrality, as they are": lambda kv: kv.rank_by_centrality([A, B, C, D], use_norm=False),
    "similarity": lambda kv: kv.similarity(A, B),
    "n_similarity": lambda kv: kv.n_similarity([A, B, "nowhere"], [C]),
    "distance": lambda kv: kv.distance(A, 9),
    "distances": lambda kv: kv.distances(A),
    "distances to some": lambda kv: kv.distances(A, [B, C]),
    "distances of a vector": lambda kv: kv.distances(VECTOR, (B, 7)),
    "rank": lambda kv: kv.rank(A, B),
    "closer_than": lambda kv: kv.closer_than(A, B),
    "names of old": lambda kv: [kv.words_closer_than(A, B), kv.word_vec(A, norm=True)],
    "closer_than itself": lambda kv: kv.closer_than(A, A),
    "relative_cosine_similarity": lambda kv: kv.relative_cosine_similarity(A, B, 5),
    "cosine_similarities": lambda kv: kv.cosine_similarities(VECTOR, VECTORS),
    "mean": lambda kv: kv.get_mean_vector([A, B, "nowhere", VECTOR]),
    "mean with weights": lambda kv: kv.get_mean_vector(
        [A, 5], [1, -3], pre_normalize=False, post_normalize=True
    ),
    "normed": lambda kv: kv.get_normed_vectors(),
    "get_vector": lambda kv: kv.get_vector(A),
    "get_vector(norm)": lambda kv: kv.get_vector(A, norm=True),
    "several": lambda kv: kv[[A, 7, B]],
    "count": lambda kv: [kv.get_vecattr(word, "count") for word in (A, 5)],
    "index": lambda kv: [
        kv.get_index(A),
        kv.get_index(5),
        kv.get_index("nowhere", -7),
        kv.has_index_for("nowhere"),
    ],
    "norms": lambda kv: [kv.fill_norms(), kv.norms][1],
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_the_answer_is_gensims(query, mine, theirs):
    assert same(query(mine), query(theirs))


def test_the_judge_sees_differences():
    assert same([("a", 1.0)], [("a", np.float32(1))]) and not same([("a", 1.0)], [("b", 1.0)])
    assert not same([1.0], [1.0, 2.0]) and not same(np.ones(2), np.ones(3)) and not same(1.0, 1.1)


@pytest.mark.parametrize("norm", [True, False])
def test_word_movers_distance(mine, theirs, norm):
    pytest.importorskip("ot", reason="POT comes with the extra wmd")
    documents = [A, B, B, "nowhere", C], [D, A, "word8"]
    assert same(mine.wmdistance(*documents, norm=norm), theirs.wmdistance(*documents, norm=norm))
    assert mine.wmdistance([A], ["nowhere"]) == theirs.wmdistance([A], ["nowhere"]) == float("inf")


FAILURES = {
    "unknown": lambda kv: kv.most_similar("nowhere"),
    "nothing": lambda kv: kv.most_similar(),
    "cosmul of nothing": lambda kv: kv.most_similar_cosmul(negative=[A]),
    "doesnt_match of nothing": lambda kv: kv.doesnt_match(["nowhere"]),
    "n_similarity of nothing": lambda kv: kv.n_similarity([], [A]),
    "mean of nothing": lambda kv: kv.get_mean_vector([]),
    "mean, weights": lambda kv: kv.get_mean_vector([A], [1, 2]),
    "mean of unknown": lambda kv: kv.get_mean_vector([A, "nowhere"], ignore_missing=False),
    "distances of unknown": lambda kv: kv.distances("nowhere"),
    "distances of another length": lambda kv: kv.distances(VECTOR[:-1]),
    "distances to unknown": lambda kv: kv.distances(A, ["nowhere"]),
    "rank of unknown": lambda kv: kv.rank(A, "nowhere"),
    "given nothing": lambda kv: kv.most_similar_to_given(A, []),
    "attribute": lambda kv: kv.get_vecattr(A, "colour"),
    "relative": lambda kv: kv.relative_cosine_similarity(A, B, 0),
}


@pytest.mark.parametrize("query", FAILURES.values(), ids=FAILURES)
def test_failures_are_of_the_same_kind(query, mine, theirs):
    with pytest.raises((LookupError, ValueError, ArithmeticError)) as expected:
        query(theirs)
    with pytest.raises(expected.type):
        query(mine)


def grown(kv):
    """Change a set in every way that there is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gensim's, at growing by one
        places = [kv.add_vector("one", VECTOR)]
    kv.add_vectors(["two", A], np.stack([VECTOR, VECTOR]))
    kv.add_vectors([B, "three"], [VECTOR, 2 * VECTOR], replace=True)
    kv["four"] = 3 * VECTOR
    kv[["five", C]] = np.stack([VECTOR, -VECTOR])
    kv.set_vecattr("four", "count", 12)
    kv.set_vecattr("five", "colour", "green")
    kv.fill_norms(force=True)
    return places


def test_sets_grow_as_gensims(theirs):
    kv = KeyedVectors._from_parts(WordTable.from_words(WORDS), VECTORS.copy(), COUNTS.copy())
    assert grown(kv) == grown(theirs) and len(kv) == len(theirs)
    assert kv.index_to_key == theirs.index_to_key and kv.key_to_index == theirs.key_to_index
    assert np.array_equal(kv.vectors, theirs.vectors) and kv.vectors.dtype == theirs.vectors.dtype
    for word in (A, "one", "four"):
        assert kv.get_vecattr(word, "count") == theirs.get_vecattr(word, "count")
    assert kv.get_vecattr("five", "colour") == "green" and kv.get_vecattr("one", "colour") == 0
    assert same(kv.most_similar("four", topn=None), theirs.most_similar("four", topn=None))
    assert same(kv.most_similar("word8"), theirs.most_similar("word8"))


@pytest.mark.parametrize("copied", [True, False])
def test_vectors_for_all(mine, theirs, copied):
    asked = [B, "nowhere", A, B]
    found, expected = (
        mine.vectors_for_all(asked, copy_vecattrs=copied),
        theirs.vectors_for_all(asked, copy_vecattrs=copied),
    )
    assert found.index_to_key == expected.index_to_key == [B, A]
    assert np.array_equal(found.vectors, expected.vectors)
    assert [found.get_vecattr(w, "count") for w in found.index_to_key] == [
        expected.get_vecattr(w, "count") for w in found.index_to_key
    ]
    assert len(mine.vectors_for_all([])) == 0


def test_sorting_and_scaling(theirs):
    kv = KeyedVectors._from_parts(WordTable.from_words(WORDS), VECTORS.copy(), COUNTS.copy())
    for each in (kv, theirs):
        each.sort_by_descending_frequency()
    assert kv.index_to_key == theirs.index_to_key and np.array_equal(kv.vectors, theirs.vectors)
    assert kv.counts.tolist() == theirs.expandos["count"].tolist() and kv.get_index(A) == theirs.get_index(A)
    for each in (kv, theirs):
        each.unit_normalize_all()
    assert np.allclose(kv.vectors, theirs.vectors) and np.allclose(kv.norms, 1)


def test_evaluation(mine, theirs, tmp_path):
    lines = [": some\n"] + [f"word{i} word{i + 1} word{i + 2} word{(7 * i) % 300}\n" for i in range(40)]
    (tmp_path / "analogies.txt").write_text("".join(lines))
    assert same(*(kv.evaluate_word_analogies(str(tmp_path / "analogies.txt"))[0] for kv in (mine, theirs)))
    pairs = [f"word{i}\tword{2 * i}\t{i % 11}\n" for i in range(1, 140)] + ["word1\tnowhere\t3\n"]
    (tmp_path / "pairs.tsv").write_text("".join(pairs))
    found, expected = (kv.evaluate_word_pairs(str(tmp_path / "pairs.tsv")) for kv in (mine, theirs))
    assert same([found[0][0], found[1][0], found[2]], [expected[0][0], expected[1][0], expected[2]])
