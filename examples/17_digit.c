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
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* --- a picture becomes what MNIST has --- */

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
    int64_t h = image->shape.dim[0], w = image->shape.dim[1], longer = h > w ? h : w;
    dc_tensor *weights = dc_from(ctx, DC_SHAPE(3, 1), (dc_real[]){ 0.299f, 0.587f, 0.114f });
    dc_tensor *grey = dc_matmul(dc_slice(image, 2, 0, 3), weights);
    grey = dc_shift(dc_mul(dc_shift(grey, -1), dc_slice(image, 2, 3, 4)), 1);
    grey = dc_reshape(grey, DC_SHAPE(1, h, w, 1));
    return longer > 256 ? scaled_to(256, grey) : grey;
}

/* The mean of the outermost pixels. */
static dc_real border(dc_tensor *x)
{
    dc_tensor *rows = dc_concat(DC_TENSORS(dc_slice(x, 1, 0, 1), dc_slice(x, 1, -1, DC_END)), 2);
    dc_tensor *columns = dc_concat(DC_TENSORS(dc_slice(x, 2, 0, 1), dc_slice(x, 2, -1, DC_END)), 1);
    return dc_item(dc_scale(dc_add(dc_mean(rows), dc_mean(columns)), 0.5f));
}

/* The threshold that parts x, in [0, 1], into two groups with means far apart and neither of them
 * small (Otsu 1979), and the mean of the upper one, which is 0 when all x are alike. */
static dc_real otsu(const dc_tensor *x, dc_real *upper_mean)
{
    double count[256] = { 0 }, all = 0, below = 0, sum = 0, best = 0;
    dc_real threshold = *upper_mean = 0;
    for (int64_t i = 0; i < x->size; i++) {
        int level = (int)(x->data[i] * 255 + 0.5f);
        count[level]++, all += level;
    }
    for (int level = 0; level < 255; level++) {
        below += count[level], sum += level * count[level];
        double above = (double)x->size - below, gap = (all - sum) / above - sum / below;
        if (below == 0 || above == 0 || below * above * gap * gap <= best) continue;
        best = below * above * gap * gap;
        threshold = ((dc_real)level + 0.5f) / 255;
        *upper_mean = (dc_real)((all - sum) / above / 255);
    }
    return threshold;
}

/* How much ink each row (axis 1) or column (axis 2) has. */
static dc_tensor *along(dc_tensor *ink, int axis)
{
    return dc_sum_over(ink, DC_AXES(0, 3 - axis, 3), false);
}

/* Without the rows or columns at either end that hold less than 0.3 % of the ink: dust. */
static dc_tensor *cropped(dc_tensor *ink, int axis)
{
    dc_tensor *sums = along(ink, axis);
    int64_t first = 0, last = sums->size - 1;
    dc_real dust = 0.003f * dc_item(dc_sum(sums)), before = sums->data[0], after = sums->data[last];
    while (before < dust) before += sums->data[++first];
    while (after < dust) after += sums->data[--last];
    return dc_slice(ink, axis, first, last + 1);
}

/* 28 rows or columns around at most 20, their centre of mass as near to the middle as can be. */
static dc_tensor *centred(dc_tensor *ink, int axis)
{
    dc_tensor *sums = along(ink, axis), *place = dc_arange(ink->ctx, 0, (dc_real)sums->size, 1);
    int64_t room = 28 - sums->size;
    int64_t before = (int64_t)(14.5f - dc_item(dc_dot(sums, place)) / dc_item(dc_sum(sums)));
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
    dc_real contrast, threshold = otsu(ink, &contrast);
    if (contrast < 0.1f)
        return fprintf(stderr, "%s: the picture is empty: it has one colour\n", path), NULL;
    ink = dc_mul(dc_clip(ink, 0, contrast), dc_greater(ink, dc_scalar(ctx, threshold)));
    ink = scaled_to(20, cropped(cropped(ink, 1), 2));
    return centred(centred(dc_div(ink, dc_max(ink)), 1), 2);
}

/* --- the network --- */

/* The one in that file. Where there is none, a new one, trained and kept there. */
static dc_model *reader(dc_context *ctx, const char *folder, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file) return fclose(file), dc_load(ctx, path);
    dc_dataset *train = dc_load_mnist(ctx, folder, DC_TRAIN);
    if (!train) return NULL;
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_augment((dc_augmentation){ .rotate = 12, .shear = 0.15f, .scale = 0.12f,
                                      .shift = 0.06f, .elastic = 1 }),
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
        dc_tensor *x = read_digit(ctx, path);
        if (!x) return false;
        dc_tensor *p = dc_softmax(dc_predict(model, x));
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
    const char *picture = NULL;
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "--", 2)) i++;
        else picture = argv[i];
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
        printf("%d %5.1f %% ", digit, percent);
        for (int i = 0; i < (int)(percent / 2 + 0.5); i++) putchar('#');
        putchar('\n');
    }
    printf("this is a %d\n", (int)dc_item(dc_argmax(p, 1)));
    dc_free(ctx);
}
