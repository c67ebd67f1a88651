/* 22_mixup - a training loop of your own: mixed digits with mixed labels.
 *
 * Of few images a network learns the details by heart. Mixup (Zhang et al. 2018, arXiv:1710.09412)
 * shows it lambda x1 + (1 - lambda) x2 with the target lambda t1 + (1 - lambda) t2 instead, so that
 * between two digits it has to be as unsure as the mixture is. dc_fit knows nothing of it, and need
 * not: the loop is seven calls. You will see the same network learn 500 digits with and without;
 * both know them by heart, and of 10,000 new digits the one that learnt mixtures misreads fewer.
 * A few seconds.
 *
 * cc -O2 examples/22_mixup.c -o build/22_mixup -lm && build/22_mixup
 * options: --data DIR (examples/data/mnist), --seed N (1)
 *
 * expected: plain_known >= 0.99
 * expected: mixup_known >= 0.98
 * expected: mixup >= 0.92
 * expected: gain >= 0.003 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { COUNT = 500, BATCH = 50, EPOCHS = 60 };

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* lambda x_i + (1 - lambda) x_order[i], row by row. */
static dc_tensor *mix(dc_tensor *x, dc_tensor *order, dc_tensor *lambda)
{
    dc_tensor *other = dc_gather(x, order);
    return dc_add(other, dc_mul(lambda, dc_sub(x, other)));
}

static dc_model *train(dc_context *ctx, dc_dataset *data, bool with_mixup)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_conv2d(16, 5, DC_RELU), dc_max_pool(2), dc_conv2d(32, 5, DC_RELU), dc_max_pool(2),
        dc_flatten(), dc_dense(128, DC_RELU), dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    dc_loader *loader = dc_batches(data, BATCH, true);
    dc_set_training(ctx, true);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        for (dc_batch b; dc_next(loader, &b);) {
            dc_mark mark = dc_begin(ctx);
            dc_tensor *x = b.x, *t = dc_one_hot(b.y, 10);
            if (with_mixup) {
                dc_tensor *order = dc_permutation(ctx, b.size);
                dc_tensor *lambda = dc_uniform(ctx, DC_SCALAR, 0, 1);   /* Beta(1, 1) */
                x = mix(x, order, lambda);
                t = mix(t, order, lambda);
            }
            dc_backward(dc_soft_cross_entropy(dc_forward(model, x), t));
            dc_step(dc_optimizer_of(model));
            dc_end(ctx, mark);
        }
    dc_set_training(ctx, false);
    return model;
}

int main(int argc, char **argv)
{
    uint64_t seed      = strtoull(option(argc, argv, "--seed", "1"), NULL, 10);
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_context *ctx    = dc_new(seed);
    dc_dataset *all    = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!all || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    dc_dataset *few = dc_take(dc_shuffled(all, seed), 0, COUNT);
    double known[2], right[2];
    for (int with_mixup = 0; with_mixup < 2; with_mixup++) {
        dc_model *model = train(ctx, few, with_mixup);
        known[with_mixup] = dc_evaluate(model, few).accuracy;
        right[with_mixup] = dc_evaluate(model, test).accuracy;
    }
    printf("RESULT plain_known=%.4f\nRESULT mixup_known=%.4f\n", known[0], known[1]);
    printf("RESULT plain=%.4f\nRESULT mixup=%.4f\n", right[0], right[1]);
    printf("RESULT gain=%.4f\n", right[1] - right[0]);
    dc_free(ctx);
}
