/* 21_cifar - colour, and files of your own kind: CIFAR-10 and a network for it.
 *
 * deepc reads what many programs need. Another format is a few lines of C and dc_from_bytes, as
 * here: the "binary version" of CIFAR-10 and CIFAR-100 (Krizhevsky 2009), records of one label (or
 * two, of which the second counts) and three planes of 32 x 32, red, green and blue. The data are
 * not in this repository; https://www.cs.toronto.edu/~kriz/cifar.html has them. Without them the
 * program draws 6,000 pictures in ten classes (five shapes, in warm and in cold colours), writes
 * them as such files, and learns those.
 *
 * cc -O2 examples/21_cifar.c -lm && ./a.out [folder of CIFAR-10's files]
 *
 * 20 seconds with 2 cores.
 * expected: train == 5000
 * expected: test_accuracy >= 0.95 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"
#include <sys/stat.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE, EACH = 1000 };

static bool failed(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    return false;
}

/* Appends the pictures of a file to x and their labels to y: planes become pixels. */
static bool read_records(const char *path, int classes, uint8_t *x, uint8_t *y, int64_t *count,
                         int64_t room)
{
    uint8_t record[2 + PIXELS];
    const size_t labels = classes == 100 ? 2 : 1, size = labels + PIXELS;
    size_t got = 0;
    FILE *file = fopen(path, "rb");
    if (!file) return failed(path, "cannot be opened");
    const char *wrong = NULL;
    while (!wrong && (got = fread(record, 1, size, file)) == size) {
        uint8_t label = record[labels - 1], *pixel = x + *count * PIXELS;
        if (*count == room) wrong = "more pictures than CIFAR has";
        else if (label >= classes) wrong = "a label that is no class";
        else {
            for (int k = 0; k < PIXELS; k++)
                pixel[k] = record[labels + (size_t)(k % 3 * PLANE + k / 3)];
            y[(*count)++] = label;
        }
    }
    fclose(file);
    if (!wrong && got) wrong = "ends within a picture";
    return wrong ? failed(path, wrong) : true;
}

/* The set in a folder; NULL when a file is not as it should be. classes: 10 or 100. */
static dc_dataset *load_cifar(dc_context *ctx, const char *folder, int classes, dc_part part)
{
    const int64_t room = part == DC_TRAIN ? 50000 : 10000;
    const int files = classes == 10 && part == DC_TRAIN ? 5 : 1;
    uint8_t *x = malloc((size_t)room * PIXELS), *y = malloc((size_t)room);
    int64_t count = 0;
    bool ok = x && y;
    for (int f = 1; ok && f <= files; f++) {
        char path[1024], name[32] = "test_batch";
        if (classes == 100) snprintf(name, sizeof name, part == DC_TRAIN ? "train" : "test");
        else if (part == DC_TRAIN) snprintf(name, sizeof name, "data_batch_%d", f);
        snprintf(path, sizeof path, "%s/%s.bin", folder, name);
        ok = read_records(path, classes, x, y, &count, room);
    }
    if (ok && !count) ok = failed(folder, "no pictures in its files");
    dc_dataset *d = NULL;
    if (ok) d = dc_from_bytes(ctx, count, DC_SHAPE(SIDE, SIDE, 3), x, y, classes);
    free(x);
    free(y);
    return d;
}

/* Is the point (v, u) within a shape of size 1? Disc, ring, square, triangle, cross. */
static bool is_inside(int shape, double v, double u)
{
    double far = v * v + u * u, side = fmax(fabs(v), fabs(u)), thin = fmin(fabs(v), fabs(u));
    if (shape == 3) return v < 0.8 && fabs(u) < (v + 1) / 2;
    return shape == 0 ? far < 1 : shape == 1 ? far < 1 && far > 0.4
         : shape == 2 ? side < 0.8 : side < 1 && thin < 0.3;
}

/* A record: a shape, warm (red above blue) or cold, on grey, at some place, with noise. */
static void draw(int label, const dc_real *chance, uint8_t *record)
{
    double size = 6 + 6 * (double)chance[0], v0 = 16 + 6 * (double)chance[1] - 3;
    double u0 = 16 + 6 * (double)chance[2] - 3, grey = 60 + 130 * (double)chance[3];
    double high = 150 + 60 * (double)chance[4], low = 40 + 60 * (double)chance[5];
    double color[3] = { label < 5 ? high : low, 60 + 120 * (double)chance[6],
                        label < 5 ? low : high };
    record[0] = (uint8_t)label;
    for (int k = 0; k < PIXELS; k++) {
        int i = k % PLANE;
        bool inside = is_inside(label % 5, (i / SIDE - v0) / size, (i % SIDE - u0) / size);
        double noise = 60 * (double)chance[7 + k] - 30;
        record[1 + k] = (uint8_t)((inside ? color[k / PLANE] : grey) + noise);
    }
}

/* Six files of CIFAR-10's form. */
static bool draw_files(dc_context *ctx, const char *folder)
{
    static uint8_t record[EACH][1 + PIXELS];
    mkdir("build", 0777);
    mkdir(folder, 0777);
    for (int f = 1; f <= 6; f++) {
        char path[256];
        const char *name = f < 6 ? "%s/data_batch_%d.bin" : "%s/test_batch.bin";
        snprintf(path, sizeof path, name, folder, f);
        for (int i = 0; i < EACH; i++) {
            dc_mark mark = dc_begin(ctx);
            draw(i % 10, dc_uniform(ctx, DC_SHAPE(7 + PIXELS), 0, 1)->data, record[i]);
            dc_end(ctx, mark);
        }
        FILE *file = fopen(path, "wb");
        if (!file) return failed(path, "cannot be written");
        bool ok = fwrite(record, 1, sizeof record, file) == sizeof record;
        if (fclose(file) || !ok) return failed(path, "cannot be written");
    }
    return true;
}

int main(int count, char **argument)
{
    const char *folder = count > 1 ? argument[1] : "build/cifar";
    dc_context *ctx = dc_new(1);
    if (count < 2 && !draw_files(ctx, folder)) return 1;
    dc_dataset *train = load_cifar(ctx, folder, 10, DC_TRAIN);
    dc_dataset *test = train ? load_cifar(ctx, folder, 10, DC_TEST) : NULL;
    if (!test) return 1;
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(SIDE, SIDE, 3), dc_augment((dc_augmentation){ .shift = 0.1f, .flip_x = 0.5f }),
        dc_conv2d(32, 3, DC_LINEAR), dc_batch_norm(), dc_activation_layer(DC_RELU), dc_max_pool(2),
        dc_conv2d(64, 3, DC_LINEAR), dc_batch_norm(), dc_activation_layer(DC_RELU), dc_max_pool(2),
        dc_conv2d(64, 3, DC_RELU), dc_flatten(), dc_dropout(0.3f), dc_dense(10, DC_LINEAR)));
    dc_optimizer_spec adam = dc_adam(2e-3);
    const int epochs = 4, batch = 64;
    adam.schedule = dc_one_cycle(epochs * (dc_count(train) + batch - 1) / batch);
    dc_compile(model, DC_CROSS_ENTROPY, adam);
    dc_fit(model, train, (dc_fit_options){ .epochs = epochs, .batch_size = batch,
                                           .validation = test });
    printf("RESULT train=%lld\n", (long long)dc_count(train));
    printf("RESULT test_accuracy=%.4f\n", dc_evaluate(model, test).accuracy);
    dc_free(ctx);
    return 0;
}
