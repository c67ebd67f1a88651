/* test_vision.c - convolutions, pooling, other sizes, augmentation, and the layers made of them.
 * built: float double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include "capture.h"

#define VISION_TOLERANCE (sizeof(dc_real) == sizeof(double) ? 1e-12 : 2e-5)

static uint32_t vision_state;

static int vision_below(int n)                           /* 0 .. n - 1 */
{
    vision_state = vision_state * 1664525 + 1013904223;
    return (int)((vision_state >> 8) % (uint32_t)n);
}
static int vision_from(int low, int high) { return low + vision_below(high - low + 1); }
static bool vision_one_in(int n) { return vision_below(n) == 0; }

static int vision_or(int64_t given, int64_t usual) { return (int)(given ? given : usual); }

static dc_tensor *vision_random(dc_context *ctx, dc_shape shape)
{
    return dc_require_grad(dc_uniform(ctx, shape, -1, 1));
}

/* 0, 1, 2, ... as images of that shape. */
static dc_tensor *vision_count(dc_context *ctx, dc_shape shape)
{
    dc_tensor *x = dc_zeros(ctx, shape);
    for (int64_t i = 0; i < x->size; i++) x->data[i] = (dc_real)i;
    return dc_require_grad(x);
}

static bool vision_shape_is(const dc_tensor *x, dc_shape shape)
{
    bool same = x->shape.rank == shape.rank;
    for (int i = 0; same && i < shape.rank; i++) same = x->shape.dim[i] == shape.dim[i];
    char text[200];
    dc_shape_text(x->shape, text, sizeof text);
    return check__that(same, __FILE__, __LINE__, "a shape is %s", text);
}

/* x's elements, all of them. */
static void vision_is(const dc_tensor *x, int line, int count, const double *expected)
{
    if (!check__that(x && x->size == count, __FILE__, line, "%d elements", x ? (int)x->size : 0)) return;
    for (int i = 0; i < count; i++)
        check__near((double)x->data[i], expected[i], VISION_TOLERANCE * 10, __FILE__, line, "an element");
}
#define VISION_IS(X, ...) \
    vision_is(X, __LINE__, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })

static bool vision_same_bits(const dc_tensor *a, const dc_tensor *b)
{
    return a->size == b->size && !memcmp(a->data, b->data, (size_t)a->size * sizeof *a->data);
}

/* --- convolutions against five nested loops --- */

/* A convolution joins a large image [large[0], large[1], channels] and a small one [small[0], small[1], filters];
 * a transposed one runs from small to large. Axis 0 is the height. */
typedef struct vision_conv {
    bool is_transposed, is_sequence;
    int  images, channels, filters, groups, large[2], small[2], size[2], stride[2], dilation[2], before[2];
    dc_window window;
} vision_conv;

static void vision_draw_sizes(vision_conv *c)
{
    bool is_depthwise = vision_one_in(4);
    c->is_transposed = vision_one_in(2), c->is_sequence = vision_one_in(3);
    c->groups = is_depthwise ? vision_from(2, 20) : vision_one_in(3) ? vision_from(2, 3) : 1;
    c->channels = c->groups * (is_depthwise ? 1 : vision_from(1, 4));
    c->filters = c->groups * (is_depthwise && vision_below(4) ? 1 : vision_from(1, 4));
    c->images = vision_from(1, 3);
    for (int a = 0; a < 2; a++) {
        c->size[a] = vision_one_in(4) ? 1 : vision_from(1, 4);
        c->small[a] = c->large[a] = vision_from(1, 9);
    }
}

static void vision_draw_window(vision_conv *c)
{
    dc_window *w = &c->window;
    *w = (dc_window){ .groups = c->groups == 1 ? vision_below(2) : c->groups };
    w->stride = vision_below(4), w->stride_x = vision_below(3);
    w->dilation = vision_below(3), w->dilation_x = vision_one_in(3) ? vision_from(1, 3) : 0;
    w->padding = vision_one_in(3) ? DC_SAME : DC_VALID;
    w->top = vision_below(3), w->bottom = vision_below(3), w->left = vision_below(3), w->right = vision_below(3);
    int down = vision_or(w->stride, 1), across = vision_or(w->stride_x, down);
    if (c->is_transposed) w->output_padding = vision_below(down < across ? down : across);
    if (c->is_sequence) w->top = w->bottom = 1;           /* Do not count. */
    c->stride[0] = down, c->stride[1] = across;
    c->dilation[0] = vision_or(w->dilation, 1), c->dilation[1] = vision_or(w->dilation_x, c->dilation[0]);
    c->before[0] = (int)w->top, c->before[1] = (int)w->left;
}

/* The sizes that come out, by the rules that deepc.h states. */
static bool vision_set_output(vision_conv *c)
{
    const int64_t after[2] = { c->window.bottom, c->window.right };
    for (int a = 0; a < 2; a++) {
        int n = c->large[a], s = c->stride[a], span = (c->size[a] - 1) * c->dilation[a] + 1, out, missing;
        bool same = c->window.padding == DC_SAME;
        if (c->is_transposed) {
            out = same ? n * s : (n - 1) * s + span - c->before[a] - (int)after[a] + (int)c->window.output_padding;
            missing = span - s;
            c->large[a] = out;
        } else {
            int room = n + c->before[a] + (int)after[a] - span;
            out = same ? (n + s - 1) / s : room < 0 ? 0 : room / s + 1;
            missing = (out - 1) * s + span - n;
            c->small[a] = out;
        }
        if (same) c->before[a] = missing > 0 ? missing / 2 : 0;
        if (out < 1) return false;
    }
    return true;
}

/* Sequences are images of height 1. */
static void vision_flatten(vision_conv *c)
{
    c->size[0] = c->large[0] = c->small[0] = c->stride[0] = c->dilation[0] = 1, c->before[0] = 0;
}

/* out[n] += for each pair of places that a weight joins. */
typedef struct vision_sums { double *y, *dx, *dw; } vision_sums;

static void vision_join(const vision_conv *c, const dc_tensor *x, const dc_tensor *w, const dc_tensor *dy,
                        vision_sums to, int n, int i, int j, int r, int s)
{
    int row = i * c->stride[0] + r * c->dilation[0] - c->before[0], in = c->channels / c->groups;
    int column = j * c->stride[1] + s * c->dilation[1] - c->before[1], out = c->filters / c->groups;
    if (row < 0 || column < 0 || row >= c->large[0] || column >= c->large[1]) return;
    for (int o = 0; o < c->filters; o++)
        for (int k = 0; k < in; k++) {
            int large = ((n * c->large[0] + row) * c->large[1] + column) * c->channels + o / out * in + k;
            int small = ((n * c->small[0] + i) * c->small[1] + j) * c->filters + o;
            int weight = ((r * c->size[1] + s) * in + k) * c->filters + o;
            int from = c->is_transposed ? small : large, at = c->is_transposed ? large : small;
            to.y[at] += (double)x->data[from] * (double)w->data[weight];
            to.dx[from] += (double)dy->data[at] * (double)w->data[weight];
            to.dw[weight] += (double)dy->data[at] * (double)x->data[from];
        }
}

static bool vision_agree(const vision_conv *c, const char *what, int64_t n, const dc_real *actual,
                         const double *expected, double times)
{
    for (int64_t i = 0; i < n; i++) {
        double e = times * expected[i];
        if (fabs((double)actual[i] - e) <= VISION_TOLERANCE * (4 + fabs(e))) continue;
        return check__that(false, __FILE__, __LINE__, "%s[%d] is %g, not %g: %s, %s, %d x %d x %d x %d, size %d x %d, "
        "%d filters in %d groups, stride %d, %d, dilation %d, %d, before %d, %d, same %d", what, (int)i,
            (double)actual[i], e, c->is_transposed ? "transposed" : "conv", c->is_sequence ? "1d" : "2d", c->images,
            c->large[0], c->large[1], c->channels, c->size[0], c->size[1], c->filters, c->groups, c->stride[0],
            c->stride[1], c->dilation[0], c->dilation[1], c->before[0], c->before[1], c->window.padding);
    }
    return CHECK(true);
}

static dc_shape vision_image_shape(const vision_conv *c, bool large)
{
    const int *size = large ? c->large : c->small, channels = large ? c->channels : c->filters;
    return c->is_sequence ? DC_SHAPE(c->images, size[1], channels)
                          : DC_SHAPE(c->images, size[0], size[1], channels);
}

