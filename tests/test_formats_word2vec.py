"""Files of the word2vec program: read as it and gensim write them, written likewise; damage is refused."""

import bz2
import gzip
import lzma
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastvec import formats
from fastvec.errors import FormatError
from fastvec.formats import lines, source, word2vec
from fastvec.keyedvectors import KeyedVectors
from fastvec.words import WordTable

WORDS = ["the", "größer", "日本", "e"]
VECTORS = np.array([[0.1, -2.5, 3e-5], [1e16, 1, -0.0], [0.33333334, 1e-30, 5], [7, 8, 9]], np.float32)
COUNTS = np.array([9, 7, 7, 1])
# As gensim 4.4 writes these vectors.
TEXT = """4 3
the 0.1 -2.5 3e-05
größer 1e+16 1.0 -0.0
日本 0.33333334 1e-30 5.0
e 7.0 8.0 9.0
""".encode()
BINARY = b"4 3\n" + b"".join(
    w.encode() + b" " + v.astype("<f4").tobytes() for w, v in zip(WORDS, VECTORS, strict=True)
)
C_BINARY = b"4 3\n" + b"".join(
    w.encode() + b" " + v.astype("<f4").tobytes() + b"\n" for w, v in zip(WORDS, VECTORS, strict=True)
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors"


def table():
    return WordTable.from_words(WORDS)


def check(found, n=4, dtype=np.float32):
    words, vectors, _ = found
    assert list(words) == WORDS[:n]
    assert vectors.dtype == dtype and vectors.tobytes() == VECTORS[:n].astype(dtype).tobytes()


@pytest.mark.parametrize("binary, raw", [(False, TEXT), (True, BINARY)])
def test_written_as_gensim_writes(path, binary, raw):
    word2vec.write(path, table(), VECTORS, COUNTS, binary=binary)
    assert path.read_bytes() == raw


@pytest.mark.parametrize("binary, raw", [(False, TEXT), (True, BINARY), (True, C_BINARY)])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("chunk, n", [(source.CHUNK, lines.LINES), (1, 1), (7, 3)])
def test_read_however_it_comes(each_backend, path, monkeypatch, binary, raw, compress, chunk, n):
    for module in (source, lines):
        monkeypatch.setattr(module, "CHUNK", chunk)
    monkeypatch.setattr(lines, "LINES", n)
    monkeypatch.setattr(source, "RECORDS", n)
    path.write_bytes(compress(raw))
    check(word2vec.read(path, binary=binary))
    check(word2vec.read(path, binary=binary, limit=2), 2)
    check(word2vec.read(path, binary=binary, limit=9))
    check(word2vec.read(path, binary=binary, datatype=np.float64), dtype=np.float64) if binary else None


def test_numbers_beyond_the_type_are_infinite(path):
    path.write_bytes(b"1 3\na 1e300 -1e300 nan\n")
    assert np.array_equal(word2vec.read(path)[1], [[np.inf, -np.inf, np.nan]], equal_nan=True)


def test_text_in_double_precision(path):
    path.write_bytes(b"1 2\na 0.1 1e-300\n")
    assert word2vec.read(path, datatype=np.float64)[1].tolist() == [[0.1, 1e-300]]


def test_text_as_other_programs_write_it(path):
    path.write_bytes(b"2 2\r\na 1 2 \r\nb\t 3 4\r\n\n")
    words, vectors, _ = word2vec.read(path)
    assert list(words) == ["a", "b\t"] and vectors.tolist() == [[1, 2], [3, 4]]


def test_without_header(path):
    path.write_bytes(TEXT.split(b"\n", 1)[1])
    check(word2vec.read(path, no_header=True))
    check(word2vec.read(path, no_header=True, limit=3), 3)
    with pytest.raises(FormatError, match="line 1"):
        word2vec.read(path)
    with pytest.raises(NotImplementedError):
        word2vec.read(path, no_header=True, binary=True)
    word2vec.write(path, table(), VECTORS, write_header=False)
    assert path.read_bytes() == TEXT.split(b"\n", 1)[1]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
def test_suffix_compresses(tmp_path, binary, suffix):
    path = tmp_path / f"vectors{suffix}"
    word2vec.write(path, table(), VECTORS, binary=binary)
    check(word2vec.read(path, binary=binary))
    assert (path.read_bytes()[:3] == b"4 3") is (suffix == "")


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.floats(width=32)),
    st.booleans(),
    st.data(),
)
def test_any_vectors_come_back(tmp_path_factory, vectors, binary, data):
    word = st.text(min_size=1).filter(lambda w: w.isprintable() and " " not in w)
    words = data.draw(st.lists(word, min_size=len(vectors), max_size=len(vectors), unique=True))
    # A record whose floats are digits may be text as well, and is refused.
    assume(not binary or not len(vectors) or vectors[0].tobytes().strip(b"0123456789 \t+-.eEnNaAiIfF"))
    path = tmp_path_factory.mktemp("any") / "vectors"
    word2vec.write(path, WordTable.from_words(words), vectors, binary=binary)
    found, read, _ = word2vec.read(path, binary=binary)
    assert list(found) == words
    assert np.array_equal(read, vectors, equal_nan=True) and (
        not binary or read.tobytes() == vectors.tobytes()
    )


