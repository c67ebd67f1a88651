/* test_threads.c - the same bits for any number of threads, and a pool that bears what programs do to it: two
 * threads of the program at once, a fork, contexts that come and go (@impl-threads).
 * built: float double alone */
#define _POSIX_C_SOURCE 200809L                /* fork, for a child that must do without helpers */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include <sys/wait.h>
#include <unistd.h>

/* A run that cuts everything there is to cut: products by rows and by columns, rows of softmax, element by
 * element, dropout, the optimiser. Returns a hash of the weights. */
static uint64_t threads_run(uint64_t seed)
{
    dc_context *ctx = dc_new(seed);
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(70), dc_dense(250, DC_RELU), dc_dropout((dc_real)0.3), dc_dense(130, DC_GELU),
        dc_dense(90, DC_TANH), dc_layer_norm(), dc_dense(300, DC_LINEAR)));
    dc_optimizer *o = dc_optimize(ctx, dc_adam(1e-3));
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(260, 70), 0, 1), *labels = dc_zeros(ctx, DC_SHAPE(260));
    for (int i = 0; i < 260; i++) labels->data[i] = (dc_real)(i * 7 % 300);
    dc_set_training(ctx, true);
    for (int step = 0; step < 4; step++) {
        dc_mark mark = dc_begin(ctx);
        dc_tensor *y = dc_forward(model, x), *p = dc_softmax(y);
        dc_tensor *loss = dc_cross_entropy(y, labels);
        dc_tensor *overlap = dc_mean(dc_square(dc_matmul_with(p, true, p, false)));      /* [300, 300] */
        dc_backward(dc_add(loss, overlap));
        dc_step(o);
        dc_end(ctx, mark);
    }
    uint64_t hash = dc_fingerprint(model);
    dc_free(ctx);
    return hash;
}

TEST(threads_do_not_change_the_bits)
{
    dc_set_threads(1);
    uint64_t alone = threads_run(1);
    for (int threads = 2; threads <= 7; threads++) {
        dc_set_threads(threads);
        CHECK(dc_threads() == threads || dc_threads() == 1);       /* 1 where there are no threads. */
        CHECK(threads_run(1) == alone);
    }
    CHECK(threads_run(2) != alone);
    dc_set_threads(0);
}

TEST(threads_are_as_many_as_asked_for)
{
    dc_set_threads(0);
    int usual = dc_threads();
    CHECK(usual >= 1);
    setenv("DEEPC_THREADS", "3", 1);
    dc_set_threads(0);
    CHECK(dc_threads() == 3 || dc_threads() == 1);
    unsetenv("DEEPC_THREADS");
    dc_set_threads(0);
    CHECK(dc_threads() == usual);
    dc_set_threads(1000);
    CHECK(dc_threads() <= DC__MOST_THREADS);
    dc_set_threads(0);
}

/* --- the parts --- */

typedef struct threads_parts { int64_t n, unit, least; int *seen; int count, wrong; } threads_parts;

static void threads_part(void *work, int64_t start, int64_t stop)
{
    threads_parts *p = work;
    __atomic_fetch_add(&p->count, 1, __ATOMIC_RELAXED);
    if (start % p->unit || start >= stop || stop > p->n) __atomic_fetch_add(&p->wrong, 1, __ATOMIC_RELAXED);
    for (int64_t i = start; i < stop; i++) __atomic_fetch_add(&p->seen[i], 1, __ATOMIC_RELAXED);
}

TEST(threads_parts_cover_everything_once)
{
    enum { MOST = 700 };
    static int seen[MOST];
    dc_context *ctx = dc_new(1);
    int most = 0;
    for (int threads = 1; threads <= 5; threads++)
        for (int64_t n = 0; n < MOST; n += n < 70 ? 1 : 61)
            for (int64_t unit = 1; unit <= 32; unit *= 4)
                for (int64_t least = 1; least <= 400; least = 4 * least + 3) {
                    threads_parts p = { n, unit, least, seen, 0, 0 };
                    memset(seen, 0, sizeof seen);
                    dc_set_threads(threads);
                    dc__parallel(n, unit, least, threads_part, &p);
                    for (int64_t i = 0; i < n; i++) p.wrong += seen[i] != 1;
                    if (!CHECK(!p.wrong && p.count <= threads && (n > 0) == (p.count > 0))) return;
                    if (p.count > most) most = p.count;
                }
    CHECK(most == 5 || dc_threads() == 1);
    dc_set_threads(0);
    dc_free(ctx);
}

/* Many small pieces, one after the other: no part is lost or done twice, however late a helper is. */
TEST(threads_many_pieces)
{
    enum { N = 64, PIECES = 20000 };
    int seen[N] = { 0 }, wrong = 0;
    dc_context *ctx = dc_new(1);
    dc_set_threads(4);
    threads_parts p = { N, 1, 1, seen, 0, 0 };
    for (int i = 0; i < PIECES; i++) dc__parallel(N, 1, 1, threads_part, &p);
    for (int i = 0; i < N; i++) wrong += seen[i] != PIECES;
    CHECK(!wrong && !p.wrong);
    dc_set_threads(0);
    dc_free(ctx);
}

/* --- programs that have threads, or children, of their own --- */

#ifdef DC__THREADS
static void *threads_own(void *result)
{
    *(uint64_t *)result = threads_run(1);
    return NULL;
}

TEST(threads_of_the_program_may_each_have_a_context)
{
    enum { OWN = 3 };
    pthread_t thread[OWN];
    uint64_t result[OWN], alone = threads_run(1);
    dc_set_threads(2);
    for (int i = 0; i < OWN; i++) CHECK(!pthread_create(&thread[i], NULL, threads_own, &result[i]));
    for (int i = 0; i < OWN; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < OWN; i++) CHECK(result[i] == alone);
    dc_set_threads(0);
}

TEST(threads_a_forked_child_goes_on_alone)
{
    dc_set_threads(2);
    uint64_t alone = threads_run(1);
    dc_context *ctx = dc_new(1);               /* So that there are helpers at the fork. */
    dc_matmul(dc_ones(ctx, DC_SHAPE(300, 300)), dc_ones(ctx, DC_SHAPE(300, 300)));
    CHECK(dc__pool.helpers == 1);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(threads_run(1) == alone && dc_threads() == 1 ? 0 : 1);
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    dc_free(ctx);
    CHECK(dc__pool.helpers == 0 && dc__pool.contexts == 0);       /* The last context took them along. */
    CHECK(threads_run(1) == alone);
    dc_set_threads(0);
}
#endif

TEST(threads_a_negative_number_is_refused)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        fclose(stderr);
        dc_set_threads(-1);
        _exit(0);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
