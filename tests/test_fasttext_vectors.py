"""Vectors with subwords: composed, asked with any string, saved, loaded, damaged."""

import copy
import pickle

import numpy as np
import pytest
from test_subwords import WORDS as STRANGE

from fastvec import store
from fastvec.errors import FormatError
from fastvec.fasttext_vectors import FastTextKeyedVectors, subwords_of
from fastvec.keyedvectors import KeyedVectors
from fastvec.subwords import Subwords
from fastvec.tensors import open_tensors, save_tensors
from fastvec.words import WordTable

WORDS = ["north", "east", "northeast", "한국어", "größer", "</s>", "a"]
SUBWORDS = Subwords(3, 5, 50)
COUNTS = np.arange(7, 0, -1)


def rows_of(width=16, n=57):
    return np.random.default_rng(0).standard_normal((n, width), np.float32)


def in_memory(vector_size=6):
    rows = rows_of()
    rows[:, vector_size:] = 0
    return FastTextKeyedVectors._from_rows(
        WordTable.from_words(WORDS), rows, COUNTS, {"a": "b"}, SUBWORDS, vector_size=vector_size
    )


def mean_of(kv, word):
    """The vector of `word` as its definition says."""
    rows = [kv.vectors_ngrams[bucket] for bucket in SUBWORDS.buckets(word)]
    if word in WORDS:
        rows.append(kv.vectors_vocab[WORDS.index(word)])
    return pytest.approx(np.mean(rows, axis=0), abs=1e-6)


@pytest.fixture(params=["memory", "mapped", "read"])
def kv(request, tmp_path, each_backend):
    made = in_memory()
    if request.param == "memory":
        return made
    made.save(tmp_path / "words.fvec")
    return KeyedVectors.load(tmp_path / "words.fvec", mmap="r" if request.param == "mapped" else None)


@pytest.fixture
def without():
    """Vectors whose subwords are off."""
    rows = rows_of(6, len(WORDS))
    return FastTextKeyedVectors._from_rows(WordTable.from_words(WORDS), rows, COUNTS, None, Subwords(max_n=0))


# ---- Lock factors


@pytest.mark.parametrize("subwords", [True, False])
def test_lock_factors_go_with_their_words(subwords, without):
    kv = in_memory() if subwords else without
    factors = dict(zip(WORDS, (np.arange(7, dtype=np.float32) / 8).tolist(), strict=True))
    kv.vectors_lockf = kv.vectors_vocab_lockf = np.array(list(factors.values()), np.float32)
    kv.vectors_ngrams_lockf = np.array([0.25], np.float32)
    kv.counts = COUNTS[::-1].copy()

    def check(found, new=()):
        expected = [factors.get(word, 1) for word in found.words]
        assert found.vectors_lockf.tolist() == found.vectors_vocab_lockf.tolist() == expected
        assert found.vectors_ngrams_lockf.tolist() == [0.25] and set(new) < set(found.words)
        assert not any(np.shares_memory(a, b) for a, b in zip(found.locks().values(), before, strict=True))

    before = list(kv.locks().values())
    check(kv.filter(lambda word: "east" in word))
    check(kv.without(["east"]))
    check(kv.merge(kv.filter(lambda word: word == "a")))
    grown = kv.copy()
    grown.add_vectors(["new", "words"], np.ones((2, 6)))
    check(grown, ["new", "words"])
    kv.sort_by_descending_frequency()
    assert list(kv.words) == WORDS[::-1]
    check(kv)


def test_one_lock_factor_for_all_stays_one():
    kv = in_memory()
    kv.vectors_vocab_lockf = np.zeros(1, np.float32)
    assert kv.without(["east"]).vectors_vocab_lockf.tolist() == [0]
    kv.add_vector("new", np.ones(6))
    assert kv.vectors_vocab_lockf.tolist() == [0]


# ---- Vectors


