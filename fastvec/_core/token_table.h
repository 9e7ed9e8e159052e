/* Words of a text, found in a table or entered into it: one pass over whitespace, keys, slots and counts.
 *
 * Table. `slots` is open addressing over 16-byte slots {key, id + 1, count}, so that most tokens touch one
 * cache line. The key of a word of up to seven bytes is its bytes, little-endian, with the length on top; of
 * one of eight its bytes, unless the top one could be taken for something else; of any other, 255 on top of
 * 56 bits of its hash, and its bytes are compared with the table's. Word i is
 * text[offsets[i]:offsets[i + 1]]; it was seen counts[i] times and those that its slot counts, first at places[i]. Ids
 * follow first appearance in this table; places tell it across tables.
 *
 * Scan. Whitespace becomes a bit mask, 64 bytes at a time; the words between go into a batch with their
 * hashes, their slots are prefetched, and the batch is then looked up: the misses of 64 words overlap.
 *
 * A text comes in blocks, cut anywhere between words. What a block cannot know, whether its first line holds
 * words in an earlier block, it leaves open: `lead` says that a newline came before any word of it, `pending`
 * that words follow its last newline.
 */
#ifndef FASTVEC_TOKEN_TABLE_H
#define FASTVEC_TOKEN_TABLE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "word_hash.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define FV_INLINE __forceinline
#define FV_PREFETCH(address) ((void)0)
static FV_INLINE int fv_lowest_bit(uint64_t bits) {
    unsigned long at;
    _BitScanForward64(&at, bits);
    return (int)at;
}
#else
#define FV_INLINE inline __attribute__((always_inline))
#define FV_PREFETCH(address) __builtin_prefetch(address)
static FV_INLINE int fv_lowest_bit(uint64_t bits) { return __builtin_ctzll(bits); }
#endif

enum { FV_OK = 0, FV_NO_MEMORY = -2, FV_TOO_MANY = -3, FV_TOO_LONG = -4 };
enum { FV_BATCH = 64, FV_MAX_WORDS = 0x7FFFFFFE };

/* ---- table ---- */

typedef struct { uint64_t key; uint32_t id, count; } fv_slot; /* id is the word's id + 1; 0: free */

typedef struct {
    fv_slot *slots;
    uint64_t mask;
    uint8_t *text;
    int64_t *offsets, *counts, *places;
    int64_t n, room, text_room;
    const uint8_t *origin; /* of the text that is scanned, which begins at `place`; NULL: a word's place is its id */
    int64_t place;
} fv_table;

typedef struct { const uint8_t *word; uint64_t key, hash, length; } fv_token;

static inline void fv_table_free(fv_table *t) {
    free(t->slots); free(t->text); free(t->offsets); free(t->counts); free(t->places);
    memset(t, 0, sizeof *t);
}

static FV_INLINE int fv_is_long(uint64_t key) { return key >> 56 == 0xFF; }

static FV_INLINE uint64_t fv_key_hash(uint64_t key) {
    key *= 0xD6E8FEB86659FD93u;
    key = (key ^ (key >> 32)) * 0x9E3779B97F4A7C15u;
    return key ^ (key >> 29);
}

/* The key of a word; `end` is where reading must stop. */
static FV_INLINE uint64_t fv_key(const uint8_t *word, uint64_t length, const uint8_t *end) {
    uint64_t key = 0, i = length;
    if (length <= 8) {
        if (length && end - word >= 8) {
            memcpy(&key, word, 8);
            key = fv_little_endian(key) & (~(uint64_t)0 >> (64 - 8 * length));
        } else {
            while (i > 0) key = (key << 8) | word[--i];
        }
        if (length < 8) return key | length << 56;
        if (key >> 56 >= 8 && !fv_is_long(key)) return key;
    }
    return fv_word_hash(word, (int64_t)length) | (uint64_t)0xFF << 56;
}

