/* One float vector, by the instruction set this file is compiled for.
 *
 * vf            a register of VF_WIDTH floats; a plain float where no set is known, so that the same loops hold
 * vf_fma(a,b,c) a * b + c
 * vf_and(a,bits)        the lanes of a, bit by bit
 * vf_above(a,b)         a bit for each lane where a <= b is false: a is greater, or one of them is NaN
 * vf_sum4(a,b,c,d,out)  out[0..3] = the sums over the lanes of a, b, c, d
 * vf_exp2i(n)   2^n for lanes that hold integers in [-126, 127];  vf_round(a)  to nearest
 * vf_load_half(p), vf_load_int8(p)  VF_WIDTH numbers of float16 (their bits), of int8, as floats
 * vi            a register of VF_WIDTH int32;  vi_float(a)  as floats
 * vi_dot(sum,a,b)       sum + the products of VI_CODES int8 with as many int16, those of neighbours added up
 * FV_BYTES      defined where there is vi_dot8(sum,a,b,c,d), sum + the products of a's and c's uint8 with the int8 of b and
 *               d, of four neighbours added up; those of two and two must stay below 2^15 in size. Beside it vi_load(p);
 *               vi_set4(p): four bytes to all; vf_store_bytes(p,a): whole numbers from 0 to 255; vf_clear(a,bits);
 *               vf_greatest(a): of all lanes
 * FV_DOT4       defined where there is vi_dot4(sum,a,b), for any bytes of a and b: it needs more than the variant's
 *               instruction sets, so ask the CPU first (cpu_features.h)
 * VF_ROWS x VF_COLUMNS  accumulators of a score tile that the register file holds beside its operands
 * VF_UPDATE             output rows, old and new, that it holds in an update
 * VF_STRIPS             registers of each of FV_GROUP rows, and of another one, that it holds: 2 or 4
 * VF_QUERIES            registers of queries in a tile of a search, with six rows each */
#ifndef FASTVEC_SIMD_H
#define FASTVEC_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(_MSC_VER) && !defined(__clang__)
#define FV_INLINE __forceinline
#define FV_APART __declspec(noinline)
#define FV_UNROLL
#define FV_UNROLL_4
#else
#define FV_INLINE inline __attribute__((always_inline))
#define FV_APART __attribute__((noinline))
#if defined(__clang__)
#define FV_UNROLL _Pragma("clang loop unroll(full)")
#define FV_UNROLL_4 _Pragma("clang loop unroll_count(4)")
#else
#define FV_UNROLL _Pragma("GCC unroll 16")
#define FV_UNROLL_4 _Pragma("GCC unroll 4")
#endif
#endif

/* Cases of a switch over a number that the compiler is to know. */
#define FV_CASES_4(CASE) CASE(1) CASE(2) CASE(3) CASE(4)
#define FV_CASES_6(CASE) FV_CASES_4(CASE) CASE(5) CASE(6)
#define FV_CASES_14(CASE) FV_CASES_6(CASE) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__) || defined(_M_X64)
#include <immintrin.h>
#define FV_X86 1
#endif

/* FV_PREFETCH asks for a line that will be read, FV_PREFETCH_OWN for one that will be written: it comes as one's own, and
 * the store need not ask for it again. As assembly, since gcc moves the intrinsic down to where it comes too late. */
#if defined(FV_X86) && (defined(__GNUC__) || defined(__clang__))
#define FV_PREFETCH(p) __asm__ volatile("prefetcht0 %0" : : "m"(*(const char *)(p)))
#ifdef __PRFCHW__
#define FV_PREFETCH_OWN(p) __asm__ volatile("prefetchw %0" : : "m"(*(const char *)(p)))
#endif
#elif defined(FV_X86)
#define FV_PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)
#elif defined(__GNUC__) || defined(__clang__)
#define FV_PREFETCH(p) __builtin_prefetch(p)
#define FV_PREFETCH_OWN(p) __builtin_prefetch(p, 1)
#else
#define FV_PREFETCH(p) ((void)(p))
#endif
#ifndef FV_PREFETCH_OWN
#define FV_PREFETCH_OWN(p) FV_PREFETCH(p)
#endif