def test_floats_whose_bytes_are_digits(path):
    vectors = np.frombuffer(b"12345678", "<f4")[None]
    word2vec.write(path, WordTable.from_words(["0"]), vectors, binary=True)
    assert np.array_equal(word2vec.read(path, binary=True)[1], vectors)


@pytest.mark.parametrize("line", ["dog 1.0 -1.0", "dog 0.1 0.2 ", "dog 1 2", "dog 3.14 299"])
def test_text_is_not_read_as_binary(path, line):
    path.write_text(f"1 2\n{line}\n")
    with pytest.raises(FormatError, match=r"text format|do not fit"):
        word2vec.read(path, binary=True)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("shape", [(0, 3), (0, 300), (3, 1)])
def test_small_shapes(path, binary, shape):
    words = WordTable.from_words("abc"[: shape[0]])
    word2vec.write(path, words, np.ones(shape, np.float32), binary=binary)
    path.write_bytes(path.read_bytes() + b"\n \n")
    found, vectors, _ = word2vec.read(path, binary=binary)
    assert found == words and vectors.shape == shape


def test_order_counts_prefix_and_append(path):
    word2vec.write(
        path, table(), VECTORS, np.array([1, 3, 2, 3]), fvocab=f"{path}.vocab", total_vec=5, prefix="*"
    )
    lines = path.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["5", "*größer", "*e", "*日本", "*the"]
    assert Path(f"{path}.vocab").read_text() == "*größer 3\n*e 3\n*日本 2\n*the 1\n"
    extra = WordTable.from_words(["more"])
    word2vec.write(path, extra, VECTORS[:1], append=True, write_header=False)
    words, vectors, counts = word2vec.read(path, fvocab=f"{path}.vocab")
    assert list(words) == ["*größer", "*e", "*日本", "*the", "more"] and counts.tolist() == [3, 3, 2, 1, 0]
    assert vectors[4].tolist() == VECTORS[0].tolist()


def test_what_cannot_be_written(path):
    with pytest.raises(ValueError, match="counts are not known"):
        word2vec.write(path, table(), VECTORS, fvocab=path)
    for word in ("a b", "a\nb"):
        for binary in (False, True):
            with pytest.raises(ValueError, match="space or newline"):
                word2vec.write(path, WordTable.from_words([word]), VECTORS[:1], binary=binary)
    assert not list(path.parent.iterdir())


def test_vectors_and_counts_need_a_file_each(path):
    word2vec.write(path, table(), VECTORS)
    before, link = path.read_bytes(), path.parent / "link"
    link.symlink_to(path)
    hard = path.parent / "hard"
    hard.hardlink_to(path)
    for same in (path, str(path.parent / "." / path.name), link, hard):
        for append in (False, True):
            with pytest.raises(ValueError, match="a file each; give fvocab another name"):
                word2vec.write(path, table(), VECTORS, COUNTS, fvocab=same, append=append)
    assert path.read_bytes() == before


@pytest.mark.parametrize("word", ["a\tb", "", "a\x0bb", "\f"])
def test_words_that_a_line_of_counts_cannot_hold(path, word):
    words = WordTable.from_words(["a", word])
    with pytest.raises(ValueError, match="has no place in the lines of"):
        word2vec.write(path, words, VECTORS[:2], COUNTS[:2], fvocab=f"{path}.vocab")
    assert not list(path.parent.iterdir())
    word2vec.write(path, words, VECTORS[:2], COUNTS[:2])


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_both_files_stay_where_the_vectors_cannot_be_written(tmp_path, append, suffix, monkeypatch):
    written = []

    def some_then_fail(heads, rows):
        if written:
            raise OSError("the disk is full")
        written.extend(heads)
        return b"".join(heads)

    monkeypatch.setattr(word2vec, "LINES", 2)
    monkeypatch.setattr(word2vec, "_text_rows", some_then_fail)
    path, vocab = tmp_path / f"vectors{suffix}", tmp_path / f"vocab{suffix}"
    for file in (path, vocab):
        file.write_bytes(b"older\n")
    with pytest.raises(OSError, match="disk is full"):
        word2vec.write(path, table(), VECTORS, COUNTS, fvocab=vocab, append=append)
    assert path.read_bytes() == vocab.read_bytes() == b"older\n"
    assert {file.name for file in tmp_path.iterdir()} == {path.name, vocab.name}


