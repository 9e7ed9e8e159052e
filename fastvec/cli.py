"""The command line: ``fastvec train | similar | analogy | eval | phrases | info | check | demo``.

Exit codes: 0 done; 1 a file or a text was wrong (one line on standard error says what), or the reader of the output
has gone, as `head` does (nothing is said); 2 wrong usage; 130 interrupted by Ctrl-C (training saves what it has
learned first).
"""

import contextlib
import io
import json
import math
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastvec._version import __version__
from fastvec.cli_train import (
    POSITIVE,
    as_options,
    check_output,
    check_usage,
    learn,
    parameters,
    plain_warnings,
    training_options,
)
from fastvec.errors import CorpusError, FormatError, NoVocabularyError

if TYPE_CHECKING:
    from fastvec.callbacks import Log
    from fastvec.keyedvectors import KeyedVectors
    from fastvec.subwords import Subwords
    from fastvec.word2vec import Word2Vec

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal may lack letters that words have
        sys.stdout.reconfigure(errors="backslashreplace")
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt_once)
    sys.exit(run(arguments))


def interrupt_once(*_: object) -> None:
    """Interrupt at the first Ctrl-C; those that follow must not disturb the saving of what was learned."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    try:
        return cli.main(arguments, prog_name="fastvec", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("fastvec: interrupted", err=True)
        return INTERRUPTED
    except MemoryError:
        click.echo(
            "fastvec: not enough memory; try a higher --min-count, or a smaller --vector-size or --bucket",
            err=True,
        )
        return 1
    except (ValueError, TypeError, ArithmeticError, OSError, KeyError, ImportError) as error:
        click.echo(f"fastvec: {one_line(error)}", err=True)
        return 1


def one_line(error: Exception) -> str:
    """Return what `error` says, without the dress of Python."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return as_options(" ".join(text.split("\n"))) or type(error).__name__


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. click takes an EOFError, which a file that is cut short raises, for the user's Ctrl-D."""
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise FormatError(*error.args) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fastvec")
def cli() -> None:
    """Train word vectors, store them, ask them.

    \b
    fastvec demo                                 see it work, on text this Python brings along
    fastvec train corpus.txt -o words.fvec       train on your own text
    fastvec similar words.fvec horse             ask
    """


def summary(model: "Word2Vec") -> str:
    """Return the line that a training ends with."""
    assert model.vocab is not None
    known = int(model.vocab.counts.sum())
    words, text = known * model.config.epochs, model.vocab.corpus_words
    share = f" ({known:,} known words of {text:,} in the text)" if known != text else ""
    speed = model.trained_words / max(model.total_train_time, 1e-9)
    loss = model.get_latest_training_loss()
    return (
        f"{counted(len(model.wv), 'word')} x {model.vector_size}{share}; "
        f"trained on {model.trained_words:,} of {counted(words, 'word')} "
        f"in {model.total_train_time:.1f} s ({speed / 1e6:.2f} million words/s)"
        f"{f', loss {loss:.4f}' if loss else ''}"
    )


@cli.command(epilog="Example: fastvec train corpus.txt -o words.fvec --vector-size 200 --epochs 10")
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The .fvec file to write."
)
@click.option("--full", is_flag=True, help="Save the whole model, to go on training in Python.")
@click.option("--loss", is_flag=True, help="Measure the loss, and show it.")
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    help="Add lines of words, speed, learning rate and loss to this .csv or .jsonl.",
)
@training_options
def train(corpus: Path, output: Path, full: bool, loss: bool, log: Path | None, **options: Any) -> int:
    """Train word vectors on CORPUS: a text file with a sentence a line.

    Give a directory to train on several files; its subdirectories are passed over.

    Words are what stands between blanks: lower-case the text and split off the punctuation before, if you
    want that. Files may be compressed (.gz, .bz2, .xz, .zst). Ctrl-C saves what was learned and leaves with code 130;
    an older file at the output then stays, and the new one is NAME.interrupted.fvec.

    The model is skip-gram with noise words, unless options say otherwise. (In Python, Word2Vec is CBOW by default,
    as gensim's is.) With --subwords, the file answers any string, known words and others.
    """
    options = parameters(**options)
    check_usage(corpus, output, options, log)
    if loss:
        options["compute_loss"] = True
    if log is not None:
        options["callbacks"] = [opened_log(log)]
    model, saved = learn(output, vectors_only=not full, corpus_file=corpus, **options)
    click.echo(f"{summary(model)}\n{saved_line(saved, output)} ({saved.stat().st_size / 1e6:.1f} MB)")
    return INTERRUPTED if model.interrupted else 0


