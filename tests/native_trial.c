/* Runs the native library with every kind of matrix, odd shapes and all counts, for sanitizers.

   It checks only that chunks give the bits that steps give; tests/test_native.py compares numbers. */
#include "stateline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t seed = 7;
static float noise(void) {
    seed = seed * 1664525u + 1013904223u;
    return (float)(int32_t)seed / 2147483648.0f;
}

static float *floats(int count, float size) {
    float *made = malloc((size_t)count * sizeof *made);
    for (int i = 0; i < count; i++) made[i] = noise() * size;
    return made;
}

/* As many as there are blocks, and no number more, whatever type they have. */
static void *block_scales(int kind, int count) {
    float *made = floats(count, kind == SL_Q4 ? 0.03f : 0.002f);
    if (kind == SL_Q8) return made;
    uint16_t *bits = malloc((size_t)count * sizeof *bits);
    for (int i = 0; i < count; i++) memcpy(&bits[i], (char *)&made[i] + 2, 2);
    free(made);
    return bits;
}

static sl_matrix matrix(int kind, int rows, int cols) {
    int count = rows * cols;
    float *made = floats(count, 0.2f), *bias = floats(rows, 0.1f);
    void *scales = NULL;
    void *data = made;
    if (kind == SL_BF16) {
        uint16_t *bits = malloc((size_t)count * sizeof *bits);
        for (int i = 0; i < count; i++) memcpy(&bits[i], (char *)&made[i] + 2, 2);
        data = bits;
    } else if (kind != SL_F32) {
        int padded = (rows + SL_ROWS - 1) / SL_ROWS * SL_ROWS * cols;
        int8_t *quants = calloc((size_t)padded / (kind == SL_Q4 ? 2 : 1), 1);
        for (int i = 0; i < (kind == SL_Q4 ? count / 2 : count); i++)
            quants[i] = (int8_t)(made[i] * 600.0f);
        data = quants;
        scales = block_scales(kind, padded / SL_BLOCK);
    }
    if (data != made) free(made);
    return (sl_matrix){kind, rows, cols, data, scales, bias};
}

static void drop(sl_matrix m) {
    free((void *)m.data);
    free((void *)m.scales);
    free((void *)m.bias);
}

/* As the library's, for one text. */
static int32_t read(sl_runtime *runtime, const int32_t *tokens, int32_t count, const float *before,
                    float *after, float *logits, int32_t wanted, float *log) {
    return sl_forward(runtime, tokens, count, 1, &count, &before, &after, logits, wanted, log);
}

/* Whether the log of some tokens leads to where reading them one by one does. */
static int replays(sl_runtime *runtime, const sl_model *m, const int32_t *ids, float **states,
                   size_t bytes) {
    int width = m->n_heads * (m->headdim + 1) + 2 * m->n_groups * m->d_state, agrees = 1;
    float *log = malloc((size_t)(m->n_layer * SL_MOST_TOKENS * width) * sizeof *log);
    memset(states[0], 0, bytes);
    memset(states[2], 0, bytes);
    agrees &= read(runtime, ids, 17, states[0], states[1], NULL, 0, log) == 0;
    for (int count = 1; count <= 17; count++) {
        agrees &= read(runtime, ids + count - 1, 1, states[2], states[3], NULL, 0, NULL) == 0;
        memcpy(states[2], states[3], bytes);
        agrees &= sl_replay(runtime, log, 17, count, states[0], states[1]) == 0;
        agrees &= memcmp(states[1], states[2], bytes) == 0;
    }
    agrees &= sl_replay(runtime, log, 17, 18, states[0], states[1]) == -1;
    free(log);
    return agrees;
}

/* Whether several texts in one call are as each of them alone. */
static int batches(sl_runtime *runtime, const int32_t *ids, float **states, size_t bytes) {
    int32_t ends[2] = {5, 12}, empty[2] = {12, 12};
    const float *before[2] = {states[0], states[1]};
    float *after[2] = {states[2], states[3]}, *alone = malloc(bytes);
    int agrees = sl_forward(runtime, ids, 12, 2, ends, before, after, NULL, 0, NULL) == 0;
    agrees &= sl_forward(runtime, ids, 12, 2, empty, before, after, NULL, 0, NULL) == -1;
    for (int i = 0; i < 2; i++) {
        agrees &= read(runtime, ids + (i ? 5 : 0), i ? 7 : 5, states[i], alone, NULL, 0, NULL) == 0;
        agrees &= memcmp(alone, after[i], bytes) == 0;
    }
    free(alone);
    return agrees;
}

