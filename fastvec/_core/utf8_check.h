/* Is this UTF-8? As the Unicode Standard has it (table 3-7): no overlong forms, no surrogates, nothing above
 * U+10FFFF. */
#ifndef FASTVEC_UTF8_CHECK_H
#define FASTVEC_UTF8_CHECK_H

#include <stdint.h>
#include <string.h>

/* The length of the well-formed sequence at s (n > 0 bytes may be read), or 0. */
static inline int fv_utf8_length(const uint8_t *s, int64_t n) {
    uint8_t lead = s[0], low = 0x80, high = 0xBF; /* bounds of the second byte */
    int length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (length <= 1) return length;
    if (n < length) return 0;
    if (lead == 0xE0) low = 0xA0;
    else if (lead == 0xED) high = 0x9F;
    else if (lead == 0xF0) low = 0x90;
    else if (lead == 0xF4) high = 0x8F;
    if (s[1] < low || s[1] > high) return 0;
    if (length > 2 && (s[2] & 0xC0) != 0x80) return 0;
    if (length > 3 && (s[3] & 0xC0) != 0x80) return 0;
    return length;
}

/* Position of the first byte that starts no well-formed sequence, or -1. ASCII goes 32 bytes a step. */
static inline int64_t fv_utf8_check(const uint8_t *s, int64_t n) {
    int64_t i = 0, stop;
    while (i < n) {
        uint64_t w[4];
        int length;
        stop = n;
        if (n - i >= 32) {
            stop = i + 32;
            memcpy(w, s + i, 32);
            if (!((w[0] | w[1] | w[2] | w[3]) & 0x8080808080808080u)) i = stop;
        }
        for (; i < stop; i += length) {
            length = fv_utf8_length(s + i, n - i);
            if (!length) return i;
        }
    }
    return -1;
}

#endif
