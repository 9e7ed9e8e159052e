"""The file of an index: what it replaces, and whatever is done to it, it is read whole or refused."""

import json
import zlib
from pathlib import Path

import pytest
from approximate_case import clustered, index_path, vectors_of

from fastvec import FormatError, KeyedVectors, indexfile


@pytest.fixture
def built(tmp_path):
    pytest.importorskip("usearch")
    vectors_of(clustered()).save(tmp_path / "words.fvec")
    KeyedVectors.load(tmp_path / "words.fvec").build_index(threads=1)
    return tmp_path / "words.fvec"


# ---- What is replaced


def test_only_an_index_is_replaced(built, tmp_path):
    kv = KeyedVectors.load(built)
    notes, link, folder, native, cut = (
        tmp_path / n for n in ("notes", "l.usearch", "dir", "n.usearch", "cut.usearch")
    )
    notes.write_text("my notes on fastvec1")
    native.write_text("an index of usearch's own")
    link.symlink_to(built)
    folder.mkdir()
    cut.write_bytes(Path(f"{built}.usearch").read_bytes()[:-9])
    files = (notes, built, link, native, cut)
    before = [path.read_bytes() for path in files]
    for vectors in (kv, KeyedVectors.load(built, mmap=None)):
        for path in (*files, str(built), folder):
            with pytest.raises(
                FileExistsError, match="is no whole index; give build_index another"
            ) as raised:
                vectors.build_index(path, threads=1)
            assert raised.value.filename == str(path)
    assert [path.read_bytes() for path in files] == before
    kept, empty = tmp_path / "mine.bin", tmp_path / "empty"
    kv.build_index(kept, connectivity=4, threads=1)
    kv.build_index(kept, connectivity=5, threads=1)
    empty.touch()
    for path in (kept, empty):
        assert len(KeyedVectors.load(built).build_index(path, threads=1)) == len(kv)
        kv.open_index(path)


def test_what_comes_to_stand_there_meanwhile_stays(built, tmp_path):
    late = tmp_path / "late"
    with pytest.raises(FileExistsError):
        KeyedVectors.load(built).build_index(late, threads=1, progress=lambda *_: late.write_text("mine"))
    assert late.read_text() == "mine"


def test_an_index_beside_the_vectors_is_no_link_to_them(built):
    beside = Path(f"{built}.usearch")
    beside.unlink()
    beside.symlink_to(built)
    before = built.read_bytes()
    with pytest.raises(FileExistsError):
        KeyedVectors.load(built).build_index()
    assert built.read_bytes() == before


# ---- Damage


def test_every_truncation_is_refused(tmp_path):
    pytest.importorskip("usearch")
    vectors_of(clustered(60, 4)).save(tmp_path / "v.fvec")
    kv = KeyedVectors.load(tmp_path / "v.fvec")
    kv.build_index(connectivity=4)
    whole = index_path(tmp_path / "v.fvec").read_bytes()
    for length in [*range(0, len(whole), 41), *range(len(whole) - 40, len(whole))]:
        index_path(tmp_path / "v.fvec").write_bytes(whole[:length])
        with pytest.raises(FormatError, match=r"v\.fvec\.usearch.*kv\.build_index"):
            kv.open_index()
    kv.build_index(connectivity=4)
    assert kv.open_index()


def forged(data, stamp, **changes):
    """Return a file whose stamp and checksums fit whatever is in it."""
    text = json.dumps(
        {**stamp, "crc32": indexfile.checksums(memoryview(data)), "bytes": len(data), **changes}
    ).encode()
    return (
        data
        + text
        + len(text).to_bytes(4, "little")
        + zlib.crc32(text).to_bytes(4, "little")
        + indexfile.MAGIC
    )


def parts(path):
    with path.open("rb") as file:
        stamp, size = indexfile.read_stamp(file, str(path))
    return path.read_bytes()[:size], stamp


def test_every_flipped_byte_is_refused(tmp_path):
    pytest.importorskip("usearch")
    vectors_of(clustered(60, 4)).save(tmp_path / "v.fvec")
    kv = KeyedVectors.load(tmp_path / "v.fvec")
    kv.build_index(connectivity=4)
    path = index_path(tmp_path / "v.fvec")
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        with pytest.raises(FormatError):
            kv.open_index()


@pytest.mark.parametrize("flip", [0x01, 0x40, 0x80, 0xFF])
def test_a_forged_graph_does_not_lead_astray(tmp_path, flip):
    """All checksums fit: what remains is refused, or answers with rows that there are."""
    pytest.importorskip("usearch")
    vectors_of(clustered(60, 4)).save(tmp_path / "v.fvec")
    kv = KeyedVectors.load(tmp_path / "v.fvec")
    kv.build_index(connectivity=4)
    path = index_path(tmp_path / "v.fvec")
    data, stamp = parts(path)
    graph = 8 + 60 * 16
    refused = 0
    for at in [*range(8), *range(graph, graph + 130), *range(graph + 130 + flip % 7, len(data), 7)]:
        path.write_bytes(forged(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :], stamp))
        try:
            kv.open_index()
        except FormatError:
            refused += 1
            continue
        ids, _ = kv.most_similar_batch(["w1", "w2"], 60, search="approximate")
        assert ids.min() >= -1 and ids.max() < 60
    assert refused > 50


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 61},
        {"dim": 5},
        {"dtype": "f64"},
        {"dtype": ["f32"]},
        {"connectivity": 8},
        {"connectivity": "16"},
        {"connectivity": 1 << 40},
        {"expansion_search": -1},
        {"expansion_search": 1 << 60},
        {"crc32": None},
        {"crc32": []},
        {"bytes": 10},
        {"file_size": 1},
        {"file_header": None},
    ],
)
def test_stamps_that_lie(built, changes):
    data, stamp = parts(index_path(built))
    index_path(built).write_bytes(forged(data, stamp, **changes))
    with pytest.raises(FormatError, match="build_index"):
        KeyedVectors.load(built).open_index()


@pytest.mark.parametrize("text", [b"[]", b"{", b"[" * 100_000, b"\xff", b"1" * 5000])
def test_stamps_that_are_none(built, text):
    data, _ = parts(index_path(built))
    tail = len(text).to_bytes(4, "little") + zlib.crc32(text).to_bytes(4, "little") + indexfile.MAGIC
    index_path(built).write_bytes(data + text + tail)
    with pytest.raises(FormatError, match="stamp is damaged"):
        KeyedVectors.load(built).open_index()