static int try(int kind, int d, int heads, int p, int n, int groups, int taps, int threads) {
    int inner = heads * p, width = inner + 2 * groups * n, vocab = 9, layers = 2;
    int tokens = threads > 1 ? 20 : 150;
    int floats_of_state = layers * ((taps - 1) * width + inner * n), agrees = 1;
    float *small = floats(taps * width + d + inner, 0.5f);
    for (int i = 0; i < heads; i++) small[i] = -0.1f - small[i] * small[i];
    sl_layer layer = {.in_proj = matrix(kind, inner + width + heads, d),
                      .out_proj = matrix(kind, d, inner), .norm = small, .conv_weight = small,
                      .conv_bias = small, .dt_bias = small, .A = small, .D = small,
                      .gate_norm = small};
    sl_layer all[2] = {layer, layer};
    sl_matrix head = matrix(kind, vocab, d);
    sl_model model = {.d_model = d, .n_layer = layers, .vocab = vocab, .d_state = n,
                      .d_conv = taps, .n_heads = heads, .headdim = p, .n_groups = groups,
                      .eps = 1e-5f, .dt_most = 1e9f, .embedding = head, .head = head,
                      .norm_f = small, .layers = all};
    size_t bytes = (size_t)floats_of_state * sizeof(float);
    float *states[4], *logits = malloc(SL_MOST_TOKENS * 9 * sizeof *logits), last[2][9];
    for (int i = 0; i < 4; i++) states[i] = calloc(1, bytes);
    sl_runtime *runtime = sl_open(&model, threads, NULL);
    int32_t *ids = malloc((size_t)tokens * sizeof *ids);
    for (int i = 0; i < tokens; i++) ids[i] = (int32_t)((noise() + 1.0f) * 4.49f);
    for (int way = 0; way < 2; way++)
        for (int at = 0, step = 1, turn = 0; at < tokens; at += step, turn++) {
            step = way ? 1 : turn * 7 % SL_MOST_TOKENS + 1;
            if (step > tokens - at) step = tokens - at;
            agrees &= read(runtime, ids + at, step, states[2 * way], states[2 * way + 1], logits,
                           step, NULL) == 0;
            memcpy(last[way], logits + (step - 1) * vocab, sizeof last[way]);
            memcpy(states[2 * way], states[2 * way + 1], bytes);
        }
    agrees &= memcmp(last[0], last[1], sizeof last[0]) == 0;
    agrees &= memcmp(states[0], states[2], bytes) == 0;
    int32_t wrong = vocab;
    agrees &= read(runtime, &wrong, 1, states[0], states[1], logits, 1, NULL) == -1;
    agrees &= read(runtime, ids, SL_MOST_TOKENS + 1, states[0], states[1], logits, 1, NULL) == -1;
    agrees &= replays(runtime, &model, ids, states, bytes);
    agrees &= batches(runtime, ids, states, bytes);
    sl_close(runtime);
    drop(layer.in_proj), drop(layer.out_proj), drop(head);
    for (int i = 0; i < 4; i++) free(states[i]);
    free(small), free(logits), free(ids);
    return agrees;
}

int main(void) {
    int agrees = 1;
    for (int kind = SL_F32; kind <= SL_Q4; kind++) {
        agrees &= try(kind, 32, 4, 16, 16, 1, 4, 1);
        agrees &= try(kind, 64, 2, 32, 72, 2, 2, 1);
        agrees &= try(kind, 32, 4, 16, 16, 1, 4, 3);
    }
    agrees &= try(SL_F32, 15, 6, 5, 7, 2, 3, 1);
    agrees &= try(SL_BF16, 15, 6, 5, 67, 3, 4, 1);
    puts(agrees ? "agrees" : "differs");
    return !agrees;
}
