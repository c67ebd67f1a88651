/* built: float double
 *
 * Optimisers and schedules against PyTorch, on recorded gradients (golden/optimizers.py), and what is said
 * about them in @optimizers. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include "golden/optimizers.h"

/* An op that stands for any loss: its value is 0 and its gradient is what we say. */
static dc_shape opt_recorded_shape(const dc_tensor *y) { return (void)y, DC_SCALAR; }
static void opt_recorded_forward(dc_tensor *y) { y->data[0] = 0; }

static void opt_recorded_backward(dc_tensor *y)
{
    const double *g = *(const double *const *)y->state;
    dc_real *dx = dc_grad_data(y->in[0]);
    for (int64_t i = 0; dx && i < y->in[0]->size; i++) dx[i] += (dc_real)g[i];
}

static const dc_op opt_recorded = {
    .name = "recorded", .shape = opt_recorded_shape,
    .forward = opt_recorded_forward, .backward = opt_recorded_backward,
};

/* Gives p this gradient, by a backward pass, and lets the optimiser step (NULL: not). */
static void opt_feed(dc_tensor *p, const double *g, dc_optimizer *o)
{
    dc_mark mark = dc_begin(p->ctx);
    dc_backward(dc_apply(&opt_recorded, DC_TENSORS(p), &g, sizeof g));
    if (o) dc_step(o);
    dc_end(p->ctx, mark);
}

static dc_tensor *opt_param(dc_context *ctx, dc_shape shape, const double *values)
{
    dc_real start[64];
    int64_t n = 1;
    for (int i = 0; i < shape.rank; i++) n *= shape.dim[i];
    for (int64_t i = 0; i < n; i++) start[i] = (dc_real)values[i];
    return dc_param_from(ctx, shape, start);
}

/* --- against PyTorch --- */

