/* 01_data - tensors and data: 60,000 handwritten digits as numbers, looked at before any training.
 *
 * You will see a digit drawn from its numbers, the file's check sum computed anew, the mean and the
 * spread of 47 million pixels, and a small table brought to one scale: in plain C, then with deepc.
 * Then the data are split. build/01_digits.png shows ten of each digit, build/01_grey.svg how often
 * each shade of grey occurs. Takes about 2 s.
 *
 * cc -O2 tutorials/01_data.c -o build/01_data -lm
 * options: --data DIR (examples/data/mnist), --seed N (1), --out DIR (build)
 *
 * expected: crc_matches == 1
 * expected: mean == 0.1307
 * expected: sd == 0.3081
 * expected: training == 54000
 * expected: validation == 6000
 * expected: by_hand_difference <= 0.000001 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { SIDE = 28, IMAGES = 60000, PIXELS = IMAGES * SIDE * SIDE, FLATS = 6 };

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [offset] */
/* Where pixel (row, column) of image n stands in an array of images. */
static int64_t offset(int64_t n, int64_t row, int64_t column)
{
    return (n * SIDE + row) * SIDE + column;
}

static void draw_digit(const dc_real *x, int64_t n)
{
    for (int row = 6; row < SIDE - 2; row += 2) {              /* characters are tall: skip rows */
        for (int column = 2; column < SIDE - 2; column++)
            putchar(" .:-=+*#%@"[(int)(9 * x[offset(n, row, column)])]);
        putchar('\n');
    }
}
/* [/offset] */

/* [bytes] */
/* The file as it was before gzip packed it: 16 bytes of header, then one byte a pixel. */
static uint8_t file[16 + PIXELS] = {
    0, 0, 8, 3,                                                /* bytes, in 3 axes: */
    0, 0, IMAGES / 256, IMAGES % 256,                          /* 60,000 images ... */
    0, 0, 0, SIDE, 0, 0, 0, SIDE };                            /* ... of 28 rows of 28 pixels */

static void write_pixels(const dc_real *x)
{
    for (int i = 0; i < PIXELS; i++) file[16 + i] = (uint8_t)(255 * x[i] + 0.5f);
}
/* [/bytes] */

/* [crc] */
static uint32_t check_sum(const uint8_t *b, int64_t size)
{
    uint32_t rest = 0xFFFFFFFF;                                /* of a division, bit by bit */
    for (int64_t i = 0; i < size; i++) {
        rest ^= b[i];
        for (int bit = 0; bit < 8; bit++) rest = rest >> 1 ^ (rest & 1) * 0xEDB88320u;
    }
    return ~rest;
}
/* [/crc] */

/* [statistics] */
/* From how often each grey value occurs: sums of whole numbers, so nothing is rounded. */
static void statistics(const int64_t count[256], double *mean, double *sd)
{
    int64_t n = 0, sum = 0, squares = 0;
    for (int v = 0; v < 256; v++) n += count[v], sum += count[v] * v, squares += count[v] * v * v;
    *mean = (double)sum / (double)n / 255;
    *sd = sqrt((double)squares / (double)n / (255.0 * 255.0) - *mean * *mean);
}
/* [/statistics] */

/* [table] */
static const dc_real flats[FLATS][2] = {           /* square metres, metres to the centre */
    { 70, 2000 }, { 20, 2050 }, { 72, 2400 }, { 140, 9000 }, { 35, 6000 }, { 95, 500 } };

static void standardise(double x[FLATS][2])
{
    for (int f = 0; f < 2; f++) {                  /* each feature by itself */
        double mean = 0, variance = 0;
        for (int i = 0; i < FLATS; i++) mean += x[i][f] / FLATS;
        for (int i = 0; i < FLATS; i++) variance += (x[i][f] - mean) * (x[i][f] - mean) / FLATS;
        for (int i = 0; i < FLATS; i++) x[i][f] = (x[i][f] - mean) / sqrt(variance);
    }
}

static int most_like_first(double x[FLATS][2])
{
    int best = 1;
    for (int i = 2; i < FLATS; i++)
        if (hypot(x[i][0] - x[0][0], x[i][1] - x[0][1])
            < hypot(x[best][0] - x[0][0], x[best][1] - x[0][1])) best = i;
    return best;
}
/* [/table] */

/* [sheet] */
/* Ten of each digit, a row for each digit. */
static bool contact_sheet(dc_dataset *data, const dc_real *labels, const char *path)
{
    int64_t rows[100], seen[10] = { 0 };
    for (int64_t i = 0, found = 0; found < 100; i++) {
        int digit = (int)labels[i];
        if (seen[digit] < 10) rows[10 * digit + seen[digit]++] = i, found++;
    }
    return dc_write_png_grid(dc_all(dc_pick(data, 100, rows)).x, 10, path);
}
/* [/sheet] */

