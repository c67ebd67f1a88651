/* p4_softmax - program 4, softmax regression on MNIST, in deepc.
 *
 * cc -O2 tutorials/programs/p4_softmax.c -o build/p4_softmax -lm
 * options: --seed N (1), --data DIR (examples/data/mnist)
 *
 * expected: test_accuracy >= 0.9130
 * expected: test_accuracy <= 0.9134
 * expected: test_loss >= 0.306
 * expected: test_loss <= 0.3064 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

int main(int argc, char **argv)
{
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");

    /* [data] */
    dc_dataset *train = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test  = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    /* [/data] */

    /* [model] */
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_flatten(),
        dc_with_init(dc_dense(10, DC_LINEAR), DC_ZEROS)));
    /* [/model] */

    /* [loss] */
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(0.2));
    /* [/loss] */

    /* [training] */
    dc_fit(model, train, (dc_fit_options){
        .epochs = 2, .batch_size = 100, .keep_order = true, .quiet = true });
    /* [/training] */

    /* [evaluate] */
    dc_report report = dc_evaluate(model, test);
    /* [/evaluate] */

    /* [predict] */
    dc_tensor *said = dc_argmax(dc_predict_all(model, dc_take(test, 0, 10)), 1);
    printf("the first ten test images are");
    for (int i = 0; i < 10; i++) printf(" %d", (int)dc_at(said, DC_SHAPE(i)));
    printf("\n");
    /* [/predict] */

    printf("RESULT test_loss=%.4f\n", report.loss);
    printf("RESULT test_accuracy=%.4f\n", report.accuracy);
    dc_free(ctx);
}
