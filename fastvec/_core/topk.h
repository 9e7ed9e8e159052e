/* Exact search: the k rows that have the greatest scores with each of some queries.
 *
 *     score = (row . query) * scale / norm        0 where the norm is 0
 *
 * Several queries: rows are scanned in blocks of FV_SCAN_ROWS. A block stays in the first cache while tiles of
 * VF_COLUMNS queries pass by, four rows of it at a time: 4 x VF_COLUMNS accumulators, as in vec.h; meanwhile the next
 * block is fetched. One query: the rows are read one after the other, as fast as memory gives them. Each score that
 * exceeds its query's bar, the least of its k best so far, enters the query's heap at once; no score is stored.
 *
 * Registers run along the dimensions, the last one of a row up to its very end: where it overlaps the one before, the
 * query holds zeros. So a row may begin and end anywhere, nothing beside it is read, and a pair's score has the
 * same bits whatever other rows and queries are asked beside it. */
#ifndef FASTVEC_TOPK_H
#define FASTVEC_TOPK_H

#include <float.h>
#include <math.h>

#include "simd.h"

enum { FV_FLOAT32, FV_FLOAT16, FV_INT8 }; /* kinds of rows */

enum { FV_SCAN_ROWS = 16, FV_LINE = 64 };

typedef struct {
    const char *rows;       /* n rows of `width` numbers, `stride` bytes from one to the next */
    const float *norms;     /* n, or NULL: they are computed */
    const float *scales;    /* n, or NULL: 1 */
    int64_t n, width, stride;
    int64_t first;          /* number of the first row */
    int kind;
} fv_rows;

typedef struct {
    const float *packed;    /* fv_pack */
    const int64_t *exclude; /* count x excluded: rows that a query must not find */
    float *best;            /* count x k: heaps, the worst of each at its root */
    int64_t *ids;
    int64_t count, excluded, k;
} fv_queries;

static FV_INLINE int64_t fv_steps(int64_t width) { return width > 0 ? (width + VF_WIDTH - 1) / VF_WIDTH : 1; }

/* Queries that a tile has: all tiles but those of a single query are full, with queries of zeros. */
static FV_INLINE int fv_tile_queries(int64_t count) { return count == 1 ? 1 : VF_COLUMNS; }

static FV_INLINE int64_t fv_packed_size(int64_t count, int64_t width) {
    int columns = fv_tile_queries(count);
    return (count + columns - 1) / columns * columns * fv_steps(width) * VF_WIDTH;
}

/* Queries in the order in which the tiles read them: tile, register along the dimensions, query, lane. */
static FV_INLINE void fv_pack(const float *queries, int64_t count, int64_t width, float *packed) {
    const int64_t columns = fv_tile_queries(count), steps = fv_steps(width);
    int64_t tile, step, j, lane;
    for (tile = 0; tile < count; tile += columns)
        for (step = 0; step < steps; step++)
            for (j = tile; j < tile + columns; j++)
                for (lane = 0; lane < VF_WIDTH; lane++) {
                    int64_t begin = step * VF_WIDTH, at = begin + lane;
                    if (begin + VF_WIDTH > width && width >= VF_WIDTH) at = width - VF_WIDTH + lane;
                    *packed++ = j < count && at >= begin && at < width ? queries[j * width + at] : 0.0f;
                }
}

static FV_INLINE int64_t fv_item(const int kind) { return kind == FV_FLOAT32 ? 4 : kind == FV_FLOAT16 ? 2 : 1; }

static FV_INLINE vf fv_take(const int kind, const char *row, int64_t at) {
    if (kind == FV_FLOAT32) return vf_load((const float *)row + at);
    if (kind == FV_FLOAT16) return vf_load_half((const uint16_t *)row + at);
    return vf_load_int8((const int8_t *)row + at);
}

/* The products of four rows with a tile of queries; out: query by query, four each. */
static FV_INLINE void fv_dots(const int kind, const char *const *row, const float *q, int64_t width, float *out) {
    const char *const r0 = row[0], *const r1 = row[1], *const r2 = row[2], *const r3 = row[3];
    vf acc[4][VF_COLUMNS];
    int64_t d;
    int i, j;
    FV_UNROLL for (i = 0; i < 4; i++) FV_UNROLL for (j = 0; j < VF_COLUMNS; j++) acc[i][j] = vf_set1(0.0f);
    for (d = 0; d < width; d += VF_WIDTH, q += VF_COLUMNS * VF_WIDTH) {
        const int64_t at = d + VF_WIDTH <= width ? d : width - VF_WIDTH;
        vf a[4];
        a[0] = fv_take(kind, r0, at);
        a[1] = fv_take(kind, r1, at);
        a[2] = fv_take(kind, r2, at);
        a[3] = fv_take(kind, r3, at);
        FV_UNROLL for (j = 0; j < VF_COLUMNS; j++) {
            vf b = vf_load(q + j * VF_WIDTH);
            FV_UNROLL for (i = 0; i < 4; i++) acc[i][j] = vf_fma(a[i], b, acc[i][j]);
        }
    }
    FV_UNROLL for (j = 0; j < VF_COLUMNS; j++) vf_sum4(acc[0][j], acc[1][j], acc[2][j], acc[3][j], out + 4 * j);
}

