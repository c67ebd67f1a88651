/* Solutions of chapter 14, autoencoders. Draws build/autoencoder_sheet.png. Takes about 8 s.
 *
 * cc -O2 tutorials/solutions/14_autoencoder.c -o build/solutions_14_autoencoder -lm
 * options: --seed N (1), --out DIR (build), --data DIR (examples/data/mnist)
 *
 * expected: exercise1_linear_over_sigmoid >= 1.02
 * expected: exercise2_code_2 <= 0.056
 * expected: exercise2_code_8 <= 0.032
 * expected: exercise3_left <= 0.3
 * expected: exercise4_false_alarms <= 0.1
 * expected: exercise4_caught >= 0.9 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

enum { PIXELS = 784, BATCH = 64, SIDE = 15 };

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

typedef struct autoencoder { dc_model *encoder, *decoder; } autoencoder;

static dc_tensor *through(autoencoder a, dc_tensor *x)
{
    return dc_predict(a.decoder, dc_predict(a.encoder, x));
}

static double error_of(autoencoder a, dc_tensor *x)
{
    return (double)dc_item(dc_mse(through(a, x), x));
}

/* Up to noise / 2, either way, is added to each pixel of the input, and not to the target. */
static autoencoder trained(dc_context *ctx, dc_dataset *images, int code, dc_activation last,
                           dc_real noise, int epochs)
{
    autoencoder a = {
        dc_sequential(ctx, DC_LAYERS(
            dc_input(PIXELS), dc_dense(128, DC_RELU), dc_dense(code, DC_LINEAR))),
        dc_sequential(ctx, DC_LAYERS(
            dc_input(code), dc_dense(128, DC_RELU), dc_dense(PIXELS, last))) };
    dc_optimizer_spec spec = dc_adam(2e-3);
    spec.schedule = dc_cosine_decay(epochs * ((dc_count(images) + BATCH - 1) / BATCH), 0);
    dc_optimizer *adam = dc_optimize(ctx, spec);
    dc_loader *loader  = dc_batches(images, BATCH, true);
    dc_batch batch;
    for (int epoch = 1; epoch <= epochs; epoch++)
        while (dc_next(loader, &batch)) {
            dc_mark mark   = dc_begin(ctx);
            dc_tensor *x   = dc_flatten_op(batch.x), *in = x;
            if (noise > 0) in = dc_add(x, dc_uniform(ctx, x->shape, -noise / 2, noise / 2));
            dc_tensor *out = dc_forward(a.decoder, dc_forward(a.encoder, in));
            dc_backward(dc_mse(out, x));
            dc_step(adam);
            dc_end(ctx, mark);
        }
    return a;
}

/* A sigmoid ends at 0 and at 1, and most pixels are 0 or nearly 1. A linear output has to balance
 * its sums to hit 0, in 784 places at once. */
static void exercise_1(dc_context *ctx, dc_dataset *train, dc_tensor *x)
{
    autoencoder sigmoid = trained(ctx, train, 32, DC_SIGMOID, 0, 1);
    autoencoder linear  = trained(ctx, train, 32, DC_LINEAR, 0, 1);
    dc_tensor *back = through(linear, x);
    int64_t outside = 0;
    for (int64_t i = 0; i < back->size; i++) outside += back->data[i] < 0 || back->data[i] > 1;
    double bounded = error_of(sigmoid, x), free_ones = error_of(linear, x);
    printf("Exercise 1: the last activation, one epoch\n");
    printf("sigmoid %.4f   linear %.4f, of its pixels %.4f are below 0 or above 1\n", bounded,
           free_ones, (double)outside / (double)back->size);
    printf("RESULT exercise1_linear_over_sigmoid=%.4f\n", free_ones / bounded);
}

