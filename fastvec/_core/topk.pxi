# Exact search over part of a matrix: included by one shim per CPU variant. The arithmetic is that of topk.h.

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc

cdef extern from "topk.h" nogil:
    int FV_FLOAT32, FV_FLOAT16, FV_INT8

    ctypedef struct fv_rows:
        const char *rows
        const float *norms
        const float *scales
        int64_t n, width, stride, first
        int kind

    ctypedef struct fv_queries:
        const int64_t *exclude
        float *best
        int64_t *ids
        int64_t count, excluded, k

    int64_t fv_scratch_size(int64_t count, int64_t width)
    void fv_prepare(fv_queries *q, const float *queries, int64_t width, int way, float *scratch)
    int fv_way_of_bytes()
    void fv_scan(const fv_rows *rows, fv_queries *q)
    void fv_fill_norms(const fv_rows *rows, float *norms)


cdef int MOST = fv_way_of_bytes()  # asked once: a virtual machine may take its time to answer
BYTES = MOST


cdef fv_rows _rows(const uint8_t[:, :] rows, str kind, int64_t first) except *:
    """`rows` as the kernel takes them; the bytes of a row lie end to end."""
    cdef:
        fv_rows r
        int64_t item
    r.norms = r.scales = NULL
    r.kind, item = {"f4": (FV_FLOAT32, 4), "f2": (FV_FLOAT16, 2), "i1": (FV_INT8, 1)}[kind]
    if rows.shape[1] % item or (rows.shape[1] > 1 and rows.strides[1] != 1):
        raise ValueError(f"rows of {rows.shape[1]} bytes, {rows.strides[1]} from one to the next: no {kind}")
    r.rows = NULL
    if rows.shape[0] and rows.shape[1]:
        r.rows = <const char *>&rows[0, 0]
    r.n, r.width, r.stride, r.first = rows.shape[0], rows.shape[1] // item, rows.strides[0], first
    return r


def scan(const uint8_t[:, :] rows, str kind, const float[::1] norms, const float[::1] scales, int64_t first,
         const float[:, ::1] queries, const int64_t[:, ::1] exclude, int64_t[:, ::1] ids, float[:, ::1] best,
         int way=0):
    """Bring the scores of `rows` with `queries` into the heaps `ids` and `best`.

    Parameters
    ----------
    rows : uint8 array of (n, bytes)
        The numbers of each row, of `kind`.
    kind : {"f4", "f2", "i1"}
    norms : float32 array of n, or None
        None: they are computed.
    scales : float32 array of n, or None
        What the numbers of a row are to be multiplied with.
    first : int
        Number of the first row. Calls on the same heaps go upwards.
    queries : float32 array of (Q, D)
    exclude : int64 array of (Q, E)
        Rows that a query must not find.
    ids, best : int64 and float32 arrays of (Q, k)
        Begin as -1 and -inf. The worst pair of a query stands first, the others in no order.
    way : int
        What chooses the pairs of several queries that are worth a closer look: 0 floats, 1 bytes of seven bits, 2 bytes
        of eight; `BYTES` is the greatest on this machine. The results are the same.
    """
    cdef:
        fv_rows r = _rows(rows, kind, first)
        fv_queries q
        float *scratch
        int64_t count = queries.shape[0]
    if norms is not None and norms.shape[0] != r.n or scales is not None and scales.shape[0] != r.n:
        raise ValueError(f"norms and scales: one of each of {r.n} rows is needed")
    if queries.shape[1] != r.width or exclude.shape[0] != count or not (
            ids.shape[0] == best.shape[0] == count and ids.shape[1] == best.shape[1]):
        raise ValueError(f"queries of ({count}, {queries.shape[1]}) do not fit rows of {r.width} or the other arrays")
    if not r.n or not count or not ids.shape[1]:
        return
    if norms is not None:
        r.norms = &norms[0]
    if scales is not None:
        r.scales = &scales[0]
    q.count, q.excluded, q.k = count, exclude.shape[1], ids.shape[1]
    q.exclude = NULL
    if q.excluded:
        q.exclude = &exclude[0, 0]
    q.ids, q.best = &ids[0, 0], &best[0, 0]
    scratch = <float *>malloc(fv_scratch_size(count, r.width) * sizeof(float))
    if not scratch:
        raise MemoryError
    with nogil:
        fv_prepare(&q, &queries[0, 0], r.width, max(0, min(way, MOST)), scratch)
        fv_scan(&r, &q)
        free(scratch)


def fill_norms(const uint8_t[:, :] rows, str kind, const float[::1] scales, float[::1] norms):
    """Write the Euclidean norm of each row to `norms`, float32 (n,); the other parameters are those of `scan`."""
    cdef fv_rows r = _rows(rows, kind, 0)
    if norms.shape[0] != r.n or scales is not None and scales.shape[0] != r.n:
        raise ValueError(f"norms and scales: one of each of {r.n} rows is needed")
    if r.n:
        if scales is not None:
            r.scales = &scales[0]
        with nogil:
            fv_fill_norms(&r, &norms[0])
