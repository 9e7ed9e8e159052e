"""Index over a word table: build it, and find words in it. Layout: words.pxd."""

from cython cimport auto_pickle
from cpython.bytes cimport PyBytes_AsString
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp
from fastvec._core.words cimport fv_find_word, fv_word_hash

cdef extern from "Python.h":
    # Of the stable ABI since 3.10. The bytes belong to the string; ASCII strings are not copied.
    const char *PyUnicode_AsUTF8AndSize(object word, Py_ssize_t *size) except NULL

cdef extern from "simd.h" nogil:
    void FV_PREFETCH(const void *address)

cdef enum:
    BATCH = 64  # (the step below) words that are looked up side by side: each waits for memory three times

cdef struct Asked:
    const uint8_t *word  # UTF-8
    int64_t length
    uint64_t hash
    int32_t answer       # 0, or what is known without a look at the table


def build_index(const uint8_t[::1] text, const int64_t[::1] offsets, int32_t[:, ::1] slots):
    """Fill `slots` (int32[2^k, 2]) for the table's words. Returns -1, or the id of the first word to repeat
    an earlier one; `slots` is of no use then."""
    cdef:
        Py_ssize_t n = offsets.shape[0] - 1, i
        uint64_t mask = slots.shape[0] - 1, hash, at
        int32_t repeated = -1, free_slot = -1
        const uint8_t *bytes = &text[0] if text.shape[0] else NULL
    if slots.shape[0] & (slots.shape[0] - 1) or slots.shape[0] < n or slots.shape[1] != 2:
        raise ValueError(f"slots: {slots.shape[0]} x {slots.shape[1]} is no power of two x 2 for {n} words")
    with nogil:
        slots[:, :] = free_slot
        for i in range(n):
            if n > 0 and fv_find_word(&slots[0, 0], mask, bytes, &offsets[0], bytes + offsets[i],
                                      offsets[i + 1] - offsets[i]) >= 0:
                repeated = <int32_t>i
                break
            hash = fv_word_hash(bytes + offsets[i], offsets[i + 1] - offsets[i])
            at = hash & mask
            while slots[at, 1] >= 0:
                at = (at + 1) & mask
            slots[at, 0] = <int32_t><uint32_t>(hash >> 32)
            slots[at, 1] = <int32_t>i
    return repeated


cdef class Finder:
    """Finds words through the index of a word table.

    The arrays may come from a hostile file: whatever they hold, nothing outside of them is read.
    """

    cdef:
        const uint8_t[::1] text
        const int64_t[::1] offsets
        const int32_t[:, ::1] slots

    def __init__(self, const uint8_t[::1] text, const int64_t[::1] offsets, const int32_t[:, ::1] slots):
        if not slots.shape[0] or slots.shape[0] & (slots.shape[0] - 1) or slots.shape[1] != 2:
            raise ValueError(f"slots: {slots.shape[0]} x {slots.shape[1]} is no power of two x 2")
        self.text, self.offsets, self.slots = text, offsets, slots

    cdef int32_t _find(self, const Asked *asked) noexcept nogil:
        cdef:
            int64_t n = self.offsets.shape[0] - 1, first, last, _probe
            uint64_t mask = <uint64_t>self.slots.shape[0] - 1, at = asked.hash & mask
            int32_t tag = <int32_t><uint32_t>(asked.hash >> 32), i
        if asked.answer:
            return asked.answer
        for _probe in range(self.slots.shape[0]):
            i = self.slots[at, 1]
            if i < 0:
                return -1
            if self.slots[at, 0] == tag:
                if i >= n:
                    return -2
                first, last = self.offsets[i], self.offsets[i + 1]
                if not 0 <= first <= last <= self.text.shape[0]:
                    return -2
                if last - first == asked.length:
                    if last == first or memcmp(&self.text[first], asked.word, <size_t>(last - first)) == 0:
                        return i
            at = (at + 1) & mask
        return -2  # at least half of the slots are free in an index as it should be

    cdef void _fetch_bounds(self, const Asked *asked) noexcept nogil:
        """Ask memory for the bounds of the first word that may be the one."""
        cdef int32_t i = self.slots[asked.hash & (<uint64_t>self.slots.shape[0] - 1), 1]
        if 0 <= i < self.offsets.shape[0]:
            FV_PREFETCH(&self.offsets[i])

    cdef void _fetch_text(self, const Asked *asked) noexcept nogil:
        """Ask memory for its bytes."""
        cdef int32_t i = self.slots[asked.hash & (<uint64_t>self.slots.shape[0] - 1), 1]
        if 0 <= i < self.offsets.shape[0] and 0 <= self.offsets[i] < self.text.shape[0]:
            FV_PREFETCH(&self.text[self.offsets[i]])

    def find(self, word):
        """Return the id of a word (str, or its UTF-8 bytes), -1 if it is not there, -2 if the arrays contradict each
        other, -3 if it is no word."""
        cdef Asked asked
        ask(word, &asked)
        return self._find(&asked)

    def find_all(self, list words not None, int32_t[::1] ids):
        """Write to `ids` what `find` returns for each of `words`, a list that nobody else changes."""
        cdef:
            Py_ssize_t n = len(words), start, i, size
            int32_t missing = -1
            Asked batch[BATCH]
        if ids.shape[0] != n:
            raise ValueError(f"{n} words and {ids.shape[0]} ids")
        for start in range(0, n, BATCH):
            size = min(<Py_ssize_t>BATCH, n - start)
            for i in range(size):
                ask(words[start + i], &batch[i])
                FV_PREFETCH(&self.slots[batch[i].hash & (<uint64_t>self.slots.shape[0] - 1), 0])
            for i in range(size):
                self._fetch_bounds(&batch[i])
            for i in range(size):
                self._fetch_text(&batch[i])
            for i in range(size):
                ids[start + i] = self._find(&batch[i])
                if ids[start + i] == -2:  # no more of an index that is damaged: each look-up may walk all of it
                    ids[start + i + 1:] = missing
                    return


@auto_pickle(False)
cdef class Rows:
    """What ``KeyedVectors[...]`` asks first: the row of a string that is in the table, without a call of Python code.

    `_finder` finds the words, `_view` holds their rows, read-only; `_get` answers everything else.
    """

    cdef public object _finder, _view

    def __getitem__(self, keys):
        """Return the vector of a key, (D,), read-only; or of several, (n, D), as a new array."""
        cdef Asked asked
        cdef int32_t row
        finder = self._finder  # held: another thread may put another table in its place
        if isinstance(keys, str) and isinstance(finder, Finder):
            ask(keys, &asked)
            row = (<Finder>finder)._find(&asked)
            if row >= 0:
                return self._view[row]
        return self._get(keys)


cdef int ask(object word, Asked *asked) except -1:
    """Take the bytes of a word, which belong to it, and their hash."""
    cdef Py_ssize_t length = 0
    asked.word, asked.hash, asked.answer = NULL, 0, 0
    if isinstance(word, str):
        try:
            asked.word = <const uint8_t *>PyUnicode_AsUTF8AndSize(word, &length)
        except UnicodeEncodeError:  # a lone surrogate: no UTF-8 word holds one
            asked.answer = -1
    elif isinstance(word, bytes):
        asked.word, length = <const uint8_t *>PyBytes_AsString(word), len(<bytes>word)
    else:
        asked.answer = -3
    asked.length = length
    if not asked.answer:
        asked.hash = fv_word_hash(asked.word, length)
    return 0


def word_hash(bytes word not None):
    """Return the 64-bit hash of `word`."""
    cdef const uint8_t *w = word
    return fv_word_hash(w, len(word))
