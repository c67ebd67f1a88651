/* convnet.c - training steps on MNIST: the convolutional network of Keras, cross-entropy, Adam, shuffled.
 *
 * convnet DATA BATCH STEPS: every `go` takes so many steps. bench.h has the conversation. */
#include "bench.h"
#include "deepc.h"

/* Of an epoch without end, which leaves out what is smaller than a batch. */
static dc_batch next_batch(dc_loader *loader, int batch_size)
{
    dc_batch batch;
    while (!dc_next(loader, &batch) || batch.size < batch_size) { }
    return batch;
}

static void train(dc_context *ctx, dc_model *model, dc_dataset *images, int batch_size, int steps)
{
    dc_optimizer *adam = dc_optimize_these(ctx, dc_adam(1e-3), dc_params(model));
    dc_mark outer = dc_begin(ctx);
    dc_loader *loader = dc_batches(images, batch_size, true);
    for (long number; asked_to_go(&number); ) {
        double start = seconds(), sum = 0;
        for (int i = 0; i < steps; i++) {
            dc_batch batch = next_batch(loader, batch_size);
            dc_mark mark = dc_begin(ctx);
            dc_tensor *loss = dc_cross_entropy(dc_forward(model, batch.x), batch.y);
            dc_backward(loss);
            dc_step(adam);
            sum += (double)dc_item(loss);
            dc_end(ctx, mark);
        }
        answer(seconds() - start, sum / steps);
    }
    dc_end(ctx, outer);
}

int main(int argc, char **argv)
{
    int batch_size = argc == 4 ? atoi(argv[2]) : 0, steps = argc == 4 ? atoi(argv[3]) : 0;
    if (batch_size < 1 || steps < 1) return fprintf(stderr, "convnet DATA BATCH STEPS\n"), 1;
    dc_context *ctx = dc_new(1);
    dc_dataset *images = dc_load_mnist(ctx, argv[1], DC_TRAIN), *test = dc_load_mnist(ctx, argv[1], DC_TEST);
    if (!images || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_conv2d(32, 3, DC_RELU),
        dc_max_pool(2),
        dc_conv2d(64, 3, DC_RELU),
        dc_max_pool(2),
        dc_flatten(),
        dc_dropout(0.5f),
        dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    say("ready");
    train(ctx, model, images, batch_size, steps);
    printf("accuracy=%.4f\nfingerprint=%016llx\nsetting=by hand\n", dc_evaluate(model, test).accuracy,
           (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}
