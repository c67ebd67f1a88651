/* 06_backprop - back-propagation by hand, then by autograd.
 *
 * You will see the chain rule walk back through one neuron, the tape on which deepc does the same,
 * and what is left for the optimiser. Then the gradients of a network of three layers, written out
 * in C, stand beside finite differences and beside dc_backward, and train it. Picture:
 * build/06_step.svg, how exact a finite difference is. Takes no time.
 *
 * cc -O2 tutorials/06_backprop.c -o build/06_backprop -lm
 * options: --seed N (1), --out DIR (build)
 *
 * expected: worst_error_by_hand <= 0.000001
 * expected: worst_error_deepc <= 0.0001
 * expected: loss_by_hand <= 0.01 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

/* [sizes] */
enum { N = 100, LAYERS = 3, WIDEST = 8, MOST = 8 * 8 + 8, CURVE = 17 };
/* [/sizes] */
static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [one_path] */
/* x -> z = w x + b -> h = tanh z -> y_hat = v h -> L = (y_hat - y)^2, and back; dz is dL/dz */
static void one_path(double w, double b, double v, double x, double y)
{
    double z = w * x + b, h = tanh(z), y_hat = v * h, L = (y_hat - y) * (y_hat - y);
    double dy_hat = 2 * (y_hat - y);                        /* L = (y_hat - y)^2 */
    double dv = dy_hat * h, dh = dy_hat * v;                /* y_hat = v h */
    double dz = dh * (1 - h * h);                           /* h = tanh z */
    double dw = dz * x, db = dz;                            /* z = w x + b */
    printf("values      z %8.4f   h %8.4f   y_hat %8.4f   L %8.4f\n", z, h, y_hat, L);
    printf("gradients  dz %8.4f  dh %8.4f  dy_hat %8.4f\n", dz, dh, dy_hat);
    printf("           dw %8.4f  db %8.4f      dv %8.4f\n", dw, db, dv);
}
/* [/one_path] */
/* [print_tape] */
/* Each tensor knows the one that was made before it: the tape is a linked list. */
static void print_tape(const dc_tensor *last)
{
    printf("name   op      of             value  gradient   rule\n");
    for (const dc_tensor *t = last; t; t = t->made_before) {
        printf("%-7s%-8s", t->name, t->inputs ? t->op->name : "");
        for (int i = 0; i < 2; i++) printf("%-6s", i < t->inputs ? t->in[i]->name : "");
        printf("%8.4f", (double)t->data[0]);
        if (t->needs_grad) printf("  %8.4f", (double)t->grad[0]);
        printf("   %s\n", t->inputs ? t->op->derivative : "");
    }
}
/* [/print_tape] */
static void one_path_with_deepc(dc_context *ctx)
{
/* [tape] */
    dc_tensor *w = dc_named(dc_param_from(ctx, DC_SCALAR, (dc_real[]){ 0.5f }), "w");
    dc_tensor *b = dc_named(dc_param_from(ctx, DC_SCALAR, (dc_real[]){ -0.4f }), "b");
    dc_tensor *v = dc_named(dc_param_from(ctx, DC_SCALAR, (dc_real[]){ -1.5f }), "v");
    dc_tensor *x = dc_named(dc_scalar(ctx, 2), "x"), *y = dc_named(dc_scalar(ctx, 1), "y");
    dc_tensor *wx = dc_named(dc_mul(w, x), "wx"), *z = dc_named(dc_add(wx, b), "z");
    dc_tensor *h = dc_named(dc_tanh(z), "h"), *y_hat = dc_named(dc_mul(v, h), "y_hat");
    dc_tensor *e = dc_named(dc_sub(y_hat, y), "e"), *L = dc_named(dc_square(e), "L");
    dc_backward(L);
    print_tape(L);
/* [/tape] */
    printf("\nWith deepc, who does what\n");
/* [who] */
    dc_optimizer *sgd = dc_optimize_these(ctx, dc_sgd(0.1), DC_TENSORS(w, b, v));
    printf("after dc_backward   w %7.4f   dw %7.4f\n", dc_item(w), dc_item(dc_grad(w)));
    dc_backward(L);
    printf("after a second one  w %7.4f   dw %7.4f\n", dc_item(w), dc_item(dc_grad(w)));
    dc_step(sgd);
    printf("after dc_step       w %7.4f   dw %s\n", dc_item(w), dc_grad(w) ? "kept" : "none");
/* [/who] */
}
/* [layer] */
typedef struct layer {
    int    in, out;
    double p[MOST], dp[MOST];             /* w [in, out] row by row, then b [out]; dL/dp */
    double a[N][WIDEST], da[N][WIDEST];   /* outputs, a row for each sample; dL/da */
} layer;
static layer net[LAYERS + 1] = {          /* net[0].a are the inputs: that "layer" has no p */
    { .out = 2 }, { .in = 2, .out = 8 }, { .in = 8, .out = 8 }, { .in = 8, .out = 2 } };
