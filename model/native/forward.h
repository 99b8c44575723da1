/* The forward pass, written once and compiled for each instruction set: no include guard.

   The including file defines LANES, and may bring `dot_block`, `lanes_sum` and `fused` of its own
   (HAVE_INTRINSICS). Nothing else is fused: the compiler is told not to (-ffp-contract=off), for it
   would choose here so and there otherwise. A token's numbers never depend on the other tokens of a call: the same
   operations come in the same order however a text is cut into calls. So reading in chunks and
   stepping give the same bits.

   Each thread runs all of `forward` on its share of rows, channels, heads or tokens, and waits at a
   barrier where it needs what the others have made. */

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif
#if defined(__ARM_NEON) && LANES == 4
#include <arm_neon.h>
#endif

/* Where a part of the work ends; benchmarks/account.c measures from mark to mark. */
#if !defined(DONE)
#define DONE(WHAT)
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));
typedef int16_t svec __attribute__((vector_size(2 * LANES)));
typedef uint16_t hvec __attribute__((vector_size(2 * LANES)));
typedef int8_t bvec __attribute__((vector_size(LANES)));

static inline vec load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, vec v) { memcpy(p, &v, sizeof v); }

/* Not a sum, which would have to make +0 of -0, and so be computed. */
static inline vec all(float x) { return x - (vec){0}; }

static inline vec pick(ivec which, vec yes, vec no) {
    return (vec)((which & (ivec)yes) | (~which & (ivec)no));
}

#if !defined(HAVE_INTRINSICS)
static inline float lanes_sum(vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }

/* As `lanes_sum` of each. */
static inline void eight_sums(const vec *v, float *sums) {
    for (int i = 0; i < 8; i++) sums[i] = lanes_sum(v[i]);
}

#if defined(__ARM_NEON)
static inline vec fused(vec a, vec b, vec c) {
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#else
static inline vec fused(vec a, vec b, vec c) { return a * b + c; }
#endif

/* Eight lanes in two halves. */
typedef struct {
    ivec half[2];
} ivec8;
typedef struct {
    vec half[2];
} vec8;
#define TILE_GROUPS 1 /* there are 16 registers of this width, or 32 */

/* Two neighbouring numbers of each of eight rows, in 16 bits. */
#if defined(__SSE2__)
typedef struct {
    __m128i half[2];
} pairs;

static inline pairs load_pairs(const int8_t *w) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)w);
    /* Each byte becomes the upper half of a word, and the shift takes its sign along. */
    return (pairs){{_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8),
                    _mm_srai_epi16(_mm_unpackhi_epi8(bytes, bytes), 8)}};
}

static inline ivec pair_dot(pairs w, int i, int32_t pair) {
    return (ivec)_mm_madd_epi16(w.half[i], _mm_set1_epi32(pair));
}
#elif defined(__ARM_NEON)
typedef struct {
    int16x4x2_t half[2]; /* first numbers, second numbers */
} pairs;

static inline pairs load_pairs(const int8_t *w) {
    int8x8x2_t bytes = vld2_s8(w);
    int16x8_t one = vmovl_s8(bytes.val[0]), two = vmovl_s8(bytes.val[1]);
    return (pairs){{{{vget_low_s16(one), vget_low_s16(two)}},
                    {{vget_high_s16(one), vget_high_s16(two)}}}};
}

static inline ivec pair_dot(pairs w, int i, int32_t pair) {
    int16_t x[2];
    memcpy(x, &pair, sizeof x);
    return (ivec)vmlal_n_s16(vmull_n_s16(w.half[i].val[0], x[0]), w.half[i].val[1], x[1]);
}
#else
typedef struct {
    const int8_t *at;
} pairs;

static inline pairs load_pairs(const int8_t *w) { return (pairs){w}; }

static inline ivec pair_dot(pairs w, int i, int32_t pair) {
    int16_t x[2];
    ivec dots;
    memcpy(x, &pair, sizeof x);
    for (int r = 0; r < 4; r++)
        dots[r] = w.at[8 * i + 2 * r] * x[0] + w.at[8 * i + 2 * r + 1] * x[1];
    return dots;
}
#endif

/* To eight sums, the products of eight pairs with one. */
static inline ivec8 pair_dots(ivec8 sums, pairs w, int32_t pair) {
    for (int i = 0; i < 2; i++) sums.half[i] += pair_dot(w, i, pair);
    return sums;
}

