/* Solutions of chapter 21, choosing, debugging, and questions.
 *
 * cc -O2 tutorials/solutions/21_debug.c -o build/solutions_21_debug -lm
 * options: --seed N (1), --data DIR (examples/data/mnist)
 *
 * expected: exercise1_found == 2
 * expected: exercise1_sound == 0
 * expected: exercise2_dead == 16
 * expected: exercise2_other_alarms == 0
 * expected: exercise3_found == 2
 * expected: exercise3_left_on <= -0.02
 * expected: exercise4_first_difference == 21 */
#define DEEPC_IMPLEMENTATION
#include "../../deepc.h"

enum { N = 1000, PIXELS = 784, HIDDEN = 32, FEW = 20, BATCH = 50, STEPS = 42 };
static dc_context *ctx;

/* The chapter's program without the planted bugs; rate and dropped are for exercises 1 and 3. */
typedef struct program { dc_tensor *x, *y, *few_x, *few_y, *w[4]; dc_real rate, dropped; } program;

static program start(dc_dataset *data)
{
    dc_batch all = dc_all(dc_take(data, 0, N));
    program p = { .x = dc_flatten_op(all.x), .y = all.y, .rate = 0.1f };
    p.w[0] = dc_param(ctx, DC_HE, PIXELS, HIDDEN), p.w[1] = dc_param(ctx, DC_ZEROS, HIDDEN);
    p.w[2] = dc_param(ctx, DC_GLOROT, HIDDEN, 10), p.w[3] = dc_param(ctx, DC_ZEROS, 10);
    p.few_x = dc_slice(p.x, 0, 0, FEW), p.few_y = dc_slice(p.y, 0, 0, FEW);
    return p;
}

static dc_tensor *forward(const program *p, dc_tensor *x)
{
    dc_tensor *h = dc_relu(dc_linear(x, p->w[0], p->w[1]));
    return dc_linear(dc_dropout_op(h, p->dropped), p->w[2], p->w[3]);   /* a rate of 0: nothing */
}

static double loss(const program *p, dc_tensor *x, dc_tensor *y, bool backward)
{
    dc_mark mark = dc_begin(ctx);
    dc_tensor *mean = dc_cross_entropy(forward(p, x), y);
    if (backward) dc_backward(mean);
    double value = (double)dc_item(mean);
    dc_end(ctx, mark);
    return value;
}

static void step(program *p, dc_tensor *x, dc_tensor *y)
{
    loss(p, x, y, true);
    dc_mark mark = dc_begin(ctx);
    for (int k = 0; k < 4; k++) {
        dc_write(p->w[k], dc_sub(p->w[k], dc_scale(dc_grad(p->w[k]), p->rate))->data);
        dc_zero_grad(p->w[k]);
    }
    dc_end(ctx, mark);
}

static void train(program *p, int epochs)
{
    for (int from = 0, i = 0; i < epochs * N / BATCH; i++, from = i * BATCH % N)
        step(p, dc_slice(p->x, 0, from, from + BATCH), dc_slice(p->y, 0, from, from + BATCH));
}

/* After ten steps on 20 images a sound program has less than 0.6 of its loss left. A rate that is
 * too large makes the loss leap, one that is too small leaves it about as it was. */
static void exercise_1(dc_dataset *data)
{
    static const dc_real rate[3] = { 0.1f, 10, 0.001f };
    int alarms[3];
    printf("Exercise 1: rates\n   rate     start  10 steps  200 steps\n");
    for (int r = 0; r < 3; r++) {
        program p = start(data);
        p.rate = rate[r];
        double before = loss(&p, p.few_x, p.few_y, false);
        for (int i = 0; i < 10; i++) step(&p, p.few_x, p.few_y);
        double ten = loss(&p, p.few_x, p.few_y, false);
        for (int i = 10; i < 200; i++) step(&p, p.few_x, p.few_y);
        alarms[r] = !(ten < 0.6 * before);
        printf("%7.3f  %8.3f  %8.3f  %9.3f  %s\n", (double)rate[r], before, ten,
               loss(&p, p.few_x, p.few_y, false), alarms[r] ? "alarm" : "");
    }
    printf("RESULT exercise1_found=%d\n", alarms[1] + alarms[2]);
    printf("RESULT exercise1_sound=%d\n\n", alarms[0]);
}

static int dead(const program *p)                  /* hidden units that are 0 for every image */
{
    dc_tensor *h = dc_relu(dc_linear(p->x, p->w[0], p->w[1]));
    int count = 0;
    for (int j = 0; j < HIDDEN; j++) {
        int i = 0;
        while (i < N && h->data[HIDDEN * i + j] <= 0) i++;
        count += i == N;
    }
    return count;
}

