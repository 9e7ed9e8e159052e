"""What every model owes: {skip-gram, CBOW} x {negative sampling, hierarchical softmax, both} x {words, subwords}."""

import numpy as np
import planted
import pytest
from kernel_case import ALWAYS, MODELS, Case

from fastvec import FastText, Word2Vec, _backend

EVERY_MODEL = pytest.mark.parametrize("model", MODELS)
FROM_BOTH = pytest.mark.parametrize("from_file", [False, True], ids=["iterable", "file"])
SENTENCES = planted.clusters(4, 5, sentences=400, length=8)


def build(model, sentences, tmp_path=None, **options):
    """A model of this kind, trained on sentences, or on a file of them."""
    kind = dict(MODELS[model])
    bags = kind.pop("bags")
    # Few buckets keep the tests quick.
    subwords = {"min_n": 3, "max_n": 4, "bucket": 5000} if bags else {}
    options = {"vector_size": 24, "min_count": 1, "sample": 0, "workers": 1, **kind, **subwords, **options}
    source = {"sentences": sentences}
    if tmp_path is not None:
        path = tmp_path / "corpus.txt"
        path.write_text("".join(" ".join(s) + "\n" for s in sentences), encoding="utf-8")
        source = {"corpus_file": path}
    return (FastText if bags else Word2Vec)(**source, **options)


@EVERY_MODEL
@FROM_BOTH
@pytest.mark.parametrize("workers", [1, 2])
def test_words_of_one_cluster_become_neighbours(model, from_file, workers, tmp_path):
    source = tmp_path if from_file else None
    options = {"alpha": 0.05, "epochs": 15, "workers": workers}
    found = [planted.purity(build(model, SENTENCES, source, seed=s, **options).wv) for s in (1, 2, 3)]
    # Words of different clusters share n-grams, which CBOW's many rows a step unlearn slowest. Chance is 4 of 19.
    assert np.mean(found) > (0.65 if MODELS[model]["bags"] else 0.9)


@EVERY_MODEL
def test_relations_become_directions(model):
    """The grid's analogies, as of countries and capitals."""
    trained = build(model, planted.grid(4, 5, 8000), vector_size=32, alpha=0.05, epochs=8)
    assert planted.analogies(trained.wv, 4, 5) > 0.8


@EVERY_MODEL
@FROM_BOTH
@pytest.mark.parametrize(
    "sentences",
    [
        pytest.param([["a"] * 20] * 3, id="one word"),
        pytest.param([["a"]], id="one token"),
        pytest.param([["a", "b"], ["b", "c", "a"]], id="window longer than the sentence"),
        pytest.param([[], ["a", "b"], [], [], ["b", "a"], []], id="empty lines"),
    ],
)
def test_odd_texts_are_survived(model, from_file, sentences, tmp_path):
    trained = build(model, sentences, tmp_path if from_file else None, window=9, epochs=3)
    assert np.isfinite(trained.wv.vectors).all()
    assert sorted(trained.wv.index_to_key) == sorted({w for s in sentences for w in s})


@pytest.mark.parametrize("model", ["sg-ns-bags", "sg-hs-bags"])
def test_words_of_one_letter_in_wide_windows_stay_bounded(model):
    """A word with one n-gram is the sum of two rows, and moves twice as far as they do."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghij")).reshape(5, 2)
    sentences = [letters[cluster, rng.integers(0, 2, 200)].tolist() for cluster in rng.integers(0, 5, 200)]
    trained = build(model, sentences, vector_size=24, window=25, epochs=10)
    assert np.isfinite(trained.wv.vectors).all()


@pytest.mark.parametrize("model", ["sg-ns-bags", "sg-hs-bags"])
@pytest.mark.parametrize(("length", "share"), [(80, 0.2), (400, 0.02)])
def test_words_that_repeat_a_letter_stay_bounded(model, length, share):
    """Of its hundreds of n-grams four are different, and each moves the word's row as often as it is there, squared."""
    rng = np.random.default_rng(0)
    odds = 1 / np.arange(1, 301)
    sentences = [
        [
            "=" * length if rng.random() < share else f"word{i}"
            for i in rng.choice(300, 20, p=odds / odds.sum())
        ]
        for _ in range(1000)
    ]
    trained = build(model, sentences, vector_size=20, bucket=20_000, max_n=6)
    assert np.linalg.norm(trained.wv.vectors, axis=1).max() < 20


@EVERY_MODEL
def test_a_file_and_its_sentences_give_the_same_bits(model, tmp_path):
    one, other = build(model, SENTENCES[:50]), build(model, SENTENCES[:50], tmp_path)
    assert np.array_equal(one.wv.vectors, other.wv.vectors)


