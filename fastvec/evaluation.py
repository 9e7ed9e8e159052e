"""How good vectors are: word analogies, and correlation with human judgements of word similarity."""

import math
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastvec import search
from fastvec.errors import FormatError
from fastvec.formats import open_input
from fastvec.measures import EPSILON

if TYPE_CHECKING:
    from fastvec.keyedvectors import KeyedVectors

StrPath = str | os.PathLike[str]
Question = tuple[str, str, str, str]

CANDIDATES = 5
"""Nearest words looked at for an answer that is no other spelling of a word of the question."""


class Correlation(NamedTuple):
    """A correlation coefficient, and how likely one at least as far from 0 is by chance (two-sided)."""

    statistic: float
    pvalue: float


class _Vocabulary(NamedTuple):
    """The words that an evaluation knows."""

    names: list[str]
    """Word of each row, in upper case where case does not count."""
    rows: dict[str, int]
    """Row of each name; the first, and most frequent, of several spellings."""


def _vocabulary(kv: "KeyedVectors", limit: int | None, upper: bool) -> _Vocabulary:
    names = [word.upper() for word in kv.words[:limit]] if upper else kv.words[:limit]
    return _Vocabulary(names, {name: row for row, name in reversed(list(enumerate(names)))})


# ---- Analogies


def evaluate_word_analogies(
    kv: "KeyedVectors",
    analogies: StrPath,
    restrict_vocab: int | None = 300000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
    similarity_function: str = "most_similar",
    unnamed_section: bool = False,
    least: int = 0,
) -> tuple[float, list[dict[str, Any]]]:
    """Answer "a is to b as c is to what?" by arithmetic on vectors, and count the right answers.

    Parameters
    ----------
    kv : KeyedVectors
    analogies : str or path
        Lines of four words, in sections that begin with ``: name``. Other lines are passed over.
    restrict_vocab : int or None
        Use the first words only; questions with others are left out.
    case_insensitive : bool
        Compare words in upper case; of several spellings the first word counts.
    dummy4unknown : bool
        Count questions with unknown words as wrong instead of leaving them out.
    similarity_function : str
        ``"most_similar"``: 3CosAdd (Mikolov et al. 2013); ``"most_similar_cosmul"``: 3CosMul (Levy and Goldberg 2014).
    unnamed_section : bool
        Let questions before the first section be one without a name.
    least : int
        How many questions with known words there must be.

    Returns
    -------
    score : float
        Share of right answers, 0.0 where there was no question to answer.
    sections : list of dict
        ``section`` (the name), ``correct`` and ``incorrect`` (lists of questions) of each section, and of
        ``Total accuracy`` at the end.

    Raises
    ------
    FormatError
        A question before the first section without `unnamed_section`, text that is not UTF-8, no question at all, or
        fewer than `least` with known words.
    """
    if similarity_function not in ("most_similar", "most_similar_cosmul"):
        raise ValueError(
            f"similarity_function={similarity_function!r}: choose 'most_similar' or 'most_similar_cosmul'"
        )
    vocabulary = _vocabulary(kv, restrict_vocab, case_insensitive)
    read = list(_questions(analogies, case_insensitive, unnamed_section))
    asked = dict.fromkeys(question for _, question in read if question is not None)
    if not asked:
        raise FormatError(f"{os.fspath(analogies)}: no line of four words")
    known = [question for question in asked if all(word in vocabulary.rows for word in question)]
    if len(known) < least:
        raise FormatError(
            f"{os.fspath(analogies)}: all four words are known in {len(known)} of {len(asked)} questions, "
            f"and {least} is needed"
        )
    by_product = similarity_function == "most_similar_cosmul"
    right = dict(zip(known, _answer_rightly(kv, known, vocabulary, by_product), strict=True))
    sections: list[dict[str, Any]] = []
    for section, question in read:
        if question is None:
            sections.append({"section": section, "correct": [], "incorrect": []})
        elif question in right:
            sections[-1]["correct" if right[question] else "incorrect"].append(question)
        elif dummy4unknown:
            sections[-1]["incorrect"].append(question)
    correct, incorrect = ([q for s in sections for q in s[kind]] for kind in ("correct", "incorrect"))
    sections.append({"section": "Total accuracy", "correct": correct, "incorrect": incorrect})
    return len(correct) / max(1, len(correct) + len(incorrect)), sections


