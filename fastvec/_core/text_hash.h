/* A hash of texts under which the hash of two texts end to end follows from those of both:
 *
 *     h(t) = sum over i of (t[i] + 1) * B^(length - 1 - i),   h(xy) = h(x) * B^length(y) + h(y)   (mod 2^64)
 *
 * So phrases are looked up without being written anywhere. What has equal hashes is compared byte by byte.
 */
#ifndef FASTVEC_TEXT_HASH_H
#define FASTVEC_TEXT_HASH_H

#include "token_table.h"

typedef struct { uint64_t hash, power; } fv_text; /* power: B^length */

static FV_INLINE fv_text fv_text_of(const uint8_t *bytes, int64_t n) {
    const uint64_t base = 0x9E3779B97F4A7C15u;
    fv_text t = {0, 1};
    int64_t i;
    for (i = 0; i < n; i++) {
        t.hash = t.hash * base + bytes[i] + 1;
        t.power *= base;
    }
    return t;
}

static FV_INLINE uint64_t fv_append(uint64_t hash, fv_text t) { return hash * t.power + t.hash; }

#endif