def test_encodings(path):
    path.write_bytes(b"2 1\ncaf\xe9 1\na 2\n")
    with pytest.raises(FormatError, match=r"word 0, .*utf8|word 0: .*utf8"):
        word2vec.read(path)
    assert list(word2vec.read(path, encoding="latin1")[0]) == ["café", "a"]
    assert list(word2vec.read(path, unicode_errors="replace")[0]) == ["caf\ufffd", "a"]
    assert list(word2vec.read(path, unicode_errors="ignore")[0]) == ["caf", "a"]


def test_repeated_words(path):
    path.write_bytes(b"4 1\na 1\nb 2\na 3\nc 4\n")
    with pytest.warns(UserWarning, match="1 words repeat others, such as 'a'"):
        words, vectors, _ = word2vec.read(path)
    assert list(words) == ["a", "b", "c"] and vectors.tolist() == [[1], [2], [4]]


# ---- Damage


def outcome(path, raw, **options):
    """Read `raw`; return the words, or None where it was refused with an error that names the file."""
    path.write_bytes(raw)
    try:
        words, vectors, _ = word2vec.read(path, **options)
    except FormatError as error:
        assert os.fspath(path) in str(error)
        return None
    assert vectors.shape == (len(words), vectors.shape[1])
    return words, vectors


@pytest.mark.parametrize("binary, raw", [(False, TEXT), (True, BINARY), (True, C_BINARY)])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_truncation_at_every_offset(path, binary, raw, compress):
    packed = compress(raw)
    whole = packed[:-1] if compress is bytes and raw.endswith(b"\n") else packed
    for end in range(len(whole)):
        found = outcome(path, whole[:end], binary=binary)
        # "9.0" without its last character is a number too: text cannot tell.
        assert found is None or (not binary and end >= len(TEXT) - 3)


@pytest.mark.parametrize("binary, raw", [(False, TEXT), (True, BINARY), (True, C_BINARY)])
@pytest.mark.parametrize("flip", [0x01, 0x02, 0x10, 0x40, 0x80, 0xFF])
@pytest.mark.filterwarnings("ignore:.*words repeat others")
def test_flip_of_every_byte(path, binary, raw, flip):
    for at in range(len(raw)):
        found = outcome(path, raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :], binary=binary)
        # A flip of the sizes never gives fewer or shorter vectors in silence.
        assert found is None or found[1].shape == (4, 3)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([(False, TEXT), (True, BINARY)]), st.booleans())
@pytest.mark.filterwarnings("ignore:.*words repeat others")
def test_any_damage(tmp_path_factory, data, kind, no_header):
    binary, raw = kind
    start = data.draw(st.integers(0, len(raw)))
    raw = raw[:start] + data.draw(st.binary(max_size=20)) + raw[start + data.draw(st.integers(0, 20)) :]
    outcome(tmp_path_factory.mktemp("any") / "v", raw, binary=binary, no_header=no_header and not binary)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    "raw, reason",
    [
        (b"", "line 1"),
        (b"4\n", "line 1"),
        (b"4 3", "line 1"),
        (b"-4 3\n", "line 1"),
        (b"4 0\n", "0 dimensions"),
        (b"999999999999 300\na \1", "do not fit"),
        (b"1 999999999999999999\na \1", "do not fit"),
        (b"1 2000000\na " + bytes(9_000_000), "2000000 dimensions do not fit: at most 1048576"),
        (b"9" * 5000 + b" 3\n", "line 1"),
        ("٤ ٣\n".encode(), "line 1"),
        (b"1_0 3\n", "line 1"),
    ],
)
def test_lying_headers(path, binary, raw, reason):
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=reason):
        word2vec.read(path, binary=binary)
    path.write_bytes(gzip.compress(raw))
    with pytest.raises(FormatError):
        word2vec.read(path, binary=binary)


