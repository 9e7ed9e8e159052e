/* Counts of words and phrases by their text: what gensim keeps as the `vocab` of Phrases.
 *
 * A row is a word (`right` is FV_NONE), or a pair as in pair_table.h: left side and right word, whose texts stand
 * around the delimiter. A word and a pair of one text, as new_york and new york, share a row; so rows are looked up
 * by the hash of their text (text_hash.h) and compared by it. Rows are spread over FV_PARTS tables by the top of
 * their hash: threads fill different tables, and a table being filled stays in a core's cache.
 */
#ifndef FASTVEC_PHRASE_TABLE_H
#define FASTVEC_PHRASE_TABLE_H

#include "pair_table.h"
#include "text_hash.h"

enum { FV_PARTS = 256, FV_PART_BITS = 8 };

typedef struct { uint64_t hash; int64_t count; uint32_t left, right; } fv_row; /* count 0: free */
typedef struct { fv_row *slots; uint64_t mask; int64_t n; } fv_part;
typedef struct { uint64_t hash; int64_t length; } fv_left; /* of a step's text */

typedef struct {
    fv_table words;
    fv_text *texts; /* of the words */
    fv_pairs steps;
    fv_left *lefts; /* of the steps */
    int64_t text_room, left_room;
    uint8_t *delimiter;
    int64_t delimiter_length;
    fv_text between; /* of the delimiter */
    fv_part parts[FV_PARTS];
} fv_phrases;

static inline void fv_phrases_free(fv_phrases *t) {
    int i;
    for (i = 0; i < FV_PARTS; i++) free(t->parts[i].slots);
    fv_table_free(&t->words);
    fv_pairs_free(&t->steps);
    free(t->texts);
    free(t->lefts);
    free(t->delimiter);
    memset(t, 0, sizeof *t);
}

static FV_INLINE int fv_part_of(uint64_t hash) { return (int)(hash >> (64 - FV_PART_BITS)); }

static FV_INLINE int64_t fv_word_length(const fv_phrases *t, uint32_t id) {
    return t->words.offsets[id + 1] - t->words.offsets[id];
}

static FV_INLINE const uint8_t *fv_word_text(const fv_phrases *t, uint32_t id) {
    return t->words.text + t->words.offsets[id];
}

static FV_INLINE uint64_t fv_left_hash(const fv_phrases *t, uint32_t left) {
    return left & FV_STEP ? t->lefts[left ^ FV_STEP].hash : t->texts[left].hash;
}

static FV_INLINE int64_t fv_left_length(const fv_phrases *t, uint32_t left) {
    return left & FV_STEP ? t->lefts[left ^ FV_STEP].length : fv_word_length(t, left);
}

/* The word that a left side begins with. */
static FV_INLINE uint32_t fv_first_word(const fv_phrases *t, uint32_t left) {
    while (left & FV_STEP) left = t->steps.steps[left ^ FV_STEP].left;
    return left;
}

static FV_INLINE uint64_t fv_row_hash(const fv_phrases *t, uint32_t left, uint32_t right) {
    uint64_t hash = fv_left_hash(t, left);
    if (right != FV_NONE) hash = fv_append(fv_append(hash, t->between), t->texts[right]);
    return fv_key_hash(hash);
}

static FV_INLINE int64_t fv_row_length(const fv_phrases *t, uint32_t left, uint32_t right) {
    int64_t length = fv_left_length(t, left);
    return right == FV_NONE ? length : length + t->delimiter_length + fv_word_length(t, right);
}

/* A row's text, from its end to its front, in pieces: a word, the delimiter, a word, ... */
typedef struct { uint32_t left, right; int between; } fv_walk;

static FV_INLINE int fv_walk_back(const fv_phrases *t, fv_walk *walk, const uint8_t **piece, int64_t *length) {
    if (walk->between) {
        walk->between = 0;
        *piece = t->delimiter;
        *length = t->delimiter_length;
        return 1;
    }
    if (walk->left == FV_NONE) return 0;
    if (walk->right == FV_NONE && walk->left & FV_STEP) {
        walk->right = t->steps.steps[walk->left ^ FV_STEP].connector;
        walk->left = t->steps.steps[walk->left ^ FV_STEP].left;
    }
    if (walk->right == FV_NONE) {
        *piece = fv_word_text(t, walk->left);
        *length = fv_word_length(t, walk->left);
        walk->left = FV_NONE;
        return 1;
    }
    *piece = fv_word_text(t, walk->right);
    *length = fv_word_length(t, walk->right);
    walk->right = FV_NONE;
    walk->between = 1;
    return 1;
}

