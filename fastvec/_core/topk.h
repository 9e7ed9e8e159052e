/* Exact search: the k rows that have the greatest scores with each of some queries.
 *
 *     score = (row . query) * scale / norm        0 where the norm is 0
 *
 * One query: the rows are read one after the other, as fast as memory gives them. Several: a block of FV_SCAN_ROWS rows
 * stays in the first cache, as floats, while tiles of queries pass by, a query a lane: each number of a row is
 * multiplied with up to VF_QUERIES registers of queries, six rows at a time. So no sum runs across lanes, and a
 * register of scores is compared with the bars of its queries, the least of the k best of each so far, at once.
 *
 * These sums are in another order than those for one query. So they only choose: a pair whose score may exceed the
 * bar, within the bound of rounding errors |a - b| <= 2 n u |row| |query| (Higham, Accuracy and Stability of Numerical
 * Algorithms, 3.1), is computed again as for one query, and that score enters the heap if it does exceed it. There are
 * some k log(n / k) of them.
 *
 * One query against int8: its numbers, rounded to int16, choose in the same way. The error is half a step of theirs
 * times the sum of the row's sizes, at most 128 each, beside that of rounding.
 *
 * Registers run along the dimensions, the last one of a row up to its very end: where it overlaps the one before, the
 * query holds zeros. So a row may begin and end anywhere, nothing beside it is read, and a pair's score has the
 * same bits whatever other rows and queries are asked beside it. */
#ifndef FASTVEC_TOPK_H
#define FASTVEC_TOPK_H

#include <math.h>

#include "simd.h"

enum { FV_FLOAT32, FV_FLOAT16, FV_INT8 }; /* kinds of rows */

#define FV_ROUNDING 5.9604645e-8f /* u = 2^-24 */

enum { FV_TILE_ROWS = 6, FV_SCAN_ROWS = 2 * FV_TILE_ROWS, FV_LINE = 64 };

typedef struct {
    const char *rows;       /* n rows of `width` numbers, `stride` bytes from one to the next */
    const float *norms;     /* n, or NULL: they are computed */
    const float *scales;    /* n, or NULL: 1 */
    int64_t n, width, stride;
    int64_t first;          /* number of the first row */
    int kind;
} fv_rows;

typedef struct {
    const int64_t *exclude; /* count x excluded: rows that a query must not find */
    float *best;            /* count x k: heaps, the worst of each at its root */
    int64_t *ids;
    int64_t count, excluded, k;
    float *single;          /* set by fv_prepare: query after query, as one row meets it */
    float *tiles, *norms, *bars, *block; /* ... where there are several: as tiles, and room for a block of rows */
    int16_t *codes;         /* ... where there is one, for rows of int8: in steps of `step`, or NULL */
    float step;
} fv_queries;

static FV_INLINE int64_t fv_steps(int64_t width) { return width > 0 ? (width + VF_WIDTH - 1) / VF_WIDTH : 1; }

/* Registers of queries in the tile that begins at `query`, and queries with those of zeros that fill the last. */
static FV_INLINE int fv_tile_vectors(int64_t query, int64_t count) {
    const int64_t left = (count - query + VF_WIDTH - 1) / VF_WIDTH;
    return left < VF_QUERIES ? (int)left : VF_QUERIES;
}

static FV_INLINE int64_t fv_lanes(int64_t count) { return (count + VF_WIDTH - 1) / VF_WIDTH * VF_WIDTH; }

/* Numbers that fv_prepare writes. */
static FV_INLINE int64_t fv_scratch_size(int64_t count, int64_t width) {
    const int64_t padded = fv_steps(width) * VF_WIDTH;
    if (count == 1) return padded + width / 2 + VI_CODES;
    return count * padded + fv_lanes(count) * (width + 2) + FV_SCAN_ROWS * padded;
}

/* A query of its own: registers along the dimensions, the last one up to the end, zeros where it overlaps. */
static FV_INLINE void fv_spread(const float *query, int64_t width, float *out) {
    int64_t step, lane;
    for (step = 0; step < fv_steps(width); step++)
        for (lane = 0; lane < VF_WIDTH; lane++) {
            int64_t begin = step * VF_WIDTH, at = begin + lane;
            if (begin + VF_WIDTH > width && width >= VF_WIDTH) at = width - VF_WIDTH + lane;
            *out++ = at >= begin && at < width ? query[at] : 0.0f;
        }
}

