"""The queries: small vectors whose answers can be worked out by hand."""

import math
import types

import numpy as np
import pytest

from fastvec.errors import FormatError
from fastvec.keyedvectors import KeyedVectors
from fastvec.words import WordTable

WORDS = ["north", "east", "northeast", "south", "nowhere", "far north"]
VECTORS = np.array([[0, 2], [3, 0], [1, 1], [0, -1], [0, 0], [0, 9]], np.float32)
HALF = math.sqrt(0.5)


@pytest.fixture(params=["memory", "mapped", "double"])
def kv(request, tmp_path):
    vectors = VECTORS.astype(np.float64) if request.param == "double" else VECTORS.copy()
    made = KeyedVectors._from_parts(WordTable.from_words(WORDS), vectors, np.arange(6, 0, -1), {"a": "b"})
    if request.param != "mapped":
        return made
    made.save(tmp_path / "words.fvec")
    return KeyedVectors.load(tmp_path / "words.fvec")


def approximately(found):
    return [(word, pytest.approx(score, abs=1e-6)) for word, score in found]


def test_words_and_rows(kv):
    assert len(kv) == 6 and kv.vector_size == 2 and repr(kv) == "KeyedVectors<vector_size=2, 6 keys>"
    assert (
        kv.index_to_key[:] == WORDS and kv.index_to_key[-1] == "far north" and kv.key_to_index["south"] == 3
    )
    assert dict(kv.key_to_index) == {w: i for i, w in enumerate(WORDS)}
    assert "north" in kv and "up" not in kv and 5 in kv and 6 not in kv and -1 not in kv and np.int32(2) in kv
    assert (
        kv.get_index("south") == 3 == kv.get_index(3)
        and kv.get_index("up", -1) == -1
        and kv.get_index("up", 0) == 0
    )
    assert kv.has_index_for("east") and not kv.has_index_for("up")
    assert kv.get_vecattr("east", "count") == 5


@pytest.mark.parametrize(
    "ask, says",
    [
        (lambda kv: kv[None], "keys=None: a word"),
        (lambda kv: kv[2.5], "keys=2.5: a word"),
        (lambda kv: kv[b"east"], "b'east' is no word"),
        (lambda kv: kv[1:3], r"slice\(1, 3, None\): rows are kv.vectors"),
        (lambda kv: kv.most_similar(2.5), "keys=2.5: a word"),
        (lambda kv: kv.most_similar_cosmul(b"east"), "b'east' is no word"),
        (lambda kv: kv.most_similar("east", topn="3"), "topn='3'"),
        (lambda kv: kv.most_similar("east", topn=2.5), "topn=2.5"),
        (lambda kv: kv.most_similar("east", clip_start="1"), "clip_start='1'"),
        (lambda kv: kv.most_similar("east", clip_end=2.5), "clip_end=2.5"),
        (lambda kv: kv.similar_by_word("east", restrict_vocab="3"), "restrict_vocab='3'"),
        (lambda kv: kv.most_similar_cosmul("east", topn="3"), "topn='3'"),
        (lambda kv: kv.most_similar_batch(None), "keys=None: a word"),
        (lambda kv: kv.most_similar_batch(["east"], topn="3"), "topn='3'"),
        (lambda kv: kv.analogies(None), "questions=None: a list of"),
        (lambda kv: kv.analogies([("east", 1, 2)], restrict_vocab=2.5), "restrict_vocab=2.5"),
        (lambda kv: kv.reduce(2.5), "dim=2.5"),
        (lambda kv: kv.convert(keep="3"), "keep='3'"),
        (lambda kv: kv.most_similar_batch(["east", np.ones(2)]), "keys: vectors of one length"),
        (lambda kv: kv.most_similar_batch([np.ones(2), np.ones(3)]), "keys: vectors of one length"),
        (lambda kv: kv.most_similar_batch(["east"], rerank=5), "rerank=5: KeyedVectors or"),
        (lambda kv: kv.most_similar_batch(["east"], workers="2"), "workers='2'"),
        (lambda kv: kv.sentence_vectors([None]), "sentence=None: a list of words"),
        (lambda kv: kv.sentence_vectors([["east"]], sif="a"), "sif='a': a number"),
        (lambda kv: kv.sentence_vectors([["east"]], remove=1.5), "remove=1.5"),
        (lambda kv: KeyedVectors(1.5), "vector_size=1.5"),
        (lambda kv: KeyedVectors(2, "a"), "count='a'"),
    ],
)
def test_what_is_of_a_wrong_kind_is_named(kv, ask, says):
    with pytest.raises(TypeError, match=says):
        ask(kv)


