"""How long does an approximate index take to build, to open and to ask, and how much does it find?

python bench/approximate.py [--words 200000] [--dim 100] [--threads 2]

Vectors are random points around random centres, of which a thousand words are the questions. usearch alone is handed
the same unit vectors in one call, with the same options.
"""

import argparse
import tempfile
import time
from pathlib import Path

from _run import machine, table


def clustered(words, dim, seed=0):
    """Return unit vectors around `words` / 100 centres."""
    import numpy as np

    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, words // 100), dim), np.float32)
    vectors = centres[rng.integers(len(centres), size=words)]
    vectors += np.float32(0.7) * rng.standard_normal(vectors.shape, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def timed(function, *arguments, **options):
    """Return what a call returns, its seconds, and those of all processors in it."""
    begun, used = time.perf_counter(), time.process_time()
    result = function(*arguments, **options)
    return result, time.perf_counter() - begun, time.process_time() - used


def alone(vectors, dtype, threads):
    """Build with usearch's own API."""
    import numpy as np
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip" if dtype == "f32" else "cos", dtype=dtype)
    index.add(np.arange(len(vectors)), vectors, threads=threads)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--words", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtypes", nargs="*", default=["f16", "f32", "i8"])
    parser.add_argument("--expansions", type=int, nargs="*", default=[64, 128, 256, 512])
    args = parser.parse_args()

    import numpy as np

    import fastvec
    from fastvec.store import save_vectors
    from fastvec.words import WordTable

    vectors = clustered(args.words, args.dim)
    names = [f"w{i}" for i in range(args.words)]
    asked = names[:: max(1, args.words // 1000)]
    print(f"{machine()}; {args.words:,} x {args.dim}, clustered random vectors; a single run\n")
    built, found = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.fvec"
        save_vectors(path, WordTable.from_words(names), vectors)
        kv = fastvec.KeyedVectors.load(path)
        exact = kv.most_similar_batch(asked, 10)[0]
        _, seconds, _ = timed(lambda: [kv.most_similar(word) for word in asked[:100]])
        found.append(["exact", "", f"{seconds * 10:.2f}", "1.000"])
        for dtype in args.dtypes:
            _, theirs, their_cpu = timed(alone, vectors, dtype, args.threads)
            index, ours, our_cpu = timed(kv.build_index, dtype=dtype, threads=args.threads)
            _, opening, _ = timed(fastvec.KeyedVectors.load(path).open_index)
            size = Path(f"{path}.usearch").stat().st_size
            row = [dtype, f"{theirs:.1f}", f"{ours:.1f}", f"{their_cpu:.1f}", f"{our_cpu:.1f}"]
            built.append([*row, f"{their_cpu / our_cpu:.2f}x", f"{opening * 1e3:.0f}", f"{size / 1e6:.0f}"])
            for expansion in args.expansions:
                index.expansion_search = expansion
                kv.most_similar(asked[0], search="approximate")
                _, seconds, _ = timed(lambda: [kv.most_similar(word, search="approximate") for word in asked])
                ids = kv.most_similar_batch(asked, 10, search="approximate")[0]
                recall = np.mean(
                    [len(set(a) & set(b)) / 10 for a, b in zip(ids.tolist(), exact.tolist(), strict=True)]
                )
                found.append([dtype, expansion, f"{seconds / len(asked) * 1e3:.2f}", f"{recall:.3f}"])
    head = ["numbers", "usearch alone, s", "build_index, s", "usearch, CPU s", "build_index, CPU s", "ratio"]
    table(built, [*head, "open, ms", "file, MB"])
    print()
    table(found, ["numbers", "expansion_search", "ms a query", "recall@10"])


if __name__ == "__main__":
    main()
