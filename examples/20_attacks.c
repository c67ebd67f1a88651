/* 20_attacks - digits changed so little that you still read them, and so that a network does not;
 * and a network that was trained on such digits.
 *
 * You will see which part of 1,000 test digits is read rightly: as they are, after one step up the
 * gradient of the loss (FGSM), and after 20 small ones (PGD), with no pixel changed by more than
 * epsilon = 0.2 of the way from black to white. Then the network is trained on with attacked digits
 * and is attacked again; at last it reads what had fooled it before. build/attacks.png shows ten
 * digits, as they are, after FGSM and PGD against the network as it was, and after PGD against it
 * as it is then. Takes about a minute and a half.
 *
 * cc -O2 examples/20_attacks.c -o build/20_attacks -lm && build/20_attacks
 * options: --data DIR (examples/data/mnist), --out DIR (build), --seed N (1), --epochs N (2)
 *
 * tested with: --epochs 1
 * expected: usual_clean >= 0.97
 * expected: usual_fgsm <= 0.5
 * expected: usual_pgd <= 0.15
 * expected: hardened_clean >= 0.96
 * expected: hardened_fgsm >= 0.8
 * expected: hardened_pgd >= 0.7
 * expected: hardened_pgd_of_usual >= 0.8 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const dc_real epsilon = 0.2f;

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* near, moved by `step` a pixel to where the loss rises, but not out of [0, 1] or of the cube of
 * +-radius around x. */
static dc_tensor *stepped(dc_model *model, dc_tensor *x, dc_tensor *labels, dc_tensor *near,
                          dc_real step, dc_real radius)
{
    dc_tensor *leaf = dc_require_grad(dc_from(x->ctx, x->shape, near->data));
    dc_backward(dc_cross_entropy(dc_forward(model, leaf), labels));
    near = dc_add(near, dc_scale(dc_sign(dc_grad(leaf)), step));
    near = dc_maximum(dc_minimum(near, dc_shift(x, radius)), dc_shift(x, -radius));
    return dc_clip(near, 0, 1);
}

/* The fast gradient sign method. Goodfellow et al. 2014, arXiv:1412.6572 */
static dc_tensor *fgsm(dc_model *model, dc_tensor *x, dc_tensor *labels)
{
    return stepped(model, x, labels, x, epsilon, epsilon);
}

/* Projected gradient descent, from a random place near x. Madry et al. 2017, arXiv:1706.06083 */
static dc_tensor *pgd(dc_model *model, dc_tensor *x, dc_tensor *labels, int steps, dc_real radius)
{
    dc_tensor *near = dc_add(x, dc_uniform(x->ctx, x->shape, -radius, radius));
    for (int i = 0; i < steps; i++) {
        dc_mark mark = dc_begin(x->ctx);
        dc_real step = 2 * radius / (dc_real)steps;
        dc_write(near, stepped(model, x, labels, near, step, radius)->data);
        dc_end(x->ctx, mark);
    }
    return near;
}

/* Adversarial training: every batch is attacked, in three steps, before it is learnt. The radius
 * grows during the first half: met with all of it at once, some networks learn nothing. */
static void harden(dc_model *model, dc_dataset *train, int epochs)
{
    dc_loader *loader = dc_batches(train, 64, true);
    int64_t steps = epochs * (dc_count(train) + 63) / 64, done = 0;
    dc_optimizer_spec adam = dc_adam(1e-3);
    adam.schedule = dc_cosine_decay(steps, 0.01);
    dc_compile(model, DC_CROSS_ENTROPY, adam);
    for (int epoch = 0; epoch < epochs; epoch++) {
        double sum = 0;
        for (dc_batch b; dc_next(loader, &b); done++) {
            dc_mark mark = dc_begin(b.x->ctx);
            dc_real radius = 2 * done < steps ? epsilon * 2 * (dc_real)(done + 1) / (dc_real)steps
                                              : epsilon;
            dc_freeze(model, "", true);                 /* Only the image asks for gradients. */
            dc_tensor *x = pgd(model, b.x, b.y, 3, radius);
            dc_freeze(model, "", false);
            dc_tensor *loss = dc_cross_entropy(dc_forward(model, x), b.y);
            dc_backward(loss);
            dc_step(dc_optimizer_of(model));
            sum += (double)dc_item(loss) * (double)b.size;
            dc_end(b.x->ctx, mark);
        }
        sum /= (double)dc_count(train);
        fprintf(stderr, "hardening, epoch %d: loss %.4f\n", epoch + 1, sum);
    }
}

static void judge(dc_model *model, const char *name, const char *what, dc_tensor *x,
                  dc_tensor *labels)
{
    dc_tensor *said = dc_argmax(dc_predict(model, x), 1);
    printf("RESULT %s_%s=%.4f\n", name, what, (double)dc_item(dc_mean(dc_equal(said, labels))));
}

/* Attacks the model and judges it; attacked: how the digits look after FGSM and PGD. */
static void attack(dc_model *model, const char *name, dc_batch some, dc_tensor *attacked[2])
{
    dc_freeze(model, "", true);
    attacked[0] = fgsm(model, some.x, some.y);
    attacked[1] = pgd(model, some.x, some.y, 20, epsilon);
    dc_freeze(model, "", false);
    judge(model, name, "clean", some.x, some.y);
    judge(model, name, "fgsm", attacked[0], some.y);
    judge(model, name, "pgd", attacked[1], some.y);
}

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    int epochs         = atoi(option(argc, argv, "--epochs", "2"));
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *train  = dc_load_mnist(ctx, folder, DC_TRAIN);
    dc_dataset *test   = dc_load_mnist(ctx, folder, DC_TEST);
    if (!train || !test) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_conv2d(16, 5, DC_RELU), dc_max_pool(2),
        dc_conv2d(32, 5, DC_RELU), dc_max_pool(2),
        dc_flatten(), dc_dense(100, DC_RELU), dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    dc_fit(model, train, (dc_fit_options){ .epochs = 2, .batch_size = 64 });

    dc_batch some = dc_all(dc_take(test, 0, 1000));
    dc_tensor *before[2], *after[2];
    attack(model, "usual", some, before);
    harden(model, train, epochs);
    attack(model, "hardened", some, after);
    judge(model, "hardened", "pgd_of_usual", before[1], some.y);

    dc_tensor *row[] = { some.x, before[0], before[1], after[1] };
    for (int i = 0; i < 4; i++) row[i] = dc_slice(row[i], 0, 0, 10);
    dc_tensor *all = dc_resize(dc_concat(dc_make_tensors(4, row), 0), 56, 56, DC_NEAREST);
    char path[1024];
    snprintf(path, sizeof path, "%s/attacks.png", option(argc, argv, "--out", "build"));
    if (!dc_write_png_grid(all, 10, path)) fprintf(stderr, "%s\n", dc_error(ctx));
    dc_free(ctx);
}
