"""The command line's models: options of ``fastvec train``, what `info` tells of files, strings without a row."""

import signal
import sys
import time
from pathlib import Path

import numpy as np
import planted
import pytest

from fastvec import FastText, FastTextKeyedVectors, KeyedVectors, Word2Vec
from fastvec.subwords import Subwords

SENTENCES = planted.clusters(3, 6, sentences=300, length=8)
TEXT = "".join(" ".join(sentence) + "\n" for sentence in SENTENCES)
FAST = ["-d", "16", "-e", "3", "--min-count", "1", "--sample", "0", "--alpha", "0.05", "--threads", "1", "-q"]
SMALL = [*FAST, "--bucket", "500"]
MODELS = [
    ([], {"sg": 1}),
    (["--cbow"], {"sg": 0}),
    (["--hs"], {"sg": 1, "hs": 1, "negative": 0}),
    (["--hs", "--negative", "0"], {"sg": 1, "hs": 1, "negative": 0}),
    (["--hs", "--negative", "3"], {"sg": 1, "hs": 1, "negative": 3}),
    (["--cbow", "--hs"], {"sg": 0, "hs": 1, "negative": 0}),
    (["--cbow", "--cbow-sum"], {"sg": 0, "cbow_mean": 0}),
    (["--cbow", "--corrected"], {"sg": 0, "cbow_classic": False}),
    (["--cbow", "--cbow-sum", "--corrected"], {"sg": 0, "cbow_mean": 0, "cbow_classic": False}),
    (["--subwords", "--bucket", "500"], {"sg": 1, "bucket": 500}),
    (["--subwords", "--cbow", "--bucket", "500"], {"sg": 0, "bucket": 500}),
    (["--subwords", "--hs", "--bucket", "500"], {"sg": 1, "hs": 1, "negative": 0, "bucket": 500}),
    (
        ["--subwords", "--min-n", "2", "--max-n", "4", "--bucket", "500"],
        {"sg": 1, "min_n": 2, "max_n": 4, "bucket": 500},
    ),
]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text(TEXT)
    return "corpus.txt"


@pytest.fixture(scope="module")
def grams(tmp_path_factory):
    """A file with subwords."""
    path = tmp_path_factory.mktemp("grams") / "grams.fvec"
    FastText(SENTENCES, sg=1, vector_size=16, min_count=1, bucket=500, workers=1).wv.save(path)
    return str(path)


def trained(options):
    """The model that the options stand for."""
    kind = FastText if "bucket" in options else Word2Vec
    return kind(SENTENCES, vector_size=16, epochs=3, min_count=1, sample=0, alpha=0.05, workers=1, **options)


# ---- Training


@pytest.mark.parametrize("typed, options", MODELS, ids=lambda value: " ".join(map(str, value)))
def test_options_train_the_model_they_name(fastvec, corpus, typed, options):
    code, out, err = fastvec("train", corpus, "-o", "a.fvec", "--full", *FAST, *typed)
    assert code == 0 and err == "" and out.startswith("18 words x 16; ")
    expected, found = trained(options), Word2Vec.load("a.fvec")
    assert type(found) is type(expected)
    assert {**vars(found.config), "workers": 1} == vars(expected.config)
    np.testing.assert_array_equal(found.wv.vectors, expected.wv.vectors)
    assert found.train([["a_1", "a_2"]], total_examples=1, epochs=3)[0] == 6


@pytest.mark.parametrize("typed", [m[0] for m in MODELS], ids=" ".join)
def test_one_word(fastvec, corpus, typed):
    """Nothing can be learned of it; nothing may break."""
    Path("one.txt").write_text("word\n")
    code, out, err = fastvec("train", "one.txt", "-o", "a.fvec", *FAST, *typed)
    assert (code, err) == (0, "") and out.startswith("1 word x 16; ")
    wv = KeyedVectors.load("a.fvec", verify=True)
    assert list(wv.index_to_key) == ["word"] and np.isfinite(wv.vectors).all()
    assert fastvec("similar", "a.fvec", "word") == (0, "word\n", "")


@pytest.mark.parametrize("typed", [m[0] for m in MODELS], ids=" ".join)
def test_no_word(fastvec, corpus, typed):
    Path("empty.txt").touch()
    code, out, err = fastvec("train", "empty.txt", "-o", "a.fvec", *FAST, *typed)
    assert (code, out) == (1, "") and err.startswith("fastvec: ") and "empty.txt" in err
    assert err.count("\n") == 1 and not Path("a.fvec").exists()


def test_both_objectives_are_trained_without_a_word(python, corpus):
    """The library's log warns of them; here both were typed."""
    done = python("-m", "fastvec", "train", corpus, "-o", "a.fvec", *FAST, "--hs", "--negative", "3")
    assert (done.returncode, done.stderr) == (0, "")


