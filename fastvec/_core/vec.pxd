"""What the training kernel is made of: the block step (vec.h), rows made of others (row_sums.h), locks (try_lock.h).

The headers say what each does; `fv_block` has its fields.
"""

from libc.stdint cimport int32_t, int64_t

cdef extern from "vec.h" nogil:
    enum:
        FV_IN_ORDER
        FV_PAIRS
        FV_ROW_ALIGN
        VF_WIDTH
    ctypedef struct fv_block:
        float **x
        float **y
        float **ahead
        float **y_new
        int own
        const float *label
        int64_t label_step
        const float *weight
        float alpha, bound
        float *g
        float *products
        float *dx
        int64_t width
        int m, n
        float **newest
    float fv_bound(int rows)
    void fv_block_step(const fv_block *b)
    void fv_step_in_order(const fv_block *b)
    double fv_block_loss(const fv_block *b)
    void fv_weigh_in_order(float *weight, int n, const float *of_y, const float *of_x)
    void fv_weigh_others(float *weight, int positive, int n, const float *count)

cdef extern from "row_sums.h" nogil:
    void fv_windows(int n, const int32_t *centre, const int32_t *reach, float *in_window)
    void fv_mix(int columns, float **rows, int n, const float *mix, const float *share, float *out, int64_t width,
                float **ahead, int fetched)
    void fv_unmix(int columns, float **rows, int n, const float *mix, const float *share, float *dx, int64_t width,
                  float **ahead, int fetched)
    void fv_sum_rows(const float *matrix, const int32_t *rows, int64_t n, float scale, float *out, int64_t stride,
                     int64_t width)
    void fv_add_row(float *row, float scale, const float *delta, int64_t width)
    void fv_blend_row(float *row, float scale, const float *wanted, int64_t width)
    void fv_fetch_row(const float *row, int64_t width)
    void fv_merge_row(float *shared, float *mine, float *base, float scale, int64_t width)
    void fv_prefetch "FV_PREFETCH"(const void *p)

cdef extern from "try_lock.h" nogil:
    int fv_try_lock(int32_t *lock)
    void fv_unlock(int32_t *lock)