static dc_optimizer_spec opt_golden_spec(const char *name)
{
#define OPT_SPEC(NAME, MAKE, CHANGE) \
    if (!strcmp(name, #NAME)) { \
        dc_optimizer_spec s = MAKE; \
        CHANGE \
        return s; \
    }
    GOLDEN_STEPS(OPT_SPEC)
#undef OPT_SPEC
    abort();
}

/* The worst |w - PyTorch's| / max(1, |w|) of one row of golden numbers. */
static double opt_difference(const dc_tensor *a, const dc_tensor *b, const double *expected)
{
    double worst = 0;
    for (int i = 0; i < 10; i++) {
        double w = (double)(i < 6 ? a->data[i] : b->data[i - 6]);
        double e = fabs(w - expected[i]) / fmax(1, fabs(expected[i]));
        worst = e > worst || e != e ? e : worst;
    }
    return worst;
}

static double opt_worst_error(int k, const char *device)
{
    dc_context *ctx = dc_new_with(1, &(dc_options){ .device = device });
    dc_tensor *a = opt_param(ctx, DC_SHAPE(3, 2), golden_start[0]);
    dc_tensor *b = opt_param(ctx, DC_SHAPE(4), golden_start[0] + 6);
    dc_optimizer *o = dc_optimize(ctx, opt_golden_spec(golden_steps[k].name));
    if (!strcmp(golden_steps[k].name, "groups")) dc_set_group(o, DC_TENSORS(b), 3, 0);
    double worst = 0;
    for (int t = 1, shown = 0; t <= 50; t++) {
        opt_feed(a, golden_gradient[t - 1], NULL);
        opt_feed(b, golden_gradient[t - 1] + 6, o);
        if (t != 1 && t != 2 && t != 10 && t != 50) continue;
        const double *expected = sizeof(dc_real) == sizeof(double) ? golden_steps[k].in_double[shown]
                                                                   : golden_steps[k].in_float[shown];
        double e = opt_difference(a, b, expected);
        worst = e > worst || e != e ? e : worst;
        shown++;
    }
    dc_free(ctx);
    return worst;
}

TEST(optimizers_are_pytorchs)
{
    const double tolerance = sizeof(dc_real) == sizeof(double) ? 1e-12 : 1e-6;
    for (int k = 0; k < (int)(sizeof golden_steps / sizeof *golden_steps); k++) {
        double plain = opt_worst_error(k, "reference"), fast = opt_worst_error(k, NULL);
        if (getenv("OPT_SHOW")) printf("%-18s %.2e\n", golden_steps[k].name, plain);
        if (!CHECK_NEAR(plain, 0, tolerance)) printf("    %s\n", golden_steps[k].name);
        CHECK_BITS(plain, fast);
    }
}

TEST(schedules_are_pytorchs)
{
    const double tolerance = sizeof(dc_real) == sizeof(double) ? 1e-12 : 1e-6;
    double worst = 0;
#define OPT_SCHEDULE(K, MAKE) \
    for (size_t i = 0; i < sizeof golden_schedule_##K / sizeof *golden_schedule_##K; i++) { \
        const double *row = golden_schedule_##K[i], got = dc_schedule_at(MAKE, (int64_t)row[0]); \
        if (!CHECK_NEAR(got, row[1], tolerance)) printf("    " #MAKE " at %g\n", row[0]); \
        worst = fmax(worst, fabs(got - row[1])); \
    }
    GOLDEN_SCHEDULES(OPT_SCHEDULE)
#undef OPT_SCHEDULE
    if (getenv("OPT_SHOW")) printf("schedules          %.2e\n", worst);
}

TEST(reduce_on_plateau_is_pytorchs)
{
    dc_context *ctx = dc_new(1);
    dc_param(ctx, DC_ZEROS, 1);
    dc_optimizer_spec s = dc_sgd(1);
    s.schedule = dc_reduce_on_plateau(0.5, 2);
    dc_optimizer *o = dc_optimize(ctx, s), *constant = dc_optimize(ctx, dc_sgd(1));
    for (int i = 0; i < 17; i++) {
        dc_plateau(o, golden_plateau[0][i]);
        dc_plateau(constant, golden_plateau[0][i]);
        CHECK_NEAR(dc_rate(o), golden_plateau[1][i], 0);
        CHECK_NEAR(dc_rate(constant), 1, 0);
    }
    dc_free(ctx);
}

/* --- schedules --- */

TEST(schedules_stay_at_their_end)
{
    CHECK_NEAR(dc_schedule_at((dc_schedule){ 0 }, 1000000), 1, 0);
    CHECK_NEAR(dc_schedule_at(dc_cosine_decay(50, 0.1), 51), 0.1, 0);
    CHECK_NEAR(dc_schedule_at(dc_polynomial_decay(50, 2, 0.25), 1000), 0.25, 0);
    CHECK_NEAR(dc_schedule_at(dc_polynomial_decay(50, 2, 0.25), 25), 0.25 + 0.75 / 4, 1e-15);
    CHECK_NEAR(dc_schedule_at(dc_one_cycle(100), 1000), 1.0 / 250000, 0);
    CHECK_NEAR(dc_schedule_at(dc_reduce_on_plateau(0.5, 2), 1000), 1, 0);
    CHECK_NEAR(dc_schedule_at(dc_with_warmup(dc_cosine_decay(50, 0), 10), 35),
               dc_schedule_at(dc_cosine_decay(50, 0), 25), 0);
    CHECK_NEAR(dc_schedule_at(dc_with_warmup(dc_one_cycle(100), 10), 4), 0.5 / 25, 1e-12);
    CHECK_NEAR(dc_schedule_at(dc_exponential_decay(0.5), -3), 1, 0);
    CHECK_NEAR(dc_schedule_at(dc_exponential_decay(0.5), INT64_MAX), 0, 0);
}

TEST(schedules_start_at_one_and_keep_their_digits)
{
    CHECK_NEAR(dc_schedule_at(dc_cosine_decay(50, 0), 0), 1, 0);
    CHECK_NEAR(dc_schedule_at(dc_polynomial_decay(50, 0.9, 0), 0), 1, 0);
    /* (1 + cos(pi x)) / 2 near x = 1 is (pi (1 - x) / 2)^2: relative accuracy, not absolute. */
    double x = 3.14159265358979 / 2e6;
    CHECK_NEAR(dc_schedule_at(dc_cosine_decay(1000000, 0), 999999) / (x * x), 1, 1e-6);
}

TEST(a_schedule_sees_the_updates_made)
{
    dc_context *ctx = dc_new(1);
    const double g[1] = { 1 };
    dc_tensor *p = dc_param(ctx, DC_ZEROS, 1);
    dc_optimizer_spec s = dc_sgd(0.5);
    s.schedule = dc_step_decay(1, 0.5), s.accumulate = 2;
    dc_optimizer *o = dc_optimize(ctx, s);
    const double expected[6] = { 0, -0.5, -0.5, -0.75, -0.75, -0.875 };
    for (int i = 0; i < 6; i++) {
        opt_feed(p, g, o);
        CHECK_NEAR(dc_item(p), expected[i], 0);
    }
    CHECK_NEAR(dc_rate(o), 0.0625, 0);
    dc_set_rate(o, 8);
    CHECK_NEAR(dc_rate(o), 1, 0);
    dc_free(ctx);
}

/* --- what dc_step does besides --- */

TEST(a_step_clears_gradients_and_counts)
{
    dc_context *ctx = dc_new(1);
    const double g[2] = { 3, 4 };
    dc_tensor *p = dc_param(ctx, DC_ONES, 2);
    dc_optimizer *o = dc_optimize(ctx, dc_sgd(0.5));
    CHECK_NEAR(dc_grad_norm(o), 0, 0);
    opt_feed(p, g, NULL);
    CHECK_NEAR(dc_grad_norm(o), 5, 0);
    opt_feed(p, g, NULL);
    CHECK_NEAR(dc_grad_norm(o), 10, 0);
    uint32_t version = p->version, steps = ctx->steps;
    dc_step(o);
    CHECK(p->version == version + 1 && ctx->steps == steps + 1 && ctx->calls == 0);
    CHECK(dc_grad(p) == NULL);
    CHECK_NEAR(dc_grad_norm(o), 0, 0);
    CHECK_NEAR(p->data[0], -2, 0);
    CHECK_NEAR(p->data[1], -3, 0);
    dc_free(ctx);
}

TEST(a_parameter_without_a_gradient_is_skipped)
{
    dc_context *ctx = dc_new(1);
    const double g[1] = { 1 };
    dc_tensor *used = dc_param(ctx, DC_ONES, 1), *unused = dc_param(ctx, DC_ONES, 1);
    dc_tensor *frozen = dc_param(ctx, DC_ONES, 1);
    dc_optimizer_spec s = dc_adam(0.1);
    s.weight_decay = 0.5, s.decoupled = true;          /* Would change a weight that is stepped. */
    dc_optimizer *o = dc_optimize(ctx, s);
    opt_feed(frozen, g, NULL);
    frozen->needs_grad = false;
    opt_feed(used, g, o);
    CHECK(dc_item(used) < 1);
    CHECK_NEAR(dc_item(unused), 1, 0);
    CHECK_NEAR(dc_item(frozen), 1, 0);
    CHECK(unused->version == 0 && frozen->version == 0);
    CHECK_NEAR(o->slot[1].state[0][0], 0, 0);
    frozen->needs_grad = true;
    CHECK(dc_grad(frozen) == NULL);                    /* A step forgets it all the same. */
    dc_free(ctx);
}

TEST(accumulating_four_batches_is_one_of_four_times_the_size)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(64, 3), 0, 1), *t = dc_normal(ctx, DC_SHAPE(64, 2), 0, 1);
    dc_tensor *w[2];
    dc_optimizer *o[2];
    for (int k = 0; k < 2; k++) {
        dc_optimizer_spec s = dc_adam(0.05);
        s.accumulate = k ? 4 : 0, s.clip_norm = 1;
        w[k] = dc_param(ctx, DC_ZEROS, 3, 2);
        o[k] = dc_optimize_these(ctx, s, DC_TENSORS(w[k]));
    }
    for (int step = 0; step < 10; step++)
        for (int k = 0; k < 2; k++)
            for (int part = 0; part < (k ? 4 : 1); part++) {
                dc_mark mark = dc_begin(ctx);
                int64_t first = part * 16, stop = k ? first + 16 : 64;
                dc_tensor *y = dc_matmul(dc_slice(x, 0, first, stop), w[k]);
                dc_backward(dc_mse(y, dc_slice(t, 0, first, stop)));
                dc_step(o[k]);
                dc_end(ctx, mark);
            }
    for (int i = 0; i < 6; i++) {
        CHECK(w[0]->data[i] > 0.001 || w[0]->data[i] < -0.001);
        CHECK_NEAR(w[1]->data[i], w[0]->data[i], sizeof(dc_real) == sizeof(double) ? 1e-12 : 1e-5);
    }
    dc_free(ctx);
}

