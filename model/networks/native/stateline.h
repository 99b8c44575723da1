/* The native forward pass of a Mamba2 language model: its interface, and what its files share.

   Owns nothing: every pointer is borrowed from the caller, who keeps it alive and has checked its
   size. Knows no file, no Python and no text. Letters as in model/kernels.py: l tokens, h heads of
   width p, state size n, g groups, k convolution width. All arithmetic is in float32; see
   ARCHITECTURE.md for what is quantised and when. */

#ifndef STATELINE_H
#define STATELINE_H

#include <stdint.h>

#if !defined(__GNUC__)
#error "The native library needs GCC or Clang; without it Stateline computes with torch."
#endif

#if defined(_WIN32)
#define EXPORT __attribute__((dllexport))
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define SL_MOST_TOKENS 64 /* of one call */
#define SL_BLOCK 32       /* columns that share a scale */
#define SL_ROWS 16        /* rows whose weights lie side by side where they are in blocks */

enum sl_kind {
    SL_F32,
    SL_BF16,
    SL_Q8, /* blocks of 8 bits with a float32 scale, as in llama.cpp's q8_0 */
    SL_Q4, /* blocks of 4 bits, -8 to 7, with a bfloat16 scale */
};

typedef struct {
    int32_t kind;        /* sl_kind */
    int32_t rows, cols;  /* cols is a multiple of SL_BLOCK where it is in blocks */
    /* (rows, cols). In blocks, the last rows are padded: of SL_Q8, pairs of columns,
       int8 (rows / SL_ROWS, cols / 2, SL_ROWS, 2); of SL_Q4, words of eight columns, uint32
       (rows / SL_ROWS, cols / 8, SL_ROWS). Of such a word the lower 16 bits are columns 0, 2, 4
       and 6, the lowest first, and the upper ones 1, 3, 5 and 7. */
    const void *data;
    const void *scales; /* in blocks: (rows / SL_ROWS, cols / SL_BLOCK, SL_ROWS) */
    const float *bias;  /* (rows,) or NULL */
} sl_matrix;

typedef struct {
    sl_matrix in_proj, out_proj;
    const float *norm;        /* (d_model,) */
    const float *conv_weight; /* (k, conv_dim) */
    const float *conv_bias;   /* (conv_dim,) or NULL */
    const float *dt_bias;     /* (h,) */
    const float *A;           /* (h,) negative */
    const float *D;           /* (h,) */
    const float *gate_norm;   /* (d_inner,) */
} sl_layer;

typedef struct {
    int32_t d_model, n_layer, vocab, d_state, d_conv, n_heads, headdim, n_groups;
    float eps, dt_least, dt_most;
    sl_matrix embedding, head;
    const float *norm_f;    /* (d_model,) */
    const sl_layer *layers; /* n_layer of them */
} sl_model;

typedef struct sl_runtime sl_runtime;

/* Counts the changes of this file; whoever was made for another one must not call anything else. */
#define SL_INTERFACE 2
EXPORT int32_t sl_interface(void);

/* A runtime for `model` on `threads` threads, the caller's included. `isa` names an instruction set
   ("plain", "avx2", "avx512"); NULL: the best that this machine has and that agrees with plain C on
   a trial. NULL is returned when memory, threads or that instruction set cannot be had. */
EXPORT sl_runtime *sl_open(const sl_model *model, int32_t threads, const char *isa);
EXPORT void sl_close(sl_runtime *runtime);
EXPORT const char *sl_isa(const sl_runtime *runtime);

/* Read 1 to SL_MOST_TOKENS tokens: `sequences` texts one after the other, of which `i` ends before
   token `ends[i]`, none empty. `before[i]` and `after[i]` are its states as one row of floats: of
   each layer first the convolution's rows (k - 1, conv_dim), then (h, p, n). `logits` has `wanted`
   rows of `vocab`, for the last tokens; `wanted` is 0 to `count`. `log`, if it is not NULL, gets
   what the states are made from: (layers, count, conv_dim + h). `after[i]` may be `before[i]`. Not two calls at once on one
   runtime. 0, or -1 for what is out of range; then nothing was written. */
EXPORT int32_t sl_forward(sl_runtime *runtime, const int32_t *tokens, int32_t count,
                          int32_t sequences, const int32_t *ends, const float *const *before,
                          float *const *after, float *logits, int32_t wanted, float *log);

/* The state after the first `count` of the `logged` tokens whose log this is, all of one text; the
   same bits as if it had been read to there. 0, or -1 as above. */
EXPORT int32_t sl_replay(sl_runtime *runtime, const float *log, int32_t logged, int32_t count,
                         const float *before, float *after);

/* From here on, for the files of this library. */

#define SL_STRIP_ROWS 32

typedef struct {
    const sl_model *model;
    const int32_t *tokens; /* NULL: only the states, from the log */
    int32_t count, wanted, sequences, logged;
    const int32_t *ends;
    const float *const *before;
    float *const *after;
    float *logits, *log;
    /* Room for SL_MOST_TOKENS rows each. */
    float *residual;    /* (l, d_model) */
    float *normed;      /* (l, d_inner), also what out_proj reads */
    float *projected;   /* (l, d_in_proj): z, x, B, C, dt */
    float *mixed;       /* (l, conv_dim): x, B, C after the convolution */
    float *steps;       /* (l, h) */
    float *decays;      /* (l, h) */
    float *scanned;     /* (l, d_inner) */
    int16_t *quants;    /* (l, d_inner), one row of activations in 16 bits */
    float *quant_steps; /* (l,) */
    /* For each thread, rows of a matrix that are multiplied with several tokens. */
    int16_t *wide_weights; /* (threads, SL_STRIP_ROWS * widest) */
    float *wide_scales;    /* (threads, SL_STRIP_ROWS * widest / SL_BLOCK) */
    int32_t widest;        /* columns of a matrix, a multiple of SL_BLOCK */
    struct sl_barrier *barrier;
} sl_run;

typedef struct {
    const char *name;
    int (*available)(void);
    void (*forward)(sl_run *run, int thread, int threads); /* every thread calls it */
} sl_isa_table;

extern const sl_isa_table sl_plain, sl_avx2, sl_avx512;

/* As `sl_open` with a name, without its trial. */
sl_runtime *sl_open_untried(const sl_model *model, int32_t threads, const char *isa);
int sl_agrees_with_plain(const char *isa);

typedef struct sl_barrier sl_barrier;
typedef struct sl_pool sl_pool;
typedef void (*sl_work)(void *context, int thread, int threads);

sl_pool *sl_pool_open(int threads);
void sl_pool_close(sl_pool *pool);
sl_barrier *sl_pool_barrier(sl_pool *pool);
/* Call `work` once on each thread, and return when all have. */
void sl_pool_run(sl_pool *pool, sl_work work, void *context);
void sl_wait(sl_barrier *barrier); /* until all threads have come here */

/* The part of `count` that is a thread's, in whole `unit`s. */
static inline void sl_share(int count, int unit, int thread, int threads, int *first, int *end) {
    int units = (count + unit - 1) / unit;
    *first = (int)((int64_t)units * thread / threads) * unit;
    *end = (int)((int64_t)units * (thread + 1) / threads) * unit;
    if (*end > count) *end = count;
    if (*first > *end) *first = *end;
}

#endif
