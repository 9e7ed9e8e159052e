"""Opening vectors of any format: the content of a file tells which, not its name."""

import os

from fastvec import formats, store
from fastvec.errors import FormatError
from fastvec.formats import StrPath
from fastvec.keyedvectors import KeyedVectors

NAMES = {
    "fvec": "a .fvec file",
    "pickle": "a file of gensim's",
    "fasttext": "a .bin file of fastText's",
    "binary": "word2vec's binary format",
    "text": "word2vec's text format",
    "glove": "text without a header, as GloVe's",
}
"""What `formats.sniff` tells apart, in words."""


def load(path: StrPath, mmap: str | None = "r", *, verify: bool = False) -> KeyedVectors:
    """Open word vectors of any format that fastvec reads.

    Parameters
    ----------
    path : str or path
        A .fvec file; gensim's; word2vec's, binary or text; text without a header, as GloVe's; or fastText's .bin. All
        but .fvec may be compressed (.gz, .bz2, .xz, .zst). Names are of no account.
    mmap : "r" or None
        ``"r"`` maps a .fvec file: instant, shared by all processes, read-only. None reads it into memory. Other formats
        are always read.
    verify : bool
        Read a .fvec file whole, and compare it with its checksums. Other formats have none.

    Returns
    -------
    KeyedVectors
        A `FastTextKeyedVectors` where the file holds n-grams: any string has a vector. Of a whole model, its vectors;
        `Word2Vec.load`, `FastText.load` and `load_facebook_model` open models that can be trained on.

    Raises
    ------
    FormatError
        The file is of none of these formats, truncated or damaged.
    OSError
        The file cannot be read.
    """
    return _load(path, formats.sniff(path), mmap, verify)


def _load(path: StrPath, kind: str | None, mmap: str | None, verify: bool) -> KeyedVectors:
    if kind is None:
        known = ", ".join(NAMES.values())
        raise FormatError(f"{os.fspath(path)}: byte 0: of no format that fastvec knows: {known}")
    if kind in ("fvec", "pickle"):
        return KeyedVectors.load(path, mmap, verify=verify)
    if kind == "fasttext":
        from fastvec.facebook import load_facebook_vectors

        return load_facebook_vectors(path)
    return KeyedVectors.load_word2vec_format(path, binary=kind == "binary", no_header=kind == "glove")


def check(path: StrPath) -> str:
    """Read a file of vectors or a model whole, and compare it with its checksums, if it has any.

    Returns
    -------
    str
        What the file is, and how many words and dimensions it has.

    Raises
    ------
    FormatError
        The file is damaged: what is wrong, and where.
    OSError
        The file cannot be read.
    """
    kind = formats.sniff(path)
    if kind == "fvec":
        held = store.open_vectors(path, verify=True)
        KeyedVectors._from_file(held)
        size, sure = held.vectors.shape, ""
    else:
        size, sure = _load(path, kind, None, True).vectors.shape, "; it has no checksums"
    return f"{NAMES[kind or 'fvec']}, {size[0]:,} words x {size[1]}{sure}"
