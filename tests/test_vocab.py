"""Counting words, choosing them, and the tables made of their counts."""

import gzip
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastvec import _backend, text
from fastvec.errors import CorpusError, CorpusTypeError, NoVocabularyError
from fastvec.vocab import RULE_DEFAULT, RULE_DISCARD, RULE_KEEP, Vocab
from fastvec.words import WordTable

BACKENDS = ["reference", "compiled"] if len(_backend.available()) > 1 else ["reference"]
WORDS = [
    b"a",
    b"b",
    b"</s>",
    b"seven77",
    b"seven77\x07",
    b"seven77\0",
    b"eight888",
    b"nine99999",
    b"x" * 70,
    "été".encode(),
    "한국어".encode(),
    b"\0",
    b"a\0",
]
SPACES = [b" ", b"  ", b"\n", b"\n\n", b"\r\n", b"\t", b"\v", b"\f", b" \n"]
pieces = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES)), max_size=60)
SAMPLE = b"b a\n\na  b longer-than-eight\r\nb \xc3\xa9t\xc3\xa9\n \n\x0b\x0ca b\nsixteen-letters! b"


def load(backend, module):
    return _backend.load("reference" if backend == "reference" else _backend.available()[-1], module)


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    for module in ("words", "vocab", "encode", "huffman"):
        monkeypatch.setattr(_backend, module, load(request.param, module), raising=False)
    return request.param


@pytest.fixture
def file(tmp_path):
    return tmp_path / "corpus.txt"


@pytest.fixture
def block_bytes(monkeypatch):
    return lambda n: monkeypatch.setattr(text, "BLOCK_BYTES", n)


def as_dict(vocab):
    return dict(zip(vocab.words, vocab.counts.tolist(), strict=True))


def expected(data, min_count=1):
    counts = Counter(word.decode() for word in data.split())
    kept = [(w, n) for w, n in counts.items() if n >= min_count]
    return sorted(kept, key=lambda item: -item[1])  # a Counter is in order of appearance, and sorting stable


def listed(vocab):
    return list(zip(vocab.words, vocab.counts.tolist(), strict=True))


# ---- counting ----


@pytest.mark.parametrize("n", range(1, len(SAMPLE) + 2))
@pytest.mark.parametrize("workers", [1, 3])
def test_every_block_boundary(file, backend, block_bytes, n, workers):
    file.write_bytes(SAMPLE)
    block_bytes(n)
    vocab = Vocab.from_source(file, min_count=1, workers=workers)
    assert listed(vocab) == expected(SAMPLE)
    assert vocab.corpus_words == len(SAMPLE.split())
    assert vocab.corpus_sentences == sum(bool(line.split()) for line in SAMPLE.split(b"\n"))


@given(pieces, st.integers(1, 40), st.integers(1, 3))
def test_any_text_counts_like_python(tmp_path_factory, parts, n, workers):
    data = b"".join(word + space for word, space in parts)
    file = tmp_path_factory.mktemp("vocab") / "t"
    file.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK_BYTES", n)
        if not data.split():
            with pytest.raises(CorpusError, match="no word"):
                Vocab.from_source(file, min_count=1)
            return
        vocab = Vocab.from_source(file, min_count=1, workers=workers)
    assert listed(vocab) == expected(data)


