/* 02_linear - linear regression: a line through 100 points, found by walking downhill.
 *
 * You will see gradient descent written out in C, the same steps taken by deepc, and mini-batches
 * with dc_fit, beside the exact answer. Then a run that looks finished and is not. Pictures: the
 * points and the line (build/02_line.svg), the way down (build/02_valley.svg). Takes no time.
 *
 * cc -O2 tutorials/02_linear.c -o build/02_linear -lm
 * options: --seed N (1), --out DIR (build)
 *
 * expected: by_hand_distance <= 0.0005
 * expected: deepc_distance <= 0.0005
 * expected: fit_distance <= 0.01
 * expected: slope_error <= 0.06
 * expected: intercept_error <= 0.04
 * expected: hasty_distance >= 0.05 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { N = 100, STEPS = 160 };
typedef struct line { double w, b; } line;

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [loss] */
/* L = 1/N sum (w x + b - y)^2 */
static double mse(line l, const dc_real *x, const dc_real *y)
{
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double error = l.w * x[i] + l.b - y[i];
        sum += error * error;
    }
    return sum / N;
}
/* [/loss] */

/* [gradient] */
/* dL/dw = 2/N sum error x,   dL/db = 2/N sum error */
static line gradient(line l, const dc_real *x, const dc_real *y)
{
    line g = { 0, 0 };
    for (int i = 0; i < N; i++) {
        double error = l.w * x[i] + l.b - y[i];
        g.w += 2.0 / N * error * x[i];
        g.b += 2.0 / N * error;
    }
    return g;
}
/* [/gradient] */

/* [descent] */
static line descend(const dc_real *x, const dc_real *y, double rate, dc_real path[][2])
{
    line l = { 0, 0 };                                      /* start anywhere */
    for (int step = 0; step < STEPS; step++) {
        path[step][0] = (dc_real)l.w, path[step][1] = (dc_real)l.b;
        if (step % 20 == 0)
            printf("step %3d   loss %7.4f   w %.4f   b %.4f\n", step, mse(l, x, y), l.w, l.b);
        line g = gradient(l, x, y);
        l.w -= rate * g.w;
        l.b -= rate * g.b;
    }
    return l;
}
/* [/descent] */

/* [least_squares] */
/* The exact answer: w = cov(x, y) / var(x), and the line passes through the mean point. */
static line least_squares(const dc_real *x, const dc_real *y)
{
    double mean_x = 0, mean_y = 0, covariance = 0, variance = 0;
    for (int i = 0; i < N; i++) mean_x += x[i] / N, mean_y += y[i] / N;
    for (int i = 0; i < N; i++) {
        covariance += (x[i] - mean_x) * (y[i] - mean_y);
        variance   += (x[i] - mean_x) * (x[i] - mean_x);
    }
    double w = covariance / variance;
    return (line){ w, mean_y - w * mean_x };
}
/* [/least_squares] */

/* [deepc] */
static line descend_with_deepc(dc_tensor *x, dc_tensor *y, double rate)
{
    dc_context *ctx = x->ctx;
    dc_tensor *w = dc_param(ctx, DC_ZEROS, 1, 1), *b = dc_param(ctx, DC_ZEROS, 1);
    dc_optimizer *sgd = dc_optimize_these(ctx, dc_sgd(rate), DC_TENSORS(w, b));
    for (int step = 0; step < STEPS; step++) {
        dc_mark mark = dc_begin(ctx);                       /* what is made from here ... */
        dc_tensor *loss = dc_mse(dc_add(dc_matmul(x, w), b), y);
        dc_backward(loss);                                  /* dL/dw and dL/db */
        dc_step(sgd);                                       /* w -= rate dL/dw, b likewise */
        dc_end(ctx, mark);                                  /* ... is gone here */
    }
    return (line){ (double)dc_item(w), (double)dc_item(b) };
}
/* [/deepc] */

/* [fit] */
static line fit(dc_context *ctx, dc_dataset *data, double rate)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
    dc_compile(model, DC_MSE, dc_sgd(rate));
    dc_fit(model, data, (dc_fit_options){ .epochs = 100, .batch_size = 10, .quiet = true });
    return (line){ (double)dc_item(dc_find(model, "dense_1.weight")),
                   (double)dc_item(dc_find(model, "dense_1.bias")) };
}
/* [/fit] */

