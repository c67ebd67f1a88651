/* deepc.h - deep learning in one C header.
 *
 *     #define DEEPC_IMPLEMENTATION                    // in exactly one .c file
 *     #include "deepc.h"
 *
 *     int main(void)
 *     {
 *         dc_context *ctx  = dc_new(1);                            // 1: the seed
 *         dc_dataset *data = dc_make_line(ctx, 100, 2, 1, 0.1f);   // y = 2x + 1 + noise
 *
 *         dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
 *         dc_compile(model, DC_MSE, dc_sgd(0.1f));
 *         dc_fit(model, data, (dc_fit_options){ .epochs = 100, .batch_size = 10 });
 *         dc_summary(model);
 *         dc_print(dc_find(model, "dense_1.weight"));
 *         dc_free(ctx);
 *     }
 *
 * Build: cc -O2 program.c -lm. Nothing to install, nothing to configure, and the same numbers on
 * every machine (@impl-arithmetic says what is promised). With stb_image.h (Debian: libstb-dev)
 * deepc also reads images and gzip, and with stb_image_write.h it writes PNG.
 *
 * WHAT IT IS NOT: a graph compiler, a Python binding, a zoo of pre-trained models. It has one
 * element type, contiguous tensors of up to 6 axes, and no half precision.
 *
 * CONTENTS                         search for the tag in the left column
 *     @config         macros that you may define before the #include
 *     @types          shapes, tensors, ops
 *     @context        making a context; lifetimes; errors; training or inference
 *     @create         making tensors, reading and writing them, printing
 *     @ops            everything that can be applied to a tensor
 *     @autograd       gradients, and checking them
 *     @losses         what training makes small
 *     @optimizers     how a gradient becomes a step; schedules
 *     @layers         the parts of a model
 *     @models         putting layers together
 *     @training       fit, evaluate, predict, metrics, callbacks
 *     @data           data sets: from arrays, files and generators
 *     @images         reading images, and folders of images as data sets
 *     @files          saving and loading models and arrays
 *     @pictures       plots as SVG, images as PNG and in a terminal
 *     @calls          how an error knows the line of the program
 *     @impl-...       how each of these works, in the order in which you would build them; the
 *                     kernels of each instruction set stand in an appendix, @impl-fast
 *
 * SHAPES are written [outer, ..., inner], row-major; the last axis is the feature axis: images are
 * [batch, height, width, channels], tables [batch, features]. Of axes, -1 is the last.
 *
 * OWNERSHIP: a context owns everything made from it. What is made between dc_begin and dc_end is
 * gone after dc_end; everything else lives until dc_free(ctx). Nothing is freed one by one.
 *
 * ERRORS: a wrong shape or a misuse is a bug in the calling program; it is reported in one sentence
 * with the caller's file and line, and the program stops (see dc_on_error). A bad file is not a
 * bug: such calls return NULL or false, leave everything as it was, and dc_error(ctx) says why.
 *
 * ZERO IS THE DEFAULT: in every options struct, a field left out is 0 and means "the usual". */
#ifndef DEEPC_H
#define DEEPC_H
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#ifdef __cplusplus
#include <initializer_list>
#endif

/* @config -------------------------------------------------------------------------------------- */
/* DEEPC_IMPLEMENTATION  in exactly one C file: the code, not only the declarations.
 * DEEPC_DOUBLE          dc_real is double: for checking gradients. In all files of a program.
 * DC_API                `static` keeps the library private to one file.
 * DC_MALLOC, DC_FREE    replace malloc and free (both, or neither).
 * DEEPC_NO_STB          do not look for stb_image.h and stb_image_write.h.
 * DEEPC_NO_FAST         only the plain loops (@impl-fast).
 * DEEPC_NO_THREADS      one thread (@impl-threads).
 * At run time the environment variable DEEPC_DEVICE chooses: reference, avx2, avx512, neon. */

#ifdef DC_API
/* Perhaps static: functions that nobody calls are no news then. */
#define DC__OWN_API
#else
#define DC_API extern
#endif
#define DC__NORETURN __attribute__((noreturn))
#define DC__PRINTF   __attribute__((format(printf, 2, 3)))
#ifdef DEEPC_DOUBLE
typedef double dc_real;
#else
typedef float dc_real;             /* The type of every element of every tensor. */
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* @types --------------------------------------------------------------------------------------- */

enum { DC_MAX_RANK = 6 };

typedef struct dc_context dc_context;   /* One experiment: its memory, its seed, its error state. */
typedef struct dc_tensor  dc_tensor;
typedef struct dc_op      dc_op;
typedef struct dc_model   dc_model;
typedef struct dc_layer   dc_layer;
typedef struct dc_dataset dc_dataset;

/* Sizes, outermost first (rank 0: a scalar); axes (negative: from the end); a list of tensors. */
typedef struct dc_shape   { int rank;  int64_t dim[DC_MAX_RANK];  } dc_shape;
typedef struct dc_axes    { int count; int axis[DC_MAX_RANK];     } dc_axes;
typedef struct dc_tensors { int count; dc_tensor *const *tensor;  } dc_tensors;

/* A value in the computation, and how it came about. Programs read and write elements with dc_item,
 * dc_read and dc_write; `data` and `grad` are for those who write an op of their own. */
struct dc_tensor {
    dc_shape     shape;
    int64_t      size;       /* Number of elements: the product of shape.dim. */
    dc_real     *data;       /* Row-major. */
    dc_real     *grad;       /* d loss / d data, same layout; NULL until dc_backward needs it. */
    bool         needs_grad; /* It is a parameter, or a parameter lies upstream. */
    const dc_op *op;         /* What made it; NULL for inputs, parameters and constants. */
    int          inputs;     /* How many operands. */
    dc_tensor  **in;         /* The operands. */
    void        *state;      /* The op's arguments (an axis, a rate) and what it keeps for later. */
    dc_context  *ctx;
    const char  *name;  /* "dense_1.weight"; NULL when it has none. */

    /* Private: book-keeping of @impl-autograd. */
    dc_tensor   *made_before;    /* The tape. */
    dc_tensor   *base;           /* Owner of the storage; itself unless it is a view. */
    const char  *file; int line; /* Where the program made it. */
    int          depth;          /* How many dc_begin were open then; 0: it is permanent. */
    uint32_t     stamp;          /* Tells a living tensor from one whose step has ended. */
    uint32_t     version;        /* Counts writes to the storage. */
    uint32_t     seen_versions;  /* Sum of the operands' versions when it was made. */
    uint32_t     pass;           /* The backward pass that last reached it. */
    dc_tensor   *in_place[3];    /* Room for the usual number of operands. */
};

/* An operation. Everything deepc knows about one op hangs off one of these, so adding an op,
 * here or in your own program, is writing one such record and handing it to dc_apply. */
struct dc_op {
    const char *name;
    const char *derivative;               /* As text: "dx = dy (1 - y^2)". */
    dc_shape  (*shape)   (const dc_tensor *y);  /* Checks y's operands, returns y's shape. */
    void      (*forward) (dc_tensor *y);  /* y->data = f(in) */
    void      (*backward)(dc_tensor *y);  /* dc_grad_data(in) += J^T y->grad; NULL: no gradient */
    bool        is_view;                  /* forward points y->data into the operand's storage. */
};

/* Lists written in place: DC_SHAPE(32, 784), DC_AXES(0, -1), DC_TENSORS(a, b). */
DC_API dc_shape   dc_make_shape  (int rank, const int64_t *dim);
DC_API dc_axes    dc_make_axes   (int count, const int *axis);
DC_API dc_tensors dc_make_tensors(int count, dc_tensor *const *tensor);

#define DC_SCALAR dc_make_shape(0, NULL)         /* The shape without axes. */
#ifndef __cplusplus
#define DC__COUNT(TYPE, ...) (int)(sizeof((TYPE[]){ __VA_ARGS__ }) / sizeof(TYPE))
#define DC_SHAPE(...)   dc_make_shape  (DC__COUNT(int64_t, __VA_ARGS__), (int64_t[]){ __VA_ARGS__ })
#define DC_AXES(...)    dc_make_axes   (DC__COUNT(int, __VA_ARGS__), (int[]){ __VA_ARGS__ })
#define DC_TENSORS(...) dc_make_tensors(DC__COUNT(dc_tensor *, __VA_ARGS__),                       \
                                        (dc_tensor *[]){ __VA_ARGS__ })
#endif

/* @context ------------------------------------------------------------------------------------- */
/* Called with a one-line explanation when the program breaks a rule or memory runs out. The
 * default prints it and aborts. A handler that returns is followed by abort(), so leave by exit()
 * or longjmp(); after a longjmp, dc_end of an earlier mark and dc_free release everything. */
typedef void (*dc_error_handler)(const char *message, void *user);

typedef struct dc_options {
    dc_error_handler on_error;  /* Default: print to stderr and abort. */
    void            *user;      /* Handed to on_error. */
    const char      *device;    /* "fast" (default), "reference", "avx2", "avx512". */
} dc_options;

typedef struct dc_mark {             /* What dc_begin returns and dc_end takes. All private. */
    void *block; size_t used; dc_tensor *last; int depth; bool training, no_grad;
} dc_mark;

/* dc_new(seed), dc_new_with(seed, &options): a context. NULL when there is no memory, or when
 * this file and the implementation disagree about DEEPC_DOUBLE. */
DC_API dc_context *dc_new_checked(uint64_t seed, const dc_options *options, size_t size_of_real);
#define dc_new(seed)               dc_new_checked(seed, NULL, sizeof(dc_real))
#define dc_new_with(seed, options) dc_new_checked(seed, options, sizeof(dc_real))

DC_API void    dc_free (dc_context *ctx);            /* Frees everything made from it. */
DC_API dc_mark dc_begin(dc_context *ctx);            /* What is made from here ... */
DC_API void    dc_end  (dc_context *ctx, dc_mark m); /* ... is gone here. They nest. */
DC_API void    dc_on_error(dc_context *ctx, dc_error_handler handler, void *user);
DC_API const char *dc_error(dc_context *ctx);        /* Why the last call returned NULL or false. */
DC_API bool dc_training(const dc_context *ctx);      /* Do dropout and batch norm train? (false) */
DC_API bool dc_set_training(dc_context *ctx, bool training);  /* Returns the old setting. */
DC_API bool dc_set_grad(dc_context *ctx, bool enabled);  /* false: no tape; returns the old one. */

/* 0 threads: one for each processor, the default, which the environment variable DEEPC_THREADS
 * overrides. Results do not depend on it. */
DC_API void        dc_set_threads(int count);
DC_API int         dc_threads(void);  /* 1 where there are none: see DEEPC_NO_THREADS. */
DC_API const char *dc_device_name(const dc_context *ctx);  /* "avx2", ..., "reference" */
DC_API void       *dc_alloc(dc_context *ctx, size_t bytes);
    /* Zeroed, 64-byte aligned memory that lives as a tensor made now would. */

/* @create -------------------------------------------------------------------------------------- */
/* arange and uniform stop before their upper end; linspace includes it. */
DC_API dc_tensor *dc_zeros      (dc_context *ctx, dc_shape shape);     /* 0, 0, ... */
DC_API dc_tensor *dc_ones       (dc_context *ctx, dc_shape shape);     /* 1, 1, ... */
DC_API dc_tensor *dc_full       (dc_context *ctx, dc_shape shape, dc_real value);
DC_API dc_tensor *dc_scalar     (dc_context *ctx, dc_real value);      /* Shape []. */
DC_API dc_tensor *dc_from(dc_context *ctx, dc_shape shape, const dc_real *data);  /* Copies. */
DC_API dc_tensor *dc_arange     (dc_context *ctx, dc_real start, dc_real stop, dc_real step);
DC_API dc_tensor *dc_linspace   (dc_context *ctx, dc_real start, dc_real stop, int64_t count);
DC_API dc_tensor *dc_eye        (dc_context *ctx, int64_t n);          /* [n, n] identity */
DC_API dc_tensor *dc_one_hot    (dc_tensor *labels, int64_t classes);  /* [...] -> [..., classes] */
DC_API dc_tensor *dc_uniform    (dc_context *ctx, dc_shape shape, dc_real low, dc_real high);
DC_API dc_tensor *dc_normal     (dc_context *ctx, dc_shape shape, dc_real mean, dc_real std);
DC_API dc_tensor *dc_permutation(dc_context *ctx, int64_t n);          /* 0..n-1 shuffled */

/* How a parameter starts. fan_in and fan_out are the sizes of the last two axes (times the product
 * of the axes before them): for W [in, out] they are in and out. GLOROT is the uniform one.
 *   Glorot & Bengio 2010: U(-a, a), a = sqrt(6 / (fan_in + fan_out));  N(0, 2 / (fan_in + fan_out))
 *   He et al. 2015, arXiv:1502.01852: U(-a, a), a = sqrt(6 / fan_in);  N(0, 2 / fan_in)
 *   LeCun et al. 1998: U(-a, a), a = sqrt(3 / fan_in);                 N(0, 1 / fan_in) */
typedef enum dc_init {
    DC_GLOROT, DC_GLOROT_NORMAL, DC_HE, DC_HE_NORMAL, DC_LECUN, DC_LECUN_NORMAL,
    DC_ZEROS, DC_ONES
} dc_init;

/* A parameter, for instance dc_param(ctx, DC_GLOROT, 2, 1): trainable, permanent (also when made
 * inside dc_begin ... dc_end). */
DC_API dc_tensor *dc_param_shaped(dc_context *ctx, dc_init init, dc_shape shape);
DC_API dc_tensor *dc_param_from(dc_context *ctx, dc_shape shape, const dc_real *data); /* Copies. */
#define dc_param(ctx, init, ...) dc_param_shaped(ctx, init, DC_SHAPE(__VA_ARGS__))

DC_API dc_real    dc_item (const dc_tensor *x);  /* The value of a one-element tensor. */
DC_API dc_real    dc_at(const dc_tensor *x, dc_shape index); /* dc_at(x, DC_SHAPE(2, 0)): x[2, 0] */
DC_API void       dc_read (const dc_tensor *x, dc_real *out);  /* Copies x->size elements out. */
DC_API void       dc_write(dc_tensor *x, const dc_real *values);  /* Copies x->size elements in. */
DC_API dc_tensor *dc_copy (dc_tensor *x);                    /* y = x in storage of its own */
DC_API dc_tensor *dc_named(dc_tensor *x, const char *name);  /* Names x for messages; returns x. */
DC_API void       dc_print(const dc_tensor *x);              /* To stdout, as NumPy prints. */
DC_API size_t     dc_format(const dc_tensor *x, char *out, size_t size);  /* As snprintf does. */
DC_API size_t     dc_shape_text(dc_shape shape, char *out, size_t size);  /* "[32, 784]" */

/* @ops ----------------------------------------------------------------------------------------- */
/* Element-wise functions of one tensor, [...] -> [...]. These tables are the only place where they
 * are written down: the declarations, the loops, the derivatives and the tests are stamped out of
 * them. F is y in terms of x (and the arguments a, b); DF is dy/dx in terms of x and y; tests draw
 * x from [LO, HI], away from kinks and poles. DC__FN(exp) and its like are deepc's own
 * (@impl-math); DC__C(0.1) is 0.1 as a dc_real.
 *
 *     NAME          F = f(x)                      DF = f'(x)                            LO, HI */
#define DC_UNARY_OPS(X)                                                                            \
    X( neg,          -x,                           -1,                                    -2, 2 )  \
    X( abs,          x < 0 ? -x : x,               x < 0 ? -1 : x > 0 ? 1 : 0,           0.1, 2 )  \
    X( sign,         x < 0 ? -1 : x > 0 ? 1 : x,   0,                                    0.1, 2 )  \
    X( exp,          DC__FN(exp)(x),               y,                                     -2, 2 )  \
    X( expm1,        DC__FN(expm1)(x),             y + 1,                                 -2, 2 )  \
    X( log,          DC__FN(log)(x),               1 / x,                                0.5, 2 )  \
    X( log1p,        DC__FN(log1p)(x),             1 / (1 + x),                         -0.5, 2 )  \
    X( sqrt,         DC__SQRT(x),                  DC__C(0.5) / y,                       0.5, 2 )  \
    X( rsqrt,        1 / DC__SQRT(x),              DC__C(-0.5) * y / x,                  0.5, 2 )  \
    X( square,       x * x,                        2 * x,                                 -2, 2 )  \
    X( reciprocal,   1 / x,                        -y * y,                               0.5, 2 )  \
    X( sin,          DC__FN(sin)(x),               DC__FN(cos)(x),                        -3, 3 )  \
    X( cos,          DC__FN(cos)(x),               -DC__FN(sin)(x),                       -3, 3 )  \
    X( tanh,         DC__FN(tanh)(x),              1 - y * y,                             -2, 2 )  \
    X( sigmoid,      DC__FN(sigmoid)(x),           y * (1 - y),                           -2, 2 )  \
    X( erf,          DC__FN(erf)(x),               DC__FN(erf_slope)(x),                  -2, 2 )  \
    X( relu,         x < 0 ? 0 : x,                x > 0 ? 1 : 0,                        0.1, 2 )  \
    X( gelu,         DC__FN(gelu)(x),              DC__FN(gelu_slope)(x),                 -2, 2 )  \
    X( gelu_tanh,    DC__FN(gelu_tanh)(x),         DC__FN(gelu_tanh_slope)(x),            -2, 2 )  \
    X( silu,         x * DC__FN(sigmoid)(x),       DC__FN(silu_slope)(x),                 -2, 2 )  \
    X( softplus,     DC__FN(softplus)(x),          DC__FN(sigmoid)(x),                    -2, 2 )

/* The same with arguments: dc_leaky_relu(x, slope), dc_elu(x, alpha), dc_clip(x, low, high),
 * dc_pow_scalar(x, exponent), dc_scale(x, factor), dc_shift(x, offset).
 *
 *     NAME        ARGUMENTS      F = f(x; a, b)             DF = f'(x)                   LO, HI */
#define DC_UNARY_OPS_WITH(X)                                                                       \
    X( leaky_relu, (a, 0.01, 0),  x < 0 ? a * x : x,         x > 0 ? 1 : a,               0.1, 2 ) \
    X( elu,        (a, 1.5, 0),   DC__FN(elu)(x, a),         x > 0 ? 1 : y + a,           0.1, 2 ) \
    X( clip,       (ab, -1, 1.5), x < a ? a : x > b ? b : x, x >= a && x <= b ? 1 : 0, -0.9, 1.4 ) \
    X( pow_scalar, (a, 2.5, 0),   DC__FN(pow)(x, a),         DC__FN(pow_dx)(x, a),        0.5, 2 ) \
    X( scale,      (a, -1.5, 0),  a * x,                     a,                            -2, 2 ) \
    X( shift,      (a, 0.7, 0),   x + a,                     1,                            -2, 2 )

/* Element-wise functions of two tensors, with NumPy's broadcasting in both directions: shapes are
 * aligned at the last axis, and an axis of 1 is repeated to the size of the other. z = f(x, y).
 *
 *     NAME            F = f(x, y)               dz/dx                   dz/dy                  */
#define DC_BINARY_OPS(X)                                                                           \
    X( add,            x + y,                    1,                      1                      )  \
    X( sub,            x - y,                    1,                      -1                     )  \
    X( mul,            x * y,                    y,                      x                      )  \
    X( div,            x / y,                    1 / y,                  -z / y                 )  \
    X( pow,            DC__FN(pow)(x, y),        DC__FN(pow_dx)(x, y),   DC__FN(pow_dy)(x, z)   )  \
    X( maximum,        DC__FN(larger)(x, y),     DC__FN(share)(x, y),    DC__FN(share)(y, x)    )  \
    X( minimum,        -DC__FN(larger)(-x, -y),  DC__FN(share)(y, x),    DC__FN(share)(x, y)    )  \
    X( equal,          x == y,                   0,                      0                      )  \
    X( not_equal,      x != y,                   0,                      0                      )  \
    X( less,           x < y,                    0,                      0                      )  \
    X( less_equal,     x <= y,                   0,                      0                      )  \
    X( greater,        x > y,                    0,                      0                      )  \
    X( greater_equal,  x >= y,                   0,                      0                      )

#define DC__DECLARE(NAME, F, DF, LO, HI) DC_API dc_tensor *dc_##NAME(dc_tensor *x);
DC_UNARY_OPS(DC__DECLARE)
#undef DC__DECLARE
DC_API dc_tensor *dc_leaky_relu(dc_tensor *x, dc_real slope);     /* x > 0 ? x : slope x */
DC_API dc_tensor *dc_elu       (dc_tensor *x, dc_real alpha);     /* x > 0 ? x : alpha (e^x - 1) */
DC_API dc_tensor *dc_clip(dc_tensor *x, dc_real low, dc_real high);  /* min(max(x, low), high) */
DC_API dc_tensor *dc_pow_scalar(dc_tensor *x, dc_real exponent);  /* x^exponent */
DC_API dc_tensor *dc_scale     (dc_tensor *x, dc_real factor);    /* factor x */
DC_API dc_tensor *dc_shift     (dc_tensor *x, dc_real offset);    /* x + offset */
#define DC__DECLARE(NAME, F, DFX, DFY) DC_API dc_tensor *dc_##NAME(dc_tensor *x, dc_tensor *y);
DC_BINARY_OPS(DC__DECLARE)
#undef DC__DECLARE
/* Choosing, broadcast; the condition is 0 or not 0 and gets no gradient. */
DC_API dc_tensor *dc_where(dc_tensor *condition, dc_tensor *a, dc_tensor *b);  /* c ? a : b */

/* Shape. reshape, squeeze, unsqueeze, flatten and dc_first share storage; the others copy. */
DC_API dc_tensor *dc_reshape(dc_tensor *x, dc_shape shape); /* One size may be -1: the rest. */
DC_API dc_tensor *dc_flatten_op(dc_tensor *x);              /* [N, a, b, ...] -> [N, a b ...] */
DC_API dc_tensor *dc_squeeze(dc_tensor *x, int axis);       /* Removes an axis of size 1. */
DC_API dc_tensor *dc_unsqueeze(dc_tensor *x, int axis);     /* New axis of size 1, at `axis`. */
DC_API dc_tensor *dc_permute(dc_tensor *x, dc_axes order);  /* y.dim[i] = x.dim[order[i]] */
DC_API dc_tensor *dc_transpose(dc_tensor *x);               /* Swaps the last two axes. */
DC_API dc_tensor *dc_expand(dc_tensor *x, dc_shape shape);  /* Broadcasts x to shape. */
#define DC_END INT64_MAX
DC_API dc_tensor *dc_slice(dc_tensor *x, int axis, int64_t start, int64_t stop);
    /* [start, stop) of the axis; a negative bound counts from the end; DC_END is the end. */
DC_API dc_tensor *dc_first(dc_tensor *x, int64_t index); /* x[index, ...], a leading slice. */
DC_API dc_tensor *dc_concat(dc_tensors parts, int axis); /* [.. a ..], [.. b ..] -> [.. a+b ..] */
DC_API dc_tensor *dc_stack(dc_tensors parts, int axis);  /* A new axis of size parts.count. */
DC_API void       dc_split(dc_tensor *x, int axis, int parts, dc_tensor **out);  /* Equal parts. */
DC_API dc_tensor *dc_pad(dc_tensor *x, int axis, int64_t before, int64_t after, dc_real value);
DC_API dc_tensor *dc_gather(dc_tensor *table, dc_tensor *rows);  /* [V, ..], [i, j] -> [i, j, ..] */
DC_API dc_tensor *dc_take_along(dc_tensor *x, dc_tensor *index, int axis);
    /* y[i, j] = x[i, index[i, j]] along axis 1, for instance */

/* Reductions. dc_sum(x) is over all elements, giving a scalar; dc_sum_over(x, DC_AXES(0, 2),
 * keepdims) over the named axes, which disappear or, with keepdims, stay as 1. An empty sum is
 * 0; the mean, maximum or minimum of nothing is an error. Tied maxima share
 * the gradient equally. var and std divide by n - correction (0: as NumPy; 1: Bessel's,
 * PyTorch's default). norm = sqrt(sum x^2). */
DC_API dc_tensor *dc_sum (dc_tensor *x);
DC_API dc_tensor *dc_mean(dc_tensor *x);
DC_API dc_tensor *dc_max (dc_tensor *x);
DC_API dc_tensor *dc_min (dc_tensor *x);
DC_API dc_tensor *dc_norm(dc_tensor *x);
DC_API dc_tensor *dc_var (dc_tensor *x, int correction);
DC_API dc_tensor *dc_std (dc_tensor *x, int correction);
DC_API dc_tensor *dc_sum_over (dc_tensor *x, dc_axes axes, bool keepdims);
DC_API dc_tensor *dc_mean_over(dc_tensor *x, dc_axes axes, bool keepdims);
DC_API dc_tensor *dc_max_over (dc_tensor *x, dc_axes axes, bool keepdims);
DC_API dc_tensor *dc_min_over (dc_tensor *x, dc_axes axes, bool keepdims);
DC_API dc_tensor *dc_norm_over(dc_tensor *x, dc_axes axes, bool keepdims);
DC_API dc_tensor *dc_var_over (dc_tensor *x, dc_axes axes, bool keepdims, int correction);
DC_API dc_tensor *dc_std_over (dc_tensor *x, dc_axes axes, bool keepdims, int correction);
DC_API dc_tensor *dc_argmax(dc_tensor *x, int axis);  /* The first largest; the axis disappears. */
DC_API dc_tensor *dc_argmin(dc_tensor *x, int axis);  /* The first smallest. */

/* Products. matmul broadcasts the leading axes; matmul_with transposes the last two without
 * copying. linear: [..., in] -> [..., out]; b may be NULL. */
DC_API dc_tensor *dc_matmul(dc_tensor *a, dc_tensor *b); /* [.., m, k] x [.., k, n] -> [.., m, n] */
DC_API dc_tensor *dc_matmul_with(dc_tensor *a, bool transpose_a, dc_tensor *b, bool transpose_b);
DC_API dc_tensor *dc_linear(dc_tensor *x, dc_tensor *w, dc_tensor *b);  /* x w + b */

/* Over the last axis, without overflow for any finite x. */
DC_API dc_tensor *dc_softmax    (dc_tensor *x);  /* e^x_i / sum_j e^x_j */
DC_API dc_tensor *dc_log_softmax(dc_tensor *x);  /* x_i - logsumexp(x) */
DC_API dc_tensor *dc_logsumexp  (dc_tensor *x);  /* log sum_j e^x_j; the axis disappears */

/* Normalisation and regularisation, as functions; @layers has them with their parameters.
 *   layer_norm  over the last axis: gain (x - mean) / sqrt(var + epsilon) + bias; gain and bias
 *               [features], or NULL. Ba et al. 2016, arXiv:1607.06450
 *   batch_norm  over all axes but the last; in training by the batch's mean and variance, and
 *               running = (1 - momentum) running + momentum batch (variance with Bessel's
 *               correction there, as PyTorch); else by the running ones. Ioffe & Szegedy 2015,
 *               arXiv:1502.03167
 *   group_norm  over all places and the channels of one group of a sample; with as many groups as
 *               channels it is instance norm. Wu & He 2018, arXiv:1803.08494, arXiv:1607.08022
 *   rms_norm    gain x / sqrt(mean x^2 + epsilon) over the last axis. arXiv:1910.07467
 *   dropout     in training each element is 0 with probability rate in [0, 1), else x / (1 - rate);
 *               otherwise x itself. Srivastava et al. 2014 */
DC_API dc_tensor *dc_layer_norm_op(dc_tensor *x, dc_tensor *gain, dc_tensor *bias, dc_real epsilon);
DC_API dc_tensor *dc_batch_norm_op(dc_tensor *x, dc_tensor *gain, dc_tensor *bias,
                                   dc_tensor *running_mean, dc_tensor *running_var,
                                   dc_real momentum, dc_real epsilon);
DC_API dc_tensor *dc_group_norm_op(dc_tensor *x, int64_t groups, dc_tensor *gain, dc_tensor *bias,
                                   dc_real epsilon);
DC_API dc_tensor *dc_rms_norm_op(dc_tensor *x, dc_tensor *gain, dc_real epsilon);
DC_API dc_tensor *dc_dropout_op(dc_tensor *x, dc_real rate);

/* Windows that move over images [N, H, W, C] -> [N, H', W', C'], or over sequences [N, L, C], which
 * are images of height 1 without that axis. H' = (H + top + bottom - (height - 1) dilation - 1) /
 * stride + 1, rounded down. */
typedef enum dc_padding { DC_VALID, DC_SAME } dc_padding;
typedef struct dc_window {
    int64_t    height, width;         /* For pooling; width 0: as height. Filters have their own. */
    int64_t    stride, stride_x;      /* Down and across. 0: 1, for pooling the window's size ... */
    int64_t    dilation, dilation_x;  /* ... or, across, as down. Steps within the window, 0: 1. */
    dc_padding padding;               /* DC_SAME: H' = H / stride, rounded up; an odd zero last. */
    int64_t    top, bottom, left, right;  /* Else so many zeros around x; not for pooling. */
    int64_t    groups;                /* Channels in groups that do not meet; 0: 1. */
    int64_t    output_padding;        /* Transposed: H' and W' are so much larger. */
} dc_window;

/* conv: y[i, j, o] = b[o] + sum x[i stride + r dilation, ..., c] w[r, s, c, o]; the filters w are
 * [height, width, C / groups, C'] or [width, C / groups, C'], b [C'] or NULL. conv_transpose: the
 * gradient of conv to its x; w [height, width, C' / groups, C], H' = (H - 1) stride + height - top
 * - bottom (DC_SAME: H stride). Dumoulin & Visin, arXiv:1603.07285. Pooling: the largest of a
 * window, whose gradient goes to the first of them, or the mean of those in x (PyTorch:
 * count_include_pad=False). Adaptive: from rows floor(i H / H') to ceil((i + 1) H / H'). */
DC_API dc_tensor *dc_conv_op(dc_tensor *x, dc_tensor *w, dc_tensor *b, dc_window window);
DC_API dc_tensor *dc_conv_transpose_op(dc_tensor *x, dc_tensor *w, dc_tensor *b, dc_window window);
DC_API dc_tensor *dc_max_pool_op(dc_tensor *x, dc_window window);
DC_API dc_tensor *dc_avg_pool_op(dc_tensor *x, dc_window window);
DC_API dc_tensor *dc_adaptive_max_pool_op(dc_tensor *x, int64_t height, int64_t width);
DC_API dc_tensor *dc_adaptive_avg_pool_op(dc_tensor *x, int64_t height, int64_t width);

/* Bilinear: as PyTorch's align_corners=False; area: each new pixel is the mean of what it covers.
 * Shuffle: [N, H, W, C r r] -> [N, r H, r W, C], channel c r r + i r + j to (i, j);
 * arXiv:1609.05158. */
typedef enum dc_resizing { DC_NEAREST, DC_BILINEAR, DC_AREA } dc_resizing;
DC_API dc_tensor *dc_resize(dc_tensor *x, int64_t height, int64_t width, dc_resizing how);
DC_API dc_tensor *dc_pixel_shuffle_op(dc_tensor *x, int64_t r);

/* Changes images [N, H, W, C] at random, in training, each in its own way: u is uniform in [-1, 1),
 * drawn anew for each; what is 0 does nothing. Pixels from outside are 0. No gradient passes. */
typedef struct dc_augmentation {
    dc_real shift;                /* By u shift H down and u shift W across. */
    dc_real rotate, shear;        /* By u rotate degrees; rows move by u shear their height. */
    dc_real scale;                /* By 1 + u scale. */
    dc_real flip_x, flip_y;       /* The chance that left and right, top and bottom change. */
    dc_real elastic;              /* Pixels move by about so many, neighbours alike. Simard 2003 */
    dc_real brightness, contrast; /* x + u brightness; mean + (x - mean) (1 + u contrast) */
    dc_real noise;                /* x + noise N(0, 1) */
    dc_real erase;                /* A rectangle of up to erase H x erase W becomes 0. */
} dc_augmentation;
DC_API dc_tensor *dc_augment_op(dc_tensor *x, dc_augmentation how);

/* @autograd ------------------------------------------------------------------------------------ */
/* For ops of your own. dc_apply copies the op's state, checks, computes, and notes it on the tape;
 * a shape rule reports a programmer's error by dc_fail, which does not return. */
DC_API dc_tensor *dc_apply(const dc_op *op, dc_tensors in, const void *state, size_t state_size);
DC_API dc_real *dc_grad_data(dc_tensor *x);  /* In backward: where to add d loss / dx, or NULL. */
DC_API DC__NORETURN DC__PRINTF void dc_fail(dc_context *ctx, const char *format, ...);

/* dc_backward adds to the gradient of every parameter that loss, one number, depends on, at the
 * cost of about two forward passes. dc_require_grad serves saliency maps and adversarial
 * examples. */
DC_API void       dc_backward(dc_tensor *loss);  /* x->grad += d loss / dx */
DC_API dc_tensor *dc_grad(dc_tensor *x);         /* The gradient, sharing x->grad; NULL: none. */
DC_API void       dc_zero_grad(dc_tensor *x);    /* Forgets it (dc_step does so by itself). */
DC_API dc_tensor *dc_require_grad(dc_tensor *x); /* Makes an input a leaf with a gradient. */
DC_API dc_tensor *dc_detach(dc_tensor *x);  /* The same values, through which no gradient flows. */

/* Compares dc_backward with central differences (f(x + h) - f(x - h)) / 2h for every element of
 * every tensor in `inputs`. Returns the worst |analytic - numeric| / max(1, |analytic|, |numeric|).
 * f must give one number and depend on nothing random. In double (DEEPC_DOUBLE) expect below
 * 1e-6. */
typedef dc_tensor *(*dc_scalar_function)(dc_tensors inputs, void *user);
DC_API double dc_gradcheck(dc_context *ctx, dc_scalar_function f, dc_tensors inputs, void *user);

/* @losses -------------------------------------------------------------------------------------- */

typedef enum dc_reduction { DC_MEAN, DC_SUM, DC_NONE } dc_reduction;

typedef struct dc_loss_options {
    dc_reduction reduction;       /* Mean by default; DC_NONE: one loss an element (or a sample). */
    dc_real      label_smoothing; /* In [0, 1): targets become (1 - s) target + s / classes. */
    dc_tensor   *class_weights;   /* [classes]; the mean divides by the sum of the weights used. */
    dc_real      delta;           /* Huber: where it turns linear. 0: 1. */
} dc_loss_options;

/* y is the prediction, t the target, both of one shape; e = y - t, d = delta; z are the logits and
 * p = sigmoid(z) or softmax(z). Of C classes, logits and log_p are [..., C], labels [...] numbers
 * 0..C-1, and t of soft_cross_entropy [..., C] are probabilities. The formula is that of an element
 * or a sample; the result is the mean over them. All are finite for logits of +-1e4; bce takes no
 * logarithm to be below -100 (as PyTorch), and 0 log 0 is 0. */
DC_API dc_tensor *dc_mse  (dc_tensor *y, dc_tensor *t);        /* (y - t)^2 */
DC_API dc_tensor *dc_mae  (dc_tensor *y, dc_tensor *t);        /* |y - t| */
DC_API dc_tensor *dc_huber(dc_tensor *y, dc_tensor *t);        /* |e| < d ? e^2/2 : d (|e| - d/2) */
DC_API dc_tensor *dc_bce_with_logits(dc_tensor *logits, dc_tensor *t);  /* log(1 + e^z) - z t */
DC_API dc_tensor *dc_bce(dc_tensor *p, dc_tensor *t);          /* -(t log p + (1-t) log(1-p)) */
DC_API dc_tensor *dc_cross_entropy(dc_tensor *logits, dc_tensor *labels);  /* -log p_label */
DC_API dc_tensor *dc_soft_cross_entropy(dc_tensor *logits, dc_tensor *t);  /* -sum t log p */
DC_API dc_tensor *dc_nll(dc_tensor *log_p, dc_tensor *labels); /* -log_p[label] */

/* A loss as a record, for dc_compile. Yours: (dc_loss){ "my_loss", my_function }. Change options
 * in a copy: dc_loss l = DC_CROSS_ENTROPY; l.options.label_smoothing = 0.1f; */
typedef struct dc_loss {
    const char     *name;
    dc_tensor    *(*compute)(dc_tensor *y, dc_tensor *t, const dc_loss_options *options);
    bool            is_classifier;  /* Targets are class numbers; accuracy makes sense. */
    dc_loss_options options;
} dc_loss;

DC_API dc_loss dc_loss_named(const char *name);  /* "mse", ...; .compute NULL: no such loss */
DC_API dc_tensor *dc_loss_value(dc_loss loss, dc_tensor *y, dc_tensor *t);  /* With its options. */
#define DC_MSE                dc_loss_named("mse")
#define DC_MAE                dc_loss_named("mae")
#define DC_HUBER              dc_loss_named("huber")
#define DC_BCE_WITH_LOGITS    dc_loss_named("bce_with_logits")
#define DC_BCE                dc_loss_named("bce")
#define DC_CROSS_ENTROPY      dc_loss_named("cross_entropy")
#define DC_SOFT_CROSS_ENTROPY dc_loss_named("soft_cross_entropy")
#define DC_NLL                dc_loss_named("nll")

/* @optimizers ---------------------------------------------------------------------------------- */
/* A schedule multiplies the rate; t is the number of steps taken, from 0. Zero is "constant". */
typedef enum dc_schedule_kind {
    DC_CONSTANT, DC_STEP_DECAY, DC_EXPONENTIAL_DECAY, DC_POLYNOMIAL_DECAY, DC_COSINE_DECAY,
    DC_ONE_CYCLE, DC_REDUCE_ON_PLATEAU
} dc_schedule_kind;

typedef struct dc_schedule {
    dc_schedule_kind kind;
    int64_t steps;     /* Length, or the interval of step decay. */
    double  factor, power, final;  /* As named below. */
    int     patience;  /* Plateau: reports without improvement before the rate falls. */
    int64_t warmup;    /* Steps during which the multiplier also rises as (t + 1) / warmup. */
} dc_schedule;

DC_API dc_schedule dc_step_decay(int64_t every, double factor);  /* factor^floor(t / every) */
DC_API dc_schedule dc_exponential_decay(double factor);          /* factor^t */
DC_API dc_schedule dc_polynomial_decay(int64_t steps, double power, double final);
    /* final + (1 - final) (1 - t / steps)^power */
DC_API dc_schedule dc_cosine_decay(int64_t steps, double final);
    /* final + (1 - final) (1 + cos(pi t / steps)) / 2; Loshchilov & Hutter, arXiv:1608.03983 */
DC_API dc_schedule dc_one_cycle(int64_t steps);
    /* 1/25 to 1 in 30 % of the steps, to 1/250,000 after, by cosines; arXiv:1708.07120, PyTorch */
DC_API dc_schedule dc_reduce_on_plateau(double factor, int patience);
    /* Times factor when dc_plateau (fit calls it) saw no fall in more than `patience` reports. */
DC_API dc_schedule dc_with_warmup(dc_schedule schedule, int64_t steps);  /* A warm-up first. */

/* How to step. The functions below fill in PyTorch's defaults; change any field of the copy they
 * return. */
typedef struct dc_optimizer_spec {
    const char *name;         /* "sgd", "adam", ... */
    double      rate;         /* Learning rate, > 0. */
    double      momentum;     /* SGD, RMSprop: in [0, 1). */
    bool        nesterov;     /* SGD with momentum: look ahead. */
    double      beta1, beta2; /* Adam's family: decay of the first and second moment, in [0, 1). */
    double      rho;          /* RMSprop (PyTorch: alpha): decay of the average square. */
    double      epsilon;      /* Keeps divisions finite. */
    double      weight_decay; /* 0: none. */
    bool        decoupled;    /* w -= r weight_decay w, apart from g (arXiv:1711.05101). */
    double      clip_value;   /* g limited to [-clip_value, clip_value]; 0: not. */
    double      clip_norm;  /* Gradients scaled until their common norm is at most this; 0: not. */
    int         accumulate;   /* dc_step acts at every n-th call, on the mean gradient; 0: every. */
    dc_schedule schedule;
} dc_optimizer_spec;

/* g is the gradient (plus weight_decay * w unless decoupled), w the weight, r the rate, mu the
 * momentum. RMSprop and Adagrad step by w -= r g / (sqrt s + epsilon). */
DC_API dc_optimizer_spec dc_sgd     (double rate);  /* w -= r g */
DC_API dc_optimizer_spec dc_momentum(double rate, double momentum);  /* v = mu v + g, w -= r v */
DC_API dc_optimizer_spec dc_nesterov(double rate, double momentum);  /* w -= r (g + mu v) */
DC_API dc_optimizer_spec dc_rmsprop (double rate);  /* s = rho s + (1 - rho) g^2 */
DC_API dc_optimizer_spec dc_adagrad (double rate);  /* s += g^2; Duchi 2011 */
DC_API dc_optimizer_spec dc_adam    (double rate);  /* Kingma & Ba 2014, arXiv:1412.6980 */
DC_API dc_optimizer_spec dc_adamw(double rate);  /* decoupled weight_decay 0.01; arXiv:1711.05101 */

/* An optimiser at work, over every parameter made so far or over these. */
typedef struct dc_optimizer dc_optimizer;
DC_API dc_optimizer *dc_optimize(dc_context *ctx, dc_optimizer_spec spec);
DC_API dc_optimizer *dc_optimize_these(dc_context *ctx, dc_optimizer_spec spec, dc_tensors params);
DC_API dc_optimizer *dc_optimizer_of(dc_model *model);  /* The one that dc_compile made. */
DC_API void dc_set_group(dc_optimizer *o, dc_tensors params, double factor, double weight_decay);
    /* Gives them their own weight decay, and the common rate times factor. */
DC_API void dc_step(dc_optimizer *o);  /* Applies and clears the gradients; skips what has none. */
DC_API void dc_plateau(dc_optimizer *o, double loss);    /* Reports to DC_REDUCE_ON_PLATEAU. */
DC_API void dc_set_rate(dc_optimizer *o, double rate);
DC_API double dc_rate(const dc_optimizer *o);            /* The rate of the next step. */
DC_API double dc_grad_norm(const dc_optimizer *o);       /* sqrt(sum of all squared gradients) */
DC_API double dc_schedule_at(dc_schedule s, int64_t t);  /* The multiplier at step t. */

/* @layers -------------------------------------------------------------------------------------- */
/* Activations for layers, by name; the ops of the same names define them. DC_SOFTMAX is over the
 * last axis; leaky_relu has slope 0.01, elu alpha 1. */
typedef enum dc_activation {
    DC_LINEAR, DC_RELU, DC_LEAKY_RELU, DC_ELU, DC_GELU, DC_GELU_TANH, DC_SILU, DC_SOFTPLUS,
    DC_TANH, DC_SIGMOID, DC_SOFTMAX
} dc_activation;
DC_API dc_tensor *dc_activate(dc_tensor *x, dc_activation activation);  /* DC_LINEAR: x itself. */

typedef struct dc_layer_kind dc_layer_kind;
typedef struct dc_layer_spec dc_layer_spec;
typedef struct dc_layer_list { int count; const dc_layer_spec *spec; } dc_layer_list;

/* A layer as it is written down: a value, made by the functions below. */
struct dc_layer_spec {
    const dc_layer_kind *kind;
    const char    *name;               /* NULL: numbered, "dense_1". */
    int64_t        units;              /* Dense: output features. */
    dc_activation  activation;
    dc_init        init;               /* Of the weight matrix. */
    bool           without_bias;
    dc_real        rate;               /* Dropout: the part that is dropped. */
    dc_real        epsilon, momentum;  /* Normalisations. */
    dc_shape       shape;              /* Input and reshape: without the batch axis. */
    dc_window      window;             /* Convolutions and pooling. */
    dc_resizing    resizing;           /* Upsampling. */
    dc_augmentation augmentation;
    dc_layer_list  list;               /* Residual: what is inside. */
    dc_dataset    *data;               /* Standardize: where mean and deviation come from. */
    const void    *user;               /* For kinds of your own. */
};

/* dense: [..., in] -> [..., units], W Glorot, b zero. standardize: mean and deviation of that set,
 * saved with the model. custom: a kind of yours; `user` must live as long as the model. */
#define dc_input(...) dc_input_shaped(DC_SHAPE(__VA_ARGS__))  /* dc_input(28, 28, 1) */
DC_API dc_layer_spec dc_input_shaped(dc_shape shape);         /* The shape of one sample. */
DC_API dc_layer_spec dc_dense(int64_t units, dc_activation activation);  /* f(x W + b) */
DC_API dc_layer_spec dc_activation_layer(dc_activation activation);  /* f(x) */
DC_API dc_layer_spec dc_dropout(dc_real rate);                /* See dc_dropout_op. */
DC_API dc_layer_spec dc_flatten(void);                        /* [N, a, b] -> [N, a b] */
DC_API dc_layer_spec dc_reshape_layer(dc_shape shape);        /* Without the batch axis. */
DC_API dc_layer_spec dc_batch_norm(void);                     /* momentum 0.1, epsilon 1e-5 */
DC_API dc_layer_spec dc_layer_norm(void);                     /* epsilon 1e-5 */
DC_API dc_layer_spec dc_standardize(dc_dataset *training);    /* (x - mean) / std by feature */
DC_API dc_layer_spec dc_residual(dc_layer_list inside);       /* x + f(x) */
DC_API dc_layer_spec dc_custom(const dc_layer_kind *kind, const void *user);

/* For images (2d), sequences (1d) or both: see dc_conv_op. Windows are size x size, and pooling
 * moves by their size; dc_with_window(dc_conv2d(8, 3, DC_RELU), (dc_window){ .dilation = 2 })
 * changes that. depthwise: one filter a channel; before a dc_conv2d(n, 1, f) it is a separable
 * convolution. */
DC_API dc_layer_spec dc_conv1d(int64_t filters, int64_t size, dc_activation activation);
DC_API dc_layer_spec dc_conv2d(int64_t filters, int64_t size, dc_activation activation);
DC_API dc_layer_spec dc_depthwise_conv2d(int64_t size, dc_activation activation);
DC_API dc_layer_spec dc_conv_transpose1d(int64_t filters, int64_t size, dc_activation activation);
DC_API dc_layer_spec dc_conv_transpose2d(int64_t filters, int64_t size, dc_activation activation);
DC_API dc_layer_spec dc_max_pool(int64_t size);
DC_API dc_layer_spec dc_avg_pool(int64_t size);
DC_API dc_layer_spec dc_adaptive_max_pool(int64_t height, int64_t width);
DC_API dc_layer_spec dc_adaptive_avg_pool(int64_t height, int64_t width);
DC_API dc_layer_spec dc_global_max_pool(void);                /* [N, ..., C] -> [N, C] */
DC_API dc_layer_spec dc_global_avg_pool(void);
DC_API dc_layer_spec dc_upsample(int64_t factor, dc_resizing how);
DC_API dc_layer_spec dc_pixel_shuffle(int64_t factor);
DC_API dc_layer_spec dc_group_norm(int64_t groups);           /* epsilon 1e-5 */
DC_API dc_layer_spec dc_instance_norm(void);
DC_API dc_layer_spec dc_rms_norm(void);                       /* epsilon 1e-6 */
DC_API dc_layer_spec dc_augment(dc_augmentation how);         /* See dc_augment_op. */
DC_API dc_layer_spec dc_spatial_dropout(dc_real rate);        /* Whole channels of a sample. */

/* Changes to a specification: dc_with_name(dc_dense(10, DC_LINEAR), "head"). */
DC_API dc_layer_spec dc_with_name(dc_layer_spec spec, const char *name);
DC_API dc_layer_spec dc_with_init(dc_layer_spec spec, dc_init init);
DC_API dc_layer_spec dc_without_bias(dc_layer_spec spec);
DC_API dc_layer_spec dc_with_window(dc_layer_spec spec, dc_window window);  /* Sizes 0: kept. */

/* DC_LAYERS(...): a list of layers, written in place. */
DC_API dc_layer_list dc_make_layers(int count, const dc_layer_spec *spec);
#ifndef __cplusplus
#define DC_LAYERS(...) dc_make_layers(DC__COUNT(dc_layer_spec, __VA_ARGS__), \
                                      (dc_layer_spec[]){ __VA_ARGS__ })
#endif

/* A layer at work: it owns parameters and buffers. */
enum { DC_MAX_LAYER_TENSORS = 16 };
struct dc_layer {
    dc_layer_spec spec;
    const char   *name;  /* "dense_1"; unique in its model. */
    dc_model     *model;
    dc_context   *ctx;
    int           ordinal;                      /* Its number in the context, for random numbers. */
    bool          is_built;
    int           tensors;                      /* Parameters and buffers, in order of creation. */
    dc_tensor    *tensor[DC_MAX_LAYER_TENSORS]; /* Named "dense_1.weight", "dense_1.bias", ... */
    dc_layer    **child;                        /* Residual: the layers of spec.list. */
    dc_layer     *next;                         /* In the model's list. */
    dc_shape      out_shape;                    /* Of the last call, with the batch axis. */
};

/* A kind of layer. build makes the parameters once the input's shape is known; call computes. */
struct dc_layer_kind {
    const char *name;  /* "dense": the stem of its layers' names. */
    void      (*build)(dc_layer *layer, dc_shape input);  /* NULL: nothing to make. */
    dc_tensor*(*call) (dc_layer *layer, dc_tensor *x);
    int64_t   (*flops)(const dc_layer *layer);  /* Of one sample, forward; NULL: one an output. */
};

/* For build: a trainable tensor; and one that is saved, but not trained. Named "layer.name". */
DC_API dc_tensor *dc_layer_param (dc_layer *layer, const char *name, dc_init init, dc_shape shape);
DC_API dc_tensor *dc_layer_buffer(dc_layer *layer, const char *name, dc_real value, dc_shape shape);
DC_API void dc_register_layer(dc_context *ctx, const dc_layer_kind *kind);
    /* So that dc_load knows it. */

/* @models -------------------------------------------------------------------------------------- */
/* A model is a chain of layers, of which the first must be dc_input, or a C function that calls its
 * layers on x [batch, ...] and returns the prediction. Such a function is called once on zeros
 * [1, input...], when its layers are made. */
typedef dc_tensor *(*dc_model_function)(dc_model *model, dc_tensor *x, void *user);
DC_API dc_model *dc_sequential(dc_context *ctx, dc_layer_list layers);
DC_API dc_model *dc_functional(dc_context *ctx, dc_shape input, dc_model_function f, void *user);
DC_API dc_layer *dc_use(dc_model *model, const char *name, dc_layer_spec spec);
    /* In such a function: the model's layer of that name, made at the first call. */

DC_API dc_tensor *dc_call(dc_layer *layer, dc_tensor *x);     /* Twice: shared weights. */
DC_API dc_tensor *dc_forward(dc_model *model, dc_tensor *x);  /* [batch, ...] -> prediction */
DC_API dc_tensors dc_params(dc_model *model);                 /* Its trainable tensors. */
DC_API int64_t    dc_param_count(dc_model *model);            /* Their elements. */
DC_API dc_tensor *dc_find(dc_model *model, const char *name); /* "dense_1.weight", or NULL. */
DC_API void       dc_freeze(dc_model *model, const char *prefix, bool frozen);
    /* Parameters whose names start so are not trained while they are frozen. */
DC_API void       dc_summary(dc_model *model);  /* A table of layers, shapes, parameters, FLOPs. */
DC_API uint64_t   dc_fingerprint(dc_model *model);        /* A hash of all its weights. */
DC_API uint64_t   dc_fingerprint_of(dc_tensors tensors);  /* The same for any tensors. */

/* @training ------------------------------------------------------------------------------------ */
/* What a metric sees: all predictions of a set, y [count, outputs] and t [count, targets]. */
typedef struct dc_predictions {
    int64_t        count, outputs, targets;
    const dc_real *y, *t;
    dc_real        threshold;  /* With one output: y above it says class 1. */
    dc_context    *ctx;        /* Where a metric takes memory, between dc_begin and dc_end. */
} dc_predictions;

/* A metric as a record. Yours: (dc_metric){ "my_metric", my_function }. */
typedef struct dc_metric {
    const char *name;
    double    (*compute)(const dc_predictions *p, const struct dc_metric *self);
    int         k;  /* Top-k: k. Precision, recall, F1: the class; -1: the mean over classes. */
} dc_metric;

/* Classification: y are logits or probabilities, the largest wins; with one output, y >
 * threshold, where the threshold is 0 for logits and 0.5 for probabilities (told apart by the
 * loss). t are class numbers or one-hot. Regression: over all elements. */
DC_API dc_metric dc_accuracy  (void);     /* The part that is right. */
DC_API dc_metric dc_top_k     (int k);    /* The part whose class is among the k largest. */
DC_API dc_metric dc_precision (int cls);  /* TP / (TP + FP), or 0; cls -1: the mean over classes */
DC_API dc_metric dc_recall    (int cls);  /* TP / (TP + FN) */
DC_API dc_metric dc_f1        (int cls);  /* 2 TP / (2 TP + FP + FN) */
DC_API dc_metric dc_mae_metric(void);     /* mean |y - t| */
DC_API dc_metric dc_rmse      (void);     /* sqrt(mean (y - t)^2) */
DC_API dc_metric dc_r2        (void);     /* 1 - sum (y - t)^2 / sum (t - mean t)^2 */

enum { DC_MAX_METRICS = 8 };

typedef struct dc_report {           /* What dc_evaluate found. */
    int64_t     samples;
    double      loss, accuracy;  /* accuracy: NaN for a regression. */
    int         metrics;
    const char *name [DC_MAX_METRICS];
    double      value[DC_MAX_METRICS];
} dc_report;

typedef struct dc_history {          /* What dc_fit returns: one value an epoch. */
    int         epochs;                          /* How many were run. */
    double     *loss, *validation_loss;          /* NaN where there was no validation. */
    double     *accuracy, *validation_accuracy;  /* NaN for a regression. */
    double     *rate;
    int         metrics;
    const char *metric_name[DC_MAX_METRICS];
    double     *metric[DC_MAX_METRICS], *validation_metric[DC_MAX_METRICS];
    int         best_epoch;  /* From 0; by validation loss, else by loss. */
    const char *stopped_by;  /* "early stopping", "nan", ... or NULL when all epochs ran. */
} dc_history;

/* A callback watches training, and stops it by returning false. Fields that are NULL are not
 * called. Yours: (dc_callback){ .user = ..., .on_epoch_end = ... }. What it makes is gone when it
 * returns. */
typedef struct dc_callback {
    const char *name;
    void       *user;
    bool      (*on_batch_end)(dc_model *model, int epoch, int64_t batch, double loss, void *user);
    bool      (*on_epoch_end)(dc_model *model, int epoch, const dc_history *history, void *user);
    int patience; double min_delta;  /* Early stopping. */
    const char *path;                /* Checkpoint. */
} dc_callback;

/* Early stopping: when the validation loss (else the loss) has not fallen by more than min_delta
 * for `patience` epochs in a row; restores the best weights. */
DC_API dc_callback dc_early_stopping(int patience, double min_delta);
DC_API dc_callback dc_checkpoint(const char *path);  /* Saves it whenever that loss is lowest. */

typedef struct dc_fit_options {
    int            epochs;            /* 0: 1. */
    int            batch_size;        /* 0: 32. */
    dc_real        validation_split;  /* Part of the data, drawn by the seed, not to train on. */
    dc_dataset    *validation;        /* Or a set of its own. */
    bool           keep_order;        /* Do not shuffle every epoch. */
    const dc_callback *callbacks;     /* callback_count of them. */
    int            callback_count;
    bool           quiet;             /* No progress on stderr. */
} dc_fit_options;

/* compile chooses what training makes small and how, and starts the optimiser anew. metrics
 * are besides the loss and a classifier's accuracy. predict is inference, untaped, of any number of
 * rows; predict_all and confusion are NULL (and dc_error) when a stream fails. find_nan finds the
 * first weight or gradient with a NaN or infinity in it; fit stops at a NaN loss and names it. */
DC_API void dc_compile(dc_model *model, dc_loss loss, dc_optimizer_spec optimizer);
DC_API void dc_metrics(dc_model *model, int count, const dc_metric *metrics);
DC_API const dc_history *dc_fit(dc_model *model, dc_dataset *data, dc_fit_options options);
DC_API dc_report dc_evaluate(dc_model *model, dc_dataset *data);
DC_API dc_tensor *dc_predict(dc_model *model, dc_tensor *x);
DC_API dc_tensor *dc_predict_all(dc_model *model, dc_dataset *data);  /* [samples, outputs...] */
DC_API dc_tensor *dc_confusion(dc_model *model, dc_dataset *data);    /* [true class, said class] */
DC_API dc_tensor *dc_find_nan(dc_model *model);                       /* Or NULL. */
#ifndef __cplusplus
#define DC_METRICS(...)   DC__COUNT(dc_metric, __VA_ARGS__), (dc_metric[]){ __VA_ARGS__ }
#define DC_CALLBACKS(...) .callbacks = (dc_callback[]){ __VA_ARGS__ },                             \
                          .callback_count = DC__COUNT(dc_callback, __VA_ARGS__)
#endif

/* @data ---------------------------------------------------------------------------------------- */
/* A data set is a list of samples (x, y). With classes > 0, y is one class number 0..classes-1 and
 * y_shape DC_SCALAR; with 0, y is a quantity. All sets made from another one share its storage. */
DC_API int64_t  dc_count  (const dc_dataset *data);                /* Samples. */
DC_API int      dc_classes(const dc_dataset *data);                /* 0: y is a quantity. */
DC_API dc_shape dc_x_shape(const dc_dataset *data);                /* Of one sample. */
DC_API dc_shape dc_y_shape(const dc_dataset *data);
DC_API const char *dc_class_name(const dc_dataset *data, int cls); /* From a CSV file; else NULL. */
DC_API const char *dc_feature_name(const dc_dataset *data, int feature);

/* Copies of arrays; shapes are those of one sample. y NULL: x is its own target (an autoencoder).
 * NaN and infinity are accepted; training reports them. Of bytes, x / 255 is delivered. */
DC_API dc_dataset *dc_from_arrays(dc_context *ctx, int64_t count, dc_shape x_shape,
                                  const dc_real *x, dc_shape y_shape, const dc_real *y,
                                  int classes);
DC_API dc_dataset *dc_from_bytes(dc_context *ctx, int64_t count, dc_shape x_shape, const uint8_t *x,
                                 const uint8_t *labels, int classes);

/* Samples made when needed: fetch fills x and y of sample `row` in 0..count-1 and returns false
 * when it cannot, which ends the epoch with an error. Equal rows must give equal samples. */
typedef bool (*dc_fetch)(int64_t row, dc_real *x, dc_real *y, void *user);
DC_API dc_dataset *dc_stream(dc_context *ctx, int64_t count, dc_shape x_shape, dc_shape y_shape,
                             int classes, dc_fetch fetch, void *user);

/* Making sets from sets. */
DC_API dc_dataset *dc_take(dc_dataset *data, int64_t start, int64_t stop);  /* [start, stop) */
DC_API dc_dataset *dc_pick(dc_dataset *data, int64_t count, const int64_t *rows);  /* These rows. */
DC_API dc_dataset *dc_shuffled(dc_dataset *data, uint64_t seed);
DC_API void dc_class_counts(dc_dataset *data, int64_t *counts);  /* counts[classes] */
DC_API void dc_split_data(dc_dataset *data, dc_real part, dc_dataset **first, dc_dataset **rest);
    /* At random by the context's seed; first has that part. */

/* Batches. x [n, ...] and y [n, ...] (class numbers: [n]) are overwritten by the next dc_next,
 * which is false at the end of an epoch; the call after that starts the next, shuffled anew. The
 * last batch may be smaller. At a normal end dc_error(ctx) is empty; else a stream failed, and it
 * says why. */
typedef struct dc_batch {
    dc_tensor *x, *y;
    int64_t size; const int64_t *rows;  /* How many and which samples of the set. */
} dc_batch;
typedef struct dc_loader dc_loader;
DC_API dc_loader *dc_batches(dc_dataset *data, int64_t batch_size, bool shuffle);
DC_API bool       dc_next(dc_loader *loader, dc_batch *batch);
DC_API dc_batch   dc_all(dc_dataset *data);  /* The whole set. x is NULL when a stream fails. */

/* Files. NULL and dc_error on anything unexpected: missing, cut short, of the wrong kind, with
 * bad labels. MNIST (or Fashion-MNIST) is four IDX files, as they are or as .gz: x [28, 28, 1].
 * CSV is RFC 4180; features are numbers, only the classes of the target may be texts. */
typedef enum dc_part { DC_TRAIN, DC_TEST } dc_part;
typedef struct dc_csv_options {
    char        separator;       /* 0: comma. */
    bool        no_header;
    const char *label;  /* Name (or number from 0, as text) of the target column; NULL: the last. */
    bool        is_classes;      /* The target is a class; names are numbered as they appear. */
    dc_real     missing;         /* What an empty field, ?, NA or NaN becomes. */
} dc_csv_options;
DC_API dc_dataset *dc_load_mnist(dc_context *ctx, const char *folder, dc_part part);
DC_API dc_dataset *dc_load_idx(dc_context *ctx, const char *images, const char *labels);
DC_API dc_dataset *dc_load_csv(dc_context *ctx, const char *path, const dc_csv_options *options);

/* Generators. x [2] of two classes or as many as asked for; noise is a standard deviation. Others:
 * line: x in [0, 1), y = slope x + intercept + noise N(0, 1); sine: y = sin x, x in [-pi, pi);
 * digits: [28, 28, 1], ten classes: a bitmap font, shifted, rotated, with noise. */
DC_API dc_dataset *dc_make_line(dc_context *ctx, int64_t count, dc_real slope, dc_real intercept,
                                dc_real noise);
DC_API dc_dataset *dc_make_sine(dc_context *ctx, int64_t count, dc_real noise);
DC_API dc_dataset *dc_make_xor(dc_context *ctx);  /* The four points. */
DC_API dc_dataset *dc_make_blobs(dc_context *ctx, int64_t count, int classes, dc_real noise);
    /* Gaussians around points on a circle of radius 2. */
DC_API dc_dataset *dc_make_circles(dc_context *ctx, int64_t count, dc_real noise);
    /* Radius 1/2 in radius 1. */
DC_API dc_dataset *dc_make_moons(dc_context *ctx, int64_t count, dc_real noise);
DC_API dc_dataset *dc_make_spirals(dc_context *ctx, int64_t count, int arms, dc_real noise);
DC_API dc_dataset *dc_make_digits(dc_context *ctx, int64_t count);

/* @images -------------------------------------------------------------------------------------- */
/* Images are [H, W, C] in [0, 1]. PNG, JPEG, BMP, GIF, TGA and PNM files are read with stb_image.h.
 * NULL and dc_error when a file is missing, damaged or larger than 2^26 pixels. Channels: 1 is
 * grey, 3 RGB, 4 RGB and opacity; 0: those of the file. Of a folder that holds a folder of images
 * for each class every image is decoded once, resized (DC_AREA) and kept as bytes; classes are
 * numbered in the order of their names. */
DC_API dc_tensor  *dc_load_image(dc_context *ctx, const char *path, int channels);
DC_API dc_dataset *dc_load_image_folder(dc_context *ctx, const char *folder, int64_t height,
                                        int64_t width, int channels);

/* @files --------------------------------------------------------------------------------------- */
/* One safetensors file (8 bytes: header length, a JSON header, the numbers), float32 or float64,
 * with the architecture in its metadata: any tool opens it. Written beside and renamed, so that
 * a crash or a full disk never leaves a broken model. False or NULL, and dc_error, when it does
 * not work. dc_load needs no code that builds the (sequential) model; it is ready for dc_predict.
 * To continue training, save that beside it, compile alike and load it; dropout goes on as it would
 * have if the model is again the first of its context. */
DC_API bool dc_save(dc_model *model, const char *path);
DC_API dc_model *dc_load(dc_context *ctx, const char *path);  /* Sequential. */
DC_API bool dc_load_weights(dc_model *model, const char *path); /* All names and shapes, or none. */
DC_API bool dc_save_training(dc_model *model, const char *path); /* The optimiser's state. */
DC_API bool dc_load_training(dc_model *model, const char *path); /* To continue there. */

/* NumPy's .npy. Writes version 1.0; reads 1 to 3 of bool, integers, float32 and float64 that are
 * little-endian and in C order, which numpy.ascontiguousarray(x, "<f4") sees to. */
DC_API bool       dc_save_npy(dc_tensor *x, const char *path);
DC_API dc_tensor *dc_load_npy(dc_context *ctx, const char *path);

/* @pictures ------------------------------------------------------------------------------------ */
/* A plot, written as SVG. Zero is the default everywhere. */
typedef struct dc_series {
    const char    *name;   /* In the legend. */
    const dc_real *x, *y;  /* x NULL: 0, 1, 2, ... */
    int64_t        count;
    bool           points; /* Points, not a line. */
    int            color;  /* 0: the next of the palette; else 1 to 8, to choose. */
} dc_series;

/* The field lies behind the series, [field_rows, field_columns] values, row 0 at the top: k where
 * it is class k, k +- 1/2 at its border. Two classes: a probability, from blue to orange. */
typedef struct dc_plot {
    const char      *title, *x_label, *y_label;
    const dc_series *series;
    int              series_count;
    bool             log_y;
    int              width, height;  /* Pixels; 0: 640 x 400. */
    const dc_real   *field;
    int              field_columns, field_rows;
    dc_real          x_min, x_max, y_min, y_max;  /* Axes, field. x or y both 0: series. */
} dc_plot;

/* Images are [H, W] or [H, W, C] in [0, 1], C 1, and for PNG (which needs
 * stb_image_write.h) 3 or 4; a grid is [N, H, W, C], with gaps of 2 pixels. */
DC_API bool dc_write_svg(dc_context *ctx, const char *path, const dc_plot *plot);  /* Any plot. */
DC_API bool dc_plot_history(dc_context *ctx, const char *path, const dc_history *history);
DC_API void dc_print_image(const dc_tensor *image);       /* In the terminal, light on dark. */
DC_API bool dc_write_png(dc_tensor *image, const char *path);
DC_API bool dc_write_png_grid(dc_tensor *images, int columns, const char *path);

#ifdef __cplusplus
/* The lists of @types and @layers, as C++11 writes them. */
#define DC__LIST(LIST, NAME, ITEM, MAKE) \
    inline LIST NAME(std::initializer_list<ITEM> l) { return MAKE(int(l.size()), l.begin()); }
DC__LIST(dc_shape,      dc__shape,    int64_t,       dc_make_shape)
DC__LIST(dc_axes,       dc__axes,     int,           dc_make_axes)
DC__LIST(dc_tensors,    dc__list,     dc_tensor *,   dc_make_tensors)
DC__LIST(dc_layer_list, dc__layers,   dc_layer_spec, dc_make_layers)
#undef DC__LIST
#define DC_SHAPE(...)    dc__shape({ __VA_ARGS__ })
#define DC_AXES(...)     dc__axes({ __VA_ARGS__ })
#define DC_TENSORS(...)  dc__list({ __VA_ARGS__ })
#define DC_LAYERS(...)   dc__layers({ __VA_ARGS__ })
#endif

/* @calls --------------------------------------------------------------------------------------- */
/* So that an error can name the line of the program that made it, each call notes its place
 * first. (Inside the implementation these say nothing but the call itself.) */
DC_API void          dc__at    (const char *file, int line);
#ifdef __cplusplus
}  /* extern "C" */
#endif
#define DC__CALL(f, ...) (dc__at(__FILE__, __LINE__), f(__VA_ARGS__))
#define dc_end(...)                 DC__CALL(dc_end, __VA_ARGS__)
#define dc_zeros(...)               DC__CALL(dc_zeros, __VA_ARGS__)
#define dc_ones(...)                DC__CALL(dc_ones, __VA_ARGS__)
#define dc_full(...)                DC__CALL(dc_full, __VA_ARGS__)
#define dc_scalar(...)              DC__CALL(dc_scalar, __VA_ARGS__)
#define dc_from(...)                DC__CALL(dc_from, __VA_ARGS__)
#define dc_arange(...)              DC__CALL(dc_arange, __VA_ARGS__)
#define dc_linspace(...)            DC__CALL(dc_linspace, __VA_ARGS__)
#define dc_eye(...)                 DC__CALL(dc_eye, __VA_ARGS__)
#define dc_one_hot(...)             DC__CALL(dc_one_hot, __VA_ARGS__)
#define dc_uniform(...)             DC__CALL(dc_uniform, __VA_ARGS__)
#define dc_normal(...)              DC__CALL(dc_normal, __VA_ARGS__)
#define dc_permutation(...)         DC__CALL(dc_permutation, __VA_ARGS__)
#define dc_param_shaped(...)        DC__CALL(dc_param_shaped, __VA_ARGS__)
#define dc_param_from(...)          DC__CALL(dc_param_from, __VA_ARGS__)
#define dc_item(...)                DC__CALL(dc_item, __VA_ARGS__)
#define dc_at(...)                  DC__CALL(dc_at, __VA_ARGS__)
#define dc_read(...)                DC__CALL(dc_read, __VA_ARGS__)
#define dc_write(...)               DC__CALL(dc_write, __VA_ARGS__)
#define dc_copy(...)                DC__CALL(dc_copy, __VA_ARGS__)
#define dc_named(...)               DC__CALL(dc_named, __VA_ARGS__)
#define dc_print(...)               DC__CALL(dc_print, __VA_ARGS__)
#define dc_format(...)              DC__CALL(dc_format, __VA_ARGS__)
#define dc_neg(...)                 DC__CALL(dc_neg, __VA_ARGS__)
#define dc_abs(...)                 DC__CALL(dc_abs, __VA_ARGS__)
#define dc_sign(...)                DC__CALL(dc_sign, __VA_ARGS__)
#define dc_exp(...)                 DC__CALL(dc_exp, __VA_ARGS__)
#define dc_expm1(...)               DC__CALL(dc_expm1, __VA_ARGS__)
#define dc_log(...)                 DC__CALL(dc_log, __VA_ARGS__)
#define dc_log1p(...)               DC__CALL(dc_log1p, __VA_ARGS__)
#define dc_sqrt(...)                DC__CALL(dc_sqrt, __VA_ARGS__)
#define dc_rsqrt(...)               DC__CALL(dc_rsqrt, __VA_ARGS__)
#define dc_square(...)              DC__CALL(dc_square, __VA_ARGS__)
#define dc_reciprocal(...)          DC__CALL(dc_reciprocal, __VA_ARGS__)
#define dc_sin(...)                 DC__CALL(dc_sin, __VA_ARGS__)
#define dc_cos(...)                 DC__CALL(dc_cos, __VA_ARGS__)
#define dc_tanh(...)                DC__CALL(dc_tanh, __VA_ARGS__)
#define dc_sigmoid(...)             DC__CALL(dc_sigmoid, __VA_ARGS__)
#define dc_erf(...)                 DC__CALL(dc_erf, __VA_ARGS__)
#define dc_relu(...)                DC__CALL(dc_relu, __VA_ARGS__)
#define dc_gelu(...)                DC__CALL(dc_gelu, __VA_ARGS__)
#define dc_gelu_tanh(...)           DC__CALL(dc_gelu_tanh, __VA_ARGS__)
#define dc_silu(...)                DC__CALL(dc_silu, __VA_ARGS__)
#define dc_softplus(...)            DC__CALL(dc_softplus, __VA_ARGS__)
#define dc_add(...)                 DC__CALL(dc_add, __VA_ARGS__)
#define dc_sub(...)                 DC__CALL(dc_sub, __VA_ARGS__)
#define dc_mul(...)                 DC__CALL(dc_mul, __VA_ARGS__)
#define dc_div(...)                 DC__CALL(dc_div, __VA_ARGS__)
#define dc_pow(...)                 DC__CALL(dc_pow, __VA_ARGS__)
#define dc_maximum(...)             DC__CALL(dc_maximum, __VA_ARGS__)
#define dc_minimum(...)             DC__CALL(dc_minimum, __VA_ARGS__)
#define dc_equal(...)               DC__CALL(dc_equal, __VA_ARGS__)
#define dc_not_equal(...)           DC__CALL(dc_not_equal, __VA_ARGS__)
#define dc_less(...)                DC__CALL(dc_less, __VA_ARGS__)
#define dc_less_equal(...)          DC__CALL(dc_less_equal, __VA_ARGS__)
#define dc_greater(...)             DC__CALL(dc_greater, __VA_ARGS__)
#define dc_greater_equal(...)       DC__CALL(dc_greater_equal, __VA_ARGS__)
#define dc_leaky_relu(...)          DC__CALL(dc_leaky_relu, __VA_ARGS__)
#define dc_elu(...)                 DC__CALL(dc_elu, __VA_ARGS__)
#define dc_clip(...)                DC__CALL(dc_clip, __VA_ARGS__)
#define dc_pow_scalar(...)          DC__CALL(dc_pow_scalar, __VA_ARGS__)
#define dc_scale(...)               DC__CALL(dc_scale, __VA_ARGS__)
#define dc_shift(...)               DC__CALL(dc_shift, __VA_ARGS__)
#define dc_where(...)               DC__CALL(dc_where, __VA_ARGS__)
#define dc_reshape(...)             DC__CALL(dc_reshape, __VA_ARGS__)
#define dc_flatten_op(...)          DC__CALL(dc_flatten_op, __VA_ARGS__)
#define dc_squeeze(...)             DC__CALL(dc_squeeze, __VA_ARGS__)
#define dc_unsqueeze(...)           DC__CALL(dc_unsqueeze, __VA_ARGS__)
#define dc_permute(...)             DC__CALL(dc_permute, __VA_ARGS__)
#define dc_transpose(...)           DC__CALL(dc_transpose, __VA_ARGS__)
#define dc_expand(...)              DC__CALL(dc_expand, __VA_ARGS__)
#define dc_slice(...)               DC__CALL(dc_slice, __VA_ARGS__)
#define dc_first(...)               DC__CALL(dc_first, __VA_ARGS__)
#define dc_concat(...)              DC__CALL(dc_concat, __VA_ARGS__)
#define dc_stack(...)               DC__CALL(dc_stack, __VA_ARGS__)
#define dc_split(...)               DC__CALL(dc_split, __VA_ARGS__)
#define dc_pad(...)                 DC__CALL(dc_pad, __VA_ARGS__)
#define dc_gather(...)              DC__CALL(dc_gather, __VA_ARGS__)
#define dc_take_along(...)          DC__CALL(dc_take_along, __VA_ARGS__)
#define dc_sum(...)                 DC__CALL(dc_sum, __VA_ARGS__)
#define dc_mean(...)                DC__CALL(dc_mean, __VA_ARGS__)
#define dc_max(...)                 DC__CALL(dc_max, __VA_ARGS__)
#define dc_min(...)                 DC__CALL(dc_min, __VA_ARGS__)
#define dc_norm(...)                DC__CALL(dc_norm, __VA_ARGS__)
#define dc_var(...)                 DC__CALL(dc_var, __VA_ARGS__)
#define dc_std(...)                 DC__CALL(dc_std, __VA_ARGS__)
#define dc_sum_over(...)            DC__CALL(dc_sum_over, __VA_ARGS__)
#define dc_mean_over(...)           DC__CALL(dc_mean_over, __VA_ARGS__)
#define dc_max_over(...)            DC__CALL(dc_max_over, __VA_ARGS__)
#define dc_min_over(...)            DC__CALL(dc_min_over, __VA_ARGS__)
#define dc_norm_over(...)           DC__CALL(dc_norm_over, __VA_ARGS__)
#define dc_var_over(...)            DC__CALL(dc_var_over, __VA_ARGS__)
#define dc_std_over(...)            DC__CALL(dc_std_over, __VA_ARGS__)
#define dc_argmax(...)              DC__CALL(dc_argmax, __VA_ARGS__)
#define dc_argmin(...)              DC__CALL(dc_argmin, __VA_ARGS__)
#define dc_matmul(...)              DC__CALL(dc_matmul, __VA_ARGS__)
#define dc_matmul_with(...)         DC__CALL(dc_matmul_with, __VA_ARGS__)
#define dc_linear(...)              DC__CALL(dc_linear, __VA_ARGS__)
#define dc_softmax(...)             DC__CALL(dc_softmax, __VA_ARGS__)
#define dc_log_softmax(...)         DC__CALL(dc_log_softmax, __VA_ARGS__)
#define dc_logsumexp(...)           DC__CALL(dc_logsumexp, __VA_ARGS__)
#define dc_layer_norm_op(...)       DC__CALL(dc_layer_norm_op, __VA_ARGS__)
#define dc_batch_norm_op(...)       DC__CALL(dc_batch_norm_op, __VA_ARGS__)
#define dc_dropout_op(...)          DC__CALL(dc_dropout_op, __VA_ARGS__)
#define dc_conv_op(...)             DC__CALL(dc_conv_op, __VA_ARGS__)
#define dc_conv_transpose_op(...)   DC__CALL(dc_conv_transpose_op, __VA_ARGS__)
#define dc_max_pool_op(...)         DC__CALL(dc_max_pool_op, __VA_ARGS__)
#define dc_avg_pool_op(...)         DC__CALL(dc_avg_pool_op, __VA_ARGS__)
#define dc_adaptive_max_pool_op(...)DC__CALL(dc_adaptive_max_pool_op, __VA_ARGS__)
#define dc_adaptive_avg_pool_op(...)DC__CALL(dc_adaptive_avg_pool_op, __VA_ARGS__)
#define dc_group_norm_op(...)       DC__CALL(dc_group_norm_op, __VA_ARGS__)
#define dc_rms_norm_op(...)         DC__CALL(dc_rms_norm_op, __VA_ARGS__)
#define dc_resize(...)              DC__CALL(dc_resize, __VA_ARGS__)
#define dc_pixel_shuffle_op(...)    DC__CALL(dc_pixel_shuffle_op, __VA_ARGS__)
#define dc_apply(...)               DC__CALL(dc_apply, __VA_ARGS__)
#define dc_backward(...)            DC__CALL(dc_backward, __VA_ARGS__)
#define dc_grad(...)                DC__CALL(dc_grad, __VA_ARGS__)
#define dc_zero_grad(...)           DC__CALL(dc_zero_grad, __VA_ARGS__)
#define dc_require_grad(...)        DC__CALL(dc_require_grad, __VA_ARGS__)
#define dc_detach(...)              DC__CALL(dc_detach, __VA_ARGS__)
#define dc_gradcheck(...)           DC__CALL(dc_gradcheck, __VA_ARGS__)
#define dc_mse(...)                 DC__CALL(dc_mse, __VA_ARGS__)
#define dc_mae(...)                 DC__CALL(dc_mae, __VA_ARGS__)
#define dc_huber(...)               DC__CALL(dc_huber, __VA_ARGS__)
#define dc_bce_with_logits(...)     DC__CALL(dc_bce_with_logits, __VA_ARGS__)
#define dc_bce(...)                 DC__CALL(dc_bce, __VA_ARGS__)
#define dc_cross_entropy(...)       DC__CALL(dc_cross_entropy, __VA_ARGS__)
#define dc_soft_cross_entropy(...)  DC__CALL(dc_soft_cross_entropy, __VA_ARGS__)
#define dc_nll(...)                 DC__CALL(dc_nll, __VA_ARGS__)
#define dc_loss_value(...)          DC__CALL(dc_loss_value, __VA_ARGS__)
#define dc_optimize(...)            DC__CALL(dc_optimize, __VA_ARGS__)
#define dc_optimize_these(...)      DC__CALL(dc_optimize_these, __VA_ARGS__)
#define dc_set_group(...)           DC__CALL(dc_set_group, __VA_ARGS__)
#define dc_step(...)                DC__CALL(dc_step, __VA_ARGS__)
#define dc_set_rate(...)            DC__CALL(dc_set_rate, __VA_ARGS__)
#define dc_activate(...)            DC__CALL(dc_activate, __VA_ARGS__)
#define dc_sequential(...)          DC__CALL(dc_sequential, __VA_ARGS__)
#define dc_functional(...)          DC__CALL(dc_functional, __VA_ARGS__)
#define dc_use(...)                 DC__CALL(dc_use, __VA_ARGS__)
#define dc_call(...)                DC__CALL(dc_call, __VA_ARGS__)
#define dc_forward(...)             DC__CALL(dc_forward, __VA_ARGS__)
#define dc_freeze(...)              DC__CALL(dc_freeze, __VA_ARGS__)
#define dc_summary(...)             DC__CALL(dc_summary, __VA_ARGS__)
#define dc_register_layer(...)      DC__CALL(dc_register_layer, __VA_ARGS__)
#define dc_compile(...)             DC__CALL(dc_compile, __VA_ARGS__)
#define dc_metrics(...)             DC__CALL(dc_metrics, __VA_ARGS__)
#define dc_fit(...)                 DC__CALL(dc_fit, __VA_ARGS__)
#define dc_evaluate(...)            DC__CALL(dc_evaluate, __VA_ARGS__)
#define dc_predict(...)             DC__CALL(dc_predict, __VA_ARGS__)
#define dc_predict_all(...)         DC__CALL(dc_predict_all, __VA_ARGS__)
#define dc_confusion(...)           DC__CALL(dc_confusion, __VA_ARGS__)
#define dc_find_nan(...)            DC__CALL(dc_find_nan, __VA_ARGS__)
#define dc_from_arrays(...)         DC__CALL(dc_from_arrays, __VA_ARGS__)
#define dc_from_bytes(...)          DC__CALL(dc_from_bytes, __VA_ARGS__)
#define dc_stream(...)              DC__CALL(dc_stream, __VA_ARGS__)
#define dc_count(...)               DC__CALL(dc_count, __VA_ARGS__)
#define dc_classes(...)             DC__CALL(dc_classes, __VA_ARGS__)
#define dc_take(...)                DC__CALL(dc_take, __VA_ARGS__)
#define dc_pick(...)                DC__CALL(dc_pick, __VA_ARGS__)
#define dc_shuffled(...)            DC__CALL(dc_shuffled, __VA_ARGS__)
#define dc_split_data(...)          DC__CALL(dc_split_data, __VA_ARGS__)
#define dc_class_counts(...)        DC__CALL(dc_class_counts, __VA_ARGS__)
#define dc_batches(...)             DC__CALL(dc_batches, __VA_ARGS__)
#define dc_next(...)                DC__CALL(dc_next, __VA_ARGS__)
#define dc_all(...)                 DC__CALL(dc_all, __VA_ARGS__)
#define dc_make_line(...)           DC__CALL(dc_make_line, __VA_ARGS__)
#define dc_make_sine(...)           DC__CALL(dc_make_sine, __VA_ARGS__)
#define dc_make_xor(...)            DC__CALL(dc_make_xor, __VA_ARGS__)
#define dc_make_blobs(...)          DC__CALL(dc_make_blobs, __VA_ARGS__)
#define dc_make_circles(...)        DC__CALL(dc_make_circles, __VA_ARGS__)
#define dc_make_moons(...)          DC__CALL(dc_make_moons, __VA_ARGS__)
#define dc_make_spirals(...)        DC__CALL(dc_make_spirals, __VA_ARGS__)
#define dc_make_digits(...)         DC__CALL(dc_make_digits, __VA_ARGS__)
#define dc_load_image_folder(...)   DC__CALL(dc_load_image_folder, __VA_ARGS__)
#define dc_augment_op(...)          DC__CALL(dc_augment_op, __VA_ARGS__)
#define dc_save_training(...)       DC__CALL(dc_save_training, __VA_ARGS__)
#define dc_load_training(...)       DC__CALL(dc_load_training, __VA_ARGS__)
#define dc_write_svg(...)           DC__CALL(dc_write_svg, __VA_ARGS__)
#define dc_print_image(...)         DC__CALL(dc_print_image, __VA_ARGS__)
#define dc_write_png(...)           DC__CALL(dc_write_png, __VA_ARGS__)
#define dc_write_png_grid(...)      DC__CALL(dc_write_png_grid, __VA_ARGS__)
#endif /* DEEPC_H */
/* Stop here if you only want to use deepc. Read on to see how it works. */
#if defined(DEEPC_IMPLEMENTATION) && !defined(DEEPC_IMPLEMENTED)
#define DEEPC_IMPLEMENTED
#ifdef __cplusplus
#error "deepc: put DEEPC_IMPLEMENTATION in a .c file (C++ may include the declarations)."
#endif
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || __FINITE_MATH_ONLY__
#error "deepc: do not compile with -ffast-math: it breaks NaN, and the same bits everywhere."
#endif
#ifdef DC__OWN_API
#pragma GCC diagnostic push
#endif
#undef DC__CALL                                  /* See @calls. */
#define DC__CALL(f, ...) f(__VA_ARGS__)
#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if FLT_EVAL_METHOD != 0
#error "deepc: needs FLT_EVAL_METHOD 0 (on 32-bit x86: -msse2 -mfpmath=sse)."
#endif
#if defined(__OPTIMIZE__) && !defined(__clang__)   /* Around what takes no time when it runs. */
#define DC__QUICK_TO_COMPILE _Pragma("GCC push_options") _Pragma("GCC optimize(\"O1\")")
#define DC__AS_ASKED         _Pragma("GCC pop_options")
#else
#define DC__QUICK_TO_COMPILE
#define DC__AS_ASKED
#endif
#ifndef DC_MALLOC
#define DC_MALLOC(size) malloc(size)
#define DC_FREE(memory) free(memory)
#endif
#if defined(__SANITIZE_ADDRESS__)
#define DC__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DC__ASAN 1
#endif
#endif
#ifdef DC__ASAN
#include <sanitizer/asan_interface.h>
#define DC__POISON(memory, size)   __asan_poison_memory_region(memory, size)
#define DC__UNPOISON(memory, size) __asan_unpoison_memory_region(memory, size)
#else
#define DC__POISON(memory, size)   ((void)0)
#define DC__UNPOISON(memory, size) ((void)0)
#endif

/* @impl-errors --------------------------------------------------------------------------------- */
/* Two kinds of trouble, never mixed. A program that breaks a rule gets one sentence and is
 * stopped, by dc_fail; a file that is not what it should be makes the call return false, by
 * dc__error. */

typedef struct dc__block  dc__block;       /* @impl-memory */
typedef struct dc__buffer dc__buffer;
typedef struct dc__buffer dc__file;

typedef struct dc__arena {
    dc__block *first, *current;
    size_t     taken, limit;       /* Bytes in blocks; how many there may be, 0: any number. */
} dc__arena;

struct dc_context {
    uint64_t         seed;
    dc_error_handler on_error;
    void            *user;
    char             error[512];           /* dc_error's answer. */

    dc__arena        permanent, step;      /* The two lifetimes. */
    dc__buffer      *buffers;       /* Open buffers and files, released by dc_free at the latest. */
    int              depth;                /* How many dc_begin are open. */
    dc_tensor       *last;                 /* The newest tensor; they are chained by made_before. */
    dc_tensor       *free_first, *free_last;   /* Headers of tensors that are gone, oldest first. */
    int              free_count;

    bool             training, no_grad;
    uint32_t         pass;                 /* Counts backward passes; 0 is none. */
    int              pending;              /* Results that the pass has reached and not yet left. */
    uint32_t         steps, calls;         /* Optimiser steps; random ops since the last one. */
    int              layers;               /* Layers made so far. */
    uint32_t         creations;            /* Random tensors and parameters made so far. */
    dc_tensor      **param;                /* Every parameter, in order of creation. */
    int              params, param_room;
    const struct dc__kernels *kernels;     /* The device: @impl-table. */
    const dc_layer_kind **kind;            /* Kinds of layers added by dc_register_layer. */
    int              kinds;
};

/* The last call from the program, as the macros of @calls note it, and the layer at work. */
typedef struct dc__where { const char *file; int line; const char *layer; } dc__where;
static _Thread_local dc__where dc__here;

DC_API void dc__at(const char *file, int line) { dc__here = (dc__where){ file, line, NULL }; }

DC_API void dc_fail(dc_context *ctx, const char *format, ...) {
    char message[768];
    int n = 0;
    if (dc__here.file)
        n = snprintf(message, sizeof message, "%.200s:%d: ", dc__here.file, dc__here.line);
    if (dc__here.layer)
        n += snprintf(message + n, sizeof message - (size_t)n, "layer %.120s: ", dc__here.layer);
    dc__here.layer = NULL;                 /* The handler may leave it by longjmp. */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message + n, sizeof message - (size_t)n, format, arguments);
    va_end(arguments);
    if (ctx && ctx->on_error) ctx->on_error(message, ctx->user);
    else fprintf(stderr, "%s\n", message);
    abort();
}

/* Notes why an operation did not work, and returns false. */
__attribute__((format(printf, 2, 3)))
static bool dc__error(dc_context *ctx, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ctx->error, sizeof ctx->error, format, arguments);
    va_end(arguments);
    return false;
}

DC_API const char *dc_error(dc_context *ctx) { return ctx->error; }
DC_API void dc_on_error(dc_context *ctx, dc_error_handler handler, void *user) {
    ctx->on_error = handler, ctx->user = user;
}

/* A few words for a message, in memory that lives to its end: dc__say("%d axes", 3).text. */
typedef struct dc__words { char text[160]; } dc__words;

__attribute__((format(printf, 1, 2)))
static dc__words dc__say(const char *format, ...) {
    dc__words w;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w.text, sizeof w.text, format, arguments);
    va_end(arguments);
    return w;
}

static dc__words dc__shape_words(dc_shape s) {
    dc__words w = { "[" };
    size_t n = 1;
    for (int i = 0; i < s.rank && i < DC_MAX_RANK; i++)
        n += (size_t)snprintf(w.text + n, sizeof w.text - n, i ? ", %lld" : "%lld",
                              (long long)s.dim[i]);
    snprintf(w.text + n, sizeof w.text - n, "]");
    return w;
}
#define DC__SHAPE_TEXT(shape) dc__shape_words(shape).text                     /* "[32, 784]" */

DC_API size_t dc_shape_text(dc_shape s, char *out, size_t size) {
    return (size_t)snprintf(out, size, "%s", DC__SHAPE_TEXT(s));
}

/* @impl-memory --------------------------------------------------------------------------------- */
/* An arena is a list of blocks; allocation moves a cursor, and everything behind a mark dies at
 * once. No size has to be guessed: a full block is followed by one twice as large. Blocks are
 * kept when a step ends, so a training loop soon allocates nothing at all. */
struct dc__block {
    dc__block *next;
    char      *start;                      /* Aligned. */
    size_t     used, size;
};

enum { DC__ALIGN = 64 };                   /* A cache line, and the widest vector. */
enum { DC__FIRST_BLOCK = 1 << 16, DC__LARGE_BLOCK = 1 << 24 };

static size_t dc__round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

static dc__block *dc__new_block(size_t size) {
    dc__block *b = size < SIZE_MAX / 2 ? DC_MALLOC(sizeof *b + DC__ALIGN + size) : NULL;
    if (!b) return NULL;
    char *start = (char *)(b + 1);
    start += (DC__ALIGN - (uintptr_t)start % DC__ALIGN) % DC__ALIGN;
    *b = (dc__block){ .start = start, .size = size };
    DC__POISON(start, size);
    return b;
}

/* Memory from an arena, not cleared. NULL when there is none. */
static void *dc__take(dc__arena *arena, size_t size) {
    if (size > SIZE_MAX / 4) return NULL;
    size = dc__round_up(size ? size : 1, DC__ALIGN);
    dc__block *b = arena->current;
    while (b && b->used + size > b->size && b->next && b->next->size >= size)
        b = b->next, b->used = 0;
    if (!b || b->used + size > b->size) {
        size_t usual = !b ? DC__FIRST_BLOCK : 2 * b->size;
        if (usual > DC__LARGE_BLOCK) usual = DC__LARGE_BLOCK;
        if (usual < size) usual = size;
        if (arena->limit && usual > arena->limit - arena->taken) return NULL;
        dc__block *fresh = dc__new_block(usual);
        if (!fresh && usual > size) fresh = dc__new_block(size);
        if (!fresh) return NULL;
        arena->taken += fresh->size;
        if (b) fresh->next = b->next, b->next = fresh;
        else arena->first = fresh;
        b = fresh;
    }
    arena->current = b;
    void *memory = b->start + b->used;
    b->used += size;
    DC__UNPOISON(memory, size);
    return memory;
}

static void dc__free_arena(dc__arena *arena) {
    for (dc__block *b = arena->first, *next; b; b = next) {
        next = b->next;
        DC__UNPOISON(b->start, b->size);
        DC_FREE(b);
    }
    *arena = (dc__arena){ 0 };
}

static void *dc__need(dc_context *ctx, dc__arena *arena, size_t size) {
    void *memory = dc__take(arena, size);
    if (!memory) dc_fail(ctx, "out of memory asking for %zu bytes", size);
    return memory;
}

/* Memory that lives until dc_free; and as long as what is made now. Neither is cleared. */
static void *dc__permanent(dc_context *ctx, size_t size) {
    return dc__need(ctx, &ctx->permanent, size);
}
static void *dc__temporary(dc_context *ctx, size_t size) {
    return dc__need(ctx, ctx->depth ? &ctx->step : &ctx->permanent, size);
}

static void *dc__permanent_zeros(dc_context *ctx, size_t size) {
    return memset(dc__permanent(ctx, size), 0, size);
}
DC_API void *dc_alloc(dc_context *ctx, size_t size) {
    return memset(dc__temporary(ctx, size), 0, size);
}

static const char *dc__permanent_text(dc_context *ctx, const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(dc__permanent(ctx, size), text, size);
}

/* A buffer is for what comes and goes inside one call, the bytes of a file for instance. It is
 * chained to the context, so that it is released by dc_free even when an error handler leaves by
 * longjmp. An open file is one too: its bytes are the path. */
struct dc__buffer {
    dc__buffer *next, **link;
    size_t      size;
    FILE       *stream;                    /* Or NULL. */
    max_align_t bytes[];
};

static dc__buffer *dc__buffer_of(void *bytes) {
    return (dc__buffer *)(void *)((char *)bytes - offsetof(dc__buffer, bytes));
}

/* size bytes, not cleared; NULL (and dc_error) when there is no memory. */
static void *dc__buffer_new(dc_context *ctx, size_t size) {
    dc__buffer *b = size < SIZE_MAX / 2 ? DC_MALLOC(sizeof *b + size) : NULL;
    if (!b) return dc__error(ctx, "out of memory asking for %zu bytes", size), (void *)NULL;
    *b = (dc__buffer){ .next = ctx->buffers, .link = &ctx->buffers, .size = size };
    if (b->next) b->next->link = &b->next;
    ctx->buffers = b;
    return b->bytes;
}

static void dc__buffer_free(void *bytes) {
    if (!bytes) return;
    dc__buffer *b = dc__buffer_of(bytes);
    if (b->stream) fclose(b->stream);
    *b->link = b->next;
    if (b->next) b->next->link = b->link;
    DC_FREE(b);
}

/* The same bytes in a buffer of another size; the old one is gone. NULL (dc_error): no memory. */
static void *dc__buffer_resize(dc_context *ctx, void *bytes, size_t size) {
    char *fresh = dc__buffer_new(ctx, size);
    size_t old = bytes ? dc__buffer_of(bytes)->size : 0;
    if (fresh && old) memcpy(fresh, bytes, old < size ? old : size);
    dc__buffer_free(bytes);
    return fresh;
}

static dc__file *dc__open(dc_context *ctx, const char *path, const char *mode) {
    char *name = dc__buffer_new(ctx, strlen(path) + 1);
    if (!name) return NULL;
    dc__file *f = dc__buffer_of(strcpy(name, path));
    f->stream = fopen(path, mode);
    if (f->stream) return f;
    dc__error(ctx, "%s: %s", path, strerror(errno));
    dc__buffer_free(name);
    return NULL;
}

/* Closes; false (and dc_error) when something had not been written. */
static bool dc__close(dc_context *ctx, dc__file *f) {
    bool failed = ferror(f->stream) != 0;
    if (!failed) errno = 0;
    if (fclose(f->stream)) failed = true;
    const char *why = errno ? strerror(errno) : "cannot be read or written";
    if (failed) dc__error(ctx, "%s: %s", (char *)f->bytes, why);
    f->stream = NULL;
    dc__buffer_free(f->bytes);
    return !failed;
}

/* A whole file as a buffer with a zero byte behind it. NULL (and dc_error): it cannot be read. */
static char *dc__read_file(dc_context *ctx, const char *path, size_t *size) {
    dc__buffer *f = dc__open(ctx, path, "rb");
    if (!f) return NULL;
    size_t room = 1 << 16, used = 0, got;
    char *bytes = dc__buffer_new(ctx, room);
    while (bytes && (got = fread(bytes + used, 1, room - 1 - used, f->stream)) > 0) {
        used += got;
        if (used + 1 == room) bytes = dc__buffer_resize(ctx, bytes, room *= 2);
    }
    if (!dc__close(ctx, f)) dc__buffer_free(bytes), bytes = NULL;
    if (!bytes) return NULL;
    bytes[used] = 0;
    *size = used;
    return bytes;
}

/* stb_image brings a decoder for gzip, stb_image_write an encoder for PNG; both are in the public
 * domain (https://github.com/nothings/stb). A program that wants them for itself includes them
 * before deepc.h, which uses what is there. Otherwise they are private to this file. */
#if !defined(DEEPC_NO_STB) && defined(__has_include)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#ifndef STBI_INCLUDE_STB_IMAGE_H
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define stbi__unpremultiply_on_load_thread stbi_set_unpremultiply_on_load_thread /* 2.27 slips. */
#if __has_include("stb_image.h")
#include "stb_image.h"
#elif __has_include(<stb/stb_image.h>)
#include <stb/stb_image.h>
#endif
#undef STB_IMAGE_IMPLEMENTATION
#undef stbi__unpremultiply_on_load_thread
#endif
#ifndef INCLUDE_STB_IMAGE_WRITE_H
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#if __has_include("stb_image_write.h")
#include "stb_image_write.h"
#elif __has_include(<stb/stb_image_write.h>)
#include <stb/stb_image_write.h>
#endif
#undef STB_IMAGE_WRITE_IMPLEMENTATION
#endif
#pragma GCC diagnostic pop
#endif

/* @impl-text ----------------------------------------------------------------------------------- */
/* Numbers as text, without the locale: a program that called setlocale may find printf writing
 * "0,5" and strtod stopping at the point of "0.5". So output is repaired after printf, and input
 * before strtod. Also here: text that grows, and files that are written whole or not at all. */
#if defined(__unix__) || defined(__APPLE__)
#define DC__POSIX 1
#define DC__ON_TERMINAL isatty(2)      /* Is stderr one? */
#include <sys/stat.h>
#include <unistd.h>
int (fileno)(FILE *stream);            /* POSIX has these; its headers hide them from strict C11. */
int (fsync)(int descriptor);
#else
#define DC__ON_TERMINAL false
#endif

/* Puts a '.' where printf wrote the locale's decimal point, which may be several bytes. */
static void dc__set_point(char *text) {
    char *point = text + strspn(text, "+-0123456789inf");
    size_t wide = strcspn(point, "0123456789e");         /* 0 when there is no point. */
    if (wide) *point = '.', memmove(point + 1, point + wide, strlen(point + wide) + 1);
}

/* value as "%.{digits}g" writes it, or as "%.{digits}f" for kind 'f', but with a '.'; any NaN is
 * "nan". */
static dc__words dc__number_words(char kind, double value, int digits) {
    if (value != value) return dc__say("nan");
    dc__words w = dc__say(kind == 'f' ? "%.*f" : "%.*g", digits < 100 ? digits : 100, value);
    dc__set_point(w.text);
    return w;
}

/* As an argument: printf("%s", DC__NUMBER(x, 6)); it lives to the end of the call. 9 digits bring
 * back any float, 17 any double. */
#define DC__NUMBER(value, digits)  dc__number_words('g', value, digits).text
#define DC__FIXED(value, decimals) dc__number_words('f', value, decimals).text

/* Is [start, stop) this lower-case word, in any case? */
static bool dc__is_word(const char *start, const char *stop, const char *word) {
    while (start < stop && *word && (*start | 32) == *word) start++, word++;
    return start == stop && !*word;
}

/* Reads [start, stop), all of it, as one decimal number: -12.5e-3, inf, infinity or nan, correctly
 * rounded; too large is infinite. False when it is anything else. */
static bool dc__parse_number(const char *start, const char *stop, double *value) {
    const char *p = start + (start < stop && (*start == '-' || *start == '+'));
    if (dc__is_word(p, stop, "inf") || dc__is_word(p, stop, "infinity"))
        return *value = *start == '-' ? -(double)INFINITY : (double)INFINITY, true;
    if (dc__is_word(p, stop, "nan")) return *value = (double)NAN, true;
    size_t n = (size_t)(stop - start);
    char room[64], half[16], *text = n + sizeof half < sizeof room ? room : DC_MALLOC(n + 16);
    if (!text) return false;
    memcpy(text, start, n), text[n] = 0;
    bool is_decimal = n > 0 && strspn(text, "+-.0123456789eE") == n;
    char *dot = strchr(text, '.'), *end;
    if (dot) {
        size_t wide = (size_t)snprintf(half, sizeof half, "%.1f", 0.5) - 2;   /* Of its point. */
        memmove(dot + wide, dot + 1, strlen(dot)), memcpy(dot, half + 1, wide);
    }
    *value = strtod(text, &end);
    is_decimal = is_decimal && end > text && !*end;
    if (text != room) DC_FREE(text);
    return is_decimal;
}

/* Text that grows, in a buffer. Start with dc__text t = { .ctx = ctx }, look at `failed` once at
 * the end, and free it. */
typedef struct dc__text {
    dc_context *ctx;
    char       *data;                  /* Ends in a zero byte; NULL while it is empty. */
    size_t      used, room;
    bool        failed;                /* No memory (dc_error says so). */
} dc__text;

__attribute__((format(printf, 2, 3)))
static void dc__text_add(dc__text *t, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t end = t->used + (size_t)vsnprintf(NULL, 0, format, arguments);
    if (end >= t->room && !t->failed) {
        t->room = 2 * end + 4096;
        t->data = dc__buffer_resize(t->ctx, t->data, t->room);
        t->failed = !t->data;
    }
    if (!t->failed) vsnprintf(t->data + t->used, t->room - t->used, format, again), t->used = end;
    va_end(again);
    va_end(arguments);
}

static void dc__text_free(dc__text *t) {
    dc__buffer_free(t->data);
    *t = (dc__text){ .ctx = t->ctx };
}

/* Writes a whole file: under another name beside it, which takes the place of path when all is
 * well and on the disk, so that neither a crash nor a full disk leaves half a file or harms the
 * old one. A device or a pipe, such as /dev/stdout, is written to in place. */
static bool dc__write_file(dc_context *ctx, const char *path, const void *bytes, size_t size) {
    bool beside = true;
#ifdef DC__POSIX
    struct stat about;
    beside = stat(path, &about) || S_ISREG(about.st_mode);
#endif
    dc__text name = { .ctx = ctx };
    dc__text_add(&name, "%s%s", path, beside ? ".part" : "");
    dc__file *f = name.failed ? NULL : dc__open(ctx, name.data, "wb");
    if (!f) return dc__text_free(&name), false;
    errno = 0;
    bool ok = (!size || fwrite(bytes, 1, size, f->stream) == size) && !fflush(f->stream);
#ifdef DC__POSIX
    ok = ok && (!beside || !fsync(fileno(f->stream)));
#endif
    int reason = errno;
    if (!dc__close(ctx, f) && ok) ok = false, reason = errno;
#ifdef _WIN32
    if (ok) remove(path);              /* There, rename does not replace. */
#endif
    if (ok && beside && rename(name.data, path)) ok = false, reason = errno;
    if (!ok && beside) remove(name.data);
    dc__text_free(&name);
    return ok || dc__error(ctx, "%s: %s", path, reason ? strerror(reason) : "cannot be written");
}

/* @impl-random --------------------------------------------------------------------------------- */
/* A generator that is consumed draw by draw gives other numbers as soon as anything is drawn in
 * another order, by another thread for instance. Philox4x32-10 (Salmon et al. 2011, "Parallel
 * random numbers: as easy as 1, 2, 3") has no state: it is a function from a 128-bit counter and
 * a key to 128 bits that look random. The key is the context's seed and the counter says what
 * the number is for, so that each number has an address of its own and can be computed by anyone
 * at any time. */

enum { DC__FOR_INIT = 1, DC__FOR_TENSOR, DC__FOR_DROPOUT, DC__FOR_SHUFFLE, DC__FOR_SPLIT,
       DC__FOR_DATA, DC__FOR_AUGMENT, DC__FOR_NOISE };

typedef struct dc__random {
    uint32_t key[2];
    uint32_t step, call, owner;       /* Three words of the counter; the first counts the blocks. */
} dc__random;

static void dc__philox(const dc__random *r, uint32_t block, uint32_t out[4]) {
    uint32_t c0 = block, c1 = r->step, c2 = r->call, c3 = r->owner, k0 = r->key[0], k1 = r->key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1, c3 = (uint32_t)p0;
        k0 += 0x9E3779B9, k1 += 0xBB67AE85;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

static dc__random dc__stream(const dc_context *ctx, int purpose, uint32_t owner, uint32_t call,
                             uint32_t step) {
    return (dc__random){ .key = { (uint32_t)ctx->seed, (uint32_t)(ctx->seed >> 32) }, .step = step,
                         .call = call, .owner = (uint32_t)purpose << 24 | (owner & 0xFFFFFF) };
}

static uint32_t dc__bits_at(const dc__random *r, uint64_t i) {
    uint32_t word[4];
    dc__philox(r, (uint32_t)(i / 4), word);
    return word[i % 4];
}

/* In [0, 1): the upper 24 bits of a word, or 53 of two in double. */
static dc_real dc__uniform_at(const dc__random *r, uint64_t i) {
#ifdef DEEPC_DOUBLE
    uint64_t bits = (uint64_t)dc__bits_at(r, 2 * i) << 32 | dc__bits_at(r, 2 * i + 1);
    return (double)(bits >> 11) * 0x1p-53;
#else
    return (float)(dc__bits_at(r, i) >> 8) * 0x1p-24f;
#endif
}

/* 0 .. n-1, n < 2^32, as the upper half of a product; the bias, below n / 2^64, cannot be seen. */
static uint64_t dc__below_at(const dc__random *r, uint64_t i, uint64_t n) {
    uint64_t high = dc__bits_at(r, 2 * i), low = dc__bits_at(r, 2 * i + 1);
    return (high * n + (low * n >> 32)) >> 32;
}

/* @impl-arithmetic ----------------------------------------------------------------------------- */
/* Floating-point addition is not associative: (a + b) + c and a + (b + c) differ in the last bit,
 * and training amplifies that bit until two runs have nothing in common. So deepc fixes the order
 * of every operation, and promises for float: the same program and seed give the same bits on any
 * processor, with any vector width, compiled by gcc or clang, with or without optimisation. (Double
 * is for checking gradients; it uses the system's libm and promises nothing across machines.)
 *
 *   - Matrix products: k runs in chunks of 256. Within a chunk one chain of fused multiply-adds
 *     from +0, in order; the chunks' sums are added in order, to the old value where the product
 *     accumulates. A row's bits depend on that row alone, so one sample predicts the same bits
 *     alone as inside a batch.
 *   - Sums along the last axis: element i of a chunk of 4096 goes to lane i mod 16, the lanes are
 *     combined as a tree, and the chunks' sums are added in order. Along another axis: in chunks of
 *     256, in order. The gradient of a broadcast operand: in the order of the rows.
 *   - A fused multiply-add, round(a b + c) in one rounding, is asked for by name: DC__FMA. The
 *     compiler may not make one by itself ("contraction"), as gcc and clang would, each elsewhere.
 *   - exp, log, tanh, sigmoid, erf, sin, cos, pow are deepc's own (@impl-math); of the system's
 *     only + - * / and sqrt are used, which IEEE 754 defines to the last bit.
 *   - Random numbers have addresses (@impl-random), so their order does not matter.
 *
 * What breaks it: -ffast-math (refused), x87 arithmetic (refused), clang's -ffp-contract=fast,
 * arithmetic of the program's own that calls libm, and dc_add(f(x), g(x)), where C leaves open
 * whether f or g runs first, which can change the order of a gradient's terms: give such calls
 * lines of their own. Which NaN a NaN is, is not promised: fingerprints take all NaNs as one. */

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif
#define DC__C(x) ((dc_real)(x))

enum { DC__CHUNK = 256, DC__LANES = 16, DC__LONG_CHUNK = 4096 };   /* The contract's lengths. */
enum { DC__TILE = 192 };                     /* Rows of A: 192 KiB with a chunk of k. */

/* The kernels: all arithmetic on arrays goes through this table, and every op is written in terms
 * of it. Another device is another instance of the table. What a kernel writes overlaps with
 * nothing else. */
typedef const dc_real *restrict dc__in;      /* An array that a kernel reads, */
typedef dc_real *restrict       dc__out;     /* and one that it writes or adds to. */

typedef struct dc__unary_kernel {            /* y = f(x);  dx += dy f'(x) */
    void (*forward) (int64_t n, dc__in x, dc__out y, dc_real a, dc_real b);
    void (*backward)(int64_t n, dc__in x, dc__in y, dc__in dy, dc__out dx, dc_real a, dc_real b);
} dc__unary_kernel;

typedef struct dc__binary_kernel {           /* z = f(x, y);  g = dz df/dx, or dz df/dy */
    void (*forward) (int64_t n, dc__in x, dc__in y, dc__out z, dc_real a);
    void (*slope[2])(int64_t n, dc__in x, dc__in y, dc__in z, dc__in dz, dc__out g, dc_real a);
} dc__binary_kernel;

/* Over the middle axis: x [outer, n, inner] -> y [outer, inner]; backward adds to dx. */
typedef struct dc__middle {
    int64_t outer, n, inner;
    dc_real divisor;                         /* Of a sum. */
} dc__middle;

typedef struct dc__reduction_kernel {
    void (*forward) (const dc__middle *r, dc__in x, dc__out y);
    void (*backward)(const dc__middle *r, dc__in x, dc__in y, dc__in dy, dc__out dx);
} dc__reduction_kernel;

/* What an optimiser tells its kernel about one step of one parameter. */
typedef struct dc__step {
    dc_real scale, limit;      /* The gradient counts as scale g, cut to [-limit, limit] ... */
    dc_real l2, keep;          /* ... plus l2 w; and w becomes keep w first (decoupled decay). */
    dc_real rate;              /* w -= rate * direction */
    dc_real beta1, rest1;      /* Decay of the first moment, or the momentum; rest = 1 - beta. */
    dc_real beta2, rest2;      /* Decay of the second moment, or rho. */
    dc_real unbias;            /* 1 / sqrt(1 - beta2^t) */
    dc_real epsilon;
    bool    nesterov;
} dc__step;

/* m, v: what the optimiser remembers for each weight, or NULL. They change, as w does. */
typedef void (*dc__step_kernel)(int64_t n, dc__out w, dc__in g, dc__out m, dc__out v,
                                const dc__step *step);

/* A matrix in memory: element (i, j) stands at data[i * row + j * column]. */
typedef struct dc__matrix {
    const dc_real *data;
    int64_t        row, column;
} dc__matrix;

/* Places in memory, in runs of equal steps: place i is start[j / run] + j % run * step, where j =
 * first + i. */
typedef struct dc__runs {
    int64_t        step, run, first;
    const int64_t *start;
} dc__runs;

/* A matrix of which element (i, p) stands at data[row's place i + column's place p]. So a
 * convolution sees the patches of an image: a row is a patch, a column one of its numbers. */
typedef struct dc__patches {
    const dc_real *data;
    dc__runs       row, column;
} dc__patches;

/* A loop over `rank` axes, at least 1, for two arrays, outermost axis first; a stride of 0
 * repeats. */
typedef struct dc__walk {
    int     rank;
    int64_t dim[DC_MAX_RANK], x_stride[DC_MAX_RANK], y_stride[DC_MAX_RANK];
} dc__walk;

/* Walks all but the last axis: x, y are moved to the next row; false after the last one. */
static inline __attribute__((always_inline)) bool dc__next_row(const dc__walk *w, int64_t *index,
                                                               int64_t *x, int64_t *y) {
    for (int axis = w->rank - 2; axis >= 0; axis--) {
        *x += w->x_stride[axis], *y += w->y_stride[axis];
        if (++index[axis] < w->dim[axis]) return true;
        *x -= w->dim[axis] * w->x_stride[axis], *y -= w->dim[axis] * w->y_stride[axis];
        index[axis] = 0;
    }
    return false;
}

static inline int64_t dc__place(const dc__runs *r, int64_t i) {
    return r->start[(r->first + i) / r->run] + (r->first + i) % r->run * r->step;
}

/* Windows over images [in[0], in[1], channels]: row i of y sees rows from[0][i] to below to[0][i],
 * in steps of step[0]; columns likewise. */
typedef struct dc__windows {
    int64_t        channels, in[2], out[2], step[2];
    const int64_t *from[2], *to[2];
} dc__windows;

/* Losses element by element: private rows of the binary table, with a = Huber's delta.
 *
 *     NAME            F = f(x, y)                 dz/dx                      dz/dy            */
#define DC__LOSS_OPS(X)                                                                            \
    X( squared_error,  (x - y) * (x - y),             2 * (x - y),                  2 * (y - x) )  \
    X( absolute_error, DC__FN(size)(x - y),           DC__FN(sign)(x - y),                         \
                                                      DC__FN(sign)(y - x) )                        \
    X( huber_error,    DC__FN(huber)(x - y, a),       DC__FN(huber_slope)(x - y, a),               \
                                                      DC__FN(huber_slope)(y - x, a) )              \
    X( bce_logits,     DC__FN(bce_logits_loss)(x, y), DC__FN(sigmoid)(x) - y,       -x )           \
    X( bce_error,      DC__FN(bce_loss)(x, y),        DC__FN(bce_slope)(x, y),                     \
                                                      DC__FN(bce_slope_t)(x) )

/* Reductions. A sum is divided by r->divisor.
 *
 *     NAME     dx */
#define DC__REDUCTION_OPS(X)                                                                       \
    X( sum,    "dx_i = dy" )                                                                       \
    X( max,    "dx_i = dy where x_i is the largest" )

/* The others, once: the table's fields and its rows are stamped out of this list.
 *
 *     NAME           ARGUMENTS */
#define DC__OTHER_KERNELS(X)                                                                       \
    X( fill,          (int64_t n, dc_real value, dc__out y) )                                      \
    X( accumulate,    (int64_t n, dc__in x, dc__out y) )             /* y += x */                  \
    X( axpy,          (int64_t n, dc_real a, dc__in x, dc__out y) )  /* y += a x, fused */         \
    X( choose,        (int64_t n, dc__in c, dc__in x, dc__in y, dc__out z) )  /* z = c ? x : y */  \
    /* y [...] = x [...], or +=, each with strides of its own: copies, slices, permutes. */        \
    X( move,          (const dc__walk *walk, dc__in x, dc__out y, bool accumulate) )               \
    X( argmax,        (const dc__middle *r, dc__in x, dc__out y) )                                 \
    /* The end of a linear layer, y [m, n] = f(y + bias), for those f whose slope is seen from     \
     * y; rows are `row` apart, bias may be NULL. Backward: dz = dy f'(z), db += dz's rows; if f   \
     * is linear, dz is dy. */                                                                     \
    X( finish,        (int64_t m, int64_t n, int64_t row, dc__in bias, dc_activation f,            \
                       dc__out y) )                                                                \
    X( finish_backward, (int64_t m, int64_t n, int64_t row, dc_activation f, dc__in y, dc__in dy,  \
                         dc__out dz, dc__out db) )                                                 \
    /* y [outer, m, inner] = x [outer, index[o, i, j], inner]; put adds dy back to dx. And whole   \
     * rows of a table. */                                                                         \
    X( take,          (const dc__middle *r, int64_t m, dc__in x, dc__in index, dc__out y) )        \
    X( put,           (const dc__middle *r, int64_t m, dc__in dy, dc__in index, dc__out dx) )      \
    X( gather,        (int64_t count, int64_t width, dc__in table, dc__in rows, dc__out y) )       \
    X( scatter,       (int64_t count, int64_t width, dc__in dy, dc__in rows, dc__out dtable) )     \
    /* Over the last axis: x [rows, n]. The backward ones add to dx. */                            \
    X( softmax,              (int64_t rows, int64_t n, dc__in x, dc__out y) )                      \
    X( softmax_backward,     (int64_t rows, int64_t n, dc__in y, dc__in dy, dc__out dx) )          \
    X( log_softmax,          (int64_t rows, int64_t n, dc__in x, dc__out y) )                      \
    X( log_softmax_backward, (int64_t rows, int64_t n, dc__in y, dc__in dy, dc__out dx) )          \
    X( logsumexp,            (int64_t rows, int64_t n, dc__in x, dc__out y) )                      \
    /* y = (x - mean) scale, scale = 1 / sqrt(var + epsilon), by the statistics of the middle      \
     * axis; backward adds to dx and has room [inner] for two means. */                            \
    X( normalize,     (const dc__middle *r, dc__in x, dc__out y, dc__out mean, dc__out var,        \
                       dc__out scale, dc_real epsilon) )                                           \
    X( normalize_backward, (const dc__middle *r, dc__in y, dc__in scale, dc__in dy, dc__out mean,  \
                            dc__out along, dc__out dx) )                                           \
    /* One filter a channel, over a line of places: y = or += sum of x[patch[r]] w[r]; and dw +=   \
     * sum over the places of x dz. */                                                             \
    X( depthwise,            (int64_t places, int64_t channels, int64_t taps,                      \
                              const int64_t *patch, dc__in x, int64_t x_step, dc__in w, dc__out y, \
                              int64_t y_step, bool add) )                                          \
    X( depthwise_dw,         (int64_t places, int64_t channels, dc__in x, int64_t x_step,          \
                              dc__in dz, dc__out dw) )                                             \
    /* Lines [start, stop) of all images' y: the mean of each window (index NULL), or the largest; \
     * the pixels of an image are numbered, and index says which one it was. */                    \
    X( pool,                 (const dc__windows *p, int64_t start, int64_t stop, dc__in x,         \
                              dc__out y, dc__out index) )                                          \
    X( pool_backward,        (const dc__windows *p, int64_t start, int64_t stop, dc__in index,     \
                              dc__in dy, dc__out dx) )                                             \
    /* keep = 0 or 1 / (1 - rate), y = keep x, for elements first, first + 1, ... */               \
    X( dropout,              (int64_t first, int64_t n, const dc__random *random, dc_real rate,    \
                              dc__in x, dc__out y, dc__out keep) )                                 \
    X( dropout_backward,     (int64_t n, dc__in keep, dc__in dy, dc__out dx) )

typedef struct dc__kernels {
    const char *name;
#define DC__ROW(NAME, ...) dc__unary_kernel NAME;
    DC_UNARY_OPS(DC__ROW)
    DC_UNARY_OPS_WITH(DC__ROW)
#undef DC__ROW
#define DC__ROW(NAME, F, DFX, DFY) dc__binary_kernel NAME;
    DC_BINARY_OPS(DC__ROW)
    DC__LOSS_OPS(DC__ROW)
#undef DC__ROW
#define DC__ROW(NAME, ARGUMENTS) void (*NAME) ARGUMENTS;
    DC__OTHER_KERNELS(DC__ROW)
#undef DC__ROW
#define DC__ROW(NAME, FORMULA) dc__reduction_kernel NAME;
    DC__REDUCTION_OPS(DC__ROW)
#undef DC__ROW
    /* C [m, n] = A [m, k] B [k, n], or C += A B, for one chunk of k. C's rows come in runs as long
     * as those of A's. */
    void (*tile)(int64_t m, int64_t n, int64_t k, const dc__patches *a, dc__matrix b, dc_real *c,
                 const dc__runs *c_row, bool add);
    dc__step_kernel sgd, rmsprop, adam;   /* An optimiser's step. */
} dc__kernels;

/* The chapters from here to @impl-table are compiled first as they stand, for any processor, then
 * again by the appendix (@impl-fast), which includes this file with another suffix and lets the
 * compiler use wider vectors. One text, so the same operations in the same order. DC__FN(exp) is
 * dc__exp_plain here, dc__exp_avx2 there. */
#define DC__PASTE(name, suffix)  dc__##name##_##suffix
#define DC__PASTE2(name, suffix) DC__PASTE(name, suffix)
#define DC__FN(name)             DC__PASTE2(name, DC__SUFFIX)
#define DC__LOOP(name)           DC__PASTE2(name, DC__LOOPS)
#define DC__SUFFIX plain
#define DC__LOOPS  plain
#define DC__IMPLEMENTING
#if defined(__x86_64__) && !defined(DEEPC_DOUBLE) && !defined(DEEPC_NO_FAST)
DC__QUICK_TO_COMPILE                             /* These loops are rarely run there. */
#endif
#endif /* DEEPC_IMPLEMENTATION, up to here */
#ifdef DC__SUFFIX
#ifndef DC__PRODUCT_ONLY                         /* Else the loops of another suffix will do. */
#undef DC__FMA
#undef DC__SQRT
#undef DC__MATH
#ifdef DC__VECTOR                                /* Loops with a call in them stay scalar. */
#define DC__MATH DC__INLINE
#else
#define DC__MATH static inline
#endif
#ifdef DEEPC_DOUBLE
#define DC__FMA(a, b, c) ((a) * (b) + (c))
#define DC__SQRT(x)      sqrt(x)
#else
#define DC__SQRT(x)      __builtin_sqrtf(x)
#if defined(DC__VECTOR) || defined(__FMA__) || defined(__aarch64__)
#define DC__FMA(a, b, c) __builtin_fmaf(a, b, c)
#else
#define DC__FMA(a, b, c) dc__fma_soft(a, b, c)
#endif
#endif

/* @impl-math ----------------------------------------------------------------------------------- */
/* The C library's exp differs from machine to machine in its last bits, and most compilers call it
 * for one number at a time. So deepc computes its own. Each function is plain arithmetic on one
 * float without loops, tables, branches or calls: a loop around it is vectorised by the compiler,
 * and since IEEE 754 fixes the result of every single step, all compilers and instruction sets give
 * the same bits. The pattern is always the same: reduce x exactly to a small interval, evaluate a
 * polynomial there (fitted by the Remez algorithm, its coefficients rounded to float one by one,
 * refitting the rest), and put the exponent back by integer arithmetic on the bits. The errors
 * quoted are in ulp, units in the last place of the result; 0.5 is perfect. They are the largest
 * over all 2^32 floats, denormal ones included. Special values follow C11 Annex F. */
#ifndef DC__MATH_BITS
#define DC__MATH_BITS
#define DC__INLINE static inline __attribute__((always_inline))

DC__INLINE uint32_t dc__bits(float x) { uint32_t u; memcpy(&u, &x, sizeof u); return u; }
DC__INLINE float dc__from_bits(uint32_t u) { float x; memcpy(&x, &u, sizeof x); return x; }
DC__INLINE uint64_t dc__bits64(double x) { uint64_t u; memcpy(&u, &x, sizeof u); return u; }
DC__INLINE double dc__from_bits64(uint64_t u) { double x; memcpy(&x, &u, sizeof x); return x; }
DC__INLINE float dc__magnitude(float x) { return dc__from_bits(dc__bits(x) & 0x7fffffff); }

/* x with the sign of y; x itself must not be negative. */
DC__INLINE float dc__with_sign(float x, float y) {
    return dc__from_bits(dc__bits(x) | (dc__bits(y) & 0x80000000));
}

/* a*b + c, rounded once: the fused multiply-add of processors that lack one. The product is exact
 * in double. The sum is rounded to odd (inexact, so the last bit is made 1), and such a number is
 * on the correct side of every float and of every tie of two floats: narrowing it rounds as if the
 * sum had been exact (Boldo and Melquiond 2008). */
DC__INLINE float dc__fma_soft(float a, float b, float c) {
    double p = (double)a * b, s = p + c, part = s - p;
    double error = (p - (s - part)) + (c - part); /* p + c = s + error */
    uint64_t u = dc__bits64(s), inward = (u ^ dc__bits64(error)) >> 63; /* |s + error| < |s| */
    uint64_t inexact = (error > 0) | (error < 0); /* false for NaN, which infinities give */
    return (float)dc__from_bits64((u - (inward & inexact)) | inexact);
}

#endif
#ifdef DEEPC_DOUBLE /* Double is for checking gradients: the C library will do. */

DC__MATH dc_real DC__FN(exp)(dc_real x) { return exp(x); }
DC__MATH dc_real DC__FN(expm1)(dc_real x) { return expm1(x); }
DC__MATH dc_real DC__FN(log)(dc_real x) { return log(x); }
DC__MATH dc_real DC__FN(log1p)(dc_real x) { return log1p(x); }
DC__MATH dc_real DC__FN(tanh)(dc_real x) { return tanh(x); }
DC__MATH dc_real DC__FN(erf)(dc_real x) { return erf(x); }
DC__MATH dc_real DC__FN(sin)(dc_real x) { return sin(x); }
DC__MATH dc_real DC__FN(cos)(dc_real x) { return cos(x); }
DC__MATH dc_real DC__FN(pow)(dc_real x, dc_real y) { return pow(x, y); }
DC__MATH dc_real DC__FN(sigmoid)(dc_real x) {
    dc_real z = exp(-fabs(x));
    return (x < 0 ? z : 1) / (1 + z);
}

#else

/* Adding 1.5 * 2^23 leaves a float no room for a fraction: it rounds to an integer, to nearest and
 * even, which then stands in the low bits. Subtracting it again gives the integer as a float. The
 * same with 1.5 * 2^52 for double. */
#define DC__ROUND 12582912.0f
#define DC__ROUND64 6755399441055744.0
#define DC__LOG2_E 1.44269502f       /* log2(e) */
#define DC__LN2_HI 0.693147182f      /* ln(2), rounded */
#define DC__LN2_LO (-1.90465421e-9f) /* what the rounding lost */
#define DC__INF dc__from_bits(0x7f800000)
#define DC__NAN dc__from_bits(0x7fc00000)

/* Four steps of Horner's rule: p x^4 + a x^3 + b x^2 + c x + d. */
DC__MATH dc_real DC__FN(horner)(dc_real x, dc_real p, dc_real a, dc_real b, dc_real c, dc_real d) {
    p = DC__FMA(DC__FMA(p, x, a), x, b);
    return DC__FMA(DC__FMA(p, x, c), x, d);
}

/* n = round(x / ln 2) and *r = x - n ln 2, so that e^x = 2^n e^r with |r| <= ln(2)/2. n is returned
 * modulo 2^32: adding the exponent's bias makes it positive. */
DC__MATH uint32_t DC__FN(exp_reduce)(dc_real x, dc_real *r) {
    dc_real t = DC__FMA(x, DC__LOG2_E, DC__ROUND), n = t - DC__ROUND;
    *r = DC__FMA(n, -DC__LN2_LO, DC__FMA(n, -DC__LN2_HI, x));
    return dc__bits(t) - dc__bits(DC__ROUND);
}

/* (e^r - 1 - r) / r^2 for |r| <= ln(2)/2, degree 4. */
DC__MATH dc_real DC__FN(exp_tail)(dc_real r) {
    return DC__FN(horner)(r, 1.38378306e-3f, 8.36708862e-3f, 4.16677482e-2f, 0.16666539f,
                          0.49999997f);
}

/* e^x = 2^n e^r. Since 2^n may be too large or too small for a float where e^x is not, it is
 * applied in two halves. Error 0.92 ulp. */
DC__MATH dc_real DC__FN(exp)(dc_real x) {
    dc_real r, v = x > 89 ? 89 : x; /* e^89 is infinite, e^-104 zero; NaN passes */
    v = v < -104 ? -104 : v;
    uint32_t both = DC__FN(exp_reduce)(v, &r) + 2 * 127, half = both >> 1;
    dc_real y = DC__FMA(DC__FMA(DC__FN(exp_tail)(r), r, 1), r, 1);
    return y * dc__from_bits(half << 23) * dc__from_bits((both - half) << 23);
}

/* The same where 2^n and e^x are normal floats, |x| <= 80. */
DC__MATH dc_real DC__FN(exp_normal)(dc_real x) {
    dc_real r;
    uint32_t n = DC__FN(exp_reduce)(x, &r);
    dc_real y = DC__FMA(DC__FMA(DC__FN(exp_tail)(r), r, 1), r, 1);
    return y * dc__from_bits((n + 127) << 23);
}

/* e^x - 1 = 2^n (e^r - 1) + (2^n - 1), computed at half its size: 2^128 is no float.
 * Error 1.54 ulp. */
DC__MATH dc_real DC__FN(expm1)(dc_real x) {
    dc_real r, v = x > 89 ? 89 : x; /* e^-18 - 1 rounds to -1 */
    v = v < -18 ? -18 : v;
    dc_real s = dc__from_bits((DC__FN(exp_reduce)(v, &r) + 126) << 23);
    dc_real p = DC__FMA(r * r, DC__FN(exp_tail)(r), r);
    dc_real y = DC__FMA(s, p, s - 0.5f) * 2;
    return dc__magnitude(x) < 0x1p-25f ? x : y; /* keeps -0 and denormals */
}

/* e ln(2) + ln(1 + f) for an integer e and sqrt(1/2) <= 1 + f <= sqrt(2); degree 10. */
DC__MATH dc_real DC__FN(log_near)(dc_real e, dc_real f) {
    dc_real p = DC__FN(horner)(f, -0.0768108368f, 0.127915278f, -0.131594151f, 0.141996354f,
                               -0.16623351f);
    p = DC__FN(horner)(f, p, 0.200012594f, -0.250008225f, 0.333333313f, -0.5f);
    return DC__FMA(e, DC__LN2_HI, DC__FMA(e, DC__LN2_LO, DC__FMA(f * f, p, f)));
}

/* Adding DC__ABOVE_ONE to the bits of x = 2^e m with sqrt(1/2) <= m < sqrt(2) leaves e + 127 in the
 * exponent field; the fraction field plus the bits of sqrt(1/2) is then m. */
#define DC__SQRT_HALF 0x3f3504f3u
#define DC__ABOVE_ONE (0x3f800000u - DC__SQRT_HALF)

/* ln(x) = e ln(2) + ln(m) for x = 2^e m. Error 0.94 ulp. */
DC__MATH dc_real DC__FN(log)(dc_real x) {
    dc_real bias = x < 0x1p-126f ? 127 + 23 : 127; /* denormal: scale it to a normal number */
    dc_real v = x < 0x1p-126f ? x * 0x1p23f : x;
    uint32_t u = dc__bits(v) + DC__ABOVE_ONE;
    dc_real e = (dc_real)(int32_t)(u >> 23) - bias;
    dc_real y = DC__FN(log_near)(e, dc__from_bits((u & 0x7fffff) + DC__SQRT_HALF) - 1);

    y = x < DC__INF ? y : x; /* also NaN */
    y = x == 0 ? -DC__INF : y;
    return x < 0 ? DC__NAN : y;
}

/* ln(1 + x): e is that of 1 + x, but f = 2^-e (1 + x) - 1 is taken from the unrounded sum, as
 * 2^-e x + (2^-e - 1). Error 1.41 ulp. */
DC__MATH dc_real DC__FN(log1p)(dc_real x) {
    uint32_t u = dc__bits(1 + x) + DC__ABOVE_ONE;
    dc_real e = (dc_real)(int32_t)(u >> 23) - 127;
    dc_real s = dc__from_bits((2 * 127 - (u >> 23)) << 23); /* 2^-e */
    dc_real f = DC__FMA(s, x, s - 1);
    dc_real huge_f = dc__from_bits((u & 0x7fffff) + DC__SQRT_HALF) - 1; /* 2^-127 is denormal */
    dc_real y = DC__FN(log_near)(e, x > 0x1p24f ? huge_f : f);

    y = x < DC__INF ? y : x;
    y = x == -1 ? -DC__INF : y;
    y = x < -1 ? DC__NAN : y;
    return dc__magnitude(x) < 0x1p-25f ? x : y;
}

/* tanh(x) = 1 - 2 / (e^2x + 1) for x >= 0.6, below an odd polynomial of degree 11; odd in x.
 * Error 1.42 ulp. */
DC__MATH dc_real DC__FN(tanh)(dc_real x) {
    dc_real a = dc__magnitude(x), z = a * a, b = a > 10 ? 10 : a; /* tanh(10) rounds to 1 */
    dc_real high = 1 - 2 / (DC__FN(exp_normal)(2 * b) + 1);
    dc_real p = DC__FN(horner)(z, -0.00589796668f, 0.0207986254f, -0.0537847169f, 0.133319363f,
                               -0.333332986f);
    dc_real low = DC__FMA(a * z, p, a);
    return dc__with_sign(a < 0.6f ? low : high, x);
}

/* 1 / (1 + e^-x), for x < 0 as e^x / (1 + e^x), so that e^-|x| cannot overflow. The quotient is
 * improved by what is left of the numerator, seen with the rounding of the sum. Error 1.48 ulp. */
DC__MATH dc_real DC__FN(sigmoid)(dc_real x) {
    dc_real z = DC__FN(exp)(dc__from_bits(dc__bits(x) | 0x80000000)), a = x < 0 ? z : 1;
    dc_real d = 1 + z, d_rest = z - (d - 1), inverse = 1 / d, y = a * inverse;
    dc_real left = DC__FMA(-y, d_rest, DC__FMA(-y, d, a));
    return DC__FMA(left, inverse, y);
}

/* erf(x) = 1 - e^-q(x) for x >= 0.85 with q = -ln(erfc(x)) of degree 6, below an odd polynomial of
 * degree 11; odd in x, and 1 from 3.92 on. Error 1.12 ulp. */
DC__MATH dc_real DC__FN(erf)(dc_real x) {
    dc_real a = dc__magnitude(x), z = a * a, b = a > 4 ? 4 : a;
    dc_real q = DC__FN(horner)(b, -2.0366942e-4f, 3.11779696e-3f, -0.0225188807f, 0.10452567f,
                               0.636519134f);
    q = DC__FMA(DC__FMA(q, b, 1.12806094f), b, 1.0453086e-4f);
    dc_real high = 1 - DC__FN(exp_normal)(-q);

    dc_real p = DC__FN(horner)(z, -6.34851167e-4f, 5.05770324e-3f, -0.0268072877f, 0.11282865f,
                               -0.376125902f);
    p = DC__FMA(p, z, 0.128379166f);
    dc_real low = DC__FMA(p, a, a);
    return dc__with_sign(a < 0.85f ? low : high, x);
}

/* The angle a >= 0 as a = (4 k + quadrant) pi/2 + r with |r| <= pi/4, for every finite float.
 * a 2/pi is summed from three products with slices c1, c2, c3 of the bits of 2/pi, of 29, 29 and
 * 53 bits: in double the first two products are exact, and so is taking their integers off. A large
 * a starts 26, 52 or 78 bits later in 2/pi (Payne and Hanek 1983), because the bits left out
 * contribute multiples of 4 quadrants only. */
DC__MATH dc_real DC__FN(quadrant)(dc_real a, uint32_t *quadrant) {
    double c1 = a < 0x1p50f ? 0x1.45f306dp-1 : a < 0x1p76f ? 0x1.b939105p-26
              : a < 0x1p102f ? 0x1.529fc27p-52 : 0x1.d5f47d4p-78;
    double c2 = a < 0x1p50f ? 0x1.9391054p-30 : a < 0x1p76f ? 0x1.29fc274p-56
              : a < 0x1p102f ? 0x1.5f47d4cp-82 : 0x1.a6ee06dp-107;
    double c3 = a < 0x1p50f ? 0x1.4fe13abe8fa9ap-59 : a < 0x1p76f ? 0x1.7d1f534ddc0dbp-84
              : a < 0x1p102f ? 0x1.377036d8a5664p-110 : 0x1.6295993c43904p-136;
    double x = a, p1 = x * c1, t1 = p1 + DC__ROUND64;
    double p2 = (p1 - (t1 - DC__ROUND64)) + x * c2, p3 = x * c3, t2 = (p2 + p3) + DC__ROUND64;
    *quadrant = (uint32_t)dc__bits64(t1) + (uint32_t)dc__bits64(t2);
    return (dc_real)(((p2 - (t2 - DC__ROUND64)) + p3) * 1.5707963267948966);
}

/* sin(r) for an even quadrant, cos(r) for an odd one, negative in the upper two. Both polynomials
 * (degree 7 and 8) are evaluated. */
DC__MATH dc_real DC__FN(sin_quadrant)(dc_real r, uint32_t quadrant) {
    dc_real z = r * r;
    dc_real s = DC__FMA(DC__FMA(-1.95182845e-4f, z, 8.33218917e-3f), z, -0.166666552f);
    s = DC__FMA(r * z, s, r);
    dc_real c = DC__FMA(DC__FMA(2.44323273e-5f, z, -1.38873095e-3f), z, 4.16666456e-2f);
    c = DC__FMA(DC__FMA(c, z, -0.5f), z, 1);
    dc_real y = quadrant & 1 ? c : s;
    return dc__from_bits(dc__bits(y) ^ (quadrant & 2) << 30);
}

/* sin(x), odd in x. Error 1.54 ulp. */
DC__MATH dc_real DC__FN(sin)(dc_real x) {
    uint32_t quadrant, sign = dc__bits(x) & 0x80000000;
    dc_real r = DC__FN(quadrant)(dc__magnitude(x), &quadrant);
    return dc__from_bits(dc__bits(DC__FN(sin_quadrant)(r, quadrant)) ^ sign);
}

/* cos(x) = sin(x + pi/2), even in x. Error 1.54 ulp. */
DC__MATH dc_real DC__FN(cos)(dc_real x) {
    uint32_t quadrant;
    dc_real r = DC__FN(quadrant)(dc__magnitude(x), &quadrant);
    return DC__FN(sin_quadrant)(r, quadrant + 1);
}

/* log2(x) in double for x >= 0, relative error 2^-37: x = 2^e m as in log, then
 * ln(m) = 2 artanh(s) = 2s + 2s^3/3 + ... with s = (m - 1) / (m + 1); degree 9. */
DC__MATH double DC__FN(log2_double)(dc_real x) {
    const uint64_t sqrt_half = 0x3fe6a09e00000000, above_one = 0x3ff0000000000000 - sqrt_half;
    uint64_t u = dc__bits64((double)x) + above_one;
    double e = dc__from_bits64((u >> 52) | 0x4330000000000000) - (0x1p52 + 1023);
    double m = dc__from_bits64((u & 0xfffffffffffff) + sqrt_half);
    double s = (m - 1) / (m + 1), z = s * s, p = 0.34073248118859251;
    p = p * z + 0.41167259419013519;
    p = p * z + 0.57708358699953521;
    p = p * z + 0.96179667333111218;
    p = p * z + 2.8853900817900966;
    double y = p * s + e;
    y = x < DC__INF ? y : (double)x;
    return x == 0 ? -(double)DC__INF : y;
}

/* 2^t in double for |t| <= 200, relative error 2^-32; degree 7. */
DC__MATH double DC__FN(exp2_double)(double t) {
    double big = t + DC__ROUND64, r = t - (big - DC__ROUND64), p = 1.3359995987404981e-5;
    p = p * r + 1.5461391994479247e-4;
    p = p * r + 1.3341953736046108e-3;
    p = p * r + 9.6180568582880915e-3;
    p = p * r + 5.5504003676267621e-2;
    p = p * r + 0.24022650921068398;
    p = p * r + 0.69314718382062068;
    p = p * r + 1;
    return p * dc__from_bits64((dc__bits64(big) - dc__bits64(DC__ROUND64) + 1023) << 52);
}

/* x^y = 2^(y log2 |x|), negative for a negative x and an odd y. In double, where nothing overflows
 * before the one rounding at the end. Error 0.51 ulp, over 10^8 pairs. */
DC__MATH dc_real DC__FN(pow)(dc_real x, dc_real y) {
    double l = DC__FN(log2_double)(dc__magnitude(x));
    double t = l == 0 ? l : y * l; /* (-1)^inf is 1 */
    t = t > 200 ? 200 : t;
    t = t < -200 ? -200 : t;
    dc_real power = (dc_real)DC__FN(exp2_double)(t);

    /* y is an integer if adding 2^23 does not change it; odd if its half is not one. */
    dc_real b = dc__magnitude(y), h = b * 0.5f;
    uint32_t whole = (b >= 0x1p23f) | ((b + 0x1p23f) - 0x1p23f == b);
    uint32_t half_whole = (h >= 0x1p23f) | ((h + 0x1p23f) - 0x1p23f == h);
    uint32_t negative = dc__bits(x) & (whole & (half_whole ^ 1)) << 31;
    power = dc__from_bits(dc__bits(power) | negative);

    power = ((x < 0) & (x > -DC__INF) & (whole ^ 1)) ? DC__NAN : power;
    power = y != y ? y : power; /* where x is -1 */
    return ((x == 1) | (y == 0)) ? 1 : power;
}

#endif

/* --- activations and losses that do not fit on a line of their table --- */
DC__MATH dc_real DC__FN(size)(dc_real x) { return x < 0 ? -x : x; }
DC__MATH dc_real DC__FN(sign)(dc_real x) { return x < 0 ? -1 : x > 0 ? 1 : x; }

/* The larger of two; a NaN wins. */
DC__MATH dc_real DC__FN(larger)(dc_real x, dc_real y) {
    return x != x ? x : x < y || y != y ? y : x;
}

DC__MATH dc_real DC__FN(erf_slope)(dc_real x) {          /* 2 / sqrt(pi) e^(-x^2) */
    return DC__C(1.1283791670955126) * DC__FN(exp)(-x * x);
}

DC__MATH dc_real DC__FN(elu)(dc_real x, dc_real a) { return x > 0 ? x : a * DC__FN(expm1)(x); }

/* log(1 + e^x), without overflow: max(x, 0) + log1p(e^-|x|). */
DC__MATH dc_real DC__FN(softplus)(dc_real x) {
    dc_real e = DC__FN(exp)(x < 0 ? x : -x);
    return (x < 0 ? 0 : x) + DC__FN(log1p)(e);
}

/* x Phi(x), Phi the normal distribution's; the slope is Phi(x) + x phi(x). Hendrycks & Gimpel 2016,
 * arXiv:1606.08415. */
DC__MATH dc_real DC__FN(gelu)(dc_real x) {
    return DC__C(0.5) * x * (1 + DC__FN(erf)(x * DC__C(0.7071067811865476)));
}

DC__MATH dc_real DC__FN(gelu_slope)(dc_real x) {
    dc_real phi = DC__C(0.3989422804014327) * DC__FN(exp)(DC__C(-0.5) * x * x);
    return DC__C(0.5) * (1 + DC__FN(erf)(x * DC__C(0.7071067811865476))) + x * phi;
}

/* Its approximation x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3). */
DC__MATH dc_real DC__FN(gelu_tanh)(dc_real x) {
    dc_real u = DC__C(0.7978845608028654) * (x + DC__C(0.044715) * x * x * x);
    return x * DC__FN(sigmoid)(2 * u);
}

DC__MATH dc_real DC__FN(gelu_tanh_slope)(dc_real x) {
    dc_real u = DC__C(0.7978845608028654) * (x + DC__C(0.044715) * x * x * x);
    dc_real du = DC__C(0.7978845608028654) * (1 + DC__C(0.134145) * x * x);
    dc_real s = DC__FN(sigmoid)(2 * u);
    return s + 2 * x * s * (1 - s) * du;
}

DC__MATH dc_real DC__FN(silu_slope)(dc_real x) {
    dc_real s = DC__FN(sigmoid)(x);
    return s * (1 + x * (1 - s));
}

/* Slopes of x^y: y x^(y-1), and x^y log x (0 where x is 0, as its limit for y > 0). */
DC__MATH dc_real DC__FN(pow_dx)(dc_real x, dc_real y) {
    return y == 0 ? 0 : y * DC__FN(pow)(x, y - 1);
}

DC__MATH dc_real DC__FN(pow_dy)(dc_real x, dc_real z) {
    return x == 0 ? 0 : z * DC__FN(log)(x);
}

/* The slope of max(x, y) for x: equal operands share it. */
DC__MATH dc_real DC__FN(share)(dc_real x, dc_real y) {
    return x > y ? 1 : x == y ? DC__C(0.5) : 0;
}

DC__MATH dc_real DC__FN(huber)(dc_real e, dc_real delta) {
    dc_real size = DC__FN(size)(e);
    return size < delta ? DC__C(0.5) * e * e : delta * (size - DC__C(0.5) * delta);
}

DC__MATH dc_real DC__FN(huber_slope)(dc_real e, dc_real delta) {
    return e < -delta ? -delta : e > delta ? delta : e;
}

/* -(t log s + (1 - t) log(1 - s)), s = sigmoid(z), is max(z, 0) - z t + log(1 + e^-|z|): finite for
 * any finite z. */
DC__MATH dc_real DC__FN(bce_logits_loss)(dc_real z, dc_real t) {
    return (z < 0 ? 0 : z) - z * t + DC__FN(log1p)(DC__FN(exp)(z < 0 ? z : -z));
}

DC__MATH dc_real DC__FN(clamped_log)(dc_real p) {
    dc_real y = DC__FN(log)(p);
    return y < -100 ? -100 : y;
}

DC__MATH dc_real DC__FN(bce_loss)(dc_real p, dc_real t) {
    return -(t * DC__FN(clamped_log)(p) + (1 - t) * DC__FN(clamped_log)(1 - p));
}

DC__MATH dc_real DC__FN(bce_slope_t)(dc_real p) {
    return DC__FN(clamped_log)(1 - p) - DC__FN(clamped_log)(p);
}

DC__MATH dc_real DC__FN(bce_slope)(dc_real p, dc_real t) {
    dc_real variance = p * (1 - p);
    return (p - t) / (variance < DC__C(1e-12) ? DC__C(1e-12) : variance);
}

/* @impl-kernels -------------------------------------------------------------------------------- */
/* Everything slow in training is one of these loops. Each is the definition of what it computes:
 * a faster version, on this processor or on another device, must do the same operations in the
 * same order. */

/* Does this for i = 0, ..., n - 1. With vectors: whole ones first, then one by one, because of an
 * open loop gcc makes four copies. (What is volatile is never put into vectors.) */
#undef DC__FOR
#ifdef DC__VECTOR
#define DC__FOR(n, ...)                                                                            \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        for (; i < ((n) & -DC__LANES); i++) { __VA_ARGS__ }                                        \
        for (; i < (n); i++) { __asm__ volatile (""); __VA_ARGS__ }                                \
    }
#else
#define DC__FOR(n, ...) for (int64_t i = 0; i < (n); i++) { __VA_ARGS__ }
#endif

/* --- element by element, stamped out of the tables of @ops --- */
#define DC__STAMP(NAME, F, DF)                                                                     \
    static void DC__FN(NAME##_forward)(int64_t n, dc__in xs, dc__out ys, dc_real a, dc_real b) {   \
        (void)a, (void)b;                                                                          \
        DC__FOR(n, dc_real x = xs[i]; ys[i] = (dc_real)(F);)                                       \
    }                                                                                              \
    static void DC__FN(NAME##_backward)(int64_t n, dc__in xs, dc__in ys, dc__in dy, dc__out dx,    \
                                        dc_real a, dc_real b) {                                    \
        (void)a, (void)b;                                                                          \
        DC__FOR(n, dc_real x = xs[i], y = ys[i]; (void)x, (void)y;                                 \
                   dx[i] += dy[i] * (dc_real)(DF);)                                                \
    }
#define DC__STAMP_PLAIN(NAME, F, DF, LO, HI)           DC__STAMP(NAME, F, DF)
#define DC__STAMP_WITH(NAME, ARGUMENTS, F, DF, LO, HI) DC__STAMP(NAME, F, DF)
DC_UNARY_OPS(DC__STAMP_PLAIN)
DC_UNARY_OPS_WITH(DC__STAMP_WITH)
#undef DC__STAMP
#undef DC__STAMP_PLAIN
#undef DC__STAMP_WITH
#define DC__STAMP(NAME, F, DFX, DFY)                                                               \
    static void DC__FN(NAME##_forward)(int64_t n, dc__in xs, dc__in ys, dc__out zs, dc_real a) {   \
        (void)a;                                                                                   \
        DC__FOR(n, dc_real x = xs[i], y = ys[i]; zs[i] = (dc_real)(F);)                            \
    }                                                                                              \
    DC__STAMP_SLOPE(NAME##_slope_x, DFX)                                                           \
    DC__STAMP_SLOPE(NAME##_slope_y, DFY)
#define DC__STAMP_SLOPE(NAME, DF)                                                                  \
    static void DC__FN(NAME)(int64_t n, dc__in xs, dc__in ys, dc__in zs, dc__in dz, dc__out g,     \
                             dc_real a) {                                                          \
        (void)a;                                                                                   \
        DC__FOR(n, dc_real x = xs[i], y = ys[i], z = zs[i]; (void)x, (void)y, (void)z;             \
                   g[i] = dz[i] * (dc_real)(DF);)                                                  \
    }
DC_BINARY_OPS(DC__STAMP)
DC__LOSS_OPS(DC__STAMP)
#undef DC__STAMP
#undef DC__STAMP_SLOPE
static void DC__FN(fill)(int64_t n, dc_real value, dc__out y) {
    for (int64_t i = 0; i < n; i++) y[i] = value;
}

static void DC__FN(accumulate)(int64_t n, dc__in x, dc__out y) {
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

static void DC__FN(axpy)(int64_t n, dc_real a, dc__in x, dc__out y) {
    for (int64_t i = 0; i < n; i++) y[i] = DC__FMA(a, x[i], y[i]);
}

static void DC__FN(choose)(int64_t n, dc__in c, dc__in x, dc__in y, dc__out z) {
    for (int64_t i = 0; i < n; i++) z[i] = c[i] != 0 ? x[i] : y[i];
}

/* --- matrix product --- */
#ifndef DC__VECTOR                               /* The appendix has its own. */
/* Sixteen columns of B, `depth` rows of them, side by side and padded with zeros. */
static void DC__FN(pack)(int64_t depth, int64_t columns, dc__matrix b, dc__out packed) {
    for (int64_t p = 0; p < depth; p++)
        for (int64_t j = 0; j < DC__LANES; j++)
            packed[p * DC__LANES + j] = j < columns ? b.data[p * b.row + j * b.column] : 0;
}

/* The contract of @impl-arithmetic, sixteen columns at a time: each element is one chain of fused
 * multiply-adds. The lanes are independent, so the compiler may run them at once. */
static void DC__FN(tile)(int64_t m, int64_t n, int64_t k, const dc__patches *a, dc__matrix b,
                         dc_real *c, const dc__runs *c_row, bool add) {
    dc_real packed[DC__CHUNK * DC__LANES], sum[DC__LANES];
    int64_t column[DC__CHUNK];
    for (int64_t p = 0; p < k; p++) column[p] = dc__place(&a->column, p);
    for (int64_t j0 = 0; j0 < n; j0 += DC__LANES) {
        int64_t columns = n - j0 < DC__LANES ? n - j0 : DC__LANES;
        DC__FN(pack)(k, columns, (dc__matrix){ b.data + j0 * b.column, b.row, b.column }, packed);
        for (int64_t i = 0; i < m; i++) {
            const dc_real *from = a->data + dc__place(&a->row, i);
            dc_real *to = c + dc__place(c_row, i) + j0;
            for (int l = 0; l < DC__LANES; l++) sum[l] = 0;
            for (int64_t p = 0; p < k; p++)
                for (int l = 0; l < DC__LANES; l++)
                    sum[l] = DC__FMA(from[column[p]], packed[p * DC__LANES + l], sum[l]);
            for (int64_t j = 0; j < columns; j++) to[j] = add ? to[j] + sum[j] : sum[j];
        }
    }
}

#endif

/* --- reductions --- */
/* One long sum, of x or of x y with rounded products: lanes, a tree, chunks; see the contract. */
static inline dc_real DC__FN(long_sum)(int64_t n, const dc_real *x, const dc_real *y) {
    dc_real total = 0;
    for (int64_t start = 0; start < n; start += DC__LONG_CHUNK) {
        int64_t stop = n - start < DC__LONG_CHUNK ? n : start + DC__LONG_CHUNK, i = start;
        dc_real lane[DC__LANES] = { 0 };
        for (; i + DC__LANES <= stop; i += DC__LANES)
            for (int l = 0; l < DC__LANES; l++) lane[l] += y ? x[i + l] * y[i + l] : x[i + l];
        for (int l = 0; i < stop; i++, l++) lane[l] += y ? x[i] * y[i] : x[i];
        for (int width = DC__LANES / 2; width > 0; width /= 2)
            for (int l = 0; l < width; l++) lane[l] += lane[l + width];
        total += lane[0];
    }
    return total;
}

static dc_real DC__FN(sum_row)(int64_t n, const dc_real *x) { return DC__FN(long_sum)(n, x, NULL); }

static dc_real DC__FN(dot_row)(int64_t n, const dc_real *x, const dc_real *y) {
    return DC__FN(long_sum)(n, x, y);
}

/* Column sums of x [n, inner], or of x z, in chunks of 256 rows: 64 columns at a time, so that they
 * stay in registers and in the first cache. */
static inline void DC__FN(sum_columns)(int64_t n, int64_t inner, dc__in x, dc__in z, dc__out y) {
    enum { DC__STRIP = 64 };
    dc_real part[DC__STRIP];
    for (int64_t j0 = 0; j0 < inner; j0 += DC__STRIP) {
        int64_t width = inner - j0 < DC__STRIP ? inner - j0 : DC__STRIP;
        for (int64_t j = 0; j < width; j++) y[j0 + j] = 0;
        for (int64_t start = 0; start < n; start += DC__CHUNK) {
            int64_t stop = n - start < DC__CHUNK ? n : start + DC__CHUNK;
            for (int64_t j = 0; j < width; j++) part[j] = 0;
            for (int64_t i = start; i < stop; i++) {
                const dc_real *row = x + i * inner + j0, *by = z ? z + i * inner + j0 : NULL;
                if (z) for (int64_t j = 0; j < width; j++) part[j] += row[j] * by[j];
                else for (int64_t j = 0; j < width; j++) part[j] += row[j];
            }
            for (int64_t j = 0; j < width; j++) y[j0 + j] += part[j];
        }
    }
}

/* Sums of x, or of x z, over the middle axis. */
static inline void DC__FN(sums)(const dc__middle *r, const dc_real *x, const dc_real *z,
                                dc_real *y) {
    const int64_t n = r->n, inner = r->inner;
    for (int64_t o = 0; o < r->outer; o++, x += n * inner) {
        if (inner > 1) DC__FN(sum_columns)(n, inner, x, z, y + o * inner);
        else if (inner) y[o] = z ? DC__FN(dot_row)(n, x, z) : DC__FN(sum_row)(n, x);
        if (z) z += n * inner;
    }
    for (int64_t i = 0; i < r->outer * inner; i++) y[i] /= r->divisor;
}

static void DC__FN(sum_forward)(const dc__middle *r, dc__in x, dc__out y) {
    DC__FN(sums)(r, x, NULL, y);
}

static void DC__FN(sum_backward)(const dc__middle *r, dc__in x, dc__in y, dc__in dy, dc__out dx) {
    const int64_t inner = r->inner;
    (void)x, (void)y;
    for (int64_t o = 0; o < r->outer; o++, dy += inner)
        for (int64_t i = 0; i < r->n; i++, dx += inner)
            for (int64_t j = 0; j < inner; j++) dx[j] += dy[j] / r->divisor;
}

/* A NaN wins. */
static void DC__FN(max_forward)(const dc__middle *r, dc__in x, dc__out y) {
    const int64_t n = r->n, inner = r->inner;
    for (int64_t o = 0; o < r->outer; o++, x += n * inner, y += inner) {
        for (int64_t j = 0; j < inner; j++) y[j] = x[j];
        for (int64_t i = 1; i < n; i++)
            for (int64_t j = 0; j < inner; j++) {
                dc_real v = x[i * inner + j];
                y[j] = y[j] != y[j] ? y[j] : v > y[j] || v != v ? v : y[j];
            }
    }
}

/* All elements that equal the maximum share its gradient. */
static void DC__FN(max_backward)(const dc__middle *r, dc__in x, dc__in y, dc__in dy, dc__out dx) {
    const int64_t n = r->n, inner = r->inner;
    for (int64_t o = 0; o < r->outer; o++, x += n * inner, dx += n * inner, y += inner, dy += inner)
        for (int64_t j = 0; j < inner; j++) {
            int64_t ties = 0;
            for (int64_t i = 0; i < n; i++) ties += x[i * inner + j] == y[j];
            for (int64_t i = 0; i < n; i++)
                if (x[i * inner + j] == y[j]) dx[i * inner + j] += dy[j] / (dc_real)ties;
        }
}

static void DC__FN(argmax)(const dc__middle *r, dc__in x, dc__out y) {
    const int64_t n = r->n, inner = r->inner;
    for (int64_t o = 0; o < r->outer; o++, x += n * inner, y += inner)
        for (int64_t j = 0; j < inner; j++) {
            dc_real best = x[j];
            y[j] = 0;
            for (int64_t i = 1; i < n && best == best; i++) {
                dc_real v = x[i * inner + j];
                if (v > best || v != v) best = v, y[j] = (dc_real)i;
            }
        }
}

/* --- the end of a linear layer --- */
static void DC__FN(finish)(int64_t m, int64_t n, int64_t row, dc__in bias, dc_activation f,
                           dc__out y) {
    for (int64_t i = 0; i < m && bias && n > 1; i++)
        for (int64_t j = 0; j < n; j++) y[i * row + j] += bias[j];
    for (int64_t i = 0; i < m && bias && n == 1; i++) y[i * row] += bias[0];
    if (n == row) n *= m, m = 1;                 /* One long row. */
    for (int64_t r = 0; r < m; r++, y += row)
        if (f == DC_RELU) DC__FOR(n, y[i] = y[i] < 0 ? 0 : y[i];)
        else if (f == DC_TANH) DC__FOR(n, y[i] = DC__FN(tanh)(y[i]);)
        else if (f == DC_SIGMOID) DC__FOR(n, y[i] = DC__FN(sigmoid)(y[i]);)
}

static void DC__FN(finish_backward)(int64_t m, int64_t n, int64_t row, dc_activation f, dc__in y,
                                    dc__in dy, dc__out dz, dc__out db) {
    for (int64_t i = 0; i < m && f != DC_LINEAR; i++) {
        const dc_real *restrict v = y + i * row, *restrict g = dy + i * row;
        dc_real *restrict d = dz + i * row;
        if (f == DC_RELU) for (int64_t j = 0; j < n; j++) d[j] = g[j] * (v[j] > 0 ? DC__C(1) : 0);
        else if (f == DC_TANH) for (int64_t j = 0; j < n; j++) d[j] = g[j] * (1 - v[j] * v[j]);
        else for (int64_t j = 0; j < n; j++) d[j] = g[j] * (v[j] * (1 - v[j]));
    }
    if (db && row == 1)                          /* A column is summed as broadcasting sums it. */
        for (int64_t i = 0; i < m; i += DC__CHUNK)
            db[0] += DC__FN(sum_row)(m - i < DC__CHUNK ? m - i : DC__CHUNK, dz + i);
    else if (db)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) db[j] += dz[i * row + j];
}

/* --- moving elements --- */
static void DC__FN(move)(const dc__walk *walk, dc__in xs, dc__out ys, bool accumulate) {
    const int last = walk->rank - 1;
    int64_t n = walk->dim[last], sx = walk->x_stride[last], sy = walk->y_stride[last];
    int64_t x_at = 0, y_at = 0, index[DC_MAX_RANK] = { 0 };
    for (int i = 0; i <= last; i++) if (!walk->dim[i]) return;
    do {
        const dc_real *x = xs + x_at;
        dc_real *y = ys + y_at;
        if (!accumulate && sx == 1 && sy == 1) memcpy(y, x, (size_t)n * sizeof *y);
        else if (!accumulate) for (int64_t i = 0; i < n; i++) y[i * sy] = x[i * sx];
        else if (sx == 1 && sy == 1) for (int64_t i = 0; i < n; i++) y[i] += x[i];
        else for (int64_t i = 0; i < n; i++) y[i * sy] += x[i * sx];
    } while (dc__next_row(walk, index, &x_at, &y_at));
}

static void DC__FN(take)(const dc__middle *r, int64_t m, dc__in x, dc__in index, dc__out y) {
    const int64_t inner = r->inner;
    for (int64_t o = 0; o < r->outer; o++, x += r->n * inner)
        for (int64_t i = 0; i < m; i++, index += inner, y += inner)
            for (int64_t j = 0; j < inner; j++) y[j] = x[(int64_t)index[j] * inner + j];
}

static void DC__FN(put)(const dc__middle *r, int64_t m, dc__in dy, dc__in index, dc__out dx) {
    const int64_t inner = r->inner;
    for (int64_t o = 0; o < r->outer; o++, dx += r->n * inner)
        for (int64_t i = 0; i < m; i++, index += inner, dy += inner)
            for (int64_t j = 0; j < inner; j++) dx[(int64_t)index[j] * inner + j] += dy[j];
}

static void DC__FN(gather)(int64_t count, int64_t width, dc__in table, dc__in rows, dc__out y) {
    for (int64_t i = 0; i < count; i++)
        memcpy(y + i * width, table + (int64_t)rows[i] * width, (size_t)width * sizeof *y);
}

static void DC__FN(scatter)(int64_t count, int64_t width, dc__in dy, dc__in rows, dc__out dtable) {
    for (int64_t i = 0; i < count; i++, dy += width) {
        dc_real *row = dtable + (int64_t)rows[i] * width;
        for (int64_t j = 0; j < width; j++) row[j] += dy[j];
    }
}

/* --- rows: softmax and its family --- */
static dc_real DC__FN(max_row)(int64_t n, dc__in x) {
    dc_real best;
    DC__FN(max_forward)(&(dc__middle){ 1, n, 1, 1 }, x, &best);
    return best;
}

/* y_i = e^(x_i - m), m the largest; returns their sum. The largest term is 1, so nothing
 * overflows. */
static dc_real DC__FN(exp_row)(int64_t n, dc__in x, dc_real largest, dc__out y) {
    DC__FOR(n, y[i] = DC__FN(exp)(x[i] - largest);)
    return DC__FN(sum_row)(n, y);
}

static void DC__FN(softmax)(int64_t rows, int64_t n, dc__in x, dc__out y) {
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        dc_real sum = DC__FN(exp_row)(n, x, DC__FN(max_row)(n, x), y);
        for (int64_t i = 0; i < n; i++) y[i] /= sum;
    }
}

/* dx_i = y_i (dy_i - sum_j dy_j y_j) */
static void DC__FN(softmax_backward)(int64_t rows, int64_t n, dc__in y, dc__in dy, dc__out dx) {
    for (int64_t r = 0; r < rows; r++, y += n, dy += n, dx += n) {
        dc_real mean = DC__FN(dot_row)(n, dy, y);
        for (int64_t i = 0; i < n; i++) dx[i] += y[i] * (dy[i] - mean);
    }
}

/* sum_i e^(x_i - m) with its terms in blocks on the stack, in the order of sum_row; for the
 * logarithms. */
static dc_real DC__FN(log_sum)(int64_t n, dc__in x) {
    dc_real largest = DC__FN(max_row)(n, x), block[DC__LONG_CHUNK], sum = 0;
    for (int64_t start = 0; start < n; start += DC__LONG_CHUNK) {
        int64_t length = n - start < DC__LONG_CHUNK ? n - start : DC__LONG_CHUNK;
        sum += DC__FN(exp_row)(length, x + start, largest, block);
    }
    return largest == (dc_real)INFINITY || largest == (dc_real)-INFINITY ? largest
         : largest + DC__FN(log)(sum);
}

static void DC__FN(logsumexp)(int64_t rows, int64_t n, dc__in x, dc__out y) {
    for (int64_t r = 0; r < rows; r++) y[r] = DC__FN(log_sum)(n, x + r * n);
}

/* x_i - m - log sum_j e^(x_j - m): subtracting m first keeps the difference exact for large x. */
static void DC__FN(log_softmax)(int64_t rows, int64_t n, dc__in x, dc__out y) {
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        dc_real largest = DC__FN(max_row)(n, x);
        dc_real log_sum = DC__FN(log)(DC__FN(exp_row)(n, x, largest, y));
        for (int64_t i = 0; i < n; i++) y[i] = x[i] - largest - log_sum;
    }
}

/* dx_i = dy_i - e^y_i sum_j dy_j */
static void DC__FN(log_softmax_backward)(int64_t rows, int64_t n, dc__in y, dc__in dy, dc__out dx) {
    for (int64_t r = 0; r < rows; r++, y += n, dy += n, dx += n) {
        dc_real sum = DC__FN(sum_row)(n, dy);
        DC__FOR(n, dx[i] += dy[i] - DC__FN(exp)(y[i]) * sum;)
    }
}

/* --- normalisation --- */
/* y [n, inner] = (x - mean) scale by column; a single one is a row. */
static void DC__FN(standardize)(int64_t n, int64_t inner, dc__in x, dc__in mean, dc__in scale,
                                dc__out y) {
    for (int64_t i = 0; i < n && inner == 1; i++) y[i] = (x[i] - mean[0]) * scale[0];
    for (int64_t i = 0; i < n && inner > 1; i++, x += inner, y += inner)
        for (int64_t j = 0; j < inner; j++) y[j] = (x[j] - mean[j]) * scale[j];
}

static void DC__FN(normalize)(const dc__middle *r, dc__in x, dc__out y, dc__out mean, dc__out var,
                              dc__out scale, dc_real epsilon) {
    const int64_t n = r->n, inner = r->inner;
    const dc__middle one = { 1, n, inner, r->divisor };
    for (int64_t o = 0; o < r->outer; o++, x += n * inner, y += n * inner) {
        DC__FN(sums)(&one, x, NULL, mean);
        for (int64_t j = 0; j < inner; j++) scale[j] = 1;
        DC__FN(standardize)(n, inner, x, mean, scale, y);
        DC__FN(sums)(&one, y, y, var);
        for (int64_t j = 0; j < inner; j++) scale[j] = 1 / DC__SQRT(var[j] + epsilon);
        DC__FN(standardize)(n, inner, x, mean, scale, y);
        mean += inner, var += inner, scale += inner;
    }
}

/* With y normalised, mean(dy) and mean(dy y) are what the mean and the variance take away:
 * dx = scale (dy - mean(dy) - y mean(dy y)) */
static void DC__FN(normalize_backward)(const dc__middle *r, dc__in y, dc__in scale, dc__in dy,
                                       dc__out mean, dc__out along, dc__out dx) {
    const int64_t n = r->n, inner = r->inner;
    const dc__middle one = { 1, n, inner, r->divisor };
    for (int64_t o = 0; o < r->outer; o++, scale += inner) {
        DC__FN(sums)(&one, dy, NULL, mean);
        DC__FN(sums)(&one, dy, y, along);
        for (int64_t i = 0; i < n && inner == 1; i++)
            dx[i] += scale[0] * (dy[i] - mean[0] - y[i] * along[0]);
        for (int64_t i = 0; i < n && inner > 1; i++)
            for (int64_t j = 0, at = i * inner; j < inner; j++, at++)
                dx[at] += scale[j] * (dy[at] - mean[j] - y[at] * along[j]);
        y += n * inner, dy += n * inner, dx += n * inner;
    }
}

/* --- convolution, one filter for each channel --- */
/* Up to sixteen channels; a whole strip stays in registers. */
DC__MATH void DC__FN(depthwise_strip)(int64_t n, int64_t taps, const int64_t *patch,
                                      const dc_real *x, const dc_real *w, int64_t w_row,
                                      dc_real *y, bool add) {
    dc_real sum[DC__LANES] = { 0 };
    for (int64_t r = 0; r < taps; r++, w += w_row)
        for (int64_t i = 0; i < n; i++) sum[i] = DC__FMA(x[patch[r] + i], w[i], sum[i]);
    for (int64_t i = 0; i < n; i++) y[i] = add ? y[i] + sum[i] : sum[i];
}

static void DC__FN(depthwise)(int64_t places, int64_t channels, int64_t taps, const int64_t *patch,
                              dc__in x, int64_t x_step, dc__in w, dc__out y, int64_t y_step,
                              bool add) {
    const int64_t whole = channels & -DC__LANES;
    for (int64_t j = 0; j < places; j++) {
        const dc_real *from = x + j * x_step;
        dc_real *to = y + j * y_step;
        for (int64_t c = 0; c < whole; c += DC__LANES)
            DC__FN(depthwise_strip)(DC__LANES, taps, patch, from + c, w + c, channels, to + c, add);
        DC__FN(depthwise_strip)(channels - whole, taps, patch, from + whole, w + whole, channels,
                                to + whole, add);
    }
}

static void DC__FN(depthwise_dw)(int64_t places, int64_t channels, dc__in x, int64_t x_step,
                                 dc__in dz, dc__out dw) {
    dc_real sum[DC__LANES];
    for (int64_t c = 0, n; c < channels; c += n) {
        n = channels - c < DC__LANES ? channels - c : DC__LANES;
        for (int64_t i = 0; i < DC__LANES; i++) sum[i] = 0;
        for (int64_t j = 0; j < places; j++) {
            const dc_real *from = x + j * x_step + c, *slope = dz + j * channels + c;
            if (n == DC__LANES)
                for (int i = 0; i < DC__LANES; i++) sum[i] = DC__FMA(from[i], slope[i], sum[i]);
            else for (int64_t i = 0; i < n; i++) sum[i] = DC__FMA(from[i], slope[i], sum[i]);
        }
        for (int64_t i = 0; i < n; i++) dw[c + i] += sum[i];
    }
}

/* --- pooling --- */
/* One pixel more in the windows of all channels. A NaN wins. */
DC__MATH void DC__FN(pool_pixel)(int64_t n, bool is_first, dc_real pixel, dc__in x, dc__out y,
                                 dc__out index) {
    if (is_first) memcpy(y, x, (size_t)n * sizeof *y);
    if (is_first && index) for (int64_t i = 0; i < n; i++) index[i] = pixel;
    if (!is_first && !index) for (int64_t i = 0; i < n; i++) y[i] += x[i];
    if (!is_first && index)
        for (int64_t i = 0; i < n; i++) {
            bool is_larger = x[i] > y[i] || x[i] != x[i];
            index[i] = is_larger ? pixel : index[i];
            y[i] = is_larger ? x[i] : y[i];
        }
}

static void DC__FN(pool)(const dc__windows *p, int64_t start, int64_t stop, dc__in x, dc__out y,
                         dc__out index) {
    const int64_t n = p->channels, wide = p->in[1];
    for (int64_t line = start; line < stop; line++)
        for (int64_t j = 0, i = line % p->out[0]; j < p->out[1]; j++) {
            const dc_real *image = x + line / p->out[0] * p->in[0] * wide * n;
            dc_real *to = y + (line * p->out[1] + j) * n, count = 0;
            dc_real *which = index ? index + (to - y) : NULL;
            for (int64_t r = p->from[0][i]; r < p->to[0][i]; r += p->step[0])
                for (int64_t s = p->from[1][j]; s < p->to[1][j]; s += p->step[1], count++)
                    DC__FN(pool_pixel)(n, count == 0, (dc_real)(r * wide + s),
                                       image + (r * wide + s) * n, to, which);
            for (int64_t k = 0; k < n && !index; k++) to[k] /= count;
        }
}

static void DC__FN(pool_backward)(const dc__windows *p, int64_t start, int64_t stop, dc__in index,
                                  dc__in dy, dc__out dx) {
    const int64_t n = p->channels, wide = p->in[1];
    for (int64_t line = start; line < stop; line++)
        for (int64_t j = 0, i = line % p->out[0]; j < p->out[1]; j++) {
            const int64_t at = (line * p->out[1] + j) * n;
            const int64_t rows = (p->to[0][i] - p->from[0][i] - 1) / p->step[0] + 1;
            const int64_t columns = (p->to[1][j] - p->from[1][j] - 1) / p->step[1] + 1;
            const dc_real *restrict slope = dy + at, count = (dc_real)(rows * columns);
            for (int64_t r = p->from[0][i]; r < p->to[0][i]; r += p->step[0])
                for (int64_t s = p->from[1][j]; s < p->to[1][j]; s += p->step[1]) {
                    const dc_real pixel = (dc_real)(r * wide + s);
                    dc_real *restrict to = dx + ((line / p->out[0] * p->in[0] + r) * wide + s) * n;
                    if (!index) for (int64_t k = 0; k < n; k++) to[k] += slope[k] / count;
                    else for (int64_t k = 0; k < n; k++)
                        to[k] += index[at + k] == pixel ? slope[k] : 0;
                }
        }
}

/* --- dropout --- */
/* Sixteen Philox blocks at once, 64 words: a wider copy of dc__philox. */
static void DC__FN(philox16)(const dc__random *random, uint32_t block, uint32_t *restrict out) {
    uint32_t c0[DC__LANES], c1[DC__LANES], c2[DC__LANES], c3[DC__LANES];
    uint32_t k0 = random->key[0], k1 = random->key[1];
    for (int l = 0; l < DC__LANES; l++) {
        c0[l] = block + (uint32_t)l, c1[l] = random->step;
        c2[l] = random->call, c3[l] = random->owner;
    }
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9, k1 += 0xBB67AE85)
        for (int l = 0; l < DC__LANES; l++) {
            uint64_t p0 = (uint64_t)0xD2511F53 * c0[l], p1 = (uint64_t)0xCD9E8D57 * c2[l];
            c0[l] = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0, c1[l] = (uint32_t)p1;
            c2[l] = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1, c3[l] = (uint32_t)p0;
        }
    for (int l = 0; l < DC__LANES; l++)
        out[4 * l] = c0[l], out[4 * l + 1] = c1[l], out[4 * l + 2] = c2[l], out[4 * l + 3] = c3[l];
}

/* Element i is dropped when word i, as a fraction, is below rate; `first` is a multiple of 64. */
static void DC__FN(dropout)(int64_t first, int64_t n, const dc__random *random, dc_real rate,
                            dc__in x, dc__out y, dc__out keep) {
    enum { DC__WORDS = 4 * DC__LANES };
    uint32_t word[DC__WORDS];
    dc_real scale = 1 / (1 - rate);
    for (int64_t start = 0; start < n; start += DC__WORDS) {
        int64_t length = n - start < DC__WORDS ? n - start : DC__WORDS;
        DC__FN(philox16)(random, (uint32_t)((first + start) / 4), word);
        for (int64_t i = 0; i < length; i++) {
            dc_real chance = (dc_real)(int32_t)(word[i] >> 8) * DC__C(0x1p-24);
            keep[start + i] = chance < rate ? 0 : scale;
            y[start + i] = chance < rate ? 0 : x[start + i] * scale;
        }
    }
}

static void DC__FN(dropout_backward)(int64_t n, dc__in keep, dc__in dy, dc__out dx) {
    for (int64_t i = 0; i < n; i++) dx[i] += keep[i] == 0 ? 0 : dy[i] * keep[i];
}

/* --- the optimisers' steps --- */
/* Each passes over weights, gradients and states once; scaling, clipping and weight decay happen on
 * the way. A state that fades away becomes 0 before it gets denormal (below 1.2e-38), where
 * processors are up to a hundred times slower; sqrt(1e-36) is far below any epsilon that optimisers
 * accept. The formulas are PyTorch's. */
DC__MATH dc_real DC__FN(settle)(dc_real x) {
    return x < DC__C(1e-36) && x > DC__C(-1e-36) ? 0 : x;
}

/* The gradient as the optimiser means it: scaled, clipped, with weight decay of the L2 kind. */
DC__MATH dc_real DC__FN(gradient)(dc_real g, dc_real w, const dc__step *s) {
    dc_real scaled = s->scale * g;
    dc_real above = scaled < -s->limit ? -s->limit : scaled;
    return (above > s->limit ? s->limit : above) + s->l2 * w;
}

/* v = beta1 v + g;  w -= rate v, or rate (g + beta1 v) by Nesterov, or rate g without momentum */
static void DC__FN(sgd)(int64_t n, dc__out w, dc__in g, dc__out v, dc__out unused,
                        const dc__step *step) {
    const dc__step s = *step;
    (void)unused;
    if (!v)
        for (int64_t i = 0; i < n; i++)
            w[i] = s.keep * w[i] - s.rate * DC__FN(gradient)(g[i], w[i], &s);
    else if (s.nesterov)
        for (int64_t i = 0; i < n; i++) {
            dc_real d = DC__FN(gradient)(g[i], w[i], &s);
            v[i] = DC__FN(settle)(s.beta1 * v[i] + d);
            w[i] = s.keep * w[i] - s.rate * (d + s.beta1 * v[i]);
        }
    else
        for (int64_t i = 0; i < n; i++) {
            v[i] = DC__FN(settle)(s.beta1 * v[i] + DC__FN(gradient)(g[i], w[i], &s));
            w[i] = s.keep * w[i] - s.rate * v[i];
        }
}

/* x = sqrt x. Compilers do not vectorise it, because sqrt may set errno. So kernels that need it
 * work in chunks: a loop, these roots, a loop. */
static inline void DC__FN(roots)(int64_t n, dc_real *x) {
    int64_t i = 0;
#ifdef DC__VECTOR
    for (; i + DC__WIDTH <= n; i += DC__WIDTH)
        DC__V(storeu)(x + i, DC__V(sqrt)(DC__V(loadu)(x + i)));
#endif
    for (; i < n; i++) x[i] = DC__SQRT(x[i]);
}

/* q = beta2 q + rest2 g^2;  d = g / (sqrt q + epsilon);  w -= rate d, or with momentum
 * v = beta1 v + d;  w -= rate v */
static void DC__FN(rmsprop)(int64_t n, dc__out w, dc__in g, dc__out q, dc__out v,
                            const dc__step *step) {
    const dc__step s = *step;
    dc_real root[DC__CHUNK];
    for (int64_t at = 0, stop; at < n; at = stop) {
        stop = at + DC__CHUNK < n ? at + DC__CHUNK : n;
        for (int64_t i = at; i < stop; i++) {
            dc_real d = DC__FN(gradient)(g[i], w[i], &s);
            q[i] = root[i - at] = DC__FN(settle)(s.beta2 * q[i] + s.rest2 * d * d);
        }
        DC__FN(roots)(stop - at, root);
        if (!v)
            for (int64_t i = at; i < stop; i++) {
                dc_real d = DC__FN(gradient)(g[i], w[i], &s);
                w[i] = s.keep * w[i] - s.rate * (d / (root[i - at] + s.epsilon));
            }
        else
            for (int64_t i = at; i < stop; i++) {
                dc_real d = DC__FN(gradient)(g[i], w[i], &s);
                v[i] = DC__FN(settle)(s.beta1 * v[i] + d / (root[i - at] + s.epsilon));
                w[i] = s.keep * w[i] - s.rate * v[i];
            }
    }
}

/* m = beta1 m + rest1 g;  v = beta2 v + rest2 g^2;  w -= rate m / (unbias sqrt v + epsilon) */
static void DC__FN(adam)(int64_t n, dc__out w, dc__in g, dc__out m, dc__out v,
                         const dc__step *step) {
    const dc__step s = *step;
    dc_real root[DC__CHUNK];
    for (int64_t at = 0, stop; at < n; at = stop) {
        stop = at + DC__CHUNK < n ? at + DC__CHUNK : n;
        for (int64_t i = at; i < stop; i++) {
            dc_real d = DC__FN(gradient)(g[i], w[i], &s);
            m[i] = DC__FN(settle)(s.beta1 * m[i] + s.rest1 * d);
            v[i] = root[i - at] = DC__FN(settle)(s.beta2 * v[i] + s.rest2 * d * d);
        }
        DC__FN(roots)(stop - at, root);
        for (int64_t i = at; i < stop; i++)
            w[i] = s.keep * w[i] - s.rate * (m[i] / (s.unbias * root[i - at] + s.epsilon));
    }
}

#endif /* DC__PRODUCT_ONLY */

/* @impl-table ---------------------------------------------------------------------------------- */

#ifdef DC__VECTOR                                 /* The appendix is at work, and brings its own. */
static void DC__FN(tile)(int64_t m, int64_t n, int64_t k, const dc__patches *a, dc__matrix b,
                         dc_real *c, const dc__runs *c_row, bool add);
#endif
#define DC__TEXT2(x) #x
#define DC__TEXT1(x) DC__TEXT2(x)

static const dc__kernels DC__FN(kernels) = {
    .name = DC__TEXT1(DC__SUFFIX),
#define DC__ROW(NAME, ...) .NAME = { DC__LOOP(NAME##_forward), DC__LOOP(NAME##_backward) },
    DC_UNARY_OPS(DC__ROW)
    DC_UNARY_OPS_WITH(DC__ROW)
    DC__REDUCTION_OPS(DC__ROW)
#undef DC__ROW
#define DC__ROW(NAME, F, DFX, DFY)                                                                 \
    .NAME = { DC__LOOP(NAME##_forward), { DC__LOOP(NAME##_slope_x), DC__LOOP(NAME##_slope_y) } },
    DC_BINARY_OPS(DC__ROW)
    DC__LOSS_OPS(DC__ROW)
#undef DC__ROW
#define DC__ROW(NAME, ARGUMENTS) .NAME = DC__LOOP(NAME),
    DC__OTHER_KERNELS(DC__ROW)
#undef DC__ROW
    .tile = DC__FN(tile),
    .sgd = DC__LOOP(sgd), .rmsprop = DC__LOOP(rmsprop),
    .adam = DC__LOOP(adam),
};
#endif /* DC__SUFFIX: the chapters that are compiled once for each instruction set */
#ifdef DC__IMPLEMENTING
#undef DC__IMPLEMENTING
#if defined(__x86_64__) && !defined(DEEPC_DOUBLE) && !defined(DEEPC_NO_FAST)
DC__AS_ASKED
#endif
#undef DC__SUFFIX
#undef DC__LOOPS
/* The best table that the processor can run; with `wanted` a name, that one, or NULL. The
 * appendix knows those beyond the plain loops. */
static const dc__kernels *dc__fast_kernels(const char *wanted);

static const dc__kernels *dc__choose_kernels(const char *device) {
    const char *forced = getenv("DEEPC_DEVICE");       /* For tests: reference, avx2, avx512. */
    if (forced && *forced) device = forced;
    if (device && !strcmp(device, "reference")) return &dc__kernels_plain;
    if (!device || !strcmp(device, "fast")) return dc__fast_kernels(NULL);
    const dc__kernels *kernels = dc__fast_kernels(device);
    if (!kernels) fprintf(stderr, "deepc: this processor has no device '%s'\n", device);
    return kernels;
}

/* N(0, 1) from two uniform numbers (Box & Muller 1958): sqrt(-2 log u) cos(2 pi v), and with sin
 * another. */
static dc_real dc__normal_at(const dc__random *r, uint64_t i) {
    dc_real u = 1 - dc__uniform_at(r, i & ~(uint64_t)1), v = dc__uniform_at(r, i | 1);
    dc_real radius = DC__SQRT(-2 * dc__log_plain(u)), angle = DC__C(6.283185307179586) * v;
    return radius * (i & 1 ? dc__sin_plain(angle) : dc__cos_plain(angle));
}

/* @impl-threads -------------------------------------------------------------------------------- */
/* A kernel runs on one thread. Large work is cut into parts that do not depend on each other, rows
 * of a product for instance, and since no part's bits depend on how it was cut or on who computes
 * it, the number of threads changes nothing but the time. The helpers are started on first use.
 * Between two pieces of work they look out for the next one for a moment, and then sleep: the
 * pieces of a training step are microseconds apart, but the machine belongs to others as well. */

#if defined(DEEPC_NO_THREADS)
#elif defined(__linux__) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34) || defined(_REENTRANT)     /* libc has threads; or -pthread was given. */
#define DC__THREADS 1
#endif
#elif defined(__linux__) || defined(__APPLE__) || (defined(DC__POSIX) && defined(_REENTRANT))
#define DC__THREADS 1
#endif

enum { DC__MOST_THREADS = 64 };

/* Computes the elements, rows or whatever is counted, from start to stop. */
typedef void (*dc__part)(void *work, int64_t start, int64_t stop);

#ifdef DC__THREADS
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

/* One piece of work at a time. Part i is free while slot[i] holds the number of the piece, and
 * belongs to whoever exchanges that for 0: thread i, or if that one is late, the caller. So nobody
 * waits for a thread that has not begun, and a late one finds nothing to do. */
static struct dc__pool {
    int             wanted;                /* Threads; 0: one for each processor. */
    int             contexts;              /* The helpers live as long as a context does. */
    bool            busy, quit;
    int             helpers;
    pthread_t       helper[DC__MOST_THREADS];
    dc__part        part;                  /* The piece: [0, n) in parts of `length`. */
    void           *work;
    int64_t         n, length;
    uint64_t        piece, slot[DC__MOST_THREADS];
    int             left;                  /* Parts that are not done. */
    int             asleep;
    pthread_mutex_t lock;                  /* For falling asleep, waking up, and the contexts. */
    pthread_cond_t  wake;
} dc__pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

static void dc__relax(void) {
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static void dc__run_part(int i, uint64_t piece) {
    struct dc__pool *p = &dc__pool;
    if (!__atomic_compare_exchange_n(&p->slot[i], &piece, 0, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) return;
    int64_t start = i * p->length, stop = start + p->length < p->n ? start + p->length : p->n;
    p->part(p->work, start, stop);
    __atomic_fetch_sub(&p->left, 1, __ATOMIC_RELEASE);
}

static void *dc__help(void *number) {
    enum { LOOKS = 2000 };                 /* 30 to 100 microseconds. */
    struct dc__pool *p = &dc__pool;
    uint64_t seen = 0, piece = 0;
    while (!__atomic_load_n(&p->quit, __ATOMIC_ACQUIRE)) {
        for (int i = 0; i < LOOKS && piece == seen; i++, dc__relax())
            piece = __atomic_load_n(&p->piece, __ATOMIC_ACQUIRE);
        if (piece == seen) {
            pthread_mutex_lock(&p->lock);
            __atomic_fetch_add(&p->asleep, 1, __ATOMIC_SEQ_CST);
            while ((piece = __atomic_load_n(&p->piece, __ATOMIC_SEQ_CST)) == seen && !p->quit)
                pthread_cond_wait(&p->wake, &p->lock);
            __atomic_fetch_sub(&p->asleep, 1, __ATOMIC_SEQ_CST);
            pthread_mutex_unlock(&p->lock);
        }
        seen = piece;
        dc__run_part((int)(intptr_t)number, piece);
    }
    return NULL;
}

/* The processors that this process may use. The system's header hides its function from strict
 * C11. */
#ifdef __linux__
int dc__affinity(int process, size_t size, unsigned long *mask) __asm__("sched_getaffinity");
#endif
static int dc__processors(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef __linux__
    unsigned long mask[16] = { 0 };
    if (dc__affinity(0, sizeof mask, mask) == 0) n = 0;
    for (size_t i = 0; i < sizeof mask / sizeof *mask; i++) n += __builtin_popcountl(mask[i]);
#endif
    return n < 1 ? 1 : n > DC__MOST_THREADS ? DC__MOST_THREADS : (int)n;
}

DC_API int dc_threads(void) {
    int wanted = __atomic_load_n(&dc__pool.wanted, __ATOMIC_RELAXED);
    if (wanted) return wanted;
    const char *asked = getenv("DEEPC_THREADS");
    wanted = asked ? atoi(asked) : 0;
    if (wanted < 1) wanted = dc__processors();
    if (wanted > DC__MOST_THREADS) wanted = DC__MOST_THREADS;
    __atomic_store_n(&dc__pool.wanted, wanted, __ATOMIC_RELAXED);
    return wanted;
}

DC_API void dc_set_threads(int count) {
    if (count < 0) dc_fail(NULL, "dc_set_threads: %d threads; 0 is one for each processor", count);
    if (count > DC__MOST_THREADS) count = DC__MOST_THREADS;
    __atomic_store_n(&dc__pool.wanted, count, __ATOMIC_RELAXED);
}

/* A forked child has no helpers, only their memory. */
static void dc__forget_helpers(void) {
    dc__pool = (struct dc__pool){ .wanted = 1, .contexts = dc__pool.contexts };
    pthread_mutex_init(&dc__pool.lock, NULL);
    pthread_cond_init(&dc__pool.wake, NULL);
}

static void dc__start_helpers(int count) {
    static bool once;
    pthread_attr_t attributes;
    if (!once) once = pthread_atfork(NULL, NULL, dc__forget_helpers) == 0;
    if (pthread_attr_init(&attributes)) return;
    pthread_attr_setstacksize(&attributes, 1 << 20);
    struct dc__pool *p = &dc__pool;
    while (p->helpers < count && !pthread_create(&p->helper[p->helpers], &attributes, dc__help,
                                                 (void *)(intptr_t)(p->helpers + 1)))
        p->helpers++;
    pthread_attr_destroy(&attributes);
}

/* Counts contexts; the last one takes the helpers along. */
static void dc__count_context(int change) {
    struct dc__pool *p = &dc__pool;
    pthread_mutex_lock(&p->lock);
    p->contexts += change;
    bool is_last = p->contexts == 0;
    pthread_mutex_unlock(&p->lock);
    if (!is_last || __atomic_exchange_n(&p->busy, true, __ATOMIC_ACQUIRE)) return;
    pthread_mutex_lock(&p->lock);
    __atomic_store_n(&p->quit, true, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    while (p->helpers > 0) pthread_join(p->helper[--p->helpers], NULL);
    p->quit = false;
    __atomic_store_n(&p->busy, false, __ATOMIC_RELEASE);
}

/* Runs part on all of [0, n), in parts that are multiples of `unit` and not shorter than `least`. A
 * second caller does its work alone meanwhile. */
static void dc__parallel(int64_t n, int64_t unit, int64_t least, dc__part part, void *work) {
    struct dc__pool *p = &dc__pool;
    int parts = 1;
    if (n >= 2 * least && n >= 2 * unit) parts = dc_threads();
    if (parts > 1 && n / parts < least) parts = (int)(n / least);
    if (parts < 2 || __atomic_exchange_n(&p->busy, true, __ATOMIC_ACQUIRE)) {
        if (n > 0) part(work, 0, n);
        return;
    }
    if (p->helpers < parts - 1) dc__start_helpers(parts - 1);
    p->part = part, p->work = work, p->n = n;
    p->length = ((n + parts - 1) / parts + unit - 1) / unit * unit;
    parts = (int)((n + p->length - 1) / p->length);
    p->left = parts;
    uint64_t piece = p->piece + 1;
    for (int i = 0; i < parts; i++) __atomic_store_n(&p->slot[i], piece, __ATOMIC_RELEASE);
    __atomic_store_n(&p->piece, piece, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&p->asleep, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
    for (int i = 0; i < parts; i++) dc__run_part(i, piece);
    for (int looks = 0; __atomic_load_n(&p->left, __ATOMIC_ACQUIRE); looks++)
        if (looks < 1000) dc__relax();
        else sched_yield();
    __atomic_store_n(&p->busy, false, __ATOMIC_RELEASE);
}

#else
DC_API int dc_threads(void) { return 1; }
DC_API void dc_set_threads(int count) { (void)count; }
static void dc__count_context(int change) { (void)change; }

static void dc__parallel(int64_t n, int64_t unit, int64_t least, dc__part part, void *work) {
    (void)unit, (void)least;
    if (n > 0) part(work, 0, n);
}
#endif

/* @impl-tensors -------------------------------------------------------------------------------- */
/* A tensor is a header and its elements. The elements of a step's tensors lie on the step's
 * arena and are overwritten by the next step; their headers are kept apart and reused only after
 * many others, so that a pointer that a program kept too long still finds a header that says so. */

enum { DC__ALIVE = 0x11FE, DC__GONE = 0xDEAD };
enum { DC__QUARANTINE = 1 << 8 };          /* So many others. */

static void dc__begin_tensor(dc_context *ctx, dc_tensor *t, int depth) {
    *t = (dc_tensor){ .ctx = ctx, .stamp = DC__ALIVE, .depth = depth, .base = t,
                      .file = dc__here.file, .line = dc__here.line };
}

/* A tensor without elements, on the chain of everything that dc_end will take away. */
static dc_tensor *dc__new_tensor(dc_context *ctx) {
    dc_tensor *t = ctx->free_first;
    if (ctx->free_count > DC__QUARANTINE) ctx->free_first = t->made_before, ctx->free_count--;
    else t = dc__permanent(ctx, sizeof *t);
    dc__begin_tensor(ctx, t, ctx->depth);
    t->made_before = ctx->last;
    return ctx->last = t;
}

/* Memory that lives at least as long as t, which may be older than the present step. */
static void *dc__memory_with(const dc_tensor *t, size_t size) {
    return t->depth == t->ctx->depth ? dc__temporary(t->ctx, size) : dc__permanent(t->ctx, size);
}

/* The number of elements; a shape that is none, or too large to address, is an error. */
static int64_t dc__count(dc_context *ctx, dc_shape s) {
    int64_t n = 1, limit = (int64_t)(PTRDIFF_MAX / 4 / sizeof(dc_real));
    bool is_empty = false;
    if (s.rank < 0 || s.rank > DC_MAX_RANK)
        dc_fail(ctx, "a tensor has at most %d axes, not %d", DC_MAX_RANK, s.rank);
    for (int i = 0; i < s.rank; i++) {
        if (s.dim[i] < 0) dc_fail(ctx, "shape %s: sizes cannot be negative", DC__SHAPE_TEXT(s));
        if (s.dim[i] == 0) is_empty = true;
        else if (__builtin_mul_overflow(n, s.dim[i], &n) || n > limit)
            dc_fail(ctx, "shape %s has more elements than memory can hold", DC__SHAPE_TEXT(s));
    }
    return is_empty ? 0 : n;
}

static void dc__set_shape(dc_tensor *t, dc_shape shape) {
    t->size = dc__count(t->ctx, shape);
    t->shape = shape;
}

/* With room for elements that nobody has set yet. */
static dc_tensor *dc__empty(dc_context *ctx, dc_shape shape) {
    dc_tensor *t = dc__new_tensor(ctx);
    dc__set_shape(t, shape);
    t->data = dc__temporary(ctx, (size_t)t->size * sizeof(dc_real));
    return t;
}

/* The same until dc_free, wherever it is made: parameters, buffers, batches. */
static dc_tensor *dc__empty_permanent(dc_context *ctx, dc_shape shape) {
    dc_tensor *t = dc__permanent(ctx, sizeof *t);
    dc__begin_tensor(ctx, t, 0);
    dc__set_shape(t, shape);
    t->data = dc__permanent(ctx, (size_t)t->size * sizeof(dc_real));
    return t;
}

static dc_tensor *dc__filled(dc_tensor *t, const dc_real *values) {
    if (t->size) memcpy(t->data, values, (size_t)t->size * sizeof(dc_real));
    return t;
}

DC_API dc_shape dc_make_shape(int rank, const int64_t *dim) {
    dc_shape s = { .rank = rank };
    for (int i = 0; i < rank && i < DC_MAX_RANK; i++) s.dim[i] = dim[i];
    return s;
}

DC_API dc_axes dc_make_axes(int count, const int *axis) {
    dc_axes a = { .count = count };
    for (int i = 0; i < count && i < DC_MAX_RANK; i++) a.axis[i] = axis[i];
    return a;
}

DC_API dc_tensors dc_make_tensors(int count, dc_tensor *const *tensor) {
    return (dc_tensors){ count, tensor };
}

static bool dc__same_shape(dc_shape a, dc_shape b) {
    return a.rank == b.rank && !memcmp(a.dim, b.dim, (size_t)a.rank * sizeof *a.dim);
}

/* What a message calls a tensor: its name, or what made it where. */
static dc__words dc__origin(const dc_tensor *t) {
    if (t->stamp == DC__ALIVE && t->name) return dc__say("'%.100s'", t->name);
    return dc__say("made by %s%.30s at %.80s:%d", t->op ? "dc_" : "",
                   t->op ? t->op->name : "the program", t->file ? t->file : "?", t->line);
}

/* dc_apply knows an op by its name alone; messages give the function's. */
static const char *dc__prefix(const char *name) { return strncmp(name, "dc_", 3) ? "dc_" : ""; }

/* Stops the program that uses a tensor whose step has ended, or none at all. */
static void dc__check(const char *function, int operand, const dc_tensor *t) {
    if (!t) dc_fail(NULL, "%s%s: operand %d is NULL", dc__prefix(function), function, operand);
    if (t->stamp != DC__ALIVE)
        dc_fail(t->ctx,
                "%s%s: operand %d, a tensor %s, is gone: its step has ended with dc_end; make it "
                "outside dc_begin ... dc_end, or read its values before the end",
                dc__prefix(function), function, operand, dc__origin(t).text);
}

/* --- contexts --- */
DC_API dc_context *dc_new_checked(uint64_t seed, const dc_options *options, size_t size_of_real) {
    const dc__kernels *kernels = dc__choose_kernels(options ? options->device : NULL);
    if (size_of_real != sizeof(dc_real) || !kernels) return NULL;
    dc_context *ctx = DC_MALLOC(sizeof *ctx);
    if (!ctx) return NULL;
    *ctx = (dc_context){ .seed = seed, .kernels = kernels };
    dc__count_context(+1);
    if (options) ctx->on_error = options->on_error, ctx->user = options->user;
    return ctx;
}

DC_API void dc_free(dc_context *ctx) {
    if (!ctx) return;
    while (ctx->buffers) dc__buffer_free(ctx->buffers->bytes);
    dc__free_arena(&ctx->step);
    dc__free_arena(&ctx->permanent);
    DC_FREE(ctx);
    dc__count_context(-1);
}

DC_API dc_mark dc_begin(dc_context *ctx) {
    ctx->depth++;
    dc__block *block = ctx->step.current;
    return (dc_mark){ .block = block, .used = block ? block->used : 0, .last = ctx->last,
                      .depth = ctx->depth, .training = ctx->training, .no_grad = ctx->no_grad };
}

DC_API void dc_end(dc_context *ctx, dc_mark mark) {
    if (mark.depth < 1 || mark.depth > ctx->depth)
        dc_fail(ctx, "dc_end: this mark is not open (%d are); every dc_begin needs one dc_end, the "
                "inner one first", ctx->depth);
    if (mark.depth < ctx->depth)             /* Inner calls were left by longjmp. */
        ctx->training = mark.training, ctx->no_grad = mark.no_grad;
    while (ctx->last && ctx->last != mark.last) {
        dc_tensor *t = ctx->last;
        ctx->last = t->made_before;
        t->stamp = DC__GONE;
        t->made_before = NULL;
        if (ctx->free_count++) ctx->free_last = ctx->free_last->made_before = t;
        else ctx->free_first = ctx->free_last = t;
    }
    ctx->step.current = mark.block ? mark.block : ctx->step.first;
    for (dc__block *b = ctx->step.current; b; b = b->next) {
        b->used = b == ctx->step.current ? mark.used : 0;
        DC__POISON(b->start + b->used, b->size - b->used);
    }
    ctx->depth = mark.depth - 1;
}

DC_API bool dc_training(const dc_context *ctx) { return ctx->training; }

DC_API bool dc_set_training(dc_context *ctx, bool training) {
    bool old = ctx->training;
    ctx->training = training;
    return old;
}

DC_API bool dc_set_grad(dc_context *ctx, bool enabled) {
    bool old = !ctx->no_grad;
    ctx->no_grad = !enabled;
    return old;
}

DC_API const char *dc_device_name(const dc_context *ctx) {
    return ctx->kernels == &dc__kernels_plain ? "reference" : ctx->kernels->name;
}

/* --- making tensors --- */
DC_API dc_tensor *dc_full(dc_context *ctx, dc_shape shape, dc_real value) {
    dc_tensor *t = dc__empty(ctx, shape);
    ctx->kernels->fill(t->size, value, t->data);
    return t;
}

DC_API dc_tensor *dc_zeros(dc_context *ctx, dc_shape shape) { return dc_full(ctx, shape, 0); }
DC_API dc_tensor *dc_ones(dc_context *ctx, dc_shape shape) { return dc_full(ctx, shape, 1); }
DC_API dc_tensor *dc_scalar(dc_context *ctx, dc_real x) { return dc_full(ctx, DC_SCALAR, x); }
DC_API dc_tensor *dc_from(dc_context *ctx, dc_shape shape, const dc_real *data) {
    return dc__filled(dc__empty(ctx, shape), data);
}

DC_API dc_tensor *dc_arange(dc_context *ctx, dc_real start, dc_real stop, dc_real step) {
    double steps = step != 0 ? ((double)stop - (double)start) / (double)step : NAN;
    if (!(steps < 1e15))
        dc_fail(ctx, "dc_arange: from %g to %g in steps of %g never ends", (double)start,
                (double)stop, (double)step);
    int64_t n = steps > 0 ? (int64_t)steps + (steps > (double)(int64_t)steps) : 0;
    dc_real last = start + (dc_real)(n - 1) * step;
    if (n && (step > 0 ? last >= stop : last <= stop)) n--;       /* Rounding may reach `stop`. */
    dc_tensor *t = dc__empty(ctx, DC_SHAPE(n));
    for (int64_t i = 0; i < n; i++) t->data[i] = start + (dc_real)i * step;
    return t;
}

DC_API dc_tensor *dc_linspace(dc_context *ctx, dc_real start, dc_real stop, int64_t count) {
    dc_tensor *t = dc__empty(ctx, DC_SHAPE(count));
    for (int64_t i = 0; i < count; i++) {
        double part = count > 1 ? (double)i / (double)(count - 1) : 0;
        t->data[i] = (dc_real)((double)start * (1 - part) + (double)stop * part);
    }
    return t;
}

DC_API dc_tensor *dc_eye(dc_context *ctx, int64_t n) {
    dc_tensor *t = dc_zeros(ctx, DC_SHAPE(n, n));
    for (int64_t i = 0; i < n; i++) t->data[i * n + i] = 1;
    return t;
}

DC_API dc_tensor *dc_uniform(dc_context *ctx, dc_shape shape, dc_real low, dc_real high) {
    dc_tensor *t = dc__empty(ctx, shape);
    dc__random r = dc__stream(ctx, DC__FOR_TENSOR, 0, ctx->creations++, 0);
    for (int64_t i = 0; i < t->size; i++) {
        dc_real x = low + (high - low) * dc__uniform_at(&r, (uint64_t)i);
        t->data[i] = x < high ? x : low;     /* Rounding may reach `high`, which is not included. */
    }
    return t;
}

DC_API dc_tensor *dc_normal(dc_context *ctx, dc_shape shape, dc_real mean, dc_real std) {
    dc_tensor *t = dc__empty(ctx, shape);
    dc__random r = dc__stream(ctx, DC__FOR_TENSOR, 0, ctx->creations++, 0);
    for (int64_t i = 0; i < t->size; i++) t->data[i] = mean + std * dc__normal_at(&r, (uint64_t)i);
    return t;
}

/* Fisher & Yates: the i-th from the end changes place with one of those before it, or itself. */
static void dc__shuffle(const dc__random *r, int64_t n, int64_t *rows) {
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)dc__below_at(r, (uint64_t)i, (uint64_t)i + 1), kept = rows[i];
        rows[i] = rows[j];
        rows[j] = kept;
    }
}

DC_API dc_tensor *dc_permutation(dc_context *ctx, int64_t n) {
    dc_tensor *t = dc__empty(ctx, DC_SHAPE(n));
    dc__random r = dc__stream(ctx, DC__FOR_TENSOR, 0, ctx->creations++, 0);
    dc_mark mark = dc_begin(ctx);
    int64_t *rows = dc__temporary(ctx, (size_t)n * sizeof *rows);
    for (int64_t i = 0; i < n; i++) rows[i] = i;
    dc__shuffle(&r, n, rows);
    for (int64_t i = 0; i < n; i++) t->data[i] = (dc_real)rows[i];
    dc_end(ctx, mark);
    return t;
}

/* --- parameters --- */
static void dc__init(dc_tensor *t, dc_init init, const dc__random *r) {
    int rank = t->shape.rank;
    double out = rank > 0 ? (double)t->shape.dim[rank - 1] : 1;
    double in = rank > 1 && out > 0 ? (double)t->size / out : out;
    double receptive = rank > 2 ? in / (double)t->shape.dim[rank - 2] : 1;   /* The axes before. */
    double fan = init == DC_GLOROT || init == DC_GLOROT_NORMAL ? (in + out * receptive) / 2 : in;
    double variance = (init == DC_HE || init == DC_HE_NORMAL ? 2 : 1) / (fan > 0 ? fan : 1);
    dc_real std = (dc_real)sqrt(variance), limit = (dc_real)sqrt(3 * variance);
    bool normal = init == DC_GLOROT_NORMAL || init == DC_HE_NORMAL || init == DC_LECUN_NORMAL;
    if (init == DC_ZEROS || init == DC_ONES)
        t->ctx->kernels->fill(t->size, init == DC_ONES, t->data);
    else
        for (int64_t i = 0; i < t->size; i++)
            t->data[i] = normal ? std * dc__normal_at(r, (uint64_t)i)
                                : limit * (2 * dc__uniform_at(r, (uint64_t)i) - 1);
}

/* Every parameter is listed in its context, for dc_optimize. */
static dc_tensor *dc__list_param(dc_tensor *t) {
    dc_context *ctx = t->ctx;
    if (ctx->params == ctx->param_room) {
        int room = ctx->param_room ? 2 * ctx->param_room : 64;
        dc_tensor **larger = dc__permanent(ctx, (size_t)room * sizeof *larger);
        if (ctx->params) memcpy(larger, ctx->param, (size_t)ctx->params * sizeof *larger);
        ctx->param = larger, ctx->param_room = room;
    }
    t->needs_grad = true;
    t->grad = dc__permanent(ctx, (size_t)t->size * sizeof(dc_real));
    return ctx->param[ctx->params++] = t;
}

DC_API dc_tensor *dc_param_shaped(dc_context *ctx, dc_init init, dc_shape shape) {
    dc_tensor *t = dc__empty_permanent(ctx, shape);
    dc__random r = dc__stream(ctx, DC__FOR_INIT, 0xFFFFFF, ctx->creations++, 0);   /* No layer's. */
    dc__init(t, init, &r);
    return dc__list_param(t);
}

DC_API dc_tensor *dc_param_from(dc_context *ctx, dc_shape shape, const dc_real *data) {
    return dc__list_param(dc__filled(dc__empty_permanent(ctx, shape), data));
}

/* --- reading and writing --- */
DC_API dc_real dc_item(const dc_tensor *x) {
    dc__check("dc_item", 1, x);
    if (x->size != 1)
        dc_fail(x->ctx, "dc_item: a tensor of one element is wanted, not %s; use dc_at or dc_read",
                DC__SHAPE_TEXT(x->shape));
    return x->data[0];
}

DC_API dc_real dc_at(const dc_tensor *x, dc_shape index) {
    dc__check("dc_at", 1, x);
    int64_t at = 0;
    bool inside = index.rank == x->shape.rank;
    for (int i = 0; inside && i < index.rank; i++) {
        inside = index.dim[i] >= 0 && index.dim[i] < x->shape.dim[i];
        at = at * x->shape.dim[i] + index.dim[i];
    }
    if (!inside)
        dc_fail(x->ctx, "dc_at: there is no element %s in a tensor of shape %s",
                DC__SHAPE_TEXT(index), DC__SHAPE_TEXT(x->shape));
    return x->data[at];
}

DC_API void dc_read(const dc_tensor *x, dc_real *out) {
    dc__check("dc_read", 1, x);
    if (x->size) memcpy(out, x->data, (size_t)x->size * sizeof(dc_real));
}

DC_API void dc_write(dc_tensor *x, const dc_real *values) {
    dc__check("dc_write", 1, x);
    dc__filled(x, values)->base->version++;
}

DC_API dc_tensor *dc_named(dc_tensor *x, const char *name) {
    dc__check("dc_named", 1, x);
    size_t size = strlen(name) + 1;
    if (!x->name || strcmp(x->name, name)) x->name = memcpy(dc__memory_with(x, size), name, size);
    return x;
}

/* @impl-print ---------------------------------------------------------------------------------- */
/* Arrays as text, byte for byte as NumPy prints them (the rule for 1e8 is that of versions up to
 * 2.2). An element is the shortest decimal that reads back as itself, cut to 8 decimals; all share
 * one format. So the array is walked three times: to find the range of the elements shown, their
 * widths, and to print. */

enum { DC__WIDEST = 64 };              /* An element as text. */

/* x as "%f" or "%e" writes it, with the fewest decimals, within bounds, that read back as x;
 * returns how many. The floats above a power of two lie twice as far apart as those below it, so
 * there the decimal above x may do where the nearest one, below, does not. */
static int dc__shortest(char kind, dc_real x, int least, int most, char *out) {
    for (int decimals = least; ; decimals++)
        for (int up = 0; up < 2; up++) {
            snprintf(out, DC__WIDEST, kind == 'f' ? "%#.*f" : "%#.*e", decimals, (double)x);
            char *last = out + strcspn(out, "e") - 1;
            while (*last < '0' || *last > '9') last--;
            if (up && (*last)++ == '9') continue;
            bool single = sizeof x == sizeof(float);
            double value = single ? (double)strtof(out, NULL) : strtod(out, NULL);
            if (value == (double)x || decimals == most) return decimals;
        }
}

/* A single number: as many digits as it takes; 1.0 for 1, but 1e-05 without a point. */
static void dc__write_scalar(dc_real x, char *out) {
    double size = fabs((double)x);
    int decimals = dc__shortest('e', x, 0, 17, out);
    char *exponent = strchr(out, 'e');
    int places = decimals - (int)strtol(exponent + 1, NULL, 10);
    bool plain = size <= 0 || (size >= 1e-4 && size < 1e16);
    if (plain) snprintf(out, DC__WIDEST, "%.*f", places > 1 ? places : 1, strtod(out, NULL));
    dc__set_point(out);
    if (!plain && decimals == 0) memmove(out + strcspn(out, "."), exponent, strlen(exponent) + 1);
}

enum { DC__LINE = 75, DC__SUMMARY_ABOVE = 1000, DC__EDGE = 3 };   /* As NumPy's printoptions. */

typedef struct dc__printer {
    const dc_tensor *x;
    dc__text text;
    size_t   line;                     /* Where in the text the last line begins. */
    double   smallest, largest;        /* Magnitudes of the elements shown, not of 0. */
    int      left, decimals;           /* Widths before the point (with the sign) and behind it. */
    int      exponent;                 /* Width of "e-05"; 0: none is written. */
    int      special;                  /* Width of nan, inf, -inf. */
} dc__printer;

static void dc__widen(int *width, int needed) { *width = needed > *width ? needed : *width; }
static int dc__width(const dc__printer *p) { return p->left + 1 + p->decimals + p->exponent; }

/* Decimals are cut to 8, and filled up before an exponent, not with zeros. Returns the length. */
static int dc__write_element(const dc__printer *p, dc_real x, char *out) {
    if (!isfinite(x)) return sprintf(out, "%s", DC__NUMBER((double)x, 9));
    int least = p->exponent ? p->decimals : 0;
    int decimals = dc__shortest(p->exponent ? 'e' : 'f', x, least, 8, out);
    dc__set_point(out);
    char *end = out + strcspn(out, "e");
    int exponent = *end ? (int)strtol(end + 1, NULL, 10) : 0;
    while (decimals-- > least && end[-1] == '0') end--;
    *end = 0;
    if (p->exponent) end += snprintf(end, 16, "e%+0*d", p->exponent - 1, exponent);
    return (int)(end - out);
}

static void dc__find_range(dc__printer *p, dc_real x) {
    double size = fabs((double)x);
    if (!isfinite(x) || size <= 0) return;
    p->smallest = fmin(p->smallest, size);
    p->largest  = fmax(p->largest, size);
}

static void dc__find_widths(dc__printer *p, dc_real x) {
    char text[DC__WIDEST];
    int length = dc__write_element(p, x, text), point = (int)strcspn(text, ".");
    int end = (int)strcspn(text, "e");
    dc__widen(point < length ? &p->left : &p->special, point);
    dc__widen(&p->decimals, end - point - 1);
    dc__widen(&p->exponent, length - end);
}

static void dc__print_element(dc__printer *p, dc_real x) {
    char text[DC__WIDEST];
    int length = dc__write_element(p, x, text), point = (int)strcspn(text, ".");
    int left = point < length ? p->left : dc__width(p);  /* nan has no point, and stands right. */
    dc__text_add(&p->text, "%*.*s%-*s", left, point, text, dc__width(p) - left, text + point);
}

/* What stands between two neighbours on an axis: a space, where the next one, so wide, still fits
 * on the line; else the end of the line, which cannot be a space, and a new one. */
static void dc__print_gap(dc__printer *p, int axis, int width) {
    dc__text *t = &p->text;
    int rank = p->x->shape.rank, lines = rank - 1 - axis;
    if (!lines && t->used - p->line + 1 + (size_t)width <= (size_t)(DC__LINE - rank)) {
        dc__text_add(t, " ");
        return;
    }
    while (t->used && t->data[t->used - 1] == ' ') t->used--;
    for (int i = 0; i < lines || i < 1; i++) dc__text_add(t, "\n");
    p->line = t->used;
    dc__text_add(t, "%*s", axis + 1, "");
}

/* Visits the elements from x->data[at], x having been indexed up to this axis, and prints what
 * stands around them. */
static void dc__print_axis(dc__printer *p, int axis, int64_t at,
                           void (*visit)(dc__printer *, dc_real)) {
    if (axis == p->x->shape.rank) {
        visit(p, p->x->data[at]);
        return;
    }
    int64_t n = p->x->shape.dim[axis];
    bool summary = p->x->size > DC__SUMMARY_ABOVE && n > 2 * DC__EDGE;
    dc__text_add(&p->text, "[");
    for (int64_t i = 0; i < n; i++) {
        bool left_out = summary && i == DC__EDGE;
        if (i) dc__print_gap(p, axis, left_out ? 3 : dc__width(p));
        if (left_out) dc__text_add(&p->text, "..."), i = n - DC__EDGE - 1;
        else dc__print_axis(p, axis + 1, at * n + i, visit);
    }
    dc__text_add(&p->text, "]");
}

/* The text of x; the caller frees it. The first two walks only measure: what they print is
 * forgotten. */
static dc__text dc__tensor_text(const char *function, const dc_tensor *x) {
    dc__check(function, 1, x);
    dc__printer p = { .x = x, .text.ctx = x->ctx, .smallest = (double)INFINITY };
    char number[DC__WIDEST];
    if (x->size == 0) dc__text_add(&p.text, "[]");
    else if (x->shape.rank == 0) {
        if (isfinite(*x->data)) dc__write_scalar(*x->data, number);
        else dc__write_element(&p, *x->data, number);
        dc__text_add(&p.text, "%s", number);
    } else {
        dc__print_axis(&p, 0, 0, dc__find_range);
        if (p.largest >= 1e8 || p.smallest < (double)(dc_real)1e-4 ||
            (p.largest > 0 && (dc_real)p.largest / (dc_real)p.smallest > 1000)) p.exponent = 4;
        dc__print_axis(&p, 0, 0, dc__find_widths);
        dc__widen(&p.left, p.left + p.special - dc__width(&p));
        p.text.used = p.line = 0;
        dc__print_axis(&p, 0, 0, dc__print_element);
    }
    if (p.text.failed) dc_fail(x->ctx, "%s: %s", function, dc_error(x->ctx));
    return p.text;
}

DC_API size_t dc_format(const dc_tensor *x, char *out, size_t size) {
    dc__text t = dc__tensor_text("dc_format", x);
    size_t length = t.used;
    snprintf(out, size, "%s", t.data);
    dc__text_free(&t);
    return length;
}

DC_API void dc_print(const dc_tensor *x) {
    dc__text t = dc__tensor_text("dc_print", x);
    puts(t.data);
    dc__text_free(&t);
}

/* @impl-autograd ------------------------------------------------------------------------------- */
/* A tensor can only be made from tensors that already exist, so the order of creation is a
 * topological order of the computation, and walking it backwards visits every consumer before
 * its operands: no sort, no recursion, no visited set. Each op's backward multiplies the
 * gradient that has arrived at its result by its local derivative and adds the product to the
 * gradients of its operands: that is the chain rule. */

static dc_context *dc__context_of(const char *function, dc_tensors in) {
    dc_context *ctx = NULL;
    for (int i = 0; i < in.count; i++) {
        dc__check(function, i + 1, in.tensor[i]);
        if (ctx && in.tensor[i]->ctx != ctx)
            dc_fail(ctx, "%s%s: operand %d belongs to another context; both must come from the "
                    "same dc_new", dc__prefix(function), function, i + 1);
        ctx = in.tensor[i]->ctx;
    }
    if (!ctx) dc_fail(NULL, "%s%s: needs at least one operand", dc__prefix(function), function);
    return ctx;
}

DC_API dc_tensor *dc_apply(const dc_op *op, dc_tensors in, const void *state, size_t state_size) {
    dc_context *ctx = dc__context_of(op->name, in);
    dc_tensor *y = dc__new_tensor(ctx);
    y->op = op, y->inputs = in.count, y->in = y->in_place;
    if (in.count > (int)(sizeof y->in_place / sizeof *y->in_place))
        y->in = dc__temporary(ctx, (size_t)in.count * sizeof *y->in);
    bool on_path = false;
    for (int i = 0; i < in.count; i++) {
        y->in[i] = in.tensor[i];
        y->seen_versions += in.tensor[i]->base->version;
        on_path |= in.tensor[i]->needs_grad;
    }
    if (state_size) y->state = memcpy(dc__temporary(ctx, state_size), state, state_size);
    dc__set_shape(y, op->shape(y));
    if (op->is_view) y->base = y->in[0]->base;
    else y->data = dc__temporary(ctx, (size_t)y->size * sizeof(dc_real));
    op->forward(y);
    y->needs_grad = on_path && op->backward && !ctx->no_grad;
    /* Off the tape: nothing leads back from here. */
    if (!y->needs_grad) y->inputs = 0, y->in = NULL;
    return y;
}

static dc_tensor *dc__apply1(const dc_op *op, dc_tensor *x, const void *state, size_t state_size) {
    return dc_apply(op, (dc_tensors){ 1, &x }, state, state_size);
}

static dc_tensor *dc__apply2(const dc_op *op, dc_tensor *x, dc_tensor *y, const void *state,
                             size_t state_size) {
    return dc_apply(op, (dc_tensors){ 2, (dc_tensor *[]){ x, y } }, state, state_size);
}

/* Room for d loss / dx, or NULL. A gradient that this pass reaches for the first time is fresh:
 * nothing has been written there. That of a leaf, a parameter for instance, goes on from pass to
 * pass until dc_zero_grad or dc_step. */
static dc_real *dc__grad_room(dc_tensor *x, bool *is_fresh) {
    dc_context *ctx = x->ctx;
    bool is_leaf = x->inputs == 0;
    if (!x->needs_grad) return NULL;
    *is_fresh = is_leaf ? x->pass == 0 : x->pass != ctx->pass;
    if (!x->grad) x->grad = dc__memory_with(x, (size_t)x->size * sizeof(dc_real));
    ctx->pending += *is_fresh && !is_leaf;
    x->pass = ctx->pass;
    return x->grad;
}

DC_API dc_real *dc_grad_data(dc_tensor *x) {
    bool is_fresh;
    dc_real *grad = dc__grad_room(x, &is_fresh);
    if (grad && is_fresh) x->ctx->kernels->fill(x->size, 0, grad);
    return grad;
}

static void dc__check_versions(const dc_tensor *y) {
    uint32_t versions = 0;
    for (int i = 0; i < y->inputs; i++) versions += y->in[i]->base->version;
    if (versions != y->seen_versions)
        dc_fail(y->ctx, "dc_backward: an operand of dc_%s (%s:%d) was overwritten, by dc_write or "
                "dc_step, after it was used; its old value is needed for the gradient",
                y->op->name, y->file ? y->file : "?", y->line);
}

DC_API void dc_backward(dc_tensor *loss) {
    dc__check("dc_backward", 1, loss);
    dc_context *ctx = loss->ctx;
    if (loss->size != 1)
        dc_fail(ctx, "dc_backward: the loss must be one number, not %s; take its dc_mean or dc_sum",
                DC__SHAPE_TEXT(loss->shape));
    if (!loss->needs_grad)
        dc_fail(ctx, "dc_backward: the loss depends on no parameter, or was computed under "
                "dc_set_grad(ctx, false) or through dc_detach");
    if (++ctx->pass == 0) ctx->pass = 1;
    ctx->pending = 0;
    dc_grad_data(loss)[0] += 1;
    for (dc_tensor *t = loss; t && ctx->pending; t = t->made_before) {
        if (!t->inputs || t->pass != ctx->pass) continue;
        dc__check_versions(t);
        bool is_wanted = false;                          /* Not if all was frozen meanwhile. */
        for (int i = 0; i < t->inputs; i++) is_wanted |= t->in[i]->needs_grad;
        if (is_wanted) t->op->backward(t);
        ctx->pending--;
    }
}

DC_API dc_tensor *dc_grad(dc_tensor *x) {
    dc__check("dc_grad", 1, x);
    if (!x->grad || x->pass == 0) return NULL;
    dc_tensor *g = dc__new_tensor(x->ctx);
    g->shape = x->shape, g->size = x->size, g->data = x->grad;
    return g;
}

DC_API void dc_zero_grad(dc_tensor *x) {
    dc__check("dc_zero_grad", 1, x);
    x->pass = 0;
}

DC_API dc_tensor *dc_require_grad(dc_tensor *x) {
    dc__check("dc_require_grad", 1, x);
    if (x->inputs)
        dc_fail(x->ctx, "dc_require_grad: this tensor is computed from others (dc_%s) and gets its "
                "gradient from dc_backward; only an input can be made a leaf", x->op->name);
    if (!x->grad) x->grad = dc__memory_with(x, (size_t)x->size * sizeof(dc_real));
    x->needs_grad = true;
    return x;
}

/* A tensor of its own over the same elements. */
DC_API dc_tensor *dc_detach(dc_tensor *x) {
    dc__check("dc_detach", 1, x);
    dc_tensor *y = dc__new_tensor(x->ctx);
    y->shape = x->shape, y->size = x->size, y->data = x->data, y->base = x->base;
    return y;
}

/* @impl-ops ------------------------------------------------------------------------------------ */
/* One entry an operation: a line of mathematics, its shape rule, forward, backward, its record,
 * the call. What can be said with ops that are already there is composed of them. */

/* The record of an op; and of one whose functions are named after it. */
#define DC__RECORD(NAME, FORMULA, SHAPE, FORWARD, BACKWARD)                                        \
    static const dc_op dc__##NAME##_op = { #NAME, FORMULA, SHAPE, FORWARD, BACKWARD, false }
#define DC__OP(NAME, FORMULA, SHAPE) \
    DC__RECORD(NAME, FORMULA, SHAPE, dc__##NAME##_forward, dc__##NAME##_backward)

static dc_shape dc__same_shape_as_x(const dc_tensor *y) { return y->in[0]->shape; }
static dc_shape dc__shape_in_state(const dc_tensor *y) { return *(const dc_shape *)y->state; }

/* --- element by element: the tables of @ops --- */
typedef struct dc__ab { dc_real a, b; } dc__ab;

enum { DC__EACH = 1 << 14 };             /* Elements that are not worth a second thread. */

typedef struct dc__unary_work {
    const dc__unary_kernel *kernel;
    const dc_tensor        *y;
    dc_real                *dx;          /* NULL: forward. */
    dc__ab                  s;
} dc__unary_work;

static void dc__unary_part(void *work, int64_t start, int64_t stop) {
    const dc__unary_work *u = work;
    const dc_tensor *y = u->y;
    const dc_real *x = y->in[0]->data + start;
    if (!u->dx) u->kernel->forward(stop - start, x, y->data + start, u->s.a, u->s.b);
    else u->kernel->backward(stop - start, x, y->data + start, y->grad + start, u->dx + start,
                             u->s.a, u->s.b);
}

static void dc__unary(dc_tensor *y, const dc__unary_kernel *kernel, dc_real *dx) {
    dc__unary_work u = { kernel, y, dx, { 0, 0 } };
    if (y->state) u.s = *(const dc__ab *)y->state;
    dc__parallel(y->size, DC__LANES, DC__EACH, dc__unary_part, &u);
}

#define DC__DEFINE(NAME, FORMULA)                                                                  \
    static void dc__##NAME##_forward(dc_tensor *y) {                                               \
        dc__unary(y, &y->ctx->kernels->NAME, NULL);                                                \
    }                                                                                              \
    static void dc__##NAME##_backward(dc_tensor *y) {                                              \
        dc__unary(y, &y->ctx->kernels->NAME, dc_grad_data(y->in[0]));                              \
    }                                                                                              \
    DC__OP(NAME, "dx = dy (" FORMULA ")", dc__same_shape_as_x);
#define DC__DEFINE_PLAIN(NAME, F, DF, LO, HI)                                                      \
    DC__DEFINE(NAME, #DF)                                                                          \
    DC_API dc_tensor *dc_##NAME(dc_tensor *x) { return dc__apply1(&dc__##NAME##_op, x, NULL, 0); }
#define DC__DEFINE_WITH(NAME, ARGUMENTS, F, DF, LO, HI) DC__DEFINE(NAME, #DF)
DC_UNARY_OPS(DC__DEFINE_PLAIN)
DC_UNARY_OPS_WITH(DC__DEFINE_WITH)
#undef DC__DEFINE
#undef DC__DEFINE_PLAIN
#undef DC__DEFINE_WITH
static dc_tensor *dc__apply_ab(const dc_op *op, dc_tensor *x, dc_real a, dc_real b) {
    return dc__apply1(op, x, &(dc__ab){ a, b }, sizeof(dc__ab));
}

DC_API dc_tensor *dc_leaky_relu(dc_tensor *x, dc_real slope) {
    return dc__apply_ab(&dc__leaky_relu_op, x, slope, 0);
}

DC_API dc_tensor *dc_elu(dc_tensor *x, dc_real a) { return dc__apply_ab(&dc__elu_op, x, a, 0); }
DC_API dc_tensor *dc_scale(dc_tensor *x, dc_real a) { return dc__apply_ab(&dc__scale_op, x, a, 0); }
DC_API dc_tensor *dc_shift(dc_tensor *x, dc_real a) { return dc__apply_ab(&dc__shift_op, x, a, 0); }

DC_API dc_tensor *dc_pow_scalar(dc_tensor *x, dc_real exponent) {
    return dc__apply_ab(&dc__pow_scalar_op, x, exponent, 0);
}

DC_API dc_tensor *dc_clip(dc_tensor *x, dc_real low, dc_real high) {
    dc__check("dc_clip", 1, x);
    if (!(low <= high))
        dc_fail(x->ctx, "dc_clip: the lower bound %g is above the upper bound %g", (double)low,
                (double)high);
    return dc__apply_ab(&dc__clip_op, x, low, high);
}

/* --- two tensors, broadcast --- */
/* Broadcasting reads a smaller tensor as if it were repeated: a repeated axis gets the stride 0. */

static dc_shape dc__common_shape(dc_context *ctx, const char *op, dc_shape x, dc_shape y) {
    dc_shape s = { .rank = x.rank > y.rank ? x.rank : y.rank };
    for (int i = 1; i <= s.rank; i++) {
        int64_t a = i <= x.rank ? x.dim[x.rank - i] : 1, b = i <= y.rank ? y.dim[y.rank - i] : 1;
        if (a != b && a != 1 && b != 1)
            dc_fail(ctx, "dc_%s: cannot broadcast %s with %s; aligned at the last axis, sizes must "
                    "be equal or 1 (%lld and %lld are not)", op, DC__SHAPE_TEXT(x),
                    DC__SHAPE_TEXT(y), (long long)a, (long long)b);
        s.dim[s.rank - i] = a == 1 ? b : a;
    }
    return s;
}

static dc_shape dc__broadcast_shape(const dc_tensor *z) {
    return dc__common_shape(z->ctx, z->op->name, z->in[0]->shape, z->in[1]->shape);
}

/* Strides that read a tensor of shape x as if it had shape z. */
static void dc__strides(dc_shape z, dc_shape x, int64_t *stride) {
    int64_t step = 1;
    for (int i = 1; i <= z.rank; i++) {
        int64_t size = i <= x.rank ? x.dim[x.rank - i] : 1;
        stride[z.rank - i] = size == 1 ? 0 : step;
        step *= size;
    }
}

/* Adjacent axes that both arrays cross with one step are one longer axis; axes of 1 are none, but
 * where there is no other. */
static dc__walk dc__merge(const dc__walk *w) {
    dc__walk m = { 0 };
    for (int i = 0; i < w->rank; i++) {
        if (w->dim[i] == 1) continue;
        int p = m.rank - 1;
        if (p >= 0 && m.x_stride[p] == w->dim[i] * w->x_stride[i]
                   && m.y_stride[p] == w->dim[i] * w->y_stride[i]) {
            m.dim[p] *= w->dim[i];
        } else {
            p = m.rank++;
            m.dim[p] = w->dim[i];
        }
        m.x_stride[p] = w->x_stride[i], m.y_stride[p] = w->y_stride[i];
    }
    if (!m.rank) m.rank = 1, m.dim[0] = m.x_stride[0] = m.y_stride[0] = 1;
    return m;
}

static dc__walk dc__broadcast(const dc_tensor *z) {
    dc__walk w = { .rank = z->shape.rank };
    memcpy(w.dim, z->shape.dim, sizeof w.dim);
    dc__strides(z->shape, z->in[0]->shape, w.x_stride);
    dc__strides(z->shape, z->in[1]->shape, w.y_stride);
    return dc__merge(&w);
}

/* A piece of at most 256 elements of an operand: in place, or repeated into `room`. */
static const dc_real *dc__piece(const dc_real *x, int64_t stride, int64_t start, int64_t n,
                                dc_real *room) {
    if (stride) return x + start;
    for (int64_t i = 0; i < n; i++) room[i] = x[0];
    return room;
}

typedef struct dc__binary_work {
    const dc__binary_kernel *kernel;
    const dc_tensor         *z;
    dc_real                 *grad[2];    /* Of the operands; both NULL: forward. */
    bool                     is_fresh[2];
    int64_t                  stride[2];  /* Of the operands in a row: 1, or 0: one element. */
    bool                     in_pieces;  /* Something is repeated or added to. */
    dc_real                  a;
} dc__binary_work;

/* n elements of a row, at z[at] and at the operands' from[0] and from[1]. One element collects the
 * gradients of its copies, as a sum over each 256. */
static void dc__binary_row(const dc__binary_work *b, int64_t at, const int64_t *from, int64_t n) {
    const dc_tensor *z = b->z;
    const bool forward = !b->grad[0] && !b->grad[1];
    const dc_real *x_row = z->in[0]->data + from[0], *y_row = z->in[1]->data + from[1];
    dc_real room[2][DC__CHUNK], slopes[DC__CHUNK], sum;
    for (int64_t start = 0, length; start < n; start += length, at += length) {
        length = b->in_pieces && n - start > DC__CHUNK ? DC__CHUNK : n - start;
        const dc_real *x = dc__piece(x_row, b->stride[0], start, length, room[0]);
        const dc_real *y = dc__piece(y_row, b->stride[1], start, length, room[1]);
        if (forward) b->kernel->forward(length, x, y, z->data + at, b->a);
        for (int side = 0; side < 2; side++) {
            if (!b->grad[side]) continue;
            dc_real *to = b->grad[side] + from[side], *g = b->is_fresh[side] ? to + start : slopes;
            b->kernel->slope[side](length, x, y, z->data + at, z->grad + at, g, b->a);
            if (g != slopes) continue;
            if (b->stride[side]) z->ctx->kernels->accumulate(length, g, to + start);
            else z->ctx->kernels->sum.forward(&(dc__middle){ 1, length, 1, 1 }, g, &sum),
                 to[0] += sum;
        }
    }
}

/* Two operands of one shape are one row. */
static void dc__binary_part(void *work, int64_t start, int64_t stop) {
    dc__binary_row(work, start, (int64_t[]){ start, start }, stop - start);
}

static void dc__binary_rows(dc__binary_work *b) {
    const dc__walk w = dc__broadcast(b->z);
    const int64_t n = w.dim[w.rank - 1];
    int64_t at = 0, from[2] = { 0 }, index[DC_MAX_RANK] = { 0 };
    b->stride[0] = w.x_stride[w.rank - 1], b->stride[1] = w.y_stride[w.rank - 1];
    b->in_pieces |= !b->stride[0] || !b->stride[1];
    if (!b->z->size) return;
    do dc__binary_row(b, at, from, n), at += n;
    while (dc__next_row(&w, index, &from[0], &from[1]));
}

static void dc__binary(dc_tensor *z, const dc__binary_kernel *kernel, bool backward) {
    const bool same = dc__same_shape(z->in[0]->shape, z->in[1]->shape);
    const dc__ab *s = z->state;
    dc__binary_work b = { kernel, z, .stride = { 1, 1 }, .a = s ? s->a : 0 };
    for (int i = 0; i < 2 && backward; i++) {
        b.grad[i] = same ? dc__grad_room(z->in[i], &b.is_fresh[i]) : dc_grad_data(z->in[i]);
        b.in_pieces |= b.grad[i] && !b.is_fresh[i];
    }
    if (same) dc__parallel(z->size, DC__LANES, DC__EACH, dc__binary_part, &b);
    else dc__binary_rows(&b);
}

#define DC__DEFINE(NAME, F, DFX, DFY)                                                              \
    static void dc__##NAME##_forward(dc_tensor *z) {                                               \
        dc__binary(z, &z->ctx->kernels->NAME, false);                                              \
    }                                                                                              \
    static void dc__##NAME##_backward(dc_tensor *z) {                                              \
        dc__binary(z, &z->ctx->kernels->NAME, true);                                               \
    }                                                                                              \
    DC__OP(NAME, "dx = dz (" #DFX "), dy = dz (" #DFY ")", dc__broadcast_shape);
#define DC__DEFINE_CALL(NAME, F, DFX, DFY)                                                         \
    DC__DEFINE(NAME, F, DFX, DFY)                                                                  \
    DC_API dc_tensor *dc_##NAME(dc_tensor *x, dc_tensor *y) {                                      \
        return dc__apply2(&dc__##NAME##_op, x, y, NULL, 0);                                        \
    }
DC_BINARY_OPS(DC__DEFINE_CALL)
DC__LOSS_OPS(DC__DEFINE)
#undef DC__DEFINE
#undef DC__DEFINE_CALL
/* --- moving elements: every op here is one walk with the right strides --- */
/* y = x moved; the walk belongs to the op's state. Backward moves dy the other way round. */
typedef struct dc__move {
    dc_shape shape;                  /* Of the result. */
    dc__walk walk;
    int64_t  x_start;                /* Where in x the walk starts. */
} dc__move;

static void dc__move_back(const dc_tensor *y, const dc__walk *w, const dc_real *dy, dc_real *dx) {
    dc__walk back = *w;
    memcpy(back.x_stride, w->y_stride, sizeof back.x_stride);
    memcpy(back.y_stride, w->x_stride, sizeof back.y_stride);
    y->ctx->kernels->move(&back, dy, dx, true);
}

static void dc__move_forward(dc_tensor *y) {
    const dc__move *m = y->state;
    y->ctx->kernels->move(&m->walk, y->in[0]->data + m->x_start, y->data, false);
}

static void dc__move_backward(dc_tensor *y) {
    const dc__move *m = y->state;
    dc__move_back(y, &m->walk, y->grad, dc_grad_data(y->in[0]) + m->x_start);
}

#define DC__MOVE_OP(NAME, FORMULA) \
    DC__RECORD(NAME, FORMULA, dc__shape_in_state, dc__move_forward, dc__move_backward)
DC__MOVE_OP(permute, "dx = dy, permuted back");
DC__MOVE_OP(expand, "dx = sum of dy over the copies");
DC__MOVE_OP(slice, "dx = dy inside the slice, 0 outside");

/* y's axis i is read from x with stride x_stride[i]. */
static dc_tensor *dc__apply_move(const dc_op *op, dc_tensor *x, dc_shape shape,
                                 const int64_t *x_stride, int64_t x_start) {
    dc__walk w = { .rank = shape.rank };
    int64_t step = 1;
    for (int i = shape.rank - 1; i >= 0; i--) {
        w.dim[i] = shape.dim[i], w.x_stride[i] = x_stride[i], w.y_stride[i] = step;
        step *= shape.dim[i];
    }
    dc__move m = { .shape = shape, .walk = dc__merge(&w), .x_start = x_start };
    return dc__apply1(op, x, &m, sizeof m);
}

/* An axis counted from the front; `extra` is 1 where a new axis may also stand behind the last. */
static int dc__axis_of(const char *function, const dc_tensor *x, int axis, int extra) {
    dc__check(function, 1, x);
    int rank = x->shape.rank + extra;
    if (axis < -rank || axis >= rank)
        dc_fail(x->ctx, "%s: axis %d of a tensor of shape %s; axes go from %d to %d", function,
                axis, DC__SHAPE_TEXT(x->shape), -rank, rank - 1);
    return axis < 0 ? axis + rank : axis;
}

DC_API dc_tensor *dc_copy(dc_tensor *x) {
    dc__check("dc_copy", 1, x);
    int64_t stride[DC_MAX_RANK];
    dc__strides(x->shape, x->shape, stride);
    return dc__apply_move(&dc__expand_op, x, x->shape, stride, 0);
}

DC_API dc_tensor *dc_permute(dc_tensor *x, dc_axes order) {
    dc__check("dc_permute", 1, x);
    int64_t stride[DC_MAX_RANK], moved[DC_MAX_RANK];
    dc_shape shape = x->shape;
    unsigned used = 0;
    if (order.count != x->shape.rank)
        dc_fail(x->ctx, "dc_permute: %d axes named for a tensor of shape %s; name each axis once",
                order.count, DC__SHAPE_TEXT(x->shape));
    dc__strides(x->shape, x->shape, stride);
    for (int i = 0; i < order.count; i++) {
        int from = dc__axis_of("dc_permute", x, order.axis[i], 0);
        if (used & 1u << from) dc_fail(x->ctx, "dc_permute: axis %d is named twice", from);
        used |= 1u << from;
        shape.dim[i] = x->shape.dim[from], moved[i] = stride[from];
    }
    return dc__apply_move(&dc__permute_op, x, shape, moved, 0);
}

DC_API dc_tensor *dc_transpose(dc_tensor *x) {
    dc__check("dc_transpose", 1, x);
    int n = x->shape.rank;
    dc_axes order = { .count = n };
    if (n < 2)
        dc_fail(x->ctx, "dc_transpose: needs two axes, and %s has %d", DC__SHAPE_TEXT(x->shape), n);
    for (int i = 0; i < n; i++) order.axis[i] = i < n - 2 ? i : 2 * n - 3 - i;
    return dc_permute(x, order);
}

DC_API dc_tensor *dc_expand(dc_tensor *x, dc_shape shape) {
    dc__check("dc_expand", 1, x);
    int64_t stride[DC_MAX_RANK];
    bool fits = shape.rank >= x->shape.rank;
    dc__count(x->ctx, shape);
    for (int i = 1; fits && i <= x->shape.rank; i++) {
        int64_t from = x->shape.dim[x->shape.rank - i], to = shape.dim[shape.rank - i];
        fits = from == to || from == 1;
    }
    if (!fits)
        dc_fail(x->ctx, "dc_expand: %s cannot become %s; aligned at the last axis, only sizes of 1 "
                "can grow", DC__SHAPE_TEXT(x->shape), DC__SHAPE_TEXT(shape));
    dc__strides(shape, x->shape, stride);
    return dc__apply_move(&dc__expand_op, x, shape, stride, 0);
}

DC_API dc_tensor *dc_slice(dc_tensor *x, int axis, int64_t start, int64_t stop) {
    axis = dc__axis_of("dc_slice", x, axis, 0);
    int64_t size = x->shape.dim[axis], stride[DC_MAX_RANK], asked[2] = { start, stop };
    if (start < 0) start += size;
    if (stop == DC_END) stop = size;
    else if (stop < 0) stop += size;
    if (start < 0 || start > stop || stop > size)
        dc_fail(x->ctx, "dc_slice: [%lld, %lld) of axis %d, which has size %lld (shape %s)",
                (long long)asked[0], (long long)asked[1], axis, (long long)size,
                DC__SHAPE_TEXT(x->shape));
    dc_shape shape = x->shape;
    shape.dim[axis] = stop - start;
    dc__count(x->ctx, shape);
    dc__strides(x->shape, x->shape, stride);
    return dc__apply_move(&dc__slice_op, x, shape, stride, start * stride[axis]);
}

DC_API void dc_split(dc_tensor *x, int axis, int parts, dc_tensor **out) {
    axis = dc__axis_of("dc_split", x, axis, 0);
    int64_t size = x->shape.dim[axis];
    if (parts < 1 || size % parts)
        dc_fail(x->ctx, "dc_split: axis %d of %s cannot be cut into %d equal parts", axis,
                DC__SHAPE_TEXT(x->shape), parts);
    size /= parts;
    for (int i = 0; i < parts; i++) out[i] = dc_slice(x, axis, size * i, size * (i + 1));
}

/* --- concat, pad: parts moved into a larger tensor, along one axis --- */
typedef struct dc__join { dc_shape shape; int axis; } dc__join;

/* A tensor seen as [outer, n, inner], n being one axis. */
static dc__middle dc__middle_of(dc_shape s, int axis) {
    dc__middle m = { 1, s.dim[axis], 1, 1 };
    for (int i = 0; i < axis; i++) m.outer *= s.dim[i];
    for (int i = axis + 1; i < s.rank; i++) m.inner *= s.dim[i];
    return m;
}

/* Moves each operand to its place in y, or its place in dy back to its gradient. */
static void dc__join_all(dc_tensor *y, bool backward) {
    const dc__join *s = y->state;
    int64_t start = 0;
    for (int i = 0; i < y->inputs; i++) {
        dc_tensor *part = y->in[i];
        const dc__middle m = dc__middle_of(part->shape, s->axis);
        const int64_t row = m.n * m.inner, y_row = y->shape.dim[s->axis] * m.inner;
        const dc__walk w = { 2, { m.outer, row }, { row, 1 }, { y_row, 1 } };
        if (!backward) y->ctx->kernels->move(&w, part->data, y->data + start, false);
        else if (part->needs_grad) dc__move_back(y, &w, y->grad + start, dc_grad_data(part));
        start += row;
    }
}

static void dc__concat_forward(dc_tensor *y) { dc__join_all(y, false); }
static void dc__concat_backward(dc_tensor *y) { dc__join_all(y, true); }

DC__OP(concat, "dx_i = its part of dy", dc__shape_in_state);

DC_API dc_tensor *dc_concat(dc_tensors parts, int axis) {
    dc_context *ctx = dc__context_of("dc_concat", parts);
    dc_shape first = parts.tensor[0]->shape;
    axis = dc__axis_of("dc_concat", parts.tensor[0], axis, 0);
    dc__join s = { .shape = first, .axis = axis };
    for (int p = 1; p < parts.count; p++) {
        dc_shape other = parts.tensor[p]->shape, aligned = other;
        if (other.rank == first.rank) aligned.dim[axis] = first.dim[axis];
        if (!dc__same_shape(first, aligned))
            dc_fail(ctx, "dc_concat: operand %d has shape %s and operand 1 %s; all sizes but that "
                    "of axis %d must agree", p + 1, DC__SHAPE_TEXT(other), DC__SHAPE_TEXT(first),
                    axis);
        s.shape.dim[axis] += other.dim[axis];
    }
    return dc_apply(&dc__concat_op, parts, &s, sizeof s);
}

DC_API dc_tensor *dc_pad(dc_tensor *x, int axis, int64_t before, int64_t after, dc_real value) {
    axis = dc__axis_of("dc_pad", x, axis, 0);
    if (before < 0 || after < 0 || before > INT32_MAX || after > INT32_MAX)
        dc_fail(x->ctx, "dc_pad: %lld before and %lld after axis %d; both must be 0 or more",
                (long long)before, (long long)after, axis);
    dc_shape first = x->shape, last = x->shape;
    first.dim[axis] = before, last.dim[axis] = after;
    dc_tensor *head = dc_full(x->ctx, first, value), *tail = dc_full(x->ctx, last, value);
    return dc_concat(DC_TENSORS(head, x, tail), axis);
}

/* --- views: another shape for the same elements; dx = dy --- */
typedef struct dc__view { dc_shape shape; int64_t start; } dc__view;

static void dc__view_forward(dc_tensor *y) {
    y->data = y->in[0]->data + ((const dc__view *)y->state)->start;
}

static void dc__view_backward(dc_tensor *y) {
    dc_real *dx = dc_grad_data(y->in[0]) + ((const dc__view *)y->state)->start;
    y->ctx->kernels->accumulate(y->size, y->grad, dx);
}

static const dc_op dc__reshape_op = {
    "reshape", "dx = dy", dc__shape_in_state, dc__view_forward, dc__view_backward, true
};
static const dc_op dc__first_op = {
    "first", "dx = dy in the slice, 0 elsewhere", dc__shape_in_state, dc__view_forward,
    dc__view_backward, true
};

static dc_tensor *dc__view_as(const dc_op *op, dc_tensor *x, dc_shape shape, int64_t start) {
    dc__view s = { shape, start };
    return dc__apply1(op, x, &s, sizeof s);
}

DC_API dc_tensor *dc_reshape(dc_tensor *x, dc_shape shape) {
    dc__check("dc_reshape", 1, x);
    dc_shape asked = shape;
    int64_t known = 1;
    int open = -1;
    for (int i = 0; i < shape.rank && i < DC_MAX_RANK; i++) {
        if (shape.dim[i] >= 0) continue;
        if (shape.dim[i] != -1 || open >= 0)
            dc_fail(x->ctx, "dc_reshape: %s: one size may be -1, for what is left; the others are "
                    "0 or more", DC__SHAPE_TEXT(asked));
        open = i, shape.dim[i] = 1;
    }
    known = dc__count(x->ctx, shape);
    if (open >= 0 && known) shape.dim[open] = x->size / known;
    if ((open >= 0 && !known) || dc__count(x->ctx, shape) != x->size)
        dc_fail(x->ctx, "dc_reshape: %s has %lld elements and cannot become %s",
                DC__SHAPE_TEXT(x->shape), (long long)x->size, DC__SHAPE_TEXT(asked));
    return dc__view_as(&dc__reshape_op, x, shape, 0);
}

DC_API dc_tensor *dc_flatten_op(dc_tensor *x) {
    dc__check("dc_flatten_op", 1, x);
    if (!x->shape.rank) dc_fail(x->ctx, "dc_flatten_op: a scalar has no batch axis to keep");
    int64_t columns = 1;
    for (int i = 1; i < x->shape.rank; i++) columns *= x->shape.dim[i];
    return dc__view_as(&dc__reshape_op, x, DC_SHAPE(x->shape.dim[0], columns), 0);
}

DC_API dc_tensor *dc_squeeze(dc_tensor *x, int axis) {
    axis = dc__axis_of("dc_squeeze", x, axis, 0);
    if (x->shape.dim[axis] != 1)
        dc_fail(x->ctx, "dc_squeeze: axis %d of %s has size %lld; only an axis of size 1 can be "
                "removed", axis, DC__SHAPE_TEXT(x->shape), (long long)x->shape.dim[axis]);
    dc_shape shape = x->shape;
    for (int i = axis; i + 1 < shape.rank; i++) shape.dim[i] = shape.dim[i + 1];
    shape.rank--;
    return dc__view_as(&dc__reshape_op, x, shape, 0);
}

DC_API dc_tensor *dc_unsqueeze(dc_tensor *x, int axis) {
    axis = dc__axis_of("dc_unsqueeze", x, axis, 1);
    dc_shape shape = x->shape;
    if (shape.rank == DC_MAX_RANK)
        dc_fail(x->ctx, "dc_unsqueeze: %s has %d axes already, the most there can be",
                DC__SHAPE_TEXT(shape), DC_MAX_RANK);
    for (int i = shape.rank++; i > axis; i--) shape.dim[i] = shape.dim[i - 1];
    shape.dim[axis] = 1;
    return dc__view_as(&dc__reshape_op, x, shape, 0);
}

DC_API dc_tensor *dc_first(dc_tensor *x, int64_t index) {
    dc__check("dc_first", 1, x);
    if (!x->shape.rank || index < 0 || index >= x->shape.dim[0])
        dc_fail(x->ctx, "dc_first: there is no [%lld] in a tensor of shape %s", (long long)index,
                DC__SHAPE_TEXT(x->shape));
    dc_shape shape = { .rank = x->shape.rank - 1 };
    memcpy(shape.dim, x->shape.dim + 1, (size_t)shape.rank * sizeof *shape.dim);
    return dc__view_as(&dc__first_op, x, shape, index * (x->size / x->shape.dim[0]));
}

DC_API dc_tensor *dc_stack(dc_tensors parts, int axis) {
    dc_context *ctx = dc__context_of("dc_stack", parts);
    dc_tensor **part = dc__temporary(ctx, (size_t)parts.count * sizeof *part);
    for (int i = 0; i < parts.count; i++) {
        if (!dc__same_shape(parts.tensor[i]->shape, parts.tensor[0]->shape))
            dc_fail(ctx, "dc_stack: operand %d has shape %s and operand 1 %s; all must be equal",
                    i + 1, DC__SHAPE_TEXT(parts.tensor[i]->shape),
                    DC__SHAPE_TEXT(parts.tensor[0]->shape));
        part[i] = dc_unsqueeze(parts.tensor[i], axis);
    }
    return dc_concat((dc_tensors){ parts.count, part }, axis);
}

/* --- choosing --- */
static void dc__where_forward(dc_tensor *y) {
    y->ctx->kernels->choose(y->size, y->in[0]->data, y->in[1]->data, y->in[2]->data, y->data);
}

/* da = dy where the condition holds, db = dy where it does not. */
static void dc__where_backward(dc_tensor *y) {
    const dc_real *c = y->in[0]->data;
    dc_real *da = dc_grad_data(y->in[1]), *db = dc_grad_data(y->in[2]);
    for (int64_t i = 0; i < y->size; i++) {
        dc_real *to = c[i] != 0 ? da : db;
        if (to) to[i] += y->grad[i];
    }
}

DC__OP(where, "da = dy where c, db = dy where not c", dc__same_shape_as_x);

DC_API dc_tensor *dc_where(dc_tensor *condition, dc_tensor *a, dc_tensor *b) {
    dc_context *ctx = dc__context_of("dc_where", DC_TENSORS(condition, a, b));
    dc_shape s = dc__common_shape(ctx, "where", a->shape, b->shape);
    s = dc__common_shape(ctx, "where", condition->shape, s);
    condition = dc_expand(dc_detach(condition), s);
    a = dc_expand(a, s);
    b = dc_expand(b, s);
    return dc_apply(&dc__where_op, DC_TENSORS(condition, a, b), NULL, 0);
}

/* --- reductions: x seen as [outer, n, inner], where n runs over the named axes --- */
typedef struct dc__reduction {
    dc_shape   shape;                /* Of the result. */
    dc__middle m;
} dc__reduction;

/* Finds the three sizes. Axes that do not stand side by side are first moved to the end. */
static dc_tensor *dc__prepare(const char *function, dc_tensor *x, dc_axes axes, bool keepdims,
                              dc__reduction *r) {
    dc__check(function, 1, x);
    bool reduced[DC_MAX_RANK] = { false };
    if (axes.count < 0 || axes.count > DC_MAX_RANK)
        dc_fail(x->ctx, "%s: %d axes named, at most %d exist", function, axes.count, DC_MAX_RANK);
    for (int i = 0; i < axes.count; i++) {
        int axis = dc__axis_of(function, x, axes.axis[i], 0);
        if (reduced[axis]) dc_fail(x->ctx, "%s: axis %d is named twice", function, axis);
        reduced[axis] = true;
    }
    *r = (dc__reduction){ .m = { 1, 1, 1, 1 } };
    dc_axes order = { .count = x->shape.rank };
    int placed = 0, groups = 0;
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t size = x->shape.dim[i];
        if (keepdims || !reduced[i]) r->shape.dim[r->shape.rank++] = reduced[i] ? 1 : size;
        if (!reduced[i]) order.axis[placed++] = i;
        groups += reduced[i] && (i == 0 || !reduced[i - 1]);
        *(reduced[i] ? &r->m.n : groups ? &r->m.inner : &r->m.outer) *= size;
    }
    if (groups < 2) return x;
    for (int i = 0; i < x->shape.rank; i++) if (reduced[i]) order.axis[placed++] = i;
    r->m.outer *= r->m.inner, r->m.inner = 1;
    return dc_permute(x, order);
}

#define DC__DEFINE(NAME, FORMULA)                                                                  \
    static void dc__##NAME##_forward(dc_tensor *y) {                                               \
        const dc__reduction *r = y->state;                                                         \
        y->ctx->kernels->NAME.forward(&r->m, y->in[0]->data, y->data);                             \
    }                                                                                              \
    static void dc__##NAME##_backward(dc_tensor *y) {                                              \
        const dc__reduction *r = y->state;                                                         \
        y->ctx->kernels->NAME.backward(&r->m, y->in[0]->data, y->data, y->grad,                    \
                                       dc_grad_data(y->in[0]));                                    \
    }                                                                                              \
    DC__OP(NAME, FORMULA, dc__shape_in_state);
DC__REDUCTION_OPS(DC__DEFINE)
#undef DC__DEFINE
DC__RECORD(mean, "dx_i = dy / n", dc__shape_in_state, dc__sum_forward, dc__sum_backward);

static void dc__argmax_forward(dc_tensor *y) {
    const dc__reduction *r = y->state;
    y->ctx->kernels->argmax(&r->m, y->in[0]->data, y->data);
}

DC__RECORD(argmax, "no gradient", dc__shape_in_state, dc__argmax_forward, NULL);

/* An empty sum is 0; else there must be something. */
static dc_tensor *dc__reduce_by(const dc_op *op, const char *function, dc_tensor *x, dc_axes axes,
                                bool keepdims) {
    dc__reduction r;
    x = dc__prepare(function, x, axes, keepdims, &r);
    if (!r.m.n && op != &dc__sum_op)
        dc_fail(x->ctx, "%s: of no elements at all (shape %s)", function, DC__SHAPE_TEXT(x->shape));
    if (op == &dc__mean_op) r.m.divisor = (dc_real)r.m.n;
    return dc__apply1(op, x, &r, sizeof r);
}

#define DC__DEFINE(NAME)                                                                           \
    DC_API dc_tensor *dc_##NAME##_over(dc_tensor *x, dc_axes axes, bool keepdims) {                \
        return dc__reduce_by(&dc__##NAME##_op, "dc_" #NAME, x, axes, keepdims);                    \
    }
DC__DEFINE(sum)
DC__DEFINE(mean)
DC__DEFINE(max)
#undef DC__DEFINE
DC_API dc_tensor *dc_min_over(dc_tensor *x, dc_axes axes, bool keepdims) {
    dc__check("dc_min", 1, x);
    return dc_neg(dc__reduce_by(&dc__max_op, "dc_min", dc_neg(x), axes, keepdims));
}

DC_API dc_tensor *dc_argmax(dc_tensor *x, int axis) {
    return dc__reduce_by(&dc__argmax_op, "dc_argmax", x, DC_AXES(axis), false);
}

DC_API dc_tensor *dc_argmin(dc_tensor *x, int axis) { return dc_argmax(dc_neg(x), axis); }

/* The square root of a sum of squares. Its slope 1 / 2y is infinite at 0, where 0 will do. */
static void dc__root_backward(dc_tensor *y) {
    dc_real *dx = dc_grad_data(y->in[0]);
    for (int64_t i = 0; i < y->size; i++)
        dx[i] += y->data[i] == 0 ? 0 : y->grad[i] * DC__C(0.5) / y->data[i];
}

DC__RECORD(root, "dx = dy / 2y, 0 at 0", dc__same_shape_as_x, dc__sqrt_forward, dc__root_backward);

DC_API dc_tensor *dc_norm_over(dc_tensor *x, dc_axes axes, bool keepdims) {
    dc__check("dc_norm", 1, x);
    x = dc__reduce_by(&dc__sum_op, "dc_norm", dc_square(x), axes, keepdims);
    return dc__apply1(&dc__root_op, x, NULL, 0);
}

/* var = sum (x - mean)^2 / (n - correction) */
DC_API dc_tensor *dc_var_over(dc_tensor *x, dc_axes axes, bool keepdims, int correction) {
    dc__reduction r;
    dc__prepare("dc_var", x, axes, keepdims, &r);
    if (r.m.n <= correction)
        dc_fail(x->ctx, "dc_var: of %lld elements with correction %d; more elements than that are "
                "needed", (long long)r.m.n, correction);
    dc_tensor *squares = dc_square(dc_sub(x, dc_mean_over(x, axes, true)));
    squares = dc__prepare("dc_var", squares, axes, keepdims, &r);
    r.m.divisor = (dc_real)(r.m.n - correction);
    return dc__apply1(&dc__mean_op, squares, &r, sizeof r);
}

DC_API dc_tensor *dc_std_over(dc_tensor *x, dc_axes axes, bool keepdims, int correction) {
    return dc__apply1(&dc__root_op, dc_var_over(x, axes, keepdims, correction), NULL, 0);
}

static dc_axes dc__all_axes(const dc_tensor *x) {
    dc_axes axes = { .count = x ? x->shape.rank : 0 };
    for (int i = 0; i < axes.count; i++) axes.axis[i] = i;
    return axes;
}

DC_API dc_tensor *dc_sum (dc_tensor *x) { return dc_sum_over (x, dc__all_axes(x), false); }
DC_API dc_tensor *dc_mean(dc_tensor *x) { return dc_mean_over(x, dc__all_axes(x), false); }
DC_API dc_tensor *dc_max (dc_tensor *x) { return dc_max_over (x, dc__all_axes(x), false); }
DC_API dc_tensor *dc_min (dc_tensor *x) { return dc_min_over (x, dc__all_axes(x), false); }
DC_API dc_tensor *dc_norm(dc_tensor *x) { return dc_norm_over(x, dc__all_axes(x), false); }
DC_API dc_tensor *dc_var(dc_tensor *x, int c) { return dc_var_over(x, dc__all_axes(x), false, c); }
DC_API dc_tensor *dc_std(dc_tensor *x, int c) { return dc_std_over(x, dc__all_axes(x), false, c); }

/* --- reading by index --- */
/* Indices are whole numbers held in dc_real: 0 .. n-1, or the program is stopped. */
static void dc__check_index(const char *function, const dc_tensor *index, int64_t n) {
    for (int64_t i = 0; i < index->size; i++) {
        dc_real v = index->data[i];
        if (!(v >= 0 && v < (dc_real)n) || v != (dc_real)(int64_t)v)
            dc_fail(index->ctx, "%s: element %lld of the index is %g; whole numbers from 0 to %lld "
                    "are wanted", function, (long long)i, (double)v, (long long)n - 1);
    }
}

/* y[i, ...] = table[rows[i], ...],  dtable[rows[i], ...] += dy[i, ...] */
static dc_shape dc__gather_shape(const dc_tensor *y) {
    dc_shape table = y->in[0]->shape, s = y->in[1]->shape;
    if (!table.rank || s.rank + table.rank - 1 > DC_MAX_RANK)
        dc_fail(y->ctx, "dc_gather: rows %s of a table %s", DC__SHAPE_TEXT(s),
                DC__SHAPE_TEXT(table));
    dc__check_index("dc_gather", y->in[1], table.dim[0]);
    for (int i = 1; i < table.rank; i++) s.dim[s.rank++] = table.dim[i];
    return s;
}

static void dc__gather_forward(dc_tensor *y) {
    int64_t n = y->in[1]->size, width = n ? y->size / n : 0;
    y->ctx->kernels->gather(n, width, y->in[0]->data, y->in[1]->data, y->data);
}

static void dc__gather_backward(dc_tensor *y) {
    int64_t n = y->in[1]->size, width = n ? y->size / n : 0;
    y->ctx->kernels->scatter(n, width, y->grad, y->in[1]->data, dc_grad_data(y->in[0]));
}

DC__OP(gather, "dtable[rows_i] += dy_i", dc__gather_shape);

DC_API dc_tensor *dc_gather(dc_tensor *table, dc_tensor *rows) {
    dc__context_of("dc_gather", DC_TENSORS(table, rows));
    return dc__apply2(&dc__gather_op, table, dc_detach(rows), NULL, 0);
}

/* y[o, i, j] = x[o, index[o, i, j], j],  dx[o, index[o, i, j], j] += dy[o, i, j] */
typedef struct dc__take_state { dc_shape shape; dc__middle m; int64_t count; } dc__take_state;

static void dc__take_along_forward(dc_tensor *y) {
    const dc__take_state *s = y->state;
    y->ctx->kernels->take(&s->m, s->count, y->in[0]->data, y->in[1]->data, y->data);
}

static void dc__take_along_backward(dc_tensor *y) {
    const dc__take_state *s = y->state;
    y->ctx->kernels->put(&s->m, s->count, y->grad, y->in[1]->data, dc_grad_data(y->in[0]));
}

DC__OP(take_along, "dx[index_i] += dy_i", dc__shape_in_state);

DC_API dc_tensor *dc_take_along(dc_tensor *x, dc_tensor *index, int axis) {
    dc_context *ctx = dc__context_of("dc_take_along", DC_TENSORS(x, index));
    axis = dc__axis_of("dc_take_along", x, axis, 0);
    dc__take_state s = { index->shape, dc__middle_of(x->shape, axis), 0 };
    dc_shape aligned = index->shape;
    if (aligned.rank == x->shape.rank) s.count = aligned.dim[axis], aligned.dim[axis] = s.m.n;
    if (!dc__same_shape(aligned, x->shape))
        dc_fail(ctx, "dc_take_along: an index %s for %s; all sizes but that of axis %d must agree",
                DC__SHAPE_TEXT(index->shape), DC__SHAPE_TEXT(x->shape), axis);
    dc__check_index("dc_take_along", index, s.m.n);
    return dc__apply2(&dc__take_along_op, x, dc_detach(index), &s, sizeof s);
}

DC_API dc_tensor *dc_one_hot(dc_tensor *labels, int64_t classes) {
    dc__check("dc_one_hot", 1, labels);
    dc_shape shape = labels->shape;
    if (shape.rank == DC_MAX_RANK || classes < 1)
        dc_fail(labels->ctx, "dc_one_hot: labels %s of %lld classes", DC__SHAPE_TEXT(shape),
                (long long)classes);
    dc__check_index("dc_one_hot", labels, classes);
    shape.dim[shape.rank++] = classes;
    dc_tensor *y = dc_zeros(labels->ctx, shape);
    for (int64_t i = 0; i < labels->size; i++) y->data[i * classes + (int64_t)labels->data[i]] = 1;
    return y;
}

/* --- products, and the end of a linear layer; in parts by rows of C, or by columns --- */
enum { DC__PITCH = DC__CHUNK + 16 };         /* A's rows are copied so far apart. */

/* Equal steps, however many. */
static dc__runs dc__steps(int64_t step) {
    static const int64_t zero = 0;
    return (dc__runs){ step, INT64_MAX, 0, &zero };
}

/* A's rows copied side by side, for where they are far apart and used often: addresses that differ
 * by a power of two share a few places of the cache. */
static dc__matrix dc__copy_rows(int64_t m, int64_t depth, dc__matrix a, dc_real *copy) {
    bool by_row = a.column == 1;
    int64_t lines = by_row ? m : depth, length = by_row ? depth : m;
    int64_t from = by_row ? a.row : a.column, to = by_row ? DC__PITCH : DC__TILE;
    for (int64_t i = 0; i < lines; i++)
        memcpy(copy + i * to, a.data + i * from, (size_t)length * sizeof *copy);
    return (dc__matrix){ copy, by_row ? to : 1, by_row ? 1 : to };
}

/* C [m, n] = A [m, k] B [k, n], or C += A B; C's rows are c_row apart. Blocks of A stay in the
 * second cache, panels of B in the first, blocks of C in registers (Goto & van de Geijn 2008,
 * "Anatomy of high-performance matrix multiplication"). */
static void dc__gemm(const dc__kernels *kernels, int64_t m, int64_t n, int64_t k, dc__matrix a,
                     dc__matrix b, dc_real *c, int64_t c_row, bool accumulate) {
    if (n == 1 && c_row == 1) {                  /* A column is computed as a row: C^T = B^T A^T. */
        dc__matrix flipped = { a.data, a.column, a.row };
        a = (dc__matrix){ b.data, b.column, b.row }, b = flipped, n = m, m = 1;
    }
    dc_real copy[DC__TILE * DC__PITCH] __attribute__((aligned(64)));
    dc__runs to = dc__steps(c_row);
    for (int64_t p = 0; p < k || p == 0; p += DC__CHUNK) {
        int64_t depth = k - p < DC__CHUNK ? k - p : DC__CHUNK;
        for (int64_t i = 0; i < m; i += DC__TILE) {
            int64_t rows = m - i < DC__TILE ? m - i : DC__TILE;
            dc__matrix x = { a.data + i * a.row + p * a.column, a.row, a.column };
            if (n >= 512 && rows > 8 && (a.row == 1 || a.column == 1))
                x = dc__copy_rows(rows, depth, x, copy);
            dc__patches tile = { x.data, dc__steps(x.row), dc__steps(x.column) };
            kernels->tile(rows, n, depth, &tile,
                          (dc__matrix){ b.data + p * b.row, b.row, b.column }, c + i * c_row, &to,
                          accumulate || p > 0);
        }
    }
}

typedef struct dc__product {
    const dc__kernels *kernels;
    int64_t        m, n, k;
    dc__matrix     a, b;
    dc_real       *c;                /* [m, n], rows side by side. */
    bool           add;
    const dc_real *bias;             /* Or NULL; like f, for what comes after the product. */
    dc_activation  f;
} dc__product;

enum { DC__SMALL_PRODUCT = 1 << 17 };   /* Multiplications that are not worth a second thread. */

static bool dc__by_columns(const dc__product *p) { return p->n >= p->m; }

static void dc__product_part(void *work, int64_t start, int64_t stop) {
    dc__product p = *(const dc__product *)work;
    int64_t row = p.n;
    if (dc__by_columns(&p)) {
        p.n = stop - start, p.b.data += start * p.b.column, p.c += start;
        if (p.bias) p.bias += start;
    } else {
        p.m = stop - start, p.a.data += start * p.a.row, p.c += start * row;
    }
    dc__gemm(p.kernels, p.m, p.n, p.k, p.a, p.b, p.c, row, p.add);
    if (p.bias || p.f != DC_LINEAR) p.kernels->finish(p.m, p.n, row, p.bias, p.f, p.c);
}

/* How many of `all` columns, or rows, make a part of a product of m n k multiplications. */
static int64_t dc__part_length(int64_t all, int64_t multiplications) {
    if (multiplications < DC__SMALL_PRODUCT) return all;
    return (all * DC__SMALL_PRODUCT - 1) / multiplications + 1;
}

static void dc__multiply(dc__product p) {
    int64_t all = dc__by_columns(&p) ? p.n : p.m;
    int64_t least = dc__part_length(all, p.m * p.n * p.k);
    dc__parallel(all, dc__by_columns(&p) ? 2 * DC__LANES : 1, least, dc__product_part, &p);
}

/* --- matrix product: C = A B,  dA = dC B^T,  dB = A^T dC --- */
typedef struct dc__matmul_state { bool transpose_a, transpose_b; } dc__matmul_state;

/* The last two axes of a tensor as a matrix, transposed if asked for. */
typedef struct dc__matrix_view { int64_t rows, columns; dc__matrix at; } dc__matrix_view;

static dc__matrix_view dc__as_matrix(const dc_tensor *t, const dc_real *data, bool transposed) {
    int64_t rows = t->shape.dim[t->shape.rank - 2], columns = t->shape.dim[t->shape.rank - 1];
    if (transposed) return (dc__matrix_view){ columns, rows, { data, 1, columns } };
    return (dc__matrix_view){ rows, columns, { data, columns, 1 } };
}

static dc__matrix dc__flipped(dc__matrix m) { return (dc__matrix){ m.data, m.column, m.row }; }

/* (A B)^T = B^T A^T */
static dc__product dc__transposed(dc__product p) {
    dc__matrix a = p.a;
    int64_t m = p.m;
    p.m = p.n, p.n = m, p.a = dc__flipped(p.b), p.b = dc__flipped(a);
    return p;
}

static void dc__cannot_multiply(const dc_tensor *c, bool transpose_a, bool transpose_b) {
    dc_shape a = c->in[0]->shape, b = c->in[1]->shape;
    dc_fail(c->ctx, "dc_%s: cannot multiply %s%s by %s%s; the inner sizes must agree (%lld and "
            "%lld)", c->op->name, DC__SHAPE_TEXT(a), transpose_a ? " transposed" : "",
            DC__SHAPE_TEXT(b), transpose_b ? " transposed" : "",
            (long long)a.dim[a.rank - (transpose_a ? 2 : 1)],
            (long long)b.dim[b.rank - (transpose_b ? 1 : 2)]);
}

static dc_shape dc__matmul_shape(const dc_tensor *c) {
    const dc__matmul_state *s = c->state;
    dc_tensor *a = c->in[0], *b = c->in[1];
    dc__matrix_view ma = dc__as_matrix(a, NULL, s->transpose_a);
    dc__matrix_view mb = dc__as_matrix(b, NULL, s->transpose_b);
    if (ma.columns != mb.rows) dc__cannot_multiply(c, s->transpose_a, s->transpose_b);
    dc_shape lead_a = a->shape, lead_b = b->shape;
    lead_a.rank -= 2, lead_b.rank -= 2;
    dc_shape shape = dc__common_shape(c->ctx, "matmul", lead_a, lead_b);
    shape.dim[shape.rank++] = ma.rows, shape.dim[shape.rank++] = mb.columns;
    return shape;
}

/* The leading axes as a walk that counts matrices, with a last axis of 1 that dc__next_row does
 * not touch. Many matrices times a single one are one product with more rows. */
static dc__walk dc__batches_of(const dc_tensor *c, int64_t *rows) {
    const dc__matmul_state *s = c->state;
    dc_shape a = c->in[0]->shape, b = c->in[1]->shape, lead = c->shape;
    dc__walk w = { .rank = 1, .dim = { 1 } };
    a.rank -= 2, b.rank -= 2, lead.rank -= 2;
    if (b.rank == 0 && !s->transpose_a) {
        for (int i = 0; i < a.rank; i++) *rows *= a.dim[i];
        return w;
    }
    w.rank = lead.rank;
    memcpy(w.dim, lead.dim, sizeof w.dim);
    dc__strides(lead, a, w.x_stride);
    dc__strides(lead, b, w.y_stride);
    w = dc__merge(&w);
    w.dim[w.rank] = 1, w.x_stride[w.rank] = w.y_stride[w.rank] = 0;
    w.rank++;
    return w;
}

static void dc__matmul(dc_tensor *c, bool backward) {
    const dc__matmul_state *s = c->state;
    const dc__kernels *kernels = c->ctx->kernels;
    dc__matrix_view a = dc__as_matrix(c->in[0], c->in[0]->data, s->transpose_a);
    dc__matrix_view b = dc__as_matrix(c->in[1], c->in[1]->data, s->transpose_b);
    const int64_t a_size = a.rows * a.columns, b_size = b.rows * b.columns;
    const dc__walk w = dc__batches_of(c, &a.rows);
    const int64_t m = a.rows, k = a.columns, n = b.columns;
    dc_real *da = backward ? dc_grad_data(c->in[0]) : NULL;
    dc_real *db = backward ? dc_grad_data(c->in[1]) : NULL;
    int64_t at = 0, x = 0, y = 0, index[DC_MAX_RANK] = { 0 };
    if (!c->size) return;
    do {
        dc__matrix ma = a.at, mb = b.at, dc = { backward ? c->grad + at : NULL, n, 1 };
        ma.data += x * a_size, mb.data += y * b_size;
        if (!backward) dc__multiply((dc__product){ kernels, m, n, k, ma, mb, c->data + at,
                                                   .add = false });
        dc__product to_a = { kernels, m, k, n, dc, dc__flipped(mb), da, .add = true };
        dc__product to_b = { kernels, k, n, m, dc__flipped(ma), dc, db, .add = true };
        if (s->transpose_a) to_a = dc__transposed(to_a);
        if (s->transpose_b) to_b = dc__transposed(to_b);
        if (da) to_a.c += x * a_size, dc__multiply(to_a);
        if (db) to_b.c += y * b_size, dc__multiply(to_b);
        at += m * n;
    } while (dc__next_row(&w, index, &x, &y));
}

static void dc__matmul_forward(dc_tensor *c) { dc__matmul(c, false); }
static void dc__matmul_backward(dc_tensor *c) { dc__matmul(c, true); }

DC__OP(matmul, "dA = dC B^T, dB = A^T dC", dc__matmul_shape);

/* A vector is a row on the left and a column on the right, as in NumPy. */
DC_API dc_tensor *dc_matmul_with(dc_tensor *a, bool transpose_a, dc_tensor *b, bool transpose_b) {
    dc_context *ctx = dc__context_of("dc_matmul", DC_TENSORS(a, b));
    dc__matmul_state s = { transpose_a, transpose_b };
    bool row = a->shape.rank == 1, column = b->shape.rank == 1;
    if (!a->shape.rank || !b->shape.rank || (row && transpose_a) || (column && transpose_b))
        dc_fail(ctx, "dc_matmul: %s by %s: matrices (or vectors, not transposed) are wanted; for "
                "numbers there is dc_mul", DC__SHAPE_TEXT(a->shape), DC__SHAPE_TEXT(b->shape));
    if (row) a = dc_unsqueeze(a, 0);
    if (column) b = dc_unsqueeze(b, 1);
    dc_tensor *c = dc__apply2(&dc__matmul_op, a, b, &s, sizeof s);
    if (column) c = dc_squeeze(c, -1);
    return row ? dc_squeeze(c, column ? -1 : -2) : c;
}

DC_API dc_tensor *dc_matmul(dc_tensor *a, dc_tensor *b) {
    return dc_matmul_with(a, false, b, false);
}

/* A bias or a gain has one number a feature: the last axis of y. NULL will do. */
static void dc__check_vector(dc_context *ctx, const char *what, dc_shape y, const dc_tensor *v) {
    int64_t features = y.rank ? y.dim[y.rank - 1] : 1;
    if (v && (v->shape.rank != 1 || v->size != features))
        dc_fail(ctx, "%s should be [%lld], not %s, for a result %s", what, (long long)features,
                DC__SHAPE_TEXT(v->shape), DC__SHAPE_TEXT(y));
}

/* y = f(x W + b) as one op, f being its state; z = x W + b needs no room.
 *   dz = dy f'(z),  dx = dz W^T,  dW = x^T dz,  db = sum of dz's rows */
static bool dc__is_fused(dc_activation f) {
    return f == DC_LINEAR || f == DC_RELU || f == DC_TANH || f == DC_SIGMOID;
}

static void dc__linear_forward(dc_tensor *y) {
    int64_t k = y->in[1]->shape.dim[0], n = y->in[1]->shape.dim[1];
    if (y->size)
        dc__multiply((dc__product){ y->ctx->kernels, y->size / n, n, k, { y->in[0]->data, k, 1 },
                                    { y->in[1]->data, n, 1 }, y->data, false,
                                    y->inputs > 2 ? y->in[2]->data : NULL,
                                    *(const dc_activation *)y->state });
}

/* The way back through f and the bias: dz [m, n] of y and dy, and db, by columns. */
typedef struct dc__finish_work {
    const dc__kernels *kernels;
    int64_t        m, n;
    dc_activation  f;
    const dc_real *y, *dy;
    dc_real       *dz, *db;
} dc__finish_work;

static void dc__finish_columns(void *work, int64_t start, int64_t stop) {
    const dc__finish_work *w = work;
    w->kernels->finish_backward(w->m, stop - start, w->n, w->f, w->y + start, w->dy + start,
                                w->dz + start, w->db ? w->db + start : NULL);
}

static void dc__finish_backward(dc__finish_work w) {
    int64_t least = DC__EACH / (w.m + 1) + 1;
    if (w.f != DC_LINEAR || w.db)
        dc__parallel(w.n, 2 * DC__LANES, least, dc__finish_columns, &w);
}

static void dc__linear_backward(dc_tensor *y) {
    int64_t k = y->in[1]->shape.dim[0], n = y->in[1]->shape.dim[1], m = n ? y->size / n : 0;
    const dc__kernels *kernels = y->ctx->kernels;
    dc_activation f = *(const dc_activation *)y->state;
    bool fresh_w = true, fresh_x = true;
    for (int i = 0; i < y->inputs && !m; i++) dc_grad_data(y->in[i]);        /* Zeros. */
    if (!m) return;
    dc_real *dw = dc__grad_room(y->in[1], &fresh_w), *dx = dc__grad_room(y->in[0], &fresh_x);
    dc_real *db = y->inputs > 2 ? dc_grad_data(y->in[2]) : NULL, *dz = y->grad;
    if (f != DC_LINEAR) dz = dc__temporary(y->ctx, (size_t)y->size * sizeof *dz);
    dc__finish_backward((dc__finish_work){ kernels, m, n, f, y->data, y->grad, dz, db });
    if (dw)
        dc__multiply((dc__product){ kernels, k, n, m, { y->in[0]->data, 1, k }, { dz, n, 1 }, dw,
                                    !fresh_w, NULL, DC_LINEAR });
    if (dx)
        dc__multiply((dc__product){ kernels, m, k, n, { dz, n, 1 }, { y->in[1]->data, 1, n }, dx,
                                    !fresh_x, NULL, DC_LINEAR });
}

static dc_shape dc__linear_shape(const dc_tensor *y) {
    dc_shape shape = y->in[0]->shape, w = y->in[1]->shape;
    if (shape.dim[shape.rank - 1] != w.dim[0]) dc__cannot_multiply(y, false, false);
    shape.dim[shape.rank - 1] = w.dim[1];
    dc__check_vector(y->ctx, "dc_linear: the bias", shape, y->inputs > 2 ? y->in[2] : NULL);
    return shape;
}

DC__OP(linear, "dz = dy f'(z), dx = dz W^T, dW = x^T dz, db = sum of dz", dc__linear_shape);

/* f must be fused. */
static dc_tensor *dc__linear(dc_tensor *x, dc_tensor *w, dc_tensor *b, dc_activation f) {
    dc_tensors in = { b ? 3 : 2, (dc_tensor *[]){ x, w, b } };
    dc__context_of("dc_linear", in);
    if (w->shape.rank == 2 && x->shape.rank > 1) return dc_apply(&dc__linear_op, in, &f, sizeof f);
    dc_tensor *y = dc_matmul(x, w);
    dc__check_vector(y->ctx, "dc_linear: the bias", y->shape, b);
    return b ? dc_add(y, b) : y;
}

DC_API dc_tensor *dc_linear(dc_tensor *x, dc_tensor *w, dc_tensor *b) {
    return dc__linear(x, w, b, DC_LINEAR);
}

/* --- softmax and its family, over the last axis --- */
static int64_t dc__last(const dc_tensor *x) { return x->shape.dim[x->shape.rank - 1]; }
static int64_t dc__rows(const dc_tensor *x) { return x->size ? x->size / dc__last(x) : 0; }

static dc_shape dc__rows_shape(const dc_tensor *y) {
    const dc_tensor *x = y->in[0];
    if (!x->shape.rank || !dc__last(x))
        dc_fail(y->ctx, "dc_%s: works on the last axis, which %s does not have", y->op->name,
                DC__SHAPE_TEXT(x->shape));
    return x->shape;
}

typedef struct dc__row_work {
    void         (*forward) (int64_t rows, int64_t n, const dc_real *x, dc_real *y);
    void         (*backward)(int64_t rows, int64_t n, const dc_real *y, const dc_real *dy,
                             dc_real *dx);
    int64_t        n;
    const dc_real *x, *dy;               /* Forward: x to y. */
    dc_real       *y, *dx;
} dc__row_work;

static void dc__row_part(void *work, int64_t start, int64_t stop) {
    const dc__row_work *w = work;
    int64_t at = start * w->n;
    if (w->forward) w->forward(stop - start, w->n, w->x + at, w->y + at);
    else w->backward(stop - start, w->n, w->y + at, w->dy + at, w->dx + at);
}

static void dc__by_rows(int64_t rows, dc__row_work w) {
    dc__parallel(rows, 1, DC__EACH / 4 / (w.n ? w.n : 1) + 1, dc__row_part, &w);
}

#define DC__DEFINE(NAME, FORMULA)                                                                  \
    static void dc__##NAME##_forward(dc_tensor *y) {                                               \
        dc__by_rows(dc__rows(y), (dc__row_work){ .forward = y->ctx->kernels->NAME,                 \
            .n = dc__last(y), .x = y->in[0]->data, .y = y->data });                                \
    }                                                                                              \
    static void dc__##NAME##_backward(dc_tensor *y) {                                              \
        dc__by_rows(dc__rows(y), (dc__row_work){ .backward = y->ctx->kernels->NAME##_backward,     \
            .n = dc__last(y), .y = y->data, .dy = y->grad, .dx = dc_grad_data(y->in[0]) });        \
    }                                                                                              \
    DC__OP(NAME, FORMULA, dc__rows_shape);                                                         \
    DC_API dc_tensor *dc_##NAME(dc_tensor *x) { return dc__apply1(&dc__##NAME##_op, x, NULL, 0); }
DC__DEFINE(softmax, "dx_i = y_i (dy_i - sum_j dy_j y_j)")
DC__DEFINE(log_softmax, "dx_i = dy_i - e^y_i sum_j dy_j")
#undef DC__DEFINE
static dc_shape dc__logsumexp_shape(const dc_tensor *y) {
    dc_shape s = dc__rows_shape(y);
    s.rank--;
    return s;
}

static void dc__logsumexp_forward(dc_tensor *y) {
    dc_tensor *x = y->in[0];
    y->ctx->kernels->logsumexp(dc__rows(x), dc__last(x), x->data, y->data);
}

/* dx_i = dy e^(x_i - y), a softmax. */
static void dc__logsumexp_backward(dc_tensor *y) {
    dc_tensor *x = y->in[0];
    dc_real *dx = dc_grad_data(x), *p = dc__temporary(y->ctx, (size_t)x->size * sizeof *p);
    y->ctx->kernels->softmax(dc__rows(x), dc__last(x), x->data, p);
    for (int64_t r = 0; r < y->size; r++)
        y->ctx->kernels->axpy(dc__last(x), y->grad[r], p + r * dc__last(x), dx + r * dc__last(x));
}

DC__OP(logsumexp, "dx_i = dy softmax(x)_i", dc__logsumexp_shape);
DC_API dc_tensor *dc_logsumexp(dc_tensor *x) { return dc__apply1(&dc__logsumexp_op, x, NULL, 0); }

/* --- normalisation --- */
/* y = (x - mean) scale, with the statistics of the middle axis of x seen as [outer, n, inner]: each
 * row's for layer norm, each column's for batch norm. */
typedef struct dc__norm_state {
    dc__middle m;
    dc_real    epsilon, *mean, *var, *scale;
} dc__norm_state;

static void dc__normalize_forward(dc_tensor *y) {
    dc__norm_state *s = y->state;
    const int64_t n = s->m.outer * s->m.inner;
    s->mean = dc__temporary(y->ctx, 3 * (size_t)n * sizeof *s->mean);
    s->var = s->mean + n, s->scale = s->var + n;
    y->ctx->kernels->normalize(&s->m, y->in[0]->data, y->data, s->mean, s->var, s->scale,
                               s->epsilon);
}

static void dc__normalize_backward(dc_tensor *y) {
    const dc__norm_state *s = y->state;
    dc_real *dx = dc_grad_data(y->in[0]);
    dc_real *means = dc__temporary(y->ctx, 2 * (size_t)s->m.inner * sizeof *means);
    y->ctx->kernels->normalize_backward(&s->m, y->data, s->scale, y->grad, means,
                                        means + s->m.inner, dx);
}

DC__RECORD(layer_norm_op, "dx = (dy - mean(dy) - y mean(dy y)) / std", dc__rows_shape,
           dc__normalize_forward, dc__normalize_backward);
DC__RECORD(batch_norm_op, "dx = (dy - mean(dy) - y mean(dy y)) / std", dc__rows_shape,
           dc__normalize_forward, dc__normalize_backward);

static dc_tensor *dc__gain_and_bias(dc_tensor *y, dc_tensor *gain, dc_tensor *bias) {
    dc__check_vector(y->ctx, "normalisation: the gain", y->shape, gain);
    dc__check_vector(y->ctx, "normalisation: the bias", y->shape, bias);
    if (gain) y = dc_mul(y, gain);
    return bias ? dc_add(y, bias) : y;
}

DC_API dc_tensor *dc_layer_norm_op(dc_tensor *x, dc_tensor *gain, dc_tensor *bias, dc_real epsilon)
{
    dc__check("dc_layer_norm_op", 1, x);
    int64_t n = x->shape.rank ? dc__last(x) : 0;
    dc__norm_state s = { .m = { n ? x->size / n : 0, n, 1, (dc_real)n }, .epsilon = epsilon };
    return dc__gain_and_bias(dc__apply1(&dc__layer_norm_op_op, x, &s, sizeof s), gain, bias);
}

/* Each sample's channels in groups: [N, places, groups, C / groups] -> [N groups, the rest]. */
DC_API dc_tensor *dc_group_norm_op(dc_tensor *x, int64_t groups, dc_tensor *gain, dc_tensor *bias,
                                   dc_real epsilon) {
    dc__check("dc_group_norm_op", 1, x);
    int64_t channels = x->shape.rank > 1 ? dc__last(x) : 0;
    if (groups < 1 || channels < 1 || channels % groups)
        dc_fail(x->ctx, "dc_group_norm_op: the last axis of %s does not fall into %lld groups",
                DC__SHAPE_TEXT(x->shape), (long long)groups);
    int64_t n = x->shape.dim[0], each = channels / groups, places = n ? x->size / n / channels : 0;
    dc_tensor *y = dc_permute(dc_reshape(x, DC_SHAPE(n, places, groups, each)),
                              DC_AXES(0, 2, 1, 3));
    y = dc_layer_norm_op(dc_reshape(y, DC_SHAPE(n * groups, places * each)), NULL, NULL, epsilon);
    y = dc_permute(dc_reshape(y, DC_SHAPE(n, groups, places, each)), DC_AXES(0, 2, 1, 3));
    return dc__gain_and_bias(dc_reshape(y, x->shape), gain, bias);
}

DC_API dc_tensor *dc_rms_norm_op(dc_tensor *x, dc_tensor *gain, dc_real epsilon) {
    dc__check("dc_rms_norm_op", 1, x);
    dc_tensor *square = dc_mean_over(dc_square(x), DC_AXES(-1), true);
    return dc__gain_and_bias(dc_mul(x, dc_rsqrt(dc_shift(square, epsilon))), gain, NULL);
}

/* running = (1 - momentum) running + momentum batch; the running variance is the unbiased one. */
static void dc__update_running(dc_tensor *y, dc_tensor *mean, dc_tensor *var, dc_real momentum) {
    const dc__norm_state *s = y->state;
    dc_real rows = s->m.divisor, unbiased = rows > 1 ? rows / (rows - 1) : 1;
    for (int64_t i = 0; i < s->m.inner; i++) {
        mean->data[i] = (1 - momentum) * mean->data[i] + momentum * s->mean[i];
        var->data[i] = (1 - momentum) * var->data[i] + momentum * (s->var[i] * unbiased);
    }
    mean->base->version++, var->base->version++;
}

DC_API dc_tensor *dc_batch_norm_op(dc_tensor *x, dc_tensor *gain, dc_tensor *bias,
                                   dc_tensor *running_mean, dc_tensor *running_var,
                                   dc_real momentum, dc_real epsilon) {
    dc_context *ctx = dc__context_of("dc_batch_norm_op", DC_TENSORS(x, running_mean, running_var));
    int64_t features = x->shape.rank ? dc__last(x) : 0;
    if (running_mean->size != features || running_var->size != features)
        dc_fail(ctx, "dc_batch_norm_op: x %s has %lld features, the running statistics %s and %s",
                DC__SHAPE_TEXT(x->shape), (long long)features, DC__SHAPE_TEXT(running_mean->shape),
                DC__SHAPE_TEXT(running_var->shape));
    if (!ctx->training) {
        dc_tensor *scale = dc_rsqrt(dc_shift(dc_detach(running_var), epsilon));
        /* Training may move it before backward. */
        dc_tensor *mean = dc_copy(dc_detach(running_mean));
        return dc__gain_and_bias(dc_mul(dc_sub(x, mean), scale), gain, bias);
    }
    int64_t rows = dc__rows(x);
    if (rows < 2)
        dc_fail(ctx, "dc_batch_norm_op: a batch of one sample (%s) has no variance; choose "
                "a batch_size that leaves none at the end of an epoch", DC__SHAPE_TEXT(x->shape));
    dc__norm_state s = { .m = { 1, rows, features, (dc_real)rows }, .epsilon = epsilon };
    dc_tensor *y = dc__apply1(&dc__batch_norm_op_op, x, &s, sizeof s);
    dc__update_running(y, running_mean, running_var, momentum);
    return dc__gain_and_bias(y, gain, bias);
}

/* --- dropout --- */
typedef struct dc__dropout_state { dc__random random; dc_real rate, *keep; } dc__dropout_state;

static void dc__dropout_part(void *work, int64_t start, int64_t stop) {
    const dc_tensor *y = work;
    const dc__dropout_state *s = y->state;
    y->ctx->kernels->dropout(start, stop - start, &s->random, s->rate, y->in[0]->data + start,
                             y->data + start, s->keep + start);
}

static void dc__dropout_forward(dc_tensor *y) {
    dc__dropout_state *s = y->state;
    s->keep = dc__temporary(y->ctx, (size_t)y->size * sizeof *s->keep);
    dc__parallel(y->size, 4 * DC__LANES, DC__EACH / 4, dc__dropout_part, y);
}

static void dc__dropout_backward(dc_tensor *y) {
    const dc__dropout_state *s = y->state;
    y->ctx->kernels->dropout_backward(y->size, s->keep, y->grad, dc_grad_data(y->in[0]));
}

DC__RECORD(dropout_op, "dx = dy mask / (1 - rate)", dc__same_shape_as_x, dc__dropout_forward,
           dc__dropout_backward);

/* The mask's address: the layer, how often it ran since the last step, the step. */
static dc_tensor *dc__dropout(dc_tensor *x, dc_real rate, uint32_t owner, uint32_t call) {
    dc_context *ctx = x->ctx;
    if (!(rate >= 0 && rate < 1))
        dc_fail(ctx, "dc_dropout: a rate of %g; it must be in [0, 1)", (double)rate);
    if (!ctx->training || rate == 0) return x;
    dc__random random = dc__stream(ctx, DC__FOR_DROPOUT, owner, call, ctx->steps);
    dc__dropout_state s = { random, rate, NULL };
    return dc__apply1(&dc__dropout_op_op, x, &s, sizeof s);
}

DC_API dc_tensor *dc_dropout_op(dc_tensor *x, dc_real rate) {
    dc__check("dc_dropout_op", 1, x);
    return dc__dropout(x, rate, 0, x->ctx->training ? x->ctx->calls++ : 0);
}

/* @impl-convolution ---------------------------------------------------------------------------- */
/* A convolution is a dense layer that looks at every patch of an image through the same weights:
 *   y[i, j, o] = sum over r, s, c of x[i stride + r, j stride + s, c] w[r, s, c, o]
 * so it is a product of matrices, whose left one has a row for each place (i, j) and a column for
 * each (r, s, c). That matrix, kh kw times as large as the image, is never written down: element
 * (row, column) stands at the place of the row plus the place of the column, and the kernel `tile`
 * takes such a matrix as it is. The two gradients are products of the same kind:
 *   dw = patches(x)^T dy     places change roles
 *   dx = patches(dy) w'      w turned around; with a stride, one for each (i mod stride, j mod
 *                            stride), since only every stride-th weight reaches such a pixel
 * The last is also what a transposed convolution computes. Images are worked on in groups that fit
 * into the cache; padding is a copy of a group in a frame of zeros. */

/* Axis 0 is the height, 1 the width. */
typedef struct dc__geometry {
    int64_t images, channels, filters, groups;
    int64_t in[2], out[2];               /* Sizes of x and y. */
    int64_t size[2], stride[2], dilation[2];
    int64_t before[2];                   /* Zeros above and to the left of x. */
} dc__geometry;

/* Numbers of one image, on either side. */
static int64_t dc__large_size(const dc__geometry *g) { return g->in[0] * g->in[1] * g->channels; }
static int64_t dc__small_size(const dc__geometry *g) { return g->out[0] * g->out[1] * g->filters; }

/* A product over the places of some images: x and y hold `rows` lines of `columns` places each. */
typedef struct dc__places {
    const dc__kernels *kernels;
    int64_t        rows, columns;
    const dc_real *x;
    int64_t        x_image, x_row, x_step;      /* To the next image, line, place. */
    dc_real       *y;
    int64_t        y_image, y_row, y_step;
    int64_t        runs, run;                   /* A patch: so many runs of neighbours in x, ... */
    int64_t       *patch;                       /* ... which begin here. */
    int64_t        groups, x_group;             /* From group to group of channels. */
    const dc_real *w;                           /* [runs run, groups n] */
    int64_t        n;
    const dc_real *bias;
    dc_activation  f;
    bool           add;
    int64_t        count;                       /* Images. */
    int64_t       *line, *line_of_dw;           /* For dw: where the runs of x and of dw begin. */
    const dc_real *dz;                          /* For dw: y's gradient, rows side by side. */
} dc__places;

/* Is each group one channel in and one out? */
static bool dc__is_depthwise(const dc__places *s) {
    return s->groups > 1 && s->n == 1 && s->x_group == 1;
}

static void dc__group_of_lines(const dc__places *s, int64_t g, int64_t lines, const int64_t *x_line,
                               const int64_t *y_line) {
    int64_t k = s->runs * s->run, places = lines * s->columns;
    dc__runs to = { s->y_step, s->columns, 0, y_line };
    for (int64_t p = 0; p < k || p == 0; p += DC__CHUNK) {
        dc__patches a = { s->x + g * s->x_group, { s->x_step, s->columns, 0, x_line },
                          { 1, s->run, p % s->run, s->patch + p / s->run } };
        dc__matrix b = { s->w + p * s->groups * s->n + g * s->n, s->groups * s->n, 1 };
        s->kernels->tile(places, s->n, k - p < DC__CHUNK ? k - p : DC__CHUNK, &a, b,
                         s->y + g * s->n, &to, s->add || p > 0);
    }
}

static void dc__lines(void *work, int64_t start, int64_t stop) {
    const dc__places *s = work;
    int64_t x_line[DC__TILE], y_line[DC__TILE], most = DC__TILE / s->columns, n = s->groups * s->n;
    if (most < 1) most = 1;
    for (int64_t at = start, lines; at < stop; at += lines) {
        lines = stop - at < most ? stop - at : most;
        for (int64_t i = 0; i < lines; i++) {
            int64_t image = (at + i) / s->rows, row = (at + i) % s->rows;
            x_line[i] = image * s->x_image + row * s->x_row;
            y_line[i] = image * s->y_image + row * s->y_row;
        }
        if (dc__is_depthwise(s))
            for (int64_t i = 0; i < lines; i++)
                s->kernels->depthwise(s->columns, n, s->runs, s->patch, s->x + x_line[i], s->x_step,
                                      s->w, s->y + y_line[i], s->y_step, s->add);
        for (int64_t g = 0; g < s->groups && !dc__is_depthwise(s); g++)
            dc__group_of_lines(s, g, lines, x_line, y_line);
        if (s->bias || s->f != DC_LINEAR)
            s->kernels->finish(lines * s->columns, n, n, s->bias, s->f, s->y + y_line[0]);
    }
}

static void dc__multiply_places(dc__places s) {
    int64_t lines = s.count * s.rows, work = s.columns * s.groups * s.n * s.runs * s.run;
    if (s.columns > 0 && s.rows > 0)
        dc__parallel(lines, 1, dc__part_length(lines, lines * work), dc__lines, &s);
}

/* Rows [start, stop) of dw, numbers of a patch. */
static void dc__dw_part(void *work, int64_t start, int64_t stop) {
    const dc__places *s = work;
    int64_t filters = s->groups * s->n, places = s->count * s->rows * s->columns;
    int64_t first = start % s->run, run = start / s->run;
    dc__runs to = { filters, s->run, first, s->line_of_dw + run };
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t p = 0; p < places; p += DC__CHUNK) {
            int64_t depth = places - p < DC__CHUNK ? places - p : DC__CHUNK;
            dc__patches a = { s->x + g * s->x_group,
                              { 1, s->run, first, s->patch + run },
                              { s->x_step, s->columns, p % s->columns, s->line + p / s->columns } };
            s->kernels->tile(stop - start, s->n, depth, &a,
                             (dc__matrix){ s->dz + p * filters + g * s->n, filters, 1 },
                             s->y + g * s->n, &to, s->add || p > 0);
        }
}

/* One channel in and one out: taps [start, stop) of dw. */
static void dc__depthwise_dw_part(void *work, int64_t start, int64_t stop) {
    const dc__places *s = work;
    if (!s->add) s->kernels->fill((stop - start) * s->groups, 0, s->y + start * s->groups);
    for (int64_t i = 0; i < s->count * s->rows; i++)
        for (int64_t tap = start; tap < stop; tap++)
            s->kernels->depthwise_dw(s->columns, s->groups, s->x + s->line[i] + s->patch[tap],
                                     s->x_step, s->dz + i * s->columns * s->groups,
                                     s->y + tap * s->groups);
}

/* --- frames --- */
typedef struct dc__frame {
    const dc_real *x;                    /* [images, in[0], in[1], channels] */
    dc_real       *y;                    /* [images, out[0], out[1], channels] */
    int64_t        channels, in[2], out[2], before[2];
} dc__frame;

static void dc__frame_part(void *work, int64_t start, int64_t stop) {
    const dc__frame *f = work;
    int64_t c = f->channels, left = f->before[1] > 0 ? f->before[1] : 0;
    int64_t skip = left - f->before[1], wide = f->in[1] - skip;
    if (wide > f->out[1] - left) wide = f->out[1] - left;
    for (int64_t i = start; i < stop; i++) {
        int64_t row = i % f->out[0] - f->before[0];
        dc_real *to = f->y + i * f->out[1] * c;
        bool inside = row >= 0 && row < f->in[0] && wide > 0;
        int64_t at = ((i / f->out[0] * f->in[0] + row) * f->in[1] + skip) * c;
        if (!inside || wide < f->out[1]) memset(to, 0, (size_t)(f->out[1] * c) * sizeof *to);
        if (inside) memcpy(to + left * c, f->x + at, (size_t)(wide * c) * sizeof *to);
    }
}

/* x, or a copy of it with zeros around (or with less of it), of size `out`. */
static const dc_real *dc__framed(dc_context *ctx, int64_t images, dc__frame f, dc__places *s) {
    s->x_image = f.out[0] * f.out[1] * f.channels;
    if (!f.before[0] && !f.before[1] && f.out[1] <= f.in[1] && f.out[0] <= f.in[0]) {
        s->x_image = f.in[0] * f.in[1] * f.channels, f.out[1] = f.in[1], f.y = NULL;
    } else {
        f.y = dc__temporary(ctx, (size_t)(images * s->x_image) * sizeof *f.y);
        dc__parallel(images * f.out[0], 1, DC__EACH / (f.out[1] * f.channels + 1) + 1,
                     dc__frame_part, &f);
    }
    s->x_row = f.out[1] * f.channels;
    return f.y ? f.y : f.x;
}

/* --- the three products, for some images --- */
/* The patch of places (r, s), with as few runs as possible: the numbers of neighbouring pixels are
 * neighbours too. */
static void dc__set_patch(dc__places *s, const int64_t count[2], const int64_t *row,
                          const int64_t *column) {
    bool merge = s->groups == 1;
    for (int64_t j = 1; j < count[1]; j++) merge &= column[j] == column[j - 1] + s->run;
    int64_t across = merge && count[1] > 1 ? 1 : count[1];
    s->runs = count[0] * across;
    for (int64_t i = 0; i < count[0]; i++)
        for (int64_t j = 0; j < across; j++) s->patch[i * across + j] = row[i] + column[j];
    if (across < count[1]) s->run *= count[1];
}

/* x as y's places see it. */
static dc__places dc__places_of(dc_context *ctx, const dc__geometry *g, int64_t images,
                                const dc_real *x) {
    dc__places s = { .kernels = ctx->kernels, .count = images, .rows = g->out[0],
                     .columns = g->out[1], .groups = g->groups, .run = g->channels / g->groups,
                     .x_group = g->channels / g->groups, .n = g->filters / g->groups };
    dc__frame f = { .x = x, .channels = g->channels };
    for (int a = 0; a < 2; a++) {
        f.in[a] = g->in[a], f.before[a] = g->before[a];
        f.out[a] = (g->out[a] - 1) * g->stride[a] + (g->size[a] - 1) * g->dilation[a] + 1;
    }
    s.x = dc__framed(ctx, images, f, &s);
    s.x_step = g->stride[1] * g->channels;
    int64_t taps = g->size[0] * g->size[1], *row = dc__temporary(ctx, (size_t)taps * 8 * 2);
    int64_t *column = row + g->size[0];
    s.patch = dc__temporary(ctx, (size_t)taps * sizeof *s.patch);
    for (int64_t r = 0; r < g->size[0]; r++) row[r] = r * g->dilation[0] * s.x_row;
    for (int64_t r = 0; r < g->size[1]; r++) column[r] = r * g->dilation[1] * g->channels;
    dc__set_patch(&s, g->size, row, column);
    s.x_row *= g->stride[0];
    return s;
}

/* y = f(conv(x, w) + bias), or y += */
static void dc__conv_y(dc_context *ctx, const dc__geometry *g, int64_t images, const dc_real *x,
                       const dc_real *w, const dc_real *bias, dc_activation f, dc_real *y,
                       bool add) {
    dc_mark mark = dc_begin(ctx);
    dc__places s = dc__places_of(ctx, g, images, x);
    s.w = w, s.bias = bias, s.f = f, s.y = y, s.add = add;
    s.y_step = g->filters, s.y_row = g->out[1] * s.y_step, s.y_image = g->out[0] * s.y_row;
    dc__multiply_places(s);
    dc_end(ctx, mark);
}

/* dw = patches(x)^T dz, or dw += */
static void dc__conv_dw(dc_context *ctx, const dc__geometry *g, int64_t images, const dc_real *x,
                        const dc_real *dz, dc_real *dw, bool add) {
    dc_mark mark = dc_begin(ctx);
    dc__places s = dc__places_of(ctx, g, images, x);
    int64_t lines = images * s.rows, k = s.runs * s.run;
    s.line = dc__temporary(ctx, (size_t)(lines + s.runs) * sizeof *s.line);
    s.line_of_dw = s.line + lines;
    for (int64_t i = 0; i < lines; i++)
        s.line[i] = i / s.rows * s.x_image + i % s.rows * s.x_row;
    for (int64_t i = 0; i < s.runs; i++) s.line_of_dw[i] = i * s.run * g->filters;
    s.dz = dz, s.y = dw, s.add = add;
    dc__parallel(k, 1, dc__part_length(k, k * lines * s.columns * g->filters),
                 dc__is_depthwise(&s) ? dc__depthwise_dw_part : dc__dw_part, &s);
    dc_end(ctx, mark);
}

/* Pixels i = phase, phase + stride, ... along one axis of dx: which taps r of w reach them, i = o
 * stride + r dilation - before, from the lowest place o to the highest. */
static int64_t dc__taps_of(const dc__geometry *g, int axis, int64_t phase, int64_t *tap) {
    int64_t count = 0;
    for (int64_t r = g->size[axis] - 1; r >= 0; r--)
        if ((phase + g->before[axis] - r * g->dilation[axis]) % g->stride[axis] == 0)
            tap[count++] = r;
    return count;
}

/* w [size, channels / groups, filters] for dx: phase by phase, its taps, with channels and filters
 * exchanged: [taps, filters / groups, channels]. */
static dc_real *dc__turned(dc_context *ctx, const dc__geometry *g, const dc_real *w) {
    int64_t in = g->channels / g->groups, out = g->filters / g->groups, count[2];
    int64_t *tap = dc__temporary(ctx, (size_t)(g->size[0] + g->size[1]) * sizeof *tap);
    size_t size = (size_t)(g->size[0] * g->size[1] * out * g->channels);
    dc_real *turned = dc__temporary(ctx, size * sizeof *turned), *to = turned;
    for (int64_t phase = 0; phase < g->stride[0] * g->stride[1]; phase++) {
        count[0] = dc__taps_of(g, 0, phase / g->stride[1], tap);
        count[1] = dc__taps_of(g, 1, phase % g->stride[1], tap + g->size[0]);
        for (int64_t t = 0; t < count[0] * count[1]; t++, to += out * g->channels) {
            int64_t r = tap[t / count[1]], s = tap[g->size[0] + t % count[1]];
            const dc_real *from = w + (r * g->size[1] + s) * in * g->filters;
            for (int64_t c = 0; c < g->channels; c++)
                for (int64_t o = 0; o < out; o++)
                    to[o * g->channels + c] = from[c % in * g->filters + c / in * out + o];
        }
    }
    return turned;
}

/* dx = patches(dz) turned, or dx += */
static void dc__conv_dx(dc_context *ctx, const dc__geometry *g, int64_t images, const dc_real *dz,
                        const dc_real *turned, dc_real *dx, bool add) {
    dc_mark mark = dc_begin(ctx);
    int64_t taps = g->size[0] * g->size[1], lowest[2], count[2], *tap[2];
    int64_t *patch = dc__temporary(ctx, (size_t)taps * sizeof *patch);
    dc__frame f = { .x = dz, .channels = g->filters };
    for (int a = 0; a < 2; a++) {
        int64_t s = g->stride[a], far = g->before[a] - (g->size[a] - 1) * g->dilation[a];
        tap[a] = dc__temporary(ctx, (size_t)g->size[a] * sizeof *tap[a]);
        lowest[a] = far >= 0 ? far / s : -((s - 1 - far) / s);
        f.in[a] = g->out[a], f.before[a] = -lowest[a];
        f.out[a] = (g->in[a] - 1 + g->before[a]) / s - lowest[a] + 1;
    }
    dc__places s = { .kernels = ctx->kernels, .count = images, .groups = g->groups, .add = add,
                     .x_group = g->filters / g->groups, .n = g->channels / g->groups,
                     .x_step = g->filters, .patch = patch, .w = turned };
    s.x = dc__framed(ctx, images, f, &s);
    s.y_image = dc__large_size(g);
    s.y_row = g->stride[0] * g->in[1] * g->channels, s.y_step = g->stride[1] * g->channels;
    for (int64_t phase = 0; phase < g->stride[0] * g->stride[1]; phase++) {
        const int64_t at[2] = { phase / g->stride[1], phase % g->stride[1] };
        for (int a = 0; a < 2; a++) {
            count[a] = dc__taps_of(g, a, at[a], tap[a]);
            for (int64_t t = 0; t < count[a]; t++) {
                int64_t o = (at[a] + g->before[a] - tap[a][t] * g->dilation[a]) / g->stride[a];
                tap[a][t] = (o - lowest[a]) * (a ? g->filters : s.x_row);
            }
        }
        s.run = s.x_group;
        dc__set_patch(&s, count, tap[0], tap[1]);
        s.rows = (g->in[0] - at[0] + g->stride[0] - 1) / g->stride[0];
        s.columns = (g->in[1] - at[1] + g->stride[1] - 1) / g->stride[1];
        s.y = dx + (at[0] * g->in[1] + at[1]) * g->channels;
        dc__multiply_places(s);
        s.w += count[0] * count[1] * s.x_group * g->channels;
    }
    dc_end(ctx, mark);
}

/* How many images at once: what stays in the cache. */
static int64_t dc__images_at_once(const dc__geometry *g) {
    int64_t most = (1 << 17) / (dc__large_size(g) + dc__small_size(g) + 1);
    return most < 1 ? 1 : most;
}

/* --- what the windows are --- */
typedef struct dc__conv_state { dc_window window; dc_activation f; dc__geometry g; } dc__conv_state;

static bool dc__are_images(const dc_tensor *x) { return x->shape.rank == 3 || x->shape.rank == 4; }

/* Of images [N, H, W, C] or sequences [N, L, C], which are images of height 1. */
static int64_t dc__side(const dc_tensor *x, int axis) {
    return axis ? x->shape.dim[x->shape.rank - 2] : x->shape.rank == 4 ? x->shape.dim[1] : 1;
}

static int64_t dc__or(int64_t given, int64_t usual) { return given ? given : usual; }

/* Strides, dilations and padding of both axes, and the size of what comes out; `size` is known. */
static void dc__set_geometry(const dc_tensor *y, const dc_window *w, bool transposed,
                             const int64_t usual_stride[2], dc__geometry *g) {
    const dc_tensor *x = y->in[0];
    g->images = x->shape.dim[0];
    int64_t stride = dc__or(w->stride, usual_stride[0]), dilation = dc__or(w->dilation, 1);
    int64_t strides[2] = { stride, dc__or(w->stride_x, dc__or(w->stride, usual_stride[1])) };
    int64_t dilations[2] = { dilation, dc__or(w->dilation_x, dilation) };
    int64_t before[2] = { w->top, w->left }, after[2] = { w->bottom, w->right };
    for (int a = x->shape.rank == 4 ? 0 : 1; a < 2; a++) {
        int64_t n = dc__side(x, a), s = strides[a], span = (g->size[a] - 1) * dilations[a] + 1, m;
        if (g->size[a] < 1 || s < 1 || dilations[a] < 1 || before[a] < 0 || after[a] < 0)
            dc_fail(y->ctx, "dc_%s: size %lld, stride %lld, dilation %lld, %lld and %lld zeros "
                    "around; the first three are at least 1", y->op->name, (long long)g->size[a],
                    (long long)s, (long long)dilations[a], (long long)before[a],
                    (long long)after[a]);
        int64_t same = (transposed ? n : (n + s - 1) / s), pad = (same - 1) * s + span - n;
        if (transposed) pad = span - s;
        if (w->padding == DC_SAME) before[a] = pad > 0 ? pad / 2 : 0;
        if (w->padding == DC_SAME) m = transposed ? n * s : same;
        else if (transposed) m = (n - 1) * s + span - before[a] - after[a] + w->output_padding;
        else m = n + before[a] + after[a] < span ? 0 : (n + before[a] + after[a] - span) / s + 1;
        if (m < 1)
            dc_fail(y->ctx, "dc_%s: the window spans %lld, axis %d of %s only %lld and %lld zeros",
                    y->op->name, (long long)span, x->shape.rank - 3 + a, DC__SHAPE_TEXT(x->shape),
                    (long long)n, (long long)(before[a] + after[a]));
        g->stride[a] = s, g->dilation[a] = dilations[a], g->before[a] = before[a];
        g->in[a] = transposed ? m : n, g->out[a] = transposed ? n : m;
    }
}

static dc__geometry dc__point(void) {
    return (dc__geometry){ .in = { 1, 1 }, .out = { 1, 1 }, .size = { 1, 1 }, .stride = { 1, 1 },
                           .dilation = { 1, 1 } };
}

/* [N, sizes..., channels] */
static dc_shape dc__image_batch(const dc_tensor *x, const int64_t size[2], int64_t channels) {
    dc_shape shape = x->shape;
    if (shape.rank == 4) shape.dim[1] = size[0];
    shape.dim[shape.rank - 2] = size[1], shape.dim[shape.rank - 1] = channels;
    return shape;
}

static void dc__conv_forward(dc_tensor *y) {
    const dc__conv_state *s = y->state;
    const dc__geometry *g = &s->g;
    int64_t most = dc__images_at_once(g), x_size = dc__large_size(g), y_size = dc__small_size(g);
    for (int64_t i = 0; i < g->images; i += most)
        dc__conv_y(y->ctx, g, g->images - i < most ? g->images - i : most,
                   y->in[0]->data + i * x_size, y->in[1]->data,
                   y->inputs > 2 ? y->in[2]->data : NULL, s->f, y->data + i * y_size, false);
}

static void dc__conv_backward(dc_tensor *y) {
    const dc__conv_state *s = y->state;
    const dc__geometry *g = &s->g;
    int64_t most = dc__images_at_once(g), x_size = dc__large_size(g), y_size = dc__small_size(g);
    bool fresh_x = true, fresh_w = true;
    if (!y->size) {
        for (int i = 0; i < y->inputs; i++) dc_grad_data(y->in[i]);          /* Zeros. */
        return;
    }
    dc_real *dx = dc__grad_room(y->in[0], &fresh_x), *dw = dc__grad_room(y->in[1], &fresh_w);
    dc_real *db = y->inputs > 2 ? dc_grad_data(y->in[2]) : NULL, *dz = NULL;
    dc_mark mark = dc_begin(y->ctx);
    if (s->f != DC_LINEAR) dz = dc__temporary(y->ctx, (size_t)(most * y_size) * sizeof *dz);
    const dc_real *turned = dx ? dc__turned(y->ctx, g, y->in[1]->data) : NULL;
    for (int64_t i = 0; i < g->images; i += most) {
        int64_t images = g->images - i < most ? g->images - i : most;
        dc__finish_work f = { y->ctx->kernels, images * y_size / g->filters, g->filters, s->f,
                              y->data + i * y_size, y->grad + i * y_size,
                              dz ? dz : y->grad + i * y_size, db };
        dc__finish_backward(f);
        if (dw) dc__conv_dw(y->ctx, g, images, y->in[0]->data + i * x_size, f.dz, dw,
                            !fresh_w || i > 0);
        if (dx) dc__conv_dx(y->ctx, g, images, f.dz, turned, dx + i * x_size, !fresh_x);
    }
    dc_end(y->ctx, mark);
}


/* Both directions: in w, `a` stands for x's channels of a convolution, and for y's of a transposed
 * one. */
static dc_shape dc__conv_shape_of(const dc_tensor *y, bool transposed) {
    dc__conv_state *s = y->state;
    const dc_tensor *x = y->in[0], *w = y->in[1];
    int64_t groups = dc__or(s->window.groups, 1);
    int rank = w->shape.rank;
    if (!dc__are_images(x) || rank != x->shape.rank)
        dc_fail(y->ctx, "dc_%s: images [N, H, W, C] and filters of 4 axes, or sequences [N, L, C] "
                "and filters of 3, are wanted, not %s and %s", y->op->name,
                DC__SHAPE_TEXT(x->shape), DC__SHAPE_TEXT(w->shape));
    int64_t in = w->shape.dim[rank - 2], out = w->shape.dim[rank - 1], c = dc__last(x);
    if (groups < 1 || (transposed ? out : in * groups) != c || out % groups)
        dc_fail(y->ctx, "dc_%s: filters %s in %lld group%s do not fit %s: %s", y->op->name,
                DC__SHAPE_TEXT(w->shape), (long long)groups, groups == 1 ? "" : "s",
                DC__SHAPE_TEXT(x->shape), transposed ? "they are [..., out / groups, in]"
                : "they are [..., in / groups, out], and out is a multiple of groups");
    s->g = dc__point();
    s->g.channels = in * groups, s->g.filters = out, s->g.groups = groups;
    if (rank == 4) s->g.size[0] = w->shape.dim[0];
    s->g.size[1] = w->shape.dim[rank - 3];
    dc__set_geometry(y, &s->window, transposed, (const int64_t[2]){ 1, 1 }, &s->g);
    dc_shape shape = dc__image_batch(x, transposed ? s->g.in : s->g.out,
                                     transposed ? s->g.channels : out);
    dc__check_vector(y->ctx, "dc_conv_op: the bias", shape, y->inputs > 2 ? y->in[2] : NULL);
    return shape;
}

static dc_shape dc__conv_shape(const dc_tensor *y) { return dc__conv_shape_of(y, false); }

DC__RECORD(conv_op, "dz = dy f'(z), dx = patches(dz) w, dw = patches(x)^T dz, db = sum of dz",
           dc__conv_shape, dc__conv_forward, dc__conv_backward);

/* f must be fused. */
static dc_tensor *dc__conv(dc_tensor *x, dc_tensor *w, dc_tensor *b, dc_window window,
                           dc_activation f) {
    dc_tensors in = { b ? 3 : 2, (dc_tensor *[]){ x, w, b } };
    dc__conv_state s = { .window = window, .f = f };
    return dc_apply(&dc__conv_op_op, in, &s, sizeof s);
}

DC_API dc_tensor *dc_conv_op(dc_tensor *x, dc_tensor *w, dc_tensor *b, dc_window window) {
    return dc__conv(x, w, b, window, DC_LINEAR);
}

static void dc__conv_transpose_forward(dc_tensor *y) {
    const dc__conv_state *s = y->state;
    const dc__geometry *g = &s->g;
    int64_t most = dc__images_at_once(g);
    dc_mark mark = dc_begin(y->ctx);
    const dc_real *turned = dc__turned(y->ctx, g, y->in[1]->data);
    for (int64_t i = 0; i < g->images; i += most)
        dc__conv_dx(y->ctx, g, g->images - i < most ? g->images - i : most,
                    y->in[0]->data + i * dc__small_size(g), turned,
                    y->data + i * dc__large_size(g), false);
    dc_end(y->ctx, mark);
}

static void dc__conv_transpose_backward(dc_tensor *y) {
    const dc__conv_state *s = y->state;
    const dc__geometry *g = &s->g;
    int64_t most = dc__images_at_once(g);
    bool fresh_x = true, fresh_w = true;
    dc_real *dx = dc__grad_room(y->in[0], &fresh_x);
    dc_real *dw = y->size ? dc__grad_room(y->in[1], &fresh_w) : NULL;
    if (!y->size) dc_grad_data(y->in[1]);                                    /* Zeros. */
    for (int64_t i = 0; i < g->images; i += most) {
        int64_t images = g->images - i < most ? g->images - i : most;
        const dc_real *dy = y->grad + i * dc__large_size(g);
        int64_t at = i * dc__small_size(g);
        if (dw) dc__conv_dw(y->ctx, g, images, dy, y->in[0]->data + at, dw, !fresh_w || i > 0);
        if (dx) dc__conv_y(y->ctx, g, images, dy, y->in[1]->data, NULL, DC_LINEAR, dx + at,
                           !fresh_x);
    }
}

static dc_shape dc__conv_transpose_shape(const dc_tensor *y) { return dc__conv_shape_of(y, true); }

DC__RECORD(conv_transpose_op, "dx = conv(dy, w), dw = patches(dy)^T x", dc__conv_transpose_shape,
           dc__conv_transpose_forward, dc__conv_transpose_backward);

DC_API dc_tensor *dc_conv_transpose_op(dc_tensor *x, dc_tensor *w, dc_tensor *b, dc_window window) {
    dc__conv_state s = { .window = window };
    dc__context_of("dc_conv_transpose_op", (dc_tensors){ b ? 3 : 2, (dc_tensor *[]){ x, w, b } });
    dc_tensor *y = dc__apply2(&dc__conv_transpose_op_op, x, w, &s, sizeof s);
    dc__check_vector(y->ctx, "dc_conv_transpose_op: the bias", y->shape, b);
    return b ? dc_add(y, b) : y;
}

/* --- pooling --- */
typedef struct dc__pool_state {
    dc_window    window;
    bool         is_adaptive;            /* To window.height x window.width. */
    dc__geometry g;
    dc__windows  windows;
    bool         is_fresh;               /* x's gradient. */
    dc_real     *index;                  /* Maximum: which pixel of the image it was. */
} dc__pool_state;

static dc_shape dc__pool_shape(const dc_tensor *y) {
    dc__pool_state *s = y->state;
    const dc_tensor *x = y->in[0];
    const dc_window *w = &s->window;
    if (!dc__are_images(x))
        dc_fail(y->ctx, "dc_%s: images [N, H, W, C] or sequences [N, L, C] are wanted, not %s",
                y->op->name, DC__SHAPE_TEXT(x->shape));
    s->g = dc__point();
    s->g.channels = s->g.filters = dc__last(x);
    s->g.size[0] = x->shape.rank == 4 ? w->height : 1, s->g.size[1] = dc__or(w->width, w->height);
    if (!s->is_adaptive) dc__set_geometry(y, w, false, s->g.size, &s->g);
    for (int a = 0; a < 2 && s->is_adaptive; a++) {
        s->g.in[a] = dc__side(x, a), s->g.out[a] = s->g.size[a], s->g.images = x->shape.dim[0];
        if (s->g.in[a] < 1 || s->g.out[a] < 1)
            dc_fail(y->ctx, "dc_%s: %s to %lld x %lld: sizes are at least 1", y->op->name,
                    DC__SHAPE_TEXT(x->shape), (long long)s->g.size[0], (long long)s->g.size[1]);
    }
    return dc__image_batch(x, s->g.out, s->g.channels);
}

/* Which rows (columns) of x belong to row (column) i of y. */
static void dc__set_pool(dc_tensor *y) {
    dc__pool_state *s = y->state;
    const dc__geometry *g = &s->g;
    s->windows = (dc__windows){ .channels = g->channels };
    for (int a = 0; a < 2; a++) {
        int64_t in = g->in[a], out = g->out[a], d = g->dilation[a];
        int64_t *from = dc__temporary(y->ctx, (size_t)out * 2 * sizeof *from), *to = from + out;
        for (int64_t i = 0; i < out; i++) {
            int64_t first = i * g->stride[a] - g->before[a], last = first + (g->size[a] - 1) * d;
            from[i] = first >= 0 ? first : first + (d - 1 - first) / d * d;
            to[i] = last < in ? last + 1 : in;
            if (s->is_adaptive) from[i] = i * in / out, to[i] = ((i + 1) * in + out - 1) / out;
            if (from[i] >= to[i])
                dc_fail(y->ctx, "dc_%s: a window of %lld lies in the padding only", y->op->name,
                        (long long)g->size[a]);
        }
        s->windows.in[a] = in, s->windows.out[a] = out, s->windows.step[a] = d;
        s->windows.from[a] = from, s->windows.to[a] = to;
    }
}

static int64_t dc__pool_least(const dc__geometry *g) {
    return DC__EACH / (g->size[0] * g->size[1] * g->out[1] * g->channels + 1) + 1;
}

static void dc__pool_part(void *work, int64_t start, int64_t stop) {
    dc_tensor *y = work;
    const dc__pool_state *s = y->state;
    y->ctx->kernels->pool(&s->windows, start, stop, y->in[0]->data, y->data, s->index);
}

static void dc__avg_pool_forward(dc_tensor *y) {
    const dc__pool_state *s = y->state;
    dc__set_pool(y);
    dc__parallel(s->g.images * s->g.out[0], 1, dc__pool_least(&s->g), dc__pool_part, y);
}

static void dc__max_pool_forward(dc_tensor *y) {
    dc__pool_state *s = y->state;
    s->index = dc__temporary(y->ctx, (size_t)y->size * sizeof *s->index);
    dc__avg_pool_forward(y);
}

/* Whole images, since windows may overlap. */
static void dc__pool_backward_part(void *work, int64_t start, int64_t stop) {
    dc_tensor *y = work;
    const dc__pool_state *s = y->state;
    const dc__kernels *k = y->ctx->kernels;
    int64_t rows = s->g.out[0], size = dc__large_size(&s->g);
    if (s->is_fresh) k->fill((stop - start) * size, 0, y->in[0]->grad + start * size);
    k->pool_backward(&s->windows, start * rows, stop * rows, s->index, y->grad, y->in[0]->grad);
}

static void dc__pool_backward(dc_tensor *y) {
    dc__pool_state *s = y->state;
    if (!dc__grad_room(y->in[0], &s->is_fresh)) return;
    int64_t least = dc__pool_least(&s->g) / s->g.out[0] + 1;
    dc__parallel(s->g.images, 1, least, dc__pool_backward_part, y);
}

DC__RECORD(max_pool_op, "dx = dy where x was the largest", dc__pool_shape, dc__max_pool_forward,
           dc__pool_backward);
DC__RECORD(avg_pool_op, "dx = dy / size of the window", dc__pool_shape, dc__avg_pool_forward,
           dc__pool_backward);

static dc_tensor *dc__apply_pool(const dc_op *op, dc_tensor *x, dc_window w, bool is_adaptive) {
    dc__pool_state s = { .window = w, .is_adaptive = is_adaptive };
    return dc__apply1(op, x, &s, sizeof s);
}

DC_API dc_tensor *dc_max_pool_op(dc_tensor *x, dc_window window) {
    return dc__apply_pool(&dc__max_pool_op_op, x, window, false);
}
DC_API dc_tensor *dc_avg_pool_op(dc_tensor *x, dc_window window) {
    return dc__apply_pool(&dc__avg_pool_op_op, x, window, false);
}
DC_API dc_tensor *dc_adaptive_max_pool_op(dc_tensor *x, int64_t height, int64_t width) {
    dc_window size = { .height = height, .width = width };
    return dc__apply_pool(&dc__max_pool_op_op, x, size, true);
}
DC_API dc_tensor *dc_adaptive_avg_pool_op(dc_tensor *x, int64_t height, int64_t width) {
    dc_window size = { .height = height, .width = width };
    return dc__apply_pool(&dc__avg_pool_op_op, x, size, true);
}

/* --- other sizes --- */
/* [out, in]: what each of the old places contributes to each new one. */
static dc_tensor *dc__resizing(dc_context *ctx, int64_t in, int64_t out, dc_resizing how) {
    dc_tensor *m = dc_zeros(ctx, DC_SHAPE(out, in));
    dc_real scale = (dc_real)in / (dc_real)out;
    for (int64_t i = 0; i < out; i++) {
        dc_real *row = m->data + i * in, at = ((dc_real)i + DC__C(0.5)) * scale - DC__C(0.5);
        int64_t first = i * in / out, last = ((i + 1) * in + out - 1) / out;
        if (how == DC_NEAREST) row[first] = 1;
        if (how == DC_BILINEAR) {
            at = at < 0 ? 0 : at;
            int64_t low = (int64_t)at < in - 1 ? (int64_t)at : in - 1;
            int64_t high = low + 1 < in ? low + 1 : low;
            row[low] += 1 - (at - (dc_real)low), row[high] += at - (dc_real)low;
        }
        for (int64_t k = first; k < last && how == DC_AREA; k++) {
            dc_real from = (dc_real)i * scale, to = from + scale;
            dc_real low = (dc_real)k > from ? (dc_real)k : from;
            dc_real high = (dc_real)(k + 1) < to ? (dc_real)(k + 1) : to;
            row[k] = (high - low) / scale;
        }
    }
    return m;
}

/* Both axes in turn, as products with matrices, whose gradient is known. */
DC_API dc_tensor *dc_resize(dc_tensor *x, int64_t height, int64_t width, dc_resizing how) {
    dc__check("dc_resize", 1, x);
    if (!dc__are_images(x) || x->size == 0 || (x->shape.rank == 4 && height < 1) || width < 1)
        dc_fail(x->ctx, "dc_resize: images [N, H, W, C] or sequences [N, L, C], %s, to a size of "
                "%lld x %lld", DC__SHAPE_TEXT(x->shape), (long long)height, (long long)width);
    int64_t n = x->shape.dim[0], c = dc__last(x), h = dc__side(x, 0), w = dc__side(x, 1);
    dc_shape shape = dc__image_batch(x, (int64_t[2]){ height, width }, c);
    if (x->shape.rank == 3) height = 1;
    if (height != h)
        x = dc_matmul(dc__resizing(x->ctx, h, height, how), dc_reshape(x, DC_SHAPE(n, h, w * c)));
    if (width != w)
        x = dc_matmul(dc__resizing(x->ctx, w, width, how), dc_reshape(x, DC_SHAPE(-1, w, c)));
    return dc_reshape(x, shape);
}

DC_API dc_tensor *dc_pixel_shuffle_op(dc_tensor *x, int64_t factor) {
    dc__check("dc_pixel_shuffle_op", 1, x);
    const int64_t *d = x->shape.dim, r = factor;
    if (x->shape.rank != 4 || r < 1 || d[3] % (r * r))
        dc_fail(x->ctx, "dc_pixel_shuffle_op: %s by %lld: images [N, H, W, C factor^2] are wanted",
                DC__SHAPE_TEXT(x->shape), (long long)r);
    dc_tensor *y = dc_reshape(x, DC_SHAPE(d[0], d[1], d[2], d[3] / (r * r), r, r));
    y = dc_permute(y, DC_AXES(0, 1, 4, 2, 5, 3));
    return dc_reshape(y, DC_SHAPE(d[0], d[1] * r, d[2] * r, d[3] / (r * r)));
}

/* --- augmentation --- */
/* Chances 0 to 63 of image n, [0, 1), are its own; of these the last 32 are for elastic. */
typedef struct dc__augmenting {
    dc_augmentation how;
    dc__random      random, noise;
    int64_t         h, w, c;
    const dc_real  *x;
    dc_real        *y;
} dc__augmenting;

static dc_real dc__chance(const dc__augmenting *a, int64_t n, int which) {
    return dc__uniform_at(&a->random, (uint64_t)(n * 64 + which));
}
static dc_real dc__spread(const dc__augmenting *a, int64_t n, int which) {
    return 2 * dc__chance(a, n, which) - 1;
}

/* How far the pixel at (v, u), in [0, 1], moves along an axis: a field [4, 4], interpolated. */
static dc_real dc__elastic(const dc_real *field, dc_real v, dc_real u) {
    int row = (int)(v * 3), column = (int)(u * 3);
    dc_real down = v * 3 - (dc_real)row, across = u * 3 - (dc_real)column, sum = 0;
    for (int k = 0; k < 4; k++)
        sum += field[(row + k / 2) * 4 + column + k % 2] * (k / 2 ? down : 1 - down)
             * (k % 2 ? across : 1 - across);
    return sum;
}

/* y's pixel (i, j) is what x has at (v, u), interpolated. */
static void dc__sample(const dc__augmenting *a, const dc_real *x, dc_real v, dc_real u, dc_real *y)
{
    for (int64_t k = 0; k < a->c; k++) y[k] = 0;
    if (!(v > -1 && u > -1 && v < (dc_real)a->h && u < (dc_real)a->w)) return;
    int64_t row = (int64_t)(v + 1) - 1, column = (int64_t)(u + 1) - 1;
    dc_real down = v - (dc_real)row, across = u - (dc_real)column;
    for (int q = 0; q < 4; q++) {
        int64_t r = row + q / 2, s = column + q % 2;
        dc_real part = (q / 2 ? down : 1 - down) * (q % 2 ? across : 1 - across);
        if (r < 0 || s < 0 || r >= a->h || s >= a->w) continue;
        for (int64_t k = 0; k < a->c; k++) y[k] += part * x[(r * a->w + s) * a->c + k];
    }
}

/* Every pixel of y asks where in x it comes from: the inverse of the changes, around the centre. */
static void dc__move_pixels(const dc__augmenting *a, int64_t n, const dc_real *x, dc_real *y) {
    const dc_augmentation *o = &a->how;
    dc_real h = (dc_real)a->h, w = (dc_real)a->w, angle = dc__spread(a, n, 0) * o->rotate;
    dc_real sin = dc__sin_plain(angle * DC__C(0.017453292519943295));
    dc_real cos = dc__cos_plain(angle * DC__C(0.017453292519943295));
    dc_real size = 1 / (1 + dc__spread(a, n, 1) * o->scale), shear = dc__spread(a, n, 2) * o->shear;
    dc_real across = dc__chance(a, n, 3) < o->flip_x ? -size : size;
    dc_real along = dc__chance(a, n, 4) < o->flip_y ? -size : size;
    dc_real down = dc__spread(a, n, 5) * o->shift * h, right = dc__spread(a, n, 6) * o->shift * w;
    dc_real field[32];
    for (int k = 0; k < 32; k++) field[k] = DC__C(1.5) * o->elastic * dc__spread(a, n, 32 + k);
    for (int64_t i = 0; i < a->h; i++)
        for (int64_t j = 0; j < a->w; j++, y += a->c) {
            dc_real v = (dc_real)i - (h - 1) / 2 - down, u = (dc_real)j - (w - 1) / 2 - right;
            dc_real from_v = along * (cos * v + sin * u) + (h - 1) / 2;
            dc_real from_u = across * (cos * u - sin * v + shear * v) + (w - 1) / 2;
            if (o->elastic != 0) {
                from_v += dc__elastic(field, (dc_real)i / h, (dc_real)j / w);
                from_u += dc__elastic(field + 16, (dc_real)i / h, (dc_real)j / w);
            }
            dc__sample(a, x, from_v, from_u, y);
        }
}

static void dc__change_pixels(const dc__augmenting *a, int64_t n, dc_real *y) {
    const dc_augmentation *o = &a->how;
    int64_t size = a->h * a->w * a->c;
    dc_real mean = dc__sum_row_plain(size, y) / (dc_real)size;
    dc_real gain = 1 + dc__spread(a, n, 7) * o->contrast;
    dc_real light = dc__spread(a, n, 8) * o->brightness;
    for (int64_t i = 0; i < size && (o->contrast != 0 || o->brightness != 0); i++)
        y[i] = mean + (y[i] - mean) * gain + light;
    for (int64_t i = 0; i < size && o->noise != 0; i++)
        y[i] += o->noise * dc__normal_at(&a->noise, (uint64_t)(n * size + i));
    int64_t high = (int64_t)(dc__chance(a, n, 9) * o->erase * (dc_real)a->h);
    int64_t wide = (int64_t)(dc__chance(a, n, 10) * o->erase * (dc_real)a->w);
    int64_t top = (int64_t)(dc__chance(a, n, 11) * (dc_real)(a->h - high + 1));
    int64_t left = (int64_t)(dc__chance(a, n, 12) * (dc_real)(a->w - wide + 1));
    for (int64_t i = 0; i < high; i++)
        for (int64_t k = 0; k < wide * a->c; k++) y[((top + i) * a->w + left) * a->c + k] = 0;
}

static void dc__augment_part(void *work, int64_t start, int64_t stop) {
    const dc__augmenting *a = work;
    int64_t size = a->h * a->w * a->c;
    for (int64_t n = start; n < stop; n++) {
        dc__move_pixels(a, n, a->x + n * size, a->y + n * size);
        dc__change_pixels(a, n, a->y + n * size);
    }
}

static dc_tensor *dc__augment(dc_tensor *x, dc_augmentation how, uint32_t owner) {
    dc_context *ctx = x->ctx;
    if (x->shape.rank != 4)
        dc_fail(ctx, "dc_augment_op: images [N, H, W, C] are wanted, not %s",
                DC__SHAPE_TEXT(x->shape));
    if (!(how.scale > -1 && how.scale < 1 && how.erase >= 0 && how.erase <= 1))
        dc_fail(ctx, "dc_augment_op: a scale of %g, which must be below 1, or an erase of %g, from "
                "0 to 1", (double)how.scale, (double)how.erase);
    if (!ctx->training || x->size == 0) return x;
    uint32_t call = ctx->calls++;
    dc_tensor *y = dc_zeros(ctx, x->shape);
    dc__augmenting a = { how, dc__stream(ctx, DC__FOR_AUGMENT, owner, call, ctx->steps),
                         dc__stream(ctx, DC__FOR_NOISE, owner, call, ctx->steps),
                         x->shape.dim[1], x->shape.dim[2], x->shape.dim[3], x->data, y->data };
    dc__parallel(x->shape.dim[0], 1, 1, dc__augment_part, &a);
    return y;
}

DC_API dc_tensor *dc_augment_op(dc_tensor *x, dc_augmentation how) {
    dc__check("dc_augment_op", 1, x);
    return dc__augment(x, how, 0);
}

/* @impl-losses --------------------------------------------------------------------------------- */
/* A loss says in one number how far predictions are from targets. Each is a formula for one
 * element or one sample, and a way of putting those together: their mean, their sum, or not at
 * all. */

static dc_tensor *dc__reduce(dc_tensor *each, const dc_loss_options *o) {
    return o->reduction == DC_NONE ? each : o->reduction == DC_SUM ? dc_sum(each) : dc_mean(each);
}

/* Prediction and target must have one shape. [n] and [n, 1] may meet; any other broadcast would
 * be a mistake that trains: [n] against [n, 1] would compare each with each. */
static dc_tensor *dc__target_like(const char *who, dc_tensor *y, dc_shape wanted, dc_tensor *t) {
    dc_context *ctx = dc__context_of(who, DC_TENSORS(y, t));
    if (dc__same_shape(t->shape, wanted)) return t;
    dc_shape a = { 0 }, b = { 0 };
    for (int i = 0; i < wanted.rank; i++) if (wanted.dim[i] != 1) a.dim[a.rank++] = wanted.dim[i];
    for (int i = 0; i < t->shape.rank; i++)
        if (t->shape.dim[i] != 1) b.dim[b.rank++] = t->shape.dim[i];
    if (!dc__same_shape(a, b))
        dc_fail(ctx, "%s: prediction %s and target %s do not fit; the target should be %s", who,
                DC__SHAPE_TEXT(y->shape), DC__SHAPE_TEXT(t->shape), DC__SHAPE_TEXT(wanted));
    return dc_reshape(t, wanted);
}

/* Element by element: an op of the table of @impl-arithmetic. */
static dc_tensor *dc__element_loss(const char *who, const dc_op *op, dc_tensor *y, dc_tensor *t,
                                   const dc_loss_options *o) {
    dc__check(who, 1, y);
    dc__ab s = { o->delta > 0 ? o->delta : 1, 0 };
    t = dc__target_like(who, y, y->shape, t);
    return dc__reduce(dc__apply2(op, y, t, &s, sizeof s), o);
}

/* --- by sample, over the last axis --- */
static void dc__check_classes(const char *function, const dc_tensor *y, const dc_loss_options *o) {
    dc__check(function, 1, y);
    if (!y->shape.rank || !dc__last(y))
        dc_fail(y->ctx, "%s: a prediction of shape %s has no axis of classes", function,
                DC__SHAPE_TEXT(y->shape));
    if (!(o->label_smoothing >= 0 && o->label_smoothing < 1))
        dc_fail(y->ctx, "%s: label_smoothing %g; it must be in [0, 1)", function,
                (double)o->label_smoothing);
    if (o->class_weights && o->class_weights->size != dc__last(y))
        dc_fail(y->ctx, "%s: %lld class weights for %lld classes", function,
                (long long)o->class_weights->size, (long long)dc__last(y));
}

/* The labels, one a sample. */
static dc_tensor *dc__labels_like(const char *function, dc_tensor *y, dc_tensor *labels) {
    dc_shape samples = y->shape;
    samples.rank--;
    labels = dc__target_like(function, y, samples, labels);
    dc__check_index(function, labels, dc__last(y));
    return labels;
}

static dc_tensor *dc__sum_last(dc_tensor *x) { return dc_sum_over(x, DC_AXES(-1), false); }

/* -w[label] log_p[label]. With weights, the mean divides by their sum, so that they only count
 * against each other. Smoothing moves the part s of each target from its class to all C of them
 * (Szegedy et al. 2015, arXiv:1512.00567): (1 - s) (-log_p[label]) + s/C sum_c (-log_p[c]). */
static dc_tensor *dc__label_loss(const char *function, dc_tensor *log_p, dc_tensor *labels,
                                 const dc_loss_options *o) {
    dc_tensor *w = o->class_weights, *weights = NULL;
    dc__check_classes(function, log_p, o);
    labels = dc__labels_like(function, log_p, labels);
    dc_tensor *each = dc_neg(dc_squeeze(dc_take_along(log_p, dc_unsqueeze(labels, -1), -1), -1));
    if (w) {
        weights = dc_gather(dc_reshape(w, DC_SHAPE(w->size)), labels);
        each = dc_mul(each, weights);
    }
    if (o->label_smoothing > 0) {
        dc_tensor *all = dc__sum_last(w ? dc_mul(log_p, w) : log_p);
        each = dc_scale(each, 1 - o->label_smoothing);
        each = dc_sub(each, dc_scale(all, o->label_smoothing / (dc_real)dc__last(log_p)));
    }
    if (!weights || o->reduction != DC_MEAN) return dc__reduce(each, o);
    dc_tensor *total = dc_sum(each);
    return dc_div(total, dc_sum(weights));
}

/* The usual case as one op: neither weights nor smoothing, and one number as the result. It takes
 * the steps of log_softmax, take_along, neg and sum or mean, and so gives their bits. */
typedef struct dc__nll_state { dc_real divisor, *log_p; } dc__nll_state;

static dc_shape dc__scalar_shape(const dc_tensor *y) { (void)y; return DC_SCALAR; }

static void dc__fused_nll_forward(dc_tensor *y) {
    dc__nll_state *s = y->state;
    const dc_tensor *x = y->in[0];
    int64_t rows = dc__rows(x), n = dc__last(x);
    s->log_p = dc__temporary(y->ctx, (size_t)(x->size + rows) * sizeof(dc_real));
    dc_real *each = s->log_p + x->size;
    dc__by_rows(rows, (dc__row_work){ .forward = y->ctx->kernels->log_softmax, .n = n,
                                      .x = x->data, .y = s->log_p });
    for (int64_t r = 0; r < rows; r++) each[r] = -s->log_p[r * n + (int64_t)y->in[1]->data[r]];
    y->ctx->kernels->sum.forward(&(dc__middle){ 1, rows, 1, s->divisor }, each, y->data);
}

static void dc__fused_nll_backward(dc_tensor *y) {
    const dc__nll_state *s = y->state;
    dc_tensor *x = y->in[0];
    int64_t rows = dc__rows(x), n = dc__last(x);
    dc_real *g = dc_alloc(y->ctx, (size_t)x->size * sizeof *g);
    for (int64_t r = 0; r < rows; r++)
        g[r * n + (int64_t)y->in[1]->data[r]] = -(y->grad[0] / s->divisor);
    dc__by_rows(rows, (dc__row_work){ .backward = y->ctx->kernels->log_softmax_backward, .n = n,
                                      .y = s->log_p, .dy = g, .dx = dc_grad_data(x) });
}

DC__RECORD(cross_entropy, "dx_i = dy (softmax(x)_i - [i is the label]) / samples",
           dc__scalar_shape, dc__fused_nll_forward, dc__fused_nll_backward);

static dc_tensor *dc__label_loss_of_logits(const char *who, dc_tensor *logits, dc_tensor *labels,
                                           const dc_loss_options *o) {
    dc__check_classes(who, logits, o);
    if (o->class_weights || o->label_smoothing > 0 || o->reduction == DC_NONE || !logits->size)
        return dc__label_loss(who, dc_log_softmax(logits), labels, o);
    labels = dc__labels_like(who, logits, labels);
    dc__nll_state s = { o->reduction == DC_SUM ? 1 : (dc_real)labels->size, NULL };
    return dc__apply2(&dc__cross_entropy_op, logits, dc_detach(labels), &s, sizeof s);
}

static dc_tensor *dc__soft_label_loss(const char *who, dc_tensor *logits, dc_tensor *t,
                                      const dc_loss_options *o) {
    dc__check_classes(who, logits, o);
    t = dc__target_like(who, logits, logits->shape, t);
    if (o->label_smoothing > 0)
        t = dc_shift(dc_scale(t, 1 - o->label_smoothing),
                     o->label_smoothing / (dc_real)dc__last(logits));
    if (o->class_weights) t = dc_mul(t, o->class_weights);
    return dc__reduce(dc_neg(dc__sum_last(dc_mul(t, dc_log_softmax(logits)))), o);
}

/* --- the short names, and the records for dc_compile --- */
/*     NAME               IS CLASSIFIER  LOSS of y and t with options o */
#define DC__LOSSES(X)                                                                              \
    X( mse,                false,        dc__element_loss(who, &dc__squared_error_op, y, t, o) )   \
    X( mae,                false,        dc__element_loss(who, &dc__absolute_error_op, y, t, o) )  \
    X( huber,              false,        dc__element_loss(who, &dc__huber_error_op, y, t, o) )     \
    X( bce_with_logits,    true,         dc__element_loss(who, &dc__bce_logits_op, y, t, o) )      \
    X( bce,                true,         dc__element_loss(who, &dc__bce_error_op, y, t, o) )       \
    X( cross_entropy,      true,         dc__label_loss_of_logits(who, y, t, o) )                  \
    X( soft_cross_entropy, true,         dc__soft_label_loss(who, y, t, o) )                       \
    X( nll,                true,         dc__label_loss(who, y, t, o) )

#define DC__DEFINE(NAME, IS_CLASSIFIER, LOSS)                                                      \
    static dc_tensor *dc__##NAME##_of(dc_tensor *y, dc_tensor *t, const dc_loss_options *o) {      \
        const char *who = "dc_" #NAME;                                                             \
        return LOSS;                                                                               \
    }                                                                                              \
    DC_API dc_tensor *dc_##NAME(dc_tensor *y, dc_tensor *t) {                                      \
        return dc__##NAME##_of(y, t, &(dc_loss_options){ .reduction = DC_MEAN });                  \
    }
DC__LOSSES(DC__DEFINE)
#undef DC__DEFINE
DC_API dc_loss dc_loss_named(const char *name) {
#define DC__ROW(NAME, IS_CLASSIFIER, LOSS) { #NAME, dc__##NAME##_of, IS_CLASSIFIER, { 0 } },
    static const dc_loss record[] = { DC__LOSSES(DC__ROW) };
#undef DC__ROW
    for (size_t i = 0; i < sizeof record / sizeof *record; i++)
        if (!strcmp(record[i].name, name)) return record[i];
    return (dc_loss){ .name = name };
}

DC_API dc_tensor *dc_loss_value(dc_loss loss, dc_tensor *y, dc_tensor *t) {
    dc__check("dc_loss_value", 1, y);
    if (!loss.compute)
        dc_fail(y->ctx, "dc_loss_value: there is no loss '%s'", loss.name ? loss.name : "(null)");
    return loss.compute(y, t, &loss.options);
}

/* @impl-gradcheck ------------------------------------------------------------------------------ */
/* (f(x + h) - f(x - h)) / 2h has an error of h^2 f''' / 6 from the formula and e |f| / h from
 * rounding; they are equal near h = e^(1/3). Two such differences, with h and 2h, give a formula
 * of error h^4 (Richardson 1911), for which the best h is near e^(1/5). */
static double dc__numeric_slope(dc_context *ctx, dc_scalar_function f, dc_tensors inputs,
                                void *user, dc_real *element) {
    dc_real x = *element;
    double step = fmax(1, fabs((double)x)) * (sizeof x == 8 ? 0x1p-11 : 0x1p-6), slope[2];
    for (int i = 0; i < 2; i++) {
        dc_real h = (dc_real)(step * (i + 1));
        volatile dc_real side[2] = { x - h, x + h };     /* As rounded. */
        double value[2];
        for (int k = 0; k < 2; k++) {
            *element = side[k];
            dc_mark mark = dc_begin(ctx);
            value[k] = (double)dc_item(f(inputs, user));
            dc_end(ctx, mark);
        }
        slope[i] = (value[1] - value[0]) / ((double)side[1] - (double)side[0]);
    }
    *element = x;
    return (4 * slope[0] - slope[1]) / 3;
}

DC_API double dc_gradcheck(dc_context *ctx, dc_scalar_function f, dc_tensors inputs, void *user) {
    double worst = 0;
    for (int i = 0; i < inputs.count; i++) {
        dc__check("dc_gradcheck", i + 1, inputs.tensor[i]);
        dc_require_grad(inputs.tensor[i]);
        dc_zero_grad(inputs.tensor[i]);
    }
    dc_mark mark = dc_begin(ctx);
    dc_backward(f(inputs, user));
    dc_end(ctx, mark);
    for (int i = 0; i < inputs.count; i++) {
        dc_tensor *x = inputs.tensor[i];
        for (int64_t k = 0; k < x->size; k++) {
            double analytic = x->pass ? (double)x->grad[k] : 0;
            double numeric = dc__numeric_slope(ctx, f, inputs, user, &x->data[k]);
            double error = fabs(analytic - numeric) / fmax(1, fmax(fabs(analytic), fabs(numeric)));
            if (!(error <= worst) && !isnan(worst)) worst = error;
        }
    }
    for (int i = 0; i < inputs.count; i++) dc_zero_grad(inputs.tensor[i]);
    return worst;
}

/* @impl-optimizers ----------------------------------------------------------------------------- */
/* The gradient says which way is down, an optimiser how far to go. Two of them differ in one kernel
 * (@impl-kernels) and in how many numbers they remember for each weight. Rates, schedules, clipping
 * and groups are the same for all, and reach the kernel as a dozen numbers. */

typedef struct dc__slot {
    dc_tensor *param;
    dc_real   *state[3];                   /* Moments, as large as the parameter, or NULL. */
    double     rate_factor, weight_decay;  /* Its group's. */
    int64_t    t;                          /* Updates of this parameter. */
    double     power1, power2;             /* beta1^t, beta2^t */
    bool       is_due;                     /* It has a gradient in the present step, */
    dc__step   step;                       /* which is this. */
} dc__slot;

typedef struct dc__rule {
    const char     *name;
    dc__step_kernel step;
    int             states;                /* Numbers to remember for each weight. */
    double          beta1, beta2, rest2;   /* As in dc__step. */
    bool            divides;               /* By something that epsilon must keep from 0. */
} dc__rule;

struct dc_optimizer {
    dc_context       *ctx;
    dc_optimizer_spec spec;
    dc__rule          rule;
    int               count;
    dc__slot         *slot;                /* One a parameter. */
    int64_t           t, calls;            /* Updates applied; calls of dc_step. */
    uint32_t          epochs;              /* That dc_fit has run; they number its shuffles. */
    double            plateau_best, plateau_factor;
    int               plateau_bad;         /* Reports in a row without improvement. */
};

/* --- specifications --- */
/* PyTorch's defaults. */
#define DC__OPTIMIZER(CALL, NAME, ...)                                                             \
    DC_API dc_optimizer_spec CALL {                                                                \
        return (dc_optimizer_spec){ .name = NAME, .rate = rate, __VA_ARGS__ };                     \
    }
DC__OPTIMIZER(dc_sgd(double rate), "sgd", .momentum = 0)
DC__OPTIMIZER(dc_momentum(double rate, double momentum), "sgd", .momentum = momentum)
DC__OPTIMIZER(dc_nesterov(double rate, double momentum), "sgd", .momentum = momentum,
              .nesterov = true)
DC__OPTIMIZER(dc_rmsprop(double rate), "rmsprop", .rho = 0.99, .epsilon = 1e-8)
DC__OPTIMIZER(dc_adagrad(double rate), "adagrad", .epsilon = 1e-10)
DC__OPTIMIZER(dc_adam(double rate), "adam", .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8)
DC__OPTIMIZER(dc_adamw(double rate), "adamw", .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8,
              .weight_decay = 0.01, .decoupled = true)
#undef DC__OPTIMIZER

/* --- schedules --- */
#define DC__SCHEDULE(CALL, KIND, ...) \
    DC_API dc_schedule CALL { return (dc_schedule){ .kind = KIND, __VA_ARGS__ }; }
DC__SCHEDULE(dc_step_decay(int64_t every, double factor),
             DC_STEP_DECAY, .steps = every, .factor = factor)
DC__SCHEDULE(dc_exponential_decay(double factor), DC_EXPONENTIAL_DECAY, .factor = factor)
DC__SCHEDULE(dc_polynomial_decay(int64_t steps, double power, double final),
             DC_POLYNOMIAL_DECAY, .steps = steps, .power = power, .final = final)
DC__SCHEDULE(dc_cosine_decay(int64_t steps, double final),
             DC_COSINE_DECAY, .steps = steps, .final = final)
DC__SCHEDULE(dc_one_cycle(int64_t steps), DC_ONE_CYCLE, .steps = steps)
DC__SCHEDULE(dc_reduce_on_plateau(double factor, int patience),
             DC_REDUCE_ON_PLATEAU, .factor = factor, .patience = patience)
#undef DC__SCHEDULE
DC_API dc_schedule dc_with_warmup(dc_schedule s, int64_t steps) { s.warmup = steps; return s; }

/* x^n by squaring, which unlike pow gives the same bits everywhere. */
static double dc__whole_power(double x, int64_t n) {
    double y = 1;
    for (; n > 0; n /= 2, x *= x) if (n % 2) y *= x;
    return y;
}

static double dc__power(double x, double exponent) {
    int64_t whole = exponent < 1e9 ? (int64_t)exponent : 0;
    if (exponent == (double)whole) return dc__whole_power(x, whole);
    return (double)dc__pow_plain((dc_real)x, (dc_real)exponent);
}

/* From `start` to `end` along half a cosine, as x goes from 0 to 1. (1 + cos(pi x)) / 2 is
 * sin^2(pi (1 - x) / 2), which keeps all its digits near the end. */
static double dc__cosine(double start, double end, double x) {
    double sine = (double)dc__sin_plain((dc_real)(1.5707963267948966 * (1 - x)));
    return end + (start - end) * sine * sine;
}

/* As PyTorch's OneCycleLR: the top and the end are reached, not passed, hence the -1. */
static double dc__one_cycle_at(int64_t steps, int64_t t) {
    double top = 0.3 * (double)steps - 1, last = (double)(steps - 1), now = (double)t;
    if (now >= last) return 1.0 / 250000;
    if (now <= top) return dc__cosine(1.0 / 25, 1, now / top);
    return dc__cosine(1, 1.0 / 250000, (now - top) / (last - top));
}

DC_API double dc_schedule_at(dc_schedule s, int64_t t) {
    if (t < 0) t = 0;
    if (t < s.warmup) {
        double part = (double)(t + 1) / (double)s.warmup;
        s.warmup = 0;
        return part * dc_schedule_at(s, 0);
    }
    t -= s.warmup;
    double x = t < s.steps ? (double)t / (double)s.steps : 1;
    switch (s.kind) {
    case DC_STEP_DECAY:        return dc__whole_power(s.factor, s.steps > 0 ? t / s.steps : 0);
    case DC_EXPONENTIAL_DECAY: return dc__whole_power(s.factor, t);
    case DC_POLYNOMIAL_DECAY:  return s.final + (1 - s.final) * dc__power(1 - x, s.power);
    case DC_COSINE_DECAY:      return dc__cosine(1, s.final, x);
    case DC_ONE_CYCLE:         return dc__one_cycle_at(s.steps, t);
    case DC_CONSTANT:
    case DC_REDUCE_ON_PLATEAU: break;
    }
    return 1;
}

/* --- making an optimiser --- */
/* The rule of that name on this device; .name is NULL when there is none. */
static dc__rule dc__rule_of(const dc_context *ctx, const dc_optimizer_spec *s) {
    const dc__kernels *k = ctx->kernels;
    const int momentum = s->momentum > 0;
    const dc__rule rules[] = {
        /* NAME     STEP        STATES        BETA1        BETA2     REST2         DIVIDES */
        { "sgd",     k->sgd,     momentum,     s->momentum, 0,        1,            false },
        { "rmsprop", k->rmsprop, 1 + momentum, s->momentum, s->rho,   1 - s->rho,   true  },
        { "adagrad", k->rmsprop, 1,            0,           1,        1,            true  },
        { "adam",    k->adam,    2,            s->beta1,    s->beta2, 1 - s->beta2, true  },
        { "adamw",   k->adam,    2,            s->beta1,    s->beta2, 1 - s->beta2, true  },
    };
    for (size_t i = 0; s->name && i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(s->name, rules[i].name)) return rules[i];
    return (dc__rule){ 0 };
}

/* x must be a finite number, from `low` on. No NaN is. */
static void dc__check_number(dc_context *ctx, const char *who, const char *what, double x,
                             double low, const char *rule) {
    if (x >= low && x < INFINITY) return;
    dc_fail(ctx, "%s: %s is %s; it must be %s", who, what, DC__NUMBER(x, 6), rule);
}

static void dc__check_schedule(dc_context *ctx, const char *who, dc_schedule s) {
    const bool decays = s.kind == DC_STEP_DECAY || s.kind == DC_EXPONENTIAL_DECAY ||
                        s.kind == DC_REDUCE_ON_PLATEAU;
    const bool ends = s.kind == DC_POLYNOMIAL_DECAY || s.kind == DC_COSINE_DECAY ||
                      s.kind == DC_ONE_CYCLE;
    if ((unsigned)s.kind > DC_REDUCE_ON_PLATEAU)
        dc_fail(ctx, "%s: there is no schedule of kind %d; use dc_cosine_decay or its like", who,
                (int)s.kind);
    if ((ends || s.kind == DC_STEP_DECAY) && s.steps < 1)
        dc_fail(ctx, "%s: the schedule's steps are %lld; they must be at least 1", who,
                (long long)s.steps);
    if (s.warmup < 0)
        dc_fail(ctx, "%s: the warm-up's steps are %lld; they must be 0 or more", who,
                (long long)s.warmup);
    if (s.patience < 0)
        dc_fail(ctx, "%s: the schedule's patience is %d; it must be 0 or more", who, s.patience);
    if (decays)
        dc__check_number(ctx, who, "the schedule's factor", s.factor, DBL_MIN, "greater than 0");
    if (s.kind == DC_POLYNOMIAL_DECAY)
        dc__check_number(ctx, who, "the schedule's power", s.power, DBL_MIN, "greater than 0");
    if (ends) dc__check_number(ctx, who, "the schedule's final", s.final, 0, "0 or more");
}

static void dc__check_spec(dc_context *ctx, const char *who, const dc_optimizer_spec *s) {
    const char *const name[] = { "momentum", "beta1", "beta2", "rho" };
    const double part[] = { s->momentum, s->beta1, s->beta2, s->rho };
    const dc__rule rule = dc__rule_of(ctx, s);
    if (!rule.name)
        dc_fail(ctx, "%s: there is no optimizer \"%s\"; start from dc_sgd, dc_adam or their like "
                "and change what they return", who, s->name ? s->name : "(NULL)");
    dc__check_number(ctx, who, "the rate", s->rate, DBL_MIN, "greater than 0");
    for (int i = 0; i < 4; i++)
        if (!(part[i] >= 0 && part[i] < 1))
            dc_fail(ctx, "%s: %s is %s; it must be in [0, 1)", who, name[i],
                    DC__NUMBER(part[i], 6));
    if (rule.divides)
        dc__check_number(ctx, who, "epsilon", s->epsilon, 1e-16,
                         "at least 1e-16, for it is the divisor where gradients are 0");
    dc__check_number(ctx, who, "weight_decay", s->weight_decay, 0, "0 or more");
    dc__check_number(ctx, who, "clip_value", s->clip_value, 0, "greater than 0, or 0 for none");
    dc__check_number(ctx, who, "clip_norm", s->clip_norm, 0, "greater than 0, or 0 for none");
    if (s->accumulate < 0)
        dc_fail(ctx, "%s: accumulate is %d; it counts calls of dc_step", who, s->accumulate);
    if (s->nesterov && !(s->momentum > 0))
        dc_fail(ctx, "%s: nesterov looks ahead along the momentum, but that is 0; set it too", who);
    dc__check_schedule(ctx, who, s->schedule);
}

/* The parameter's slot, or NULL. */
static dc__slot *dc__slot_of(const dc_optimizer *o, const dc_tensor *param) {
    for (int i = 0; i < o->count; i++) if (o->slot[i].param == param) return &o->slot[i];
    return NULL;
}

static void dc__add_slot(dc_optimizer *o, const char *who, dc_tensor *p, int states) {
    const int i = o->count;
    if (!p) dc_fail(o->ctx, "%s: parameter %d is NULL", who, i + 1);
    dc__check(who, i + 1, p);
    if (p->ctx != o->ctx) dc_fail(o->ctx, "%s: parameter %d is of another context", who, i + 1);
    if (p->op)
        dc_fail(o->ctx, "%s: tensor %d is the result of dc_%s; it wants parameters (dc_param)", who,
                i + 1, p->op->name);
    if (p->depth)
        dc_fail(o->ctx, "%s: tensor %d lives between dc_begin and dc_end; make it before dc_begin",
                who, i + 1);
    if (dc__slot_of(o, p)) dc_fail(o->ctx, "%s: parameter %d is in the list twice", who, i + 1);
    dc__slot *s = &o->slot[o->count++];
    *s = (dc__slot){ .param = p, .rate_factor = 1, .weight_decay = o->spec.weight_decay,
                     .power1 = 1, .power2 = 1 };
    for (int k = 0; k < states; k++)
        s->state[k] = dc__permanent_zeros(o->ctx, (size_t)p->size * sizeof(dc_real));
}

/* who: the public function that was called, for messages. */
static dc_optimizer *dc__make_optimizer(dc_context *ctx, const char *who, dc_optimizer_spec spec,
                                        dc_tensors params) {
    dc__check_spec(ctx, who, &spec);
    if (params.count < 1)
        dc_fail(ctx, "%s: there is no parameter; make the model before its optimizer", who);
    const dc__rule rule = dc__rule_of(ctx, &spec);
    spec.name = rule.name;                 /* The program's own text need not live as long. */
    dc_optimizer *o = dc__permanent(ctx, sizeof *o);
    *o = (dc_optimizer){ .ctx = ctx, .spec = spec, .rule = rule, .plateau_best = INFINITY,
                         .plateau_factor = 1 };
    o->slot = dc__permanent(ctx, (size_t)params.count * sizeof *o->slot);
    for (int i = 0; i < params.count; i++) dc__add_slot(o, who, params.tensor[i], rule.states);
    return o;
}

DC_API dc_optimizer *dc_optimize(dc_context *ctx, dc_optimizer_spec spec) {
    return dc__make_optimizer(ctx, "dc_optimize", spec, dc_make_tensors(ctx->params, ctx->param));
}

DC_API dc_optimizer *dc_optimize_these(dc_context *ctx, dc_optimizer_spec spec, dc_tensors params) {
    return dc__make_optimizer(ctx, "dc_optimize_these", spec, params);
}

DC_API void dc_set_group(dc_optimizer *o, dc_tensors params, double rate_factor,
                         double weight_decay) {
    const char *who = "dc_set_group";
    dc__check_number(o->ctx, who, "rate_factor", rate_factor, 0, "0 or more");
    dc__check_number(o->ctx, who, "weight_decay", weight_decay, 0, "0 or more");
    for (int i = 0; i < params.count; i++) {
        dc__slot *s = dc__slot_of(o, params.tensor[i]);
        if (!s) dc_fail(o->ctx, "%s: parameter %d is not one of this optimizer's", who, i + 1);
        s->rate_factor = rate_factor, s->weight_decay = weight_decay;
    }
}

/* --- stepping --- */
static double dc__multiplier(const dc_optimizer *o) {
    return dc_schedule_at(o->spec.schedule, o->t) * o->plateau_factor;
}

DC_API double dc_rate(const dc_optimizer *o) { return o->spec.rate * dc__multiplier(o); }

DC_API void dc_set_rate(dc_optimizer *o, double rate) {
    dc__check_number(o->ctx, "dc_set_rate", "the rate", rate, DBL_MIN, "greater than 0");
    o->spec.rate = rate;
}

/* As PyTorch's ReduceLROnPlateau: an improvement is one by a factor of at least 1e-4. */
DC_API void dc_plateau(dc_optimizer *o, double loss) {
    const dc_schedule *s = &o->spec.schedule;
    if (s->kind != DC_REDUCE_ON_PLATEAU) return;
    if (loss < o->plateau_best * (1 - 1e-4)) {
        o->plateau_best = loss, o->plateau_bad = 0;
    } else if (++o->plateau_bad > s->patience) {
        o->plateau_factor *= s->factor, o->plateau_bad = 0;
    }
}

/* The gradient that a step would apply; NULL when backward has not reached p, or p is frozen. */
static const dc_real *dc__gradient_of(const dc_tensor *p) {
    return p->needs_grad && p->pass ? p->grad : NULL;
}

/* Eight sums side by side, always in the same way: the compiler may add them at once. */
static double dc__sum_of_squares(int64_t n, const dc_real *x) {
    double sum[8] = { 0 };
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) sum[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < n; i++) sum[i % 8] += (double)x[i] * (double)x[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

DC_API double dc_grad_norm(const dc_optimizer *o) {
    double sum = 0;
    for (int i = 0; i < o->count; i++) {
        const dc_real *g = dc__gradient_of(o->slot[i].param);
        if (g) sum += dc__sum_of_squares(o->slot[i].param->size, g);
    }
    return sqrt(sum);
}

/* By which gradients are multiplied: for the mean over accumulated calls, then for clip_norm. A NaN
 * stays one; the 1e-6 is PyTorch's. */
static double dc__gradient_scale(const dc_optimizer *o) {
    double mean = o->spec.accumulate > 1 ? 1.0 / o->spec.accumulate : 1;
    if (!(o->spec.clip_norm > 0)) return mean;
    double factor = o->spec.clip_norm / (mean * dc_grad_norm(o) + 1e-6);
    return factor > 1 ? mean : mean * factor;
}

/* What the kernel is told for one parameter, once the slot's t and powers are those of this update.
 * Moments start at 0, so they are too small at first: Adam divides this bias out. */
static dc__step dc__numbers(const dc_optimizer *o, const dc__slot *slot, double rate, double scale)
{
    const dc_optimizer_spec *s = &o->spec;
    const dc__rule *rule = &o->rule;
    rate *= slot->rate_factor;
    double keep = s->decoupled ? 1 - rate * slot->weight_decay : 1;
    if (rule->step == o->ctx->kernels->adam) rate /= 1 - slot->power1;
    return (dc__step){
        .scale = DC__C(scale), .limit = DC__C(s->clip_value > 0 ? s->clip_value : INFINITY),
        .l2 = DC__C(s->decoupled ? 0 : slot->weight_decay), .keep = DC__C(keep),
        .rate = DC__C(rate), .beta1 = DC__C(rule->beta1), .rest1 = DC__C(1 - rule->beta1),
        .beta2 = DC__C(rule->beta2), .rest2 = DC__C(rule->rest2),
        .unbias = DC__C(1 / sqrt(1 - slot->power2)), .epsilon = DC__C(s->epsilon),
        .nesterov = s->nesterov,
    };
}

/* Of all weights that are due, one parameter's behind the other's, those from start to stop. */
static void dc__step_part(void *work, int64_t start, int64_t stop) {
    const dc_optimizer *o = work;
    int64_t before = 0;                          /* Weights of the parameters that came already. */
    for (int i = 0; i < o->count && before < stop; i++) {
        const dc__slot *slot = &o->slot[i];
        dc_tensor *p = slot->param;
        if (!slot->is_due) continue;
        int64_t from = start > before ? start - before : 0, to = stop - before;
        if (to > p->size) to = p->size;
        dc_real *m = slot->state[0] ? slot->state[0] + from : NULL;
        dc_real *v = slot->state[1] ? slot->state[1] + from : NULL;
        if (from < to) o->rule.step(to - from, p->data + from, p->grad + from, m, v, &slot->step);
        before += p->size;
    }
}

DC_API void dc_step(dc_optimizer *o) {
    const dc_optimizer_spec *s = &o->spec;
    o->ctx->steps++, o->ctx->calls = 0;
    o->calls++;
    if (s->accumulate > 1 && o->calls % s->accumulate) return;   /* The gradients keep adding up. */

    const double scale = dc__gradient_scale(o);
    const double rate = (double)(dc_real)s->rate * dc__multiplier(o);    /* 1e-3 as 1e-3f. */
    int64_t weights = 0;
    o->t++;
    for (int i = 0; i < o->count; i++) {
        dc__slot *slot = &o->slot[i];
        slot->is_due = dc__gradient_of(slot->param) != NULL;
        if (!slot->is_due) continue;
        slot->t++, slot->power1 *= s->beta1, slot->power2 *= s->beta2;
        slot->step = dc__numbers(o, slot, rate, scale);
        slot->param->base->version++;
        weights += slot->param->size;
    }
    dc__parallel(weights, DC__LANES, DC__EACH, dc__step_part, o);
    for (int i = 0; i < o->count; i++) dc_zero_grad(o->slot[i].param);
}

/* @impl-layers --------------------------------------------------------------------------------- */
/* A layer is a specification that has been given parameters. A kind of layer is a record of two
 * functions, as an op is: build makes the parameters when the shape of the input is known, call
 * runs ops on them. */

struct dc_model {
    dc_context        *ctx;
    dc_layer       *first, *newest; /* All layers, those inside others too, in order of creation. */
    dc_layer         **chain;               /* Sequential: what runs after what. */
    int                chain_count;
    dc_shape           input;               /* Of one sample. */
    dc_shape           output;              /* Of the prediction for it: [1, ...]. */
    dc_model_function  function;            /* Functional. */
    void              *user;
    bool               is_traced, is_compiled;
    dc_tensors         all;                 /* Parameters and buffers: see dc__all_of. */
    dc_tensor        **param;               /* Room for dc_params. */
    dc_loss            loss;
    dc_optimizer_spec  optimizer_spec;
    dc_optimizer      *optimizer;
    dc_metric          metric[DC_MAX_METRICS];
    int                metrics;
};

/* --- activations --- */
static const struct { const char *name; dc_tensor *(*apply)(dc_tensor *x); } dc__activations[] = {
    [DC_LINEAR]    = { "linear", NULL },            [DC_RELU]     = { "relu", dc_relu },
    [DC_LEAKY_RELU] = { "leaky_relu", NULL },       [DC_ELU]      = { "elu", NULL },
    [DC_GELU]      = { "gelu", dc_gelu },           [DC_GELU_TANH] = { "gelu_tanh", dc_gelu_tanh },
    [DC_SILU]      = { "silu", dc_silu },           [DC_SOFTPLUS] = { "softplus", dc_softplus },
    [DC_TANH]      = { "tanh", dc_tanh },           [DC_SIGMOID]  = { "sigmoid", dc_sigmoid },
    [DC_SOFTMAX]   = { "softmax", dc_softmax },
};
enum { DC__ACTIVATIONS = sizeof dc__activations / sizeof *dc__activations };

DC_API dc_tensor *dc_activate(dc_tensor *x, dc_activation activation) {
    dc__check("dc_activate", 1, x);
    if ((int)activation < 0 || (int)activation >= DC__ACTIVATIONS)
        dc_fail(x->ctx, "dc_activate: there is no activation %d", (int)activation);
    if (activation == DC_LINEAR) return x;
    if (activation == DC_LEAKY_RELU) return dc_leaky_relu(x, DC__C(0.01));
    if (activation == DC_ELU) return dc_elu(x, 1);
    return dc__activations[activation].apply(x);
}

/* --- what a kind's build uses --- */
static dc_tensor *dc__add_tensor(dc_layer *layer, const char *name, dc_tensor *t) {
    if (layer->tensors == DC_MAX_LAYER_TENSORS)
        dc_fail(layer->ctx, "more than %d tensors", DC_MAX_LAYER_TENSORS);
    char full[256];
    snprintf(full, sizeof full, "%.120s.%.120s", layer->name, name);
    t->name = dc__permanent_text(layer->ctx, full);
    return layer->tensor[layer->tensors++] = t;
}

DC_API dc_tensor *dc_layer_param(dc_layer *layer, const char *name, dc_init init, dc_shape shape) {
    dc_tensor *t = dc__empty_permanent(layer->ctx, shape);
    dc__random r = dc__stream(layer->ctx, DC__FOR_INIT, (uint32_t)layer->ordinal,
                              (uint32_t)layer->tensors, 0);
    dc__init(t, init, &r);
    return dc__add_tensor(layer, name, dc__list_param(t));
}

DC_API dc_tensor *dc_layer_buffer(dc_layer *l, const char *name, dc_real value, dc_shape shape) {
    dc_tensor *t = dc__empty_permanent(l->ctx, shape);
    l->ctx->kernels->fill(t->size, value, t->data);
    return dc__add_tensor(l, name, t);
}

static int64_t dc__layer_features(const dc_layer *layer, dc_shape input) {
    if (input.rank < 2)
        dc_fail(layer->ctx, "needs an axis of features behind the batch axis, and got %s",
                DC__SHAPE_TEXT(input));
    return input.dim[input.rank - 1];
}

/* Is this a batch of such samples? */
static bool dc__is_batch_of(dc_shape batch, dc_shape sample) {
    return batch.rank == sample.rank + 1 &&
           !memcmp(batch.dim + 1, sample.dim, (size_t)sample.rank * sizeof *sample.dim);
}

/* --- the kinds --- */
static dc_tensor *dc__promised(const dc_layer *layer, dc_tensor *x) {
    if (!dc__is_batch_of(x->shape, layer->spec.shape))
        dc_fail(layer->ctx, "dc_input: samples of %s were promised, and a batch of %s came",
                DC__SHAPE_TEXT(layer->spec.shape), DC__SHAPE_TEXT(x->shape));
    return x;
}

/* Elements of the last output, a sample. */
static int64_t dc__outputs(const dc_layer *layer) {
    int64_t n = 1;
    for (int i = 1; i < layer->out_shape.rank; i++) n *= layer->out_shape.dim[i];
    return n;
}

static int64_t dc__no_flops(const dc_layer *layer) { (void)layer; return 0; }

/* Each output is a dot product with one of the filters, or of the columns of a dense layer. */
static int64_t dc__conv_flops(const dc_layer *layer) {
    const dc_tensor *w = layer->tensor[0];
    return dc__outputs(layer) * 2 * (w->size / dc__last(w));
}

static int64_t dc__conv_transpose_flops(const dc_layer *layer) {
    const dc_window *w = &layer->spec.window;
    int64_t stride = dc__or(w->stride, 1), across = dc__or(w->stride_x, stride);
    if (layer->out_shape.rank == 3) stride = 1;
    int64_t places = dc__outputs(layer) / layer->out_shape.dim[layer->out_shape.rank - 1];
    return places / (stride * across) * 2 * layer->tensor[0]->size;
}

/* y = f(x W + b) */
static void dc__dense_build(dc_layer *layer, dc_shape input) {
    int64_t in = dc__layer_features(layer, input), out = layer->spec.units;
    if (out < 1) dc_fail(layer->ctx, "dc_dense: %lld units; at least 1 is needed", (long long)out);
    dc_layer_param(layer, "weight", layer->spec.init, DC_SHAPE(in, out));
    if (!layer->spec.without_bias) dc_layer_param(layer, "bias", DC_ZEROS, DC_SHAPE(out));
}

static dc_tensor *dc__dense(dc_tensor *x, dc_tensor *w, dc_tensor *b, dc_activation f) {
    return dc__is_fused(f) ? dc__linear(x, w, b, f) : dc_activate(dc_linear(x, w, b), f);
}

/* [height, width, C / groups, units], or without the height for a sequence; transposed, units and C
 * change places. */
static void dc__filters_build(dc_layer *layer, dc_shape input) {
    dc_layer_spec *s = &layer->spec;
    int sequence = strstr(s->kind->name, "1d") != NULL, rank = sequence ? 3 : 4;
    int64_t c = dc__layer_features(layer, input), in = c, out = dc__or(s->units, c);
    if (s->window.groups < 0) s->window.groups = c;
    if (input.rank != rank || out < 1 || s->window.height < 1)
        dc_fail(layer->ctx, "dc_%s: %lld filters of size %lld on %s; at least 1 of size 1, on %s, "
                "is needed", s->kind->name, (long long)out, (long long)s->window.height,
                DC__SHAPE_TEXT(input), sequence ? "[N, L, C]" : "[N, H, W, C]");
    if (strstr(s->kind->name, "transpose")) in = out, out = c;
    in /= dc__or(s->window.groups, 1);
    dc_shape w = { rank, { s->window.height, dc__or(s->window.width, s->window.height), in, out } };
    if (sequence) w = DC_SHAPE(s->window.height, in, out);
    dc_layer_param(layer, "weight", s->init, w);
    if (!s->without_bias)
        dc_layer_param(layer, "bias", DC_ZEROS, DC_SHAPE(dc__or(s->units, c)));
}

static dc_tensor *dc__filter(dc_tensor *x, dc_tensor *w, dc_tensor *b, const dc_layer_spec *s) {
    if (dc__is_fused(s->activation)) return dc__conv(x, w, b, s->window, s->activation);
    return dc_activate(dc_conv_op(x, w, b, s->window), s->activation);
}

static void dc__rms_norm_build(dc_layer *layer, dc_shape input) {
    dc_layer_param(layer, "weight", DC_ONES, DC_SHAPE(dc__layer_features(layer, input)));
}

static void dc__layer_norm_build(dc_layer *layer, dc_shape input) {
    dc__rms_norm_build(layer, input);
    dc_layer_param(layer, "bias", DC_ZEROS, layer->tensor[0]->shape);
}

static void dc__batch_norm_build(dc_layer *layer, dc_shape input) {
    dc__layer_norm_build(layer, input);
    dc_layer_buffer(layer, "running_mean", 0, layer->tensor[0]->shape);
    dc_layer_buffer(layer, "running_var", 1, layer->tensor[0]->shape);
}

/* (x - mean) / std; of a model that is being loaded (no data set) 0 and 1, to be overwritten. The
 * spread is by Welford (1962): sum x^2 - n mean^2 would be the difference of two large numbers. */
static void dc__standardize_build(dc_layer *layer, dc_shape input) {
    dc_context *ctx = layer->ctx;
    int64_t n = dc__layer_features(layer, input), count = 0;
    dc_tensor *mean = dc_layer_buffer(layer, "mean", 0, DC_SHAPE(n));
    dc_tensor *std = dc_layer_buffer(layer, "std", 1, DC_SHAPE(n));
    if (!layer->spec.data) return;
    dc_shape sample = dc_x_shape(layer->spec.data);
    if ((sample.rank ? sample.dim[sample.rank - 1] : 1) != n)
        dc_fail(ctx, "dc_standardize: its data set has samples of %s, the input %s %lld features",
                DC__SHAPE_TEXT(sample), DC__SHAPE_TEXT(input), (long long)n);
    dc_mark mark = dc_begin(ctx);
    double *m = dc_alloc(ctx, 2 * (size_t)n * sizeof *m), *squares = m + n;
    dc_loader *loader = dc_batches(layer->spec.data, 1, false);
    for (dc_batch b; dc_next(loader, &b);)
        for (int64_t k = 0; k < b.x->size; k += n, count++)
            for (int64_t j = 0; j < n; j++) {
                double x = (double)b.x->data[k + j], e = x - m[j];
                m[j] += e / (double)(count + 1);
                squares[j] += e * (x - m[j]);
            }
    if (ctx->error[0]) dc_fail(ctx, "dc_standardize: %s", ctx->error);
    for (int64_t j = 0; j < n; j++) {
        mean->data[j] = (dc_real)m[j];
        std->data[j] = (dc_real)sqrt(squares[j] / (double)count);
        if (std->data[j] == 0) std->data[j] = 1;
    }
    dc_end(ctx, mark);
}

/* x; without this check, an input of width 1 would be broadcast to the layer's width. */
static dc_tensor *dc__fitting(const dc_layer *layer, dc_tensor *x) {
    if (dc__layer_features(layer, x->shape) != layer->tensor[0]->size)
        dc_fail(layer->ctx, "made for %lld features, and got %s",
                (long long)layer->tensor[0]->size, DC__SHAPE_TEXT(x->shape));
    return x;
}

static dc_tensor *dc__drop(const dc_layer *layer, dc_tensor *x) {
    uint32_t call = layer->ctx->training ? layer->ctx->calls++ : 0;
    return dc__dropout(x, layer->spec.rate, (uint32_t)layer->ordinal + 1, call);
}

/* A one for each channel of each sample. */
static dc_tensor *dc__channel_ones(const dc_tensor *x) {
    dc_shape shape = x->shape;
    for (int i = 1; i < shape.rank - 1; i++) shape.dim[i] = 1;
    return dc_ones(x->ctx, shape);
}

static dc_tensor *dc__reshape_samples(const dc_layer *layer, dc_tensor *x) {
    dc_shape s = { .rank = layer->spec.shape.rank + 1, .dim = { x->shape.dim[0] } };
    if (s.rank > DC_MAX_RANK)
        dc_fail(layer->ctx, "at most %d axes", DC_MAX_RANK - 1);
    memcpy(s.dim + 1, layer->spec.shape.dim, (size_t)layer->spec.shape.rank * sizeof *s.dim);
    return dc_reshape(x, s);
}

static dc_axes dc__places_axes(const dc_tensor *x) {
    return x->shape.rank == 4 ? DC_AXES(1, 2) : DC_AXES(1);
}

static dc_tensor *dc__enlarge(dc_tensor *x, int64_t factor, dc_resizing how) {
    if (x->shape.rank < 3) return dc_resize(x, 0, 0, how);          /* It says what is wrong. */
    return dc_resize(x, dc__side(x, 0) * factor, dc__side(x, 1) * factor, how);
}

static dc_tensor *dc__run(dc_layer **layer, int count, dc_tensor *x) {
    for (int i = 0; i < count; i++) x = dc_call(layer[i], x);
    return x;
}

static dc_tensor *dc__add_residual(const dc_layer *layer, dc_tensor *x) {
    dc_tensor *y = dc__run(layer->child, layer->spec.list.count, x);
    if (!dc__same_shape(x->shape, y->shape))
        dc_fail(layer->ctx, "x + f(x) needs f to keep the shape; %s became %s",
                DC__SHAPE_TEXT(x->shape), DC__SHAPE_TEXT(y->shape));
    return dc_add(x, y);
}

/* Each kind's output in terms of its input x, specification s, window w and tensors t.
 *
 *     KIND               OUTPUT                                           BUILD, FLOPS */
#define DC__KINDS(X)                                                                               \
    X( input,             dc__promised(layer, x),                          NULL, dc__no_flops )    \
    X( dense,             dc__dense(x, t[0], t[1], s->activation),                                 \
                          dc__dense_build, dc__conv_flops )                                        \
    X( activation,        dc_activate(x, s->activation),                   NULL, NULL )            \
    X( dropout,           dc__drop(layer, x),                              NULL, dc__no_flops )    \
    X( flatten,           dc_flatten_op(x),                                NULL, dc__no_flops )    \
    X( reshape,           dc__reshape_samples(layer, x),                   NULL, dc__no_flops )    \
    X( batch_norm,        dc_batch_norm_op(x, t[0], t[1], t[2], t[3], s->momentum, s->epsilon),    \
                          dc__batch_norm_build, NULL )                                             \
    X( layer_norm,        dc_layer_norm_op(dc__fitting(layer, x), t[0], t[1], s->epsilon),         \
                          dc__layer_norm_build, NULL )                                             \
    X( conv1d,            dc__filter(x, t[0], t[1], s), dc__filters_build, dc__conv_flops )        \
    X( conv2d,            dc__filter(x, t[0], t[1], s), dc__filters_build, dc__conv_flops )        \
    X( conv_transpose1d,  dc_activate(dc_conv_transpose_op(x, t[0], t[1], *w), s->activation),     \
                          dc__filters_build, dc__conv_transpose_flops )                            \
    X( conv_transpose2d,  dc_activate(dc_conv_transpose_op(x, t[0], t[1], *w), s->activation),     \
                          dc__filters_build, dc__conv_transpose_flops )                            \
    X( max_pool,          dc_max_pool_op(x, *w),                           NULL, NULL )            \
    X( avg_pool,          dc_avg_pool_op(x, *w),                           NULL, NULL )            \
    X( adaptive_max_pool, dc_adaptive_max_pool_op(x, w->height, w->width), NULL, NULL )            \
    X( adaptive_avg_pool, dc_adaptive_avg_pool_op(x, w->height, w->width), NULL, NULL )            \
    X( global_max_pool,   dc_max_over(x, dc__places_axes(x), false),       NULL, NULL )            \
    X( global_avg_pool,   dc_mean_over(x, dc__places_axes(x), false),      NULL, NULL )            \
    X( upsample,          dc__enlarge(x, s->units, s->resizing),           NULL, NULL )            \
    X( pixel_shuffle,     dc_pixel_shuffle_op(x, s->units),                NULL, dc__no_flops )    \
    X( group_norm,        dc_group_norm_op(dc__fitting(layer, x), dc__or(s->units, t[0]->size),    \
                                           t[0], t[1], s->epsilon), dc__layer_norm_build, NULL )   \
    X( rms_norm,          dc_rms_norm_op(dc__fitting(layer, x), t[0], s->epsilon),                 \
                          dc__rms_norm_build, NULL )                                               \
    X( augment,           dc__augment(x, s->augmentation, (uint32_t)layer->ordinal + 1),           \
                          NULL, dc__no_flops )                                                     \
    X( spatial_dropout,   dc_mul(x, dc__drop(layer, dc__channel_ones(x))), NULL, dc__no_flops )    \
    X( standardize,       dc_div(dc_sub(dc__fitting(layer, x), t[0]), t[1]),                       \
                          dc__standardize_build, NULL )                                            \
    X( residual,          dc__add_residual(layer, x),                      NULL, NULL )

#define DC__DEFINE(KIND, OUTPUT, BUILD, FLOPS)                                                     \
    static dc_tensor *dc__##KIND##_call(dc_layer *layer, dc_tensor *x) {                           \
        const dc_layer_spec *s = &layer->spec;                                                     \
        const dc_window *w = &s->window;                                                           \
        dc_tensor **t = layer->tensor;                                                             \
        return (void)w, (void)t, OUTPUT;                                                           \
    }                                                                                              \
    static const dc_layer_kind dc__##KIND##_kind = { #KIND, BUILD, dc__##KIND##_call, FLOPS };
DC__KINDS(DC__DEFINE)
#undef DC__DEFINE
static const dc_layer_kind *dc__kind_named(dc_context *ctx, const char *name) {
#define DC__ROW(KIND, ...) if (!strcmp(#KIND, name)) return &dc__##KIND##_kind;
    DC__KINDS(DC__ROW)
#undef DC__ROW
    for (int i = 0; i < ctx->kinds; i++) if (!strcmp(ctx->kind[i]->name, name)) return ctx->kind[i];
    return NULL;
}

DC_API void dc_register_layer(dc_context *ctx, const dc_layer_kind *kind) {
    const dc_layer_kind **larger = dc__permanent(ctx, ((size_t)ctx->kinds + 1) * sizeof *larger);
    if (dc__kind_named(ctx, kind->name))
        dc_fail(ctx, "dc_register_layer: there is a kind '%s' already", kind->name);
    if (ctx->kinds) memcpy(larger, ctx->kind, (size_t)ctx->kinds * sizeof *larger);
    larger[ctx->kinds++] = kind;
    ctx->kind = larger;
}

/* --- specifications --- */
#define DC__LAYER(CALL, KIND, ...) \
    DC_API dc_layer_spec CALL { \
        return (dc_layer_spec){ .kind = &dc__##KIND##_kind, __VA_ARGS__ }; \
    }
DC__LAYER(dc_input_shaped(dc_shape shape),            input,       .shape = shape)
DC__LAYER(dc_dense(int64_t units, dc_activation f),   dense,       .units = units, .activation = f)
DC__LAYER(dc_activation_layer(dc_activation f),       activation,  .activation = f)
DC__LAYER(dc_dropout(dc_real rate),                   dropout,     .rate = rate)
DC__LAYER(dc_flatten(void),                           flatten,     .units = 0)
DC__LAYER(dc_reshape_layer(dc_shape shape),           reshape,     .shape = shape)
DC__LAYER(dc_batch_norm(void), batch_norm, .momentum = DC__C(0.1), .epsilon = DC__C(1e-5))
DC__LAYER(dc_layer_norm(void),                        layer_norm,  .epsilon = DC__C(1e-5))
DC__LAYER(dc_standardize(dc_dataset *training),       standardize, .data = training)
#define DC__FILTERS .units = filters, .window.height = size, .activation = f
DC__LAYER(dc_conv1d(int64_t filters, int64_t size, dc_activation f), conv1d, DC__FILTERS)
DC__LAYER(dc_conv2d(int64_t filters, int64_t size, dc_activation f), conv2d, DC__FILTERS)
DC__LAYER(dc_conv_transpose1d(int64_t filters, int64_t size, dc_activation f), conv_transpose1d,
          DC__FILTERS)
DC__LAYER(dc_conv_transpose2d(int64_t filters, int64_t size, dc_activation f), conv_transpose2d,
          DC__FILTERS)
#undef DC__FILTERS
DC__LAYER(dc_depthwise_conv2d(int64_t size, dc_activation f), conv2d, .window.height = size,
          .window.groups = -1, .activation = f)
DC__LAYER(dc_max_pool(int64_t size),                  max_pool,    .window.height = size)
DC__LAYER(dc_avg_pool(int64_t size),                  avg_pool,    .window.height = size)
DC__LAYER(dc_adaptive_max_pool(int64_t height, int64_t width), adaptive_max_pool,
          .window.height = height, .window.width = width)
DC__LAYER(dc_adaptive_avg_pool(int64_t height, int64_t width), adaptive_avg_pool,
          .window.height = height, .window.width = width)
DC__LAYER(dc_global_max_pool(void),                   global_max_pool, .units = 0)
DC__LAYER(dc_global_avg_pool(void),                   global_avg_pool, .units = 0)
DC__LAYER(dc_upsample(int64_t factor, dc_resizing how), upsample,  .units = factor, .resizing = how)
DC__LAYER(dc_pixel_shuffle(int64_t factor),           pixel_shuffle, .units = factor)
DC__LAYER(dc_group_norm(int64_t groups), group_norm,  .units = groups, .epsilon = DC__C(1e-5))
DC__LAYER(dc_instance_norm(void),                     group_norm,  .epsilon = DC__C(1e-5))
DC__LAYER(dc_rms_norm(void),                          rms_norm,    .epsilon = DC__C(1e-6))
DC__LAYER(dc_augment(dc_augmentation how),            augment,     .augmentation = how)
DC__LAYER(dc_spatial_dropout(dc_real rate),           spatial_dropout, .rate = rate)
DC__LAYER(dc_residual(dc_layer_list inside),          residual,    .list = inside)
#undef DC__LAYER
DC_API dc_layer_spec dc_custom(const dc_layer_kind *kind, const void *user) {
    return (dc_layer_spec){ .kind = kind, .user = user };
}

DC_API dc_layer_spec dc_with_name(dc_layer_spec s, const char *name) { s.name = name; return s; }
DC_API dc_layer_spec dc_with_init(dc_layer_spec s, dc_init init) { s.init = init; return s; }
DC_API dc_layer_spec dc_without_bias(dc_layer_spec s) { s.without_bias = true; return s; }
DC_API dc_layer_spec dc_with_window(dc_layer_spec s, dc_window w) {
    w.height = dc__or(w.height, s.window.height), w.width = dc__or(w.width, s.window.width);
    w.groups = dc__or(w.groups, s.window.groups);
    s.window = w;
    return s;
}

DC_API dc_layer_list dc_make_layers(int count, const dc_layer_spec *spec) {
    return (dc_layer_list){ count, spec };
}
/* @impl-models --------------------------------------------------------------------------------- */
/* A model owns layers and says in which order they run: a chain, or a C function that calls them.
 * It is run once on zeros when it is made: shape errors show at once, and all parameters exist. */

static dc_layer *dc__layer_named(const dc_model *model, const char *name) {
    for (dc_layer *l = model->first; l; l = l->next) if (!strcmp(l->name, name)) return l;
    return NULL;
}

/* "dense_1", "dense_2", ...: the first that is free. */
static const char *dc__number_name(dc_model *model, const char *kind) {
    int i = 1;
    while (dc__layer_named(model, dc__say("%.40s_%d", kind, i).text)) i++;
    return dc__permanent_text(model->ctx, dc__say("%.40s_%d", kind, i).text);
}

static dc_layer *dc__make_layer(dc_model *model, dc_layer_spec spec);

/* Makes the layers inside a residual one, and copies their list, which is the caller's. */
static void dc__make_children(dc_layer *layer) {
    dc_layer_list *list = &layer->spec.list;
    dc_layer_spec *spec = dc__permanent(layer->ctx, (size_t)list->count * sizeof *spec);
    layer->child = dc__permanent(layer->ctx, (size_t)list->count * sizeof *layer->child);
    for (int i = 0; i < list->count; i++) {
        layer->child[i] = dc__make_layer(layer->model, list->spec[i]);
        spec[i] = layer->child[i]->spec;
    }
    list->spec = spec;
}

static dc_layer *dc__make_layer(dc_model *model, dc_layer_spec spec) {
    dc_context *ctx = model->ctx;
    if (!spec.kind)
        dc_fail(ctx, "a layer specification without a kind; make it by dc_dense or its like");
    dc_layer *layer = dc__permanent_zeros(ctx, sizeof *layer);
    layer->spec = spec, layer->model = model, layer->ctx = ctx;
    layer->name = spec.name ? dc__permanent_text(ctx, spec.name)
                            : dc__number_name(model, spec.kind->name);
    if (dc__layer_named(model, layer->name))
        dc_fail(ctx, "two layers are named '%s'; names must differ, or one layer be called twice",
                layer->name);
    layer->spec.name = layer->name;
    layer->ordinal = ctx->layers++;
    if (model->newest) model->newest->next = layer;
    else model->first = layer;
    model->newest = layer;
    dc__make_children(layer);
    return layer;
}

/* While a layer runs, an error names it. */
DC_API dc_tensor *dc_call(dc_layer *layer, dc_tensor *x) {
    dc__check("dc_call", 1, x);
    dc__where here = dc__here;
    dc__here.layer = layer->name;
    if (!layer->is_built) {
        if (layer->model->is_traced && layer->spec.kind->build)
            dc_fail(layer->ctx, "not called in the first run, in inference, which builds models");
        if (layer->spec.kind->build) layer->spec.kind->build(layer, x->shape);
        layer->is_built = true;
    }
    dc_tensor *y = layer->spec.kind->call(layer, x);
    layer->out_shape = y->shape;
    dc__here = here;
    return y;
}

DC_API dc_tensor *dc_forward(dc_model *model, dc_tensor *x) {
    dc__check("dc_forward", 1, x);
    if (!dc__is_batch_of(x->shape, model->input))
        dc_fail(model->ctx, "the model takes batches of %s, a batch axis before them; got %s",
                DC__SHAPE_TEXT(model->input), DC__SHAPE_TEXT(x->shape));
    if (!model->function) return dc__run(model->chain, model->chain_count, x);
    dc__where here = dc__here;
    dc_tensor *y = model->function(model, x, model->user);
    dc__here = here;
    return y;
}

/* One run on a sample of zeros. */
static void dc__trace(dc_model *model) {
    dc_context *ctx = model->ctx;
    dc_shape shape = { .rank = model->input.rank + 1, .dim = { 1 } };
    if (shape.rank > DC_MAX_RANK)
        dc_fail(ctx, "a model's input has at most %d axes, not %d", DC_MAX_RANK - 1,
                model->input.rank);
    memcpy(shape.dim + 1, model->input.dim, (size_t)model->input.rank * sizeof *shape.dim);
    bool training = dc_set_training(ctx, false), grad = dc_set_grad(ctx, false);
    dc_mark mark = dc_begin(ctx);
    model->output = dc_forward(model, dc_zeros(ctx, shape))->shape;
    dc_end(ctx, mark);
    dc_set_training(ctx, training);
    dc_set_grad(ctx, grad);
    if (model->output.rank == 0 || model->output.dim[0] != 1 || dc__count(ctx, model->output) == 0)
        dc_fail(ctx, "the model turns %s into %s; the first axis must stay the batch, and no axis "
                "be empty", DC__SHAPE_TEXT(shape), DC__SHAPE_TEXT(model->output));
    model->is_traced = true;
}

static dc_model *dc__new_model(dc_context *ctx, dc_shape input) {
    dc_model *model = dc__permanent_zeros(ctx, sizeof *model);
    model->ctx = ctx, model->input = input;
    return model;
}

DC_API dc_model *dc_sequential(dc_context *ctx, dc_layer_list list) {
    if (list.count < 1 || list.spec[0].kind != &dc__input_kind)
        dc_fail(ctx, "dc_sequential: the first layer must be dc_input(...), the shape of one "
                "sample");
    dc_model *model = dc__new_model(ctx, list.spec[0].shape);
    model->chain = dc__permanent(ctx, (size_t)list.count * sizeof *model->chain);
    for (int i = 0; i < list.count; i++) model->chain[i] = dc__make_layer(model, list.spec[i]);
    model->chain_count = list.count;
    dc__trace(model);
    return model;
}

DC_API dc_model *dc_functional(dc_context *ctx, dc_shape input, dc_model_function f, void *user) {
    dc_model *model = dc__new_model(ctx, input);
    model->function = f, model->user = user;
    dc__trace(model);
    return model;
}

DC_API dc_layer *dc_use(dc_model *model, const char *name, dc_layer_spec spec) {
    dc_layer *layer = dc__layer_named(model, name);
    if (layer) return layer;
    if (model->is_traced)
        dc_fail(model->ctx,
                "dc_use: the model has no layer '%s'; all layers must be used in the first call, "
                "which builds the model", name);
    spec.name = name;
    return dc__make_layer(model, spec);
}

/* --- looking at a model --- */
/* All parameters and buffers, in the order in which their layers were made. */
static dc_tensors dc__all_of(dc_model *model) {
    int n = 0;
    for (dc_layer *l = model->first; l; l = l->next) n += l->tensors;
    if (n == model->all.count) return model->all;
    dc_tensor **list = dc__permanent(model->ctx, 2 * (size_t)n * sizeof *list);
    model->all = dc_make_tensors(n, list), model->param = list + n;
    for (dc_layer *l = model->first; l; l = l->next)
        for (int i = 0; i < l->tensors; i++) *list++ = l->tensor[i];
    return model->all;
}

DC_API dc_tensors dc_params(dc_model *model) {
    dc_tensors all = dc__all_of(model);
    int n = 0;
    for (int i = 0; i < all.count; i++)
        if (all.tensor[i]->needs_grad) model->param[n++] = all.tensor[i];
    return dc_make_tensors(n, model->param);
}

DC_API dc_tensor *dc_find(dc_model *model, const char *name) {
    dc_tensors all = dc__all_of(model);
    for (int i = 0; i < all.count; i++)
        if (!strcmp(all.tensor[i]->name, name)) return all.tensor[i];
    return NULL;
}

/* Parameters have room for a gradient, buffers have none. */
DC_API void dc_freeze(dc_model *model, const char *prefix, bool frozen) {
    dc_tensors all = dc__all_of(model);
    bool found = false;
    for (int i = 0; i < all.count; i++)
        if (!strncmp(all.tensor[i]->name, prefix, strlen(prefix)) && all.tensor[i]->grad)
            all.tensor[i]->needs_grad = !frozen, found = true;
    if (!found) dc_fail(model->ctx, "dc_freeze: no parameter's name begins with '%s'", prefix);
}

static int64_t dc__elements(dc_tensors tensors) {
    int64_t n = 0;
    for (int i = 0; i < tensors.count; i++) n += tensors.tensor[i]->size;
    return n;
}

DC_API int64_t dc_param_count(dc_model *model) { return dc__elements(dc_params(model)); }

DC_API void dc_summary(dc_model *model) {
    long long all = dc__elements(dc__all_of(model)), trained = dc_param_count(model);
    long long flops = 0, bytes = 0, size = sizeof(dc_real);
    dc__trace(model);
    printf("%-24s %-18s %12s %14s %12s\n", "layer", "output", "parameters", "FLOPs/sample",
           "bytes/sample");
    for (dc_layer *l = model->first; l; l = l->next) {
        long long own = dc__elements(dc_make_tensors(l->tensors, l->tensor));
        long long out = dc__outputs(l), work = l->spec.kind->flops ? l->spec.kind->flops(l) : out;
        dc__words shape = dc__say("[N%s", strpbrk(DC__SHAPE_TEXT(l->out_shape), ",]"));
        printf("%-24s %-18s %12lld %14lld %12lld\n", l->name, shape.text, own, work, out * size);
        flops += work, bytes += out * size;
    }
    printf("%-24s %-18s %12lld %14lld %12lld\n", "total", "", all, flops, bytes);
    printf("%lld parameters are trained, %lld are not; they take %lld bytes\n", trained,
           all - trained, all * size);
}

/* FNV-1a (Fowler, Noll & Vo) over the bits of every element, all NaNs being one. */
DC_API uint64_t dc_fingerprint_of(dc_tensors tensors) {
    uint64_t hash = 0xCBF29CE484222325;
    for (int i = 0; i < tensors.count; i++)
        for (int64_t k = 0; k < tensors.tensor[i]->size; k++) {
            dc_real x = tensors.tensor[i]->data[k];
            uint64_t bits = sizeof x == 4 ? dc__bits((float)x) : dc__bits64((double)x);
            if (x != x) bits = UINT64_MAX;
            for (size_t byte = 0; byte < sizeof x; byte++, bits >>= 8)
                hash = (hash ^ (bits & 0xFF)) * 0x100000001B3;
        }
    return hash;
}

DC_API uint64_t dc_fingerprint(dc_model *model) { return dc_fingerprint_of(dc__all_of(model)); }

/* --- making it ready for training --- */
DC_API void dc_compile(dc_model *model, dc_loss loss, dc_optimizer_spec optimizer) {
    if (!loss.compute)
        dc_fail(model->ctx, "dc_compile: there is no loss '%s'", loss.name ? loss.name : "(null)");
    dc_tensors all = dc__all_of(model);
    int n = 0;
    for (int i = 0; i < all.count; i++)                  /* Also what is frozen at the moment. */
        if (all.tensor[i]->grad) model->param[n++] = all.tensor[i];
    model->optimizer = dc__make_optimizer(model->ctx, "dc_compile", optimizer,
                                          dc_make_tensors(n, model->param));
    model->loss = loss, model->optimizer_spec = optimizer;
    model->is_compiled = true;
}

DC_API void dc_metrics(dc_model *model, int count, const dc_metric *metrics) {
    if (count < 0 || count > DC_MAX_METRICS)
        dc_fail(model->ctx, "dc_metrics: %d metrics; at most %d", count, DC_MAX_METRICS);
    for (int i = 0; i < count; i++) model->metric[i] = metrics[i];
    model->metrics = count;
}

DC_API dc_optimizer *dc_optimizer_of(dc_model *model) { return model->optimizer; }

/* @impl-data ----------------------------------------------------------------------------------- */
/* Training visits the samples in another order every epoch, and holds some back. None of this moves
 * a sample: a data set is a storage that is never changed, shared by all sets made from it, and a
 * list that says which of its rows are the samples. Numbers are made as a batch is put together, so
 * that bytes stay bytes, and a stream's samples need not all exist. */
struct dc_dataset {
    dc_context     *ctx;
    int64_t         count;
    const int64_t  *row;                   /* Sample i is row[i] of the storage; NULL: i. */
    dc_shape        x_shape, y_shape;      /* Of one sample; */
    int64_t         x_size, y_size;        /* their elements. */
    int             classes;

    dc_real        *x, *y;                 /* The storage: numbers (y NULL: x is its own target), */
    uint8_t        *x_bytes, *y_bytes;     /* or bytes, */
    dc_fetch        fetch;                 /* or a function. */
    void           *user;

    const char    **class_name, **feature_name;
};

static void *dc__permanent_copy(dc_context *ctx, const void *from, size_t size) {
    return memcpy(dc__permanent(ctx, size), from, size);
}

static const dc_dataset *dc__need_data(const dc_dataset *d, const char *who) {
    if (!d) dc_fail(NULL, "%s: the data set is NULL; the call that should have made it did not"
                    " work, and dc_error(ctx) says why", who);
    return d;
}

static void dc__check_count(dc_context *ctx, const char *who, int64_t count) {
    if (count < 1 || count > UINT32_MAX)
        dc_fail(ctx, "%s: %lld samples; there must be 1 to 4294967295", who, (long long)count);
}

/* The elements of one sample of this shape; there must be room for the batch axis. */
static int64_t dc__sample_size(dc_context *ctx, const char *who, int64_t count, dc_shape s) {
    int64_t size = 1, limit = INT64_MAX / 64 / count;
    if (s.rank < 0 || s.rank >= DC_MAX_RANK)
        dc_fail(ctx, "%s: a sample has 0 to %d axes, not %d", who, DC_MAX_RANK - 1, s.rank);
    for (int i = 0; i < s.rank; size *= s.dim[i++])
        if (s.dim[i] < 1 || size > limit / s.dim[i])
            dc_fail(ctx, "%s: %lld samples of shape %s; sizes are 1 or more, and all samples must "
                    "fit into memory", who, (long long)count, DC__SHAPE_TEXT(s));
    return size;
}

/* A set whose samples are the rows of a storage, which the caller adds before dc__new_dataset. */
static dc_dataset dc__described(dc_context *ctx, const char *who, int64_t count, dc_shape x_shape,
                                dc_shape y_shape, int classes) {
    dc__check_count(ctx, who, count);
    if (classes < 0 || classes > 1 << 24)          /* Every whole number up to 2^24 is a float. */
        dc_fail(ctx, "%s: %d classes; there may be 0 (y is a quantity) to 16777216", who, classes);
    if (classes && y_shape.rank)
        dc_fail(ctx, "%s: with classes, y is one class number a sample (DC_SCALAR), but its shape "
                "is %s", who, DC__SHAPE_TEXT(y_shape));
    return (dc_dataset){ .ctx = ctx, .count = count, .x_shape = x_shape, .y_shape = y_shape,
                         .x_size = dc__sample_size(ctx, who, count, x_shape),
                         .y_size = dc__sample_size(ctx, who, count, y_shape), .classes = classes };
}

static dc_dataset *dc__new_dataset(dc_dataset d) {
    return dc__permanent_copy(d.ctx, &d, sizeof d);
}

static bool dc__is_label(dc_real y, int classes) {
    return y >= 0 && y < (dc_real)classes && (dc_real)(int)y == y;
}

/* dc__is_label, and dc_error when it is none. */
static bool dc__check_label(dc_context *ctx, const char *where, int64_t i, dc_real y, int classes) {
    return dc__is_label(y, classes) ||
           dc__error(ctx, "%s: the label of sample %lld is %s; labels are whole numbers from 0 to "
                     "%d", where, (long long)i, DC__NUMBER((double)y, 9), classes - 1);
}

/* Copies x and y, arrays of dc_real or of bytes; y NULL: x is its own target. NULL (and dc_error)
 * when there is a wrong label or no memory. */
static dc_dataset *dc__copied(dc_dataset d, const char *who, bool is_bytes, const void *x,
                              const void *y) {
    for (int64_t i = 0; i < d.count && d.classes; i++) {
        dc_real label = is_bytes ? ((const uint8_t *)y)[i] : ((const dc_real *)y)[i];
        if (!dc__check_label(d.ctx, who, i, label, d.classes)) return NULL;
    }
    size_t element = is_bytes ? 1 : sizeof(dc_real);
    size_t x_size = (size_t)(d.count * d.x_size) * element;
    size_t y_size = y ? (size_t)(d.count * d.y_size) * element : 0;
    uint8_t *to = dc__take(&d.ctx->permanent, x_size + y_size);
    if (!to) return dc__error(d.ctx, "%s: out of memory asking for %zu bytes", who,
                              x_size + y_size), NULL;
    void *kept_x = memcpy(to, x, x_size), *kept_y = y ? memcpy(to + x_size, y, y_size) : NULL;
    if (is_bytes) d.x_bytes = kept_x, d.y_bytes = kept_y;
    else d.x = kept_x, d.y = kept_y;
    return dc__new_dataset(d);
}

DC_API dc_dataset *dc_from_arrays(dc_context *ctx, int64_t count, dc_shape x_shape,
                                  const dc_real *x, dc_shape y_shape, const dc_real *y,
                                  int classes) {
    if (!y && classes)
        dc_fail(ctx, "dc_from_arrays: y is NULL, so x is its own target, which has no classes");
    dc_dataset d = dc__described(ctx, "dc_from_arrays", count, x_shape, y ? y_shape : x_shape,
                                 classes);
    dc_dataset *set = dc__copied(d, "dc_from_arrays", false, x, y);
    return set ? set : (dc_fail(ctx, "%s", ctx->error), NULL);
}

DC_API dc_dataset *dc_from_bytes(dc_context *ctx, int64_t count, dc_shape x_shape, const uint8_t *x,
                                 const uint8_t *labels, int classes) {
    if (!labels != !classes)
        dc_fail(ctx, "dc_from_bytes: %d classes %s labels; 0 classes and no labels make x its own "
                "target", classes, labels ? "but" : "without");
    dc_dataset d = dc__described(ctx, "dc_from_bytes", count, x_shape,
                                 labels ? DC_SCALAR : x_shape, classes);
    dc_dataset *set = dc__copied(d, "dc_from_bytes", true, x, labels);
    return set ? set : (dc_fail(ctx, "%s", ctx->error), NULL);
}

DC_API dc_dataset *dc_stream(dc_context *ctx, int64_t count, dc_shape x_shape, dc_shape y_shape,
                             int classes, dc_fetch fetch, void *user) {
    if (!fetch) dc_fail(ctx, "dc_stream: needs a function that makes a sample, but fetch is NULL");
    dc_dataset d = dc__described(ctx, "dc_stream", count, x_shape, y_shape, classes);
    d.fetch = fetch, d.user = user;
    return dc__new_dataset(d);
}

DC_API int64_t dc_count(const dc_dataset *d) { return dc__need_data(d, "dc_count")->count; }
DC_API int dc_classes(const dc_dataset *d) { return dc__need_data(d, "dc_classes")->classes; }
DC_API dc_shape dc_x_shape(const dc_dataset *d) { return dc__need_data(d, "dc_x_shape")->x_shape; }
DC_API dc_shape dc_y_shape(const dc_dataset *d) { return dc__need_data(d, "dc_y_shape")->y_shape; }

/* Features are what the last axis counts: the columns of a table, the colours of an image. */
static int64_t dc__features(const dc_dataset *d) {
    return d->x_shape.rank ? d->x_shape.dim[d->x_shape.rank - 1] : 1;
}

DC_API const char *dc_class_name(const dc_dataset *d, int cls) {
    const char **name = dc__need_data(d, "dc_class_name")->class_name;
    return name && cls >= 0 && cls < d->classes ? name[cls] : NULL;
}

DC_API const char *dc_feature_name(const dc_dataset *d, int feature) {
    const char **name = dc__need_data(d, "dc_feature_name")->feature_name;
    return name && feature >= 0 && feature < dc__features(d) ? name[feature] : NULL;
}

/* --- sets from sets --- */
static int64_t dc__storage_row(const dc_dataset *d, int64_t i) { return d->row ? d->row[i] : i; }

/* start, start + 1, ...: numbers of samples, to be permuted and selected. */
static int64_t *dc__numbered(int64_t start, int64_t count, int64_t *rows) {
    for (int64_t i = 0; i < count; i++) rows[i] = start + i;
    return rows;
}

static int64_t *dc__new_rows(const dc_dataset *d, int64_t start, int64_t count) {
    return dc__numbered(start, count, dc__permanent(d->ctx, (size_t)count * sizeof(int64_t)));
}

/* The samples rows[0..count) of d. The array becomes part of the new set. */
static dc_dataset *dc__selected(const dc_dataset *d, int64_t count, int64_t *rows) {
    for (int64_t i = 0; i < count; i++) rows[i] = dc__storage_row(d, rows[i]);
    dc_dataset *selected = dc__permanent_copy(d->ctx, d, sizeof *d);
    selected->count = count, selected->row = rows;
    return selected;
}

DC_API dc_dataset *dc_take(dc_dataset *d, int64_t start, int64_t stop) {
    dc__need_data(d, "dc_take");
    if (start < 0 || start >= stop || stop > d->count)
        dc_fail(d->ctx, "dc_take: [%lld, %lld) must hold samples of the %lld that there are",
                (long long)start, (long long)stop, (long long)d->count);
    return dc__selected(d, stop - start, dc__new_rows(d, start, stop - start));
}

DC_API dc_dataset *dc_pick(dc_dataset *d, int64_t count, const int64_t *rows) {
    dc__need_data(d, "dc_pick");
    dc__check_count(d->ctx, "dc_pick", count);
    for (int64_t i = 0; i < count; i++)
        if (rows[i] < 0 || rows[i] >= d->count)
            dc_fail(d->ctx, "dc_pick: rows[%lld] is %lld, but the set has samples 0 to %lld",
                    (long long)i, (long long)rows[i], (long long)d->count - 1);
    size_t size = (size_t)count * sizeof *rows;
    return dc__selected(d, count, dc__permanent_copy(d->ctx, rows, size));
}

DC_API dc_dataset *dc_shuffled(dc_dataset *d, uint64_t seed) {
    dc__need_data(d, "dc_shuffled");
    dc__random r = dc__stream(d->ctx, DC__FOR_SHUFFLE, 1, 0, 0);
    r.key[0] = (uint32_t)seed, r.key[1] = (uint32_t)(seed >> 32);
    int64_t *rows = dc__new_rows(d, 0, d->count);
    dc__shuffle(&r, d->count, rows);
    return dc__selected(d, d->count, rows);
}

/* Shuffles the sample numbers of d into rows, and returns how many of them, the first ones, are
 * `fraction` of all. It depends on the seed and on d's count alone: whoever splits the same set
 * again gets the same parts. */
static int64_t dc__split_rows(dc_dataset *d, const char *who, dc_real fraction, int64_t *rows) {
    bool inside = fraction > 0 && fraction < 1;
    int64_t first = inside ? (int64_t)((double)fraction * (double)d->count + 0.5) : 0;
    if (first < 1 || first >= d->count)
        dc_fail(d->ctx, "%s: %s of %lld samples leaves one part empty; the fraction must be between"
                " 0 and 1, with a sample on either side", who, DC__NUMBER((double)fraction, 6),
                (long long)d->count);
    dc__random r = dc__stream(d->ctx, DC__FOR_SPLIT, 0, 0, 0);
    dc__shuffle(&r, d->count, dc__numbered(0, d->count, rows));
    return first;
}

DC_API void dc_split_data(dc_dataset *d, dc_real fraction, dc_dataset **first, dc_dataset **rest) {
    dc__need_data(d, "dc_split_data");
    int64_t *rows = dc__new_rows(d, 0, d->count);
    int64_t n = dc__split_rows(d, "dc_split_data", fraction, rows);
    if (first) *first = dc__selected(d, n, rows);
    if (rest) *rest = dc__selected(d, d->count - n, rows + n);
}

/* --- batches --- */
/* y = x / 255, rounded once, in blocks of a fixed length: gcc -O2 makes vector code of those. */
static void dc__from_bytes(int64_t n, const uint8_t *restrict x, dc_real *restrict y) {
    enum { BLOCK = 16 };
    int64_t k = 0;
    for (; k + BLOCK <= n; k += BLOCK)
        for (int j = 0; j < BLOCK; j++) y[k + j] = (dc_real)x[k + j] / 255;
    for (; k < n; k++) y[k] = (dc_real)x[k] / 255;
}

/* x and y of sample i. False (and dc_error) when a stream has none. */
static bool dc__read_sample(const dc_dataset *d, int64_t i, dc_real *x, dc_real *y) {
    int64_t row = dc__storage_row(d, i), n = d->x_size, m = d->y_size;
    if (d->fetch) {
        if (!d->fetch(row, x, y, d->user))
            return dc__error(d->ctx, "dc_stream: fetch failed at row %lld", (long long)row);
        if (d->classes && !dc__check_label(d->ctx, "dc_stream", row, *y, d->classes)) return false;
    }
    if (d->x_bytes) dc__from_bytes(n, d->x_bytes + row * n, x);
    if (d->x) memcpy(x, d->x + row * n, (size_t)n * sizeof *x);
    if (d->y_bytes) y[0] = d->y_bytes[row];
    else if (d->y) memcpy(y, d->y + row * m, (size_t)m * sizeof *y);
    else if (!d->fetch) memcpy(y, x, (size_t)n * sizeof *x);
    return true;
}

/* The order of an epoch depends on the seed and on how many epochs the loader has begun, so a
 * loop written by hand sees the batches that dc_fit sees. A loader made inside a step is gone
 * with it. */
struct dc_loader {
    dc_dataset    *data;
    const int64_t *part;                   /* Which of its samples; NULL: all. */
    int64_t        count, batch_size, position;
    int64_t       *rows;                   /* This epoch's order. */
    bool           shuffle, failed;        /* failed: the last epoch ended early. */
    uint32_t       epoch;
    dc_tensor     *x, *y;
};

/* [size, ...] for samples of shape s. */
static dc_shape dc__batch_shape(dc_shape s, int64_t size) {
    dc_shape batch = { .rank = s.rank + 1, .dim = { size } };
    for (int i = 0; i < s.rank; i++) batch.dim[i + 1] = s.dim[i];
    return batch;
}

DC_API dc_loader *dc_batches(dc_dataset *d, int64_t batch_size, bool shuffle) {
    dc__need_data(d, "dc_batches");
    if (batch_size < 1)
        dc_fail(d->ctx, "dc_batches: a batch of %lld samples; it must have at least one",
                (long long)batch_size);
    if (batch_size > d->count) batch_size = d->count;
    dc_loader *l = dc__temporary(d->ctx, sizeof *l);
    *l = (dc_loader){ .data = d, .count = d->count, .batch_size = batch_size, .shuffle = shuffle };
    l->rows = dc__temporary(d->ctx, (size_t)d->count * sizeof *l->rows);
    l->x = dc_zeros(d->ctx, dc__batch_shape(d->x_shape, batch_size));
    l->y = dc_zeros(d->ctx, dc__batch_shape(d->y_shape, batch_size));
    return l;
}

/* The tensor t now holds n samples of `size` elements. */
static void dc__refilled(dc_tensor *t, int64_t n, int64_t size) {
    t->shape.dim[0] = n, t->size = n * size, t->version++;
}

/* Samples start to stop of the batch at hand. They lie all over the memory, so one is asked for
 * while another is read. */
static void dc__read_samples(void *loader, int64_t start, int64_t stop) {
    enum { AHEAD = 4, LINE = 64 };
    const dc_loader *l = loader;
    const dc_dataset *d = l->data;
    const int64_t *rows = l->rows + l->position;
    for (int64_t i = start; i < stop; i++) {
        if (d->x_bytes && i + AHEAD < stop) {
            const uint8_t *next = d->x_bytes + dc__storage_row(d, rows[i + AHEAD]) * d->x_size;
            for (int64_t k = 0; k < d->x_size; k += LINE) __builtin_prefetch(next + k);
        }
        dc__read_sample(d, rows[i], l->x->data + i * d->x_size, l->y->data + i * d->y_size);
    }
}

DC_API bool dc_next(dc_loader *l, dc_batch *batch) {
    const dc_dataset *d = l->data;
    if (l->position == 0) {
        dc__random r = dc__stream(d->ctx, DC__FOR_SHUFFLE, 0, 0, l->epoch);
        for (int64_t i = 0; i < l->count; i++) l->rows[i] = l->part ? l->part[i] : i;
        if (l->shuffle) dc__shuffle(&r, l->count, l->rows);
    }
    const int64_t *rows = l->rows + l->position;
    int64_t left = l->count - l->position, n = left < l->batch_size ? left : l->batch_size, i = n;
    dc_real *x = l->x->data, *y = l->y->data;
    if (!d->fetch) dc__parallel(n, 1, DC__EACH / d->x_size + 1, dc__read_samples, l);
    else for (i = 0; i < n; i++)
        if (!dc__read_sample(d, rows[i], x + i * d->x_size, y + i * d->y_size)) break;
    if (i < n || n == 0) {                         /* A stream failed, or the epoch is over. */
        if (n == 0) d->ctx->error[0] = 0;
        l->position = 0, l->epoch++, l->failed = n > 0;
        return false;
    }
    dc__refilled(l->x, n, d->x_size);
    dc__refilled(l->y, n, d->y_size);
    l->position += n;
    *batch = (dc_batch){ .x = l->x, .y = l->y, .size = n, .rows = rows };
    return true;
}

DC_API dc_batch dc_all(dc_dataset *data) {
    dc_batch all = { 0 };
    dc_next(dc_batches(data, dc_count(data), false), &all);
    return all;
}

/* --- what is in a set --- */
DC_API void dc_class_counts(dc_dataset *d, int64_t *counts) {
    dc__need_data(d, "dc_class_counts");
    if (!d->classes)
        dc_fail(d->ctx, "dc_class_counts: the set has no classes; its target is a quantity");
    memset(counts, 0, (size_t)d->classes * sizeof *counts);
    dc_mark mark = dc_begin(d->ctx);
    dc_loader *l = dc_batches(d, 1, false);
    for (dc_batch b; dc_next(l, &b);) counts[(int64_t)b.y->data[0]]++;
    dc_end(d->ctx, mark);
    if (d->ctx->error[0]) dc_fail(d->ctx, "dc_class_counts: %s", d->ctx->error);
}

/* --- generators --- */
static const dc_real dc__pi = DC__C(3.14159265358979323846);

typedef enum dc__pattern {
    DC__line, DC__sine, DC__blobs, DC__circles, DC__moons, DC__spirals
} dc__pattern;

/* Line and sine are quantities y of x [1]; the others are points (x, y) of class c. Most points lie
 * on a circle, whose centre, radius and angle depend on their class and on chance, and all off
 * their place by the noise. Places and noise have random numbers of their own. */
static dc_dataset *dc__make(dc_context *ctx, const char *who, dc__pattern pattern, int64_t count,
                            int classes, dc_real noise, dc_real a, dc_real b) {
    bool is_curve = pattern <= DC__sine;
    if (!is_curve && classes < 1)
        dc_fail(ctx, "%s: %d classes; there must be at least 1", who, classes);
    dc_dataset d = dc__described(ctx, who, count, DC_SHAPE(is_curve ? 1 : 2),
                                 is_curve ? DC_SHAPE(1) : DC_SCALAR, classes);
    d.x = dc__permanent(ctx, (size_t)(count * d.x_size) * sizeof *d.x);
    d.y = dc__permanent(ctx, (size_t)count * sizeof *d.y);
    dc__random place = dc__stream(ctx, DC__FOR_DATA, 0, ctx->creations++, 0), chance = place;
    chance.step = 1;
    for (int64_t i = 0; i < count; i++) {
        uint64_t k = (uint64_t)i;
        dc_real u = dc__uniform_at(&place, k), c = (dc_real)(is_curve ? 0 : i % classes);
        dc_real x = 0, y = 0, radius = 0, angle = 2 * dc__pi * u;
        switch (pattern) {
        case DC__line:    x = u, y = a * u + b; break;
        case DC__sine:    x = dc__pi * (2 * u - 1), y = dc__sin_plain(x); break;
        case DC__blobs:   radius = 2, angle = 2 * dc__pi * c / (dc_real)classes; break;
        case DC__circles: radius = 1 - c / 2; break;
        case DC__moons:                    /* Two half circles that reach into each other. */
            x = c, y = c / 2, radius = 1, angle = c > 0 ? -dc__pi * u : dc__pi * u; break;
        case DC__spirals:                  /* 1 1/2 turns, as many points on each part of an arm. */
            radius = DC__SQRT(u), angle = dc__pi * (3 * radius + 2 * c / (dc_real)classes);
        }
        if (is_curve) d.x[i] = x, d.y[i] = y + noise * dc__normal_at(&chance, k);
        if (is_curve) continue;
        x += radius * dc__cos_plain(angle), y += radius * dc__sin_plain(angle);
        d.x[2 * i] = x + noise * dc__normal_at(&chance, 2 * k);
        d.x[2 * i + 1] = y + noise * dc__normal_at(&chance, 2 * k + 1), d.y[i] = c;
    }
    return dc__new_dataset(d);
}

#define DC__GENERATOR(NAME, CLASSES, NOISE, A, B, ...)                                             \
    DC_API dc_dataset *dc_make_##NAME(dc_context *ctx, int64_t count, __VA_ARGS__) {               \
        return dc__make(ctx, "dc_make_" #NAME, DC__##NAME, count, CLASSES, NOISE, A, B);           \
    }
DC__GENERATOR(line, 0, noise, slope, intercept, dc_real slope, dc_real intercept, dc_real noise)
DC__GENERATOR(sine, 0, noise, 0, 0, dc_real noise)
DC__GENERATOR(blobs, classes, noise, 0, 0, int classes, dc_real noise)
DC__GENERATOR(circles, 2, noise, 0, 0, dc_real noise)
DC__GENERATOR(moons, 2, noise, 0, 0, dc_real noise)
DC__GENERATOR(spirals, arms, noise, 0, 0, int arms, dc_real noise)
#undef DC__GENERATOR
DC_API dc_dataset *dc_make_xor(dc_context *ctx) {
    static const dc_real x[] = { 0, 0, 0, 1, 1, 0, 1, 1 }, y[] = { 0, 1, 1, 0 };
    return dc_from_arrays(ctx, 4, DC_SHAPE(2), x, DC_SCALAR, y, 2);
}

/* A font of 5 x 7 dots, one byte a row; the highest of its five bits is on the left. */
static const uint8_t dc__font[10][7] = {
    { 0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E }, { 0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E },
    { 0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F }, { 0x0E, 0x11, 0x01, 0x06, 0x01, 0x11, 0x0E },
    { 0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02 }, { 0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E },
    { 0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E }, { 0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08 },
    { 0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E }, { 0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C },
};

static dc_real dc__dot(int digit, int row, int column) {
    bool inside = row >= 0 && row < 7 && column >= 0 && column < 5;
    return inside ? (dc_real)(dc__font[digit][row] >> (4 - column) & 1) : 0;
}

/* The ink at a point of the font, from the four dots around it. */
static dc_real dc__ink(int digit, dc_real row, dc_real column) {
    int r = (int)(row + 64) - 64, c = (int)(column + 64) - 64;     /* Rounded down. */
    dc_real down = row - (dc_real)r, right = column - (dc_real)c;
    return (1 - down) * ((1 - right) * dc__dot(digit, r, c) + right * dc__dot(digit, r, c + 1))
         + down * ((1 - right) * dc__dot(digit, r + 1, c) + right * dc__dot(digit, r + 1, c + 1));
}

/* Each digit is shifted by up to 3 pixels and turned by up to 15 degrees, at 2.4 to 3.2 pixels a
 * dot: for every pixel, where in the font does it come from? The noise is a sum of four random
 * bytes, nearly normal. */
DC_API dc_dataset *dc_make_digits(dc_context *ctx, int64_t count) {
    enum { SIZE = 28 };
    dc_dataset d = dc__described(ctx, "dc_make_digits", count, DC_SHAPE(SIZE, SIZE, 1), DC_SCALAR,
                                 10);
    d.x_bytes = dc__permanent(ctx, (size_t)(count * d.x_size));
    d.y_bytes = dc__permanent(ctx, (size_t)count);
    dc__random place = dc__stream(ctx, DC__FOR_DATA, 0, ctx->creations++, 0), noise = place;
    noise.step = 1;
    for (int64_t i = 0; i < count; i++) {
        dc_real u[4], half = DC__C(0.5) * (SIZE - 1);
        for (int k = 0; k < 4; k++) u[k] = dc__uniform_at(&place, (uint64_t)(4 * i + k));
        dc_real turn = DC__C(0.52) * (u[0] - DC__C(0.5)), size = DC__C(2.4) + DC__C(0.8) * u[1];
        dc_real c = dc__cos_plain(turn) * (1 / size), s = dc__sin_plain(turn) * (1 / size);
        dc_real top = half + 6 * u[2] - 3, left = half + 6 * u[3] - 3;
        d.y_bytes[i] = (uint8_t)(i % 10);
        for (int64_t k = 0, at = i * d.x_size; k < d.x_size; k++, at++) {
            dc_real y = (dc_real)(k / SIZE) - top, x = (dc_real)(k % SIZE) - left;
            dc_real ink = dc__ink(d.y_bytes[i], 3 + c * y - s * x, 2 + s * y + c * x);
            uint32_t b = dc__bits_at(&noise, (uint64_t)at);
            int sum = (int)((b & 255) + (b >> 8 & 255) + (b >> 16 & 255) + (b >> 24)) - 510;
            dc_real v = 255 * (DC__C(1.8) * ink - DC__C(0.3)) + DC__C(0.15) * (dc_real)sum;
            d.x_bytes[at] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
    return dc__new_dataset(d);
}

/* @impl-readers -------------------------------------------------------------------------------- */
/* What comes from a file is believed only when every number in it has been compared with every
 * other: sizes with lengths, counts with counts, check sums with contents, labels with classes. So
 * readers work in three steps: the file into a buffer, all checks, and then permanent memory. */
DC__QUICK_TO_COMPILE

static uint32_t dc__big32(const uint8_t *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3];
}

/* --- gzip (RFC 1952) --- */
#if defined(STBI_INCLUDE_STB_IMAGE_H) && !defined(STBI_NO_ZLIB)

static uint32_t dc__little32(const uint8_t *b) { return __builtin_bswap32(dc__big32(b)); }

/* The sum by which gzip finds damage: the remainder of a division of polynomials. Nothing else
 * would notice a wrong pixel. table[k][i] is the remainder of byte i with k bytes behind it, so
 * that eight bytes are eight look-ups that need not wait for each other. */
static uint32_t dc__crc32(const uint8_t *b, size_t size) {
    uint32_t table[8][256], sum = 0xFFFFFFFF;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t rest = i;
        for (int bit = 0; bit < 64; bit++) {
            rest = rest >> 1 ^ (rest & 1 ? 0xEDB88320 : 0);
            if (bit % 8 == 7) table[bit / 8][i] = rest;
        }
    }
    for (; size >= 8; size -= 8, b += 8) {
        sum ^= dc__little32(b);
        sum = table[7][sum & 255] ^ table[6][sum >> 8 & 255] ^ table[5][sum >> 16 & 255]
            ^ table[4][sum >> 24] ^ table[3][b[4]] ^ table[2][b[5]] ^ table[1][b[6]]
            ^ table[0][b[7]];
    }
    for (; size; size--) sum = sum >> 8 ^ table[0][(sum ^ *b++) & 255];
    return ~sum;
}

/* The unpacked file as a buffer; NULL (and dc_error) when anything is wrong with it. The header has
 * ten bytes and perhaps a name, the trailer check sum and length. stb_image unpacks, but checks
 * neither; and since it looks a few bytes ahead, it gets the trailer too. The format cannot pack
 * more than 1032 : 1. */
static uint8_t *dc__gunzip(dc_context *ctx, const char *path, const uint8_t *b, size_t *size) {
    enum { HEADER = 10, TRAILER = 8, HAS_NAME = 8 };
    size_t at = HEADER, n = *size;
    uint32_t length = n < HEADER + TRAILER ? UINT32_MAX : dc__little32(b + n - 4);
    bool good = length <= INT32_MAX && n <= INT32_MAX && length / 1032 <= n;
    if (good && b[3] == HAS_NAME) while (at < n && b[at++]);
    good = good && b[2] == 8 && (b[3] == 0 || b[3] == HAS_NAME) && at + TRAILER < n;
    uint8_t *out = good ? dc__buffer_new(ctx, (size_t)length + 1) : NULL;
    if (good && !out) return NULL;
    good = good && stbi_zlib_decode_noheader_buffer((char *)out, (int)length, (const char *)b + at,
                                                    (int)(n - at)) == (int)length;
    if (good && dc__crc32(out, length) == dc__little32(b + n - 8)) return *size = length, out;
    dc__buffer_free(out);
    return dc__error(ctx, "%s: damaged, or not plain gzip (one member, up to 2 GiB); try gzip -d",
                     path), NULL;
}
#else
static uint8_t *dc__gunzip(dc_context *ctx, const char *path, const uint8_t *b, size_t *size) {
    (void)b, (void)size;
    return dc__error(ctx, "%s: reading gzip needs stb_image.h; unpack it with gzip -d, or install "
                     "libstb-dev and compile again", path), NULL;
}
#endif

/* A whole file as a buffer, unpacked if it is gzip. NULL (and dc_error): it cannot be read. */
static uint8_t *dc__read_bytes(dc_context *ctx, const char *path, size_t *size) {
    uint8_t *b = (uint8_t *)dc__read_file(ctx, path, size);
    if (!b || *size < 2 || b[0] != 0x1F || b[1] != 0x8B) return b;
    uint8_t *unpacked = dc__gunzip(ctx, path, b, size);
    dc__buffer_free(b);
    return unpacked;
}

/* --- IDX, the format of MNIST --- */
/* A magic number (00 00, the type, 08 for bytes, how many axes), the sizes, the bytes. Reads a file
 * of one axis, labels, or of three, images, into a buffer; the sizes are dim, with 1 behind. */
static uint8_t *dc__read_idx(dc_context *ctx, const char *path, int axes, long long dim[3]) {
    size_t size = 0, header = 4 + 4 * (size_t)axes;
    uint8_t *b = dc__read_bytes(ctx, path, &size);
    if (!b) return NULL;
    if (size < header || dc__big32(b) != 0x800 + (uint32_t)axes) {
        dc__error(ctx, "%s: not an IDX file of %s: it must begin with 0000080%d and %d sizes", path,
                  axes == 1 ? "labels" : "images", axes, axes);
    } else {
        for (int i = 0; i < 3; i++) dim[i] = i < axes ? dc__big32(b + 4 + 4 * i) : 1;
        uint64_t count = (uint64_t)dim[0], item = (uint64_t)dim[1] * (uint64_t)dim[2];
        size_t left = size - header;
        const char *wrong = !item || !count ? "empty" : count > left / item ? "cut short"
                          : count * item != left ? "too long" : NULL;
        if (!wrong) return b;
        dc__error(ctx, "%s: %s: the header promises %lld items of %lld x %lld bytes, and %zu bytes "
                  "follow", path, wrong, dim[0], dim[1], dim[2], left);
    }
    dc__buffer_free(b);
    return NULL;
}

/* classes 0: as many as there are, but two. */
static dc_dataset *dc__load_idx(dc_context *ctx, const char *images, const char *labels,
                                int classes) {
    long long dim[3], count[3];
    int found = 2;
    uint8_t *y = dc__read_idx(ctx, labels, 1, count);
    uint8_t *x = y ? dc__read_idx(ctx, images, 3, dim) : NULL;
    bool ok = x && (*count == *dim || dc__error(ctx, "%s: %lld labels for the %lld images of %s",
                                                labels, *count, *dim, images));
    for (int64_t i = 0; ok && i < *count; i++) if (y[8 + i] >= found) found = y[8 + i] + 1;
    dc_dataset *d = NULL;
    if (ok) d = dc__copied(dc__described(ctx, labels, *count, DC_SHAPE(dim[1], dim[2], 1),
                                         DC_SCALAR, classes ? classes : found),
                           labels, true, x + 16, y + 8);
    dc__buffer_free(x);
    dc__buffer_free(y);
    return d;
}

DC_API dc_dataset *dc_load_idx(dc_context *ctx, const char *images, const char *labels) {
    return dc__load_idx(ctx, images, labels, 0);
}

enum { DC__PATH = 1024 };

/* Into path: folder/stem-idx3-ubyte, or with a dot as some archives have it, or either with .gz. */
static bool dc__find_mnist(dc_context *ctx, const char *folder, const char *stem, char *path) {
    for (int i = 0; i < 4; i++) {
        int axes = strstr(stem, "images") ? 3 : 1;
        int length = snprintf(path, DC__PATH, "%s/%s%cidx%d-ubyte%s", folder, stem,
                              i % 2 ? '.' : '-', axes, i / 2 ? ".gz" : "");
        dc__file *f = length < DC__PATH ? dc__open(ctx, path, "rb") : NULL;
        if (f) return dc__close(ctx, f);
    }
    return dc__error(ctx, "%s: no file %s-idx...-ubyte there that can be opened, with or without "
                     ".gz", folder, stem);
}

DC_API dc_dataset *dc_load_mnist(dc_context *ctx, const char *folder, dc_part part) {
    char images[DC__PATH], labels[DC__PATH];
    bool train = part == DC_TRAIN;
    bool ok = dc__find_mnist(ctx, folder, train ? "train-images" : "t10k-images", images) &&
              dc__find_mnist(ctx, folder, train ? "train-labels" : "t10k-labels", labels);
    return ok ? dc__load_idx(ctx, images, labels, 10) : NULL;
}

/* --- CSV (RFC 4180) --- */
/* The file is cut into texts where it stands: each ends in a zero byte. Blanks around a text do not
 * count, nor do empty lines. */
enum { DC__CLASS_NAMES = 1000 };           /* A column of more texts is a name or a remark. */

typedef struct dc__csv {
    dc_context    *ctx;
    const char    *path;
    dc_csv_options options;
    char          *at;                     /* How far the file is read, */
    long long      line;                   /* up to this line. */
    const char   **name, **text;           /* The texts of the header; of the line at hand. */
    long long      rows, columns, target;
    dc_real       *x, *y;                  /* The numbers read so far. */
    int            names;
    const char    *class_name[DC__CLASS_NAMES];
} dc__csv;

static bool dc__is_blank(const dc__csv *t, char c) {
    return (c == ' ' || c == '\t' || c == '\r') && c != t->options.separator;
}

static bool dc__ends_cell(const dc__csv *t, char c) {
    return !c || c == '\n' || c == t->options.separator;
}

/* Puts a zero byte behind the next text. It may overwrite what ended the cell, so that is noted.
 * NULL (and dc_error): a quote is not closed. */
static const char *dc__read_cell(dc__csv *t, char *ended_by) {
    long long line = t->line;
    char *p = t->at;
    while (dc__is_blank(t, *p)) p++;
    bool is_quoted = *p == '"';
    char *text = p += is_quoted, *out = text;
    for (; is_quoted || !dc__ends_cell(t, *p); *out++ = *p++) {
        if (!*p) return dc__error(t->ctx, "%s: line %lld: a quote is opened and never closed",
                                  t->path, line), NULL;
        if (is_quoted && *p == '"' && *++p != '"') break;        /* Two quotes stand for one. */
        t->line += *p == '\n';
    }
    while (is_quoted && dc__is_blank(t, *p)) p++;
    if (!dc__ends_cell(t, *p))
        return dc__error(t->ctx, "%s: line %lld: text after a closing quote", t->path, t->line),
               NULL;
    while (!is_quoted && out > text && dc__is_blank(t, out[-1])) out--;
    *ended_by = *p;
    t->at = *p ? p + 1 : p;
    *out = 0;
    return text;
}

/* In the first line, or else its number. */
static const char *dc__column_name(const dc__csv *t, long long c, char number[24]) {
    snprintf(number, 24, "%lld", c);
    return t->options.no_header ? number : t->name[c];
}

/* The first line tells the columns. */
static bool dc__find_target(dc__csv *t, long long columns) {
    const char *label = t->options.label;
    char number[24];
    if (columns < 2)
        return dc__error(t->ctx, "%s: a single column; a feature and a target are needed, "
                         "separated by '%c'", t->path, t->options.separator);
    t->columns = columns;
    t->target = label ? -1 : columns - 1;
    for (long long c = columns; label && c-- > 0;)               /* The first of equals wins. */
        if (!strcmp(dc__column_name(t, c, number), label) || !strcmp(number, label)) t->target = c;
    return t->target >= 0 ||
           dc__error(t->ctx, "%s: no column \"%.40s\" for the target; the last is \"%.40s\"",
                     t->path, label, dc__column_name(t, columns - 1, number));
}

/* The value of column c in the line at hand. Classes are numbered in order of appearance. */
static bool dc__read_value(dc__csv *t, long long c, long long line) {
    const char *text = t->text[c], *stop = text + strlen(text), *wrong = NULL;
    char number[24];
    double v = 0;
    bool is_target = c == t->target;
    if (!*text || !strcmp(text, "?") || !strcmp(text, "NA") || dc__is_word(text, stop, "nan")) {
        v = (double)t->options.missing;
        if (is_target) wrong = "is missing, but it is the target";
    } else if (is_target && t->options.is_classes) {
        int k = 0;
        while (k < t->names && strcmp(t->class_name[k], text)) k++;
        if (k == DC__CLASS_NAMES) wrong = "is the 1001st text of its column; there may be 1000";
        else if (k == t->names) t->class_name[t->names++] = text;
        v = k;
    } else if (!dc__parse_number(text, stop, &v)) {
        wrong = is_target ? "is not a number; if the target is a class, set is_classes"
              : "is not a number; write a number for each text, or a column of 0 and 1";
    } else if (!isfinite((dc_real)v)) {
        wrong = "is more than a dc_real can hold";
    }
    *(is_target ? t->y++ : t->x++) = (dc_real)v;
    return !wrong || dc__error(t->ctx, "%s: line %lld, column \"%.40s\": \"%.40s\" %s", t->path,
                               line, dc__column_name(t, c, number), text, wrong);
}

static bool dc__read_table(dc__csv *t) {
    if (!strncmp(t->at, "\xEF\xBB\xBF", 3)) t->at += 3;          /* A byte order mark. */
    long long first = 0;
    for (t->line = 1; *t->at; t->line++) {
        long long found = 0, line = t->line;
        for (char end = t->options.separator; end == t->options.separator; found++)
            if (!(t->text[found] = dc__read_cell(t, &end))) return false;
        if (found == 1 && !*t->text[0]) continue;                /* An empty line. */
        bool is_header = !first && !t->options.no_header;
        if (!first && !dc__find_target(t, found)) return false;
        if (!first) first = line;
        if (found != t->columns)
            return dc__error(t->ctx, "%s: line %lld has %lld fields, but line %lld has %lld",
                             t->path, line, found, first, t->columns);
        if (is_header) t->text += found;
        for (long long c = 0; c < found && !is_header; c++)
            if (!dc__read_value(t, c, line)) return false;
        t->rows += !is_header;
    }
    return t->rows > 0 || dc__error(t->ctx, "%s: there are no samples in it", t->path);
}

/* Class numbers that are whole, and the smallest of which is 0, stay as they are, without names.
 * Returns how many classes there are; at least two. */
static int dc__settle_classes(dc__csv *t, dc_real *y) {
    double label[DC__CLASS_NAMES];
    int classes = 2, labels = 0, zeros = 0;
    for (int k = 0; k < t->names; k++) {
        const char *name = t->class_name[k];
        bool is_label = dc__parse_number(name, name + strlen(name), &label[k]) &&
                        dc__is_label((dc_real)label[k], DC__CLASS_NAMES);
        labels += is_label, zeros += is_label && label[k] == 0;
        if (is_label && label[k] >= classes) classes = (int)label[k] + 1;
    }
    if (labels < t->names || !zeros) return t->names > 2 ? t->names : 2;
    for (int64_t r = 0; r < t->rows; r++) y[r] = (dc_real)label[(int)y[r]];
    t->names = 0;
    return classes;
}

static dc_dataset *dc__build_csv(dc__csv *t, const dc_real *x, dc_real *y) {
    int classes = t->options.is_classes ? dc__settle_classes(t, y) : 0;
    int64_t features = t->columns - 1;
    dc_dataset *d = dc__copied(dc__described(t->ctx, t->path, t->rows, DC_SHAPE(features),
                                             classes ? DC_SCALAR : DC_SHAPE(1), classes),
                               t->path, false, x, y);
    if (!d) return NULL;
    size_t names = (size_t)(features + classes);
    d->feature_name = dc__permanent_zeros(t->ctx, names * sizeof *d->feature_name);
    d->class_name = d->feature_name + features;
    char number[24];
    for (long long c = 0, f = 0; c < t->columns; c++)
        if (c != t->target)
            d->feature_name[f++] = dc__permanent_text(t->ctx, dc__column_name(t, c, number));
    for (int k = 0; k < t->names; k++)
        d->class_name[k] = dc__permanent_text(t->ctx, t->class_name[k]);
    return d;
}

DC_API dc_dataset *dc_load_csv(dc_context *ctx, const char *path, const dc_csv_options *options) {
    dc__csv t = { .ctx = ctx, .path = path };
    if (options) t.options = *options;
    if (!t.options.separator) t.options.separator = ',';
    if (strchr("\"\r\n", t.options.separator))
        dc_fail(ctx, "dc_load_csv: a quote or the end of a line cannot be the separator");
    size_t size = 0, cells = 1;
    char *bytes = t.at = dc__read_file(ctx, path, &size);
    bool ok = bytes && (!memchr(bytes, 0, size) ||
                        dc__error(ctx, "%s: not a text file: it has a zero byte", path));
    for (size_t i = 0; i < size && ok; i++) cells += dc__ends_cell(&t, bytes[i]);
    const char **texts = ok ? dc__buffer_new(ctx, cells * sizeof *texts) : NULL;
    dc_real *x = texts ? dc__buffer_new(ctx, cells * sizeof *x) : NULL;
    dc_real *y = x ? dc__buffer_new(ctx, cells * sizeof *y) : NULL;
    t.name = t.text = texts, t.x = x, t.y = y;
    dc_dataset *d = y && dc__read_table(&t) ? dc__build_csv(&t, x, y) : NULL;
    dc__buffer_free(bytes);
    dc__buffer_free(texts);
    dc__buffer_free(x);
    dc__buffer_free(y);
    return d;
}

/* @impl-images --------------------------------------------------------------------------------- */
/* Files become bytes, bytes become samples. stb_image decodes; everything that is read is checked
 * before it is believed. */

enum { DC__MOST_PIXELS = 1 << 26 };

#ifdef STBI_INCLUDE_STB_IMAGE_H
/* Does a PNM file hold the bytes that it promises? stb_image does not look, and returns what was in
 * memory; and of 16 bits it reads too many. Pixels begin behind three numbers, between which there
 * may be comments, and a blank. */
static bool dc__pnm_is_whole(const char *b, size_t size) {
    int64_t number[3] = { 0 };
    size_t at = 2;
    if (b[0] != 'P' || (b[1] != '5' && b[1] != '6')) return true;      /* It is no such file. */
    for (int k = 0; k < 3; k++) {
        while (b[at] && (b[at] < '0' || b[at] > '9'))
            at += b[at] == '#' ? strcspn(b + at, "\r\n") : 1;
        for (; b[at] >= '0' && b[at] <= '9'; at++)
            if ((number[k] = number[k] * 10 + b[at] - '0') > DC__MOST_PIXELS) return false;
    }
    int64_t pixels = ((int64_t)(size - at) - 1) / (b[1] == '6' ? 3 : 1);
    return number[0] * number[1] <= pixels && number[2] < 256;
}
#endif

/* What an image file holds, as a buffer of bytes [*high, *wide, *channels]; NULL and dc_error. */
static uint8_t *dc__decode(dc_context *ctx, const char *path, int *high, int *wide, int *channels) {
    size_t size = 0;
    char *bytes = dc__read_file(ctx, path, &size);
    uint8_t *kept = NULL;
    if (!bytes) return NULL;
#ifdef STBI_INCLUDE_STB_IMAGE_H
    int wanted = *channels, there = 0, length = size > INT_MAX ? 0 : (int)size;
    const stbi_uc *file = (const stbi_uc *)bytes;
    stbi_uc *pixels = NULL;
    if (!dc__pnm_is_whole(bytes, size))
        dc__error(ctx, "%s: a damaged image (fewer bytes than promised), or of 16 bits", path);
    else if (!stbi_info_from_memory(file, length, wide, high, &there))
        dc__error(ctx, "%s: no image that can be read (%s)", path, stbi_failure_reason());
    else if (*wide < 1 || *high < 1 || (int64_t)*wide * *high > DC__MOST_PIXELS)
        dc__error(ctx, "%s: %d x %d pixels, and from 1 to %d are read", path, *wide, *high,
                  DC__MOST_PIXELS);
    else if (pixels = stbi_load_from_memory(file, length, wide, high, &there, wanted), !pixels)
        dc__error(ctx, "%s: a damaged image (%s)", path, stbi_failure_reason());
    if (!wanted) *channels = there;
    size = (size_t)*wide * (size_t)*high * (size_t)*channels;
    if (pixels) kept = dc__buffer_new(ctx, size);
    if (kept) memcpy(kept, pixels, size);
    stbi_image_free(pixels);
#else
    (void)high, (void)wide, (void)channels;
    dc__error(ctx, "%s: reading images needs stb_image.h; install libstb-dev and compile again",
              path);
#endif
    dc__buffer_free(bytes);
    return kept;
}

static dc_real dc__of_byte(uint8_t byte) { return (dc_real)byte / 255; }

DC_API dc_tensor *dc_load_image(dc_context *ctx, const char *path, int channels) {
    int high = 0, wide = 0;
    if (channels < 0 || channels > 4)
        dc_fail(ctx, "dc_load_image: %d channels; 0 (the file's) to 4 are possible", channels);
    uint8_t *bytes = dc__decode(ctx, path, &high, &wide, &channels);
    if (!bytes) return NULL;
    dc_tensor *image = dc_zeros(ctx, DC_SHAPE(high, wide, channels));
    for (int64_t i = 0; i < image->size; i++) image->data[i] = dc__of_byte(bytes[i]);
    dc__buffer_free(bytes);
    return image;
}

#ifdef DC__POSIX
#include <dirent.h>
#include <sys/stat.h>

static bool dc__is_image_name(const char *name) {
    const char *end = strrchr(name, '.');
    char lower[8] = "";
    for (int i = 0; end && i < 6 && end[i]; i++) lower[i] = (char)(end[i] | 32);
    return strlen(lower) > 3 && strstr(".png .jpg .jpeg .bmp .gif .tga .pgm .ppm .pnm", lower);
}

/* The next entry of a folder that is a folder itself, or else an image; NULL at the end. What
 * begins with a point is hidden. */
static const char *dc__next_entry(DIR *stream, const char *folder, bool folders) {
    char path[DC__PATH];
    struct stat about;
    for (struct dirent *e; (e = readdir(stream)) != NULL;) {
        int length = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] == '.' || length >= (int)sizeof path || stat(path, &about)) continue;
        bool is_image = S_ISREG(about.st_mode) && dc__is_image_name(e->d_name);
        if (folders ? S_ISDIR(about.st_mode) : is_image) return e->d_name;
    }
    return NULL;
}

static int dc__by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Their names in order, as memory of the context; -1 and dc_error when it cannot be read. The first
 * pass counts, so that nothing is asked for while the folder is open. */
static int64_t dc__names_in(dc_context *ctx, const char *folder, bool folders,
                            const char ***names) {
    int64_t count = 0, found = 0;
    size_t length = 0, used = 0;
    char *text = NULL;
    for (int pass = 0; pass < 2; pass++) {
        DIR *stream = opendir(folder);
        if (!stream) return dc__error(ctx, "%s: %s", folder, strerror(errno)), -1;
        for (const char *name; (name = dc__next_entry(stream, folder, folders)) != NULL;) {
            size_t size = strlen(name) + 1;
            if (pass == 0) count++, length += size;
            else if (found < count && used + size <= length)
                (*names)[found++] = memcpy(text + used, name, size), used += size;
        }
        closedir(stream);
        if (pass == 0) *names = dc__temporary(ctx, ((size_t)count + 1) * sizeof **names);
        if (pass == 0) text = dc__temporary(ctx, length + 1);
    }
    qsort(*names, (size_t)found, sizeof **names, dc__by_name);
    return found;
}

/* One image as bytes of that shape. */
static bool dc__load_sample(dc_context *ctx, const char *path, dc_shape shape, uint8_t *to) {
    dc_mark mark = dc_begin(ctx);
    dc_tensor *x = dc_load_image(ctx, path, (int)shape.dim[2]);
    if (x) x = dc_resize(dc_unsqueeze(x, 0), shape.dim[0], shape.dim[1], DC_AREA);
    for (int64_t i = 0; x && i < x->size; i++) to[i] = (uint8_t)(x->data[i] * 255 + DC__C(0.5));
    dc_end(ctx, mark);
    return x != NULL;
}

/* Reads at most `room` images of one class; how many there are, or -1. No room: it only counts. */
static int64_t dc__load_class(dc_context *ctx, const char *folder, const char *name, dc_shape shape,
                              int64_t room, uint8_t *to) {
    char path[DC__PATH], file[2 * DC__PATH];
    const char **names;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int64_t count = dc__names_in(ctx, path, false, &names);
    if (count == 0) return dc__error(ctx, "%s: no images in this folder", path), -1;
    for (int64_t i = 0; i < count && i < room; i++) {
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        if (!dc__load_sample(ctx, file, shape, to)) return -1;
        to += shape.dim[0] * shape.dim[1] * shape.dim[2];
    }
    return count;
}

static dc_dataset *dc__load_classes(dc_context *ctx, const char *folder, dc_shape shape) {
    const char **names;
    int64_t classes = dc__names_in(ctx, folder, true, &names), count = 0, each[256];
    int64_t size = shape.dim[0] * shape.dim[1] * shape.dim[2];
    if (classes < 0) return NULL;
    if (classes == 0 || classes > 256)
        return dc__error(ctx, "%s: %lld folders, one for each class; there may be 1 to 256", folder,
                         (long long)classes), NULL;
    for (int64_t i = 0; i < classes; i++, count += each[i - 1])
        if ((each[i] = dc__load_class(ctx, folder, names[i], shape, 0, NULL)) < 0) return NULL;
    uint8_t *x = dc__buffer_new(ctx, (size_t)(count * (size + 1)));
    uint8_t *y = x ? x + count * size : NULL;
    bool ok = x != NULL;
    for (int64_t i = 0, at = 0; i < classes && ok; at += each[i++]) {
        ok = dc__load_class(ctx, folder, names[i], shape, each[i], x + at * size) == each[i];
        memset(y + at, (int)i, (size_t)each[i]);
    }
    dc_dataset *d = !ok ? NULL : dc__copied(
        dc__described(ctx, folder, count, shape, DC_SCALAR, (int)classes), folder, true, x, y);
    dc__buffer_free(x);
    if (d) d->class_name = dc__permanent(ctx, (size_t)classes * sizeof *d->class_name);
    for (int64_t i = 0; d && i < classes; i++)
        d->class_name[i] = dc__permanent_text(ctx, names[i]);
    return d;
}
#endif

DC_API dc_dataset *dc_load_image_folder(dc_context *ctx, const char *folder, int64_t height,
                                        int64_t width, int channels) {
    if (height < 1 || width < 1 || width > DC__MOST_PIXELS / height || channels < 1 || channels > 4)
        dc_fail(ctx, "dc_load_image_folder: images of %lld x %lld x %d", (long long)height,
                (long long)width, channels);
#ifdef DC__POSIX
    dc_mark mark = dc_begin(ctx);
    dc_dataset *d = dc__load_classes(ctx, folder, DC_SHAPE(height, width, channels));
    dc_end(ctx, mark);
    return d;
#else
    return dc__error(ctx, "%s: this system's folders cannot be read", folder), NULL;
#endif
}

/* @impl-metrics -------------------------------------------------------------------------------- */
/* A metric looks at all predictions of a set at once and gives one number. Most only ask which
 * class was said and which was true; these two questions are answered first, for one output and for
 * many, for class numbers and for one-hot targets, and the rest is counting. */

static int64_t dc__largest(const dc_real *v, int64_t n) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) if (v[i] > v[best]) best = i;
    return best;
}

static int64_t dc__said(const dc_predictions *p, int64_t i) {
    const dc_real *y = p->y + i * p->outputs;
    return p->outputs > 1 ? dc__largest(y, p->outputs) : y[0] > p->threshold;
}

/* The true class; -1 when the target is none of them. */
static int64_t dc__truth(const dc_predictions *p, int64_t i) {
    const dc_real *t = p->t + i * p->targets;
    if (p->targets > 1) return dc__largest(t, p->targets);
    if (p->outputs == 1) return t[0] > DC__C(0.5);
    return t[0] >= 0 && t[0] < (dc_real)p->outputs ? (int64_t)t[0] : -1;
}

/* How many have their true class among the k largest outputs. Ties go to the lower number, as for
 * the largest; a NaN is larger than nothing. */
static int64_t dc__count_right(const dc_predictions *p, int k) {
    int64_t right = 0;
    for (int64_t i = 0; i < p->count; i++) {
        const dc_real *y = p->y + i * p->outputs;
        int64_t truth = dc__truth(p, i), before = 0;
        if (k == 1 || p->outputs == 1) before = truth != dc__said(p, i);
        else if (truth < 0) before = k;
        else for (int64_t j = 0; j < p->outputs; j++)
            before += j < truth ? !(y[j] < y[truth]) : j > truth && !(y[j] <= y[truth]);
        right += before < k;
    }
    return right;
}

/* Precision, recall and F1 divide how often a class was rightly said by how often it was said, how
 * often it was true, or the mean of the two: 2 TP / (2 TP + FP + FN) = TP / ((said + true) / 2).
 * The mean over classes is over those that occur, as in scikit-learn. */
static double dc__rightly(const dc_predictions *p, int cls, double by_said, double by_truth) {
    int64_t classes = p->outputs > 1 ? p->outputs : 2;
    if (cls >= classes)
        dc_fail(p->ctx, "a metric asks for class %d, but there are only %lld: 0 to %lld", cls,
                (long long)classes, (long long)(classes - 1));
    int64_t *right = dc_alloc(p->ctx, 3 * (size_t)classes * sizeof *right);
    int64_t *said = right + classes, *truth = said + classes;
    for (int64_t i = 0; i < p->count; i++) {
        int64_t s = dc__said(p, i), t = dc__truth(p, i);
        said[s]++;
        if (t >= 0 && t < classes) truth[t]++, right[t] += s == t;
    }
    double sum = 0, present = 0;
    for (int64_t c = 0; c < classes; c++) {
        if ((cls >= 0 && c != cls) || said[c] + truth[c] == 0) continue;
        double whole = by_said * (double)said[c] + by_truth * (double)truth[c];
        if (whole > 0) sum += (double)right[c] / whole;
        present++;
    }
    return present > 0 ? sum / present : 0;
}


/* The mean of |y - t| or of its square; NaN when targets are not quantities like the outputs. */
static double dc__mean_error(const dc_predictions *p, bool squared) {
    double sum = 0, n = (double)(p->count * p->targets);
    if (p->outputs != p->targets) return (double)NAN;
    for (int64_t i = 0; i < p->count * p->targets; i++) {
        double e = fabs((double)p->y[i] - (double)p->t[i]);
        sum += squared ? e * e : e;
    }
    return sum / n;
}

/* Targets that are all equal: 1 for a perfect prediction, else 0, as in scikit-learn. */
static double dc__explained(const dc_predictions *p) {
    int64_t size = p->count * p->targets;
    double mean = 0, variance = 0, error = dc__mean_error(p, true), n = (double)size;
    for (int64_t i = 0; i < size; i++) mean += (double)p->t[i];
    for (int64_t i = 0; i < size; i++)
        variance += ((double)p->t[i] - mean / n) * ((double)p->t[i] - mean / n) / n;
    return variance == 0 && error >= 0 ? error == 0 : 1 - error / variance;
}

/* The metrics themselves: their values for predictions p and the number k. */
#define DC__METRIC(CALL, NAME, K, VALUE)                                                           \
    static double dc__metric_##NAME(const dc_predictions *p, const dc_metric *self) {              \
        const int k = self->k;                                                                     \
        return (void)k, VALUE;                                                                     \
    }                                                                                              \
    DC_API dc_metric CALL { return (dc_metric){ #NAME, dc__metric_##NAME, K }; }
DC__METRIC(dc_accuracy(void),     accuracy,  1,   (double)dc__count_right(p, k) / (double)p->count)
DC__METRIC(dc_top_k(int k),       top_k,     k,   (double)dc__count_right(p, k) / (double)p->count)
DC__METRIC(dc_precision(int cls), precision, cls, dc__rightly(p, k, 1, 0))
DC__METRIC(dc_recall(int cls),    recall,    cls, dc__rightly(p, k, 0, 1))
DC__METRIC(dc_f1(int cls),        f1,        cls, dc__rightly(p, k, 0.5, 0.5))
DC__METRIC(dc_mae_metric(void),   mae,       0,   dc__mean_error(p, false))
DC__METRIC(dc_rmse(void),         rmse,      0,   sqrt(dc__mean_error(p, true)))
DC__METRIC(dc_r2(void),           r2,        0,   dc__explained(p))
#undef DC__METRIC

/* @impl-training ------------------------------------------------------------------------------- */
/* dc_fit is the loop that one would write by hand: batch, forward, loss, backward, step. All the
 * rest is book-keeping around it: what the numbers of an epoch are, who is told, and when to stop.
 * One idea keeps it short: a tally adds up what batches give, the same one for training, evaluation
 * and prediction. */

static bool dc__loss_is(const dc_model *m, const char *name) {
    return m->loss.name && !strcmp(m->loss.name, name);
}

/* Every output is a yes or no of its own. */
static bool dc__is_binary(const dc_model *m) {
    return dc__loss_is(m, "bce") || dc__loss_is(m, "bce_with_logits");
}

static void dc__check_samples(dc_model *m, dc_dataset *data, const char *who) {
    if (!dc__same_shape(dc_x_shape(data), m->input))
        dc_fail(m->ctx, "%s: the samples are %s but the model takes %s; give dc_input the shape of "
                "a sample", who, DC__SHAPE_TEXT(dc_x_shape(data)), DC__SHAPE_TEXT(m->input));
}

/* The last axis of a prediction. */
static int64_t dc__outputs_of(const dc_model *m) { return m->output.dim[m->output.rank - 1]; }

/* The set must also have targets that the loss can use. */
static void dc__check_targets(dc_model *m, dc_dataset *data, const char *who) {
    if (!m->is_compiled)
        dc_fail(m->ctx, "%s: the model has no loss and no optimizer; call dc_compile first", who);
    dc__check_samples(m, data, who);
    int64_t outputs = dc__outputs_of(m), classes = data->classes;
    bool wants_classes = dc__loss_is(m, "cross_entropy") || dc__loss_is(m, "nll");
    const char *rule = NULL;
    if (wants_classes && classes == 0 && data->y_size == 1)
        rule = "needs class numbers, but the targets of this set are quantities";
    if (wants_classes && classes > 0 && classes != outputs) rule = "needs one output a class";
    if (dc__is_binary(m) && classes > 2) rule = "tells two classes apart; use DC_CROSS_ENTROPY";
    if (rule)
        dc_fail(m->ctx, "%s: the loss %s %s (the model has %lld outputs, the set %lld classes)",
                who, m->loss.name, rule, (long long)outputs, (long long)classes);
}

/* --- one pass over a set --- */
typedef struct dc__tally {
    dc_model      *model;
    double         loss;                   /* Times rows, summed. */
    int64_t        rows, right;
    bool           is_classifier;
    dc_real       *y, *t;                  /* Where all rows are kept, or NULL. */
    dc_predictions all;                    /* The same as metrics see them. */
} dc__tally;

/* What is one prediction? With a target for each output, of yes or no, each output; with a target
 * for each row of outputs, such as each step of a sequence, the row; else all outputs together. */
static dc__tally dc__new_tally(dc_model *m, dc_dataset *data, bool keep) {
    int64_t y_size = dc__count(m->ctx, m->output), t_size = data->y_size;
    int64_t row = dc__outputs_of(m), outputs = y_size;
    if (t_size == y_size) outputs = dc__is_binary(m) ? 1 : row;
    else if (t_size * row == y_size) outputs = row;
    dc__tally a = { .model = m, .all = { .outputs = outputs, .ctx = m->ctx } };
    a.is_classifier = m->loss.is_classifier && (!dc__is_binary(m) || t_size == 1);
    a.all.targets = t_size / (y_size / outputs);
    a.all.threshold = dc__loss_is(m, "bce") ? DC__C(0.5) : 0;
    if (keep) {
        size_t size = (size_t)dc_count(data) * sizeof(dc_real);
        a.all.y = a.y = dc__temporary(m->ctx, size * (size_t)y_size);
        a.all.t = a.t = dc__temporary(m->ctx, size * (size_t)t_size);
    }
    return a;
}

static void dc__add_batch(dc__tally *a, const dc_tensor *y, const dc_batch *b, double loss) {
    int64_t expected = dc__count(y->ctx, a->model->output);
    if (y->size != b->size * expected)
        dc_fail(y->ctx, "the model gives %s for %lld samples, but %lld values for one",
                DC__SHAPE_TEXT(y->shape), (long long)b->size, (long long)expected);
    dc_predictions p = a->all;
    p.y = y->data, p.t = b->y->data, p.count = y->size / p.outputs;
    if (a->is_classifier) a->right += dc__count_right(&p, 1);
    if (a->y) dc_read(y, a->y + a->all.count * p.outputs);
    if (a->t) dc_read(b->y, a->t + a->all.count * p.targets);
    a->loss += loss * (double)b->size;
    a->rows += b->size, a->all.count += p.count;
}

/* Without training. That rows go through in batches changes no bit of theirs. */
static void dc__pass(dc__tally *a, dc_dataset *data, bool with_loss) {
    enum { ROWS = 256 };
    dc_context *ctx = a->model->ctx;
    bool training = dc_set_training(ctx, false), grad = dc_set_grad(ctx, false);
    dc_loader *loader = dc_batches(data, ROWS, false);
    for (dc_batch b; dc_next(loader, &b); ) {
        dc_mark mark = dc_begin(ctx);
        dc_tensor *y = dc_forward(a->model, b.x);
        dc_real loss = with_loss ? dc_item(dc_loss_value(a->model->loss, y, b.y)) : 0;
        dc__add_batch(a, y, &b, (double)loss);
        dc_end(ctx, mark);
    }
    dc_set_training(ctx, training), dc_set_grad(ctx, grad);
}

static dc_report dc__report_of(const dc__tally *a, bool with_metrics) {
    dc_report r = { .samples = a->rows, .loss = a->loss / (double)a->rows };
    r.accuracy = a->is_classifier ? (double)a->right / (double)a->all.count : (double)NAN;
    r.metrics = with_metrics ? a->model->metrics : 0;
    for (int i = 0; i < r.metrics; i++) {
        const dc_metric *metric = &a->model->metric[i];
        dc_mark mark = dc_begin(a->model->ctx);
        r.name[i] = metric->name;
        r.value[i] = a->rows ? metric->compute(&a->all, metric) : (double)NAN;
        dc_end(a->model->ctx, mark);
    }
    return r;
}

DC_API dc_report dc_evaluate(dc_model *model, dc_dataset *data) {
    dc__check_targets(model, data, "dc_evaluate");
    dc_mark mark = dc_begin(model->ctx);
    dc__tally tally = dc__new_tally(model, data, model->metrics > 0);
    dc__pass(&tally, data, true);
    dc_report report = dc__report_of(&tally, true);
    dc_end(model->ctx, mark);
    return report;
}

DC_API dc_tensor *dc_predict_all(dc_model *model, dc_dataset *data) {
    dc__check_samples(model, data, "dc_predict_all");
    dc_shape shape = model->output;
    shape.dim[0] = data->count;
    dc_tensor *result = dc_zeros(model->ctx, shape);
    dc_mark mark = dc_begin(model->ctx);
    dc__tally tally = dc__new_tally(model, data, false);
    tally.y = result->data;
    dc__pass(&tally, data, false);
    dc_end(model->ctx, mark);
    return tally.rows == data->count ? result : NULL;
}

/* A tensor is a set of samples that are their own targets. */
DC_API dc_tensor *dc_predict(dc_model *model, dc_tensor *x) {
    dc__check("dc_predict", 1, x);
    dc_shape one = model->input;
    if (!dc__is_batch_of(x->shape, one))
        dc_fail(model->ctx, "dc_predict: x is %s but the model takes samples of %s behind a batch "
                "axis (for one sample: dc_unsqueeze(x, 0))", DC__SHAPE_TEXT(x->shape),
                DC__SHAPE_TEXT(one));
    int64_t size = dc__count(model->ctx, one);
    dc_dataset data = { .ctx = model->ctx, .count = x->shape.dim[0], .x = x->data,
                        .x_shape = one, .y_shape = one, .x_size = size, .y_size = size };
    return dc_predict_all(model, &data);
}

DC_API dc_tensor *dc_confusion(dc_model *model, dc_dataset *data) {
    dc_context *ctx = model->ctx;
    dc__check_samples(model, data, "dc_confusion");
    int64_t outputs = dc__outputs_of(model), classes = data->classes;
    if (classes != (outputs > 1 ? outputs : 2))
        dc_fail(ctx, "dc_confusion: the model has %lld outputs, but the set has %lld classes",
                (long long)outputs, (long long)classes);
    dc_tensor *result = dc_zeros(ctx, DC_SHAPE(classes, classes));
    dc_mark mark = dc_begin(ctx);
    dc__tally tally = dc__new_tally(model, data, true);
    dc__pass(&tally, data, false);
    for (int64_t i = 0; i < tally.all.count; i++) {
        int64_t truth = dc__truth(&tally.all, i);
        if (truth >= 0) result->data[truth * classes + dc__said(&tally.all, i)]++;
    }
    dc_end(ctx, mark);
    return tally.rows == data->count ? result : NULL;
}

/* --- fit: what an epoch gives, and who is told --- */
typedef struct dc__fit {
    dc_model      *model;
    dc_context    *ctx;
    dc_fit_options options;
    dc_dataset    *validation;             /* Or NULL. */
    dc_loader     *loader;
    dc_history    *history;
    dc_callback   *callback;               /* A copy of the options'. */
    dc_callback   *running;                /* The one that is being called. */
    dc_real       *best_weights;           /* For early stopping, else NULL. */
    dc__tally      tally;
    dc_report      trained, validated;     /* The epoch's numbers. */
    int            epoch;
    int64_t        batches;                /* An epoch. */
    bool           on_terminal;
    double         started, drawn;         /* Seconds: the epoch, the bar. */
    char           trouble[512];           /* What dc_error says afterwards. */
} dc__fit;

static dc_history *dc__new_history(dc_model *m, int epochs) {
    size_t count = (size_t)(5 + 2 * m->metrics) * (size_t)epochs;
    double *v = dc__permanent(m->ctx, count * sizeof *v);
    for (size_t i = 0; i < count; i++) v[i] = (double)NAN;
    dc_history *h = dc__permanent_zeros(m->ctx, sizeof *h);
    h->rate = v, h->loss = v += epochs, h->validation_loss = v += epochs;
    h->accuracy = v += epochs, h->validation_accuracy = v += epochs;
    for (; h->metrics < m->metrics; h->metrics++) {
        h->metric_name[h->metrics] = m->metric[h->metrics].name;
        h->metric[h->metrics] = v += epochs, h->validation_metric[h->metrics] = v += epochs;
    }
    return h;
}

/* What epochs are judged by. */
static const double *dc__judged(const dc__fit *f, const dc_history *h) {
    return f->validation ? h->validation_loss : h->loss;
}

static void dc__note(const dc_report *r, int epoch, double *loss, double *accuracy,
                     double **metric) {
    loss[epoch] = r->loss, accuracy[epoch] = r->accuracy;
    for (int i = 0; i < r->metrics; i++) metric[i][epoch] = r->value[i];
}

static void dc__note_epoch(dc__fit *f) {
    dc_history *h = f->history;
    int e = h->epochs++;
    h->rate[e] = dc_rate(f->model->optimizer);
    dc__note(&f->trained, e, h->loss, h->accuracy, h->metric);
    if (f->validation)
        dc__note(&f->validated, e, h->validation_loss, h->validation_accuracy,
                 h->validation_metric);
    double judged = dc__judged(f, h)[e], best = dc__judged(f, h)[h->best_epoch];
    if (judged < best || best != best) h->best_epoch = e;
}

static void dc__show(const char *part, const char *name, double value) {
    bool small = value > -1e-3 && value < 1e-3 && value != 0;
    fprintf(stderr, " - %s%s: %s", part, name, small ? DC__NUMBER(value, 5) : DC__FIXED(value, 4));
}

static void dc__show_report(const dc__fit *f, const dc_report *r, const char *part) {
    dc__show(part, "loss", r->loss);
    if (f->tally.is_classifier) dc__show(part, "accuracy", r->accuracy);
    for (int i = 0; i < r->metrics; i++) dc__show(part, r->name[i], r->value[i]);
}

/* What went wrong, and of dc_error why, on stderr and for dc_error after dc_fit. */
static void dc__complain(dc__fit *f, const char *what) {
    snprintf(f->trouble, sizeof f->trouble, "dc_fit: %.160s: %.256s", what, dc_error(f->ctx));
    fprintf(stderr, "%s%s\n", f->on_terminal ? "\n" : "", f->trouble);
}

/* --- callbacks --- */
/* Copies all of a model's tensors to `values`, or back. */
static void dc__copy_weights(dc_model *m, dc_real *values, bool back) {
    dc_tensors all = dc__all_of(m);
    for (int i = 0; i < all.count; values += all.tensor[i++]->size)
        if (back) dc_write(all.tensor[i], values);
        else dc_read(all.tensor[i], values);
}

/* deepc's own callbacks are written as a program writes its own; dc_fit gives itself as `user`. */
static bool dc__stop_early(dc_model *m, int epoch, const dc_history *history, void *user) {
    const dc__fit *f = user;
    const double *loss = dc__judged(f, history);
    double best = (double)INFINITY;
    int best_epoch = -1;
    for (int e = 0; e <= epoch; e++)
        if (loss[e] < best - f->running->min_delta) best = loss[e], best_epoch = e;
    if (best_epoch < epoch) return epoch - best_epoch < f->running->patience;
    dc__copy_weights(m, f->best_weights, false);
    return true;
}

/* Training goes on without a file that cannot be written, and does not try again. */
static bool dc__save_best(dc_model *m, int epoch, const dc_history *history, void *user) {
    dc__fit *f = user;
    bool is_best = history->best_epoch == epoch && dc__judged(f, history)[epoch] < (double)INFINITY;
    if (!is_best || dc_save(m, f->running->path)) return true;
    dc__complain(f, f->running->name);
    f->running->on_epoch_end = NULL;
    return true;
}

DC_API dc_callback dc_early_stopping(int patience, double min_delta) {
    return (dc_callback){ .name = "early stopping", .on_epoch_end = dc__stop_early,
                          .patience = patience, .min_delta = min_delta };
}

DC_API dc_callback dc_checkpoint(const char *path) {
    return (dc_callback){ .name = "checkpoint", .on_epoch_end = dc__save_best, .path = path };
}

static void dc__copy_callbacks(dc__fit *f) {
    size_t n = (size_t)f->options.callback_count;
    f->callback = dc_alloc(f->ctx, n * sizeof *f->callback);
    for (size_t i = 0; i < n; i++) {
        dc_callback *c = &f->callback[i];
        *c = f->options.callbacks[i];
        bool stops = c->on_epoch_end == dc__stop_early, saves = c->on_epoch_end == dc__save_best;
        if (stops || saves) c->user = f;
        if (stops && !f->best_weights) {
            size_t size = (size_t)dc__elements(dc__all_of(f->model)) * sizeof(dc_real);
            f->best_weights = dc__temporary(f->ctx, size);
            dc__copy_weights(f->model, f->best_weights, false);
        }
    }
}

/* --- progress --- */
static double dc__seconds(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* "9s" */
static dc__words dc__time_words(double seconds) {
    if (seconds < 1e-3) return dc__say("%.0fus", 1e6 * seconds);
    return seconds < 1 ? dc__say("%.0fms", 1e3 * seconds) : dc__say("%.0fs", seconds);
}

/* On a terminal Keras's bar, drawn over the last one; elsewhere one line when the epoch is done. */
static void dc__draw(dc__fit *f, int64_t step, bool done) {
    enum { WIDTH = 30 };
    static const char bar[] = "==============================>.............................";
    double now = dc__seconds(), spent = now - f->started, each = spent / (double)(step ? step : 1);
    if (f->options.quiet || (!done && (!f->on_terminal || now - f->drawn < 0.1))) return;
    f->drawn = now;
    if (!f->on_terminal) fprintf(stderr, "Epoch %d/%d", f->epoch + 1, f->options.epochs);
    else fprintf(stderr, "\r%lld/%lld [%.*s]", (long long)step, (long long)f->batches, WIDTH,
                 bar + WIDTH - step * WIDTH / f->batches);
    double left = each * (double)(f->batches - step);
    if (!done) fprintf(stderr, " - ETA: %s", dc__time_words(left).text);
    else fprintf(stderr, " - %s %s/step", dc__time_words(spent).text, dc__time_words(each).text);
    if (!done) f->trained = dc__report_of(&f->tally, false);
    dc__show_report(f, &f->trained, "");
    if (done && f->validation) dc__show_report(f, &f->validated, "val_");
    fprintf(stderr, "%s%s", f->on_terminal ? "\033[K" : "", done ? "\n" : "");   /* K: clear. */
}

/* The place of the first NaN or infinity; n without. */
static int64_t dc__first_nan(const dc_real *v, int64_t n) {
    int64_t i = 0;
    while (i < n && v[i] - v[i] == 0) i++;         /* inf - inf and nan - nan are NaN. */
    return i;
}

static bool dc__has_nan(const dc_tensor *t) { return dc__first_nan(t->data, t->size) < t->size; }

DC_API dc_tensor *dc_find_nan(dc_model *model) {
    dc_tensors all = dc__all_of(model);
    for (int i = 0; i < all.count; i++) {
        dc_tensor *t = all.tensor[i];
        if (dc__has_nan(t)) return t;
        if (t->grad && t->pass && dc__first_nan(t->grad, t->size) < t->size) return t;
    }
    return NULL;
}

/* Says where the first NaN or infinity of a step is: in the samples, else in a weight, else in what
 * an op made. The tensors since `mark` are chained, the newest first. */
static void dc__stop_at_nan(dc__fit *f, const dc_batch *b, int64_t batch, dc_mark mark,
                            const dc_tensor *loss) {
    const dc_tensor *first = loss, *weight = dc_find_nan(f->model);
    for (const dc_tensor *t = f->ctx->last; t && t != mark.last; t = t->made_before)
        if (dc__has_nan(t)) first = t;
    if (weight) first = weight;
    if (dc__has_nan(b->y)) first = b->y;
    if (dc__has_nan(b->x)) first = b->x;
    int64_t place = dc__first_nan(first->data, first->size);
    if (first == b->x || first == b->y)
        dc__error(f->ctx, "the %s of sample %lld holds a NaN or infinity",
                  first == b->x ? "x" : "target",
                  (long long)b->rows[place / (first->size / b->size)]);
    else
        dc__error(f->ctx, "%s%s holds a NaN or infinity (a smaller rate, or clip_norm, may help)",
                  place == first->size ? "the gradient of " : first == weight ? "" : "the tensor ",
                  dc__origin(first).text);
    dc__complain(f, dc__say("stopped before step %lld of epoch %d, where the loss is %s",
                            (long long)batch + 1, f->epoch + 1,
                            DC__NUMBER((double)loss->data[0], 4)).text);
    f->tally.loss += (double)loss->data[0];
    f->history->stopped_by = "nan";
}

/* Tells the callbacks that a batch has ended, or (batch -1) the epoch. */
static void dc__tell(dc__fit *f, int64_t batch, double loss) {
    for (int i = 0; i < f->options.callback_count; i++) {
        dc_callback *c = f->running = &f->callback[i];
        bool go_on = batch < 0
            ? !c->on_epoch_end || c->on_epoch_end(f->model, f->epoch, f->history, c->user)
            : !c->on_batch_end || c->on_batch_end(f->model, f->epoch, batch, loss, c->user);
        if (!go_on && !f->history->stopped_by)
            f->history->stopped_by = c->name ? c->name : "callback";
    }
}

/* What one would write by hand, and then the book-keeping. */
static void dc__fit_batch(dc__fit *f, const dc_batch *b, int64_t batch) {
    dc_mark mark = dc_begin(f->ctx);
    dc_tensor *y = dc_forward(f->model, b->x);
    dc_tensor *loss = dc_loss_value(f->model->loss, y, b->y);
    double value = (double)dc_item(loss);
    if (value - value != 0) {
        dc__stop_at_nan(f, b, batch, mark, loss);
    } else {
        dc_backward(loss);
        dc_step(f->model->optimizer);
        dc__add_batch(&f->tally, y, b, value);
        dc__tell(f, batch, value);
        dc__draw(f, batch + 1, false);
    }
    dc_end(f->ctx, mark);
}

static void dc__fit_epoch(dc__fit *f) {
    f->tally.loss = 0, f->tally.rows = f->tally.right = f->tally.all.count = 0;
    f->started = f->drawn = dc__seconds();
    if (f->on_terminal) fprintf(stderr, "Epoch %d/%d\n", f->epoch + 1, f->options.epochs);

    bool training = dc_set_training(f->ctx, true), grad = dc_set_grad(f->ctx, true);
    int64_t batch = 0;
    for (dc_batch b; !f->history->stopped_by && dc_next(f->loader, &b); batch++)
        dc__fit_batch(f, &b, batch);
    dc_set_training(f->ctx, training), dc_set_grad(f->ctx, grad);
    if (f->loader->failed) {
        dc__complain(f, "stopped early");
        f->history->stopped_by = "data";
    }
    f->trained = dc__report_of(&f->tally, true);
    if (f->validation) f->validated = dc_evaluate(f->model, f->validation);
    dc__note_epoch(f);
    dc__draw(f, batch, true);
    double judged = dc__judged(f, f->history)[f->epoch];
    if (judged - judged == 0) dc_plateau(f->model->optimizer, judged);
    dc_mark mark = dc_begin(f->ctx);
    dc__tell(f, -1, 0);
    dc_end(f->ctx, mark);
}

static void dc__check_options(dc_model *m, dc_dataset *data, const dc_fit_options *o) {
    dc__check_targets(m, data, "dc_fit");
    if (o->validation) dc__check_targets(m, o->validation, "dc_fit (validation)");
    const char *rule = NULL;
    if (o->epochs < 0 || o->batch_size < 0 || o->callback_count < 0) rule = "none may be negative";
    if (o->callback_count > 0 && !o->callbacks) rule = "callbacks is NULL; use DC_CALLBACKS(...)";
    if (!(o->validation_split >= 0 && o->validation_split < 1))
        rule = "validation_split is a part of the data, at least 0 and below 1";
    if (o->validation_split > 0 && o->validation)
        rule = "give either validation_split or a validation set, not both";
    if (m->loss.options.reduction != DC_MEAN)
        rule = "the loss must be the mean over a batch (reduction DC_MEAN)";
    if (rule)
        dc_fail(m->ctx, "dc_fit: epochs %d, batch_size %d, callback_count %d, validation_split %s: "
                "%s", o->epochs, o->batch_size, o->callback_count,
                DC__NUMBER((double)o->validation_split, 6), rule);
}

DC_API const dc_history *dc_fit(dc_model *model, dc_dataset *data, dc_fit_options options) {
    dc_context *ctx = model->ctx;
    dc__check_options(model, data, &options);
    if (options.epochs == 0) options.epochs = 1;
    if (options.batch_size == 0) options.batch_size = 32;
    dc__fit f = { .model = model, .ctx = ctx, .options = options, .validation = options.validation,
                  .on_terminal = !options.quiet && DC__ON_TERMINAL };

    dc_mark mark = dc_begin(ctx);          /* Batches and copies of weights are gone at the end. */
    f.loader = dc_batches(data, options.batch_size, !options.keep_order);
    if (options.validation_split > 0) {
        int64_t *part = dc__temporary(ctx, (size_t)data->count * sizeof *part);
        int64_t n = dc__split_rows(data, "dc_fit (validation_split)", 1 - options.validation_split,
                                   part);
        f.loader->part = part, f.loader->count = n;
        f.validation = dc__selected(data, data->count - n, part + n);
    }
    f.loader->epoch = model->optimizer->epochs;        /* Another dc_fit has other orders. */
    f.batches = (f.loader->count + options.batch_size - 1) / options.batch_size;
    f.tally = dc__new_tally(model, data, model->metrics > 0);
    f.history = dc__new_history(model, options.epochs);
    dc__copy_callbacks(&f);
    for (; f.epoch < options.epochs && !f.history->stopped_by; f.epoch++) dc__fit_epoch(&f);
    model->optimizer->epochs = f.loader->epoch;
    if (f.best_weights) dc__copy_weights(model, f.best_weights, true);
    if (f.trouble[0]) dc__error(ctx, "%s", f.trouble);
    dc_end(ctx, mark);
    return f.history;
}

/* @impl-files ---------------------------------------------------------------------------------- */
/* A file comes from somewhere else: each number in it is a claim. Whatever is read stands in a
 * buffer first, every claim is checked there against the size of the file and against the model,
 * and only then does anything change. A model is even built twice: the first time in a context of
 * its own, where a description that makes no sense can fail, and use up memory, without harm. */

/* --- JSON --- */
/* A text becomes one list of values in the order of their appearance; what is inside an object or
 * array follows it. In an object, keys and values take turns. This reads all of RFC 8259, and also
 * the Python dictionary of an .npy file: with single quotes, round brackets and a last comma. A
 * bare word such as 1e-5 or true is looked at only where somebody wants a number or a bool. */
typedef struct dc__json {
    char   type;                           /* { [ " or 0 for a bare word. */
    char  *text;                           /* A string, decoded, ending in a zero; or a word. */
    size_t count;                          /* Members of an object or array; bytes of a text. */
    size_t span;                           /* Values in the list that belong to it, and itself. */
} dc__json;

enum { DC__JSON_DEPTH = 256,
       DC__MOST_VALUES = 1 << 19 };        /* Names of layers are compared each with each. */

/* The text, which ends in a zero, from where it is read; and where the next value goes. */
typedef struct dc__json_reader { char *at; dc__json *next; } dc__json_reader;

/* Steps over white space, and then over this character if it comes next. */
static bool dc__take_token(dc__json_reader *r, char c) {
    r->at += strspn(r->at, " \t\r\n");
    return *r->at == c ? r->at++, true : false;
}

/* A string is decoded where it stands: nothing is longer than its escape. Behind \u are four digits
 * of UTF-16, which is written as UTF-8; no pair is made of what is beyond 0xFFFF. */
static bool dc__take_string(dc__json_reader *r, dc__json *v) {
    static const char escape[] = "bfnrt", meaning[] = "\b\f\n\r\t";
    static const int mark[] = { 0, 0xC0, 0xE0 };
    char quote = *r->at++, *out = v->text = r->at, digits[5] = { 0 };
    while (*r->at && *r->at != quote) {
        bool is_escaped = *r->at == '\\' && r->at[1];
        r->at += is_escaped;
        const char *found = is_escaped ? strchr(escape, *r->at) : NULL;
        char c = *r->at++;
        if (is_escaped && c == 'u' && strspn(r->at, "0123456789abcdefABCDEF") >= 4) {
            int code = (int)strtol(memcpy(digits, r->at, 4), NULL, 16);
            int more = (code >= 0x80) + (code >= 0x800);
            *out++ = (char)(mark[more] | code >> 6 * more);
            while (more--) *out++ = (char)(0x80 | (code >> 6 * more & 0x3F));
            r->at += 4;
        } else {
            *out++ = found ? meaning[found - escape] : c;
        }
    }
    bool ok = *r->at == quote;
    r->at += ok, *out = 0, v->count = (size_t)(out - v->text);
    return ok;
}

static bool dc__take_value(dc__json_reader *r, int depth) {
    r->at += strspn(r->at, " \t\r\n");
    dc__json *v = r->next++;
    char first = *r->at, end = first == '{' ? '}' : first == '[' ? ']' : ')';
    *v = (dc__json){ .type = first == '(' ? '[' : first == '\'' ? '"' : first, .text = r->at };
    bool ok = depth < DC__JSON_DEPTH, more = true;
    if (v->type == '"') ok = dc__take_string(r, v);
    else if (v->type == '{' || v->type == '[') {
        for (r->at++; ok && !dc__take_token(r, end); v->count++) {
            const dc__json *key = r->next;
            ok = more && dc__take_value(r, depth + 1);
            if (v->type == '{' && ok)
                ok = key->type == '"' && dc__take_token(r, ':') && dc__take_value(r, depth + 1);
            more = ok && dc__take_token(r, ',');
        }
    } else {
        v->type = 0, v->count = strcspn(r->at, " \t\r\n,:{}[]()\"'");
        r->at += v->count, ok = v->count > 0;
    }
    v->span = (size_t)(r->next - v);
    return ok;
}

/* The values of a text, which ends in a zero, as a buffer; or NULL and dc_error. Their strings stay
 * in the text. Every value but the first follows one of { [ ( , : which says how much room is
 * enough. */
static dc__json *dc__read_json(dc_context *ctx, const char *what, char *text, size_t size) {
    size_t most = 1;
    for (size_t i = 0; i < size; i++) most += memchr("{[(,:", text[i], 5) != NULL;
    if (most > DC__MOST_VALUES) return dc__error(ctx, "%s is too large", what), (dc__json *)NULL;
    dc__json *value = dc__buffer_new(ctx, most * sizeof *value);
    if (!value) return NULL;
    dc__json_reader r = { .at = text, .next = value };
    bool ok = dc__take_value(&r, 0);
    r.at += strspn(r.at, " \t\r\n");
    if (ok && r.at == text + size) return value;
    dc__buffer_free(value);
    dc__error(ctx, "%s is damaged at its byte %zu", what, (size_t)(r.at - text));
    return NULL;
}

/* An object's member; NULL when it has none such, or is no object. */
static const dc__json *dc__member(const dc__json *object, const char *key) {
    if (!object || object->type != '{') return NULL;
    for (const dc__json *v = object + 1; v < object + object->span; v += 1 + v[1].span)
        if (!strcmp(v->text, key)) return v + 1;
    return NULL;
}

/* A member that is a string; "(none)" where there is none. */
static const char *dc__text_member(const dc__json *object, const char *key) {
    const dc__json *v = dc__member(object, key);
    return v && v->type == '"' ? v->text : "(none)";
}

static bool dc__is_bare(const dc__json *v, const char *word) {
    return v && !v->type && dc__is_word(v->text, v->text + v->count, word);
}

/* A whole number from 0 to most. */
static bool dc__read_count(const dc__json *v, uint64_t most, uint64_t *count) {
    bool is_whole = v && !v->type && strspn(v->text, "0123456789") == v->count;
    errno = 0;
    *count = is_whole ? strtoull(v->text, NULL, 10) : 0;
    return is_whole && !errno && *count <= most;
}

static bool dc__read_number(const dc__json *v, double *number) {
    return !v->type && dc__parse_number(v->text, v->text + v->count, number);
}

/* An array of sizes whose elements can be addressed; -1 where it may be left open. */
static bool dc__read_shape(const dc__json *v, bool may_be_open, dc_shape *shape) {
    uint64_t most = PTRDIFF_MAX / 32, size;
    *shape = (dc_shape){ 0 };
    if (!v || v->type != '[' || v->count > DC_MAX_RANK) return false;
    for (shape->rank = 0; shape->rank < (int)v->count; shape->rank++) {
        const dc__json *dim = v + 1 + shape->rank;
        bool is_open = may_be_open && dc__is_bare(dim, "-1");
        if (!dc__read_count(dim, most, &size) && !is_open) return false;
        shape->dim[shape->rank] = is_open ? -1 : (int64_t)size;
        if (size > 1) most /= size;
    }
    return true;
}

/* A text between quotes; the key of an object's next member, behind a comma unless it is the first;
 * and a whole member, "key": "text". */
static void dc__add_quoted(dc__text *t, const char *text) {
    dc__text_add(t, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') dc__text_add(t, "\\%c", *text);
        else if (*text > 0 && *text < ' ') dc__text_add(t, "\\u%04x", (unsigned)*text);
        else dc__text_add(t, "%c", *text);
    }
    dc__text_add(t, "\"");
}

static void dc__add_key(dc__text *t, const char *key) {
    if (t->used && t->data[t->used - 1] != '{') dc__text_add(t, ", ");
    dc__add_quoted(t, key);
    dc__text_add(t, ": ");
}

static void dc__add_string(dc__text *t, const char *key, const char *text) {
    dc__add_key(t, key);
    dc__add_quoted(t, text);
}

/* So many digits that the number comes back; JSON has no infinity, but 1e999 is read as one. */
static void dc__add_number(dc__text *t, double value) {
    dc__text_add(t, "%s", isinf(value) ? "1e999" : DC__NUMBER(value, 17));
}

/* --- elements as bytes --- */
/* The lowest byte first, on any machine. */
static uint64_t dc__get_bits(const char *bytes, size_t size) {
    uint64_t bits = 0;
    while (size--) bits = bits << 8 | (unsigned char)bytes[size];
    return bits;
}

static void dc__put_bits(char *bytes, uint64_t bits, size_t size) {
    for (size_t i = 0; i < size; i++) bytes[i] = (char)(bits >> 8 * i);
}

/* An array in a file. */
typedef struct dc__array {
    char        kind;                      /* 'f' float, 'i' and 'u' integer, 'b' bool. */
    size_t      width;                     /* Bytes of an element. */
    dc_shape    shape;
    const char *data;
} dc__array;

static dc_real dc__element(const dc__array *a, int64_t i) {
    uint64_t bits = dc__get_bits(a->data + (size_t)i * a->width, a->width);
    size_t unused = 64 - 8 * a->width;
    if (a->kind == 'u') return (dc_real)bits;
    if (a->kind == 'b') return bits != 0;
    if (a->kind == 'i') return (dc_real)((int64_t)(bits << unused) >> unused);
    return a->width == 8 ? (dc_real)dc__from_bits64(bits) : dc__from_bits((uint32_t)bits);
}

static void dc__load_elements(dc_tensor *t, const dc__array *a) {
    for (int64_t i = 0; i < t->size; i++) t->data[i] = dc__element(a, i);
    t->version++;
}

/* Writes a header, which it frees, and behind it the elements of all tensors. */
static bool dc__write_tensors(const char *path, dc__text *head, dc_tensors list) {
    size_t size = head->used, width = sizeof(dc_real);
    for (int i = 0; i < list.count; i++) size += (size_t)list.tensor[i]->size * width;
    if (!head->failed) head->data = dc__buffer_resize(head->ctx, head->data, size);
    char *bytes = head->data ? head->data + head->used : NULL;
    for (int i = 0; bytes && i < list.count; i++)
        for (int64_t k = 0; k < list.tensor[i]->size; k++, bytes += width) {
            dc_real x = list.tensor[i]->data[k];
            dc__put_bits(bytes, width == 8 ? dc__bits64((double)x) : dc__bits((float)x), width);
        }
    bool ok = bytes && dc__write_file(head->ctx, path, head->data, size);
    dc__text_free(head);
    return ok;
}

/* Puts the path before what went wrong, unless it stands there already. */
static void dc__blame(dc_context *ctx, const char *path) {
    char reason[sizeof ctx->error];
    memcpy(reason, ctx->error, sizeof reason);
    if (strncmp(reason, path, strlen(path))) dc__error(ctx, "%.250s: %s", path, reason);
}

/* Reads a header as JSON. It is moved to the beginning of the file, over bytes that have been read,
 * to have room for a zero behind it. */
static dc__json *dc__read_header(dc_context *ctx, char *file, size_t start, size_t length) {
    memmove(file, file + start, length);
    file[length] = 0;
    return dc__read_json(ctx, "the header", file, length);
}

/* --- safetensors --- */
/* A file of named tensors. What deepc says about the model stands in its metadata as JSON in a
 * string. */
typedef struct dc__archive {
    dc_context *ctx;
    const char *path, *data;               /* Data: behind the header. */
    char       *file;
    size_t      data_size;
    dc__json   *header, *about;            /* What deepc noted. */
} dc__archive;

/* Returns ok, and when it is false completes dc_error. */
static bool dc__close_archive(dc__archive *a, bool ok) {
    dc__buffer_free(a->file);
    dc__buffer_free(a->header);
    dc__buffer_free(a->about);
    if (!ok) dc__blame(a->ctx, a->path);
    return ok;
}

/* Also when this fails, the archive must be closed. */
static bool dc__open_archive(dc_context *ctx, const char *path, dc__archive *a) {
    size_t size;
    *a = (dc__archive){ .ctx = ctx, .path = path, .file = dc__read_file(ctx, path, &size) };
    if (!a->file) return false;
    uint64_t length = size > 8 ? dc__get_bits(a->file, 8) : 0;
    if (!length || length > size - 8 || a->file[8] != '{')
        return dc__error(ctx, "not a safetensors file, or cut short within its header");
    a->data = a->file + 8 + length, a->data_size = size - 8 - (size_t)length;
    a->header = dc__read_header(ctx, a->file, 8, (size_t)length);
    return a->header != NULL;
}

/* What dc_save (subject "architecture") or dc_save_training ("training") noted in the metadata. */
static bool dc__read_about(dc__archive *a, const char *subject) {
    const dc__json *metadata = dc__member(a->header, "__metadata__");
    const dc__json *text = dc__member(metadata, subject);
    const char *format = dc__text_member(metadata, "format");
    const char *version = dc__text_member(metadata, "version");
    if (strcmp(format, "deepc") || strcmp(version, "1") || !text)
        return dc__error(a->ctx, "holds no %s from deepc (format 1), but from %.20s (format %.20s)",
                         subject, format, version);
    a->about = dc__read_json(a->ctx, subject, text->text, text->count);
    return a->about != NULL;
}

/* Where a tensor's elements stand in the file, if they do. */
static bool dc__find_array(const dc__archive *a, const dc_tensor *t, dc__array *x) {
    const dc__json *v = dc__member(a->header, t->name), *range = dc__member(v, "data_offsets");
    const char *type = dc__text_member(v, "dtype");
    uint64_t start, stop;
    if (!v)
        return dc__error(a->ctx, "tensor %.80s %s of the model is not in the file", t->name,
                         DC__SHAPE_TEXT(t->shape));
    *x = (dc__array){ .kind = 'f' };
    x->width = !strcmp(type, "F32") ? 4 : !strcmp(type, "F64") ? 8 : 0;
    if (!x->width)
        return dc__error(a->ctx, "tensor %.80s has elements of type %.20s, not F32 or F64", t->name,
                         type);
    if (!dc__read_shape(dc__member(v, "shape"), false, &x->shape) ||
        !dc__same_shape(x->shape, t->shape))
        return dc__error(a->ctx, "tensor %.80s is %s in the file and %s in the model", t->name,
                         DC__SHAPE_TEXT(x->shape), DC__SHAPE_TEXT(t->shape));
    if (!range || range->type != '[' || range->count != 2 ||
        !dc__read_count(range + 2, a->data_size, &stop) ||
        !dc__read_count(range + 1, stop, &start) || stop - start != (size_t)t->size * x->width)
        return dc__error(a->ctx, "the data_offsets of tensor %.80s fit neither its shape nor the "
                         "file", t->name);
    x->data = a->data + start;
    return true;
}

/* Reads all tensors, or none: one that is missing, different or too many is an error. */
static bool dc__load_tensors(const dc__archive *a, dc_tensors list) {
    const dc__json *key = a->header + 1;
    size_t size = 0;
    dc__array x;
    for (int i = 0; i < list.count; i++) {
        if (!dc__find_array(a, list.tensor[i], &x)) return false;
        size += (size_t)list.tensor[i]->size * x.width;
    }
    for (size_t i = 0; i < a->header->count; i++, key += 1 + key[1].span) {
        int k = 0;
        while (k < list.count && strcmp(list.tensor[k]->name, key->text)) k++;
        if (k == list.count && strcmp(key->text, "__metadata__"))
            return dc__error(a->ctx, "tensor %.80s is not in the model", key->text);
    }
    if (size != a->data_size)
        return dc__error(a->ctx, "its tensors have %zu bytes, and there are %zu", size,
                         a->data_size);
    for (int i = 0; i < list.count; i++)
        if (dc__find_array(a, list.tensor[i], &x)) dc__load_elements(list.tensor[i], &x);
    return true;
}

/* Frees `about`, what is to be noted about the subject. */
static bool dc__write_archive(const char *path, const char *subject, dc__text *about,
                              dc_tensors list) {
    dc__text head = { .ctx = about->ctx, .failed = about->failed };
    size_t start = 0;
    dc__text_add(&head, "        {\"__metadata__\": {\"format\": \"deepc\", \"version\": \"1\"");
    if (!head.failed) dc__add_string(&head, subject, about->data);
    dc__text_free(about);
    dc__text_add(&head, "}");
    for (int i = 0; i < list.count; i++) {
        size_t stop = start + (size_t)list.tensor[i]->size * sizeof(dc_real);
        dc__add_key(&head, list.tensor[i]->name);
        dc__text_add(&head, "{\"dtype\": \"F%d\", \"shape\": %s, \"data_offsets\": [%zu, %zu]}",
                     (int)sizeof(dc_real) * 8, DC__SHAPE_TEXT(list.tensor[i]->shape), start, stop);
        start = stop;
    }
    dc__text_add(&head, "}");
    while (!head.failed && head.used % 8) dc__text_add(&head, " ");
    if (!head.failed) dc__put_bits(head.data, head.used - 8, 8);
    return dc__write_tensors(path, &head, list);
}

/* --- structs as JSON objects --- */
/* A row a field. Zero is the default here too: it is not written, and what is not there is zero. */
typedef struct dc__field {
    const char *name;
    enum { DC__NUMBER_FIELD, DC__BOOL_FIELD, DC__COUNT_FIELD, DC__SHAPE_FIELD } type;
    size_t      at, size;                  /* In the struct. */
    uint64_t    most;                      /* Of a count: an int, or an enum that has names, */
    const char *const *names;              /* each so many pointers behind the one before it. */
    size_t      step;
} dc__field;

/* Whole numbers that will be counted up stay far from the largest; the unsigned ones may wrap. */
#define DC__FIELD(STRUCT, MEMBER)                                                                  \
    { .name = #MEMBER, .at = offsetof(STRUCT, MEMBER), .size = sizeof ((STRUCT *)0)->MEMBER,       \
      .type = _Generic(((STRUCT *)0)->MEMBER, float: DC__NUMBER_FIELD, double: DC__NUMBER_FIELD,   \
                       dc_shape: DC__SHAPE_FIELD, bool: DC__BOOL_FIELD, default: DC__COUNT_FIELD), \
      .most = _Generic(((STRUCT *)0)->MEMBER, int64_t: INT64_MAX / 2, uint32_t: UINT32_MAX,        \
                       uint64_t: UINT64_MAX, default: INT32_MAX / 2) }
#define DC__NAMED(STRUCT, MEMBER, TABLE)                                                           \
    { #MEMBER, DC__COUNT_FIELD, offsetof(STRUCT, MEMBER), sizeof ((STRUCT *)0)->MEMBER,            \
      sizeof TABLE / sizeof *TABLE - 1, (const char *const *)(const void *)TABLE,                  \
      sizeof *TABLE / sizeof(char *) }

/* The initialiser is not here: a saved model has its weights. */
static const char *const dc__padding_names[] = { "valid", "same" };
static const char *const dc__resizing_names[] = { "nearest", "bilinear", "area" };
#define DC__ROW(MEMBER) DC__FIELD(dc_layer_spec, window.MEMBER)
static const dc__field dc__layer_fields[] = {
    DC__ROW(height), DC__ROW(width), DC__ROW(stride), DC__ROW(stride_x), DC__ROW(dilation),
    DC__ROW(dilation_x), DC__ROW(top), DC__ROW(bottom), DC__ROW(left), DC__ROW(right),
    DC__ROW(groups), DC__ROW(output_padding),
    DC__NAMED(dc_layer_spec, window.padding, dc__padding_names),
    DC__NAMED(dc_layer_spec, resizing, dc__resizing_names),
#undef DC__ROW
#define DC__ROW(MEMBER) DC__FIELD(dc_layer_spec, augmentation.MEMBER)
    DC__ROW(shift), DC__ROW(rotate), DC__ROW(shear), DC__ROW(scale), DC__ROW(flip_x),
    DC__ROW(flip_y), DC__ROW(elastic), DC__ROW(brightness), DC__ROW(contrast), DC__ROW(noise),
    DC__ROW(erase),
#undef DC__ROW
#define DC__ROW(MEMBER) DC__FIELD(dc_layer_spec, MEMBER)
    DC__ROW(units), DC__ROW(shape), DC__ROW(rate), DC__ROW(without_bias), DC__ROW(epsilon),
    DC__ROW(momentum), DC__NAMED(dc_layer_spec, activation, dc__activations), { 0 } };
#undef DC__ROW

/* Where training stands: as a whole, for each parameter, and for what is random. */
#define DC__ROW(MEMBER) DC__FIELD(dc_optimizer, MEMBER)
static const dc__field dc__progress_fields[] = {
    DC__ROW(t), DC__ROW(calls), DC__ROW(plateau_best), DC__ROW(plateau_bad), DC__ROW(spec.rate),
    DC__ROW(plateau_factor), DC__ROW(epochs), { 0 } };
#undef DC__ROW

static const dc__field dc__slot_fields[] = {
    DC__FIELD(dc__slot, t), DC__FIELD(dc__slot, power1), DC__FIELD(dc__slot, power2), { 0 } };

static const dc__field dc__random_fields[] = {
    DC__FIELD(dc_context, seed), DC__FIELD(dc_context, steps), DC__FIELD(dc_context, calls),
    DC__FIELD(dc_context, creations), { 0 } };

/* Adds members to an object. */
static void dc__add_fields(dc__text *t, const dc__field *f, const void *from) {
    static const dc_shape zeros;           /* Nothing is larger. */
    for (; f->name; f++) {
        const void *at = (const char *)from + f->at;
        if (!memcmp(at, &zeros, f->size)) continue;
        bool is_short = f->size == 4;
        dc__add_key(t, f->name);
        if (f->type == DC__NUMBER_FIELD)
            dc__add_number(t, is_short ? (double)*(const float *)at : *(const double *)at);
        else if (f->type == DC__BOOL_FIELD) dc__text_add(t, "true");
        else if (f->type == DC__SHAPE_FIELD)
            dc__text_add(t, "%s", DC__SHAPE_TEXT(*(const dc_shape *)at));
        else {
            uint64_t count = is_short ? *(const uint32_t *)at : *(const uint64_t *)at;
            if (f->names) dc__text_add(t, "\"%s\"", f->names[count * f->step]);
            else dc__text_add(t, "%llu", (unsigned long long)count);
        }
    }
}

static bool dc__read_field(const dc__json *v, const dc__field *f, void *at) {
    double number = 0;
    uint64_t count = 0;
    bool ok = true;
    if (f->type == DC__SHAPE_FIELD) return dc__read_shape(v, true, at);
    if (f->type == DC__BOOL_FIELD) {
        *(bool *)at = dc__is_bare(v, "true");
        return dc__is_bare(v, "true") || dc__is_bare(v, "false");
    }
    if (f->type == DC__NUMBER_FIELD) ok = dc__read_number(v, &number);
    else if (!f->names) ok = dc__read_count(v, f->most, &count);
    else while (ok && strcmp(f->names[count * f->step], v->text)) ok = count++ < f->most;
    if (f->type == DC__NUMBER_FIELD && f->size == 4) *(float *)at = (float)number;
    else if (f->type == DC__NUMBER_FIELD) *(double *)at = number;
    else if (f->size == 4) *(uint32_t *)at = (uint32_t)count;
    else *(uint64_t *)at = count;
    return ok;
}

/* who: what the object describes, for the message. */
static bool dc__read_fields(dc_context *ctx, const char *who, const dc__json *object,
                            const dc__field *f, void *to) {
    for (; f->name; f++) {
        const dc__json *v = dc__member(object, f->name);
        void *at = memset((char *)to + f->at, 0, f->size);
        if (v && !dc__read_field(v, f, at))
            return dc__error(ctx, "the %s of %.80s makes no sense", f->name, who);
    }
    return true;
}

/* --- models --- */
static void dc__add_layers(dc__text *t, dc_layer *const *layer, int count) {
    for (int i = 0; i < count; i++) {
        const dc_layer_spec *s = &layer[i]->spec;
        dc__text_add(t, i ? ", {" : "[{");
        dc__add_string(t, "kind", s->kind->name);
        dc__add_string(t, "name", s->name);
        dc__add_fields(t, dc__layer_fields, s);
        if (s->user) dc__text_add(t, ", \"user\": true");
        if (s->list.count) {
            dc__add_key(t, "inside");
            dc__add_layers(t, layer[i]->child, s->list.count);
        }
        dc__text_add(t, "}");
    }
    dc__text_add(t, "]");
}

DC_API bool dc_save(dc_model *model, const char *path) {
    dc__text about = { .ctx = model->ctx };
    dc_mark m = dc_begin(model->ctx);
    dc__text_add(&about, "{\"input\": %s", DC__SHAPE_TEXT(model->input));
    if (model->chain_count) {
        dc__add_key(&about, "layers");
        dc__add_layers(&about, model->chain, model->chain_count);
    }
    dc__text_add(&about, "}");
    bool ok = dc__write_archive(path, "architecture", &about, dc__all_of(model));
    dc_end(model->ctx, m);
    return ok;
}

static bool dc__read_layers(dc_context *ctx, const dc__json *list, dc_layer_list *out) {
    if (list->type != '[' || !list->count)
        return dc__error(ctx, "a list of layers is empty or none");
    dc_layer_spec *spec = dc__permanent(ctx, list->count * sizeof *spec);
    *out = dc_make_layers((int)list->count, spec);
    for (const dc__json *v = list + 1; v < list + list->span; v += v->span, spec++) {
        const char *kind = dc__text_member(v, "kind"), *name = dc__text_member(v, "name");
        const dc__json *inside = dc__member(v, "inside");
        *spec = (dc_layer_spec){ .kind = dc__kind_named(ctx, kind), .init = DC_ZEROS,
                                 .name = dc__permanent_text(ctx, name) };
        if (!spec->kind)
            return dc__error(ctx, "layer %.80s is of a kind \"%.80s\" that is not known; tell "
                             "deepc with dc_register_layer", name, kind);
        if (dc__member(v, "user"))
            return dc__error(ctx, "layer %.80s needs data that are not in the file (dc_custom's "
                             "user); build the model in code and use dc_load_weights", name);
        if (!dc__read_fields(ctx, name, v, dc__layer_fields, spec)) return false;
        if (inside && !dc__read_layers(ctx, inside, &spec->list)) return false;
    }
    return true;
}

/* Makes the model of the file in its context. NULL and dc_error when it cannot be; what the layers
 * or the optimiser have against it stops at dc_fail, which is right only if it cannot happen. */
static dc_model *dc__rebuild(const dc__archive *a) {
    const dc__json *list = dc__member(a->about, "layers");
    dc_layer_list layers;
    if (!list)
        return dc__error(a->ctx, "the model is a C function; build it in code (dc_functional) and "
                         "use dc_load_weights"), (dc_model *)NULL;
    if (!dc__read_layers(a->ctx, list, &layers)) return NULL;
    dc_model *model = dc_sequential(a->ctx, layers);
    return dc__load_tensors(a, dc__all_of(model)) ? model : NULL;
}

typedef struct dc__rehearsal { jmp_buf stop; dc_context *ctx; } dc__rehearsal;

static void dc__rehearsal_failed(const char *message, void *user) {
    dc__rehearsal *r = user;
    dc__error(r->ctx, "the model in it cannot be built: %s", message);
    longjmp(r->stop, 1);
}

/* Builds the model in a context that is thrown away. */
static bool dc__rehearse(dc__archive a) {
    dc__rehearsal r = { .ctx = a.ctx };
    dc_options options = { .on_error = dc__rehearsal_failed, .user = &r };
    dc_context *scratch = dc_new_with(0, &options);
    const char *file = dc__here.file;
    volatile bool ok = false;
    if (!scratch) return dc__error(a.ctx, "out of memory");
    scratch->kernels = a.ctx->kernels;
    scratch->kind = a.ctx->kind, scratch->kinds = a.ctx->kinds;
    scratch->permanent.limit = scratch->step.limit = ((size_t)1 << 30) + 64 * a.data_size;
    a.ctx = scratch;
    dc__here.file = NULL;                  /* A message is about the file, not the program. */
    if (!setjmp(r.stop)) {
        ok = dc__rebuild(&a) != NULL;
        if (!ok) dc__error(r.ctx, "%s", scratch->error);
    }
    dc__here.file = file;
    dc_free(scratch);
    return ok;
}

DC_API bool dc_load_weights(dc_model *model, const char *path) {
    dc__archive a;
    bool ok = dc__open_archive(model->ctx, path, &a) && dc__load_tensors(&a, dc__all_of(model));
    return dc__close_archive(&a, ok);
}

DC_API dc_model *dc_load(dc_context *ctx, const char *path) {
    dc__archive a;
    dc_model *model = NULL;
    if (dc__open_archive(ctx, path, &a) && dc__read_about(&a, "architecture") && dc__rehearse(a))
        model = dc__rebuild(&a);
    return dc__close_archive(&a, model != NULL) ? model : NULL;
}

/* --- training --- */
/* What the optimiser keeps, as tensors; and the gradients that wait for more to accumulate: those
 * that there are, or that are in the archive when it is given. The list lives until dc_end. */
static dc_tensors dc__state_of(const dc_optimizer *o, const dc__archive *a) {
    static const char *const part[] = { "state0", "state1", "state2", "gradient" };
    dc_tensor **list = dc__temporary(o->ctx, 4 * (size_t)o->count * sizeof *list), **end = list;
    for (int i = 0; i < 4 * o->count; i++) {
        dc__slot *s = &o->slot[i / 4];
        bool is_gradient = i % 4 == 3;
        size_t room = strlen(s->param->name) + 16;
        char *name = dc__temporary(o->ctx, room);
        snprintf(name, room, "%s.%s", s->param->name, part[i % 4]);
        dc_real *data = is_gradient ? s->param->grad : s->state[i % 4];
        bool is_waiting = a ? dc__member(a->header, name) != NULL : s->param->pass != 0;
        if (!data || (is_gradient && !is_waiting)) continue;
        dc_tensor *t = *end++ = dc__new_tensor(o->ctx);
        t->name = name, t->data = data, t->base = s->param;
        dc__set_shape(t, s->param->shape);
    }
    return dc_make_tensors((int)(end - list), list);
}

static dc_optimizer *dc__optimizer(dc_model *model, const char *who) {
    if (!model->is_compiled)
        dc_fail(model->ctx, "%s: the model has no optimizer yet; call dc_compile first", who);
    return model->optimizer;
}

DC_API bool dc_save_training(dc_model *model, const char *path) {
    const dc_optimizer *o = dc__optimizer(model, "dc_save_training");
    dc__text about = { .ctx = o->ctx };
    dc_mark m = dc_begin(o->ctx);
    dc__text_add(&about, "{");
    dc__add_string(&about, "optimizer", o->spec.name);
    dc__add_fields(&about, dc__progress_fields, o);
    dc__text_add(&about, ", \"random\": {\"generator\": \"philox\"");
    dc__add_fields(&about, dc__random_fields, o->ctx);
    dc__text_add(&about, "}, \"parameters\": [");
    for (int i = 0; i < o->count; i++) {
        dc__text_add(&about, i ? "}, {" : "{");
        dc__add_string(&about, "name", o->slot[i].param->name);
        dc__add_fields(&about, dc__slot_fields, &o->slot[i]);
    }
    dc__text_add(&about, "}]}");
    bool ok = dc__write_archive(path, "training", &about, dc__state_of(o, NULL));
    dc_end(o->ctx, m);
    return ok;
}

/* Reads the numbers into o, its slots, and random. */
static bool dc__read_progress(const dc__archive *a, dc_optimizer *o, dc_context *random) {
    const dc__json *list = dc__member(a->about, "parameters"), *v = list ? list + 1 : NULL;
    const char *name = dc__text_member(a->about, "optimizer");
    if (strcmp(name, o->spec.name))
        return dc__error(a->ctx, "is the state of optimizer %.40s; the model is compiled with %s",
                         name, o->spec.name);
    if (!list || list->type != '[' || list->count != (size_t)o->count)
        return dc__error(a->ctx, "the optimizer does not step as many parameters as the model's");
    bool ok = dc__read_fields(a->ctx, "the training", a->about, dc__progress_fields, o) &&
              dc__read_fields(a->ctx, "the random numbers", dc__member(a->about, "random"),
                              dc__random_fields, random);
    for (dc__slot *s = o->slot; ok && s < o->slot + o->count; s++, v += v->span) {
        name = dc__text_member(v, "name");
        if (strcmp(name, s->param->name))
            return dc__error(a->ctx, "the optimizer steps %.80s where the model's steps %.80s",
                             name, s->param->name);
        ok = dc__read_fields(a->ctx, name, v, dc__slot_fields, s);
    }
    if (ok && !(o->spec.rate > 0 && o->spec.rate < (double)INFINITY && o->plateau_factor >= 0))
        return dc__error(a->ctx, "the rate or what lowers it makes no sense");
    return ok;
}

/* The numbers are read into copies first, which shows whether they make sense. */
DC_API bool dc_load_training(dc_model *model, const char *path) {
    dc_optimizer *o = dc__optimizer(model, "dc_load_training"), trial = *o;
    dc_context *ctx = o->ctx, random = *ctx;
    dc__archive a;
    dc_mark m = dc_begin(ctx);
    size_t size = (size_t)o->count * sizeof *o->slot;
    dc_tensors list = { 0 };
    trial.slot = memcpy(dc__temporary(ctx, size), o->slot, size);
    bool ok = dc__open_archive(ctx, path, &a) && dc__read_about(&a, "training") &&
              dc__read_progress(&a, &trial, &random);
    if (ok) list = dc__state_of(o, &a);
    ok = ok && dc__load_tensors(&a, list) && dc__read_progress(&a, o, ctx);
    if (ok && !ctx->pass) ctx->pass = 1;
    for (int i = 0; ok && i < o->count; i++) dc_zero_grad(o->slot[i].param);
    for (int i = 0; ok && i < list.count; i++) {         /* A gradient counts when a pass has */
        dc_tensor *param = list.tensor[i]->base;         /* reached it. */
        if (list.tensor[i]->data == param->grad) param->pass = ctx->pass;
    }
    dc_end(ctx, m);
    return dc__close_archive(&a, ok);
}

/* --- .npy --- */
/* NumPy's format: a magic word, a version, the length of a header, which is a Python dictionary,
 * and then the elements. */
DC_API bool dc_save_npy(dc_tensor *x, const char *path) {
    dc__check("dc_save_npy", 1, x);
    dc__text head = { .ctx = x->ctx };
    dc__text_add(&head, "\x93NUMPY\x01...{'descr': '<f%d', 'fortran_order': False, 'shape': (",
                 (int)sizeof(dc_real));
    for (int i = 0; i < x->shape.rank; i++)
        dc__text_add(&head, "%lld, ", (long long)x->shape.dim[i]);
    dc__text_add(&head, "), }");
    while (!head.failed && head.used % 64 != 63) dc__text_add(&head, " ");
    dc__text_add(&head, "\n");
    if (!head.failed) head.data[7] = 0, dc__put_bits(head.data + 8, head.used - 10, 2);
    return dc__write_tensors(path, &head, dc_make_tensors(1, &x));
}

static bool dc__read_array(dc_context *ctx, char *file, size_t size, dc__array *x) {
    static const char types[] = "<f4 <f8 |b1 |i1 <i2 <i4 <i8 |u1 <u2 <u4 <u8";
    bool is_npy = size > 12 && !memcmp(file, "\x93NUMPY", 6) && file[6] >= 1 && file[6] <= 3;
    size_t start = is_npy && file[6] == 1 ? 10 : 12, rest = is_npy ? size - start : 0;
    size_t length = is_npy ? (size_t)dc__get_bits(file + 8, start - 8) : 0;
    if (!length || length > rest)
        return dc__error(ctx, "not a .npy file of version 1 to 3, or cut short within its header");
    x->data = file + start + length, rest -= length;
    dc__json *header = dc__read_header(ctx, file, start, length);
    if (!header) return false;
    const char *type = dc__text_member(header, "descr");
    bool is_c_order = dc__is_bare(dc__member(header, "fortran_order"), "false");
    bool has_shape = dc__read_shape(dc__member(header, "shape"), false, &x->shape);
    dc__buffer_free(header);
    if (!is_c_order || strlen(type) != 3 || !strchr("<|", *type) || !strstr(types, type))
        return dc__error(ctx, "elements of type %.40s%s; deepc reads %s in C order", type,
                         is_c_order ? "" : " in Fortran order", types);
    if (!has_shape) return dc__error(ctx, "its shape is none of up to %d sizes", DC_MAX_RANK);
    x->kind = type[1], x->width = (size_t)(type[2] - '0');
    size = (size_t)dc__count(ctx, x->shape) * x->width;
    return size == rest ||
           dc__error(ctx, "%s: %s has %zu bytes of elements, and %zu are there",
                     size > rest ? "cut short" : "too long", DC__SHAPE_TEXT(x->shape), size, rest);
}

DC_API dc_tensor *dc_load_npy(dc_context *ctx, const char *path) {
    size_t size;
    dc__array x;
    dc_tensor *t = NULL;
    char *file = dc__read_file(ctx, path, &size);
    if (file && dc__read_array(ctx, file, size, &x)) {
        t = dc__empty(ctx, x.shape);
        dc__load_elements(t, &x);
    } else {
        dc__blame(ctx, path);
    }
    dc__buffer_free(file);
    return t;
}

/* @impl-pictures ------------------------------------------------------------------------------- */
/* A plot is a text file: SVG says where the lines, circles and words go, and any browser draws
 * them. So the work here is to choose the axes, to turn values into pixels, and to write. The
 * pictures for a terminal do the same with characters as pixels. */

enum { DC__COLORS = 8, DC__CLASSES_SHOWN = 100, DC__SHADES = 13 };

/* A colour, mixed with white unless its strength is 1: "#0072b2". The palette is one that
 * colour-blind readers can tell apart (Okabe & Ito 2008); the yellow and the black of that list are
 * changed to be seen on white and beside lines. */
static dc__words dc__color(int index, double strength) {
    static const int palette[DC__COLORS] = {
        0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x5a5a5a, 0xa89000 };
    int color = palette[index % DC__COLORS], mixed = 0;
    for (int shift = 16; shift >= 0; shift -= 8)
        mixed = mixed << 8 | (int)(255 + strength * ((color >> shift & 255) - 255) + 0.5);
    return dc__say("#%06x", (unsigned)mixed);
}

/* x in [0, 1]; NaN is 0. */
static double dc__unit(dc_real x) { return fmin(fmax((double)x, 0), 1); }

/* --- axes --- */
typedef struct dc__axis {
    bool   log;                        /* Then low and high are logarithms to base 10. */
    bool   whole;                      /* All values are whole, and so are the ticks. */
    double low, high;
} dc__axis;

static const dc__axis dc__empty_axis = { .low = DBL_MAX, .high = -DBL_MAX };

static double dc__scaled(const dc__axis *a, double x) { return a->log ? log10(x) : x; }

/* Can x be drawn? Neither NaN nor inf, nor what has no logarithm. */
static bool dc__on_axis(const dc__axis *a, double x) { return fabs(dc__scaled(a, x)) < 1e300; }

static void dc__include(dc__axis *a, double x) {
    if (!dc__on_axis(a, x)) return;
    a->low   = fmin(a->low, dc__scaled(a, x));
    a->high  = fmax(a->high, dc__scaled(a, x));
    a->whole = a->whole && floor(x) >= x;
}

/* Where x lies between the ends of the axis: 0 is low, 1 is high. */
static double dc__along(const dc__axis *a, double x) {
    return fmax(-9, fmin(9, (dc__scaled(a, x) - a->low) / (a->high - a->low)));
}

/* Leaves a margin around the data, which may be none at all or all the same; or takes the ends that
 * the program asks for. */
static void dc__finish_axis(dc__axis *a, double margin, dc_real low, dc_real high) {
    if (a->low > a->high) a->low = 0, a->high = 1;
    double size = fmax(fabs(a->low), fabs(a->high)), range = a->high - a->low;
    if (range <= 1e-6 * size || range <= 0) margin = 1, range = size > 0 ? size / 4 : 1;
    a->low  = low < high ? dc__scaled(a, (double)low) : a->low - margin * range;
    a->high = low < high ? dc__scaled(a, (double)high) : a->high + margin * range;
}

/* --- SVG --- */
typedef struct dc__canvas {
    dc__text       svg;
    const dc_plot *plot;
    dc__axis       x, y;
    double         left, top, width, height;             /* The area inside the axes. */
} dc__canvas;

/* Writes SVG. In the format @ stands for a double, $ for a text, ' for ". */
static void dc__svg(dc__canvas *c, const char *format, ...) {
    static const char special[] = "&<>", *const escape[] = { "&amp;", "&lt;", "&gt;" };
    va_list arguments;
    va_start(arguments, format);
    for (; *format; format++)
        if (*format == '@') dc__text_add(&c->svg, "%s", DC__NUMBER(va_arg(arguments, double), 5));
        else if (*format != '$') dc__text_add(&c->svg, "%c", *format == '\'' ? '"' : *format);
        else for (const char *p = va_arg(arguments, const char *); *p; p++) {
            const char *found = strchr(special, *p);
            if (found) dc__text_add(&c->svg, "%s", escape[found - special]);
            else dc__text_add(&c->svg, "%c", (unsigned char)*p < 0x20 ? ' ' : *p);
        }
    va_end(arguments);
}

static double dc__series_x(const dc_series *s, int64_t i) {
    return s->x ? (double)s->x[i] : (double)i;
}

static dc__words dc__series_color(const dc_plot *plot, int i) {
    return dc__color(plot->series[i].color > 0 ? plot->series[i].color - 1 : i, 1);
}

/* The axes that the plot asks for, or that its series need. */
static void dc__choose_axes(const dc_plot *p, dc__axis *x, dc__axis *y) {
    *x = *y = dc__empty_axis;
    x->whole = !p->field, y->log = p->log_y;
    for (int i = 0; i < p->series_count; i++)
        for (int64_t k = 0; k < p->series[i].count; k++) {
            dc__include(x, dc__series_x(&p->series[i], k));
            dc__include(y, (double)p->series[i].y[k]);
        }
    dc__finish_axis(x, 0.05, p->x_min, p->x_max);
    dc__finish_axis(y, 0.05, p->y_min, p->y_max);
}

/* Who wins a cell of the field, and how surely: 1 in the middle of its class, 0 at the border. */
static int dc__winner(const dc__canvas *c, int row, int column, double *sure) {
    double value = (double)c->plot->field[(int64_t)row * c->plot->field_columns + column];
    value = fmin(fmax(value, 0), DC__CLASSES_SHOWN - 1);
    *sure = 1 - 2 * fabs(value - (int)(value + 0.5));
    return (int)(value + 0.5);
}

static int dc__shade(const dc__canvas *c, int row, int column) {
    double sure;
    int winner = dc__winner(c, row, column, &sure);
    return DC__SHADES * winner + (int)(sure * (DC__SHADES - 1) + 0.5);
}

/* The field: one path a shade, of rectangles that run along the rows, in units of a cell. */
static void dc__draw_field(dc__canvas *c) {
    int columns = c->plot->field_columns, rows = c->plot->field_rows;
    dc__svg(c, "<g transform='scale(@ @) translate(0 .5)' stroke-width='1.04' "
               "shape-rendering='crispEdges'>\n", c->width / columns, c->height / rows);
    for (int shade = 0, last = 0; shade <= last; shade++) {
        double sure = (double)(shade % DC__SHADES) / (DC__SHADES - 1);
        dc__svg(c, "<path stroke='$' d='", dc__color(shade / DC__SHADES, sure / 2).text);
        for (int r = 0; r < rows; r++)
            for (int k = 0, start = 0; k < columns; start = k) {
                int here = dc__shade(c, r, start);
                while (k < columns && dc__shade(c, r, k) == here) k++;
                if (here == shade) dc__text_add(&c->svg, "M%d %dh%d", start, r, k - start);
                last = here > last ? here : last;
            }
        dc__svg(c, "'/>\n");
    }
    dc__svg(c, "</g>\n");
}

/* The borders of the classes, by marching squares: between four neighbouring cells they run from
 * side to side, through the points where nobody is sure. */
static void dc__draw_borders(dc__canvas *c) {
    static const int dx[5] = { 0, 1, 1, 0, 0 }, dy[5] = { 0, 0, 1, 1, 0 };
    int columns = c->plot->field_columns, rows = c->plot->field_rows;
    dc__svg(c, "<path fill='none' stroke='#444' stroke-width='1.2' d='M0 0");
    for (int r = 0; r + 1 < rows; r++)
        for (int k = 0; k + 1 < columns; k++)
            for (int i = 0, found = 0; i < 4; i++) {
                double sure, next_sure;
                int winner = dc__winner(c, r + dy[i], k + dx[i], &sure);
                if (winner == dc__winner(c, r + dy[i + 1], k + dx[i + 1], &next_sure)) continue;
                double t = (sure + 1e-9) / (sure + next_sure + 2e-9);
                double x = k + 0.5 + dx[i] + t * (dx[i + 1] - dx[i]);
                double y = r + 0.5 + dy[i] + t * (dy[i + 1] - dy[i]);
                dc__svg(c, found++ % 2 ? "L@ @" : "M@ @", c->width / columns * x,
                        c->height / rows * y);
            }
    dc__svg(c, "'/>\n");
}

/* One series: circles, or lines that stop where a value cannot be drawn; a lone one is a dot. */
static void dc__draw_series(dc__canvas *c, const dc_series *s, const char *color) {
    const char *move = s->points ? "<circle cx='@' cy='@' r='@'/>\n" : "M@ @h0";
    const char *on = s->points ? move : "L@ @";
    dc__svg(c, s->points ? "<g fill='$' stroke='#fff' stroke-width='0.8'>\n"
                         : "<path fill='none' stroke='$' stroke-width='2' stroke-linejoin='round' "
                           "stroke-linecap='round' d='", color);
    for (int64_t i = 0, begun = 0; i < s->count; i++) {
        double x = dc__series_x(s, i), y = (double)s->y[i];
        bool seen = dc__on_axis(&c->x, x) && dc__on_axis(&c->y, y);
        if (seen) dc__svg(c, begun ? on : move, c->width * dc__along(&c->x, x),
                          c->height * (1 - dc__along(&c->y, y)), s->count > 400 ? 2.3 : 3.2);
        begun = seen;
    }
    dc__svg(c, s->points ? "</g>\n" : "'/>\n");
}

/* The names of the series, in rows from `top` down. Returns where they end. */
static double dc__draw_legend(dc__canvas *c, double top) {
    double x = c->left, bottom = top;
    for (int i = 0; i < c->plot->series_count; i++) {
        const dc_series *s = &c->plot->series[i];
        if (!s->name) continue;
        double width = 7.4 * (double)strlen(s->name) + 42;       /* About. */
        if (bottom <= top || x + width > c->left + c->width + 16) bottom += 18, x = c->left;
        dc__svg(c, s->points ? "<circle cx='@' cy='@' r='4.5' fill='$'/>\n"
                             : "<path d='M@ @m-9 0h18' stroke-width='3' stroke='$'/>\n",
                x + 9, bottom - 9, dc__series_color(c->plot, i).text);
        dc__svg(c, "<text x='@' y='@'>$</text>\n", x + 24, bottom - 5, s->name);
        x += width;
    }
    return bottom;
}

/* A grid line at one value of an axis, and its label; power: the label is 10 to that power. */
static void dc__draw_tick(dc__canvas *c, const dc__axis *a, double at, const char *label,
                          const char *power) {
    double t = (at - a->low) / (a->high - a->low), bottom = c->top + c->height;
    double x = c->left + t * c->width, y = bottom - t * c->height;
    if (t < -1e-6 || t > 1 + 1e-6) return;
    if (a == &c->x)
        dc__svg(c, "<path d='M@ @V@' stroke='#e4e4e4'/>\n<text x='@' y='@' text-anchor='middle'>$",
                x, c->top, bottom + 5, x, bottom + 18, label);
    else
        dc__svg(c, "<path d='M@ @h@' stroke='#e4e4e4'/>\n<text x='@' y='@' text-anchor='end'>$",
                c->left - 5, y, c->width + 5, c->left - 9, y + 4, label);
    if (power) dc__svg(c, "<tspan dy='-5' font-size='9'>$</tspan>", power);
    dc__svg(c, "</text>\n");
}

/* About `count` ticks at multiples of 1, 2 or 5 times a power of ten. On a logarithmic axis these
 * are powers of ten, or, over less than two of them, 1, 2 and 5 times these. */
static void dc__draw_ticks(dc__canvas *c, const dc__axis *a, int count) {
    if (a->log && a->high - a->low < 2.1) {
        for (double k = floor(a->low); k <= a->high; k++)
            for (int m = 1; m <= 5; m += m == 1 ? 1 : 3)
                dc__draw_tick(c, a, k + log10(m), DC__NUMBER(m * pow(10, k), 3), NULL);
        return;
    }
    double about = (a->high - a->low) / count, power = pow(10, floor(log10(about)));
    double times = about / power;
    double step = power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
    if ((a->log || a->whole) && step < 1) step = 1;
    int decimals = step < 1 ? (int)-floor(log10(step) + 1e-6) : 0;
    bool plain = decimals < 5 && fmax(fabs(a->low), fabs(a->high)) < 1e6;
    for (int i = 0; i <= count + 1; i++) {
        double at = (floor(a->low / step) + i) * step + 0;       /* + 0: no -0. */
        if (a->log) dc__draw_tick(c, a, at, "10", DC__FIXED(at, 0));
        else dc__draw_tick(c, a, at, plain ? DC__FIXED(at, decimals) : DC__NUMBER(at, 6), NULL);
    }
}

/* Chooses where the area inside the axes lies, and draws what stands around it. */
static void dc__draw_frame(dc__canvas *c, int width, int height) {
    const dc_plot *p = c->plot;
    c->left   = p->y_label ? 72 : 56;
    c->width  = fmax(width - c->left - 20, 20);
    c->top    = dc__draw_legend(c, p->title ? 36 : 12) + 4;
    c->height = fmax(height - c->top - (p->x_label ? 46 : 28), 20);
    dc__draw_ticks(c, &c->x, 2 + width / 120);
    dc__draw_ticks(c, &c->y, 2 + height / 90);

    double across = c->left + c->width / 2, down = c->top + c->height / 2;
    if (p->title) dc__svg(c, "<text x='@' y='26' font-size='16' font-weight='bold' fill='#222'>"
                             "$</text>\n", c->left, p->title);
    if (p->x_label) dc__svg(c, "<text x='@' y='@' text-anchor='middle'>$</text>\n", across,
                            c->top + c->height + 38, p->x_label);
    if (p->y_label) dc__svg(c, "<text x='16' y='@' text-anchor='middle' "
                            "transform='rotate(-90 16 @)'>$</text>\n", down, down, p->y_label);
}

static void dc__check_plot(dc_context *ctx, const dc_plot *p) {
    if (p->width < 0 || p->height < 0)
        dc_fail(ctx, "dc_write_svg: a picture of %d x %d pixels", p->width, p->height);
    if (!(p->x_min <= p->x_max) || !(p->y_min <= p->y_max))
        dc_fail(ctx, "dc_write_svg: x from %g to %g, y from %g to %g; the smaller must come first",
                (double)p->x_min, (double)p->x_max, (double)p->y_min, (double)p->y_max);
    if (p->log_y && p->y_min < p->y_max && p->y_min <= 0)
        dc_fail(ctx, "dc_write_svg: a logarithmic axis from %g; give y_min > 0", (double)p->y_min);
    if (p->field && (p->field_columns < 1 || p->field_rows < 1))
        dc_fail(ctx, "dc_write_svg: a field of %d x %d cells; set field_columns and field_rows",
                p->field_columns, p->field_rows);
    for (int i = 0; i < p->series_count; i++)
        if (p->series[i].count > 0 && !p->series[i].y)
            dc_fail(ctx, "dc_write_svg: series %d has values, but its y is NULL", i);
}

/* An svg inside an svg clips what it holds. */
DC_API bool dc_write_svg(dc_context *ctx, const char *path, const dc_plot *plot) {
    dc__check_plot(ctx, plot);
    int width = plot->width ? plot->width : 640, height = plot->height ? plot->height : 400;
    dc__canvas c = { .svg.ctx = ctx, .plot = plot };
    dc__choose_axes(plot, &c.x, &c.y);
    dc__text_add(&c.svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                 "viewBox=\"0 0 %d %d\" ", width, height, width, height);
    dc__svg(&c, "font-family='Helvetica, Arial, sans-serif' font-size='12' fill='#444'>\n"
                "<rect width='100%' height='100%' fill='#fff'/>\n");
    dc__draw_frame(&c, width, height);
    dc__svg(&c, "<svg x='@' y='@' width='@' height='@'>\n", c.left, c.top, c.width, c.height);
    if (plot->field) dc__draw_field(&c), dc__draw_borders(&c);
    for (int i = 0; i < plot->series_count; i++)
        dc__draw_series(&c, &plot->series[i], dc__series_color(plot, i).text);
    dc__svg(&c, "</svg>\n</svg>\n");
    bool ok = !c.svg.failed && dc__write_file(ctx, path, c.svg.data, c.svg.used);
    dc__text_free(&c.svg);
    return ok;
}

/* --- histories --- */
/* Both losses against the epoch, from 1, with a mark at the best. */
DC_API bool dc_plot_history(dc_context *ctx, const char *path, const dc_history *history) {
    int n = history->epochs, best = history->best_epoch;
    bool validated = n > 0 && isfinite(history->validation_loss[0]);
    dc__axis range = dc__empty_axis;                     /* Of both losses. */
    dc_real *x = dc__buffer_new(ctx, 3 * sizeof(dc_real) * (size_t)(n + 1));
    if (!x) return false;
    dc_real *loss = x + n, *validation = loss + n;
    for (int i = 0; i < n; i++) {
        x[i] = (dc_real)(i + 1), loss[i] = (dc_real)history->loss[i];
        validation[i] = (dc_real)history->validation_loss[i];
        dc__include(&range, history->loss[i]);
        dc__include(&range, history->validation_loss[i]);
    }
    dc_series series[3] = {
        { .name = "loss", .x = x, .y = loss, .count = n },
        { .name = "validation loss", .x = x, .y = validation, .count = n, .color = 2 },
        { .name = "best epoch", .x = x + best, .y = (validated ? validation : loss) + best,
          .count = best < n, .points = true, .color = validated ? 2 : 1 } };
    if (!validated) series[1] = series[2];
    bool ok = dc_write_svg(ctx, path, &(dc_plot){
        .title = "Training", .x_label = "epoch", .y_label = "loss", .series = series,
        .series_count = validated ? 3 : 2,
        .log_y = range.low > 0 && range.high > 100 * range.low });       /* They fall far. */
    dc__buffer_free(x);
    return ok;
}

/* --- images --- */
/* x as images [count, height, width, channels]; of rank 3 it is one. A programmer's error when it
 * is none. */
static dc_shape dc__image_shape(const char *function, const dc_tensor *x, int rank, int channels) {
    dc__check(function, 1, x);
    dc_shape s = x->shape;
    if (rank == 3 && s.rank == 2) s.dim[s.rank++] = 1;
    if (s.rank != rank || x->size == 0 || s.dim[rank - 1] > channels || s.dim[rank - 1] == 2)
        dc_fail(x->ctx, "%s: %s is no image; it must be [%sheight, width, channels] with %s",
                function, DC__SHAPE_TEXT(x->shape), rank == 4 ? "count, " : "",
                channels == 1 ? "1 channel" : "1, 3 or 4 channels");
    return rank == 4 ? s : DC_SHAPE(1, s.dim[0], s.dim[1], s.dim[2]);
}

/* Characters are twice as high as wide: small images get two a pixel, wide ones lose pixels. */
DC_API void dc_print_image(const dc_tensor *image) {
    static const char *const shade[] = { " ", "░", "▒", "▓", "█" };
    dc_shape s = dc__image_shape("dc_print_image", image, 3, 1);
    int64_t high = s.dim[1], wide = s.dim[2];
    int64_t columns = 2 * wide < 80 ? 2 * wide : 80;
    int64_t rows = (high * columns + 2 * wide - 1) / (2 * wide);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t k = 0; k < columns; k++) {
            int64_t pixel = r * high / rows * wide + k * wide / columns;
            printf("%s", shade[(int)(dc__unit(image->data[pixel]) * 4 + 0.5)]);
        }
        putchar('\n');
    }
}

typedef struct dc__png { dc_context *ctx; const char *path; bool written; } dc__png;

#ifdef INCLUDE_STB_IMAGE_WRITE_H
static void dc__receive_png(void *user, void *bytes, int size) {
    dc__png *png = user;
    png->written = dc__write_file(png->ctx, png->path, bytes, (size_t)size);
}
#endif

/* Images [count, height, width, channels] as one, `across` of them a row, with a white gap
 * between. */
static bool dc__write_tiles(dc_tensor *x, dc_shape s, int64_t across, const char *path) {
    int64_t count = s.dim[0], high = s.dim[1], wide = s.dim[2], channels = s.dim[3], gap = 2;
    int64_t down = (count + across - 1) / across;
    int64_t all_high = down * (high + gap) - gap, all_wide = across * (wide + gap) - gap;
    double pixels = (double)all_high * (double)all_wide;
    if (pixels * (double)channels > 1 << 30)
        return dc__error(x->ctx, "%s: %.0f pixels are too many for one PNG", path, pixels);
    size_t size = (size_t)(all_high * all_wide * channels);
    uint8_t *bytes = dc__buffer_new(x->ctx, size);
    if (!bytes) return false;
    memset(bytes, 255, size);
    const dc_real *from = x->data;
    for (int64_t i = 0; i < count * high; i++) {         /* Row i % high of image i / high. */
        int64_t row = i / high / across * (high + gap) + i % high;
        uint8_t *to = bytes + (row * all_wide + i / high % across * (wide + gap)) * channels;
        for (int64_t k = 0; k < wide * channels; k++)
            *to++ = (uint8_t)(255 * dc__unit(*from++) + 0.5);
    }
    dc__png png = { .ctx = x->ctx, .path = path };
#ifdef INCLUDE_STB_IMAGE_WRITE_H
    dc__error(x->ctx, "%s: out of memory writing a PNG", path);   /* Unless it comes to receive. */
    stbi_write_png_to_func(dc__receive_png, &png, (int)all_wide, (int)all_high, (int)channels,
                           bytes, (int)(all_wide * channels));
#else
    dc__error(x->ctx, "%s: writing a PNG needs stb_image_write.h; install libstb-dev and compile "
                      "again", path);
#endif
    dc__buffer_free(bytes);
    return png.written;
}

DC_API bool dc_write_png(dc_tensor *image, const char *path) {
    return dc__write_tiles(image, dc__image_shape("dc_write_png", image, 3, 4), 1, path);
}

DC_API bool dc_write_png_grid(dc_tensor *images, int columns, const char *path) {
    dc_shape s = dc__image_shape("dc_write_png_grid", images, 4, 4);
    if (columns < 1) dc_fail(images->ctx, "dc_write_png_grid: images in %d columns", columns);
    return dc__write_tiles(images, s, columns < s.dim[0] ? columns : s.dim[0], path);
}
DC__AS_ASKED

/* @impl-fast ----------------------------------------------------------------------------------- */
/* An appendix, to skip on a first reading; with DEEPC_NO_FAST the library works without it. Two
 * things make a processor fast. Its wide vectors: the loops of @impl-kernels are compiled again for
 * AVX2, by including this file with another suffix. (AVX-512 would gain little, since most of them
 * wait for memory; an ARM processor's NEON was there the first time.) And a matrix product that
 * keeps the arithmetic units busy, which is written anew, once, for vectors of any width. */

#if defined(DEEPC_DOUBLE) || defined(DEEPC_NO_FAST)
#elif defined(__x86_64__)
#include <immintrin.h>
#define DC__FAST 1

/* y = the transpose of 4 x 4 elements of x; the rows are so far apart. */
DC__INLINE void dc__transpose4(const float *x, int64_t x_row, float *y, int64_t y_row) {
    __m128 a = _mm_loadu_ps(x), b = _mm_loadu_ps(x + x_row);
    __m128 c = _mm_loadu_ps(x + 2 * x_row), d = _mm_loadu_ps(x + 3 * x_row);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(y, a), _mm_storeu_ps(y + y_row, b);
    _mm_storeu_ps(y + 2 * y_row, c), _mm_storeu_ps(y + 3 * y_row, d);
}

#elif defined(__aarch64__)
#include <arm_neon.h>
#define DC__FAST 1

DC__INLINE void dc__transpose4(const float *x, int64_t x_row, float *y, int64_t y_row) {
    float32x4x2_t ab = vtrnq_f32(vld1q_f32(x), vld1q_f32(x + x_row));
    float32x4x2_t cd = vtrnq_f32(vld1q_f32(x + 2 * x_row), vld1q_f32(x + 3 * x_row));
    for (int i = 0; i < 2; i++) {
        vst1q_f32(y + i * y_row,
                  vcombine_f32(vget_low_f32(ab.val[i]), vget_low_f32(cd.val[i])));
        vst1q_f32(y + (i + 2) * y_row,
                  vcombine_f32(vget_high_f32(ab.val[i]), vget_high_f32(cd.val[i])));
    }
}

/* Intel's names for what the matrix product needs. */
static inline float32x4_t dc__neon_setzero(void) { return vdupq_n_f32(0); }
static inline float32x4_t dc__neon_set1(float x) { return vdupq_n_f32(x); }
static inline float32x4_t dc__neon_loadu(const float *x) { return vld1q_f32(x); }
static inline void dc__neon_storeu(float *x, float32x4_t v) { vst1q_f32(x, v); }
static inline float32x4_t dc__neon_add(float32x4_t a, float32x4_t b) { return vaddq_f32(a, b); }
static inline float32x4_t dc__neon_fmadd(float32x4_t a, float32x4_t b, float32x4_t c) {
    return vfmaq_f32(c, a, b);
}
#endif
#ifdef DC__FAST
#if !__has_include("deepc.h")
#error "deepc: this file includes itself: keep the name deepc.h, or define DEEPC_NO_FAST."
#endif
#ifdef __clang__
#define DC__UNROLL                               /* Clang unrolls short loops anyway. */
#else
#define DC__UNROLL _Pragma("GCC unroll 16")
#pragma GCC push_options
#pragma GCC optimize("O2", "tree-vectorize", "vect-cost-model=dynamic")
#pragma GCC optimize("no-math-errno", "no-trapping-math")
#endif
#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define DC__SUFFIX avx2
#define DC__LOOPS  avx2
#define DC__VECTOR __m256
#define DC__V(operation) _mm256_##operation##_ps
#define DC__WIDTH 8
#define DC__ROWS  6                              /* 12 sums, 2 of B and 1 of A: 16 registers. */
#include "deepc.h"
#undef DC__ROWS
#define DC__PRODUCT_ONLY
#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f")
#endif
#define DC__SUFFIX avx512
#define DC__LOOPS  avx2
#define DC__VECTOR __m512
#define DC__V(operation) _mm512_##operation##_ps
#define DC__WIDTH 16
#define DC__ROWS  8
#include "deepc.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#else
#define DC__PRODUCT_ONLY
#define DC__SUFFIX neon
#define DC__LOOPS  plain
#define DC__VECTOR float32x4_t
#define DC__V(operation) dc__neon_##operation
#define DC__WIDTH 4
#define DC__ROWS  8
#include "deepc.h"
#endif
#ifndef __clang__
#pragma GCC pop_options
#endif
#undef DC__PRODUCT_ONLY
#undef DC__ROWS
#undef DC__FAST
#endif

/* From the best that the processor has to the plain loops. */
static const dc__kernels *dc__fast_kernels(const char *wanted) {
    const dc__kernels *have[3] = { NULL };
    int count = 0;
#ifdef DC__UNROLL
#ifdef __x86_64__
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f")) have[count++] = &dc__kernels_avx512;
    if (avx2) have[count++] = &dc__kernels_avx2;
#else
    have[count++] = &dc__kernels_neon;
#endif
#undef DC__UNROLL
#endif
    if (!wanted) return count ? have[0] : &dc__kernels_plain;
    for (int i = 0; i < count; i++) if (!strcmp(have[i]->name, wanted)) return have[i];
    return NULL;
}

#ifndef __clang__
#pragma GCC pop_options                          /* Of @impl-arithmetic. */
#endif
#ifdef DC__OWN_API
#pragma GCC diagnostic pop
#endif
#undef DC__CALL
#define DC__CALL(f, ...) (dc__at(__FILE__, __LINE__), f(__VA_ARGS__))
#endif /* DEEPC_IMPLEMENTATION */
#ifdef DC__VECTOR                                /* Compiled by the appendix, for each vector. */

enum {
    DC__FN(panel) = 2 * DC__WIDTH,         /* How many columns of B are worked on at once, */
    DC__FN(wide)  = 6,                     /* or vectors of columns where A has a single row. */
};

/* C's block of `rows` by `vectors`, over one chunk of k: both are constants where this is inlined,
 * so the sums stay in registers. b has b_row elements between its rows; edge: how many columns are
 * wanted. */
static inline __attribute__((always_inline)) void DC__FN(block)(
    int rows, int vectors, int64_t depth, const float *a, int64_t a_row, const dc__runs *column,
    const float *b, int64_t b_row, float *c, int64_t c_row, int64_t edge, bool add) {
    DC__VECTOR sum[DC__ROWS][DC__FN(wide)], x, y[DC__FN(wide)];
    DC__UNROLL for (int i = 0; i < rows; i++) {
        __builtin_prefetch(c + i * c_row, 1);
        DC__UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = DC__V(setzero)();
    }
    const int64_t step = column->step, *start = column->start;
    for (int64_t first = column->first, length; depth > 0; depth -= length, first = 0, start++) {
        length = column->run - first < depth ? column->run - first : depth;
        const float *from = a + *start + first * step;
        for (int64_t p = 0; p < length; p++, from += step, b += b_row) {
            DC__UNROLL for (int v = 0; v < vectors; v++) y[v] = DC__V(loadu)(b + v * DC__WIDTH);
            DC__UNROLL for (int i = 0; i < rows; i++) {
                x = DC__V(set1)(from[i * a_row]);
                DC__UNROLL for (int v = 0; v < vectors; v++)
                    sum[i][v] = DC__V(fmadd)(x, y[v], sum[i][v]);
            }
        }
    }
    float line[DC__ROWS * DC__FN(wide) * DC__WIDTH], *to = c;
    bool whole = edge >= vectors * DC__WIDTH;
    DC__UNROLL for (int i = 0; i < rows; i++) {
        to = whole ? c + i * c_row : line + i * vectors * DC__WIDTH;
        DC__UNROLL for (int v = 0; v < vectors; v++, to += DC__WIDTH)
            DC__V(storeu)(to, add && whole ? DC__V(add)(DC__V(loadu)(to), sum[i][v]) : sum[i][v]);
    }
    for (int i = 0; i < rows && !whole; i++, c += c_row) {
        const float *from = line + i * vectors * DC__WIDTH;
        for (int64_t j = 0; j < edge; j++) c[j] = add ? c[j] + from[j] : from[j];
    }
}

/* All rows of A times one panel of B. As few blocks as possible, and all of nearly one height: a
 * block of 1 or 2 rows would wait for its own sums. */
static void DC__FN(times_panel)(int64_t m, int64_t depth, const dc__patches *a, const float *b,
                                int64_t b_row, float *c, const dc__runs *c_row, int64_t edge,
                                bool add) {
    const int64_t row = a->row.step, to_row = c_row->step, run = a->row.run;
    for (int64_t s = 0, first = a->row.first, left; m > 0; m -= left, first = 0, s++) {
        left = run - first < m ? run - first : m;
        const float *from = a->data + a->row.start[s] + first * row;
        float *to = c + c_row->start[s] + first * to_row;
        int64_t rest = left;
        for (int64_t blocks = (left + DC__ROWS - 1) / DC__ROWS; blocks > 0; blocks--) {
            int64_t rows = (rest + blocks - 1) / blocks;
#define DC__CASE(R) case R:                                                                        \
            if (edge > DC__WIDTH) DC__FN(block)(R, 2, depth, from, row, &a->column, b, b_row, to,  \
                                                to_row, edge, add);                                \
            else                  DC__FN(block)(R, 1, depth, from, row, &a->column, b, b_row, to,  \
                                                to_row, edge, add);                                \
            break;
            switch (rows) {
            DC__CASE(1) DC__CASE(2) DC__CASE(3) DC__CASE(4) DC__CASE(5) DC__CASE(6)
#if DC__ROWS > 6
            DC__CASE(7) DC__CASE(8)
#endif
            }
#undef DC__CASE
            rest -= rows, from += rows * row, to += rows * to_row;
        }
    }
}

/* Copies one panel of B, its rows side by side and padded with zeros. The panel behind it is asked
 * for at the same time: it may be on its way from memory while this one is worked on. */
static void DC__FN(copy_panel)(int64_t depth, int64_t columns, dc__matrix b, float *panel) {
    enum { WHOLE = DC__FN(panel) };
    int64_t deep = b.row == 1 ? depth / 4 * 4 : 0, wide = b.row == 1 ? columns / 4 * 4 : 0;
    if (columns < WHOLE) memset(panel, 0, (size_t)(depth * WHOLE) * sizeof *panel);
    for (int64_t p = 0; p < deep; p += 4)
        for (int64_t j = 0; j < wide; j += 4)
            dc__transpose4(b.data + j * b.column + p, b.column, panel + p * WHOLE + j, WHOLE);
    for (int64_t p = 0; p < depth; p++, panel += WHOLE) {
        const float *row = b.data + p * b.row;
        int64_t j = p < deep ? wide : 0;
        if (b.column == 1) __builtin_prefetch(row + WHOLE);
        for (; b.column == 1 && j + DC__WIDTH <= columns; j += DC__WIDTH)
            DC__V(storeu)(panel + j, DC__V(loadu)(row + j));
        for (; j < columns; j++) panel[j] = row[j * b.column];
    }
}

static void DC__FN(tile)(int64_t m, int64_t n, int64_t k, const dc__patches *a, dc__matrix b,
                         dc_real *c, const dc__runs *c_row, bool add) {
    enum { WHOLE = DC__FN(panel), WIDE = DC__FN(wide) * DC__WIDTH };
    float panel[DC__CHUNK * WHOLE] __attribute__((aligned(64)));
    const float *x = a->data + a->row.start[0] + a->row.first * a->row.step;
    float *to = c + c_row->start[0] + c_row->first * c_row->step;
    int64_t j = 0;
    for (; m == 1 && b.column == 1 && j + WIDE <= n; j += WIDE)
        DC__FN(block)(1, DC__FN(wide), k, x, 0, &a->column, b.data + j, b.row, to + j, 0, WIDE,
                      add);
    for (; j < n; j += WHOLE) {
        int64_t edge = n - j < WHOLE ? n - j : WHOLE;
        dc__matrix y = { b.data + j * b.column, b.row, b.column };
        if (m > DC__ROWS || b.column != 1 || edge % DC__WIDTH) {
            DC__FN(copy_panel)(k, edge, y, panel);
            y = (dc__matrix){ panel, WHOLE, 1 };
        }
        DC__FN(times_panel)(m, k, a, y.data, y.row, c + j, c_row, edge, add);
    }
}
#undef DC__SUFFIX
#undef DC__LOOPS
#undef DC__VECTOR
#undef DC__V
#undef DC__WIDTH
#endif /* DC__VECTOR */
