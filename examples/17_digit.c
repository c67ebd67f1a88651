/* 17_digit - reads one handwritten digit from a photo or a drawing of yours.
 *
 * You will see how likely each digit is, as bars, under what the network saw: the picture brought
 * into MNIST's form, light on dark, the ink 20 pixels long, its centre of mass in the middle of
 * 28 x 28. Most of the work is that: a network knows only what looks like its training data.
 * Without a picture it reads the 20 in examples/digits. The first run trains a convolutional
 * network and keeps it, which takes about half a minute; later runs take no time.
 *
 * cc -O2 examples/17_digit.c -o build/digit -lm && build/digit photo.png      (needs stb_image.h)
 * options: --model FILE (build/digit.safetensors), --data DIR (examples/data/mnist),
 *          --digits DIR (examples/digits), --seed N (1)
 *
 * expected: right >= 19 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* x [1, h, w, 1] with a longer side of `size` pixels. */
static dc_tensor *scaled_to(int64_t size, dc_tensor *x)
{
    int64_t h = x->shape.dim[1], w = x->shape.dim[2], longer = h > w ? h : w;
    h = (size * h + longer - 1) / longer, w = (size * w + longer - 1) / longer;
    return dc_resize(x, h, w, DC_AREA);
}

/* [1, h, w, 1], the longer side at most 256: grey, on white where the picture is transparent. */
static dc_tensor *load_grey(dc_context *ctx, const char *path)
{
    dc_tensor *image = dc_load_image(ctx, path, 4);
    if (!image) return NULL;
    dc_tensor *grey = dc_mean_over(dc_slice(image, 2, 0, 3), DC_AXES(2), true);
    grey = dc_shift(dc_mul(dc_shift(grey, -1), dc_slice(image, 2, 3, 4)), 1);
    grey = dc_unsqueeze(grey, 0);
    return image->shape.dim[0] > 256 || image->shape.dim[1] > 256 ? scaled_to(256, grey) : grey;
}

/* The mean of the outermost pixels. */
static dc_real border(dc_tensor *x)
{
    dc_tensor *rows = dc_concat(DC_TENSORS(dc_slice(x, 1, 0, 1), dc_slice(x, 1, -1, DC_END)), 2);
    dc_tensor *columns = dc_concat(DC_TENSORS(dc_slice(x, 2, 0, 1), dc_slice(x, 2, -1, DC_END)), 1);
    return dc_item(dc_scale(dc_add(dc_mean(rows), dc_mean(columns)), 0.5f));
}

/* The threshold half-way between the means of what is below and above it (Ridler & Calvard 1978),
 * found by trying, and the mean of what is above, which is 0 when all x are alike. */
static dc_real threshold_of(dc_tensor *x, dc_real *upper_mean)
{
    dc_real threshold = dc_item(dc_max(x)) / 2, all = dc_item(dc_sum(x));
    for (int i = 0; i < 20; i++) {
        dc_tensor *above = dc_greater(x, dc_scalar(x->ctx, threshold));
        dc_real count = dc_item(dc_sum(above)), sum = dc_item(dc_sum(dc_mul(x, above)));
        if (count == 0 || count == (dc_real)x->size) return *upper_mean = 0;
        *upper_mean = sum / count;
        threshold = (*upper_mean + (all - sum) / ((dc_real)x->size - count)) / 2;
    }
    return threshold;
}

/* Without the rows (axis 1) or columns (2) at either end with less than 0.3 % of the ink: dust. */
static dc_tensor *cropped(dc_tensor *ink, int axis)
{
    dc_tensor *sums = dc_sum_over(ink, DC_AXES(0, 3 - axis, 3), false);
    int64_t first = 0, last = sums->size - 1;
    dc_real dust = 0.003f * dc_item(dc_sum(sums)), before = sums->data[0], after = sums->data[last];
    while (before < dust) before += sums->data[++first];
    while (after < dust) after += sums->data[--last];
    return dc_slice(ink, axis, first, last + 1);
}