#if defined(__AVX512F__)

typedef __m512 vf;
enum { VF_WIDTH = 16, VF_ROWS = 4, VF_COLUMNS = 6, VF_UPDATE = 14, VF_STRIPS = 4, VF_QUERIES = 4 };
static FV_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static FV_INLINE vf vf_load_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static FV_INLINE vf vf_load_int8(const int8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
static FV_INLINE void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
static FV_INLINE vf vf_set1(float a) { return _mm512_set1_ps(a); }
static FV_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static FV_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static FV_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static FV_INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static FV_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
static FV_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
static FV_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static FV_INLINE vf vf_and(vf a, vf bits) { return _mm512_and_ps(a, bits); }
static FV_INLINE unsigned vf_above(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ); }
static FV_INLINE vf vf_round(vf a) { return _mm512_roundscale_ps(a, 0); }
static FV_INLINE vf vf_exp2i(vf n) {
    __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
}
static FV_INLINE void vf_sum4(vf a, vf b, vf c, vf d, float *out) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512 s = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(s), _mm512_extractf32x8_ps(s, 1));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1)));
}
typedef __m512i vi;
enum { VI_CODES = 32 };
static FV_INLINE vi vi_zero(void) { return _mm512_setzero_si512(); }
static FV_INLINE vi vi_dot(vi sum, const int8_t *a, const int16_t *b) {
    __m512i wide = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)a));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(wide, _mm512_loadu_si512(b)));
}
static FV_INLINE vf vi_float(vi a) { return _mm512_cvtepi32_ps(a); }
#define FV_DOT4 1
static FV_INLINE vi vi_dot4(vi sum, vi a, vi b) {
#if defined(__GNUC__) || defined(__clang__)
    /* The intrinsic would need the flag; and gcc 12 takes it for a call, around which it writes all sums to memory. */
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
#else
    return _mm512_dpbusd_epi32(sum, a, b);
#endif
}
#define FV_BYTES 1
static FV_INLINE vi vi_dot8(vi sum, vi a, vi b, vi c, vi d) {
    __m512i pairs = _mm512_add_epi16(_mm512_maddubs_epi16(a, b), _mm512_maddubs_epi16(c, d));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}
static FV_INLINE vi vi_load(const void *p) { return _mm512_loadu_si512(p); }
static FV_INLINE vi vi_set4(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}
static FV_INLINE void vf_store_bytes(uint8_t *p, vf a) {
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
}
static FV_INLINE vf vf_clear(vf a, vf bits) { return _mm512_andnot_ps(bits, a); }
static FV_INLINE float vf_greatest(vf a) { return _mm512_reduce_max_ps(a); }

#elif defined(__AVX2__)

typedef __m256 vf;
enum { VF_WIDTH = 8, VF_ROWS = 4, VF_COLUMNS = 3, VF_UPDATE = 6, VF_STRIPS = 2, VF_QUERIES = 2 };
static FV_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
static FV_INLINE vf vf_load_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
static FV_INLINE vf vf_load_int8(const int8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
static FV_INLINE void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
static FV_INLINE vf vf_set1(float a) { return _mm256_set1_ps(a); }
static FV_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
static FV_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static FV_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static FV_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
static FV_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
static FV_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
static FV_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static FV_INLINE vf vf_and(vf a, vf bits) { return _mm256_and_ps(a, bits); }
static FV_INLINE unsigned vf_above(vf a, vf b) { return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NLE_UQ)); }
static FV_INLINE vf vf_round(vf a) { return _mm256_round_ps(a, 8); }
static FV_INLINE vf vf_exp2i(vf n) {
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}
static FV_INLINE void vf_sum4(vf a, vf b, vf c, vf d, float *out) {
    /* Without hadd, which is two shuffles and an addition on Intel's CPUs and four steps on AMD's. */
    __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    __m256 cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    __m256 s = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xEE));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}
