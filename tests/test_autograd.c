/* test_autograd.c - gradients, lifetimes, the tape and looking at it.
 * built: float double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include "capture.h"

static bool tape_is(const dc_tensor *t, int count, const double *values)
{
    bool same = t && t->size == count;
    for (int i = 0; same && i < count; i++)
        same = fabs((double)t->data[i] - values[i]) <= 1e-6 * fmax(1, fabs(values[i]));
    return same;
}
#define TAPE_IS(TENSOR, ...) \
    CHECK(tape_is(TENSOR, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ }))

static dc_tensor *tape_param(dc_context *ctx, dc_real a, dc_real b)
{
    return dc_param_from(ctx, DC_SHAPE(2), (dc_real[]){ a, b });
}

/* --- gradients --- */

TEST(tape_gradient_of_a_chain)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 1, 2);
    CHECK(dc_grad(w) == NULL);
    dc_tensor *square = dc_square(w), *loss = dc_sum(dc_scale(square, 3));
    dc_backward(loss);
    TAPE_IS(dc_grad(w), 6, 12);
    TAPE_IS(dc_grad(square), 3, 3);                 /* What is in between has one too. */
    TAPE_IS(dc_grad(loss), 1);
    dc_free(ctx);
}

TEST(tape_gradients_accumulate)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 1, 2), *middle = dc_square(w), *loss = dc_sum(middle);
    dc_backward(loss);
    TAPE_IS(dc_grad(w), 2, 4);
    dc_backward(loss);                              /* The same loss again adds ... */
    TAPE_IS(dc_grad(w), 4, 8);
    TAPE_IS(dc_grad(middle), 1, 1);                 /* ... to leaves only. */
    dc_backward(dc_sum(dc_scale(w, 10)));           /* So does another loss. */
    TAPE_IS(dc_grad(w), 14, 18);
    dc_zero_grad(w);
    CHECK(dc_grad(w) == NULL);
    dc_backward(loss);
    TAPE_IS(dc_grad(w), 2, 4);
    dc_free(ctx);
}

TEST(tape_shared_operands)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5);
#define TAPE_GRADIENT(Y, ...) (dc_zero_grad(w), dc_backward(dc_sum(Y)), TAPE_IS(dc_grad(w), __VA_ARGS__))
    TAPE_GRADIENT(dc_mul(w, w), 6, 10);
    TAPE_GRADIENT(dc_add(w, w), 2, 2);
    TAPE_GRADIENT(dc_sub(w, w), 0, 0);
    TAPE_GRADIENT(dc_div(w, w), 0, 0);
    TAPE_GRADIENT(dc_maximum(w, w), 1, 1);          /* Half from each side. */
    TAPE_GRADIENT(dc_concat(DC_TENSORS(w, w, w, w), 0), 4, 4);
    TAPE_GRADIENT(dc_where(dc_less(w, dc_scalar(ctx, 4)), w, w), 1, 1);
    TAPE_GRADIENT(dc_matmul(dc_unsqueeze(w, 0), dc_unsqueeze(w, 1)), 6, 10);
    dc_tensor *a = dc_square(w), *b = dc_mul(a, w);                /* A diamond: w^2 w^3. */
    TAPE_GRADIENT(dc_mul(a, b), 5 * 81, 5 * 625);
    dc_tensor *view = dc_reshape(w, DC_SHAPE(2, 1));
    TAPE_GRADIENT(dc_mul(view, dc_unsqueeze(w, 1)), 6, 10);
    TAPE_GRADIENT(dc_mul(dc_first(view, 1), dc_first(view, 1)), 0, 10);
    dc_free(ctx);
}

TEST(tape_broadcast_gradients_are_summed)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5), *s = dc_param_from(ctx, DC_SCALAR, (dc_real[]){ 2 });
    dc_backward(dc_sum(dc_mul(dc_mul(dc_ones(ctx, DC_SHAPE(4, 2)), w), s)));
    TAPE_IS(dc_grad(w), 8, 8);
    TAPE_IS(dc_grad(s), 32);
    dc_free(ctx);
}

