"""Records of a binary file: a word, a byte that ends it, and so many bytes of numbers.

The files may be hostile: whatever the bytes are, nothing outside of the arrays is read or written.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcpy


def scan(const uint8_t[::1] data, int separator, int skip, int64_t size, int64_t[:, ::1] bounds):
    """Find the records that lie in `data` whole, one after the other from its beginning.

    Record i has the word ``data[bounds[i, 0]:bounds[i, 1]]``, without bytes `skip` at its beginning (-1: none are
    left out), then the byte `separator`, then `size` bytes. Returns how many were found (at most ``len(bounds)``), and
    where the last ends.
    """
    cdef:
        int64_t end = data.shape[0], at = 0, found = 0, start
        const uint8_t *stop
    if size < 0 or bounds.shape[1] != 2:
        raise ValueError(f"records of {size} bytes, bounds of {bounds.shape[1]} columns")
    with nogil:
        while found < bounds.shape[0] and at < end:
            stop = <const uint8_t *>memchr(&data[at], separator, <size_t>(end - at))
            if stop == NULL or end - (stop - &data[0]) - 1 < size:
                break
            start = at
            at = stop - &data[0]
            while start < at and data[start] == skip:
                start += 1
            bounds[found, 0], bounds[found, 1] = start, at
            found += 1
            at += 1 + size
    return found, at


def gather(const uint8_t[::1] data, const int64_t[:, ::1] bounds, uint8_t[:, ::1] out):
    """Copy the bytes behind each word and its separator to a row of `out`."""
    cdef int64_t i, at, size = out.shape[1]
    if bounds.shape[1] != 2 or bounds.shape[0] != out.shape[0]:
        raise ValueError(f"{bounds.shape[0]} records for {out.shape[0]} rows")
    for i in range(bounds.shape[0]):
        if not 0 <= bounds[i, 1] < data.shape[0] - size:
            raise ValueError(f"record {i} lies outside of the data")
    if size:
        with nogil:
            for i in range(bounds.shape[0]):
                at = bounds[i, 1] + 1
                memcpy(&out[i, 0], &data[at], <size_t>size)


def join(const uint8_t[::1] data, const int64_t[:, ::1] bounds, uint8_t[::1] text):
    """Copy the words to `text`, end to end; it is as long as they are."""
    cdef int64_t i, at = 0, size
    if bounds.shape[1] != 2:
        raise ValueError(f"bounds of {bounds.shape[1]} columns")
    for i in range(bounds.shape[0]):
        if not 0 <= bounds[i, 0] <= bounds[i, 1] <= data.shape[0]:
            raise ValueError(f"word {i} lies outside of the data")
        at += bounds[i, 1] - bounds[i, 0]
        if at > text.shape[0]:
            break
    if at != text.shape[0]:
        raise ValueError(f"words that do not fill {text.shape[0]} bytes")
    at = 0
    with nogil:
        for i in range(bounds.shape[0]):
            size = bounds[i, 1] - bounds[i, 0]
            if size:
                memcpy(&text[at], &data[bounds[i, 0]], <size_t>size)
                at += size
