/* mlp.c - epochs over the 60,000 images of MNIST: dense layers with relu, cross-entropy, Adam, shuffled.
 *
 * mlp DATA fit|hand|start BATCH HIDDEN...: by dc_fit, or by hand, which is the same mathematics; `start` trains on
 * one batch and leaves, for the time until a first step. bench.h has the conversation. */
#include "bench.h"
#include "deepc.h"

static double waited_until;                                  /* When the epoch under way was asked for. */

/* After each epoch of dc_fit: answers, and waits for the next. */
static bool next_epoch(dc_model *model, int epoch, const dc_history *history, void *user)
{
    (void)model, (void)user;
    long steps;
    answer(seconds() - waited_until, history->loss[epoch]);
    bool go_on = asked_to_go(&steps);
    waited_until = seconds();
    return go_on;
}

static void train_by_fit(dc_model *model, dc_dataset *train, int batch)
{
    long steps;
    dc_callback taking_turns = { .name = "taking turns", .on_epoch_end = next_epoch };
    if (!asked_to_go(&steps)) return;
    waited_until = seconds();
    dc_fit(model, train, (dc_fit_options){ .epochs = 1000, .batch_size = batch, .quiet = true,
                                           DC_CALLBACKS(taking_turns) });
}

static void train_by_hand(dc_context *ctx, dc_model *model, dc_dataset *train, int batch_size)
{
    dc_optimizer *adam = dc_optimize_these(ctx, dc_adam(1e-3), dc_params(model));
    dc_mark outer = dc_begin(ctx);
    dc_loader *loader = dc_batches(train, batch_size, true);
    for (long steps; asked_to_go(&steps); ) {
        double start = seconds(), sum = 0;
        for (dc_batch batch; dc_next(loader, &batch); ) {
            dc_mark mark = dc_begin(ctx);
            dc_tensor *loss = dc_cross_entropy(dc_forward(model, batch.x), batch.y);
            dc_backward(loss);
            dc_step(adam);
            sum += (double)dc_item(loss) * (double)batch.size;
            dc_end(ctx, mark);
        }
        answer(seconds() - start, sum / (double)dc_count(train));
    }
    dc_end(ctx, outer);
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 12) return fprintf(stderr, "mlp DATA fit|hand|start BATCH HIDDEN...\n"), 1;
    dc_context *ctx = dc_new(1);
    dc_dataset *train = dc_load_mnist(ctx, argv[1], DC_TRAIN), *test = dc_load_mnist(ctx, argv[1], DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    dc_layer_spec layer[12] = { dc_input(28, 28, 1), dc_flatten() };
    int layers = 2, batch = atoi(argv[3]);
    for (int i = 4; i < argc; i++) layer[layers++] = dc_dense(atoi(argv[i]), DC_RELU);
    layer[layers++] = dc_dense(10, DC_LINEAR);
    dc_model *model = dc_sequential(ctx, dc_make_layers(layers, layer));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    if (!strcmp(argv[2], "start")) {
        dc_fit(model, dc_take(train, 0, batch), (dc_fit_options){ .batch_size = batch, .quiet = true });
        return 0;
    }
    say("ready");
    bool by_fit = !strcmp(argv[2], "fit");
    if (by_fit) train_by_fit(model, train, batch);
    else train_by_hand(ctx, model, train, batch);
    printf("accuracy=%.4f\nfingerprint=%016llx\nsetting=%s\n", dc_evaluate(model, test).accuracy,
           (unsigned long long)dc_fingerprint(model), by_fit ? "dc_fit" : "by hand");
    dc_free(ctx);
}
