/* test_golden.c - the ops and losses, forward and backward, against PyTorch's numbers in golden/ops.h.
 * built: float double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include "every_op.h"

typedef struct golden_case {
    const char *op;
    int         start, arguments, operands;    /* Numbers: arguments, operands, y, dy, gradients. */
    unsigned    has_grad;                      /* Bit i: operand i has one. */
    dc_shape    operand[EVERY_OP_OPERANDS];    /* Rank -1: left out. */
    dc_shape    y;
} golden_case;

#include "golden/ops.h"
#include "golden/vision.h"

/* Compositions and others that need none: compared with what they are made of elsewhere. */
static const char *const golden_not_needed[] = {
    "conv_layer",                              /* conv_op and its activation. */
    "one_hot", "dropout_op", "augment_op",                   /* Hand values; the mask is deepc's own. */
    "mse", "mae", "huber", "bce_with_logits", "bce", "cross_entropy", "soft_cross_entropy",
    "nll",                                     /* ..._with, the record with its options, covers them. */
};

static int64_t golden_size(dc_shape s)
{
    int64_t n = s.rank >= 0;
    for (int i = 0; i < s.rank; i++) n *= s.dim[i];
    return n;
}

static dc_tensor *golden_tensor(dc_context *ctx, dc_shape shape, const double *values)
{
    dc_tensor *t = dc_zeros(ctx, shape);
    for (int64_t i = 0; i < t->size; i++) t->data[i] = (dc_real)values[i];
    return t;
}

/* How far apart deepc and PyTorch may be, relative to max(1, |value|). In float an operand of size up to 3 is
 * rounded to 2e-7, and sums and quotients of several such add up to the factors here. */
static double golden_tolerance(const char *op)
{
    static const struct { const char *op; double factor; } wider[] = {
        { "exp", 2 },                          /* Its derivative is itself: 1 ulp of 20,000. */
        { "pow", 2 }, { "pow_scalar", 2 }, { "prod", 2 }, { "prod_over", 2 },
        { "sin", 2 }, { "cos", 2 },
        { "layer_norm_op", 3 }, { "batch_norm_op", 3 },    /* Divided by a small standard deviation. */
        { "std", 2 }, { "std_over", 2 },
    };
    double factor = 1;
    for (size_t i = 0; i < sizeof wider / sizeof *wider; i++)
        if (!strcmp(op, wider[i].op)) factor = wider[i].factor;
    return factor * (sizeof(dc_real) == sizeof(double) ? 1e-12 : 1e-6);
}

/* The numbers of one file. */
typedef struct golden_table { const golden_case *first; size_t count; const double *numbers; } golden_table;
static const golden_table golden_tables[] = {
    { golden_cases, sizeof golden_cases / sizeof *golden_cases, golden_numbers },
    { golden_vision_cases, sizeof golden_vision_cases / sizeof *golden_vision_cases, golden_vision_numbers },
};
enum { GOLDEN_TABLES = (int)(sizeof golden_tables / sizeof *golden_tables) };

static const golden_table *golden_table_of(const golden_case *c)
{
    const golden_table *t = golden_tables;
    while (c < t->first || c >= t->first + t->count) t++;
    return t;
}

static int golden_number_of(const golden_case *c) { return (int)(c - golden_table_of(c)->first); }

static double golden_worst;

static bool golden_agree(const golden_case *c, const char *what, int64_t n, const dc_real *actual,
                         const double *expected)
{
    double tolerance = golden_tolerance(c->op);
    bool agree = true;
    for (int64_t i = 0; i < n; i++) {
        double a = (double)actual[i], e = expected[i], error = fabs(a - e) / fmax(1, fabs(e));
        bool ok = error <= tolerance || (isnan(a) && isnan(e)) || (isinf(e) && a >= e && a <= e);
        agree &= check__that(ok, __FILE__, __LINE__, "case %d, %s: %s[%d] is %.17g, not %.17g (error %.1e)",
                             golden_number_of(c), c->op, what, (int)i, a, e, error);
        if (ok && error / tolerance > golden_worst) golden_worst = error / tolerance;
    }
    return agree;
}

static bool golden_same_shape(const golden_case *c, dc_shape a)
{
    bool same = a.rank == c->y.rank;
    for (int i = 0; same && i < a.rank; i++) same = a.dim[i] == c->y.dim[i];
    return check__that(same, __FILE__, __LINE__, "case %d, %s: y has another shape", golden_number_of(c), c->op);
}

static void golden_run(dc_context *ctx, const golden_case *c)
{
    const every_op *op = every_op_named(c->op);
    if (!check__that(op != NULL, __FILE__, __LINE__, "%s is not in every_op.h", c->op)) return;
    dc_mark mark = dc_begin(ctx);
    const double *a = golden_table_of(c)->numbers + c->start, *at = a + c->arguments;
    dc_tensor *x[EVERY_OP_OPERANDS] = { NULL };
    for (int i = 0; i < c->operands; i++) {
        if (c->operand[i].rank < 0) continue;
        x[i] = golden_tensor(ctx, c->operand[i], at);
        at += x[i]->size;
        if (c->has_grad & 1u << i) dc_require_grad(x[i]);
    }
    dc_tensor *y = op->call(x, a);
    if (golden_same_shape(c, y->shape)) golden_agree(c, "y", y->size, y->data, at);
    at += golden_size(c->y);
    CHECK(y->needs_grad == (c->has_grad != 0));
    if (c->has_grad && y->needs_grad) {
        dc_tensor *dy = golden_tensor(ctx, c->y, at);
        at += dy->size;
        dc_backward(dc_sum(dc_mul(y, dy)));
        for (int i = 0; i < c->operands; i++) {
            if (!(c->has_grad & 1u << i)) continue;
            char what[] = { 'd', 'x', (char)('0' + i), 0 };
            dc_tensor *g = dc_grad(x[i]);
            if (CHECK(g != NULL)) golden_agree(c, what, g->size, g->data, at);
            at += golden_size(c->operand[i]);
        }
    }
    dc_end(ctx, mark);
}

static void golden_run_all(dc_context *ctx)
{
    for (const golden_table *t = golden_tables; t < golden_tables + GOLDEN_TABLES; t++)
        for (size_t i = 0; i < t->count; i++) golden_run(ctx, &t->first[i]);
}

TEST(golden_numbers_of_every_op)
{
    dc_context *ctx = dc_new(1);
    golden_worst = 0;
    golden_run_all(ctx);
    CHECK(golden_worst <= 1);
    if (getenv("DEEPC_VERBOSE")) printf("golden numbers: worst error is %.2f of the tolerance\n", golden_worst);
    dc_free(ctx);
}

TEST(golden_numbers_on_the_plain_loops)
{
    dc_context *ctx = dc_new_with(1, &(dc_options){ .device = "reference" });
    golden_run_all(ctx);
    dc_free(ctx);
}

TEST(golden_numbers_exist_for_every_op)
{
    for (int i = 0; i < EVERY_OPS; i++) {
        bool found = false;
        for (const golden_table *t = golden_tables; t < golden_tables + GOLDEN_TABLES; t++)
            for (size_t k = 0; !found && k < t->count; k++) found = !strcmp(t->first[k].op, every_ops[i].name);
        for (size_t k = 0; !found && k < sizeof golden_not_needed / sizeof *golden_not_needed; k++)
            found = !strcmp(golden_not_needed[k], every_ops[i].name);
        check__that(found, __FILE__, __LINE__, "no golden numbers for %s", every_ops[i].name);
    }
}
