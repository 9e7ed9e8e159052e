"""How fast are phrases found and joined, against gensim, in the same run?

python bench/phrases.py wiki-en-100m.txt
"""

from pathlib import Path

from _run import machine, parser, ratio, rounds, table


def main():
    options = parser(__doc__)
    options.add_argument("corpus")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--lines", type=int, default=50_000, help="sentences that are joined as lists")
    args = options.parse_args()
    common = {"corpus": str(Path(args.corpus).resolve())}
    got = rounds(
        {
            "gensim": {"job": "gensim_phrases", "lines": args.lines, **common},
            "fastvec": {"job": "fastvec_phrases", "lines": args.lines, "threads": args.threads, **common},
            "text": {"job": "fastvec_join", "threads": args.threads, **common},
        },
        args.rounds,
    )
    rows = []
    for what, key in (
        ("count a file", "count"),
        ("count it and export the phrases", "count and export"),
        (f"count {args.lines:,} lists", "count lists"),
        (f"join {args.lines:,} lists", "join"),
    ):
        times, theirs, mine = ratio(got["gensim"], got["fastvec"], key, key)
        rows.append([what, f"{theirs:.2f}", f"{mine:.3f}", f"{times:.1f}x"])
    rows.append(["join the whole file, file to file", "", f"{min(r['join'] for r in got['text']):.2f}", ""])
    peaks = [max(r["peak MB"] for r in got[name]) for name in ("gensim", "fastvec")]
    rows.append(["peak memory", f"{peaks[0]:.0f} MB", f"{peaks[1]:.0f} MB", f"{peaks[0] / peaks[1]:.1f}x"])
    print(f"{machine()}; {args.threads} threads, medians of {args.rounds} paired rounds\n")
    table(rows, ["", "gensim, s", "fastvec, s", "ratio"])


if __name__ == "__main__":
    main()
