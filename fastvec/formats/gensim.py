"""Files that gensim's `save` has written, from version 0.12 on: Word2Vec, KeyedVectors, FastText and Phrases.

They are pickles, with large arrays in .npy files beside them. The pickle is read as data (`fastvec.formats.pickled`),
the arrays are mapped, and what comes out is what a .fvec file would have held (`store.Vectors`).

Over the years gensim moved its attributes: to begin with, all stood in the model (0.12), then words and vectors in
`wv` (0.13.4), others in `vocabulary` and `trainables` (3.3), and again in the model (4.0); `index2word`, `syn0` and the
counts of `vocab` became `index_to_key`, `vectors` and `expandos["count"]`.
"""

import json
import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastvec.errors import FormatError
from fastvec.formats import open_input, peek, pickled
from fastvec.formats.pickled import PickledObject
from fastvec.store import Vectors
from fastvec.subwords import Subwords
from fastvec.subwords import compose as compose_vectors
from fastvec.tensors import check_regular
from fastvec.words import WordTable

StrPath = str | os.PathLike[str]
Array = NDArray[Any]

NUMBERS: dict[str, tuple[tuple[str, ...], float]] = {
    "window": (("window",), 5),
    "shrink_windows": (("shrink_windows",), True),
    "sample": (("sample",), 1e-3),
    "sg": (("sg",), 0),
    "hs": (("hs",), 0),
    "negative": (("negative",), 5),
    "ns_exponent": (("ns_exponent",), 0.75),
    "cbow_mean": (("cbow_mean",), 1),
    "alpha": (("alpha",), 0.025),
    "min_alpha": (("min_alpha",), 1e-4),
    "epochs": (("epochs", "iter"), 5),
    "seed": (("seed",), 1),
}
"""Parameters of a model: the names that gensim's versions have for them, and gensim's default."""
OPTIONS = ("min_count", "max_vocab_size", "max_final_vocab", "effective_min_count", "comment", "compute_loss",
           "min_alpha_yet_reached", "train_count")  # fmt: skip
DAMAGE = (ValueError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError, TokenError)
"""What the header of a damaged .npy file ends in."""
MATRICES = {"output_vectors": "syn1neg", "node_vectors": "syn1"}
MOST = 1 << 62
UNKNOWN = -1
"""Stands for a number of words of the corpus that older versions did not keep."""
MAX_EXPANDED = 1 << 32
"""Most bytes of the rows of n-grams, where a file keeps those alone that occurred."""


class Paths(NamedTuple):
    """The words' ways through the Huffman tree: bits and numbers of inner nodes, end to end."""

    codes: Array
    points: Array
    lengths: Array


class Held(NamedTuple):
    """What a file of gensim's holds."""

    vectors: Vectors
    paths: Paths | None


class _Part:
    """An object of gensim's: its attributes, and those of the files beside it that hold more of them."""

    def __init__(self, attributes: Mapping[str, Any], origin: str, prefix: str) -> None:
        self.attributes, self.origin, self.prefix = attributes, origin, prefix
        apart = attributes.get("__numpys", ())
        self.apart = (
            frozenset(name for name in apart if type(name) is str) if type(apart) is list else frozenset()
        )

    def inner(self, name: str) -> "_Part":
        """Return the object that is an attribute; without attributes where there is none."""
        found = self.attributes.get(name)
        attributes = found.attributes if isinstance(found, PickledObject) else {}
        return _Part(attributes, self.origin, f"{self.prefix}.{name}")

    def array(self, *names: str, dimensions: int = 2) -> Array | None:
        """Return the array of one of some names, from the file beside where it is there; None: of none."""
        for name in names:
            found = self.attributes.get(name)
            if name in self.apart:
                found = _mapped(f"{self.prefix}.{name}.npy")
            if isinstance(found, np.ndarray):
                if found.ndim != dimensions:
                    self.fail(f"{name} has {found.ndim} dimensions, not {dimensions}")
                return found.astype(found.dtype.newbyteorder("="), order="C", copy=False)
        return None

    def fail(self, reason: str) -> NoReturn:
        raise FormatError(f"{self.origin}: {reason}")


def _mapped(path: str) -> Array:
    """Map a .npy file."""
    if not Path(path).exists():
        raise FileNotFoundError(
            f"{path} is missing: gensim writes large arrays beside the file; copy all of them"
        )
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (*DAMAGE, OSError, EOFError) as error:
        raise FormatError(f"{path}: no .npy file of numbers, or truncated: {error}") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf":
        raise FormatError(f"{path}: no .npy file of numbers")
    return found.view(np.ndarray)


# ---- The file


