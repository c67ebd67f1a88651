/* Layers and models: what every kind of layer computes, names, sharing, freezing, the summary, and
 * what is said when a model does not fit together.
 * built: float double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include "capture.h"

/* --- helpers --- */

/* MODELS_IS(tensor, DC_SHAPE(2, 2), 1, 2, 3, 4): its shape and its elements. */
#define MODELS_IS(TENSOR, SHAPE, ...)                                                              \
    models_is(TENSOR, SHAPE, (const double[]){ __VA_ARGS__ },                                      \
              sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double), __LINE__, #TENSOR)
#define MODELS_FROM(SHAPE, ...) dc_from(ctx, SHAPE, (const dc_real[]){ __VA_ARGS__ })
#define MODELS_SET(MODEL, NAME, ...) models_set(MODEL, NAME, (const dc_real[]){ __VA_ARGS__ })
#define MODELS_COUNT(ARRAY) (int)(sizeof(ARRAY) / sizeof *(ARRAY))

static void models_is(const dc_tensor *t, dc_shape shape, const double *values, size_t count,
                      int line, const char *text)
{
    char actual[160], expected[160];
    dc_shape_text(t->shape, actual, sizeof actual);
    dc_shape_text(shape, expected, sizeof expected);
    bool same = !strcmp(actual, expected) && t->size == (int64_t)count;
    if (!check__that(same, __FILE__, line, "%s has shape %s, not %s", text, actual, expected))
        return;
    for (size_t i = 0; i < count; i++) {
        double a = (double)t->data[i], e = values[i];
        check__that(fabs(a - e) <= 1e-6 * fmax(1, fabs(e)), __FILE__, line,
                    "%s: element %d is %.9g, not %.9g", text, (int)i, a, e);
    }
}

static bool models_same_bits(const dc_tensor *a, const dc_tensor *b)
{
    return a->size == b->size && !memcmp(a->data, b->data, (size_t)a->size * sizeof *a->data);
}

static void models_set(dc_model *model, const char *name, const dc_real *values)
{
    dc_tensor *t = dc_find(model, name);
    if (check__that(t, __FILE__, __LINE__, "no tensor is named %s", name)) dc_write(t, values);
}

static dc_layer *models_layer(const dc_model *model, const char *name)
{
    for (dc_layer *l = model->first; l; l = l->next)
        if (!strcmp(l->name, name)) return l;
    check__that(false, __FILE__, __LINE__, "no layer is named %s", name);
    abort();
}

/* One step towards the target t, by the model's own optimiser. */
static void models_step(dc_model *model, dc_tensor *x, dc_tensor *t)
{
    dc_mark mark = dc_begin(x->ctx);
    bool training = dc_set_training(x->ctx, true);
    dc_backward(dc_mse(dc_forward(model, x), t));
    dc_step(dc_optimizer_of(model));
    dc_set_training(x->ctx, training);
    dc_end(x->ctx, mark);
}

/* --- activations --- */

TEST(models_every_activation_is_its_op)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = MODELS_FROM(DC_SHAPE(2, 5), -4, -1, -0.5, 0, 0.25, 1, 2, 3, 4, -2);
    const struct { dc_activation activation; dc_tensor *y; } cases[] = {
        { DC_LINEAR, x },                       { DC_RELU, dc_relu(x) },
        { DC_LEAKY_RELU, dc_leaky_relu(x, DC__C(0.01)) }, { DC_ELU, dc_elu(x, 1) },
        { DC_GELU, dc_gelu(x) },                { DC_GELU_TANH, dc_gelu_tanh(x) },
        { DC_SILU, dc_silu(x) },                { DC_SOFTPLUS, dc_softplus(x) },
        { DC_TANH, dc_tanh(x) },
        { DC_SIGMOID, dc_sigmoid(x) },          { DC_SOFTMAX, dc_softmax(x) },
    };
    CHECK(MODELS_COUNT(cases) == DC_SOFTMAX + 1);
    for (int i = 0; i < MODELS_COUNT(cases); i++) {
        dc_activation a = cases[i].activation;
        dc_model *by_layer = dc_sequential(ctx, DC_LAYERS(dc_input(5), dc_activation_layer(a)));
        dc_model *by_dense = dc_sequential(ctx, DC_LAYERS(dc_input(5), dc_dense(5, a)));
        dc_write(dc_find(by_dense, "dense_1.weight"), dc_eye(ctx, 5)->data);
        CHECK((int)a == i && models_same_bits(dc_activate(x, a), cases[i].y));
        CHECK(models_same_bits(dc_forward(by_layer, x), cases[i].y));
        CHECK(models_same_bits(dc_activate(dc_linear(x, dc_eye(ctx, 5), NULL), a),
                               dc_forward(by_dense, x)));
        for (int k = 0; k < i; k++) CHECK(!models_same_bits(cases[i].y, cases[k].y));
    }
    CHECK(dc_activate(x, DC_LINEAR) == x);
    MODELS_IS(dc_activate(MODELS_FROM(DC_SHAPE(2), -100, 7), DC_LEAKY_RELU), DC_SHAPE(2), -1, 7);
    MODELS_IS(dc_activate(MODELS_FROM(DC_SHAPE(2), -1, 7), DC_ELU), DC_SHAPE(2), -0.6321206, 7);
    EXPECT_FAIL(ctx, dc_activate(x, (dc_activation)99), "dc_activate: there is no activation 99");
    EXPECT_FAIL(ctx, dc_activate(x, (dc_activation)16), "there is no activation 16");
    dc_free(ctx);
}

/* --- every kind of layer --- */

TEST(models_dense)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(3, DC_RELU)));
    MODELS_IS(dc_find(m, "dense_1.bias"), DC_SHAPE(3), 0, 0, 0);
    MODELS_SET(m, "dense_1.weight", 1, 2, 3, 4, 5, 6);
    MODELS_SET(m, "dense_1.bias", 0.5, -0.5, 1);
    MODELS_IS(dc_forward(m, MODELS_FROM(DC_SHAPE(2, 2), 1, 2, 0, -1)), DC_SHAPE(2, 3),
              9.5, 11.5, 16, 0, 0, 0);
    CHECK(dc_forward(m, dc_zeros(ctx, DC_SHAPE(0, 2)))->size == 0);
    dc_free(ctx);
}

TEST(models_dense_without_bias_and_with_leading_axes)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2, 1, 2),
                                               dc_without_bias(dc_dense(1, DC_LINEAR))));
    CHECK(!dc_find(m, "dense_1.bias") && dc_param_count(m) == 2);
    MODELS_SET(m, "dense_1.weight", 10, 1);
    MODELS_IS(dc_forward(m, MODELS_FROM(DC_SHAPE(1, 2, 1, 2), 1, 2, 3, 4)), DC_SHAPE(1, 2, 1, 1),
              12, 34);
    dc_free(ctx);
}

TEST(models_dropout)
{
    dc_context *ctx = dc_new(3);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(1000), dc_dropout(DC__C(0.25)),
                                               dc_dropout(0)));
    dc_tensor *x = dc_require_grad(dc_full(ctx, DC_SHAPE(1, 1000), 3));
    CHECK(dc_forward(m, x) == x);                             /* Inference: x itself. */
    dc_set_training(ctx, true);
    dc_tensor *y = dc_forward(m, x), *again = dc_forward(m, x);
    dc_backward(dc_sum(y));
    int dropped = 0, moved = 0;
    for (int i = 0; i < 1000; i++) {
        bool is_dropped = y->data[i] == 0;
        dropped += is_dropped, moved += is_dropped != (again->data[i] == 0);
        CHECK_NEAR(y->data[i], is_dropped ? 0 : 4, 1e-6);     /* 3 / (1 - 0.25) */
        CHECK_NEAR(x->grad[i], is_dropped ? 0 : 4 / 3.0, 1e-6);
    }
    CHECK(dropped > 200 && dropped < 300);                    /* 250, deviation 14 */
    CHECK(moved > 300 && moved < 450);                        /* 2 0.25 0.75 1000 = 375 */
    dc_free(ctx);
}

