"""EncodedCorpus: a corpus as word ids, written once, read by every epoch; mapped from disk unless small."""

import io
import mmap
import os
import struct
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend
from fastvec.config import checked_workers
from fastvec.errors import CorpusError, FormatError
from fastvec.text import Errors, IdRoom, Part, Progress, Source, in_order, scan, stitched
from fastvec.vocab import Choice, Tally, TrimRule, Vocab, describe
from fastvec.words import WordTable

IN_MEMORY_BYTES = 16 << 20
"""Ids beyond this go to a file."""
_CHUNK_IDS = 1 << 18
_FAULT_AROUND = 1 << 18
"""More bytes than the system maps before the one that was asked for: those of a range released earlier."""

# A kept file: this header, then the ids as int32 in the machine's byte order, which the magic number tells.
_HEADER = struct.Struct("=8sIIqqqq16s")
_MAGIC, _VERSION = b"FVTOKENS", 0x01020304


class EncodedCorpus:
    """Word ids of a corpus. Made by `from_source`, `open` or `count_and_encode`; a context manager.

    Attributes
    ----------
    tokens : int32 array, read-only
        Word ids, and -1 after each sentence that holds a word of the vocabulary; other sentences leave
        nothing.
    n_words, n_sentences : int
        How many ids and how many -1s these are.
    corpus_words : int
        Tokens of the corpus, those outside the vocabulary included.
    path : Path or None
        The file, where one was asked for.
    """

    def __init__(self, spool: "_Spool", corpus_words: int, vocab: Vocab, *, keep: bool) -> None:
        self.n_words = spool.n_ids - spool.n_sentences
        self.n_sentences = spool.n_sentences
        self.corpus_words = corpus_words
        self._vocab = len(vocab), fingerprint(vocab.words)
        self._known: WordTable | None = vocab.words
        header = _HEADER.pack(
            _MAGIC,
            _VERSION,
            0,
            spool.n_ids,
            self.n_sentences,
            corpus_words,
            *self._vocab,
        )
        self.path = spool.finish(header)
        self._remove = None
        if self.path is not None and not keep:
            self._remove = weakref.finalize(self, _unlink, self.path)
        self._map(spool.file, spool.n_ids)

    def _map(self, file: BinaryIO, n_ids: int) -> None:
        if isinstance(file, io.BytesIO):
            self._mapped, buffer = None, file.getbuffer()
        else:
            self._mapped = mmap.mmap(file.fileno(), _HEADER.size + 4 * n_ids, access=mmap.ACCESS_READ)
            buffer = memoryview(self._mapped)
            file.close()
        self.tokens: NDArray[np.int32] = np.frombuffer(buffer, np.int32, n_ids, _HEADER.size)
        self.tokens.flags.writeable = False

    @classmethod
    def from_source(
        cls,
        source: Source,
        vocab: Vocab,
        *,
        workers: int | None = None,
        errors: Errors = "strict",
        path: str | os.PathLike[str] | None = None,
        keep: bool = False,
        progress: Progress | None = None,
    ) -> "EncodedCorpus":
        """Look up the words of a corpus.

        Parameters
        ----------
        source, workers, errors, progress
            As for `Vocab.from_source`.
        vocab : Vocab
            Its words get their ids; others are left out.
        path : str or PathLike, optional
            Where to write. By default, small corpora stay in memory, and others go to a file without a name
            in the directory for temporary files (``TMPDIR``), which vanishes with the object.
        keep : bool
            Leave the file at `path` when the object is closed, for `open`.

        Raises
        ------
        CorpusError
            As for `Vocab.from_source`; or if the corpus holds no word of the vocabulary.
        OSError
            If a file cannot be read or written, the disk being full, say.
        """
        workers = checked_workers(workers)
        words = 0
        with _Spool(path, keep) as spool:
            parts = scan(source, _Lookup(vocab), workers, errors, progress)
            for part in parts:
                words += part.words
                spool.write(part)
            if not spool.n_ids:
                raise CorpusError(
                    f"{describe(source)}: none of its {words:,} tokens is in the vocabulary; is it the "
                    "right one?"
                )
            return cls(spool, words, vocab, keep=keep)

    @classmethod
    def open(cls, path: str | os.PathLike[str], vocab: Vocab | None = None) -> "EncodedCorpus":
        """Open a kept file. Every id in it is checked; given the `vocab` it was made with, that too.

        Raises
        ------
        FormatError
            If the file is damaged, no such file, or of another vocabulary.
        """
        path = Path(path)
        corpus = cls.__new__(cls)
        with path.open("rb") as file:
            raw = file.read(_HEADER.size)
            if len(raw) < _HEADER.size or raw[:8] != _MAGIC:
                raise FormatError(f"{path}: no file of token ids of fastvec")
            _, version, _, n_ids, n_sentences, corpus_words, n_vocab, words = _HEADER.unpack(raw)
            if version != _VERSION:
                raise FormatError(
                    f"{path}: of another version or byte order (0x{version:08x}); encode the text anew"
                )
            size = os.fstat(file.fileno()).st_size
            if n_ids < 0 or size != _HEADER.size + 4 * n_ids:
                raise FormatError(
                    f"{path}: {size:,} bytes, but the header speaks of {n_ids:,} ids; it was cut short"
                )
            corpus._vocab, corpus._known = (n_vocab, words), None
            if vocab is not None and not corpus._is_of(vocab):
                raise FormatError(
                    f"{path}: made with another vocabulary, of {n_vocab:,} words; encode the text anew"
                )
            corpus._map(file, n_ids)
        corpus.path, corpus._remove, corpus.corpus_words = path, None, corpus_words
        corpus.n_words, corpus.n_sentences = n_ids - n_sentences, n_sentences
        corpus._check(n_vocab)
        return corpus

    def check_vocab(self, vocab: Vocab) -> None:
        """Make sure that the ids are those of `vocab`: of its very words, or of equal ones in the same order.

        Raises
        ------
        CorpusError
            If they are of other words.
        """
        if not self._is_of(vocab):
            raise CorpusError(
                f"the corpus was encoded with another vocabulary, of {self._vocab[0]:,} words, and not with "
                f"this one of {len(vocab):,}; encode the text anew"
            )

    def _is_of(self, vocab: Vocab) -> bool:
        if vocab.words is not self._known:  # equal words of another object: a pass over them, once
            if self._vocab != (len(vocab), fingerprint(vocab.words)):
                return False
            self._known = vocab.words
        return True

    def _check(self, n_vocab: int) -> None:
        sentences, pending = 0, False
        for start in range(0, len(self.tokens), _CHUNK_IDS):
            chunk = self.tokens[start : start + _CHUNK_IDS]
            bad, ends = _backend.encode.check_ids(chunk, n_vocab, pending)
            if bad >= 0:
                raise FormatError(f"{self.path}: id {chunk[bad]} at place {start + bad} is out of place")
            sentences, pending = sentences + ends, bool(chunk[-1] != -1)
            self.release(start, start + _CHUNK_IDS)
        if sentences != self.n_sentences or (len(self.tokens) and self.tokens[-1] != -1):
            raise FormatError(
                f"{self.path}: {sentences:,} sentence ends, but the header speaks of {self.n_sentences:,}"
            )

    def release(self, start: int, stop: int) -> None:
        """Say that ``tokens[start:stop]`` is not needed for a while: its pages need not stay resident."""
        if self._mapped is None or not hasattr(mmap, "MADV_DONTNEED"):
            return
        first = max(0, _HEADER.size + 4 * start - _FAULT_AROUND) // mmap.PAGESIZE * mmap.PAGESIZE
        length = min(_HEADER.size + 4 * stop, len(self._mapped)) - first
        if length > 0:
            self._mapped.madvise(mmap.MADV_DONTNEED, first, length)

    def close(self) -> None:
        """Give the memory back and remove the file, unless it is kept. `tokens` is empty from then on."""
        self.tokens = np.empty(0, np.int32)
        self._mapped = None
        if self._remove is not None:
            self._remove()

    def __enter__(self) -> "EncodedCorpus":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = self.path or ("memory" if self._mapped is None else "a temporary file")
        return f"EncodedCorpus of {self.n_words:,} words in {self.n_sentences:,} sentences, in {where}"


