/* 02_logistic_regression - one straight boundary: when it is enough, and when it is not.
 *
 * You will see logistic regression (p = sigmoid(x w + b)), written with tensors, a tape and a
 * step, separate two clouds of points, and fail at XOR: of four points a line can have at most
 * three on their right side (03_xor solves it). build/logistic.svg shows the clouds and the
 * boundary. Takes no time.
 *
 * cc -O2 examples/02_logistic_regression.c -lm && ./a.out
 * options: --seed N (1), --out DIR (build)
 *
 * expected: gaussians_accuracy >= 0.98
 * expected: xor_accuracy <= 0.75 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* Fits w [2, 1] and b [1] to points x [N, 2] of classes y [N, 1] by 1,000 steps of gradient descent
 * on all of them, and returns the part that ends up on the right side. */
static double fit(dc_tensor *x, dc_tensor *y, dc_tensor *w, dc_tensor *b)
{
    dc_context *ctx = x->ctx;
    dc_optimizer *sgd = dc_optimize_these(ctx, dc_sgd(0.1), DC_TENSORS(w, b));
    for (int step = 0; step < 1000; step++) {
        dc_mark mark = dc_begin(ctx);                       /* what is made from here ... */
        dc_tensor *logits = dc_add(dc_matmul(x, w), b);     /* [N, 1]; the sigmoid is in the loss */
        dc_tensor *loss   = dc_bce_with_logits(logits, y);
        if (step % 250 == 0) printf("  step %4d  loss %.4f\n", step, (double)dc_item(loss));
        dc_backward(loss);
        dc_step(sgd);                                       /* applies and clears the gradients */
        dc_end(ctx, mark);                                  /* ... is gone here */
    }
    dc_mark mark = dc_begin(ctx);
    dc_tensor *side  = dc_greater(dc_add(dc_matmul(x, w), b), dc_scalar(ctx, 0));
    dc_tensor *right = dc_mean(dc_equal(side, y));
    double accuracy = (double)dc_item(right);
    dc_end(ctx, mark);
    return accuracy;
}

/* The clouds in their colours, and the line where x w + b = 0: it goes through -b w / |w|^2, square
 * to w. */
static void draw(const char *path, dc_tensor *x, dc_tensor *y, dc_tensor *w, dc_tensor *b)
{
    dc_context *ctx = x->ctx;
    dc_mark mark = dc_begin(ctx);
    int64_t count[2] = { 0, 0 };
    dc_real *px[2], *py[2], line_x[2], line_y[2], w0 = w->data[0], w1 = w->data[1];
    for (int c = 0; c < 2; c++) {
        px[c] = dc_alloc(ctx, (size_t)x->size * sizeof(dc_real));
        py[c] = dc_alloc(ctx, (size_t)x->size * sizeof(dc_real));
        dc_real along = c ? 3 : -3, length = (dc_real)sqrt((double)(w0 * w0 + w1 * w1));
        line_x[c] = -b->data[0] * w0 / (length * length) - along * w1 / length;
        line_y[c] = -b->data[0] * w1 / (length * length) + along * w0 / length;
    }
    for (int64_t i = 0; i < y->size; i++) {
        int c = y->data[i] > 0;
        px[c][count[c]] = x->data[2 * i], py[c][count[c]++] = x->data[2 * i + 1];
    }
    dc_plot plot = { .title = "Logistic regression", .x_label = "x0", .y_label = "x1",
        .series = (dc_series[]){
            { .name = "class 0", .x = px[0], .y = py[0], .count = count[0], .points = true },
            { .name = "class 1", .x = px[1], .y = py[1], .count = count[1], .points = true },
            { .name = "boundary", .x = line_x, .y = line_y, .count = 2 } },
        .series_count = 3 };
    if (!dc_write_svg(ctx, path, &plot)) fprintf(stderr, "%s\n", dc_error(ctx));
    dc_end(ctx, mark);
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));

    dc_batch blobs = dc_all(dc_make_blobs(ctx, 400, 2, 0.8f)), corners = dc_all(dc_make_xor(ctx));

    printf("two Gaussians\n");
    dc_tensor *w = dc_param(ctx, DC_GLOROT, 2, 1), *b = dc_param(ctx, DC_ZEROS, 1);
    dc_tensor *y = dc_reshape(blobs.y, DC_SHAPE(-1, 1));
    double gaussians = fit(blobs.x, y, w, b);
    char path[1024];
    snprintf(path, sizeof path, "%s/logistic.svg", option(argc, argv, "--out", "build"));
    draw(path, blobs.x, y, w, b);

    printf("XOR\n");
    dc_tensor *w_xor = dc_param(ctx, DC_GLOROT, 2, 1), *b_xor = dc_param(ctx, DC_ZEROS, 1);
    double xor = fit(corners.x, dc_reshape(corners.y, DC_SHAPE(-1, 1)), w_xor, b_xor);

    printf("RESULT gaussians_accuracy=%.4f\n", gaussians);
    printf("RESULT xor_accuracy=%.4f\n", xor);
    dc_free(ctx);
}
