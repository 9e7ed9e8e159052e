"""The structs that the kernel family hands around. They only point; `Worker` (train.pxi) owns."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from fastvec._core.sampling cimport Alias

cdef extern from "vec.h":
    enum:
        GROUP "FV_GROUP"  # neighbouring centres that share a block and its noise, at most
        FV_MAX_ROWS       # input rows of a block, at most

cdef enum:
    MAX_NEGATIVE = 60
    MAX_DRAWS = 360    # noise words of a group
    MAX_POSITIVE = 32  # target words of a block
    MAX_CODE = 96      # steps of a Huffman path: counts that add up to less than 2^63 make no longer one
    MAX_TARGETS = 488  # output rows of a block: MAX_POSITIVE + MAX_DRAWS + MAX_CODE

cdef struct Rows:
    # A matrix of float32 rows, `stride` floats apart, a multiple of 16; the vectors take the first `width` of them, a
    # multiple of every register, and what is beyond them is zero. Rows 0 ... n_hot - 1, those of the most
    # frequent words, may be this thread's own copies in `hot`; `base` is what they were at the last merge.
    float *shared
    int64_t stride, width
    int32_t n_hot
    float *hot
    float *base
    const float *scale  # of each hot row's merge
    void *memory        # holds hot and base

cdef struct Merge:
    # When a thread's copies of hot rows are merged, in parts (rows.pxi).
    int32_t *locks         # one of each part, which one thread at a time merges
    int32_t parts          # 0: no copies
    int64_t interval       # in tokens; a part is merged after some of these
    const int32_t *every   # how many intervals lie between two merges of each part
    int32_t *due           # how many are left until its next one

cdef struct Lists:
    # A list of int32 for each word: items[offsets[w]] ... items[offsets[w + 1] - 1].
    const int64_t *offsets
    const int32_t *items

cdef struct Objective:
    # What the input side is trained against (objective.pxi).
    Rows y               # negative sampling's rows
    Alias noise
    int32_t draws        # noise words of a group; 0: no negative sampling
    float noise_weight   # what each counts
    bint noise_of_targets  # whether noise that is a target counts for the pairs of the other targets
    Rows nodes           # hierarchical softmax's rows
    Lists paths          # each word's steps from the root, 2 * node + bit; NULL: no hierarchical softmax

cdef struct Reader:
    # The words of a span that survive subsampling, streamed through a buffer (context.pxi).
    const int32_t *tokens    # the corpus: word ids, -1 after each sentence
    int64_t n_tokens
    const uint32_t *keep     # subsampling threshold of each word
    uint64_t keep_key
    int64_t next             # the next token to read
    int64_t stop             # the first token that is no centre any more
    bint tail_read           # whether the words beyond `stop` that serve as context have been read
    int32_t window
    int32_t group            # centres of a group, at most
    int32_t capacity
    int32_t *ids             # buffer: word ids and -1, as in the corpus
    int64_t *places          # buffer: where each stands in the corpus
    int32_t n                # entries in the buffer
    int32_t centre           # the next entry to be a centre
    int32_t n_centres        # entries up to here may be centres
    int32_t low, high        # entries low ... high - 1 are the latest group's sentence, as far as the buffer has it

cdef struct Group:
    # Neighbouring centres and what they are trained against, prepared ahead of its block step (train.pxi).
    int32_t first                  # buffer entries first ... first + size - 1 are the centres
    int32_t size
    int32_t low, high              # entries low ... high - 1 are in the window of a centre, or a centre
    int32_t reach[GROUP]           # each centre's window, shrunk
    int32_t start, stop            # entries whose words are the targets of the present block
    int32_t column[MAX_POSITIVE]   # each target's output row
    int32_t n_positive             # output rows: the distinct targets, then noise, then nodes of a path
    int32_t n
    float *y[MAX_TARGETS]
    float label[MAX_TARGETS]
    float count[MAX_TARGETS]       # what each row of noise, or of a path, counts; of a target, as noise
    float *newest[GROUP]           # input rows that enter the windows, to be fetched
    uint64_t bits[MAX_DRAWS]

cdef struct Inputs:
    # The input side of a block (inputs.pxi).
    Rows rows
    Lists bags                     # the input rows of each word; NULL: its own row alone
    float *bag_reach               # skip-gram: how far the row of each word moves for a gradient of 1
    const float *lock              # factor of each input row's updates; NULL: 1
    bint sg, cbow_mean, cbow_classic
    float *x[FV_MAX_ROWS]          # its rows
    float *x_new[GROUP]            # rows that their gradients are added to, where they are made of others
    int32_t m
    float *dx                      # room for these
    int32_t x_words[FV_MAX_ROWS]   # skip-gram: whose rows they are,
    int32_t *entry_row             # and which of them each entry has
    float *hidden                  # otherwise: room for them
    int32_t contexts[GROUP]        # CBOW: words around each centre
    float **entry                  # the rows that they are made of, n_entries,
    int32_t *entry_word            # whose rows these are, or sums of whose bags,
    int32_t n_entries
    float *mix                     # which of them each row is made of: 1 or 0; on the way back, lock factors for 1
    float share[GROUP]             # what each row's sum of them is multiplied with,
    float back[GROUP]              # and its gradient, for each of them
    float *bag_sums                # room for such rows, where they are sums of bags
