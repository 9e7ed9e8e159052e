"""Measures other than the cosine: 3CosMul, and the Word Mover's Distance."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastvec import search
from fastvec.config import check_integers
from fastvec.lookup import check_first_rows, check_queries, keys_or_vectors
from fastvec.sentences import Sentences

EPSILON = 1e-6
"""Keeps the quotient of 3CosMul finite (Levy and Goldberg 2014)."""


class Measures(Sentences):
    """The methods of KeyedVectors that measure by something else than one cosine."""

    def most_similar_cosmul(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Any:
        """Find the words that are near to all of `positive` and far from all of `negative`: 3CosMul.

        A word scores the product of its similarities to the positive keys, divided by that to the negative ones; a
        similarity is (1 + cosine) / 2. So no single large similarity outweighs the others, as it may in a sum.

        Parameters
        ----------
        positive, negative : key, vector, or list of them, optional
            Vectors are taken as they are: give them length 1.
        topn : int or None
            How many to return; None: the score of every row, float (V,).
        restrict_vocab : int, optional
            Search the first rows only, the most frequent words.

        Returns
        -------
        list of (str, float)
            Without the keys that were given; equal scores in the order of the rows.

        Raises
        ------
        KeyError
            If a key is not there.
        ValueError
            If no positive key is given; for NaN and infinity in a vector.
        TypeError
            If an argument is of a wrong kind.

        References
        ----------
        Levy, Goldberg, "Linguistic Regularities in Sparse and Explicit Word Representations", CoNLL 2014.
        """
        check_integers(topn=topn)
        check_first_rows(restrict_vocab)
        if topn is not None and topn < 1:
            return []
        keys = [keys_or_vectors(positive), keys_or_vectors(negative)]
        if not keys[0]:
            raise ValueError("cannot compute similarity with no input")
        rows = slice(0, min(restrict_vocab or len(self), len(self)))
        norms = np.where(self.norms[rows] > 0, self.norms[rows], 1)
        products = [np.ones(len(norms), np.float32) for _ in keys]
        for product, side in zip(products, keys, strict=True):
            for key in side:
                given = key if isinstance(key, np.ndarray) else self.get_vector(key, norm=True)
                check_queries(given[None], ["(a vector)" if given is key else repr(key)])
                product *= (1 + self.vectors[rows] @ given / norms) / 2
        scores = products[0] / (products[1] + np.float32(EPSILON))
        if topn is None:
            return scores
        named = (key for side in keys for key in side if not isinstance(key, np.ndarray))
        known = {self.get_index(key) for key in named if self.has_index_for(key)}
        order = search.greatest(scores, topn + len(known)).tolist()
        return [(self.words[i], float(scores[i])) for i in order if i not in known][:topn]

    def wmdistance(self, document1: Sequence[str], document2: Sequence[str], norm: bool = True) -> float:
        """Return the Word Mover's Distance of two documents: the least way of moving one's words to the other's.

        Parameters
        ----------
        document1, document2 : sequence of str
            Words that are not there are left out.
        norm : bool
            Scale the vectors to length 1 first.

        Returns
        -------
        float
            Infinity where no word of a document is there.

        Raises
        ------
        ImportError
            Without the package POT: ``pip install 'fastvec[wmd]'``.

        References
        ----------
        Kusner, Sun, Kolkin, Weinberger, "From Word Embeddings To Document Distances", ICML 2015; Flamary et al.,
        "POT: Python Optimal Transport", JMLR 2021.
        """
        try:
            from ot import emd2
        except ImportError as error:
            raise ImportError(
                "wmdistance needs the package POT, of the extra wmd: pip install 'fastvec[wmd]'"
            ) from error
        bags = [Counter(word for word in document if word in self) for document in (document1, document2)]
        if not all(bags):
            return float("inf")
        first, second = (
            np.stack([self.get_vector(word, norm) for word in bag]).astype(float) for bag in bags
        )
        distances = np.linalg.norm(first[:, None] - second[None], axis=2)
        if not distances.any():
            return 0.0
        weights = [np.array(list(bag.values()), float) / bag.total() for bag in bags]
        return float(emd2(*weights, distances))
