/* 15_recommend - recommenders: what would this user say of a film that she has not seen?
 *
 * You will see users and films turn into short rows of numbers, found from ratings alone: by
 * stochastic gradient descent in plain C, then with dc_gather and the tape. The genres are secret,
 * and build/15_films.svg shows that the ratings tell them. Takes about 1 s.
 *
 * cc -O2 tutorials/15_recommend.c -o build/15_recommend -lm
 * options: --seed N (1), --out DIR (build)
 * expected: over_noise <= 1.1
 * expected: below_the_mean >= 0.2
 * expected: difference <= 0.0001
 * expected: batches_over_noise <= 1.1
 * expected: same_genre >= 0.9 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

enum { USERS = 500, FILMS = 100, GENRES = 4, SIZE = 2, EPOCHS = 20, USER = 4 };
enum { KNOWN = 16000, HIDDEN = 4000, RATINGS = KNOWN + HIDDEN };
static const char *const genre[GENRES] = { "comedy", "thriller", "romance", "western" };
static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [predict] */
typedef struct row { double bias, v[SIZE]; } row;           /* what is known of a user or a film */
typedef struct tables { double mean; row user[USERS], film[FILMS]; } tables;
typedef struct rating { int user, film; double stars; } rating;

static double predict(const tables *t, int user, int film)
{
    const row *p = &t->user[user], *q = &t->film[film];
    return t->mean + p->bias + q->bias + p->v[0] * q->v[0] + p->v[1] * q->v[1];
}

static double rmse(const tables *t, const rating *r, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += pow(predict(t, r[i].user, r[i].film) - r[i].stars, 2);
    return sqrt(sum / n);
}
/* [/predict] */

/* [invent] */
/* The truth: a film lies near the place of its genre, a user anywhere; then ratings, with noise. */
static void invent(dc_context *ctx, tables *truth, rating r[RATINGS])
{
    static const double place[GENRES][SIZE] = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 } };
    const dc_real *z = dc_normal(ctx, DC_SHAPE(USERS + FILMS, 3), 0, 1)->data;
    for (int u = 0; u < USERS; u++, z += 3)
        truth->user[u] = (row){ 0.4 * z[0], { 0.8 * z[1], 0.8 * z[2] } };
    for (int f = 0; f < FILMS; f++, z += 3)
        truth->film[f] = (row){ 0.4 * z[0], { place[f % GENRES][0] + 0.2 * z[1],
                                              place[f % GENRES][1] + 0.2 * z[2] } };
    const dc_real *pair  = dc_permutation(ctx, USERS * FILMS)->data;      /* no pair twice */
    const dc_real *noise = dc_normal(ctx, DC_SHAPE(RATINGS), 0, 0.5f)->data;
    for (int i = 0; i < RATINGS; i++) {
        r[i] = (rating){ (int)pair[i] / FILMS, (int)pair[i] % FILMS, (double)noise[i] };
        r[i].stars += predict(truth, r[i].user, r[i].film);
    }
}
/* [/invent] */

/* [learn] */
/* One epoch. A rating speaks of one user and one film, so only these two rows take a step. */
static void learn(tables *t, const rating *r, double rate)
{
    for (int i = 0; i < KNOWN; i++) {
        row *p = &t->user[r[i].user], *q = &t->film[r[i].film];
        double step = rate * 2 * (predict(t, r[i].user, r[i].film) - r[i].stars);
        row old = *p;                                       /* before either moves */
        for (int k = 0; k < SIZE; k++) p->v[k] -= step * q->v[k], q->v[k] -= step * old.v[k];
        p->bias -= step, q->bias -= step;
    }
}
/* [/learn] */

/* [model] */
typedef struct model { dc_tensor *user_bias, *film_bias, *user, *film; dc_real mean; } model;

static dc_tensor *stars(model m, dc_tensor *x)              /* x [N, 2]: number of user, of film */
{
    dc_tensor *users = dc_reshape(dc_slice(x, 1, 0, 1), DC_SHAPE(-1));    /* [N] */
    dc_tensor *films = dc_reshape(dc_slice(x, 1, 1, 2), DC_SHAPE(-1));    /* [N] */
    dc_tensor *p     = dc_gather(m.user, users);            /* rows of [500, 2]: [N, 2] */
    dc_tensor *q     = dc_gather(m.film, films);            /* rows of [100, 2]: [N, 2] */
    dc_tensor *taste = dc_sum_over(dc_mul(p, q), DC_AXES(1), false);      /* [N] */
    dc_tensor *bias  = dc_add(dc_gather(m.user_bias, users), dc_gather(m.film_bias, films));
    return dc_shift(dc_add(taste, bias), m.mean);
}
/* [/model] */

/* [fit] */
static double fit(dc_context *ctx, double mean, const dc_real *z, dc_optimizer_spec spec,
                  dc_dataset *known, int batch_size, dc_dataset *hidden)
{
    model m = { dc_param(ctx, DC_ZEROS, USERS), dc_param(ctx, DC_ZEROS, FILMS),
                dc_param_from(ctx, DC_SHAPE(USERS, SIZE), z),
                dc_param_from(ctx, DC_SHAPE(FILMS, SIZE), z + USERS * SIZE), (dc_real)mean };
    dc_optimizer *o   = dc_optimize(ctx, spec);
    dc_loader *loader = dc_batches(known, batch_size, batch_size > 1);    /* shuffled? */
    dc_batch batch, rest = dc_all(hidden);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        while (dc_next(loader, &batch)) {
            dc_mark mark = dc_begin(ctx);
            dc_backward(dc_mse(stars(m, batch.x), batch.y));
            dc_step(o);
            dc_end(ctx, mark);
        }
    return sqrt((double)dc_item(dc_mse(stars(m, rest.x), rest.y)));
}
/* [/fit] */

