/* Products with matrices in blocks: 8 or 4 bits a weight, times activations of 16 bits.

   A register's lanes are rows. A block's sum is a whole number and so exact, and the blocks are
   added in order: however rows and tokens are put together, the bits are the same. One token is
   multiplied as the weights come from memory; for several, some rows are first widened to 16 bits,
   in a strip that stays in a first- or second-level cache. No include guard: see forward.h. */

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
static inline int in_blocks(const sl_matrix *a) { return a->kind == SL_Q8 || a->kind == SL_Q4; }

/* Some rows of a matrix in 16 bits. */
typedef struct {
    int16_t *weights; /* (cols / 2, rows, 2) */
    float *scales;    /* (cols / SL_BLOCK, rows) */
} strip;

#define EIGHTHS (SL_BLOCK / 8)
enum { WIDENED = -1 }; /* a kind: what a strip holds */

/* Where LANES rows from `row` on begin in one of `parts` of a row. */
INLINE int64_t place(int row, int part, int parts) {
    return ((int64_t)(row / SL_ROWS) * parts + part) * SL_ROWS + row % SL_ROWS;
}

/* Eight columns of LANES rows, from `eighth` * 8 on. */
INLINE void load_eight(int kind, const sl_matrix *a, int row, int eighth, pairs *w) {
    if (kind == SL_Q8) {
        const int8_t *from = (const int8_t *)a->data;
        UNROLL for (int i = 0; i < 4; i++) {
            bvec bytes;
            memcpy(&bytes, from + place(row, eighth * 4 + i, a->cols / 2) * 2, sizeof bytes);
            w[i] = __builtin_convertvector(bytes, pairs);
        }
    } else {
        upairs nibbles; /* the lowest first; each is shifted up, and down with its sign */
        memcpy(&nibbles, (const uint32_t *)a->data + place(row, eighth, a->cols / 8), sizeof nibbles);
        UNROLL for (int i = 0; i < 4; i++) w[i] = (pairs)(nibbles << (12 - 4 * i)) >> 12;
    }
}

INLINE vec load_scales(int kind, const sl_matrix *a, int row, int block) {
    int64_t at = place(row, block, a->cols / SL_BLOCK);
    if (kind == SL_Q8) return load((const float *)a->scales + at);
    return bf16_lanes((const uint16_t *)a->scales + at);
}

/* All weights pass by once: ask for those of the next rows. */
INLINE void fetch(int kind, const sl_matrix *a, int row, int rows, int block) {
    int bytes = SL_ROWS * SL_BLOCK * (kind == SL_Q8 ? 8 : 4) / 8;
    for (int next = row + rows; next < row + 2 * rows; next += SL_ROWS)
        UNROLL for (int i = 0; i < bytes; i += 64)
            __builtin_prefetch((const char *)a->data +
                               ((int64_t)(next / SL_ROWS) * (a->cols / SL_BLOCK) + block) * bytes + i);
}

/* `vectors` times LANES rows with `tokens` tokens, all sums in registers. */
INLINE void block_tile(int kind, const sl_matrix *a, const strip *wide, int row, int vectors,
                       const operand *b, int token, int tokens, float *out, int stride) {
    int cols = a->cols, rows = vectors * LANES;
    const int16_t *x = b->quants + (int64_t)token * cols;
    vec sums[4][TOGETHER];
    UNROLL for (int v = 0; v < vectors; v++)
        UNROLL for (int t = 0; t < tokens; t++) sums[v][t] = (vec){0};
    for (int block = 0; block < cols / SL_BLOCK; block++) {
        dots found[4][TOGETHER];
        UNROLL for (int v = 0; v < vectors; v++)
            UNROLL for (int t = 0; t < tokens; t++) found[v][t] = (dots){0};
        if (kind != WIDENED) fetch(kind, a, row, rows, block);
        UNROLL for (int eighth = 0; eighth < EIGHTHS; eighth++) {
            int first = block * EIGHTHS + eighth;
            pairs w[4][4];
            if (kind != WIDENED)
                UNROLL for (int v = 0; v < vectors; v++)
                    load_eight(kind, a, row + v * LANES, first, w[v]);
            UNROLL for (int i = 0; i < 4; i++) {
                if (kind == WIDENED)
                    UNROLL for (int v = 0; v < vectors; v++)
                        memcpy(&w[v][i], wide->weights + ((first * 4 + i) * rows + v * LANES) * 2, sizeof w[v][i]);
                UNROLL for (int t = 0; t < tokens; t++) {
                    int32_t pair;
                    memcpy(&pair, x + (int64_t)t * cols + first * 8 + i * 2, sizeof pair);
                    UNROLL for (int v = 0; v < vectors; v++)
                        found[v][t] = add_products(found[v][t], w[v][i], pair);
                }
            }
        }
        UNROLL for (int v = 0; v < vectors; v++) {
            vec scales = kind == WIDENED ? load(wide->scales + block * rows + v * LANES)
                                         : load_scales(kind, a, row + v * LANES, block);
            UNROLL for (int t = 0; t < tokens; t++)
                sums[v][t] = fused(__builtin_convertvector(whole(found[v][t]), vec), scales, sums[v][t]);
        }
    }
    UNROLL for (int v = 0; v < vectors; v++) {
        int first = row + v * LANES, count = a->rows - first < LANES ? a->rows - first : LANES;
        if (count <= 0) break;
        float bias[LANES] = {0};
        if (a->bias) memcpy(bias, a->bias + first, (size_t)count * sizeof *bias);
        UNROLL for (int t = 0; t < tokens; t++) {
            vec y = sums[v][t] * all(b->steps[token + t]) + load(bias);
            float *to = out + (int64_t)(token + t) * stride + first;
            if (count == LANES) store(to, y);
            else memcpy(to, &y, (size_t)count * sizeof *to);
        }
    }
}

