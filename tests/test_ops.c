/* test_ops.c - tensors and ops: a value a person can verify for each, shapes, special values, error messages.
 * built: float double */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L                /* fork, for programs that must end */
#endif
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include "every_op.h"
#include <sys/wait.h>
#include <unistd.h>

/* OPS_IS(tensor, DC_SHAPE(2, 2), 1, 2, 3, 4): its shape and its elements. */
#define OPS_IS(TENSOR, SHAPE, ...) \
    ops_is(TENSOR, SHAPE, (const double[]){ __VA_ARGS__ }, sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double), \
           __LINE__, #TENSOR)
#define OPS_IS_EMPTY(TENSOR, SHAPE) ops_is(TENSOR, SHAPE, NULL, 0, __LINE__, #TENSOR)
#define OPS_FROM(...) \
    ops_from(ctx, (const double[]){ __VA_ARGS__ }, \
             (int64_t)(sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double)))
#define OPS_MATRIX(ROWS, ...) dc_reshape(OPS_FROM(__VA_ARGS__), DC_SHAPE(ROWS, -1))

static dc_tensor *ops_from(dc_context *ctx, const double *values, int64_t n)
{
    dc_tensor *t = dc_zeros(ctx, DC_SHAPE(n));
    for (int64_t i = 0; i < n; i++) t->data[i] = (dc_real)values[i];
    return t;
}

static void ops_is(const dc_tensor *t, dc_shape shape, const double *values, size_t count, int line, const char *text)
{
    char actual[160], expected[160];
    dc_shape_text(t->shape, actual, sizeof actual);
    dc_shape_text(shape, expected, sizeof expected);
    check__that(!strcmp(actual, expected), __FILE__, line, "%s has shape %s, not %s", text, actual, expected);
    if (!check__that(t->size == (int64_t)count, __FILE__, line, "%s: %d elements", text, (int)t->size)) return;
    for (size_t i = 0; i < count; i++) {
        double a = (double)t->data[i], e = values[i];
        bool ok = isinf(e) ? a >= e && a <= e : fabs(a - e) <= 1e-6 * fmax(1, fabs(e)) || (isnan(a) && isnan(e));
        check__that(ok, __FILE__, line, "%s: element %d is %.9g, not %.9g", text, (int)i, a, e);
    }
}

/* --- values of the tables' rows --- */

static const struct { const char *op; double x[3], y[3], a, b; } ops_unary[] = {
    { "neg",         { 2, -3, 0 },            { -2, 3, 0 },                       0, 0 },
    { "abs",         { 2, -3, 0 },            { 2, 3, 0 },                        0, 0 },
    { "sign",        { 2, -3, 0 },            { 1, -1, 0 },                       0, 0 },
    { "exp",         { 0, 1, -1 },            { 1, 2.7182818, 0.3678794 },        0, 0 },
    { "expm1",       { 0, 1, 1e-7 },          { 0, 1.7182818, 1e-7 },             0, 0 },
    { "log",         { 1, 2, 10 },            { 0, 0.6931472, 2.3025851 },        0, 0 },
    { "log1p",       { 0, 1, 1e-7 },          { 0, 0.6931472, 1e-7 },             0, 0 },
    { "sqrt",        { 0, 9, 2 },             { 0, 3, 1.4142136 },                0, 0 },
    { "rsqrt",       { 1, 4, 0.25 },          { 1, 0.5, 2 },                      0, 0 },
    { "square",      { 0, 3, -4 },            { 0, 9, 16 },                       0, 0 },
    { "reciprocal",  { 1, 4, -0.5 },          { 1, 0.25, -2 },                    0, 0 },
    { "sin",         { 0, 0.5235988, 1.5707963 }, { 0, 0.5, 1 },                  0, 0 },
    { "cos",         { 0, 1.0471976, 3.1415927 }, { 1, 0.5, -1 },                 0, 0 },
    { "tanh",        { 0, 1, -20 },           { 0, 0.7615942, -1 },               0, 0 },
    { "sigmoid",     { 0, 1.0986123, -1.0986123 }, { 0.5, 0.75, 0.25 },           0, 0 },
    { "erf",         { 0, 1, -1 },            { 0, 0.8427008, -0.8427008 },       0, 0 },
    { "relu",        { 0, 2, -2 },            { 0, 2, 0 },                        0, 0 },
    { "gelu",        { 0, 1, -1 },            { 0, 0.8413447, -0.1586553 },       0, 0 },
    { "gelu_tanh",   { 0, 1, -1 },            { 0, 0.8411920, -0.1588080 },       0, 0 },
    { "silu",        { 0, 1, -1 },            { 0, 0.7310586, -0.2689414 },       0, 0 },
    { "softplus",    { 0, 1, 100 },           { 0.6931472, 1.3132617, 100 },      0, 0 },
    { "leaky_relu",  { 0, 2, -2 },            { 0, 2, -0.5 },                     0.25, 0 },
    { "elu",         { 0, 2, -1 },            { 0, 2, -1.2642411 },               2, 0 },
    { "clip",        { 0, 2, -2 },            { 0, 1.5, -1 },                     -1, 1.5 },
    { "pow_scalar",  { 0, 2, -2 },            { 0, 8, -8 },                       3, 0 },
    { "scale",       { 0, 2, -2 },            { 0, 5, -5 },                       2.5, 0 },
    { "shift",       { 0, 2, -2 },            { 2.5, 4.5, 0.5 },                  2.5, 0 },
};
enum { OPS_UNARY = (int)(sizeof ops_unary / sizeof *ops_unary) };

