"""The hash of a word and the index over a word table: shared by counting, encoding, look-ups and the .fvec file.

A word table is `text` (the words' UTF-8 bytes, end to end) and `offsets` (int64[n + 1]): word i is
text[offsets[i]:offsets[i + 1]]. Its index is `slots` (int32[2^k, 2], 2^k >= 2 n): {tag, word id}, id -1 where free.
Word w sits in the first free slot from hash(w) & (2^k - 1) on, going up and around; tag is the hash's upper half.
docs/file-format.md specifies hash and index; fastvec/reference/words.py is the plain twin.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "word_hash.h" nogil:
    # 64-bit hash of `length` bytes.
    uint64_t fv_word_hash(const uint8_t *word, int64_t length)

cdef extern from *:
    """
    #include <string.h>
    /* Word id of `word` in the index, or -1. */
    static inline int32_t fv_find_word(const int32_t *slots, uint64_t mask, const uint8_t *text,
                                       const int64_t *offsets, const uint8_t *word, int64_t length) {
        uint64_t hash = fv_word_hash(word, length), at = hash & mask, probes;
        uint32_t tag = (uint32_t)(hash >> 32);
        for (probes = 0; probes <= mask; probes++, at = (at + 1) & mask) {
            int32_t id = slots[2 * at + 1];
            if (id < 0) return -1;
            if ((uint32_t)slots[2 * at] == tag && offsets[id + 1] - offsets[id] == length
                && memcmp(text + offsets[id], word, (size_t)length) == 0)
                return id;
        }
        return -1;
    }
    """
    int32_t fv_find_word(const int32_t *slots, uint64_t mask, const uint8_t *text, const int64_t *offsets,
                         const uint8_t *word, int64_t length) nogil
