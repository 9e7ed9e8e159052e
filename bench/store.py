"""How fast does a file of vectors open, and how much memory does that take? How long do other formats take to read?

python bench/store.py [--words 1000000] [--dim 300] [--text-words 100000]
"""

import statistics
import tempfile
from pathlib import Path

import numpy as np
from _run import machine, parser, ratio, rounds, table

from fastvec.formats import word2vec
from fastvec.store import save_vectors
from fastvec.words import WordTable


def write_files(folder, words, dim, text_words):
    """Write the same random vectors as .fvec and as gensim's own file, and in word2vec's formats."""
    from gensim.models import KeyedVectors

    names = [f"w{i}" for i in range(words)]
    vectors = np.random.default_rng(0).standard_normal((words, dim), np.float32)
    table = WordTable.from_words(names)
    save_vectors(folder / "v.fvec", table, vectors)
    word2vec.write(folder / "v.bin", table, vectors, binary=True)
    few = min(words, text_words)
    word2vec.write(folder / "v.txt", WordTable.from_words(names[:few]), vectors[:few])
    theirs = KeyedVectors(dim)
    theirs.add_vectors(names, vectors)
    theirs.save(str(folder / "v.kv"))


def main():
    options = parser(__doc__)
    options.add_argument("--words", type=int, default=1_000_000)
    options.add_argument("--dim", type=int, default=300)
    options.add_argument("--text-words", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--folder", type=Path, help="Keep the files there, and use those that are there.")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = args.folder or Path(name)
        if not (folder / "v.kv").exists():
            write_files(folder, args.words, args.dim, args.text_words)
        jobs = {
            "gensim": {"job": "gensim_open", "path": str(folder / "v.kv")},
            "fastvec": {"job": "fastvec_open", "path": str(folder / "v.fvec")},
            "import gensim": {"job": "gensim_import"},
            "import fastvec": {"job": "fastvec_import"},
        }
        for system in ("gensim", "fastvec"):
            for kind in ("bin", "txt"):
                path = str(folder / f"v.{kind}")
                jobs[f"{system} {kind}"] = {"job": f"{system}_load", "path": path, "binary": kind == "bin"}
        got = rounds(jobs, args.rounds)
    times, theirs, mine = ratio(got["gensim"], got["fastvec"], "open", "open")
    head = ["", "gensim", "fastvec", "ratio"]
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
    for kind, what, words in (("bin", "binary", args.words), ("txt", "text", args.text_words)):
        times, theirs, mine = ratio(got[f"gensim {kind}"], got[f"fastvec {kind}"], "load", "load")
        speed = statistics.median(r["MB/s"] for r in got[f"fastvec {kind}"])
        rows.append(
            [
                f"load word2vec {what}, {words:,} x {args.dim}",
                f"{theirs:.2f} s",
                f"{mine:.2f} s, {speed:,.0f} MB/s",
                f"{times:.1f}x",
            ]
        )
        peaks = [max(r["peak / file"] for r in got[f"{system} {kind}"]) for system in ("gensim", "fastvec")]
        rows.append(["... peak memory, in sizes of the file", *(f"{peak:.2f}" for peak in peaks), ""])
    times, theirs, mine = ratio(got["import gensim"], got["import fastvec"], "import", "import")
    rows.append(["import, numpy included", f"{theirs * 1e3:.0f} ms", f"{mine * 1e3:.0f} ms", f"{times:.1f}x"])
    print(f"{machine()}; medians of {args.rounds} paired rounds\n")
    table(rows, head)


if __name__ == "__main__":
    main()
