# Negative sampling: the output rows of a group are those of its target words (label 1 for the inputs that go with
# each) and of noise words (label 0 for all). A group shares its noise, so it draws more than one centre would, and
# each draw counts less: `draws` of weight negative / draws (measured in docs/architecture.md). Noise drawn
# twice is one row that counts twice. word2vec.c leaves out noise that is the target; here, noise that is any target of
# the block is left out, or, in skip-gram with subwords, where a block has many targets, counts for the pairs of the
# others: a target's weight is then own + count * (pairs - own), its label the share of its own pairs.
#
# Hierarchical softmax: the output rows are the nodes on the path of one target word, labelled 1 - bit of its code.
#
# With both, a group has the rows of both. The column of a target stands first, then noise, then nodes; without negative
# sampling the targets' columns are not part of the block, and serve to weigh the others.

cdef enum:
    WORD_DRAWS = 10  # noise words a group, in fifths of `negative`, rounded up
    BAG_DRAWS = 30   # ... where one input row goes with all words of its window
    MEAN_DRAWS = 8   # ... and where it goes with one word
    PATH_LEAD = 8    # words ahead whose paths are fetched
    UPPER_NODES = 8  # of a path, that stay in the cache
    SEEN_WORDS = 8   # a cache line of bits

cdef inline void draw_noise(const Objective *o, Group *g, uint64_t key, uint64_t place) noexcept nogil:
    """Draw the group's random bits and fetch the entries of the alias table that they will ask for."""
    cdef int32_t k
    for k in range(o.draws):
        g.bits[k] = draw(key, place * <uint64_t>o.draws + <uint64_t>k)
        fv_prefetch(o.noise.table + 2 * below(g.bits[k], o.noise.n_words))


cdef inline void fetch_path(const Objective *o, const Reader *r, int32_t centre) noexcept nogil:
    """Fetch the path of a centre to come, and, further ahead, the place where such a path begins."""
    cdef int32_t soon = centre + PATH_LEAD, later = centre + 2 * PATH_LEAD
    if later < r.n and r.ids[later] >= 0:
        fv_prefetch(o.paths.offsets + r.ids[later])
    if soon < r.n and r.ids[soon] >= 0:
        fv_prefetch(o.paths.items + o.paths.offsets[r.ids[soon]])
        fv_prefetch(o.paths.items + o.paths.offsets[r.ids[soon]] + CACHE_LINE // 4)


cdef inline int32_t _add_target(Group *g, float *target, uint64_t *seen, int32_t word, float label) noexcept nogil:
    """The column of the output row `target`: the one it has already, or a new one. `seen`: a bit for each word that may
    have one, so that few are looked for in vain."""
    cdef:
        uint64_t bit = <uint64_t>1 << (word & 63)
        int32_t j
    seen += word >> 6 & (SEEN_WORDS - 1)
    if seen[0] & bit:
        for j in range(g.n):
            if g.y[j] == target:
                return j
    seen[0] |= bit
    g.y[g.n] = target
    g.label[g.n] = label
    g.count[g.n] = 0
    g.n += 1
    return g.n - 1


cdef inline void _add_path(const Objective *o, Group *g, int32_t word) noexcept nogil:
    """Point at the nodes of a word's path, and fetch those below the ones that stay in the cache."""
    cdef:
        const int32_t *path = o.paths.items + o.paths.offsets[word]
        int32_t length = <int32_t>(o.paths.offsets[word + 1] - o.paths.offsets[word]), n_hot = o.nodes.n_hot, s
        int64_t stride = o.nodes.stride, width = o.nodes.width
        float *hot = o.nodes.hot
        float *shared = o.nodes.shared
        float **y = g.y + g.n
        float *label = g.label + g.n
        float *count = g.count + g.n
    for s in range(length):
        label[s] = <float>(1 - (path[s] & 1))
        count[s] = 1
        y[s] = (hot if path[s] >> 1 < n_hot else shared) + (path[s] >> 1) * stride
        if s >= UPPER_NODES:
            fv_fetch_row(y[s], width)
    g.n += length


cdef inline void choose_targets(const Objective *o, Group *g, const int32_t *ids, int32_t start,
                                int32_t stop) noexcept nogil:
    """Point at the output rows for the words of entries [start, stop), or of the first of them that fit."""
    cdef:
        int32_t e, k, word
        uint64_t seen[SEEN_WORDS]
        const Rows *rows = &o.y if o.draws else &o.nodes
    memset(seen, 0, sizeof(seen))
    g.n = 0
    g.start = start
    g.stop = min(stop, start + (MAX_POSITIVE if o.paths.offsets == NULL else 1))
    for e in range(g.start, g.stop):
        g.column[e - start] = _add_target(g, row(rows, ids[e]), seen, ids[e], 1)
    g.n_positive = g.n
    for k in range(o.draws):
        word = noise_word(o.noise.table, o.noise.n_words, g.bits[k])
        g.count[_add_target(g, row(rows, word), seen, word, 0)] += o.noise_weight
    if not o.noise_of_targets:
        for k in range(g.n_positive):
            g.count[k] = 0
    if o.paths.offsets != NULL:
        _add_path(o, g, ids[start])
