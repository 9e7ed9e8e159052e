"""Files of the fastText program: read as its own package reads them, trained on, written so that it reads them."""

import bz2
import gzip
import lzma
import struct

import numpy as np
import planted
import pytest

import fastvec
from fastvec import formats
from fastvec.errors import FormatError, UnsupportedFileError
from fastvec.formats import fasttext
from fastvec.formats.fasttext import CLASSIFIER, HIERARCHICAL_SOFTMAX, Parameters

SENTENCES = planted.clusters(4, 5, sentences=100, length=8)
STRANGE = ["unseen", "größer", "日本語", "a", "", "</s>", "<", "x" * 50]


def model_of(**options):
    small = {"vector_size": 6, "min_count": 1, "bucket": 50, "epochs": 2, "workers": 1, "sample": 0.01}
    return fastvec.FastText(SENTENCES, **{**small, **options})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.bin"


def same_vectors(mine, theirs):
    assert mine.index_to_key[:] == theirs.index_to_key[:]
    assert np.array_equal(mine.vectors, theirs.vectors)
    with pytest.warns(RuntimeWarning, match="no n-grams"):
        assert np.array_equal(mine.vectors_for(STRANGE), theirs.vectors_for(STRANGE))


# ---- There and back


@pytest.mark.parametrize(
    "options",
    [{"sg": 1}, {"sg": 0}, {"hs": 1, "negative": 0, "hs_tree": "counts"}, {"min_n": 1, "max_n": 2}],
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_a_model_comes_back(tmp_path, options, suffix):
    path = tmp_path / f"model.bin{suffix}"
    model = model_of(**options)
    fastvec.save_facebook_model(model, path)
    back = fastvec.load_facebook_model(path)
    same_vectors(back.wv, model.wv)
    same_vectors(fastvec.load_facebook_vectors(path), model.wv)
    for name in ("sg", "hs", "negative", "window", "epochs", "min_count", "sample", "vector_size", "bucket"):
        assert getattr(back, name) == getattr(model, name), name
    assert back.subwords == model.subwords and back.corpus_total_words == model.corpus_total_words
    assert np.array_equal(back.vocab.counts, model.vocab.counts)
    rows = "syn1" if model.hs else "syn1neg"
    assert np.array_equal(getattr(back, rows), getattr(model, rows))
    again = tmp_path / "again.bin"
    fastvec.save_facebook_model(back, again)
    fastvec.save_facebook_model(model, path.with_suffix(".plain"))
    assert again.read_bytes() == path.with_suffix(".plain").read_bytes()


def test_training_goes_on(path):
    fastvec.save_facebook_model(model_of(), path)
    model = fastvec.load_facebook_model(path)
    before = model.wv["unseen"], model.wv.vectors.copy()
    model.build_vocab([["novel", "words"]], update=True)
    model.train(SENTENCES, total_examples=model.corpus_count, epochs=2)
    assert "novel" in model.wv and np.isfinite(model.wv.vectors).all()
    assert not np.array_equal(before[0], model.wv["unseen"])


def test_without_subwords(path):
    model = model_of(max_n=0)
    fastvec.save_facebook_model(model, path)
    kv = fastvec.load_facebook_vectors(path)
    assert np.array_equal(kv.vectors, model.wv.vectors) and not kv.subwords.enabled
    with pytest.raises(KeyError):
        kv["unseen"]
    model = model_of(bucket=0)
    fastvec.save_facebook_model(model, path)
    assert fasttext.read(path).parameters.maxn == 0


def test_both_objectives_keep_one_kind_of_rows(path):
    model = model_of(hs=1, negative=5, hs_tree="counts")
    fastvec.save_facebook_model(model, path)
    back = fastvec.load_facebook_model(path)
    assert (back.hs, back.negative) == (1, 0) and np.array_equal(back.syn1, model.syn1)


def test_inner_nodes_of_a_tree_that_fasttext_does_not_have_stay_behind(path, caplog):
    model = model_of(hs=1, negative=0)
    fastvec.save_facebook_model(model, path)
    assert "model.bin: the inner nodes are not in the file: fastText has another tree" in caplog.text
    back = fastvec.load_facebook_model(path)
    same_vectors(back.wv, model.wv)
    assert model.syn1.any() and not back.syn1.any() and back.hs_tree == "counts"
    assert "model.bin: the inner nodes are all zeros" in caplog.text
    model = model_of(hs=1, negative=5)
    fastvec.save_facebook_model(model, path)
    back = fastvec.load_facebook_model(path)
    assert (back.hs, back.negative) == (0, 5) and np.array_equal(back.syn1neg, model.syn1neg)


def test_what_a_model_trains_now_is_what_is_saved(path):
    model = model_of(hs=1, negative=0, hs_tree="counts")
    model.negative, model.hs = 5, 0
    model.train(SENTENCES, total_examples=100, epochs=1)
    fastvec.save_facebook_model(model, path)
    back = fastvec.load_facebook_model(path)
    assert (back.hs, back.negative, back.hs_tree) == (0, 5, "spelling")
    assert np.array_equal(back.syn1neg, model.syn1neg)


def test_counts_of_a_tree_that_fasttext_does_not_make(path):
    model = fastvec.FastText(hs=1, negative=0, hs_tree="counts", bucket=9, min_count=0, vector_size=4)
    model.build_vocab_from_freq({"a": 10**15, "b": 3})
    with pytest.raises(
        ValueError, match=r"model\.bin: .* the count 1000000000000000 of 'a': it must be below"
    ):
        fastvec.save_facebook_model(model, path)
    assert not path.exists()
    model.build_vocab_from_freq({"a": 10**15 - 1, "b": 3, "c": 0})
    fastvec.save_facebook_model(model, path)
    assert fastvec.load_facebook_model(path).vocab.counts.tolist() == [10**15 - 1, 3, 1]


def test_rows_of_ngrams_that_hold_no_numbers_are_emptied(path, caplog):
    model = model_of(bucket=5000)
    unused = np.setdiff1d(np.arange(len(model._weights.input)), model._weights.bags.rows)[[0, -1]]
    model._weights.input[unused, 0] = np.nan, 1e30
    fastvec.save_facebook_model(model, path)
    back = fastvec.load_facebook_model(path)
    assert "2 rows of n-grams hold NaN or numbers beyond 10000; zeros" in caplog.text
    back.train(SENTENCES, total_examples=100, epochs=1)
    assert np.isfinite(back.wv.vectors_ngrams).all()


def test_nothing_to_save(path):
    with pytest.raises(TypeError, match="a FastText is needed"):
        fastvec.save_facebook_model(fastvec.Word2Vec(SENTENCES, min_count=1, workers=1), path)
    with pytest.raises(RuntimeError, match="no vocabulary"):
        fastvec.save_facebook_model(fastvec.FastText(bucket=10), path)
    model = fastvec.FastText([["a\0b", "c"]], bucket=10, min_count=1, vector_size=4)
    with pytest.raises(ValueError, match="zero byte"):
        fastvec.save_facebook_model(model, path)
    assert not path.exists()


# ---- Files as others write them

PARAMETERS = Parameters(
    dim=2, ws=5, epoch=3, minCount=1, neg=5, wordNgrams=1, loss=2, model=2, bucket=4, minn=2, maxn=3,
    lrUpdateRate=100, t=1e-4,
)  # fmt: skip
WORDS = [(b"the", 5), ("größer".encode(), 3), (b"e", 1)]


def raw_file(
    words=WORDS, labels=(), version=12, pruned=-1, quantised=0, parameters=PARAMETERS, extra=b"", **changes
):
    """Return the bytes of a small file, with numbers that tell where they stand."""
    p = parameters._replace(**changes)
    n, outputs = len(words) + p.bucket, len(labels) or len(words)
    parts = [fasttext.MAGIC + struct.pack("<i", version)] if version else []
    parts += [
        struct.pack("<12id", *p),
        struct.pack("<3iq", len(words) + len(labels), len(words), len(labels), 9),
    ]
    if version:
        parts.append(struct.pack("<q", pruned))
    for kind, entries in enumerate((words, labels)):
        parts += [word + b"\0" + struct.pack("<qb", count, kind) for word, count in entries]
    for rows, first in ((n, 1.0), (outputs, 100.0)):
        parts.append((bytes([quantised]) if version else b"") + struct.pack("<2q", rows, p.dim))
        parts.append((np.arange(rows * p.dim) + first).astype("<f4").tobytes())
    return b"".join(parts) + extra


@pytest.mark.parametrize("version", [12, 11, 0])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_versions(path, version, compress):
    path.write_bytes(compress(raw_file(version=version)))
    held = fasttext.read(path)
    assert held.parameters == PARAMETERS and list(held.words) == ["the", "größer", "e"]
    assert held.counts.tolist() == [5, 3, 1] and held.tokens == 9
    assert held.input.tolist() == np.arange(1.0, 15.0).reshape(7, 2).tolist()
    assert held.output.tolist() == [[100, 101], [102, 103], [104, 105]]
    kv = fastvec.load_facebook_vectors(path)
    rows = [held.input[0], *(held.input[3 + b] for b in kv.subwords.buckets("the"))]
    assert np.allclose(kv["the"], np.mean(rows, axis=0))


def test_classifiers(path):
    labels = [(b"__label__a", 4), (b"__label__b", 2)]
    raw = raw_file(labels=labels, model=CLASSIFIER, loss=3)
    path.write_bytes(raw)
    with pytest.raises(NotImplementedError, match="classifier"):
        fastvec.load_facebook_model(path)
    kv = fastvec.load_facebook_vectors(path)
    assert kv.index_to_key[:] == ["the", "größer", "e"] and kv.bucket == 4
    path.write_bytes(raw_file(labels=labels, model=CLASSIFIER, loss=3, version=11))
    kv = fastvec.load_facebook_vectors(path)
    assert not kv.subwords.enabled and kv.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    "changes, error, reason",
    [
        ({"quantised": 1}, UnsupportedFileError, "the input rows are quantised"),
        ({"pruned": 2}, UnsupportedFileError, "a quantised model"),
        ({"pruned": 0}, UnsupportedFileError, "a quantised model"),
        ({"version": 13}, FormatError, "byte 4: version 13"),
        ({"extra": b"x"}, FormatError, "1 bytes more"),
        ({"dim": 0}, FormatError, "byte 8: no file of fastText's"),
        ({"t": float("nan")}, FormatError, "no file of fastText's"),
        ({"words": [(b"a", 2), (b"a", 1)]}, FormatError, "word 1, 'a', stands earlier"),
        ({"words": [(b"a", -2)]}, FormatError, "counts below 0"),
    ],
)
def test_what_is_refused(path, changes, error, reason):
    path.write_bytes(raw_file(**changes))
    for load in (fastvec.load_facebook_model, fastvec.load_facebook_vectors):
        with pytest.raises(error, match=reason) as caught:
            load(path)
        assert str(path) in str(caught.value)