TEST(clipping_lets_nan_through)
{
    dc_context *ctx = dc_new(1);
    const double g[2] = { NAN, 1 };
    dc_tensor *p = dc_param(ctx, DC_ONES, 2);
    dc_optimizer_spec s = dc_sgd(0.5);
    s.clip_value = 0.5;
    opt_feed(p, g, dc_optimize(ctx, s));
    CHECK(p->data[0] != p->data[0]);
    CHECK_NEAR(p->data[1], 0.75, 0);
    s.clip_norm = 1;                                   /* The norm is NaN: so is everything, as in PyTorch. */
    opt_feed(p, g, dc_optimize(ctx, s));
    CHECK(p->data[1] != p->data[1]);
    dc_free(ctx);
}

TEST(groups_have_their_own_rate_and_decay)
{
    dc_context *ctx = dc_new(1);
    const double g[1] = { 1 };
    dc_tensor *a = dc_param(ctx, DC_ONES, 1), *b = dc_param(ctx, DC_ONES, 1);
    dc_optimizer *o = dc_optimize(ctx, dc_sgd(0.25));
    dc_set_group(o, DC_TENSORS(b), 2, 0.5);
    opt_feed(a, g, NULL);
    opt_feed(b, g, o);
    CHECK_NEAR(dc_item(a), 0.75, 0);
    CHECK_NEAR(dc_item(b), 1 - 0.5 * 1.5, 0);
    dc_free(ctx);
}