def test_vectors_are_means_of_bags(kv):
    assert type(kv) is FastTextKeyedVectors and isinstance(kv, KeyedVectors)
    assert (kv.min_n, kv.max_n, kv.bucket, kv.vector_size, len(kv)) == (3, 5, 50, 6, 7)
    assert kv.vectors.shape == kv.vectors_vocab.shape == (7, 6) and kv.vectors_ngrams.shape == (50, 6)
    for i, word in enumerate(WORDS):
        assert kv[word] == mean_of(kv, word) and kv[i].tolist() == kv[word].tolist()
    assert kv["</s>"].tolist() == kv.vectors_vocab[5].tolist()
    assert kv.metadata == {"a": "b"} and kv.get_vecattr("east", "count") == 6


def test_any_string_has_a_vector(kv):
    for word in ["northern", "seoul 한국", "é👩‍👩‍👧", "</s", "th"]:
        assert word in kv and not kv.has_index_for(word) and word not in kv.key_to_index
        assert kv[word] == mean_of(kv, word) and not kv[word].flags.writeable
        unit = kv.get_vector(word, norm=True)
        assert np.linalg.norm(unit) == pytest.approx(1) and unit @ kv[word] > 0
        assert kv[word].dtype == np.float32
    assert "north" in kv and kv.has_index_for("north") and 6 in kv and 7 not in kv and -1 not in kv
    assert kv.get_index("northern", -1) == -1
    for unknown in (7, -1):
        with pytest.raises(KeyError, match=f"Key '{unknown}' not present"):
            kv.get_vector(unknown)
    with pytest.raises(KeyError, match="Key 'northern' not present"):
        kv.get_index("northern")
    with pytest.raises(KeyError, match="surrogates"):
        kv.get_vector("\ud800")


def test_a_string_without_ngrams_is_zero_with_a_warning(kv):
    assert "" in kv
    for norm in (False, True):
        with pytest.warns(RuntimeWarning, match=r"no n-grams \(min_n=3, max_n=5, bucket=50\) in ''"):
            assert kv.get_vector("", norm=norm).tolist() == [0] * 6
    with pytest.warns(RuntimeWarning, match=r"in ''.*1 others"):
        found = kv.vectors_for(["", "north", "", "northern"])
    assert not found[[0, 2]].any() and found[3] == mean_of(kv, "northern")


def test_batches_are_the_vectors_one_by_one(kv):
    keys = ["northern", "north", 3, "한국", np.int64(0), "east", "east"]
    for workers in (1, 3, None):
        found = kv.vectors_for(keys, workers)
        assert found.shape == (7, 6) and found.dtype == np.float32
        assert np.array_equal(found, np.stack([kv.get_vector(key) for key in keys]))
    assert np.array_equal(kv[keys], found) and np.array_equal(kv[["x", "y"]], kv.vectors_for(("x", "y")))
    assert np.array_equal(kv[["east", 0]], kv.vectors[[1, 0]]) and kv[[]].shape == (0, 6)
    with pytest.raises(KeyError, match="Key '7' not present"):
        kv[["north", 7]]
    with pytest.raises(KeyError, match="surrogates"):
        kv[["north", "\ud800"]]


def test_large_batches_are_cut(kv, monkeypatch):
    words = [f"north{i}" for i in range(20)]
    whole = kv.vectors_for(words)
    monkeypatch.setattr("fastvec.fasttext_vectors.UNKNOWN_AT_ONCE", 3)
    assert np.array_equal(kv.vectors_for(words), whole)


def test_queries_take_any_string(kv):
    plain = KeyedVectors._from_parts(kv.words, np.asarray(kv.vectors))
    found = kv.most_similar("northern", topn=3)
    assert found == plain.most_similar(kv["northern"], topn=3) and len(found) == 3
    assert "north" not in [word for word, _ in kv.most_similar("north", topn=7)]
    assert kv.most_similar(["northern", "east"], ["westward"], topn=2)
    assert kv.similarity("north", "northern") == pytest.approx(
        float(kv.get_vector("north", True) @ kv.get_vector("northern", True)), abs=1e-6
    )
    assert kv.n_similarity(["northern"], ["northern", "northern"]) == pytest.approx(1)
    assert kv.doesnt_match(["north", "north", "eastward"]) == "eastward"
    assert len(kv.rank_by_centrality(["northern", "eastern"])) == 2


