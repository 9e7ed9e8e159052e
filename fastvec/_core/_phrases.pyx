"""Phrases: count pairs of words, count by their texts, score. The headers tell how."""

from libc.math cimport INFINITY, log
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset

import numpy as np

from fastvec._core.token_table cimport (
    FV_NO_MEMORY, FV_TOO_LONG, FV_TOO_MANY, fv_table, fv_table_reserve,
)

cdef extern from "text_hash.h" nogil:
    ctypedef struct fv_text:
        uint64_t hash, power
    fv_text fv_text_of(const uint8_t *text, int64_t n)

cdef extern from "step_table.h" nogil:
    uint32_t FV_STEP, FV_NONE

    ctypedef struct fv_step:
        uint32_t left, connector

    ctypedef struct fv_steps:
        fv_step *steps
        int64_t n

cdef extern from "pair_table.h" nogil:
    int FV_UNKNOWN

    ctypedef struct fv_pairs:
        fv_steps steps
        fv_text between
        int64_t n, n_words

    void fv_pairs_free(fv_pairs *pairs)
    int fv_pairs_reserve(fv_pairs *pairs, int64_t more)
    int fv_pairs_words(fv_pairs *pairs, const uint8_t *text, const int64_t *offsets, int64_t n)
    int fv_pairs_count(fv_pairs *pairs, const int32_t *ids, int64_t n, uint32_t connectors)
    int fv_pairs_prune(fv_pairs *pairs, uint64_t least, const int32_t *new_ids)

cdef extern from "phrase_table.h" nogil:
    int FV_PARTS

    ctypedef struct fv_row:
        uint64_t hash
        int64_t count
        uint32_t left, right

    ctypedef struct fv_part:
        fv_row *slots
        uint64_t size
        int64_t n

    ctypedef struct fv_phrases:
        fv_table words
        fv_steps steps
        uint8_t *delimiter
        int64_t delimiter_length
        fv_text between
        fv_part *parts

    ctypedef struct fv_counted:
        const fv_pairs *pairs
        const int32_t *ids
        const uint32_t *steps

    void fv_phrases_free(fv_phrases *table)
    uint32_t fv_first_word(const fv_phrases *table, uint32_t left)
    uint64_t fv_row_hash(const fv_phrases *table, uint32_t left, uint32_t right)
    int64_t fv_row_length(const fv_phrases *table, uint32_t left, uint32_t right)
    void fv_row_write(const fv_phrases *table, uint32_t left, uint32_t right, uint8_t *end)
    int64_t fv_phrases_find(const fv_phrases *table, const uint8_t *text, int64_t n)
    int fv_phrases_add(fv_phrases *table, const fv_row *row)
    int fv_part_reserve(fv_part *part, int64_t n)
    int fv_part_prune(fv_part *part, int64_t least)
    int64_t fv_phrases_word(fv_phrases *table, const uint8_t *word, int64_t n, const uint8_t *end)
    uint32_t fv_phrases_step(fv_phrases *table, uint32_t left, uint32_t connector)
    int fv_phrases_merge_all(fv_phrases *table, const fv_counted *counted, int64_t n_counted, const int64_t *words,
                             int64_t n_words, int first, int last)

cdef int check(int64_t status) except -1:
    if status == FV_NO_MEMORY:
        raise MemoryError("no memory for the table of phrases; set max_vocab_size")
    if status == FV_TOO_MANY:
        raise OverflowError("more than 2,147,483,646 distinct words; set max_vocab_size")
    if status == FV_TOO_LONG:
        raise OverflowError("a word of more than 2,147,483,647 bytes")
    if status == FV_UNKNOWN:
        raise ValueError("an id of no word")
    return 0


def edges(const int32_t[::1] ids, int32_t connectors):
    """Return what of `ids` may belong to a phrase that begins before or ends after them, int32.

    From the front up to the first word that is no connector, or a sentence's end; -1; from the last such on.
    The whole, where there is none.
    """
    cdef int64_t n = ids.shape[0], first = 0, last = n
    while first < n and 0 <= ids[first] < connectors:
        first += 1
    if first == n:
        return np.array(ids, np.int32)
    while 0 <= ids[last - 1] < connectors:
        last -= 1
    return np.concatenate([np.asarray(ids[:first + 1]), np.array([-1], np.int32), np.asarray(ids[last - 1:])])


