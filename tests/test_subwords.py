"""Subwords: n-grams, buckets and bags of every backend, against gensim, fastText and the plain twin."""

import dataclasses
import random
import re

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastvec import _backend
from fastvec.errors import FormatError
from fastvec.reference import subword as twin
from fastvec.subwords import MAX_ROWS, WORDS_AT_ONCE, Bags, Subwords, compose
from fastvec.words import WordTable, join_words

# A module of each kind: the compiled variants share one.
KINDS = sorted({_backend.load(name, "subword") for name in _backend.available()}, key=lambda m: m.__name__)
COMPILED = KINDS[0]
# One, two, three and four bytes a code point; combining marks, joined emoji, Hangul in one and in three code points.
WORDS = [
    "",
    "a",
    "<",
    ">",
    "<>",
    "the",
    "größer",
    "한국어",
    "각",
    "日本語",
    "e\u0301",
    "👩‍👩‍👧",
    "𐐷x",
    "\u0301",
    "\n",
    "\0",
    "</s",
]
LENGTHS = [(3, 6), (1, 1), (0, 2), (2, 2), (1, 9), (5, 5), (6, 3), (0, 0), (3, 0), (4, 100)]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from([*WORDS, "</s>"])
subwords_of_any_kind = st.builds(
    Subwords,
    st.integers(0, 8),
    st.integers(0, 8),
    st.sampled_from([0, 1, 2, 3, 1000, 2_000_000, MAX_ROWS - 100]),
)


@pytest.fixture(params=KINDS, ids=lambda m: m.__name__)
def kernel(request, monkeypatch):
    monkeypatch.setattr(_backend, "subword", request.param, raising=False)
    return request.param


def plain_bags(words, subwords, base):
    """Bags as their definition says, of the plain twin's n-grams; `base` is None where words have no rows."""
    bags = []
    for i, word in enumerate(words):
        ngrams = twin.ngrams(word.encode(), subwords.min_n, subwords.max_n) if subwords.enabled else []
        buckets = [(base or 0) + twin.ngram_hash(ngram) % subwords.bucket for ngram in ngrams]
        bags.append(buckets if base is None else [i, *buckets])
    return bags


def as_lists(bags):
    assert bags.offsets.dtype == np.int64 and bags.rows.dtype == np.int32
    assert bags.offsets[0] == 0 and bags.offsets[-1] == len(bags.rows)
    return [bags[i].tolist() for i in range(len(bags))]


# ---- N-grams


def test_ngrams_by_hand():
    assert Subwords(3, 4).ngrams("cat") == ["<ca", "<cat", "cat", "cat>", "at>"]
    assert Subwords(1, 2).ngrams("ab") == ["<a", "a", "ab", "b", "b>"]
    assert Subwords(2, 3).ngrams("한국") == ["<한", "<한국", "한국", "한국>", "국>"]
    assert Subwords(0, 1).ngrams("ab") == ["a", "b"] and Subwords(1, 1).ngrams("") == []
    assert Subwords(1, 9).ngrams("") == ["<>"] and Subwords(3, 6).ngrams("") == []
    assert Subwords(2, 2).ngrams("aaa") == ["<a", "aa", "aa", "a>"]
    assert Subwords(1, 9).ngrams("</s>") == [], "the end of a sentence"


def test_hash_is_fnv_1a_of_signed_bytes():
    # The first two are published values of FNV-1a; where a byte is above 127, fastText leaves the standard.
    assert twin.ngram_hash(b"") == 0x811C9DC5 and twin.ngram_hash(b"a") == 0xE40C292C
    unsigned = (0x811C9DC5 ^ 0xE9) * 0x01000193 % 2**32
    signed = (0x811C9DC5 ^ 0xFFFFFFE9) * 0x01000193 % 2**32
    assert twin.ngram_hash(b"\xe9") == signed != unsigned


def test_known_buckets(kernel):
    assert Subwords(3, 3, MAX_ROWS).buckets("a").tolist() == [twin.ngram_hash(b"<a>") % MAX_ROWS]
    hashes = [twin.ngram_hash(ngram.encode()) for ngram in ("<é", "é>")]
    assert Subwords(2, 2, 1000).buckets("é").tolist() == [h % 1000 for h in hashes]
    assert Subwords(2, 2, 1).buckets("word").tolist() == [0] * 5


@given(texts, subwords_of_any_kind)
@example("</s>", Subwords(1, 3))
@example("", Subwords(1, 2))
def test_ngrams_of_text_are_those_of_its_bytes(word, subwords):
    if subwords.enabled:
        expected = twin.ngrams(word.encode(), subwords.min_n, subwords.max_n)
        assert [ngram.encode() for ngram in subwords.ngrams(word)] == expected
    else:
        assert subwords.ngrams(word) == []


