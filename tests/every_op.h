/* every_op.h - every op and loss of deepc behind one signature, for the tests that treat them all alike.
 *
 * x: the operands, NULL where one is left out. a: the op's numbers; axes and shapes are their count followed
 * by the members, infinity is DC_END. The element-wise rows are stamped out of deepc's own tables. */
#ifndef EVERY_OP_H
#define EVERY_OP_H

enum { EVERY_OP_OPERANDS = 6 };

typedef struct every_op {
    const char *name;
    dc_tensor *(*call)(dc_tensor **x, const double *a);
} every_op;

static int64_t every_op_int(double a) { return isinf(a) ? DC_END : (int64_t)a; }

static dc_shape every_op_shape(const double *a)
{
    dc_shape s = { .rank = (int)a[0] };
    for (int i = 0; i < s.rank; i++) s.dim[i] = (int64_t)a[1 + i];
    return s;
}

static dc_axes every_op_axes(const double *a)
{
    dc_axes axes = { .count = (int)a[0] };
    for (int i = 0; i < axes.count; i++) axes.axis[i] = (int)a[1 + i];
    return axes;
}

/* The number behind axes or a shape. */
static double every_op_after(const double *a, int i) { return a[1 + (int)a[0] + i]; }

/* dc_split as one tensor: part number a[2]. */
static dc_tensor *every_op_part(dc_tensor *x, const double *a)
{
    dc_tensor *part[8];
    dc_split(x, (int)a[0], (int)a[1], part);
    return part[(int)a[2]];
}

/* a: training?, momentum, epsilon. */
static dc_tensor *every_op_batch_norm(dc_tensor **x, const double *a)
{
    bool before = dc_set_training(x[0]->ctx, a[0] != 0);
    dc_tensor *y = dc_batch_norm_op(x[0], x[1], x[2], x[3], x[4], (dc_real)a[1], (dc_real)a[2]);
    dc_set_training(x[0]->ctx, before);
    return y;
}

/* What it leaves in the running statistics: [2, features]. */
static dc_tensor *every_op_batch_norm_statistics(dc_tensor **x, const double *a)
{
    every_op_batch_norm(x, a);
    return dc_stack(DC_TENSORS(x[3], x[4]), 0);
}

/* a: the rate. Always the same mask. */
static dc_tensor *every_op_dropout(dc_tensor *x, const double *a)
{
    bool before = dc_set_training(x->ctx, true);
    x->ctx->calls = 7;
    dc_tensor *y = dc_dropout_op(x, (dc_real)a[0]);
    dc_set_training(x->ctx, before);
    return y;
}

/* a: the fields of dc_window, in order. */
static dc_window every_op_window(const double *a)
{
    return (dc_window){ (int64_t)a[0], (int64_t)a[1], (int64_t)a[2], (int64_t)a[3], (int64_t)a[4], (int64_t)a[5],
                        (dc_padding)a[6], (int64_t)a[7], (int64_t)a[8], (int64_t)a[9], (int64_t)a[10],
                        (int64_t)a[11], (int64_t)a[12] };
}
enum { EVERY_OP_WINDOW = 13 };

/* A convolution as the layer computes it. a: the window, and the activation. */
static dc_tensor *every_op_conv_layer(dc_tensor **x, const double *a)
{
    dc_layer layer = { .ctx = x[0]->ctx, .tensor = { x[1], x[2] },
                       .spec = { .window = every_op_window(a), .without_bias = !x[2],
                                 .activation = (dc_activation)a[EVERY_OP_WINDOW] } };
    return dc__conv2d_call(&layer, x[0]);
}

/* Always the same changes. */
static dc_tensor *every_op_augment(dc_tensor *x)
{
    bool before = dc_set_training(x->ctx, true);
    x->ctx->calls = 7;
    dc_tensor *y = dc_augment_op(x, (dc_augmentation){ .shift = DC__C(0.2), .rotate = 20 });
    dc_set_training(x->ctx, before);
    return y;
}

/* a: reduction, label smoothing, delta; x[2]: class weights or NULL. */
static dc_loss_options every_op_options(dc_tensor **x, const double *a)
{
    return (dc_loss_options){ .reduction = (dc_reduction)a[0], .label_smoothing = (dc_real)a[1],
                              .delta = (dc_real)a[2], .class_weights = x[2] };
}