TEST(tape_detach_stops_the_gradient)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5);
    dc_backward(dc_sum(dc_mul(w, dc_detach(w))));
    TAPE_IS(dc_grad(w), 3, 5);
    CHECK(!dc_detach(dc_square(w))->needs_grad);
    EXPECT_FAIL(ctx, dc_backward(dc_sum(dc_detach(dc_square(w)))), "dc_backward: the loss depends on no parameter");
    dc_free(ctx);
}

TEST(tape_nothing_is_taped_without_gradients)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5), *x = dc_ones(ctx, DC_SHAPE(2));
    CHECK(dc_set_grad(ctx, false));
    dc_tensor *y = dc_mul(w, x);
    CHECK(!y->needs_grad && y->inputs == 0 && y->in == NULL);
    TAPE_IS(y, 3, 5);
    EXPECT_FAIL(ctx, dc_backward(dc_sum(y)), "dc_set_grad(ctx, false)");
    CHECK(!dc_set_grad(ctx, true));
    dc_backward(dc_sum(dc_mul(w, y)));              /* y is a constant now. */
    TAPE_IS(dc_grad(w), 3, 5);
    CHECK(!dc_mul(x, x)->needs_grad && dc_mul(x, x)->inputs == 0);    /* Constants are not taped either. */
    CHECK(!dc_argmax(w, 0)->needs_grad);
    dc_free(ctx);
}

TEST(tape_backward_errors)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5);
    EXPECT_FAIL(ctx, dc_backward(w), "dc_backward: the loss must be one number, not [2]; take its dc_mean or dc_sum");
    EXPECT_FAIL(ctx, dc_backward(dc_ones(ctx, DC_SHAPE(1))), "dc_backward: the loss depends on no parameter");
    EXPECT_FAIL(ctx, dc_require_grad(dc_square(w)),
                "dc_require_grad: this tensor is computed from others (dc_square)");
    dc_tensor *one = dc_param_from(ctx, DC_SHAPE(1), (dc_real[]){ 4 });
    dc_backward(one);
    TAPE_IS(dc_grad(one), 1);                       /* A parameter may be the loss itself. */
    dc_tensor *none = dc_param_from(ctx, DC_SHAPE(0), (dc_real[]){ 0 });
    dc_backward(dc_sum(dc_relu(none)));
    CHECK(dc_grad(none) && dc_grad(none)->size == 0);
    dc_free(ctx);
}

/* --- gradients of inputs: saliency maps, adversarial examples --- */

TEST(tape_gradient_of_an_input)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5), *x = dc_require_grad(dc_ones(ctx, DC_SHAPE(2)));
    CHECK(dc_require_grad(x) == x);
    dc_backward(dc_sum(dc_mul(w, x)));
    TAPE_IS(dc_grad(x), 3, 5);
    dc_free(ctx);
}

/* An input made outside the steps and asked for its gradient inside: the gradient must not lie in memory that
 * the next step uses for something else. */
TEST(tape_gradient_of_an_input_in_a_loop)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5), *x = dc_ones(ctx, DC_SHAPE(2));
    for (int step = 0; step < 3; step++) {
        dc_mark mark = dc_begin(ctx);
        for (int i = 0; i < step; i++) dc_ones(ctx, DC_SHAPE(20));
        dc_require_grad(x);
        dc_tensor *between = dc_full(ctx, DC_SHAPE(64), 7);
        dc_backward(dc_sum(dc_mul(w, x)));
        TAPE_IS(dc_grad(x), 3.0 * (step + 1), 5.0 * (step + 1));
        for (int i = 0; i < 64; i++) CHECK(between->data[i] == 7);
        dc_end(ctx, mark);
        dc_mark other = dc_begin(ctx);
        dc_full(ctx, DC_SHAPE(4096), 9);
        TAPE_IS(dc_grad(x), 3.0 * (step + 1), 5.0 * (step + 1));
        dc_end(ctx, other);
    }
    dc_free(ctx);
}