@pytest.mark.parametrize("lengths", LENGTHS)
def test_gensim_has_the_same_ngrams_and_buckets(kernel, lengths):
    inner = pytest.importorskip("gensim.models.fasttext_inner")
    fasttext = pytest.importorskip("gensim.models.fasttext")
    for bucket in (1, 7, 2_000_000, MAX_ROWS):
        subwords = Subwords(*lengths, bucket)
        for word in WORDS:
            assert [n.encode() for n in subwords.ngrams(word)] == inner.compute_ngrams_bytes(word, *lengths)
            theirs = fasttext.ft_ngram_hashes(word, *lengths, bucket)
            assert subwords.buckets(word).tolist() == theirs


def test_gensim_has_the_same_hash():
    inner = pytest.importorskip("gensim.models.fasttext_inner")
    rng = random.Random(1)
    for _ in range(300):
        data = rng.randbytes(rng.randrange(12))
        assert twin.ngram_hash(data) == inner.ft_hash_bytes(data)


@pytest.mark.parametrize("lengths", [(3, 6), (1, 3), (2, 2), (0, 4)])
def test_fasttext_has_the_same_rows(kernel, tmp_path, lengths):
    fasttext = pytest.importorskip("fasttext")
    text = "the cat größer 한국어 日本語 각 e\u0301 👩‍👩‍👧 < > <>\n"
    (tmp_path / "text").write_text(text * 3, "utf-8")
    model = fasttext.train_unsupervised(
        str(tmp_path / "text"), minn=lengths[0], maxn=lengths[1], bucket=5000, dim=2, epoch=1, minCount=1,
        thread=1, verbose=0,
    )  # fmt: skip
    words, subwords = WordTable.from_words(model.words), Subwords(*lengths, 5000)
    assert "</s>" in words
    bags = subwords.bags(words)
    for i, word in enumerate(words):
        ngrams, rows = model.get_subwords(word)
        assert [word, *subwords.ngrams(word)] == ngrams and bags[i].tolist() == rows.tolist()
    for word in ["unknown", "한국인", "x"]:
        ngrams, rows = model.get_subwords(word)
        assert subwords.ngrams(word) == ngrams
        assert (subwords.buckets(word) + len(words)).tolist() == rows.tolist()


# ---- Bags


@given(st.lists(texts, unique=True, max_size=8), subwords_of_any_kind)
def test_bags_are_those_of_the_twin(words, subwords):
    table = WordTable.from_words(words)
    for kernel in KINDS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_backend, "subword", kernel, raising=False)
            assert as_lists(subwords.bags(table)) == plain_bags(words, subwords, len(words))
            assert as_lists(subwords.bags_of(words)) == plain_bags(words, subwords, None)


def test_bags_of_no_words(kernel):
    for subwords in (Subwords(), Subwords(max_n=0)):
        assert as_lists(subwords.bags(WordTable.from_words([]))) == as_lists(subwords.bags_of([])) == []


def test_bags_without_subwords_are_the_words_alone(kernel):
    assert as_lists(Subwords(max_n=0).bags(WordTable.from_words("abc"))) == [[0], [1], [2]]
    assert as_lists(Subwords(bucket=0).bags_of(["word", "other"])) == [[], []]


def test_threads_give_the_same_bags_and_vectors():
    rng = random.Random(2)
    words = [f"{i}{'ab가😀'[i % 4] * rng.randrange(9)}" for i in range(3 * WORDS_AT_ONCE + 5)]
    table, subwords = WordTable.from_words(words), Subwords(2, 5, 977)
    rows = np.random.default_rng(0).random((len(words) + 977, 7), np.float32)
    results = []
    for workers in (1, 2, 7, None):
        bags, out = subwords.bags(table, workers), np.empty((len(words), 7), np.float32)
        compose(rows[: len(words)], rows[len(words) :], bags, out, workers)
        results.append((bags.offsets.tobytes(), bags.rows.tobytes(), out.tobytes()))
    assert len(set(results)) == 1
    assert as_lists(subwords.bags(table, 2))[-50:] == plain_bags(words, subwords, len(words))[-50:]


@pytest.mark.parametrize("letter", ["x", "é", "각", "😀"])
def test_a_word_of_ten_thousand_letters(kernel, letter):
    word, subwords = letter * 10_000, Subwords(3, 6, 1000)
    bag = subwords.buckets(word)
    assert len(bag) == sum(10_002 - n + 1 for n in range(3, 7)) and 0 <= bag.min() <= bag.max() < 1000
    assert bag[:8].tolist() == subwords.buckets(letter * 10)[:8].tolist()
    assert bag[-1] == twin.ngram_hash(f"{letter}{letter}>".encode()) % 1000
    longest = Subwords(10_002, 10_002, 1000)
    assert longest.buckets(word).tolist() == [twin.ngram_hash(f"<{word}>".encode()) % 1000]