TEST(two_optimizers_share_a_context)
{
    dc_context *ctx = dc_new(1);
    const double g[1] = { 1 };
    dc_tensor *a = dc_param(ctx, DC_ONES, 1), *b = dc_param(ctx, DC_ONES, 1);
    dc_optimizer *first = dc_optimize_these(ctx, dc_sgd(0.25), DC_TENSORS(a));
    dc_optimizer *second = dc_optimize_these(ctx, dc_sgd(0.5), DC_TENSORS(b));
    opt_feed(a, g, NULL);
    opt_feed(b, g, first);
    CHECK_NEAR(dc_item(a), 0.75, 0);
    CHECK_NEAR(dc_item(b), 1, 0);
    dc_step(second);                                   /* The first left b's gradient alone. */
    CHECK_NEAR(dc_item(b), 0.5, 0);
    dc_free(ctx);
}

/* --- kernels --- */

static const char *const opt_names[] = {
    "sgd", "momentum", "nesterov", "rmsprop", "rmsprop_momentum", "adagrad", "adam", "adamw",
};
enum { OPT_NAMES = sizeof opt_names / sizeof *opt_names };

static bool opt_is_denormal(dc_real x) { return fpclassify(x) == FP_SUBNORMAL; }

TEST(moments_fade_to_zero_without_getting_denormal)
{
    const double start[3] = { 1, 1, 1 }, g[3] = { 1e-15, -1e-17, 1e-30 }, none[3] = { 0 };
    for (int k = 0; k < OPT_NAMES; k++) {
        dc_context *ctx = dc_new(1);
        dc_tensor *p = opt_param(ctx, DC_SHAPE(3), start);
        dc_optimizer *o = dc_optimize(ctx, opt_golden_spec(opt_names[k]));
        int denormal = 0, left = 0;
        for (int t = 0; t < 12000; t++) {
            opt_feed(p, t < 5 ? g : none, o);
            left = 0;
            for (int s = 0; s < 3; s++)
                for (int i = 0; o->slot[0].state[s] && i < 3; i++) {
                    denormal += opt_is_denormal(o->slot[0].state[s][i]);
                    left += o->slot[0].state[s][i] < 0 || o->slot[0].state[s][i] > 0;
                }
        }
        const bool is_sum = !strcmp(opt_names[k], "adagrad");      /* Its sum of squares never fades. */
        if (!CHECK(denormal == 0 && (left == 0 || is_sum)))
            printf("    %s: %d denormals, %d moments left\n", opt_names[k], denormal, left);
        dc_free(ctx);
    }
}

