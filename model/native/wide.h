/* What the AVX2 and the AVX-512 pass share: products of 8-bit weights in registers of 256 bits.

   The including file has set the target and defines `pair_sums`: to eight sums, the products of 16
   numbers with 16 others are added two by two. No include guard: see forward.h. */

typedef int32_t ivec8 __attribute__((vector_size(32)));
typedef float vec8 __attribute__((vector_size(32)));
typedef __m256i pairs;

static inline vec8 fused8(vec8 a, vec8 b, vec8 c) {
    return (vec8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

static inline pairs load_pairs(const int8_t *w) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w));
}

static inline ivec8 pair_dots(ivec8 sums, pairs w, int32_t pair) {
    return (ivec8)pair_sums((__m256i)sums, w, _mm256_set1_epi32(pair));
}