#define EVERY_LOSS(X) \
    X(mse) X(mae) X(huber) X(bce_with_logits) X(bce) X(cross_entropy) X(soft_cross_entropy) X(nll)

/* All that are not rows of a table, in the order of deepc.h. */
#define EVERY_OTHER_OP(X) \
    X(one_hot,       dc_one_hot(x[0], every_op_int(a[0]))) \
    X(copy,          dc_copy(x[0])) \
    X(leaky_relu,    dc_leaky_relu(x[0], (dc_real)a[0])) \
    X(elu,           dc_elu(x[0], (dc_real)a[0])) \
    X(clip,          dc_clip(x[0], (dc_real)a[0], (dc_real)a[1])) \
    X(pow_scalar,    dc_pow_scalar(x[0], (dc_real)a[0])) \
    X(scale,         dc_scale(x[0], (dc_real)a[0])) \
    X(shift,         dc_shift(x[0], (dc_real)a[0])) \
    X(where,         dc_where(x[0], x[1], x[2])) \
    X(reshape,       dc_reshape(x[0], every_op_shape(a))) \
    X(flatten_op,    dc_flatten_op(x[0])) \
    X(squeeze,       dc_squeeze(x[0], (int)a[0])) \
    X(unsqueeze,     dc_unsqueeze(x[0], (int)a[0])) \
    X(permute,       dc_permute(x[0], every_op_axes(a))) \
    X(transpose,     dc_transpose(x[0])) \
    X(expand,        dc_expand(x[0], every_op_shape(a))) \
    X(slice,         dc_slice(x[0], (int)a[0], every_op_int(a[1]), every_op_int(a[2]))) \
    X(first,         dc_first(x[0], every_op_int(a[0]))) \
    X(concat,        dc_concat(dc_make_tensors((int)a[0], x), (int)a[1])) \
    X(stack,         dc_stack(dc_make_tensors((int)a[0], x), (int)a[1])) \
    X(split,         every_op_part(x[0], a)) \
    X(pad,           dc_pad(x[0], (int)a[0], every_op_int(a[1]), every_op_int(a[2]), (dc_real)a[3])) \
    X(gather,        dc_gather(x[0], x[1])) \
    X(take_along,    dc_take_along(x[0], x[1], (int)a[0])) \
    X(sum,           dc_sum(x[0])) \
    X(mean,          dc_mean(x[0])) \
    X(max,           dc_max(x[0])) \
    X(min,           dc_min(x[0])) \
    X(norm,          dc_norm(x[0])) \
    X(var,           dc_var(x[0], (int)a[0])) \
    X(std,           dc_std(x[0], (int)a[0])) \
    X(sum_over,      dc_sum_over(x[0], every_op_axes(a), every_op_after(a, 0) != 0)) \
    X(mean_over,     dc_mean_over(x[0], every_op_axes(a), every_op_after(a, 0) != 0)) \
    X(max_over,      dc_max_over(x[0], every_op_axes(a), every_op_after(a, 0) != 0)) \
    X(min_over,      dc_min_over(x[0], every_op_axes(a), every_op_after(a, 0) != 0)) \
    X(norm_over,     dc_norm_over(x[0], every_op_axes(a), every_op_after(a, 0) != 0)) \
    X(var_over,      dc_var_over(x[0], every_op_axes(a), every_op_after(a, 0) != 0, (int)every_op_after(a, 1))) \
    X(std_over,      dc_std_over(x[0], every_op_axes(a), every_op_after(a, 0) != 0, (int)every_op_after(a, 1))) \
    X(argmax,        dc_argmax(x[0], (int)a[0])) \
    X(argmin,        dc_argmin(x[0], (int)a[0])) \
    X(matmul,        dc_matmul(x[0], x[1])) \
    X(matmul_with,   dc_matmul_with(x[0], a[0] != 0, x[1], a[1] != 0)) \
    X(linear,        dc_linear(x[0], x[1], x[2])) \
    X(softmax,       dc_softmax(x[0])) \
    X(log_softmax,   dc_log_softmax(x[0])) \
    X(logsumexp,     dc_logsumexp(x[0])) \
    X(layer_norm_op, dc_layer_norm_op(x[0], x[1], x[2], (dc_real)a[0])) \
    X(batch_norm_op, every_op_batch_norm(x, a)) \
    X(batch_norm_statistics, every_op_batch_norm_statistics(x, a)) \
    X(dropout_op,    every_op_dropout(x[0], a)) \
    X(group_norm_op, dc_group_norm_op(x[0], (int64_t)a[0], x[1], x[2], (dc_real)a[1])) \
    X(rms_norm_op,   dc_rms_norm_op(x[0], x[1], (dc_real)a[0])) \
    X(conv_op,       dc_conv_op(x[0], x[1], x[2], every_op_window(a))) \
    X(conv_layer,    every_op_conv_layer(x, a)) \
    X(conv_transpose_op, dc_conv_transpose_op(x[0], x[1], x[2], every_op_window(a))) \
    X(max_pool_op,   dc_max_pool_op(x[0], every_op_window(a))) \
    X(avg_pool_op,   dc_avg_pool_op(x[0], every_op_window(a))) \
    X(adaptive_max_pool_op, dc_adaptive_max_pool_op(x[0], (int64_t)a[0], (int64_t)a[1])) \
    X(adaptive_avg_pool_op, dc_adaptive_avg_pool_op(x[0], (int64_t)a[0], (int64_t)a[1])) \
    X(resize,        dc_resize(x[0], (int64_t)a[0], (int64_t)a[1], (dc_resizing)a[2])) \
    X(pixel_shuffle_op, dc_pixel_shuffle_op(x[0], (int64_t)a[0])) \
    X(augment_op,    every_op_augment(x[0]))