TEST(ops_unary_values)
{
    dc_context *ctx = dc_new(1);
    for (int i = 0; i < OPS_UNARY; i++) {
        dc_tensor *x = ops_from(ctx, ops_unary[i].x, 3);
        dc_tensor *y = every_op_named(ops_unary[i].op)->call(&x, (const double[]){ ops_unary[i].a, ops_unary[i].b });
        ops_is(y, DC_SHAPE(3), ops_unary[i].y, 3, __LINE__, ops_unary[i].op);
    }
#define OPS_HAS_VALUE(NAME, ...) { \
        bool found = false; \
        for (int i = 0; i < OPS_UNARY; i++) found |= !strcmp(ops_unary[i].op, #NAME); \
        check__that(found, __FILE__, __LINE__, "no hand value for dc_" #NAME); \
    }
    DC_UNARY_OPS(OPS_HAS_VALUE)
    DC_UNARY_OPS_WITH(OPS_HAS_VALUE)
    dc_free(ctx);
}

static const struct { const char *op; double z[3]; } ops_binary[] = {     /* x = 1, 4, 2   y = 2, 0.5, 2 */
    { "add",       { 3, 4.5, 4 } },     { "sub",       { -1, 3.5, 0 } },  { "mul",           { 2, 2, 4 } },
    { "div",       { 0.5, 8, 1 } },     { "pow",       { 1, 2, 4 } },     { "maximum",       { 2, 4, 2 } },
    { "minimum",   { 1, 0.5, 2 } },     { "equal",     { 0, 0, 1 } },     { "not_equal",     { 1, 1, 0 } },
    { "less",      { 1, 0, 0 } },       { "less_equal", { 1, 0, 1 } },    { "greater",       { 0, 1, 0 } },
    { "greater_equal", { 0, 1, 1 } },
};
enum { OPS_BINARY = (int)(sizeof ops_binary / sizeof *ops_binary) };

TEST(ops_binary_values)
{
    dc_context *ctx = dc_new(1);
    for (int i = 0; i < OPS_BINARY; i++) {
        dc_tensor *x[2] = { OPS_FROM(1, 4, 2), OPS_FROM(2, 0.5, 2) };
        ops_is(every_op_named(ops_binary[i].op)->call(x, NULL), DC_SHAPE(3), ops_binary[i].z, 3, __LINE__,
               ops_binary[i].op);
    }
#define OPS_HAS_BINARY_VALUE(NAME, F, DFX, DFY) { \
        bool found = false; \
        for (int i = 0; i < OPS_BINARY; i++) found |= !strcmp(ops_binary[i].op, #NAME); \
        check__that(found, __FILE__, __LINE__, "no hand value for dc_" #NAME); \
    }
    DC_BINARY_OPS(OPS_HAS_BINARY_VALUE)
    dc_free(ctx);
}

TEST(ops_broadcasting)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *m = OPS_MATRIX(2, 1, 2, 3, 4, 5, 6), *row = OPS_FROM(10, 20, 30);
    dc_tensor *column = OPS_MATRIX(2, 100, 200), *number = dc_scalar(ctx, 1);
    OPS_IS(dc_add(m, row), DC_SHAPE(2, 3), 11, 22, 33, 14, 25, 36);
    OPS_IS(dc_add(row, m), DC_SHAPE(2, 3), 11, 22, 33, 14, 25, 36);
    OPS_IS(dc_sub(m, column), DC_SHAPE(2, 3), -99, -98, -97, -196, -195, -194);
    OPS_IS(dc_sub(column, m), DC_SHAPE(2, 3), 99, 98, 97, 196, 195, 194);
    OPS_IS(dc_add(column, row), DC_SHAPE(2, 3), 110, 120, 130, 210, 220, 230);
    OPS_IS(dc_add(m, number), DC_SHAPE(2, 3), 2, 3, 4, 5, 6, 7);
    OPS_IS(dc_add(number, number), DC_SCALAR, 2);
    OPS_IS(dc_add(dc_reshape(row, DC_SHAPE(3, 1, 1)), dc_reshape(column, DC_SHAPE(2, 1))), DC_SHAPE(3, 2, 1),
           110, 210, 120, 220, 130, 230);
    OPS_IS_EMPTY(dc_add(dc_zeros(ctx, DC_SHAPE(0, 3)), row), DC_SHAPE(0, 3));
    OPS_IS_EMPTY(dc_add(dc_zeros(ctx, DC_SHAPE(0)), dc_ones(ctx, DC_SHAPE(1))), DC_SHAPE(0));
    OPS_IS_EMPTY(dc_mul(dc_zeros(ctx, DC_SHAPE(2, 1)), dc_zeros(ctx, DC_SHAPE(1, 0))), DC_SHAPE(2, 0));
    OPS_IS(dc_where(OPS_FROM(1, 0, -2), m, number), DC_SHAPE(2, 3), 1, 1, 3, 4, 1, 6);
    OPS_IS(dc_where(column, number, row), DC_SHAPE(2, 3), 1, 1, 1, 1, 1, 1);
    dc_tensor *long_row = dc_ones(ctx, DC_SHAPE(2, 1000));    /* Longer than a piece of 256. */
    CHECK(dc_item(dc_sum(dc_mul(long_row, dc_full(ctx, DC_SHAPE(2, 1), 3)))) == 6000);
    dc_free(ctx);
}

/* --- creation, reading, writing --- */

TEST(ops_creation)
{
    dc_context *ctx = dc_new(1);
    OPS_IS(dc_zeros(ctx, DC_SHAPE(2)), DC_SHAPE(2), 0, 0);
    OPS_IS(dc_ones(ctx, DC_SHAPE(1, 2)), DC_SHAPE(1, 2), 1, 1);
    OPS_IS(dc_full(ctx, DC_SHAPE(2), 7), DC_SHAPE(2), 7, 7);
    OPS_IS(dc_scalar(ctx, 5), DC_SCALAR, 5);
    OPS_IS(dc_from(ctx, DC_SHAPE(2, 1), (dc_real[]){ 3, 4 }), DC_SHAPE(2, 1), 3, 4);
    OPS_IS(dc_arange(ctx, 0, 5, 2), DC_SHAPE(3), 0, 2, 4);
    OPS_IS(dc_arange(ctx, 1, 0, DC__C(-0.25)), DC_SHAPE(4), 1, 0.75, 0.5, 0.25);
    OPS_IS_EMPTY(dc_arange(ctx, 1, 1, 1), DC_SHAPE(0));
    OPS_IS_EMPTY(dc_arange(ctx, 1, 0, 1), DC_SHAPE(0));
    OPS_IS(dc_linspace(ctx, 0, 1, 5), DC_SHAPE(5), 0, 0.25, 0.5, 0.75, 1);
    OPS_IS(dc_linspace(ctx, 3, 9, 1), DC_SHAPE(1), 3);
    OPS_IS(dc_linspace(ctx, 1, -1, 2), DC_SHAPE(2), 1, -1);
    OPS_IS_EMPTY(dc_linspace(ctx, 0, 1, 0), DC_SHAPE(0));
    OPS_IS(dc_eye(ctx, 2), DC_SHAPE(2, 2), 1, 0, 0, 1);
    OPS_IS_EMPTY(dc_eye(ctx, 0), DC_SHAPE(0, 0));
    OPS_IS(dc_one_hot(OPS_FROM(2, 0), 3), DC_SHAPE(2, 3), 0, 0, 1, 1, 0, 0);
    OPS_IS(dc_one_hot(dc_scalar(ctx, 1), 2), DC_SHAPE(2), 0, 1);
    for (int n = 1; n < 40; n++) {                           /* [start, stop), however it rounds */
        dc_real step = DC__C(0.1), stop = step * (dc_real)n;
        dc_tensor *t = dc_arange(ctx, 0, stop, step);
        CHECK(t->size == n && t->data[n - 1] < stop);
    }
    dc_real huge = DC__C(1e30);
    OPS_IS(dc_linspace(ctx, -huge, huge, 3), DC_SHAPE(3), -1e30, 0, 1e30);
    dc_free(ctx);
}

TEST(ops_creation_errors)
{
    dc_context *ctx = dc_new(1);
    EXPECT_FAIL(ctx, dc_arange(ctx, 0, 1, 0), "dc_arange: from 0 to 1 in steps of 0 never ends");
    EXPECT_FAIL(ctx, dc_arange(ctx, 0, (dc_real)INFINITY, 1), "never ends");
    EXPECT_FAIL(ctx, dc_arange(ctx, 0, (dc_real)NAN, 1), "never ends");
    EXPECT_FAIL(ctx, dc_zeros(ctx, DC_SHAPE(2, -1)), "shape [2, -1]: sizes cannot be negative");
    EXPECT_FAIL(ctx, dc_linspace(ctx, 0, 1, -2), "sizes cannot be negative");
    EXPECT_FAIL(ctx, dc_eye(ctx, -1), "sizes cannot be negative");
    EXPECT_FAIL(ctx, dc_one_hot(OPS_FROM(0, 3), 3),
                "dc_one_hot: element 1 of the index is 3; whole numbers from 0 to 2");
    EXPECT_FAIL(ctx, dc_one_hot(OPS_FROM(0.5), 3), "dc_one_hot: element 0 of the index is 0.5");
    EXPECT_FAIL(ctx, dc_one_hot(OPS_FROM((double)NAN), 3), "dc_one_hot: element 0");
    EXPECT_FAIL(ctx, dc_one_hot(OPS_FROM(0), 0), "dc_one_hot: labels [1] of 0 classes");
    EXPECT_FAIL(ctx, dc_one_hot(dc_zeros(ctx, DC_SHAPE(1, 1, 1, 1, 1, 1)), 2),
                "dc_one_hot: labels [1, 1, 1, 1, 1, 1]");
    dc_free(ctx);
}

TEST(ops_rank_and_size_limits)
{
    dc_context *ctx = dc_new(1);
    const int64_t big = (int64_t)1 << 40, dims[7] = { 1, 1, 1, 1, 1, 1, 1 };
    dc_tensor *six = dc_zeros(ctx, DC_SHAPE(1, 1, 1, 1, 1, 1)), *line = dc_zeros(ctx, DC_SHAPE(1, 1));
    EXPECT_FAIL(ctx, dc_zeros(ctx, DC_SHAPE(1, 1, 1, 1, 1, 1, 1)), "a tensor has at most 6 axes, not 7");
    EXPECT_FAIL(ctx, dc_zeros(ctx, dc_make_shape(-1, dims)), "at most 6 axes, not -1");
    EXPECT_FAIL(ctx, dc_ones(ctx, DC_SHAPE(big, big)),
                "[1099511627776, 1099511627776] has more elements than memory");
    EXPECT_FAIL(ctx, dc_zeros(ctx, DC_SHAPE(INT64_MAX, 2)), "has more elements than memory can hold");
    EXPECT_FAIL(ctx, dc_zeros(ctx, DC_SHAPE(0, big, big)), "has more elements than memory can hold");
#ifndef DC__ASAN                                     /* It stops the program at such a request. */
    EXPECT_FAIL(ctx, dc_zeros(ctx, DC_SHAPE(big, 1 << 14)), "out of memory asking for");
#endif
    EXPECT_FAIL(ctx, dc_expand(line, DC_SHAPE(big, big)), "has more elements than memory can hold");
    EXPECT_FAIL(ctx, dc_expand(line, dc_make_shape(7, dims)), "at most 6 axes, not 7");
    EXPECT_FAIL(ctx, dc_reshape(line, DC_SHAPE(1, 1, 1, 1, 1, 1, 1)), "at most 6 axes, not 7");
    EXPECT_FAIL(ctx, dc_unsqueeze(six, 0), "dc_unsqueeze: [1, 1, 1, 1, 1, 1] has 6 axes already");
    EXPECT_FAIL(ctx, dc_stack(DC_TENSORS(six, six), 0), "has 6 axes already");
    EXPECT_FAIL(ctx, dc_gather(dc_zeros(ctx, DC_SHAPE(1, 1)), six),
                "dc_gather: rows [1, 1, 1, 1, 1, 1] of a table [1, 1]");
    EXPECT_FAIL(ctx, dc_pad(line, 0, INT64_MAX, 0, 0), "dc_pad:");
    EXPECT_FAIL(ctx, dc_alloc(ctx, SIZE_MAX), "out of memory");
    CHECK(dc_matmul(six, six)->shape.rank == 6);
    CHECK(dc_item(dc_add(six, six)) == 0);
    dc_free(ctx);
}

TEST(ops_reading_and_writing)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = OPS_MATRIX(2, 1, 2, 3, 4, 5, 6);
    dc_real out[6];
    char text[32];
    CHECK(dc_at(x, DC_SHAPE(1, 2)) == 6 && dc_at(dc_scalar(ctx, 3), DC_SCALAR) == 3);
    dc_read(x, out);
    CHECK(out[0] == 1 && out[5] == 6);
    dc_write(x, (dc_real[]){ 6, 5, 4, 3, 2, 1 });
    OPS_IS(x, DC_SHAPE(2, 3), 6, 5, 4, 3, 2, 1);
    dc_tensor *copy = dc_copy(x);
    dc_write(copy, out);
    CHECK(dc_at(x, DC_SHAPE(0, 0)) == 6 && dc_at(copy, DC_SHAPE(0, 0)) == 1);
    CHECK(dc_named(x, "x") == x && !strcmp(x->name, "x"));
    CHECK(dc_shape_text(x->shape, text, sizeof text) == 6 && !strcmp(text, "[2, 3]"));
    CHECK(dc_shape_text(x->shape, text, 4) == 6 && !strcmp(text, "[2,"));
    CHECK(dc_shape_text(DC_SCALAR, text, sizeof text) == 2 && !strcmp(text, "[]"));
    EXPECT_FAIL(ctx, dc_item(x), "dc_item: a tensor of one element is wanted, not [2, 3]");
    EXPECT_FAIL(ctx, dc_at(x, DC_SHAPE(2, 0)), "dc_at: there is no element [2, 0] in a tensor of shape [2, 3]");
    EXPECT_FAIL(ctx, dc_at(x, DC_SHAPE(0, -1)), "there is no element [0, -1]");
    EXPECT_FAIL(ctx, dc_at(x, DC_SHAPE(0)), "there is no element [0]");
    dc_free(ctx);
}

