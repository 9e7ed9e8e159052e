"""Draws from a corpus's two distributions: which tokens stay, and which words are noise."""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from fastvec._core.rng cimport below

cdef struct Alias:
    # Alias table of a distribution over n_words words: {threshold, other word} for each column.
    const uint32_t *table
    uint32_t n_words

cdef inline bint is_kept(uint32_t threshold, uint64_t bits) noexcept nogil:
    """Subsampling: true with probability threshold / 2^32; always for the greatest threshold."""
    return <uint32_t>(bits >> 32) < threshold or threshold == <uint32_t>0xFFFFFFFFu

cdef inline int32_t noise_word(const uint32_t *alias, uint32_t n_words, uint64_t bits) noexcept nogil:
    """A word by the alias method: `alias` holds {threshold, other word} for each of n_words columns."""
    cdef:
        uint32_t column = below(bits, n_words), other = alias[2 * column + 1]
        uint32_t mask = -<uint32_t>(<uint32_t>bits < alias[2 * column])
    return <int32_t>(other ^ ((other ^ column) & mask))  # no branch: it would be mispredicted half the time
