/* 04_softmax - softmax regression: ten neurons read handwritten digits.
 *
 * You will see 1,000 steps written out in C, the same steps taken by deepc, and five epochs with
 * dc_fit, from zeros and from random numbers. Then what clipping does to a loss.
 * build/04_templates.png shows what the neurons look for. Takes about 2 s.
 *
 * cc -O2 tutorials/04_softmax.c -o build/04_softmax -lm
 * options: --seed N (1), --out DIR (build), --data DIR (examples/data/mnist)
 *
 * expected: by_hand_accuracy >= 0.91
 * expected: weight_difference <= 0.001
 * expected: test_accuracy >= 0.915
 * expected: random_start >= 0.915 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { PIXELS = 28 * 28, CLASSES = 10, BATCH = 100, STEPS = 1000 };
static const double rate = 0.5;

/* [forward] */
typedef struct network { double w[PIXELS][CLASSES], b[CLASSES]; } network;
static void logits(const network *n, const dc_real *x, double *z)      /* z = x W + b */
{
    for (int k = 0; k < CLASSES; k++) z[k] = n->b[k];
    for (int i = 0; i < PIXELS; i++)
        if (x[i] != 0)                                      /* four of five pixels are paper */
            for (int k = 0; k < CLASSES; k++) z[k] += x[i] * n->w[i][k];
}
/* [/forward] */

/* [softmax] */
static double softmax(double *z)           /* turns z into probabilities; returns log(sum e^z) */
{
    double largest = z[0], sum = 0;
    for (int k = 1; k < CLASSES; k++) largest = fmax(largest, z[k]);
    for (int k = 0; k < CLASSES; k++) z[k] = exp(z[k] - largest), sum += z[k];
    for (int k = 0; k < CLASSES; k++) z[k] /= sum;
    return largest + log(sum);
}
/* [/softmax] */

/* [step] */
/* One step on one batch; returns the batch's loss, the mean of -log p[label]. */
static double step(network *n, const dc_batch *batch)
{
    network g = { { { 0 } }, { 0 } };                       /* the gradient, shaped like W and b */
    double loss = 0, z[CLASSES];
    for (int s = 0; s < BATCH; s++) {
        const dc_real *x = batch->x->data + s * PIXELS;
        int label = (int)batch->y->data[s];
        logits(n, x, z);
        loss -= z[label];
        loss += softmax(z);                                 /* -log p[label]; z is p from here */
        z[label] -= 1;                                      /* dloss/dz = p - t */
        for (int k = 0; k < CLASSES; k++) g.b[k] += z[k];
        for (int i = 0; i < PIXELS; i++)
            if (x[i] != 0)
                for (int k = 0; k < CLASSES; k++) g.w[i][k] += x[i] * z[k];
    }
    for (int k = 0; k < CLASSES; k++) n->b[k] -= rate * g.b[k] / BATCH;
    for (int i = 0; i < PIXELS; i++)
        for (int k = 0; k < CLASSES; k++) n->w[i][k] -= rate * g.w[i][k] / BATCH;
    return loss / BATCH;
}
/* [/step] */

/* [accuracy] */
static double accuracy(const network *n, dc_batch test)
{
    double right = 0, z[CLASSES];
    for (int64_t s = 0; s < test.size; s++) {
        int said = 0;                                       /* the class with the largest logit */
        logits(n, test.x->data + s * PIXELS, z);
        for (int k = 1; k < CLASSES; k++) if (z[k] > z[said]) said = k;
        right += said == (int)test.y->data[s];
    }
    return right / (double)test.size;
}
/* [/accuracy] */

/* [deepc] */
static dc_model *ten_neurons(dc_context *ctx, dc_init init)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
                                    dc_with_init(dc_dense(CLASSES, DC_LINEAR), init)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(rate));      /* the softmax is in the loss */
    return model;
}

static void same_steps(dc_model *model, dc_loader *loader)
{
    dc_batch batch;
    for (int i = 0; i < STEPS; i++) {
        while (!dc_next(loader, &batch)) {}
        dc_mark mark = dc_begin(batch.x->ctx);
        dc_backward(dc_cross_entropy(dc_forward(model, batch.x), batch.y));
        dc_step(dc_optimizer_of(model));
        dc_end(batch.x->ctx, mark);
    }
}
/* [/deepc] */

/* [fit] */
static double five_epochs(const char *start, dc_model *model, dc_dataset *train, dc_dataset *test)
{
    dc_fit(model, train, (dc_fit_options){ .epochs = 5, .batch_size = BATCH, .quiet = true });
    dc_report report = dc_evaluate(model, test);
    printf("%-28s accuracy %.4f   test loss %.4f\n", start, report.accuracy, report.loss);
    return report.accuracy;
}
/* [/fit] */

