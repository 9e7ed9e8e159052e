/* Pairs of neighbouring words, counted by their ids: open addressing over 16-byte slots {key, value}.
 *
 * A key is left << 32 | right. Words with an id below `connectors` are connector words, which may stand inside a
 * phrase but neither begin nor end it. So `a of the b` is one pair: its left side is the step (step(a, of), the),
 * its right side b. The value of a pair whose right side is a connector is its step's number + 1; of any other, how
 * often it was seen. A value of 0 marks a free slot. Steps are numbered as they come, a step after its left side.
 */
#ifndef FASTVEC_PAIR_TABLE_H
#define FASTVEC_PAIR_TABLE_H

#include "token_table.h"

#define FV_STEP 0x80000000u /* set in a left side that is a step */
#define FV_NONE 0xFFFFFFFFu /* no left side; no right side: a single word */
enum { FV_AHEAD = 12, FV_MAX_STEPS = 0x7FFFFFFE };

typedef struct { uint64_t key, value; } fv_pair;
typedef struct { uint32_t left, connector; } fv_step;

typedef struct {
    fv_pair *slots;
    uint64_t mask;
    fv_step *steps;
    int64_t n, n_steps, step_room; /* n: pairs, those with a connector on the right included */
} fv_pairs;

static inline void fv_pairs_free(fv_pairs *p) {
    free(p->slots);
    free(p->steps);
    memset(p, 0, sizeof *p);
}

static FV_INLINE uint64_t fv_pair_key(uint32_t left, uint32_t right) { return (uint64_t)left << 32 | right; }

static FV_INLINE fv_pair *fv_pairs_slot(const fv_pairs *p, uint64_t key) {
    uint64_t at = fv_key_hash(key) & p->mask;
    while (p->slots[at].value && p->slots[at].key != key) at = (at + 1) & p->mask;
    return p->slots + at;
}

/* Make room for one more pair: two thirds of the slots are in use at most. */
static inline int fv_pairs_reserve(fv_pairs *p) {
    fv_pair *old = p->slots, *fresh;
    uint64_t i, size = old ? p->mask + 1 : 0, at, mask;
    if (size / 3 * 2 > (uint64_t)p->n) return FV_OK;
    size = size ? 2 * size : 64;
    mask = size - 1;
    fresh = size <= SIZE_MAX / sizeof *fresh ? calloc((size_t)size, sizeof *fresh) : NULL;
    if (!fresh) return FV_NO_MEMORY;
    for (i = 0; old && i <= p->mask; i++) {
        if (!old[i].value) continue;
        for (at = fv_key_hash(old[i].key) & mask; fresh[at].value; at = (at + 1) & mask) {}
        fresh[at] = old[i];
    }
    free(old);
    p->slots = fresh;
    p->mask = mask;
    return FV_OK;
}

/* Count the pair `count` times. */
static FV_INLINE int fv_pairs_add(fv_pairs *p, uint32_t left, uint32_t right, uint64_t count) {
    uint64_t key = fv_pair_key(left, right);
    fv_pair *slot = fv_pairs_slot(p, key);
    if (!slot->value) {
        if (fv_pairs_reserve(p)) return FV_NO_MEMORY;
        slot = fv_pairs_slot(p, key);
        slot->key = key;
        p->n++;
    }
    slot->value += count;
    return FV_OK;
}

/* The left side that `left` and a connector make; FV_NONE where there is no memory. */
static inline uint32_t fv_pairs_step(fv_pairs *p, uint32_t left, uint32_t connector) {
    uint64_t key = fv_pair_key(left, connector);
    fv_pair *slot;
    if (fv_pairs_reserve(p)) return FV_NONE;
    slot = fv_pairs_slot(p, key);
    if (!slot->value) {
        if (p->n_steps >= FV_MAX_STEPS) return FV_NONE;
        if (p->n_steps == p->step_room) {
            int64_t room = p->step_room + p->step_room / 2 + 64;
            void *grown = fv_grow(p->steps, room, sizeof *p->steps);
            if (!grown) return FV_NONE;
            p->steps = grown;
            p->step_room = room;
        }
        p->steps[p->n_steps].left = left;
        p->steps[p->n_steps].connector = connector;
        slot->key = key;
        slot->value = (uint64_t)++p->n_steps;
        p->n++;
    }
    return FV_STEP | (uint32_t)(slot->value - 1);
}