def recognised(path: StrPath) -> bool:
    """Tell by its first bytes whether a file may be gensim's: a pickle."""
    check_regular(path)
    with open_input(path) as file:
        return pickled.looks_pickled(peek(file))


def _opened(path: StrPath) -> PickledObject:
    found = pickled.read(path)
    if not isinstance(found, PickledObject) or not found.attributes:
        what = repr(found) if isinstance(found, PickledObject) else f"a {type(found).__name__}"
        raise FormatError(f"{os.fspath(path)}: no object of gensim's that fastvec knows: {what}")
    return found


def read(path: StrPath, *, mmap: bool = True, compose: bool = True) -> Held:
    """Read a Word2Vec, a KeyedVectors or a FastText that gensim has saved.

    Parameters
    ----------
    path : str or path
        Plain or compressed; what gensim wrote beside it must lie there.
    mmap : bool
        Leave large arrays in their files, read-only; else copy all into memory.
    compose : bool
        Compose the vectors of words of the rows of their n-grams where the file does not hold them (version 4 does
        not); else the words' own rows stand for them.

    Returns
    -------
    Held
        `vectors` is what a .fvec file would hold: of a model with parameters, output vectors and vectors of inner
        nodes (in gensim's order: `paths`), of word vectors without. Words are in the order of the file.

    Raises
    ------
    FormatError
        If the file is damaged, or holds something else.
    OSError
        If a file cannot be read, or one beside it is missing.
    """
    found, origin = _opened(path), os.fspath(path)
    whole = _Part(found.attributes, origin, origin)
    if found.name == "Doc2Vec" or "doctags" in whole.attributes:
        whole.fail(f"{found!r}: vectors of documents; fastvec has vectors of words alone")
    inside = whole.inner("wv")
    wv = inside if inside.attributes else whole
    words, vectors, own = _words(wv), wv.array("vectors", "syn0"), wv.array("vectors_vocab", "syn0_vocab")
    given = own if vectors is None else vectors
    if given is None or len(given) != len(words) or given.dtype.kind != "f":
        size = "no vectors" if given is None else f"vectors of {given.dtype} {given.shape}"
        whole.fail(f"{found!r}: {size} for {len(words)} words")
    extra, metadata = _subwords(wv, own, given)
    if vectors is None and compose and extra:
        given = _composed(words, extra, metadata)
    if "window" in whole.attributes:
        more, told = _model(whole, given)
        extra, metadata = extra | more, metadata | told
    if not mmap:
        given, extra = given.copy(), {name: array.copy() for name, array in extra.items()}
    held = Vectors(words, given, _counts(wv, words), metadata, extra)
    return Held(held, _paths(wv, words) if "node_vectors" in extra else None)


def _composed(words: WordTable, rows: Mapping[str, Array], metadata: Mapping[str, str]) -> Array:
    """Return the vectors of words with n-grams."""
    own, ngrams = rows["vectors_vocab"], rows["vectors_ngrams"]
    subwords = Subwords.from_metadata(metadata)
    if not subwords.enabled:
        return own
    vectors = np.empty_like(own)
    compose_vectors(own, ngrams, subwords.bags(words), vectors)
    return vectors


def _words(wv: _Part) -> WordTable:
    names = ("index_to_key", "index2word", "index2entity")
    words = next((wv.attributes[name] for name in names if name in wv.attributes), None)
    if type(words) is not list:
        wv.fail("it holds no list of words: no word vectors that fastvec knows")
    if not all(type(word) is str for word in words):
        wv.fail("keys that are no words: fastvec has vectors of words alone")
    try:
        table = WordTable.from_words(words)
    except ValueError as error:  # a word stands twice, or holds a lone surrogate
        raise FormatError(f"{wv.origin}: the words are damaged: {error}") from error
    table.origin = wv.origin
    return table


def _expandos(wv: _Part) -> Mapping[str, Any]:
    found = wv.attributes.get("expandos")
    return found if isinstance(found, dict) else {}


def _of_vocab(wv: _Part, words: WordTable, name: str) -> list[Any] | None:
    """Return an attribute of each word, as versions before 4.0 have it; None: there is none."""
    vocab = wv.attributes.get("vocab")
    if not isinstance(vocab, dict) or len(vocab) != len(words):
        return None
    entries = [vocab.get(word) for word in words]
    return [entry.attributes.get(name) if isinstance(entry, PickledObject) else None for entry in entries]


