/* test_random.c - Philox, what is drawn with it, initialisers, dropout.
 * built: float double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"

/* Known answers published with Random123 (kat_vectors, philox4x32 10). */
TEST(random_philox_known_answers)
{
    static const struct { uint32_t counter[4], key[2], out[4]; } known[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (int k = 0; k < 3; k++) {
        dc__random r = { .key = { known[k].key[0], known[k].key[1] }, .step = known[k].counter[1],
                         .call = known[k].counter[2], .owner = known[k].counter[3] };
        uint32_t out[4];
        dc__philox(&r, known[k].counter[0], out);
        for (int i = 0; i < 4; i++) CHECK(out[i] == known[k].out[i]);
        if (known[k].counter[0] == 0)
            for (uint64_t i = 0; i < 4; i++) CHECK(dc__bits_at(&r, i) == known[k].out[i]);
    }
}

TEST(random_streams_differ)
{
    dc_context *ctx = dc_new(0x123456789abcdef0), *low = dc_new(0x9abcdef0), *same = dc_new(0x123456789abcdef0);
    dc__random streams[] = {
        dc__stream(ctx, DC__FOR_INIT, 0, 0, 0),   dc__stream(ctx, DC__FOR_TENSOR, 0, 0, 0),
        dc__stream(ctx, DC__FOR_DROPOUT, 0, 0, 0), dc__stream(ctx, DC__FOR_DROPOUT, 1, 0, 0),
        dc__stream(ctx, DC__FOR_DROPOUT, 0, 1, 0), dc__stream(ctx, DC__FOR_DROPOUT, 0, 0, 1),
        dc__stream(ctx, DC__FOR_SHUFFLE, 0, 0, 0), dc__stream(ctx, DC__FOR_SPLIT, 0, 0, 0),
        dc__stream(ctx, DC__FOR_DATA, 0, 0, 0),    dc__stream(low, DC__FOR_INIT, 0, 0, 0),
    };
    enum { STREAMS = (int)(sizeof streams / sizeof *streams) };
    for (int a = 0; a < STREAMS; a++)
        for (int b = 0; b < a; b++) CHECK(dc__bits_at(&streams[a], 0) != dc__bits_at(&streams[b], 0));
    dc__random again = dc__stream(same, DC__FOR_INIT, 0, 0, 0);
    CHECK(dc__bits_at(&again, 5) == dc__bits_at(&streams[0], 5));
    dc_free(ctx), dc_free(low), dc_free(same);
}

/* --- moments --- */

typedef struct random_moments { double mean, variance, skew, kurtosis, next; } random_moments;

static random_moments random_measure(const dc_tensor *t)
{
    random_moments m = { 0 };
    double n = (double)t->size;
    for (int64_t i = 0; i < t->size; i++) m.mean += (double)t->data[i] / n;
    for (int64_t i = 0; i < t->size; i++) {
        double d = (double)t->data[i] - m.mean, next = (double)t->data[(i + 1) % t->size] - m.mean;
        m.variance += d * d / n, m.skew += d * d * d / n, m.kurtosis += d * d * d * d / n, m.next += d * next / n;
    }
    double sd = sqrt(m.variance);
    m.skew /= sd * sd * sd, m.kurtosis /= m.variance * m.variance, m.next /= m.variance;
    return m;
}

/* Tolerances are about five standard errors of 200,000 draws. */
TEST(random_uniform_moments)
{
    dc_context *ctx = dc_new(1);
    enum { N = 200000, BINS = 50 };
    dc_tensor *t = dc_uniform(ctx, DC_SHAPE(N), 0, 1);
    random_moments m = random_measure(t);
    CHECK_NEAR(m.mean, 0.5, 0.0033);
    CHECK_NEAR(m.variance, 1.0 / 12, 0.0009);
    CHECK_NEAR(m.skew, 0, 0.02);
    CHECK_NEAR(m.kurtosis, 1.8, 0.02);
    CHECK_NEAR(m.next, 0, 0.0112);
    int count[BINS] = { 0 };
    double chi = 0;
    for (int i = 0; i < N; i++) {
        if (!CHECK(t->data[i] >= 0 && t->data[i] < 1)) break;
        count[(int)(t->data[i] * BINS)]++;
    }
    for (int i = 0; i < BINS; i++) chi += pow(count[i] - N / BINS, 2) / (N / BINS);
    CHECK(chi > 20 && chi < 90);                    /* 49 degrees of freedom, standard deviation 10. */
    m = random_measure(dc_uniform(ctx, DC_SHAPE(N), -3, 5));
    CHECK_NEAR(m.mean, 1, 0.026);
    CHECK_NEAR(m.variance, 64.0 / 12, 0.06);
    dc_free(ctx);
}

TEST(random_uniform_never_reaches_its_upper_end)
{
    dc_context *ctx = dc_new(1);
    dc_real next = 1 + (sizeof(dc_real) == 8 ? (dc_real)DBL_EPSILON : (dc_real)FLT_EPSILON);
    dc_tensor *t = dc_uniform(ctx, DC_SHAPE(1000), 1, next);
    for (int i = 0; i < 1000; i++) CHECK(t->data[i] == 1);
    t = dc_uniform(ctx, DC_SHAPE(1000), DC__C(1e6), DC__C(1e6) + 1);
    for (int i = 0; i < 1000; i++) CHECK(t->data[i] >= DC__C(1e6) && t->data[i] < DC__C(1e6) + 1);
    dc_free(ctx);
}

TEST(random_normal_moments)
{
    dc_context *ctx = dc_new(1);
    enum { N = 200000 };
    dc_tensor *t = dc_normal(ctx, DC_SHAPE(N), 0, 1);
    random_moments m = random_measure(t);
    CHECK_NEAR(m.mean, 0, 0.0112);
    CHECK_NEAR(m.variance, 1, 0.016);
    CHECK_NEAR(m.skew, 0, 0.028);
    CHECK_NEAR(m.kurtosis, 3, 0.056);
    CHECK_NEAR(m.next, 0, 0.0112);
    int inside[4] = { 0 };
    for (int i = 0; i < N; i++)
        for (int s = 1; s < 4; s++) inside[s] += fabs((double)t->data[i]) < s;
    CHECK_NEAR((double)inside[1] / N, 0.682689, 0.0053);
    CHECK_NEAR((double)inside[2] / N, 0.954500, 0.0024);
    CHECK_NEAR((double)inside[3] / N, 0.997300, 0.0006);
    for (int i = 0; i < N; i++) if (!isfinite(t->data[i])) CHECK(isfinite(t->data[i]));
    m = random_measure(dc_normal(ctx, DC_SHAPE(N), 10, 3));
    CHECK_NEAR(m.mean, 10, 0.034);
    CHECK_NEAR(m.variance, 9, 0.15);
    CHECK(dc_normal(ctx, DC_SHAPE(1), 5, 0)->data[0] == 5);
    dc_free(ctx);
}

TEST(random_whole_numbers_below)
{
    dc_context *ctx = dc_new(1);
    dc__random r = dc__stream(ctx, DC__FOR_DATA, 0, 0, 0);
    enum { N = 60000, SIDES = 6 };
    int count[SIDES] = { 0 };
    for (uint64_t i = 0; i < N; i++) {
        uint64_t side = dc__below_at(&r, i, SIDES);
        if (!CHECK(side < SIDES)) return;
        count[side]++;
    }
    for (int s = 0; s < SIDES; s++) CHECK_NEAR(count[s], N / SIDES, 460);    /* 5 standard deviations */
    double sum = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t big = dc__below_at(&r, i, 0xffffffff);
        CHECK(big < 0xffffffff && dc__below_at(&r, i, 1) == 0);
        sum += (double)big;
    }
    CHECK_NEAR(sum / 10000 / 4294967295.0, 0.5, 0.0145);
    dc_free(ctx);
}

