"""Model: words, and the rows that training changes; how both begin, and how they grow."""

import dataclasses
import hashlib
import logging
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastvec import recount
from fastvec.config import TrainConfig, checked_int
from fastvec.corpus import the_source
from fastvec.keyedvectors import KeyedVectors
from fastvec.modelattrs import Attributes
from fastvec.modelfile import copied
from fastvec.progress import reporter
from fastvec.text import Errors
from fastvec.train import Weights, allocate_rows, initial_input
from fastvec.vecattrs import Ragged, check_numbers
from fastvec.vocab import Choice, TrimRule, Vocab

logger = logging.getLogger(__name__)

Array = NDArray[Any]
ProgressOption = bool | Callable[[Any], None] | None


class ClassOnly:
    """A class method that instances do not have: a model that it returns would be lost on them."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__doc__ = function.__doc__
        self._function = function

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is not None:
            raise AttributeError
        return types.MethodType(self._function, owner)


class Model(Attributes):
    """The words and rows of a model, without the training. Parameters, attributes: see `Word2Vec`."""

    interrupted: bool
    trained_epochs: int
    _errors: Errors

    # ---- Vocabulary

    def build_vocab(
        self,
        corpus_iterable: Iterable[list[str]] | None = None,
        corpus_file: Any = None,
        update: bool = False,
        progress_per: int = 10_000,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        *,
        progress: ProgressOption = None,
        **options: Any,
    ) -> None:
        """Count the words of a corpus, and start the vectors anew, at random; or learn new words beside the old.

        Parameters
        ----------
        corpus_iterable, corpus_file, trim_rule, progress
            As `sentences`, `corpus_file`, `trim_rule` and `progress` of the class.
        update : bool
            Keep the words and rows of the model: counts are added, new words that occur often enough in this corpus
            begin at random. Words are then put in the order of their new counts, and rows with them: ids change, and
            `wv` is a new object. The inner nodes of hierarchical softmax begin anew, with a warning in the log, where
            the counts make another tree.
        keep_raw_vocab : bool
            Keep the counts of all words as `raw_vocab`.
        progress_per : int
            Has no effect.
        **options
            `min_count` and `sample` for `prepare_vocab`.

        Raises
        ------
        CorpusError
            If the text cannot be read. Where no word is kept, a warning is logged, and training will say so.
        RuntimeError
            If there is nothing to update.
        """
        if update:
            self._check_update()
        self.scan_vocab(corpus_iterable, corpus_file, trim_rule=trim_rule, progress=progress)
        self.prepare_vocab(update, keep_raw_vocab, trim_rule, **options)

    def build_vocab_from_freq(
        self,
        word_freq: Mapping[str, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: TrimRule | None = None,
        update: bool = False,
        *,
        min_count: int | None = None,
    ) -> None:
        """Take the words from a mapping of words to counts; otherwise as `build_vocab`."""
        if update:
            self._check_update()
        if not isinstance(word_freq, Mapping):
            raise TypeError(
                f"word_freq: a mapping of words to counts is needed, not {type(word_freq).__name__}"
            )
        sentences = checked_int("corpus_count", corpus_count or 0, 0)
        self._counted = dataclasses.replace(
            Vocab.from_counts(word_freq, min_count=0), corpus_sentences=sentences
        )
        self.prepare_vocab(update, keep_raw_vocab, trim_rule, min_count)

    def scan_vocab(
        self,
        corpus_iterable: Iterable[list[str]] | None = None,
        corpus_file: Any = None,
        progress_per: int = 10_000,
        workers: int | None = None,
        trim_rule: TrimRule | None = None,
        *,
        progress: ProgressOption = None,
    ) -> tuple[int, int]:
        """Count the words of a corpus as `raw_vocab`; return the numbers of its words and sentences.

        The first of the two steps of `build_vocab`; `prepare_vocab` is the other one.
        """
        source = the_source(corpus_iterable, corpus_file)
        with reporter(progress) as report:
            self._counted = recount.counted(
                source,
                self.max_vocab_size,
                trim_rule,
                workers or self.config.workers,
                self._errors,
                report.reading,
            )
        return self._counted.corpus_words, self._counted.corpus_sentences

    def prepare_vocab(
        self,
        update: bool = False,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        min_count: int | None = None,
        sample: float | None = None,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Choose the vocabulary of the words that `scan_vocab` has counted, and make its rows.

        Parameters
        ----------
        update, keep_raw_vocab, trim_rule
            As for `build_vocab`.
        min_count, sample : optional
            In place of the model's, which they become.
        dry_run : bool
            Only tell what would come of it.

        Returns
        -------
        dict
            ``drop_unique`` (words dropped), ``num_retained_words``, ``retain_total`` (their tokens),
            ``downsample_unique`` (words that subsampling thins out), ``downsample_total`` (tokens that it leaves), and
            ``memory`` as of `estimate_memory`.
        """
        if self._counted is None:
            raise RuntimeError("no words were counted yet: call scan_vocab before prepare_vocab")
        counted = self._counted
        sample = dataclasses.replace(self.config, sample=sample or self.config.sample).sample
        choice = Choice(min_count or self.min_count, self.max_final_vocab, trim_rule)
        needed = choice.threshold([counted.counts])
        keep = recount.chosen(counted, choice)
        found: dict[str, Any] = recount.report(counted, keep, sample)
        found["memory"] = self.estimate_memory(found["num_retained_words"])
        self.effective_min_count = needed
        if dry_run:
            return found
        self.min_count, self.sample = choice.min_count, sample
        self._counted = counted if keep_raw_vocab else None
        if update:
            self._grow(counted, keep)
        elif keep.any():
            self._set_vocab(recount.selected(counted, keep))
        else:
            logger.warning(
                "None of the %d distinct words is kept with min_count=%d; lower it, or give more text",
                len(counted),
                needed,
            )
            self._forget()
        return found

    def _check_update(self) -> None:
        if self.vocab is None:
            raise RuntimeError(
                "there is no vocabulary to update: build one first, with build_vocab(..., update=False)"
            )

    # ---- Rows

    @property
    def _more_rows(self) -> int:
        """Input rows beside those of the words."""
        return 0

    def prepare_weights(self, update: bool = False) -> None:
        """Start the rows anew, at random; with `update` there is nothing to do: `prepare_vocab` has made new rows."""
        if not update:
            self.init_weights()

    def init_weights(self) -> None:
        """Start the vectors anew, at random; words stay."""
        if self.vocab is None:
            raise RuntimeError("there are no vectors yet: the model has no vocabulary; call build_vocab")
        self._set_vocab(self.vocab)

    def _set_vocab(self, vocab: Vocab) -> None:
        """Begin anew with these words."""
        c = self.config
        self.vocab, self.trained_epochs, self.interrupted = vocab, 0, False
        output = allocate_rows(len(vocab), c.vector_size) if c.negative else None
        nodes = allocate_rows(len(vocab), c.vector_size) if c.hs else None
        rows = initial_input(len(vocab) + self._more_rows, c.vector_size, c.seed)
        self._set_weights(Weights(rows, output, nodes), vocab)

    def _grow(self, more: Vocab, keep: NDArray[np.bool_]) -> None:
        """Add words and counts: old rows move to their words' new places, new ones begin at random or at zero.

        So do all inner nodes where the counts make another tree: what they had learned was about other words.
        """
        self._check_update()
        assert self.vocab is not None
        before, old, held, c = self.vocab, self._weights, self.wv, self.config
        vocab, places = recount.joined(before, more, keep)
        rows = initial_input(len(vocab) + self._more_rows, c.vector_size, c.seed)
        rows[places] = old.input[: len(places)]
        rows[len(vocab) :] = old.input[len(places) :]
        output, nodes = old.output, old.nodes
        if output is not None:
            moved = allocate_rows(len(vocab), c.vector_size)
            moved[places] = output[: len(places)]
            output = moved
        if nodes is not None and not (
            before.words == vocab.words
            and np.array_equal(before.huffman(c.hs_tree).path, vocab.huffman(c.hs_tree).path)
        ):
            nodes = allocate_rows(len(vocab), c.vector_size)
            logger.warning(
                "the words make another Huffman tree: what its inner nodes had learned begins anew"
            )
        self.vocab = vocab
        self._set_weights(Weights(rows, output, nodes), vocab)
        for name, values in held.expandos.items():
            if name not in self.wv.expandos and isinstance(values, np.ndarray):
                self.wv.expandos[name] = _moved(values, places, len(vocab))
        for name, factors in held.locks().items():
            if len(factors) == len(places) and name in held.word_locks():
                grown = np.ones(len(vocab), np.float32)
                grown[places] = factors
                factors = grown
            setattr(self.wv, name, factors)

    def _set_weights(self, weights: Weights, vocab: Vocab) -> None:
        """Take rows, of which `wv` is a view."""
        self._weights = weights
        self._wv = self._vectors(weights, vocab)
        if self.config.hs:
            self._tell_paths(vocab)

    def _tell_paths(self, vocab: Vocab) -> None:
        """Let each word's path through the tree be read off the vectors, under gensim's names."""
        tree = vocab.huffman(self.config.hs_tree)
        self.wv.expandos["code"] = Ragged((tree.path & 1).astype(np.uint8), tree.offsets)
        self.wv.expandos["point"] = Ragged((tree.path >> 1).astype(np.uint32), tree.offsets)

    def _vectors(self, weights: Weights, vocab: Vocab) -> KeyedVectors:
        """Return the word vectors over the input rows."""
        vectors = weights.input[:, : self.config.vector_size]
        return KeyedVectors._from_parts(vocab.words, vectors, vocab.counts, self._metadata())

    def _metadata(self) -> dict[str, str]:
        raise NotImplementedError

    def _rows_to_train(self, config: TrainConfig) -> Weights:
        """Return the rows with their lock factors; those that parameters set since ask for begin at zero."""
        assert self.vocab is not None
        self._take_back()
        w, n = self._weights, len(self.vocab)
        output = allocate_rows(n, config.vector_size) if config.negative and w.output is None else w.output
        nodes = w.nodes
        if config.hs and nodes is None:
            nodes = allocate_rows(n, config.vector_size)
            self._tell_paths(self.vocab)
        self._weights = dataclasses.replace(w, output=output, nodes=nodes)
        return dataclasses.replace(self._weights, lock=self._lock_factors())

    def _take_back(self) -> None:
        """Take over rows that were put in the place of the model's, as by ``model.wv.vectors = ...``."""
        assert self.vocab is not None
        n, rows, at = len(self.vocab), self._weights.input[:, : self.config.vector_size], 0
        if self.wv.words is not self.vocab.words and self.wv.words != self.vocab.words:
            raise ValueError(
                f"model.wv holds {len(self.wv)} words, which are no longer the model's {n}: training would not reach "
                "them. Add words by build_vocab(..., update=True), or add vectors to model.wv.copy()"
            )
        for name, held in self.wv.trained_rows().items():
            own = rows[:n] if at == 0 else rows[n:]
            if held.shape != own.shape:
                raise ValueError(f"model.wv.{name} of {held.shape}: the model trains rows of {own.shape}")
            if (
                held.__array_interface__["data"] != own.__array_interface__["data"]
                or held.strides != own.strides
            ):
                if at == 0:
                    check_numbers(self.vocab.words, held)
                own[:] = held
                setattr(self.wv, name, own)
            at += len(own)

    def _lock(self, factors: Mapping[str, Any]) -> None:
        """Set lock factors, by the names of their attributes."""
        for name, some in factors.items():
            setattr(self.wv, name, some)

    def _lock_factors(self) -> NDArray[np.float32] | None:
        """Return a factor for each input row, or None where all are 1."""
        factors = np.asarray(self.wv.vectors_lockf, np.float32)
        if factors.shape not in ((1,), (len(self.wv),)):
            raise ValueError(
                f"vectors_lockf of {factors.shape}: give (1,), or (words,), which is ({len(self.wv)},)"
            )
        if not np.isfinite(factors).all():
            raise ValueError(
                "vectors_lockf holds a factor that is no finite number; 0 freezes a row, 1 lets it learn"
            )
        if (factors == 1).all():
            return None
        rows = np.ones(len(self._weights.input), np.float32)
        rows[: len(self.wv)] = factors
        return rows

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs; the vectors are rows of the training matrices, and stay so in the copy."""
        if self.vocab is None:
            return self.__dict__.copy()
        state = {name: value for name, value in self.__dict__.items() if name != "_wv"}
        return {**state, "_kept": (self.wv.expandos, self.wv.locks(), self.wv.metadata)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        expandos, locks, metadata = state.pop("_kept", (None, None, None))
        self.__dict__.update(state)
        if self.vocab is not None:
            self._set_weights(copied(self._weights), self.vocab)
            self.wv.expandos.update(expandos)
            vars(self.wv).update(metadata=metadata)
            self._lock(locks)

    def init_from(self, vectors: KeyedVectors, lockf: float = 1.0) -> int:
        """Begin with pretrained vectors: the model's words take over theirs, by name; return how many did.

        Parameters
        ----------
        vectors : KeyedVectors
            Of the model's `vector_size`; words that the model has not are passed over.
        lockf : float
            Factor of these words' updates in training: 1 lets them learn on, 0 keeps them as they are.

        Raises
        ------
        RuntimeError
            If the model has no vocabulary yet.
        ValueError
            If the vectors are of another size, or one holds NaN or a number beyond 1e4, where training has diverged.
        """
        if self.vocab is None:
            raise RuntimeError("the model has no words yet: call build_vocab before init_from")
        if not isinstance(vectors, KeyedVectors):
            raise TypeError(
                f"init_from: KeyedVectors are needed, not {type(vectors).__name__}; give model.wv"
            )
        return self.wv.adopt(vectors.words, vectors.vectors, lockf)

    def reset_from(self, other_model: "Model") -> None:
        """Take over another model's words and counts, and start the vectors anew, at random."""
        if not isinstance(other_model, Model):
            raise TypeError(f"reset_from: a model is needed, not {type(other_model).__name__}")
        if other_model.vocab is None:
            raise RuntimeError("the other model has no vocabulary to take over")
        self._counted = None
        self._set_vocab(other_model.vocab)

    def seeded_vector(self, seed_string: str, vector_size: int) -> Array:
        """Return a small random vector that depends on the text alone, uniform in +-1 / (2 vector_size)."""
        digest = hashlib.blake2b(seed_string.encode(), digest_size=8).digest()
        random = np.random.default_rng(int.from_bytes(digest, "little")).random(vector_size, np.float32)
        return (random - np.float32(0.5)) / np.float32(vector_size)

    def init_sims(self, replace: bool = False) -> None:
        """Compute the norms; with `replace`, scale the vectors to length 1. A name of gensim 3's."""
        self.wv.init_sims(replace)

    def estimate_memory(
        self, vocab_size: int | None = None, report: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """Estimate the bytes that training takes: words and tables, each matrix, and the sum as ``total``."""
        n, c = vocab_size or len(self.wv), self.config
        row = allocate_rows(1, c.vector_size).nbytes
        found = {**(report or {}), "vocab": n * (80 + 100 * c.hs), "vectors": n * row}
        if c.hs:
            found["syn1"] = n * row
        if c.negative:
            found["syn1neg"] = n * row
        found["total"] = sum(found.values())
        return found


def _moved(rows: Any, places: NDArray[Any], n: int) -> Any:
    """Return `rows` at other places of an array of `n` rows; the others are zero."""
    moved = np.zeros((n, *rows.shape[1:]), rows.dtype)
    moved[places] = rows[: len(places)]
    return moved
