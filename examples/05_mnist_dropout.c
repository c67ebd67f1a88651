/* 05_mnist_dropout - the network of every first tutorial, on the full MNIST; `make mnist` runs it.
 *
 * You will see the network, a line (on a terminal: a bar) an epoch, three test images with what the
 * network says about them, and the first one that it gets wrong. It writes build/mnist.safetensors
 * and build/mnist_predictions.npy, which 07_load_and_predict reads, and build/mnist_loss.svg.
 *
 * cc -O2 examples/05_mnist_dropout.c -lm && ./a.out
 * options: --data DIR (examples/data/mnist), --seed N (1), --out DIR (build),
 *          --quick (5,000 images)
 *
 * A tenth of the training images, drawn by the seed, is held out for validation. The test images
 * are used once, at the end. Takes about 3 s.
 *
 * expected: test_accuracy >= 0.970 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"
#include <time.h>

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], name)) return i + 1 < argc ? argv[i + 1] : name;
    return usual;
}

static const char *in_folder(const char *folder, const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Draws a digit and prints the two classes that the network finds most likely. p [10] */
static void show(const dc_tensor *image, int label, const dc_tensor *p)
{
    int best = 0, second = 1;
    for (int c = 1; c < 10; c++)
        if (p->data[c] > p->data[best]) second = best, best = c;
        else if (p->data[c] > p->data[second]) second = c;
    dc_print_image(image);
    printf("this is a %d; the network says %d (%.1f %%), else %d (%.1f %%)\n\n", label,
           best, 100 * (double)p->data[best], second, 100 * (double)p->data[second]);
}

static void show_some(dc_context *ctx, dc_dataset *test, dc_tensor *logits)
{
    dc_mark mark = dc_begin(ctx);
    dc_tensor *p = dc_softmax(logits), *said = dc_argmax(logits, 1);
    dc_batch some = dc_all(dc_take(test, 0, 1000));
    for (int i = 0, shown = 0; i < 1000 && shown < 4; i++) {
        int label = (int)dc_at(some.y, DC_SHAPE(i));
        bool wrong = label != (int)dc_at(said, DC_SHAPE(i));
        if (i < 3 || wrong) show(dc_first(some.x, i), label, dc_first(p, i)), shown++;
    }
    dc_end(ctx, mark);
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    const char *out    = option(argc, argv, "--out", "build");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    if (option(argc, argv, "--quick", NULL)) train = dc_take(train, 0, 5000);

    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_flatten(),
        dc_dense(128, DC_RELU),
        dc_dropout(0.2f),
        dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3f));
    dc_summary(model);

    double start = seconds();
    const dc_history *history = dc_fit(model, train, (dc_fit_options){
        .epochs = 5, .batch_size = 64, .validation_split = 0.1f });
    fprintf(stderr, "TIME training=%.2f\n", seconds() - start);

    dc_report report = dc_evaluate(model, test);
    dc_tensor *predictions = dc_predict_all(model, test);
    show_some(ctx, test, predictions);

    /* The picture is an extra; the model and its predictions are what other programs go on with. */
    if (!dc_plot_history(ctx, in_folder(out, "mnist_loss.svg"), history))
        fprintf(stderr, "%s\n", dc_error(ctx));
    if (!dc_save(model, in_folder(out, "mnist.safetensors")) ||
        !dc_save_npy(predictions, in_folder(out, "mnist_predictions.npy")))
        return fprintf(stderr, "%s (--out DIR names another folder)\n", dc_error(ctx)), 1;

    printf("RESULT test_accuracy=%.4f\n", report.accuracy);
    printf("RESULT test_loss=%.4f\n", report.loss);
    printf("RESULT predictions_fingerprint=%016llx\n",
           (unsigned long long)dc_fingerprint_of(DC_TENSORS(predictions)));
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
