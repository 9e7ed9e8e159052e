"""fastvec: static word embeddings on CPUs. Train them, store them, ask them.

>>> import fastvec
>>> model = fastvec.Word2Vec(corpus_file="corpus.txt")  # doctest: +SKIP
>>> model.wv.most_similar("horse")  # doctest: +SKIP
>>> model.wv.save("words.fvec")  # doctest: +SKIP
>>> wv = fastvec.KeyedVectors.load("words.fvec")  # doctest: +SKIP

A name is imported when it is first used: who opens vectors does not wait for what trains them.
"""

import importlib
from typing import TYPE_CHECKING, Any

from fastvec._version import __version__

if TYPE_CHECKING:
    from fastvec.callbacks import CallbackAny2Vec
    from fastvec.config import TrainConfig
    from fastvec.corpus import EncodedCorpus
    from fastvec.errors import CorpusError, FormatError, StopTraining, TrainingError
    from fastvec.facebook import load_facebook_model, load_facebook_vectors, save_facebook_model
    from fastvec.fasttext import FastText
    from fastvec.fasttext_vectors import FastTextKeyedVectors
    from fastvec.keyedvectors import KeyedVectors
    from fastvec.opening import check, load
    from fastvec.phrases import ENGLISH_CONNECTOR_WORDS, FrozenPhrases, Phraser, Phrases
    from fastvec.text import LineSentence, PathLineSentences, Text8Corpus
    from fastvec.vocab import Vocab
    from fastvec.word2vec import Word2Vec

__all__ = [
    "ENGLISH_CONNECTOR_WORDS",
    "CallbackAny2Vec",
    "CorpusError",
    "EncodedCorpus",
    "FastText",
    "FastTextKeyedVectors",
    "FormatError",
    "FrozenPhrases",
    "KeyedVectors",
    "LineSentence",
    "PathLineSentences",
    "Phraser",
    "Phrases",
    "StopTraining",
    "Text8Corpus",
    "TrainConfig",
    "TrainingError",
    "Vocab",
    "Word2Vec",
    "__version__",
    "check",
    "load",
    "load_facebook_model",
    "load_facebook_vectors",
    "save_facebook_model",
]

_MODULES = {
    "callbacks": ("CallbackAny2Vec",),
    "config": ("TrainConfig",),
    "corpus": ("EncodedCorpus",),
    "errors": ("CorpusError", "FormatError", "StopTraining", "TrainingError"),
    "facebook": ("load_facebook_model", "load_facebook_vectors", "save_facebook_model"),
    "fasttext": ("FastText",),
    "fasttext_vectors": ("FastTextKeyedVectors",),
    "keyedvectors": ("KeyedVectors",),
    "opening": ("check", "load"),
    "phrases": ("ENGLISH_CONNECTOR_WORDS", "FrozenPhrases", "Phraser", "Phrases"),
    "text": ("LineSentence", "PathLineSentences", "Text8Corpus"),
    "vocab": ("Vocab",),
    "word2vec": ("Word2Vec",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'fastvec' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(f"fastvec.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
