/* The forward pass for whatever the compiler was told to build for: registers of 128 bits, with SSE2
   on x86 and NEON on ARM. */
#include "stateline.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define LANES 4
#define TOGETHER 3
#include "lanes.h"

INLINE float lanes_sum(vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }

INLINE void eight_sums(const vec *v, float *sums) {
    UNROLL for (int i = 0; i < 8; i++) sums[i] = lanes_sum(v[i]);
}

#if defined(__aarch64__)
INLINE vec fused(vec a, vec b, vec c) {
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

/* Each row's sum in two parts: NEON adds neighbours only afterwards. */
typedef struct {
    int32x4_t low, high;
} dots;

INLINE dots add_products(dots sums, pairs w, int32_t pair) {
    int16x8_t x = vreinterpretq_s16_s32(vdupq_n_s32(pair));
    sums.low = vmlal_s16(sums.low, vget_low_s16((int16x8_t)w), vget_low_s16(x));
    sums.high = vmlal_s16(sums.high, vget_high_s16((int16x8_t)w), vget_high_s16(x));
    return sums;
}

INLINE ivec whole(dots sums) { return (ivec)vpaddq_s32(sums.low, sums.high); }
#else
INLINE vec fused(vec a, vec b, vec c) { return a * b + c; }

typedef ivec dots;

INLINE dots add_products(dots sums, pairs w, int32_t pair) {
#if defined(__SSE2__)
    return sums + (dots)_mm_madd_epi16((__m128i)w, _mm_set1_epi32(pair));
#else
    int16_t x[2];
    memcpy(x, &pair, sizeof x);
    for (int i = 0; i < LANES; i++) sums[i] += w[2 * i] * x[0] + w[2 * i + 1] * x[1];
    return sums;
#endif
}

INLINE ivec whole(dots sums) { return sums; }
#endif

#include "forward.h"

static int available(void) { return 1; }
const sl_isa_table sl_plain = {"plain", available, forward};