/* Which of 64 ones are kept by the layer in its (call + 1)-th call after that many steps. */
static uint64_t models_mask(uint64_t seed, int layer, int call, int steps, bool is_disturbed)
{
    dc_context *ctx = dc_new(seed);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(64), dc_dropout(DC__C(0.5)),
        dc_dense(64, DC_LINEAR), dc_dropout(DC__C(0.5))));
    dc_tensor *y = NULL, *x = dc_ones(ctx, DC_SHAPE(1, 64));
    uint64_t mask = 0;
    dc_compile(m, DC_MSE, dc_sgd(1));
    dc_set_training(ctx, true);
    if (is_disturbed) dc_normal(ctx, DC_SHAPE(50), 0, 1);
    for (int i = 0; i < steps; i++) dc_call(m->chain[layer], x), dc_step(dc_optimizer_of(m));
    for (int i = 0; i <= call; i++) y = dc_call(m->chain[layer], x);
    for (int i = 0; i < 64; i++) mask |= (uint64_t)(y->data[i] != 0) << i;
    dc_free(ctx);
    return mask;
}

/* The mask depends on the seed, the layer, the call and the step; on nothing else. */
TEST(models_dropout_masks)
{
    const uint64_t mask = models_mask(3, 1, 0, 0, false);
    CHECK(mask == models_mask(3, 1, 0, 0, false) && mask == models_mask(3, 1, 0, 0, true));
    CHECK(mask != models_mask(4, 1, 0, 0, false) && mask != models_mask(3, 3, 0, 0, false));
    CHECK(mask != models_mask(3, 1, 1, 0, false) && mask != models_mask(3, 1, 0, 1, false));
    CHECK(models_mask(3, 1, 0, 2, false) != models_mask(3, 1, 0, 1, false));
}

TEST(models_flatten_and_reshape)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2, 3), dc_flatten()));
    dc_model *r = dc_sequential(ctx, DC_LAYERS(dc_input(6), dc_reshape_layer(DC_SHAPE(3, -1))));
    dc_model *s = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_reshape_layer(DC_SCALAR)));
    dc_tensor *x = dc_reshape(dc_arange(ctx, 0, 12, 1), DC_SHAPE(2, 2, 3));
    MODELS_IS(dc_forward(m, x), DC_SHAPE(2, 6), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    MODELS_IS(dc_forward(r, dc_forward(m, x)), DC_SHAPE(2, 3, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
              11);
    MODELS_IS(dc_forward(s, MODELS_FROM(DC_SHAPE(2, 1), 5, 6)), DC_SHAPE(2), 5, 6);
    CHECK(dc_param_count(m) == 0 && dc_params(r).count == 0);
    dc_free(ctx);
}

TEST(models_batch_norm)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_batch_norm()));
    dc_tensor *x = MODELS_FROM(DC_SHAPE(2, 2), 1, 10, 3, 30);
    MODELS_IS(dc_find(m, "batch_norm_1.running_mean"), DC_SHAPE(2), 0, 0);
    MODELS_IS(dc_find(m, "batch_norm_1.running_var"), DC_SHAPE(2), 1, 1);
    const double fresh = 1 / sqrt(1 + 1e-5);
    MODELS_IS(dc_forward(m, x), DC_SHAPE(2, 2), fresh, 10 * fresh, 3 * fresh, 30 * fresh);
    MODELS_SET(m, "batch_norm_1.weight", 2, 1);
    MODELS_SET(m, "batch_norm_1.bias", 0, 5);

    dc_set_training(ctx, true);                   /* Means 2, 20; variances 1, 100. */
    const double a = 1 / sqrt(1 + 1e-5), b = 10 / sqrt(100 + 1e-5);
    MODELS_IS(dc_forward(m, x), DC_SHAPE(2, 2), -2 * a, 5 - b, 2 * a, 5 + b);
    MODELS_IS(dc_find(m, "batch_norm_1.running_mean"), DC_SHAPE(2), 0.2, 2);
    MODELS_IS(dc_find(m, "batch_norm_1.running_var"), DC_SHAPE(2), 0.9 + 0.1 * 2, 0.9 + 0.1 * 200);

    dc_set_training(ctx, false);
    const double c = 2 / sqrt(1.1 + 1e-5), d = 1 / sqrt(20.9 + 1e-5);
    MODELS_IS(dc_forward(m, x), DC_SHAPE(2, 2), 0.8 * c, 8 * d + 5, 2.8 * c, 28 * d + 5);
    MODELS_IS(dc_find(m, "batch_norm_1.running_mean"), DC_SHAPE(2), 0.2, 2);
    dc_set_training(ctx, true);
    EXPECT_FAIL(ctx, dc_forward(m, dc_ones(ctx, DC_SHAPE(1, 2))),
                "a batch of one sample ([1, 2]) has no variance");
    dc_free(ctx);
}

/* Momentum and epsilon are fields of the specification; all axes but the last are averaged. */
TEST(models_batch_norm_of_images)
{
    dc_context *ctx = dc_new(1);
    dc_layer_spec norm = dc_batch_norm();
    norm.momentum = 1, norm.epsilon = 3;
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2, 1, 1), norm));
    dc_tensor *x = MODELS_FROM(DC_SHAPE(1, 2, 1, 1), 4, 6);
    dc_set_training(ctx, true);
    MODELS_IS(dc_forward(m, x), DC_SHAPE(1, 2, 1, 1), -0.5, 0.5);      /* +-1 / sqrt(1 + 3) */
    MODELS_IS(dc_find(m, "batch_norm_1.running_mean"), DC_SHAPE(1), 5);
    MODELS_IS(dc_find(m, "batch_norm_1.running_var"), DC_SHAPE(1), 2);
    dc_free(ctx);
}

TEST(models_layer_norm)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_layer_norm()));
    dc_tensor *x = MODELS_FROM(DC_SHAPE(2, 2), 1, 3, 20, 0);
    const double a = 1 / sqrt(1 + 1e-5), b = 10 / sqrt(100 + 1e-5);
    for (int training = 0; training < 2; training++) {
        dc_set_training(ctx, training);
        MODELS_IS(dc_forward(m, x), DC_SHAPE(2, 2), -a, a, b, -b);
    }
    MODELS_SET(m, "layer_norm_1.weight", 2, 1);
    MODELS_SET(m, "layer_norm_1.bias", 0, 5);
    MODELS_IS(dc_forward(m, x), DC_SHAPE(2, 2), -2 * a, 5 + a, 2 * b, 5 - b);
    CHECK(dc_params(m).count == 2);
    dc_free(ctx);
}

TEST(models_standardize)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *data = dc_from_arrays(ctx, 3, DC_SHAPE(2), (const dc_real[]){ 0, 9, 3, 9, 6, 9 },
                                      DC_SHAPE(1), (const dc_real[]){ 1, 2, 3 }, 0);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_standardize(data)));
    dc_model *bare = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_standardize(NULL)));
    dc_tensor *x = MODELS_FROM(DC_SHAPE(2, 2), 3, 12, 6, 9);
    MODELS_IS(dc_find(m, "standardize_1.mean"), DC_SHAPE(2), 3, 9);
    MODELS_IS(dc_find(m, "standardize_1.std"), DC_SHAPE(2), sqrt(6), 1);      /* (9 + 0 + 9) / 3 */
    MODELS_IS(dc_forward(m, x), DC_SHAPE(2, 2), 0, 3, 3 / sqrt(6), 0);
    MODELS_IS(dc_forward(bare, x), DC_SHAPE(2, 2), 3, 12, 6, 9);
    CHECK(dc_params(m).count == 0 && dc_param_count(m) == 0);                 /* Buffers. */
    dc_set_training(ctx, true);
    MODELS_IS(dc_forward(m, x), DC_SHAPE(2, 2), 0, 3, 3 / sqrt(6), 0);
    dc_free(ctx);
}

/* Features are the last axis; what does not vary is only shifted, exactly; and no digits are lost. */
TEST(models_standardize_fits_any_samples)
{
    dc_context *ctx = dc_new(1);
    const dc_real tenth = DC__C(0.1), x[] = { 1, tenth, 2, tenth, 5, tenth, 5, tenth, 6, tenth, 5, tenth };
    const double mean = (1 + 2 + 5 + 5 + 6 + 5) / 6.0;
    dc_dataset *image = dc_from_arrays(ctx, 2, DC_SHAPE(3, 2), x, DC_SCALAR, NULL, 0);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(3, 2), dc_standardize(image)));
    double squares = 0;
    for (int i = 0; i < 12; i += 2) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    CHECK_NEAR(dc_find(m, "standardize_1.mean")->data[0], mean, 1e-6);
    CHECK_NEAR(dc_find(m, "standardize_1.std")->data[0], sqrt(squares / 6), 1e-6);
    CHECK(dc_find(m, "standardize_1.mean")->data[1] == tenth && dc_find(m, "standardize_1.std")->data[1] == 1);

    dc_real far[1000];
    for (int i = 0; i < 1000; i++) far[i] = DC__C(1e6) + (dc_real)(i % 2);
    dc_dataset *d = dc_from_arrays(ctx, 1000, DC_SHAPE(1), far, DC_SCALAR, NULL, 0);
    m = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_standardize(d)));
    CHECK_NEAR(dc_find(m, "standardize_1.std")->data[0], 0.5, 1e-6);
    dc_free(ctx);
}

