/* Queries as search asks them: in the orders in which they are read, with the best rows so far of each in a heap. */
#ifndef FASTVEC_TOPK_QUERIES_H
#define FASTVEC_TOPK_QUERIES_H

#include "topk_rows.h"

typedef struct {
    const int64_t *exclude; /* count x excluded: rows that a query must not find */
    float *best;            /* count x k: heaps, the worst of each at its root */
    int64_t *ids;
    int64_t count, excluded, k;
    const float *queries;   /* set by fv_prepare: query after query, as they were given */
    float *single;          /* ... query after query, as one row meets it */
    int16_t *codes;         /* ... where there is one, for rows of int8: in steps of `step`, or NULL */
    float step;
    float *tiles, *norms;   /* ... where there are several: as tiles, by fv_fill_tiles, and their norms */
    int8_t *bytes;          /* ... as tiles of bytes, or NULL, */
    int way;                /* ... what chooses: FV_BY_FLOATS, ... */
    int32_t *offsets;       /* ... what their products with rows, which are kept plus a number, are to begin with */
    float *inverse, error;  /* ... one over the step of each, the greatest error of one of norm 1 */
    float *units;           /* set by fv_choose_by: what each query's scores are multiplied with to be compared */
    float *bars, *reach;    /* ... the least of its best and its norm, so multiplied */
    void *block;            /* room for a block of rows as floats, or as bytes */
    int64_t chosen;         /* pairs that were computed again */
} fv_queries;

/* Registers of queries in the tile that begins at `query`, and queries with those of zeros that fill the last. */
static FV_INLINE int fv_tile_vectors(int64_t query, int64_t count) {
    const int64_t left = (count - query + VF_WIDTH - 1) / VF_WIDTH;
    return left < VF_QUERIES ? (int)left : VF_QUERIES;
}

static FV_INLINE int64_t fv_lanes(int64_t count) { return (count + VF_WIDTH - 1) / VF_WIDTH * VF_WIDTH; }

static FV_INLINE int64_t fv_eights(int64_t width) { return (width + FV_EIGHT - 1) / FV_EIGHT; }

