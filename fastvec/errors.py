"""The errors of fastvec's own. Each is also a built-in kind, so that callers may catch either."""


class CorpusError(ValueError):
    """Text that cannot be read or trained on: it is empty, not UTF-8, or holds no word often enough."""


class FormatError(ValueError):
    """A file that is not what it claims to be: truncated, damaged, or of another format."""


class TrainingError(ArithmeticError):
    """Training left the finite numbers; the vectors are of no use."""


class StopTraining(Exception):
    """Raised by a callback to end training early; the model keeps what it has learned."""
