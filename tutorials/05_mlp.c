/* 05_mlp - layers, activations, and the multi-layer perceptron.
 *
 * You will see XOR solved with nine numbers worked out on paper, what becomes of it without an
 * activation, and networks that find their numbers themselves: for XOR, and for two spirals. Then
 * the loops written by hand run the trained network. Pictures, in build: 05_activations.svg;
 * 05_hidden.svg, XOR as the output unit sees it; 05_spirals.svg, the boundary. Takes no time.
 *
 * cc -O2 tutorials/05_mlp.c -o build/05_mlp -lm
 * options: --seed N (1), --out DIR (build)
 *
 * expected: xor_accuracy >= 1.0
 * expected: xor_accuracy_linear <= 0.75
 * expected: spirals_accuracy >= 0.97
 * expected: spirals_accuracy_linear <= 0.70
 * expected: difference_by_hand <= 0.0001 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"
/* [kinds] */
static const dc_activation kind[] = { DC_LINEAR, DC_SIGMOID, DC_TANH, DC_RELU };
static const char *const   name[] = { "linear", "sigmoid", "tanh", "relu" };
/* [/kinds] */

static const char *option(int argc, char **argv, const char *wanted, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], wanted)) return argv[i + 1];
    return usual;
}

/* [layer] */
static double linear(double z) { return z; }                /* no activation */
static double relu(double z)   { return z > 0 ? z : 0; }

/* z_j = b_j + sum_i x_i w_ij,   a_j = f(z_j);   w is [in, out], a row for each input */
static void layer(int in, int out, const double *x, const dc_real *w, const dc_real *b,
                  double (*f)(double), double *a)
{
    for (int j = 0; j < out; j++) {
        double z = b[j];
        for (int i = 0; i < in; i++) z += x[i] * w[i * out + j];
        a[j] = f(z);
    }
}
/* [/layer] */

/* [tanh] */
static double tanh_as_printed(double z) { return (exp(z) - exp(-z)) / (exp(z) + exp(-z)); }
/* [/tanh] */

/* [xor] */
static const dc_real x_xor[] = { 0, 0,   0, 1,   1, 0,   1, 1 };    /* four samples, [4, 2] */
static const dc_real w1[] = { 1, 1,   1, 1 }, b1[] = { 0, -1 };     /* 2 -> 2 */
static const dc_real w2[] = { 1,   -2 },      b2[] = { 0 };         /* 2 -> 1 */

static void solve_xor(double (*f)(double))
{
    for (int n = 0; n < 4; n++) {
        double x[2] = { x_xor[2 * n], x_xor[2 * n + 1] }, h[2], y[1];
        layer(2, 2, x, w1, b1, f, h);
        layer(2, 1, h, w2, b2, linear, y);
        printf("x %.0f %.0f   hidden %4.1f %4.1f   output %4.1f\n", x[0], x[1], h[0], h[1], y[0]);
    }
}
/* [/xor] */

/* [ops] */
static void solve_xor_with_deepc(dc_context *ctx)
{
    dc_tensor *x = dc_from(ctx, DC_SHAPE(4, 2), x_xor);     /* all four samples at once */
    dc_tensor *w = dc_from(ctx, DC_SHAPE(2, 2), w1), *b = dc_from(ctx, DC_SHAPE(2), b1);
    dc_tensor *v = dc_from(ctx, DC_SHAPE(2, 1), w2), *c = dc_from(ctx, DC_SHAPE(1), b2);
    dc_print(dc_linear(dc_relu(dc_linear(x, w, b)), v, c)); /* relu(x w + b) v + c */
}
/* [/ops] */

/* [learn] */
static dc_model *learn(dc_context *ctx, dc_layer_list net, dc_dataset *d, int epochs, double rate)
{
    dc_model *model = dc_sequential(ctx, net);
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(rate));
    dc_fit(model, d, (dc_fit_options){ .epochs = epochs, .batch_size = 32, .quiet = true });
    return model;
}
/* [/learn] */

/* [run_by_hand] */
static void run_by_hand(dc_model *model, const double *x, double *logits)
{
    double h1[32], h2[32];
    dc_tensor *const *p = dc_params(model).tensor;          /* weight, bias, weight, bias, ... */
    layer(2,  32, x,  p[0]->data, p[1]->data, relu,   h1);
    layer(32, 32, h1, p[2]->data, p[3]->data, relu,   h2);
    layer(32, 2,  h2, p[4]->data, p[5]->data, linear, logits);
}
/* [/run_by_hand] */

static void save(dc_context *ctx, const char *folder, const char *file, dc_plot plot)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (!dc_write_svg(ctx, path, &plot)) fprintf(stderr, "%s\n", dc_error(ctx));
}

static void draw(dc_context *ctx, const char *folder)
{
    dc_tensor *z = dc_linspace(ctx, -3, 3, 61);
    dc_series curve[4], corner[] = {
        { "answer 0", (dc_real[]){ 0, 2 }, (dc_real[]){ 0, 1 }, .count = 2, .points = true },
        { "answer 1, two points", (dc_real[]){ 1 }, (dc_real[]){ 0 }, .count = 1, .points = true },
        { "output 1/2", (dc_real[]){ 0, 2.5f }, (dc_real[]){ -0.25f, 1 }, .count = 2 } };
    for (int i = 0; i < 4; i++)
        curve[i] = (dc_series){ name[i], z->data, dc_activate(z, kind[i])->data, .count = 61 };
    save(ctx, folder, "05_activations.svg",
         (dc_plot){ "Four activations", "z", "f(z)", .series = curve, .series_count = 4 });
    save(ctx, folder, "05_hidden.svg",
         (dc_plot){ "XOR, seen in h1 and h2", "h1", "h2", .series = corner, .series_count = 3 });
}

