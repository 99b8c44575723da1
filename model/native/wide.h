/* What the AVX2 and the AVX-512 pass share: products of 8-bit weights in registers of 256 bits.

   The including file has set the target and defines `pair_sums`: to eight sums, the products of 16
   numbers with 16 others are added two by two. No include guard: see forward.h. */

typedef __m256i ivec8;
typedef __m256 vec8;
typedef __m256i pairs;
#define TILE_GROUPS 2

static inline pairs load_pairs(const int8_t *w) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w));
}

static inline ivec8 pair_dots(ivec8 sums, pairs w, int32_t pair) {
    return pair_sums(sums, w, _mm256_set1_epi32(pair));
}

static inline vec8 add_block(vec8 sums, ivec8 dots, const float *scales) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), _mm256_loadu_ps(scales), sums);
}

static inline void put_scaled(vec8 sums, float step, const float *bias, float *out) {
    _mm256_storeu_ps(out, _mm256_add_ps(_mm256_mul_ps(sums, _mm256_set1_ps(step)),
                                        _mm256_loadu_ps(bias)));
}
