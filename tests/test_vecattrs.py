"""Attributes of words, lock factors, scaling in place."""

import copy
import pickle

import numpy as np
import pytest

from fastvec import KeyedVectors
from fastvec.vecattrs import Ragged
from fastvec.words import WordTable

VECTORS = np.array([[3, 4], [0, 0], [1, 0]], np.float32)


@pytest.fixture
def kv():
    return KeyedVectors._from_parts(WordTable.from_words("abc"), VECTORS.copy(), np.array([5, 3, 1]))


def test_attributes(kv):
    kv.set_vecattr("a", "topic", "first")
    kv.set_vecattr("b", "weight", 0.25)
    kv.set_vecattr(2, "rank", 7)
    assert [kv.get_vecattr(word, "topic") for word in "abc"] == ["first", 0, 0]
    assert [kv.get_vecattr(word, "weight") for word in "abc"] == [0, 0.25, 0]
    assert kv.get_vecattr("c", "rank") == 7 and kv.expandos["rank"].dtype == np.int64
    assert set(kv.expandos) == {"count", "topic", "weight", "rank"}
    for other in (copy.deepcopy(kv), pickle.loads(pickle.dumps(kv))):
        assert other.get_vecattr("a", "topic") == "first" and other.get_vecattr("a", "count") == 5


def test_counts_are_an_attribute(kv):
    counts = kv.counts
    counts.flags.writeable = False
    kv.set_vecattr("b", "count", 9)
    assert kv.counts.tolist() == [5, 9, 1] and counts.tolist() == [5, 3, 1]
    kv.counts = None
    assert kv.counts is None and "count" not in kv.expandos
    with pytest.raises(KeyError, match="count"):
        kv.get_vecattr("a", "count")


def test_wrong_attributes(kv):
    with pytest.raises(TypeError, match="Can't allocate type <class 'str'> for attribute count"):
        kv.set_vecattr("a", "count", "many")
    kv.expandos["code"] = Ragged(np.zeros(3), np.array([0, 1, 2, 3]))
    with pytest.raises(TypeError, match="of paths"):
        kv.set_vecattr("a", "code", 1)
    for key, attr in (("nobody", "count"), ("a", "nothing")):
        with pytest.raises(KeyError, match=r"nobody|nothing"):
            kv.get_vecattr(key, attr)


def test_attributes_are_gensims(kv):
    theirs = pytest.importorskip("gensim.models").KeyedVectors(2)
    theirs.add_vectors(list("abc"), VECTORS)
    for one in (kv, theirs):
        one.set_vecattr("a", "topic", "first")
        one.set_vecattr("b", "rank", 2)
    for attr in ("topic", "rank"):
        assert [kv.get_vecattr(i, attr) for i in range(3)] == [theirs.get_vecattr(i, attr) for i in range(3)]
        assert kv.expandos[attr].dtype == theirs.expandos[attr].dtype


def test_ragged():
    ragged = Ragged(np.arange(6), np.array([0, 2, 2, 6]))
    assert [part.tolist() for part in ragged] == [[0, 1], [], [2, 3, 4, 5]] and len(ragged) == 3
    assert ragged[-1].tolist() == ragged[1:][1].tolist() == [2, 3, 4, 5]
    with pytest.raises(IndexError):
        _ = ragged[3]


def test_lock_factors(kv):
    assert kv.vectors_lockf.tolist() == [1]
    kv.lock(np.array([1]), 1.0)
    assert len(kv.vectors_lockf) == 1, "nothing changed"
    kv.lock(np.array([1]), 0.0)
    assert kv.vectors_lockf.tolist() == [1, 0, 1] and kv.vectors_lockf.dtype == np.float32
    kv.vectors_lockf = 0.5
    assert kv.vectors_lockf.tolist() == [0.5]


def test_scaled_to_length_one(kv, tmp_path):
    kv.save(tmp_path / "v")
    for one in (kv, KeyedVectors.load(tmp_path / "v")):  # of which the second is mapped
        _ = one.norms
        one.unit_normalize_all()
        np.testing.assert_allclose(one.vectors, [[0.6, 0.8], [0, 0], [1, 0]], rtol=1e-6)
        np.testing.assert_allclose(one.norms, [1, 0, 1], rtol=1e-6)
        one.init_sims(replace=True)
    assert np.array_equal(KeyedVectors.load(tmp_path / "v").vectors, VECTORS), "the file stays"


def test_int8_scaled_to_length_one(kv, tmp_path):
    kv.convert("int8").save(tmp_path / "v")
    for one in (kv.convert("int8"), KeyedVectors.load(tmp_path / "v")):
        one.unit_normalize_all()
        np.testing.assert_allclose(one.vectors, [[0.6, 0.8], [0, 0], [1, 0]], atol=0.01)
        np.testing.assert_allclose(one.norms, [1, 0, 1], rtol=1e-6)
        one.save(tmp_path / "unit")
        np.testing.assert_array_equal(KeyedVectors.load(tmp_path / "unit").vectors, one.vectors)


def test_adopted_vectors(kv):
    _ = kv.norms
    assert (
        kv.adopt(WordTable.from_words(["c", "x", "a"]), np.array([[1, 2], [3, 4], [5, 6]], np.float32), 0.5)
        == 2
    )
    assert kv.vectors.tolist() == [[5, 6], [0, 0], [1, 2]] and kv.vectors_lockf.tolist() == [0.5, 1, 0.5]
    assert kv.norms[2] == pytest.approx(5**0.5)
    with pytest.raises(ValueError, match="3 numbers do not fit these of 2"):
        kv.adopt(WordTable.from_words("a"), np.zeros((1, 3), np.float32))
