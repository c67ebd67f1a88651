/* Solutions of chapter 20, saving, sharing, reusing.
 *
 * cc -O2 tutorials/solutions/20_share.c -o build/solutions_20_share -lm
 * options: --seed N (1), --out DIR (build), --data DIR (examples/data/mnist)
 *
 * expected: exercise1_same == 1
 * expected: exercise2_refused == 2
 * expected: exercise3_trained_minus_random >= 0.015
 * expected: exercise4_forgotten >= 0.7
 * expected: exercise4_both >= 0.85 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"
#include <unistd.h>

enum { STEPS = 200, BATCH = 25, DRAWS = 3 };
static dc_context *ctx;

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

static dc_dataset *digits(dc_dataset *data, int from, int to, int most)
{
    static int64_t rows[60000];
    int64_t n = 0, seen[10] = { 0 };
    dc_loader *loader = dc_batches(data, 500, false);
    for (dc_batch b; dc_next(loader, &b); )
        for (int64_t i = 0; i < b.size; i++) {
            int digit = (int)b.y->data[i];
            if (digit >= from && digit <= to && seen[digit]++ < most) rows[n++] = b.rows[i];
        }
    return dc_pick(data, n, rows);
}

static dc_model *network(void)
{
    return dc_sequential(ctx, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(), dc_dropout(0.3f),
                                        dc_dense(128, DC_RELU), dc_dense(10, DC_LINEAR)));
}

static void train(dc_model *model, double rate, dc_dataset *data, int epochs)
{
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(rate));
    dc_fit(model, data, (dc_fit_options){ .epochs = epochs, .batch_size = BATCH, .quiet = true });
}

static size_t read_file(const char *path, unsigned char *bytes, size_t most)
{
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(bytes, 1, most, f) : 0;
    if (f) fclose(f);
    return size;
}

/* Byte 8 and 9 are the length of the header, a text such as
 * {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 * Behind it are the numbers: <f4 says four bytes, the lowest first. */
static void exercise_1(void)
{
    static unsigned char bytes[1 << 12];
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(3, 4), 0, 1);
    bool kept = dc_save_npy(x, "20_array.npy");
    size_t size = read_file("20_array.npy", bytes, sizeof bytes);
    size_t length = bytes[8] + 256u * bytes[9], count = (size - 10 - length) / 4;
    dc_tensor *loaded = kept ? dc_load_npy(ctx, "20_array.npy") : x;
    printf("Exercise 1: an .npy file by hand\n%.5s, version %d.%d, header of %zu bytes: %.58s\n",
           (char *)bytes + 1, bytes[6], bytes[7], length, (char *)bytes + 10);
    size_t same = 0;
    for (size_t i = 0; i < count; i++) {
        const unsigned char *p = bytes + 10 + length + 4 * i;
        uint32_t bits = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        float value;
        memcpy(&value, &bits, sizeof value);                /* the bits, taken as a float */
        same += value == (float)loaded->data[i];
        if (i < 4) printf("%9.6f%s", (double)value, i == 3 ? " ...\n" : " ");
    }
    printf("RESULT exercise1_same=%d\n", same == 12 && count == 12);
}

/* A format of this kind has no checksum: whatever makes a well-formed file is believed. */
static void exercise_2(dc_model *model)
{
    static unsigned char bytes[1 << 20];
    static const char *const what[] = { "the last byte is missing",
        "a bit of the header is flipped", "a bit of the last weight is flipped" };
    size_t size = dc_save(model, "20_whole.safetensors")
        ? read_file("20_whole.safetensors", bytes, sizeof bytes) : 0;
    int refused = 0;
    printf("\nExercise 2: damaged files\n");
    for (int i = 0; i < 3; i++) {
        size_t place = i == 1 ? 8 : size - 2;               /* 8: the first { of the header */
        if (i) bytes[place] ^= 4;
        FILE *f = fopen("20_damaged.safetensors", "wb");
        if (f) fwrite(bytes, 1, size - (i == 0), f), fclose(f);
        if (i) bytes[place] ^= 4;                           /* and back */
        dc_model *loaded = dc_load(ctx, "20_damaged.safetensors");
        printf("%s:\n    ", what[i]);
        if (loaded) printf("loaded, fingerprint %016" PRIx64 " in place of %016" PRIx64 "\n",
                           dc_fingerprint(loaded), dc_fingerprint(model));
        else printf("%s\n", dc_error(ctx)), refused++;
    }
    printf("RESULT exercise2_refused=%d\n", refused);
}