/* One query in int16, the last register up to the end, as in fv_spread. Of longer rows, more than 512
 * products, each up to 128 * 32767, would come into one lane of int32. */
static void fv_round_query(fv_queries *q, const float *query, int64_t width, int16_t *out) {
    float greatest = 0.0f;
    int64_t i;
    q->codes = NULL;
    if (width < VI_CODES || width > 256 * VI_CODES) return;
    for (i = 0; i < width; i++) {
        if (!(fabsf(query[i]) < 1e30f)) return;
        greatest = fabsf(query[i]) > greatest ? fabsf(query[i]) : greatest;
    }
    if (greatest < 1e-30f) return;
    q->codes = out;
    q->step = greatest / 32767.0f;
    for (i = 0; i < (width + VI_CODES - 1) / VI_CODES * VI_CODES; i++) {
        const int64_t begin = i / VI_CODES * VI_CODES, over = begin + VI_CODES > width ? begin + VI_CODES - width : 0;
        out[i] = (int16_t)(i - over >= begin ? rintf(query[i - over] / q->step) : 0.0f);
    }
}

/* Queries in the two orders in which they are read; `scratch` has room for fv_scratch_size. */
static void fv_prepare(fv_queries *q, const float *queries, int64_t width, float *scratch) {
    const int64_t padded = fv_steps(width) * VF_WIDTH, lanes = fv_lanes(q->count);
    int64_t i, j, d;
    float *out;
    q->single = scratch;
    for (i = 0; i < q->count; i++) fv_spread(queries + i * width, width, q->single + i * padded);
    q->codes = NULL;
    if (q->count == 1) {
        fv_round_query(q, queries, width, (int16_t *)(scratch + padded));
        return;
    }
    q->tiles = q->single + q->count * padded;
    q->norms = q->tiles + lanes * width;
    q->bars = q->norms + lanes;
    q->block = q->bars + lanes;
    for (i = 0, out = q->tiles; i < lanes; i += VF_QUERIES * VF_WIDTH)
        for (d = 0; d < width; d++)
            for (j = i; j < i + fv_tile_vectors(i, q->count) * VF_WIDTH; j++)
                *out++ = j < q->count ? queries[j * width + d] : 0.0f;
    for (i = 0; i < lanes; i++) {
        float square = 0.0f;
        for (d = 0; i < q->count && d < width; d++) square += queries[i * width + d] * queries[i * width + d];
        q->norms[i] = sqrtf(square);
        q->bars[i] = i < q->count ? q->best[i * q->k] : INFINITY;
    }
}

static FV_INLINE int64_t fv_item(const int kind) { return kind == FV_FLOAT32 ? 4 : kind == FV_FLOAT16 ? 2 : 1; }

static FV_INLINE vf fv_take(const int kind, const char *row, int64_t at) {
    if (kind == FV_FLOAT32) return vf_load((const float *)row + at);
    if (kind == FV_FLOAT16) return vf_load_half((const uint16_t *)row + at);
    return vf_load_int8((const int8_t *)row + at);
}

/* No bits in the lanes of a row's last register that the one before has seen, all bits in the others. */
static FV_INLINE vf fv_fresh(int64_t width) {
    const int64_t over = width < VF_WIDTH ? 0 : fv_steps(width) * VF_WIDTH - width;
    float lanes[VF_WIDTH];
    memset(lanes, 0xFF, sizeof(lanes));
    memset(lanes, 0, (size_t)over * sizeof(float));
    return vf_load(lanes);
}

/* The products of n <= 4 rows with one query (unless `dot` is null), and with themselves (unless `square` is): row after
 * row as they lie in memory, for memory is what this waits for. Four numbers are written. */
