"""Character n-grams: how many a word has, the buckets they fall into, and the means of bags of rows.

The rules are fastText's (fastvec/subwords.py). The words may come from a hostile file: whatever their bytes and bounds
are, nothing outside of the arrays is read or written.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memset

cdef extern from "simd.h" nogil:
    void FV_PREFETCH(const void *address)

cdef enum:
    AHEAD = 6  # rows fetched before they are added: they lie anywhere in memory

cdef struct Word:
    const uint8_t *bytes
    int64_t length


cdef inline uint8_t byte_of(Word word, int64_t k) noexcept nogil:
    """Byte k of ``<word>``, 0 <= k < length + 2."""
    return c'<' if k == 0 else c'>' if k > word.length else word.bytes[k - 1]


cdef inline bint continues(uint8_t byte) noexcept nogil:
    """Whether `byte` continues a code point in UTF-8."""
    return (byte & 0xC0) == 0x80


cdef inline bint ends_sentences(Word word) noexcept nogil:
    return word.length == 4 and memcmp(word.bytes, b"</s>", 4) == 0


cdef int64_t ngrams_of(Word word, int64_t min_n, int64_t max_n) noexcept nogil:
    """Number of n-grams: p - n + 1 of each length n in ``<word>`` of p code points, without the brackets alone."""
    cdef int64_t points = 2, i, low = max(min_n, 1), high, total
    if ends_sentences(word):
        return 0
    for i in range(word.length):
        points += not continues(word.bytes[i])
    high = min(max_n, points)
    if high < low:
        return 0
    total = (high - low + 1) * (2 * (points + 1) - low - high) // 2
    return total - 2 if low == 1 else total


cdef void write_buckets(Word word, int64_t min_n, int64_t max_n, uint32_t bucket, int32_t first_row,
                        int32_t *out) noexcept nogil:
    """Write ``first_row + bucket`` of each n-gram: those that begin first come first, the shorter before the longer."""
    cdef:
        int64_t size = word.length + 2, start, stop, n
        uint32_t hash
    if ends_sentences(word):
        return
    for start in range(size - 1):
        if continues(byte_of(word, start)):
            continue
        hash, stop, n = 2166136261u, start, 0
        while n < max_n and stop < size:
            hash = (hash ^ <uint32_t><int8_t>byte_of(word, stop)) * 16777619u
            stop += 1
            while stop < size and continues(byte_of(word, stop)):
                hash = (hash ^ <uint32_t><int8_t>byte_of(word, stop)) * 16777619u
                stop += 1
            n += 1
            if n >= min_n and not (n == 1 and start == 0):
                out[0] = first_row + <int32_t>(hash % bucket)
                out += 1


cdef bint word_at(const uint8_t[::1] text, const int64_t[::1] offsets, int64_t i, Word *word) noexcept nogil:
    """Find word i; false where its bounds are impossible."""
    cdef int64_t first = offsets[i], last = offsets[i + 1]
    if not 0 <= first <= last <= text.shape[0]:
        return False
    word.bytes, word.length = &text[0] + first, last - first
    return True


def count(const uint8_t[::1] text, const int64_t[::1] offsets, int64_t first, int64_t stop, int64_t min_n,
          int64_t max_n, int64_t[::1] sizes):
    """Write the number of n-grams of the words ``first <= i < stop`` to `sizes` (int64[V]).

    Returns -1, or the first word whose bounds are impossible.
    """
    cdef:
        int64_t i, bad = -1
        Word word
    if not 0 <= first <= stop <= min(offsets.shape[0] - 1, sizes.shape[0]):
        raise ValueError(f"words {first} to {stop} of {offsets.shape[0] - 1}, {sizes.shape[0]} sizes")
    with nogil:
        for i in range(first, stop):
            if not word_at(text, offsets, i, &word):
                bad = i
                break
            sizes[i] = ngrams_of(word, min_n, max_n)
    return bad


def fill(const uint8_t[::1] text, const int64_t[::1] offsets, int64_t first, int64_t stop, int64_t min_n,
         int64_t max_n, uint32_t bucket, bint own, const int64_t[::1] bounds, int32_t[::1] rows):
    """Write the bags of the words ``first <= i < stop`` to ``rows[bounds[i]:bounds[i + 1]]``.

    With `own`: the word's id, then ``V + bucket`` for each n-gram; without: the n-grams' buckets alone. Returns -1,
    or the first word whose bounds are impossible or whose bag does not fit.
    """
    cdef:
        int64_t n_words = offsets.shape[0] - 1, i, at, bad = -1
        int32_t base = <int32_t>n_words if own else 0
        Word word
    if not 0 <= first <= stop <= n_words or bounds.shape[0] != n_words + 1:
        raise ValueError(f"words {first} to {stop} of {n_words}, {bounds.shape[0]} bounds")
    if not 0 < bucket < 1u << 31 or base + <int64_t>bucket >= <int64_t>1 << 31:
        raise ValueError(f"bucket={bucket} and {n_words} words: their rows do not fit into 31 bits")
    with nogil:
        for i in range(first, stop):
            at = bounds[i]
            if (not word_at(text, offsets, i, &word) or not 0 <= at <= bounds[i + 1] <= rows.shape[0]
                    or bounds[i + 1] - at != own + ngrams_of(word, min_n, max_n)):
                bad = i
                break
            if own:
                rows[at] = <int32_t>i
            if bounds[i + 1] > at + own:
                write_buckets(word, min_n, max_n, bucket, base, &rows[at + own])
    return bad


cdef inline const float *row_at(const float[:, :] own, const float[:, :] ngrams, int64_t row) noexcept nogil:
    """Find a row of `own` and, after it, `ngrams`; NULL where there is none."""
    if 0 <= row < own.shape[0]:
        return &own[row, 0]
    row -= own.shape[0]
    return &ngrams[row, 0] if 0 <= row < ngrams.shape[0] else NULL


def compose(const float[:, :] own, const float[:, :] ngrams, const int64_t[::1] bounds, const int32_t[::1] rows,
            int64_t first, int64_t stop, float[:, :] out):
    """Write the mean of each bag ``rows[bounds[i]:bounds[i + 1]]``, ``first <= i < stop``, to ``out[i]``.

    Row r is ``own[r]``, and from ``len(own)`` on ``ngrams[r - len(own)]``; the mean of no rows is zero. Returns -1,
    or the first bag that reaches beyond the arrays.
    """
    cdef:
        int64_t i, k, d, size, width = out.shape[1], bad = -1
        float *mean
        const float *source
    if not own.shape[1] == ngrams.shape[1] == width:
        raise ValueError(f"{own.shape[1]}, {ngrams.shape[1]} and {width} columns: one number is needed")
    if width > 1 and not own.strides[1] == ngrams.strides[1] == out.strides[1] == sizeof(float):
        raise ValueError("the numbers of a row must be neighbours in memory")
    if not 0 <= first <= stop <= min(bounds.shape[0] - 1, out.shape[0]):
        raise ValueError(f"bags {first} to {stop} of {bounds.shape[0] - 1}, {out.shape[0]} rows to write")
    with nogil:
        for i in range(first, stop):
            if not 0 <= bounds[i] <= bounds[i + 1] <= rows.shape[0]:
                bad = i
                break
            size = bounds[i + 1] - bounds[i]
            mean = &out[i, 0]
            memset(mean, 0, <size_t>width * sizeof(float))
            for k in range(bounds[i], bounds[i + 1]):
                source = row_at(own, ngrams, rows[min(k + AHEAD, rows.shape[0] - 1)])
                if source != NULL:
                    for d in range(0, width, 16):  # floats of a cache line
                        FV_PREFETCH(source + d)
                source = row_at(own, ngrams, rows[k])
                if source == NULL:
                    bad = i
                    break
                for d in range(width):
                    mean[d] += source[d]
            if bad >= 0:
                break
            if size:
                for d in range(width):
                    mean[d] /= <float>size
    return bad
