/* 13_convnet - LeNet-5, the first convolutional network that read digits for a living (LeCun et al.
 * 1998), with today's relu and max pooling.
 *
 * You will see a table of its layers: 61,706 weights, of which only 2,572 belong to the two
 * convolutions that do most of the work, and 98 to 99 of 100 digits read. build/filters.png shows
 * the six 5 x 5 filters of the first layer, and build/features.png what they make of ten digits:
 * edges in some direction. About 30 seconds.
 *
 * cc -O2 examples/13_convnet.c -o build/13_convnet -lm && build/13_convnet
 * options: --data DIR (examples/data/mnist), --out DIR (build), --seed N (1), --epochs N (4)
 *
 * expected: test_accuracy >= 0.983 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

static void save_picture(dc_tensor *images, int columns, const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!dc_write_png_grid(images, columns, path)) fprintf(stderr, "%s\n", dc_error(images->ctx));
}

/* Each image [N, H, W, 1] from its lowest value (black) to its highest (white). */
static dc_tensor *stretched(dc_tensor *x)
{
    dc_tensor *low = dc_min_over(x, DC_AXES(1, 2), true);
    dc_tensor *high = dc_max_over(x, DC_AXES(1, 2), true);
    return dc_div(dc_sub(x, low), dc_shift(dc_sub(high, low), 1e-6f));
}

int main(int argc, char **argv)
{
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    const char *out    = option(argc, argv, "--out", "build");
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_with_window(dc_conv2d(6, 5, DC_RELU), (dc_window){ .padding = DC_SAME }),
        dc_max_pool(2),
        dc_conv2d(16, 5, DC_RELU),
        dc_max_pool(2),
        dc_flatten(),
        dc_dense(120, DC_RELU),
        dc_dense(84, DC_RELU),
        dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(2e-3));
    dc_fit(model, train, (dc_fit_options){
        .epochs = atoi(option(argc, argv, "--epochs", "4")), .batch_size = 64 });
    dc_summary(model);

    /* [5, 5, 1, 6] -> six images of 5 x 5; what they make of ten digits, side by side. */
    dc_tensor *w = dc_permute(dc_find(model, "conv2d_1.weight"), DC_AXES(3, 0, 1, 2));
    save_picture(dc_resize(stretched(w), 60, 60, DC_NEAREST), 6, out, "filters.png");
    dc_tensor *digits = dc_all(dc_take(test, 0, 10)).x;
    dc_tensor *weight = dc_find(model, "conv2d_1.weight"), *bias = dc_find(model, "conv2d_1.bias");
    dc_tensor *maps = dc_conv_op(digits, weight, bias, (dc_window){ .padding = DC_SAME });
    maps = dc_permute(dc_relu(maps), DC_AXES(3, 0, 1, 2));               /* [6, 10, 28, 28] */
    maps = stretched(dc_reshape(maps, DC_SHAPE(60, 28, 28, 1)));
    save_picture(dc_concat(DC_TENSORS(digits, maps), 0), 10, out, "features.png");

    printf("RESULT parameters=%lld\n", (long long)dc_param_count(model));
    printf("RESULT test_accuracy=%.4f\n", dc_evaluate(model, test).accuracy);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
