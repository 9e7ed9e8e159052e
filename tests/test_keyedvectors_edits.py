"""Sets that grow, shrink and merge; and sets in other processes."""

import copy
import multiprocessing
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastvec.errors import FormatError
from fastvec.fasttext_vectors import FastTextKeyedVectors
from fastvec.keyedvectors import KeyedVectors, load_word2vec_format, pseudorandom_weak_vector
from fastvec.words import WordTable

WORDS = ["north", "east", "northeast", "south"]
VECTORS = np.array([[0, 2], [3, 0], [1, 1], [0, -1]], np.float32)


def plain(words=WORDS, vectors=VECTORS, counts=(9, 7, 5, 3)):
    counts = None if counts is None else np.array(counts, np.int64)
    return KeyedVectors._from_parts(
        WordTable.from_words(words), np.array(vectors, np.float32), counts, {"a": "b"}
    )


def subwords():
    made = FastTextKeyedVectors(2, min_n=3, max_n=4, bucket=50)
    made.vectors_ngrams[:] = np.random.default_rng(0).standard_normal((50, 2))
    made.add_vectors(WORDS, VECTORS)
    made.counts = np.array([9, 7, 5, 3])
    return made


@pytest.fixture(params=[plain, subwords])
def kv(request):
    return request.param()


@pytest.fixture
def mapped(kv, tmp_path):
    kv.save(tmp_path / "words.fvec")
    return KeyedVectors.load(tmp_path / "words.fvec")


def holds(kv, expected):
    """Tell whether these are the words and vectors of a set, in this order, wherever one looks."""
    names = list(expected)
    return (
        list(kv.index_to_key) == names
        and len(kv) == len(names)
        and all(np.allclose(kv[name], expected[name], atol=1e-5) for name in names)
        and all(np.allclose(kv.get_vector(name), expected[name], atol=1e-5) for name in names)
        and np.allclose(kv[names], kv.vectors[: len(names)])
        and [kv.get_index(name) for name in names] == list(range(len(names)))
        and np.allclose(kv.vectors, np.array([*expected.values()]).reshape(-1, 2), atol=1e-5)
    )


# ---- Growing


def test_added_words_are_found_before_the_table_is_made_anew(kv):
    row = kv.add_vector("west", [-3, 0])
    assert row == 4 == kv.get_index("west") and kv["west"].tolist() == [-3, 0] and len(kv) == 5
    assert kv[["west", "north"]].tolist() == [[-3, 0], [0, 2]]
    assert kv.get_vecattr("west", "count") == 0 and kv.counts.tolist() == [9, 7, 5, 3, 0]
    table = kv.words
    assert list(table) == [*WORDS, "west"] and kv.words is table and kv["west"].tolist() == [-3, 0]
    assert kv.add_vector("west", [5, 5]) == 4 and kv["west"].tolist() == [-3, 0]
    assert kv.most_similar([np.array([-1, 0], np.float32)], topn=1)[0][0] == "west"


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), max_size=3), st.booleans(), st.booleans()),
        max_size=20,
    )
)
def test_growing_is_that_of_a_dict(steps):
    kv, expected = KeyedVectors(2, count=3), {}
    for number, (word, replace, look) in enumerate(steps):
        vector = [number, -number]
        kv.add_vectors(word, vector, replace=replace)
        if replace or word not in expected:
            expected[word] = vector
        if look:
            assert list(kv.words) == list(expected)
    assert {word: kv[word].tolist() for word in expected} == expected
    assert kv.key_to_index == {word: i for i, word in enumerate(expected)} and len(kv) == len(expected)
    assert not kv.vectors[len(kv) :].any()


def test_rows_made_before_are_filled_first():
    kv = KeyedVectors(2, count=2)
    before = kv.vectors
    assert len(kv) == 0 and kv.most_similar([np.ones(2)]) == []
    kv.add_vector("a", [1, 0])
    assert kv.vectors is before and kv.most_similar("a", topn=None).tolist() == [1]
    kv.add_vectors(["b", "c"], [[0, 1], [1, 1]])
    assert kv.vectors.tolist() == [[1, 0], [0, 1], [1, 1]]


