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
 * So what chooses need not be exact, only its error known. Where the CPU multiplies bytes, up to four times as many at
 * once as floats, rows x = s c + e and queries q = t d + f are whole numbers c and d of one byte, s and t the
 * greatest of their numbers over 127 (or 63, where the sums of products pass through int16), and
 *
 *     |x . q - s t (c . d)|  =  |e . q + (x - e) . f|  <=  |e| |q| + (|x| + |e|) |f|
 *
 * with e and f as they are, not at their worst: one to three hundredths of |x| |q|, where no number is far greater than
 * the others. Rows of which that is not true are chosen always; where too many are, the floats go on.
 *
 * One query against int8: its numbers, rounded to int16, choose in the same way. The error is half a step of theirs
 * times the sum of the row's sizes, at most 128 each, beside that of rounding.
 *
 * Registers run along the dimensions, the last one of a row up to its very end: where it overlaps the one before, the
 * query holds zeros. So a row may begin and end anywhere, nothing beside it is read, and a pair's score has the
 * same bits whatever other rows and queries are asked beside it. */
#ifndef FASTVEC_TOPK_H
#define FASTVEC_TOPK_H

#include "topk_queries.h"

/* Lines of the next block of rows that are still to be fetched: `together` bytes of them once in `pace` calls, for in a
 * burst they would wait. */
typedef struct {
    const char *at, *end;
    int64_t pace, wait, together;
} fv_ahead;

static FV_INLINE fv_ahead fv_next_block(const fv_rows *r, int64_t begin, int64_t calls) {
    const int64_t left = r->n - begin, size = (left < FV_SCAN_ROWS ? left : FV_SCAN_ROWS) * r->stride;
    const int64_t lines = size / FV_LINE + 1, gap = r->stride - r->width * fv_item(r->kind);
    fv_ahead ahead = {NULL, NULL, 0, 0, 0};
    if (size > 0 && calls > 0) {
        ahead.at = r->rows + begin * r->stride;
        ahead.end = ahead.at + size;
        ahead.pace = calls / lines;
        ahead.together = gap < FV_LINE ? (lines + calls - 1) / calls * FV_LINE : FV_LINE; /* or gaps were fetched, too */
    }
    return ahead;
}

