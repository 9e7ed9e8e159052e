"""``fastvec phrases``: what it writes, its errors, and what Ctrl-C leaves."""

import gzip
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from fastvec import cli, formats, text
from fastvec.phrase_text import phrase_passes, write_joined
from fastvec.phrases import Phrases

LINES = [
    "we saw new york city",
    "new york city is big",
    "bank of  america in new york city",
    "",
    "the end",
] * 6
SENTENCES = [line.split() for line in LINES]
FAST = ["--min-count", "1", "--threshold", "1", "-q"]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_text("\n".join(LINES))
    return Path("in.txt")


def run(*arguments):
    return cli.run([str(a) for a in ("phrases", *arguments)])


def expected(passes, sentences, **options):
    for _ in range(passes):
        model = Phrases(sentences, min_count=1, threshold=1, **options)
        sentences = [model[sentence] for sentence in sentences]
    return sentences


@pytest.mark.parametrize("passes", [1, 2, 3])
@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_texts(corpus, monkeypatch, passes, block):
    monkeypatch.setattr(text, "BLOCK_BYTES", block)
    assert run(corpus, "-o", "out.txt", "--passes", passes, *FAST) == 0
    joined = expected(passes, SENTENCES)
    assert Path("out.txt").read_text() == "".join(" ".join(sentence) + "\n" for sentence in joined)
    assert sorted(p.name for p in Path().iterdir()) == ["in.txt", "out.txt"]


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_an_output_is_compressed_as_its_name_says(corpus, suffix):
    assert run(corpus, "-o", "out.txt", "--passes", 2, *FAST) == 0
    assert run(corpus, "-o", f"out{suffix}", "--passes", 2, *FAST) == 0
    assert not Path(f"out{suffix}").read_bytes().startswith(Path("out.txt").read_bytes()[:2])
    with formats.open_input(f"out{suffix}") as file:
        assert file.read() == Path("out.txt").read_bytes()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("passes", [1, 2])
def test_a_text_from_a_pipe(corpus, passes):
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(gzip.compress(corpus.read_bytes())))
    writer.start()
    assert run("pipe", "-o", "piped.txt", "--passes", passes, *FAST) == 0
    writer.join()
    assert run(corpus, "-o", "out.txt", "--passes", passes, *FAST) == 0
    assert Path("piped.txt").read_bytes() == Path("out.txt").read_bytes() != b""
    assert sorted(p.name for p in Path().iterdir()) == ["in.txt", "out.txt", "pipe", "piped.txt"]


def test_a_missing_package_is_missed_before_the_work(corpus, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    assert run(corpus, "-o", "out.zst", *FAST) == 1
    assert "fastvec[zstd]" in capsys.readouterr().err and not Path("out.zst").exists()


def test_passes_end_where_the_last_one_joined_nothing(corpus, capsys):
    corpus.write_text("a_b c\n" * 9 + corpus.read_text())  # a_b is found in each pass, and joined in none
    sentences = [["a_b", "c"]] * 9 + SENTENCES
    counts = [sum(map(len, expected(n, sentences))) for n in range(10)]
    needed = next(n for n in range(9) if counts[n] == counts[n + 1])
    assert run(corpus, "-o", "few.txt", "--passes", 1000, *FAST) == 0
    assert len(capsys.readouterr().out.splitlines()) == needed + 3  # two of the same length, and "saved"
    joined = "".join(" ".join(sentence) + "\n" for sentence in expected(9, sentences))
    assert Path("few.txt").read_text() == joined
    assert sorted(p.name for p in Path().iterdir()) == ["few.txt", "in.txt"]


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_one_huge_line_and_several_files(tmp_path, monkeypatch, block):
    monkeypatch.setattr(text, "BLOCK_BYTES", block)
    folder = tmp_path / "texts"
    folder.mkdir()
    one = " ".join(LINES)
    (folder / "a.txt").write_text(one)
    (folder / "b.gz").write_bytes(gzip.compress(one.encode() + b"\n"))
    connectors = {"of", "in"}
    out = tmp_path / "out.txt"
    phrase_passes(folder, out, 1, min_count=1, threshold=0.5, connector_words=connectors)
    model = Phrases([one.split()] * 2, min_count=1, threshold=0.5, connector_words=connectors)
    line = " ".join(model[one.split()]) + "\n"
    assert out.read_text() == 2 * line and "america_in_new" in line


def test_options(corpus, capsys):
    assert run(corpus, "-o", "o", "--scoring", "npmi", "--min-count", "1", "--delimiter", "+", "-q") == 0
    assert "new+york" in Path("o").read_text()
    assert run(corpus, "-o", "o", "--connector-words", "english", *FAST) == 0
    assert "bank_of_america" in Path("o").read_text() and "30 words" not in capsys.readouterr().err
    assert run(corpus, "-o", "o", "--connector-words", "of,in", *FAST) == 0


@pytest.mark.parametrize(
    "arguments, code, says",
    [
        (["nonesuch", "-o", "o"], 1, "nonesuch"),
        (["in.txt", "-o", "in.txt"], 2, "the joined text would overwrite"),
        (["in.txt", "-o", "o", "--delimiter", "\udcff"], 2, "--delimiter"),
        (["in.txt", "-o", "o", "--delimiter", " "], 2, "--delimiter"),
        (["in.txt", "-o", "o", "--delimiter", ""], 2, "--delimiter"),
        (["in.txt", "-o", "o", "--passes", "0"], 2, "passes"),
        (["in.txt", "-o", "o", "--threshold", "0"], 1, "threshold"),
        (["in.txt", "-o", "nowhere/o"], 1, "nowhere"),
        (["empty", "-o", "o"], 1, "no word"),
        (["bad", "-o", "o"], 1, "UTF-8"),
    ],
)
def test_errors_leave_nothing(corpus, capsys, arguments, code, says):
    Path("empty").touch()
    Path("bad").write_bytes(b"a b \xff\n")
    assert run(*arguments, "-q") == code
    assert says in capsys.readouterr().err
    assert sorted(p.name for p in Path().iterdir()) == ["bad", "empty", "in.txt"]


def test_a_scorer_in_python_must_be_frozen(corpus, tmp_path):
    def scorer(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
        return bigram_count

    model = Phrases(corpus, min_count=1, threshold=5, scoring=scorer)
    with (tmp_path / "o").open("w+b") as file:
        with pytest.raises(ValueError, match="freeze"):
            write_joined(model, corpus, file)
        write_joined(model.freeze(), corpus, file)
        file.seek(0)
        assert file.read().split(b"\n")[0].decode().split() == model[SENTENCES[0]]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_the_older_output(python, corpus):
    with corpus.open("w") as file:
        for i in range(400_000):
            file.write(f"w{i} x{i % 1000} new york city {i % 77}\n")
    Path("out.txt").write_text("older\n")
    process = python("-m", "fastvec", "phrases", corpus.resolve(), "-o", Path("out.txt").resolve(),
                     "--passes", 9, "-t", 1, wait=False)  # fmt: skip
    while process.poll() is None and not [p for p in Path().iterdir() if p.name.startswith(".fastvec-")]:
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert Path("out.txt").read_text() == "older\n"
    assert sorted(p.name for p in Path().iterdir()) == ["in.txt", "out.txt"]
