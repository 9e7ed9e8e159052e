"""Phrases in sentences: what `Phrases` and `FrozenPhrases` do alike."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastvec import _backend


class Known(NamedTuple):
    """All phrases of a model."""

    joiner: Any
    """Of the backend"""
    texts: list[str]
    scores: list[float]


class PhrasedCorpus:
    """The sentences of a corpus with their phrases joined, as they are iterated over; again and again if it can be.

    The phrases are those that the model has when an iteration begins.

    Parameters
    ----------
    obj : Phrases or FrozenPhrases
    corpus : iterable of sentences
    """

    def __init__(self, obj: "PhrasesTransformation", corpus: Any) -> None:
        self.obj = obj
        self.corpus = corpus

    def __len__(self) -> int:
        return len(self.corpus)

    def __iter__(self) -> Iterator[list[str]]:
        return map(self.obj._join_of_each(), self.corpus)

    def __getitem__(self, number: Any) -> Any:
        if not hasattr(self.corpus, "__getitem__"):
            raise RuntimeError(f"Type {type(self.corpus)} does not support slicing.")
        return self.obj[self.corpus[number]]


class PhrasesTransformation:
    """What `Phrases` and `FrozenPhrases` share: finding phrases in sentences, given a score for a candidate.

    A subclass may have a `score_candidate` of its own.

    Parameters
    ----------
    connector_words : iterable of str
        Words that may stand inside a phrase, but neither begin nor end one.
    """

    def __init__(self, connector_words: Iterable[str]) -> None:
        self.connector_words = frozenset(connector_words)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: phrases are looked up anew in it."""
        return {name: value for name, value in self.__dict__.items() if name != "_cache"}

    def score_candidate(
        self, word_a: str, word_b: str, in_between: Sequence[str]
    ) -> tuple[str, float] | tuple[None, None]:
        """Return the phrase of two words, and connectors in between, and its score; two Nones if it is none."""
        raise NotImplementedError(f"{type(self).__name__} has no score_candidate")

    def analyze_sentence(self, sentence: Iterable[str]) -> Iterator[tuple[str, float | None]]:
        """Yield the words of a sentence, phrases joined: ``(phrase, score)`` or ``(word, None)``.

        Phrases are found from left to right. An empty word cannot begin a phrase, and is left out, as in gensim.
        """
        begun: list[str] = []
        for word in sentence:
            if word in self.connector_words:
                if begun:
                    begun.append(word)
                else:
                    yield word, None
                continue
            if begun:
                phrase, score = self.score_candidate(begun[0], word, begun[1:])
                if phrase is not None:
                    yield phrase, score
                    begun = []
                    continue
                yield from ((one, None) for one in begun)
            begun = [word] if word else []
        yield from ((one, None) for one in begun)

    def __getitem__(self, sentence: Any) -> Any:
        """Return a sentence with its phrases joined, or a corpus of such, joined as it is iterated over.

        Parameters
        ----------
        sentence : iterable of str, or iterable of iterables of str

        Returns
        -------
        list of str, or PhrasedCorpus
        """
        if isinstance(sentence, PhrasedCorpus):  # whose first sentence may not come twice
            return PhrasedCorpus(self, sentence)
        items = iter(sentence)
        first = next(items, None)
        if first is None:
            return []
        if items is sentence:
            sentence = itertools.chain([first], items)
        return self._join_of_each()(sentence) if isinstance(first, str) else PhrasedCorpus(self, sentence)

    def find_phrases(self, sentences: Iterable[Iterable[str]]) -> dict[str, float]:
        """Return the phrases that occur in the sentences, with their scores."""
        found: dict[str, float] = {}
        known = self._known()
        for sentence in sentences:
            words = sentence if isinstance(sentence, list) else list(sentence)
            if known is not None:
                try:
                    _, phrases = known.joiner.segments(words)
                except (TypeError, UnicodeEncodeError):
                    pass
                else:
                    found.update((known.texts[i], known.scores[i]) for i in phrases if i >= 0)
                    continue
            found.update((phrase, s) for phrase, s in self.analyze_sentence(words) if s is not None)
        return found

    def _join_of_each(self) -> Callable[[Iterable[str]], list[str]]:
        """Return a function that joins the phrases of a sentence, those that are known now."""
        known = self._known()
        if known is None:
            return self._joined_one_by_one
        joined, texts, one_by_one = known.joiner.joined, known.texts, self._joined_one_by_one

        def join(sentence: Iterable[str]) -> list[str]:
            words = sentence if isinstance(sentence, list) else list(sentence)
            try:
                return joined(words, texts)  # type: ignore[no-any-return]
            except (TypeError, UnicodeEncodeError):  # no str, or no UTF-8: such a word is in no phrase
                return one_by_one(words)

        return join

    def _joined_one_by_one(self, sentence: Iterable[str]) -> list[str]:
        """Join the phrases of a sentence by asking for the score of each candidate."""
        return [token for token, _ in self.analyze_sentence(sentence)]

    def _known(self) -> Known | None:
        """Return the phrases, or None where each candidate must be asked for its score."""
        return None


def encoded(words: Iterable[Any]) -> list[str]:
    """Return the words that can stand in a text in UTF-8, sorted."""
    found = []
    for word in words:
        try:
            word.encode()
        except (UnicodeEncodeError, AttributeError):
            continue
        found.append(word)
    return sorted(found)


def make_joiner(
    texts: list[str], delimiter: str, connectors: Iterable[Any], splits: NDArray[np.int32] | None = None
) -> Any:
    """Return the backend's joiner of phrases given as strings."""
    raw = [text.encode() for text in texts]
    offsets = np.zeros(len(raw) + 1, np.int64)
    np.cumsum([len(text) for text in raw], out=offsets[1:])
    text = np.frombuffer(b"".join(raw), np.uint8)
    own = [word.encode() for word in encoded(connectors)]
    return _backend.joiner.Joiner(text, offsets, delimiter.encode(), own, splits)
