"""Opening vectors of any format: the content of a file tells which, not its name."""

import os

from fastvec import formats, store
from fastvec.errors import FormatError
from fastvec.formats import StrPath
from fastvec.keyedvectors import KeyedVectors
from fastvec.tensors import open_tensors


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
        known = ", ".join(name for name, _ in formats.KINDS.values())
        raise FormatError(f"{os.fspath(path)}: byte 0: of no format that fastvec knows: {known}")
    if kind in ("fvec", "pickle", "phrases"):
        return KeyedVectors.load(path, mmap, verify=verify)
    if kind == "fasttext":
        from fastvec.facebook import load_facebook_vectors

        return load_facebook_vectors(path)
    return KeyedVectors.load_word2vec_format(path, binary=kind == "binary", no_header=kind == "glove")


def check(path: StrPath) -> str:
    """Read a file of vectors, of a model or of phrases whole, and compare it with its checksums, if it has any.

    Returns
    -------
    str
        What the file is, and how many words and dimensions, or phrases, it has.

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
    elif kind == "phrases":
        from fastvec.phrases import Phrases, original_scorer

        open_tensors(path, verify=True)
        known = Phrases.load(
            path, original_scorer
        )._known()  # whatever its own scorer is: it is asked nothing
        return f"{formats.KINDS[kind][0]}, {len(known.texts):,} of them"
    else:
        size, sure = _load(path, kind, None, True).vectors.shape, "; it has no checksums"
    return f"{formats.KINDS[kind or 'fvec'][0]}, {size[0]:,} words x {size[1]}{sure}"