static FV_INLINE fv_token fv_make_token(const uint8_t *word, uint64_t length, const uint8_t *end) {
    fv_token token;
    token.word = word;
    token.length = length;
    token.key = fv_key(word, length, end);
    token.hash = fv_key_hash(token.key);
    return token;
}

static FV_INLINE int fv_is_word(const fv_table *t, int64_t id, const fv_token *token) {
    return t->offsets[id + 1] - t->offsets[id] == (int64_t)token->length
           && memcmp(t->text + t->offsets[id], token->word, (size_t)token->length) == 0;
}

/* The slot that holds the token, or the free one where it belongs. */
static FV_INLINE fv_slot *fv_table_slot(const fv_table *t, const fv_token *token) {
    uint64_t at = token->hash & t->mask;
    for (;; at = (at + 1) & t->mask) {
        fv_slot *slot = t->slots + at;
        if (slot->key == token->key
            && (!fv_is_long(slot->key) || fv_is_word(t, (int64_t)slot->id - 1, token)))
            return slot;
        if (!slot->id) return slot;
    }
}

/* Move the words into `size` slots (a power of two). */
static inline int fv_table_resize(fv_table *t, uint64_t size) {
    fv_slot *old = t->slots, *fresh = NULL;
    uint64_t i, at, mask = size - 1;
    if (size <= SIZE_MAX / sizeof *fresh) fresh = calloc((size_t)size, sizeof *fresh);
    if (!fresh) return FV_NO_MEMORY;
    for (i = 0; old && i <= t->mask; i++) {
        if (!old[i].id) continue;
        for (at = fv_key_hash(old[i].key) & mask; fresh[at].id; at = (at + 1) & mask) {}
        fresh[at] = old[i];
    }
    free(old);
    t->slots = fresh;
    t->mask = mask;
    return FV_OK;
}

/* Make the slots for `n` words, two thirds full at most. */
static inline int fv_table_reserve(fv_table *t, int64_t n) {
    uint64_t size = t->slots ? t->mask + 1 : 1024;
    while (size / 3 * 2 < (uint64_t)n) size *= 2;
    return t->slots && size == t->mask + 1 ? FV_OK : fv_table_resize(t, size);
}

/* The array with room for so many items, moved perhaps; or NULL, and the array is as it was. */
static inline void *fv_grow(void *array, int64_t items, size_t item_size) {
    return (uint64_t)items <= SIZE_MAX / item_size ? realloc(array, (size_t)items * item_size) : NULL;
}

/* Enter a token that the table does not hold. Returns its id, or an error. */
static inline int64_t fv_table_enter(fv_table *t, const fv_token *token) {
    int64_t used = t->n ? t->offsets[t->n] : 0, room;
    fv_slot *slot;
    void *grown;
    if (t->n >= FV_MAX_WORDS) return FV_TOO_MANY;
    if (token->length > INT32_MAX) return FV_TOO_LONG;
    if (fv_table_reserve(t, t->n + 1)) return FV_NO_MEMORY;
    if (t->n + 1 >= t->room) {
        room = t->room ? t->room + t->room / 2 : 1024;
        if (!(grown = fv_grow(t->offsets, room, sizeof *t->offsets))) return FV_NO_MEMORY;
        t->offsets = grown;
        if (!(grown = fv_grow(t->counts, room, sizeof *t->counts))) return FV_NO_MEMORY;
        t->counts = grown;
        if (!(grown = fv_grow(t->places, room, sizeof *t->places))) return FV_NO_MEMORY;
        t->places = grown;
        t->room = room;
    }
    if (!t->text || used + (int64_t)token->length > t->text_room) {
        room = t->text_room + t->text_room / 2 + (int64_t)token->length + 4096;
        if (!(grown = fv_grow(t->text, room, 1))) return FV_NO_MEMORY;
        t->text = grown;
        t->text_room = room;
    }
    slot = fv_table_slot(t, token);
    if (token->length) memcpy(t->text + used, token->word, (size_t)token->length);
    t->offsets[t->n] = used;
    t->offsets[t->n + 1] = used + (int64_t)token->length;
    t->counts[t->n] = 0;
    t->places[t->n] = t->origin ? t->place + (token->word - t->origin) : t->n;
    slot->key = token->key;
    slot->id = (uint32_t)(t->n + 1);
    return t->n++;
}

