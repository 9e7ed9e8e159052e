/* Pairs of neighbouring words, counted by their ids: open addressing over 16-byte slots {key, count}.
 *
 * A key is left << 32 | right. Words with an id below `connectors` are connector words, which may stand inside a
 * phrase but neither begin nor end it: `a of the b` is one pair, whose left side is a step (step_table.h).
 *
 * A pair's place follows from the top of its text's hash (text_hash.h), so that the slots stand in the order of the
 * hashes but for collisions. Whatever goes through a whole table, to make a larger one or to merge it into the counts
 * by text (phrase_table.h), so reads and writes memory from front to back; threads that merge take a stretch each.
 * Who fills a table in this order must give it room before: a table that grows meanwhile is crowded at the front.
 */
#ifndef FASTVEC_PAIR_TABLE_H
#define FASTVEC_PAIR_TABLE_H

#include "big_memory.h"
#include "step_table.h"
#include "text_hash.h"

enum { FV_AHEAD = 32, FV_LEAST_BITS = 10, FV_UNKNOWN = -5 };

typedef struct { uint64_t key, count; } fv_pair; /* count 0: free */
typedef struct { uint64_t key, hash; } fv_met;

typedef struct {
    fv_pair *slots;
    int bits; /* there are 2^bits slots */
    int64_t n;
    fv_steps steps;
    fv_text *texts; /* of the words */
    int64_t n_words, room;
    fv_text between; /* of the delimiter */
} fv_pairs;

static inline void fv_pairs_free(fv_pairs *p) {
    fv_release(p->slots, (uint64_t)1 << p->bits, sizeof *p->slots);
    fv_steps_free(&p->steps);
    free(p->texts);
    memset(p, 0, sizeof *p);
}

static FV_INLINE uint64_t fv_pair_key(uint32_t left, uint32_t right) { return (uint64_t)left << 32 | right; }

static FV_INLINE uint64_t fv_pair_hash(const fv_pairs *p, uint64_t key) {
    uint32_t left = (uint32_t)(key >> 32);
    uint64_t hash = left & FV_STEP ? p->steps.steps[left ^ FV_STEP].hash : p->texts[left].hash;
    return fv_key_hash(fv_append(fv_append(hash, p->between), p->texts[(uint32_t)key]));
}

/* The slot that holds the key, or the free one where it belongs. */
static FV_INLINE fv_pair *fv_pairs_slot(const fv_pairs *p, uint64_t key, uint64_t hash) {
    uint64_t at = hash >> (64 - p->bits), mask = ((uint64_t)1 << p->bits) - 1;
    while (p->slots[at].count && p->slots[at].key != key) at = (at + 1) & mask;
    return p->slots + at;
}

/* Make room for so many more pairs: two thirds of the slots are in use at most. */
static inline int fv_pairs_reserve(fv_pairs *p, int64_t more) {
    fv_pairs larger = *p;
    uint64_t i, size = p->slots ? (uint64_t)1 << p->bits : 0;
    if (size / 3 * 2 >= (uint64_t)(p->n + more) && size) return FV_OK;
    for (larger.bits = FV_LEAST_BITS; ((uint64_t)1 << larger.bits) / 3 * 2 < (uint64_t)(p->n + more);) larger.bits++;
    if (!(larger.slots = fv_zeroed((uint64_t)1 << larger.bits, sizeof *p->slots))) return FV_NO_MEMORY;
    for (i = 0; i < size; i++)
        if (p->slots[i].count)
            *fv_pairs_slot(&larger, p->slots[i].key, fv_pair_hash(p, p->slots[i].key)) = p->slots[i];
    fv_release(p->slots, size, sizeof *p->slots);
    *p = larger;
    return FV_OK;
}

/* Enter the words that follow those known. */
static inline int fv_pairs_words(fv_pairs *p, const uint8_t *text, const int64_t *offsets, int64_t n) {
    int64_t i, room = p->n_words + n;
    if (room > p->room) {
        void *grown = fv_grow(p->texts, room += room / 2, sizeof *p->texts);
        if (!grown) return FV_NO_MEMORY;
        p->texts = grown;
        p->room = room;
    }
    for (i = 0; i < n; i++) p->texts[p->n_words++] = fv_text_of(text + offsets[i], offsets[i + 1] - offsets[i]);
    return FV_OK;
}

/* Count each pair once; their slots were asked for. */
static inline int fv_pairs_add(fv_pairs *p, const fv_met *met, int n) {
    int i;
    if (fv_pairs_reserve(p, n)) return FV_NO_MEMORY;
    for (i = 0; i < n; i++) {
        fv_pair *slot = fv_pairs_slot(p, met[i].key, met[i].hash);
        p->n += !slot->count;
        slot->key = met[i].key;
        slot->count++;
    }
    return FV_OK;
}

