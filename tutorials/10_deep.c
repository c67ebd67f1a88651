/* 10_deep - twenty layers: why a deep network may learn nothing at all, and what mends it.
 *
 * You will see how much of the gradient reaches each of 20 layers, in C and by deepc; then networks
 * of 20 layers that learn to read digits, or do not. Takes about 5 s. Picture: the gradient, layer
 * by layer (build/10_gradients.svg).
 *
 * cc -O2 tutorials/10_deep.c -o build/10_deep -lm
 * options: --seed N (1), --out DIR (build), --data DIR (examples/data/mnist)
 *
 * expected: sigmoid_ratio <= 1e-10
 * expected: he_ratio >= 0.1
 * expected: twice_ratio >= 1e5
 * expected: difference <= 1e-5
 * expected: plain_accuracy <= 0.12
 * expected: zeros_accuracy <= 0.12
 * expected: relu_accuracy >= 0.90
 * expected: normed_accuracy >= 0.91
 * expected: residual_accuracy >= 0.95
 * expected: wild_accuracy <= 0.12
 * expected: clipped_accuracy >= 0.75 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { LAYERS = 20, WIDTH = 64, SETTINGS = 4 };
static dc_context *ctx;

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [settings] */
typedef struct setting { const char *key, *name; bool relu; dc_init init; dc_real factor; } setting;

static const setting settings[SETTINGS] = {
    { "sigmoid", "sigmoid",      false, DC_GLOROT_NORMAL, 1 },  /* deviation sqrt(1/64) */
    { "glorot",  "ReLU, Glorot", true,  DC_GLOROT_NORMAL, 1 },
    { "he",      "ReLU, He",     true,  DC_HE_NORMAL,     1 },  /* deviation sqrt(2/64) */
    { "twice",   "ReLU, 2 x He", true,  DC_HE_NORMAL,     2 } };
/* [/settings] */

/* [by_hand] */
/* L is the sum of the last layer's outputs. arrived[l] becomes the length of dL/dz in layer l. */
static void by_hand(bool relu, dc_tensor *const *w, const dc_tensor *x, double *arrived)
{
    double a[LAYERS + 1][WIDTH], da[WIDTH], dz[WIDTH];
    for (int i = 0; i < WIDTH; i++) a[0][i] = x->data[i], da[i] = 1;
    for (int l = 0; l < LAYERS; l++)                        /* forward */
        for (int j = 0; j < WIDTH; j++) {
            double z = 0;
            for (int i = 0; i < WIDTH; i++) z += a[l][i] * w[l]->data[i * WIDTH + j];
            a[l + 1][j] = relu ? fmax(z, 0) : 1 / (1 + exp(-z));
        }
    for (int l = LAYERS - 1; l >= 0; l--) {                 /* and back */
        double sum = 0;
        for (int j = 0; j < WIDTH; j++) {
            double y = a[l + 1][j];
            dz[j] = da[j] * (relu ? y > 0 : y * (1 - y));   /* through the activation */
            sum += dz[j] * dz[j];
        }
        arrived[l] = sqrt(sum);
        for (int i = 0; i < WIDTH; i++) {                   /* through the weights */
            da[i] = 0;
            for (int j = 0; j < WIDTH; j++) da[i] += w[l]->data[i * WIDTH + j] * dz[j];
        }
    }
}
/* [/by_hand] */

/* [tape] */
static void with_deepc(bool relu, dc_tensor *const *w, dc_tensor *x, double *arrived)
{
    dc_tensor *b[LAYERS], *a = x;
    for (int l = 0; l < LAYERS; l++) {
        b[l] = dc_param(ctx, DC_ZEROS, WIDTH);
        a = dc_linear(a, w[l], b[l]);
        a = relu ? dc_relu(a) : dc_sigmoid(a);
    }
    dc_backward(dc_sum(a));
    for (int l = 0; l < LAYERS; l++)                        /* z = x W + b, so dL/db = dL/dz */
        arrived[l] = (double)dc_item(dc_norm(dc_grad(b[l])));
}
/* [/tape] */

/* [nets] */
typedef enum kind { SIGMOID, ZEROS, RELU, NORMED, RESIDUAL, WILD, CLIPPED, KINDS } kind;
static const char *const key[KINDS] = {
    "plain", "zeros", "relu", "normed", "residual", "wild", "clipped" };

/* 20 layers with weights, whatever the kind. */
static dc_model *deep(kind k)
{
    dc_layer_spec list[3 * LAYERS + 2];
    dc_layer_spec dense = dc_with_init(dc_dense(WIDTH, k == SIGMOID ? DC_SIGMOID : DC_RELU),
                                       k == SIGMOID ? DC_GLOROT : k == ZEROS ? DC_ZEROS : DC_HE);
    dc_layer_list f = DC_LAYERS(dense, dc_with_init(dc_dense(WIDTH, DC_LINEAR), DC_ZEROS));
    int n = 0;
    list[n++] = dc_input(28, 28, 1), list[n++] = dc_flatten();
    for (int i = 0; i < LAYERS - 1; i++)
        if (k == NORMED) {
            list[n++] = dc_without_bias(dc_dense(WIDTH, DC_LINEAR));
            list[n++] = dc_batch_norm();
            list[n++] = dc_activation_layer(DC_SIGMOID);
        } else if (k == RESIDUAL && i > 0) {
            if (i % 2) list[n++] = dc_residual(f);          /* x + f(x), f of two layers */
        } else list[n++] = dense;
    list[n++] = dc_dense(10, DC_LINEAR);
    return dc_sequential(ctx, dc_make_layers(n, list));
}
/* [/nets] */

