/* 09_spirals - two spirals, wound into each other, and the boundary that a small network draws
 * between them.
 *
 * You will see the accuracy on points that the network was not trained on, and, in
 * build/spirals.svg, the boundary with the training points. Takes no time. Try fewer hidden units,
 * or DC_LINEAR for DC_SILU.
 *
 * cc -O2 examples/09_spirals.c -lm && ./a.out
 * options: --seed N (1), --out DIR (build)
 *
 * expected: test_accuracy >= 0.97 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train = dc_make_spirals(ctx, 600, 2, 0.05f);      /* points, arms, noise  */
    dc_dataset *test  = dc_make_spirals(ctx, 600, 2, 0.05f);      /* others, drawn anew    */

    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(2),
        dc_dense(32, DC_SILU),
        dc_dense(32, DC_SILU),
        dc_dense(2, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-2));
    const dc_history *history = dc_fit(model, train, (dc_fit_options){
        .epochs = 100, .batch_size = 32, .quiet = true });
    dc_print_history(history);

    char path[1024];
    snprintf(path, sizeof path, "%s/spirals.svg", option(argc, argv, "--out", "build"));
    if (!dc_plot_boundary(model, train, path)) fprintf(stderr, "%s\n", dc_error(ctx));

    printf("RESULT train_accuracy=%.4f\n", dc_evaluate(model, train).accuracy);
    printf("RESULT test_accuracy=%.4f\n", dc_evaluate(model, test).accuracy);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
