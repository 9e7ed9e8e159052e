"""Where tokens come from: text files plain and compressed, directories, any iterable of token lists.

Text is read in blocks that end at whitespace; a pool of threads works on them while the next ones are read,
and results come back in order (`scan`). What is done with the words is a `Scanner`'s business.

A token is what stands between ASCII whitespace (``bytes.split()``), a sentence is a line; so it is in every
path. Other white space of Unicode, a no-break space say, belongs to its word.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec._compressed import decompressed
from fastvec.config import available_cores, checked_int
from fastvec.errors import CorpusError, CorpusTypeError

Source = str | os.PathLike[str] | Iterable[Sequence[str]]
Errors = Literal["strict", "replace", "ignore"]
Progress = Callable[[int, int | None], object]
_Block = tuple[Path, memoryview, bool, int]  # file, text, whether it begins the file, place

BLOCK_BYTES = 1 << 20
"""Bytes read at a time: what a core's caches hold, and a few milliseconds of work."""
BATCH_WORDS = 1 << 15
"""Words of an iterable that are taken at a time."""
PROGRESS_SECONDS = 0.2
BOM = b"\xef\xbb\xbf"
"""What some editors write at the beginning of a file in UTF-8; it belongs to no word."""
SENTENCE_WORDS = 10_000
"""Words of a sentence of the readers below, at most, unless they are told otherwise."""

logger = logging.getLogger(__name__)

_A = TypeVar("_A")
_B = TypeVar("_B")


# ---- files ----