@given(
    hnp.arrays(np.uint8, st.integers(0, 12)),
    st.lists(st.integers(0, 12), max_size=4),
    st.integers(0, 4),
    st.integers(0, 6),
)
def test_any_bytes_are_cut_alike(text, cuts, min_n, max_n):
    """Bytes of a hostile file need not be UTF-8."""
    offsets = np.array([0, *sorted(min(cut, len(text)) for cut in cuts), len(text)], np.int64)
    n, results = len(offsets) - 1, []
    for kernel in KINDS:
        bounds = np.zeros(n + 1, np.int64)
        assert kernel.count(text, offsets, 0, n, min_n, max_n, bounds[1:]) == -1
        np.cumsum(bounds, out=bounds)
        rows = np.full(bounds[-1], -1, np.int32)
        assert kernel.fill(text, offsets, 0, n, min_n, max_n, 10, False, bounds, rows) == -1
        assert rows.min(initial=0) >= 0
        results.append((bounds.tolist(), rows.tolist()))
    assert results[0] == results[-1]


@given(
    hnp.arrays(np.int64, 4, elements=st.integers(-4, 12) | st.integers(-(2**63), 2**63 - 1)),
    hnp.arrays(np.int64, 4, elements=st.integers(-4, 40) | st.integers(-(2**63), 2**63 - 1)),
    st.booleans(),
)
def test_any_bounds_stay_inside_the_arrays(offsets, bounds, own):
    text, guard = np.frombuffer(b"abcdefgh", np.uint8), 77
    answers = []
    for kernel in KINDS:
        sizes, room = np.zeros(3, np.int64), np.full(60, guard, np.int32)
        counted = kernel.count(text, offsets, 0, 3, 2, 3, sizes)
        filled = kernel.fill(text, offsets, 0, 3, 2, 3, 10, own, bounds, room[10:50])
        assert set(room[:10]) | set(room[50:]) == {guard}
        answers.append((counted, sizes.tolist(), filled, room.tolist()))
    assert answers[0] == answers[-1]


def test_damaged_tables_are_format_errors(kernel):
    words = WordTable.from_words(["a", "bc", "d"])
    for damaged in ([0, 3, 1, 4], [0, 1, 99, 4], [0, -1, 3, 4], [0, 1, 2**62, 4]):
        table = WordTable(words.text, np.array(damaged), words.slots, "x.fvec")
        with pytest.raises(FormatError, match=r"x\.fvec: the bounds of word \d"):
            Subwords(1, 3).bags(table)


def test_kernels_refuse_what_does_not_fit(kernel):
    text, offsets = join_words(["ab", "c"])
    bounds, rows = np.zeros(3, np.int64), np.zeros(9, np.int32)
    for first, stop in ((-1, 1), (0, 3), (2, 1)):
        with pytest.raises(ValueError, match="words"):
            kernel.count(text, offsets, first, stop, 1, 2, bounds[:2])
        with pytest.raises(ValueError, match="words"):
            kernel.fill(text, offsets, first, stop, 1, 2, 5, True, bounds, rows)
        with pytest.raises(ValueError, match="bags"):
            kernel.compose(
                np.zeros((2, 3), "f4"),
                np.zeros((2, 3), "f4"),
                bounds,
                rows,
                first,
                stop,
                np.zeros((2, 3), "f4"),
            )
    with pytest.raises(ValueError, match="bounds"):
        kernel.fill(text, offsets, 0, 2, 1, 2, 5, True, bounds[:2], rows)
    for bucket in (0, 1 << 31):
        with pytest.raises(ValueError, match="31 bits"):
            kernel.fill(text, offsets, 0, 2, 1, 2, bucket, False, bounds, rows)
    with pytest.raises(ValueError, match="31 bits"):
        kernel.fill(text, offsets, 0, 2, 1, 2, MAX_ROWS, True, bounds, rows)


# ---- Means

floats = st.floats(width=32, allow_nan=False, min_value=-1e6, max_value=1e6)


