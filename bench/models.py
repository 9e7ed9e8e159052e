"""How fast are the six models against gensim and the fasttext package, in the same run? One epoch each.

python bench/models.py wiki-en-25m.txt
"""

import statistics
import tempfile
from pathlib import Path

from _children import MODELS
from _run import child, machine, parser, table


def main():
    options = parser(__doc__)
    options.add_argument("corpus")
    options.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--dim", type=int, default=100)
    options.add_argument("--repeat", type=int, default=3, help="runs of fastvec a round: its runs are short")
    args = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        common = {
            "corpus": str(Path(args.corpus).resolve()),
            "dim": args.dim,
            "epochs": 1,
            "threads": args.threads,
            "seed": 1,
        }
        for model in args.models:
            peers = ["gensim", *(["fasttext"] if model.endswith("subwords") else [])]
            got = {system: [] for system in [*peers, "fastvec"]}
            for _ in range(args.rounds):
                for system in got:
                    for _ in range(args.repeat if system == "fastvec" else 1):
                        figures = child(
                            f"{system}_train", output=f"{folder}/{system}.bin", model=model, **common
                        )
                        figures.setdefault("text to model", figures.get("vocab", 0) + figures.get("train", 0))
                        got[system].append(figures)
            for peer in peers:
                key = "train" if peer == "gensim" else "text to model"
                theirs, ours = (statistics.median(r[key] for r in got[s]) for s in (peer, "fastvec"))
                what = "training" if key == "train" else "text to model"
                rows.append([model, peer, what, f"{theirs:.2f}", f"{ours:.2f}", f"{theirs / ours:.1f}x"])
                print(*rows[-1], flush=True)
    print(
        f"\n{machine()}; {args.threads} threads, 1 epoch, D={args.dim}, {Path(args.corpus).name}; medians of "
        f"{args.rounds} runs of each peer and {args.rounds * args.repeat} of fastvec, in turn\n"
    )
    table(rows, ["model", "peer", "what", "peer, s", "fastvec, s", "ratio"])


if __name__ == "__main__":
    main()