TEST(random_permutation)
{
    dc_context *ctx = dc_new(1);
    enum { N = 1000 };
    dc_tensor *p = dc_permutation(ctx, N);
    bool seen[N] = { false };
    int moved = 0;
    for (int i = 0; i < N; i++) {
        int v = (int)p->data[i];
        if (!CHECK(v >= 0 && v < N && !seen[v])) return;
        seen[v] = true, moved += v != i;
    }
    CHECK(moved > N - 10);
    int first[4] = { 0 };                           /* Each of 4 is first equally often. */
    for (int i = 0; i < 4000; i++) {
        dc_mark mark = dc_begin(ctx);
        first[(int)dc_permutation(ctx, 4)->data[0]]++;
        dc_end(ctx, mark);
    }
    for (int i = 0; i < 4; i++) CHECK_NEAR(first[i], 1000, 140);
    CHECK(dc_permutation(ctx, 0)->size == 0 && dc_permutation(ctx, 1)->data[0] == 0);
    EXPECT_FAIL(ctx, dc_permutation(ctx, -1), "negative");
    dc_free(ctx);
}

/* --- numbers have addresses --- */

static bool random_same(const dc_tensor *a, const dc_tensor *b, int64_t n)
{
    return memcmp(a->data, b->data, (size_t)n * sizeof(dc_real)) == 0;
}

