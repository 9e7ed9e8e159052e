"""The .fvec file: what is written is read, by us and by others; what is damaged is refused."""

import contextlib
import itertools
import json
import os
import stat
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastvec import store
from fastvec._atomic import atomic_writer
from fastvec.errors import FormatError
from fastvec.tensors import RESERVED, open_tensors, save_tensors
from fastvec.words import WordTable

WORDS = ["the", "of", "größer", "日本", "x" * 70]
VECTORS = np.arange(15, dtype=np.float32).reshape(5, 3) / 7
COUNTS = np.array([50, 40, 30, 20, 10])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "words.fvec"
    store.save_vectors(path, WordTable.from_words(WORDS), VECTORS, COUNTS, {"parameters": '{"window": 5}'})
    return path


def test_what_is_saved_is_opened(path):
    for mmap in (True, False):
        words, vectors, counts, metadata, extra = store.open_vectors(path, mmap=mmap, verify=True)
        assert extra == {}
        assert (
            list(words) == WORDS
            and [words.find(w) for w in WORDS] == [0, 1, 2, 3, 4]
            and words.find("no") == -1
        )
        assert np.array_equal(vectors, VECTORS) and np.array_equal(counts, COUNTS)
        assert metadata == {"parameters": '{"window": 5}'}
        assert vectors.dtype == np.float32 and vectors.flags.writeable is not mmap


@pytest.mark.parametrize("dtype, kept", [("f2", "f2"), ("f8", "f8"), ("i8", "f4"), ("f4", "f4")])
def test_types_of_vectors(tmp_path, dtype, kept):
    store.save_vectors(tmp_path / "a", WordTable.from_words("ab"), np.arange(6).reshape(2, 3).astype(dtype))
    _, vectors, counts, *_ = store.open_vectors(tmp_path / "a", verify=True)
    assert vectors.dtype == kept and vectors.tolist() == [[0, 1, 2], [3, 4, 5]] and counts is None


def test_other_matrices_stand_before_the_vectors(tmp_path):
    words, output = WordTable.from_words(WORDS), np.pad(VECTORS + 1, ((0, 0), (0, 5)))[:, :3]
    extra = {"vectors_ngrams": np.ones((7, 3)), "output_vectors": output, "node_vectors": VECTORS - 1}
    store.save_vectors(tmp_path / "a", words, VECTORS, extra=extra)
    held = store.open_vectors(tmp_path / "a", verify=True)
    assert np.array_equal(held.vectors, VECTORS) and held.extra.keys() == extra.keys()
    for name, array in held.extra.items():
        assert array.dtype == np.float32 and np.array_equal(array, extra[name])
    order = ["output_vectors", "node_vectors", "vectors_ngrams", "vectors"]
    assert list(open_tensors(tmp_path / "a"))[-4:] == order
    assert np.array_equal(safetensors.numpy.load_file(tmp_path / "a")["vectors"], VECTORS)


@pytest.mark.parametrize("name", store.EXTRA)
@pytest.mark.parametrize("shape", [(5, 2), (4, 3), (5,), (5, 3, 1), (0, 3)])
def test_other_matrices_that_do_not_fit(tmp_path, name, shape):
    words, extra = WordTable.from_words(WORDS), {name: np.zeros(shape, np.float32)}
    if name == "vectors_ngrams" and shape[1:] == (3,):  # any number of rows
        store.save_vectors(tmp_path / "a", words, VECTORS, extra=extra)
        assert store.open_vectors(tmp_path / "a").extra[name].shape == shape
        return
    with pytest.raises(ValueError, match=rf"{name} of .* does not fit"):
        store.save_vectors(tmp_path / "a", words, VECTORS, extra=extra)
    assert not list(tmp_path.iterdir())


def test_other_matrices_of_unknown_names(tmp_path):
    with pytest.raises(ValueError, match=r"\['vectors'\].*output_vectors"):
        store.save_vectors(tmp_path / "a", WordTable.from_words(WORDS), VECTORS, extra={"vectors": VECTORS})


@pytest.mark.parametrize("n, width", [(0, 3), (0, 0), (2, 0), (1, 1), (2, 1), (3, 1), (4, 2), (9, 5)])
def test_sizes_at_the_edge(tmp_path, n, width):
    words = [f"w{i}" for i in range(n)]
    vectors = np.ones((n, width), np.float32)
    store.save_vectors(tmp_path / "a", WordTable.from_words(words), vectors, np.arange(n))
    for mmap in (True, False):
        found = store.open_vectors(tmp_path / "a", mmap=mmap, verify=True)
        assert list(found.words) == words and found.vectors.shape == (n, width)
        assert [found.words.find(w) for w in words] == list(range(n))


