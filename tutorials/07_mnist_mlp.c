/* 07_mnist_mlp - MNIST: the training loop written out, then fit, evaluate and predict.
 *
 * You will see the loop over epochs and batches, and a table of which digit is taken for which.
 * Then dc_fit does the same: same fingerprint. Then saving, loading, and dropout. build/07_loss.svg
 * shows the loss, build/07_wrong.png digits that were read wrongly. Takes about 4 s.
 *
 * cc -O2 tutorials/07_mnist_mlp.c -o build/07_mnist_mlp -lm
 * options: --seed N (1), --out DIR (build), --data DIR (examples/data/mnist)
 *
 * expected: test_accuracy >= 0.97
 * expected: dropout_accuracy >= 0.97
 * expected: same_fingerprint == 1
 * expected: same_confusion == 1
 * expected: same_after_loading == 1 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"
#include <inttypes.h>

enum { EPOCHS = 5, BATCH = 64, SHOWN = 24 };

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [flatten] */
static void flatten(dc_real image[28][28], dc_real flat[784])   /* row after row */
{
    for (int row = 0; row < 28; row++)
        for (int column = 0; column < 28; column++)
            flat[28 * row + column] = image[row][column];
}
/* [/flatten] */

/* [argmax] */
static int argmax(const dc_real logits[10])                 /* what the network says */
{
    int best = 0;
    for (int c = 1; c < 10; c++)
        if (logits[c] > logits[best]) best = c;
    return best;
}

/* table[t][s]: how many images of a t are read as an s. Returns how many are right. */
static int confusion(dc_real table[10][10], int n, const dc_real *logits, const dc_real *labels)
{
    int right = 0;
    for (int i = 0; i < n; i++) table[(int)labels[i]][argmax(logits + 10 * i)]++;
    for (int c = 0; c < 10; c++) right += (int)table[c][c];
    return right;
}
/* [/argmax] */

/* [network] */
typedef struct network { dc_tensor *w1, *b1, *w2, *b2; } network;

static dc_tensor *forward(network n, dc_tensor *x)              /* x [N, 28, 28, 1] */
{
    dc_tensor *flat   = dc_flatten_op(x);                       /* [N, 784] */
    dc_tensor *hidden = dc_relu(dc_linear(flat, n.w1, n.b1));   /* [N, 128] */
    return dc_linear(hidden, n.w2, n.b2);                       /* logits [N, 10] */
}
/* [/network] */

/* [loop] */
static void train_by_hand(dc_context *ctx, network n, dc_dataset *train)
{
    dc_tensors weights = DC_TENSORS(n.w1, n.b1, n.w2, n.b2);
    dc_optimizer *adam = dc_optimize_these(ctx, dc_adam(1e-3), weights);
    dc_loader *loader  = dc_batches(train, BATCH, true);    /* true: shuffled anew every epoch */
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        double sum = 0;
        dc_batch batch;                                     /* x [64, 28, 28, 1], y [64] */
        while (dc_next(loader, &batch)) {
            dc_mark mark = dc_begin(ctx);
            dc_tensor *loss = dc_cross_entropy(forward(n, batch.x), batch.y);
            dc_backward(loss);
            dc_step(adam);
            sum += (double)dc_item(loss) * (double)batch.size;
            dc_end(ctx, mark);
        }
        printf("epoch %d   loss %.4f\n", epoch, sum / (double)dc_count(train));
    }
}
/* [/loop] */

static void show_wrong(dc_dataset *test, const dc_tensor *logits, const char *path)
{
    dc_batch all = dc_all(test);
    int64_t rows[SHOWN], found = 0;
    for (int64_t i = 0; i < all.size && found < SHOWN; i++) {
        int truth = (int)all.y->data[i], said = argmax(logits->data + 10 * i);
        if (said == truth) continue;
        printf("%d->%d%s", truth, said, found % 8 == 7 ? "\n" : "   ");
        rows[found++] = i;
    }
    dc_tensor *small = dc_all(dc_pick(test, found, rows)).x;
    dc_tensor *large = dc_zeros(small->ctx, DC_SHAPE(found, 84, 84, 1));
    for (int64_t i = 0; i < large->size; i++)               /* every pixel three by three */
        large->data[i] = small->data[i / 7056 * 784 + i / 84 % 84 / 3 * 28 + i % 84 / 3];
    if (!dc_write_png_grid(large, 8, path)) fprintf(stderr, "%s\n", dc_error(small->ctx));
}

static dc_tensor *copy(dc_tensor *p) { return dc_param_from(p->ctx, p->shape, p->data); }
static uint64_t bits_of(dc_tensor *x) { return dc_fingerprint_of(DC_TENSORS(x)); }

