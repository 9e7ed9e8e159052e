"""fastvec: static word embeddings on CPUs. Train them, store them, ask them.

>>> import fastvec
>>> model = fastvec.Word2Vec(corpus_file="corpus.txt")  # doctest: +SKIP
>>> model.wv.most_similar("horse")  # doctest: +SKIP
>>> model.wv.save("words.fvec")  # doctest: +SKIP
>>> wv = fastvec.KeyedVectors.load("words.fvec")  # doctest: +SKIP
"""

from fastvec._version import __version__
from fastvec.config import TrainConfig
from fastvec.corpus import EncodedCorpus
from fastvec.errors import CorpusError, FormatError, TrainingError
from fastvec.keyedvectors import KeyedVectors
from fastvec.text import LineSentence, PathLineSentences, Text8Corpus
from fastvec.vocab import Vocab
from fastvec.word2vec import Word2Vec

__all__ = [
    "CorpusError",
    "EncodedCorpus",
    "FormatError",
    "KeyedVectors",
    "LineSentence",
    "PathLineSentences",
    "Text8Corpus",
    "TrainConfig",
    "TrainingError",
    "Vocab",
    "Word2Vec",
    "__version__",
]
