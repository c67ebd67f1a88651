/* Solutions of chapter 15, recommenders. Takes about 1 s.
 *
 * cc -O2 tutorials/solutions/15_recommend.c -o build/solutions_15_recommend -lm
 * options: --seed N (1)
 *
 * expected: exercise1_gain_of_30 >= 0.3
 * expected: exercise2_best_size == 2
 * expected: exercise2_decay_gain >= 0.15
 * expected: exercise3_mean_too_high >= 0.5
 * expected: exercise4_accuracy >= 0.82
 * expected: exercise4_always_no <= 0.75 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

enum { USERS = 500, FILMS = 100, GENRES = 4, PAIRS = USERS * FILMS, KNOWN = 16000 };
enum { OLD = 400, MANY = 30 };                              /* users 400 to 499 come later */
static int64_t rows[PAIRS];

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* A rating for every pair, in random order: x is user and film, y the stars. */
static dc_dataset *invent(dc_context *ctx)
{
    static const dc_real place[GENRES][2] = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 } };
    static dc_real x[PAIRS][2], y[PAIRS];
    const dc_real *user  = dc_normal(ctx, DC_SHAPE(USERS, 3), 0, 1)->data;
    const dc_real *film  = dc_normal(ctx, DC_SHAPE(FILMS, 3), 0, 1)->data;
    const dc_real *pair  = dc_permutation(ctx, PAIRS)->data;
    const dc_real *noise = dc_normal(ctx, DC_SHAPE(PAIRS), 0, 0.5f)->data;
    for (int i = 0; i < PAIRS; i++) {
        int u = (int)pair[i] / FILMS, f = (int)pair[i] % FILMS;
        const dc_real *p = user + 3 * u, *q = film + 3 * f, *at = place[f % GENRES];
        x[i][0] = (dc_real)u, x[i][1] = (dc_real)f;
        y[i] = 3 + 0.4f * p[0] + 0.4f * q[0] + noise[i]
             + 0.8f * p[1] * (at[0] + 0.2f * q[1]) + 0.8f * p[2] * (at[1] + 0.2f * q[2]);
    }
    return dc_from_arrays(ctx, PAIRS, DC_SHAPE(2), x[0], DC_SCALAR, y, 0);
}

typedef struct model { dc_tensor *user_bias, *film_bias, *user, *film; dc_real mean; } model;

static dc_tensor *random_table(dc_context *ctx, int64_t count, int64_t size)
{
    dc_tensor *z = dc_normal(ctx, DC_SHAPE(count, size), 0, 0.1f);
    return dc_param_from(ctx, z->shape, z->data);
}

static model new_model(dc_dataset *known, int64_t size)
{
    dc_tensor *y = dc_all(known).y;
    return (model){ dc_param(y->ctx, DC_ZEROS, USERS), dc_param(y->ctx, DC_ZEROS, FILMS),
        random_table(y->ctx, USERS, size), random_table(y->ctx, FILMS, size), dc_item(dc_mean(y)) };
}

static dc_tensor *stars(model m, dc_tensor *x)
{
    dc_tensor *users = dc_reshape(dc_slice(x, 1, 0, 1), DC_SHAPE(-1));
    dc_tensor *films = dc_reshape(dc_slice(x, 1, 1, 2), DC_SHAPE(-1));
    dc_tensor *both  = dc_mul(dc_gather(m.user, users), dc_gather(m.film, films));
    dc_tensor *bias  = dc_add(dc_gather(m.user_bias, users), dc_gather(m.film_bias, films));
    return dc_shift(dc_add(dc_sum_over(both, DC_AXES(1), false), bias), m.mean);
}

static void fit(model m, dc_dataset *known, dc_tensors what, double decay, int epochs, bool yes_no)
{
    dc_context *ctx = m.user->ctx;
    dc_optimizer_spec spec = dc_adam(0.01);
    spec.weight_decay   = decay;
    dc_optimizer *adam  = dc_optimize_these(ctx, spec, what);
    dc_loader *loader   = dc_batches(known, 64, true);
    dc_batch batch;
    for (int epoch = 0; epoch < epochs; epoch++)
        while (dc_next(loader, &batch)) {
            dc_mark mark = dc_begin(ctx);
            dc_tensor *y = stars(m, batch.x);
            dc_backward(yes_no ? dc_bce_with_logits(y, batch.y) : dc_mse(y, batch.y));
            dc_step(adam);
            dc_end(ctx, mark);
        }
}

static void fit_all(model m, dc_dataset *known, double decay, bool yes_no)
{
    fit(m, known, DC_TENSORS(m.user_bias, m.film_bias, m.user, m.film), decay, 20, yes_no);
}

static double rmse(model m, dc_dataset *data)
{
    dc_batch all = dc_all(data);
    return sqrt((double)dc_item(dc_mse(stars(m, all.x), all.y)));
}

