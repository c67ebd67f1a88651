/* Solutions of chapter 6, back-propagation.
 *
 * cc -O2 tutorials/solutions/06_backprop.c -o build/solutions_06_backprop -lm
 * options: --seed N (1)
 *
 * expected: exercise1_one_sided_ratio >= 5
 * expected: exercise1_one_sided_ratio <= 15
 * expected: exercise1_central_ratio >= 80
 * expected: exercise2_difference <= 0.000001
 * expected: exercise3_error_right <= 0.001
 * expected: exercise3_error_wrong >= 0.01
 * expected: exercise3_loss_right <= 0.01
 * expected: exercise3_loss_wrong <= 0.4
 * expected: exercise4_difference <= 0.001 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

static double loss_of(double w)                             /* the one path of the chapter */
{
    double y = -1.5 * tanh(2 * w - 0.4) - 1;
    return y * y;
}

/* A Taylor series says why: L(w + e) = L + e L' + e^2 L''/2 + ... The one-sided difference keeps an
 * error of e L''/2; in L(w + e) - L(w - e) the even terms cancel, and e^2 L'''/6 is left. */
static void exercise_1(void)
{
    double h = tanh(0.6), y = -1.5 * h, exact = 2 * (y - 1) * -1.5 * (1 - h * h) * 2;
    double one_sided[2], central[2];
    printf("Exercise 1: one-sided and central differences\n");
    for (int i = 0; i < 2; i++) {
        double eps = i ? 1e-3 : 1e-2;
        one_sided[i] = fabs((loss_of(0.5 + eps) - loss_of(0.5)) / eps - exact);
        central[i]   = fabs((loss_of(0.5 + eps) - loss_of(0.5 - eps)) / (2 * eps) - exact);
        printf("eps %.3f   error one-sided %.2e   central %.2e\n", eps, one_sided[i], central[i]);
    }
    printf("RESULT exercise1_one_sided_ratio=%.1f\n", one_sided[0] / one_sided[1]);
    printf("RESULT exercise1_central_ratio=%.1f\n", central[0] / central[1]);
}

/* y = w tanh(w x): w reaches y in two ways, as the factor and through the tanh. Their gradients
 * add up: dy/dw = tanh(w x) + w (1 - tanh^2(w x)) x. */
static void exercise_2(dc_context *ctx)
{
    double w = 0.7, x = 1.5, h = tanh(w * x), by_hand = h + w * (1 - h * h) * x;
    dc_tensor *p = dc_param_from(ctx, DC_SCALAR, (dc_real[]){ 0.7f });
    dc_tensor *tanh_wx = dc_tanh(dc_scale(p, 1.5f));
    dc_backward(dc_mul(p, tanh_wx));
    double by_deepc = (double)dc_item(dc_grad(p));
    printf("\nExercise 2: a weight that is used twice\n");
    printf("as the factor %.4f, through tanh %.4f, together %.4f; deepc %.4f\n", h,
           w * (1 - h * h) * x, by_hand, by_deepc);
    printf("RESULT exercise2_difference=%.9f\n", fabs(by_hand - by_deepc));
}

/* tanh as an operation of one's own; the slip: the factor 1 - y^2 is forgotten. */
static dc_shape my_tanh_shape(const dc_tensor *y) { return y->in[0]->shape; }

static void my_tanh_forward(dc_tensor *y)
{
    for (int64_t i = 0; i < y->size; i++)
        y->data[i] = (dc_real)tanh((double)y->in[0]->data[i]);
}

static void add_gradient(dc_tensor *y, bool slip)
{
    dc_real *dx = dc_grad_data(y->in[0]);
    for (int64_t i = 0; dx && i < y->size; i++) {
        dc_real a = y->data[i];
        dx[i] += y->grad[i] * (slip ? 1 : 1 - a * a);
    }
}
static void backward_right(dc_tensor *y) { add_gradient(y, false); }
static void backward_wrong(dc_tensor *y) { add_gradient(y, true); }

static const dc_op right_tanh = { "right_tanh", "dx = dy (1 - y^2)", my_tanh_shape,
                                  my_tanh_forward, backward_right, false };
static const dc_op wrong_tanh = { "wrong_tanh", "dx = dy", my_tanh_shape,
                                  my_tanh_forward, backward_wrong, false };

