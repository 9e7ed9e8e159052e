"""`fastvec.load` tells formats by their content; whatever is done to a file, it is read whole or refused."""

import bz2
import gzip
import lzma
import os
import struct

import numpy as np
import pytest
from test_facebook import raw_file

import fastvec
from fastvec import FormatError, Phrases, cli, formats, store
from fastvec.formats import word2vec
from fastvec.tensors import save_tensors
from fastvec.words import WordTable

WORDS = ["the", "größer", "日本", "e"]
VECTORS = np.array([[0.1, -2.5, 3e-5], [1e16, 1, -0.0], [0.33333334, 1e-30, 5], [7, 8, 9]], np.float32)
COUNTS = np.array([9, 7, 7, 1])
ENTRIES = [(word.encode(), int(count)) for word, count in zip(WORDS, COUNTS, strict=True)]


def write(kind, path):
    """Write the words and vectors in one of the formats."""
    table = WordTable.from_words(WORDS)
    match kind:
        case "fvec":
            store.save_vectors(path, table, VECTORS, COUNTS)
        case "text" | "binary" | "glove":
            word2vec.write(path, table, VECTORS, binary=kind == "binary", write_header=kind != "glove")
        case "fasttext":
            path.write_bytes(raw_file(ENTRIES, dim=3))
        case "phrases":
            Phrases([["new", "york"]] * 9).save(path)
        case "pickle":
            gensim = pytest.importorskip("gensim.models", reason="gensim is not installed")
            theirs = gensim.KeyedVectors(3)
            theirs.add_vectors(WORDS, VECTORS)
            theirs.save(str(path))
    return path.read_bytes()


KINDS = ["fvec", "text", "binary", "glove", "fasttext", "pickle"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.name"


@pytest.mark.parametrize("verify", [False, True])
def test_every_format_is_opened(kind, path, verify):
    write(kind, path)
    assert formats.sniff(path) == kind
    kv = fastvec.load(path, verify=verify)
    assert kv.index_to_key[:] == WORDS
    if kind == "fasttext":
        assert isinstance(kv, fastvec.FastTextKeyedVectors) and kv["unseen"].shape == (3,)
    else:
        assert type(kv) is fastvec.KeyedVectors and kv.vectors.tobytes() == VECTORS.tobytes()
    assert kv.vectors.flags.writeable == (kind not in ("fvec", "pickle"))
    assert fastvec.load(path, mmap=None).vectors.flags.writeable


def zstd(raw):
    return (
        pytest.importorskip("zstandard", reason="zstandard is not installed").ZstdCompressor().compress(raw)
    )


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_compressed_files(kind, path, compress):
    raw = compress(write(kind, path))
    path.write_bytes(raw)
    if kind == "fvec":  # it is there to be mapped
        with pytest.raises(FormatError, match=r"a\.name"):
            fastvec.load(path)
        return
    assert fastvec.load(path).index_to_key[:] == WORDS
    for end in range(4, len(raw) - 1, 7):
        path.write_bytes(raw[:end])
        with pytest.raises(FormatError, match=r"a\.name"):
            fastvec.load(path)


def test_vectors_with_subwords_and_whole_models(path):
    model = fastvec.FastText([["a", "bc", "a"]] * 9, min_count=1, vector_size=4, bucket=9, epochs=1)
    model.save(path)
    kv = fastvec.load(path)
    assert isinstance(kv, fastvec.FastTextKeyedVectors) and np.array_equal(kv.vectors, model.wv.vectors)


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"prose of many words\n", b"\0" * 200, b"a 1\nb 2\n", b"x" * 10_000]
)
def test_what_is_none_of_them(path, raw):
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=r"a\.name: byte 0: of no format that fastvec knows"):
        fastvec.load(path)
    with pytest.raises(FileNotFoundError):
        fastvec.load(path.with_name("nothing"))


# ---- Damage