@pytest.mark.skipif(len(BACKENDS) < 2, reason="nothing is compiled")
@given(st.lists(pieces, max_size=3), st.integers(0, 5), st.booleans())
def test_scan_like_the_twin(blocks, limit, pending):
    tables = [load(name, "vocab").TokenTable() for name in BACKENDS]
    frozen_of = WordTable.from_words(WORDS[::2])
    frozen = [load(name, "vocab").TokenTable(frozen_of.text, frozen_of.offsets) for name in BACKENDS]
    place = 0
    for parts in blocks:
        data = b"".join(word + space for word, space in parts)
        ids = [np.full(len(data) + 1, -7, np.int32) for _ in BACKENDS]
        found = [table.scan(data, out, limit, pending, place) for table, out in zip(tables, ids, strict=True)]
        place += len(data)
        assert found[0] == found[1]
        np.testing.assert_array_equal(ids[0][: found[0][6]], ids[1][: found[1][6]])
        assert len({frozen[i].scan(data, ids[i]) for i in range(2)}) == 1
        np.testing.assert_array_equal(ids[0], ids[1])
    np.testing.assert_array_equal(tables[0].counts(), tables[1].counts())
    np.testing.assert_array_equal(tables[0].places(), tables[1].places())
    keep = np.arange(len(tables[0])) % 2 == 0
    for table in tables:
        table.prune(keep.view(np.uint8))
    everything = np.ones(len(tables[0]), np.uint8)
    for mine, theirs in zip(tables[0].select(everything), tables[1].select(everything), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert len({str(merged_by_parts(name, table)) for name, table in zip(BACKENDS, tables, strict=True)}) == 1


def merged_by_parts(name, table):
    """Words and counts of a table merged with itself, in three parts, which share no word."""
    found = []
    for part in range(3):
        merged = load(name, "vocab").TokenTable()
        merged.merge([table, table], part, 3)
        assert set(merged.places()) <= set(table.places())
        words, offsets = merged.select(np.ones(len(merged), np.uint8))
        words, offsets, counts = load(name, "vocab").ranked(words, offsets, merged.counts())
        found += zip(
            [words[a:b].tobytes() for a, b in pairwise(offsets.tolist())], counts.tolist(), strict=True
        )
    assert len(dict(found)) == len(found) == len(table)
    return sorted(found)


@given(
    st.lists(st.lists(st.text(alphabet="ab é\n\0한", max_size=10), max_size=6), max_size=6), st.integers(0, 4)
)
def test_add_like_the_twin(sentences, limit):
    answers = []
    for name in BACKENDS:
        table, ids = load(name, "vocab").TokenTable(), np.full(100, -7, np.int32)
        answers.append((table.add(sentences, 0, ids, limit), ids.tolist(), table.counts().tolist()))
    assert answers[0] == answers[-1]


def test_add_takes_up_where_it_stopped(backend):
    table = _backend.vocab.TokenTable()
    sentences = [["a"], ["b"], ["c"], ["a", "d"]]
    ids = np.empty(10, np.int32)
    assert table.add(sentences, 0, ids, 1)[0] == 2
    found = table.add(sentences, 2, ids)
    assert found[0] == 4
    assert ids[: found[6]].tolist() == [2, -1, 0, 3, -1]


def test_too_little_room_for_ids_is_refused(backend):
    table = _backend.vocab.TokenTable()
    with pytest.raises(ValueError, match="ids"):
        table.scan(b"a b", np.empty(3, np.int32))
    with pytest.raises(ValueError, match="ids"):
        table.add([["a", "b"]], 0, np.empty(2, np.int32))


class Lazy(list):
    """Yields more than its length says."""

    def __iter__(self):
        return (f"w{i}" for i in range(5000))


class LazyTuple(tuple):
    __iter__ = Lazy.__iter__


@pytest.mark.parametrize("kind", [Lazy, LazyTuple])
def test_a_sentence_that_yields_more_than_its_length(backend, kind):
    ids = np.full(10_000, -7, np.int32)
    with pytest.raises(ValueError, match="grew"):
        _backend.vocab.TokenTable().add([["a"], kind(["x"]), ["b"]], 0, ids)
    assert (ids[6:] == -7).all()
    assert _backend.vocab.TokenTable().add([kind(["x"])])[1] == 5000, "no ids, no room to run out of"
    vocab = Vocab.from_source([["w1"], kind(["x"])], min_count=1)
    assert (len(vocab), vocab.find("w0") >= 0, vocab.corpus_words) == (5000, True, 5001)


def test_many_words_and_threads(file, block_bytes):
    """Tables grow and are merged by parts; short and long words, each its own count."""
    rng = np.random.default_rng(1)
    words = [b"%d" % i if i % 3 else b"long-word-number-%d" % i for i in range(60_000)]
    tokens = [words[i] for i in rng.zipf(1.2, 150_000) % len(words)] + words
    file.write_bytes(b" ".join(tokens))
    block_bytes(1 << 14)
    one = Vocab.from_source(file, min_count=2, workers=1)
    assert listed(one) == expected(b" ".join(tokens), 2)
    for workers in (2, 5):
        assert listed(Vocab.from_source(file, min_count=2, workers=workers)) == listed(one)


def test_lookups_after_merging_and_ranking(file, backend):
    file.write_bytes(b"c b b a a d")
    vocab = Vocab.from_source(file, min_count=1)
    assert list(vocab.words) == ["b", "a", "c", "d"]
    assert [vocab.find(w) for w in "bacdx"] == [0, 1, 2, 3, -1]
    assert "a" in vocab
    assert "x" not in vocab
    assert len(vocab) == 4
    assert not vocab.counts.flags.writeable


def test_words_of_every_length(file):
    data = b" ".join(b"z" * n + b" " + b"z" * n for n in range(1, 200))
    for cut in range(64):
        file.write_bytes(b" " * cut + data)
        assert listed(Vocab.from_source(file, min_count=2)) == expected(data)


def test_compressed_and_directory(tmp_path, backend):
    (tmp_path / "1.txt").write_bytes(b"a b")
    (tmp_path / "2.gz").write_bytes(gzip.compress(b"b c\nc c"))
    vocab = Vocab.from_source(tmp_path, min_count=1)
    assert as_dict(vocab) == {"c": 3, "b": 2, "a": 1}
    assert vocab.corpus_sentences == 3


def test_iterables(backend):
    sentences = [["b", "a"], [], ("b", "with space\n", ""), iter(["été"])]
    vocab = Vocab.from_source((s for s in sentences), min_count=1)
    assert as_dict(vocab) == {"b": 2, "": 1, "a": 1, "with space\n": 1, "été": 1}
    assert (vocab.corpus_words, vocab.corpus_sentences) == (6, 3)


def test_a_large_iterable_comes_in_batches(backend, monkeypatch):
    monkeypatch.setattr(text, "BATCH_WORDS", 10)
    vocab = Vocab.from_source(([str(i % 7), str(i % 3)] for i in range(100)), min_count=1)
    assert as_dict(vocab) == Counter(str(n) for i in range(100) for n in (i % 7, i % 3))


# ---- hostile input ----


@pytest.mark.parametrize("n", [1, 3, 8, 1000])
def test_bad_utf8_names_file_and_line(file, backend, block_bytes, n):
    block_bytes(n)
    file.write_bytes(b"good line\n" * 4 + b"bad \xe9t\xe9 line\n" + b"good line\n")
    with pytest.raises(CorpusError, match=r"corpus\.txt, line 5: byte 0xe9"):
        Vocab.from_source(file, min_count=1, workers=2)


def test_bad_utf8_in_a_later_file_counts_its_own_lines(tmp_path):
    (tmp_path / "1.txt").write_bytes(b"a\n" * 9)
    (tmp_path / "2.txt").write_bytes(b"a\n\xff\n")
    with pytest.raises(CorpusError, match=r"2\.txt, line 2"):
        Vocab.from_source(tmp_path)


@pytest.mark.parametrize("errors", ["replace", "ignore"])
@pytest.mark.parametrize("n", [1, 4, 1000])
def test_bad_utf8_may_be_replaced_or_ignored(file, backend, block_bytes, errors, n):
    data = b"a\xff b \xe2\x82\nc\xc3\xa9 \xed\xa0\x80 \xf0\x9f\x98"
    file.write_bytes(data)
    block_bytes(n)
    vocab = Vocab.from_source(file, min_count=1, errors=errors)
    assert listed(vocab) == expected(data.decode("utf-8", errors).encode())


@given(st.binary(max_size=60))
def test_utf8_check_like_python(data):
    for name in BACKENDS:
        bad = load(name, "encode").check_utf8(data)
        try:
            data.decode()
            assert bad == -1
        except UnicodeDecodeError as error:
            assert bad == error.start


def test_utf8_check_of_every_lead_and_second_byte():
    for name in BACKENDS:
        check = load(name, "encode").check_utf8
        for first in range(0x80, 0x100):
            for second in range(0x70, 0xD0):
                data = b"x" * 40 + bytes([first, second, 0x80, 0xBF])
                for end in (42, 43, 44):
                    try:
                        data[:end].decode()
                        want = -1
                    except UnicodeDecodeError as error:
                        want = error.start
                    assert check(data[:end]) == want


@given(st.binary(max_size=300))
def test_binary_garbage_counts_or_is_refused(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("garbage") / "t"
    file.write_bytes(data)
    try:
        vocab = Vocab.from_source(file, min_count=1)
    except CorpusError:
        return
    assert listed(vocab) == expected(data)


@pytest.mark.parametrize("data", [b"", b" \n\n", b"\n"])
def test_no_word_at_all(file, backend, data):
    file.write_bytes(data)
    with pytest.raises(CorpusError, match=r"corpus\.txt: there is no word"):
        Vocab.from_source(file)


def test_no_word_often_enough_says_what_to_do(file, backend):
    file.write_bytes(b"a b c a")
    with pytest.raises(CorpusError, match=r"corpus\.txt.* 3 distinct words.*min_count=5; lower it"):
        Vocab.from_source(file)


def test_items_that_are_no_sentences(backend, caplog):
    with pytest.raises(CorpusTypeError, match="sentence 1 holds 7 of type int"):
        Vocab.from_source([["a"], ["b", 7]])
    with pytest.raises(CorpusError, match="sentence 2 is no list of words but NoneType"):
        Vocab.from_source([["a"], ["b"], None])
    with pytest.raises(CorpusError, match=r"sentence 0 holds '\\ud800'.*not encode"):
        Vocab.from_source([["\ud800"]])
    with pytest.raises(CorpusError, match="not int"):
        Vocab.from_source(7)
    assert as_dict(Vocab.from_source(["ab", "b"], min_count=1)) == {"b": 2, "a": 1}
    assert "item should be a list of words" in caplog.text


def test_an_error_of_the_iterable_comes_through():
    def sentences():
        yield ["a"]
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        Vocab.from_source(sentences())


@pytest.mark.parametrize("error", [TypeError, ValueError, UnicodeEncodeError])
def test_an_error_inside_a_sentence_comes_through(error):
    problem = error("utf-8", "a", 0, 1, "mine") if error is UnicodeEncodeError else error("mine")

    def words():
        yield "a"
        raise problem

    with pytest.raises(error) as caught:
        Vocab.from_source([["a"], words()])
    assert caught.value is problem


@pytest.mark.parametrize("name", ["min_count", "max_final_vocab", "max_vocab_size"])
def test_numbers_of_words_are_integers(name):
    for bad in (True, "2", 2.0, np.float64(2), np.True_):
        with pytest.raises(TypeError, match=re.escape(f"{name}={bad!r}")):
            Vocab.from_source([["a"]], **{"min_count": 1, name: bad})
    sentences = [[f"w{i}" for i in range(300)], ["w0", "w0", "w1"], ["w0"]]
    want = listed(Vocab.from_source(sentences, **{"min_count": 1, name: 2}))
    for good in (np.int64(2), np.uint8(2)):
        assert listed(Vocab.from_source(sentences, **{"min_count": 1, name: good})) == want


@pytest.mark.parametrize(
    "wrong",
    [{"min_count": -1}, {"max_final_vocab": 0}, {"max_vocab_size": 0}, {"workers": 0}, {"errors": "maybe"}],
    ids=str,
)
def test_wrong_parameters_name_themselves(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Vocab.from_source([["a"]], **wrong)


def test_words_that_were_all_forgotten():
    sentences = [[f"w{i}_{j}" for j in range(20)] for i in range(30)]
    with pytest.raises(NoVocabularyError, match=r"none of its 600 words is left.*max_vocab_size"):
        Vocab.from_source(sentences, min_count=1, max_vocab_size=3)


def test_progress(file):
    calls = []
    file.write_bytes(b"a b\n" * 100)
    Vocab.from_source(file, progress=lambda *call: calls.append(call))
    assert calls[-1] == (400, 400)
    calls.clear()
    Vocab.from_source([["a"]] * 9, progress=lambda *call: calls.append(call))
    assert calls[-1] == (9, 9)
    Vocab.from_source((["a"] for _ in range(9)), progress=lambda *call: calls.append(call))
    assert calls[-1] == (9, None)


# ---- choosing ----


def test_trim_rule(file, backend):
    file.write_bytes(b"a a a b b c")
    rules = {"a": RULE_DISCARD, "b": RULE_DEFAULT, "c": RULE_KEEP}
    asked = []

    def rule(word, count, min_count):
        asked.append((word, count, min_count))
        return rules[word]

    assert as_dict(Vocab.from_source(file, min_count=2, trim_rule=rule)) == {"b": 2, "c": 1}
    assert sorted(asked) == [("a", 3, 2), ("b", 2, 2), ("c", 1, 2)]


@pytest.mark.parametrize(
    ("most", "kept"), [(1, "a"), (2, "a"), (3, "abc"), (4, "abc"), (5, "abcde"), (9, "abcde")]
)
def test_max_final_vocab(backend, most, kept):
    """Equally frequent words stay or go together: 5, 3, 3, 1, 1 occurrences."""
    vocab = Vocab.from_counts({"a": 5, "b": 3, "c": 3, "d": 1, "e": 1}, max_final_vocab=most)
    assert "".join(vocab.words) == kept


def pruned_as_in_gensim(sentences, limit, rule):
    counts, min_reduce = {}, 1
    for sentence in sentences:
        for word in sentence:
            counts[word] = counts.get(word, 0) + 1
        if len(counts) > limit:
            for word in list(counts):
                answer = rule(word, counts[word], min_reduce) if rule else RULE_DEFAULT
                if answer == RULE_DISCARD or (answer == RULE_DEFAULT and counts[word] < min_reduce):
                    del counts[word]
            min_reduce += 1
    return counts


@settings(max_examples=50)
@given(
    st.lists(st.lists(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=5), min_size=1, max_size=40),
    st.integers(1, 12),
    st.booleans(),
    st.integers(1, 12),
    st.sampled_from(BACKENDS),
)
def test_max_vocab_size_as_in_gensim(tmp_path_factory, sentences, limit, with_rule, n, name):
    def rule(word, count, min_count):
        return {"a": RULE_KEEP, "b": RULE_DISCARD}.get(word, RULE_DEFAULT)

    trim_rule = rule if with_rule else None
    want = pruned_as_in_gensim(sentences, limit, trim_rule)
    file = tmp_path_factory.mktemp("bounded") / "t"
    file.write_text("\n\n".join(" ".join(sentence) for sentence in sentences))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK_BYTES", n)
        patch.setattr(text, "BATCH_WORDS", n)
        for module in ("words", "vocab", "encode"):
            patch.setattr(_backend, module, load(name, module), raising=False)
        for source in (file, iter(sentences)):
            try:
                found = as_dict(
                    Vocab.from_source(
                        source, min_count=0, max_vocab_size=limit, trim_rule=trim_rule, workers=3
                    )
                )
            except CorpusError:
                found = {}
            assert found == {w: c for w, c in want.items() if not (with_rule and w == "b")}


def test_from_counts(backend):
    vocab = Vocab.from_counts(
        {"b": 2, b"a": 2, "été": 7, "rare": 1, "a": 1, "none": np.int64(0)}, min_count=2
    )
    assert listed(vocab) == [("été", 7), ("a", 3), ("b", 2)]
    assert (vocab.corpus_words, vocab.corpus_sentences) == (13, 0)


@pytest.mark.parametrize(
    "counts", [{b"\xff": 1}, {"\ud800": 1}, {"a": -1}, {"a": 1.5}, {"a": "1"}, {"a": True}, {7: 1}], ids=str
)
def test_from_counts_refuses(counts):
    with pytest.raises(CorpusError):
        Vocab.from_counts(counts)
    with pytest.raises(CorpusError, match="no word"):
        Vocab.from_counts({})
