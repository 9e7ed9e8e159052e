"""What `fastvec demo` trains on and shows: English that every Python installation carries."""

import itertools
import re
import shlex
import site
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fastvec.keyedvectors import KeyedVectors

OPTIONS: dict[str, Any] = {
    "vector_size": 100,
    "window": 5,
    "min_count": 8,
    "sample": 1e-3,
    "epochs": 10,
    "alpha": 0.05,
}
PROGRAMMERS_WORDS = ("list", "file", "integer", "exception", "thread", "matrix", "http", "random")
MAX_BYTES = 60_000_000
"""Of source text to look through: a big site-packages must not make the demo long."""

# A docstring: a string in triple quotes that begins a line of its own.
_DOCSTRING = re.compile(r'^[ \t]*[rRuU]?("""|\'\'\')(.*?)\1', re.DOTALL | re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?:;]\s|\n\s*\n|>>>")
_WORD = re.compile(r"[a-z]+(?:[-'][a-z]+)*")
_SKIPPED = {"test", "tests", "idlelib", "lib2to3", "_vendor", "testing", "fastvec"}


def python_documentation() -> list[list[str]]:
    """Return the sentences, as lists of lower-case words, of Python's documentation on this machine."""
    return [words for text in _texts() for words in _sentences(text)]


def _sentences(text: str) -> Iterator[list[str]]:
    for sentence in _SENTENCE_END.split(text.lower()):
        words = _WORD.findall(sentence)
        if len(words) > 2:
            yield words


def _texts() -> Iterator[str]:
    try:
        from pydoc_data.topics import topics

        yield from topics.values()
    except ImportError:  # some distributions leave it out
        pass
    left, seen = MAX_BYTES, set[str]()
    for path in _sources():
        try:
            source = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        left -= len(source)
        if left < 0:
            break
        for match in _DOCSTRING.finditer(source):
            text = match[2]
            if text not in seen:
                seen.add(text)
                yield text


def _sources() -> Iterator[Path]:
    """Yield the modules of the standard library, then those of installed packages, in a fixed order."""
    standard = Path(sysconfig.get_paths()["stdlib"])
    folders = [
        standard,
        *(Path(p) for p in dict.fromkeys([sysconfig.get_paths()["purelib"], *site.getsitepackages()])),
    ]
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).parts
            if _SKIPPED.isdisjoint(parts) and not (folder == standard and parts[0] == "site-packages"):
                yield path


def own_text_options(corpus: Path) -> dict[str, Any]:
    """Return options for a text of the user's: small ones need every word they have, and more epochs."""
    files = [p for p in corpus.rglob("*") if p.is_file()] if corpus.is_dir() else [corpus]
    small = sum(p.stat().st_size for p in files) < 5_000_000
    return {"alpha": 0.025, **({"min_count": 2, "epochs": 20} if small else {"min_count": 5, "epochs": 2})}


def words_to_show(wv: KeyedVectors, wished: Iterable[str]) -> list[str]:
    """Return up to six of the wished words that the vectors know; else words of middling frequency; else any."""
    known = [word for word in wished if word in wv]
    middling = [w for w in wv.index_to_key[min(100, len(wv) // 3) : 1000] if len(w) > 3]
    return (known or middling[:: max(1, len(middling) // 6)] or list(wv.index_to_key[:6]))[:6]


def next_commands(output: Path, words: Sequence[str]) -> list[str]:
    """Return the three commands to type next, in terms of some `words` that the vectors know."""
    first, second, third = itertools.islice(itertools.cycle(words), 3)
    return [
        shlex.join(["fastvec", "similar", str(output), first, second]),
        shlex.join(["fastvec", "similar", str(output), third, "-k", "3"]),
        "fastvec train your-text.txt -o words.fvec",
    ]
