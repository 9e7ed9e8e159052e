"""Subwords against the fasttext package and gensim: neighbours of misspelt words, likeness of rare words.

python bench/subwords.py wiki-en-25m.txt --pairs wordsim353.tsv simlex999.txt

Misspelt: 2,000 frequent words with two neighbouring letters exchanged, none of them a word of the text; how often the
right word is the nearest, or among the ten nearest. Rare: Spearman's rank correlation over those pairs of all sets
of which a word occurs fewer than `--rare` times.
"""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from _run import child, machine, parser, table
from scipy.stats import spearmanr


def main():
    options = parser(__doc__)
    options.add_argument("corpus")
    options.add_argument("--pairs", nargs="+", default=[])
    options.add_argument("--model", default="sg-subwords")
    options.add_argument("--systems", nargs="+", default=["fasttext", "gensim", "fastvec"])
    options.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options.add_argument("--alpha", type=float, default=0.05)
    options.add_argument("--epochs", type=int, default=5)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rare", type=int, default=100)
    args = options.parse_args()
    counts = Counter(Path(args.corpus).read_text("utf-8").split())
    pairs = [pair for file in args.pairs for pair in read_pairs(file)]
    rare = [p for p in pairs if 5 <= min(counts[p[0]], counts[p[1]]) < args.rare]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for system in args.systems:
            runs = []
            for seed in args.seeds:
                output = f"{folder}/{system}{seed}.npz"
                common = {"corpus": str(Path(args.corpus).resolve()), "dim": 100, "epochs": args.epochs}
                common |= {"threads": args.threads, "alpha": args.alpha, "model": args.model}
                child(f"{system}_train", seed=seed, output=output, **common)
                runs.append(scores(np.load(output), rare))
                print(system, seed, *runs[-1], flush=True)
            columns = np.array(runs)
            error = columns.std(axis=0, ddof=1) / len(runs) ** 0.5 if len(runs) > 1 else columns[0] * np.nan
            rows.append(
                [system, *(f"{m:.4f} ± {e:.4f}" for m, e in zip(columns.mean(0), error, strict=True))]
            )
    print(
        f"\n{machine()}; {args.model}, alpha {args.alpha}, {args.epochs} epochs; {len(rare)} pairs with a rare word\n"
    )
    table(rows, ["", "misspelt: nearest", "misspelt: among 10", "rare pairs, Spearman"])


def read_pairs(file):
    """Yield (word, word, score) of a file of word pairs, in lower case."""
    for line in Path(file).read_text("utf-8").splitlines():
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) >= 3 and not line.startswith("#"):
            try:
                yield (
                    fields[0].lower(),
                    fields[1].lower(),
                    float(fields[-1] if len(fields) == 3 else fields[3]),
                )
            except ValueError:
                continue


def scores(held, rare, first=30_000):
    """Return the three scores of one model."""
    vectors = held["vectors"] / np.maximum(np.linalg.norm(held["vectors"], axis=1, keepdims=True), 1e-9)
    place = {word: i for i, word in enumerate(held["words"].tolist())}
    wrong = held["wrong_vectors"] / np.maximum(
        np.linalg.norm(held["wrong_vectors"], axis=1, keepdims=True), 1e-9
    )
    right = np.array([place[word] for word in held["right"].tolist()])
    cosines = wrong @ vectors[:first].T
    better = (cosines > cosines[np.arange(len(right)), right][:, None]).sum(axis=1)
    known = [(vectors[place[a]] @ vectors[place[b]], s) for a, b, s in rare if a in place and b in place]
    return (better == 0).mean(), (better < 10).mean(), spearmanr(*zip(*known, strict=True))[0]


if __name__ == "__main__":
    main()
