"""How fast is fastvec against gensim, in the same run? Training, whole process, vocabulary, memory.

python bench/speed.py wiki-en-100m.txt
"""

import tempfile
from pathlib import Path

from _run import machine, parser, ratio, rounds, table


def main():
    options = parser(__doc__)
    options.add_argument("corpus")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--dims", type=int, nargs="+", default=[100, 300])
    options.add_argument(
        "--backends", nargs="*", default=["avx2"], help="measured too, at the first of --dims"
    )
    args = options.parse_args()
    corpus = str(Path(args.corpus).resolve())
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for dim in args.dims:
            common = {"corpus": corpus, "dim": dim, "epochs": 1, "threads": args.threads, "seed": 1}
            ours = {"job": "fastvec_train", "output": f"{folder}/f.fvec", **common}
            jobs = {"gensim": {"job": "gensim_train", "output": f"{folder}/g.bin", **common}, "fastvec": ours}
            if dim == args.dims[0]:
                jobs["vocabulary"] = {"job": "fastvec_vocab", "corpus": corpus, "threads": args.threads}
                jobs |= {backend: {"backend": backend, **ours} for backend in args.backends}
            got = rounds(jobs, args.rounds)

            def row(what, name, key, their_key=None, got=got):
                times, theirs, mine = ratio(got["gensim"], got[name], their_key or key, key)
                rows.append([what, f"{theirs:.2f}", f"{mine:.2f}", f"{times:.1f}x"])

            row(f"training, D={dim}", "fastvec", "train")
            row(f"text to saved vectors, D={dim}", "fastvec", "whole process")
            if dim == args.dims[0]:
                for backend in args.backends:
                    row(f"training, D={dim}, {backend}", backend, "train")
                row("vocabulary scan", "vocabulary", "vocab")
            words, peak = got["fastvec"][0]["words"], max(r["peak MB"] for r in got["fastvec"])
            matrices = 2 * words * dim * 4 / 1e6
            theirs = max(r["peak MB"] for r in got["gensim"])
            text = f"{peak:.0f} MB = matrices + {peak - matrices:.0f}"
            rows.append([f"peak memory, D={dim}", f"{theirs:.0f} MB", text, f"{theirs / peak:.1f}x"])
    print(f"{machine()}; {args.threads} threads, 1 epoch, medians of {args.rounds} paired rounds\n")
    table(rows, ["", "gensim, s", "fastvec, s", "ratio"])


if __name__ == "__main__":
    main()
