/* Where the time of the native library goes, and what this machine could do at best.

   Compiled by benchmarks/account.py together with the library's own sources, into which account.h
   puts the marks. One thread. */

#include "stateline.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static double spent[ACCOUNTS], since;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void account_done(int what) {
    double at = now();
    spent[what] += at - since;
    since = at;
}

EXPORT void account_begin(void) {
    memset(spent, 0, sizeof spent);
    since = now();
}

EXPORT double account_of(int what) { return spent[what]; }

/* Bytes a second: reading `bytes` again and again, or copying them. */
#if defined(__x86_64__)
__attribute__((target("avx2")))
#endif
EXPORT double account_bandwidth(int64_t bytes, int copying) {
    typedef uint64_t wide __attribute__((vector_size(32)));
    int64_t count = bytes / (int64_t)sizeof(wide), rounds = 4 + (int64_t)(256 << 20) / bytes;
    wide *from = aligned_alloc(64, (size_t)bytes), *to = aligned_alloc(64, (size_t)bytes);
    wide sums[4] = {{0}};
    double best = 1e9;
    memset(from, 1, (size_t)bytes), memset(to, 1, (size_t)bytes);
    for (int64_t round = 0; round < rounds; round++) {
        double began = now(), took;
        if (copying) memcpy(to, from, (size_t)bytes);
        else
            for (int64_t i = 0; i + 4 <= count; i += 4)
                for (int k = 0; k < 4; k++) sums[k] ^= from[i + k];
        __asm__ volatile("" : : "r"(to), "r"(sums) : "memory"); /* so that nothing is left out */
        took = now() - began;
        if (took < best) best = took;
    }
    free(from), free(to);
    return (double)bytes / best;
}

/* Products of 16-bit numbers, and of floats, a second: nothing but these, from registers. */
#if defined(__x86_64__)
#include <immintrin.h>
#define TWELVE(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define ROUNDS 2000000

__attribute__((target("avx2,fma"))) EXPORT double account_products(int floats) {
    double best = 1e9;
    for (int again = 0; again < 5; again++) {
        __m256i w = _mm256_set1_epi16(0), s[12];
        __m256 v = _mm256_setzero_ps(), f[12];
        for (int i = 0; i < 12; i++) s[i] = w, f[i] = v;
        double began = now();
        for (int round = 0; round < ROUNDS; round++) {
            if (floats) {
#define FMA(I) __asm__ volatile("vfmadd231ps %1, %1, %0" : "+x"(f[I]) : "x"(v));
                TWELVE(FMA)
            } else {
#define MADD(I) __asm__ volatile("vpmaddwd %1, %0, %0" : "+x"(s[I]) : "x"(w));
                TWELVE(MADD)
            }
        }
        double took = now() - began;
        if (took < best) best = took;
    }
    return (floats ? 8.0 : 16.0) * 12 * ROUNDS / best;
}
#else
EXPORT double account_products(int floats) { return floats ? 0.0 : 0.0; }
#endif
