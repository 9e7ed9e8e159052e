"""Reading text: blocks, compressed files, directories, gensim's readers, work in order."""

import bz2
import gzip
import io
import lzma
import os
import sys
import threading
import time

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from fastvec import Phrases, _compressed, config, text
from fastvec.errors import CorpusError
from fastvec.phrase_text import write_joined
from fastvec.recount import WordCounts
from fastvec.text import (
    BOM,
    LineSentence,
    Part,
    PathLineSentences,
    Text8Corpus,
    blocks,
    in_order,
    stitched,
    text_files,
)
from fastvec.vocab import Vocab

COMPRESS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}
TRICKY = (
    b"one two\r\n\n three\tfour  fivefivefivefive\n \x0bsix\x0cseven\n"
    b"\xc3\xa9t\xc3\xa9 \xed\x95\x9c\xea\xb5\xad eight"
)
WHITESPACE = b" \t\n\v\f\r"


def read(path, block_bytes=None):
    return [bytes(data) for data, _ in blocks(path, block_bytes)]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "corpus.txt"


@pytest.mark.parametrize("block_bytes", range(1, len(TRICKY) + 3))
def test_blocks_end_at_whitespace_and_lose_nothing(file, block_bytes):
    file.write_bytes(TRICKY)
    found = read(file, block_bytes)
    assert b"".join(found) == TRICKY
    assert all(found)
    assert all(block[-1] in WHITESPACE for block in found[:-1])


def test_blocks_end_at_newlines_where_a_line_fits(file):
    file.write_bytes(b"a b c\n" * 100)
    assert all(block.endswith(b"\n") for block in read(file, 50))


@given(
    st.lists(st.sampled_from([b"a", b"bb", b"longer-word", b" ", b"\n", b"\r\n", "é".encode()])),
    st.integers(1, 30),
)
def test_blocks_of_any_text(tmp_path_factory, pieces, block_bytes):
    file = tmp_path_factory.mktemp("blocks") / "t"
    file.write_bytes(b"".join(pieces))
    found = read(file, block_bytes)
    assert b"".join(found) == b"".join(pieces)
    assert all(block[-1] in WHITESPACE for block in found[:-1])


def test_a_word_longer_than_a_block_stays_whole(file):
    word = b"x" * 1000
    file.write_bytes(b"a " + word + b" b")
    assert [w for block in read(file, 7) for w in block.split()] == [b"a", word, b"b"]


def test_empty_file(file):
    file.write_bytes(b"")
    assert read(file) == []


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 4, 5, 7, 1000])
@pytest.mark.parametrize("rest", [b"", b"a", b"\n", b" a\n", b"word of \xef\xbb\xbf a text\nb", BOM + b"a"])
def test_a_byte_order_mark_is_no_word(file, rest, block_bytes):
    file.write_bytes(BOM + rest)
    assert b"".join(read(file, block_bytes)) == rest


def test_what_is_left_in_a_buffer_is_no_byte_order_mark(file, tmp_path):
    spares = [bytearray(BOM + b" left")]
    file.write_bytes(BOM[:1])
    assert [bytes(data) for data, _ in blocks(file, 8, spares)] == [BOM[:1]] and not spares


@pytest.mark.parametrize("pack", [bytes, *COMPRESS.values()])
def test_no_reader_sees_a_byte_order_mark(each_backend, tmp_path, pack):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_bytes(pack(BOM + b"one two\none"))
    for source in (folder, PathLineSentences(folder), PathLineSentences(folder, limit=2)):
        assert dict(WordCounts(Vocab.from_source(source, min_count=1))) == {"one": 4, "two": 2}
    assert list(LineSentence(folder / "a")) == list(Text8Corpus(folder / "a", 2)) == [["one", "two"], ["one"]]
    for opened in (io.BytesIO(BOM + b"one"), io.StringIO("\ufeffone")):
        assert list(LineSentence(opened)) == [["one"]]
    model = Phrases(corpus_file=folder / "a", min_count=1, threshold=0.1)
    assert dict(model.vocab) == {"one": 2, "two": 1, "one_two": 1}
    joined = io.BytesIO()
    write_joined(model, folder / "a", joined)
    assert joined.getvalue().split() == [b"one", b"two", b"one"]


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("block_bytes", [1, 7, 1000])
def test_compressed_files_are_told_by_their_content(file, kind, block_bytes):
    file.write_bytes(COMPRESS[kind](TRICKY))
    assert b"".join(read(file, block_bytes)) == TRICKY