@pytest.mark.parametrize(
    "ask, says",
    [
        (lambda kv: kv.most_similar("east", restrict_vocab=-1), "restrict_vocab=-1"),
        (lambda kv: kv.most_similar_cosmul("east", restrict_vocab=-1), "restrict_vocab=-1"),
        (lambda kv: kv.most_similar_batch(["east"], restrict_vocab=-1), "restrict_vocab=-1"),
        (lambda kv: kv.most_similar_batch(np.array(3)), r"keys of int64, \(\): words, rows, or vectors"),
        (lambda kv: kv.most_similar_batch(np.ones((2, 2), complex)), "keys of complex128"),
        (lambda kv: kv.analogies([None]), "a question is three keys"),
        (lambda kv: kv.cosine_similarities(np.ones(2), np.ones(2)), r"\(2,\) and rows of \(2,\)"),
        (lambda kv: kv.cosine_similarities(np.ones(3), np.ones((1, 2))), r"rows of \(1, 2\)"),
        (lambda kv: KeyedVectors(-1), "vector_size=-1"),
        (lambda kv: KeyedVectors(2, -1), "count=-1"),
    ],
)
def test_what_is_out_of_range_is_named(kv, ask, says):
    with pytest.raises(ValueError, match=says):
        ask(kv)


def test_vectors_in_a_list_or_of_whole_numbers(kv):
    found = kv.most_similar_batch(np.array([[2.0, 0], [0, -3]]), topn=2)
    for given in ([np.array([2, 0]), np.array([0, -3])], [[2.0, 0], (0, -3)], np.array([[2, 0], [0, -3]])):
        assert np.array_equal(kv.most_similar_batch(given, topn=2), found)


@pytest.mark.parametrize(
    "scale, dtype, near",
    [(s, np.float32, 2e-6) for s in (1e-30, 1e-24, 1e19, 1e30)]
    + [(8e3, np.float16, 1e-3), (1e37, np.float64, 2e-6)],
)
def test_vectors_of_any_size_have_the_same_neighbours(scale, dtype, near):
    rows = np.random.default_rng(2).standard_normal((30, 70)).astype(dtype)
    words = [f"w{i}" for i in range(len(rows))]
    plain, scaled = KeyedVectors(70, dtype=dtype), KeyedVectors(70, dtype=dtype)
    plain.add_vectors(words, rows)
    scaled.add_vectors(words, rows * dtype(scale))
    for ask in (
        lambda kv: np.array([score for _, score in kv.most_similar("w3", topn=5)]),
        lambda kv: np.array(
            [score for _, score in kv.most_similar([kv.get_vector("w3", norm=True), "w4"], ["w5"])]
        ),
        lambda kv: kv.most_similar_batch(kv.vectors)[1],
        lambda kv: kv.most_similar_batch(words)[1],
        lambda kv: kv.analogies([("w1", "w2", "w3")], topn=5)[1],
        lambda kv: kv.distances("w3"),
        lambda kv: kv.cosine_similarities(kv["w3"], kv.vectors),
        lambda kv: kv.sentence_vectors([["w1", "w2"], ["w3"]]),
        lambda kv: kv.get_vector("w1", norm=True),
        lambda kv: kv.get_normed_vectors(),
        lambda kv: np.array(kv.n_similarity(["w1"], ["w2", "w3"])),
        lambda kv: np.array([score for _, score in kv.most_similar_cosmul("w3")]),
        lambda kv: np.array([score for score, _ in kv.rank_by_centrality(words)]),
    ):
        assert ask(scaled) == pytest.approx(ask(plain), abs=near)