#define EVERY_OP_FUNCTION(NAME, CALL) \
    static dc_tensor *every_op_call_##NAME(dc_tensor **x, const double *a) { (void)x, (void)a; return CALL; }
#define EVERY_OP_UNARY(NAME, F, DF, LO, HI)  EVERY_OP_FUNCTION(NAME, dc_##NAME(x[0]))
#define EVERY_OP_BINARY(NAME, F, DFX, DFY)   EVERY_OP_FUNCTION(NAME, dc_##NAME(x[0], x[1]))
#define EVERY_OP_LOSS(NAME) \
    EVERY_OP_FUNCTION(NAME, dc_##NAME(x[0], x[1])) \
    static dc_tensor *every_op_call_##NAME##_with(dc_tensor **x, const double *a) \
    { \
        dc_loss loss = dc_loss_named(#NAME); \
        loss.options = every_op_options(x, a); \
        return dc_loss_value(loss, x[0], x[1]); \
    }
DC_UNARY_OPS(EVERY_OP_UNARY)
DC_BINARY_OPS(EVERY_OP_BINARY)
EVERY_OTHER_OP(EVERY_OP_FUNCTION)
EVERY_LOSS(EVERY_OP_LOSS)

static const every_op every_ops[] = {
#define EVERY_OP_ROW(NAME, CALL)                { #NAME, every_op_call_##NAME },
#define EVERY_OP_UNARY_ROW(NAME, F, DF, LO, HI) { #NAME, every_op_call_##NAME },
#define EVERY_OP_BINARY_ROW(NAME, F, DFX, DFY)  { #NAME, every_op_call_##NAME },
#define EVERY_OP_LOSS_ROW(NAME) \
    { #NAME, every_op_call_##NAME }, { #NAME "_with", every_op_call_##NAME##_with },
    DC_UNARY_OPS(EVERY_OP_UNARY_ROW)
    DC_BINARY_OPS(EVERY_OP_BINARY_ROW)
    EVERY_OTHER_OP(EVERY_OP_ROW)
    EVERY_LOSS(EVERY_OP_LOSS_ROW)
};
enum { EVERY_OPS = (int)(sizeof every_ops / sizeof *every_ops) };

static const every_op *every_op_named(const char *name)
{
    for (int i = 0; i < EVERY_OPS; i++)
        if (!strcmp(every_ops[i].name, name)) return &every_ops[i];
    return NULL;
}
#endif