def test_vectors_alone_are_saved_with_their_n_grams(fastvec, corpus):
    assert fastvec("train", corpus, "-o", "a.fvec", "--subwords", *SMALL)[0] == 0
    wv = KeyedVectors.load("a.fvec", verify=True)
    assert isinstance(wv, FastTextKeyedVectors) and wv.bucket == 500
    np.testing.assert_array_equal(
        wv.get_vector("a_11"), trained({"sg": 1, "bucket": 500}).wv.get_vector("a_11")
    )


@pytest.mark.parametrize(
    "typed, says",
    [
        ("--negative 0", "--negative 0: there is nothing to train without noise words"),
        ("--cbow-sum", "--cbow-sum: it is about CBOW; add --cbow"),
        ("--corrected", "--corrected: it is about CBOW; add --cbow"),
        ("--hs --corrected", "--corrected: it is about CBOW; add --cbow"),
        ("--min-n 2", "--min-n: it is about n-grams; add --subwords"),
        ("--max-n 5", "--max-n: it is about n-grams; add --subwords"),
        ("--cbow --bucket 100", "--bucket: it is about n-grams; add --subwords"),
        ("--subwords --min-n 7", "--min-n 7: no n-gram has a length of 7 ... 6"),
        ("--subwords --min-n 4 --max-n 3", "--min-n 4 --max-n 3: no n-gram has a length of 4 ... 3"),
        ("--subwords --max-n 0", "--max-n 0: no n-gram has a length of 3 ... 0"),
        ("--subwords --bucket 0", "--bucket 0: "),
        ("--subwords --min-n -1", "--min-n -1: it must lie in 0 ... "),
        ("--subwords --bucket 9999999999", "--bucket 9999999999: it must lie in 0 ... "),
        ("--hs --negative -1", "--negative -1: it must lie in 0 ... 60"),
        ("--subwords --window 0", "--window 0: it must lie in"),
    ],
)
def test_contradictions(fastvec, corpus, typed, says):
    code, out, err = fastvec("train", corpus, "-o", "a.fvec", *typed.split())
    assert code == 2 and out == "" and "Usage:" in err and f"Error: {says}" in err
    assert not Path("a.fvec").exists()


def test_the_help_names_the_defaults_of_subwords(fastvec):
    text = " ".join(fastvec("train", "--help")[1].split())
    for name, value in Subwords().to_metadata().items():
        part = text.partition(f"--{name.replace('_', '-')} INTEGER")[2]
        assert part.partition("[default: ")[2].startswith(value), name
    assert "[default: skip-gram]" in text


def test_the_summary_shows_the_loss_where_it_is_measured(fastvec, corpus):
    for options in ([], ["--cbow"], ["--hs"], ["--subwords", "--bucket", "500"]):
        plain = fastvec("train", corpus, "-o", "a.fvec", *FAST, *options)[1]
        measured = fastvec("train", corpus, "-o", "b.fvec", "--loss", *FAST, *options)[1]
        assert "loss" not in plain
        loss = float(measured.splitlines()[0].rpartition(", loss ")[2])
        assert 0 < loss < 10


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("full", [[], ["--full"]])
def test_ctrl_c_saves_subwords(python, corpus, tmp_path, full):
    options = ["--subwords", *SMALL, "-e", str(2**31), "--alpha", "0.02", "--log", "log.csv", *full]
    process = python("-m", "fastvec", "train", corpus, "-o", "a.fvec", *options, wait=False)
    log = tmp_path / "log.csv"
    while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") > 1):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err and "saved a.fvec" in out
    assert "fastvec: training was interrupted after" in err
    wv = KeyedVectors.load(tmp_path / "a.fvec", verify=True)
    assert isinstance(wv, FastTextKeyedVectors) and np.isfinite(wv.get_vector("a_11")).all()
    before = wv.vectors.copy()
    wv.adjust_vectors()
    np.testing.assert_array_equal(wv.vectors, before, err_msg="what was saved is what the rows make")


# ---- Questions


def test_similar_to_a_string_outside_the_vocabulary(fastvec, grams):
    code, out, err = fastvec("similar", grams, "a_11", "b_1", "b_22", "-k", 3)
    assert code == 0
    assert err.splitlines() == [
        "fastvec: 'a_11' is not in the vocabulary; it has 10 n-grams",
        "fastvec: 'b_22' is not in the vocabulary; it has 10 n-grams",
    ]
    lines = out.splitlines()
    assert lines[::4] == ["a_11", "b_1", "b_22"] and len(lines) == 12
    expected = KeyedVectors.load(grams).most_similar("a_11", topn=3)
    assert [line.split() for line in lines[1:4]] == [[word, f"{score:.4f}"] for word, score in expected]


