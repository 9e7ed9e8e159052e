/* Which instruction sets the running CPU and operating system support.
 *
 * x86: CPUID leaves 1, 7 and 0x80000001, and XGETBV, since a set is usable only where the system saves its registers:
 * XCR0 bits 1-2 for the 256-bit registers, bits 5-7 as well for the 512-bit ones. (Intel SDM, vol. 1, 13-14.)
 * arm64: NEON is part of the base architecture.
 * Compiled for the baseline, so that it runs anywhere. */
#ifndef FASTVEC_CPU_FEATURES_H
#define FASTVEC_CPU_FEATURES_H

enum {
    FV_SSE2 = 1, FV_AVX2 = 2, FV_FMA = 4, FV_AVX512F = 8, FV_AVX512DQ = 16, FV_AVX512BW = 32, FV_AVX512VL = 64,
    FV_NEON = 128, FV_PRFCHW = 256, FV_F16C = 512, FV_AVX512VNNI = 1024
};

#if defined(__x86_64__) || defined(_M_X64)

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static void fv_cpuid(unsigned leaf, unsigned subleaf, unsigned out[4]) {
    __cpuidex((int *)out, (int)leaf, (int)subleaf);
}
static unsigned fv_xcr0(void) { return (unsigned)_xgetbv(0); }
#else
#include <cpuid.h>
static void fv_cpuid(unsigned leaf, unsigned subleaf, unsigned out[4]) {
    __cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
}
static unsigned fv_xcr0(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

static unsigned fv_cpu_features(void) {
    unsigned r[4], found = FV_SSE2, leaf1_c, leaf7_b, leaf7_c, xcr0;
    fv_cpuid(0x80000000u, 0, r);
    if (r[0] >= 0x80000001u) {
        fv_cpuid(0x80000001u, 0, r);
        if (r[2] & (1u << 8)) found |= FV_PRFCHW;
    }
    fv_cpuid(0, 0, r);
    if (r[0] < 7) return found;
    fv_cpuid(1, 0, r);
    leaf1_c = r[2];
    if (!(leaf1_c & (1u << 27))) return found; /* OSXSAVE: XGETBV may be used */
    xcr0 = fv_xcr0();
    if ((xcr0 & 0x6) != 0x6) return found;
    fv_cpuid(7, 0, r);
    leaf7_b = r[1];
    leaf7_c = r[2];
    if (leaf1_c & (1u << 12)) found |= FV_FMA;
    if (leaf1_c & (1u << 29)) found |= FV_F16C;
    if (leaf7_b & (1u << 5)) found |= FV_AVX2;
    if ((xcr0 & 0xE6) == 0xE6) {
        if (leaf7_b & (1u << 16)) found |= FV_AVX512F;
        if (leaf7_b & (1u << 17)) found |= FV_AVX512DQ;
        if (leaf7_b & (1u << 30)) found |= FV_AVX512BW;
        if (leaf7_b & (1u << 31)) found |= FV_AVX512VL;
        if (leaf7_c & (1u << 11)) found |= FV_AVX512VNNI;
    }
    return found;
}

#elif defined(__aarch64__) || defined(_M_ARM64)
static unsigned fv_cpu_features(void) { return FV_NEON; }
#else
static unsigned fv_cpu_features(void) { return 0; }
#endif

#endif