@given(st.data(), st.integers(0, 4), st.integers(0, 4), st.integers(0, 18))
def test_means_are_those_of_the_twin(data, n_own, n_ngrams, width):
    matrix = data.draw(hnp.arrays(np.float32, (n_own + n_ngrams, width + 1), elements=floats))[:, :width]
    rows = st.integers(0, n_own + n_ngrams - 1) if n_own + n_ngrams else st.nothing()
    bags = data.draw(st.lists(st.lists(rows, max_size=5) if n_own + n_ngrams else st.just([]), max_size=5))
    bounds = np.cumsum([0, *map(len, bags)])
    flat = np.array([row for bag in bags for row in bag], np.int32)
    outs = []
    for kernel in KINDS:
        out = np.full((len(bags), width), 9, np.float32)
        assert kernel.compose(matrix[:n_own], matrix[n_own:], bounds, flat, 0, len(bags), out) == -1
        outs.append(out)
    assert np.array_equal(outs[0], outs[-1]), "the same sums in the same order"
    for bag, mean in zip(bags, outs[0], strict=True):
        expected = matrix[bag].astype(np.float64).mean(axis=0) if bag else np.zeros(width)
        assert mean == pytest.approx(expected, rel=1e-5, abs=1e-1 * 1e6 * 2**-20)


def test_means_of_bags_beyond_the_rows(kernel):
    matrix, out = np.ones((3, 2), np.float32), np.empty((2, 2), np.float32)
    for rows, bounds in (([0, 3], [0, 1, 2]), ([0, -1], [0, 1, 2]), ([0, 1], [0, 1, 3]), ([0, 1], [0, 1, 0])):
        bags = Bags(np.array(bounds), np.array(rows, np.int32))
        with pytest.raises(ValueError, match="bag 1 holds rows beyond the 3"):
            compose(matrix[:1], matrix[1:], bags, out)
    with pytest.raises(ValueError, match="columns"):
        compose(matrix[:1, :1], matrix, Bags(np.zeros(3, np.int64), np.zeros(0, np.int32)), out)
    with pytest.raises(ValueError, match="2 bags, 3 rows"):
        compose(
            matrix, matrix, Bags(np.zeros(3, np.int64), np.zeros(0, np.int32)), np.empty((3, 2), np.float32)
        )


def test_rows_whose_numbers_are_apart_are_refused():
    wide = np.ones((4, 6), np.float32)
    with pytest.raises(ValueError, match="neighbours"):
        COMPILED.compose(
            wide[:, ::2], wide[:, :3], np.array([0, 1]), np.zeros(1, np.int32), 0, 1, wide[:, :3].copy()
        )


# ---- Parameters


@pytest.mark.parametrize(
    "off", [{"max_n": 0}, {"min_n": 4, "max_n": 3}, {"bucket": 0}, {"min_n": 0, "max_n": 0}]
)
def test_subwords_that_are_off(off):
    subwords = Subwords(**off)
    assert not subwords.enabled and subwords.bucket == 0 and subwords.ngrams("word") == []
    assert len(subwords.buckets("word")) == 0


def test_defaults_and_metadata():
    assert dataclasses.astuple(Subwords()) == (3, 6, 2_000_000) and Subwords().enabled
    for subwords in (Subwords(), Subwords(2, 4, 9), Subwords(0, 0, 0)):
        assert Subwords.from_metadata({**subwords.to_metadata(), "other": "x"}) == subwords
    with pytest.raises(KeyError):
        Subwords.from_metadata({"min_n": "1", "max_n": "2"})
    for value in ("", "3.0", "-1", "9" * 30, "x"):
        with pytest.raises(ValueError):
            Subwords.from_metadata({"min_n": "1", "max_n": "2", "bucket": value})


@pytest.mark.parametrize("name", ["min_n", "max_n", "bucket"])
@pytest.mark.parametrize(
    "value, error",
    [(-1, ValueError), (1 << 31, ValueError), (True, TypeError), (3.0, TypeError), ("3", TypeError)],
)
def test_parameters_out_of_range_are_named(name, value, error):
    with pytest.raises(error, match=f"{name}={value!r}"):
        Subwords(**{name: value})
    assert getattr(Subwords(**{name: np.int64(4)}), name) == 4


def test_more_rows_than_can_be_numbered():
    with pytest.raises(ValueError, match=f"2 words and bucket={MAX_ROWS}"):
        Subwords(3, 6, MAX_ROWS).bags(WordTable.from_words("ab"))


def test_lone_surrogates_have_no_buckets():
    with pytest.raises(UnicodeEncodeError):
        Subwords().buckets("\ud800")


def test_file_format_document_holds():
    text = (ROOT / "docs" / "file-format.md").read_text("utf-8")
    rows = re.findall(r"^\| `(.+)` \| 0x([0-9A-F]{8}) \|$", text, re.MULTILINE)
    assert len(rows) == 3
    for ngram, value in rows:
        assert twin.ngram_hash(ngram.encode()) == int(value, 16)
