/* The forward pass, written once and compiled for each instruction set: no include guard.

   The including file defines LANES, and how many tokens are multiplied TOGETHER; it includes
   lanes.h and brings `fused`, `lanes_sum`, `eight_sums`, `dots`, `add_products` and `whole`. Nothing
   but `fused` is fused: the compiler is told not to (-ffp-contract=off), for it would choose here so
   and there otherwise. A token's numbers never depend on the other tokens of a call: the same
   operations come in the same order however a text is cut into calls. So reading in chunks and
   stepping give the same bits.

   Each thread runs all of `forward` on its share of rows, channels, heads or tokens, and waits at a
   barrier where it needs what the others have made. */

/* Where a part of the work ends; benchmarks/account.c measures from mark to mark. */
#if !defined(DONE)
#define DONE(WHAT)
#endif

#include "elementary.h"
#include "products.h"
#include "scan.h"

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
    multiply(run, &layer->in_proj, 0, count, run->projected, stride, thread, threads);
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
    /* `scanned` is free again, and wide enough: d_inner is at least d_model. */
    multiply(run, &layer->out_proj, 0, count, run->scanned, d, thread, threads);
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
    if (run->wanted)
        multiply(run, &m->head, unwanted, run->wanted, run->logits, m->vocab, thread, threads);
    DONE(HEAD);
}
