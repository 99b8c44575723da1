/* The forward pass for x86 processors with AVX2 and FMA. */
#include "stateline.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define LANES 8
#define HAVE_INTRINSICS

static inline __m256i pair_sums(__m256i sums, __m256i w, __m256i x) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(w, x));
}

#include "wide.h"

static inline float lanes_sum(__m256 v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

/* Both vectors' halves added up, and so on: the same additions as in `lanes_sum`. */
static inline __m256 halves(__m256 one, __m256 two) {
    return _mm256_add_ps(_mm256_permute2f128_ps(one, two, 0x20),
                         _mm256_permute2f128_ps(one, two, 0x31));
}

static inline __m256 quarters(__m256 one, __m256 two) {
    __m256d left = _mm256_castps_pd(one), right = _mm256_castps_pd(two);
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(left, right)),
                         _mm256_castpd_ps(_mm256_unpackhi_pd(left, right)));
}

static inline void eight_sums(const __m256 *v, float *sums) {
    __m256 low = quarters(halves(v[0], v[4]), halves(v[1], v[5]));
    __m256 high = quarters(halves(v[2], v[6]), halves(v[3], v[7]));
    _mm256_storeu_ps(sums, _mm256_add_ps(_mm256_shuffle_ps(low, high, 0x88),
                                         _mm256_shuffle_ps(low, high, 0xDD)));
}

static inline __m256 fused(__m256 a, __m256 b, __m256 c) {
    return _mm256_fmadd_ps(a, b, c);
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