TEST(random_seeds_decide)
{
    dc_context *a = dc_new(5), *b = dc_new(5), *c = dc_new(6), *d = dc_new(5 + ((uint64_t)1 << 32));
    dc_tensor *x = dc_normal(a, DC_SHAPE(100), 0, 1);
    CHECK(random_same(x, dc_normal(b, DC_SHAPE(100), 0, 1), 100));
    CHECK(!random_same(x, dc_normal(c, DC_SHAPE(100), 0, 1), 1));
    CHECK(!random_same(x, dc_normal(d, DC_SHAPE(100), 0, 1), 1));
    CHECK(!random_same(x, dc_normal(a, DC_SHAPE(100), 0, 1), 1));      /* The next is another one. */
    dc_free(a), dc_free(b), dc_free(c), dc_free(d);
}

TEST(random_numbers_do_not_depend_on_what_else_is_drawn)
{
    dc_context *a = dc_new(5), *b = dc_new(5);
    dc_set_training(b, true);
    for (int i = 0; i < 3; i++) {
        dc_tensor *x = dc_uniform(a, DC_SHAPE(10), 0, 1), *y = dc_uniform(b, DC_SHAPE(1000), 0, 1);
        CHECK(random_same(x, y, 10));               /* Not on the size, ... */
        dc_dropout_op(y, DC__C(0.5));               /* ... and not on dropout in between. */
    }
    dc__random r = dc__stream(a, DC__FOR_TENSOR, 0, 7, 0);
    dc_real forwards[50];
    for (int i = 0; i < 50; i++) forwards[i] = dc__normal_at(&r, (uint64_t)i);
    for (int i = 49; i >= 0; i--) CHECK(forwards[i] == dc__normal_at(&r, (uint64_t)i));
    CHECK(random_same(dc_param(a, DC_GLOROT, 10, 20), dc_param(b, DC_GLOROT, 10, 20), 200));
    dc_free(a), dc_free(b);
}

/* --- initialisers --- */

static void random_check_init(dc_init init, dc_shape shape, double variance, bool uniform, int line)
{
    dc_context *ctx = dc_new(3);
    dc_tensor *w = dc_param_shaped(ctx, init, shape);
    random_moments m = random_measure(w);
    double largest = 0, n = (double)w->size, errors = 5 / sqrt(n);
    for (int64_t i = 0; i < w->size; i++) largest = fmax(largest, fabs((double)w->data[i]));
    check__near(m.mean, 0, sqrt(variance) * errors, __FILE__, line, "mean");
    check__near(m.variance, variance, variance * errors * 1.5, __FILE__, line, "variance");
    check__near(m.kurtosis, uniform ? 1.8 : 3, uniform ? 0.1 : 0.3, __FILE__, line, "kurtosis");
    double bound = sqrt(3 * variance);
    if (uniform) check__that(largest <= bound * (1 + 1e-6) && largest > 0.999 * bound, __FILE__, line, "bound");
    CHECK(w->needs_grad && w->inputs == 0);
    dc_free(ctx);
}

TEST(random_initialisers)
{
#define RANDOM_INIT(INIT, SHAPE, VARIANCE, UNIFORM) random_check_init(INIT, SHAPE, VARIANCE, UNIFORM, __LINE__)
    RANDOM_INIT(DC_GLOROT, DC_SHAPE(100, 300), 2.0 / 400, true);
    RANDOM_INIT(DC_GLOROT_NORMAL, DC_SHAPE(100, 300), 2.0 / 400, false);
    RANDOM_INIT(DC_HE, DC_SHAPE(100, 300), 2.0 / 100, true);
    RANDOM_INIT(DC_HE_NORMAL, DC_SHAPE(100, 300), 2.0 / 100, false);
    RANDOM_INIT(DC_LECUN, DC_SHAPE(100, 300), 1.0 / 100, true);
    RANDOM_INIT(DC_LECUN_NORMAL, DC_SHAPE(100, 300), 1.0 / 100, false);
    RANDOM_INIT(DC_GLOROT, DC_SHAPE(3, 3, 40, 60), 2.0 / (9 * 40 + 9 * 60), true);       /* A convolution's fans. */
    RANDOM_INIT(DC_HE_NORMAL, DC_SHAPE(3, 3, 40, 60), 2.0 / (9 * 40), false);
    RANDOM_INIT(DC_LECUN, DC_SHAPE(5, 40, 60), 1.0 / (5 * 40), true);
    dc_context *ctx = dc_new(1);
    dc_tensor *zeros = dc_param(ctx, DC_ZEROS, 2, 2), *ones = dc_param(ctx, DC_ONES, 3);
    for (int i = 0; i < 4; i++) CHECK(zeros->data[i] == 0);
    for (int i = 0; i < 3; i++) CHECK(ones->data[i] == 1);
    CHECK(isfinite(dc_item(dc_sum(dc_param(ctx, DC_HE, 7)))));
    CHECK(isfinite(dc_item(dc_sum(dc_param_shaped(ctx, DC_GLOROT, DC_SCALAR)))));
    CHECK(dc_param(ctx, DC_GLOROT, 0, 5)->size == 0 && dc_param(ctx, DC_HE, 5, 0)->size == 0);
    dc_tensor *from = dc_param_from(ctx, DC_SHAPE(2), (dc_real[]){ 1, 2 });
    CHECK(from->data[1] == 2 && from->needs_grad);
    dc_free(ctx);
}

