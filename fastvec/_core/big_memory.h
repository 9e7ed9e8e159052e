/* Zeroed memory for tables that are looked up all over. Where Linux has huge pages (transparent_hugepage: madvise or
 * always), large tables get them: filling a fresh table of small pages, and finding these again at each look-up, took
 * longer than the counting itself. Elsewhere it is calloc. */
#ifndef FASTVEC_BIG_MEMORY_H
#define FASTVEC_BIG_MEMORY_H

#include <stdint.h>
#include <stdlib.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* `items` (a table's size) is given back as it was: what is big is told by it. NULL where there is no memory. */
#if defined(__linux__) && defined(MADV_HUGEPAGE)
enum { FV_HUGE = 1 << 21 };

static inline int fv_is_big(uint64_t items, size_t item_size) { return items >= 2 * FV_HUGE / item_size; }

static inline void *fv_zeroed(uint64_t items, size_t item_size) {
    void *memory;
    if (items > SIZE_MAX / 2 / item_size) return NULL;
    if (!fv_is_big(items, item_size)) return calloc((size_t)items, item_size);
    memory = mmap(NULL, (size_t)items * item_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    madvise(memory, (size_t)items * item_size, MADV_HUGEPAGE); /* a wish: without it the pages are small */
    return memory;
}

static inline void fv_release(void *memory, uint64_t items, size_t item_size) {
    if (!memory || !fv_is_big(items, item_size)) free(memory);
    else munmap(memory, (size_t)items * item_size);
}
#else
static inline void *fv_zeroed(uint64_t items, size_t item_size) {
    return items <= SIZE_MAX / item_size ? calloc((size_t)items, item_size) : NULL;
}

static inline void fv_release(void *memory, uint64_t items, size_t item_size) {
    (void)items;
    (void)item_size;
    free(memory);
}
#endif

#endif