typedef __m256i vi;
enum { VI_CODES = 16 };
static FV_INLINE vi vi_zero(void) { return _mm256_setzero_si256(); }
static FV_INLINE vi vi_dot(vi sum, const int8_t *a, const int16_t *b) {
    __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)a));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(wide, _mm256_loadu_si256((const __m256i *)b)));
}
static FV_INLINE vf vi_float(vi a) { return _mm256_cvtepi32_ps(a); }

#define FV_BYTES 1
static FV_INLINE vi vi_dot8(vi sum, vi a, vi b, vi c, vi d) {
    __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(a, b), _mm256_maddubs_epi16(c, d));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
static FV_INLINE vi vi_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
static FV_INLINE vi vi_set4(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}
static FV_INLINE void vf_store_bytes(uint8_t *p, vf a) {
    __m256i whole = _mm256_cvtps_epi32(a);
    __m128i shorts = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(shorts, shorts));
}
static FV_INLINE vf vf_clear(vf a, vf bits) { return _mm256_andnot_ps(bits, a); }
static FV_INLINE float vf_greatest(vf a) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

#elif defined(__SSE2__) || defined(_M_X64)

typedef __m128 vf;
enum { VF_WIDTH = 4, VF_ROWS = 4, VF_COLUMNS = 2, VF_UPDATE = 6, VF_STRIPS = 2, VF_QUERIES = 2 };
static FV_INLINE vf vf_load(const float *p) { return _mm_loadu_ps(p); }
static FV_INLINE vf vf_load_half(const uint16_t *p) {
    /* The bits of a half, shifted into those of a float, are 2^112 times too small; exponent 31 is that of inf and NaN. */
    __m128i h = _mm_unpacklo_epi16(_mm_loadl_epi64((const __m128i *)p), _mm_setzero_si128());
    __m128i size = _mm_and_si128(h, _mm_set1_epi32(0x7FFF)), sign = _mm_slli_epi32(_mm_xor_si128(h, size), 16);
    __m128i top = _mm_and_si128(_mm_cmpgt_epi32(size, _mm_set1_epi32(0x7BFF)), _mm_set1_epi32(0x7F800000));
    __m128 f = _mm_mul_ps(_mm_castsi128_ps(_mm_slli_epi32(size, 13)), _mm_set1_ps(5.192296858534828e33f));
    return _mm_or_ps(f, _mm_castsi128_ps(_mm_or_si128(sign, top)));
}
static FV_INLINE vf vf_load_int8(const int8_t *p) {
    int32_t four;
    __m128i a;
    memcpy(&four, p, 4);
    a = _mm_cvtsi32_si128(four);
    a = _mm_unpacklo_epi8(a, a);
    return _mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(a, a), 24));
}
static FV_INLINE void vf_store(float *p, vf a) { _mm_storeu_ps(p, a); }
static FV_INLINE vf vf_set1(float a) { return _mm_set1_ps(a); }
static FV_INLINE vf vf_add(vf a, vf b) { return _mm_add_ps(a, b); }
static FV_INLINE vf vf_sub(vf a, vf b) { return _mm_sub_ps(a, b); }
static FV_INLINE vf vf_mul(vf a, vf b) { return _mm_mul_ps(a, b); }
static FV_INLINE vf vf_div(vf a, vf b) { return _mm_div_ps(a, b); }
static FV_INLINE vf vf_min(vf a, vf b) { return _mm_min_ps(a, b); }
static FV_INLINE vf vf_max(vf a, vf b) { return _mm_max_ps(a, b); }
static FV_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
static FV_INLINE vf vf_and(vf a, vf bits) { return _mm_and_ps(a, bits); }
static FV_INLINE unsigned vf_above(vf a, vf b) { return (unsigned)_mm_movemask_ps(_mm_cmpnle_ps(a, b)); }
static FV_INLINE vf vf_round(vf a) { return _mm_cvtepi32_ps(_mm_cvtps_epi32(a)); }
static FV_INLINE vf vf_exp2i(vf n) {
    __m128i e = _mm_add_epi32(_mm_cvtps_epi32(n), _mm_set1_epi32(127));
    return _mm_castsi128_ps(_mm_slli_epi32(e, 23));
}
static FV_INLINE void vf_sum4(vf a, vf b, vf c, vf d, float *out) {
    __m128 ab = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
    __m128 cd = _mm_add_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
    _mm_storeu_ps(out, _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab)));
}
typedef __m128i vi;
enum { VI_CODES = 8 };
static FV_INLINE vi vi_zero(void) { return _mm_setzero_si128(); }
static FV_INLINE vi vi_dot(vi sum, const int8_t *a, const int16_t *b) {
    __m128i codes = _mm_loadl_epi64((const __m128i *)a), wide = _mm_srai_epi16(_mm_unpacklo_epi8(codes, codes), 8);
    return _mm_add_epi32(sum, _mm_madd_epi16(wide, _mm_loadu_si128((const __m128i *)b)));
}
static FV_INLINE vf vi_float(vi a) { return _mm_cvtepi32_ps(a); }

