/* The forward pass for x86 processors with AVX2 and FMA. */
#include "stateline.h"

#if defined(__x86_64__)
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define LANES 8
#define TOGETHER 3
#include "lanes.h"

INLINE vec fused(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }

typedef ivec dots;

INLINE dots add_products(dots sums, pairs w, int32_t pair) {
    return sums + (dots)_mm256_madd_epi16((__m256i)w, _mm256_set1_epi32(pair));
}

INLINE ivec whole(dots sums) { return sums; }

INLINE float lanes_sum(vec v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

/* Both vectors' halves added up, and so on: the same additions as in `lanes_sum`. */
INLINE vec halves(vec one, vec two) {
    return _mm256_add_ps(_mm256_permute2f128_ps(one, two, 0x20),
                         _mm256_permute2f128_ps(one, two, 0x31));
}

INLINE vec quarters(vec one, vec two) {
    __m256d left = _mm256_castps_pd(one), right = _mm256_castps_pd(two);
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(left, right)),
                         _mm256_castpd_ps(_mm256_unpackhi_pd(left, right)));
}

INLINE void eight_sums(const vec *v, float *sums) {
    __m256 low = quarters(halves(v[0], v[4]), halves(v[1], v[5]));
    __m256 high = quarters(halves(v[2], v[6]), halves(v[3], v[7]));
    _mm256_storeu_ps(sums, _mm256_add_ps(_mm256_shuffle_ps(low, high, 0x88),
                                         _mm256_shuffle_ps(low, high, 0xDD)));
}

#include "forward.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static int available(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
const sl_isa_table sl_avx2 = {"avx2", available, forward};
#else
static int available(void) { return 0; }
const sl_isa_table sl_avx2 = {"avx2", available, 0};
#endif