def test_analogy_of_strings_outside_the_vocabulary(fastvec, grams):
    code, out, err = fastvec("analogy", grams, "a_11", "b_1", "a_11", "-k", 2)
    assert code == 0 and out.startswith("a_11 is to b_1 as a_11 is to\n") and out.count("\n") == 3
    assert err == "fastvec: 'a_11' is not in the vocabulary; it has 10 n-grams\n", "once"
    assert fastvec("similar", grams, "a_1")[2] == ""


@pytest.mark.parametrize("word", ["", "</s>", "\udcff", "x\udcff\udcff"])
@pytest.mark.parametrize("command", ["similar {} a_1 {}", "analogy {} a_1 b_1 {}"])
def test_strings_without_n_grams(fastvec, grams, command, word):
    arguments = [part.replace("{}", word) for part in command.replace("{}", grams, 1).split(" ")]
    code, out, err = fastvec(*arguments)
    assert (code, out) == (1, "") and err.count("\n") == 1 and err.startswith("fastvec: ")
    assert "n-grams" in err


def test_a_string_too_short_for_n_grams(fastvec, tmp_path):
    FastText(SENTENCES, vector_size=8, min_count=1, min_n=5, bucket=50, workers=1).wv.save(tmp_path / "a")
    code, out, err = fastvec("similar", tmp_path / "a", "ab")
    assert (code, out) == (1, "")
    assert (
        err == f"fastvec: 'ab' is not among the 18 words of {tmp_path / 'a'}, and has no n-grams of 5 ... 6\n"
    )


def test_strings_where_subwords_are_off(fastvec, tmp_path):
    model = FastText(SENTENCES, vector_size=8, min_count=1, max_n=0, workers=1)
    model.wv.save(tmp_path / "off")
    model.wv.save(tmp_path / "plain", ngrams=False)
    for name in ("off", "plain"):
        code, out, err = fastvec("similar", tmp_path / name, "A_1")
        assert (code, out) == (1, "")
        assert err == f"fastvec: 'A_1' is not among the 18 words of {tmp_path / name}; 'a_1' is\n"


def test_letters_beyond_ascii(fastvec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ko.txt").write_text("나는 밥을 먹는다\n너는 밥을 먹었다\n우리는 학교에 간다\n" * 30, "utf-8")
    options = ["--subwords", "--min-n", "1", "--max-n", "3", *SMALL]
    assert fastvec("train", "ko.txt", "-o", "ko.fvec", *options)[0] == 0
    code, out, err = fastvec("similar", "ko.fvec", "밥", "-k", 1)
    word, _ = KeyedVectors.load("ko.fvec").most_similar("밥", topn=1)[0]
    assert code == 0 and out.startswith(f"밥\n  {word}  ")
    assert err == "fastvec: '밥' is not in the vocabulary; it has 4 n-grams\n"


# ---- Information


@pytest.mark.parametrize(
    "typed, kind",
    [
        ("", "skip-gram, negative sampling"),
        ("--cbow", "CBOW, negative sampling"),
        ("--hs", "skip-gram, hierarchical softmax"),
        ("--cbow --hs -n 2", "CBOW, negative sampling, hierarchical softmax"),
        ("--subwords --bucket 50", "skip-gram, negative sampling, subwords"),
        ("--subwords --bucket 50 --cbow --hs", "CBOW, hierarchical softmax, subwords"),
    ],
)
@pytest.mark.parametrize("full", [[], ["--full"]])
def test_info(fastvec, corpus, typed, kind, full):
    fastvec("train", corpus, "-o", "a.fvec", *FAST, *typed.split(), *full)
    code, out, err = fastvec("info", "a.fvec")
    lines = out.splitlines()
    assert (code, err) == (0, "") and f"model: {kind}" in lines
    subwords = "--subwords" in typed
    assert ("subwords: min_n=3, max_n=6, bucket=50" in lines) == subwords
    assert len({line.partition(":")[0] for line in lines}) == len(lines), "nothing is told twice"
    loader = "FastText" if subwords else "Word2Vec"
    alone = "word vectors, and those of n-grams" if subwords else "word vectors alone"
    held = f"the whole model; fastvec.{loader}.load goes on training" if full else alone
    assert f"holds: {held}" in lines


def test_info_of_other_files(fastvec, grams, tmp_path):
    KeyedVectors.load(grams).save_word2vec_format(tmp_path / "a.txt")
    KeyedVectors.load(grams).save(tmp_path / "a.fvec", ngrams=False)
    for name in ("a.txt", "a.fvec"):
        code, out, _ = fastvec("info", tmp_path / name)
        assert code == 0 and "holds: word vectors alone" in out and "bucket" not in out
