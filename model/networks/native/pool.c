/* Threads that wait for work, and a barrier for those at work.

   Whoever waits spins for some microseconds, since work comes in pieces that short; then it gives
   its core to others, and between calls it sleeps. */
#include "stateline.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SPINS 2000 /* some 10 to 40 microseconds */

struct sl_barrier {
    int threads;
    atomic_int arrived, round;
};

struct sl_pool {
    sl_barrier barrier;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_int calls; /* how many pieces of work there were; changed under the lock */
    int closing, started;
    sl_work work;
    void *context;
    pthread_t *others;
};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void sl_wait(sl_barrier *barrier) {
    if (barrier->threads == 1) return;
    int round = atomic_load_explicit(&barrier->round, memory_order_acquire);
    if (atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel) + 1 ==
        barrier->threads) {
        atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&barrier->round, round + 1, memory_order_release);
        return;
    }
    for (int spins = 0; atomic_load_explicit(&barrier->round, memory_order_acquire) == round;)
        if (++spins < SPINS) relax();
        else sched_yield();
}

typedef struct {
    sl_pool *pool;
    int thread;
} start;

static void *serve(void *argument) {
    start begun = *(start *)argument;
    free(argument);
    sl_pool *pool = begun.pool;
    for (int done = 0;; done++) {
        for (int spins = 0; spins < SPINS && atomic_load(&pool->calls) == done; spins++) relax();
        pthread_mutex_lock(&pool->lock);
        while (atomic_load(&pool->calls) == done && !pool->closing)
            pthread_cond_wait(&pool->changed, &pool->lock);
        int closing = pool->closing;
        pthread_mutex_unlock(&pool->lock);
        if (closing) return NULL;
        pool->work(pool->context, begun.thread, pool->barrier.threads);
        sl_wait(&pool->barrier);
    }
}

void sl_pool_close(sl_pool *pool) {
    if (pool == NULL) return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = 1;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; i++) pthread_join(pool->others[i], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->others);
    free(pool);
}

sl_pool *sl_pool_open(int threads) {
    sl_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) return NULL;
    pool->others = calloc((size_t)threads, sizeof *pool->others);
    pool->barrier.threads = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    int failed = pool->others == NULL;
    for (int i = 1; i < threads && !failed; i++) {
        start *begun = malloc(sizeof *begun);
        if (begun != NULL) *begun = (start){pool, i};
        failed = begun == NULL || pthread_create(&pool->others[i - 1], NULL, serve, begun);
        if (failed) free(begun);
        else pool->started++;
    }
    if (!failed) return pool;
    sl_pool_close(pool);
    return NULL;
}

sl_barrier *sl_pool_barrier(sl_pool *pool) { return &pool->barrier; }

void sl_pool_run(sl_pool *pool, sl_work work, void *context) {
    if (pool->barrier.threads > 1) {
        pthread_mutex_lock(&pool->lock);
        pool->work = work;
        pool->context = context;
        atomic_fetch_add(&pool->calls, 1);
        pthread_cond_broadcast(&pool->changed);
        pthread_mutex_unlock(&pool->lock);
    }
    work(context, 0, pool->barrier.threads);
    sl_wait(&pool->barrier);
}
