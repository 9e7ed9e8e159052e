"""The structs that the kernel family hands around. Rows, readers and groups only point; `Worker` (train.pxi) owns."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from "vec.h":
    enum:
        GROUP "FV_GROUP"  # neighbouring centres that share a block and its noise

cdef enum:
    MAX_NEGATIVE = 60
    MAX_DRAWS = 120    # noise words of a group
    MAX_TARGETS = 124  # output rows of a block: GROUP + MAX_DRAWS

cdef struct Rows:
    # A matrix of float32 rows, `stride` floats apart, a multiple of 16. Rows 0 ... n_hot - 1, those of the most
    # frequent words, may be this thread's own copies in `hot`; `base` is what they were at the last merge.
    float *shared
    int64_t stride
    int32_t n_hot
    float *hot
    float *base
    const float *scale  # of each hot row's merge
    void *memory        # holds hot and base

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
    int32_t capacity
    int32_t *ids             # buffer: word ids and -1, as in the corpus
    int64_t *places          # buffer: where each stands in the corpus
    int32_t n                # entries in the buffer
    int32_t centre           # the next entry to be a centre
    int32_t n_centres        # entries up to here may be centres

cdef struct Group:
    # Neighbouring centres and what they are trained against, prepared ahead of its block step (train.pxi).
    int32_t first            # buffer entries first ... first + size - 1 are the centres
    int32_t size
    int32_t low, high        # entries low ... high - 1 are in the window of a centre, or a centre
    int32_t reach[GROUP]     # each centre's window, shrunk
    int32_t column[GROUP]    # each centre's output row
    int32_t n                # output rows: the distinct centres, then the distinct negatives
    int32_t n_positive
    float *y[MAX_TARGETS]
    float count[MAX_TARGETS]  # what each noise row counts
    float *newest[GROUP]     # input rows that enter the windows, to be fetched
    uint64_t bits[MAX_DRAWS]
