"""Phrases on disk: one safetensors file (docs/phrases.md); nothing in it is run."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fastvec import formats
from fastvec.errors import FormatError
from fastvec.formats import gensim
from fastvec.phrase_counts import PhraseCounts, check_bounds, strings
from fastvec.tensors import Tensors, open_tensors, save_tensors
from fastvec.words import WordTable

StrPath = str | os.PathLike[str]
KIND = "fastvec_phrases"
_OWN = {"default": "original_scorer", "npmi": "npmi_scorer"}


def save_phrases(model: Any, path: StrPath) -> None:
    """Write a `Phrases`: words, steps and rows of its counts."""
    names = ("min_count", "threshold", "max_vocab_size", "min_reduce", "delimiter", "progress_per")
    state = {name: getattr(model, name) for name in (*names, "corpus_word_count")}
    save_tensors(path, model.vocab.arrays(), _metadata("Phrases", model, state))


def save_frozen(model: Any, path: StrPath) -> None:
    """Write a `FrozenPhrases`: phrases and scores."""
    texts = WordTable.from_words(model.phrasegrams)
    scores = np.fromiter(model.phrasegrams.values(), np.float64, len(model.phrasegrams))
    state = {name: getattr(model, name) for name in ("min_count", "threshold", "delimiter")}
    arrays: dict[str, Any] = {"words": texts.text, "offsets": texts.offsets, "scores": scores}
    save_tensors(path, arrays, _metadata("FrozenPhrases", model, state))


def _metadata(kind: str, model: Any, state: dict[str, Any]) -> dict[str, str]:
    state = {name: getattr(value, "item", lambda value=value: value)() for name, value in state.items()}
    state["connector_words"] = sorted(model.connector_words)
    state["scoring"] = scorer_name(model.scoring)
    return {KIND: kind, "state": json.dumps(state)}


def scorer_name(scorer: Callable[..., float]) -> str:
    """Return the name under which a scorer is stored: "default", "npmi", or "module:name".

    Raises
    ------
    ValueError
        If the module does not hold the scorer under its name, as of a lambda.
    """
    module, name = getattr(scorer, "__module__", ""), getattr(scorer, "__qualname__", "")
    if module == "fastvec.phrase_scores" and name in _OWN.values():
        return next(key for key, value in _OWN.items() if value == name)
    if not name or _find(module, name) is not scorer:
        raise ValueError(
            f"{scorer!r} cannot be stored: give a function that stands in a module under its own name, "
            "or freeze the model and keep its phrasegrams"
        )
    return f"{module}:{name}"


def _find(module: str, name: str) -> Any:
    """Return what an imported module holds under a dotted name, or None."""
    first, *parts = name.split(".")
    found = getattr(sys.modules.get(module), "__dict__", {}).get(
        first
    )  # without a module's __getattr__, which imports
    for part in parts:
        found = getattr(found, part, None)
    return found


def load(path: StrPath, scoring: Callable[..., float] | None) -> tuple[str, dict[str, Any]]:
    """Open a file of phrases, of fastvec's or of gensim's: its kind, and the attributes of the model."""
    kind, state = _of_gensim(path) if gensim.recognised(path) else _own(path)
    state["scoring"] = scoring or _scorer(state["scoring"], path)
    return kind, state


def _of_gensim(path: StrPath) -> tuple[str, dict[str, Any]]:
    kind, state = gensim.read_phrases(path)
    if kind == "Phrases":
        state["vocab"] = PhraseCounts.of(state["vocab"], state["delimiter"])
    return kind, state


def _own(path: StrPath) -> tuple[str, dict[str, Any]]:
    with formats.telling(path, "phrases"):
        tensors = open_tensors(path)
        kind = tensors.metadata.get(KIND)
        if kind not in ("Phrases", "FrozenPhrases"):
            raise FormatError(f"{os.fspath(path)}: no file of phrases")
    try:
        state = _state(kind, tensors)
        if kind == "Phrases":
            state["vocab"] = _counts(tensors, state["delimiter"])
        else:
            scores = _array(tensors, "scores", np.float64)
            texts = _array(tensors, "words", np.uint8), _array(tensors, "offsets", np.int64)
            check_bounds(*texts)
            words = strings(texts)
            state["phrasegrams"] = dict(zip(words, scores.tolist(), strict=True))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as problem:
        raise FormatError(f"{os.fspath(path)}: the phrases are damaged: {problem}") from problem
    return kind, state


def _scorer(name: str, path: StrPath) -> Any:
    module, _, function = ("fastvec.phrase_scores:" + _OWN[name] if name in _OWN else name).partition(":")
    scorer = _find(module, function)
    if not callable(scorer):
        raise ValueError(
            f"{os.fspath(path)}: its scorer is {name}: import {module} before, or give load(..., scoring=)"
        )
    return scorer


_TYPES: dict[str, type | tuple[type, ...]] = {
    "min_count": (int, float), "threshold": (int, float), "delimiter": str, "scoring": str, "connector_words": list,
    "max_vocab_size": int, "min_reduce": int, "progress_per": int, "corpus_word_count": int,
}  # fmt: skip


def _state(kind: str, tensors: Tensors) -> dict[str, Any]:
    state = json.loads(tensors.metadata["state"])
    names = list(_TYPES)[: None if kind == "Phrases" else 5]
    for name in names:
        if not isinstance(state[name], _TYPES[name]):
            raise TypeError(f"{name} is {state[name]!r}")
    state["connector_words"] = frozenset(map(str, state["connector_words"]))
    return {name: state[name] for name in names}


def _array(tensors: Tensors, name: str, dtype: Any) -> Any:
    array = tensors[name]
    if array.dtype != dtype or array.ndim != 1:
        raise TypeError(f"{name} is {array.dtype} {array.shape}")
    return np.ascontiguousarray(array)


def _counts(tensors: Tensors, delimiter: str) -> PhraseCounts:
    arrays = {name: _array(tensors, name, dtype) for name, dtype in _ARRAYS.items()}
    return PhraseCounts.from_arrays(arrays, delimiter)


_ARRAYS = {
    "words": np.uint8, "offsets": np.int64, "step_left": np.uint32, "step_connector": np.int32, "left": np.uint32,
    "right": np.uint32, "counts": np.int64,
}  # fmt: skip