/* Count the pairs of ids[0:n], in which -1 ends a sentence. */
static inline int fv_pairs_count(fv_pairs *p, const int32_t *ids, int64_t n, uint32_t connectors) {
    fv_met met[FV_AHEAD];
    uint32_t left = FV_NONE, id;
    uint64_t begun = 0, hash; /* begun: the hash of the left side's text and the delimiter */
    int64_t i;
    int filled = 0;
    if (fv_pairs_reserve(p, FV_AHEAD)) return FV_NO_MEMORY;
    for (i = 0; i < n; i++) {
        if (ids[i] < 0) {
            left = FV_NONE;
            continue;
        }
        id = (uint32_t)ids[i];
        if (id >= p->n_words) return FV_UNKNOWN;
        hash = fv_append(begun, p->texts[id]);
        if (id < connectors) {
            if (left == FV_NONE) continue;
            if ((left = fv_steps_take(&p->steps, left, id, hash)) == FV_NONE) return FV_NO_MEMORY;
            begun = fv_append(hash, p->between);
            continue;
        }
        if (left != FV_NONE) {
            met[filled].key = fv_pair_key(left, id);
            met[filled].hash = fv_key_hash(hash);
            FV_PREFETCH(p->slots + (met[filled].hash >> (64 - p->bits)));
            if (++filled == FV_AHEAD) {
                if (fv_pairs_add(p, met, filled)) return FV_NO_MEMORY;
                filled = 0;
            }
        }
        left = id;
        begun = fv_append(p->texts[id].hash, p->between);
    }
    return fv_pairs_add(p, met, filled);
}

/* ---- forgetting ---- */

static FV_INLINE int fv_pair_stays(const fv_pairs *p, uint64_t i, uint64_t least, const int32_t *new_ids) {
    uint32_t left = (uint32_t)(p->slots[i].key >> 32);
    if (!p->slots[i].count || p->slots[i].count < least || new_ids[(uint32_t)p->slots[i].key] < 0) return 0;
    while (left & FV_STEP) left = p->steps.steps[left ^ FV_STEP].left;
    return new_ids[left] >= 0;
}

/* Enter into `kept` the steps, and the left sides of these, that the pairs which stay need; news[i]: what step i is
 * called there. */
static inline int fv_pairs_keep_steps(fv_pairs *kept, const fv_pairs *p, uint64_t least, const int32_t *new_ids,
                                      uint32_t *news) {
    uint64_t i;
    int64_t s;
    memset(news, 0, (size_t)p->steps.n * sizeof *news); /* 1: needed */
    for (i = 0; i >> p->bits == 0; i++) {
        uint32_t left = (uint32_t)(p->slots[i].key >> 32);
        if (!fv_pair_stays(p, i, least, new_ids)) continue;
        for (; left & FV_STEP && !news[left ^ FV_STEP]; left = p->steps.steps[left ^ FV_STEP].left)
            news[left ^ FV_STEP] = 1;
    }
    for (s = 0; s < p->steps.n; s++) {
        const fv_step *step = p->steps.steps + s;
        uint32_t left = step->left;
        if (!news[s]) continue;
        left = left & FV_STEP ? news[left ^ FV_STEP] : (uint32_t)new_ids[left];
        news[s] = fv_steps_take(&kept->steps, left, step->connector, step->hash); /* connectors keep their ids */
        if (news[s] == FV_NONE) return FV_NO_MEMORY;
    }
    return FV_OK;
}

static inline int fv_pairs_keep(fv_pairs *kept, const fv_pairs *p, uint64_t least, const int32_t *new_ids,
                                uint32_t *news) {
    uint64_t i;
    int64_t n = 0, w;
    for (i = 0; i >> p->bits == 0; i++) n += fv_pair_stays(p, i, least, new_ids);
    kept->texts = malloc(((size_t)p->n_words + 1) * sizeof *p->texts);
    if (!kept->texts || fv_pairs_reserve(kept, n) || fv_pairs_keep_steps(kept, p, least, new_ids, news))
        return FV_NO_MEMORY;
    kept->room = p->n_words + 1;
    for (w = 0; w < p->n_words; w++)
        if (new_ids[w] >= 0) kept->texts[kept->n_words++] = p->texts[w];
    for (i = 0; i >> p->bits == 0; i++) {
        uint32_t left = (uint32_t)(p->slots[i].key >> 32), right = (uint32_t)p->slots[i].key;
        fv_pair *slot, pair;
        if (!fv_pair_stays(p, i, least, new_ids)) continue;
        left = left & FV_STEP ? news[left ^ FV_STEP] : (uint32_t)new_ids[left];
        pair.key = fv_pair_key(left, (uint32_t)new_ids[right]);
        pair.count = p->slots[i].count;
        slot = fv_pairs_slot(kept, pair.key, fv_pair_hash(p, p->slots[i].key));
        *slot = pair;
        kept->n++;
    }
    return FV_OK;
}

/* Keep the pairs seen `least` times or more, their words renumbered by new_ids (-1: gone), and the steps that they
 * need. Connectors keep their ids. */
static inline int fv_pairs_prune(fv_pairs *p, uint64_t least, const int32_t *new_ids) {
    fv_pairs kept;
    uint32_t *news = malloc(((size_t)p->steps.n + 1) * sizeof *news);
    int status;
    memset(&kept, 0, sizeof kept);
    kept.between = p->between;
    status = news && !fv_pairs_reserve(p, 0) ? fv_pairs_keep(&kept, p, least, new_ids, news) : FV_NO_MEMORY;
    free(news);
    if (status == FV_OK) {
        fv_pairs_free(p);
        *p = kept;
    } else {
        fv_pairs_free(&kept);
    }
    return status;
}

#endif
