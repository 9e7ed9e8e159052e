"""Joining the phrases of a whole text: from file to file, a pass for each model, by several threads."""

import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fastvec._compressed import compressing
from fastvec.config import checked_workers
from fastvec.errors import CorpusError
from fastvec.formats import open_output
from fastvec.phrases import FrozenPhrases, Phrases
from fastvec.tensors import is_pipe
from fastvec.text import Errors, Part, Progress, Source, scan


class _BlockJoiner:
    """Joins the phrases of blocks, each as if it began a line; a `Scanner`.

    Part.extra: the joined text, how much of it comes from the first line, that line as it was, what is left over
    at the end, and whether a word of its line was written.
    """

    in_order = False

    def __init__(self, joiner: Any) -> None:
        self._joiner = joiner

    def scan(self, data: Any, starts: bool, place: int) -> list[Part]:
        raw = bytes(data)
        cut = raw.find(b"\n") + 1 or len(raw)
        first, stop, begun = self._joiner.join(raw[:cut], False, False)
        found = [first.tobytes()]
        if cut < len(raw):
            rest, stop, begun = self._joiner.join(raw[cut:], False, False)
            stop += cut
            found.append(rest.tobytes())
        return [Part(words=1, extra=(found, raw[:cut], raw[stop:], begun))]

    def add(self, sentences: list[Any]) -> list[Part]:
        raise NotImplementedError("a text is joined from files")


def _joined(parts: Iterator[Part], joiner: Any) -> Iterator[bytes]:
    """Put the blocks' texts together; where a line crosses their border, its share is joined anew."""
    left, begun = b"", False
    for part in parts:
        if part.extra is None:
            continue
        if part.starts and (left or begun):
            yield joiner.join(left, begun, True)[0].tobytes() + b"\n"
            left, begun = b"", False
        (first, *rest), line, its_left, its_begun = part.extra
        if left or begun:
            text, stop, begun = joiner.join(joined := left + b" " + line, begun, False)
            yield text.tobytes()
            left = joined[stop:]
            if not line.endswith(b"\n"):
                continue
        else:
            yield first
        if rest:
            yield rest[0]
        left, begun = its_left, its_begun
    if left or begun:
        yield joiner.join(left, begun, True)[0].tobytes() + b"\n"


def write_joined(
    model: Phrases | FrozenPhrases,
    source: Source,
    output: BinaryIO,
    workers: int | None = None,
    errors: Errors = "strict",
    progress: Progress | None = None,
) -> None:
    """Write a text with its phrases joined: words a blank apart, a sentence a line.

    Parameters
    ----------
    model : Phrases or FrozenPhrases
        With a scorer of one's own: frozen.
    source : str, PathLike or LineSentence
        A file, plain or compressed, or a directory.
    output : binary file
    workers, errors, progress
        As for `Phrases`.

    Raises
    ------
    CorpusError
        If the text cannot be read.
    ValueError
        If each candidate of the model must be scored in Python.
    """
    known = model._known()
    if known is None:
        raise ValueError(f"{model}: its scorer is a function of Python; freeze the model first")
    parts = scan(source, _BlockJoiner(known.joiner), checked_workers(workers), errors, progress)
    for text in _joined(parts, known.joiner):
        output.write(text)


def phrase_passes(
    source: Path,
    output: Path,
    passes: int,
    workers: int | None = None,
    errors: Errors = "strict",
    progress: Any = None,
    **options: Any,
) -> list[Phrases]:
    """Find phrases in a text and write it with them joined; again in what was written, for longer ones.

    Parameters
    ----------
    source, output : Path
        The output is written atomically, and compressed where its name ends in .gz, .bz2, .xz or .zst.
    passes : int
        At most so many: a pass over a text of which the last one joined nothing ends it.
    workers, errors, **options
        As for `Phrases`.
    progress : callable(done, total), optional

    Returns
    -------
    list of Phrases
        The model of each pass.
    """
    if passes < 1:
        raise ValueError(f"passes={passes!r}: give a number from 1 on")
    with compressing(io.BytesIO(), output):
        pass  # a package that it needs is missed before the work
    models: list[Phrases] = []
    with tempfile.TemporaryDirectory(prefix=".fastvec-", dir=output.parent) as folder:
        text = source
        if is_pipe(source):
            text = Path(folder) / "text"
            with source.open("rb") as pipe, text.open("wb") as copy:
                shutil.copyfileobj(pipe, copy)
        for number in range(passes):
            model = Phrases(corpus_file=text, workers=workers, errors=errors, progress=progress, **options)
            if not model.corpus_word_count:
                raise CorpusError(f"{source}: there is no word in it")
            joined = Path(folder) / f"pass{number}.txt"
            same = bool(models) and model.corpus_word_count == models[-1].corpus_word_count
            last = same or number == passes - 1
            models.append(model)
            with open_output(output) if last else joined.open("wb") as file:
                write_joined(model, text, file, workers, errors, progress)
            if last:
                break
            text = joined
    return models