/* --- dropout --- */

TEST(random_dropout_rate_and_scale)
{
    dc_context *ctx = dc_new(1);
    enum { N = 100000 };
    dc_set_training(ctx, true);
    dc_tensor *x = dc_param(ctx, DC_ONES, N);
    for (int tenth = 1; tenth < 10; tenth++) {
        dc_mark mark = dc_begin(ctx);
        dc_real rate = (dc_real)tenth / 10, scale = 1 / (1 - rate);
        dc_tensor *y = dc_dropout_op(x, rate);
        int dropped = 0, other = 0;
        for (int i = 0; i < N; i++) dropped += y->data[i] == 0, other += y->data[i] != 0 && y->data[i] != scale;
        CHECK(other == 0);
        CHECK_NEAR((double)dropped / N, (double)rate, 5 * sqrt((double)rate * (1 - (double)rate) / N));
        dc_zero_grad(x);
        dc_backward(dc_sum(y));                     /* The same mask on the way back. */
        CHECK(memcmp(x->grad, y->data, N * sizeof(dc_real)) == 0);
        dc_end(ctx, mark);
    }
    dc_free(ctx);
}

/* Whether an element is dropped depends on its place alone, not on how many stand behind it. */
TEST(random_dropout_does_not_depend_on_the_batch)
{
    dc_context *a = dc_new(2), *b = dc_new(2);
    dc_set_training(a, true), dc_set_training(b, true);
    dc_tensor *small = dc_dropout_op(dc_ones(a, DC_SHAPE(1, 37)), DC__C(0.5));
    dc_tensor *large = dc_dropout_op(dc_ones(b, DC_SHAPE(64, 37)), DC__C(0.5));
    CHECK(random_same(small, large, 37));
    int equal = 0;                                  /* But rows have masks of their own. */
    for (int row = 1; row < 64; row++)
        for (int j = 0; j < 37; j++) equal += large->data[j] == large->data[row * 37 + j];
    CHECK_NEAR(equal / (63.0 * 37), 0.5, 0.1);
    dc_free(a), dc_free(b);
}

TEST(random_dropout_has_a_mask_a_call_and_a_step)
{
    dc_context *ctx = dc_new(2);
    dc_set_training(ctx, true);
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(100)), *w = dc_param(ctx, DC_ONES, 1);
    dc_tensor *first = dc_dropout_op(x, DC__C(0.5)), *second = dc_dropout_op(x, DC__C(0.5));
    CHECK(!random_same(first, second, 100));
    dc_optimizer *sgd = dc_optimize(ctx, dc_sgd(0.1));
    dc_backward(dc_sum(w));
    dc_step(sgd);
    dc_tensor *third = dc_dropout_op(x, DC__C(0.5));
    CHECK(!random_same(first, third, 100) && !random_same(second, third, 100));
    dc_free(ctx);
}

TEST(random_dropout_takes_the_words_of_its_stream)
{
    dc_context *ctx = dc_new(11);
    dc__random r = dc__stream(ctx, DC__FOR_DROPOUT, 3, 4, 5);
    enum { N = 1000 };
    dc_real x[N], y[N], keep[N], dx[N] = { 0 };
    for (int i = 0; i < N; i++) x[i] = (dc_real)(i + 1);
    ctx->kernels->dropout(64, N, &r, DC__C(0.25), x, y, keep);
    ctx->kernels->dropout_backward(N, keep, x, dx);
    int wrong = 0;
    for (int i = 0; i < N; i++) {
        bool drop = (double)(dc__bits_at(&r, (uint64_t)i + 64) >> 8) / (1 << 24) < 0.25;
        wrong += (y[i] == 0) != drop || (keep[i] == 0) != drop || dx[i] != y[i];
    }
    CHECK(wrong == 0);
    dc_free(ctx);
}