TEST(models_residual)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_residual(DC_LAYERS(
        dc_dense(1, DC_RELU), dc_dense(2, DC_LINEAR)))));
    dc_model *nothing = dc_sequential(ctx, DC_LAYERS(dc_input(2),
                                                     dc_residual(dc_make_layers(0, NULL))));
    dc_tensor *x = MODELS_FROM(DC_SHAPE(2, 2), 1, 2, -4, 0);
    MODELS_SET(m, "dense_1.weight", 1, 1);
    MODELS_SET(m, "dense_2.weight", 10, 100);
    MODELS_IS(dc_forward(m, x), DC_SHAPE(2, 2), 31, 302, -4, 0);
    MODELS_IS(dc_forward(nothing, x), DC_SHAPE(2, 2), 2, 4, -8, 0);
    CHECK(models_layer(m, "residual_1")->spec.list.count == 2 && dc_param_count(m) == 3 + 4);
    dc_free(ctx);
}

/* [f(x), x, g(x)] */
static dc_tensor *models_three_ways(dc_model *model, dc_tensor *x, void *user)
{
    (void)user;
    dc_tensor *f = dc_call(dc_use(model, "dense_1", dc_dense(1, DC_LINEAR)), x);
    dc_tensor *g = dc_call(dc_use(model, "dense_2", dc_dense(1, DC_LINEAR)), dc_relu(x));
    return dc_concat(DC_TENSORS(f, x, g), -1);
}

TEST(models_of_branches_are_functions)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_functional(ctx, DC_SHAPE(2), models_three_ways, NULL);
    MODELS_SET(m, "dense_1.weight", 1, 1);
    MODELS_SET(m, "dense_2.weight", 10, 100);
    MODELS_IS(dc_forward(m, MODELS_FROM(DC_SHAPE(2, 2), 1, 2, -4, 1)), DC_SHAPE(2, 4),
              3, 1, 2, 210, -3, -4, 1, 100);
    dc_free(ctx);
}

TEST(models_nested_lists)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2),
        dc_residual(DC_LAYERS(
            dc_dense(1, DC_LINEAR),
            dc_residual(DC_LAYERS(dc_dense(2, DC_LINEAR), dc_dense(1, DC_LINEAR))),
            dc_dense(2, DC_LINEAR))),
        dc_dense(1, DC_LINEAR)));
    static const char *const order[] = {
        "input_1", "residual_1", "dense_1", "residual_2", "dense_2", "dense_3", "dense_4", "dense_5",
    };
    int n = 0;
    for (dc_layer *l = m->first; l; l = l->next, n++)
        if (CHECK(n < MODELS_COUNT(order))) CHECK_TEXT(l->name, order[n]);
    CHECK(n == MODELS_COUNT(order));
    MODELS_SET(m, "dense_1.weight", 1, 0);
    MODELS_SET(m, "dense_2.weight", 1, 2);
    MODELS_SET(m, "dense_3.weight", 3, 1);
    MODELS_SET(m, "dense_4.weight", 1, 2);
    MODELS_SET(m, "dense_5.weight", 1, 1);
    /* x = (3, 5): 3; inside (3, 6) and 3 3 + 6 = 15, with 3 it is 18; (18, 36), with x (21, 41); their sum */
    MODELS_IS(dc_forward(m, MODELS_FROM(DC_SHAPE(1, 2), 3, 5)), DC_SHAPE(1, 1), 62);
    dc_free(ctx);
}

/* The lists of a specification may be gone once the model is made. */
TEST(models_lists_are_copied)
{
    dc_context *ctx = dc_new(1);
    dc_layer_spec *spec = malloc(3 * sizeof *spec);
    char *name = malloc(8);
    strcpy(name, "inside");
    spec[2] = dc_with_name(dc_dense(2, DC_LINEAR), name);
    spec[0] = dc_input(2), spec[1] = dc_residual(dc_make_layers(1, spec + 2));
    dc_model *m = dc_sequential(ctx, dc_make_layers(2, spec));
    free(spec), free(name);
    MODELS_SET(m, "inside.weight", 1, 2, 3, 4);
    MODELS_IS(dc_forward(m, MODELS_FROM(DC_SHAPE(1, 2), 1, 1)), DC_SHAPE(1, 2), 5, 7);
    dc_layer *residual = models_layer(m, "residual_1");
    CHECK(residual->spec.list.count == 1);
    CHECK_TEXT(residual->spec.list.spec[0].name, "inside");
    dc_free(ctx);
}

/* --- kinds of one's own --- */

static void models_gain_build(dc_layer *layer, dc_shape input)
{
    int64_t n = input.dim[input.rank - 1];
    dc_layer_param(layer, "factor", DC_ONES, DC_SHAPE(n));
    dc_layer_buffer(layer, "seen", 7, DC_SCALAR);
}

/* y = user x factor; counts the batches it is trained on. */
static dc_tensor *models_gain_call(dc_layer *layer, dc_tensor *x)
{
    dc_tensor *seen = layer->tensor[1];
    if (dc_training(layer->ctx)) dc_write(seen, &(dc_real){ dc_item(seen) + 1 });
    return dc_scale(dc_mul(x, layer->tensor[0]), *(const dc_real *)layer->spec.user);
}

static int64_t models_gain_flops(const dc_layer *layer) { return 2 * layer->tensor[0]->size; }

static const dc_layer_kind models_gain = { "gain", models_gain_build, models_gain_call,
                                           models_gain_flops };

static dc_tensor *models_negate_call(dc_layer *layer, dc_tensor *x)
{
    (void)layer;
    return dc_neg(x);
}

static const dc_layer_kind models_negate = { "negate", NULL, models_negate_call, NULL };
static const dc_layer_kind models_false_dense = { "dense", NULL, models_negate_call, NULL };

static void models_greedy_build(dc_layer *layer, dc_shape input)
{
    int wanted = *(const int *)layer->spec.user;
    (void)input;
    for (int i = 0; i < wanted; i++) dc_layer_buffer(layer, "b", 0, DC_SHAPE(1));
}

static const dc_layer_kind models_greedy = { "greedy", models_greedy_build, models_negate_call,
                                             NULL };

TEST(models_kinds_of_ones_own)
{
    dc_context *ctx = dc_new(1);
    const dc_real ten = 10;
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_custom(&models_gain, &ten),
                                               dc_custom(&models_negate, NULL)));
    dc_tensor *x = MODELS_FROM(DC_SHAPE(1, 2), 1, 2), *seen = dc_find(m, "gain_1.seen");
    MODELS_IS(dc_find(m, "gain_1.factor"), DC_SHAPE(2), 1, 1);
    MODELS_IS(seen, DC_SCALAR, 7);
    CHECK(dc_params(m).count == 1 && dc_params(m).tensor[0] == dc_find(m, "gain_1.factor"));
    CHECK(!seen->needs_grad && dc_param_count(m) == 2);
    CHECK_TEXT(m->newest->name, "negate_1");
    MODELS_SET(m, "gain_1.factor", 1, 3);
    MODELS_IS(dc_forward(m, x), DC_SHAPE(1, 2), -10, -60);
    dc_compile(m, DC_MSE, dc_sgd(1));
    models_step(m, x, MODELS_FROM(DC_SHAPE(1, 2), -9, -60));
    /* y - t = -1, 0: d mse / d factor = 2 (y - t) / 2 . -10 x = 10, 0 */
    MODELS_IS(dc_find(m, "gain_1.factor"), DC_SHAPE(2), -9, 3);
    MODELS_IS(seen, DC_SCALAR, 8);
    dc_free(ctx);
}