arrays = st.sampled_from(
    ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8", ">f4"]
).flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_side=0, max_side=5)))
strided = st.builds(lambda a, step: a[::step], arrays, st.sampled_from([1, 2, -1])) | arrays.map(np.transpose)
names = st.text(min_size=1, max_size=5).filter(
    lambda n: n.isprintable() and n not in {"__metadata__", *RESERVED}
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(names, strided, max_size=4),
    st.dictionaries(names, st.text(max_size=5), max_size=3),
    st.booleans(),
)
def test_any_tensors_come_back_and_are_aligned(tmp_path_factory, tensors, metadata, mmap):
    path = tmp_path_factory.mktemp("any") / "a"
    save_tensors(path, tensors, metadata)
    found = open_tensors(path, mmap=mmap, verify=True)
    assert found.metadata == metadata and set(found) == set(tensors)
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype.newbyteorder("<") and found[name].shape == array.shape
        assert found[name].tobytes() == array.astype(found[name].dtype).tobytes()
        assert not array.size or found[name].ctypes.data % 64 == 0
    with safetensors.safe_open(path, "np") as others:
        assert set(others.keys()) == set(tensors)
        for name, array in tensors.items():
            assert np.array_equal(
                others.get_tensor(name)[: len(array)].view("u1"), found[name].copy().view("u1")
            )


def test_safetensors_package_reads_the_matrix(path):
    tensors = safetensors.numpy.load_file(path)
    assert np.array_equal(tensors["vectors"], VECTORS)
    assert bytes(tensors["words"]).rstrip(b"\0") == "".join(WORDS).encode()
    with safetensors.safe_open(path, "np") as file:
        assert file.metadata()["fvec_version"] == "1"


def test_files_of_the_safetensors_package_are_read(tmp_path):
    tensors = {"a": VECTORS, "b": np.array([True, False, True]), "c": np.arange(3, dtype=np.uint16)}
    safetensors.numpy.save_file(tensors, tmp_path / "a", {"who": "others"})
    for mmap in (True, False):
        found = open_tensors(tmp_path / "a", mmap=mmap, verify=True)
        assert found.metadata == {"who": "others"}
        assert all(np.array_equal(found[k], tensors[k]) and found[k].flags.aligned for k in tensors)
    with pytest.raises(FormatError, match=r"a: byte 8: no \.fvec file"):
        store.open_vectors(tmp_path / "a")


def test_a_fvec_rewritten_by_the_safetensors_package_has_lost_its_checksum(path):
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    tensors = safetensors.numpy.load_file(path)
    safetensors.numpy.save_file(tensors, path, metadata)
    with pytest.raises(FormatError, match="header is damaged"):
        open_tensors(path)
    del metadata["header_crc32"]
    safetensors.numpy.save_file(tensors, path, metadata)
    assert np.array_equal(open_tensors(path, verify=True)["vectors"], VECTORS)
    with pytest.raises(FormatError, match="lost its checksum"):
        store.open_vectors(path)


def test_tensors_that_cannot_be_stored(tmp_path):
    for array in (np.array(3.0), np.array(["a"]), np.array([object()])):
        with pytest.raises(ValueError, match="tensor 'x'"):
            save_tensors(tmp_path / "a", {"x": array})
    with pytest.raises(ValueError, match="rows"):
        save_tensors(tmp_path / "a", {}, {"rows": "1"})
    with pytest.raises(ValueError, match="one row a word"):
        store.save_vectors(tmp_path / "a", WordTable.from_words("ab"), VECTORS)
    assert not list(tmp_path.iterdir())