def test_sentence_vector(kv):
    expected = np.mean([kv.get_vector(word, norm=True) for word in ("north", "westward")], axis=0)
    assert kv.get_sentence_vector(["north", "westward"]) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="no input"):
        kv.get_sentence_vector([])
    with pytest.raises(TypeError, match=r"north westward.*split"):
        kv.get_sentence_vector("north westward")


def test_subwords_that_are_off(without, tmp_path):
    without.save(tmp_path / "a")
    for kv in (without, KeyedVectors.load(tmp_path / "a", verify=True)):
        assert type(kv) is FastTextKeyedVectors and kv.bucket == 0 and kv.vectors_ngrams.shape == (0, 6)
        assert np.array_equal(kv["north"], kv.vectors_vocab[0]) and "north" in kv and "northern" not in kv
        for ask in (kv.get_vector, kv.similar_by_word, lambda word, kv=kv: kv[["north", word]]):
            with pytest.raises(KeyError, match=r"northern.*not present") as caught:
                ask("northern")
        assert "subwords are off (min_n=3, max_n=0, bucket=0)" in str(caught.value)
        assert [bag.tolist() for bag in kv.buckets_word] == [[]] * 7
    assert without.vectors is without.vectors_vocab


# ---- Rows that training changes


def test_rows_are_shared_and_composed_anew_when_told():
    rows = rows_of()
    kv = FastTextKeyedVectors._from_rows(
        WordTable.from_words(WORDS), rows, COUNTS, None, SUBWORDS, vector_size=5
    )
    assert np.shares_memory(kv.vectors_vocab, rows) and np.shares_memory(kv.vectors_ngrams, rows)
    before, norms = kv.vectors.copy(), kv.norms.copy()
    rows *= 2
    assert np.array_equal(kv.vectors, before)
    kv.refresh()
    assert np.allclose(kv.vectors, 2 * before) and np.allclose(kv.norms, 2 * norms)
    assert kv["northern"] == mean_of(kv, "northern")
    with pytest.raises(ValueError, match="56 rows for 7 words and bucket=50"):
        FastTextKeyedVectors._from_rows(WordTable.from_words(WORDS), rows[1:], COUNTS, None, SUBWORDS)


def test_bags_follow_words_when_told():
    kv = in_memory()
    assert [bag.tolist() for bag in kv.buckets_word] == [SUBWORDS.buckets(word).tolist() for word in WORDS]
    kv.words = WordTable.from_words(WORDS[::-1])
    kv.recalc_char_ngram_buckets()
    assert kv.buckets_word[-1].tolist() == SUBWORDS.buckets("north").tolist()


def test_constructor():
    kv = FastTextKeyedVectors(4, 2, 3, 10)
    assert len(kv) == 0 and kv.vectors_ngrams.shape == (10, 4) and kv["any"].tolist() == [0] * 4
    assert FastTextKeyedVectors(4, 3, 2, 10).bucket == 0
    assert FastTextKeyedVectors(4, 2, 3, 10, count=2).vectors_vocab.shape == (2, 4)
    with pytest.raises(ValueError, match="float64"):
        FastTextKeyedVectors(4, dtype=np.float64)
    with pytest.raises(ValueError, match="min_n=-1"):
        FastTextKeyedVectors(4, min_n=-1)


def test_copies(kv):
    for twin in (copy.deepcopy(kv), pickle.loads(pickle.dumps(kv))):
        assert np.array_equal(twin["northern"], kv["northern"]) and np.array_equal(twin.vectors, kv.vectors)


# ---- gensim


