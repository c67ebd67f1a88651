/* 14_autoencoder - autoencoders: 784 pixels through a gap of 32 numbers and back.
 *
 * You will see principal component analysis in plain C, a linear autoencoder that finds the same,
 * and a deeper one that does better. Pictures: build/14_digits.png, what comes back; 14_walk.png,
 * digits that turn into others; 14_random.png, codes drawn at random. Takes about 6 s.
 *
 * cc -O2 tutorials/14_autoencoder.c -o build/14_autoencoder -lm
 * options: --seed N (1), --out DIR (build), --data DIR (examples/data/mnist)
 * expected: linear_over_pca <= 1.01
 * expected: same_directions >= 0.96
 * expected: autoencoder_error <= 0.012 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { PIXELS = 784, CODE = 32, ROUNDS = 20, BATCH = 64 };

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [covariance] */
/* c[i][j] = mean of x_i x_j less mean of x_i times mean of x_j, over n images. A black pixel is 0
 * and adds nothing, so only those with ink are visited. */
static void covariance(double c[][PIXELS], double *mean, const dc_real *x, int n)
{
    for (int image = 0; image < n; image++, x += PIXELS) {
        int ink[PIXELS], count = 0;
        for (int i = 0; i < PIXELS; i++) if (x[i] > 0) ink[count++] = i;
        for (int a = 0; a < count; a++) {
            double share = (double)x[ink[a]] / n;
            mean[ink[a]] += share;
            for (int b = 0; b <= a; b++) c[ink[a]][ink[b]] += share * (double)x[ink[b]];
        }
    }
    for (int i = 0; i < PIXELS; i++)
        for (int j = 0; j <= i; j++) c[i][j] = c[j][i] = c[i][j] - mean[i] * mean[j];
}
/* [/covariance] */

/* [turn] */
static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < PIXELS; i++) sum += a[i] * b[i];
    return sum;
}

/* One round: each direction times c, made perpendicular to those before it, and of length 1 again.
 * Returns how much of the variance lay along the directions that came in. */
static double turn(double v[CODE][PIXELS], double c[][PIXELS])
{
    double along = 0;
    for (int k = 0; k < CODE; k++) {
        double w[PIXELS] = { 0 };
        for (int j = 0; j < PIXELS; j++)
            for (int i = 0; i < PIXELS; i++) w[i] += c[j][i] * v[k][j];
        along += dot(v[k], w);
        for (int before = 0; before < k; before++) {
            double shadow = dot(v[before], w);
            for (int i = 0; i < PIXELS; i++) w[i] -= shadow * v[before][i];
        }
        double length = sqrt(dot(w, w));
        for (int i = 0; i < PIXELS; i++) v[k][i] = w[i] / length;
    }
    return along;
}
/* [/turn] */

/* [project] */
/* The code z_k = (x - mean) . v_k, then back = mean + sum z_k v_k. Returns the squared error. */
static double project(dc_real *back, const dc_real *x, double v[][PIXELS], const double *mean)
{
    double from_mean[PIXELS], sum[PIXELS], error = 0;
    for (int i = 0; i < PIXELS; i++) from_mean[i] = (double)x[i] - (sum[i] = mean[i]);
    for (int k = 0; k < CODE; k++) {
        double z = dot(from_mean, v[k]);
        for (int i = 0; i < PIXELS; i++) sum[i] += z * v[k][i];
    }
    for (int i = 0; i < PIXELS; back[i] = (dc_real)sum[i], i++)
        error += pow(sum[i] - (double)x[i], 2) / PIXELS;
    return error;
}
/* [/project] */

/* [train] */
typedef struct autoencoder { dc_model *encoder, *decoder; } autoencoder;

static void train(dc_context *ctx, autoencoder a, dc_dataset *images, int epochs)
{
    dc_optimizer_spec spec = dc_adam(2e-3);                 /* its rate falls to 0 (chapter 8): */
    spec.schedule      = dc_cosine_decay(epochs * (dc_count(images) / BATCH + 1), 0);
    dc_optimizer *adam = dc_optimize(ctx, spec);            /* all parameters, of both models */
    dc_loader *loader  = dc_batches(images, BATCH, true);
    dc_batch batch;
    for (int epoch = 0; epoch < epochs; epoch++)
        while (dc_next(loader, &batch)) {
            dc_mark mark = dc_begin(ctx);
            dc_tensor *x    = dc_flatten_op(batch.x);       /* [64, 784]; no label is used */
            dc_tensor *z    = dc_forward(a.encoder, x);     /* z  = f(x)   [64, 32] */
            dc_tensor *back = dc_forward(a.decoder, z);     /* x' = g(z)   [64, 784] */
            dc_backward(dc_mse(back, x));
            dc_step(adam);
            dc_end(ctx, mark);
        }
}

static dc_tensor *through(autoencoder a, dc_tensor *x)      /* there and back */
{
    return dc_predict(a.decoder, dc_predict(a.encoder, x));
}
/* [/train] */

/* [walk] */
static dc_tensor *walk(autoencoder a, dc_tensor *two)       /* two images; [2, 784] -> [18, 784] */
{
    dc_tensor *t = dc_zeros(two->ctx, DC_SHAPE(9, 2));      /* rows (1, 0), (7/8, 1/8) ... (0, 1) */
    for (int i = 0; i < 18; i++) t->data[i] = (dc_real)(i % 2 ? i / 2 : 8 - i / 2) / 8;
    dc_tensor *pixels = dc_matmul(t, two), *codes = dc_matmul(t, dc_predict(a.encoder, two));
    return dc_concat(DC_TENSORS(pixels, dc_predict(a.decoder, codes)), 0);
}
/* [/walk] */

