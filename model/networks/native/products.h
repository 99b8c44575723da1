/* Products of a matrix with the rows of a call, whatever the matrix is stored as. No include guard:
   see forward.h. */

/* What a matrix is multiplied with: `count` rows as floats, and for blocks in 16 bits. */
typedef struct {
    const float *floats;   /* (l, cols) */
    const int16_t *quants; /* (l, cols) */
    const float *steps;    /* (l,) */
    int count;
} operand;

#include "blocks.h"
#include "floats.h"

/* Rows of `run->normed`, ready to be multiplied with `a`. */
static void make_ready(sl_run *run, const sl_matrix *a, int first, int end) {
    if (!in_blocks(a)) return;
    for (int t = first; t < end; t++)
        run->quant_steps[t] = quantise(run->normed + (int64_t)t * a->cols, a->cols,
                                       run->quants + (int64_t)t * a->cols);
}

/* out[t][row] = a[row] . x[t] + bias[row], for this thread's rows and `count` rows x of
   `run->normed` from `start` on. */
static void multiply(const sl_run *run, const sl_matrix *a, int start, int count, float *out,
                     int stride, int thread, int threads) {
    int64_t skipped = (int64_t)start * a->cols;
    operand b = {run->normed + skipped, run->quants + skipped, run->quant_steps + start, count};
    int64_t room = (int64_t)run->widest * SL_STRIP_ROWS * thread;
    strip wide = {run->wide_weights + room, run->wide_scales + room / SL_BLOCK};
    int first, end;
    sl_share(a->rows, SL_ROWS, thread, threads, &first, &end);
    if (a->kind == SL_BF16) bf16_rows(a, first, end, &b, out, stride);
    else if (a->kind == SL_F32) f32_rows(a, first, end, &b, out, stride);
    else if (count == 1) block_column(a, first, end, &b, out, stride);
    else block_rows(a, first, end, &b, &wide, out, stride);
}

/* One row of a matrix. */
static void embed(const sl_matrix *a, int32_t token, float *out) {
    int64_t start = (int64_t)token * a->cols;
    if (in_blocks(a)) block_row(a, token, out);
    else if (a->kind == SL_F32) memcpy(out, (const float *)a->data + start, (size_t)a->cols * sizeof *out);
    else
        for (int i = 0; i < a->cols; i++) out[i] = bf16_one(((const uint16_t *)a->data)[start + i]);
}
