"""The command line: what it prints and writes, its exit codes, its errors of one line."""

import contextlib
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import click
import numpy as np
import planted
import pytest

from fastvec import KeyedVectors, Word2Vec, cli
from fastvec._version import __version__
from fastvec.errors import TrainingError

TEXT = "".join(" ".join(sentence) + "\n" for sentence in planted.clusters(3, 6, sentences=300, length=8))
FAST = ["-d", "16", "-e", "3", "--min-count", "1", "--sample", "0", "--alpha", "0.05", "-t", "1", "-q"]
NOT_WINDOWS = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals, pipes and permissions")


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text(TEXT)
    return "corpus.txt"


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "words.fvec"
    sentences = [line.split() for line in TEXT.splitlines()]
    Word2Vec(sentences, min_count=1, vector_size=16, epochs=5, sample=0, alpha=0.05, workers=1).wv.save(path)
    return str(path)


def one_line(code, out, err):
    """Whether this is the answer to something wrong: code 1 and one line that names the program."""
    return code == 1 and err.count("\n") == 1 and err.startswith("fastvec: ") and "Traceback" not in err


# ---- Train


def test_train(fastvec, corpus):
    code, out, err = fastvec("train", corpus, "-o", "words.fvec", *FAST)
    assert code == 0 and err == ""
    assert "18 words x 16; trained on 7,200 of 7,200 words" in out and "saved words.fvec" in out
    wv = KeyedVectors.load("words.fvec", verify=True)
    assert wv.vectors.shape == (18, 16) and planted.purity(wv) > 0.9
    assert sorted(p.name for p in Path().iterdir()) == ["corpus.txt", "words.fvec"]


def test_the_same_seed_writes_the_same_file(fastvec, corpus):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert fastvec("train", corpus, "-o", name, "--seed", seed, *FAST)[0] == 0
    assert Path("a").read_bytes() == Path("b").read_bytes() != Path("c").read_bytes()


def test_options_reach_the_model(fastvec, corpus):
    options = (
        "-d 8 -w 3 -n 4 -e 2 --min-count 2 --max-final-vocab 7 --sample 0.5 --ns-exponent 0.6 --alpha 0.03"
    )
    options += " --min-alpha 0.002 --seed 5"
    assert fastvec("train", corpus, "-o", "a.fvec", "-q", *options.split())[0] == 0
    parameters = fastvec("info", "a.fvec")[1]
    for expected in (
        "7 words x 8", "window=3", "negative=4", "epochs=2", "sample=0.5", "ns_exponent=0.6", "alpha=0.03",
        "min_alpha=0.002", "seed=5",
    ):  # fmt: skip
        assert expected in parameters


def test_the_whole_model_is_saved_on_demand(fastvec, corpus):
    assert fastvec("train", corpus, "-o", "whole.fvec", "--full", *FAST)[0] == 0
    assert Word2Vec.load("whole.fvec").train([["a_1", "a_2"]], total_examples=1, epochs=3)[0] == 6


def test_errors_in_the_text(fastvec, corpus):
    Path("bad.txt").write_bytes(TEXT.encode() + b"ok\n\xff no\n")
    answer = fastvec("train", "bad.txt", "-o", "a.fvec", *FAST)
    assert one_line(*answer) and "bad.txt, line 302: byte 0xff is not UTF-8" in answer[2]
    assert fastvec("train", "bad.txt", "-o", "a.fvec", *FAST, "--errors", "replace")[0] == 0


def test_progress_tells_speed_epoch_and_time(fastvec, corpus, monkeypatch):
    arguments = ["train", corpus, "-o", "a.fvec", *FAST[:-1]]
    assert fastvec(*arguments)[2] == "", "no bar where no terminal sees it"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, _, err = fastvec(*arguments)
    assert code == 0 and "reading" in err and "training" in err and "words/s" in err and "epoch 3/3" in err


def test_binary_garbage(fastvec, corpus):
    Path("garbage").write_bytes(np.random.default_rng(1).bytes(100_000))
    for arguments in (
        ["train", "garbage", "-o", "a.fvec"],
        ["demo", "--corpus", "garbage", "-o", "a.fvec", "-q"],
    ):
        answer = fastvec(*arguments, *(FAST if arguments[0] == "train" else []))
        assert one_line(*answer) and "garbage, line " in answer[2] and "is not UTF-8" in answer[2]
        assert not Path("a.fvec").exists()


