"""Fewer words, shorter numbers, fewer dimensions."""

import json

import numpy as np
import pytest

from fastvec import FastText, FormatError, KeyedVectors, store
from fastvec.quantised import Quantised
from fastvec.tensors import open_tensors, save_tensors
from fastvec.words import WordTable


@pytest.fixture
def kv():
    vectors = np.random.default_rng(0).standard_normal((200, 24)).astype(np.float32)
    words = WordTable.from_words(f"w{i}" for i in range(200))
    return KeyedVectors._from_parts(words, vectors, np.arange(200, 0, -1), {"parameters": "{}"})


@pytest.mark.parametrize(
    "dtype, bound", [("float16", 1e-3), ("int8", 0.02), ("float64", 1e-6), ("float32", 1e-6)]
)
@pytest.mark.parametrize("mmap", ["r", None])
def test_converted_saved_and_searched(kv, tmp_path, dtype, bound, mmap):
    kv.convert(dtype).save(tmp_path / "small.fvec")
    small = KeyedVectors.load(tmp_path / "small.fvec", mmap=mmap, verify=True)
    assert list(small.index_to_key) == list(kv.index_to_key) and small.metadata == kv.metadata
    assert np.array_equal(small.counts, kv.counts)
    assert np.allclose(small["w3"], kv["w3"], atol=4 * bound) and small["w3"].shape == (24,)
    assert small[["w1", "w2"]].shape == (2, 24)
    assert small.similarity("w1", "w2") == pytest.approx(kv.similarity("w1", "w2"), abs=bound)
    found, exact = dict(small.most_similar("w5", topn=20)), dict(kv.most_similar("w5", topn=20))
    assert len(found.keys() & exact.keys()) >= 18
    assert all(found[word] == pytest.approx(exact[word], abs=bound) for word in found.keys() & exact.keys())
    assert np.allclose(small.most_similar("w5", topn=None), kv.most_similar("w5", topn=None), atol=bound)
    assert np.allclose(small.norms, kv.norms, rtol=0.02) and small.get_normed_vectors().shape == (200, 24)
    if dtype in ("int8", "float16"):
        sizes = [(tmp_path / "small.fvec").stat().st_size, 24 * 200 * (4 - np.dtype(dtype).itemsize)]
        kv.save(tmp_path / "whole.fvec")
        assert abs(sum(sizes) - (tmp_path / "whole.fvec").stat().st_size) < 1_500  # scales, headers


def test_int8_back_to_floats_and_again(kv):
    small = kv.convert("int8")
    assert isinstance(small.vectors, Quantised)
    for same in (small.convert("int8"), small.convert()):
        assert np.shares_memory(same.vectors.codes, small.vectors.codes), "nothing was to be changed"
    back = small.convert("float32")
    assert np.array_equal(back.vectors, small.vectors[:])
    again = back.convert("int8")
    assert np.array_equal(again.vectors.codes, small.vectors.codes)


@pytest.mark.parametrize("dtype", [None, "int8", "float16"])
def test_the_most_frequent_words_are_kept(kv, dtype):
    few = kv.convert(dtype, keep=30)
    assert list(few.index_to_key) == list(kv.index_to_key)[:30] and len(few.counts) == len(few.vectors) == 30
    assert few.get_index("w29") == 29 and "w30" not in few
    assert np.allclose(few["w7"], kv["w7"], atol=0.05)
    kv.counts = kv.counts[::-1].copy()
    few = kv.convert(dtype, keep=30)
    assert list(few.index_to_key) == [f"w{i}" for i in range(199, 169, -1)] and few.counts[0] == 200
    assert np.allclose(few["w199"], kv["w199"], atol=0.05)
    kv.counts = None
    assert list(kv.convert(dtype, keep=3).index_to_key) == ["w0", "w1", "w2"]
    assert len(kv.convert(dtype, keep=0)) == 0 and len(kv.convert(dtype, keep=10_000)) == 200


def test_few_words_of_few_numbers(kv):
    """Quantised vectors are cut without becoming floats."""
    small = kv.convert("int8").convert(keep=10)
    assert isinstance(small.vectors, Quantised) and small.vectors.shape == (10, 24)


def test_what_cannot_be_converted(kv):
    with pytest.raises(ValueError, match="int4"):
        kv.convert("int4")
    with pytest.raises(ValueError, match="keep=-1"):
        kv.convert(keep=-1)
    kv.vectors[5, 3] = np.nan
    with pytest.raises(ValueError, match="row 5"):
        kv.convert("int8")
    with pytest.raises(ValueError, match="finite"):
        kv.reduce(3)