/* The same steps on this device, for a length with a tail; the weights end in w. */
static void opt_many_steps(const char *name, const char *device, int n, dc_real *w)
{
    double g[131];
    dc_context *ctx = dc_new_with(1, &(dc_options){ .device = device });
    dc_tensor *p = dc_param(ctx, DC_ZEROS, n);
    for (int i = 0; i < n; i++) w[i] = (dc_real)(i % 7) - 3;
    dc_write(p, w);
    dc_optimizer_spec s = opt_golden_spec(name);
    s.weight_decay = 0.1, s.clip_norm = 3, s.clip_value = 0.4;
    dc_optimizer *o = dc_optimize(ctx, s);
    for (int t = 0; t < 20; t++) {
        for (int i = 0; i < n; i++) g[i] = (double)((t * 37 + i * 101) % 64 - 30) / 16;
        opt_feed(p, g, o);
    }
    dc_read(p, w);
    dc_free(ctx);
}

TEST(steps_are_the_same_bits_on_every_device)
{
    dc_real plain[131], fast[131];
    for (int k = 0; k < OPT_NAMES; k++)
        for (int n = 1; n <= 131; n += 26) {
            opt_many_steps(opt_names[k], "reference", n, plain);
            opt_many_steps(opt_names[k], NULL, n, fast);
            for (int i = 0; i < n; i++)
                if (!CHECK_BITS(plain[i], fast[i])) printf("    %s, %d of %d\n", opt_names[k], i, n);
        }
}

TEST(a_step_allocates_nothing)
{
    const double start[3] = { 1, 1, 1 }, g[3] = { 1, 2, 3 };
    dc_context *ctx = dc_new(1);
    dc_tensor *p = opt_param(ctx, DC_SHAPE(3), start);
    dc_optimizer *o = dc_optimize(ctx, dc_adam(0.1));
    for (int t = 0; t < 3; t++) {
        opt_feed(p, g, NULL);
        const dc__arena permanent = ctx->permanent, step = ctx->step;
        const size_t used = permanent.current->used, used_by_step = step.current->used;
        dc_step(o);
        CHECK(ctx->permanent.current == permanent.current && permanent.current->used == used);
        CHECK(ctx->step.current == step.current && step.current->used == used_by_step);
    }
    dc_free(ctx);
}

/* --- messages --- */

#define OPT_REFUSED(MAKE, CHANGE, MESSAGE) \
    do { \
        dc_optimizer_spec s = MAKE; \
        s.CHANGE; \
        EXPECT_FAIL(ctx, dc_optimize(ctx, s), MESSAGE); \
    } while (0)

TEST(bad_hyperparameters_are_refused)
{
    dc_context *ctx = dc_new(1);
    EXPECT_FAIL(ctx, dc_optimize(ctx, dc_sgd(0.1)),
                "dc_optimize: there is no parameter; make the model before its optimizer");
    dc_param(ctx, DC_ZEROS, 1);
    OPT_REFUSED(dc_sgd(0), nesterov = false, "dc_optimize: the rate is 0; it must be greater than 0");
    OPT_REFUSED(dc_sgd(-1), nesterov = false, "the rate is -1; it must be greater than 0");
    OPT_REFUSED(dc_sgd(NAN), nesterov = false, "the rate is nan; it must be greater than 0");
    OPT_REFUSED(dc_sgd(INFINITY), nesterov = false, "the rate is inf; it must be greater than 0");
    OPT_REFUSED(dc_sgd(1), momentum = 1, "momentum is 1; it must be in [0, 1)");
    OPT_REFUSED(dc_adam(1), beta1 = -0.5, "beta1 is -0.5; it must be in [0, 1)");
    OPT_REFUSED(dc_adam(1), beta2 = NAN, "beta2 is nan; it must be in [0, 1)");
    OPT_REFUSED(dc_rmsprop(1), rho = 1.5, "rho is 1.5; it must be in [0, 1)");
    OPT_REFUSED(dc_adam(1), epsilon = 0, "epsilon is 0; it must be at least 1e-16, for it is the divisor");
    OPT_REFUSED(dc_adam(1), weight_decay = -1, "weight_decay is -1; it must be 0 or more");
    OPT_REFUSED(dc_adam(1), clip_value = -1, "clip_value is -1; it must be greater than 0, or 0 for none");
    OPT_REFUSED(dc_adam(1), clip_norm = NAN, "clip_norm is nan; it must be greater than 0, or 0 for none");
    OPT_REFUSED(dc_adam(1), accumulate = -4, "accumulate is -4; it counts calls of dc_step");
    OPT_REFUSED(dc_sgd(1), nesterov = true, "nesterov looks ahead along the momentum, but that is 0");
    OPT_REFUSED(dc_sgd(1), name = "sdg", "there is no optimizer \"sdg\"; start from dc_sgd");
    OPT_REFUSED(dc_sgd(1), name = NULL, "there is no optimizer \"(NULL)\"");
    dc_free(ctx);
}

