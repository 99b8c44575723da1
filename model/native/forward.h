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

#if defined(__ARM_NEON)
static inline vec fused(vec a, vec b, vec c) {
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#else
static inline vec fused(vec a, vec b, vec c) { return a * b + c; }
#endif

/* The sums of SL_BLOCK products, spread over the lanes. */
#if defined(__ARM_NEON)
static inline ivec dot_block(const int8_t *w, const int16_t *x) {
    int32x4_t sum = vdupq_n_s32(0);
    for (int i = 0; i < SL_BLOCK; i += 8) {
        int16x8_t wide = vmovl_s8(vld1_s8(w + i)), right = vld1q_s16(x + i);
        sum = vmlal_s16(sum, vget_low_s16(wide), vget_low_s16(right));
        sum = vmlal_s16(sum, vget_high_s16(wide), vget_high_s16(right));
    }
    return (ivec)sum;
}
#elif defined(__SSE2__)
static inline ivec dot_block(const int8_t *w, const int16_t *x) {
    __m128i sum = _mm_setzero_si128();
    for (int i = 0; i < SL_BLOCK; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(w + i));
        /* Each byte becomes the upper half of a word, and the shift takes its sign along. */
        __m128i low = _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
        __m128i high = _mm_srai_epi16(_mm_unpackhi_epi8(bytes, bytes), 8);
        __m128i x0 = _mm_loadu_si128((const __m128i *)(x + i));
        __m128i x1 = _mm_loadu_si128((const __m128i *)(x + i + 8));
        sum = _mm_add_epi32(sum, _mm_madd_epi16(low, x0));
        sum = _mm_add_epi32(sum, _mm_madd_epi16(high, x1));
    }
    return (ivec)sum;
}
#else
static inline ivec dot_block(const int8_t *w, const int16_t *x) {
    ivec sum = {0};
    for (int i = 0; i < SL_BLOCK; i += LANES) {
        bvec left;
        svec right;
        memcpy(&left, w + i, sizeof left);
        memcpy(&right, x + i, sizeof right);
        sum += __builtin_convertvector(left, ivec) * __builtin_convertvector(right, ivec);
    }
    return sum;
}
#endif
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

/* Tiles of a product: some rows of a matrix times some tokens, with their sums in registers. */
#define UNROLL _Pragma("GCC unroll 8")

#define Q8_TILE(ROWS, TOKENS)                                                                     \
    static void q8_##ROWS##x##TOKENS(const sl_matrix *a, int row, const operand *b, int token,    \
                                     float *out, int stride) {                                    \
        int cols = a->cols, blocks = cols / SL_BLOCK;                                             \
        const int8_t *w = (const int8_t *)a->data + (int64_t)row * cols;                          \
        const float *scales = a->scales + (int64_t)row * blocks;                                  \
        const int16_t *x = b->quants + (int64_t)token * cols;                                     \
        vec sums[ROWS][TOKENS] = {{{0}}};                                                         \
        for (int k = 0; k < blocks; k++) {                                                        \
            UNROLL for (int t = 0; t < TOKENS; t++)                                               \
                UNROLL for (int r = 0; r < ROWS; r++) {                                           \
                    ivec dots = (ivec)dot_block(w + (int64_t)r * cols + k * SL_BLOCK,             \
                                                x + (int64_t)t * cols + k * SL_BLOCK);            \
                    sums[r][t] = fused(__builtin_convertvector(dots, vec),                        \
                                       all(scales[r * blocks + k]), sums[r][t]);                  \
                }                                                                                 \
        }                                                                                         \
        UNROLL for (int t = 0; t < TOKENS; t++)                                                   \
            UNROLL for (int r = 0; r < ROWS; r++)                                                 \
                out[(int64_t)(token + t) * stride + row + r] =                                    \
                    lanes_sum(sums[r][t]) * b->steps[token + t] +                                 \
                    (a->bias ? a->bias[row + r] : 0.0f);                                          \
    }

