/* 19_inside - four answers to "where does the network look?"
 *
 * You will see build/inside.png: eight test digits, and what saliency, integrated gradients,
 * occlusion and Grad-CAM say of every pixel, orange for and blue against the class that the network
 * names (the first and the last see no against). Then how many of 500 digits are still read rightly
 * without the 30 pixels of ink that each method calls most important, beside 30 at random: a good
 * answer breaks the network soonest (Samek et al. 2015, arXiv:1509.06321). Takes about a minute.
 *
 * cc -O2 examples/19_inside.c -o build/19_inside -lm && build/19_inside
 * options: --data DIR (examples/data/mnist), --out DIR (build), --seed N (1)
 *
 * expected: test_accuracy >= 0.97
 * expected: completeness_error <= 0.02
 * expected: without_random >= 0.8
 * expected: without_saliency <= 0.7
 * expected: without_integrated_gradients <= 0.45
 * expected: without_occlusion <= 0.5
 * expected: without_grad_cam <= 0.83 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

static dc_tensor *conv(dc_model *model, const char *name, int64_t filters, int64_t size,
                       dc_tensor *x)
{
    dc_layer_spec spec = dc_conv2d(filters, size, DC_RELU);
    spec = dc_with_window(spec, (dc_window){ .padding = DC_SAME });
    return dc_call(dc_use(model, name, spec), x);
}

/* [N, 28, 28, 1] -> logits [N, 10]. Notes what the last convolution says, [N, 7, 7, 64]. */
static dc_tensor *network(dc_model *model, dc_tensor *x, void *features)
{
    x = dc_max_pool_op(conv(model, "conv_1", 16, 5, x), (dc_window){ .height = 2 });
    x = dc_max_pool_op(conv(model, "conv_2", 32, 5, x), (dc_window){ .height = 2 });
    x = conv(model, "conv_3", 64, 3, x);
    *(dc_tensor **)features = x;
    x = dc_mean_over(x, DC_AXES(1, 2), false);
    return dc_call(dc_use(model, "logits", dc_dense(10, DC_LINEAR)), x);
}

/* --- four methods: what each pixel of x [N, 28, 28, 1] has to do with the logit f of a class, one
 *     for each image, given as one-hot rows cls [N, 10] --- */

/* f [N] */
static dc_tensor *score(dc_model *model, dc_tensor *x, dc_tensor *cls)
{
    return dc_sum_over(dc_mul(dc_forward(model, x), cls), DC_AXES(1), false);
}

/* df/dx. An image's f depends on no other image, so the gradient of their sum has all. Its size
 * is the saliency: where a little change changes f most. Simonyan et al. 2013, arXiv:1312.6034 */
static dc_tensor *gradient(dc_model *model, dc_tensor *x, dc_tensor *cls)
{
    dc_tensor *leaf = dc_require_grad(dc_from(x->ctx, x->shape, x->data));
    dc_backward(dc_sum(score(model, leaf, cls)));
    return dc_grad(leaf);
}

/* x times the mean of df/dx on the way from black to x; sums to f(x) - f(0). Sundararajan et al.
 * 2017, arXiv:1703.01365 */
static dc_tensor *integrated_gradients(dc_model *model, dc_tensor *x, dc_tensor *cls)
{
    enum { STEPS = 32 };
    dc_tensor *sum = dc_zeros(x->ctx, x->shape);
    for (int i = 0; i < STEPS; i++) {
        dc_mark mark = dc_begin(x->ctx);
        dc_tensor *on_the_way = dc_scale(x, ((dc_real)i + 0.5f) / STEPS);
        dc_write(sum, dc_add(sum, gradient(model, on_the_way, cls))->data);
        dc_end(x->ctx, mark);
    }
    return dc_mul(x, dc_scale(sum, 1.0f / STEPS));
}

/* How much f falls when a black square of 6 x 6 lies there. Zeiler & Fergus, arXiv:1311.2901 */
static dc_tensor *occlusion(dc_model *model, dc_tensor *x, dc_tensor *cls)
{
    dc_tensor *map = dc_zeros(x->ctx, DC_SHAPE(x->shape.dim[0], 14, 14, 1));
    for (int64_t i = 0; i < 14 * 14; i++) {
        dc_mark mark = dc_begin(x->ctx);
        dc_tensor *mask = dc_ones(x->ctx, DC_SHAPE(28, 28, 1));
        for (int64_t k = 0; k < 28 * 28; k++) {
            int64_t down = k / 28 - i / 14 * 2 + 2, right = k % 28 - i % 14 * 2 + 2;
            if (down >= 0 && down < 6 && right >= 0 && right < 6) mask->data[k] = 0;
        }
        dc_tensor *fall = dc_sub(score(model, x, cls), score(model, dc_mul(x, mask), cls));
        for (int64_t n = 0; n < fall->size; n++) map->data[n * 14 * 14 + i] = fall->data[n];
        dc_end(x->ctx, mark);
    }
    return dc_resize(map, 28, 28, DC_BILINEAR);
}

/* The last convolution's channels, each weighted by the mean of df/d(channel), as far as they speak
 * for the class. Selvaraju et al. 2016, arXiv:1610.02391 */
