"""Word tables: hash, index and look-ups, of every backend; tables that a hostile file may hold."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastvec import _backend
from fastvec.errors import FormatError
from fastvec.words import KeyToIndex, WordTable, index_size

# A module of each kind: the compiled variants share one.
KINDS = sorted({_backend.load(name, "words") for name in _backend.available()}, key=lambda m: m.__name__)
words_of_any_kind = st.lists(st.text(max_size=20) | st.sampled_from(["", "a", "\n", "a" * 100]), unique=True)


@pytest.fixture(params=KINDS, ids=lambda m: m.__name__)
def kernel(request):
    return request.param


def arrays(words):
    encoded = [w.encode("utf-8", "surrogatepass") for w in words]
    offsets = np.concatenate([[0], np.cumsum([len(w) for w in encoded])]).astype(np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def test_hash_is_the_specified_one(kernel):
    # Worked out from docs/file-format.md; a change breaks every file that was ever written.
    assert kernel.word_hash(b"") == 0
    assert kernel.word_hash(b"the") == 0x5C1858E529150D95
    assert kernel.word_hash(b"eight by") == 0xF91B035CF15E6400
    assert kernel.word_hash("größer als acht".encode()) == 0x8D89C53061371001


@given(st.binary(max_size=40))
def test_hash_agrees_with_the_twin(word):
    assert len({kernel.word_hash(word) for kernel in KINDS}) == 1


@given(words_of_any_kind, st.lists(st.text(max_size=3)))
def test_find_is_a_dict(words, others):
    words = [w for w in words if not any(0xD800 <= ord(c) < 0xE000 for c in w)]
    text, offsets = arrays(words)
    ids = {w: i for i, w in enumerate(words)}
    for kernel in KINDS:
        slots = np.empty((index_size(len(words)), 2), np.int32)
        assert kernel.build_index(text, offsets, slots) == -1
        for word in [*words, *others]:
            for key in (word, word.encode("utf-8", "surrogatepass")):
                assert kernel.Finder(text, offsets, slots).find(key) == ids.get(word, -1)
        asked = [*words, *others, *words]
        found = np.empty(len(asked), np.int32)
        kernel.Finder(text, offsets, slots).find_all(asked, found)
        assert found.tolist() == [ids.get(word, -1) for word in asked]


def test_indexes_are_the_same_bytes():
    text, offsets = arrays([f"word{i}" for i in range(1000)])
    built = []
    for kernel in KINDS:
        slots = np.empty((index_size(1000), 2), np.int32)
        kernel.build_index(text, offsets, slots)
        built.append(slots.tobytes())
    assert len(set(built)) == 1


def test_repeated_word_is_named(kernel):
    text, offsets = arrays(["a", "b", "a"])
    assert kernel.build_index(text, offsets, np.empty((8, 2), np.int32)) == 2
    with pytest.raises(ValueError, match="word 2, 'a'"):
        WordTable(text, offsets)


@settings(max_examples=300)
@given(
    hnp.arrays(np.uint8, st.integers(0, 8)),
    hnp.arrays(np.int64, st.integers(1, 5), elements=st.integers(-4, 12) | st.integers(-(2**63), 2**63 - 1)),
    hnp.arrays(
        np.int32, st.sampled_from([(1, 2), (2, 2), (8, 2)]), elements=st.integers(-(2**31), 2**31 - 1)
    ),
    st.binary(max_size=3),
    st.integers(-1, 6),
)
def test_find_in_any_arrays_stays_inside_them(text, offsets, slots, word, target):
    if target >= 0:  # let the tag match, so that the look-up goes on to the word
        slots[:] = np.array([KINDS[0].word_hash(word) >> 32, target], np.uint32).view(np.int32)
    found = {kernel.Finder(text, offsets, slots).find(word) for kernel in KINDS}
    assert len(found) == 1
    assert found <= {-2, -1, *range(len(offsets) - 1)}


def test_find_calls_damage_by_name(kernel):
    text, offsets = arrays(["a", "bc"])
    slots = np.empty((4, 2), np.int32)
    kernel.build_index(text, offsets, slots)
    for damaged in ([0, 99, 3], [0, -1, 3], [2, 1, 3], [-(2**63), 2**63 - 1, 3]):
        assert kernel.Finder(text, np.array(damaged, np.int64), slots).find(b"a") == -2
    high = slots.copy()
    high[slots[:, 1] >= 0, 1] += 2
    assert kernel.Finder(text, offsets, high).find(b"a") == -2
    for misshapen in (slots[:3], slots[:0], slots[:, :1].copy()):
        with pytest.raises(ValueError, match="power of two"):
            kernel.Finder(text, offsets, misshapen)


def test_table_is_a_sequence():
    words = ["the", "größer", "", "日本"]
    table = WordTable.from_words(words)
    assert list(table) == words == table[:] == [table[i] for i in range(-4, 0)]
    assert table[::-1] == words[::-1] and table[1:3] == words[1:3] and table[3:0:-2] == words[3:0:-2]
    assert table[5:] == [] and len(table) == 4 and table.find("日本") == 3 and table.find(b"the") == 0
    assert "the" in table and "they" not in table and 0 not in table
    assert table == WordTable.from_words(words) and table != WordTable.from_words(words[:2])
    assert table.find("\ud800") == -1 and pickle.loads(pickle.dumps(table)).find("日本") == 3
    with pytest.raises(IndexError):
        table[4]


def test_many_words_are_found_at_once(each_backend):
    table = WordTable.from_words(["the", "größer", "", "日本"])
    found = table.find_all(["日本", "no", "", "the", "the"])
    assert found.dtype == np.int32 and found.tolist() == [3, -1, 2, 0, 0]
    assert table.find_all(["the", "\ud800"]).tolist() == [0, -1] and table.find_all([]).tolist() == []
    with pytest.raises(FormatError, match="seen on looking for 'the'"):
        WordTable(table.text, table.offsets - 1, table.slots).find_all(["no", "the"])


def test_find_tells_what_is_no_word(kernel):
    text, offsets = arrays(["a", "bc"])
    slots = np.empty((4, 2), np.int32)
    kernel.build_index(text, offsets, slots)
    finder = kernel.Finder(text, offsets, slots)
    for other in (None, 1, 1.5, ["a"]):
        assert finder.find(other) == -3
    ids = np.empty(3, np.int32)
    finder.find_all(["bc", 5, b"a"], ids)
    assert ids.tolist() == [1, -3, 0]
    for room in (2, 4):
        with pytest.raises(ValueError, match="3 words and"):
            finder.find_all(["bc", "a", "d"], np.empty(room, np.int32))
    with pytest.raises(TypeError, match="5 is no word"):
        WordTable(text, offsets).find_all(["a", 5])


def test_rows_answer_for_words_of_the_table_and_hand_on_the_rest(kernel):
    class Held(kernel.Rows):
        def _get(self, keys):
            return "handed on", keys

    text, offsets = arrays(["a", "größer"])
    slots = np.empty((4, 2), np.int32)
    kernel.build_index(text, offsets, slots)
    held = Held()
    held._finder, held._view = kernel.Finder(text, offsets, slots), np.array([[1, 2], [3, 4]])
    assert held["a"].tolist() == [1, 2] and held["größer"].tolist() == [3, 4]
    for other in ("b", "", "\ud800", 1, None, b"a", ["a"], np.int64(1)):
        assert held[other] == ("handed on", other)
    held._finder = kernel.Finder(text, offsets - 1, slots)
    assert held["a"] == ("handed on", "a"), "what is damaged is for others to report"
    with pytest.raises((TypeError, AttributeError)):
        kernel.Rows()["a"]


def test_empty_table():
    table = WordTable.from_words([])
    assert len(table) == 0 and list(table) == [] and table[:] == [] and table.find("") == -1


def test_damaged_tables_raise_format_errors_that_name_the_file():
    text, offsets = arrays(["a", "bc", "d"])
    slots = WordTable(text, offsets).slots
    table = WordTable(text, np.array([0, 3, 1, 4]), slots, "x.fvec")
    for look in (list, lambda t: t[1], lambda t: t[:], lambda t: t[0:2], lambda t: t[::-1]):
        with pytest.raises(FormatError, match=r"x\.fvec"):
            look(table)
    with pytest.raises(FormatError, match="index"):
        WordTable(text, offsets - 1, slots, "x.fvec").find("a")
    with pytest.raises(FormatError, match=r"word 0, .* is not UTF-8"):
        list(WordTable(np.array([255], np.uint8), np.array([0, 1]), slots, "x.fvec"))


def test_key_to_index_is_a_mapping():
    mapping = KeyToIndex(WordTable.from_words(["a", "b"]))
    assert dict(mapping) == {"a": 0, "b": 1} == mapping
    assert mapping["b"] == 1 and mapping.get("c") is None and "a" in mapping and 0 not in mapping
    with pytest.raises(KeyError, match="c"):
        mapping["c"]