/* A block's whole sums, times its scales, to those of the blocks before it. */
static inline vec8 add_block(vec8 sums, ivec8 dots, const float *scales) {
    for (int i = 0; i < 2; i++)
        sums.half[i] = fused(__builtin_convertvector(dots.half[i], vec), load(scales + 4 * i),
                             sums.half[i]);
    return sums;
}

static inline void put_scaled(vec8 sums, float step, const float *bias, float *out) {
    for (int i = 0; i < 2; i++)
        store(out + 4 * i, sums.half[i] * all(step) + load(bias + 4 * i));
}
#endif

/* Cephes' expf: exp(x) = 2^n exp(r) with |r| <= ln(2) / 2. NaN stays NaN; |x| is bounded, since
   nothing here needs the ends. */
static inline vec exp_lanes(vec x) {
    x = pick(x < -87.0f, all(-87.0f), x);
    x = pick(x > 88.0f, all(88.0f), x);
    const float magic = 12582912.0f; /* adding it rounds to a whole number, in the low bits */
    vec shifted = fused(x, all(1.44269504f), all(magic));
    vec n = shifted - magic;
    vec r = fused(n, all(2.12194440e-4f), fused(n, all(-0.693359375f), x));
    vec y = all(1.9875691500e-4f);
    y = fused(y, r, all(1.3981999507e-3f));
    y = fused(y, r, all(8.3334519073e-3f));
    y = fused(y, r, all(4.1665795894e-2f));
    y = fused(y, r, all(1.6666665459e-1f));
    y = fused(y, r, all(5.0000001201e-1f));
    y = fused(y * r, r, r) + 1.0f;
    uvec power = ((uvec)shifted + (uint32_t)(127 - 0x4B400000)) << 23;
    return y * (vec)power;
}

static inline vec silu_lanes(vec x) { return x / (1.0f + exp_lanes(-x)); }

/* As torch: the identity above 20. */
static float softplus(float x) { return x > 20.0f ? x : log1pf(expf(x)); }

static float sum_of_squares(const float *x, int count) {
    vec sum = {0};
    int i = 0;
    for (; i + LANES <= count; i += LANES) sum = fused(load(x + i), load(x + i), sum);
    float rest = lanes_sum(sum);
    for (; i < count; i++) rest += x[i] * x[i];
    return rest;
}

static void rms_norm(const float *x, const float *weight, float eps, int count, float *y) {
    float scale = 1.0f / sqrtf(sum_of_squares(x, count) / (float)count + eps);
    int i = 0;
    for (; i + LANES <= count; i += LANES) store(y + i, load(x + i) * scale * load(weight + i));
    for (; i < count; i++) y[i] = x[i] * scale * weight[i];
}

/* Gate first, then the norm of each group by itself. y is overwritten. */
static void gated_norm(const sl_model *m, const float *z, const float *weight, float *y) {
    int inner = m->n_heads * m->headdim, width = inner / m->n_groups, i = 0;
    for (; i + LANES <= inner; i += LANES) store(y + i, load(y + i) * silu_lanes(load(z + i)));
    for (; i < inner; i++) y[i] *= z[i] / (1.0f + expf(-z[i]));
    for (int g = 0; g < m->n_groups; g++)
        rms_norm(y + g * width, weight + g * width, m->eps, width, y + g * width);
}

/* A row in 16 bits, and its step: NaN if a number is not finite, so that this is not hidden. */
static float quantise(const float *x, int count, int16_t *quants) {
    uvec most = {0};
    for (int i = 0; i < count; i += LANES) {
        uvec bits = (uvec)load(x + i) & 0x7fffffffu;
        uvec larger = (uvec)(bits > most);
        most = (larger & bits) | (~larger & most);
    }
    uint32_t top = 0;
    for (int i = 0; i < LANES; i++) top = most[i] > top ? most[i] : top;
    float greatest;
    memcpy(&greatest, &top, sizeof greatest);
    if (top >= 0x7f800000u || greatest < 1e-30f) {
        memset(quants, 0, (size_t)count * sizeof *quants);
        return top >= 0x7f800000u ? NAN : 0.0f;
    }
    float inverse = 32767.0f / greatest;
    for (int i = 0; i < count; i += LANES) {
        uvec rounded = (uvec)(load(x + i) * inverse + 12582912.0f) - 0x4B400000u;
        svec narrow = __builtin_convertvector((ivec)rounded, svec);
        memcpy(quants + i, &narrow, sizeof narrow);
    }
    return greatest / 32767.0f;
}