def text_files(source: Source) -> list[Path] | None:
    """Return the files that hold `source`, or None where it must be iterated over.

    A directory gives its files by name, without subdirectories and names with a leading dot.

    Raises
    ------
    CorpusError
        If a directory holds no file.
    ValueError
        If the path is empty, which `Path` would take for the current directory.
    """
    if isinstance(source, LineSentence):
        return source.files if source.whole else None
    if not isinstance(source, str | os.PathLike):
        return None
    if not os.fspath(source):
        raise ValueError(f"the path of the corpus is empty: {source!r}; give a file or a directory")
    path = Path(source)
    if not path.is_dir():
        return [path]
    files = sorted(
        (p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")), key=lambda p: p.name
    )
    if not files:
        raise CorpusError(f"{path}: the directory holds no file to read")
    return files


@contextmanager
def _reading(path: Path) -> Iterator[tuple[Callable[[memoryview], int], Callable[[], int]]]:
    """Give two functions: one reads decompressed text of `path` into a buffer, one tells the position."""
    with path.open("rb") as file:
        text = decompressed(file, path)

        def read_into(buffer: memoryview) -> int:
            try:
                return int(text.readinto(buffer))
            except Exception as problem:  # each library has errors of its own for damaged data
                if isinstance(problem, MemoryError) or (isinstance(problem, OSError) and problem.errno):
                    raise
                raise CorpusError(
                    f"{path}: the compressed data is damaged or cut short: {problem}"
                ) from problem

        yield read_into, lambda: file.tell() if file.seekable() else 0


def blocks(
    path: Path, block_bytes: int | None = None, spares: list[bytearray] | None = None
) -> Iterator[tuple[memoryview, int]]:
    """Yield the text of a file in blocks of `block_bytes` (1 MiB) at most, and the bytes of it read so far.

    A block ends after a newline; after other whitespace where a line is longer than the block; a word longer
    than that makes the block grow. Buffers are taken from `spares`; who has done with a block puts its `obj`
    there. A byte order mark at the beginning of the file is left out.
    """
    with _reading(path) as (read_into, position):
        rest, first = bytearray(), True
        while True:
            size = max(block_bytes or BLOCK_BYTES, 2 * len(rest))
            buffer = spares.pop() if spares and len(spares[-1]) == size else bytearray(size)
            filled = len(rest)
            buffer[:filled] = rest
            with memoryview(buffer) as view:
                while filled < size and (n := read_into(view[filled:])):
                    filled += n
            start = len(BOM) if first and buffer.startswith(BOM, 0, filled) else 0
            if filled < size:
                if filled > start:
                    yield memoryview(buffer)[start:filled], position()
                return
            cut = buffer.rfind(b"\n") + 1 or max(map(buffer.rfind, (b" ", b"\t", b"\r", b"\v", b"\f"))) + 1
            rest, first = buffer[cut:], first and not cut
            if cut > start:
                yield memoryview(buffer)[start:cut], position()


# ---- scanning ----


class Part(NamedTuple):
    """What a scanner found in a block of text or a batch of sentences."""

    words: int = 0
    lines: int = 0
    """Newlines, or sentences of an iterable."""
    sentences: int = 0
    """Those that ended and hold a word."""
    lead: bool = False
    """A newline came before any word, so that a sentence left open by an earlier part ends here."""
    pending: bool = False
    """Words follow the last newline: a later part ends their sentence."""
    ids: NDArray[np.int32] | None = None
    """Word ids, -1 after each sentence that ended."""
    numbering: int = 0
    """Which numbering of the words the ids follow."""
    starts: bool = False
    """The first part of a file: a sentence left open by an earlier part ends before it."""
    extra: Any = None
    """What else a scanner found."""
    closes: bool = False
    """Set by `stitched`: a sentence of an earlier part ends at or before the beginning of this one."""

    @classmethod
    def of(cls, found: tuple[Any, ...], ids: NDArray[np.int32] | None = None, numbering: int = 0) -> "Part":
        """Make a part of a backend's answer; what was written of `ids` is copied."""
        _, words, lines, sentences, lead, pending, n_ids = found
        written = None if ids is None else ids[:n_ids].copy()
        return cls(words, lines, sentences, lead, pending, written, numbering)


class IdRoom(threading.local):
    """An array to write ids to, one a thread, used again and again."""

    _ids = np.empty(0, np.int32)

    def __call__(self, n: int) -> NDArray[np.int32]:
        """Return room for `n` ids, or more."""
        if len(self._ids) < n:
            self._ids = np.empty(n, np.int32)
        return self._ids


class Scanner(Protocol):
    """Does something with words. `scan` is called from threads, from one and in order if `in_order`."""

    in_order: bool

    def scan(self, data: Any, starts: bool, place: int) -> list[Part]:
        """Take a block of text, `starts`: the first of its file; its words' places: `place` + their offsets in it."""

    def add(self, sentences: list[Sequence[str]]) -> list[Part]:
        """Take sentences of an iterable."""


def stitched(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield the parts with `closes` set; one more, if need be, closes the last sentence."""
    pending = False
    for part in parts:
        closes = pending and (part.starts or part.lead)
        yield part._replace(closes=closes)
        pending = part.pending or (pending and not closes and part.sentences == 0)
    if pending:
        yield Part(closes=True)


def in_order(work: Callable[[_A], _B], items: Iterable[_A], workers: int) -> Iterator[_B]:
    """Yield ``work(item)`` for each item, in order, computed by threads a few items ahead.

    More threads than four a core would only hold more items in memory.
    """
    workers = min(workers, 4 * available_cores())
    window: deque[Future[_B]] = deque()
    with ThreadPoolExecutor(workers, "fastvec-read") as pool:
        try:
            for item in items:
                window.append(pool.submit(work, item))
                if len(window) > workers + 1:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:
            for future in window:
                future.cancel()


class _Meter:
    """Calls `progress` a few times a second."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self._progress, self._total, self._next = progress, total, 0.0

    def __call__(self, done: int, last: bool = False) -> None:
        if self._progress is not None and ((now := time.monotonic()) >= self._next or last):
            self._next = now + PROGRESS_SECONDS
            self._progress(done, self._total)


def scan(
    source: Source, scanner: Scanner, workers: int, errors: Errors, progress: Progress | None
) -> Iterator[Part]:
    """Let `scanner` take the words of `source`; yield what it found, in order and stitched.

    Raises
    ------
    CorpusError
        At bytes that are not UTF-8 where `errors` is "strict", naming file and line; at damaged compressed
        data; at an item of an iterable that is no list of str, naming its number.
    OSError
        If a file cannot be read.
    """
    if errors not in ("strict", "replace", "ignore"):
        raise ValueError(f"errors={errors!r}: give 'strict', 'replace' or 'ignore'")
    files = text_files(source)
    if files is None:
        return stitched(_scan_sentences(source, scanner, progress))
    return stitched(_scan_files(files, scanner, 1 if scanner.in_order else workers, errors, progress))


def _scan_files(
    files: list[Path], scanner: Scanner, workers: int, errors: Errors, progress: Progress | None
) -> Iterator[Part]:
    total = sum(path.stat().st_size for path in files)
    meter, done_files, lines = _Meter(progress, total), 0, 0
    spares: list[bytearray] = []

    def read() -> Iterator[_Block]:
        nonlocal done_files
        place = 0
        for path in files:
            starts, position = True, 0
            for data, position in blocks(path, spares=spares):
                yield path, data, starts, place
                place += 3 * len(data)  # a byte that is replaced becomes three
                starts = False
                meter(done_files + position)
            done_files += position

    def work(block: _Block) -> tuple[_Block, int, list[Part]]:
        _, data, starts, place = block
        bad = _backend.encode.check_utf8(data)
        if bad >= 0 and errors == "strict":
            return block, bad, []
        mended = data if bad < 0 else bytes(data).decode("utf-8", errors).encode()
        return block, -1, scanner.scan(mended, starts, place)

    for (path, data, starts, _), bad, parts in in_order(work, read(), workers):
        lines = 0 if starts else lines
        if bad >= 0:
            line = lines + bytes(data[:bad]).count(b"\n") + 1
            raise CorpusError(
                f"{path}, line {line}: byte 0x{data[bad]:02x} is not UTF-8; convert the file, or read it "
                "with errors='replace' or errors='ignore'"
            )
        spares.append(data.obj)  # type: ignore[arg-type]
        for i, part in enumerate(parts):
            lines += part.lines
            yield part._replace(starts=starts and i == 0)
    meter(done_files, last=True)


def _scan_sentences(source: Any, scanner: Scanner, progress: Progress | None) -> Iterator[Part]:
    try:
        sentences = iter(source)
    except TypeError:
        wrong = f"a path or an iterable of token lists, not {type(source).__name__}"
        raise CorpusTypeError(f"the source must be {wrong}") from None
    meter, done = _Meter(progress, _length(source)), 0
    while batch := _next_batch(sentences, done):
        try:
            parts = scanner.add(batch)
        except TypeError:
            raise CorpusTypeError(_what_is_wrong(batch, done)) from None
        except UnicodeEncodeError:
            raise CorpusError(_what_is_wrong(batch, done)) from None
        yield from parts
        done += len(batch)
        meter(done)
    meter(done, last=True)


def _length(source: Any) -> int | None:
    """Return how many sentences there are; None where that is not known, whatever the source's own len() does."""
    with suppress(Exception):
        return len(source)
    return None


def _next_batch(sentences: Iterator[Any], done: int) -> list[Sequence[str]]:
    batch: list[Sequence[str]] = []
    words = 0
    for sentence in sentences:
        if isinstance(sentence, str) and not done and not batch:
            logger.warning(
                "Each 'sentences' item should be a list of words (usually unicode strings). "
                "The first item here is instead a plain str, whose letters are taken for words."
            )
        if type(sentence) not in (list, tuple):  # a subclass may yield more than its length says
            try:
                given = iter(sentence)
            except TypeError:
                kind = type(sentence).__name__
                raise CorpusTypeError(
                    f"sentence {done + len(batch)} is no list of words but {kind}"
                ) from None
            sentence = list(given)  # its own errors, a TypeError too, come through
        batch.append(sentence)
        words += len(sentence) + 1
        if words >= BATCH_WORDS:
            break
    return batch


def _what_is_wrong(batch: list[Sequence[Any]], first: int) -> str:
    for number, sentence in enumerate(batch, first):
        for word in sentence:
            if not isinstance(word, str):
                return f"sentence {number} holds {word!r} of type {type(word).__name__}; words must be str"
            try:
                word.encode()
            except UnicodeEncodeError as problem:
                return f"sentence {number} holds {word!r}, which does not encode as UTF-8: {problem.reason}"
    return f"a sentence from {first} on changed while it was read"


# ---- gensim's readers ----


class LineSentence:
    """Iterate over the sentences of a text: one a line, words separated by whitespace. As in gensim.

    Handed whole to `Vocab`, `EncodedCorpus` or `Word2Vec`, files are read by compiled code, which makes no Python
    objects of their words and leaves lines as long as they are.

    Parameters
    ----------
    source : str, PathLike or file object
        A file, plain or compressed (gz, bz2, xz, zst); a directory; or an open file, which is read from its beginning.
    max_sentence_length : int, optional
        Cut longer sentences; None: leave them whole.
    limit : int, optional
        Read this many lines at most, of each file.

    Yields
    ------
    list of str
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | IO[Any],
        max_sentence_length: int | None = SENTENCE_WORDS,
        limit: int | None = None,
    ) -> None:
        if not hasattr(source, "seek"):
            Path(source)  # a TypeError for what is no path
        self.source = source
        size = max_sentence_length
        self.max_sentence_length = None if size is None else checked_int("max_sentence_length", size, 1)
        self.limit = limit

    @property
    def files(self) -> list[Path]:
        """The files to read, in order; none where the source is an open file."""
        return [] if hasattr(self.source, "seek") else text_files(self.source) or []

    @property
    def whole(self) -> bool:
        """Whether its files may be read as they are, without asking the object for sentences."""
        return (
            not hasattr(self.source, "seek")
            and type(self).__iter__ is LineSentence.__iter__
            and self.limit is None
            and self.max_sentence_length in (None, SENTENCE_WORDS)
        )

    def __iter__(self) -> Iterator[list[str]]:
        opened: Any = self.source
        if hasattr(opened, "seek"):
            opened.seek(0)
            yield from self._sentences("the open file", opened)
        for path in self.files:
            yield from self._sentences(path, _lines(path))

    def _sentences(self, name: object, lines: Iterable[str | bytes]) -> Iterator[list[str]]:
        for number, line in enumerate(islice(lines, self.limit)):
            encoded = line.encode() if isinstance(line, str) else line
            if not number and lines is self.source:
                encoded = encoded.removeprefix(BOM)
            yield from _pieces(_decoded(encoded, name, number), self.max_sentence_length)


class PathLineSentences(LineSentence):
    """`LineSentence` over all files of a directory, in the order of their names (or over one file).

    Raises
    ------
    ValueError
        If the path is neither a file nor a directory.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        max_sentence_length: int | None = SENTENCE_WORDS,
        limit: int | None = None,
    ) -> None:
        super().__init__(source, max_sentence_length, limit)
        if not Path(source).exists():
            raise ValueError(f"{os.fspath(source)}: neither a file nor a directory")

    @property
    def input_files(self) -> list[str]:
        """The files to read, under the name that gensim has for them."""
        return [str(path) for path in self.files]


class Text8Corpus:
    """Iterate over a text without lines, such as text8, cut into sentences. As in gensim."""

    def __init__(self, fname: str | os.PathLike[str], max_sentence_length: int = SENTENCE_WORDS) -> None:
        self.fname = fname
        self.max_sentence_length = checked_int("max_sentence_length", max_sentence_length, 1)

    def __iter__(self) -> Iterator[list[str]]:
        words: list[str] = []
        lines = 0
        for data, _ in blocks(Path(self.fname)):
            words += _decoded(bytes(data), Path(self.fname), lines)
            lines += bytes(data).count(b"\n")
            whole = len(words) - len(words) % self.max_sentence_length
            yield from _pieces(words[:whole], self.max_sentence_length)
            del words[:whole]
        yield from _pieces(words, self.max_sentence_length)


def _lines(path: Path) -> Iterator[bytes]:
    begun: list[bytes] = []
    for data, _ in blocks(path):
        *ended, rest = bytes(data).split(b"\n")
        if ended:
            yield b"".join([*begun, ended[0]])
            yield from ended[1:]
            begun = []
        if rest:
            begun.append(rest)
    if begun:
        yield b"".join(begun)


def _decoded(text: bytes, path: object, lines_before: int) -> list[str]:
    try:
        return [word.decode() for word in text.split()]
    except UnicodeDecodeError:
        bad = _backend.encode.check_utf8(text)
        line = lines_before + text[:bad].count(b"\n") + 1
        raise CorpusError(
            f"{path}, line {line}: byte 0x{text[bad]:02x} is not UTF-8; convert the file"
        ) from None


def _pieces(words: list[str], length: int | None) -> Iterator[list[str]]:
    if length is None:
        length = max(1, len(words))
    for start in range(0, len(words), length):
        yield words[start : start + length]
