"""The .bin files of the fastText program (Bojanowski et al. 2017): a whole model, n-grams included.

A signature; the parameters; the words, each with its count; a flag and the input rows: those of the words, then those
of the n-grams' buckets; a flag and the output rows. All numbers are little-endian. Versions 11 and 12 differ in what
they say of classifiers alone; files from before version 11 have neither signature nor flags.
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend, _memory
from fastvec.errors import UnsupportedFileError
from fastvec.formats import StrPath, open_output, telling
from fastvec.formats.source import Source, Words, is_utf8, is_utf8_name, open_source, split, table
from fastvec.subwords import MAX_ROWS, Bags, Subwords
from fastvec.words import WordTable, join_words

Matrix = NDArray[np.float32]
Counts = NDArray[np.int64]

MAGIC = struct.pack("<i", 793712314)
VERSIONS = (11, 12)
NUMBERS = "<12id"
CBOW, SKIP_GRAM, CLASSIFIER = 1, 2, 3
HIERARCHICAL_SOFTMAX, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
MAX_WIDTH = 1 << 20
MAX_WORD = 1 << 20
"""Bytes of the longest word: a file of another kind is not read to its end."""
COUNT_BYTES = 9
"""Behind each word: its count, of 8 bytes, and whether it is a label."""
BLOCK = 1 << 20


class Parameters(NamedTuple):
    """The parameters of a model, as fastText names and orders them."""

    dim: int
    ws: int
    epoch: int
    minCount: int
    neg: int
    wordNgrams: int
    loss: int
    model: int
    bucket: int
    minn: int
    maxn: int
    lrUpdateRate: int
    t: float

    @property
    def plausible(self) -> bool:
        """Whether these can be the parameters of a model."""
        return (
            1 <= self.dim <= MAX_WIDTH
            and CBOW <= self.model <= CLASSIFIER
            and HIERARCHICAL_SOFTMAX <= self.loss <= ONE_VS_ALL
            and min(self.ws, self.epoch, self.minCount, self.neg, self.wordNgrams, self.bucket) >= 0
            and min(self.minn, self.maxn) >= 0
            and max(self.minn, self.maxn) <= MAX_WIDTH
            and 0 <= self.t < float("inf")
        )


class Held(NamedTuple):
    """What a .bin file holds."""

    parameters: Parameters
    words: WordTable
    raw: WordTable
    """The words' bytes in the file, of which fastText makes the n-grams; `words` itself where they are UTF-8"""
    counts: Counts
    tokens: int
    """Of the corpus"""
    subwords: Subwords
    input: Matrix
    """float32 (V + bucket, at least dim): the words' rows, then the n-grams'"""
    output: Matrix | None
    """float32 (V, at least dim): of the words; of a model of hierarchical softmax, the inner nodes, the root last"""

    @property
    def bags(self) -> Bags | None:
        """The rows of each word, where its n-grams are not those of `words`; else None."""
        return None if self.raw is self.words else self.subwords.bags(self.raw)

    def by_count(self) -> "Held":
        """Return the model with its words in the order of their counts, in which fastText itself writes them."""
        order = np.argsort(-self.counts, kind="stable")
        if (np.diff(order) > 0).all():
            return self
        names, raw = (
            WordTable.from_words([table.word_bytes(i) for i in order.tolist()])
            for table in (self.words, self.raw)
        )
        self.input[: len(order)] = self.input[order]
        output = self.output
        if output is not None and self.parameters.loss != HIERARCHICAL_SOFTMAX:
            output = output[order]
        raw = names if self.raw is self.words else raw
        return self._replace(words=names, raw=raw, counts=self.counts[order], output=output)


def looks_like(head: bytes) -> bool:
    """Tell from its first 64 bytes whether a file may be a .bin file of fastText's."""
    if head.startswith(MAGIC):
        return True
    size = struct.calcsize(NUMBERS)
    return len(head) >= size and Parameters(*struct.unpack_from(NUMBERS, head)).plausible


def _allocate(n: int, width: int) -> Matrix:
    return _memory.allocate((n, width), np.float32)


def read(
    path: StrPath,
    encoding: str = "utf-8",
    *,
    model: bool = True,
    allocate: Callable[[int, int], Matrix] = _allocate,
) -> Held:
    """Read a .bin file of fastText's, plain or compressed.

    Parameters
    ----------
    path : str or path
    encoding : str
        Of the words; bytes that it does not have become escapes such as ``\\xe6``.
    model : bool
        Read the output rows too, of a model that is to be trained on; a classifier is refused then. Else its words,
        without its labels, are read as those of other models.
    allocate : function
        ``allocate(n, width)`` makes room for rows, once their size is known to be true.

    Returns
    -------
    Held

    Raises
    ------
    UnsupportedFileError
        The file holds a quantised model, or a classifier.
    FormatError
        The file is truncated, damaged, of another kind or of a later version.
    """
    with telling(path, "fasttext"), open_source(path) as source:
        parameters, version = _read_parameters(source)
        words, counts, tokens, labels = _read_words(source, version)
        if model and (labels or parameters.model == CLASSIFIER):
            source.fail(
                "a classifier, which cannot be trained on here; load_facebook_vectors reads its words",
                UnsupportedFileError,
            )
        if version == 11 and parameters.model == CLASSIFIER:
            parameters = parameters._replace(maxn=0)
        subwords = Subwords(parameters.minn, parameters.maxn, parameters.bucket)
        n, width = len(words[1]) - 1, parameters.dim
        if n + parameters.bucket > MAX_ROWS:
            source.fail(f"{n} words and bucket={parameters.bucket}: more than {MAX_ROWS} rows")
        _expect_matrix(source, version, n + parameters.bucket, width, "the input rows")
        rows = allocate(n + subwords.bucket, width)
        source.rows(rows[:, :width], "the input rows")
        source.skip(4 * width * (parameters.bucket - subwords.bucket), "the input rows")
        _expect_matrix(source, version, labels or n, width, "the output rows")
        output = None
        if model:
            output = allocate(n, width)
            source.rows(output[:, :width], "the output rows")
        else:
            source.skip(4 * width * (labels or n), "the output rows")
        if source.left:
            source.fail(f"{source.left} bytes more than the model has")
    raw = table(*words, path)
    return Held(parameters, _decoded(raw, encoding, path), raw, counts, tokens, subwords, rows, output)


