/* gemm.c - the matrix product of deepc beside OpenBLAS and oneDNN, in one process, taking turns.
 *
 * gemm THREADS ROUNDS, with DEEPC_THREADS=THREADS; bench.py starts it. Every line `M N K TA TB` of the input, for
 * C[M, N] = A B with A and B transposed or not, is answered with a line for each library, `NAME SAMPLES...` in
 * GFLOP/s, among them `peak`, a loop of nothing but multiply-adds, and with an empty line at the end.
 *
 * deepc is called as a program calls it, by an op inside dc_begin ... dc_end. */
#include "limits.h"
#include <dirent.h>
#include <dlfcn.h>
#include <math.h>
#include <sys/resource.h>
#include <unistd.h>
#include "deepc.h"

enum { MOST_ROUNDS = 64 };

typedef struct product {
    int64_t    m, n, k;
    int        ta, tb;
    dc_tensor *a, *b;                                        /* [m, k] or [k, m]; [k, n] or [n, k] */
    float     *c;                                            /* [m, n], where all but deepc write */
} product;

typedef struct library {
    const char *name;
    void      (*call)(const product *p);                     /* NULL: the peak. */
    long        repeats;                                     /* Calls that take about 3 ms together. */
    double      rate[MOST_ROUNDS];
} library;

static int (*dnnl_sgemm)(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                         const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
static void (*cblas_sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                           const float *b, int ldb, float beta, float *c, int ldc);

static void call_deepc(const product *p)
{
    dc_mark mark = dc_begin(p->a->ctx);
    dc_matmul_with(p->a, p->ta, p->b, p->tb);
    dc_end(p->a->ctx, mark);
}

static void call_openblas(const product *p)
{
    enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
    cblas_sgemm(ROW_MAJOR, p->ta ? TRANSPOSED : PLAIN, p->tb ? TRANSPOSED : PLAIN, (int)p->m, (int)p->n, (int)p->k,
                1, p->a->data, (int)(p->ta ? p->m : p->k), p->b->data, (int)(p->tb ? p->k : p->n), 0, p->c, (int)p->n);
}

static void call_onednn(const product *p)
{
    dnnl_sgemm(p->ta ? 'T' : 'N', p->tb ? 'T' : 'N', p->m, p->n, p->k, 1, p->a->data, p->ta ? p->m : p->k,
               p->b->data, p->tb ? p->k : p->n, 0, p->c, p->n);
}

/* A function by name, whatever its type (ISO C knows no cast from an object pointer). */
static bool find(void *handle, const char *name, void *function, size_t size)
{
    void *found = handle ? dlsym(handle, name) : NULL;
    memcpy(function, &found, size);
    return found;
}

/* Those that are installed; returns how many. OpenBLAS 0.3.21 takes new processors with AVX-512 for a Prescott of
 * 2004 and reaches a tenth of their speed, so it is told (unless the environment says something already). */
static int open_libraries(library *libraries, int threads)
{
    void (*set_threads)(int);
    char *(*text)(void);
    const int *(*version)(void);
    int count = 0;
    if (widest().width == 16) setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    libraries[count++] = (library){ .name = "deepc", .call = call_deepc };
    void *handle = dlopen("libopenblas.so.0", RTLD_NOW);
    if (find(handle, "cblas_sgemm", &cblas_sgemm, sizeof cblas_sgemm))
        libraries[count++] = (library){ .name = "OpenBLAS", .call = call_openblas };
    if (find(handle, "openblas_set_num_threads", &set_threads, sizeof set_threads)) set_threads(threads);
    if (find(handle, "openblas_get_config", &text, sizeof text)) printf("%s\n", text());
    if (find(handle, "openblas_get_corename", &text, sizeof text)) printf("kernel %s\n", text());
    handle = dlopen("libdnnl.so.3", RTLD_NOW);
    if (!handle) handle = dlopen("libdnnl.so.2", RTLD_NOW);
    if (find(handle, "dnnl_sgemm", &dnnl_sgemm, sizeof dnnl_sgemm))
        libraries[count++] = (library){ .name = "oneDNN", .call = call_onednn };
    if (find(handle, "omp_set_num_threads", &set_threads, sizeof set_threads)) set_threads(threads);
    if (find(handle, "dnnl_version", &version, sizeof version))
        printf("oneDNN %d.%d.%d\n", version()[0], version()[1], version()[2]);
    libraries[count++] = (library){ .name = "peak", .repeats = 2 };
    return count;
}

/* Until the workers of the last library sleep: they spin for a while after their work, up to 30 ms. */
static void wait_for_quiet(void)
{
    for (int i = 0; i < 20; i++) {
        clock_t before = clock();                            /* Of all threads of this process. */
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
        if ((double)(clock() - before) < 0.0005 * CLOCKS_PER_SEC) return;
    }
}

/* The first thread stays on the first processor and the workers of all libraries on the others: left alone, the
 * kernel wakes a worker beside the one that spins and waits for it, and oneDNN takes up to 1,000 times as long. */
static void part_threads(void)
{
    cpu_set_t first, others;
    settle_on(0);
    sched_getaffinity(0, sizeof first, &first);
    CPU_XOR(&others, &allowed, &first);
    DIR *threads = opendir("/proc/self/task");
    for (struct dirent *entry; threads && (entry = readdir(threads)); )
        if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != getpid())
            sched_setaffinity(atoi(entry->d_name), sizeof others, &others);
    if (threads) closedir(threads);
}

