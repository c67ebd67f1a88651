/* 10_custom_op - an operation of your own, in about 25 lines, without touching deepc.h.
 *
 * You will see the activation "squareplus" of Barron 2021 (arXiv:2112.11687),
 *
 *     y = (x + sqrt(x^2 + b)) / 2,     dy/dx = (1 + x / sqrt(x^2 + b)) / 2,
 *
 * a smooth relu that needs no exponential. Its gradient is first compared with finite differences,
 * then used to train a network on two moons. Takes no time. (In float, differences are good to
 * about three digits; with cc -DDEEPC_DOUBLE the error is below 1e-6.)
 *
 * cc -O2 examples/10_custom_op.c -lm && ./a.out          options: --seed N (1)
 *
 * expected: gradient_error <= 0.001
 * expected: test_accuracy >= 0.98 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

/* --- the op --- */

static dc_shape squareplus_shape(const dc_tensor *y)           /* The only part that may refuse. */
{
    return y->in[0]->shape;
}

static void squareplus_forward(dc_tensor *y)
{
    const dc_real *x = y->in[0]->data, b = *(dc_real *)y->state;
    for (int64_t i = 0; i < y->size; i++)
        y->data[i] = (x[i] + (dc_real)sqrt((double)(x[i] * x[i] + b))) / 2;
}

static void squareplus_backward(dc_tensor *y)                  /* dx += dy * dy/dx */
{
    const dc_real *x = y->in[0]->data, b = *(dc_real *)y->state;
    dc_real *dx = dc_grad_data(y->in[0]);
    if (!dx) return;
    for (int64_t i = 0; i < y->size; i++)
        dx[i] += y->grad[i] * (1 + x[i] / (dc_real)sqrt((double)(x[i] * x[i] + b))) / 2;
}

static const dc_op squareplus_op = {
    .name = "squareplus", .derivative = "dx = dy (1 + x / sqrt(x^2 + b)) / 2",
    .shape = squareplus_shape, .forward = squareplus_forward, .backward = squareplus_backward };

static dc_tensor *squareplus(dc_tensor *x, dc_real b)
{
    return dc_apply(&squareplus_op, DC_TENSORS(x), &b, sizeof b);
}

/* --- its use --- */

static dc_tensor *sum_of_squareplus(dc_tensors in, void *user)
{
    (void)user;
    return dc_sum(dc_square(squareplus(in.tensor[0], 1)));
}

static dc_tensor *network(dc_model *model, dc_tensor *x, void *user)
{
    (void)user;
    x = squareplus(dc_call(dc_use(model, "hidden_1", dc_dense(16, DC_LINEAR)), x), 1);
    x = squareplus(dc_call(dc_use(model, "hidden_2", dc_dense(16, DC_LINEAR)), x), 1);
    return dc_call(dc_use(model, "logits", dc_dense(2, DC_LINEAR)), x);
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(argc > 2 ? strtoull(argv[2], NULL, 10) : 1);

    dc_tensor *x = dc_require_grad(dc_uniform(ctx, DC_SHAPE(3, 4), -2, 2));
    double error = dc_gradcheck(ctx, sum_of_squareplus, DC_TENSORS(x), NULL);

    dc_dataset *train = dc_make_moons(ctx, 400, 0.1f), *test = dc_make_moons(ctx, 400, 0.1f);
    dc_model *model = dc_functional(ctx, DC_SHAPE(2), network, NULL);
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-2));
    dc_fit(model, train, (dc_fit_options){ .epochs = 100, .batch_size = 32, .quiet = true });
    dc_summary(model);

    printf("RESULT gradient_error=%.6f\n", error);
    printf("RESULT test_accuracy=%.4f\n", dc_evaluate(model, test).accuracy);
    dc_free(ctx);
}
