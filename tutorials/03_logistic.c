/* 03_logistic - logistic regression: one neuron, one straight boundary, and what it cannot do.
 *
 * You will see a neuron compute the probability of a class, learn to tell two clouds of points
 * apart (by hand, then with deepc, to the same weights), and stay stuck at XOR. The textbook form
 * of its loss becomes infinite, another form does not. Draws build/03_*.svg. Takes no time.
 *
 * cc -O2 tutorials/03_logistic.c -o build/03_logistic -lm
 * options: --seed N (1), --out DIR (build)
 *
 * expected: by_hand_accuracy >= 0.97
 * expected: deepc_accuracy >= 0.97
 * expected: weight_difference <= 0.0001
 * expected: xor_accuracy <= 0.75
 * expected: xor_loss >= 0.69
 * expected: naive_is_infinite_at_17 == 1
 * expected: stable_loss_at_17 <= 17.001 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { COUNT = 400, STEPS = 1000, SIDE = 100 };
static const double rate = 0.1;
/* [neuron] */
typedef struct neuron { double w[2], b; } neuron;           /* a weight for each input, one bias */

static double logit(neuron n, const dc_real *x) { return n.w[0] * x[0] + n.w[1] * x[1] + n.b; }
static double sigmoid(double z) { return 1 / (1 + exp(-z)); }
/* [/neuron] */
/* [loss] */
/* -(y log p + (1 - y) log(1 - p)) with p = sigmoid(z), written without p */
static double loss_of(double z, double y) { return fmax(z, 0) - z * y + log1p(exp(-fabs(z))); }
/* [/loss] */
/* [one_point] */
static void one_point(neuron n, const dc_real *x, double y)
{
    double z = logit(n, x);
    printf("x = (%.4f, %.4f), class %.0f\n", (double)x[0], (double)x[1], y);
    printf("z = %.4f * %.4f + %.4f * %.4f + %.4f = %.4f\n", n.w[0], x[0], n.w[1], x[1], n.b, z);
    printf("p = sigmoid(z) = %.4f\nloss = %.4f\n\n", sigmoid(z), loss_of(z, y));
}
/* [/one_point] */
/* [descent] */
static neuron descend(neuron n, const dc_real *x, const dc_real *y)
{
    for (int step = 0; step < STEPS; step++) {
        double loss = 0;
        neuron g = { { 0, 0 }, 0 };                         /* the gradient: a slope a parameter */
        for (int i = 0; i < COUNT; i++) {
            double z = logit(n, x + 2 * i);                 /* forward */
            double error = sigmoid(z) - y[i];               /* dloss/dz = p - y */
            loss   += loss_of(z, y[i]) / COUNT;
            g.w[0] += error * x[2 * i] / COUNT, g.w[1] += error * x[2 * i + 1] / COUNT;
            g.b    += error / COUNT;
        }
        if (step % 200 == 0)
            printf("step %4d   w (%7.4f, %7.4f)   b %7.4f   loss %.4f\n", step, n.w[0],
                   n.w[1], n.b, loss);
        n.w[0] -= rate * g.w[0], n.w[1] -= rate * g.w[1], n.b -= rate * g.b;
    }
    return n;
}
/* [/descent] */
/* [accuracy] */
static double accuracy(neuron n, dc_batch points)
{
    int64_t right = 0;
    for (int64_t i = 0; i < points.size; i++)               /* z > 0 is the same as p > 1/2 */
        right += (logit(n, points.x->data + 2 * i) > 0) == (points.y->data[i] > 0);
    return (double)right / (double)points.size;
}
/* [/accuracy] */
/* [infinite] */
static float naive(float z, float y)                        /* as the formula stands in books */
{
    float p = 1 / (1 + expf(-z));
    return -(y * logf(p) + (1 - y) * logf(1 - p));
}
static float stable(float z, float y) { return fmaxf(z, 0) - z * y + log1pf(expf(-fabsf(z))); }
/* [/infinite] */

