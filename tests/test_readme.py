"""What the documents say: the README's example prints it, and nothing is left to be filled in."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_example_prints_what_it_says(python):
    text = (ROOT / "README.md").read_text("utf-8")
    code, printed = re.search(r"```python\n(.*?)```\s+prints\s+```\n(.*?)```", text, re.DOTALL).groups()
    done = python("-c", code)
    assert (done.stdout, done.stderr) == (printed, "")


def test_nothing_is_left_to_be_filled_in():
    paths = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "bench" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
    assert [path.name for path in paths if "@@" in path.read_text("utf-8")] == []
