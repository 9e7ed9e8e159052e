"""What the commands that train share: options, checks of them, training and saving."""

import contextlib
import dataclasses
import functools
import logging
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
SUBWORD_OPTIONS = ("min_n", "max_n", "bucket")

# What the log warns of, in words of Python's, are choices that were typed here: as --hs beside --negative.
logging.getLogger("fastvec").addHandler(logging.NullHandler())


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
    others = ["errors", "min_count", "max_final_vocab", *SUBWORD_OPTIONS]
    names = "|".join([*others, *(f.name for f in dataclasses.fields(TrainConfig))])
    return re.sub(
        rf"(?<![\w/.-])({names})=(?:'(\w+)'|(?=\S))",
        lambda found: f"--{found[1].replace('_', '-')} {found[2] or ''}",
        text,
    )


def training_options(command: _F) -> _F:
    """Give a command the options of training; `parameters` turns what was typed into those of a model."""
    shown = functools.partial(click.option, show_default=True)
    options = [
        click.option("--cbow", is_flag=True, help="Train CBOW.  [default: skip-gram]"),
        click.option("--cbow-sum", is_flag=True, help="CBOW of the sum of the words around, not their mean."),
        click.option(
            "--corrected",
            is_flag=True,
            help="CBOW with the gradient of Irsoy et al. 2021; wants a higher --alpha.",
        ),
        click.option("--hs", is_flag=True, help="Hierarchical softmax, in place of noise words."),
        click.option("--subwords", is_flag=True, help="Train n-grams of letters too, as fastText does."),
        click.option("--min-n", type=int, help="Least length of an n-gram.  [default: 3]"),
        click.option("--max-n", type=int, help="Greatest length of an n-gram.  [default: 6]"),
        click.option(
            "--bucket", type=int, help="Vectors that all n-grams share.  [default: 2000000: 0.8 GB at -d 100]"
        ),
        shown("-d", "--vector-size", default=_DEFAULT.vector_size, help="Dimensions of a vector."),
        shown("-w", "--window", default=_DEFAULT.window, help="Greatest distance of a context word."),
        click.option(
            "-n",
            "--negative",
            type=int,
            help=f"Noise words a centre.  [default: {_DEFAULT.negative}, or 0 with --hs]",
        ),
        shown("-e", "--epochs", default=_DEFAULT.epochs, help="Passes over the text."),
        click.option(
            "-t", "--workers", "--threads", "workers", type=int, help="Threads.  [default: all cores]"
        ),
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


def parameters(
    cbow: bool,
    cbow_sum: bool,
    corrected: bool,
    hs: bool,
    negative: int | None,
    subwords: bool,
    **options: Any,
) -> dict[str, Any]:
    """Return the parameters of a model for the options that were typed; raise where these contradict each other.

    The parameters of subwords are among them if and only if the model shall have subwords.
    """
    for given, name in ((cbow_sum, "--cbow-sum"), (corrected, "--corrected")):
        if given and not cbow:
            raise click.UsageError(f"{name}: it is about CBOW; add --cbow")
    if negative is None:
        negative = 0 if hs else _DEFAULT.negative
    if negative == 0 and not hs:
        raise click.UsageError(
            "--negative 0: there is nothing to train without noise words, unless with --hs"
        )
    lengths = {name: options.pop(name) for name in SUBWORD_OPTIONS}
    lengths = {name: value for name, value in lengths.items() if value is not None}
    if lengths and not subwords:
        name = next(iter(lengths)).replace("_", "-")
        raise click.UsageError(f"--{name}: it is about n-grams; add --subwords")
    if subwords:
        options |= checked_subwords(lengths)
    return {
        "sg": int(not cbow),
        "cbow_mean": int(not cbow_sum),
        "cbow_classic": not corrected,
        "hs": int(hs),
        "negative": negative,
        **options,
    }


def checked_subwords(lengths: dict[str, int]) -> dict[str, int]:
    """Return all parameters of subwords; raise where one is out of its range, or no n-gram is left."""
    from fastvec.subwords import Subwords

    try:
        found = Subwords(**lengths)
    except ValueError as error:
        raise click.UsageError(as_options(str(error))) from error
    if not found.enabled:
        typed = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in lengths.items())
        why = (
            "n-grams need rows"
            if lengths.get("bucket") == 0
            else f"no n-gram has a length of {found.min_n} ... {found.max_n}"
        )
        raise click.UsageError(f"{typed}: {why}; choose others, or leave out --subwords")
    return dataclasses.asdict(found)


def learn(output: Path, quiet: bool, vectors_only: bool = True, **options: Any) -> tuple["Word2Vec", Path]:
    """Train and save; return the model and where it is: at `output`, or beside an older one if interrupted.

    Options are parameters of `Word2Vec`, with skip-gram as the default; or, if `bucket` is there, of `FastText`.
    """
    from fastvec.fasttext import FastText
    from fastvec.progress import Bars
    from fastvec.word2vec import Word2Vec

    check_output(output)
    before = output.is_file()
    bars: Any = None if quiet else Bars(options.get("epochs"))
    kind = FastText if "bucket" in options else Word2Vec
    with plain_warnings(bars):
        model = kind(**{"sg": 1, **options}, progress=bars)
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


def check_usage(
    corpus: Path, output: Path, options: dict[str, Any], log: Path | None = None, what: str = "vectors"
) -> None:
    """Raise where the options contradict each other, or their values are out of range."""
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    try:
        TrainConfig(**{name: value for name, value in options.items() if name in names})
    except ValueError as error:
        raise click.UsageError(as_options(str(error))) from error
    for path, name in [(output, what), *([(log, "log")] if log else [])]:
        if corpus.is_dir() and path.parent.exists() and path.parent.samefile(corpus):
            raise click.UsageError(f"{path}: the {name} would become a part of the corpus, {corpus}")
        if path.exists() and corpus.exists() and path.samefile(corpus):
            raise click.UsageError(f"{path}: the {name} would overwrite the corpus")
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