TEST(models_registering_kinds)
{
    dc_context *ctx = dc_new(1);
    dc_register_layer(ctx, &models_gain);
    dc_register_layer(ctx, &models_negate);
    CHECK(dc__kind_named(ctx, "gain") == &models_gain);
    CHECK(dc__kind_named(ctx, "negate") == &models_negate && !dc__kind_named(ctx, "other"));
    EXPECT_FAIL(ctx, dc_register_layer(ctx, &models_gain),
                "dc_register_layer: there is a kind 'gain' already");
    EXPECT_FAIL(ctx, dc_register_layer(ctx, &models_false_dense),
                "there is a kind 'dense' already");
    CHECK(ctx->kinds == 2);
    dc_free(ctx);
}

TEST(models_a_layer_has_sixteen_tensors)
{
    dc_context *ctx = dc_new(1);
    const int enough = DC_MAX_LAYER_TENSORS, too_many = enough + 1;
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_custom(&models_greedy, &enough)));
    CHECK(m->newest->tensors == 16);
    EXPECT_FAIL(ctx, dc_sequential(ctx, DC_LAYERS(dc_input(1),
                                                  dc_custom(&models_greedy, &too_many))),
                "layer greedy_1: more than 16 tensors");
    dc_free(ctx);
}

/* --- initial weights --- */

static dc_tensor *models_weight(dc_context *ctx, dc_init init)
{
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(64),
                                               dc_with_init(dc_dense(32, DC_RELU), init)));
    dc_tensor *bias = dc_find(m, "dense_1.bias");
    for (int i = 0; i < 32; i++) CHECK(bias->data[i] == 0);
    return dc_find(m, "dense_1.weight");
}

/* 2048 weights: their variance is known to 3 % (normal) or 2 % (uniform), one deviation. */
TEST(models_initial_weights)
{
    const struct { dc_init init; double variance; bool is_uniform; } cases[] = {
        { DC_GLOROT, 2 / 96.0, true },  { DC_GLOROT_NORMAL, 2 / 96.0, false },
        { DC_HE, 2 / 64.0, true },      { DC_HE_NORMAL, 2 / 64.0, false },
        { DC_LECUN, 1 / 64.0, true },   { DC_LECUN_NORMAL, 1 / 64.0, false },
        { DC_ZEROS, 0, true },
    };
    dc_context *ctx = dc_new(5);
    for (int k = 0; k < MODELS_COUNT(cases); k++) {
        dc_tensor *w = models_weight(ctx, cases[k].init);
        double squares = 0, largest = 0, limit = sqrt(3 * cases[k].variance);
        for (int i = 0; i < 2048; i++) {
            double x = (double)w->data[i];
            squares += x * x, largest = fmax(largest, fabs(x));
        }
        CHECK_NEAR(squares / 2048, cases[k].variance, 0.1 * cases[k].variance);
        CHECK(cases[k].is_uniform ? largest <= limit * 1.000001 && largest >= limit * 0.98
                                  : largest > 1.2 * limit);
    }
    dc_tensor *ones = models_weight(ctx, DC_ONES);
    for (int i = 0; i < 2048; i++) CHECK(ones->data[i] == 1);
    dc_model *plain = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_dense(3, DC_RELU)));
    CHECK(models_layer(plain, "dense_1")->spec.init == DC_GLOROT);           /* The usual one. */
    dc_free(ctx);
}

TEST(models_seeds)
{
    dc_tensor *w[3][2];
    dc_context *ctx[3];
    for (int i = 0; i < 3; i++) {
        ctx[i] = dc_new(i == 2 ? 8 : 7);
        for (int k = 0; k < 2; k++) {
            dc_model *m = dc_sequential(ctx[i], DC_LAYERS(dc_input(4), dc_dense(4, DC_RELU),
                                                          dc_dense(4, DC_LINEAR)));
            w[i][k] = dc_find(m, "dense_1.weight");
            CHECK(!models_same_bits(w[i][k], dc_find(m, "dense_2.weight")));
            if (i == 1) dc_normal(ctx[i], DC_SHAPE(9), 0, 1);       /* Disturbs nothing. */
        }
    }
    CHECK(!models_same_bits(w[0][0], w[0][1]));
    CHECK(models_same_bits(w[0][0], w[1][0]) && models_same_bits(w[0][1], w[1][1]));
    CHECK(!models_same_bits(w[0][0], w[2][0]));
    for (int i = 0; i < 3; i++) dc_free(ctx[i]);
}

/* --- names --- */

TEST(models_names)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2),
        dc_dense(2, DC_RELU), dc_with_name(dc_dense(2, DC_RELU), "head"),
        dc_with_name(dc_dense(2, DC_RELU), "dense_3"), dc_dense(2, DC_RELU),
        dc_dense(2, DC_RELU), dc_batch_norm(), dc_layer_norm()));
    static const char *const tensors[] = {
        "dense_1.weight", "dense_1.bias", "head.weight", "head.bias", "dense_3.weight",
        "dense_3.bias", "dense_2.weight", "dense_2.bias", "dense_4.weight", "dense_4.bias",
        "batch_norm_1.weight", "batch_norm_1.bias", "batch_norm_1.running_mean",
        "batch_norm_1.running_var", "layer_norm_1.weight", "layer_norm_1.bias",
    };
    dc_tensors all = dc__all_of(m);
    CHECK(all.count == MODELS_COUNT(tensors));
    for (int i = 0; i < all.count && i < MODELS_COUNT(tensors); i++) {
        check__that(!strcmp(all.tensor[i]->name, tensors[i]), __FILE__, __LINE__, "tensor %d is %s", i,
                    all.tensor[i]->name);
        CHECK(dc_find(m, tensors[i]) == all.tensor[i]);
    }
    CHECK(!dc_find(m, "dense_1") && !dc_find(m, "") && !dc_find(m, "dense_5.weight"));
    dc_model *other = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(2, DC_RELU)));
    CHECK_TEXT(other->newest->name, "dense_1");                 /* Numbers begin anew in a model. */
    CHECK(dc_find(other, "dense_1.weight") != dc_find(m, "dense_1.weight"));
    EXPECT_FAIL(ctx, dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(2, DC_RELU),
                                                  dc_with_name(dc_dropout(0), "dense_1"))),
                "two layers are named 'dense_1'; names must differ, or one layer be called twice");
    dc_free(ctx);
}

TEST(models_lists)
{
    dc_layer_list two = DC_LAYERS(dc_input(3, 4), dc_dense(5, DC_TANH));
    CHECK(two.count == 2 && two.spec[0].shape.rank == 2 && two.spec[0].shape.dim[1] == 4);
    CHECK(two.spec[1].units == 5 && two.spec[1].activation == DC_TANH);
    dc_layer_list made = dc_make_layers(1, two.spec + 1);
    CHECK(made.count == 1 && made.spec == two.spec + 1);
    dc_layer_spec residual = dc_residual(two);
    CHECK(residual.list.count == 2 && residual.list.spec == two.spec);
    const int axes[] = { 1, -1, 2, 3, 4, 5, 6, 7 };
    dc_axes few = DC_AXES(0, -1), none = dc_make_axes(0, NULL), many = dc_make_axes(8, axes);
    CHECK(few.count == 2 && few.axis[0] == 0 && few.axis[1] == -1 && none.count == 0);
    CHECK(many.count == 8 && many.axis[1] == -1 && many.axis[5] == 5);
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(2, 3, 4));
    MODELS_IS(dc_sum_over(x, few, false), DC_SHAPE(3), 8, 8, 8);
    EXPECT_FAIL(ctx, dc_sum_over(x, many, false), "8 axes named, at most 6 exist");
    dc_free(ctx);
}

/* --- models as functions --- */

static dc_tensor *models_two_layers(dc_model *model, dc_tensor *x, void *user)
{
    (void)user;
    x = dc_call(dc_use(model, "dense_1", dc_dense(7, DC_TANH)), x);
    x = dc_call(dc_use(model, "batch_norm_1", dc_batch_norm()), x);
    return dc_call(dc_use(model, "dense_2", dc_dense(3, DC_SOFTMAX)), x);
}

