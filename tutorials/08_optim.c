/* 08_optim - four optimisers in one narrow valley, and how to choose a learning rate.
 *
 * You will see gradient descent, momentum, RMSprop and Adam, written out in C, race to a loss of
 * 1e-6, and deepc's on the same paths; then accumulated gradients, and a search for the learning
 * rate of a small network. build/08_race.svg shows the race. Takes 2 s.
 *
 * cc -O2 tutorials/08_optim.c -o build/08_optim -lm
 * options: --seed N (1), --out DIR (build)
 *
 * expected: descent_steps >= 400
 * expected: momentum_steps <= 200
 * expected: rmsprop_steps <= 250
 * expected: adam_steps <= 200
 * expected: path_difference <= 0.001
 * expected: accumulated_difference <= 0.000001
 * expected: tuned_accuracy >= 0.97 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { STEPS = 1000, RACERS = 4, SHOWN = 250, SIDE = 80 };

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [valley] */
static const double curvature[2] = { 1, 100 };              /* flat along u, steep along v */
static double valley(double u, double v) { return 0.5 * u * u + 50 * v * v; }
/* [/valley] */
/* [memory] */
typedef enum rule { DESCENT, MOMENTUM, RMSPROP, ADAM } rule;
typedef struct memory { double m, s; } memory;              /* of one weight; 0 at first */
/* Where the weight w goes in step t = 1, 2, ..., when its gradient is g. */
static double next(rule kind, double w, double g, double rate, int t, memory *k)
/* [/memory] */
{
    /* [descent] */
    if (kind == DESCENT) return w - rate * g;
    /* [/descent] */
    /* [momentum] */
    if (kind == MOMENTUM) {
        k->m = 0.9 * k->m + g;
        return w - rate * k->m;
    }
    /* [/momentum] */
    /* [rmsprop] */
    if (kind == RMSPROP) {
        k->s = 0.9 * k->s + 0.1 * g * g;
        return w - rate * g / (sqrt(k->s) + 1e-8);
    }
    /* [/rmsprop] */
    /* [adam] */
    k->m = 0.9   * k->m + 0.1   * g;                        /* kind == ADAM */
    k->s = 0.999 * k->s + 0.001 * g * g;
    double m = k->m / (1 - pow(0.9, t)), s = k->s / (1 - pow(0.999, t));
    return w - rate * m / (sqrt(s) + 1e-8);
    /* [/adam] */
}

/* [walk] */
typedef struct path { dc_real u[STEPS], v[STEPS]; } path;   /* the first point is given */
static int walk(rule kind, double rate, double decay, path *p)
{
    double w[2] = { (double)p->u[0], (double)p->v[0] };
    memory k[2] = { { 0, 0 }, { 0, 0 } };
    int steps = 0;
    for (int t = 0; t < STEPS; t++) {
        p->u[t] = (dc_real)w[0], p->v[t] = (dc_real)w[1];
        if (!(valley(w[0], w[1]) <= 1e-6)) steps = t + 1;
        for (int i = 0; i < 2; i++)                         /* the gradient: curvature w */
            w[i] = next(kind, w[i], curvature[i] * w[i], rate * pow(decay, t), t + 1, &k[i]);
    }
    return steps;                                           /* then it is 1e-6 or less for good */
}
/* [/walk] */

/* [search] */
static double best_rate(rule kind, double decay, path *p)
{
    double best = 0;                                        /* 0: no rate arrives */
    int least = STEPS;
    for (double rate = 1; rate > 1e-4; rate *= 0.75) {
        int steps = walk(kind, rate, decay, p);
        if (steps < least) least = steps, best = rate;
    }
    return best;
}
/* [/search] */

/* [deepc] */
static double walk_with_deepc(dc_context *ctx, dc_optimizer_spec spec, const path *p)
{
    dc_tensor *half = dc_from(ctx, DC_SHAPE(2), (dc_real[]){ 0.5f, 50 });   /* curvature / 2 */
    dc_tensor *w = dc_param_from(ctx, DC_SHAPE(2), (dc_real[]){ p->u[0], p->v[0] });
    dc_optimizer *o = dc_optimize_these(ctx, spec, DC_TENSORS(w));
    double most = 0;
    for (int t = 0; t < STEPS; t++) {
        most = fmax(most, hypot((double)(w->data[0] - p->u[t]), (double)(w->data[1] - p->v[t])));
        dc_mark mark = dc_begin(ctx);
        dc_backward(dc_sum(dc_mul(half, dc_square(w))));
        dc_step(o);
        dc_end(ctx, mark);
    }
    return most;                                            /* how far apart the paths are */
}
/* [/deepc] */

/* [tune] */
static double tune(uint64_t seed)
{
    double best = 0, test = 0;
    for (double rate = 1; rate > 0.0009; rate /= sqrt(10)) {
        dc_optimizer_spec spec[3] = { dc_sgd(rate), dc_momentum(rate, 0.9), dc_adam(rate) };
        for (int i = 0; i < 3; i++) {
            dc_context *ctx = dc_new(seed);                 /* equal digits, equal first weights */
            dc_dataset *digits = dc_make_digits(ctx, 2500);
            dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
                dc_dense(32, DC_RELU), dc_dense(10, DC_LINEAR)));
            dc_compile(model, DC_CROSS_ENTROPY, spec[i]);
            dc_fit(model, dc_take(digits, 0, 1500), (dc_fit_options){ .epochs = 3, .quiet = true });
            double held = dc_evaluate(model, dc_take(digits, 1500, 2000)).accuracy;
            if (held > best)
                best = held, test = dc_evaluate(model, dc_take(digits, 2000, 2500)).accuracy;
            if (i == 0) printf("%6.4f", rate);
            printf("   %8.4f%s", held, i < 2 ? "" : "\n");
            dc_free(ctx);
        }
    }
    return test;
}
/* [/tune] */