TEST(bad_schedules_are_refused)
{
    dc_context *ctx = dc_new(1);
    dc_param(ctx, DC_ZEROS, 1);
    OPT_REFUSED(dc_sgd(1), schedule = dc_step_decay(0, 0.5), "the schedule's steps are 0; they must be at");
    OPT_REFUSED(dc_sgd(1), schedule = dc_cosine_decay(-1, 0.5), "the schedule's steps are -1; they must");
    OPT_REFUSED(dc_sgd(1), schedule = dc_step_decay(9, 0), "the schedule's factor is 0; it must be greater");
    OPT_REFUSED(dc_sgd(1), schedule = dc_polynomial_decay(9, -1, 0), "the schedule's power is -1; it must");
    OPT_REFUSED(dc_sgd(1), schedule = dc_cosine_decay(9, -1), "the schedule's final is -1; it must be 0 or");
    OPT_REFUSED(dc_sgd(1), schedule = dc_with_warmup(dc_one_cycle(9), -2), "the warm-up's steps are -2");
    OPT_REFUSED(dc_sgd(1), schedule = dc_reduce_on_plateau(0.5, -1), "the schedule's patience is -1");
    OPT_REFUSED(dc_sgd(1), schedule.kind = 99, "there is no schedule of kind 99; use dc_cosine_decay");
    dc_free(ctx);
}

TEST(bad_lists_of_parameters_are_refused)
{
    dc_context *ctx = dc_new(1), *other = dc_new(2);
    dc_tensor *p = dc_param(ctx, DC_ZEROS, 1), *q = dc_param(ctx, DC_ZEROS, 1);
    dc_tensor *foreign = dc_param(other, DC_ZEROS, 1);
    const double zero[1] = { 0 }, *pointer = zero;
    dc_tensor *result = dc_apply(&opt_recorded, DC_TENSORS(p), &pointer, sizeof pointer);
    dc_mark mark = dc_begin(ctx);
    dc_tensor *gone = dc_zeros(ctx, DC_SHAPE(1));
    dc_end(ctx, mark);
    EXPECT_FAIL(ctx, dc_optimize_these(ctx, dc_sgd(1), DC_TENSORS(p, p)),
                "dc_optimize_these: parameter 2 is in the list twice");
    EXPECT_FAIL(ctx, dc_optimize_these(ctx, dc_sgd(1), DC_TENSORS(p, NULL)), "parameter 2 is NULL");
    EXPECT_FAIL(ctx, dc_optimize_these(ctx, dc_sgd(1), DC_TENSORS(foreign)),
                "parameter 1 is of another context");
    EXPECT_FAIL(ctx, dc_optimize_these(ctx, dc_sgd(1), DC_TENSORS(result)),
                "tensor 1 is the result of dc_recorded; it wants parameters (dc_param)");
    EXPECT_FAIL(ctx, dc_optimize_these(ctx, dc_sgd(1), DC_TENSORS(gone)), "is gone");
    dc_optimizer *o = dc_optimize_these(ctx, dc_sgd(1), DC_TENSORS(p));
    EXPECT_FAIL(ctx, dc_set_group(o, DC_TENSORS(q), 1, 0),
                "dc_set_group: parameter 1 is not one of this optimizer's");
    EXPECT_FAIL(ctx, dc_set_group(o, DC_TENSORS(p), -1, 0), "rate_factor is -1; it must be 0 or more");
    EXPECT_FAIL(ctx, dc_set_group(o, DC_TENSORS(p), 1, NAN), "weight_decay is nan; it must be 0 or more");
    EXPECT_FAIL(ctx, dc_set_rate(o, 0), "dc_set_rate: the rate is 0; it must be greater than 0");
    dc_free(ctx);
    dc_free(other);
}