def _counts(wv: _Part, words: WordTable) -> NDArray[np.int64] | None:
    found = _expandos(wv).get("count")
    if found is None:
        found = _of_vocab(wv, words, "count")
        if found is None or not all(type(count) is int and 0 <= count < MOST for count in found):
            return None
    counts = np.asarray(found)
    if counts.shape != (len(words),) or (counts.dtype.kind not in "iu" and len(words)):
        wv.fail(f"counts of {counts.dtype} {counts.shape} for {len(words)} words")
    if counts.min(initial=0) < 0 or counts.sum(dtype=np.float64) >= MOST:
        wv.fail("counts below 0, or beyond all bounds")
    return counts.astype(np.int64)


def _paths(wv: _Part, words: WordTable) -> Paths | None:
    """Return the words' ways through the tree, where each has one."""
    ways = []
    for name in ("code", "point"):
        found = _expandos(wv).get(name)
        ways.append(found if isinstance(found, list) else _of_vocab(wv, words, name))
    codes, points = ways
    if codes is None or points is None or not len(codes) == len(points) == len(words):
        return None
    if not all(
        isinstance(way, np.ndarray) and way.ndim == 1 and way.dtype.kind in "iu" for way in codes + points
    ):
        return None
    lengths = np.array([len(code) for code in codes], np.int64)
    if not len(words) or not np.array_equal(lengths, [len(point) for point in points]):
        return None
    return Paths(np.concatenate(codes).astype(np.int64), np.concatenate(points).astype(np.int64), lengths)


# ---- Models


def _merged(whole: _Part) -> Mapping[str, Any]:
    """Return a model's attributes, with those that versions 3.3 to 3.8 kept in objects of their own."""
    return {
        **whole.inner("trainables").attributes,
        **whole.inner("vocabulary").attributes,
        **whole.attributes,
    }


def _model(whole: _Part, vectors: Array) -> tuple[dict[str, Array], dict[str, str]]:
    """Return a model's matrices and its metadata, as a .fvec file has them."""
    attributes = _merged(whole)
    extra = {}
    for name, theirs in MATRICES.items():
        rows = next(
            (a for part in (whole, whole.inner("trainables")) if (a := part.array(theirs)) is not None), None
        )
        if rows is not None:
            if rows.shape != vectors.shape or rows.dtype.kind != "f":
                whole.fail(f"{theirs} of {rows.dtype} {rows.shape} beside vectors of {vectors.shape}")
            extra[name] = rows
    parameters: dict[str, Any] = {"vector_size": vectors.shape[1]}
    for name, (names, default) in NUMBERS.items():
        value = next((attributes[n] for n in names if attributes.get(n) is not None), default)
        if not _is_number(value):
            whole.fail(f"{name} is no number that can be")
        parameters[name] = value
    options = {name: attributes[name] for name in OPTIONS if name in attributes}
    trained, words, sentences = (
        _natural(attributes.get(name)) for name in ("train_count", "corpus_total_words", "corpus_count")
    )
    metadata = {
        "parameters": json.dumps(parameters),
        "options": json.dumps(
            {k: v for k, v in options.items() if v is None or type(v) is str or _is_number(v)}
        ),
        "corpus_words": str(UNKNOWN if words is None else words),
        "corpus_sentences": str(sentences or 0),
        "trained_epochs": str(min(int(trained or 0), 1 << 20) * min(int(parameters["epochs"]), 1 << 31)),
    }
    return extra, metadata


def _is_number(value: Any) -> bool:
    """Tell whether it is a number, finite and of 62 bits."""
    return type(value) in (bool, int, float) and abs(value) < MOST


