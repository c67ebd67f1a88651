/* tiny.c - networks so small that what counts is everything but the arithmetic: deepc's loop, written by hand.
 *
 * tiny line|tanh BATCH: a linear regression 8-1, or 2-16-1 with tanh; mean squared error, plain SGD. The numbers are
 * those of tiny_plain.c and tiny_torch.py, and after as many steps so is the loss. */
#include "bench.h"
#include "deepc.h"

static dc_tensor *parameter(dc_context *ctx, dc_shape shape, uint32_t first)
{
    float values[32];
    int64_t size = 1;
    for (int i = 0; i < shape.rank; i++) size *= shape.dim[i];
    for (int64_t i = 0; i < size; i++) values[i] = number(first + (uint32_t)i);
    return dc_param_from(ctx, shape, values);
}

int main(int argc, char **argv)
{
    if (argc != 3) return fprintf(stderr, "tiny line|tanh BATCH\n"), 1;
    bool line = !strcmp(argv[1], "line");
    int inputs = line ? 8 : 2, batch = atoi(argv[2]);
    dc_context *ctx = dc_new(1);
    dc_tensor *x[BATCHES], *y[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
        float xs[32 * 8], ys[32];
        for (int j = 0; j < batch * inputs; j++) xs[j] = number(1000 + (uint32_t)(i * batch * inputs + j));
        for (int j = 0; j < batch; j++) ys[j] = target_of(inputs, xs + j * inputs);
        x[i] = dc_from(ctx, DC_SHAPE(batch, inputs), xs);
        y[i] = dc_from(ctx, DC_SHAPE(batch, 1), ys);
    }

    dc_tensor *w1 = line ? NULL : parameter(ctx, DC_SHAPE(2, 16), 0);
    dc_tensor *b1 = line ? NULL : parameter(ctx, DC_SHAPE(16), 100);
    dc_tensor *w2 = parameter(ctx, DC_SHAPE(line ? 8 : 16, 1), 200);
    dc_tensor *b2 = parameter(ctx, DC_SHAPE(1), 300);
    dc_optimizer *sgd = dc_optimize(ctx, dc_sgd(RATE));
    say("ready");
    int64_t step = 0;
    for (long steps; asked_to_go(&steps); ) {
        double start = seconds(), last = 0;
        for (long i = 0; i < steps; i++, step++) {
            dc_mark mark = dc_begin(ctx);
            dc_tensor *h = line ? x[step % BATCHES] : dc_tanh(dc_linear(x[step % BATCHES], w1, b1));
            dc_tensor *loss = dc_mse(dc_linear(h, w2, b2), y[step % BATCHES]);
            dc_backward(loss);
            dc_step(sgd);
            if (i == steps - 1) last = (double)dc_item(loss);
            dc_end(ctx, mark);
        }
        answer(seconds() - start, last);
    }
    dc_free(ctx);
}