def test_parameters_that_fasttext_allows(path, caplog):
    path.write_bytes(raw_file(epoch=0, ws=0, neg=100, loss=3))
    model = fastvec.load_facebook_model(path)
    assert (model.epochs, model.window, model.negative) == (1, 1, 60) and "negative=100" in caplog.text
    path.write_bytes(raw_file(words=[]))
    with pytest.raises(FormatError, match="without words"):
        fastvec.load_facebook_model(path)
    path.write_bytes(raw_file(ws=1 << 30))
    with pytest.raises(FormatError, match="beyond what fastvec trains: window"):
        fastvec.load_facebook_model(path)
    assert len(fastvec.load_facebook_vectors(path)) == 3


def test_words_in_another_order(path):
    """Rows go with their words; those of inner nodes have no words."""
    words = [(b"rare", 1), (b"often", 9), (b"some", 5)]
    path.write_bytes(raw_file(words=words))
    model, plain = fastvec.load_facebook_model(path), fastvec.load_facebook_vectors(path)
    assert model.wv.index_to_key[:] == ["often", "some", "rare"] and plain.index_to_key[0] == "rare"
    for word in model.wv.index_to_key:
        assert np.allclose(model.wv[word], plain[word])
        assert model.wv.get_vecattr(word, "count") == plain.get_vecattr(word, "count")
    assert model.syn1neg.tolist() == [[102, 103], [104, 105], [100, 101]]
    path.write_bytes(raw_file(words=words, loss=HIERARCHICAL_SOFTMAX))
    assert fastvec.load_facebook_model(path).syn1.tolist() == [[-102, -103], [-100, -101], [-104, -105]]


