# The input side of a block: which rows it has, how many pairs each has with each target, and, where they are made of
# other rows, how they are gathered and how their gradients are scattered.
#
#   skip-gram                 the different words around the centres, updated in place; targets: the centres
#   CBOW                      a row a centre, the mean (or sum) of the words around it; targets: the centres
#   skip-gram with subwords   a row a centre, its bag's sum over its n-grams; targets: the words around
#   CBOW with subwords        a row a centre, the mean of the bags around it; targets: the centres
#
# A bag is a list of input rows: the word's own and those of its n-grams. As in fastText, the gradient of a bag is
# added to each of its rows undivided. Skip-gram divides its sum by the number of n-grams, as gensim does, where the
# word's vector is the mean of all rows (docs/architecture.md, "Subwords"). So the row of a word with few n-grams, or
# with one many times ("======"), moves farther than those of its bag, and the bound of a step is as much lower.

cdef enum:
    BAG_SLOTS = 1024  # counters for the rows of a bag

cdef inline int32_t even_share(int32_t rows, int32_t most) noexcept nogil:
    """How many of `rows` rows go into a block, where `most` may: all blocks get about as many."""
    cdef int32_t blocks = max(1, (rows + most - 1) // most)
    return max(1, (rows + blocks - 1) // blocks)


cdef inline int32_t choose_words(Inputs *in_, const Reader *r, const Group *g, int32_t start,
                                 int32_t most) noexcept nogil:
    """Point at the different rows of the words from entry `start` on, up to `most`; returns the entry after the
    last. `entry_row` notes which row each entry has."""
    cdef:
        int32_t p = start, i, m = 0, word
        uint64_t seen = 0, bit
    while p < g.high and m < most:
        if g.size > 1 or p != g.first:
            word = r.ids[p]
            bit = <uint64_t>1 << (word & 63)
            i = m
            if seen & bit:
                i = 0
                while i < m and in_.x_words[i] != word:
                    i += 1
            seen |= bit
            if i == m:
                in_.x_words[m] = word
                in_.x[m] = row(&in_.rows, word)
                m += 1
            in_.entry_row[p - start] = i
        p += 1
    in_.m = m
    return p


cdef inline void copy_words(Inputs *in_) noexcept nogil:
    """Let X be copies, so that `lock_words` may hand on a part of what they learn."""
    cdef int32_t i
    for i in range(in_.m):
        memcpy(in_.hidden + i * in_.rows.width, in_.x[i], in_.rows.width * sizeof(float))
        in_.x[i] = in_.hidden + i * in_.rows.width


cdef inline void lock_words(Inputs *in_) noexcept nogil:
    cdef int32_t i
    for i in range(in_.m):
        fv_blend_row(row(&in_.rows, in_.x_words[i]), in_.lock[in_.x_words[i]], in_.x[i], in_.rows.width)


cdef inline void weigh_words(const Inputs *in_, const Group *g, int32_t start, int32_t stop,
                             float *weight) noexcept nogil:
    """How many pairs the row of each word of entries [start, stop) has with each target."""
    cdef:
        int32_t c, i, p
        float *column
    memset(weight, 0, g.n_positive * FV_MAX_ROWS * sizeof(float))
    for c in range(g.size):
        column = weight + g.column[c] * FV_MAX_ROWS
        p = g.first + c
        for i in range(max(start, p - g.reach[c]), min(stop, p + g.reach[c] + 1)):
            column[in_.entry_row[i - start]] += i != p


cdef inline int32_t place_of(int32_t target, int32_t centre) noexcept nogil:
    """Where the weight of a target row and a centre's row stands: blocks of FV_MAX_ROWS target rows follow each other,
    each with FV_MAX_ROWS weights for each of GROUP centres."""
    return (target // FV_MAX_ROWS * GROUP + centre) * FV_MAX_ROWS + target % FV_MAX_ROWS


cdef inline float weigh_hidden(const Inputs *in_, const Group *g, int32_t skip, float *weight,
                               float *label) noexcept nogil:
    """How much each pair of a target row, from row `skip` on, and a centre's row counts; returns the pairs of words.

    `label` is NULL, or gets the labels of these pairs, which differ where noise that is a target counts
    (objective.pxi).
    """
    cdef:
        int32_t c, i, j, p, blocks = (g.n - skip + FV_MAX_ROWS - 1) // FV_MAX_ROWS
        float pairs, total = 0
    memset(weight, 0, blocks * FV_MAX_ROWS * GROUP * sizeof(float))
    for c in range(g.size):
        p = g.first + c
        pairs = 0
        if in_.sg:
            for i in range(max(g.start, p - g.reach[c], g.low), min(g.stop, p + g.reach[c] + 1, g.high)):
                if i != p:
                    pairs += 1
                    if skip == 0:
                        weight[place_of(g.column[i - g.start], c)] += 1
        elif in_.contexts[c]:
            pairs = 1
            if skip == 0:
                weight[c * FV_MAX_ROWS + g.column[c]] = 1  # column < GROUP
        if label != NULL:
            for i in range(blocks):
                memcpy(label + place_of(i * FV_MAX_ROWS, c), g.label + i * FV_MAX_ROWS, FV_MAX_ROWS * sizeof(float))
            keep_own(g, c, weight, label)
        for i in range(blocks):
            fv_add_row(weight + place_of(i * FV_MAX_ROWS, c), pairs, g.count + skip + i * FV_MAX_ROWS, FV_MAX_ROWS)
        if label != NULL and pairs > 0:
            for j in range(g.n_positive):
                if g.count[j] > 0:
                    label[place_of(j, c)] /= weight[place_of(j, c)]
        total += pairs
    return total


cdef inline void keep_own(const Group *g, int32_t c, float *weight, float *label) noexcept nogil:
    """Before the noise is added to the weights of centre c: of targets that are noise, too, (1 - count) * own stays,
    and own is noted in `label`."""
    cdef int32_t j, at
    for j in range(g.n_positive):
        if g.count[j] > 0:
            at = place_of(j, c)
            label[at] = weight[at]
            weight[at] *= 1 - g.count[j]


cdef inline float lock_of(const Inputs *in_, int64_t i) noexcept nogil:
    return 1 if in_.lock == NULL else in_.lock[i]


cdef inline int64_t bag_size(const Inputs *in_, int32_t word) noexcept nogil:
    return in_.bags.offsets[word + 1] - in_.bags.offsets[word]


cdef inline void sum_bag(const Inputs *in_, int32_t word, float scale, float *out) noexcept nogil:
    """out = scale * (the sum of the rows of a word's bag)."""
    fv_sum_rows(in_.rows.shared, in_.bags.items + in_.bags.offsets[word], bag_size(in_, word), scale, out,
                in_.rows.stride, in_.rows.width)


cdef inline void add_to_bag(const Inputs *in_, int32_t word, const float *delta) noexcept nogil:
    """Add `delta` to each row of a word's bag."""
    cdef int64_t i
    for i in range(in_.bags.offsets[word], in_.bags.offsets[word + 1]):
        fv_add_row(in_.rows.shared + in_.bags.items[i] * in_.rows.stride, lock_of(in_, in_.bags.items[i]), delta,
                   in_.rows.width)


cdef inline float reach_of_bag(const Inputs *in_, int32_t word) noexcept nogil:
    """How far skip-gram's row of a word moves for a gradient of 1: sum of k^2 / n-grams, for rows k times in its bag.

    Rows are counted by their lowest bits, so a few bags seem to reach a little farther.
    """
    cdef:
        int32_t times[BAG_SLOTS]
        int64_t i, total = 0
    memset(times, 0, sizeof(times))
    for i in range(in_.bags.offsets[word], in_.bags.offsets[word + 1]):
        total += 2 * times[in_.bags.items[i] & (BAG_SLOTS - 1)] + 1
        times[in_.bags.items[i] & (BAG_SLOTS - 1)] += 1
    return <float>total / <float>max(1, bag_size(in_, word) - 1)


cdef inline float farthest_bag(const Inputs *in_, const Reader *r, const Group *g) noexcept nogil:
    """How far any centre's row moves for a gradient of 1."""
    cdef:
        int32_t c
        float reach = 1
    for c in range(g.size):
        reach = max(reach, in_.bag_reach[r.ids[g.first + c]])
    return reach


cdef inline void fetch_bag(const Inputs *in_, int32_t word) noexcept nogil:
    """Ask for the rows of a word's bag, which will be summed soon."""
    cdef int64_t i
    for i in range(in_.bags.offsets[word], in_.bags.offsets[word + 1]):
        fv_fetch_row(in_.rows.shared + in_.bags.items[i] * in_.rows.stride, in_.rows.width)


cdef void gather(Inputs *in_, const Reader *r, const Group *g, float **ahead, int fetched) noexcept nogil:
    """The input side's rows: one for each centre, in `hidden`; no gradient yet. Meanwhile rows `ahead` are fetched."""
    cdef int32_t c, word
    in_.m = g.size
    memset(in_.dx, 0, g.size * in_.rows.width * sizeof(float))
    for c in range(g.size):
        in_.x[c] = in_.hidden + c * in_.rows.width
        in_.x_new[c] = in_.dx + c * in_.rows.width
    if in_.sg:
        for c in range(g.size):
            word = r.ids[g.first + c]
            sum_bag(in_, word, 1 / <float>max(1, bag_size(in_, word) - 1), in_.x[c])
        return
    choose_contexts(in_, r, g)
    fv_mix(g.size, in_.entry, in_.n_entries, in_.mix, in_.share, in_.hidden, in_.rows.width, ahead, fetched)


cdef inline void choose_entries(Inputs *in_, const Reader *r, const Group *g) noexcept nogil:
    """Point at the rows that CBOW's are made of: of the windows' words, without a lone centre, or sums of bags."""
    cdef int32_t n = 0, p, i
    for p in range(g.low, g.high):
        in_.entry_word[n] = r.ids[p]
        n += g.size > 1 or p != g.first
    in_.n_entries = n
    for i in range(n):
        if in_.bags.offsets == NULL:
            in_.entry[i] = row(&in_.rows, in_.entry_word[i])
        else:
            in_.entry[i] = in_.bag_sums + i * in_.rows.width
            sum_bag(in_, in_.entry_word[i], 1, in_.entry[i])


cdef inline void choose_windows(Inputs *in_, const Group *g) noexcept nogil:
    """Which entries are in the window of each centre, and how many."""
    cdef:
        int32_t n = in_.n_entries, c, i
        int32_t centre[GROUP]
        int32_t reach[GROUP]
    if g.size == 1:
        in_.contexts[0] = n
        for i in range(n):
            in_.mix[i * GROUP] = 1
        return
    for c in range(GROUP):
        centre[c] = g.first - g.low + c
        reach[c] = g.reach[c] if c < g.size else -1
        in_.contexts[c] = min(n, centre[c] + reach[c] + 1) - max(0, centre[c] - reach[c]) - 1
    fv_windows(n, centre, reach, in_.mix)


cdef void choose_contexts(Inputs *in_, const Reader *r, const Group *g) noexcept nogil:
    """CBOW's rows: each is the mean or sum of the words around its centre. Set what each gets of these, and they of its
    gradient."""
    cdef:
        int32_t c, i
        float total
    choose_entries(in_, r, g)
    choose_windows(in_, g)
    for c in range(g.size):
        in_.share[c] = in_.back[c] = 1
        if in_.contexts[c] == 0:
            continue
        total = <float>in_.contexts[c]
        if in_.bags.offsets != NULL:
            total = 0
            for i in range(in_.n_entries):
                total += in_.mix[i * GROUP + c] * <float>bag_size(in_, in_.entry_word[i])
        if in_.cbow_mean:
            in_.share[c] = 1 / total
        if in_.cbow_mean and not in_.cbow_classic:
            in_.back[c] = 1 / <float>in_.contexts[c]
        elif in_.cbow_classic and not in_.cbow_mean:
            in_.back[c] = 1 / total


cdef void scatter(Inputs *in_, const Reader *r, const Group *g, float **ahead, int fetched) noexcept nogil:
    """Hand the gradients of the centres' rows to those that they were made of. Meanwhile rows `ahead` are fetched."""
    cdef:
        int32_t n = in_.n_entries, c, i
    if in_.sg:
        for c in range(g.size):
            add_to_bag(in_, r.ids[g.first + c], in_.dx + c * in_.rows.width)
        return
    if in_.bags.offsets != NULL:
        memset(in_.bag_sums, 0, n * in_.rows.width * sizeof(float))
    elif in_.lock != NULL:
        for i in range(n):
            for c in range(GROUP):
                in_.mix[i * GROUP + c] *= in_.lock[in_.entry_word[i]]
    fv_unmix(g.size, in_.entry, n, in_.mix, in_.back, in_.dx, in_.rows.width, ahead, fetched)
    if in_.bags.offsets != NULL:
        for i in range(n):
            add_to_bag(in_, in_.entry_word[i], in_.entry[i])
