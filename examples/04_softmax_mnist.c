/* 04_softmax_mnist - the smallest network that reads digits: softmax regression, ten templates of
 * ink.
 *
 * You will see a line an epoch and the accuracy on the 10,000 test images, about 0.92 (no hidden
 * layer can do without), then what each class looks for: light where ink speaks for it, dark where
 * ink speaks against it. build/mnist_weights.png shows all ten. It starts at zero weights, which
 * is right here: the loss is convex, so every start leads to the same place; with a hidden layer
 * it would be fatal. Takes about 1 s.
 *
 * cc -O2 examples/04_softmax_mnist.c -lm && ./a.out
 * options: --data DIR (examples/data/mnist), --seed N (1), --out DIR (build),
 *          --quick (5,000 images)
 *
 * expected: test_accuracy >= 0.915 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"
#include <time.h>

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], name)) return i + 1 < argc ? argv[i + 1] : name;
    return usual;
}

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* W [784, 10] as ten images [10, 28, 28, 1]: 0 is grey, a standard deviation is 0.27 or 0.73. */
static dc_tensor *as_images(dc_tensor *w)
{
    dc_tensor *grey = dc_sigmoid(dc_scale(dc_detach(w), 1 / dc_item(dc_std(w, 0))));
    return dc_reshape(dc_transpose(grey), DC_SHAPE(10, 28, 28, 1));
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    if (option(argc, argv, "--quick", NULL)) train = dc_take(train, 0, 5000);

    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_flatten(),
        dc_with_init(dc_dense(10, DC_LINEAR), DC_ZEROS)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(0.2));       /* The softmax is in the loss. */

    double start = seconds();
    dc_fit(model, train, (dc_fit_options){ .epochs = 5, .batch_size = 100 });
    fprintf(stderr, "TIME training=%.2f\n", seconds() - start);
    dc_report report = dc_evaluate(model, test);

    dc_tensor *images = as_images(dc_find(model, "dense_1.weight"));
    for (int digit = 0; digit <= 3; digit += 3) {
        printf("what speaks for %d\n", digit);
        dc_print_image(dc_first(images, digit));
    }
    char path[1024];
    snprintf(path, sizeof path, "%s/mnist_weights.png", option(argc, argv, "--out", "build"));
    if (!dc_write_png_grid(images, 5, path)) fprintf(stderr, "%s\n", dc_error(ctx));

    printf("RESULT test_accuracy=%.4f\n", report.accuracy);
    printf("RESULT test_loss=%.4f\n", report.loss);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
