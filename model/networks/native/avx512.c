/* The forward pass for x86 processors with AVX-512 (F, BW, DQ, VL and VNNI). */
#include "stateline.h"

#if defined(__x86_64__)
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma"))),                  \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,prefer-vector-width=512")
#endif

#define LANES 16
#define TOGETHER 6
#include "lanes.h"

INLINE vec fused(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }

typedef ivec dots;

INLINE dots add_products(dots sums, pairs w, int32_t pair) {
    return (dots)_mm512_dpwssd_epi32((__m512i)sums, (__m512i)w, _mm512_set1_epi32(pair));
}

INLINE ivec whole(dots sums) { return sums; }

/* Halves are added up, then halves of those, and so on; in the same order in `eight_sums`. */
INLINE float lanes_sum(vec v) { return _mm512_reduce_add_ps(v); }

INLINE vec halves(vec one, vec two) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(one, two, 0x44), _mm512_shuffle_f32x4(one, two, 0xEE));
}

INLINE vec quarters(vec one, vec two) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(one, two, 0x88), _mm512_shuffle_f32x4(one, two, 0xDD));
}

INLINE void eight_sums(const vec *v, float *sums) {
    __m512d even = (__m512d)quarters(halves(v[0], v[4]), halves(v[2], v[6]));
    __m512d odd = (__m512d)quarters(halves(v[1], v[5]), halves(v[3], v[7]));
    vec twos = (vec)_mm512_unpacklo_pd(even, odd) + (vec)_mm512_unpackhi_pd(even, odd);
    vec ones = twos + _mm512_movehdup_ps(twos);
    __m512i order = _mm512_setr_epi32(0, 2, 8, 10, 4, 6, 12, 14, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm256_storeu_ps(sums, _mm512_castps512_ps256(_mm512_permutexvar_ps(order, ones)));
}

#include "forward.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static int available(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}
const sl_isa_table sl_avx512 = {"avx512", available, forward};
#else
static int available(void) { return 0; }
const sl_isa_table sl_avx512 = {"avx512", available, 0};
#endif