typedef void block_product(const sl_matrix *a, const strip *wide, int row, const operand *b,
                           int token, float *out, int stride);
#define BLOCK_TILE(KIND, VECTORS, TOKENS)                                                         \
    static void KIND##_##VECTORS##x##TOKENS(const sl_matrix *a, const strip *wide, int row,       \
                                            const operand *b, int token, float *out,            \
                                            int stride) {                                         \
        block_tile(KIND, a, wide, row, VECTORS, b, token, TOKENS, out, stride);                   \
    }
BLOCK_TILE(SL_Q8, 1, 1)
BLOCK_TILE(SL_Q8, 4, 1)
BLOCK_TILE(SL_Q4, 1, 1)
BLOCK_TILE(SL_Q4, 4, 1)
#define WIDENED_TILES(TOKENS) BLOCK_TILE(WIDENED, 1, TOKENS) BLOCK_TILE(WIDENED, 2, TOKENS)
#define WIDENED_NAMES(TOKENS) {WIDENED_1x##TOKENS, WIDENED_2x##TOKENS}
WIDENED_TILES(1)
WIDENED_TILES(2)
WIDENED_TILES(3)
#if TOGETHER == 3
static block_product *const widened_tiles[][2] = {
    WIDENED_NAMES(1), WIDENED_NAMES(2), WIDENED_NAMES(3)};
#else
WIDENED_TILES(4)
WIDENED_TILES(5)
WIDENED_TILES(6)
static block_product *const widened_tiles[][2] = {
    WIDENED_NAMES(1), WIDENED_NAMES(2), WIDENED_NAMES(3),
    WIDENED_NAMES(4), WIDENED_NAMES(5), WIDENED_NAMES(6)};
#endif

/* Some rows in 16 bits, into a strip. */
INLINE void widen(int kind, const sl_matrix *a, int row, int vectors, strip *wide) {
    int rows = vectors * LANES;
    for (int eighth = 0; eighth < a->cols / 8; eighth++)
        for (int v = 0; v < vectors; v++) {
            pairs w[4];
            load_eight(kind, a, row + v * LANES, eighth, w);
            UNROLL for (int i = 0; i < 4; i++)
                memcpy(wide->weights + ((eighth * 4 + i) * rows + v * LANES) * 2, &w[i],
                       sizeof w[i]);
        }
    for (int block = 0; block < a->cols / SL_BLOCK; block++) {
        fetch(kind, a, row, rows, block);
        for (int v = 0; v < vectors; v++)
            store(wide->scales + block * rows + v * LANES,
                  load_scales(kind, a, row + v * LANES, block));
    }
}

/* One token: rows `first` to `end`. */
static void block_column(const sl_matrix *a, int first, int end, const operand *b, float *out,
                         int stride) {
    for (int row = first, vectors; row < end; row += vectors * LANES) {
        vectors = end - row > 3 * LANES ? 4 : 1;
        block_product *tile = a->kind == SL_Q8 ? vectors == 4 ? SL_Q8_4x1 : SL_Q8_1x1
                              : vectors == 4   ? SL_Q4_4x1
                                               : SL_Q4_1x1;
        tile(a, NULL, row, b, 0, out, stride);
    }
}

/* Several tokens: as many at once as there are registers for, and as evenly as can be. */
static void block_rows(const sl_matrix *a, int first, int end, const operand *b, strip *wide,
                       float *out, int stride) {
    for (int row = first, vectors; row < end; row += vectors * LANES) {
        vectors = end - row > LANES ? 2 : 1;
        if (a->kind == SL_Q8) widen(SL_Q8, a, row, vectors, wide);
        else widen(SL_Q4, a, row, vectors, wide);
        for (int token = 0, tokens; token < b->count; token += tokens) {
            int left = b->count - token, turns = (left + TOGETHER - 1) / TOGETHER;
            tokens = (left + turns - 1) / turns;
            widened_tiles[tokens - 1][vectors - 1](a, wide, row, b, token, out, stride);
        }
    }
}

/* One row as floats. */
static void block_row(const sl_matrix *a, int row, float *out) {
    int lane = row % LANES;
    for (int eighth = 0; eighth < a->cols / 8; eighth++) {
        pairs w[4];
        if (a->kind == SL_Q8) load_eight(SL_Q8, a, row - lane, eighth, w);
        else load_eight(SL_Q4, a, row - lane, eighth, w);
        vec scales = load_scales(a->kind, a, row - lane, eighth / EIGHTHS);
        for (int i = 0; i < 8; i++)
            out[eighth * 8 + i] = (float)w[i / 2][2 * lane + i % 2] * scales[lane];
    }
}