/* What a matrix is multiplied with: `count` rows as floats, or in 16 bits. */
typedef struct {
    const float *floats;
    const int16_t *quants;
    const float *steps;
    int count;
} operand;

#define UNROLL _Pragma("GCC unroll 8")

static inline __attribute__((always_inline)) void tile_sums(const vec *sums, int count,
                                                            float *out) {
    if (count == 8) eight_sums(sums, out);
    else
        UNROLL for (int i = 0; i < count; i++) out[i] = lanes_sum(sums[i]);
}

/* Tiles of a product: some rows of a matrix times some tokens, with their sums in registers. */
/* Keeps the compiler from loading what is needed later, for which there are no registers. */
#define IN_ORDER __asm__ volatile("" : : : "memory")

/* 8-bit blocks: `groups` of eight rows, which are the lanes of a sum, times some tokens. A block's
   sum is a whole number and so exact, and the blocks are added in order: all tiles give the same
   bits. */
static inline __attribute__((always_inline)) void q8_tile(const sl_matrix *a, int row, int groups,
                                                          const operand *b, int token, int tokens,
                                                          float *out, int stride) {
    int cols = a->cols, blocks = cols / SL_BLOCK;
    const int8_t *w = (const int8_t *)a->data + (int64_t)row * cols;
    const float *scales = a->scales + (int64_t)row * blocks;
    const int16_t *x = b->quants + (int64_t)token * cols;
    vec8 sums[4][4], no_sums = {0};
    ivec8 dots[4][4], no_dots = {0};
    UNROLL for (int g = 0; g < groups; g++)
        UNROLL for (int t = 0; t < tokens; t++) sums[g][t] = no_sums;
    for (int k = 0; k < blocks; k++) {
        UNROLL for (int g = 0; g < groups; g++)
            UNROLL for (int t = 0; t < tokens; t++) dots[g][t] = no_dots;
        if (tokens == 1) /* all weights pass by once: ask for those of the next tile */
            UNROLL for (int g = 0; g < groups; g++)
                UNROLL for (int i = 0; i < 4; i++)
                    __builtin_prefetch(w + ((g + groups) * cols + k * SL_BLOCK) * 8 + 64 * i);
        _Pragma("GCC unroll 4") for (int j = 0; j < SL_BLOCK; j += 2) {
            pairs left[4];
            UNROLL for (int g = 0; g < groups; g++) left[g] = load_pairs(w + (g * cols + k * SL_BLOCK + j) * 8);
            UNROLL for (int t = 0; t < tokens; t++) {
                int32_t pair;
                memcpy(&pair, x + (int64_t)t * cols + k * SL_BLOCK + j, sizeof pair);
                UNROLL for (int g = 0; g < groups; g++)
                    dots[g][t] = pair_dots(dots[g][t], left[g], pair);
            }
        }
        UNROLL for (int g = 0; g < groups; g++)
            UNROLL for (int t = 0; t < tokens; t++)
                sums[g][t] = add_block(sums[g][t], dots[g][t], scales + (g * blocks + k) * 8);
    }
    UNROLL for (int g = 0; g < groups; g++) {
        int first = row + 8 * g, count = a->rows - first < 8 ? a->rows - first : 8;
        float bias[8] = {0}, found[8];
        if (a->bias) memcpy(bias, a->bias + first, (size_t)count * sizeof *bias);
        UNROLL for (int t = 0; t < tokens; t++) {
            float *to = out + (int64_t)(token + t) * stride + first;
            put_scaled(sums[g][t], b->steps[token + t], bias, count == 8 ? to : found);
            if (count < 8) memcpy(to, found, (size_t)count * sizeof *to);
        }
    }
}

typedef void q8_product(const sl_matrix *a, int row, const operand *b, int token, float *out,
                        int stride);