static void show(const char *name, line l) { printf("%-18s y = %.4f x + %.4f\n", name, l.w, l.b); }
static double distance(line a, line b) { return fmax(fabs(a.w - b.w), fabs(a.b - b.b)); }

static void save(dc_context *ctx, const char *folder, const char *name, const dc_plot *plot)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!dc_write_svg(ctx, path, plot)) fprintf(stderr, "%s\n", dc_error(ctx));
}

static void draw(dc_context *ctx, const char *folder, dc_batch all, line found, dc_real path[][2])
{
    dc_real ends[] = { 0, 1 }, y[] = { (dc_real)found.b, (dc_real)(found.w + found.b) };
    dc_plot plot = { .title = "A line through 100 points", .x_label = "x", .y_label = "y",
        .series_count = 2, .series = (dc_series[]){
            { .name = "data", .x = all.x->data, .y = all.y->data, .count = N, .points = true },
            { .name = "found", .x = ends, .y = y, .count = 2 } } };
    save(ctx, folder, "02_line.svg", &plot);

    enum { SIDE = 60 };
    dc_real field[SIDE * SIDE], w[STEPS], b[STEPS];
    for (int i = 0; i < SIDE * SIDE; i++) {                 /* row 0 on top; 1/2, where loss is 1 */
        line at = { 4.0 * (i % SIDE) / (SIDE - 1) - 0.5, 2.5 - 3.0 * (i / SIDE) / (SIDE - 1) };
        field[i] = (dc_real)fmin(1, sqrt(mse(at, all.x->data, all.y->data)) / 2);
    }
    for (int i = 0; i < STEPS; i++) w[i] = path[i][0], b[i] = path[i][1];
    dc_plot valley = { .title = "The loss of every line, and the way down", .x_label = "w",
        .y_label = "b", .field = field, .field_columns = SIDE, .field_rows = SIDE,
        .x_min = -0.5f, .x_max = 3.5f, .y_min = -0.5f, .y_max = 2.5f,
        .series = (dc_series[]){
            { .name = "the way down", .x = w, .y = b, .count = STEPS, .color = 4 },
            { .x = w, .y = b, .count = STEPS, .points = true, .color = 4 } }, .series_count = 2 };
    save(ctx, folder, "02_valley.svg", &valley);
}

int main(int argc, char **argv)
{
    dc_context *ctx  = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    /* [walk] */
    dc_dataset *data = dc_make_line(ctx, N, 2, 1, 0.1f);    /* y = 2 x + 1 + noise */
    dc_batch    all  = dc_all(data);                        /* x [100, 1], y [100, 1] */
    static dc_real path[STEPS][2];                          /* for the picture */

    printf("By hand\n");
    line exact = least_squares(all.x->data, all.y->data);
    line hand  = descend(all.x->data, all.y->data, 0.5, path);
    /* [/walk] */
    show("by hand", hand);
    show("least squares", exact);

    printf("\nWith deepc\n");
    line tape = descend_with_deepc(all.x, all.y, 0.5), fitted = fit(ctx, data, 0.1);
    show("tape and step", tape);
    show("mini-batches", fitted);

    printf("\nA run that looks finished\n");
    dc_dataset *noisy = dc_make_line(ctx, N, 2, 1, 1);      /* ten times the noise */
    dc_batch    loud  = dc_all(noisy);
    line hasty = fit(ctx, noisy, 0.01), best = least_squares(loud.x->data, loud.y->data);
    show("after 100 epochs", hasty);
    show("least squares", best);
    printf("loss               %.4f against %.4f\n\n", mse(hasty, loud.x->data, loud.y->data),
           mse(best, loud.x->data, loud.y->data));

    draw(ctx, option(argc, argv, "--out", "build"), all, hand, path);
    printf("RESULT by_hand_distance=%.6f\n", distance(hand, exact));
    printf("RESULT deepc_distance=%.6f\n", distance(tape, exact));
    printf("RESULT fit_distance=%.4f\n", distance(fitted, exact));
    printf("RESULT slope_error=%.4f\nRESULT intercept_error=%.4f\n", fabs(fitted.w - 2),
           fabs(fitted.b - 1));
    printf("RESULT hasty_distance=%.4f\n", distance(hasty, best));
    dc_free(ctx);
}
