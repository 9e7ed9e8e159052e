"""Token ids: valid text, and from one numbering of the words to another."""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef extern from "utf8_check.h" nogil:
    int64_t fv_utf8_check(const uint8_t *text, int64_t n)


def check_utf8(const uint8_t[::1] data):
    """Return the position of the first byte that is not UTF-8, or -1."""
    cdef int64_t bad = -1
    if data.shape[0]:
        with nogil:
            bad = fv_utf8_check(&data[0], data.shape[0])
    return bad


def remap(const int32_t[::1] ids, const int32_t[::1] mapping, int32_t[::1] out):
    """Write ``mapping[id]`` for each id to `out` (as long as `ids`), but no -1 of it; empty sentences vanish.

    Returns ``(stop, words, lines, sentences, lead, pending, n_ids)`` as a table's `scan` does for text.
    """
    cdef:
        int64_t i, n = 0, words = 0, lines = 0, sentences = 0
        int32_t id
        bint lead = False, pending = False
    if out.shape[0] < ids.shape[0]:
        raise ValueError(f"out: {out.shape[0]} places for {ids.shape[0]} ids")
    with nogil:
        for i in range(ids.shape[0]):
            if ids[i] >= 0:
                words += 1
                id = mapping[ids[i]]
                if id >= 0:
                    out[n] = id
                    n += 1
                    pending = True
                continue
            lines += 1
            if pending:
                out[n] = -1
                n += 1
                sentences += 1
                pending = False
            elif sentences == 0:
                lead = True
    return ids.shape[0], words, lines, sentences, lead, pending, n


def check_ids(const int32_t[::1] ids, int64_t n_words, bint pending=False):
    """Return ``(bad, sentences)``: the place of the first id not in -1 ... n_words - 1, or of a -1 that ends
    no words, else -1; and the number of -1s. `pending`: a word of the first sentence came before."""
    cdef int64_t i, bad = -1, sentences = 0
    with nogil:
        for i in range(ids.shape[0]):
            if ids[i] < -1 or ids[i] >= n_words or (ids[i] == -1 and not pending):
                bad = i
                break
            pending = ids[i] != -1
            sentences += not pending
    return bad, sentences
