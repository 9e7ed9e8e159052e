"""Word2Vec: the class that people construct. Text in, `wv` out."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastvec import store
from fastvec._version import __version__
from fastvec.config import TrainConfig
from fastvec.corpus import EncodedCorpus, count_and_encode
from fastvec.errors import FormatError, TrainingError
from fastvec.keyedvectors import KeyedVectors
from fastvec.progress import Reporter, reporter
from fastvec.train import Outcome, Weights, allocate_rows, initial_input, train
from fastvec.vocab import Vocab
from fastvec.words import WordTable

Errors = Literal["strict", "replace", "ignore"]
ProgressOption = bool | Callable[[Any], None] | None
PathOrName = str | os.PathLike[str]


_PARAMETERS = frozenset(field.name for field in dataclasses.fields(TrainConfig))


class Word2Vec:
    """A word2vec model: skip-gram with negative sampling.

    With a corpus, the model is built and trained at once; without, call `build_vocab` and `train`. Names, meanings and
    defaults of the parameters are gensim's, except `sg` (this version has no CBOW) and `workers` (all cores).

    Parameters
    ----------
    sentences : iterable of lists of str, optional
        Read once, before training starts; a generator will do.
    corpus_file : str or PathLike, optional
        A text file with a sentence a line, or a directory of such files; plain, .gz, .bz2, .xz or .zst.
    vector_size, alpha, window, sample, seed, workers, min_alpha, negative, ns_exponent, epochs, shrink_windows
        See `TrainConfig`.
    min_count : int
        Words that occur less often are left out.
    max_vocab_size : int, optional
        Bound on the different words held in memory while counting; the rarest are forgotten.
    max_final_vocab : int, optional
        Keep at most so many words, the most frequent.
    trim_rule : callable, optional
        ``trim_rule(word, count, min_count)`` returns 0 (default), 1 (discard) or 2 (keep).
    sg, hs : int
        1 and 0: other models are not there yet.
    cbow_mean, cbow_classic
        See `TrainConfig`.
    errors : {"strict", "replace", "ignore"}
        What to do with bytes of a file that are not UTF-8.
    progress : bool or callable, optional
        Show a progress bar on standard error; or call with a `fastvec.train.Progress` as training goes on.

    Attributes
    ----------
    wv : KeyedVectors
        The word vectors.
    vocab : Vocab
    config : TrainConfig
    interrupted : bool
        Whether Ctrl-C ended the last training early. It ends that training with a warning and no exception, so that
        the model, which holds what it had learned, is not lost; a loop over trainings should look here.
    trained_epochs : int
        Epochs trained so far; each has random numbers of its own.

    Raises
    ------
    CorpusError
        If the corpus is empty, holds no word often enough, or is not UTF-8.
    TrainingError
        If the vectors overflow. A model that exists then starts anew, at random.
    ValueError, TypeError
        For a parameter out of its range.

    References
    ----------
    Mikolov, Chen, Corrado, Dean, "Efficient Estimation of Word Representations in Vector Space", 2013;
    Mikolov, Sutskever, Chen, Corrado, Dean, "Distributed Representations of Words and Phrases and their
    Compositionality", 2013.
    """

    def __init__(
        self,
        sentences: Iterable[list[str]] | None = None,
        corpus_file: PathOrName | None = None,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int | None = None,
        min_alpha: float = 1e-4,
        sg: int = 1,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        *,
        cbow_classic: bool = False,
        epochs: int = 5,
        trim_rule: Callable[[str, int, int], int] | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        errors: Errors = "strict",
        progress: ProgressOption = None,
    ) -> None:
        self.config = TrainConfig(
            vector_size=vector_size,
            window=window,
            shrink_windows=shrink_windows,
            sample=sample,
            negative=negative,
            ns_exponent=ns_exponent,
            alpha=alpha,
            min_alpha=min_alpha,
            epochs=epochs,
            workers=workers,
            seed=seed,
            sg=sg,
            hs=hs,
            cbow_mean=cbow_mean,
            cbow_classic=cbow_classic,
        )
        self._vocab_options: dict[str, Any] = {
            "min_count": min_count,
            "max_vocab_size": max_vocab_size,
            "max_final_vocab": max_final_vocab,
            "trim_rule": trim_rule,
        }
        self._errors: Errors = errors
        self.interrupted = False
        self.total_train_time = 0.0
        self.trained_words = 0
        self.trained_epochs = 0
        self.vocab: Vocab | None = None
        self.wv = KeyedVectors(self.config.vector_size)
        if sentences is not None or corpus_file is not None:
            self._build_and_train(_source(sentences, corpus_file), progress)

    def __repr__(self) -> str:
        return f"Word2Vec<vocab={len(self.wv)}, vector_size={self.config.vector_size}, alpha={self.config.alpha}>"

    @property
    def vector_size(self) -> int:
        """Dimensions of a vector."""
        return self.config.vector_size

    @property
    def syn1neg(self) -> NDArray[np.float32]:
        """The output vectors, float32 (words, vector_size), under the name they have in word2vec.c and gensim."""
        if self.vocab is None:
            raise RuntimeError("there are no output vectors yet: the model has no vocabulary")
        assert self._weights.output is not None
        return self._weights.output[:, : self.config.vector_size]

    @property
    def corpus_count(self) -> int:
        """Sentences of the corpus that the vocabulary was counted on."""
        return self.vocab.corpus_sentences if self.vocab else 0

    @property
    def corpus_total_words(self) -> int:
        """Tokens of that corpus, those of dropped words included."""
        return self.vocab.corpus_words if self.vocab else 0

    def __getattr__(self, name: str) -> Any:
        """Offer the parameters under gensim's names: ``model.epochs``, ``model.window`` and so on."""
        if name in _PARAMETERS:
            return getattr(self.config, name)
        if name == "min_count":
            return self._vocab_options["min_count"]
        hint = "; ask model.wv" if not name.startswith("_") and hasattr(KeyedVectors, name) else ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    # ---- Training

    def _build_and_train(self, source: Any, progress: ProgressOption) -> None:
        with reporter(progress) as report:
            vocab, corpus = count_and_encode(
                source,
                workers=self.config.workers,
                errors=self._errors,
                progress=report.reading,
                **self._vocab_options,
            )
            self._set_vocab(vocab)
            with corpus:
                self._run(corpus, self.config, report)

    def build_vocab(
        self,
        corpus_iterable: Iterable[list[str]] | None = None,
        corpus_file: PathOrName | None = None,
        *,
        progress: ProgressOption = None,
    ) -> None:
        """Count the words of a corpus, and start the vectors anew, at random.

        Parameters and errors are those of the class.
        """
        source = _source(corpus_iterable, corpus_file)
        with reporter(progress) as report:
            self._set_vocab(
                Vocab.from_source(
                    source,
                    workers=self.config.workers,
                    errors=self._errors,
                    progress=report.reading,
                    **self._vocab_options,
                )
            )

    def build_vocab_from_freq(
        self, word_freq: Mapping[str, int], *, corpus_count: int | None = None, min_count: int | None = None
    ) -> None:
        """Take the words from a mapping of words to counts, and start the vectors anew, at random."""
        options = {k: v for k, v in self._vocab_options.items() if k != "max_vocab_size"}
        if min_count is not None:
            options["min_count"] = min_count
        vocab = Vocab.from_counts(word_freq, **options)
        self._set_vocab(dataclasses.replace(vocab, corpus_sentences=corpus_count or vocab.corpus_sentences))

    def train(
        self,
        corpus_iterable: Iterable[list[str]] | None = None,
        corpus_file: PathOrName | None = None,
        *,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        progress: ProgressOption = None,
    ) -> tuple[int, int]:
        """Train on a corpus, whose words outside the vocabulary are passed over.

        Parameters
        ----------
        corpus_iterable, corpus_file, progress
            As `sentences`, `corpus_file` and `progress` of the class.
        total_examples, total_words
            Accepted for gensim's sake: the corpus is counted as it is read.
        epochs, start_alpha, end_alpha
            In place of the model's `epochs`, `alpha` and `min_alpha`.

        Returns
        -------
        (int, int)
            Words trained on, those passed over by subsampling included; and tokens of the corpus, times the epochs.
        """
        if self.vocab is None:
            raise RuntimeError(
                "the vocabulary comes first: call build_vocab, or give the corpus to the constructor"
            )
        changes: dict[str, Any] = {"epochs": epochs, "alpha": start_alpha, "min_alpha": end_alpha}
        config = dataclasses.replace(self.config, **{k: v for k, v in changes.items() if v is not None})
        source = _source(corpus_iterable, corpus_file)
        with (
            reporter(progress) as report,
            EncodedCorpus.from_source(
                source, self.vocab, workers=config.workers, errors=self._errors, progress=report.reading
            ) as corpus,
        ):
            outcome = self._run(corpus, config, report)
            return outcome.words, corpus.corpus_words * config.epochs

    def _set_vocab(self, vocab: Vocab) -> None:
        c = self.config
        self.vocab, self.trained_epochs, self.interrupted = vocab, 0, False
        output = allocate_rows(len(vocab), c.vector_size) if c.negative else None
        nodes = allocate_rows(len(vocab), c.vector_size) if c.hs else None
        self._set_weights(Weights(initial_input(len(vocab), c.vector_size, c.seed), output, nodes), vocab)

    def _set_weights(self, weights: Weights, vocab: Vocab) -> None:
        self._weights = weights
        vectors = weights.input[:, : self.config.vector_size]
        self.wv = KeyedVectors._from_parts(vocab.words, vectors, vocab.counts, self._metadata())

    def _run(self, corpus: EncodedCorpus, config: TrainConfig, report: Reporter) -> Outcome:
        assert self.vocab is not None
        try:
            outcome = train(
                self.vocab,
                corpus,
                self._weights,
                config,
                report.training,
                self.trained_epochs,
            )
        except TrainingError:  # nobody shall save what is left of the vectors
            self._set_vocab(self.vocab)
            raise
        self.interrupted = outcome.interrupted
        self.total_train_time += outcome.seconds
        self.trained_words += outcome.words
        self.trained_epochs += config.epochs
        self.wv.metadata = self._metadata()
        self.wv.fill_norms(force=True)
        return outcome

    # ---- Copies and files

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs; the vectors are rows of the training matrices, and stay so in the copy."""
        return {k: v for k, v in self.__dict__.items() if k != "wv" or self.vocab is None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.vocab is not None:
            copies = [allocate_rows(len(self.vocab), self.vector_size) for _ in range(2)]
            for copy, rows in zip(copies, state["_weights"].matrices(), strict=True):
                copy[:] = rows
            self._set_weights(Weights(*copies), self.vocab)

    def _metadata(self) -> dict[str, str]:
        config = dataclasses.asdict(self.config)
        del config["workers"]
        return {
            "fastvec": __version__,
            "model": "skip-gram, negative sampling",
            "parameters": json.dumps(config),
            "min_count": str(self.min_count),
            "trained_epochs": f"{self.trained_epochs}{', the last cut short' if self.interrupted else ''}",
        }

    def save(self, fname: PathOrName) -> None:
        """Write the whole model to a .fvec file, atomically: `load` goes on where it stopped.

        The file opens with `KeyedVectors.load` too. ``model.wv.save`` writes the word vectors alone, half the size.
        """
        if self.vocab is None:
            raise RuntimeError("there is nothing to save yet: the model has no vocabulary")
        v = self.vocab
        totals = {"corpus_words": str(v.corpus_words), "corpus_sentences": str(v.corpus_sentences)}
        store.save_vectors(
            fname,
            v.words,
            self.wv.vectors,
            v.counts,
            {**self._metadata(), **totals},
            extra={"output_vectors": self.syn1neg},
        )

    @classmethod
    def load(cls, fname: PathOrName, *, workers: int | None = None) -> "Word2Vec":
        """Read a model that `save` has written; `workers` is for training on (None: all cores).

        Raises
        ------
        FormatError
            If the file is damaged, or holds word vectors alone (open it with `KeyedVectors.load`).
        """
        name, held = os.fspath(fname), store.open_vectors(fname, verify=True)
        output_vectors = held.extra.get("output_vectors")
        if output_vectors is None or held.counts is None:
            raise FormatError(
                f"{name}: it holds word vectors, but no model to train on; open it with KeyedVectors.load"
            )
        try:
            config = TrainConfig(**{**json.loads(held.metadata["parameters"]), "workers": workers})
            totals = int(held.metadata["corpus_words"]), int(held.metadata["corpus_sentences"])
            trained_epochs = int(held.metadata.get("trained_epochs", "0").partition(",")[0])
            if not 0 <= trained_epochs < 1 << 62:
                raise ValueError(f"trained_epochs={trained_epochs}")
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise FormatError(f"{name}: the model's parameters are damaged: {error!r}") from error
        if held.vectors.shape[1] != config.vector_size:
            raise FormatError(f"{name}: vectors of {held.vectors.shape[1]} numbers do not fit {config}")
        if not len(held.counts) or held.counts.min() < 0:
            raise FormatError(f"{name}: no words, or counts below 0: they do not fit a model")
        model = cls(**dataclasses.asdict(config))
        rows = [allocate_rows(len(held.words), model.vector_size) for _ in range(2)]
        for mine, theirs in zip(rows, (held.vectors, output_vectors), strict=True):
            mine[:, : model.vector_size] = theirs
        # Copies: the model may be saved to the same file, which must not be mapped then (Windows).
        words = WordTable(held.words.text.copy(), held.words.offsets.copy(), held.words.slots.copy())
        model.vocab = Vocab(words, held.counts.copy(), *totals)
        model.trained_epochs = trained_epochs
        model._set_weights(Weights(*rows), model.vocab)
        return model


def _source(sentences: Any, corpus_file: PathOrName | None) -> Any:
    """Return the one corpus that was given."""
    if (sentences is None) == (corpus_file is None):
        raise TypeError(
            "give either sentences (an iterable of lists of words) or corpus_file (a path), and not both"
        )
    if corpus_file is not None:
        if corpus_file == "":
            raise ValueError("corpus_file is empty; give the path of a text file")
        if not isinstance(corpus_file, str | os.PathLike):
            raise TypeError(f"corpus_file: a path is needed, not {type(corpus_file).__name__}")
        return Path(corpus_file)
    if isinstance(sentences, str | bytes | os.PathLike):
        raise TypeError(
            f"sentences is a {type(sentences).__name__}; pass a path as corpus_file={os.fspath(sentences)!r}"
        )
    return sentences