#define Q8_TILE(GROUPS, TOKENS)                                                                   \
    static void q8_##GROUPS##x##TOKENS(const sl_matrix *a, int row, const operand *b, int token,  \
                                       float *out, int stride) {                                  \
        q8_tile(a, row, GROUPS, b, token, TOKENS, out, stride);                                   \
    }
Q8_TILE(1, 1)
Q8_TILE(1, 2)
Q8_TILE(1, 3)
Q8_TILE(1, 4)
Q8_TILE(2, 1)
Q8_TILE(2, 2)
Q8_TILE(2, 3)
Q8_TILE(4, 1)
static q8_product *const q8_one_group[] = {0, q8_1x1, q8_1x2, q8_1x3, q8_1x4};
static q8_product *const q8_two_groups[] = {0, q8_2x1, q8_2x2, q8_2x3};
static q8_product *const q8_four_groups[] = {0, q8_4x1};

/* How many of the tokens that are left are multiplied at once: so many that all sums stay in
   registers, with what else has to be there. A sum in memory takes half of the speed. */
static inline int q8_tokens(int groups, int left) {
    if (groups == 4) return 1;
    if (groups == 1) return left < 4 ? left : 4;
    return left == 4 ? 2 : left < 3 ? left : 3;
}

static void q8_rows(const sl_matrix *a, int row, int end, const operand *b, float *out,
                    int stride) {
    for (int groups; row < end; row += 8 * groups) {
        int left = (end - row + 7) / 8;
        groups = b->count == 1 && left >= 4 ? 4 : left >= TILE_GROUPS ? TILE_GROUPS : 1;
        q8_product *const *tiles =
            groups == 4 ? q8_four_groups : groups == 2 ? q8_two_groups : q8_one_group;
        for (int token = 0, tokens; token < b->count; token += tokens) {
            tokens = q8_tokens(groups, b->count - token);
            tiles[tokens](a, row, b, token, out, stride);
        }
    }
}

#define FLOAT_TILE(KIND, NUMBER, ROWS, TOKENS)                                                    \
    static void KIND##_##ROWS##x##TOKENS(const sl_matrix *a, int row, const operand *b, int token,\
                                         float *out, int stride) {                                \
        int cols = a->cols, k = 0;                                                                \
        const NUMBER *w = (const NUMBER *)a->data + (int64_t)row * cols;                          \
        const float *x = b->floats + (int64_t)token * cols;                                       \
        vec sums[TOKENS][ROWS] = {{{0}}};                                                         \
        for (; k + LANES <= cols; k += LANES) {                                                   \
            UNROLL for (int t = 0; t < TOKENS; t++)                                               \
                UNROLL for (int r = 0; r < ROWS; r++)                                             \
                    sums[t][r] = fused(KIND##_lanes(w + (int64_t)r * cols + k),                   \
                                       load(x + (int64_t)t * cols + k), sums[t][r]);              \
        }                                                                                         \
        float dots[TOKENS * ROWS];                                                                \
        tile_sums(&sums[0][0], TOKENS * ROWS, dots);                                              \
        UNROLL for (int t = 0; t < TOKENS; t++)                                                   \
            UNROLL for (int r = 0; r < ROWS; r++) {                                               \
                float sum = dots[t * ROWS + r];                                                   \
                for (int i = k; i < cols; i++)                                                    \
                    sum += KIND##_one(w[(int64_t)r * cols + i]) * x[(int64_t)t * cols + i];       \
                out[(int64_t)(token + t) * stride + row + r] =                                    \
                    sum + (a->bias ? a->bias[row + r] : 0.0f);                                    \
            }                                                                                     \
    }

static inline vec f32_lanes(const float *p) { return load(p); }
static inline float f32_one(float x) { return x; }

static inline vec bf16_lanes(const uint16_t *p) {
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

#define TILES(KIND, TILE)                                                                         \
    TILE(2, 4) TILE(4, 1) TILE(2, 1) TILE(1, 1)                                                   \
    static void KIND##_rows(const sl_matrix *a, int row, int end, const operand *b, float *out,   \
                            int stride) {                                                         \
        while (row < end) {                                                                       \
            int wide = b->count >= 4, rows = end - row, token = 0;                                \
            rows = rows >= 4 && !wide ? 4 : rows >= 2 ? 2 : 1;                                    \
            for (; rows == 2 && token + 4 <= b->count; token += 4)                                \
                KIND##_2x4(a, row, b, token, out, stride);                                        \
            for (; token < b->count; token++) {                                                   \
                if (rows == 4) KIND##_4x1(a, row, b, token, out, stride);                         \
                else if (rows == 2) KIND##_2x1(a, row, b, token, out, stride);                    \
                else KIND##_1x1(a, row, b, token, out, stride);                                   \
            }                                                                                     \
            row += rows;                                                                          \
        }                                                                                         \
    }

