# Negative sampling: the output rows of a group are those of its centres (label 1 for the words around each) and of
# noise words (label 0 for the words around any). A group shares its noise, so it draws twice as much as one
# centre would, and each draw counts half: the expected gradient is the same, its variance smaller (measured in
# docs/architecture.md). Noise drawn twice is one row that counts twice; noise that is a centre of the group is left
# out, as word2vec.c leaves out the centre.

cdef inline int32_t noise_draws(int32_t negative) noexcept nogil:
    """Noise words of a group."""
    return 2 * negative


cdef inline void draw_noise(Group *g, const Alias *noise, int32_t draws, uint64_t key,
                            uint64_t place) noexcept nogil:
    """Draw the group's random bits and fetch the entries of the alias table that they will ask for."""
    cdef int32_t k
    for k in range(draws):
        g.bits[k] = draw(key, place * <uint64_t>draws + <uint64_t>k)
        fv_prefetch(noise.table + 2 * below(g.bits[k], noise.n_words))


cdef inline int32_t _add_target(Group *g, float *target, uint64_t *seen, int32_t word) noexcept nogil:
    """The column of the output row `target`: the one it has already, or a new one."""
    cdef:
        uint64_t bit = <uint64_t>1 << (word & 63)
        int32_t j
    if seen[0] & bit:
        for j in range(g.n):
            if g.y[j] == target:
                return j
    seen[0] |= bit
    g.y[g.n] = target
    g.n += 1
    return g.n - 1


cdef inline void choose_targets(Group *g, const Rows *rows, const int32_t *centres, const Alias *noise,
                                int32_t draws, float noise_weight) noexcept nogil:
    """Point at the group's output rows."""
    cdef:
        int32_t c, k, j, word
        uint64_t seen = 0
    g.n = 0
    for c in range(g.size):
        g.column[c] = _add_target(g, row(rows, centres[c]), &seen, centres[c])
    g.n_positive = g.n
    for k in range(draws):
        word = noise_word(noise.table, noise.n_words, g.bits[k])
        g.count[g.n] = 0
        j = _add_target(g, row(rows, word), &seen, word)
        g.count[j] += noise_weight
