"""Approximate search: what it finds, which index it trusts, and what it says where it does not."""

import pickle
import sys
import threading

import numpy as np
import pytest
from approximate_case import D, N, clustered, index_path, vectors_of

from fastvec import FastText, FormatError, KeyedVectors, approximate


@pytest.fixture
def memory():
    return vectors_of(clustered())


@pytest.fixture
def path(memory, tmp_path):
    memory.save(tmp_path / "words.fvec")
    return tmp_path / "words.fvec"


def without_usearch(monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    monkeypatch.setitem(sys.modules, "usearch.index", None)


def test_without_usearch(path, monkeypatch):
    without_usearch(monkeypatch)
    kv = KeyedVectors.load(path)
    index_path(path).write_bytes(b"anything")
    for call in (
        kv.build_index,
        kv.open_index,
        lambda: kv.most_similar("w1", search="approximate"),
        lambda: kv.most_similar_batch(["w1"], search="approximate"),
    ):
        with pytest.raises(ImportError, match=r"pip install 'fastvec\[ann\]'"):
            call()
    assert kv.most_similar("w1") and index_path(path).read_bytes() == b"anything"


def test_a_usearch_that_is_too_old(memory, monkeypatch):
    monkeypatch.setattr(pytest.importorskip("usearch"), "__version__", "2.26.0")
    with pytest.raises(ImportError, match=r"usearch 2\.26\.0 .* pip install -U 'fastvec\[ann\]'"):
        memory.build_index(threads=1)


@pytest.fixture
def built(path):
    pytest.importorskip("usearch")
    kv = KeyedVectors.load(path)
    kv.build_index(threads=1)
    return path


def same(found, exact):
    return len({word for word, _ in found} & {word for word, _ in exact})


# ---- What is found


@pytest.mark.parametrize("dtype, least", [("f32", 0.98), ("f16", 0.98), ("i8", 0.93)])
def test_most_of_what_the_exact_search_finds(path, dtype, least):
    pytest.importorskip("usearch")
    kv = KeyedVectors.load(path)
    index = kv.build_index(dtype=dtype, threads=2)
    words = [f"w{i}" for i in range(0, N, 12)]
    total = 0
    for word in words:
        exact, found = kv.most_similar(word), kv.most_similar(word, search="approximate")
        assert kv.most_similar(word, indexer=index) == found
        assert word not in dict(found) and len(found) == 10
        scores = [score for _, score in found]
        assert scores == sorted(scores, reverse=True)
        assert all(score == pytest.approx(kv.similarity(word, other), abs=1e-5) for other, score in found)
        total += same(found, exact)
    assert total >= least * 10 * len(words)
    ids, scores = kv.most_similar_batch(words, 10, search="approximate", workers=2)
    assert ids.dtype == np.int64 and scores.dtype == np.float32 and ids.shape == scores.shape == (100, 10)
    exact_ids, _ = kv.most_similar_batch(words, 10)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(ids, exact_ids, strict=True)]) >= least
    assert not (ids == kv._rows(words)[:, None]).any(), "a word is not found itself"


@pytest.mark.parametrize("dtype, least", [(None, 0.99), ("f32", 0.99)])
def test_vectors_that_are_all_alike(dtype, least):
    """Cosines of 0.999 and more, whose differences float16 does not hold: the default finds as much as float32."""
    pytest.importorskip("usearch")
    kv = vectors_of(np.float32(100) + clustered())
    kv.build_index(threads=1, **({} if dtype is None else {"dtype": dtype}))
    exact, found = (kv.most_similar_batch(kv.vectors, 10, search=how)[0] for how in ("exact", "approximate"))
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)]) >= least