#define F32_TILE(ROWS, TOKENS) FLOAT_TILE(f32, float, ROWS, TOKENS)
#define BF16_TILE(ROWS, TOKENS) FLOAT_TILE(bf16, uint16_t, ROWS, TOKENS)
TILES(f32, F32_TILE)
TILES(bf16, BF16_TILE)

/* out[t][row] = a[row] . x[t] + bias[row], for this thread's rows. */
static void multiply(const sl_matrix *a, const operand *b, float *out, int stride, int thread,
                     int threads) {
    int first, end;
    sl_share(a->rows, 8, thread, threads, &first, &end);
    if (a->kind == SL_Q8) q8_rows(a, first, end, b, out, stride);
    else if (a->kind == SL_BF16) bf16_rows(a, first, end, b, out, stride);
    else f32_rows(a, first, end, b, out, stride);
}

/* Some tokens of a call that follow one another, and one layer's state before and after them. */
typedef struct {
    int first, count;
    const float *before;
    float *after;
} span;

/* The causal convolution and SiLU of LANES channels: the rows before each token stay in
   registers. This is for TAPS taps, as all known models have. */
#define TAPS 4
static void convolve_lanes(const sl_layer *layer, int channel, int width, const float *history,
                           const float *in, int stride, int count, float *out) {
    vec rows[TAPS], weights[TAPS], bias = {0};
    UNROLL for (int i = 0; i < TAPS; i++)
        weights[i] = load(layer->conv_weight + i * width + channel);
    UNROLL for (int i = 0; i < TAPS - 1; i++) rows[i] = load(history + i * width + channel);
    if (layer->conv_bias) bias = load(layer->conv_bias + channel);
    for (int t = 0; t < count; t++) {
        vec sum = {0};
        rows[TAPS - 1] = load(in + (int64_t)t * stride + channel);
        UNROLL for (int i = 0; i < TAPS; i++) sum = fused(rows[i], weights[i], sum);
        UNROLL for (int i = 0; i < TAPS - 1; i++) rows[i] = rows[i + 1];
        store(out + (int64_t)t * width + channel, silu_lanes(sum + bias));
    }
}

/* One channel, whatever the taps. */
static void convolve_one(const sl_layer *layer, int taps, int channel, int width,
                         const float *history, const float *in, int stride, int count,
                         float *out) {
    for (int t = 0; t < count; t++) {
        float sum = 0.0f;
        for (int i = 0; i < taps; i++) {
            int at = t + i - (taps - 1);
            const float *row = at < 0 ? history + (t + i) * width : in + (int64_t)at * stride;
            sum += row[channel] * layer->conv_weight[i * width + channel];
        }
        sum += layer->conv_bias ? layer->conv_bias[channel] : 0.0f;
        out[(int64_t)t * width + channel] = sum / (1.0f + expf(-sum));
    }
}

/* The convolution of channels `first` to `end`, and its rows for the next call. */
static void convolve(sl_run *run, const sl_layer *layer, span at, int first, int end) {
    const sl_model *m = run->model;
    int taps = m->d_conv, inner = m->n_heads * m->headdim;
    int width = inner + 2 * m->n_groups * m->d_state, stride = inner + width + m->n_heads;
    const float *in = run->projected + (int64_t)at.first * stride + inner;
    float *out = run->mixed + (int64_t)at.first * width;
    int c = first;
    for (; taps == TAPS && c + LANES <= end; c += LANES)
        convolve_lanes(layer, c, width, at.before, in, stride, at.count, out);
    for (; c < end; c++)
        convolve_one(layer, taps, c, width, at.before, in, stride, at.count, out);
    for (int i = 0; i < taps - 1; i++) {
        int row = at.count + i - (taps - 1);
        const float *from = row < 0 ? at.before + (at.count + i) * width
                                    : in + (int64_t)row * stride;
        memcpy(at.after + i * width + first, from + first, (size_t)(end - first) * sizeof *from);
    }
}