/* Count the token and return its word's id; an unknown one is entered if `insert`, else -1. */
static FV_INLINE int64_t fv_table_take(fv_table *t, const fv_token *token, int insert) {
    fv_slot *slot = fv_table_slot(t, token);
    if (insert) {
        if (!slot->id) {
            int64_t id = fv_table_enter(t, token);
            if (id >= 0) t->counts[id] = 1;
            return id;
        }
        if (!++slot->count) t->counts[slot->id - 1] += (int64_t)1 << 32;
    }
    return (int64_t)slot->id - 1;
}

/* Enter the token's word, if need be, add `count` to it and return its id. */
static inline int64_t fv_table_add(fv_table *t, const fv_token *token, int64_t count) {
    int64_t id = (int64_t)fv_table_slot(t, token)->id - 1;
    if (id < 0) id = fv_table_enter(t, token);
    if (id >= 0) t->counts[id] += count;
    return id;
}

/* Add what another table knows of its word `id`. */
static inline int64_t fv_table_take_over(fv_table *t, const fv_token *token, const fv_table *from, int64_t id,
                                         uint32_t more) {
    const int64_t before = t->n, mine = fv_table_add(t, token, from->counts[id] + more);
    if (mine >= 0 && (t->n > before || from->places[id] < t->places[mine])) t->places[mine] = from->places[id];
    return mine;
}

/* Bring the slots' counts into `counts`. */
static inline void fv_table_settle(fv_table *t) {
    uint64_t i;
    for (i = 0; t->slots && i <= t->mask; i++) {
        if (t->slots[i].id) t->counts[t->slots[i].id - 1] += t->slots[i].count;
        t->slots[i].count = 0;
    }
}

/* Add the words of `from` whose hash falls into part `part` of `parts`. */
static inline int fv_table_merge(fv_table *t, const fv_table *from, uint64_t part, uint64_t parts) {
    uint64_t i;
    for (i = 0; from->slots && i <= from->mask; i++) {
        int64_t id = (int64_t)from->slots[i].id - 1;
        fv_token token;
        if (id < 0) continue;
        token.key = from->slots[i].key;
        token.hash = fv_key_hash(token.key);
        if (((token.hash >> 32) * parts) >> 32 != part) continue;
        token.word = from->text + from->offsets[id];
        token.length = (uint64_t)(from->offsets[id + 1] - from->offsets[id]);
        id = fv_table_take_over(t, &token, from, id, from->slots[i].count);
        if (id < 0) return (int)id;
    }
    return FV_OK;
}

/* ---- scan ---- */

typedef struct {
    int64_t stop;      /* bytes read: fewer than given where `limit` was passed or an error met */
    int64_t words;     /* tokens */
    int64_t lines;     /* newlines */
    int64_t sentences; /* lines that ended here and hold a word of the table */
    int64_t n_ids;
    int lead, pending, error;
} fv_scan;

/* Bit i of the result is set where byte i is a space, \t, \n, \v, \f or \r. Eight bytes at a time in a plain
 * register: SSE2 was no faster, as the look-ups take the time. */
static FV_INLINE uint64_t fv_spaces_64(const uint8_t *at) {
    const uint64_t ones = 0x0101010101010101u, high = 0x80u * ones;
    uint64_t all = 0, x, low, space;
    int i;
    for (i = 0; i < 8; i++) {
        memcpy(&x, at + 8 * i, 8);
        x = fv_little_endian(x);
        low = x & ~high;
        space = (low + (128 - 9) * ones) & ~(low + (128 - 14) * ones); /* high bit: 9 <= low < 14 */
        space |= ~((low ^ 0x20u * ones) + 0x7Fu * ones);               /* high bit: low == 32 */
        space &= high & ~x;
        all |= ((space >> 7) * 0x0102040810204080u >> 56) << (8 * i);
    }
    return all;
}

