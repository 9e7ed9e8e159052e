"""How much memory do many processes take that open and search one file? Linux only (/proc/self/smaps_rollup).

python bench/sharing.py [--processes 10] [--words 1000000] [--dim 300]
"""

import multiprocessing
import tempfile
from pathlib import Path

import numpy as np
from _run import machine, parser, table

from fastvec import KeyedVectors
from fastvec.store import save_vectors
from fastvec.words import WordTable

MB = 1 << 20


def memory():
    """Return resident and proportional set size of this process, MB; the latter counts shared pages in parts."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024


def ask(path, number, barrier, answers):
    """Open the file, search all of it, and tell the memory while the others hold it open, too."""
    kv = KeyedVectors.load(path)
    kv.most_similar(kv.index_to_key[number])
    barrier.wait()
    answers.put(memory())
    barrier.wait()


def main():
    options = parser(__doc__)
    options.add_argument("--processes", type=int, default=10)
    options.add_argument("--words", type=int, default=1_000_000)
    options.add_argument("--dim", type=int, default=300)
    args = options.parse_args()
    context, rows = multiprocessing.get_context("spawn"), []
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/v.fvec"
        vectors = np.random.default_rng(0).standard_normal((args.words, args.dim), np.float32)
        save_vectors(path, WordTable.from_words(f"w{i}" for i in range(args.words)), vectors)
        matrix = vectors.nbytes / MB
        del vectors
        for n in (1, args.processes):
            barrier, answers = context.Barrier(n), context.Queue()
            workers = [context.Process(target=ask, args=(path, i, barrier, answers)) for i in range(n)]
            for worker in workers:
                worker.start()
            resident, proportional = np.sum([answers.get() for _ in workers], axis=0)
            for worker in workers:
                worker.join()
            rows.append([n, f"{matrix:.0f}", f"{resident:.0f}", f"{proportional:.0f}"])
    print(f"\n{machine()}; MB\n")
    table(rows, ["processes", "matrix", "resident, added up", "resident, shared pages counted once"])


if __name__ == "__main__":
    main()