/* How often another program took a processor from a thread of this one. */
static long interruptions(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
}

/* `repeats` calls, in GFLOP/s. As many before the clock starts wake the workers and a processor that has been idle:
 * its first ms are up to a third slower. */
static double measure(const library *l, const product *p, long repeats)
{
    for (long i = 0; i < repeats; i++) l->call(p);
    double start = seconds();
    for (long i = 0; i < repeats; i++) l->call(p);
    return 2.0 * (double)(p->m * p->n * p->k) * (double)repeats / (seconds() - start) * 1e-9;
}

/* The libraries must agree with deepc about what the product is. */
static void compare(const library *l, const product *p)
{
    dc_mark mark = dc_begin(p->a->ctx);
    dc_tensor *c = dc_matmul_with(p->a, p->ta, p->b, p->tb);
    double worst = 0;
    l->call(p);
    for (int64_t i = 0; i < c->size; i++) worst = fmax(worst, fabs((double)c->data[i] - (double)p->c[i]));
    if (worst > 1e-5 * sqrt((double)p->k)) exit(fprintf(stderr, "%s and deepc differ by %g\n", l->name, worst));
    dc_end(p->a->ctx, mark);
}

static void run(const product *p, library *libraries, int count, int threads, int rounds)
{
    for (library *l = libraries; l->call; l++) {
        if (l->call != call_deepc) compare(l, p);
        l->repeats = (long)(0.003 * 1e9 * measure(l, p, 1) / 2 / (double)(p->m * p->n * p->k)) + 1;
    }
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < count; i++) {
            int turn = round % 2 ? i : count - i;            /* Another goes first, and after another, every time. */
            library *l = &libraries[(round + turn) % count];
            long attempts = l->repeats > 1 ? 4 : 1, before = -1;     /* Long calls always are, and suffer little. */
            for (; attempts > 0 && before != interruptions(); attempts--) {
                if (threads > 1) wait_for_quiet();
                before = interruptions();
                l->rate[round] = l->call ? measure(l, p, l->repeats) : fma_rate(threads);
            }
        }
    for (int i = 0; i < count; i++) {
        printf("%s", libraries[i].name);
        for (int round = 0; round < rounds; round++) printf(" %.4f", libraries[i].rate[round]);
        puts("");
    }
    say("");
}

static product random_product(dc_context *ctx, int64_t m, int64_t n, int64_t k, int ta, int tb)
{
    return (product){ .m = m, .n = n, .k = k, .ta = ta, .tb = tb,
                      .a = dc_uniform(ctx, ta ? DC_SHAPE(k, m) : DC_SHAPE(m, k), -1, 1),
                      .b = dc_uniform(ctx, tb ? DC_SHAPE(n, k) : DC_SHAPE(k, n), -1, 1),
                      .c = dc_alloc(ctx, (size_t)(m * n) * sizeof(float)) };
}

int main(int argc, char **argv)
{
    int threads = argc > 2 ? atoi(argv[1]) : 0, rounds = argc > 2 ? atoi(argv[2]) : 0, ta, tb;
    if (threads < 1 || threads > MOST_THREADS || rounds < 1 || rounds > MOST_ROUNDS) return 1;
    library libraries[4];
    note_processors();
    int count = open_libraries(libraries, threads);

    dc_context *all = dc_new(1), *ctx;                    /* deepc's workers live as long as a context does. */
    product large = random_product(all, 512, 512, 512, 0, 0);
    for (int i = 0; libraries[i].call; i++) libraries[i].call(&large);           /* All start their workers. */
    if (threads > 1) wait_for_quiet(), part_threads();
    printf("device %s\n", dc_device_name(all));
    say("");

    char line[128];
    for (long m, n, k; fgets(line, sizeof line, stdin) &&
                       sscanf(line, "%ld %ld %ld %d %d", &m, &n, &k, &ta, &tb) == 5; ) {
        ctx = dc_new(1);
        product p = random_product(ctx, m, n, k, ta, tb);
        run(&p, libraries, count, threads, rounds);
        dc_free(ctx);
    }
}
