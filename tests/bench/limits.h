/* limits.h - what this processor can do at most: multiply-adds on registers, and bytes from its caches and its
 * memory. Each is measured in bursts of a few ms on 1 or more threads that start together. Include it first. */
#ifndef LIMITS_H
#define LIMITS_H

#define _GNU_SOURCE                                          /* sched_setaffinity */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include "bench.h"

/* Independent chains, as many as hide the latency of a multiply-add and fit in the registers. */
#define TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#ifdef __aarch64__
#define CHAINS(X) TWELVE(X) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)
#else
#define CHAINS(X) TWELVE(X)
#endif
#define START(i)  v a##i = { (float)(i) };
#define STEP(i)   MULTIPLY_ADD(a##i);
#define GATHER(i) sum += a##i[0];
#define COUNT(i)  + 1

/* Stamps out, for vectors of BYTES: NAME_fma, `count` steps of every chain; NAME_triad, a = b + 3 c. */
#define KERNELS(NAME, TARGET, BYTES)                                                                          \
    TARGET static float NAME##_fma(long count)                                                                \
    {                                                                                                         \
        typedef float v __attribute__((vector_size(BYTES)));                                                  \
        v x = (v){ 0 } + 0.5f, y = (v){ 0 } + 0.25f;                                                          \
        float sum = 0;                                                                                        \
        CHAINS(START)                                                                                         \
        for (long i = 0; i < count; i++) { CHAINS(STEP) }                                                     \
        CHAINS(GATHER)                                                                                        \
        return sum;                                                                                           \
    }                                                                                                         \
    TARGET static void NAME##_triad(void *a, const void *b, const void *c, size_t bytes)                      \
    {                                                                                                         \
        typedef float v __attribute__((vector_size(BYTES), may_alias));                                       \
        for (size_t i = 0; i < bytes / (BYTES); i++) ((v *)a)[i] = ((const v *)b)[i] + 3 * ((const v *)c)[i]; \
    }

/* Assembler, since only it says for certain what the loop consists of. */
#ifdef __x86_64__
#define MULTIPLY_ADD(a) __asm__("vfmadd231ps %1, %2, %0" : "+v"(a) : "v"(x), "v"(y))
KERNELS(avx512, __attribute__((target("avx512f"))), 64)
KERNELS(avx2, __attribute__((target("avx2,fma"))), 32)
#undef MULTIPLY_ADD
#define MULTIPLY_ADD(a) __asm__("mulps %1, %0\n\taddps %2, %0" : "+x"(a) : "x"(x), "x"(y))
#elif defined __aarch64__
#define MULTIPLY_ADD(a) __asm__("fmla %0.4s, %1.4s, %2.4s" : "+w"(a) : "w"(x), "w"(y))
#else
#define MULTIPLY_ADD(a) a = a * x + y
#endif
KERNELS(plain, , 16)

typedef struct level {
    const char *name;
    int         width;                                       /* Floats in a vector. */
    float     (*fma)  (long count);
    void      (*triad)(void *a, const void *b, const void *c, size_t bytes);
} level;

/* The widest instructions that this processor has. */
static inline level widest(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) return (level){ "AVX-512", 16, avx512_fma, avx512_triad };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (level){ "AVX2 and FMA", 8, avx2_fma, avx2_triad };
#endif
    return (level){ "vectors of 4", 4, plain_fma, plain_triad };
}

/* The kernel often starts two threads on one processor and parts them only after some ms, which is longer than a
 * burst. So each takes a processor of its own: the number-th of those that the program may use. */
static cpu_set_t allowed;

static inline void note_processors(void) { sched_getaffinity(0, sizeof allowed, &allowed); }

static inline void settle_on(int number)
{
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && number-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
        }
}

typedef struct worker {
    int         number;                                      /* -1: stays where it is. */
    pthread_t   thread;
    atomic_int *waiting;                                     /* How many are still to come. */
    char       *a, *b, *c;                                   /* a = b + 3 c; NULL: multiply-adds. */
    size_t      bytes;
    long        repeats;
    float       sum;                                         /* Read by nobody; keeps the work from being dropped. */
    double      start, stop;
} worker;

static inline void *work(void *own)
{
    worker *w = own;
    if (w->number >= 0) settle_on(w->number);
    atomic_fetch_sub(w->waiting, 1);
    while (atomic_load(w->waiting) > 0) { }
    w->start = seconds();
    if (!w->a) w->sum = widest().fma(w->repeats);
    else for (long i = 0; i < w->repeats; i++) widest().triad(w->a, w->b, w->c, w->bytes);
    w->stop = seconds();
    return NULL;
}

/* One burst: seconds from the first start to the last stop. */
static inline double burst(int threads, worker *w)
{
    atomic_int waiting = threads;
    double start = 1e300, stop = 0;
    for (int i = 0; i < threads; i++) {
        w[i].number  = threads > 1 ? i : -1;
        w[i].waiting = &waiting;
        if (pthread_create(&w[i].thread, NULL, work, &w[i])) exit(fprintf(stderr, "cannot start a thread\n"));
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(w[i].thread, NULL);
        if (w[i].start < start) start = w[i].start;
        if (w[i].stop  > stop)  stop  = w[i].stop;
    }
    return stop - start;
}

enum { MOST_THREADS = 16 };

/* GFLOP/s of one burst of about 5 ms. */
static inline double fma_rate(int threads)
{
    enum { REPEATS = 1000000 };
    worker w[MOST_THREADS];
    for (int i = 0; i < threads; i++) w[i] = (worker){ .repeats = REPEATS };
    return 2.0 * (0 CHAINS(COUNT)) * widest().width * REPEATS * threads / burst(threads, w) * 1e-9;
}
#endif
