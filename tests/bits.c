/* Prints fingerprints of short seeded runs that touch every kind of kernel. run.sh builds this with every
 * compiler and optimisation and runs it on every device, with 1, 2 and 3 threads: the text must be the same each
 * time. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"

static uint64_t all = 0xCBF29CE484222325;                /* Of everything that was shown. */

static void show(const char *what, uint64_t fingerprint)
{
    all = (all ^ fingerprint) * 0x100000001B3;
    printf("%-24s %016llx\n", what, (unsigned long long)fingerprint);
}

static void show_tensor(const char *what, dc_tensor *x)
{
    show(what, dc_fingerprint_of(DC_TENSORS(x)));
}

/* The tables of @ops, forward and backward; sizes that are no multiple of a vector. One call a statement where
 * the order on the tape matters: C leaves open which argument of a call is computed first. */
static void element_wise(dc_context *ctx)
{
    dc_tensor *x, *y, *z, *s;
#define FRESH(low, high) \
    x = dc_require_grad(dc_uniform(ctx, DC_SHAPE(7, 131), low, high)), \
    y = dc_require_grad(dc_uniform(ctx, DC_SHAPE(131), low, high))
#define UNARY(NAME, F, DF, LO, HI) \
    FRESH((dc_real)(LO), (dc_real)(HI)); \
    y = dc_##NAME(x), show_tensor(#NAME, y); \
    dc_backward(dc_sum(dc_mul(y, y))), show_tensor(#NAME " gradient", dc_grad(x));
    DC_UNARY_OPS(UNARY)
#define BINARY(NAME, F, DFX, DFY) \
    FRESH((dc_real)0.25, 3); \
    z = dc_##NAME(x, y), show_tensor(#NAME, z); \
    s = dc_add(x, y), dc_backward(dc_sum(dc_mul(z, s))); \
    show_tensor(#NAME " gradient", dc_grad(x)), show_tensor(#NAME " gradient", dc_grad(y));
    DC_BINARY_OPS(BINARY)
    FRESH(-2, 2);
    show_tensor("leaky_relu", dc_leaky_relu(x, (dc_real)0.01));
    show_tensor("elu", dc_elu(x, 1));
    show_tensor("clip", dc_clip(x, -1, 1));
    show_tensor("pow_scalar", dc_pow_scalar(dc_abs(x), (dc_real)2.5));
}

static void products(dc_context *ctx, int64_t m, int64_t n, int64_t k)
{
    char what[64];
    dc_tensor *a = dc_require_grad(dc_normal(ctx, DC_SHAPE(m, k), 0, 1));
    dc_tensor *b = dc_require_grad(dc_normal(ctx, DC_SHAPE(k, n), 0, 1));
    dc_tensor *c = dc_matmul(a, b);
    dc_backward(dc_mean(dc_square(c)));
    snprintf(what, sizeof what, "matmul %dx%dx%d", (int)m, (int)n, (int)k);
    show_tensor(what, c), show_tensor(what, dc_grad(a)), show_tensor(what, dc_grad(b));
    show_tensor(what, dc_matmul_with(a, false, dc_transpose(b), true));
    show_tensor(what, dc_matmul_with(dc_transpose(a), true, b, false));
}

static void reductions(dc_context *ctx)
{
    dc_tensor *x = dc_require_grad(dc_normal(ctx, DC_SHAPE(3, 61, 10007), 1, 2));
    show_tensor("sum", dc_sum(x));
    show_tensor("sum over 0", dc_sum_over(x, DC_AXES(0), false));
    show_tensor("sum over 0, 2", dc_sum_over(x, DC_AXES(0, 2), true));
    show_tensor("var", dc_var_over(x, DC_AXES(1), false, 1));
    show_tensor("norm", dc_norm_over(x, DC_AXES(-1), false));
    show_tensor("max", dc_max_over(x, DC_AXES(-1), false));
    show_tensor("argmax", dc_argmax(x, -1));
    show_tensor("softmax", dc_softmax(x));
    show_tensor("logsumexp", dc_logsumexp(x));
    dc_backward(dc_sum(dc_square(dc_log_softmax(x))));
    show_tensor("log_softmax gradient", dc_grad(x));
}

static void a_training(dc_context *ctx, dc_dataset *data, dc_optimizer_spec optimizer, const char *what)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input_shaped(dc_x_shape(data)),
        dc_flatten(),
        dc_with_init(dc_dense(33, DC_GELU), DC_HE_NORMAL),
        dc_batch_norm(),
        dc_residual(DC_LAYERS(dc_dense(33, DC_RELU), dc_dropout((dc_real)0.2))),
        dc_dense(9, DC_TANH),
        dc_with_init(dc_dense(17, DC_SILU), DC_LECUN),
        dc_layer_norm(),
        dc_dense(dc_classes(data), DC_LINEAR)));
    dc_loss loss = DC_CROSS_ENTROPY;
    loss.options.label_smoothing = (dc_real)0.05;
    optimizer.clip_norm = 1;
    optimizer.schedule = dc_with_warmup(dc_cosine_decay(40, 0.1), 4);
    dc_compile(model, loss, optimizer);
    const dc_history *history = dc_fit(model, data, (dc_fit_options){
        .epochs = 2, .batch_size = 24, .validation_split = (dc_real)0.2, .quiet = true });
    printf("%-12s loss %a, validation %a, ", what, history->loss[1], history->validation_loss[1]);
    show("weights", dc_fingerprint(model));
    show_tensor("predictions", dc_predict_all(model, data));
}

