# Rows of the two matrices, and the merge of a thread's own copies with what the others have done.

cdef inline float *row(const Rows *rows, int32_t word) noexcept nogil:
    return (rows.hot if word < rows.n_hot else rows.shared) + word * rows.stride


cdef inline float *aligned(void *memory) noexcept nogil:
    """The first cache line in `memory`."""
    return <float *>((<size_t>memory + CACHE_LINE - 1) & ~<size_t>(CACHE_LINE - 1))


cdef int rows_keep(Rows *rows, const float[::1] scale) except -1:
    """Take own copies of the first rows, one for each number of `scale`."""
    cdef size_t size = scale.shape[0] * rows.stride * sizeof(float)
    if size == 0:
        return 0
    rows.memory = calloc(2 * size + CACHE_LINE, 1)
    if rows.memory == NULL:
        raise MemoryError
    rows.hot = aligned(rows.memory)
    rows.base = rows.hot + size // sizeof(float)
    rows.scale = &scale[0]
    rows.n_hot = <int32_t>scale.shape[0]
    memcpy(rows.hot, rows.shared, size)
    memcpy(rows.base, rows.hot, size)  # not from `shared`: others may be merging
    return 0


cdef void rows_merge(Rows *rows, int32_t part, int32_t parts) noexcept nogil:
    """shared += scale * (mine - base); mine = base = shared, for one part of the hot rows out of `parts`.

    The damped sum of docs/architecture.md. Callers hold the lock of the part: two at once would lose one's work.
    """
    cdef int64_t i, first = part
    for i in range(first * rows.n_hot // parts, (first + 1) * rows.n_hot // parts):
        fv_merge_row(rows.shared + i * rows.stride, rows.hot + i * rows.stride, rows.base + i * rows.stride,
                     rows.scale[i], rows.stride)
