"""Random numbers as a pure function of (seed, epoch, purpose, counter): SplitMix64 read at any place.

Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: number c of a stream is
mix(key + c * GAMMA). Nothing is carried from one draw to the next, so the draws of a token do not depend on how the
corpus was divided among threads, and the reference twin computes them with array arithmetic.
"""

from libc.stdint cimport uint32_t, uint64_t

cdef enum Purpose:
    KEEP = 1     # subsampling: counter = the token's place in the corpus
    SHRINK = 2   # the window's size: counter = the centre's place
    NOISE = 3    # negatives: counter = place of the group's first centre * draws + k
    LOSS = 4     # whether a group's loss is measured: counter = place of its first centre

cdef inline uint64_t mix(uint64_t z) noexcept nogil:
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9u
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EBu
    return z ^ (z >> 31)

cdef inline uint64_t draw(uint64_t key, uint64_t counter) noexcept nogil:
    """64 random bits."""
    return mix(key + counter * <uint64_t>0x9E3779B97F4A7C15u)

cdef inline uint64_t stream_key(uint64_t seed, uint64_t epoch, uint64_t purpose) noexcept nogil:
    return draw(draw(seed, epoch), purpose)

cdef inline uint32_t below(uint64_t bits, uint32_t n) noexcept nogil:
    """An integer in [0, n) from the upper half of `bits`."""
    return <uint32_t>(((bits >> 32) * n) >> 32)