/* What a head's tokens bring: rows of x times their steps, of B and of C, and what is left of the
   state. `sums` gets C h', spread over lanes, of GROUP rows of x at each token. */
#define GROUP 8
#define STRIP 8
#define SCAN_TOKENS 32 /* at once: what they bring fits into a first-level cache */
typedef struct {
    int count, stride, heads;
    const float *B, *C; /* (l, n) with rows of `stride` */
    const float *decays; /* (l, 1) with rows of `heads` */
    float inputs[SCAN_TOKENS][GROUP];
    vec sums[SCAN_TOKENS][GROUP];
} scan;

/* `vectors` lanes of one row of the state through all tokens: they stay in registers. */
static inline __attribute__((always_inline)) void scan_strip(scan *s, int row, int column,
                                                             int vectors, const float *before,
                                                             float *after) {
    vec h[STRIP];
    UNROLL for (int i = 0; i < vectors; i++) h[i] = load(before + column + i * LANES);
    for (int t = 0; t < s->count; t++) {
        vec decay = all(s->decays[t * s->heads]), in = all(s->inputs[t][row]);
        const float *B = s->B + (int64_t)t * s->stride + column;
        const float *C = s->C + (int64_t)t * s->stride + column;
        vec even = column ? s->sums[t][row] : (vec){0}, odd = {0}; /* two, to wait less */
        UNROLL for (int i = 0; i < vectors; i++) {
            h[i] = fused(in, load(B + i * LANES), h[i] * decay);
            if (i % 2) odd = fused(h[i], load(C + i * LANES), odd);
            else even = fused(h[i], load(C + i * LANES), even);
        }
        s->sums[t][row] = even + odd;
    }
    UNROLL for (int i = 0; i < vectors; i++) store(after + column + i * LANES, h[i]);
}

static void scan_row(scan *s, int row, int n, const float *before, float *after) {
    int column = 0;
    for (; column + STRIP * LANES <= n; column += STRIP * LANES)
        scan_strip(s, row, column, STRIP, before, after);
    for (; column + STRIP / 2 * LANES <= n; column += STRIP / 2 * LANES)
        scan_strip(s, row, column, STRIP / 2, before, after);
    for (; column + LANES <= n; column += LANES) scan_strip(s, row, column, 1, before, after);
    for (int t = 0; n < LANES && t < s->count; t++) s->sums[t][row] = (vec){0};
    for (; column < n; column++) {
        float h = before[column];
        for (int t = 0; t < s->count; t++) {
            int64_t at = (int64_t)t * s->stride + column;
            h = h * s->decays[t * s->heads] + s->inputs[t][row] * s->B[at];
            s->sums[t][row][0] += h * s->C[at];
        }
        after[column] = h;
    }
}

/* h' = decay h + dt x B, y = C h' + D x, for one head and SCAN_TOKENS at most. */
static void scan_some(sl_run *run, const sl_layer *layer, span at, int head) {
    const sl_model *m = run->model;
    int p = m->headdim, n = m->d_state, heads = m->n_heads, inner = heads * p;
    int width = inner + 2 * m->n_groups * n, group = head / (heads / m->n_groups);
    const float *rows = run->mixed + (int64_t)at.first * width, *x = rows + head * p;
    const float *steps = run->steps + at.first * heads + head;
    float *y = run->scanned + (int64_t)at.first * inner + head * p;
    int64_t start = (int64_t)(m->d_conv - 1) * width + (int64_t)head * p * n;
    scan s;
    s.count = at.count, s.stride = width, s.heads = heads;
    s.B = rows + inner + group * n, s.C = s.B + m->n_groups * n;
    s.decays = run->decays + at.first * heads + head;
    for (int row = 0; row < p; row += GROUP) {
        int some = row + GROUP <= p ? GROUP : p - row;
        for (int t = 0; t < at.count; t++)
            for (int r = 0; r < some; r++)
                s.inputs[t][r] = x[(int64_t)t * width + row + r] * steps[t * heads];
        for (int r = 0; r < some; r++)
            scan_row(&s, r, n, at.before + start + (int64_t)(row + r) * n,
                     at.after + start + (int64_t)(row + r) * n);
        for (int t = 0; t < at.count; t++) {
            float sums[GROUP];
            if (some == GROUP) eight_sums(s.sums[t], sums);
            else
                for (int r = 0; r < some; r++) sums[r] = lanes_sum(s.sums[t][r]);
            for (int r = 0; r < some; r++)
                y[(int64_t)t * inner + row + r] =
                    sums[r] + layer->D[head] * x[(int64_t)t * width + row + r];
        }
    }
}

