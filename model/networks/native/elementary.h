/* The functions of a layer that are not products: exponentials, norms and gates. No include guard:
   see forward.h. */

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
