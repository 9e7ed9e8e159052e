"""The kernels of phrases: tables, joining, and their twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_phrases import BACKENDS

from fastvec import _backend


@settings(max_examples=25)
@given(ids=st.lists(st.integers(-1, 5), max_size=12), connectors=st.integers(0, 4))
def test_edges(ids, connectors):
    ids = np.array(ids, np.int32)
    first, last = (
        _backend.load(name, "phrases").edges(ids, connectors) for name in (BACKENDS[0], BACKENDS[-1])
    )
    assert first.tolist() == last.tolist() and first.dtype == last.dtype == np.int32


@settings(max_examples=25)
@given(
    data=st.lists(
        st.sampled_from([*"abcd ,\n", "of ", " a b ", "\n\n", "\t", "a b of c\n", "한 "]), max_size=40
    ),
    cut=st.integers(0, 60),
    begun=st.booleans(),
    anyhow=st.booleans(),
)
def test_joined_text(data, cut, begun, anyhow):
    data = "".join(data).encode()
    phrases = [b"a+b", b"b+of+c", b"c+d", b"d+of+of+a", "a+한".encode()]
    offsets = np.cumsum([0, *map(len, phrases)]).astype(np.int64)
    body, mark = np.frombuffer(b"".join(phrases), np.uint8), np.frombuffer(b"+", np.uint8)
    splits = None if anyhow else np.array([[1, 1], [1, 1], [1, 1], [1, 1], [1, 3]], np.int32)
    answers = []
    for name in (BACKENDS[0], BACKENDS[-1]):
        joiner = _backend.load(name, "joiner").Joiner(body, offsets, mark, [b"of"], splits)
        answers.append(
            [
                (out.tobytes(), stop, b)
                for last in (True, False)
                for out, stop, b in [joiner.join(data, begun, last)]
            ]
        )
    assert answers[0] == answers[1]
    at = max(data[:cut].rfind(blank) for blank in (b" ", b"\n", b"\t")) + 1
    out, stop, open_line = joiner.join(data[:at], begun, False)
    rest, _, _ = joiner.join(data[stop:at] + data[at:], open_line, True)
    assert out.tobytes() + rest.tobytes() == answers[0][0][0]


def test_kernels_check_what_they_are_given(each_backend):
    module = _backend.phrases
    table = module.PhraseTable(b"_")
    ids = table.add_words(np.frombuffer(b"abc", np.uint8), np.array([0, 1, 2, 3], np.int64))
    assert ids.tolist() == [0, 1, 2]
    pairs, counts, steps = module.PairTable(0, b"_"), np.ones(3, np.int64), np.empty(0, np.uint32)
    with pytest.raises(ValueError):
        pairs.count(np.array([0, 1], np.int32))  # of no word known
    pairs.add_words(np.frombuffer(b"ab", np.uint8), np.array([0, 1, 2], np.int64))
    with pytest.raises(ValueError):
        pairs.count(np.array([0, 2], np.int32))
    with pytest.raises(ValueError):
        pairs.prune(1, np.zeros(3, np.int32))
    with pytest.raises(ValueError):
        table.merge([(pairs, ids[:2], steps)], counts[:2], 0, 256)
    pairs.count(np.array([0, 1, -1, 0, 1], np.int32))
    table.merge([(pairs, ids[:2], steps)], counts, 0, 256)
    assert len(table) == 4
    with pytest.raises(ValueError):
        table.add_rows(np.zeros(2, np.uint32), np.zeros(1, np.uint32), np.zeros(2, np.int64))
    with pytest.raises(ValueError):
        _backend.joiner.Joiner(
            np.empty(0, np.uint8),
            np.zeros(1, np.int64),
            np.empty(0, np.uint8),
            [],
            np.zeros((1, 2), np.int32),
        )
