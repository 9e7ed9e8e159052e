/* Joining of phrases: from left to right, two words, and the connectors between them, become one where their text is
 * that of a phrase. A phrase is looked up by the hash of its text, which grows with the words read (text_hash.h).
 */
#ifndef FASTVEC_PHRASE_JOIN_H
#define FASTVEC_PHRASE_JOIN_H

#include "text_hash.h"

typedef struct { uint64_t hash; int64_t phrase; } fv_entry; /* phrase: its number + 1; 0: free */
typedef struct { const uint8_t *at; int64_t length; } fv_piece;

typedef struct {
    fv_entry *entries;
    uint64_t mask;
    const uint8_t *text; /* of the phrases, end to end */
    const int64_t *offsets;
    const int32_t *splits; /* first and last word's lengths of each phrase; NULL: split anyhow */
    fv_table connectors;
    const uint8_t *delimiter;
    int64_t delimiter_length;
    fv_text between;
} fv_joiner;

/* What may become a phrase: a word, and the connectors after it. n = 0: nothing. */
typedef struct { fv_piece *pieces; int64_t n, room, length; uint64_t hash; } fv_candidate;

static inline int fv_joiner_build(fv_joiner *j, int64_t n) {
    uint64_t size = 16, at;
    int64_t i;
    while (size / 2 < (uint64_t)n) size *= 2;
    j->entries = size <= SIZE_MAX / sizeof *j->entries ? calloc((size_t)size, sizeof *j->entries) : NULL;
    if (!j->entries) return FV_NO_MEMORY;
    j->mask = size - 1;
    for (i = 0; i < n; i++) {
        uint64_t hash = fv_key_hash(fv_text_of(j->text + j->offsets[i], j->offsets[i + 1] - j->offsets[i]).hash);
        for (at = hash & j->mask; j->entries[at].phrase; at = (at + 1) & j->mask) {}
        j->entries[at].hash = hash;
        j->entries[at].phrase = i + 1;
    }
    return FV_OK;
}

static FV_INLINE int fv_is_connector(const fv_joiner *j, const uint8_t *word, int64_t n, const uint8_t *end) {
    fv_token token;
    if (!j->connectors.n) return 0;
    token = fv_make_token(word, (uint64_t)n, end);
    return fv_table_slot(&j->connectors, &token)->id != 0;
}

/* Add a word to what may become a phrase; `text` is its hash, here and below. */
static inline int fv_extend(fv_candidate *c, const fv_joiner *j, fv_piece piece, fv_text text) {
    if (c->n == c->room) {
        int64_t room = 2 * c->room + 16;
        void *grown = fv_grow(c->pieces, room, sizeof *c->pieces);
        if (!grown) return FV_NO_MEMORY;
        c->pieces = grown;
        c->room = room;
    }
    c->hash = fv_append(c->n ? fv_append(c->hash, text) : text.hash, j->between);
    c->length = (c->n ? c->length : 0) + piece.length + j->delimiter_length;
    c->pieces[c->n++] = piece;
    return FV_OK;
}

/* Whether the candidate and a last word have the text of phrase i. */
static inline int fv_is_phrase(const fv_joiner *j, int64_t i, const fv_candidate *c, fv_piece last) {
    const uint8_t *at = j->text + j->offsets[i];
    int64_t k;
    if (j->offsets[i + 1] - j->offsets[i] != c->length + last.length) return 0;
    if (j->splits && (j->splits[2 * i] != c->pieces[0].length || j->splits[2 * i + 1] != last.length)) return 0;
    for (k = 0; k < c->n; k++) {
        if (memcmp(at, c->pieces[k].at, (size_t)c->pieces[k].length) != 0) return 0;
        at += c->pieces[k].length;
        if (memcmp(at, j->delimiter, (size_t)j->delimiter_length) != 0) return 0;
        at += j->delimiter_length;
    }
    return memcmp(at, last.at, (size_t)last.length) == 0;
}

/* The phrase that the candidate and a last word are, or -1. */
static FV_INLINE int64_t fv_match(const fv_joiner *j, const fv_candidate *c, fv_piece last, fv_text text) {
    uint64_t hash = fv_key_hash(fv_append(c->hash, text)), at;
    for (at = hash & j->mask; j->entries[at].phrase; at = (at + 1) & j->mask)
        if (j->entries[at].hash == hash && fv_is_phrase(j, j->entries[at].phrase - 1, c, last))
            return j->entries[at].phrase - 1;
    return -1;
}

/* ---- text ---- */

typedef struct { uint8_t *out; int64_t n; int begun; } fv_writer; /* begun: the line holds a word */

static FV_INLINE void fv_write(fv_writer *w, const uint8_t *at, int64_t length) {
    if (w->begun) w->out[w->n++] = ' ';
    memcpy(w->out + w->n, at, (size_t)length);
    w->n += length;
    w->begun = 1;
}

static FV_INLINE void fv_dissolve(fv_candidate *c, fv_writer *w) {
    int64_t i;
    for (i = 0; i < c->n; i++) fv_write(w, c->pieces[i].at, c->pieces[i].length);
    c->n = 0;
}

static FV_INLINE int fv_join_word(const fv_joiner *j, fv_candidate *c, fv_writer *w, fv_piece word,
                                  const uint8_t *end) {
    fv_text text = fv_text_of(word.at, word.length);
    int64_t phrase;
    if (fv_is_connector(j, word.at, word.length, end)) {
        if (c->n) return fv_extend(c, j, word, text);
        fv_write(w, word.at, word.length);
        return FV_OK;
    }
    phrase = c->n ? fv_match(j, c, word, text) : -1;
    if (phrase >= 0) {
        fv_write(w, j->text + j->offsets[phrase], j->offsets[phrase + 1] - j->offsets[phrase]);
        c->n = 0;
        return FV_OK;
    }
    fv_dissolve(c, w);
    return fv_extend(c, j, word, text);
}

/* Join text[0:n] into w->out (room for n + 1 bytes, and for a delimiter every other one); words stand a blank apart,
 * lines end in \n. What may still become a phrase at the end stays unread, unless the text is `last` of its line.
 * Returns the bytes read, or an error. */
static inline int64_t fv_join_text(const fv_joiner *j, fv_candidate *c, fv_writer *w, const uint8_t *text,
                                   int64_t n, int last) {
    const uint8_t *end = text + n;
    int64_t base, start = 0, at;
    uint64_t spaces;
    fv_piece word;
    c->n = 0;
    for (base = 0; base <= n; base += 64) {
        spaces = base < n ? fv_spaces(text + base, n - base) : 0;
        if (n - base < 64) spaces |= (uint64_t)1 << (n - base); /* as if a blank stood at the end */
        for (; spaces; spaces &= spaces - 1) {
            at = base + fv_lowest_bit(spaces);
            if (at > start) {
                word.at = text + start;
                word.length = at - start;
                if (fv_join_word(j, c, w, word, end)) return FV_NO_MEMORY;
            }
            if (at < n && text[at] == '\n') {
                fv_dissolve(c, w);
                w->out[w->n++] = '\n';
                w->begun = 0;
            }
            start = at + 1;
        }
    }
    if (last) fv_dissolve(c, w);
    return c->n ? c->pieces[0].at - text : n;
}

#endif
