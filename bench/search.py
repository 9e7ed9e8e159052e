"""How fast is exact search: one query, a batch of them, smaller storage; against a plain read, gensim and faiss?

python bench/search.py [--words 1000000] [--dim 300] [--threads 2]
python bench/search.py --vectors words.fvec     # trained ones, which do not lie as evenly as random ones
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from _run import machine, parser, table

TOPN = 10


def take_turns(jobs, rounds):
    """Run every job once a round, in turn; return name -> seconds of a call, round by round."""
    seconds = {name: [] for name in jobs}
    for i in range(rounds):
        for name, (job, calls) in jobs.items():
            begun = time.perf_counter()
            for _ in range(calls):
                job()
            seconds[name].append((time.perf_counter() - begun) / calls)
            print(f"  round {i + 1}, {name}: {seconds[name][-1] * 1e3:.1f} ms", file=sys.stderr, flush=True)
    return seconds


def plain_read(vectors, threads):
    """Read the matrix and do next to nothing with it, with as many threads."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    pool = ThreadPoolExecutor(threads)
    numbers = vectors.reshape(-1).view(np.uint64)
    parts = np.array_split(numbers, 8 * threads)
    return lambda: max(pool.map(np.max, parts))


def subjects(args, folder):
    """Return the vectors as ours, as gensim's and as faiss's, and name -> smaller storage."""
    import faiss
    import numpy as np
    from gensim.models import KeyedVectors as Theirs

    import fastvec
    from fastvec.store import save_vectors
    from fastvec.words import WordTable

    if args.vectors:
        trained = fastvec.load(args.vectors)
        names, vectors = list(trained.index_to_key), np.ascontiguousarray(trained.vectors, np.float32)
        args.words, args.dim = vectors.shape
    else:
        names = [f"w{i}" for i in range(args.words)]
        vectors = np.random.default_rng(0).random((args.words, args.dim), np.float32) - np.float32(0.5)
    save_vectors(folder / "v.fvec", WordTable.from_words(names), vectors)
    ours = fastvec.KeyedVectors.load(folder / "v.fvec")
    smaller = {}
    for kind in ("float16", "int8"):
        ours.convert(kind).save(folder / kind)
        smaller[kind] = fastvec.KeyedVectors.load(folder / kind)
    theirs = Theirs(args.dim)
    theirs.vectors, theirs.index_to_key = vectors, names
    theirs.key_to_index = {name: i for i, name in enumerate(names)}
    theirs.fill_norms()
    faiss.omp_set_num_threads(args.threads)
    index = faiss.IndexFlatIP(args.dim)
    index.add(vectors)
    return ours, theirs, index, smaller


def single(args, ours, theirs, index, smaller):
    """One query."""
    word = ours.index_to_key[77]
    query = ours.get_vector(word, norm=True)[None]
    seconds = take_turns(
        {
            "plain read": (plain_read(ours.vectors, args.threads), 5),
            "fastvec": (lambda: ours.most_similar(word, topn=TOPN), 5),
            "fastvec float16": (lambda: smaller["float16"].most_similar(word, topn=TOPN), 10),
            "fastvec int8": (lambda: smaller["int8"].most_similar(word, topn=TOPN), 10),
            "gensim": (lambda: theirs.most_similar(word, topn=TOPN), 3),
            "faiss IndexFlatIP": (lambda: index.search(query, TOPN), 3),
        },
        args.rounds,
    )
    rows = [
        [f"one query, {name}", *against(seconds[name], seconds["fastvec"])]
        for name in seconds
        if name != "fastvec"
    ]
    table(rows, ["", "ms", "fastvec float32, ms", "ratio"])
    print()


def batch(args, count, ours, theirs, index, smaller):
    """Several queries in one call."""
    words = ours.index_to_key[:count]
    queries = theirs.vectors[:count] / theirs.norms[:count, None]
    few = words[: max(1, count // 20)]  # the loop takes as long for each
    seconds = take_turns(
        {
            "fastvec": (lambda: ours.most_similar_batch(words, TOPN), 1),
            "fastvec float16": (lambda: smaller["float16"].most_similar_batch(words, TOPN), 1),
            "fastvec int8": (lambda: smaller["int8"].most_similar_batch(words, TOPN), 1),
            "gensim": (lambda: [theirs.most_similar(word, topn=TOPN) for word in few], 1),
            "faiss IndexFlatIP": (lambda: index.search(queries, TOPN), 1),
        },
        args.rounds,
    )
    seconds["gensim"] = [s * count / len(few) for s in seconds["gensim"]]
    rows = [
        [f"{count} queries, {name}", *against(seconds[name], seconds["fastvec"])]
        for name in seconds
        if name != "fastvec"
    ]
    rate = 2e-9 * args.words * args.dim * count / statistics.median(seconds["fastvec"])
    table(rows, ["", "ms", "fastvec float32, ms", "ratio"])
    print(f"\n{count} queries: {rate:.0f} GFLOP/s\n")


def against(theirs, ours):
    """Medians of both in milliseconds, and of the ratios of paired rounds."""
    ratio = statistics.median(t / o for t, o in zip(theirs, ours, strict=True))
    return f"{statistics.median(theirs) * 1e3:.1f}", f"{statistics.median(ours) * 1e3:.1f}", f"{ratio:.2f}x"


def main():
    options = parser(__doc__)
    options.add_argument("--words", type=int, default=1_000_000)
    options.add_argument("--dim", type=int, default=300)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--vectors", help="a file of trained vectors, in place of random ones")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--batches", type=int, nargs="*", default=[100, 1000])
    args = options.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, str(args.threads))
    with tempfile.TemporaryDirectory() as name:
        held = subjects(args, Path(name))
        print(f"{machine()}; {args.words:,} x {args.dim}; medians of {args.rounds} rounds in turn\n")
        single(args, *held)
        for count in args.batches:
            batch(args, count, *held)


if __name__ == "__main__":
    main()