static bool vision_conv_agrees(dc_context *ctx, const vision_conv *c)
{
    int in = c->channels / c->groups, out = c->is_transposed ? c->channels : c->filters, times = vision_from(1, 2);
    dc_tensor *x = vision_random(ctx, vision_image_shape(c, !c->is_transposed));
    dc_tensor *w = vision_random(ctx, c->is_sequence ? DC_SHAPE(c->size[1], in, c->filters)
                                                     : DC_SHAPE(c->size[0], c->size[1], in, c->filters));
    dc_tensor *b = vision_one_in(3) ? NULL : vision_random(ctx, DC_SHAPE(out));
    dc_tensor *y = c->is_transposed ? dc_conv_transpose_op(x, w, b, c->window) : dc_conv_op(x, w, b, c->window);
    if (!vision_shape_is(y, vision_image_shape(c, c->is_transposed))) return false;
    dc_tensor *dy = dc_uniform(ctx, y->shape, -1, 1);
    vision_sums to = { dc_alloc(ctx, (size_t)y->size * sizeof(double)), dc_alloc(ctx, (size_t)x->size * sizeof(double)),
                       dc_alloc(ctx, (size_t)w->size * sizeof(double)) };
    for (int n = 0; n < c->images; n++)
        for (int place = 0; place < c->small[0] * c->small[1]; place++)
            for (int tap = 0; tap < c->size[0] * c->size[1]; tap++)
                vision_join(c, x, w, dy, to, n, place / c->small[1], place % c->small[1], tap / c->size[1],
                            tap % c->size[1]);
    double *db = dc_alloc(ctx, (size_t)out * sizeof(double));
    for (int64_t i = 0; i < y->size; i++) {
        to.y[i] += b ? (double)b->data[i % out] : 0;
        db[i % out] += (double)dy->data[i];
    }
    for (int i = 0; i < times; i++) dc_backward(dc_sum(dc_mul(y, dy)));
    return vision_agree(c, "y", y->size, y->data, to.y, 1) && vision_agree(c, "dx", x->size, x->grad, to.dx, times) &&
           vision_agree(c, "dw", w->size, w->grad, to.dw, times) &&
           (!b || vision_agree(c, "db", out, b->grad, db, times));
}

TEST(vision_convolutions_are_nested_loops)
{
    dc_context *ctx = dc_new(1);
    int tried = 0, transposed = 0, sequences = 0;
    vision_state = 1;
    while (tried < 600) {
        vision_conv c = { 0 };
        vision_draw_sizes(&c), vision_draw_window(&c);
        if (c.is_sequence) vision_flatten(&c);
        if (!vision_set_output(&c)) continue;
        if (c.is_sequence) vision_flatten(&c);
        dc_mark mark = dc_begin(ctx);
        if (!vision_conv_agrees(ctx, &c)) break;
        dc_end(ctx, mark);
        tried++, transposed += c.is_transposed, sequences += c.is_sequence;
    }
    CHECK(tried == 600 && transposed > 200 && sequences > 100);
    dc_free(ctx);
}

/* More images and channels than one group of images and one chunk of a sum hold. */
TEST(vision_large_convolutions_are_nested_loops)
{
    dc_context *ctx = dc_new(1);
    const vision_conv cases[] = {
        { .images = 9, .channels = 40, .filters = 33, .groups = 1, .large = { 20, 21 }, .size = { 3, 3 },
          .window = { .padding = DC_SAME } },
        { .images = 2, .channels = 130, .filters = 3, .groups = 1, .large = { 7, 7 }, .size = { 3, 2 },
          .window = { .stride = 2 } },
        { .images = 7, .channels = 48, .filters = 48, .groups = 48, .large = { 24, 24 }, .size = { 3, 3 },
          .window = { .padding = DC_SAME, .groups = 48 } },
        { .images = 5, .channels = 18, .filters = 20, .groups = 2, .large = { 16, 17 }, .size = { 3, 3 },
          .window = { .stride = 2, .groups = 2 }, .is_transposed = true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vision_conv c = cases[i];
        c.stride[0] = c.stride[1] = vision_or(c.window.stride, 1), c.dilation[0] = c.dilation[1] = 1;
        memcpy(c.small, c.large, sizeof c.small);
        dc_mark mark = dc_begin(ctx);
        CHECK(vision_set_output(&c) && vision_conv_agrees(ctx, &c));
        dc_end(ctx, mark);
    }
    dc_free(ctx);
}

TEST(vision_convolution_by_hand)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = vision_count(ctx, DC_SHAPE(1, 3, 3, 1));
    dc_tensor *w = dc_require_grad(dc_from(ctx, DC_SHAPE(2, 2, 1, 1), (dc_real[]){ 1, 2, 3, 4 }));
    dc_tensor *b = dc_require_grad(dc_from(ctx, DC_SHAPE(1), (dc_real[]){ 10 }));
    dc_tensor *y = dc_conv_op(x, w, b, (dc_window){ 0 });
    vision_shape_is(y, DC_SHAPE(1, 2, 2, 1));
    VISION_IS(y, 0 + 2 + 9 + 16 + 10, 1 + 4 + 12 + 20 + 10, 3 + 8 + 18 + 28 + 10, 4 + 10 + 21 + 32 + 10);
    dc_backward(dc_sum(y));
    VISION_IS(dc_grad(x), 1, 3, 2, 4, 10, 6, 3, 7, 4);
    VISION_IS(dc_grad(w), 8, 12, 20, 24);
    VISION_IS(dc_grad(b), 4);
    VISION_IS(dc_conv_op(x, w, NULL, (dc_window){ .padding = DC_SAME, .stride = 2 }),     /* The odd zero is last. */
              0 + 2 + 9 + 16, 2 + 15, 6 + 14, 8);
    dc_free(ctx);
}

TEST(vision_transposed_convolution_by_hand)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_require_grad(dc_from(ctx, DC_SHAPE(1, 2, 1), (dc_real[]){ 1, 2 }));
    dc_tensor *w = dc_require_grad(dc_from(ctx, DC_SHAPE(3, 1, 1), (dc_real[]){ 1, 10, 100 }));
    dc_tensor *b = dc_require_grad(dc_from(ctx, DC_SHAPE(1), (dc_real[]){ 1000 }));
    dc_tensor *y = dc_conv_transpose_op(x, w, b, (dc_window){ .stride = 2 });
    VISION_IS(y, 1001, 1010, 1102, 1020, 1200);
    dc_backward(dc_sum(y));
    VISION_IS(dc_grad(x), 111, 111);
    VISION_IS(dc_grad(w), 3, 3, 3);
    VISION_IS(dc_grad(b), 5);
    VISION_IS(dc_conv_transpose_op(x, w, NULL, (dc_window){ .stride = 2, .output_padding = 1 }), 1, 10, 102, 20, 200,
              0);
    VISION_IS(dc_conv_transpose_op(x, w, NULL, (dc_window){ .stride = 2, .left = 1, .right = 1 }), 10, 102, 20);
    VISION_IS(dc_conv_transpose_op(x, w, NULL, (dc_window){ .stride = 2, .padding = DC_SAME }), 1, 10, 102, 20);
    dc_free(ctx);
}

/* Batches without an image: shapes, and gradients of 0. */
TEST(vision_empty_batches)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *w = vision_random(ctx, DC_SHAPE(2, 2, 3, 3)), *b = vision_random(ctx, DC_SHAPE(3));
    dc_tensor *x = vision_random(ctx, DC_SHAPE(0, 4, 4, 3));
    dc_tensor *y[] = { dc_conv_op(x, w, b, (dc_window){ 0 }), dc_conv_transpose_op(x, w, b, (dc_window){ 0 }),
                       dc_max_pool_op(x, (dc_window){ .height = 2 }), dc_avg_pool_op(x, (dc_window){ .height = 2 }) };
    const int size[] = { 3, 5, 2, 2 };
    for (int i = 0; i < 4; i++) {
        vision_shape_is(y[i], DC_SHAPE(0, size[i], size[i], 3));
        dc_backward(dc_sum(y[i]));
    }
    for (int i = 0; i < 36; i++) CHECK_NEAR(w->grad[i], 0, 0);
    for (int i = 0; i < 3; i++) CHECK_NEAR(b->grad[i], 0, 0);
    dc_free(ctx);
}

/* --- pooling --- */

static void vision_window_of(const vision_conv *c, bool is_adaptive, int axis, int i, int *from, int *to)
{
    int n = c->large[axis], m = c->small[axis];
    *from = i * c->stride[axis] - c->before[axis], *to = *from + c->size[axis] * c->dilation[axis];
    if (is_adaptive) *from = i * n / m, *to = ((i + 1) * n + m - 1) / m;
}

