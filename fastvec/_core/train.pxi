# The training kernel, included by one shim for each ISA. Read in this order: rows.pxi, objective.pxi, context.pxi,
# this file; the arithmetic is vec.h.
#
# A Worker belongs to one thread. Worker.train runs over a span of the corpus without the GIL: it streams the words
# that survive subsampling in groups of neighbouring centres, and takes one block step a group: the input rows of
# the words around the centres, against the output rows of the centres and of the negatives that they share. Groups pass
# through three stages, each one group ahead of the next, so that memory is asked early: draw (random bits, fetch alias
# entries), choose (output rows), step (arithmetic; meanwhile the chosen rows of the next group are fetched).
# All randomness is a function of (seed, epoch, place in the corpus).

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from fastvec._core.rng cimport KEEP, NOISE, SHRINK, below, draw, stream_key
from fastvec._core.sampling cimport Alias, is_kept, noise_word
from fastvec._core.types cimport GROUP, MAX_NEGATIVE, MAX_TARGETS, Group, Reader, Rows

cdef extern from "vec.h" nogil:
    enum:
        FV_MAX_ROWS, FV_ROW_ALIGN
    ctypedef struct fv_block:
        float **x
        float **y
        float **ahead
        const float *label
        const float *weight
        float *g
        float *dx
        int64_t width
        int m, n
        float alpha
        float **newest
    void fv_block_step(const fv_block *b)
    void fv_weigh_noise(float *weight, int positive, int n, const float *count)
    void fv_merge_row(float *shared, float *mine, float *base, float scale, int64_t width)
    void fv_prefetch "FV_PREFETCH"(const void *p)

cdef enum:
    RING = 4       # groups under way
    BUFFER = 1024  # kept words in the reader's buffer, beside two windows
    CACHE_LINE = 64

include "rows.pxi"
include "objective.pxi"
include "context.pxi"


def group_size():
    """Return how many neighbouring centres share a block and its noise."""
    return GROUP


def max_negative():
    """Return the greatest `negative` that a Worker takes."""
    return MAX_NEGATIVE


