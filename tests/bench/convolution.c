/* convolution.c - convolutions and each of their two gradients, called as a program calls them: dc_conv_op, and
 * dc_backward where only the filters, or only the image, need a gradient.
 *
 * convolution TASK...: a task is one argument, `WHAT IMAGES SIDE CHANNELS SIZE FILTERS ZEROS GROUPS`, WHAT of forward,
 * filters, image; `go I` asks for task I. The answer is the seconds of one call and a sum that tells whether all
 * libraries compute the same. bench.h has the conversation. */
#include "bench.h"
#include "deepc.h"

enum { MOST_TASKS = 32 };
static const double LONG_ENOUGH = 0.01;                      /* Seconds, for a measurement. */

typedef struct task {
    char       what[16];
    int64_t    images, side, channels, size, filters, groups;
    dc_window  window;
    dc_tensor *x, *w, *dy;
    dc_tensor *loss;                                         /* For a gradient: the end of its tape. */
    long       repeats;                                      /* 0: not yet asked for. */
    double     sum;
} task;

/* The end of a tape: y's gradient is dy, and the clock starts once it is. What follows is the convolution's alone. */
static double started;

static dc_shape end_shape(const dc_tensor *y) { return (void)y, DC_SHAPE(1); }

static void end_forward(dc_tensor *y) { y->data[0] = 0; }

static void end_backward(dc_tensor *y)
{
    const dc_tensor *dy = y->in[1];
    memcpy(dc_grad_data(y->in[0]), dy->data, (size_t)dy->size * sizeof *dy->data);
    started = seconds();
}

static const dc_op end_op = { .name = "end", .derivative = "dy", .shape = end_shape, .forward = end_forward,
                              .backward = end_backward };

/* The libraries fill their tensors alike, in deepc's order of axes. */
static dc_tensor *numbers(dc_context *ctx, uint32_t first, dc_shape shape)
{
    dc_tensor *t = dc_zeros(ctx, shape);
    for (int64_t i = 0; i < t->size; i++) t->data[i] = number(first + (uint32_t)i);
    return t;
}

static double sum_of(int64_t count, const float *y)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)y[i] * (double)number((uint32_t)i);
    return sum;
}

static bool is_forward(const task *t) { return !strcmp(t->what, "forward"); }

/* Seconds of one call. */
static double call(task *t)
{
    if (is_forward(t)) {
        double start = seconds();
        dc_mark mark = dc_begin(t->x->ctx);
        dc_tensor *y = dc_conv_op(t->x, t->w, NULL, t->window);
        double time = seconds() - start;
        if (!t->repeats) t->sum = sum_of(y->size, y->data);
        start = seconds();
        dc_end(t->x->ctx, mark);
        return time + seconds() - start;
    }
    dc_tensor *wanted = t->x->needs_grad ? t->x : t->w;
    dc_zero_grad(wanted);
    dc_backward(t->loss);
    double time = seconds() - started;
    if (!t->repeats) t->sum = sum_of(wanted->size, wanted->grad);
    return time;
}

static void prepare(dc_context *ctx, task *t)
{
    int64_t side = t->side + 2 * t->window.top - t->size + 1;
    t->x  = numbers(ctx, 0, DC_SHAPE(t->images, t->side, t->side, t->channels));
    t->w  = numbers(ctx, 1000, DC_SHAPE(t->size, t->size, t->channels / t->groups, t->filters));
    t->dy = numbers(ctx, 2000, DC_SHAPE(t->images, side, side, t->filters));
    if (!is_forward(t)) {
        dc_require_grad(strcmp(t->what, "image") ? t->w : t->x);
        t->loss = dc_apply(&end_op, DC_TENSORS(dc_conv_op(t->x, t->w, NULL, t->window), t->dy), NULL, 0);
    }
    double first = call(t);
    t->repeats = 1;
    double second = call(t), shorter = first < second ? first : second;
    t->repeats = (long)(LONG_ENOUGH / shorter) + 1;
}

/* As many calls before those that count wake the workers and the processor. */
static double measure(task *t)
{
    double time = 0;
    for (long i = 0; i < t->repeats; i++) call(t);
    for (long i = 0; i < t->repeats; i++) time += call(t);
    return time / (double)t->repeats;
}

static bool read_task(const char *text, task *t)
{
    long n[7];
    if (sscanf(text, "%15s %ld %ld %ld %ld %ld %ld %ld", t->what, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6) != 8)
        return false;
    *t = (task){ .images = n[0], .side = n[1], .channels = n[2], .size = n[3], .filters = n[4], .groups = n[6],
                 .window = { .top = n[5], .bottom = n[5], .left = n[5], .right = n[5], .groups = n[6] } };
    return sscanf(text, "%15s", t->what) == 1;
}

int main(int argc, char **argv)
{
    task tasks[MOST_TASKS];
    if (argc < 2 || argc > MOST_TASKS + 1) return fprintf(stderr, "convolution TASK...\n"), 1;
    for (int i = 1; i < argc; i++)
        if (!read_task(argv[i], &tasks[i - 1])) return fprintf(stderr, "no task: %s\n", argv[i]), 1;
    dc_context *ctx = dc_new(1);
    say("ready");
    for (long i; asked_to_go(&i) && i >= 0 && i < argc - 1; ) {
        task *t = &tasks[i];
        if (!t->repeats) prepare(ctx, t);
        double time = measure(t);
        answer(time, t->sum);
    }
    dc_free(ctx);
}