/* No bits in the lanes of a row's last register that the one before has seen, all bits in the others. */
static FV_INLINE vf fv_fresh(int64_t width) {
    const int64_t over = width < VF_WIDTH ? 0 : fv_steps(width) * VF_WIDTH - width;
    float lanes[VF_WIDTH];
    memset(lanes, 0xFF, sizeof(lanes));
    memset(lanes, 0, (size_t)over * sizeof(float));
    return vf_load(lanes);
}

/* The products of four rows with one query (unless `dot` is null), and with themselves (unless `square` is): row after
 * row as they lie in memory, for memory is what this waits for. */
static FV_INLINE void fv_pass(const int kind, const char *const *row, const float *q, vf fresh, int64_t width,
                              float *dot, float *square) {
    vf acc[4], own[4];
    const int over = width % VF_WIDTH != 0;
    int64_t d;
    int i;
    FV_UNROLL for (i = 0; i < 4; i++) {
        const char *const r = row[i];
        const float *p = q;
        vf a, s = vf_set1(0.0f), t = vf_set1(0.0f);
        FV_UNROLL_4 for (d = 0; d + VF_WIDTH <= width; d += VF_WIDTH, p += VF_WIDTH) {
            a = fv_take(kind, r, d);
            if (dot) s = vf_fma(a, vf_load(p), s);
            if (square) t = vf_fma(a, a, t);
        }
        if (over) {
            a = fv_take(kind, r, width - VF_WIDTH);
            if (dot) s = vf_fma(a, vf_load(p), s);
            a = vf_and(a, fresh);
            if (square) t = vf_fma(a, a, t);
        }
        acc[i] = s;
        own[i] = t;
    }
    if (dot) vf_sum4(acc[0], acc[1], acc[2], acc[3], dot);
    if (square) vf_sum4(own[0], own[1], own[2], own[3], square);
}

/* Pointers to the rows of a block, the last one repeated where there are fewer; rows shorter than a register are
 * copied and get zeros. Returns the width that they have then. */
static FV_INLINE int64_t fv_block(const fv_rows *r, int64_t begin, int n, char *small, const char **row) {
    const int64_t size = fv_item(r->kind), bytes = r->width * size;
    int i;
    for (i = 0; i < FV_SCAN_ROWS; i++) {
        row[i] = r->rows + (begin + (i < n ? i : n - 1)) * r->stride;
        if (r->width < VF_WIDTH) {
            char *copy = small + i * VF_WIDTH * size;
            memset(copy, 0, (size_t)(VF_WIDTH * size));
            if (bytes > 0) memcpy(copy, row[i], (size_t)bytes);
            row[i] = copy;
        }
    }
    return r->width < VF_WIDTH ? VF_WIDTH : r->width;
}

/* Fetch a tile's share of four rows of the next block: as many tiles pass as queries are there. */
static FV_INLINE void fv_fetch(const fv_rows *r, int64_t begin, int64_t tile, int64_t count, int columns) {
    const int64_t length = 4 * r->stride, tiles = (count + columns - 1) / columns;
    const char *const row = r->rows + begin * r->stride;
    int64_t at = length * (tile / columns) / tiles;
    const int64_t end = begin + 4 <= r->n ? length * (tile / columns + 1) / tiles : 0;
    for (; at < end; at += FV_LINE) FV_PREFETCH(row + at);
}

/* A pair is worse than another if its score is less; of equal ones the later row. */
static FV_INLINE int fv_worse(float a, int64_t id_a, float b, int64_t id_b) {
    return a < b || (a == b && id_a > id_b);
}

/* Put a score in the place of the worst. */
static void fv_replace_worst(float *best, int64_t *ids, int64_t k, float score, int64_t id) {
    int64_t at = 0, child;
    while ((child = 2 * at + 1) < k) {
        if (child + 1 < k && fv_worse(best[child + 1], ids[child + 1], best[child], ids[child])) child++;
        if (!fv_worse(best[child], ids[child], score, id)) break;
        best[at] = best[child];
        ids[at] = ids[child];
        at = child;
    }
    best[at] = score;
    ids[at] = id;
}