static double draw_spirals(dc_context *ctx, dc_model *model, dc_batch seen, const char *folder)
{
    enum { SIDE = 90, SHOWN = 300 };
    static dc_real grid[SIDE * SIDE][2], field[SIDE * SIDE], at[2][2][SHOWN];
    double worst = 0, z[2];                                 /* the worst difference of logits */
    for (int i = 0; i < SIDE * SIDE; i++)                   /* -1.3 to 1.3; row 0 is at the top */
        grid[i][0] = (dc_real)(2.6 * (i % SIDE + 0.5) / SIDE - 1.3),
        grid[i][1] = (dc_real)(1.3 - 2.6 * (i / SIDE + 0.5) / SIDE);
    dc_tensor *logits = dc_predict(model, dc_from(ctx, DC_SHAPE(SIDE * SIDE, 2), grid[0]));
    for (int i = 0; i < SIDE * SIDE; i++) {
        run_by_hand(model, (double[]){ grid[i][0], grid[i][1] }, z);
        field[i] = (dc_real)(1 / (1 + exp(z[0] - z[1])));   /* the probability of class 1 */
        for (int j = 0; j < 2; j++) worst = fmax(worst, fabs(z[j] - logits->data[2 * i + j]));
    }
    dc_series arm[2] = { { "class 0", at[0][0], at[0][1], .points = true },
                         { "class 1", at[1][0], at[1][1], .points = true } };
    for (int n = 0, k; n < SHOWN; arm[k].count++, n++) {
        k = (int)seen.y->data[n];
        for (int i = 0; i < 2; i++) at[k][i][arm[k].count] = seen.x->data[2 * n + i];
    }
    save(ctx, folder, "05_spirals.svg", (dc_plot){ "2-32-32-2, run by hand", "x1", "x2",
        arm, 2, .width = 520, .height = 520, .x_min = -1.3f, .x_max = 1.3f, .y_min = -1.3f,
        .y_max = 1.3f, .field = field, .field_columns = SIDE, .field_rows = SIDE });
    return worst;
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    const char *folder = option(argc, argv, "--out", "build");
    draw(ctx, folder);
    printf("By hand, with relu\n");
    solve_xor(relu);
    printf("\nBy hand, without an activation\n");
    solve_xor(linear);
    printf("\nBy hand, tanh\n");
    for (double z = 1; z <= 1000; z *= 10)                  /* fabs: or some print -nan */
        printf("z %4.0f   as printed %.4f   tanh(z) %.4f\n", z, fabs(tanh_as_printed(z)), tanh(z));
    printf("\nWith deepc, the same network\n");
    solve_xor_with_deepc(ctx);
    printf("\nXOR, learned\nhidden      loss   accuracy\n");
/* [learn_xor] */
    dc_dataset *four = dc_make_xor(ctx);
    dc_report report[4];
    for (int i = 0; i < 4; i += 2) {                        /* linear and tanh */
        dc_model *m = learn(ctx, DC_LAYERS(dc_input(2), dc_dense(4, kind[i]),
                                           dc_dense(2, DC_LINEAR)), four, 300, 0.05);
        report[i] = dc_evaluate(m, four);
        printf("%-8s  %.4f   %.2f\n", name[i], report[i].loss, report[i].accuracy);
    }
/* [/learn_xor] */
    printf("\nTwo spirals\nhidden     seen points   new points\n");
/* [spirals] */
    dc_dataset *seen  = dc_make_spirals(ctx, 600, 2, 0.05f);    /* points, arms, noise */
    dc_dataset *fresh = dc_make_spirals(ctx, 600, 2, 0.05f);    /* others, drawn anew */
    dc_model *model   = NULL;
    double accuracy[4];
    for (int i = 0; i < 4; i++) {
        model = learn(ctx, DC_LAYERS(dc_input(2), dc_dense(32, kind[i]), dc_dense(32, kind[i]),
                                     dc_dense(2, DC_LINEAR)), seen, 60, 0.01);
        accuracy[i] = dc_evaluate(model, fresh).accuracy;
        printf("%-10s %.4f        %.4f\n", name[i], dc_evaluate(model, seen).accuracy, accuracy[i]);
    }
/* [/spirals] */
    printf("\nThe layers of the last one\n");
    dc_summary(model);
    printf("\nRESULT xor_accuracy=%.4f\nRESULT xor_accuracy_linear=%.4f\n"
           "RESULT spirals_accuracy=%.4f\nRESULT spirals_accuracy_linear=%.4f\n",
           report[2].accuracy, report[0].accuracy, accuracy[3], accuracy[0]);
    printf("RESULT difference_by_hand=%.6f\n", draw_spirals(ctx, model, dc_all(seen), folder));
    dc_free(ctx);
}
