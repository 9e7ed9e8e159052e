# The reader: from a span of the corpus to centres and their contexts.
#
# A span is any range of tokens; windows look beyond it, to the sentence's ends, so that neither spans nor the buffer
# cut a sentence. Whether a token is kept depends on its place alone, so neighbouring spans agree about it.

cdef inline bint _kept(const Reader *r, int64_t place) noexcept nogil:
    return is_kept(r.keep[r.tokens[place]], draw(r.keep_key, <uint64_t>place))


cdef inline void _push(Reader *r, int32_t word, int64_t place) noexcept nogil:
    r.ids[r.n] = word
    r.places[r.n] = place
    r.n += 1


cdef void reader_start(Reader *r, int64_t start, int64_t stop) noexcept nogil:
    """Set the reader to the centres of [start, stop), with up to `window` kept words of context before them."""
    cdef int64_t place = start
    cdef int32_t found = 0
    while place > 0 and found < r.window and r.tokens[place - 1] >= 0:
        place -= 1
        found += _kept(r, place)
    r.n = r.low = r.high = 0
    while place < start:
        if _kept(r, place):
            _push(r, r.tokens[place], place)
        place += 1
    r.centre = r.n_centres = r.n
    r.next = start
    r.stop = stop
    r.tail_read = False


cdef void _read_tail(Reader *r) noexcept nogil:
    """Read up to `window` kept words beyond the span, within the sentence."""
    cdef int64_t place = r.stop
    cdef int32_t found = 0
    r.tail_read = True
    if r.stop > 0 and r.tokens[r.stop - 1] < 0:
        return
    while place < r.n_tokens and found < r.window and r.tokens[place] >= 0:
        if _kept(r, place):
            _push(r, r.tokens[place], place)
            found += 1
        place += 1


cdef bint reader_fill(Reader *r) noexcept nogil:
    """Drop what no window needs any more and read on. False when no centre is left."""
    cdef:
        int32_t first = r.centre - r.window, i, word, n
        int64_t place
    if r.tail_read:
        return False
    if first > 0:
        for i in range(r.n - first):
            r.ids[i] = r.ids[first + i]
            r.places[i] = r.places[first + i]
        r.n -= first
        r.centre -= first
        r.low = max(0, r.low - first)
    r.high = 0  # the sentence may go on
    n = r.n
    place = r.next
    while place < r.stop and n < r.capacity:
        word = r.tokens[place]
        r.ids[n] = word
        r.places[n] = place
        if word < 0:
            n += 1
        else:
            n += is_kept(r.keep[word], draw(r.keep_key, <uint64_t>place))
        place += 1
    r.n = n
    r.next = place
    if place == r.stop:
        r.n_centres = n
        _read_tail(r)
    else:
        r.n_centres = n - r.window - GROUP + 1
    return True


cdef inline void group_start(Reader *r, Group *g, int32_t first) noexcept nogil:
    """The centres of the group that starts at entry `first`: up to `r.group` neighbours in one sentence."""
    cdef int32_t limit = r.n_centres if r.tail_read else r.n_centres + GROUP - 1
    if first >= r.high:
        if first > 0 and r.ids[first - 1] < 0:
            r.low = first
        r.high = first + 1
        while r.high < r.n and r.ids[r.high] >= 0:
            r.high += 1
    g.first = first
    g.size = min(r.group, min(limit, r.high) - first)
