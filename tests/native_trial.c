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

static sl_matrix matrix(int kind, int rows, int cols) {
    int count = rows * cols;
    float *made = floats(count, 0.2f), *scales = NULL, *bias = floats(rows, 0.1f);
    void *data = made;
    if (kind == SL_BF16) {
        uint16_t *bits = malloc((size_t)count * sizeof *bits);
        for (int i = 0; i < count; i++) memcpy(&bits[i], (char *)&made[i] + 2, 2);
        data = bits;
    } else if (kind == SL_Q8) {
        int8_t *quants = malloc((size_t)count);
        for (int i = 0; i < count; i++) quants[i] = (int8_t)(made[i] * 600.0f);
        data = quants;
        scales = floats(count / SL_BLOCK, 0.002f);
    }
    if (data != made) free(made);
    return (sl_matrix){kind, rows, cols, data, scales, bias};
}

static void drop(sl_matrix m) {
    free((void *)m.data);
    free((void *)m.scales);
    free((void *)m.bias);
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
            agrees &= sl_forward(runtime, ids + at, step, states[2 * way], states[2 * way + 1],
                                 logits, step) == 0;
            memcpy(last[way], logits + (step - 1) * vocab, sizeof last[way]);
            memcpy(states[2 * way], states[2 * way + 1], bytes);
        }
    agrees &= memcmp(last[0], last[1], sizeof last[0]) == 0;
    agrees &= memcmp(states[0], states[2], bytes) == 0;
    int32_t wrong = vocab;
    agrees &= sl_forward(runtime, &wrong, 1, states[0], states[1], logits, 1) == -1;
    agrees &= sl_forward(runtime, ids, SL_MOST_TOKENS + 1, states[0], states[1], logits, 1) == -1;
    sl_close(runtime);
    drop(layer.in_proj), drop(layer.out_proj), drop(head);
    for (int i = 0; i < 4; i++) free(states[i]);
    free(small), free(logits), free(ids);
    return agrees;
}

int main(void) {
    int agrees = 1;
    for (int kind = SL_F32; kind <= SL_Q8; kind++) {
        agrees &= try(kind, 32, 4, 16, 16, 1, 4, 1);
        agrees &= try(kind, 64, 2, 32, 72, 2, 2, 1);
        agrees &= try(kind, 32, 4, 16, 16, 1, 4, 3);
    }
    agrees &= try(SL_F32, 15, 6, 5, 7, 2, 3, 1);
    agrees &= try(SL_BF16, 15, 6, 5, 67, 3, 4, 1);
    puts(agrees ? "agrees" : "differs");
    return !agrees;
}
