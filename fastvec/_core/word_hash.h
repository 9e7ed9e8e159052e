/* The 64-bit hash of a word: eight bytes at a time, multiply and fold (docs/file-format.md, "Hash index").
 *
 *     h = length * M1
 *     for each little-endian 8-byte group g of the word, the last filled up with zero bytes:
 *         h = (h ^ g) * M2;  h = h ^ (h >> 32)
 *     hash = (h * M1) ^ ((h * M1) >> 29)
 */
#ifndef FASTVEC_WORD_HASH_H
#define FASTVEC_WORD_HASH_H

#include <stdint.h>
#include <string.h>

static inline uint64_t fv_little_endian(uint64_t g) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(g);
#else
    return g;
#endif
}

static inline uint64_t fv_word_hash(const uint8_t *word, int64_t length) {
    const uint64_t m1 = 0x9E3779B97F4A7C15u, m2 = 0xD6E8FEB86659FD93u;
    uint64_t h = (uint64_t)length * m1, group;
    while (length >= 8) {
        memcpy(&group, word, 8);
        h = (h ^ fv_little_endian(group)) * m2;
        h ^= h >> 32;
        word += 8;
        length -= 8;
    }
    if (length > 0) {
        group = 0;
        while (length > 0) group = (group << 8) | word[--length];
        h = (h ^ group) * m2;
        h ^= h >> 32;
    }
    h *= m1;
    return h ^ (h >> 29);
}

#endif
