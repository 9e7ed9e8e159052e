"""The README's example prints what the README says."""

import re
from pathlib import Path


def test_the_example_prints_what_it_says(python):
    text = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    code, printed = re.search(r"```python\n(.*?)```\s+prints\s+```\n(.*?)```", text, re.DOTALL).groups()
    done = python("-c", code)
    assert (done.stdout, done.stderr) == (printed, "")