/* Write the row's text to out[0:length]. */
static inline void fv_row_write(const fv_phrases *t, uint32_t left, uint32_t right, uint8_t *out) {
    fv_walk walk = {left, right, 0};
    const uint8_t *piece;
    int64_t length, at = fv_row_length(t, left, right);
    while (fv_walk_back(t, &walk, &piece, &length)) {
        at -= length;
        if (length) memcpy(out + at, piece, (size_t)length);
    }
}

static inline int fv_row_is(const fv_phrases *t, uint32_t left, uint32_t right, const uint8_t *text,
                            int64_t n) {
    fv_walk walk = {left, right, 0};
    const uint8_t *piece;
    int64_t length;
    if (fv_row_length(t, left, right) != n) return 0;
    while (fv_walk_back(t, &walk, &piece, &length)) {
        n -= length;
        if (length && memcmp(text + n, piece, (size_t)length) != 0) return 0;
    }
    return 1;
}

/* How often the text was seen, as a word or as a phrase. */
static inline int64_t fv_phrases_find(const fv_phrases *t, const uint8_t *text, int64_t n) {
    uint64_t hash = fv_key_hash(fv_text_of(text, n).hash), at;
    const fv_part *part = t->parts + fv_part_of(hash);
    if (!part->slots) return 0;
    for (at = hash & part->mask; part->slots[at].count; at = (at + 1) & part->mask) {
        const fv_row *row = part->slots + at;
        if (row->hash == hash && fv_row_is(t, row->left, row->right, text, n)) return row->count;
    }
    return 0;
}

static inline int fv_part_resize(fv_part *part, uint64_t size) {
    fv_row *old = part->slots, *fresh;
    uint64_t i, at, mask = size - 1;
    fresh = size <= SIZE_MAX / sizeof *fresh ? calloc((size_t)size, sizeof *fresh) : NULL;
    if (!fresh) return FV_NO_MEMORY;
    for (i = 0; old && i <= part->mask; i++) {
        if (!old[i].count) continue;
        for (at = old[i].hash & mask; fresh[at].count; at = (at + 1) & mask) {}
        fresh[at] = old[i];
    }
    free(old);
    part->slots = fresh;
    part->mask = mask;
    return FV_OK;
}

static inline int fv_part_reserve(fv_part *part, int64_t n) {
    uint64_t size = part->slots ? part->mask + 1 : 8;
    while (size / 3 * 2 < (uint64_t)n) size *= 2;
    return part->slots && size == part->mask + 1 ? FV_OK : fv_part_resize(part, size);
}

/* Whether two rows of equal hash have one text; FV_NO_MEMORY. */
static inline int fv_same_row(const fv_phrases *t, const fv_row *a, const fv_row *b) {
    int64_t length = fv_row_length(t, b->left, b->right);
    uint8_t *text;
    int same;
    if (a->left == b->left && a->right == b->right) return 1;
    if (!(text = malloc((size_t)length + 1))) return FV_NO_MEMORY;
    fv_row_write(t, b->left, b->right, text);
    same = fv_row_is(t, a->left, a->right, text, length);
    free(text);
    return same;
}

/* Add the row's count to that of its text. */
static inline int fv_phrases_add(fv_phrases *t, const fv_row *row) {
    fv_part *part = t->parts + fv_part_of(row->hash);
    uint64_t at;
    int same;
    if (fv_part_reserve(part, part->n + 1)) return FV_NO_MEMORY;
    for (at = row->hash & part->mask; part->slots[at].count; at = (at + 1) & part->mask) {
        if (part->slots[at].hash != row->hash) continue;
        if ((same = fv_same_row(t, part->slots + at, row)) < 0) return same;
        if (same) {
            part->slots[at].count += row->count;
            return FV_OK;
        }
    }
    part->slots[at] = *row;
    part->n++;
    return FV_OK;
}

/* Forget the rows of a part that were seen fewer than `least` times. */
static inline int fv_part_prune(fv_part *part, int64_t least) {
    uint64_t i;
    for (i = 0; part->slots && i <= part->mask; i++) {
        if (!part->slots[i].count || part->slots[i].count >= least) continue;
        part->slots[i].count = 0; /* the resizing below mends the broken runs */
        part->n--;
    }
    return part->slots ? fv_part_resize(part, part->mask + 1) : FV_OK;
}