/* Count the pairs of ids[0:n], in which -1 ends a sentence. */
static inline int fv_pairs_count(fv_pairs *p, const int32_t *ids, int64_t n, uint32_t connectors) {
    uint32_t left = FV_NONE, id;
    int64_t i;
    if (fv_pairs_reserve(p)) return FV_NO_MEMORY;
    for (i = 0; i < n; i++) {
        if (i + FV_AHEAD < n) { /* right unless a connector stands on the left: then it fetches in vain */
            uint64_t key = fv_pair_key((uint32_t)ids[i + FV_AHEAD - 1], (uint32_t)ids[i + FV_AHEAD]);
            FV_PREFETCH(p->slots + (fv_key_hash(key) & p->mask));
        }
        if (ids[i] < 0) {
            left = FV_NONE;
            continue;
        }
        id = (uint32_t)ids[i];
        if (id < connectors) {
            if (left != FV_NONE && (left = fv_pairs_step(p, left, id)) == FV_NONE) return FV_NO_MEMORY;
            continue;
        }
        if (left != FV_NONE && fv_pairs_add(p, left, id, 1)) return FV_NO_MEMORY;
        left = id;
    }
    return FV_OK;
}

/* Keep the pairs seen `least` times or more, their words renumbered by new_ids (-1: gone), and the steps that they
 * need. Connectors keep their ids. */
static inline int fv_pairs_prune(fv_pairs *p, uint64_t least, const int32_t *new_ids, uint32_t connectors) {
    fv_pairs kept;
    uint32_t *steps = malloc(((size_t)p->n_steps + 1) * sizeof *steps), left, right;
    uint64_t i;
    int64_t s;
    int status = steps ? FV_OK : FV_NO_MEMORY, pass;
    memset(&kept, 0, sizeof kept);
    if (fv_pairs_reserve(&kept)) status = FV_NO_MEMORY;
    for (s = 0; steps && s < p->n_steps; s++) steps[s] = 0; /* 1: needed; later the new left side */
    for (pass = 0; pass < 2; pass++) {
        for (i = 0; status == FV_OK && p->slots && i <= p->mask; i++) {
            left = (uint32_t)(p->slots[i].key >> 32);
            right = (uint32_t)p->slots[i].key;
            if (p->slots[i].value < least || right < connectors || !p->slots[i].value) continue;
            if (pass == 0) {
                for (; left & FV_STEP && !steps[left ^ FV_STEP]; left = p->steps[left ^ FV_STEP].left)
                    steps[left ^ FV_STEP] = 1;
                continue;
            }
            left = left & FV_STEP ? steps[left ^ FV_STEP] : (uint32_t)new_ids[left];
            if (left != FV_NONE && new_ids[right] >= 0)
                status = fv_pairs_add(&kept, left, (uint32_t)new_ids[right], p->slots[i].value);
        }
        for (s = 0; pass == 0 && status == FV_OK && s < p->n_steps; s++) {
            if (!steps[s]) continue;
            left = p->steps[s].left;
            left = left & FV_STEP ? steps[left ^ FV_STEP] : (uint32_t)new_ids[left];
            steps[s] = left == FV_NONE ? FV_NONE : fv_pairs_step(&kept, left, p->steps[s].connector);
            if (left != FV_NONE && steps[s] == FV_NONE) status = FV_NO_MEMORY;
        }
    }
    free(steps);
    if (status != FV_OK) {
        fv_pairs_free(&kept);
        return status;
    }
    fv_pairs_free(p);
    *p = kept;
    return FV_OK;
}

#endif