/* The films are learned from 400 users and stay. Only the rows of the new users are trained. */
static void exercise_1(dc_context *ctx, dc_dataset *all)
{
    const dc_real *x = dc_all(all).x->data;
    int64_t n = 0;
    for (int64_t i = 0; i < PAIRS && n < KNOWN; i++) if (x[2 * i] < OLD) rows[n++] = i;
    dc_dataset *known = dc_pick(all, n, rows);
    model m = new_model(known, 2);
    fit_all(m, known, 0, false);

    printf("Exercise 1: 100 new users\n");
    double first = 0, last = 0;
    int few[] = { 0, 1, 3, 10, MANY };
    for (int k = 0; k < 5; k++) {
        int64_t learned = 0, tested = 0, other[PAIRS / 5];
        int met[USERS] = { 0 };                             /* ratings seen of this user */
        for (int64_t i = 0; i < PAIRS; i++) {
            int u = (int)x[2 * i];
            if (u < OLD) continue;
            if (met[u] < few[k]) rows[learned++] = i;
            else if (met[u] >= MANY) other[tested++] = i;   /* the same for every k */
            met[u]++;
        }
        m.user_bias = dc_param(ctx, DC_ZEROS, USERS), m.user = dc_param(ctx, DC_ZEROS, USERS, 2);
        if (learned) fit(m, dc_pick(all, learned, rows), DC_TENSORS(m.user_bias, m.user),
                         0.008 / few[k], 400 / few[k], false);
        last = rmse(m, dc_pick(all, tested, other));
        if (k == 0) first = last;
        printf("%2d ratings each   RMSE %.4f\n", few[k], last);
    }
    printf("RESULT exercise1_gain_of_30=%.4f\n", 1 - last / first);
}

static void exercise_2(dc_dataset *known, dc_dataset *hidden)
{
    printf("\nExercise 2: longer rows\n");
    int sizes[] = { 1, 2, 8, 32 }, best = 0;
    double least = INFINITY, last = 0;
    for (int k = 0; k < 4; k++) {
        model m = new_model(known, sizes[k]);
        fit_all(m, known, 0, false);
        last = rmse(m, hidden);
        if (last < least) least = last, best = sizes[k];
        printf("%2d numbers   known %.4f   hidden %.4f\n", sizes[k], rmse(m, known), last);
    }
    model m = new_model(known, 32);
    fit_all(m, known, 1e-3, false);
    printf("32, with weight decay   known %.4f   hidden %.4f\n", rmse(m, known), rmse(m, hidden));
    printf("RESULT exercise2_best_size=%d\n", best);
    printf("RESULT exercise2_decay_gain=%.4f\n", last - rmse(m, hidden));
}

/* A rating is given with a probability that grows with the stars: 1/2 at 3, 0.88 at 4. */
static void exercise_3(dc_context *ctx, dc_dataset *all)
{
    dc_batch batch = dc_all(all);
    const dc_real *p  = dc_sigmoid(dc_scale(dc_shift(batch.y, -3), 2))->data;
    const dc_real *by = dc_uniform(ctx, DC_SHAPE(PAIRS), 0, 1)->data;
    int64_t n = 0;
    for (int64_t i = 0; i < PAIRS && n < KNOWN + 4000; i++) if (by[i] < p[i]) rows[n++] = i;
    dc_dataset *given = dc_pick(all, n, rows), *known = dc_take(given, 0, KNOWN);
    dc_dataset *anything = dc_take(all, rows[n - 1] + 1, PAIRS);
    model m = new_model(known, 2);
    fit_all(m, known, 0, false);
    double mean = (double)dc_item(dc_mean(batch.y));
    printf("\nExercise 3: people rate what they like\n");
    printf("mean of all %.4f, of the ratings given %.4f\n", mean, (double)m.mean);
    printf("RMSE on given ratings %.4f, on anything %.4f\n",
           rmse(m, dc_take(given, KNOWN, n)), rmse(m, anything));
    printf("RESULT exercise3_mean_too_high=%.4f\n", (double)m.mean - mean);
}

static void exercise_4(dc_context *ctx, dc_dataset *all)
{
    dc_batch batch = dc_all(all);
    dc_tensor *liked = dc_greater(batch.y, dc_scalar(ctx, 3.5f));
    dc_dataset *likes = dc_from_arrays(ctx, PAIRS, DC_SHAPE(2), batch.x->data, DC_SCALAR,
                                       liked->data, 0);
    dc_dataset *known = dc_take(likes, 0, KNOWN), *hidden = dc_take(likes, KNOWN, PAIRS);
    model m = new_model(known, 2);
    m.mean = 0;
    fit_all(m, known, 0, true);
    dc_batch rest = dc_all(hidden);
    dc_tensor *says = dc_greater(stars(m, rest.x), dc_scalar(ctx, 0));
    double right = (double)dc_item(dc_mean(dc_equal(says, rest.y)));
    double no    = 1 - (double)dc_item(dc_mean(rest.y));
    printf("\nExercise 4: yes or no\nright %.4f, always no %.4f\n", right, no);
    printf("RESULT exercise4_accuracy=%.4f\nRESULT exercise4_always_no=%.4f\n", right, no);
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *all = invent(ctx);
    exercise_1(ctx, all);
    exercise_2(dc_take(all, 0, KNOWN), dc_take(all, KNOWN, KNOWN + 4000));
    exercise_3(ctx, all);
    exercise_4(ctx, all);
    dc_free(ctx);
}
