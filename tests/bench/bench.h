/* bench.h - what the programs of the benchmark share: a clock, a conversation, and numbers that every program,
 * also those in Python, makes alike.
 *
 * The driver (bench.py) starts all contestants of a race, and each says `ready` once it could begin. Then it asks
 * one after the other, round by round, with a line `go N`: the answer is a line `SECONDS LOSS` for N steps (or for
 * one epoch, where N means nothing). At the end of its input a program says `key=value` lines and leaves. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Waits for the next `go N`. False at the end. */
static inline int asked_to_go(long *steps)
{
    char line[64];
    if (!fgets(line, sizeof line, stdin) || sscanf(line, "go %ld", steps) != 1) return 0;
    return 1;
}

static inline void say(const char *text)
{
    puts(text);
    fflush(stdout);
}

static inline void answer(double time, double loss)
{
    printf("%.9f %.9g\n", time, loss);
    fflush(stdout);
}

/* The i-th of a fixed sequence of numbers in [-1/2, 1/2). Exact in float, so that all languages agree. */
static inline float number(uint32_t i)
{
    i *= 2654435761u;
    i ^= i >> 16;
    i *= 0x45d9f3bu;
    i ^= i >> 16;
    return (float)(i & 0xffff) / 65536 - 0.5f;
}

/* The tiny nets: BATCHES batches that every loop takes in turn, and their targets. */
enum { BATCHES = 64 };
static const float RATE = 0.0625f;

static inline float target_of(int inputs, const float *x)
{
    if (inputs == 2) return 4 * x[0] * x[1];                 /* What a straight line cannot follow. */
    float y = 0.5f;
    for (int i = 0; i < inputs; i++) y += x[i] * (float)(i - 3) / 4;
    return y + x[0] * x[1];                                  /* So that a loss remains to be compared. */
}
#endif