/* Step sizes after softplus, and what they leave of the state. */
static void step_sizes(sl_run *run, const sl_layer *layer, const float *raw, int stride, int first,
                       int end) {
    const sl_model *m = run->model;
    for (int t = first; t < end; t++)
        for (int h = 0; h < m->n_heads; h++) {
            float step = softplus(raw[(int64_t)t * stride + h] + layer->dt_bias[h]);
            step = step < m->dt_least ? m->dt_least : step > m->dt_most ? m->dt_most : step;
            run->steps[t * m->n_heads + h] = step;
            run->decays[t * m->n_heads + h] = expf(step * layer->A[h]);
        }
}

static void embed(const sl_matrix *a, int32_t token, float *out) {
    int64_t start = (int64_t)token * a->cols, group = (int64_t)(token / 8 * 8) * a->cols;
    for (int i = 0; i < a->cols; i++) {
        if (a->kind == SL_Q8)
            out[i] = ((const int8_t *)a->data)[group + i / 2 * 16 + token % 8 * 2 + i % 2] *
                     a->scales[group / SL_BLOCK + i / SL_BLOCK * 8 + token % 8];
        else if (a->kind == SL_BF16) out[i] = bf16_one(((const uint16_t *)a->data)[start + i]);
        else out[i] = ((const float *)a->data)[start + i];
    }
}

/* Rows of `run->normed`, ready to be multiplied with `a`. */
static void make_ready(sl_run *run, const sl_matrix *a, int first, int end) {
    if (a->kind != SL_Q8) return;
    for (int t = first; t < end; t++)
        run->quant_steps[t] = quantise(run->normed + (int64_t)t * a->cols, a->cols,
                                       run->quants + (int64_t)t * a->cols);
}

static operand rows_of(const sl_run *run, const sl_matrix *a, int first, int count) {
    int64_t start = (int64_t)first * a->cols;
    return (operand){run->normed + start, run->quants + start, run->quant_steps + first, count};
}

static void scan_head(sl_run *run, const sl_layer *layer, span at, int head) {
    for (int left = at.count; left > 0; left -= at.count) {
        at.count = left < SCAN_TOKENS ? left : SCAN_TOKENS;
        scan_some(run, layer, at, head);
        at.first += at.count;
        at.before = at.after;
    }
}

/* The sequence `i` of a call, and its states of the layer that begins `offset` numbers into them. */
static span span_of(const sl_run *run, int i, int64_t offset) {
    int first = i ? run->ends[i - 1] : 0;
    return (span){first, run->ends[i] - first, run->before[i] + offset, run->after[i] + offset};
}

/* From the projected x, B, C and dt of all tokens to what the states say of them. */
static void mix(sl_run *run, const sl_layer *layer, int64_t offset, int thread, int threads) {
    const sl_model *m = run->model;
    int inner = m->n_heads * m->headdim, width = inner + 2 * m->n_groups * m->d_state;
    int stride = inner + width + m->n_heads, first, end;
    sl_share(width, LANES, thread, threads, &first, &end);
    for (int i = 0; i < run->sequences; i++)
        convolve(run, layer, span_of(run, i, offset), first, end);
    sl_share(run->count, 1, thread, threads, &first, &end);
    step_sizes(run, layer, run->projected + inner + width, stride, first, end);
    sl_wait(run->barrier);
    DONE(CONVOLUTION);
    sl_share(m->n_heads, 1, thread, threads, &first, &end);
    for (int i = 0; i < run->sequences; i++)
        for (int head = first; head < end; head++)
            scan_head(run, layer, span_of(run, i, offset), head);
}

