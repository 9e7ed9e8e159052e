"""How fast is a word's vector found, and those of ten thousand words at once?

python bench/lookup.py [--words 1000000] [--dim 300]

gensim has its vectors in memory, fastvec a mapped file, both in one process; words are asked for in random order, the
same for all. The floor is a dict and a matrix in plain Python: ``matrix[index[word]]``.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from _run import machine, table

ASKED = 10_000


def timed(function, rounds):
    """Return the seconds of each call."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return seconds


def one_by_one(look, asked):
    """Return what asks for every word, in a loop of `look`, which goes through the words itself."""
    return lambda: look(asked)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()

    from gensim.models import KeyedVectors as Theirs

    from fastvec import KeyedVectors
    from fastvec.store import save_vectors
    from fastvec.words import WordTable

    names = [f"word{i}" for i in range(args.words)]
    vectors = np.random.default_rng(0).random((args.words, args.dim), np.float32)
    theirs = Theirs(args.dim)
    theirs.index_to_key, theirs.vectors = names, vectors
    theirs.key_to_index = {name: i for i, name in enumerate(names)}
    index = theirs.key_to_index
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.fvec"
        save_vectors(path, WordTable.from_words(names), vectors)
        mine = KeyedVectors.load(path)
        _ = float(mine.vectors.sum())  # the file is in the page cache, as their matrix is in memory
        chosen = np.random.default_rng(1).integers(0, args.words, ASKED).tolist()
        asked = [
            str(names[i].encode(), "ascii") for i in chosen
        ]  # strings of the caller's own, as read from a text
        runs = {}
        for name, kv in (("gensim", theirs), ("fastvec", mine)):
            runs[name, "one"] = eval_loop(kv, asked)
            runs[name, "many"] = lambda kv=kv: kv[asked]
        runs["floor", "one"] = floor_loop(vectors, index, asked)
        runs["floor", "many"] = lambda: vectors[[index[word] for word in asked]]
        got = {key: [] for key in runs}
        for _ in range(args.rounds):
            for key, run in runs.items():
                got[key] += timed(run, 1)
    middle = {key: statistics.median(seconds) for key, seconds in got.items()}
    rows = []
    for what, label, unit in (("one", "kv[word]", 1e9 / ASKED), ("many", f"kv[list of {ASKED:,}]", 1e3)):
        times = [middle[name, what] for name in ("gensim", "floor", "fastvec")]
        shown = [f"{t * unit:.0f} ns" if what == "one" else f"{t * unit:.2f} ms" for t in times]
        rows.append([label, *shown, f"{times[0] / times[2]:.1f}x", f"{times[2] / times[1]:.2f}"])
    print(f"{machine()}; {args.words:,} x {args.dim}, medians of {args.rounds} rounds in turn\n")
    table(rows, ["", "gensim", "dict + row", "fastvec", "gensim / fastvec", "fastvec / (dict + row)"])


def eval_loop(kv, asked):
    def run():
        for word in asked:
            kv[word]

    return run


def floor_loop(vectors, index, asked):
    def run():
        for word in asked:
            vectors[index[word]]

    return run


if __name__ == "__main__":
    main()