/* Large enough for several threads to share the work. */
static void a_wide_training(dc_context *ctx)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1), dc_flatten(), dc_dense(200, DC_RELU), dc_dropout((dc_real)0.25), dc_dense(130, DC_TANH),
        dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    dc_fit(model, dc_make_digits(ctx, 200), (dc_fit_options){ .epochs = 2, .batch_size = 100, .quiet = true });
    show("wide training", dc_fingerprint(model));
}

static void regression(dc_context *ctx)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(1), dc_dense(16, DC_GELU_TANH), dc_dense(16, DC_SOFTPLUS), dc_dense(1, DC_LINEAR)));
    dc_compile(model, DC_HUBER, dc_nesterov(0.05, 0.9));
    dc_fit(model, dc_make_sine(ctx, 300, (dc_real)0.1), (dc_fit_options){ .epochs = 5, .quiet = true });
    show("regression", dc_fingerprint(model));
}

/* Sizes that are no multiple of a vector, enough channels for the wide loops, and windows of every kind. */
static void windows(dc_context *ctx)
{
    dc_tensor *x = dc_require_grad(dc_normal(ctx, DC_SHAPE(3, 13, 14, 19), 0, 1));
    dc_tensor *w = dc_require_grad(dc_normal(ctx, DC_SHAPE(3, 3, 19, 21), 0, 1)), *y;
    dc_tensor *each = dc_require_grad(dc_normal(ctx, DC_SHAPE(3, 3, 1, 19), 0, 1));
    dc_tensor *back = dc_require_grad(dc_normal(ctx, DC_SHAPE(3, 2, 7, 19), 0, 1));
    const dc_window step = { .stride = 2, .top = 1, .left = 2 }, pool = { .height = 3, .stride = 2, .bottom = 1 };
#define WINDOWS(WHAT, CALL) \
    y = CALL, show_tensor(WHAT, y); \
    dc_backward(dc_mean(dc_square(y))), show_tensor(WHAT " gradient", dc_grad(x)); \
    dc_zero_grad(x);
    WINDOWS("conv valid", dc_conv_op(x, w, NULL, (dc_window){ 0 }))
    WINDOWS("conv same", dc_conv_op(x, w, NULL, (dc_window){ .padding = DC_SAME }))
    WINDOWS("conv stride 2", dc_conv_op(x, w, NULL, step))
    WINDOWS("conv dilated", dc_conv_op(x, w, NULL, (dc_window){ .dilation = 3 }))
    WINDOWS("depthwise", dc_conv_op(x, each, NULL, (dc_window){ .groups = 19 }))
    WINDOWS("transposed", dc_conv_transpose_op(x, back, NULL, step))
    show_tensor("filters gradient", dc_grad(w)), show_tensor("filters gradient", dc_grad(each));
    show_tensor("filters gradient", dc_grad(back));
    WINDOWS("max pool", dc_max_pool_op(x, pool))
    WINDOWS("avg pool", dc_avg_pool_op(x, pool))
    WINDOWS("adaptive pool", dc_adaptive_avg_pool_op(x, 5, 3))
    WINDOWS("resize", dc_resize(x, 17, 9, DC_BILINEAR))
    WINDOWS("resize by area", dc_resize(x, 5, 6, DC_AREA))
    WINDOWS("group norm", dc_group_norm_op(x, 1, NULL, NULL, (dc_real)1e-5))
    WINDOWS("rms norm", dc_rms_norm_op(x, NULL, (dc_real)1e-5))
    dc_set_training(ctx, true);
    show_tensor("augment", dc_augment_op(x, (dc_augmentation){
        (dc_real)0.2, 20, (dc_real)0.1, (dc_real)0.2, (dc_real)0.5, (dc_real)0.5, 1, (dc_real)0.2, (dc_real)0.2,
        (dc_real)0.1, (dc_real)0.3 }));
    dc_set_training(ctx, false);
}