/* --- values that change under the tape --- */

TEST(tape_overwritten_operands_are_caught)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5), *x = dc_ones(ctx, DC_SHAPE(2));
    const dc_real twos[] = { 2, 2 };
    char place[80];
    dc_write(x, twos);                              /* Before it is used: no harm. */
    int line = __LINE__ + 1;
    dc_tensor *y = dc_mul(w, x), *loss = dc_sum(y);
    dc_write(dc_ones(ctx, DC_SHAPE(2)), twos);      /* Somebody else's: no harm. */
    dc_backward(loss);
    TAPE_IS(dc_grad(w), 2, 2);
    dc_write(x, twos);
    EXPECT_FAIL(ctx, dc_backward(loss), "dc_backward: an operand of dc_mul (");
    snprintf(place, sizeof place, "test_autograd.c:%d) was overwritten, by dc_write or dc_step", line);
    CHECK_TEXT(check__message, place);
    loss = dc_sum(dc_square(w));
    dc_write(dc_reshape(w, DC_SHAPE(2, 1)), twos);  /* Through a view. */
    EXPECT_FAIL(ctx, dc_backward(loss), "an operand of dc_square");
    loss = dc_sum(dc_square(w));
    dc_write(dc_detach(w), twos);
    EXPECT_FAIL(ctx, dc_backward(loss), "an operand of dc_square");
    dc_tensor *view = dc_reshape(w, DC_SHAPE(2, 1));
    loss = dc_sum(dc_square(view));
    dc_write(w, twos);                              /* Under a view. */
    EXPECT_FAIL(ctx, dc_backward(loss), "was overwritten");
    loss = dc_sum(dc_square(w));                    /* After the writing all is well again. */
    dc_zero_grad(w);
    dc_backward(loss);
    TAPE_IS(dc_grad(w), 4, 4);
    dc_optimizer *sgd = dc_optimize(ctx, dc_sgd(0.1));
    dc_step(sgd);
    EXPECT_FAIL(ctx, dc_backward(loss), "was overwritten, by dc_write or dc_step");
    dc_free(ctx);
}

/* --- lifetimes --- */

TEST(tape_gone_tensors_are_caught_and_named)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5);
    dc_real out[2];
    char place[80], named[80];
    dc_mark mark = dc_begin(ctx);
    int line = __LINE__ + 1;
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(2)), *y = dc_mul(w, x), *loss = dc_sum(y);
    dc_end(ctx, mark);
    snprintf(place, sizeof place, "is gone: its step has ended with dc_end");
    EXPECT_FAIL(ctx, dc_relu(x), place);
    CHECK_TEXT(check__message, "dc_relu: operand 1, a tensor made by the program at ");
    snprintf(named, sizeof named, "made by dc_mul at ");
    EXPECT_FAIL(ctx, dc_add(w, y), named);
    CHECK_TEXT(check__message, "dc_add: operand 2, a tensor ");
    snprintf(named, sizeof named, "test_autograd.c:%d, is gone", line);
    CHECK_TEXT(check__message, named);
    EXPECT_FAIL(ctx, dc_backward(loss), "dc_backward: operand 1, a tensor made by dc_sum");
    EXPECT_FAIL(ctx, dc_item(loss), "dc_item: ");
    EXPECT_FAIL(ctx, dc_at(x, DC_SHAPE(0)), place);
    EXPECT_FAIL(ctx, (dc_read(x, out), 0), place);
    EXPECT_FAIL(ctx, (dc_write(x, out), 0), place);
    EXPECT_FAIL(ctx, dc_grad(y), place);
    EXPECT_FAIL(ctx, (dc_zero_grad(y), 0), place);
    EXPECT_FAIL(ctx, dc_detach(x), place);
    EXPECT_FAIL(ctx, dc_copy(x), place);
    EXPECT_FAIL(ctx, dc_named(x, "x"), place);
    EXPECT_FAIL(ctx, dc_reshape(x, DC_SHAPE(2, 1)), place);
    EXPECT_FAIL(ctx, dc_slice(x, 0, 0, 1), place);
    EXPECT_FAIL(ctx, dc_sum(x), place);
    EXPECT_FAIL(ctx, dc_matmul(x, w), place);
    EXPECT_FAIL(ctx, dc_concat(DC_TENSORS(w, x), 0), place);
    EXPECT_FAIL(ctx, dc_mse(w, x), place);
    EXPECT_FAIL(ctx, dc_require_grad(x), place);
    EXPECT_FAIL(ctx, dc_gather(w, x), place);
    EXPECT_FAIL(ctx, dc_clip(x, 0, 1), place);
    EXPECT_FAIL(ctx, dc_softmax(x), place);
    EXPECT_FAIL(ctx, dc_one_hot(x, 2), place);
    dc_free(ctx);
}

