/* 21_debug - finding bugs in programs that run: five are planted, and five tests find them.
 *
 * You will see one small training program in six versions, one sound and five with a bug, what five
 * tests measure on each, and what deepc brings along for the search. build/21_one_batch.svg shows
 * the six learning 20 digits by heart. Takes about 2 s.
 *
 * cc -O2 tutorials/21_debug.c -o build/21_debug -lm
 * options: --seed N (1), --out DIR (build), --data DIR (examples/data/mnist)
 *
 * expected: bugs_found == 5
 * expected: false_alarms == 0 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"
#include <setjmp.h>

enum { N = 1000, PIXELS = 784, HIDDEN = 32, FEW = 20, BATCH = 50, STEPS = 200, TESTS = 5 };
static dc_context *ctx;

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++) if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [start] */
typedef enum bug { SOUND, BYTES, TWICE, KEPT, SHUFFLED, LEAK, PROGRAMS } bug;
static const char *const title[PROGRAMS] = { "sound", "pixels 0 to 255", "softmax twice",
    "gradients kept", "labels shuffled", "test in training" };
typedef struct program {
    bug        bug;
    int        n;                                           /* training images: 1,000 */
    dc_tensor *x, *y, *few_x, *few_y, *test_x, *test_y;     /* few: the first 20 of them */
    dc_tensor *w[4];                                        /* w1, b1, w2, b2 */
} program;

static program start(bug b, dc_dataset *data)               /* data: 2,000 digits */
{
    dc_batch train = dc_all(dc_take(data, 0, b == LEAK ? 2 * N : N));
    dc_batch test  = dc_all(dc_take(data, N, 2 * N));
    program p = { .bug = b, .n = (int)train.size, .y = train.y, .test_y = test.y,
        .x      = dc_scale(dc_flatten_op(train.x), b == BYTES ? 255 : 1),
        .test_x = dc_scale(dc_flatten_op(test.x),  b == BYTES ? 255 : 1) };
    p.w[0] = dc_param(ctx, DC_HE, PIXELS, HIDDEN), p.w[1] = dc_param(ctx, DC_ZEROS, HIDDEN);
    p.w[2] = dc_param(ctx, DC_GLOROT, HIDDEN, 10), p.w[3] = dc_param(ctx, DC_ZEROS, 10);
    if (b == SHUFFLED) p.y = dc_gather(p.y, dc_permutation(ctx, p.n));
    p.few_x = dc_slice(p.x, 0, 0, FEW), p.few_y = dc_slice(p.y, 0, 0, FEW);
    return p;
}
/* [/start] */
/* [forward] */
static dc_tensor *forward(const program *p, dc_tensor *x)
{
    dc_tensor *hidden = dc_relu(dc_linear(x, p->w[0], p->w[1]));
    dc_tensor *logits = dc_linear(hidden, p->w[2], p->w[3]);
    return p->bug == TWICE ? dc_softmax(logits) : logits;
}
/* [/forward] */
/* [step] */
static double loss(const program *p, dc_tensor *x, dc_tensor *y, bool backward)
{
    dc_mark mark = dc_begin(ctx);
    dc_tensor *mean = dc_cross_entropy(forward(p, x), y);
    if (backward) dc_backward(mean);                        /* adds to the gradients */
    double value = (double)dc_item(mean);
    dc_end(ctx, mark);
    return value;
}

static double step(program *p, dc_tensor *x, dc_tensor *y)  /* w -= 0.1 dloss/dw */
{
    double before = loss(p, x, y, true);
    dc_mark mark = dc_begin(ctx);
    for (int k = 0; k < 4; k++) {
        dc_write(p->w[k], dc_sub(p->w[k], dc_scale(dc_grad(p->w[k]), 0.1f))->data);
        if (p->bug != KEPT) dc_zero_grad(p->w[k]);
    }
    dc_end(ctx, mark);
    return before;
}
/* [/step] */
/* [train] */
static void train(program *p)                               /* 10 epochs */
{
    for (int from = 0, i = 0; i < 10 * p->n / BATCH; i++, from = i * BATCH % p->n)
        step(p, dc_slice(p->x, 0, from, from + BATCH), dc_slice(p->y, 0, from, from + BATCH));
}
/* [/train] */
/* [one_batch] */
static double one_batch(program p, dc_real curve[STEPS])    /* 20 images, learned by heart? */
{
    for (int i = 0; i < STEPS; i++) curve[i] = (dc_real)step(&p, p.few_x, p.few_y);
    return loss(&p, p.few_x, p.few_y, false);
}
/* [/one_batch] */
/* [gradient] */
static void walk(program *p, double way)                    /* all weights, along the gradient */
{
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < p->w[k]->size; i++)
            p->w[k]->data[i] += (dc_real)(way * (double)p->w[k]->grad[i]);
}

