"""WordVectorizer: vectors of texts as a transformer of scikit-learn's."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fastvec.keyedvectors import KeyedVectors
from fastvec.sentences import common_components, without_components

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError(
        "fastvec.sklearn needs scikit-learn, of the extra sklearn: pip install 'fastvec[sklearn]'"
    ) from error

Texts = Iterable[str | Sequence[str]]


class WordVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn texts into the weighted means of the vectors of their words; see `KeyedVectors.sentence_vectors`.

    Parameters
    ----------
    vectors : KeyedVectors, str or path
        The vectors, or a file that `KeyedVectors.load` opens when fitting begins. Estimators are cloned: a path and
        vectors of a mapped file cost nothing then, vectors in memory are copied.
    tokenizer : callable, optional
        Makes a list of words of a text; without it texts are split at blanks, and lists are taken as they are.
    sif : float, optional
        The number a of smooth inverse frequency, such as 1e-3; None: all words count the same.
    pre_normalize : bool
        Scale the words' vectors to length 1 first.
    remove : int
        How many principal components of the texts given to `fit` are taken out of all texts.

    Attributes
    ----------
    vectors_ : KeyedVectors
    components_ : float32 array of (k, D)
        What is taken out.

    References
    ----------
    Arora, Liang, Ma, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", ICLR 2017.
    """

    def __init__(
        self,
        vectors: Any = None,
        *,
        tokenizer: Callable[[str], Sequence[str]] | None = None,
        sif: float | None = None,
        pre_normalize: bool = True,
        remove: int = 0,
    ) -> None:
        self.vectors = vectors
        self.tokenizer = tokenizer
        self.sif = sif
        self.pre_normalize = pre_normalize
        self.remove = remove

    def fit(self, X: Texts, y: Any = None) -> Self:
        """Open the vectors, and find what texts have in common where `remove` asks for it.

        Parameters
        ----------
        X : iterable of str, or of lists of str
        y : ignored

        Raises
        ------
        ValueError
            If there are no vectors.
        """
        if isinstance(self.vectors, str | os.PathLike):
            self.vectors_ = KeyedVectors.load(self.vectors)
        elif isinstance(self.vectors, KeyedVectors):
            self.vectors_ = self.vectors
        else:
            raise ValueError(
                f"vectors={self.vectors!r}: give KeyedVectors, or the path of a file of word vectors"
            )
        self._n_features_out = self.vectors_.vector_size
        self.components_ = np.empty((0, self._n_features_out), np.float32)
        if self.remove:
            self.components_ = common_components(self._means(X), self.remove)
        return self

    def transform(self, X: Texts) -> NDArray[np.float32]:
        """Return a vector for each text, float32 (n, D).

        Parameters
        ----------
        X : iterable of str, or of lists of str
        """
        check_is_fitted(self)
        return without_components(self._means(X), self.components_)

    def _means(self, texts: Texts) -> NDArray[np.float32]:
        if isinstance(texts, str):
            raise ValueError(f"{texts[:60]!r} is one text: a list of texts is needed")
        words = map(self._words, texts)
        return self.vectors_.sentence_vectors(words, sif=self.sif, pre_normalize=self.pre_normalize)

    def _words(self, text: str | Sequence[str]) -> Sequence[str]:
        if self.tokenizer is not None:
            return self.tokenizer(text)  # type: ignore[arg-type]
        return text.split() if isinstance(text, str) else text

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        return tags