def _questions(path: StrPath, upper: bool, unnamed: bool) -> Iterator[tuple[str, Question | None]]:
    """Yield (section, None) where a section starts and (section, question) for each line of four words."""
    section = None
    for number, line in _lines(path, "utf-8"):
        if line.startswith(": "):
            section = line.lstrip(": ").strip()
            yield section, None
            continue
        if section is None:
            if not unnamed:
                raise FormatError(f"{os.fspath(path)}: line {number}: Missing section header, ': name'")
            section = ""
            yield section, None
        words = (line.upper() if upper else line).split()
        if len(words) == 4:
            yield section, (words[0], words[1], words[2], words[3])


def _lines(path: StrPath, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text."""
    with open_input(path) as file:
        for number, line in enumerate(file, 1):
            try:
                yield number, line.decode(encoding)
            except UnicodeDecodeError as error:
                raise FormatError(f"{os.fspath(path)}: line {number} is not {encoding}: {error}") from None


def _answer_rightly(
    kv: "KeyedVectors", questions: list[Question], vocabulary: _Vocabulary, by_product: bool
) -> list[bool]:
    """Tell for each question (a, b, c, d) whether d is the best answer, none of a, b, c."""
    if not questions:
        return []
    rows = np.array([[vocabulary.rows[word] for word in question[:3]] for question in questions])
    found = (_by_product if by_product else _by_sum)(kv, rows, len(vocabulary.names))
    right = []
    for question, ids in zip(questions, found.tolist(), strict=True):
        names = [vocabulary.names[i] for i in ids if i >= 0]
        answer = next((name for name in names if name not in question[:3]), names[-1] if names else None)
        right.append(answer == question[3])
    return right


def _unit_rows(kv: "KeyedVectors", rows: NDArray[Any]) -> NDArray[np.float32]:
    norms = kv.norms[rows, None]
    unit: NDArray[np.float32] = kv.vectors[rows].astype(np.float32) / np.where(norms > 0, norms, 1)
    return unit


def _by_sum(kv: "KeyedVectors", rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return for each row (a, b, c) the nearest of the first `n` words to b - a + c, but for these three."""
    distinct, places = np.unique(rows, return_inverse=True)
    a, b, c = _unit_rows(kv, distinct)[places.reshape(rows.shape)].transpose(1, 0, 2)
    return search.top_k(kv.vectors, kv.norms, b - a + c, CANDIDATES, rows, 0, n)[0]


def _by_product(kv: "KeyedVectors", rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """The same by the product of the similarities to b and c, divided by that to a."""
    unit = _unit_rows(kv, np.arange(n))
    step = max(1, search.SCORES_AT_ONCE // (4 * max(1, n)))
    found = np.full((len(rows), min(CANDIDATES, n)), -1, np.int64)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        a, b, c = ((1 + unit[some[:, i]] @ unit.T) / 2 for i in range(3))
        scores = b * c / (a + np.float32(EPSILON))
        np.put_along_axis(scores, some, -np.inf, axis=1)
        for i, row in enumerate(scores, start):
            best = search.greatest(row, found.shape[1])
            found[i] = np.where(np.isneginf(row[best]), -1, best)
    return found


# ---- Word pairs


def evaluate_word_pairs(
    kv: "KeyedVectors",
    pairs: StrPath,
    delimiter: str | None = "\t",
    encoding: str = "utf8",
    restrict_vocab: int | None = 300000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
    least: int = 1,
) -> tuple[Correlation, Correlation, float]:
    """Correlate the words' cosines with human judgements of their similarity.

    Parameters
    ----------
    kv : KeyedVectors
    pairs : str or path
        Lines of word, word and finite number. Lines that begin with ``#`` and others are passed over.
    delimiter : str or None
        None: a tab, else a comma, else blanks, whatever a line has.
    encoding : str
    restrict_vocab : int or None
        Use the first words only; pairs with others are left out.
    case_insensitive : bool
        Compare words in upper case; of several spellings the first word counts.
    dummy4unknown : bool
        Count pairs with unknown words as of similarity 0 instead of leaving them out.
    least : int
        How many pairs there must be.

    Returns
    -------
    pearson, spearman : Correlation
        (statistic, pvalue) each; NaN where one side is constant or fewer than two pairs are left.
    oov_ratio : float
        Percentage of pairs with unknown words.

    Raises
    ------
    FormatError
        Fewer than `least` pairs are left, or text that is not of the encoding.
    """
    vocabulary = _vocabulary(kv, restrict_vocab, case_insensitive)
    judgements = list(_judgements(pairs, delimiter, encoding, case_insensitive))
    human, rows = [], []
    for a, b, value in judgements:
        if a in vocabulary.rows and b in vocabulary.rows:
            human.append(value)
            rows.append((vocabulary.rows[a], vocabulary.rows[b]))
    unknown = len(judgements) - len(human)
    if dummy4unknown:
        human += [value for a, b, value in judgements if a not in vocabulary.rows or b not in vocabulary.rows]
    if not judgements:
        by = "a tab, a comma or blanks" if delimiter is None else repr(delimiter)
        raise FormatError(
            f"{os.fspath(pairs)}: No valid similarity judgements found: no line of word, word and number, "
            f"separated by {by}"
        )
    if len(human) < max(1, least):
        raise FormatError(
            f"{os.fspath(pairs)}: No valid similarity judgements found: both words are known in {len(human)} of "
            f"{len(judgements)} pairs, and {max(1, least)} are needed"
        )
    model = np.concatenate([_cosines(kv, rows), np.zeros(len(human) - len(rows))])
    return pearson(human, model), spearman(human, model), 100 * unknown / len(judgements)


def _judgements(
    path: StrPath, delimiter: str | None, encoding: str, upper: bool
) -> Iterator[tuple[str, str, float]]:
    """Yield word, word and human judgement of each line that holds them."""
    for _, line in _lines(path, encoding):
        by = next((mark for mark in "\t," if mark in line), None) if delimiter is None else delimiter
        fields = (line.upper() if upper else line).split(by)
        if delimiter is None:
            fields = [field.strip() for field in fields]
        if line.startswith("#") or len(fields) != 3:
            continue
        try:
            value = float(fields[2])
        except ValueError:
            continue
        if math.isfinite(value):
            yield fields[0], fields[1], value


def _cosines(kv: "KeyedVectors", rows: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the cosine of each pair of rows, float64 (n,); 0 with a zero vector."""
    pairs = kv.vectors[np.array(rows, np.int64).reshape(-1, 2)].astype(np.float64)
    norms = np.linalg.norm(pairs, axis=2)
    pairs /= np.where(norms > 0, norms, 1)[:, :, None]
    cosines: NDArray[np.float64] = np.einsum("nd,nd->n", pairs[:, 0], pairs[:, 1])
    return cosines


# ---- Statistics


def pearson(x: Any, y: Any) -> Correlation:
    """Return Pearson's correlation of two samples of (n,); p-value: t-test of n - 2 degrees of freedom."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    x, y = x - x.mean(), y - y.mean()
    lengths = np.linalg.norm(x), np.linalg.norm(y)
    if len(x) < 2 or not min(lengths) > 0:
        return Correlation(math.nan, math.nan)
    r = max(-1.0, min(1.0, float((x / lengths[0]) @ (y / lengths[1]))))
    # P(|T| > t) = I(df / (df + t^2); df / 2, 1 / 2); t^2 = r^2 df / (1 - r^2): the argument is 1 - r^2.
    return Correlation(r, _incomplete_beta((len(x) - 2) / 2, 0.5, (1 - r) * (1 + r)) if len(x) > 2 else 1.0)


def spearman(x: Any, y: Any) -> Correlation:
    """Return Spearman's correlation, Pearson's of the ranks; equal numbers share the mean of their ranks."""
    return pearson(_ranks(x), _ranks(y))


def _ranks(x: Any) -> NDArray[np.float64]:
    _, place, count = np.unique(np.asarray(x, np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks: NDArray[np.float64] = (last - (count - 1) / 2)[place]
    return ranks


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I(x; a, b), 0 <= x <= 1.

    The continued fraction of DLMF 8.17.22, by Lentz's method; it converges fast for x < (a + 1) / (a + b +
    2), and I(x; a, b) = 1 - I(1 - x; b, a) turns the rest into that.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    tiny = 1e-300
    c, d, fraction = 1.0, 0.0, 1.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + term * d or tiny)
        c = 1 + term / c or tiny
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front / (a * fraction)
