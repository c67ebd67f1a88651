/* 06_mnist_mlp - the same network twice: by hand, and by dc_fit; the weights end with the same
 * bits.
 *
 * You will see a line an epoch of the loop written by hand (tensors, a tape, a gradient, a step),
 * then dc_fit on a model of layers, from the same initial weights and with the same seed. At the
 * end both have the same fingerprint: dc_fit holds no magic, it is that loop. Takes about 5 s.
 *
 * cc -O2 examples/06_mnist_mlp.c -lm && ./a.out
 * options: --data DIR (examples/data/mnist), --seed N (1), --quick (5,000 images, 2 epochs)
 *
 * expected: same_fingerprint == 1
 * expected: test_accuracy >= 0.970 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"
#include <time.h>

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], name)) return i + 1 < argc ? argv[i + 1] : name;
    return usual;
}

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Two layers: x [N, 28, 28, 1] -> [N, 784] -> [N, 128] -> logits [N, 10]. */
typedef struct network { dc_tensor *w1, *b1, *w2, *b2; } network;

static dc_tensor *forward(const network *n, dc_tensor *x)
{
    dc_tensor *hidden = dc_relu(dc_linear(dc_flatten_op(x), n->w1, n->b1));
    return dc_linear(hidden, n->w2, n->b2);
}

static void train_by_hand(dc_context *ctx, const network *n, dc_dataset *train, int epochs)
{
    dc_tensors params = DC_TENSORS(n->w1, n->b1, n->w2, n->b2);
    dc_optimizer *adam = dc_optimize_these(ctx, dc_adam(1e-3), params);
    dc_mark outer = dc_begin(ctx);
    dc_loader *loader = dc_batches(train, 64, true);          /* true: shuffled anew every epoch */
    for (int epoch = 1; epoch <= epochs; epoch++) {
        double sum = 0;
        dc_batch batch;
        while (dc_next(loader, &batch)) {
            dc_mark mark = dc_begin(ctx);
            dc_tensor *loss = dc_cross_entropy(forward(n, batch.x), batch.y);
            dc_backward(loss);
            dc_step(adam);
            sum += (double)dc_item(loss) * (double)batch.size;
            dc_end(ctx, mark);
        }
        printf("by hand, epoch %d: loss %.4f\n", epoch, sum / (double)dc_count(train));
    }
    dc_end(ctx, outer);
}

static double accuracy_by_hand(dc_context *ctx, const network *n, dc_dataset *test)
{
    double right = 0;
    dc_mark outer = dc_begin(ctx);
    dc_loader *loader = dc_batches(test, 500, false);
    bool old = dc_set_grad(ctx, false);                       /* Nothing is taped. */
    dc_batch batch;
    while (dc_next(loader, &batch)) {
        dc_mark mark = dc_begin(ctx);
        dc_tensor *said = dc_argmax(forward(n, batch.x), 1);
        right += (double)dc_item(dc_sum(dc_equal(said, batch.y)));
        dc_end(ctx, mark);
    }
    dc_set_grad(ctx, old);
    dc_end(ctx, outer);
    return right / (double)dc_count(test);
}

static dc_tensor *copy(dc_model *model, const char *name)
{
    dc_tensor *p = dc_find(model, name);
    return dc_param_from(p->ctx, p->shape, p->data);
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    bool quick = option(argc, argv, "--quick", NULL);
    int epochs = quick ? 2 : 5;
    if (quick) train = dc_take(train, 0, 5000);

    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1), dc_flatten(), dc_dense(128, DC_RELU), dc_dense(10, DC_LINEAR)));
    network hand = { copy(model, "dense_1.weight"), copy(model, "dense_1.bias"),
                     copy(model, "dense_2.weight"), copy(model, "dense_2.bias") };

    double start = seconds();
    train_by_hand(ctx, &hand, train, epochs);
    fprintf(stderr, "TIME by_hand=%.2f\n", seconds() - start);

    start = seconds();
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    const dc_history *history = dc_fit(model, train,
        (dc_fit_options){ .epochs = epochs, .batch_size = 64, .quiet = true });
    for (int i = 0; i < history->epochs; i++)
        printf("dc_fit,  epoch %d: loss %.4f\n", i + 1, history->loss[i]);
    fprintf(stderr, "TIME fit=%.2f\n", seconds() - start);

    uint64_t of_hand = dc_fingerprint_of(DC_TENSORS(hand.w1, hand.b1, hand.w2, hand.b2));
    uint64_t of_fit  = dc_fingerprint(model);
    printf("RESULT test_accuracy_by_hand=%.4f\n", accuracy_by_hand(ctx, &hand, test));
    printf("RESULT test_accuracy=%.4f\n", dc_evaluate(model, test).accuracy);
    printf("RESULT fingerprint_by_hand=%016llx\n", (unsigned long long)of_hand);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)of_fit);
    printf("RESULT same_fingerprint=%d\n", of_hand == of_fit);
    dc_free(ctx);
}
