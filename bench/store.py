"""How fast does a file of vectors open, and how much memory does that take? How long does the import take?

python bench/store.py [--words 1000000] [--dim 300]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _run import machine, ratio, rounds, table

from fastvec.store import save_vectors
from fastvec.words import WordTable


def write_files(folder, words, dim):
    """Write the same random vectors as .fvec and as gensim's own file."""
    from gensim.models import KeyedVectors

    names = [f"w{i}" for i in range(words)]
    vectors = np.random.default_rng(0).random((words, dim), np.float32)
    save_vectors(folder / "v.fvec", WordTable.from_words(names), vectors)
    theirs = KeyedVectors(dim)
    theirs.add_vectors(names, vectors)
    theirs.save(str(folder / "v.kv"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, args.words, args.dim)
        got = rounds(
            {
                "gensim": {"job": "gensim_open", "path": str(folder / "v.kv")},
                "fastvec": {"job": "fastvec_open", "path": str(folder / "v.fvec")},
                "import gensim": {"job": "gensim_import"},
                "import fastvec": {"job": "fastvec_import"},
            },
            args.rounds,
        )
    times, theirs, mine = ratio(got["gensim"], got["fastvec"], "open", "open")
    rows = [
        [
            f"open {args.words:,} x {args.dim}",
            f"{theirs * 1e3:.0f} ms",
            f"{mine * 1e3:.2f} ms",
            f"{times:.0f}x",
        ]
    ]
    added = max(r["resident MB"] for r in got["fastvec"])
    rows.append(["resident memory that opening adds", "", f"{added:.1f} MB", ""])
    times, theirs, mine = ratio(got["import gensim"], got["import fastvec"], "import", "import")
    rows.append(["import, numpy included", f"{theirs * 1e3:.0f} ms", f"{mine * 1e3:.0f} ms", f"{times:.1f}x"])
    print(f"{machine()}; medians of {args.rounds} paired rounds\n")
    table(rows, ["", "gensim", "fastvec", "ratio"])


if __name__ == "__main__":
    main()
