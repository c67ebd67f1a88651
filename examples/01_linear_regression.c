/* 01_linear_regression - a line through 100 points, by gradient descent.
 *
 * You will see the slope and the intercept that training finds for y = 2x + 1 + noise, next to the
 * exact answer: the least-squares line, which has a formula. Then the same with the settings of
 * many tutorials, noise 1 and rate 0.01: after 100 epochs the line is still on its way, although
 * the loss looks settled. build/line.svg shows the points and both lines. Takes no time.
 *
 * cc -O2 examples/01_linear_regression.c -lm && ./a.out
 * options: --seed N (1), --out DIR (build)
 *
 * expected: distance <= 0.01
 * expected: slope >= 1.94
 * expected: slope <= 2.06
 * expected: hasty_distance >= 0.05 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { COUNT = 100 };

typedef struct line { double slope, intercept; } line;

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* The line with the smallest sum of squares: slope = cov(x, y) / var(x), through the mean point. */
static line least_squares(const dc_real *x, const dc_real *y)
{
    double mean_x = 0, mean_y = 0, covariance = 0, variance = 0;
    for (int i = 0; i < COUNT; i++) mean_x += (double)x[i] / COUNT, mean_y += (double)y[i] / COUNT;
    for (int i = 0; i < COUNT; i++) {
        covariance += ((double)x[i] - mean_x) * ((double)y[i] - mean_y);
        variance   += ((double)x[i] - mean_x) * ((double)x[i] - mean_x);
    }
    double slope = covariance / variance;
    return (line){ slope, mean_y - slope * mean_x };
}

/* 100 epochs in batches of 10. */
static line trained(dc_context *ctx, dc_dataset *data, double rate)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
    dc_compile(model, DC_MSE, dc_sgd(rate));
    dc_fit(model, data, (dc_fit_options){ .epochs = 100, .batch_size = 10, .quiet = true });
    return (line){ (double)dc_item(dc_find(model, "dense_1.weight")),
                   (double)dc_item(dc_find(model, "dense_1.bias")) };
}

static double distance(line a, line b)             /* The larger of the two differences. */
{
    double slope = fabs(a.slope - b.slope), intercept = fabs(a.intercept - b.intercept);
    return slope > intercept ? slope : intercept;
}

static void compare(const char *title, line found, line exact)
{
    printf("%-26s y = %.4f x + %.4f\n%-26s y = %.4f x + %.4f\n%-26s %.4f\n\n", title, found.slope,
           found.intercept, "  least squares", exact.slope, exact.intercept, "  distance",
           distance(found, exact));
}

int main(int argc, char **argv)
{
    dc_context *ctx  = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *data = dc_make_line(ctx, COUNT, 2, 1, 0.1f);
    dc_dataset *noisy = dc_make_line(ctx, COUNT, 2, 1, 1);
    dc_batch points = dc_all(data), noisy_points = dc_all(noisy);

    line exact = least_squares(points.x->data, points.y->data), found = trained(ctx, data, 0.1);
    line noisy_exact = least_squares(noisy_points.x->data, noisy_points.y->data);
    line hasty = trained(ctx, noisy, 0.01);
    compare("noise 0.1, rate 0.1", found, exact);
    compare("noise 1, rate 0.01", hasty, noisy_exact);

    dc_real ends[2] = { 0, 1 }, y[2], y_exact[2];
    for (int i = 0; i < 2; i++) {
        y[i] = (dc_real)(found.slope * (double)ends[i] + found.intercept);
        y_exact[i] = (dc_real)(exact.slope * (double)ends[i] + exact.intercept);
    }
    dc_plot plot = { .title = "A line through 100 points", .x_label = "x", .y_label = "y",
        .series = (dc_series[]){
            { .name = "2x + 1 + noise", .x = points.x->data, .y = points.y->data, .count = COUNT,
              .points = true },
            { .name = "least squares", .x = ends, .y = y_exact, .count = 2 },
            { .name = "trained", .x = ends, .y = y, .count = 2 } },
        .series_count = 3 };
    char path[1024];
    snprintf(path, sizeof path, "%s/line.svg", option(argc, argv, "--out", "build"));
    if (!dc_write_svg(ctx, path, &plot)) fprintf(stderr, "%s\n", dc_error(ctx));

    printf("RESULT slope=%.4f\nRESULT intercept=%.4f\n", found.slope, found.intercept);
    printf("RESULT distance=%.4f\n", distance(found, exact));
    printf("RESULT hasty_distance=%.4f\n", distance(hasty, noisy_exact));
    dc_free(ctx);
}