TEST(models_sequential_and_functional_give_the_same_bits)
{
    dc_context *ctx = dc_new(1);
    dc_model *s = dc_sequential(ctx, DC_LAYERS(dc_input(5), dc_dense(7, DC_TANH), dc_batch_norm(),
                                               dc_dense(3, DC_SOFTMAX)));
    dc_model *f = dc_functional(ctx, DC_SHAPE(5), models_two_layers, NULL);
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(9, 5), 0, 1), *t = dc_normal(ctx, DC_SHAPE(9, 3), 0, 1);
    CHECK(dc_fingerprint(s) != dc_fingerprint(f) && dc_param_count(s) == dc_param_count(f));
    if (!CHECK(dc__all_of(s).count == 8 && dc__all_of(f).count == 8)) return;
    dc_tensor *const *from = dc__all_of(s).tensor, *const *to = dc__all_of(f).tensor;
    for (int i = 0; i < 8; i++) {
        CHECK_TEXT(to[i]->name, from[i]->name);
        dc_write(to[i], from[i]->data);
    }
    CHECK(dc_fingerprint(s) == dc_fingerprint(f));
    CHECK(models_same_bits(dc_forward(s, x), dc_forward(f, x)));
    dc_compile(s, DC_MSE, dc_adam(0.1));
    dc_compile(f, DC_MSE, dc_adam(0.1));
    for (int i = 0; i < 3; i++) models_step(s, x, t), models_step(f, x, t);
    CHECK(dc_fingerprint(s) == dc_fingerprint(f));
    CHECK(models_same_bits(dc_forward(s, x), dc_forward(f, x)));
    dc_free(ctx);
}

static dc_tensor *models_shared(dc_model *model, dc_tensor *x, void *user)
{
    dc_layer *l = dc_use(model, "shared", dc_without_bias(dc_dense(1, DC_LINEAR)));
    CHECK(dc_use(model, "shared", dc_dense(99, DC_RELU)) == l);      /* The first one counts. */
    if (*(const bool *)user) return dc_call(l, dc_call(l, x));
    return dc_add(dc_call(l, x), dc_call(l, dc_scale(x, 10)));
}

TEST(models_shared_weights)
{
    dc_context *ctx = dc_new(1);
    bool in_turn = false;
    dc_model *m = dc_functional(ctx, DC_SHAPE(1), models_shared, &in_turn);
    dc_tensor *x = MODELS_FROM(DC_SHAPE(1, 1), 5), *w = dc_find(m, "shared.weight");
    CHECK(dc_param_count(m) == 1 && m->first == m->newest);
    MODELS_SET(m, "shared.weight", 3);
    dc_tensor *y = dc_forward(m, x);
    MODELS_IS(y, DC_SHAPE(1, 1), 3 * 5 + 3 * 50);
    dc_backward(y);
    MODELS_IS(dc_grad(w), DC_SHAPE(1, 1), 5 + 50);
    dc_zero_grad(w);
    in_turn = true;
    dc_tensor *z = dc_forward(m, x);
    MODELS_IS(z, DC_SHAPE(1, 1), 45);                          /* w w x, by w: 2 w x */
    dc_backward(z);
    MODELS_IS(dc_grad(w), DC_SHAPE(1, 1), 30);
    dc_free(ctx);
}

static dc_tensor *models_late(dc_model *model, dc_tensor *x, void *user)
{
    const char *const *name = user;
    return dc_call(dc_use(model, *name, dc_dense(2, DC_LINEAR)), x);
}

TEST(models_late_layers_are_refused)
{
    dc_context *ctx = dc_new(1);
    const char *name = "one";
    dc_model *m = dc_functional(ctx, DC_SHAPE(2), models_late, &name);
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(1, 2));
    name = "two";
    EXPECT_FAIL(ctx, dc_forward(m, x), "dc_use: the model has no layer 'two'; all layers must be "
                "used in the first call, which builds the model");
    name = "one";
    CHECK(dc_forward(m, x)->size == 2 && m->first == m->newest);
    CHECK(dc_use(m, "one", dc_dense(9, DC_RELU)) == m->first);
    dc_free(ctx);
}

/* Calls both its layers only while training, which the model's first call is not. */
static dc_tensor *models_late_call(dc_model *model, dc_tensor *x, void *user)
{
    dc_layer *extra = dc_use(model, "extra", dc_dense(2, DC_LINEAR));
    (void)user;
    x = dc_call(dc_use(model, "always", dc_dense(2, DC_LINEAR)), x);
    return dc_training(x->ctx) ? dc_call(extra, x) : x;
}

TEST(models_layers_not_called_at_first_are_refused)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_functional(ctx, DC_SHAPE(2), models_late_call, NULL);
    dc_compile(m, DC_MSE, dc_sgd(1));
    dc_set_training(ctx, true);
    EXPECT_FAIL(ctx, dc_forward(m, dc_ones(ctx, DC_SHAPE(1, 2))), "layer extra: not called in the "
                "first run, in inference, which builds models");
    CHECK(dc_params(m).count == 2);
    dc_free(ctx);
}

/* --- parameters --- */

TEST(models_parameters)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(4), dc_dense(3, DC_RELU), dc_batch_norm(),
                                               dc_dense(2, DC_LINEAR)));
    static const char *const names[] = { "dense_1.weight", "dense_1.bias", "batch_norm_1.weight",
                                         "batch_norm_1.bias", "dense_2.weight", "dense_2.bias" };
    dc_tensors p = dc_params(m);
    CHECK(p.count == 6 && dc_param_count(m) == 4 * 3 + 3 + 3 + 3 + 3 * 2 + 2);
    for (int i = 0; i < p.count; i++) CHECK(p.tensor[i] == dc_find(m, names[i]));
    dc_freeze(m, "dense_1.", true);
    CHECK(dc_params(m).count == 4 && dc_param_count(m) == 14);
    CHECK(dc_find(m, "dense_1.weight") != NULL);
    dc_freeze(m, "", true);
    CHECK(dc_params(m).count == 0 && dc_param_count(m) == 0);
    dc_freeze(m, "dense", false);
    CHECK(dc_params(m).count == 4 && dc_param_count(m) == 23);
    dc_freeze(m, "", false);
    CHECK(dc_params(m).count == 6 && dc_param_count(m) == 29);       /* No buffer among them. */
    EXPECT_FAIL(ctx, dc_freeze(m, "densse", true),
                "dc_freeze: no parameter's name begins with 'densse'");
    EXPECT_FAIL(ctx, dc_freeze(m, "batch_norm_1.running", true), "no parameter's name begins");
    dc_free(ctx);
}

TEST(models_frozen_parameters_do_not_change)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_dense(3, DC_TANH),
                                               dc_dense(2, DC_LINEAR)));
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(4, 3), 0, 1), *t = dc_ones(ctx, DC_SHAPE(4, 2));
    dc_tensor *first = dc_find(m, "dense_1.weight"), *second = dc_find(m, "dense_2.weight");
    dc_compile(m, DC_MSE, dc_adam(0.1));
    models_step(m, x, t);                                    /* Adam has moments by now. */
    dc_tensor *first_before = dc_copy(first), *second_before = dc_copy(second);
    dc_freeze(m, "dense_1", true);
    models_step(m, x, t);
    CHECK(models_same_bits(first, first_before) && !models_same_bits(second, second_before));
    dc_freeze(m, "dense_1", false);
    models_step(m, x, t);
    CHECK(!models_same_bits(first, first_before));
    first_before = dc_copy(first);
    dc_backward(dc_mse(dc_forward(m, x), t));
    dc_freeze(m, "dense_1", true);                           /* Its gradient is there already. */
    dc_step(dc_optimizer_of(m));
    CHECK(models_same_bits(first, first_before));
    dc_free(ctx);
}

/* What is frozen while the model is compiled can be trained later all the same. */
TEST(models_frozen_before_compiling)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_dense(3, DC_TANH),
                                               dc_dense(2, DC_LINEAR)));
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(4, 3), 0, 1), *t = dc_ones(ctx, DC_SHAPE(4, 2));
    dc_tensor *first = dc_find(m, "dense_1.weight"), *before = dc_copy(first);
    dc_freeze(m, "dense_1", true);
    dc_compile(m, DC_MSE, dc_sgd(0.1));
    models_step(m, x, t);
    CHECK(models_same_bits(first, before));
    dc_freeze(m, "dense_1", false);
    models_step(m, x, t);
    CHECK(!models_same_bits(first, before));
    dc_free(ctx);
}

/* --- the summary --- */

static const char *models_summary(dc_model *model)
{
    capture_start();
    dc_summary(model);
    return capture_end();
}