TEST(tape_gone_tensors_are_caught_for_some_time)
{
    dc_context *ctx = dc_new(1);
    dc_mark mark = dc_begin(ctx);
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(2));
    dc_end(ctx, mark);
    for (int step = 0; step < 10; step++) {
        mark = dc_begin(ctx);
        for (int i = 0; i < 20; i++) dc_ones(ctx, DC_SHAPE(2));
        EXPECT_FAIL(ctx, dc_relu(x), "is gone");
        dc_end(ctx, mark);
    }
    dc_free(ctx);
}

TEST(tape_marks_nest)
{
    dc_context *ctx = dc_new(1);
    dc_mark outer = dc_begin(ctx);
    dc_tensor *a = dc_full(ctx, DC_SHAPE(100), 1);
    dc_mark inner = dc_begin(ctx);
    dc_tensor *b = dc_full(ctx, DC_SHAPE(100), 2);
    dc_end(ctx, inner);
    EXPECT_FAIL(ctx, dc_relu(b), "is gone");
    dc_tensor *c = dc_full(ctx, DC_SHAPE(100), 3);
    CHECK(a->data[99] == 1 && c->data[0] == 3 && dc_at(a, DC_SHAPE(0)) == 1);
    dc_end(ctx, outer);
    EXPECT_FAIL(ctx, dc_relu(a), "is gone");
    EXPECT_FAIL(ctx, dc_relu(c), "is gone");
    dc_free(ctx);
}

TEST(tape_marks_end_in_order)
{
    dc_context *ctx = dc_new(1);
    dc_mark outer = dc_begin(ctx), inner = dc_begin(ctx);
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(2));
    dc_end(ctx, outer);                             /* Ends what is inside as well, as after a longjmp. */
    EXPECT_FAIL(ctx, dc_relu(x), "is gone");
    EXPECT_FAIL(ctx, (dc_end(ctx, inner), 0),
                "dc_end: this mark is not open (0 are); every dc_begin needs one dc_end");
    EXPECT_FAIL(ctx, (dc_end(ctx, outer), 0), "dc_end: this mark is not open");
    EXPECT_FAIL(ctx, (dc_end(ctx, (dc_mark){ .depth = 0 }), 0), "dc_end: this mark is not open");
    dc_free(ctx);
    ctx = dc_new(1);
    dc_begin(ctx);
    dc_ones(ctx, DC_SHAPE(1000));
    dc_free(ctx);                                   /* A step left open is freed too. */
}

TEST(tape_what_outlives_a_step)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *before = dc_named(dc_ones(ctx, DC_SHAPE(2)), "before");
    dc_mark mark = dc_begin(ctx);
    dc_tensor *w = dc_param(ctx, DC_ONES, 2);       /* Permanent, wherever it is made. */
    dc_named(before, "renamed");
    dc_backward(dc_sum(dc_mul(dc_square(w), before)));
    dc_end(ctx, mark);
    mark = dc_begin(ctx);
    dc_full(ctx, DC_SHAPE(1000), 9);
    TAPE_IS(w, 1, 1);
    TAPE_IS(dc_grad(w), 2, 2);
    TAPE_IS(before, 1, 1);
    CHECK(!strcmp(before->name, "renamed"));
    dc_end(ctx, mark);
    dc_free(ctx);
}