@pytest.mark.parametrize("kind", COMPRESS)
def test_several_streams_in_one_file(file, kind):
    file.write_bytes(COMPRESS[kind](b"a b\n") + COMPRESS[kind](b"") + COMPRESS[kind](b"c"))
    assert b"".join(read(file)) == b"a b\nc"


@pytest.mark.parametrize("kind", ["bz2", "xz"])
def test_damage_in_a_later_stream_is_no_end_of_the_corpus(file, kind):
    streams = [COMPRESS[kind](b"%s b c d\n" % word * 20) for word in (b"one", b"two", b"three")]
    whole = b"".join(streams)
    file.write_bytes(whole)
    assert b"".join(read(file)).split()[::80] == [b"one", b"two", b"three"]
    for at in range(len(streams[1])):
        damaged = bytearray(whole)
        damaged[len(streams[0]) + at] ^= 0xFF
        file.write_bytes(damaged)
        with pytest.raises(CorpusError, match=r"corpus\.txt.*damaged"):
            read(file)


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("garbage", [b"B", b"garbage that is no stream", b"\xff" * 100_000])
def test_garbage_after_the_last_stream_is_an_error(file, kind, garbage):
    file.write_bytes(COMPRESS[kind](b"a b\n") + COMPRESS[kind](b"c") + garbage)
    with pytest.raises(CorpusError, match=r"corpus\.txt.*damaged"):
        read(file)


@pytest.mark.parametrize("padding", [4, 12, 1 << 16, 200_000])
def test_xz_streams_may_be_padded(file, padding):
    file.write_bytes((lzma.compress(b"a b\n") + bytes(padding)) * 3)
    assert b"".join(read(file)) == b"a b\n" * 3


