/* test_kernels.c - every row of the fast kernel tables against the plain loops, bit by bit: odd sizes, unaligned
 * pointers, infinities, NaN, denormals. All NaNs count as one.
 * built: float */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"

enum { KERNELS_ARRAYS = 8, KERNELS_MARGIN = 32, KERNELS_ROOM = 1 << 17, KERNELS_TRIALS = 60 };

/* What sizes a row takes: n; [outer, n, inner]; [outer, n]; matrices; a walk; an index; windows over images. */
typedef enum kernels_kind { KERNELS_LINE, KERNELS_MIDDLE, KERNELS_SQUARE, KERNELS_ROWS, KERNELS_GEMM,
                            KERNELS_FINISH, KERNELS_WALK, KERNELS_TAKE, KERNELS_GATHER,
                            KERNELS_TILE, KERNELS_DEPTHWISE, KERNELS_POOL } kernels_kind;

typedef struct kernels_sizes {
    int64_t  n, outer, inner, m, k, used;      /* used: how much of each array may be touched. */
    int64_t  a_row, a_column, b_row, b_column, c_row;
    float    a, b;
    bool     flag;
    dc__walk walk;
    dc__random random;
    dc__middle middle;
    dc__step step;
    dc_activation f;
    int64_t  taps, start, stop, x_step, y_step;
    dc__patches patches;
    dc__runs c_runs;
    dc__windows windows;
} kernels_sizes;

typedef void (*kernels_call)(const dc__kernels *k, float *const *p, const kernels_sizes *s);
typedef struct kernels_row {
    const char  *name;
    kernels_kind kind;
    kernels_call call;
} kernels_row;

/* Where runs and windows begin and end: pointers of kernels_sizes lead here. */
enum { KERNELS_PLACES = 300 };
static int64_t kernels_place[4][KERNELS_PLACES];

static void kernels_tile(const dc__kernels *k, float *const *p, const kernels_sizes *s)
{
    dc__patches a = s->patches;
    a.data = p[0];
    k->tile(s->m, s->n, s->k, &a, (dc__matrix){ p[1], s->b_row, s->b_column }, p[2], &s->c_runs, s->flag);
}

/* --- the rows --- */

#define KERNELS_LOOPS(X) \
    X(fill,          LINE,   k->fill(s->n, s->a, p[0])) \
    X(accumulate,    LINE,   k->accumulate(s->n, p[0], p[1])) \
    X(axpy,          LINE,   k->axpy(s->n, s->a, p[0], p[1])) \
    X(choose,        LINE,   k->choose(s->n, p[0], p[1], p[2], p[3])) \
    X(gemm,          GEMM,   dc__gemm(k, s->m, s->n, s->k, (dc__matrix){ p[0], s->a_row, s->a_column }, \
                                     (dc__matrix){ p[1], s->b_row, s->b_column }, p[2], s->c_row, s->flag)) \
    X(move,          WALK,   k->move(&s->walk, p[0], p[1], s->flag)) \
    X(sum_forward,   MIDDLE, k->sum.forward(&s->middle, p[0], p[1])) \
    X(sum_backward,  MIDDLE, k->sum.backward(&s->middle, p[2], p[3], p[0], p[1])) \
    X(max_forward,   MIDDLE, k->max.forward(&s->middle, p[0], p[1])) \
    X(max_backward,  MIDDLE, (k->max.forward(&s->middle, p[0], p[1]), \
                              k->max.backward(&s->middle, p[0], p[1], p[2], p[3]))) \
    X(argmax,        MIDDLE, k->argmax(&s->middle, p[0], p[1])) \
    X(take,          TAKE,   k->take(&s->middle, s->m, p[0], p[1], p[2])) \
    X(put,           TAKE,   k->put(&s->middle, s->m, p[2], p[1], p[0])) \
    X(gather,        GATHER, k->gather(s->m, s->inner, p[0], p[1], p[2])) \
    X(scatter,       GATHER, k->scatter(s->m, s->inner, p[2], p[1], p[0])) \
    X(softmax,       ROWS,   k->softmax(s->outer, s->n, p[0], p[1])) \
    X(softmax_backward, ROWS, k->softmax_backward(s->outer, s->n, p[0], p[1], p[2])) \
    X(log_softmax,   ROWS,   k->log_softmax(s->outer, s->n, p[0], p[1])) \
    X(log_softmax_backward, ROWS, k->log_softmax_backward(s->outer, s->n, p[0], p[1], p[2])) \
    X(logsumexp,     ROWS,   k->logsumexp(s->outer, s->n, p[0], p[1])) \
    X(normalize,     MIDDLE, k->normalize(&s->middle, p[0], p[1], p[2], p[3], p[4], 1e-5f)) \
    X(normalize_backward, MIDDLE, k->normalize_backward(&s->middle, p[0], p[1], p[2], p[3], p[4], p[5])) \
    X(dropout,       LINE,   k->dropout(64 * s->k, s->n, &s->random, s->b, p[0], p[1], p[2])) \
    X(dropout_backward, LINE, k->dropout_backward(s->n, p[0], p[1], p[2])) \
    X(finish,        FINISH, k->finish(s->outer, s->n, s->c_row, s->flag ? p[0] : NULL, s->f, p[1])) \
    X(finish_backward, FINISH, k->finish_backward(s->outer, s->n, s->c_row, s->f, p[0], p[1], p[2], \
                                                  s->flag ? p[3] : NULL)) \
    X(depthwise,     DEPTHWISE, k->depthwise(s->m, s->n, s->taps, kernels_place[0], p[0], s->x_step, p[1], p[2], \
                                             s->y_step, s->flag)) \
    X(depthwise_dw,  DEPTHWISE, k->depthwise_dw(s->m, s->n, p[0], s->x_step, p[1], p[2])) \
    X(pool,          POOL,   k->pool(&s->windows, s->start, s->stop, p[0], p[1], s->flag ? p[2] : NULL)) \
    X(pool_backward, POOL,   (k->pool(&s->windows, s->start, s->stop, p[0], p[1], s->flag ? p[2] : NULL), \
                              k->pool_backward(&s->windows, s->start, s->stop, s->flag ? p[2] : NULL, p[3], p[4]))) \
    X(tile,          TILE,   kernels_tile(k, p, s))

