/* p3_line - program 3, a line through 100 points, in deepc.
 *
 * cc -O2 tutorials/programs/p3_line.c -o build/p3_line -lm
 * options: --seed N (1)
 *
 * expected: distance <= 0.02
 * expected: slope_error <= 0.10 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* The exact answer, for comparison: the line with the smallest mean squared error. */
static void least_squares(const dc_tensor *x, const dc_tensor *y, double *slope, double *intercept)
{
    double n = (double)x->size, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int64_t i = 0; i < x->size; i++) {
        double xi = (double)x->data[i], yi = (double)y->data[i];
        sx += xi, sy += yi, sxx += xi * xi, sxy += xi * yi;
    }
    *slope     = (n * sxy - sx * sy) / (n * sxx - sx * sx);
    *intercept = (sy - *slope * sx) / n;
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));

    /* [data] */
    dc_dataset *data = dc_make_line(ctx, 100, 2, 1, 0.1f);  /* y = 2 x + 1 + noise */
    /* [/data] */

    /* [model] */
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(1),
        dc_dense(1, DC_LINEAR)));
    /* [/model] */

    /* [loss] */
    dc_compile(model, DC_MSE, dc_sgd(0.1));
    /* [/loss] */

    /* [training] */
    dc_fit(model, data, (dc_fit_options){ .epochs = 100, .batch_size = 10, .quiet = true });
    /* [/training] */

    /* [evaluate] */
    double slope     = (double)dc_item(dc_find(model, "dense_1.weight"));
    double intercept = (double)dc_item(dc_find(model, "dense_1.bias"));
    double exact_slope, exact_intercept;
    least_squares(dc_all(data).x, dc_all(data).y, &exact_slope, &exact_intercept);
    double distance = fmax(fabs(slope - exact_slope), fabs(intercept - exact_intercept));
    /* [/evaluate] */

    /* [predict] */
    dc_tensor *x = dc_from(ctx, DC_SHAPE(2, 1), (dc_real[]){ 0.5f, 2 }), *y = dc_predict(model, x);
    printf("at x = 0.5 it says %.2f, at x = 2 it says %.2f\n",
           (double)dc_at(y, DC_SHAPE(0, 0)), (double)dc_at(y, DC_SHAPE(1, 0)));
    /* [/predict] */

    printf("RESULT distance=%.4f\n", distance);
    printf("RESULT slope_error=%.4f\n", fabs(slope - 2));
    dc_free(ctx);
}