/* The row must be there: name, shape, parameters, FLOPs, and numbers a sample. */
static void models_row(const char *text, const char *name, const char *shape, int parameters,
                       int flops, int numbers, int line)
{
    char row[128];
    snprintf(row, sizeof row, "%-24s %-18s %12d %14d %12d\n", name, shape, parameters, flops,
             numbers * (int)sizeof(dc_real));
    check__text(text, row, __FILE__, line, "dc_summary");
}
#define MODELS_ROW(...) models_row(text, __VA_ARGS__, __LINE__)

TEST(models_summary_of_a_chain)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2, 2), dc_flatten(), dc_dense(3, DC_RELU),
        dc_batch_norm(), dc_dropout(DC__C(0.5)), dc_with_name(dc_dense(2, DC_LINEAR), "head")));
    const char *text = models_summary(m);
    char last[128], head[128];
    snprintf(head, sizeof head, "%-24s %-18s %12s %14s %12s\n", "layer", "output", "parameters",
             "FLOPs/sample", "bytes/sample");
    CHECK(!strncmp(text, head, strlen(head)));
    MODELS_ROW("input_1", "[N, 2, 2]", 0, 0, 4);
    MODELS_ROW("flatten_1", "[N, 4]", 0, 0, 4);
    MODELS_ROW("dense_1", "[N, 3]", 4 * 3 + 3, 2 * 4 * 3, 3);
    MODELS_ROW("batch_norm_1", "[N, 3]", 4 * 3, 3, 3);           /* Mean and variance included. */
    MODELS_ROW("dropout_1", "[N, 3]", 0, 0, 3);
    MODELS_ROW("head", "[N, 2]", 3 * 2 + 2, 2 * 3 * 2, 2);
    MODELS_ROW("total", "", 35, 24 + 3 + 12, 19);
    snprintf(last, sizeof last, "\n29 parameters are trained, 6 are not; they take %d bytes\n",
             35 * (int)sizeof(dc_real));
    CHECK_TEXT(text, last);
    dc_freeze(m, "dense_1", true);
    CHECK_TEXT(models_summary(m), "\n14 parameters are trained, 21 are not; ");
    int lines = 0;
    for (const char *c = models_summary(m); *c; c++) lines += *c == '\n';
    CHECK(lines == 1 + 6 + 2);
    dc_free(ctx);
}

TEST(models_summary_of_nested_and_own_layers)
{
    dc_context *ctx = dc_new(1);
    const dc_real two = 2;
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(3, 2),
        dc_residual(DC_LAYERS(dc_dense(2, DC_LINEAR))),
        dc_layer_norm(), dc_custom(&models_gain, &two),
        dc_custom(&models_negate, NULL), dc_reshape_layer(DC_SHAPE(6)),
        dc_without_bias(dc_dense(1, DC_LINEAR)), dc_reshape_layer(DC_SCALAR)));
    const char *text = models_summary(m);
    MODELS_ROW("residual_1", "[N, 3, 2]", 0, 6, 6);
    MODELS_ROW("dense_1", "[N, 3, 2]", 6, 2 * 2 * 6, 6);
    MODELS_ROW("layer_norm_1", "[N, 3, 2]", 4, 6, 6);
    MODELS_ROW("gain_1", "[N, 3, 2]", 3, 4, 6);
    MODELS_ROW("negate_1", "[N, 3, 2]", 0, 6, 6);
    MODELS_ROW("reshape_1", "[N, 6]", 0, 0, 6);
    MODELS_ROW("dense_2", "[N, 1]", 6, 12, 1);
    MODELS_ROW("reshape_2", "[N]", 0, 0, 1);
    MODELS_ROW("total", "", 19, 6 + 24 + 6 + 4 + 6 + 12, 6 + 6 + 6 + 6 + 6 + 6 + 6 + 1 + 1);
    CHECK_TEXT(text, "\n18 parameters are trained, 1 are not; ");
    dc_free(ctx);
}

/* The summary shows one sample, however large the last batch was, and changes nothing. */
TEST(models_summary_changes_nothing)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_functional(ctx, DC_SHAPE(5), models_two_layers, NULL);
    char text[4096];
    snprintf(text, sizeof text, "%s", models_summary(m));
    MODELS_ROW("dense_1", "[N, 7]", 42, 70, 7);
    uint64_t before = dc_fingerprint(m);
    dc_set_training(ctx, true);
    dc_forward(m, dc_ones(ctx, DC_SHAPE(64, 5)));
    dc_tensor *mean = dc_copy(dc_find(m, "batch_norm_1.running_mean"));
    uint64_t after = dc_fingerprint(m);
    CHECK(before != after && !strcmp(models_summary(m), text));
    CHECK(dc_fingerprint(m) == after && dc_training(ctx) && dc_set_grad(ctx, true));
    CHECK(models_same_bits(mean, dc_find(m, "batch_norm_1.running_mean")));
    dc_free(ctx);
}

/* --- fingerprints --- */

static uint64_t models_fnv(const dc_tensor *t)
{
    uint64_t hash = 0xCBF29CE484222325;
    unsigned char bytes[64];
    memcpy(bytes, t->data, (size_t)t->size * sizeof(dc_real));
    for (size_t i = 0; i < (size_t)t->size * sizeof(dc_real); i++)
        hash = (hash ^ bytes[i]) * 0x100000001B3;
    return hash;
}

TEST(models_fingerprints)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_dense(2, DC_RELU), dc_batch_norm()));
    dc_model *n = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_dense(2, DC_RELU), dc_batch_norm()));
    dc_tensor *w = dc_find(m, "dense_1.weight"), *const *all = dc__all_of(m).tensor;
    uint64_t before = dc_fingerprint(m);
    CHECK(dc_fingerprint(m) == before && dc_fingerprint(n) != before);
    dc_write(dc_find(n, "dense_1.weight"), w->data);
    CHECK(dc_fingerprint(n) == before);
    CHECK(dc__all_of(m).count == 6 && dc_fingerprint_of(dc_make_tensors(6, all)) == before);
    CHECK(dc_fingerprint_of(dc_params(m)) != before);             /* Buffers count, too. */
    for (int i = 0; i < 6; i++) {
        ((unsigned char *)(w->data + i))[0] ^= 1;                 /* One bit. */
        CHECK(dc_fingerprint(m) != before);
        ((unsigned char *)(w->data + i))[0] ^= 1;
        CHECK(dc_fingerprint(m) == before);
    }
    MODELS_SET(m, "batch_norm_1.running_var", 1, 2);
    CHECK(dc_fingerprint(m) != before);
    dc_free(ctx);
}

TEST(models_fingerprints_of_tensors)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = MODELS_FROM(DC_SHAPE(2), 1, -2.5), *y = MODELS_FROM(DC_SHAPE(2), -2.5, 1);
    dc_tensor *zero = MODELS_FROM(DC_SHAPE(1), 0), *minus_zero = MODELS_FROM(DC_SHAPE(1), -0.0);
    CHECK(dc_fingerprint_of(dc_make_tensors(0, NULL)) == 0xCBF29CE484222325);
    const uint16_t one = 1;
    if (*(const unsigned char *)&one) CHECK(dc_fingerprint_of(DC_TENSORS(x)) == models_fnv(x));
    CHECK(dc_fingerprint_of(DC_TENSORS(x)) != dc_fingerprint_of(DC_TENSORS(y)));
    CHECK(dc_fingerprint_of(DC_TENSORS(x, y)) != dc_fingerprint_of(DC_TENSORS(y, x)));
    CHECK(dc_fingerprint_of(DC_TENSORS(zero)) != dc_fingerprint_of(DC_TENSORS(minus_zero)));
#ifndef DEEPC_DOUBLE
    dc_real foob;                           /* FNV-1a of these four letters, as published. */
    memcpy(&foob, "foob", sizeof foob);
    CHECK(dc_fingerprint_of(DC_TENSORS(dc_scalar(ctx, foob))) == 0xdd120e790c2512af);