/* Sizes of the arenas: nothing may grow once a loop has run a few times. */
static size_t tape_memory(const dc_context *ctx)
{
    size_t bytes = 0;
    for (const dc__block *b = ctx->permanent.first; b; b = b->next) bytes += b->size + b->used;
    for (const dc__block *b = ctx->step.first; b; b = b->next) bytes += b->size;
    return bytes;
}

TEST(tape_a_loop_allocates_nothing)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = dc_param(ctx, DC_GLOROT, 20, 30), *b = dc_param(ctx, DC_ZEROS, 30);
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(50, 20), 0, 1);
    dc_optimizer *adam = dc_optimize(ctx, dc_adam(0.01));
    size_t after = 0;
    for (int step = 0; step < 60; step++) {
        if (step == 40) after = tape_memory(ctx);   /* By then headers come out of quarantine. */
        dc_mark mark = dc_begin(ctx);
        dc_tensor *y = dc_named(dc_gelu(dc_linear(x, w, b)), "y");
        dc_backward(dc_mean(dc_square(dc_sub(dc_softmax(y), dc_permute(y, DC_AXES(0, 1))))));
        dc_grad(w);
        dc_step(adam);
        dc_end(ctx, mark);
    }
#ifndef DC__ASAN                                    /* There, the quarantine is larger. */
    CHECK(tape_memory(ctx) == after);
#else
    CHECK(after > 0);
#endif
    dc_free(ctx);
}

/* --- errors in the middle of a step --- */

static jmp_buf tape_escape;
static void tape_leaves(const char *message, void *user) { (void)message, (void)user; longjmp(tape_escape, 1); }

static dc_real tape_step(dc_context *ctx, dc_tensor *w, dc_optimizer *sgd, bool fails)
{
    dc_tensor *h = dc_tanh(dc_matmul(dc_ones(ctx, DC_SHAPE(3, 2)), w));
    dc_mark inner = dc_begin(ctx);
    dc_tensor *scratch = dc_normal(ctx, DC_SHAPE(5000), 0, 1);
    if (fails) dc_add(h, scratch);
    dc_end(ctx, inner);
    dc_tensor *loss = dc_mean(dc_square(h));
    dc_backward(loss);
    dc_step(sgd);
    return dc_item(loss);
}

TEST(tape_longjmp_out_of_a_step)
{
    dc_context *volatile contexts[2] = { dc_new(1), dc_new(1) };
    dc_real last[2] = { 0, 1 };
    for (int run = 0; run < 2; run++) {             /* The second is interrupted in every step. */
        dc_context *ctx = contexts[run];
        dc_tensor *w = dc_param(ctx, DC_ONES, 2, 4);
        dc_optimizer *sgd = dc_optimize(ctx, dc_sgd(0.1));
        dc_on_error(ctx, tape_leaves, NULL);
        for (volatile int step = 0; step < 20; step++) {
            dc_mark mark = dc_begin(ctx);
            if (run && !setjmp(tape_escape)) tape_step(ctx, w, sgd, true);
            dc_end(ctx, mark);
            mark = dc_begin(ctx);
            last[run] = tape_step(ctx, w, sgd, false);
            dc_end(ctx, mark);
        }
    }
    CHECK_BITS(last[0], last[1]);
    if (!setjmp(tape_escape)) {                     /* And a context that is left in the middle is freed whole. */
        dc_begin(contexts[1]);
        dc_begin(contexts[1]);
        dc_item(dc_ones(contexts[1], DC_SHAPE(100000)));
    }
    dc_free(contexts[0]);
    dc_free(contexts[1]);
}

/* --- an op of one's own, outside the header --- */

typedef struct tape_poly { dc_real a, b; } tape_poly;      /* y = a x^3 + b x */

static dc_shape tape_poly_shape(const dc_tensor *y)
{
    if (y->in[0]->shape.rank < 1) dc_fail(y->ctx, "my_poly: a scalar will not do; at least one axis is needed");
    return y->in[0]->shape;
}

