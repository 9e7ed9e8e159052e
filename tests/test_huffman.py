"""The trees of hierarchical softmax: of the least mean depth, and the words in the places they should have."""

import heapq
from itertools import pairwise

import numpy as np
import pytest
import test_vocab
from hypothesis import given
from hypothesis import strategies as st

from fastvec import Word2Vec, _backend
from fastvec.errors import CorpusError, FormatError
from fastvec.vocab import Vocab
from fastvec.words import WordTable

BACKENDS, backend, load = test_vocab.BACKENDS, test_vocab.backend, test_vocab.load
TREES = ["spelling", "counts"]
FIBONACCI = [1, 1]
while len(FIBONACCI) < 80:
    FIBONACCI.append(sum(FIBONACCI[-2:]))
vocabularies = st.dictionaries(
    st.text(max_size=3, alphabet=st.characters(codec="utf-8")),
    st.one_of(st.integers(0, 4), st.integers(1, 10**6), st.sampled_from(FIBONACCI)),
    min_size=1,
    max_size=40,
)


def paths(vocab, kind):
    tree = vocab.huffman(kind)
    return [tree.path[a:b].tolist() for a, b in pairwise(tree.offsets.tolist())]


def least_cost(counts):
    """The sum of all merged weights, by a heap: what any tree costs at least (Huffman 1952)."""
    heap, cost = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        cost += both
        heapq.heappush(heap, both)
    return cost


@pytest.mark.parametrize("kind", TREES)
@given(counts=vocabularies)
def test_it_is_a_tree_of_the_least_mean_depth(counts, kind):
    vocab = Vocab.from_counts(counts, min_count=0)
    steps = paths(vocab, kind)
    assert all(path[0] >> 1 == 0 for path in steps if path) and (all(steps) or len(vocab) == 1)
    weights = [max(count, 1) for count in vocab.counts.tolist()]
    assert sum(n * len(path) for n, path in zip(weights, steps, strict=True)) == least_cost(weights)
    below = {}  # node -> what hangs on its two sides
    for word, path in enumerate(steps):
        nodes_and_word = [*(step >> 1 for step in path), f"word {word}"]
        for step, after in zip(path, nodes_and_word[1:], strict=True):
            assert below.setdefault(step, after) == after
    nodes = {step >> 1 for step in below}
    assert nodes == set(range(len(vocab) - 1)) and len(below) == 2 * len(nodes)
    assert len(set(below.values())) == len(below)


@given(counts=vocabularies)
def test_on_each_level_neighbours_by_spelling_are_pairs(counts):
    vocab = Vocab.from_counts(counts, min_count=0)
    words, first = list(vocab.words), {}
    for word, path in zip(words, paths(vocab, "spelling"), strict=True):
        bits = tuple(step & 1 for step in path)
        for depth in range(len(bits) + 1):
            first[bits[:depth]] = min(word, first.get(bits[:depth], word), key=str.encode)
    for depth in range(1, max(map(len, first)) + 1):
        level = sorted((w.encode(), bits) for bits, w in first.items() if len(bits) == depth)
        for (_, left), (_, right) in zip(level[::2], level[1::2], strict=True):
            assert left[:-1] == right[:-1] and (left[-1], right[-1]) == (0, 1)


def test_words_of_equal_counts_stand_as_in_a_dictionary(backend):
    words = ["tree", "and", "trees", "ant", "zoo", "antenna", "treaty", "zebra"]
    vocab = Vocab.from_counts(dict.fromkeys(words, 5))
    codes = {
        w: "".join(str(s & 1) for s in path)
        for w, path in zip(vocab.words, paths(vocab, "spelling"), strict=True)
    }
    assert codes == {w: f"{i:03b}" for i, w in enumerate(sorted(words))}


def test_nodes_are_numbered_from_the_root_on(backend):
    vocab = Vocab.from_counts({f"w{i}": 1 + i * i for i in range(50)})
    for kind in TREES:
        for path in paths(vocab, kind):
            assert all(a >> 1 < b >> 1 for a, b in pairwise(path))


@pytest.mark.parametrize("kind", TREES)
@given(counts=vocabularies)
def test_the_twins_make_one_tree(counts, kind):
    vocab, found = Vocab.from_counts(counts, min_count=0), []
    for name in BACKENDS:
        with pytest.MonkeyPatch.context() as patch:
            for module in ("vocab", "huffman"):
                patch.setattr(_backend, module, load(name, module), raising=False)
            found.append(vocab.huffman(kind))
    assert all(np.array_equal(found[0].path, other.path) for other in found[1:])


def test_refuses(backend):
    vocab = Vocab.from_counts({"a": 3, "b": 2, "c": 1})
    with pytest.raises(ValueError, match="tree='speling': choose one of spelling, counts"):
        vocab.huffman("speling")
    with pytest.raises(ValueError, match="do not fall"):
        Vocab(vocab.words, vocab.counts[::-1].copy(), 6, 1).huffman("counts")
    with pytest.raises(TypeError, match="hs_tree=None"):
        Word2Vec(hs_tree=None)
    three = np.arange(3, dtype=np.int64)
    for first, depths in (
        (three[:2], [2, 2, 1]),
        (three, [9, 9, 9]),
        (three, [2, 1, 1]),
        (three, [1, 1, 1]),
        (three, [2, 2, 2]),
    ):
        offsets = np.cumsum([0, *depths], dtype=np.int64)
        with pytest.raises(ValueError):
            _backend.huffman.pair_levels(offsets, three, three, first.copy(), np.empty(6, np.int32))
    with pytest.raises(CorpusError, match="add up to 4611686018427387905; at most 4611686018427387904"):
        Vocab.from_counts({"a": 2**62 - 1, "b": 2})
    table = WordTable.from_words(["a", "b"])
    for bounds in ([0, 1, 9], [0, -1, 2], [2, 1, 2]):
        damaged = WordTable(table.text, np.array(bounds), table.slots, origin="m.fvec")
        with pytest.raises(FormatError, match=r"m\.fvec: word \d has impossible bounds"):
            damaged.by_spelling()


def test_words_in_the_order_of_their_bytes(backend):
    words = ["b", "", "a\0", "a", "\U0001f600", "\uffff", "\xe9", "abcdefgh" * 3 + "b", "abcdefgh" * 3]
    table = WordTable.from_words(words)
    assert [words[i] for i in table.by_spelling()] == sorted(words, key=str.encode) == sorted(words)
    assert WordTable.from_words(()).by_spelling().size == 0
