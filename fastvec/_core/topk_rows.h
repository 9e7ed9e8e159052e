/* Rows of a matrix as search reads them: kinds of numbers, products, norms, blocks as floats. */
#ifndef FASTVEC_TOPK_ROWS_H
#define FASTVEC_TOPK_ROWS_H

#include "norms.h"

enum { FV_FLOAT32, FV_FLOAT16, FV_INT8 }; /* kinds of rows */

#define FV_ROUNDING 5.9604645e-8f /* u = 2^-24 */

/* What chooses for several queries: products of floats; of bytes of seven bits, of which two and two fit in int16; of bytes. */
enum { FV_BY_FLOATS, FV_BY_SEVEN_BITS, FV_BY_EIGHT_BITS };

enum { FV_TILE_ROWS = 6, FV_SCAN_ROWS = 2 * FV_TILE_ROWS, FV_LINE = 64 };

#define FV_BYTES_WIDTH (1 << 16) /* 2^16 products of 127 * 127 fit in int32 */
#define FV_EIGHT 8               /* numbers that are multiplied at once */
#define FV_WORTH_BYTES 0.03f     /* what a query may lose as bytes, before more pairs would be chosen than that is worth */

typedef struct {
    const char *rows;       /* n rows of `width` numbers, `stride` bytes from one to the next */
    const float *norms;     /* n, or NULL: they are computed */
    const float *scales;    /* n, or NULL: 1 */
    int64_t n, width, stride;
    int64_t first;          /* number of the first row */
    int kind;
} fv_rows;

static FV_INLINE int64_t fv_steps(int64_t width) { return width > 0 ? (width + VF_WIDTH - 1) / VF_WIDTH : 1; }

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

static FV_INLINE float fv_norm_of_row(const int kind, const char *row, int64_t width, float square) {
    return kind == FV_FLOAT32 ? fv_norm_or_zero((const float *)row, width, square) : sqrtf(square);
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

#ifdef FV_BYTES

/* The greatest whole number of a row or query in bytes. They are kept plus one more than that: as uint8. */
static FV_INLINE int fv_greatest_code(const int way) { return way == FV_BY_EIGHT_BITS ? 127 : 63; }

/* A row of the norm `size` in steps of its greatest number over the greatest code, from 1 on. Returns the step, and the
 * norm of what is `lost`. */
static FV_INLINE float fv_encode(const int way, const int kind, const char *row, int64_t width, vf fresh, float size,
                                 uint8_t *out, float *lost) {
    const float most_code = (float)fv_greatest_code(way);
    const vf zero_code = vf_set1(most_code + 1.0f);
    const int exact = kind == FV_INT8 && way == FV_BY_EIGHT_BITS;
    const vf sign = vf_set1(-0.0f);
    vf most = vf_set1(0.0f), squares = vf_set1(0.0f), step, inverse;
    float greatest, sums[4];
    int64_t d;
    *lost = 0.0f;
    for (d = 0; kind != FV_INT8 && d < width; d += VF_WIDTH)
        most = vf_max(most, vf_clear(fv_take(kind, row, d + VF_WIDTH <= width ? d : width - VF_WIDTH), sign));
    greatest = kind == FV_INT8 ? 127.0f : vf_greatest(most);
    if (!(size < 1e15f) || greatest < 1e-15f) {
        memset(out, fv_greatest_code(way) + 1, (size_t)(fv_steps(width) * VF_WIDTH));
        if (!(size <= 0.0f)) *lost = INFINITY;
        return 0.0f;
    }
    step = vf_set1(greatest / most_code);
    inverse = vf_set1(most_code / greatest);
    for (d = 0; d < width; d += VF_WIDTH) {
        const int64_t at = d + VF_WIDTH <= width ? d : width - VF_WIDTH;
        const vf a = fv_take(kind, row, at), code = vf_round(vf_mul(a, inverse));
        vf_store_bytes(out + at, vf_add(code, zero_code));
        if (!exact) {
            vf rest = vf_sub(a, vf_mul(code, step));
            if (at < d) rest = vf_and(rest, fresh);
            squares = vf_fma(rest, rest, squares);
        }
    }
    vf_sum4(squares, squares, squares, squares, sums);
    *lost = sqrtf(sums[0]);
    return greatest / most_code;
}

#endif

static FV_INLINE float fv_factor(const fv_rows *r, int64_t i, float norm) {
    const float scale = r->scales ? r->scales[i] : 1.0f;
    return norm > 0.0f ? scale / norm : 0.0f;
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
                norms[begin + j] =
                    fv_norm_of_row(r->kind, row[j], width, four[j - i]) * (r->scales ? fabsf(r->scales[begin + j]) : 1.0f);
        }
    }
}

#endif
