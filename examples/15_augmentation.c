/* 15_augmentation - more than 995 of 1,000 digits: the same images, but never twice the same.
 *
 * Every time a digit comes up in training it is shifted, turned, stretched, sheared and bent a
 * little (Simard et al. 2003), so the network cannot learn it by heart; and the rate follows one
 * cycle (Smith & Topin 2017). Each pass then teaches something new, so there are fourteen of them,
 * in about four minutes with 2 cores. build/augmented.png shows ten digits, a row each: the image,
 * then what the network sees in eight passes.
 *
 * ![Ten digits, and eight changed copies of each](pictures/augmented.png)
 *
 * cc -O2 examples/15_augmentation.c -o build/15_augmentation -lm && build/15_augmentation
 * options: --data DIR (examples/data/mnist), --out DIR (build), --seed N (1), --epochs N (14)
 *
 * Test accuracy: 0.9964. One pass alone, which is what the tests run, gives 0.9911.
 * tested with: --epochs 1
 * expected: test_accuracy >= 0.985 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* The first digit of each class, and changed copies of it. */
static void draw_augmented(dc_dataset *data, dc_context *ctx, dc_augmentation how,
                           const char *folder)
{
    enum { COPIES = 8 };
    char path[1024];
    snprintf(path, sizeof path, "%s/augmented.png", folder);
    dc_mark mark = dc_begin(ctx);
    dc_batch b = dc_all(dc_take(data, 0, 100));
    dc_tensor *digit[10] = { NULL }, *column[1 + COPIES];
    for (int64_t i = 0; i < b.size; i++) {
        int k = (int)b.y->data[i];
        if (!digit[k]) digit[k] = dc_first(b.x, i);
    }
    column[0] = dc_stack(dc_make_tensors(10, digit), 0);                    /* [10, 28, 28, 1] */
    bool training = dc_set_training(ctx, true);
    for (int i = 1; i <= COPIES; i++) column[i] = dc_augment_op(column[0], how);
    dc_set_training(ctx, training);
    dc_tensor *rows = dc_stack(dc_make_tensors(1 + COPIES, column), 1);     /* [10, 9, 28, 28, 1] */
    dc_tensor *all = dc_reshape(rows, DC_SHAPE(10 * (1 + COPIES), 28, 28, 1));
    if (!dc_write_png_grid(all, 1 + COPIES, path)) fprintf(stderr, "%s\n", dc_error(ctx));
    dc_end(ctx, mark);
}

int main(int argc, char **argv)
{
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    int epochs         = atoi(option(argc, argv, "--epochs", "14"));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    dc_augmentation how = { .shift = 0.08f, .rotate = 12, .scale = 0.12f, .shear = 0.15f,
                            .elastic = 1 };
    draw_augmented(train, ctx, how, option(argc, argv, "--out", "build"));
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_augment(how),
        dc_conv2d(32, 5, DC_RELU),
        dc_max_pool(2),
        dc_conv2d(64, 5, DC_RELU),
        dc_max_pool(2),
        dc_flatten(),
        dc_dense(256, DC_RELU),
        dc_dropout(0.4f),
        dc_dense(10, DC_LINEAR)));
    dc_optimizer_spec adam = dc_adam(4e-3);
    adam.schedule = dc_one_cycle(epochs * (dc_count(train) + 127) / 128);
    dc_compile(model, DC_CROSS_ENTROPY, adam);
    dc_fit(model, train, (dc_fit_options){ .epochs = epochs, .batch_size = 128 });

    printf("RESULT parameters=%lld\n", (long long)dc_param_count(model));
    printf("RESULT test_accuracy=%.4f\n", dc_evaluate(model, test).accuracy);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
