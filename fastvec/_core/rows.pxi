# Rows of the matrices, and the merge of a thread's own copies with what the others have done.

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


cdef int merge_start(Merge *m, int32_t[::1] locks, int64_t interval, const int32_t[::1] every) except -1:
    cdef bint good = every.shape[0] == locks.shape[0]
    cdef int32_t part
    if not (1 <= locks.shape[0] <= 1 << 20 and interval >= 1):
        raise ValueError(f"{locks.shape[0]} locks and an interval of {interval} tokens: at least one of each")
    for part in range(<int32_t>every.shape[0] if good else 0):
        good = good and every[part] >= 1
    if not good:
        raise ValueError(f"intervals of {every.shape[0]} parts, of {locks.shape[0]}: 1 or more for each")
    m.due = <int32_t *>calloc(locks.shape[0], sizeof(int32_t))
    if m.due == NULL:
        raise MemoryError
    m.locks, m.parts, m.interval, m.every = &locks[0], <int32_t>locks.shape[0], interval, &every[0]
    for part in range(m.parts):
        m.due[part] = every[part] - part % every[part]  # not all at once
    return 0


cdef bint merge_part(const Merge *m, Rows *inputs, Rows *outputs, Rows *nodes, int32_t part) noexcept nogil:
    """Merge one part of the hot rows, unless another thread does so."""
    if not fv_try_lock(m.locks + part):
        return False
    rows_merge(inputs, part, m.parts)
    rows_merge(outputs, part, m.parts)
    rows_merge(nodes, part, m.parts)
    fv_unlock(m.locks + part)
    return True


cdef void merge_due(Merge *m, Rows *inputs, Rows *outputs, Rows *nodes) noexcept nogil:
    """At an interval's end, merge the parts that are due; what others are merging stays due."""
    cdef int32_t part
    for part in range(m.parts):
        m.due[part] -= m.due[part] > 0
        if m.due[part] == 0 and merge_part(m, inputs, outputs, nodes, part):
            m.due[part] = m.every[part]