static FV_INLINE void fv_pass(const int kind, const int n, const char *const *row, const float *q, vf fresh,
                              int64_t width, float *dot, float *square) {
    vf acc[4], own[4];
    const int over = width % VF_WIDTH != 0;
    int64_t d;
    int i;
    FV_UNROLL for (i = n; i < 4; i++) acc[i] = own[i] = vf_set1(0.0f);
    FV_UNROLL for (i = 0; i < n; i++) {
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

/* Rows of a block as floats: where they lie, or in `out`. */
static FV_INLINE void fv_widen(const int kind, const char *const *row, int64_t width, float *out,
                               const float **wide) {
    const int64_t padded = fv_steps(width) * VF_WIDTH;
    int64_t d;
    int i;
    for (i = 0; i < FV_SCAN_ROWS; i++, out += padded) {
        wide[i] = kind == FV_FLOAT32 ? (const float *)row[i] : out;
        for (d = 0; kind != FV_FLOAT32 && d < width; d += VF_WIDTH) {
            const int64_t at = d + VF_WIDTH <= width ? d : width - VF_WIDTH;
            vf_store(out + at, fv_take(kind, row[i], at));
        }
    }
}

/* Lines of the next block of rows that are still to be fetched: one in `pace` calls, for in a burst they would wait. */
typedef struct {
    const char *at, *end;
    int64_t pace, wait;
} fv_ahead;

static FV_INLINE fv_ahead fv_next_block(const fv_rows *r, int64_t begin, int64_t calls) {
    const int64_t left = r->n - begin, size = (left < FV_SCAN_ROWS ? left : FV_SCAN_ROWS) * r->stride;
    fv_ahead ahead = {NULL, NULL, 0, 0};
    if (size > 0) {
        ahead.at = r->rows + begin * r->stride;
        ahead.end = ahead.at + size;
        ahead.pace = calls / (size / FV_LINE + 1);
    }
    return ahead;
}

static FV_INLINE void fv_fetch(fv_ahead *ahead) {
    if (--ahead->wait > 0 || ahead->at >= ahead->end) return;
    FV_PREFETCH(ahead->at);
    ahead->at += FV_LINE;
    ahead->wait = ahead->pace;
}

/* The products of six rows with `vectors` registers of queries; out: row by row. */
static FV_INLINE void fv_dots(const int vectors, const float *const *row, const float *q, int64_t width,
                              fv_ahead *next, float *out) {
    fv_ahead ahead = *next;
    vf acc[FV_TILE_ROWS][VF_QUERIES];
    int64_t d;
    int i, v;
    FV_UNROLL for (i = 0; i < FV_TILE_ROWS; i++) FV_UNROLL for (v = 0; v < vectors; v++) acc[i][v] = vf_set1(0.0f);
    for (d = 0; d < width; d++, q += vectors * VF_WIDTH) {
        vf b[VF_QUERIES];
        fv_fetch(&ahead);
        FV_UNROLL for (v = 0; v < vectors; v++) b[v] = vf_load(q + v * VF_WIDTH);
        FV_UNROLL for (i = 0; i < FV_TILE_ROWS; i++) {
            const vf a = vf_set1(row[i][d]);
            FV_UNROLL for (v = 0; v < vectors; v++) acc[i][v] = vf_fma(a, b[v], acc[i][v]);
        }
    }
    FV_UNROLL for (i = 0; i < FV_TILE_ROWS; i++)
        FV_UNROLL for (v = 0; v < vectors; v++) vf_store(out + (i * vectors + v) * VF_WIDTH, acc[i][v]);
    *next = ahead;
}

static FV_INLINE void fv_tile(int vectors, const float *const *row, const float *q, int64_t width, fv_ahead *next,
                              float *out) {
    switch (vectors) {
#define FV_CASE(c) case c: fv_dots(c <= VF_QUERIES ? c : 1, row, q, width, next, out); break;
    FV_CASE(1)
    FV_CASE(2)
    FV_CASE(3)
    FV_CASE(4)
#undef FV_CASE
    }
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

/* What one row of a block needs to be scored. */
typedef struct {
    const char *row;
    float factor; /* scale / norm */
    float slack;  /* of the score's rounding errors, for a query of norm 1 */
    int64_t id, width;
    vf fresh;
} fv_scored;

static FV_INLINE float fv_factor(const fv_rows *r, int64_t i, float norm) {
    const float scale = r->scales ? r->scales[i] : 1.0f;
    return norm > 0.0f ? scale / norm : 0.0f;
}

/* Compute a chosen pair as for one query, and offer it if it exceeds the query's bar. */
static FV_INLINE void fv_confirm(const int kind, const fv_scored *x, fv_queries *q, int64_t query) {
    const int64_t padded = fv_steps(x->width) * VF_WIDTH;
    float dot[4];
    fv_pass(kind, 1, &x->row, q->single + query * padded, x->fresh, x->width, dot, NULL);
    if (dot[0] * x->factor > q->best[query * q->k]) fv_offer(q, query, dot[0] * x->factor, x->id);
}

/* Offer a row to those of a register of queries, from `first` on, whose bar it may exceed. */
static FV_INLINE void fv_candidates(const int kind, const fv_scored *x, fv_queries *q, int64_t first, vf most) {
    float upper[VF_WIDTH];
    int64_t i;
    vf_store(upper, most);
    for (i = first; i < first + VF_WIDTH; i++) {
        if (upper[i - first] <= q->bars[i]) continue;
        if (i >= q->count) break;
        fv_confirm(kind, x, q, i);
        q->bars[i] = q->best[i * q->k];
    }
}

/* The rows of a block and all queries, tile by tile; meanwhile the next block is fetched. */
static FV_INLINE void fv_scan_tiles(const int kind, const fv_rows *r, fv_queries *q, int64_t begin, int n,
                                    const fv_scored *x, const float *const *wide) {
    const float *tile = q->tiles;
    const int64_t parts = (q->count + VF_QUERIES * VF_WIDTH - 1) / (VF_QUERIES * VF_WIDTH);
    fv_ahead next = fv_next_block(r, begin + FV_SCAN_ROWS, parts * (FV_SCAN_ROWS / FV_TILE_ROWS) * r->width);
    float dots[FV_TILE_ROWS * VF_QUERIES * VF_WIDTH];
    int64_t first;
    int i, j, v;
    for (first = 0; first < q->count; first += VF_QUERIES * VF_WIDTH) {
        const int vectors = fv_tile_vectors(first, q->count);
        for (i = 0; i < n; i += FV_TILE_ROWS) {
            fv_tile(vectors, wide + i, tile, r->width, &next, dots);
            for (j = i; j < n && j < i + FV_TILE_ROWS; j++) {
                const vf factor = vf_set1(x[j].factor), slack = vf_set1(x[j].slack);
                const float *dot = dots + (j - i) * vectors * VF_WIDTH;
                for (v = 0; v < vectors; v++) {
                    const int64_t query = first + v * VF_WIDTH;
                    const vf most = vf_fma(vf_load(q->norms + query), slack, vf_mul(vf_load(dot + v * VF_WIDTH), factor));
                    if (vf_any_above(most, vf_load(q->bars + query))) fv_candidates(kind, x + j, q, query, most);
                }
            }
        }
        tile += vectors * VF_WIDTH * r->width;
    }
}

static FV_INLINE void fv_scan_kind(const int kind, const int several, const fv_rows *r, fv_queries *q) {
    const vf fresh = fv_fresh(r->width);
    const float rounding = 4.0f * (float)(r->width + 8) * FV_ROUNDING; /* twice the bound */
    int64_t begin, width;
    int i, j, n;
    for (begin = 0; begin < r->n; begin += FV_SCAN_ROWS) {
        const char *row[FV_SCAN_ROWS];
        const float *wide[FV_SCAN_ROWS];
        float small[FV_SCAN_ROWS * VF_WIDTH]; /* aligned for every kind */
        float dot[FV_SCAN_ROWS], square[FV_SCAN_ROWS];
        fv_scored x[FV_SCAN_ROWS];
        n = (int)(r->n - begin < FV_SCAN_ROWS ? r->n - begin : FV_SCAN_ROWS);
        width = fv_block(r, begin, n, (char *)small, row);
        for (i = 0; i < n; i += 4) {
            if (several)
                fv_pass(kind, 4, row + i, NULL, fresh, width, NULL, square + i);
            else if (r->norms)
                fv_pass(kind, 4, row + i, q->single, fresh, width, dot + i, NULL);
            else
                fv_pass(kind, 4, row + i, q->single, fresh, width, dot + i, square + i);
            for (j = i; j < i + 4 && j < n; j++) {
                float norm = r->norms ? r->norms[begin + j] : sqrtf(square[j]);
                float factor = fv_factor(r, begin + j, norm);
                if (several) {
                    x[j].row = row[j];
                    x[j].factor = factor;
                    x[j].slack = rounding * sqrtf(square[j]) * fabsf(factor);
                    x[j].id = r->first + begin + j;
                    x[j].width = width;
                    x[j].fresh = fresh;
                } else if (dot[j] * factor > q->best[0])
                    fv_offer(q, 0, dot[j] * factor, r->first + begin + j);
            }
        }
        if (several) {
            fv_widen(kind, row, width, q->block, wide);
            fv_scan_tiles(kind, r, q, begin, n, x, wide);
        }
    }
}

/* One query in int16 against rows of int8 whose norms are known. */
static void fv_scan_codes(const fv_rows *r, fv_queries *q) {
    const vf fresh = fv_fresh(r->width);
    /* Half a step, and the rounding errors of both sums, of every product. */
    const float rounding = 4.0f * (float)(fv_steps(r->width) + 8) * FV_ROUNDING;
    const float slack = (0.51f + 32767.0f * rounding) * q->step * 128.0f * (float)r->width;
    int64_t begin, d;
    int i;
    for (begin = 0; begin < r->n; begin += 4) {
        const int n = (int)(r->n - begin < 4 ? r->n - begin : 4);
        float dot[4];
        vi sum[4];
        FV_UNROLL for (i = 0; i < 4; i++) {
            const int8_t *const row = (const int8_t *)(r->rows + (begin + (i < n ? i : n - 1)) * r->stride);
            const int16_t *code = q->codes;
            sum[i] = vi_zero();
            FV_UNROLL_4 for (d = 0; d + VI_CODES <= r->width; d += VI_CODES, code += VI_CODES)
                sum[i] = vi_dot(sum[i], row + d, code);
            if (d < r->width) sum[i] = vi_dot(sum[i], row + r->width - VI_CODES, code);
        }
        vf_sum4(vi_float(sum[0]), vi_float(sum[1]), vi_float(sum[2]), vi_float(sum[3]), dot);
        for (i = 0; i < n; i++) {
            const float factor = fv_factor(r, begin + i, r->norms[begin + i]);
            fv_scored x;
            x.slack = slack * fabsf(factor);
            if (dot[i] * q->step * factor + x.slack <= q->best[0]) continue;
            x.row = r->rows + (begin + i) * r->stride;
            x.factor = factor;
            x.id = r->first + begin + i;
            x.width = r->width;
            x.fresh = fresh;
            fv_confirm(FV_INT8, &x, q, 0);
        }
    }
}

static void fv_scan(const fv_rows *r, fv_queries *q) {
    if (r->kind == FV_INT8 && q->codes && r->norms) {
        fv_scan_codes(r, q);
        return;
    }
    switch (2 * r->kind + (q->count > 1)) {
#define FV_CASE(kind, several) case 2 * kind + several: fv_scan_kind(kind, several, r, q); break;
    FV_CASE(FV_FLOAT32, 0)
    FV_CASE(FV_FLOAT32, 1)
    FV_CASE(FV_FLOAT16, 0)
    FV_CASE(FV_FLOAT16, 1)
    FV_CASE(FV_INT8, 0)
    FV_CASE(FV_INT8, 1)
#undef FV_CASE
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
            case FV_FLOAT32: fv_pass(FV_FLOAT32, 4, row + i, NULL, fresh, width, NULL, four); break;
            case FV_FLOAT16: fv_pass(FV_FLOAT16, 4, row + i, NULL, fresh, width, NULL, four); break;
            default: fv_pass(FV_INT8, 4, row + i, NULL, fresh, width, NULL, four); break;
            }
            for (j = i; j < i + 4 && j < n; j++)
                norms[begin + j] = sqrtf(four[j - i]) * (r->scales ? fabsf(r->scales[begin + j]) : 1.0f);
        }
    }
}

#endif