static void draw(dc_context *ctx, const char *out, const char *name[], const path *p)
{
    static dc_real field[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++)                   /* row 0 is at the top */
        field[i] = (dc_real)fmin(1, sqrt(valley(6.5 * (i % SIDE) / (SIDE - 1) - 5.2,
                                                1.7 - 3.4 * (i / SIDE) / (SIDE - 1))) / 13);
    dc_series way[RACERS];
    for (int r = 0; r < RACERS; r++)
        way[r] = (dc_series){ .name = name[r], .x = p[r].u, .y = p[r].v, .count = SHOWN };
    dc_plot race = { .title = "Four ways down one valley", .x_label = "u", .y_label = "v",
        .series = way, .series_count = RACERS, .field = field, .field_columns = SIDE,
        .field_rows = SIDE, .x_min = -5.2f, .x_max = 1.3f, .y_min = -1.7f, .y_max = 1.7f };
    char file[1024];
    snprintf(file, sizeof file, "%s/08_race.svg", out);
    if (!dc_write_svg(ctx, file, &race)) fprintf(stderr, "%s\n", dc_error(ctx));
}

int main(int argc, char **argv)
{
    uint64_t seed   = strtoull(option(argc, argv, "--seed", "1"), NULL, 10);
    dc_context *ctx = dc_new(seed);
    const dc_real *at = dc_uniform(ctx, DC_SHAPE(2), 0, 1)->data;
    const char *name[RACERS] = { "descent", "momentum", "rmsprop", "adam" };
    static path paths[RACERS], kept;
    double rate[RACERS], most = 0;
    int steps[RACERS];

    printf("By hand\n");
    for (int r = 0; r < RACERS; r++) {
        double decay = r == RMSPROP ? 0.97 : 1;
        paths[r].u[0] = kept.u[0] = -4 - at[0], paths[r].v[0] = kept.v[0] = 1 + at[1] / 2;
        rate[r]  = best_rate((rule)r, decay, &paths[r]);
        steps[r] = walk((rule)r, rate[r], decay, &paths[r]);
        printf("%-8s   best rate %.4f   steps to a loss of 1e-6: %d\n", name[r], rate[r], steps[r]);
    }
    walk(RMSPROP, rate[RMSPROP], 1, &kept);
    printf("rmsprop, rate kept at %.4f: the loss after %d steps is %.4f\n", rate[RMSPROP], STEPS,
           valley((double)kept.u[STEPS - 1], (double)kept.v[STEPS - 1]));

    printf("\nWith deepc\n");
    /* [specs] */
    dc_optimizer_spec spec[RACERS] = { dc_sgd(rate[DESCENT]), dc_momentum(rate[MOMENTUM], 0.9),
                                       dc_rmsprop(rate[RMSPROP]), dc_adam(rate[ADAM]) };
    spec[RMSPROP].rho = 0.9;                                /* 0.99 if you do not say */
    spec[RMSPROP].schedule = dc_exponential_decay(0.97);    /* rate 0.97^t */
    for (int r = 0; r < RACERS; r++) most = fmax(most, walk_with_deepc(ctx, spec[r], &paths[r]));
    /* [/specs] */
    printf("the four paths differ from those by hand by at most %.1e\n", most);
    /* [accumulate] */
    dc_batch all = dc_all(dc_make_digits(ctx, 64));
    dc_tensor *w = dc_param(ctx, DC_GLOROT, 784, 10), *x = dc_flatten_op(all.x);
    dc_backward(dc_cross_entropy(dc_matmul(x, w), all.y));  /* all 64 at once */
    dc_tensor *whole = dc_copy(dc_grad(w));
    dc_zero_grad(w);
    for (int i = 0; i < 64; i += 16) {                      /* four times 16 */
        dc_tensor *part = dc_slice(x, 0, i, i + 16), *labels = dc_slice(all.y, 0, i, i + 16);
        dc_backward(dc_scale(dc_cross_entropy(dc_matmul(part, w), labels), 0.25f));
    }
    double apart = (double)dc_item(dc_max(dc_abs(dc_sub(whole, dc_grad(w)))));
    /* [/accumulate] */
    printf("64 at once and 4 x 16: the gradients differ by at most %.1e\n", apart);
    printf("\nAccuracy on digits held out\n  rate    descent   momentum       adam\n");
    double test = tune(seed);
    printf("on the test digits, with the best of these: %.4f\n\n", test);
    draw(ctx, option(argc, argv, "--out", "build"), name, paths);
    for (int r = 0; r < RACERS; r++) printf("RESULT %s_steps=%d\n", name[r], steps[r]);
    printf("RESULT path_difference=%.6f\nRESULT accumulated_difference=%.9f\n", most, apart);
    printf("RESULT tuned_accuracy=%.4f\n", test);
    dc_free(ctx);
}
