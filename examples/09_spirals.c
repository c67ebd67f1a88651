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

/* The points, and behind them what the model says between -1.15 and 1.15: the chance of class 1
 * at every place of a grid, whose row 0 is at the top. */
static bool draw(dc_model *model, dc_batch points, const char *path)
{
    enum { SIDE = 128, MOST = 600 };
    dc_context *ctx = points.x->ctx;
    dc_shape square = DC_SHAPE(SIDE, SIDE);
    dc_tensor *x1 = dc_expand(dc_linspace(ctx, -1.15f, 1.15f, SIDE), square);
    dc_tensor *x2 = dc_transpose(dc_expand(dc_linspace(ctx, 1.15f, -1.15f, SIDE), square));
    dc_tensor *grid = dc_reshape(dc_stack(DC_TENSORS(x1, x2), 2), DC_SHAPE(-1, 2));
    dc_tensor *p = dc_slice(dc_softmax(dc_predict(model, grid)), 1, 1, 2);

    dc_real at[2][2][MOST];                                       /* [class][coordinate] */
    dc_series arm[2] = { { "class 0", at[0][0], at[0][1], .points = true },
                         { "class 1", at[1][0], at[1][1], .points = true } };
    for (int64_t i = 0; i < points.size && i < MOST; i++) {
        int k = (int)points.y->data[i];
        int64_t n = arm[k].count++;
        for (int j = 0; j < 2; j++) at[k][j][n] = points.x->data[2 * i + j];
    }
    return dc_write_svg(ctx, path, &(dc_plot){ .x_label = "x1", .y_label = "x2",
        .series = arm, .series_count = 2, .width = 520, .height = 520,
        .field = p->data, .field_columns = SIDE, .field_rows = SIDE,
        .x_min = -1.15f, .x_max = 1.15f, .y_min = -1.15f, .y_max = 1.15f });
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
    dc_fit(model, train, (dc_fit_options){ .epochs = 100, .batch_size = 32, .quiet = true });

    char path[1024];
    snprintf(path, sizeof path, "%s/spirals.svg", option(argc, argv, "--out", "build"));
    if (!draw(model, dc_all(train), path)) fprintf(stderr, "%s\n", dc_error(ctx));

    printf("RESULT train_accuracy=%.4f\n", dc_evaluate(model, train).accuracy);
    printf("RESULT test_accuracy=%.4f\n", dc_evaluate(model, test).accuracy);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
