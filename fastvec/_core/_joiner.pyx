"""Phrases: join them in text and in sentences. phrase_join.h tells how."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

import numpy as np

from fastvec._core.token_table cimport (
    fv_make_token, fv_table, fv_table_add, fv_table_free, fv_table_reserve, fv_token,
)

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef extern from "text_hash.h" nogil:
    ctypedef struct fv_text:
        uint64_t hash, power
    fv_text fv_text_of(const uint8_t *text, int64_t n)

cdef extern from "phrase_join.h" nogil:
    ctypedef struct fv_entry:
        pass

    ctypedef struct fv_piece:
        const uint8_t *at
        int64_t length

    ctypedef struct fv_joiner:
        fv_entry *entries
        const uint8_t *text
        const int64_t *offsets
        const int32_t *splits
        fv_table connectors
        const uint8_t *delimiter
        int64_t delimiter_length
        fv_text between

    ctypedef struct fv_candidate:
        fv_piece *pieces
        int64_t n

    ctypedef struct fv_writer:
        uint8_t *out
        int64_t n
        int begun

    int fv_joiner_build(fv_joiner *joiner, int64_t n)
    int fv_is_connector(const fv_joiner *joiner, const uint8_t *word, int64_t n, const uint8_t *end)
    int fv_extend(fv_candidate *candidate, const fv_joiner *joiner, fv_piece piece, fv_text text)
    int64_t fv_match(const fv_joiner *joiner, const fv_candidate *candidate, fv_piece last, fv_text text)
    int64_t fv_join_text(const fv_joiner *joiner, fv_candidate *candidate, fv_writer *writer,
                         const uint8_t *text, int64_t n, int last)


cdef enum:
    ALONE = -1
    LEFT_OUT = -2


cdef int check(int64_t status) except -1:
    if status < 0:
        raise MemoryError("no memory for the phrases")
    return 0


cdef class Joiner:
    """Joins phrases: their texts end to end, a delimiter, the connectors (a list of bytes).

    splits : int32[n, 2], optional
        The lengths of the first and last word of each phrase, where but one way of cutting it is meant.
    """

    cdef:
        fv_joiner joiner
        const uint8_t[::1] text
        const uint8_t[::1] delimiter
        const int64_t[::1] offsets
        const int32_t[:, ::1] splits

    def __cinit__(self, const uint8_t[::1] text, const int64_t[::1] offsets, const uint8_t[::1] delimiter,
                  list connectors, const int32_t[:, ::1] splits=None):
        cdef:
            fv_token token
            const uint8_t *word
            int64_t n = offsets.shape[0] - 1
        memset(&self.joiner, 0, sizeof(fv_joiner))
        if splits is not None and (splits.shape[0] != n or splits.shape[1] != 2):
            raise ValueError(f"splits: {splits.shape[0]} x {splits.shape[1]} for {n} phrases")
        self.text, self.offsets, self.delimiter, self.splits = text, offsets, delimiter, splits
        self.joiner.text = &text[0] if text.shape[0] else <const uint8_t *>b""
        self.joiner.offsets = &offsets[0]
        self.joiner.splits = &splits[0, 0] if splits is not None and n else NULL
        self.joiner.delimiter = &delimiter[0] if delimiter.shape[0] else <const uint8_t *>b""
        self.joiner.delimiter_length = delimiter.shape[0]
        self.joiner.between = fv_text_of(self.joiner.delimiter, delimiter.shape[0])
        check(fv_table_reserve(&self.joiner.connectors, 0))
        for connector in connectors:
            word = connector
            token = fv_make_token(word, len(connector), word + len(connector))
            check(fv_table_add(&self.joiner.connectors, &token, 0))
        check(fv_joiner_build(&self.joiner, n))

    def __dealloc__(self):
        free(self.joiner.entries)
        fv_table_free(&self.joiner.connectors)

    def join(self, const uint8_t[::1] data, bint begun=False, bint last=True):
        """Join the words of `data`: ``(text, stop, begun)``.

        Words stand a blank apart, each line ends in a newline. `begun`: a word of the first line was written
        before; and in the answer, of the last one. `last`: the data ends its line; else what may become a phrase
        with words to come is left, from `stop` on.
        """
        cdef:
            int64_t n = data.shape[0], stop
            fv_candidate candidate
            fv_writer writer
            const uint8_t *bytes = &data[0] if n else NULL
        text = np.empty(n + 2 + (n + 1) // 2 * max(0, self.joiner.delimiter_length - 1), np.uint8)
        cdef uint8_t[::1] out = text
        memset(&candidate, 0, sizeof(candidate))
        writer.out, writer.n, writer.begun = &out[0], 0, begun
        with nogil:
            stop = fv_join_text(&self.joiner, &candidate, &writer, bytes, n, last)
        free(candidate.pieces)
        check(stop)
        return text[:writer.n], stop, bool(writer.begun)

    cdef int64_t read(self, fv_candidate *begun, object word) except -9:
        """Read the next word of a sentence: the number of the phrase that it ends, with all that was `begun`; else
        ALONE, a word that stands for itself as yet; or LEFT_OUT, an empty one.
        """
        cdef:
            fv_piece piece
            fv_text text
            int64_t phrase = ALONE
            Py_ssize_t length
        piece.at = <const uint8_t *>PyUnicode_AsUTF8AndSize(word, &length)
        piece.length = length
        text = fv_text_of(piece.at, length)
        if fv_is_connector(&self.joiner, piece.at, length, piece.at + length):
            if begun.n:
                check(fv_extend(begun, &self.joiner, piece, text))
            return ALONE
        if begun.n:
            phrase = fv_match(&self.joiner, begun, piece, text)
            begun.n = 0
        if phrase < 0:
            if not length:
                return LEFT_OUT
            check(fv_extend(begun, &self.joiner, piece, text))
        return phrase

    def segments(self, list words not None):
        """Return ``(stops, phrases)`` of a sentence: where each piece of it ends, and which phrase it is, or -1.

        Raises TypeError or UnicodeEncodeError at a word that is no str or does not encode.
        """
        cdef:
            fv_candidate begun
            int64_t phrase, before, i = 0
            list stops = [], phrases = [], held = words[:]  # the words begun with are pointed at: nobody may drop them
        memset(&begun, 0, sizeof(begun))
        try:
            for word in held:
                before = begun.n
                phrase = self.read(&begun, word)
                i += 1
                if phrase >= 0:
                    del stops[len(stops) - before:], phrases[len(phrases) - before:]
                if phrase != LEFT_OUT:
                    stops.append(i)
                    phrases.append(phrase)
        finally:
            free(begun.pieces)
        return stops, phrases

    def joined(self, list words not None, list texts not None):
        """Return the sentence with its phrases joined; ``texts[i]`` is phrase i as str. Errors as of `segments`."""
        cdef:
            fv_candidate begun
            int64_t phrase, before
            list out = []
        memset(&begun, 0, sizeof(begun))
        try:
            for word in words:
                before = begun.n
                phrase = self.read(&begun, word)
                if phrase >= 0:
                    del out[len(out) - before:]
                    out.append(texts[phrase])
                elif phrase == ALONE:
                    out.append(word)
        finally:
            free(begun.pieces)
        return out
