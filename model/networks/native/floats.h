/* Products with matrices of floats, in 32 bits or as bfloat16: some rows times some tokens, with
   their sums in registers. A row's columns are spread over lanes. No include guard: see forward.h. */

static inline __attribute__((always_inline)) void tile_sums(const vec *sums, int count,
                                                            float *out) {
    if (count == 8) eight_sums(sums, out);
    else
        UNROLL for (int i = 0; i < count; i++) out[i] = lanes_sum(sums[i]);
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