cdef class PairTable:
    """Counts of pairs of neighbouring words, called by one numbering; ids below `connectors` are connectors.

    For one thread at a time.
    """

    cdef:
        fv_pairs pairs
        uint32_t connectors

    def __cinit__(self, uint32_t connectors=0, const uint8_t[::1] delimiter=b""):
        memset(&self.pairs, 0, sizeof(fv_pairs))
        self.connectors = connectors
        self.pairs.between = fv_text_of(&delimiter[0] if delimiter.shape[0] else NULL, delimiter.shape[0])
        check(fv_pairs_reserve(&self.pairs, 0))

    def __dealloc__(self):
        fv_pairs_free(&self.pairs)

    def __len__(self):
        """Distinct pairs."""
        return self.pairs.n

    @property
    def known(self):
        """How many words there are."""
        return self.pairs.n_words

    def add_words(self, const uint8_t[::1] text, const int64_t[::1] offsets):
        """Tell the words whose ids follow those of the words known."""
        cdef:
            int64_t n = offsets.shape[0] - 1
            const uint8_t *bytes = &text[0] if text.shape[0] else NULL
            int status = 0
        with nogil:
            status = fv_pairs_words(&self.pairs, bytes, &offsets[0], n)
        check(status)

    def count(self, const int32_t[::1] ids):
        """Count the pairs of `ids`, in which -1 ends a sentence."""
        cdef int status = 0
        if ids.shape[0]:
            with nogil:
                status = fv_pairs_count(&self.pairs, &ids[0], ids.shape[0], self.connectors)
        check(status)

    def prune(self, uint64_t least, const int32_t[::1] new_ids):
        """Forget the pairs seen fewer than `least` times; words are called ``new_ids[id]`` from now on."""
        cdef int status = 0
        if new_ids.shape[0] != self.pairs.n_words:
            raise ValueError(f"{new_ids.shape[0]} new ids for {self.pairs.n_words} words")
        if new_ids.shape[0]:
            with nogil:
                status = fv_pairs_prune(&self.pairs, least, &new_ids[0])
        check(status)