def count_and_encode(
    source: Source,
    *,
    min_count: int = 5,
    max_vocab_size: int | None = None,
    max_final_vocab: int | None = None,
    trim_rule: TrimRule | None = None,
    workers: int | None = None,
    errors: Errors = "strict",
    path: str | os.PathLike[str] | None = None,
    keep: bool = False,
    progress: Progress | None = None,
) -> tuple[Vocab, EncodedCorpus]:
    """Count the words of a corpus and encode it in one pass over it, so that a generator will do.

    Words are written with the number under which they were counted; when the vocabulary is known, these
    are turned into word ids in place. With `max_vocab_size`, occurrences of a word before it was forgotten
    are gone from corpus and counts alike. Parameters and errors are those of `Vocab.from_source` and
    `EncodedCorpus.from_source`.
    """
    workers = checked_workers(workers)
    choice = Choice(min_count, max_final_vocab, trim_rule)
    tally = Tally(max_vocab_size, trim_rule, with_ids=True)
    words = sentences = 0
    with _Spool(path, keep) as spool:
        for part in scan(source, tally, workers, errors, progress):
            words += part.words
            sentences += part.sentences + part.closes
            spool.write(part)
        vocab = tally.vocab(choice, words, sentences, workers, describe(source))
        mappings = tally.mappings(vocab.words, workers)
        del tally
        spool.remap(mappings, workers)
        return vocab, EncodedCorpus(spool, words, vocab, keep=keep)


def the_source(sentences: Any, corpus_file: Any) -> Any:
    """Return the one corpus that was given."""
    if (sentences is None) == (corpus_file is None):
        raise TypeError(
            "give either sentences (an iterable of lists of words) or corpus_file (a path), and not both"
        )
    if corpus_file is not None:
        if corpus_file == "":
            raise ValueError("corpus_file is empty; give the path of a text file")
        if not isinstance(corpus_file, str | os.PathLike):
            raise TypeError(f"corpus_file: a path is needed, not {type(corpus_file).__name__}")
        return Path(corpus_file)
    if isinstance(sentences, str | bytes | os.PathLike):
        raise TypeError(
            f"sentences is a {type(sentences).__name__}; pass a path as corpus_file={os.fspath(sentences)!r}"
        )
    return sentences


