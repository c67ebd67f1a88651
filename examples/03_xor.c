/* 03_xor - a network learns XOR, in ten lines.
 *
 * You will see the four answers of a network of two layers: 0, 1, 1, 0. A straight line cannot
 * separate them (02_logistic_regression shows that); eight hidden units can. Takes no time.
 *
 * cc -O2 examples/03_xor.c -lm && ./a.out                options: --seed N
 *
 * expected: right >= 4
 * expected: loss <= 0.01 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

int main(int argc, char **argv)
{
    dc_context *ctx  = dc_new(argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    dc_dataset *data = dc_make_xor(ctx);
    dc_model *model  = dc_sequential(ctx, DC_LAYERS(
        dc_input(2), dc_dense(8, DC_TANH), dc_dense(2, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(0.05));
    dc_fit(model, data, (dc_fit_options){ .epochs = 200, .batch_size = 4, .quiet = true });
    dc_print(dc_softmax(dc_predict_all(model, data)));          /* a row a point: p(0), p(1) */
    dc_report report = dc_evaluate(model, data);
    printf("RESULT right=%.0f\nRESULT loss=%.6f\n", 4 * report.accuracy, report.loss);
    dc_free(ctx);
}
