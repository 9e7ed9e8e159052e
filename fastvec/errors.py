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


class NotTextError(FormatError, UnicodeDecodeError):
    """Words in a file that are not of the encoding they should be of; made of a message and of what the codec found."""

    def __init__(self, message: str, cause: UnicodeError) -> None:
        given = cause if isinstance(cause, UnicodeDecodeError) else None
        fields = (given.encoding, given.object, given.start, given.end) if given else ("utf-8", b"", 0, 0)
        super().__init__(*fields, str(cause))
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type, tuple[str, UnicodeError]]:
        return type(self), (self.message, UnicodeDecodeError(*self.args))


class NoModelError(FormatError, AttributeError):
    """A file of word vectors alone, where a model to train on was asked for."""


class TrainingError(ArithmeticError):
    """Training left the finite numbers; the vectors are of no use."""


class StopTraining(Exception):
    """Raised by a callback to end training early; the model keeps what it has learned."""