/* One window: y, and dx from dy; false when it has no pixel. */
static bool vision_pool_one(const vision_conv *c, bool is_adaptive, bool is_max, const dc_tensor *x, double dy, int n,
                            int i, int j, int k, double *y, double *dx)
{
    int low[2], high[2], inside[200], count = 0, best = 0;
    double sum = 0;
    vision_window_of(c, is_adaptive, 0, i, &low[0], &high[0]);
    vision_window_of(c, is_adaptive, 1, j, &low[1], &high[1]);
    for (int r = low[0]; r < high[0]; r += c->dilation[0])
        for (int s = low[1]; s < high[1]; s += c->dilation[1]) {
            if (r < 0 || s < 0 || r >= c->large[0] || s >= c->large[1]) continue;
            inside[count] = ((n * c->large[0] + r) * c->large[1] + s) * c->channels + k;
            sum += (double)x->data[inside[count]];
            if (x->data[inside[count]] > x->data[inside[best]]) best = count;
            count++;
        }
    if (!count) return false;
    *y = is_max ? (double)x->data[inside[best]] : sum / count;
    for (int p = 0; p < count && !is_max; p++) dx[inside[p]] += dy / count;
    if (is_max) dx[inside[best]] += dy;
    return true;
}

/* 0: the geometry has a window without a pixel; -1: wrong. */
static int vision_pool_agrees(dc_context *ctx, vision_conv *c, bool is_adaptive, bool is_max)
{
    dc_tensor *x = vision_random(ctx, vision_image_shape(c, true)), *y;
    for (int64_t i = 0; i < x->size; i++) x->data[i] = (dc_real)vision_below(5);        /* With ties. */
    dc_tensor *dy = dc_uniform(ctx, vision_image_shape(c, false), -1, 1);
    double *expected = dc_alloc(ctx, (size_t)dy->size * sizeof *expected);
    double *dx = dc_alloc(ctx, (size_t)x->size * sizeof *dx);
    int m = c->small[1], per_image = c->small[0] * m * c->channels;
    for (int64_t i = 0; i < dy->size; i++) {
        int at = (int)i % per_image, place = at / c->channels;
        if (!vision_pool_one(c, is_adaptive, is_max, x, (double)dy->data[i], (int)i / per_image, place / m, place % m,
                             at % c->channels, &expected[i], dx)) return 0;
    }
    if (is_adaptive) y = (is_max ? dc_adaptive_max_pool_op : dc_adaptive_avg_pool_op)(x, c->small[0], m);
    else y = (is_max ? dc_max_pool_op : dc_avg_pool_op)(x, c->window);
    if (!vision_shape_is(y, dy->shape)) return -1;
    for (int i = 0; i < 2; i++) dc_backward(dc_sum(dc_mul(y, dy)));
    return vision_agree(c, is_max ? "max" : "mean", y->size, y->data, expected, 1) &&
           vision_agree(c, is_max ? "dx of max" : "dx of mean", x->size, x->grad, dx, 2) ? 1 : -1;
}

static void vision_draw_pool(vision_conv *c)
{
    dc_window *w = &c->window;
    *c = (vision_conv){ .is_sequence = vision_one_in(3), .groups = 1 };
    c->channels = c->filters = vision_one_in(3) ? vision_from(15, 18) : vision_from(1, 4);
    c->images = vision_from(1, 3);
    w->height = vision_from(1, 4), w->width = vision_below(5);
    w->stride = vision_below(4), w->stride_x = vision_below(3), w->dilation = vision_below(3);
    w->padding = vision_one_in(3) ? DC_SAME : DC_VALID;
    w->top = vision_below(3), w->bottom = vision_below(3), w->left = vision_below(3), w->right = vision_below(3);
    c->size[0] = (int)w->height, c->size[1] = vision_or(w->width, w->height);
    for (int a = 0; a < 2; a++) {
        c->large[a] = vision_from(1, 9), c->dilation[a] = vision_or(w->dilation, 1);
        c->stride[a] = vision_or(a ? w->stride_x : 0, vision_or(w->stride, c->size[a]));
    }
    c->before[0] = (int)w->top, c->before[1] = (int)w->left;
}

TEST(vision_pooling_is_nested_loops)
{
    dc_context *ctx = dc_new(1);
    int tried = 0;
    vision_state = 2;
    while (tried < 600) {
        vision_conv c;
        bool is_max = vision_one_in(2), is_adaptive = vision_one_in(3);
        vision_draw_pool(&c);
        if (c.is_sequence) vision_flatten(&c);
        if (!vision_set_output(&c)) continue;
        if (is_adaptive) {
            c.small[0] = vision_from(1, 6), c.small[1] = vision_from(1, 6), c.dilation[0] = c.dilation[1] = 1;
            c.before[0] = c.before[1] = 0;
        }
        if (c.is_sequence) vision_flatten(&c);
        dc_mark mark = dc_begin(ctx);
        int result = vision_pool_agrees(ctx, &c, is_adaptive, is_max);
        dc_end(ctx, mark);
        if (!CHECK(result >= 0)) break;
        tried += result;
    }
    dc_free(ctx);
}

TEST(vision_pooling_by_hand)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = vision_count(ctx, DC_SHAPE(1, 4, 4, 1)), *y = dc_max_pool_op(x, (dc_window){ .height = 2 });
    VISION_IS(y, 5, 7, 13, 15);
    VISION_IS(dc_avg_pool_op(x, (dc_window){ .height = 2 }), 2.5, 4.5, 10.5, 12.5);
    VISION_IS(dc_max_pool_op(x, (dc_window){ .height = 3, .stride = 1 }), 10, 11, 14, 15);
    VISION_IS(dc_max_pool_op(x, (dc_window){ .height = 2, .stride = 2, .dilation = 2 }), 10);
    VISION_IS(dc_avg_pool_op(x, (dc_window){ .height = 2, .top = 1, .left = 1, .bottom = 1, .right = 1 }),
              0, 1.5, 3, 6, 7.5, 9, 12, 13.5, 15);                       /* Zeros do not count. */
    VISION_IS(dc_max_pool_op(dc_neg(dc_shift(x, 1)), (dc_window){ .height = 3, .width = 2, .top = 2, .left = 1,
                                                                  .right = 1 }),
              -1, -2, -4, -5, -6, -8);                                   /* And are no maximum. */
    VISION_IS(dc_max_pool_op(x, (dc_window){ .height = 1, .width = 2 }), 1, 3, 5, 7, 9, 11, 13, 15);
    VISION_IS(dc_max_pool_op(dc_reshape(x, DC_SHAPE(2, 8, 1)), (dc_window){ .height = 4 }), 3, 7, 11, 15);
    VISION_IS(dc_adaptive_avg_pool_op(x, 1, 2), 6.5, 8.5);
    VISION_IS(dc_adaptive_max_pool_op(x, 3, 3), 5, 6, 7, 9, 10, 11, 13, 14, 15);
    dc_backward(dc_sum(y));
    VISION_IS(dc_grad(x), 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1);
    dc_free(ctx);
}

TEST(vision_pooling_of_ties_and_nan)
{
    dc_context *ctx = dc_new(1);
    const dc_real nan = (dc_real)NAN;
    dc_tensor *x = dc_require_grad(dc_from(ctx, DC_SHAPE(1, 8, 1), (dc_real[]){ 2, 2, 1, 2, 1, 3, 3, 0 }));
    dc_backward(dc_sum(dc_max_pool_op(x, (dc_window){ .height = 4 })));
    VISION_IS(dc_grad(x), 1, 0, 0, 0, 0, 1, 0, 0);
    x = dc_require_grad(dc_from(ctx, DC_SHAPE(1, 8, 1), (dc_real[]){ 1, nan, 9, 2, nan, 1, 2, 3 }));
    dc_tensor *y = dc_max_pool_op(x, (dc_window){ .height = 4 });
    CHECK(isnan(y->data[0]) && isnan(y->data[1]));
    dc_backward(dc_sum(y));
    VISION_IS(dc_grad(x), 0, 1, 0, 0, 1, 0, 0, 0);
    y = dc_avg_pool_op(x, (dc_window){ .height = 2 });
    CHECK(isnan(y->data[0]) && !isnan(y->data[1]) && isnan(y->data[2]) && !isnan(y->data[3]));
    y = dc_max_pool_op(dc_full(ctx, DC_SHAPE(1, 4, 1), -(dc_real)INFINITY), (dc_window){ .height = 2 });
    CHECK(isinf(y->data[0]) && y->data[1] < 0);
    dc_free(ctx);
}

