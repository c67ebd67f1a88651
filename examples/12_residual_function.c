/* 12_residual_function - a model given as a C function, and why deep networks have shortcuts.
 *
 * You will see a network of 62 dense layers learn to read digits (drawn by deepc from a small
 * font, shifted, turned and with noise) twice: as a plain chain, and in blocks x + f(x). The chain
 * learns nothing, since its gradient is worn down layer by layer; the shortcuts carry it to the
 * front. A model that is not a chain is a C function that calls its layers. Takes about 1 s.
 *
 * cc -O2 examples/12_residual_function.c -lm && ./a.out
 * options: --seed N (1)
 *
 * expected: plain_accuracy <= 0.2
 * expected: test_accuracy >= 0.98 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* The layer `name_i`, made at the first call and found again at every other, applied to x. */
static dc_tensor *use(dc_model *model, const char *name, int i, dc_layer_spec spec, dc_tensor *x)
{
    char numbered[32];
    snprintf(numbered, sizeof numbered, "%s_%d", name, i);
    return dc_call(dc_use(model, numbered, spec), x);
}

/* x [N, 28, 28, 1] -> logits [N, 10]. With shortcuts every block starts as x + 0, since f's last
 * weights are 0 at first; without, f needs weights that let something through. */
static dc_tensor *network(dc_model *model, dc_tensor *x, void *with_shortcuts)
{
    bool shortcuts = *(bool *)with_shortcuts;
    x = use(model, "first", 1, dc_dense(32, DC_RELU), dc_flatten_op(x));
    for (int i = 1; i <= 30; i++) {
        dc_tensor *f = use(model, "block_a", i, dc_dense(32, DC_RELU), x);
        dc_layer_spec b = dc_with_init(dc_dense(32, DC_LINEAR), shortcuts ? DC_ZEROS : DC_GLOROT);
        f = use(model, "block_b", i, b, f);
        x = dc_relu(shortcuts ? dc_add(x, f) : f);
    }
    return dc_call(dc_use(model, "logits", dc_dense(10, DC_LINEAR)), x);
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

    dc_batch some = dc_all(dc_take(test, 0, 3));
    for (int i = 0; i < 3; i++) dc_print_image(dc_first(some.x, i));

    double plain    = trained(ctx, false, train, test);
    double residual = trained(ctx, true, train, test);
    printf("RESULT plain_accuracy=%.4f\n", plain);
    printf("RESULT test_accuracy=%.4f\n", residual);
    dc_free(ctx);
}