def test_file_format_document_holds(path):
    """Read the file as docs/file-format.md says, without fastvec's reader."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    metadata = header.pop("__metadata__")
    field = b'"header_crc32":"' + metadata["header_crc32"].encode() + b'"'
    assert raw.count(field) == 1
    zeroed = raw[: 8 + length].replace(field, b'"header_crc32":"00000000"')
    assert f"{zlib.crc32(zeroed):08x}" == metadata["header_crc32"]
    data = {
        n: raw[8 + length + h["data_offsets"][0] : 8 + length + h["data_offsets"][1]]
        for n, h in header.items()
    }
    assert {n: f"{zlib.crc32(d):08x}" for n, d in data.items()} == json.loads(metadata["crc32"])
    assert (8 + length) % 64 == 0 and all(h["data_offsets"][0] % 64 == 0 for h in header.values())
    offsets = np.frombuffer(data["offsets"], "<i8")
    assert [data["words"][a:b].decode() for a, b in itertools.pairwise(offsets[:6])] == WORDS
    assert json.loads(metadata["rows"]) == {"words": int(offsets[5]), "offsets": 6, "counts": 5}
    assert header["index"]["shape"] == [16, 2]


# ---- Damage


def open_and_use(path, verify=False):
    found = store.open_vectors(path, verify=verify)
    list(found.words)
    return [found.words.find(w) for w in [*WORDS, "", "no"]], found


def test_truncation_at_every_offset(path):
    raw = path.read_bytes()
    for end in range(len(raw)):
        path.write_bytes(raw[:end])
        for mmap in (True, False):
            with pytest.raises(FormatError, match=r"words\.fvec"):
                store.open_vectors(path, mmap=mmap)
    path.write_bytes(raw + b"\0")
    with pytest.raises(FormatError, match="the file at"):
        store.open_vectors(path)


@pytest.mark.parametrize("flips", [[0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80], [0xFF]])
def test_flip_of_every_byte(path, flips):
    raw = path.read_bytes()
    header = 8 + int.from_bytes(raw[:8], "little")
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ flips[at % len(flips)]]) + raw[at + 1 :])
        with pytest.raises(FormatError, match=r"words\.fvec"):
            open_and_use(path, verify=True)
        if at < header:
            with pytest.raises(FormatError, match=r"words\.fvec"):
                store.open_vectors(path)
        else:
            try:
                ids, found = open_and_use(path)
            except FormatError as error:
                assert "words.fvec" in str(error)
            else:
                assert found.vectors.shape == VECTORS.shape and all(-1 <= i < 5 for i in ids)


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "words.fvec"
    store.save_vectors(path, WordTable.from_words(WORDS), VECTORS, COUNTS)
    return path.read_bytes()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_is_a_format_error_or_a_table(whole_file, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "words.fvec"
    raw = bytearray(whole_file)
    start = data.draw(st.integers(0, len(raw)))
    raw[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    path.write_bytes(raw)
    with contextlib.suppress(FormatError):
        open_and_use(path)


def write_raw(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def entry(dtype="U8", shape=(4,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    "header, reason",
    [
        (b"", "truncated|start with"),
        (b"[]", "start with"),
        (b"{", "JSON"),
        (b'{"a":' + b"[" * 100_000, "JSON|recursion"),
        (b'{"a": ' + b"9" * 5000 + b"}", "JSON|missing"),
        (b'{"a":1,"a":1}', "twice"),
        (b'{"\xff":1}', "JSON"),
        ({"a": 1}, "misformed"),
        ({"a": []}, "misformed"),
        ({"a": {"dtype": "U8"}}, "misformed"),
        ({"a": entry(shape=None)}, "misformed"),
        ({"a": entry(offsets=[0, 4, 5])}, "misformed"),
        ({"a": entry("BF16", [2])}, "BF16"),
        ({"a": entry([])}, "not supported"),
        ({"a": entry(shape=[5])}, "does not take"),
        ({"a": entry(shape=[-4])}, "impossible"),
        ({"a": entry(shape=[4.0])}, "impossible"),
        ({"a": entry(shape=[True, 4])}, "impossible"),
        ({"a": entry(shape=[1] * 99 + [4])}, "impossible"),
        ({"a": entry(shape=[0, 10**30], offsets=[0, 0])}, "impossible"),
        ({"a": entry(shape=[0, 2**62, 2**62], offsets=[0, 0])}, "impossible"),
        ({"a": entry(shape=[2**62, 4], offsets=[0, 2**64])}, "impossible"),
        ({"a": entry(offsets=[4, 0])}, "does not take"),
        ({"a": entry(offsets=[1, 5])}, "hole"),
        ({"a": entry(), "b": entry()}, "overlap"),
        ({"a": entry(shape=[3], offsets=[0, 3])}, "tensors end"),
        ({"a": entry(shape=[40], offsets=[0, 40])}, "tensors end"),
        ({"a": entry(), "__metadata__": []}, "metadata"),
        ({"a": entry(), "__metadata__": {"k": 1}}, "metadata"),
        ({"a": entry(), "__metadata__": {"rows": "[]"}}, "rows"),
        ({"a": entry(), "__metadata__": {"rows": "{"}}, "rows"),
        ({"a": entry(), "__metadata__": {"rows": '{"a": 5}'}}, "5 rows"),
        ({"a": entry(), "__metadata__": {"rows": '{"a": -1}'}}, "-1 rows"),
        ({"a": entry(), "__metadata__": {"rows": '{"a": true}'}}, "True rows"),
        ({"a": entry(), "__metadata__": {"crc32": '{"a": 5}'}}, "damaged"),
        ({"a": entry(), "__metadata__": {"header_crc32": "00000000"}}, "header is damaged"),
    ],
)
def test_lying_headers(tmp_path, header, reason):
    write_raw(tmp_path / "a", header, b"data")
    with pytest.raises(FormatError, match=reason) as caught:
        open_tensors(tmp_path / "a", verify=True)
    assert str(tmp_path / "a") in str(caught.value)


@pytest.mark.parametrize("length", [3, 10**8 + 1, 2**40, 2**63, 2**64 - 1])
def test_lying_header_length(tmp_path, length):
    write_raw(tmp_path / "a", {"a": entry()}, b"data", length)
    with pytest.raises(FormatError, match="byte"):
        open_tensors(tmp_path / "a")


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"index": None}, "'index' is missing"),
        ({"index": np.zeros((8, 2), np.int32)}, "'index' is"),
        ({"index": np.zeros((16, 2), np.int64)}, "'index' is"),
        ({"offsets": np.zeros(5, np.int64)}, "'offsets' is"),
        ({"offsets": np.array([0, 1, 2, 3, 4, 5])}, "words end at 5"),
        ({"offsets": np.array([1, 1, 2, 3, 4, 86])}, "words end at"),
        ({"counts": np.zeros(4, np.int64)}, "'counts' is"),
        ({"words": np.zeros((2, 2), np.uint8)}, "'words' is"),
        ({"vectors": np.zeros((5, 3), np.int32)}, "'vectors' is"),
        ({"vectors": np.zeros(5, np.float32)}, "'vectors' is"),
        ({"output_vectors": np.zeros((5, 2), np.float32)}, "'output_vectors' is"),
        ({"output_vectors": np.zeros((5, 3), np.float64)}, "'output_vectors' is"),
        ({"node_vectors": np.zeros((4, 3), np.float32)}, "'node_vectors' is"),
        ({"vectors_vocab": np.zeros((6, 3), np.float32)}, "'vectors_vocab' is"),
        ({"vectors_ngrams": np.zeros((6, 2), np.float32)}, "'vectors_ngrams' is"),
        ({"vectors_ngrams": np.zeros((6, 3), np.float16)}, "'vectors_ngrams' is"),
        ({"fvec_version": "2"}, "version '2'"),
    ],
)
def test_wrong_tensors(path, change, reason):
    tensors = open_tensors(path, mmap=False)
    metadata = {"fvec_version": change.pop("fvec_version", "1")}
    kept = {**tensors, **change}
    save_tensors(path, {n: a for n, a in kept.items() if a is not None}, metadata)
    with pytest.raises(FormatError, match=reason):
        store.open_vectors(path)


def test_verify_looks_at_words_and_index_too(path):
    tensors = open_tensors(path, mmap=False)
    metadata = {"fvec_version": "1"}
    slots = tensors["index"].copy()
    slots[slots[:, 1] == 3] = [0, -1]
    for change in ({"index": slots}, {"offsets": np.array([0, 3, 2, 3, 4, len(tensors["words"])])}):
        save_tensors(path, {**tensors, **change}, metadata)
        store.open_vectors(path)
        with pytest.raises(FormatError, match=r"words\.fvec"):
            store.open_vectors(path, verify=True)


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_tensors(tmp_path / "absent")
    with pytest.raises(OSError):
        open_tensors(tmp_path)


# ---- Atomic writing


@pytest.mark.parametrize("fail", ["write", "fsync", "rename", "interrupt"])
def test_failure_leaves_the_old_file(path, monkeypatch, fail):
    old = path.read_bytes()

    def broken(*args, **kwargs):
        raise KeyboardInterrupt if fail == "interrupt" else OSError(28, "No space left on device")

    if fail == "write":
        monkeypatch.setattr(zlib, "crc32", broken)
    elif fail == "fsync":
        monkeypatch.setattr(os, "fsync", broken)
    else:
        monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(KeyboardInterrupt if fail == "interrupt" else OSError) as caught:
        store.save_vectors(path, WordTable.from_words(["new"]), np.zeros((1, 3), np.float32))
    monkeypatch.undo()
    assert path.read_bytes() == old and list(path.parent.iterdir()) == [path]
    if fail != "interrupt":
        assert caught.value.filename == os.fspath(path)


def test_new_file_is_synced_before_it_is_renamed_and_the_directory_after(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle):
        events.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def renamed(self, target):
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    with atomic_writer(tmp_path / "a") as file:
        file.write(b"new")
    assert events == (["file", "rename", "directory"] if hasattr(os, "O_DIRECTORY") else ["file", "rename"])
    assert (tmp_path / "a").read_bytes() == b"new"


def test_missing_directory_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic_writer(tmp_path / "no" / "a"):
        pass
    assert caught.value.filename == os.fspath(tmp_path / "no" / "a")


@pytest.mark.skipif(os.name != "posix", reason="modes, links and pipes as POSIX has them")
def test_mode_links_and_devices(tmp_path):
    old = os.umask(0o027)
    try:
        with atomic_writer(tmp_path / "a") as file:
            file.write(b"new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    (tmp_path / "link").symlink_to("a")
    with atomic_writer(tmp_path / "link") as file:
        file.write(b"newer")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "a").read_bytes() == b"newer"
    with atomic_writer(os.devnull) as file:
        file.write(b"nothing")
    assert not Path(os.devnull).is_file()
