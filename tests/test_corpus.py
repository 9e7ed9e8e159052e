"""Encoding a corpus: ids and sentence ends, whatever the source, the blocks and the place they are kept."""

import gc
import gzip
import os
import signal
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastvec import _backend, corpus, text
from fastvec.corpus import EncodedCorpus, count_and_encode
from fastvec.errors import CorpusError, FormatError
from fastvec.text import LineSentence
from fastvec.vocab import Vocab

BACKENDS = ["reference", "compiled"] if len(_backend.available()) > 1 else ["reference"]
SAMPLE = (
    b"b a rare\n\nunknown\na  b longer-than-eight longer-than-eight\r\n"
    b"b \xc3\xa9t\xc3\xa9\n \n\x0b\x0ca \xc3\xa9t\xc3\xa9 b"
)
SENTENCES = [[word.decode() for word in line.split()] for line in SAMPLE.split(b"\n")]
words = st.sampled_from(["a", "b", "c", "été", "longer-than-eight", "rare1", "rare2", "rare3"])


def load(backend, module):
    return _backend.load("reference" if backend == "reference" else _backend.available()[-1], module)


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    for module in ("words", "vocab", "encode"):
        monkeypatch.setattr(_backend, module, load(request.param, module), raising=False)
    return request.param


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "corpus.txt"
    file.write_bytes(SAMPLE)
    return file


@pytest.fixture
def small_memory(monkeypatch):
    """Everything goes to a file."""
    monkeypatch.setattr(corpus, "IN_MEMORY_BYTES", 80)


@pytest.fixture
def small_blocks(monkeypatch):
    def set_to(n):
        monkeypatch.setattr(text, "BLOCK_BYTES", n)
        monkeypatch.setattr(text, "BATCH_WORDS", n)
        monkeypatch.setattr(corpus, "_CHUNK_IDS", n)

    return set_to


def expected(sentences, vocab):
    ids = []
    for sentence in sentences:
        known = [vocab.find(word) for word in sentence if word in vocab]
        ids += [*known, -1] if known else []
    return ids


def check(encoded, vocab, sentences):
    want = expected(sentences, vocab)
    assert encoded.tokens.tolist() == want
    assert encoded.tokens.dtype == np.int32
    assert not encoded.tokens.flags.writeable
    assert encoded.n_sentences == want.count(-1)
    assert encoded.n_words == len(want) - want.count(-1)
    assert encoded.corpus_words == sum(map(len, sentences))


# ---- the same ids from every source ----


@pytest.mark.parametrize("n", range(1, len(SAMPLE) + 2))
def test_every_block_boundary(file, backend, small_blocks, n):
    small_blocks(n)
    vocab, encoded = count_and_encode(file, min_count=2, workers=2)
    assert list(vocab.words) == ["b", "a", "longer-than-eight", "été"]
    check(encoded, vocab, SENTENCES)
    check(EncodedCorpus.from_source(file, vocab, workers=2), vocab, SENTENCES)


@pytest.mark.parametrize("n", [1, 2, 3, 1000])
def test_generators_are_read_once(backend, small_blocks, n):
    small_blocks(n)
    vocab, encoded = count_and_encode((s for s in SENTENCES), min_count=2)
    check(encoded, vocab, SENTENCES)
    check(EncodedCorpus.from_source((s for s in SENTENCES), vocab), vocab, SENTENCES)