static FV_INLINE void fv_fetch(fv_ahead *ahead) {
    int64_t left = ahead->together;
    if (--ahead->wait > 0) return;
    for (; left > 0 && ahead->at < ahead->end; left -= FV_LINE, ahead->at += FV_LINE) FV_PREFETCH(ahead->at);
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

#ifdef FV_BYTES
/* The same with rows and queries in bytes. */
static FV_INLINE void fv_dots_of_bytes(const int way, const int vectors, const uint8_t *rows, int64_t stride,
                                       const int8_t *q, const int32_t *offsets, int64_t eights, fv_ahead *next,
                                       float *out) {
    const int64_t four = vectors * VF_WIDTH * 4;
    fv_ahead ahead = *next;
    vi acc[FV_TILE_ROWS][VF_QUERIES];
    int64_t d;
    int i, v;
    FV_UNROLL for (i = 0; i < FV_TILE_ROWS; i++)
        FV_UNROLL for (v = 0; v < vectors; v++) acc[i][v] = vi_load(offsets + v * VF_WIDTH);
    for (d = 0; d < eights; d++, q += 2 * four, rows += FV_EIGHT) {
        vi b[VF_QUERIES], c[VF_QUERIES];
        fv_fetch(&ahead);
#ifdef FV_DOT4
        if (way == FV_BY_EIGHT_BITS) {
            int half;
            FV_UNROLL for (half = 0; half < 2; half++) {
                FV_UNROLL for (v = 0; v < vectors; v++) b[v] = vi_load(q + half * four + v * VF_WIDTH * 4);
                FV_UNROLL for (i = 0; i < FV_TILE_ROWS; i++) {
                    const vi x = vi_set4(rows + i * stride + half * 4);
                    FV_UNROLL for (v = 0; v < vectors; v++) acc[i][v] = vi_dot4(acc[i][v], x, b[v]);
                }
            }
            continue;
        }
#endif
        FV_UNROLL for (v = 0; v < vectors; v++) b[v] = vi_load(q + v * VF_WIDTH * 4);
        FV_UNROLL for (v = 0; v < vectors; v++) c[v] = vi_load(q + v * VF_WIDTH * 4 + four);
        FV_UNROLL for (i = 0; i < FV_TILE_ROWS; i++) {
            const vi x = vi_set4(rows + i * stride), y = vi_set4(rows + i * stride + 4);
            FV_UNROLL for (v = 0; v < vectors; v++) acc[i][v] = vi_dot8(acc[i][v], x, b[v], y, c[v]);
        }
    }
    FV_UNROLL for (i = 0; i < FV_TILE_ROWS; i++)
        FV_UNROLL for (v = 0; v < vectors; v++) vf_store(out + (i * vectors + v) * VF_WIDTH, vi_float(acc[i][v]));
    *next = ahead;
}
#endif

/* The products of the rows of a block from `i` on with the tile of queries from `first` on. */
static FV_INLINE void fv_tile_dots(const int way, const int vectors, const fv_queries *q, const float *const *wide,
                                   int i, int64_t width, int64_t first, fv_ahead *next, float *out) {
    if (way == FV_BY_FLOATS) fv_dots(vectors, wide + i, q->tiles + first * width, width, next, out);
#ifdef FV_BYTES
    if (way != FV_BY_FLOATS) {
        const int64_t stride = fv_steps(width) * VF_WIDTH, eights = fv_eights(width);
        fv_dots_of_bytes(way, vectors, (uint8_t *)q->block + i * stride, stride, q->bytes + first * FV_EIGHT * eights,
                         q->offsets + first, eights, next, out);
    }
#endif
}

/* Functions of their own: in the midst of a scan gcc 12 keeps the sums in memory. */
#define FV_TILE_DOTS(name, way, vectors) \
    static FV_APART void name(const fv_queries *q, const float *const *wide, int i, int64_t width, int64_t first, \
                              fv_ahead *next, float *out) { \
        fv_tile_dots(way, vectors <= VF_QUERIES ? vectors : 1, q, wide, i, width, first, next, out); \
    }
#define FV_TILES_DOTS(name, way) \
    FV_TILE_DOTS(name##_1, way, 1) \
    FV_TILE_DOTS(name##_2, way, 2) \
    FV_TILE_DOTS(name##_3, way, 3) \
    FV_TILE_DOTS(name##_4, way, 4)

FV_TILES_DOTS(fv_by_floats, FV_BY_FLOATS)
#ifdef FV_BYTES
FV_TILES_DOTS(fv_by_seven_bits, FV_BY_SEVEN_BITS)
#endif
#ifdef FV_DOT4
FV_TILES_DOTS(fv_by_eight_bits, FV_BY_EIGHT_BITS)
#endif

typedef void (*fv_dots_of_tile)(const fv_queries *, const float *const *, int, int64_t, int64_t, fv_ahead *, float *);

static const fv_dots_of_tile fv_dots_by[][4] = {
    {fv_by_floats_1, fv_by_floats_2, fv_by_floats_3, fv_by_floats_4},
#ifdef FV_BYTES
    {fv_by_seven_bits_1, fv_by_seven_bits_2, fv_by_seven_bits_3, fv_by_seven_bits_4},
#endif
#ifdef FV_DOT4
    {fv_by_eight_bits_1, fv_by_eight_bits_2, fv_by_eight_bits_3, fv_by_eight_bits_4},
#endif
};

/* What one row of a block needs to be scored. */
typedef struct {
    const char *row;
    float factor;   /* scale / norm */
    float estimate; /* what the sums that choose are multiplied with */
    float size;     /* its own norm */
    float slack;    /* of the score that they estimate, for a query of norm 1 */
    int64_t id, width;
    vf fresh;
} fv_scored;

#ifdef FV_BYTES
static FV_INLINE void fv_encode_block(const int way, const int kind, fv_scored *x, int n, fv_queries *q) {
    int i;
    for (i = 0; i < n; i++) {
        uint8_t *out = (uint8_t *)q->block + i * fv_steps(x->width) * VF_WIDTH;
        float lost, step = fv_encode(way, kind, x[i].row, x->width, x->fresh, x[i].size, out, &lost);
        x[i].estimate = x[i].factor * step;
        x[i].slack += 1.001f * fabsf(x[i].factor) * (lost + (x[i].size + lost) * q->error);
    }
}

#endif

/* Compute a chosen pair as for one query, and offer it if it exceeds the query's bar. */
static FV_INLINE void fv_confirm(const int kind, const fv_scored *x, fv_queries *q, int64_t query) {
    const int64_t padded = fv_steps(x->width) * VF_WIDTH;
    float dot[4];
    fv_pass(kind, 1, &x->row, q->single + query * padded, x->fresh, x->width, dot, NULL);
    if (dot[0] * x->factor > q->best[query * q->k]) fv_offer(q, query, dot[0] * x->factor, x->id);
}

/* Offer a row to those of a register of queries, from `first` on, whose bars it may exceed: a bit each. */
static void fv_candidates(const int kind, const fv_scored *x, fv_queries *q, int64_t first, unsigned above) {
    int64_t i;
    for (i = first; above && i < q->count; i++, above >>= 1) {
        if (!(above & 1)) continue;
        fv_confirm(kind, x, q, i);
        q->bars[i] = q->best[i * q->k] * q->units[i];
        q->chosen++;
    }
}

/* A bit for each of a register of queries whose bar a row may exceed, given their products. */
static FV_INLINE unsigned fv_above(const fv_scored *x, vf dot, vf reach, vf bars) {
    return vf_above(vf_fma(reach, vf_set1(x->slack), vf_mul(dot, vf_set1(x->estimate))), bars);
}

/* Whether any of six rows may exceed any bar of a tile of queries. */
static FV_INLINE int fv_any_above(const int vectors, const fv_scored *x, const fv_queries *q, int64_t first,
                                  const float *dots) {
    unsigned any = 0;
    int i, v;
    FV_UNROLL for (v = 0; v < vectors; v++) {
        const vf reach = vf_load(q->reach + first + v * VF_WIDTH), bars = vf_load(q->bars + first + v * VF_WIDTH);
        FV_UNROLL for (i = 0; i < FV_TILE_ROWS; i++)
            any |= fv_above(x + i, vf_load(dots + (i * vectors + v) * VF_WIDTH), reach, bars);
    }
    return any != 0;
}

/* The rows of a block from `i` on, up to FV_TILE_ROWS, and a tile of queries. */
static FV_INLINE void fv_tile(const int way, const int kind, const int vectors, const fv_scored *x, int n, int i,
                              const float *const *wide, int64_t width, fv_queries *q, int64_t first, fv_ahead *next) {
    float dots[FV_TILE_ROWS * VF_QUERIES * VF_WIDTH];
    int j, v;
    fv_dots_by[way][vectors - 1](q, wide, i, width, first, next, dots);
    if (n - i >= FV_TILE_ROWS && !fv_any_above(vectors, x + i, q, first, dots)) return;
    for (j = i; j < n && j < i + FV_TILE_ROWS; j++)
        for (v = 0; v < vectors; v++) {
            const int64_t query = first + v * VF_WIDTH;
            const vf dot = vf_load(dots + ((j - i) * vectors + v) * VF_WIDTH);
            const unsigned above = fv_above(x + j, dot, vf_load(q->reach + query), vf_load(q->bars + query));
            if (above) fv_candidates(kind, x + j, q, query, above);
        }
}

/* The rows of a block and all queries, tile by tile; meanwhile the next block is fetched. */
static FV_INLINE void fv_scan_tiles(const int way, const int kind, const fv_rows *r, fv_queries *q, int64_t begin, int n,
                                    const fv_scored *x, const float *const *wide) {
    const int64_t parts = (q->count + VF_QUERIES * VF_WIDTH - 1) / (VF_QUERIES * VF_WIDTH);
    const int64_t turns = way == FV_BY_FLOATS ? r->width : fv_eights(r->width);
    fv_ahead next = fv_next_block(r, begin + FV_SCAN_ROWS, parts * (FV_SCAN_ROWS / FV_TILE_ROWS) * turns);
    int64_t first;
    int i;
    for (first = 0; first < q->count; first += VF_QUERIES * VF_WIDTH)
        for (i = 0; i < n; i += FV_TILE_ROWS)
            switch (fv_tile_vectors(first, q->count)) {
#define FV_CASE(c) \
            case c: fv_tile(way, kind, c <= VF_QUERIES ? c : 1, x, n, i, wide, r->width, q, first, &next); break;
            FV_CASES_4(FV_CASE)
#undef FV_CASE
            }
}

/* Several queries, from row `begin` on, in one way. Returns the row at which that was given up, or n. */
static FV_INLINE int64_t fv_scan_several(const int way, const int kind, const fv_rows *r, fv_queries *q, int64_t begin) {
    const vf fresh = fv_fresh(r->width);
    const float rounding = 4.0f * (float)(r->width + 8) * FV_ROUNDING; /* twice the bound */
    const int64_t first = begin;
    for (; begin < r->n; begin += FV_SCAN_ROWS) {
        const int n = (int)(r->n - begin < FV_SCAN_ROWS ? r->n - begin : FV_SCAN_ROWS);
        const char *row[FV_SCAN_ROWS];
        const float *wide[FV_SCAN_ROWS];
        float small[FV_SCAN_ROWS * VF_WIDTH]; /* aligned for every kind */
        float square[FV_SCAN_ROWS];
        fv_scored x[FV_SCAN_ROWS];
        const int64_t width = fv_block(r, begin, n, (char *)small, row);
        int i;
        if (way != FV_BY_FLOATS && q->chosen > q->count * (8 * q->k + 64 + (begin - first) / 32)) break;
        for (i = 0; i < n; i++) {
            if (i % 4 == 0) fv_pass(kind, 4, row + i, NULL, fresh, width, NULL, square + i);
            x[i].row = row[i];
            x[i].size = fv_norm_of_row(kind, row[i], width, square[i]);
            x[i].factor = x[i].estimate = fv_factor(r, begin + i, r->norms ? r->norms[begin + i] : x[i].size);
            x[i].slack = rounding * x[i].size * fabsf(x[i].factor);
            x[i].id = r->first + begin + i;
            x[i].width = width;
            x[i].fresh = fresh;
        }
        if (way == FV_BY_FLOATS) fv_widen(kind, row, width, (float *)q->block, wide);
#ifdef FV_BYTES
        if (way != FV_BY_FLOATS) fv_encode_block(way, kind, x, n, q);
#endif
        fv_scan_tiles(way, kind, r, q, begin, n, x, wide);
    }
    return begin;
}

static FV_INLINE void fv_scan_alone(const int kind, const fv_rows *r, fv_queries *q) {
    const vf fresh = fv_fresh(r->width);
    int64_t begin;
    int i;
    for (begin = 0; begin < r->n; begin += 4) {
        const int n = (int)(r->n - begin < 4 ? r->n - begin : 4);
        const char *row[FV_SCAN_ROWS];
        float small[FV_SCAN_ROWS * VF_WIDTH]; /* aligned for every kind */
        float dot[4], square[4];
        const int64_t width = fv_block(r, begin, n, (char *)small, row);
        if (r->norms)
            fv_pass(kind, 4, row, q->single, fresh, width, dot, NULL);
        else
            fv_pass(kind, 4, row, q->single, fresh, width, dot, square);
        for (i = 0; i < n; i++) {
            const float norm = r->norms ? r->norms[begin + i] : fv_norm_of_row(kind, row[i], width, square[i]);
            const float score = dot[i] * fv_factor(r, begin + i, norm);
            if (score > q->best[0]) fv_offer(q, 0, score, r->first + begin + i);
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

static FV_INLINE void fv_scan_rows(const int kind, const fv_rows *r, fv_queries *q) {
    int64_t begin = 0;
    if (q->count == 1) {
        fv_scan_alone(kind, r, q);
        return;
    }
    q->chosen = 0;
#ifdef FV_BYTES
    if (q->bytes) {
        fv_choose_by(q, 1);
        if (q->way == FV_BY_SEVEN_BITS) begin = fv_scan_several(FV_BY_SEVEN_BITS, kind, r, q, 0);
#ifdef FV_DOT4
        if (q->way == FV_BY_EIGHT_BITS) begin = fv_scan_several(FV_BY_EIGHT_BITS, kind, r, q, 0);
#endif
    }
#endif
    if (begin >= r->n) return;
    fv_fill_tiles(q, r->width);
    fv_choose_by(q, 0);
    fv_scan_several(FV_BY_FLOATS, kind, r, q, begin);
}

static void fv_scan(const fv_rows *r, fv_queries *q) {
    switch (r->kind) {
    case FV_FLOAT32: fv_scan_rows(FV_FLOAT32, r, q); break;
    case FV_FLOAT16: fv_scan_rows(FV_FLOAT16, r, q); break;
    default:
        if (q->codes && r->norms)
            fv_scan_codes(r, q);
        else
            fv_scan_rows(FV_INT8, r, q);
    }
}

#endif