static void compare_losses(void)
{
    static const float chosen[] = { 1, 8, 15, 16, 17, 100 };
    printf("  z   1 - sigmoid(z)   naive loss   stable loss      (the class is 0)\n");
    for (int i = 0; i < 6; i++) {
        float z = chosen[i], p = 1 / (1 + expf(-z));
        printf("%3.0f   %14.4g   %10.4f   %11.4f\n", z, 1 - p, naive(z, 0), stable(z, 0));
    }
}
/* [deepc] */
static dc_model *train(dc_dataset *data, dc_tensor *w, dc_tensor *b)
{
    dc_model *model = dc_sequential(w->ctx, DC_LAYERS(dc_input(2), dc_dense(1, DC_LINEAR)));
    dc_write(dc_find(model, "dense_1.weight"), w->data);    /* the start that the hand had */
    dc_write(dc_find(model, "dense_1.bias"), b->data);
    dc_compile(model, DC_BCE_WITH_LOGITS, dc_sgd(rate));    /* the sigmoid is in the loss */
    dc_fit(model, data, (dc_fit_options){ .epochs = STEPS, .batch_size = COUNT, .quiet = true });
    return model;
}
/* [/deepc] */
/* [gradients] */
static void report(const char *form, dc_tensor *loss, dc_tensor *z)
{
    dc_backward(loss);
    printf("%-24s   loss %8.4f   gradient %.4f\n", form, (double)dc_item(loss),
           fabs((double)dc_item(dc_grad(z))));              /* fabs: nan may print as -nan */
    dc_zero_grad(z);
}

