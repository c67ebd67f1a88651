/* 09_regularise - overfitting: a model that knows its examples by heart, and what helps.
 *
 * You will see polynomials laid through 14 points, then a network that learns 1,000 digits by heart
 * and reads new ones less well, and six remedies. Takes about 5 s. Pictures: build/09_curves.svg,
 * build/09_loss.svg (two losses part), build/09_shifts.png (a digit, moved).
 *
 * cc -O2 tutorials/09_regularise.c -o build/09_regularise -lm
 * options: --seed N (1), --out DIR (build), --data DIR (examples/data/mnist)
 *
 * expected: degree_9_error >= 0.5
 * expected: decay_error <= 0.12
 * expected: plain_train_accuracy >= 0.999
 * expected: dropout_gain <= 0.015
 * expected: decay_gain <= 0.015
 * expected: shifts_gain >= 0.045
 * expected: more_gain >= 0.06
 * expected: chosen_test_accuracy >= 0.92 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { POINTS = 14, TERMS = 10, CURVES = 7, DOTS = 161, SHIFTS = 25, STEPS = 2000, BATCH = 50 };
enum { PLAIN, SMALL, DROPPED, DECAYED, STOPPED, SHIFTED, MORE, RUNS };
static dc_context *ctx;

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [polynomial] */
/* w[0] + w[1] u + w[2] u^2 + ..., where u = x / 3 keeps the high powers small */
static double curve(const double *w, double x)
{
    double sum = 0;
    for (int j = 0; j < TERMS; j++) sum += w[j] * pow(x / 3, j);
    return sum;
}

static double mse(const double *w, dc_batch data)
{
    double sum = 0;
    for (int i = 0; i < data.size; i++) sum += pow(curve(w, data.x->data[i]) - data.y->data[i], 2);
    return sum / (double)data.size;
}
/* [/polynomial] */

/* [fit] */
/* Finds the w that makes mse + decay * (w[0]^2 + w[1]^2 + ...) smallest. There every derivative is
 * zero: one linear equation a weight. a[j] holds equation j, its right side in the last place. */
static void fit(double *w, int degree, double decay, dc_batch data)
{
    double a[TERMS][TERMS + 1] = { { 0 } };
    for (int j = 0; j <= degree; j++) {
        for (int i = 0; i < data.size; i++) {
            double u = data.x->data[i] / 3, share = pow(u, j) / (double)data.size;
            for (int k = 0; k <= degree; k++) a[j][k] += share * pow(u, k);
            a[j][TERMS] += share * data.y->data[i];
        }
        a[j][j] += decay;
    }
    for (int j = 0; j <= degree; j++)                       /* keep unknown j in equation j only */
        for (int row = 0; row <= degree; row++) {
            double factor = row == j ? 0 : a[row][j] / a[j][j];
            for (int k = j; k <= TERMS; k++) a[row][k] -= factor * a[j][k];
        }
    for (int j = 0; j < TERMS; j++) w[j] = j <= degree ? a[j][TERMS] / a[j][j] : 0;
}
/* [/fit] */

/* [shift] */
/* Sample `row` of the stream is image row / 25, moved by up to two pixels each way. */
static bool shifted(int64_t row, dc_real *x, dc_real *y, void *user)
{
    const dc_batch *images = user;
    const dc_real *from = images->x->data + row / SHIFTS * 28 * 28;
    int right = (int)(row % 5) - 2, down = (int)(row / 5 % 5) - 2;
    for (int p = 0; p < 28 * 28; p++) {
        int i = p / 28 - down, j = p % 28 - right;          /* where this pixel comes from */
        x[p] = i >= 0 && i < 28 && j >= 0 && j < 28 ? from[28 * i + j] : 0;
    }
    *y = images->y->data[row / SHIFTS];                     /* a shifted 5 is still a 5 */
    return true;
}
/* [/shift] */

/* [train] */
typedef struct run { dc_model *model; const dc_history *history; dc_report known, unseen; } run;

/* Up to 2,000 steps of 50 images, however many there are; prints a row of the table. */
static run train(const char *name, int hidden, dc_real dropped, dc_optimizer_spec optimizer,
                 dc_dataset *data, dc_dataset *validation, dc_fit_options options)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
        dc_dense(hidden, DC_RELU), dc_dropout(dropped), dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, optimizer);
    options.epochs = STEPS * BATCH / (int)dc_count(data);
    options.batch_size = BATCH, options.quiet = true;
    const dc_history *history = dc_fit(model, data, options);
    run r = { model, history, dc_evaluate(model, data), dc_evaluate(model, validation) };
    printf("%-16s %3d     %.4f      %.4f    %.4f\n", name, history->epochs, r.known.accuracy,
           r.unseen.accuracy, r.unseen.loss);
    return r;
}
/* [/train] */