static void tape_poly_forward(dc_tensor *y)
{
    const dc_real *x = y->in[0]->data;
    const tape_poly *p = y->state;
    for (int64_t i = 0; i < y->size; i++) y->data[i] = (p->a * x[i] * x[i] + p->b) * x[i];
}

static void tape_poly_backward(dc_tensor *y)
{
    const dc_real *x = y->in[0]->data;
    const tape_poly *p = y->state;
    dc_real *dx = dc_grad_data(y->in[0]);
    for (int64_t i = 0; i < y->size; i++) dx[i] += y->grad[i] * (3 * p->a * x[i] * x[i] + p->b);
}

static const dc_op tape_poly_op = {
    "my_poly", "dx = dy (3 a x^2 + b)", tape_poly_shape, tape_poly_forward, tape_poly_backward, false
};

static dc_tensor *my_poly(dc_tensor *x, dc_real a, dc_real b)
{
    return dc_apply(&tape_poly_op, DC_TENSORS(x), &(tape_poly){ a, b }, sizeof(tape_poly));
}

static dc_tensor *tape_poly_sum(dc_tensors in, void *user)
{
    (void)user;
    return dc_sum(dc_mul(my_poly(in.tensor[0], 2, -1), in.tensor[1]));
}

TEST(tape_an_op_of_ones_own)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 1, 2), *c = dc_uniform(ctx, DC_SHAPE(2), 1, 2);
    TAPE_IS(my_poly(w, 2, -1), 1, 14);
    dc_backward(dc_sum(my_poly(w, 2, -1)));
    TAPE_IS(dc_grad(w), 5, 23);
    CHECK(dc_gradcheck(ctx, tape_poly_sum, DC_TENSORS(w, c), NULL) < (sizeof(dc_real) == 8 ? 1e-6 : 1e-2));
    EXPECT_FAIL(ctx, my_poly(dc_scalar(ctx, 1), 2, -1), "my_poly: a scalar will not do");
    CHECK_TEXT(check__message, "test_autograd.c:");
    dc_free(ctx);
}

/* --- dc_gradcheck --- */

static void tape_wrong_backward(dc_tensor *y)       /* Forgets the factor 3. */
{
    const dc_real *x = y->in[0]->data, *user = y->state;
    dc_real *dx = dc_grad_data(y->in[0]);
    for (int64_t i = 0; i < y->size; i++) dx[i] += y->grad[i] * (i ? 3 * x[i] * x[i] : user[0]);
}

static const dc_op tape_wrong_op = { "wrong", "", tape_poly_shape, tape_poly_forward, tape_wrong_backward, false };

static dc_tensor *tape_wrong_sum(dc_tensors in, void *user)
{
    tape_poly p = { 1, 0 };
    dc_real slope = *(dc_real *)user;
    dc_tensor *y = dc_apply(&tape_wrong_op, in, &p, sizeof p);
    memcpy(y->state, &slope, sizeof slope);         /* What backward says of element 0. */
    return dc_sum(y);
}

TEST(tape_gradcheck_finds_a_wrong_gradient)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_from(ctx, DC_SHAPE(3), (dc_real[]){ 1, 2, 3 });
    const double small = sizeof(dc_real) == 8 ? 1e-6 : 1e-2;
    dc_real right = 3, wrong = DC__C(3.5), nan = (dc_real)NAN;
    CHECK(dc_gradcheck(ctx, tape_wrong_sum, DC_TENSORS(x), &right) < small);
    CHECK_NEAR(dc_gradcheck(ctx, tape_wrong_sum, DC_TENSORS(x), &wrong), 0.5 / 3.5, small);
    CHECK(!(dc_gradcheck(ctx, tape_wrong_sum, DC_TENSORS(x), &nan) < 1));       /* In the first of three. */
    TAPE_IS(x, 1, 2, 3);                            /* Values are as before, and no gradient is left behind. */
    CHECK(dc_grad(x) == NULL);
    dc_free(ctx);
}