/* [clipping] */
static void show(const char *form, dc_tensor *loss, dc_tensor *z)
{
    dc_backward(loss);
    double slope = fabs((double)dc_at(dc_grad(z), DC_SHAPE(0, 0)));     /* nan may have a sign */
    printf("%-26s   loss %8.4f   slope %.4f\n", form, (double)dc_item(loss), slope);
    dc_zero_grad(z);
}

static void clipping(dc_context *ctx)
{
    dc_tensor *z = dc_require_grad(dc_from(ctx, DC_SHAPE(1, 2), (dc_real[]){ 0, 120 }));
    dc_tensor *t = dc_from(ctx, DC_SHAPE(1, 2), (dc_real[]){ 1, 0 });   /* the class is 0 */
    dc_tensor *p = dc_softmax(z), *label = dc_zeros(ctx, DC_SHAPE(1));
    const dc_real low = 1e-10f, high = 0.999999999f;
    dc_tensor *clipped_t = dc_clip(t, low, high), *clipped_p = dc_clip(p, low, high);
    show("-sum t log p", dc_neg(dc_sum(dc_mul(t, dc_log(p)))), z);
    show("the labels t clipped", dc_neg(dc_sum(dc_mul(clipped_t, dc_log(p)))), z);
    show("the predictions p clipped", dc_neg(dc_sum(dc_mul(t, dc_log(clipped_p)))), z);
    show("dc_cross_entropy(z, label)", dc_cross_entropy(z, label), z);
    printf("the upper bound in float: %.9f\n", (double)high);
}
/* [/clipping] */

/* [templates] */
/* W [784, 10] as ten images, each pixel a block of 4 x 4; grey is 0, light is positive. */
static dc_tensor *templates(dc_tensor *w)
{
    dc_tensor *grey = dc_transpose(dc_sigmoid(dc_scale(w, 1 / dc_item(dc_std(w, 0)))));
    dc_tensor *pixels = dc_reshape(grey, DC_SHAPE(10, 28, 1, 28, 1));
    return dc_reshape(dc_expand(pixels, DC_SHAPE(10, 28, 4, 28, 4)), DC_SHAPE(10, 112, 112, 1));
}
/* [/templates] */

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    dc_context *ctx   = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test  = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    printf("By hand\n");
    /* [loop] */
    static network hand;                                    /* all zeros */
    dc_loader *loader = dc_batches(train, BATCH, true);     /* true: shuffled anew every epoch */
    dc_batch batch;
    for (int i = 0; i < STEPS; i++) {
        while (!dc_next(loader, &batch)) {}                 /* no batch left: a new epoch begins */
        double loss = step(&hand, &batch);
        if (i % 200 == 0) printf("step %3d   loss %.4f\n", i, loss);
    }
    /* [/loop] */
    double by_hand = accuracy(&hand, dc_all(test)), worst = 0;
    printf("accuracy on the test images: %.4f\n\nWith deepc\n", by_hand);
    dc_model *same = ten_neurons(ctx, DC_ZEROS);
    same_steps(same, dc_batches(train, BATCH, true));
    const dc_real *w = dc_find(same, "dense_1.weight")->data;
    for (int i = 0; i < PIXELS * CLASSES; i++)
        worst = fmax(worst, fabs(w[i] - hand.w[i / CLASSES][i % CLASSES]));
    printf("the same 1,000 steps         accuracy %.4f\n", dc_evaluate(same, test).accuracy);
    dc_model *zeros = ten_neurons(ctx, DC_ZEROS), *random = ten_neurons(ctx, DC_GLOROT);
    double from_zeros  = five_epochs("5 epochs from zeros", zeros, train, test);
    double from_random = five_epochs("5 epochs from random numbers", random, train, test);
    printf("\nOne loss, two kinds of labels\n");
    /* [one_hot] */
    dc_tensor *z = dc_forward(zeros, batch.x), *labels = batch.y;       /* [100, 10], [100] */
    dc_tensor *by_number  = dc_cross_entropy(z, labels);
    dc_tensor *by_one_hot = dc_soft_cross_entropy(z, dc_one_hot(labels, CLASSES));
    /* [/one_hot] */
    printf("number %.6f, one-hot %.6f\n", (double)dc_item(by_number), (double)dc_item(by_one_hot));
    printf("\nA confident mistake\n");
    clipping(ctx);

    char path[1024];
    snprintf(path, sizeof path, "%s/04_templates.png", option(argc, argv, "--out", "build"));
    if (!dc_write_png_grid(templates(dc_find(zeros, "dense_1.weight")), 5, path))
        fprintf(stderr, "%s\n", dc_error(ctx));
    printf("\nRESULT by_hand_accuracy=%.4f\nRESULT weight_difference=%.6f\n", by_hand, worst);
    printf("RESULT test_accuracy=%.4f\nRESULT random_start=%.4f\n", from_zeros, from_random);
    dc_free(ctx);
}