def test_a_set_with_free_rows_is_saved_without_them(tmp_path):
    kv = KeyedVectors(2, count=5)
    kv["a"] = [1, 2]
    kv.save(tmp_path / "a.fvec")
    kv.save_word2vec_format(tmp_path / "a.txt")
    assert holds(KeyedVectors.load(tmp_path / "a.fvec"), {"a": [1, 2]})
    assert holds(load_word2vec_format(tmp_path / "a.txt"), {"a": [1, 2]})


def test_files_of_word2vec_in_the_order_of_an_attribute(kv, tmp_path):
    for word, age in zip(WORDS, (1, 4, 2, 3), strict=True):
        kv.set_vecattr(word, "age", age)
    kv.save_word2vec_format(tmp_path / "a.txt", tmp_path / "ages.txt", sort_attr="age")
    assert list(load_word2vec_format(tmp_path / "a.txt").words) == ["east", "south", "northeast", "north"]
    assert (tmp_path / "ages.txt").read_text().split() == [
        "east",
        "4",
        "south",
        "3",
        "northeast",
        "2",
        "north",
        "1",
    ]
    kv.save_word2vec_format(tmp_path / "a.txt", sort_attr="colour")
    assert list(load_word2vec_format(tmp_path / "a.txt").words) == WORDS


def test_repeated_and_numbered_keys(kv):
    kv.add_vectors(["up", "up", "east"], [[1, 5], [2, 5], [9, 9]])
    assert kv["up"].tolist() == [1, 5] and kv["east"].tolist() == [3, 0]
    kv.add_vectors(["down", "down", 1], [[1, 6], [2, 6], [9, 9]], {"count": [4, 5, 6]}, replace=True)
    assert kv["down"].tolist() == [2, 6] and kv["east"].tolist() == [9, 9]
    assert kv.get_vecattr("down", "count") == 5 and kv.get_vecattr("east", "count") == 6
    kv[np.int64(0)] = [7, 7]
    assert kv["north"].tolist() == [7, 7] and len(kv) == 6
    kv[[]] = []
    assert len(kv) == 6


@pytest.mark.parametrize(
    ("keys", "vectors", "extras", "error"),
    [
        (["a"], [[1, 2, 3]], None, ValueError),
        (["a", "b"], [[1, 2]], None, ValueError),
        (["a"], [[1, 2]], {"count": [1, 2]}, ValueError),
        (["a"], [[1, 2]], {"count": ["x"]}, TypeError),
        (["a"], [[1, 2]], {"count": [[1, 2]]}, ValueError),
        (["a"], [[1, 2]], {"count": 1}, ValueError),
        ([99], [[1, 2]], None, KeyError),
        ([None], [[1, 2]], None, KeyError),
        (["a\ud800"], [[1, 2]], None, ValueError),
    ],
)
def test_what_cannot_be_added_changes_nothing(kv, keys, vectors, extras, error):
    with pytest.raises(error):
        kv.add_vectors(keys, vectors, extras)
    assert holds(kv, dict(zip(WORDS, VECTORS.tolist(), strict=True))) and kv.counts.tolist() == [9, 7, 5, 3]


def test_norms_and_locks_follow(kv):
    assert kv.norms[1] == 3
    kv.lock(np.array([1]), 0.0)
    kv["east"] = [4, 0]
    kv["west"] = [-5, 0]
    assert kv.norms.tolist() == pytest.approx([2, 4, 2**0.5, 1, 5]) and kv.vectors_lockf.tolist() == [
        1,
        0,
        1,
        1,
        1,
    ]