/* 28 rows or columns around at most 20, their centre of mass as near to the middle as can be. */
static dc_tensor *centred(dc_tensor *ink, int axis)
{
    dc_tensor *sums = dc_sum_over(ink, DC_AXES(0, 3 - axis, 3), false);
    dc_tensor *place = dc_arange(ink->ctx, 0, (dc_real)sums->size, 1);
    dc_real centre = dc_item(dc_sum(dc_mul(sums, place))) / dc_item(dc_sum(sums));
    int64_t room = 28 - sums->size, before = (int64_t)(14.5f - centre);
    before = before < 0 ? 0 : before > room ? room : before;
    return dc_pad(ink, axis, before, room - before, 0);
}

/* The digit [1, 28, 28, 1]; NULL when there is none, and the reason printed. The border is paper,
 * and ink is what differs from it, whichever of the two is darker. */
static dc_tensor *read_digit(dc_context *ctx, const char *path)
{
    dc_tensor *grey = load_grey(ctx, path);
    if (!grey) return fprintf(stderr, "%s\n", dc_error(ctx)), NULL;
    dc_tensor *ink = dc_abs(dc_shift(grey, -border(grey)));
    dc_real contrast, threshold = threshold_of(ink, &contrast);
    if (contrast < 0.1f)
        return fprintf(stderr, "%s: the picture is empty: it has one colour\n", path), NULL;
    ink = dc_mul(dc_clip(ink, 0, contrast), dc_greater(ink, dc_scalar(ctx, threshold)));
    ink = scaled_to(20, cropped(cropped(ink, 1), 2));
    return centred(centred(dc_div(ink, dc_max(ink)), 1), 2);
}

/* The network in that file. Where there is none, a new one, trained and kept there. */
static dc_model *reader(dc_context *ctx, const char *folder, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file) return fclose(file), dc_load(ctx, path);
    dc_dataset *train = dc_load_mnist(ctx, folder, DC_TRAIN);
    if (!train) return NULL;
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1), dc_augment((dc_augmentation){
            .rotate = 12, .shear = 0.15f, .scale = 0.12f, .shift = 0.06f, .elastic = 1 }),
        dc_conv2d(16, 5, DC_RELU), dc_max_pool(2),
        dc_conv2d(32, 5, DC_RELU), dc_max_pool(2),
        dc_flatten(), dc_dropout(0.3f), dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(2e-3));
    dc_fit(model, train, (dc_fit_options){ .epochs = 3, .batch_size = 64 });
    return dc_save(model, path) ? model : NULL;
}

/* Two of each digit; false when one cannot be read. */
static bool read_samples(dc_context *ctx, dc_model *model, const char *folder)
{
    int right = 0;
    for (int i = 0; i < 20; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s_%d.%s", folder, i < 10 ? "drawn" : "mnist", i % 10,
                 i % 2 ? "jpg" : "png");
        dc_tensor *x = read_digit(ctx, path), *p = x ? dc_softmax(dc_predict(model, x)) : NULL;
        if (!p) return false;
        int said = (int)dc_item(dc_argmax(p, 1));
        right += said == i % 10;
        printf("%s: %d (%.1f %%)%s\n", path, said, 100 * (double)dc_item(dc_max(p)),
               said == i % 10 ? "" : ", which is wrong");
    }
    printf("RESULT right=%d\n", right);
    return true;
}

int main(int argc, char **argv)
{
    const char *picture = argc % 2 ? NULL : argv[1];        /* Options come in pairs, behind it. */
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_tensor *x = picture ? read_digit(ctx, picture) : NULL;
    if (picture && !x) return 1;
    dc_model *model = reader(ctx, option(argc, argv, "--data", "examples/data/mnist"),
                             option(argc, argv, "--model", "build/digit.safetensors"));
    if (!model) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    if (!picture)
        return !read_samples(ctx, model, option(argc, argv, "--digits", "examples/digits"));

    dc_tensor *p = dc_softmax(dc_predict(model, x));
    dc_print_image(dc_first(x, 0));
    for (int digit = 0; digit < 10; digit++) {
        double percent = 100 * (double)p->data[digit];
        printf("%d %5.1f %% %.*s\n", digit, percent, (int)(percent / 2 + 0.5),
               "##################################################");
    }
    printf("this is a %d\n", (int)dc_item(dc_argmax(p, 1)));
    dc_free(ctx);
}
