"""Corpora whose structure is known, so that one can tell whether it was learned."""

import numpy as np


def clusters(n_clusters=6, size=8, sentences=2000, length=10, seed=0):
    """Sentences that each draw their words, `cluster_number`, from one cluster."""
    rng = np.random.default_rng(seed)
    which = rng.integers(n_clusters, size=sentences)
    numbers = rng.integers(size, size=(sentences, length))
    return [
        [f"{chr(97 + c)}_{i}" for i in row] for c, row in zip(which.tolist(), numbers.tolist(), strict=True)
    ]


def purity(wv, topn=3):
    """Share of the nearest neighbours that come from a word's own cluster."""
    hits = [near[0] == word[0] for word in wv.index_to_key for near, _ in wv.most_similar(word, topn=topn)]
    return sum(hits) / len(hits)


def grid(rows=5, columns=6, sentences=8000, seed=0):
    """Sentences about a word ``r.c``, with words that tell its row and words that tell its column."""
    rng = np.random.default_rng(seed)
    out = []
    for r, c, *picks in zip(
        *(rng.integers(n, size=sentences).tolist() for n in (rows, columns, 4, 4, 4, 4)), strict=True
    ):
        about = [f"row{r}-{p}" for p in picks[:2]] + [f"col{c}-{p}" for p in picks[2:]]
        out.append([*about[:1], *about[2:3], f"{r}.{c}", *about[1:2], *about[3:]])
    return out


def analogies(wv, rows=5, columns=6):
    """Share of the grid's analogies that are answered: a.x is to a.y as b.x is to b.y."""
    questions = [
        (a, x, b, y)
        for a in range(rows)
        for b in range(rows)
        for x in range(columns)
        for y in range(columns)
        if a != b and x != y
    ]
    answers = [
        wv.most_similar([f"{a}.{y}", f"{b}.{x}"], [f"{a}.{x}"], topn=1)[0][0] == f"{b}.{y}"
        for a, x, b, y in questions
    ]
    return sum(answers) / len(answers)
