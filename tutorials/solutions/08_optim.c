/* Solutions of chapter 8, optimisers and schedules.
 *
 * cc -O2 tutorials/solutions/08_optim.c -o build/solutions_08_optim -lm
 * options: --seed N (1)
 *
 * expected: exercise1_loss_as_printed >= 1000000
 * expected: exercise1_difference <= 0.000001
 * expected: exercise2_momentum_difference <= 5
 * expected: exercise2_adam_turned <= 200
 * expected: exercise2_rmsprop_turned >= 1000
 * expected: exercise3_difference <= 0.000001
 * expected: exercise3_steps <= 300
 * expected: exercise4_difference <= 0.000001
 * expected: exercise4_with_batch_norm >= 0.001 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

enum { STEPS = 1000 };

static double loss(const double w[2]) { return 0.5 * w[0] * w[0] + 50 * w[1] * w[1]; }

/* As printed: D = alpha D + beta g, with alpha "the learning rate", beta "the decay factor", and
 * then W = W + D. Repaired: D = mu D - eta g, W = W + D. */
static void exercise_1(void)
{
    double w[2] = { -4, 1 }, d[2] = { 0, 0 };
    printf("Exercise 1: the momentum step as it is often printed\n");
    for (int t = 0; t < 5; t++) {
        printf("step %d   loss %.4g\n", t, loss(w));
        double g[2] = { w[0], 100 * w[1] };
        for (int i = 0; i < 2; i++) d[i] = 0.0075 * d[i] + 0.9 * g[i], w[i] += d[i];
    }
    double printed = loss(w), a[2] = { -4, 1 }, b[2] = { -4, 1 }, v[2] = { 0, 0 }, most = 0;
    d[0] = d[1] = 0;
    for (int t = 0; t < 200; t++)
        for (int i = 0; i < 2; i++) {
            d[i] = 0.9 * d[i] - 0.0075 * (i ? 100 : 1) * a[i], a[i] += d[i];
            v[i] = 0.9 * v[i] + (i ? 100 : 1) * b[i], b[i] -= 0.0075 * v[i];
            most = fmax(most, fabs(a[i] - b[i]));
        }
    printf("repaired, after 200 steps: loss %.4g, at most %.1g from the chapter's momentum\n",
           loss(a), most);
    printf("RESULT exercise1_loss_as_printed=%.0f\n", printed);
    printf("RESULT exercise1_difference=%.9f\n", most);
}

/* The valley turned by `angle`, from a point that is (-4.3, 1.3) before the turn, which is not the
 * chapter's start, so the counts at 0 degrees differ a little. Returns after how many steps the
 * loss is 1e-6 or less for good. */
static int walk(dc_context *ctx, dc_optimizer_spec spec, double angle)
{
    double c = cos(angle), s = sin(angle);
    dc_tensor *turn = dc_from(ctx, DC_SHAPE(2, 2),
                              (dc_real[]){ (dc_real)c, (dc_real)s, (dc_real)-s, (dc_real)c });
    dc_tensor *half = dc_from(ctx, DC_SHAPE(2), (dc_real[]){ 0.5f, 50 });
    dc_tensor *w = dc_param_from(ctx, DC_SHAPE(1, 2),
        (dc_real[]){ (dc_real)(-4.3 * c + 1.3 * s), (dc_real)(4.3 * s + 1.3 * c) });
    dc_optimizer *o = dc_optimize_these(ctx, spec, DC_TENSORS(w));
    int steps = 0;
    for (int t = 0; t < STEPS; t++) {
        dc_mark mark = dc_begin(ctx);
        dc_tensor *l = dc_sum(dc_mul(half, dc_square(dc_matmul(w, turn))));
        if (!((double)dc_item(l) <= 1e-6)) steps = t + 1;
        dc_backward(l);
        dc_step(o);
        dc_end(ctx, mark);
    }
    return steps;
}

/* The fewest steps over the chapter's 33 rates. */
static int fewest(dc_context *ctx, dc_optimizer_spec spec, double angle)
{
    int least = STEPS;
    for (spec.rate = 1; spec.rate > 1e-4; spec.rate *= 0.75) {
        int steps = walk(ctx, spec, angle);
        if (steps < least) least = steps;
    }
    return least;
}

/* Descent and momentum add gradients, and a turn changes nothing in a sum. RMSprop divides weight
 * by weight. At 45 degrees the steep direction fills the gradients of both weights alike, so that
 * dividing no longer tells the directions apart. Adam divides too, but it also adds up. */