static void a_vision_training(dc_context *ctx)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1),
        dc_augment((dc_augmentation){ .shift = (dc_real)0.05, .rotate = 10, .noise = (dc_real)0.05 }),
        dc_with_window(dc_conv2d(17, 3, DC_RELU), (dc_window){ .padding = DC_SAME }), dc_batch_norm(), dc_max_pool(2),
        dc_with_window(dc_depthwise_conv2d(3, DC_LINEAR), (dc_window){ .stride = 2 }), dc_conv2d(20, 1, DC_TANH),
        dc_group_norm(5),
        dc_with_window(dc_conv_transpose2d(9, 3, DC_GELU), (dc_window){ .stride = 2 }), dc_avg_pool(2),
        dc_upsample(2, DC_BILINEAR),
        dc_spatial_dropout((dc_real)0.1), dc_with_window(dc_conv2d(11, 3, DC_SIGMOID), (dc_window){ .stride = 2 }),
        dc_global_avg_pool(),
        dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    const dc_history *history = dc_fit(model, dc_make_digits(ctx, 100), (dc_fit_options){
        .epochs = 2, .batch_size = 20, .quiet = true });
    printf("vision training loss %a, ", history->loss[1]);
    show("weights", dc_fingerprint(model));
}

static void generators(dc_context *ctx)
{
    dc_dataset *set[] = {
        dc_make_line(ctx, 50, 2, 1, (dc_real)0.1), dc_make_sine(ctx, 50, (dc_real)0.1), dc_make_xor(ctx),
        dc_make_blobs(ctx, 50, 3, (dc_real)0.3), dc_make_circles(ctx, 50, (dc_real)0.1),
        dc_make_moons(ctx, 50, (dc_real)0.1), dc_make_spirals(ctx, 50, 2, (dc_real)0.1),
        dc_make_digits(ctx, 50) };
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        dc_batch batch;
        dc_next(dc_batches(set[i], 50, true), &batch);
        printf("generator %d ", (int)i);
        show("", dc_fingerprint_of(DC_TENSORS(batch.x, batch.y)));
    }
}

int main(void)
{
    dc_context *ctx = dc_new(7);
    const char *wanted = getenv("DEEPC_DEVICE");
    if (wanted && strcmp(wanted, dc_device_name(ctx))) {
        fprintf(stderr, "bits.c: wanted %s, got %s\n", wanted, dc_device_name(ctx));
        return 1;
    }
    generators(ctx);
    element_wise(ctx);
    products(ctx, 1, 1, 1), products(ctx, 5, 7, 1000), products(ctx, 64, 128, 784), products(ctx, 33, 17, 257);
    reductions(ctx);
    regression(ctx);
    dc_optimizer_spec spec[] = {
        dc_sgd(0.1), dc_momentum(0.05, 0.9), dc_nesterov(0.05, 0.9), dc_rmsprop(1e-3), dc_adagrad(1e-2),
        dc_adam(1e-3), dc_adamw(1e-3) };
    dc_dataset *spirals = dc_make_spirals(ctx, 240, 3, (dc_real)0.05);
    for (size_t i = 0; i < sizeof spec / sizeof *spec; i++) a_training(ctx, spirals, spec[i], spec[i].name);
    a_training(ctx, dc_make_digits(ctx, 200), dc_adam(1e-3), "digits");
    a_wide_training(ctx);
    windows(ctx);
    a_vision_training(ctx);
    printf("all %016llx\n", (unsigned long long)all);
    dc_free(ctx);
    return 0;
}