def _natural(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < MOST else None


def _subwords(wv: _Part, own: Array | None, vectors: Array) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the rows that a FastText's vectors are composed of, and the parameters of its n-grams."""
    ngrams = wv.array("vectors_ngrams", "syn0_ngrams")
    if own is None or ngrams is None:
        return {}, {}
    if wv.attributes.get("compatible_hash") is not True:
        wv.fail(
            "a FastText of gensim before 3.7.2, whose n-grams are hashed unlike fastText's; "
            "load and save it with gensim 3.8 first"
        )
    if own.shape != vectors.shape or ngrams.shape[1] != vectors.shape[1]:
        wv.fail(f"rows of {own.shape} and {ngrams.shape} beside vectors of {vectors.shape}")
    try:
        subwords = Subwords(*(wv.attributes[name] for name in ("min_n", "max_n", "bucket")))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{wv.origin}: the parameters of the n-grams are damaged: {error!r}") from error
    places = wv.attributes.get("hash2index")
    if isinstance(places, dict) and len(ngrams) != subwords.bucket:
        ngrams = _expanded(wv, ngrams, places, subwords.bucket)
    rows = {"vectors_vocab": own, "vectors_ngrams": ngrams[: subwords.bucket]}
    return {name: r.astype(np.float32, copy=False) for name, r in rows.items()}, subwords.to_metadata()


def _expanded(wv: _Part, ngrams: Array, places: dict[Any, Any], bucket: int) -> Array:
    """Return a row for each bucket, of the rows of those that occurred: version 3 keeps no others."""
    if bucket * ngrams.shape[1] * 4 > MAX_EXPANDED:
        wv.fail(f"bucket={bucket}: more than {MAX_EXPANDED} bytes of rows, of which the file holds few")
    ids = list(chain.from_iterable(places.items()))
    if not all(type(i) is int and i >= 0 for i in ids) or max(ids[::2], default=0) >= bucket:
        wv.fail("the places of the n-grams are damaged")
    if max(ids[1::2], default=-1) >= len(ngrams):
        wv.fail(f"the places of the n-grams lie beyond the {len(ngrams)} rows")
    rows = np.zeros((bucket, ngrams.shape[1]), np.float32)
    rows[ids[::2]] = ngrams[ids[1::2]]
    return rows


# ---- Phrases


def read_phrases(path: StrPath) -> tuple[str, dict[str, Any]]:
    """Read a Phrases, or a FrozenPhrases (once Phraser), that gensim has saved.

    Returns
    -------
    str
        "Phrases" or "FrozenPhrases".
    dict
        The attributes of fastvec's class. `vocab` is a dict of text to count, `phrasegrams` one of text to score;
        `scoring` is a name, as `phrase_store.scorer_name` gives it.

    Raises
    ------
    FormatError
        If the file is damaged, or holds something else.
    """
    found, origin = _opened(path), os.fspath(path)
    part = _Part(found.attributes, origin, origin)
    attributes = part.attributes
    kind = "FrozenPhrases" if "phrasegrams" in attributes else "Phrases"
    table = attributes.get("phrasegrams" if kind == "FrozenPhrases" else "vocab")
    if not isinstance(table, dict) or "threshold" not in attributes:
        part.fail(f"{found!r}: no phrases of gensim's")
    delimiter = _text(attributes.get("delimiter", "_"), part)
    words = attributes.get("connector_words", attributes.get("common_terms", frozenset()))
    if not isinstance(words, set | frozenset | list | tuple):
        part.fail("the connector words are no set of words")
    state: dict[str, Any] = {
        "min_count": _number(attributes, "min_count", 5, part),
        "threshold": _number(attributes, "threshold", 10.0, part),
        "delimiter": delimiter,
        "scoring": _scorer_name(attributes.get("scoring", "default"), part),
        "connector_words": frozenset(_text(word, part) for word in words),
    }
    if kind == "FrozenPhrases":
        state["phrasegrams"] = {_phrase(k, delimiter, part): _score(v, part) for k, v in table.items()}
        return kind, state
    for name, default in (("max_vocab_size", 40_000_000), ("min_reduce", 1), ("progress_per", 10_000)):
        state[name] = int(_number(attributes, name, default, part))
    state["corpus_word_count"] = int(_number(attributes, "corpus_word_count", 0, part))
    if not all(type(count) is int and count < MOST for count in table.values()):
        part.fail("counts that are no numbers")
    state["vocab"] = {_phrase(key, delimiter, part): count for key, count in table.items() if count > 0}
    return kind, state


def _number(attributes: Mapping[str, Any], name: str, default: float, part: _Part) -> Any:
    value = attributes.get(name, default)
    if not _is_number(value):
        part.fail(f"{name} is no number that can be")
    return value


def _text(text: Any, part: _Part) -> str:
    """Return a text; versions before 4.0 have it as UTF-8."""
    if type(text) is bytes:
        return text.decode("utf-8", "replace")
    if type(text) is not str:
        part.fail(f"a word that is no text, but {type(text).__name__}")
    return text


def _phrase(key: Any, delimiter: str, part: _Part) -> str:
    return delimiter.join(_text(word, part) for word in key) if type(key) is tuple else _text(key, part)


def _score(value: Any, part: _Part) -> float:
    """Return a phrase's score; beside it, versions before 3.8 have its count."""
    score = value[-1] if type(value) is tuple and value else value
    if type(score) not in (int, float):
        part.fail("scores that are no numbers")
    return float(score)


def _scorer_name(scoring: Any, part: _Part) -> str:
    if type(scoring) is str:
        return scoring
    if not isinstance(scoring, PickledObject) or scoring.args is not None:
        return f"{scoring!r}" if isinstance(scoring, PickledObject) else "none"
    own = {"original_scorer": "default", "npmi_scorer": "npmi"}
    if scoring.module == "gensim.models.phrases" and scoring.name in own:
        return own[scoring.name]
    return f"{scoring.module}:{scoring.name}"