@pytest.mark.parametrize("lengths", [(3, 6, 1000), (1, 2, 7), (2, 4, 1), (5, 3, 10)])
def test_gensim_composes_the_same_vectors(lengths):
    fasttext = pytest.importorskip("gensim.models.fasttext")
    subwords = Subwords(*lengths)
    words = list(dict.fromkeys([*WORDS, *STRANGE]))
    words.remove("</s>")  # which has n-grams in gensim
    rows = rows_of(8, len(words) + subwords.bucket)
    mine = FastTextKeyedVectors._from_rows(WordTable.from_words(words), rows, None, None, subwords)
    theirs = fasttext.FastTextKeyedVectors(8, *lengths[:2], subwords.bucket)
    theirs.index_to_key, theirs.key_to_index = words, {word: i for i, word in enumerate(words)}
    theirs.vectors_vocab, theirs.vectors_ngrams = rows[: len(words)].copy(), rows[len(words) :].copy()
    theirs.recalc_char_ngram_buckets()
    theirs.adjust_vectors()
    assert np.array_equal(mine.vectors, theirs.vectors)
    assert list(map(list, mine.buckets_word)) == list(map(list, theirs.buckets_word))
    for word in ["northern", "한국", "é", "👩‍👩‍👧x"] if subwords.enabled else []:
        assert (word in mine) is (word in theirs) is True
        assert np.array_equal(mine.get_vector(word), theirs.get_vector(word))
        assert mine.get_vector(word, True) == pytest.approx(theirs.get_vector(word, True), abs=1e-6)
    if not subwords.enabled:
        assert ("northern" in mine) is ("northern" in theirs) is False
        with pytest.raises(KeyError):
            theirs.get_vector("northern")
    known = ["north", "größer", 0]
    assert mine.get_sentence_vector(known[:2]) == pytest.approx(
        theirs.get_sentence_vector(known[:2]), abs=1e-6
    )


def test_fasttext_gives_the_same_vectors(tmp_path):
    fasttext = pytest.importorskip("fasttext")
    (tmp_path / "text").write_text("the north 한국어 größer e\u0301 👩‍👩‍👧 east\n" * 3, "utf-8")
    model = fasttext.train_unsupervised(
        str(tmp_path / "text"), minn=2, maxn=4, bucket=300, dim=5, epoch=1, minCount=1, thread=1, verbose=0
    )
    rows = rows_of(5, len(model.words) + 300)  # what it has trained on so little text may be NaN
    model.set_matrices(rows, model.get_output_matrix())
    mine = FastTextKeyedVectors._from_rows(
        WordTable.from_words(model.words), rows, None, None, Subwords(2, 4, 300)
    )
    for word in [*model.words, "northern", "한국", "é", "</s"]:
        assert mine[word] == pytest.approx(model.get_word_vector(word), rel=1e-5, abs=1e-6)
    sentence = "the northern 한국인 east"
    expected = model.get_sentence_vector(sentence)
    assert mine.get_sentence_vector(sentence.split()) == pytest.approx(expected, abs=1e-6)


# ---- Files


def test_save_and_load(kv, tmp_path):
    path = tmp_path / "again.fvec"
    kv.save(path)
    for mmap in ("r", None):
        for cls in (KeyedVectors, FastTextKeyedVectors):
            found = cls.load(path, mmap=mmap, verify=True)
            assert type(found) is FastTextKeyedVectors and found.subwords == kv.subwords
            assert found.metadata == {"a": "b"} and found.counts.tolist() == kv.counts.tolist()
            for name in ("vectors", "vectors_vocab", "vectors_ngrams"):
                assert np.array_equal(getattr(found, name), getattr(kv, name))
                assert getattr(found, name).flags.writeable is (mmap is None)
            assert found._bags is None, "not computed on opening"
            assert np.array_equal(found["northern"], kv["northern"])
            found.adjust_vectors()
            assert np.array_equal(found.vectors, kv.vectors)
    found.save(path)
    assert store.open_vectors(path).metadata == {"a": "b", "min_n": "3", "max_n": "5", "bucket": "50"}


def test_plain_vectors_alone(kv, tmp_path):
    kv.save(tmp_path / "a", ngrams=False)
    found = KeyedVectors.load(tmp_path / "a", verify=True)
    assert type(found) is KeyedVectors and np.array_equal(found.vectors, kv.vectors)
    assert found.metadata == {"a": "b"} and store.open_vectors(tmp_path / "a").extra == {}
    with pytest.raises(FormatError, match=r"a: it holds no n-grams; open it with KeyedVectors\.load"):
        FastTextKeyedVectors.load(tmp_path / "a")