/* --- other sizes, normalisation --- */

TEST(vision_resize_by_hand)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_from(ctx, DC_SHAPE(1, 2, 2, 1), (dc_real[]){ 0, 4, 8, 12 });
    dc_tensor *row = vision_count(ctx, DC_SHAPE(1, 3, 1));
    VISION_IS(dc_resize(x, 4, 2, DC_NEAREST), 0, 4, 0, 4, 8, 12, 8, 12);
    VISION_IS(dc_resize(x, 2, 4, DC_BILINEAR), 0, 1, 3, 4, 8, 9, 11, 12);
    VISION_IS(dc_resize(x, 1, 1, DC_AREA), 6);
    VISION_IS(dc_resize(row, 1, 2, DC_AREA), 1.0 / 3, 5.0 / 3);
    VISION_IS(dc_resize(row, 99, 5, DC_NEAREST), 0, 0, 1, 1, 2);         /* A sequence has no height. */
    CHECK(vision_same_bits(dc_resize(x, 2, 2, DC_BILINEAR), x));
    dc_tensor *y = dc_pixel_shuffle_op(vision_count(ctx, DC_SHAPE(1, 1, 2, 4)), 2);
    vision_shape_is(y, DC_SHAPE(1, 2, 4, 1));
    VISION_IS(y, 0, 1, 4, 5, 2, 3, 6, 7);
    y = dc_pixel_shuffle_op(vision_count(ctx, DC_SHAPE(1, 1, 1, 8)), 2);
    VISION_IS(y, 0, 4, 1, 5, 2, 6, 3, 7);
    dc_free(ctx);
}

TEST(vision_normalisation_by_hand)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_from(ctx, DC_SHAPE(1, 2, 4), (dc_real[]){ 1, 3, 0, 10, 5, 7, 20, 30 });
    double a = sqrt(5), b = sqrt(125);                                   /* Deviations of 1 3 5 7 and 0 10 20 30. */
    VISION_IS(dc_group_norm_op(x, 2, NULL, NULL, 0), -3 / a, -1 / a, -15 / b, -5 / b, 1 / a, 3 / a, 5 / b, 15 / b);
    VISION_IS(dc_group_norm_op(x, 4, NULL, NULL, 0), -1, -1, -1, -1, 1, 1, 1, 1);
    dc_tensor *gain = dc_from(ctx, DC_SHAPE(4), (dc_real[]){ 1, 2, 3, 4 });
    VISION_IS(dc_group_norm_op(x, 4, gain, dc_ones(ctx, DC_SHAPE(4)), 0), 0, -1, -2, -3, 2, 3, 4, 5);
    x = dc_from(ctx, DC_SHAPE(2, 2), (dc_real[]){ 3, 4, 0, 2 });
    VISION_IS(dc_rms_norm_op(x, NULL, 0), 3 / sqrt(12.5), 4 / sqrt(12.5), 0, sqrt(2));
    VISION_IS(dc_rms_norm_op(x, dc_full(ctx, DC_SHAPE(2), 2), 2), 6 / sqrt(14.5), 8 / sqrt(14.5), 0, 2);
    dc_free(ctx);
}

/* --- what is refused --- */

TEST(vision_convolutions_refuse)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_zeros(ctx, DC_SHAPE(2, 5, 6, 4)), *w = dc_zeros(ctx, DC_SHAPE(3, 3, 4, 2));
    dc_tensor *row = dc_zeros(ctx, DC_SHAPE(2, 6, 4)), *vector = dc_zeros(ctx, DC_SHAPE(3));
    const dc_window usual = { 0 };
    EXPECT_FAIL(ctx, dc_conv_op(row, w, NULL, usual), "dc_conv_op: images [N, H, W, C] and filters of 4 axes, or "
                "sequences [N, L, C] and filters of 3, are wanted, not [2, 6, 4] and [3, 3, 4, 2]");
    EXPECT_FAIL(ctx, dc_conv_op(vector, vector, NULL, usual), "are wanted, not [3] and [3]");
    EXPECT_FAIL(ctx, dc_conv_op(x, dc_zeros(ctx, DC_SHAPE(3, 3, 3, 2)), NULL, usual),
                "dc_conv_op: filters [3, 3, 3, 2] in 1 group do not fit [2, 5, 6, 4]: they are [..., in / groups, "
                "out], and out is a multiple of groups");
    EXPECT_FAIL(ctx, dc_conv_op(x, dc_zeros(ctx, DC_SHAPE(3, 3, 2, 3)), NULL, (dc_window){ .groups = 2 }),
                "in 2 groups");
    EXPECT_FAIL(ctx, dc_conv_op(x, w, NULL, (dc_window){ .groups = -1 }), "in -1 groups");
    EXPECT_FAIL(ctx, dc_conv_op(x, w, vector, usual), "dc_conv_op: the bias");
    EXPECT_FAIL(ctx, dc_conv_op(x, w, NULL, (dc_window){ .stride = -1 }),
                "dc_conv_op: size 3, stride -1, dilation 1, 0 and 0 zeros around; the first three are at least 1");
    EXPECT_FAIL(ctx, dc_conv_op(x, w, NULL, (dc_window){ .dilation_x = -2 }), "dilation -2");
    EXPECT_FAIL(ctx, dc_conv_op(x, w, NULL, (dc_window){ .right = -3 }), "0 and -3 zeros");
    EXPECT_FAIL(ctx, dc_conv_op(x, dc_zeros(ctx, DC_SHAPE(0, 3, 4, 2)), NULL, usual), "size 0, ");
    EXPECT_FAIL(ctx, dc_conv_op(x, w, NULL, (dc_window){ .dilation = 3, .top = 1 }),
                "dc_conv_op: the window spans 7, axis 1 of [2, 5, 6, 4] only 5 and 1 zeros");
    EXPECT_FAIL(ctx, dc_conv_op(row, dc_zeros(ctx, DC_SHAPE(7, 4, 1)), NULL, usual),
                "the window spans 7, axis 1 of [2, 6, 4] only 6 and 0 zeros");
    EXPECT_FAIL(ctx, dc_conv_transpose_op(x, w, NULL, usual), "dc_conv_transpose_op: filters [3, 3, 4, 2] in 1 group "
                "do not fit [2, 5, 6, 4]: they are [..., out / groups, in]");
    w = dc_zeros(ctx, DC_SHAPE(3, 3, 2, 4));
    EXPECT_FAIL(ctx, dc_conv_transpose_op(x, w, vector, usual), "dc_conv_transpose_op: the bias");
    EXPECT_FAIL(ctx, dc_conv_transpose_op(x, w, NULL, (dc_window){ .top = 4, .bottom = 3 }),
                "dc_conv_transpose_op: the window");
    EXPECT_FAIL(ctx, dc_conv_transpose_op(x, w, NULL, (dc_window){ .stride_x = -1 }), "stride -1");
    dc_free(ctx);
}