static FV_INLINE uint64_t fv_spaces(const uint8_t *at, int64_t left) {
    uint8_t rest[64];
    if (left >= 64) return fv_spaces_64(at);
    memset(rest, 'x', sizeof rest);
    memcpy(rest, at, (size_t)left);
    return fv_spaces_64(rest);
}

static FV_INLINE void fv_end_line(fv_scan *s, int32_t *ids) {
    s->lines++;
    if (s->pending) {
        s->pending = 0;
        s->sentences++;
        if (ids) ids[s->n_ids++] = -1;
    } else if (!s->sentences) {
        s->lead = 1;
    }
}

/* One token: count it, or look it up. Returns 0, or an error. */
static FV_INLINE int fv_take(fv_table *t, const fv_token *token, int insert, int32_t *ids, fv_scan *s) {
    int64_t id = fv_table_take(t, token, insert);
    s->words++;
    if (id < 0) return insert ? (int)id : FV_OK;
    s->pending = 1;
    if (ids) ids[s->n_ids++] = (int32_t)id;
    return FV_OK;
}

/* Look a batch up; a token of length 0 is a newline. Returns 1 where the scan must stop. */
static FV_INLINE int fv_take_batch(fv_table *t, const fv_token *batch, int filled, const uint8_t *data,
                                   int64_t limit, int insert, int32_t *ids, fv_scan *s) {
    int i;
    for (i = 0; i < filled; i++) {
        if (batch[i].length) {
            s->error = fv_take(t, &batch[i], insert, ids, s);
            if (!s->error) continue;
            s->stop = batch[i].word - data;
            return 1;
        }
        if (insert && limit && s->pending && t->n > limit) {
            fv_end_line(s, ids);
            s->stop = batch[i].word + 1 - data;
            return 1;
        }
        fv_end_line(s, ids);
    }
    return 0;
}

static FV_INLINE void fv_scan_any(fv_table *t, const uint8_t *data, int64_t n, int64_t limit, int insert,
                                  int32_t *ids, fv_scan *s) {
    fv_token batch[FV_BATCH + 1];
    const uint8_t *end = data + n;
    int64_t start = 0, base;
    int filled = 0;
    for (base = 0; base < n; base += 64) {
        uint64_t spaces = fv_spaces(data + base, n - base);
        for (; spaces; spaces &= spaces - 1) {
            int64_t at = base + fv_lowest_bit(spaces);
            if (at > start) {
                batch[filled] = fv_make_token(data + start, (uint64_t)(at - start), end);
                FV_PREFETCH(t->slots + (batch[filled].hash & t->mask));
                filled++;
            }
            if (data[at] == '\n') {
                batch[filled].word = data + at;
                batch[filled++].length = 0;
            }
            start = at + 1;
            if (filled >= FV_BATCH) {
                if (fv_take_batch(t, batch, filled, data, limit, insert, ids, s)) return;
                filled = 0;
            }
        }
    }
    if (start < n) batch[filled++] = fv_make_token(data + start, (uint64_t)(n - start), end);
    if (!fv_take_batch(t, batch, filled, data, limit, insert, ids, s)) s->stop = n;
}

/* Scan text[0:n]: enter and count its words (`insert`) or only find them; write ids, -1 after each sentence,
 * where `ids` (room for n + 1) is given. With `limit`, stop after the sentence that leaves more words in the
 * table. */
static inline void fv_scan_text(fv_table *t, const uint8_t *text, int64_t n, int64_t limit, int insert,
                                int32_t *ids, fv_scan *s) {
    if (!insert) fv_scan_any(t, text, n, 0, 0, ids, s);
    else if (ids) fv_scan_any(t, text, n, limit, 1, ids, s);
    else fv_scan_any(t, text, n, limit, 1, NULL, s);
}

#endif