def test_halves_answer_alike_alone_and_in_a_batch():
    rows = np.random.default_rng(3).standard_normal((2_000, 40)).astype(np.float16)
    kv = KeyedVectors._from_parts(WordTable.from_words(f"w{i}" for i in range(len(rows))), rows)
    exact = rows.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    cosines = exact[:60] @ exact.T
    _, scores = kv.most_similar_batch(range(60), topn=5)
    for i, (row, batch) in enumerate(zip(cosines, scores, strict=True)):
        alone = [score for _, score in kv.most_similar(f"w{i}", topn=5)]
        true = pytest.approx(np.sort(row)[:-7:-1][1:], abs=3e-7)
        assert alone == true and batch == true
        assert kv.distances(i)[:9] == pytest.approx(1 - row[:9], abs=1e-6)


@pytest.mark.parametrize("size", [1e-36, 1e-40, 1e-45])
def test_what_is_too_short_counts_as_zeros(size):
    kv = KeyedVectors(2)
    kv.add_vectors(["a", "b", "c"], [[size, size], [size, 0], [1, 0]])
    assert kv.similarity("a", "b") == kv.similarity("a", "c") == kv.n_similarity(["a"], ["b"]) == 0
    assert kv.distances("a").tolist() == kv.distances("a", ["a", "b", "c"]).tolist() == [1, 1, 1]
    assert dict(kv.most_similar("c")) == {"a": 0, "b": 0} and kv.norms.tolist() == [0, 0, 1]
    assert kv.get_vector("a", norm=True) == pytest.approx(kv["a"])
    assert np.isfinite(kv.sentence_vectors([["a", "b"], ["a", "c"]])).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_queries_must_be_finite(kv, value):
    vector = np.array([value, 1], np.float32)
    for ask in (kv.most_similar, kv.similar_by_vector, kv.most_similar_cosmul):
        with pytest.raises(ValueError, match=r"query \(a vector\) holds NaN or infinity"):
            ask(vector)
    with pytest.raises(ValueError, match=r"query 'east', \(a vector\) holds"):
        kv.most_similar(["east", vector], topn=None)
    with pytest.raises(ValueError, match="query 4 holds"):
        kv.most_similar_batch(np.array([[1, 2]] * 4 + [vector, vector]))


def test_a_word_that_is_not_finite_is_no_query_and_no_answer(kv):
    kv = kv.copy()
    kv.add_vector("bad", [np.nan, 1])
    with pytest.raises(ValueError, match="query 'bad' holds"):
        kv.most_similar("bad")
    with pytest.raises(ValueError, match="query 1 holds"):
        kv.most_similar_batch(["east", "bad"])
    with pytest.raises(ValueError, match="query 1 holds"):
        kv.analogies([("north", "east", "south"), ("north", "bad", "east")])
    assert "bad" not in dict(kv.most_similar("east"))


def test_integers_of_numpy_are_integers(kv):
    two = np.int64(2)
    assert kv.most_similar("east", topn=two, restrict_vocab=np.int32(3)) == kv.most_similar(
        "east", [], 2, 0, 3
    )
    assert kv.reduce(np.uint8(1)).vector_size == 1


def test_vectors_of_keys(kv):
    assert kv["east"].tolist() == [3, 0] == kv[1].tolist() == kv[np.int64(1)].tolist()
    assert kv[["east", 0]].tolist() == [[3, 0], [0, 2]] and kv[np.array([3])].tolist() == [[0, -1]]
    assert kv.get_vector("far north", norm=True).tolist() == [0, 1]
    assert kv.get_vector("nowhere", norm=True).tolist() == [0, 0]
    assert kv[[]].shape == (0, 2)
    with pytest.raises(ValueError, match="read-only"):
        kv["east"][0] = 1
    assert kv.norms.tolist() == [2, 3, pytest.approx(math.sqrt(2)), 1, 0, 9]
    assert kv.get_normed_vectors() == pytest.approx(
        np.array([[0, 1], [1, 0], [HALF, HALF], [0, -1], [0, 0], [0, 1]])
    )