/* The first layer stays as it is; only the last one learns. known NULL: as it was drawn. */
static double with_frozen(dc_model *known, dc_dataset *few, dc_dataset *judges)
{
    dc_model *model = network();
    if (known) dc_write(dc_find(model, "dense_1.weight"), dc_find(known, "dense_1.weight")->data);
    if (known) dc_write(dc_find(model, "dense_1.bias"), dc_find(known, "dense_1.bias")->data);
    dc_freeze(model, "dense_1", true);
    train(model, 1e-2, few, STEPS * BATCH / (int)dc_count(few));
    return dc_evaluate(model, judges).accuracy;
}

static void exercise_3(dc_model *known, dc_dataset *others, dc_dataset *judges, uint64_t seed)
{
    const int n[] = { 10, 50, 200 };
    double trained[3] = { 0 }, random[3] = { 0 };
    printf("\nExercise 3: the first layer frozen\nimages of each   untrained   trained\n");
    for (int i = 0; i < 3; i++) {
        for (uint64_t draw = 0; draw < DRAWS; draw++) {
            dc_dataset *drawn = dc_take(dc_shuffled(others, DRAWS * seed + draw), 0, 2000);
            dc_dataset *few = digits(drawn, 5, 9, n[i]);
            random[i]  += with_frozen(NULL, few, judges) / DRAWS;
            trained[i] += with_frozen(known, few, judges) / DRAWS;
        }
        printf("%14d      %.4f    %.4f\n", n[i], random[i], trained[i]);
    }
    printf("RESULT exercise3_trained_minus_random=%.4f\n", trained[1] - random[1]);
}

/* The whole network goes on, last layer and all, as dc_load gives it. */
static void exercise_4(dc_dataset *all, dc_dataset *test)
{
    static const char *const what[] = { "as loaded", "then 5 to 9, 50 of each",
                                        "then all ten, 50 of each" };
    dc_dataset *old = digits(test, 0, 4, 10000), *new = digits(test, 5, 9, 10000);
    double on_old[3], on_new[3];
    printf("\nExercise 4: what it forgets\n                            0 to 4    5 to 9\n");
    for (int i = 0; i < 3; i++) {
        dc_model *model = dc_load(ctx, "20_whole.safetensors");
        dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));     /* dc_evaluate asks for the loss */
        if (i > 0) train(model, 1e-3, digits(all, i == 1 ? 5 : 0, 9, 50), 40);
        on_old[i] = dc_evaluate(model, old).accuracy, on_new[i] = dc_evaluate(model, new).accuracy;
        printf("%-26s  %.4f    %.4f\n", what[i], on_old[i], on_new[i]);
    }
    printf("RESULT exercise4_forgotten=%.4f\nRESULT exercise4_both=%.4f\n", on_old[0] - on_old[1],
           (on_old[2] + on_new[2]) / 2);
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    uint64_t seed = strtoull(option(argc, argv, "--seed", "1"), NULL, 10);
    ctx = dc_new(seed);
    dc_dataset *all = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test = dc_load_mnist(ctx, folder, DC_TEST);
    if (!all || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    if (chdir(option(argc, argv, "--out", "build"))) return perror("--out"), 1;
    dc_model *model = network();
    train(model, 1e-3, digits(all, 0, 4, 60000), 4);
    exercise_1();
    exercise_2(model);
    exercise_3(model, digits(all, 5, 9, 60000), digits(test, 5, 9, 10000), seed);
    exercise_4(all, test);
    dc_free(ctx);
}