def _read_parameters(source: Source) -> tuple[Parameters, int]:
    """Return the parameters and the version, 0 for one without signature."""
    first, version, at = source.numbers("<2i", "the signature"), 0, 0
    if struct.pack("<i", first[0]) == MAGIC:
        version, first, at = first[1], (), 8
        if version not in VERSIONS:
            source.fail(f"version {version} of fastText's files is not known", at=4)
    parameters = Parameters(*first, *source.numbers(f"<{12 - len(first)}id", "the parameters"))
    if not parameters.plausible:
        source.fail(f"no file of fastText's, or damaged: {parameters}", at=at)
    return parameters, version


def _read_words(source: Source, version: int) -> tuple[tuple[Any, Any], Counts, int, int]:
    """Return the words (bytes end to end, and offsets), their counts, the corpus's tokens, the number of labels."""
    at = source.offset
    size, n, labels, tokens = source.numbers("<3iq", "the dictionary")
    pruned = source.numbers("<q", "the dictionary")[0] if version else -1
    if min(n, labels, tokens) < 0 or size != n + labels:
        source.fail(f"a dictionary of {size} entries: {n} words and {labels} labels, {tokens} tokens", at=at)
    if pruned != -1:
        source.fail(
            "a quantised model (.ftz), whose rows cannot be told apart; give the .bin file it was made of",
            UnsupportedFileError,
            at + 20,
        )
    source.expect(size * (1 + COUNT_BYTES), f"a dictionary of {size} entries")
    words, entries, at = Words(), np.empty((size, COUNT_BYTES), np.uint8), 0
    for data, bounds in source.records(size, b"\0", COUNT_BYTES, MAX_WORD, f"{size} of the dictionary"):
        _backend.records.gather(data, bounds, entries[at : at + len(bounds)])
        words.append(data, bounds)
        at += len(bounds)
    text, offsets = words.finish()
    counts, kinds = entries[:, :8].copy().view("<i8").reshape(-1).astype(np.int64), entries[:, 8]
    if counts.min(initial=0) < 0 or kinds[:n].any() or not (kinds[n:] == 1).all():
        source.fail("the dictionary is damaged: counts below 0, or labels among the words")
    return (text[: offsets[n]], offsets[: n + 1]), counts[:n], tokens, labels


def _expect_matrix(source: Source, version: int, n: int, width: int, what: str) -> None:
    """Read the flag and the sizes of a matrix, which must be these."""
    at = source.offset
    if version and source.numbers("<B", what)[0]:
        source.fail(f"{what} are quantised; give the .bin file they were made of", UnsupportedFileError, at)
    at, found = source.offset, source.numbers("<2q", what)
    if found != (n, width):
        source.fail(f"{what} are {found[0]} x {found[1]}, not {n} x {width}", at=at)
    source.expect(4 * n * width, what)


def _decoded(raw: WordTable, encoding: str, path: StrPath) -> WordTable:
    """Return the words as UTF-8; the same table where they are."""
    if is_utf8_name(encoding) and is_utf8(raw.text, raw.offsets):
        return raw
    decoded = [word.decode(encoding, "backslashreplace") for word in split(raw.text, raw.offsets)]
    return table(*join_words(decoded), path)


# ---- Writing


def write(
    path: StrPath,
    parameters: Parameters,
    words: WordTable,
    counts: Counts,
    tokens: int,
    input_rows: Matrix,
    output_rows: Matrix,
    encoding: str = "utf-8",
) -> None:
    """Write a .bin file of fastText's, atomically; gzip, bzip2 or xz where its name ends so.

    Parameters
    ----------
    path : str or path
    parameters : Parameters
    words : WordTable
        V words, the most frequent first.
    counts : int array of V
    tokens : int
        Of the corpus.
    input_rows : float32 array of (V + bucket, dim)
    output_rows : float32 array of (V, dim)
    encoding : str
        Of the words.

    Raises
    ------
    ValueError
        If a word holds a zero byte, which ends words there, or the encoding has not its letters.
    """
    dictionary = [_entry(word, int(count), encoding) for word, count in zip(words, counts, strict=True)]
    with open_output(path) as file:
        file.write(MAGIC + struct.pack("<i", VERSIONS[-1]) + struct.pack(NUMBERS, *parameters))
        file.write(struct.pack("<3iqq", len(words), len(words), 0, tokens, -1))
        file.write(b"".join(dictionary))
        for rows in (input_rows, output_rows):
            file.write(struct.pack("<B2q", 0, *rows.shape))
            step = max(1, BLOCK // rows.shape[1])
            for start in range(0, len(rows), step):
                file.write(rows[start : start + step].astype("<f4", copy=False).tobytes())


def _entry(word: str, count: int, encoding: str) -> bytes:
    raw = word.encode(encoding)
    if b"\0" in raw:
        raise ValueError(f"{word!r} holds a zero byte, which ends words in fastText's files")
    return raw + b"\0" + struct.pack("<qb", count, 0)