static dc_tensor *grad_cam(dc_model *model, dc_tensor *x, dc_tensor *cls, dc_tensor **features)
{
    gradient(model, x, cls);
    dc_tensor *weights = dc_mean_over(dc_grad(*features), DC_AXES(1, 2), true);
    dc_tensor *map = dc_relu(dc_sum_over(dc_mul(*features, weights), DC_AXES(3), true));
    return dc_resize(map, 28, 28, DC_BILINEAR);
}

enum { METHODS = 5 };
typedef struct answer { const char *name; dc_tensor *map; } answer;

/* A map over its image, in colours, [N, 84, 84, 3]. */
static dc_tensor *coloured(dc_tensor *x, dc_tensor *map)
{
    dc_context *ctx = x->ctx;
    dc_tensor *orange = dc_from(ctx, DC_SHAPE(3), (dc_real[]){ 0.90f, 0.35f, 0.00f });
    dc_tensor *blue   = dc_from(ctx, DC_SHAPE(3), (dc_real[]){ 0.10f, 0.40f, 0.80f });
    dc_tensor *paper  = dc_shift(dc_scale(x, -0.3f), 1), *zero = dc_scalar(ctx, 0);
    dc_tensor *part = dc_div(map, dc_shift(dc_max_over(dc_abs(map), DC_AXES(1, 2), true), 1e-9f));
    dc_tensor *ink  = dc_sub(dc_where(dc_greater(map, zero), orange, blue), paper);
    return dc_resize(dc_add(paper, dc_mul(dc_abs(part), ink)), 84, 84, DC_NEAREST);
}

/* The first eight digits, a row each: alone, then with the methods' maps. */
static bool draw(dc_tensor *x, const answer *method, const char *folder)
{
    char path[1024];
    dc_tensor *column[METHODS];
    snprintf(path, sizeof path, "%s/inside.png", folder);
    x = dc_slice(x, 0, 0, 8);
    for (int i = 0; i < METHODS; i++)
        column[i] = coloured(x, i ? dc_slice(method[i].map, 0, 0, 8) : dc_zeros(x->ctx, x->shape));
    dc_tensor *all = dc_stack(dc_make_tensors(METHODS, column), 1);
    return dc_write_png_grid(dc_reshape(all, DC_SHAPE(-1, 84, 84, 3)), METHODS, path);
}

/* The part of x that is read rightly when in each image the 30 pixels of ink where the map is
 * highest are black. */
static double accuracy_without(dc_model *model, dc_tensor *x, dc_tensor *labels, dc_tensor *map)
{
    dc_tensor *ink = dc_greater(x, dc_scalar(x->ctx, 0.1f));
    map = dc_flatten_op(dc_where(ink, map, dc_scalar(x->ctx, -1e9f))), x = dc_copy(x);
    for (int i = 0; i < 30; i++) {
        dc_tensor *highest = dc_argmax(map, 1);                      /* [N] */
        for (int64_t n = 0, k; n < highest->size; n++)
            k = n * 28 * 28 + (int64_t)highest->data[n], map->data[k] = -2e9f, x->data[k] = 0;
    }
    return (double)dc_item(dc_mean(dc_equal(dc_argmax(dc_predict(model, x), 1), labels)));
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    dc_tensor *features;
    dc_model *model = dc_functional(ctx, DC_SHAPE(28, 28, 1), network, &features);
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(4e-3));
    dc_fit(model, train, (dc_fit_options){ .epochs = 2, .batch_size = 64 });
    double accuracy = dc_evaluate(model, test).accuracy;

    /* From here on only the image asks for gradients. */
    dc_freeze(model, "", true);
    dc_batch some = dc_all(dc_take(test, 0, 500));
    dc_tensor *x = some.x, *cls = dc_one_hot(dc_argmax(dc_predict(model, x), 1), 10);
    const answer method[METHODS] = {
        { "random",               dc_uniform(ctx, x->shape, 0, 1) },
        { "saliency",             dc_abs(gradient(model, x, cls)) },
        { "integrated_gradients", integrated_gradients(model, x, cls) },
        { "occlusion",            occlusion(model, x, cls) },
        { "grad_cam",             grad_cam(model, x, cls, &features) } };

    dc_tensor *gap = dc_sub(score(model, x, cls), score(model, dc_zeros(ctx, x->shape), cls));
    dc_tensor *sum = dc_sum_over(method[2].map, DC_AXES(1, 2, 3), false);
    double error = (double)dc_item(dc_div(dc_mean(dc_abs(dc_sub(sum, gap))), dc_mean(dc_abs(gap))));

    printf("RESULT test_accuracy=%.4f\n", accuracy);
    printf("RESULT completeness_error=%.4f\n", error);
    for (int i = 0; i < METHODS; i++)
        printf("RESULT without_%s=%.4f\n", method[i].name,
               accuracy_without(model, x, some.y, method[i].map));

    if (!draw(x, method, option(argc, argv, "--out", "build")))
        fprintf(stderr, "%s\n", dc_error(ctx));
    dc_free(ctx);
}