#elif defined(__aarch64__) || defined(_M_ARM64)

#include <arm_neon.h>
typedef float32x4_t vf;
enum { VF_WIDTH = 4, VF_ROWS = 4, VF_COLUMNS = 6, VF_UPDATE = 14, VF_STRIPS = 4, VF_QUERIES = 4 };
static FV_INLINE vf vf_load(const float *p) { return vld1q_f32(p); }
static FV_INLINE vf vf_load_half(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
static FV_INLINE vf vf_load_int8(const int8_t *p) {
    uint32_t four;
    memcpy(&four, p, 4);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four)))));
}
static FV_INLINE void vf_store(float *p, vf a) { vst1q_f32(p, a); }
static FV_INLINE vf vf_set1(float a) { return vdupq_n_f32(a); }
static FV_INLINE vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
static FV_INLINE vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
static FV_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
static FV_INLINE vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
static FV_INLINE vf vf_min(vf a, vf b) { return vminq_f32(a, b); }
static FV_INLINE vf vf_max(vf a, vf b) { return vmaxq_f32(a, b); }
static FV_INLINE vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static FV_INLINE vf vf_and(vf a, vf bits) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(bits)));
}
static FV_INLINE unsigned vf_above(vf a, vf b) {
    static const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vbicq_u32(vld1q_u32(bits), vcleq_f32(a, b)));
}
static FV_INLINE vf vf_round(vf a) { return vrndnq_f32(a); }
static FV_INLINE vf vf_exp2i(vf n) {
    int32x4_t e = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(e, 23));
}
static FV_INLINE void vf_sum4(vf a, vf b, vf c, vf d, float *out) {
    vst1q_f32(out, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}
typedef int32x4_t vi;
enum { VI_CODES = 8 };
static FV_INLINE vi vi_zero(void) { return vdupq_n_s32(0); }
static FV_INLINE vi vi_dot(vi sum, const int8_t *a, const int16_t *b) {
    int16x8_t wide = vmovl_s8(vld1_s8(a)), other = vld1q_s16(b);
    sum = vmlal_s16(sum, vget_low_s16(wide), vget_low_s16(other));
    return vmlal_s16(sum, vget_high_s16(wide), vget_high_s16(other));
}
static FV_INLINE vf vi_float(vi a) { return vcvtq_f32_s32(a); }

#else

#include <math.h>
typedef float vf;
enum { VF_WIDTH = 1, VF_ROWS = 4, VF_COLUMNS = 3, VF_UPDATE = 6, VF_STRIPS = 2, VF_QUERIES = 2 };
static FV_INLINE vf vf_load(const float *p) { return *p; }
static FV_INLINE vf vf_load_half(const uint16_t *p) {
    /* The bits of a half, shifted into those of a float, are 2^112 times too small; exponent 31 is that of inf and NaN. */
    uint16_t h;
    uint32_t size, bits;
    float f;
    memcpy(&h, p, 2);
    size = h & 0x7FFFu;
    bits = size << 13;
    memcpy(&f, &bits, 4);
    f *= 5.192296858534828e33f;
    memcpy(&bits, &f, 4);
    bits |= (h & 0x8000u) << 16 | (size > 0x7BFFu ? 0x7F800000u : 0);
    memcpy(&f, &bits, 4);
    return f;
}
static FV_INLINE vf vf_load_int8(const int8_t *p) { return *p; }
static FV_INLINE void vf_store(float *p, vf a) { *p = a; }
static FV_INLINE vf vf_set1(float a) { return a; }
static FV_INLINE vf vf_add(vf a, vf b) { return a + b; }
static FV_INLINE vf vf_sub(vf a, vf b) { return a - b; }
static FV_INLINE vf vf_mul(vf a, vf b) { return a * b; }
static FV_INLINE vf vf_div(vf a, vf b) { return a / b; }
static FV_INLINE vf vf_min(vf a, vf b) { return a < b ? a : b; }
static FV_INLINE vf vf_max(vf a, vf b) { return a > b ? a : b; }
static FV_INLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
static FV_INLINE vf vf_and(vf a, vf bits) {
    uint32_t x, y;
    memcpy(&x, &a, 4);
    memcpy(&y, &bits, 4);
    x &= y;
    memcpy(&a, &x, 4);
    return a;
}
static FV_INLINE unsigned vf_above(vf a, vf b) { return !(a <= b); }
static FV_INLINE vf vf_round(vf a) { return floorf(a + 0.5f); }
static FV_INLINE vf vf_exp2i(vf n) {
    /* A NaN would be no valid conversion; it stays one by the fraction it is multiplied with. */
    int32_t e = n >= -126.0f && n <= 127.0f ? ((int32_t)n + 127) << 23 : 127 << 23;
    float f;
    memcpy(&f, &e, 4);
    return f;
}
static FV_INLINE void vf_sum4(vf a, vf b, vf c, vf d, float *out) {
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}
typedef int32_t vi;
enum { VI_CODES = 1 };
static FV_INLINE vi vi_zero(void) { return 0; }
static FV_INLINE vi vi_dot(vi sum, const int8_t *a, const int16_t *b) { return sum + *a * *b; }
static FV_INLINE vf vi_float(vi a) { return (float)a; }

#endif

/* 1 / (1 + e^-x). e^-x = 2^n 2^f with n integral, |f| <= 1/2, and 2^f its Taylor polynomial of degree 6:
 * within 2e-7 of the true value. NaN stays NaN: min and max return their second operand then. */
static FV_INLINE vf vf_sigmoid(vf x) {
    vf t = vf_mul(vf_min(vf_set1(60.0f), vf_max(vf_set1(-60.0f), x)), vf_set1(-1.44269504f));
    vf n = vf_round(t), f = vf_sub(t, n), p = vf_set1(1.5403530e-4f);
    p = vf_fma(p, f, vf_set1(1.3333558e-3f));
    p = vf_fma(p, f, vf_set1(9.6181291e-3f));
    p = vf_fma(p, f, vf_set1(5.5504109e-2f));
    p = vf_fma(p, f, vf_set1(2.4022651e-1f));
    p = vf_fma(p, f, vf_set1(6.9314718e-1f));
    p = vf_fma(p, f, vf_set1(1.0f));
    return vf_div(vf_set1(1.0f), vf_fma(p, vf_exp2i(n), vf_set1(1.0f)));
}

#endif