@pytest.mark.parametrize("text", ["", "\n\n", "rare words\n"])
def test_too_little_text(fastvec, corpus, text):
    Path("little.txt").write_text(text)
    answer = fastvec("train", "little.txt", "-o", "a.fvec", "-q")
    assert one_line(*answer) and "little.txt" in answer[2] and not Path("a.fvec").exists()


def test_overflow_is_not_saved(fastvec, corpus, monkeypatch):
    from fastvec import word2vec

    def overflow(*_, **__):
        raise TrainingError("the vectors grew beyond all bounds; train again with a smaller alpha")

    monkeypatch.setattr(word2vec, "train", overflow)
    Path("a.fvec").write_bytes(b"old")
    answer = fastvec("train", corpus, "-o", "a.fvec", *FAST)
    assert one_line(*answer) and "train again with a smaller alpha" in answer[2]
    assert Path("a.fvec").read_bytes() == b"old"


# ---- Wrong usage: code 2


@pytest.mark.parametrize(
    "arguments",
    [
        "--no-such-option",
        "no-such-command",
        "train",
        "train corpus.txt",
        "train corpus.txt -o a.fvec --window 0",
        "train corpus.txt -o a.fvec --window five",
        "train corpus.txt -o a.fvec --vector-size -3",
        "train corpus.txt -o a.fvec --alpha nan",
        "train corpus.txt -o a.fvec --workers 0",
        "train corpus.txt -o a.fvec --min-count 0",
        "train corpus.txt -o a.fvec --errors whatever",
        "train corpus.txt -o corpus.txt",
        "train corpus.txt -o ./corpus.txt",
        "demo --corpus corpus.txt -o corpus.txt",
        "similar",
        "similar a.fvec",
        "similar a.fvec word -k 0",
        "analogy a.fvec one two",
        "eval a.fvec",
    ],
)
def test_wrong_usage(fastvec, corpus, arguments):
    code, out, err = fastvec(*arguments.split())
    assert code == 2 and "Usage:" in err and "Error:" in err and out == ""
    assert Path("corpus.txt").read_text() == TEXT, "the corpus is not touched"


def test_no_arguments_show_the_help(fastvec):
    code, out, err = fastvec()
    assert code in (0, 2) and "Commands:" in out + err


@pytest.mark.parametrize("command", ["train texts", "demo --corpus texts"])
@pytest.mark.parametrize("output", ["texts/words.fvec", "./texts/../texts/new"])
def test_output_among_the_corpus(fastvec, tmp_path, monkeypatch, command, output):
    monkeypatch.chdir(tmp_path)
    Path("texts").mkdir()
    Path("texts/a.txt").write_text(TEXT)
    code, _, err = fastvec(*command.split(), "-o", output)
    assert code == 2 and "a part of the corpus" in err and len(list(Path("texts").iterdir())) == 1


def test_errors_name_options_not_arguments(fastvec, corpus):
    assert "Error: --window 0: it must lie in" in fastvec("train", corpus, "-o", "a.fvec", "--window", 0)[2]
    Path("bad.txt").write_bytes(b"\xff\n")
    assert "--errors replace" in fastvec("train", "bad.txt", "-o", "a.fvec", *FAST)[2]
    assert "--min-count 5000" in fastvec("train", corpus, "-o", "a.fvec", *FAST, "--min-count", 5000)[2]
    assert cli.as_options("seed=1.txt, line 2: alpha=0.5") == "--seed 1.txt, line 2: --alpha 0.5"
    assert cli.as_options("a/seed=1 x_alpha=2") == "a/seed=1 x_alpha=2"


# ---- Files that are not there, or not right: code 1


@pytest.mark.parametrize(
    "arguments",
    [
        "train nothing.txt -o a.fvec",
        "demo --corpus nothing.txt -o a.fvec",
        "similar nothing.txt word",
        "analogy nothing.txt a b c",
        "info nothing.txt",
        "eval nothing.txt --pairs nothing.txt",
    ],
)
def test_missing_files(fastvec, corpus, arguments):
    answer = fastvec(*arguments.split())
    assert one_line(*answer) and "nothing.txt: no such file" in answer[2].lower()


