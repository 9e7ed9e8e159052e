"""Lines of a word and numbers: each number what Python makes of it, whichever way it is read."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastvec import _backend
from fastvec.errors import FormatError
from fastvec.formats import lines, word2vec
from fastvec.formats.lines import Lines


def found(raw, width=0, wanted=None):
    """Return the words and rows of a text."""
    text = Lines(io.BytesIO(raw), "name", width, 1)
    words, rows = [], []
    for data, bounds, numbers in text.read(wanted):
        words += [data[start:stop].tobytes() for start, stop in bounds.tolist()]
        rows += numbers.tolist()
    return words, rows


DIGITS = "0123456789"
NUMBERS = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.floats(width=32, allow_nan=False).map(lambda x: f"{x:.6g}"),
    st.from_regex(
        r"[-+]?([0-9]{1,25}\.?[0-9]{0,25}|\.[0-9]{1,20})([eE][-+]?[0-9]{1,3})?", fullmatch=True
    ).filter(str.isascii),
)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=9), st.integers(1, 5))
def test_numbers_are_pythons(rows, chunk):
    raw = "".join(f"w{i} {a} {b}\n" for i, (a, b) in enumerate(rows)).encode()
    expected = [[float(a), float(b)] for a, b in rows]
    for backend in _backend.available():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_backend, "lines", _backend.load(backend, "lines"), raising=False)
            patch.setattr(lines, "CHUNK", chunk)
            words, got = found(raw, 2)
        assert words == [f"w{i}".encode() for i in range(len(rows))]
        packed = [np.array(rows).tobytes() for rows in (got, expected)]
        assert packed[0] == packed[1]


@given(
    st.lists(
        st.sampled_from([b"a", b" ", b"\t", b"1", b"-", b".5", b"e3", b"\n", b"\r", b"nan", b"\0"]),
        max_size=30,
    )
)
def test_backends_read_alike(parts):
    raw, got = b"".join(parts), []
    for backend in _backend.available():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_backend, "lines", _backend.load(backend, "lines"), raising=False)
            for width in (0, 1, 2):
                try:
                    got.append(repr(found(raw, width)))
                except FormatError as error:
                    got.append(str(error))
    assert got[:3] * (len(got) // 3) == got


@pytest.mark.parametrize(
    "number", ["1", "-0.0", "+.5", "1.", "9007199254740993", "0.1e-21", "1e22", "123456789012e10"]
)
def test_plain_numbers_take_the_short_way(number):
    compiled = pytest.importorskip("fastvec._core._lines", reason="nothing is compiled")
    out, bounds = np.empty((1, 1)), np.empty((1, 2), np.int64)
    raw = np.frombuffer(f"w {number}\n".encode(), np.uint8)
    got = compiled.parse(raw, False, out, bounds)
    if number == "9007199254740993":  # of more than 53 bits
        assert got == (0, 0, len(raw))
    else:
        assert got == (1, len(raw), 0) and repr(out[0, 0]) == repr(np.float64(number))


@pytest.mark.parametrize(
    "bad", [".", "-", "+-1", "1e", "1e+", "e5", "1..2", "1-2", "0x1", "1_0", "--1", "1,5", "1e99999x"]
)
def test_what_is_no_number(each_backend, bad):
    with pytest.raises(FormatError, match=r"line 2: .* is not a word and 1 numbers"):
        found(f"a 1\nb {bad}\n".encode())


def test_the_filters_of_warnings_are_left_alone(monkeypatch):
    """They are the whole process's, and other threads go by them."""

    def changed(*_, **__):
        raise AssertionError

    for name in ("catch_warnings", "simplefilter", "filterwarnings"):
        monkeypatch.setattr(warnings, name, changed)
    assert found(b"a 1e300 nan\n. . -inf 2\n") == (
        [b"a", b". ."],
        [[1e300, pytest.approx(np.nan, nan_ok=True)], [-np.inf, 2]],
    )
    with pytest.raises(FormatError, match="not a word and 1 numbers"):
        found(b"a 1_0\n")


def test_blanks_and_ends(each_backend):
    assert found(b"a 1 2\r\nb \t3\v4 \t\nc  5  6") == ([b"a", b"b", b"c"], [[1, 2], [3, 4], [5, 6]])
    assert found(b"") == found(b"", 3) == ([], [])
    assert found(b" 1 2\n", 2) == ([b""], [[1, 2]])
    assert found(b"a 1\nb 2\nx", wanted=2) == ([b"a", b"b"], [[1], [2]])
    for raw in (b"\n", b"a\n", b"a", b"a 1\n\nb 2\n"):
        with pytest.raises(FormatError):
            found(raw)


def test_words_with_spaces(each_backend):
    """As in GloVe's files, where the width is the first line's; but no number may go astray."""
    assert found(b"a 1 2\n. . 3 4\nat x@y.z 5 6e300\n") == (
        [b"a", b". .", b"at x@y.z"],
        [[1, 2], [3, 4], [5, 6e300]],
    )
    for raw in (b"a 1 2\nb 3 4 5\n", b"a 1 2\nb c 4\n", b"a 1 2\nb x 3 4 5\n"):
        with pytest.raises(FormatError, match="line 2"):
            found(raw)
    with pytest.raises(FormatError, match="line 1"):
        found(b". . 3 4\n", 2)


def test_a_wide_header_makes_no_room(each_backend):
    with pytest.raises(FormatError, match="not a word and 1000000000000000000 numbers"):
        found(b"a 1 2\n" * 9, 10**18)
    assert found(b"", 10**18) == ([], [])


def test_damaged_lines_end_the_reading(monkeypatch):
    """A file without line ends is not read whole."""
    monkeypatch.setattr(lines, "CHUNK", 16)
    monkeypatch.setattr(lines, "MAX_LINE", 100)
    file = io.BytesIO(b"x" * 10_000)
    with pytest.raises(FormatError, match="no end of the line"):
        list(Lines(file, "name", 0, 1).read(None))
    assert file.tell() < 1000


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_float32_comes_back(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("f") / "v"
    path.write_text(f"1 {len(numbers)}\nw {' '.join(map(repr, numbers))}\n")
    with np.errstate(over="ignore"):
        assert word2vec.read(path)[1].tobytes() == np.array([numbers]).astype(np.float32).tobytes()
