/* A runtime: which instruction set is used, the room that a forward pass needs, and the call. */
#include "stateline.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

struct sl_runtime {
    const sl_model *model;
    const sl_isa_table *isa;
    sl_pool *pool;
    sl_run run;
};

static const sl_isa_table *const every[] = {&sl_avx512, &sl_avx2, &sl_plain};
#define EVERY (int)(sizeof every / sizeof *every)
#define MOST_THREADS 64

/* Numbers too small to be normal become zero: they are slow, and a decaying state is full of them.
   Returns what was set before. */
static uint64_t flush_denormals(uint64_t set, int restore) {
#if defined(__x86_64__)
    uint64_t before = _mm_getcsr();
    _mm_setcsr((unsigned)(restore ? set : before | 0x8040));
    return before;
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    uint64_t next = restore ? set : before | (1u << 24);
    __asm__ volatile("msr fpcr, %0" : : "r"(next));
    return before;
#else
    return set + (uint64_t)restore;
#endif
}

static void work(void *context, int thread, int threads) {
    sl_runtime *runtime = context;
    uint64_t before = flush_denormals(0, 0);
    runtime->isa->forward(&runtime->run, thread, threads);
    flush_denormals(before, 1);
}

static void *room(int64_t bytes) {
    void *memory = NULL; /* of whole cache lines, so that threads share none */
#if defined(_WIN32)
    memory = _aligned_malloc((size_t)bytes + 64, 64);
#else
    if (posix_memalign(&memory, 64, (size_t)bytes + 64)) return NULL;
#endif
    return memory;
}

static void release(void *memory) {
#if defined(_WIN32)
    _aligned_free(memory);
#else
    free(memory);
#endif
}

static int make_room(sl_runtime *runtime, int threads) {
    const sl_model *m = runtime->model;
    sl_run *run = &runtime->run;
    int64_t inner = (int64_t)m->n_heads * m->headdim, rows = SL_MOST_TOKENS;
    int64_t width = inner + 2 * (int64_t)m->n_groups * m->d_state, word = sizeof(float);
    int64_t widest = inner > m->d_model ? inner : m->d_model;
    int64_t strips = threads * SL_STRIP_ROWS * (widest + SL_BLOCK);
    run->model = m;
    run->widest = (int32_t)(widest + SL_BLOCK - 1) / SL_BLOCK * SL_BLOCK;
    run->barrier = sl_pool_barrier(runtime->pool);
    run->residual = room(rows * m->d_model * word);
    run->normed = room(rows * widest * word);
    run->projected = room(rows * (inner + width + m->n_heads) * word);
    run->mixed = room(rows * width * word);
    run->steps = room(rows * m->n_heads * word);
    run->decays = room(rows * m->n_heads * word);
    run->scanned = room(rows * widest * word);
    run->quants = room(rows * widest * (int64_t)sizeof(int16_t));
    run->quant_steps = room(rows * word);
    run->wide_weights = room(strips * (int64_t)sizeof(int16_t));
    run->wide_scales = room(strips / SL_BLOCK * word);
    return run->wide_weights && run->wide_scales && run->residual && run->normed && run->projected && run->mixed && run->steps &&
           run->decays && run->scanned && run->quants && run->quant_steps;
}

void sl_close(sl_runtime *runtime) {
    if (runtime == NULL) return;
    sl_pool_close(runtime->pool);
    sl_run *run = &runtime->run;
    void *all[] = {run->residual, run->normed,  run->projected,   run->mixed,
                   run->steps,    run->decays,  run->scanned,     run->quants,
                   run->quant_steps, run->wide_weights, run->wide_scales};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) release(all[i]);
    free(runtime);
}

static sl_runtime *open_with(const sl_model *model, int32_t threads, const sl_isa_table *isa) {
    sl_runtime *runtime = calloc(1, sizeof *runtime);
    if (runtime == NULL) return NULL;
    runtime->model = model;
    runtime->isa = isa;
    runtime->pool = sl_pool_open(threads);
    if (runtime->pool != NULL && make_room(runtime, threads)) return runtime;
    sl_close(runtime);
    return NULL;
}

sl_runtime *sl_open_untried(const sl_model *model, int32_t threads, const char *isa) {
    for (int i = 0; i < EVERY; i++)
        if (strcmp(isa, every[i]->name) == 0 && every[i]->available())
            return open_with(model, threads, every[i]);
    return NULL;
}

sl_runtime *sl_open(const sl_model *model, int32_t threads, const char *isa) {
    if (threads < 1 || threads > MOST_THREADS) return NULL;
    for (int i = 0; i < EVERY; i++) {
        const char *name = every[i]->name;
        if (isa != NULL && strcmp(isa, name) != 0) continue;
        if (every[i] == &sl_plain || (every[i]->available() && sl_agrees_with_plain(name)))
            return sl_open_untried(model, threads, name);
    }
    return NULL;
}

int32_t sl_interface(void) { return SL_INTERFACE; }

const char *sl_isa(const sl_runtime *runtime) { return runtime->isa->name; }

int32_t sl_forward(sl_runtime *runtime, const int32_t *tokens, int32_t count, int32_t sequences,
                   const int32_t *ends, const float *const *before, float *const *after,
                   float *logits, int32_t wanted, float *log) {
    if (count < 1 || count > SL_MOST_TOKENS || wanted < 0 || wanted > count) return -1;
    for (int i = 0; i < count; i++)
        if (tokens[i] < 0 || tokens[i] >= runtime->model->vocab) return -1;
    if (sequences < 1 || sequences > count || ends[sequences - 1] != count) return -1;
    for (int i = 0; i < sequences; i++)
        if (ends[i] <= (i ? ends[i - 1] : 0)) return -1;
    sl_run *run = &runtime->run;
    run->tokens = tokens;
    run->count = run->logged = count;
    run->sequences = sequences;
    run->ends = ends;
    run->wanted = wanted;
    run->before = before;
    run->after = after;
    run->logits = logits;
    run->log = log;
    sl_pool_run(runtime->pool, work, runtime);
    return 0;
}

int32_t sl_replay(sl_runtime *runtime, const float *log, int32_t logged, int32_t count,
                  const float *before, float *after) {
    if (count < 1 || count > logged || logged > SL_MOST_TOKENS) return -1;
    sl_run *run = &runtime->run;
    run->tokens = NULL;
    run->count = count;
    run->logged = logged;
    run->sequences = 1;
    run->ends = &count;
    run->before = &before;
    run->after = &after;
    run->log = (float *)log; /* which is only read then */
    sl_pool_run(runtime->pool, work, runtime);
    return 0;
}