def test_word2vec_format(kv, tmp_path):
    kv.save_word2vec_format(tmp_path / "a", binary=True)
    found = FastTextKeyedVectors.load_word2vec_format(tmp_path / "a", binary=True)
    assert np.array_equal(found.vectors, kv.vectors) and found.bucket == 0 and "northern" not in found
    assert type(KeyedVectors.load_word2vec_format(tmp_path / "a", binary=True)) is KeyedVectors


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"bucket": "51"}, "50 rows of n-grams and 7 words do not fit"),
        ({"bucket": "0"}, "do not fit"),
        ({"bucket": "2147483648"}, "damaged"),
        ({"bucket": "-50"}, "damaged"),
        ({"bucket": ""}, "damaged"),
        ({"bucket": None}, "damaged.*bucket"),
        ({"min_n": "6"}, "do not fit"),
        ({"min_n": "x"}, "damaged"),
        ({"max_n": "9" * 5000}, "damaged"),
        ({"max_n": None}, "damaged.*max_n"),
        ({"vectors_vocab": None}, "'vectors_vocab' is missing beside 'vectors_ngrams'"),
        ({"vectors_ngrams": None}, "'vectors_ngrams' is missing beside 'vectors_vocab'"),
        ({"vectors_ngrams": np.zeros((49, 6), np.float32)}, "49 rows"),
        ({"vectors_ngrams": np.zeros((50, 5), np.float32)}, "'vectors_ngrams' is"),
        ({"vectors_ngrams": np.zeros((50, 6), np.float64)}, "'vectors_ngrams' is"),
        ({"vectors_vocab": np.zeros((8, 6), np.float32)}, "'vectors_vocab' is"),
    ],
)
def test_files_that_lie(tmp_path, change, reason):
    path, kv = tmp_path / "words.fvec", in_memory()
    kv.save(path)
    held = open_tensors(path, mmap=False)
    texts = {"fvec_version": "1", **held.metadata}
    for name, value in change.items():
        (held if name.startswith("vectors") else texts)[name] = value
    kept = {name: array for name, array in held.items() if array is not None}
    save_tensors(path, kept, {name: text for name, text in texts.items() if text is not None})
    for cls in (KeyedVectors, FastTextKeyedVectors):
        with pytest.raises(FormatError, match=rf"(?s)words\.fvec.*{reason}"):
            cls.load(path)


def test_damaged_words_are_met_when_bags_are_asked_for(tmp_path):
    path = tmp_path / "words.fvec"
    in_memory().save(path)
    held = open_tensors(path, mmap=False)
    offsets = held["offsets"].copy()
    offsets[3] = 10**12
    save_tensors(path, {**held, "offsets": offsets}, {"fvec_version": "1", **held.metadata})
    kv = KeyedVectors.load(path)
    assert kv["northern"] == mean_of(kv, "northern")
    for ask in (lambda: kv.bags, kv.adjust_vectors, lambda: kv.buckets_word):
        with pytest.raises(FormatError, match=r"words\.fvec: the bounds of word 2"):
            ask()


def test_truncated_files(tmp_path):
    path = tmp_path / "words.fvec"
    in_memory().save(path)
    raw = path.read_bytes()
    for end in range(0, len(raw), 37):
        path.write_bytes(raw[:end])
        with pytest.raises(FormatError):
            KeyedVectors.load(path)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path, kv = tmp_path / "words.fvec", in_memory()
    kv.save(path)
    old = path.read_bytes()
    kv.vectors_ngrams = kv.vectors_ngrams[:, :3]
    with pytest.raises(ValueError, match="vectors_ngrams"):
        kv.save(path)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


def test_a_whole_model_s_file_is_opened_too(tmp_path):
    """Other matrices beside the subwords' do not matter."""
    kv = in_memory()
    extra = {"output_vectors": np.ones((7, 6), np.float32), "node_vectors": np.ones((7, 6)), **kv.tensors()}
    metadata = {"parameters": "{}", **kv.subwords.to_metadata()}
    store.save_vectors(tmp_path / "a", kv.words, kv.vectors, kv.counts, metadata, extra=extra)
    found = KeyedVectors.load(tmp_path / "a", verify=True)
    assert np.array_equal(found["northern"], kv["northern"]) and found.metadata == {"parameters": "{}"}
    assert subwords_of(store.open_vectors(tmp_path / "a")) == SUBWORDS