def test_questions_of_every_form(built):
    kv = KeyedVectors.load(built)
    for question in (
        {"positive": ["w1", "w2"], "negative": ["w3"]},
        {"positive": [("w1", 2.0), kv["w9"]]},
        {"positive": kv["w5"] * 3},
        {"positive": 7, "topn": 3},
    ):
        exact, found = kv.most_similar(**question), kv.most_similar(**question, search="approximate")
        assert len(found) == len(exact) and same(found, exact) >= len(exact) - 1
    assert kv.most_similar(kv["w5"], topn=1, search="approximate")[0][0] == "w5", "a vector has no row"
    assert np.array_equal(
        kv.most_similar("w1", topn=None, search="approximate"), kv.most_similar("w1", topn=None)
    )
    assert kv.most_similar("w1", topn=0, search="approximate") == []
    questions = [(f"w{i}", f"w{i + 1}", f"w{i + 2}") for i in range(50)]
    ids, exact = (kv.analogies(questions, 5, search=how)[0] for how in ("approximate", "exact"))
    assert (ids == exact).mean() > 0.9
    assert kv.most_similar_batch([], search="approximate")[0].size == 0
    assert kv.most_similar_batch(kv.vectors[:4], 1, search="approximate")[0].ravel().tolist() == [0, 1, 2, 3]


def test_the_index_itself_answers_as_an_indexer(built):
    kv = KeyedVectors.load(built)
    index = kv.open_index()
    assert index.most_similar(kv["w4"] * 9, 3)[0] == ("w4", pytest.approx(1))
    assert len(index) == N and repr(index) == f"Index<{N} x {D}, expansion_search=128>"
    index.expansion_search = 200
    assert index.expansion_search == 200
    with pytest.raises(ValueError, match="expansion_search=0"):
        index.expansion_search = 0
    with pytest.raises(ValueError, match="do not fit"):
        index.search(np.zeros((1, D + 1)), 3)

    class Other:
        def most_similar(self, vector, topn):
            return [("anything", topn)]

    assert kv.most_similar("w1", topn=4, restrict_vocab=5, indexer=Other()) == [("anything", 4)]


def test_more_than_there_are(tmp_path):
    pytest.importorskip("usearch")
    kv = vectors_of(clustered(60))
    kv.build_index(threads=1)
    ids, scores = kv.most_similar_batch(["w0", "w1"], 100, search="approximate")
    assert ids.shape == (2, 60) and (ids[:, -1] == -1).all() and np.isneginf(scores[:, -1]).all()
    exact = kv.most_similar_batch(["w0", "w1"], 100)
    assert np.array_equal(ids, exact[0]) and np.allclose(scores, exact[1], atol=1e-5)
    assert len(kv.most_similar("w0", topn=100, search="approximate")) == 59


def test_one_word_and_none(tmp_path):
    pytest.importorskip("usearch")
    for n in (0, 1, 2):
        kv = vectors_of(np.ones((n, 3), np.float32))
        kv.save(tmp_path / f"{n}.fvec")
        kv = KeyedVectors.load(tmp_path / f"{n}.fvec")
        kv.build_index(threads=1)
        found = KeyedVectors.load(tmp_path / f"{n}.fvec").most_similar(
            np.ones(3, np.float32), search="approximate"
        )
        assert [word for word, _ in found] == [f"w{i}" for i in range(n)]


def test_zeros_and_numbers_that_are_not_finite(tmp_path):
    pytest.importorskip("usearch")
    matrix = clustered(90)
    matrix[3], matrix[5], matrix[6, 2] = 0, np.nan, np.inf
    for dtype in approximate.METRICS:
        kv = vectors_of(matrix)
        kv.build_index(dtype=dtype, threads=1)
        found = dict(kv.most_similar("w1", topn=90, search="approximate"))
        assert found["w3"] == 0 and "w5" not in found and "w6" not in found
        assert 75 <= len(found) <= 87, "a graph need not lead to each"
        ids, scores = kv.most_similar_batch(np.zeros((1, D), np.float32), 5, search="approximate")
        assert (scores == 0).all() and (ids >= 0).all()
        with pytest.raises(ValueError, match="query 0 holds NaN"):
            kv.most_similar_batch(np.full((1, D), np.nan), 5, search="approximate")


@pytest.mark.parametrize("dtype", ["float16", "int8", "float64"])
def test_storage_of_other_types(memory, tmp_path, dtype):
    pytest.importorskip("usearch")
    memory.convert(dtype).save(tmp_path / "v.fvec")
    KeyedVectors.load(tmp_path / "v.fvec").build_index(threads=1)
    kv = KeyedVectors.load(tmp_path / "v.fvec")
    assert same(kv.most_similar("w1", search="approximate"), kv.most_similar("w1")) >= 9
    ids, _ = kv.most_similar_batch(["w1"], rerank=memory, search="approximate")
    assert len(set(ids[0]) & set(memory.most_similar_batch(["w1"])[0][0])) >= 9
    exact = kv.most_similar("w1", topn=100)
    kv.fill_norms()
    assert kv.most_similar("w1", topn=100) == exact
    assert set(kv.most_similar("w1", search="approximate")) <= set(exact)


