/* Solutions of chapter 9, overfitting and what helps.
 *
 * cc -O2 tutorials/solutions/09_regularise.c -o build/solutions_09_regularise -lm
 * options: --seed N (1), --data DIR (examples/data/mnist)
 *
 * expected: exercise1_mean_error <= 0.05
 * expected: exercise2_few_points >= 0.3
 * expected: exercise2_many_points <= 0.06
 * expected: exercise3_train_accuracy >= 0.99
 * expected: exercise3_test_accuracy <= 0.16
 * expected: exercise4_optimism >= 0.01 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

enum { TERMS = 10 };
static dc_context *ctx;

/* Each value is lost with probability `rate`; the others grow, so that the mean stays. */
static void drop_out(double *a, int count, double rate)
{
    static uint32_t state = 1;
    for (int i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;               /* a small random number generator */
        a[i] = state / 4294967296.0 < rate ? 0 : a[i] / (1 - rate);
    }
}

static void exercise_1(void)
{
    enum { COUNT = 10000 };
    static double a[COUNT];
    double worst = 0;
    printf("Exercise 1: dropout of 10,000 ones\n");
    for (int tenths = 2; tenths <= 8; tenths += 3) {
        double rate = tenths / 10.0, sum = 0;
        int lost = 0;
        for (int i = 0; i < COUNT; i++) a[i] = 1;
        drop_out(a, COUNT, rate);
        for (int i = 0; i < COUNT; i++) sum += a[i], lost += a[i] <= 0;
        dc_set_training(ctx, true);
        dc_tensor *y = dc_dropout_op(dc_ones(ctx, DC_SHAPE(COUNT)), (dc_real)rate);
        dc_set_training(ctx, false);
        printf("rate %.1f   lost %.3f   kept %.2f each   mean %.3f   mean by deepc %.3f\n", rate,
               lost / (double)COUNT, 1 / (1 - rate), sum / COUNT, (double)dc_item(dc_mean(y)));
        worst = fmax(worst, fabs(sum / COUNT - 1));
        worst = fmax(worst, fabs((double)dc_item(dc_mean(y)) - 1));
    }
    printf("RESULT exercise1_mean_error=%.4f\n\n", worst);
}

static double curve(const double *w, double x)
{
    double sum = 0;
    for (int j = 0; j < TERMS; j++) sum += w[j] * pow(x / 3, j);
    return sum;
}

static double mse(const double *w, dc_batch data)
{
    double sum = 0;
    for (int i = 0; i < data.size; i++) sum += pow(curve(w, data.x->data[i]) - data.y->data[i], 2);
    return sum / (double)data.size;
}

/* The polynomial of degree 9 with the smallest mse, as in the chapter. */
static void fit(double *w, dc_batch data)
{
    double a[TERMS][TERMS + 1] = { { 0 } };
    for (int j = 0; j < TERMS; j++)
        for (int i = 0; i < data.size; i++) {
            double u = data.x->data[i] / 3, share = pow(u, j) / (double)data.size;
            for (int k = 0; k < TERMS; k++) a[j][k] += share * pow(u, k);
            a[j][TERMS] += share * data.y->data[i];
        }
    for (int j = 0; j < TERMS; j++)
        for (int row = 0; row < TERMS; row++) {
            double factor = row == j ? 0 : a[row][j] / a[j][j];
            for (int k = j; k <= TERMS; k++) a[row][k] -= factor * a[j][k];
        }
    for (int j = 0; j < TERMS; j++) w[j] = a[j][TERMS] / a[j][j];
}

/* The noise has the variance 0.04: about that is the least error that fresh points allow. */
static void exercise_2(void)
{
    static const int points[] = { 14, 30, 100, 1000 };
    dc_batch fresh = dc_all(dc_make_sine(ctx, 1000, 0.2f));
    double w[TERMS], error[4];
    printf("Exercise 2: degree 9 without decay, and more points\n");
    for (int i = 0; i < 4; i++) {
        dc_batch data = dc_all(dc_make_sine(ctx, points[i], 0.2f));
        fit(w, data);
        error[i] = mse(w, fresh);
        printf("%4d points   training %.4f   fresh points %.4f\n", points[i], mse(w, data),
               error[i]);
    }
    printf("RESULT exercise2_few_points=%.4f\nRESULT exercise2_many_points=%.4f\n\n", error[0],
           error[3]);
}

static dc_model *trained(dc_dataset *data, int epochs)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
        dc_dense(128, DC_RELU), dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    dc_fit(model, data, (dc_fit_options){ .epochs = epochs, .batch_size = 50, .quiet = true });
    return model;
}

/* The labels are dealt out anew, at random: nothing about an image says which it gets. */
static void exercise_3(dc_dataset *small, dc_dataset *test)
{
    dc_batch all = dc_all(small);
    dc_tensor *dealt = dc_gather(all.y, dc_permutation(ctx, all.size));
    dc_dataset *mixed = dc_from_arrays(ctx, all.size, DC_SHAPE(28, 28, 1), all.x->data, DC_SCALAR,
                                       dealt->data, 10);
    dc_model *model = trained(mixed, 100);
    double known = dc_evaluate(model, mixed).accuracy, unseen = dc_evaluate(model, test).accuracy;
    printf("Exercise 3: labels without meaning\n");
    printf("after 100 epochs: training %.4f, test %.4f\n", known, unseen);
    printf("RESULT exercise3_train_accuracy=%.4f\nRESULT exercise3_test_accuracy=%.4f\n\n", known,
           unseen);
}

/* Twenty networks that differ in their first weights only. The winner on 100 images was also
 * lucky on these 100 images, and luck does not carry over. */
static void exercise_4(dc_dataset *small, dc_dataset *tiny, dc_dataset *test)
{
    double best = 0, of_best = 0, mean = 0;
    for (int i = 0; i < 20; i++) {
        dc_model *model = trained(small, 8);
        double accuracy = dc_evaluate(model, tiny).accuracy;
        mean += accuracy / 20;
        if (accuracy > best) best = accuracy, of_best = dc_evaluate(model, test).accuracy;
    }
    printf("Exercise 4: the best of 20, chosen by 100 images\n"
           "on these images: mean %.4f, best %.4f; the best on the test images: %.4f\n", mean, best,
           of_best);
    printf("RESULT exercise4_optimism=%.4f\n", best - mean);
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
    exercise_3(dc_take(all, 0, 1000), test);
    exercise_4(dc_take(all, 0, 1000), dc_take(all, 10000, 10100), test);
    dc_free(ctx);
}
