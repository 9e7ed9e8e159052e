"""Word2Vec: the class that people construct. Text in, `wv` out."""

import contextlib
import dataclasses
import inspect
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from fastvec import modelfile
from fastvec._version import __version__
from fastvec.config import MODEL_OPTIONS, TrainConfig, checked_int
from fastvec.corpus import EncodedCorpus, count_and_encode, the_source
from fastvec.errors import NoVocabularyError, TrainingError
from fastvec.model import ClassOnly, ProgressOption
from fastvec.modelattrs import PARAMETERS
from fastvec.prediction import Predictions
from fastvec.progress import Reporter, reporter
from fastvec.subwords import Subwords
from fastvec.text import Errors
from fastvec.train import Outcome, Progress, train
from fastvec.vocab import TrimRule

if TYPE_CHECKING:
    from fastvec.callbacks import Callbacks

PathOrName = str | os.PathLike[str]

logger = logging.getLogger(__name__)


class Word2Vec(Predictions):
    """A word2vec model: skip-gram or CBOW, with negative sampling or hierarchical softmax.

    With a corpus, the model is built and trained at once; without, call `build_vocab` and `train`. Names, order,
    meanings and defaults of the parameters are gensim's, except `workers` (all cores); docs/from-gensim.md tells
    what differs.

    Parameters
    ----------
    sentences : iterable of lists of str, optional
        Read once, before training starts; a generator will do.
    corpus_file : str or PathLike, optional
        A text file with a sentence a line, or a directory of such files; plain, .gz, .bz2, .xz or .zst.
    vector_size, alpha, window, sample, seed, workers, min_alpha, sg, hs, negative, ns_exponent, cbow_mean, epochs, \
shrink_windows, cbow_classic, hs_tree
        See `TrainConfig`; `cbow_classic` is on, for then learning rates mean what they mean in gensim.
    min_count : int
        Words that occur less often are left out.
    max_vocab_size : int, optional
        Bound on the different words held in memory while counting; the rarest are forgotten.
    max_final_vocab : int, optional
        Keep at most so many words, the most frequent.
    trim_rule : callable, optional
        ``trim_rule(word, count, min_count)`` returns 0 (default), 1 (discard) or 2 (keep). For the corpus given here
        alone; it is not kept.
    compute_loss : bool
        Measure the loss while training: `get_latest_training_loss`.
    callbacks : iterable
        Objects that are called as training goes on (`fastvec.callbacks`). For the corpus given here alone; they are
        not kept.
    comment : str, optional
        Kept with the model.
    hashfxn, null_word, sorted_vocab, batch_words
        Have no effect: vectors begin with random numbers by row; there is no null word; words are always in the order
        of their counts; text is cut into spans of one size. The last three are attributes, as in gensim.
    errors : {"strict", "replace", "ignore"}
        What to do with bytes of a file that are not UTF-8.
    progress : bool or callable, optional
        Show a progress bar on standard error; or call with a `fastvec.train.Progress` as training goes on.

    Attributes
    ----------
    wv : KeyedVectors
        The word vectors.
    vocab : Vocab or None
    config : TrainConfig
        The parameters; each is an attribute of the model, too, and may be set: ``model.alpha = 0.01``.
    syn1neg, syn1 : float32 arrays of (words, vector_size)
        Output vectors of negative sampling, and vectors of the inner nodes of hierarchical softmax.
    corpus_count, corpus_total_words : int
        Sentences and words of the corpus counted last.
    interrupted : bool
        Whether Ctrl-C ended the last training early. It ends that training with a warning and no exception, so that
        the model, which holds what it had learned, is not lost; a loop over trainings should look here.
    trained_epochs : int
        Epochs trained so far, one that was cut short included; each has random numbers of its own.

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
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Callable[[str], int] | None = None,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: TrimRule | None = None,
        sorted_vocab: int = 1,
        batch_words: int = 10_000,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        cbow_classic: bool = True,
        hs_tree: str = "spelling",
        errors: Errors = "strict",
        progress: ProgressOption = None,
    ) -> None:
        given = locals()
        self._begin(
            TrainConfig(**{name: given[name] for name in PARAMETERS}),
            errors,
            {name: given[name] for name in MODEL_OPTIONS.keys() & given.keys()},
        )
        if sentences is not None or corpus_file is not None:
            self._build_and_train(the_source(sentences, corpus_file), trim_rule, callbacks, progress)
        elif trim_rule is not None or callbacks:
            logger.warning(
                "trim_rule and callbacks have no effect without a corpus: pass them to build_vocab, train"
            )

    def _begin(self, config: TrainConfig, errors: Errors, options: dict[str, Any]) -> None:
        """Be a model without words; `options` are some of `MODEL_OPTIONS`."""
        self.vocab = self._counted = self._wv = None
        self.config, self._errors, self.interrupted = config, errors, False
        self.total_train_time = self.running_training_loss = 0.0
        self.trained_words = self.trained_epochs = self.train_count = 0
        given = {name: DEFAULTS[name] for name in DEFAULTS if name in MODEL_OPTIONS} | options
        # "min_count" first: an error names what was given
        begin = {"min_count": given["min_count"], "effective_min_count": given["min_count"]}
        begin |= {"min_alpha_yet_reached": config.alpha}
        for name, value in {**begin, **given}.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        name, c = type(self).__name__, self.config
        return f"{name}<vocab={len(self.wv)}, vector_size={c.vector_size}, alpha={c.alpha}>"

    # ---- Training

    def _build_and_train(
        self,
        source: Any,
        trim_rule: TrimRule | None,
        callbacks: Iterable[Any],
        progress: ProgressOption,
    ) -> None:
        with reporter(progress) as report:
            vocab, corpus = count_and_encode(
                source,
                min_count=self.min_count,
                max_vocab_size=self.max_vocab_size,
                max_final_vocab=self.max_final_vocab,
                trim_rule=trim_rule,
                workers=self.config.workers,
                errors=self._errors,
                progress=report.reading,
            )
            with corpus:
                if self.max_final_vocab is not None and trim_rule is None:
                    self.effective_min_count = max(self.min_count, int(vocab.counts[-1]))
                self._set_vocab(vocab)
                self._check_parameters(self.config.alpha)
                self._run(corpus, self.config, report, callbacks)

    def train(
        self,
        corpus_iterable: Iterable[list[str]] | None = None,
        corpus_file: PathOrName | None = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool | None = None,
        callbacks: Iterable[Any] = (),
        *,
        progress: ProgressOption = None,
    ) -> tuple[int, int]:
        """Train on a corpus, whose words outside the vocabulary are passed over.

        Parameters
        ----------
        corpus_iterable, corpus_file, progress
            As `sentences`, `corpus_file` and `progress` of the class.
        total_examples, total_words : int
            One of them is asked for, as gensim does; the corpus is counted as it is read, whatever they say.
        epochs : int
            Passes over the corpus.
        start_alpha, end_alpha : float, optional
            In place of the model's `alpha` and `min_alpha`, for this training.
        compute_loss : bool, optional
            In place of the model's, which it becomes.
        callbacks : iterable
            Objects that are called as training goes on: `fastvec.callbacks`.
        word_count, queue_factor, report_delay
            Have no effect.

        Returns
        -------
        (int, int)
            Words trained on, those passed over by subsampling included; and tokens of the corpus, times the epochs.

        Raises
        ------
        RuntimeError
            If there is no vocabulary yet, or there are word vectors alone.
        ValueError
            Without `epochs`, or without both of `total_examples` and `total_words`.
        """
        self._check_training(epochs, total_examples, total_words)
        changes: dict[str, Any] = {"epochs": epochs, "alpha": start_alpha, "min_alpha": end_alpha}
        config = dataclasses.replace(self.config, **{k: v for k, v in changes.items() if v})
        self._check_parameters(config.alpha)
        source = the_source(corpus_iterable, corpus_file)
        if compute_loss is not None:
            self.compute_loss = bool(compute_loss)
        assert self.vocab is not None
        with (
            reporter(progress) as report,
            EncodedCorpus.from_source(
                source, self.vocab, workers=config.workers, errors=self._errors, progress=report.reading
            ) as corpus,
        ):
            outcome = self._run(corpus, config, report, callbacks)
            return outcome.words, corpus.corpus_words * config.epochs

    def _check_training(
        self, epochs: int | None, total_examples: int | None, total_words: int | None
    ) -> None:
        """Raise where training has no base, as gensim does."""
        if not len(self.wv):
            raise NoVocabularyError(
                "you must first build vocabulary before training: call build_vocab, or give the corpus to the class"
            )
        if total_examples is None and total_words is None:
            raise ValueError(
                "give total_examples or total_words: total_examples=model.corpus_count after build_vocab of the corpus"
            )
        if epochs is None or checked_int("epochs", epochs, -(1 << 31), 1 << 31) <= 0:
            raise ValueError(f"epochs={epochs!r}: give a number of epochs from 1 on, as epochs=model.epochs")
        if self.vocab is None:
            raise RuntimeError(
                "there are word vectors alone, without counts and output vectors to train with"
            )

    def _check_parameters(self, alpha: float) -> None:
        """Say in the log what is rarely meant."""
        if self.config.hs and self.config.negative:
            logger.warning(
                "Both hierarchical softmax and negative sampling are activated. That is rarely meant: set hs=0 or "
                "negative=0 to train with one of them."
            )
        if alpha > self.min_alpha_yet_reached:
            logger.warning("Effective 'alpha' higher than previous training cycles")

    def _run(
        self, corpus: EncodedCorpus, config: TrainConfig, report: Reporter, callbacks: Iterable[Any]
    ) -> Outcome:
        assert self.vocab is not None
        self.running_training_loss, done = 0.0, 0
        with self._watched(callbacks) as watch:

            def tell(progress: Progress) -> None:
                nonlocal done
                done = progress.words
                self._note_loss(progress.loss)
                for listener in (report.training, watch and watch.progress):
                    if listener:
                        listener(progress)

            try:
                outcome = train(
                    self.vocab,
                    corpus,
                    self._rows_to_train(config),
                    config,
                    tell,
                    self.trained_epochs,
                    hooks=watch if watch and watch.wants_epochs else None,
                    with_loss=self.compute_loss,
                )
            except TrainingError:  # nobody shall save what is left of the vectors
                self.init_weights()
                raise
            except BaseException:  # of a callback: the rows have changed
                self.trained_epochs += _epochs(done, corpus)
                self.wv.refresh()
                raise
            self._note_loss(outcome.loss)
            self.interrupted = outcome.interrupted
            self.total_train_time += outcome.seconds
            self.trained_words += outcome.words
            self.trained_epochs += _epochs(outcome.words, corpus)
            self.train_count += 1
            share = outcome.words / max(1, corpus.n_words * config.epochs)
            self.min_alpha_yet_reached = config.alpha - (config.alpha - config.min_alpha) * share
            self.wv.metadata = self._metadata()
            self.wv.refresh()
        return outcome

    @contextlib.contextmanager
    def _watched(self, callbacks: Iterable[Any]) -> "Iterator[Callbacks | None]":
        """Tell the callbacks of the beginning and, whatever happens, of the end of a training."""
        if not callbacks:
            yield None
            return
        from fastvec.callbacks import Callbacks

        watch = Callbacks(self, callbacks)
        try:
            watch.train_begin()
            yield watch
        finally:
            watch.train_end()

    def _note_loss(self, loss: float | None) -> None:
        if loss is not None:
            self.running_training_loss = loss

    def get_latest_training_loss(self) -> float:
        """Return the mean loss of a pair of words in the latest stretch of training, about a million tokens.

        0.0 where it was not measured: see `compute_loss`. (gensim's is a sum over the training so far, of another
        quantity in each mode.)
        """
        return self.running_training_loss

    def add_lifecycle_event(self, event_name: str, log_level: int = logging.INFO, **event: Any) -> None:
        """Write an event to the log; it is not kept."""
        logger.log(log_level, "%s: %s %s", type(self).__name__, event_name, event)

    # ---- Files

    def _metadata(self) -> dict[str, str]:
        c = self.config
        parameters = dataclasses.asdict(c)
        del parameters["workers"]
        objectives = {"negative sampling": c.negative, "hierarchical softmax": c.hs}
        kinds = ["skip-gram" if c.sg else "CBOW", *(name for name, there in objectives.items() if there)]
        if self._more_rows:
            kinds.append("subwords")
        return {
            "fastvec": __version__,
            "model": ", ".join(kinds),
            "parameters": json.dumps(parameters),
            "min_count": str(self.min_count),
            "trained_epochs": f"{self.trained_epochs}{', the last cut short' if self.interrupted else ''}",
        }

    def save(
        self,
        fname: PathOrName,
        separately: Any = None,
        sep_limit: Any = None,
        ignore: Any = None,
        pickle_protocol: Any = None,
    ) -> None:
        """Write the whole model to a .fvec file, atomically: `load` goes on where it stopped.

        The file opens with `KeyedVectors.load` too. ``model.wv.save`` writes the word vectors alone, half the size.
        Attributes of words but their counts and lock factors are not kept. The other parameters have no effect: there
        is one file, and no pickle.
        """
        if self.vocab is None:
            raise RuntimeError("there is nothing to save yet: the model has no vocabulary")
        options = {name: getattr(self, name) for name in MODEL_OPTIONS}
        self.wv.metadata |= self._metadata()
        modelfile.write(fname, self.vocab, self._weights, options, self.wv)

    @ClassOnly
    def load(
        cls: "type[Word2Vec]",
        fname: PathOrName,
        mmap: str | None = None,
        *,
        workers: int | None = None,
        rethrow: bool = False,
    ) -> "Word2Vec":
        """Read a model that `save` has written, or gensim's; of its pickle nothing is run (docs/from-gensim.md).

        Parameters
        ----------
        fname : str or path
        workers : int, optional
            For training on; all cores where None.
        mmap, rethrow
            Have no effect: a model's rows are read into memory, to be trained.

        Raises
        ------
        FormatError
            If the file is damaged, or holds word vectors alone (open it with `KeyedVectors.load`), which is an
            AttributeError too, as in gensim.
        """
        held = modelfile.read(fname, workers)
        kind = cls._like(held.subwords, fname)
        model = kind.__new__(kind)  # a constructor of the user's own may want other arguments
        if held.subwords is not None:
            model.subwords = held.subwords
        model._begin(held.config, "strict", held.options)
        model.vocab, model.trained_epochs = held.vocab, held.trained_epochs
        model._set_weights(held.weights, held.vocab)
        model._lock(held.locks)
        return model

    @classmethod
    def _like(cls, subwords: Subwords | None, fname: PathOrName) -> "type[Word2Vec]":
        """Return the class of a model in a file: subwords make it a FastText."""
        if subwords is None:
            return cls
        from fastvec.fasttext import FastText

        return cls if issubclass(cls, FastText) else FastText


def _epochs(words: int, corpus: EncodedCorpus) -> int:
    """Return how many epochs so many words are, one that was cut short included: its random numbers are used up."""
    return -(-words // max(1, corpus.n_words))


DEFAULTS = {name: parameter.default for name, parameter in inspect.signature(Word2Vec).parameters.items()}
