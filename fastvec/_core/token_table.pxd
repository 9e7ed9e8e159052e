"""The table that counts and finds words, and the scan over text. Explained, and written, in token_table.h."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "token_table.h" nogil:
    int FV_NO_MEMORY, FV_TOO_MANY, FV_TOO_LONG

    ctypedef struct fv_table:
        uint8_t *text
        int64_t *offsets
        int64_t *counts
        int64_t *places
        int64_t n
        const uint8_t *origin
        int64_t place

    ctypedef struct fv_token:
        pass

    ctypedef struct fv_scan:
        int64_t stop, words, lines, sentences, n_ids
        int lead, pending, error

    void fv_table_free(fv_table *table)
    int fv_table_reserve(fv_table *table, int64_t n)
    int64_t fv_table_add(fv_table *table, const fv_token *token, int64_t count)
    int64_t fv_table_take_over(fv_table *table, const fv_token *token, const fv_table *source, int64_t id,
                               uint32_t more)
    void fv_table_settle(fv_table *table)
    int fv_table_merge(fv_table *table, const fv_table *source, uint64_t part, uint64_t parts)
    fv_token fv_make_token(const uint8_t *word, uint64_t length, const uint8_t *end)
    int fv_take(fv_table *table, const fv_token *token, int insert, int32_t *ids, fv_scan *scan)
    void fv_end_line(fv_scan *scan, int32_t *ids)
    void fv_scan_text(fv_table *table, const uint8_t *text, int64_t n, int64_t limit, int insert,
                      int32_t *ids, fv_scan *scan)
