/* The order of words: falling count, if there are counts, equal counts by place, if there are places, then by the words'
 * bytes. A merge sort, bottom up. */
#ifndef FASTVEC_RANK_WORDS_H
#define FASTVEC_RANK_WORDS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "token_table.h"

/* `prefix`: the word's first eight bytes, big-endian, so that most comparisons end here. */
typedef struct { int64_t count, place, id; uint64_t prefix; } fv_ranked;

static inline uint64_t fv_prefix(const uint8_t *word, int64_t length) {
    uint64_t prefix = 0;
    int i;
    for (i = 0; i < 8; i++) prefix = prefix << 8 | (i < length ? word[i] : 0);
    return prefix;
}

static inline int fv_comes_before(const fv_ranked *a, const fv_ranked *b, const uint8_t *text,
                                  const int64_t *offsets) {
    int64_t length_a, length_b, shorter;
    int order;
    if (a->count != b->count) return a->count > b->count;
    if (a->place != b->place) return a->place < b->place;
    if (a->prefix != b->prefix) return a->prefix < b->prefix;
    length_a = offsets[a->id + 1] - offsets[a->id];
    length_b = offsets[b->id + 1] - offsets[b->id];
    shorter = length_a < length_b ? length_a : length_b;
    order = memcmp(text + offsets[a->id], text + offsets[b->id], (size_t)shorter);
    return order ? order < 0 : length_a < length_b;
}

/* Fill order[0:n] with the words' indices. Returns 0, or FV_NO_MEMORY. */
static inline int fv_rank_words(const uint8_t *text, const int64_t *offsets, const int64_t *counts,
                                const int64_t *places, int64_t n, int64_t *order) {
    fv_ranked *both = malloc((size_t)n * 2 * sizeof *both), *from = both, *to, *swap;
    int64_t width, left, i;
    if (!both) return FV_NO_MEMORY;
    to = both + n;
    for (i = 0; i < n; i++) {
        from[i].count = counts ? counts[i] : 0;
        from[i].place = places ? places[i] : 0;
        from[i].id = i;
        from[i].prefix = fv_prefix(text + offsets[i], offsets[i + 1] - offsets[i]);
    }
    for (width = 1; width < n; width *= 2) {
        for (left = 0; left < n; left += 2 * width) {
            int64_t a = left, b = left + width, mid = b < n ? b : n, end = b + width < n ? b + width : n;
            for (b = mid, i = left; i < end; i++) {
                int take_a = b >= end || (a < mid && !fv_comes_before(&from[b], &from[a], text, offsets));
                to[i] = take_a ? from[a++] : from[b++];
            }
        }
        swap = from, from = to, to = swap;
    }
    for (i = 0; i < n; i++) order[i] = from[i].id;
    free(both);
    return 0;
}

#endif
