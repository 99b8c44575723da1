/* A register's lanes of floats and whole numbers, and functions of each lane.

   The including file has set the target and LANES. Only `fused` fuses: see forward.h. No include
   guard. */

#include <math.h>
#include <string.h>

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));
typedef int16_t svec __attribute__((vector_size(2 * LANES)));
typedef uint16_t hvec __attribute__((vector_size(2 * LANES)));
typedef int8_t bvec __attribute__((vector_size(2 * LANES)));
/* Two neighbouring columns of LANES rows, in 16 bits each. */
typedef int16_t pairs __attribute__((vector_size(4 * LANES)));
typedef uint16_t upairs __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE vec load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }

/* Not a sum, which would have to make +0 of -0, and so be computed. */
INLINE vec all(float x) { return x - (vec){0}; }

INLINE vec pick(ivec which, vec yes, vec no) {
    return (vec)((which & (ivec)yes) | (~which & (ivec)no));
}

INLINE vec bf16_lanes(const uint16_t *p) {
    hvec bits;
    memcpy(&bits, p, sizeof bits);
    return (vec)(__builtin_convertvector(bits, uvec) << 16);
}

static inline float bf16_one(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return x;
}