/* --- shape --- */

TEST(ops_views_share_storage)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_arange(ctx, 0, 6, 1);
    dc_tensor *m = dc_reshape(x, DC_SHAPE(2, -1)), *second = dc_first(m, 1), *up = dc_unsqueeze(second, 0);
    dc_tensor *down = dc_squeeze(up, 0), *flat = dc_flatten_op(dc_reshape(x, DC_SHAPE(1, 2, 3)));
    OPS_IS(m, DC_SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
    OPS_IS(second, DC_SHAPE(3), 3, 4, 5);
    CHECK(m->data == x->data && second->data == x->data + 3 && up->data == second->data && down->data == up->data);
    CHECK(flat->data == x->data && flat->shape.rank == 2);
    dc_write(down, (dc_real[]){ 7, 8, 9 });                    /* Writing to a view writes to them all. */
    OPS_IS(x, DC_SHAPE(6), 0, 1, 2, 7, 8, 9);
    OPS_IS(dc_first(x, 5), DC_SCALAR, 9);
    dc_tensor *copies[] = { dc_slice(x, 0, 0, DC_END), dc_expand(x, DC_SHAPE(6)), dc_permute(x, DC_AXES(0)),
                            dc_copy(x) };
    for (int i = 0; i < 4; i++) CHECK(copies[i]->data != x->data);
    CHECK(dc_detach(x)->data == x->data);
    dc_free(ctx);
}

TEST(ops_reshape)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_arange(ctx, 0, 6, 1), *none = dc_zeros(ctx, DC_SHAPE(0, 3));
    CHECK(dc_reshape(x, DC_SHAPE(-1))->shape.dim[0] == 6);
    CHECK(dc_reshape(x, DC_SHAPE(1, -1, 2))->shape.dim[1] == 3);
    OPS_IS(dc_reshape(dc_scalar(ctx, 4), DC_SHAPE(1, 1)), DC_SHAPE(1, 1), 4);
    OPS_IS(dc_reshape(dc_ones(ctx, DC_SHAPE(1, 1)), DC_SCALAR), DC_SCALAR, 1);
    OPS_IS_EMPTY(dc_reshape(none, DC_SHAPE(-1, 3)), DC_SHAPE(0, 3));
    OPS_IS_EMPTY(dc_reshape(none, DC_SHAPE(5, 0)), DC_SHAPE(5, 0));
    EXPECT_FAIL(ctx, dc_reshape(x, DC_SHAPE(4, 2)), "dc_reshape: [6] has 6 elements and cannot become [4, 2]");
    EXPECT_FAIL(ctx, dc_reshape(x, DC_SHAPE(4, -1)), "cannot become [4, -1]");
    EXPECT_FAIL(ctx, dc_reshape(x, DC_SHAPE(-1, -1)), "dc_reshape: [-1, -1]: one size may be -1");
    EXPECT_FAIL(ctx, dc_reshape(x, DC_SHAPE(-2, -3)), "dc_reshape: [-2, -3]: one size may be -1");
    EXPECT_FAIL(ctx, dc_reshape(none, DC_SHAPE(0, -1)), "cannot become [0, -1]");
    OPS_IS(dc_flatten_op(dc_reshape(x, DC_SHAPE(2, 3, 1))), DC_SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
    OPS_IS(dc_flatten_op(x), DC_SHAPE(6, 1), 0, 1, 2, 3, 4, 5);
    EXPECT_FAIL(ctx, dc_flatten_op(dc_scalar(ctx, 1)), "dc_flatten_op: a scalar has no batch axis");
    dc_free(ctx);
}

TEST(ops_axes)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_reshape(dc_arange(ctx, 0, 6, 1), DC_SHAPE(2, 1, 3));
    OPS_IS(dc_squeeze(x, 1), DC_SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
    OPS_IS(dc_squeeze(x, -2), DC_SHAPE(2, 3), 0, 1, 2, 3, 4, 5);
    CHECK(dc_unsqueeze(x, 3)->shape.dim[3] == 1 && dc_unsqueeze(x, -1)->shape.dim[3] == 1);
    CHECK(dc_unsqueeze(x, -4)->shape.dim[0] == 1 && dc_unsqueeze(x, -4)->shape.dim[1] == 2);
    OPS_IS(dc_permute(x, DC_AXES(2, 0, 1)), DC_SHAPE(3, 2, 1), 0, 3, 1, 4, 2, 5);
    OPS_IS(dc_permute(x, DC_AXES(-1, 1, 0)), DC_SHAPE(3, 1, 2), 0, 3, 1, 4, 2, 5);
    OPS_IS(dc_transpose(dc_squeeze(x, 1)), DC_SHAPE(3, 2), 0, 3, 1, 4, 2, 5);
    OPS_IS(dc_permute(dc_scalar(ctx, 2), (dc_axes){ 0, { 0 } }), DC_SCALAR, 2);
    OPS_IS(dc_expand(OPS_FROM(1, 2), DC_SHAPE(2, 2)), DC_SHAPE(2, 2), 1, 2, 1, 2);
    OPS_IS(dc_expand(OPS_MATRIX(2, 1, 2), DC_SHAPE(2, 2)), DC_SHAPE(2, 2), 1, 1, 2, 2);
    OPS_IS_EMPTY(dc_expand(dc_scalar(ctx, 1), DC_SHAPE(0, 2)), DC_SHAPE(0, 2));
    EXPECT_FAIL(ctx, dc_squeeze(x, 0), "dc_squeeze: axis 0 of [2, 1, 3] has size 2; only an axis of size 1");
    EXPECT_FAIL(ctx, dc_squeeze(x, 3), "dc_squeeze: axis 3 of a tensor of shape [2, 1, 3]; axes go from -3 to 2");
    EXPECT_FAIL(ctx, dc_unsqueeze(x, 4), "dc_unsqueeze: axis 4 of a tensor of shape [2, 1, 3]; axes go from -4 to 3");
    EXPECT_FAIL(ctx, dc_permute(x, DC_AXES(0, 1)), "dc_permute: 2 axes named for a tensor of shape [2, 1, 3]");
    EXPECT_FAIL(ctx, dc_permute(x, DC_AXES(0, 1, -2)), "dc_permute: axis 1 is named twice");
    EXPECT_FAIL(ctx, dc_permute(x, DC_AXES(0, 1, 3)), "dc_permute: axis 3 of a tensor of shape [2, 1, 3]");
    EXPECT_FAIL(ctx, dc_transpose(OPS_FROM(1, 2)), "dc_transpose: needs two axes, and [2] has 1");
    EXPECT_FAIL(ctx, dc_expand(x, DC_SHAPE(2, 3)), "dc_expand: [2, 1, 3] cannot become [2, 3]");
    EXPECT_FAIL(ctx, dc_expand(x, DC_SHAPE(4, 1, 3)), "only sizes of 1 can grow");
    EXPECT_FAIL(ctx, dc_expand(x, DC_SHAPE(2, -1, 3)), "[2, -1, 3]");
    dc_free(ctx);
}

TEST(ops_slices)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_reshape(dc_arange(ctx, 0, 8, 1), DC_SHAPE(2, 4)), *part[2];
    OPS_IS(dc_slice(x, 1, 1, 3), DC_SHAPE(2, 2), 1, 2, 5, 6);
    OPS_IS(dc_slice(x, -1, 2, DC_END), DC_SHAPE(2, 2), 2, 3, 6, 7);
    OPS_IS(dc_slice(x, 1, -1, DC_END), DC_SHAPE(2, 1), 3, 7);
    OPS_IS(dc_slice(x, 1, -3, -1), DC_SHAPE(2, 2), 1, 2, 5, 6);
    OPS_IS(dc_slice(x, 0, 1, 2), DC_SHAPE(1, 4), 4, 5, 6, 7);
    OPS_IS(dc_slice(x, 0, 0, DC_END), DC_SHAPE(2, 4), 0, 1, 2, 3, 4, 5, 6, 7);
    OPS_IS_EMPTY(dc_slice(x, 1, 4, DC_END), DC_SHAPE(2, 0));
    OPS_IS_EMPTY(dc_slice(x, 0, 1, 1), DC_SHAPE(0, 4));
    OPS_IS(dc_first(x, 1), DC_SHAPE(4), 4, 5, 6, 7);
    EXPECT_FAIL(ctx, dc_slice(x, 1, 1, 5), "dc_slice: [1, 5) of axis 1, which has size 4 (shape [2, 4])");
    EXPECT_FAIL(ctx, dc_slice(x, 1, 3, 1), "dc_slice: [3, 1)");
    EXPECT_FAIL(ctx, dc_slice(x, 1, -5, 4), "dc_slice: [-5, 4)");
    EXPECT_FAIL(ctx, dc_slice(x, 2, 0, 1), "dc_slice: axis 2 of a tensor of shape [2, 4]");
    EXPECT_FAIL(ctx, dc_slice(dc_scalar(ctx, 1), 0, 0, 1), "dc_slice: axis 0 of a tensor of shape []");
    EXPECT_FAIL(ctx, dc_first(x, 2), "dc_first: there is no [2] in a tensor of shape [2, 4]");
    EXPECT_FAIL(ctx, dc_first(x, -1), "dc_first: there is no [-1]");
    EXPECT_FAIL(ctx, dc_first(dc_scalar(ctx, 1), 0), "dc_first: there is no [0] in a tensor of shape []");
    dc_split(x, 1, 2, part);
    OPS_IS(part[0], DC_SHAPE(2, 2), 0, 1, 4, 5);
    OPS_IS(part[1], DC_SHAPE(2, 2), 2, 3, 6, 7);
    EXPECT_FAIL(ctx, (dc_split(x, 1, 3, part), 0), "dc_split: axis 1 of [2, 4] cannot be cut into 3 equal parts");
    EXPECT_FAIL(ctx, (dc_split(x, 1, 0, part), 0), "into 0 equal parts");
    dc_free(ctx);
}