static void draw(const char *out, dc_batch few, double w[][TERMS],
                 const dc_history *history, dc_dataset *moved)
{
    static const char *const file[] = { "curves.svg", "loss.svg", "shifts.png" };
    char path[3][1024];
    for (int i = 0; i < 3; i++) snprintf(path[i], sizeof path[i], "%s/09_%s", out, file[i]);
    dc_real x[DOTS], y[CURVES][DOTS];
    for (int i = 0; i < CURVES * DOTS; i++) {
        x[i % DOTS] = (dc_real)(0.04 * (i % DOTS) - 3.2);
        y[i / DOTS][i % DOTS] = (dc_real)curve(w[i / DOTS], (double)x[i % DOTS]);
    }
    dc_plot plot = { .title = "14 points and four polynomials", .x_label = "x", .y_label = "y",
        .y_min = -2.5f, .y_max = 2.5f, .series_count = 5, .series = (dc_series[]){
            { "degree 1", x, y[0], DOTS, 0, 0 }, { "degree 3", x, y[1], DOTS, 0, 0 },
            { "degree 9", x, y[2], DOTS, 0, 0 }, { "degree 9, decay 1e-4", x, y[4], DOTS, 0, 0 },
            { "the points", few.x->data, few.y->data, POINTS, true, 7 } } };
    if (!dc_write_svg(ctx, path[0], &plot) ||
        !dc_plot_history(ctx, path[1], history) ||
        !dc_write_png_grid(dc_all(dc_take(moved, 0, SHIFTS)).x, 5, path[2]))
        fprintf(stderr, "%s\n", dc_error(ctx));
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *all    = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!all || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    printf("By hand: polynomials through 14 points, judged by 200 others\n"
           "degree  decay    training  validation   largest weight\n");
    /* [by_hand] */
    dc_batch few   = dc_all(dc_make_sine(ctx, POINTS, 0.2f));
    dc_batch fresh = dc_all(dc_make_sine(ctx, 200, 0.2f));
    const int degree[CURVES] = { 1, 3, 9, 9, 9, 9, 9 };
    const double decay[CURVES] = { 0, 0, 0, 1e-6, 1e-4, 1e-2, 1 };
    double w[CURVES][TERMS], error[CURVES];
    for (int i = 0; i < CURVES; i++) {
        fit(w[i], degree[i], decay[i], few);
        error[i] = mse(w[i], fresh);
        double largest = 0;
        for (int j = 0; j < TERMS; j++) largest = fmax(largest, fabs(w[i][j]));
        printf("  %d     %-7g  %.4f    %7.4f      %8.2f\n", degree[i], decay[i], mse(w[i], few),
               error[i], largest);
    }
    /* [/by_hand] */
    printf("\nWith deepc: up to 2,000 steps; all but the last have 1,000 images\n"
           "recipe           epochs  training    validation  its loss\n");
    /* [sets] */
    dc_dataset *small = dc_take(all, 0, 1000), *more = dc_take(all, 0, 10000);
    dc_dataset *validation = dc_take(all, 10000, 15000);
    dc_batch images = dc_all(small);
    dc_dataset *moved = dc_stream(ctx, 1000 * SHIFTS, DC_SHAPE(28, 28, 1), DC_SCALAR, 10,
                                  shifted, &images);
    /* [/sets] */
    /* [recipes] */
    dc_optimizer_spec adam = dc_adam(1e-3), adamw = dc_adamw(1e-3);
    adamw.weight_decay = 1;
    dc_fit_options watch = { .validation = validation }, blind = { 0 };
    dc_fit_options stop  = { .validation = validation, DC_CALLBACKS(dc_early_stopping(10, 0)) };
    run r[RUNS];
    r[PLAIN]   = train("plain",           128, 0,    adam,  small, validation, watch);
    r[SMALL]   = train("12 hidden units", 12,  0,    adam,  small, validation, blind);
    r[DROPPED] = train("dropout 0.5",     128, 0.5f, adam,  small, validation, blind);
    r[DECAYED] = train("weight decay",    128, 0,    adamw, small, validation, blind);
    r[STOPPED] = train("early stopping",  128, 0,    adam,  small, validation, stop);
    r[SHIFTED] = train("shifts",          128, 0,    adam,  moved, validation, blind);
    r[MORE]    = train("10,000 images",   128, 0,    adam,  more,  validation, blind);
    /* [/recipes] */
    /* [choose] */
    int best = PLAIN;                                       /* of those with 1,000 images */
    for (int i = PLAIN; i < MORE; i++)
        if (r[i].unseen.accuracy > r[best].unseen.accuracy) best = i;
    double plain  = dc_evaluate(r[PLAIN].model, test).accuracy;
    double chosen = dc_evaluate(r[best].model, test).accuracy;
    printf("\nThe test images, once: plain %.4f, chosen %.4f\n\n", plain, chosen);
    /* [/choose] */
    draw(option(argc, argv, "--out", "build"), few, w, r[PLAIN].history, moved);

    printf("RESULT degree_9_error=%.4f\nRESULT decay_error=%.4f\n", error[2], error[4]);
    static const char *name[RUNS] = { [DROPPED] = "dropout", "decay", "early", "shifts", "more" };
    for (int i = DROPPED; i < RUNS; i++)
        printf("RESULT %s_gain=%.4f\n", name[i], r[i].unseen.accuracy - r[PLAIN].unseen.accuracy);
    printf("RESULT early_epochs=%d\nRESULT plain_train_accuracy=%.4f\n",
           r[STOPPED].history->epochs, r[PLAIN].known.accuracy);
    printf("RESULT plain_test_accuracy=%.4f\nRESULT chosen_test_accuracy=%.4f\n", plain, chosen);
    dc_free(ctx);
}
