/* Steps: the left sides of pairs with connectors in between. `a of the b` is the pair of the step
 * (step(a, of), the) and b. Steps are numbered as they come, a step after its left side, and found by open addressing
 * over these numbers.
 */
#ifndef FASTVEC_STEP_TABLE_H
#define FASTVEC_STEP_TABLE_H

#include "token_table.h"

#define FV_STEP 0x80000000u /* set in a left side that is a step */
#define FV_NONE 0xFFFFFFFFu /* no left side; no right side: a single word */
enum { FV_MAX_STEPS = 0x7FFFFFFE };

typedef struct { uint32_t left, connector; uint64_t hash; } fv_step; /* hash: of its text (text_hash.h) */

typedef struct {
    fv_step *steps;
    uint32_t *slots; /* number + 1; 0: free */
    uint64_t mask;
    int64_t n, room;
} fv_steps;

static inline void fv_steps_free(fv_steps *s) {
    free(s->steps);
    free(s->slots);
    memset(s, 0, sizeof *s);
}

static FV_INLINE uint64_t fv_step_home(const fv_steps *s, uint32_t left, uint32_t connector) {
    return fv_key_hash((uint64_t)left << 32 | connector) & s->mask;
}

/* Make room for one more step: half of the slots are in use at most. */
static inline int fv_steps_reserve(fv_steps *s) {
    uint64_t size = s->slots ? s->mask + 1 : 0, at;
    int64_t i, room;
    void *grown;
    if (s->n >= FV_MAX_STEPS) return FV_NO_MEMORY;
    if (s->n == s->room) {
        room = s->room + s->room / 2 + 64;
        if (!(grown = fv_grow(s->steps, room, sizeof *s->steps))) return FV_NO_MEMORY;
        s->steps = grown;
        s->room = room;
    }
    if (size / 2 > (uint64_t)s->n) return FV_OK;
    size = size ? 2 * size : 64;
    if (size > SIZE_MAX / sizeof *s->slots || !(grown = calloc((size_t)size, sizeof *s->slots)))
        return FV_NO_MEMORY;
    free(s->slots);
    s->slots = grown;
    s->mask = size - 1;
    for (i = 0; i < s->n; i++) {
        for (at = fv_step_home(s, s->steps[i].left, s->steps[i].connector); s->slots[at];) at = (at + 1) & s->mask;
        s->slots[at] = (uint32_t)(i + 1);
    }
    return FV_OK;
}

/* The left side that `left` and a connector make, whose text has the hash; FV_NONE where there is no memory. */
static inline uint32_t fv_steps_take(fv_steps *s, uint32_t left, uint32_t connector, uint64_t hash) {
    uint64_t at;
    if ((!s->slots || s->n == s->room || (uint64_t)s->n >= (s->mask + 1) / 2) && fv_steps_reserve(s)) return FV_NONE;
    for (at = fv_step_home(s, left, connector); s->slots[at]; at = (at + 1) & s->mask) {
        const fv_step *step = s->steps + s->slots[at] - 1;
        if (step->left == left && step->connector == connector) return FV_STEP | (s->slots[at] - 1);
    }
    s->steps[s->n].left = left;
    s->steps[s->n].connector = connector;
    s->steps[s->n].hash = hash;
    s->slots[at] = (uint32_t)++s->n;
    return FV_STEP | (uint32_t)(s->n - 1);
}

#endif