TEST(ops_joining)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *a = OPS_MATRIX(2, 1, 2, 3, 4), *b = OPS_MATRIX(2, 5, 6), *c = OPS_FROM(7, 8);
    OPS_IS(dc_concat(DC_TENSORS(a, b), 1), DC_SHAPE(2, 3), 1, 2, 5, 3, 4, 6);
    OPS_IS(dc_concat(DC_TENSORS(a, a), 0), DC_SHAPE(4, 2), 1, 2, 3, 4, 1, 2, 3, 4);
    OPS_IS(dc_concat(DC_TENSORS(b, a, dc_zeros(ctx, DC_SHAPE(2, 0)), b), -1), DC_SHAPE(2, 4), 5, 1, 2, 5, 6, 3, 4, 6);
    OPS_IS(dc_concat(DC_TENSORS(c), 0), DC_SHAPE(2), 7, 8);
    OPS_IS(dc_stack(DC_TENSORS(c, c), 0), DC_SHAPE(2, 2), 7, 8, 7, 8);
    OPS_IS(dc_stack(DC_TENSORS(c, OPS_FROM(1, 2)), -1), DC_SHAPE(2, 2), 7, 1, 8, 2);
    OPS_IS(dc_stack(DC_TENSORS(dc_scalar(ctx, 1), dc_scalar(ctx, 2)), 0), DC_SHAPE(2), 1, 2);
    OPS_IS(dc_pad(c, 0, 1, 2, 9), DC_SHAPE(5), 9, 7, 8, 9, 9);
    OPS_IS(dc_pad(a, 1, 1, 0, 0), DC_SHAPE(2, 3), 0, 1, 2, 0, 3, 4);
    OPS_IS(dc_pad(a, -2, 0, 1, 0), DC_SHAPE(3, 2), 1, 2, 3, 4, 0, 0);
    OPS_IS(dc_pad(dc_zeros(ctx, DC_SHAPE(0)), 0, 1, 1, 3), DC_SHAPE(2), 3, 3);
    EXPECT_FAIL(ctx, dc_concat(DC_TENSORS(a, b), 0), "dc_concat: operand 2 has shape [2, 1] and operand 1 [2, 2]");
    EXPECT_FAIL(ctx, dc_concat(DC_TENSORS(a, c), 0), "all sizes but that of axis 0 must agree");
    EXPECT_FAIL(ctx, dc_concat(DC_TENSORS(a, b), 2), "dc_concat: axis 2 of a tensor of shape [2, 2]");
    EXPECT_FAIL(ctx, dc_stack(DC_TENSORS(a, b), 0), "dc_stack: operand 2 has shape [2, 1] and operand 1 [2, 2]");
    EXPECT_FAIL(ctx, dc_stack(DC_TENSORS(a, a), 3), "axis 3 of a tensor of shape [2, 2]");
    EXPECT_FAIL(ctx, dc_pad(a, 1, -1, 0, 0), "dc_pad: -1 before and 0 after axis 1");
    EXPECT_FAIL(ctx, dc_pad(a, 2, 1, 0, 0), "dc_pad: axis 2 of a tensor of shape [2, 2]");
    dc_free(ctx);
}

TEST(ops_indexing)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *table = OPS_MATRIX(3, 1, 2, 3, 4, 5, 6), *none = dc_zeros(ctx, DC_SHAPE(0));
    OPS_IS(dc_gather(table, OPS_FROM(2, 0, 2)), DC_SHAPE(3, 2), 5, 6, 1, 2, 5, 6);
    OPS_IS(dc_gather(table, dc_scalar(ctx, 1)), DC_SHAPE(2), 3, 4);
    OPS_IS(dc_gather(OPS_FROM(7, 8, 9), OPS_MATRIX(2, 0, 1, 2, 0)), DC_SHAPE(2, 2), 7, 8, 9, 7);
    OPS_IS_EMPTY(dc_gather(table, none), DC_SHAPE(0, 2));
    OPS_IS(dc_take_along(table, OPS_MATRIX(3, 0, 1, 1), 1), DC_SHAPE(3, 1), 1, 4, 6);
    OPS_IS(dc_take_along(table, OPS_MATRIX(1, 2, 0), 0), DC_SHAPE(1, 2), 5, 2);
    OPS_IS(dc_take_along(OPS_FROM(7, 8, 9), OPS_FROM(2, 2, 0, 1), -1), DC_SHAPE(4), 9, 9, 7, 8);
    OPS_IS_EMPTY(dc_take_along(table, dc_zeros(ctx, DC_SHAPE(3, 0)), 1), DC_SHAPE(3, 0));
    EXPECT_FAIL(ctx, dc_gather(table, OPS_FROM(3)),
                "dc_gather: element 0 of the index is 3; whole numbers from 0 to 2");
    EXPECT_FAIL(ctx, dc_gather(table, OPS_FROM(0, -1)), "dc_gather: element 1 of the index is -1");
    EXPECT_FAIL(ctx, dc_gather(table, OPS_FROM(0, 0.5)), "dc_gather: element 1 of the index is 0.5");
    EXPECT_FAIL(ctx, dc_gather(table, OPS_FROM((double)NAN)), "dc_gather: element 0");
    EXPECT_FAIL(ctx, dc_gather(table, OPS_FROM((double)INFINITY)), "dc_gather: element 0 of the index is inf");
    EXPECT_FAIL(ctx, dc_gather(dc_scalar(ctx, 1), OPS_FROM(0)), "dc_gather: rows [1] of a table []");
    EXPECT_FAIL(ctx, dc_take_along(table, OPS_MATRIX(3, 0, 1, 2), 1), "dc_take_along: element 2 of the index is 2");
    EXPECT_FAIL(ctx, dc_take_along(table, OPS_FROM(0, 1), 1), "dc_take_along: an index [2] for [3, 2]");
    EXPECT_FAIL(ctx, dc_take_along(table, OPS_MATRIX(2, 0, 1), 1), "all sizes but that of axis 1 must agree");
    EXPECT_FAIL(ctx, dc_take_along(table, OPS_FROM(0, 1), 2), "dc_take_along: axis 2 of a tensor of shape [3, 2]");
    dc_free(ctx);
}

/* --- reductions --- */

TEST(ops_reductions)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = OPS_MATRIX(2, 1, 2, 3, 4, 6, 5);
    OPS_IS(dc_sum(x), DC_SCALAR, 21);
    OPS_IS(dc_mean(x), DC_SCALAR, 3.5);
    OPS_IS(dc_max(x), DC_SCALAR, 6);
    OPS_IS(dc_min(x), DC_SCALAR, 1);
    OPS_IS(dc_norm(OPS_FROM(3, -4)), DC_SCALAR, 5);
    OPS_IS(dc_var(x, 0), DC_SCALAR, 2.9166667);
    OPS_IS(dc_var(x, 1), DC_SCALAR, 3.5);
    OPS_IS(dc_std(OPS_FROM(1, 3), 0), DC_SCALAR, 1);
    OPS_IS(dc_std(OPS_FROM(1, 3), 1), DC_SCALAR, 1.4142136);
    OPS_IS(dc_sum_over(x, DC_AXES(0), false), DC_SHAPE(3), 5, 8, 8);
    OPS_IS(dc_sum_over(x, DC_AXES(-1), false), DC_SHAPE(2), 6, 15);
    OPS_IS(dc_sum_over(x, DC_AXES(1), true), DC_SHAPE(2, 1), 6, 15);
    OPS_IS(dc_sum_over(x, DC_AXES(1, 0), false), DC_SCALAR, 21);
    OPS_IS(dc_sum_over(x, DC_AXES(0, -1), true), DC_SHAPE(1, 1), 21);
    OPS_IS(dc_sum_over(x, (dc_axes){ 0, { 0 } }, false), DC_SHAPE(2, 3), 1, 2, 3, 4, 6, 5);
    OPS_IS(dc_mean_over(x, DC_AXES(0), true), DC_SHAPE(1, 3), 2.5, 4, 4);
    OPS_IS(dc_max_over(x, DC_AXES(1), false), DC_SHAPE(2), 3, 6);
    OPS_IS(dc_min_over(x, DC_AXES(0), false), DC_SHAPE(3), 1, 2, 3);
    OPS_IS(dc_norm_over(OPS_MATRIX(2, 3, 4, 6, 8), DC_AXES(1), true), DC_SHAPE(2, 1), 5, 10);
    OPS_IS(dc_var_over(x, DC_AXES(1), false, 1), DC_SHAPE(2), 1, 1);
    OPS_IS(dc_std_over(OPS_MATRIX(2, 1, 3, 5, 5), DC_AXES(1), true, 0), DC_SHAPE(2, 1), 1, 0);
    OPS_IS(dc_argmax(x, 1), DC_SHAPE(2), 2, 1);
    OPS_IS(dc_argmax(x, 0), DC_SHAPE(3), 1, 1, 1);
    OPS_IS(dc_argmin(x, -1), DC_SHAPE(2), 0, 0);
    OPS_IS(dc_argmax(OPS_FROM(1, 5, 5, 2), 0), DC_SCALAR, 1);      /* The first of equals. */
    OPS_IS(dc_argmin(OPS_FROM(3, 2, 2), 0), DC_SCALAR, 1);
    OPS_IS(dc_sum(dc_scalar(ctx, 4)), DC_SCALAR, 4);
    dc_tensor *y = dc_reshape(dc_arange(ctx, 0, 12, 1), DC_SHAPE(2, 2, 3));
    OPS_IS(dc_sum_over(y, DC_AXES(0, 2), false), DC_SHAPE(2), 24, 42);
    OPS_IS(dc_max_over(y, DC_AXES(2, 0), true), DC_SHAPE(1, 2, 1), 8, 11);
    dc_free(ctx);
}