TEST(vision_other_ops_refuse)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_zeros(ctx, DC_SHAPE(2, 5, 6, 4)), *vector = dc_zeros(ctx, DC_SHAPE(3));
    EXPECT_FAIL(ctx, dc_max_pool_op(vector, (dc_window){ .height = 2 }),
                "dc_max_pool_op: images [N, H, W, C] or sequences [N, L, C] are wanted, not [3]");
    EXPECT_FAIL(ctx, dc_avg_pool_op(vector, (dc_window){ .height = 2 }), "dc_avg_pool_op: images");
    EXPECT_FAIL(ctx, dc_avg_pool_op(x, (dc_window){ 0 }), "dc_avg_pool_op: size 0, ");
    EXPECT_FAIL(ctx, dc_max_pool_op(x, (dc_window){ .height = 6 }), "the window spans 6, axis 1 of [2, 5");
    EXPECT_FAIL(ctx, dc_max_pool_op(x, (dc_window){ .height = 2, .top = 2 }),
                "dc_max_pool_op: a window of 2 lies in the padding only");
    EXPECT_FAIL(ctx, dc_adaptive_max_pool_op(x, 0, 2), "[2, 5, 6, 4] to 0 x 2: sizes are at least 1");
    EXPECT_FAIL(ctx, dc_adaptive_avg_pool_op(x, 2, -1), "[2, 5, 6, 4] to 2 x -1: sizes are at least 1");
    EXPECT_FAIL(ctx, dc_adaptive_avg_pool_op(vector, 1, 1), "are wanted, not [3]");
    EXPECT_FAIL(ctx, dc_resize(vector, 1, 1, DC_AREA), "dc_resize: images [N, H, W, C] or sequences [N, L, C], [3], "
                "to a size of 1 x 1");
    EXPECT_FAIL(ctx, dc_resize(x, 0, 4, DC_AREA), "[2, 5, 6, 4], to a size of 0 x 4");
    EXPECT_FAIL(ctx, dc_resize(x, 4, -1, DC_AREA), "to a size of 4 x -1");
    EXPECT_FAIL(ctx, dc_pixel_shuffle_op(x, 3), "dc_pixel_shuffle_op: [2, 5, 6, 4] by 3: images [N, H, W, C factor^2]");
    EXPECT_FAIL(ctx, dc_pixel_shuffle_op(x, 0), "by 0");
    EXPECT_FAIL(ctx, dc_pixel_shuffle_op(vector, 1), "[3] by 1");
    EXPECT_FAIL(ctx, dc_group_norm_op(x, 3, NULL, NULL, 0), "dc_group_norm_op: the last axis of [2, 5, 6, 4] does not "
                "fall into 3 groups");
    EXPECT_FAIL(ctx, dc_group_norm_op(x, 0, NULL, NULL, 0), "into 0 groups");
    EXPECT_FAIL(ctx, dc_group_norm_op(vector, 1, NULL, NULL, 0), "the last axis of [3]");
    EXPECT_FAIL(ctx, dc_group_norm_op(x, 2, vector, NULL, 0), "normalisation: the gain");
    EXPECT_FAIL(ctx, dc_group_norm_op(x, 2, NULL, vector, 0), "normalisation: the bias");
    EXPECT_FAIL(ctx, dc_rms_norm_op(x, vector, 0), "normalisation: the gain");
    EXPECT_FAIL(ctx, dc_augment_op(vector, (dc_augmentation){ 0 }), "dc_augment_op: images [N, H, W, C] are wanted, "
                "not [3]");
    EXPECT_FAIL(ctx, dc_augment_op(x, (dc_augmentation){ .scale = 1 }), "a scale of 1, which must be below 1");
    EXPECT_FAIL(ctx, dc_augment_op(x, (dc_augmentation){ .erase = -1 }), "or an erase of -1, from 0 to 1");
    EXPECT_FAIL(ctx, dc_augment_op(x, (dc_augmentation){ .scale = (dc_real)NAN }), "a scale of nan");
    dc_free(ctx);
}

static dc_model *vision_chain(dc_context *ctx, dc_shape shape, dc_layer_spec spec)
{
    return dc_sequential(ctx, DC_LAYERS(dc_input_shaped(shape), spec));
}

TEST(vision_layers_refuse)
{
    dc_context *ctx = dc_new(1);
    const dc_shape image = DC_SHAPE(6, 6, 4), row = DC_SHAPE(6, 4);
    EXPECT_FAIL(ctx, vision_chain(ctx, row, dc_conv2d(3, 3, DC_RELU)), "dc_conv2d: 3 filters of size 3 on [1, 6, 4]; "
                "at least 1 of size 1, on [N, H, W, C], is needed");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_conv1d(3, 2, DC_RELU)),
                "dc_conv1d: 3 filters of size 2 on [1, 6, 6, 4]; at least 1 of size 1, on [N, L, C], is needed");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_conv_transpose1d(3, 2, DC_RELU)), "dc_conv_transpose1d: 3 filters");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_conv_transpose2d(-3, 2, DC_RELU)), "dc_conv_transpose2d: -3 filters");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_depthwise_conv2d(0, DC_RELU)), "filters of size 0");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_with_window(dc_conv2d(3, 3, DC_RELU), (dc_window){ .groups = 3 })),
                "in 3 groups do not fit");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_conv2d(3, 7, DC_RELU)), "the window spans 7, axis 1 of [1, 6, 6");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_max_pool(7)), "the window spans 7, axis 1 of [1, 6, 6, 4] only 6");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_avg_pool(0)), "size 0, ");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_adaptive_avg_pool(0, 2)), "sizes are at least 1");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_upsample(0, DC_NEAREST)), "to a size of 0 x 0");
    EXPECT_FAIL(ctx, vision_chain(ctx, DC_SHAPE(4), dc_upsample(2, DC_NEAREST)), "dc_resize: images");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_pixel_shuffle(3)), "dc_pixel_shuffle_op");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_group_norm(3)), "does not fall into 3 groups");
    EXPECT_FAIL(ctx, vision_chain(ctx, row, dc_augment((dc_augmentation){ .flip_x = 1 })), "dc_augment_op: images");
    EXPECT_FAIL(ctx, vision_chain(ctx, image, dc_spatial_dropout(1)), "rate");
    dc_layer_spec norm[] = { dc_group_norm(2), dc_instance_norm(), dc_rms_norm() };
    for (int i = 0; i < 3; i++) {
        EXPECT_FAIL(ctx, vision_chain(ctx, DC_SCALAR, norm[i]), "needs an axis of features behind the batch axis");
        dc_model *m = vision_chain(ctx, image, norm[i]);
        EXPECT_FAIL(ctx, dc_call(m->first->next, dc_zeros(ctx, DC_SHAPE(2, 6, 6, 1))),
                    "made for 4 features, and got [2, 6, 6, 1]");
    }
    dc_free(ctx);
}

/* --- layers --- */

static dc_model *vision_every_image_layer(dc_context *ctx)
{
    return dc_sequential(ctx, DC_LAYERS(
        dc_input(8, 8, 3),
        dc_augment((dc_augmentation){ .shift = DC__C(0.1), .flip_x = DC__C(0.5), .noise = DC__C(0.01) }),
        dc_with_window(dc_conv2d(8, 3, DC_RELU), (dc_window){ .padding = DC_SAME }),
        dc_group_norm(2),
        dc_depthwise_conv2d(3, DC_LINEAR),
        dc_instance_norm(),
        dc_with_window(dc_conv_transpose2d(4, 3, DC_RELU),
                       (dc_window){ .stride = 2, .top = 1, .bottom = 1, .left = 1, .right = 1, .output_padding = 1 }),
        dc_rms_norm(),
        dc_max_pool(2),
        dc_spatial_dropout(DC__C(0.25)),
        dc_upsample(2, DC_BILINEAR),
        dc_pixel_shuffle(2),
        dc_with_window(dc_avg_pool(3), (dc_window){ .stride = 2 }),
        dc_adaptive_max_pool(6, 5),
        dc_with_window(dc_without_bias(dc_conv2d(6, 3, DC_TANH)),
                       (dc_window){ .width = 2, .stride = 1, .stride_x = 1 }),
        dc_batch_norm(),
        dc_adaptive_avg_pool(2, 2),
        dc_global_avg_pool(),
        dc_dense(2, DC_LINEAR)));
}

static dc_model *vision_every_sequence_layer(dc_context *ctx)
{
    return dc_sequential(ctx, DC_LAYERS(
        dc_input(12, 2), dc_conv1d(4, 3, DC_GELU),
        dc_with_window(dc_conv_transpose1d(3, 2, DC_LINEAR), (dc_window){ .stride = 2 }),
        dc_max_pool(2), dc_upsample(2, DC_AREA), dc_spatial_dropout(DC__C(0.5)), dc_group_norm(3), dc_global_max_pool(),
        dc_dense(2, DC_LINEAR)));
}

typedef struct vision_row { const char *name, *shape; int parameters, flops, numbers; } vision_row;

static void vision_summary_has(dc_model *model, const vision_row *row, int rows)
{
    capture_start();
    dc_summary(model);
    const char *text = capture_end();
    for (int i = 0; i < rows; i++) {
        char line[128];
        snprintf(line, sizeof line, "%-24s %-18s %12d %14d %12d\n", row[i].name, row[i].shape, row[i].parameters,
                 row[i].flops, row[i].numbers * (int)sizeof(dc_real));
        check__text(text, line, __FILE__, __LINE__, "dc_summary");
    }
}