#endif
    const dc_real nan = (dc_real)NAN, other = -nan, inf = (dc_real)INFINITY;
    dc_real payload = nan;
    ((unsigned char *)&payload)[0] ^= 5;
    uint64_t hash = dc_fingerprint_of(DC_TENSORS(dc_from(ctx, DC_SHAPE(1), &nan)));
    CHECK(dc_fingerprint_of(DC_TENSORS(dc_from(ctx, DC_SHAPE(1), &other))) == hash);
    CHECK(dc_fingerprint_of(DC_TENSORS(dc_from(ctx, DC_SHAPE(1), &payload))) == hash);
    CHECK(dc_fingerprint_of(DC_TENSORS(dc_from(ctx, DC_SHAPE(1), &inf))) != hash);
    dc_free(ctx);
}

/* --- one sample alone and in a batch --- */

TEST(models_a_sample_alone_is_as_in_a_batch)
{
    enum { ROWS = 37 };
    dc_context *ctx = dc_new(2);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(19), dc_dense(67, DC_GELU),
        dc_batch_norm(), dc_layer_norm(), dc_dropout(DC__C(0.5)), dc_dense(33, DC_TANH),
        dc_residual(DC_LAYERS(dc_dense(33, DC_RELU))), dc_dense(11, DC_SOFTMAX)));
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(ROWS, 19), 0, 2);
    dc_compile(m, DC_MSE, dc_adam(0.01));
    for (int i = 0; i < 3; i++) models_step(m, x, dc_zeros(ctx, DC_SHAPE(ROWS, 11)));
    dc_tensor *y = dc_forward(m, x);
    int other = 0;
    for (int i = 0; i < ROWS; i++) {
        dc_tensor *alone = dc_forward(m, dc_slice(x, 0, i, i + 1));
        dc_tensor *few = dc_forward(m, dc_slice(x, 0, i, i + 5 < ROWS ? i + 5 : ROWS));
        other += !models_same_bits(alone, dc_slice(y, 0, i, i + 1));
        other += !models_same_bits(alone, dc_slice(few, 0, 0, 1));
    }
    CHECK(other == 0 && models_same_bits(dc_predict(m, x), y));
    dc_free(ctx);
}

/* --- what is said --- */

/* "test_models.c:LINE: ", for a call on that line; with the layer at work: "test_models.c:LINE: layer NAME: ". */
static const char *models_place(int line, const char *layer)
{
    static char text[300];
    snprintf(text, sizeof text, layer ? "%s:%d: layer %s: " : "%s:%d: ", __FILE__, line, layer);
    return text;
}

/* The whole message of making that model, in a context of its own. */
static int models_refused_at;
static const char *models_refused(const dc_layer_spec *spec, int count)
{
    dc_context *ctx = dc_new(1);
    models_refused_at = __LINE__ + 1;
    EXPECT_FAIL(ctx, dc_sequential(ctx, dc_make_layers(count, spec)), "");
    dc_free(ctx);
    return check__message;
}

TEST(models_messages_name_the_call_and_the_layer)
{
    const dc_layer_spec reshaped[] = {
        dc_input(5), dc_dense(6, DC_RELU), dc_with_name(dc_reshape_layer(DC_SHAPE(2, 2)), "square"),
        dc_dense(1, DC_LINEAR) };
    const dc_layer_spec inside[] = { dc_dense(7, DC_RELU), dc_without_bias(dc_dense(0, DC_LINEAR)) };
    const dc_layer_spec widened[] = { dc_input(5), dc_residual(dc_make_layers(1, inside)) };
    const dc_layer_spec empty[] = { dc_input(5), dc_residual(dc_make_layers(2, inside)) };
    const char *message = models_refused(reshaped, 4);
    CHECK_TEXT(message, models_place(models_refused_at, "square"));
    CHECK_TEXT(message, "square: dc_reshape: [1, 6] has 6 elements and cannot become [1, 2, 2]");
    message = models_refused(widened, 2);
    CHECK_TEXT(message, models_place(models_refused_at, "residual_1"));
    CHECK_TEXT(message, "layer residual_1: x + f(x) needs f to keep the shape; [1, 5] became [1, 7]");
    message = models_refused(empty, 2);
    CHECK_TEXT(message, models_place(models_refused_at, "dense_2"));
    CHECK_TEXT(message, "dc_dense: 0 units; at least 1 is needed");
}

static void models_breaks_a_rule(dc_layer *layer, dc_shape input)
{
    dc_layer_param(layer, "weight", DC_ONES, DC_SHAPE(input.dim[1] + 1));
}

static int models_own_line;
static dc_tensor *models_own_call(dc_layer *layer, dc_tensor *x)
{
    models_own_line = __LINE__ + 1;
    return dc_add(x, layer->tensor[0]);
}

/* In a layer that a program has written, its own calls have lines. */
TEST(models_messages_name_the_line_in_a_layer_of_ones_own)
{
    static const dc_layer_kind kind = { "own", models_breaks_a_rule, models_own_call, NULL };
    const dc_layer_spec own[] = { dc_input(2), dc_custom(&kind, NULL) };
    const char *message = models_refused(own, 2);
    CHECK_TEXT(message, models_place(models_own_line, NULL));
    CHECK_TEXT(message, "dc_add: ");
}

/* After a layer has run, messages name the program's own line again. */
TEST(models_messages_come_back_to_the_caller)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(2, DC_RELU)));
    const int line = __LINE__ + 1;
    EXPECT_FAIL(ctx, dc_forward(m, dc_ones(ctx, DC_SHAPE(2, 3))), models_place(line, NULL));
    CHECK_TEXT(check__message, "the model takes batches of [2], a batch axis before them; got "
               "[2, 3]");
    EXPECT_FAIL(ctx, dc_forward(m, dc_ones(ctx, DC_SHAPE(2))), "batches of [2], a batch axis");
    EXPECT_FAIL(ctx, dc_forward(m, dc_scalar(ctx, 1)), "got []");
    EXPECT_FAIL(ctx, dc_forward(m, dc_ones(ctx, DC_SHAPE(1, 1, 2))), "got [1, 1, 2]");
    dc_mark mark = dc_begin(ctx);
    dc_tensor *gone = dc_ones(ctx, DC_SHAPE(1, 2));
    dc_end(ctx, mark);
    EXPECT_FAIL(ctx, dc_forward(m, gone), "dc_forward: operand 1");
    EXPECT_FAIL(ctx, dc_call(m->newest, gone), "dc_call: operand 1");
    dc_free(ctx);
}

/* A layer that is built says both shapes when it meets another width. */
TEST(models_a_layer_keeps_its_input)
{
    dc_context *ctx = dc_new(1);
    const dc_layer_spec layers[] = { dc_input(3),
        dc_dense(3, DC_RELU), dc_batch_norm(), dc_layer_norm(), dc_standardize(NULL) };
    dc_model *m = dc_sequential(ctx, dc_make_layers(5, layers));
    dc_tensor *wide = dc_ones(ctx, DC_SHAPE(2, 4));
    static const char *const says[] = {
        "[2, 4] by [3, 3]", "x [2, 4] has 4 features, the running statistics [3] and [3]",
        "[2, 4]", "[2, 4]",
    };
    for (int i = 0; i < 4; i++) {
        const int line = __LINE__ + 1;
        EXPECT_FAIL(ctx, dc_call(m->chain[i + 1], wide), says[i]);
        CHECK_TEXT(check__message, models_place(line, m->chain[i + 1]->name));
    }
    MODELS_IS(dc_forward(m, dc_zeros(ctx, DC_SHAPE(1, 3))), DC_SHAPE(1, 3), 0, 0, 0);
    dc_free(ctx);
}

/* A width of 1 must not be broadcast to the layer's width. */
TEST(models_a_layer_does_not_broadcast_its_input)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_layer_norm(), dc_standardize(NULL)));
    dc_tensor *narrow = dc_ones(ctx, DC_SHAPE(2, 1));
    EXPECT_FAIL(ctx, dc_call(m->chain[1], narrow), "[2, 1]");
    EXPECT_FAIL(ctx, dc_call(m->chain[2], narrow), "[2, 1]");
    dc_free(ctx);
}

static const char *models_refused_pair(dc_layer_spec input, dc_layer_spec layer)
{
    return models_refused((const dc_layer_spec[]){ input, layer }, 2);
}