def opened_log(path: Path) -> "Log":
    """Return the callback that writes to `path`; what stands in its way is found before the work."""
    from fastvec.callbacks import Log

    log = Log(path)
    log.prepare()
    return log


def saved_line(saved: Path, output: Path) -> str:
    """Return what to say of the file that was written."""
    return f"saved {saved}" if saved == output else f"saved {saved}, and left the older {output} as it was"


def load(path: Path) -> "KeyedVectors":
    """Open `path`, whatever its format: its content tells which."""
    from fastvec import opening

    if not path.exists():
        raise OSError(f"{path}: no such file")
    return opening.load(path)


def subwords_of(kv: "KeyedVectors") -> "Subwords | None":
    """Return which n-grams have vectors; None where none have."""
    from fastvec.fasttext_vectors import FastTextKeyedVectors

    return kv.subwords if isinstance(kv, FastTextKeyedVectors) and kv.subwords.enabled else None


def check_known(kv: "KeyedVectors", path: Path, words: Sequence[str]) -> None:
    """Raise where a word has no vector; say of which words n-grams alone make one. Nothing has been printed then."""
    subwords = subwords_of(kv)
    unknown = {word: 0 for word in words if not kv.has_index_for(word)}
    for word in unknown:
        unknown[word] = len(subwords.ngrams(word)) if subwords else 0
        if unknown[word]:
            kv.get_vector(word)  # raises where UTF-8 cannot hold the word
            continue
        without = f", and has no n-grams of {subwords.min_n} ... {subwords.max_n}" if subwords else ""
        lower = word.lower()
        hint = f"; {lower!r} is" if kv.has_index_for(lower) else ""
        raise ValueError(f"{word!r} is not among the {counted(len(kv), 'word')} of {path}{without}{hint}")
    for word, ngrams in unknown.items():
        click.echo(
            f"fastvec: {word!r} is not in the vocabulary; it has {counted(ngrams, 'n-gram')}", err=True
        )


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, as "1 word" or "2,000 words"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_neighbours(found: Sequence[tuple[str, float]]) -> None:
    """Print words and their cosine similarities."""
    width = max((len(word) for word, _ in found), default=0)
    for word, score in found:
        click.echo(f"  {word:<{width}}  {score:.4f}")


vectors_argument = click.argument("vectors", type=click.Path(path_type=Path))
topn_option = click.option(
    "-k", "--topn", default=10, show_default=True, type=POSITIVE, help="How many words to show."
)


@cli.command(epilog="Example: fastvec similar words.fvec horse canyon -k 5")
@vectors_argument
@click.argument("words", nargs=-1, required=True)
@topn_option
def similar(vectors: Path, words: tuple[str, ...], topn: int) -> None:
    """Show the words of VECTORS that are most similar to each of WORDS, with their cosines."""
    kv = load(vectors)
    check_known(kv, vectors, words)
    for word in words:
        click.echo(word)
        print_neighbours(kv.most_similar(word, topn=topn))


@cli.command(epilog="Example: fastvec analogy words.fvec france paris italy   (paris - france + italy)")
@vectors_argument
@click.argument("a")
@click.argument("b")
@click.argument("c")
@topn_option
def analogy(vectors: Path, a: str, b: str, c: str, topn: int) -> None:
    """Show what is to C as B is to A."""
    kv = load(vectors)
    check_known(kv, vectors, (a, b, c))
    click.echo(f"{a} is to {b} as {c} is to")
    print_neighbours(kv.most_similar(positive=[b, c], negative=[a], topn=topn))