TEST(vision_layers_shapes_and_costs)
{
    dc_context *ctx = dc_new(1);
    static const vision_row image[] = {
        { "augment_1", "[N, 8, 8, 3]", 0, 0, 192 },
        { "conv2d_1", "[N, 8, 8, 8]", 27 * 8 + 8, 512 * 2 * 27, 512 },
        { "group_norm_1", "[N, 8, 8, 8]", 16, 512, 512 },
        { "conv2d_2", "[N, 6, 6, 8]", 72 + 8, 288 * 2 * 9, 288 },
        { "group_norm_2", "[N, 6, 6, 8]", 16, 288, 288 },
        { "conv_transpose2d_1", "[N, 12, 12, 4]", 288 + 4, 36 * 2 * 288, 576 },
        { "rms_norm_1", "[N, 12, 12, 4]", 4, 576, 576 },
        { "max_pool_1", "[N, 6, 6, 4]", 0, 144, 144 },
        { "spatial_dropout_1", "[N, 6, 6, 4]", 0, 0, 144 },
        { "upsample_1", "[N, 12, 12, 4]", 0, 576, 576 },
        { "pixel_shuffle_1", "[N, 24, 24, 1]", 0, 0, 576 },
        { "avg_pool_1", "[N, 11, 11, 1]", 0, 121, 121 },
        { "adaptive_max_pool_1", "[N, 6, 5, 1]", 0, 30, 30 },
        { "conv2d_3", "[N, 4, 4, 6]", 36, 96 * 2 * 6, 96 },
        { "adaptive_avg_pool_1", "[N, 2, 2, 6]", 0, 24, 24 },
        { "global_avg_pool_1", "[N, 6]", 0, 6, 6 },
    };
    static const vision_row sequence[] = {
        { "conv1d_1", "[N, 10, 4]", 24 + 4, 40 * 2 * 6, 40 },
        { "conv_transpose1d_1", "[N, 20, 3]", 24 + 3, 10 * 2 * 24, 60 },
        { "max_pool_1", "[N, 10, 3]", 0, 30, 30 },
        { "upsample_1", "[N, 20, 3]", 0, 60, 60 },
        { "global_max_pool_1", "[N, 3]", 0, 3, 3 },
    };
    dc_model *m = vision_every_image_layer(ctx), *n = vision_every_sequence_layer(ctx);
    vision_summary_has(m, image, (int)(sizeof image / sizeof *image));
    vision_summary_has(n, sequence, (int)(sizeof sequence / sizeof *sequence));
    vision_shape_is(dc_find(m, "conv2d_1.weight"), DC_SHAPE(3, 3, 3, 8));
    vision_shape_is(dc_find(m, "conv2d_1.bias"), DC_SHAPE(8));
    vision_shape_is(dc_find(m, "conv2d_2.weight"), DC_SHAPE(3, 3, 1, 8));
    vision_shape_is(dc_find(m, "conv2d_3.weight"), DC_SHAPE(3, 2, 1, 6));
    vision_shape_is(dc_find(m, "conv_transpose2d_1.weight"), DC_SHAPE(3, 3, 4, 8));
    vision_shape_is(dc_find(m, "conv_transpose2d_1.bias"), DC_SHAPE(4));
    vision_shape_is(dc_find(m, "group_norm_2.bias"), DC_SHAPE(8));
    vision_shape_is(dc_find(m, "rms_norm_1.weight"), DC_SHAPE(4));
    vision_shape_is(dc_find(n, "conv1d_1.weight"), DC_SHAPE(3, 2, 4));
    vision_shape_is(dc_find(n, "conv_transpose1d_1.weight"), DC_SHAPE(2, 3, 4));
    CHECK(!dc_find(m, "conv2d_3.bias") && !dc_find(m, "rms_norm_1.bias"));
    dc_free(ctx);
}

/* Layers are the ops of the same names. */
TEST(vision_layers_are_ops)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_uniform(ctx, DC_SHAPE(2, 5, 6, 4), -1, 1), *w, *b;
    const dc_shape shape = DC_SHAPE(5, 6, 4);
    const dc_window odd = { .stride = 2, .stride_x = 1, .dilation_x = 2, .bottom = 1, .left = 2 };
    const dc_activation f[] = { DC_LINEAR, DC_RELU, DC_TANH, DC_SIGMOID, DC_GELU, DC_SOFTMAX };
    for (int i = 0; i < 6; i++) {
        dc_model *m = vision_chain(ctx, shape, dc_with_init(dc_with_window(dc_conv2d(3, 2, f[i]), odd), DC_HE));
        w = dc_find(m, "conv2d_1.weight"), b = dc_find(m, "conv2d_1.bias");
        b->data[1] = 2;
        CHECK(vision_same_bits(dc_forward(m, x), dc_activate(dc_conv_op(x, w, b, odd), f[i])));
        m = vision_chain(ctx, shape, dc_with_window(dc_conv_transpose2d(3, 2, f[i]), odd));
        w = dc_find(m, "conv_transpose2d_1.weight"), b = dc_find(m, "conv_transpose2d_1.bias");
        b->data[0] = 1;
        CHECK(vision_same_bits(dc_forward(m, x), dc_activate(dc_conv_transpose_op(x, w, b, odd), f[i])));
    }
    dc_layer_spec depthwise = dc_with_window(dc_depthwise_conv2d(3, DC_LINEAR), (dc_window){ .stride = 2 });
    depthwise.units = 8;                                     /* Two filters for each channel. */
    dc_model *m = vision_chain(ctx, shape, depthwise);
    CHECK(vision_same_bits(dc_forward(m, x), dc_conv_op(x, dc_find(m, "conv2d_1.weight"), NULL,
                                                        (dc_window){ .stride = 2, .groups = 4 })));
    dc_window pool = odd;
    pool.height = 2;
    CHECK(vision_same_bits(dc_forward(vision_chain(ctx, shape, dc_with_window(dc_max_pool(2), odd)), x),
                           dc_max_pool_op(x, pool)));
    CHECK(vision_same_bits(dc_forward(vision_chain(ctx, shape, dc_avg_pool(2)), x),
                           dc_avg_pool_op(x, (dc_window){ .height = 2 })));
    dc_tensor *y = dc_forward(vision_chain(ctx, shape, dc_global_max_pool()), x);
    CHECK(vision_same_bits(y, dc_adaptive_max_pool_op(x, 1, 1)) && vision_shape_is(y, DC_SHAPE(2, 4)));
    y = dc_forward(vision_chain(ctx, shape, dc_global_avg_pool()), x);
    CHECK_NEAR(y->data[7], dc_adaptive_avg_pool_op(x, 1, 1)->data[7], VISION_TOLERANCE);
    CHECK(vision_same_bits(dc_forward(vision_chain(ctx, shape, dc_upsample(3, DC_AREA)), x),
                           dc_resize(x, 15, 18, DC_AREA)));
    CHECK(vision_same_bits(dc_forward(vision_chain(ctx, shape, dc_instance_norm()), x),
                           dc_group_norm_op(x, 4, NULL, NULL, DC__C(1e-5))));
    CHECK(vision_same_bits(dc_forward(vision_chain(ctx, shape, dc_rms_norm()), x),
                           dc_rms_norm_op(x, NULL, DC__C(1e-6))));
    dc_free(ctx);
}

TEST(vision_spatial_dropout_drops_channels)
{
    dc_context *ctx = dc_new(1);
    dc_model *m = vision_chain(ctx, DC_SHAPE(3, 3, 50), dc_spatial_dropout(DC__C(0.25)));
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(20, 3, 3, 50));
    CHECK(vision_same_bits(dc_forward(m, x), x));
    dc_set_training(ctx, true);
    dc_tensor *y = dc_forward(m, x);
    int dropped = 0;
    for (int n = 0; n < 20; n++)
        for (int c = 0; c < 50; c++) {
            const dc_real *first = y->data + n * 450 + c;
            dropped += *first <= 0;
            for (int i = 0; i < 9; i++) CHECK_NEAR(first[i * 50], *first > 0 ? 4.0 / 3 : 0, VISION_TOLERANCE);
        }
    CHECK(dropped > 200 && dropped < 300);
    CHECK(!vision_same_bits(y, dc_forward(m, x)));           /* Anew each time. */
    dc_free(ctx);
}

static bool vision_same_window(const dc_window *a, const dc_window *b)
{
    return a->height == b->height && a->width == b->width && a->stride == b->stride && a->stride_x == b->stride_x &&
           a->dilation == b->dilation && a->dilation_x == b->dilation_x && a->padding == b->padding &&
           a->top == b->top &&
           a->bottom == b->bottom && a->left == b->left && a->right == b->right && a->groups == b->groups &&
           a->output_padding == b->output_padding;
}

