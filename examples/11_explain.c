/* 11_explain - how a gradient comes about: the tape of one neuron, node by node.
 *
 * You will see a neuron with two inputs, y = tanh(x1 w1 + x2 w2 + b), computed forward, then
 * walked backwards: every node's value, the gradient that came in, and its local derivative. The
 * product of the two, summed over the ways to a weight, is that weight's gradient: the chain rule,
 * and nothing else. build/neuron.dot is the same as a graph: dot -Tsvg build/neuron.dot >
 * neuron.svg. Takes no time.
 *
 * cc -O2 examples/11_explain.c -lm && ./a.out
 * options: --out DIR (build)
 *
 * The expected gradients are x (1 - y^2) for w and 1 - y^2 for b, with y = 0.7071 and y^2 = 1/2.
 * expected: y == 0.7071
 * expected: dw1 == 1.0000
 * expected: dw2 == 0.0000
 * expected: db == 0.5000 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

static dc_tensor *named(dc_context *ctx, const char *name, dc_real value)
{
    dc_tensor *x = dc_require_grad(dc_scalar(ctx, value));
    x->name = name;
    return x;
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x1 = named(ctx, "x1", 2),  *x2 = named(ctx, "x2", 0);
    dc_tensor *w1 = named(ctx, "w1", -3), *w2 = named(ctx, "w2", 1);
    dc_tensor *b  = named(ctx, "b", 6.8813735870195432f);

    /* One call a line: in f(g(), h()) C lets every compiler choose whether g or h comes first. */
    dc_tensor *p1 = dc_mul(x1, w1);
    dc_tensor *p2 = dc_mul(x2, w2);
    dc_tensor *y  = dc_tanh(dc_add(dc_add(p1, p2), b));
    dc_backward(y);
    dc_explain(y, DC_TEXT, NULL);

    char path[1024];
    snprintf(path, sizeof path, "%s/neuron.dot", option(argc, argv, "--out", "build"));
    if (!dc_explain(y, DC_DOT, path)) fprintf(stderr, "%s\n", dc_error(ctx));

    printf("RESULT y=%.4f\n", (double)dc_item(y));
    printf("RESULT dw1=%.4f\n", (double)dc_item(dc_grad(w1)));
    printf("RESULT dw2=%.4f\n", (double)dc_item(dc_grad(w2)));
    printf("RESULT db=%.4f\n", (double)dc_item(dc_grad(b)));
    dc_free(ctx);
}
