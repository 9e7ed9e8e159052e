# The training kernel, included by one shim for each ISA. Read in this order: rows.pxi, objective.pxi, context.pxi,
# inputs.pxi, this file; the arithmetic is vec.h (vec.pxd).
#
# A Worker belongs to one thread. Worker.train runs over a span of the corpus without the GIL: it streams the words
# that survive subsampling in groups of neighbouring centres, and takes a block step a group: input rows (inputs.pxi)
# against output rows (objective.pxi). Which rows these are is all that distinguishes the models. Groups pass
# through three stages, each one group ahead of the next, so that memory is asked early: draw (random bits, fetch alias
# entries), choose (output rows), step (arithmetic; meanwhile the chosen rows of the next group are fetched).
# All randomness is a function of (seed, epoch, place in the corpus).

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from fastvec._core.rng cimport KEEP, LOSS, NOISE, SHRINK, below, draw, stream_key
from fastvec._core.sampling cimport Alias, is_kept, noise_word
from fastvec._core.types cimport FV_MAX_ROWS, GROUP, MAX_CODE, MAX_NEGATIVE, MAX_POSITIVE, MAX_TARGETS
from fastvec._core.types cimport Group, Inputs, Lists, Merge, Objective, Reader, Rows
from fastvec._core.vec cimport FV_IN_ORDER, FV_PAIRS, FV_ROW_ALIGN, VF_WIDTH, fv_add_row, fv_blend_row, fv_block
from fastvec._core.vec cimport fv_block_loss, fv_block_step, fv_bound, fv_fetch_row, fv_merge_row, fv_mix, fv_prefetch
from fastvec._core.vec cimport fv_sum_rows, fv_try_lock, fv_unlock, fv_unmix, fv_weigh_in_order, fv_weigh_others
from fastvec._core.vec cimport fv_step_in_order, fv_windows

cdef enum:
    RING = 8         # groups under way
    LEAD = 2         # where blocks are small, one group ahead is not early enough
    BUFFER = 1024    # kept words in the reader's buffer, beside two windows
    CACHE_LINE = 64
    LOSS_EVERY = 64  # the loss is measured on one group in so many, and on the first of each call

include "rows.pxi"
include "objective.pxi"
include "context.pxi"
include "inputs.pxi"


def group_size():
    """Return how many neighbouring centres share a block and its noise."""
    return GROUP


def max_negative():
    """Return the greatest `negative` that a Worker takes."""
    return MAX_NEGATIVE


