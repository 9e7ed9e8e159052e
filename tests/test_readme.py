"""What the documents say: examples print it, commands and links are right, and nothing is left to be filled in."""

import re
import shlex
from pathlib import Path

import click
import pytest

from fastvec import FastText, Word2Vec, cli, save_facebook_model

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "bench/README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]


def test_the_examples_print_what_they_say(python):
    """Each goes on where the one before has ended."""
    text = (ROOT / "README.md").read_text("utf-8")
    examples = re.findall(r"```python\n(.*?)```\s+prints\s+```\n(.*?)```", text, re.DOTALL)
    assert len(examples) == text.count("```python") > 1, "an example without its output"
    done = python("-c", "".join(code for code, _ in examples))
    assert done.stdout == "".join(printed for _, printed in examples)
    assert done.stderr == "Effective 'alpha' higher than previous training cycles\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the files that the documents' examples read."""
    folder = tmp_path_factory.mktemp("files")
    line = "the king and the queen and the man and the woman saw new york and the bank of america"
    (folder / "corpus.txt").write_text(f"{line}\n" * 50)
    model = FastText(corpus_file=folder / "corpus.txt", vector_size=100, bucket=500, workers=1)
    model.wv.save(folder / "words.fvec")
    Word2Vec(corpus_file=folder / "corpus.txt", vector_size=100, workers=1).wv.save(folder / "whole.fvec")
    model.wv.save_word2vec_format(folder / "vectors.bin", binary=True)
    save_facebook_model(model, folder / "cc.en.300.bin")
    return folder


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p != "README.md" and "```python" in (ROOT / p).read_text("utf-8")]
)
def test_the_examples_of_the_documents_run(page, files, python):
    code = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    done = python("-W", "error", "-c", "".join(code), cwd=files)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_that_are_shown_are_right(page):
    blocks = (ROOT / page).read_text("utf-8").split("```")[1::2]
    for line in re.findall(r"^(?:.* && )?fastvec (.*)$", "\n".join(blocks), re.MULTILINE):
        name, *arguments = shlex.split(line)
        command = cli.cli.commands[name]
        with click.Context(cli.cli) as context:
            command.make_context(name, arguments, parent=context)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_nothing_is_left_to_be_filled_in():
    paths = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "bench" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
    assert [path.name for path in paths if "@@" in path.read_text("utf-8")] == []
