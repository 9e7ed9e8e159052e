"""Lines of a word and numbers, as text.

A number of up to 19 digits whose value fits 53 bits, times or divided by a power of ten up to 10^22, is exact after
one operation of double precision (Clinger, "How to Read Floating Point Numbers Accurately", 1990). All vectors that
programs write as float32 are of that kind; lines that hold other things are left to the caller.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr

cdef enum:
    MOST_DIGITS = 19  # fit 64 bits
    MOST_POWER = 22  # 10^22 is exact in double precision

cdef double *POWERS = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
                       1e18, 1e19, 1e20, 1e21, 1e22]


cdef inline bint is_blank(uint8_t byte) noexcept nogil:
    return byte == c' ' or 9 <= byte <= 13


cdef inline const uint8_t *digits(const uint8_t *p, const uint8_t *stop, uint64_t *value,
                                  int64_t *count) noexcept nogil:
    """Read on while there are digits; add them to `value`, and those that are significant to `count`."""
    cdef uint8_t digit
    while p < stop:
        digit = p[0] - c'0'
        if digit > 9:
            break
        if value[0] or digit:
            count[0] += 1
            if count[0] > MOST_DIGITS:
                break
        value[0] = value[0] * 10 + digit
        p += 1
    return p


cdef inline const uint8_t *number(const uint8_t *p, const uint8_t *stop, double *out) noexcept nogil:
    """Read a number that begins at `p`; return where it ends, or NULL if it is none, or none that is exact here."""
    cdef:
        bint negative = p[0] == c'-', below = False
        uint64_t value = 0, power = 0
        int64_t count = 0, exponent = 0, length = 0
        const uint8_t *begin
        const uint8_t *middle
    p += negative or p[0] == c'+'
    begin = p
    p = digits(p, stop, &value, &count)
    if p < stop and p[0] == c'.':
        middle = p + 1
        p = digits(middle, stop, &value, &count)
        exponent = middle - p
        if p - begin == 1:
            return NULL
    if p == begin or count > MOST_DIGITS:
        return NULL
    if p < stop and (p[0] == c'e' or p[0] == c'E'):
        p += 1
        if p < stop and (p[0] == c'-' or p[0] == c'+'):
            below = p[0] == c'-'
            p += 1
        begin = p
        p = digits(p, stop, &power, &length)
        if p == begin or length > 4:
            return NULL
        exponent += -<int64_t>power if below else <int64_t>power
    if value == 0:
        exponent = 0
    if value > (<uint64_t>1 << 53) or not -MOST_POWER <= exponent <= MOST_POWER:
        return NULL
    out[0] = <double>value / POWERS[-exponent] if exponent < 0 else <double>value * POWERS[exponent]
    if negative:
        out[0] = -out[0]
    return p


def parse(const uint8_t[::1] data, bint ended, double[:, ::1] out, int64_t[:, ::1] bounds):
    """Read the lines of `data`, a word up to the first space and the numbers of a row of `out` each.

    The word of line i is ``data[bounds[i, 0]:bounds[i, 1]]``. Blanks at a line's end are left out. With `ended`, what
    stands behind the last newline is a line, too.

    Returns
    -------
    lines, used : int
        Lines that were read (at most ``len(out)``), and their bytes.
    stuck : int
        Bytes of the line that follows, where it is there whole but is none of this kind; else 0.
    """
    cdef:
        int64_t lines = 0, room = out.shape[0], width = out.shape[1], j
        const uint8_t *begin
        const uint8_t *end
        const uint8_t *at
        const uint8_t *p
        const uint8_t *stop
        const uint8_t *after = NULL
        const uint8_t *space
        bint stuck = False
    if bounds.shape[0] != room or bounds.shape[1] != 2:
        raise ValueError(f"bounds of {bounds.shape[0]} x {bounds.shape[1]} for {room} lines")
    if not data.shape[0] or not width:
        return 0, 0, 0
    begin = at = &data[0]
    end = begin + data.shape[0]
    with nogil:
        while lines < room and at < end:
            stop = <const uint8_t *>memchr(at, c'\n', <size_t>(end - at))
            if stop == NULL and not ended:
                break
            after = end if stop == NULL else stop + 1
            stop = end if stop == NULL else stop
            while stop > at and is_blank(stop[-1]):
                stop -= 1
            space = <const uint8_t *>memchr(at, c' ', <size_t>(stop - at))
            p = space
            stuck = p == NULL
            j = 0
            while not stuck and j < width:
                while p < stop and is_blank(p[0]):
                    p += 1
                p = number(p, stop, &out[lines, j]) if p < stop else NULL
                stuck = p == NULL or (p < stop and not is_blank(p[0]))
                j += 1
            if stuck or p != stop:
                stuck = True
                break
            bounds[lines, 0], bounds[lines, 1] = at - begin, space - begin
            lines += 1
            at = after
    return lines, at - begin, after - at if stuck else 0