static void three_forms(dc_context *ctx)
{
    dc_tensor *z = dc_require_grad(dc_scalar(ctx, 20)), *y = dc_scalar(ctx, 0);
    dc_tensor *p = dc_sigmoid(z), *one = dc_scalar(ctx, 1);
    report("-log(1 - p)", dc_neg(dc_log(dc_sub(one, p))), z);
    report("dc_bce(p, y)", dc_bce(p, y), z);
    report("dc_bce_with_logits(z, y)", dc_bce_with_logits(z, y), z);
}
/* [/gradients] */

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}
/* [data] */
/* Two clouds; multiplying by `turn` rotates them, so that both features matter. */
static dc_dataset *two_clouds(dc_context *ctx, int64_t count)
{
    dc_batch flat = dc_all(dc_make_blobs(ctx, count, 2, 0.8f));
    dc_tensor *turn = dc_from(ctx, DC_SHAPE(2, 2), (dc_real[]){ 0.6f, 0.8f, -0.8f, 0.6f });
    return dc_from_arrays(ctx, count, DC_SHAPE(2), dc_matmul(flat.x, turn)->data, DC_SCALAR,
                          flat.y->data, 2);
}
/* [/data] */
static void save(dc_context *ctx, const char *folder, const char *name, dc_plot plot)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/03_%s.svg", folder, name);
    if (!dc_write_svg(ctx, path, &plot)) fprintf(stderr, "%s\n", dc_error(ctx));
}
/* [boundary] */
/* The points, and behind them the probability of class 1 at 100 x 100 places in [low, high]. */
static void draw(const char *folder, const char *name, dc_model *model, dc_batch points,
                 dc_real low, dc_real high)
{
    dc_shape square = DC_SHAPE(SIDE, SIDE);                 /* a row for each x2, highest first */
    dc_tensor *x1 = dc_expand(dc_linspace(points.x->ctx, low, high, SIDE), square);
    dc_tensor *x2 = dc_transpose(dc_expand(dc_linspace(points.x->ctx, high, low, SIDE), square));
    dc_tensor *grid = dc_reshape(dc_stack(DC_TENSORS(x1, x2), 2), DC_SHAPE(SIDE * SIDE, 2));
    dc_tensor *p = dc_sigmoid(dc_predict(model, grid));     /* [10000, 1] */
    dc_real at[2][2][COUNT];                                /* the points by class: x1, x2 */
    dc_series class[2] = { { "class 0", at[0][0], at[0][1], .points = true },
                           { "class 1", at[1][0], at[1][1], .points = true } };
    for (int i = 0; i < points.size; i++) {
        int c = (int)points.y->data[i], n = (int)class[c].count++;
        at[c][0][n] = points.x->data[2 * i], at[c][1][n] = points.x->data[2 * i + 1];
    }
    save(p->ctx, folder, name, (dc_plot){ .x_label = "x1", .y_label = "x2", .width = 520,
        .height = 520, .series = class, .series_count = 2, .field = p->data, .field_rows = SIDE,
        .field_columns = SIDE, .x_min = low, .x_max = high, .y_min = low, .y_max = high });
}
/* [/boundary] */
int main(int argc, char **argv)
{
    dc_context *ctx    = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *clouds = two_clouds(ctx, COUNT), *fresh = two_clouds(ctx, 1000);
    dc_dataset *xor    = dc_make_xor(ctx);
    dc_batch    points = dc_all(clouds);                    /* x [400, 2], y [400] */
    /* [start] */
    dc_tensor *w = dc_normal(ctx, DC_SHAPE(2, 1), 0, 1), *b = dc_normal(ctx, DC_SHAPE(1), 0, 1);
    /* [/start] */
    printf("By hand\n");
    neuron start = { { w->data[0], w->data[1] }, b->data[0] };
    one_point(start, points.x->data, points.y->data[0]);
    neuron hand = descend(start, points.x->data, points.y->data);
    printf("step %d   w (%7.4f, %7.4f)   b %7.4f\n", STEPS, hand.w[0], hand.w[1], hand.b);
    printf("\nBy hand: a confident mistake\n");
    compare_losses();
    printf("\nWith deepc\n");
    dc_model *line = train(clouds, w, b), *stuck = train(xor, w, b);
    const dc_real *v = dc_params(line).tensor[0]->data, c = dc_item(dc_params(line).tensor[1]);
    printf("step %d   w (%7.4f, %7.4f)   b %7.4f\n", STEPS, (double)v[0], (double)v[1], (double)c);
    printf("\nXOR: the probability of class 1 at (0, 0), (0, 1), (1, 0), (1, 1)\n");
    dc_print(dc_sigmoid(dc_predict_all(stuck, xor)));
    printf("\nThree forms of one loss, at z = 20 for class 0\n");
    three_forms(ctx);
    const char *out = option(argc, argv, "--out", "build");
    draw(out, "boundary", line, dc_all(dc_take(clouds, 0, 160)), -4, 4);
    draw(out, "xor", stuck, dc_all(xor), -0.2f, 1.2f);
    dc_tensor *z = dc_linspace(ctx, -8, 8, 161);
    save(ctx, out, "sigmoid", (dc_plot){ .x_label = "z", .y_label = "p", .height = 300,
        .series = &(dc_series){ .x = z->data, .y = dc_sigmoid(z)->data, .count = z->size },
        .series_count = 1 });
    printf("\nRESULT by_hand_accuracy=%.4f\n", accuracy(hand, dc_all(fresh)));
    printf("RESULT deepc_accuracy=%.4f\n", dc_evaluate(line, fresh).accuracy);
    printf("RESULT weight_difference=%.6f\n", fmax(fabs(hand.b - (double)c),
           fmax(fabs(hand.w[0] - v[0]), fabs(hand.w[1] - v[1]))));
    dc_report of_xor = dc_evaluate(stuck, xor);
    printf("RESULT xor_accuracy=%.4f\nRESULT xor_loss=%.4f\n", of_xor.accuracy, of_xor.loss);
    printf("RESULT naive_is_infinite_at_17=%d\nRESULT stable_loss_at_17=%.4f\n",
           isinf(naive(17, 0)) != 0, (double)stable(17, 0));
    dc_free(ctx);
}
