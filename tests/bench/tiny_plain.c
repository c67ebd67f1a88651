/* tiny_plain.c - the steps of tiny.c as one writes them by hand in C: loops, sizes known to the compiler, tanhf. */
#include <math.h>
#include "bench.h"

enum { LINE = 8, IN = 2, HIDDEN = 16, MOST = 32 };

static float w[LINE], w1[IN][HIDDEN], b1[HIDDEN], w2[HIDDEN], b2;

/* y' = x w + b */
static float step_line(const float *x, const float *y, int batch)
{
    float dw[LINE] = { 0 }, db = 0, loss = 0;
    for (int n = 0; n < batch; n++) {
        float out = b2;
        for (int i = 0; i < LINE; i++) out += x[n * LINE + i] * w[i];
        float error = out - y[n], d = 2 * error / (float)batch;
        loss += error * error / (float)batch;
        for (int i = 0; i < LINE; i++) dw[i] += d * x[n * LINE + i];
        db += d;
    }
    for (int i = 0; i < LINE; i++) w[i] -= RATE * dw[i];
    b2 -= RATE * db;
    return loss;
}

/* y' = tanh(x w1 + b1) w2 + b2 */
static float step_tanh(const float *x, const float *y, int batch)
{
    float dw1[IN][HIDDEN] = { { 0 } }, db1[HIDDEN] = { 0 }, dw2[HIDDEN] = { 0 }, db2 = 0, loss = 0;
    for (int n = 0; n < batch; n++) {
        float h[HIDDEN], out = b2;
        for (int j = 0; j < HIDDEN; j++) {
            h[j] = tanhf(x[n * IN] * w1[0][j] + x[n * IN + 1] * w1[1][j] + b1[j]);
            out += h[j] * w2[j];
        }
        float error = out - y[n], d = 2 * error / (float)batch;
        loss += error * error / (float)batch;
        db2 += d;
        for (int j = 0; j < HIDDEN; j++) {
            float dh = d * w2[j] * (1 - h[j] * h[j]);
            dw2[j] += d * h[j];
            db1[j] += dh;
            dw1[0][j] += dh * x[n * IN];
            dw1[1][j] += dh * x[n * IN + 1];
        }
    }
    for (int j = 0; j < HIDDEN; j++) {
        w1[0][j] -= RATE * dw1[0][j];
        w1[1][j] -= RATE * dw1[1][j];
        b1[j] -= RATE * db1[j];
        w2[j] -= RATE * dw2[j];
    }
    b2 -= RATE * db2;
    return loss;
}

int main(int argc, char **argv)
{
    if (argc != 3) return fprintf(stderr, "tiny_plain line|tanh BATCH\n"), 1;
    int line = !strcmp(argv[1], "line"), inputs = line ? LINE : IN, batch = atoi(argv[2]);
    static float x[BATCHES * MOST * LINE], y[BATCHES * MOST];
    if (batch > MOST) return 1;
    for (int i = 0; i < BATCHES * batch * inputs; i++) x[i] = number(1000 + (uint32_t)i);
    for (int i = 0; i < BATCHES * batch; i++) y[i] = target_of(inputs, x + i * inputs);
    for (uint32_t j = 0; j < HIDDEN; j++) {
        w1[0][j] = number(j);
        w1[1][j] = number(HIDDEN + j);
        b1[j] = number(100 + j);
        w2[j] = number(200 + j);
        if (j < LINE) w[j] = number(200 + j);
    }
    b2 = number(300);
    say("ready");
    long step = 0;
    for (long steps; asked_to_go(&steps); ) {
        double start = seconds(), loss = 0;
        for (long i = 0; i < steps; i++, step++) {
            const float *xs = x + step % BATCHES * batch * inputs, *ys = y + step % BATCHES * batch;
            loss = (double)(line ? step_line(xs, ys, batch) : step_tanh(xs, ys, batch));
        }
        answer(seconds() - start, loss);
    }
}
