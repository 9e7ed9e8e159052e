"""Plain twin of the training kernels: the same draws, the same groups, the same block steps, in numpy.

It computes in the precision of the arrays it is given, so that float64 arrays serve to check the gradient.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

GROUP = 4
"""Neighbouring centres that share a block and its noise, at most; one with hierarchical softmax."""
MAX_ROWS = 16
"""Input rows of a block."""
IN_ORDER = 6
"""... where they take their steps in order."""
MAX_POSITIVE = 32
"""Target words of a block."""
MAX_NEGATIVE = 60
WORD_DRAWS, BAG_DRAWS, MEAN_DRAWS = 10, 30, 8
"""Noise words a group in fifths of `negative`, rounded up: skip-gram, with subwords, CBOW."""
BAG_SLOTS = 1024
"""Counters for the rows of a bag."""
ROW_ALIGN = 16
LOSS_EVERY = 64
"""The loss is measured on one group in so many, and on the first of each call."""

_64 = (1 << 64) - 1
_KEEP, _SHRINK, _NOISE, _LOSS = 1, 2, 3, 4


def draw(key: int, counter: int) -> int:
    """Return 64 random bits: SplitMix64 (Steele, Lea, Flood 2014) of `key`, read at `counter`."""
    z = key + counter * 0x9E3779B97F4A7C15 & _64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _64
    return z ^ z >> 31


def below(bits: int, n: int) -> int:
    """Return an integer in [0, n) from the upper half of `bits`."""
    return (bits >> 32) * n >> 32


def stream_key(seed: int, epoch: int, purpose: int) -> int:
    """Return the key of the random stream of one purpose in one epoch."""
    return draw(draw(seed, epoch), purpose)


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def block_step(
    x: Floats, y: Floats, label: Floats, weight: Floats, alpha: float | np.floating[Any]
) -> tuple[Floats, Floats]:
    """Return the rows after one step down the gradient of `block_loss`.

    Parameters
    ----------
    x : (m, d) array, input rows
    y : (n, d) array, output rows
    label : (n,) or (m, n) array, 1 or 0; or between, of pairs that are some of this and some of that
    weight : (m, n) array
    alpha : float
    """
    g = alpha * weight * (label - sigmoid(x @ y.T))
    return x + g @ y, y + g.T @ x


def steps_in_order(
    x: Floats, y: Floats, label: Floats, weight: Floats, alpha: float | np.floating[Any]
) -> tuple[Floats, Floats]:
    """Return the same where the rows of `x` take steps one after the other, each finding `y` as those before left it.

    To the second order in `alpha`, as in the kernel (vec.h): a sigmoid follows its slope, as far as 0 or 1.
    """
    g, label = np.zeros_like(weight), np.broadcast_to(label, weight.shape)
    old = sigmoid(x @ y.T)
    for i in range(len(x)):
        s = old[i] + old[i] * (1 - old[i]) * (x[i] @ x[:i].T @ g[:i])
        g[i] = alpha * weight[i] * (label[i] - np.clip(s, 0, 1))
    new_x = x + g @ y
    for i in range(1, len(x)):
        new_x[i] += g[i] @ g[:i].T @ new_x[:i]
    return new_x, y + g.T @ x


def block_loss(x: Floats, y: Floats, label: Floats, weight: Floats) -> float:
    """Return the weighted logistic loss of all pairs: the objective of skip-gram with negative sampling."""
    s = x @ y.T
    positive = np.logaddexp(0, -s) * label
    negative = np.logaddexp(0, s) * (1 - label)
    return float((weight * (positive + negative)).sum())


def even_share(rows: int, most: int = MAX_ROWS) -> int:
    """Return how many of `rows` rows go into a block, where `most` may and all blocks get about as many."""
    return max(1, -(-rows // max(1, -(-rows // most))))


def group_size() -> int:
    """Return how many neighbouring centres share a block and its noise."""
    return GROUP


def max_negative() -> int:
    """Return the greatest `negative` that a Worker takes."""
    return MAX_NEGATIVE


class Worker:
    """One thread's share of training; parameters as for the compiled Worker (_core/train.pxi)."""

    def __init__(
        self,
        input_vectors: Floats,
        output_vectors: Floats | None,
        node_vectors: Floats | None,
        tokens: NDArray[np.int32],
        keep: NDArray[np.uint32],
        *,
        noise: NDArray[np.uint32],
        tree: Any = None,
        bags: Any = None,
        lock: NDArray[np.float32] | None = None,
        vector_size: int,
        window: int,
        shrink_windows: bool,
        negative: int,
        sg: int,
        cbow_mean: int,
        cbow_classic: bool,
        seed: int,
        stop: NDArray[np.uint8],
        with_loss: bool = False,
    ) -> None:
        stride, words = input_vectors.shape[1], len(keep)
        if stride % ROW_ALIGN or stride == 0:
            raise ValueError(f"rows of {stride} floats: not a multiple of 16")
        if not 0 < vector_size <= stride:
            raise ValueError(f"vectors of {vector_size} floats in rows of {stride}")
        if not (len(input_vectors) >= words > 0 and noise.shape == (words, 2)):
            raise ValueError("input_vectors, keep and noise must have one row a word")
        if not (0 <= negative <= MAX_NEGATIVE and window >= 1 and len(stop) == 1 and len(tokens) > 0):
            raise ValueError(f"negative={negative} (0 to {MAX_NEGATIVE}), window={window} (1 or more)")
        if (negative > 0) != (output_vectors is not None) or (tree is not None) != (node_vectors is not None):
            raise ValueError("output_vectors go with negative, node_vectors with tree")
        if output_vectors is None and node_vectors is None:
            raise ValueError("neither negative sampling nor hierarchical softmax: there is nothing to train")
        for rows in (output_vectors, node_vectors):
            if rows is not None and rows.shape != (words, stride):
                raise ValueError(f"output rows of {rows.shape}: ({words}, {stride}) are needed")
        if lock is not None and len(lock) != len(input_vectors):
            raise ValueError(f"{len(lock)} lock factors for {len(input_vectors)} rows")
        self.shared = [input_vectors, output_vectors, node_vectors]
        self.x, self.y, self.nodes = input_vectors, output_vectors, node_vectors
        self.tokens, self.keep, self.noise = tokens, keep.tolist(), noise.tolist()
        self.tree, self.bags, self.lock = tree, bags, lock
        self.window, self.shrink_windows, self.seed = window, shrink_windows, seed
        self.sg, self.cbow_mean, self.cbow_classic = sg, cbow_mean, cbow_classic
        fifths = MEAN_DRAWS if not sg else WORD_DRAWS if bags is None else BAG_DRAWS
        self.draws = -(-negative * fifths // 5)
        self.noise_weight = negative / self.draws if negative else 0.0
        self.group = GROUP if tree is None else 1
        self.stop, self.with_loss = stop, with_loss
        self.loss = self.pairs = 0.0
        self.scales: tuple[NDArray[np.float32], ...] = ()
        self.locks, self.interval = np.empty(0, np.int32), len(tokens)
        self.every = self.due = np.empty(0, np.int32)

    def keep_hot_rows(
        self,
        input_scale: NDArray[np.float32],
        output_scale: NDArray[np.float32],
        node_scale: NDArray[np.float32],
        locks: NDArray[np.int32],
        interval: int,
        every: NDArray[np.int32],
    ) -> None:
        """Work on own copies of the first rows; the rows behind them stay shared."""
        if self.scales or not (len(locks) and interval >= 1):
            raise ValueError(f"{len(locks)} locks and an interval of {interval} tokens: at least one, once")
        if len(every) != len(locks) or (every < 1).any():
            raise ValueError(f"intervals of {len(every)} parts, of {len(locks)}: 1 or more for each")
        self.scales = scales = input_scale, output_scale, node_scale
        self.locks, self.interval, self.every = locks, interval, every
        self.due = every - np.arange(len(every), dtype=np.int32) % every
        rows = [r if r is not None else np.empty((0, 1), np.float32) for r in self.shared]
        self.hot = [r[: len(s)].copy() for r, s in zip(rows, scales, strict=True)]
        self.base = [hot.copy() for hot in self.hot]
        self.x, self.y, self.nodes = (  # type: ignore[assignment]
            None if shared is None else _Overlay(hot, shared)
            for hot, shared in zip(self.hot, self.shared, strict=True)
        )

    def merge(self) -> None:
        """shared += scale * (mine - base); mine = base = shared, for the hot rows."""
        for part in range(len(self.locks)):
            self._merge_part(part)

    def _merge_part(self, part: int) -> None:
        for shared, scale, hot, base in zip(self.shared, self.scales, self.hot, self.base, strict=True):
            rows = slice(part * len(hot) // len(self.locks), (part + 1) * len(hot) // len(self.locks))
            if shared is not None:
                shared[rows] += scale[rows, None] * (hot[rows] - base[rows])
                hot[rows] = base[rows] = shared[rows]

    def take_loss(self) -> tuple[float, float]:
        """Return the loss of the groups measured since the last call, and their number of pairs of words."""
        found = self.loss, self.pairs
        self.loss = self.pairs = 0.0
        return found

    def train(self, start: int, stop: int, epoch: int, alpha: float, alpha_step: float) -> int:
        """Train on the centres tokens[start:stop]; return where it stopped."""
        if not 0 <= start <= stop <= len(self.tokens):
            raise ValueError(f"span [{start}, {stop}) of {len(self.tokens)} tokens")
        self.keys = {p: stream_key(self.seed, epoch, p) for p in (_KEEP, _SHRINK, _NOISE, _LOSS)}
        self.first_group = True
        for begin in range(start, stop, self.interval):
            end = min(begin + self.interval, stop)
            reached = self._train_interval(begin, end, alpha - alpha_step * (begin - start), alpha_step)
            self.due = np.maximum(self.due - 1, 0)
            for part in np.flatnonzero((self.due == 0) & (self.locks == 0)):  # taken ones stay due
                self._merge_part(int(part))
                self.due[part] = self.every[part]
            if self.stop[0]:
                return reached
        return stop

    def _train_interval(self, start: int, stop: int, alpha: float, alpha_step: float) -> int:
        places = self._kept_places(start, stop)
        at = 0
        while at < len(places):
            if self.stop[0]:
                return max(start, int(places[at]))
            if not start <= places[at] < stop or self.tokens[places[at]] < 0:
                at += 1
                continue
            size = 1
            while (
                size < self.group
                and at + size < len(places)
                and places[at + size] < stop
                and self.tokens[places[at + size]] >= 0
            ):
                size += 1
            self._step(places, at, size, alpha - alpha_step * (places[at] - start))
            at += size
        return stop

    def _is_kept(self, place: int) -> bool:
        threshold = self.keep[self.tokens[place]]
        return bool(threshold == 0xFFFFFFFF or draw(self.keys[_KEEP], place) >> 32 < threshold)

    def _kept_places(self, start: int, stop: int) -> list[int]:
        """Return the places of sentence ends and kept words in [start, stop), and of `window` kept words around."""
        left, place = list[int](), start
        while place > 0 and len(left) < self.window and self.tokens[place - 1] >= 0:
            place -= 1
            if self._is_kept(place):
                left.append(place)
        inside = [p for p in range(start, stop) if self.tokens[p] < 0 or self._is_kept(p)]
        right, place = list[int](), stop
        if stop > 0 and self.tokens[stop - 1] >= 0:
            while place < len(self.tokens) and len(right) < self.window and self.tokens[place] >= 0:
                if self._is_kept(place):
                    right.append(place)
                place += 1
        return left[::-1] + inside + right

    def _reach(self, place: int) -> int:
        shrink = below(draw(self.keys[_SHRINK], place), self.window) if self.shrink_windows else 0
        return self.window - shrink

    def _step(self, places: list[int], at: int, size: int, alpha: float) -> None:
        """Take the block steps of the group of `size` centres whose first is places[at]."""
        group = _Group(self, places, at, size)
        sampled = self.first_group or draw(self.keys[_LOSS], places[at]) % LOSS_EVERY == 0
        self.measured, self.first_group = self.with_loss and sampled, False
        if self.sg and self.bags is None:
            self._step_words(group, alpha)
        else:
            self._step_hidden(group, alpha)

    def _step_words(self, group: "_Group", alpha: float) -> None:
        """Skip-gram: the rows of the words around the centres, updated in place."""
        targets = _Targets(self, group, group.centres)
        pairs: dict[int, Any] = {}
        most = MAX_ROWS if self.tree is None else even_share(group.high - group.low - 1, IN_ORDER)
        for p in range(group.low, group.high):
            if len(group.centres) == 1 and p == group.centres[0]:
                continue
            row = np.zeros(targets.positive)
            for c in group.centres:
                row[targets.column[c]] += p != c and abs(p - c) <= group.reach[c]
            word = group.word(p)
            pairs[word] = pairs.get(word, 0) + row
            if len(pairs) == most or p == group.high - 1:
                self._step_rows(pairs, targets, alpha)
                pairs = {}
        if pairs:
            self._step_rows(pairs, targets, alpha)

    def _step_rows(self, pairs: dict[int, Any], targets: "_Targets", alpha: float) -> None:
        words = list(pairs)
        x = self.x[words]
        dx = self._block(x, targets, np.array(list(pairs.values())), alpha)
        factor = 1 if self.lock is None else self.lock[words, None]
        self.x[words] = (x + factor * dx).astype(x.dtype)

    def _step_hidden(self, group: "_Group", alpha: float) -> None:
        """A row a centre, gathered from others."""
        parts = [
            self._parts(group, c) for c in group.centres
        ]  # (input row, share, what it gets of the gradient)
        dtype = self.x.dtype
        hidden = np.zeros((len(parts), self.x[[0]].shape[1]), dtype)
        for h, part in zip(hidden, parts, strict=True):
            for row, share, _ in part:
                h += dtype.type(share) * self.x[[row]][0]
        dx = np.zeros_like(hidden)
        around = range(group.low, group.high)
        entries = list(around) if self.sg else group.centres
        limit = MAX_POSITIVE if self.tree is None else 1
        reach = max(1.0, *(self._reach_of_bag(group.word(c)) for c in group.centres)) if self.sg else 1.0
        for start in range(0, len(entries), limit):
            chunk = entries[start : start + limit]
            targets = _Targets(self, group, chunk)
            pairs = np.zeros((len(parts), targets.positive))
            for i, c in enumerate(group.centres):
                for t in chunk:
                    if self.sg:
                        pairs[i, targets.column[t]] += t != c and abs(t - c) <= group.reach[c]
                    else:
                        pairs[i, targets.column[t]] += t == c and bool(parts[i])
            dx += self._block(hidden, targets, pairs, alpha, reach)
        for delta, part in zip(dx, parts, strict=True):
            for row, _, back in part:
                factor = back if self.lock is None else back * self.lock[row]
                self.x[[row]] = self.x[[row]] + dtype.type(factor) * delta

    def _parts(self, group: "_Group", c: int) -> list[tuple[int, float, float]]:
        """Return what centre `c`'s hidden row is made of."""
        if self.sg:
            bag = self._bag(group.word(c))
            return [(row, 1 / max(1, len(bag) - 1), 1.0) for row in bag]
        contexts = [p for p in range(group.low, group.high) if p != c and abs(p - c) <= group.reach[c]]
        bags = [self._bag(group.word(p)) for p in contexts]
        total = max(1, sum(map(len, bags)))
        share, back = 1 / total if self.cbow_mean else 1.0, 1.0
        if self.cbow_mean and not self.cbow_classic:
            back = 1 / max(1, len(bags))
        elif self.cbow_classic and not self.cbow_mean:
            back = 1 / total
        return [(row, share, back) for bag in bags for row in bag]

    def _bag(self, word: int) -> list[int]:
        if self.bags is None:
            return [word]
        return self.bags.rows[self.bags.offsets[word] : self.bags.offsets[word + 1]].tolist()  # type: ignore[no-any-return]

    def _reach_of_bag(self, word: int) -> float:
        """Return sum of k^2 / n-grams, for rows k times in the bag, counted by their lowest bits."""
        bag = np.array(self._bag(word))
        return float((np.bincount(bag & BAG_SLOTS - 1) ** 2).sum() / max(1, len(bag) - 1))

    def _block(
        self, x: Floats, targets: "_Targets", pairs: Floats, alpha: float, reach: float = 1.0
    ) -> Floats:
        """Take a block step of rows `x` against the targets; return their gradient, times alpha.

        `reach`: how far such a row moves for a gradient of 1, at most.
        """
        skip = 0 if self.draws else targets.positive
        rows = targets.rows[skip:]
        if not rows:
            return np.zeros_like(x)
        label, weight = self._weigh(targets, pairs)
        label, weight = label[:, skip:].astype(x.dtype), weight[:, skip:].astype(x.dtype)
        y = np.array([matrix[[i]][0] for matrix, i in rows])
        bound = x.dtype.type(min(1 / 4, 1 / len(x)) / reach)  # see vec.h
        step = np.minimum(x.dtype.type(alpha) * weight, bound)
        in_order = self.sg and self.bags is None and self.tree is not None
        most = even_share(len(y)) if in_order else len(y)
        new_x, new_y = x, y.copy()
        for start in range(0, len(y), most):
            some = slice(start, start + most)
            if self.measured:
                self.loss += block_loss(new_x, y[some], label[:, some], weight[:, some])
            take = steps_in_order if in_order else block_step
            new_x, new_y[some] = take(new_x, y[some], label[:, some], step[:, some].astype(x.dtype), 1.0)
        self.pairs += float(pairs.sum()) if self.measured else 0
        for (matrix, i), row in zip(rows, new_y, strict=True):
            matrix[[i]] = row[None]
        return new_x - x

    def _weigh(self, targets: "_Targets", pairs: Floats) -> tuple[Floats, Floats]:
        """Return label and weight of each input row's pairs with each output row, from its `pairs` with the targets."""
        label = np.tile(targets.label, (len(pairs), 1))
        weight = np.outer(pairs.sum(1), targets.count)
        own = slice(0, targets.positive)
        if self.sg and self.bags is not None:  # noise that is a target counts for the pairs of the others
            noise = (pairs.sum(1, keepdims=True) - pairs) * targets.count[own]
            weight[:, own] = pairs + noise
            label[:, own] = pairs / np.where(weight[:, own] > 0, weight[:, own], 1)
        else:
            weight[:, own] = pairs
        return label, weight


class _Group:
    """Neighbouring centres, and the entries around them; entries are numbers of kept places."""

    def __init__(self, worker: Worker, places: list[int], at: int, size: int) -> None:
        self.tokens, self.places = worker.tokens, places
        self.centres = list(range(at, at + size))
        self.reach = {c: worker._reach(places[c]) for c in self.centres}
        low, high = at, at + size
        while low > max(0, min(c - r for c, r in self.reach.items())) and self.word(low - 1) >= 0:
            low -= 1
        while (
            high < len(places) and high <= max(c + r for c, r in self.reach.items()) and self.word(high) >= 0
        ):
            high += 1
        self.low, self.high = low, high

    def word(self, p: int) -> int:
        """Return the word at entry `p`."""
        return int(self.tokens[self.places[p]])


class _Targets:
    """The output rows for some entries' words: the words' own, noise, and the nodes of a path.

    `rows` are pairs of matrix and row; `column` tells which of them each entry has; `count` what each row of noise or
    of a path counts, and the words' own as noise.
    """

    def __init__(self, worker: Worker, group: _Group, entries: list[int]) -> None:
        words = [group.word(t) for t in entries]
        distinct = list(dict.fromkeys(words))
        self.column = {t: distinct.index(w) for t, w in zip(entries, words, strict=True)}
        self.positive = len(distinct)
        found = dict.fromkeys(distinct, 0.0)
        place = group.places[group.centres[0]]
        for k in range(worker.draws):
            bits = draw(worker.keys[_NOISE], place * worker.draws + k)
            column = below(bits, len(worker.noise))
            threshold, other = worker.noise[column]
            word = column if bits & 0xFFFFFFFF < threshold else other
            found[word] = found.get(word, 0.0) + worker.noise_weight
        self.rows: list[tuple[Any, int]] = [(worker.y, w) for w in found]
        self.count = list(found.values())
        self.label = [1.0] * self.positive + [0.0] * (len(found) - self.positive)
        if worker.tree is not None:
            (word,) = words
            for step in worker.tree.path[worker.tree.offsets[word] : worker.tree.offsets[word + 1]].tolist():
                self.rows.append((worker.nodes, step >> 1))
                self.count.append(1.0)
                self.label.append(1.0 - (step & 1))


class _Overlay:
    """Rows of which the first are a copy of one's own."""

    def __init__(self, hot: Floats, shared: Floats) -> None:
        self.hot, self.shared, self.dtype = hot, shared, shared.dtype

    def __getitem__(self, rows: list[int]) -> Floats:
        return np.array([self.hot[r] if r < len(self.hot) else self.shared[r] for r in rows])

    def __setitem__(self, rows: list[int], values: Floats) -> None:
        for r, value in zip(rows, values, strict=True):
            (self.hot if r < len(self.hot) else self.shared)[r] = value
