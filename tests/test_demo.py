"""The demo: what it gathers, what it shows, and that the commands it names work."""

import shlex
import sys
import types
from pathlib import Path

import numpy as np
import planted
import pytest

from fastvec import KeyedVectors, cli, demo
from fastvec.words import WordTable

MODULE = '''
"""The first line: a list of integers.

    >>> code = here
"""

def f():
    r"""It doesn't return anything; see also `the-other` one."""
    return """no docstring at all, since it begins no line"""
'''


def keyed(words):
    return KeyedVectors._from_parts(WordTable.from_words(words), np.ones((len(words), 2), np.float32))


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Let the demo look through these files alone."""
    files = []
    monkeypatch.setattr(demo, "_sources", lambda: iter(files))
    monkeypatch.setitem(
        sys.modules, "pydoc_data.topics", types.SimpleNamespace(topics={"a": "One topic is here."})
    )
    return files


def test_sentences_of_docstrings(sources, tmp_path):
    (tmp_path / "a.py").write_text(MODULE)
    (tmp_path / "b.py").write_text(MODULE)
    (tmp_path / "c.py").write_bytes(b'"""latin-1: \xff is not UTF-8"""')
    sources += [tmp_path / "a.py", tmp_path / "b.py", tmp_path / "c.py", tmp_path / "gone.py"]
    assert demo.python_documentation() == [
        ["one", "topic", "is", "here"],
        ["the", "first", "line"],
        ["a", "list", "of", "integers"],
        ["it", "doesn't", "return", "anything"],
        ["see", "also", "the-other", "one"],
    ]


def test_a_bound_on_what_is_read(sources, tmp_path, monkeypatch):
    for name in "abc":
        (tmp_path / name).write_text(f'"""Only the files {name} that fit."""')
        sources.append(tmp_path / name)
    monkeypatch.setattr(demo, "MAX_BYTES", 70)
    assert [words[3] for words in demo.python_documentation()[1:]] == ["a", "b"]


def test_python_without_its_topics(sources, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    assert demo.python_documentation() == []


def test_the_sources_are_the_standard_library_then_the_packages():
    paths = list(demo._sources())
    assert len(paths) == len(set(paths)) and len(paths) > 500
    names = [path.as_posix() for path in paths]
    site = [i for i, name in enumerate(names) if "/site-packages/" in name]
    library = [i for i, name in enumerate(names) if name.endswith(("/argparse.py", "/json/__init__.py"))]
    assert library and (not site or library[0] < site[0]) and not [n for n in names if "/test/" in n]


def test_documentation_of_this_python(monkeypatch, tmp_path, capsys):
    """A part of the real one: it trains, shows words that mean something, and saves."""
    monkeypatch.setattr(demo, "MAX_BYTES", 4_000_000)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["demo", "-q"]) == 0
    out = capsys.readouterr().out
    assert "words of Python's documentation" in out and "words/s" in out and "saved fastvec-demo.fvec" in out
    shown = [line.split(":")[0].strip() for line in out.splitlines() if line.count(", ") == 5]
    assert set(shown) <= set(demo.PROGRAMMERS_WORDS) and len(shown) >= 3
    wv = KeyedVectors.load("fastvec-demo.fvec")
    assert wv.similarity("file", "directory") > wv.similarity("file", "integer")


def test_own_text_and_the_commands_to_type_next(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    Path("my notes.txt").write_text("".join(" ".join(s) + "\n" for s in planted.clusters(sentences=200)))
    assert cli.run(["demo", "--corpus", "my notes.txt", "-o", "my vectors.fvec", "-q"]) == 0
    out = capsys.readouterr().out
    assert "48 words x 100" in out
    *_, similar, another, train = out.splitlines()
    for line in (similar, another):
        program, *arguments = shlex.split(line)
        assert program == "fastvec" and cli.run(arguments) == 0
    assert train == "  fastvec train your-text.txt -o words.fvec"


@pytest.mark.parametrize("text", ["a b\n" * 5, "it's it's (a) (a)\n", "a\n" * 2])
def test_the_shortest_texts(monkeypatch, tmp_path, capsys, text):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(text)
    assert cli.run(["demo", "--corpus", "a.txt", "-q"]) == 0
    similar = next(line for line in capsys.readouterr().out.splitlines() if "fastvec similar" in line)
    assert cli.run(shlex.split(similar)[1:]) == 0


def test_a_text_without_a_repeated_word(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    Path("short.txt").write_text("every word once\n")
    assert cli.run(["demo", "--corpus", "short.txt"]) == 1
    says = capsys.readouterr().err
    assert "no word occurs 2 times" in says
    assert cli.run(shlex.split(says.partition("train with fastvec ")[2])) == 0, "the command that it names"


def test_options_follow_the_size_of_the_text(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a", "sub/b"):
        (tmp_path / name).write_bytes(bytes(3_000_000))
    assert demo.own_text_options(tmp_path / "a")["min_count"] == 2
    assert demo.own_text_options(tmp_path)["min_count"] == 5


def test_words_to_show():
    words = [f"word{i}" for i in range(400)]
    assert demo.words_to_show(keyed([*words, "list", "file"]), ["file", "none", "list"]) == ["file", "list"]
    assert demo.words_to_show(keyed(words), ["none"])[:2] == ["word100", "word150"]
    assert demo.words_to_show(keyed(["of", "the"]), []) == ["of", "the"]
    assert demo.next_commands(Path("a.fvec"), ["x"])[1] == "fastvec similar a.fvec x -k 3"