cdef class Worker:
    """One thread's share of training.

    Parameters
    ----------
    input_vectors : float32 array of (rows, stride)
        A row a word, then those that `bags` name. Updated in place, without locks (Hogwild), as all three matrices
        are. `stride` is a multiple of 16, and the columns beyond `vector_size` are zero.
    output_vectors, node_vectors : float32 arrays of (words, stride), or None
        For negative sampling, and for hierarchical softmax; at least one of them.
    tokens : int32 array
        The corpus: word ids, -1 after each sentence.
    keep : uint32 array of words
        Subsampling thresholds.
    noise : uint32 array of (words, 2)
        Alias table of the noise distribution.
    tree : Huffman
        Each word's path, where there are `node_vectors`.
    bags : object with offsets, rows; or None
        As in `fastvec.train.Weights`.
    lock : float32 array of rows, or None
    vector_size, window, shrink_windows, negative, sg, cbow_mean, cbow_classic, seed
        As in TrainConfig.
    stop : uint8 array of 1
        Set to another value than 0 by anyone, it ends `train` before the next block.
    with_loss : bool
        Measure the loss of one group in `LOSS_EVERY`, and of the first of each call; see `take_loss`.
    """

    cdef:
        Inputs inputs
        Objective objective
        Reader reader
        Group groups[RING]
        int32_t window
        int32_t lead               # groups whose output rows are chosen before they are needed
        bint shrink_windows, in_place, with_loss, first_group
        uint64_t seed, shrink_key, noise_key, loss_key
        double loss, pairs
        const uint8_t *stop
        Merge hot
        object arrays
        fv_block block
        float *weight
        float *label
        float products[FV_PAIRS]
        int32_t labelled           # rows at the head of `label` that are 1, where there are no nodes
        void *scratch              # holds weight, block.g, label, dx, hidden
        void *mix_scratch          # holds mix, bag_sums

    def __cinit__(self, float[:, ::1] input_vectors, float[:, ::1] output_vectors, float[:, ::1] node_vectors,
                  const int32_t[::1] tokens, const uint32_t[::1] keep, *, const uint32_t[:, ::1] noise, tree=None,
                  bags=None, const float[::1] lock=None, int vector_size, int window, bint shrink_windows,
                  int negative, bint sg, bint cbow_mean, bint cbow_classic, uint64_t seed, const uint8_t[::1] stop,
                  bint with_loss=False):
        cdef int64_t stride = input_vectors.shape[1], words = keep.shape[0], i, fifths
        cdef int64_t width = (vector_size + VF_WIDTH - 1) // VF_WIDTH * VF_WIDTH
        if stride % FV_ROW_ALIGN or stride == 0:
            raise ValueError(f"rows of {stride} floats: not a multiple of 16")
        if not 0 < vector_size <= stride:
            raise ValueError(f"vectors of {vector_size} floats in rows of {stride}")
        if not (input_vectors.shape[0] >= words > 0 and noise.shape[0] == words and noise.shape[1] == 2):
            raise ValueError("input_vectors, keep and noise must have one row a word")
        if not (0 <= negative <= MAX_NEGATIVE and window >= 1 and stop.shape[0] == 1 and tokens.shape[0] > 0):
            raise ValueError(f"negative={negative} (0 to {MAX_NEGATIVE}), window={window} (1 or more)")
        if (negative > 0) != (output_vectors is not None) or (tree is not None) != (node_vectors is not None):
            raise ValueError("output_vectors go with negative, node_vectors with tree")
        if output_vectors is None and node_vectors is None:
            raise ValueError("neither negative sampling nor hierarchical softmax: there is nothing to train")
        if lock is not None and lock.shape[0] != input_vectors.shape[0]:
            raise ValueError(f"{lock.shape[0]} lock factors for {input_vectors.shape[0]} rows")
        self.arrays = (input_vectors, output_vectors, node_vectors, tokens, keep, noise, lock, stop)
        self.inputs.rows = Rows(&input_vectors[0, 0], stride, width, 0, NULL, NULL, NULL, NULL)
        self.inputs.sg, self.inputs.cbow_mean, self.inputs.cbow_classic = sg, cbow_mean, cbow_classic
        self.inputs.lock = NULL if lock is None else &lock[0]
        if bags is not None:
            self.inputs.bags = self._lists(bags.offsets, bags.rows, words, input_vectors.shape[0])
            for i in range(words):
                if self.inputs.bags.offsets[i] == self.inputs.bags.offsets[i + 1]:
                    raise ValueError(f"the bag of word {i} is empty")
            if sg:
                self._measure_bags(words)
        self.objective.noise = Alias(&noise[0, 0], <uint32_t>words)
        if output_vectors is not None:
            self.objective.y = self._output(output_vectors, words)
            fifths = MEAN_DRAWS if not sg else WORD_DRAWS if bags is None else BAG_DRAWS
            self.objective.draws = (negative * fifths + 4) // 5
            self.objective.noise_weight = <float>negative / <float>self.objective.draws
            self.objective.noise_of_targets = sg and bags is not None and tree is None
        if node_vectors is not None:
            self.objective.nodes = self._output(node_vectors, words)
            self.objective.paths = self._lists(tree.offsets, tree.path, words, 2 * words)
            self._check_paths(words)
        self.window, self.shrink_windows, self.seed = window, shrink_windows, seed
        self.in_place = sg and bags is None and lock is None
        self.lead = 1 if sg and tree is None else LEAD
        self.with_loss = with_loss
        self.stop = &stop[0]
        self.hot = Merge(NULL, 0, tokens.shape[0], NULL, NULL)
        self.reader.tokens, self.reader.n_tokens = &tokens[0], tokens.shape[0]
        self.reader.keep = &keep[0]
        self.reader.window = window
        self.reader.group = GROUP if tree is None else 1
        self.reader.capacity = BUFFER + 2 * window + GROUP
        self._allocate(width)

    cdef Rows _output(self, float[:, ::1] rows, int64_t words) except *:
        cdef int64_t stride = self.inputs.rows.stride
        if rows.shape[0] != words or rows.shape[1] != stride:
            raise ValueError(f"output rows of ({rows.shape[0]}, {rows.shape[1]}): ({words}, {stride}) are needed")
        return Rows(&rows[0, 0], stride, self.inputs.rows.width, 0, NULL, NULL, NULL, NULL)

    cdef Lists _lists(self, const int64_t[::1] offsets, const int32_t[::1] items, int64_t words, int64_t end) except *:
        """Lists whose items lie in [0, end)."""
        cdef Lists found
        cdef int64_t i
        cdef bint good = offsets.shape[0] == words + 1 and offsets[0] == 0 and offsets[words] == items.shape[0]
        with nogil:
            for i in range(words if good else 0):
                good = good and offsets[i] <= offsets[i + 1]
            for i in range(items.shape[0]):
                good = good and 0 <= items[i] < end
        if not good:
            raise ValueError(f"lists of numbers below {end} for {words} words: bounds or numbers are impossible")
        self.arrays += (offsets, items)
        found.offsets, found.items = &offsets[0], NULL
        if items.shape[0]:
            found.items = &items[0]
        return found

    cdef int _measure_bags(self, int64_t words) except -1:
        cdef int64_t i
        self.inputs.bag_reach = <float *>calloc(words, sizeof(float))
        if self.inputs.bag_reach == NULL:
            raise MemoryError
        with nogil:
            for i in range(words):
                self.inputs.bag_reach[i] = reach_of_bag(&self.inputs, <int32_t>i)
        return 0

    cdef int _check_paths(self, int64_t words) except -1:
        cdef int64_t i
        for i in range(words):
            if self.objective.paths.offsets[i + 1] - self.objective.paths.offsets[i] > MAX_CODE:
                raise ValueError(f"word {i} has a path of more than {MAX_CODE} steps")
        return 0

    cdef int _allocate(self, int64_t width) except -1:
        cdef Reader *r = &self.reader
        cdef Inputs *in_ = &self.inputs
        cdef int64_t entries = 2 * self.window + GROUP
        cdef int g, j
        r.ids = <int32_t *>calloc(r.capacity + self.window + 1, sizeof(int32_t))
        r.places = <int64_t *>calloc(r.capacity + self.window + 1, sizeof(int64_t))
        in_.entry_row = <int32_t *>calloc(entries, sizeof(int32_t))
        in_.entry_word = <int32_t *>calloc(entries, sizeof(int32_t))
        in_.entry = <float **>calloc(entries, sizeof(float *))
        in_.mix = <float *>calloc(entries * GROUP, sizeof(float))
        self.scratch = calloc((3 * MAX_TARGETS + 2 * width) * FV_MAX_ROWS * sizeof(float) + CACHE_LINE, 1)
        if not in_.sg and in_.bags.offsets != NULL:
            self.mix_scratch = calloc(entries * width * sizeof(float) + CACHE_LINE, 1)
            if self.mix_scratch == NULL:
                raise MemoryError
            in_.bag_sums = aligned(self.mix_scratch)
        if not (r.ids and r.places and in_.entry_row and in_.entry_word and in_.entry and in_.mix and self.scratch):
            raise MemoryError
        self.weight = aligned(self.scratch)
        self.block.g = self.weight + MAX_TARGETS * FV_MAX_ROWS
        self.label = self.block.g + MAX_TARGETS * FV_MAX_ROWS
        self.block.dx = in_.dx = self.label + MAX_TARGETS * FV_MAX_ROWS
        in_.hidden = in_.dx + width * FV_MAX_ROWS
        for g in range(RING):
            for j in range(MAX_TARGETS):
                self.groups[g].y[j] = in_.rows.shared  # to be fetched, whatever it is
            for j in range(GROUP):
                self.groups[g].newest[j] = in_.rows.shared
        self.block.width = width
        return 0

    def __dealloc__(self):
        free(self.reader.ids)
        free(self.reader.places)
        free(self.inputs.entry_row)
        free(self.inputs.entry_word)
        free(self.inputs.entry)
        free(self.inputs.mix)
        free(self.inputs.bag_reach)
        free(self.scratch)
        free(self.mix_scratch)
        free(self.inputs.rows.memory)
        free(self.objective.y.memory)
        free(self.objective.nodes.memory)
        free(self.hot.due)

    def keep_hot_rows(self, const float[::1] input_scale, const float[::1] output_scale, const float[::1] node_scale,
                      int32_t[::1] locks, int64_t interval, const int32_t[::1] every):
        """Work on own copies of the first rows of the matrices, so that threads do not contend for them.

        Parameters
        ----------
        input_scale, output_scale, node_scale : float32 arrays
            One number for each copy; at a merge, the row's change is added to the shared one multiplied by it.
        locks : int32 array
            Zeros, the same for all threads. Into so many parts the copies are divided, each merged by one thread at
            a time.
        interval : int
            Tokens after which `train` merges what is due and no other thread is merging; what another is stays due.
        every : int32 array of parts
            How many intervals lie between two merges of each part; 1 or more.
        """
        cdef int64_t most = max(input_scale.shape[0], output_scale.shape[0], node_scale.shape[0])
        if (
            most > self.objective.noise.n_words or self.hot.parts
            or (self.inputs.bags.offsets != NULL and input_scale.shape[0])
            or (self.objective.draws == 0 and output_scale.shape[0])
            or (self.objective.paths.offsets == NULL and node_scale.shape[0])
        ):
            raise ValueError(f"{input_scale.shape[0]}, {output_scale.shape[0]} and {node_scale.shape[0]} hot rows: of "
                             "rows that are there, keep them once")
        merge_start(&self.hot, locks, interval, every)
        self.arrays += (input_scale, output_scale, node_scale, locks, every)
        rows_keep(&self.inputs.rows, input_scale)
        rows_keep(&self.objective.y, output_scale)
        rows_keep(&self.objective.nodes, node_scale)

    def merge(self):
        """Exchange the own copies' changes with the shared rows; wait for parts that others are merging."""
        cdef int32_t part
        with nogil:
            for part in range(self.hot.parts):
                while not merge_part(&self.hot, &self.inputs.rows, &self.objective.y, &self.objective.nodes, part):
                    pass

    def take_loss(self):
        """Return the loss of the groups measured since the last call, and their number of pairs of words."""
        found = self.loss, self.pairs
        self.loss = self.pairs = 0
        return found

    def train(self, int64_t start, int64_t stop, uint64_t epoch, double alpha, double alpha_step):
        """Train on the centres tokens[start:stop]; the learning rate at token p is alpha - (p - start) * alpha_step.

        Returns where it stopped: `stop`, or earlier if it was told to.
        """
        cdef:
            Reader *r = &self.reader
            int64_t begin = start, end
        if not 0 <= start <= stop <= r.n_tokens:
            raise ValueError(f"span [{start}, {stop}) of {r.n_tokens} tokens")
        r.keep_key = stream_key(self.seed, epoch, KEEP)
        self.shrink_key = stream_key(self.seed, epoch, SHRINK)
        self.noise_key = stream_key(self.seed, epoch, NOISE)
        self.loss_key = stream_key(self.seed, epoch, LOSS)
        with nogil:
            self.first_group = True
            r.next = start
            while begin < stop and self.stop[0] == 0:
                end = begin + min(self.hot.interval, stop - begin)
                reader_start(r, begin, end)
                while self.stop[0] == 0 and reader_fill(r):
                    self.train_buffer(start, alpha, alpha_step)
                merge_due(&self.hot, &self.inputs.rows, &self.objective.y, &self.objective.nodes)
                begin = end
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
                self.choose(g)
                chosen += 1
            if stepped < chosen and (chosen - stepped > self.lead or next >= r.n_centres):
                g = &self.groups[stepped % RING]
                self.block.ahead = self.groups[(stepped + self.lead) % RING].y
                self.block.newest = self.groups[(stepped + self.lead + 1) % RING].newest
                stepped += 1
                self.step(g, <float>(alpha - alpha_step * <double>(r.places[g.first] - start)))
            if stepped == drawn:
                break
        r.centre = next

    cdef inline void draw(self, Group *g) noexcept nogil:
        """Draw the group's windows and noise; point at the input rows that enter the windows."""
        cdef:
            Reader *r = &self.reader
            int32_t c, reach, newest, low, high
        low, high = g.first, g.first + g.size
        for c in range(g.first, g.first + g.size):
            reach = self.window
            if self.shrink_windows:
                reach -= <int32_t>below(draw(self.shrink_key, <uint64_t>r.places[c]), <uint32_t>self.window)
            g.reach[c - g.first] = reach
            low = min(low, c - reach)
            high = max(high, c + reach + 1)
            newest = c + self.window
            if newest < r.n and r.ids[newest] >= 0:
                g.newest[c - g.first] = row(&self.inputs.rows, r.ids[newest])
        g.low, g.high = max(low, r.low), min(high, r.high)
        draw_noise(&self.objective, g, self.noise_key, <uint64_t>r.places[g.first])
        if self.objective.paths.offsets != NULL:
            fetch_path(&self.objective, r, g.first)

    cdef inline void choose(self, Group *g) noexcept nogil:
        """Point at the output rows of the group's first block; fetch what its input rows are made of."""
        cdef int32_t c
        if self.inputs.bags.offsets == NULL or not self.inputs.sg:
            choose_targets(&self.objective, g, self.reader.ids, g.first, g.first + g.size)
        else:
            choose_targets(&self.objective, g, self.reader.ids, g.low, g.high)
            for c in range(g.size):
                fetch_bag(&self.inputs, self.reader.ids[g.first + c])

    cdef inline void step(self, Group *g, float alpha) noexcept nogil:
        """Take the group's block step; or several, where there are more rows or targets than a block takes."""
        cdef:
            Inputs *in_ = &self.inputs
            int32_t start = g.low, stop, most = FV_MAX_ROWS, mixed
            bint in_order = self.objective.paths.offsets != NULL
            bint measured = self.with_loss and (
                self.first_group or draw(self.loss_key, self.reader.places[g.first]) % LOSS_EVERY == 0)
        self.first_group = False
        self.block.alpha = alpha
        if in_.sg and in_.bags.offsets == NULL:
            if in_order:
                most = even_share(g.high - g.low - 1, FV_IN_ORDER)
            while start < g.high:
                stop = choose_words(in_, &self.reader, g, start, most)
                if in_.m:
                    weigh_words(in_, g, start, stop, self.weight)
                    if not self.in_place:
                        copy_words(in_)
                    if in_order:
                        self.step_in_order(g, measured)
                    else:
                        self.step_words(g, measured)
                    if not self.in_place:
                        lock_words(in_)
                start = stop
            return
        # Where rows of contexts are mixed, those of a group to come are fetched on the way there and on the way back;
        # elsewhere the block step fetches them.
        mixed = 0 if in_.sg or in_order else g.n // 2
        gather(in_, &self.reader, g, self.block.ahead, mixed)
        self.step_hidden(g, measured, mixed)
        while in_.sg and g.stop < g.high:
            choose_targets(&self.objective, g, self.reader.ids, g.stop, g.high)
            self.step_hidden(g, measured, False)
        scatter(in_, &self.reader, g, self.block.ahead + mixed, g.n - mixed if mixed else 0)

    cdef inline void step_words(self, Group *g, bint measured) noexcept nogil:
        """One block step where the input side is words: they are X, the output side is Y."""
        cdef:
            fv_block *b = &self.block
            int32_t i, j
        fv_weigh_others(self.weight, g.n_positive, g.n, g.count)
        if self.labelled != g.n_positive:
            self.labelled = g.n_positive
            for j in range(max(g.n, 2 * GROUP)):
                for i in range(FV_MAX_ROWS):
                    self.label[j * FV_MAX_ROWS + i] = g.label[j] if j < g.n else 0
        b.x, b.m, b.n = self.inputs.x, self.inputs.m, g.n
        b.y = b.y_new = g.y
        b.label, b.label_step = self.label, FV_MAX_ROWS
        b.weight = self.weight
        b.bound = fv_bound(b.m)
        if measured:
            self.loss += fv_block_loss(b)
            for i in range(g.n_positive * FV_MAX_ROWS):
                self.pairs += self.weight[i]
        fv_block_step(b)

    cdef inline void step_in_order(self, Group *g, bint measured) noexcept nogil:
        """Where the output side has a path: all words around meet its rows, so they are Y, one after the other, and X
        are up to FV_MAX_ROWS output rows at a time."""
        cdef:
            fv_block *b = &self.block
            int32_t skip = 0 if self.objective.draws else g.n_positive, j = skip, i, k
            int32_t most = even_share(g.n - skip, FV_MAX_ROWS)
            float pairs[FV_MAX_ROWS]
            float count[FV_MAX_ROWS]
            float **ahead = b.ahead
        memcpy(pairs, self.weight, sizeof(pairs))
        g.count[0] = 1
        b.y, b.y_new, b.n = self.inputs.x, self.inputs.x, self.inputs.m
        b.label_step = 0
        b.weight = self.weight
        b.bound = fv_bound(b.n)
        b.products = self.products
        while j < g.n:
            b.x, b.m = g.y + j, min(g.n - j, most)
            b.ahead = ahead + j
            b.label = g.label + j
            memset(count, 0, sizeof(count))
            for k in range(b.m):
                count[k] = g.count[j + k]
            fv_weigh_in_order(self.weight, b.n, pairs, count)
            if measured:
                self.loss += fv_block_loss(b)
            fv_step_in_order(b)
            j += most
        if measured:
            for i in range(b.n):
                self.pairs += pairs[i]
        b.products = NULL
        b.ahead = ahead

    cdef inline void step_hidden(self, Group *g, bint measured, bint fetched) noexcept nogil:
        """A block step for each FV_MAX_ROWS output rows: they are X, and Y are the rows of the centres."""
        cdef:
            fv_block *b = &self.block
            int32_t skip = 0 if self.objective.draws else g.n_positive, j = skip
            bint lone = not self.inputs.sg and g.size == 1
            float pairs
            float *label = self.label if self.objective.noise_of_targets else NULL
            float **ahead = b.ahead
        if lone:  # its pairs count what their rows do
            g.count[0] = 1
            pairs = self.inputs.contexts[0] > 0
        else:
            pairs = weigh_hidden(&self.inputs, g, skip, self.weight, label)
        if pairs == 0:
            return
        if measured:
            self.pairs += pairs
        b.y, b.y_new, b.n = self.inputs.x, self.inputs.x_new, self.inputs.m
        b.label_step = 0 if label == NULL else FV_MAX_ROWS
        b.bound = fv_bound(b.n)
        if self.inputs.sg:
            b.bound /= farthest_bag(&self.inputs, &self.reader, g)
        while j < g.n:
            b.x, b.m = g.y + j, min(g.n - j, <int32_t>FV_MAX_ROWS)
            b.ahead = ahead + j
            b.own = b.n if fetched and j == 0 and g.n_positive == b.n else 0
            b.label = &g.label[j] if label == NULL else &label[j * GROUP]
            b.weight = &g.count[j] if lone else self.weight + (j - skip) * GROUP
            if measured:
                self.loss += fv_block_loss(b)
            fv_block_step(b)
            j += FV_MAX_ROWS
        b.own = 0
        b.ahead = ahead
