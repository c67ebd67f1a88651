/* 13_convnet - a convolutional network that reads 99 of 100 handwritten digits, with one operation
 * of its own.
 *
 * deepc has no convolution yet, and you will see that little is missing: an operation that lays all
 * patches of an image side by side. A convolution is a dense layer that looks at each patch through
 * the same weights; pooling is a maximum over two axes. build/filters.png shows the 5 x 5 weights
 * of the first layer: some are edges in one direction, some look like noise. About a minute.
 *
 * cc -O2 examples/13_convnet.c -o build/13_convnet -lm && build/13_convnet
 * options: --data DIR (examples/data/mnist), --out DIR (build), --seed N (1), --epochs N (3)
 *
 * expected: gradient_error <= 0.001
 * expected: test_accuracy >= 0.987 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* --- the op: [N, H, W, C] -> [N, H - k + 1, W - k + 1, k k C], all k x k patches --- */

static dc_shape patches_shape(const dc_tensor *y)
{
    const dc_tensor *x = y->in[0];
    int64_t k = *(int64_t *)y->state;
    if (x->shape.rank != 4 || k < 1 || x->shape.dim[1] < k || x->shape.dim[2] < k)
        dc_fail(x->ctx, "patches: needs images [N, H, W, C] of at least %d x %d", (int)k, (int)k);
    const int64_t *d = x->shape.dim;
    return DC_SHAPE(d[0], d[1] - k + 1, d[2] - k + 1, k * k * d[3]);
}

/* Where row r of patch p begins in x. With the channels last, its k pixels stand side by side. */
static int64_t patch_row(const dc_tensor *y, int64_t p, int64_t r)
{
    const int64_t *from = y->in[0]->shape.dim, *to = y->shape.dim;
    int64_t column = p % to[2], row = p / to[2] % to[1], image = p / to[2] / to[1];
    return ((image * from[1] + row + r) * from[2] + column) * from[3];
}

static void patches_forward(dc_tensor *y)
{
    int64_t k = *(int64_t *)y->state, length = k * y->in[0]->shape.dim[3];
    for (int64_t p = 0; p < y->size / (k * length); p++)
        for (int64_t r = 0; r < k; r++)
            memcpy(y->data + (p * k + r) * length, y->in[0]->data + patch_row(y, p, r),
                   (size_t)length * sizeof *y->data);
}

static void patches_backward(dc_tensor *y)             /* a pixel is in many patches: dx sums up */
{
    int64_t k = *(int64_t *)y->state, length = k * y->in[0]->shape.dim[3];
    dc_real *dx = dc_grad_data(y->in[0]);
    for (int64_t p = 0; dx && p < y->size / (k * length); p++)
        for (int64_t r = 0; r < k; r++) {
            dc_real *to = dx + patch_row(y, p, r);
            const dc_real *from = y->grad + (p * k + r) * length;
            for (int64_t i = 0; i < length; i++) to[i] += from[i];
        }
}

static const dc_op patches_op = {
    .name = "patches", .derivative = "dx = sum over the patches that a pixel is in",
    .shape = patches_shape, .forward = patches_forward, .backward = patches_backward };

static dc_tensor *patches(dc_tensor *x, int64_t k)
{
    return dc_apply(&patches_op, DC_TENSORS(x), &k, sizeof k);
}

static dc_tensor *sum_of_squares(dc_tensors in, void *user)
{
    (void)user;
    return dc_sum(dc_square(patches(in.tensor[0], 2)));
}

/* --- the network --- */

/* [N, H, W, C] -> [N, H - 4, W - 4, filters] */
static dc_tensor *conv_5x5(dc_model *model, const char *name, int64_t filters, dc_tensor *x)
{
    return dc_call(dc_use(model, name, dc_dense(filters, DC_RELU)), patches(x, 5));
}

/* [N, H, W, C] -> [N, H / 2, W / 2, C], the largest of each 2 x 2 */
static dc_tensor *max_pool(dc_tensor *x)
{
    const int64_t *d = x->shape.dim;
    x = dc_reshape(x, DC_SHAPE(d[0], d[1] / 2, 2, d[2] / 2, 2, d[3]));
    return dc_max_over(x, DC_AXES(2, 4), false);
}

static dc_tensor *network(dc_model *model, dc_tensor *x, void *user)
{
    (void)user;
    x = max_pool(conv_5x5(model, "conv_1", 16, x));                        /* [N, 12, 12, 16] */
    x = max_pool(conv_5x5(model, "conv_2", 32, x));                        /* [N, 4, 4, 32] */
    x = dc_call(dc_use(model, "hidden", dc_dense(128, DC_RELU)), dc_flatten_op(x));
    x = dc_call(dc_use(model, "dropout", dc_dropout(0.3f)), x);
    return dc_call(dc_use(model, "logits", dc_dense(10, DC_LINEAR)), x);
}

/* The first layer's weights [25, 16] as 16 pictures of 5 x 5 squares, each from its lowest weight
 * (black) to its highest (white). */
static dc_tensor *filters(dc_model *model)
{
    dc_tensor *w = dc_transpose(dc_find(model, "conv_1.weight"));
    dc_tensor *low = dc_min_over(w, DC_AXES(1), true), *high = dc_max_over(w, DC_AXES(1), true);
    w = dc_reshape(dc_div(dc_sub(w, low), dc_sub(high, low)), DC_SHAPE(16, 5, 1, 5, 1));
    return dc_reshape(dc_expand(w, DC_SHAPE(16, 5, 12, 5, 12)), DC_SHAPE(16, 60, 60, 1));
}

int main(int argc, char **argv)
{
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    dc_tensor *x = dc_require_grad(dc_uniform(ctx, DC_SHAPE(2, 4, 3, 2), -1, 1));
    double error = dc_gradcheck(ctx, sum_of_squares, DC_TENSORS(x), NULL);

    dc_model *model = dc_functional(ctx, DC_SHAPE(28, 28, 1), network, NULL);
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    dc_fit(model, train, (dc_fit_options){
        .epochs = atoi(option(argc, argv, "--epochs", "3")), .batch_size = 64 });
    dc_summary(model);

    char path[1024];
    snprintf(path, sizeof path, "%s/filters.png", option(argc, argv, "--out", "build"));
    if (!dc_write_png_grid(filters(model), 8, path)) fprintf(stderr, "%s\n", dc_error(ctx));

    printf("RESULT gradient_error=%.6f\n", error);
    printf("RESULT test_accuracy=%.4f\n", dc_evaluate(model, test).accuracy);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