def test_threads_ask_at_once(built):
    kv = KeyedVectors.load(built)
    wanted = [kv.most_similar(f"w{i}", search="approximate") for i in range(40)]
    wrong = []

    def ask():
        for i in range(40):
            if kv.most_similar(f"w{i}", search="approximate") != wanted[i]:
                wrong.append(i)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- Files


def test_the_file_lies_beside_and_is_mapped(built):
    kv = KeyedVectors.load(built)
    assert sorted(p.name for p in built.parent.iterdir()) == ["words.fvec", "words.fvec.usearch"]
    found = kv.most_similar("w1", search="approximate")
    kept = kv._index
    assert kv.most_similar("w1", search="approximate") == found and kv._index is kept and kept._data.readonly
    moved = built.parent / "elsewhere"
    moved.mkdir()
    for name in (built, index_path(built)):
        (moved / name.name).write_bytes(name.read_bytes())
    assert KeyedVectors.load(moved / built.name).most_similar("w1", search="approximate") == found


def test_usearch_reads_the_file_too(built):
    usearch = pytest.importorskip("usearch.index")
    index = usearch.Index.restore(str(index_path(built)), view=True)
    assert len(index) == N and index.ndim == D


def test_pickles_leave_the_index_to_the_file(built):
    kv = KeyedVectors.load(built)
    found = kv.most_similar("w1", search="approximate")
    again = pickle.loads(pickle.dumps(kv))
    assert again._index is None and again.most_similar("w1", search="approximate") == found
    assert kv.copy()._index is None


def test_an_index_that_fits_is_not_built_again(built):
    before = index_path(built).stat().st_mtime_ns, index_path(built).read_bytes()
    kv = KeyedVectors.load(built)
    told = []
    index = kv.build_index(expansion_search=33, progress=lambda *done: told.append(done))
    assert index.expansion_search == 33 and not told
    assert (index_path(built).stat().st_mtime_ns, index_path(built).read_bytes()) == before
    kv.build_index(dtype="i8", progress=lambda *done: told.append(done))
    assert told == [(N, N)] and index_path(built).stat().st_size < len(before[1])
    assert (
        KeyedVectors.load(built).build_index(dtype="i8", connectivity=8).search(kv.vectors[:1], 1)[0].size
        == 1
    )


def test_no_index_there(path, memory):
    pytest.importorskip("usearch")
    with pytest.raises(FileNotFoundError, match=r"build_index\(\) builds it.*words\.fvec\.usearch"):
        KeyedVectors.load(path).most_similar("w1", search="approximate")
    for call in (memory.open_index, lambda: memory.most_similar("w1", search="approximate")):
        with pytest.raises(ValueError, match=r"no mapped file: kv\.build_index\(\)"):
            call()


def test_vectors_in_memory(memory, tmp_path):
    pytest.importorskip("usearch")
    index = memory.build_index(threads=1)
    assert not list(tmp_path.iterdir()) and index._data is None
    found = memory.most_similar("w1", search="approximate")
    assert same(found, memory.most_similar("w1")) >= 9
    memory.build_index(tmp_path / "my.index", threads=1)
    other = vectors_of(clustered())
    assert same(other.most_similar("w1", indexer=other.open_index(tmp_path / "my.index")), found) >= 9
    with pytest.raises(FormatError, match="not of these vectors"):
        vectors_of(clustered(seed=1)).open_index(tmp_path / "my.index")


