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
        "fasttext": ["FastText", "load_facebook_model", "load_facebook_vectors", "save_facebook_model"],
        "fasttext_vectors": ["FastTextKeyedVectors"],
    },
    "callbacks": {"callbacks": ["CallbackAny2Vec"]},
}
"""Module of gensim.models: modules of fastvec, and the names that it takes from them where they are there."""


def stand_in(name):
    """Return a module named as gensim's, with fastvec's names."""
    module = types.ModuleType(f"gensim.models.{name}")
    module.REAL = np.float32
    for source, names in STAND_INS[name].items():
        if importlib.util.find_spec(f"fastvec.{source}"):
            found = importlib.import_module(f"fastvec.{source}")
            vars(module).update({n: getattr(found, n) for n in names if hasattr(found, n)})
    return module


for name in STAND_INS:
    module = stand_in(name)
    sys.modules[module.__name__] = module
    setattr(gensim.models, name, module)
    for key, value in vars(module).items():
        if key[0].isupper() and hasattr(gensim.models, key):
            setattr(gensim.models, key, value)