def test_added_words_of_subwords_survive_composing_and_files(tmp_path):
    kv = subwords()
    kv["northern"] = [0.5, -4]
    kv["a"] = [8, 9]
    expected = {**dict(zip(WORDS, VECTORS.tolist(), strict=True)), "northern": [0.5, -4], "a": [8, 9]}
    kv.adjust_vectors()
    assert holds(kv, expected)
    kv.save(tmp_path / "v.fvec")
    assert holds(KeyedVectors.load(tmp_path / "v.fvec"), expected)
    assert np.array_equal(KeyedVectors.load(tmp_path / "v.fvec")["northerly"], kv["northerly"])


# ---- Choosing and merging


def test_without(kv, mapped):
    for each in (kv, mapped):
        assert holds(each.without(["east", "up", 3]), {"north": [0, 2], "northeast": [1, 1]})
        assert holds(each.without("north").without("south"), {"east": [3, 0], "northeast": [1, 1]})
        assert each.without("east").counts.tolist() == [9, 5, 3] and len(each) == 4
        assert type(each.without(WORDS)) is type(kv) and len(each.without(WORDS)) == 0
        assert each.without([]).vectors.flags.writeable and each.without([]).metadata == each.metadata


def test_filter(kv, mapped):
    for each in (kv, mapped):
        each.lock(np.array([2]), 0.5)
        found = each.filter(lambda word: word.startswith("north"))
        assert holds(found, {"north": [0, 2], "northeast": [1, 1]}) and found.vectors_lockf.tolist() == [
            1,
            0.5,
        ]
        assert found.most_similar("north", topn=1)[0][0] == "northeast"
        assert len(each.filter(lambda word: False)) == 0
        found["north"] = [8, 8]
        assert each["north"].tolist() == [0, 2]


@pytest.mark.parametrize(("conflict", "east"), [("first", [3, 0]), ("second", [5, 2]), ("mean", [4, 1])])
def test_merge(kv, mapped, conflict, east):
    other = plain(["up", "east"], [[6, 6], [5, 2]], (1, 2))
    for each in (kv, mapped):
        merged = each.merge(other, conflict)
        assert holds(
            merged, {"north": [0, 2], "east": east, "northeast": [1, 1], "south": [0, -1], "up": [6, 6]}
        )
        assert merged.counts.tolist() == [9, 9, 5, 3, 1]
        assert len(each) == 4 and each["east"].tolist() == [3, 0] and each.counts.tolist() == [9, 7, 5, 3]
        assert each.merge(plain(["up"], [[1, 1]], None)).counts is None
    with pytest.raises(ValueError, match="3 numbers do not fit these of 2"):
        kv.merge(KeyedVectors(3))
    with pytest.raises(ValueError, match="conflict='both'"):
        kv.merge(other, "both")
    with pytest.raises(TypeError, match="other=5: KeyedVectors are needed"):
        kv.merge(5)


def test_sorting_keeps_equal_ones_in_order(kv):
    kv.counts = np.array([2, 5, 2, 5])
    kv.sort_by_descending_frequency()
    assert holds(kv, {"east": [3, 0], "south": [0, -1], "north": [0, 2], "northeast": [1, 1]})
    assert kv.counts.tolist() == [5, 5, 2, 2]
    kv.counts = None
    with pytest.raises(ValueError, match="counts are not known"):
        kv.sort_by_descending_frequency()
    KeyedVectors(2).sort_by_descending_frequency()


def test_vectors_that_were_sorted_are_those_that_change(kv):
    kv.counts = np.array([2, 5, 2, 5])
    kv.sort_by_descending_frequency()
    kv.vectors[0] = 7, 7
    assert kv["east"].tolist() == kv.get_vector("east").tolist() == kv[["east"]][0].tolist() == [7, 7]


def test_an_attribute_may_have_several_values_a_word():
    kv = plain()
    kv.add_vectors(["a", "b"], [[1, 2], [3, 4]], {"tags": np.array([[1, 2, 3], [4, 5, 6]])})
    kv.add_vectors(["c"], [[5, 6]], {"tags": np.array([[7, 8, 9]])})
    assert kv.get_vecattr("north", "tags").tolist() == [0, 0, 0]
    assert [kv.get_vecattr(word, "tags").tolist() for word in "abc"] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_fewer_rows_than_words_are_told(kv):
    kv.vectors = kv.vectors[:2].copy()
    assert kv[["east", "north"]].tolist() == [[3, 0], [0, 2]]
    with pytest.raises(IndexError):
        kv[["east", "south"]]


