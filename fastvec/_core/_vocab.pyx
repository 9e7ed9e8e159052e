"""Count words and find them: the token table, the order of a vocabulary, the alias table of its noise."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

import numpy as np

from fastvec._core.token_table cimport (
    FV_NO_MEMORY, FV_TOO_LONG, FV_TOO_MANY, fv_end_line, fv_make_token, fv_scan, fv_scan_text, fv_table,
    fv_table_add, fv_table_free, fv_table_merge, fv_table_reserve, fv_table_settle, fv_table_take_over, fv_take,
    fv_token,
)
from fastvec._core.words cimport fv_find_word

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef extern from "rank_words.h" nogil:
    int fv_rank_words(const uint8_t *text, const int64_t *offsets, const int64_t *counts, const int64_t *places,
                      int64_t n, int64_t *order)


cdef int check(int64_t status) except -1:
    """Raise what an error code of token_table.h stands for."""
    if status == FV_NO_MEMORY:
        raise MemoryError("no memory for the table of words; set max_vocab_size")
    if status == FV_TOO_MANY:
        raise OverflowError("more than 2,147,483,646 distinct words; set max_vocab_size")
    if status == FV_TOO_LONG:
        raise OverflowError("a word of more than 2,147,483,647 bytes")
    return 0


cdef tuple as_tuple(const fv_scan *scan):
    return (scan.stop, scan.words, scan.lines, scan.sentences, bool(scan.lead), bool(scan.pending),
            scan.n_ids)


cdef class TokenTable:
    """Distinct words with their counts; ids in order of first appearance. For one thread at a time.

    `scan` and `add` return ``(stop, words, lines, sentences, lead, pending, n_ids)``: what was read (bytes or
    sentences), tokens, newlines, sentences that ended and hold a word of the table, whether a newline came
    before any word of it, whether such words follow the last newline, ids written.
    """

    cdef:
        fv_table table
        bint frozen

    def __cinit__(self, const uint8_t[::1] text=None, const int64_t[::1] offsets=None):
        """An empty table, or a frozen one of the given word table's words, with their ids: it only finds."""
        cdef:
            int64_t i, status = 0, n = 0 if offsets is None else offsets.shape[0] - 1
            const uint8_t *bytes = NULL
            fv_token token
        memset(&self.table, 0, sizeof(fv_table))
        check(fv_table_reserve(&self.table, n))
        if offsets is None:
            return
        if text.shape[0]:
            bytes = &text[0]
        with nogil:
            for i in range(n):
                token = fv_make_token(bytes + offsets[i], offsets[i + 1] - offsets[i], bytes + text.shape[0])
                status = fv_table_add(&self.table, &token, 0)
                if status < 0:
                    break
        check(status)
        self.frozen = True

    def __dealloc__(self):
        fv_table_free(&self.table)

    def __len__(self):
        return self.table.n

    def scan(self, const uint8_t[::1] data, int32_t[::1] ids=None, int64_t limit=0, bint pending=False,
             int64_t place=0):
        """Count the words of `data` (a frozen table: find them), split at ASCII whitespace.

        Ids go to `ids` (room for ``len(data) + 1``), -1 after each sentence. With `limit`, stop after the
        sentence that leaves more than so many words in the table. `pending`: the first line holds words in an
        earlier block. `place`: that of the first byte of `data`; a table is given ascending ones.
        """
        cdef:
            fv_scan scan
            int32_t *out = NULL
            const uint8_t *bytes = &data[0] if data.shape[0] else NULL
        if ids is not None:
            if ids.shape[0] <= data.shape[0]:
                raise ValueError(f"ids: {ids.shape[0]} places for {data.shape[0]} bytes; give one more")
            out = &ids[0]
        memset(&scan, 0, sizeof(scan))
        scan.pending = pending
        self.table.origin, self.table.place = bytes, place
        with nogil:
            fv_scan_text(&self.table, bytes, data.shape[0], limit, not self.frozen, out, &scan)
        self.table.origin = NULL
        check(scan.error)
        return as_tuple(&scan)

    def add(self, list sentences, Py_ssize_t first=0, int32_t[::1] ids=None, int64_t limit=0):
        """The same for ``sentences[first:]``, lists or tuples of str, which end like lines.

        `ids` has room for all their words and ends. Raises TypeError or UnicodeEncodeError at a word that is
        no str or does not encode, ValueError at a sentence that yields more than its length; the words before
        are counted.
        """
        cdef:
            fv_scan scan
            fv_token token
            Py_ssize_t length, room = 0
            list rest = sentences[first:]
            int32_t *out = NULL
            const uint8_t *word
        if ids is not None:
            for sentence in rest:
                room += len(sentence) + 1
            if ids.shape[0] < room:
                raise ValueError(f"ids: {ids.shape[0]} places for {room} words and ends")
            if room:
                out = &ids[0]
        memset(&scan, 0, sizeof(scan))
        scan.stop = first
        for sentence in rest:
            for item in sentence:
                if out != NULL and scan.n_ids + 1 >= room:  # the sentence's end needs a place too
                    raise ValueError("a sentence grew while it was read")
                word = <const uint8_t *>PyUnicode_AsUTF8AndSize(item, &length)
                token = fv_make_token(word, length, word + length)
                check(fv_take(&self.table, &token, not self.frozen, out, &scan))
            fv_end_line(&scan, out)
            scan.stop += 1
            if limit and self.table.n > limit:
                break
        return as_tuple(&scan)

    def merge(self, list tables, uint64_t part, uint64_t parts):
        """Add the words and counts of `tables` whose hash falls into part `part` of `parts`."""
        cdef:
            TokenTable other
            int64_t most = 0, status
        for other in tables:
            most = max(most, other.table.n)
        check(fv_table_reserve(&self.table, self.table.n + most // <int64_t>parts))
        for other in tables:
            with nogil:
                status = fv_table_merge(&self.table, &other.table, part, parts)
            check(status)

    def counts(self):
        """Return the counts, int64[n]."""
        fv_table_settle(&self.table)
        return self._numbers(self.table.counts)

    def places(self):
        """Return where each word was seen first, int64[n]: as `scan` was told, else in order of appearance."""
        return self._numbers(self.table.places)

    cdef object _numbers(self, const int64_t *numbers):
        out = np.empty(self.table.n, np.int64)
        cdef int64_t[::1] view = out
        if self.table.n:
            memcpy(&view[0], numbers, self.table.n * sizeof(int64_t))
        return out

    def select(self, const uint8_t[::1] keep):
        """Return the words where `keep` (uint8[n]) is not 0, as text (uint8) and offsets (int64)."""
        cdef int64_t i, kept = 0, size = 0, start
        if keep.shape[0] != self.table.n:
            raise ValueError(f"keep: {keep.shape[0]} flags for {self.table.n} words")
        with nogil:
            for i in range(self.table.n):
                if keep[i]:
                    kept += 1
                    size += self.table.offsets[i + 1] - self.table.offsets[i]
        text, offsets = np.empty(size, np.uint8), np.zeros(kept + 1, np.int64)
        cdef:
            uint8_t[::1] to = text
            int64_t[::1] bounds = offsets
        kept = size = 0
        with nogil:
            for i in range(self.table.n):
                if keep[i]:
                    start = self.table.offsets[i]
                    memcpy(&to[0] + size, self.table.text + start, self.table.offsets[i + 1] - start)
                    size += self.table.offsets[i + 1] - start
                    kept += 1
                    bounds[kept] = size
        return text, offsets

    def since(self, int64_t first):
        """Return the words from id `first` on, as text (uint8) and offsets (int64)."""
        cdef int64_t i, n = self.table.n - first, start
        if not 0 <= first <= self.table.n:
            raise ValueError(f"word {first} of {self.table.n}")
        start = self.table.offsets[first] if n else 0
        offsets = np.zeros(n + 1, np.int64)
        cdef int64_t[::1] bounds = offsets
        for i in range(n):
            bounds[i + 1] = self.table.offsets[first + i + 1] - start
        text = np.empty(bounds[n], np.uint8)
        cdef uint8_t[::1] to = text
        if bounds[n]:
            memcpy(&to[0], self.table.text + start, bounds[n])
        return text, offsets

    def prune(self, const uint8_t[::1] keep):
        """Drop the words where `keep` (uint8[n]) is 0; the ids of the others close ranks."""
        cdef:
            fv_table kept
            fv_token token
            const uint8_t *end
            int64_t i, status = 0
        if keep.shape[0] != self.table.n:
            raise ValueError(f"keep: {keep.shape[0]} flags for {self.table.n} words")
        memset(&kept, 0, sizeof(kept))
        fv_table_settle(&self.table)
        with nogil:
            status = fv_table_reserve(&kept, 0)
            end = self.table.text + (self.table.offsets[self.table.n] if self.table.n else 0)
            for i in range(self.table.n):
                if status < 0:
                    break
                if keep[i]:
                    token = fv_make_token(self.table.text + self.table.offsets[i],
                                          self.table.offsets[i + 1] - self.table.offsets[i], end)
                    status = fv_table_take_over(&kept, &token, &self.table, i, 0)
        if status < 0:
            fv_table_free(&kept)
            check(status)
        fv_table_free(&self.table)
        self.table = kept

    def ids_in(self, const uint8_t[::1] text, const int64_t[::1] offsets, const int32_t[:, ::1] slots):
        """Return the id of each word in a word table, -1 where it is not there, int32[n]."""
        out = np.empty(self.table.n, np.int32)
        cdef:
            int32_t[::1] found = out
            const uint8_t *bytes = &text[0] if text.shape[0] else NULL
            int64_t i, start
        with nogil:
            for i in range(self.table.n):
                start = self.table.offsets[i]
                found[i] = fv_find_word(&slots[0, 0], slots.shape[0] - 1, bytes, &offsets[0],
                                        self.table.text + start, self.table.offsets[i + 1] - start)
        return out


def order(const uint8_t[::1] text, const int64_t[::1] offsets, const int64_t[::1] counts=None,
          const int64_t[::1] places=None):
    """Return the words' indices, int64 (n,): by falling count, equal ones by `places`, then by their words' bytes; what
    is None is the same for all."""
    cdef:
        int64_t i, n = offsets.shape[0] - 1
        int status = 0
        const uint8_t *bytes = &text[0] if text.shape[0] else NULL
    if (counts is not None and counts.shape[0] != n) or (places is not None and places.shape[0] != n):
        raise ValueError(f"counts or places are not of the size of the {n} words")
    for i in range(n):
        if not 0 <= offsets[i] <= offsets[i + 1] <= text.shape[0]:
            raise ValueError(f"word {i} has impossible bounds, {offsets[i]} to {offsets[i + 1]} of {text.shape[0]}")
    found = np.empty(n, np.int64)
    cdef int64_t[::1] ids = found
    if n:
        with nogil:
            status = fv_rank_words(bytes, &offsets[0], NULL if counts is None else &counts[0],
                                   NULL if places is None else &places[0], n, &ids[0])
        check(status)
    return found


def ranked(const uint8_t[::1] text, const int64_t[::1] offsets, const int64_t[::1] counts,
           const int64_t[::1] places=None):
    """Return ``(text, offsets, counts)`` of the words in their `order`."""
    cdef:
        int64_t[::1] ids = order(text, offsets, counts, places)
        int64_t i, n = ids.shape[0], start, size = 0
        const uint8_t *bytes = &text[0] if text.shape[0] else NULL
    new_text, new_counts = np.empty(text.shape[0], np.uint8), np.empty(n, np.int64)
    new_offsets = np.zeros(n + 1, np.int64)
    cdef:
        int64_t[::1] bounds = new_offsets, sorted_counts = new_counts
        uint8_t[::1] to = new_text
    with nogil:
        for i in range(n):
            start = offsets[ids[i]]
            if offsets[ids[i] + 1] > start:
                memcpy(&to[0] + size, bytes + start, offsets[ids[i] + 1] - start)
            size += offsets[ids[i] + 1] - start
            bounds[i + 1] = size
            sorted_counts[i] = counts[ids[i]]
    return new_text, new_offsets, new_counts


def alias_table(const double[::1] weights, uint32_t[:, ::1] table):
    """Fill Walker's alias table for `weights` (not negative, one above 0) by Vose's method.

    Column i of the histogram, of width 1/n, holds i below ``table[i, 0] / 2**32`` and ``table[i, 1]`` above.
    """
    cdef:
        int64_t n = weights.shape[0], i, small = 0, large = n, heaviest = 0
        int32_t lean, fat
        double total = 0
    if table.shape[0] != n or table.shape[1] != 2:
        raise ValueError(f"table: {table.shape[0]} x {table.shape[1]} for {n} weights")
    # `stack` holds the lean columns from the front, the fat ones from the back; `share` is n times the
    # probability.
    stack_array, share_array = np.empty(n, np.int32), np.empty(n, np.float64)
    cdef:
        int32_t[::1] stack = stack_array
        double[::1] share = share_array
    with nogil:
        for i in range(n):
            total += weights[i]
            if weights[i] > weights[heaviest]:
                heaviest = i
        for i in range(n):
            share[i] = weights[i] * n / total
            if share[i] < 1:
                stack[small] = <int32_t>i
                small += 1
            else:
                large -= 1
                stack[large] = <int32_t>i
        while small > 0 and large < n:
            small -= 1
            lean, fat = stack[small], stack[large]
            table[lean, 0] = <uint32_t>(share[lean] * 4294967296.0)
            table[lean, 1] = <uint32_t>fat
            share[fat] = (share[fat] + share[lean]) - 1
            if share[fat] < 1:
                large += 1
                stack[small] = fat
                small += 1
        # What is left has a share of 1, but for rounding: a word of no weight must not gain by it.
        for i in range(small):
            lean = stack[i]
            table[lean, 0] = 0xFFFFFFFF if weights[lean] > 0 else 0
            table[lean, 1] = <uint32_t>(lean if weights[lean] > 0 else heaviest)
        for i in range(large, n):
            table[stack[i], 0] = 0xFFFFFFFF
            table[stack[i], 1] = <uint32_t>stack[i]