@cli.command(
    "eval", epilog="Example: fastvec eval words.fvec --analogies questions-words.txt --pairs wordsim353.tsv"
)
@vectors_argument
@click.option(
    "--analogies", type=click.Path(path_type=Path), multiple=True, help="Questions: four words a line."
)
@click.option("--pairs", type=click.Path(path_type=Path), multiple=True, help="Two words and a score a line.")
@click.option(
    "--restrict-vocab",
    default=300_000,
    show_default=True,
    type=POSITIVE,
    help="Use the most frequent words only.",
)
def evaluate(vectors: Path, analogies: Sequence[Path], pairs: Sequence[Path], restrict_vocab: int) -> None:
    """Measure VECTORS on analogies and on human judgements of similarity."""
    if not analogies and not pairs:
        raise click.UsageError("nothing to measure: give --analogies FILE or --pairs FILE")
    from fastvec import evaluation

    kv = load(vectors)
    for path in analogies:
        score, sections = evaluation.evaluate_word_analogies(
            kv, path, restrict_vocab=restrict_vocab, unnamed_section=True, least=1
        )
        total = sections[-1]
        asked = len(total["correct"]) + len(total["incorrect"])
        click.echo(f"{path}: {score:.4f} right, of {counted(asked, 'question')} with known words")
    for path in pairs:
        pearson, spearman, unknown = evaluation.evaluate_word_pairs(
            kv, path, delimiter=None, restrict_vocab=restrict_vocab, least=3
        )
        if math.isnan(pearson.statistic):
            click.echo(f"{path}: no correlation, since all scores or all cosines are equal")
            continue
        click.echo(
            f"{path}: Spearman {spearman[0]:.4f}, Pearson {pearson[0]:.4f}; {unknown:.1f} % of the pairs left out"
        )


@cli.command(epilog="Example: fastvec phrases corpus.txt -o joined.txt --passes 2 --connector-words english")
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The text to write.")
@click.option(
    "--passes",
    default=1,
    show_default=True,
    type=POSITIVE,
    help="Each may double a phrase's length; ends early where none is left.",
)
@click.option("--min-count", default=5, show_default=True, type=POSITIVE, help="Leave rarer phrases apart.")
@click.option("--threshold", type=float, help="Join what scores more.  [default: 10, or 0.5 with npmi]")
@click.option("--scoring", type=click.Choice(["default", "npmi"]), default="default", show_default=True)
@click.option("--delimiter", default="_", show_default=True, help="Stands between the words of a phrase.")
@click.option(
    "--connector-words",
    default="none",
    show_default=True,
    help="Words that may stand inside a phrase, with commas; 'english' for articles and prepositions.",
)
@click.option(
    "--max-vocab-size", default=40_000_000, show_default=True, type=POSITIVE, help="Forget rare ones beyond."
)
@click.option("-t", "--workers", "--threads", "workers", type=POSITIVE, help="Threads.  [default: all cores]")
@click.option(
    "--errors",
    type=click.Choice(["strict", "replace", "ignore"]),
    default="strict",
    show_default=True,
    help="What to do with bytes that are not UTF-8.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def phrases(
    corpus: Path, output: Path, quiet: bool, connector_words: str, threshold: float | None, **options: Any
) -> None:
    """Join the phrases of CORPUS, as new_york, and write the text: a sentence a line.

    A phrase is two words that stand together more often than by chance. CORPUS is a text file, plain or compressed,
    or a directory of such; the output is compressed where its name ends in .gz, .bz2, .xz or .zst. Ctrl-C leaves an
    older output as it was.
    """
    from fastvec.phrase_text import phrase_passes
    from fastvec.phrases import ENGLISH_CONNECTOR_WORDS
    from fastvec.progress import Bars

    if not options["delimiter"] or options["delimiter"].split() != [options["delimiter"]]:
        raise click.UsageError(f"--delimiter {options['delimiter']!r}: give letters or signs, and no blank")
    try:
        options["delimiter"].encode()
    except UnicodeEncodeError as error:
        raise click.UsageError(
            f"--delimiter {options['delimiter']!r}: UTF-8 cannot hold it, {error.reason}"
        ) from None
    check_usage(corpus, output, {}, what="joined text")
    check_output(output)
    given = {"none": frozenset(), "english": ENGLISH_CONNECTOR_WORDS}
    connectors = given.get(connector_words, frozenset(connector_words.split(",")))
    if threshold is None:
        threshold = 0.5 if options["scoring"] == "npmi" else 10.0
    bars: Any = None if quiet else Bars()
    try:
        with plain_warnings(bars):
            models = phrase_passes(
                corpus,
                output,
                progress=None if quiet else bars.reading,
                connector_words=connectors,
                threshold=threshold,
                **options,
            )
    finally:
        if bars is not None:
            bars.close()
    for number, model in enumerate(models, 1):
        found = counted(len(model.export_phrases()), "phrase")
        click.echo(f"pass {number}: {found}, in {counted(model.corpus_word_count, 'word')}")
    click.echo(f"saved {output} ({output.stat().st_size / 1e6:.1f} MB)")


