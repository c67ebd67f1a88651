/* 20_share - saving, sharing, reusing: a trained network becomes a file, and a file a beginning.
 *
 * You will see a saved network read byte by byte in plain C; training that stops and goes on with
 * the same bits; a network that knows the digits 0 to 4 learning 5 to 9 from a few images. Picture:
 * build/20_reuse.svg. Leaves build/20_digits.safetensors and .npy for Python. Takes about 5 s.
 *
 * cc -O2 tutorials/20_share.c -o build/20_share -lm
 * options: --seed N (1), --out DIR (build), --data DIR (examples/data/mnist)
 *
 * expected: same_bits == 1
 * expected: same_after_stop == 1
 * expected: reused_accuracy >= 0.91
 * expected: gain >= 0.01 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"
#include <unistd.h>

enum { STEPS = 200, BATCH = 25, DRAWS = 5, SIZES = 5 };
static dc_context *ctx;

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [number] */
static double number(const unsigned char *p)                /* four bytes, the lowest first */
{
    uint32_t bits = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    int s = (int)(bits >> 31), e = (int)(bits >> 23 & 255), m = (int)(bits & 0x7fffff);
    double size = e ? ldexp(1 + m / 8388608.0, e - 127) : ldexp(m / 8388608.0, -126);
    return s ? -size : size;
}
/* [/number] */