/* Numbers that fv_prepare writes. */
static FV_INLINE int64_t fv_scratch_size(int64_t count, int64_t width) {
    const int64_t padded = fv_steps(width) * VF_WIDTH;
    if (count == 1) return padded + width / 2 + VI_CODES;
    return (count + FV_SCAN_ROWS) * padded + fv_lanes(count) * (padded + 2 * fv_eights(width) + 6);
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

/* Several queries as tiles of floats. */
static void fv_fill_tiles(fv_queries *q, int64_t width) {
    const int64_t lanes = fv_lanes(q->count);
    float *out = q->tiles;
    int64_t i, j, d;
    for (i = 0; i < lanes; i += VF_QUERIES * VF_WIDTH)
        for (d = 0; d < width; d++)
            for (j = i; j < i + fv_tile_vectors(i, q->count) * VF_WIDTH; j++)
                *out++ = j < q->count ? q->queries[j * width + d] : 0.0f;
}

#ifdef FV_BYTES

#include "cpu_features.h"

/* How batches may go by bytes on this machine. */
static int fv_way_of_bytes(void) {
#ifdef FV_DOT4
    if (fv_cpu_features() & FV_AVX512VNNI) return FV_BY_EIGHT_BITS;
#endif
    return FV_BY_SEVEN_BITS;
}

/* One query of those of fv_round_queries, padded as in fv_spread. Returns whether it is worth it. */
static FV_INLINE int fv_round_one(const int way, fv_queries *q, int64_t query, int64_t padded, uint8_t *out) {
    const char *row = (const char *)(q->single + query * padded);
    const int32_t zero_code = fv_greatest_code(way) + 1;
    float lost, step = fv_encode(way, FV_FLOAT32, row, padded, vf_set1(0.0f), q->norms[query], out, &lost);
    int32_t sum = 0;
    int64_t d;
    for (d = 0; d < padded; d++) sum += out[d] - zero_code;
    q->offsets[query] = -zero_code * sum;
    q->inverse[query] = step > 0.0f ? 1.0f / step : 1.0f;
    if (step > 0.0f) lost /= q->norms[query];
    q->error = lost > q->error ? lost : q->error;
    return lost <= FV_WORTH_BYTES;
}

/* Queries in bytes, four neighbours side by side; width and lanes beyond the ends hold zeros. Left out where one of them
 * would lose much, or where the products of a row in bytes might not fit in int32. */
static void fv_round_queries(fv_queries *q, int64_t width, int8_t *out) {
    const int64_t padded = fv_steps(width) * VF_WIDTH, lanes = fv_lanes(q->count);
    const int64_t over = width < VF_WIDTH ? 0 : padded - width, last = padded - VF_WIDTH;
    uint8_t *const codes = (uint8_t *)q->tiles; /* of which there is no need as long as bytes choose */
    int64_t i, j, d, e;
    const int zero_code = fv_greatest_code(q->way) + 1;
    q->error = 0.0f;
    if (width > FV_BYTES_WIDTH) return;
    for (i = 0; i < q->count; i++)
        if (!(q->way == FV_BY_EIGHT_BITS ? fv_round_one(FV_BY_EIGHT_BITS, q, i, padded, codes + i * padded)
                                         : fv_round_one(FV_BY_SEVEN_BITS, q, i, padded, codes + i * padded)))
            return;
    for (; i < lanes; i++) {
        q->offsets[i] = 0;
        q->inverse[i] = 1.0f;
    }
    q->bytes = out;
    for (i = 0; i < lanes; i += VF_QUERIES * VF_WIDTH)
        for (d = 0; d < FV_EIGHT * fv_eights(width); d += 4)
            for (j = i; j < i + fv_tile_vectors(i, q->count) * VF_WIDTH; j++)
                for (e = d; e < d + 4; e++) {
                    const int64_t at = j * padded + e + (e < last ? 0 : over);
                    *out++ = j < q->count && e < width ? (int8_t)(codes[at] - zero_code) : 0;
                }
}

#else
static int fv_way_of_bytes(void) { return FV_BY_FLOATS; }
#endif

/* Queries in the orders in which they are read; `scratch` has room for fv_scratch_size. */
static void fv_prepare(fv_queries *q, const float *queries, int64_t width, int way, float *scratch) {
    const int64_t padded = fv_steps(width) * VF_WIDTH, lanes = fv_lanes(q->count);
    int64_t i;
    q->queries = queries;
    q->single = scratch;
    for (i = 0; i < q->count; i++) fv_spread(queries + i * width, width, q->single + i * padded);
    q->codes = NULL;
    if (q->count == 1) {
        fv_round_query(q, queries, width, (int16_t *)(scratch + padded));
        return;
    }
    q->block = q->single + q->count * padded;
    q->tiles = (float *)q->block + FV_SCAN_ROWS * padded;
    q->norms = q->tiles + lanes * padded;
    q->inverse = q->norms + lanes;
    q->units = q->inverse + lanes;
    q->bars = q->units + lanes;
    q->reach = q->bars + lanes;
    q->offsets = (int32_t *)(q->reach + lanes);
    for (i = 0; i < lanes; i++) {
        const char *row = (const char *)(q->single + i * padded);
        float square[4] = {0.0f};
        if (i < q->count) fv_pass(FV_FLOAT32, 1, &row, NULL, vf_set1(0.0f), padded, NULL, square);
        q->norms[i] = i < q->count ? fminf(fv_norm_of((const float *)row, padded, square[0]), FLT_MAX) : 0.0f;
    }
    q->bytes = NULL;
    q->way = way;
#ifdef FV_BYTES
    if (way != FV_BY_FLOATS) fv_round_queries(q, width, (int8_t *)(q->offsets + lanes));
#endif
}

/* Let the bytes choose, whose sums are in steps of a query, or the floats. */
static void fv_choose_by(fv_queries *q, int bytes) {
    int64_t i;
    for (i = 0; i < fv_lanes(q->count); i++) {
        q->units[i] = bytes ? q->inverse[i] : 1.0f;
        q->bars[i] = i < q->count ? q->best[i * q->k] * q->units[i] : INFINITY;
        q->reach[i] = q->norms[i] * q->units[i];
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

#endif