TEST(models_messages_of_layers)
{
    CHECK_TEXT(models_refused_pair(dc_input_shaped(DC_SCALAR), dc_dense(1, DC_RELU)),
               "layer dense_1: needs an axis of features behind the batch axis, and got [1]");
    CHECK_TEXT(models_refused_pair(dc_input_shaped(DC_SCALAR), dc_layer_norm()),
               "layer layer_norm_1: needs an axis of features");
    CHECK_TEXT(models_refused_pair(dc_input(2), dc_dense(-3, DC_RELU)),
               "dc_dense: -3 units; at least 1 is needed");
    CHECK_TEXT(models_refused_pair(dc_input(2), dc_dense(3, (dc_activation)77)),
               "dc_activate: there is no activation 77");
    CHECK_TEXT(models_refused_pair(dc_input(2), dc_reshape_layer(DC_SHAPE(1, 1, 1, 1, 1, 2))),
               "layer reshape_1: at most 5 axes");
    CHECK_TEXT(models_refused_pair(dc_input(3, 4), dc_reshape_layer(DC_SHAPE(5, -1))),
               "dc_reshape: [1, 3, 4] has 12 elements and cannot become [1, 5, -1]");
    CHECK_TEXT(models_refused_pair(dc_input(2), (dc_layer_spec){ .units = 3 }),
               "a layer specification without a kind; make it by dc_dense or its like");
    CHECK_TEXT(models_refused_pair(dc_input(2), dc_custom(NULL, NULL)), "without a kind");
}

static bool models_no_sample(int64_t row, dc_real *x, dc_real *y, void *user)
{
    (void)row, (void)x, (void)y, (void)user;
    return false;
}

TEST(models_messages_of_a_standardizer)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *broken = dc_stream(ctx, 3, DC_SHAPE(3), DC_SHAPE(1), 0, models_no_sample, NULL);
    dc_dataset *data = dc_make_blobs(ctx, 10, 2, DC__C(0.1));
    EXPECT_FAIL(ctx, dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_standardize(data))),
                "dc_standardize: its data set has samples of [2], the input [1, 3] 3 features");
    EXPECT_FAIL(ctx, dc_sequential(ctx, DC_LAYERS(dc_input(3), dc_standardize(broken))),
                "dc_standardize: ");
    CHECK(dc_error(ctx)[0]);
    CHECK_TEXT(check__message, dc_error(ctx));
    dc_free(ctx);
}

/* A rate is refused where the layer is made, not at the first step of training. */
TEST(models_messages_of_dropout)
{
    CHECK_TEXT(models_refused_pair(dc_input(2), dc_dropout(1)),
               "dc_dropout: a rate of 1; it must be in [0, 1)");
    CHECK_TEXT(models_refused_pair(dc_input(2), dc_dropout(DC__C(-0.5))), "a rate of -0.5;");
    CHECK_TEXT(models_refused_pair(dc_input(2), dc_dropout((dc_real)NAN)), "a rate of ");
}

static dc_tensor *models_any(dc_model *model, dc_tensor *x, void *user)
{
    (void)model;
    switch (*(const int *)user) {
    case 0:  return dc_sum(x);
    case 1:  return dc_reshape(x, DC_SHAPE(-1, 1));
    case 2:  return dc_slice(x, 1, 0, 0);
    default: return x;
    }
}

TEST(models_messages_of_models)
{
    dc_context *ctx = dc_new(1);
    int how = 0;
    EXPECT_FAIL(ctx, dc_sequential(ctx, DC_LAYERS(dc_dense(2, DC_RELU), dc_input(2))),
                "dc_sequential: the first layer must be dc_input(...), the shape of one sample");
    EXPECT_FAIL(ctx, dc_sequential(ctx, dc_make_layers(0, NULL)), "the first layer must be dc_inp");
    EXPECT_FAIL(ctx, dc_sequential(ctx, DC_LAYERS(dc_input(1, 1, 1, 1, 1, 2))),
                "a model's input has at most 5 axes, not 6");
    EXPECT_FAIL(ctx, dc_functional(ctx, DC_SHAPE(3), models_any, &how), "the model turns [1, 3] "
                "into []; the first axis must stay the batch, and no axis be empty");
    how = 1;
    EXPECT_FAIL(ctx, dc_functional(ctx, DC_SHAPE(3), models_any, &how), "turns [1, 3] into [3, 1]");
    how = 2;
    EXPECT_FAIL(ctx, dc_functional(ctx, DC_SHAPE(3), models_any, &how), "turns [1, 3] into [1, 0]");
    EXPECT_FAIL(ctx, dc_sequential(ctx, DC_LAYERS(dc_input(0))), "turns [1, 0] into [1, 0]");
    EXPECT_FAIL(ctx, dc_sequential(ctx, DC_LAYERS(dc_input(-1))), "sizes cannot be negative");
    how = 3;
    dc_model *five = dc_functional(ctx, DC_SHAPE(1, 1, 1, 1, 2), models_any, &how);
    CHECK(dc_forward(five, dc_ones(ctx, DC_SHAPE(3, 1, 1, 1, 1, 2)))->size == 6);
    dc_free(ctx);
}

/* --- compiling --- */

static double models_no_metric(const dc_predictions *p, const dc_metric *self)
{
    (void)p, (void)self;
    return 0;
}

TEST(models_compiling)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(1, DC_LINEAR)));
    dc_metric many[DC_MAX_METRICS + 1];
    for (int i = 0; i <= DC_MAX_METRICS; i++) many[i] = (dc_metric){ "none", models_no_metric, i };
    CHECK(dc_optimizer_of(m) == NULL);
    EXPECT_FAIL(ctx, dc_compile(m, dc_loss_named("msee"), dc_sgd(1)),
                "dc_compile: there is no loss 'msee'");
    EXPECT_FAIL(ctx, dc_compile(m, (dc_loss){ 0 }, dc_sgd(1)), "there is no loss '(null)'");
    CHECK(!m->is_compiled && dc_optimizer_of(m) == NULL);
    dc_compile(m, DC_MAE, dc_sgd(0.25));
    dc_optimizer *first = dc_optimizer_of(m);
    CHECK(m->is_compiled && !strcmp(m->loss.name, "mae") && dc_rate(first) == 0.25);
    CHECK(first->count == 2);
    dc_compile(m, DC_MSE, dc_sgd(0.5));                              /* Anew. */
    CHECK(dc_optimizer_of(m) != first && dc_rate(dc_optimizer_of(m)) == 0.5);
    EXPECT_FAIL(ctx, dc_compile(m, DC_MSE, dc_sgd(-1)), "dc_compile: the rate is -1");
    dc_metrics(m, DC_MAX_METRICS, many);
    CHECK(m->metrics == 8 && m->metric[7].k == 7);
    EXPECT_FAIL(ctx, dc_metrics(m, DC_MAX_METRICS + 1, many), "dc_metrics: 9 metrics; at most 8");
    EXPECT_FAIL(ctx, dc_metrics(m, -1, many), "dc_metrics: -1 metrics");
    dc_metrics(m, DC_METRICS(dc_rmse(), dc_r2()));
    CHECK(m->metrics == 2 && !strcmp(m->metric[1].name, dc_r2().name));
    dc_metrics(m, 0, NULL);
    CHECK(m->metrics == 0);
    dc_free(ctx);
}

/* A step by hand: w = (1, 2), b = 0, x = (3, 4), target 10: y = 11, dw = 2 (3, 4), db = 2. */
TEST(models_compiled_step)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(1, DC_LINEAR)));
    MODELS_SET(m, "dense_1.weight", 1, 2);
    dc_compile(m, DC_MSE, dc_sgd(0.125));
    models_step(m, MODELS_FROM(DC_SHAPE(1, 2), 3, 4), MODELS_FROM(DC_SHAPE(1, 1), 10));
    MODELS_IS(dc_find(m, "dense_1.weight"), DC_SHAPE(2, 1), 0.25, 1);
    MODELS_IS(dc_find(m, "dense_1.bias"), DC_SHAPE(1), -0.25);
    dc_free(ctx);
}

/* A parameter made by hand and the first layer are not born equal. */
static dc_tensor *models_one_dense(dc_model *model, dc_tensor *x, void *user)
{
    (void)user;
    return dc_call(dc_use(model, "first", dc_dense(3, DC_LINEAR)), x);
}

TEST(models_first_layer_is_not_the_first_parameter)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = dc_param(ctx, DC_GLOROT, 3, 3);
    dc_model *m = dc_functional(ctx, DC_SHAPE(3), models_one_dense, NULL);
    CHECK(!models_same_bits(w, dc_find(m, "first.weight")));
    dc_free(ctx);
}