/* [by_hand] */
/* Prints what is in the file, fills `numbers`, and returns how many there are. */
static size_t read_by_hand(const char *path, double *numbers)
{
    static unsigned char bytes[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(bytes, 1, sizeof bytes - 1, f) : 0, length = 0, start, stop;
    if (size < 8 || fclose(f)) return 0;
    for (int i = 0; i < 8; i++) length += (size_t)bytes[i] << 8 * i;
    const char *p = (const char *)bytes + 8;                /* the header */
    const unsigned char *data = bytes + 8 + length;
    printf("%zu bytes: 8 + %zu + %zu\n%.68s ...\n", size, length, size - 8 - length, p);
    for (; (p = strstr(p, "{\"dtype\"")); p++) {
        char name[40], shape[40];
        const char *key = p;
        for (int quotes = 0; quotes < 2; ) quotes += *--key == '"';     /* back to the name */
        if (sscanf(key, "\"%39[^\"]\" : {\"dtype\" : \"F32\" , \"shape\" : [%39[^]]] , "
                   "\"data_offsets\" : [%zu , %zu", name, shape, &start, &stop) == 4)
            printf("%-14s  bytes %6zu to %6zu   %9.6f %9.6f ...  [%s]\n", name, start, stop,
                   number(data + start), number(data + start + 4), shape);
    }
    size_t count = (size - 8 - length) / 4;
    for (size_t i = 0; i < count; i++) numbers[i] = number(data + 4 * i);
    return count;
}
/* [/by_hand] */

/* [digits] */
/* Of each of the digits from..to the first `most` images. */
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
/* [/digits] */

/* [network] */
static dc_model *network(dc_context *owner)
{
    dc_model *model = dc_sequential(owner, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
        dc_dropout(0.3f), dc_dense(128, DC_RELU), dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    return model;
}

static void train(dc_model *model, dc_dataset *data, int epochs)
{
    dc_fit(model, data, (dc_fit_options){ .epochs = epochs, .batch_size = BATCH, .quiet = true });
}
/* [/network] */

/* [stop] */
static dc_dataset *copy(dc_context *owner, dc_batch b)      /* the same images elsewhere */
{
    return dc_from_arrays(owner, b.size, DC_SHAPE(28, 28, 1), b.x->data, DC_SCALAR, b.y->data, 10);
}

/* Two epochs, files, two more epochs: as if the program had ended. 0: a file failed. */
static uint64_t in_two_parts(uint64_t seed, dc_batch b, bool with_training)
{
    dc_context *before = dc_new(seed), *after = dc_new(seed + 1);
    dc_model *first = network(before);
    train(first, copy(before, b), 2);
    bool ok = dc_save(first, "20_half.safetensors") && dc_save_training(first, "20_half.training");
    dc_model *second = ok ? dc_load(after, "20_half.safetensors") : NULL;
    if (second) dc_compile(second, DC_CROSS_ENTROPY, dc_adam(1e-3));    /* as in network */
    ok = second && (!with_training || dc_load_training(second, "20_half.training"));
    if (ok) train(second, copy(after, b), 2);
    uint64_t fingerprint = ok ? dc_fingerprint(second) : 0;
    dc_free(before), dc_free(after);
    return fingerprint;
}
/* [/stop] */

static uint64_t bits_of(dc_tensor *x) { return dc_fingerprint_of(DC_TENSORS(x)); }

/* [learn] */
/* Learns a few images; the accuracy on others. With `known`, its first layer is the beginning. */
static double learn(dc_model *known, dc_dataset *few, dc_dataset *judges)
{
    dc_model *model = network(ctx);                         /* all weights are new */
    dc_tensor *w = dc_find(model, "dense_1.weight"), *b = dc_find(model, "dense_1.bias");
    if (known) dc_write(w, dc_find(known, "dense_1.weight")->data);
    if (known) dc_write(b, dc_find(known, "dense_1.bias")->data);
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-2));
    dc_set_group(dc_optimizer_of(model), DC_TENSORS(w, b), 0.1, 0);     /* a tenth of the rate */
    train(model, few, STEPS * BATCH / (int)dc_count(few));
    return dc_evaluate(model, judges).accuracy;
}
/* [/learn] */

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    uint64_t seed = strtoull(option(argc, argv, "--seed", "1"), NULL, 10);
    ctx = dc_new(seed);
    dc_dataset *all = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test = dc_load_mnist(ctx, folder, DC_TEST);
    if (!all || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    if (chdir(option(argc, argv, "--out", "build"))) return perror("--out"), 1;     /* go there */
    /* [first] */
    dc_model *model  = network(ctx);
    train(model, digits(all, 0, 4, 60000), 4);
    bool saved       = dc_save(model, "20_digits.safetensors");
    dc_model *loaded = saved ? dc_load(ctx, "20_digits.safetensors") : NULL;
    if (!loaded) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    dc_tensor *x     = dc_all(dc_take(test, 0, 100)).x, *logits = dc_predict(model, x);
    uint64_t trained = bits_of(logits), again = bits_of(dc_predict(loaded, x));
    /* [/first] */
    printf("By hand: 20_digits.safetensors\n");
    /* [compare_weights] */
    static double numbers[1 << 17];
    size_t count = read_by_hand("20_digits.safetensors", numbers), k = 0, same = 0;
    dc_tensors p = dc_params(loaded);                       /* in the order of the file */
    for (int i = 0; i < p.count; i++)
        for (int64_t j = 0; j < p.tensor[i]->size; j++)
            same += (double)p.tensor[i]->data[j] == numbers[k++];
    /* [/compare_weights] */
    /* [arrays] */
    bool kept = dc_save_npy(x, "20_images.npy") && dc_save_npy(logits, "20_logits.npy");
    uint64_t array = kept ? bits_of(dc_load_npy(ctx, "20_logits.npy")) : 0;
    /* [/arrays] */
    printf("\nWith deepc\nof %zu numbers read by hand, dc_load has %zu\n"
           "predictions, trained     %016" PRIx64 "\npredictions, loaded      %016" PRIx64
           "\npredictions, from .npy   %016" PRIx64 "\n", count, same, trained, again, array);
    /* [go_on] */
    dc_batch some     = dc_all(digits(all, 0, 4, 500));
    dc_context *other = dc_new(seed);
    dc_model *whole   = network(other);
    train(whole, copy(other, some), 4);
    uint64_t in_one = dc_fingerprint(whole), in_two = in_two_parts(seed, some, true);
    /* [/go_on] */
    printf("\nStopped after two epochs\nin one go:    %016" PRIx64 "\nin two parts: %016" PRIx64
           "\nweights only: %016" PRIx64 "\n", in_one, in_two, in_two_parts(seed, some, false));
    printf("\nDigits 5 to 9: mean accuracy\nimages of each  from scratch  reused    gain\n");
    /* [compare] */
    dc_dataset *others = digits(all, 5, 9, 60000), *judges = digits(test, 5, 9, 10000);
    dc_real n[SIZES] = { 10, 20, 50, 100, 200 }, scratch[SIZES] = { 0 }, reused[SIZES] = { 0 };
    for (int i = 0; i < SIZES; i++) {
        for (uint64_t draw = 0; draw < DRAWS; draw++) {
            dc_dataset *drawn = dc_take(dc_shuffled(others, DRAWS * seed + draw), 0, 2000);
            dc_dataset *few   = digits(drawn, 5, 9, (int)n[i]);
            scratch[i] += (dc_real)learn(NULL, few, judges) / DRAWS;
            reused[i]  += (dc_real)learn(loaded, few, judges) / DRAWS;
        }
        printf("%14.0f        %.4f  %.4f  %.4f\n", (double)n[i], (double)scratch[i],
               (double)reused[i], (double)(reused[i] - scratch[i]));
    }
    /* [/compare] */
    dc_plot plot = { .title = "Learning the digits 5 to 9 from a few images",
        .x_label = "images of each digit", .y_label = "accuracy", .series_count = 2,
        .series = (dc_series[]){ { "knows 0 to 4", n, reused, SIZES, 0, 0 },
                                 { "from scratch", n, scratch, SIZES, 0, 0 } } };
    if (!dc_write_svg(ctx, "20_reuse.svg", &plot)) fprintf(stderr, "%s\n", dc_error(ctx));
    printf("\nRESULT same_bits=%d\nRESULT same_after_stop=%d\nRESULT reused_accuracy=%.4f\n"
           "RESULT gain=%.4f\n", same == count && trained == again && trained == array,
           in_one == in_two, (double)reused[2], (double)(reused[2] - scratch[2]));
    dc_free(ctx), dc_free(other);
}
