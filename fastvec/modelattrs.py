"""What can be read off a model, and set: its parameters, vectors, counts, under gensim's names."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec import recount
from fastvec.config import MODEL_OPTIONS, TrainConfig
from fastvec.keyedvectors import KeyedVectors
from fastvec.train import Matrix, Weights
from fastvec.vecattrs import check_numbers
from fastvec.vocab import Vocab

PARAMETERS = frozenset(field.name for field in dataclasses.fields(TrainConfig))
NO_ROWS = {
    "syn1neg": "there are no output vectors: the model has no vocabulary, or negative=0",
    "syn1": "there are no vectors of inner nodes: the model has no vocabulary, or hs=0",
    "load": "load is called on the class, which returns a new model: Word2Vec.load(fname)",
}
CUM_TABLE_END = 2**31 - 1


class Attributes:
    """The attributes of a model: see `Word2Vec`."""

    config: TrainConfig
    vocab: Vocab | None
    min_count: int
    max_vocab_size: int | None
    max_final_vocab: int | None
    effective_min_count: int
    _wv: KeyedVectors | None
    """None: not made yet, where there are no words."""
    _weights: Weights
    _counted: Vocab | None

    def __getattr__(self, name: str) -> Any:
        """Offer the parameters under gensim's names: ``model.epochs``, ``model.window`` and so on."""
        if name in PARAMETERS:
            return getattr(self.config, name)
        if name in NO_ROWS:
            raise AttributeError(NO_ROWS[name])
        hint = "; ask model.wv" if not name.startswith("_") and hasattr(KeyedVectors, name) else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Parameters may be set; the next training goes by them, or the next vocabulary: `min_count` and the like."""
        if name in PARAMETERS:
            config = dataclasses.replace(self.config, **{name: value})
            if config.vector_size != self.config.vector_size:
                self._change_shape("vector_size", value)
            if (
                config.hs_tree != self.config.hs_tree
                and self.vocab is not None
                and self._weights.nodes is not None
            ):
                raise AttributeError(
                    f"hs_tree={value!r}: the inner nodes are there, in the tree hs_tree={self.hs_tree!r}; set it "
                    f"before build_vocab, or make a new model: {type(self).__name__}(hs_tree={value!r}, ...)"
                )
            self.config = config
        else:
            check = MODEL_OPTIONS.get(name)
            object.__setattr__(self, name, check(name, value) if check else value)

    def _change_shape(self, name: str, value: Any) -> None:
        """Make room for vectors of another shape; raise AttributeError where there are vectors."""
        if self.vocab is not None or (self._wv is not None and len(self._wv)):
            raise AttributeError(
                f"{name}={value!r}: the vectors are there, with {name}={getattr(self, name)}, and stay of that shape; "
                f"set it before build_vocab, or make a new model: {type(self).__name__}({name}={value!r}, ...)"
            )
        self._wv = None

    @property
    def wv(self) -> KeyedVectors:
        """The word vectors: rows of the model's own, which training changes.

        May be set. Vectors of the model's words, in their order, replace its rows. Others leave a model that can be
        asked, and not be trained on.
        """
        if self._wv is None:
            self._wv = self._no_vectors()
        return self._wv

    @wv.setter
    def wv(self, vectors: KeyedVectors) -> None:
        if not isinstance(vectors, KeyedVectors):
            raise TypeError(f"wv: KeyedVectors are needed, not {type(vectors).__name__}")
        if vectors is self._wv:
            return
        if self.vocab is not None:
            if vectors.words == self.vocab.words:
                check_numbers(vectors.words, vectors.vectors)
                if self.wv.take_rows(vectors):
                    return
            self._forget()
        self._wv = vectors

    def _no_vectors(self) -> KeyedVectors:
        return KeyedVectors(self.config.vector_size)

    def _forget(self) -> None:
        """Have no vocabulary, and no rows."""
        self.__dict__.pop("_weights", None)
        self.vocab = self._wv = None

    @property
    def layer1_size(self) -> int:
        """Size of the hidden layer: `vector_size`."""
        return self.config.vector_size

    @property
    def syn1neg(self) -> Matrix:
        """The output vectors, float32 (words, vector_size), under the name they have in word2vec.c and gensim."""
        return self._named("syn1neg", "output")

    @property
    def syn1(self) -> Matrix:
        """The vectors of the Huffman tree's inner nodes, float32 (words, vector_size); the last row is not used."""
        return self._named("syn1", "nodes")

    def _named(self, name: str, field: str) -> Matrix:
        rows: Matrix | None = None if self.vocab is None else getattr(self._weights, field)
        if rows is None:
            raise AttributeError(NO_ROWS[name])
        return rows[:, : self.config.vector_size]

    @property
    def cum_table(self) -> NDArray[np.uint32] | None:
        """The noise distribution, summed up to 2^31 - 1, uint32 (words,); None without a vocabulary or noise.

        For reading: noise words are drawn from an alias table (`Vocab.noise_table`).
        """
        if self.vocab is None or not self.config.negative:
            return None
        weights = np.maximum(self.vocab.counts, 1).astype(np.float64) ** self.config.ns_exponent
        table: NDArray[np.uint32] = np.rint(np.cumsum(weights) * (CUM_TABLE_END / weights.sum())).astype(
            np.uint32
        )
        return table

    @property
    def corpus_count(self) -> int:
        """Sentences of the corpus that was counted last."""
        counted = self._counted or self.vocab
        return counted.corpus_sentences if counted else 0

    @property
    def corpus_total_words(self) -> int | None:
        """Tokens of that corpus, those of dropped words included; None where a file of gensim's does not tell."""
        counted = self._counted or self.vocab
        words = counted.corpus_words if counted else 0
        return None if words < 0 else words

    @property
    def raw_vocab(self) -> Mapping[str, int]:
        """Counts of all words, dropped ones too: after `scan_vocab`, until `prepare_vocab` unless it keeps them."""
        return {} if self._counted is None else recount.WordCounts(self._counted)
