/* Counts of words and phrases by their text: what gensim keeps as the `vocab` of Phrases.
 *
 * A row is a word (`right` is FV_NONE), or a pair as in pair_table.h: left side and right word, whose texts stand
 * around the delimiter. A word and a pair of one text, as new_york and new york, share a row; so rows are looked up
 * by the hash of their text (text_hash.h) and compared by it. Rows are spread over FV_PARTS tables by the top of
 * their hash, and lie in a table by its next bits: in the order in which the tables of pairs are gone through.
 * Threads fill different parts.
 */
#ifndef FASTVEC_PHRASE_TABLE_H
#define FASTVEC_PHRASE_TABLE_H

#include "pair_table.h"

enum { FV_PARTS = 256, FV_PART_BITS = 8 };

typedef struct { uint64_t hash; int64_t count; uint32_t left, right; } fv_row; /* count 0: free */
typedef struct { fv_row *slots; uint64_t size; int64_t n; } fv_part;

typedef struct {
    fv_table words;
    fv_text *texts; /* of the words */
    fv_steps steps;
    int64_t text_room;
    uint8_t *delimiter;
    int64_t delimiter_length;
    fv_text between; /* of the delimiter */
    fv_part parts[FV_PARTS];
} fv_phrases;

static inline void fv_phrases_free(fv_phrases *t) {
    int i;
    for (i = 0; i < FV_PARTS; i++) free(t->parts[i].slots);
    fv_table_free(&t->words);
    fv_steps_free(&t->steps);
    free(t->texts);
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
    return left & FV_STEP ? t->steps.steps[left ^ FV_STEP].hash : t->texts[left].hash;
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

static inline int64_t fv_row_length(const fv_phrases *t, uint32_t left, uint32_t right) {
    fv_walk walk = {left, right, 0};
    const uint8_t *piece;
    int64_t length, sum = 0;
    while (fv_walk_back(t, &walk, &piece, &length)) sum += length;
    return sum;
}

/* Write the row's text before `end`. */
static inline void fv_row_write(const fv_phrases *t, uint32_t left, uint32_t right, uint8_t *end) {
    fv_walk walk = {left, right, 0};
    const uint8_t *piece;
    int64_t length;
    while (fv_walk_back(t, &walk, &piece, &length)) {
        end -= length;
        if (length) memcpy(end, piece, (size_t)length);
    }
}

static inline int fv_row_is(const fv_phrases *t, uint32_t left, uint32_t right, const uint8_t *text,
                            int64_t n) {
    fv_walk walk = {left, right, 0};
    const uint8_t *piece;
    int64_t length;
    while (fv_walk_back(t, &walk, &piece, &length)) {
        if ((n -= length) < 0) return 0;
        if (length && memcmp(text + n, piece, (size_t)length) != 0) return 0;
    }
    return n == 0;
}

/* Where a row of the hash belongs in its part: the bits below those that tell the part, as a share of the slots. */
static FV_INLINE uint64_t fv_row_home(const fv_part *part, uint64_t hash) {
    return (hash << FV_PART_BITS >> 32) * part->size >> 32;
}

static FV_INLINE uint64_t fv_next_slot(const fv_part *part, uint64_t at) { return at + 1 < part->size ? at + 1 : 0; }

/* How often the text was seen, as a word or as a phrase. */
static inline int64_t fv_phrases_find(const fv_phrases *t, const uint8_t *text, int64_t n) {
    uint64_t hash = fv_key_hash(fv_text_of(text, n).hash), at;
    const fv_part *part = t->parts + fv_part_of(hash);
    if (!part->slots) return 0;
    for (at = fv_row_home(part, hash); part->slots[at].count; at = fv_next_slot(part, at)) {
        const fv_row *row = part->slots + at;
        if (row->hash == hash && fv_row_is(t, row->left, row->right, text, n)) return row->count;
    }
    return 0;
}

static inline int fv_part_resize(fv_part *part, uint64_t size) {
    fv_part fresh = {NULL, size, part->n};
    uint64_t i, at;
    if (size >> 32 || size > SIZE_MAX / sizeof *fresh.slots || !(fresh.slots = calloc((size_t)size, sizeof *fresh.slots)))
        return FV_NO_MEMORY;
    for (i = 0; i < part->size; i++) {
        if (!part->slots[i].count) continue;
        for (at = fv_row_home(&fresh, part->slots[i].hash); fresh.slots[at].count;) at = fv_next_slot(&fresh, at);
        fresh.slots[at] = part->slots[i];
    }
    free(part->slots);
    *part = fresh;
    return FV_OK;
}

/* Make the slots for `n` rows, two thirds full at most. */
static inline int fv_part_reserve(fv_part *part, int64_t n) {
    const int64_t next = part->n + part->n / 2;
    if (part->size / 3 * 2 >= (uint64_t)n) return FV_OK;
    return fv_part_resize(part, (uint64_t)(n > next ? n : next) / 2 * 3 + 6);
}

/* Whether two rows of equal hash have one text; FV_NO_MEMORY. */
static inline int fv_same_row(const fv_phrases *t, const fv_row *a, const fv_row *b) {
    int64_t length = fv_row_length(t, b->left, b->right);
    uint8_t *text;
    int same;
    if (a->left == b->left && a->right == b->right) return 1;
    if (!(text = malloc((size_t)length + 1))) return FV_NO_MEMORY;
    fv_row_write(t, b->left, b->right, text + length);
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
    for (at = fv_row_home(part, row->hash); part->slots[at].count; at = fv_next_slot(part, at)) {
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
    for (i = 0; i < part->size; i++) {
        if (!part->slots[i].count || part->slots[i].count >= least) continue;
        part->slots[i].count = 0; /* the resizing below mends the broken runs */
        part->n--;
    }
    return part->slots ? fv_part_resize(part, part->size) : FV_OK;
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
    uint64_t hash = fv_append(fv_append(fv_left_hash(t, left), t->between), t->texts[connector]);
    return fv_steps_take(&t->steps, left, connector, hash);
}

/* ---- counts of threads into rows ---- */

/* What a thread counted: its word i is called ids[i] here, its step i steps[i]. */
typedef struct { const fv_pairs *pairs; const int32_t *ids; const uint32_t *steps; } fv_counted;

/* Collect up to `room` slots of a part's pairs from slot *at on: those in its stretch of the table, and behind it in
 * what its last slots pushed on. Pairs of the part before may be among them. */
static FV_INLINE int fv_collect(const fv_pairs *p, int part, uint64_t *at, const fv_pair **found, int room) {
    const uint64_t mask = ((uint64_t)1 << p->bits) - 1, end = (uint64_t)(part + 1) << (p->bits - FV_PART_BITS);
    int n = 0;
    for (; *at < end && n < room; ++*at) {
        found[n] = p->slots + *at;
        n += found[n]->count != 0; /* without a branch, which would be guessed wrong every other time */
    }
    for (; *at >= end && n < room && p->slots[*at & mask].count; ++*at) found[n++] = p->slots + (*at & mask);
    return n;
}

/* How many pairs of a part there are, but for a few. */
static inline int64_t fv_count_part(const fv_pairs *p, int part) {
    uint64_t at = (uint64_t)part << (p->bits - FV_PART_BITS), end = (uint64_t)(part + 1) << (p->bits - FV_PART_BITS);
    int64_t n = 0;
    for (; at < end; at++) n += p->slots[at].count != 0;
    return n;
}

/* Add the pairs of a part. */
static inline int fv_phrases_merge(fv_phrases *t, const fv_counted *from, int part) {
    const fv_pairs *p = from->pairs;
    const fv_pair *found[FV_AHEAD];
    uint64_t at = (uint64_t)part << (p->bits - FV_PART_BITS);
    int i, n;
    while ((n = fv_collect(p, part, &at, found, FV_AHEAD)) > 0) {
        for (i = 0; i < n; i++) {
            uint32_t left = (uint32_t)(found[i]->key >> 32);
            fv_row row;
            row.hash = fv_pair_hash(p, found[i]->key);
            if (fv_part_of(row.hash) != part) continue;
            row.count = (int64_t)found[i]->count;
            row.left = left & FV_STEP ? from->steps[left ^ FV_STEP] : (uint32_t)from->ids[left];
            row.right = (uint32_t)from->ids[(uint32_t)found[i]->key];
            if (fv_phrases_add(t, &row)) return FV_NO_MEMORY;
        }
    }
    return FV_OK;
}

/* Add parts `first` ... `last` - 1 of what the threads counted; word i of this table was seen words[i] times. */
static inline int fv_phrases_merge_all(fv_phrases *t, const fv_counted *from, int64_t n_from, const int64_t *words,
                                       int64_t n_words, int first, int last) {
    int64_t i, n;
    int part;
    for (part = first; part < last; part++) {
        for (i = 0, n = t->parts[part].n + n_words / FV_PARTS; i < n_from; i++) n += fv_count_part(from[i].pairs, part);
        if (fv_part_reserve(t->parts + part, n)) return FV_NO_MEMORY; /* rows come in their order: pair_table.h */
        for (i = 0; i < n_from; i++)
            if (fv_phrases_merge(t, from + i, part)) return FV_NO_MEMORY;
    }
    for (i = 0; i < n_words; i++) {
        fv_row row = {fv_key_hash(t->texts[i].hash), words[i], (uint32_t)i, FV_NONE};
        if (!row.count || fv_part_of(row.hash) < first || fv_part_of(row.hash) >= last) continue;
        if (fv_phrases_add(t, &row)) return FV_NO_MEMORY;
    }
    return FV_OK;
}

#endif