static void exercise_2(dc_context *ctx)
{
    const char *name[4] = { "descent", "momentum", "rmsprop", "adam" };
    dc_optimizer_spec spec[4] = { dc_sgd(1), dc_momentum(1, 0.9), dc_rmsprop(1), dc_adam(1) };
    spec[2].rho = 0.9, spec[2].schedule = dc_exponential_decay(0.97);
    int steps[4][4];
    printf("\nExercise 2: the valley turned (%d: it does not arrive)\n", STEPS);
    printf("degrees      0    15    30    45\n");
    for (int k = 0; k < 4; k++) {
        printf("%-8s", name[k]);
        for (int a = 0; a < 4; a++)
            printf(" %5d", steps[k][a] = fewest(ctx, spec[k], a * 3.14159265358979 / 12));
        printf("\n");
    }
    printf("RESULT exercise2_momentum_difference=%d\n", abs(steps[1][3] - steps[1][0]));
    printf("RESULT exercise2_adam_turned=%d\n", steps[3][3]);
    printf("RESULT exercise2_rmsprop_turned=%d\n", steps[2][3]);
}

/* Up in 20 steps, down to 0 along half a cosine in 280. */
static void exercise_3(dc_context *ctx)
{
    dc_schedule schedule = dc_with_warmup(dc_cosine_decay(280, 0), 20);
    double most = 0;
    printf("\nExercise 3: a cosine with a warm-up\n");
    for (int t = 0; t < 300; t++) {
        double down = 0.5 * (1 + cos(3.14159265358979 * (t - 20) / 280.0));
        double by_hand = t < 20 ? (t + 1) / 20.0 : down;
        most = fmax(most, fabs(by_hand - dc_schedule_at(schedule, t)));
        if (t % 50 == 0) printf("step %3d   by hand %.4f   dc_schedule_at %.4f\n", t, by_hand,
                                dc_schedule_at(schedule, t));
    }
    dc_optimizer_spec spec = dc_rmsprop(1);
    spec.rho = 0.9, spec.schedule = schedule;
    int steps = fewest(ctx, spec, 0);
    printf("RMSprop with it: %d steps\n", steps);
    printf("RESULT exercise3_difference=%.9f\n", most);
    printf("RESULT exercise3_steps=%d\n", steps);
}

/* [twins] */
static dc_model *twin(uint64_t seed, bool batch_norm, int batch_size, int accumulate)
{
    dc_context *ctx = dc_new(seed);                         /* equal digits, equal first weights */
    dc_layer_spec middle = batch_norm ? dc_batch_norm() : dc_activation_layer(DC_LINEAR);
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
        dc_dense(32, DC_RELU), middle, dc_dense(10, DC_LINEAR)));
    dc_optimizer_spec spec = dc_sgd(0.1);
    spec.accumulate = accumulate;                           /* 4: a step at every 4th dc_step */
    dc_compile(model, DC_CROSS_ENTROPY, spec);
    dc_fit(model, dc_make_digits(ctx, 640),
           (dc_fit_options){ .batch_size = batch_size, .quiet = true });
    return model;
}
/* [/twins] */

/* How far the weights of the first layer are apart. */
static double apart(uint64_t seed, bool batch_norm)
{
    dc_tensor *a = dc_find(twin(seed, batch_norm, 64, 1), "dense_1.weight");
    dc_tensor *b = dc_find(twin(seed, batch_norm, 16, 4), "dense_1.weight");
    double most = 0;
    for (int64_t i = 0; i < a->size; i++)
        most = fmax(most, fabs((double)(a->data[i] - b->data[i])));
    dc_free(a->ctx), dc_free(b->ctx);
    return most;
}

static void exercise_4(uint64_t seed)
{
    double plain = apart(seed, false), normed = apart(seed, true);
    printf("\nExercise 4: ten steps with batches of 64, and with 4 x 16 accumulated\n");
    printf("the weights differ by at most %.1e; with batch normalisation by %.1e\n", plain, normed);
    printf("RESULT exercise4_difference=%.9f\n", plain);
    printf("RESULT exercise4_with_batch_norm=%.4f\n", normed);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 2 && !strcmp(argv[1], "--seed") ? strtoull(argv[2], NULL, 10) : 1;
    dc_context *ctx = dc_new(seed);
    exercise_1();
    exercise_2(ctx);
    exercise_3(ctx);
    exercise_4(seed);
    dc_free(ctx);
}