static void exercise_2(dc_context *ctx, dc_dataset *train, dc_tensor *x, const char *folder)
{
    autoencoder two = trained(ctx, train, 2, DC_SIGMOID, 0, 1);
    autoencoder eight = trained(ctx, train, 8, DC_SIGMOID, 0, 1);
    double error_2 = error_of(two, x), error_8 = error_of(eight, x);
    printf("\nExercise 2: shorter codes\n2 numbers %.4f   8 numbers %.4f\n", error_2, error_8);

    dc_tensor *z    = dc_predict(two.encoder, x);           /* a grid of codes, as far as z goes */
    dc_tensor *mean = dc_mean_over(z, DC_AXES(0), false);
    dc_tensor *std  = dc_std_over(z, DC_AXES(0), false, 0);
    dc_tensor *grid = dc_zeros(ctx, DC_SHAPE(SIDE * SIDE, 2));
    for (int i = 0; i < SIDE * SIDE; i++) {
        grid->data[2 * i]     = (dc_real)(i % SIDE - SIDE / 2) * 0.25f;
        grid->data[2 * i + 1] = (dc_real)(SIDE / 2 - i / SIDE) * 0.25f;
    }
    dc_tensor *sheet = dc_predict(two.decoder, dc_add(mean, dc_mul(std, grid)));
    char path[1024];
    snprintf(path, sizeof path, "%s/autoencoder_sheet.png", folder);
    if (!dc_write_png_grid(dc_reshape(sheet, DC_SHAPE(-1, 28, 28, 1)), SIDE, path))
        fprintf(stderr, "%s\n", dc_error(ctx));
    printf("RESULT exercise2_code_2=%.4f\nRESULT exercise2_code_8=%.4f\n", error_2, error_8);
}

static void exercise_3(dc_context *ctx, dc_dataset *train, dc_tensor *x)
{
    autoencoder a   = trained(ctx, train, 32, DC_SIGMOID, 1, 1);
    dc_tensor *bad  = dc_add(x, dc_uniform(ctx, x->shape, -0.5f, 0.5f));
    double before   = (double)dc_item(dc_mse(bad, x));
    double after    = (double)dc_item(dc_mse(through(a, bad), x));
    printf("\nExercise 3: noise removal\nerror with noise %.4f   behind the autoencoder %.4f\n",
           before, after);
    printf("RESULT exercise3_left=%.4f\n", after / before);
}

/* Only zeros, as if nothing else were known. What it cannot give back, it has not seen. */
static void exercise_4(dc_context *ctx, dc_dataset *train, dc_tensor *x, const dc_real *labels)
{
    int64_t zeros[10000], count = 0;
    const dc_real *digit = dc_all(train).y->data;
    for (int64_t i = 0; i < dc_count(train); i++) if (digit[i] < 0.5f) zeros[count++] = i;
    int64_t held = count / 5;                               /* these choose the limit */
    autoencoder a = trained(ctx, dc_pick(train, count - held, zeros + held), 8, DC_SIGMOID, 0, 12);

    dc_tensor *h = dc_flatten_op(dc_all(dc_pick(train, held, zeros)).x);
    dc_tensor *e = dc_mean_over(dc_square(dc_sub(through(a, h), h)), DC_AXES(1), false);
    dc_real limit = dc_item(dc_add(dc_mean(e), dc_scale(dc_std(e, 0), 2)));
    e = dc_mean_over(dc_square(dc_sub(through(a, x), x)), DC_AXES(1), false);
    int alarms[2] = { 0, 0 }, all[2] = { 0, 0 };
    for (int64_t i = 0; i < e->size; i++) {
        int other = labels[i] > 0.5f;
        all[other]++, alarms[other] += e->data[i] > limit;
    }
    printf("\nExercise 4: an alarm for whatever is not a zero, from zeros alone\n");
    printf("alarms among the zeros %.4f, among the others %.4f\n", alarms[0] / (double)all[0],
           alarms[1] / (double)all[1]);
    printf("RESULT exercise4_false_alarms=%.4f\nRESULT exercise4_caught=%.4f\n",
           alarms[0] / (double)all[0], alarms[1] / (double)all[1]);
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    dc_batch all = dc_all(test);
    dc_tensor *x = dc_flatten_op(all.x);
    dc_dataset *some = dc_take(train, 0, 40000);
    exercise_1(ctx, train, x);
    exercise_2(ctx, some, x, option(argc, argv, "--out", "build"));
    exercise_3(ctx, some, x);
    exercise_4(ctx, train, x, all.y->data);
    dc_free(ctx);
}