@pytest.mark.parametrize("key", ["up", "", 6, -1, 1.5, None])
def test_unknown_keys_are_named(kv, key):
    with pytest.raises(KeyError, match=f"Key '{key}' not present"):
        kv.get_vector(key)
    with pytest.raises(KeyError, match=f"Key '{key}' not present"):
        kv.get_index(key)


def test_unknown_keys_of_queries(kv):
    for query in (
        lambda: kv.most_similar("up"),
        lambda: kv.most_similar(["north"], ["up"]),
        lambda: kv.similarity("north", "up"),
        lambda: kv[["north", "up"]],
        lambda: kv.get_vecattr("up", "count"),
    ):
        with pytest.raises(KeyError, match="Key 'up' not present"):
            query()
    with pytest.raises(KeyError, match="color"):
        kv.get_vecattr("north", "color")
    kv.counts = None
    with pytest.raises(KeyError, match="count"):
        kv.get_vecattr("north", "count")


@pytest.mark.parametrize("wrong", [b"east", [b"east"], [1.0, 2.0], [("east", 1, 2)], [None]], ids=str)
def test_what_is_neither_word_nor_vector_is_named(kv, wrong):
    with pytest.raises(TypeError, match="is no"):  # bytes are not the numbers of rows
        kv.most_similar(wrong)
    with pytest.raises(TypeError, match="is no"):
        kv.most_similar("north", negative=wrong)


def test_distances_of_a_vector_of_another_length(kv):
    for others in ((), ["east"]):
        with pytest.raises(ValueError, match=r"a vector of shape \(3,\) among vectors of \(2,\)"):
            kv.distances(np.ones(3), others)


def test_norms_follow_vectors_when_told(kv):
    assert kv.norms[0] == 2
    kv.vectors = np.ones((6, 2), np.float32)
    kv.fill_norms()
    assert kv.norms[0] == 2
    kv.fill_norms(force=True)
    assert kv.norms[0] == pytest.approx(math.sqrt(2))


def test_most_similar(kv):
    everything = [("far north", 1), ("northeast", HALF), ("east", 0), ("nowhere", 0), ("south", -1)]
    assert approximately(everything) == kv.most_similar("north")
    assert (
        approximately(everything[:2]) == kv.most_similar(["north"], topn=2) == kv.similar_by_word("north", 2)
    )
    assert approximately(everything[1:2]) == kv.similar_by_key("north", topn=1, restrict_vocab=4)
    assert kv.most_similar("north", topn=0) == []
    assert kv.most_similar(0, topn=1)[0][0] == "far north"


def test_most_similar_by_vectors_and_weights(kv):
    vector = np.array([0, 5], np.float32)
    assert [w for w, _ in kv.similar_by_vector(vector)] == [
        "north",
        "far north",
        "northeast",
        "east",
        "nowhere",
        "south",
    ]
    assert kv.similar_by_vector([0, 5]) == kv.most_similar(vector) == kv.most_similar([vector])
    assert kv.most_similar(np.array([[0, 5], [5, 0]], np.float32), topn=1) == approximately(
        [("northeast", 1)]
    )
    assert kv.most_similar(["north", "east"], topn=1) == approximately([("northeast", 1)])
    assert kv.most_similar("northeast", "east", topn=1)[0][0] == "north"
    # 3 north + 4 east: cosine with east 4 / 5
    assert kv.most_similar([("north", 3), (vector * 0, 1), ("far north", 0), (1, 4)], topn=None)[
        1
    ] == pytest.approx(0.8)
    assert kv.most_similar(negative=["north"], topn=1) == approximately([("south", 1)])
    with pytest.raises(ValueError, match="no input"):
        kv.most_similar()
    with pytest.raises(ValueError, match="shape"):
        kv.similar_by_vector([1, 2, 3])


def test_clipping(kv):
    found = kv.most_similar("north", clip_start=1, clip_end=4)
    assert [w for w, _ in found] == ["northeast", "east", "south"]
    assert [w for w, _ in kv.most_similar("north", clip_start=1, restrict_vocab=3)] == ["northeast", "east"]
    assert len(kv.most_similar("north", restrict_vocab=99)) == 5
    assert kv.most_similar("north", clip_start=4, clip_end=2) == []
    assert kv.most_similar("north", topn=None) == pytest.approx([1, 0, HALF, -1, 0, 1])
    assert kv.most_similar("north", topn=None, clip_start=2, clip_end=4) == pytest.approx([HALF, -1])