def outcome(path, raw):
    """Open and use `raw`; return the vectors, or None where it was refused with an error that names the file."""
    path.write_bytes(raw)
    try:
        kv = fastvec.load(path)
        list(kv.words)
        found = [kv.has_index_for(word) for word in [*WORDS, "absent", ""]]
    except FormatError as error:
        assert str(path) in str(error)
        return None
    assert len(kv) == len(kv.vectors) and not found[4]
    return kv


def test_truncation_at_every_offset(kind, path):
    """Refused; but where text ends with a line or within a number, nobody can tell."""
    raw = write(kind, path)
    for end in range(len(raw)):
        kv = outcome(path, raw[:end])
        if kind == "glove":
            assert kv is None or (kv.index_to_key[:] == WORDS[: len(kv)] and kv.vector_size <= 3)
        elif kind == "text":
            assert kv is None or (end >= len(raw) - 3 and kv.vectors.shape == (4, 3))
        else:
            assert kv is None, end


@pytest.mark.filterwarnings("ignore:.*words repeat others")
@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF])
def test_flip_of_every_byte(kind, path, flip):
    """Never are there fewer vectors, or shorter ones; of a .fvec, `check` finds every flip."""
    raw = write(kind, path)
    for at in range(len(raw)):
        kv = outcome(path, raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :])
        if kind == "fvec":
            with pytest.raises(FormatError, match=r"a\.name"):
                fastvec.check(path)
        if kv is not None and kind != "glove":
            assert kv.vectors.shape == (4, 3), at
        elif kv is not None:  # a repeated word, or a line's end that became something else
            assert kv.vector_size == 3 and len(kv) >= 3


@pytest.mark.parametrize("stated", [(10**18, 3), (3, 10**18), (2**31, 2**31), (2**63, 1), (10**7, 10**7)])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("binary", [False, True])
def test_lying_sizes(path, stated, compress, binary):
    path.write_bytes(compress(b"%d %d\n" % stated + (b"a \0\0\0\0" if binary else b"a 1 2 3\n") * 9))
    with pytest.raises(FormatError, match=r"a\.name"):
        fastvec.load(path)


# ---- An index that lies


@pytest.mark.parametrize(
    "slots",
    [
        pytest.param(lambda s: s.fill(0), id="no free slot"),
        pytest.param(lambda s: s[:, 1].fill(99), id="words that are not there"),
        pytest.param(lambda s: s[:, 1].fill(2**31 - 1), id="as far as can be"),
        pytest.param(lambda s: s[:, 1].fill(-(2**31)), id="all free"),
        pytest.param(lambda s: s[:, 0].fill(7), id="no tag right"),
    ],
)
def test_an_index_that_lies(path, slots, each_backend):
    """Words are found or not, or the file is refused; each absent word does not walk a full index anew."""
    table = WordTable.from_words(WORDS)
    slots(table.slots)
    store.save_vectors(path, table, VECTORS)
    kv = fastvec.load(path)
    for word in [*WORDS, "absent"]:
        try:
            assert not kv.has_index_for(word) or kv.words[kv.get_index(word)] == word
        except FormatError as error:
            assert "index over the words is damaged" in str(error)
    if (table.slots == 0).all():
        with pytest.raises(FormatError, match="damaged, seen on looking for 'absent'"):
            kv.words.find_all(["absent"] * 10**5)
    with pytest.raises(FormatError, match="index"):
        fastvec.check(path)


# ---- Files of another kind than was asked for

OPENED_AS = {
    "fvec": (fastvec.KeyedVectors.load, fastvec.Word2Vec.load),
    "text": (fastvec.KeyedVectors.load_word2vec_format,),
    "binary": (lambda path: fastvec.KeyedVectors.load_word2vec_format(path, binary=True),),
    "glove": (lambda path: fastvec.KeyedVectors.load_word2vec_format(path, no_header=True),),
    "fasttext": (fastvec.load_facebook_vectors, fastvec.load_facebook_model),
    "phrases": (Phrases.load,),
}