typedef struct task { const dc_op *op; dc_batch points; } task;

static dc_tensor *network_loss(dc_tensors p, void *user)    /* p: w, b, w, b */
{
    task *t = user;
    dc_tensor *z = dc_linear(t->points.x, p.tensor[0], p.tensor[1]);
    dc_tensor *h = dc_apply(t->op, DC_TENSORS(z), NULL, 0);
    return dc_cross_entropy(dc_linear(h, p.tensor[2], p.tensor[3]), t->points.y);
}

/* The forgotten factor is positive, so the wrong gradient still points downhill, roughly. The loss
 * falls, but not far. One blames the learning rate or the network; the comparison with differences
 * names the culprit. */
static void exercise_3(dc_context *ctx)
{
    printf("\nExercise 3: a slip of the pen\n");
    dc_batch moons = dc_all(dc_make_moons(ctx, 100, 0.1f));
    dc_tensor *start1 = dc_param(ctx, DC_GLOROT, 2, 8), *start2 = dc_param(ctx, DC_GLOROT, 8, 2);
    for (int i = 0; i < 2; i++) {                           /* twice from the same weights */
        task t = { i ? &wrong_tanh : &right_tanh, moons };
        dc_tensor *w1 = dc_param_from(ctx, start1->shape, start1->data);
        dc_tensor *w2 = dc_param_from(ctx, start2->shape, start2->data);
        dc_tensor *b1 = dc_param(ctx, DC_ZEROS, 8), *b2 = dc_param(ctx, DC_ZEROS, 2);
        dc_tensors p = DC_TENSORS(w1, b1, w2, b2);
        double error = dc_gradcheck(ctx, network_loss, p, &t), before = 0, after = 0;
        dc_optimizer *adam = dc_optimize_these(ctx, dc_adam(0.05), p);
        for (int step = 0; step <= 300; step++) {
            dc_mark mark = dc_begin(ctx);
            dc_tensor *loss = network_loss(p, &t);
            after = (double)dc_item(loss);
            if (step == 0) before = after;
            dc_backward(loss);
            dc_step(adam);
            dc_end(ctx, mark);
        }
        const char *name = i ? "wrong" : "right";
        printf("%s   error of the gradient %.6f   loss %.4f, then %.4f\n", name, error, before,
               after);
        printf("RESULT exercise3_error_%s=%.6f\nRESULT exercise3_loss_%s=%.4f\n", name, error, name,
               after);
    }
}

/* dL/dx = dz w: the path does not end at the weights. Here they are fixed, and x walks downhill
 * until the network says 1. On paper: -1.5 tanh(x/2 - 0.4) = 1, so x = 2 (0.4 - artanh(2/3)). */
static void exercise_4(dc_context *ctx)
{
    dc_tensor *x = dc_param_from(ctx, DC_SCALAR, (dc_real[]){ 2 });
    dc_optimizer *sgd = dc_optimize_these(ctx, dc_sgd(0.5), DC_TENSORS(x));
    printf("\nExercise 4: the input walks downhill\n");
    for (int step = 0; step <= 100; step++) {
        dc_mark mark = dc_begin(ctx);
        dc_tensor *y = dc_scale(dc_tanh(dc_shift(dc_scale(x, 0.5f), -0.4f)), -1.5f);
        dc_tensor *loss = dc_square(dc_shift(y, -1));
        if (step % 20 == 0)
            printf("step %3d   x %7.4f   output %7.4f\n", step, dc_item(x), dc_item(y));
        dc_backward(loss);
        dc_step(sgd);
        dc_end(ctx, mark);
    }
    double on_paper = 2 * (0.4 - atanh(2.0 / 3));
    printf("on paper   x %7.4f\n", on_paper);
    printf("RESULT exercise4_difference=%.6f\n", fabs((double)dc_item(x) - on_paper));
}

int main(int argc, char **argv)
{
    bool has_seed = argc > 2 && !strcmp(argv[1], "--seed");
    dc_context *ctx = dc_new(has_seed ? strtoull(argv[2], NULL, 10) : 1);
    exercise_1();
    exercise_2(ctx);
    exercise_3(ctx);
    exercise_4(ctx);
    dc_free(ctx);
}
