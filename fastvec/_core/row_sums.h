/* Rows apart from the block step: those that are made of others (CBOW's means, bags of subwords) and how their gradients
 * go back, rows with lock factors, prefetches, merges.
 *
 * A group's rows are made together, for their windows overlap: each entry's row is read once for FV_GROUP sums, and on the
 * way back gets its part of FV_GROUP gradients at once. */
#ifndef FASTVEC_ROW_SUMS_H
#define FASTVEC_ROW_SUMS_H

#include "vec.h"

/* Which of n entries are in the window of each of FV_GROUP centres, which stand at entries `centre`: 1 where one is, at
 * most `reach` away and not the centre itself, else 0; row by row. A reach of -1 is no window. */
static void fv_windows(int n, const int32_t *centre, const int32_t *reach, float *in_window) {
    int32_t e, c;
    for (e = 0; e < n; e++, in_window += FV_GROUP)
        for (c = 0; c < FV_GROUP; c++) {
            const int32_t away = e - centre[c];
            in_window[c] = (float)((away != 0) & (away <= reach[c]) & (-away <= reach[c]));
        }
}

/* Rows that are made of others: out[c] = share[c] * (sum over e of mix[e * FV_GROUP + c] * rows[e]), for `columns` rows of
 * out, in `strips` registers from column d on. */
static FV_INLINE void fv_mix_strips(const int strips, const int columns, float *const *rows, int64_t n, const float *mix,
                                    const float *share, float *out, int64_t width, int64_t d) {
    vf sum[FV_GROUP][FV_ROW_STRIPS];
    int64_t e;
    int c, k;
    FV_UNROLL for (c = 0; c < columns; c++) FV_UNROLL for (k = 0; k < strips; k++) sum[c][k] = vf_set1(0.0f);
    for (e = 0; e < n; e++, mix += FV_GROUP) {
        vf v[FV_ROW_STRIPS];
        FV_UNROLL for (k = 0; k < strips; k++) v[k] = vf_load(rows[e] + d + k * VF_WIDTH);
        FV_UNROLL for (c = 0; c < columns; c++) {
            const vf part = vf_set1(mix[c]);
            FV_UNROLL for (k = 0; k < strips; k++) sum[c][k] = vf_fma(part, v[k], sum[c][k]);
        }
    }
    FV_UNROLL for (c = 0; c < columns; c++)
        FV_UNROLL for (k = 0; k < strips; k++)
            vf_store(out + c * width + d + k * VF_WIDTH, vf_mul(vf_set1(share[c]), sum[c][k]));
}

/* The way back: rows[e] += sum over c of mix[e * FV_GROUP + c] * share[c] * dx[c]. */
static FV_INLINE void fv_unmix_strips(const int strips, const int columns, float *const *rows, int64_t n,
                                      const float *mix, const float *share, const float *dx, int64_t width, int64_t d) {
    vf delta[FV_GROUP][FV_ROW_STRIPS];
    int64_t e;
    int c, k;
    FV_UNROLL for (c = 0; c < columns; c++)
        FV_UNROLL for (k = 0; k < strips; k++)
            delta[c][k] = vf_mul(vf_set1(share[c]), vf_load(dx + c * width + d + k * VF_WIDTH));
    for (e = 0; e < n; e++, mix += FV_GROUP) {
        float *const row = rows[e] + d;
        vf v[FV_ROW_STRIPS];
        FV_UNROLL for (k = 0; k < strips; k++) v[k] = vf_load(row + k * VF_WIDTH);
        FV_UNROLL for (c = 0; c < columns; c++) {
            const vf part = vf_set1(mix[c]);
            FV_UNROLL for (k = 0; k < strips; k++) v[k] = vf_fma(part, delta[c][k], v[k]);
        }
        FV_UNROLL for (k = 0; k < strips; k++) vf_store(row + k * VF_WIDTH, v[k]);
    }
}

/* One way or the other; meanwhile a part of the rows that the next block will want is fetched. */
static FV_INLINE void fv_mix_or_unmix(const int back, const int strips, const int columns, float *const *rows, int n,
                                      const float *mix, const float *share, float *made, int64_t width,
                                      float *const *ahead, int fetched, int64_t d) {
    int64_t line = (d + FV_ROW_ALIGN - 1) / FV_ROW_ALIGN * FV_ROW_ALIGN;
    int i;
    for (; line < d + strips * VF_WIDTH; line += FV_ROW_ALIGN)
        for (i = 0; i < fetched; i++) FV_PREFETCH_OWN(ahead[i] + line);
    if (back)
        fv_unmix_strips(strips, columns, rows, n, mix, share, made, width, d);
    else
        fv_mix_strips(strips, columns, rows, n, mix, share, made, width, d);
}