@pytest.mark.parametrize(
    "raw, reason",
    [
        (b"2 2\na 1 2\nb 1\n", "line 3: .* is not a word and 2 numbers"),
        (b"2 2\na 1 2 3\nb 1\n", "line 2: .* is not a word and 2 numbers"),
        (b"2 2\na 1 x2\nb 1 2\n", "line 2: .* is not a word and 2 numbers"),
        (b"2 2\na 1 0x2\nb 1 2\n", "line 2"),
        (b"2 2\na 1 2\nb 1-2  3\n", "line 3"),
        (b"2 2\na 1.0000 2\n", "line 3: the file ends after 1 of the 2"),
        (b"1 3\na \0\0\0\0\0\0\0\0\0\0\0\0\n", "line 2: .* is it a binary file"),
        (b"1 2\na 1 2\nb 1 2\n", "line 3: more than 1 vectors"),
        (b"1 2\na 1 2\n\n \nb 1 2\n", "line 5: more than 1 vectors"),
    ],
)
def test_damaged_text(path, raw, reason):
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=reason):
        word2vec.read(path)


def test_damaged_binary(path, monkeypatch):
    path.write_bytes(BINARY + b"\n\nx")
    with pytest.raises(FormatError, match=f"byte {len(BINARY) + 2}: more than 4"):
        word2vec.read(path, binary=True)
    check(word2vec.read(path, binary=True, limit=3), 3)
    monkeypatch.setattr(word2vec, "MAX_WORD", 10)
    monkeypatch.setattr(source, "CHUNK", 8)
    path.write_bytes(b"4 1\na " + b"x" * 1000)
    with pytest.raises(FormatError, match="byte 10: no word of up to 10 bytes"):
        word2vec.read(path, binary=True)


@pytest.mark.parametrize("raw", [b"a\n", b"a b 1\n", b"a -1\n", b"a 1e5\n", b"\xff 1\n", b"a " + b"9" * 99])
def test_damaged_counts(path, raw):
    path.write_bytes(TEXT)
    (path.parent / "vocab").write_bytes(raw)
    with pytest.raises(FormatError, match="vocab: line 1"):
        word2vec.read(path, fvocab=path.parent / "vocab")


# ---- Through KeyedVectors, and the registry


@pytest.mark.parametrize("binary", [False, True])
def test_keyed_vectors_save_and_load(path, binary):
    kv = KeyedVectors._from_parts(table(), VECTORS, COUNTS)
    kv.save_word2vec_format(path, f"{path}.vocab", binary=binary)
    found = KeyedVectors.load_word2vec_format(path, f"{path}.vocab", binary=binary)
    check((found.words, found.vectors, None))
    assert found.get_vecattr("größer", "count") == 7
    assert KeyedVectors.load_word2vec_format(path, binary=binary, limit=2).index_to_key[:] == WORDS[:2]


def test_registry():
    assert formats.get("word2vec") is word2vec
    with pytest.raises(ValueError, match="choose one of word2vec"):
        formats.get("word3vec")


@pytest.mark.parametrize("raw", [TEXT, b"2 2\na 1 0\nb 0 1\n", b"1 1\na nan\n", b"1 2\na -1e-05 +inf\n"])
def test_text_read_as_binary(path, raw):
    path.write_bytes(raw)
    assert formats.sniff(path) == "text"
    for limit in (None, 1):
        with pytest.raises(FormatError, match="this is the text format; leave out binary=True"):
            word2vec.read(path, binary=True, limit=limit)


@pytest.mark.parametrize(
    "raw, kind",
    [
        (BINARY, "binary"), (C_BINARY, "binary"), (b"", None), (b"100 100\n{ 1 2", "text"),
        (b"\x40\0\0\0\0\0\0\0{}", "fvec"), (b"a 1 2\n", "glove"), (b"a 1\n", None), (b"1 2", None),
        (b"0 3\n", "binary"),
    ],
)  # fmt: skip
def test_sniff(path, raw, kind):
    path.write_bytes(raw)
    assert formats.sniff(path) == kind


@pytest.mark.parametrize("kind", [{}, {"binary": True}, {"no_header": True}])
def test_a_limit_below_0_is_refused(tmp_path, kind):
    (tmp_path / "v").write_bytes(b"1 1\na 0.5\n")
    with pytest.raises(ValueError, match="limit=-1"):
        word2vec.read(tmp_path / "v", limit=-1, **kind)


@pytest.mark.skipif(os.name == "nt", reason="limits of file sizes are POSIX's")
def test_what_was_appended_is_cut_off_where_the_disk_is_full(path):
    import resource

    words = WordTable.from_words([f"w{i}" for i in range(5_000)])
    word2vec.write(path, words, np.ones((5_000, 3), np.float32), binary=True)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10_000, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            word2vec.write(path, words, np.ones((5_000, 3), np.float32), binary=True, append=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