static void fv_offer(const fv_queries *q, int64_t query, float score, int64_t id) {
    const int64_t *hidden = q->exclude + query * q->excluded;
    int64_t i;
    for (i = 0; i < q->excluded; i++)
        if (hidden[i] == id) return;
    fv_replace_worst(q->best + query * q->k, q->ids + query * q->k, q->k, score, id);
}

static FV_INLINE void fv_scan_kind(const int kind, const int columns, const fv_rows *r, const fv_queries *q) {
    const int64_t tile_size = columns * fv_steps(r->width) * VF_WIDTH;
    const vf fresh = fv_fresh(r->width);
    int64_t begin, tile;
    int i, j, n;
    for (begin = 0; begin < r->n; begin += FV_SCAN_ROWS) {
        const char *row[FV_SCAN_ROWS];
        float small[FV_SCAN_ROWS * VF_WIDTH]; /* aligned for every kind */
        float factor[FV_SCAN_ROWS], dot[FV_SCAN_ROWS], square[FV_SCAN_ROWS], score[4 * VF_COLUMNS];
        const float *packed = q->packed;
        int64_t width;
        n = (int)(r->n - begin < FV_SCAN_ROWS ? r->n - begin : FV_SCAN_ROWS);
        width = fv_block(r, begin, n, (char *)small, row);
        for (i = 0; i < n; i += 4) {
            if (columns > 1) {
                if (!r->norms) fv_pass(kind, row + i, NULL, fresh, width, NULL, square + i);
            } else if (r->norms)
                fv_pass(kind, row + i, packed, fresh, width, dot + i, NULL);
            else
                fv_pass(kind, row + i, packed, fresh, width, dot + i, square + i);
            for (j = i; j < i + 4 && j < n; j++) {
                float norm = r->norms ? r->norms[begin + j] : sqrtf(square[j]);
                float scale = r->scales ? r->scales[begin + j] : 1.0f;
                factor[j] = norm > 0.0f ? scale / norm : 0.0f;
                if (columns == 1) {
                    float s = dot[j] * factor[j];
                    if (s > q->best[0]) fv_offer(q, 0, s, r->first + begin + j);
                }
            }
        }
        if (columns == 1) continue;
        for (tile = 0; tile < q->count; tile += columns, packed += tile_size)
            for (i = 0; i < n; i += 4) {
                int rows = n - i < 4 ? n - i : 4, m;
                fv_fetch(r, begin + FV_SCAN_ROWS + i, tile, q->count, columns);
                fv_dots(kind, row + i, packed, width, score);
                for (j = 0; j < columns && tile + j < q->count; j++)
                    for (m = 0; m < rows; m++) {
                        float s = score[4 * j + m] * factor[i + m];
                        if (s > q->best[(tile + j) * q->k]) fv_offer(q, tile + j, s, r->first + begin + i + m);
                    }
            }
    }
}

static void fv_scan(const fv_rows *r, const fv_queries *q) {
    if (q->count == 1) {
        switch (r->kind) {
        case FV_FLOAT32: fv_scan_kind(FV_FLOAT32, 1, r, q); break;
        case FV_FLOAT16: fv_scan_kind(FV_FLOAT16, 1, r, q); break;
        default: fv_scan_kind(FV_INT8, 1, r, q); break;
        }
    } else {
        switch (r->kind) {
        case FV_FLOAT32: fv_scan_kind(FV_FLOAT32, VF_COLUMNS, r, q); break;
        case FV_FLOAT16: fv_scan_kind(FV_FLOAT16, VF_COLUMNS, r, q); break;
        default: fv_scan_kind(FV_INT8, VF_COLUMNS, r, q); break;
        }
    }
}

static void fv_fill_norms(const fv_rows *r, float *norms) {
    const vf fresh = fv_fresh(r->width);
    int64_t begin, width;
    int i, j, n;
    for (begin = 0; begin < r->n; begin += FV_SCAN_ROWS) {
        const char *row[FV_SCAN_ROWS];
        float small[FV_SCAN_ROWS * VF_WIDTH]; /* aligned for every kind */
        float four[4];
        n = (int)(r->n - begin < FV_SCAN_ROWS ? r->n - begin : FV_SCAN_ROWS);
        width = fv_block(r, begin, n, (char *)small, row);
        for (i = 0; i < n; i += 4) {
            switch (r->kind) {
            case FV_FLOAT32: fv_pass(FV_FLOAT32, row + i, NULL, fresh, width, NULL, four); break;
            case FV_FLOAT16: fv_pass(FV_FLOAT16, row + i, NULL, fresh, width, NULL, four); break;
            default: fv_pass(FV_INT8, row + i, NULL, fresh, width, NULL, four); break;
            }
            for (j = i; j < i + 4 && j < n; j++)
                norms[begin + j] = sqrtf(four[j - i]) * (r->scales ? fabsf(r->scales[begin + j]) : 1.0f);
        }
    }
}

#endif