@pytest.mark.parametrize(
    "load", [fastvec.load_facebook_vectors, lambda *a: fastvec.load_facebook_model(*a).wv]
)
@pytest.mark.parametrize("order", [1, -1])
def test_words_that_are_not_utf8(path, load, order):
    """N-grams are made of the bytes in the file, as fastText makes them."""
    words = [("který".encode("cp852"), 3), (b"cut\xe6", 2), (b"plain", 1)][::order]
    path.write_bytes(raw_file(words=words))
    assert sorted(load(path).index_to_key) == ["cut\\xe6", "kter\\xec", "plain"]
    kv = load(path, "cp852")
    held = fasttext.read(path)
    buckets = held.subwords._bags(held.raw.text, held.raw.offsets, False, 1, "raw")
    at = [word for word, _ in words].index("který".encode("cp852"))
    rows = [held.input[at], *(held.input[3 + b] for b in buckets[at])]
    assert np.allclose(kv["který"], np.mean(rows, axis=0))


def test_recognised(path):
    for version in (12, 0):
        assert fasttext.looks_like(raw_file(version=version)[:64])
    for other in (b"", b"3 2\na 1 2\n" * 9, b"\x80\x04\x95" + bytes(61), b"\x40\0\0\0\0\0\0\0{" + bytes(60)):
        assert not fasttext.looks_like(other[:64])