/* The gradient of an outer step's tensor lives as long as the tensor, wherever backward ran. */
TEST(tape_gradients_of_outer_tensors_stay)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5);
    dc_mark outer = dc_begin(ctx);
    dc_tensor *y = dc_square(w), *loss = dc_sum(y);
    for (int pass = 0; pass < 3; pass++) {
        dc_mark inner = dc_begin(ctx);
        dc_backward(loss);
        dc_end(ctx, inner);
        dc_full(ctx, DC_SHAPE(1000), 7);                 /* Would overwrite what ended with the inner step. */
        TAPE_IS(dc_grad(y), 1, 1);
    }
    TAPE_IS(dc_grad(w), 18, 30);
    dc_end(ctx, outer);
    dc_free(ctx);
}

TEST(tape_mark_restores_training_after_an_error)
{
    dc_context *ctx = dc_new(1);
    dc_mark mark = dc_begin(ctx);
    EXPECT_FAIL(ctx, dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(3, DC_RELU), dc_reshape_layer(DC_SHAPE(7)))),
                "dc_reshape");
    dc_end(ctx, mark);
    CHECK(dc_set_grad(ctx, true) && !dc_training(ctx));
    dc_free(ctx);
}

TEST(tape_frozen_after_forward)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5), *v = tape_param(ctx, 1, 2);
    dc_tensor *loss = dc_sum(dc_mul(dc_tanh(w), v));
    w->needs_grad = false;
    dc_backward(loss);
    CHECK(!dc_grad(w) && dc_grad(v));
    dc_free(ctx);
}

TEST(tape_optimizer_refuses_what_will_be_gone)
{
    dc_context *ctx = dc_new(1);
    dc_mark mark = dc_begin(ctx);
    dc_tensor *x = dc_require_grad(dc_ones(ctx, DC_SHAPE(2)));
    EXPECT_FAIL(ctx, dc_optimize_these(ctx, dc_sgd(0.1), DC_TENSORS(x)), "lives between dc_begin and dc_end");
    dc_end(ctx, mark);
    dc_free(ctx);
}

/* After a large block the next one is of a usual size again. */
TEST(memory_blocks_stop_doubling)
{
    dc_context *ctx = dc_new(1);
    dc_zeros(ctx, DC_SHAPE(40 << 20));
    dc_scalar(ctx, 1);
    CHECK(ctx->permanent.current->size <= DC__LARGE_BLOCK);
    dc_free(ctx);
}

/* A step of the optimiser counts for every view of the parameter's storage. */
TEST(tape_step_through_an_alias_is_noticed)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = tape_param(ctx, 3, 5), *alias = dc_require_grad(dc_detach(w));
    dc_optimizer *o = dc_optimize_these(ctx, dc_sgd(0.1), DC_TENSORS(alias));
    dc_backward(dc_sum(dc_square(alias)));
    dc_tensor *loss = dc_sum(dc_square(w));
    dc_step(o);
    EXPECT_FAIL(ctx, dc_backward(loss), "was overwritten");
    dc_free(ctx);
}

TEST(tape_empty_batch_goes_through_flatten)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *flat = dc_flatten_op(dc_zeros(ctx, DC_SHAPE(0, 2, 3)));
    CHECK(flat->shape.rank == 2 && flat->shape.dim[0] == 0 && flat->shape.dim[1] == 6);
    dc_free(ctx);
}

static dc_tensor *tape_calls_an_op(dc_model *model, dc_tensor *x, void *user)
{
    (void)model, (void)user;
    return dc_relu(x);
}

/* After a model's function, messages name the program's line again, not the function's last op. */
TEST(tape_place_after_a_model_function)
{
    dc_context *ctx = dc_new(1);
    dc_model *model = dc_functional(ctx, DC_SHAPE(2), tape_calls_an_op, NULL);
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(1, 2));
    int line = __LINE__ + 1;
    dc_forward(model, x);
    CHECK(dc__here.line == line);
    dc_free(ctx);
}
