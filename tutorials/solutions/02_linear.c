/* Solutions of chapter 2, linear regression.
 *
 * cc -O2 tutorials/solutions/02_linear.c -o build/solutions_02_linear -lm
 * options: --seed N (1)
 *
 * expected: exercise1_largest_stable_rate >= 0.6
 * expected: exercise1_largest_stable_rate <= 1.0
 * expected: exercise2_steps <= 400
 * expected: exercise3_difference <= 0.000001
 * expected: exercise4_line_loss >= 0.15
 * expected: exercise4_cubic_loss <= 0.02 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

enum { N = 100, WAVE = 200 };

typedef struct line { double w, b; } line;

/* The gradient of factor/N sum (w x + b - y)^2; the factor is 1 in the chapter. */
static line gradient(line l, const dc_real *x, const dc_real *y, double factor)
{
    line g = { 0, 0 };
    for (int i = 0; i < N; i++) {
        double error = l.w * x[i] + l.b - y[i];
        g.w += factor * 2 / N * error * x[i];
        g.b += factor * 2 / N * error;
    }
    return g;
}

/* Until the gradient is shorter than `small`, at most `steps` steps; returns how many it took. */
static int descend(line *l, dc_batch data, double rate, double factor, double small, int steps)
{
    for (int step = 0; step < steps; step++) {
        line g = gradient(*l, data.x->data, data.y->data, factor);
        if (hypot(g.w, g.b) < small) return step;
        l->w -= rate * g.w;
        l->b -= rate * g.b;
    }
    return steps;
}

/* The loss is a bowl, and along its steepest direction a step multiplies the distance by
 * 1 - rate * curvature. That shrinks as long as rate < 2 / curvature. The curvature is the larger
 * eigenvalue of the matrix of second derivatives, 2 [ s, m; m, 1 ] with m = mean x, s = mean x^2,
 * which is s + 1 + sqrt((s - 1)^2 + 4 m^2). */
static void exercise_1(dc_batch data)
{
    printf("Exercise 1: how large may the rate be?\n");
    for (int tenth = 2; tenth <= 10; tenth += 2) {
        line l = { 0, 0 };
        descend(&l, data, tenth / 10.0, 1, 0, 200);
        printf("rate %.1f   after 200 steps w = %.4g\n", tenth / 10.0, l.w);
    }
    double m = 0, s = 0;
    for (int i = 0; i < N; i++) {
        double x = data.x->data[i];
        m += x / N, s += x * x / N;
    }
    double limit = 2 / (s + 1 + sqrt((s - 1) * (s - 1) + 4 * m * m));
    printf("the limit, 2 / curvature: %.4f\n", limit);
    printf("RESULT exercise1_largest_stable_rate=%.4f\n", limit);
}

static void exercise_2(dc_batch data)
{
    line l = { 0, 0 };
    int steps = descend(&l, data, 0.5, 1, 1e-6, 100000);
    printf("\nExercise 2: stop when the gradient is shorter than 1e-6\n");
    printf("stopped after %d steps: y = %.4f x + %.4f\n", steps, l.w, l.b);
    printf("RESULT exercise2_steps=%d\n", steps);
}

static void exercise_3(dc_batch data)
{
    line one = { 0, 0 }, half = { 0, 0 };
    descend(&one, data, 0.5, 1, 0, 100);
    descend(&half, data, 1.0, 0.5, 0, 100);
    printf("\nExercise 3: half the loss, twice the rate\n");
    printf("loss 1/N,    rate 0.5:   y = %.4f x + %.4f\n", one.w, one.b);
    printf("loss 1/(2N), rate 1.0:   y = %.4f x + %.4f\n", half.w, half.b);
    printf("RESULT exercise3_difference=%.6f\n", fmax(fabs(one.w - half.w), fabs(one.b - half.b)));
}

/* The chapter's `fit` for any number of features; returns the loss where it ends. */
static double fit(dc_context *ctx, int features, const dc_real *x, const dc_real *y)
{
    dc_dataset *data = dc_from_arrays(ctx, WAVE, DC_SHAPE(features), x, DC_SHAPE(1), y, 0);
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(features), dc_dense(1, DC_LINEAR)));
    dc_compile(model, DC_MSE, dc_sgd(0.1));
    dc_fit(model, data, (dc_fit_options){ .epochs = 100, .batch_size = 10, .quiet = true });
    return dc_evaluate(model, data).loss;
}

/* Linear means linear in the weights: x, x^2 and x^3 are three features like any others. */
static void exercise_4(dc_context *ctx)
{
    dc_batch wave = dc_all(dc_make_sine(ctx, WAVE, 0.1f));
    dc_real one[WAVE], three[WAVE][3];
    for (int i = 0; i < WAVE; i++) {
        dc_real x = wave.x->data[i] / 3;                  /* about -1 to 1: powers stay small */
        one[i] = x, three[i][0] = x, three[i][1] = x * x, three[i][2] = x * x * x;
    }
    double line_loss = fit(ctx, 1, one, wave.y->data);
    double cubic_loss = fit(ctx, 3, &three[0][0], wave.y->data);
    printf("\nExercise 4: a line and a cubic through a sine\n");
    printf("line    loss %.4f\ncubic   loss %.4f\n", line_loss, cubic_loss);
    printf("RESULT exercise4_line_loss=%.4f\n", line_loss);
    printf("RESULT exercise4_cubic_loss=%.4f\n", cubic_loss);
}

int main(int argc, char **argv)
{
    bool seeded = argc > 2 && !strcmp(argv[1], "--seed");
    dc_context *ctx = dc_new(seeded ? strtoull(argv[2], NULL, 10) : 1);
    dc_batch data = dc_all(dc_make_line(ctx, N, 2, 1, 0.1f));
    exercise_1(data);
    exercise_2(data);
    exercise_3(data);
    exercise_4(ctx);
    dc_free(ctx);
}
