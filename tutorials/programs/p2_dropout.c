/* p2_dropout - program 2, the same network with dropout, in deepc.
 *
 * cc -O2 tutorials/programs/p2_dropout.c -o build/p2_dropout -lm
 * options: --seed N (1), --data DIR (examples/data/mnist)
 *
 * expected: test_accuracy >= 0.970 */
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
        dc_dense(128, DC_RELU),
        dc_dropout(0.2f),
        dc_dense(10, DC_LINEAR)));
    /* [/model] */

    /* [loss] */
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    /* [/loss] */

    /* [training] */
    const dc_history *history = dc_fit(model, train, (dc_fit_options){
        .epochs = 5, .validation_split = 0.1f, .quiet = true });
    for (int epoch = 0; epoch < history->epochs; epoch++)
        printf("validation accuracy %.4f\n", history->validation_accuracy[epoch]);
    /* [/training] */

    /* [evaluate] */
    dc_report report = dc_evaluate(model, test);
    /* [/evaluate] */

    /* [predict] */
    dc_tensor *p = dc_softmax(dc_predict_all(model, test)), *first = dc_first(p, 0);
    printf("the first test image is a %d with probability %.2f\n",
           (int)dc_item(dc_argmax(first, 0)), (double)dc_item(dc_max(first)));
    /* [/predict] */

    printf("RESULT test_accuracy=%.4f\n", report.accuracy);
    dc_free(ctx);
}
