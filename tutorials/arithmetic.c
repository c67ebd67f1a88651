/* arithmetic - why the same program gives other numbers elsewhere, and why deepc's does not.
 *
 * You will see one sum in two orders, one product with one rounding or two, and then a network
 * trained with 1, 2 and 3 threads: the same bits. At last one weight is moved by the smallest step
 * that a float can make before training; the end is another network. Takes about 1 s.
 *
 * cc -O2 tutorials/arithmetic.c -o build/arithmetic -lm
 * options: --seed N (1)
 *
 * expected: orders_differ == 1
 * expected: roundings_differ == 1
 * expected: same_fingerprints == 3
 * expected: other_fingerprint == 1 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { N = 1000000 };

/* [sum] */
/* 1 + 1/2 + 1/3 + ... + 1/1000000, from the left and from the right. */
static float from_the_left(void)
{
    float sum = 0;
    for (int i = 1; i <= N; i++) sum += 1.0f / (float)i;
    return sum;
}

static float from_the_right(void)
{
    float sum = 0;
    for (int i = N; i >= 1; i--) sum += 1.0f / (float)i;
    return sum;
}
/* [/sum] */

static float from_deepc(dc_context *ctx)
{
    return dc_item(dc_sum(dc_reciprocal(dc_arange(ctx, 1, N + 1, 1))));
}

/* [train] */
/* A network for the spirals; returns its fingerprint, and the loss it ends with. */
static uint64_t train(uint64_t seed, int threads, bool moved, double *loss)
{
    dc_set_threads(threads);
    dc_context *ctx  = dc_new(seed);
    dc_dataset *data = dc_make_spirals(ctx, 600, 2, 0.15f);
    dc_model *model  = dc_sequential(ctx, DC_LAYERS(
        dc_input(2), dc_dense(128, DC_RELU), dc_dense(128, DC_RELU), dc_dense(2, DC_LINEAR)));
    if (moved) {                                          /* one weight, by its last bit */
        dc_tensor *weight = dc_find(model, "dense_1.weight");
        weight->data[0] = nextafterf(weight->data[0], 1);
    }
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(0.02));
    dc_fit(model, data, (dc_fit_options){ .epochs = 300, .batch_size = 100, .quiet = true });
    *loss = dc_evaluate(model, data).loss;
    uint64_t fingerprint = dc_fingerprint(model);
    dc_free(ctx);
    return fingerprint;
}
/* [/train] */

int main(int argc, char **argv)
{
    uint64_t seed = argc > 2 && !strcmp(argv[1], "--seed") ? strtoull(argv[2], NULL, 10) : 1;
    dc_context *ctx = dc_new(seed);

    printf("A sum\n");
    double exact = 0;
    for (int i = 1; i <= N; i++) exact += 1.0 / i;
    float left = from_the_left(), right = from_the_right();
    printf("from the left    %.6f\nfrom the right   %.6f\n", left, right);
    printf("in double        %.6f\ndc_sum           %.6f\n", exact, from_deepc(ctx));

    printf("\nA product\n");
    /* [fma] */
    volatile float a = 1 + 1 / 4096.0f, c = -(1 + 1 / 2048.0f);
    volatile float product = a * a;                       /* rounded here ... */
    float two_roundings = product + c;                    /* ... and here */
    float one_rounding  = fmaf(a, a, c);                  /* rounded once, at the end */
    float your_compiler = a * a + c;                      /* one or two? C leaves it open */
    /* [/fma] */
    dc_tensor *row    = dc_from(ctx, DC_SHAPE(1, 2), (dc_real[]){ c, a });
    dc_tensor *column = dc_from(ctx, DC_SHAPE(2, 1), (dc_real[]){ 1, a });
    printf("two roundings    %.9g\none rounding     %.9g\n", two_roundings, one_rounding);
    printf("dc_matmul        %.9g\n", dc_item(dc_matmul(row, column)));
    fprintf(stderr, "your compiler's a * a + c   %.9g\n", your_compiler);

    printf("\nA network\n");
    uint64_t fingerprint[4];
    double loss;
    for (int i = 0; i < 4; i++) {
        fingerprint[i] = train(seed, i < 3 ? i + 1 : 1, i == 3, &loss);
        if (i < 3) printf("%d thread%s       ", i + 1, i ? "s" : " ");
        else       printf("one bit moved   ");
        printf(" %016llx   loss %.6f\n", (unsigned long long)fingerprint[i], loss);
    }
    int same = 0;
    for (int i = 0; i < 3; i++) same += fingerprint[i] == fingerprint[0];
    printf("\nRESULT orders_differ=%d\n", left != right);
    printf("RESULT roundings_differ=%d\n", two_roundings != one_rounding);
    printf("RESULT same_fingerprints=%d\n", same);
    printf("RESULT other_fingerprint=%d\n", fingerprint[3] != fingerprint[0]);
    dc_free(ctx);
}