@pytest.mark.parametrize("command", ["train corpus.txt", "demo"])
@pytest.mark.parametrize(
    "output, says",
    [
        (".", "is a directory"),
        ("nowhere/a.fvec", "cannot be written: No such file"),
        ("corpus.txt/a.fvec", "cannot be written: "),
    ],
)
def test_outputs_that_cannot_be_written_are_found_before_the_work(
    fastvec, corpus, command, output, says, monkeypatch
):
    monkeypatch.setattr("fastvec.word2vec.Word2Vec.__init__", lambda *_, **__: pytest.fail("it went to work"))
    monkeypatch.setattr("fastvec.demo.python_documentation", lambda: pytest.fail("it went to work"))
    answer = fastvec(*command.split(), "-o", output, "-q")
    assert one_line(*answer) and says in answer[2] and "-o" in answer[2]


@NOT_WINDOWS
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_output_in_a_directory_without_permission(fastvec, corpus):
    Path("closed").mkdir(mode=0o500)
    answer = fastvec("train", corpus, "-o", "closed/a.fvec")
    assert one_line(*answer) and "Permission denied" in answer[2]


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs /dev/null")
def test_output_to_a_device(fastvec, corpus):
    assert fastvec("train", corpus, "-o", "/dev/null", *FAST)[0] == 0
    assert not Path("/dev/null").is_file()


def test_what_is_no_fvec_file(fastvec, corpus):
    Path("words.fvec").write_text(TEXT)
    for arguments in (["similar", "words.fvec", "a"], ["info", "words.fvec"], ["info", "."]):
        assert one_line(*fastvec(*arguments)), arguments


