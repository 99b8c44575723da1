/* The recurrent part of a layer, from what in_proj gave to what the states say: the convolution, the
   step sizes and the scan. Knows no weight matrix. No include guard: see forward.h. */

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
#define STRIP 4          /* registers of a row that stay in place, and */
#define ABREAST (TOGETHER == 6 ? 4 : 2) /* rows whose registers do: they share what is read of B and C */
#define SCAN_TOKENS 32   /* at once: what they bring fits into a first-level cache */
typedef struct {
    int count, stride, heads;
    const float *B, *C; /* (l, n) with rows of `stride` */
    const float *decays; /* (l, 1) with rows of `heads` */
    float inputs[SCAN_TOKENS][GROUP];
    vec sums[SCAN_TOKENS][GROUP];
} scan;

/* `vectors` lanes of some rows of the state through all tokens: they stay in registers. */
INLINE void scan_strip(scan *s, int row, int rows, int column, int vectors, int n,
                       const float *before, float *after) {
    vec h[ABREAST][STRIP];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int i = 0; i < vectors; i++)
            h[r][i] = load(before + (row + r) * n + column + i * LANES);
    for (int t = 0; t < s->count; t++) {
        vec decay = all(s->decays[t * s->heads]), sums[ABREAST];
        const float *B = s->B + (int64_t)t * s->stride + column;
        const float *C = s->C + (int64_t)t * s->stride + column;
        UNROLL for (int r = 0; r < rows; r++) sums[r] = column ? s->sums[t][row + r] : (vec){0};
        UNROLL for (int i = 0; i < vectors; i++) {
            vec b = load(B + i * LANES), c = load(C + i * LANES);
            UNROLL for (int r = 0; r < rows; r++) {
                h[r][i] = fused(all(s->inputs[t][row + r]), b, h[r][i] * decay);
                sums[r] = fused(h[r][i], c, sums[r]);
            }
        }
        UNROLL for (int r = 0; r < rows; r++) s->sums[t][row + r] = sums[r];
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int i = 0; i < vectors; i++)
            store(after + (row + r) * n + column + i * LANES, h[r][i]);
}

/* What is left of a row's columns, which are fewer than lanes. */
static void scan_rest(scan *s, int row, int column, int n, const float *before, float *after) {
    for (int t = 0; n < LANES && t < s->count; t++) s->sums[t][row] = (vec){0};
    for (; column < n; column++) {
        float h = before[row * n + column];
        for (int t = 0; t < s->count; t++) {
            int64_t at = (int64_t)t * s->stride + column;
            h = h * s->decays[t * s->heads] + s->inputs[t][row] * s->B[at];
            s->sums[t][row][0] += h * s->C[at];
        }
        after[row * n + column] = h;
    }
}

INLINE void scan_abreast(scan *s, int row, int rows, int n, const float *before, float *after) {
    int column = 0;
    for (; column + STRIP * LANES <= n; column += STRIP * LANES)
        scan_strip(s, row, rows, column, STRIP, n, before, after);
    for (; column + LANES <= n; column += LANES)
        scan_strip(s, row, rows, column, 1, n, before, after);
    for (int r = 0; r < rows; r++) scan_rest(s, row + r, column, n, before, after);
}

/* The first `some` rows of a group (GROUP, n). */
static void scan_rows(scan *s, int some, int n, const float *before, float *after) {
    int row = 0;
    for (; row + ABREAST <= some; row += ABREAST) scan_abreast(s, row, ABREAST, n, before, after);
    for (; row < some; row++) scan_abreast(s, row, 1, n, before, after);
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
        scan_rows(&s, some, n, at.before + start + (int64_t)row * n,
                  at.after + start + (int64_t)row * n);
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

static void scan_head(sl_run *run, const sl_layer *layer, span at, int head) {
    for (int left = at.count; left > 0; left -= at.count) {
        at.count = left < SCAN_TOKENS ? left : SCAN_TOKENS;
        scan_some(run, layer, at, head);
        at.first += at.count;
        at.before = at.after;
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