/* What `mix` looks at of a layer, to the log or back from it. */
static void note(sl_run *run, int layer, int thread, int threads) {
    const sl_model *m = run->model;
    int inner = m->n_heads * m->headdim;
    int width = inner + 2 * m->n_groups * m->d_state + m->n_heads, first, end;
    float *log = run->log + (int64_t)layer * run->logged * width;
    sl_share(run->count, 1, thread, threads, &first, &end);
    for (int t = first; t < end; t++) {
        float *row = run->projected + (int64_t)t * (inner + width) + inner;
        float *noted = log + (int64_t)t * width;
        if (run->tokens) memcpy(noted, row, (size_t)width * sizeof *row);
        else memcpy(row, noted, (size_t)width * sizeof *row);
    }
}

static void run_layer(sl_run *run, int number, int64_t offset, int thread, int threads) {
    const sl_model *m = run->model;
    const sl_layer *layer = &m->layers[number];
    int inner = m->n_heads * m->headdim, width = inner + 2 * m->n_groups * m->d_state;
    int stride = inner + width + m->n_heads, d = m->d_model, count = run->count;
    int token, last;
    sl_share(count, 1, thread, threads, &token, &last);

    for (int t = token; t < last; t++)
        rms_norm(run->residual + (int64_t)t * d, layer->norm, m->eps, d,
                 run->normed + (int64_t)t * d);
    make_ready(run, &layer->in_proj, token, last);
    sl_wait(run->barrier);
    DONE(NORM);
    operand x = rows_of(run, &layer->in_proj, 0, count);
    multiply(&layer->in_proj, &x, run->projected, stride, thread, threads);
    sl_wait(run->barrier);
    DONE(IN_PROJ);
    if (run->log) note(run, number, thread, threads);
    mix(run, layer, offset, thread, threads);
    sl_wait(run->barrier);
    DONE(SCAN);
    for (int t = token; t < last; t++) {
        float *y = run->scanned + (int64_t)t * inner;
        gated_norm(m, run->projected + (int64_t)t * stride, layer->gate_norm, y);
        memcpy(run->normed + (int64_t)t * inner, y, (size_t)inner * sizeof *y);
    }
    make_ready(run, &layer->out_proj, token, last);
    sl_wait(run->barrier);
    DONE(GATE);
    x = rows_of(run, &layer->out_proj, 0, count);
    /* `scanned` is free again, and wide enough: d_inner is at least d_model. */
    multiply(&layer->out_proj, &x, run->scanned, d, thread, threads);
    sl_wait(run->barrier);
    DONE(OUT_PROJ);
    for (int t = token; t < last; t++)
        for (int i = 0; i < d; i++)
            run->residual[(int64_t)t * d + i] += run->scanned[(int64_t)t * d + i];
}

/* Only the states, from the log. */
static void replay_layer(sl_run *run, int number, int64_t offset, int thread, int threads) {
    note(run, number, thread, threads);
    sl_wait(run->barrier);
    mix(run, &run->model->layers[number], offset, thread, threads);
    sl_wait(run->barrier);
}

/* All layers: from tokens to logits, or from a log to the states alone. */
static void forward(sl_run *run, int thread, int threads) {
    const sl_model *m = run->model;
    int token, last, d = m->d_model, unwanted = run->count - run->wanted;
    int inner = m->n_heads * m->headdim, width = inner + 2 * m->n_groups * m->d_state;
    int64_t floats = (int64_t)(m->d_conv - 1) * width + (int64_t)inner * m->d_state;
    if (run->tokens == NULL) {
        for (int i = 0; i < m->n_layer; i++) replay_layer(run, i, i * floats, thread, threads);
        return;
    }
    DONE(REST);
    sl_share(run->count, 1, thread, threads, &token, &last);
    for (int t = token; t < last; t++)
        embed(&m->embedding, run->tokens[t], run->residual + (int64_t)t * d);
    for (int i = 0; i < m->n_layer; i++)
        run_layer(run, i, i * floats, thread, threads);
    for (int t = token > unwanted ? token : unwanted; t < last; t++)
        rms_norm(run->residual + (int64_t)t * d, m->norm_f, m->eps, d,
                 run->normed + (int64_t)t * d);
    make_ready(run, &m->head, token > unwanted ? token : unwanted, last);
    sl_wait(run->barrier);
    if (run->wanted) {
        operand x = rows_of(run, &m->head, unwanted, run->wanted);
        multiply(&m->head, &x, run->logits, m->vocab, thread, threads);
    }
    DONE(HEAD);
}