def test_a_damaged_table_is_not_taken_from(tmp_path):
    table = WordTable.from_words(WORDS)
    for bounds in ([0, 9, 5, 18, 23], [0, -5, 9, 18, 23], [0, 5, 9, 18, 99]):
        with pytest.raises(FormatError, match=r"x\.fvec"):
            WordTable(table.text, np.array(bounds), table.slots, "x.fvec").take(np.array([1, 2]))


# ---- Words of files without counts


def test_counts_are_made_up_only_where_asked(tmp_path):
    plain(counts=None).save_word2vec_format(tmp_path / "v.txt")
    kv = KeyedVectors.load_word2vec_format(tmp_path / "v.txt")
    assert [kv.get_vecattr(word, "count") for word in WORDS] == [4, 3, 2, 1] and kv.counts is None
    assert kv.vectors_for_all(["south"], copy_vecattrs=True).get_vecattr("south", "count") == 1
    kv.set_vecattr("east", "count", 8)
    assert kv.get_vecattr("east", "count") == 8 and kv.get_vecattr("north", "count") == 0


def test_weak_vectors():
    vector = pseudorandom_weak_vector(50, "seed", len)
    assert vector.dtype == np.float32 and vector.shape == (50,) and 0 < np.abs(vector).max() <= 0.01
    assert np.array_equal(vector, pseudorandom_weak_vector(50, "eeds", len))
    assert not np.array_equal(pseudorandom_weak_vector(50), pseudorandom_weak_vector(50))


# ---- Read-only files


def test_a_mapped_set_refuses_changes_and_names_the_way_out(mapped):
    for change in (
        lambda: mapped.add_vector("up", [1, 1]),
        lambda: mapped.add_vectors(["up"], [[1, 1]]),
        lambda: mapped.__setitem__("north", [1, 1]),
        lambda: mapped.__setitem__("up", [1, 1]),
    ):
        with pytest.raises(ValueError, match=r"words\.fvec: .*kv\.copy\(\).*mmap=None"):
            change()
    with pytest.raises(ValueError, match="read-only"):
        mapped["north"][0] = 1
    with pytest.raises(ValueError, match="read-only"):
        mapped.vectors[0, 0] = 1
    assert len(mapped) == 4 and "up" not in mapped.key_to_index
    free = mapped.copy()
    free["north"], free["up"] = [1, 1], [2, 2]
    assert free["up"].tolist() == [2, 2] and mapped["north"].tolist() == [0, 2] and type(free) is type(mapped)
    with pytest.raises(ValueError, match="read-only"):
        free["north"][0] = 1


def test_a_copy_shares_nothing(kv, mapped):
    for each in (kv, mapped):
        new = each.copy()
        assert holds(new, dict(zip(WORDS, VECTORS.tolist(), strict=True))) and new.metadata == each.metadata
        arrays = [value for value in vars(new).values() if isinstance(value, np.ndarray)]
        arrays += [new.counts, new.words.text, new.words.offsets, new.words.slots]
        old = [value for value in vars(each).values() if isinstance(value, np.ndarray)] + [
            each.counts,
            each.words.text,
        ]
        assert not any(np.shares_memory(a, b) for a in arrays for b in old)


# ---- Other processes


def same(one, other):
    return (
        type(one) is type(other)
        and list(one.words) == list(other.words)
        and np.array_equal(one.vectors, other.vectors)
        and np.array_equal(one.counts, other.counts)
        and one.metadata == other.metadata
        and one.most_similar("north") == other.most_similar("north")
    )


