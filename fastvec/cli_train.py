"""What the commands that train share: options, checks of them, training and saving."""

import contextlib
import dataclasses
import functools
import os
import re
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fastvec.config import TrainConfig

if TYPE_CHECKING:
    from fastvec.progress import Bars
    from fastvec.word2vec import Word2Vec

_F = TypeVar("_F", bound=Callable[..., Any])
_DEFAULT = TrainConfig()
POSITIVE = click.IntRange(1)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C for a while."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def as_options(text: str) -> str:
    """Write keyword arguments of Python's, as min_count=5, like options of the command line."""
    names = "|".join(
        ["errors", "min_count", "max_final_vocab", *(f.name for f in dataclasses.fields(TrainConfig))]
    )
    return re.sub(
        rf"(?<![\w/.-])({names})=(?:'(\w+)'|(?=\S))",
        lambda found: f"--{found[1].replace('_', '-')} {found[2] or ''}",
        text,
    )


def training_options(command: _F) -> _F:
    """Give a command the options of training."""
    shown = functools.partial(click.option, show_default=True)
    options = [
        shown("-d", "--vector-size", default=_DEFAULT.vector_size, help="Dimensions of a vector."),
        shown("-w", "--window", default=_DEFAULT.window, help="Greatest distance of a context word."),
        shown("-n", "--negative", default=_DEFAULT.negative, help="Noise words a centre."),
        shown("-e", "--epochs", default=_DEFAULT.epochs, help="Passes over the text."),
        click.option("-t", "--workers", type=int, help="Threads.  [default: all cores]"),
        shown("--min-count", default=5, type=POSITIVE, help="Leave out words that occur less often."),
        click.option("--max-final-vocab", type=POSITIVE, help="Keep at most so many words."),
        shown("--sample", default=_DEFAULT.sample, help="Threshold of subsampling; 0 keeps all words."),
        shown("--ns-exponent", default=_DEFAULT.ns_exponent, help="Exponent of the noise distribution."),
        shown("--alpha", default=_DEFAULT.alpha, help="Learning rate at the start."),
        shown("--min-alpha", default=_DEFAULT.min_alpha, help="Learning rate at the end."),
        shown("--seed", default=_DEFAULT.seed, help="Of the random numbers."),
        shown(
            "--errors",
            type=click.Choice(["strict", "replace", "ignore"]),
            default="strict",
            help="What to do with bytes that are not UTF-8.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="No progress bar."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def learn(output: Path, quiet: bool, vectors_only: bool = True, **options: Any) -> tuple["Word2Vec", Path]:
    """Train and save; return the model and where it is: at `output`, or beside an older one if interrupted."""
    from fastvec.progress import Bars
    from fastvec.word2vec import Word2Vec

    check_output(output)
    before = output.is_file()
    bars: Any = None if quiet else Bars(options.get("epochs"))
    with plain_warnings(bars):
        model = Word2Vec(**{"sg": 1, **options}, progress=bars)
    with uninterrupted():
        if model.interrupted and before:
            output = output.with_name(f"{output.stem}.interrupted.fvec")
        (model.wv if vectors_only else model).save(output)
    return model, output


def check_output(output: Path) -> None:
    """Find out before the work, and not after it, whether `output` can be written."""
    if output.is_dir():
        raise OSError(f"{output}: is a directory; name a file in it, as -o {output / 'words.fvec'}")
    if output.exists() and not output.is_file():  # a device or a pipe
        return
    probe = output.parent / f".fastvec-{os.getpid()}.tmp"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"{output}: cannot be written: {error.strerror}; choose another place with -o"
        ) from error


def check_usage(corpus: Path, output: Path, options: dict[str, Any], log: Path | None = None) -> None:
    """Raise where the options contradict each other, or their values are out of range."""
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    try:
        TrainConfig(**{name: value for name, value in options.items() if name in names})
    except ValueError as error:
        raise click.UsageError(as_options(str(error))) from error
    for path, what in [(output, "vectors"), *([(log, "log")] if log else [])]:
        if corpus.is_dir() and path.parent.exists() and path.parent.samefile(corpus):
            raise click.UsageError(f"{path}: the {what} would become a part of the corpus, {corpus}")
        if path.exists() and corpus.exists() and path.samefile(corpus):
            raise click.UsageError(f"{path}: the {what} would overwrite the corpus")
    if log and log.absolute() == output.absolute():
        raise click.UsageError(f"{output}: the vectors would overwrite the log")


@contextlib.contextmanager
def plain_warnings(bars: "Bars | None") -> Iterator[None]:
    """Print warnings as one line each, below the bar."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if bars is not None:
            bars.close()
        click.echo(f"fastvec: {as_options(str(message))}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
