/* A trial of an instruction set: a small model, with every kind of matrix, against plain C.

   A faulty build, or a processor that is not what it says, must not write nonsense. */
#include "stateline.h"

#include <math.h>
#include <string.h>

enum { D = 32, HEADS = 2, P = 32, N = 28, GROUPS = 2, VOCAB = 48, TOKENS = 7 };
enum { INNER = HEADS * P, CONV = INNER + 2 * GROUPS * N, ROWS = INNER + CONV + HEADS };
enum { STATE = 3 * CONV + INNER * N, LOGITS = TOKENS * VOCAB, NUMBERS = ROWS * INNER };

typedef struct {
    int8_t quants[NUMBERS + SL_ROWS * INNER];
    uint16_t halves[NUMBERS];
    float floats[NUMBERS], scales[NUMBERS / SL_BLOCK + SL_ROWS * INNER], small[4 * CONV], A[HEADS];
} weights;

static void make(weights *w) {
    uint32_t seed = 1;
    for (int i = 0; i < NUMBERS; i++) {
        seed = seed * 1664525u + 1013904223u;
        w->quants[i] = (int8_t)(seed >> 24); /* what is beyond is padding */
        w->floats[i] = (float)(int8_t)(seed >> 16) / 256.0f;
        uint32_t bits;
        memcpy(&bits, &w->floats[i], sizeof bits);
        w->halves[i] = (uint16_t)(bits >> 16);
    }
    for (int i = 0; i < NUMBERS / SL_BLOCK + SL_ROWS * INNER; i++) w->scales[i] = (float)(i % 7 + 1) / 1024.0f;
    for (int i = 0; i < 4 * CONV; i++) w->small[i] = (float)(i % 11) / 8.0f - 0.5f;
    for (int i = 0; i < HEADS; i++) w->A[i] = -0.5f - (float)i;
}

/* Logits and the state after some tokens; whether that worked. */
static int run(const sl_model *model, const char *isa, float *after, float *logits) {
    static const int32_t tokens[TOKENS] = {3, 1, 4, 1, 5, 9, 2};
    static const float before[STATE];
    sl_runtime *runtime = sl_open_untried(model, 1, isa);
    static const int32_t end = TOKENS;
    const float *const from = before;
    int failed = runtime == NULL || sl_forward(runtime, tokens, TOKENS, 1, &end, &from, &after,
                                               logits, TOKENS, NULL);
    sl_close(runtime);
    return !failed;
}

static int near(const float *one, const float *other, int count) {
    for (int i = 0; i < count; i++)
        if (!(fabsf(one[i] - other[i]) < 1e-3f)) return 0; /* also when either is NaN */
    return 1;
}

int sl_agrees_with_plain(const char *isa) {
    static weights w;
    static float after[2][STATE], logits[2][LOGITS];
    make(&w);
    const void *data[] = {w.floats, w.halves, w.quants, w.quants}; /* by kind */
    for (int32_t kind = SL_F32; kind <= SL_Q4; kind++) {
        sl_layer layer = {
            .in_proj = {kind, ROWS, D, data[kind], w.scales, NULL},
            .out_proj = {kind, D, INNER, data[kind], w.scales, NULL},
            .norm = w.small, .conv_weight = w.small, .conv_bias = w.small, .dt_bias = w.small,
            .A = w.A, .D = w.small, .gate_norm = w.small,
        };
        sl_matrix head = {kind, VOCAB, D, data[kind], w.scales, NULL};
        sl_model model = {
            .d_model = D, .n_layer = 1, .vocab = VOCAB, .d_state = N, .d_conv = 4,
            .n_heads = HEADS, .headdim = P, .n_groups = GROUPS, .eps = 1e-5f, .dt_most = 1e9f,
            .embedding = head, .head = head, .norm_f = w.small, .layers = &layer,
        };
        if (!run(&model, isa, after[0], logits[0]) || !run(&model, "plain", after[1], logits[1]))
            return 0;
        if (!near(after[0], after[1], STATE) || !near(logits[0], logits[1], LOGITS)) return 0;
    }
    return 1;
}