# ---- Damage


def outcome(path, raw):
    """Read `raw`; return what it holds, or None where it was refused with an error that names the file."""
    path.write_bytes(raw)
    try:
        return fasttext.read(path)
    except FormatError as error:
        assert str(path) in str(error)
        return None


@pytest.mark.parametrize("version", [12, 0])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_truncation_at_every_offset(path, version, compress):
    packed = compress(raw_file(version=version))
    for end in range(len(packed)):
        path.write_bytes(packed[:end])
        for model in (False, True):
            with pytest.raises(FormatError, match=r"model\.bin"):
                fasttext.read(path, model=model)


@pytest.mark.parametrize("version", [12, 0])
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_flip_of_every_byte(path, version, flip):
    raw = raw_file(version=version)
    for at in range(len(raw)):
        held = outcome(path, raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :])
        assert held is None or (held.input.shape[1], held.output.shape) == (2, (3, 2))


@pytest.mark.parametrize(
    "at, value",
    [(8, 1 << 19), (8 + 8 * 4, (1 << 31) - 1), (64, (1 << 31) - 1), (64, -1), (68, 2)],
)
def test_lying_sizes(path, at, value):
    """Wide rows, many buckets, many words: nothing is believed that the file is too short for."""
    raw = bytearray(raw_file())
    raw[at : at + 4] = struct.pack("<i", value)
    for packed in (bytes(raw), gzip.compress(bytes(raw))):
        assert outcome(path, packed) is None


# ---- The fasttext package


@pytest.fixture
def theirs(tmp_path):
    package = pytest.importorskip("fasttext", reason="the fasttext package is not installed")
    package.FastText.eprint = lambda *_: None
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(" ".join(s) for s in SENTENCES) + "\nfür größere Wörter größer\n", "utf-8")

    def train(**options):
        # fastText 0.9.3 fills a tenth of the rows a thread, and leaves the others as they are in memory; and where
        # subsampling leaves no pair of words, it stops with an error.
        small = {"dim": 7, "minCount": 1, "bucket": 60, "epoch": 2, "thread": 11, "verbose": 0, "t": 1.0}
        return package.train_unsupervised(str(corpus), **{**small, **options})

    return package, train