cdef class PhraseTable:
    """Counts of words and phrases by their texts.

    Row: left side and right word. A left side below 2^31 is a word; another one is a step, left side and
    connector. A right word of 2^32 - 1 is none: the row is a single word.
    """

    cdef:
        fv_phrases table

    def __cinit__(self, const uint8_t[::1] delimiter):
        cdef int64_t n = delimiter.shape[0]
        memset(&self.table, 0, sizeof(fv_phrases))
        check(fv_table_reserve(&self.table.words, 0))
        self.table.delimiter = <uint8_t *>malloc(n + 1)
        if self.table.delimiter == NULL:
            raise MemoryError
        if n:
            memcpy(self.table.delimiter, &delimiter[0], n)
        self.table.delimiter_length = n
        self.table.between = fv_text_of(self.table.delimiter, n)

    def __dealloc__(self):
        fv_phrases_free(&self.table)

    def __len__(self):
        """Distinct texts."""
        cdef int64_t n = 0
        for i in range(FV_PARTS):
            n += self.table.parts[i].n
        return n

    @property
    def n_words(self):
        """How many words there are."""
        return self.table.words.n

    def add_words(self, const uint8_t[::1] text, const int64_t[::1] offsets):
        """Enter the words of a word table; return their ids here, int32[n]."""
        cdef:
            int64_t i, id = 0, n = offsets.shape[0] - 1
            const uint8_t *bytes = &text[0] if text.shape[0] else NULL
        out = np.empty(n, np.int32)
        cdef int32_t[::1] ids = out
        with nogil:
            for i in range(n):
                id = fv_phrases_word(&self.table, bytes + offsets[i], offsets[i + 1] - offsets[i],
                                     bytes + text.shape[0])
                if id < 0:
                    break
                ids[i] = <int32_t>id
        check(id)
        return out

    def add_steps(self, const uint32_t[::1] left, const int32_t[::1] connector):
        """Enter steps, each after its left side, which ``2**31 + i`` calls; return their left sides here."""
        cdef:
            int64_t i, n = left.shape[0]
            uint32_t mine
        out = np.empty(n, np.uint32)
        cdef uint32_t[::1] steps = out
        for i in range(n):
            mine = left[i]
            if mine & FV_STEP:
                if (mine ^ FV_STEP) >= <uint64_t>i:
                    raise ValueError(f"step {i} stands before its left side")
                mine = steps[mine ^ FV_STEP]
            elif mine >= <uint64_t>self.table.words.n:
                raise ValueError(f"step {i} begins with word {mine} of {self.table.words.n}")
            if not 0 <= connector[i] < self.table.words.n:
                raise ValueError(f"step {i} ends with word {connector[i]} of {self.table.words.n}")
            steps[i] = fv_phrases_step(&self.table, mine, <uint32_t>connector[i])
            if steps[i] == FV_NONE:
                raise MemoryError("no memory for the table of phrases; set max_vocab_size")
        return out

    def steps(self):
        """Return the steps, left side (uint32) and connector (int32)."""
        cdef int64_t i, n = self.table.steps.n
        left, connector = np.empty(n, np.uint32), np.empty(n, np.int32)
        cdef:
            uint32_t[::1] lefts = left
            int32_t[::1] connectors = connector
        for i in range(n):
            lefts[i] = self.table.steps.steps[i].left
            connectors[i] = <int32_t>self.table.steps.steps[i].connector
        return left, connector

    def words(self):
        """Return the words, text (uint8) and offsets (int64)."""
        cdef int64_t n = self.table.words.n, size = self.table.words.offsets[n] if n else 0
        text, offsets = np.empty(size, np.uint8), np.zeros(n + 1, np.int64)
        cdef:
            uint8_t[::1] to = text
            int64_t[::1] bounds = offsets
        if size:
            memcpy(&to[0], self.table.words.text, size)
        if n:
            memcpy(&bounds[0], self.table.words.offsets, (n + 1) * sizeof(int64_t))
        return text, offsets

    def take_steps(self, PairTable pairs not None, const int32_t[::1] ids):
        """Enter the steps of a thread's pairs, whose words are called ``ids[i]`` here; return their left sides."""
        cdef int64_t i, n = pairs.pairs.steps.n
        left, connector = np.empty(n, np.uint32), np.empty(n, np.int32)
        cdef:
            uint32_t[::1] lefts = left
            int32_t[::1] connectors = connector
            uint32_t side
        for i in range(n):
            side = pairs.pairs.steps.steps[i].left
            lefts[i] = side if side & FV_STEP else <uint32_t>ids[side]
            connectors[i] = ids[pairs.pairs.steps.steps[i].connector]
        return self.add_steps(left, connector)

    def merge(self, list counted, const int64_t[::1] words, int first, int last):
        """Add parts `first` ... `last` - 1 of 256 of what threads counted: pairs, ids and steps of each, of which
        `ids` and `steps` tell what words and steps are called here; and of the words, seen ``words[id]`` times.

        Several threads may, as long as none enters words or steps.
        """
        cdef:
            int64_t i, n = len(counted)
            int status = 0
            PairTable pairs
            const int32_t[::1] ids
            const uint32_t[::1] steps
            fv_counted *all = <fv_counted *>malloc((n + 1) * sizeof(fv_counted))
        try:
            if all == NULL:
                raise MemoryError
            if words.shape[0] != self.table.words.n or not 0 <= first <= last <= FV_PARTS:
                raise ValueError(f"{words.shape[0]} counts of {self.table.words.n} words; parts {first} to {last}")
            for i in range(n):
                pairs, ids, steps = counted[i]
                if (ids.shape[0] != pairs.pairs.n_words or steps.shape[0] != pairs.pairs.steps.n
                        or pairs.pairs.between.hash != self.table.between.hash):
                    raise ValueError(f"{ids.shape[0]} words, {steps.shape[0]} steps, or another delimiter")
                all[i].pairs = &pairs.pairs
                all[i].ids = &ids[0] if ids.shape[0] else NULL
                all[i].steps = &steps[0] if steps.shape[0] else NULL
            with nogil:
                status = fv_phrases_merge_all(&self.table, all, n, &words[0] if words.shape[0] else NULL,
                                              words.shape[0], first, last)
        finally:
            free(all)
        check(status)

    def add_rows(self, const uint32_t[::1] left, const uint32_t[::1] right, const int64_t[::1] count):
        """Add counts of rows, whose left sides and words must be there."""
        cdef:
            int64_t i, n = left.shape[0], bad = -1
            int status = 0
            uint64_t words = self.table.words.n, steps = self.table.steps.n
            fv_row row
        if right.shape[0] != n or count.shape[0] != n:
            raise ValueError(f"{n} left sides, {right.shape[0]} right words, {count.shape[0]} counts")
        for i in range(FV_PARTS):  # rows of a file come in their order: see pair_table.h
            check(fv_part_reserve(&self.table.parts[i], self.table.parts[i].n + n // FV_PARTS))
        with nogil:
            for i in range(n):
                row.left, row.right, row.count = left[i], right[i], count[i]
                if row.count < 1 or (row.right >= words and row.right != FV_NONE) or (
                        (row.left ^ FV_STEP) >= steps if row.left & FV_STEP else row.left >= words) or (
                        row.left & FV_STEP and row.right == FV_NONE):
                    bad = i
                    break
                row.hash = fv_row_hash(&self.table, row.left, row.right)
                status = fv_phrases_add(&self.table, &row)
                if status < 0:
                    break
        if bad >= 0:
            raise ValueError(f"row {bad} is ({left[bad]}, {right[bad]}), {count[bad]} times")
        check(status)

    def prune(self, int64_t least):
        """Forget what was seen fewer than `least` times."""
        for i in range(FV_PARTS):
            check(fv_part_prune(&self.table.parts[i], least))

    def find(self, bytes text not None):
        """Return how often `text` was seen, as a word or as a phrase."""
        return fv_phrases_find(&self.table, <const uint8_t *>text, len(text))

    def rows(self, double least=0, const uint8_t[::1] odd=None):
        """Return left side (uint32), right word (uint32) and count (int64) of rows seen more than `least` times.

        With `odd` (uint8 for each word), only those that hold an odd word at an end, or connectors.
        """
        cdef:
            int64_t n, k
            uint64_t i
            fv_part *part
            fv_row *row
            bint write
            uint32_t[::1] lefts
            uint32_t[::1] rights
            int64_t[::1] counts
        if odd is not None and odd.shape[0] != self.table.words.n:
            raise ValueError(f"odd: {odd.shape[0]} flags for {self.table.words.n} words")
        for write in (False, True):
            if write:
                left, right, count = np.empty(n, np.uint32), np.empty(n, np.uint32), np.empty(n, np.int64)
                lefts, rights, counts = left, right, count
            n = 0
            with nogil:
                for k in range(FV_PARTS):
                    part = &self.table.parts[k]
                    if not part.n:
                        continue
                    for i in range(part.size):
                        row = part.slots + i
                        if row.count == 0 or row.count <= least:
                            continue
                        if odd is not None and not (
                                row.left & FV_STEP or odd[row.left]
                                or (row.right != FV_NONE and odd[row.right])):
                            continue
                        if write:
                            lefts[n], rights[n], counts[n] = row.left, row.right, row.count
                        n += 1
        return left, right, count

    def texts(self, const uint32_t[::1] left, const uint32_t[::1] right):
        """Return the texts of rows, end to end (uint8), and their offsets (int64)."""
        cdef int64_t i, n = left.shape[0]
        offsets = np.zeros(n + 1, np.int64)
        cdef int64_t[::1] bounds = offsets
        with nogil:
            for i in range(n):
                bounds[i + 1] = bounds[i] + fv_row_length(&self.table, left[i], right[i])
        text = np.empty(max(1, bounds[n]), np.uint8)
        cdef uint8_t[::1] out = text
        with nogil:
            for i in range(n):
                fv_row_write(&self.table, left[i], right[i], &out[0] + bounds[i + 1])
        return text[:bounds[n]], offsets

    def ends(self, bint loose):
        """Return for each word the counts of its first and last part, cut at the delimiter, and whether it is odd.

        int64[n], int64[n], uint8[n]. Odd is a word that holds the delimiter; with `loose`, a byte of it, and then
        the counts are of the whole words.
        """
        cdef:
            int64_t i, k, size, first, last, d = self.table.delimiter_length, n = self.table.words.n
            const uint8_t *word
            const uint8_t *mark = self.table.delimiter
        first_counts, last_counts = np.empty(n, np.int64), np.empty(n, np.int64)
        odd = np.zeros(n, np.uint8)
        cdef:
            int64_t[::1] firsts = first_counts, lasts = last_counts
            uint8_t[::1] flags = odd
        with nogil:
            for i in range(n):
                word = self.table.words.text + self.table.words.offsets[i]
                size = self.table.words.offsets[i + 1] - self.table.words.offsets[i]
                first, last = size, 0
                for k in range(size if d else 0):
                    if loose:
                        flags[i] |= memchr(mark, word[k], <size_t>d) != NULL
                    elif k + d <= size and memcmp(word + k, mark, <size_t>d) == 0:
                        flags[i] = True
                        first = min(first, k)
                        last = k + d
                firsts[i] = fv_phrases_find(&self.table, word, first)
                lasts[i] = firsts[i] if last == 0 and first == size else fv_phrases_find(
                    &self.table, word + last, size - last)
        return first_counts, last_counts, odd

    def scored(self, bint npmi, double min_count, double threshold, double total,
               const int64_t[::1] first_counts, const int64_t[::1] last_counts, const uint8_t[::1] odd,
               bint plain):
        """Return left side, right word and score (float64) of the phrases that score more than `threshold`.

        The score is that of `reference.phrases.score`; `total` is the number of words (npmi) or of texts. Words
        count ``first_counts`` times at the front and ``last_counts`` times at the end; single odd words are
        phrases too. With `plain`, rows with odd words or with connectors are passed over.
        """
        cdef:
            int64_t n = 0, room, k
            uint64_t i
            uint32_t first, last
            fv_part *part
            fv_row *row
            double s, p
            uint32_t[::1] lefts
            uint32_t[::1] rights
            double[::1] scores
        left, right, score = [], [], []
        if min(first_counts.shape[0], last_counts.shape[0], odd.shape[0]) < self.table.words.n:
            raise ValueError(f"counts for {self.table.words.n} words are missing")
        for k in range(FV_PARTS):
            part = &self.table.parts[k]
            if not part.n:
                continue
            room = part.n
            some_left, some_right = np.empty(room, np.uint32), np.empty(room, np.uint32)
            some_scores = np.empty(room, np.float64)
            lefts, rights, scores = some_left, some_right, some_scores
            n = 0
            with nogil:
                for i in range(part.size):
                    row = part.slots + i
                    if not row.count or (npmi and row.count < min_count):
                        continue
                    if not npmi and threshold >= 0 and row.count <= min_count:
                        continue
                    first = fv_first_word(&self.table, row.left)
                    last = first if row.right == FV_NONE else row.right
                    if row.right == FV_NONE and not odd[first]:
                        continue
                    if plain and (row.left & FV_STEP or odd[first] or odd[last]):
                        continue
                    if first_counts[first] <= 0 or last_counts[last] <= 0:
                        continue
                    if npmi:
                        p = row.count / total
                        s = log(p / ((first_counts[first] / total) * (last_counts[last] / total)))
                        p = -log(p)
                        s = s / p if p != 0 else -INFINITY
                    else:
                        p = <double>first_counts[first] * <double>last_counts[last]
                        s = (row.count - min_count) / p * total
                    if s > threshold:
                        lefts[n], rights[n], scores[n] = row.left, row.right, s
                        n += 1
            left.append(some_left[:n].copy())
            right.append(some_right[:n].copy())
            score.append(some_scores[:n].copy())
        if not left:
            return np.empty(0, np.uint32), np.empty(0, np.uint32), np.empty(0, np.float64)
        return np.concatenate(left), np.concatenate(right), np.concatenate(score)
