/* 11_explain - how a gradient comes about: the tape of one neuron, node by node.
 *
 * You will see a neuron with two inputs, y = tanh(x1 w1 + x2 w2 + b), computed forward, then
 * walked backwards: every node's value, the gradient that came in, and its local derivative. The
 * product of the two, summed over the ways to a weight, is that weight's gradient: the chain rule,
 * and nothing else. Takes no time.
 *
 * cc -O2 examples/11_explain.c -lm && ./a.out
 *
 * The expected gradients are x (1 - y^2) for w and 1 - y^2 for b, with y = 0.7071 and y^2 = 1/2.
 * expected: y == 0.7071
 * expected: dw1 == 1.0000
 * expected: dw2 == 0.0000
 * expected: db == 0.5000 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static dc_tensor *leaf(dc_context *ctx, const char *name, dc_real value)
{
    return dc_named(dc_require_grad(dc_scalar(ctx, value)), name);
}

/* How much y grows with each of its operands. Its own backward says so: with a gradient of one at y
 * and of zero at the operands, what arrives at the operands is the local derivative itself. */
static void print_local(dc_tensor *y)
{
    dc_real kept[2], came_in = y->grad[0];
    for (int i = 0; i < y->inputs; i++) kept[i] = y->in[i]->grad[0], y->in[i]->grad[0] = 0;
    y->grad[0] = 1;
    y->op->backward(y);
    y->grad[0] = came_in;
    for (int i = 0; i < y->inputs; i++) {
        printf("       d/d%-13s%9.6f\n", y->in[i]->name, (double)y->in[i]->grad[0]);
        y->in[i]->grad[0] = kept[i];
    }
}

/* The tape is a linked list: each tensor knows the one that was made before it. */
static void explain(dc_tensor *node)
{
    if (!node) return;
    explain(node->made_before);                             /* The oldest comes first. */
    printf("%s", node->name);
    if (node->inputs) printf(" = %s of", node->op->name);
    for (int i = 0; i < node->inputs; i++) printf(" %s", node->in[i]->name);
    printf("\n       value           %9.6f\n       gradient        %9.6f\n",
           (double)node->data[0], (double)node->grad[0]);
    if (node->inputs) print_local(node);
}

int main(void)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x1 = leaf(ctx, "x1", 2),  *x2 = leaf(ctx, "x2", 0);
    dc_tensor *w1 = leaf(ctx, "w1", -3), *w2 = leaf(ctx, "w2", 1);
    dc_tensor *b  = leaf(ctx, "b", 6.8813735870195432f);

    dc_tensor *p1 = dc_named(dc_mul(x1, w1), "p1");
    dc_tensor *p2 = dc_named(dc_mul(x2, w2), "p2");
    dc_tensor *s  = dc_named(dc_add(p1, p2), "s");
    dc_tensor *z  = dc_named(dc_add(s, b), "z");
    dc_tensor *y  = dc_named(dc_tanh(z), "y");
    dc_backward(y);
    explain(y);

    printf("RESULT y=%.4f\n", (double)dc_item(y));
    printf("RESULT dw1=%.4f\n", (double)dc_item(dc_grad(w1)));
    printf("RESULT dw2=%.4f\n", (double)dc_item(dc_grad(w2)));
    printf("RESULT db=%.4f\n", (double)dc_item(dc_grad(b)));
    dc_free(ctx);
}