static bool vision_survives_a_file(dc_model *(*make)(dc_context *ctx), dc_shape batch)
{
    const char *path = temporary_path("vision.safetensors");
    dc_context *ctx = dc_new(1), *other = dc_new(99);
    dc_model *m = make(ctx);
    dc_tensor *x = dc_uniform(ctx, batch, 0, 1);
    dc_fit(m, dc_from_arrays(ctx, batch.dim[0], dc_make_shape(batch.rank - 1, batch.dim + 1), x->data, DC_SCALAR,
                             dc_zeros(ctx, DC_SHAPE(batch.dim[0]))->data, 2),
           (dc_fit_options){ .epochs = 1, .quiet = true });
    if (!CHECK(dc_save(m, path))) printf("  %s\n", dc_error(ctx));
    dc_model *n = dc_load(other, path);
    if (!CHECK(n != NULL)) return printf("  %s\n", dc_error(other)), false;
    CHECK(dc_fingerprint(m) == dc_fingerprint(n));
    CHECK(vision_same_bits(dc_predict(m, x), dc_predict(n, dc_from(other, x->shape, x->data))));
    dc_layer *a = m->first, *b = n->first;
    for (; a && b; a = a->next, b = b->next) {
        const dc_layer_spec *s = &a->spec, *t = &b->spec;
        check__that(vision_same_window(&s->window, &t->window) && s->resizing == t->resizing &&
                    !memcmp(&s->augmentation, &t->augmentation, sizeof s->augmentation) && s->units == t->units &&
                    s->activation == t->activation && s->rate >= t->rate && s->rate <= t->rate &&
                    s->epsilon >= t->epsilon && s->epsilon <= t->epsilon, __FILE__, __LINE__, "%s comes back", a->name);
    }
    bool whole = CHECK(!a && !b);
    dc_free(ctx), dc_free(other);
    return whole;
}

static dc_model *vision_compiled(dc_model *model)
{
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    return model;
}
static dc_model *vision_compiled_image(dc_context *ctx) { return vision_compiled(vision_every_image_layer(ctx)); }
static dc_model *vision_compiled_sequence(dc_context *ctx) { return vision_compiled(vision_every_sequence_layer(ctx)); }

TEST(vision_layers_are_saved_and_loaded)
{
    vision_survives_a_file(vision_compiled_image, DC_SHAPE(5, 8, 8, 3));
    vision_survives_a_file(vision_compiled_sequence, DC_SHAPE(5, 12, 2));
}

/* --- training --- */

/* Stripes, across or down, under noise. */
static dc_dataset *vision_stripes(dc_context *ctx, int count)
{
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(count, 12, 12, 2), 0, DC__C(0.5)), *y = dc_zeros(ctx, DC_SHAPE(count));
    for (int64_t i = 0; i < x->size; i++) {
        int64_t n = i / 288, place = i / 2 % 144, line = n % 2 ? place / 12 : place % 12;
        y->data[n] = (dc_real)(n % 2), x->data[i] += (dc_real)((line + n / 2) / 2 % 2);
    }
    return dc_from_arrays(ctx, count, DC_SHAPE(12, 12, 2), x->data, DC_SCALAR, y->data, 2);
}

static uint64_t vision_train(uint64_t seed, const char *device)
{
    dc_context *ctx = dc_new_with(seed, &(dc_options){ .device = device });
    dc_model *m = dc_sequential(ctx, DC_LAYERS(
        dc_input(12, 12, 2),
        dc_augment((dc_augmentation){ .shift = DC__C(0.1), .rotate = 5, .flip_x = DC__C(0.5), .flip_y = DC__C(0.5),
                                      .elastic = DC__C(0.2), .contrast = DC__C(0.2), .noise = DC__C(0.05),
                                      .erase = DC__C(0.2) }),
        dc_with_window(dc_conv2d(10, 3, DC_RELU), (dc_window){ .padding = DC_SAME }), dc_batch_norm(),
        dc_spatial_dropout(DC__C(0.1)),
        dc_with_window(dc_depthwise_conv2d(3, DC_LINEAR), (dc_window){ .stride = 2 }), dc_group_norm(5),
        dc_conv2d(12, 1, DC_RELU),
        dc_with_window(dc_conv_transpose2d(4, 2, DC_TANH), (dc_window){ .stride = 2 }), dc_max_pool(2), dc_rms_norm(),
        dc_global_avg_pool(),
        dc_dense(2, DC_LINEAR)));
    dc_compile(m, DC_CROSS_ENTROPY, dc_adam(0.01));
    const dc_history *h = dc_fit(m, vision_stripes(ctx, 64),
                                 (dc_fit_options){ .epochs = 6, .batch_size = 16, .quiet = true });
    CHECK(h->loss[5] < h->loss[0] && h->loss[5] < DC__C(0.3));
    uint64_t fingerprint = dc_fingerprint(m);
    dc_free(ctx);
    return fingerprint;
}

TEST(vision_training_learns_and_repeats)
{
    uint64_t first = vision_train(5, NULL);
    CHECK(first == vision_train(5, NULL));
    CHECK(first != vision_train(6, NULL));
    CHECK(first == vision_train(5, "reference"));
    for (int threads = 1; threads <= 3; threads++) {
        dc_set_threads(threads);
        CHECK(first == vision_train(5, NULL));
    }
    dc_set_threads(0);
}

/* --- augmentation --- */

static dc_tensor *vision_augmented(dc_tensor *x, dc_augmentation how)
{
    bool before = dc_set_training(x->ctx, true);
    dc_tensor *y = dc_augment_op(x, how);
    dc_set_training(x->ctx, before);
    return y;
}

enum { VISION_SIDE = 9, VISION_MIDDLE = 4, VISION_IMAGES = 50 };

/* What is at (4 + down, 4 + across) of image n, less what is in its middle. */
static double vision_slope(const dc_tensor *y, int n, int down, int across)
{
    const dc_real *middle = y->data + (n * VISION_SIDE + VISION_MIDDLE) * VISION_SIDE + VISION_MIDDLE;
    return (double)(middle[down * VISION_SIDE + across] - middle[0]);
}

/* Images of which a pixel says in which column, or row, it stood. */
static dc_tensor *vision_ramp(dc_context *ctx, bool rows)
{
    dc_tensor *x = dc_zeros(ctx, DC_SHAPE(VISION_IMAGES, VISION_SIDE, VISION_SIDE, 1));
    for (int64_t i = 0; i < x->size; i++)
        x->data[i] = (dc_real)(rows ? i / VISION_SIDE % VISION_SIDE : i % VISION_SIDE);
    return x;
}

TEST(vision_augmentation_is_for_training)
{
    dc_context *ctx = dc_new(1), *other = dc_new(1);
    const dc_augmentation all = { DC__C(0.2), 10, DC__C(0.1), DC__C(0.2), DC__C(0.5), DC__C(0.5), 1,
                                  DC__C(0.1), DC__C(0.1), DC__C(0.1), DC__C(0.3) };
    dc_tensor *x = vision_random(ctx, DC_SHAPE(4, 7, 6, 3));
    CHECK(dc_augment_op(x, all) == x);
    dc_tensor *y = vision_augmented(x, all), *z = vision_augmented(x, all);
    CHECK(!y->needs_grad && vision_shape_is(y, x->shape));
    CHECK(!vision_same_bits(y, x) && !vision_same_bits(y, z));
    x = vision_random(other, x->shape);
    CHECK(vision_same_bits(y, vision_augmented(x, all)) && vision_same_bits(z, vision_augmented(x, all)));
    CHECK(vision_same_bits(x, vision_augmented(x, (dc_augmentation){ 0 })));          /* Rotated by 0, and so on. */
    x = vision_ramp(ctx, false), y = vision_augmented(x, all);                        /* Each in its own way. */
    for (int n = 1; n < VISION_IMAGES; n++)
        CHECK(memcmp(y->data, y->data + n * VISION_SIDE * VISION_SIDE, VISION_SIDE * VISION_SIDE * sizeof *y->data));
    dc_free(ctx), dc_free(other);
}

TEST(vision_augmentation_flips_exactly)
{
    dc_context *ctx = dc_new(1);
    for (int w = 4; w < 6; w++) {
        dc_tensor *x = dc_uniform(ctx, DC_SHAPE(3, 5, w, 2), 0, 1);
        dc_tensor *across = vision_augmented(x, (dc_augmentation){ .flip_x = 1 });
        dc_tensor *down = vision_augmented(x, (dc_augmentation){ .flip_y = 1 });
        for (int64_t i = 0; i < x->size; i++) {
            int64_t k = i % 2, j = i / 2 % w, row = i / 2 / w % 5, n = i / 2 / w / 5;
            CHECK_BITS(across->data[i], x->data[((n * 5 + row) * w + w - 1 - j) * 2 + k]);
            CHECK_BITS(down->data[i], x->data[((n * 5 + 4 - row) * w + j) * 2 + k]);
        }
    }
    dc_tensor *x = vision_ramp(ctx, false), *y = vision_augmented(x, (dc_augmentation){ .flip_x = DC__C(0.5) });
    int flipped = 0;
    for (int n = 0; n < VISION_IMAGES; n++) flipped += vision_slope(y, n, 0, 1) < 0;
    CHECK(flipped > 12 && flipped < 38);
    dc_free(ctx);
}

