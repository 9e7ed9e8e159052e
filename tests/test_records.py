"""Records of binary files: found, gathered and joined alike by every backend, whatever the bytes are."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastvec import _backend
from fastvec.errors import FormatError, TruncatedFileError
from fastvec.formats import source
from fastvec.formats.source import Source, Words, is_utf8

DATA = b"\n\nthe 12\nof 34 56e"  # words, a blank, two bytes


def scanned(records, data, separator=32, skip=10, size=2, room=9):
    bounds = np.full((room, 2), -7, np.int64)
    found, used = records.scan(np.frombuffer(data, np.uint8), separator, skip, size, bounds)
    return bounds[:found].tolist(), used


def test_scan(each_backend):
    records = _backend.records
    assert scanned(records, DATA) == ([[2, 5], [9, 11], [14, 14]], 17)
    assert scanned(records, DATA, skip=-1) == ([[0, 5], [8, 11], [14, 14]], 17)
    assert scanned(records, DATA, room=1) == ([[2, 5]], 8)
    assert scanned(records, DATA[:7]) == ([], 0)
    assert scanned(records, b"") == ([], 0)
    assert scanned(records, b"   ", size=0) == ([[0, 0], [1, 1], [2, 2]], 3)


def test_gather_and_join(each_backend):
    records, data = _backend.records, np.frombuffer(DATA, np.uint8)
    bounds = np.array([[2, 5], [9, 11]])
    rows, text = np.empty((2, 2), np.uint8), np.empty(5, np.uint8)
    records.gather(data, bounds, rows)
    records.join(data, bounds, text)
    assert rows.tobytes() == b"1234" and text.tobytes() == b"theof"
    records.gather(data, bounds, np.empty((2, 0), np.uint8))
    records.join(data, bounds[:0], text[:0])


@pytest.mark.parametrize("place", [[0, 18], [0, 16], [0, -1], [0, 1 << 40], [3, 2], [-1, 2]])
def test_places_outside_are_refused(each_backend, place):
    records, data, bounds = _backend.records, np.frombuffer(DATA, np.uint8), np.array([place])
    if not 0 <= place[1] < len(DATA) - 2:
        with pytest.raises(ValueError, match="outside"):
            records.gather(data, bounds, np.empty((1, 2), np.uint8))
    if not 0 <= place[0] <= place[1] <= len(DATA):
        with pytest.raises(ValueError, match="outside"):
            records.join(data, bounds, np.empty(5, np.uint8))


def test_room_of_another_size_is_refused(each_backend):
    records, data, bounds = _backend.records, np.frombuffer(DATA, np.uint8), np.array([[2, 5], [9, 11]])
    with pytest.raises(ValueError, match="2 records for 3 rows"):
        records.gather(data, bounds, np.empty((3, 2), np.uint8))
    for n in (4, 6):
        with pytest.raises(ValueError, match=f"do not fill {n} bytes"):
            records.join(data, bounds, np.empty(n, np.uint8))
    with pytest.raises(ValueError, match="records of -1 bytes"):
        records.scan(data, 32, 10, -1, bounds)
    for call in (
        lambda b: records.scan(data, 32, 10, 2, b),
        lambda b: records.join(data, b, np.empty(5, np.uint8)),
    ):
        with pytest.raises(ValueError, match="3 columns"):
            call(np.zeros((2, 3), np.int64))


@given(st.binary(max_size=60), st.integers(0, 8), st.integers(0, 6), st.sampled_from([-1, 0, 1]))
def test_backends_agree(data, size, room, skip):
    found = {
        tuple(map(str, scanned(_backend.load(b, "records"), data, 0, skip, size, room)))
        for b in _backend.available()
    }
    assert len(found) == 1


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=9).map(lambda w: w.replace(b"\0", b"x")), st.binary(min_size=3, max_size=3)
        )
    )
)
def test_any_records_come_back(entries):
    raw = b"".join(word + b"\0" + payload for word, payload in entries)
    for chunk in (1, 5, 1 << 12):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(source, "CHUNK", chunk)
            patch.setattr(source, "RECORDS", 2)
            file = Source(io.BytesIO(raw + b"end"), "file", len(raw) + 3)
            words, payloads = Words(), b""
            for data, bounds in file.records(len(entries), b"\0", 3, 100, "all"):
                rows = np.empty((len(bounds), 3), np.uint8)
                _backend.records.gather(data, bounds, rows)
                words.append(data, bounds)
                payloads += rows.tobytes()
            rest = bytearray(3)
            file.fill(memoryview(rest), "the end")
        text, offsets = words.finish()
        assert rest == b"end" and (file.left, file.offset) == (0, len(raw) + 3)
        assert source.split(text, offsets) == [word for word, _ in entries]
        assert payloads == b"".join(payload for _, payload in entries)


def test_what_is_missing_is_told():
    with pytest.raises(TruncatedFileError, match="name: byte 2: the file ends at word 0 of 9"):
        list(Source(io.BytesIO(b"abcd"), "name", None, 2).records(9, b" ", 4, 100, "9"))
    with pytest.raises(FormatError, match="byte 0: no word of up to 3 bytes"):
        list(Source(io.BytesIO(b"abcdefgh" * 9), "name", None).records(9, b" ", 4, 3, "9"))
    with pytest.raises(TruncatedFileError, match="byte 0: rows of 24 bytes: the file has 4 more"):
        Source(io.BytesIO(b"abcd"), "name", 4).rows(np.empty((3, 2), np.float32), "rows")
    with pytest.raises(TruncatedFileError, match="byte 4: rows: the file ends"):
        Source(io.BytesIO(b"abcd"), "name", None).rows(np.empty((3, 2), np.float32), "rows")


@pytest.mark.parametrize(
    "words, good",
    [
        ([b"a", "é".encode()], True),
        ([], True),
        ([b""], True),
        ([b"\xc3", b"\xa9"], False),
        ([b"\xff"], False),
    ],
)
def test_each_word_is_utf8(words, good):
    offsets = np.cumsum([0, *map(len, words)])
    assert is_utf8(np.frombuffer(b"".join(words), np.uint8), offsets) is good
