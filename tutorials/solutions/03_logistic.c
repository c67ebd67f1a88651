/* Solutions of chapter 3, logistic regression.
 *
 * cc -O2 tutorials/solutions/03_logistic.c -o build/solutions_03_logistic -lm
 * options: --seed N (1)
 *
 * expected: exercise1_worst_difference <= 0.00001
 * expected: exercise2_false_alarms_fall >= 10
 * expected: exercise2_misses_rise >= 50
 * expected: exercise3_right == 4
 * expected: exercise3_loss <= 0.01
 * expected: exercise4_cross_entropy_steps <= 50
 * expected: exercise4_times_longer >= 20 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

enum { COUNT = 400, MOST = 3, LONGEST = 50000 };

typedef struct points { int count, features; double x[COUNT][MOST], y[COUNT]; } points;
typedef struct neuron { double w[MOST], b; } neuron;

static double sigmoid(double z) { return 1 / (1 + exp(-z)); }
static double loss_of(double z, double y) { return fmax(z, 0) - z * y + log1p(exp(-fabs(z))); }

static double logit(const neuron *n, const points *p, int i)
{
    double z = n->b;
    for (int k = 0; k < p->features; k++) z += n->w[k] * p->x[i][k];
    return z;
}

static double accuracy(const neuron *n, const points *p)
{
    int right = 0;
    for (int i = 0; i < p->count; i++) right += (logit(n, p, i) > 0) == (p->y[i] > 0);
    return (double)right / p->count;
}

/* One step of gradient descent. The slope of a loss is dloss/dz: p - y for cross-entropy;
 * for the squared error (p - y)^2 it is 2 (p - y) p (1 - p), by the chain rule. */
static void step(neuron *n, const points *p, double rate, bool squared)
{
    neuron g = { { 0 }, 0 };
    for (int i = 0; i < p->count; i++) {
        double s = sigmoid(logit(n, p, i)), slope = s - p->y[i];
        if (squared) slope *= 2 * s * (1 - s);
        for (int k = 0; k < p->features; k++) g.w[k] += slope * p->x[i][k] / p->count;
        g.b += slope / p->count;
    }
    for (int k = 0; k < p->features; k++) n->w[k] -= rate * g.w[k];
    n->b -= rate * g.b;
}

static points read_points(dc_dataset *data)
{
    dc_batch all = dc_all(data);
    points p = { .count = (int)all.size, .features = 2 };
    for (int i = 0; i < p.count; i++) {
        for (int k = 0; k < 2; k++) p.x[i][k] = all.x->data[2 * i + k];
        p.y[i] = all.y->data[i];
    }
    return p;
}

/* The slope measured, (loss(z + eps) - loss(z - eps)) / 2 eps, beside the slope by the formula. */
static void exercise_1(void)
{
    double worst = 0, eps = 1e-4;
    printf("Exercise 1: is the slope of the loss p - y?\n");
    for (int y = 0; y <= 1; y++)
        for (int z = -4; z <= 4; z += 4) {
            double measured = (loss_of(z + eps, y) - loss_of(z - eps, y)) / (2 * eps);
            double formula = sigmoid(z) - y;
            printf("y %d   z %2d   measured %7.4f   p - y %7.4f\n", y, z, measured, formula);
            worst = fmax(worst, fabs(measured - formula));
        }
    printf("RESULT exercise1_worst_difference=%.9f\n", worst);
}

/* Clouds that overlap: a higher threshold trades false alarms for misses. */
static void exercise_2(dc_context *ctx)
{
    points p = read_points(dc_make_blobs(ctx, COUNT, 2, 2));
    neuron n = { { 0 }, 0 };
    for (int i = 0; i < 1000; i++) step(&n, &p, 0.1, false);
    printf("\nExercise 2: another threshold\n");
    int alarms[2], misses[2];
    for (int t = 0; t < 2; t++) {
        double threshold = t == 0 ? 0.5 : 0.9;
        alarms[t] = misses[t] = 0;
        for (int i = 0; i < p.count; i++) {
            bool says_1 = sigmoid(logit(&n, &p, i)) > threshold;
            alarms[t] += says_1 && p.y[i] == 0;
            misses[t] += !says_1 && p.y[i] == 1;
        }
        printf("class 1 when p > %.1f   false alarms %d   misses %d\n", threshold, alarms[t],
               misses[t]);
    }
    printf("RESULT exercise2_false_alarms_fall=%d\n", alarms[0] - alarms[1]);
    printf("RESULT exercise2_misses_rise=%d\n", misses[1] - misses[0]);
}

/* A third feature, x1 x2: a plane in three dimensions does what no line in two can. */
static void exercise_3(dc_context *ctx)
{
    points p = read_points(dc_make_xor(ctx));
    p.features = 3;
    for (int i = 0; i < p.count; i++) p.x[i][2] = p.x[i][0] * p.x[i][1];
    neuron n = { { 0 }, 0 };
    for (int i = 0; i < 5000; i++) step(&n, &p, 1, false);
    double loss = 0;
    printf("\nExercise 3: XOR with the product as a third feature\n");
    for (int i = 0; i < p.count; i++) {
        printf("(%.0f, %.0f)   p %.4f   class %.0f\n", p.x[i][0], p.x[i][1],
               sigmoid(logit(&n, &p, i)), p.y[i]);
        loss += loss_of(logit(&n, &p, i), p.y[i]) / p.count;
    }
    printf("w (%.4f, %.4f, %.4f)   b %.4f\n", n.w[0], n.w[1], n.w[2], n.b);
    printf("RESULT exercise3_right=%.0f\n", 4 * accuracy(&n, &p));
    printf("RESULT exercise3_loss=%.4f\n", loss);
}

/* A neuron that starts out sure and wrong. p (1 - p) makes the slope of the squared error tiny
 * there; that of cross-entropy is near 1. */
static void exercise_4(dc_context *ctx)
{
    points p = read_points(dc_make_blobs(ctx, COUNT, 2, 0.8f));
    int steps[2];
    printf("\nExercise 4: from a wrong start to 97 %% right\n");
    for (int squared = 0; squared < 2; squared++) {
        neuron n = { { 4, 0 }, 0 };
        for (steps[squared] = 0; steps[squared] < LONGEST; steps[squared]++) {
            if (accuracy(&n, &p) >= 0.97) break;
            step(&n, &p, 0.1, squared);
        }
        printf("%-14s %d steps\n", squared ? "squared error" : "cross-entropy", steps[squared]);
    }
    printf("RESULT exercise4_cross_entropy_steps=%d\n", steps[0]);
    printf("RESULT exercise4_times_longer=%.1f\n", (double)steps[1] / steps[0]);
}

int main(int argc, char **argv)
{
    bool chosen = argc > 2 && !strcmp(argv[1], "--seed");
    dc_context *ctx = dc_new(chosen ? strtoull(argv[2], NULL, 10) : 1);
    exercise_1();
    exercise_2(ctx);
    exercise_3(ctx);
    exercise_4(ctx);
    dc_free(ctx);
}