def fingerprint(words: WordTable) -> bytes:
    """Return 16 bytes that tell one word table from another."""
    import hashlib  # here, and tempfile below, to spare those who only read vectors 13 ms of imports

    digest = hashlib.blake2b(words.text.data, digest_size=16)
    digest.update(words.offsets.data)
    return digest.digest()


class _Lookup:
    """Finds the words of a vocabulary; a `Scanner`."""

    in_order = False

    def __init__(self, vocab: Vocab) -> None:
        self._table = _backend.vocab.TokenTable(vocab.words.text, vocab.words.offsets)
        self._room = IdRoom()

    def scan(self, data: Any, starts: bool, place: int) -> list[Part]:
        ids = self._room(len(data) + 1)
        return [Part.of(self._table.scan(data, ids), ids)]

    def add(self, sentences: list[Sequence[str]]) -> list[Part]:
        ids = self._room(sum(map(len, sentences)) + len(sentences))
        return [Part.of(self._table.add(sentences, 0, ids), ids)]


class _Spool:
    """The ids while they are written: in memory first, in a file when they are many or one is asked for.

    As a context manager it removes what is unfinished when it is left.
    """

    def __init__(self, path: str | os.PathLike[str] | None, keep: bool) -> None:
        if keep and path is None:
            raise ValueError("keep=True needs a path to keep the file at")
        self.path = None if path is None else Path(path)
        self.n_ids = self.n_sentences = 0
        self._runs: list[tuple[int, int]] = []
        self._unfinished: Path | None = None
        self.file: BinaryIO = io.BytesIO()
        if self.path is not None:
            import tempfile

            named, name = tempfile.mkstemp(prefix=f"{self.path.name}.", suffix=".part", dir=self.path.parent)
            self._unfinished = Path(name)
            self.file = os.fdopen(named, "w+b")
        self._put(bytes(_HEADER.size))

    def __enter__(self) -> "_Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is not None:
            with suppress(OSError):  # a full disk says so once more
                self.file.close()
        if self._unfinished is not None:
            _unlink(self._unfinished)

    def write(self, part: Part) -> None:
        """Add a part's ids, and the end of an earlier sentence where it `closes` one."""
        if part.closes:
            self._put(b"\xff\xff\xff\xff")
        ids = part.ids if part.ids is not None else np.empty(0, np.int32)
        self._put(ids.data.cast("B") if len(ids) else b"")
        self.n_ids += part.closes + len(ids)
        self.n_sentences += part.closes + part.sentences
        self._runs.append((part.closes + len(ids), part.numbering))

    def remap(self, mappings: list[NDArray[np.int32]], workers: int) -> None:
        """Turn the ids into others, in place: what is written never overtakes what is read."""
        runs, self._runs = self._runs, []
        room, at = IdRoom(), _HEADER.size

        def read() -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
            nonlocal at
            for length, numbering in runs:
                for start in range(0, length, _CHUNK_IDS):
                    ids = np.empty(min(_CHUNK_IDS, length - start), np.int32)
                    self.file.seek(at)
                    if self.file.readinto(ids.data.cast("B")) != ids.nbytes:  # type: ignore[attr-defined]
                        raise OSError(
                            f"{self._name()}: the file of token ids was cut short by another process"
                        )
                    at += ids.nbytes
                    yield ids, mappings[numbering]

        def work(item: tuple[NDArray[np.int32], NDArray[np.int32]]) -> Part:
            ids, mapping = item
            out = room(len(ids))
            return Part.of(_backend.encode.remap(ids, mapping, out), out)

        self.n_ids = self.n_sentences = 0
        end = _HEADER.size
        parts: Iterable[Part] = stitched(in_order(work, read(), workers))
        for part in parts:
            self.file.seek(end)
            self.write(part)
            end = _HEADER.size + 4 * self.n_ids
        self.file.truncate(end)

    def finish(self, header: bytes) -> Path | None:
        """Write the header, give the file its name and return that."""
        self.file.seek(0)
        self._put(header)
        self._guarded(self.file.flush)
        if self._unfinished is not None and self.path is not None:
            self._unfinished.replace(self.path)
            self._unfinished = None
        return self.path

    def _put(self, data: Any) -> None:
        if isinstance(self.file, io.BytesIO) and self.file.tell() + len(data) > IN_MEMORY_BYTES:
            import tempfile

            memory, self.file = self.file, self._guarded(tempfile.TemporaryFile)
            self._guarded(self.file.write, memory.getbuffer())
        self._guarded(self.file.write, data)

    def _guarded(self, call: Any, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except OSError as problem:
            raise OSError(
                problem.errno, f"{problem.strerror} while writing token ids", self._name()
            ) from problem

    def _name(self) -> str:
        import tempfile

        return str(self._unfinished or tempfile.gettempdir())


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
