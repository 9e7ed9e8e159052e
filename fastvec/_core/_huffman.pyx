"""The Huffman tree of a vocabulary whose counts fall: two queues, the words from the rarest on and the inner nodes in
the order in which they arise, are both sorted, so the two lightest are at their heads (van Leeuwen 1976).
Of a word and an inner node of equal counts the node goes first: the tree is that of word2vec.c and fastText.

`pair_levels` keeps the words' depths, but on each level, from the deepest on, pairs what stands there anew: words and
inner nodes in a given order, an inner node by the first of its words. Words that are near each other in the order then
share nodes, whatever their counts.

Inner node k, of those in the order in which they arise, gets the number V - 2 - k: the root is 0. In the tree of
`measure` counts fall from number to number, in that of `pair_levels` level follows level.
"""

from libc.stdint cimport int32_t, int64_t


def measure(const int64_t[::1] counts, int64_t[::1] weights, int32_t[::1] parents, int64_t[::1] offsets):
    """Build the tree; return False where counts do not fall.

    Parameters
    ----------
    counts : int64 array of V
        Falling; less than 1 is taken as 1.
    weights : int64 array of V
        Scratch: the inner nodes' counts.
    parents : int32 array of 2 V
        Out: for each word, then for each inner node by its number, ``2 * parent + bit``; -1 for the root.
    offsets : int64 array of V + 1
        Out: where each word's path begins, among all paths end to end.
    """
    cdef:
        int64_t n = counts.shape[0], leaf = n - 1, node = 0, k, i, side, total, length
    if weights.shape[0] < n or parents.shape[0] != 2 * n or offsets.shape[0] != n + 1:
        raise ValueError("weights, parents or offsets are not of the size of counts")
    for i in range(1, n):
        if counts[i - 1] < counts[i]:
            return False
    offsets[0] = 0
    if n == 0:
        return True
    with nogil:
        for k in range(n - 1):
            total = 0
            for side in range(2):
                if leaf >= 0 and (node >= k or max(counts[leaf], 1) < weights[node]):
                    i, leaf = leaf, leaf - 1
                    total += max(counts[i], 1)
                else:
                    i, node = n + (n - 2 - node), node + 1
                    total += weights[n - 2 - (i - n)]
                parents[i] = <int32_t>(2 * (n - 2 - k) + side)
            weights[k] = total
        parents[n] = -1  # the root; with a single word there is no inner node, and it is not read
        parents[2 * n - 1] = -1
        if n == 1:
            parents[0] = -1
        # Depths, from the root on; kept in `weights`, whose counts have served.
        for i in range(n - 1):
            weights[i] = 0 if i == 0 else weights[parents[n + i] >> 1] + 1
        for i in range(n):
            length = 0 if n == 1 else weights[parents[i] >> 1] + 1
            offsets[i + 1] = offsets[i] + length
    return True


def pair_levels(const int64_t[::1] offsets, const int64_t[::1] words, const int64_t[::1] ranks, int64_t[::1] first,
                int32_t[::1] parents):
    """Put the words into another tree of the same depths.

    Parameters
    ----------
    offsets : int64 array of V + 1
        As `measure` leaves it.
    words : int64 array of V
        All words, from the deepest level on; those of a level in their order.
    ranks : int64 array of V
        Each word's place in the order.
    first : int64 array of V
        Scratch: the rank of the first word below each inner node.
    parents : int32 array of 2 V
        Out: as in `measure`.

    Raises
    ------
    ValueError
        If sizes differ, or these are no words and depths of a tree.
    """
    cdef int64_t n = words.shape[0], depth, at = 0, child = 0, made = 0, below, node, i, rank
    cdef int32_t side = 0
    if offsets.shape[0] != n + 1 or ranks.shape[0] != n or first.shape[0] != n or parents.shape[0] != 2 * n:
        raise ValueError("offsets, ranks, first or parents are not of the size of words")
    if n == 0:
        return
    parents[n] = parents[2 * n - 1] = -1  # the root; with a single word there is no inner node, and it is not read
    if n == 1:
        parents[0] = -1
        return
    for i in range(n):
        if not 0 <= words[i] < n:
            raise ValueError(f"word {words[i]} of {n}")
    depth = offsets[words[0] + 1] - offsets[words[0]]
    with nogil:
        while depth > 0 and made < n - 1:
            below = made  # inner nodes [child, below) are of this level
            while made < n - 1:
                node = n - 2 - made
                i = words[at] if at < n and offsets[words[at] + 1] - offsets[words[at]] == depth else -1
                if i >= 0 and (child == below or ranks[i] < first[n - 2 - child]):
                    rank, at = ranks[i], at + 1
                elif child < below:
                    i, child = n + (n - 2 - child), child + 1
                    rank = first[i - n]
                else:
                    break
                if side == 0:
                    first[node] = rank
                parents[i] = <int32_t>(2 * node + side)
                made += side
                side ^= 1
            if side or made == below:
                break  # no tree has a level of one, or none
            depth -= 1
    if made < n - 1 or at < n or child < n - 2:
        raise ValueError("the words' depths are not those of a tree")


def fill(const int32_t[::1] parents, const int64_t[::1] offsets, const int64_t[::1] words, int32_t[::1] path):
    """Write each word's path from the root: ``2 * node + bit`` for each step. `words` are all words, best in an
    order in which those come together that share nodes."""
    cdef:
        int64_t n = offsets.shape[0] - 1, k, i, at
        int32_t step
    if parents.shape[0] != 2 * n or words.shape[0] != n or path.shape[0] != offsets[n]:
        raise ValueError("parents, words or path are not of the size of offsets")
    with nogil:
        for k in range(n):
            i = words[k]
            step = parents[i]
            for at in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
                path[at] = step
                step = parents[n + (step >> 1)]