@given(
    st.lists(st.lists(words, max_size=6), max_size=12), st.integers(1, 40), st.integers(1, 3), st.booleans()
)
def test_any_corpus(tmp_path_factory, sentences, n, threads, on_disk):
    file = tmp_path_factory.mktemp("corpus") / "t"
    file.write_text("\n".join(" ".join(s) for s in sentences), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK_BYTES", n)
        patch.setattr(text, "BATCH_WORDS", n)
        patch.setattr(corpus, "_CHUNK_IDS", n)
        patch.setattr(corpus, "IN_MEMORY_BYTES", 64 if on_disk else 1 << 20)
        for source in (file, iter(sentences)):
            try:
                vocab, encoded = count_and_encode(source, min_count=2, workers=threads)
            except CorpusError:
                counts = [w for s in sentences for w in s]
                assert all(counts.count(w) < 2 for w in counts)
                continue
            check(encoded, vocab, sentences)
            check(EncodedCorpus.from_source(file, vocab, workers=threads), vocab, sentences)


def test_one_pass_finds_the_same_vocabulary(file, backend):
    one, _ = count_and_encode(file, min_count=1)
    two = Vocab.from_source(file, min_count=1)
    assert one.words == two.words
    np.testing.assert_array_equal(one.counts, two.counts)
    assert (one.corpus_words, one.corpus_sentences) == (two.corpus_words, two.corpus_sentences)


def test_files_end_sentences(tmp_path, backend):
    (tmp_path / "1").write_bytes(b"a b")
    (tmp_path / "2").write_bytes(b"")
    (tmp_path / "3").write_bytes(gzip.compress(b"a\nb"))
    (tmp_path / "4").write_bytes(b"\n")
    (tmp_path / "5").write_bytes(b"unknown a")
    vocab = Vocab.from_counts({"a": 2, "b": 1})
    sentences = [["a", "b"], ["a"], ["b"], ["unknown", "a"]]
    check(EncodedCorpus.from_source(tmp_path, vocab), vocab, sentences)
    counted, encoded = count_and_encode(tmp_path, min_count=1)
    check(encoded, counted, sentences)


def test_line_sentence_is_read_as_a_file(file, monkeypatch):
    monkeypatch.setattr(LineSentence, "__iter__", lambda self: pytest.fail("iterated over"))
    vocab, encoded = count_and_encode(LineSentence(file), min_count=2)
    check(encoded, vocab, SENTENCES)


def test_line_sentence_with_a_limit_is_iterated_over(file):
    vocab, encoded = count_and_encode(LineSentence(file, limit=4), min_count=1)
    check(encoded, vocab, SENTENCES[:4])


def test_words_with_spaces_and_words_of_any_script(backend):
    sentences = [["New York", "", "東京", "a\nb"], ["東京"]]
    vocab, encoded = count_and_encode(sentences, min_count=1)
    check(encoded, vocab, sentences)


def test_a_long_line_is_one_sentence(tmp_path, small_blocks):
    small_blocks(100)
    (tmp_path / "t").write_bytes(b"a b c " * 1000)
    _, encoded = count_and_encode(tmp_path / "t", min_count=1, workers=3)
    assert (encoded.n_words, encoded.n_sentences) == (3000, 1)


@pytest.mark.parametrize("n", [1, 3, 1000])
def test_bounded_counting_encodes_what_it_counts(backend, small_blocks, n):
    """Words forgotten on the way: the ids in the corpus are those that were counted."""
    small_blocks(n)
    rng = np.random.default_rng(3)
    sentences = [[f"w{i}" for i in rng.zipf(1.3, 6) % 50] for _ in range(60)]
    vocab, encoded = count_and_encode(iter(sentences), min_count=1, max_vocab_size=12)
    counts = np.bincount(encoded.tokens[encoded.tokens >= 0], minlength=len(vocab))
    np.testing.assert_array_equal(counts, vocab.counts)
    assert vocab.words == Vocab.from_source(sentences, min_count=1, max_vocab_size=12).words


@pytest.mark.parametrize("n", [1, 9, 1000])
def test_bounded_counting_of_files_and_iterables_agree(tmp_path, small_blocks, n):
    small_blocks(n)
    rng = np.random.default_rng(4)
    sentences = [[f"w{i}" for i in rng.zipf(1.3, 6) % 50] for _ in range(60)]
    (tmp_path / "t").write_text("\n".join(" ".join(s) for s in sentences))
    vocab, from_file = count_and_encode(tmp_path / "t", min_count=2, max_vocab_size=12)
    other, from_list = count_and_encode(sentences, min_count=2, max_vocab_size=12)
    assert vocab.words == other.words
    assert from_file.tokens.tolist() == from_list.tokens.tolist()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_can_be_read_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(SAMPLE,))
    writer.start()
    vocab, encoded = count_and_encode(pipe, min_count=2)
    writer.join()
    check(encoded, vocab, SENTENCES)


def test_remap_like_the_twin():
    ids = np.array([-1, 0, 1, -1, 2, -1, -1, 3, 0], np.int32)
    mapping = np.array([5, -1, -1, 6], np.int32)
    for name in BACKENDS:
        out = np.empty_like(ids)
        found = load(name, "encode").remap(ids, mapping, out)
        assert found == (9, 5, 4, 1, True, True, 4)
        assert out[:4].tolist() == [5, -1, 6, 5]
        with pytest.raises(ValueError, match="out"):
            load(name, "encode").remap(ids, mapping, np.empty(3, np.int32))


# ---- where it is kept ----


