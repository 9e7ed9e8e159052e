"""Python imports this at its start where the directory is on PYTHONPATH: gensim's names then stand for fastvec's.

Processes that the tests start inherit the path, and so this too. Only modules that stand in `STAND_INS` are replaced,
each as a whole: a name that fastvec does not offer is missing, and never gensim's own.
"""

import importlib
import importlib.util
import sys
import types

import gensim.models
import numpy as np

STAND_INS = {
    "keyedvectors": {
        "keyedvectors": [
            "KeyedVectors",
            "_load_word2vec_format",
            "load_word2vec_format",
            "pseudorandom_weak_vector",
        ]
    },
    "word2vec": {
        "word2vec": ["Word2Vec"],
        "keyedvectors": ["KeyedVectors"],
        "text": ["LineSentence", "PathLineSentences", "Text8Corpus"],
    },
    "word2vec_corpusfile": {},
    "phrases": {
        "phrases": [
            "ENGLISH_CONNECTOR_WORDS",
            "FrozenPhrases",
            "_PhrasesTransformation",
            "Phraser",
            "Phrases",
            "npmi_scorer",
            "original_scorer",
        ]
    },
    "fasttext": {
        "fasttext": ["FastText"],
        "facebook": ["load_facebook_model", "load_facebook_vectors", "save_facebook_model"],
        "fasttext_vectors": ["FastTextKeyedVectors"],
    },
    "_fasttext_bin": {},
    "fasttext_inner": {},
    "callbacks": {"callbacks": ["CallbackAny2Vec"]},
}
"""Module of gensim.models: modules of fastvec, and the names that it takes from them where they are there."""

PRIVATE = {"fasttext": ["_unpack"], "_fasttext_bin": ["_load_vocab", "_fromfile"]}
"""Private functions of gensim's without which its tests could not be imported: here they do nothing but fail."""


def ngram_functions():
    """Return gensim's functions of n-grams, in terms of fastvec's."""
    subword = importlib.import_module("fastvec._backend").load("reference", "subword")
    subwords = importlib.import_module("fastvec.subwords").Subwords
    return {
        "compute_ngrams": lambda word, low, high: sorted(subwords(low, high, 1).ngrams(word), key=len),
        "compute_ngrams_bytes": lambda word, low, high: subword.ngrams(word.encode(), low, high),
        "ft_hash_bytes": subword.ngram_hash,
    }


def absent(name):
    def fail(*arguments, **options):
        raise NotImplementedError(f"{name} is a private function of gensim's")

    return fail


def stand_in(name):
    """Return a module named as gensim's, with fastvec's names."""
    module = types.ModuleType(f"gensim.models.{name}")
    module.REAL = np.float32
    for source, names in STAND_INS[name].items():
        if importlib.util.find_spec(f"fastvec.{source}"):
            found = importlib.import_module(f"fastvec.{source}")
            vars(module).update({n: getattr(found, n) for n in names if hasattr(found, n)})
    vars(module).update({n: absent(n) for n in PRIVATE.get(name, ())})
    if name == "fasttext_inner":
        vars(module).update(ngram_functions())
    return module


for name in STAND_INS:
    module = stand_in(name)
    sys.modules[module.__name__] = module
    setattr(gensim.models, name, module)
    for key, value in vars(module).items():
        if key[0].isupper() and hasattr(gensim.models, key):
            setattr(gensim.models, key, value)
