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

static inline __m256i pair_sums(__m256i sums, __m256i w, __m256i x) {
    return _mm256_dpwssd_epi32(sums, w, x);
}

#include "wide.h"

static inline float lanes_sum(__m512 v) { return _mm512_reduce_add_ps(v); }

/* As `lanes_sum` of each. */
static inline void eight_sums(const __m512 *v, float *sums) {
    for (int i = 0; i < 8; i++) sums[i] = lanes_sum(v[i]);
}

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