TEST(vision_augmentation_shifts)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_zeros(ctx, DC_SHAPE(VISION_IMAGES, VISION_SIDE, VISION_SIDE, 1));
    const int size = VISION_SIDE * VISION_SIDE;
    double furthest = 0;
    for (int n = 0; n < VISION_IMAGES; n++) x->data[n * size + size / 2] = 1;
    dc_tensor *y = vision_augmented(x, (dc_augmentation){ .shift = DC__C(0.3) });
    for (int n = 0; n < VISION_IMAGES; n++) {
        double sum = 0, down = 0, across = 0;
        for (int i = 0; i < size; i++) {
            double v = (double)y->data[n * size + i];
            sum += v, down += v * (i / VISION_SIDE - VISION_MIDDLE), across += v * (i % VISION_SIDE - VISION_MIDDLE);
        }
        CHECK_NEAR(sum, 1, 1e-5);
        CHECK(fabs(down) <= 2.7001 && fabs(across) <= 2.7001);
        furthest = fmax(furthest, fmax(fabs(down), fabs(across)));
    }
    CHECK(furthest > 2);
    x = dc_ones(ctx, x->shape), y = vision_augmented(x, (dc_augmentation){ .shift = DC__C(0.3) });
    CHECK(dc_item(dc_sum(y)) < DC__C(0.95) * (dc_real)x->size);          /* Zeros come in. */
    dc_free(ctx);
}

/* On a ramp every change shows as a slope in the middle. */
TEST(vision_augmentation_rotates_scales_and_shears)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *columns = vision_ramp(ctx, false), *rows = vision_ramp(ctx, true);
    dc_tensor *turned = vision_augmented(columns, (dc_augmentation){ .rotate = 30 });
    dc_tensor *scaled = vision_augmented(columns, (dc_augmentation){ .scale = DC__C(0.25) });
    dc_tensor *sheared = vision_augmented(columns, (dc_augmentation){ .shear = DC__C(0.5) });
    dc_tensor *rows_sheared = vision_augmented(rows, (dc_augmentation){ .shear = DC__C(0.5) });
    double most_turned = 0, least = 9, most = 0, most_sheared = 0;
    for (int n = 0; n < VISION_IMAGES; n++) {
        double cosine = vision_slope(turned, n, 0, 1), sine = vision_slope(turned, n, 1, 0);
        CHECK_NEAR(cosine * cosine + sine * sine, 1, 1e-5);
        CHECK_NEAR(turned->data[n * 81 + 40], 4, 1e-5);                  /* The middle stays. */
        most_turned = fmax(most_turned, fabs(atan2(sine, cosine)) * 180 / 3.14159265358979);
        least = fmin(least, vision_slope(scaled, n, 0, 1)), most = fmax(most, vision_slope(scaled, n, 0, 1));
        CHECK_NEAR(vision_slope(scaled, n, 1, 0), 0, 1e-5);
        CHECK_NEAR(vision_slope(sheared, n, 0, 1), 1, 1e-5);
        CHECK_NEAR(vision_slope(rows_sheared, n, 0, 1), 0, 1e-5);
        CHECK_NEAR(vision_slope(rows_sheared, n, 1, 0), 1, 1e-5);
        most_sheared = fmax(most_sheared, fabs(vision_slope(sheared, n, 1, 0)));
    }
    CHECK(most_turned > 25 && most_turned <= 30.001);
    CHECK(least < 0.85 && least >= 0.7999 && most > 1.2 && most <= 1.3334);
    CHECK(most_sheared > 0.4 && most_sheared <= 0.5001);
    dc_free(ctx);
}

TEST(vision_augmentation_is_elastic)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = vision_ramp(ctx, false), *y = vision_augmented(x, (dc_augmentation){ .elastic = DC__C(0.5) });
    double furthest = 0, sum = 0;
    for (int n = 0; n < VISION_IMAGES; n++)
        for (int i = 0; i < 25; i++) {
            int at = n * 81 + (2 + i / 5) * 9 + 2 + i % 5;
            double moved = (double)(y->data[at] - x->data[at]), next = (double)(y->data[at + 1] - x->data[at + 1]);
            furthest = fmax(furthest, fabs(moved)), sum += fabs(moved);
            CHECK(fabs(moved - next) <= 0.5001);                         /* Neighbours alike. */
        }
    CHECK(furthest > 0.4 && furthest <= 0.7501 && sum > 0.1 * 25 * VISION_IMAGES);
    dc_free(ctx);
}

TEST(vision_augmentation_changes_light)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = vision_ramp(ctx, false);
    dc_tensor *light = vision_augmented(x, (dc_augmentation){ .brightness = DC__C(0.5) });
    dc_tensor *contrast = vision_augmented(x, (dc_augmentation){ .contrast = DC__C(0.5) });
    double darkest = 0, lightest = 0, least = 1, most = 1;
    for (int n = 0; n < VISION_IMAGES; n++) {
        double added = (double)(light->data[n * 81] - x->data[n * 81]), gain = vision_slope(contrast, n, 0, 1);
        for (int i = n * 81; i < n * 81 + 81; i++) {
            CHECK_NEAR(light->data[i], (double)x->data[i] + added, 1e-5);
            CHECK_NEAR(contrast->data[i], 4 + ((double)x->data[i] - 4) * gain, 1e-4);     /* 4 is the mean. */
        }
        darkest = fmin(darkest, added), lightest = fmax(lightest, added);
        least = fmin(least, gain), most = fmax(most, gain);
    }
    CHECK(darkest < -0.4 && darkest >= -0.5001 && lightest > 0.4 && lightest <= 0.5001);
    CHECK(least < 0.6 && least >= 0.4999 && most > 1.4 && most <= 1.5001);
    dc_free(ctx);
}

TEST(vision_augmentation_adds_noise)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_full(ctx, DC_SHAPE(20, 32, 32, 2), 3);
    dc_tensor *y = dc_shift(vision_augmented(x, (dc_augmentation){ .noise = DC__C(0.1) }), -3);
    CHECK_NEAR(dc_item(dc_mean(y)), 0, 0.002);
    CHECK_NEAR(dc_item(dc_std(y, 0)), 0.1, 0.002);
    dc_tensor *apart = dc_mul(dc_slice(y, 0, 0, 10), dc_slice(y, 0, 10, 20));
    CHECK_NEAR(dc_item(dc_mean(apart)), 0, 0.0003);          /* Each image has its own. */
    dc_free(ctx);
}

TEST(vision_augmentation_erases_rectangles)
{
    dc_context *ctx = dc_new(1);
    enum { HIGH = 12, WIDE = 10 };
    dc_tensor *x = dc_ones(ctx, DC_SHAPE(VISION_IMAGES, HIGH, WIDE, 2));
    dc_tensor *y = vision_augmented(x, (dc_augmentation){ .erase = DC__C(0.5) });
    int highest = 0, widest = 0;
    for (int n = 0; n < VISION_IMAGES; n++) {
        int top = HIGH, bottom = -1, left = WIDE, right = -1, zeros = 0;
        for (int i = 0; i < HIGH * WIDE; i++) {
            const dc_real *pixel = y->data + (n * HIGH * WIDE + i) * 2;
            CHECK_NEAR(pixel[0], pixel[0] > 0, 0);
            CHECK_NEAR(pixel[1], pixel[0], 0);
            if (pixel[0] > 0) continue;
            int row = i / WIDE, column = i % WIDE;
            zeros++;
            top = row < top ? row : top, bottom = row > bottom ? row : bottom;
            left = column < left ? column : left, right = column > right ? column : right;
        }
        if (!zeros) continue;
        CHECK(zeros == (bottom - top + 1) * (right - left + 1));
        highest = bottom - top + 1 > highest ? bottom - top + 1 : highest;
        widest = right - left + 1 > widest ? right - left + 1 : widest;
    }
    CHECK(highest >= 4 && highest <= HIGH / 2 && widest >= 3 && widest <= WIDE / 2);
    dc_free(ctx);
}