def what_is_held(kv: "KeyedVectors", path: Path) -> str:
    """Return whether a file holds what training needs to go on, beside the vectors."""
    from fastvec import formats, store
    from fastvec.modelfile import MATRICES

    if formats.sniff(path) == "fvec" and MATRICES.keys() & store.open_vectors(path).extra.keys():
        kind = "FastText" if subwords_of(kv) else "Word2Vec"
        return f"the whole model; fastvec.{kind}.load goes on training"
    return "word vectors, and those of n-grams" if subwords_of(kv) else "word vectors alone"


@cli.command(epilog="Example: fastvec info words.fvec")
@click.argument("vectors", type=click.Path(path_type=Path), required=False)
def info(vectors: Path | None) -> None:
    """Show what VECTORS holds and how it was made; without VECTORS, what this installation can do."""
    if vectors is None:
        from fastvec import _backend

        click.echo(f"fastvec {__version__}, Python {sys.version.split()[0]}")
        click.echo(f"backend: {_backend.name}, of {', '.join(_backend.available())}")
        return
    kv = load(vectors)
    click.echo(f"{vectors}: {counted(len(kv), 'word')} x {kv.vector_size}, {kv.vectors.dtype}")
    click.echo(f"size: {vectors.stat().st_size / 1e6:.1f} MB")
    if len(kv):
        click.echo(f"first words: {' '.join(kv.index_to_key[:8])}")
    click.echo(f"holds: {what_is_held(kv, vectors)}")
    if subwords := subwords_of(kv):
        click.echo(f"subwords: {', '.join(f'{k}={v}' for k, v in subwords.to_metadata().items())}")
    for key, value in kv.metadata.items():
        with contextlib.suppress(ValueError):
            value = ", ".join(f"{k}={v}" for k, v in json.loads(value).items()) if value[:1] == "{" else value
        click.echo(f"{key}: {value}")


@cli.command(epilog="Example: fastvec check words.fvec && echo sound")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: Sequence[Path]) -> int:
    """Read FILES whole, and compare them with their checksums, if they have any.

    The exit code is 0 where all are sound, and 1 where one is damaged; a line tells what is wrong, and where.
    """
    from fastvec import opening

    wrong = 0
    for path in files:
        try:
            click.echo(f"{path}: sound; {opening.check(path)}")
        except (FormatError, OSError) as error:
            click.echo(f"fastvec: {one_line(error)}", err=True)
            wrong = 1
    return wrong


@cli.command(epilog="Example: fastvec demo --corpus my-notes.txt")
@click.option(
    "--corpus", type=click.Path(path_type=Path), help="Your own text, in place of the documentation."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("fastvec-demo.fvec"), show_default=True
)
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def demo(corpus: Path | None, output: Path, quiet: bool) -> int:
    """Train in a few seconds on the English that every Python brings along: its documentation.

    Gathers the docstrings of the standard library and of the installed packages, trains on them, and shows
    what the words of a programmer have come to mean. Nothing is downloaded.
    """
    from fastvec import demo as show

    check_output(output)
    if corpus is None:
        sentences = show.python_documentation()
        click.echo(f"gathered {counted(sum(map(len, sentences)), 'word')} of Python's documentation")
        options: dict[str, Any] = {"sentences": sentences, **show.OPTIONS}
    else:
        check_usage(corpus, output, {})
        options = {"corpus_file": corpus, **show.OPTIONS, **show.own_text_options(corpus)}
    try:
        model, saved = learn(output, quiet, **options)
    except NoVocabularyError as error:
        hint = shlex.join(["fastvec", "train", str(corpus), "--min-count", "1", "-o", "words.fvec"])
        raise CorpusError(
            f"{corpus}: too short for a demonstration: no word occurs {options['min_count']} times; give more text, "
            f"or, if there are words in it, train with {hint}"
        ) from error
    click.echo(summary(model))
    words = show.words_to_show(model.wv, show.PROGRAMMERS_WORDS if corpus is None else ())
    for word in words:
        click.echo(f"{word:>12}: {', '.join(near for near, _ in model.wv.most_similar(word, topn=6))}")
    click.echo(f"\n{saved_line(saved, output)}; next:")
    for line in show.next_commands(saved, words):
        click.echo(f"  {line}")
    return INTERRUPTED if model.interrupted else 0