static double gradient(program p)                           /* slope of the loss / its length */
{
    step(&p, p.few_x, p.few_y);
    loss(&p, p.few_x, p.few_y, true);                       /* the gradient of the second step */
    double squares = 0;
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < p.w[k]->size; i++) squares += pow((double)p.w[k]->grad[i], 2);
    double length = sqrt(squares), h = 0.001 / length;      /* a way of 0.001 to either side */
    walk(&p, h);
    double up = loss(&p, p.few_x, p.few_y, false);
    walk(&p, -2 * h);
    double down = loss(&p, p.few_x, p.few_y, false);
    return (up - down) / 0.002 / length;
}
/* [/gradient] */
/* [labels] */
static double labels(program p, program dealt)              /* loss with them / with random ones */
{
    dealt.y = dc_gather(dealt.y, dc_permutation(ctx, dealt.n));
    train(&p), train(&dealt);
    return loss(&p, p.x, p.y, false) / loss(&dealt, dealt.x, dealt.y, false);
}
/* [/labels] */
/* [copies] */
static double copies(program p)                             /* test images that it trains with */
{
    int found = 0;
    for (const dc_real *t = p.test_x->data; t < p.test_x->data + N * PIXELS; t += PIXELS)
        for (const dc_real *x = p.x->data; x < p.x->data + p.n * PIXELS; x += PIXELS)
            found += !memcmp(t, x, PIXELS * sizeof *x);
    return found;
}
/* [/copies] */
/* [examine] */
static void examine(bug b, dc_dataset *data, bool alarm[TESTS], dc_real curve[STEPS])
{
    program p = start(b, data);
    double m[TESTS];
    m[0] = loss(&p, p.x, p.y, false), m[1] = one_batch(start(b, data), curve);
    m[2] = gradient(start(b, data)), m[3] = labels(p, start(b, data)), m[4] = copies(p);
    alarm[0] = !(fabs(m[0] - log(10)) < 0.5);               /* "not below": so NaN rings too */
    alarm[1] = !(m[1] < 0.1), alarm[2] = !(fabs(m[2] - 1) < 0.1);
    alarm[3] = !(m[3] < 0.9), alarm[4] = m[4] > 0;
    dc_tensor *right = dc_equal(dc_argmax(forward(&p, p.test_x), 1), p.test_y);
    printf("%-17s", title[b]);
    for (int t = 0; t < TESTS; t++) printf(" %9.*f%c", t < 4 ? 3 : 0, m[t], alarm[t] ? '*' : ' ');
    printf("      %.3f\n", (double)dc_item(dc_mean(right)));   /* the accuracy, p being trained */
}
/* [/examine] */
/* [deepc] */
static void show(const char *message, void *back) { puts(message), longjmp(*(jmp_buf *)back, 1); }

static void with_deepc(program p)
{
    jmp_buf back;                                           /* go on here, do not end the program */
    dc_on_error(ctx, show, &back);
    if (!setjmp(back)) dc_linear(p.x, p.w[2], p.w[3]);      /* the second layer first */
    dc_on_error(ctx, NULL, NULL);
    dc_tensor *mean = dc_cross_entropy(forward(&p, p.few_x), p.few_y);
    char shape[64];
    for (dc_tensor *t = mean; t != p.few_y; t = t->made_before)     /* back along the tape */
        if (t->needs_grad && dc_shape_text(t->shape, shape, sizeof shape))
            printf("%-14s %s\n", t->op->name, shape);
    dc_model *net = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
    dc_compile(net, DC_MSE, dc_sgd(10));                    /* a hundred times too much */
    dc_fit(net, dc_make_line(ctx, 100, 2, 1, 0.1f), (dc_fit_options){ .epochs = 9, .quiet = true });
    printf("%s\na NaN in the weights: %s\n", dc_error(ctx), dc_find_nan(net) ? "yes" : "no");
}
/* [/deepc] */

int main(int argc, char **argv)
{
    const char *folder = option(argc, argv, "--data", "examples/data/mnist");
    ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    dc_dataset *all = dc_load_mnist(ctx, folder, DC_TRAIN);
    if (!all) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;
    printf("By hand: five tests, six programs; * is an alarm\n"
           "program               start  one batch   gradient     labels     copies   test says\n");
    int found = 0, false_alarms = 0;
    static dc_real curve[PROGRAMS][STEPS];
    dc_series series[PROGRAMS];
    for (bug b = SOUND; b < PROGRAMS; b++) {
        bool alarm[TESTS];
        examine(b, dc_take(all, 0, 2 * N), alarm, curve[b]);
        if (b) found += alarm[b - 1];                       /* test b - 1 is meant for bug b */
        else for (int t = 0; t < TESTS; t++) false_alarms += alarm[t];
        series[b] = (dc_series){ .name = title[b], .y = curve[b], .count = STEPS };
    }
    char path[1024];
    snprintf(path, sizeof path, "%s/21_one_batch.svg", option(argc, argv, "--out", "build"));
    dc_plot plot = { .title = "Learning 20 images by heart", .x_label = "step", .y_label = "loss",
        .y_max = 4, .series = series, .series_count = PROGRAMS };
    if (!dc_write_svg(ctx, path, &plot)) fprintf(stderr, "%s\n", dc_error(ctx));
    printf("\nWith deepc\n");
    with_deepc(start(TWICE, dc_take(all, 0, 2 * N)));
    printf("\nRESULT bugs_found=%d\nRESULT false_alarms=%d\n", found, false_alarms);
    dc_free(ctx);
}