static const dc_real *label;              /* 0 or 1 for each sample */
/* [/layer] */
/* [forward] */
/* z_j = b_j + sum_i in_i w_ij and a = tanh z; but the last a are the logits z. Returns the loss */
static double forward(void)
{
    for (int k = 1; k <= LAYERS; k++)
        for (int n = 0; n < N; n++)
            for (int j = 0; j < net[k].out; j++) {
                layer *l = &net[k];
                double z = l->p[l->in * l->out + j];
                for (int i = 0; i < l->in; i++) z += net[k - 1].a[n][i] * l->p[i * l->out + j];
                l->a[n][j] = k == LAYERS ? z : tanh(z);
            }
    double loss = 0;
    for (int n = 0; n < N; n++) {                           /* the cross-entropy of chapter 4 */
        double *z = net[LAYERS].a[n], *dz = net[LAYERS].da[n], top = fmax(z[0], z[1]);
        double log_sum = top + log(exp(z[0] - top) + exp(z[1] - top));
        loss += (log_sum - z[(int)label[n]]) / N;
        for (int j = 0; j < 2; j++) dz[j] = (exp(z[j] - log_sum) - (j == (int)label[n])) / N;
    }
    return loss;
}
/* [/forward] */
/* [backward] */
static void backward(void)
{
    for (int k = LAYERS; k >= 1; k--) {                     /* the last layer first */
        layer *l = &net[k], *before = &net[k - 1];
        memset(l->dp, 0, sizeof l->dp), memset(before->da, 0, sizeof before->da);
        for (int n = 0; n < N; n++)
            for (int j = 0; j < l->out; j++) {
                double a = l->a[n][j], dz = l->da[n][j];
                if (k < LAYERS) dz *= 1 - a * a;                            /* a = tanh z */
                l->dp[l->in * l->out + j] += dz;                            /* db_j */
                for (int i = 0; i < l->in; i++) {
                    l->dp[i * l->out + j] += before->a[n][i] * dz;          /* dw_ij */
                    before->da[n][i]      += l->p[i * l->out + j] * dz;     /* over all ways */
                }
            }
    }
}
/* [/backward] */
/* [differences] */
static double relative(double a, double b) { return fmin(2, fabs(a - b) / fmax(fabs(a), fabs(b))); }
/* The worst relative error of a layer's gradients against (L(p + eps) - L(p - eps)) / 2 eps */
static double check(layer *l, double eps)
{
    double worst = 0;
    for (int i = 0; i < (l->in + 1) * l->out; i++) {
        double kept = l->p[i], L[2];
        for (int s = 0; s < 2; s++) l->p[i] = kept + (s ? eps : -eps), L[s] = forward();
        l->p[i] = kept;
        worst = fmax(worst, relative(l->dp[i], (L[1] - L[0]) / (2 * eps)));
    }
    return worst;
}
/* [/differences] */
/* [row] */
/* w [in, out] and b [out] as one row of numbers, in the order of layer.p */
static dc_tensor *row(dc_tensor *w, dc_tensor *b)
{
    return dc_concat(DC_TENSORS(dc_reshape(w, DC_SHAPE(-1)), b), 0);
}
/* [/row] */

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    printf("By hand, one path\n");
    one_path(0.5, -0.4, -1.5, 2, 1);
    printf("\nWith deepc, one path\n");
    one_path_with_deepc(ctx);
/* [start] */
    dc_batch all = dc_all(dc_make_moons(ctx, N, 0.1f));
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(2), dc_dense(8, DC_TANH), dc_dense(8, DC_TANH), dc_dense(2, DC_LINEAR)));
    dc_tensor *const *p = dc_params(model).tensor;          /* w, b, w, b, w, b */
    label = all.y->data;
    for (int i = 0; i < 2 * N; i++) net[0].a[i / 2][i % 2] = all.x->data[i];
    for (int k = 1; k <= LAYERS; k++)                       /* the same weights for both */
        for (int i = 0; i < (net[k].in + 1) * net[k].out; i++)
            net[k].p[i] = row(p[2 * k - 2], p[2 * k - 1])->data[i];
/* [/start] */
    printf("\nBy hand, three layers\nlayer   gradients   differences   dc_backward\n");
    double worst[2] = { 0, 0 };
/* [compare] */
    forward();
    backward();
    dc_backward(dc_cross_entropy(dc_forward(model, all.x), all.y));
    for (int k = 1; k <= LAYERS; k++) {
        dc_tensor *gradient = row(dc_grad(p[2 * k - 2]), dc_grad(p[2 * k - 1]));
        double error[2] = { check(&net[k], 1e-4), 0 };
        for (int i = 0; i < gradient->size; i++)
            error[1] = fmax(error[1], relative(net[k].dp[i], gradient->data[i]));
        printf("%5d   %9d   %11.0e   %11.0e\n", k, (int)gradient->size, error[0], error[1]);
        for (int i = 0; i < 2; i++) worst[i] = fmax(worst[i], error[i]);
    }
/* [/compare] */
    dc_real log_eps[CURVE], error[CURVE];
    for (int s = 0; s < CURVE; s++)                         /* eps = 10^-1, 10^-1.5, ..., 10^-9 */
        log_eps[s] = (dc_real)(-1 - s / 2.0),
        error[s] = (dc_real)check(&net[2], pow(10, -1 - s / 2.0));
    char path[1024];
    snprintf(path, sizeof path, "%s/06_step.svg", option(argc, argv, "--out", "build"));
    dc_plot plot = { "How exact is a finite difference?", "log10 of eps", "relative error",
        &(dc_series){ .x = log_eps, .y = error, .count = CURVE }, 1, .log_y = true };
    if (!dc_write_svg(ctx, path, &plot)) fprintf(stderr, "%s\n", dc_error(ctx));
    printf("\nBy hand, training\n");
/* [train] */
    for (int step = 0; step <= 500; step++) {
        double loss = forward();
        backward();                                         /* back-propagation: the gradients */
        for (int k = 1; k <= LAYERS; k++)                   /* the optimiser: a step of rate 1 */
            for (int i = 0; i < MOST; i++) net[k].p[i] -= 1 * net[k].dp[i];
        if (step % 100 == 0) printf("step %3d   loss %.4f\n", step, loss);
    }
/* [/train] */
    printf("\nRESULT worst_error_by_hand=%.9f\nRESULT worst_error_deepc=%.7f\n"
           "RESULT loss_by_hand=%.4f\n", worst[0], worst[1], forward());
    dc_free(ctx);
}
