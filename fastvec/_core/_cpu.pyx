"""What the running CPU can do. Imported before any module that needs more than the baseline."""

cdef extern from "cpu_features.h":
    int FV_SSE2, FV_AVX2, FV_FMA, FV_AVX512F, FV_AVX512DQ, FV_AVX512BW, FV_AVX512VL, FV_NEON, FV_PRFCHW, FV_F16C
    int FV_AVX512VNNI
    unsigned fv_cpu_features() nogil


def features():
    """Return the names of the instruction sets that CPU and operating system support, as a frozenset."""
    cdef unsigned found = fv_cpu_features()
    names = {
        "sse2": FV_SSE2, "avx2": FV_AVX2, "fma": FV_FMA, "avx512f": FV_AVX512F, "avx512dq": FV_AVX512DQ,
        "avx512bw": FV_AVX512BW, "avx512vl": FV_AVX512VL, "neon": FV_NEON, "prfchw": FV_PRFCHW,
        "f16c": FV_F16C, "avx512vnni": FV_AVX512VNNI,
    }
    return frozenset(name for name, bit in names.items() if found & bit)
