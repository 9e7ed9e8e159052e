"""The trees of hierarchical softmax: of the least mean depth, and the words in the places they should have."""

import heapq
from itertools import pairwise

import numpy as np
import pytest
import test_vocab
from hypothesis import given
from hypothesis import strategies as st

from fastvec import _backend
from fastvec.errors import FormatError
from fastvec.vocab import Vocab
from fastvec.words import WordTable

BACKENDS, load = test_vocab.BACKENDS, test_vocab.load
TREES = ["spelling", "counts"]
vocabularies = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters=" "), min_size=1, max_size=3),
    st.one_of(st.integers(1, 4), st.integers(1, 10**6), st.sampled_from([1, 2, 4, 8, 16])),
    min_size=1,
    max_size=40,
)


@pytest.fixture(params=BACKENDS)
def backend(request, monkeypatch):
    for module in ("words", "vocab", "huffman"):
        monkeypatch.setattr(_backend, module, load(request.param, module), raising=False)
    return request.param


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
    vocab = Vocab.from_counts(counts)
    steps = paths(vocab, kind)
    assert all(path[0] >> 1 == 0 for path in steps if path) and (all(steps) or len(vocab) == 1)
    assert sum(n * len(s) for n, s in zip(vocab.counts.tolist(), steps, strict=True)) == least_cost(
        counts.values()
    )
    below = {}  # node -> what hangs on its two sides
    for word, path in enumerate(steps):
        nodes_and_word = [*(step >> 1 for step in path), f"word {word}"]
        for step, after in zip(path, nodes_and_word[1:], strict=True):
            assert below.setdefault(step, after) == after
    nodes = {step >> 1 for step in below}
    assert nodes == set(range(len(vocab) - 1)) and len(below) == 2 * len(nodes)
    assert len(set(below.values())) == len(below)


@given(counts=vocabularies)
def test_both_trees_have_the_same_depths(counts):
    vocab = Vocab.from_counts(counts)
    assert np.array_equal(vocab.huffman("spelling").offsets, vocab.huffman("counts").offsets)


@given(counts=vocabularies)
def test_on_each_level_neighbours_by_spelling_are_pairs(counts):
    vocab = Vocab.from_counts(counts)
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
    vocab, found = Vocab.from_counts(counts), []
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
        Vocab(vocab.words, vocab.counts[::-1].copy(), 6, 1).huffman()
    three = np.arange(3)
    with pytest.raises(ValueError, match="not of the size"):
        _backend.huffman.pair_levels(np.arange(4), three, three, three[:2].copy(), np.empty(6, np.int32))
    table = WordTable.from_words(["a", "b"])
    for bounds in ([0, 1, 9], [0, -1, 2], [2, 1, 2]):
        damaged = WordTable(table.text, np.array(bounds), table.slots, origin="m.fvec")
        with pytest.raises(FormatError, match=r"m\.fvec: word \d has impossible bounds"):
            damaged.by_spelling()