static FV_INLINE void fv_mix_columns(const int back, const int columns, float *const *rows, int n, const float *mix,
                                     const float *share, float *made, int64_t width, float *const *ahead, int fetched) {
    const int most = columns == 1 ? FV_ROW_STRIPS : VF_STRIPS;
    int64_t d = 0;
    for (; d + most * VF_WIDTH <= width; d += most * VF_WIDTH)
        fv_mix_or_unmix(back, most, columns, rows, n, mix, share, made, width, ahead, fetched, d);
    switch ((width - d) / VF_WIDTH) {
#define FV_CASE(k) \
    case k: if (k < most) fv_mix_or_unmix(back, k, columns, rows, n, mix, share, made, width, ahead, fetched, d); break;
        FV_CASES_6(FV_CASE)
#undef FV_CASE
    }
}

static void fv_mix(int columns, float *const *rows, int n, const float *mix, const float *share, float *out,
                   int64_t width, float *const *ahead, int fetched) {
    if (columns == 1)
        fv_mix_columns(0, 1, rows, n, mix, share, out, width, ahead, fetched);
    else
        fv_mix_columns(0, FV_GROUP, rows, n, mix, share, out, width, ahead, fetched);
}

static void fv_unmix(int columns, float *const *rows, int n, const float *mix, const float *share, float *dx,
                     int64_t width, float *const *ahead, int fetched) {
    if (columns == 1)
        fv_mix_columns(1, 1, rows, n, mix, share, dx, width, ahead, fetched);
    else
        fv_mix_columns(1, FV_GROUP, rows, n, mix, share, dx, width, ahead, fetched);
}

/* out = scale * (the sum of n rows of a matrix, `stride` floats apart). */
static void fv_sum_rows(const float *matrix, const int32_t *rows, int64_t n, float scale, float *out, int64_t stride,
                        int64_t width) {
    const vf factor = vf_set1(scale);
    int64_t d, i;
    for (d = 0; d < width; d += VF_WIDTH) vf_store(out + d, vf_set1(0.0f));
    for (i = 0; i < n; i += 4) {
        const float *r[4];
        int64_t k;
        for (k = 0; k < 4; k++) r[k] = matrix + rows[i + k < n ? i + k : i] * stride;
        const vf second = vf_set1(i + 1 < n), third = vf_set1(i + 2 < n), fourth = vf_set1(i + 3 < n);
        for (d = 0; d < width; d += VF_WIDTH) {
            vf a = vf_fma(second, vf_load(r[1] + d), vf_load(r[0] + d));
            vf b = vf_fma(fourth, vf_load(r[3] + d), vf_mul(third, vf_load(r[2] + d)));
            vf_store(out + d, vf_add(vf_load(out + d), vf_add(a, b)));
        }
    }
    for (d = 0; d < width; d += VF_WIDTH) vf_store(out + d, vf_mul(factor, vf_load(out + d)));
}

/* row += scale * delta */
static FV_INLINE void fv_add_row(float *row, float scale, const float *delta, int64_t width) {
    int64_t d;
    for (d = 0; d < width; d += VF_WIDTH) vf_store(row + d, vf_fma(vf_set1(scale), vf_load(delta + d), vf_load(row + d)));
}

/* row += scale * (wanted - row) */
static FV_INLINE void fv_blend_row(float *row, float scale, const float *wanted, int64_t width) {
    int64_t d;
    for (d = 0; d < width; d += VF_WIDTH) {
        const vf old = vf_load(row + d);
        vf_store(row + d, vf_fma(vf_set1(scale), vf_sub(vf_load(wanted + d), old), old));
    }
}

static FV_INLINE void fv_fetch_row(const float *row, int64_t width) {
    int64_t d;
    for (d = 0; d < width; d += FV_ROW_ALIGN) FV_PREFETCH_OWN(row + d);
}

/* One row of a merge: shared += scale (mine - base); mine = base = shared. */
static FV_INLINE void fv_merge_row(float *shared, float *mine, float *base, float scale, int64_t width) {
    int64_t d;
    for (d = 0; d < width; d += VF_WIDTH) {
        vf delta = vf_sub(vf_load(mine + d), vf_load(base + d));
        vf merged = vf_fma(vf_set1(scale), delta, vf_load(shared + d));
        vf_store(shared + d, merged);
        vf_store(mine + d, merged);
        vf_store(base + d, merged);
    }
}

#endif
