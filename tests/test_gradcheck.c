/* test_gradcheck.c - the gradient of every op and loss against differences of its values, in double precision.
 * `make gradcheck` runs it and prints the worst error op by op. A public op that has no row here is a failure.
 * built: double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include "every_op.h"

#ifndef DEEPC_H_PATH
#define DEEPC_H_PATH "deepc.h"
#endif

enum { GRADCHECK_DRAWS = 3, GRADCHECK_NUMBERS = EVERY_OP_WINDOW + 1 };
static const double gradcheck_limit = 1e-6;

/* One row: an op with operands of these shapes, separated by ';'. Before a shape stands what it holds:
 *     (nothing)  numbers in [low, high], checked        =   the same, but without a gradient
 *     ~          numbers at least 0.07 apart, and not near 0, 1 or each other's differences of 1; checked
 *     #4:        whole numbers from 0 to 3              ?   0 or 1             +   -1 or 1
 *     -          (alone) this operand is NULL                                                             */
typedef struct gradcheck_row {
    const char *op, *operands;
    double      low, high, a[GRADCHECK_NUMBERS];
} gradcheck_row;

static const gradcheck_row gradcheck_rows[] = {
    /* The other side of a kink, and the flat parts. */
    { "abs", "2,3", -2, -0.1, { 0 } },           { "relu", "2,3", -2, -0.1, { 0 } },
    { "selu", "2,3", -2, -0.1, { 0 } },
    { "reciprocal", "2,3", -2, -0.5, { 0 } },    { "leaky_relu", "2,3", -2, -0.1, { 0.01 } },
    { "elu", "2,3", -2, -0.1, { 1.5 } },

    { "clip", "3", 1.6, 3, { -1, 1.5 } },
    { "clip", "3", -3, -1.1, { -1, 1.5 } },      { "pow_scalar", "3", 0.5, 2, { -1.5 } },
    { "pow_scalar", "3", -2, -0.5, { 3 } },      { "tanh", "3", -6, 6, { 0 } },
    { "sigmoid", "3", -20, 20, { 0 } },          { "softplus", "3", -20, 20, { 0 } },
    { "silu", "3", -20, 20, { 0 } },             { "mish", "3", -20, 20, { 0 } },
    { "gelu", "3", -6, 6, { 0 } },               { "gelu_tanh", "3", -6, 6, { 0 } },
    { "where", "?2,3;2,3;2,3", -2, 2, { 0 } },   { "where", "?3;2,1;", -2, 2, { 0 } },
    { "where", "?2,1;1,3;2,3", -2, 2, { 0 } },
    { "copy", "2,3", -2, 2, { 0 } },             { "reshape", "2,6", -2, 2, { 3, 3, -1, 2 } },
    { "flatten_op", "2,3,2", -2, 2, { 0 } },     { "squeeze", "2,1,3", -2, 2, { 1 } },
    { "unsqueeze", "2,3", -2, 2, { -1 } },       { "permute", "2,3,4", -2, 2, { 3, 2, 0, 1 } },
    { "permute", "2,2,3,2", -2, 2, { 4, 0, 2, 1, 3 } },
    { "transpose", "3,2", -2, 2, { 0 } },        { "transpose", "2,3,4", -2, 2, { 0 } },
    { "expand", "3", -2, 2, { 2, 2, 3 } },       { "expand", "2,1,2", -2, 2, { 4, 3, 2, 3, 2 } },
    { "expand", "", -2, 2, { 2, 2, 2 } },
    { "slice", "4,3", -2, 2, { 0, 1, 3 } },      { "slice", "3,4", -2, 2, { 1, 1, (double)INFINITY } },
    { "slice", "2,2,5", -2, 2, { -1, -3, -1 } }, { "slice", "3,2", -2, 2, { 0, 1, 1 } },
    { "first", "3,2,2", -2, 2, { 2 } },          { "first", "4", -2, 2, { 0 } },
    { "concat", "2,3;1,3", -2, 2, { 2, 0 } },    { "concat", "2,1,2;2,3,2;2,2,2", -2, 2, { 3, 1 } },
    { "concat", "2;1;3;0;2", -2, 2, { 5, -1 } },
    { "stack", "2,3;2,3", -2, 2, { 2, 0 } },     { "stack", "2,3;2,3;2,3", -2, 2, { 3, 1 } },
    { "stack", ";;;", -2, 2, { 4, -1 } },
    { "split", "2,6", -2, 2, { 1, 3, 1 } },      { "split", "4,2", -2, 2, { 0, 2, 0 } },
    { "pad", "2,3", -2, 2, { 0, 2, 1, 0.5 } },   { "pad", "2,2,2", -2, 2, { -1, 1, 0, -1 } },
    { "gather", "4,3;#4:5", -2, 2, { 0 } },      { "gather", "3,2,2;#3:2,3", -2, 2, { 0 } },
    { "gather", "5;#5:7", -2, 2, { 0 } },
    { "take_along", "2,4;#4:2,3", -2, 2, { 1 } }, { "take_along", "3,2;#3:4,2", -2, 2, { 0 } },
    { "take_along", "2,2,3;#2:2,5,3", -2, 2, { -2 } },
    { "sum", "2,3", -2, 2, { 0 } },              { "mean", "2,3", -2, 2, { 0 } },
    { "max", "~2,5", 0, 0, { 0 } },              { "min", "~2,5", 0, 0, { 0 } },
    { "prod", "2,3", -2, 2, { 0 } },             { "norm", "2,3", 0.2, 2, { 0 } },
    { "var", "2,3", -2, 2, { 0 } },              { "var", "7", -2, 2, { 1 } },
    { "std", "2,3", -2, 2, { 0 } },              { "std", "7", -2, 2, { 1 } },
    { "sum", "", -2, 2, { 0 } },                 { "mean", "", -2, 2, { 0 } },
    { "max", "~", -2, 2, { 0 } },                { "prod", "", -2, 2, { 0 } },
#define GRADCHECK_REDUCTIONS(OP, A, LOW) \
    { OP, A "4", LOW, 2, { 1, 0, 0 } },          { OP, A "2,3", LOW, 2, { 1, 0, 1 } }, \
    { OP, A "2,3,2", LOW, 2, { 1, 1, 0 } },      { OP, A "2,3,2", LOW, 2, { 2, 0, 2, 0 } }, \
    { OP, A "2,3,2", LOW, 2, { 2, 2, 1, 1 } },   { OP, A "2,2,1,3", LOW, 2, { 2, -1, 1, 0 } }, \
    { OP, A "2,1,2,2,1,2", LOW, 2, { 3, 1, 3, 5, 0 } },
    GRADCHECK_REDUCTIONS("sum_over", "", -2)     GRADCHECK_REDUCTIONS("mean_over", "", -2)
    GRADCHECK_REDUCTIONS("max_over", "~", 0)     GRADCHECK_REDUCTIONS("min_over", "~", 0)
    GRADCHECK_REDUCTIONS("prod_over", "", -2)    GRADCHECK_REDUCTIONS("norm_over", "", 0.2)
    GRADCHECK_REDUCTIONS("var_over", "", -2)
    { "std_over", "5", -2, 2, { 1, 0, 0, 0 } },  { "std_over", "2,4", -2, 2, { 1, 1, 1, 1 } },
    { "std_over", "3,2,3", -2, 2, { 2, 0, 2, 0, 1 } },
    { "var_over", "2,4", -2, 2, { 1, 1, 1, 1 } }, { "var_over", "3,2,3", -2, 2, { 2, 0, 2, 0, 1 } },
    { "sum_over", "2,3", -2, 2, { 0, 0 } },      /* Over no axis at all. */
    { "cumsum", "5", -2, 2, { 0 } },             { "cumsum", "2,3,2", -2, 2, { 1 } },
    { "cumsum", "2,3", -2, 2, { -1 } },
    { "matmul", "2,3;3,4", -2, 2, { 0 } },       { "matmul", "1,1;1,1", -2, 2, { 0 } },
    { "matmul", "2,2,3;3,2", -2, 2, { 0 } },     { "matmul", "2,3;2,3,2", -2, 2, { 0 } },
    { "matmul", "2,1,2,3;3,3,2", -2, 2, { 0 } }, { "matmul", "7,2;2,17", -2, 2, { 0 } },
    { "matmul", "3;3,2", -2, 2, { 0 } },         { "matmul", "2,3;3", -2, 2, { 0 } },
    { "matmul", "2,300;300,1", -1, 1, { 0 } },
    { "matmul_with", "2,3;3,4", -2, 2, { 0, 0 } }, { "matmul_with", "3,2;3,4", -2, 2, { 1, 0 } },
    { "matmul_with", "2,3;4,3", -2, 2, { 0, 1 } }, { "matmul_with", "3,2;4,3", -2, 2, { 1, 1 } },
    { "matmul_with", "2,3,2;4,3", -2, 2, { 1, 1 } }, { "matmul_with", "3,2;2,3,2", -2, 2, { 1, 0 } },
    { "matmul_with", "2,1,2,3;3,2,3", -2, 2, { 0, 1 } },
    { "linear", "4,3;3,2;2", -2, 2, { 0 } },     { "linear", "2,2,3;3,2;2", -2, 2, { 0 } },
    { "linear", "3;3,2;2", -2, 2, { 0 } },       { "linear", "4,3;3,2;-", -2, 2, { 0 } },
    { "dot", "5;5", -2, 2, { 0 } },              { "outer", "3;4", -2, 2, { 0 } },
    { "softmax", "4", -2, 2, { 0 } },            { "softmax", "2,2,3", -4, 4, { 0 } },
    { "log_softmax", "4", -2, 2, { 0 } },        { "log_softmax", "2,2,3", -4, 4, { 0 } },
    { "logsumexp", "4", -2, 2, { 0 } },          { "logsumexp", "2,2,3", -4, 4, { 0 } },
    { "logsumexp", "3,1", -4, 4, { 0 } },        { "softmax", "2,19", -4, 4, { 0 } },
    { "layer_norm_op", "3,4;4;4", -2, 2, { 0.1 } }, { "layer_norm_op", "2,2,5;5;-", -2, 2, { 1e-3 } },
    { "layer_norm_op", "6;-;-", -2, 2, { 1e-2 } },
    { "batch_norm_op", "4,3;3;3;=3;=3", 0.5, 2, { 1, 0.1, 0.1 } },
    { "batch_norm_op", "2,3,2;2;-;=2;=2", 0.5, 2, { 1, 0.1, 1e-2 } },
    { "batch_norm_op", "4,3;3;3;=3;=3", 0.5, 2, { 0, 0.1, 1e-3 } },
    { "batch_norm_op", "2,2,2,3;-;3;=3;=3", 0.5, 2, { 0, 0.1, 0.1 } },
    { "dropout_op", "4,5", -2, 2, { 0.25 } },    { "dropout_op", "70", -2, 2, { 0.5 } },
    { "group_norm_op", "2,3,2,4;4;4", -2, 2, { 2, 0.1 } }, { "group_norm_op", "2,3,3;-;3", -2, 2, { 3, 0.1 } },
    { "group_norm_op", "3,6;6;-", -2, 2, { 1, 1e-2 } },
    { "rms_norm_op", "2,3,4;4", -2, 2, { 1e-3 } }, { "rms_norm_op", "5;-", 0.5, 2, { 0 } },

    /* height, width, stride, stride_x, dilation, dilation_x, same, top, bottom, left, right, groups, output */
    { "conv_op", "2,4,5,2;3,2,2,3;3", -2, 2, { 0 } },
    { "conv_op", "2,5,4,2;3,3,2,2;-", -2, 2, { 0, 0, 2, 1, 0, 0, 1 } },
    { "conv_op", "1,5,6,4;2,3,2,6;6", -2, 2, { 0, 0, 1, 2, 2, 1, 0, 1, 2, 0, 3, 2 } },
    { "conv_op", "2,4,4,3;3,3,1,3;3", -2, 2, { 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 3 } },
    { "conv_op", "2,4,3,2;2,2,1,4;4", -2, 2, { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 2 } },
    { "conv_op", "2,3,3,4;1,1,4,2;2", -2, 2, { 0 } },
    { "conv_op", "2,7,3;3,3,2;2", -2, 2, { 0, 0, 2, 0, 1, 0, 1 } },
    { "conv_op", "2,6,2;2,1,4;4", -2, 2, { 0, 0, 1, 0, 3, 0, 0, 0, 0, 2, 1, 2 } },
    { "conv_transpose_op", "2,3,2,3;2,3,2,3;2", -2, 2, { 0 } },
    { "conv_transpose_op", "2,2,3,2;3,3,2,2;-", -2, 2, { 0, 0, 2, 3, 0, 0, 1 } },
    { "conv_transpose_op", "1,3,3,4;3,2,2,4;4", -2, 2, { 0, 0, 2, 0, 2, 1, 0, 1, 0, 1, 1, 2, 1 } },
    { "conv_transpose_op", "2,2,2,3;3,3,1,3;3", -2, 2, { 0, 0, 2, 0, 0, 0, 0, 1, 1, 1, 1, 3, 1 } },
    { "conv_transpose_op", "2,4,2;3,3,2;3", -2, 2, { 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0 } },
    { "max_pool_op", "~1,4,4,2", 0, 0, { 2 } },  { "max_pool_op", "~1,5,4,1", 0, 0, { 3, 2, 2, 1, 1, 2, 1 } },
    { "max_pool_op", "~1,5,2,2", 0, 0, { 3, 1, 1, 1, 2, 0, 0, 1, 1 } }, { "max_pool_op", "~2,6,2", 0, 0, { 2 } },
    { "avg_pool_op", "2,4,4,2", -2, 2, { 2 } },  { "avg_pool_op", "2,5,4,2", -2, 2, { 3, 2, 2, 1, 1, 2, 1 } },
    { "avg_pool_op", "2,5,3,2", -2, 2, { 3, 2, 1, 0, 1, 1, 0, 2, 1, 1, 0 } }, { "avg_pool_op", "2,6,2", -2, 2, { 3 } },
    { "adaptive_max_pool_op", "~1,5,4,2", 0, 0, { 3, 2 } }, { "adaptive_max_pool_op", "~2,5,2", 0, 0, { 1, 2 } },
    { "adaptive_avg_pool_op", "2,5,4,2", -2, 2, { 3, 3 } }, { "adaptive_avg_pool_op", "2,5,2", -2, 2, { 1, 7 } },
#define GRADCHECK_RESIZE(HOW) \
    { "resize", "2,3,4,2", -2, 2, { 5, 2, HOW } }, { "resize", "2,4,3,1", -2, 2, { 2, 7, HOW } }, \
    { "resize", "2,3,2", -2, 2, { 1, 5, HOW } }, { "resize", "1,3,3,1", -2, 2, { 3, 3, HOW } },
    GRADCHECK_RESIZE(DC_NEAREST) GRADCHECK_RESIZE(DC_BILINEAR) GRADCHECK_RESIZE(DC_AREA)
    { "pixel_shuffle_op", "2,2,3,8", -2, 2, { 2 } }, { "pixel_shuffle_op", "1,2,1,9", -2, 2, { 3 } },
#define GRADCHECK_CONV(F) \
    { "conv_layer", "2,4,5,2;3,2,2,3;3", -1, 1, { [EVERY_OP_WINDOW] = F } }, \
    { "conv_layer", "2,5,3,2;3,3,1,4;-", -1, 1, { 0, 0, 2, 0, 0, 0, 1, [11] = 2, F } }, \
    { "conv_layer", "2,6,2;3,2,2;2", -1, 1, { 0, 0, 2, [EVERY_OP_WINDOW] = F } },
    GRADCHECK_CONV(DC_LINEAR) GRADCHECK_CONV(DC_RELU) GRADCHECK_CONV(DC_TANH) GRADCHECK_CONV(DC_SIGMOID)
    GRADCHECK_CONV(DC_GELU)

    { "mse", "2,3;2,3", -2, 2, { 0 } },          { "mae", "~2,3;~2,3", 0, 0, { 0 } },
    { "huber", "~3,4;~3,4", 0, 0, { 0 } },       { "bce_with_logits", "2,3;2,3", 0.1, 2, { 0 } },
    { "bce", "2,3;2,3", 0.1, 0.9, { 0 } },       { "cross_entropy", "4,3;#3:4", -2, 2, { 0 } },
    { "soft_cross_entropy", "3,4;3,4", 0.1, 1, { 0 } },
    { "nll", "4,3;#3:4", -2, 2, { 0 } },
    { "mse_with", "2,3;2,3", -2, 2, { 0 } },     { "mse_with", "2,2,2;2,2,2", -2, 2, { 0 } },
    { "mse_with", "3,1;3", -2, 2, { 0 } },       { "mse_with", ";", -2, 2, { 0 } },
    { "mae_with", "~2,3;~2,3", 0, 0, { 0 } },
    { "huber_with", "~3,4;~3,4", 0, 0, { 0, 0, 0.5 } }, { "huber_with", "~3,4;~3,4", 0, 0, { 0 } },
    { "bce_with_logits_with", "2,3;2,3", -4, 4, { 0 } }, { "bce_with_logits_with", "5;?5", -20, 20, { 0 } },
    { "bce_with", "2,3;2,3", 0.1, 0.9, { 0 } },  { "bce_with", "5;?5", 0.1, 0.9, { 0 } },
    { "cross_entropy_with", "4,3;#3:4", -2, 2, { 0 } }, { "cross_entropy_with", "2,2,4;#4:2,2", -2, 2, { 0, 0.1 } },
    { "cross_entropy_with", "4,3;#3:4;=3", 0.2, 2, { 0 } }, { "cross_entropy_with", "4;#4:", -2, 2, { 0 } },
    { "cross_entropy_with", "4,3;#3:4;=3", 0.2, 2, { 0, 0.1 } },
    { "soft_cross_entropy_with", "3,4;3,4", 0.1, 1, { 0 } },
    { "soft_cross_entropy_with", "2,2,3;2,2,3", 0.1, 1, { 0, 0.1 } },
    { "soft_cross_entropy_with", "3,4;3,4;=4", 0.1, 1, { 0, 0.1 } },
    { "nll_with", "4,3;#3:4", -2, 2, { 0 } },    { "nll_with", "4,3;#3:4;=3", 0.2, 2, { 0 } },




    /* The tables of @ops, with the ranges and arguments that stand there. */
#define GRADCHECK_AB(USED, A, B)            { A, B }
#define GRADCHECK_UNARY(NAME, F, DF, LO, HI) \
    { #NAME, "", LO, HI, { 0 } }, { #NAME, "5", LO, HI, { 0 } }, { #NAME, "2,1,3,1,2", LO, HI, { 0 } },
#define GRADCHECK_UNARY_WITH(NAME, ARGUMENTS, F, DF, LO, HI) \
    { #NAME, "", LO, HI, GRADCHECK_AB ARGUMENTS }, { #NAME, "5", LO, HI, GRADCHECK_AB ARGUMENTS }, \
    { #NAME, "2,1,3,1,2", LO, HI, GRADCHECK_AB ARGUMENTS },
    DC_UNARY_OPS(GRADCHECK_UNARY)
    DC_UNARY_OPS_WITH(GRADCHECK_UNARY_WITH)
};

/* The binary ones, each with every broadcast; those with kinks need operands that stay apart. */
static const char *const gradcheck_pairs[] = {
    "2,3;2,3", "2,3;3", "3;2,3", "2,1;1,3", ";2,2", "2,2;", ";", "2,1,3;4,1", "1,3;2,1,1,3", "2,1,2,1,2;3,1,2,1",
    "300;1",
};
static const char *const gradcheck_apart_pairs[] = {
    "~2,3;~2,3", "~2,3;~3", "~3;~2,3", "~2,1;~1,3", "~;~2,2", "~2,1,3;~4,1", "~2,1,2,1,2;~3,1,2,1",
};
enum { GRADCHECK_PAIR_COUNT = (int)(sizeof gradcheck_pairs / sizeof *gradcheck_pairs),
       GRADCHECK_APART_COUNT = (int)(sizeof gradcheck_apart_pairs / sizeof *gradcheck_apart_pairs) };

/* What has no gradient, or 0 everywhere, with operands to try it on. */
static const gradcheck_row gradcheck_flat[] = {
    { "one_hot", "#3:4", 0, 0, { 3 } }, { "argmax", "2,3", -2, 2, { 1 } }, { "argmin", "2,3", -2, 2, { 0 } },
    { "equal", "2,3;3", -2, 2, { 0 } }, { "not_equal", "2,3;3", -2, 2, { 0 } }, { "less", "2,3;3", -2, 2, { 0 } },
    { "less_equal", "2,3;3", -2, 2, { 0 } }, { "greater", "2,3;3", -2, 2, { 0 } },
    { "greater_equal", "2,3;3", -2, 2, { 0 } }, { "sign", "2,3", -2, 2, { 0 } }, { "augment_op", "2,3,3,1", -2, 2,
        { 0 } },
};
enum { GRADCHECK_ROWS = (int)(sizeof gradcheck_rows / sizeof *gradcheck_rows),
       GRADCHECK_FLAT = (int)(sizeof gradcheck_flat / sizeof *gradcheck_flat) };

/* --- operands --- */

static uint32_t gradcheck_state;

static double gradcheck_uniform(void)                    /* In [0, 1). */
{
    gradcheck_state = gradcheck_state * 1664525 + 1013904223;
    return (double)(gradcheck_state >> 8) / (1 << 24);
}

/* Distinct multiples of 0.07, and 0.035: differences are multiples of 0.07, the nearest to 1 is 0.98. */
static void gradcheck_apart(dc_tensor *t, bool *used)
{
    enum { CHOICES = 64 };
    for (int64_t i = 0; i < t->size; i++) {
        int k = (int)(gradcheck_uniform() * CHOICES);
        while (used[k]) k = (k + 1) % CHOICES;
        used[k] = true;
        t->data[i] = (dc_real)(0.07 * (k - CHOICES / 2) + 0.035);
    }
}

/* One operand as its text says; *text moves behind it. Checked ones are marked by needs_grad. */
static dc_tensor *gradcheck_operand(dc_context *ctx, const gradcheck_row *row, const char **text, bool *used)
{
    const char *p = *text;
    char kind = strchr("=~#?+-", *p) && *p ? *p++ : ' ';
    int classes = kind == '#' ? (int)strtol(p, (char **)&p, 10) : 0;
    if (kind == '#') p++;
    dc_shape s = { 0 };
    while (*p && *p != ';') {
        s.dim[s.rank++] = strtol(p, (char **)&p, 10);
        if (*p == ',') p++;
    }
    *text = *p ? p + 1 : NULL;
    if (kind == '-') return NULL;
    dc_tensor *t = dc_zeros(ctx, s);
    for (int64_t i = 0; i < t->size; i++) {
        double u = gradcheck_uniform();
        t->data[i] = kind == '#' ? (int)(u * classes) : kind == '?' ? u < 0.5 : kind == '+' ? (u < 0.5 ? -1 : 1)
                   : (dc_real)(row->low + (row->high - row->low) * u);
    }
    if (kind == '~') gradcheck_apart(t, used);
    return kind == ' ' || kind == '~' ? dc_require_grad(t) : t;
}

typedef struct gradcheck_job {
    const every_op *op;
    const double   *a;
    dc_tensor      *x[EVERY_OP_OPERANDS], *checked[EVERY_OP_OPERANDS], *weights;
    int             operands, checked_count;
} gradcheck_job;

static bool gradcheck_prepare(dc_context *ctx, const gradcheck_row *row, const double *a, gradcheck_job *job)
{
    bool used[64] = { false };
    const char *text = row->operands;
    *job = (gradcheck_job){ .op = every_op_named(row->op), .a = a };
    if (!check__that(job->op != NULL, __FILE__, __LINE__, "%s is not in every_op.h", row->op)) return false;
    while (text) {
        dc_tensor *t = gradcheck_operand(ctx, row, &text, used);
        if (t && t->needs_grad) job->checked[job->checked_count++] = t;
        job->x[job->operands++] = t;
    }
    dc_tensor *y = job->op->call(job->x, a);
    job->weights = dc_zeros(ctx, y->shape);              /* No sum of gradients may hide a wrong one. */
    for (int64_t i = 0; i < y->size; i++) job->weights->data[i] = (dc_real)(2 * gradcheck_uniform() - 1);
    return true;
}

static dc_tensor *gradcheck_value(dc_tensors inputs, void *user)
{
    gradcheck_job *job = user;
    (void)inputs;
    return dc_sum(dc_mul(job->op->call(job->x, job->a), job->weights));
}

/* --- the check itself, and two properties of every backward --- */

typedef void (*gradcheck_action)(dc_context *ctx, gradcheck_job *job, double *worst);

static void gradcheck_differences(dc_context *ctx, gradcheck_job *job, double *worst)
{
    double error = dc_gradcheck(ctx, gradcheck_value, (dc_tensors){ job->checked_count, job->checked }, job);
    if (!(error <= *worst)) *worst = error;
}

/* Computed twice from the same operands, the gradients must be twice as large: backward adds. */
static void gradcheck_adds(dc_context *ctx, gradcheck_job *job, double *worst)
{
    double *once[EVERY_OP_OPERANDS];
    for (int i = 0; i < job->checked_count; i++) {
        once[i] = dc_alloc(ctx, (size_t)(job->checked[i]->size + 1) * sizeof(double));
        dc_zero_grad(job->checked[i]);
    }
    dc_backward(gradcheck_value((dc_tensors){ 0, NULL }, job));
    for (int i = 0; i < job->checked_count; i++) {
        dc_tensor *g = dc_grad(job->checked[i]);
        for (int64_t k = 0; g && k < g->size; k++) once[i][k] = (double)g->data[k];
        dc_zero_grad(job->checked[i]);
    }
    dc_backward(dc_add(gradcheck_value((dc_tensors){ 0, NULL }, job), gradcheck_value((dc_tensors){ 0, NULL }, job)));
    for (int i = 0; i < job->checked_count; i++)
        for (int64_t k = 0; k < job->checked[i]->size; k++) {
            double twice = (double)job->checked[i]->grad[k], error = fabs(twice - 2 * once[i][k]);
            if (!(error <= 1e-12 * fmax(1, fabs(twice)))) *worst = fmax(*worst, error);
        }
}

/* An operand that is the only one to want a gradient gets the same as in company. */
static void gradcheck_alone(dc_context *ctx, gradcheck_job *job, double *worst)
{
    (void)ctx;
    for (int i = 0; i < job->checked_count; i++) dc_zero_grad(job->checked[i]);
    dc_backward(gradcheck_value((dc_tensors){ 0, NULL }, job));
    for (int i = 0; i < job->checked_count; i++) {
        dc_tensor *x = job->checked[i];
        double *together = dc_alloc(ctx, (size_t)(x->size + 1) * sizeof(double));
        for (int64_t k = 0; k < x->size; k++) together[k] = (double)x->grad[k];
        for (int p = 0; p < job->checked_count; p++) job->checked[p]->needs_grad = p == i;
        dc_zero_grad(x);
        dc_backward(gradcheck_value((dc_tensors){ 0, NULL }, job));
        for (int64_t k = 0; k < x->size; k++)
            if (!((double)x->grad[k] <= together[k] && (double)x->grad[k] >= together[k])) *worst = 1;
        for (int p = 0; p < job->checked_count; p++) job->checked[p]->needs_grad = true;
    }
}

static int gradcheck_cases;

static void gradcheck_row_does(const gradcheck_row *row, gradcheck_action action, double *worst)
{
    size_t length = strlen(row->op);
    bool is_loss = length > 5 && !strcmp(row->op + length - 5, "_with") && strcmp(row->op, "matmul_with");
    for (int reduction = 0; reduction < (is_loss ? 3 : 1); reduction++)
        for (int draw = 0; draw < GRADCHECK_DRAWS; draw++) {
            dc_context *ctx = dc_new(1);
            double a[GRADCHECK_NUMBERS];
            memcpy(a, row->a, sizeof a);
            if (is_loss) a[0] = reduction;
            gradcheck_job job;
            gradcheck_state = (uint32_t)(draw + 1) * 7919;
            if (gradcheck_prepare(ctx, row, a, &job) && job.checked_count) action(ctx, &job, worst);
            gradcheck_cases++;
            dc_free(ctx);
        }
}

static bool gradcheck_is_binary(const char *op)
{
    static const char *const names[] = {
#define GRADCHECK_NAME(NAME, F, DFX, DFY) #NAME,
        DC_BINARY_OPS(GRADCHECK_NAME)
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(op, names[i])) return true;
    return false;
}

static bool gradcheck_is_flat(const char *op)
{
    for (int i = 0; i < GRADCHECK_FLAT; i++)
        if (!strcmp(op, gradcheck_flat[i].op)) return strcmp(op, "sign") != 0;
    return false;
}

/* All rows of one op; returns how many there are. */
static int gradcheck_op_does(const char *op, gradcheck_action action, double *worst)
{
    int rows = 0;
    for (int i = 0; i < GRADCHECK_ROWS; i++)
        if (!strcmp(gradcheck_rows[i].op, op)) gradcheck_row_does(&gradcheck_rows[i], action, worst), rows++;
    if (!gradcheck_is_binary(op) || gradcheck_is_flat(op)) return rows;
    bool apart = !strcmp(op, "maximum") || !strcmp(op, "minimum");
    const char *const *pairs = apart ? gradcheck_apart_pairs : gradcheck_pairs;
    int count = apart ? GRADCHECK_APART_COUNT : GRADCHECK_PAIR_COUNT;
    double low = !strcmp(op, "div") || !strcmp(op, "pow") ? 0.5 : -2;
    for (int i = 0; i < count; i++, rows++)
        gradcheck_row_does(&(gradcheck_row){ op, pairs[i], low, 2, { 0 } }, action, worst);
    return rows;
}

TEST(gradcheck_every_op)
{
    double worst_of_all = 0;
    for (int i = 0; i < EVERY_OPS; i++) {
        const char *op = every_ops[i].name;
        if (gradcheck_is_flat(op) || !strcmp(op, "batch_norm_statistics")) continue;
        double worst = 0;
        gradcheck_cases = 0;
        int rows = gradcheck_op_does(op, gradcheck_differences, &worst);
        printf("gradcheck %-26s %8.1e  in %d cases\n", op, worst, gradcheck_cases);
        check__that(rows > 0, __FILE__, __LINE__, "%s has no row in gradcheck_rows", op);
        check__that(worst <= gradcheck_limit, __FILE__, __LINE__, "gradient of %s: error %g", op, worst);
        if (!(worst <= worst_of_all)) worst_of_all = worst;
    }
    printf("gradcheck %-26s %8.1e\n", "worst of all", worst_of_all);
}

TEST(gradcheck_backward_adds)
{
    for (int i = 0; i < EVERY_OPS; i++) {
        double worst = 0;
        gradcheck_op_does(every_ops[i].name, gradcheck_adds, &worst);
        check__that(worst <= 0, __FILE__, __LINE__, "%s: off by %g", every_ops[i].name, worst);
    }
}

TEST(gradcheck_one_operand_alone)
{
    for (int i = 0; i < EVERY_OPS; i++) {
        double worst = 0;
        gradcheck_op_does(every_ops[i].name, gradcheck_alone, &worst);
        check__that(worst <= 0, __FILE__, __LINE__, "%s: another gradient when alone", every_ops[i].name);
    }
}

TEST(gradcheck_flat_ops_have_no_gradient)
{
    dc_context *ctx = dc_new(1);
    for (int i = 0; i < GRADCHECK_FLAT; i++) {
        gradcheck_job job;
        gradcheck_state = 5;
        if (!gradcheck_prepare(ctx, &gradcheck_flat[i], gradcheck_flat[i].a, &job)) continue;
        dc_tensor *y = job.op->call(job.x, job.a);
        check__that(y->size > 0, __FILE__, __LINE__, "%s", gradcheck_flat[i].op);
        if (!y->needs_grad) continue;
        dc_backward(dc_sum(y));
        for (int p = 0; p < job.checked_count; p++)
            for (int64_t k = 0; k < job.checked[p]->size; k++)
                check__near((double)job.checked[p]->grad[k], 0, 0, __FILE__, __LINE__, gradcheck_flat[i].op);
    }
    dc_free(ctx);
}

/* --- is every public op here? --- */

/* Functions of these chapters that are no op. */
static bool gradcheck_not_an_op(const char *name)
{
    return !strcmp(name, "loss_named") || !strcmp(name, "loss_value");       /* The second: ..._with. */
}

/* The function that a line of deepc.h declares, without its dc_; false when it declares none. */
static bool gradcheck_declared(const char *line, char *name, size_t size)
{
    const char *end = strchr(line, '('), *start;
    if (strncmp(line, "DC_API ", 7) || !end) return false;
    while (end > line && end[-1] == ' ') end--;
    for (start = end; start > line && strchr("abcdefghijklmnopqrstuvwxyz_0123456789", start[-1]); ) start--;
    if (strncmp(start, "dc_", 3) || (size_t)(end - start) >= size) return false;
    snprintf(name, size, "%.*s", (int)(end - start) - 3, start + 3);
    return true;
}

TEST(gradcheck_misses_no_public_op)
{
    FILE *header = fopen(DEEPC_H_PATH, "r");
    if (!check__that(header != NULL, __FILE__, __LINE__, "cannot read %s", DEEPC_H_PATH)) return;
    char line[512], name[64];
    int found = 0;
    bool inside = false;
    while (fgets(line, sizeof line, header)) {
        if (!strncmp(line, "/* @", 4)) inside = !strncmp(line + 4, "ops ", 4) || !strncmp(line + 4, "losses ", 7);
        if (!inside || !gradcheck_declared(line, name, sizeof name) || gradcheck_not_an_op(name)) continue;
        found++;
        check__that(every_op_named(name) != NULL, __FILE__, __LINE__, "dc_%s is public, but not in every_op.h", name);
    }
    fclose(header);
    check__that(found > 50, __FILE__, __LINE__, "only %d declarations found in %s", found, DEEPC_H_PATH);
}
