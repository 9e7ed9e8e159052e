"""Are the vectors as good as gensim's, and fastText's? All are trained with the same parameters and several seeds.

python bench/quality.py wiki-en-100m.txt --analogies questions-words.txt --pairs wordsim353.tsv simlex999.txt
python bench/quality.py wiki-en-25m.txt --model cbow-ns --alpha 0.05 ...

gensim reads the text as an iterable. From `corpus_file` each of its n threads sets its learning rate by its own
sentences over those of the whole text, so that the rate falls in an epoch by one n-th of what it should, and jumps down
before the next: the mean rate is then higher than what was asked for. The system `gensim-file` measures that.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from _children import MODELS
from _run import child, machine, parser, table

from fastvec import KeyedVectors

SYSTEMS = {
    "gensim": {"job": "gensim_train", "lines": True},
    "gensim-file": {"job": "gensim_train"},
    "fasttext": {"job": "fasttext_train"},
    "fastvec": {"job": "fastvec_train"},
}


def scores(path, args):
    """Return the vectors' score on each test set."""
    kv = KeyedVectors.load_word2vec_format(path, binary=True)
    found = {}
    for file in args.analogies:
        _, sections = kv.evaluate_word_analogies(file, restrict_vocab=args.restrict_vocab)
        kinds = {"analogies": sections[:-1]}
        kinds["semantic"] = [s for s in sections[:-1] if not s["section"].startswith("gram")]
        kinds["syntactic"] = [s for s in sections[:-1] if s["section"].startswith("gram")]
        for kind, group in kinds.items():
            right, wrong = (sum(len(s[k]) for s in group) for k in ("correct", "incorrect"))
            found[kind] = right / max(1, right + wrong)
    for file in args.pairs:
        found[Path(file).stem] = float(kv.evaluate_word_pairs(file, restrict_vocab=len(kv))[1][0])
    return found


def main():
    options = parser(__doc__)
    options.add_argument("corpus")
    options.add_argument("--analogies", nargs="*", default=[])
    options.add_argument("--pairs", nargs="*", default=[])
    options.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options.add_argument("--model", default="sg-ns", choices=list(MODELS))
    options.add_argument("--alpha", type=float, default=0.025)
    options.add_argument("--epochs", type=int, default=5)
    options.add_argument("--dim", type=int, default=100)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--restrict-vocab", type=int, default=30_000)
    options.add_argument(
        "--shuffle-ties",
        action="store_true",
        help="each seed draws an order of words of equal counts, and so another Huffman tree of the counts",
    )
    options.add_argument(
        "--hs-tree", default="spelling", choices=["spelling", "counts"], help="fastvec's tree"
    )
    options.add_argument("--systems", nargs="+", default=["gensim", "fastvec"], choices=list(SYSTEMS))
    args = options.parse_args()
    if args.shuffle_ties and "fasttext" in args.systems:
        options.error("--shuffle-ties: fasttext takes no vocabulary")
    common = {
        "corpus": str(Path(args.corpus).resolve()),
        "dim": args.dim,
        "epochs": args.epochs,
        "threads": args.threads,
        "model": args.model,
        "alpha": args.alpha,
        **({"shuffled": True} if args.shuffle_ties else {}),
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for system in args.systems:
            runs = []
            for seed in args.seeds:
                output = f"{folder}/{system}{seed}.bin"
                own = {"hs_tree": args.hs_tree} if system == "fastvec" else {}
                figures = child(seed=seed, output=output, **SYSTEMS[system], **common, **own)
                seconds = figures.get("train", figures.get("text to model"))
                runs.append(scores(output, args))
                rows.append(
                    [f"{system}, seed {seed}", f"{seconds:.1f}", *(f"{v:.4f}" for v in runs[-1].values())]
                )
                print(*rows[-1], file=sys.stderr, flush=True)
            if len(runs) > 1:
                columns = list(zip(*(r.values() for r in runs), strict=True))
                means = [
                    f"{statistics.mean(c):.4f} ± {statistics.stdev(c) / len(c) ** 0.5:.4f}" for c in columns
                ]
                rows.append([f"**{system}, mean ± standard error**", "", *means])
    print(
        f"{machine()}; {args.model}, alpha {args.alpha}, {args.threads} threads, {args.epochs} epochs, D={args.dim}\n"
    )
    table(rows, ["", "training, s", *runs[0]])


if __name__ == "__main__":
    main()