TEST(ops_reductions_of_nothing)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *none = dc_zeros(ctx, DC_SHAPE(0, 3)), *thin = dc_zeros(ctx, DC_SHAPE(2, 0));
    OPS_IS(dc_sum(none), DC_SCALAR, 0);
    OPS_IS(dc_norm(none), DC_SCALAR, 0);
    OPS_IS(dc_sum_over(none, DC_AXES(0), false), DC_SHAPE(3), 0, 0, 0);
    OPS_IS_EMPTY(dc_sum_over(none, DC_AXES(1), false), DC_SHAPE(0));
    OPS_IS_EMPTY(dc_mean_over(none, DC_AXES(1), false), DC_SHAPE(0));
    OPS_IS_EMPTY(dc_max_over(none, DC_AXES(1), true), DC_SHAPE(0, 1));
    OPS_IS_EMPTY(dc_argmax(none, 1), DC_SHAPE(0));
    OPS_IS_EMPTY(dc_relu(none), DC_SHAPE(0, 3));
    OPS_IS_EMPTY(dc_softmax(none), DC_SHAPE(0, 3));
    OPS_IS_EMPTY(dc_logsumexp(none), DC_SHAPE(0));
    OPS_IS_EMPTY(dc_transpose(none), DC_SHAPE(3, 0));
    EXPECT_FAIL(ctx, dc_mean(none), "dc_mean: of no elements at all (shape [0, 3])");
    EXPECT_FAIL(ctx, dc_max(none), "dc_max: of no elements at all (shape [0, 3])");
    EXPECT_FAIL(ctx, dc_min_over(thin, DC_AXES(1), false), "dc_min: of no elements at all (shape [2, 0])");
    EXPECT_FAIL(ctx, dc_argmax(thin, 1), "dc_argmax: of no elements at all (shape [2, 0])");
    EXPECT_FAIL(ctx, dc_argmin(thin, 1), "of no elements at all (shape [2, 0])");
    EXPECT_FAIL(ctx, dc_var(OPS_FROM(1), 1), "dc_var: of 1 elements with correction 1");
    EXPECT_FAIL(ctx, dc_std(none, 0), "of 0 elements with correction 0");
    EXPECT_FAIL(ctx, dc_softmax(thin), "dc_softmax: works on the last axis, which [2, 0] does not have");
    EXPECT_FAIL(ctx, dc_log_softmax(dc_scalar(ctx, 1)),
                "dc_log_softmax: works on the last axis, which [] does not have");
    EXPECT_FAIL(ctx, dc_logsumexp(dc_scalar(ctx, 1)), "dc_logsumexp: works on the last axis");
    dc_free(ctx);
}

TEST(ops_reduction_errors)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(2, 3));
    EXPECT_FAIL(ctx, dc_sum_over(x, DC_AXES(2), false),
                "dc_sum: axis 2 of a tensor of shape [2, 3]; axes go from -2 to 1");
    EXPECT_FAIL(ctx, dc_mean_over(x, DC_AXES(-3), false), "dc_mean: axis -3");
    EXPECT_FAIL(ctx, dc_max_over(x, DC_AXES(0, 0), false), "dc_max: axis 0 is named twice");
    EXPECT_FAIL(ctx, dc_min_over(x, DC_AXES(1, -1), false), "dc_min: axis 1 is named twice");
    EXPECT_FAIL(ctx, dc_norm_over(x, DC_AXES(2), false), "dc_norm: axis 2");
    EXPECT_FAIL(ctx, dc_var_over(x, DC_AXES(2), false, 0), "dc_var: axis 2");
    EXPECT_FAIL(ctx, dc_std_over(x, DC_AXES(2), false, 0), "axis 2");
    EXPECT_FAIL(ctx, dc_argmax(x, 2), "dc_argmax: axis 2");
    EXPECT_FAIL(ctx, dc_argmin(x, -3), "axis -3");
    EXPECT_FAIL(ctx, dc_sum_over(x, DC_AXES(0, 1, 0, 1, 0, 1, 0), false), "dc_sum: 7 axes named, at most 6 exist");
    dc_free(ctx);
}

/* --- products --- */

TEST(ops_products)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *a = OPS_MATRIX(2, 1, 2, 3, 4), *b = OPS_MATRIX(2, 5, 6, 7, 8), *v = OPS_FROM(1, 10);
    OPS_IS(dc_matmul(a, b), DC_SHAPE(2, 2), 19, 22, 43, 50);
    OPS_IS(dc_matmul_with(a, true, b, false), DC_SHAPE(2, 2), 26, 30, 38, 44);
    OPS_IS(dc_matmul_with(a, false, b, true), DC_SHAPE(2, 2), 17, 23, 39, 53);
    OPS_IS(dc_matmul_with(a, true, b, true), DC_SHAPE(2, 2), 23, 31, 34, 46);
    OPS_IS(dc_matmul(a, v), DC_SHAPE(2), 21, 43);
    OPS_IS(dc_matmul(v, a), DC_SHAPE(2), 31, 42);
    OPS_IS(dc_matmul(v, v), DC_SCALAR, 101);
    dc_tensor *batch = dc_stack(DC_TENSORS(a, b), 0);
    OPS_IS(dc_matmul(batch, dc_eye(ctx, 2)), DC_SHAPE(2, 2, 2), 1, 2, 3, 4, 5, 6, 7, 8);
    OPS_IS(dc_matmul(a, batch), DC_SHAPE(2, 2, 2), 7, 10, 15, 22, 19, 22, 43, 50);
    OPS_IS(dc_matmul(batch, v), DC_SHAPE(2, 2), 21, 43, 65, 87);
    OPS_IS(dc_linear(a, b, v), DC_SHAPE(2, 2), 20, 32, 44, 60);
    OPS_IS(dc_linear(a, b, NULL), DC_SHAPE(2, 2), 19, 22, 43, 50);
    OPS_IS(dc_linear(v, b, v), DC_SHAPE(2), 76, 96);
    OPS_IS(dc_matmul(dc_zeros(ctx, DC_SHAPE(2, 0)), dc_zeros(ctx, DC_SHAPE(0, 2))), DC_SHAPE(2, 2), 0, 0, 0, 0);
    OPS_IS_EMPTY(dc_matmul(dc_zeros(ctx, DC_SHAPE(0, 2)), a), DC_SHAPE(0, 2));
    OPS_IS_EMPTY(dc_matmul(dc_zeros(ctx, DC_SHAPE(0, 2, 2)), a), DC_SHAPE(0, 2, 2));
    dc_tensor *tall = dc_ones(ctx, DC_SHAPE(3, 1000));          /* Several chunks of k. */
    OPS_IS(dc_matmul(tall, dc_full(ctx, DC_SHAPE(1000, 1), 2)), DC_SHAPE(3, 1), 2000, 2000, 2000);
    dc_free(ctx);
}

TEST(ops_product_errors)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *a = dc_ones(ctx, DC_SHAPE(32, 784)), *b = dc_ones(ctx, DC_SHAPE(785, 10)), *v = OPS_FROM(1, 2, 3);
    EXPECT_FAIL(ctx, dc_matmul(a, b),
                "dc_matmul: cannot multiply [32, 784] by [785, 10]; the inner sizes must agree (784 and 785)");
    EXPECT_FAIL(ctx, dc_matmul_with(a, true, b, false),
                "[32, 784] transposed by [785, 10]; the inner sizes must agree (32");
    EXPECT_FAIL(ctx, dc_matmul_with(a, false, b, true),
                "[785, 10] transposed; the inner sizes must agree (784 and 10)");
    EXPECT_FAIL(ctx, dc_matmul(dc_ones(ctx, DC_SHAPE(2, 2, 2)), dc_ones(ctx, DC_SHAPE(3, 2, 2))),
                "dc_matmul: cannot broadcast");
    EXPECT_FAIL(ctx, dc_matmul(dc_scalar(ctx, 1), v), "dc_matmul: [] by [3]");
    EXPECT_FAIL(ctx, dc_matmul_with(v, true, v, false),
                "dc_matmul: [3] by [3]: matrices (or vectors, not transposed)");
    EXPECT_FAIL(ctx, dc_linear(a, b, NULL), "dc_linear: cannot multiply [32, 784] by [785, 10]");
    EXPECT_FAIL(ctx, dc_linear(a, dc_ones(ctx, DC_SHAPE(784, 10)), v),
                "dc_linear: the bias should be [10], not [3], for a result [32, 10]");
    dc_free(ctx);
}

