/* 07_load_and_predict - uses a trained network without the code that built it.
 *
 * You will see what the file holds: the layers and the weights of 05_mnist_dropout (run that
 * first: `make mnist`). The network predicts the 10,000 test images again, and every bit of every
 * number must be what the other program saved beside it. Then it predicts one image alone: the
 * same bits again. Takes no time.
 *
 * cc -O2 examples/07_load_and_predict.c -lm && ./a.out
 * options: --data DIR (examples/data/mnist), --model FILE (build/mnist.safetensors),
 *          --saved FILE (build/mnist_predictions.npy)
 *
 * expected: same_bits == 1
 * expected: same_bits_alone == 1
 * expected: test_accuracy >= 0.970 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

static uint64_t bits_of(dc_tensor *x)
{
    return dc_fingerprint_of(DC_TENSORS(x));
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    const char *file   = option(argc, argv, "--model", "build/mnist.safetensors");
    const char *array  = option(argc, argv, "--saved", "build/mnist_predictions.npy");
    dc_context *ctx  = dc_new(1);
    dc_dataset *test = dc_load_mnist(ctx, folder, DC_TEST);
    dc_model *model  = test ? dc_load(ctx, file) : NULL;
    dc_tensor *saved = model ? dc_load_npy(ctx, array) : NULL;
    if (!saved)
        return fprintf(stderr, "%s (05_mnist_dropout writes the files)\n", dc_error(ctx)), 1;
    dc_summary(model);

    dc_tensor *predictions = dc_predict_all(model, test);
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));   /* dc_evaluate asks for the loss. */
    dc_report report = dc_evaluate(model, test);

    dc_batch batch = dc_all(dc_take(test, 4000, 4001));   /* One image, without its neighbours. */
    dc_tensor *alone = dc_predict(model, batch.x), *inside = dc_slice(predictions, 0, 4000, 4001);
    dc_print_image(dc_first(batch.x, 0));
    printf("its logits, from 0 to 9: ");
    dc_print(dc_first(alone, 0));

    printf("RESULT test_accuracy=%.4f\n", report.accuracy);
    printf("RESULT predictions_fingerprint=%016llx\n", (unsigned long long)bits_of(predictions));
    printf("RESULT same_bits=%d\n", bits_of(predictions) == bits_of(saved));
    printf("RESULT same_bits_alone=%d\n", bits_of(alone) == bits_of(inside));
    dc_free(ctx);
}