@pytest.mark.parametrize("asked", OPENED_AS)
@pytest.mark.parametrize("kind", [*KINDS[:-1], "phrases"])
def test_a_file_of_another_kind_says_what_opens_it(path, kind, asked):
    write(kind, path)
    name, opened_by = formats.KINDS[kind]
    for read in OPENED_AS[asked] if kind != asked else ():
        with pytest.raises(FormatError) as raised:
            read(path)
        assert str(raised.value).endswith(f"; it looks like {name}, which {opened_by} opens")


@pytest.mark.parametrize(
    "raw",
    [
        b"2 3\nnew york 1 2 3\na 1 2 3\n",
        b"2 3\na 1 x 3\nb 1 2 3\n",
        b"2 3\na 1,5 2 3\nb 1 2 3\n",
        b"2 3\na\t1\t2\t3\nb\t1\t2\t3\n",
        b"3 2\n",
        b"3 2\nab",
    ],
)
def test_damaged_text_is_not_called_another_kind(path, raw):
    path.write_bytes(raw)
    with pytest.raises(FormatError) as raised:
        fastvec.KeyedVectors.load_word2vec_format(path)
    assert "looks like" not in str(raised.value)


def test_safetensors_of_others_are_not_called_vectors(path):
    save_tensors(path, {"weights": np.ones(3, np.float32)}, {})
    for read in (fastvec.KeyedVectors.load_word2vec_format, Phrases.load, fastvec.load):
        with pytest.raises(FormatError) as raised:
            read(path)
        assert "looks like" not in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_are_refused_and_not_waited_for(path):
    os.mkfifo(path)
    for read in (fastvec.load, fastvec.check, fastvec.KeyedVectors.load, fastvec.Word2Vec.load, Phrases.load):
        with pytest.raises(FormatError, match="a pipe or a device; give a file"):
            read(path)


def test_all_that_opens_vectors_says_that_phrases_are_none(path, capsys):
    write("phrases", path)
    with pytest.raises(FormatError, match=r"a file of phrases, which Phrases\.load opens"):
        fastvec.load(path)
    assert cli.run(["info", str(path)]) == 1 and "Phrases.load" in capsys.readouterr().err


# ---- fastvec check


def test_check_tells_what_is_sound(kind, path, capsys):
    write(kind, path)
    assert cli.run(["check", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{path}: sound; ") and "4 words x 3" in out
    assert ("no checksums" in out) == (kind != "fvec")


@pytest.mark.parametrize("frozen", [False, True])
def test_check_reads_phrases_too(path, capsys, frozen):
    model = Phrases([["new", "york"]] * 9 + [["the", "end"]], min_count=1, threshold=0.1)
    (model.freeze() if frozen else model).save(path)
    found = len(model.export_phrases())
    assert cli.run(["check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: sound; a file of phrases, {found} of them\n"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert cli.run(["check", str(path)]) == 1


def test_check_tells_what_is_damaged(path, capsys):
    raw = write("fvec", path)
    damaged, absent = path.with_name("damaged"), path.with_name("absent")
    damaged.write_bytes(raw[:-1] + b"\xff")
    assert cli.run(["check", str(damaged), str(path), str(absent)]) == 1
    out, err = capsys.readouterr()
    assert out == f"{path}: sound; a .fvec file, 4 words x 3\n"
    first, second = err.splitlines()
    assert first.startswith(
        f"fastvec: {damaged}: byte {len(raw) - VECTORS.nbytes}: tensor 'vectors' is damaged"
    )
    assert str(absent) in second
    assert cli.run(["check"]) == 2


def test_the_command_line_opens_all(kind, path, capsys):
    write(kind, path)
    assert cli.run(["info", str(path)]) == 0
    assert "4 words x 3" in capsys.readouterr().out


def test_offsets_stand_in_the_errors_of_binary_files(path):
    raw = bytearray(raw_file(ENTRIES, dim=3))
    raw[64:68] = struct.pack("<i", 10**9)
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=r"a\.name: byte 64: a dictionary of 1000000000 entries: 4 words"):
        fastvec.load(path)