/* --- softmax, normalisation, dropout --- */

TEST(ops_softmax_values)
{
    dc_context *ctx = dc_new(1);
    const double inf = (double)INFINITY, nan = (double)NAN;
    OPS_IS(dc_softmax(OPS_MATRIX(2, 0, 0, 1.0986123, 0)), DC_SHAPE(2, 2), 0.5, 0.5, 0.75, 0.25);
    OPS_IS(dc_log_softmax(OPS_FROM(0, 0)), DC_SHAPE(2), -0.6931472, -0.6931472);
    OPS_IS(dc_logsumexp(OPS_MATRIX(2, 0, 0, 1000, 1000)), DC_SHAPE(2), 0.6931472, 1000.6931472);
    OPS_IS(dc_softmax(OPS_FROM(10000, -10000)), DC_SHAPE(2), 1, 0);
    OPS_IS(dc_log_softmax(OPS_FROM(10000, -10000)), DC_SHAPE(2), 0, -20000);
    OPS_IS(dc_softmax(OPS_FROM(-inf, 0)), DC_SHAPE(2), 0, 1);
    OPS_IS(dc_log_softmax(OPS_FROM(-inf, 0)), DC_SHAPE(2), -inf, 0);
    OPS_IS(dc_logsumexp(OPS_FROM(-inf, 2)), DC_SCALAR, 2);
    OPS_IS(dc_logsumexp(OPS_FROM(-inf, -inf)), DC_SCALAR, -inf);
    OPS_IS(dc_logsumexp(OPS_FROM(inf, 0)), DC_SCALAR, inf);
    OPS_IS(dc_logsumexp(OPS_FROM(inf, inf)), DC_SCALAR, inf);
    OPS_IS(dc_logsumexp(OPS_FROM(nan, 0)), DC_SCALAR, nan);
    OPS_IS(dc_softmax(OPS_FROM(nan, 0)), DC_SHAPE(2), nan, nan);
    OPS_IS(dc_softmax(OPS_FROM(5)), DC_SHAPE(1), 1);
    dc_tensor *masked = dc_require_grad(OPS_FROM(-inf, 0, 0));      /* As attention masks do. */
    dc_backward(dc_add(dc_logsumexp(masked), dc_first(dc_softmax(masked), 1)));
    OPS_IS(dc_grad(masked), DC_SHAPE(3), 0, 0.75, 0.25);
    dc_free(ctx);
}

TEST(ops_normalisation)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = OPS_MATRIX(2, 1, 3, 10, 30), *gain = OPS_FROM(1, 2), *bias = OPS_FROM(0, 5);
    OPS_IS(dc_layer_norm_op(x, NULL, NULL, 0), DC_SHAPE(2, 2), -1, 1, -1, 1);
    OPS_IS(dc_layer_norm_op(x, gain, bias, 0), DC_SHAPE(2, 2), -1, 7, -1, 7);
    dc_tensor *mean = OPS_FROM(1, 1), *var = OPS_FROM(4, 4), *y = OPS_MATRIX(2, 1, 2, 3, 6);
    OPS_IS(dc_batch_norm_op(y, NULL, NULL, mean, var, DC__C(0.5), 0), DC_SHAPE(2, 2), 0, 0.5, 1, 2.5);
    OPS_IS(mean, DC_SHAPE(2), 1, 1);                                /* Inference learns nothing. */
    dc_set_training(ctx, true);
    OPS_IS(dc_batch_norm_op(y, gain, bias, mean, var, DC__C(0.5), 0), DC_SHAPE(2, 2), -1, 3, 1, 7);
    OPS_IS(mean, DC_SHAPE(2), 1.5, 2.5);
    OPS_IS(var, DC_SHAPE(2), 3, 6);                                 /* (4 + 2) / 2, (4 + 8) / 2: Bessel's. */
    EXPECT_FAIL(ctx, dc_batch_norm_op(dc_ones(ctx, DC_SHAPE(1, 2)), NULL, NULL, mean, var, DC__C(0.5), 0),
                "dc_batch_norm_op: a batch of one sample ([1, 2]) has no variance");
    EXPECT_FAIL(ctx, dc_batch_norm_op(dc_ones(ctx, DC_SHAPE(4, 3)), NULL, NULL, mean, var, DC__C(0.5), 0),
                "dc_batch_norm_op: x [4, 3] has 3 features, the running statistics [2] and [2]");
    EXPECT_FAIL(ctx, dc_layer_norm_op(x, OPS_FROM(1, 2, 3), NULL, 0),
                "the gain should be [2], not [3], for a result [2, 2]");
    EXPECT_FAIL(ctx, dc_layer_norm_op(dc_scalar(ctx, 1), NULL, NULL, 0), "works on the last axis");
    dc_free(ctx);
}

TEST(ops_dropout_values)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(1000));
    CHECK(dc_dropout_op(x, DC__C(0.5)) == x);                      /* Inference. */
    dc_set_training(ctx, true);
    CHECK(dc_dropout_op(x, 0) == x);
    dc_tensor *y = dc_dropout_op(x, DC__C(0.75));
    int kept = 0;
    for (int i = 0; i < 1000; i++) {
        CHECK(y->data[i] == 0 || y->data[i] == 4);
        kept += y->data[i] == 4;
    }
    CHECK(kept > 200 && kept < 300);
    EXPECT_FAIL(ctx, dc_dropout_op(x, 1), "a rate of 1; it must be in [0, 1)");
    EXPECT_FAIL(ctx, dc_dropout_op(x, DC__C(-0.5)), "a rate of -0.5; it must be in [0, 1)");
    EXPECT_FAIL(ctx, dc_dropout_op(x, (dc_real)NAN), "it must be in [0, 1)");
    dc_free(ctx);
}

/* --- special values --- */

