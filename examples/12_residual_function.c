/* 12_residual_function - a model given as a C function, and why deep networks have shortcuts.
 *
 * You will see a network of 42 dense layers learn to read digits (drawn by deepc from a small font, shifted,
 * turned and with noise) twice: as a plain chain, and in blocks x + f(x). The chain learns nothing or
 * little, since its gradient is worn down layer by layer; the shortcuts carry it to the front. A model that is
 * not a chain is simply a C function that calls its layers. Takes a few seconds.
 *
 * cc -O2 examples/12_residual_function.c -lm && ./a.out
 * options: --seed N (1)
 *
 * expected: test_accuracy >= 0.90
 * expected: advantage >= 0.2 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* The layer of that name, made at the first call, applied to x. */
static dc_tensor *dense(dc_model *model, const char *name, int i, int64_t units, dc_activation f, dc_tensor *x)
{
    char numbered[32];
    snprintf(numbered, sizeof numbered, "%s_%d", name, i);
    return dc_call(dc_use(model, numbered, dc_dense(units, f)), x);
}

static dc_tensor *network(dc_model *model, dc_tensor *x, void *with_shortcuts)
{
    x = dense(model, "first", 1, 32, DC_RELU, dc_flatten_op(x));
    for (int i = 1; i <= 20; i++) {
        dc_tensor *f = dense(model, "block_a", i, 32, DC_RELU, x);
        f = dense(model, "block_b", i, 32, DC_LINEAR, f);
        x = *(bool *)with_shortcuts ? dc_relu(dc_add(x, f)) : dc_relu(f);
    }
    return dense(model, "logits", 1, 10, DC_LINEAR, x);
}

static double trained(dc_context *ctx, bool with_shortcuts, dc_dataset *train, dc_dataset *test)
{
    dc_model *model = dc_functional(ctx, DC_SHAPE(28, 28, 1), network, &with_shortcuts);
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    const dc_history *history = dc_fit(model, train, (dc_fit_options){
        .epochs = 6, .batch_size = 64, .quiet = true });
    double accuracy = dc_evaluate(model, test).accuracy;
    printf("%-16s%lld parameters, training loss %.4f, test accuracy %.4f\n",
           with_shortcuts ? "with shortcuts" : "plain", (long long)dc_param_count(model),
           history->loss[history->epochs - 1], accuracy);
    return accuracy;
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train = dc_make_digits(ctx, 4000), *test = dc_make_digits(ctx, 1000);

    dc_batch some;
    dc_next(dc_batches(dc_take(test, 0, 3), 3, false), &some);
    for (int i = 0; i < 3; i++) dc_print_image(dc_first(some.x, i));

    double plain    = trained(ctx, false, train, test);
    double residual = trained(ctx, true, train, test);
    printf("RESULT plain_accuracy=%.4f\n", plain);
    printf("RESULT test_accuracy=%.4f\n", residual);
    printf("RESULT advantage=%.4f\n", residual - plain);
    dc_free(ctx);
}
