/* 14_keras_convnet - the convolutional network of Keras's "Simple MNIST convnet", in C.
 *
 * Layers, batch size and dropout are Keras's (https://keras.io/examples/vision/mnist_convnet); the
 * learning rate follows one cycle, so that 5 epochs do what takes 15 there. You will see it learn:
 * about 99 of 100 digits after five epochs, in about half a minute. build/confusion.png shows which
 * digits it takes for which: row 4, column 9 are the fours read as nines.
 *
 * cc -O2 examples/14_keras_convnet.c -o build/14_keras_convnet -lm && build/14_keras_convnet
 * options: --data DIR (examples/data/mnist), --out DIR (build), --seed N (1), --epochs N (5)
 *
 * expected: test_accuracy >= 0.99 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [true class, said class] as a picture: the mistakes, from white (none) to black (the commonest).
 * */
static void draw_confusion(dc_tensor *counts, const char *folder)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/confusion.png", folder);
    dc_context *ctx = counts->ctx;
    dc_tensor *wrong = dc_mul(counts, dc_sub(dc_ones(ctx, DC_SHAPE(10, 10)), dc_eye(ctx, 10)));
    dc_tensor *white = dc_shift(dc_neg(dc_div(wrong, dc_max(wrong))), 1);
    white = dc_resize(dc_reshape(white, DC_SHAPE(1, 10, 10, 1)), 240, 240, DC_NEAREST);
    if (!dc_write_png(dc_first(white, 0), path)) fprintf(stderr, "%s\n", dc_error(ctx));
}

int main(int argc, char **argv)
{
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    int epochs         = atoi(option(argc, argv, "--epochs", "5"));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_conv2d(32, 3, DC_RELU),
        dc_max_pool(2),
        dc_conv2d(64, 3, DC_RELU),
        dc_max_pool(2),
        dc_flatten(),
        dc_dropout(0.5f),
        dc_dense(10, DC_LINEAR)));
    dc_optimizer_spec adam = dc_adam(6e-3);
    adam.schedule = dc_one_cycle(epochs * (dc_count(train) + 127) / 128);
    dc_compile(model, DC_CROSS_ENTROPY, adam);
    dc_fit(model, train, (dc_fit_options){ .epochs = epochs, .batch_size = 128 });

    dc_tensor *counts = dc_confusion(model, test);
    dc_print(counts);
    draw_confusion(counts, option(argc, argv, "--out", "build"));
    printf("RESULT parameters=%lld\n", (long long)dc_param_count(model));
    printf("RESULT test_accuracy=%.4f\n", dc_evaluate(model, test).accuracy);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