TEST(ops_nan_passes_through)
{
    dc_context *ctx = dc_new(1);
    dc_real nan = (dc_real)NAN;
    dc_tensor *x = dc_full(ctx, DC_SHAPE(20), nan), *one = dc_ones(ctx, DC_SHAPE(20));
    dc_tensor *some = OPS_MATRIX(2, 1, (double)NAN, 2, 4, 3, 5);
#define OPS_KEEPS_NAN(NAME, ...) { \
        dc_tensor *y = every_op_named(#NAME)->call(&x, (const double[]){ 0.5, 2 }); \
        for (int i = 0; i < 20; i++) check__that(isnan(y->data[i]), __FILE__, __LINE__, "dc_" #NAME " of NaN"); \
    }
    DC_UNARY_OPS(OPS_KEEPS_NAN)
    DC_UNARY_OPS_WITH(OPS_KEEPS_NAN)
    static const char *const binary[] = { "add", "sub", "mul", "div", "maximum", "minimum" };
    for (int i = 0; i < 6; i++) {
        dc_tensor *left[2] = { x, one }, *right[2] = { one, x };
        CHECK(isnan(every_op_named(binary[i])->call(left, NULL)->data[19]));
        CHECK(isnan(every_op_named(binary[i])->call(right, NULL)->data[19]));
    }
    OPS_IS(dc_max(some), DC_SCALAR, (double)NAN);
    OPS_IS(dc_min(some), DC_SCALAR, (double)NAN);
    OPS_IS(dc_max_over(some, DC_AXES(1), false), DC_SHAPE(2), (double)NAN, 5);
    OPS_IS(dc_min_over(some, DC_AXES(0), false), DC_SHAPE(3), 1, (double)NAN, 2);
    OPS_IS(dc_argmax(some, 1), DC_SHAPE(2), 1, 2);                  /* As NumPy: a NaN is the largest, */
    OPS_IS(dc_argmin(some, 1), DC_SHAPE(2), 1, 1);                  /* and the smallest. */
    OPS_IS(dc_equal(x, x), DC_SHAPE(20), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    CHECK(dc_not_equal(x, x)->data[0] == 1 && dc_less(x, one)->data[0] == 0);
    CHECK(dc_greater_equal(x, one)->data[0] == 0);
    CHECK(isnan(dc_item(dc_sum(some))) && isnan(dc_item(dc_mean(some))));
    CHECK(isnan(dc_item(dc_var(some, 0))) && isnan(dc_item(dc_norm(some))));
    dc_free(ctx);
}

TEST(ops_infinities)
{
    dc_context *ctx = dc_new(1);
    const double inf = (double)INFINITY, nan = (double)NAN;
    dc_tensor *x = OPS_FROM(inf, -inf);
    OPS_IS(dc_exp(x), DC_SHAPE(2), inf, 0);
    OPS_IS(dc_tanh(x), DC_SHAPE(2), 1, -1);
    OPS_IS(dc_sigmoid(x), DC_SHAPE(2), 1, 0);
    OPS_IS(dc_erf(x), DC_SHAPE(2), 1, -1);
    OPS_IS(dc_relu(x), DC_SHAPE(2), inf, 0);
    OPS_IS(dc_softplus(x), DC_SHAPE(2), inf, 0);
    OPS_IS(dc_clip(x, -1, 1), DC_SHAPE(2), 1, -1);
    OPS_IS(dc_sign(x), DC_SHAPE(2), 1, -1);
    OPS_IS(dc_log(OPS_FROM(0, inf, -1)), DC_SHAPE(3), -inf, inf, nan);
    OPS_IS(dc_log1p(OPS_FROM(-1, inf, -2)), DC_SHAPE(3), -inf, inf, nan);
    OPS_IS(dc_sqrt(OPS_FROM(inf, -1)), DC_SHAPE(2), inf, nan);
    OPS_IS(dc_reciprocal(OPS_FROM(0, inf)), DC_SHAPE(2), inf, 0);
    OPS_IS(dc_sin(x), DC_SHAPE(2), nan, nan);
    OPS_IS(dc_sum(x), DC_SCALAR, nan);
    OPS_IS(dc_max(x), DC_SCALAR, inf);
    OPS_IS(dc_pow(OPS_FROM(0, 0, 2, -2), OPS_FROM(0, -1, inf, 0.5)), DC_SHAPE(4), 1, inf, inf, nan);
    EXPECT_FAIL(ctx, dc_clip(x, 1, -1), "dc_clip: the lower bound 1 is above the upper bound -1");
    EXPECT_FAIL(ctx, dc_clip(x, (dc_real)NAN, 1), "dc_clip:");
    dc_free(ctx);
}

/* Slopes at places where the formula alone would give NaN or infinity. */
TEST(ops_slopes_at_awkward_places)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *zero = dc_require_grad(dc_zeros(ctx, DC_SHAPE(3)));
    dc_backward(dc_add(dc_norm(zero), dc_std(zero, 0)));
    OPS_IS(dc_grad(zero), DC_SHAPE(3), 0, 0, 0);
    dc_tensor *base = dc_require_grad(OPS_FROM(0, 0)), *exponent = dc_require_grad(OPS_FROM(2, 0));
    dc_backward(dc_sum(dc_pow(base, exponent)));
    OPS_IS(dc_grad(base), DC_SHAPE(2), 0, 0);
    OPS_IS(dc_grad(exponent), DC_SHAPE(2), 0, 0);
    dc_tensor *kink = dc_require_grad(OPS_FROM(0, 0));
    dc_backward(dc_sum(dc_add(dc_relu(kink), dc_abs(kink))));
    OPS_IS(dc_grad(kink), DC_SHAPE(2), 0, 0);
    dc_tensor *p = dc_require_grad(OPS_FROM(0, 1, 0, 1));           /* Clamped as PyTorch does. */
    dc_backward(dc_scale(dc_bce(p, OPS_FROM(0, 1, 1, 0)), 4));
    OPS_IS(dc_grad(p), DC_SHAPE(4), 0, 0, -1e12, 1e12);
    dc_free(ctx);
}

/* --- losses --- */

static dc_tensor *ops_loss(dc_loss loss, dc_loss_options options, dc_tensor *y, dc_tensor *t)
{
    loss.options = options;
    return dc_loss_value(loss, y, t);
}

TEST(ops_loss_values)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *y = OPS_FROM(1, 2, 6), *t = OPS_FROM(1, 4, 3);
    OPS_IS(dc_mse(y, t), DC_SCALAR, 4.3333333);
    OPS_IS(dc_mae(y, t), DC_SCALAR, 1.6666667);
    OPS_IS(dc_huber(y, t), DC_SCALAR, 1.3333333);                   /* (0 + 1.5 + 2.5) / 3 */
    /* (ln 2 + ln 4) / 2 */
    OPS_IS(dc_bce_with_logits(OPS_FROM(0, 1.0986123), OPS_FROM(1, 0)), DC_SCALAR, 1.0397208);
    OPS_IS(dc_bce(OPS_FROM(0.5, 0.75), OPS_FROM(1, 0)), DC_SCALAR, 1.0397208);
    dc_tensor *logits = OPS_MATRIX(2, 0, 1.0986123, 0, 0), *labels = OPS_FROM(1, 0);
    OPS_IS(dc_cross_entropy(logits, labels), DC_SCALAR, 0.4904146);   /* (ln 4/3 + ln 2) / 2 */
    OPS_IS(dc_soft_cross_entropy(logits, dc_one_hot(labels, 2)), DC_SCALAR, 0.4904146);
    OPS_IS(dc_nll(dc_log_softmax(logits), labels), DC_SCALAR, 0.4904146);
    dc_loss_options sum = { .reduction = DC_SUM }, each = { .reduction = DC_NONE };
    dc_loss_options wide = { .reduction = DC_NONE, .delta = 2 };
    OPS_IS(ops_loss(DC_MSE, sum, y, t), DC_SCALAR, 13);
    OPS_IS(ops_loss(DC_MSE, each, y, t), DC_SHAPE(3), 0, 4, 9);
    OPS_IS(ops_loss(DC_MAE, each, y, t), DC_SHAPE(3), 0, 2, 3);
    OPS_IS(ops_loss(DC_HUBER, wide, y, t), DC_SHAPE(3), 0, 2, 4);
    OPS_IS(ops_loss(DC_BCE_WITH_LOGITS, each, OPS_FROM(0), OPS_FROM(1)), DC_SHAPE(1), 0.6931472);
    OPS_IS(ops_loss(DC_BCE, sum, OPS_FROM(0.5), OPS_FROM(0)), DC_SCALAR, 0.6931472);
    OPS_IS(ops_loss(DC_CROSS_ENTROPY, each, logits, labels), DC_SHAPE(2), 0.2876821, 0.6931472);
    OPS_IS(ops_loss(DC_SOFT_CROSS_ENTROPY, each, logits, dc_one_hot(labels, 2)), DC_SHAPE(2), 0.2876821, 0.6931472);
    OPS_IS(ops_loss(DC_NLL, each, OPS_MATRIX(2, -1, -2, -3, -4), OPS_FROM(1, 0)), DC_SHAPE(2), 2, 3);
    dc_loss_options weighted = { .class_weights = OPS_FROM(3, 1) };      /* (1 * 2 + 3 * 3) / (1 + 3) */
    OPS_IS(ops_loss(DC_NLL, weighted, OPS_MATRIX(2, -1, -2, -3, -4), OPS_FROM(1, 0)), DC_SCALAR, 2.75);
    dc_loss_options smooth = { .reduction = DC_NONE, .label_smoothing = DC__C(0.5) };
    OPS_IS(ops_loss(DC_CROSS_ENTROPY, smooth, OPS_MATRIX(1, 1.0986123, 0), OPS_FROM(0)), DC_SHAPE(1),
           0.75 * 0.2876821 + 0.25 * 1.3862944);
    OPS_IS(ops_loss(DC_NLL, smooth, dc_log_softmax(OPS_MATRIX(1, 1.0986123, 0)), OPS_FROM(0)), DC_SHAPE(1),
           0.75 * 0.2876821 + 0.25 * 1.3862944);
    OPS_IS(dc_mse(OPS_MATRIX(3, 1, 2, 6), t), DC_SCALAR, 4.3333333);      /* [3, 1] and [3] may meet. */
    OPS_IS(dc_cross_entropy(logits, OPS_MATRIX(2, 1, 0)), DC_SCALAR, 0.4904146);
    dc_free(ctx);
}

TEST(ops_losses_of_huge_logits_are_finite)
{
    dc_context *ctx = dc_new(1);
    const double huge[] = { 10000, -10000, 10000, -10000, 0, 0 }, bits[] = { 1, 0, 0, 1, 1, 0 };
    static const char *const names[] = { "mse", "mae", "huber", "bce_with_logits", "soft_cross_entropy" };
    for (int i = 0; i < 5; i++) {
        dc_tensor *y = dc_require_grad(dc_reshape(ops_from(ctx, huge, 6), DC_SHAPE(3, 2)));
        dc_tensor *x[3] = { y, dc_reshape(ops_from(ctx, bits, 6), DC_SHAPE(3, 2)), NULL };
        dc_tensor *loss = every_op_named(names[i])->call(x, NULL);
        dc_backward(loss);
        bool finite = isfinite(dc_item(loss));
        for (int k = 0; k < 6; k++) finite &= isfinite(y->grad[k]);
        check__that(finite, __FILE__, __LINE__, "dc_%s is not finite", names[i]);
    }
    dc_tensor *y = dc_require_grad(dc_reshape(ops_from(ctx, huge, 6), DC_SHAPE(2, 3)));
    dc_loss_options smooth = { .label_smoothing = DC__C(0.1) };
    dc_tensor *loss = ops_loss(DC_CROSS_ENTROPY, smooth, y, OPS_FROM(2, 2));
    dc_backward(dc_add(dc_cross_entropy(y, OPS_FROM(1, 0)), loss));
    for (int k = 0; k < 6; k++) CHECK(isfinite(y->grad[k]));
    OPS_IS(dc_cross_entropy(OPS_MATRIX(1, 10000, -10000), OPS_FROM(1)), DC_SCALAR, 20000);
    OPS_IS(dc_bce_with_logits(OPS_FROM(10000, -10000), OPS_FROM(0, 0)), DC_SCALAR, 5000);
    OPS_IS(dc_bce(OPS_FROM(0, 1), OPS_FROM(1, 0)), DC_SCALAR, 100);
    dc_free(ctx);
}