/* A step has two states or none. */
#define KERNELS_STEPS(X) X(sgd) X(rmsprop) X(adam)

#define KERNELS_FUNCTION(NAME, ...) \
    static void kernels_call_##NAME(const dc__kernels *k, float *const *p, const kernels_sizes *s) { __VA_ARGS__; }
#define KERNELS_LOOP(NAME, KIND, ...) KERNELS_FUNCTION(NAME, __VA_ARGS__)
#define KERNELS_STEP(NAME) \
    KERNELS_FUNCTION(NAME, \
        float *m = !strcmp(#NAME, "sgd") && s->flag ? NULL : p[2]; \
        float *v = !strcmp(#NAME, "rmsprop") && !s->flag ? NULL : p[3]; \
        k->NAME(s->n, p[0], p[1], m, v, &s->step))
#define KERNELS_UNARY(NAME) \
    KERNELS_FUNCTION(NAME##_forward, k->NAME.forward(s->n, p[0], p[1], s->a, s->b)) \
    KERNELS_FUNCTION(NAME##_backward, k->NAME.backward(s->n, p[0], p[1], p[2], p[3], s->a, s->b)) \
    KERNELS_FUNCTION(NAME##_true_backward, k->NAME.forward(s->n, p[0], p[1], s->a, s->b); \
                     k->NAME.backward(s->n, p[0], p[1], p[2], p[3], s->a, s->b))
#define KERNELS_BINARY(NAME, F, DFX, DFY) \
    KERNELS_FUNCTION(NAME##_forward, k->NAME.forward(s->n, p[0], p[1], p[2], s->a)) \
    KERNELS_FUNCTION(NAME##_slope_x, k->NAME.slope[0](s->n, p[0], p[1], p[2], p[3], p[4], s->a)) \
    KERNELS_FUNCTION(NAME##_slope_y, k->NAME.slope[1](s->n, p[0], p[1], p[2], p[3], p[4], s->a))
#define KERNELS_UNARY_PLAIN(NAME, F, DF, LO, HI)           KERNELS_UNARY(NAME)
#define KERNELS_UNARY_WITH(NAME, ARGUMENTS, F, DF, LO, HI) KERNELS_UNARY(NAME)
KERNELS_LOOPS(KERNELS_LOOP)
KERNELS_STEPS(KERNELS_STEP)
DC_UNARY_OPS(KERNELS_UNARY_PLAIN)
DC_UNARY_OPS_WITH(KERNELS_UNARY_WITH)
DC_BINARY_OPS(KERNELS_BINARY)
DC__LOSS_OPS(KERNELS_BINARY)

#define KERNELS_ROW(NAME, KIND)             { #NAME, KERNELS_##KIND, kernels_call_##NAME },
#define KERNELS_LOOP_ROW(NAME, KIND, ...)   KERNELS_ROW(NAME, KIND)
#define KERNELS_STEP_ROW(NAME)              KERNELS_ROW(NAME, LINE)
#define KERNELS_UNARY_ROWS(NAME)            KERNELS_ROW(NAME##_forward, LINE) KERNELS_ROW(NAME##_backward, LINE)
#define KERNELS_BINARY_ROWS(NAME, F, DFX, DFY) \
    KERNELS_ROW(NAME##_forward, LINE) KERNELS_ROW(NAME##_slope_x, LINE) KERNELS_ROW(NAME##_slope_y, LINE)
#define KERNELS_PLAIN_ROWS(NAME, F, DF, LO, HI)           KERNELS_UNARY_ROWS(NAME)
#define KERNELS_WITH_ROWS(NAME, ARGUMENTS, F, DF, LO, HI) KERNELS_UNARY_ROWS(NAME)
#define KERNELS_TRUE_ROW(NAME, ...)         KERNELS_ROW(NAME##_true_backward, LINE)
static const kernels_row kernels_rows[] = {
    KERNELS_LOOPS(KERNELS_LOOP_ROW)
    KERNELS_STEPS(KERNELS_STEP_ROW)
    DC_UNARY_OPS(KERNELS_PLAIN_ROWS)
    DC_UNARY_OPS_WITH(KERNELS_WITH_ROWS)
    DC_BINARY_OPS(KERNELS_BINARY_ROWS)
    DC__LOSS_OPS(KERNELS_BINARY_ROWS)
};
enum { KERNELS_ROWS_COUNT = (int)(sizeof kernels_rows / sizeof *kernels_rows) };
static const kernels_row kernels_true_rows[] = {       /* Backward with the y that belongs to x. */
    DC_UNARY_OPS(KERNELS_TRUE_ROW)
    DC_UNARY_OPS_WITH(KERNELS_TRUE_ROW)
};
enum { KERNELS_TRUE_COUNT = (int)(sizeof kernels_true_rows / sizeof *kernels_true_rows) };

TEST(kernels_all_rows_are_tested)
{
    /* Of the table one is the name; of the rows one, gemm, is made of others. */
    CHECK(sizeof(dc__kernels) / sizeof(void (*)(void)) - 1 == KERNELS_ROWS_COUNT - 1);
}

/* --- random sizes and numbers --- */

static uint32_t kernels_state = 1;

static uint32_t kernels_bits(void)
{
    kernels_state = kernels_state * 1664525 + 1013904223;
    uint32_t high = kernels_state >> 16;
    kernels_state = kernels_state * 1664525 + 1013904223;
    return high << 16 | kernels_state >> 16;
}

static int64_t kernels_below(int64_t n) { return (int64_t)(kernels_bits() % (uint32_t)n); }

static float kernels_float(uint32_t bits) { float f; memcpy(&f, &bits, sizeof f); return f; }

/* pattern 0: ordinary; 1: with infinities, NaN, zeros, denormals; 2: any bits at all. */
static float kernels_number(int pattern)
{
    static const uint32_t special[] = { 0x7f800000, 0xff800000, 0x7fc00000, 0, 0x80000000, 1, 0x80000001, 0x007fffff,
                                        0x00800000, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000, 0x42b17218 };
    float ordinary = (float)(int32_t)kernels_bits() * 0x1p-29f;          /* [-4, 4) */
    if (pattern == 2) return kernels_float(kernels_bits());
    if (pattern == 1 && kernels_below(6) == 0) return kernels_float(special[kernels_below(14)]);
    return ordinary;
}

static int64_t kernels_length(void)
{
    static const int64_t odd[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256,
                                   257 };
    return kernels_below(3) ? odd[kernels_below(21)] : 1 + kernels_below(600);
}

static void kernels_draw_walk(kernels_sizes *s)
{
    dc__walk w = { .rank = 1 + (int)kernels_below(4) };
    int order[5] = { 0, 1, 2, 3, 4 };
    int64_t step = 1;
    for (int i = w.rank - 1; i >= 0; i--) {
        w.dim[i] = 1 + kernels_below(w.rank < 3 ? 40 : 7);
        w.y_stride[i] = step, step *= w.dim[i];
    }
    s->used = step;
    for (int i = w.rank - 1; i > 0; i--) {
        int j = (int)kernels_below(i + 1), kept = order[i];
        order[i] = order[j], order[j] = kept;
    }
    step = 1;
    for (int i = w.rank - 1; i >= 0; i--) w.x_stride[order[i]] = step, step *= w.dim[order[i]];
    if (w.rank && kernels_below(3) == 0) w.x_stride[kernels_below(w.rank)] = 0;       /* Broadcast. */
    if (s->flag && kernels_below(2)) {                                                /* And its way back. */
        dc__walk back = w;
        memcpy(w.x_stride, back.y_stride, sizeof w.x_stride);
        memcpy(w.y_stride, back.x_stride, sizeof w.y_stride);
    }
    s->walk = w;
}

static void kernels_draw_gemm(kernels_sizes *s)
{
    static const int64_t depth[] = { 0, 1, 2, 7, 255, 256, 257, 300, 520 };
    s->m = 1 + kernels_below(26), s->n = 1 + kernels_below(90), s->k = depth[kernels_below(9)];
    switch (kernels_below(6)) {                          /* Shapes with a way of their own. */
    case 0: s->m = 1, s->n = 1 + kernels_below(240); break;
    case 1: s->n = 1; break;
    case 2: s->m = 190 + kernels_below(10), s->n = 500 + kernels_below(40), s->k = 1 + kernels_below(200); break;
    }
    int64_t slack = kernels_below(3);
    bool ta = kernels_below(2), tb = kernels_below(2);
    s->a_row = ta ? 1 : s->k + slack, s->a_column = ta ? s->m + slack : 1;
    s->b_row = tb ? 1 : s->n + slack, s->b_column = tb ? s->k + slack : 1;
    s->c_row = s->n + slack;
    s->used = KERNELS_ROOM - KERNELS_MARGIN - 4;
}

/* Runs of A anywhere, also over each other; those of C side by side. */
static void kernels_draw_tile(kernels_sizes *s)
{
    static const int64_t depth[] = { 1, 2, 7, 27, 64, 255, 256 };
    int64_t run = 1 + kernels_below(30), first = kernels_below(run), deep = 1 + kernels_below(40);
    s->m = 1 + kernels_below(40), s->n = 1 + kernels_below(70), s->k = depth[kernels_below(7)];
    for (int i = 0; i < KERNELS_PLACES; i++)
        kernels_place[0][i] = kernels_below(2000), kernels_place[1][i] = kernels_below(2000);
    s->patches.row = (dc__runs){ kernels_below(50), run, first, kernels_place[0] };
    s->patches.column = (dc__runs){ 1 + kernels_below(3), deep, kernels_below(deep), kernels_place[1] };
    int64_t slack = kernels_below(3), step = s->n + slack;
    for (int i = 0; i < KERNELS_PLACES; i++) kernels_place[2][i] = i * run * step + slack;
    s->c_runs = (dc__runs){ step, run, first, kernels_place[2] };
    bool turned = kernels_below(2);
    s->b_row = turned ? 1 : s->n + slack, s->b_column = turned ? s->k + slack : 1;
    s->used = 20000;
}

static void kernels_draw_depthwise(kernels_sizes *s)
{
    s->m = 1 + kernels_below(30), s->n = 1 + kernels_below(kernels_below(2) ? 20 : 100);
    s->taps = 1 + kernels_below(26);
    for (int i = 0; i < s->taps; i++) kernels_place[0][i] = kernels_below(3000);
    s->x_step = s->n * (1 + kernels_below(2)), s->y_step = s->n + kernels_below(9);
    s->used = 10000;
}

/* Windows of all sizes, at least one pixel of the image in each. */
static void kernels_draw_pool(kernels_sizes *s)
{
    dc__windows *w = &s->windows;
    w->channels = 1 + kernels_below(kernels_below(2) ? 5 : 40);
    for (int a = 0; a < 2; a++) {
        int64_t *from = kernels_place[2 * a], *to = kernels_place[2 * a + 1];
        w->in[a] = 1 + kernels_below(12), w->out[a] = 1 + kernels_below(8), w->step[a] = 1 + kernels_below(3);
        for (int64_t i = 0; i < w->out[a]; i++) {
            from[i] = kernels_below(w->in[a]);
            to[i] = from[i] + 1 + kernels_below(w->in[a] - from[i]);
        }
        w->from[a] = from, w->to[a] = to;
    }
    s->start = kernels_below(2 * w->out[0]), s->stop = s->start + 1 + kernels_below(w->out[0]);
    s->used = 3 * 12 * 12 * 40;
}

static kernels_sizes kernels_draw(kernels_kind kind, int pattern)
{
    kernels_sizes s = { .n = kernels_length(), .outer = 1, .inner = 1, .m = 1, .flag = kernels_below(2) };
    s.a = kernels_number(pattern), s.b = 0.25f;
    for (int i = 0; i < 2; i++) s.random.key[i] = kernels_bits();
    s.random.owner = kernels_bits();
    s.step = (dc__step){ .scale = kernels_below(2) ? 1 : 0.3f, .limit = kernels_below(2) ? INFINITY : 0.5f,
        .l2 = kernels_below(2) ? 0 : 0.01f, .keep = kernels_below(2) ? 1 : 0.99f, .rate = 0.1f,
        .beta1 = 0.9f, .rest1 = 0.1f, .beta2 = 0.99f, .rest2 = 0.01f, .unbias = 1.5f, .epsilon = 1e-8f,
        .nesterov = kernels_below(2) };
    switch (kind) {
    case KERNELS_LINE: break;
    case KERNELS_MIDDLE: case KERNELS_ROWS:
        if (kernels_below(8) == 0) { s.n = 4000 + kernels_below(5000); break; }
        s.outer = 1 + kernels_below(4);
        if (kind == KERNELS_MIDDLE && kernels_below(3)) s.inner = 1 + kernels_below(s.n > 70 ? 20 : 140);
        break;
    case KERNELS_SQUARE:
        s.n = 1 + kernels_below(30), s.outer = 1 + kernels_below(3), s.inner = 1 + kernels_below(40);
        break;
    case KERNELS_TAKE:
        s.n = 1 + kernels_below(30), s.m = kernels_below(40);
        s.outer = 1 + kernels_below(3), s.inner = 1 + kernels_below(20);
        break;
    case KERNELS_FINISH: {
        static const dc_activation f[] = { DC_LINEAR, DC_RELU, DC_TANH, DC_SIGMOID };
        s.n = 1 + kernels_below(kernels_below(2) ? 3 : 90), s.outer = 1 + kernels_below(20);
        s.f = f[kernels_below(4)], s.c_row = s.n + kernels_below(2) * kernels_below(9);
        s.used = s.outer * s.c_row;
        return s;
    }
    case KERNELS_GATHER: s.n = 1 + kernels_below(30), s.m = kernels_below(60), s.inner = 1 + kernels_below(70); break;
    case KERNELS_WALK: kernels_draw_walk(&s); return s;
    case KERNELS_GEMM: kernels_draw_gemm(&s); return s;
    case KERNELS_TILE: kernels_draw_tile(&s); return s;
    case KERNELS_DEPTHWISE: kernels_draw_depthwise(&s); return s;
    case KERNELS_POOL: kernels_draw_pool(&s); return s;
    }
    s.used = s.outer * (s.n > s.m ? s.n : s.m) * s.inner;
    return s;
}

/* --- the comparison --- */

static float kernels_source[KERNELS_ARRAYS][KERNELS_ROOM], kernels_work[2][KERNELS_ARRAYS][KERNELS_ROOM];

/* The first element of which the bits differ, or -1. */
static int64_t kernels_difference(int64_t n, const float *a, const float *b)
{
    if (memcmp(a, b, (size_t)n * sizeof *a) == 0) return -1;
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) && !(isnan(a[i]) && isnan(b[i]))) return i;
    return -1;
}

static bool kernels_try(const dc__kernels *fast, const kernels_row *row, int pattern)
{
    kernels_sizes s = kernels_draw(row->kind, pattern);
    int64_t room = s.used + KERNELS_MARGIN;
    float *p[2][KERNELS_ARRAYS];
    if (!CHECK(room + 4 <= KERNELS_ROOM)) return false;
    for (int i = 0; i < KERNELS_ARRAYS; i++) {
        int64_t shift = kernels_below(4);                                /* Not aligned. */
        for (int64_t k = 0; k < room; k++) kernels_source[i][k] = kernels_number(pattern);
        bool is_index = (row->kind == KERNELS_TAKE || row->kind == KERNELS_GATHER) && i == 1;
        for (int64_t k = 0; is_index && k < room; k++) kernels_source[i][k] = (float)kernels_below(s.n);
        for (int t = 0; t < 2; t++) {
            memcpy(kernels_work[t][i], kernels_source[i], (size_t)room * sizeof(float));
            p[t][i] = kernels_work[t][i] + shift;
        }
    }
    s.middle = (dc__middle){ s.outer, s.n, s.inner, s.a };
    row->call(&dc__kernels_plain, p[0], &s);
    row->call(fast, p[1], &s);
    for (int i = 0; i < KERNELS_ARRAYS; i++) {
        int64_t at = kernels_difference(room, kernels_work[0][i], kernels_work[1][i]);
        if (at < 0) continue;
        return check__that(false, __FILE__, __LINE__, "%s, %s: array %d differs at %d: %a, not %a (n %d, outer %d, "
                           "inner %d, m %d, k %d, pattern %d, flag %d)", fast->name, row->name, i, (int)at,
                           (double)kernels_work[1][i][at], (double)kernels_work[0][i][at], (int)s.n, (int)s.outer,
                           (int)s.inner, (int)s.m, (int)s.k, pattern, s.flag);
    }
    return CHECK(true);
}

static void kernels_compare_table(const dc__kernels *fast)
{
    kernels_state = 1;
    for (int r = 0; r < KERNELS_ROWS_COUNT + KERNELS_TRUE_COUNT; r++) {
        const kernels_row *row = r < KERNELS_ROWS_COUNT ? &kernels_rows[r]
            : &kernels_true_rows[r - KERNELS_ROWS_COUNT];
        for (int trial = 0; trial < KERNELS_TRIALS; trial++)
            if (!kernels_try(fast, row, trial % 3)) break;
    }
}

static void kernels_compare(const char *name)
{
    const dc__kernels *fast = dc__fast_kernels(name);
    CHECK(dc__kernels_plain.name != NULL);
    if (!fast) { printf("skipped: this processor has no %s\n", name); return; }
    CHECK(!strcmp(fast->name, name));
    kernels_compare_table(fast);
}

/* The matrix product for vectors of 16, as AVX-512 has them, with two vectors of 8 for each: so that its blocks
 * and edges are tested on processors that have only AVX2. */
#if defined(__x86_64__) && !defined(DEEPC_NO_FAST)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
typedef struct kernels_pair { __m256 low, high; } kernels_pair;

static inline kernels_pair kernels_pair_setzero(void)
{
    return (kernels_pair){ _mm256_setzero_ps(), _mm256_setzero_ps() };
}
static inline kernels_pair kernels_pair_set1(float x) { return (kernels_pair){ _mm256_set1_ps(x), _mm256_set1_ps(x) }; }
static inline kernels_pair kernels_pair_loadu(const float *x)
{
    return (kernels_pair){ _mm256_loadu_ps(x), _mm256_loadu_ps(x + 8) };
}
static inline void kernels_pair_storeu(float *x, kernels_pair v)
{
    _mm256_storeu_ps(x, v.low), _mm256_storeu_ps(x + 8, v.high);
}
static inline kernels_pair kernels_pair_add(kernels_pair a, kernels_pair b)
{
    return (kernels_pair){ _mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high) };
}
static inline kernels_pair kernels_pair_fmadd(kernels_pair a, kernels_pair b, kernels_pair c)
{
    return (kernels_pair){ _mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high) };
}
#define DC__PRODUCT_ONLY
#define DC__UNROLL
#define DC__SUFFIX pair
#define DC__LOOPS  avx2
#define DC__VECTOR kernels_pair
#define DC__V(operation) kernels_pair_##operation
#define DC__WIDTH 16
#define DC__ROWS  8
#include "deepc.h"
#undef DC__PRODUCT_ONLY
#undef DC__UNROLL
#undef DC__ROWS
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

TEST(kernels_vectors_of_16_give_the_bits_of_the_plain_loops)
{
    if (!dc__fast_kernels("avx2")) printf("skipped: this processor has no AVX2\n");
    else kernels_compare_table(&dc__kernels_pair);
}
#endif

TEST(kernels_avx2_gives_the_bits_of_the_plain_loops)   { kernels_compare("avx2"); }
TEST(kernels_avx512_gives_the_bits_of_the_plain_loops) { kernels_compare("avx512"); }
TEST(kernels_neon_gives_the_bits_of_the_plain_loops)   { kernels_compare("neon"); }

TEST(kernels_are_chosen_by_name)
{
    CHECK(dc__fast_kernels(NULL) != NULL);
    CHECK(dc__fast_kernels("abacus") == NULL);
    if (!getenv("DEEPC_DEVICE")) {
        CHECK(dc__choose_kernels("reference") == &dc__kernels_plain);
        CHECK(dc__choose_kernels("fast") == dc__fast_kernels(NULL));
        CHECK(dc__choose_kernels(NULL) == dc__fast_kernels(NULL));
        CHECK(dc__choose_kernels("abacus") == NULL);
    }
}

/* A row of a product depends on that row alone, wherever it stands. */
TEST(kernels_a_row_of_a_product_stands_alone)
{
    const dc__kernels *tables[] = { &dc__kernels_plain, dc__fast_kernels("avx2"), dc__fast_kernels("avx512") };
    enum { M = 23, K = 300, N = 37 };
    float *a = kernels_source[0], *b = kernels_source[1], *all = kernels_work[0][0], *one = kernels_work[1][0];
    kernels_state = 1;
    for (int i = 0; i < M * K; i++) a[i] = kernels_number(0);
    for (int i = 0; i < K * N; i++) b[i] = kernels_number(0);
    for (int t = 0; t < 3; t++) {
        if (!tables[t]) continue;
        dc__gemm(tables[t], M, N, K, (dc__matrix){ a, K, 1 }, (dc__matrix){ b, N, 1 }, all, N, false);
        for (int row = 0; row < M; row++) {
            dc__gemm(tables[t], 1, N, K, (dc__matrix){ a + row * K, K, 1 }, (dc__matrix){ b, N, 1 }, one, N, false);
            CHECK(memcmp(one, all + row * N, N * sizeof(float)) == 0);
        }
    }
}

/* The contract in numbers: chunks of 256, each one chain of fused multiply-adds from 0, added in order. */
TEST(kernels_products_follow_the_contract)
{
    const dc__kernels *tables[] = { &dc__kernels_plain, dc__fast_kernels("avx2"), dc__fast_kernels("avx512") };
    enum { K = 600 };
    float *a = kernels_source[0], *b = kernels_source[1], out;
    kernels_state = 2;
    for (int i = 0; i < K; i++) a[i] = kernels_number(0), b[i] = kernels_number(0);
    float total = 0;
    for (int start = 0; start < K; start += 256) {
        float chain = 0;
        for (int i = start; i < K && i < start + 256; i++) chain = fmaf(a[i], b[i], chain);
        total = start ? total + chain : chain;
    }
    for (int t = 0; t < 3; t++) {
        if (!tables[t]) continue;
        dc__gemm(tables[t], 1, 1, K, (dc__matrix){ a, K, 1 }, (dc__matrix){ b, 1, 1 }, &out, 1, false);
        CHECK_BITS(out, total);
        out = 2;
        dc__gemm(tables[t], 1, 1, 10, (dc__matrix){ a, K, 1 }, (dc__matrix){ b, 1, 1 }, &out, 1, true);
        float chain = 0;
        for (int i = 0; i < 10; i++) chain = fmaf(a[i], b[i], chain);
        CHECK_BITS(out, 2 + chain);
    }
}

TEST(kernels_soft_fma_is_exact)
{
    kernels_state = 3;
    int wrong = 0;
    for (int i = 0; i < 300000; i++) {
        int pattern = i % 3;
        float x = kernels_number(pattern), y = kernels_number(pattern), z = kernels_number(pattern);
        if (i % 5 == 0) z = -x * y;                 /* Cancellation. */
        if (i % 7 == 0) z = kernels_float(kernels_bits() & 0x807fffff);
        float soft = dc__fma_soft(x, y, z), hard = fmaf(x, y, z);
        wrong += memcmp(&soft, &hard, sizeof soft) != 0 && !(isnan(soft) && isnan(hard));
    }
    CHECK(wrong == 0);
}