static void save(dc_tensors parts, const char *folder, const char *name)   /* of images [n, 784] */
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    dc_tensor *small = dc_clip(dc_concat(parts, 0), 0, 1);
    dc_tensor *large = dc_zeros(small->ctx, DC_SHAPE(small->shape.dim[0], 56, 56, 1));
    for (int64_t i = 0; i < large->size; i++)               /* every pixel two by two */
        large->data[i] = small->data[i / 3136 * PIXELS + i / 56 % 56 / 2 * 28 + i % 56 / 2];
    if (!dc_write_png_grid(large, 9, path)) fprintf(stderr, "%s\n", dc_error(small->ctx));
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    const char *out    = option(argc, argv, "--out", "build");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *images = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!images || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    dc_tensor *x = dc_flatten_op(dc_all(test).x), *pca = dc_copy(x);    /* [10000, 784] */
    static double c[PIXELS][PIXELS], v[CODE][PIXELS], mean[PIXELS];
    dc_tensor *start = dc_normal(ctx, DC_SHAPE(CODE, PIXELS), 0, 1);
    for (int i = 0; i < CODE * PIXELS; i++) v[i / PIXELS][i % PIXELS] = (double)start->data[i];
    covariance(c, mean, dc_all(images).x->data, (int)dc_count(images));
    printf("By hand: principal component analysis\n");
    /* [pca] */
    double variance = 0, by_hand = 0;
    for (int i = 0; i < PIXELS; i++) variance += c[i][i];
    printf("no code, the mean    training error %.4f\n", variance / PIXELS);
    for (int round = 0; round <= ROUNDS; round++) {
        double left = variance - turn(v, c);                /* as it was before this turn */
        if (round == 1 || round == 2 || round == 3 || round == ROUNDS)
            printf("after round %2d       training error %.4f\n", round, left / PIXELS);
    }
    for (int i = 0; i < 10000 * PIXELS; i += PIXELS)
        by_hand += project(pca->data + i, x->data + i, v, mean) / 10000;
    /* [/pca] */
    printf("on the test images   error %.4f\n\nWith deepc: a linear autoencoder\n", by_hand);
    /* [linear] */
    autoencoder linear = { dc_sequential(ctx, DC_LAYERS(dc_input(784), dc_dense(32, DC_LINEAR))),
                           dc_sequential(ctx, DC_LAYERS(dc_input(32), dc_dense(784, DC_LINEAR))) };
    train(ctx, linear, images, 2);
    double line_error = (double)dc_item(dc_mse(through(linear, x), x));
    /* [/linear] */
    printf("on the test images   error %.4f\n", line_error);
    /* [share] */
    for (int i = 0; i < CODE * PIXELS; i++) start->data[i] = (dc_real)v[i / PIXELS][i % PIXELS];
    dc_tensor *w = dc_find(linear.decoder, "dense_1.weight");             /* [32, 784] */
    dc_tensor *shadows = dc_matmul(w, dc_transpose(start));               /* on each direction */
    double share = pow((double)dc_item(dc_div(dc_norm(shadows), dc_norm(w))), 2);
    /* [/share] */
    printf("of its weights, %.4f lies in the space found by hand\n\n"
           "With deepc: a deeper autoencoder\n", share);
    /* [deep] */
    autoencoder deep = { dc_sequential(ctx, DC_LAYERS(
            dc_input(784), dc_dense(128, DC_RELU), dc_dense(32, DC_LINEAR))),
        dc_sequential(ctx, DC_LAYERS(
            dc_input(32), dc_dense(128, DC_RELU), dc_dense(784, DC_SIGMOID))) };
    train(ctx, deep, images, 3);
    double deep_error = (double)dc_item(dc_mse(through(deep, x), x));
    /* [/deep] */
    printf("on the test images   error %.4f\n\n", deep_error);
    /* [random] */
    dc_tensor *z = dc_predict(deep.encoder, x), *random = dc_normal(ctx, DC_SHAPE(18, 32), 0, 1);
    dc_tensor *deviation = dc_std_over(z, DC_AXES(0), false, 0);          /* [32] */
    random = dc_add(dc_mean_over(z, DC_AXES(0), false), dc_mul(deviation, random));
    /* [/random] */
    dc_tensor *some = dc_slice(x, 0, 0, 9);
    save(DC_TENSORS(some, dc_slice(pca, 0, 0, 9), through(deep, some)), out, "14_digits.png");
    save(DC_TENSORS(walk(deep, dc_slice(x, 0, 0, 2)), walk(deep, dc_slice(x, 0, 2, 4)),
                    walk(deep, dc_slice(x, 0, 4, 6))), out, "14_walk.png");
    save(DC_TENSORS(dc_predict(deep.decoder, random)), out, "14_random.png");
    printf("RESULT pca_error=%.4f\nRESULT linear_over_pca=%.4f\n", by_hand, line_error / by_hand);
    printf("RESULT same_directions=%.4f\nRESULT autoencoder_error=%.4f\n", share, deep_error);
    dc_free(ctx);
}