static void by_hand(network hand, dc_dataset *train, dc_batch all, dc_real table[10][10])
{
    printf("By hand\n");
    dc_real image[28][28], flat[784];
    memcpy(image, all.x->data, sizeof image);
    flatten(image, flat);
    printf("flattened, the first image is %s\n",
           memcmp(flat, image, sizeof flat) ? "other numbers" : "the same 784 numbers");
    train_by_hand(all.x->ctx, hand, train);
    dc_tensor *z = forward(hand, all.x), *z2 = forward(hand, dc_reshape(all.x, DC_SHAPE(-1, 784)));
    printf("from [28, 28, 1] and from [784], the logits are %s\n",
           bits_of(z) == bits_of(z2) ? "the same bits" : "different");
    printf("test images read correctly: %d of 10000\n"
           "true \\ said    0    1    2    3    4    5    6    7    8    9",
           confusion(table, 10000, z->data, all.y->data));
    for (int i = 0; i < 100; i++) {
        if (i % 10 == 0) printf("\n%11d ", i / 10);
        printf(" %4.0f", (double)table[i / 10][i % 10]);
    }
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    const char *out    = option(argc, argv, "--out", "build");
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *images = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!images || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    dc_dataset *train = dc_take(images, 0, 55000), *held = dc_take(images, 55000, 60000);
    dc_batch all = dc_all(test);                            /* x [10000, 28, 28, 1], y [10000] */

    /* [model] */
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1), dc_flatten(), dc_dense(128, DC_RELU), dc_dense(10, DC_LINEAR)));
    dc_tensor *const *p = dc_params(model).tensor;          /* the same start for both */
    network hand = { copy(p[0]), copy(p[1]), copy(p[2]), copy(p[3]) };
    /* [/model] */

    dc_real table[10][10] = { 0 };
    by_hand(hand, train, all, table);

    printf("\n\nWith deepc\n");
    /* [fit] */
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    const dc_history *history = dc_fit(model, train, (dc_fit_options){
        .epochs = EPOCHS, .batch_size = BATCH, .validation = held, .quiet = true });
    dc_report report    = dc_evaluate(model, test);         /* report.loss, report.accuracy */
    dc_tensor *logits   = dc_predict(model, all.x);         /* [10000, 10] */
    dc_tensor *confused = dc_confusion(model, test);        /* [true class, said class] */
    /* [/fit] */
    for (int i = 0; i < history->epochs; i++)
        printf("epoch %d   loss %.4f   held out: loss %.4f, accuracy %.4f\n", i + 1,
               history->loss[i], history->validation_loss[i], history->validation_accuracy[i]);
    uint64_t of_hand = dc_fingerprint_of(DC_TENSORS(hand.w1, hand.b1, hand.w2, hand.b2));
    printf("fingerprint of the loop  %016" PRIx64 "\n", of_hand);
    printf("fingerprint of dc_fit    %016" PRIx64 "\n", dc_fingerprint(model));
    dc_tensor *first = dc_softmax(dc_first(logits, 0));     /* ten probabilities */
    printf("the first test image is a %d, with probability %.4f\n", argmax(first->data),
           (double)dc_item(dc_max(first)));

    printf("\nThe first %d mistakes (true->said)\n", SHOWN);
    char path[1024];
    snprintf(path, sizeof path, "%s/07_wrong.png", out);
    show_wrong(test, logits, path);
    snprintf(path, sizeof path, "%s/07_loss.svg", out);
    if (!dc_plot_history(ctx, path, history)) fprintf(stderr, "%s\n", dc_error(ctx));
    snprintf(path, sizeof path, "%s/mnist_mlp.safetensors", out);
    /* [save] */
    dc_model *loaded = dc_save(model, path) ? dc_load(ctx, path) : NULL;
    if (!loaded) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    bool same_bits = bits_of(dc_predict(loaded, all.x)) == bits_of(logits);
    /* [/save] */

    /* [dropout] */
    dc_model *second = dc_sequential(ctx, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
        dc_dense(128, DC_RELU), dc_dropout(0.2f), dc_dense(10, DC_LINEAR)));
    dc_compile(second, DC_CROSS_ENTROPY, dc_adam(1e-3));
    dc_fit(second, train, (dc_fit_options){ .epochs = EPOCHS, .quiet = true });
    /* [/dropout] */
    printf("\nRESULT test_accuracy=%.4f\n", report.accuracy);
    printf("RESULT dropout_accuracy=%.4f\n", dc_evaluate(second, test).accuracy);
    printf("RESULT same_fingerprint=%d\n", of_hand == dc_fingerprint(model));
    printf("RESULT same_confusion=%d\n", !memcmp(table, confused->data, sizeof table));
    printf("RESULT same_after_loading=%d\n", same_bits);
    dc_free(ctx);
}