TEST(ops_loss_errors)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *y = dc_ones(ctx, DC_SHAPE(4, 3)), *t = dc_ones(ctx, DC_SHAPE(4, 1)), *labels =
        dc_ones(ctx, DC_SHAPE(4));
    static const char *const same[] = { "mse", "mae", "huber", "bce_with_logits", "bce",
                                        "soft_cross_entropy" };
    for (int i = 0; i < 6; i++) {
        char message[160];
        dc_tensor *x[3] = { y, t, NULL };
        snprintf(message, sizeof message,
                 "dc_%s: prediction [4, 3] and target [4, 1] do not fit; the target should be [4, 3]", same[i]);
        EXPECT_FAIL(ctx, every_op_named(same[i])->call(x, NULL), message);
    }
    EXPECT_FAIL(ctx, dc_mse(OPS_FROM(1, 2, 3), dc_ones(ctx, DC_SHAPE(3, 3))),
                "dc_mse: prediction [3] and target [3, 3]");
    EXPECT_FAIL(ctx, dc_cross_entropy(y, y),
                "dc_cross_entropy: prediction [4, 3] and target [4, 3] do not fit; the target should be [4]");
    EXPECT_FAIL(ctx, dc_nll(y, OPS_FROM(1, 2)),
                "dc_nll: prediction [4, 3] and target [2] do not fit; the target should be [4]");
    EXPECT_FAIL(ctx, dc_cross_entropy(y, OPS_FROM(0, 1, 2, 3)),
                "dc_cross_entropy: element 3 of the index is 3; whole numbers from 0 to 2");
    EXPECT_FAIL(ctx, dc_cross_entropy(y, OPS_FROM(0, -1, 2, 0)), "dc_cross_entropy: element 1 of the index is -1");
    EXPECT_FAIL(ctx, dc_nll(y, OPS_FROM(0, 1, 0.5, 0)), "dc_nll: element 2 of the index is 0.5");
    EXPECT_FAIL(ctx, dc_cross_entropy(dc_scalar(ctx, 1), labels),
                "dc_cross_entropy: a prediction of shape [] has no axis of classes");
    EXPECT_FAIL(ctx, dc_nll(dc_zeros(ctx, DC_SHAPE(4, 0)), labels),
                "dc_nll: a prediction of shape [4, 0] has no axis of classes");
    dc_loss_options weights = { .class_weights = OPS_FROM(1, 2) }, smooth = { .label_smoothing = 1 };
    EXPECT_FAIL(ctx, ops_loss(DC_CROSS_ENTROPY, weights, y, labels), "dc_cross_entropy: 2 class weights for 3 classes");
    EXPECT_FAIL(ctx, ops_loss(DC_CROSS_ENTROPY, smooth, y, labels),
                "dc_cross_entropy: label_smoothing 1; it must be in [0, 1)");
    EXPECT_FAIL(ctx, ops_loss(DC_SOFT_CROSS_ENTROPY, weights, y, y),
                "dc_soft_cross_entropy: 2 class weights for 3 classes");
    EXPECT_FAIL(ctx, ops_loss(DC_NLL, weights, y, labels), "dc_nll: 2 class weights for 3 classes");
    EXPECT_FAIL(ctx, dc_mse(dc_zeros(ctx, DC_SHAPE(0)), dc_zeros(ctx, DC_SHAPE(0))), "of no elements at all");
    EXPECT_FAIL(ctx, dc_loss_value(dc_loss_named("hinge"), y, y), "dc_loss_value: there is no loss 'hinge'");
    EXPECT_FAIL(ctx, dc_loss_value((dc_loss){ 0 }, y, y), "dc_loss_value: there is no loss '(null)'");
    dc_free(ctx);
}

TEST(ops_losses_by_name)
{
    static const char *const names[] = { "mse", "mae", "huber", "bce_with_logits", "bce", "cross_entropy",
                                         "soft_cross_entropy", "nll" };
    dc_loss records[] = { DC_MSE, DC_MAE, DC_HUBER, DC_BCE_WITH_LOGITS, DC_BCE, DC_CROSS_ENTROPY,
                          DC_SOFT_CROSS_ENTROPY, DC_NLL };
    for (int i = 0; i < 8; i++) CHECK(records[i].compute && !strcmp(records[i].name, names[i]));
    CHECK(!dc_loss_named("nonsense").compute);
    CHECK(DC_CROSS_ENTROPY.is_classifier && !DC_MSE.is_classifier);
}

/* --- messages --- */

/* The program's file and line stand at the head of every message, also through a chain of calls. */
TEST(ops_messages_name_the_line)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *a = dc_ones(ctx, DC_SHAPE(2, 3)), *b = dc_ones(ctx, DC_SHAPE(4));
    char place[64];
    snprintf(place, sizeof place, "test_ops.c:%d: dc_add: cannot broadcast [2, 3] with [4]", __LINE__ + 1);
    EXPECT_FAIL(ctx, dc_add(a, b), place);
    CHECK_TEXT(check__message, "aligned at the last axis, sizes must be equal or 1 (3 and 4 are not)");
    snprintf(place, sizeof place, "test_ops.c:%d: dc_matmul: ", __LINE__ + 1);
    EXPECT_FAIL(ctx, dc_linear(a, b, NULL), place);
    dc_tensor *c = dc_relu(a);
    snprintf(place, sizeof place, "test_ops.c:%d: dc_reshape: ", __LINE__ + 3);
    EXPECT_FAIL(ctx,
                dc_mul(dc_exp(c),
                       dc_reshape(c, DC_SHAPE(5))), "dc_reshape: [2, 3] has 6 elements");
    CHECK(c->file && strstr(c->file, "test_ops.c") && c->line > 0);
    dc_free(ctx);
}

TEST(ops_every_binary_op_reports_its_shapes)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x[2] = { dc_ones(ctx, DC_SHAPE(2, 3)), dc_ones(ctx, DC_SHAPE(2, 1, 4)) };
    for (int i = 0; i < OPS_BINARY; i++) {
        char message[80];
        snprintf(message, sizeof message, "dc_%s: cannot broadcast [2, 3] with [2, 1, 4]", ops_binary[i].op);
        EXPECT_FAIL(ctx, every_op_named(ops_binary[i].op)->call(x, NULL), message);
    }
    EXPECT_FAIL(ctx, dc_where(x[0], x[0], x[1]), "dc_where: cannot broadcast [2, 3] with [2, 1, 4]");
    EXPECT_FAIL(ctx, dc_where(x[1], x[0], x[0]), "dc_where: cannot broadcast [2, 1, 4] with [2, 3]");
    dc_free(ctx);
}

TEST(ops_of_two_contexts_do_not_mix)
{
    dc_context *ctx = dc_new(1), *other = dc_new(2);
    dc_tensor *a = dc_ones(ctx, DC_SHAPE(2)), *b = dc_ones(other, DC_SHAPE(2));
    EXPECT_FAIL(ctx, dc_add(a, b), "dc_add: operand 2 belongs to another context");
    EXPECT_FAIL(ctx, dc_concat(DC_TENSORS(a, b), 0), "dc_concat: operand 2 belongs to another context");
    EXPECT_FAIL(ctx, dc_mse(a, b), "belongs to another context");
    dc_free(ctx);
    dc_free(other);
}

/* What a program that has no handler gets: the sentence on stderr, and abort(). */
static void ops_dies(void (*run)(void), const char *part)
{
    int ends[2], status = 0;
    char text[512] = "";
    size_t used = 0;
    fflush(stdout);
    if (!CHECK(pipe(ends) == 0)) return;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], 2);
        run();
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t n; used + 1 < sizeof text && (n = read(ends[0], text + used, sizeof text - 1 - used)) > 0; )
        used += (size_t)n;
    close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_TEXT(text, part);
}

static void ops_returns(const char *message, void *user) { (void)message, (void)user; }
static void ops_uses_null(void) { dc_relu(NULL); }
static void ops_uses_null_second(void) { dc_add(dc_ones(dc_new(1), DC_SHAPE(2)), NULL); }
static void ops_joins_nothing(void) { dc_concat(dc_make_tensors(0, NULL), 0); }
static void ops_has_no_handler(void) { dc_item(dc_ones(dc_new(1), DC_SHAPE(2))); }
static void ops_has_a_returning_handler(void)
{
    dc_context *ctx = dc_new(1);
    dc_on_error(ctx, ops_returns, NULL);
    fprintf(stderr, "before");
    dc_item(dc_ones(ctx, DC_SHAPE(2)));
    fprintf(stderr, "after");
}

TEST(ops_without_a_handler_end_the_program)
{
    ops_dies(ops_uses_null, "dc_relu: operand 1 is NULL");
    ops_dies(ops_uses_null_second, "dc_add: operand 2 is NULL");
    ops_dies(ops_joins_nothing, "dc_concat: needs at least one operand");
    ops_dies(ops_has_no_handler, "dc_item: a tensor of one element is wanted, not [2]");
    ops_dies(ops_has_a_returning_handler, "before");
}

TEST(ops_context_options)
{
    dc_context *ctx = dc_new_with(7, &(dc_options){ .device = "reference" });
    CHECK(ctx && (getenv("DEEPC_DEVICE") || !strcmp(dc_device_name(ctx), "reference")));
    CHECK(!dc_training(ctx) && !dc_set_training(ctx, true) && dc_training(ctx) && dc_set_training(ctx, false));
    CHECK(dc_set_grad(ctx, false) && !dc_set_grad(ctx, true) && dc_set_grad(ctx, true));
    dc_free(ctx);
    if (!getenv("DEEPC_DEVICE")) CHECK(!dc_new_with(7, &(dc_options){ .device = "abacus" }));
    CHECK(!dc_new_checked(1, NULL, sizeof(dc_real) == 4 ? 8 : 4));  /* The other precision. */
    dc_free(NULL);
    ctx = dc_new(1);
    uint8_t *memory = dc_alloc(ctx, 1000);
    CHECK((uintptr_t)memory % 64 == 0 && memory[0] == 0 && memory[999] == 0);
    dc_free(ctx);
}