cdef class Worker:
    """One thread's share of training: skip-gram with negative sampling.

    Parameters
    ----------
    input_vectors, output_vectors : float32 arrays of (words, stride)
        Updated in place, without locks (Hogwild). `stride` is a multiple of 16, and the columns beyond the vectors'
        size are zero.
    tokens : int32 array
        The corpus: word ids, -1 after each sentence.
    keep : uint32 array of words
        Subsampling thresholds.
    noise : uint32 array of (words, 2)
        Alias table of the noise distribution.
    window, shrink_windows, negative, seed
        As in TrainConfig.
    stop : uint8 array of 1
        Set to another value than 0 by anyone, it ends `train` before the next block.
    """

    cdef:
        Rows x
        Rows y
        Reader reader
        Group groups[RING]
        Alias noise
        int32_t window, draws
        bint shrink_windows
        float noise_weight
        uint64_t seed, shrink_key, noise_key
        const uint8_t *stop
        object arrays
        fv_block block
        float *x_rows[FV_MAX_ROWS]
        int32_t x_words[FV_MAX_ROWS]
        int32_t *entry_row         # which of them each entry of the buffer has
        float label[MAX_TARGETS]
        float *weight
        void *scratch              # holds weight, block.g, block.dx

    def __cinit__(self, float[:, ::1] input_vectors, float[:, ::1] output_vectors, const int32_t[::1] tokens,
                  const uint32_t[::1] keep, const uint32_t[:, ::1] noise, *, int window, bint shrink_windows,
                  int negative, uint64_t seed, const uint8_t[::1] stop):
        cdef int64_t stride = input_vectors.shape[1]
        if stride % FV_ROW_ALIGN or stride == 0 or output_vectors.shape[1] != stride:
            raise ValueError(f"rows of {stride} and {output_vectors.shape[1]} floats: not one multiple of 16")
        if not (input_vectors.shape[0] == output_vectors.shape[0] == keep.shape[0] == noise.shape[0] > 0):
            raise ValueError("input_vectors, output_vectors, keep and noise must have one row a word")
        if not (1 <= negative <= MAX_NEGATIVE and window >= 1 and stop.shape[0] == 1 and tokens.shape[0] > 0):
            raise ValueError(f"negative={negative} (1 to {MAX_NEGATIVE}), window={window} (1 or more)")
        self.arrays = (input_vectors, output_vectors, tokens, keep, noise, stop)
        self.x = Rows(&input_vectors[0, 0], stride, 0, NULL, NULL, NULL, NULL)
        self.y = Rows(&output_vectors[0, 0], stride, 0, NULL, NULL, NULL, NULL)
        self.noise = Alias(&noise[0, 0], <uint32_t>noise.shape[0])
        self.window, self.shrink_windows, self.seed = window, shrink_windows, seed
        self.stop = &stop[0]
        self.reader.tokens, self.reader.n_tokens = &tokens[0], tokens.shape[0]
        self.reader.keep = &keep[0]
        self.reader.window = window
        self.draws = noise_draws(negative)
        self.noise_weight = <float>negative / <float>self.draws
        self.reader.capacity = BUFFER + 2 * window + GROUP
        self._allocate(stride)

    cdef int _allocate(self, int64_t stride) except -1:
        cdef Reader *r = &self.reader
        cdef int g, j
        r.ids = <int32_t *>calloc(r.capacity + self.window + 1, sizeof(int32_t))
        r.places = <int64_t *>calloc(r.capacity + self.window + 1, sizeof(int64_t))
        self.entry_row = <int32_t *>calloc(2 * self.window + GROUP, sizeof(int32_t))
        self.scratch = calloc((2 * MAX_TARGETS + stride) * FV_MAX_ROWS * sizeof(float) + CACHE_LINE, 1)
        if not (r.ids and r.places and self.entry_row and self.scratch):
            raise MemoryError
        self.weight = aligned(self.scratch)
        self.block.g = self.weight + MAX_TARGETS * FV_MAX_ROWS
        self.block.dx = self.block.g + MAX_TARGETS * FV_MAX_ROWS
        for g in range(RING):
            for j in range(MAX_TARGETS):
                self.groups[g].y[j] = self.y.shared
            for j in range(GROUP):
                self.groups[g].newest[j] = self.x.shared
        self.block.x = self.x_rows
        self.block.label = self.label
        self.block.weight = self.weight
        self.block.width = stride
        return 0

    def __dealloc__(self):
        free(self.reader.ids)
        free(self.reader.places)
        free(self.entry_row)
        free(self.scratch)
        free(self.x.memory)
        free(self.y.memory)

    def keep_hot_rows(self, const float[::1] input_scale, const float[::1] output_scale):
        """Work on own copies of the first rows of both matrices, so that threads do not contend for them.

        One copy for each scale; at a merge, the row's change is added to the shared one multiplied by it.
        """
        if not 0 < max(input_scale.shape[0], output_scale.shape[0]) <= self.noise.n_words or self.x.memory != NULL:
            raise ValueError(f"{input_scale.shape[0]} and {output_scale.shape[0]} hot rows; keep them once")
        self.arrays += (input_scale, output_scale)
        rows_keep(&self.x, input_scale)
        rows_keep(&self.y, output_scale)

    def merge(self, int32_t part=0, int32_t parts=1):
        """Exchange the own copies' changes with the shared rows, for one of `parts` parts of the hot rows.

        Callers see to it that one thread at a time merges a part.
        """
        if not 0 <= part < parts:
            raise ValueError(f"part {part} of {parts}")
        with nogil:
            rows_merge(&self.x, part, parts)
            rows_merge(&self.y, part, parts)

    def train(self, int64_t start, int64_t stop, uint64_t epoch, double alpha, double alpha_step):
        """Train on the centres tokens[start:stop]; the learning rate at token p is alpha - (p - start) * alpha_step.

        Returns where it stopped: `stop`, or earlier if it was told to.
        """
        cdef Reader *r = &self.reader
        if not 0 <= start <= stop <= r.n_tokens:
            raise ValueError(f"span [{start}, {stop}) of {r.n_tokens} tokens")
        r.keep_key = stream_key(self.seed, epoch, KEEP)
        self.shrink_key = stream_key(self.seed, epoch, SHRINK)
        self.noise_key = stream_key(self.seed, epoch, NOISE)
        with nogil:
            reader_start(r, start, stop)
            while self.stop[0] == 0 and reader_fill(r):
                self.train_buffer(start, alpha, alpha_step)
        return stop if self.stop[0] == 0 else r.next

    cdef void train_buffer(self, int64_t start, double alpha, double alpha_step) noexcept nogil:
        """Train on the centres in the buffer whose windows are complete."""
        cdef:
            Reader *r = &self.reader
            Group *g
            int32_t next = r.centre
            int64_t drawn = 0, chosen = 0, stepped = 0
        while self.stop[0] == 0:
            while next < r.n_centres and r.ids[next] < 0:
                next += 1
            if next < r.n_centres:
                g = &self.groups[drawn % RING]
                group_start(r, g, next)
                self.draw(g)
                next += g.size
                drawn += 1
            if chosen < drawn and (drawn - chosen > 1 or next >= r.n_centres):
                g = &self.groups[chosen % RING]
                choose_targets(g, &self.y, r.ids + g.first, &self.noise, self.draws, self.noise_weight)
                chosen += 1
            if stepped < chosen and (chosen - stepped > 1 or next >= r.n_centres):
                g = &self.groups[stepped % RING]
                stepped += 1
                self.block.ahead = self.groups[stepped % RING].y
                self.block.newest = self.groups[(stepped + 1) % RING].newest
                self.step(g, <float>(alpha - alpha_step * <double>(r.places[g.first] - start)))
            if stepped == drawn:
                break
        r.centre = next

    cdef inline void draw(self, Group *g) noexcept nogil:
        """Draw the group's windows and noise; point at the input rows that enter the windows."""
        cdef:
            Reader *r = &self.reader
            int32_t c, reach, newest
        g.low, g.high = g.first, g.first + g.size
        for c in range(g.first, g.first + g.size):
            reach = self.window
            if self.shrink_windows:
                reach -= <int32_t>below(draw(self.shrink_key, <uint64_t>r.places[c]), <uint32_t>self.window)
            g.reach[c - g.first] = reach
            g.low = min(g.low, c - reach)
            g.high = max(g.high, c + reach + 1)
            newest = c + self.window
            if newest < r.n and r.ids[newest] >= 0:
                g.newest[c - g.first] = row(&self.x, r.ids[newest])
        sentence_limits(r, g)
        draw_noise(g, &self.noise, self.draws, self.noise_key, <uint64_t>r.places[g.first])

    cdef inline void step(self, Group *g, float alpha) noexcept nogil:
        """Take the group's block step; one for each FV_MAX_ROWS different words around it, where there are more."""
        cdef:
            fv_block *b = &self.block
            int32_t j, start = g.low, stop
        b.n, b.y, b.alpha = g.n, g.y, alpha
        for j in range(g.n):
            self.label[j] = j < g.n_positive
        while start < g.high:
            stop = self.choose_inputs(g, start)
            if b.m:
                self.weigh(g, start, stop)
                fv_block_step(b)
            start = stop

    cdef inline int32_t choose_inputs(self, Group *g, int32_t start) noexcept nogil:
        """Point at the different input rows of the words from entry `start` on, up to FV_MAX_ROWS; returns the entry
        after the last. `entry_row` notes which row each entry has."""
        cdef:
            int32_t p = start, i, m = 0, word
            uint64_t seen = 0, bit
        while p < g.high and m < FV_MAX_ROWS:
            if g.size > 1 or p != g.first:
                word = self.reader.ids[p]
                bit = <uint64_t>1 << (word & 63)
                i = m
                if seen & bit:
                    i = 0
                    while i < m and self.x_words[i] != word:
                        i += 1
                seen |= bit
                if i == m:
                    self.x_words[m] = word
                    self.x_rows[m] = row(&self.x, word)
                    m += 1
                self.entry_row[p - start] = i
            p += 1
        self.block.m = m
        return p

    cdef inline void weigh(self, Group *g, int32_t start, int32_t stop) noexcept nogil:
        """Fill in the weights: how many pairs each input row of entries [start, stop) has with each output row."""
        cdef:
            int32_t c, i, p
            float *column
        memset(self.weight, 0, g.n_positive * FV_MAX_ROWS * sizeof(float))
        for c in range(g.size):
            column = self.weight + g.column[c] * FV_MAX_ROWS
            p = g.first + c
            for i in range(max(start, p - g.reach[c]), min(stop, p + g.reach[c] + 1)):
                column[self.entry_row[i - start]] += i != p
        fv_weigh_noise(self.weight, g.n_positive, g.n, g.count)