static bool draw_counts(dc_context *ctx, const int64_t count[256], const char *path)
{
    dc_real y[256];
    for (int v = 0; v < 256; v++) y[v] = (dc_real)count[v];
    return dc_write_svg(ctx, path, &(dc_plot){ .title = "How often each grey value occurs",
        .x_label = "grey value: 0 is paper, 255 is ink", .y_label = "pixels", .log_y = true,
        .series = &(dc_series){ .y = y, .count = 256, .points = true }, .series_count = 1 });
}

static void show(const char *name, dc_dataset *part)
{
    int64_t count[10];
    dc_class_counts(part, count);
    printf("%-10s %6lld:", name, (long long)dc_count(part));
    for (int digit = 0; digit < 10; digit++) printf(" %5lld", (long long)count[digit]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    const char *out    = option(argc, argv, "--out", "build");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    /* [load] */
    dc_dataset *train = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test  = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    dc_batch all = dc_all(train);                              /* two tensors: images and labels */
    /* [/load] */
    if (all.x->size != PIXELS) return fprintf(stderr, "%s: not MNIST\n", folder), 1;
    const dc_real *x = all.x->data;

    printf("By hand\nimage 0, label %.0f; pixel (14, 14) is number %d, and its value is %.4f\n",
           all.y->data[0], (int)offset(0, 14, 14), x[offset(0, 14, 14)]);
    draw_digit(x, 0), write_pixels(x);
    uint32_t sum = check_sum(file, sizeof file);
    printf("check sum of %d bytes: %08x\n", (int)sizeof file, sum);
    int64_t count[256] = { 0 };
    for (int i = 0; i < PIXELS; i++) count[file[16 + i]]++;
    double mean, sd, table[FLATS][2];
    statistics(count, &mean, &sd);
    printf("mean %.4f, standard deviation %.4f\n", mean, sd);
    for (int i = 0; i < 2 * FLATS; i++) table[i / 2][i % 2] = flats[i / 2][i % 2];
    printf("most like flat 0: flat %d", most_like_first(table));
    standardise(table);
    printf("; on one scale: flat %d\n", most_like_first(table));
    for (int i = 0; i < FLATS; i++) printf("%8.4f %8.4f\n", table[i][0], table[i][1]);

    char text[2][64], path[1024];
    dc_shape_text(all.x->shape, text[0], 64), dc_shape_text(all.y->shape, text[1], 64);
    printf("\nWith deepc\nimages %s, labels %s, %d classes\n", text[0], text[1], dc_classes(train));
    /* [deepc] */
    double deepc_mean = dc_item(dc_mean(all.x)), deepc_sd = dc_item(dc_std(all.x, 0));
    printf("mean %.4f, standard deviation %.4f\n", deepc_mean, deepc_sd);
    dc_tensor *rows  = dc_from(ctx, DC_SHAPE(FLATS, 2), &flats[0][0]);
    dc_tensor *mu    = dc_mean_over(rows, DC_AXES(0), true);   /* [1, 2]: one for each feature */
    dc_tensor *sigma = dc_std_over(rows, DC_AXES(0), true, 0);
    dc_tensor *min   = dc_min_over(rows, DC_AXES(0), true);
    dc_tensor *max   = dc_max_over(rows, DC_AXES(0), true);
    dc_print(dc_div(dc_sub(rows, mu), sigma));                 /* (x - mu) / sigma */
    dc_print(dc_div(dc_sub(rows, min), dc_sub(max, min)));     /* (x - min) / (max - min) */
    /* [/deepc] */

    printf("\nThree parts            0     1     2     3     4     5     6     7     8     9\n");
    /* [split] */
    dc_dataset *training, *validation;
    dc_split_data(train, 0.9f, &training, &validation);        /* at random, by the seed */
    show("training", training);
    show("validation", validation);
    show("test", test);
    /* [/split] */
    snprintf(path, sizeof path, "%s/01_digits.png", out);
    if (!contact_sheet(train, all.y->data, path)) fprintf(stderr, "%s\n", dc_error(ctx));
    snprintf(path, sizeof path, "%s/01_grey.svg", out);
    if (!draw_counts(ctx, count, path)) fprintf(stderr, "%s\n", dc_error(ctx));
    printf("\nRESULT crc_matches=%d\n", sum == 0xe9f4d8b3);   /* gzip -lv shows this number */
    printf("RESULT mean=%.4f\nRESULT sd=%.4f\nRESULT training=%d\nRESULT validation=%d\n", mean, sd,
           (int)dc_count(training), (int)dc_count(validation));
    printf("RESULT by_hand_difference=%.7f\n", fmax(fabs(mean - deepc_mean), fabs(sd - deepc_sd)));
    dc_free(ctx);
}