def test_small_ones_stay_in_memory_and_others_leave_no_trace(file, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    vocab, encoded = count_and_encode(file, min_count=1)
    assert "memory" in repr(encoded)
    monkeypatch.setattr(corpus, "IN_MEMORY_BYTES", 80)
    _, mapped = count_and_encode(file, min_count=1)
    assert "temporary file" in repr(mapped)
    assert mapped.tokens.tolist() == encoded.tokens.tolist()
    assert mapped.path is None
    mapped.close()
    assert len(mapped.tokens) == 0
    assert list((tmp_path / "tmp").iterdir()) == []
    check(encoded, vocab, SENTENCES)


def test_a_named_file_goes_when_closed(file, tmp_path):
    vocab = Vocab.from_source(file, min_count=1)
    target = tmp_path / "ids"
    with EncodedCorpus.from_source(file, vocab, path=target) as encoded:
        assert encoded.path == target
        assert target.stat().st_size == 64 + 4 * len(encoded.tokens)
        check(encoded, vocab, SENTENCES)
    assert not target.exists()
    encoded = EncodedCorpus.from_source(file, vocab, path=target)
    assert target.exists()
    del encoded
    gc.collect()
    assert not target.exists()


def test_tokens_outlive_the_corpus(file, small_memory):
    vocab, encoded = count_and_encode(file, min_count=1)
    tokens = encoded.tokens
    encoded.close()
    del encoded
    assert tokens.tolist() == expected(SENTENCES, vocab)


def test_a_kept_file_opens_again(file, tmp_path, backend, small_blocks):
    small_blocks(5)
    vocab, encoded = count_and_encode(file, min_count=1, path=tmp_path / "ids", keep=True)
    encoded.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["corpus.txt", "ids"]
    with EncodedCorpus.open(tmp_path / "ids", vocab) as again:
        check(again, vocab, SENTENCES)
    assert (tmp_path / "ids").exists()
    with pytest.raises(FormatError, match="another vocabulary"):
        EncodedCorpus.open(tmp_path / "ids", Vocab.from_counts({"a": 1}))


def test_a_corpus_knows_its_vocabulary(file, tmp_path, backend, monkeypatch):
    vocab, counted = count_and_encode(file, min_count=1, path=tmp_path / "ids", keep=True)
    equal = Vocab.from_source(file, min_count=1)
    others = [
        Vocab.from_counts({"a": 1}),
        Vocab.from_counts(
            {word: 1 for word in reversed(list(vocab.words))}
        ),  # the same words in another order
        Vocab.from_counts({f"{word}!": int(n) for word, n in zip(vocab.words, vocab.counts, strict=True)}),
    ]
    opened = [EncodedCorpus.open(tmp_path / "ids"), EncodedCorpus.open(tmp_path / "ids", vocab)]
    for encoded in [counted, EncodedCorpus.from_source(file, vocab), *opened]:
        for other in others:
            with pytest.raises(CorpusError, match="was encoded with another vocabulary"):
                encoded.check_vocab(other)
        encoded.check_vocab(vocab)
        encoded.check_vocab(equal)
        with monkeypatch.context() as patched:  # the second time the words are not looked at
            patched.setattr(corpus, "fingerprint", None)
            encoded.check_vocab(equal)


def test_keeping_needs_a_path(file):
    with pytest.raises(ValueError, match="path"):
        count_and_encode(file, min_count=1, keep=True)


def test_release_keeps_the_ids(file, small_memory):
    vocab, encoded = count_and_encode(file, min_count=1)
    for start, stop in [(0, 5), (3, 10**9), (-5, 2), (7, 7), (9, 3)]:
        encoded.release(start, stop)
        check(encoded, vocab, SENTENCES)


@pytest.fixture
def kept(file, tmp_path):
    count_and_encode(file, min_count=1, path=tmp_path / "ids", keep=True)[1].close()
    return tmp_path / "ids"


def test_cut_or_lengthened_files_are_refused(kept):
    whole = kept.read_bytes()
    for size in range(len(whole)):
        kept.write_bytes(whole[:size])
        with pytest.raises(FormatError, match="ids"):
            EncodedCorpus.open(kept)
    kept.write_bytes(whole + b"\0")
    with pytest.raises(FormatError, match="ids"):
        EncodedCorpus.open(kept)


@pytest.mark.parametrize("place", [0, 3, -2])
@pytest.mark.parametrize("value", [-2, 10**6, -(2**31), 2**31 - 1])
def test_ids_outside_the_vocabulary_are_refused(kept, backend, place, value):
    raw = bytearray(kept.read_bytes())
    at = 64 + 4 * place if place >= 0 else len(raw) + 4 * place
    raw[at : at + 4] = struct.pack("=i", value)
    kept.write_bytes(raw)
    with pytest.raises(FormatError, match="place"):
        EncodedCorpus.open(kept)


def test_sentence_ends_out_of_place_are_refused(kept, backend):
    whole = kept.read_bytes()
    for at, value in [(64, -1), (len(whole) - 4, 0), (68, -1)]:
        raw = bytearray(whole)
        raw[at : at + 4] = struct.pack("=i", value)
        kept.write_bytes(raw)
        with pytest.raises(FormatError):
            EncodedCorpus.open(kept)


@given(st.integers(0, 63), st.binary(min_size=1, max_size=12))
def test_any_header(tmp_path_factory, at, junk):
    path = tmp_path_factory.mktemp("header") / "ids"
    _, encoded = count_and_encode([["a", "b"], ["a"]], min_count=1, path=path, keep=True)
    encoded.close()
    raw = bytearray(path.read_bytes())
    raw[at : at + len(junk)] = junk
    path.write_bytes(raw)
    try:
        with EncodedCorpus.open(path) as again:
            assert ((again.tokens >= -1) & (again.tokens < 2**31 - 1)).all()
    except FormatError:
        pass


# ---- when it goes wrong ----


def test_no_known_word(file, backend):
    with pytest.raises(CorpusError, match=r"corpus\.txt.*none of its 13 tokens"):
        EncodedCorpus.from_source(file, Vocab.from_counts({"zzz": 1}))


def test_bad_utf8(tmp_path, backend, small_blocks):
    (tmp_path / "t").write_bytes(b"a\na\xff\n")
    vocab = Vocab.from_counts({"a": 1})
    for n in (1, 100):
        small_blocks(n)
        with pytest.raises(CorpusError, match=r"t, line 2: byte 0xff"):
            EncodedCorpus.from_source(tmp_path / "t", vocab)
        assert EncodedCorpus.from_source(tmp_path / "t", vocab, errors="ignore").tokens.tolist() == [
            0,
            -1,
            0,
            -1,
        ]
        assert EncodedCorpus.from_source(tmp_path / "t", vocab, errors="replace").tokens.tolist() == [0, -1]


class Lazy(list):
    """Yields more than its length says."""

    def __iter__(self):
        return (f"w{i}" for i in range(5000))


def test_sentences_that_yield_more_than_their_length(backend):
    vocab, encoded = count_and_encode([Lazy(["x"])] * 2, min_count=1)
    assert (len(vocab), encoded.n_words, encoded.n_sentences) == (5000, 10_000, 2)
    again = EncodedCorpus.from_source([Lazy(["x"])] * 2, vocab)
    assert again.tokens.tolist() == encoded.tokens.tolist()


def test_items_that_are_no_words(backend):
    with pytest.raises(CorpusError, match="sentence 1 holds None of type NoneType"):
        EncodedCorpus.from_source([["a"], [None]], Vocab.from_counts({"a": 1}))


def failing(error):
    yield ["a", "b"] * 50
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_nothing_is_left_of_an_interrupted_run(tmp_path, error):
    with pytest.raises(error):
        count_and_encode(failing(error), min_count=1, path=tmp_path / "ids", keep=True)
    with pytest.raises(error):
        EncodedCorpus.from_source(failing(error), Vocab.from_counts({"a": 1}), path=tmp_path / "ids")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_reading_a_file(tmp_path, small_blocks):
    small_blocks(64)
    (tmp_path / "t").write_bytes(b"a b c\n" * 10_000)
    (tmp_path / "out").mkdir()
    threads = threading.active_count()

    def progress(done, total):
        if done < total:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        count_and_encode(tmp_path / "t", min_count=1, path=tmp_path / "out" / "ids", progress=progress)
    gc.collect()
    assert list((tmp_path / "out").iterdir()) == []
    assert threading.active_count() == threads


def test_a_failed_run_leaves_an_earlier_file_alone(tmp_path, file):
    target = tmp_path / "ids"
    target.write_bytes(b"precious")
    with pytest.raises(RuntimeError):
        count_and_encode(failing(RuntimeError), path=target, keep=True)
    assert target.read_bytes() == b"precious"


def test_a_full_disk_names_the_file(tmp_path):
    resource = pytest.importorskip("resource")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    try:
        with pytest.raises(OSError, match=r"while writing token ids.*ids"):
            count_and_encode([["a"] * 100_000], min_count=1, path=tmp_path / "ids", keep=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, previous)
    assert list(tmp_path.iterdir()) == []


def test_no_such_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        count_and_encode([["a"]], min_count=1, path=tmp_path / "nowhere" / "ids")