def test_vectors_with_subwords_become_plain_ones():
    model = FastText(
        [["hello", "help", "held", "world"]] * 20, min_count=1, vector_size=8, bucket=50, workers=1
    )
    with pytest.warns(UserWarning, match="n-grams are left out"):
        small = model.wv.convert("int8")
    assert type(small) is KeyedVectors and small.similarity("hello", "help") == pytest.approx(
        model.wv.similarity("hello", "help"), abs=0.02
    )
    with pytest.warns(UserWarning, match="n-grams are left out"):
        assert type(model.wv.reduce(3)) is KeyedVectors


# ---- Principal components


def test_principal_components(kv, monkeypatch):
    monkeypatch.setattr("fastvec.smaller.BLOCK", 64)
    kv.vectors *= np.linspace(3, 0.1, 24, dtype=np.float32)
    kv.vectors += 5
    reduced = kv.reduce(6)
    centred = kv.vectors.astype(np.float64) - kv.vectors.mean(axis=0, dtype=np.float64)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    expected = u[:, :6] * s[:6]
    assert np.allclose(np.abs(reduced.vectors), np.abs(expected), atol=1e-4)
    signs = np.sign(vt[:6][np.arange(6), np.abs(vt[:6]).argmax(axis=1)])
    assert np.allclose(reduced.vectors, expected * signs, atol=1e-4), "the greatest weight is positive"
    assert reduced.vectors.dtype == np.float32 and list(reduced.index_to_key) == list(kv.index_to_key)


def test_all_components_keep_distances(kv):
    whole = kv.reduce(24)
    distances = [np.linalg.norm(v[:50, None] - v[None, :50], axis=2) for v in (kv.vectors, whole.vectors)]
    assert np.allclose(*distances, atol=1e-4)
    for dim in (0, 25):
        with pytest.raises(ValueError, match=f"dim={dim}"):
            kv.reduce(dim)
    assert kv.convert("int8").reduce(4).vectors.shape == (200, 4)
    assert kv.convert(keep=0).reduce(4).vectors.shape == (0, 4)


# ---- In the file


def test_a_file_of_int8_holds_codes_and_scales(kv, tmp_path):
    kv.convert("int8").save(tmp_path / "v.fvec")
    tensors = open_tensors(tmp_path / "v.fvec")
    assert tensors["vectors"].dtype == np.int8 and tensors["scales"].shape == (200,)
    assert list(tensors)[-1] == "vectors"
    assert np.allclose(tensors["vectors"] * tensors["scales"][:, None], kv.vectors, atol=0.05)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t | {"scales": t["scales"][:-1]},
        lambda t: t | {"scales": t["scales"].astype(np.float64)},
        lambda t: t | {"vectors": t["vectors"].view(np.uint8)},
        lambda t: t | {"vectors": t["vectors"].astype(np.float32)},
        lambda t: {name: t[name] for name in t if name != "scales"},
    ],
)
def test_codes_and_scales_that_do_not_fit_are_refused(kv, tmp_path, change):
    store.save_vectors(tmp_path / "v.fvec", kv.words, Quantised.from_rows(kv.vectors))
    tensors = open_tensors(tmp_path / "v.fvec", mmap=False)
    save_tensors(tmp_path / "bad.fvec", change(dict(tensors)), tensors.metadata)
    with pytest.raises(FormatError, match=r"bad\.fvec"):
        KeyedVectors.load(tmp_path / "bad.fvec")
    assert json.loads(json.dumps(tensors.metadata)) == {"fvec_version": "1"}


@pytest.mark.parametrize("scale", [-1.0, np.nan, np.inf])
def test_scales_that_no_row_can_have_are_refused(tmp_path, kv, scale):
    small = kv.convert("int8")
    small.vectors.scales[1] = scale
    small.save(tmp_path / "odd.fvec")
    with pytest.raises(FormatError, match=r"odd\.fvec.*scales"):
        KeyedVectors.load(tmp_path / "odd.fvec")


def test_norms_of_halves_are_kept_only_where_nobody_can_change_them(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float16)
    kv = KeyedVectors._from_parts(WordTable.from_words([f"w{i}" for i in range(40)]), vectors)
    before = kv.most_similar("w0", topn=40)
    kv.save(tmp_path / "halves.fvec")
    mapped = KeyedVectors.load(tmp_path / "halves.fvec")
    assert mapped.most_similar("w0", topn=40) == mapped.most_similar("w0", topn=40) == before
    nearest = before[0][0]
    kv.vectors[kv.get_index(nearest)] *= 2
    assert kv.most_similar("w0", topn=40)[0][0] == nearest
    assert kv.most_similar("w0", topn=1)[0][1] == pytest.approx(before[0][1], abs=1e-3)
