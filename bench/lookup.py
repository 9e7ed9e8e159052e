"""How fast are the vectors of a word, of ten thousand words in one call, and of a thousand sentences?

python bench/lookup.py [--words 1000000] [--dim 300]

gensim has its vectors in memory, fastvec a mapped file that is in the page cache; both in one process, and in turn.
Words are asked for in random order, the same for both. The floor is a dict and a matrix in plain Python:
``matrix[index[word]]``.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from _run import machine, parser, table

ASKED = 10_000
SENTENCE = 20  # words


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def write(path, names, vectors):
    from fastvec.store import save_vectors
    from fastvec.words import WordTable

    save_vectors(path, WordTable.from_words(names), vectors)


def subjects(path, names, vectors):
    """Return gensim's vectors, fastvec's, and the dict."""
    from gensim.models import KeyedVectors as Theirs

    from fastvec import KeyedVectors

    theirs = Theirs(vectors.shape[1])
    theirs.index_to_key, theirs.vectors = names, vectors
    theirs.key_to_index = {name: i for i, name in enumerate(names)}
    mine = KeyedVectors.load(path)
    _ = float(mine.vectors.sum())
    theirs.fill_norms()
    return theirs, mine, theirs.key_to_index


def tasks(theirs, mine, index, vectors, asked):
    """Return what is timed: task -> who -> function."""

    few = asked[: ASKED // 20] * 20

    def each(kv, words):
        for word in words:
            kv[word]

    def each_row(words):
        for word in words:
            vectors[index[word]]

    sentences = [asked[i : i + SENTENCE] for i in range(0, len(asked), SENTENCE)]
    return {
        "kv[word], anywhere, each": {
            "gensim": lambda: each(theirs, asked),
            "fastvec": lambda: each(mine, asked),
            "dict + row": lambda: each_row(asked),
        },
        f"kv[word], {len(few) // 20} words again and again, each": {
            "gensim": lambda: each(theirs, few),
            "fastvec": lambda: each(mine, few),
            "dict + row": lambda: each_row(few),
        },
        f"kv[{ASKED:,} words]": {
            "gensim": lambda: theirs[asked],
            "fastvec": lambda: mine[asked],
            "dict + row": lambda: vectors[[index[word] for word in asked]],
        },
        f"{len(sentences)} sentences of {SENTENCE} words": {
            "gensim": lambda: [theirs.get_mean_vector(sentence) for sentence in sentences],
            "fastvec": lambda: mine.sentence_vectors(sentences),
        },
    }


def main():
    options = parser(__doc__)
    options.add_argument("--words", type=int, default=1_000_000)
    options.add_argument("--dim", type=int, default=300)
    options.add_argument("--rounds", type=int, default=21)
    args = options.parse_args()
    names = [f"word{i}" for i in range(args.words)]
    vectors = np.random.default_rng(0).random((args.words, args.dim), np.float32)
    chosen = np.random.default_rng(1).integers(0, args.words, ASKED).tolist()
    asked = [
        str(names[i].encode(), "ascii") for i in chosen
    ]  # strings of the caller's own, as read from a text
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.fvec"
        write(path, names, vectors)
        theirs, mine, index = subjects(path, names, vectors)
        rows = []
        for task, runs in tasks(theirs, mine, index, vectors, asked).items():
            got = [{who: seconds(run) for who, run in runs.items()} for _ in range(args.rounds)]
            middle = {who: statistics.median(times[who] for times in got) for who in runs}
            unit, scale, digits = ("ns", 1e9 / ASKED, 0) if task.endswith("each") else ("ms", 1e3, 1)
            shown = [
                f"{middle[who] * scale:.{digits}f} {unit}" if who in middle else ""
                for who in ("gensim", "dict + row", "fastvec")
            ]
            faster = statistics.median(times["gensim"] / times["fastvec"] for times in got)
            rows.append([task, *shown, f"{faster:.1f}x"])
        print(f"{machine()}; {args.words:,} x {args.dim}, medians of {args.rounds} rounds\n")
        table(rows, ["", "gensim", "dict + row", "fastvec", "gensim / fastvec"])


if __name__ == "__main__":
    main()
