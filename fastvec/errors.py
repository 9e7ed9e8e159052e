"""The errors of fastvec's own. Each is also a built-in kind, so that callers may catch either."""


class CorpusError(ValueError):
    """Text that cannot be read or trained on: it is empty, not UTF-8, or holds no word often enough."""


class CorpusTypeError(CorpusError, TypeError):
    """Sentences that are no lists of words."""


class NoVocabularyError(CorpusError, RuntimeError):
    """A text of which no word is kept."""


class FormatError(ValueError):
    """A file that is not what it claims to be: truncated, damaged, or of another format."""


class TruncatedFileError(FormatError, EOFError):
    """A file that ends before what it promises."""


class UnsupportedFileError(FormatError, NotImplementedError):
    """A file of a kind that is known, and not read: a classifier where a model of words was asked for."""


class NoModelError(FormatError, AttributeError):
    """A file of word vectors alone, where a model to train on was asked for."""


class TrainingError(ArithmeticError):
    """Training left the finite numbers; the vectors are of no use."""


class StopTraining(Exception):
    """Raised by a callback to end training early; the model keeps what it has learned."""