def test_sets_in_memory_are_pickled_with_their_arrays(kv):
    kv.add_vector("up", [1, 7])
    for again in (pickle.loads(pickle.dumps(kv)), copy.copy(kv), copy.deepcopy(kv)):
        assert same(again, kv) and again.vectors.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            again["up"][0] = 1
    assert np.shares_memory(copy.copy(kv).vectors, kv.vectors)
    assert not np.shares_memory(copy.deepcopy(kv).vectors, kv.vectors)


def big(tmp_path):
    kv = KeyedVectors._from_parts(
        WordTable.from_words(map(str, range(5000))), np.ones((5000, 20), np.float32), np.arange(5000, 0, -1)
    )
    kv.save(tmp_path / "big.fvec")
    return KeyedVectors.load(tmp_path / "big.fvec")


def test_mapped_sets_are_pickled_by_path(mapped, tmp_path):
    for again in (pickle.loads(pickle.dumps(mapped)), copy.copy(mapped), copy.deepcopy(mapped)):
        assert same(again, mapped) and not again.vectors.flags.writeable
        assert len(pickle.dumps(again)) < 3000
    if isinstance(mapped, FastTextKeyedVectors):
        assert np.array_equal(pickle.loads(pickle.dumps(mapped))["northerly"], mapped["northerly"])
    kv = big(tmp_path)
    assert (
        len(pickle.dumps(kv)) < 3000 and pickle.loads(pickle.dumps(kv)).counts.tolist() == kv.counts.tolist()
    )
    kv.fill_norms()
    assert len(pickle.dumps(kv)) < 3000


def test_what_was_set_since_goes_along(tmp_path):
    kv = big(tmp_path)
    kv.set_vecattr("7", "colour", "green")
    kv.set_vecattr("8", "count", 1_000_000)
    again = pickle.loads(pickle.dumps(kv))
    assert again.get_vecattr("7", "colour") == "green" and again.get_vecattr("8", "count") == 1_000_000
    assert again.get_vecattr("9", "count") == 4991
    kv.unit_normalize_all()
    assert np.allclose(pickle.loads(pickle.dumps(kv)).norms, 1)
    assert np.allclose(KeyedVectors.load(tmp_path / "big.fvec")[0], 1)


def test_a_pickle_of_a_file_that_changes_is_refused(tmp_path):
    kv = big(tmp_path)
    pickled = pickle.dumps(kv)
    other = KeyedVectors._from_parts(
        WordTable.from_words(kv.words), np.zeros((5000, 20), np.float32), kv.counts
    )
    other.save(tmp_path / "big.fvec")
    with pytest.raises(FormatError, match=r"big\.fvec: another file .*kv\.copy\(\)"):
        pickle.loads(pickled)
    assert pickle.loads(pickle.dumps(kv))["3"].tolist() == [1] * 20, (
        "pickled after the change: with its arrays"
    )
    (tmp_path / "big.fvec").unlink()
    with pytest.raises(FileNotFoundError, match=r"big\.fvec"):
        pickle.loads(pickled)
    assert len(pickle.dumps(kv)) > 400_000 and len(pickle.loads(pickle.dumps(kv))) == 5000


def test_relative_paths_are_made_absolute(tmp_path, monkeypatch):
    big(tmp_path)
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(KeyedVectors.load("big.fvec"))
    monkeypatch.chdir("/")
    assert len(pickle.loads(pickled)) == 5000 and len(pickled) < 3000


def neighbours(kv):
    return kv.most_similar("north"), kv["south"].tolist(), os.getpid()


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_other_processes_give_the_same_answers(mapped, method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        for found, south, process in pool.map(neighbours, [mapped] * 3):
            assert (found, south) == neighbours(mapped)[:2] and process != os.getpid()


def test_threads_share_a_set_that_has_grown(kv):
    for number in range(200):
        kv.add_vector(f"word{number}", [number, 1])

    def look(number):
        name = f"word{number}"
        return kv[name].tolist(), kv.get_index(name), kv.words.find(name), kv.index_to_key[4 + number]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(look, range(200)))
    assert found == [([n, 1], 4 + n, 4 + n, f"word{n}") for n in range(200)]