#define FLOAT_TILE(KIND, NUMBER, ROWS, TOKENS)                                                    \
    static void KIND##_##ROWS##x##TOKENS(const sl_matrix *a, int row, const operand *b, int token,\
                                         float *out, int stride) {                                \
        int cols = a->cols, k = 0;                                                                \
        const NUMBER *w = (const NUMBER *)a->data + (int64_t)row * cols;                          \
        const float *x = b->floats + (int64_t)token * cols;                                       \
        vec sums[ROWS][TOKENS] = {{{0}}};                                                         \
        for (; k + LANES <= cols; k += LANES) {                                                   \
            UNROLL for (int t = 0; t < TOKENS; t++)                                               \
                UNROLL for (int r = 0; r < ROWS; r++)                                             \
                    sums[r][t] = fused(KIND##_lanes(w + (int64_t)r * cols + k),                   \
                                       load(x + (int64_t)t * cols + k), sums[r][t]);              \
        }                                                                                         \
        UNROLL for (int t = 0; t < TOKENS; t++)                                                   \
            UNROLL for (int r = 0; r < ROWS; r++) {                                               \
                float sum = lanes_sum(sums[r][t]);                                                \
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
TILES(q8, Q8_TILE)
TILES(f32, F32_TILE)
TILES(bf16, BF16_TILE)

/* out[t][row] = a[row] . x[t] + bias[row], for this thread's rows. */
static void multiply(const sl_matrix *a, const operand *b, float *out, int stride, int thread,
                     int threads) {
    int first, end;
    sl_share(a->rows, 4, thread, threads, &first, &end);
    if (a->kind == SL_Q8) q8_rows(a, first, end, b, out, stride);
    else if (a->kind == SL_BF16) bf16_rows(a, first, end, b, out, stride);
    else f32_rows(a, first, end, b, out, stride);
}

/* The causal convolution and SiLU of this thread's channels, and its rows for the next call. */
static void convolve(sl_run *run, const sl_layer *layer, int width, int stride, int offset,
                     const float *history, float *next, int first, int end) {
    int taps = run->model->d_conv, count = run->count;
    for (int c = first; c < end;) {
        int whole = c + LANES <= end;
        for (int t = 0; t < count; t++) {
            vec sum = {0};
            float one = 0.0f;
            for (int i = 0; i < taps; i++) {
                int at = t + i - (taps - 1);
                const float *row = at < 0 ? history + (int64_t)(t + i) * width
                                          : run->projected + (int64_t)at * stride + offset;
                if (whole)
                    sum = fused(load(row + c), load(layer->conv_weight + i * width + c), sum);
                else one += row[c] * layer->conv_weight[i * width + c];
            }
            float *out = run->mixed + (int64_t)t * width + c;
            const float *bias = layer->conv_bias;
            if (whole) {
                store(out, silu_lanes(bias ? sum + load(bias + c) : sum));
            } else {
                one += bias ? bias[c] : 0.0f;
                *out = one / (1.0f + expf(-one));
            }
        }
        c += whole ? LANES : 1;
    }
    for (int i = 0; i < taps - 1; i++) {
        int at = count + i - (taps - 1);
        const float *row = at < 0 ? history + (int64_t)(count + i) * width
                                  : run->projected + (int64_t)at * stride + offset;
        memcpy(next + (int64_t)i * width + first, row + first,
               (size_t)(end - first) * sizeof *next);
    }
}

/* Two rows of a head's state, `8 * LANES` or fewer of their columns, through all tokens: the state
   stays in registers. x and y have one row per token. */
#define STRIP 4
static inline __attribute__((always_inline)) void scan_strip(
    sl_run *run, int vectors, int rows, const float *x, int x_stride, const float *B,
    const float *C, int head, const float *before, float *after, float *y, int y_stride) {
    int n = run->model->d_state, heads = run->model->n_heads;
    vec s[2][STRIP];
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < vectors; i++) s[r][i] = load(before + (int64_t)r * n + i * LANES);
    for (int t = 0; t < run->count; t++) {
        float decay = run->decays[t * heads + head], step = run->steps[t * heads + head];
        vec sums[2] = {{0}, {0}};
        for (int r = 0; r < rows; r++) {
            vec in = all(x[(int64_t)t * x_stride + r] * step);
            for (int i = 0; i < vectors; i++) {
                s[r][i] = fused(in, load(B + (int64_t)t * x_stride + i * LANES), s[r][i] * decay);
                sums[r] = fused(s[r][i], load(C + (int64_t)t * x_stride + i * LANES), sums[r]);
            }
        }
        for (int r = 0; r < rows; r++) y[(int64_t)t * y_stride + r] += lanes_sum(sums[r]);
    }
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < vectors; i++) store(after + (int64_t)r * n + i * LANES, s[r][i]);
}

