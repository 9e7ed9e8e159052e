/* Euclidean norms, also of numbers whose squares are too small or too great for a float. */
#ifndef FASTVEC_NORMS_H
#define FASTVEC_NORMS_H

#include <float.h>
#include <math.h>

#include "simd.h"

#define FV_LEAST_NORM 1e-35f /* vectors that are shorter count as zeros: of much shorter ones no product is exact */

/* The norm of `width` numbers whose squares add up to `square`, as a float has it. */
static FV_INLINE float fv_norm_of(const float *row, int64_t width, float square) {
    double exact = 0.0;
    int64_t d;
    if (square > 1e-30f && square < INFINITY) return sqrtf(square);
    for (d = 0; d < width; d++) exact += (double)row[d] * row[d];
    return exact > (double)FLT_MAX * FLT_MAX ? INFINITY : (float)sqrt(exact);
}

/* The same, 0 for what counts as zeros. */
static FV_INLINE float fv_norm_or_zero(const float *row, int64_t width, float square) {
    const float norm = fv_norm_of(row, width, square);
    return norm < FV_LEAST_NORM ? 0.0f : norm;
}

#endif