@pytest.mark.parametrize("kind", COMPRESS)
def test_truncated_compressed_file_names_itself(file, kind):
    whole = COMPRESS[kind](b"".join(b"word%d " % (i * i) for i in range(2000)))
    for cut in [10, 11, 20, len(whole) // 2, len(whole) - 1]:
        file.write_bytes(whole[:cut])
        with pytest.raises(CorpusError, match=r"corpus\.txt"):
            read(file)


@pytest.mark.parametrize("kind", COMPRESS)
def test_damaged_compressed_file_names_itself(file, kind):
    whole = bytearray(COMPRESS[kind](b"".join(b"word%d " % (i * i) for i in range(2000))))
    for at in range(len(whole) // 2, len(whole) // 2 + 8):
        whole[at] ^= 0xFF
    file.write_bytes(whole)
    if kind == "zst":  # our frames carry no checksum: damage may go unseen, but must not crash
        try:
            read(file)
        except CorpusError as error:
            assert "corpus.txt" in str(error)
        return
    with pytest.raises(CorpusError, match=r"corpus\.txt"):
        read(file)


def test_text_that_begins_like_a_compressed_file_is_text(file):
    file.write_bytes(b"BZh is how bzip2 files begin\n")
    assert read(file) == [b"BZh is how bzip2 files begin\n"]


def test_zst_without_a_package_says_what_to_install(file, monkeypatch):
    file.write_bytes(COMPRESS["zst"](b"a"))
    monkeypatch.setitem(sys.modules, "compression", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(CorpusError, match=r"corpus\.txt.*fastvec\[zstd\]"):
        read(file)


def test_a_highly_compressed_file_is_read_in_bounded_blocks(file):
    file.write_bytes(gzip.compress(b"a " * 4_000_000))
    assert max(map(len, read(file, 1 << 16))) <= 1 << 16


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read(tmp_path / "nowhere")


def test_directory_in_order_of_names(tmp_path):
    for name in ["b.txt", "a.txt", ".hidden", "c"]:
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "sub").mkdir()
    assert [p.name for p in text_files(tmp_path)] == ["a.txt", "b.txt", "c"]
    assert [p.name for p in text_files(str(tmp_path))] == ["a.txt", "b.txt", "c"]
    with pytest.raises(CorpusError, match=r"sub.*no file"):
        text_files(tmp_path / "sub")


@pytest.mark.parametrize("read_it", [text_files, lambda path: list(LineSentence(path))])
def test_an_empty_path_is_not_the_current_directory(read_it, file, monkeypatch):
    file.write_bytes(b"a b\n")
    monkeypatch.chdir(file.parent)
    with pytest.raises(ValueError, match="empty: ''"):
        read_it("")


def test_what_is_read_as_files(file):
    file.write_text("a b\n")
    assert (
        text_files(LineSentence(file)) == text_files(LineSentence(file, max_sentence_length=None)) == [file]
    )
    assert text_files(PathLineSentences(file)) == [file]
    assert text_files(LineSentence(file, limit=3)) is None
    assert text_files(LineSentence(file, max_sentence_length=3)) is None
    assert text_files([["a"]]) is None
    with file.open("rb") as opened:
        assert text_files(LineSentence(opened)) is None

    class Shouting(LineSentence):
        def __iter__(self):
            return ([word.upper() for word in sentence] for sentence in LineSentence.__iter__(self))

    assert text_files(Shouting(file)) is None and list(Shouting(file)) == [["A", "B"]]


def test_open_files_and_long_lines(file):
    """As in gensim: files that are open already, plain and compressed, and pieces of 10,000 words."""
    file.write_text("a b\n\n" + "w " * 25_000 + "\nc\n")
    want = [["a", "b"], ["w"] * 10_000, ["w"] * 10_000, ["w"] * 5_000, ["c"]]
    compressed = file.with_suffix(".bz2")
    compressed.write_bytes(bz2.compress(file.read_bytes()))
    with file.open("rb") as plain, file.open(encoding="utf-8") as text, bz2.open(compressed) as packed:
        for opened in (plain, text, packed):
            assert list(LineSentence(opened)) == list(LineSentence(opened)) == want
            assert list(LineSentence(opened, limit=1)) == want[:1]
    assert list(LineSentence(file)) == want
    assert list(LineSentence(file, max_sentence_length=None))[1] == ["w"] * 25_000
    assert list(map(len, Text8Corpus(file))) == [10_000, 10_000, 5_003]


def test_path_line_sentences_of_nothing(tmp_path):
    with pytest.raises(ValueError, match="nothing: neither a file nor a directory"):
        PathLineSentences(tmp_path / "nothing")
    (tmp_path / "b.txt").write_text("b")
    assert PathLineSentences(tmp_path).input_files == [str(tmp_path / "b.txt")]


@pytest.mark.parametrize("block_bytes", [1, 5, 13, 1 << 20])
def test_line_sentence(file, monkeypatch, block_bytes):
    monkeypatch.setattr(text, "BLOCK_BYTES", block_bytes)
    file.write_bytes(TRICKY)
    want = [[w.decode() for w in line.split()] for line in TRICKY.split(b"\n") if line.split()]
    assert list(LineSentence(file)) == want
    assert list(LineSentence(str(file))) == want
    assert list(LineSentence(file, limit=1)) == want[:1]
    assert list(LineSentence(file, limit=3)) == want[:2]  # the second line is blank
    assert list(LineSentence(file, max_sentence_length=2))[:4] == [
        ["one", "two"],
        ["three", "four"],
        want[1][2:],
        want[2],
    ]


def test_path_line_sentences(tmp_path):
    (tmp_path / "2").write_bytes(b"c\nd")
    (tmp_path / "1").write_bytes(gzip.compress(b"a b\n"))
    assert list(PathLineSentences(tmp_path)) == [["a", "b"], ["c"], ["d"]]
    assert list(PathLineSentences(tmp_path, limit=1)) == [["a", "b"], ["c"]]


@pytest.mark.parametrize("block_bytes", [1, 5, 1 << 20])
def test_text8_corpus(file, monkeypatch, block_bytes):
    monkeypatch.setattr(text, "BLOCK_BYTES", block_bytes)
    words = [f"w{i}" for i in range(25)]
    file.write_text(" " + " ".join(words) + "\n")
    assert list(Text8Corpus(file, 10)) == [words[:10], words[10:20], words[20:]]


@pytest.mark.parametrize("reader", [LineSentence, Text8Corpus])
def test_readers_name_file_and_line_of_a_bad_byte(file, reader):
    file.write_bytes(b"a\nb\nc \xff d\n")
    with pytest.raises(CorpusError, match=r"corpus\.txt, line 3: byte 0xff"):
        list(reader(file))


def test_in_order_keeps_the_order_and_looks_ahead():
    ahead = []

    def work(i):
        ahead.append(i)
        time.sleep(0.001 * (i % 3))
        return i * i

    results = in_order(work, range(50), 4)
    assert next(results) == 0
    assert len(ahead) <= 6
    assert list(results) == [i * i for i in range(1, 50)]


def test_in_order_bounds_threads_and_items_by_the_cores(monkeypatch):
    monkeypatch.setattr(text, "available_cores", lambda: 1)
    taken, threads = [], set()

    def work(i):
        threads.add(threading.get_ident())
        return i

    results = in_order(work, (taken.append(i) or i for i in range(500)), 10_000)
    assert next(results) == 0
    assert len(taken) <= 6
    assert list(results) == list(range(1, 500))
    assert len(threads) <= 4


def test_in_order_passes_errors_on_and_stops():
    done = []

    def work(i):
        if i == 3:
            raise ValueError("three")
        done.append(i)

    threads = threading.active_count()
    with pytest.raises(ValueError, match="three"):
        list(in_order(work, range(1000), 2))
    assert len(done) < 20
    assert threading.active_count() == threads


def test_stitched_closes_what_a_part_left_open():
    parts = [
        Part(pending=True),  # opens
        Part(),  # nothing but spaces
        Part(lead=True),  # its newline closes
        Part(pending=True),
        Part(sentences=1),  # its first sentence goes on from there
        Part(pending=True, sentences=1),
        Part(starts=True, pending=True),  # a new file
    ]
    assert [part.closes for part in stitched(parts)] == [False, False, True, False, False, False, True, True]


@pytest.mark.parametrize("source", [None, 5, b"corpus.txt", object()])
def test_what_is_no_path_is_no_text(source):
    with pytest.raises(TypeError):
        LineSentence(source)


@pytest.mark.parametrize("error", [TypeError, NotImplementedError, ValueError])
def test_a_source_without_a_length(error):
    class Unknown(list):
        def __len__(self):
            raise error("nobody knows")

    assert Vocab.from_source(Unknown([["a", "b"]] * 3), min_count=1).counts.tolist() == [3, 3]


def test_workers():
    assert config.checked_workers(3) == 3
    assert config.checked_workers(None) == config.available_cores() >= 1
    for bad in [0, -1, 1.5, True, "2"]:
        with pytest.raises((ValueError, TypeError), match=f"workers={bad!r}"):
            config.checked_workers(bad)
    assert type(config.checked_workers(np.int32(2))) is int


def test_cores_where_there_is_no_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert config.available_cores() == (os.cpu_count() or 1)


def test_zstandard_reader_bounds_what_it_takes():
    class Counting(io.BytesIO):
        largest = 0

        def read(self, n=-1):
            self.largest = max(self.largest, n if n >= 0 else 1 << 40)
            return super().read(n)

    file = Counting(COMPRESS["zst"](b"a " * 1_000_000))
    reader = _compressed.Zstandard(file, "a.zst")
    assert io.BufferedReader(reader).read() == b"a " * 1_000_000
    assert file.largest <= 4096


@pytest.mark.parametrize("reader", [LineSentence, PathLineSentences, Text8Corpus])
@pytest.mark.parametrize("length", [0, -1])
def test_sentences_without_words_are_refused(tmp_path, reader, length):
    (tmp_path / "text").write_text("a b c")
    with pytest.raises(ValueError, match=f"max_sentence_length={length}"):
        reader(tmp_path / "text", max_sentence_length=length)
