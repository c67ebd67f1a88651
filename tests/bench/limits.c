/* limits.c - prints what this processor can do at most, for bench.py: lines `WHAT THREADS SAMPLES...`. */
#include "limits.h"
#include <unistd.h>

enum { MOST = 2, ROUNDS = 11 };

/* GB/s of a = b + 3 c over `bytes` in all: three streams (the processor may have to read a as well). */
static double triad_rate(int threads, char *memory, size_t bytes, long repeats)
{
    worker w[MOST];
    size_t stream = bytes / 3, part = stream / (size_t)threads;
    for (int i = 0; i < threads; i++) {
        char *a = memory + (size_t)i * part;
        w[i] = (worker){ .a = a, .b = a + stream, .c = a + 2 * stream, .bytes = part, .repeats = repeats };
    }
    return (double)bytes * (double)repeats / burst(threads, w) * 1e-9;
}

int main(void)
{
    enum { DRAM = 768 << 20 };
    note_processors();
    printf("level %s\n", widest().name);
    long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
    size_t half_of_l2 = (size_t)(l2 > 0 ? l2 : 256 * 1024) / 2 / 768 * 768;      /* Three streams of whole vectors. */
    char *memory = aligned_alloc(4096, DRAM);
    if (!memory) return 1;
    memset(memory, 0, DRAM);

    for (int what = 0; what < 3; what++) {                   /* In this order: after much memory all is slower. */
        double rates[MOST + 1][ROUNDS + 1];                  /* Round 0 is for warming up. */
        for (int round = 0; round <= ROUNDS; round++)
            for (int threads = 1; threads <= MOST; threads++)
                rates[threads][round] = what == 0 ? fma_rate(threads)
                                      : what == 1 ? triad_rate(threads, memory, half_of_l2, 2000)
                                      :             triad_rate(threads, memory, DRAM, 1);
        for (int threads = 1; threads <= MOST; threads++) {
            printf("%s %d", (const char *[]){ "fma", "L2", "DRAM" }[what], threads);
            for (int round = 1; round <= ROUNDS; round++) printf(" %.3f", rates[threads][round]);
            puts("");
        }
    }
    free(memory);
}