/* [recommend] */
static void recommend(const tables *t, const tables *truth, const rating *r)
{
    bool seen[FILMS] = { false };
    for (int i = 0; i < KNOWN; i++) if (r[i].user == USER) seen[r[i].film] = true;
    for (int place = 1, best = 0; place <= 5; place++, best = 0) {
        while (seen[best]) best++;
        for (int f = best; f < FILMS; f++)
            if (!seen[f] && predict(t, USER, f) > predict(t, USER, best)) best = f;
        seen[best] = true;
        printf("film %2d, %-8s  predicted %.2f   truth %.2f\n", best, genre[best % GENRES],
               predict(t, USER, best), predict(truth, USER, best));
    }
}
/* [/recommend] */
/* [nearest] */
static int nearest(const tables *t, int film)               /* the other film most like it */
{
    const row *all = t->film, *at = all + film;
    int best = !film;                                       /* any other film */
    for (int f = 0; f < FILMS; f++)
        if (f != film && hypot(all[f].v[0] - at->v[0], all[f].v[1] - at->v[1])
                       < hypot(all[best].v[0] - at->v[0], all[best].v[1] - at->v[1])) best = f;
    return best;
}
/* [/nearest] */

static void draw(dc_context *ctx, const tables *t, const char *folder)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/15_films.svg", folder);
    dc_real x[GENRES][FILMS / GENRES], y[GENRES][FILMS / GENRES];
    dc_series films[GENRES];
    for (int f = 0; f < FILMS; f++) {
        int g = f % GENRES, i = f / GENRES;
        x[g][i] = (dc_real)t->film[f].v[0], y[g][i] = (dc_real)t->film[f].v[1];
        films[g] = (dc_series){ genre[g], x[g], y[g], i + 1, .points = true };
    }
    dc_plot plot = { .title = "Where the ratings put the films", .x_label = "first number",
        .y_label = "second number", .series = films, .series_count = GENRES, .height = 540 };
    if (!dc_write_svg(ctx, path, &plot)) fprintf(stderr, "%s\n", dc_error(ctx));
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    static tables truth = { .mean = 3 }, t, flat;
    static rating r[RATINGS], *const hidden = r + KNOWN;
    static dc_real x[RATINGS][2], y[RATINGS];
    invent(ctx, &truth, r);
    /* [train] */
    for (int i = 0; i < KNOWN; i++) t.mean += r[i].stars / KNOWN;
    double start = rmse(&t, hidden, HIDDEN);                /* the mean, whoever and whatever */
    flat = t;                                               /* here all v stay 0, in t not */
    const dc_real *z = dc_normal(ctx, DC_SHAPE(USERS + FILMS, SIZE), 0, 0.1f)->data;
    for (int i = 0; i < USERS * SIZE; i++) t.user[i / 2].v[i % 2] = (double)z[i];
    for (int i = 0; i < FILMS * SIZE; i++) t.film[i / 2].v[i % 2] = (double)z[i + USERS * SIZE];
    for (int i = 0; i < EPOCHS; i++) learn(&flat, r, 0.01), learn(&t, r, 0.01);
    /* [/train] */
    double noise = rmse(&truth, hidden, HIDDEN), hand = rmse(&t, hidden, HIDDEN);
    printf("By hand\nthe mean, always   RMSE %.4f\nbiases alone       RMSE %.4f\n", start,
           rmse(&flat, hidden, HIDDEN));
    printf("biases and tastes  RMSE %.4f\nthe truth itself   RMSE %.4f\n", hand, noise);
    int same = 0;
    for (int f = 0; f < FILMS; f++) same += nearest(&t, f) % GENRES == f % GENRES;
    draw(ctx, &t, option(argc, argv, "--out", "build"));
    printf("%d of 100 films are nearest to one of their own genre\n\nFor user %d, of the films "
           "not seen\n", same, USER);
    recommend(&t, &truth, r);
    printf("\nWith deepc\n");
    /* [data] */
    for (int i = 0; i < RATINGS; i++)
        x[i][0] = (dc_real)r[i].user, x[i][1] = (dc_real)r[i].film, y[i] = (dc_real)r[i].stars;
    dc_dataset *all = dc_from_arrays(ctx, RATINGS, DC_SHAPE(2), x[0], DC_SCALAR, y, 0);
    dc_dataset *known = dc_take(all, 0, KNOWN), *rest = dc_take(all, KNOWN, RATINGS);
    double single  = fit(ctx, t.mean, z, dc_sgd(0.01), known, 1, rest);
    double batches = fit(ctx, t.mean, z, dc_adam(0.01), known, 64, rest);
    /* [/data] */
    printf("one at a time, SGD   RMSE %.4f\nbatches of 64, Adam  RMSE %.4f\n\n", single, batches);
    printf("RESULT over_noise=%.4f\nRESULT below_the_mean=%.4f\n", hand / noise, 1 - hand / start);
    printf("RESULT difference=%.6f\nRESULT batches_over_noise=%.4f\nRESULT same_genre=%.2f\n",
           fabs(hand - single), batches / noise, same / 100.0);
    dc_free(ctx);
}