/* Half a network works, only worse than it could: of the chapter's tests none rings. */
static void exercise_2(dc_dataset *data)
{
    int other_alarms = 0, found = 0;
    printf("Exercise 2: dead units\nkilled  counted     start  200 steps  after training\n");
    for (int killed = 0; killed <= HIDDEN; killed += HIDDEN / 2) {
        program p = start(data), q = start(data);
        dc_real b[HIDDEN] = { 0 };
        for (int j = 0; j < killed; j++) b[j] = -100;
        dc_write(p.w[1], b), dc_write(q.w[1], b);
        double before = loss(&p, p.x, p.y, false);
        for (int i = 0; i < 200; i++) step(&p, p.few_x, p.few_y);
        train(&q, 10);
        double few = loss(&p, p.few_x, p.few_y, false);
        printf("%6d  %7d  %8.3f  %9.3f  %14.3f\n", killed, dead(&q), before, few,
               loss(&q, q.x, q.y, false));
        if (killed != HIDDEN / 2) continue;
        found = dead(&q), other_alarms = !(fabs(before - log(10)) < 0.5) + !(few < 0.1);
    }
    printf("RESULT exercise2_dead=%d\nRESULT exercise2_other_alarms=%d\n\n", found, other_alarms);
}

static bool repeats(const program *p)              /* twice the same images: the same answers? */
{
    dc_tensor *a = forward(p, p->few_x), *b = forward(p, p->few_x);
    return !memcmp(a->data, b->data, (size_t)a->size * sizeof *a->data);
}

/* In training the answers must differ, in use they must not. */
static void exercise_3(dc_dataset *data)
{
    static const char *const name[] = { "right", "never switched on", "never switched off" };
    dc_batch test = dc_all(dc_take(data, N, 11 * N));
    double measured[3];
    int found = 0;
    printf("Exercise 3: dropout\n");
    for (int k = 0; k < 3; k++) {
        program p = start(data);
        p.dropped = 0.2f;
        dc_set_training(ctx, k != 1);
        bool in_training = repeats(&p);
        train(&p, 10);
        dc_set_training(ctx, k == 2);
        bool in_use = repeats(&p), alarm = in_training || !in_use;
        dc_tensor *said = dc_argmax(forward(&p, dc_flatten_op(test.x)), 1);
        measured[k] = (double)dc_item(dc_mean(dc_equal(said, test.y)));
        printf("%-19s repeats itself in training: %s, in use: %s   test %.4f   %s\n", name[k],
               in_training ? "yes" : "no ", in_use ? "yes" : "no ", measured[k],
               alarm ? "alarm" : "");
        found += k ? alarm : -alarm;
        dc_set_training(ctx, false);
    }
    printf("RESULT exercise3_found=%d\n", found);
    printf("RESULT exercise3_left_on=%.4f\n\n", measured[2] - measured[0]);
}

/* Steps over the first 1,010 images, with the same first weights for the same seed. */
static void loop(const char *folder, uint64_t seed, bool skip, uint64_t print[STEPS])
{
    dc_context *own = dc_new(seed);
    dc_dataset *data = dc_take(dc_load_mnist(own, folder, DC_TRAIN), 0, 1010);
    dc_model *model = dc_sequential(own, DC_LAYERS(dc_input(28, 28, 1), dc_flatten(),
        dc_dense(HIDDEN, DC_RELU), dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(0.1));
    dc_loader *loader = dc_batches(data, BATCH, false);
    dc_batch batch;
    for (int done = 0; done < STEPS;) {
        if (!dc_next(loader, &batch) || (skip && batch.size < BATCH)) continue;
        dc_mark mark = dc_begin(own);
        dc_backward(dc_cross_entropy(dc_forward(model, batch.x), batch.y));
        dc_step(dc_optimizer_of(model));
        dc_end(own, mark);
        print[done++] = dc_fingerprint(model);
    }
    dc_free(own);
}

static void exercise_4(const char *folder, uint64_t seed)
{
    uint64_t one[STEPS], other[STEPS], k = 0;
    loop(folder, seed, false, one), loop(folder, seed, true, other);
    while (k < STEPS && one[k] == other[k]) k++;            /* [k]: after step k + 1 */
    printf("Exercise 4: the fingerprints differ first after step %d\n", (int)k + 1);
    printf("RESULT exercise4_first_difference=%d\n", (int)k + 1);
}

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

int main(int argc, char **argv)
{
    uint64_t seed = strtoull(option(argc, argv, "--seed", "1"), NULL, 10);
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    ctx = dc_new(seed);
    dc_dataset *data = dc_load_mnist(ctx, folder, DC_TRAIN);
    if (!data) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    exercise_1(data), exercise_2(data), exercise_3(data), exercise_4(folder, seed);
    dc_free(ctx);
}
