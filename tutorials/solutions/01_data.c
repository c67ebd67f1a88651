/* Solutions of chapter 1, tensors and data.
 *
 * cc -O2 tutorials/solutions/01_data.c -o build/solutions_01_data -lm
 * options: --data DIR (examples/data/mnist), --seed N (1), --out DIR (build)
 *
 * expected: exercise1_never_inked == 67
 * expected: exercise2_features == 4
 * expected: exercise3_refused >= 1
 * expected: exercise4_digits_last == 2
 * expected: exercise4_digits_random == 10 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* The largest value of each pixel over all images; where it is 0 there was never any ink. As a
 * feature of its own such a pixel has the spread 0, by which nobody can divide: dc_standardize
 * divides by 1 there. For images [28, 28, 1] it has one feature only, the grey value. */
static int exercise_1(dc_dataset *train)
{
    dc_batch all = dc_all(train);
    dc_tensor *most = dc_max_over(all.x, DC_AXES(0), false);                   /* [28, 28, 1] */
    int never = 0, without_spread = 0;
    printf("Exercise 1: pixels without ink in any training image are #\n");
    for (int64_t i = 0; i < most->size; i++) {
        never += most->data[i] == 0;
        printf("%s%s", most->data[i] == 0 ? "#" : ".", i % 28 == 27 ? "\n" : "");
    }
    double sum = 0, squares = 0, n = (double)all.size;         /* of all pixels together */
    for (int64_t i = 0; i < most->size; i++) {
        double of_pixel = 0, squares_of_pixel = 0;
        for (const dc_real *x = all.x->data + i; x < all.x->data + all.x->size; x += most->size)
            of_pixel += (double)*x, squares_of_pixel += (double)*x * (double)*x;
        without_spread += squares_of_pixel / n - pow(of_pixel / n, 2) <= 0;
        sum += of_pixel, squares += squares_of_pixel;
    }
    double mean = sum / n / 784, spread = sqrt(squares / n / 784 - mean * mean);
    printf("%d of %d; as features of their own, %d have the spread 0\n", never, (int)most->size,
           without_spread);
    printf("one feature for all: (x - %.4f) / %.4f\n", mean, spread);
    return never;
}

static dc_dataset *load_flats(dc_context *ctx, const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (!f) return NULL;
    fputs(text, f);
    fclose(f);
    return dc_load_csv(ctx, path, NULL);                   /* the target is the last column */
}

/* One column of words with three values becomes three columns of 0 and 1. */
static int exercise_2(dc_context *ctx, const char *folder)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/flats.csv", folder);
    if (load_flats(ctx, path, "area,district,rent\n70,centre,900\n45,station,500\n72,centre,950\n"))
        return 0;
    const char *message = strrchr(dc_error(ctx), '/');     /* Without the folder. */
    printf("\nExercise 2: %s\n", message ? message + 1 : dc_error(ctx));
    dc_dataset *flats = load_flats(ctx, path, "area,centre,station,park,rent\n70,1,0,0,900\n"
                                   "45,0,1,0,500\n72,1,0,0,950\n90,0,0,1,990\n");
    if (!flats) return fprintf(stderr, "%s\n", dc_error(ctx)), 0;
    int features = (int)dc_x_shape(flats).dim[0];
    for (int i = 0; i < features; i++) printf(" %s", dc_feature_name(flats, i));
    printf("\n");
    dc_print(dc_all(flats).x);
    return features;
}

/* Copies the test labels without the last `cut` bytes, changes the bits `change` of the byte in the
 * middle, and tries to read the copy. */
static bool is_refused(dc_context *ctx, const char *folder, const char *out, const char *ending,
                       long cut, int change)
{
    char labels[1024], images[1024], copy[1024];
    snprintf(labels, sizeof labels, "%s/t10k-labels-idx1-ubyte%s", folder, ending);
    snprintf(images, sizeof images, "%s/t10k-images-idx3-ubyte%s", folder, ending);
    snprintf(copy, sizeof copy, "%s/damaged%s", out, ending);
    static uint8_t bytes[20000];
    FILE *from = fopen(labels, "rb"), *to = fopen(copy, "wb");
    long size = from ? (long)fread(bytes, 1, sizeof bytes, from) - cut : 0;
    if (size > 0) bytes[size / 2] ^= (uint8_t)change;
    bool copied = from && to && size > 0 && fwrite(bytes, 1, (size_t)size, to) == (size_t)size;
    if (from) fclose(from);
    if (to) fclose(to);
    if (!copied || dc_load_idx(ctx, images, copy)) return false;
    const char *message = strrchr(dc_error(ctx), '/');     /* Without the folder. */
    printf("%s\n", message ? message + 1 : dc_error(ctx));
    return true;
}

static int exercise_3(dc_context *ctx, const char *folder, const char *out)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/t10k-labels-idx1-ubyte.gz", folder);
    FILE *f = fopen(path, "rb");
    const char *ending = f ? ".gz" : "";                   /* Unpacked files have no check sum: a */
    if (f) fclose(f);                                      /* changed label goes unnoticed there. */
    printf("\nExercise 3: what deepc says to one changed bit, and to 100 missing bytes\n");
    return is_refused(ctx, folder, out, ending, 0, 1)
         + is_refused(ctx, folder, out, ending, 100, 0);
}

/* How many digits occur in a part; prints how often each does. */
static int digits(const char *name, dc_dataset *part)
{
    int64_t count[10];
    int found = 0;
    dc_class_counts(part, count);
    printf("%-16s", name);
    for (int d = 0; d < 10; d++) printf(" %5lld", (long long)count[d]), found += count[d] > 0;
    printf("\n");
    return found;
}

/* Files are often sorted. Sorted by digit, the last tenth holds two digits only. */
static void exercise_4(dc_dataset *train, int *last, int *random)
{
    static int64_t rows[60000];
    dc_batch all = dc_all(train);
    int64_t n = 0, count = dc_count(train);
    for (int d = 0; d < 10; d++)
        for (int64_t i = 0; i < count && n < 60000; i++)
            if ((int)all.y->data[i] == d) rows[n++] = i;
    dc_dataset *sorted = dc_pick(train, n, rows), *first, *rest;
    dc_split_data(sorted, 0.9f, &first, &rest);
    printf("\nExercise 4: the validation part of a sorted file\n");
    *last   = digits("the last tenth", dc_take(sorted, n - n / 10, n));
    *random = digits("a random tenth", rest);
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    const char *out    = option(argc, argv, "--out", "build");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    if (!train) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    int never = exercise_1(train), features = exercise_2(ctx, out), last, random;
    int refused = exercise_3(ctx, folder, out);
    exercise_4(train, &last, &random);

    printf("\nRESULT exercise1_never_inked=%d\nRESULT exercise2_features=%d\n", never, features);
    printf("RESULT exercise3_refused=%d\n", refused);
    printf("RESULT exercise4_digits_last=%d\nRESULT exercise4_digits_random=%d\n", last, random);
    dc_free(ctx);
}