@EVERY_MODEL
@pytest.mark.parametrize("classic", [False, True])
@pytest.mark.parametrize("mean", [0, 1])
def test_a_step_follows_the_numeric_gradient_of_the_loss(model, classic, mean):
    """Of the twin in double: what a span of one centre changes is -alpha times the derivative of its measured loss.

    But for two deliberate factors: bags hand their gradient on undivided (skip-gram divides their sum by the n-grams),
    and the classic CBOW divides it where the derivative does not, and does not where it does. All bags have three rows
    here, and there are four contexts.
    """
    case = Case(
        3, n_words=9, size=2, window=2, shrink=False, cbow_mean=mean, cbow_classic=classic, **MODELS[model]
    )
    case.tokens, case.keep[:] = np.array([1, 4, 2, 8, 5, -1], np.int32), ALWAYS
    if case.options["bags"] is not None:
        bags = case.options["bags"]
        bags.offsets = np.arange(0, 3 * 9 + 1, 3)
        bags.rows = np.random.default_rng(1).permutation(39)[:27].astype(np.int32)
    matrices = case.matrices(np.float64)

    def loss(alpha=0.0):
        case.options["with_loss"] = True
        worker = case.worker("reference", *matrices)
        worker.train(2, 3, 1, alpha, 0)
        return worker.take_loss()[0]

    before = [None if m is None else m.copy() for m in matrices]
    loss(1e-7)
    rows = 3 if MODELS[model]["bags"] else 1
    if MODELS[model]["sg"]:
        factor = max(1, rows - 1)  # skip-gram's bags are summed over their n-grams
    elif mean:
        factor = 4 * rows if classic else rows
    else:
        factor = 1 / (4 * rows) if classic else 1
    for k, (old, new) in enumerate(zip(before, matrices, strict=True)):
        if old is None:
            continue
        step = (new - old) / -1e-7
        new[:] = old
        for at in np.argwhere(np.abs(step).sum(axis=1))[:, 0].tolist():
            for d in range(2):
                sides = []
                for h in (1e-5, -1e-5):
                    new[at, d] = old[at, d] + h
                    sides.append(loss())
                new[at, d] = old[at, d]
                slope = (sides[0] - sides[1]) / 2e-5
                assert step[at, d] == pytest.approx(slope * (factor if k == 0 else 1), rel=1e-4, abs=1e-6)
        assert np.abs(step).sum() > 0


@EVERY_MODEL
@pytest.mark.parametrize("backend", [b for b in _backend.available() if b != "reference"])
def test_the_loss_is_the_twins(backend, model):
    """Of the same groups of the same rows."""
    case = Case(5, n_words=30, n_tokens=400, size=20, **MODELS[model], with_loss=True)
    found = []
    for name, dtype in ((backend, np.float32), ("reference", np.float64)):
        worker = case.worker(name, *case.matrices(dtype))
        for start in range(0, 400, 50):
            worker.train(start, start + 50, 1, 0.01, 0)
        found.append(worker.take_loss())
        assert worker.take_loss() == (0, 0)
    assert found[0][1] == found[1][1] > 0
    assert found[0][0] == pytest.approx(found[1][0], rel=0.01)


@pytest.mark.parametrize("model", ["sg-ns", "cbow-hs", "sg-ns-bags"])
def test_the_loss_of_the_sample_is_that_of_all(model, monkeypatch):
    """The mean over some groups, against the twin's mean over every group; the rest is chance."""
    case = Case(7, n_words=30, n_tokens=3000, size=20, **MODELS[model], with_loss=True)
    monkeypatch.setattr(_backend.load("reference", "train"), "LOSS_EVERY", 1)
    means = []
    for backend, step in ((_backend.available()[-1], 25), ("reference", 3000)):
        worker = case.worker(backend, *case.matrices())
        for start in range(0, 3000, step):
            worker.train(start, start + step, 1, 0.0, 0)
        loss, pairs = worker.take_loss()
        means.append(loss / pairs)
    assert means[0] == pytest.approx(means[1], rel=0.1)


@EVERY_MODEL
def test_the_loss_falls_and_is_told(model):
    seen = []
    options = {"alpha": 0.05, "compute_loss": True}
    first = build(model, SENTENCES, epochs=1, **options).get_latest_training_loss()
    trained = build(model, SENTENCES, epochs=20, progress=seen.append, **options)
    assert 0 < trained.get_latest_training_loss() < 0.95 * first
    assert seen[-1].loss == trained.get_latest_training_loss()