def test_no_memory(fastvec, corpus, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("fastvec.word2vec.Word2Vec.__init__", fail)
    answer = fastvec("train", corpus, "-o", "a.fvec", *FAST)
    assert one_line(*answer) and "--vector-size" in answer[2]


# ---- Questions


def test_similar(fastvec, vectors):
    code, out, err = fastvec("similar", vectors, "a_1", "b_2", "-k", 3)
    lines = out.splitlines()
    assert code == 0 and err == "" and len(lines) == 8
    assert lines[0] == "a_1" and all(line.startswith("  a_") for line in lines[1:4])
    assert lines[4] == "b_2" and all(line.startswith("  b_") for line in lines[5:])
    word, score = lines[1].split()
    assert float(score) == pytest.approx(KeyedVectors.load(vectors).similarity("a_1", word), abs=1e-4)


def test_unknown_words(fastvec, vectors):
    answer = fastvec("similar", vectors, "nonesuch")
    assert one_line(*answer) and "nonesuch" in answer[2]
    answer = fastvec("analogy", vectors, "a_1", "b_1", "nonesuch")
    assert one_line(*answer) and "nonesuch" in answer[2]


def test_unknown_words_are_found_before_anything_is_printed(fastvec, vectors):
    for arguments in (["similar", vectors, "a_1", "A_2"], ["analogy", vectors, "a_1", "b_1", "A_2"]):
        code, out, err = fastvec(*arguments)
        assert code == 1 and out == ""
        assert err == f"fastvec: 'A_2' is not among the 18 words of {vectors}; 'a_2' is\n"
    assert "'x y' is not among the 18 words of" in fastvec("similar", vectors, "x y")[2]


def test_analogy(fastvec, vectors):
    """a is to b as c is to: b - a + c."""
    code, out, _ = fastvec("analogy", vectors, "a_1", "b_1", "a_2", "-k", 1)
    expected = KeyedVectors.load(vectors).most_similar(["b_1", "a_2"], ["a_1"], topn=1)[0]
    assert code == 0
    assert out.splitlines() == ["a_1 is to b_1 as a_2 is to", f"  {expected[0]}  {expected[1]:.4f}"]


def test_evaluation(fastvec, vectors, tmp_path):
    analogies, pairs = tmp_path / "analogies.txt", tmp_path / "pairs.tsv"
    analogies.write_text(": all\na_1 a_2 b_1 b_2\na_1 nonesuch b_1 b_2\n")
    pairs.write_text("a_1\ta_2\t9\na_1\tb_2\t2\na_3\tb_5\t1\nnonesuch\tb_1\t3\n")
    code, out, err = fastvec("eval", vectors, "--analogies", analogies, "--pairs", pairs)
    assert code == 0 and err == ""
    first, second = out.splitlines()
    assert first.startswith(f"{analogies}: ") and "of 1 question with" in first
    assert second.startswith(f"{pairs}: Spearman ") and "25.0 % of the pairs left out" in second


def test_evaluation_without_a_known_word_is_an_error(fastvec, vectors, tmp_path):
    analogies, pairs = tmp_path / "analogies.txt", tmp_path / "pairs.tsv"
    analogies.write_text(": all\na_1 nonesuch b_1 b_2\nno no no no\n")
    pairs.write_text("no\tb_1\t3\n" * 3)
    answer = fastvec("eval", vectors, "--analogies", analogies)
    assert one_line(*answer) and f"{analogies}: all four words are known in 0 of 2 questions" in answer[2]
    answer = fastvec("eval", vectors, "--pairs", pairs)
    assert one_line(*answer) and "both words are known in 0 of 3 pairs" in answer[2]


@pytest.mark.parametrize("mark", ["\t", ",", " ", ", ", "   "])
def test_evaluation_of_files_of_other_dress(fastvec, vectors, tmp_path, mark):
    analogies, pairs = tmp_path / "analogies.txt", tmp_path / "pairs"
    analogies.write_text("a_1 a_2 b_1 b_2\n: more\na_1 a_2 b_1 b_3\n")
    rows = ["word1 word2 score", "a_1 a_2 9", "a_1 b_2 2", "a_3 b_5 1", "no b_1 3"]
    pairs.write_text("".join(row.replace(" ", mark) + "\n" for row in rows))
    code, out, err = fastvec("eval", vectors, "--analogies", analogies, "--pairs", pairs)
    assert code == 0 and err == "" and "of 2 questions" in out and "25.0 % of the pairs left out" in out
    pairs.write_text("".join(row.replace(" ", mark) + "\n" for row in rows[:3]))
    answer = fastvec("eval", vectors, "--pairs", pairs)
    assert one_line(*answer) and "both words are known in 2 of 2 pairs, and 3 are needed" in answer[2]
    pairs.write_text("a_1 a_2 1\na_1 a_3 1\na_1 b_1 1\n")
    assert "no correlation, since" in fastvec("eval", vectors, "--pairs", pairs)[1]


def test_the_summary_tells_how_much_of_the_text_is_known(fastvec, corpus):
    Path("a.txt").write_text("one two three\n" + "one two\n" * 9)
    out = fastvec("train", "a.txt", "-o", "a.fvec", "-q")[1]
    assert out.startswith("2 words x 100 (20 known words of 21 in the text); trained on ")


def test_info(fastvec, vectors):
    code, out, _ = fastvec("info", vectors)
    assert code == 0 and "18 words x 16, float32" in out and "vector_size=16" in out
    code, out, _ = fastvec("info")
    assert code == 0 and f"fastvec {__version__}" in out and "backend: " in out


@pytest.mark.parametrize(
    "name, binary",
    [
        ("v.txt", False), ("v.vec", False), ("v.bin", True), ("v.txt.gz", False), ("x.bin", False), ("x.txt", True),
        ("x.bin.gz", True), ("none", False), ("nothing", True), ("x.fvec", False),
    ],
)  # fmt: skip
def test_vectors_in_word2vec_formats(fastvec, vectors, tmp_path, name, binary):
    KeyedVectors.load(vectors).save_word2vec_format(tmp_path / name, binary=binary)
    code, out, _ = fastvec("similar", tmp_path / name, "a_1", "-k", 1)
    assert code == 0 and out == fastvec("similar", vectors, "a_1", "-k", 1)[1]


@pytest.mark.parametrize("name", ["py.txt.fvec", "words.bin", "words.txt", "words"])
def test_vectors_under_any_name(fastvec, vectors, tmp_path, name):
    (tmp_path / name).write_bytes(Path(vectors).read_bytes())
    assert fastvec("similar", tmp_path / name, "a_1", "-k", 1)[0] == 0


@pytest.mark.parametrize("raw", [b"", b"a text of words\n", b"100 100\n{"[:8], b"\x1f\x8b\x08", bytes(100)])
def test_files_that_hold_no_vectors(fastvec, tmp_path, raw):
    (tmp_path / "a.bin").write_bytes(raw)
    answer = fastvec("info", tmp_path / "a.bin")
    assert one_line(*answer) and "a.bin: " in answer[2]


# ---- Help


def test_help(fastvec):
    code, out, _ = fastvec("--help")
    assert code == 0 and "fastvec demo" in out and "fastvec train corpus.txt -o words.fvec" in out
    assert fastvec("--version")[1].split()[-1] == __version__


def test_help_shows_the_defaults(fastvec):
    assert fastvec("train", "--help")[1].count("[default:") == 16
    assert "[default: 10;" in fastvec("similar", "--help")[1]


@pytest.mark.parametrize("command", sorted(cli.cli.commands))
def test_every_command_shows_an_example_that_is_right(fastvec, command):
    code, out, _ = fastvec(command, "--help")
    assert code == 0 and f"Example: fastvec {command}" in out
    example = shlex.split(
        cli.cli.commands[command].epilog.partition("(")[0].removeprefix("Example: fastvec ")
    )
    with click.Context(cli.cli) as context:
        cli.cli.commands[command].make_context(command, example[1:], parent=context)


# ---- Processes


def test_as_a_process(python, vectors):
    done = python("-m", "fastvec", "similar", vectors, "a_1", "-k", 1)
    assert done.returncode == 0 and done.stdout.startswith("a_1\n  a_") and done.stderr == ""
    done = python("-m", "fastvec", "similar", vectors, "nonesuch")
    assert done.returncode == 1 and done.stderr.count("\n") == 1


def test_terminals_without_the_letters(python, tmp_path):
    Word2Vec([["größer", "日本"]] * 9, vector_size=4).wv.save(tmp_path / "a.fvec")
    done = python("-m", "fastvec", "similar", "a.fvec", "日本", "-k", 1, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0 and done.stdout.startswith("\\u65e5\\u672c\n  gr\ufffd\ufffder  ")


@NOT_WINDOWS
def test_broken_pipe(python, vectors):
    process = python("-m", "fastvec", "similar", vectors, *["a_1"] * 20_000, "-k", "17", wait=False)
    assert process.stdout.readline() == "a_1\n"
    process.stdout.close()
    assert process.wait(60) == 1 and process.stderr.read() == ""


SLOW = "import runpy, time, fastvec.store as s; save = s.save_vectors\n"
SLOW += "s.save_vectors = lambda *a, **k: (time.sleep(0.2), save(*a, **k))\n"
SLOW += "runpy.run_module('fastvec', run_name='__main__')"


@NOT_WINDOWS
@pytest.mark.parametrize("before", [False, True])
def test_ctrl_c_saves_what_was_learned(python, corpus, tmp_path, before):
    """However often it is pressed; an older file stays."""
    import pty
    import termios

    if before:
        (tmp_path / "half.fvec").write_bytes(b"old")
    arguments = ["train", corpus, "-o", "half.fvec", *FAST[:-1], "-e", str(2**31), "--alpha", "0.02"]
    master, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    start = f"import os; os.dup2(os.open({os.ttyname(terminal)!r}, os.O_RDWR | os.O_NOCTTY), 2)\n"
    process = python("-c", start + SLOW, *arguments, wait=False)
    seen = b""
    while b"training" not in seen:
        seen += os.read(master, 1)
    for _ in range(10):
        process.send_signal(signal.SIGINT)
        time.sleep(0.005)
    out, _ = process.communicate(timeout=60)
    os.close(terminal)
    with contextlib.suppress(OSError):  # Linux's answer where no one holds the other end any more
        while more := os.read(master, 1000):
            seen += more
    os.close(master)
    err = seen.decode()
    assert process.returncode == 130 and "Traceback" not in err
    # No line break is asked for before it: a second Ctrl-C may come while the bar is being closed.
    assert "fastvec: training was interrupted after" in err
    assert "%|" not in err.rpartition("fastvec: ")[2]
    assert "of 5,153,960,755,200 words" in out
    if before:
        assert "saved half.interrupted.fvec, and left the older half.fvec as it was" in out
        assert (tmp_path / "half.fvec").read_bytes() == b"old"
    else:
        assert "saved half.fvec (" in out
    wv = KeyedVectors.load(tmp_path / ("half.interrupted.fvec" if before else "half.fvec"), verify=True)
    assert len(wv) == 18 and np.isfinite(wv.vectors).all()


@NOT_WINDOWS
def test_ctrl_c_before_training_saves_nothing(python, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = python("-m", "fastvec", "train", "pipe", "-o", "a.fvec", wait=False)
    with (tmp_path / "pipe").open("wb"):  # the text never comes
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err and "interrupted" in err
    assert not (tmp_path / "a.fvec").exists()