/* [learn] */
static double learn(kind k, dc_dataset *train, dc_dataset *test)
{
    static const char *const name[] = { "sigmoid", "ReLU, all weights 0", "ReLU, He",
        "sigmoid, batch norm", "ReLU, shortcuts", "ReLU, 1.3 x He, SGD", "the same, clipped" };
    dc_model *model = deep(k);
    dc_optimizer_spec optimizer = k < WILD ? dc_adam(1e-3) : dc_sgd(0.05);
    dc_tensors p = dc_params(model);
    for (int i = 0; k >= WILD && i < p.count; i++)          /* too large from the start */
        dc_write(p.tensor[i], dc_scale(p.tensor[i], 1.3f)->data);
    if (k == CLIPPED) optimizer.clip_norm = 1;
    dc_compile(model, DC_CROSS_ENTROPY, optimizer);
    const dc_history *h = dc_fit(model, train, (dc_fit_options){
        .epochs = 3, .batch_size = 50, .quiet = true });
    double accuracy = dc_evaluate(model, test).accuracy;
    printf("%-25s", name[k]);
    if (h->stopped_by) printf("stopped in epoch %d: %s\n", h->epochs, h->stopped_by);
    else printf("%10.4f  %6.4f   %.4f\n", h->loss[0], h->loss[h->epochs - 1], accuracy);
    return accuracy;
}
/* [/learn] */

static void draw(const char *out, double arrived[SETTINGS][LAYERS])
{
    char path[1024];
    dc_real x[LAYERS], y[SETTINGS][LAYERS];
    dc_series series[SETTINGS];
    for (int s = 0; s < SETTINGS; s++) {
        for (int l = 0; l < LAYERS; l++) x[l] = (dc_real)(l + 1), y[s][l] = (dc_real)arrived[s][l];
        series[s] = (dc_series){ .name = settings[s].name, .x = x, .y = y[s], .count = LAYERS };
    }
    snprintf(path, sizeof path, "%s/10_gradients.svg", out);
    if (!dc_write_svg(ctx, path, &(dc_plot){ .title = "The gradient that reaches each layer",
            .x_label = "layer", .y_label = "length of the gradient", .log_y = true,
            .series = series, .series_count = SETTINGS }))
        fprintf(stderr, "%s\n", dc_error(ctx));
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *all  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test = dc_load_mnist(ctx, folder, DC_TEST);
    if (!all || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    double hand[SETTINGS][LAYERS], tape[SETTINGS][LAYERS], worst = 0;
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(1, WIDTH), 0, 1), *w[LAYERS];
    for (int s = 0; s < SETTINGS; s++) {
        for (int l = 0; l < LAYERS; l++) {
            w[l] = dc_param(ctx, settings[s].init, WIDTH, WIDTH);
            dc_write(w[l], dc_scale(w[l], settings[s].factor)->data);
        }
        by_hand(settings[s].relu, w, x, hand[s]);
        with_deepc(settings[s].relu, w, x, tape[s]);
        for (int l = 0; l < LAYERS; l++)                    /* fmin turns NaN into 1 */
            worst = fmax(worst, fmin(1, fabs(tape[s][l] / hand[s][l] - 1)));
    }
    printf("By hand: the gradient that reaches each layer\nlayer");
    for (int s = 0; s < SETTINGS; s++) printf("  %12s", settings[s].name);
    for (int l = LAYERS - 1; l >= 0; l -= l == LAYERS - 1 ? 4 : 5) {
        printf("\n%5d", l + 1);
        for (int s = 0; s < SETTINGS; s++) printf("  %12.3g", hand[s][l]);
    }
    printf("\n\nWith deepc: %s\n", worst < 1e-4 ? "the same numbers" : "other numbers");
    printf("\nTwenty layers read digits\n%-25sloss: first, last   test accuracy\n", "network");
    dc_dataset *train = dc_take(all, 0, 20000);
    double accuracy[KINDS];
    for (int k = 0; k < KINDS; k++) accuracy[k] = learn((kind)k, train, test);
    draw(option(argc, argv, "--out", "build"), hand);

    printf("\nRESULT difference=%.2e\n", worst);
    for (int s = 0; s < SETTINGS; s++)
        printf("RESULT %s_ratio=%.2e\n", settings[s].key, hand[s][0] / hand[s][LAYERS - 1]);
    for (int k = 0; k < KINDS; k++) printf("RESULT %s_accuracy=%.4f\n", key[k], accuracy[k]);
    dc_free(ctx);
}