def agree(mine, model):
    words = model.get_words()
    assert mine.index_to_key[:] == words
    found = np.stack([model.get_word_vector(w) for w in words])
    assert np.allclose(mine.vectors, found, atol=1e-6, rtol=1e-5)
    for word in STRANGE[:3]:
        assert np.allclose(mine[word], model.get_word_vector(word), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{}, {"model": "cbow"}, {"loss": "hs"}, {"minn": 1, "maxn": 2}, {"maxn": 0}]
)
def test_vectors_are_fasttexts(theirs, path, options):
    _, train = theirs
    model = train(**options)
    model.save_model(str(path))
    if options.get("maxn") == 0:
        mine = fastvec.load_facebook_vectors(path)
        assert np.allclose(mine.vectors, [model.get_word_vector(w) for w in model.get_words()], atol=1e-6)
    else:
        agree(fastvec.load_facebook_vectors(path), model)
        agree(fastvec.load_facebook_model(path).wv, model)
    back = fastvec.load_facebook_model(path)
    fastvec.save_facebook_model(back, path.with_suffix(".copy"))
    copied = path.with_suffix(".copy").read_bytes()
    if options.get("loss") == "hs":  # where the number of noise words, 24 bytes on, is of no effect
        copied = copied[:24] + struct.pack("<i", 5) + copied[28:]
    assert copied == path.read_bytes()


@pytest.mark.parametrize("options", [{"sg": 1}, {}, {"hs": 1, "negative": 0}, {"bucket": 0}])
def test_fasttext_reads_what_is_written(theirs, path, options):
    package, _ = theirs
    model = model_of(**options)
    model.train(SENTENCES, total_examples=100, epochs=1)
    fastvec.save_facebook_model(model, path)
    back = package.load_model(str(path))
    assert back.get_words() == model.wv.index_to_key[:]
    assert np.allclose(back.get_input_matrix()[: len(model.wv)], model.wv.vectors_vocab)
    if options.get("bucket") != 0:
        agree(model.wv, back)


def test_quantised_classifiers_of_fasttext(theirs, path, tmp_path):
    package, _ = theirs
    lines = [f"__label__{i % 2} " + " ".join(s) for i, s in enumerate(SENTENCES)]
    (tmp_path / "labelled.txt").write_text("\n".join(lines))
    model = package.train_supervised(
        str(tmp_path / "labelled.txt"), dim=8, bucket=300, minn=2, maxn=3, thread=11, verbose=0
    )
    model.save_model(str(path))
    kv = fastvec.load_facebook_vectors(path)
    assert kv.index_to_key[:] == model.get_words()
    for word in [*model.get_words()[:5], "unseen"]:
        assert np.allclose(kv[word], model.get_word_vector(word), atol=1e-6)
    model.quantize(verbose=False, dsub=2, cutoff=0)
    model.save_model(str(path))
    with pytest.raises(UnsupportedFileError, match="quantised"):
        fastvec.load_facebook_vectors(path)


def test_inner_nodes_mean_the_same(theirs, path, tmp_path):
    """Both make one tree, also where a word and a node, or two words, have equal counts."""
    package, _ = theirs
    # Counts of 48, 48, 96, 192, ...: w2 has as many as the node above w0 and w1, and so on.
    lines = [f"w{i} " * 6 + "\n" for i in range(7) for _ in range(8 << max(i - 1, 0))]
    (tmp_path / "counts.txt").write_text("".join(lines[::2] + lines[1::2]))
    model = package.train_unsupervised(
        str(tmp_path / "counts.txt"),
        loss="hs",
        dim=4,
        minCount=1,
        bucket=20,
        epoch=20,
        t=1.0,
        thread=11,
        verbose=0,
    )
    model.save_model(str(path))
    mine = fastvec.load_facebook_model(path)
    tree = mine.vocab.huffman(mine.hs_tree)

    def probability(word, hidden):
        i = mine.wv.get_index(word)
        steps = tree.path[tree.offsets[i] : tree.offsets[i + 1]]
        scores = mine.syn1[steps >> 1] @ hidden
        return np.prod(1 / (1 + np.exp(np.where(steps & 1, scores, -scores))))

    # Trained on runs of one word, the model expects that word again.
    for word in ("w5", "w4", "w3"):
        expected = {other: probability(other, mine.wv[word]) for other in mine.wv.index_to_key}
        assert abs(sum(expected.values()) - 1) < 1e-5
        assert max(expected, key=expected.get) == word


def test_registered():
    assert formats.get("fasttext") is fasttext
