"""Rows from anywhere in a matrix: copied side by side, or added up with weights.

Each row is asked of memory some rows before its turn. The ids are checked: nothing outside of the arrays is read.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

cdef extern from "simd.h" nogil:
    void FV_PREFETCH(const void *address)

cdef extern from "norms.h" nogil:
    float fv_norm_or_zero(const float *row, int64_t width, float square)

cdef enum:
    AHEAD = 4  # rows


cdef inline void fetch(const uint8_t *row, int64_t size) noexcept nogil:
    cdef int64_t at
    for at in range(0, size, 64):  # bytes of a cache line
        FV_PREFETCH(row + at)


def take(const uint8_t[:, :] rows, const int32_t[::1] ids, uint8_t[:, ::1] out):
    """Copy row ``ids[i]`` of `rows` (bytes) to ``out[i]``. Returns -1, or the first i whose row is not there."""
    cdef:
        int64_t n = ids.shape[0], width = rows.shape[1], i, bad = -1
        int32_t ahead, row
    if out.shape[0] != n or out.shape[1] != width:
        raise ValueError(f"{n} rows of {width} bytes do not fit {out.shape[0]} x {out.shape[1]}")
    if width > 1 and rows.strides[1] != 1:
        raise ValueError("the bytes of a row must be neighbours in memory")
    with nogil:
        for i in range(n):
            ahead = ids[min(i + AHEAD, n - 1)]
            if 0 <= ahead < rows.shape[0]:
                fetch(&rows[ahead, 0], width)
            row = ids[i]  # read once: others might change it between check and use
            if not 0 <= row < rows.shape[0]:
                bad = i
                break
            memcpy(&out[i, 0], &rows[row, 0], <size_t>width)
    return bad


cdef float length_of(const float *row, int64_t width) noexcept nogil:
    """Euclidean norm; in eight sums, which the compiler may keep in one register."""
    cdef:
        float sums[8]
        int64_t d, j
    for j in range(8):
        sums[j] = 0
    for d in range(0, width - 7, 8):
        for j in range(8):
            sums[j] += row[d + j] * row[d + j]
    for d in range(width - width % 8, width):
        sums[0] += row[d] * row[d]
    for j in range(1, 8):
        sums[0] += sums[j]
    return fv_norm_or_zero(row, width, sums[0])


def add_up(const float[:, :] rows, bint unit, const int64_t[::1] bounds, const int32_t[::1] ids,
           const float[::1] weights, float[:, ::1] out):
    """Write to ``out[i]`` the sum of ``weights[k] * rows[ids[k]]`` over ``bounds[i] <= k < bounds[i + 1]``.

    With `unit`, rows are scaled to length 1 before, but for rows of zeros, and so short ones that they count as zeros.
    Negative ids are left out. Returns -1, or the first i whose bounds or rows are impossible.
    """
    cdef:
        int64_t n = out.shape[0], width = out.shape[1], i, k, d, bad = -1
        int32_t row, ahead
        float weight, length
        float *total
        const float *source
    if bounds.shape[0] != n + 1 or rows.shape[1] != width or weights.shape[0] != ids.shape[0]:
        raise ValueError(f"{bounds.shape[0] - 1} bags of {ids.shape[0]} ids, {weights.shape[0]} weights, rows of "
                         f"{rows.shape[1]}: they do not fit each other, or {n} sums of {width}")
    if width > 1 and rows.strides[1] != sizeof(float):
        raise ValueError("the numbers of a row must be neighbours in memory")
    with nogil:
        for i in range(n):
            if not 0 <= bounds[i] <= bounds[i + 1] <= ids.shape[0]:
                bad = i
                break
            total = &out[i, 0]
            memset(total, 0, <size_t>width * sizeof(float))
            for k in range(bounds[i], bounds[i + 1]):
                ahead = ids[min(k + AHEAD, ids.shape[0] - 1)]
                if 0 <= ahead < rows.shape[0]:
                    fetch(<const uint8_t *>&rows[ahead, 0], width * <int64_t>sizeof(float))
                row = ids[k]
                if row < 0:
                    continue
                if row >= rows.shape[0]:
                    bad = i
                    break
                weight, source = weights[k], &rows[row, 0]
                if unit:
                    length = length_of(source, width)
                    weight = weight / length if length > 0 else weight
                for d in range(width):
                    total[d] += weight * source[d]
            if bad >= 0:
                break
    return bad