/* h' = decay h + dt x B, y = C h' + D x, for one head and all tokens. */
static void scan_head(sl_run *run, const sl_layer *layer, int head, const float *before,
                      float *after) {
    const sl_model *m = run->model;
    int p = m->headdim, n = m->d_state, inner = m->n_heads * p, width = inner + 2 * m->n_groups * n;
    int group = head / (m->n_heads / m->n_groups), heads = m->n_heads;
    const float *x = run->mixed + head * p, *B = run->mixed + inner + group * n;
    const float *C = B + m->n_groups * n;
    float *y = run->scanned + head * p;
    for (int t = 0; t < run->count; t++)
        for (int i = 0; i < p; i++)
            y[(int64_t)t * inner + i] = layer->D[head] * x[(int64_t)t * width + i];
    for (int row = 0; row < p; row += 2) {
        int rows = row + 2 <= p ? 2 : 1, column = 0;
        const float *from = before + (int64_t)row * n;
        float *to = after + (int64_t)row * n;
        for (; rows == 2 && column + STRIP * LANES <= n; column += STRIP * LANES)
            scan_strip(run, STRIP, 2, x + row, width, B + column, C + column, head, from + column,
                       to + column, y + row, inner);
        for (; column + LANES <= n; column += LANES)
            for (int r = 0; r < rows; r++)
                scan_strip(run, 1, 1, x + row + r, width, B + column, C + column, head,
                           from + (int64_t)r * n + column, to + (int64_t)r * n + column,
                           y + row + r, inner);
        for (; column < n; column++)
            for (int r = 0; r < rows; r++) {
                float s = from[(int64_t)r * n + column];
                for (int t = 0; t < run->count; t++) {
                    int at = t * heads + head;
                    s = s * run->decays[at] +
                        x[(int64_t)t * width + row + r] * run->steps[at] *
                            B[(int64_t)t * width + column];
                    y[(int64_t)t * inner + row + r] += s * C[(int64_t)t * width + column];
                }
                to[(int64_t)r * n + column] = s;
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
    int64_t start = (int64_t)token * a->cols;
    for (int i = 0; i < a->cols; i++) {
        if (a->kind == SL_Q8)
            out[i] = (float)((const int8_t *)a->data)[start + i] *
                     a->scales[(start + i) / SL_BLOCK];
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

static void run_layer(sl_run *run, const sl_layer *layer, const float *before, float *after,
                      int thread, int threads) {
    const sl_model *m = run->model;
    int inner = m->n_heads * m->headdim, width = inner + 2 * m->n_groups * m->d_state;
    int stride = inner + width + m->n_heads, d = m->d_model, count = run->count;
    int first, end, token, last;
    int64_t rows = (int64_t)(m->d_conv - 1) * width, head = (int64_t)m->headdim * m->d_state;
    sl_share(count, 1, thread, threads, &token, &last);

    for (int t = token; t < last; t++)
        rms_norm(run->residual + (int64_t)t * d, layer->norm, m->eps, d,
                 run->normed + (int64_t)t * d);
    make_ready(run, &layer->in_proj, token, last);
    sl_wait(run->barrier);
    operand x = rows_of(run, &layer->in_proj, 0, count);
    multiply(&layer->in_proj, &x, run->projected, stride, thread, threads);
    sl_wait(run->barrier);
    sl_share(width, LANES, thread, threads, &first, &end);
    convolve(run, layer, width, stride, inner, before, after, first, end);
    step_sizes(run, layer, run->projected + inner + width, stride, token, last);
    sl_wait(run->barrier);
    sl_share(m->n_heads, 1, thread, threads, &first, &end);
    for (int h = first; h < end; h++)
        scan_head(run, layer, h, before + rows + h * head, after + rows + h * head);
    sl_wait(run->barrier);
    for (int t = token; t < last; t++) {
        float *y = run->scanned + (int64_t)t * inner;
        gated_norm(m, run->projected + (int64_t)t * stride, layer->gate_norm, y);
        memcpy(run->normed + (int64_t)t * inner, y, (size_t)inner * sizeof *y);
    }
    make_ready(run, &layer->out_proj, token, last);
    sl_wait(run->barrier);
    x = rows_of(run, &layer->out_proj, 0, count);
    /* `scanned` is free again, and wide enough: d_inner is at least d_model. */
    multiply(&layer->out_proj, &x, run->scanned, d, thread, threads);
    sl_wait(run->barrier);
    for (int t = token; t < last; t++)
        for (int i = 0; i < d; i++)
            run->residual[(int64_t)t * d + i] += run->scanned[(int64_t)t * d + i];
}

static void forward(sl_run *run, int thread, int threads) {
    const sl_model *m = run->model;
    int token, last, d = m->d_model, unwanted = run->count - run->wanted;
    int inner = m->n_heads * m->headdim, width = inner + 2 * m->n_groups * m->d_state;
    int64_t floats = (int64_t)(m->d_conv - 1) * width + (int64_t)inner * m->d_state;
    sl_share(run->count, 1, thread, threads, &token, &last);
    for (int t = token; t < last; t++)
        embed(&m->embedding, run->tokens[t], run->residual + (int64_t)t * d);
    for (int i = 0; i < m->n_layer; i++)
        run_layer(run, &m->layers[i], run->before + i * floats, run->after + i * floats, thread,
                  threads);
    for (int t = token > unwanted ? token : unwanted; t < last; t++)
        rms_norm(run->residual + (int64_t)t * d, m->norm_f, m->eps, d,
                 run->normed + (int64_t)t * d);
    make_ready(run, &m->head, token > unwanted ? token : unwanted, last);
    sl_wait(run->barrier);
    if (run->wanted) {
        operand x = rows_of(run, &m->head, unwanted, run->wanted);
        multiply(&m->head, &x, run->logits, m->vocab, thread, threads);
    }
}