/* Enter a word; returns its id, or an error. */
static inline int64_t fv_phrases_word(fv_phrases *t, const uint8_t *word, int64_t n, const uint8_t *end) {
    fv_token token = fv_make_token(word, (uint64_t)n, end);
    int64_t before = t->words.n, id = fv_table_add(&t->words, &token, 0);
    if (id < before) return id;
    if (id >= t->text_room) {
        int64_t room = id + id / 2 + 64;
        void *grown = fv_grow(t->texts, room, sizeof *t->texts);
        if (!grown) return FV_NO_MEMORY;
        t->texts = grown;
        t->text_room = room;
    }
    t->texts[id] = fv_text_of(word, n);
    return id;
}

/* The step of a left side and a connector; FV_NONE where there is no memory. */
static inline uint32_t fv_phrases_step(fv_phrases *t, uint32_t left, uint32_t connector) {
    int64_t before = t->steps.n_steps;
    uint32_t step = fv_pairs_step(&t->steps, left, connector), at = step ^ FV_STEP;
    if (step == FV_NONE || t->steps.n_steps == before) return step;
    if ((int64_t)at >= t->left_room) {
        int64_t room = (int64_t)at + at / 2 + 64;
        void *grown = fv_grow(t->lefts, room, sizeof *t->lefts);
        if (!grown) return FV_NONE;
        t->lefts = grown;
        t->left_room = room;
    }
    t->lefts[at].hash = fv_append(fv_append(fv_left_hash(t, left), t->between), t->texts[connector]);
    t->lefts[at].length = fv_left_length(t, left) + t->delimiter_length + fv_word_length(t, connector);
    return step;
}

/* ---- counts from the numbering of a thread into rows, grouped by part ---- */

typedef struct { fv_row *rows; int64_t bounds[FV_PARTS + 1]; } fv_batch;

static FV_INLINE fv_row fv_make_row(const fv_phrases *t, uint32_t left, uint32_t right, int64_t count) {
    fv_row row;
    row.hash = fv_row_hash(t, left, right);
    row.count = count;
    row.left = left;
    row.right = right;
    return row;
}

/* Group the words, counted words[i] times and called ids[i] here, and the pairs. `steps` are the pairs' steps here.
 * Rows are made in the order of the slots first: their hashes, which wait for memory, are computed once. */
static inline int fv_batch_fill(const fv_phrases *t, fv_batch *b, const fv_pairs *p, const int64_t *words,
                                const int32_t *ids, int64_t n_words, const uint32_t *steps, uint32_t connectors) {
    int64_t at[FV_PARTS], i, n = 0, sum = 0, most = n_words + p->n - p->n_steps;
    fv_row *made;
    uint64_t s;
    int part;
    if ((uint64_t)most >= SIZE_MAX / sizeof *made || !(made = malloc(((size_t)most + 1) * sizeof *made)))
        return FV_NO_MEMORY;
    memset(at, 0, sizeof at);
    for (i = connectors; i < n_words; i++)
        if (words[i] > 0) made[n++] = fv_make_row(t, (uint32_t)ids[i], FV_NONE, words[i]);
    for (s = 0; p->slots && s <= p->mask; s++) {
        uint32_t left = (uint32_t)(p->slots[s].key >> 32), right = (uint32_t)p->slots[s].key;
        if (!p->slots[s].value || right < connectors) continue;
        left = left & FV_STEP ? steps[left ^ FV_STEP] : (uint32_t)ids[left];
        made[n++] = fv_make_row(t, left, (uint32_t)ids[right], (int64_t)p->slots[s].value);
    }
    for (i = 0; i < n; i++) at[fv_part_of(made[i].hash)]++;
    for (part = 0; part < FV_PARTS; part++) {
        b->bounds[part] = sum;
        sum += at[part];
        at[part] = b->bounds[part];
    }
    b->bounds[FV_PARTS] = sum;
    if ((b->rows = malloc(((size_t)n + 1) * sizeof *b->rows)))
        for (i = 0; i < n; i++) b->rows[at[fv_part_of(made[i].hash)]++] = made[i];
    free(made);
    return b->rows ? FV_OK : FV_NO_MEMORY;
}

#endif
