/* Solutions of chapter 10, deep networks.
 *
 * cc -O2 tutorials/solutions/10_deep.c -o build/solutions_10_deep -lm
 * options: --seed N (1), --data DIR (examples/data/mnist)
 *
 * expected: exercise1_at_1_0 <= 0.01
 * expected: exercise1_at_1_4 >= 0.1
 * expected: exercise1_at_1_4 <= 10
 * expected: exercise1_at_2_0 >= 100
 * expected: exercise2_difference <= 1e-5
 * expected: exercise3_different_units == 1
 * expected: exercise3_equal_accuracy <= 0.5
 * expected: exercise3_random_accuracy >= 0.8
 * expected: exercise4_difference <= 1e-5 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

enum { LAYERS = 20, WIDTH = 64 };
static dc_context *ctx;

static double size(const double *a)
{
    double sum = 0;
    for (int i = 0; i < WIDTH; i++) sum += a[i] * a[i] / WIDTH;
    return sqrt(sum);
}

/* Weights with deviation c / sqrt(64), for several c: how large are the values after 20 layers? */
static void exercise_1(void)
{
    static const double c[] = { 1, 1.2, 1.41421356, 1.6, 2 };
    double grown[5];
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(WIDTH), 0, 1), *w[LAYERS];
    for (int l = 0; l < LAYERS; l++) w[l] = dc_normal(ctx, DC_SHAPE(WIDTH, WIDTH), 0, 1);
    printf("Exercise 1: how a signal grows in 20 layers of ReLU\n");
    for (int k = 0; k < 5; k++) {
        double a[WIDTH], next[WIDTH];
        for (int i = 0; i < WIDTH; i++) a[i] = x->data[i];
        double before = size(a);
        for (int l = 0; l < LAYERS; l++) {
            for (int j = 0; j < WIDTH; j++) {
                double z = 0;
                for (int i = 0; i < WIDTH; i++)
                    z += a[i] * w[l]->data[i * WIDTH + j] * c[k] / sqrt(WIDTH);
                next[j] = fmax(z, 0);
            }
            memcpy(a, next, sizeof a);
        }
        grown[k] = size(a) / before;
        printf("c = %.3f   size after / size before = %.4f\n", c[k], grown[k]);
    }
    printf("RESULT exercise1_at_1_0=%.6f\nRESULT exercise1_at_1_4=%.4f\n", grown[0], grown[2]);
    printf("RESULT exercise1_at_2_0=%.1f\n\n", grown[4]);
}

/* Batch norm of 8 samples with 3 features: y = (x - mean) / sqrt(variance + epsilon). */
static void exercise_2(void)
{
    enum { N = 8, F = 3 };
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(N, F), 5, 2);
    dc_tensor *mean = dc_zeros(ctx, DC_SHAPE(F)), *variance = dc_ones(ctx, DC_SHAPE(F));
    dc_set_training(ctx, true);
    dc_tensor *y = dc_batch_norm_op(x, dc_ones(ctx, DC_SHAPE(F)), dc_zeros(ctx, DC_SHAPE(F)), mean,
                                    variance, 0.1f, 1e-5f);
    dc_set_training(ctx, false);
    double worst = 0;
    printf("Exercise 2: batch norm by hand\n");
    for (int j = 0; j < F; j++) {
        double m = 0, v = 0;
        for (int i = 0; i < N; i++) m += x->data[i * F + j] / N;
        for (int i = 0; i < N; i++) v += pow(x->data[i * F + j] - m, 2) / N;
        for (int i = 0; i < N; i++) {
            double by_hand = (x->data[i * F + j] - m) / sqrt(v + 1e-5);
            worst = fmax(worst, fabs(by_hand - y->data[i * F + j]));
        }
        printf("feature %d: mean %.4f, variance %.4f; the running mean is now %.4f\n", j, m, v,
               (double)mean->data[j]);
    }
    printf("RESULT exercise2_difference=%.2e\n\n", worst);
}

/* How many of the 16 hidden units have weights of their own? */
static int different_units(const dc_tensor *w)
{
    int different = 0;
    for (int j = 0; j < 16; j++) {
        bool is_new = true;
        for (int k = 0; k < j && is_new; k++) {
            int equal = 0;
            for (int i = 0; i < 784; i++)
                equal += !memcmp(&w->data[i * 16 + j], &w->data[i * 16 + k], sizeof *w->data);
            is_new = equal < 784;
        }
        different += is_new;
    }
    return different;
}

/* All weights 0.01: every unit computes the same, gets the same gradient, and stays the same. */
static void exercise_3(dc_dataset *train, dc_dataset *test)
{
    double accuracy[2];
    int different[2];
    printf("Exercise 3: equal weights stay equal\n");
    for (int equal = 1; equal >= 0; equal--) {
        dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
            dc_dense(16, DC_TANH), dc_dense(10, DC_LINEAR)));
        dc_tensors p = dc_params(model);
        for (int i = 0; equal && i < p.count; i++)
            dc_write(p.tensor[i], dc_full(ctx, p.tensor[i]->shape, 0.01f)->data);
        dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
        dc_fit(model, train, (dc_fit_options){ .epochs = 3, .batch_size = 50, .quiet = true });
        accuracy[equal]  = dc_evaluate(model, test).accuracy;
        different[equal] = different_units(dc_find(model, "dense_1.weight"));
        printf("%-7s at the start: %2d different units, test accuracy %.4f\n",
               equal ? "equal" : "random", different[equal], accuracy[equal]);
    }
    printf("RESULT exercise3_different_units=%d\n", different[1]);
    printf("RESULT exercise3_equal_accuracy=%.4f\nRESULT exercise3_random_accuracy=%.4f\n\n",
           accuracy[1], accuracy[0]);
}

/* One clipped step by hand, and by clip_norm. */
static void exercise_4(void)
{
    enum { N = 6 };
    const double rate = 0.1, limit = 1;
    dc_tensor *w = dc_param(ctx, DC_ONES, N), *x = dc_normal(ctx, DC_SHAPE(N), 0, 10);
    dc_optimizer_spec clipped = dc_sgd(rate);
    clipped.clip_norm = limit;
    dc_optimizer *sgd = dc_optimize_these(ctx, clipped, DC_TENSORS(w));
    dc_backward(dc_sum(dc_square(dc_mul(x, w))));           /* dL/dw = 2 x^2 w: large */

    double by_hand[N], sum = 0, worst = 0;
    for (int i = 0; i < N; i++) by_hand[i] = 2 * pow(x->data[i], 2) * w->data[i];
    for (int i = 0; i < N; i++) sum += by_hand[i] * by_hand[i];
    double norm = sqrt(sum), scale = norm > limit ? limit / norm : 1;
    printf("Exercise 4: clipping by hand\n");
    printf("length of the gradient %.3f, by deepc %.3f; scaled by %.6f\n", norm, dc_grad_norm(sgd),
           scale);
    for (int i = 0; i < N; i++) by_hand[i] = w->data[i] - rate * scale * by_hand[i];
    dc_step(sgd);
    for (int i = 0; i < N; i++) worst = fmax(worst, fabs(by_hand[i] - w->data[i]));
    printf("RESULT exercise4_difference=%.2e\n", worst);
}

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *all = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test = dc_load_mnist(ctx, folder, DC_TEST);
    if (!all || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    exercise_1();
    exercise_2();
    exercise_3(dc_take(all, 0, 5000), test);
    exercise_4();
    dc_free(ctx);
}