def test_indexer_is_asked(kv):
    class Indexer:
        def most_similar(self, vector, topn):
            return vector.tolist(), topn

    assert kv.most_similar("far north", topn=3, indexer=Indexer()) == ([0, 1], 3)
    for wrong in (5, kv, Indexer, types.SimpleNamespace(most_similar=None)):
        with pytest.raises(TypeError, match=r"indexer=.*: an object with most_similar"):
            kv.most_similar("far north", indexer=wrong)


def test_similarities(kv):
    assert kv.similarity("north", "northeast") == pytest.approx(HALF)
    assert kv.distance("north", "south") == pytest.approx(2)
    assert kv.similarity("north", "nowhere") == 0
    # The mean of (0, 2) and (3, 0), not scaled before, against (1, 1).
    assert kv.n_similarity(["north", "east", "up"], ["northeast"]) == pytest.approx(5 / math.sqrt(26))
    with pytest.raises(ZeroDivisionError):
        kv.n_similarity([], ["north"])
    assert kv.doesnt_match(["north", "far north", "south", "northeast", "up"]) == "south"
    assert [w for _, w in kv.rank_by_centrality(["south", "north", "northeast"])] == [
        "northeast",
        "north",
        "south",
    ]
    with pytest.raises(ValueError, match="empty"):
        kv.doesnt_match(["up"])


def test_mean_vector(kv):
    assert kv.get_mean_vector(["north", "east"]).tolist() == [0.5, 0.5]
    assert kv.get_mean_vector(["north", "east", "up"], [1, -3, 9], pre_normalize=False).tolist() == [
        -2.25,
        0.5,
    ]
    assert kv.get_mean_vector(["north", "far north"], post_normalize=True).tolist() == [0, 1]
    assert kv.get_mean_vector(["up"]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="same number"):
        kv.get_mean_vector(["north"], [1, 2])
    with pytest.raises(KeyError, match="'up' not present in vocabulary"):
        kv.get_mean_vector(["north", "up"], ignore_missing=False)


def test_save_and_load(kv, tmp_path):
    path = tmp_path / "again.fvec"
    kv.save(path)
    kv.save(str(path))
    for mmap in ("r", None):
        found = KeyedVectors.load(path, mmap=mmap, verify=True)
        assert found.words == kv.words and np.array_equal(found.vectors, kv.vectors)
        assert found.counts.tolist() == kv.counts.tolist() and found.metadata == {"a": "b"}
        assert found.vectors.flags.writeable is (mmap is None)
    with pytest.raises(ValueError, match="mmap='w'"):
        KeyedVectors.load(path, mmap="w")
    path.write_bytes(b"4 2\nnorth 1 2\n")
    with pytest.raises(FormatError, match=r"again\.fvec"):
        KeyedVectors.load(path)


def test_a_file_may_be_saved_over_itself_while_it_is_mapped(kv, tmp_path):
    path = tmp_path / "self.fvec"
    kv.save(path)
    mapped = KeyedVectors.load(path)
    mapped.save(path)
    assert np.array_equal(mapped.vectors, VECTORS) and np.array_equal(
        KeyedVectors.load(path).vectors, VECTORS
    )


def test_constructor():
    empty = KeyedVectors(3)
    assert len(empty) == 0 and empty.vector_size == 3 and empty.vectors.dtype == np.float32
    assert empty.most_similar(np.ones(3)) == [] and "a" not in empty
    assert KeyedVectors(3, count=2, dtype=np.float64).vectors.shape == (2, 3)
    with pytest.raises(ValueError, match="one row a word"):
        KeyedVectors._from_parts(WordTable.from_words("ab"), np.zeros((3, 2), np.float32))


def test_saving_where_there_is_no_directory(tmp_path):
    path = tmp_path / "nowhere" / "x"
    with pytest.raises(FileNotFoundError) as caught:
        KeyedVectors(2).save(path)
    assert str(caught.value).endswith(f"No such file or directory: {str(path)!r}")