@pytest.mark.parametrize(
    "change",
    [
        lambda kv: kv.add_vector("new", np.ones(D)),
        lambda kv: kv.add_vectors(["w1"], np.ones((1, D)), replace=True),
        lambda kv: kv.unit_normalize_all(),
        lambda kv: kv.fill_norms(force=True),
        lambda kv: setattr(kv, "vectors", kv.vectors[::-1].copy()),
    ],
)
def test_vectors_that_change_leave_their_index(memory, change):
    pytest.importorskip("usearch")
    index = memory.build_index(threads=1)
    memory.most_similar("w1", search="approximate")
    change(memory)
    for call in (
        lambda: memory.most_similar("w1", search="approximate"),
        lambda: memory.most_similar("w1", indexer=index),
        lambda: memory.most_similar_batch(["w1"], search="approximate"),
    ):
        with pytest.raises(FormatError, match=r"changed since; kv\.build_index\(\) builds it anew"):
            call()
    memory.fill_norms(force=True)
    memory.build_index(threads=1)
    assert same(memory.most_similar("w1", search="approximate"), memory.most_similar("w1")) >= 9


def test_an_index_of_other_vectors_is_refused(built):
    kv, again = KeyedVectors.load(built), KeyedVectors.load(built)
    assert again.most_similar("w1", indexer=kv.open_index()), "the same file"
    with pytest.raises(FormatError, match="of other vectors"):
        vectors_of(clustered(seed=1)).most_similar("w1", indexer=kv.open_index())


def test_a_stale_index_is_refused_and_built_anew(built):
    vectors_of(clustered(seed=5)).save(built)
    kv = KeyedVectors.load(built)
    with pytest.raises(FormatError, match=r"not of these vectors; kv\.build_index\(\) builds it anew"):
        kv.most_similar("w1", search="approximate")
    kv.build_index(threads=1)
    assert same(KeyedVectors.load(built).most_similar("w1", search="approximate"), kv.most_similar("w1")) >= 9


def test_a_file_that_was_replaced_gets_no_index_of_the_old_one(built):
    kv = KeyedVectors.load(built)
    vectors_of(clustered(seed=5)).save(built)
    KeyedVectors.load(built).build_index(threads=1)
    for call in (kv.build_index, kv.open_index):
        with pytest.raises(FormatError):
            call()
    assert KeyedVectors.load(built).open_index()
    assert kv.build_index(built.parent / "own.usearch").most_similar(kv["w1"], 1)[0][0] == "w1"


@pytest.mark.parametrize(
    "turned", [np.asfortranarray, lambda a: a[::-1], lambda a: np.repeat(a, 2, axis=1)[:, ::2]]
)
def test_rows_in_any_order_of_memory(turned):
    pytest.importorskip("usearch")
    plain, other = vectors_of(clustered()), vectors_of(clustered())
    other.vectors = turned(plain.vectors)
    plain.vectors = np.array(other.vectors)
    for kv in (plain, other):
        kv.build_index(threads=1)
    assert plain.most_similar("w1", search="approximate") == other.most_similar("w1", search="approximate")


# ---- What is asked wrongly


def test_what_is_asked_wrongly(built):
    kv = KeyedVectors.load(built)
    with pytest.raises(ValueError, match="search='nearly': choose 'exact' or 'approximate'"):
        kv.most_similar("w1", search="nearly")
    for option in ({"clip_start": 1}, {"clip_end": 5}, {"restrict_vocab": 5}):
        with pytest.raises(ValueError, match="search='exact'"):
            kv.most_similar("w1", search="approximate", **option)
        with pytest.raises(ValueError, match="search='exact'"):
            kv.most_similar("w1", indexer=kv.open_index(), **option)
    with pytest.raises(ValueError, match="restrict_vocab"):
        kv.most_similar_batch(["w1"], search="approximate", restrict_vocab=5)
    with pytest.raises(KeyError):
        kv.most_similar("nonesuch", search="approximate")
    for option in ({"dtype": "f8"}, {"connectivity": 1}, {"expansion_add": 0}, {"expansion_search": 1.5}):
        with pytest.raises(ValueError, match=next(iter(option))):
            kv.build_index(**option)


def test_vectors_with_subwords(tmp_path):
    pytest.importorskip("usearch")
    sentences = [[f"a{i % 7}", f"b{i % 5}", f"c{i % 3}"] for i in range(60)]
    model = FastText(sentences, vector_size=8, min_count=1, bucket=50, epochs=1, workers=1)
    model.wv.save(tmp_path / "s.fvec")
    kv = KeyedVectors.load(tmp_path / "s.fvec")
    kv.build_index(tmp_path / "s.index")
    assert same(kv.most_similar("a1x", search="approximate", topn=5), kv.most_similar("a1x", topn=5)) >= 4
