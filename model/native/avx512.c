/* The forward pass for x86 processors with AVX-512 (F, BW, VL and VNNI). */
#include "stateline.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,fma"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vnni,fma")
#endif

#define LANES 16
#define HAVE_INTRINSICS

typedef int32_t sum_vec __attribute__((vector_size(64)));

static inline sum_vec dot_block(const int8_t *w, const int16_t *x) {
    __m512i wide = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)w));
    return (sum_vec)_mm512_dpwssd_epi32(_mm512_setzero_si512(), wide, _mm512_loadu_si512(x));
}

static inline float lanes_sum(__m512 v) { return _mm512_reduce_add_ps(v); }

static inline __m512 fused(__m512 a, __m512 b, __m512 c) {
    return _mm512_fmadd_ps(a, b, c);
}

#include "forward.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static int available(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("fma");
}
const sl_isa_table sl_avx512 = {"avx512", available, forward};
#else
static int available(void) { return 0; }
const sl_isa_table sl_avx512 = {"avx512", available, 0};
#endif
