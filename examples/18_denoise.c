/* 18_denoise - an autoencoder takes the noise off digits.
 *
 * You will see the mean squared error of noisy test images, of the same after the mean of every
 * 3 x 3 pixels, and after a network that has learnt what digits look like (Vincent et al. 2008);
 * build/denoise.png shows ten digits: clean, noisy, by the mean, restored. The network narrows an
 * image to 7 x 7 places and widens it again, and is trained to give back what there was before it
 * added noise itself. Takes about a minute.
 *
 * cc -O2 examples/18_denoise.c -o build/18_denoise -lm && build/18_denoise
 * options: --data DIR (examples/data/mnist), --out DIR (build), --seed N (1), --epochs N (3)
 *
 * tested with: --epochs 1
 * expected: part_left <= 0.12 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* x + N(0, 1/4), cut off at black and white, as a camera does. Only in training, and drawn anew for
 * each batch: the targets of dc_fit stay clean. */
static dc_tensor *with_noise(dc_tensor *x)
{
    return dc_clip(dc_augment_op(x, (dc_augmentation){ .noise = 0.5f }), 0, 1);
}

static dc_tensor *use(dc_model *model, const char *name, int64_t stride, dc_layer_spec spec,
                      dc_tensor *x)
{
    spec = dc_with_window(spec, (dc_window){ .stride = stride, .padding = DC_SAME });
    return dc_call(dc_use(model, name, spec), x);
}

/* [N, 28, 28, 1] -> logits [N, 28, 28, 1], of which sigmoid makes the image. */
static dc_tensor *network(dc_model *model, dc_tensor *x, void *user)
{
    (void)user;
    x = with_noise(x);
    x = use(model, "down_1", 2, dc_conv2d(16, 3, DC_RELU), x);           /* 14 x 14 */
    x = use(model, "down_2", 2, dc_conv2d(32, 3, DC_RELU), x);           /*  7 x  7 */
    x = use(model, "middle", 1, dc_conv2d(32, 3, DC_RELU), x);
    x = use(model, "up_1",   2, dc_conv_transpose2d(16, 4, DC_RELU), x); /* 14 x 14 */
    x = use(model, "up_2",   2, dc_conv_transpose2d(8, 4, DC_RELU), x);  /* 28 x 28 */
    return use(model, "pixels", 1, dc_conv2d(1, 3, DC_LINEAR), x);
}

static double distance(dc_tensor *x, dc_tensor *clean) { return (double)dc_item(dc_mse(x, clean)); }

/* The first ten of each, a row each, twice as large. */
static bool draw(dc_tensors rows, const char *folder)
{
    char path[1024];
    dc_tensor *first[8];
    snprintf(path, sizeof path, "%s/denoise.png", folder);
    for (int i = 0; i < rows.count; i++) first[i] = dc_slice(rows.tensor[i], 0, 0, 10);
    dc_tensor *all = dc_concat(dc_make_tensors(rows.count, first), 0);
    return dc_write_png_grid(dc_resize(all, 56, 56, DC_NEAREST), 10, path);
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    /* Images that are their own targets. */
    dc_batch all = dc_all(train);
    dc_dataset *images = dc_from_arrays(ctx, all.size, DC_SHAPE(28, 28, 1), all.x->data,
                                        DC_SHAPE(28, 28, 1), NULL, 0);
    dc_model *model = dc_functional(ctx, DC_SHAPE(28, 28, 1), network, NULL);
    dc_compile(model, DC_BCE_WITH_LOGITS, dc_adam(2e-3));
    dc_fit(model, images, (dc_fit_options){
        .epochs = atoi(option(argc, argv, "--epochs", "3")), .batch_size = 64 });
    dc_summary(model);

    dc_tensor *clean = dc_all(dc_take(test, 0, 2000)).x;
    dc_set_training(ctx, true);
    dc_tensor *noisy = with_noise(clean);
    dc_set_training(ctx, false);
    dc_tensor *mean = dc_avg_pool_op(noisy, (dc_window){ 3, 3, .stride = 1, .padding = DC_SAME });
    dc_tensor *restored = dc_sigmoid(dc_predict(model, noisy));
    if (!draw(DC_TENSORS(clean, noisy, mean, restored), option(argc, argv, "--out", "build")))
        fprintf(stderr, "%s\n", dc_error(ctx));

    printf("RESULT mse_noisy=%.4f\n", distance(noisy, clean));
    printf("RESULT mse_mean=%.4f\n", distance(mean, clean));
    printf("RESULT mse_restored=%.4f\n", distance(restored, clean));
    printf("RESULT part_left=%.4f\n", distance(restored, clean) / distance(noisy, clean));
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
